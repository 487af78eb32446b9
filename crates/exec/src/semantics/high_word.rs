//! The high-word facility: arithmetic, comparisons, loads and stores of bits 0-31 of general registers.
//! Source: Principles of Operation, chapter 7: … HIGH.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use super::add_subtract::{Add, AddLogical, Subtract, SubtractLogical};
use super::compare::{Logical, Order, Signed};
use super::operation::{Operation, extend, immediate};
use crate::machine::Machine;
use crate::operand::d2x2b2;

semantics! {
    simple {
        AHHHR => high_high[Add], ALHHHR => high_high[AddLogical],
        SHHHR => high_high[Subtract], SLHHHR => high_high[SubtractLogical],
        AHHLR => high_low[Add], ALHHLR => high_low[AddLogical],
        SHHLR => high_low[Subtract], SLHHLR => high_low[SubtractLogical],
        AIH => add_immediate[Add], ALSIH => add_immediate[AddLogical], ALSIHN => add_immediate_quietly,
        CHHR => compare_high_high[Signed], CLHHR => compare_high_high[Logical],
        CHLR => compare_high_low[Signed], CLHLR => compare_high_low[Logical],
        CHF => compare_storage[Signed], CLHF => compare_storage[Logical],
        CIH => compare_immediate[Signed], CLIH => compare_immediate[Logical],
        BRCTH => branch_relative_on_count,
        LBH => load[u8, true], LLCH => load[u8, false], LHH => load[u16, true], LLHH => load[u16, false],
        LFH => load[u32, false],
        STCH => store[u8], STHH => store[u16], STFH => store[u32],
    }
    heavy {}
}

/// Puts the result of `X` into the high word of R1.
#[inline(always)]
fn compute<M: Machine, X: Operation>(m: &mut M, r1: u8, a: M::Val<u32>, b: M::Val<u32>) -> Result<(), Exit> {
    let (v, overflow) = X::apply(m, a, b);
    m.set_gr_high(r1, v);
    overflow.map_or(Ok(()), |c| m.fixed_point_overflow(c))
}

fn high_high<M: Machine, X: Operation>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr_high(o.r2()), m.gr_high(o.r3()));
    compute::<M, X>(m, o.r1(), a, b)
}

fn high_low<M: Machine, X: Operation>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr_high(o.r2()), m.gr::<u32>(o.r3()));
    compute::<M, X>(m, o.r1(), a, b)
}

fn add_immediate<M: Machine, X: Operation>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let a = m.gr_high(o.r1());
    let b = immediate::<M, u32, u32>(m, o, true);
    compute::<M, X>(m, o.r1(), a, b)
}

fn add_immediate_quietly<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let a = m.gr_high(o.r1());
    let b = immediate::<M, u32, u32>(m, o, true);
    let v = m.add(a, b);
    m.set_gr_high(o.r1(), v);
    Ok(())
}

fn compare_high_high<M: Machine, X: Order>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr_high(o.r1()), m.gr_high(o.r2()));
    X::cc(m, a, b);
    Ok(())
}

fn compare_high_low<M: Machine, X: Order>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr_high(o.r1()), m.gr::<u32>(o.r2()));
    X::cc(m, a, b);
    Ok(())
}

fn compare_storage<M: Machine, X: Order>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let b = m.load::<u32>(ea)?;
    let a = m.gr_high(o.r1());
    X::cc(m, a, b);
    Ok(())
}

fn compare_immediate<M: Machine, X: Order>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let a = m.gr_high(o.r1());
    let b = immediate::<M, u32, u32>(m, o, X::SIGNED);
    X::cc(m, a, b);
    Ok(())
}

fn branch_relative_on_count<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let count = m.gr_high(o.r1());
    let one = m.imm(1u32);
    let count = m.sub(count, one);
    m.set_gr_high(o.r1(), count);
    let zero = m.imm(0u32);
    let done = m.eq(count, zero);
    let more = m.not_cond(done);
    m.branch_relative_if(more, o)
}

fn load<M: Machine, F: Scalar, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<F>(ea)?;
    let v = extend::<M, F, u32>(m, SIGNED, v);
    m.set_gr_high(o.r1(), v);
    Ok(())
}

fn store<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.gr_high(o.r1());
    let v = m.trunc::<u32, T>(v);
    m.store(ea, v)
}
