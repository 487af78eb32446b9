//! Executable memory: one object mapped twice, writable here and executable there, filled from the start.
//! Source: design decision in docs/engine-pattern.md (no mapping is ever writable and executable, and no mapping changes
//! its protection while another CPU runs code in it).

use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;

use memmap2::{Mmap, MmapMut, MmapOptions};

/// Code of one generation.
pub(crate) struct Arena {
    writable: MmapMut,
    executable: Mmap,
    used: usize,
}

const ALIGNMENT: usize = 32;

impl Arena {
    /// An arena of `size` bytes; pages are taken from the host when they are first written.
    pub(crate) fn new(size: usize) -> io::Result<Arena> {
        // SAFETY: a C string and no flags but close-on-exec; the result is checked.
        let fd = unsafe { libc::memfd_create(c"softsie-code".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor that was just made and that nobody else has.
        let file = unsafe { File::from_raw_fd(fd) };
        file.set_len(size as u64)?;
        // SAFETY: the object is private to this arena, so nobody truncates or writes it behind our back.
        let writable = unsafe { MmapOptions::new().len(size).map_mut(&file)? };
        // SAFETY: as above. Bytes are written through the other mapping before their address is given out.
        let executable = unsafe { MmapOptions::new().len(size).map_exec(&file)? };
        Ok(Arena { writable, executable, used: 0 })
    }

    /// Copies `code` in: its address, or `None` when the arena is full.
    pub(crate) fn add(&mut self, code: &[u8]) -> Option<*const u8> {
        let start = self.used.next_multiple_of(ALIGNMENT);
        let place = self.writable.get_mut(start..start.checked_add(code.len())?)?;
        place.copy_from_slice(code);
        self.used = start + code.len();
        let at = self.executable.get(start..)?.as_ptr();
        synchronize_instructions(at, code.len());
        Some(at)
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used
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
    fn pieces_are_aligned_and_a_full_arena_says_so() {
        let mut a = Arena::new(4096).unwrap();
        let first = a.add(&[0xC3]).unwrap();
        let second = a.add(&[1; 33]).unwrap();
        assert_eq!(second.addr() - first.addr(), 32);
        // SAFETY: inside the executable mapping, which is readable.
        assert_eq!(unsafe { *first }, 0xC3);
        assert_eq!(a.used(), 65);
        assert!(a.add(&[0; 4096]).is_none(), "too long");
        assert!(a.add(&[0; 4000]).is_some(), "a failure takes no room");
    }
}
