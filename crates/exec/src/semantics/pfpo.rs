//! PERFORM FLOATING-POINT OPERATION: conversion between the three radices in all formats.
//! Source: Principles of Operation, chapter 9. Any source becomes a binary number of 128 bits whose last bit is sticky, or a
//! decimal one of 37 digits and more, from which it is rounded once.

use std::cmp::Ordering;

use softsie_bfp as bfp;
use softsie_cpu::{Cpu, Exit};
use softsie_dfp::{self as dfp, Binary, Class, Rounding};
use softsie_hfp as hfp;
use softsie_isa::Operands;

use crate::fp_datum::FpDatum;
use crate::machine::Machine;
use crate::semantics::data_exception;
use crate::semantics::fp_control::DXC_BFP_INSTRUCTION;
use crate::semantics::{bfp as bfp_operand, dfp as dfp_operand, hfp as hfp_operand};

semantics! {
    simple {}
    heavy { PFPO => perform }
}

/// The only operation type: conversion between radices.
const CONVERT: u32 = 1;

/// The registers of target and source, and of the function and the return code among the general ones.
const TARGET: u8 = 0;
const SOURCE: u8 = 4;
const FUNCTION: u8 = 0;
const RETURN_CODE: u8 = 1;

/// Bits of the function: only asked whether it exists; no inexact exception; what would trap is told by the condition code.
const TEST: u32 = 1 << 31;
const SUPPRESS_INEXACT: u32 = 0x80;
const ALTERNATE: u32 = 0x40;
/// Bits that depend on the target's radix. HFP: overflow and underflow are such rather than invalid or unheard of; DFP: a
/// quantum exception is recognised; one is the preferred quantum rather than the smallest.
const HFP_OVERFLOW: u32 = 0x20;
const HFP_UNDERFLOW: u32 = 0x10;
const DFP_QUANTUM_EXCEPTION: u32 = 0x20;
const DFP_QUANTUM_ONE: u32 = 0x10;
const BFP_RESERVED: u32 = 0x30;

/// IEEE exceptions as in the FPC.
const INVALID: u8 = 0x80;
const OVERFLOW: u8 = 0x20;
const UNDERFLOW: u8 = 0x10;
const INEXACT: u8 = 0x08;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Radix {
    Hexadecimal,
    Binary,
    Decimal,
}

/// A format: its radix, and 0 to 2 for its length.
#[derive(Clone, Copy)]
struct Format {
    radix: Radix,
    length: u8,
}

impl Format {
    fn of(code: u32) -> Option<Format> {
        let (radix, first) = match code & 0xFF {
            0..=2 => (Radix::Hexadecimal, 0),
            5..=7 => (Radix::Binary, 5),
            8..=10 => (Radix::Decimal, 8),
            _ => return None,
        };
        Some(Format { radix, length: (code - first) as u8 })
    }
}

/// What is converted.
enum Source {
    Zero,
    Infinity,
    /// With its payload.
    Nan {
        signalling: bool,
        payload: u128,
    },
    Number(Binary),
}

struct Function {
    target: Format,
    source: Format,
    bits: u32,
}

impl Function {
    /// `None` when there is no such function.
    fn of(bits: u32) -> Option<Function> {
        let (target, source) = (Format::of(bits >> 16 & 0xFF)?, Format::of(bits >> 8 & 0xFF)?);
        let valid = bits >> 24 & 0x7F == CONVERT
            && target.radix != source.radix
            && !(2..8).contains(&(bits & 15))
            && (target.radix != Radix::Binary || bits & BFP_RESERVED == 0);
        valid.then_some(Function { target, source, bits })
    }

    fn has(&self, bit: u32) -> bool {
        self.bits & bit != 0
    }

    /// The method: 0 is the FPC's for DFP, 1 that for BFP.
    fn rounding(&self, fpc: u32) -> Rounding {
        match self.bits & 15 {
            0 => Rounding::from_fpc(fpc),
            1 => match fpc & 7 {
                7 => Rounding::PrepareShorter,
                mode => Rounding::ALL[(mode & 3) as usize],
            },
            method => Rounding::from_method(method as u8, Rounding::NearestEven),
        }
    }
}

