//! MOVE and other instructions on two storage operands of up to 256 bytes.
//! Source: Principles of Operation, chapter 7: MOVE (CHARACTER).

use softsie_cpu::{Access, AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use crate::operand::{Ea, d1b1, d2b2};

semantics! {
    simple {}
    heavy { MVC => move_character }
}

/// Calls `f` for the parts of two operands of `length` bytes that lie in one page each, left to right, after all access
/// exceptions have been recognised: host addresses of both parts, and their length.
pub(super) fn pieces(
    cpu: &mut Cpu,
    first: Ea<u64>,
    second: Ea<u64>,
    length: u64,
    mut f: impl FnMut(*mut u8, *const u8, usize),
) -> Result<(), Exit> {
    let (s1, s2) = (AddressSpace::Logical(first.ar), AddressSpace::Logical(second.ar));
    let left1 = 4096 - first.address % 4096;
    let left2 = 4096 - second.address % 4096;
    if length > left1.min(left2) {
        cpu.probe(s2, second.address, length, Access::Fetch)?;
        cpu.probe(s1, first.address, length, Access::Store)?;
    }
    let mut done = 0;
    while done < length {
        let a1 = cpu.wrap(first.address.wrapping_add(done));
        let a2 = cpu.wrap(second.address.wrapping_add(done));
        let piece = (length - done).min(4096 - a1 % 4096).min(4096 - a2 % 4096);
        let from = cpu.host(s2, a2, Access::Fetch)?;
        let to = cpu.host(s1, a1, Access::Store)?;
        f(to.as_ptr(), from.as_ptr().cast_const(), piece as usize);
        done += piece;
    }
    Ok(())
}

/// Copies byte by byte from left to right, as overlapping operands require, faster where they do not.
///
/// # Safety
/// `length` bytes must be writable at `to` and readable at `from`.
pub(super) unsafe fn copy_left_to_right(to: *mut u8, from: *const u8, length: usize) {
    let distance = (to.addr()).wrapping_sub(from.addr());
    if distance >= length {
        // The destination does not begin inside the source: a move gives what byte-by-byte gives.
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy(from, to, length) };
    } else if distance == 1 {
        // SAFETY: the caller's promise; the first byte is propagated.
        unsafe { std::ptr::write_bytes(to, *from, length) };
    } else {
        for i in 0..length {
            // SAFETY: the caller's promise.
            unsafe { *to.add(i) = *from.add(i) };
        }
    }
}

fn move_character(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    pieces(cpu, first, second, u64::from(o.l1()) + 1, |to, from, length| {
        // SAFETY: `pieces` passes translated operand parts.
        unsafe { copy_left_to_right(to, from, length) }
    })
}
