//! The linkage stack: BRANCH AND STACK, PROGRAM RETURN, and looking at the current state entry.
//! Source: Principles of Operation, chapter 10: BRANCH AND STACK, EXTRACT STACKED REGISTERS, EXTRACT STACKED STATE, MODIFY
//! STACKED STATE, PROGRAM RETURN.

use softsie_cpu::{
    AddressSpaceControl, Authority, Cpu, Exit, InterceptedInstructions, ProgramCode, Psw, PswMask, StackedState,
    StateKind, TraceEntry,
};
use softsie_isa::Operands;

use super::addressing_mode::mode;
use super::authority::{SPECIAL_OPERATION, require_asn_translation, require_dat, require_primary_or_ar_mode};
use super::space_switch::{OldPrimary, complete, linked, next_psw, set_mode, set_primary, set_secondary_to_primary};
use super::trace_entries::{trace_branch, trace_mode, traced_address};
use crate::machine::Machine;

semantics! {
    simple {}
    heavy {
        BAKR => branch_and_stack, PR => program_return,
        EREG => extract_registers[false], EREGG => extract_registers[true],
        ESTA => extract_state, MSTA => modify_state,
    }
}

fn branch_and_stack(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.check_interception(InterceptedInstructions::STACK)?;
    require_primary_or_ar_mode(cpu)?;
    let mut saved = next_psw(cpu, o);
    let next = saved.address;
    if o.r1() != 0 {
        let v: u64 = cpu.gr(o.r1());
        let bits = match v {
            v if v & 1 != 0 => 64,
            v if v & 0x8000_0000 != 0 => 31,
            _ => 24,
        };
        set_mode(&mut saved, bits);
        saved.address = v & !1 & saved.address_mask();
    }
    let target = if o.r2() == 0 { next } else { cpu.wrap(cpu.gr[usize::from(o.r2())]) };
    let called = if mode(cpu) == 64 { target | 1 } else { linked(cpu, target) };
    let traced = match o.r2() {
        0 => cpu.cr[12],
        _ => trace_branch(cpu, &Psw { address: target, ..cpu.current_psw() })?,
    };
    cpu.stack_state(StateKind::Branch, saved, called)?;
    cpu.cr[12] = traced;
    cpu.branch_if(o.r2() != 0, target)
}

/// The instructions that leave the stack as it is may be executed in all modes but one.
fn require_mode(cpu: &Cpu) -> Result<(), Exit> {
    require_dat(cpu)?;
    if cpu.psw.address_space() == AddressSpaceControl::Secondary { Err(SPECIAL_OPERATION) } else { Ok(()) }
}

fn doubleword(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().fold(0, |v, b| v << 8 | u64::from(*b))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |v, b| v << 8 | u32::from(*b))
}

