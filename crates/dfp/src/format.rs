//! The three DFP formats, and a datum taken apart.
//! Truth: Principles of Operation, chapter 20, "DFP data formats", "Classes of DFP data", "Canonicalization". A datum is a
//! sign, five bits for class, first digit and two bits of the biased exponent, the rest of the exponent, and declets.

use std::fmt::Debug;

use crate::dpd;

/// Short format: 32 bits, 7 digits.
#[derive(Clone, Copy, Debug)]
pub struct Short;

/// Long format: 64 bits, 16 digits.
#[derive(Clone, Copy, Debug)]
pub struct Long;

/// Extended format: 128 bits, 34 digits.
#[derive(Clone, Copy, Debug)]
pub struct Extended;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Short {}
    impl Sealed for super::Long {}
    impl Sealed for super::Extended {}
}

/// A DFP format. Sealed: there are [`Short`], [`Long`] and [`Extended`].
pub trait Format: sealed::Sealed {
    /// The unsigned integer that holds a datum.
    type Bits: Copy + Eq + Debug + Default;
    /// Bits of a datum.
    const WIDTH: u32;
    /// Digits of the significand.
    const DIGITS: u32;
    /// What is added to the exponent of the last digit to make the biased exponent.
    const BIAS: i32;
    /// By how many powers of ten results of enabled overflow and underflow are scaled.
    const SCALE: i32;
    /// The same for LOAD ROUNDED from this format.
    const SCALE_LOAD_ROUNDED: i32;
    /// The datum in the low bits of a 128-bit integer.
    fn widen(bits: Self::Bits) -> u128;
    /// The datum from the low bits of a 128-bit integer.
    fn narrow(bits: u128) -> Self::Bits;

    /// Declets of the trailing significand.
    const DECLETS: u32 = (Self::DIGITS - 1) / 3;
    /// The sign bit.
    const SIGN: u128 = 1 << (Self::WIDTH - 1);
    /// Bits of the exponent after its first two.
    const CONTINUATION: u32 = Self::WIDTH - 6 - 10 * Self::DECLETS;
    /// The largest biased exponent.
    const MAX_BIASED: i32 = (3 << Self::CONTINUATION) - 1;
    /// The exponents of the last digit.
    const EMIN: i32 = -Self::BIAS;
    /// The largest of them.
    const EMAX: i32 = Self::MAX_BIASED - Self::BIAS;
    /// One more than the largest significand.
    const LIMIT: u128 = 10u128.pow(Self::DIGITS);
}

macro_rules! format {
    ($name:ident, $bits:ty, $digits:literal, $bias:literal, $scale:literal, $rounded:literal) => {
        impl Format for $name {
            type Bits = $bits;
            const WIDTH: u32 = <$bits>::BITS;
            const DIGITS: u32 = $digits;
            const BIAS: i32 = $bias;
            const SCALE: i32 = $scale;
            const SCALE_LOAD_ROUNDED: i32 = $rounded;
            #[inline]
            fn widen(bits: $bits) -> u128 {
                bits.into()
            }
            #[inline]
            fn narrow(bits: u128) -> $bits {
                bits as $bits
            }
        }
    };
}
// What enabled overflow and underflow of LOAD ROUNDED divide and multiply by is of the longer format, whose numbers may be
// far out of the shorter one's range. The short format is the result of no other operation.
format!(Short, u32, 7, 101, 0, 0);
format!(Long, u64, 16, 398, 576, 192);
format!(Extended, u128, 34, 6176, 9216, 3072);

/// The classes of DFP data, signs and subnormality apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A number, zero among them.
    Finite,
    /// Plus or minus infinity.
    Infinity,
    /// A NaN that propagates.
    QuietNan,
    /// A NaN whose use is an invalid operation.
    SignallingNan,
}

/// A datum taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datum {
    pub negative: bool,
    pub class: Class,
    /// Of a finite number: the power of ten of its last digit.
    pub exponent: i32,
    /// The significand; of others than finite numbers without the first digit.
    pub significand: u128,
}

impl Datum {
    #[inline]
    pub fn of<F: Format>(bits: F::Bits) -> Datum {
        let bits = F::widen(bits);
        let trailing = 10 * F::DECLETS;
        let significand = dpd::decode(bits & ((1 << trailing) - 1), F::DECLETS);
        let continuation = (bits >> trailing) as i32 & ((1 << F::CONTINUATION) - 1);
        let combination = (bits >> (trailing + F::CONTINUATION)) as i32 & 0x1F;
        let negative = bits & F::SIGN != 0;
        let (first, upper) = match combination {
            0..24 => (combination & 7, combination >> 3),
            24..30 => (8 | combination & 1, combination >> 1 & 3),
            30 => return Datum { negative, class: Class::Infinity, exponent: 0, significand },
            _ => {
                let signalling = continuation >> (F::CONTINUATION - 1) != 0;
                let class = if signalling { Class::SignallingNan } else { Class::QuietNan };
                return Datum { negative, class, exponent: 0, significand };
            }
        };
        let biased = upper << F::CONTINUATION | continuation;
        let significand = first as u128 * 10u128.pow(F::DIGITS - 1) + significand;
        Datum { negative, class: Class::Finite, exponent: biased - F::BIAS, significand }
    }

    /// As canonical bits.
    #[inline]
    pub fn bits<F: Format>(&self) -> F::Bits {
        let unit = 10u128.pow(F::DIGITS - 1);
        let (combination, continuation) = match self.class {
            Class::Finite => {
                let first = (self.significand / unit) as u32;
                let biased = (self.exponent + F::BIAS) as u32;
                let upper = biased >> F::CONTINUATION;
                let combination = if first < 8 { upper << 3 | first } else { 24 | upper << 1 | first & 1 };
                (combination, biased & ((1 << F::CONTINUATION) - 1))
            }
            Class::Infinity => (30, 0),
            Class::QuietNan => (31, 0),
            Class::SignallingNan => (31, 1 << (F::CONTINUATION - 1)),
        };
        let head = u128::from(combination) << F::CONTINUATION | u128::from(continuation);
        let sign = if self.negative { F::SIGN } else { 0 };
        F::narrow(sign | head << (10 * F::DECLETS) | dpd::encode(self.significand % unit, F::DECLETS))
    }

    pub fn finite(negative: bool, significand: u128, exponent: i32) -> Datum {
        Datum { negative, class: Class::Finite, exponent, significand }
    }

    pub const fn infinity(negative: bool) -> Datum {
        Datum { negative, class: Class::Infinity, exponent: 0, significand: 0 }
    }

    /// The NaN of invalid operations.
    pub const DEFAULT_NAN: Datum = Datum { negative: false, class: Class::QuietNan, exponent: 0, significand: 0 };

    pub fn is_nan(&self) -> bool {
        matches!(self.class, Class::QuietNan | Class::SignallingNan)
    }

    pub fn is_signalling(&self) -> bool {
        self.class == Class::SignallingNan
    }

    pub fn is_infinity(&self) -> bool {
        self.class == Class::Infinity
    }

    pub fn is_finite(&self) -> bool {
        self.class == Class::Finite
    }

    pub fn is_zero(&self) -> bool {
        self.is_finite() && self.significand == 0
    }

    /// The same, a signalling NaN made quiet.
    pub fn quiet(self) -> Datum {
        if self.is_signalling() { Datum { class: Class::QuietNan, ..self } } else { self }
    }
}
