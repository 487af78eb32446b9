//! Addition, subtraction, multiplication, division; LOAD AND TEST; propagation of NaNs.
//! Truth: Principles of Operation, chapter 20, ADD, SUBTRACT, MULTIPLY, DIVIDE, LOAD AND TEST and the figures of their results.

use crate::env::{Env, Outcome, Rounding};
use crate::exact::Exact;
use crate::format::{Datum, Format};
use crate::wide::{Wide, power};

/// The result when an operand is a NaN: the first signalling one, made quiet, with an invalid operation; otherwise the first
/// quiet one. The payload stays, in canonical declets.
pub(crate) fn propagate<const N: usize>(env: &Env, operands: [&Datum; N]) -> Option<Outcome<Datum>> {
    if let Some(nan) = operands.iter().find(|a| a.is_signalling()) {
        return Some(Outcome::invalid(env, nan.quiet()));
    }
    operands.iter().find(|a| a.is_nan()).map(|nan| Outcome::exact(**nan))
}

fn encoded<F: Format>(outcome: Outcome<Datum>) -> Outcome<F::Bits> {
    outcome.map(|datum| datum.bits::<F>())
}

/// ADD.
pub fn add<F: Format>(env: &Env, a: F::Bits, b: F::Bits) -> Outcome<F::Bits> {
    sum::<F>(env, &Datum::of::<F>(a), &Datum::of::<F>(b))
}

/// SUBTRACT.
pub fn subtract<F: Format>(env: &Env, a: F::Bits, b: F::Bits) -> Outcome<F::Bits> {
    let b = Datum::of::<F>(b);
    // The sign of a NaN stays.
    let b = if b.is_nan() { b } else { Datum { negative: !b.negative, ..b } };
    sum::<F>(env, &Datum::of::<F>(a), &b)
}

/// More digits than any format has: of two operands the one of larger exponent gets so many on the right.
const SHIFT: u32 = 36;

fn sum<F: Format>(env: &Env, a: &Datum, b: &Datum) -> Outcome<F::Bits> {
    if let Some(nan) = propagate(env, [a, b]) {
        return encoded::<F>(nan);
    }
    match (a.is_infinity(), b.is_infinity()) {
        (true, true) if a.negative != b.negative => {
            return Outcome::invalid(env, Datum::DEFAULT_NAN.bits::<F>());
        }
        (true, _) => return Outcome::exact(Datum::infinity(a.negative).bits::<F>()),
        (_, true) => return Outcome::exact(Datum::infinity(b.negative).bits::<F>()),
        _ => {}
    }
    exact_sum(a, b, env.rounding).deliver::<F>(env, a.exponent.min(b.exponent), true)
}

/// The sum of two numbers. Of a zero sum the sign depends on the rounding method.
fn exact_sum(a: &Datum, b: &Datum, rounding: Rounding) -> Exact {
    let (high, low) = if a.exponent >= b.exponent { (a, b) } else { (b, a) };
    let distance = (high.exponent - low.exponent) as u32;
    // Aligned to the lower exponent where that is near; else to as many digits as count, what is beyond them being sticky.
    // A zero has no digits to lose.
    let (shift, beyond) = match () {
        () if high.significand == 0 => (0, 0),
        () => (distance.min(SHIFT), distance.saturating_sub(SHIFT)),
    };
    let exponent = if high.significand == 0 { low.exponent } else { high.exponent - shift as i32 };
    let x = Wide::product(high.significand, power(shift));
    let (y, sticky) = Wide::from(low.significand).without(beyond);
    let (negative, significand) = if high.negative == low.negative {
        (high.negative, x.plus(y))
    } else if x > y || x == y && sticky {
        // What is beyond the digits of a difference makes it one less, and something more.
        let difference = x.minus(y);
        (high.negative, if sticky { difference.minus(Wide::from(1)) } else { difference })
    } else {
        (low.negative, y.minus(x))
    };
    let zero = significand.is_zero() && !sticky;
    let negative = match (zero, high.negative == low.negative) {
        (true, true) => high.negative,
        (true, false) => rounding == Rounding::Down,
        (false, _) => negative,
    };
    Exact { negative, significand, exponent, sticky }
}

/// MULTIPLY.
pub fn multiply<F: Format>(env: &Env, a: F::Bits, b: F::Bits) -> Outcome<F::Bits> {
    let (a, b) = (Datum::of::<F>(a), Datum::of::<F>(b));
    if let Some(nan) = propagate(env, [&a, &b]) {
        return encoded::<F>(nan);
    }
    let negative = a.negative != b.negative;
    if a.is_infinity() || b.is_infinity() {
        return if a.is_zero() || b.is_zero() {
            Outcome::invalid(env, Datum::DEFAULT_NAN.bits::<F>())
        } else {
            Outcome::exact(Datum::infinity(negative).bits::<F>())
        };
    }
    let exponent = a.exponent + b.exponent;
    let significand = Wide::product(a.significand, b.significand);
    Exact { negative, significand, exponent, sticky: false }.deliver::<F>(env, exponent, true)
}

/// DIVIDE.
pub fn divide<F: Format>(env: &Env, a: F::Bits, b: F::Bits) -> Outcome<F::Bits> {
    let (a, b) = (Datum::of::<F>(a), Datum::of::<F>(b));
    if let Some(nan) = propagate(env, [&a, &b]) {
        return encoded::<F>(nan);
    }
    let negative = a.negative != b.negative;
    let invalid = || Outcome::invalid(env, Datum::DEFAULT_NAN.bits::<F>());
    match (a.is_infinity(), b.is_infinity()) {
        (true, true) => return invalid(),
        (true, false) => return Outcome::exact(Datum::infinity(negative).bits::<F>()),
        (false, true) => return Outcome::exact(Datum::finite(negative, 0, F::EMIN).bits::<F>()),
        _ => {}
    }
    match (a.is_zero(), b.is_zero()) {
        (true, true) => return invalid(),
        (false, true) => return Outcome::divide_by_zero(env, Datum::infinity(negative).bits::<F>()),
        _ => {}
    }
    let preferred = a.exponent - b.exponent;
    // Digit after digit, until it is exact or has more digits than the result.
    let enough = power(F::DIGITS + 1);
    let (mut quotient, mut rest) = (a.significand / b.significand, a.significand % b.significand);
    let mut exponent = preferred;
    while rest != 0 && quotient < enough {
        rest *= 10;
        quotient = quotient * 10 + rest / b.significand;
        rest %= b.significand;
        exponent -= 1;
    }
    Exact { negative, significand: quotient.into(), exponent, sticky: rest != 0 }.deliver::<F>(env, preferred, true)
}

/// LOAD AND TEST: the same datum, canonical; a signalling NaN is an invalid operation.
pub fn load_and_test<F: Format>(env: &Env, a: F::Bits) -> Outcome<F::Bits> {
    let a = Datum::of::<F>(a);
    if let Some(nan) = propagate(env, [&a]) {
        return encoded::<F>(nan);
    }
    Outcome::exact(if a.is_infinity() { Datum::infinity(a.negative) } else { a }.bits::<F>())
}
