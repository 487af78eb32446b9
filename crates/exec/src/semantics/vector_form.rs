//! The shapes that vector instructions share: availability, valid element sizes, operands, condition codes of masks.
//! Source: Principles of Operation, chapter 21, Vector Overview: vector-instruction data exception, element-size controls.

use std::ops::RangeInclusive;

use softsie_cpu::Exit;
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::vector_op::{VectorOp, VectorOp1};

/// Element sizes, as log2 of bytes, that an instruction accepts.
pub(super) type Sizes = RangeInclusive<u8>;

/// Specification exception unless `valid`.
#[inline(always)]
pub(super) fn require(valid: bool) -> Result<(), Exit> {
    if valid { Ok(()) } else { Err(Exit::SPECIFICATION) }
}

/// V1 from V2, element size M3.
#[inline(always)]
pub(super) fn unary<M: Machine>(m: &mut M, o: &Operands, op: VectorOp1, sizes: Sizes) -> Result<(), Exit> {
    m.require_vector()?;
    require(sizes.contains(&o.m3()))?;
    let a = m.vr(o.v2());
    let v = m.vector1(op, o.m3(), a);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// V1 from V2 and V3, element size M4.
#[inline(always)]
pub(super) fn binary<M: Machine>(m: &mut M, o: &Operands, op: VectorOp, sizes: Sizes) -> Result<(), Exit> {
    m.require_vector()?;
    require(sizes.contains(&o.m4()))?;
    let (a, b) = (m.vr(o.v2()), m.vr(o.v3()));
    let v = m.vector(op, o.m4(), a, b);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// V1 from V2 and V3 for an instruction without element size.
#[inline(always)]
pub(super) fn whole<M: Machine>(m: &mut M, o: &Operands, op: VectorOp) -> Result<(), Exit> {
    m.require_vector()?;
    let (a, b) = (m.vr(o.v2()), m.vr(o.v3()));
    let v = m.vector(op, 0, a, b);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// Sets the CC to `none` when no bit of `v` is on, `all` when all bits of `mask` are, else 1; `v` has no others.
#[inline(always)]
pub(super) fn cc_of_mask<M: Machine>(m: &mut M, v: M::Val<u128>, mask: M::Val<u128>, none: u8, all: u8) {
    let zero = m.imm(0u128);
    let is_none = m.eq(v, zero);
    let is_all = m.eq(v, mask);
    let (none, all, some) = (m.imm(none), m.imm(all), m.imm(1u8));
    let cc = m.select(is_all, all, some);
    let cc = m.select(is_none, none, cc);
    m.set_cc(cc);
}

/// Defines instructions by the operation of the engine that they are and the element sizes they accept.
macro_rules! vector_instructions {
    ($($form:ident { $($name:ident = $op:ident $(($sizes:expr))?;)* })*) => {$($(
        fn $name<M: $crate::machine::Machine>(m: &mut M, o: &softsie_isa::Operands) -> Result<(), softsie_cpu::Exit> {
            vector_instructions!(@call $form m o $op $($sizes)?)
        }
    )*)*};
    (@call unary $m:ident $o:ident $op:ident $sizes:expr) => {
        $crate::semantics::vector_form::unary($m, $o, $crate::vector_op::VectorOp1::$op, $sizes)
    };
    (@call binary $m:ident $o:ident $op:ident $sizes:expr) => {
        $crate::semantics::vector_form::binary($m, $o, $crate::vector_op::VectorOp::$op, $sizes)
    };
    (@call whole $m:ident $o:ident $op:ident) => {
        $crate::semantics::vector_form::whole($m, $o, $crate::vector_op::VectorOp::$op)
    };
}
pub(super) use vector_instructions;
