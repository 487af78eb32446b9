//! COMPARE AND SWAP and its kin.
//! Source: Principles of Operation, chapter 7: COMPARE AND SWAP, COMPARE DOUBLE AND SWAP.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2b2;

semantics! {
    simple { CS => compare_and_swap[u32], CSY => compare_and_swap[u32], CSG => compare_and_swap[u64] }
    heavy {}
}

fn compare_and_swap<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    let (expected, new) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r3()));
    let (found, swapped) = m.compare_and_swap(ea, expected, new)?;
    let value = m.select(swapped, expected, found);
    m.set_gr(o.r1(), value);
    let (zero, one) = (m.imm(0u8), m.imm(1u8));
    let cc = m.select(swapped, zero, one);
    m.set_cc(cc);
    Ok(())
}
