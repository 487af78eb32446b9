//! Addition and subtraction of general registers, storage and immediates: signed, logical, with carry and borrow.
//! Source: Principles of Operation, chapter 7: ADD, ADD HALFWORD, ADD IMMEDIATE, ADD LOGICAL, SUBTRACT ….

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use super::operation::{Operation, ri, rr, rri, rrr, rx};
use crate::machine::Machine;

semantics! {
    simple {
        AR => rr[Add, u32, u32], AGR => rr[Add, u64, u64], AGFR => rr[Add, u32, u64],
        ARK => rrr[Add, u32], AGRK => rrr[Add, u64],
        A => rx[Add, u32, u32], AY => rx[Add, u32, u32], AG => rx[Add, u64, u64], AGF => rx[Add, u32, u64],
        AH => rx[Add, u16, u32], AHY => rx[Add, u16, u32], AGH => rx[Add, u16, u64],
        AHI => ri[Add, u32, u32], AGHI => ri[Add, u32, u64], AFI => ri[Add, u32, u32], AGFI => ri[Add, u32, u64],
        AHIK => rri[Add, u32], AGHIK => rri[Add, u64],
        ALR => rr[AddLogical, u32, u32], ALGR => rr[AddLogical, u64, u64], ALGFR => rr[AddLogical, u32, u64],
        ALRK => rrr[AddLogical, u32], ALGRK => rrr[AddLogical, u64],
        AL => rx[AddLogical, u32, u32], ALY => rx[AddLogical, u32, u32],
        ALG => rx[AddLogical, u64, u64], ALGF => rx[AddLogical, u32, u64],
        ALFI => ri[AddLogical, u32, u32], ALGFI => ri[AddLogical, u32, u64],
        ALHSIK => rri[AddLogical, u32], ALGHSIK => rri[AddLogical, u64],
        ALCR => rr[AddWithCarry, u32, u32], ALCGR => rr[AddWithCarry, u64, u64],
        ALC => rx[AddWithCarry, u32, u32], ALCG => rx[AddWithCarry, u64, u64],
        SR => rr[Subtract, u32, u32], SGR => rr[Subtract, u64, u64], SGFR => rr[Subtract, u32, u64],
        SRK => rrr[Subtract, u32], SGRK => rrr[Subtract, u64],
        S => rx[Subtract, u32, u32], SY => rx[Subtract, u32, u32], SG => rx[Subtract, u64, u64],
        SGF => rx[Subtract, u32, u64],
        SH => rx[Subtract, u16, u32], SHY => rx[Subtract, u16, u32], SGH => rx[Subtract, u16, u64],
        SLR => rr[SubtractLogical, u32, u32], SLGR => rr[SubtractLogical, u64, u64],
        SLGFR => rr[SubtractLogical, u32, u64], SLRK => rrr[SubtractLogical, u32], SLGRK => rrr[SubtractLogical, u64],
        SL => rx[SubtractLogical, u32, u32], SLY => rx[SubtractLogical, u32, u32],
        SLG => rx[SubtractLogical, u64, u64], SLGF => rx[SubtractLogical, u32, u64],
        SLFI => ri[SubtractLogical, u32, u32], SLGFI => ri[SubtractLogical, u32, u64],
        SLBR => rr[SubtractWithBorrow, u32, u32], SLBGR => rr[SubtractWithBorrow, u64, u64],
        SLB => rx[SubtractWithBorrow, u32, u32], SLBG => rx[SubtractWithBorrow, u64, u64],
        LCR => complement[u32, u32], LCGR => complement[u64, u64], LCGFR => complement[u32, u64],
        LPR => positive[u32, u32], LPGR => positive[u64, u64], LPGFR => positive[u32, u64],
        LNR => negative[u32, u32], LNGR => negative[u64, u64], LNGFR => negative[u32, u64],
    }
    heavy {}
}

/// Signed addition.
pub(super) struct Add;
/// Unsigned addition.
pub(super) struct AddLogical;
/// Unsigned addition of two operands and the carry in the CC.
struct AddWithCarry;
/// Signed subtraction.
pub(super) struct Subtract;
/// Unsigned subtraction.
pub(super) struct SubtractLogical;
/// Unsigned subtraction of an operand and the borrow in the CC.
struct SubtractWithBorrow;

impl Operation for Add {
    const SIGNED: bool = true;
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> (M::Val<T>, Option<M::Cond>) {
        let (v, overflow) = m.add_signed(a, b);
        m.cc_signed_overflow(v, overflow);
        (v, Some(overflow))
    }
}

impl Operation for AddLogical {
    const SIGNED: bool = false;
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> (M::Val<T>, Option<M::Cond>) {
        let (v, carry) = m.add_carry(a, b);
        m.cc_add_logical(v, carry);
        (v, None)
    }
}

impl Operation for AddWithCarry {
    const SIGNED: bool = false;
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> (M::Val<T>, Option<M::Cond>) {
        // CC 2 and 3 say that there was a carry.
        let carry_in = m.cc_is(0b0011);
        let (v, carry) = m.add_with_carry(a, b, carry_in);
        m.cc_add_logical(v, carry);
        (v, None)
    }
}

impl Operation for Subtract {
    const SIGNED: bool = true;
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> (M::Val<T>, Option<M::Cond>) {
        let (v, overflow) = m.sub_signed(a, b);
        m.cc_signed_overflow(v, overflow);
        (v, Some(overflow))
    }
}

impl Operation for SubtractLogical {
    const SIGNED: bool = false;
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> (M::Val<T>, Option<M::Cond>) {
        let (v, borrow) = m.sub_borrow(a, b);
        m.cc_subtract_logical(v, borrow);
        (v, None)
    }
}

impl Operation for SubtractWithBorrow {
    const SIGNED: bool = false;
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> (M::Val<T>, Option<M::Cond>) {
        // CC 0 and 1 say that there was a borrow.
        let borrow_in = m.cc_is(0b1100);
        let (v, borrow) = m.sub_with_borrow(a, b, borrow_in);
        m.cc_subtract_logical(v, borrow);
        (v, None)
    }
}

/// R2, of which the rightmost `F`: itself, its complement, and whether the complement overflows.
#[inline(always)]
fn second<M: Machine, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> (M::Val<T>, M::Val<T>, M::Cond) {
    let v = m.gr::<F>(o.r2());
    let v = super::operation::extend::<M, F, T>(m, true, v);
    let zero = m.imm(T::default());
    let (complement, overflow) = m.sub_signed(zero, v);
    (v, complement, overflow)
}

fn complement<M: Machine, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (_, v, overflow) = second::<M, F, T>(m, o);
    m.set_gr(o.r1(), v);
    m.cc_signed_overflow(v, overflow);
    m.fixed_point_overflow(overflow)
}

fn positive<M: Machine, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (v, complement, overflow) = second::<M, F, T>(m, o);
    let zero = m.imm(T::default());
    let is_negative = m.lt_signed(v, zero);
    let v = m.select(is_negative, complement, v);
    m.set_gr(o.r1(), v);
    m.cc_signed_overflow(v, overflow);
    m.fixed_point_overflow(overflow)
}

fn negative<M: Machine, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (v, complement, _) = second::<M, F, T>(m, o);
    let zero = m.imm(T::default());
    let is_negative = m.lt_signed(v, zero);
    let v = m.select(is_negative, v, complement);
    m.set_gr(o.r1(), v);
    m.cc_signed(v);
    Ok(())
}
