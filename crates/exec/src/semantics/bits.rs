//! Counting of bits: leading and trailing zeros, ones; distance to a block boundary; extraction and deposit.
//! Source: Principles of Operation, chapter 7: FIND LEFTMOST ONE, POPULATION COUNT, COUNT LEADING/TRAILING ZEROS, LOAD
//! COUNT TO BLOCK BOUNDARY, BIT EXTRACT, BIT DEPOSIT.

use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2x2b2;

semantics! {
    simple {
        FLOGR => find_leftmost_one, POPCNT => population_count, LCBB => load_count_to_block_boundary,
        CLZG => count_leading_zeros, CTZG => count_trailing_zeros,
    }
    heavy { BEXTG => extract_bits, BDEPG => deposit_bits }
}

fn find_leftmost_one<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    if o.r1() & 1 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let v = m.gr::<u64>(o.r2());
    let zeros = m.leading_zeros(v);
    // The bit found is turned off; of zero nothing can be turned off, whatever the shift gives.
    let leftmost = m.imm(1u64 << 63);
    let mask = m.imm(63u32);
    let amount = m.trunc::<u64, u32>(zeros);
    let amount = m.and(amount, mask);
    let bit = m.shr(leftmost, amount);
    let bit = m.not(bit);
    let rest = m.and(v, bit);
    m.set_gr(o.r1(), zeros);
    m.set_gr(o.r1() | 1, rest);
    let zero = m.imm(0u64);
    let none = m.eq(v, zero);
    let (cc_0, cc_2) = (m.imm(0u8), m.imm(2u8));
    let cc = m.select(none, cc_0, cc_2);
    m.set_cc(cc);
    Ok(())
}

fn population_count<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.gr::<u64>(o.r2());
    let v = if o.m3() & 8 != 0 { m.count_ones(v) } else { ones_of_each_byte(m, v) };
    m.set_gr(o.r1(), v);
    m.cc_zero(v);
    Ok(())
}

/// In each byte the number of its ones: pairs of bits are added, then pairs of those sums, then of those.
#[inline(always)]
fn ones_of_each_byte<M: Machine>(m: &mut M, v: M::Val<u64>) -> M::Val<u64> {
    let mut v = v;
    for (amount, mask) in [(1, 0x5555_5555_5555_5555u64), (2, 0x3333_3333_3333_3333), (4, 0x0F0F_0F0F_0F0F_0F0F)] {
        let (amount, mask) = (m.imm(amount), m.imm(mask));
        let left = m.shr(v, amount);
        let left = m.and(left, mask);
        let right = m.and(v, mask);
        v = m.add(left, right);
    }
    v
}

fn load_count_to_block_boundary<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    if o.m3() > 6 {
        return Err(Exit::SPECIFICATION);
    }
    let size = 64u64 << o.m3();
    let ea = d2x2b2(m, o);
    let mask = m.imm(size - 1);
    let offset = m.and(ea.address, mask);
    let size = m.imm(size);
    let left = m.sub(size, offset);
    let sixteen = m.imm(16u64);
    let short = m.lt(left, sixteen);
    let count = m.select(short, left, sixteen);
    let count = m.trunc::<u64, u32>(count);
    m.set_gr(o.r1(), count);
    let (cc_0, cc_3) = (m.imm(0u8), m.imm(3u8));
    let cc = m.select(short, cc_3, cc_0);
    m.set_cc(cc);
    Ok(())
}

fn count_leading_zeros<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.gr::<u64>(o.r2());
    let v = m.leading_zeros(v);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn count_trailing_zeros<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.gr::<u64>(o.r2());
    let v = m.trailing_zeros(v);
    m.set_gr(o.r1(), v);
    Ok(())
}

/// The leftmost of the ones in `mask`, which is not zero.
fn leftmost(mask: u64) -> u64 {
    1 << (63 - mask.leading_zeros())
}

/// The bits of R2 for which R3 has ones, side by side from the left.
fn extract_bits(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (value, mut mask): (u64, u64) = (cpu.gr(o.r2()), cpu.gr(o.r3()));
    let (mut result, mut place) = (0, 1 << 63);
    while mask != 0 {
        let bit = leftmost(mask);
        if value & bit != 0 {
            result |= place;
        }
        mask ^= bit;
        place >>= 1;
    }
    cpu.set_gr::<u64>(o.r1(), result);
    Ok(())
}

/// The leftmost bits of R2, put where R3 has ones.
fn deposit_bits(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (mut value, mut mask): (u64, u64) = (cpu.gr(o.r2()), cpu.gr(o.r3()));
    let mut result = 0;
    while mask != 0 {
        let bit = leftmost(mask);
        if value >> 63 != 0 {
            result |= bit;
        }
        mask ^= bit;
        value <<= 1;
    }
    cpu.set_gr::<u64>(o.r1(), result);
    Ok(())
}
