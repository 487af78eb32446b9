//! Binary floating point (BFP) of z/Architecture on raw bit patterns: results, IEEE flags, traps and condition codes.
//!
//! Truth: Principles of Operation, chapters 9 ("Floating-point overview") and 19 ("Binary-floating-point instructions").
//! This crate knows formats, rounding and exceptions; it knows no registers, instructions or storage, and depends on no
//! other softsie crate. An operation takes an [`Env`] (rounding method, trap masks) and bits, and returns an [`Outcome`]:
//! the value to place, the flags to set in the floating-point-control (FPC) register, and the trap to take, if any.
//!
//! # How a result is made
//!
//! 1. Operand classes that need no arithmetic (NaN, infinity, zero) are settled first, by the tables of chapter 19.
//! 2. Short and long operands in round-to-nearest-even without an inexact trap go to the host's FPU ([`host`]); a result
//!    that may be tiny, may have overflowed, or whose exactness cannot be told is thrown away and made by step 3.
//! 3. Otherwise the operation is done to 120 significant bits and an unbounded exponent, the lost rest kept as a sticky
//!    bit (`soft`), and rounded once to the target (`exact`). Only that one function knows about tininess *before*
//!    rounding, scaled results of enabled overflow and underflow traps, "incremented" against "truncated", and
//!    round-to-prepare-for-shorter-precision. No common soft-float library has all of these, all need the same thing of
//!    the arithmetic below: the exact value.
//!
//! # Which library does the arithmetic
//!
//! `rustc_apfloat`, the port of LLVM's `APFloat` that the Rust compiler itself uses for constants. It is kept by the
//! Rust project, has no build script that needs a C compiler, is Apache-2.0, and takes *user-defined formats*, which is
//! what step 3 needs: a 120-bit significand with a 24-bit exponent, so that neither overflow, underflow nor double
//! rounding can happen inside the library. Berkeley SoftFloat (`softfloat-wrapper`, `softfloat-sys`) needs a C compiler
//! and has fixed formats, so extended results could not be re-rounded exactly; `simple-soft-float` is LGPL, unchanged
//! since 2020 and orders of magnitude slower. `APFloat` has no square root: `soft` has a digit-by-digit one.
//!
//! # Speed
//!
//! `cargo run --release -p softsie-bfp --example speed` prints it. On a 2-core x86-64 virtual machine a long addition
//! takes 1 ns on the host path when the inexact flag is set already (which it soon is in any program), 5 ns when it is
//! not; the exact path takes 170 to 250 ns (divide 600 to 1,000), conversions and comparisons 2 to 16 ns.

mod arith;
mod compare;
mod convert;
mod divide_to_integer;
mod env;
mod exact;
mod format;
pub mod host;
mod minmax;
mod nan;
mod radix;
mod soft;

pub use arith::{
    add, divide, load_and_test, multiply, multiply_add, multiply_lengthened, multiply_subtract, negated_if_number,
    square_root, subtract,
};
pub use compare::{Comparison, compare, sign_cc, test_data_class};
pub use convert::{
    Converted, Integer, Rounded, convert_from_integer, convert_to_integer, load_fp_integer, load_lengthened,
    load_rounded,
};
pub use divide_to_integer::{Divided, divide_to_integer};
pub use env::{Env, Flags, Outcome, Rounding, Trap};
pub use format::{Class, Extended, Format, Long, Short};
pub use minmax::{MinMax, max, min};
pub use radix::{Parts, convert_from_hfp, convert_to_hfp, from_binary, infinity_or_zero, nan_of_payload, parts};
