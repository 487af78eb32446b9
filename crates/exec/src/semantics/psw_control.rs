//! Instructions that load or change the PSW.
//! Source: Principles of Operation, chapter 10: LOAD PSW, LOAD PSW EXTENDED, …; chapter 7: SUPERVISOR CALL.

use softsie_cpu::{Cpu, Exit, Psw};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2b2;

semantics! {
    simple {}
    heavy { LPSWE => load_psw_extended, SVC => supervisor_call }
}

fn load_psw_extended(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = d2b2(cpu, o);
    if ea.address & 7 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let both: u128 = cpu.load(ea.address, ea.ar)?;
    cpu.set_psw(Psw::new((both >> 64) as u64, both as u64));
    Err(Exit::PswLoaded)
}

fn supervisor_call(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ilc = cpu.interruption_length(o);
    cpu.psw.address = Cpu::next_sequential(cpu, o);
    cpu.supervisor_call_interruption(o.i2() as u8, ilc)?;
    Err(Exit::PswLoaded)
}
