//! Conversions: between formats, to integers in the format, from and to fixed point; signs.
//! Truth: Principles of Operation, chapter 18, LOAD ROUNDED, LOAD LENGTHENED, LOAD FP INTEGER, CONVERT FROM FIXED, CONVERT TO
//! FIXED, LOAD AND TEST, LOAD COMPLEMENT, LOAD NEGATIVE, LOAD POSITIVE.

use std::cmp::Ordering;

use crate::format::{Extended, Format, Number, ones, true_zero};
use crate::outcome::{Masks, Outcome};

/// LOAD AND TEST and its relatives: the number with another sign, or its own. A number of a single register keeps its
/// characteristic; an extended one without digits becomes a zero with the sign.
#[inline]
pub fn with_sign<F: Format>(a: F::Bits, sign: impl FnOnce(bool) -> bool) -> Outcome<F::Bits> {
    let a = Number::of::<F>(a);
    let a = Number { negative: sign(a.negative), ..a };
    if F::DIGITS == Extended::DIGITS && a.fraction == 0 {
        return Outcome { value: true_zero::<F>(a.negative), exception: None, cc: 0 };
    }
    Outcome::exact::<F>(&a, None)
}

/// LOAD LENGTHENED to the extended format.
pub fn lengthen_to_extended<F: Format>(a: F::Bits) -> u128 {
    let a = Number::of::<F>(a);
    if a.fraction == 0 {
        return true_zero::<Extended>(a.negative);
    }
    Number { fraction: a.fraction << (4 * (Extended::DIGITS - F::DIGITS)), ..a }.bits::<Extended>()
}

/// LOAD ROUNDED: rounded by adding a one to the bit to the right, not normalized.
pub fn load_rounded<F: Format, T: Format>(a: F::Bits) -> Outcome<T::Bits> {
    let a = Number::of::<F>(a);
    let shift = 4 * (F::DIGITS - T::DIGITS);
    let fraction = (a.fraction + (1 << (shift - 1))) >> shift;
    if fraction > ones(T::DIGITS) {
        let number = Number { fraction: fraction >> 4, characteristic: a.characteristic + 1, ..a };
        return Outcome::of::<T>(&number, Masks::default());
    }
    Outcome::exact::<T>(&Number { fraction, ..a }, None)
}

/// LOAD FP INTEGER: truncated, normalized.
pub fn load_fp_integer<F: Format>(a: F::Bits) -> F::Bits {
    let a = Number::of::<F>(a);
    // Digits to the right of the point.
    let places = (F::DIGITS as i32 - (a.characteristic - 64)).clamp(0, F::DIGITS as i32) as u32;
    let whole = Number { fraction: a.fraction & !ones(places), ..a };
    Outcome::of::<F>(&whole.normalized(F::DIGITS), Masks::default()).value
}

/// CONVERT FROM FIXED: normalized, truncated.
pub fn convert_from_fixed<F: Format>(a: i64) -> F::Bits {
    /// The integer's digits, as many as any format has.
    const DIGITS: u32 = 28;
    let number = Number { negative: a < 0, characteristic: 64 + DIGITS as i32, fraction: a.unsigned_abs().into() };
    let number = number.normalized(DIGITS);
    let number = Number { fraction: number.fraction >> (4 * (DIGITS - F::DIGITS)), ..number };
    Outcome::of::<F>(&number, Masks::default()).value
}

/// An integer as a normalized number; when it has too many digits, truncated, or rounded by adding a one to the bit to the
/// right. Zero is positive.
pub fn from_integer<F: Format>(negative: bool, magnitude: u128, round: bool) -> F::Bits {
    /// Digits of 128 bits.
    const DIGITS: u32 = 32;
    if magnitude == 0 {
        return true_zero::<F>(false);
    }
    let zeros = magnitude.leading_zeros() / 4;
    let normalized = magnitude << (4 * zeros);
    let dropped = 4 * (DIGITS - F::DIGITS);
    let rounding = u128::from(round) & normalized >> (dropped - 1);
    let fraction = (normalized >> dropped) + rounding;
    let characteristic = 64 + (DIGITS - zeros) as i32;
    if fraction > ones(F::DIGITS) {
        return Number { negative, characteristic: characteristic + 1, fraction: fraction >> 4 }.bits::<F>();
    }
    Number { negative, characteristic, fraction }.bits::<F>()
}

/// A number as sign, integer and power of 16.
pub fn scaled_integer<F: Format>(a: F::Bits) -> (bool, u128, i32) {
    let a = Number::of::<F>(a);
    (a.negative, a.fraction, a.characteristic - 64 - F::DIGITS as i32)
}

/// How CONVERT TO FIXED rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// To nearest, ties away from zero.
    NearestAway,
    /// To nearest, ties to even.
    NearestEven,
    /// Toward zero.
    Zero,
    /// Toward plus infinity.
    Up,
    /// Toward minus infinity.
    Down,
}

