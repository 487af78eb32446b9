//! Instructions that the host completes: all that is done here is the check for the problem state.
//! Source: Principles of Operation, chapters 10 and 14 (I/O instructions); the interception rules of START INTERPRETIVE
//! EXECUTION.

use softsie_cpu::{Access, Cpu, Exit};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2b2;

/// Length and boundary of a state description.
const STATE_DESCRIPTION: u64 = 512;

semantics! {
    simple {}
    heavy {
        DIAG => intercept, SIGP => intercept, SERVC => intercept, STSI => intercept, STFL => intercept, SPX => intercept,
        STPX => intercept, STAP => intercept, STIDP => intercept, SCK => intercept, TB => intercept, PTF => intercept,
        SIE => start_interpretive_execution, ESSA => intercept, STHYI => intercept,
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
