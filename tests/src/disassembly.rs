//! Text that the disassembler writes is text that the assembler reads as the same instruction.
//! Truth: both read the instruction table; nothing else may be lost between them.

use softsie_isa::{assemble, disassemble_bytes};

/// Disassembles `bytes`. What the assembler makes of that must disassemble to the same again.
///
/// # Panics
/// The second disassembly is another.
pub fn expect_same_disassembly(bytes: &[u8]) {
    const AT: u64 = 0x1000;
    let Some(first) = disassemble_bytes(bytes, AT) else { return };
    if let Ok(again) = assemble(first.text(), AT) {
        let second = disassemble_bytes(&again, AT);
        assert_eq!(second.as_ref().map(|d| d.text()), Some(first.text()), "{bytes:02x?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differential::Random;

    #[test]
    fn arbitrary_text_disassembles_to_what_is_read_again() {
        let mut random = Random::new(7);
        for _ in 0..200_000 {
            expect_same_disassembly(&random.bits().to_be_bytes());
        }
    }
}
