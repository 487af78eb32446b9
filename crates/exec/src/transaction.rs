//! What the interpreter does in a transaction besides executing instructions: refuses those that are restricted, filters
//! program interruptions, and gives way to other interruptions.
//! Source: Principles of Operation, chapter 5, Transactional-Execution Facility (Restricted Instructions, Constrained
//! Transaction, Program-Interruption Filtering, Transaction Abort Processing).

use softsie_cpu::{Abort, Attention, Cpu, Cr0, Exit, ProgramCode, PswMask};
use softsie_isa::{Op, Operands};

use crate::interpreter::Leave;

/// Whether the transaction goes on to the instruction at `address`.
///
/// # Errors
/// It is to be aborted, or a constraint is not met.
pub(crate) fn permits_next(cpu: &mut Cpu, address: u64, o: &Operands) -> Result<(), Exit> {
    cpu.transaction_step(address, o.length(), o.op() == Op::TEND)?;
    permits(cpu, o)
}

/// Whether the transaction permits an instruction.
///
/// # Errors
/// It is to be aborted, or a constraint is not met.
pub(crate) fn permits(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let restrictions = o.op().row().restrictions();
    let controls = cpu.transaction.controls();
    let restricted = restrictions.always
        || restrictions.floating_point && !controls.floating_point
        || restrictions.access_registers && !controls.access_registers
        || is_traced(cpu, o)
        || matches!(o.op(), Op::PFD | Op::PFDRL) && matches!(o.m1(), 6 | 7);
    if cpu.transaction.is_constrained() {
        let backward = restrictions.unless_forward && (o.relative() <= 0 || mask(o) == 0);
        if restricted || restrictions.constrained || backward {
            return Err(Exit::Program(ProgramCode::TRANSACTION_CONSTRAINT));
        }
    }
    if restricted { cpu.abort_for(Abort::RESTRICTED) } else { Ok(()) }
}

/// The mask of a relative branch on condition.
fn mask(o: &Operands) -> u8 {
    match o.op() {
        Op::BRC | Op::BRCL => o.m1(),
        _ => o.m3(),
    }
}

/// Whether the instruction would make a trace entry.
fn is_traced(cpu: &Cpu, o: &Operands) -> bool {
    let (branches, modes) = (cpu.traces_branches(), cpu.traces_modes());
    match o.op() {
        Op::BALR | Op::BASR => branches && o.r2() != 0,
        Op::BASSM => (branches || modes) && o.r2() != 0,
        Op::BSM => modes && o.r2() != 0,
        Op::SAM24 | Op::SAM31 | Op::SAM64 => modes,
        _ => false,
    }
}

/// The host wants something. True when it is given way to, which aborts a transaction.
#[inline]
pub(crate) fn give_way(cpu: &mut Cpu, leave: Leave) -> bool {
    !cpu.transaction.is_active() || abort_for_host(cpu, leave)
}

#[cold]
fn abort_for_host(cpu: &mut Cpu, leave: Leave) -> bool {
    let why = match leave {
        // The rest of a constrained transaction that all others wait for takes a moment.
        Leave::Attention if cpu.transaction.is_exclusive() => return false,
        Leave::HostFault => Abort::MISCELLANEOUS,
        Leave::Attention if cpu.attention().pending() & Attention::INTERVENTION == 0 => Abort::MISCELLANEOUS,
        Leave::Enabled => {
            let wanted = cpu.psw.mask & cpu.interceptions.when_enabled;
            if wanted & PswMask::MACHINE_CHECK.bits() != 0 {
                Abort::MACHINE_CHECK
            } else if wanted & PswMask::EXTERNAL.bits() != 0 {
                Abort::EXTERNAL
            } else {
                Abort::IO
            }
        }
        _ => Abort::EXTERNAL,
    };
    let address = cpu.psw.address;
    cpu.abort_transaction(why, address, None);
    true
}

/// How the interruptions for an exception condition are filtered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Never.
    Unfiltered,
    /// By moderate filtering: accesses.
    Access,
    /// By limited filtering too: data and arithmetic.
    Data,
}

fn class(cpu: &Cpu, code: ProgramCode) -> Class {
    match code.0 & 0xFF {
        // With a PER event there is an interruption in any case.
        0x04 | 0x05 | 0x10 | 0x11 | 0x38..=0x3B if !cpu.program.instruction_fetch => Class::Access,
        0x28..=0x2D => Class::Access,
        // An instruction that needs registers which are not available.
        0x07 if matches!(cpu.program.dxc, 0x01..=0x03 | 0xFE) => Class::Unfiltered,
        0x06..=0x0F | 0x1B | 0x1D => Class::Data,
        _ => Class::Unfiltered,
    }
}

/// A program exception in a transaction, after an instruction of `ilc` bytes: the interruption code with which it is
/// interrupted, or none when only the transaction is aborted. Either way it is.
#[cold]
pub(crate) fn interrupted(cpu: &mut Cpu, code: ProgramCode, ilc: u8) -> Option<ProgramCode> {
    let next = cpu.psw.address;
    let address = if code.nullifies() { next } else { next.wrapping_sub(u64::from(ilc)) & cpu.address_mask };
    // What a transaction sees that must be aborted anyway is nothing that the program is to know.
    if let Err(conflict) = cpu.transaction_is_consistent() {
        cpu.abort_transaction(conflict, address, None);
        return None;
    }
    if code == ProgramCode::MONITOR_EVENT {
        cpu.abort_transaction(Abort::RESTRICTED, address, None);
        return None;
    }
    let filtering = match cpu.transaction.controls().filtering {
        _ if cpu.cr0().contains(Cr0::FILTERING_OVERRIDE) || cpu.transaction.is_constrained() => 0,
        filtering => filtering,
    };
    let class = class(cpu, code);
    let filtered = class == Class::Data && filtering >= 1 || class == Class::Access && filtering >= 2;
    let persistent = matches!(code.0 & 0x7F, 0x01..=0x03 | 0x12 | 0x13 | 0x18);
    let code = ProgramCode(code.0 | ProgramCode::TRANSACTION_ABORTED.0);
    let condition = Some(u32::from(ilc) << 16 | u32::from(code.0));
    if filtered {
        cpu.abort_transaction(Abort::FILTERED, address, condition);
        cpu.program = Default::default();
        return None;
    }
    let cc = if persistent { 3 } else { 2 };
    cpu.abort_transaction(Abort { code: Abort::PROGRAM, cc }, address, condition);
    Some(code)
}
