//! Multiplication and division of general registers, storage and immediates.
//! Source: Principles of Operation, chapter 7: MULTIPLY …, DIVIDE ….

use softsie_cpu::{Exit, ProgramCode, Scalar};
use softsie_isa::Operands;

use super::operation::{Operation, extend, ri, rr, rrr, rx};
use super::shift::{pair, set_pair};
use crate::machine::Machine;
use crate::operand::d2x2b2;

semantics! {
    simple {
        MSR => rr[Single, u32, u32], MSGR => rr[Single, u64, u64], MSGFR => rr[Single, u32, u64],
        MS => rx[Single, u32, u32], MSY => rx[Single, u32, u32], MSG => rx[Single, u64, u64],
        MSGF => rx[Single, u32, u64], MH => rx[Single, u16, u32], MHY => rx[Single, u16, u32],
        MGH => rx[Single, u16, u64],
        MHI => ri[Single, u32, u32], MGHI => ri[Single, u32, u64],
        MSFI => ri[Single, u32, u32], MSGFI => ri[Single, u32, u64],
        MSRKC => rrr[SingleWithCc, u32], MSGRKC => rrr[SingleWithCc, u64],
        MSC => rx[SingleWithCc, u32, u32], MSGC => rx[SingleWithCc, u64, u64],
        MR => words_rr[true], M => words_rx[true], MFY => words_rx[true],
        MLR => words_rr[false], ML => words_rx[false],
        MGRK => doublewords_rrr, MG => doublewords_rx[true],
        MLGR => doublewords_rr, MLG => doublewords_rx[false],
        DR => divide_words_rr[true], D => divide_words_rx[true],
        DLR => divide_words_rr[false], DL => divide_words_rx[false],
        DSGR => divide_single_rr[u64], DSGFR => divide_single_rr[u32],
        DSG => divide_single_rx[u64], DSGF => divide_single_rx[u32],
        DLGR => divide_quadword_rr, DLG => divide_quadword_rx,
    }
    heavy {}
}

/// Product of the operands' width.
struct Single;
/// Product of the operands' width, with CC and overflow.
struct SingleWithCc;

impl Operation for Single {
    const SIGNED: bool = true;
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> (M::Val<T>, Option<M::Cond>) {
        (m.mul(a, b), None)
    }
}

impl Operation for SingleWithCc {
    const SIGNED: bool = true;
    #[inline(always)]
    fn apply<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> (M::Val<T>, Option<M::Cond>) {
        let (v, overflow) = m.mul_signed(a, b);
        m.cc_signed_overflow(v, overflow);
        (v, Some(overflow))
    }
}

fn require_even(r: u8) -> Result<(), Exit> {
    if r & 1 == 0 { Ok(()) } else { Err(Exit::SPECIFICATION) }
}

/// The odd word of R1 times `b`, into the pair.
#[inline(always)]
fn words<M: Machine, const SIGNED: bool>(m: &mut M, r1: u8, b: M::Val<u32>) {
    let a = m.gr::<u32>(r1 | 1);
    let a = extend::<M, u32, u64>(m, SIGNED, a);
    let b = extend::<M, u32, u64>(m, SIGNED, b);
    let v = m.mul(a, b);
    set_pair(m, r1, v);
}

fn words_rr<M: Machine, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_even(o.r1())?;
    let b = m.gr::<u32>(o.r2());
    words::<M, SIGNED>(m, o.r1(), b);
    Ok(())
}

fn words_rx<M: Machine, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_even(o.r1())?;
    let ea = d2x2b2(m, o);
    let b = m.load::<u32>(ea)?;
    words::<M, SIGNED>(m, o.r1(), b);
    Ok(())
}

/// `a` times `b`, into the pair of R1.
#[inline(always)]
fn doublewords<M: Machine, const SIGNED: bool>(m: &mut M, r1: u8, a: M::Val<u64>, b: M::Val<u64>) {
    let a = extend::<M, u64, u128>(m, SIGNED, a);
    let b = extend::<M, u64, u128>(m, SIGNED, b);
    let v = m.mul(a, b);
    let (high, low) = m.split(v);
    m.set_gr(r1, high);
    m.set_gr(r1 | 1, low);
}

fn doublewords_rr<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_even(o.r1())?;
    let (a, b) = (m.gr::<u64>(o.r1() | 1), m.gr::<u64>(o.r2()));
    doublewords::<M, false>(m, o.r1(), a, b);
    Ok(())
}

fn doublewords_rrr<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_even(o.r1())?;
    let (a, b) = (m.gr::<u64>(o.r2()), m.gr::<u64>(o.r3()));
    doublewords::<M, true>(m, o.r1(), a, b);
    Ok(())
}

