//! Dynamic address translation: region, segment and page tables of one address space.
//! Source: Principles of Operation, chapter 3, Dynamic Address Translation (formats, lengths, types, protection, EDAT).

use softsie_mem::{SlotMap, StorageKey};

use crate::access::Access;
use crate::control::{Cr0, asce};
use crate::exit::ProgramCode;
use crate::state::Cpu;

/// Why a store or fetch is not permitted although the address translates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// Low-address protection.
    LowAddress,
    /// Storage key.
    Key,
    /// A table entry's protection bit.
    Dat,
    /// A table entry's instruction-execution-protection bit.
    InstructionExecution,
    /// A fetch-only access-list entry.
    AccessList,
}

/// The result of translating one virtual page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Translation {
    /// Real address that the virtual address stands for.
    pub real: u64,
    /// A table entry forbids stores.
    pub protected: bool,
    /// A table entry forbids instruction fetch.
    pub no_execution: bool,
    /// A common-segment bit was on.
    pub common: bool,
    /// Real address of the last table entry used, and how many address bits lie below it (12, 20 or 31).
    pub entry: u64,
    /// Number of address bits that the last entry leaves: 12 for a page, 20 for a segment frame, 31 for a region frame.
    pub frame_bits: u32,
}

/// Why an address does not translate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TranslationFault {
    /// The program-interruption code of the exception that an access would meet.
    pub code: ProgramCode,
    /// Address of the table entry whose invalid bit is one; `None` when something else is wrong.
    pub entry: Option<u64>,
}

impl From<ProgramCode> for TranslationFault {
    fn from(code: ProgramCode) -> Self {
        TranslationFault { code, entry: None }
    }
}

const INVALID: u64 = 0x20;
const ENTRY_TYPE: u64 = 0x0C;
const ENTRY_LENGTH: u64 = 0x03;
const ENTRY_OFFSET: u64 = 0xC0;
const PROTECTED: u64 = 0x200;
const NO_EXECUTION: u64 = 0x100;
const FORMAT_CONTROL: u64 = 0x400;
const COMMON_SEGMENT: u64 = 0x10;
const PAGE_INVALID: u64 = 0x400;
const PAGE_ZERO_BIT: u64 = 0x800;

/// What translation depends on besides the tables and their entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Dat {
    edat1: bool,
    edat2: bool,
    execution_protection: bool,
    pub(crate) prefix: u64,
}

impl Dat {
    /// Real address to absolute address and back: prefixing of 8 KiB.
    #[inline(always)]
    pub(crate) fn prefixed(self, real: u64) -> u64 {
        if real < 0x2000 {
            real + self.prefix
        } else if real.wrapping_sub(self.prefix) < 0x2000 {
            real - self.prefix
        } else {
            real
        }
    }

    /// Translates `address` by the tables of `table` (an ASCE), whose entries `read` fetches by absolute address.
    pub(crate) fn translate(
        self,
        table: u64,
        address: u64,
        read: impl Fn(u64) -> Result<u64, ProgramCode>,
    ) -> Result<Translation, TranslationFault> {
        let mut t = self.page_table_entry(table, address, &read)?;
        if table & asce::REAL_SPACE != 0 || t.frame_bits != 12 {
            return Ok(t);
        }
        let entry = read(t.entry)?;
        if entry & PAGE_INVALID != 0 {
            return Err(TranslationFault { code: ProgramCode::PAGE_TRANSLATION, entry: Some(t.entry) });
        }
        if entry & PAGE_ZERO_BIT != 0 {
            return Err(ProgramCode::TRANSLATION_SPECIFICATION.into());
        }
        t.protected |= entry & PROTECTED != 0;
        t.no_execution = self.execution_protection && entry & NO_EXECUTION != 0;
        t.real = entry & !0xFFF | address & 0xFFF;
        Ok(t)
    }

