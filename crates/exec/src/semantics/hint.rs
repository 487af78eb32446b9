//! Instructions that only hint at what the program will do: prefetching, branch prediction, next access intent.
//! Source: Principles of Operation, chapter 7: PREFETCH DATA, BRANCH PREDICTION PRELOAD, NEXT INSTRUCTION ACCESS INTENT,
//! PERFORM PROCESSOR ASSIST. They may be executed as no-operations.

use softsie_cpu::Exit;
use softsie_isa::Operands;

use crate::machine::Machine;

semantics! {
    simple {
        PFD => no_operation, PFDRL => no_operation, BPP => no_operation, BPRP => no_operation, NIAI => no_operation,
        PPA => no_operation,
    }
    heavy {}
}

fn no_operation<M: Machine>(_: &mut M, _: &Operands) -> Result<(), Exit> {
    Ok(())
}
