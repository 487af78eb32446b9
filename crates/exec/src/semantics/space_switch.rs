//! Changing the address spaces: control registers 1, 3, 4, 5 and 7, the new PSW, and the space-switch event.
//! Source: Principles of Operation, chapter 5, PC-Number Translation and the space-switching operations; chapter 6,
//! Space-Switch-Event Program Interruption.

use softsie_cpu::{ASTE_ORIGIN, Aste, Cpu, Exit, ProgramCode, Psw, PswMask, asce};
use softsie_isa::Operands;

use super::addressing_mode::mode;
use super::psw_control::break_here;

/// The PSW of the next sequential instruction.
pub(super) fn next_psw(cpu: &Cpu, o: &Operands) -> Psw {
    Psw { address: cpu.next_sequential(o), ..cpu.current_psw() }
}

/// Sets the addressing mode in `psw`.
pub(super) fn set_mode(psw: &mut Psw, bits: u8) {
    psw.set(PswMask::EA, bits == 64);
    psw.set(PswMask::BA, bits != 24);
}

/// An address as link information of the current mode: in 31-bit mode with bit 32 on.
pub(super) fn linked(cpu: &Cpu, address: u64) -> u64 {
    if mode(cpu) == 31 { address & 0x7FFF_FFFF | 0x8000_0000 } else { address }
}

/// The PSW that branching to `target` gives: outside 64-bit mode bit 32 says which mode is set.
pub(super) fn branched(cpu: &Cpu, target: u64) -> Psw {
    let mut psw = cpu.current_psw();
    if mode(cpu) != 64 {
        set_mode(&mut psw, if target & 0x8000_0000 != 0 { 31 } else { 24 });
    }
    psw.address = target & psw.address_mask();
    psw
}

/// The primary space becomes the one of `aste`, with `asce` in use, and number `asn`.
pub(super) fn set_primary(cpu: &mut Cpu, aste: &Aste, asce: u64, asn: u16, instance: bool) {
    cpu.cr[1] = asce;
    let high = if instance { u64::from(aste.instance()) << 32 } else { cpu.cr[4] & !0xFFFF_FFFF };
    cpu.cr[4] = high | u64::from(aste.authorization_index()) << 16 | u64::from(asn);
    cpu.cr[5] = cpu.cr[5] & !0xFFFF_FFFF | aste.origin & ASTE_ORIGIN;
}

/// The secondary space becomes the primary space.
pub(super) fn set_secondary_to_primary(cpu: &mut Cpu, instance: bool) {
    cpu.cr[7] = cpu.cr[1];
    cpu.cr[3] = cpu.cr[3] & !0xFFFF | cpu.cr[4] & 0xFFFF;
    if instance {
        cpu.cr[3] = cpu.cr[3] & 0xFFFF_FFFF | cpu.cr[4] & !0xFFFF_FFFF;
    }
}

/// What the primary space was before.
#[derive(Clone, Copy)]
pub(super) struct OldPrimary {
    asn: u64,
    asce: u64,
}

impl OldPrimary {
    pub(super) fn of(cpu: &Cpu) -> OldPrimary {
        OldPrimary { asn: cpu.cr[4] & 0xFFFF, asce: cpu.cr[1] }
    }
}

/// Completes an instruction that has replaced the PSW. `from` is given when it has changed the primary space: then there
/// may be a space-switch event.
pub(super) fn complete(cpu: &mut Cpu, o: &Operands, psw: Psw, from: Option<OldPrimary>) -> Exit {
    break_here(cpu, o);
    cpu.per_branched(psw.address);
    cpu.set_psw(psw);
    if let Some(old) = from {
        let marked = (old.asce | cpu.cr[1]) & asce::SPACE_SWITCH_EVENT != 0;
        if marked || cpu.per_pending() {
            cpu.program.teid = old.asn | if old.asce & asce::SPACE_SWITCH_EVENT != 0 { 0x8000_0000 } else { 0 };
            return Exit::Completed(ProgramCode::SPACE_SWITCH);
        }
    }
    Exit::PswLoaded
}
