//! DEFLATE as DEFLATE CONVERSION CALL does it: compression and expansion that stop after any bit and resume from a few hundred
//! bytes of state. Pure functions on bytes that the caller has fetched: no storage, no registers, no condition codes.
//! Truth: RFC 1951 (format), RFC 1950 and 1952 (check values), Principles of Operation, chapter 26, for what the functions do.

mod bits;
mod check;
mod compress;
mod expand;
mod huffman;
pub mod operation;
pub mod parameters;
mod table;
mod window;

pub use bits::Bits;
pub use check::Check;
pub use compress::{Compressor, Encoder, generate};
pub use expand::{Block, Expander, Pause, State};
pub use table::{Codes, LONGEST_TABLE};
pub use window::HISTORY;

/// What is wrong with compressed data or with a table. The numbers are this machine's: software only looks whether there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Error {
    /// A block of the reserved type.
    BlockType = 0x01,
    /// A stored block whose length does not agree with its complement.
    StoredLength = 0x02,
    /// A table for more symbols than there are.
    SymbolCounts = 0x11,
    /// Lengths of the code for lengths that make no code.
    LengthCode = 0x12,
    /// A repetition without a length before it, or past the last one.
    Repetition = 0x13,
    /// Lengths that make no code of literals and lengths, or no end of block.
    LiteralCode = 0x14,
    /// Lengths that make no code of distances.
    DistanceCode = 0x15,
    /// A table whose length is not that of the field.
    TableLength = 0x16,
    /// A literal or length that is none.
    LiteralSymbol = 0x21,
    /// A distance that is none.
    DistanceSymbol = 0x22,
    /// A distance to before the history.
    Distance = 0x23,
    /// A literal without a code.
    NoCode = 0x31,
}
