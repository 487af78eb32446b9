//! Vector multiplication, with and without addition, and Galois-field multiplication.
//! Source: Principles of Operation, chapter 22: VECTOR MULTIPLY …, VECTOR GALOIS FIELD MULTIPLY SUM ….

use softsie_cpu::Exit;
use softsie_isa::Operands;

use super::vector_form::{require, vector_instructions};
use crate::machine::Machine;
use crate::vector_op::{VectorOp, VectorOp3};

semantics! {
    simple {
        VML => low, VMH => high, VMLH => high_logical, VME => even, VMLE => even_logical, VMO => odd, VMLO => odd_logical,
        VMAL => add_low, VMAH => add_high, VMALH => add_high_logical,
        VMAE => add_even, VMALE => add_even_logical, VMAO => add_odd, VMALO => add_odd_logical,
        VMSL => sum_logical, VGFM => galois, VGFMA => galois_add,
    }
    heavy {}
}

vector_instructions! {
    binary {
        low = MultiplyLow(0..=2);
        high = MultiplyHigh(0..=2);
        high_logical = MultiplyHighLogical(0..=2);
        even = MultiplyEven(0..=2);
        even_logical = MultiplyEvenLogical(0..=2);
        odd = MultiplyOdd(0..=2);
        odd_logical = MultiplyOddLogical(0..=2);
        galois = GaloisMultiply(0..=3);
    }
}

/// V2 times V3, element size M5, at most `largest`.
#[inline(always)]
fn product<M: Machine>(m: &mut M, o: &Operands, op: VectorOp, largest: u8) -> Result<M::Val<u128>, Exit> {
    m.require_vector()?;
    require(o.m5() <= largest)?;
    let (a, b) = (m.vr(o.v2()), m.vr(o.v3()));
    Ok(m.vector(op, o.m5(), a, b))
}

/// Adds V4, whose elements are twice as large as the factors.
#[inline(always)]
fn multiply_add<M: Machine>(m: &mut M, o: &Operands, op: VectorOp) -> Result<(), Exit> {
    let product = product(m, o, op, 2)?;
    let c = m.vr(o.v4());
    let v = m.vector(VectorOp::Add, o.m5() + 1, product, c);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn add_even<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    multiply_add(m, o, VectorOp::MultiplyEven)
}

fn add_even_logical<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    multiply_add(m, o, VectorOp::MultiplyEvenLogical)
}

fn add_odd<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    multiply_add(m, o, VectorOp::MultiplyOdd)
}

fn add_odd_logical<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    multiply_add(m, o, VectorOp::MultiplyOddLogical)
}

fn add_low<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let product = product(m, o, VectorOp::MultiplyLow, 2)?;
    let c = m.vr(o.v4());
    let v = m.vector(VectorOp::Add, o.m5(), product, c);
    m.set_vr(o.v1(), v);
    Ok(())
}

#[inline(always)]
fn multiply_add_high<M: Machine>(m: &mut M, o: &Operands, op: VectorOp3) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.m5() <= 2)?;
    let (a, b, c) = (m.vr(o.v2()), m.vr(o.v3()), m.vr(o.v4()));
    let v = m.vector3(op, o.m5(), a, b, c);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn add_high<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    multiply_add_high(m, o, VectorOp3::MultiplyAddHigh)
}

fn add_high_logical<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    multiply_add_high(m, o, VectorOp3::MultiplyAddHighLogical)
}

fn galois_add<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let product = product(m, o, VectorOp::GaloisMultiply, 3)?;
    let c = m.vr(o.v4());
    let v = m.vector(VectorOp::Xor, 0, product, c);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// The even and the odd product of bits 8-63 of the doublewords, each doubled when M6 says so, and V4.
fn sum_logical<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.m5() == 3)?;
    let (a, b, mut sum) = (m.vr(o.v2()), m.vr(o.v3()), m.vr(o.v4()));
    let factor_bits = m.imm((1u64 << 56) - 1);
    for (index, doubled) in [(0, 8), (1, 4)] {
        let mut factors = [a, b];
        for f in &mut factors {
            let element = m.element::<u64>(*f, index);
            let element = m.and(element, factor_bits);
            *f = m.zext::<u64, u128>(element);
        }
        let product = m.mul(factors[0], factors[1]);
        sum = m.add(sum, product);
        if o.m6() & doubled != 0 {
            sum = m.add(sum, product);
        }
    }
    m.set_vr(o.v1(), sum);
    Ok(())
}
