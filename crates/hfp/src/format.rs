//! The three HFP formats, and a number taken apart.
//! Truth: Principles of Operation, chapter 18, "HFP data formats": the low-order part of an extended number has the sign of
//! the high-order part and a characteristic that is 14 less, modulo 128; as an operand only its fraction counts.

use std::fmt::Debug;

/// Short format: 32 bits, 6 digits.
#[derive(Clone, Copy, Debug)]
pub struct Short;

/// Long format: 64 bits, 14 digits.
#[derive(Clone, Copy, Debug)]
pub struct Long;

/// Extended format: two long numbers, 28 digits.
#[derive(Clone, Copy, Debug)]
pub struct Extended;

/// A number taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub negative: bool,
    /// 0 to 127 in a datum, anything in between.
    pub characteristic: i32,
    /// As an integer of as many digits as the format has.
    pub fraction: u128,
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Short {}
    impl Sealed for super::Long {}
    impl Sealed for super::Extended {}
}

/// An HFP format. Sealed: there are [`Short`], [`Long`] and [`Extended`].
pub trait Format: sealed::Sealed {
    /// The unsigned integer that holds a datum.
    type Bits: Copy + Eq + Debug + Default;
    /// Hexadecimal digits of the fraction.
    const DIGITS: u32;
    /// The datum in the low bits of a 128-bit integer.
    fn widen(bits: Self::Bits) -> u128;
    /// The datum from the low bits of a 128-bit integer.
    fn narrow(bits: u128) -> Self::Bits;
}

macro_rules! format {
    ($name:ident, $bits:ty, $digits:literal) => {
        impl Format for $name {
            type Bits = $bits;
            const DIGITS: u32 = $digits;
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
format!(Short, u32, 6);
format!(Long, u64, 14);
format!(Extended, u128, 28);

/// Digits of the high-order part, and of the low-order part, of an extended number.
const HALF: u32 = 14;
const HALF_FRACTION: u128 = (1 << (4 * HALF)) - 1;

/// The digits of a format, all ones.
pub(crate) const fn ones(digits: u32) -> u128 {
    (1 << (4 * digits)) - 1
}

impl Number {
    #[inline]
    pub fn of<F: Format>(bits: F::Bits) -> Number {
        let bits = F::widen(bits);
        // Where the sign and the characteristic lie: beside the leftmost digits.
        let (head, fraction) = if F::DIGITS > HALF {
            (bits >> (64 + 4 * HALF), (bits >> 64 & HALF_FRACTION) << (4 * HALF) | bits & HALF_FRACTION)
        } else {
            (bits >> (4 * F::DIGITS), bits & ones(F::DIGITS))
        };
        Number { negative: head & 0x80 != 0, characteristic: (head & 0x7F) as i32, fraction }
    }

    /// As a datum; of the characteristic the last seven bits.
    #[inline]
    pub fn bits<F: Format>(&self) -> F::Bits {
        let head = |characteristic: i32| (characteristic as u128 & 0x7F) | u128::from(self.negative) << 7;
        F::narrow(if F::DIGITS > HALF {
            let high = head(self.characteristic) << (4 * HALF) | self.fraction >> (4 * HALF);
            let low = head(self.characteristic - HALF as i32) << (4 * HALF) | self.fraction & HALF_FRACTION;
            high << 64 | low
        } else {
            head(self.characteristic) << (4 * F::DIGITS) | self.fraction
        })
    }

    /// The same value without leading zero digits in a fraction of `digits`; a zero fraction stays.
    #[inline]
    pub fn normalized(self, digits: u32) -> Number {
        if self.fraction == 0 {
            return self;
        }
        let zeros = (self.fraction.leading_zeros() - (128 - 4 * digits)) / 4;
        Number { fraction: self.fraction << (4 * zeros), characteristic: self.characteristic - zeros as i32, ..self }
    }
}

/// Zero with a sign: fraction and characteristics are zeros.
#[inline]
pub(crate) fn true_zero<F: Format>(negative: bool) -> F::Bits {
    let sign = u128::from(negative);
    F::narrow(match F::DIGITS {
        6 => sign << 31,
        14 => sign << 63,
        _ => sign << 127 | sign << 63,
    })
}
