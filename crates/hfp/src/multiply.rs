//! Multiplication, division, multiply-and-add and multiply-and-subtract, with normalized and truncated results.
//! Truth: Principles of Operation, chapter 18, MULTIPLY, DIVIDE, MULTIPLY AND ADD, MULTIPLY AND SUBTRACT.

use std::cmp::Ordering;

use crate::format::{Format, Number};
use crate::outcome::{Exception, Masks, Outcome};

/// Digits of the window in which products and sums are held: 112 bits, which an exact product of long fractions fills.
const WINDOW: u32 = 28;

/// The left half of a 256-bit product.
fn high_product(a: u128, b: u128) -> u128 {
    let low = |v: u128| v & u128::from(u64::MAX);
    let (a1, a0, b1, b0) = (a >> 64, low(a), b >> 64, low(b));
    let middle = a1 * b0 + ((a0 * b0) >> 64);
    let carried = a0 * b1 + low(middle);
    a1 * b1 + (middle >> 64) + (carried >> 64)
}

/// The normalized product of two numbers with fractions of `digits`, in a fraction of [`WINDOW`] digits: exact but for
/// extended operands, of whose product the digits that do not fit are truncated.
#[inline]
fn product(a: Number, b: Number, digits: u32) -> Number {
    let (x, y) = (a.normalized(digits), b.normalized(digits));
    // Both fractions at the left end of 128 bits, hence their product at the left end of 256.
    let shift = 128 - 4 * digits;
    let high = high_product(x.fraction << shift, y.fraction << shift);
    let (fraction, less) = if high >> 124 == 0 { (high << 4, 1) } else { (high, 0) };
    Number {
        negative: a.negative != b.negative,
        characteristic: x.characteristic + y.characteristic - 64 - less,
        fraction: fraction >> (128 - 4 * WINDOW),
    }
}

/// The leftmost digits of a [`WINDOW`] as a fraction of `F`.
#[inline]
fn truncated<F: Format>(a: Number) -> Number {
    Number { fraction: a.fraction >> (4 * (WINDOW - F::DIGITS)), ..a }
}

/// MULTIPLY, from one format to the same or a longer one.
#[inline]
pub fn multiply<F: Format, T: Format>(a: F::Bits, b: F::Bits, masks: Masks) -> Outcome<T::Bits> {
    let product = product(Number::of::<F>(a), Number::of::<F>(b), F::DIGITS);
    Outcome::of::<T>(&truncated::<T>(product), masks)
}

/// DIVIDE: the quotient, digit by digit.
///
/// # Errors
/// The divisor's fraction is zero.
#[inline]
pub fn divide<F: Format>(a: F::Bits, b: F::Bits, masks: Masks) -> Result<Outcome<F::Bits>, Exception> {
    let (a, b) = (Number::of::<F>(a), Number::of::<F>(b));
    if b.fraction == 0 {
        return Err(Exception::Divide);
    }
    if a.fraction == 0 {
        return Ok(Outcome::zero::<F>());
    }
    let (x, y) = (a.normalized(F::DIGITS), b.normalized(F::DIGITS));
    let mut characteristic = x.characteristic - y.characteristic + 64;
    let mut rest = x.fraction;
    if rest >= y.fraction {
        // The quotient has a digit to the left of the point: it becomes the first of the fraction.
        characteristic += 1;
    } else {
        rest <<= 4;
    }
    let mut fraction = 0;
    for _ in 0..F::DIGITS {
        fraction = (fraction << 4) | (rest / y.fraction);
        rest = (rest % y.fraction) << 4;
    }
    Ok(Outcome::of::<F>(&Number { negative: a.negative != b.negative, characteristic, fraction }, masks))
}

/// MULTIPLY AND ADD, MULTIPLY AND SUBTRACT: `a` times `b`, plus or minus `c`; short and long formats. The product and the sum
/// are exact, the sum is normalized and truncated. Nothing is recognised for a sum of zero.
#[inline]
pub fn multiply_add<F: Format>(a: F::Bits, b: F::Bits, c: F::Bits, subtract: bool, masks: Masks) -> Outcome<F::Bits> {
    let product = product(Number::of::<F>(a), Number::of::<F>(b), F::DIGITS);
    let addend = Number::of::<F>(c).normalized(F::DIGITS);
    let addend = Number {
        negative: addend.negative != subtract,
        fraction: addend.fraction << (4 * (WINDOW - F::DIGITS)),
        ..addend
    };
    Outcome::of::<F>(&truncated::<F>(sum(product, addend)), masks)
}

/// The normalized sum of two normalized numbers in windows, with the right digits as far as it is not cut by another
/// normalization: what of the smaller number lies to the right of everything is one bit. It lies left of nothing that
/// counts, because a difference of numbers that are that far apart loses one digit on the left at most.
fn sum(a: Number, b: Number) -> Number {
    if a.fraction == 0 || b.fraction == 0 {
        return if a.fraction == 0 { b } else { a };
    }
    /// Bits to the right of the window; four on its left are for a carry.
    const EXTRA: u32 = 128 - 4 * WINDOW - 4;
    let (high, low) = if a.characteristic >= b.characteristic { (a, b) } else { (b, a) };
    let distance = 4 * (high.characteristic - low.characteristic) as u32;
    let (x, y) = (high.fraction << EXTRA, low.fraction << EXTRA);
    let shifted = y.checked_shr(distance).unwrap_or(0);
    let lost = shifted.checked_shl(distance) != Some(y);
    let y = shifted | u128::from(lost);
    let (negative, fraction) = match (high.negative == low.negative, x.cmp(&y)) {
        (true, _) => (high.negative, x + y),
        (false, Ordering::Less) => (low.negative, y - x),
        (false, _) => (high.negative, x - y),
    };
    // The window with its carry digit is a fraction of 32 digits whose characteristic is one more.
    let sum = Number { negative, characteristic: high.characteristic + 1, fraction }.normalized(32);
    Number { fraction: sum.fraction >> (128 - 4 * WINDOW), ..sum }
}
