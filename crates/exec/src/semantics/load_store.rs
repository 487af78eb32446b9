//! Loads and stores of general registers: from registers, storage and beside the instruction; addresses; immediates.
//! Source: Principles of Operation, chapter 7: LOAD …, STORE …, LOAD ADDRESS, MOVE (immediate).

use softsie_cpu::{Exit, ProgramCode, Scalar};
use softsie_isa::Operands;

use super::operation::{extend, immediate};
use crate::machine::Machine;
use crate::operand::{d1b1, d2x2b2};

semantics! {
    simple {
        LR => load_rr[u32, u32, false], LGR => load_rr[u64, u64, false],
        LGFR => load_rr[u32, u64, true], LLGFR => load_rr[u32, u64, false],
        LBR => load_rr[u8, u32, true], LGBR => load_rr[u8, u64, true],
        LLCR => load_rr[u8, u32, false], LLGCR => load_rr[u8, u64, false],
        LHR => load_rr[u16, u32, true], LGHR => load_rr[u16, u64, true],
        LLHR => load_rr[u16, u32, false], LLGHR => load_rr[u16, u64, false], LLGTR => load_31_bits_rr,
        LTR => load_and_test_rr[u32, u32], LTGR => load_and_test_rr[u64, u64], LTGFR => load_and_test_rr[u32, u64],
        L => load_rx[u32, u32, false], LY => load_rx[u32, u32, false], LG => load_rx[u64, u64, false],
        LGF => load_rx[u32, u64, true], LLGF => load_rx[u32, u64, false],
        LH => load_rx[u16, u32, true], LHY => load_rx[u16, u32, true], LGH => load_rx[u16, u64, true],
        LLH => load_rx[u16, u32, false], LLGH => load_rx[u16, u64, false],
        LB => load_rx[u8, u32, true], LGB => load_rx[u8, u64, true],
        LLC => load_rx[u8, u32, false], LLGC => load_rx[u8, u64, false],
        IC => load_rx[u8, u8, false], ICY => load_rx[u8, u8, false], LLGT => load_31_bits,
        LT => load_and_test[u32, u32], LTG => load_and_test[u64, u64], LTGF => load_and_test[u32, u64],
        LZRF => load_and_zero_rightmost_byte[u32, u32], LZRG => load_and_zero_rightmost_byte[u64, u64],
        LLZRGF => load_and_zero_rightmost_byte[u32, u64],
        LRVR => load_reversed_rr[u32], LRVGR => load_reversed_rr[u64],
        LRVH => load_reversed[u16], LRV => load_reversed[u32], LRVG => load_reversed[u64],
        LRL => load_relative[u32, u32, false], LGRL => load_relative[u64, u64, false],
        LGFRL => load_relative[u32, u64, true], LLGFRL => load_relative[u32, u64, false],
        LHRL => load_relative[u16, u32, true], LGHRL => load_relative[u16, u64, true],
        LLHRL => load_relative[u16, u32, false], LLGHRL => load_relative[u16, u64, false],
        LHI => load_immediate[u32, true], LGHI => load_immediate[u64, true], LGFI => load_immediate[u64, true],
        LLILF => load_immediate[u64, false],
        LLIHH => load_shifted_immediate[48], LLIHL => load_shifted_immediate[32],
        LLILH => load_shifted_immediate[16], LLILL => load_shifted_immediate[0],
        LLIHF => load_shifted_immediate[32],
        LXAB => load_indexed_address[true, 0], LLXAB => load_indexed_address[false, 0],
        LXAH => load_indexed_address[true, 1], LLXAH => load_indexed_address[false, 1],
        LXAF => load_indexed_address[true, 2], LLXAF => load_indexed_address[false, 2],
        LXAG => load_indexed_address[true, 3], LLXAG => load_indexed_address[false, 3],
        LXAQ => load_indexed_address[true, 4], LLXAQ => load_indexed_address[false, 4],
        LA => load_address, LAY => load_address, LARL => load_address_relative,
        ST => store_rx[u32], STY => store_rx[u32], STG => store_rx[u64],
        STC => store_rx[u8], STCY => store_rx[u8], STH => store_rx[u16], STHY => store_rx[u16],
        STRVH => store_reversed[u16], STRV => store_reversed[u32], STRVG => store_reversed[u64],
        STRL => store_relative[u32], STGRL => store_relative[u64], STHRL => store_relative[u16],
        MVI => move_immediate[u8], MVIY => move_immediate[u8],
        MVHHI => move_immediate[u16], MVHI => move_immediate[u32], MVGHI => move_immediate[u64],
    }
    heavy {}
}

