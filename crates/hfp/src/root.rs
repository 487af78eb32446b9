//! SQUARE ROOT, bit by bit. Truth: Principles of Operation, chapter 18, SQUARE ROOT: normalized, and rounded by adding a one
//! in the bit position to the right of the last digit.

use crate::format::{Format, Number};
use crate::outcome::{Exception, Masks, Outcome};

/// The square root.
///
/// # Errors
/// The number is less than zero.
pub fn square_root<F: Format>(a: F::Bits) -> Result<Outcome<F::Bits>, Exception> {
    let a = Number::of::<F>(a);
    if a.fraction == 0 {
        return Ok(Outcome::zero::<F>());
    }
    if a.negative {
        return Err(Exception::SquareRoot);
    }
    let a = a.normalized(F::DIGITS);
    let exponent = a.characteristic - 64;
    // An odd exponent becomes even by a digit less. Two bits more on the right make one bit more of the root.
    let odd = exponent & 1;
    let right = 4 * (F::DIGITS - odd as u32) + 2;
    let root = integer_root(a.fraction, right, 4 * F::DIGITS + right);
    let number = Number { negative: false, characteristic: (exponent + odd) / 2 + 64, fraction: (root + 1) >> 1 };
    Ok(Outcome::of::<F>(&number, Masks::default()))
}

/// The integer part of the root of `a * 2^shift`, an integer of at most `bits` bits; `shift` and `bits` are even.
fn integer_root(a: u128, shift: u32, bits: u32) -> u128 {
    let (mut root, mut rest) = (0u128, 0u128);
    for place in (0..bits).step_by(2).rev() {
        let pair = if place >= shift { a >> (place - shift) & 3 } else { 0 };
        rest = rest << 2 | pair;
        let trial = root << 2 | 1;
        root <<= 1;
        if rest >= trial {
            rest -= trial;
            root |= 1;
        }
    }
    root
}
