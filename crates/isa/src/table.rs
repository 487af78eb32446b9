//! The types of the instruction table and, included at the end, what `build.rs` generates from `table/*.tbl`.
//! Source of the facts: Principles of Operation; the columns are described in `table/README.md`.

use crate::facility::Facility;
use crate::model::{CpuModel, Feature, Function, Since};
use crate::names::{Class, Level};

/// In which state a program may execute an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Any program.
    Problem,
    /// Problem-state programs under conditions (authority, key mask, function code).
    Semiprivileged,
    /// Supervisor state only.
    Privileged,
}

/// Names of operand fields. `DL`/`DH` are the parts of a 20-bit displacement, `RI` halfword-relative addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum FieldName {
    R1,
    R2,
    R3,
    V1,
    V2,
    V3,
    V4,
    RXB,
    M1,
    M3,
    M4,
    M5,
    M6,
    I1,
    I2,
    I3,
    I4,
    I5,
    RI2,
    RI3,
    RI4,
    X2,
    B1,
    B2,
    B3,
    B4,
    D1,
    D2,
    D3,
    D4,
    DL1,
    DH1,
    DL2,
    DH2,
    L1,
    L2,
}

/// One field of a format.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Which operand it holds.
    pub name: FieldName,
    /// Leftmost bit; bit 0 is the leftmost of the instruction.
    pub bit: u8,
    /// Width in bits.
    pub width: u8,
}

/// A format: its length and fields.
#[derive(Clone, Copy, Debug)]
pub struct FormatLayout {
    /// The Principles of Operation's name, `RXY-a`.
    pub name: &'static str,
    /// Instruction length in bytes: 2, 4 or 6.
    pub length: u8,
    /// Fields from left to right.
    pub fields: &'static [Field],
}

impl Format {
    /// Length and fields.
    pub fn layout(self) -> &'static FormatLayout {
        &FORMATS[self as usize]
    }
}

/// An operand as the assembler writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// General register.
    Gr(FieldName),
    /// Even/odd pair of general registers.
    GrPair(FieldName),
    /// Floating-point register.
    Fr(FieldName),
    /// Pair of floating-point registers (extended format).
    FrPair(FieldName),
    /// Access register.
    Ar(FieldName),
    /// Control register.
    Cr(FieldName),
    /// Vector register.
    Vr(FieldName),
    /// Mask.
    Mask(FieldName),
    /// Unsigned immediate.
    Unsigned(FieldName),
    /// Signed immediate.
    Signed(FieldName),
    /// Address relative to the instruction, in halfwords.
    Relative(FieldName),
    /// Storage operand `D(B)`, `D(X,B)`, `D(L,B)`, `D(V,B)` or `D(R,B)`.
    Storage {
        /// `D1`, `D2` (also where the format splits it into `DL` and `DH`), `D3`, `D4`.
        displacement: FieldName,
        /// Index, length, vector index or length register, when there is one.
        middle: Option<FieldName>,
        /// Base register.
        base: FieldName,
    },
}

impl Operand {
    /// The field that holds it; of a storage operand, the displacement.
    pub fn field(self) -> FieldName {
        match self {
            Operand::Gr(f)
            | Operand::GrPair(f)
            | Operand::Fr(f)
            | Operand::FrPair(f)
            | Operand::Ar(f)
            | Operand::Cr(f)
            | Operand::Vr(f)
            | Operand::Mask(f)
            | Operand::Unsigned(f)
            | Operand::Signed(f)
            | Operand::Relative(f)
            | Operand::Storage { displacement: f, .. } => f,
        }
    }
}

/// One row of the table: an instruction.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The instruction.
    pub op: Op,
    /// Lower-case mnemonic.
    pub mnemonic: &'static str,
    /// Opcode digits as in the table file.
    pub opcode: &'static str,
    /// Format.
    pub format: Format,
    /// Operands in assembler order.
    pub operands: &'static [Operand],
    /// How many of the last operands may be left out, and are then zero.
    pub optional: u8,
    /// Bits of the text (left aligned) that a program should leave zero: neither opcode nor operand. The disassembler
    /// takes an instruction with one of them on for data, a CPU ignores them.
    pub unused: u64,
    /// First machine generation.
    pub level: Level,
    /// STFLE bits that must all be on for the instruction to exist; empty for base instructions.
    pub facilities: &'static [u16],
    /// Class.
    pub class: Class,
    /// Required state.
    pub state: State,
    /// Whether it sets the condition code; `None` when no source says.
    pub sets_cc: Option<bool>,
    /// Also valid in ESA/390 mode.
    pub esa390: bool,
}

