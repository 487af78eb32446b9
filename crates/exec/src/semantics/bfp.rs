//! BFP instructions in one format: arithmetic, comparison, signs, test data class, divide to integer.
//! Source: Principles of Operation, chapter 19. The arithmetic itself is crate `softsie-bfp`.

use softsie_bfp::{self as arithmetic, Env, Extended, Format, Long, Outcome, Rounding, Short};
use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use crate::bfp_op::{Bfp, BfpOp};
use crate::fp_datum::FpDatum;
use crate::machine::Machine;
use crate::operand::d2x2b2;
use crate::semantics::data_exception;
use crate::semantics::fp_control::DXC_BFP_INSTRUCTION;

semantics! {
    simple {
        AEBR => add[u32, Register], ADBR => add[u64, Register], AEB => add[u32, Storage], ADB => add[u64, Storage],
        SEBR => subtract[u32, Register], SDBR => subtract[u64, Register],
        SEB => subtract[u32, Storage], SDB => subtract[u64, Storage],
        MEEBR => multiply[u32, Register], MDBR => multiply[u64, Register],
        MEEB => multiply[u32, Storage], MDB => multiply[u64, Storage],
        DEBR => divide[u32, Register], DDBR => divide[u64, Register],
        DEB => divide[u32, Storage], DDB => divide[u64, Storage],
        SQEBR => square_root[u32, Register], SQDBR => square_root[u64, Register],
        SQEB => square_root[u32, Storage], SQDB => square_root[u64, Storage],
        MAEBR => multiply_add[u32, Register], MADBR => multiply_add[u64, Register],
        MAEB => multiply_add[u32, Storage], MADB => multiply_add[u64, Storage],
        MSEBR => multiply_subtract[u32, Register], MSDBR => multiply_subtract[u64, Register],
        MSEB => multiply_subtract[u32, Storage], MSDB => multiply_subtract[u64, Storage],
        CEBR => compare[u32, Register], CDBR => compare[u64, Register],
        CEB => compare[u32, Storage], CDB => compare[u64, Storage],
        KEBR => compare_and_signal[u32, Register], KDBR => compare_and_signal[u64, Register],
        KEB => compare_and_signal[u32, Storage], KDB => compare_and_signal[u64, Storage],
        LTEBR => load_and_test[u32], LTDBR => load_and_test[u64],
        LPEBR => load_positive[u32], LPDBR => load_positive[u64],
        LNEBR => load_negative[u32], LNDBR => load_negative[u64],
        LCEBR => load_complement[u32], LCDBR => load_complement[u64],
    }
    heavy {
        AXBR => extended_add, SXBR => extended_subtract, MXBR => extended_multiply, DXBR => extended_divide,
        SQXBR => extended_square_root, CXBR => extended_compare, KXBR => extended_compare_and_signal,
        MDEBR => multiply_lengthened[Short, Long, Register], MDEB => multiply_lengthened[Short, Long, Storage],
        MXDBR => multiply_lengthened[Long, Extended, Register], MXDB => multiply_lengthened[Long, Extended, Storage],
        LTXBR => extended_load_and_test, LPXBR => extended_load_positive, LNXBR => extended_load_negative,
        LCXBR => extended_load_complement,
        TCEB => test_data_class[Short], TCDB => test_data_class[Long], TCXB => test_data_class[Extended],
        DIEBR => divide_to_integer[Short], DIDBR => divide_to_integer[Long],
    }
}

/// A format that instructions hold in registers and storage.
pub(crate) trait Operand: Format<Bits: FpDatum> {}
impl<F: Format<Bits: FpDatum>> Operand for F {}

/// Where the second operand is.
pub(crate) trait Second {
    /// Fetches it.
    fn fetch<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit>;
    /// The same on any engine, for what fits one register.
    fn value<M: Machine, T: Bfp>(m: &mut M, o: &Operands) -> Result<M::Val<T>, Exit>;
}

/// In register R2.
pub(crate) struct Register;
/// At D2(X2,B2).
pub(crate) struct Storage;

impl Second for Register {
    #[inline(always)]
    fn fetch<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit> {
        if F::Bits::fits(o.r2()) { Ok(F::Bits::get(cpu, o.r2())) } else { Err(Exit::SPECIFICATION) }
    }
    #[inline(always)]
    fn value<M: Machine, T: Bfp>(m: &mut M, o: &Operands) -> Result<M::Val<T>, Exit> {
        Ok(m.fr(o.r2()))
    }
}

impl Second for Storage {
    #[inline(always)]
    fn fetch<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<F::Bits, Exit> {
        F::Bits::load(cpu, o)
    }
    #[inline(always)]
    fn value<M: Machine, T: Bfp>(m: &mut M, o: &Operands) -> Result<M::Val<T>, Exit> {
        let ea = d2x2b2(m, o);
        m.load(ea)
    }
}

/// Data exception while CR0 keeps BFP away.
#[inline(always)]
pub(crate) fn require_bfp<M: Machine>(m: &mut M) -> Result<(), Exit> {
    m.require_afp(DXC_BFP_INSTRUCTION)
}

