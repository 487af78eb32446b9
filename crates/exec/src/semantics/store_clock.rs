//! Storing the TOD clock.
//! Source: Principles of Operation, chapter 7: STORE CLOCK, STORE CLOCK FAST, STORE CLOCK EXTENDED; chapter 4, TOD Clock.

use std::sync::atomic::{Ordering, fence};

use softsie_cpu::{Cpu, Exit, InterceptedInstructions as Intercepted};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2b2;

semantics! {
    simple {}
    heavy {
        STCK => store_clock,
        STCKF => store_clock_fast,
        STCKE => store_clock_extended,
    }
}

/// The clock is looked at after all earlier accesses, and before all later ones, as others see them.
fn store_clock(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.check_interception(Intercepted::STORE_CLOCK)?;
    let ea = d2b2(cpu, o);
    fence(Ordering::SeqCst);
    let tod = cpu.unique_tod() as u64;
    cpu.store(ea.address, ea.ar, tod)?;
    cpu.cc = 0;
    cpu.serialize()
}

fn store_clock_fast(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(cpu, o);
    let tod = cpu.tod();
    cpu.store(ea.address, ea.ar, tod)?;
    cpu.cc = 0;
    Ok(())
}

fn store_clock_extended(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(cpu, o);
    fence(Ordering::SeqCst);
    // Epoch index, 104 bits of clock of which the last 40 are not zero, and the programmable field.
    let value = cpu.unique_tod() << 56 | 1 << 16 | u128::from(cpu.todpr as u16);
    cpu.store(ea.address, ea.ar, value)?;
    cpu.cc = 0;
    cpu.serialize()
}
