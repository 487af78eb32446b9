//! BFP instructions in one format: arithmetic, comparison, signs, test data class, divide to integer.
//! Source: Principles of Operation, chapter 19. The arithmetic itself is crate `softsie-bfp`.

use softsie_bfp::{self as arithmetic, Env, Extended, Format, Long, Outcome, Rounding, Short};
use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2x2b2;
use crate::semantics::data_exception;
use crate::semantics::fp_control::DXC_BFP_INSTRUCTION;
use crate::semantics::fp_support::is_pair;

semantics! {
    simple {}
    heavy {
        AEBR => add[Short, Register], ADBR => add[Long, Register], AXBR => add[Extended, Register],
        AEB => add[Short, Storage], ADB => add[Long, Storage],
        SEBR => subtract[Short, Register], SDBR => subtract[Long, Register], SXBR => subtract[Extended, Register],
        SEB => subtract[Short, Storage], SDB => subtract[Long, Storage],
        MEEBR => multiply[Short, Register], MDBR => multiply[Long, Register], MXBR => multiply[Extended, Register],
        MEEB => multiply[Short, Storage], MDB => multiply[Long, Storage],
        MDEBR => multiply_lengthened[Short, Long, Register], MDEB => multiply_lengthened[Short, Long, Storage],
        MXDBR => multiply_lengthened[Long, Extended, Register], MXDB => multiply_lengthened[Long, Extended, Storage],
        DEBR => divide[Short, Register], DDBR => divide[Long, Register], DXBR => divide[Extended, Register],
        DEB => divide[Short, Storage], DDB => divide[Long, Storage],
        SQEBR => square_root[Short, Register], SQDBR => square_root[Long, Register],
        SQXBR => square_root[Extended, Register], SQEB => square_root[Short, Storage],
        SQDB => square_root[Long, Storage],
        MAEBR => multiply_add[Short, Register], MADBR => multiply_add[Long, Register],
        MAEB => multiply_add[Short, Storage], MADB => multiply_add[Long, Storage],
        MSEBR => multiply_subtract[Short, Register], MSDBR => multiply_subtract[Long, Register],
        MSEB => multiply_subtract[Short, Storage], MSDB => multiply_subtract[Long, Storage],
        CEBR => compare[Short, Register], CDBR => compare[Long, Register], CXBR => compare[Extended, Register],
        CEB => compare[Short, Storage], CDB => compare[Long, Storage],
        KEBR => compare_and_signal[Short, Register], KDBR => compare_and_signal[Long, Register],
        KXBR => compare_and_signal[Extended, Register], KEB => compare_and_signal[Short, Storage],
        KDB => compare_and_signal[Long, Storage],
        LTEBR => load_and_test[Short], LTDBR => load_and_test[Long], LTXBR => load_and_test[Extended],
        LPEBR => load_positive[Short], LPDBR => load_positive[Long], LPXBR => load_positive[Extended],
        LNEBR => load_negative[Short], LNDBR => load_negative[Long], LNXBR => load_negative[Extended],
        LCEBR => load_complement[Short], LCDBR => load_complement[Long], LCXBR => load_complement[Extended],
        TCEB => test_data_class[Short], TCDB => test_data_class[Long], TCXB => test_data_class[Extended],
        DIEBR => divide_to_integer[Short], DIDBR => divide_to_integer[Long],
    }
}

/// A format as instructions hold it: in a floating-point register, or a pair for the extended one, and in storage.
pub(crate) trait Operand: Format {
    /// The datum in register `r`.
    fn get(cpu: &mut Cpu, r: u8) -> Self::Bits;
    /// Places a datum in register `r`.
    fn set(cpu: &mut Cpu, r: u8, bits: Self::Bits);
    /// The datum at D2(X2,B2).
    fn load(cpu: &mut Cpu, o: &Operands) -> Result<Self::Bits, Exit>;
    /// Whether `r` can hold the format.
    fn fits(r: u8) -> bool;
}

macro_rules! in_one_register {
    ($format:ty, $bits:ty) => {
        impl Operand for $format {
            #[inline(always)]
            fn get(cpu: &mut Cpu, r: u8) -> $bits {
                cpu.fr(r)
            }
            #[inline(always)]
            fn set(cpu: &mut Cpu, r: u8, bits: $bits) {
                cpu.set_fr(r, bits);
            }
            #[inline(always)]
            fn load(cpu: &mut Cpu, o: &Operands) -> Result<$bits, Exit> {
                let ea = d2x2b2(cpu, o);
                cpu.load(ea.address, ea.ar)
            }
            #[inline(always)]
            fn fits(_: u8) -> bool {
                true
            }
        }
    };
}
in_one_register!(Short, u32);
in_one_register!(Long, u64);

