//! Names of the operations on whole vector registers that an engine provides: [`crate::Machine::vector`] and its kin.
//! Their meaning as functions of 128-bit numbers is in `semantics/lanes.rs`, which every engine may fall back to.
//! Source: Principles of Operation, chapters 21 and 22.

/// Operations on one register, element by element unless the name says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the names say it
pub enum VectorOp1 {
    LeadingZeros,
    TrailingZeros,
    CountOnes,
    Negate,
    Absolute,
    /// The bytes of each element in reverse order.
    SwapBytes,
    /// The elements in reverse order.
    ReverseElements,
    /// Elements of the left half, sign-extended to twice their size; the element size is that of the source.
    UnpackHigh,
    UnpackHighLogical,
    UnpackLow,
    UnpackLowLogical,
    /// The rightmost element of each doubleword, sign-extended.
    SignExtendToDoubleword,
}

/// Operations on two registers, element by element unless the name says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum VectorOp {
    Add,
    Subtract,
    /// The carry out of each sum, as 0 or 1.
    AddCarry,
    /// 1 where the difference needs no borrow, else 0.
    SubtractBorrow,
    And,
    AndComplement,
    Or,
    OrComplement,
    Xor,
    Nand,
    Nor,
    NotXor,
    CompareEqual,
    CompareHigh,
    CompareHighLogical,
    Maximum,
    MaximumLogical,
    Minimum,
    MinimumLogical,
    Average,
    AverageLogical,
    /// Shifts by the second register's elements, modulo the element's width.
    ShiftLeft,
    ShiftRightLogical,
    ShiftRightArithmetic,
    RotateLeft,
    /// Right half of each product.
    MultiplyLow,
    /// Left half of each product.
    MultiplyHigh,
    MultiplyHighLogical,
    /// Products, of twice the size, of the elements with even (odd) numbers; the element size is that of the factors.
    MultiplyEven,
    MultiplyEvenLogical,
    MultiplyOdd,
    MultiplyOddLogical,
    /// Sum modulo 2 of the carryless products of an even and the following odd element.
    GaloisMultiply,
    /// Sums over the elements of each word (doubleword, quadword) and the rightmost of the second operand's.
    SumWord,
    SumDoubleword,
    SumQuadword,
    /// End-around-carry sum of words.
    Checksum,
    MergeHigh,
    MergeLow,
    /// Right halves of the elements of both registers; the element size is that of the source.
    Pack,
    PackSaturate,
    PackSaturateLogical,
    /// All ones in the elements that [`VectorOp::PackSaturate`] saturates.
    PackSaturated,
    PackSaturatedLogical,
    BitPermute,
    /// Shifts each byte by its own amount, 0 to 7; bits come from the neighbouring byte.
    BitShiftLeft,
    BitShiftRight,
    BitShiftRightArithmetic,
    /// Shifts the register by the number of bytes in bits 57-60 of the second.
    ByteShiftLeft,
    ByteShiftRight,
    ByteShiftRightArithmetic,
}

/// Operations on three registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum VectorOp3 {
    /// Bits of the first where the third has ones, else of the second.
    Select,
    /// Bytes of the first and second, numbered 0 to 31, as the third says.
    Permute,
    /// Left half of product plus third.
    MultiplyAddHigh,
    MultiplyAddHighLogical,
}

/// Shifts of all elements by one amount, which counts modulo the element's width.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum VectorShift {
    Left,
    RightLogical,
    RightArithmetic,
    RotateLeft,
}