impl Method {
    /// From M3; others than 0, 1 and 4 to 7 are a specification exception.
    #[inline]
    pub fn of(m3: u8) -> Option<Method> {
        Some(match m3 {
            0 | 5 => Method::Zero,
            1 => Method::NearestAway,
            4 => Method::NearestEven,
            6 => Method::Up,
            7 => Method::Down,
            _ => return None,
        })
    }
}

/// CONVERT TO FIXED, to an integer of `bits` bits, 32 or 64. Condition code 3 and the integer of that sign which is farthest
/// from zero when the rounded number is none of them.
pub fn convert_to_fixed<F: Format>(a: F::Bits, method: Method, bits: u32) -> (i64, u8) {
    let a = Number::of::<F>(a);
    let cc = match (a.fraction, a.negative) {
        (0, _) => return (0, 0),
        (_, true) => 1,
        (_, false) => 2,
    };
    let limit = (1u128 << (bits - 1)) - u128::from(!a.negative);
    // Bits to the right of the point.
    let places = 4 * (F::DIGITS as i32 - (a.characteristic - 64));
    let magnitude = if places <= 0 {
        // More than 16 digits to the left of the point, unless leading ones are zeros.
        let left = -places as u32;
        if left < a.fraction.leading_zeros() { a.fraction << left } else { u128::MAX }
    } else {
        let places = places as u32;
        let whole = a.fraction.checked_shr(places).unwrap_or(0);
        // The fraction is of 112 bits: there is always a bit to the left of it.
        let half = a.fraction.checked_shr(places - 1).unwrap_or(0) & 1 != 0;
        let exact = whole.checked_shl(places) == Some(a.fraction);
        let beyond_half = half && !exact && {
            let upper = a.fraction.checked_shr(places - 1).unwrap_or(0);
            upper.checked_shl(places - 1) != Some(a.fraction)
        };
        let up = match method {
            Method::Zero => false,
            Method::NearestAway => half,
            Method::NearestEven => half && (beyond_half || whole & 1 != 0),
            Method::Up => !exact && !a.negative,
            Method::Down => !exact && a.negative,
        };
        whole + u128::from(up)
    };
    let (magnitude, cc) = if magnitude > limit { (limit, 3) } else { (magnitude, cc) };
    (if a.negative { (magnitude as i64).wrapping_neg() } else { magnitude as i64 }, cc)
}

/// Takes a number apart for conversion to another radix: its sign, an integer, and the power of two that this is to be multiplied
/// by.
pub fn parts<F: Format>(a: F::Bits) -> (bool, u128, i32) {
    let a = Number::of::<F>(a);
    (a.negative, a.fraction, 4 * (a.characteristic - 64 - F::DIGITS as i32))
}

/// A number of another radix, rounded to the digits of a format, with a characteristic that may be out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounded {
    /// The sign.
    pub negative: bool,
    /// The characteristic.
    pub characteristic: i32,
    /// The digits.
    pub fraction: u128,
    /// Whether the number was another.
    pub inexact: bool,
    /// Whether it was smaller in magnitude.
    pub incremented: bool,
}

impl Rounded {
    /// From `significand * 2^(exponent - 127)`, the first bit of the significand one and its last bit sticky. `increments` says
    /// what becomes of digits that do not fit: whether the last bit that stays is one, and how they compare with half of it.
    pub fn of<F: Format>(
        negative: bool,
        significand: u128,
        exponent: i32,
        increments: impl FnOnce(bool, Ordering) -> bool,
    ) -> Rounded {
        let power = exponent.div_euclid(4) + 1;
        // Zeros before the first bit in the first digit.
        let drop = 128 - 4 * F::DIGITS + (3 - exponent.rem_euclid(4)) as u32;
        let (kept, rest) = (significand >> drop, significand << (128 - drop));
        let inexact = rest != 0;
        let incremented = inexact && increments(kept & 1 != 0, rest.cmp(&(1 << 127)));
        let fraction = kept + u128::from(incremented);
        let carry = fraction > ones(F::DIGITS);
        Rounded {
            negative,
            characteristic: power + 64 + i32::from(carry),
            fraction: if carry { fraction >> 4 } else { fraction },
            inexact,
            incremented,
        }
    }

    /// As a datum, with the last seven bits of the characteristic.
    pub fn bits<F: Format>(&self) -> F::Bits {
        let number = Number { negative: self.negative, characteristic: self.characteristic, fraction: self.fraction };
        number.bits::<F>()
    }
}

/// The number of largest magnitude.
pub fn largest<F: Format>(negative: bool) -> F::Bits {
    Number { negative, characteristic: 127, fraction: ones(F::DIGITS) }.bits::<F>()
}

/// Zero with a sign.
pub fn zero<F: Format>(negative: bool) -> F::Bits {
    true_zero::<F>(negative)
}
