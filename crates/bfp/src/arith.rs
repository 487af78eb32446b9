//! ADD, SUBTRACT, MULTIPLY, DIVIDE, SQUARE ROOT, MULTIPLY AND ADD / SUBTRACT, LOAD AND TEST.
//!
//! Truth: Principles of Operation, chapter 19, the instruction descriptions and their result figures.

use crate::env::{Env, Flags, Outcome, Rounding};
use crate::exact::Exact;
use crate::format::{Datum, Format, signed};
use crate::host::HostResult;
use crate::{nan, soft};

/// Uses the host's result if the environment allows it and there is one.
#[inline]
fn on_host<B>(env: &Env, operation: impl FnOnce(bool) -> HostResult<B>) -> Option<Outcome<B>> {
    if !env.host || env.rounding != Rounding::NearestEven || env.traps(Flags::INEXACT) {
        return None;
    }
    let (value, inexact) = operation(env.known.has(Flags::INEXACT))?;
    let flags = if inexact { Flags::INEXACT } else { Flags::NONE };
    Some(Outcome { value, flags, trap: None })
}

fn infinity<F: Format>(negative: bool) -> Outcome<F::Bits> {
    Outcome::exact(signed::<F>(negative, F::INFINITY))
}

fn zero<F: Format>(negative: bool) -> Outcome<F::Bits> {
    Outcome::exact(signed::<F>(negative, 0))
}

/// The sign of an exactly zero difference: plus, but minus when rounding toward minus infinity.
fn zero_difference<F: Format>(env: &Env) -> Outcome<F::Bits> {
    zero::<F>(env.rounding == Rounding::Down)
}

fn rounded<F: Format>(env: &Env, value: Option<Exact>) -> Outcome<F::Bits> {
    match value {
        Some(value) => value.round::<F>(env),
        None => zero_difference::<F>(env),
    }
}

/// ADD: `a + b`.
#[inline]
pub fn add<F: Format>(env: &Env, a: F::Bits, b: F::Bits) -> Outcome<F::Bits> {
    match on_host(env, |known| F::add(a, b, known)) {
        Some(outcome) => outcome,
        None => add_exactly::<F>(env, Datum::of::<F>(a), Datum::of::<F>(b)),
    }
}

/// SUBTRACT: `a - b`. A NaN `b` keeps its sign.
#[inline]
pub fn subtract<F: Format>(env: &Env, a: F::Bits, b: F::Bits) -> Outcome<F::Bits> {
    let minus_b = F::narrow(F::widen(b) ^ F::SIGN);
    match on_host(env, |known| F::add(a, minus_b, known)) {
        Some(outcome) => outcome,
        None => {
            let b = Datum::of::<F>(b);
            let b = if b.is_nan() { b } else { Datum::of::<F>(minus_b) };
            add_exactly::<F>(env, Datum::of::<F>(a), b)
        }
    }
}

fn add_exactly<F: Format>(env: &Env, a: Datum, b: Datum) -> Outcome<F::Bits> {
    if let Some(outcome) = nan::propagate::<F, F, 2>(env, [&a, &b]) {
        return outcome;
    }
    match (a.is_infinity(), b.is_infinity()) {
        (true, true) if a.negative != b.negative => return nan::invalid::<F>(env),
        (true, _) => return infinity::<F>(a.negative),
        (_, true) => return infinity::<F>(b.negative),
        _ => {}
    }
    match (a.is_zero(), b.is_zero()) {
        (true, true) if a.negative == b.negative => zero::<F>(a.negative),
        (true, true) => zero_difference::<F>(env),
        (true, false) => b.exact::<F>().round::<F>(env),
        (false, true) => a.exact::<F>().round::<F>(env),
        (false, false) => rounded::<F>(env, soft::add(a.exact::<F>(), b.exact::<F>())),
    }
}

/// MULTIPLY: `a * b` in one format.
#[inline]
pub fn multiply<F: Format>(env: &Env, a: F::Bits, b: F::Bits) -> Outcome<F::Bits> {
    match on_host(env, |known| F::multiply(a, b, known)) {
        Some(outcome) => outcome,
        None => multiply_exactly::<F, F>(env, Datum::of::<F>(a), Datum::of::<F>(b)),
    }
}

/// MULTIPLY with a product in the next longer format (short to long, long to extended), which is always exact.
pub fn multiply_lengthened<S: Format, T: Format>(env: &Env, a: S::Bits, b: S::Bits) -> Outcome<T::Bits> {
    multiply_exactly::<S, T>(env, Datum::of::<S>(a), Datum::of::<S>(b))
}

fn multiply_exactly<S: Format, T: Format>(env: &Env, a: Datum, b: Datum) -> Outcome<T::Bits> {
    if let Some(outcome) = nan::propagate::<S, T, 2>(env, [&a, &b]) {
        return outcome;
    }
    let negative = a.negative != b.negative;
    if a.is_infinity() || b.is_infinity() {
        return if a.is_zero() || b.is_zero() { nan::invalid::<T>(env) } else { infinity::<T>(negative) };
    }
    if a.is_zero() || b.is_zero() {
        return zero::<T>(negative);
    }
    rounded::<T>(env, soft::multiply(a.exact::<S>(), b.exact::<S>()))
}

/// DIVIDE: `a / b`.
#[inline]
pub fn divide<F: Format>(env: &Env, a: F::Bits, b: F::Bits) -> Outcome<F::Bits> {
    match on_host(env, |known| F::divide(a, b, known)) {
        Some(outcome) => outcome,
        None => divide_exactly::<F>(env, Datum::of::<F>(a), Datum::of::<F>(b)),
    }
}

