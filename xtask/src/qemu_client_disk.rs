//! The root disk of the QEMU client's longer tests: Debian packages for s390x with a compiler in an ext4 file system, made
//! without root. The initial ramdisk of `qemu_client.rs` goes on to its /softsie/init.
//! Truth: mke2fs(8), `-d`; the kernel parameter root=.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::linux::{Guest, Source};
use crate::progress::Step;
use crate::rootfs;
use crate::userland::UserLand;

/// The name of the file.
pub const NAME: &str = "root.ext4";
/// What the guest compiles with, and what keeps it busy.
const PACKAGES: [&str; 5] = ["gcc", "libc6-dev", "stress", "coreutils", "diffutils"];
/// The size of the file system, most of which is free.
const SIZE: &str = "1G";
/// The first process of the disk.
const INIT: &str = include_str!("qemu_client_disk_init.sh");

/// Makes the disk in `folder`, if it is not there.
pub fn make(repository: &Path, target: &Path, folder: &Path, guest: &Guest, source: &Source) -> Result<()> {
    let disk = folder.join(NAME);
    if disk.exists() && !source.update {
        return Ok(());
    }
    let user_land = rootfs::guest_user_land(target, source, &PACKAGES.map(str::to_owned))?;
    let step = Step::start("making the root disk");
    let tree = folder.join("root");
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    }
    link_tree(&user_land.root, &tree, Path::new(""))?;
    let own = tree.join("softsie");
    fs::create_dir_all(own.join("bin")).with_context(|| format!("cannot create {}", own.display()))?;
    fs::copy(&guest.busybox, own.join("busybox")).context("cannot copy busybox")?;
    fs::write(own.join("init"), INIT).context("cannot write the disk's first program")?;
    for program in ["busybox", "init"] {
        fs::set_permissions(own.join(program), fs::Permissions::from_mode(0o755))?;
    }
    // What the guest compiles: the programs of `cargo xtask bench`.
    let sources = own.join("guest");
    fs::create_dir_all(&sources)?;
    for entry in fs::read_dir(repository.join("benches/guest")).context("cannot read benches/guest")?.flatten() {
        fs::copy(entry.path(), sources.join(entry.file_name())).context("cannot copy the guest's programs")?;
    }
    // Under its final name only when whole.
    let partial = folder.join("root.partial");
    let mut mke2fs = Command::new("mke2fs");
    let path = std::env::var_os("PATH").unwrap_or_default();
    mke2fs.env("PATH", [path, "/usr/sbin:/sbin".into()].join(std::ffi::OsStr::new(":")));
    mke2fs.args(["-q", "-F", "-t", "ext4", "-E", "root_owner=0:0", "-d"]).arg(&tree).arg(&partial).arg(SIZE);
    let output = mke2fs.output().context("cannot run mke2fs: is e2fsprogs installed?")?;
    if !output.status.success() {
        bail!("mke2fs cannot make the root disk: {}", String::from_utf8_lossy(&output.stderr));
    }
    fs::rename(&partial, &disk).with_context(|| format!("cannot write {}", disk.display()))?;
    fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    step.done(&format!("the root disk is {}", disk.display()));
    Ok(())
}

/// Links what is in the folder `at` below `from` into the same place below `to`, without what no guest needs.
fn link_tree(from: &Path, to: &Path, at: &Path) -> Result<()> {
    let folder = to.join(at);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let entries = fs::read_dir(from.join(at)).with_context(|| format!("cannot read {}", from.join(at).display()))?;
    for entry in entries.flatten() {
        let at = at.join(entry.file_name());
        let (source, place) = (entry.path(), to.join(&at));
        let kind = entry.file_type()?;
        if at.to_str().is_some_and(UserLand::is_ballast) {
        } else if kind.is_dir() {
            link_tree(from, to, &at)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &place).with_context(|| format!("cannot link {}", place.display()))?;
        } else {
            fs::hard_link(&source, &place).with_context(|| format!("cannot link {}", place.display()))?;
        }
    }
    Ok(())
}
