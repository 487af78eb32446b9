//! Guests of guests: Debian's kernel in softsie loads its own KVM and boots Debian's kernel in Debian's QEMU, once or several
//! times over. Truth: docs/nested.md; Debian's packages qemu-system-s390x and linux-image.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cpio::Archive;
use crate::initramfs::{self, Session};
use crate::linux::{self, Guest, InitialRamdisk, Shape, Source};
use crate::{qemu_client, rootfs};

/// Options of `cargo xtask nested`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// How many hypervisors run inside each other in softsie
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=4))]
    levels: u8,
    /// Number of CPUs of every guest
    #[arg(long, value_name = "N", default_value_t = 2)]
    smp: u32,
    /// Words to add to the kernel's command line of the outermost guest
    #[arg(long, value_name = "WORDS", default_value = "")]
    append: String,
    /// Print the counters of the run at its end
    #[arg(long)]
    stats: bool,
    /// A package for the innermost guest, with all it depends on (more than once, or separated by commas)
    #[arg(long = "package", value_name = "NAME", value_delimiter = ',')]
    packages: Vec<String>,
    /// A command to run in the innermost guest; its exit status becomes this command's
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// What a host needs besides busybox.
const PACKAGES: [&str; 1] = ["qemu-system-s390x"];
/// The KVM module, below the kernel's modules.
const KVM: &str = "arch/s390/kvm/kvm";
/// Modules of the innermost guest, in this order: it has a disk and a network, by virtio.
const MODULES: [&str; 4] =
    ["drivers/block/virtio_blk", "net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net"];
/// Megabytes of the innermost guest's storage, and how much more each host has than its guest: it holds the guest, and a root
/// file system in storage twice over, packed and unpacked.
const INNERMOST: u32 = 512;
const HOST: u32 = 1024;

/// Boots one guest in the other.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    let target = linux::target(repository);
    let guest = linux::fetch(&target.join("linux"), &options.source)?;
    let user_land = rootfs::guest_user_land(&target, &options.source, &PACKAGES.map(str::to_owned))?;
    let base = rootfs::archive(&user_land, &guest.busybox, &[])?;
    let module = qemu_client::module(&target.join("linux/unpacked"), KVM)?;
    let busybox = fs::read(&guest.busybox).with_context(|| format!("cannot read {}", guest.busybox.display()))?;
    let kernel = fs::read(&guest.kernel).with_context(|| format!("cannot read {}", guest.kernel.display()))?;
    // From the inside to the outside: each host has its guest's initial ramdisk among its files.
    let innermost = Session::new(linux::terminal(), &options.command);
    let mut modules = Archive::new();
    modules.directory("softsie/modules", 0o755);
    for (n, name) in MODULES.iter().enumerate() {
        let code = qemu_client::module(&target.join("linux/unpacked"), name)?;
        modules.file(&format!("softsie/modules/{n:02}.ko"), 0o644, &code);
    }
    let mut ramdisk = if options.packages.is_empty() {
        initramfs::build(&busybox, &innermost)
    } else {
        let user_land = rootfs::guest_user_land(&target, &options.source, &options.packages)?;
        [rootfs::archive(&user_land, &guest.busybox, &[])?, initramfs::about(&innermost)].concat()
    };
    ramdisk.extend(modules.finish());
    let mut memory = INNERMOST + twice(&ramdisk);
    for level in (1..=options.levels).rev() {
        let mut files = Archive::new();
        files.directory("guest", 0o755);
        files.file("guest/kvm.ko", 0o644, &module);
        files.file("guest/vmlinuz", 0o644, &kernel);
        files.file("guest/initrd.cpio", 0o644, &ramdisk);
        let nests = level < options.levels;
        files.file("guest/start", 0o755, start(options.smp, memory, nests, !options.command.is_empty()).as_bytes());
        let session = Session::new(linux::terminal(), &["sh".to_owned(), "/guest/start".to_owned()]);
        let held = twice(&ramdisk);
        ramdisk = [base.as_slice(), &files.finish(), &initramfs::about(&session)].concat();
        memory += HOST + held;
    }
    boot(repository, &guest, options, &ramdisk, memory, innermost)
}

/// Megabytes for an initial ramdisk packed and unpacked.
fn twice(ramdisk: &[u8]) -> u32 {
    2 * (ramdisk.len() >> 20) as u32
}

/// The script by which a host starts its guest.
fn start(smp: u32, memory: u32, nests: bool, quiet: bool) -> String {
    let nested = u8::from(nests);
    let words = if quiet { "quiet nokaslr" } else { "nokaslr" };
    format!(
        "insmod /guest/kvm.ko nested={nested} || exit 125\n\
         truncate -s 64M /guest/disk\n\
         exec qemu-system-s390x -accel kvm -smp {smp} -m {memory} -nodefaults -nographic \\\n\
         -chardev stdio,id=console,signal=off,mux=on -device sclpconsole,chardev=console \\\n\
         -drive file=/guest/disk,format=raw,if=none,id=disk -device virtio-blk-ccw,drive=disk \\\n\
         -netdev user,id=net -device virtio-net-ccw,netdev=net \\\n\
         -kernel /guest/vmlinuz -initrd /guest/initrd.cpio -append '{words} console=ttysclp0'\n"
    )
}

fn boot(
    repository: &Path,
    guest: &Guest,
    options: &Options,
    ramdisk: &[u8],
    memory: u32,
    innermost: Session,
) -> Result<u8> {
    let target = linux::target(repository);
    let softsie = linux::build_softsie(repository)?;
    let initrd = InitialRamdisk::new(&target, &[ramdisk])?;
    let shape =
        Shape { smp: options.smp, memory: format!("{memory}M"), append: options.append.clone(), stats: options.stats };
    // The innermost guest's status comes through all consoles.
    let status = linux::start(&mut linux::machine(&softsie, &guest.kernel, &initrd, &innermost, &shape))?;
    if status != 0 && options.command.is_empty() {
        bail!("softsie ended with status {status}");
    }
    Ok(status)
}