fn divide_exactly<F: Format>(env: &Env, a: Datum, b: Datum) -> Outcome<F::Bits> {
    if let Some(outcome) = nan::propagate::<F, F, 2>(env, [&a, &b]) {
        return outcome;
    }
    let negative = a.negative != b.negative;
    match (a.is_infinity(), b.is_infinity()) {
        (true, true) => return nan::invalid::<F>(env),
        (true, false) => return infinity::<F>(negative),
        (false, true) => return zero::<F>(negative),
        (false, false) => {}
    }
    match (a.is_zero(), b.is_zero()) {
        (true, true) => nan::invalid::<F>(env),
        (true, false) => zero::<F>(negative),
        (false, true) => Outcome::divide_by_zero(env, signed::<F>(negative, F::INFINITY)),
        (false, false) => rounded::<F>(env, soft::divide(a.exact::<F>(), b.exact::<F>())),
    }
}

/// SQUARE ROOT of `a`. That of -0 is -0.
#[inline]
pub fn square_root<F: Format>(env: &Env, a: F::Bits) -> Outcome<F::Bits> {
    match on_host(env, |known| F::square_root(a, known)) {
        Some(outcome) => outcome,
        None => square_root_exactly::<F>(env, Datum::of::<F>(a)),
    }
}

fn square_root_exactly<F: Format>(env: &Env, a: Datum) -> Outcome<F::Bits> {
    if let Some(outcome) = nan::propagate::<F, F, 1>(env, [&a]) {
        return outcome;
    }
    if a.is_zero() {
        return zero::<F>(a.negative);
    }
    if a.negative {
        return nan::invalid::<F>(env);
    }
    if a.is_infinity() {
        return infinity::<F>(false);
    }
    soft::square_root(a.exact::<F>()).round::<F>(env)
}

/// MULTIPLY AND ADD: `a * b + c`, rounded once.
///
/// The order of `a` and `b` matters for NaNs: `a` is the third operand of the instruction (R3 or V3), `b` the second,
/// `c` the addend.
#[inline]
pub fn multiply_add<F: Format>(env: &Env, a: F::Bits, b: F::Bits, c: F::Bits) -> Outcome<F::Bits> {
    match on_host(env, |known| F::multiply_add(a, b, c, known)) {
        Some(outcome) => outcome,
        None => multiply_add_exactly::<F>(env, Datum::of::<F>(a), Datum::of::<F>(b), Datum::of::<F>(c)),
    }
}

/// MULTIPLY AND SUBTRACT: `a * b - c`, rounded once. Operands as for [`multiply_add`]; a NaN `c` keeps its sign.
#[inline]
pub fn multiply_subtract<F: Format>(env: &Env, a: F::Bits, b: F::Bits, c: F::Bits) -> Outcome<F::Bits> {
    let minus_c = F::narrow(F::widen(c) ^ F::SIGN);
    match on_host(env, |known| F::multiply_add(a, b, minus_c, known)) {
        Some(outcome) => outcome,
        None => {
            let c = Datum::of::<F>(c);
            let c = if c.is_nan() { c } else { Datum::of::<F>(minus_c) };
            multiply_add_exactly::<F>(env, Datum::of::<F>(a), Datum::of::<F>(b), c)
        }
    }
}

fn multiply_add_exactly<F: Format>(env: &Env, a: Datum, b: Datum, c: Datum) -> Outcome<F::Bits> {
    // The figure's first part settles the product, so infinity times zero goes before a NaN c.
    let factor_nan = a.is_nan() || b.is_nan();
    if !factor_nan && (a.is_infinity() && b.is_zero() || a.is_zero() && b.is_infinity()) {
        return nan::invalid::<F>(env);
    }
    if let Some(outcome) = nan::propagate::<F, F, 3>(env, [&a, &b, &c]) {
        return outcome;
    }
    let negative = a.negative != b.negative;
    if a.is_infinity() || b.is_infinity() {
        return if c.is_infinity() && c.negative != negative {
            nan::invalid::<F>(env)
        } else {
            infinity::<F>(negative)
        };
    }
    if c.is_infinity() {
        return infinity::<F>(c.negative);
    }
    match (a.is_zero() || b.is_zero(), c.is_zero()) {
        (true, true) if negative == c.negative => zero::<F>(negative),
        (true, true) => zero_difference::<F>(env),
        (true, false) => c.exact::<F>().round::<F>(env),
        (false, true) => rounded::<F>(env, soft::multiply(a.exact::<F>(), b.exact::<F>())),
        (false, false) => rounded::<F>(env, soft::multiply_add(a.exact::<F>(), b.exact::<F>(), c.exact::<F>())),
    }
}

/// The result of VECTOR FP NEGATIVE MULTIPLY AND ADD / SUBTRACT from that of the positive one: negated, NaNs excepted.
#[inline]
pub fn negated_if_number<F: Format>(value: F::Bits) -> F::Bits {
    if Datum::of::<F>(value).is_nan() { value } else { F::narrow(F::widen(value) ^ F::SIGN) }
}

/// LOAD AND TEST: the operand, or a signalling NaN made quiet. [`crate::sign_cc`] of the result is the condition code.
pub fn load_and_test<F: Format>(env: &Env, a: F::Bits) -> Outcome<F::Bits> {
    let datum = Datum::of::<F>(a);
    nan::propagate::<F, F, 1>(env, [&datum]).unwrap_or_else(|| Outcome::exact(a))
}
