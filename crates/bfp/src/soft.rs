//! Exact arithmetic: sum, product, quotient, fused product-sum and square root of [`Exact`] numbers.
//!
//! `rustc_apfloat` does the work in a format of our own whose exponent cannot overflow and whose precision exceeds the
//! extended format's by seven bits, rounding toward zero; what was lost is kept as a sticky last bit.

use crate::exact::Exact;
use rustc_apfloat::ieee::{IeeeFloat, Semantics};
use rustc_apfloat::{Float, Round, Status, StatusAnd};

/// 120 bits of precision, exponents to 2^23.
struct WideSemantics;

impl Semantics for WideSemantics {
    const BITS: usize = 144;
    const EXP_BITS: usize = 24;
}

type Wide = IeeeFloat<WideSemantics>;

/// Significand bits of [`Exact`] below the 120 of [`Wide`].
const SPARE: u32 = 8;

fn wide(x: Exact) -> Wide {
    let magnitude = Wide::from_u128_r(x.significand, Round::TowardZero).value.scalbn(x.exp - 127);
    if x.negative { -magnitude } else { magnitude }
}

/// `None` when the result is exactly zero.
fn exact(x: StatusAnd<Wide>) -> Option<Exact> {
    if x.value.is_zero() {
        return None;
    }
    let exp = x.value.ilogb();
    let magnitude = x.value.abs().scalbn(119 - exp);
    let mut is_exact = true;
    let integer = magnitude.to_u128_r(128, Round::TowardZero, &mut is_exact).value;
    let sticky = u128::from(x.status.contains(Status::INEXACT));
    Some(Exact { negative: x.value.is_negative(), exp, significand: integer << SPARE | sticky })
}

pub(crate) fn add(a: Exact, b: Exact) -> Option<Exact> {
    exact(wide(a).add_r(wide(b), Round::TowardZero))
}

pub(crate) fn multiply(a: Exact, b: Exact) -> Option<Exact> {
    exact(wide(a).mul_r(wide(b), Round::TowardZero))
}

pub(crate) fn divide(a: Exact, b: Exact) -> Option<Exact> {
    exact(wide(a).div_r(wide(b), Round::TowardZero))
}

/// `a * b + c`.
pub(crate) fn multiply_add(a: Exact, b: Exact, c: Exact) -> Option<Exact> {
    exact(wide(a).mul_add_r(wide(b), wide(c), Round::TowardZero))
}

/// The square root of a positive number, digit by digit: 120 of them, the rest sticky.
pub(crate) fn square_root(a: Exact) -> Exact {
    // The radicand is taken as an integer of two bits per digit of the root, of even exponent.
    let odd = a.exp & 1;
    let mut digits = a.significand;
    let mut first = true;
    let mut root: u128 = 0;
    let mut rest: u128 = 0;
    for _ in 0..120 {
        // Bring down two bits. With an even exponent the first pair is 01, with an odd one it is 1x.
        let take = if first && odd == 0 { 1 } else { 2 };
        first = false;
        rest = rest << take | digits >> (128 - take);
        digits <<= take;
        let trial = root << 2 | 1;
        root <<= 1;
        if rest >= trial {
            rest -= trial;
            root |= 1;
        }
    }
    let sticky = u128::from(rest != 0 || digits != 0);
    Exact { negative: false, exp: (a.exp - odd) / 2, significand: root << SPARE | sticky }
}
