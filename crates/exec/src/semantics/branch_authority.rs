//! Branches within a dispatchable unit: to reduced authority and back, and between the spaces of a subspace group.
//! Source: Principles of Operation, chapter 10: BRANCH AND SET AUTHORITY, BRANCH IN SUBSPACE GROUP; chapter 5,
//! Dispatchable-Unit Control Table.

use softsie_cpu::{
    ASTE_ORIGIN, AccessRegisterFault, Cpu, Exit, InterceptedInstructions, Psw, PswMask, TraceEntry, asce,
};
use softsie_isa::Operands;

use super::addressing_mode::mode;
use super::authority::{SPECIAL_OPERATION, require_dat, require_key_authority};
use super::space_switch::{branched, complete, linked, set_mode, set_secondary_to_primary};
use super::trace_entries::trace_branch;
use crate::machine::Machine;

semantics! {
    simple {}
    heavy { BSA => branch_and_set_authority, BSG => branch_in_subspace_group }
}

/// Where the dispatchable-unit control table is, into which the instruction stores.
fn control_table(cpu: &mut Cpu) -> Result<u64, Exit> {
    let table = cpu.cr[2] & ASTE_ORIGIN;
    cpu.check_low_address_word(table)?;
    Ok(table)
}

/// Bytes of the control table: saved key mask, key, state; return address.
const AUTHORITY: u64 = 20;
const RETURN_ADDRESS: u64 = 32;
/// Bits of the saved authority: the unit has reduced authority; it was in the problem state.
const REDUCED: u32 = 8;
const PROBLEM: u32 = 1;

fn branch_and_set_authority(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.check_interception(InterceptedInstructions::SET_AUTHORITY)?;
    let table = control_table(cpu)?;
    let authority = cpu.real_word(table + AUTHORITY)?;
    if authority & REDUCED == 0 { reduce(cpu, o, table) } else { restore(cpu, o, table, authority) }
}

fn reduce(cpu: &mut Cpu, o: &Operands, table: u64) -> Result<(), Exit> {
    if o.r2() == 0 {
        return Err(SPECIAL_OPERATION);
    }
    let (operand, target): (u32, u64) = (cpu.gr(o.r1()), cpu.gr(o.r2()));
    let key = (operand >> 4) as u8 & 15;
    let mut psw = branched(cpu, target);
    let traced = trace_branch(cpu, &psw)?;
    require_key_authority(cpu, key)?;
    let problem = if cpu.psw.has(PswMask::PROBLEM) { PROBLEM } else { 0 };
    let saved = cpu.cr[3] as u32 & 0xFFFF_0000 | u32::from(cpu.psw.key()) << 4 | REDUCED | problem;
    let back = linked(cpu, Cpu::next_sequential(cpu, o));
    cpu.store_real(table + AUTHORITY, saved)?;
    cpu.store_real(table + RETURN_ADDRESS, back)?;
    psw.set_key(key);
    psw.set(PswMask::PROBLEM, true);
    cpu.cr[3] &= u64::from(operand & 0xFFFF_0000) | !0xFFFF_0000;
    cpu.cr[12] = traced;
    Err(complete(cpu, o, psw, None))
}

fn restore(cpu: &mut Cpu, o: &Operands, table: u64, authority: u32) -> Result<(), Exit> {
    if o.r2() != 0 {
        return Err(SPECIAL_OPERATION);
    }
    let right = cpu.real_word(table + RETURN_ADDRESS + 4)?;
    let back = u64::from(cpu.real_word(table + RETURN_ADDRESS)?) << 32 | u64::from(right);
    let mut psw = cpu.current_psw();
    if mode(cpu) == 64 {
        psw.address = back;
    } else {
        set_mode(&mut psw, if right & 0x8000_0000 != 0 { 31 } else { 24 });
        psw.address = back & 0x7FFF_FFFF;
    }
    psw.set_key((authority >> 4) as u8 & 15);
    psw.set(PswMask::PROBLEM, authority & PROBLEM != 0);
    let traced = trace_branch(cpu, &psw)?;
    cpu.store_real(table + AUTHORITY, authority & !REDUCED)?;
    if o.r1() != 0 {
        let link = linked(cpu, Cpu::next_sequential(cpu, o));
        cpu.set_gr_address(o.r1(), link);
    }
    cpu.cr[3] = cpu.cr[3] & !0xFFFF_0000 | u64::from(authority & 0xFFFF_0000);
    cpu.cr[12] = traced;
    Err(complete(cpu, o, psw, None))
}

