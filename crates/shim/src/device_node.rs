//! The name /dev/kvm: which paths mean it, and what stat says of it. Nothing has to exist there.
//! Truth: path_resolution(7), stat(2), statx(2); misc device 232 of Linux.

use core::ffi::{CStr, c_char, c_int};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::inside::inside;

const NODE: &str = "/dev/kvm";
const MAJOR: u32 = 10;
const MINOR: u32 = 232;
/// A character device that all may read and write.
const MODE: u32 = libc::S_IFCHR | 0o666;

/// Whether `path`, from `folder` on, means /dev/kvm.
///
/// # Safety
/// The path is null or a string that ends with zero.
pub(crate) unsafe fn is_meant(folder: c_int, path: *const c_char) -> bool {
    if path.is_null() {
        return false;
    }
    // SAFETY: the caller's string.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    if path == NODE.as_bytes() {
        return true;
    }
    // The many other paths are told from it by their ends.
    path.ends_with(b"kvm") && inside(|| whole(folder, Path::new(OsStr::from_bytes(path)))) == Some(PathBuf::from(NODE))
}

/// The path from the root on, without detours. Symbolic links are taken as they are.
fn whole(folder: c_int, path: &Path) -> Option<PathBuf> {
    let mut whole = match (path.is_absolute(), folder) {
        (true, _) => PathBuf::from("/"),
        (false, libc::AT_FDCWD) => std::env::current_dir().ok()?,
        (false, folder) => std::fs::read_link(format!("/proc/self/fd/{folder}")).ok()?,
    };
    for component in path.components() {
        match component {
            Component::ParentDir => {
                whole.pop();
            }
            Component::Normal(name) => whole.push(name),
            _ => {}
        }
    }
    Some(whole)
}

/// What stat says, over what it says of another device.
pub(crate) fn describe(stat: &mut libc::stat) {
    stat.st_mode = MODE;
    stat.st_rdev = libc::makedev(MAJOR, MINOR);
    stat.st_ino = u64::from(MINOR);
    stat.st_nlink = 1;
    stat.st_size = 0;
    stat.st_blocks = 0;
}

/// What statx says, over what it says of another device.
pub(crate) fn describe_x(stat: &mut libc::statx) {
    stat.stx_mode = MODE as u16;
    stat.stx_rdev_major = MAJOR;
    stat.stx_rdev_minor = MINOR;
    stat.stx_ino = u64::from(MINOR);
    stat.stx_nlink = 1;
    stat.stx_size = 0;
    stat.stx_blocks = 0;
}

/// The device that lends what else there is to say, times for instance.
pub(crate) const MODEL: &CStr = c"/dev/null";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detours_are_seen_through() {
        for path in ["/dev/kvm", "//dev//kvm", "/dev/./kvm", "/dev/../dev/kvm", "/tmp/../dev/kvm"] {
            assert_eq!(whole(libc::AT_FDCWD, Path::new(path)), Some(PathBuf::from(NODE)), "{path}");
        }
        for path in ["/dev/kvm/x", "/dev/xkvm", "/tmp/kvm", "/dev/kvm0"] {
            assert_ne!(whole(libc::AT_FDCWD, Path::new(path)), Some(PathBuf::from(NODE)), "{path}");
        }
    }
}
