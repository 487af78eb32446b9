//! The host instructions that drafts are made of, as bytes, and labels between them.
//! Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.

/// A host register by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reg(pub(super) u8);

pub(super) const RAX: Reg = Reg(0);
pub(super) const RCX: Reg = Reg(1);
pub(super) const RDX: Reg = Reg(2);
pub(super) const RSP: Reg = Reg(4);
pub(super) const RSI: Reg = Reg(6);
pub(super) const RDI: Reg = Reg(7);
pub(super) const R8: Reg = Reg(8);
pub(super) const R9: Reg = Reg(9);
pub(super) const R10: Reg = Reg(10);
pub(super) const R11: Reg = Reg(11);

/// Operations of the first group of arithmetic, by their number in opcodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Alu {
    Add = 0,
    Or = 1,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

/// Shifts, by their number in opcodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shift {
    RotateLeft = 0,
    RotateRight = 1,
    Left = 4,
    Right = 5,
    RightSigned = 7,
}

/// Conditions, by their number in opcodes. The opposite is the number with the last bit changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Condition(pub(super) u8);

impl Condition {
    pub(super) const OVERFLOW: Condition = Condition(0);
    pub(super) const CARRY: Condition = Condition(2);
    pub(super) const NOT_ZERO: Condition = Condition(5);

    pub(super) fn opposite(self) -> Condition {
        Condition(self.0 ^ 1)
    }
}

/// An operand that is in a register or in memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Reg(Reg),
    /// A base register and a displacement.
    Memory(Reg, i32),
}

impl From<Reg> for Place {
    fn from(r: Reg) -> Place {
        Place::Reg(r)
    }
}

/// A place in the code that jumps go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Label(usize);

const UNBOUND: usize = usize::MAX;

/// Code under construction.
#[derive(Default)]
pub(super) struct Assembler {
    pub(super) code: Vec<u8>,
    labels: Vec<usize>,
    /// Where a distance to a label is missing.
    jumps: Vec<(usize, Label)>,
    /// Where the size of the stack frame is missing.
    frame_sizes: Vec<usize>,
}

impl Assembler {
    pub(super) fn clear(&mut self) {
        self.code.clear();
        self.labels.clear();
        self.jumps.clear();
        self.frame_sizes.clear();
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(UNBOUND);
        Label(self.labels.len() - 1)
    }

    pub(super) fn bind(&mut self, label: Label) {
        self.labels[label.0] = self.code.len();
    }

    /// Fills in distances and the size of the stack frame. `None` when a label was never bound.
    pub(super) fn finish(&mut self, frame_size: i32) -> Option<()> {
        for at in std::mem::take(&mut self.frame_sizes) {
            self.code[at..at + 4].copy_from_slice(&frame_size.to_le_bytes());
        }
        for (at, label) in std::mem::take(&mut self.jumps) {
            let to = self.labels[label.0];
            if to == UNBOUND {
                return None;
            }
            let distance = to as i64 - (at as i64 + 4);
            self.code[at..at + 4].copy_from_slice(&(distance as i32).to_le_bytes());
        }
        Some(())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.code.extend_from_slice(bytes);
    }

    fn imm32(&mut self, v: i32) {
        self.bytes(&v.to_le_bytes());
    }

    /// Prefixes, opcode and operands of an instruction on `size` bytes. A register that is a byte is named in `byte_reg`.
    fn op(&mut self, size: u8, opcode: &[u8], reg: u8, rm: Place, byte_reg: Option<Reg>) {
        if size == 2 {
            self.code.push(0x66);
        }
        let base = match rm {
            Place::Reg(r) | Place::Memory(r, _) => r.0,
        };
        let byte = byte_reg.is_some_and(|r| (4..8).contains(&r.0));
        let rex = u8::from(size == 8) << 3 | (reg >> 3) << 2 | base >> 3;
        if rex != 0 || byte {
            self.code.push(0x40 | rex);
        }
        self.bytes(opcode);
        let (reg, base) = ((reg & 7) << 3, base & 7);
        match rm {
            Place::Reg(_) => self.code.push(0xC0 | reg | base),
            Place::Memory(_, displacement) => {
                let short = i8::try_from(displacement);
                // Base 5 without a displacement means something else.
                let mode = match short {
                    Ok(0) if base != 5 => 0,
                    Ok(_) => 0x40,
                    Err(_) => 0x80,
                };
                self.code.push(mode | reg | base);
                if base == RSP.0 {
                    self.code.push(0x24);
                }
                match (mode, short) {
                    (0, _) => {}
                    (_, Ok(short)) => self.code.push(short as u8),
                    (_, Err(_)) => self.imm32(displacement),
                }
            }
        }
    }

