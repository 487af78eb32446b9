//! COMPARE, COMPARE AND SIGNAL, TEST DATA CLASS and the condition codes of loads.
//!
//! Truth: Principles of Operation, chapter 19.

use crate::env::{Env, Outcome};
use crate::format::{Class, Datum, Format};
use std::cmp::Ordering;

/// The relation of two data. As a number it is the condition code of COMPARE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal; plus and minus zero are.
    Equal = 0,
    /// The first is less.
    Less = 1,
    /// The first is greater.
    Greater = 2,
    /// One of them is a NaN.
    Unordered = 3,
}

/// COMPARE (`signalling` false: only a signalling NaN is invalid) and COMPARE AND SIGNAL (every NaN is).
pub fn compare<F: Format>(env: &Env, a: F::Bits, b: F::Bits, signalling: bool) -> Outcome<Comparison> {
    let (a, b) = (Datum::of::<F>(a), Datum::of::<F>(b));
    if a.is_nan() || b.is_nan() {
        return if signalling || a.is_signalling() || b.is_signalling() {
            Outcome::invalid(env, Comparison::Unordered)
        } else {
            Outcome::exact(Comparison::Unordered)
        };
    }
    Outcome::exact(match order::<F>(&a, &b) {
        Ordering::Equal => Comparison::Equal,
        Ordering::Less => Comparison::Less,
        Ordering::Greater => Comparison::Greater,
    })
}

/// The order of two numbers or infinities; plus and minus zero are equal.
pub(crate) fn order<F: Format>(a: &Datum, b: &Datum) -> Ordering {
    let key = |x: &Datum| {
        let magnitude = (x.bits & !F::SIGN) as i128;
        if x.negative { -magnitude } else { magnitude }
    };
    key(a).cmp(&key(b))
}

/// The condition code by sign: 0 zero, 1 less than zero, 2 greater than zero, 3 NaN.
#[inline]
pub fn sign_cc<F: Format>(a: F::Bits) -> u8 {
    let a = Datum::of::<F>(a);
    match a.class {
        Class::Zero => 0,
        Class::QuietNan | Class::SignallingNan => 3,
        _ if a.negative => 1,
        _ => 2,
    }
}

/// Whether the class and sign of the operand are selected by the 12-bit mask of TEST DATA CLASS.
pub fn test_data_class<F: Format>(a: F::Bits, mask: u32) -> bool {
    let a = Datum::of::<F>(a);
    let pair = match a.class {
        Class::Zero => 0,
        Class::Normal => 1,
        Class::Subnormal => 2,
        Class::Infinity => 3,
        Class::QuietNan => 4,
        Class::SignallingNan => 5,
    };
    mask & 0x800 >> (2 * pair + u32::from(a.negative)) != 0
}
