//! BFP conversions: load lengthened and rounded, load FP integer, from and to fixed and logical integers.
//! Source: Principles of Operation, chapter 19; rounding methods and the inexact-suppression bit under each instruction.

use softsie_bfp::{self as arithmetic, Env, Extended, Integer, Long, Rounded, Rounding, Short};
use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::semantics::bfp::{Operand, Register, Second, Storage, complete, require_bfp, require_fit};
use crate::semantics::data_exception;

semantics! {
    simple {}
    heavy {
        LDEBR => load_lengthened[Short, Long, Register], LDEB => load_lengthened[Short, Long, Storage],
        LXDBR => load_lengthened[Long, Extended, Register], LXDB => load_lengthened[Long, Extended, Storage],
        LXEBR => load_lengthened[Short, Extended, Register], LXEB => load_lengthened[Short, Extended, Storage],
        LEDBR => load_rounded[Long, Short], LDXBR => load_rounded[Extended, Long], LEXBR => load_rounded[Extended, Short],
        FIEBR => load_fp_integer[Short], FIDBR => load_fp_integer[Long], FIXBR => load_fp_integer[Extended],
        CEFBR => from_integer[Short, FIXED_32], CDFBR => from_integer[Long, FIXED_32],
        CXFBR => from_integer[Extended, FIXED_32], CEGBR => from_integer[Short, FIXED_64],
        CDGBR => from_integer[Long, FIXED_64], CXGBR => from_integer[Extended, FIXED_64],
        CELFBR => from_integer[Short, LOGICAL_32], CDLFBR => from_integer[Long, LOGICAL_32],
        CXLFBR => from_integer[Extended, LOGICAL_32], CELGBR => from_integer[Short, LOGICAL_64],
        CDLGBR => from_integer[Long, LOGICAL_64], CXLGBR => from_integer[Extended, LOGICAL_64],
        CFEBR => to_integer[Short, FIXED_32], CFDBR => to_integer[Long, FIXED_32],
        CFXBR => to_integer[Extended, FIXED_32], CGEBR => to_integer[Short, FIXED_64],
        CGDBR => to_integer[Long, FIXED_64], CGXBR => to_integer[Extended, FIXED_64],
        CLFEBR => to_integer[Short, LOGICAL_32], CLFDBR => to_integer[Long, LOGICAL_32],
        CLFXBR => to_integer[Extended, LOGICAL_32], CLGEBR => to_integer[Short, LOGICAL_64],
        CLGDBR => to_integer[Long, LOGICAL_64], CLGXBR => to_integer[Extended, LOGICAL_64],
    }
}

// Kinds of integer as const parameters.
const FIXED_32: usize = 0;
const FIXED_64: usize = 1;
const LOGICAL_32: usize = 2;
const LOGICAL_64: usize = 3;

const fn kind(k: usize) -> Integer {
    match k {
        FIXED_32 => Integer::Fixed32,
        FIXED_64 => Integer::Fixed64,
        LOGICAL_32 => Integer::Logical32,
        _ => Integer::Logical64,
    }
}

/// The IEEE-inexact-exception control (XxC) in M4.
const XXC: u8 = 4;

/// The environment with the rounding method of M3 and the inexact suppression of M4.
pub(crate) fn by_modifiers(fpc: u32, method: u8, m4: u8) -> Result<Env, Exit> {
    let env = Env::from_fpc(fpc).with_suppress_inexact(m4 & XXC != 0);
    let rounding = Rounding::from_method(method.into(), env.rounding).ok_or(Exit::SPECIFICATION)?;
    Ok(env.with_rounding(rounding))
}

fn load_lengthened<F: Operand, T: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<T>(o.r1())?;
    let b = S::fetch::<F>(cpu, o)?;
    let outcome = arithmetic::load_lengthened::<F, T>(&Env::from_fpc(cpu.fpc), b);
    complete(cpu, outcome, |cpu, value| T::set(cpu, o.r1(), value))
}

/// R1 must be able to hold the longer format too, because a scaled result comes in it.
fn load_rounded<F: Operand, T: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<F>(o.r1())?;
    let b = Register::fetch::<F>(cpu, o)?;
    let env = by_modifiers(cpu.fpc, o.m3(), o.m4())?;
    match arithmetic::load_rounded::<F, T>(&env, b) {
        Rounded::Short(outcome) => complete(cpu, outcome, |cpu, value| T::set(cpu, o.r1(), value)),
        Rounded::Scaled(value, trap) => {
            F::set(cpu, o.r1(), value);
            Err(data_exception(cpu, trap.dxc))
        }
    }
}

fn load_fp_integer<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<F>(o.r1())?;
    let b = Register::fetch::<F>(cpu, o)?;
    let outcome = arithmetic::load_fp_integer::<F>(&by_modifiers(cpu.fpc, o.m3(), o.m4())?, b);
    complete(cpu, outcome, |cpu, value| F::set(cpu, o.r1(), value))
}

fn from_integer<F: Operand, const K: usize>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<F>(o.r1())?;
    let env = by_modifiers(cpu.fpc, o.m3(), o.m4())?;
    let outcome = arithmetic::convert_from_integer::<F>(&env, cpu.gr(o.r2()), kind(K));
    complete(cpu, outcome, |cpu, value| F::set(cpu, o.r1(), value))
}

fn to_integer<F: Operand, const K: usize>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    let b = Register::fetch::<F>(cpu, o)?;
    let env = by_modifiers(cpu.fpc, o.m3(), o.m4())?;
    let outcome = arithmetic::convert_to_integer::<F>(&env, b, kind(K));
    complete(cpu, outcome, |cpu, converted| {
        match kind(K) {
            Integer::Fixed32 | Integer::Logical32 => cpu.set_gr(o.r1(), converted.integer as u32),
            Integer::Fixed64 | Integer::Logical64 => cpu.set_gr(o.r1(), converted.integer),
        }
        cpu.cc = converted.cc;
    })
}