fn bfp_rounding(rounding: Rounding) -> bfp::Rounding {
    match rounding {
        Rounding::NearestEven => bfp::Rounding::NearestEven,
        Rounding::Zero => bfp::Rounding::Zero,
        Rounding::Up => bfp::Rounding::Up,
        Rounding::Down => bfp::Rounding::Down,
        Rounding::NearestAway => bfp::Rounding::NearestAway,
        Rounding::NearestZero => bfp::Rounding::NearestZero,
        Rounding::Away => bfp::Rounding::Away,
        Rounding::PrepareShorter => bfp::Rounding::PrepareShorter,
    }
}

fn perform(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    cpu.require_afp(DXC_BFP_INSTRUCTION)?;
    let bits: u32 = cpu.gr(FUNCTION);
    let function = Function::of(bits);
    if bits & TEST != 0 {
        cpu.cc = if function.is_some() { 0 } else { 3 };
        cpu.set_gr(RETURN_CODE, 0u32);
        return Ok(());
    }
    let function = function.ok_or(Exit::SPECIFICATION)?;
    match (function.source.radix, function.source.length) {
        (Radix::Hexadecimal, 0) => from_hfp::<hfp::Short>(cpu, &function),
        (Radix::Hexadecimal, 1) => from_hfp::<hfp::Long>(cpu, &function),
        (Radix::Hexadecimal, _) => from_hfp::<hfp::Extended>(cpu, &function),
        (Radix::Binary, 0) => from_bfp::<bfp::Short>(cpu, &function),
        (Radix::Binary, 1) => from_bfp::<bfp::Long>(cpu, &function),
        (Radix::Binary, _) => from_bfp::<bfp::Extended>(cpu, &function),
        (Radix::Decimal, 0) => from_dfp::<dfp::Short>(cpu, &function),
        (Radix::Decimal, 1) => from_dfp::<dfp::Long>(cpu, &function),
        (Radix::Decimal, _) => from_dfp::<dfp::Extended>(cpu, &function),
    }
}

fn from_hfp<F: hfp_operand::Operand>(cpu: &mut Cpu, function: &Function) -> Result<(), Exit> {
    let (negative, integer, exponent) = hfp::parts::<F>(F::Bits::get(cpu, SOURCE));
    let source = Binary::new(negative, integer, exponent).map_or(Source::Zero, Source::Number);
    convert(cpu, function, negative, &source)
}

fn from_bfp<F: bfp_operand::Operand>(cpu: &mut Cpu, function: &Function) -> Result<(), Exit> {
    let parts = bfp::parts::<F>(F::Bits::get(cpu, SOURCE));
    let source = match parts.class {
        bfp::Class::Zero => Source::Zero,
        bfp::Class::Infinity => Source::Infinity,
        bfp::Class::QuietNan => Source::Nan { signalling: false, payload: parts.integer },
        bfp::Class::SignallingNan => Source::Nan { signalling: true, payload: parts.integer },
        _ => Binary::new(parts.negative, parts.integer, parts.exponent).map_or(Source::Zero, Source::Number),
    };
    convert(cpu, function, parts.negative, &source)
}

fn from_dfp<F: dfp_operand::Operand>(cpu: &mut Cpu, function: &Function) -> Result<(), Exit> {
    let bits = F::Bits::get(cpu, SOURCE);
    let digits = dfp::digits::<F>(bits);
    let source = match digits.class {
        Class::Finite => dfp::to_binary::<F>(bits).map_or(Source::Zero, Source::Number),
        Class::Infinity => Source::Infinity,
        class => Source::Nan { signalling: class == Class::SignallingNan, payload: digits.significand },
    };
    convert(cpu, function, digits.negative, &source)
}