/// Specification exception unless register `r` can hold an `F`.
#[inline(always)]
pub(crate) fn require_fit<F: Operand>(r: u8) -> Result<(), Exit> {
    if F::Bits::fits(r) { Ok(()) } else { Err(Exit::SPECIFICATION) }
}

/// Ends an operation: sets flags, places the result, takes the trap. A suppressing trap leaves everything as it was.
#[inline(always)]
pub(crate) fn complete<T>(cpu: &mut Cpu, outcome: Outcome<T>, place: impl FnOnce(&mut Cpu, T)) -> Result<(), Exit> {
    match outcome.trap {
        Some(trap) if trap.suppresses() => Err(data_exception(cpu, trap.dxc)),
        trap => {
            cpu.fpc |= u32::from(outcome.flags.byte()) << 16;
            place(cpu, outcome.value);
            trap.map_or(Ok(()), |trap| Err(data_exception(cpu, trap.dxc)))
        }
    }
}

/// The first operand and the second one.
#[inline(always)]
fn two_operands<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands, op: BfpOp) -> Result<(), Exit> {
    require_bfp(m)?;
    let b = S::value::<M, T>(m, o)?;
    let a = m.fr::<T>(o.r1());
    m.bfp(op, o.r1(), [a, b, b])
}

fn add<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    two_operands::<M, T, S>(m, o, BfpOp::Add)
}

fn subtract<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    two_operands::<M, T, S>(m, o, BfpOp::Subtract)
}

fn multiply<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    two_operands::<M, T, S>(m, o, BfpOp::Multiply)
}

fn divide<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    two_operands::<M, T, S>(m, o, BfpOp::Divide)
}

fn square_root<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_bfp(m)?;
    let b = S::value::<M, T>(m, o)?;
    m.bfp(BfpOp::SquareRoot, o.r1(), [b, b, b])
}

/// Third operand times second operand, and the first one.
#[inline(always)]
fn fused<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands, op: BfpOp) -> Result<(), Exit> {
    require_bfp(m)?;
    let b = S::value::<M, T>(m, o)?;
    let (a, c) = (m.fr::<T>(o.r3()), m.fr::<T>(o.r1()));
    m.bfp(op, o.r1(), [a, b, c])
}

fn multiply_add<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    fused::<M, T, S>(m, o, BfpOp::MultiplyAdd)
}

fn multiply_subtract<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    fused::<M, T, S>(m, o, BfpOp::MultiplySubtract)
}

#[inline(always)]
fn comparison<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands, signalling: bool) -> Result<(), Exit> {
    require_bfp(m)?;
    let b = S::value::<M, T>(m, o)?;
    let a = m.fr::<T>(o.r1());
    m.bfp_compare(a, b, signalling)
}

fn compare<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    comparison::<M, T, S>(m, o, false)
}

fn compare_and_signal<M: Machine, T: Bfp, S: Second>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    comparison::<M, T, S>(m, o, true)
}

fn load_and_test<M: Machine, T: Bfp>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_bfp(m)?;
    let v = m.fr::<T>(o.r2());
    m.bfp_load_and_test(o.r1(), v)
}

/// The sign bit of a format.
#[inline(always)]
fn sign<M: Machine, T: Bfp>(m: &mut M) -> M::Val<T> {
    m.imm(T::truncate(T::Format::SIGN))
}

#[inline(always)]
fn with_sign<M: Machine, T: Bfp>(
    m: &mut M,
    o: &Operands,
    f: impl FnOnce(&mut M, M::Val<T>, M::Val<T>) -> M::Val<T>,
) -> Result<(), Exit> {
    require_bfp(m)?;
    let (v, sign) = (m.fr::<T>(o.r2()), sign::<M, T>(m));
    let v = f(m, v, sign);
    m.set_fr(o.r1(), v);
    m.cc_bfp(v);
    Ok(())
}

fn load_positive<M: Machine, T: Bfp>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    with_sign::<M, T>(m, o, |m, v, sign| {
        let magnitude = m.not(sign);
        m.and(v, magnitude)
    })
}

fn load_negative<M: Machine, T: Bfp>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    with_sign::<M, T>(m, o, |m, v, sign| m.or(v, sign))
}

fn load_complement<M: Machine, T: Bfp>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    with_sign::<M, T>(m, o, |m, v, sign| m.xor(v, sign))
}

/// On the CPU: computes, places the result in register `to`, and sets the CC when it is a sum or difference.
#[inline(always)]
pub(crate) fn compute<T: Bfp>(cpu: &mut Cpu, op: BfpOp, to: u8, [a, b, c]: [T; 3]) -> Result<(), Exit> {
    let env = Env::from_fpc(cpu.fpc);
    let outcome = match op {
        BfpOp::Add => arithmetic::add::<T::Format>(&env, a, b),
        BfpOp::Subtract => arithmetic::subtract::<T::Format>(&env, a, b),
        BfpOp::Multiply => arithmetic::multiply::<T::Format>(&env, a, b),
        BfpOp::Divide => arithmetic::divide::<T::Format>(&env, a, b),
        BfpOp::SquareRoot => arithmetic::square_root::<T::Format>(&env, a),
        BfpOp::MultiplyAdd => arithmetic::multiply_add::<T::Format>(&env, a, b, c),
        BfpOp::MultiplySubtract => arithmetic::multiply_subtract::<T::Format>(&env, a, b, c),
    };
    complete(cpu, outcome, |cpu, value| {
        cpu.set_fr(to, value);
        if matches!(op, BfpOp::Add | BfpOp::Subtract) {
            cpu.cc = arithmetic::sign_cc::<T::Format>(value);
        }
    })
}

