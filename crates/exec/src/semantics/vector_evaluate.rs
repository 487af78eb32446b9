//! Vector instructions that choose bits and elements: any function of three bits, blending, masks of elements from bits.
//! Source: Principles of Operation, chapters 21 and 22: VECTOR EVALUATE, VECTOR BLEND, VECTOR GENERATE ELEMENT MASKS.

use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use super::vector_form::require;
use crate::machine::Machine;
use crate::vector_op::{VectorOp, VectorOp3};

semantics! {
    simple { VEVAL => evaluate, VBLEND => blend, VGEM => generate_masks }
    heavy {}
}

/// A function of one bit: the bits of `table` are its values for 0 and 1.
fn of_one<M: Machine>(m: &mut M, table: u8, a: M::Val<u128>) -> M::Val<u128> {
    match table & 3 {
        0 => m.imm(0),
        1 => a,
        2 => {
            let zero = m.imm(0);
            m.vector(VectorOp::Nor, 0, a, zero)
        }
        _ => m.imm(u128::MAX),
    }
}

/// `ones` where `mask` has ones, else `zeros`.
fn choose<M: Machine>(m: &mut M, mask: M::Val<u128>, ones: M::Val<u128>, zeros: M::Val<u128>) -> M::Val<u128> {
    m.vector3(VectorOp3::Select, 0, ones, zeros, mask)
}

/// A function of two bits: `table` has its values for 00, 01, 10, 11.
fn of_two<M: Machine>(m: &mut M, table: u8, a: M::Val<u128>, b: M::Val<u128>) -> M::Val<u128> {
    let (zero, one) = (of_one(m, table >> 2, b), of_one(m, table, b));
    choose(m, a, one, zero)
}

fn evaluate<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    let (a, b, c) = (m.vr(o.v2()), m.vr(o.v3()), m.vr(o.v4()));
    let (zero, one) = (of_two(m, o.i5() >> 4, b, c), of_two(m, o.i5(), b, c));
    let v = choose(m, a, one, zero);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// Elements of V2 where those of V4 are negative, else of V3.
fn blend<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.m5() <= 4)?;
    let (a, b, c) = (m.vr(o.v2()), m.vr(o.v3()), m.vr(o.v4()));
    let zero = m.imm(0u128);
    let mask = m.vector(VectorOp::CompareHigh, o.m5(), zero, c);
    let v = choose(m, mask, a, b);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn generate_masks<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.m3() <= 4)?;
    m.call_vector(generate_masks_on_cpu, o)
}

/// Ones or zeros in each element as the leftmost bits of V2 say.
fn generate_masks_on_cpu(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let bits = cpu.vr(o.v2());
    let width = 8u32 << o.m3();
    let element = u128::MAX >> (128 - width);
    let masks = (0..128 / width).fold(0, |masks, n| {
        let place = 128 - width * (n + 1);
        masks | (0u128.wrapping_sub(bits >> (127 - n) & 1) & element) << place
    });
    cpu.set_vr(o.v1(), masks);
    Ok(())
}