/// Subspace-active bit of the control table's word 1.
const ACTIVE: u32 = 0x8000_0000;

fn branch_in_subspace_group(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_dat(cpu)?;
    let target: u64 = cpu.gr(o.r2());
    let alet = if o.r2() == 0 { 0 } else { cpu.ar[usize::from(o.r2())] };
    let psw = branched(cpu, target);
    let traced =
        if cpu.traces_asns() { cpu.trace(cpu.cr[12], &subspace_entry(&psw, alet))? } else { trace_branch(cpu, &psw)? };
    let table = control_table(cpu)?;
    let base = u64::from(cpu.real_word(table)?) & ASTE_ORIGIN;
    let active = cpu.real_word(table + 4)?;
    if cpu.cr[5] & ASTE_ORIGIN != base {
        return Err(SPECIAL_OPERATION);
    }
    cpu.program.exception_access_id = o.r2();
    let (aste, to_base) = match alet {
        0 => (cpu.aste(base)?, true),
        1 => {
            if u64::from(active) & ASTE_ORIGIN == 0 {
                return Err(SPECIAL_OPERATION);
            }
            (cpu.subspace(active, table)?, false)
        }
        _ => {
            let (_, aste) = cpu.locate_aste(alet).map_err(|fault| match fault {
                AccessRegisterFault::Code(code) => Exit::Program(code),
                AccessRegisterFault::FetchOnly => SPECIAL_OPERATION,
            })?;
            let to_base = aste.origin == base;
            // A base space of another group, or no member of a group.
            if !to_base && (aste.asce() & asce::SUBSPACE_GROUP == 0 || aste.is_base()) {
                return Err(SPECIAL_OPERATION);
            }
            (aste, to_base)
        }
    };
    match alet {
        _ if to_base => cpu.store_real(table + 4, active & !ACTIVE)?,
        1 => cpu.store_real(table + 4, active | ACTIVE)?,
        _ => {
            cpu.store_real(table + 12, aste.sequence())?;
            cpu.store_real(table + 4, aste.origin as u32 | ACTIVE)?;
        }
    }
    cpu.cr[1] = if to_base { aste.asce() } else { Cpu::as_subspace(cpu.cr[1], &aste) };
    let instances = cpu.reuses_asns();
    set_secondary_to_primary(cpu, instances);
    if o.r1() != 0 {
        let link = linked(cpu, Cpu::next_sequential(cpu, o));
        cpu.set_gr_address(o.r1(), link);
    }
    cpu.program.exception_access_id = 0;
    cpu.cr[12] = traced;
    Err(complete(cpu, o, psw, None))
}

/// The ASN-trace entry of BRANCH IN SUBSPACE GROUP: the ALET, of which the leftmost bits are left out, and the address.
fn subspace_entry(psw: &Psw, alet: u32) -> TraceEntry {
    let entry = TraceEntry::new();
    if psw.has(PswMask::EA) {
        return entry.with(&(0x4200_0000 | alet & 0xFF_FFFF).to_be_bytes()).with(&psw.address.to_be_bytes());
    }
    let mode = if psw.has(PswMask::BA) { 0x8000_0000 } else { 0 };
    // The bit for the primary-space access list takes the place of the sequence number's first.
    let short = 0x4100_0000 | (alet >> 1) & 0x80_0000 | alet & 0x7F_FFFF;
    entry.with(&short.to_be_bytes()).with(&(psw.address as u32 | mode).to_be_bytes())
}
