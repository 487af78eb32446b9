//! What an HFP operation is told (masks) and what it tells back: a result, and an exception that completes it.
//! Truth: Principles of Operation, chapter 6 (HFP exponent overflow, underflow, significance) and chapter 18.

use crate::format::{Format, Number, true_zero};

/// The two mask bits of the program mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// HFP exponent underflow interrupts.
    pub underflow: bool,
    /// HFP significance interrupts.
    pub significance: bool,
}

impl Masks {
    /// From the program mask: four bits, of which the last two are for HFP.
    #[inline]
    pub fn of(program_mask: u8) -> Masks {
        Masks { underflow: program_mask & 2 != 0, significance: program_mask & 1 != 0 }
    }
}

/// An HFP exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The characteristic would exceed 127; the result has one that is 128 less.
    Overflow,
    /// The characteristic would be less than zero; the result has one that is 128 more.
    Underflow,
    /// A sum or difference without digits, which keeps its characteristic.
    Significance,
    /// The divisor's fraction is zero. Suppresses.
    Divide,
    /// A root of a number less than zero. Suppresses.
    SquareRoot,
}

/// A result and the exception after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<T> {
    /// The result to place.
    pub value: T,
    /// The exception to recognise then.
    pub exception: Option<Exception>,
    /// What the instruction's condition code would be: 0 the fraction is zero, 1 less than zero, 2 greater.
    pub cc: u8,
}

impl<T> Outcome<T> {
    pub(crate) fn zero<F: Format<Bits = T>>() -> Outcome<T> {
        Outcome { value: true_zero::<F>(false), exception: None, cc: 0 }
    }

    /// A number as it is, whose characteristic is in range.
    #[inline]
    pub(crate) fn exact<F: Format<Bits = T>>(number: &Number, exception: Option<Exception>) -> Outcome<T> {
        let cc = match (number.fraction, number.negative) {
            (0, _) => 0,
            (_, true) => 1,
            (_, false) => 2,
        };
        Outcome { value: number.bits::<F>(), exception, cc }
    }

    /// The end of an operation: brings the characteristic into range. A zero fraction makes a true zero.
    #[inline]
    pub(crate) fn of<F: Format<Bits = T>>(number: &Number, masks: Masks) -> Outcome<T> {
        match number.characteristic {
            _ if number.fraction == 0 => Outcome::zero::<F>(),
            0..=127 => Outcome::exact::<F>(number, None),
            128.. => Outcome::exact::<F>(number, Some(Exception::Overflow)),
            _ if masks.underflow => Outcome::exact::<F>(number, Some(Exception::Underflow)),
            _ => Outcome::zero::<F>(),
        }
    }
}
