//! The three BFP formats and the classes of data in them.
//!
//! Truth: Principles of Operation, chapter 19, "Binary-floating-point data formats" and "Classes of BFP data".

use crate::exact::Exact;
use crate::host::Host;
use std::fmt::Debug;

/// Short format: 32 bits, 24 of precision.
#[derive(Clone, Copy, Debug)]
pub struct Short;

/// Long format: 64 bits, 53 of precision.
#[derive(Clone, Copy, Debug)]
pub struct Long;

/// Extended format: 128 bits, 113 of precision.
#[derive(Clone, Copy, Debug)]
pub struct Extended;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Short {}
    impl Sealed for super::Long {}
    impl Sealed for super::Extended {}
}

/// A BFP format. Sealed: there are [`Short`], [`Long`] and [`Extended`].
pub trait Format: sealed::Sealed + Host<Raw = <Self as Format>::Bits> {
    /// The unsigned integer that holds a datum.
    type Bits: Copy + Eq + Debug + Default;
    /// Bits of a datum.
    const WIDTH: u32;
    /// Significant bits, the implied one included.
    const PRECISION: u32;
    /// Exponent bias, which is also the largest exponent.
    const BIAS: i32;
    /// The smallest exponent of a normal number.
    const EMIN: i32 = 1 - Self::BIAS;
    /// What the exponent of a scaled result is adjusted by when an overflow or underflow trap is taken.
    const SCALE: i32;
    /// What LOAD ROUNDED from this format adjusts the exponent of a scaled result by.
    const SCALE_LOAD_ROUNDED: i32;

    /// The datum in the low bits of a 128-bit integer.
    fn widen(bits: Self::Bits) -> u128;
    /// The datum from the low bits of a 128-bit integer.
    fn narrow(bits: u128) -> Self::Bits;

    /// The sign bit, in place.
    const SIGN: u128 = 1 << (Self::WIDTH - 1);
    /// The fraction field.
    const FRACTION: u128 = (1 << (Self::PRECISION - 1)) - 1;
    /// The bits of positive infinity.
    const INFINITY: u128 = Self::SIGN - (Self::FRACTION + 1);
    /// The fraction bit that tells a quiet NaN.
    const QUIET: u128 = 1 << (Self::PRECISION - 2);
    /// The default quiet NaN: positive, fraction all zeros but for the quiet bit.
    const DEFAULT_NAN: u128 = Self::INFINITY | Self::QUIET;
    /// The largest finite number.
    const MAX: u128 = Self::INFINITY - 1;
}

macro_rules! format {
    ($name:ident, $bits:ty, $precision:literal, $bias:literal, $scale:literal, $rounded:literal) => {
        impl Format for $name {
            type Bits = $bits;
            const WIDTH: u32 = <$bits>::BITS;
            const PRECISION: u32 = $precision;
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
format!(Short, u32, 24, 127, 192, 0);
format!(Long, u64, 53, 1023, 1536, 512);
format!(Extended, u128, 113, 16383, 24576, 8192);

/// The classes of BFP data, signs apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Plus or minus zero.
    Zero,
    /// A number with the implied one.
    Normal,
    /// A nonzero number below the smallest normal one.
    Subnormal,
    /// Plus or minus infinity.
    Infinity,
    /// A NaN whose first fraction bit is one.
    QuietNan,
    /// A NaN whose first fraction bit is zero; using it is an invalid operation.
    SignallingNan,
}

/// A datum taken apart: bits (in the low part of 128), sign and class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datum {
    pub bits: u128,
    pub negative: bool,
    pub class: Class,
}

impl Datum {
    #[inline]
    pub fn of<F: Format>(bits: F::Bits) -> Datum {
        let bits = F::widen(bits);
        let magnitude = bits & !F::SIGN;
        let class = match magnitude {
            0 => Class::Zero,
            m if m <= F::FRACTION => Class::Subnormal,
            m if m < F::INFINITY => Class::Normal,
            m if m == F::INFINITY => Class::Infinity,
            m if m & F::QUIET != 0 => Class::QuietNan,
            _ => Class::SignallingNan,
        };
        Datum { bits, negative: bits & F::SIGN != 0, class }
    }

    pub fn is_nan(&self) -> bool {
        matches!(self.class, Class::QuietNan | Class::SignallingNan)
    }

    pub fn is_signalling(&self) -> bool {
        self.class == Class::SignallingNan
    }

    pub fn is_zero(&self) -> bool {
        self.class == Class::Zero
    }

    pub fn is_infinity(&self) -> bool {
        self.class == Class::Infinity
    }

    /// The value of a nonzero finite datum of format `F`.
    pub fn exact<F: Format>(&self) -> Exact {
        let magnitude = self.bits & !F::SIGN;
        let biased = (magnitude >> (F::PRECISION - 1)) as i32;
        let fraction = magnitude & F::FRACTION;
        let (exp, significand) =
            if biased == 0 { (F::EMIN, fraction) } else { (biased - F::BIAS, fraction | (F::FRACTION + 1)) };
        let zeros = significand.leading_zeros();
        let missing = zeros as i32 - (128 - F::PRECISION as i32);
        Exact { negative: self.negative, exp: exp - missing, significand: significand << zeros }
    }
}

impl Class {
    /// The class of a datum.
    #[inline]
    pub fn of<F: Format>(bits: F::Bits) -> Class {
        Datum::of::<F>(bits).class
    }
}

/// A magnitude with a sign.
#[inline]
pub(crate) fn signed<F: Format>(negative: bool, magnitude: u128) -> F::Bits {
    F::narrow(if negative { magnitude | F::SIGN } else { magnitude })
}
