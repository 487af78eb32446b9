//! The main job: Debian's stock s390x kernel and a static busybox, fetched as packages through the machine's own apt,
//! booted by softsie to an interactive shell, or to one command whose exit status becomes ours.
//! Truth: Debian's package archive; the kernel reads its console from SCLP (docs of the vmm crate).

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::apt::{ARCHITECTURE, Apt};
use crate::cargo::cargo;
use crate::deb;
use crate::initramfs::{self, Session};
use crate::mirror::Mirror;
use crate::progress::Step;

/// Exit status when the guest's command could not be run at all.
const NOT_RUN: u8 = 125;

/// Options of `cargo xtask linux`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub shape: Shape,
    /// A command to run in the guest; its exit status becomes this command's
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<String>,
}

/// Where packages come from.
#[derive(Args, Clone, Debug)]
pub struct Source {
    /// Debian mirror to fetch from, instead of the one this machine's apt is configured for
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Accept packages without checking the archive's signature (for machines without Debian's keyring)
    #[arg(long)]
    pub unsigned: bool,
    /// Ask the mirror for newer packages although some are cached
    #[arg(long)]
    pub update: bool,
}

/// What the guest looks like.
#[derive(Args, Clone, Debug)]
pub struct Shape {
    /// Number of CPUs of the guest
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub smp: u32,
    /// Size of the guest's storage
    #[arg(short, long, value_name = "SIZE", default_value = "1G")]
    pub memory: String,
    /// Words to add to the kernel's command line
    #[arg(long, value_name = "WORDS", default_value = "")]
    pub append: String,
    /// Print the counters of the run at its end
    #[arg(long)]
    pub stats: bool,
}

/// What the guest is made of.
pub struct Guest {
    /// Linux, as the package has it.
    pub kernel: PathBuf,
    /// The static busybox.
    pub busybox: PathBuf,
}

/// Where build outputs and caches of this repository go.
pub fn target(repository: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), PathBuf::from)
}

/// Builds softsie and says where its binary is.
pub fn build_softsie(repository: &Path) -> Result<PathBuf> {
    let status = cargo(repository)
        .args(["build", "--release", "--quiet", "--package", "softsie"])
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("softsie does not build");
    }
    Ok(target(repository).join("release").join("softsie"))
}

/// Boots the guest and returns the status this process is to end with.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    let step = Step::start("building softsie");
    let softsie = build_softsie(repository)?;
    drop(step);
    let folder = target(repository).join("linux");
    let guest = match fetch(&folder, &options.source) {
        Ok(guest) => guest,
        Err(error) => {
            eprintln!("Debian's packages cannot be fetched ({error:#}): starting the embedded guest instead");
            let status = start(Command::new(&softsie).arg("run"))?;
            return Ok(if options.command.is_empty() { status } else { NOT_RUN });
        }
    };
    boot(&softsie, &folder, &guest, options)
}

/// Boots `guest` as `options` say.
fn boot(softsie: &Path, folder: &Path, guest: &Guest, options: &Options) -> Result<u8> {
    let session = Session::new(terminal(), &options.command);
    let busybox = fs::read(&guest.busybox).with_context(|| format!("cannot read {}", guest.busybox.display()))?;
    let initrd = InitialRamdisk::new(folder, &[&initramfs::build(&busybox, &session)])?;
    start(&mut machine(softsie, &guest.kernel, &initrd, &session, &options.shape))
}

/// An initial ramdisk in a file that lasts as long as this value.
pub struct InitialRamdisk(PathBuf);

