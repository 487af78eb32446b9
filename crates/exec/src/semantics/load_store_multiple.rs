//! Loads and stores of several registers at once, and of register pairs from disjoint places.
//! Source: Principles of Operation, chapter 7: LOAD MULTIPLE …, STORE MULTIPLE …, LOAD ACCESS MULTIPLE, LOAD PAIR ….

use softsie_cpu::{Access, AddressSpace, Cpu, Exit, ProgramCode, Scalar};
use softsie_isa::Operands;

use super::interlocked;
use crate::machine::Machine;
use crate::operand::{Ea, d1b1, d2b2, d2x2b2, d4b4};

semantics! {
    simple {
        LM => load[Low, u32], LMY => load[Low, u32], LMG => load[Low, u64], LMH => load[High, u32],
        LAM => load_access, LAMY => load_access,
        STM => store[Low, u32], STMY => store[Low, u32], STMG => store[Low, u64], STMH => store[High, u32],
        STAM => store_access, STAMY => store_access,
        LMD => load_disjoint,
    }
    heavy { LPD => load_pair_disjoint[u32], LPDG => load_pair_disjoint[u64], LPQ => load_quadword, STPQ => store_quadword }
}

/// A part of the registers.
trait Registers<T: Scalar> {
    fn get<M: Machine>(m: &mut M, r: u8) -> M::Val<T>;
    fn set<M: Machine>(m: &mut M, r: u8, v: M::Val<T>);
}

/// The rightmost bits of general registers.
struct Low;
/// Bits 0-31 of general registers.
struct High;
/// Access registers.
struct AccessRegisters;

impl<T: Scalar> Registers<T> for Low {
    #[inline(always)]
    fn get<M: Machine>(m: &mut M, r: u8) -> M::Val<T> {
        m.gr(r)
    }
    #[inline(always)]
    fn set<M: Machine>(m: &mut M, r: u8, v: M::Val<T>) {
        m.set_gr(r, v);
    }
}

impl Registers<u32> for High {
    #[inline(always)]
    fn get<M: Machine>(m: &mut M, r: u8) -> M::Val<u32> {
        m.gr_high(r)
    }
    #[inline(always)]
    fn set<M: Machine>(m: &mut M, r: u8, v: M::Val<u32>) {
        m.set_gr_high(r, v);
    }
}

impl Registers<u32> for AccessRegisters {
    #[inline(always)]
    fn get<M: Machine>(m: &mut M, r: u8) -> M::Val<u32> {
        m.ar(r)
    }
    #[inline(always)]
    fn set<M: Machine>(m: &mut M, r: u8, v: M::Val<u32>) {
        m.set_ar(r, v);
    }
}

/// How many registers from R1 to R3, wrapping from 15 to 0.
fn register_count(o: &Operands) -> usize {
    usize::from(o.r3().wrapping_sub(o.r1()) & 15) + 1
}

fn register(o: &Operands, n: usize) -> u8 {
    o.r1().wrapping_add(n as u8) & 15
}

fn load<M: Machine, R: Registers<T>, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    load_at::<M, R, T>(m, o, ea)
}

#[inline(always)]
fn load_at<M: Machine, R: Registers<T>, T: Scalar>(m: &mut M, o: &Operands, ea: Ea<M::Val<u64>>) -> Result<(), Exit> {
    // All operands are fetched before the first register changes, so that an exception finds them as they were.
    let values = m.load_many::<T>(ea, register_count(o))?;
    for (n, v) in values.into_iter().flatten().enumerate() {
        R::set(m, register(o, n), v);
    }
    Ok(())
}

fn store<M: Machine, R: Registers<T>, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    store_at::<M, R, T>(m, o, ea)
}

#[inline(always)]
fn store_at<M: Machine, R: Registers<T>, T: Scalar>(m: &mut M, o: &Operands, ea: Ea<M::Val<u64>>) -> Result<(), Exit> {
    let mut values = [None; 16];
    for (n, v) in values.iter_mut().enumerate().take(register_count(o)) {
        *v = Some(R::get(m, register(o, n)));
    }
    m.store_many(ea, &values)
}

/// Specification exception when the address is not a multiple of `T`'s size.
#[inline(always)]
pub(super) fn require_aligned<M: Machine, T: Scalar>(m: &mut M, ea: Ea<M::Val<u64>>) -> Result<(), Exit> {
    let offset = m.imm(T::BYTES - 1);
    let offset = m.and(ea.address, offset);
    let zero = m.imm(0u64);
    let aligned = m.eq(offset, zero);
    let misaligned = m.not_cond(aligned);
    m.raise_if(misaligned, ProgramCode::SPECIFICATION)
}

fn load_access<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    require_aligned::<M, u32>(m, ea)?;
    load_at::<M, AccessRegisters, u32>(m, o, ea)
}

fn store_access<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    require_aligned::<M, u32>(m, ea)?;
    store_at::<M, AccessRegisters, u32>(m, o, ea)
}

/// Bits 0-31 of the registers from one operand, bits 32-63 from another.
fn load_disjoint<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (high, low) = (d2b2(m, o), d4b4(m, o));
    let high = m.load_many::<u32>(high, register_count(o))?;
    let low = m.load_many::<u32>(low, register_count(o))?;
    for (n, (high, low)) in high.into_iter().flatten().zip(low.into_iter().flatten()).enumerate() {
        m.set_gr_high(register(o, n), high);
        m.set_gr(register(o, n), low);
    }
    Ok(())
}

/// Two operands as they are at one moment; CC 3 when another CPU has kept changing the first.
fn load_pair_disjoint<T: Scalar>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    if o.r3() & 1 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    require_aligned::<Cpu, T>(cpu, first)?;
    require_aligned::<Cpu, T>(cpu, second)?;
    let mut a: T = cpu.load(first.address, first.ar)?;
    let mut cc = 3;
    let mut b = T::default();
    for _ in 0..8 {
        b = cpu.load(second.address, second.ar)?;
        let again: T = cpu.load(first.address, first.ar)?;
        if again == a {
            cc = 0;
            break;
        }
        a = again;
    }
    cpu.set_gr(o.r3(), a);
    cpu.set_gr(o.r3() | 1, b);
    cpu.cc = cc;
    Ok(())
}

fn load_quadword(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(cpu, o);
    if o.r1() & 1 != 0 || ea.address & 15 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let host = cpu.host(AddressSpace::Logical(ea.ar), ea.address, Access::Fetch)?;
    let (high, low) = cpu.split(interlocked::load_16(host));
    cpu.set_gr(o.r1(), high);
    cpu.set_gr(o.r1() | 1, low);
    Ok(())
}

fn store_quadword(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(cpu, o);
    if o.r1() & 1 != 0 || ea.address & 15 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let (high, low) = (cpu.gr::<u64>(o.r1()), cpu.gr::<u64>(o.r1() | 1));
    let host = cpu.host(AddressSpace::Logical(ea.ar), ea.address, Access::Store)?;
    let v = cpu.join(high, low);
    interlocked::store_16(host, v);
    cpu.stored(AddressSpace::Logical(ea.ar), ea.address, 16);
    Ok(())
}
