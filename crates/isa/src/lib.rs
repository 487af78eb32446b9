//! The s390x instruction set as data: every instruction of the table under `table/` with its format, operands, facility
//! and class, and what is derived from it: decoder, operand extraction, disassembler, assembler, facility names.
//! Depends on nothing. Truth: Principles of Operation, chapter 5 (formats) and appendix B; GNU binutils for spelling.

mod asm;
mod decode;
mod disasm;
mod facility;
mod fields;
mod model;
mod names;
mod operands;
mod table;
mod transactional;

pub use asm::{AsmError, Assembly, assemble, assemble_with_symbols};
pub use decode::{decode, instruction_length};
pub use disasm::{Disassembly, disassemble, disassemble_bytes};
pub use facility::{Facility, facility, facility_by_feature, facility_name};
pub use model::{CpuModel, FUNCTION_OPS, Feature, Function, Since, function_index, functions, model, model_of_type};
pub use names::{Class, Level, UnknownName};
pub use operands::{Operands, extract};
pub use table::{
    EXTENDED, Extended, FACILITIES, FEATURES, FORMATS, FUNCTIONS, Field, FieldName, Fixed, FixedField, Format,
    FormatLayout, MODELS, Op, Operand, ROWS, Row, State,
};
pub use transactional::Restrictions;
