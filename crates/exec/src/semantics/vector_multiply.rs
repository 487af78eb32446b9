//! Vector multiplication, with and without addition, and Galois-field multiplication.
//! Source: Principles of Operation, chapter 22: VECTOR MULTIPLY …, VECTOR GALOIS FIELD MULTIPLY SUM ….

use softsie_cpu::Exit;
use softsie_isa::Operands;

use super::vector_form::{ALL, Sizes, enhanced, require, vector_instructions};
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
        low = MultiplyLow(0..=2, 3..=4);
        high = MultiplyHigh(0..=2, 3..=4);
        high_logical = MultiplyHighLogical(0..=2, 3..=4);
        even = MultiplyEven(0..=2, 3..=3);
        even_logical = MultiplyEvenLogical(0..=2, 3..=3);
        odd = MultiplyOdd(0..=2, 3..=3);
        odd_logical = MultiplyOddLogical(0..=2, 3..=3);
        galois = GaloisMultiply(0..=3);
    }
}

/// V2 times V3, element size M5.
#[inline(always)]
fn product<M: Machine>(m: &mut M, o: &Operands, op: VectorOp, sizes: Sizes) -> Result<M::Val<u128>, Exit> {
    m.require_vector()?;
    require(sizes.contains(&o.m5()))?;
    let (a, b) = (m.vr(o.v2()), m.vr(o.v3()));
    Ok(m.vector(op, o.m5(), a, b))
}

/// Adds V4, whose elements are twice as large as the factors.
#[inline(always)]
fn add_to_product<M: Machine>(m: &mut M, o: &Operands, op: VectorOp, sizes: Sizes) -> Result<(), Exit> {
    let product = product(m, o, op, sizes)?;
    let c = m.vr(o.v4());
    let v = m.vector(VectorOp::Add, o.m5() + 1, product, c);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// Adds V4, whose elements are as large as the factors, to right halves of products.
#[inline(always)]
fn add_to_low<M: Machine>(m: &mut M, o: &Operands, sizes: Sizes) -> Result<(), Exit> {
    let product = product(m, o, VectorOp::MultiplyLow, sizes)?;
    let c = m.vr(o.v4());
    let v = m.vector(VectorOp::Add, o.m5(), product, c);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// Left halves of sums of products and elements of V4.
#[inline(always)]
fn add_to_high<M: Machine>(m: &mut M, o: &Operands, op: VectorOp3, sizes: Sizes) -> Result<(), Exit> {
    m.require_vector()?;
    require(sizes.contains(&o.m5()))?;
    let (a, b, c) = (m.vr(o.v2()), m.vr(o.v3()), m.vr(o.v4()));
    let v = m.vector3(op, o.m5(), a, b, c);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// Defines instructions by what they call; the element sizes in brackets came with vector-enhancements facility 3.
macro_rules! multiply_and_add {
    ($($name:ident = $f:ident($($op:expr)?) [$more:expr];)*) => {$(
        fn $name<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
            if $more.contains(&o.m5()) {
                return m.call(enhanced!(|cpu, o| $f(cpu, o $(, $op)?, ALL)), o);
            }
            $f(m, o $(, $op)?, 0..=2)
        }
    )*};
}

multiply_and_add! {
    add_even = add_to_product(VectorOp::MultiplyEven) [(3..=3)];
    add_even_logical = add_to_product(VectorOp::MultiplyEvenLogical) [(3..=3)];
    add_odd = add_to_product(VectorOp::MultiplyOdd) [(3..=3)];
    add_odd_logical = add_to_product(VectorOp::MultiplyOddLogical) [(3..=3)];
    add_low = add_to_low() [(3..=4)];
    add_high = add_to_high(VectorOp3::MultiplyAddHigh) [(3..=4)];
    add_high_logical = add_to_high(VectorOp3::MultiplyAddHighLogical) [(3..=4)];
}

fn galois_add<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let product = product(m, o, VectorOp::GaloisMultiply, 0..=3)?;
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
