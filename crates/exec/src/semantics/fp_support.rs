//! Floating-point-support instructions that move data of any radix: loads, stores, signs, transfers to general registers.
//! Source: Principles of Operation, chapter 9, Floating-Point-Support Instructions; register availability there too.

use softsie_cpu::{Exit, Scalar};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2x2b2;

semantics! {
    simple {
        LER => load_rr[u32], LDR => load_rr[u64], LXR => load_extended_rr,
        LE => load_rx[u32], LEY => load_rx[u32], LD => load_rx[u64], LDY => load_rx[u64],
        STE => store_rx[u32], STEY => store_rx[u32], STD => store_rx[u64], STDY => store_rx[u64],
        LZER => load_zero[u32], LZDR => load_zero[u64], LZXR => load_zero_extended,
        LPDFR => load_positive, LNDFR => load_negative, LCDFR => load_complement, CPSDR => copy_sign,
        LGDR => load_gr_from_fpr, LDGR => load_fpr_from_gr,
        LDER => lengthen_rr, LDE => lengthen_rx,
    }
    heavy {}
}

/// Data-exception code of an additional floating-point register that CR0 does not make available.
const DXC_AFP_REGISTER: u8 = 0x01;

const SIGN: u64 = 1 << 63;

/// Floating-point registers 0, 2, 4 and 6 are always there, the others when CR0 makes them available.
#[inline(always)]
pub(crate) fn available<M: Machine, const N: usize>(m: &mut M, registers: [u8; N]) -> Result<(), Exit> {
    if registers.iter().any(|r| r & 9 != 0) { m.require_afp(DXC_AFP_REGISTER) } else { Ok(()) }
}

/// An extended operand's register must be the lower-numbered one of a pair (n, n + 2).
#[inline(always)]
pub(crate) fn is_pair(r: u8) -> bool {
    r & 2 == 0
}

fn load_rr<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1(), o.r2()])?;
    let v = m.fr::<T>(o.r2());
    m.set_fr(o.r1(), v);
    Ok(())
}

fn load_extended_rr<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1(), o.r2()])?;
    if !is_pair(o.r1()) || !is_pair(o.r2()) {
        return Err(Exit::SPECIFICATION);
    }
    let (high, low) = (m.fr::<u64>(o.r2()), m.fr::<u64>(o.r2() + 2));
    m.set_fr(o.r1(), high);
    m.set_fr(o.r1() + 2, low);
    Ok(())
}

fn load_rx<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1()])?;
    let ea = d2x2b2(m, o);
    let v = m.load::<T>(ea)?;
    m.set_fr(o.r1(), v);
    Ok(())
}

// A short HFP number becomes a long one by zeros on the right. Compilers load short BFP numbers so, to fill the register.
fn lengthen_rr<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1(), o.r2()])?;
    let v = m.fr::<u32>(o.r2());
    set_lengthened(m, o, v);
    Ok(())
}

fn lengthen_rx<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1()])?;
    let ea = d2x2b2(m, o);
    let v = m.load::<u32>(ea)?;
    set_lengthened(m, o, v);
    Ok(())
}

fn set_lengthened<M: Machine>(m: &mut M, o: &Operands, v: M::Val<u32>) {
    let wide = m.zext::<u32, u64>(v);
    let half = m.imm(32u32);
    let left = m.shl(wide, half);
    m.set_fr(o.r1(), left);
}

fn store_rx<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1()])?;
    let ea = d2x2b2(m, o);
    let v = m.fr::<T>(o.r1());
    m.store(ea, v)
}

fn load_zero<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1()])?;
    let zero = m.imm(T::default());
    m.set_fr(o.r1(), zero);
    Ok(())
}

fn load_zero_extended<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1()])?;
    if !is_pair(o.r1()) {
        return Err(Exit::SPECIFICATION);
    }
    let zero = m.imm(0u64);
    m.set_fr(o.r1(), zero);
    m.set_fr(o.r1() + 2, zero);
    Ok(())
}

fn load_positive<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1(), o.r2()])?;
    let (v, magnitude) = (m.fr::<u64>(o.r2()), m.imm(!SIGN));
    let v = m.and(v, magnitude);
    m.set_fr(o.r1(), v);
    Ok(())
}

fn load_negative<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1(), o.r2()])?;
    let (v, sign) = (m.fr::<u64>(o.r2()), m.imm(SIGN));
    let v = m.or(v, sign);
    m.set_fr(o.r1(), v);
    Ok(())
}

fn load_complement<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1(), o.r2()])?;
    let (v, sign) = (m.fr::<u64>(o.r2()), m.imm(SIGN));
    let v = m.xor(v, sign);
    m.set_fr(o.r1(), v);
    Ok(())
}

/// The second operand with the sign of the third.
fn copy_sign<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1(), o.r2(), o.r3()])?;
    let (v, magnitude) = (m.fr::<u64>(o.r2()), m.imm(!SIGN));
    let v = m.and(v, magnitude);
    let (s, sign) = (m.fr::<u64>(o.r3()), m.imm(SIGN));
    let s = m.and(s, sign);
    let v = m.or(v, s);
    m.set_fr(o.r1(), v);
    Ok(())
}

fn load_gr_from_fpr<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r2()])?;
    let v = m.fr::<u64>(o.r2());
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_fpr_from_gr<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    available(m, [o.r1()])?;
    let v = m.gr::<u64>(o.r2());
    m.set_fr(o.r1(), v);
    Ok(())
}
