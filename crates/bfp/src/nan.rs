//! Which NaN an operation delivers, and whether it is an invalid operation.
//!
//! Truth: Principles of Operation, chapter 19, the result figures: signalling NaNs first, then quiet ones, in the order
//! of the operands as the figure of the instruction names them a, b, c.

use crate::env::{Env, Outcome};
use crate::format::{Datum, Format};

/// The default quiet NaN with an invalid operation.
pub(crate) fn invalid<F: Format>(env: &Env) -> Outcome<F::Bits> {
    Outcome::invalid(env, F::narrow(F::DEFAULT_NAN))
}

/// The NaN of `T` that a NaN of `S` becomes: quiet, its payload kept from the left.
pub(crate) fn quiet<S: Format, T: Format>(nan: &Datum) -> T::Bits {
    let fraction = nan.bits & S::FRACTION;
    let shift = T::PRECISION as i32 - S::PRECISION as i32;
    let fraction = if shift >= 0 { fraction << shift } else { fraction >> -shift };
    crate::format::signed::<T>(nan.negative, T::INFINITY | T::QUIET | fraction)
}

/// The NaN result of operands in order of precedence, if one of them is a NaN.
#[inline]
pub(crate) fn propagate<S: Format, T: Format, const N: usize>(
    env: &Env,
    operands: [&Datum; N],
) -> Option<Outcome<T::Bits>> {
    if !operands.iter().any(|x| x.is_nan()) {
        return None;
    }
    if let Some(nan) = operands.iter().find(|x| x.is_signalling()) {
        return Some(Outcome::invalid(env, quiet::<S, T>(nan)));
    }
    operands.iter().find(|x| x.is_nan()).map(|nan| Outcome::exact(quiet::<S, T>(nan)))
}