/// A field fixed by an extended mnemonic.
#[derive(Clone, Copy, Debug)]
pub struct FixedField {
    /// The field.
    pub field: FieldName,
    /// Only these bits are fixed; all when `None`.
    pub mask: Option<u32>,
    /// The value.
    pub value: Fixed,
}

/// What an extended mnemonic fixes a field to.
#[derive(Clone, Copy, Debug)]
pub enum Fixed {
    /// A number.
    Value(u32),
    /// The value of another field.
    SameAs(FieldName),
}

impl Fixed {
    /// The value, given the instruction text that the other field is in.
    pub(crate) fn of(self, layout: &FormatLayout, text: u64) -> u64 {
        match self {
            Fixed::Value(value) => u64::from(value),
            Fixed::SameAs(name) => layout.get(text, name),
        }
    }
}

/// An extended mnemonic: a base instruction with some fields fixed.
#[derive(Clone, Copy, Debug)]
pub struct Extended {
    /// Lower-case mnemonic.
    pub mnemonic: &'static str,
    /// The instruction it stands for.
    pub base: Op,
    /// Fixed fields.
    pub fixed: &'static [FixedField],
    /// Remaining operands in assembler order.
    pub operands: &'static [Operand],
    /// How many of the last operands may be left out, and are then zero.
    pub optional: u8,
    /// Whether the disassembler prints it when its fixed fields agree; otherwise it is for the assembler only.
    pub printed: bool,
    /// First machine generation.
    pub level: Level,
    /// `condition-mask`, `fixed-operand`, `alias`, `short-form` or `fpe-operand-form`.
    pub kind: &'static str,
}

impl Op {
    /// The instruction's row.
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Instruction text with the opcode alone, left aligned.
    pub fn text(self) -> u64 {
        let digits = self.row().opcode;
        let number = digits.chars().filter_map(|c| c.to_digit(16)).fold(0, |n, digit| (n << 4) | u64::from(digit));
        match digits.len() {
            2 => number << 56,
            // First byte and bits 12-15.
            3 => ((number >> 4) << 56) | ((number & 15) << 48),
            4 => number << 48,
            // First and last byte, two dots between them.
            _ => ((number >> 8) << 56) | ((number & 0xFF) << 16),
        }
    }

    /// Lower-case mnemonic.
    pub fn mnemonic(self) -> &'static str {
        self.row().mnemonic
    }

    /// The extended mnemonics that stand for this instruction.
    pub fn extended(self) -> &'static [Extended] {
        let [start, end] = [0, 1].map(|n| EXTENDED_START.get(self as usize + n).copied().map_or(0, usize::from));
        EXTENDED.get(start..end).unwrap_or(&[])
    }

    /// The instruction with this number (`op as u16`).
    pub fn from_number(n: u16) -> Option<Op> {
        ROWS.get(usize::from(n)).map(|r| r.op)
    }
}

/// What the first byte of an instruction leads to: the number names a row of `SECOND`.
#[derive(Clone, Copy)]
pub(crate) enum First {
    None,
    Op(Op),
    /// Bits 12-15 select.
    Nibble(usize),
    /// The second byte selects.
    SecondByte(usize),
    /// The sixth byte selects.
    LastByte(usize),
}

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// The decoder's look at an instruction text: see [`crate::decode`].
pub(crate) fn look_up(text: u64) -> Option<Op> {
    let byte = |n: u32| (text >> (56 - 8 * n)) as u8;
    let second = |table: usize, key: u8| SECOND.get(table).and_then(|t| t[usize::from(key)]);
    match FIRST[usize::from(byte(0))] {
        First::None => None,
        First::Op(op) => Some(op),
        First::Nibble(t) => second(t, byte(1) & 15),
        First::SecondByte(t) => second(t, byte(1)),
        First::LastByte(t) => second(t, byte(5)),
    }
}
