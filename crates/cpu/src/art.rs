//! Access-register translation: from an ALET to the address-space-control element of an address space.
//! Source: Principles of Operation, chapter 5, Access-Register Translation (access-list entries, ASN-second-table entries).

use crate::access::Access;
use crate::exit::{Exit, ProgramCode};
use crate::state::Cpu;

/// ALET bits: what must be zero, and the one that names the primary-space instead of the dispatchable-unit access list.
const ALET_RESERVED: u32 = 0xFE00_0000;
const ALET_PRIMARY_LIST: u32 = 0x0100_0000;
/// Access-list-entry bits in its first word.
const ALE_INVALID: u32 = 0x8000_0000;
const ALE_FETCH_ONLY: u32 = 0x0200_0000;
const ALE_PRIVATE: u32 = 0x0100_0000;
/// Invalid bit of an ASN-second-table entry.
const ASTE_INVALID: u32 = 0x8000_0000;
/// Origins are on 64-byte boundaries below 2 GiB.
const ORIGIN: u64 = 0x7FFF_FFC0;

/// Why access-register translation failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccessRegisterFault {
    /// With the exception of this code.
    Code(ProgramCode),
    /// A store by a fetch-only entry.
    FetchOnly,
}

impl Cpu {
    /// The extended authorization index, by which private entries may be used.
    pub fn extended_authorization_index(&self) -> u16 {
        (self.cr[8] >> 16) as u16
    }

    /// The address-space-control element that access-list-entry token `alet` stands for.
    ///
    /// # Errors
    /// What is wrong with the token or the entries it leads to.
    pub fn translate_alet(&mut self, alet: u32, access: Access, eax: u16) -> Result<u64, AccessRegisterFault> {
        use AccessRegisterFault::{Code, FetchOnly};
        match alet {
            0 => return Ok(self.cr[1]),
            1 => return Ok(self.cr[7]),
            _ if alet & ALET_RESERVED != 0 => return Err(Code(ProgramCode::ALET_SPECIFICATION)),
            _ => {}
        }
        // The access-list designation is in the dispatchable-unit control table or the primary ASN-second-table entry.
        let table = if alet & ALET_PRIMARY_LIST != 0 { self.cr[5] } else { self.cr[2] };
        let list = self.real_word((table & ORIGIN) + 16)?;
        let number = alet & 0xFFFF;
        if number >> 3 > list & 0x7F {
            return Err(Code(ProgramCode::ALEN_TRANSLATION));
        }
        let entry = u64::from(list & 0x7FFF_FF80) + u64::from(number) * 16;
        let control = self.real_word(entry)?;
        if control & ALE_INVALID != 0 {
            return Err(Code(ProgramCode::ALEN_TRANSLATION));
        }
        if (control ^ alet) & 0x00FF_0000 != 0 {
            return Err(Code(ProgramCode::ALE_SEQUENCE));
        }
        let aste = u64::from(self.real_word(entry + 8)?) & ORIGIN;
        let authority = self.real_word(aste)?;
        if authority & ASTE_INVALID != 0 {
            return Err(Code(ProgramCode::ASTE_VALIDITY));
        }
        if self.real_word(aste + 20)? != self.real_word(entry + 12)? {
            return Err(Code(ProgramCode::ASTE_SEQUENCE));
        }
        if control & ALE_PRIVATE != 0 && control as u16 != eax {
            let length = self.real_word(aste + 4)? >> 4 & 0xFFF;
            if u32::from(eax >> 4) > length {
                return Err(Code(ProgramCode::EXTENDED_AUTHORITY));
            }
            // Two bits for each index, of which the second is the secondary authority.
            let word = self.real_word((u64::from(authority & 0x7FFF_FFFC) + u64::from(eax >> 2)) & !3)?;
            if word << (2 * (u32::from(eax) & 15)) & 0x4000_0000 == 0 {
                return Err(Code(ProgramCode::EXTENDED_AUTHORITY));
            }
        }
        if control & ALE_FETCH_ONLY != 0 && access == Access::Store {
            return Err(FetchOnly);
        }
        let high = u64::from(self.real_word(aste + 8)?);
        Ok(high << 32 | u64::from(self.real_word(aste + 12)?))
    }

    /// A word of the tables, at a real address.
    fn real_word(&mut self, real: u64) -> Result<u32, AccessRegisterFault> {
        let mut bytes = [0; 4];
        match self.read_absolute(self.prefixed(real), &mut bytes) {
            Err(Exit::Program(code)) => Err(AccessRegisterFault::Code(code)),
            _ => Ok(u32::from_be_bytes(bytes)),
        }
    }
}
