//! Comparisons that set the condition code: of registers, storage and immediates.
//! Source: Principles of Operation, chapter 7: COMPARE …, COMPARE LOGICAL ….

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use super::load_store::load_aligned_relative;
use super::operation::{extend, immediate};
use crate::machine::Machine;
use crate::operand::{d1b1, d2x2b2};

semantics! {
    simple {
        CR => compare_rr[Signed, u32, u32], CGR => compare_rr[Signed, u64, u64], CGFR => compare_rr[Signed, u32, u64],
        CLR => compare_rr[Logical, u32, u32], CLGR => compare_rr[Logical, u64, u64],
        CLGFR => compare_rr[Logical, u32, u64],
        C => compare_rx[Signed, u32, u32], CY => compare_rx[Signed, u32, u32], CG => compare_rx[Signed, u64, u64],
        CGF => compare_rx[Signed, u32, u64], CH => compare_rx[Signed, u16, u32], CHY => compare_rx[Signed, u16, u32],
        CGH => compare_rx[Signed, u16, u64],
        CL => compare_rx[Logical, u32, u32], CLY => compare_rx[Logical, u32, u32],
        CLG => compare_rx[Logical, u64, u64], CLGF => compare_rx[Logical, u32, u64],
        CHI => compare_ri[Signed, u32], CGHI => compare_ri[Signed, u64],
        CFI => compare_ri[Signed, u32], CGFI => compare_ri[Signed, u64],
        CLFI => compare_ri[Logical, u32], CLGFI => compare_ri[Logical, u64],
        CRL => compare_relative[Signed, u32, u32], CGRL => compare_relative[Signed, u64, u64],
        CGFRL => compare_relative[Signed, u32, u64], CHRL => compare_relative[Signed, u16, u32],
        CGHRL => compare_relative[Signed, u16, u64],
        CLRL => compare_relative[Logical, u32, u32], CLGRL => compare_relative[Logical, u64, u64],
        CLGFRL => compare_relative[Logical, u32, u64], CLHRL => compare_relative[Logical, u16, u32],
        CLGHRL => compare_relative[Logical, u16, u64],
        CLI => compare_si[Logical, u8], CLIY => compare_si[Logical, u8],
        CHHSI => compare_si[Signed, u16], CHSI => compare_si[Signed, u32], CGHSI => compare_si[Signed, u64],
        CLHHSI => compare_si[Logical, u16], CLFHSI => compare_si[Logical, u32], CLGHSI => compare_si[Logical, u64],
    }
    heavy {}
}

/// How operands are compared, and how short ones are extended.
pub(super) trait Order {
    /// Whether as signed numbers.
    const SIGNED: bool;
    /// a < b.
    fn less<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> M::Cond;
    /// CC 0 equal, 1 a low, 2 a high.
    fn cc<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>);
}

/// Signed comparison.
pub(super) struct Signed;
/// Unsigned comparison.
pub(super) struct Logical;

impl Order for Signed {
    const SIGNED: bool = true;
    #[inline(always)]
    fn less<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> M::Cond {
        m.lt_signed(a, b)
    }
    #[inline(always)]
    fn cc<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) {
        m.cc_compare_signed(a, b);
    }
}

impl Order for Logical {
    const SIGNED: bool = false;
    #[inline(always)]
    fn less<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) -> M::Cond {
        m.lt(a, b)
    }
    #[inline(always)]
    fn cc<M: Machine, T: Scalar>(m: &mut M, a: M::Val<T>, b: M::Val<T>) {
        m.cc_compare(a, b);
    }
}

/// The condition that mask `m3` of a compare-and-branch or compare-and-trap instruction selects: 8 equal, 4 first low,
/// 2 first high. The rightmost bit is ignored.
#[inline(always)]
pub(super) fn comparison<M: Machine, X: Order, T: Scalar>(m: &mut M, m3: u8, a: M::Val<T>, b: M::Val<T>) -> M::Cond {
    match m3 & 14 {
        0 => m.known(false),
        2 => X::less(m, b, a),
        4 => X::less(m, a, b),
        6 => {
            let c = m.eq(a, b);
            m.not_cond(c)
        }
        8 => m.eq(a, b),
        10 => {
            let c = X::less(m, a, b);
            m.not_cond(c)
        }
        12 => {
            let c = X::less(m, b, a);
            m.not_cond(c)
        }
        _ => m.known(true),
    }
}

fn compare_rr<M: Machine, X: Order, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r1()), m.gr::<F>(o.r2()));
    let b = extend::<M, F, T>(m, X::SIGNED, b);
    X::cc(m, a, b);
    Ok(())
}

fn compare_rx<M: Machine, X: Order, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let b = m.load::<F>(ea)?;
    let b = extend::<M, F, T>(m, X::SIGNED, b);
    let a = m.gr::<T>(o.r1());
    X::cc(m, a, b);
    Ok(())
}

fn compare_ri<M: Machine, X: Order, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let a = m.gr::<T>(o.r1());
    let b = immediate::<M, u32, T>(m, o, X::SIGNED);
    X::cc(m, a, b);
    Ok(())
}

fn compare_relative<M: Machine, X: Order, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let b = load_aligned_relative::<M, F>(m, o)?;
    let b = extend::<M, F, T>(m, X::SIGNED, b);
    let a = m.gr::<T>(o.r1());
    X::cc(m, a, b);
    Ok(())
}

/// Storage and an immediate.
fn compare_si<M: Machine, X: Order, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d1b1(m, o);
    let a = m.load::<T>(ea)?;
    let b = immediate::<M, u32, T>(m, o, X::SIGNED);
    X::cc(m, a, b);
    Ok(())
}
