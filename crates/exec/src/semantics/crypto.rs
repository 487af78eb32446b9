//! Message-security assist: only the query functions; every other function code is not installed.
//! Source: Principles of Operation, chapter 7: CIPHER MESSAGE, COMPUTE MESSAGE DIGEST and the others; each has function
//! code 0 (query), which stores a mask of the installed function codes.

use softsie_cpu::{AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use crate::machine::Machine;

semantics! {
    simple {}
    heavy {
        KM => query[{ R1 | R2 }],
        KMC => query[{ R1 | R2 }],
        KMF => query[{ R1 | R2 }],
        KMO => query[{ R1 | R2 }],
        KMCTR => query[{ R1 | R2 | R3 }],
        KMA => query[{ R1 | R2 | R3 | DISTINCT }],
        KMAC => query[{ R2 | NO_MODIFIER }],
        KIMD => query[{ R2 | NO_MODIFIER }],
        KLMD => query[{ R2 | NO_MODIFIER }],
        KDSA => query[{ R2 | NO_MODIFIER }],
        PRNO => query[{ R1 | R2 | NO_MODIFIER }],
        PCC => query[NO_MODIFIER],
        PCKMO => query[{ NO_MODIFIER | PRIVILEGED }],
    }
}

/// The R1 field must designate an even register other than 0.
const R1: u8 = 1;
/// The R2 field must.
const R2: u8 = 2;
/// The R3 field must.
const R3: u8 = 4;
/// The R3 field must differ from the others.
const DISTINCT: u8 = 8;
/// Bit 56 of general register 0 must be zero.
const NO_MODIFIER: u8 = 16;
/// Not for the problem state.
const PRIVILEGED: u8 = 32;

/// The mask of installed functions: function code 0.
const INSTALLED: u128 = 1 << 127;

fn query<const CHECKS: u8>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    if CHECKS & PRIVILEGED != 0 {
        cpu.require_supervisor()?;
    }
    let bad = |field: u8, r: u8| CHECKS & field != 0 && (r & 1 != 0 || r == 0);
    let same = CHECKS & DISTINCT != 0 && (o.r3() == o.r1() || o.r3() == o.r2());
    let modified = CHECKS & NO_MODIFIER != 0 && cpu.gr[0] & 0x80 != 0;
    let function = cpu.gr[0] & 0x7F;
    if bad(R1, o.r1()) || bad(R2, o.r2()) || bad(R3, o.r3()) || same || modified || function != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let block = cpu.wrap(cpu.gr[1]);
    cpu.write_bytes(AddressSpace::Logical(1), block, &INSTALLED.to_be_bytes())?;
    cpu.cc = 0;
    Ok(())
}
