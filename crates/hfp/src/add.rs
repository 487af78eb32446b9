//! Addition, subtraction and comparison with one guard digit, and HALVE.
//! Truth: Principles of Operation, chapter 18, ADD NORMALIZED, ADD UNNORMALIZED, COMPARE, HALVE.

use crate::format::{Format, Number, ones};
use crate::outcome::{Exception, Masks, Outcome};

/// The intermediate sum: a digit more than the format has, the guard digit, and possibly a carry. The operand of the
/// smaller characteristic is shifted right to the larger; of what is shifted out the first digit stays as guard digit.
#[inline]
fn intermediate_sum(a: Number, b: Number) -> Number {
    let (high, low) = if a.characteristic >= b.characteristic { (a, b) } else { (b, a) };
    let distance = (high.characteristic - low.characteristic) as u32;
    let (x, y) = (high.fraction << 4, (low.fraction << 4).checked_shr(4 * distance).unwrap_or(0));
    let (negative, fraction) = match (high.negative == low.negative, x >= y) {
        (true, _) => (high.negative, x + y),
        (false, true) => (high.negative, x - y),
        (false, false) => (low.negative, y - x),
    };
    Number { negative: negative && fraction != 0, characteristic: high.characteristic, fraction }
}

#[inline]
fn sum<F: Format>(a: Number, b: Number, masks: Masks, normalize: bool) -> Outcome<F::Bits> {
    let sum = intermediate_sum(a, b);
    if sum.fraction > ones(F::DIGITS + 1) {
        // The carry becomes the first digit; the guard digit and the digit before it go.
        let number = Number { fraction: sum.fraction >> 8, characteristic: sum.characteristic + 1, ..sum };
        return Outcome::of::<F>(&number, masks);
    }
    let significant = if normalize { sum.fraction } else { sum.fraction >> 4 };
    if significant == 0 {
        let zero = Number { negative: false, fraction: 0, ..sum };
        return if masks.significance {
            Outcome::exact::<F>(&zero, Some(Exception::Significance))
        } else {
            Outcome::zero::<F>()
        };
    }
    let sum = if normalize { sum.normalized(F::DIGITS + 1) } else { sum };
    Outcome::of::<F>(&Number { fraction: sum.fraction >> 4, ..sum }, masks)
}

fn negated(a: Number) -> Number {
    Number { negative: !a.negative, ..a }
}

/// ADD NORMALIZED, or ADD UNNORMALIZED.
#[inline]
pub fn add<F: Format>(a: F::Bits, b: F::Bits, masks: Masks, normalize: bool) -> Outcome<F::Bits> {
    sum::<F>(Number::of::<F>(a), Number::of::<F>(b), masks, normalize)
}

/// SUBTRACT NORMALIZED, or SUBTRACT UNNORMALIZED.
#[inline]
pub fn subtract<F: Format>(a: F::Bits, b: F::Bits, masks: Masks, normalize: bool) -> Outcome<F::Bits> {
    sum::<F>(Number::of::<F>(a), negated(Number::of::<F>(b)), masks, normalize)
}

/// COMPARE, for the condition code: as SUBTRACT NORMALIZED, so that digits beyond the guard digit do not count.
#[inline]
pub fn compare<F: Format>(a: F::Bits, b: F::Bits) -> u8 {
    let difference = intermediate_sum(Number::of::<F>(a), negated(Number::of::<F>(b)));
    match (difference.fraction, difference.negative) {
        (0, _) => 0,
        (_, true) => 1,
        (_, false) => 2,
    }
}

/// HALVE: a bit to the right into the guard digit, then normalized and truncated.
pub fn halve<F: Format>(a: F::Bits, masks: Masks) -> Outcome<F::Bits> {
    let a = Number::of::<F>(a);
    let half = Number { fraction: a.fraction << 3, ..a }.normalized(F::DIGITS + 1);
    Outcome::of::<F>(&Number { fraction: half.fraction >> 4, ..half }, masks)
}
