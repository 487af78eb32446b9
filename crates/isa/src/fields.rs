//! Places of operand fields in instruction text: reading and writing a field by name.
//! Source: Principles of Operation, chapter 5, Instruction Formats; RXB: chapter 21; as written in `table/formats.tbl`.

use crate::table::{Field, FieldName, FixedField, FormatLayout};

impl Field {
    /// The field's bits in `text` (six bytes, left aligned).
    #[inline]
    pub fn get(&self, text: u64) -> u64 {
        (text << self.bit) >> (64 - u32::from(self.width))
    }

    /// `text` with the low bits of `value` in the field.
    #[inline]
    pub fn set(&self, text: u64, value: u64) -> u64 {
        let mask = ((1u64 << self.width) - 1) << (64 - u32::from(self.bit) - u32::from(self.width));
        (text & !mask) | ((value << (64 - u32::from(self.bit) - u32::from(self.width))) & mask)
    }

    /// For a vector register field, the bit of the instruction that holds the fifth bit of its number: each RXB bit
    /// belongs to a place in the instruction, bits 8-11, 12-15, 16-19 and 32-35.
    #[inline]
    pub fn rxb_bit(&self) -> Option<Field> {
        let bit = match (self.name, self.bit) {
            (FieldName::V1 | FieldName::V2 | FieldName::V3 | FieldName::V4, bit) => match bit {
                8 => 36,
                12 => 37,
                16 => 38,
                _ => 39,
            },
            _ => return None,
        };
        Some(Field { name: FieldName::RXB, bit, width: 1 })
    }
}

impl FormatLayout {
    /// The field of that name.
    pub fn field(&self, name: FieldName) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// The two parts, low and high, of a displacement that this format splits.
    fn parts(&self, name: FieldName) -> Option<(&'static Field, &'static Field)> {
        let (low, high) = match name {
            FieldName::D1 => (FieldName::DL1, FieldName::DH1),
            FieldName::D2 => (FieldName::DL2, FieldName::DH2),
            _ => return None,
        };
        Some((self.field(low)?, self.field(high)?))
    }

    /// Width of the operand `name` in bits: 20 for a split displacement, 5 for a vector register; 0 when the format has
    /// no such field.
    pub fn width(&self, name: FieldName) -> u32 {
        if self.parts(name).is_some() {
            return 20;
        }
        self.field(name).map_or(0, |f| u32::from(f.width) + u32::from(f.rxb_bit().is_some()))
    }

    /// Whether the displacement `name` is split, and so signed.
    pub fn is_long_displacement(&self, name: FieldName) -> bool {
        self.parts(name).is_some()
    }

    /// The operand `name` in `text`, not sign-extended; a vector register number includes its RXB bit. 0 when the format
    /// has no such field.
    pub fn get(&self, text: u64, name: FieldName) -> u64 {
        if let Some((low, high)) = self.parts(name) {
            return (high.get(text) << 12) | low.get(text);
        }
        let Some(field) = self.field(name) else { return 0 };
        field.get(text) | field.rxb_bit().map_or(0, |rxb| rxb.get(text) << 4)
    }

    /// [`FormatLayout::get`], sign-extended.
    pub fn get_signed(&self, text: u64, name: FieldName) -> i64 {
        match self.width(name) {
            0 => 0,
            width => ((self.get(text, name) << (64 - width)) as i64) >> (64 - width),
        }
    }

    /// `text` with the low bits of `value` in the operand `name`.
    pub fn set(&self, text: u64, name: FieldName, value: u64) -> u64 {
        if let Some((low, high)) = self.parts(name) {
            return high.set(low.set(text, value), value >> 12);
        }
        let Some(field) = self.field(name) else { return text };
        let text = field.set(text, value);
        field.rxb_bit().map_or(text, |rxb| rxb.set(text, value >> 4))
    }
}

impl FixedField {
    /// Whether `text` has the value that the extended mnemonic stands for.
    pub fn agrees(&self, layout: &FormatLayout, text: u64) -> bool {
        let mask = self.mask.map_or(u64::MAX, u64::from);
        layout.get(text, self.field) & mask == self.value.of(layout, text) & mask
    }

    /// `text` with the value that the extended mnemonic stands for.
    pub fn impose(&self, layout: &FormatLayout, text: u64) -> u64 {
        let mask = self.mask.map_or(u64::MAX, u64::from);
        let value = self.value.of(layout, text) & mask;
        layout.set(text, self.field, (layout.get(text, self.field) & !mask) | value)
    }

    /// How many bits it fixes.
    pub(crate) fn bits(&self, layout: &FormatLayout) -> u32 {
        self.mask.map_or_else(|| layout.width(self.field), u32::count_ones)
    }

    /// `text` without the bits that the mnemonic implies, where only some of the field's bits are fixed.
    pub(crate) fn clear(&self, layout: &FormatLayout, text: u64) -> u64 {
        match self.mask {
            Some(mask) => layout.set(text, self.field, layout.get(text, self.field) & !u64::from(mask)),
            None => text,
        }
    }
}
