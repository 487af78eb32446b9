//! Interlocked updates: load and add/and/or/exclusive or, add immediate to storage, and/or/exclusive or (immediate), TEST
//! AND SET. Source: Principles of Operation, chapter 7, with the interlocked-access facilities 1 and 2 installed.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use super::add_subtract::{Add, AddLogical};
use super::load_store_multiple::require_aligned;
use super::logical::{And, Or, Xor};
use super::operation::{Operation, immediate};
use crate::machine::{Machine, Update};
use crate::operand::{d1b1, d2b2};

semantics! {
    simple {
        LAA => load_and[Add, u32], LAAG => load_and[Add, u64],
        LAAL => load_and[AddLogical, u32], LAALG => load_and[AddLogical, u64],
        LAN => load_and[And, u32], LANG => load_and[And, u64],
        LAO => load_and[Or, u32], LAOG => load_and[Or, u64],
        LAX => load_and[Xor, u32], LAXG => load_and[Xor, u64],
        ASI => immediate_to_storage[Add, u32], AGSI => immediate_to_storage[Add, u64],
        ALSI => immediate_to_storage[AddLogical, u32], ALGSI => immediate_to_storage[AddLogical, u64],
        NI => immediate_to_storage[And, u8], NIY => immediate_to_storage[And, u8],
        OI => immediate_to_storage[Or, u8], OIY => immediate_to_storage[Or, u8],
        XI => immediate_to_storage[Xor, u8], XIY => immediate_to_storage[Xor, u8],
        TS => test_and_set,
    }
    heavy {}
}

/// An operation that storage can be updated with.
trait Updating: Operation {
    const UPDATE: Update;
}

impl Updating for Add {
    const UPDATE: Update = Update::Add;
}
impl Updating for AddLogical {
    const UPDATE: Update = Update::Add;
}
impl Updating for And {
    const UPDATE: Update = Update::And;
}
impl Updating for Or {
    const UPDATE: Update = Update::Or;
}
impl Updating for Xor {
    const UPDATE: Update = Update::Xor;
}

fn load_and<M: Machine, X: Updating, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    require_aligned::<M, T>(m, ea)?;
    let v = m.gr::<T>(o.r3());
    let old = m.update(X::UPDATE, ea, v)?;
    m.set_gr(o.r1(), old);
    // What has been stored is computed again for the CC.
    let (_, overflow) = X::apply(m, old, v);
    overflow.map_or(Ok(()), |c| m.fixed_point_overflow(c))
}

fn immediate_to_storage<M: Machine, X: Updating, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d1b1(m, o);
    let v = immediate::<M, u32, T>(m, o, true);
    let old = m.update(X::UPDATE, ea, v)?;
    let (_, overflow) = X::apply(m, old, v);
    overflow.map_or(Ok(()), |c| m.fixed_point_overflow(c))
}

fn test_and_set<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d1b1(m, o);
    let ones = m.imm(0xFFu8);
    let old = m.update(Update::Or, ea, ones)?;
    let leftmost = m.imm(7);
    let cc = m.shr(old, leftmost);
    m.set_cc(cc);
    m.serialize()
}
