//! Operand extraction: instruction text to named operand values, ready for execution.
//! Source: Principles of Operation, chapter 5, Instruction Formats; RXB: chapter 21.

use crate::table::{FieldName, Op, Operand};

/// The operands of one instruction. A method returns the field of that name; asking for a field that the instruction's
/// format does not have gives a meaningless number, never an error. Vector register numbers include the RXB bit.
///
/// One compact record serves all formats: fields that never occur together share a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Operands {
    op: Op,
    /// Address of the instruction within its 4 KiB page.
    page_offset: u16,
    length: u8,
    r: [u8; 4],
    m: [u8; 4],
    x2: u8,
    b: [u8; 2],
    l: [u8; 2],
    /// D1, D4, or the halfword offset of a relative address.
    d1: i32,
    d2: i32,
    i2: i32,
}

macro_rules! byte_fields {
    ($($name:ident = $place:ident[$n:literal]: $doc:literal;)*) => {$(
        #[doc = $doc]
        #[inline(always)]
        pub fn $name(&self) -> u8 {
            self.$place[$n]
        }
    )*};
}

impl Operands {
    byte_fields! {
        r1 = r[0]: "R1: register number, 0 to 15.";
        r2 = r[1]: "R2: register number, 0 to 15.";
        r3 = r[2]: "R3: register number, 0 to 15.";
        m1 = r[0]: "M1: mask.";
        v1 = r[0]: "V1: vector register number, 0 to 31.";
        v2 = r[1]: "V2: vector register number, 0 to 31.";
        v3 = r[2]: "V3: vector register number, 0 to 31.";
        v4 = r[3]: "V4: vector register number, 0 to 31.";
        m3 = m[0]: "M3: mask.";
        m4 = m[1]: "M4: mask.";
        m5 = m[2]: "M5: mask.";
        m6 = m[3]: "M6: mask.";
        i3 = m[0]: "I3: 8-bit immediate (12- and 16-bit ones are in `i2`).";
        i4 = m[1]: "I4: 8-bit immediate.";
        i5 = m[2]: "I5: 8-bit immediate.";
        b1 = b[0]: "B1: base register number.";
        b2 = b[1]: "B2: base register number.";
        b3 = b[0]: "B3: base register number.";
        b4 = b[0]: "B4: base register number.";
        l1 = l[0]: "L1: length minus one.";
        l2 = l[1]: "L2: length minus one.";
    }

    /// The instruction.
    #[inline(always)]
    pub fn op(&self) -> Op {
        self.op
    }

    /// Length of the instruction in bytes.
    #[inline(always)]
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Address of the instruction within its page, as given to [`extract`].
    #[inline(always)]
    pub fn page_offset(&self) -> u16 {
        self.page_offset
    }

    /// X2: index register number.
    #[inline(always)]
    pub fn x2(&self) -> u8 {
        self.x2
    }

    /// D1: displacement, sign-extended where the format has 20 bits.
    #[inline(always)]
    pub fn d1(&self) -> i32 {
        self.d1
    }

    /// D2: displacement, sign-extended where the format has 20 bits.
    #[inline(always)]
    pub fn d2(&self) -> i32 {
        self.d2
    }

    /// D3: displacement.
    #[inline(always)]
    pub fn d3(&self) -> i32 {
        self.d1
    }

    /// D4: displacement.
    #[inline(always)]
    pub fn d4(&self) -> i32 {
        self.d1
    }

    /// I1 or I2 (and I3 of formats VRI-e and VRI-l): sign-extended where the table says signed; a 32-bit unsigned
    /// immediate appears as the `i32` of the same bits.
    #[inline(always)]
    pub fn i2(&self) -> i32 {
        self.i2
    }

    /// RI2 or RI4: byte distance of the relative address from the instruction.
    #[inline(always)]
    pub fn relative(&self) -> i64 {
        i64::from(self.d1) * 2
    }
}

