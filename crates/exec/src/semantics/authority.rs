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
    let allowed = cpu.cr[3] & (0x8000_0000 >> (key & 15)) != 0;
    if cpu.psw.has(PswMask::PROBLEM) && !allowed {
        return Err(Exit::PRIVILEGED_OPERATION);
    }
    Ok(())
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
