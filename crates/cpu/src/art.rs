//! Access-register translation: from an ALET to the address-space-control element of an address space.
//! Source: Principles of Operation, chapter 5, Access-Register Translation (access-list entries).

use crate::access::Access;
use crate::asn::{ASTE_ORIGIN, Aste, Authority};
use crate::exit::{Exit, ProgramCode};
use crate::state::Cpu;

/// ALET bits: what must be zero, and the one that names the primary-space instead of the dispatchable-unit access list.
const ALET_RESERVED: u32 = 0xFE00_0000;
const ALET_PRIMARY_LIST: u32 = 0x0100_0000;
/// Access-list-entry bits in its first word.
const ALE_INVALID: u32 = 0x8000_0000;
const ALE_FETCH_ONLY: u32 = 0x0200_0000;
const ALE_PRIVATE: u32 = 0x0100_0000;

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
            _ => {}
        }
        let (control, aste) = self.locate_aste(alet)?;
        let authorized = control & ALE_PRIVATE == 0
            || control as u16 == eax
            || self.is_authorized(&aste, eax, Authority::Secondary).map_err(fault)?;
        if !authorized {
            return Err(Code(ProgramCode::EXTENDED_AUTHORITY));
        }
        if control & ALE_FETCH_ONLY != 0 && access == Access::Store {
            return Err(FetchOnly);
        }
        Ok(aste.asce())
    }

    /// The access-list entry's first word and the ASN-second-table entry that access-list-entry token `alet`, which is
    /// neither 0 nor 1, leads to. Authority is not looked at.
    ///
    /// # Errors
    /// What is wrong with the token or the entries it leads to.
    pub fn locate_aste(&mut self, alet: u32) -> Result<(u32, Aste), AccessRegisterFault> {
        use AccessRegisterFault::Code;
        if alet & ALET_RESERVED != 0 {
            return Err(Code(ProgramCode::ALET_SPECIFICATION));
        }
        // The access-list designation is in the dispatchable-unit control table or the primary ASN-second-table entry.
        let table = if alet & ALET_PRIMARY_LIST != 0 { self.cr[5] } else { self.cr[2] };
        let list = self.real_word((table & ASTE_ORIGIN) + 16).map_err(fault)?;
        let number = alet & 0xFFFF;
        if number >> 3 > list & 0x7F {
            return Err(Code(ProgramCode::ALEN_TRANSLATION));
        }
        let entry = u64::from(list & 0x7FFF_FF80) + u64::from(number) * 16;
        let control = self.real_word(entry).map_err(fault)?;
        if control & ALE_INVALID != 0 {
            return Err(Code(ProgramCode::ALEN_TRANSLATION));
        }
        if (control ^ alet) & 0x00FF_0000 != 0 {
            return Err(Code(ProgramCode::ALE_SEQUENCE));
        }
        let origin = u64::from(self.real_word(entry + 8).map_err(fault)?);
        let aste = self.aste(origin).map_err(fault)?;
        if !aste.is_valid() {
            return Err(Code(ProgramCode::ASTE_VALIDITY));
        }
        if aste.sequence() != self.real_word(entry + 12).map_err(fault)? {
            return Err(Code(ProgramCode::ASTE_SEQUENCE));
        }
        Ok((control, aste))
    }
}

/// Of the tables themselves there can be no fault but an exception.
fn fault(exit: Exit) -> AccessRegisterFault {
    match exit {
        Exit::Program(code) => AccessRegisterFault::Code(code),
        _ => AccessRegisterFault::Code(ProgramCode::ADDRESSING),
    }
}
