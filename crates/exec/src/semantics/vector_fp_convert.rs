//! Vector floating-point conversions: load lengthened and rounded, load FP integer, from and to fixed and logical.
//! Source: Principles of Operation, chapter 24. In M4 bit 0 is the single-element control and bit 1 suppresses inexact;
//! M5 is the rounding method.

use softsie_bfp::{self as arithmetic, Env, Extended, Format, Integer, Long, Outcome, Short};
use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use crate::bfp_op::VectorBfp;
use crate::machine::Machine;
use crate::semantics::bfp_convert::by_modifiers;
use crate::semantics::vector_fp::{
    Elements, Exceptions, SINGLE, at_element, count, element, elements, on_engine, only,
};

semantics! {
    simple {
        VCFPS => from_fixed_on,
        VCFPL => from_logical_on,
        VCSFP => to_fixed_on,
        VCLFP => to_logical_on,
        VFI => load_fp_integer_on,
        VFLL => load_lengthened_on,
        VFLR => load_rounded_on,
    }
    heavy {}
}

on_engine! {
    from_fixed_on = FromFixed from_fixed;
    from_logical_on = FromLogical from_logical;
    to_fixed_on = ToFixed to_fixed;
    to_logical_on = ToLogical to_logical;
    load_fp_integer_on = LoadInteger load_fp_integer;
    load_lengthened_on = Lengthen load_lengthened;
    load_rounded_on = Round load_rounded;
}

/// The inexact suppression (XxC) in M4.
const XXC: u8 = 4;

/// Vector-enhancements facility 1: extended elements.
const ENHANCEMENTS_1: u16 = 135;
/// Vector-enhancements facility 2: conversions of short elements.
const ENHANCEMENTS_2: u16 = 148;

/// Checks M4, gives the environment that M4 and M5 select.
fn environment(cpu: &Cpu, o: &Operands) -> Result<Env, Exit> {
    only(o.m4(), SINGLE | XXC)?;
    by_modifiers(cpu.fpc, o.m5(), o.m4())
}

/// Takes `n` elements of `S` at `from(i)` to elements of `T` at `to(i)`. An exception names the source's element.
#[inline(always)]
fn each<S: Format, T: Format>(
    cpu: &mut Cpu,
    o: &Operands,
    n: u32,
    from: impl Fn(u32) -> u32,
    to: impl Fn(u32) -> u32,
    operation: impl Fn(S::Bits) -> Outcome<T::Bits>,
) -> Result<(), Exit> {
    let x = cpu.vr(o.v2());
    let mut exceptions = Exceptions::default();
    let mut result = 0;
    for i in 0..n {
        let value = exceptions.take(cpu, from(i), operation(element::<S>(x, from(i))))?;
        result |= at_element::<T>(value, to(i));
    }
    exceptions.set(cpu);
    cpu.set_vr(o.v1(), result);
    Ok(())
}

/// Elements of one format to elements of the same width.
fn same_width<F: Format>(
    cpu: &mut Cpu,
    o: &Operands,
    operation: impl Fn(F::Bits) -> Outcome<F::Bits>,
) -> Result<(), Exit> {
    each::<F, F>(cpu, o, count::<F>(o.m4() & SINGLE != 0), |i| i, |i| i, operation)
}

/// Whether the 32-bit form of a conversion is selected rather than the 64-bit one.
fn is_short(cpu: &Cpu, mask: u8) -> Result<bool, Exit> {
    match mask {
        3 => Ok(false),
        2 if cpu.model.facilities.has(ENHANCEMENTS_2) => Ok(true),
        _ => Err(Exit::SPECIFICATION),
    }
}

fn from_integer(cpu: &mut Cpu, o: &Operands, short: Integer, long: Integer) -> Result<(), Exit> {
    cpu.require_vector()?;
    let is_short = is_short(cpu, o.m3())?;
    let env = environment(cpu, o)?;
    if is_short {
        same_width::<Short>(cpu, o, |x| arithmetic::convert_from_integer::<Short>(&env, x.into(), short))
    } else {
        same_width::<Long>(cpu, o, |x| arithmetic::convert_from_integer::<Long>(&env, x, long))
    }
}

fn from_fixed(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    from_integer(cpu, o, Integer::Fixed32, Integer::Fixed64)
}

fn from_logical(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    from_integer(cpu, o, Integer::Logical32, Integer::Logical64)
}

fn to_integer(cpu: &mut Cpu, o: &Operands, short: Integer, long: Integer) -> Result<(), Exit> {
    cpu.require_vector()?;
    let is_short = is_short(cpu, o.m3())?;
    let env = environment(cpu, o)?;
    if is_short {
        same_width::<Short>(cpu, o, |x| {
            arithmetic::convert_to_integer::<Short>(&env, x, short).map(|c| c.integer as u32)
        })
    } else {
        same_width::<Long>(cpu, o, |x| arithmetic::convert_to_integer::<Long>(&env, x, long).map(|c| c.integer))
    }
}

fn to_fixed(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    to_integer(cpu, o, Integer::Fixed32, Integer::Fixed64)
}

fn to_logical(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    to_integer(cpu, o, Integer::Logical32, Integer::Logical64)
}

fn load_fp_integer(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let elements = elements(cpu, o.m3())?;
    let env = environment(cpu, o)?;
    match elements {
        Elements::Short => same_width::<Short>(cpu, o, |x| arithmetic::load_fp_integer::<Short>(&env, x)),
        Elements::Long => same_width::<Long>(cpu, o, |x| arithmetic::load_fp_integer::<Long>(&env, x)),
        Elements::Extended => same_width::<Extended>(cpu, o, |x| arithmetic::load_fp_integer::<Extended>(&env, x)),
    }
}

/// Even-numbered elements of V2 to the next longer format. M3 is the source's format.
fn load_lengthened(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    only(o.m4(), SINGLE)?;
    let env = Env::from_fpc(cpu.fpc);
    match o.m3() {
        2 => {
            let n = count::<Long>(o.m4() & SINGLE != 0);
            each::<Short, Long>(cpu, o, n, |i| 2 * i, |i| i, |x| arithmetic::load_lengthened::<Short, Long>(&env, x))
        }
        3 if cpu.model.facilities.has(ENHANCEMENTS_1) => {
            each::<Long, Extended>(cpu, o, 1, |i| i, |i| i, |x| arithmetic::load_lengthened::<Long, Extended>(&env, x))
        }
        _ => Err(Exit::SPECIFICATION),
    }
}

/// Elements of V2 to the next shorter format, in the even-numbered elements of V1. M3 is the source's format.
fn load_rounded(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let env = environment(cpu, o)?;
    match o.m3() {
        3 => {
            let n = count::<Long>(o.m4() & SINGLE != 0);
            let round = |x| arithmetic::load_rounded::<Long, Short>(&env, x).outcome();
            each::<Long, Short>(cpu, o, n, |i| i, |i| 2 * i, round)
        }
        4 if cpu.model.facilities.has(ENHANCEMENTS_1) => {
            let round = |x| arithmetic::load_rounded::<Extended, Long>(&env, x).outcome();
            each::<Extended, Long>(cpu, o, 1, |i| i, |i| i, round)
        }
        _ => Err(Exit::SPECIFICATION),
    }
}
