//! Operand addresses: base, index and displacement.
//! Source: Principles of Operation, chapter 5, Address Generation.

use softsie_isa::Operands;

use crate::machine::Machine;

/// An effective address and the access register that goes with it in access-register mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ea<V> {
    /// The address, cut to the addressing mode.
    pub address: V,
    /// Number of the base register, hence of the access register.
    pub ar: u8,
}

#[inline(always)]
fn generate<M: Machine>(m: &mut M, x: u8, b: u8, d: i32) -> Ea<M::Val<u64>> {
    let d = i64::from(d) as u64;
    let mut address = if b == 0 {
        m.imm(d)
    } else {
        let base = m.gr::<u64>(b);
        if d == 0 {
            base
        } else {
            let d = m.imm(d);
            m.add(base, d)
        }
    };
    if x != 0 {
        let index = m.gr::<u64>(x);
        address = m.add(address, index);
    }
    Ea { address: m.wrap(address), ar: b }
}

/// D2(X2,B2).
#[inline(always)]
pub fn d2x2b2<M: Machine>(m: &mut M, o: &Operands) -> Ea<M::Val<u64>> {
    generate(m, o.x2(), o.b2(), o.d2())
}

/// D2(B2).
#[inline(always)]
pub fn d2b2<M: Machine>(m: &mut M, o: &Operands) -> Ea<M::Val<u64>> {
    generate(m, 0, o.b2(), o.d2())
}

/// D1(B1).
#[inline(always)]
pub fn d1b1<M: Machine>(m: &mut M, o: &Operands) -> Ea<M::Val<u64>> {
    generate(m, 0, o.b1(), o.d1())
}

/// D4(B4).
#[inline(always)]
pub fn d4b4<M: Machine>(m: &mut M, o: &Operands) -> Ea<M::Val<u64>> {
    generate(m, 0, o.b4(), o.d4())
}

/// The address `offset` bytes after `ea`.
#[inline(always)]
pub fn after<M: Machine>(m: &mut M, ea: Ea<M::Val<u64>>, offset: u64) -> Ea<M::Val<u64>> {
    let offset = m.imm(offset);
    let address = m.add(ea.address, offset);
    Ea { address: m.wrap(address), ar: ea.ar }
}

/// Address contained in general register `r`.
#[inline(always)]
pub fn in_register<M: Machine>(m: &mut M, r: u8) -> Ea<M::Val<u64>> {
    let address = m.gr::<u64>(r);
    Ea { address: m.wrap(address), ar: r }
}

/// A shift amount: the rightmost six bits of D2(B2).
#[inline(always)]
pub fn shift_amount<M: Machine>(m: &mut M, o: &Operands) -> M::Val<u32> {
    let d = m.imm(o.d2() as u32);
    let amount = if o.b2() == 0 {
        d
    } else {
        let base = m.gr::<u32>(o.b2());
        m.add(base, d)
    };
    let mask = m.imm(63u32);
    m.and(amount, mask)
}
