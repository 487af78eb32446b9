//! What kind of CPU is shown to the guest: its facility list and identification.
//! Source: Principles of Operation, chapter 4, Facility Indications; chapter 10, STORE CPU ID, STORE FACILITY LIST EXTENDED.

use std::sync::Arc;

use parking_lot::RwLock;
use softsie_isa::{FUNCTION_OPS, Op, function_index};

/// A facility list as STFLE stores it: facility 0 is the leftmost bit of the first byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FacilityList(pub [u8; 256]);

impl Default for FacilityList {
    fn default() -> Self {
        FacilityList([0; 256])
    }
}

impl FacilityList {
    /// A list of the given bits.
    pub fn of(bits: &[u16]) -> FacilityList {
        let mut list = FacilityList::default();
        for &bit in bits {
            list.set(bit, true);
        }
        list
    }

    /// Whether `facility` is indicated.
    pub fn has(&self, facility: u16) -> bool {
        self.0.get(usize::from(facility / 8)).is_some_and(|b| b & (0x80 >> (facility % 8)) != 0)
    }

    /// Sets or clears `facility`; bits beyond the list are ignored.
    pub fn set(&mut self, facility: u16, on: bool) {
        if let Some(b) = self.0.get_mut(usize::from(facility / 8)) {
            if on { *b |= 0x80 >> (facility % 8) } else { *b &= !(0x80 >> (facility % 8)) }
        }
    }

    /// The indicated facilities in order.
    pub fn bits(&self) -> impl Iterator<Item = u16> + '_ {
        (0..2048).filter(|b| self.has(*b))
    }
}

/// Which function codes the model lets the instructions have that have function codes. What the CPU does not implement is not
/// installed either way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionMasks([[u8; 32]; FUNCTION_OPS.len()]);

impl Default for FunctionMasks {
    fn default() -> Self {
        FunctionMasks([[0xFF; 32]; FUNCTION_OPS.len()])
    }
}

impl FunctionMasks {
    /// The mask of an instruction's function codes, code 0 leftmost, as its query function has them.
    pub fn of(&self, op: Op) -> [u8; 32] {
        function_index(op).map_or([0xFF; 32], |n| self.0[n])
    }

    /// The same for codes below 128.
    pub fn short(&self, op: Op) -> u128 {
        let mut left = [0; 16];
        left.copy_from_slice(&self.of(op)[..16]);
        u128::from_be_bytes(left)
    }

    /// Whether the model lets an instruction have a function code.
    pub fn has(&self, op: Op, code: u8) -> bool {
        self.of(op)[usize::from(code / 8)] & 0x80 >> (code % 8) != 0
    }

    /// Sets the codes of an instruction; those beyond the end of `mask` are not there.
    pub fn set(&mut self, op: Op, mask: &[u8]) {
        if let Some(n) = function_index(op) {
            self.0[n] = std::array::from_fn(|byte| mask.get(byte).copied().unwrap_or_default());
        }
    }
}

/// A CPU model as the instruction semantics see it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Model {
    /// Facilities that are installed: instructions of others give operation exceptions.
    pub facilities: FacilityList,
    /// Facilities that the list does not announce and whose instructions are executed nevertheless.
    pub unannounced: FacilityList,
    /// Function codes that instructions may have.
    pub functions: FunctionMasks,
    /// What STIDP stores, without the CPU address.
    pub cpu_id: u64,
    /// The keys that encrypt cryptographic keys.
    pub wrapping_keys: WrappingKeys,
}

/// The keys under which programs hold cryptographic keys that they need not know. Without one there are no functions for keys
/// of that kind. Clones are the same keys: the host may change them while CPUs have the model.
#[derive(Clone, Default)]
pub struct WrappingKeys(Arc<RwLock<Keys>>);

#[derive(Default)]
struct Keys {
    dea: Option<[u8; 24]>,
    aes: Option<[u8; 32]>,
}

impl WrappingKeys {
    /// These keys.
    pub fn new(dea: Option<[u8; 24]>, aes: Option<[u8; 32]>) -> Self {
        Self(Arc::new(RwLock::new(Keys { dea, aes })))
    }

    /// The one for DEA and TDEA keys.
    pub fn dea(&self) -> Option<[u8; 24]> {
        self.0.read().dea
    }

    /// The one for AES keys and those of elliptic curves.
    pub fn aes(&self) -> Option<[u8; 32]> {
        self.0.read().aes
    }

    /// Replaces the one for DEA and TDEA keys.
    pub fn set_dea(&self, key: Option<[u8; 24]>) {
        self.0.write().dea = key;
    }

    /// Replaces the one for AES keys and those of elliptic curves.
    pub fn set_aes(&self, key: Option<[u8; 32]>) {
        self.0.write().aes = key;
    }
}

impl PartialEq for WrappingKeys {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for WrappingKeys {}

impl std::fmt::Debug for WrappingKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WrappingKeys").field("dea", &self.dea().is_some()).field("aes", &self.aes().is_some()).finish()
    }
}

impl Model {
    /// Whether the CPU executes an instruction: it has every facility that the instruction needs.
    pub fn has_instruction(&self, op: softsie_isa::Op) -> bool {
        op.row().facilities.iter().all(|f| self.facilities.has(*f) || self.unannounced.has(*f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_codes_are_bits_from_the_left() {
        let mut masks = FunctionMasks::default();
        assert!(masks.has(Op::KM, 127) && masks.has(Op::SORTL, 192));
        masks.set(Op::KM, &[0xF0; 16]);
        assert!(masks.has(Op::KM, 3) && !masks.has(Op::KM, 20) && masks.has(Op::KMC, 20));
        assert_eq!(masks.short(Op::KM) >> 120, 0xF0);
    }
}
