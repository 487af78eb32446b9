//! TRANSACTION BEGIN (nonconstrained and constrained), TRANSACTION END, TRANSACTION ABORT, EXTRACT TRANSACTION NESTING DEPTH,
//! NONTRANSACTIONAL STORE. What a transaction is: `transaction.rs` of crate `cpu`.
//! Source: Principles of Operation, chapter 7; chapter 5, Transactional-Execution Facility.

use softsie_cpu::{Abort, Access, AddressSpace, Begin, Controls, Cpu, Cr0, Exit, MAX_NESTING, ProgramCode};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::{d1b1, d2b2, d2x2b2};

semantics! {
    simple {}
    heavy {
        TBEGIN => begin, TBEGINC => begin_constrained, TEND => end, TABORT => abort, ETND => nesting_depth,
        NTSTG => nontransactional_store,
    }
}

/// Special-operation exception unless control register 0 permits transactions.
fn require_control(cpu: &Cpu) -> Result<(), Exit> {
    if cpu.effective_cr0() & Cr0::TRANSACTIONAL.bits() != 0 {
        Ok(())
    } else {
        Err(Exit::Program(ProgramCode::SPECIAL_OPERATION))
    }
}

/// These are never targets of EXECUTE.
fn require_own_fetch(cpu: &Cpu) -> Result<(), Exit> {
    if cpu.execute.is_some() { Err(Exit::Program(ProgramCode::EXECUTE)) } else { Ok(()) }
}

fn begin(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_control(cpu)?;
    require_own_fetch(cpu)?;
    let filtering = o.i2() as u8 & 3;
    if filtering == 3 {
        return Err(Exit::SPECIFICATION);
    }
    let mut block = None;
    if o.b1() != 0 {
        let ea = d1b1(cpu, o);
        if ea.address & 7 != 0 {
            return Err(Exit::SPECIFICATION);
        }
        if !cpu.transaction.is_active() {
            cpu.probe(AddressSpace::Logical(ea.ar), ea.address, 256, Access::Store)?;
            block = Some((ea.address, ea.ar));
        }
    }
    enter(cpu, o, block, filtering, false)
}

fn begin_constrained(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_control(cpu)?;
    require_own_fetch(cpu)?;
    if o.b1() != 0 {
        return Err(Exit::SPECIFICATION);
    }
    enter(cpu, o, None, 0, true)
}

fn enter(cpu: &mut Cpu, o: &Operands, block: Option<(u64, u8)>, filtering: u8, constrained: bool) -> Result<(), Exit> {
    if cpu.transaction.depth() == MAX_NESTING {
        return cpu.abort_for(Abort::NESTING);
    }
    let controls = o.i2() as u16;
    cpu.cc = 0;
    let (address, next) = (cpu.relative_base(o), Cpu::next_sequential(cpu, o));
    cpu.begin_transaction(Begin {
        constrained,
        save_mask: (controls >> 8) as u8,
        controls: Controls {
            access_registers: controls & 8 != 0,
            floating_point: controls & 4 != 0 && !constrained,
            filtering,
        },
        block,
        address,
        next,
    });
    Err(Exit::Synchronize)
}

/// CC 0 when a transaction or a level of it has ended, 2 when there is none.
fn end(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    require_control(cpu)?;
    require_own_fetch(cpu)?;
    if !cpu.transaction.is_active() {
        cpu.cc = 2;
        return Ok(());
    }
    cpu.end_transaction()?;
    cpu.cc = 0;
    Err(Exit::Synchronize)
}

/// The address is the abort code; CC 2 when it is even, else 3.
fn abort(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_control(cpu)?;
    require_own_fetch(cpu)?;
    let code = d2b2(cpu, o).address;
    if code < 256 {
        return Err(Exit::SPECIFICATION);
    }
    if !cpu.transaction.is_active() {
        return Err(Exit::Program(ProgramCode::SPECIAL_OPERATION));
    }
    cpu.abort_for(Abort { code, cc: 2 + (code & 1) as u8 })
}

fn nesting_depth(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_control(cpu)?;
    let depth = u32::from(cpu.transaction.depth());
    cpu.set_gr(o.r1(), depth);
    Ok(())
}

fn nontransactional_store(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(cpu, o);
    if ea.address & 7 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let value = cpu.gr[usize::from(o.r1() & 15)];
    cpu.store_nontransactionally(ea.address, ea.ar, value)
}
