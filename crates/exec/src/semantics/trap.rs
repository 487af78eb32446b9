//! Compare-and-trap and load-and-trap: a data exception when a condition holds. The instruction is complete.
//! Source: Principles of Operation, chapter 7: COMPARE AND TRAP, COMPARE LOGICAL AND TRAP, LOAD AND TRAP ….

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use super::compare::{Logical, Order, Signed, comparison};
use super::operation::immediate;
use crate::machine::Machine;
use crate::operand::{d2b2, d2x2b2};

semantics! {
    simple {
        CRT => compare_rr[Signed, u32], CGRT => compare_rr[Signed, u64],
        CLRT => compare_rr[Logical, u32], CLGRT => compare_rr[Logical, u64],
        CIT => compare_ri[Signed, u32], CGIT => compare_ri[Signed, u64],
        CLFIT => compare_ri[Logical, u32], CLGIT => compare_ri[Logical, u64],
        CLT => compare_logical_storage[u32], CLGT => compare_logical_storage[u64],
        LAT => load[u32, u32], LGAT => load[u64, u64], LLGFAT => load[u32, u64],
        LLGTAT => load_31_bits, LFHAT => load_high,
    }
    heavy {}
}

/// Data-exception code of a trap.
const TRAP: u8 = 0xFF;

fn compare_rr<M: Machine, X: Order, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r2()));
    let c = comparison::<M, X, T>(m, o.m3(), a, b);
    m.data_exception_if(c, TRAP)
}

fn compare_ri<M: Machine, X: Order, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let a = m.gr::<T>(o.r1());
    let b = immediate::<M, u32, T>(m, o, X::SIGNED);
    let c = comparison::<M, X, T>(m, o.m3(), a, b);
    m.data_exception_if(c, TRAP)
}

fn compare_logical_storage<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    let b = m.load::<T>(ea)?;
    let a = m.gr::<T>(o.r1());
    let c = comparison::<M, Logical, T>(m, o.m3(), a, b);
    m.data_exception_if(c, TRAP)
}

/// Traps when `v` is zero.
#[inline(always)]
fn trap_if_zero<M: Machine, T: Scalar>(m: &mut M, v: M::Val<T>) -> Result<(), Exit> {
    let zero = m.imm(T::default());
    let c = m.eq(v, zero);
    m.data_exception_if(c, TRAP)
}

fn load<M: Machine, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<F>(ea)?;
    let v = m.zext::<F, T>(v);
    m.set_gr(o.r1(), v);
    trap_if_zero(m, v)
}

fn load_31_bits<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<u32>(ea)?;
    let v = m.zext::<u32, u64>(v);
    let bits = m.imm(0x7FFF_FFFFu64);
    let v = m.and(v, bits);
    m.set_gr(o.r1(), v);
    trap_if_zero(m, v)
}

fn load_high<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<u32>(ea)?;
    m.set_gr_high(o.r1(), v);
    trap_if_zero(m, v)
}
