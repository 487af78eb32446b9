//! The disassembler: instruction text to what GNU `objdump` prints for it, extended mnemonics included.
//! Truth: the table (names, operands, extended mnemonics) and the behaviour of binutils 2.40, compared with by
//! `tests/objdump.rs`.

use std::fmt::{self, Write};

use crate::decode::{decode, instruction_length};
use crate::table::{Extended, FieldName, FormatLayout, Op, Operand};

/// One disassembled instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disassembly {
    /// Bytes consumed: the instruction's length; for an unassigned opcode that of the data directive printed instead.
    pub length: u8,
    text: String,
}

impl Disassembly {
    /// Mnemonic and, after a tab, the operands.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Disassembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Disassembles the instruction whose six bytes of text, left aligned, are `text`, and which lies at `address`.
pub fn disassemble(text: u64, address: u64) -> Disassembly {
    disassemble_available(text, 6, address)
}

/// Disassembles the first instruction of `bytes`, which may end within it: then, and for unassigned opcodes, the result
/// is a data directive. `None` when there are no bytes.
pub fn disassemble_bytes(bytes: &[u8], address: u64) -> Option<Disassembly> {
    let mut six = [0; 8];
    let available = bytes.len().min(6);
    six[..available].copy_from_slice(&bytes[..available]);
    (available > 0).then(|| disassemble_available(u64::from_be_bytes(six), available, address))
}

fn disassemble_available(text: u64, available: usize, address: u64) -> Disassembly {
    let length = instruction_length((text >> 56) as u8);
    match decode(text).filter(|op| text & op.row().unused == 0) {
        Some(op) if usize::from(length) <= available => Disassembly { length, text: instruction(op, text, address) },
        _ if available >= 4 => Disassembly { length: 4, text: format!(".long\t{:#010x}", text >> 32) },
        _ if available >= 2 => Disassembly { length: 2, text: format!(".short\t{:#06x}", text >> 48) },
        _ => Disassembly { length: 1, text: format!(".byte\t{:#04x}", text >> 56) },
    }
}

/// Mnemonic and operands of a known instruction.
fn instruction(op: Op, text: u64, address: u64) -> String {
    let row = op.row();
    let layout = row.format.layout();
    let (mnemonic, operands, optional, text) = match spelling(op, layout, text) {
        Some(e) => (e.mnemonic, e.operands, e.optional, e.fixed.iter().fold(text, |t, f| f.clear(layout, t))),
        None => (row.mnemonic, row.operands, row.optional, text),
    };
    let (required, optional) = operands.split_at(operands.len() - usize::from(optional));
    // Optional operands are left out from the end while they are zero; storage (of NOP) is always printed.
    let is_left_out = |o: &&Operand| !matches!(o, Operand::Storage { .. }) && layout.get(text, o.field()) == 0;
    let zero = optional.iter().rev().take_while(is_left_out).count();
    let mut out = mnemonic.to_owned();
    for (n, operand) in required.iter().chain(&optional[..optional.len() - zero]).enumerate() {
        out.push(if n == 0 { '\t' } else { ',' });
        // Writing to a string cannot fail.
        let _ = write_operand(&mut out, *operand, layout, text, address);
    }
    out
}

/// The extended mnemonic that objdump prefers to the base one: of those whose fixed fields agree, the one that fixes
/// most bits. The table has no two of them, among those printed, that fix the same bits to the same values.
fn spelling(op: Op, layout: &FormatLayout, text: u64) -> Option<&'static Extended> {
    let fits = |e: &&Extended| e.printed && e.fixed.iter().all(|f| f.agrees(layout, text));
    op.extended().iter().filter(fits).max_by_key(|e| e.fixed.iter().map(|f| f.bits(layout)).sum::<u32>())
}

fn write_operand(out: &mut String, operand: Operand, layout: &FormatLayout, text: u64, address: u64) -> fmt::Result {
    let value = layout.get(text, operand.field());
    let signed = layout.get_signed(text, operand.field());
    match operand {
        Operand::Gr(_) | Operand::GrPair(_) => write!(out, "%r{value}"),
        Operand::Fr(_) | Operand::FrPair(_) => write!(out, "%f{value}"),
        Operand::Ar(_) => write!(out, "%a{value}"),
        Operand::Cr(_) => write!(out, "%c{value}"),
        Operand::Vr(_) => write!(out, "%v{value}"),
        Operand::Mask(_) | Operand::Unsigned(_) => write!(out, "{value}"),
        Operand::Signed(_) => write!(out, "{signed}"),
        Operand::Relative(_) => write!(out, "{:#x}", address.wrapping_add_signed(signed * 2)),
        Operand::Storage { displacement, middle, base } => {
            if layout.is_long_displacement(displacement) {
                write!(out, "{signed}")?;
            } else {
                write!(out, "{value}")?;
            }
            let base = layout.get(text, base);
            if let Some(middle) = middle {
                let value = layout.get(text, middle);
                match middle {
                    // Without an index, the base stands alone.
                    FieldName::X2 | FieldName::V2 if value == 0 => {}
                    FieldName::X2 | FieldName::R1 | FieldName::R3 => return write!(out, "(%r{value},%r{base})"),
                    FieldName::V2 => return write!(out, "(%v{value},%r{base})"),
                    _ => return write!(out, "({},%r{base})", value + 1),
                }
            }
            if base == 0 { Ok(()) } else { write!(out, "(%r{base})") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_operands_and_length() {
        let cases = [
            (0x07FE << 48, 2, "br\t%r14"),
            (0x0700 << 48, 2, "nopr"),
            (0x1812 << 48, 2, "lr\t%r1,%r2"),
            (0xA7F4_FFFF << 32, 4, "j\t0xffe"),
            (0xA774_0008 << 32, 4, "jne\t0x1010"),
            (0xD207_1000_2008 << 16, 6, "mvc\t0(8,%r1),8(%r2)"),
            (0xE312_3FFF_FF04 << 16, 6, "lg\t%r1,-1(%r2,%r3)"),
            (0xE310_0000_0004 << 16, 6, "lg\t%r1,0"),
            (0xB344_0012 << 32, 4, "ledbr\t%f1,%f2"),
            (0xB344_3012 << 32, 4, "ledbra\t%f1,3,%f2,0"),
            (0xEC12_03BF_0555 << 16, 6, "risbgz\t%r1,%r2,3,63,5"),
            (0xE712_3000_0EF3 << 16, 6, "vab\t%v17,%v18,%v19"),
            (0xE712_3000_5EF3 << 16, 6, "va\t%v17,%v18,%v19,5"),
            (0x0000_0001 << 32, 4, ".long\t0x00000001"),
        ];
        for (text, length, expected) in cases {
            let d = disassemble(text, 0x1000);
            assert_eq!((d.length, d.text()), (length, expected), "{text:016x}");
        }
    }

    #[test]
    fn bytes_that_end_within_an_instruction_are_data() {
        let text = |bytes: &[u8]| disassemble_bytes(bytes, 0).map(|d| d.to_string());
        assert_eq!(text(&[]), None);
        assert_eq!(text(&[0x07]).as_deref(), Some(".byte\t0x07"));
        assert_eq!(text(&[0xE3, 0x10, 0x20]).as_deref(), Some(".short\t0xe310"));
        assert_eq!(text(&[0xE3, 0x10, 0x20, 0x00, 0x00]).as_deref(), Some(".long\t0xe3102000"));
        assert_eq!(text(&[0x07, 0xFE]).as_deref(), Some("br\t%r14"));
    }
}
