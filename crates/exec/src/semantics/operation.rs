//! What two-operand instructions compute, as types, and the operand forms that they share: RR, RRF, RX, RI, RIE.
//! Source: Principles of Operation, chapter 7, Use of the operand formats; the operations are in the files that name them.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2x2b2;

/// What an instruction makes of two operands of one width.
pub(super) trait Operation {
    /// Whether a second operand that is shorter than the first is sign-extended.
    const SIGNED: bool;

    /// The result, and when it may be a fixed-point overflow, whether. Sets the CC if the instruction does.
    fn apply<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> (M::Val<T>, Option<M::Cond>);
}

/// `v` as an operand of the width of `T`.
#[inline(always)]
pub(super) fn extend<M: Machine, F: Scalar, T: Scalar>(m: &mut M, signed: bool, v: M::Val<F>) -> M::Val<T> {
    if F::BITS == T::BITS || !signed { m.zext(v) } else { m.sext(v) }
}

/// I2 as an `F`, extended to a `T`.
#[inline(always)]
pub(super) fn immediate<M: Machine, F: Scalar, T: Scalar>(m: &mut M, o: &Operands, signed: bool) -> M::Val<T> {
    let v = F::truncate(i128::from(o.i2()) as u128);
    m.imm(T::truncate(if signed { v.widen_signed() as u128 } else { v.widen() }))
}

/// Puts the result of `X` into register `r1`.
#[inline(always)]
fn compute<M: Machine, X: Operation, T: Scalar>(m: &mut M, r1: u8, a: M::Val<T>, b: M::Val<T>) -> Result<(), Exit> {
    let (v, overflow) = X::apply(m, a, b);
    m.set_gr(r1, v);
    overflow.map_or(Ok(()), |c| m.fixed_point_overflow(c))
}

/// R1 and R2, of which the rightmost `F`.
pub(super) fn rr<M: Machine, X: Operation, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r1()), m.gr::<F>(o.r2()));
    let b = extend::<M, F, T>(m, X::SIGNED, b);
    compute::<M, X, T>(m, o.r1(), a, b)
}

/// R2 and R3.
pub(super) fn rrr<M: Machine, X: Operation, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r2()), m.gr::<T>(o.r3()));
    compute::<M, X, T>(m, o.r1(), a, b)
}

/// R1 and an `F` in storage.
pub(super) fn rx<M: Machine, X: Operation, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let b = m.load::<F>(ea)?;
    let b = extend::<M, F, T>(m, X::SIGNED, b);
    let a = m.gr::<T>(o.r1());
    compute::<M, X, T>(m, o.r1(), a, b)
}

/// R1 and an immediate `F`.
pub(super) fn ri<M: Machine, X: Operation, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let a = m.gr::<T>(o.r1());
    let b = immediate::<M, F, T>(m, o, X::SIGNED);
    compute::<M, X, T>(m, o.r1(), a, b)
}

/// R3 and a signed immediate.
pub(super) fn rri<M: Machine, X: Operation, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let a = m.gr::<T>(o.r3());
    let b = immediate::<M, u32, T>(m, o, true);
    compute::<M, X, T>(m, o.r1(), a, b)
}
