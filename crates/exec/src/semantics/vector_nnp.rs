//! Vector elements to and from NNP data type 1, the numbers of the neural-network processor.
//! Source: Principles of Operation, chapter 26: VECTOR FP CONVERT TO NNP, FROM NNP, AND LENGTHEN FROM NNP, AND ROUND TO NNP.

use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;
use softsie_nnp::{self as nnp, Exception};

use super::vector_fp::vector_exception;
use crate::machine::Machine;

semantics! {
    simple {}
    heavy {
        VCNF => to_nnp, VCFN => from_nnp, VCRNF => round_to_nnp, VCLFNH => lengthen[false], VCLFNL => lengthen[true],
    }
}

/// Formats in M fields: NNP data type 1, tiny and short BFP.
const NNP_1: u8 = 0;
const TINY: u8 = 1;
const SHORT: u8 = 2;

const INEXACT_VIC: u8 = 5;
const INEXACT_FLAG: u32 = 0x0008_0000;

/// Vector-interrupt code and flag in the FPC; the mask is eight bits to the left of the flag.
fn code_and_flag(exception: Exception) -> (u8, u32) {
    match exception {
        Exception::Invalid => (1, 0x0080_0000),
        Exception::Overflow => (3, 0x0020_0000),
        Exception::Underflow => (4, 0x0010_0000),
    }
}

/// Notes an exception of an element; the trap for it when there is one.
fn note(cpu: &mut Cpu, flags: &mut u32, index: u32, (vic, flag): (u8, u32)) -> Result<(), Exit> {
    if cpu.fpc & flag << 8 != 0 {
        return Err(vector_exception(cpu, index, vic));
    }
    *flags |= flag;
    Ok(())
}

/// The checks. With formats that there aren't an inexact exception is recognized, and nothing is converted.
fn begin(cpu: &mut Cpu, formats_exist: bool) -> Result<bool, Exit> {
    cpu.require_vector()?;
    if !formats_exist {
        let mut flags = 0;
        note(cpu, &mut flags, 0, (INEXACT_VIC, INEXACT_FLAG))?;
        cpu.fpc |= flags;
    }
    Ok(formats_exist)
}

/// Converts elements, which are numbered from `first`, one after the other, and places them side by side in V1.
fn convert<T>(
    cpu: &mut Cpu,
    o: &Operands,
    first: u32,
    elements: impl Iterator<Item = (T, Option<Exception>)>,
    bits: u32,
) -> Result<(), Exit>
where
    T: Into<u32>,
{
    let (mut v, mut flags) = (0u128, 0);
    for (index, (element, exception)) in (first..).zip(elements) {
        if let Some(exception) = exception {
            note(cpu, &mut flags, index, code_and_flag(exception))?;
        }
        v = v << bits | u128::from(element.into());
    }
    cpu.fpc |= flags;
    cpu.set_vr(o.v1(), v);
    Ok(())
}

fn halfwords(v: u128) -> impl Iterator<Item = u16> {
    (0..8).rev().map(move |n| (v >> (16 * n)) as u16)
}

fn words(v: u128) -> impl Iterator<Item = f32> {
    (0..4).rev().map(move |n| f32::from_bits((v >> (32 * n)) as u32))
}

fn to_nnp(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    if begin(cpu, o.m3() == NNP_1 && o.m4() == TINY)? {
        let source = cpu.vr(o.v2());
        convert(cpu, o, 0, halfwords(source).map(nnp::from_tiny), 16)?;
    }
    Ok(())
}

fn from_nnp(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    if begin(cpu, o.m3() == TINY && o.m4() == NNP_1)? {
        let source = cpu.vr(o.v2());
        convert(cpu, o, 0, halfwords(source).map(nnp::to_tiny), 16)?;
    }
    Ok(())
}

fn round_to_nnp(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    if begin(cpu, o.m4() == NNP_1 && o.m5() == SHORT)? {
        let (a, b) = (cpu.vr(o.v2()), cpu.vr(o.v3()));
        convert(cpu, o, 0, words(a).chain(words(b)).map(nnp::from_f32), 16)?;
    }
    Ok(())
}

fn lengthen<const LOW: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    if begin(cpu, o.m3() == SHORT && o.m4() == NNP_1)? {
        let source = cpu.vr(o.v2());
        let first = if LOW { 4 } else { 0 };
        let elements = halfwords(source).skip(first).take(4).map(|n| {
            let (x, exception) = nnp::to_f32(n);
            (x.to_bits(), exception)
        });
        convert(cpu, o, first as u32, elements, 32)?;
    }
    Ok(())
}
