//! VECTOR FP MINIMUM and VECTOR FP MAXIMUM, element by element.
//!
//! Truth: Principles of Operation, chapter 24, the figures of VFMIN and VFMAX for each value of M6.

use crate::compare::order;
use crate::env::{Env, Outcome};
use crate::format::{Datum, Format};
use crate::nan;
use std::cmp::Ordering;

/// The function that M6 selects; those with `Magnitude` work on absolute values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinMax {
    /// M6 0: minNum and maxNum of IEEE 754-2008: a quiet NaN loses against a number.
    Ieee,
    /// M6 1: Java's Math.min and Math.max: a NaN wins, minus zero is less than plus zero.
    Java,
    /// M6 2: the C macro `a < b ? a : b`: the second operand when equal or unordered.
    CMacro,
    /// M6 3: C++'s std::min and std::max: the first operand when equal or unordered.
    Cpp,
    /// M6 4: C's fmin and fmax.
    Fmin,
    /// M6 8: minNumMag and maxNumMag of IEEE 754-2008: the operand itself, chosen by magnitude.
    IeeeMagnitude,
    /// M6 9: as 1, on absolute values.
    JavaMagnitude,
    /// M6 10: as 2, on absolute values.
    CMacroMagnitude,
    /// M6 11: as 3, on absolute values.
    CppMagnitude,
    /// M6 12: as 4, on absolute values.
    FminMagnitude,
}

impl MinMax {
    /// From the M6 field; other values are a specification exception.
    pub const fn from_m6(m6: u32) -> Option<MinMax> {
        Some(match m6 {
            0 => MinMax::Ieee,
            1 => MinMax::Java,
            2 => MinMax::CMacro,
            3 => MinMax::Cpp,
            4 => MinMax::Fmin,
            8 => MinMax::IeeeMagnitude,
            9 => MinMax::JavaMagnitude,
            10 => MinMax::CMacroMagnitude,
            11 => MinMax::CppMagnitude,
            12 => MinMax::FminMagnitude,
            _ => return None,
        })
    }
}

/// The minimum of `a` and `b`.
pub fn min<F: Format>(env: &Env, a: F::Bits, b: F::Bits, function: MinMax) -> Outcome<F::Bits> {
    select::<F>(env, a, b, function, Ordering::Less)
}

/// The maximum of `a` and `b`.
pub fn max<F: Format>(env: &Env, a: F::Bits, b: F::Bits, function: MinMax) -> Outcome<F::Bits> {
    select::<F>(env, a, b, function, Ordering::Greater)
}

/// The operand that stands in the `wanted` relation to the other one.
fn select<F: Format>(env: &Env, a: F::Bits, b: F::Bits, function: MinMax, wanted: Ordering) -> Outcome<F::Bits> {
    let magnitude = |x: F::Bits| F::narrow(F::widen(x) & !F::SIGN);
    let (a, b, function) = match function {
        MinMax::JavaMagnitude => (magnitude(a), magnitude(b), MinMax::Java),
        MinMax::CMacroMagnitude => (magnitude(a), magnitude(b), MinMax::CMacro),
        MinMax::CppMagnitude => (magnitude(a), magnitude(b), MinMax::Cpp),
        MinMax::FminMagnitude => (magnitude(a), magnitude(b), MinMax::Fmin),
        other => (a, b, other),
    };
    let (x, y) = (Datum::of::<F>(a), Datum::of::<F>(b));
    if x.is_nan() || y.is_nan() {
        return match function {
            MinMax::CMacro => Outcome::invalid(env, b),
            MinMax::Cpp => Outcome::invalid(env, a),
            MinMax::Java => nan::propagate::<F, F, 2>(env, [&x, &y]).unwrap_or_else(|| Outcome::exact(a)),
            MinMax::Fmin => {
                let value = if y.is_nan() { a } else { b };
                if x.is_signalling() || y.is_signalling() {
                    Outcome::invalid(env, value)
                } else {
                    Outcome::exact(value)
                }
            }
            _ if x.is_signalling() || y.is_signalling() || x.is_nan() && y.is_nan() => {
                nan::propagate::<F, F, 2>(env, [&x, &y]).unwrap_or_else(|| Outcome::exact(a))
            }
            _ => Outcome::exact(if x.is_nan() { b } else { a }),
        };
    }
    let by_value = order::<F>(&x, &y);
    let first = match function {
        MinMax::CMacro => by_value == wanted,
        // `b < a ? b : a`: the first operand unless the second is strictly better.
        MinMax::Cpp => by_value != wanted.reverse(),
        MinMax::IeeeMagnitude => {
            let by_magnitude = (x.bits & !F::SIGN).cmp(&(y.bits & !F::SIGN));
            by_magnitude.then(by_value).then(zeros(&x, &y)) != wanted.reverse()
        }
        _ => by_value.then(zeros(&x, &y)) != wanted.reverse(),
    };
    Outcome::exact(if first { a } else { b })
}

/// Minus zero before plus zero: the order of operands that are equal in value.
fn zeros(a: &Datum, b: &Datum) -> Ordering {
    b.negative.cmp(&a.negative)
}
