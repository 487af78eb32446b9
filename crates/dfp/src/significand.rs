//! Operations on significand and exponent as such: QUANTIZE, REROUND, shifts, insertion and extraction.
//! Truth: Principles of Operation, chapter 20, the instructions of those names and the figures of their results.

use crate::arith::propagate;
use crate::env::{Env, Outcome};
use crate::format::{Class, Datum, Format};
use crate::wide::{Wide, count, power};

/// QUANTIZE: `a` with the quantum of `b`.
pub fn quantize<F: Format>(env: &Env, a: F::Bits, b: F::Bits) -> Outcome<F::Bits> {
    let (a, b) = (Datum::of::<F>(a), Datum::of::<F>(b));
    // The operand that gives the quantum is the second one, whose NaN comes first.
    if let Some(nan) = propagate(env, [&b, &a]) {
        return nan.map(|nan| nan.bits::<F>());
    }
    let invalid = || Outcome::invalid(env, Datum::DEFAULT_NAN.bits::<F>());
    match (a.is_infinity(), b.is_infinity()) {
        (true, true) => return Outcome::exact(Datum::infinity(a.negative).bits::<F>()),
        (false, false) => {}
        _ => return invalid(),
    }
    if a.significand == 0 {
        return Outcome::exact(Datum::finite(a.negative, 0, b.exponent).bits::<F>());
    }
    let left = a.exponent - b.exponent;
    if left >= 0 {
        if left as u32 > F::DIGITS - count(a.significand) {
            return invalid();
        }
        return Outcome::exact(Datum::finite(a.negative, a.significand * power(left as u32), b.exponent).bits::<F>());
    }
    let (significand, inexact, incremented) = shortened(env, &a, left.unsigned_abs());
    if significand == F::LIMIT {
        return invalid();
    }
    let value = Datum::finite(a.negative, significand, b.exponent).bits::<F>();
    Outcome::inexact(env, value, 0, inexact, incremented)
}

/// A significand without its last `drop` digits, at least one, rounded; whether that is inexact and incremented.
fn shortened(env: &Env, a: &Datum, drop: u32) -> (u128, bool, bool) {
    let (kept, more) = Wide::from(a.significand).without(drop - 1);
    let (kept, first_lost) = kept.last_digit();
    let incremented = env.rounding.increments(a.negative, (kept.low % 10) as u8, first_lost, more);
    (kept.low + u128::from(incremented), first_lost != 0 || more, incremented)
}

/// REROUND to `significance` digits, no more than it has; zero digits asked for mean all.
pub fn reround<F: Format>(env: &Env, a: F::Bits, significance: u32) -> Outcome<F::Bits> {
    let a = Datum::of::<F>(a);
    if let Some(nan) = propagate(env, [&a]) {
        return nan.map(|nan| nan.bits::<F>());
    }
    if a.is_infinity() {
        return Outcome::exact(Datum::infinity(a.negative).bits::<F>());
    }
    let digits = count(a.significand);
    if significance == 0 || digits <= significance {
        return Outcome::exact(a.bits::<F>());
    }
    let drop = digits - significance;
    let (mut significand, inexact, incremented) = shortened(env, &a, drop);
    let mut exponent = a.exponent + drop as i32;
    if significand == power(significance) {
        significand /= 10;
        exponent += 1;
    }
    if exponent > F::EMAX {
        // The requested significance cannot be had with an exponent in range.
        return Outcome::invalid(env, Datum::DEFAULT_NAN.bits::<F>());
    }
    let value = Datum::finite(a.negative, significand, exponent).bits::<F>();
    Outcome::inexact(env, value, 0, inexact, incremented)
}

/// SHIFT SIGNIFICAND LEFT: digits that leave are lost; sign, class and exponent stay.
pub fn shift_left<F: Format>(a: F::Bits, digits: u32) -> F::Bits {
    let a = Datum::of::<F>(a);
    let limit = if a.is_finite() { F::LIMIT } else { F::LIMIT / 10 };
    // What stays is shifted alone, so that it fits.
    let significand = match limit.checked_div(10u128.checked_pow(digits).unwrap_or(u128::MAX)) {
        Some(stays) if stays > 0 => a.significand % stays * power(digits),
        _ => 0,
    };
    Datum { significand, ..a }.bits::<F>()
}

/// SHIFT SIGNIFICAND RIGHT: the same; nothing is rounded.
pub fn shift_right<F: Format>(a: F::Bits, digits: u32) -> F::Bits {
    let a = Datum::of::<F>(a);
    let significand = 10u128.checked_pow(digits).map_or(0, |divisor| a.significand / divisor);
    Datum { significand, ..a }.bits::<F>()
}

/// INSERT BIASED EXPONENT: `a` with another biased exponent. -1 makes it an infinity, -3 a signalling NaN; -2, other negative
/// numbers and those that are too large make it a quiet one. Digits stay, as far as the class has room for them.
pub fn insert_biased_exponent<F: Format>(a: F::Bits, biased: i64) -> F::Bits {
    let a = Datum::of::<F>(a);
    let class = match biased {
        -1 => Class::Infinity,
        -3 => Class::SignallingNan,
        b if b < 0 || b > F::MAX_BIASED.into() => Class::QuietNan,
        _ => Class::Finite,
    };
    let exponent = if class == Class::Finite { biased as i32 - F::BIAS } else { 0 };
    Datum { class, exponent, ..a }.bits::<F>()
}

/// The numbers by which extraction reports what has no exponent and no significance.
fn class_number(class: Class) -> i64 {
    match class {
        Class::Finite => 0,
        Class::Infinity => -1,
        Class::QuietNan => -2,
        Class::SignallingNan => -3,
    }
}

/// EXTRACT BIASED EXPONENT.
pub fn extract_biased_exponent<F: Format>(a: F::Bits) -> i64 {
    let a = Datum::of::<F>(a);
    if a.is_finite() { (a.exponent + F::BIAS).into() } else { class_number(a.class) }
}

/// EXTRACT SIGNIFICANCE: how many digits there are from the first that is not zero.
pub fn extract_significance<F: Format>(a: F::Bits) -> i64 {
    let a = Datum::of::<F>(a);
    if a.is_finite() { count(a.significand).into() } else { class_number(a.class) }
}
