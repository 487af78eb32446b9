//! Comparisons and tests: COMPARE, COMPARE AND SIGNAL, COMPARE BIASED EXPONENT, TEST DATA CLASS, TEST DATA GROUP.
//! Truth: Principles of Operation, chapter 20, the instructions of those names.

use std::cmp::Ordering;

use crate::env::{Env, Outcome};
use crate::format::{Class, Datum, Format};
use crate::wide::{count, power};

/// How the first operand compares, by its condition code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Comparison {
    /// Equal.
    Equal,
    /// The first operand is less.
    Low,
    /// The first operand is greater.
    High,
    /// An operand is a NaN.
    Unordered,
}

impl Comparison {
    fn of(ordering: Ordering) -> Comparison {
        match ordering {
            Ordering::Less => Comparison::Low,
            Ordering::Equal => Comparison::Equal,
            Ordering::Greater => Comparison::High,
        }
    }
}

/// COMPARE, and with `signalling` COMPARE AND SIGNAL, for which any NaN is an invalid operation.
pub fn compare<F: Format>(env: &Env, a: F::Bits, b: F::Bits, signalling: bool) -> Outcome<Comparison> {
    let (a, b) = (Datum::of::<F>(a), Datum::of::<F>(b));
    if a.is_nan() || b.is_nan() {
        let invalid = signalling || a.is_signalling() || b.is_signalling();
        return if invalid {
            Outcome::invalid(env, Comparison::Unordered)
        } else {
            Outcome::exact(Comparison::Unordered)
        };
    }
    Outcome::exact(Comparison::of(position(&a).cmp(&position(&b))))
}

/// Something that is in the order of the numbers: sign, exponent of the first digit, the digits.
fn position(a: &Datum) -> (i32, i32, i128) {
    let sign = if a.negative { -1 } else { 1 };
    match a.class {
        _ if a.is_zero() => (0, 0, 0),
        Class::Finite => {
            let digits = count(a.significand);
            let aligned = a.significand * power(34 - digits);
            (sign, sign * (a.exponent + digits as i32), i128::from(sign) * aligned as i128)
        }
        _ => (2 * sign, 0, 0),
    }
}

/// COMPARE BIASED EXPONENT: exponents of numbers, or classes.
pub fn compare_biased_exponent<F: Format>(a: F::Bits, b: F::Bits) -> Comparison {
    let (a, b) = (Datum::of::<F>(a), Datum::of::<F>(b));
    if a.is_finite() && b.is_finite() {
        return Comparison::of(a.exponent.cmp(&b.exponent));
    }
    if a.is_nan() && b.is_nan() || a.is_infinity() && b.is_infinity() {
        Comparison::Equal
    } else {
        Comparison::Unordered
    }
}

/// The condition code of a sum, a difference or LOAD AND TEST.
pub fn sign_cc<F: Format>(a: F::Bits) -> u8 {
    let a = Datum::of::<F>(a);
    match a.class {
        _ if a.is_nan() => 3,
        _ if a.is_zero() => 0,
        _ if a.negative => 1,
        _ => 2,
    }
}

/// Whether a bit of twelve is set: the first of six pairs is leftmost, in a pair the bit for plus.
fn selected(mask: u32, pair: u32, negative: bool) -> bool {
    mask >> (11 - 2 * pair - u32::from(negative)) & 1 != 0
}

/// TEST DATA CLASS: whether one of the selected classes is that of the operand. Pairs of bits: zero, subnormal, normal,
/// infinity, quiet NaN, signalling NaN.
pub fn test_data_class<F: Format>(a: F::Bits, mask: u32) -> bool {
    let a = Datum::of::<F>(a);
    let pair = match a.class {
        Class::Finite if a.significand == 0 => 0,
        Class::Finite => {
            let first = a.exponent + count(a.significand) as i32 - 1;
            if first < F::EMIN + F::DIGITS as i32 - 1 { 1 } else { 2 }
        }
        Class::Infinity => 3,
        Class::QuietNan => 4,
        Class::SignallingNan => 5,
    };
    selected(mask, pair, a.negative)
}

/// TEST DATA GROUP. Pairs of bits: zero, zero of an extreme exponent, number of an extreme exponent, number whose first digit
/// is zero, any other number, no number. Extreme are the smallest and the largest exponent.
pub fn test_data_group<F: Format>(a: F::Bits, mask: u32) -> bool {
    let a = Datum::of::<F>(a);
    let extreme = a.exponent == F::EMIN || a.exponent == F::EMAX;
    let pair = match (a.class, a.significand, extreme) {
        (Class::Finite, 0, false) => 0,
        (Class::Finite, 0, true) => 1,
        (Class::Finite, _, true) => 2,
        (Class::Finite, digits, false) if digits < F::LIMIT / 10 => 3,
        (Class::Finite, ..) => 4,
        _ => 5,
    };
    selected(mask, pair, a.negative)
}
