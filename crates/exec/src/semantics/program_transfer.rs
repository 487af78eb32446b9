//! PROGRAM TRANSFER: returning from a basic PROGRAM CALL, or going to another primary space.
//! Source: Principles of Operation, chapter 10: PROGRAM TRANSFER, PROGRAM TRANSFER WITH INSTANCE.

use softsie_cpu::{
    ASTE_ORIGIN, AddressSpaceControl, Authority, Cpu, Exit, InterceptedInstructions, ProgramCode, PswMask, TraceEntry,
};
use softsie_isa::Operands;

use super::addressing_mode::mode;
use super::authority::{SPECIAL_OPERATION, require_asn_translation, require_dat};
use super::space_switch::{OldPrimary, branched, complete, set_primary, set_secondary_to_primary};
use super::trace_entries::traced_address;
use crate::machine::Machine;

semantics! {
    simple {}
    heavy { PT => program_transfer[false], PTI => program_transfer[true] }
}

fn program_transfer<const INSTANCE: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.check_interception(InterceptedInstructions::PROGRAM_TRANSFER)?;
    require_dat(cpu)?;
    if cpu.psw.address_space() != AddressSpaceControl::Primary {
        return Err(SPECIAL_OPERATION);
    }
    let (operand, target): (u64, u64) = (cpu.gr(o.r1()), cpu.gr(o.r2()));
    let asn = operand as u16;
    let mut traced = cpu.cr[12];
    if cpu.traces_asns() {
        let wide = mode(cpu) == 64;
        let far = wide && target >> 32 != 0;
        let format = u8::from(wide) << 3 | u8::from(far) << 2 | u8::from(INSTANCE);
        let entry = TraceEntry::new().with(&[if far { 0x32 } else { 0x31 }, cpu.psw.key() << 4 | format]);
        traced = cpu.trace(traced, &traced_address(entry.with(&asn.to_be_bytes()), target, far))?;
    }
    if cpu.real_word((cpu.cr[5] & ASTE_ORIGIN) + 24)? & 0x8000_0000 == 0 {
        return Err(SPECIAL_OPERATION);
    }
    let problem = cpu.psw.has(PswMask::PROBLEM);
    if problem && target & 1 == 0 {
        return Err(Exit::PRIVILEGED_OPERATION);
    }
    let mut psw = branched(cpu, target & !1);
    // In 24-bit mode no bit of the address is ignored.
    if mode(cpu) != 64 && target & 0x8000_0000 == 0 && target & 0x7F00_0000 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    psw.set(PswMask::PROBLEM, target & 1 != 0);
    let reuse = cpu.reuses_asns();
    let old = OldPrimary::of(cpu);
    let switched = asn != cpu.cr[4] as u16;
    if switched {
        require_asn_translation(cpu)?;
        let aste = cpu.translate_asn(asn)?;
        let forbidden = if INSTANCE { aste.is_controlled() && problem } else { reuse && aste.is_reusable() };
        if forbidden {
            return Err(SPECIAL_OPERATION);
        }
        if INSTANCE && aste.instance() != (operand >> 32) as u32 {
            cpu.program.exception_access_id = 0x20;
            return Err(Exit::Program(ProgramCode::ASTE_INSTANCE));
        }
        let index = (cpu.cr[4] >> 16) as u16;
        if !cpu.is_authorized(&aste, index, Authority::Primary)? {
            return Err(cpu.asn_exception(ProgramCode::PRIMARY_AUTHORITY, asn));
        }
        let asce = cpu.subspace_replaced(&aste)?;
        set_primary(cpu, &aste, asce, asn, INSTANCE || reuse);
    }
    cpu.cr[3] &= operand & 0xFFFF_0000 | !0xFFFF_0000;
    set_secondary_to_primary(cpu, INSTANCE || reuse);
    cpu.cr[12] = traced;
    Err(complete(cpu, o, psw, switched.then_some(old)))
}
