//! Comparisons of vectors, element by element into a mask, of one element, and test under mask.
//! Source: Principles of Operation, chapter 22: VECTOR COMPARE …, VECTOR ELEMENT COMPARE …, VECTOR TEST UNDER MASK.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use super::vector_form::{ALL, Sizes, binary, cc_of_mask, enhanced, require};
use crate::machine::Machine;
use crate::vector_op::VectorOp;

semantics! {
    simple {
        VCEQ => compare_equal, VCH => compare_high, VCHL => compare_high_logical,
        VEC => element_compare, VECL => element_compare_logical, VTM => test_under_mask,
    }
    heavy {}
}

/// Compares; bit 3 of M5 asks for the condition code: 0 true for all elements, 1 for some, 3 for none.
#[inline(always)]
fn compare<M: Machine>(m: &mut M, o: &Operands, op: VectorOp, sizes: Sizes) -> Result<(), Exit> {
    binary(m, o, op, sizes, None)?;
    if o.m5() & 1 != 0 {
        let (v, ones) = (m.vr(o.v1()), m.imm(u128::MAX));
        cc_of_mask(m, v, ones, 3, 0);
    }
    Ok(())
}

/// Defines instructions by the comparison; vector-enhancements facility 3 added quadwords.
macro_rules! comparisons {
    ($($name:ident = $op:ident;)*) => {$(
        fn $name<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
            if o.m4() == 4 {
                return m.call(enhanced!(|cpu, o| compare(cpu, o, VectorOp::$op, ALL)), o);
            }
            compare(m, o, VectorOp::$op, 0..=3)
        }
    )*};
}

comparisons! {
    compare_equal = CompareEqual;
    compare_high = CompareHigh;
    compare_high_logical = CompareHighLogical;
}

/// The rightmost elements of the left doublewords.
#[inline(always)]
fn two_elements<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> (M::Val<T>, M::Val<T>) {
    let (a, b) = (m.vr(o.v1()), m.vr(o.v2()));
    let index = (8 / T::BYTES - 1) as u8;
    (m.element::<T>(a, index), m.element::<T>(b, index))
}

#[inline(always)]
fn compare_signed<M: Machine, T: Scalar>(m: &mut M, o: &Operands) {
    let (a, b) = two_elements::<M, T>(m, o);
    m.cc_compare_signed(a, b);
}

#[inline(always)]
fn compare_unsigned<M: Machine, T: Scalar>(m: &mut M, o: &Operands) {
    let (a, b) = two_elements::<M, T>(m, o);
    m.cc_compare(a, b);
}

fn element_compare<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    if o.m3() == 4 {
        return m.call(
            enhanced!(|cpu, o| {
                let (a, b) = (cpu.vr(o.v1()), cpu.vr(o.v2()));
                cpu.cc_compare_signed(a, b);
                Ok(())
            }),
            o,
        );
    }
    m.require_vector()?;
    require(o.m3() <= 3)?;
    match o.m3() {
        0 => compare_signed::<M, u8>(m, o),
        1 => compare_signed::<M, u16>(m, o),
        2 => compare_signed::<M, u32>(m, o),
        _ => compare_signed::<M, u64>(m, o),
    }
    Ok(())
}

fn element_compare_logical<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    if o.m3() == 4 {
        return m.call(
            enhanced!(|cpu, o| {
                let (a, b) = (cpu.vr(o.v1()), cpu.vr(o.v2()));
                cpu.cc_compare(a, b);
                Ok(())
            }),
            o,
        );
    }
    m.require_vector()?;
    require(o.m3() <= 3)?;
    match o.m3() {
        0 => compare_unsigned::<M, u8>(m, o),
        1 => compare_unsigned::<M, u16>(m, o),
        2 => compare_unsigned::<M, u32>(m, o),
        _ => compare_unsigned::<M, u64>(m, o),
    }
    Ok(())
}

fn test_under_mask<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    let (a, mask) = (m.vr(o.v1()), m.vr(o.v2()));
    let selected = m.and(a, mask);
    cc_of_mask(m, selected, mask, 0, 3);
    Ok(())
}
