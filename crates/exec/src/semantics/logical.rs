//! And, or, exclusive or and their complements, of registers, storage and immediates.
//! Source: Principles of Operation, chapter 7: AND, OR, EXCLUSIVE OR, NAND, NOR, … WITH COMPLEMENT.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use super::operation::{Operation, immediate, ri, rr, rrr, rx};
use crate::machine::Machine;

semantics! {
    simple {
        NR => rr[And, u32, u32], NGR => rr[And, u64, u64], NRK => rrr[And, u32], NGRK => rrr[And, u64],
        N => rx[And, u32, u32], NY => rx[And, u32, u32], NG => rx[And, u64, u64],
        OR => rr[Or, u32, u32], OGR => rr[Or, u64, u64], ORK => rrr[Or, u32], OGRK => rrr[Or, u64],
        O => rx[Or, u32, u32], OY => rx[Or, u32, u32], OG => rx[Or, u64, u64],
        XR => rr[Xor, u32, u32], XGR => rr[Xor, u64, u64], XRK => rrr[Xor, u32], XGRK => rrr[Xor, u64],
        X => rx[Xor, u32, u32], XY => rx[Xor, u32, u32], XG => rx[Xor, u64, u64],
        NCRK => rrr[AndComplement, u32], NCGRK => rrr[AndComplement, u64],
        OCRK => rrr[OrComplement, u32], OCGRK => rrr[OrComplement, u64],
        NNRK => rrr[Nand, u32], NNGRK => rrr[Nand, u64],
        NORK => rrr[Nor, u32], NOGRK => rrr[Nor, u64],
        NXRK => rrr[NotXor, u32], NXGRK => rrr[NotXor, u64],
        NIHH => halfword[And, 48], NIHL => halfword[And, 32], NILH => halfword[And, 16], NILL => halfword[And, 0],
        OIHH => halfword[Or, 48], OIHL => halfword[Or, 32], OILH => halfword[Or, 16], OILL => halfword[Or, 0],
        NILF => ri[And, u32, u32], OILF => ri[Or, u32, u32], XILF => ri[Xor, u32, u32],
        NIHF => high_word[And], OIHF => high_word[Or], XIHF => high_word[Xor],
    }
    heavy {}
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = |$m:ident, $a:ident, $b:ident| $value:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Operation for $name {
            const SIGNED: bool = false;
            #[inline(always)]
            fn apply<M: Machine, T: Scalar>($m: &mut M, $a: M::Val<T>, $b: M::Val<T>) -> (M::Val<T>, Option<M::Cond>) {
                let v: M::Val<T> = $value;
                $m.cc_zero(v);
                (v, None)
            }
        }
    )*};
}

operations! {
    /// And.
    And = |m, a, b| m.and(a, b);
    /// Or.
    Or = |m, a, b| m.or(a, b);
    /// Exclusive or.
    Xor = |m, a, b| m.xor(a, b);
    /// And with the complement of the last operand.
    AndComplement = |m, a, b| {
        let b = m.not(b);
        m.and(a, b)
    };
    /// Or with the complement of the last operand.
    OrComplement = |m, a, b| {
        let b = m.not(b);
        m.or(a, b)
    };
    /// Not and.
    Nand = |m, a, b| {
        let v = m.and(a, b);
        m.not(v)
    };
    /// Not or.
    Nor = |m, a, b| {
        let v = m.or(a, b);
        m.not(v)
    };
    /// Not exclusive or.
    NotXor = |m, a, b| {
        let v = m.xor(a, b);
        m.not(v)
    };
}

/// A halfword of R1, `SHIFT` bits from the right, and I2; the CC is that of the halfword.
fn halfword<M: Machine, X: Operation, const SHIFT: u32>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let whole = m.gr::<u64>(o.r1());
    let shift = m.imm(SHIFT);
    let a = m.shr(whole, shift);
    let a = m.trunc::<u64, u16>(a);
    let b = immediate::<M, u16, u16>(m, o, false);
    let (v, _) = X::apply(m, a, b);
    super::insert_test::set_field::<M, u16>(m, o.r1(), SHIFT, v);
    Ok(())
}

fn high_word<M: Machine, X: Operation>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let a = m.gr_high(o.r1());
    let b = immediate::<M, u32, u32>(m, o, false);
    let (v, _) = X::apply(m, a, b);
    m.set_gr_high(o.r1(), v);
    Ok(())
}
