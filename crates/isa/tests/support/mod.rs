//! Random encodings for the tests that compare with binutils: seeded, so every run sees the same ones.

use softsie_isa::{FieldName, Op, Operand, instruction_length};

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

/// Names of all fields that the operands use.
pub fn operand_fields(op: Op) -> Vec<FieldName> {
    let mut names = Vec::new();
    for operand in op.row().operands {
        names.push(operand.field());
        if let Operand::Storage { middle, base, .. } = *operand {
            names.extend(middle);
            names.push(base);
        }
    }
    names
}

/// A random encoding of `op`, unused bits zero: operands are often zero or all ones, and every other time some extended
/// mnemonic's fixed fields are as it wants them.
pub fn encoding(op: Op, random: &mut Random) -> u64 {
    let layout = op.row().format.layout();
    let mut text = op.text();
    for name in operand_fields(op) {
        let value = match random.next() % 8 {
            0 | 1 => 0,
            2 => u64::MAX,
            _ => random.next(),
        };
        text = layout.set(text, name, value);
    }
    let extended = op.extended();
    if !extended.is_empty() && random.once_in(2) {
        let chosen = &extended[random.next() as usize % extended.len()];
        text = chosen.fixed.iter().fold(text, |text, fixed| fixed.impose(layout, text));
    }
    text
}

/// The bytes of the instruction that `text` begins with.
pub fn bytes(text: u64) -> Vec<u8> {
    text.to_be_bytes()[..usize::from(instruction_length((text >> 56) as u8))].to_vec()
}