    fn page_table_entry(
        self,
        table: u64,
        address: u64,
        read: impl Fn(u64) -> Result<u64, ProgramCode>,
    ) -> Result<Translation, TranslationFault> {
        let Dat { edat1, edat2, execution_protection: iep, .. } = self;
        let mut t = Translation {
            real: address,
            protected: false,
            no_execution: false,
            common: false,
            entry: 0,
            frame_bits: 12,
        };
        if table & asce::REAL_SPACE != 0 {
            return Ok(t);
        }
        let levels = (table & asce::TYPE) >> 2;
        // Bits above the highest index must be zero.
        if levels < 3 && address >> (31 + 11 * levels) != 0 {
            return Err(ProgramCode::ASCE_TYPE.into());
        }
        let mut origin = table & asce::ORIGIN;
        let (mut offset, mut length) = (0, table & asce::LENGTH);
        for level in (0..=levels).rev() {
            let missing = match level {
                3 => ProgramCode::REGION_FIRST_TRANSLATION,
                2 => ProgramCode::REGION_SECOND_TRANSLATION,
                1 => ProgramCode::REGION_THIRD_TRANSLATION,
                _ => ProgramCode::SEGMENT_TRANSLATION,
            };
            let index = (address >> (20 + 11 * level)) & 0x7FF;
            // Offset and length count quarters of a table.
            if !(offset..=length).contains(&(index >> 9)) {
                return Err(missing.into());
            }
            t.entry = origin.wrapping_add(index * 8);
            let entry = read(t.entry)?;
            if entry & INVALID != 0 {
                return Err(TranslationFault { code: missing, entry: Some(t.entry) });
            }
            if (entry & ENTRY_TYPE) >> 2 != level {
                return Err(ProgramCode::TRANSLATION_SPECIFICATION.into());
            }
            if level == 0 || edat1 {
                t.protected |= entry & PROTECTED != 0;
            }
            let frame_bits = match level {
                0 if edat1 => 20,
                1 if edat2 => 31,
                _ => 0,
            };
            if frame_bits != 0 && entry & FORMAT_CONTROL != 0 {
                let below = (1 << frame_bits) - 1;
                t.no_execution = iep && entry & NO_EXECUTION != 0;
                t.common = entry & COMMON_SEGMENT != 0;
                if t.common && table & asce::PRIVATE_SPACE != 0 {
                    return Err(ProgramCode::TRANSLATION_SPECIFICATION.into());
                }
                // A large frame's address is absolute. Prefixing is its own inverse, so this real address leads there.
                t.real = self.prefixed(entry & !below | address & below);
                t.frame_bits = frame_bits;
                return Ok(t);
            }
            if level == 0 {
                if entry & COMMON_SEGMENT != 0 {
                    t.common = true;
                    if table & asce::PRIVATE_SPACE != 0 {
                        return Err(ProgramCode::TRANSLATION_SPECIFICATION.into());
                    }
                }
                origin = entry & !0x7FF;
            } else {
                origin = entry & asce::ORIGIN;
                (offset, length) = ((entry & ENTRY_OFFSET) >> 6, entry & ENTRY_LENGTH);
            }
        }
        t.entry = origin.wrapping_add(((address >> 12) & 0xFF) * 8);
        Ok(t)
    }
}

impl Cpu {
    /// What this CPU's translations depend on.
    #[inline]
    pub(crate) fn dat(&self) -> Dat {
        let cr0 = Cr0::from_bits_retain(self.effective_cr0());
        let edat1 = cr0.contains(Cr0::ENHANCED_DAT) && self.model.facilities.has(8);
        Dat {
            edat1,
            edat2: edat1 && self.has_enhanced_dat_2(),
            execution_protection: cr0.contains(Cr0::INSTRUCTION_EXECUTION_PROTECTION) && self.model.facilities.has(130),
            prefix: self.prefix,
        }
    }

    /// Translates `address` by the tables of `table` (an ASCE).
    ///
    /// # Errors
    /// The program-interruption code of the translation exception or addressing exception; what becomes of it (exception,
    /// condition code) is the caller's affair.
    pub fn translate_by(&self, table: u64, address: u64) -> Result<Translation, TranslationFault> {
        self.dat().translate(table, address, |entry| self.read_table(entry))
    }

    /// The translation of `address` as far as it goes without its page-table entry, whose address is given; of a large frame,
    /// all of it.
    ///
    /// # Errors
    /// As for [`Cpu::translate_by`].
    pub fn page_table_entry(&self, table: u64, address: u64) -> Result<Translation, TranslationFault> {
        self.dat().page_table_entry(table, address, |entry| self.read_table(entry))
    }

    /// A table entry. Whether prefixing applies to table addresses is unpredictable; it does not here.
    fn read_table(&self, absolute: u64) -> Result<u64, ProgramCode> {
        let absolute = self.reach(absolute, Access::Fetch)?;
        read_entry(&self.slots, absolute).ok_or_else(|| self.addressing(absolute))
    }
}

/// A table entry of the machine's storage.
pub(crate) fn read_entry(slots: &SlotMap, absolute: u64) -> Option<u64> {
    let page = slots.page(absolute)?;
    page.state.or_key(StorageKey::REFERENCE);
    // SAFETY: table entries are 8 bytes on an 8-byte boundary, hence within the page.
    Some(unsafe { <u64 as crate::scalar::Scalar>::read_be(page.host.as_ptr().add((absolute & 0xFF8) as usize)) })
}
