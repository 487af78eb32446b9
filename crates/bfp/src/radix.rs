//! Conversion between BFP and hexadecimal floating point (HFP), long format on the HFP side.
//!
//! Truth: Principles of Operation, chapter 9, CONVERT BFP TO HFP and CONVERT HFP TO BFP. Neither recognises an IEEE
//! exception; the condition code tells what happened. An HFP number is `0.fraction * 16^(characteristic - 64)`, the
//! fraction of fourteen hexadecimal digits.

use crate::env::{Env, Flags, Rounding};
use crate::exact::Exact;
use crate::format::{Datum, Format, signed};

const SIGN: u64 = 1 << 63;
const FRACTION: u64 = (1 << 56) - 1;
/// The number of largest magnitude.
const MAX: u64 = !SIGN;

/// CONVERT BFP TO HFP. Condition code: 0 zero, 1 less, 2 greater than zero, 3 a NaN or too large, which become the
/// number of largest magnitude. What is too small becomes zero.
pub fn convert_to_hfp<F: Format>(bits: F::Bits) -> (u64, u8) {
    let a = Datum::of::<F>(bits);
    let sign = if a.negative { SIGN } else { 0 };
    if a.is_nan() {
        return (MAX, 3);
    }
    if a.is_zero() {
        return (sign, 0);
    }
    if a.is_infinity() {
        return (sign | MAX, 3);
    }
    let exact = a.exact::<F>();
    // The power of sixteen above the number, and how many zeros the first digit begins with.
    let power = exact.exp.div_euclid(4) + 1;
    let zeros = 4 * power - 1 - exact.exp;
    if power > 63 {
        return (sign | MAX, 3);
    }
    let fraction = if power < -64 { 0 } else { (exact.significand >> (128 - 56) >> zeros) as u64 };
    let characteristic = if power < -64 { 0 } else { (power + 64) as u64 };
    (sign | characteristic << 56 | fraction, if a.negative { 1 } else { 2 })
}

/// CONVERT HFP TO BFP. Condition code: 0 zero, 1 less, 2 greater than zero, 3 too large for the format.
pub fn convert_from_hfp<F: Format>(hfp: u64, rounding: Rounding) -> (F::Bits, u8) {
    let negative = hfp & SIGN != 0;
    let Some(fraction) = Exact::from_integer(negative, (hfp & FRACTION).into()) else {
        return (signed::<F>(negative, 0), 0);
    };
    let characteristic = (hfp >> 56 & 0x7F) as i32;
    let exact = Exact { exp: fraction.exp - 56 + 4 * (characteristic - 64), ..fraction };
    let outcome = exact.round::<F>(&Env::from_fpc(0).with_rounding(rounding));
    let cc = match (outcome.flags.has(Flags::OVERFLOW), negative) {
        (true, _) => 3,
        (false, true) => 1,
        (false, false) => 2,
    };
    (outcome.value, cc)
}
