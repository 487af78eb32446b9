//! The semantics of every instruction, once, and the interpreter.
//!
//! A simple instruction is a function generic over [`Machine`]: run over [`softsie_cpu::Cpu`] it computes (the
//! interpreter), run over an emitter it generates code (crate `jit`). An instruction with loops or heavy state is an
//! ordinary function on the CPU that both engines call. Every instruction is found by its mnemonic in `semantics/`.
//! May depend on `cpu`, `isa`, `mem` and the arithmetic crates. Truth: Principles of Operation, chapters 5, 7 to 10, 18
//! to 25.

mod bfp_op;
mod fp_datum;
mod interpreter;
mod machine;
mod operand;
pub mod semantics;
mod tier;
mod trace;
mod transaction;
mod vector_op;

pub use bfp_op::{Bfp, BfpOp, Modifiers, VectorBfp};
pub use interpreter::{
    DISPATCH, Leave, NoObserver, Observer, conclude, enter, interrupt, look_up, run, run_tiered, step,
};
pub use machine::{Machine, StorageOp, Update, add_in_two_steps, subtract_in_two_steps};
pub use operand::Ea;
pub use semantics::interlocked::interlocked_compare_exchange;
pub use tier::{Arrival, NoTier, Tier};
pub use trace::{Filter, Tracer};
pub use vector_op::{VectorOp, VectorOp1, VectorOp3, VectorShift};
