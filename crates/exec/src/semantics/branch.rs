//! Branches: on condition, on count, with link, compare-and-branch.
//! Source: Principles of Operation, chapter 7: BRANCH …, COMPARE AND BRANCH, COMPARE LOGICAL AND BRANCH.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::{d2x2b2, in_register};

semantics! {
    simple {
        BC => branch_on_condition, BCR => branch_on_condition_register,
        BRC => branch_relative_on_condition, BRCL => branch_relative_on_condition,
        BRCT => branch_relative_on_count[u32], BRCTG => branch_relative_on_count[u64],
        BRAS => branch_relative_and_save, BRASL => branch_relative_and_save, BASR => branch_and_save_register,
        CRJ => compare_and_branch[u32], CGRJ => compare_and_branch[u64],
        CLRJ => compare_logical_and_branch[u32], CLGRJ => compare_logical_and_branch[u64],
    }
    heavy {}
}

fn branch_on_condition<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let target = d2x2b2(m, o);
    let c = m.cc_is(o.m1());
    m.branch_if(c, target.address)
}

fn branch_on_condition_register<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    if o.r2() == 0 {
        // Masks 14 and 15 ask for serialization only: what other CPUs want is looked at before the next instruction.
        return if o.m1() >= 14 { m.serialize() } else { Ok(()) };
    }
    let target = in_register(m, o.r2());
    let c = m.cc_is(o.m1());
    m.branch_if(c, target.address)
}

fn branch_relative_on_condition<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let c = m.cc_is(o.m1());
    m.branch_relative_if(c, o)
}

fn branch_relative_on_count<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let count = m.gr::<T>(o.r1());
    let one = m.imm(T::truncate(1));
    let count = m.sub(count, one);
    m.set_gr(o.r1(), count);
    let zero = m.imm(T::default());
    let done = m.eq(count, zero);
    let more = m.not_cond(done);
    m.branch_relative_if(more, o)
}

fn branch_relative_and_save<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.set_link(o.r1(), o);
    let always = m.known(true);
    m.branch_relative_if(always, o)
}

fn branch_and_save_register<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    // The branch address is taken before the link information is put into R1, which may be the same register.
    let target = in_register(m, o.r2());
    m.set_link(o.r1(), o);
    let taken = m.known(o.r2() != 0);
    m.branch_if(taken, target.address)
}

/// The condition that mask `m3` selects: 8 equal, 4 first low, 2 first high.
#[inline(always)]
pub(super) fn comparison<M: Machine, T: Scalar>(
    m: &mut M,
    m3: u8,
    a: M::Val<T>,
    b: M::Val<T>,
    signed: bool,
) -> M::Cond {
    let less = |m: &mut M, x, y| if signed { m.lt_signed::<T>(x, y) } else { m.lt::<T>(x, y) };
    match m3 & 14 {
        0 => m.known(false),
        2 => less(m, b, a),
        4 => less(m, a, b),
        6 => {
            let c = m.eq(a, b);
            m.not_cond(c)
        }
        8 => m.eq(a, b),
        10 => {
            let c = less(m, a, b);
            m.not_cond(c)
        }
        12 => {
            let c = less(m, b, a);
            m.not_cond(c)
        }
        _ => m.known(true),
    }
}

fn compare_and_branch<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r2()));
    let c = comparison(m, o.m3(), a, b, true);
    m.branch_relative_if(c, o)
}

fn compare_logical_and_branch<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r2()));
    let c = comparison(m, o.m3(), a, b, false);
    m.branch_relative_if(c, o)
}
