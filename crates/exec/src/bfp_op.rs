//! Names of the binary-floating-point operations that an engine provides: [`crate::Machine::bfp`] and its kin.
//! Their meaning is crate `softsie-bfp`'s; source: Principles of Operation, chapters 19 and 24.

use softsie_bfp::{Format, Long, Short};
use softsie_cpu::Scalar;

/// A BFP format that fits a floating-point register, by the type of its bits.
pub trait Bfp: Scalar {
    /// The format.
    type Format: Format<Bits = Self>;
}

impl Bfp for u32 {
    type Format = Short;
}

impl Bfp for u64 {
    type Format = Long;
}

/// Operations in one format. The operands are called a, b and c.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the names say it
pub enum BfpOp {
    /// Sets the condition code, as [`BfpOp::Subtract`] does.
    Add,
    Subtract,
    Multiply,
    Divide,
    /// Of a.
    SquareRoot,
    /// a times b, and c.
    MultiplyAdd,
    MultiplySubtract,
}

/// What the modifiers of a conversion say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Modifiers {
    /// Rounding method, as in M3 (vector instructions: M5).
    pub method: u8,
    /// M4, in which 4 suppresses the inexact exception.
    pub m4: u8,
}

/// Vector instructions that compute in BFP, by what they do with the elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum VectorBfp {
    Add,
    Subtract,
    Multiply,
    Divide,
    SquareRoot,
    MultiplyAdd,
    MultiplySubtract,
    NegativeMultiplyAdd,
    NegativeMultiplySubtract,
    CompareEqual,
    CompareHigh,
    CompareHighOrEqual,
    /// Of the leftmost elements, for the condition code.
    CompareScalar,
    CompareAndSignalScalar,
    PerformSign,
    FromFixed,
    FromLogical,
    ToFixed,
    ToLogical,
    LoadInteger,
    Lengthen,
    Round,
}
