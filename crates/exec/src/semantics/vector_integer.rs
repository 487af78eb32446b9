//! Vector integer instructions that work element by element: addition, logic, averages, extremes, counts, sums.
//! Source: Principles of Operation, chapter 22, Vector Integer Instructions.

use softsie_cpu::Exit;
use softsie_isa::Operands;

use super::vector_form::{require, vector_instructions};
use crate::machine::Machine;

semantics! {
    simple {
        VA => add, VS => subtract, VACC => add_carry, VSCBI => subtract_borrow,
        VAC => add_with_carry, VACCC => add_with_carry_carry, VSBI => subtract_with_borrow,
        VSBCBI => subtract_with_borrow_borrow,
        VN => and, VNC => and_complement, VO => or, VOC => or_complement, VX => xor, VNN => nand, VNO => nor, VNX => not_xor,
        VMX => maximum, VMXL => maximum_logical, VMN => minimum, VMNL => minimum_logical,
        VAVG => average, VAVGL => average_logical,
        VLC => complement, VLP => positive, VPOPCT => count_ones, VCLZ => leading_zeros, VCTZ => trailing_zeros,
        VSUM => sum_word, VSUMG => sum_doubleword, VSUMQ => sum_quadword, VCKSM => checksum,
    }
    heavy {}
}

vector_instructions! {
    unary {
        complement = Negate(0..=3, 4..=4);
        positive = Absolute(0..=3, 4..=4);
        count_ones = CountOnes(0..=3);
        leading_zeros = LeadingZeros(0..=3, 4..=4);
        trailing_zeros = TrailingZeros(0..=3, 4..=4);
    }
    binary {
        add = Add(0..=4);
        subtract = Subtract(0..=4);
        add_carry = AddCarry(0..=4);
        subtract_borrow = SubtractBorrow(0..=4);
        maximum = Maximum(0..=3, 4..=4);
        maximum_logical = MaximumLogical(0..=3, 4..=4);
        minimum = Minimum(0..=3, 4..=4);
        minimum_logical = MinimumLogical(0..=3, 4..=4);
        average = Average(0..=3, 4..=4);
        average_logical = AverageLogical(0..=3, 4..=4);
        sum_word = SumWord(0..=1);
        sum_doubleword = SumDoubleword(1..=2);
        sum_quadword = SumQuadword(2..=3);
    }
    whole {
        and = And;
        and_complement = AndComplement;
        or = Or;
        or_complement = OrComplement;
        xor = Xor;
        nand = Nand;
        nor = Nor;
        not_xor = NotXor;
        checksum = Checksum;
    }
}

/// V2 + V3 (or its complement) + bit 127 of V4 as one number, element size quadword only: the sum and the carry out.
#[inline(always)]
fn add_three<M: Machine>(m: &mut M, o: &Operands, complement: bool) -> Result<(M::Val<u128>, M::Cond), Exit> {
    m.require_vector()?;
    require(o.m5() == 4)?;
    let (a, b, c) = (m.vr(o.v2()), m.vr(o.v3()), m.vr(o.v4()));
    let b = if complement { m.not(b) } else { b };
    let one = m.imm(1u128);
    let c = m.and(c, one);
    let (sum, carry) = m.add_carry(a, b);
    let (sum, again) = m.add_carry(sum, c);
    Ok((sum, m.either(carry, again)))
}

/// Puts a carry into V1.
#[inline(always)]
fn set_carry<M: Machine>(m: &mut M, o: &Operands, carry: M::Cond) {
    let (one, zero) = (m.imm(1u128), m.imm(0u128));
    let v = m.select(carry, one, zero);
    m.set_vr(o.v1(), v);
}

fn add_with_carry<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (sum, _) = add_three(m, o, false)?;
    m.set_vr(o.v1(), sum);
    Ok(())
}

fn add_with_carry_carry<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (_, carry) = add_three(m, o, false)?;
    set_carry(m, o, carry);
    Ok(())
}

fn subtract_with_borrow<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (difference, _) = add_three(m, o, true)?;
    m.set_vr(o.v1(), difference);
    Ok(())
}

fn subtract_with_borrow_borrow<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (_, carry) = add_three(m, o, true)?;
    set_carry(m, o, carry);
    Ok(())
}
