//! BFP conversions: load lengthened and rounded, load FP integer, from and to fixed and logical integers.
//! Source: Principles of Operation, chapter 19; rounding methods and the inexact-suppression bit under each instruction.

use softsie_bfp::{self as arithmetic, Env, Extended, Format, Integer, Long, Rounded, Rounding, Short};
use softsie_cpu::{Cpu, Exit, Scalar};
use softsie_isa::Operands;

use crate::bfp_op::{Bfp, Modifiers};
use crate::fp_datum::FpDatum;
use crate::machine::Machine;
use crate::semantics::bfp::{Operand, Register, Second, Storage, complete, require_bfp, require_fit};
use crate::semantics::data_exception;

semantics! {
    simple {
        LDEBR => load_lengthened[Register], LDEB => load_lengthened[Storage], LEDBR => load_rounded,
        FIEBR => load_fp_integer[u32], FIDBR => load_fp_integer[u64],
        CEFBR => from_integer[u32, u32, true], CDFBR => from_integer[u64, u32, true],
        CEGBR => from_integer[u32, u64, true], CDGBR => from_integer[u64, u64, true],
        CELFBR => from_integer[u32, u32, false], CDLFBR => from_integer[u64, u32, false],
        CELGBR => from_integer[u32, u64, false], CDLGBR => from_integer[u64, u64, false],
        CFEBR => to_integer[u32, u32, true], CFDBR => to_integer[u64, u32, true],
        CGEBR => to_integer[u32, u64, true], CGDBR => to_integer[u64, u64, true],
        CLFEBR => to_integer[u32, u32, false], CLFDBR => to_integer[u64, u32, false],
        CLGEBR => to_integer[u32, u64, false], CLGDBR => to_integer[u64, u64, false],
    }
    heavy {
        LXDBR => extended_load_lengthened[Long, Register], LXDB => extended_load_lengthened[Long, Storage],
        LXEBR => extended_load_lengthened[Short, Register], LXEB => extended_load_lengthened[Short, Storage],
        LDXBR => extended_load_rounded[Long], LEXBR => extended_load_rounded[Short],
        FIXBR => extended_load_fp_integer,
        CXFBR => extended_from_integer[u32, true], CXGBR => extended_from_integer[u64, true],
        CXLFBR => extended_from_integer[u32, false], CXLGBR => extended_from_integer[u64, false],
        CFXBR => extended_to_integer[u32, true], CGXBR => extended_to_integer[u64, true],
        CLFXBR => extended_to_integer[u32, false], CLGXBR => extended_to_integer[u64, false],
    }
}

/// The format of a 32- or 64-bit integer.
#[inline(always)]
fn kind<I: Scalar>(signed: bool) -> Integer {
    match (I::BITS, signed) {
        (32, true) => Integer::Fixed32,
        (32, false) => Integer::Logical32,
        (_, true) => Integer::Fixed64,
        (_, false) => Integer::Logical64,
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

/// M3 and M4.
#[inline(always)]
fn modifiers(o: &Operands) -> Modifiers {
    Modifiers { method: o.m3(), m4: o.m4() }
}

fn load_lengthened<M: Machine, S: Second>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_bfp(m)?;
    let v = S::value::<M, u32>(m, o)?;
    m.bfp_lengthen(o.r1(), v)
}

fn load_rounded<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_bfp(m)?;
    let v = m.fr::<u64>(o.r2());
    m.bfp_round(o.r1(), v, modifiers(o))
}

fn load_fp_integer<M: Machine, T: Bfp>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_bfp(m)?;
    let v = m.fr::<T>(o.r2());
    m.bfp_load_integer(o.r1(), v, modifiers(o))
}

fn from_integer<M: Machine, T: Bfp, I: Scalar, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_bfp(m)?;
    let v = m.gr::<I>(o.r2());
    m.bfp_from_integer::<T, I>(o.r1(), v, SIGNED, modifiers(o))
}

fn to_integer<M: Machine, T: Bfp, I: Scalar, const SIGNED: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_bfp(m)?;
    let v = m.fr::<T>(o.r2());
    m.bfp_to_integer::<T, I>(o.r1(), v, SIGNED, modifiers(o))
}

/// On the CPU: LOAD LENGTHENED to long.
#[inline(always)]
pub(crate) fn lengthen(cpu: &mut Cpu, to: u8, v: u32) -> Result<(), Exit> {
    let outcome = arithmetic::load_lengthened::<Short, Long>(&Env::from_fpc(cpu.fpc), v);
    complete(cpu, outcome, |cpu, value| cpu.set_fr(to, value))
}

