//! Parts of registers: insert and store characters under mask, insert immediate, test under mask, program mask.
//! Source: Principles of Operation, chapter 7: INSERT …, STORE CHARACTERS UNDER MASK, COMPARE LOGICAL CHARACTERS UNDER
//! MASK, TEST UNDER MASK, INSERT PROGRAM MASK, SET PROGRAM MASK.

use softsie_cpu::{Cpu, Exit, Scalar};
use softsie_isa::Operands;

use super::operation::immediate;
use crate::machine::Machine;
use crate::operand::{Ea, after, d1b1, d2b2};

semantics! {
    simple {
        IIHH => insert_immediate[u16, 48], IIHL => insert_immediate[u16, 32], IILH => insert_immediate[u16, 16],
        IILL => insert_immediate[u16, 0], IIHF => insert_immediate[u32, 32], IILF => insert_immediate[u32, 0],
        TMHH => test_register[48], TMHL => test_register[32], TMLH => test_register[16], TMLL => test_register[0],
        TM => test_storage, TMY => test_storage,
        ICM => insert_characters[0], ICMY => insert_characters[0], ICMH => insert_characters[32],
        STCM => store_characters[0], STCMY => store_characters[0], STCMH => store_characters[32],
        CLM => compare_characters[0], CLMY => compare_characters[0], CLMH => compare_characters[32],
        IPM => insert_program_mask,
    }
    heavy { SPM => set_program_mask }
}

/// Replaces the bits of R that begin `shift` bits from its right end by `v`.
#[inline(always)]
pub(super) fn set_field<M: Machine, T: Scalar>(m: &mut M, r: u8, shift: u32, v: M::Val<T>) {
    if shift == 0 {
        return m.set_gr(r, v);
    }
    let old = m.gr::<u64>(r);
    let rest = m.imm(!((u64::MAX >> (64 - T::BITS)) << shift));
    let kept = m.and(old, rest);
    let v = m.zext::<T, u64>(v);
    let shift = m.imm(shift);
    let v = m.shl(v, shift);
    let v = m.or(kept, v);
    m.set_gr(r, v);
}

/// The word of R that begins `shift` (0 or 32) bits from its right end.
#[inline(always)]
fn word<M: Machine>(m: &mut M, r: u8, shift: u32) -> M::Val<u32> {
    if shift == 0 { m.gr(r) } else { m.gr_high(r) }
}

fn insert_immediate<M: Machine, T: Scalar, const SHIFT: u32>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = immediate::<M, T, T>(m, o, false);
    set_field(m, o.r1(), SHIFT, v);
    Ok(())
}

fn test_register<M: Machine, const SHIFT: u32>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.gr::<u64>(o.r1());
    let shift = m.imm(SHIFT);
    let v = m.shr(v, shift);
    let v = m.trunc::<u64, u16>(v);
    let mask = o.i2() as u16;
    let tested = m.imm(mask);
    let bits = m.and(v, tested);
    m.cc_test_under_mask(bits, mask, true);
    Ok(())
}

fn test_storage<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d1b1(m, o);
    let v = m.load::<u8>(ea)?;
    let mask = o.i2() as u8;
    let tested = m.imm(mask);
    let bits = m.and(v, tested);
    m.cc_test_under_mask(bits, mask, false);
    Ok(())
}

/// Fetches `count` bytes, 1 to 4, to the left end of a word, with zeros on the right.
#[inline(always)]
fn load_left<M: Machine>(m: &mut M, ea: Ea<M::Val<u64>>, count: u32) -> Result<M::Val<u32>, Exit> {
    match count {
        1 => {
            let v = m.load::<u8>(ea)?;
            let v = m.zext::<u8, u32>(v);
            let shift = m.imm(24);
            Ok(m.shl(v, shift))
        }
        4 => m.load::<u32>(ea),
        _ => {
            let v = m.load::<u16>(ea)?;
            let v = m.zext::<u16, u32>(v);
            let shift = m.imm(16);
            let v = m.shl(v, shift);
            if count == 2 {
                return Ok(v);
            }
            let ea = after(m, ea, 2);
            let last = m.load::<u8>(ea)?;
            let last = m.zext::<u8, u32>(last);
            let shift = m.imm(8);
            let last = m.shl(last, shift);
            Ok(m.or(v, last))
        }
    }
}