fn convert(cpu: &mut Cpu, function: &Function, negative: bool, source: &Source) -> Result<(), Exit> {
    match (function.target.radix, function.target.length) {
        (Radix::Hexadecimal, 0) => to_hfp::<hfp::Short>(cpu, function, negative, source),
        (Radix::Hexadecimal, 1) => to_hfp::<hfp::Long>(cpu, function, negative, source),
        (Radix::Hexadecimal, _) => to_hfp::<hfp::Extended>(cpu, function, negative, source),
        (Radix::Binary, 0) => to_bfp::<bfp::Short>(cpu, function, negative, source),
        (Radix::Binary, 1) => to_bfp::<bfp::Long>(cpu, function, negative, source),
        (Radix::Binary, _) => to_bfp::<bfp::Extended>(cpu, function, negative, source),
        (Radix::Decimal, 0) => to_dfp::<dfp::Short>(cpu, function, negative, source),
        (Radix::Decimal, 1) => to_dfp::<dfp::Long>(cpu, function, negative, source),
        (Radix::Decimal, _) => to_dfp::<dfp::Extended>(cpu, function, negative, source),
    }
}

/// The end of a conversion.
struct End {
    flags: u8,
    trap: Option<u8>,
    /// Of a scaled result the power of the target's radix that it is to be multiplied by.
    omega: i32,
}

impl End {
    /// No exception.
    const EXACT: End = End { flags: 0, trap: None, omega: 0 };

    /// An exception that may trap, and so suppress.
    fn invalid(fpc: u32) -> End {
        if (fpc >> 24) as u8 & INVALID != 0 {
            End { flags: 0, trap: Some(INVALID), omega: 0 }
        } else {
            End { flags: INVALID, ..End::EXACT }
        }
    }

    /// Condition code 1 tells that there was an exception, 2 that it would have trapped.
    fn complete(self, cpu: &mut Cpu, function: &Function, place: impl FnOnce(&mut Cpu)) -> Result<(), Exit> {
        let suppressed = self.trap.is_some_and(|dxc| dxc & INVALID != 0);
        if !suppressed {
            place(cpu);
            cpu.fpc |= u32::from(self.flags) << 16;
            cpu.set_gr(RETURN_CODE, self.omega as u32);
        }
        match self.trap {
            Some(dxc) if function.has(ALTERNATE) => {
                cpu.fpc = cpu.fpc & !0xFF00 | u32::from(dxc) << 8;
                if suppressed {
                    cpu.set_gr(RETURN_CODE, 0u32);
                }
                cpu.cc = 2;
                Ok(())
            }
            Some(dxc) => Err(data_exception(cpu, dxc)),
            None => {
                cpu.cc = u8::from(self.flags != 0);
                Ok(())
            }
        }
    }
}

fn to_bfp<F: bfp_operand::Operand>(
    cpu: &mut Cpu,
    function: &Function,
    negative: bool,
    source: &Source,
) -> Result<(), Exit> {
    let fpc = cpu.fpc;
    let (value, end) = match source {
        Source::Zero => (bfp::infinity_or_zero::<F>(negative, false), End::EXACT),
        Source::Infinity => (bfp::infinity_or_zero::<F>(negative, true), End::EXACT),
        Source::Nan { signalling, payload } => {
            let end = if *signalling { End::invalid(fpc) } else { End::EXACT };
            (bfp::nan_of_payload::<F>(negative, *payload), end)
        }
        Source::Number(binary) => {
            let env = bfp::Env::from_fpc(fpc)
                .with_rounding(bfp_rounding(function.rounding(fpc)))
                .with_suppress_inexact(function.has(SUPPRESS_INEXACT));
            let (outcome, omega) = bfp::from_binary::<F>(&env, binary.negative, binary.significand, binary.exponent);
            let trap = outcome.trap.map(|trap| trap.dxc);
            (outcome.value, End { flags: outcome.flags.byte(), trap, omega })
        }
    };
    end.complete(cpu, function, |cpu| F::Bits::set(cpu, TARGET, value))
}

