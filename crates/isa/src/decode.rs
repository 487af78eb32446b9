//! The decoder: instruction text to table row. Instruction text is six bytes, left aligned in a `u64`, as fetched.
//! Source: Principles of Operation, chapter 5, Instruction Formats (bits 0 and 1 give the length).

use crate::table::{Op, look_up};

/// Length in bytes (2, 4 or 6) of the instruction that begins with `first_byte`.
#[inline]
pub fn instruction_length(first_byte: u8) -> u8 {
    match first_byte >> 6 {
        0 => 2,
        1 | 2 => 4,
        _ => 6,
    }
}

/// The instruction whose text, left aligned, is `text`; `None` when the opcode is not assigned in the table.
pub fn decode(text: u64) -> Option<Op> {
    look_up(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opcodes_of_each_kind_are_found() {
        let cases = [
            (0x1A12_u64 << 48, Some(Op::AR)),
            (0xA718_0001 << 32, Some(Op::LHI)),
            (0xB908_0012 << 32, Some(Op::AGR)),
            (0xE310_0000_0004 << 16, Some(Op::LG)),
            (0x0000 << 48, None),
            (0xE310_0000_0001 << 16, None),
        ];
        for (text, op) in cases {
            assert_eq!(decode(text), op, "{text:016x}");
        }
    }

    #[test]
    fn every_row_decodes_to_itself() {
        for row in crate::ROWS.iter() {
            let text = row.op.text();
            assert_eq!(decode(text), Some(row.op), "{}", row.mnemonic);
            assert_eq!(instruction_length((text >> 56) as u8), row.format.layout().length, "{}", row.mnemonic);
        }
    }
}
