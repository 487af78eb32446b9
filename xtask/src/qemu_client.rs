//! QEMU as a KVM client: Debian's QEMU source package, built unchanged as a program of this host with its s390x KVM client
//! and nothing that translates, run with softsie below /dev/kvm. Built once, then kept in target/qemu-client.
//! Truth: QEMU's configure and meson.build; docs/kvm-clients.md.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::available_parallelism;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::apt::{ARCHITECTURE, Apt};
use crate::cargo::cargo;
use crate::cpio::Archive;
use crate::linux::{self, Guest, Source};
use crate::progress::Step;
use crate::{deb, initramfs, qemu_client_disk};

/// What the program is called.
const PROGRAM: &str = "qemu-system-s390x";
/// QEMU's meson, which Debian's releases have older or newer.
const PYTHON_PACKAGES: [&str; 3] = ["meson==1.5.0", "pycotap", "ninja"];
/// Libraries, by pkg-config's names, and the Debian packages to build against them.
const LIBRARIES: [&str; 3] = ["glib-2.0", "slirp", "zlib"];
const LIBRARY_PACKAGES: [&str; 4] = ["libglib2.0-dev", "libslirp-dev", "zlib1g-dev", "pkg-config"];
/// Headers of this host that must come before those of s390: numbers of system calls and the like, which QEMU's own
/// threads use. asm/kvm.h is left to be s390's.
const HOST_HEADERS: [&str; 6] = ["unistd.h", "unistd_32.h", "unistd_64.h", "unistd_x32.h", "bitsperlong.h", "mman.h"];
/// Parts of QEMU: everything is off but what the tests use.
const OPTIONS: [&str; 15] = [
    "--cpu=s390x",
    "--host-cc=gcc",
    "--target-list=s390x-softmmu",
    "--without-default-features",
    "--enable-kvm",
    "--disable-tcg",
    "--enable-slirp",
    "--enable-virtfs",
    "--enable-attr",
    "--disable-fdt",
    "--disable-tools",
    "--disable-docs",
    // Debian's source package is without them.
    "--disable-install-blobs",
    "--disable-werror",
    "--disable-debug-info",
];
/// Modules of Debian's kernel that the guest loads, in this order.
const MODULES: [&str; 15] = [
    "drivers/block/virtio_blk",
    "net/core/failover",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
    "drivers/char/hw_random/virtio-rng",
    "drivers/virtio/virtio_balloon",
    "fs/netfs/netfs",
    "net/9p/9pnet",
    "fs/9p/9p",
    "net/9p/9pnet_virtio",
    "crypto/crc32c_generic",
    "lib/crc16",
    "fs/mbcache",
    "fs/jbd2/jbd2",
    "fs/ext4/ext4",
];
/// The guest's first process.
const INIT: &str = include_str!("qemu_client_init.sh");

/// Options of `cargo xtask qemu-client`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// Run the tests that have QEMU as their client
    #[arg(long)]
    test: bool,
    /// Build only
    #[arg(long)]
    build: bool,
    /// Also make the root disk of the longer tests: an ext4 file system with a compiler
    #[arg(long)]
    disk: bool,
    /// Number of CPUs of the guest
    #[arg(long, value_name = "N", default_value_t = 2)]
    smp: u32,
    /// More arguments for QEMU
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

/// Builds what is missing, and boots Debian's kernel, or runs the tests.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    let (folder, guest) = provide(repository, &options.source)?;
    if options.disk {
        qemu_client_disk::make(repository, &linux::target(repository), &folder, &guest, &options.source)?;
    }
    let softsie = build_softsie(repository)?;
    if options.build {
        return Ok(0);
    }
    if options.test {
        let mut tests = cargo(repository);
        tests.args([
            "test",
            "--package",
            "softsie-tests",
            "--test",
            "qemu_client",
            "--",
            "--test-threads=1",
            "--nocapture",
        ]);
        return crate::cargo::status(tests);
    }
    let mut qemu = Command::new(softsie);
    qemu.args(["kvm", "--"]).arg(folder.join(PROGRAM)).arg("-L").arg(folder.join("firmware"));
    qemu.args(["-accel", "kvm", "-nodefaults", "-nographic", "-m", "1G", "-smp", &options.smp.to_string()]);
    qemu.args(["-chardev", "stdio,id=console,signal=off,mux=on", "-device", "sclpconsole,chardev=console"]);
    qemu.arg("-kernel").arg(folder.join("vmlinuz")).arg("-initrd").arg(folder.join("initrd.cpio"));
    qemu.args(["-append", "nokaslr quiet console=ttysclp0"]).args(&options.arguments);
    linux::start(&mut qemu)
}

