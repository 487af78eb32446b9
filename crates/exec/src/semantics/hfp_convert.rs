//! HFP instructions that move or convert one operand: signs, lengths, integers.
//! Source: Principles of Operation, chapter 18. LOAD LENGTHENED from short to long is in fp_support.rs: it only moves bits.

use softsie_cpu::{Cpu, Exit, Scalar};
use softsie_hfp::{self as arithmetic, Extended, Long, Method, Short};
use softsie_isa::Operands;

use crate::fp_datum::FpDatum;
use crate::machine::Machine;
use crate::semantics::fp_support::available;
use crate::semantics::hfp::{Operand, Register, Second, Storage, complete, complete_with_cc};

semantics! {
    simple {}
    heavy {
        LTER => load_and_test[Short], LTDR => load_and_test[Long], LTXR => load_and_test[Extended],
        LCER => load_complement[Short], LCDR => load_complement[Long], LCXR => load_complement[Extended],
        LNER => load_negative[Short], LNDR => load_negative[Long], LNXR => load_negative[Extended],
        LPER => load_positive[Short], LPDR => load_positive[Long], LPXR => load_positive[Extended],
        LEDR => load_rounded[Long, Short], LEXR => load_rounded[Extended, Short], LDXR => load_rounded[Extended, Long],
        LXER => load_lengthened[Short, Register], LXDR => load_lengthened[Long, Register],
        LXE => load_lengthened[Short, Storage], LXD => load_lengthened[Long, Storage],
        FIER => load_fp_integer[Short], FIDR => load_fp_integer[Long], FIXR => load_fp_integer[Extended],
        CEFR => from_fixed_32[Short], CDFR => from_fixed_32[Long], CXFR => from_fixed_32[Extended],
        CEGR => from_fixed_64[Short], CDGR => from_fixed_64[Long], CXGR => from_fixed_64[Extended],
        CFER => to_fixed[Short, u32], CFDR => to_fixed[Long, u32], CFXR => to_fixed[Extended, u32],
        CGER => to_fixed[Short, u64], CGDR => to_fixed[Long, u64], CGXR => to_fixed[Extended, u64],
    }
}

fn with_sign<F: Operand>(cpu: &mut Cpu, o: &Operands, sign: impl FnOnce(bool) -> bool) -> Result<(), Exit> {
    let b = Register::fetch::<F, F>(cpu, o)?;
    complete_with_cc::<F>(cpu, o.r1(), arithmetic::with_sign::<F>(b, sign))
}

fn load_and_test<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    with_sign::<F>(cpu, o, |negative| negative)
}

fn load_complement<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    with_sign::<F>(cpu, o, |negative| !negative)
}

fn load_negative<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    with_sign::<F>(cpu, o, |_| true)
}

fn load_positive<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    with_sign::<F>(cpu, o, |_| false)
}

fn load_rounded<F: Operand, T: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let b = Register::fetch::<F, T>(cpu, o)?;
    complete::<T>(cpu, o.r1(), arithmetic::load_rounded::<F, T>(b))
}

fn load_lengthened<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let b = S::fetch::<F, Extended>(cpu, o)?;
    u128::set(cpu, o.r1(), arithmetic::lengthen_to_extended::<F>(b));
    Ok(())
}

fn load_fp_integer<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let b = Register::fetch::<F, F>(cpu, o)?;
    F::Bits::set(cpu, o.r1(), arithmetic::load_fp_integer::<F>(b));
    Ok(())
}

fn from_fixed<F: Operand>(cpu: &mut Cpu, o: &Operands, value: i64) -> Result<(), Exit> {
    available(cpu, [o.r1()])?;
    if !F::Bits::fits(o.r1()) {
        return Err(Exit::SPECIFICATION);
    }
    F::Bits::set(cpu, o.r1(), arithmetic::convert_from_fixed::<F>(value));
    Ok(())
}

fn from_fixed_32<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let value: u32 = cpu.gr(o.r2());
    from_fixed::<F>(cpu, o, (value as i32).into())
}

fn from_fixed_64<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let value: u64 = cpu.gr(o.r2());
    from_fixed::<F>(cpu, o, value as i64)
}

fn to_fixed<F: Operand, I: Scalar>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    available(cpu, [o.r2()])?;
    let method = Method::of(o.m3()).filter(|_| F::Bits::fits(o.r2())).ok_or(Exit::SPECIFICATION)?;
    let (value, cc) = arithmetic::convert_to_fixed::<F>(F::Bits::get(cpu, o.r2()), method, I::BITS);
    cpu.set_gr(o.r1(), I::truncate(u128::from(value as u64)));
    cpu.cc = cc;
    Ok(())
}