/// The bytes of `v` that `mask` selects, side by side at the left end of a word, with zeros on the right.
#[inline(always)]
fn gather<M: Machine>(m: &mut M, v: M::Val<u32>, mask: u8) -> M::Val<u32> {
    let mut gathered = m.imm(0u32);
    let mut place = 0;
    for byte in 0..4u32 {
        if mask & 8 >> byte != 0 {
            let bits = m.imm(0xFF00_0000u32 >> (8 * byte));
            let selected = m.and(v, bits);
            let distance = m.imm(8 * (byte - place));
            let selected = m.shl(selected, distance);
            gathered = m.or(gathered, selected);
            place += 1;
        }
    }
    gathered
}

/// Puts the bytes at the left end of `v` where `mask` selects bytes of `old`.
#[inline(always)]
fn scatter<M: Machine>(m: &mut M, old: M::Val<u32>, v: M::Val<u32>, mask: u8) -> M::Val<u32> {
    let mut replaced = 0;
    let mut scattered = m.imm(0u32);
    let mut place = 0;
    for byte in 0..4u32 {
        if mask & 8 >> byte != 0 {
            let bits = m.imm(0xFF00_0000u32 >> (8 * place));
            let selected = m.and(v, bits);
            let distance = m.imm(8 * (byte - place));
            let selected = m.shr(selected, distance);
            scattered = m.or(scattered, selected);
            replaced |= 0xFF00_0000u32 >> (8 * byte);
            place += 1;
        }
    }
    let rest = m.imm(!replaced);
    let kept = m.and(old, rest);
    m.or(kept, scattered)
}

fn insert_characters<M: Machine, const SHIFT: u32>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    let count = u32::from(o.m3()).count_ones();
    if count == 0 {
        // Access exceptions are recognised for one byte.
        m.load::<u8>(ea)?;
        let zero = m.imm(0u8);
        m.set_cc(zero);
        return Ok(());
    }
    let v = load_left(m, ea, count)?;
    let old = word(m, o.r1(), SHIFT);
    let new = scatter(m, old, v, o.m3());
    set_field(m, o.r1(), SHIFT, new);
    // The leftmost inserted bit acts as a sign.
    m.cc_signed(v);
    Ok(())
}

fn store_characters<M: Machine, const SHIFT: u32>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    let count = u32::from(o.m3()).count_ones();
    if count == 0 {
        return Ok(());
    }
    let v = word(m, o.r1(), SHIFT);
    let v = gather(m, v, o.m3());
    let shift = m.imm(32 - 8 * count);
    let right = m.shr(v, shift);
    match count {
        1 => {
            let v = m.trunc::<u32, u8>(right);
            m.store(ea, v)
        }
        2 => {
            let v = m.trunc::<u32, u16>(right);
            m.store(ea, v)
        }
        4 => m.store(ea, right),
        _ => {
            m.probe_store(ea, 3)?;
            let shift = m.imm(16);
            let first = m.shr(v, shift);
            let first = m.trunc::<u32, u16>(first);
            m.store(ea, first)?;
            let last = m.trunc::<u32, u8>(right);
            let ea = after(m, ea, 2);
            m.store(ea, last)
        }
    }
}

fn compare_characters<M: Machine, const SHIFT: u32>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    let count = u32::from(o.m3()).count_ones();
    if count == 0 {
        m.load::<u8>(ea)?;
        let zero = m.imm(0u8);
        m.set_cc(zero);
        return Ok(());
    }
    let b = load_left(m, ea, count)?;
    let a = word(m, o.r1(), SHIFT);
    let a = gather(m, a, o.m3());
    m.cc_compare(a, b);
    Ok(())
}

fn insert_program_mask<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (cc, mask) = (m.cc(), m.program_mask());
    let shift = m.imm(4);
    let cc = m.shl(cc, shift);
    let v = m.or(cc, mask);
    set_field(m, o.r1(), 24, v);
    Ok(())
}

fn set_program_mask(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let v: u32 = cpu.gr(o.r1());
    cpu.cc = (v >> 28) as u8 & 3;
    let mask = (v >> 24) as u8 & 15;
    if mask == cpu.psw.program_mask() {
        return Ok(());
    }
    cpu.psw.set_program_mask(mask);
    Err(Exit::Synchronize)
}
