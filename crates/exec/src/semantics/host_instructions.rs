//! Instructions that the host completes: all that is done here is the check for the problem state.
//! Source: Principles of Operation, chapters 10 and 14 (I/O instructions); the interception rules of START INTERPRETIVE
//! EXECUTION.

use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use crate::machine::Machine;

semantics! {
    simple {}
    heavy {
        DIAG => intercept, SIGP => intercept, SERVC => intercept, STSI => intercept, STFL => intercept, SPX => intercept,
        STPX => intercept, STAP => intercept, STIDP => intercept, SCK => intercept, TB => intercept, PTF => intercept,
        SIE => intercept, ESSA => intercept, STHYI => intercept,
        CSCH => intercept, HSCH => intercept, MSCH => intercept, SSCH => intercept, STSCH => intercept, TSCH => intercept,
        TPI => intercept, SAL => intercept, RSCH => intercept, STCRW => intercept, STCPS => intercept, RCHP => intercept,
        SCHM => intercept, CHSC => intercept, SIGA => intercept, XSCH => intercept,
        NQAP => intercept, DQAP => intercept, PQAP => intercept,
        CLP => intercept, PCISTG => intercept, PCILG => intercept, RPCIT => intercept, MPCIFC => intercept,
        STPCIFC => intercept, PCISTB => intercept, SIC => intercept, TPEI => intercept,
    }
}

fn intercept(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    Err(Exit::Intercept)
}