fn doublewords_rx<M: Machine, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_even(o.r1())?;
    let ea = d2x2b2(m, o);
    let b = m.load::<u64>(ea)?;
    let a = m.gr::<u64>(o.r1() | 1);
    doublewords::<M, SIGNED>(m, o.r1(), a, b);
    Ok(())
}

/// Fixed-point-divide exception when `divisor` is zero.
#[inline(always)]
fn require_divisor<M: Machine>(m: &mut M, divisor: M::Val<u64>) -> Result<(), Exit> {
    let zero = m.imm(0u64);
    let c = m.eq(divisor, zero);
    m.raise_if(c, ProgramCode::FIXED_POINT_DIVIDE)
}

/// Fixed-point-divide exception for the one quotient of signed doublewords that is too large.
#[inline(always)]
fn require_quotient<M: Machine>(m: &mut M, dividend: M::Val<u64>, divisor: M::Val<u64>) -> Result<(), Exit> {
    let (least, minus_one) = (m.imm(1u64 << 63), m.imm(u64::MAX));
    let a = m.eq(dividend, least);
    let b = m.eq(divisor, minus_one);
    let c = m.both(a, b);
    m.raise_if(c, ProgramCode::FIXED_POINT_DIVIDE)
}

/// The words of the pair R1 divided by `divisor`: remainder and quotient words into the pair.
#[inline(always)]
fn divide_words<M: Machine, const SIGNED: bool>(m: &mut M, r1: u8, divisor: M::Val<u32>) -> Result<(), Exit> {
    let dividend = pair(m, r1);
    let divisor = extend::<M, u32, u64>(m, SIGNED, divisor);
    require_divisor(m, divisor)?;
    let (quotient, remainder) = if SIGNED {
        require_quotient(m, dividend, divisor)?;
        m.div_rem_signed(dividend, divisor)
    } else {
        m.div_rem(dividend, divisor)
    };
    let word = m.trunc::<u64, u32>(quotient);
    let whole = extend::<M, u32, u64>(m, SIGNED, word);
    let fits = m.eq(whole, quotient);
    let overflow = m.not_cond(fits);
    m.raise_if(overflow, ProgramCode::FIXED_POINT_DIVIDE)?;
    let remainder = m.trunc::<u64, u32>(remainder);
    m.set_gr(r1, remainder);
    m.set_gr(r1 | 1, word);
    Ok(())
}

fn divide_words_rr<M: Machine, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_even(o.r1())?;
    let divisor = m.gr::<u32>(o.r2());
    divide_words::<M, SIGNED>(m, o.r1(), divisor)
}

fn divide_words_rx<M: Machine, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_even(o.r1())?;
    let ea = d2x2b2(m, o);
    let divisor = m.load::<u32>(ea)?;
    divide_words::<M, SIGNED>(m, o.r1(), divisor)
}

/// The odd register of R1 divided by `divisor`, signed: remainder and quotient into the pair.
#[inline(always)]
fn divide_single<M: Machine>(m: &mut M, r1: u8, divisor: M::Val<u64>) -> Result<(), Exit> {
    let dividend = m.gr::<u64>(r1 | 1);
    require_divisor(m, divisor)?;
    require_quotient(m, dividend, divisor)?;
    let (quotient, remainder) = m.div_rem_signed(dividend, divisor);
    m.set_gr(r1, remainder);
    m.set_gr(r1 | 1, quotient);
    Ok(())
}

fn divide_single_rr<M: Machine, F: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_even(o.r1())?;
    let divisor = m.gr::<F>(o.r2());
    let divisor = extend::<M, F, u64>(m, true, divisor);
    divide_single(m, o.r1(), divisor)
}

fn divide_single_rx<M: Machine, F: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_even(o.r1())?;
    let ea = d2x2b2(m, o);
    let divisor = m.load::<F>(ea)?;
    let divisor = extend::<M, F, u64>(m, true, divisor);
    divide_single(m, o.r1(), divisor)
}

/// The pair R1 divided by `divisor`, unsigned: remainder and quotient into the pair.
#[inline(always)]
fn divide_quadword<M: Machine>(m: &mut M, r1: u8, divisor: M::Val<u64>) -> Result<(), Exit> {
    let (high, low) = (m.gr::<u64>(r1), m.gr::<u64>(r1 | 1));
    let [quotient, remainder] = m.div_rem_wide(high, low, divisor)?;
    m.set_gr(r1, remainder);
    m.set_gr(r1 | 1, quotient);
    Ok(())
}

fn divide_quadword_rr<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_even(o.r1())?;
    let divisor = m.gr::<u64>(o.r2());
    divide_quadword(m, o.r1(), divisor)
}

fn divide_quadword_rx<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_even(o.r1())?;
    let ea = d2x2b2(m, o);
    let divisor = m.load::<u64>(ea)?;
    divide_quadword(m, o.r1(), divisor)
}
