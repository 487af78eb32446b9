//! Trace entries that instructions make implicitly: branch, mode-switch and mode-switching-branch entries.
//! Source: Principles of Operation, chapter 4, Tracing (control-register allocation, trace entries).
//!
//! The only frequent instruction among those that are traced is BASR. While branch tracing is on, instructions are executed
//! one at a time (`Cpu::steps`) and BASR by the function here; while it is off, nobody asks.

use softsie_cpu::{Cpu, Decoded, Exit, Psw, PswMask, TraceEntry};
use softsie_isa::{Op, Operands};

use super::branch::and_save_register;
use crate::machine::Machine;

/// An address in a trace entry: four bytes, or eight when it needs them.
pub(super) fn traced_address(entry: TraceEntry, address: u64, long: bool) -> TraceEntry {
    if long { entry.with(&address.to_be_bytes()) } else { entry.with(&(address as u32).to_be_bytes()) }
}

/// A 31-bit address with the bit before it that tells 31-bit from 24-bit mode; in 64-bit mode that bit is zero.
fn short_address(psw: &Psw) -> u32 {
    let mode = if psw.has(PswMask::BA) && !psw.has(PswMask::EA) { 0x8000_0000 } else { 0 };
    psw.address as u32 | mode
}

fn needs_long_address(psw: &Psw) -> bool {
    psw.has(PswMask::EA) && psw.address >> 31 != 0
}

/// The branch-trace entry of a branch that makes `psw` the PSW.
fn branch_entry(psw: &Psw) -> TraceEntry {
    let (entry, address) = (TraceEntry::new(), psw.address);
    if needs_long_address(psw) {
        entry.with(&[0x52, 0xC0, 0, 0]).with(&address.to_be_bytes())
    } else if psw.has(PswMask::EA) || psw.has(PswMask::BA) {
        entry.with(&(address as u32 | 0x8000_0000).to_be_bytes())
    } else {
        entry.with(&(address as u32 & 0xFF_FFFF).to_be_bytes())
    }
}

/// The entry of a switch of modes by an instruction after which comes the one that `own` designates.
fn mode_entry(own: &Psw) -> TraceEntry {
    let entry = TraceEntry::new();
    if needs_long_address(own) {
        return entry.with(&[0x52, 0x60, 0, 0]).with(&own.address.to_be_bytes());
    }
    let format = if own.has(PswMask::EA) { 0x20 } else { 0x30 };
    entry.with(&[0x51, format, 0, 0]).with(&short_address(own).to_be_bytes())
}

/// The entry of a branch that makes `new` the PSW and switches modes.
fn switching_branch_entry(new: &Psw) -> TraceEntry {
    let entry = TraceEntry::new();
    if needs_long_address(new) {
        return entry.with(&[0x52, 0xF0, 0, 0]).with(&new.address.to_be_bytes());
    }
    let format = if new.has(PswMask::EA) { 0xB0 } else { 0xA0 };
    entry.with(&[0x51, format, 0, 0]).with(&short_address(new).to_be_bytes())
}

fn switches(cpu: &Cpu, own: &Psw, new: &Psw) -> bool {
    cpu.traces_modes() && own.has(PswMask::EA) != new.has(PswMask::EA)
}

/// Makes the branch-trace entry when branch tracing is on; the new contents of control register 12.
pub(super) fn trace_branch(cpu: &mut Cpu, psw: &Psw) -> Result<u64, Exit> {
    if cpu.traces_branches() { cpu.trace(cpu.cr[12], &branch_entry(psw)) } else { Ok(cpu.cr[12]) }
}

/// Makes the mode-switch entry when mode tracing is on and the instruction goes into or out of 64-bit mode: from `own`, the
/// PSW of the next sequential instruction, to `new`. Control register 12 is given and returned as the entry changes it.
pub(super) fn trace_mode(cpu: &mut Cpu, control: u64, own: &Psw, new: &Psw) -> Result<u64, Exit> {
    if switches(cpu, own, new) { cpu.trace(control, &mode_entry(own)) } else { Ok(control) }
}

/// Makes the entry of a branch that may switch modes, for which there is one entry when both are traced: from `own` to `new`
/// as for [`trace_mode`]. The new contents of control register 12.
pub(super) fn trace_switching_branch(cpu: &mut Cpu, own: &Psw, new: &Psw) -> Result<u64, Exit> {
    match (switches(cpu, own, new), cpu.traces_branches()) {
        (true, true) => cpu.trace(cpu.cr[12], &switching_branch_entry(new)),
        (true, false) => cpu.trace(cpu.cr[12], &mode_entry(own)),
        (false, _) => trace_branch(cpu, new),
    }
}

/// Makes the branch-trace entry of BALR or BASR, whose R2 is not zero, and remembers it in control register 12: nothing that
/// follows fails.
pub(super) fn trace_register_branch(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    if o.r2() != 0 && cpu.traces_branches() {
        let address = cpu.wrap(cpu.gr[usize::from(o.r2())]);
        cpu.cr[12] = trace_branch(cpu, &Psw { address, ..cpu.current_psw() })?;
    }
    Ok(())
}

fn traced_branch_and_save(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    trace_register_branch(cpu, o)?;
    and_save_register(cpu, o)
}

/// The function of a decoded instruction while the CPU executes instructions one at a time.
pub(crate) fn use_traced_semantics(cpu: &Cpu, d: &mut Decoded) {
    if cpu.traces_branches() && d.operands.op() == Op::BASR {
        d.handler = traced_branch_and_save;
    }
}
