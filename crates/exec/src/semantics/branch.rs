//! Branches: on condition, on count, on index, with link, compare-and-branch.
//! Source: Principles of Operation, chapter 7: BRANCH …, COMPARE AND BRANCH, COMPARE LOGICAL AND BRANCH.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use super::compare::{Logical, Order, Signed, comparison};
use super::operation::immediate;
use crate::machine::Machine;
use crate::operand::{d2b2, d2x2b2, d4b4, in_register};

semantics! {
    simple {
        BC => on_condition, BCR => on_condition_register, BRC => relative_on_condition, BRCL => relative_on_condition,
        BIC => indirect_on_condition,
        BCT => on_count[u32], BCTG => on_count[u64], BCTR => on_count_register[u32], BCTGR => on_count_register[u64],
        BRCT => relative_on_count[u32], BRCTG => relative_on_count[u64],
        BXH => on_index[u32, false], BXLE => on_index[u32, true],
        BXHG => on_index[u64, false], BXLEG => on_index[u64, true],
        BRXH => relative_on_index[u32, false], BRXLE => relative_on_index[u32, true],
        BRXHG => relative_on_index[u64, false], BRXLG => relative_on_index[u64, true],
        BAS => and_save, BASR => and_save_register, BRAS => relative_and_save, BRASL => relative_and_save,
        CRJ => compare_rr_relative[Signed, u32], CGRJ => compare_rr_relative[Signed, u64],
        CLRJ => compare_rr_relative[Logical, u32], CLGRJ => compare_rr_relative[Logical, u64],
        CIJ => compare_ri_relative[Signed, u32], CGIJ => compare_ri_relative[Signed, u64],
        CLIJ => compare_ri_relative[Logical, u32], CLGIJ => compare_ri_relative[Logical, u64],
        CRB => compare_rr[Signed, u32], CGRB => compare_rr[Signed, u64],
        CLRB => compare_rr[Logical, u32], CLGRB => compare_rr[Logical, u64],
        CIB => compare_ri[Signed, u32], CGIB => compare_ri[Signed, u64],
        CLIB => compare_ri[Logical, u32], CLGIB => compare_ri[Logical, u64],
    }
    heavy {}
}

fn on_condition<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let target = d2x2b2(m, o);
    let c = m.cc_is(o.m1());
    m.branch_if(c, target.address)
}

fn on_condition_register<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    if o.r2() == 0 {
        // Masks 14 and 15 ask for serialization only: what other CPUs want is looked at before the next instruction.
        return if o.m1() >= 14 { m.serialize() } else { Ok(()) };
    }
    let target = in_register(m, o.r2());
    let c = m.cc_is(o.m1());
    m.branch_if(c, target.address)
}

fn relative_on_condition<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let c = m.cc_is(o.m1());
    m.branch_relative_if(c, o)
}

fn indirect_on_condition<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let c = m.cc_is(o.m1());
    let none = m.imm(0u64);
    let target = m.load_if::<u64>(c, ea, none)?;
    let target = m.wrap(target);
    m.branch_if(c, target)
}

/// Counts R1 down: whether it has not become zero.
#[inline(always)]
fn count<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> M::Cond {
    let count = m.gr::<T>(o.r1());
    let one = m.imm(T::truncate(1));
    let count = m.sub(count, one);
    m.set_gr(o.r1(), count);
    let zero = m.imm(T::default());
    let done = m.eq(count, zero);
    m.not_cond(done)
}

fn on_count<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let target = d2x2b2(m, o);
    let more = count::<M, T>(m, o);
    m.branch_if(more, target.address)
}

fn on_count_register<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    // The branch address is taken before R1, which may be the same register, is counted down.
    let target = in_register(m, o.r2());
    let more = count::<M, T>(m, o);
    if o.r2() == 0 { Ok(()) } else { m.branch_if(more, target.address) }
}

fn relative_on_count<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let more = count::<M, T>(m, o);
    m.branch_relative_if(more, o)
}

/// Adds R3 to R1 and compares the sum with the odd register of R3: whether to branch.
#[inline(always)]
fn index<M: Machine, T: Scalar, const LOW_OR_EQUAL: bool>(m: &mut M, o: &Operands) -> M::Cond {
    // All operands are taken before R1, which may be the comparand too, changes.
    let (value, increment) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r3()));
    let comparand = m.gr::<T>(o.r3() | 1);
    let sum = m.add(value, increment);
    m.set_gr(o.r1(), sum);
    let high = m.lt_signed(comparand, sum);
    if LOW_OR_EQUAL { m.not_cond(high) } else { high }
}

fn on_index<M: Machine, T: Scalar, const LOW_OR_EQUAL: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let target = d2b2(m, o);
    let c = index::<M, T, LOW_OR_EQUAL>(m, o);
    m.branch_if(c, target.address)
}

fn relative_on_index<M: Machine, T: Scalar, const LOW_OR_EQUAL: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let c = index::<M, T, LOW_OR_EQUAL>(m, o);
    m.branch_relative_if(c, o)
}

fn and_save<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let target = d2x2b2(m, o);
    m.set_link(o.r1(), o);
    let always = m.known(true);
    m.branch_if(always, target.address)
}

pub(super) fn and_save_register<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    // The branch address is taken before the link information is put into R1, which may be the same register.
    let target = in_register(m, o.r2());
    m.set_link(o.r1(), o);
    if o.r2() == 0 {
        return Ok(());
    }
    let always = m.known(true);
    m.branch_if(always, target.address)
}

fn relative_and_save<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.set_link(o.r1(), o);
    let always = m.known(true);
    m.branch_relative_if(always, o)
}

fn compare_rr_relative<M: Machine, X: Order, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r2()));
    let c = comparison::<M, X, T>(m, o.m3(), a, b);
    m.branch_relative_if(c, o)
}

fn compare_ri_relative<M: Machine, X: Order, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let a = m.gr::<T>(o.r1());
    let b = immediate::<M, u32, T>(m, o, X::SIGNED);
    let c = comparison::<M, X, T>(m, o.m3(), a, b);
    m.branch_relative_if(c, o)
}

fn compare_rr<M: Machine, X: Order, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let target = d4b4(m, o);
    let (a, b) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r2()));
    let c = comparison::<M, X, T>(m, o.m3(), a, b);
    m.branch_if(c, target.address)
}

fn compare_ri<M: Machine, X: Order, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let target = d4b4(m, o);
    let a = m.gr::<T>(o.r1());
    let b = immediate::<M, u32, T>(m, o, X::SIGNED);
    let c = comparison::<M, X, T>(m, o.m3(), a, b);
    m.branch_if(c, target.address)
}
