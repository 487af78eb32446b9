//! Vector integer division.
//! Source: Principles of Operation, chapter 22: VECTOR DIVIDE (LOGICAL), VECTOR REMAINDER (LOGICAL).

use softsie_cpu::{Cpu, Exit, Scalar};
use softsie_isa::Operands;

use super::vector_form::require;
use super::vector_fp::vector_exception;
use crate::machine::Machine;

semantics! {
    simple {}
    heavy {
        VD => divide[true, false], VDL => divide[false, false], VR => divide[true, true], VRL => divide[false, true],
    }
}

/// Bit of M5: a quotient that there isn't is zero, and so is its remainder.
const NO_EXCEPTION: u8 = 8;
/// Vector-interrupt code of an integer division.
const INTEGER_DIVIDE: u8 = 8;

fn divide<const SIGNED: bool, const REMAINDER: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    match o.m4() {
        2 => elements::<u32>(cpu, o, SIGNED, REMAINDER),
        3 => elements::<u64>(cpu, o, SIGNED, REMAINDER),
        4 => elements::<u128>(cpu, o, SIGNED, REMAINDER),
        _ => require(false),
    }
}

fn elements<T: Scalar>(cpu: &mut Cpu, o: &Operands, signed: bool, remainder: bool) -> Result<(), Exit> {
    let (a, b) = (cpu.vr(o.v2()), cpu.vr(o.v3()));
    let mut v = 0;
    for index in 0..128 / T::BITS {
        let (x, y) = (cpu.element::<T>(a, index as u8), cpu.element::<T>(b, index as u8));
        let ones = T::default().not();
        let smallest = T::truncate(1 << (T::BITS - 1));
        // The quotient of the smallest number and minus one is too large.
        let result = if y == T::default() || signed && y == ones && x == smallest {
            if o.m5() & NO_EXCEPTION == 0 {
                return Err(vector_exception(cpu, index, INTEGER_DIVIDE));
            }
            T::default()
        } else {
            let (quotient, rest) = if signed { x.signed_div_rem(y) } else { x.div_rem(y) };
            if remainder { rest } else { quotient }
        };
        v = cpu.set_element(v, index as u8, result);
    }
    cpu.set_vr(o.v1(), v);
    Ok(())
}
