//! An eventfd of the client, kept by a descriptor of our own.
//! Truth: eventfd(2); proc(5) for what tells eventfds from other files and from each other.

use std::io::Error;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::{Errno, Result};

/// An eventfd.
#[derive(Debug)]
pub(super) struct Eventfd {
    file: OwnedFd,
    /// The kernel's number of the eventfd, which all descriptors of it share.
    id: u64,
}

impl PartialEq for Eventfd {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eventfd {
    /// The eventfd behind a descriptor of the client: EBADF if there is none, EINVAL if it is no eventfd.
    pub(super) fn of_client(number: i32) -> Result<Self> {
        // SAFETY: makes a new descriptor, and touches no memory.
        let own = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
        if own < 0 {
            return Err(Errno(Error::last_os_error().raw_os_error().unwrap_or(Errno::EBADF.0)));
        }
        // SAFETY: the kernel has just made the descriptor for us.
        let file = unsafe { OwnedFd::from_raw_fd(own) };
        let id = identification(own).ok_or(Errno::EINVAL)?;
        Ok(Self { file, id })
    }

    /// An eventfd of our own.
    pub(super) fn new() -> Result<Self> {
        // SAFETY: makes a new descriptor, and touches no memory.
        let own = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if own < 0 {
            return Err(Errno::EMFILE);
        }
        // SAFETY: the kernel has just made the descriptor for us.
        Ok(Self { file: unsafe { OwnedFd::from_raw_fd(own) }, id: 0 })
    }

    pub(super) fn number(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Adds one to its counter.
    pub(super) fn signal(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight readable bytes. Nothing can be done about a counter at its end, where the kernel stops as well.
        unsafe { libc::write(self.number(), one.as_ptr().cast(), one.len()) };
    }

    /// Resets its counter; never waits.
    pub(super) fn take(&self) {
        let mut counter = [0u8; 8];
        let vector = libc::iovec { iov_base: counter.as_mut_ptr().cast(), iov_len: counter.len() };
        // SAFETY: eight writable bytes.
        unsafe { libc::preadv2(self.number(), &vector, 1, -1, libc::RWF_NOWAIT) };
    }
}

/// The number by which the kernel knows an eventfd; `None` for other files.
fn identification(number: RawFd) -> Option<u64> {
    let link = std::fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
    if link.as_os_str() != "anon_inode:[eventfd]" {
        return None;
    }
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let id = text.lines().find_map(|line| line.strip_prefix("eventfd-id:")).and_then(|id| id.trim().parse().ok());
    // Kernels before 5.2 do not number them: then each is taken for another.
    Some(id.unwrap_or_else(|| u64::MAX - u64::from(number.unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eventfds_are_told_from_other_files_and_from_each_other() {
        let (first, second) = (Eventfd::new().unwrap(), Eventfd::new().unwrap());
        let a = Eventfd::of_client(first.number()).unwrap();
        let again = Eventfd::of_client(first.number()).unwrap();
        let b = Eventfd::of_client(second.number()).unwrap();
        assert!(a == again && a != b);
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        assert_eq!(Eventfd::of_client(file.as_raw_fd()).err(), Some(Errno::EINVAL));
        assert_eq!(Eventfd::of_client(-1).err(), Some(Errno::EBADF));
        assert_eq!(Eventfd::of_client(1_000_000).err(), Some(Errno::EBADF));
    }

    #[test]
    fn taking_never_waits() {
        let event = Eventfd::new().unwrap();
        event.signal();
        event.signal();
        event.take();
        event.take();
    }
}