fn stacked_doubleword(cpu: &mut Cpu, state: &StackedState, at: u64) -> Result<u64, Exit> {
    let mut bytes = [0; 8];
    cpu.read_stack(state.address.wrapping_add(at), &mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

fn extract_registers<const LONG: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_mode(cpu)?;
    let state = cpu.current_state(false)?;
    let (mut gr, mut ar) = (cpu.gr, cpu.ar);
    for n in 0..=(o.r2().wrapping_sub(o.r1()) & 15) {
        let r = usize::from((o.r1() + n) & 15);
        let v = stacked_doubleword(cpu, &state, r as u64 * 8)?;
        gr[r] = if LONG { v } else { gr[r] & !0xFFFF_FFFF | v & 0xFFFF_FFFF };
        let mut bytes = [0; 4];
        cpu.read_stack(state.address.wrapping_add(224 + r as u64 * 4), &mut bytes)?;
        ar[r] = u32::from_be_bytes(bytes);
    }
    (cpu.gr, cpu.ar) = (gr, ar);
    Ok(())
}

fn extract_state(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_mode(cpu)?;
    let code = cpu.gr::<u8>(o.r2());
    let codes = if cpu.model.facilities.has(6) { 5 } else { 4 };
    if o.r1() & 1 != 0 || code > codes {
        return Err(Exit::SPECIFICATION);
    }
    let state = cpu.current_state(false)?;
    let (even, odd) = (o.r1(), o.r1() + 1);
    match code {
        1 | 4 => {
            let mask = stacked_doubleword(cpu, &state, 136)?;
            let address = stacked_doubleword(cpu, &state, 168)?;
            if code == 4 {
                cpu.set_gr(even, mask);
                cpu.set_gr(odd, address);
            } else {
                // The short format, of which the last bit says that the address does not fit.
                let long = u32::from(address >> 31 != 0);
                cpu.set_gr(even, ((mask | PswMask::SHORT.bits()) >> 32) as u32);
                cpu.set_gr(odd, mask as u32 & 0x8000_0000 | address as u32 & 0x7FFF_FFFF | long);
            }
        }
        5 => {
            let instances = stacked_doubleword(cpu, &state, 176)?;
            cpu.set_gr_high(even, (instances >> 32) as u32);
            cpu.set_gr_high(odd, instances as u32);
        }
        _ => {
            let at = [128, 0, 144, 152][usize::from(code & 3)];
            let v = stacked_doubleword(cpu, &state, at)?;
            cpu.set_gr(even, (v >> 32) as u32);
            cpu.set_gr(odd, v as u32);
        }
    }
    cpu.cc = u8::from(state.kind == StateKind::ProgramCall);
    Ok(())
}

fn modify_state(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_mode(cpu)?;
    if o.r1() & 1 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let state = cpu.current_state(false)?;
    let (left, right): (u32, u32) = (cpu.gr(o.r1()), cpu.gr(o.r1() + 1));
    let both = u64::from(left) << 32 | u64::from(right);
    cpu.write_stack(state.address.wrapping_add(152), &both.to_be_bytes())
}

fn program_return(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.check_interception(InterceptedInstructions::PROGRAM_RETURN)?;
    require_primary_or_ar_mode(cpu)?;
    let state = cpu.current_state(true)?;
    let mut entry = [0; 288];
    cpu.read_stack(state.address, &mut entry)?;
    let own = next_psw(cpu, o);
    // The PER mask is not restored.
    let per = PswMask::PER.bits();
    let psw = Psw::new(doubleword(&entry, 136) & !per | own.mask & per, doubleword(&entry, 168));
    cpu.probe_stack(state.preceding().wrapping_add(4), 2)?;
    let mut traced = cpu.cr[12];
    let old = OldPrimary::of(cpu);
    let before = cpu.cr;
    let mut switched = false;
    if state.kind == StateKind::ProgramCall {
        if cpu.traces_asns() {
            traced = cpu.trace(traced, &return_entry(&own, &psw, doubleword(&entry, 128) as u16))?;
        } else {
            traced = trace_mode(cpu, traced, &own, &psw)?;
        }
        match restore_spaces(cpu, &entry) {
            Ok(changed) => switched = changed,
            Err(exit) => {
                cpu.cr = before;
                return Err(exit);
            }
        }
    } else {
        traced = trace_mode(cpu, traced, &own, &psw)?;
    }
    // The entry before has no next entry any more.
    if let Err(exit) = cpu.write_stack(state.preceding().wrapping_add(4), &[0, 0]) {
        cpu.cr = before;
        return Err(exit);
    }
    for r in 2..15 {
        cpu.gr[r] = doubleword(&entry, r * 8);
        cpu.ar[r] = word(&entry, 224 + r * 4);
    }
    cpu.cr[12] = traced;
    cpu.cr[15] = state.preceding();
    Err(complete(cpu, o, psw, switched.then_some(old)))
}

/// Restores the address spaces, key mask and indexes from a state entry of PROGRAM CALL. True when the primary space is
/// another than before. On an error the control registers are to be restored.
fn restore_spaces(cpu: &mut Cpu, entry: &[u8]) -> Result<bool, Exit> {
    let [mask_and_secondary, index_and_primary] = [word(entry, 128), word(entry, 132)];
    let (primary, secondary) = (index_and_primary as u16, mask_and_secondary as u16);
    let instances = cpu.reuses_asns();
    let switched = primary != cpu.cr[4] as u16;
    if switched {
        require_asn_translation(cpu)?;
        let aste = cpu.translate_asn(primary)?;
        if instances && aste.instance() != word(entry, 180) {
            cpu.program.exception_access_id = 0x20;
            return Err(Exit::Program(ProgramCode::ASTE_INSTANCE));
        }
        let asce = cpu.subspace_replaced(&aste)?;
        set_primary(cpu, &aste, asce, primary, instances);
    } else if instances {
        cpu.cr[4] = cpu.cr[4] & 0xFFFF_FFFF | u64::from(word(entry, 180)) << 32;
    }
    cpu.cr[8] = cpu.cr[8] & !0xFFFF_0000 | u64::from(index_and_primary & 0xFFFF_0000);
    cpu.cr[3] = cpu.cr[3] & !0xFFFF_FFFF | u64::from(mask_and_secondary);
    if secondary == primary {
        set_secondary_to_primary(cpu, false);
    } else {
        require_asn_translation(cpu)?;
        let aste = cpu.translate_asn(secondary)?;
        if instances && aste.instance() != word(entry, 176) {
            cpu.program.exception_access_id = 0x10;
            return Err(Exit::Program(ProgramCode::ASTE_INSTANCE));
        }
        let index = (cpu.cr[4] >> 16) as u16;
        if !cpu.is_authorized(&aste, index, Authority::Secondary)? {
            return Err(cpu.asn_exception(ProgramCode::SECONDARY_AUTHORITY, secondary));
        }
        cpu.cr[7] = cpu.subspace_replaced(&aste)?;
    }
    if instances {
        cpu.cr[3] = cpu.cr[3] & 0xFFFF_FFFF | u64::from(word(entry, 176)) << 32;
    }
    Ok(switched)
}

/// The ASN-trace entry of PROGRAM RETURN: key and address of the program that returns, and where it returns to.
fn return_entry(own: &Psw, new: &Psw, asn: u16) -> TraceEntry {
    let short = |psw: &Psw, low: u64| match psw.has(PswMask::EA) {
        false if psw.has(PswMask::BA) => psw.address | 0x8000_0000 | low,
        _ => psw.address | low,
    };
    let problem = u64::from(new.has(PswMask::PROBLEM));
    let long = |psw: &Psw| psw.has(PswMask::EA) && psw.address >> 32 != 0;
    let (new_long, own_long) = (long(new), long(own));
    let words = 2 + u8::from(new_long) + u8::from(own_long);
    let format = u8::from(new.has(PswMask::EA)) << 3
        | u8::from(new_long) << 2
        | u8::from(own.has(PswMask::EA)) << 1
        | u8::from(own_long);
    let entry = TraceEntry::new().with(&[0x30 | words, own.key() << 4 | format]).with(&asn.to_be_bytes());
    let entry = traced_address(entry, short(new, problem), new_long);
    traced_address(entry, short(own, 0), own_long)
}
