//! Executable memory: one object mapped twice, writable here and executable there, filled from the start.
//! Source: design decision in docs/engine-pattern.md (no mapping is ever writable and executable, and no mapping changes
//! its protection while another CPU runs code in it); mremap(2) for the second mapping of memory without a name, which
//! perf takes for code made at run time, as it would not take a file.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};

/// Code of one generation.
pub(crate) struct Arena {
    writable: Mapping,
    executable: Mapping,
    used: usize,
    /// How much of the writable mapping has been given back.
    released: usize,
}

const ALIGNMENT: usize = 32;
/// What has been written is given back by as much: the memory stays, through the other mapping.
const RELEASED: usize = 256 << 10;

/// A part of the address space, given back when it is dropped.
struct Mapping {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: the mapping belongs to the value alone.
unsafe impl Send for Mapping {}

impl Mapping {
    /// What a call that maps has returned.
    fn of(start: *mut libc::c_void, size: usize) -> io::Result<Mapping> {
        match NonNull::new(start.cast()) {
            Some(place) if start != libc::MAP_FAILED => Ok(Mapping { start: place, size }),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped with this size, and nobody uses it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.size) };
    }
}

impl Arena {
    /// An arena of `size` bytes; pages are taken from the host when they are first written.
    pub(crate) fn new(size: usize) -> io::Result<Arena> {
        // An emulator of the host may not double mappings; a file is as good for all but perf.
        let (writable, executable) = Arena::doubled(size).or_else(|_| Arena::of_file(size))?;
        Ok(Arena { writable, executable, used: 0, released: 0 })
    }

    /// Memory without a name, mapped twice.
    fn doubled(size: usize) -> io::Result<(Mapping, Mapping)> {
        let (both, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping where the host likes.
        let writable = Mapping::of(unsafe { libc::mmap(ptr::null_mut(), size, both, kind, -1, 0) }, size)?;
        let first = writable.start.as_ptr().cast();
        // SAFETY: an old size of zero leaves a shared mapping where it is and maps the same object again elsewhere.
        let second = unsafe { libc::mremap(first, 0, size, libc::MREMAP_MAYMOVE) };
        let executable = Mapping::of(second, size)?;
        // SAFETY: the mapping just made; nobody has its address yet.
        if unsafe { libc::mprotect(second, size, libc::PROT_READ | libc::PROT_EXEC) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((writable, executable))
    }

    /// A file in memory, mapped twice.
    fn of_file(size: usize) -> io::Result<(Mapping, Mapping)> {
        // SAFETY: the name ends with a zero; the call makes a new descriptor.
        let fd = unsafe { libc::memfd_create(c"softsie-code".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor just made, which nobody else has.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        file.set_len(size as u64)?;
        let map = |protection| {
            // SAFETY: a new mapping where the host likes.
            let at = unsafe { libc::mmap(ptr::null_mut(), size, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
            Mapping::of(at, size)
        };
        Ok((map(libc::PROT_READ | libc::PROT_WRITE)?, map(libc::PROT_READ | libc::PROT_EXEC)?))
    }

    /// How many bytes are in use.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Copies `code` in: its address, or `None` when the arena is full.
    pub(crate) fn add(&mut self, code: &[u8]) -> Option<*const u8> {
        let start = self.used.next_multiple_of(ALIGNMENT);
        let end = start.checked_add(code.len()).filter(|end| *end <= self.writable.size)?;
        // SAFETY: in the writable mapping, which only this value writes; nobody has the address of these bytes yet.
        let at = unsafe {
            ptr::copy_nonoverlapping(code.as_ptr(), self.writable.start.as_ptr().add(start), code.len());
            self.executable.start.as_ptr().add(start).cast_const()
        };
        self.used = end;
        if end - self.released >= 2 * RELEASED {
            // SAFETY: whole pages of the writable mapping, which nobody has a reference to; a shared mapping loses nothing. A
            // refusal costs memory.
            unsafe {
                let start = self.writable.start.as_ptr().add(self.released);
                libc::madvise(start.cast(), RELEASED, libc::MADV_DONTNEED);
            }
            self.released += RELEASED;
        }
        synchronize_instructions(at, code.len());
        Some(at)
    }
}

/// Makes new code visible to instruction fetch.
#[cfg(target_arch = "aarch64")]
fn synchronize_instructions(at: *const u8, length: usize) {
    for line in (at.addr() & !15..at.addr() + length).step_by(16) {
        // SAFETY: cache maintenance by address on memory that is mapped; it changes no values.
        unsafe { std::arch::asm!("dc cvau, {0}", "dsb ish", "ic ivau, {0}", in(reg) line) };
    }
    // SAFETY: barriers.
    unsafe { std::arch::asm!("dsb ish", "isb") };
}

/// x86-64 keeps instruction fetch coherent by itself.
#[cfg(not(target_arch = "aarch64"))]
fn synchronize_instructions(_: *const u8, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_serves_as_well() {
        let (writable, executable) = Arena::of_file(8192).unwrap();
        let mut a = Arena { writable, executable, used: 0, released: 0 };
        let at = a.add(&[0xC3, 7]).unwrap();
        // SAFETY: inside the executable mapping, which is readable.
        assert_eq!(unsafe { [*at, *at.add(1)] }, [0xC3, 7]);
    }

    #[test]
    fn pieces_are_aligned_and_a_full_arena_says_so() {
        let mut a = Arena::new(4096).unwrap();
        let first = a.add(&[0xC3]).unwrap();
        let second = a.add(&[1; 33]).unwrap();
        assert_eq!(second.addr() - first.addr(), 32);
        // SAFETY: inside the executable mapping, which is readable.
        assert_eq!(unsafe { *first }, 0xC3);
        assert_eq!(a.used, 65);
        assert!(a.add(&[0; 4096]).is_none(), "too long");
        assert!(a.add(&[0; 4000]).is_some(), "a failure takes no room");
    }
}
