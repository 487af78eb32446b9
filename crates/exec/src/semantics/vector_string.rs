//! Vector string instructions: searches in registers.
//! Source: Principles of Operation, chapter 23, Vector String Instructions.

use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use super::vector_form::require;
use crate::machine::Machine;
use crate::semantics::lanes::string::{self, Search};
use crate::vector_op::VectorOp;

semantics! {
    simple {
        VFAE => find_any_element_equal, VFEE => find_element_equal, VFENE => find_element_not_equal,
        VISTR => isolate_string, VSTRC => string_range_compare, VSTRS => string_search,
    }
    heavy {}
}

/// Defines an instruction: its function, with the checks, and the function on the CPU that it calls.
macro_rules! string_instructions {
    ($($name:ident, $on_cpu:ident: |$o:ident| $valid:expr, |$m:ident| $result:expr, $sets_cc:expr;)*) => {$(
        fn $name<M: Machine>(m: &mut M, $o: &Operands) -> Result<(), Exit> {
            m.require_vector()?;
            require($valid)?;
            m.call_vector($on_cpu, $o)
        }

        fn $on_cpu($m: &mut Cpu, $o: &Operands) -> Result<(), Exit> {
            let (v, cc) = $result;
            $m.set_vr($o.v1(), v);
            if $sets_cc {
                $m.cc = cc;
            }
            Ok(())
        }
    )*};
}

string_instructions! {
    find_any_element_equal, find_any_element_equal_on_cpu:
        |o| o.m4() <= 2,
        |m| string::find_any_equal(Search::new(o.m5()), o.m4(), m.vr(o.v2()), m.vr(o.v3())),
        o.m5() & 1 != 0;
    isolate_string, isolate_string_on_cpu:
        |o| o.m3() <= 2 && o.m5() <= 1,
        |m| string::isolate(o.m3(), m.vr(o.v2())),
        o.m5() & 1 != 0;
    string_range_compare, string_range_compare_on_cpu:
        |o| o.m5() <= 2,
        |m| string::range_compare(Search::new(o.m6()), o.m5(), m.vr(o.v2()), m.vr(o.v3()), m.vr(o.v4())),
        o.m6() & 1 != 0;
    string_search, string_search_on_cpu:
        |o| o.m5() <= 2 && o.m6() & !2 == 0,
        |m| string::search(Search::new(o.m6()), o.m5(), m.vr(o.v2()), m.vr(o.v3()), m.vr(o.v4())),
        true;
}

/// The bit where the leftmost element of a mask begins, 128 when there is none.
#[inline(always)]
fn leftmost<M: Machine>(m: &mut M, mask: M::Val<u128>) -> M::Val<u64> {
    let n = m.leading_zeros(mask);
    m.trunc::<u128, u64>(n)
}

/// Whether bit number `at` of [`leftmost`] says that there is none.
#[inline(always)]
fn is_none<M: Machine>(m: &mut M, at: M::Val<u64>) -> M::Cond {
    let none = m.imm(128u64);
    m.eq(at, none)
}

/// Finds the first element that is equal, or one that is not, or one that is zero when M5 asks for that; and the CC when it
/// asks for that.
#[inline(always)]
fn find_element<M: Machine>(m: &mut M, o: &Operands, different: bool) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.m4() <= 2 && o.m5() <= 3)?;
    let (a, b) = (m.vr(o.v2()), m.vr(o.v3()));
    let equal = m.vector(VectorOp::CompareEqual, o.m4(), a, b);
    let found = if different { m.vector(VectorOp::Nor, 0, equal, equal) } else { equal };
    let first = leftmost(m, found);
    let zero = if Search::new(o.m5()).zero {
        let nothing = m.imm(0u128);
        let zeros = m.vector(VectorOp::CompareEqual, o.m4(), a, nothing);
        leftmost(m, zeros)
    } else {
        m.imm(128u64)
    };
    let zero_is_first = m.lt(zero, first);
    let at = m.select(zero_is_first, zero, first);
    let bits_to_bytes = m.imm(3u32);
    let index = m.shr(at, bits_to_bytes);
    let nothing = m.imm(0u64);
    let result = m.join(index, nothing);
    m.set_vr(o.v1(), result);
    if o.m5() & 1 != 0 {
        let [cc0, cc1, cc2, cc3] = [0u8, 1, 2, 3].map(|cc| m.imm(cc));
        let cc = if different {
            // Elements are unsigned, and all before the first difference are equal: the registers compare as that element
            // does.
            let low = m.lt(a, b);
            let cc = m.select(low, cc1, cc2);
            m.select(zero_is_first, cc0, cc)
        } else {
            let no_zero = is_none(m, zero);
            let cc = m.select(no_zero, cc1, cc2);
            let before = m.lt(first, zero);
            m.select(before, cc, cc0)
        };
        let none = is_none(m, at);
        let cc = m.select(none, cc3, cc);
        m.set_cc(cc);
    }
    Ok(())
}

fn find_element_equal<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    find_element(m, o, false)
}

fn find_element_not_equal<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    find_element(m, o, true)
}
