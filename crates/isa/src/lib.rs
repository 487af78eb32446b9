//! The s390x instruction set as data: every instruction of the table under `table/` with its format, operands, facility
//! and class, and what is derived from it: decoder, operand extraction, disassembler, assembler, facility names.
//! Depends on nothing. Truth: Principles of Operation, chapter 5 (formats) and appendix B; GNU binutils for spelling.

mod asm;
mod decode;
mod disasm;
mod facility;
mod fields;
mod names;
mod operands;
mod table;

pub use asm::{AsmError, Assembly, assemble, assemble_with_symbols};
pub use decode::{decode, instruction_length};
pub use disasm::{Disassembly, disassemble, disassemble_bytes};
pub use facility::{Facility, facility, facility_name};
pub use names::{Class, Level, UnknownName};
pub use operands::{Operands, extract};
pub use table::{
    EXTENDED, Extended, FACILITIES, FORMATS, Field, FieldName, Fixed, FixedField, Format, FormatLayout, Op, Operand,
    ROWS, Row, State,
};