impl Operand for Extended {
    fn get(cpu: &mut Cpu, r: u8) -> u128 {
        let (high, low): (u64, u64) = (cpu.fr(r), cpu.fr(r + 2));
        u128::from(high) << 64 | u128::from(low)
    }
    fn set(cpu: &mut Cpu, r: u8, bits: u128) {
        cpu.set_fr(r, (bits >> 64) as u64);
        cpu.set_fr(r + 2, bits as u64);
    }
    fn load(cpu: &mut Cpu, o: &Operands) -> Result<u128, Exit> {
        let ea = d2x2b2(cpu, o);
        cpu.load(ea.address, ea.ar)
    }
    fn fits(r: u8) -> bool {
        is_pair(r)
    }
}

/// Where the second operand is.
pub(crate) trait Second {
    /// Fetches it.
    fn fetch<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit>;
}

/// In register R2.
pub(crate) struct Register;
/// At D2(X2,B2).
pub(crate) struct Storage;

impl Second for Register {
    #[inline(always)]
    fn fetch<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit> {
        if F::fits(o.r2()) { Ok(F::get(cpu, o.r2())) } else { Err(Exit::SPECIFICATION) }
    }
}

impl Second for Storage {
    #[inline(always)]
    fn fetch<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit> {
        F::load(cpu, o)
    }
}

/// Data exception while CR0 keeps BFP away.
#[inline(always)]
pub(crate) fn require_bfp(cpu: &mut Cpu) -> Result<(), Exit> {
    cpu.require_afp(DXC_BFP_INSTRUCTION)
}

/// Specification exception unless register `r` can hold an `F`.
#[inline(always)]
pub(crate) fn require_fit<F: Operand>(r: u8) -> Result<(), Exit> {
    if F::fits(r) { Ok(()) } else { Err(Exit::SPECIFICATION) }
}

/// Ends an operation: sets flags, places the result, takes the trap. A suppressing trap leaves everything as it was.
#[inline(always)]
pub(crate) fn complete<T>(
    cpu: &mut Cpu,
    outcome: Outcome<T>,
    place: impl FnOnce(&mut Cpu, T),
) -> Result<(), Exit> {
    match outcome.trap {
        Some(trap) if trap.suppresses() => Err(data_exception(cpu, trap.dxc)),
        trap => {
            cpu.fpc |= u32::from(outcome.flags.byte()) << 16;
            place(cpu, outcome.value);
            trap.map_or(Ok(()), |trap| Err(data_exception(cpu, trap.dxc)))
        }
    }
}

/// An operation of the first and second operand on the first; `cc` says whether the sign of the result is reported.
#[inline(always)]
fn two_operands<F: Operand, S: Second>(
    cpu: &mut Cpu,
    o: &Operands,
    cc: bool,
    operation: impl FnOnce(&Env, F::Bits, F::Bits) -> Outcome<F::Bits>,
) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<F>(o.r1())?;
    let b = S::fetch::<F>(cpu, o)?;
    let a = F::get(cpu, o.r1());
    let outcome = operation(&Env::from_fpc(cpu.fpc), a, b);
    complete(cpu, outcome, |cpu, value| {
        F::set(cpu, o.r1(), value);
        if cc {
            cpu.cc = arithmetic::sign_cc::<F>(value);
        }
    })
}

fn add<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    two_operands::<F, S>(cpu, o, true, arithmetic::add::<F>)
}

fn subtract<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    two_operands::<F, S>(cpu, o, true, arithmetic::subtract::<F>)
}

fn multiply<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    two_operands::<F, S>(cpu, o, false, arithmetic::multiply::<F>)
}

fn divide<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    two_operands::<F, S>(cpu, o, false, arithmetic::divide::<F>)
}

fn multiply_lengthened<F: Operand, T: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<T>(o.r1())?;
    let b = S::fetch::<F>(cpu, o)?;
    let a = F::get(cpu, o.r1());
    let outcome = arithmetic::multiply_lengthened::<F, T>(&Env::from_fpc(cpu.fpc), a, b);
    complete(cpu, outcome, |cpu, value| T::set(cpu, o.r1(), value))
}

