//! EXECUTE and EXECUTE RELATIVE LONG.
//! Source: Principles of Operation, chapter 7: EXECUTE; chapter 5, Instruction fetch of EXECUTE targets.

use softsie_cpu::{Cpu, Execute, Exit, ProgramCode};
use softsie_isa::{Op, Operands};

use super::trace_entries::use_traced_semantics;
use crate::machine::Machine;
use crate::operand::d2x2b2;

semantics! {
    simple {}
    heavy { EX => execute, EXRL => execute_relative_long }
}

fn execute(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let target = d2x2b2(cpu, o).address;
    execute_at(cpu, o, target)
}

fn execute_relative_long(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let target = cpu.relative_address(o);
    execute_at(cpu, o, target)
}

fn execute_at(cpu: &mut Cpu, o: &Operands, target: u64) -> Result<(), Exit> {
    if cpu.execute.is_some() {
        return Err(Exit::Program(ProgramCode::EXECUTE));
    }
    if target & 1 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let mut text = cpu.fetch_text(target)?;
    if cpu.per_fetched(target) {
        return Err(Exit::Program(ProgramCode::PER));
    }
    if o.r1() != 0 {
        // Bits 8-15 of the target are or-ed with bits 56-63 of R1.
        text |= (cpu.gr[usize::from(o.r1())] & 0xFF) << 48;
    }
    if matches!(text >> 56, 0x44) || text >> 48 & 0xFF0F == 0xC600 {
        return Err(Exit::Program(ProgramCode::EXECUTE));
    }
    let next = Cpu::next_sequential(cpu, o);
    cpu.execute = Some(Execute { target, next, text, length: o.length() });
    let mut d = cpu.decode_text(text);
    use_traced_semantics(cpu, &mut d);
    cpu.per_operands(&d.operands);
    debug_assert!(!matches!(d.operands.op(), Op::EX | Op::EXRL));
    let result = if cpu.transaction.is_active() && crate::transaction::permits(cpu, &d.operands).is_err() {
        Err(Exit::Abort)
    } else {
        (d.handler)(cpu, &d.operands)
    };
    // The host may want to know that an intercepted instruction was executed so.
    if !matches!(result, Err(Exit::Intercept | Exit::OPERATION)) {
        cpu.execute = None;
    }
    result
}
