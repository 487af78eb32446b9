//! PAGE IN and PAGE OUT: blocks of expanded storage. This machine has none, like all since z13.
//! Source: Principles of Operation, chapter 10, PAGE IN and PAGE OUT; SCLP READ SCP INFO tells the number of blocks (zero).

use softsie_cpu::{Cpu, Exit, InterceptedInstructions as Intercepted};
use softsie_isa::Operands;

use crate::machine::Machine;

semantics! {
    simple {}
    heavy { PGIN => move_block, PGOUT => move_block }
}

/// The block is looked for before main storage is, and no number is that of a block.
fn move_block(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    const BLOCK_NOT_AVAILABLE: u8 = 3;
    cpu.require_supervisor()?;
    cpu.check_interception(Intercepted::MOVE_BLOCK)?;
    cpu.cc = BLOCK_NOT_AVAILABLE;
    Ok(())
}
