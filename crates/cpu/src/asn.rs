//! Address-space numbers: translation to ASN-second-table entries, authority, replacement by a subspace.
//! Source: Principles of Operation, chapter 3, ASN Translation and ASN Authorization; chapter 5, Subspace Replacement.

use crate::control::{Cr0, asce};
use crate::exit::{Exit, ProgramCode};
use crate::scalar::Scalar;
use crate::state::Cpu;

/// Origins of ASN-second-table entries and control tables are on 64-byte boundaries below 2 GiB.
pub const ASTE_ORIGIN: u64 = 0x7FFF_FFC0;
const INVALID: u32 = 0x8000_0000;
/// Bits of an ASCE that stay the program's own when it is replaced by a subspace's.
const EVENT_CONTROLS: u64 = asce::SPACE_SWITCH_EVENT | asce::STORAGE_ALTERATION_EVENT;

/// An ASN-second-table entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aste {
    /// Its real address.
    pub origin: u64,
    words: [u32; 16],
}

impl Aste {
    /// Whether its invalid bit is zero.
    pub fn is_valid(&self) -> bool {
        self.words[0] & INVALID == 0
    }

    /// Whether it is the base space of a subspace group.
    pub fn is_base(&self) -> bool {
        self.words[0] & 1 != 0
    }

    /// The authorization index of programs that run in the space.
    pub fn authorization_index(&self) -> u16 {
        (self.words[1] >> 16) as u16
    }

    /// Controlled ASN: with an instance number only for the supervisor.
    pub fn is_controlled(&self) -> bool {
        self.words[1] & 2 != 0
    }

    /// Reusable ASN: only with an instance number.
    pub fn is_reusable(&self) -> bool {
        self.words[1] & 1 != 0
    }

    /// The address-space-control element.
    pub fn asce(&self) -> u64 {
        u64::from(self.words[2]) << 32 | u64::from(self.words[3])
    }

    /// The sequence number.
    pub fn sequence(&self) -> u32 {
        self.words[5]
    }

    /// The linkage-table or linkage-first-table designation.
    pub fn linkage(&self) -> u32 {
        self.words[6]
    }

    /// The instance number.
    pub fn instance(&self) -> u32 {
        self.words[11]
    }
}

/// What a space's authority table says about an authorization index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Authority {
    /// It may become the primary space.
    Primary,
    /// It may become the secondary space.
    Secondary,
}

impl Cpu {
    /// A word of a table at a real address below 2 GiB.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn real_word(&mut self, real: u64) -> Result<u32, Exit> {
        let mut bytes = [0; 4];
        self.read_absolute(self.prefixed(real & 0x7FFF_FFFF), &mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// Stores a value on an integral boundary of a table at a real address.
    ///
    /// # Errors
    /// Addressing exception, low-address protection.
    pub fn store_real<T: Scalar>(&mut self, real: u64, value: T) -> Result<(), Exit> {
        self.check_low_address_word(real)?;
        let mut bytes = [0; 16];
        // SAFETY: no scalar is longer than 16 bytes.
        unsafe { T::write_be(bytes.as_mut_ptr(), value) };
        self.write_absolute(self.prefixed(real), &bytes[..T::BYTES as usize])
    }

    /// The ASN-second-table entry at a real address.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn aste(&mut self, origin: u64) -> Result<Aste, Exit> {
        let origin = origin & ASTE_ORIGIN;
        let mut aste = Aste { origin, words: [0; 16] };
        for n in 0..16 {
            aste.words[n] = self.real_word(origin + n as u64 * 4)?;
        }
        Ok(aste)
    }

    /// Whether the ASN-and-LX-reuse facility is installed and enabled.
    pub fn reuses_asns(&self) -> bool {
        self.model.facilities.has(6) && self.cr0().contains(Cr0::ASN_AND_LX_REUSE)
    }

    /// Translates an address-space number.
    ///
    /// # Errors
    /// AFX-translation, ASX-translation and addressing exceptions.
    pub fn translate_asn(&mut self, asn: u16) -> Result<Aste, Exit> {
        let first = ((self.cr[14] & 0x7_FFFF) << 12) + u64::from(asn >> 6) * 4;
        let first = self.real_word(first)?;
        if first & INVALID != 0 {
            return Err(self.asn_exception(ProgramCode::AFX_TRANSLATION, asn));
        }
        let aste = self.aste((u64::from(first) & ASTE_ORIGIN) + u64::from(asn & 0x3F) * 64)?;
        if !aste.is_valid() {
            return Err(self.asn_exception(ProgramCode::ASX_TRANSLATION, asn));
        }
        Ok(aste)
    }

    /// An exception whose parameter is an address-space number.
    pub fn asn_exception(&mut self, code: ProgramCode, asn: u16) -> Exit {
        self.program.teid = u64::from(asn);
        Exit::Program(code)
    }

    /// Whether authorization index `ax` has an authority over a space.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn is_authorized(&mut self, aste: &Aste, ax: u16, authority: Authority) -> Result<bool, Exit> {
        let length = aste.words[1] >> 4 & 0xFFF;
        if u32::from(ax >> 4) > length {
            return Ok(false);
        }
        // Two bits for each index: primary and secondary authority.
        let word = self.real_word((u64::from(aste.words[0] & 0x7FFF_FFFC) + u64::from(ax >> 2)) & !3)?;
        let bits = word << (2 * (u32::from(ax) & 15));
        Ok(bits & if authority == Authority::Primary { 0x8000_0000 } else { 0x4000_0000 } != 0)
    }

    /// The address-space-control element by which programs use a space: when the dispatchable unit is active in a subspace
    /// and this is the base space of its group, the subspace's.
    ///
    /// # Errors
    /// ASTE-validity, ASTE-sequence and addressing exceptions.
    pub fn subspace_replaced(&mut self, aste: &Aste) -> Result<u64, Exit> {
        if aste.asce() & asce::SUBSPACE_GROUP == 0 {
            return Ok(aste.asce());
        }
        let table = self.cr[2] & ASTE_ORIGIN;
        let (base, active) = (self.real_word(table)?, self.real_word(table + 4)?);
        if active & 0x8000_0000 == 0 || u64::from(base) & ASTE_ORIGIN != aste.origin {
            return Ok(aste.asce());
        }
        let subspace = self.subspace(active, table)?;
        Ok(Self::as_subspace(aste.asce(), &subspace))
    }

    /// The ASN-second-table entry of the dispatchable unit's subspace: word 1 of the control table and its address.
    ///
    /// # Errors
    /// ASTE-validity, ASTE-sequence and addressing exceptions.
    pub fn subspace(&mut self, designation: u32, table: u64) -> Result<Aste, Exit> {
        let subspace = self.aste(u64::from(designation))?;
        if !subspace.is_valid() {
            return Err(Exit::Program(ProgramCode::ASTE_VALIDITY));
        }
        if subspace.sequence() != self.real_word(table + 12)? {
            return Err(Exit::Program(ProgramCode::ASTE_SEQUENCE));
        }
        Ok(subspace)
    }

    /// A subspace's ASCE with the event controls of `own`.
    pub fn as_subspace(own: u64, subspace: &Aste) -> u64 {
        own & EVENT_CONTROLS | subspace.asce() & !EVENT_CONTROLS
    }
}
