//! Decimal floating point (DFP) of z/Architecture on raw bit patterns: results, quantum, IEEE flags, traps, condition codes.
//!
//! Truth: Principles of Operation, chapters 9 ("Floating-point overview") and 20 ("Decimal-floating-point instructions");
//! formats and arithmetic are those of IEEE 754-2008 in the densely-packed-decimal encoding. This crate knows formats,
//! rounding and exceptions; it knows no registers, instructions or storage, and depends on nothing.
//!
//! # Why no library
//!
//! A significand has 34 digits at most, which are 113 bits: everything is done in integers of 128 and, for sums and products,
//! 256 bits. What takes care is not the arithmetic but what z/Architecture asks of the result: whether it was incremented,
//! scaled results of enabled overflow and underflow, the quantum exception, eight rounding methods. IBM's decNumber has none
//! of the first three, so that results would have to be made twice; it is what the tests compare with instead, by way of
//! Python's `decimal`, which is of the same specification (`tests/against_decimal.rs`).
//!
//! # How a result is made
//!
//! Operand classes that need no arithmetic (NaN, infinity) are settled first. Otherwise an operation makes an exact number
//! (`exact::Exact`): an integer times a power of ten, with a sticky bit for what lies to the right of more digits than any
//! format has. One function brings it into the format: `exact::Exact::deliver`.

mod arith;
mod compare;
mod convert;
mod digits;
mod dpd;
mod env;
mod exact;
mod format;
mod radix;
mod significand;
mod wide;

pub use arith::{add, divide, load_and_test, multiply, subtract};
pub use compare::{Comparison, compare, compare_biased_exponent, sign_cc, test_data_class, test_data_group};
pub use convert::{
    Converted, Integer, Rounded, convert_from_integer, convert_to_integer, load_fp_integer, load_lengthened,
    load_rounded,
};
pub use digits::{Digits, digits, from_digits, special, zero};
pub use env::{Env, Outcome, Rounding};
pub use exact::Exact;
pub use format::{Class, Extended, Format, Long, Short};
pub use radix::{Binary, to_binary};
pub use significand::{
    extract_biased_exponent, extract_significance, insert_biased_exponent, quantize, reround, shift_left, shift_right,
};
