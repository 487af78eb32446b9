//! Instructions that make vectors of constants and move elements about: generate, replicate, merge, pack, permute, unpack.
//! Source: Principles of Operation, chapter 21, Vector Support Instructions.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use super::vector_form::{cc_of_mask, require, vector_instructions};
use crate::machine::Machine;
use crate::semantics::lanes;
use crate::vector_op::{VectorOp, VectorOp3};

semantics! {
    simple {
        VGBM => generate_byte_mask, VGM => generate_mask, VREPI => replicate_immediate, VREP => replicate,
        VLR => load_register, VSEL => select, VPERM => permute, VPDI => permute_doubleword, VBPERM => bit_permute,
        VMRH => merge_high, VMRL => merge_low,
        VPK => pack, VPKS => pack_saturate, VPKLS => pack_saturate_logical,
        VUPH => unpack_high, VUPLH => unpack_high_logical, VUPL => unpack_low, VUPLL => unpack_low_logical,
        VSEG => sign_extend,
    }
    heavy {}
}

vector_instructions! {
    unary {
        unpack_high = UnpackHigh(0..=2, 3..=3);
        unpack_high_logical = UnpackHighLogical(0..=2, 3..=3);
        unpack_low = UnpackLow(0..=2, 3..=3);
        unpack_low_logical = UnpackLowLogical(0..=2, 3..=3);
        sign_extend = SignExtendToDoubleword(0..=2);
    }
    binary {
        merge_high = MergeHigh(0..=3);
        merge_low = MergeLow(0..=3);
        pack = Pack(1..=3);
    }
    whole {
        bit_permute = BitPermute;
    }
}

fn generate_byte_mask<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    let mask = (0..16).filter(|n| o.i2() >> n & 1 != 0).fold(0, |mask, n| mask | 0xFFu128 << (8 * n));
    let v = m.imm(mask);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// Ones from bit I2 to bit I3 of each element, around the end when I2 is greater.
fn generate_mask<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.m4() <= 3)?;
    let bits = 8 << o.m4();
    let (start, end) = (o.i2() as u32 & (bits - 1), u32::from(o.i3()) & (bits - 1));
    // Bits of a doubleword that has the element at its right.
    let from_start = u64::MAX >> (64 - bits + start);
    let to_end = u64::MAX << (bits - 1 - end);
    let element = if start <= end { from_start & to_end } else { from_start | to_end };
    let v = m.imm(splat(o.m4(), element));
    m.set_vr(o.v1(), v);
    Ok(())
}

/// The rightmost bits of `element` in each element of 2^`es` bytes.
fn splat(es: u8, element: u64) -> u128 {
    match es {
        0 => lanes::splat(element as u8),
        1 => lanes::splat(element as u16),
        2 => lanes::splat(element as u32),
        _ => lanes::splat(element),
    }
}

fn replicate_immediate<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.m3() <= 3)?;
    let v = m.imm(splat(o.m3(), i64::from(o.i2()) as u64));
    m.set_vr(o.v1(), v);
    Ok(())
}

#[inline(always)]
fn replicate_element<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require((o.i2() as u32) < 128 / T::BITS)?;
    let a = m.vr(o.v3());
    let element = m.element::<T>(a, o.i2() as u8);
    let v = m.splat(element);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn replicate<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    match o.m4() {
        0 => replicate_element::<M, u8>(m, o),
        1 => replicate_element::<M, u16>(m, o),
        2 => replicate_element::<M, u32>(m, o),
        3 => replicate_element::<M, u64>(m, o),
        _ => Err(Exit::SPECIFICATION),
    }
}

fn load_register<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    let v = m.vr(o.v2());
    m.set_vr(o.v1(), v);
    Ok(())
}

#[inline(always)]
fn ternary<M: Machine>(m: &mut M, o: &Operands, op: VectorOp3) -> Result<(), Exit> {
    m.require_vector()?;
    let (a, b, c) = (m.vr(o.v2()), m.vr(o.v3()), m.vr(o.v4()));
    let v = m.vector3(op, 0, a, b, c);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn select<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    ternary(m, o, VectorOp3::Select)
}

fn permute<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    ternary(m, o, VectorOp3::Permute)
}

/// M4 says which doubleword of V2 (bit 1) and of V3 (bit 3).
fn permute_doubleword<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    let (a, b) = (m.vr(o.v2()), m.vr(o.v3()));
    let a = m.element::<u64>(a, o.m4() >> 2 & 1);
    let b = m.element::<u64>(b, o.m4() & 1);
    let v = m.splat(b);
    let v = m.set_element(v, 0, a);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// Packs with saturation; bit 3 of M5 asks for the condition code: 0 nothing saturated, 1 something, 3 everything.
#[inline(always)]
fn saturate<M: Machine>(m: &mut M, o: &Operands, op: VectorOp, saturated: VectorOp) -> Result<(), Exit> {
    m.require_vector()?;
    require((1..=3).contains(&o.m4()))?;
    let (a, b) = (m.vr(o.v2()), m.vr(o.v3()));
    let v = m.vector(op, o.m4(), a, b);
    m.set_vr(o.v1(), v);
    if o.m5() & 1 != 0 {
        let (v, ones) = (m.vector(saturated, o.m4(), a, b), m.imm(u128::MAX));
        cc_of_mask(m, v, ones, 0, 3);
    }
    Ok(())
}

fn pack_saturate<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    saturate(m, o, VectorOp::PackSaturate, VectorOp::PackSaturated)
}

fn pack_saturate_logical<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    saturate(m, o, VectorOp::PackSaturateLogical, VectorOp::PackSaturatedLogical)
}
