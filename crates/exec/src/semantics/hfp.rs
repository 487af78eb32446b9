//! HFP instructions that compute: addition, comparison, multiplication, division, roots, halves, multiply-and-add.
//! Source: Principles of Operation, chapter 18; registers that must be available: chapter 9. The arithmetic itself is crate
//! `softsie-hfp`.

use softsie_cpu::{Cpu, Exit, ProgramCode};
use softsie_hfp::{self as arithmetic, Exception, Extended, Format, Long, Masks, Outcome, Short};
use softsie_isa::Operands;

use crate::fp_datum::FpDatum;
use crate::semantics::fp_support::{available, is_pair};

semantics! {
    simple {}
    heavy {
        AER => add[Short, Register, true], ADR => add[Long, Register, true], AXR => add[Extended, Register, true],
        AE => add[Short, Storage, true], AD => add[Long, Storage, true],
        AUR => add[Short, Register, false], AWR => add[Long, Register, false],
        AU => add[Short, Storage, false], AW => add[Long, Storage, false],
        SER => subtract[Short, Register, true], SDR => subtract[Long, Register, true],
        SXR => subtract[Extended, Register, true],
        SE => subtract[Short, Storage, true], SD => subtract[Long, Storage, true],
        SUR => subtract[Short, Register, false], SWR => subtract[Long, Register, false],
        SU => subtract[Short, Storage, false], SW => subtract[Long, Storage, false],
        CER => compare[Short, Register], CDR => compare[Long, Register], CXR => compare[Extended, Register],
        CE => compare[Short, Storage], CD => compare[Long, Storage],
        HER => halve[Short], HDR => halve[Long],
        MEER => multiply[Short, Short, Register], MEE => multiply[Short, Short, Storage],
        MDER => multiply[Short, Long, Register], MDE => multiply[Short, Long, Storage],
        MDR => multiply[Long, Long, Register], MD => multiply[Long, Long, Storage],
        MXDR => multiply[Long, Extended, Register], MXD => multiply[Long, Extended, Storage],
        MXR => multiply[Extended, Extended, Register],
        DER => divide[Short, Register], DDR => divide[Long, Register], DXR => divide[Extended, Register],
        DE => divide[Short, Storage], DD => divide[Long, Storage],
        SQER => square_root[Short, Register], SQDR => square_root[Long, Register],
        SQXR => square_root[Extended, Register],
        SQE => square_root[Short, Storage], SQD => square_root[Long, Storage],
        MAER => fused[Short, Register, false], MADR => fused[Long, Register, false],
        MAE => fused[Short, Storage, false], MAD => fused[Long, Storage, false],
        MSER => fused[Short, Register, true], MSDR => fused[Long, Register, true],
        MSE => fused[Short, Storage, true], MSD => fused[Long, Storage, true],
        MYR => multiply_to_pair[Register], MY => multiply_to_pair[Storage],
        MYHR => multiply_high[Register], MYH => multiply_high[Storage],
        MYLR => multiply_low[Register], MYL => multiply_low[Storage],
        MAYR => multiply_add_to_pair[Register], MAY => multiply_add_to_pair[Storage],
        MAYHR => multiply_add_high[Register], MAYH => multiply_add_high[Storage],
        MAYLR => multiply_add_low[Register], MAYL => multiply_add_low[Storage],
    }
}

/// A format that instructions hold in registers and storage.
pub(crate) trait Operand: Format<Bits: FpDatum> {}
impl<F: Format<Bits: FpDatum>> Operand for F {}

/// Where the second operand is.
pub(crate) trait Second {
    /// Fetches it, after the exceptions of the registers that the instruction names: R1 for a `T`, R2 for an `F`.
    fn fetch<F: Operand, T: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit>;
    /// Fetches it for an instruction with a register R3; all are of one format.
    fn fetch_with_third<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit>;
    /// The exceptions of the registers alone.
    fn ready_with_third(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit>;
}

/// In register R2.
pub(crate) struct Register;
/// At D2(X2,B2).
pub(crate) struct Storage;

impl Second for Register {
    fn fetch<F: Operand, T: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit> {
        available(cpu, [o.r1(), o.r2()])?;
        if T::Bits::fits(o.r1()) && F::Bits::fits(o.r2()) {
            Ok(F::Bits::get(cpu, o.r2()))
        } else {
            Err(Exit::SPECIFICATION)
        }
    }
    fn fetch_with_third<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit> {
        Self::ready_with_third(cpu, o)?;
        Ok(F::Bits::get(cpu, o.r2()))
    }
    fn ready_with_third(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
        available(cpu, [o.r1(), o.r2(), o.r3()])
    }
}

impl Second for Storage {
    fn fetch<F: Operand, T: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit> {
        available(cpu, [o.r1()])?;
        if T::Bits::fits(o.r1()) { F::Bits::load(cpu, o) } else { Err(Exit::SPECIFICATION) }
    }
    fn fetch_with_third<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit> {
        Self::ready_with_third(cpu, o)?;
        F::Bits::load(cpu, o)
    }
    fn ready_with_third(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
        available(cpu, [o.r1(), o.r3()])
    }
}

/// The program interruption for an exception.
fn interruption(exception: Exception) -> Exit {
    Exit::Program(match exception {
        Exception::Overflow => ProgramCode::HFP_EXPONENT_OVERFLOW,
        Exception::Underflow => ProgramCode::HFP_EXPONENT_UNDERFLOW,
        Exception::Significance => ProgramCode::HFP_SIGNIFICANCE,
        Exception::Divide => ProgramCode::HFP_DIVIDE,
        Exception::SquareRoot => ProgramCode::HFP_SQUARE_ROOT,
    })
}

/// Places the result; then comes the exception that completes the instruction, if any.
pub(crate) fn complete<F: Operand>(cpu: &mut Cpu, to: u8, outcome: Outcome<F::Bits>) -> Result<(), Exit> {
    F::Bits::set(cpu, to, outcome.value);
    outcome.exception.map_or(Ok(()), |e| Err(interruption(e)))
}

/// The same for instructions that set the condition code.
pub(crate) fn complete_with_cc<F: Operand>(cpu: &mut Cpu, to: u8, outcome: Outcome<F::Bits>) -> Result<(), Exit> {
    cpu.cc = outcome.cc;
    complete::<F>(cpu, to, outcome)
}

fn masks(cpu: &Cpu) -> Masks {
    Masks::of(cpu.psw.program_mask())
}

fn add<F: Operand, S: Second, const NORMALIZE: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let b = S::fetch::<F, F>(cpu, o)?;
    let a = F::Bits::get(cpu, o.r1());
    let sum = arithmetic::add::<F>(a, b, masks(cpu), NORMALIZE);
    complete_with_cc::<F>(cpu, o.r1(), sum)
}

