//! Clock comparator, CPU timer, TOD programmable register. PERFORM TIMING FACILITY FUNCTION is in `timing_facility.rs`.
//! Source: Principles of Operation, chapter 4, Timing; chapter 10: SET CLOCK COMPARATOR, SET CPU TIMER, SET CLOCK
//! PROGRAMMABLE FIELD; chapter 7: EXTRACT CPU TIME.

use softsie_cpu::{Cpu, Exit, InterceptedInstructions as Intercepted};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::{Ea, d1b1, d2b2, in_register};

semantics! {
    simple {}
    heavy {
        SCKC => set_clock_comparator, STCKC => store_clock_comparator, SPT => set_cpu_timer, STPT => store_cpu_timer,
        ECTG => extract_cpu_time, SCKPF => set_programmable_field,
    }
}

fn doubleword(cpu: &mut Cpu, o: &Operands, intercepted: Intercepted) -> Result<Ea<u64>, Exit> {
    cpu.require_supervisor()?;
    cpu.check_interception(intercepted)?;
    let ea = d2b2(cpu, o);
    if ea.address & 7 != 0 { Err(Exit::SPECIFICATION) } else { Ok(ea) }
}

fn set_clock_comparator(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = doubleword(cpu, o, Intercepted::CLOCK_COMPARATOR)?;
    cpu.clock_comparator = cpu.load(ea.address, ea.ar)?;
    cpu.arm_timer();
    Err(Exit::Synchronize)
}

fn store_clock_comparator(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = doubleword(cpu, o, Intercepted::CLOCK_COMPARATOR)?;
    cpu.store(ea.address, ea.ar, cpu.clock_comparator)
}

fn set_cpu_timer(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = doubleword(cpu, o, Intercepted::CPU_TIMER)?;
    let value = cpu.load(ea.address, ea.ar)?;
    cpu.set_cpu_timer(value);
    cpu.arm_timer();
    Err(Exit::Synchronize)
}

fn store_cpu_timer(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = doubleword(cpu, o, Intercepted::CPU_TIMER)?;
    cpu.store(ea.address, ea.ar, cpu.cpu_timer())
}

fn extract_cpu_time(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (first, second, third) = (d1b1(cpu, o), d2b2(cpu, o), in_register(cpu, o.r3()));
    let first: u64 = cpu.load(first.address, first.ar)?;
    let second: u64 = cpu.load(second.address, second.ar)?;
    let third: u64 = cpu.load(third.address, third.ar)?;
    let used = first.wrapping_sub(cpu.cpu_timer());
    cpu.set_gr(0, used);
    cpu.set_gr(1, second);
    cpu.set_gr(o.r3(), third);
    Ok(())
}

fn set_programmable_field(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    cpu.check_interception(Intercepted::TIMING)?;
    let value: u32 = cpu.gr(0);
    if value >> 16 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    cpu.todpr = value;
    Ok(())
}