/// On the CPU: LOAD ROUNDED to short.
#[inline(always)]
pub(crate) fn round(cpu: &mut Cpu, to: u8, v: u64, m: Modifiers) -> Result<(), Exit> {
    let env = by_modifiers(cpu.fpc, m.method, m.m4)?;
    rounded::<Long, Short>(cpu, to, &env, v)
}

#[inline(always)]
fn rounded<F: Operand, T: Operand>(cpu: &mut Cpu, to: u8, env: &Env, v: F::Bits) -> Result<(), Exit> {
    match arithmetic::load_rounded::<F, T>(env, v) {
        Rounded::Short(outcome) => complete(cpu, outcome, |cpu, value| T::Bits::set(cpu, to, value)),
        Rounded::Scaled(value, trap) => {
            F::Bits::set(cpu, to, value);
            Err(data_exception(cpu, trap.dxc))
        }
    }
}

/// On the CPU: LOAD FP INTEGER.
#[inline(always)]
pub(crate) fn to_fp_integer<T: Bfp>(cpu: &mut Cpu, to: u8, v: T, m: Modifiers) -> Result<(), Exit> {
    let outcome = arithmetic::load_fp_integer::<T::Format>(&by_modifiers(cpu.fpc, m.method, m.m4)?, v);
    complete(cpu, outcome, |cpu, value| cpu.set_fr(to, value))
}

/// On the CPU: CONVERT FROM FIXED and FROM LOGICAL.
#[inline(always)]
pub(crate) fn of_integer<T: Bfp, I: Scalar>(
    cpu: &mut Cpu,
    to: u8,
    v: I,
    signed: bool,
    m: Modifiers,
) -> Result<(), Exit> {
    let env = by_modifiers(cpu.fpc, m.method, m.m4)?;
    let outcome = arithmetic::convert_from_integer::<T::Format>(&env, v.widen() as u64, kind::<I>(signed));
    complete(cpu, outcome, |cpu, value| cpu.set_fr(to, value))
}

/// On the CPU: CONVERT TO FIXED and TO LOGICAL.
#[inline(always)]
pub(crate) fn integer_of<T: Bfp, I: Scalar>(
    cpu: &mut Cpu,
    to: u8,
    v: T,
    signed: bool,
    m: Modifiers,
) -> Result<(), Exit> {
    integer_of_format::<T::Format, I>(cpu, to, v, signed, m)
}

#[inline(always)]
fn integer_of_format<F: Format, I: Scalar>(
    cpu: &mut Cpu,
    to: u8,
    v: F::Bits,
    signed: bool,
    m: Modifiers,
) -> Result<(), Exit> {
    let env = by_modifiers(cpu.fpc, m.method, m.m4)?;
    let outcome = arithmetic::convert_to_integer::<F>(&env, v, kind::<I>(signed));
    complete(cpu, outcome, |cpu, converted| {
        cpu.set_gr(to, I::truncate(converted.integer.into()));
        cpu.cc = converted.cc;
    })
}

fn extended_load_lengthened<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<Extended>(o.r1())?;
    let b = S::fetch::<F>(cpu, o)?;
    let outcome = arithmetic::load_lengthened::<F, Extended>(&Env::from_fpc(cpu.fpc), b);
    complete(cpu, outcome, |cpu, value| u128::set(cpu, o.r1(), value))
}

/// R1 must be able to hold the longer format too, because a scaled result comes in it.
fn extended_load_rounded<T: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<Extended>(o.r1())?;
    let b = Register::fetch::<Extended>(cpu, o)?;
    let env = by_modifiers(cpu.fpc, o.m3(), o.m4())?;
    rounded::<Extended, T>(cpu, o.r1(), &env, b)
}

fn extended_load_fp_integer(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<Extended>(o.r1())?;
    let b = Register::fetch::<Extended>(cpu, o)?;
    let outcome = arithmetic::load_fp_integer::<Extended>(&by_modifiers(cpu.fpc, o.m3(), o.m4())?, b);
    complete(cpu, outcome, |cpu, value| u128::set(cpu, o.r1(), value))
}

fn extended_from_integer<I: Scalar, const SIGNED: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<Extended>(o.r1())?;
    let env = by_modifiers(cpu.fpc, o.m3(), o.m4())?;
    let outcome = arithmetic::convert_from_integer::<Extended>(&env, cpu.gr(o.r2()), kind::<I>(SIGNED));
    complete(cpu, outcome, |cpu, value| u128::set(cpu, o.r1(), value))
}

fn extended_to_integer<I: Scalar, const SIGNED: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    let b = Register::fetch::<Extended>(cpu, o)?;
    integer_of_format::<Extended, I>(cpu, o.r1(), b, SIGNED, modifiers(o))
}
