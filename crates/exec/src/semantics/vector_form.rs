//! The shapes that vector instructions share: availability, valid element sizes, operands, condition codes of masks.
//! Source: Principles of Operation, chapter 21, Vector Overview: vector-instruction data exception, element-size controls.

use std::ops::RangeInclusive;

use softsie_cpu::{Cpu, Exit, Handler};
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

/// Element sizes that vector-enhancements facility 3 adds to an instruction, and the function that does the instruction on
/// the CPU, whose model tells whether there is that facility.
pub(super) type Enhanced = Option<(Sizes, Handler)>;

/// The checks of an instruction with an element size that vector-enhancements facility 3 added.
pub(super) fn require_enhancement_3(cpu: &mut Cpu) -> Result<(), Exit> {
    cpu.require_vector()?;
    require(cpu.model.facilities.has(198))
}

/// The function on the CPU for the added element sizes: `f` without a look at the size.
macro_rules! enhanced {
    (|$cpu:ident, $o:ident| $f:expr) => {
        |$cpu: &mut softsie_cpu::Cpu, $o: &softsie_isa::Operands| {
            $crate::semantics::vector_form::require_enhancement_3($cpu)?;
            $f
        }
    };
}
pub(super) use enhanced;

/// Every element size.
pub(super) const ALL: Sizes = 0..=4;

/// V1 from V2, element size M3.
#[inline(always)]
pub(super) fn unary<M: Machine>(
    m: &mut M,
    o: &Operands,
    op: VectorOp1,
    sizes: Sizes,
    enhanced: Enhanced,
) -> Result<(), Exit> {
    if let Some((_, f)) = enhanced.filter(|e| e.0.contains(&o.m3())) {
        return m.call(f, o);
    }
    m.require_vector()?;
    require(sizes.contains(&o.m3()))?;
    let a = m.vr(o.v2());
    let v = m.vector1(op, o.m3(), a);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// V1 from V2 and V3, element size M4.
#[inline(always)]
pub(super) fn binary<M: Machine>(
    m: &mut M,
    o: &Operands,
    op: VectorOp,
    sizes: Sizes,
    enhanced: Enhanced,
) -> Result<(), Exit> {
    if let Some((_, f)) = enhanced.filter(|e| e.0.contains(&o.m4())) {
        return m.call(f, o);
    }
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

/// Defines instructions by the operation of the engine that they are and the element sizes they accept: always, and with
/// vector-enhancements facility 3.
macro_rules! vector_instructions {
    ($($form:ident { $($name:ident = $op:ident $(($($sizes:expr),*))?;)* })*) => {$($(
        fn $name<M: $crate::machine::Machine>(m: &mut M, o: &softsie_isa::Operands) -> Result<(), softsie_cpu::Exit> {
            $crate::semantics::vector_form::vector_instructions!(@call $form m o $op $($($sizes),*)?)
        }
    )*)*};
    (@call unary $m:ident $o:ident $op:ident $sizes:expr $(, $more:expr)?) => {
        $crate::semantics::vector_form::unary($m, $o, $crate::vector_op::VectorOp1::$op, $sizes, None$(.or_else(|| {
            use $crate::semantics::vector_form::{ALL, enhanced, unary};
            Some(($more, enhanced!(|cpu, o| unary(cpu, o, $crate::vector_op::VectorOp1::$op, ALL, None)) as _))
        }))?)
    };
    (@call binary $m:ident $o:ident $op:ident $sizes:expr $(, $more:expr)?) => {
        $crate::semantics::vector_form::binary($m, $o, $crate::vector_op::VectorOp::$op, $sizes, None$(.or_else(|| {
            use $crate::semantics::vector_form::{ALL, binary, enhanced};
            Some(($more, enhanced!(|cpu, o| binary(cpu, o, $crate::vector_op::VectorOp::$op, ALL, None)) as _))
        }))?)
    };
    (@call whole $m:ident $o:ident $op:ident) => {
        $crate::semantics::vector_form::whole($m, $o, $crate::vector_op::VectorOp::$op)
    };
}
pub(super) use vector_instructions;
