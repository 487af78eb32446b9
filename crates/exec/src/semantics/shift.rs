//! Shifts and rotations of single registers and register pairs.
//! Source: Principles of Operation, chapter 7: SHIFT LEFT/RIGHT SINGLE/DOUBLE (LOGICAL), ROTATE LEFT SINGLE LOGICAL.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::shift_amount;

semantics! {
    simple {
        SLL => in_place[u32, Left], SRL => in_place[u32, Right], SRA => in_place[u32, RightSigned],
        SLA => in_place[u32, LeftSigned],
        SLLK => from_r3[u32, Left], SRLK => from_r3[u32, Right], SRAK => from_r3[u32, RightSigned],
        SLAK => from_r3[u32, LeftSigned],
        SLLG => from_r3[u64, Left], SRLG => from_r3[u64, Right], SRAG => from_r3[u64, RightSigned],
        SLAG => from_r3[u64, LeftSigned],
        RLL => from_r3[u32, Rotate], RLLG => from_r3[u64, Rotate],
        SLDL => double[Left], SRDL => double[Right], SRDA => double[RightSigned], SLDA => double[LeftSigned],
    }
    heavy {}
}

/// A kind of shift.
trait Shift {
    /// The result, and when it may be an overflow, whether. Sets the CC if the instruction does.
    fn apply<M: Machine, T: Scalar>(m: &mut M, v: M::Val<T>, amount: M::Val<u32>) -> (M::Val<T>, Option<M::Cond>);
}

struct Left;
struct Right;
struct LeftSigned;
struct RightSigned;
struct Rotate;

impl Shift for Left {
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, v: M::Val<T>, amount: M::Val<u32>) -> (M::Val<T>, Option<M::Cond>) {
        (m.shl(v, amount), None)
    }
}

impl Shift for Right {
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, v: M::Val<T>, amount: M::Val<u32>) -> (M::Val<T>, Option<M::Cond>) {
        (m.shr(v, amount), None)
    }
}

impl Shift for RightSigned {
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, v: M::Val<T>, amount: M::Val<u32>) -> (M::Val<T>, Option<M::Cond>) {
        let v = m.sar(v, amount);
        m.cc_signed(v);
        (v, None)
    }
}

impl Shift for LeftSigned {
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, v: M::Val<T>, amount: M::Val<u32>) -> (M::Val<T>, Option<M::Cond>) {
        let sign = m.imm(T::truncate(1 << (T::BITS - 1)));
        let numeric = m.imm(T::truncate(u128::MAX >> (129 - T::BITS)));
        // The sign stays, the other bits are shifted.
        let kept = m.and(v, sign);
        let shifted = m.shl(v, amount);
        let shifted = m.and(shifted, numeric);
        let result = m.or(kept, shifted);
        // A bit unlike the sign has been lost when the bits that differ from the sign do not come back.
        let all_signs = m.imm(T::BITS - 1);
        let signs = m.sar(v, all_signs);
        let unlike = m.xor(v, signs);
        let there = m.shl(unlike, amount);
        let there = m.and(there, numeric);
        let back = m.shr(there, amount);
        let same = m.eq(back, unlike);
        let mut overflow = m.not_cond(same);
        if T::BITS < 64 {
            // Zeros that came in on the right are lost too, and are unlike the sign of a negative number.
            let (furthest, zero) = (m.imm(T::BITS - 1), m.imm(T::default()));
            let too_far = m.lt(furthest, amount);
            let negative = m.lt_signed(v, zero);
            let lost = m.both(too_far, negative);
            overflow = m.either(overflow, lost);
        }
        m.cc_signed_overflow(result, overflow);
        (result, Some(overflow))
    }
}

impl Shift for Rotate {
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, v: M::Val<T>, amount: M::Val<u32>) -> (M::Val<T>, Option<M::Cond>) {
        (m.rotl(v, amount), None)
    }
}

#[inline(always)]
fn shift<M: Machine, T: Scalar, X: Shift>(m: &mut M, o: &Operands, source: u8) -> Result<(), Exit> {
    let amount = shift_amount(m, o);
    let v = m.gr::<T>(source);
    let (v, overflow) = X::apply(m, v, amount);
    m.set_gr(o.r1(), v);
    overflow.map_or(Ok(()), |c| m.fixed_point_overflow(c))
}

fn in_place<M: Machine, T: Scalar, X: Shift>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    shift::<M, T, X>(m, o, o.r1())
}

fn from_r3<M: Machine, T: Scalar, X: Shift>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    shift::<M, T, X>(m, o, o.r3())
}

/// The rightmost words of an even-odd pair as a doubleword.
#[inline(always)]
pub(super) fn pair<M: Machine>(m: &mut M, r: u8) -> M::Val<u64> {
    let (high, low) = (m.gr::<u32>(r), m.gr::<u32>(r | 1));
    let (high, low) = (m.zext::<u32, u64>(high), m.zext::<u32, u64>(low));
    let shift = m.imm(32);
    let high = m.shl(high, shift);
    m.or(high, low)
}

/// Puts a doubleword into the rightmost words of an even-odd pair.
#[inline(always)]
pub(super) fn set_pair<M: Machine>(m: &mut M, r: u8, v: M::Val<u64>) {
    let shift = m.imm(32);
    let high = m.shr(v, shift);
    let (high, low) = (m.trunc::<u64, u32>(high), m.trunc::<u64, u32>(v));
    m.set_gr(r, high);
    m.set_gr(r | 1, low);
}

fn double<M: Machine, X: Shift>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    if o.r1() & 1 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let amount = shift_amount(m, o);
    let v = pair(m, o.r1());
    let (v, overflow) = X::apply(m, v, amount);
    set_pair(m, o.r1(), v);
    overflow.map_or(Ok(()), |c| m.fixed_point_overflow(c))
}
