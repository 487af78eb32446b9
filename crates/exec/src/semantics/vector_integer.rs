//! Vector integer instructions that work element by element.
//! Source: Principles of Operation, chapter 22, Vector Integer Instructions.

use softsie_cpu::Exit;
use softsie_isa::Operands;

use crate::machine::{Machine, VectorOp};

semantics! {
    simple { VA => vector_add }
    heavy {}
}

/// Element-wise operation on V2 and V3 with element size M4, at most `largest` (log2 of bytes).
#[inline(always)]
fn element_wise<M: Machine>(m: &mut M, o: &Operands, op: VectorOp, largest: u8) -> Result<(), Exit> {
    m.require_vector()?;
    if o.m4() > largest {
        return Err(Exit::SPECIFICATION);
    }
    let (a, b) = (m.vr(o.v2()), m.vr(o.v3()));
    let v = m.vector(op, o.m4(), a, b);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn vector_add<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    element_wise(m, o, VectorOp::Add, 4)
}
