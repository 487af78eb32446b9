//! TRAP: to a trap program of the dispatchable unit, with the state saved for it.
//! Source: Principles of Operation, chapter 10: TRAP; chapter 5, Dispatchable-Unit Control Table, Trap Control Block and Trap
//! Save Area.

use softsie_cpu::{ASTE_ORIGIN, Access, AddressSpace, AddressSpaceControl, Cpu, Exit, Psw, PswMask};
use softsie_isa::Operands;

use super::addressing_mode::mode;
use super::authority::{SPECIAL_OPERATION, require_primary_or_ar_mode};
use super::space_switch::{complete, next_psw, set_mode};
use super::trace_entries::trace_branch;
use crate::machine::Machine;
use crate::operand::d2b2;

semantics! {
    simple {}
    heavy { TRAP2 => trap[false], TRAP4 => trap[true] }
}

/// Bits of the trap control block's first word: the PSW is saved whole, the registers are.
const WHOLE_PSW: u32 = 0x4_0000;
const WHOLE_REGISTERS: u32 = 0x2_0000;
/// Bits of the trap flags.
const EXECUTED: u32 = 0x8000_0000;
const IS_TRAP4: u32 = 0x4000_0000;

fn trap<const OPERAND: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_primary_or_ar_mode(cpu)?;
    let word = cpu.real_word((cpu.cr[2] & ASTE_ORIGIN) + 44)?;
    if word & 1 == 0 {
        return Err(SPECIAL_OPERATION);
    }
    let operand = if OPERAND { d2b2(cpu, o).address as u32 } else { 0 };
    let block = u64::from(word & 0x7FFF_FFF8);
    let control = home_word(cpu, block)?;
    let area = u64::from(home_word(cpu, block + 12)? & 0x7FFF_FFF8);
    let program = home_word(cpu, block + 20)? & 0x7FFF_FFFF;
    if control & WHOLE_PSW == 0 && mode(cpu) == 64 {
        return Err(SPECIAL_OPERATION);
    }
    let own = next_psw(cpu, o);
    let executed = if cpu.execute.is_some() { EXECUTED } else { 0 };
    let kind = if OPERAND { IS_TRAP4 } else { 0 };
    let flags = executed | kind | u32::from(cpu.interruption_length(o)) << 16;

    let mut bytes = [0; 160];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &flags.to_be_bytes());
    put(8, &operand.to_be_bytes());
    put(12, &cpu.ar[15].to_be_bytes());
    if control & WHOLE_PSW != 0 {
        put(16, &own.mask.to_be_bytes());
        put(24, &own.address.to_be_bytes());
    } else {
        let short = own.mask & 0xFFFF_FFFF_8000_0000 | PswMask::SHORT.bits() | own.address & 0x7FFF_FFFF;
        put(16, &short.to_be_bytes());
    }
    let whole = control & WHOLE_REGISTERS != 0;
    for (n, v) in cpu.gr.iter().enumerate() {
        if whole { put(32 + n * 8, &v.to_be_bytes()) } else { put(32 + n * 4, &(*v as u32).to_be_bytes()) }
    }
    let saved = &bytes[..if whole { 160 } else { 96 }];

    let mut psw = Psw { address: u64::from(program), ..own };
    set_mode(&mut psw, 31);
    psw.set_address_space(AddressSpaceControl::Primary);
    let traced = trace_branch(cpu, &psw)?;
    store_home(cpu, area, saved)?;
    let v = word & 0x7FFF_FFF8;
    if mode(cpu) == 64 {
        cpu.set_gr(15, u64::from(v))
    } else {
        cpu.set_gr(15, v)
    }
    cpu.cr[12] = traced;
    Err(complete(cpu, o, psw, None))
}

/// A word in the home space.
fn home_word(cpu: &mut Cpu, address: u64) -> Result<u32, Exit> {
    let host = cpu.host(AddressSpace::Home, address & 0x7FFF_FFFF, Access::Fetch)?;
    let mut bytes = [0; 4];
    // SAFETY: a word on an integral boundary lies in one page, to whose end `host` is good.
    unsafe { std::ptr::copy_nonoverlapping(host.as_ptr(), bytes.as_mut_ptr(), 4) };
    Ok(u32::from_be_bytes(bytes))
}

/// Stores into the home space by 31-bit addresses, all or nothing. The area is at most two pages.
fn store_home(cpu: &mut Cpu, address: u64, bytes: &[u8]) -> Result<(), Exit> {
    for n in [0, 1] {
        let last = address + n * (bytes.len() as u64).saturating_sub(1);
        cpu.host(AddressSpace::Home, last & 0x7FFF_FFFF, Access::Store)?;
    }
    // Everything in the area is on a boundary of four.
    for (n, word) in bytes.chunks_exact(4).enumerate() {
        let host = cpu.host(AddressSpace::Home, (address + n as u64 * 4) & 0x7FFF_FFFF, Access::Store)?;
        // SAFETY: as in `home_word`.
        unsafe { std::ptr::copy_nonoverlapping(word.as_ptr(), host.as_ptr(), 4) };
    }
    cpu.stored(AddressSpace::Home, address, bytes.len() as u64);
    Ok(())
}
