//! General registers as SSA values: what is known of each, and what the CPU's own copy lacks.
//! Source: docs/engine-pattern.md. Words are kept apart from doublewords, because 32-bit instructions leave bits 0-31 alone
//! and merging them in each time would double the work of 32-bit code.

use cranelift_codegen::ir::Value;

/// One general register.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Gpr {
    /// The whole register, but for bits 32-63 when `low_is_newer`.
    pub(crate) full: Option<Value>,
    /// Bits 32-63.
    pub(crate) low: Option<Value>,
    /// `low` was set after `full`.
    pub(crate) low_is_newer: bool,
    /// `low` is not in the CPU.
    pub(crate) low_is_dirty: bool,
    /// `full` is not in the CPU.
    pub(crate) full_is_dirty: bool,
}

impl Gpr {
    /// All of the register is replaced.
    pub(crate) fn set_full(&mut self, v: Value) {
        *self = Gpr { full: Some(v), full_is_dirty: true, ..Gpr::default() };
    }

    /// The CPU has it now. What is known is merged when wanted, not fetched: hosts are slow to fetch what was just stored in
    /// parts.
    pub(crate) fn wrote_back(&mut self) {
        (self.low_is_dirty, self.full_is_dirty) = (false, false);
    }

    /// Bits 32-63 are replaced.
    pub(crate) fn set_low(&mut self, v: Value) {
        self.low = Some(v);
        (self.low_is_newer, self.low_is_dirty) = (true, true);
    }
}

/// A set of general registers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Set(pub(crate) u16);

impl Set {
    pub(crate) fn add(&mut self, r: u8) {
        self.0 |= 1 << (r & 15);
    }

    pub(crate) fn remove(&mut self, r: u8) {
        self.0 &= !(1 << (r & 15));
    }

    pub(crate) fn without(self, other: Set) -> Set {
        Set(self.0 & !other.0)
    }

    pub(crate) fn has(self, r: u8) -> bool {
        self.0 & 1 << (r & 15) != 0
    }

    pub(crate) fn union(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }

    pub(crate) fn intersection(self, other: Set) -> Set {
        Set(self.0 & other.0)
    }

    pub(crate) fn members(self) -> impl Iterator<Item = u8> {
        (0..16).filter(move |r| self.has(*r))
    }
}
