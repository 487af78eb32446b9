//! Conversion between BFP and hexadecimal floating point (HFP), long format on the HFP side.
//!
//! Truth: Principles of Operation, chapter 9, CONVERT BFP TO HFP and CONVERT HFP TO BFP. Neither recognises an IEEE
//! exception; the condition code tells what happened. An HFP number is `0.fraction * 16^(characteristic - 64)`, the
//! fraction of fourteen hexadecimal digits.

use crate::env::{Env, Flags, Outcome, Rounding};
use crate::exact::Exact;
use crate::format::{Class, Datum, Format, signed};

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

/// A datum for conversion to another radix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The sign.
    pub negative: bool,
    /// The class.
    pub class: Class,
    /// Of a number other than zero: an integer, and the power of two that it is to be multiplied by. Of a NaN: the fraction
    /// after its first bit, bits in reverse order, so that its leftmost bit counts one.
    pub integer: u128,
    /// That power.
    pub exponent: i32,
}

/// Takes a datum apart.
pub fn parts<F: Format>(bits: F::Bits) -> Parts {
    let a = Datum::of::<F>(bits);
    let (integer, exponent) = match a.class {
        Class::Zero | Class::Infinity => (0, 0),
        Class::QuietNan | Class::SignallingNan => (reversed::<F>(a.bits), 0),
        Class::Normal | Class::Subnormal => {
            let exact = a.exact::<F>();
            (exact.significand, exact.exp - 127)
        }
    };
    Parts { negative: a.negative, class: a.class, integer, exponent }
}

/// Bits of a NaN after the quiet one, in reverse order: from a fraction, or the other way.
fn reversed<F: Format>(bits: u128) -> u128 {
    (bits & (F::QUIET - 1)).reverse_bits() >> (128 - (F::PRECISION - 2))
}

/// A quiet NaN with a payload as in [`Parts`]; what is too large for the format loses its first bits.
pub fn nan_of_payload<F: Format>(negative: bool, payload: u128) -> F::Bits {
    signed::<F>(negative, F::DEFAULT_NAN | reversed::<F>(payload))
}

/// Infinity, or zero.
pub fn infinity_or_zero<F: Format>(negative: bool, infinite: bool) -> F::Bits {
    signed::<F>(negative, if infinite { F::INFINITY } else { 0 })
}

/// Rounds a number of another radix, which is `significand * 2^(exponent - 127)`, the first bit of the significand one and its
/// last bit sticky. When overflow or underflow traps, the result has the exponent zero, and the number beside it is the
/// exponent that the rounded number has.
pub fn from_binary<F: Format>(env: &Env, negative: bool, significand: u128, exponent: i32) -> (Outcome<F::Bits>, i32) {
    let exact = Exact { negative, exp: exponent, significand };
    match exact.round_or_trap::<F>(env) {
        Ok(outcome) => (outcome, 0),
        Err((precise, trap)) => {
            let value = Exact { exp: 0, ..precise }.pack::<F>();
            (Outcome { value, flags: Flags::NONE, trap: Some(trap) }, precise.exp)
        }
    }
}