    /// A plain instruction of at least four bytes.
    fn wide(&mut self, size: u8, opcode: &[u8], reg: Reg, rm: impl Into<Place>) {
        self.op(size.max(4), opcode, reg.0, rm.into(), None);
    }

    pub(super) fn mov(&mut self, to: Reg, from: Reg) {
        if to != from {
            self.wide(8, &[0x8B], to, from);
        }
    }

    /// Leaves the flags alone.
    pub(super) fn mov_imm(&mut self, to: Reg, v: i64) {
        if let Ok(v) = u32::try_from(v) {
            if to.0 >= 8 {
                self.code.push(0x41);
            }
            self.code.push(0xB8 | to.0 & 7);
            self.bytes(&v.to_le_bytes());
        } else if let Ok(v) = i32::try_from(v) {
            self.op(8, &[0xC7], 0, to.into(), None);
            self.imm32(v);
        } else {
            self.bytes(&[0x48 | to.0 >> 3, 0xB8 | to.0 & 7]);
            self.bytes(&v.to_le_bytes());
        }
    }

    /// Fetches `size` bytes, extended by zeros.
    pub(super) fn load(&mut self, size: u8, to: Reg, base: Reg, displacement: i32) {
        let from = Place::Memory(base, displacement);
        match size {
            1 => self.wide(4, &[0x0F, 0xB6], to, from),
            2 => self.wide(4, &[0x0F, 0xB7], to, from),
            _ => self.wide(size, &[0x8B], to, from),
        }
    }

    pub(super) fn store(&mut self, size: u8, from: Reg, base: Reg, displacement: i32) {
        let to = Place::Memory(base, displacement);
        match size {
            1 => self.op(1, &[0x88], from.0, to, Some(from)),
            _ => self.op(size, &[0x89], from.0, to, None),
        }
    }

    pub(super) fn store_imm(&mut self, size: u8, v: i32, base: Reg, displacement: i32) {
        let to = Place::Memory(base, displacement);
        match size {
            1 => {
                self.op(1, &[0xC6], 0, to, None);
                self.code.push(v as u8);
            }
            2 => {
                self.op(2, &[0xC7], 0, to, None);
                self.bytes(&(v as u16).to_le_bytes());
            }
            _ => {
                self.op(size, &[0xC7], 0, to, None);
                self.imm32(v);
            }
        }
    }

    /// `to` = `to` operation `from`, or a comparison.
    pub(super) fn alu(&mut self, op: Alu, size: u8, to: Reg, from: impl Into<Place>) {
        let from = from.into();
        if size == 1 {
            let low = |r: Reg| (4..8).contains(&r.0);
            let byte = match from {
                Place::Reg(r) if low(r) => Some(r),
                _ => Some(to),
            };
            self.op(1, &[(op as u8) << 3 | 2], to.0, from, byte);
        } else {
            self.op(size, &[(op as u8) << 3 | 3], to.0, from, None);
        }
    }

    pub(super) fn alu_imm(&mut self, op: Alu, size: u8, to: impl Into<Place>, v: i32) {
        let (to, number) = (to.into(), op as u8);
        let byte = match to {
            Place::Reg(r) => Some(r),
            Place::Memory(..) => None,
        };
        if size == 1 {
            self.op(1, &[0x80], number, to, byte);
            self.code.push(v as u8);
        } else if let Ok(v) = i8::try_from(v) {
            self.op(size, &[0x83], number, to, None);
            self.code.push(v as u8);
        } else {
            self.op(size, &[0x81], number, to, None);
            if size == 2 { self.bytes(&(v as u16).to_le_bytes()) } else { self.imm32(v) }
        }
    }

    pub(super) fn test(&mut self, size: u8, a: Reg) {
        let opcode = if size == 1 { 0x84 } else { 0x85 };
        self.op(size, &[opcode], a.0, a.into(), (size == 1).then_some(a));
    }