/// Gets or builds what QEMU needs; where it is, and what its guest is made of.
fn provide(repository: &Path, source: &Source) -> Result<(PathBuf, Guest)> {
    let target = linux::target(repository);
    let folder = target.join("qemu-client");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let folder = fs::canonicalize(&folder).with_context(|| format!("cannot open {}", folder.display()))?;
    let guest = linux::fetch(&target.join("linux"), source)?;
    prepare(&folder, &guest, &target, source)?;
    Ok((folder, guest))
}

/// Builds softsie and its preload library; where the former is.
fn build_softsie(repository: &Path) -> Result<PathBuf> {
    let _step = Step::start("building softsie and its preload library");
    let softsie = linux::build_softsie(repository)?;
    let built = cargo(repository).args(["build", "--release", "--quiet", "--package", "softsie-shim"]).status();
    if !built.context("cannot run cargo")?.success() {
        bail!("the preload library does not build");
    }
    Ok(softsie)
}

/// For the tests that have QEMU as their client: says why they cannot be run, if they cannot.
pub fn provide_for_tests(repository: &Path, source: &Source) -> Result<Option<anyhow::Error>> {
    build_softsie(repository)?;
    Ok(provide(repository, source).err())
}

/// Makes the folder complete: the program, its firmware, the kernel and an initial ramdisk.
fn prepare(folder: &Path, guest: &Guest, target: &Path, source: &Source) -> Result<()> {
    fs::copy(&guest.kernel, folder.join("vmlinuz")).context("cannot copy the kernel")?;
    let ramdisk = ramdisk(guest, &target.join("linux/unpacked"))?;
    fs::write(folder.join("initrd.cpio"), ramdisk).context("cannot write the initial ramdisk")?;
    if folder.join(PROGRAM).exists() && folder.join("firmware/s390-ccw.img").exists() {
        return Ok(());
    }
    let machine = std::env::consts::ARCH;
    if machine != "x86_64" {
        bail!("QEMU's s390x KVM client is built on x86-64 only, not on {machine}");
    }
    libraries()?;
    let step = Step::start("reading Debian's list of packages");
    let apt = Apt::open(&folder.join("apt"), ARCHITECTURE, source.mirror.as_deref(), source.unsigned)?;
    step.done("Debian's packages are known");
    let step = Step::start("downloading QEMU's firmware and source");
    let data = apt.download("qemu-system-data", &folder.join("packages"))?;
    deb::unpack(&data, &folder.join("unpacked"))?;
    fs::create_dir_all(folder.join("firmware"))?;
    fs::copy(folder.join("unpacked/usr/share/qemu/s390-ccw.img"), folder.join("firmware/s390-ccw.img"))
        .context("the package qemu-system-data holds no s390-ccw.img")?;
    let archive = apt.download_source("qemu", &folder.join("packages"))?;
    step.done(&format!("downloaded {}", archive.display()));
    build(folder, &archive)
}

/// Looks for the libraries that QEMU needs; installs Debian's packages of them where we may.
fn libraries() -> Result<()> {
    let present = || {
        let probe = Command::new("pkg-config").arg("--exists").args(LIBRARIES).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    };
    if present() {
        return Ok(());
    }
    eprintln!("== installing {}", LIBRARY_PACKAGES.join(" "));
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(LIBRARY_PACKAGES);
    for arguments in [&["update"][..], &install] {
        // A failed update does no harm where the packages can be installed all the same.
        let _ = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
    }
    if !present() {
        bail!("QEMU cannot be built without {}: install them (as root) and try again", LIBRARY_PACKAGES.join(" "));
    }
    Ok(())
}

