//! Addition and subtraction of general registers, storage and immediates: signed, logical, with carry and borrow.
//! Source: Principles of Operation, chapter 7: ADD, ADD HALFWORD, ADD IMMEDIATE, ADD LOGICAL, SUBTRACT ….

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2x2b2;

semantics! {
    simple {
        AR => add_rr[u32], AGR => add_rr[u64], A => add_rx[u32], AY => add_rx[u32], AG => add_rx[u64],
        AHI => add_ri[u32], AGHI => add_ri[u64], AFI => add_ri[u32], AGFI => add_ri[u64],
        ALR => add_logical_rr[u32], ALGR => add_logical_rr[u64],
    }
    heavy {}
}

/// Sets register `r1` to the signed sum; CC; overflow.
#[inline(always)]
fn add<M: Machine, T: Scalar>(m: &mut M, r1: u8, a: M::Val<T>, b: M::Val<T>) -> Result<(), Exit> {
    let (v, overflow) = m.add_signed(a, b);
    m.set_gr(r1, v);
    m.cc_signed_overflow(v, overflow);
    m.fixed_point_overflow(overflow)
}

fn add_rr<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r2()));
    add(m, o.r1(), a, b)
}

fn add_rx<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let b = m.load::<T>(ea)?;
    let a = m.gr::<T>(o.r1());
    add(m, o.r1(), a, b)
}

fn add_ri<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let a = m.gr::<T>(o.r1());
    let b = m.imm(T::truncate(i128::from(o.i2()) as u128));
    add(m, o.r1(), a, b)
}

fn add_logical_rr<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r2()));
    let (v, carry) = m.add_carry(a, b);
    m.set_gr(o.r1(), v);
    m.cc_add_logical(v, carry);
    Ok(())
}