/// Rightmost `F` of R2, extended to a `T`.
fn load_rr<M: Machine, F: Scalar, T: Scalar, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.gr::<F>(o.r2());
    let v = extend::<M, F, T>(m, SIGNED, v);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_rx<M: Machine, F: Scalar, T: Scalar, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<F>(ea)?;
    let v = extend::<M, F, T>(m, SIGNED, v);
    m.set_gr(o.r1(), v);
    Ok(())
}

/// R1 becomes bits 33-63 of `v`, with zeros on the left.
#[inline(always)]
fn set_31_bits<M: Machine>(m: &mut M, o: &Operands, v: M::Val<u32>) {
    let v = m.zext::<u32, u64>(v);
    let bits = m.imm(0x7FFF_FFFFu64);
    let v = m.and(v, bits);
    m.set_gr(o.r1(), v);
}

fn load_31_bits_rr<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.gr::<u32>(o.r2());
    set_31_bits(m, o, v);
    Ok(())
}

fn load_31_bits<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<u32>(ea)?;
    set_31_bits(m, o, v);
    Ok(())
}

fn load_and_test_rr<M: Machine, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.gr::<F>(o.r2());
    let v = extend::<M, F, T>(m, true, v);
    m.set_gr(o.r1(), v);
    m.cc_signed(v);
    Ok(())
}

fn load_and_test<M: Machine, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<F>(ea)?;
    let v = extend::<M, F, T>(m, true, v);
    m.set_gr(o.r1(), v);
    m.cc_signed(v);
    Ok(())
}

fn load_and_zero_rightmost_byte<M: Machine, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<F>(ea)?;
    let v = m.zext::<F, T>(v);
    let bits = m.imm(T::truncate(!0xFF));
    let v = m.and(v, bits);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_reversed_rr<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.gr::<T>(o.r2());
    let v = m.swap_bytes(v);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_reversed<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<T>(ea)?;
    let v = m.swap_bytes(v);
    m.set_gr(o.r1(), v);
    Ok(())
}

/// Specification exception when the relative operand is not on an integral boundary.
#[inline(always)]
fn require_aligned_relative<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    // Relative addresses are even.
    if T::BYTES <= 2 {
        return Ok(());
    }
    let address = m.relative_address(o);
    let offset = m.imm(T::BYTES - 1);
    let offset = m.and(address, offset);
    let zero = m.imm(0u64);
    let aligned = m.eq(offset, zero);
    let misaligned = m.not_cond(aligned);
    m.raise_if(misaligned, ProgramCode::SPECIFICATION)
}

/// A relative operand, which must be on an integral boundary.
#[inline(always)]
pub(super) fn load_aligned_relative<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<M::Val<T>, Exit> {
    require_aligned_relative::<M, T>(m, o)?;
    m.load_relative::<T>(o)
}

fn load_relative<M: Machine, F: Scalar, T: Scalar, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = load_aligned_relative::<M, F>(m, o)?;
    let v = extend::<M, F, T>(m, SIGNED, v);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_immediate<M: Machine, T: Scalar, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = immediate::<M, u32, T>(m, o, SIGNED);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_shifted_immediate<M: Machine, const SHIFT: u32>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.imm(u64::from(o.i2() as u32) << SHIFT);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_address<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    m.set_gr_address(o.r1(), ea.address);
    Ok(())
}

/// Index and displacement are added as words; the sum, with its sign or without, counts things of 2^`SHIFT` bytes.
fn load_indexed_address<M: Machine, const SIGNED: bool, const SHIFT: u32>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let mut index = m.imm(o.d2() as u32);
    if o.x2() != 0 {
        let register = m.gr::<u32>(o.x2());
        index = m.add(register, index);
    }
    let index = extend::<M, u32, u64>(m, SIGNED, index);
    let shift = m.imm(SHIFT);
    let mut address = m.shl(index, shift);
    if o.b2() != 0 {
        let base = m.gr::<u64>(o.b2());
        address = m.add(base, address);
    }
    let address = m.wrap(address);
    m.set_gr_address(o.r1(), address);
    Ok(())
}

fn load_address_relative<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let address = m.relative_address(o);
    m.set_gr_address(o.r1(), address);
    Ok(())
}

fn store_rx<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.gr::<T>(o.r1());
    m.store(ea, v)
}

fn store_reversed<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.gr::<T>(o.r1());
    let v = m.swap_bytes(v);
    m.store(ea, v)
}

fn store_relative<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_aligned_relative::<M, T>(m, o)?;
    let v = m.gr::<T>(o.r1());
    m.store_relative(o, v)
}

fn move_immediate<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d1b1(m, o);
    let v = immediate::<M, u32, T>(m, o, true);
    m.store(ea, v)
}
