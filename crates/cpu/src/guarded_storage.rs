//! Guarded storage: the three registers that say which sections of an area are guarded, and what happens when a pointer to one
//! of them is loaded. Source: IBM's patents on the facility (US 10,579,377 and its relatives); the blocks' layout is also that
//! of Linux (arch/s390/include/uapi/asm/guarded_storage.h). docs/notes.md says what is from memory.

use softsie_mem::PAGE_SIZE;

use crate::access::{Access, AddressSpace};
use crate::exit::Exit;
use crate::psw::PswMask;
use crate::state::Cpu;
use crate::transaction::Abort;

/// Bit 59 of control register 2: the guarded-storage facility is enabled.
const ENABLEMENT: u64 = 1 << 4;
/// The fields of the parameter list that an event changes: modes and cause, then instruction, operand, result and return.
const CHANGED: [core::ops::Range<usize>; 2] = [1..4, 16..48];
/// Length of the parameter list.
const PARAMETER_LIST: usize = 48;

/// The guarded-storage registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuardedStorage {
    /// Guarded-storage designation: origin, shift of LOAD LOGICAL AND SHIFT GUARDED, characteristic (size as a power of two).
    pub designation: u64,
    /// Bit `n` guards the area's section `n` of 64.
    pub section_mask: u64,
    /// Address of the event's parameter list.
    pub parameter_list: u64,
}

impl GuardedStorage {
    /// From the four doublewords of a guarded-storage control block.
    pub fn of_block([_, designation, section_mask, parameter_list]: [u64; 4]) -> Self {
        Self { designation, section_mask, parameter_list }
    }

    /// As a guarded-storage control block.
    pub fn block(&self) -> [u64; 4] {
        [0, self.designation, self.section_mask, self.parameter_list]
    }

    /// From a control block in storage.
    pub fn of_bytes(block: &[u8; 32]) -> Self {
        let mut doublewords = [0; 4];
        for (to, bytes) in doublewords.iter_mut().zip(block.as_chunks::<8>().0) {
            *to = u64::from_be_bytes(*bytes);
        }
        Self::of_block(doublewords)
    }

    /// As a control block in storage.
    pub fn bytes(&self) -> [u8; 32] {
        let mut block = [0; 32];
        for (to, from) in block.as_chunks_mut::<8>().0.iter_mut().zip(self.block()) {
            *to = from.to_be_bytes();
        }
        block
    }

    /// By how many bits LOAD LOGICAL AND SHIFT GUARDED shifts.
    pub fn shift(&self) -> u32 {
        (self.designation >> 8 & 7) as u32
    }

    /// Whether an address is in a guarded section.
    pub fn guards(&self, address: u64) -> bool {
        let characteristic = self.designation as u32 & 63;
        if !(25..=56).contains(&characteristic) {
            return false;
        }
        let section = address >> (characteristic - 6) & 63;
        (address ^ self.designation) >> characteristic == 0 && self.section_mask << section >> 63 != 0
    }
}

/// An instruction that has loaded a guarded pointer.
#[derive(Clone, Copy, Debug)]
pub struct GuardedStorageEvent {
    /// Its address, or that of the EXECUTE.
    pub instruction: u64,
    /// Address of its operand.
    pub operand: u64,
    /// The access register that goes with it in access-register mode.
    pub ar: u8,
    /// What would have been loaded.
    pub pointer: u64,
    /// It is LOAD LOGICAL AND SHIFT GUARDED.
    pub shifted: bool,
}

impl Cpu {
    /// Whether programs may use the guarded-storage registers, and events are recognised.
    pub fn guarded_storage_enabled(&self) -> bool {
        self.cr[2] & ENABLEMENT != 0
    }

