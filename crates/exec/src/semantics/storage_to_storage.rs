//! Instructions on two storage operands of up to 256 bytes: moves, comparison and the logical operations.
//! Source: Principles of Operation, chapter 7: MOVE, MOVE INVERSE, MOVE NUMERICS, MOVE ZONES, MOVE RIGHT TO LEFT, AND, OR,
//! EXCLUSIVE OR, COMPARE LOGICAL (character forms).

use softsie_cpu::order::after_fetch;
use softsie_cpu::{Access, AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use super::register_pair::to_page_end;
use crate::machine::{Machine, StorageOp};
use crate::operand::{Ea, d1b1, d2b2};

semantics! {
    simple {
        MVC => move_character,
        NC => and,
        OC => or,
        XC => exclusive_or,
        CLC => compare_logical,
    }
    heavy {
        MVCIN => move_inverse,
        MVCRL => move_right_to_left,
        MVN => combine_without_cc[Numerics],
        MVZ => combine_without_cc[Zones],
    }
}

/// Calls `f` for the parts of two operands of `length` bytes that lie in one page each, left to right, after all access
/// exceptions have been recognised: host addresses of both parts, and their length.
#[inline(always)]
pub(super) fn pieces(
    cpu: &mut Cpu,
    first: Ea<u64>,
    second: Ea<u64>,
    length: u64,
    mut f: impl FnMut(*mut u8, *const u8, usize),
) -> Result<(), Exit> {
    let (s1, s2) = (AddressSpace::Logical(first.ar), AddressSpace::Logical(second.ar));
    if length <= to_page_end(first.address).min(to_page_end(second.address)) {
        let from = cpu.host(s2, second.address, Access::Fetch)?;
        let to = cpu.host(s1, first.address, Access::Store)?;
        f(to.as_ptr(), from.as_ptr().cast_const(), length as usize);
        cpu.stored(s1, first.address, length);
        return Ok(());
    }
    cpu.probe(s2, second.address, length, Access::Fetch)?;
    cpu.probe(s1, first.address, length, Access::Store)?;
    let mut done = 0;
    while done < length {
        let a1 = cpu.wrap(first.address.wrapping_add(done));
        let a2 = cpu.wrap(second.address.wrapping_add(done));
        let piece = (length - done).min(to_page_end(a1)).min(to_page_end(a2));
        let from = cpu.host(s2, a2, Access::Fetch)?;
        let to = cpu.host(s1, a1, Access::Store)?;
        f(to.as_ptr(), from.as_ptr().cast_const(), piece as usize);
        cpu.stored(s1, a1, piece);
        done += piece;
    }
    Ok(())
}

/// Copies byte by byte from left to right, as overlapping operands require, faster where they do not.
///
/// # Safety
/// `length` bytes must be writable at `to` and readable at `from`.
#[inline(always)]
pub(super) unsafe fn copy_left_to_right(to: *mut u8, from: *const u8, length: usize) {
    let distance = (to.addr()).wrapping_sub(from.addr());
    if distance >= length {
        // The destination does not begin inside the source: a move gives what byte-by-byte gives.
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy(from, to, length) };
    } else if distance == 1 {
        // SAFETY: the caller's promise; the first byte is propagated.
        unsafe { std::ptr::write_bytes(to, *from, length) };
    } else if distance != 0 {
        // The first `distance` bytes are repeated for ever. What is there to copy from grows with every step.
        let mut done = 0;
        while done < length {
            let step = (distance + done).min(length - done);
            // SAFETY: the source ends where the destination begins.
            unsafe { std::ptr::copy_nonoverlapping(from, to.add(done), step) };
            done += step;
        }
    }
}

/// Does `op` with two operands of `length` bytes.
///
/// # Errors
/// The access exception; nothing has been stored then.
#[inline(always)]
pub fn storage_operation(
    cpu: &mut Cpu,
    op: StorageOp,
    first: Ea<u64>,
    second: Ea<u64>,
    length: u64,
) -> Result<(), Exit> {
    let result = match op {
        StorageOp::Move => pieces(cpu, first, second, length, |to, from, length| {
            // SAFETY: `pieces` passes translated operand parts.
            unsafe { copy_left_to_right(to, from, length) }
        }),
        StorageOp::Clear => {
            pieces(cpu, first, first, length, |to, _, length| {
                // SAFETY: as above.
                unsafe { std::ptr::write_bytes(to, 0, length) };
            })?;
            cpu.cc = 0;
            Ok(())
        }
        StorageOp::Compare => compare(cpu, first, second, length),
        StorageOp::And => combine::<And>(cpu, first, second, length),
        StorageOp::Or => combine::<Or>(cpu, first, second, length),
        StorageOp::Xor => combine::<Xor>(cpu, first, second, length),
    };
    after_fetch();
    result
}

#[inline(always)]
fn operation<M: Machine>(m: &mut M, o: &Operands, op: StorageOp) -> Result<(), Exit> {
    let (first, second) = (d1b1(m, o), d2b2(m, o));
    m.storage(op, first, second, u64::from(o.l1()) + 1)
}

fn move_character<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    operation(m, o, StorageOp::Move)
}

fn and<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    operation(m, o, StorageOp::And)
}

fn or<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    operation(m, o, StorageOp::Or)
}

fn exclusive_or<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    // With the operand itself: the usual way to clear storage.
    let itself = o.b1() == o.b2() && o.d1() == o.d2();
    operation(m, o, if itself { StorageOp::Clear } else { StorageOp::Xor })
}

