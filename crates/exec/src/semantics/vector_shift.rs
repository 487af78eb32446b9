//! Shifts and rotations of vector elements and of whole vector registers.
//! Source: Principles of Operation, chapter 22: VECTOR ELEMENT SHIFT …, ELEMENT ROTATE …, VECTOR SHIFT ….

use softsie_cpu::Exit;
use softsie_isa::Operands;

use super::vector_form::{require, vector_instructions};
use crate::machine::Machine;
use crate::operand::shift_amount;
use crate::vector_op::{VectorOp3, VectorShift};

semantics! {
    simple {
        VESL => elements_left, VESRL => elements_right, VESRA => elements_right_arithmetic, VERLL => elements_rotate,
        VESLV => each_left, VESRLV => each_right, VESRAV => each_right_arithmetic, VERLLV => each_rotate,
        VERIM => rotate_and_insert,
        VSL => left, VSRL => right, VSRA => right_arithmetic,
        VSLB => left_by_byte, VSRLB => right_by_byte, VSRAB => right_arithmetic_by_byte,
        VSLDB => left_double_by_byte, VSLD => left_double, VSRD => right_double,
    }
    heavy {}
}

vector_instructions! {
    binary {
        each_left = ShiftLeft(0..=3);
        each_right = ShiftRightLogical(0..=3);
        each_right_arithmetic = ShiftRightArithmetic(0..=3);
        each_rotate = RotateLeft(0..=3);
    }
    whole {
        left = BitShiftLeft;
        right = BitShiftRight;
        right_arithmetic = BitShiftRightArithmetic;
        left_by_byte = ByteShiftLeft;
        right_by_byte = ByteShiftRight;
        right_arithmetic_by_byte = ByteShiftRightArithmetic;
    }
}

/// Shifts the elements, of size M4, of V3 by the second-operand address.
#[inline(always)]
fn all_elements<M: Machine>(m: &mut M, o: &Operands, op: VectorShift) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.m4() <= 3)?;
    let a = m.vr(o.v3());
    // No element has more than 64 bits, so that the rightmost six bits of the address are the amount.
    let amount = shift_amount(m, o);
    let v = m.vector_shift(op, o.m4(), a, amount);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn elements_left<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    all_elements(m, o, VectorShift::Left)
}

fn elements_right<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    all_elements(m, o, VectorShift::RightLogical)
}

fn elements_right_arithmetic<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    all_elements(m, o, VectorShift::RightArithmetic)
}

fn elements_rotate<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    all_elements(m, o, VectorShift::RotateLeft)
}

fn rotate_and_insert<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.m5() <= 3)?;
    let (old, a, mask) = (m.vr(o.v1()), m.vr(o.v2()), m.vr(o.v3()));
    let amount = m.imm(u32::from(o.i4()));
    let rotated = m.vector_shift(VectorShift::RotateLeft, o.m5(), a, amount);
    let v = m.vector3(VectorOp3::Select, 0, rotated, old, mask);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// V1 from V2 and V3 side by side, from bit `bits` on; I4 may be at most `largest`.
#[inline(always)]
fn double<M: Machine>(m: &mut M, o: &Operands, largest: u8, bits: u8) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.i4() <= largest)?;
    let (a, b) = (m.vr(o.v2()), m.vr(o.v3()));
    let v = m.concat_shift_left(a, b, bits);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn left_double_by_byte<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    double(m, o, 15, (o.i4() & 15) * 8)
}

fn left_double<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    double(m, o, 7, o.i4() & 7)
}

fn right_double<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    double(m, o, 7, 128 - (o.i4() & 7))
}
