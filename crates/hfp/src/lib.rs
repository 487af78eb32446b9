//! Hexadecimal floating point (HFP) of z/Architecture on raw bit patterns: results, exceptions and condition codes.
//!
//! Truth: Principles of Operation, chapter 9 ("Floating-point overview") and chapter 18 ("Hexadecimal-floating-point
//! instructions"). This crate knows formats, normalization and exceptions; it knows no registers, instructions or storage,
//! and depends on nothing.
//!
//! A number is `0.fraction * 16^(characteristic - 64)`, its fraction of 6, 14 or 28 hexadecimal digits. Results are
//! truncated, never rounded, but for LOAD ROUNDED, SQUARE ROOT and conversions to integers. Everything is done in 128-bit
//! integers: an extended fraction has 112 bits, which leaves room for a carry and a guard digit. Products of extended
//! fractions, quotients and roots are made so that only the digits of the result are ever held.

mod add;
mod convert;
mod format;
mod multiply;
mod outcome;
mod root;
mod unnormalized;

pub use add::{add, compare, halve, subtract};
pub use convert::{
    Method, Rounded, convert_from_fixed, convert_to_fixed, from_integer, largest, lengthen_to_extended,
    load_fp_integer, load_rounded, parts, scaled_integer, with_sign, zero,
};
pub use format::{Extended, Format, Long, Short};
pub use multiply::{divide, multiply, multiply_add};
pub use outcome::{Exception, Masks, Outcome};
pub use root::square_root;
pub use unnormalized::{multiply_add_unnormalized, multiply_unnormalized};