fn compare_logical<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    operation(m, o, StorageOp::Compare)
}

fn move_inverse(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    let mut bytes = [0; 256];
    let bytes = &mut bytes[..usize::from(o.l1()) + 1];
    // The second operand is designated by its rightmost byte.
    let leftmost = cpu.wrap(second.address.wrapping_sub(u64::from(o.l1())));
    cpu.read_bytes(AddressSpace::Logical(second.ar), leftmost, bytes)?;
    bytes.reverse();
    cpu.write_bytes(AddressSpace::Logical(first.ar), first.address, bytes)
}

fn move_right_to_left(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    let length = usize::from(cpu.gr[0] as u8) + 1;
    let mut bytes = [0; 256];
    let bytes = &mut bytes[..length];
    cpu.read_bytes(AddressSpace::Logical(second.ar), second.address, bytes)?;
    // Where the second operand begins inside the first, its bytes have been replaced when they are fetched.
    let distance = cpu.wrap(second.address.wrapping_sub(first.address)) as usize;
    if distance != 0 {
        for i in (0..length.saturating_sub(distance)).rev() {
            bytes[i] = bytes[i + distance];
        }
    }
    cpu.write_bytes(AddressSpace::Logical(first.ar), first.address, bytes)
}

/// An operation on the bytes of two operands, of which the first is replaced.
trait Combination {
    fn of(first: u64, second: u64) -> u64;
}

struct And;
struct Or;
struct Xor;
struct Numerics;
struct Zones;

const ZONES: u64 = 0xF0F0_F0F0_F0F0_F0F0;

impl Combination for And {
    fn of(first: u64, second: u64) -> u64 {
        first & second
    }
}

impl Combination for Or {
    fn of(first: u64, second: u64) -> u64 {
        first | second
    }
}

impl Combination for Xor {
    fn of(first: u64, second: u64) -> u64 {
        first ^ second
    }
}

impl Combination for Numerics {
    fn of(first: u64, second: u64) -> u64 {
        first & ZONES | second & !ZONES
    }
}

impl Combination for Zones {
    fn of(first: u64, second: u64) -> u64 {
        first & !ZONES | second & ZONES
    }
}

/// Combines byte by byte from left to right; true when a result byte is not zero.
///
/// # Safety
/// `length` bytes must be writable at `to` and readable at `from`.
#[inline(always)]
unsafe fn combine_left_to_right<C: Combination>(to: *mut u8, from: *const u8, length: usize) -> bool {
    let mut done = 0;
    let mut any = 0;
    let distance = to.addr().wrapping_sub(from.addr());
    // Eight bytes at a time, unless one of the results would be an operand within the eight.
    if distance == 0 || distance >= 8 {
        while length - done >= 8 {
            // SAFETY: within the lengths promised.
            unsafe {
                let a = to.add(done).cast::<u64>().read_unaligned();
                let b = from.add(done).cast::<u64>().read_unaligned();
                let result = C::of(a, b);
                to.add(done).cast::<u64>().write_unaligned(result);
                any |= result;
            }
            done += 8;
        }
    }
    while done < length {
        // SAFETY: as above.
        unsafe {
            let result = C::of(u64::from(*to.add(done)), u64::from(*from.add(done))) as u8;
            *to.add(done) = result;
            any |= u64::from(result);
        }
        done += 1;
    }
    any != 0
}

#[inline(always)]
fn combine<C: Combination>(cpu: &mut Cpu, first: Ea<u64>, second: Ea<u64>, length: u64) -> Result<(), Exit> {
    let mut any = false;
    pieces(cpu, first, second, length, |to, from, length| {
        // SAFETY: `pieces` passes translated operand parts.
        any |= unsafe { combine_left_to_right::<C>(to, from, length) };
    })?;
    cpu.cc = u8::from(any);
    Ok(())
}

fn combine_without_cc<C: Combination>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (cc, first, second) = (cpu.cc, d1b1(cpu, o), d2b2(cpu, o));
    combine::<C>(cpu, first, second, u64::from(o.l1()) + 1)?;
    cpu.cc = cc;
    Ok(())
}

#[inline(always)]
fn compare(cpu: &mut Cpu, first: Ea<u64>, second: Ea<u64>, length: u64) -> Result<(), Exit> {
    let (s1, s2) = (AddressSpace::Logical(first.ar), AddressSpace::Logical(second.ar));
    let mut done = 0;
    cpu.cc = loop {
        let a1 = cpu.wrap(first.address.wrapping_add(done));
        let a2 = cpu.wrap(second.address.wrapping_add(done));
        let piece = (length - done).min(to_page_end(a1)).min(to_page_end(a2));
        let p1 = cpu.host(s1, a1, Access::Fetch)?.as_ptr();
        let p2 = cpu.host(s2, a2, Access::Fetch)?.as_ptr();
        // SAFETY: both parts end within their pages.
        match unsafe { compare_bytes(p1, p2, piece as usize) } {
            std::cmp::Ordering::Less => break 1,
            std::cmp::Ordering::Greater => break 2,
            std::cmp::Ordering::Equal => done += piece,
        }
        if done == length {
            break 0;
        }
    };
    Ok(())
}

/// Compares two strings of bytes.
///
/// # Safety
/// `length` bytes must be readable at both. When they change meanwhile, the result is that of some mixture.
#[inline(always)]
pub(super) unsafe fn compare_bytes(a: *const u8, b: *const u8, length: usize) -> std::cmp::Ordering {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(a, length).cmp(std::slice::from_raw_parts(b, length)) }
}
