//! The memory of this process as a client's: copies by the kernel, which finds bad addresses without a signal.
//! Truth: process_vm_readv(2); write(2) and read(2) on a pipe, where a filter forbids the former.

use std::io::Error;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::client_memory::ClientMemory;
use crate::{Errno, Result};

/// The client is this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnMemory;

/// Most bytes that a pipe holds without a reader.
const PIPE: usize = 4096;

impl ClientMemory for OwnMemory {
    fn read_bytes(&self, address: u64, to: &mut [u8]) -> Result<()> {
        copy(to.as_mut_ptr(), pointer(address).cast_const(), to.len(), false)
    }

    fn write_bytes(&self, address: u64, from: &[u8]) -> Result<()> {
        copy(pointer(address), from.as_ptr(), from.len(), true)
    }
}

fn pointer(address: u64) -> *mut u8 {
    core::ptr::with_exposed_provenance_mut(address as usize)
}

/// Copies, with one side (`to_client` says which) being an address that nobody vouches for.
fn copy(to: *mut u8, from: *const u8, length: usize, to_client: bool) -> Result<()> {
    if length == 0 {
        return Ok(());
    }
    let to_side = libc::iovec { iov_base: to.cast(), iov_len: length };
    let from_side = libc::iovec { iov_base: from.cast_mut().cast(), iov_len: length };
    // SAFETY: our side is a slice of this length. The kernel checks the other, and stores nothing outside what the caller
    // of the interface designated.
    let copied = unsafe {
        let this = libc::getpid();
        if to_client {
            libc::process_vm_writev(this, &from_side, 1, &to_side, 1, 0)
        } else {
            libc::process_vm_readv(this, &to_side, 1, &from_side, 1, 0)
        }
    };
    match usize::try_from(copied) {
        Ok(copied) if copied == length => Ok(()),
        Ok(_) => Err(Errno::EFAULT),
        Err(_) => match Error::last_os_error().raw_os_error() {
            Some(libc::ENOSYS | libc::EPERM) => copy_by_pipe(to, from, length),
            Some(libc::ENOMEM) => Err(Errno::ENOMEM),
            _ => Err(Errno::EFAULT),
        },
    }
}

/// As [`copy`]: the bytes go through the kernel, which checks both sides.
fn copy_by_pipe(to: *mut u8, from: *const u8, length: usize) -> Result<()> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for the two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(Errno::EMFILE);
    }
    // SAFETY: the kernel has just made the descriptors for us.
    let [reader, writer] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    let mut done = 0;
    while done < length {
        let piece = PIPE.min(length - done);
        // SAFETY: the kernel checks the addresses; the caller designated `length` bytes.
        let (wrote, read) = unsafe {
            let wrote = libc::write(writer.as_raw_fd(), from.wrapping_add(done).cast(), piece);
            if wrote <= 0 {
                return Err(Errno::EFAULT);
            }
            (wrote, libc::read(reader.as_raw_fd(), to.wrapping_add(done).cast(), wrote as usize))
        };
        if read != wrote {
            return Err(Errno::EFAULT);
        }
        done += read as usize;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Errno;

    fn address(bytes: &mut [u8]) -> u64 {
        bytes.as_mut_ptr().expose_provenance() as u64
    }

    #[test]
    fn objects_are_copied_and_bad_addresses_found() {
        let memory: &dyn ClientMemory = &OwnMemory;
        let mut bytes = [1u8, 2, 3, 4, 5, 6, 7, 8];
        let at = address(&mut bytes);
        assert_eq!(memory.read::<u32>(at + 2), Ok(u32::from_ne_bytes([3, 4, 5, 6])));
        memory.write_element::<u16>(at, 3, &0).unwrap();
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 0, 0]);
        for bad in [0, 1, 0xfff, u64::MAX, u64::MAX - 7, 1 << 63] {
            assert_eq!(memory.read::<u64>(bad), Err(Errno::EFAULT), "{bad:#x}");
            assert_eq!(memory.write(bad, &0u64), Err(Errno::EFAULT), "{bad:#x}");
        }
        assert_eq!(memory.read_element::<u64>(at, u64::MAX / 4), Err(Errno::EFAULT));
    }

    #[test]
    fn half_of_an_object_is_a_fault() {
        let memory: &dyn ClientMemory = &OwnMemory;
        let map = memmap2::MmapMut::map_anon(8192).unwrap();
        let at = map.as_ptr().expose_provenance() as u64;
        // SAFETY: the second page is ours and nobody uses it.
        unsafe { libc::mprotect(map.as_ptr().add(4096).cast_mut().cast(), 4096, libc::PROT_NONE) };
        assert_eq!(memory.read::<u64>(at + 4088), Ok(0));
        assert_eq!(memory.read::<u64>(at + 4092), Err(Errno::EFAULT));
        assert_eq!(memory.write(at + 4092, &0u64), Err(Errno::EFAULT));
    }

    #[test]
    fn read_only_memory_is_not_written() {
        let memory: &dyn ClientMemory = &OwnMemory;
        let map = memmap2::MmapMut::map_anon(4096).unwrap().make_read_only().unwrap();
        let at = map.as_ptr().expose_provenance() as u64;
        assert_eq!(memory.read::<u64>(at), Ok(0));
        assert_eq!(memory.write(at, &1u64), Err(Errno::EFAULT));
    }

    #[test]
    fn a_pipe_does_as_well() {
        let from: Vec<u8> = (0..10_000u32).map(|n| n as u8).collect();
        let mut to = vec![0; from.len()];
        assert_eq!(copy_by_pipe(to.as_mut_ptr(), from.as_ptr(), from.len()), Ok(()));
        assert_eq!(to, from);
        assert_eq!(copy_by_pipe(pointer(8), from.as_ptr(), 1), Err(Errno::EFAULT));
        assert_eq!(copy_by_pipe(to.as_mut_ptr(), pointer(8), 1), Err(Errno::EFAULT));
    }
}