fn square_root<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<F>(o.r1())?;
    let b = S::fetch::<F>(cpu, o)?;
    let outcome = arithmetic::square_root::<F>(&Env::from_fpc(cpu.fpc), b);
    complete(cpu, outcome, |cpu, value| F::set(cpu, o.r1(), value))
}

/// Third operand times second operand, and the first one.
#[inline(always)]
fn fused<F: Operand, S: Second>(
    cpu: &mut Cpu,
    o: &Operands,
    operation: impl FnOnce(&Env, F::Bits, F::Bits, F::Bits) -> Outcome<F::Bits>,
) -> Result<(), Exit> {
    require_bfp(cpu)?;
    let b = S::fetch::<F>(cpu, o)?;
    let (a, c) = (F::get(cpu, o.r3()), F::get(cpu, o.r1()));
    let outcome = operation(&Env::from_fpc(cpu.fpc), a, b, c);
    complete(cpu, outcome, |cpu, value| F::set(cpu, o.r1(), value))
}

fn multiply_add<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fused::<F, S>(cpu, o, arithmetic::multiply_add::<F>)
}

fn multiply_subtract<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fused::<F, S>(cpu, o, arithmetic::multiply_subtract::<F>)
}

#[inline(always)]
fn comparison<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands, signalling: bool) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<F>(o.r1())?;
    let b = S::fetch::<F>(cpu, o)?;
    let a = F::get(cpu, o.r1());
    let outcome = arithmetic::compare::<F>(&Env::from_fpc(cpu.fpc), a, b, signalling);
    complete(cpu, outcome, |cpu, comparison| cpu.cc = comparison as u8)
}

fn compare<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    comparison::<F, S>(cpu, o, false)
}

fn compare_and_signal<F: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    comparison::<F, S>(cpu, o, true)
}

/// A load from register to register whose result's sign is the condition code.
#[inline(always)]
fn load_with_cc<F: Operand>(
    cpu: &mut Cpu,
    o: &Operands,
    operation: impl FnOnce(&Env, F::Bits) -> Outcome<F::Bits>,
) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<F>(o.r1())?;
    let b = Register::fetch::<F>(cpu, o)?;
    let outcome = operation(&Env::from_fpc(cpu.fpc), b);
    complete(cpu, outcome, |cpu, value| {
        F::set(cpu, o.r1(), value);
        cpu.cc = arithmetic::sign_cc::<F>(value);
    })
}

fn load_and_test<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    load_with_cc::<F>(cpu, o, arithmetic::load_and_test::<F>)
}

fn load_positive<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    load_with_cc::<F>(cpu, o, |_, b| Outcome::exact(F::narrow(F::widen(b) & !F::SIGN)))
}

fn load_negative<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    load_with_cc::<F>(cpu, o, |_, b| Outcome::exact(F::narrow(F::widen(b) | F::SIGN)))
}

fn load_complement<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    load_with_cc::<F>(cpu, o, |_, b| Outcome::exact(F::narrow(F::widen(b) ^ F::SIGN)))
}

/// The second operand's address is not used to address storage: its last twelve bits select classes.
fn test_data_class<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<F>(o.r1())?;
    let mask = d2x2b2(cpu, o).address as u32 & 0xFFF;
    let a = F::get(cpu, o.r1());
    cpu.cc = u8::from(arithmetic::test_data_class::<F>(a, mask));
    Ok(())
}

fn divide_to_integer<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    let env = Env::from_fpc(cpu.fpc);
    let rounding = Rounding::from_method(o.m4().into(), env.rounding).ok_or(Exit::SPECIFICATION)?;
    if o.r1() == o.r2() || o.r1() == o.r3() || o.r2() == o.r3() {
        return Err(Exit::SPECIFICATION);
    }
    let (a, b) = (F::get(cpu, o.r1()), F::get(cpu, o.r2()));
    let outcome = arithmetic::divide_to_integer::<F>(&env, a, b, rounding);
    complete(cpu, outcome, |cpu, divided| {
        F::set(cpu, o.r1(), divided.remainder);
        F::set(cpu, o.r3(), divided.quotient);
        cpu.cc = divided.cc;
    })
}
