//! Instructions that load, change or extract the PSW, and SUPERVISOR CALL.
//! Source: Principles of Operation, chapter 10: LOAD PSW, LOAD PSW EXTENDED, SET SYSTEM MASK, STORE THEN AND SYSTEM MASK,
//! LOAD BEAR, …; chapter 7: SUPERVISOR CALL, EXTRACT PSW.

use softsie_cpu::{Cpu, Cr0, Exit, InterceptedInstructions as Intercepted, Psw, PswMask};
use softsie_isa::Operands;

use super::authority::{SPECIAL_OPERATION, require_possible_key};
use crate::machine::Machine;
use crate::operand::{Ea, d1b1, d2b2};

semantics! {
    simple {}
    heavy {
        LPSW => load_psw, LPSWE => load_psw_extended, LPSWEY => load_psw_extended_long, SVC => supervisor_call,
        SSM => set_system_mask, STNSM => store_then_and_system_mask, STOSM => store_then_or_system_mask, EPSW => extract_psw,
        LBEAR => load_bear, STBEAR => store_bear,
    }
}

/// Privilege, the host's interest, and the operand's boundary.
fn check_load(cpu: &mut Cpu, ea: Ea<u64>) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    if cpu.interceptions.load_psw {
        return Err(Exit::Intercept);
    }
    if ea.address & 7 != 0 { Err(Exit::SPECIFICATION) } else { Ok(()) }
}

/// The instruction is a breaking event, as LOAD PSW and LOAD PSW EXTENDED are.
pub(super) fn break_here(cpu: &mut Cpu, o: &Operands) {
    cpu.breaking_event_address = match cpu.execute {
        None => cpu.relative_base(o),
        Some(e) => e.next.wrapping_sub(u64::from(e.length)),
    };
}

fn load_psw(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d1b1(cpu, o);
    check_load(cpu, ea)?;
    let short: u64 = cpu.load(ea.address, ea.ar)?;
    let psw = Psw::from_short(short);
    require_possible_key(cpu, psw.key())?;
    break_here(cpu, o);
    cpu.set_psw(psw);
    Err(Exit::PswLoaded)
}

fn load_psw_from(cpu: &mut Cpu, ea: Ea<u64>) -> Result<(), Exit> {
    check_load(cpu, ea)?;
    let both: u128 = cpu.load(ea.address, ea.ar)?;
    let psw = Psw::new((both >> 64) as u64, both as u64);
    require_possible_key(cpu, psw.key())?;
    cpu.set_psw(psw);
    Err(Exit::PswLoaded)
}

fn load_psw_extended(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(cpu, o);
    let result = load_psw_from(cpu, ea);
    if result == Err(Exit::PswLoaded) {
        break_here(cpu, o);
    }
    result
}

/// Not a breaking event: the register has been loaded before.
fn load_psw_extended_long(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d1b1(cpu, o);
    load_psw_from(cpu, ea)
}

fn supervisor_call(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    if cpu.interceptions.intercepts_call(o.i2() as u8) {
        return Err(Exit::Intercept);
    }
    let ilc = cpu.interruption_length(o);
    cpu.psw.address = Cpu::next_sequential(cpu, o);
    cpu.supervisor_call_interruption(o.i2() as u8, ilc)?;
    Err(Exit::PswLoaded)
}

/// Replaces bits 0-7 of the PSW. A value that is not valid is loaded all the same and found at once.
fn replace_system_mask(cpu: &mut Cpu, mask: u8) -> Result<(), Exit> {
    const INTERRUPTIONS: PswMask = PswMask::IO.union(PswMask::EXTERNAL);
    let whole = cpu.psw.mask & (u64::MAX >> 8) | u64::from(mask) << 56;
    // Kernels do this all the time for interruptions alone: nobody needs to look up unless one waits for it.
    if (whole ^ cpu.psw.mask) & !INTERRUPTIONS.bits() == 0 {
        let timer = cpu.timer_due && whole & PswMask::EXTERNAL.bits() != 0;
        let looks_up = timer || whole & cpu.interceptions.when_enabled != 0 || cpu.attention().pending() != 0;
        cpu.psw.mask = whole;
        return if looks_up { Err(Exit::Synchronize) } else { Ok(()) };
    }
    let mut psw = cpu.current_psw();
    psw.mask = psw.mask & (u64::MAX >> 8) | u64::from(mask) << 56;
    let valid = Psw::new(psw.mask, 0).is_valid();
    cpu.set_psw(psw);
    Err(if valid { Exit::Synchronize } else { Exit::SPECIFICATION })
}

fn set_system_mask(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    cpu.check_interception(Intercepted::SET_SYSTEM_MASK)?;
    if cpu.cr0().contains(Cr0::SSM_SUPPRESSION) {
        return Err(SPECIAL_OPERATION);
    }
    let ea = d1b1(cpu, o);
    let mask: u8 = cpu.load(ea.address, ea.ar)?;
    replace_system_mask(cpu, mask)
}

fn store_then_and_system_mask(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mask = store_system_mask(cpu, o, Intercepted::AND_SYSTEM_MASK)?;
    replace_system_mask(cpu, mask & o.i2() as u8)
}

fn store_then_or_system_mask(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mask = store_system_mask(cpu, o, Intercepted::OR_SYSTEM_MASK)?;
    replace_system_mask(cpu, mask | o.i2() as u8)
}

fn store_system_mask(cpu: &mut Cpu, o: &Operands, intercepted: Intercepted) -> Result<u8, Exit> {
    cpu.require_supervisor()?;
    cpu.check_interception(intercepted)?;
    let ea = d1b1(cpu, o);
    let mask = (cpu.psw.mask >> 56) as u8;
    cpu.store(ea.address, ea.ar, mask)?;
    Ok(mask)
}

fn extract_psw(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mask = cpu.current_psw().mask;
    cpu.set_gr(o.r1(), (mask >> 32) as u32);
    if o.r2() != 0 {
        cpu.set_gr(o.r2(), mask as u32);
    }
    Ok(())
}

fn load_bear(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = d2b2(cpu, o);
    if ea.address & 7 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    cpu.breaking_event_address = cpu.load(ea.address, ea.ar)?;
    Ok(())
}

fn store_bear(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = d2b2(cpu, o);
    if ea.address & 7 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    cpu.store(ea.address, ea.ar, cpu.breaking_event_address)
}
