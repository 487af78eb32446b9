//! Authority checks of semiprivileged instructions.
//! Source: Principles of Operation, chapter 5, Authorization Mechanisms; chapter 10, the instructions' special conditions.

use softsie_cpu::{AddressSpaceControl, Cpu, Cr0, Exit, ProgramCode, PswMask};

/// The exit for a special-operation exception.
pub(super) const SPECIAL_OPERATION: Exit = Exit::Program(ProgramCode::SPECIAL_OPERATION);

/// Special-operation exception unless DAT is on.
pub(super) fn require_dat(cpu: &Cpu) -> Result<(), Exit> {
    if cpu.psw.has(PswMask::DAT) { Ok(()) } else { Err(SPECIAL_OPERATION) }
}

/// Special-operation exception unless the secondary-space control is one.
pub(super) fn require_secondary_space_control(cpu: &Cpu) -> Result<(), Exit> {
    if cpu.cr0().contains(Cr0::SECONDARY_SPACE) { Ok(()) } else { Err(SPECIAL_OPERATION) }
}

/// Privileged-operation exception in the problem state unless the extraction-authority control is one.
pub(super) fn require_extraction_authority(cpu: &Cpu) -> Result<(), Exit> {
    if cpu.psw.has(PswMask::PROBLEM) && !cpu.cr0().contains(Cr0::EXTRACTION_AUTHORITY) {
        return Err(Exit::PRIVILEGED_OPERATION);
    }
    Ok(())
}

/// Privileged-operation exception in the problem state unless the PSW-key mask allows `key`.
pub(super) fn require_key_authority(cpu: &Cpu, key: u8) -> Result<(), Exit> {
    require_possible_key(cpu, key)?;
    let allowed = cpu.cr[3] & (0x8000_0000 >> (key & 15)) != 0;
    if cpu.psw.has(PswMask::PROBLEM) && !allowed {
        return Err(Exit::PRIVILEGED_OPERATION);
    }
    Ok(())
}

/// Special-operation exception where storage keys have been removed.
pub(super) fn require_storage_keys(cpu: &Cpu) -> Result<(), Exit> {
    if cpu.is_without_keys() { Err(SPECIAL_OPERATION) } else { Ok(()) }
}

/// Where storage keys have been removed only zero is an access key.
pub(super) fn require_possible_key(cpu: &Cpu, key: u8) -> Result<(), Exit> {
    if key & 15 == 0 { Ok(()) } else { require_storage_keys(cpu) }
}

/// ASN-translation control in CR14.
const ASN_TRANSLATION: u64 = 0x8_0000;

/// Special-operation exception unless ASN translation is enabled.
pub(super) fn require_asn_translation(cpu: &Cpu) -> Result<(), Exit> {
    if cpu.cr[14] & ASN_TRANSLATION != 0 { Ok(()) } else { Err(SPECIAL_OPERATION) }
}

/// Special-operation exception unless DAT is on in primary-space or access-register mode.
pub(super) fn require_primary_or_ar_mode(cpu: &Cpu) -> Result<(), Exit> {
    require_dat(cpu)?;
    match cpu.psw.address_space() {
        AddressSpaceControl::Primary | AddressSpaceControl::AccessRegister => Ok(()),
        _ => Err(SPECIAL_OPERATION),
    }
}
