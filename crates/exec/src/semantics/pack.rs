//! Packed, zoned, ASCII and Unicode decimal numbers into each other, without arithmetic.
//! Source: Principles of Operation, chapter 7: PACK, UNPACK and their ASCII and UNICODE forms, MOVE WITH OFFSET; chapter 8:
//! TEST DECIMAL.

use softsie_cpu::{Access, AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use crate::operand::{Ea, d1b1, d2b2};

semantics! {
    simple {}
    heavy {
        PACK => pack,
        UNPK => unpack,
        MVO => move_with_offset,
        PKA => pack_characters[1],
        PKU => pack_characters[2],
        UNPKA => unpack_characters[1],
        UNPKU => unpack_characters[2],
        TP => test_decimal,
    }
}

/// A field processed from its rightmost byte to the left, byte by byte, so that overlapping fields behave.
struct Leftward {
    first: Ea<u64>,
    left: u64,
}

impl Leftward {
    fn new(cpu: &mut Cpu, first: Ea<u64>, length: u64, access: Access) -> Result<Leftward, Exit> {
        cpu.probe(AddressSpace::Logical(first.ar), first.address, length, access)?;
        Ok(Leftward { first, left: length })
    }

    fn step(&mut self, cpu: &Cpu) -> u64 {
        self.left -= 1;
        cpu.wrap(self.first.address.wrapping_add(self.left))
    }

    /// The next byte to the left; zeros beyond the left end.
    fn fetch(&mut self, cpu: &mut Cpu) -> Result<u8, Exit> {
        if self.left == 0 {
            return Ok(0);
        }
        let at = self.step(cpu);
        cpu.load(at, self.first.ar)
    }

    /// Stores the next byte to the left; beyond the left end it is ignored.
    fn store(&mut self, cpu: &mut Cpu, byte: u8) -> Result<(), Exit> {
        if self.left == 0 {
            return Ok(());
        }
        let at = self.step(cpu);
        cpu.store(at, self.first.ar, byte)
    }
}

fn operands(cpu: &mut Cpu, o: &Operands) -> Result<(Leftward, Leftward), Exit> {
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    let from = Leftward::new(cpu, second, u64::from(o.l2()) + 1, Access::Fetch)?;
    let to = Leftward::new(cpu, first, u64::from(o.l1()) + 1, Access::Store)?;
    Ok((to, from))
}

fn pack(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (mut to, mut from) = operands(cpu, o)?;
    let sign = from.fetch(cpu)?;
    to.store(cpu, sign.rotate_left(4))?;
    while to.left != 0 {
        let right = from.fetch(cpu)? & 15;
        let left = from.fetch(cpu)? & 15;
        to.store(cpu, left << 4 | right)?;
    }
    Ok(())
}

fn unpack(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (mut to, mut from) = operands(cpu, o)?;
    let sign = from.fetch(cpu)?;
    to.store(cpu, sign.rotate_left(4))?;
    while to.left != 0 {
        let digits = from.fetch(cpu)?;
        to.store(cpu, 0xF0 | digits & 15)?;
        to.store(cpu, 0xF0 | digits >> 4)?;
    }
    Ok(())
}

fn move_with_offset(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (mut to, mut from) = operands(cpu, o)?;
    let rightmost = cpu.wrap(to.first.address.wrapping_add(u64::from(o.l1())));
    let mut right = cpu.load::<u8>(rightmost, to.first.ar)? & 15;
    while to.left != 0 {
        let byte = from.fetch(cpu)?;
        to.store(cpu, byte << 4 | right)?;
        right = byte >> 4;
    }
    Ok(())
}

/// PACK ASCII (`SIZE` 1) and PACK UNICODE (2): the result has 16 bytes and a plus sign.
fn pack_characters<const SIZE: usize>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let length = usize::from(o.l2()) + 1;
    if length > 32 * SIZE || length % SIZE != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    let mut characters = [0; 64];
    let characters = &mut characters[..length];
    cpu.read_bytes(AddressSpace::Logical(second.ar), second.address, characters)?;
    let mut packed = 0xCu128;
    for (i, c) in characters.chunks_exact(SIZE).rev().take(31).enumerate() {
        packed |= u128::from(c[SIZE - 1] & 15) << (4 * (i + 1));
    }
    cpu.write_bytes(AddressSpace::Logical(first.ar), first.address, &packed.to_be_bytes())
}

/// UNPACK ASCII (`SIZE` 1) and UNPACK UNICODE (2): the second operand has 16 bytes; its sign becomes the CC.
fn unpack_characters<const SIZE: usize>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let length = usize::from(o.l1()) + 1;
    if length > 32 * SIZE || length % SIZE != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    let packed: u128 = cpu.load(second.address, second.ar)?;
    let mut characters = [0; 64];
    let characters = &mut characters[..length];
    for (i, c) in characters.chunks_exact_mut(SIZE).rev().enumerate() {
        // A 32nd digit is beyond the left end of the packed number.
        let digit = if i < 31 { (packed >> (4 * (i + 1))) as u8 & 15 } else { 0 };
        c[SIZE - 1] = 0x30 | digit;
    }
    cpu.write_bytes(AddressSpace::Logical(first.ar), first.address, characters)?;
    cpu.cc = match packed as u8 & 15 {
        0xA | 0xC | 0xE | 0xF => 0,
        0xB | 0xD => 1,
        _ => 3,
    };
    Ok(())
}

fn test_decimal(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let operand = d1b1(cpu, o);
    let mut bytes = [0; 16];
    let bytes = &mut bytes[..usize::from(o.l1() & 15) + 1];
    cpu.read_bytes(AddressSpace::Logical(operand.ar), operand.address, bytes)?;
    let (bad_digit, bad_sign) = check_packed(bytes);
    cpu.cc = u8::from(bad_sign) | u8::from(bad_digit) << 1;
    Ok(())
}

/// Whether a packed number has an invalid digit, and whether its sign is invalid.
pub(super) fn check_packed(bytes: &[u8]) -> (bool, bool) {
    let Some((last, digits)) = bytes.split_last() else { return (true, true) };
    let bad_digit = digits.iter().any(|b| b >> 4 > 9 || b & 15 > 9) || last >> 4 > 9;
    (bad_digit, last & 15 <= 9)
}