/// The fields of `op` in the instruction text `text` (six bytes, left aligned). `page_offset` is the instruction's
/// address within its page and is kept for the engines.
pub fn extract(op: Op, text: u64, page_offset: u16) -> Operands {
    let row = op.row();
    let layout = row.format.layout();
    let mut o = Operands {
        op,
        page_offset,
        length: layout.length,
        r: [0; 4],
        m: [0; 4],
        x2: 0,
        b: [0; 2],
        l: [0; 2],
        d1: 0,
        d2: 0,
        i2: 0,
    };
    for f in layout.fields {
        let value = f.get(text);
        let signed = ((value << (64 - u32::from(f.width))) as i64) >> (64 - u32::from(f.width));
        let byte = (value | f.rxb_bit().map_or(0, |rxb| rxb.get(text) << 4)) as u8;
        match f.name {
            FieldName::R1 | FieldName::M1 => o.r[0] = byte,
            FieldName::R2 => o.r[1] = byte,
            FieldName::R3 => o.r[2] = byte,
            FieldName::V1 => o.r[0] = byte,
            FieldName::V2 => o.r[1] = byte,
            FieldName::V3 => o.r[2] = byte,
            FieldName::V4 => o.r[3] = byte,
            FieldName::M3 => o.m[0] = byte,
            FieldName::M4 => o.m[1] = byte,
            FieldName::M5 => o.m[2] = byte,
            FieldName::M6 => o.m[3] = byte,
            FieldName::I3 if f.width > 8 => o.i2 = value as i32,
            FieldName::I3 => o.m[0] = byte,
            FieldName::I4 => o.m[1] = byte,
            FieldName::I5 => o.m[2] = byte,
            FieldName::I1 | FieldName::I2 => {
                let is_signed = row.operands.contains(&Operand::Signed(f.name));
                o.i2 = if is_signed { signed as i32 } else { value as i32 };
            }
            FieldName::RI2 | FieldName::RI4 => o.d1 = signed as i32,
            FieldName::RI3 => o.d2 = signed as i32,
            FieldName::X2 => o.x2 = byte,
            FieldName::B1 | FieldName::B3 | FieldName::B4 => o.b[0] = byte,
            FieldName::B2 => o.b[1] = byte,
            FieldName::D1 | FieldName::D3 | FieldName::D4 => o.d1 = value as i32,
            FieldName::D2 => o.d2 = value as i32,
            FieldName::DL1 => o.d1 |= value as i32,
            FieldName::DH1 => o.d1 |= (signed << 12) as i32,
            FieldName::DL2 => o.d2 |= value as i32,
            FieldName::DH2 => o.d2 |= (signed << 12) as i32,
            FieldName::L1 => o.l[0] = byte,
            FieldName::L2 => o.l[1] = byte,
            FieldName::RXB => {} // part of the vector register numbers
        }
    }
    o
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_fit_half_a_cache_line() {
        assert!(size_of::<Operands>() <= 32);
    }

    #[test]
    fn long_displacement_and_immediates_are_signed() {
        let o = extract(Op::LG, 0xE310_2FFF_FF04 << 16, 8);
        assert_eq!((o.r1(), o.x2(), o.b2(), o.d2()), (1, 0, 2, -1));
        let o = extract(Op::AGHI, 0xA71B_FFFE << 32, 0);
        assert_eq!((o.r1(), o.i2()), (1, -2));
        let o = extract(Op::LLILL, 0xA51F_FFFE << 32, 0);
        assert_eq!(o.i2(), 0xFFFE);
        let o = extract(Op::BRC, 0xA7F4_FFFF << 32, 0);
        assert_eq!((o.m1(), o.relative()), (15, -2));
    }

    #[test]
    fn rxb_extends_vector_registers() {
        let o = extract(Op::VA, 0xE712_3000_0EF3 << 16, 0);
        assert_eq!((o.v1(), o.v2(), o.v3(), o.m4()), (17, 18, 19, 0));
    }
}
