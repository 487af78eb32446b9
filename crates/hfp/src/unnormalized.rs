//! Unnormalized multiplication and multiply-and-add of long numbers to an extended one, the tools of long arithmetic.
//! Truth: Principles of Operation, chapter 18, MULTIPLY UNNORMALIZED, MULTIPLY AND ADD UNNORMALIZED: no exceptions, and
//! characteristics modulo 128.

use crate::format::{Extended, Long, Number, ones};

fn product(a: u64, b: u64) -> Number {
    let (a, b) = (Number::of::<Long>(a), Number::of::<Long>(b));
    Number {
        negative: a.negative != b.negative,
        characteristic: a.characteristic + b.characteristic - 64,
        fraction: a.fraction * b.fraction,
    }
}

/// MULTIPLY UNNORMALIZED: all 28 digits of the product.
pub fn multiply_unnormalized(a: u64, b: u64) -> u128 {
    product(a, b).bits::<Extended>()
}

/// MULTIPLY AND ADD UNNORMALIZED: `a` times `b`, plus `c`. The addend is shifted to where the product is, to the left as well
/// as to the right; the result has the digits of the sum where the product has its own. Digits beside those are lost, but
/// count for the sign: it is that of the whole sum, plus when that is zero.
pub fn multiply_add_unnormalized(a: u64, b: u64, c: u64) -> u128 {
    let (product, addend) = (product(a, b), Number::of::<Long>(c));
    // The addend's digits begin where the product's do when the characteristics are equal.
    let left = addend.characteristic - product.characteristic;
    let aligned = addend.fraction << (4 * Long::LEFT);
    let distance = 4 * left.unsigned_abs();
    let (here, beyond, below) = if left >= 0 {
        // What remains of it here, and whether digits are left of that.
        let here = aligned.checked_shl(distance).unwrap_or(0) & ones(28);
        (here, aligned.checked_shr(112u32.saturating_sub(distance)).unwrap_or(0) != 0, false)
    } else {
        let here = aligned.checked_shr(distance).unwrap_or(0);
        (here, false, here.checked_shl(distance).unwrap_or(0) != aligned)
    };
    let sum = if product.negative == addend.negative {
        // Nothing to the right of the product's digits could carry into them.
        Number { fraction: product.fraction + here, ..product }
    } else if beyond || here > product.fraction || here == product.fraction && below {
        Number { negative: addend.negative, fraction: here.wrapping_sub(product.fraction), ..product }
    } else {
        let fraction = product.fraction - here - u128::from(below);
        let zero = fraction == 0 && !below;
        Number { negative: product.negative && !zero, fraction, ..product }
    };
    let all_zero = product.fraction == 0 && addend.fraction == 0;
    let negative = sum.negative && !all_zero;
    Number { negative, fraction: sum.fraction & ones(28), ..sum }.bits::<Extended>()
}

impl Long {
    /// Digits to the right of a long fraction in an extended one.
    const LEFT: u32 = 14;
}
