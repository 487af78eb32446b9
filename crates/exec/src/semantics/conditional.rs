//! Loads, stores and selections that depend on the condition code.
//! Source: Principles of Operation, chapter 7: LOAD … ON CONDITION, STORE … ON CONDITION, SELECT.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use super::operation::immediate;
use crate::machine::Machine;
use crate::operand::d2b2;

semantics! {
    simple {
        LOCR => load_rr[u32], LOCGR => load_rr[u64], LOC => load[u32], LOCG => load[u64],
        LOCHI => load_immediate[u32], LOCGHI => load_immediate[u64], STOC => store[u32], STOCG => store[u64],
        LOCFHR => load_rr_high, LOCFH => load_high, LOCHHI => load_immediate_high, STOCFH => store_high,
        SELR => select[u32], SELGR => select[u64], SELFHR => select_high,
    }
    heavy {}
}

fn load_rr<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (old, new) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r2()));
    let c = m.cc_is(o.m3());
    let v = m.select(c, new, old);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    let c = m.cc_is(o.m3());
    let old = m.gr::<T>(o.r1());
    let v = m.load_if(c, ea, old)?;
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_immediate<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let old = m.gr::<T>(o.r1());
    let new = immediate::<M, u32, T>(m, o, true);
    let c = m.cc_is(o.m3());
    let v = m.select(c, new, old);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn store<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    let c = m.cc_is(o.m3());
    let v = m.gr::<T>(o.r1());
    m.store_if(c, ea, v)
}

fn load_rr_high<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (old, new) = (m.gr_high(o.r1()), m.gr_high(o.r2()));
    let c = m.cc_is(o.m3());
    let v = m.select(c, new, old);
    m.set_gr_high(o.r1(), v);
    Ok(())
}

fn load_high<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    let c = m.cc_is(o.m3());
    let old = m.gr_high(o.r1());
    let v = m.load_if(c, ea, old)?;
    m.set_gr_high(o.r1(), v);
    Ok(())
}

fn load_immediate_high<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let old = m.gr_high(o.r1());
    let new = immediate::<M, u32, u32>(m, o, true);
    let c = m.cc_is(o.m3());
    let v = m.select(c, new, old);
    m.set_gr_high(o.r1(), v);
    Ok(())
}

fn store_high<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    let c = m.cc_is(o.m3());
    let v = m.gr_high(o.r1());
    m.store_if(c, ea, v)
}

fn select<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr::<T>(o.r2()), m.gr::<T>(o.r3()));
    let c = m.cc_is(o.m4());
    let v = m.select(c, a, b);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn select_high<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (a, b) = (m.gr_high(o.r2()), m.gr_high(o.r3()));
    let c = m.cc_is(o.m4());
    let v = m.select(c, a, b);
    m.set_gr_high(o.r1(), v);
    Ok(())
}
