//! Addressing modes: setting and testing them, branches that set them, link information that depends on them.
//! Source: Principles of Operation, chapter 7: BRANCH AND LINK, BRANCH AND SAVE AND SET MODE, BRANCH AND SET MODE, SET
//! ADDRESSING MODE, TEST ADDRESSING MODE.

use softsie_cpu::{Cpu, Exit, Psw, PswMask};
use softsie_isa::Operands;

use super::space_switch::{next_psw, set_mode};
use super::trace_entries::{trace_mode, trace_register_branch, trace_switching_branch};
use crate::machine::Machine;
use crate::operand::{d2x2b2, in_register};

semantics! {
    simple {}
    heavy {
        BAL => branch_and_link, BALR => branch_and_link_register,
        BSM => branch_and_set_mode, BASSM => branch_and_save_and_set_mode,
        SAM24 => set_addressing_mode[24], SAM31 => set_addressing_mode[31], SAM64 => set_addressing_mode[64],
        TAM => test_addressing_mode,
    }
}

/// Width of addresses: 24, 31 or 64 bits.
pub(super) fn mode(cpu: &Cpu) -> u8 {
    match (cpu.psw.has(PswMask::EA), cpu.psw.has(PswMask::BA)) {
        (true, _) => 64,
        (false, true) => 31,
        (false, false) => 24,
    }
}

/// Puts the link information of BRANCH AND LINK into R1: in 24-bit mode with ILC, CC and program mask.
fn set_link_information(cpu: &mut Cpu, o: &Operands) {
    if mode(cpu) != 24 {
        return cpu.set_link(o.r1(), o);
    }
    let ilc = u32::from(cpu.interruption_length(o) / 2);
    let left = ilc << 30 | u32::from(cpu.cc) << 28 | u32::from(cpu.psw.program_mask()) << 24;
    let next = Cpu::next_sequential(cpu, o) as u32;
    cpu.set_gr(o.r1(), left | next);
}

fn branch_and_link(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let target = d2x2b2(cpu, o).address;
    set_link_information(cpu, o);
    cpu.branch_if(true, target)
}

fn branch_and_link_register(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    trace_register_branch(cpu, o)?;
    let target = in_register(cpu, o.r2()).address;
    set_link_information(cpu, o);
    cpu.branch_if(o.r2() != 0, target)
}

/// Sets the addressing mode and the address of `new`. A branch is a breaking event.
fn go(cpu: &mut Cpu, o: &Operands, new: Psw, branch: bool) -> Exit {
    if branch {
        cpu.per_branched(new.address);
        let length = u64::from(cpu.interruption_length(o));
        cpu.breaking_event_address = Cpu::next_sequential(cpu, o).wrapping_sub(length) & cpu.address_mask;
    }
    cpu.psw = new;
    cpu.address_mask = new.address_mask();
    Exit::PswLoaded
}

/// The PSW that a branch to the address in register contents `v` in the mode that they say gives.
fn branched_in_mode(cpu: &Cpu, v: u64) -> Psw {
    let (bits, target) = match v {
        v if v & 1 != 0 => (64, v & !1),
        v if v & 0x8000_0000 != 0 => (31, v),
        _ => (24, v),
    };
    in_mode(cpu, bits, target)
}

fn in_mode(cpu: &Cpu, bits: u8, address: u64) -> Psw {
    let mut psw = cpu.psw;
    set_mode(&mut psw, bits);
    psw.address = address & psw.address_mask();
    psw
}

fn branch_and_set_mode(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let new = branched_in_mode(cpu, cpu.gr[usize::from(o.r2())]);
    if o.r2() != 0 {
        cpu.cr[12] = trace_mode(cpu, cpu.cr[12], &next_psw(cpu, o), &new)?;
    }
    if o.r1() != 0 {
        match mode(cpu) {
            64 => cpu.gr[usize::from(o.r1())] |= 1,
            31 => cpu.gr[usize::from(o.r1())] |= 0x8000_0000,
            _ => cpu.gr[usize::from(o.r1())] &= !0x8000_0000,
        }
    }
    if o.r2() == 0 { Ok(()) } else { Err(go(cpu, o, new, true)) }
}

fn branch_and_save_and_set_mode(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let new = branched_in_mode(cpu, cpu.gr[usize::from(o.r2())]);
    if o.r2() != 0 {
        cpu.cr[12] = trace_switching_branch(cpu, &next_psw(cpu, o), &new)?;
    }
    cpu.set_link(o.r1(), o);
    if mode(cpu) == 64 {
        cpu.gr[usize::from(o.r1())] |= 1;
    }
    if o.r2() == 0 { Ok(()) } else { Err(go(cpu, o, new, true)) }
}

fn set_addressing_mode<const BITS: u8>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let own = next_psw(cpu, o);
    // The instruction itself must be where the new mode can address it.
    let at = own.address.wrapping_sub(u64::from(cpu.interruption_length(o))) & cpu.address_mask;
    if BITS < 64 && at >> BITS != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let new = in_mode(cpu, BITS, own.address);
    cpu.cr[12] = trace_mode(cpu, cpu.cr[12], &own, &new)?;
    Err(go(cpu, o, new, false))
}

fn test_addressing_mode(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    cpu.cc = match mode(cpu) {
        64 => 3,
        31 => 1,
        _ => 0,
    };
    Ok(())
}