fn subtract<F: Operand, S: Second, const NORMALIZE: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let b = S::fetch::<F, F>(cpu, o)?;
    let a = F::Bits::get(cpu, o.r1());
    let difference = arithmetic::subtract::<F>(a, b, masks(cpu), NORMALIZE);
    complete_with_cc::<F>(cpu, o.r1(), difference)
}

fn compare<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let b = S::fetch::<F, F>(cpu, o)?;
    let a = F::Bits::get(cpu, o.r1());
    cpu.cc = arithmetic::compare::<F>(a, b);
    Ok(())
}

fn halve<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let b = Register::fetch::<F, F>(cpu, o)?;
    let half = arithmetic::halve::<F>(b, masks(cpu));
    complete::<F>(cpu, o.r1(), half)
}

fn multiply<F: Operand, T: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let b = S::fetch::<F, T>(cpu, o)?;
    let a = F::Bits::get(cpu, o.r1());
    let product = arithmetic::multiply::<F, T>(a, b, masks(cpu));
    complete::<T>(cpu, o.r1(), product)
}

fn divide<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let b = S::fetch::<F, F>(cpu, o)?;
    let a = F::Bits::get(cpu, o.r1());
    let quotient = arithmetic::divide::<F>(a, b, masks(cpu)).map_err(interruption)?;
    complete::<F>(cpu, o.r1(), quotient)
}

fn square_root<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let b = S::fetch::<F, F>(cpu, o)?;
    let root = arithmetic::square_root::<F>(b).map_err(interruption)?;
    complete::<F>(cpu, o.r1(), root)
}

/// The third operand times the second, and the first.
fn fused<F: Operand, S: Second, const SUBTRACT: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let b = S::fetch_with_third::<F>(cpu, o)?;
    let (a, c) = (F::Bits::get(cpu, o.r3()), F::Bits::get(cpu, o.r1()));
    let sum = arithmetic::multiply_add::<F>(a, b, c, SUBTRACT, masks(cpu));
    complete::<F>(cpu, o.r1(), sum)
}

/// The third operand times the second, all digits.
fn unnormalized_product<S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<u128, Exit> {
    let b = S::fetch_with_third::<Long>(cpu, o)?;
    let a = u64::get(cpu, o.r3());
    Ok(arithmetic::multiply_unnormalized(a, b))
}

fn multiply_to_pair<S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    S::ready_with_third(cpu, o)?;
    if !is_pair(o.r1()) {
        return Err(Exit::SPECIFICATION);
    }
    let product = unnormalized_product::<S>(cpu, o)?;
    u128::set(cpu, o.r1(), product);
    Ok(())
}

fn multiply_high<S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let product = unnormalized_product::<S>(cpu, o)?;
    u64::set(cpu, o.r1(), (product >> 64) as u64);
    Ok(())
}

fn multiply_low<S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let product = unnormalized_product::<S>(cpu, o)?;
    u64::set(cpu, o.r1(), product as u64);
    Ok(())
}

/// The third operand times the second, plus the first: the digits where the product has its own.
fn unnormalized_sum<S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<u128, Exit> {
    let b = S::fetch_with_third::<Long>(cpu, o)?;
    let (a, c) = (u64::get(cpu, o.r3()), u64::get(cpu, o.r1()));
    Ok(arithmetic::multiply_add_unnormalized(a, b, c))
}

/// R1 may name either register of the pair: the addend is in the one it names.
fn multiply_add_to_pair<S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let sum = unnormalized_sum::<S>(cpu, o)?;
    u128::set(cpu, o.r1() & !2, sum);
    Ok(())
}

fn multiply_add_high<S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let sum = unnormalized_sum::<S>(cpu, o)?;
    u64::set(cpu, o.r1(), (sum >> 64) as u64);
    Ok(())
}

fn multiply_add_low<S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let sum = unnormalized_sum::<S>(cpu, o)?;
    u64::set(cpu, o.r1(), sum as u64);
    Ok(())
}
