//! Random encodings for the tests that compare with binutils: seeded, so every run sees the same ones.

use softsie_isa::{FieldName, Fixed, Op, Operand, instruction_length};

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

/// The instruction text of `op` with all operands zero.
pub fn opcode_text(op: Op) -> u64 {
    let digits: Vec<u64> = op.row().opcode.chars().filter_map(|c| c.to_digit(16)).map(u64::from).collect();
    let text = (digits[0] << 60) | (digits[1] << 56);
    match digits[2..] {
        [nibble] => text | (nibble << 48),
        [high, low] if op.row().opcode.contains('.') => text | (high << 20) | (low << 16),
        [high, low] => text | (high << 52) | (low << 48),
        _ => text,
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
    let mut text = opcode_text(op);
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
        for fixed in chosen.fixed {
            let value = match fixed.value {
                Fixed::Value(value) => u64::from(value),
                Fixed::SameAs(other) => layout.get(text, other),
            };
            let mask = fixed.mask.map_or(u64::MAX, u64::from);
            text = layout.set(text, fixed.field, (layout.get(text, fixed.field) & !mask) | (value & mask));
        }
    }
    text
}

/// The bytes of the instruction that `text` begins with.
pub fn bytes(text: u64) -> Vec<u8> {
    text.to_be_bytes()[..usize::from(instruction_length((text >> 56) as u8))].to_vec()
}