impl InitialRamdisk {
    /// Writes `archives` below `folder`, one after the other: Linux unpacks them in this order.
    pub fn new(folder: &Path, archives: &[&[u8]]) -> Result<Self> {
        let path = folder.join(format!("initramfs-{}.cpio", std::process::id()));
        let write =
            || archives.iter().try_fold(File::create(&path)?, |mut file, part| file.write_all(part).map(|()| file));
        write().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for InitialRamdisk {
    fn drop(&mut self) {
        // Made anew for each run; nothing is lost where it cannot be removed.
        let _ = fs::remove_file(&self.0);
    }
}

/// The command that boots `kernel` for `session`.
pub fn machine(softsie: &Path, kernel: &Path, initrd: &InitialRamdisk, session: &Session, shape: &Shape) -> Command {
    let mut command = Command::new(softsie);
    command.arg("run").arg("--kernel").arg(kernel).arg("--initrd").arg(&initrd.0);
    command.args(["-m", &shape.memory, "--smp", &shape.smp.to_string()]);
    // Without randomness each boot is like the other, and the kernel need not complain that this CPU offers none.
    let mut words = format!("nokaslr {}", shape.append);
    if session.command.is_some() {
        words = format!("quiet {words}");
        command.args(["--status-marker", &session.marker]);
    }
    command.args(["--append", words.trim()]);
    if shape.stats {
        command.arg("--stats");
    }
    command
}

/// Runs `command` to its end; its exit status becomes ours.
pub fn start(command: &mut Command) -> Result<u8> {
    let status = command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(NOT_RUN))
}

/// The kernel and the busybox of the cache, fetched first where they are missing.
pub fn fetch(folder: &Path, source: &Source) -> Result<Guest> {
    if !source.update
        && let Some(guest) = cached(folder)
    {
        return Ok(guest);
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let folder = &fs::canonicalize(folder).with_context(|| format!("cannot open {}", folder.display()))?;
    let step = Step::start("reading Debian's list of s390x packages");
    let archive = Archive::open(folder, source)?;
    let kernel = archive.dependency("linux-image-s390x", "linux-image-")?;
    step.done(&format!("Debian's current kernel is {kernel}"));
    for package in [kernel.as_str(), "busybox-static"] {
        let step = Step::start(&format!("downloading {package}"));
        let file = archive.download(package, &folder.join("packages"))?;
        let size = fs::metadata(&file).map_or(0, |metadata| metadata.len());
        step.done(&format!("downloaded {package} ({:.1} MB)", mega(size)));
        let step = Step::start(&format!("unpacking {package}"));
        let unpacked = folder.join("unpacked").join(package);
        if unpacked.exists() {
            fs::remove_dir_all(&unpacked).with_context(|| format!("cannot remove {}", unpacked.display()))?;
        }
        deb::unpack(&file, &unpacked)?;
        drop(step);
    }
    let image = find(&folder.join("unpacked").join(&kernel).join("boot"), "vmlinuz-")?;
    let busybox = folder.join("unpacked/busybox-static/usr/bin/busybox");
    let busybox = if busybox.exists() { busybox } else { folder.join("unpacked/busybox-static/bin/busybox") };
    // Copied last and under their final names only when whole: the cache is either complete or absent.
    for (from, name) in [(&image, "vmlinuz"), (&busybox, "busybox")] {
        let partial = folder.join(format!("{name}.partial"));
        fs::copy(from, &partial).with_context(|| format!("the package holds no {}", from.display()))?;
        fs::rename(&partial, folder.join(name)).with_context(|| format!("cannot write {name}"))?;
    }
    cached(folder).context("the packages hold no kernel or no busybox")
}

/// How packages are fetched.
enum Archive {
    Apt(Apt),
    Mirror(Mirror),
}

impl Archive {
    fn open(folder: &Path, source: &Source) -> Result<Self> {
        if Apt::is_installed() {
            return Ok(Self::Apt(Apt::open(
                &folder.join("apt"),
                ARCHITECTURE,
                source.mirror.as_deref(),
                source.unsigned,
            )?));
        }
        match &source.mirror {
            None => bail!("this machine has no apt-get: name a Debian mirror with --mirror URL"),
            Some(_) if !source.unsigned => {
                bail!("without apt-get the archive's signature cannot be checked: accept that with --unsigned")
            }
            Some(url) => Ok(Self::Mirror(Mirror::open(url, folder)?)),
        }
    }

    fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        match self {
            Self::Apt(apt) => apt.dependency(package, prefix),
            Self::Mirror(mirror) => mirror.dependency(package, prefix),
        }
    }

    fn download(&self, package: &str, folder: &Path) -> Result<PathBuf> {
        match self {
            Self::Apt(apt) => apt.download(package, folder),
            Self::Mirror(mirror) => mirror.download(package, folder),
        }
    }
}

fn cached(folder: &Path) -> Option<Guest> {
    let guest = Guest { kernel: folder.join("vmlinuz"), busybox: folder.join("busybox") };
    (guest.kernel.exists() && guest.busybox.exists()).then_some(guest)
}

fn find(folder: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let matching =
        |path: &PathBuf| path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(prefix));
    match entries.flatten().map(|entry| entry.path()).find(matching) {
        Some(path) => Ok(path),
        None => bail!("no {prefix}* in {}", folder.display()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people, one digit after the point")]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Name and size of the terminal we stand on, if both ends are one.
pub fn terminal() -> Option<(String, u16, u16)> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return None;
    }
    let name = std::env::var("TERM").unwrap_or_else(|_| "linux".to_owned());
    let output = Command::new("stty").arg("size").stdin(Stdio::inherit()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    // A terminal that does not know its size says zero.
    let mut numbers = text.split_whitespace().map(|word| word.parse().ok().filter(|number| *number > 0));
    let (rows, columns) = (numbers.next().flatten().unwrap_or(24), numbers.next().flatten().unwrap_or(80));
    Some((name, rows, columns))
}
