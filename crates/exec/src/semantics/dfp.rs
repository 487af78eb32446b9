//! DFP instructions that compute: arithmetic, comparison, tests, and those on significand and exponent.
//! Source: Principles of Operation, chapter 20. The arithmetic itself is crate `softsie-dfp`.

use softsie_cpu::{Cpu, Exit};
use softsie_dfp::{self as arithmetic, Comparison, Env, Extended, Format, Long, Outcome, Short};
use softsie_isa::Operands;

use crate::fp_datum::FpDatum;
use crate::machine::Machine;
use crate::operand::d2x2b2;
use crate::semantics::data_exception;
use crate::semantics::fp_control::DXC_DFP_INSTRUCTION;

semantics! {
    simple {}
    heavy {
        ADTR => add[Long], AXTR => add[Extended], SDTR => subtract[Long], SXTR => subtract[Extended],
        MDTR => multiply[Long], MXTR => multiply[Extended], DDTR => divide[Long], DXTR => divide[Extended],
        CDTR => compare[Long, false], CXTR => compare[Extended, false],
        KDTR => compare[Long, true], KXTR => compare[Extended, true],
        CEDTR => compare_biased_exponent[Long], CEXTR => compare_biased_exponent[Extended],
        LTDTR => load_and_test[Long], LTXTR => load_and_test[Extended],
        QADTR => quantize[Long], QAXTR => quantize[Extended],
        RRDTR => reround[Long], RRXTR => reround[Extended],
        SLDT => shift_left[Long], SLXT => shift_left[Extended],
        SRDT => shift_right[Long], SRXT => shift_right[Extended],
        IEDTR => insert_biased_exponent[Long], IEXTR => insert_biased_exponent[Extended],
        EEDTR => extract_biased_exponent[Long], EEXTR => extract_biased_exponent[Extended],
        ESDTR => extract_significance[Long], ESXTR => extract_significance[Extended],
        TDCET => test_data_class[Short], TDCDT => test_data_class[Long], TDCXT => test_data_class[Extended],
        TDGET => test_data_group[Short], TDGDT => test_data_group[Long], TDGXT => test_data_group[Extended],
    }
}

/// A format that instructions hold in registers and storage.
pub(crate) trait Operand: Format<Bits: FpDatum> {}
impl<F: Format<Bits: FpDatum>> Operand for F {}

/// Data exception while CR0 keeps DFP away; then a specification exception unless all registers can hold an `F`.
pub(crate) fn require<F: Operand, const N: usize>(cpu: &mut Cpu, registers: [u8; N]) -> Result<(), Exit> {
    cpu.require_afp(DXC_DFP_INSTRUCTION)?;
    if registers.iter().all(|r| F::Bits::fits(*r)) { Ok(()) } else { Err(Exit::SPECIFICATION) }
}

/// Ends an operation: sets flags, places the result, takes the trap. A suppressing trap leaves everything as it was.
pub(crate) fn complete<T>(cpu: &mut Cpu, outcome: Outcome<T>, place: impl FnOnce(&mut Cpu, T)) -> Result<(), Exit> {
    if !outcome.is_suppressed() {
        cpu.fpc |= u32::from(outcome.flags) << 16;
        place(cpu, outcome.value);
    }
    outcome.trap.map_or(Ok(()), |dxc| Err(data_exception(cpu, dxc)))
}

/// Second operation third operand; `cc` says whether the sign of the result is reported.
fn three<F: Operand>(
    cpu: &mut Cpu,
    o: &Operands,
    cc: bool,
    operation: impl FnOnce(&Env, F::Bits, F::Bits) -> Outcome<F::Bits>,
) -> Result<(), Exit> {
    require::<F, 3>(cpu, [o.r1(), o.r2(), o.r3()])?;
    let env = Env::from_fpc(cpu.fpc).with_method(o.m4());
    let (a, b) = (F::Bits::get(cpu, o.r2()), F::Bits::get(cpu, o.r3()));
    complete(cpu, operation(&env, a, b), |cpu, value| {
        F::Bits::set(cpu, o.r1(), value);
        if cc {
            cpu.cc = arithmetic::sign_cc::<F>(value);
        }
    })
}

fn add<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    three::<F>(cpu, o, true, arithmetic::add::<F>)
}

fn subtract<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    three::<F>(cpu, o, true, arithmetic::subtract::<F>)
}

fn multiply<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    three::<F>(cpu, o, false, arithmetic::multiply::<F>)
}