    pub(super) fn lea(&mut self, to: Reg, base: Reg, displacement: i32) {
        self.wide(8, &[0x8D], to, Place::Memory(base, displacement));
    }

    pub(super) fn multiply(&mut self, size: u8, to: Reg, from: Reg) {
        self.wide(size, &[0x0F, 0xAF], to, from);
    }

    /// By a constant.
    pub(super) fn shift(&mut self, shift: Shift, size: u8, to: Reg, amount: u8) {
        self.op(size, &[0xC1], shift as u8, to.into(), None);
        self.code.push(amount);
    }

    /// By what is in CL.
    pub(super) fn shift_by_cl(&mut self, shift: Shift, size: u8, to: Reg) {
        self.op(size, &[0xD3], shift as u8, to.into(), None);
    }

    /// Bytes reversed, of four or eight.
    pub(super) fn bswap(&mut self, size: u8, r: Reg) {
        let rex = u8::from(size == 8) << 3 | r.0 >> 3;
        if rex != 0 {
            self.code.push(0x40 | rex);
        }
        self.bytes(&[0x0F, 0xC8 | r.0 & 7]);
    }

    pub(super) fn not(&mut self, r: Reg) {
        self.op(8, &[0xF7], 2, r.into(), None);
    }

    pub(super) fn negate(&mut self, r: Reg) {
        self.op(8, &[0xF7], 3, r.into(), None);
    }

    /// LZCNT, TZCNT or POPCNT, by the last byte of the opcode.
    pub(super) fn count(&mut self, opcode: u8, size: u8, to: Reg, from: Reg) {
        self.code.push(0xF3);
        self.wide(size, &[0x0F, opcode], to, from);
    }

    pub(super) fn zero_extend(&mut self, from_size: u8, to: Reg, from: Reg) {
        match from_size {
            1 => self.op(4, &[0x0F, 0xB6], to.0, from.into(), Some(from)),
            2 => self.wide(4, &[0x0F, 0xB7], to, from),
            _ => self.wide(4, &[0x8B], to, from),
        }
    }

    pub(super) fn sign_extend(&mut self, from_size: u8, to_size: u8, to: Reg, from: Reg) {
        match from_size {
            1 => self.op(to_size.max(4), &[0x0F, 0xBE], to.0, from.into(), Some(from)),
            2 => self.wide(to_size, &[0x0F, 0xBF], to, from),
            _ => self.wide(8, &[0x63], to, from),
        }
    }

    pub(super) fn set(&mut self, c: Condition, to: Reg) {
        self.op(1, &[0x0F, 0x90 | c.0], 0, to.into(), Some(to));
    }

    pub(super) fn move_if(&mut self, c: Condition, size: u8, to: Reg, from: Reg) {
        self.wide(size, &[0x0F, 0x40 | c.0], to, from);
    }

    pub(super) fn exchange(&mut self, a: Reg, b: Reg) {
        self.wide(8, &[0x87], a, b);
    }

    /// Compares RAX with memory; stores `new` when equal, else fetches into RAX; interlocked.
    pub(super) fn compare_and_exchange(&mut self, size: u8, new: Reg, base: Reg) {
        self.code.push(0xF0);
        self.wide(size, &[0x0F, 0xB1], new, Place::Memory(base, 0));
    }

    pub(super) fn fence(&mut self) {
        self.bytes(&[0x0F, 0xAE, 0xF0]);
    }

    fn distance(&mut self, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.imm32(0);
    }

    pub(super) fn jump(&mut self, to: Label) {
        self.code.push(0xE9);
        self.distance(to);
    }

    pub(super) fn jump_if(&mut self, c: Condition, to: Label) {
        self.bytes(&[0x0F, 0x80 | c.0]);
        self.distance(to);
    }

    pub(super) fn jump_to(&mut self, r: Reg) {
        self.op(4, &[0xFF], 4, r.into(), None);
    }

    pub(super) fn call(&mut self, r: Reg) {
        self.op(4, &[0xFF], 2, r.into(), None);
    }

    pub(super) fn ret(&mut self) {
        self.code.push(0xC3);
    }

    /// Takes or gives back the stack frame.
    pub(super) fn move_stack(&mut self, op: Alu) {
        self.op(8, &[0x81], op as u8, RSP.into(), None);
        self.frame_sizes.push(self.code.len());
        self.imm32(0);
    }
}
