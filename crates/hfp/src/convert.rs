//! Conversions: between formats, to integers in the format, from and to fixed point; signs.
//! Truth: Principles of Operation, chapter 18, LOAD ROUNDED, LOAD LENGTHENED, LOAD FP INTEGER, CONVERT FROM FIXED, CONVERT TO
//! FIXED, LOAD AND TEST, LOAD COMPLEMENT, LOAD NEGATIVE, LOAD POSITIVE.

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
