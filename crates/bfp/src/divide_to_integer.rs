//! DIVIDE TO INTEGER: an integer quotient and the remainder that belongs to it.
//!
//! Truth: Principles of Operation, chapter 19, "Divide to integer". While the precise quotient has more integer bits
//! than the format, the step is partial: the quotient is truncated and the remainder exact, and a program goes on with
//! the remainder. The final step rounds the quotient by M4 and the remainder by the FPC's mode.

use crate::env::{Env, Outcome, Rounding};
use crate::exact::Exact;
use crate::format::{Datum, Format, signed};
use crate::{nan, soft};

/// The two results and the condition code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divided<B> {
    /// The remainder: the first operand's new value.
    pub remainder: B,
    /// The integer quotient: the third operand's. Scaled when it is too large for the format (condition codes 1 and 3).
    pub quotient: B,
    /// 0 or 1: the remainder is complete; 2 or 3: it is not. 1 or 3: the quotient is scaled, or the results are NaNs.
    pub cc: u8,
}

/// DIVIDE TO INTEGER of `a` by `b`. `env` is the FPC's; `quotient_rounding` the method that M4 selects.
pub fn divide_to_integer<F: Format>(
    env: &Env,
    a: F::Bits,
    b: F::Bits,
    quotient_rounding: Rounding,
) -> Outcome<Divided<F::Bits>> {
    let (dividend, divisor) = (Datum::of::<F>(a), Datum::of::<F>(b));
    let both = |nan| Divided { remainder: nan, quotient: nan, cc: 1 };
    if let Some(outcome) = nan::propagate::<F, F, 2>(env, [&dividend, &divisor]) {
        return outcome.map(both);
    }
    if dividend.is_infinity() || divisor.is_zero() {
        return nan::invalid::<F>(env).map(both);
    }
    let negative = dividend.negative != divisor.negative;
    if dividend.is_zero() || divisor.is_infinity() {
        return Outcome::exact(Divided { remainder: a, quotient: signed::<F>(negative, 0), cc: 0 });
    }

    let (dividend, divisor) = (dividend.exact::<F>(), divisor.exact::<F>());
    let zero_remainder = signed::<F>(dividend.negative, 0);
    // Neither operand is zero, so the quotient is not.
    let Some(precise) = soft::divide(dividend, divisor) else {
        return Outcome::exact(Divided { remainder: zero_remainder, quotient: signed::<F>(negative, 0), cc: 0 });
    };
    let partial = precise.exp >= F::PRECISION as i32;
    let integer = if partial {
        Some(precise.to_precision::<F>(Rounding::Zero).0)
    } else {
        Exact::from_integer(negative, precise.to_integer(quotient_rounding).integer)
    };
    let (quotient, scaled, remainder) = match integer {
        None => (signed::<F>(negative, 0), false, Some(dividend)),
        Some(n) => {
            let scaled = n.exp > F::BIAS;
            let placed = if scaled { Exact { exp: n.exp - F::SCALE, ..n } } else { n };
            let minus_n = Exact { negative: !n.negative, ..n };
            (placed.pack::<F>(), scaled, soft::multiply_add(minus_n, divisor, dividend))
        }
    };
    let incomplete = partial && remainder.is_some();
    let cc = u8::from(scaled) | u8::from(incomplete) << 1;
    match remainder {
        None => Outcome::exact(Divided { remainder: zero_remainder, quotient, cc }),
        Some(remainder) => remainder.round::<F>(env).map(|remainder| Divided { remainder, quotient, cc }),
    }
}