/// On the CPU: compares for the CC.
#[inline(always)]
pub(crate) fn compare_values<F: Format>(cpu: &mut Cpu, a: F::Bits, b: F::Bits, signalling: bool) -> Result<(), Exit> {
    let outcome = arithmetic::compare::<F>(&Env::from_fpc(cpu.fpc), a, b, signalling);
    complete(cpu, outcome, |cpu, comparison| cpu.cc = comparison as u8)
}

/// On the CPU: LOAD AND TEST.
#[inline(always)]
pub(crate) fn test_value<T: Bfp>(cpu: &mut Cpu, to: u8, v: T) -> Result<(), Exit> {
    let outcome = arithmetic::load_and_test::<T::Format>(&Env::from_fpc(cpu.fpc), v);
    complete(cpu, outcome, |cpu, value| {
        cpu.set_fr(to, value);
        cpu.cc_bfp(value);
    })
}

/// An extended operation of the first and second operand on the first; `cc` says whether the sign of the result is
/// reported.
#[inline(always)]
fn extended(
    cpu: &mut Cpu,
    o: &Operands,
    cc: bool,
    operation: impl FnOnce(&Env, u128, u128) -> Outcome<u128>,
) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<Extended>(o.r1())?;
    let b = Register::fetch::<Extended>(cpu, o)?;
    let a = u128::get(cpu, o.r1());
    let outcome = operation(&Env::from_fpc(cpu.fpc), a, b);
    complete(cpu, outcome, |cpu, value| {
        u128::set(cpu, o.r1(), value);
        if cc {
            cpu.cc = arithmetic::sign_cc::<Extended>(value);
        }
    })
}

fn extended_add(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extended(cpu, o, true, arithmetic::add::<Extended>)
}

fn extended_subtract(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extended(cpu, o, true, arithmetic::subtract::<Extended>)
}

fn extended_multiply(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extended(cpu, o, false, arithmetic::multiply::<Extended>)
}

fn extended_divide(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extended(cpu, o, false, arithmetic::divide::<Extended>)
}

fn extended_square_root(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extended(cpu, o, false, |env, _, b| arithmetic::square_root::<Extended>(env, b))
}

fn extended_load_and_test(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extended(cpu, o, true, |env, _, b| arithmetic::load_and_test::<Extended>(env, b))
}

fn extended_load_positive(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extended(cpu, o, true, |_, _, b| Outcome::exact(b & !Extended::SIGN))
}

fn extended_load_negative(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extended(cpu, o, true, |_, _, b| Outcome::exact(b | Extended::SIGN))
}

fn extended_load_complement(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extended(cpu, o, true, |_, _, b| Outcome::exact(b ^ Extended::SIGN))
}

#[inline(always)]
fn extended_comparison(cpu: &mut Cpu, o: &Operands, signalling: bool) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<Extended>(o.r1())?;
    let b = Register::fetch::<Extended>(cpu, o)?;
    let a = u128::get(cpu, o.r1());
    compare_values::<Extended>(cpu, a, b, signalling)
}

fn extended_compare(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extended_comparison(cpu, o, false)
}

fn extended_compare_and_signal(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extended_comparison(cpu, o, true)
}

fn multiply_lengthened<F: Operand, T: Operand, S: Second>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<T>(o.r1())?;
    let b = S::fetch::<F>(cpu, o)?;
    let a = F::Bits::get(cpu, o.r1());
    let outcome = arithmetic::multiply_lengthened::<F, T>(&Env::from_fpc(cpu.fpc), a, b);
    complete(cpu, outcome, |cpu, value| T::Bits::set(cpu, o.r1(), value))
}

/// The second operand's address is not used to address storage: its last twelve bits select classes.
fn test_data_class<F: Operand>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_bfp(cpu)?;
    require_fit::<F>(o.r1())?;
    let mask = d2x2b2(cpu, o).address as u32 & 0xFFF;
    let a = F::Bits::get(cpu, o.r1());
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
    let (a, b) = (F::Bits::get(cpu, o.r1()), F::Bits::get(cpu, o.r2()));
    let outcome = arithmetic::divide_to_integer::<F>(&env, a, b, rounding);
    complete(cpu, outcome, |cpu, divided| {
        F::Bits::set(cpu, o.r1(), divided.remainder);
        F::Bits::set(cpu, o.r3(), divided.quotient);
        cpu.cc = divided.cc;
    })
}