fn to_dfp<F: dfp_operand::Operand>(
    cpu: &mut Cpu,
    function: &Function,
    negative: bool,
    source: &Source,
) -> Result<(), Exit> {
    let fpc = cpu.fpc;
    let preferred = if function.has(DFP_QUANTUM_ONE) { 0 } else { F::EMIN };
    let (value, end) = match source {
        Source::Zero => (dfp::zero::<F>(negative, preferred), End::EXACT),
        Source::Infinity => (dfp::special::<F>(negative, Class::Infinity, 0), End::EXACT),
        Source::Nan { signalling, payload } => {
            let end = if *signalling { End::invalid(fpc) } else { End::EXACT };
            (dfp::special::<F>(negative, Class::QuietNan, *payload), end)
        }
        Source::Number(binary) => {
            let env = dfp::Env {
                rounding: function.rounding(fpc),
                suppress_inexact: function.has(SUPPRESS_INEXACT),
                ..dfp::Env::from_fpc(fpc)
            };
            let quantum = function.has(DFP_QUANTUM_EXCEPTION);
            let (outcome, omega) = dfp::Exact::of_binary(binary).deliver_unscaled::<F>(&env, preferred, quantum);
            (outcome.value, End { flags: outcome.flags, trap: outcome.trap, omega })
        }
    };
    end.complete(cpu, function, |cpu| F::Bits::set(cpu, TARGET, value))
}

/// HFP has no infinities and no NaNs: they are invalid operations, whose result is the number of largest magnitude.
fn to_hfp<F: hfp_operand::Operand>(
    cpu: &mut Cpu,
    function: &Function,
    negative: bool,
    source: &Source,
) -> Result<(), Exit> {
    let fpc = cpu.fpc;
    let (value, end) = match source {
        Source::Zero => (hfp::zero::<F>(negative), End::EXACT),
        Source::Infinity => (hfp::largest::<F>(negative), End::invalid(fpc)),
        Source::Nan { .. } => (hfp::largest::<F>(false), End::invalid(fpc)),
        Source::Number(binary) => hfp_number::<F>(fpc, function, binary),
    };
    end.complete(cpu, function, |cpu| F::Bits::set(cpu, TARGET, value))
}

fn hfp_number<F: hfp_operand::Operand>(fpc: u32, function: &Function, binary: &Binary) -> (F::Bits, End) {
    let rounding = function.rounding(fpc);
    let rounded =
        hfp::Rounded::of::<F>(binary.negative, binary.significand, binary.exponent, |odd, half| match rounding {
            Rounding::NearestEven => half == Ordering::Greater || half == Ordering::Equal && odd,
            Rounding::NearestAway => half != Ordering::Less,
            Rounding::NearestZero => half == Ordering::Greater,
            Rounding::Zero => false,
            Rounding::Up => !binary.negative,
            Rounding::Down => binary.negative,
            Rounding::Away => true,
            Rounding::PrepareShorter => !odd,
        });
    let masks = (fpc >> 24) as u8;
    let code = |exception: u8, inexact: bool, incremented: bool| {
        exception | if inexact { INEXACT | u8::from(incremented) << 2 } else { 0 }
    };
    // Inexact alone, or after a flag.
    let inexact = |flags: u8, inexact: bool, incremented: bool| match () {
        () if !inexact || function.has(SUPPRESS_INEXACT) => End { flags, ..End::EXACT },
        () if masks & INEXACT != 0 => End { flags, trap: Some(code(0, true, incremented)), omega: 0 },
        () => End { flags: flags | INEXACT, ..End::EXACT },
    };
    // One digit to the left of the point.
    let scaled = |exception: u8| {
        let unit = hfp::Rounded { characteristic: 65, ..rounded };
        let trap = Some(code(exception, rounded.inexact, rounded.incremented));
        (unit.bits::<F>(), End { flags: 0, trap, omega: rounded.characteristic - 65 })
    };
    match rounded.characteristic {
        0..=127 => (rounded.bits::<F>(), inexact(0, rounded.inexact, rounded.incremented)),
        128.. if !function.has(HFP_OVERFLOW) => (hfp::largest::<F>(binary.negative), End::invalid(fpc)),
        128.. if masks & OVERFLOW != 0 => scaled(OVERFLOW),
        128.. => (hfp::largest::<F>(binary.negative), inexact(OVERFLOW, true, false)),
        _ if function.has(HFP_UNDERFLOW) && masks & UNDERFLOW != 0 => scaled(UNDERFLOW),
        _ => {
            let flags = if function.has(HFP_UNDERFLOW) { UNDERFLOW } else { 0 };
            (hfp::zero::<F>(binary.negative), inexact(flags, true, false))
        }
    }
}