fn divide<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    three::<F>(cpu, o, false, arithmetic::divide::<F>)
}

/// The third operand with the quantum of the second.
fn quantize<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    three::<F>(cpu, o, false, |env, second, third| arithmetic::quantize::<F>(env, third, second))
}

fn compare<F: Operand, const SIGNALLING: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<F, 2>(cpu, [o.r1(), o.r2()])?;
    let (a, b) = (F::Bits::get(cpu, o.r1()), F::Bits::get(cpu, o.r2()));
    let outcome = arithmetic::compare::<F>(&Env::from_fpc(cpu.fpc), a, b, SIGNALLING);
    complete(cpu, outcome, |cpu, comparison| cpu.cc = comparison as u8)
}

fn compare_biased_exponent<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<F, 2>(cpu, [o.r1(), o.r2()])?;
    let (a, b) = (F::Bits::get(cpu, o.r1()), F::Bits::get(cpu, o.r2()));
    let comparison: Comparison = arithmetic::compare_biased_exponent::<F>(a, b);
    cpu.cc = comparison as u8;
    Ok(())
}

fn load_and_test<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<F, 2>(cpu, [o.r1(), o.r2()])?;
    let b = F::Bits::get(cpu, o.r2());
    let outcome = arithmetic::load_and_test::<F>(&Env::from_fpc(cpu.fpc), b);
    complete(cpu, outcome, |cpu, value| {
        F::Bits::set(cpu, o.r1(), value);
        cpu.cc = arithmetic::sign_cc::<F>(value);
    })
}

/// The third operand with as many digits as the last six bits of general register R2 say.
fn reround<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<F, 2>(cpu, [o.r1(), o.r3()])?;
    let env = Env::from_fpc(cpu.fpc).with_method(o.m4());
    let significance: u32 = cpu.gr(o.r2());
    let a = F::Bits::get(cpu, o.r3());
    let outcome = arithmetic::reround::<F>(&env, a, significance & 63);
    complete(cpu, outcome, |cpu, value| F::Bits::set(cpu, o.r1(), value))
}

/// The third operand shifted by the last six bits of the second operand's address, which does not address storage.
fn shift<F: Operand>(cpu: &mut Cpu, o: &Operands, operation: impl FnOnce(F::Bits, u32) -> F::Bits) -> Result<(), Exit> {
    require::<F, 2>(cpu, [o.r1(), o.r3()])?;
    let digits = d2x2b2(cpu, o).address as u32 & 63;
    let a = F::Bits::get(cpu, o.r3());
    F::Bits::set(cpu, o.r1(), operation(a, digits));
    Ok(())
}

fn shift_left<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    shift::<F>(cpu, o, arithmetic::shift_left::<F>)
}

fn shift_right<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    shift::<F>(cpu, o, arithmetic::shift_right::<F>)
}

/// The third operand with the biased exponent in general register R2.
fn insert_biased_exponent<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<F, 2>(cpu, [o.r1(), o.r3()])?;
    let biased: u64 = cpu.gr(o.r2());
    let a = F::Bits::get(cpu, o.r3());
    F::Bits::set(cpu, o.r1(), arithmetic::insert_biased_exponent::<F>(a, biased as i64));
    Ok(())
}

fn extract_biased_exponent<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<F, 1>(cpu, [o.r2()])?;
    let b = F::Bits::get(cpu, o.r2());
    cpu.set_gr(o.r1(), arithmetic::extract_biased_exponent::<F>(b) as u64);
    Ok(())
}

fn extract_significance<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require::<F, 1>(cpu, [o.r2()])?;
    let b = F::Bits::get(cpu, o.r2());
    cpu.set_gr(o.r1(), arithmetic::extract_significance::<F>(b) as u64);
    Ok(())
}

/// The last twelve bits of the second operand's address select what is tested for.
fn test<F: Operand>(cpu: &mut Cpu, o: &Operands, test: impl FnOnce(F::Bits, u32) -> bool) -> Result<(), Exit> {
    require::<F, 1>(cpu, [o.r1()])?;
    let mask = d2x2b2(cpu, o).address as u32 & 0xFFF;
    let a = F::Bits::get(cpu, o.r1());
    cpu.cc = u8::from(test(a, mask));
    Ok(())
}

fn test_data_class<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    test::<F>(cpu, o, arithmetic::test_data_class::<F>)
}

fn test_data_group<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    test::<F>(cpu, o, arithmetic::test_data_group::<F>)
}
