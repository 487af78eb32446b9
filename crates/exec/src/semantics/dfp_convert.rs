//! DFP conversions: between formats, to integers in the format, from and to binary integers.
//! Source: Principles of Operation, chapter 20; rounding methods and the inexact-suppression bit under each instruction.

use softsie_cpu::{Cpu, Exit, Scalar};
use softsie_dfp::{self as arithmetic, Env, Extended, Integer, Long, Rounded, Short};
use softsie_isa::Operands;

use crate::fp_datum::FpDatum;
use crate::machine::Machine;
use crate::semantics::data_exception;
use crate::semantics::dfp::{Operand, complete, require};

semantics! {
    simple {}
    heavy {
        LDETR => load_lengthened[Short, Long], LXDTR => load_lengthened[Long, Extended],
        LEDTR => load_rounded[Long, Short], LDXTR => load_rounded[Extended, Long],
        FIDTR => load_fp_integer[Long], FIXTR => load_fp_integer[Extended],
        CDFTR => from_integer[Long, u32, true], CXFTR => from_integer[Extended, u32, true],
        CDGTR => from_integer[Long, u64, true], CXGTR => from_integer[Extended, u64, true],
        CDLFTR => from_integer[Long, u32, false], CXLFTR => from_integer[Extended, u32, false],
        CDLGTR => from_integer[Long, u64, false], CXLGTR => from_integer[Extended, u64, false],
        CFDTR => to_integer[Long, u32, true], CFXTR => to_integer[Extended, u32, true],
        CGDTR => to_integer[Long, u64, true], CGXTR => to_integer[Extended, u64, true],
        CLFDTR => to_integer[Long, u32, false], CLFXTR => to_integer[Extended, u32, false],
        CLGDTR => to_integer[Long, u64, false], CLGXTR => to_integer[Extended, u64, false],
    }
}

/// In M4: the invalid operation of a signalling NaN is not recognised, and infinities keep their digits.
const KEEP: u8 = 8;
/// In M4: the IEEE-inexact-exception control (XxC).
const XXC: u8 = 4;

/// The environment with the rounding method of M3 and the inexact suppression of M4.
fn by_modifiers(cpu: &Cpu, o: &Operands) -> Env {
    Env::from_fpc(cpu.fpc).with_method(o.m3()).with_suppress_inexact(o.m4() & XXC != 0)
}

fn load_lengthened<F: Operand, T: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<T, 1>(cpu, [o.r1()])?;
    let b = F::Bits::get(cpu, o.r2());
    let outcome = arithmetic::load_lengthened::<F, T>(&Env::from_fpc(cpu.fpc), b, o.m4() & KEEP != 0);
    complete(cpu, outcome, |cpu, value| T::Bits::set(cpu, o.r1(), value))
}

/// R1 must be able to hold the longer format too, because a scaled result comes in it.
fn load_rounded<F: Operand, T: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<F, 2>(cpu, [o.r1(), o.r2()])?;
    let b = F::Bits::get(cpu, o.r2());
    match arithmetic::load_rounded::<F, T>(&by_modifiers(cpu, o), b, o.m4() & KEEP != 0) {
        Rounded::Short(outcome) => complete(cpu, outcome, |cpu, value| T::Bits::set(cpu, o.r1(), value)),
        Rounded::Scaled(value, dxc) => {
            F::Bits::set(cpu, o.r1(), value);
            Err(data_exception(cpu, dxc))
        }
    }
}

fn load_fp_integer<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<F, 2>(cpu, [o.r1(), o.r2()])?;
    let b = F::Bits::get(cpu, o.r2());
    let outcome = arithmetic::load_fp_integer::<F>(&by_modifiers(cpu, o), b);
    complete(cpu, outcome, |cpu, value| F::Bits::set(cpu, o.r1(), value))
}

/// The format of a 32- or 64-bit integer.
fn kind<I: Scalar>(signed: bool) -> Integer {
    match (I::BITS, signed) {
        (32, true) => Integer::Fixed32,
        (32, false) => Integer::Logical32,
        (_, true) => Integer::Fixed64,
        (_, false) => Integer::Logical64,
    }
}

fn from_integer<F: Operand, I: Scalar, const SIGNED: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<F, 1>(cpu, [o.r1()])?;
    let integer: u64 = cpu.gr(o.r2());
    let outcome = arithmetic::convert_from_integer::<F>(&by_modifiers(cpu, o), integer, kind::<I>(SIGNED));
    complete(cpu, outcome, |cpu, value| F::Bits::set(cpu, o.r1(), value))
}

fn to_integer<F: Operand, I: Scalar, const SIGNED: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<F, 1>(cpu, [o.r2()])?;
    let b = F::Bits::get(cpu, o.r2());
    let outcome = arithmetic::convert_to_integer::<F>(&by_modifiers(cpu, o), b, kind::<I>(SIGNED));
    complete(cpu, outcome, |cpu, converted| {
        cpu.set_gr(o.r1(), I::truncate(converted.integer.into()));
        cpu.cc = converted.cc;
    })
}
