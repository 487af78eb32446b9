//! Instructions that the host completes: all that is done here is the check for the problem state.
//! Source: Principles of Operation, chapters 10 and 14 (I/O instructions); the interception rules of START INTERPRETIVE
//! EXECUTION.

use softsie_cpu::{Access, Cpu, Exit};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2b2;

/// Length and boundary of a state description.
const STATE_DESCRIPTION: u64 = 512;
/// The facility that tells pages for address translation from others.
const NO_DAT: u16 = 147;

semantics! {
    simple {}
    heavy {
        DIAG => intercept, SIGP => intercept, SERVC => intercept, STSI => intercept, STFL => intercept, SPX => intercept,
        STPX => intercept, STAP => intercept, STIDP => intercept, SCK => intercept, TB => intercept, PTF => intercept,
        SIE => start_interpretive_execution, ESSA => extract_and_set_storage_attributes, STHYI => intercept,
        CSCH => intercept, HSCH => intercept, MSCH => intercept, SSCH => intercept, STSCH => intercept, TSCH => intercept,
        TPI => intercept, SAL => intercept, RSCH => intercept, STCRW => intercept, STCPS => intercept, RCHP => intercept,
        SCHM => intercept, CHSC => intercept, SIGA => intercept, XSCH => intercept,
        NQAP => intercept, DQAP => intercept, PQAP => intercept,
        CLP => intercept, PCISTG => intercept, PCILG => intercept, RPCIT => intercept, MPCIFC => intercept,
        STPCIFC => intercept, PCISTB => intercept, SIC => intercept, TPEI => intercept,
        PCISTGI => intercept, PCILGI => intercept, PCISTBI => intercept, PCIWB => intercept, UVC => intercept,
    }
}

fn intercept(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    Err(Exit::Intercept)
}

/// EXTRACT AND SET STORAGE ATTRIBUTES of a guest's page, when its host lets it.
fn extract_and_set_storage_attributes(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    if !cpu.sets_page_states() {
        return Err(Exit::Intercept);
    }
    let highest = if cpu.model.facilities.has(NO_DAT) { 7 } else { 6 };
    if o.m3() > highest {
        return Err(Exit::SPECIFICATION);
    }
    let real: u64 = cpu.gr(o.r2());
    let real = cpu.wrap(real);
    let absolute = cpu.prefixed(real);
    let state = cpu.set_page_state(absolute, o.m3())?;
    cpu.set_gr(o.r1(), state);
    Ok(())
}

/// The operand's address is checked here; whoever has the host's part interprets the guest.
fn start_interpretive_execution(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = d2b2(cpu, o);
    if cpu.interprets && ea.address & (STATE_DESCRIPTION - 1) != 0 {
        return Err(Exit::SPECIFICATION);
    }
    if cpu.interprets {
        // A state description does not cross pages.
        cpu.absolute_host(cpu.prefixed(ea.address), Access::Fetch)?;
    }
    Err(Exit::Intercept)
}
