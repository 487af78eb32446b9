//! Conversions: between formats, to integers in the format, from and to binary integers.
//! Truth: Principles of Operation, chapter 20, LOAD LENGTHENED, LOAD ROUNDED, LOAD FP INTEGER, CONVERT FROM and TO FIXED and
//! LOGICAL and the figures of their results.

use crate::arith::propagate;
use crate::env::{Env, Outcome};
use crate::exact::{Exact, Target, differs};
use crate::format::{Class, Datum, Format};
use crate::wide::{count, power};

/// LOAD LENGTHENED. With `keep` (a bit of M4) a signalling NaN is moved like any other, and an infinity keeps its digits.
pub fn load_lengthened<S: Format, T: Format>(env: &Env, bits: S::Bits, keep: bool) -> Outcome<T::Bits> {
    let a = Datum::of::<S>(bits);
    special(env, &a, keep).unwrap_or_else(|| Outcome::exact(a)).map(|a| a.bits::<T>())
}

/// What becomes of an infinity or NaN when its format changes.
fn special(env: &Env, a: &Datum, keep: bool) -> Option<Outcome<Datum>> {
    match a.class {
        Class::Finite => None,
        Class::SignallingNan if !keep => Some(Outcome::invalid(env, a.quiet())),
        Class::Infinity if !keep => Some(Outcome::exact(Datum::infinity(a.negative))),
        _ => Some(Outcome::exact(*a)),
    }
}

/// The result of LOAD ROUNDED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounded<S, T> {
    /// In the shorter format.
    Short(Outcome<T>),
    /// Scaled, in the source's format, with the data-exception code of an enabled overflow or underflow.
    Scaled(S, u8),
}

/// LOAD ROUNDED. `keep` as in [`load_lengthened`]; of a payload the last digits stay.
pub fn load_rounded<S: Format, T: Format>(env: &Env, bits: S::Bits, keep: bool) -> Rounded<S::Bits, T::Bits> {
    let a = Datum::of::<S>(bits);
    if let Some(special) = special(env, &a, keep) {
        let shorter = |a: Datum| Datum { significand: a.significand % (T::LIMIT / 10), ..a };
        return Rounded::Short(special.map(|a| shorter(a).bits::<T>()));
    }
    let outcome = Exact::of(&a).settle(&Target::shorter::<S, T>(), env, a.exponent);
    match outcome.trap {
        Some(trap) if outcome.value.scaled.is_some() => Rounded::Scaled(outcome.value.datum.bits::<S>(), trap),
        _ => {
            let differs = differs(&outcome.value.datum, a.exponent);
            Rounded::Short(outcome.map(|settled| settled.datum.bits::<T>()).with_quantum(env, differs))
        }
    }
}

/// A number rounded to an integer; `integer` is meaningless when it has more than 38 digits.
struct Whole {
    integer: u128,
    inexact: bool,
    incremented: bool,
}

/// Rounds a number of negative exponent.
fn whole(env: &Env, a: &Datum) -> Whole {
    let drop = a.exponent.unsigned_abs();
    // All digits go and some zeros, or the last ones go.
    let divisor = power((drop - 1).min(37));
    let (kept, lost) = (a.significand / divisor, a.significand % divisor);
    let (integer, first_lost) = (kept / 10, (kept % 10) as u8);
    let (integer, first_lost, more) =
        if drop > 37 { (0, 0, a.significand != 0) } else { (integer, first_lost, lost != 0) };
    let incremented = env.rounding.increments(a.negative, (integer % 10) as u8, first_lost, more);
    Whole { integer: integer + u128::from(incremented), inexact: first_lost != 0 || more, incremented }
}

/// LOAD FP INTEGER: rounded to an integer of the same format. The preferred quantum is one, or the source's when larger.
pub fn load_fp_integer<F: Format>(env: &Env, bits: F::Bits) -> Outcome<F::Bits> {
    let a = Datum::of::<F>(bits);
    if let Some(nan) = propagate(env, [&a]) {
        return nan.map(|a| a.bits::<F>());
    }
    if a.is_infinity() {
        return Outcome::exact(Datum::infinity(a.negative).bits::<F>());
    }
    if a.exponent >= 0 {
        return Outcome::exact(a.bits::<F>());
    }
    let whole = whole(env, &a);
    let value = Datum::finite(a.negative, whole.integer, 0).bits::<F>();
    Outcome::inexact(env, value, 0, whole.inexact, whole.incremented)
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

/// CONVERT FROM FIXED and CONVERT FROM LOGICAL. A 32-bit integer is taken from the low half of `integer`. The preferred
/// quantum is one.
pub fn convert_from_integer<F: Format>(env: &Env, integer: u64, kind: Integer) -> Outcome<F::Bits> {
    let value = match kind {
        Integer::Fixed32 => i128::from(integer as i32),
        Integer::Fixed64 => i128::from(integer as i64),
        Integer::Logical32 => i128::from(integer as u32),
        Integer::Logical64 => i128::from(integer),
    };
    Exact::new(value < 0, value.unsigned_abs(), 0, false).deliver::<F>(env, 0, true)
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
/// A NaN converts to the least integer, a number out of range to the nearest end of the range. Both are invalid operations
/// and, when that is not trapped, inexact ones too.
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
    if !a.is_finite() {
        return out_of_range(a.is_nan() || a.negative);
    }
    if a.significand == 0 {
        return Outcome::exact(Converted { integer: 0, cc: 0 });
    }
    let whole = if a.exponent < 0 {
        whole(env, &a)
    } else if a.exponent as u32 + count(a.significand) <= 38 {
        Whole { integer: a.significand * power(a.exponent as u32), inexact: false, incremented: false }
    } else {
        return out_of_range(a.negative);
    };
    if whole.integer > if a.negative { least } else { greatest } {
        return out_of_range(a.negative);
    }
    let converted = Converted { integer: value(a.negative, whole.integer), cc: if a.negative { 1 } else { 2 } };
    Outcome::inexact(env, converted, 0, whole.inexact, whole.incremented)
}
