//! Comparisons that set the condition code.
//! Source: Principles of Operation, chapter 7: COMPARE …, COMPARE LOGICAL ….

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2x2b2;

semantics! {
    simple {
        CR => compare_rr[u32], CGR => compare_rr[u64], CLR => compare_logical_rr[u32], CLGR => compare_logical_rr[u64],
        C => compare_rx[u32], CG => compare_rx[u64],
    }
    heavy {}
}

fn compare_rr<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r2()));
    m.cc_compare_signed(a, b);
    Ok(())
}

fn compare_logical_rr<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r2()));
    m.cc_compare(a, b);
    Ok(())
}

fn compare_rx<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let b = m.load::<T>(ea)?;
    let a = m.gr::<T>(o.r1());
    m.cc_compare_signed(a, b);
    Ok(())
}
