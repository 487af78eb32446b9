//! Numbers as digits, for conversions from and to packed and zoned decimal numbers, which are instructions' own business.
//! Truth: Principles of Operation, chapter 20, CONVERT FROM and TO SIGNED PACKED, UNSIGNED PACKED, PACKED, ZONED.

use crate::format::{Class, Datum, Format};

/// What of a datum such a conversion sees: the exponent does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    /// The sign bit.
    pub negative: bool,
    /// The class.
    pub class: Class,
    /// The significand; of an infinity or a NaN without the first digit.
    pub significand: u128,
}

/// The digits of a datum.
pub fn digits<F: Format>(bits: F::Bits) -> Digits {
    let a = Datum::of::<F>(bits);
    Digits { negative: a.negative, class: a.class, significand: a.significand }
}

/// An infinity, or a quiet NaN with a payload, of which digits that do not fit are lost.
pub fn special<F: Format>(negative: bool, class: Class, payload: u128) -> F::Bits {
    let significand = payload % (F::LIMIT / 10);
    Datum { negative, class, exponent: 0, significand }.bits::<F>()
}

/// A zero with an exponent, or the nearest that there is.
pub fn zero<F: Format>(negative: bool, exponent: i32) -> F::Bits {
    Datum::finite(negative, 0, exponent.clamp(F::EMIN, F::EMAX)).bits::<F>()
}

/// A number with the quantum one, of no more digits than the format has.
pub fn from_digits<F: Format>(negative: bool, significand: u128) -> F::Bits {
    Datum::finite(negative, significand, 0).bits::<F>()
}
