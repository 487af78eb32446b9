//! Addressing modes: setting and testing them, branches that set them, link information that depends on them.
//! Source: Principles of Operation, chapter 7: BRANCH AND LINK, BRANCH AND SAVE AND SET MODE, BRANCH AND SET MODE, SET
//! ADDRESSING MODE, TEST ADDRESSING MODE.

use softsie_cpu::{Cpu, Exit, PswMask};
use softsie_isa::Operands;

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
    let target = in_register(cpu, o.r2()).address;
    set_link_information(cpu, o);
    cpu.branch_if(o.r2() != 0, target)
}

/// Sets the addressing mode and continues at `target`. A branch is a breaking event.
fn go(cpu: &mut Cpu, o: &Operands, bits: u8, target: u64, branch: bool) -> Exit {
    if branch {
        let length = u64::from(cpu.interruption_length(o));
        cpu.breaking_event_address = Cpu::next_sequential(cpu, o).wrapping_sub(length) & cpu.address_mask;
    }
    cpu.psw.set(PswMask::EA, bits == 64);
    cpu.psw.set(PswMask::BA, bits != 24);
    cpu.address_mask = cpu.psw.address_mask();
    cpu.psw.address = target & cpu.address_mask;
    Exit::PswLoaded
}

/// Branches to the address in register contents `v` in the mode that they say.
fn branch_in_mode(cpu: &mut Cpu, o: &Operands, v: u64) -> Exit {
    if v & 1 != 0 {
        go(cpu, o, 64, v & !1, true)
    } else if v & 0x8000_0000 != 0 {
        go(cpu, o, 31, v, true)
    } else {
        go(cpu, o, 24, v, true)
    }
}

fn branch_and_set_mode(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let v = cpu.gr::<u64>(o.r2());
    if o.r1() != 0 {
        match mode(cpu) {
            64 => cpu.gr[usize::from(o.r1())] |= 1,
            31 => cpu.gr[usize::from(o.r1())] |= 0x8000_0000,
            _ => cpu.gr[usize::from(o.r1())] &= !0x8000_0000,
        }
    }
    if o.r2() == 0 { Ok(()) } else { Err(branch_in_mode(cpu, o, v)) }
}

fn branch_and_save_and_set_mode(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let v = cpu.gr::<u64>(o.r2());
    cpu.set_link(o.r1(), o);
    if mode(cpu) == 64 {
        cpu.gr[usize::from(o.r1())] |= 1;
    }
    if o.r2() == 0 { Ok(()) } else { Err(branch_in_mode(cpu, o, v)) }
}

fn set_addressing_mode<const BITS: u8>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let next = Cpu::next_sequential(cpu, o);
    // The instruction itself must be where the new mode can address it.
    let own = next.wrapping_sub(u64::from(cpu.interruption_length(o))) & cpu.address_mask;
    if BITS < 64 && own >> BITS != 0 {
        return Err(Exit::SPECIFICATION);
    }
    Err(go(cpu, o, BITS, next, false))
}

fn test_addressing_mode(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    cpu.cc = match mode(cpu) {
        64 => 3,
        31 => 1,
        _ => 0,
    };
    Ok(())
}
