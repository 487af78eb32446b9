//! Conversions between binary and hexadecimal floating point.
//! Source: Principles of Operation, chapter 9, CONVERT BFP TO HFP, CONVERT HFP TO BFP.

use softsie_bfp::{self as arithmetic, Long, Rounding, Short};
use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use crate::fp_datum::FpDatum;
use crate::machine::Machine;
use crate::semantics::bfp::Operand;
use crate::semantics::fp_support::available;

semantics! {
    simple {}
    heavy { THDER => to_hfp[Short], THDR => to_hfp[Long], TBEDR => from_hfp[Short], TBDR => from_hfp[Long] }
}

fn to_hfp<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    available(cpu, [o.r1(), o.r2()])?;
    let (hfp, cc) = arithmetic::convert_to_hfp::<F>(F::Bits::get(cpu, o.r2()));
    cpu.set_fr(o.r1(), hfp);
    cpu.cc = cc;
    Ok(())
}

/// M3: 0 and 5 toward zero, 1 nearest with ties away, 4 nearest even, 6 up, 7 down.
fn from_hfp<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    available(cpu, [o.r1(), o.r2()])?;
    let rounding = match o.m3() {
        3 => None,
        method => Rounding::from_method(method.into(), Rounding::Zero),
    };
    let rounding = rounding.ok_or(Exit::SPECIFICATION)?;
    let (bits, cc) = arithmetic::convert_from_hfp::<F>(cpu.fr(o.r2()), rounding);
    F::Bits::set(cpu, o.r1(), bits);
    cpu.cc = cc;
    Ok(())
}