    /// Recognises a guarded-storage event: a transaction is aborted, the parameter list says what happened. Returns the
    /// address of the handler, to which the CPU branches.
    ///
    /// # Errors
    /// An access exception of the parameter list. [`Exit::Abort`] when the transaction is to be aborted for another reason.
    pub fn guarded_storage_event(&mut self, event: GuardedStorageEvent) -> Result<u64, Exit> {
        let mut list = [0; PARAMETER_LIST];
        let bit = |n: u32| (self.psw.mask >> (63 - n)) as u8 & 1;
        list[1] = bit(31) << 1 | bit(32);
        let in_transaction = self.transaction.is_active();
        list[2] =
            u8::from(in_transaction) << 7 | u8::from(self.transaction.is_constrained()) << 6 | u8::from(event.shifted);
        if self.psw.has(PswMask::DAT) {
            let space = bit(16) << 1 | bit(17);
            list[3] = 0x40 | space << 4 | if space == 1 { event.ar & 15 } else { 0 };
        }
        if in_transaction {
            // What a transaction has seen that must be aborted anyway is no event.
            if let Err(conflict) = self.transaction_is_consistent() {
                self.abort_for(conflict)?;
            }
            self.abort_transaction(Abort::GUARDED_STORAGE, event.instruction, None);
        }
        let back = if in_transaction { self.psw.address } else { event.instruction };
        for (at, value) in [(16, event.instruction), (24, event.operand), (32, event.pointer), (40, back)] {
            list[at..at + 8].copy_from_slice(&value.to_be_bytes());
        }
        let handler = self.store_event(&list);
        match handler {
            // The transaction is aborted already: the interruption comes after that.
            Err(Exit::Program(code)) if in_transaction => Err(Exit::Completed(code)),
            other => other,
        }
    }

    /// Stores what an event changes in the parameter list, all or nothing, and fetches the handler's address from it. The list's
    /// address has 64 bits in any addressing mode; in access-register mode it is in the primary space.
    fn store_event(&mut self, list: &[u8; PARAMETER_LIST]) -> Result<u64, Exit> {
        let space = AddressSpace::Logical(0);
        let list_at = self.guarded_storage.parameter_list;
        let mode = std::mem::replace(&mut self.address_mask, u64::MAX);
        let result = (|| {
            self.probe(space, list_at, PARAMETER_LIST as u64, Access::Store)?;
            let mut handler = [0; 8];
            self.read_bytes(space, list_at.wrapping_add(8), &mut handler)?;
            for part in CHANGED {
                self.write_bytes(space, list_at.wrapping_add(part.start as u64), &list[part])?;
            }
            Ok(u64::from_be_bytes(handler))
        })();
        self.address_mask = mode;
        result
    }
}

const _: () = assert!(PARAMETER_LIST < PAGE_SIZE as usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_have_the_size_of_their_characteristic_and_64_sections() {
        // 32 MiB at 64 MiB: sections of 512 KiB; the first and the last are guarded.
        let registers = GuardedStorage { designation: 0x400_0019, section_mask: 1 << 63 | 1, parameter_list: 0 };
        for (address, guarded) in [
            (0x3FF_FFFF, false),
            (0x400_0000, true),
            (0x407_FFFF, true),
            (0x408_0000, false),
            (0x5F7_FFFF, false),
            (0x5F8_0000, true),
            (0x5FF_FFFF, true),
            (0x600_0000, false),
            (1 << 63 | 0x400_0000, false),
        ] {
            assert_eq!(registers.guards(address), guarded, "{address:#x}");
        }
        // Sizes that are not defined guard nothing.
        for characteristic in [0, 24, 57, 63] {
            let registers = GuardedStorage { designation: characteristic, section_mask: !0, parameter_list: 0 };
            assert!(!registers.guards(0), "{characteristic}");
        }
        // The largest: 2^56 bytes, sections of 2^50.
        let registers = GuardedStorage { designation: 0x1200_0000_0000_0038, section_mask: 1 << 62, parameter_list: 0 };
        assert!(registers.guards(0x1204_0000_0000_0000) && registers.guards(0x1207_FFFF_FFFF_FFFF));
        assert!(!registers.guards(0x1203_FFFF_FFFF_FFFF) && !registers.guards(0x1208_0000_0000_0000));
    }

    #[test]
    fn fields() {
        let registers = GuardedStorage::of_block([9, 0x400_0319, 2, 3]);
        assert_eq!((registers.shift(), registers.block()), (3, [0, 0x400_0319, 2, 3]));
    }
}
