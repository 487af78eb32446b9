//! Loading address-space parameters by ASN translation: secondary space, all spaces at once, extended authority.
//! Source: Principles of Operation, chapter 10: SET SECONDARY ASN, SET SECONDARY ASN WITH INSTANCE, LOAD ADDRESS SPACE
//! PARAMETERS, EXTRACT AND SET EXTENDED AUTHORITY.

use softsie_cpu::{
    ASTE_ORIGIN, Aste, Authority, Cpu, Exit, InterceptedInstructions, ProgramCode, PswMask, TraceEntry, asce,
};
use softsie_isa::Operands;

use super::authority::{SPECIAL_OPERATION, require_asn_translation, require_dat};
use super::space_switch::set_secondary_to_primary;
use crate::machine::Machine;
use crate::operand::{after, d1b1, d2b2};

semantics! {
    simple {}
    heavy {
        SSAR => set_secondary[false], SSAIR => set_secondary[true],
        LASP => load_address_space_parameters, ESEA => extract_and_set_extended_authority,
    }
}

fn set_secondary<const INSTANCE: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_dat(cpu)?;
    require_asn_translation(cpu)?;
    let operand: u64 = cpu.gr(o.r1());
    let asn = operand as u16;
    let mut traced = cpu.cr[12];
    if cpu.traces_asns() {
        let entry = TraceEntry::new().with(&[0x10, u8::from(INSTANCE)]).with(&asn.to_be_bytes());
        traced = cpu.trace(traced, &entry)?;
    }
    let reuse = cpu.reuses_asns();
    if asn == cpu.cr[4] as u16 {
        set_secondary_to_primary(cpu, INSTANCE || reuse);
    } else {
        let aste = cpu.translate_asn(asn)?;
        let problem = cpu.psw.has(PswMask::PROBLEM);
        let forbidden = if INSTANCE { aste.is_controlled() && problem } else { reuse && aste.is_reusable() };
        if forbidden {
            return Err(SPECIAL_OPERATION);
        }
        if INSTANCE && aste.instance() != (operand >> 32) as u32 {
            cpu.program.exception_access_id = 0x10;
            return Err(Exit::Program(ProgramCode::ASTE_INSTANCE));
        }
        let index = (cpu.cr[4] >> 16) as u16;
        if !cpu.is_authorized(&aste, index, Authority::Secondary)? {
            return Err(cpu.asn_exception(ProgramCode::SECONDARY_AUTHORITY, asn));
        }
        cpu.cr[7] = cpu.subspace_replaced(&aste)?;
        cpu.cr[3] = cpu.cr[3] & !0xFFFF | u64::from(asn);
        if INSTANCE || reuse {
            cpu.cr[3] = cpu.cr[3] & 0xFFFF_FFFF | u64::from(aste.instance()) << 32;
        }
    }
    cpu.cr[12] = traced;
    cpu.select_spaces();
    Err(Exit::Synchronize)
}

/// Bits of LOAD ADDRESS SPACE PARAMETERS' second-operand address.
const SKIP_AUTHORIZATION: u64 = 1;
const GIVEN_INDEX: u64 = 2;
const FORCE_TRANSLATION: u64 = 4;

/// The entry of an address-space number and the ASCE in use; `None` when it does not translate or the instance is another.
fn translated(cpu: &mut Cpu, asn: u16, instance: Option<u32>) -> Result<Option<(Aste, u64)>, Exit> {
    let unavailable = |exit| match exit {
        Exit::Program(code) if code.nullifies() => Ok(None),
        other => Err(other),
    };
    let aste = match cpu.translate_asn(asn) {
        Ok(aste) => aste,
        Err(exit) => return unavailable(exit),
    };
    if instance.is_some_and(|i| i != aste.instance()) {
        return Ok(None);
    }
    match cpu.subspace_replaced(&aste) {
        Ok(asce) => Ok(Some((aste, asce))),
        Err(exit) => unavailable(exit),
    }
}

fn load_address_space_parameters(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    cpu.check_interception(InterceptedInstructions::LOAD_PARAMETERS)?;
    require_asn_translation(cpu)?;
    let (ea, controls) = (d1b1(cpu, o), d2b2(cpu, o).address);
    if ea.address & 7 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let first: u64 = cpu.load(ea.address, ea.ar)?;
    // With reuse each half has an instance number before it.
    let (secondary, primary) = if cpu.reuses_asns() {
        let second = after(cpu, ea, 8);
        (first, cpu.load(second.address, second.ar)?)
    } else {
        (first >> 32, first & 0xFFFF_FFFF)
    };
    let reuse = cpu.reuses_asns();
    let instance = |half: u64| reuse.then_some((half >> 32) as u32);
    let (secondary_asn, primary_asn) = (secondary as u16, primary as u16);
    let force = controls & FORCE_TRANSLATION != 0;

    let mut cr = cpu.cr;
    let mut index = (cr[4] >> 16) as u16;
    let mut primary_instance = (cr[4] >> 32) as u32;
    if force || primary_asn != cr[4] as u16 {
        let Some((aste, table)) = translated(cpu, primary_asn, instance(primary))? else { return conclude(cpu, 1) };
        if (cr[1] | aste.asce()) & asce::SPACE_SWITCH_EVENT != 0 {
            return conclude(cpu, 3);
        }
        cr[1] = table;
        cr[5] = cr[5] & !0xFFFF_FFFF | aste.origin & ASTE_ORIGIN;
        index = aste.authorization_index();
        primary_instance = aste.instance();
    }
    if controls & GIVEN_INDEX != 0 {
        index = (primary >> 16) as u16;
    }
    let mut secondary_instance = (cr[3] >> 32) as u32;
    let skip = controls & SKIP_AUTHORIZATION != 0;
    if secondary_asn == primary_asn {
        cr[7] = cr[1];
        secondary_instance = primary_instance;
    } else if force || !skip || secondary_asn != cr[3] as u16 {
        let Some((aste, table)) = translated(cpu, secondary_asn, instance(secondary))? else { return conclude(cpu, 2) };
        if !skip && !cpu.is_authorized(&aste, index, Authority::Secondary)? {
            return conclude(cpu, 2);
        }
        cr[7] = table;
        secondary_instance = aste.instance();
    }
    cr[3] = cr[3] & !0xFFFF_FFFF | secondary & 0xFFFF_FFFF;
    cr[4] = cr[4] & !0xFFFF_FFFF | u64::from(index) << 16 | u64::from(primary_asn);
    if reuse {
        cr[3] = cr[3] & 0xFFFF_FFFF | u64::from(secondary_instance) << 32;
        cr[4] = cr[4] & 0xFFFF_FFFF | u64::from(primary_instance) << 32;
    }
    cpu.cr = cr;
    cpu.select_spaces();
    cpu.cc = 0;
    Err(Exit::Synchronize)
}

fn conclude(cpu: &mut Cpu, cc: u8) -> Result<(), Exit> {
    cpu.cc = cc;
    Ok(())
}

fn extract_and_set_extended_authority(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let operand: u32 = cpu.gr(o.r1());
    let old = cpu.cr[8] as u32 & 0xFFFF_0000;
    cpu.cr[8] = cpu.cr[8] & !0xFFFF_0000 | u64::from(operand & 0xFFFF) << 16;
    cpu.set_gr(o.r1(), old | operand & 0xFFFF);
    Err(Exit::Synchronize)
}
