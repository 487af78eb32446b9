//! Conversions: between formats, to an integer in the same format, and from and to fixed and logical integers.
//!
//! Truth: Principles of Operation, chapter 19: LOAD LENGTHENED, LOAD ROUNDED, LOAD FP INTEGER, CONVERT FROM FIXED / FROM
//! LOGICAL / TO FIXED / TO LOGICAL.

use crate::env::{Env, Flags, Outcome, Trap};
use crate::exact::Exact;
use crate::format::{Datum, Format, signed};
use crate::nan;

/// LOAD LENGTHENED: exact; only a signalling NaN is an exception.
pub fn load_lengthened<S: Format, T: Format>(env: &Env, a: S::Bits) -> Outcome<T::Bits> {
    let a = Datum::of::<S>(a);
    if let Some(outcome) = nan::propagate::<S, T, 1>(env, [&a]) {
        return outcome;
    }
    Outcome::exact(if a.is_zero() {
        signed::<T>(a.negative, 0)
    } else if a.is_infinity() {
        signed::<T>(a.negative, T::INFINITY)
    } else {
        a.exact::<S>().pack::<T>()
    })
}

/// The result of LOAD ROUNDED from `S` to `T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounded<S, T> {
    /// A result in the target's format.
    Short(Outcome<T>),
    /// An enabled overflow or underflow: the scaled result, rounded to the target's precision, in the *source's* format.
    Scaled(S, Trap),
}

impl<S, T: Default> Rounded<S, T> {
    /// For those who suppress on every trap (vector instructions): the outcome without the scaled result.
    pub fn outcome(self) -> Outcome<T> {
        match self {
            Rounded::Short(outcome) => outcome,
            Rounded::Scaled(_, trap) => Outcome { value: T::default(), flags: Flags::NONE, trap: Some(trap) },
        }
    }
}

/// LOAD ROUNDED.
pub fn load_rounded<S: Format, T: Format>(env: &Env, a: S::Bits) -> Rounded<S::Bits, T::Bits> {
    let a = Datum::of::<S>(a);
    if let Some(outcome) = nan::propagate::<S, T, 1>(env, [&a]) {
        return Rounded::Short(outcome);
    }
    if a.is_zero() {
        return Rounded::Short(Outcome::exact(signed::<T>(a.negative, 0)));
    }
    if a.is_infinity() {
        return Rounded::Short(Outcome::exact(signed::<T>(a.negative, T::INFINITY)));
    }
    match a.exact::<S>().round_or_trap::<T>(env) {
        Ok(outcome) => Rounded::Short(outcome),
        Err((precise, trap)) => {
            let overflow = trap.dxc & Flags::OVERFLOW.byte() != 0;
            let scale = if overflow { -S::SCALE_LOAD_ROUNDED } else { S::SCALE_LOAD_ROUNDED };
            Rounded::Scaled(Exact { exp: precise.exp + scale, ..precise }.pack::<S>(), trap)
        }
    }
}

/// LOAD FP INTEGER: rounded to an integer of the same format.
pub fn load_fp_integer<F: Format>(env: &Env, bits: F::Bits) -> Outcome<F::Bits> {
    let a = Datum::of::<F>(bits);
    if let Some(outcome) = nan::propagate::<F, F, 1>(env, [&a]) {
        return outcome;
    }
    if a.is_zero() || a.is_infinity() {
        return Outcome::exact(bits);
    }
    let exact = a.exact::<F>();
    if exact.exp >= F::PRECISION as i32 - 1 {
        return Outcome::exact(bits);
    }
    let kept = exact.to_integer(env.rounding);
    let value = match Exact::from_integer(a.negative, kept.integer) {
        Some(integer) => integer.pack::<F>(),
        None => signed::<F>(a.negative, 0),
    };
    Outcome::inexact(env, value, Flags::NONE, kept.inexact, kept.incremented)
}

/// The integer formats of conversions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    /// 32-bit signed binary integer.
    Fixed32,
    /// 64-bit signed binary integer.
    Fixed64,
    /// 32-bit unsigned binary integer.
    Logical32,
    /// 64-bit unsigned binary integer.
    Logical64,
}

impl Integer {
    /// The least and the greatest value, as magnitudes; the least is negative or zero.
    fn range(self) -> (u128, u128) {
        match self {
            Integer::Fixed32 => (1 << 31, (1 << 31) - 1),
            Integer::Fixed64 => (1 << 63, (1 << 63) - 1),
            Integer::Logical32 => (0, u32::MAX.into()),
            Integer::Logical64 => (0, u64::MAX.into()),
        }
    }
}

/// CONVERT FROM FIXED and CONVERT FROM LOGICAL. A 32-bit integer is taken from the low half of `integer`.
pub fn convert_from_integer<F: Format>(env: &Env, integer: u64, kind: Integer) -> Outcome<F::Bits> {
    let value = match kind {
        Integer::Fixed32 => i128::from(integer as i32),
        Integer::Fixed64 => i128::from(integer as i64),
        Integer::Logical32 => i128::from(integer as u32),
        Integer::Logical64 => i128::from(integer),
    };
    match Exact::from_integer(value < 0, value.unsigned_abs()) {
        Some(exact) => exact.round::<F>(env),
        None => Outcome::exact(F::narrow(0)),
    }
}

/// An integer with the condition code of the conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The integer; one of 32 bits has zeros at the left.
    pub integer: u64,
    /// 0 the source is zero, 1 it is less, 2 it is greater, 3 it is a NaN or out of range.
    pub cc: u8,
}

/// CONVERT TO FIXED and CONVERT TO LOGICAL.
///
/// A NaN converts to the least integer, a number out of range to the nearest end of the range. Both are invalid
/// operations and, when that is not trapped, inexact ones too.
pub fn convert_to_integer<F: Format>(env: &Env, bits: F::Bits, kind: Integer) -> Outcome<Converted> {
    let a = Datum::of::<F>(bits);
    let (least, greatest) = kind.range();
    let value = |negative: bool, magnitude: u128| {
        let integer = if negative { (magnitude as u64).wrapping_neg() } else { magnitude as u64 };
        if matches!(kind, Integer::Fixed32 | Integer::Logical32) { integer & 0xFFFF_FFFF } else { integer }
    };
    let out_of_range = |negative: bool| {
        let integer = value(negative, if negative { least } else { greatest });
        let outcome = Outcome::invalid(env, Converted { integer, cc: 3 });
        if outcome.trap.is_some() { outcome } else { Outcome::inexact(env, outcome.value, outcome.flags, true, false) }
    };
    if a.is_nan() {
        return out_of_range(true);
    }
    if a.is_zero() {
        return Outcome::exact(Converted { integer: 0, cc: 0 });
    }
    if a.is_infinity() {
        return out_of_range(a.negative);
    }
    let exact = a.exact::<F>();
    if exact.exp > 64 {
        return out_of_range(a.negative);
    }
    let kept = exact.to_integer(env.rounding);
    if kept.integer > if a.negative { least } else { greatest } {
        return out_of_range(a.negative);
    }
    let converted = Converted { integer: value(a.negative, kept.integer), cc: if a.negative { 1 } else { 2 } };
    Outcome::inexact(env, converted, Flags::NONE, kept.inexact, kept.incremented)
}
