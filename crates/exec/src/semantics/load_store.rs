//! Loads and stores of general registers.
//! Source: Principles of Operation, chapter 7: LOAD …, STORE …, LOAD ADDRESS, LOAD MULTIPLE, STORE MULTIPLE.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::{after, d2b2, d2x2b2};

semantics! {
    simple {
        L => load_rx[u32], LY => load_rx[u32], LG => load_rx[u64], LR => load_rr[u32], LGR => load_rr[u64],
        ST => store_rx[u32], STY => store_rx[u32], STG => store_rx[u64], STC => store_rx[u8], STH => store_rx[u16],
        LGF => load_extended[u32, u64], LLGF => load_zero_extended[u32], LLGC => load_zero_extended[u8],
        LMG => load_multiple[u64], STMG => store_multiple[u64],
        LA => load_address, LAY => load_address, LARL => load_address_relative,
        LGHI => load_immediate[u64], LHI => load_immediate[u32], LTGR => load_and_test_rr[u64],
    }
    heavy {}
}

fn load_rx<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<T>(ea)?;
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_rr<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.gr::<T>(o.r2());
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_and_test_rr<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.gr::<T>(o.r2());
    m.set_gr(o.r1(), v);
    m.cc_signed(v);
    Ok(())
}

fn store_rx<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.gr::<T>(o.r1());
    m.store(ea, v)
}

/// Loads an `F` sign-extended to a `T`.
fn load_extended<M: Machine, F: Scalar, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<F>(ea)?;
    let v = m.sext::<F, T>(v);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_zero_extended<M: Machine, F: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<F>(ea)?;
    let v = m.zext::<F, u64>(v);
    m.set_gr(o.r1(), v);
    Ok(())
}

/// How many registers from R1 to R3, wrapping from 15 to 0.
fn register_count(o: &Operands) -> u64 {
    u64::from(o.r3().wrapping_sub(o.r1()) & 15) + 1
}

fn load_multiple<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let mut ea = d2b2(m, o);
    // All operands are fetched before the first register changes, so that an exception finds them as they were.
    let count = register_count(o);
    let mut values = [None; 16];
    for v in values.iter_mut().take(count as usize) {
        *v = Some(m.load::<T>(ea)?);
        ea = after(m, ea, T::BYTES);
    }
    for (n, v) in values.into_iter().flatten().enumerate() {
        m.set_gr(o.r1().wrapping_add(n as u8) & 15, v);
    }
    Ok(())
}

fn store_multiple<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let mut ea = d2b2(m, o);
    let count = register_count(o);
    m.probe_store(ea, count * T::BYTES)?;
    for n in 0..count {
        let v = m.gr::<T>(o.r1().wrapping_add(n as u8) & 15);
        m.store(ea, v)?;
        ea = after(m, ea, T::BYTES);
    }
    Ok(())
}

fn load_address<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    m.set_gr_address(o.r1(), ea.address);
    Ok(())
}

fn load_address_relative<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let address = m.relative_address(o);
    m.set_gr_address(o.r1(), address);
    Ok(())
}

fn load_immediate<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.imm(T::truncate(i128::from(o.i2()) as u128));
    m.set_gr(o.r1(), v);
    Ok(())
}
