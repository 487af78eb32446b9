//! TRACE: explicit entries of registers in the trace table.
//! Source: Principles of Operation, chapter 10: TRACE (TRACE, TRACG); chapter 4, Tracing, explicit-trace entries.

use softsie_cpu::{Cpu, Cr0, Exit, TraceEntry};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2b2;

semantics! {
    simple {}
    heavy { TRACE => trace[false], TRACG => trace[true] }
}

const STORE_CLOCK_FAST: u16 = 25;

fn trace<const LONG: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = d2b2(cpu, o);
    if ea.address & 3 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    if !cpu.traces_explicitly() {
        return Ok(());
    }
    let mut operand: u32 = cpu.load(ea.address, ea.ar)?;
    if operand & 0x8000_0000 != 0 {
        return Ok(());
    }
    if cpu.cr0().contains(Cr0::TRACE_CLOCK) && cpu.model.facilities.has(STORE_CLOCK_FAST) {
        // The clock need not be unique, and bits 8-15 tell the model's value that goes with it. It is unique here.
        operand &= !0x00FF_0000;
    }
    let last = o.r3().wrapping_sub(o.r1()) & 15;
    let tod = cpu.unique_tod() as u64;
    let entry = TraceEntry::new();
    // Bits 16-63 of the clock, or bits 0-79, of which those past 63 are zero.
    let mut entry = if LONG {
        entry.with(&[0x70 | last, 0x80]).with(&tod.to_be_bytes()).with(&[0, 0])
    } else {
        entry.with(&[0x70 | last, 0]).with(&tod.to_be_bytes()[2..])
    };
    entry = entry.with(&operand.to_be_bytes());
    for n in 0..=last {
        let v = cpu.gr[usize::from((o.r1() + n) & 15)];
        entry = if LONG { entry.with(&v.to_be_bytes()) } else { entry.with(&(v as u32).to_be_bytes()) };
    }
    cpu.cr[12] = cpu.trace(cpu.cr[12], &entry)?;
    Err(Exit::Synchronize)
}
