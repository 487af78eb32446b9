//! Vector string instructions: searches in registers.
//! Source: Principles of Operation, chapter 23, Vector String Instructions.

use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use super::vector_form::require;
use crate::machine::Machine;
use crate::semantics::lanes::string::{self, Search};

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
    find_element_equal, find_element_equal_on_cpu:
        |o| o.m4() <= 2 && o.m5() <= 3,
        |m| string::find_equal(Search::new(o.m5()), o.m4(), m.vr(o.v2()), m.vr(o.v3())),
        o.m5() & 1 != 0;
    find_element_not_equal, find_element_not_equal_on_cpu:
        |o| o.m4() <= 2 && o.m5() <= 3,
        |m| string::find_not_equal(Search::new(o.m5()), o.m4(), m.vr(o.v2()), m.vr(o.v3())),
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