/// Builds the program from the source in `archive`.
fn build(folder: &Path, archive: &Path) -> Result<()> {
    let (tree, output) = (folder.join("source"), folder.join("build"));
    for old in [&tree, &output] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
        fs::create_dir_all(old).with_context(|| format!("cannot create {}", old.display()))?;
    }
    let log = folder.join("build.log");
    let step = Step::start("unpacking QEMU");
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(archive).arg("--directory").arg(&tree).arg("--strip-components=1");
    logged(&mut tar, &log)?;
    drop(step);
    let step = Step::start("fetching meson");
    let python = folder.join("python");
    logged(Command::new("python3").args(["-m", "venv"]).arg(&python), &log).context("is python3-venv installed?")?;
    logged(Command::new(python.join("bin/pip")).args(["install", "--quiet"]).args(PYTHON_PACKAGES), &log)?;
    drop(step);
    let step = Step::start("configuring QEMU");
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let headers = folder.join("headers");
    fs::create_dir_all(headers.join("asm"))?;
    for name in HOST_HEADERS {
        let from = Path::new("/usr/include").join(&triplet).join("asm").join(name);
        fs::copy(&from, headers.join("asm").join(name)).with_context(|| format!("there is no {}", from.display()))?;
    }
    let mut path = std::ffi::OsString::from(python.join("bin"));
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut configure = Command::new(tree.join("configure"));
    configure.current_dir(&output).env("PATH", &path).args(OPTIONS);
    configure.arg(format!("--cross-prefix={triplet}-"));
    configure.arg(format!("--python={}", python.join("bin/python3").display()));
    // Compiled once and run for minutes: the first level of optimisation is enough.
    configure.arg(format!("--extra-cflags=-I{} -O1", headers.display()));
    logged(&mut configure, &log)?;
    drop(step);
    let step = Step::start("compiling QEMU (some minutes)");
    let jobs = available_parallelism().map_or(1, usize::from).to_string();
    let mut ninja = Command::new(python.join("bin/ninja"));
    ninja.current_dir(&output).env("PATH", &path).args(["-j", &jobs, PROGRAM]);
    logged(&mut ninja, &log)?;
    // Under its final name only when whole.
    let partial = folder.join("partial");
    fs::copy(output.join(PROGRAM), &partial)?;
    fs::rename(&partial, folder.join(PROGRAM))?;
    for old in [&tree, &output] {
        fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
    }
    step.done(&format!("built {}", folder.join(PROGRAM).display()));
    Ok(())
}

/// Runs a command with its output at the end of `log`, of which a failure shows the last lines.
pub fn logged(command: &mut Command, log: &Path) -> Result<()> {
    let name = command.get_program().display().to_string();
    let file = File::options().create(true).append(true).open(log)?;
    let status = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).status();
    if status.with_context(|| format!("cannot run {name}"))?.success() {
        return Ok(());
    }
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    bail!("{name} failed; the end of {} says:\n{}", log.display(), crate::watch::last_lines(&text, 30))
}

/// The initial ramdisk: busybox, the kernel's modules, and a shell on the console.
fn ramdisk(guest: &Guest, packages: &Path) -> Result<Vec<u8>> {
    let busybox = fs::read(&guest.busybox).with_context(|| format!("cannot read {}", guest.busybox.display()))?;
    let mut archive = Archive::new();
    for name in ["bin", "dev", "mnt", "modules", "proc", "sys", "tmp"] {
        archive.directory(name, 0o755);
    }
    initramfs::foundation(&mut archive, &busybox);
    // The later of two files of a name is the one.
    archive.file("init", 0o755, INIT.as_bytes());
    for (n, module_name) in MODULES.iter().enumerate() {
        archive.file(&format!("modules/{n:02}.ko"), 0o644, &module(packages, module_name)?);
    }
    Ok(archive.finish())
}

/// A module of the kernel below the unpacked packages.
pub fn module(packages: &Path, name: &str) -> Result<Vec<u8>> {
    let path = modules(packages)?.join("kernel").join(format!("{name}.ko.xz"));
    let file = File::open(&path).with_context(|| format!("the kernel's package has no {}", path.display()))?;
    let mut code = Vec::new();
    lzma_rs::xz_decompress(&mut BufReader::new(file), &mut code)
        .map_err(|error| anyhow::anyhow!("cannot decompress {}: {error:?}", path.display()))?;
    Ok(code)
}

/// The folder of the kernel's modules below the unpacked packages.
fn modules(packages: &Path) -> Result<PathBuf> {
    let images = fs::read_dir(packages).with_context(|| format!("cannot read {}", packages.display()))?;
    let found = images.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("linux-image-"));
    let mut folders = found.flat_map(|entry| {
        let path = entry.path();
        ["usr/lib/modules", "lib/modules"]
            .map(|below| path.join(below))
            .into_iter()
            .filter_map(|path| fs::read_dir(path).ok())
    });
    let module = folders.next().and_then(|mut folder| folder.next());
    let Some(folder) = module else { bail!("no kernel with modules below {}", packages.display()) };
    Ok(folder?.path())
}
