//! Vector floating-point instructions in one format: arithmetic, comparison, class, sign, minimum and maximum.
//! Source: Principles of Operation, chapter 24; vector-processing exceptions: chapters 6 and 9. Every IEEE trap of a
//! vector instruction suppresses it.

use softsie_bfp::{self as arithmetic, Comparison, Env, Extended, Flags, Format, Long, MinMax, Outcome, Short};
use softsie_cpu::{Cpu, Exit, ProgramCode};
use softsie_isa::Operands;

use crate::bfp_op::VectorBfp;
use crate::machine::Machine;

semantics! {
    simple {
        VFA => add_on,
        VFS => subtract_on,
        VFM => multiply_on,
        VFD => divide_on,
        VFSQ => square_root_on,
        VFMA => multiply_add_on,
        VFMS => multiply_subtract_on,
        VFNMA => negative_multiply_add_on,
        VFNMS => negative_multiply_subtract_on,
        VFCE => compare_equal_on,
        VFCH => compare_high_on,
        VFCHE => compare_high_or_equal_on,
        WFC => compare_scalar_on,
        WFK => compare_and_signal_scalar_on,
        VFPSO => perform_sign_operation_on,
    }
    heavy {
        VFTCI => test_data_class, VFMIN => minimum, VFMAX => maximum,
    }
}

/// Simple instructions that an engine may know how to do better than the function on the CPU.
macro_rules! on_engine {
    ($($name:ident = $op:ident $f:ident;)*) => {$(
        fn $name<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
            m.require_vector()?;
            m.vector_bfp(VectorBfp::$op, o, $f)
        }
    )*};
}
pub(super) use on_engine;

on_engine! {
    add_on = Add add;
    subtract_on = Subtract subtract;
    multiply_on = Multiply multiply;
    divide_on = Divide divide;
    square_root_on = SquareRoot square_root;
    multiply_add_on = MultiplyAdd multiply_add;
    multiply_subtract_on = MultiplySubtract multiply_subtract;
    negative_multiply_add_on = NegativeMultiplyAdd negative_multiply_add;
    negative_multiply_subtract_on = NegativeMultiplySubtract negative_multiply_subtract;
    compare_equal_on = CompareEqual compare_equal;
    compare_high_on = CompareHigh compare_high;
    compare_high_or_equal_on = CompareHighOrEqual compare_high_or_equal;
    compare_scalar_on = CompareScalar compare_scalar;
    compare_and_signal_scalar_on = CompareAndSignalScalar compare_and_signal_scalar;
    perform_sign_operation_on = PerformSign perform_sign_operation;
}

/// Single-element control in M4 or M5: only element 0.
pub(crate) const SINGLE: u8 = 8;
/// Signal-on-QNaN control of comparisons.
const SIGNAL: u8 = 4;
/// Condition-code-set control of comparisons.
const SET_CC: u8 = 1;

/// Vector-enhancements facility 1: short and extended elements.
const ENHANCEMENTS_1: u16 = 135;

/// An element format that a mask selects.
#[derive(Clone, Copy)]
pub(crate) enum Elements {
    Short,
    Long,
    Extended,
}

/// The format that a mask field selects: 2 short, 3 long, 4 extended; the model must have all but long.
pub(crate) fn elements(cpu: &Cpu, mask: u8) -> Result<Elements, Exit> {
    match mask {
        3 => Ok(Elements::Long),
        2 if cpu.model.facilities.has(ENHANCEMENTS_1) => Ok(Elements::Short),
        4 if cpu.model.facilities.has(ENHANCEMENTS_1) => Ok(Elements::Extended),
        _ => Err(Exit::SPECIFICATION),
    }
}

/// Calls a function generic over the format with the one that is selected.
macro_rules! with_format {
    ($elements:expr, $function:ident ( $($argument:expr),* )) => {
        match $elements {
            Elements::Short => $function::<Short>($($argument),*),
            Elements::Long => $function::<Long>($($argument),*),
            Elements::Extended => $function::<Extended>($($argument),*),
        }
    };
}

/// Specification exception when a mask has other bits than `allowed`.
pub(crate) fn only(mask: u8, allowed: u8) -> Result<(), Exit> {
    if mask & !allowed == 0 { Ok(()) } else { Err(Exit::SPECIFICATION) }
}

/// Element `index` of a vector register.
#[inline(always)]
pub(crate) fn element<F: Format>(vector: u128, index: u32) -> F::Bits {
    F::narrow(vector >> (128 - F::WIDTH * (index + 1)))
}

/// A vector register that is zero but for element `index`.
#[inline(always)]
pub(crate) fn at_element<F: Format>(bits: F::Bits, index: u32) -> u128 {
    F::widen(bits) << (128 - F::WIDTH * (index + 1))
}

/// How many elements an instruction works on.
#[inline(always)]
pub(crate) fn count<F: Format>(single: bool) -> u32 {
    if single { 1 } else { 128 / F::WIDTH }
}

/// A vector-processing exception: element `index`, vector-interrupt code `vic`.
#[cold]
pub(super) fn vector_exception(cpu: &mut Cpu, index: u32, vic: u8) -> Exit {
    let vxc = (index as u8) << 4 | vic;
    cpu.program.dxc = vxc;
    cpu.fpc = cpu.fpc & !0xFF00 | u32::from(vxc) << 8;
    Exit::Program(ProgramCode::VECTOR_PROCESSING)
}

/// The exceptions of an instruction's elements: flags are collected and set at the end, the first trap suppresses.
#[derive(Default)]
pub(crate) struct Exceptions(Flags);

impl Exceptions {
    /// Takes an element's outcome.
    #[inline(always)]
    pub fn take<T>(&mut self, cpu: &mut Cpu, index: u32, outcome: Outcome<T>) -> Result<T, Exit> {
        if let Some(trap) = outcome.trap {
            return Err(vector_exception(cpu, index, trap.vic()));
        }
        self.0 |= outcome.flags;
        Ok(outcome.value)
    }

    /// Sets the flags.
    #[inline(always)]
    pub fn set(self, cpu: &mut Cpu) {
        cpu.fpc |= u32::from(self.0.byte()) << 16;
    }
}

/// Operates on the elements of V2, V3 and V4 and places the results in V1; elements that are not computed become zero.
#[inline(always)]
fn each<F: Format>(
    cpu: &mut Cpu,
    o: &Operands,
    single: bool,
    operation: impl Fn(&Env, F::Bits, F::Bits, F::Bits) -> Outcome<F::Bits>,
) -> Result<(), Exit> {
    let (x, y, z) = (cpu.vr(o.v2()), cpu.vr(o.v3()), cpu.vr(o.v4()));
    let env = Env::from_fpc(cpu.fpc);
    let mut exceptions = Exceptions::default();
    let mut result = 0;
    for i in 0..count::<F>(single) {
        let outcome = operation(&env, element::<F>(x, i), element::<F>(y, i), element::<F>(z, i));
        result |= at_element::<F>(exceptions.take(cpu, i, outcome)?, i);
    }
    exceptions.set(cpu);
    cpu.set_vr(o.v1(), result);
    Ok(())
}

/// Format in M4, single-element control in M5.
fn two_operand_form(cpu: &mut Cpu, o: &Operands) -> Result<(Elements, bool), Exit> {
    cpu.require_vector()?;
    let elements = elements(cpu, o.m4())?;
    only(o.m5(), SINGLE)?;
    Ok((elements, o.m5() & SINGLE != 0))
}

fn add(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fn of<F: Format>(cpu: &mut Cpu, o: &Operands, single: bool) -> Result<(), Exit> {
        each::<F>(cpu, o, single, |env, a, b, _| arithmetic::add::<F>(env, a, b))
    }
    let (elements, single) = two_operand_form(cpu, o)?;
    with_format!(elements, of(cpu, o, single))
}

fn subtract(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fn of<F: Format>(cpu: &mut Cpu, o: &Operands, single: bool) -> Result<(), Exit> {
        each::<F>(cpu, o, single, |env, a, b, _| arithmetic::subtract::<F>(env, a, b))
    }
    let (elements, single) = two_operand_form(cpu, o)?;
    with_format!(elements, of(cpu, o, single))
}

fn multiply(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fn of<F: Format>(cpu: &mut Cpu, o: &Operands, single: bool) -> Result<(), Exit> {
        each::<F>(cpu, o, single, |env, a, b, _| arithmetic::multiply::<F>(env, a, b))
    }
    let (elements, single) = two_operand_form(cpu, o)?;
    with_format!(elements, of(cpu, o, single))
}

fn divide(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fn of<F: Format>(cpu: &mut Cpu, o: &Operands, single: bool) -> Result<(), Exit> {
        each::<F>(cpu, o, single, |env, a, b, _| arithmetic::divide::<F>(env, a, b))
    }
    let (elements, single) = two_operand_form(cpu, o)?;
    with_format!(elements, of(cpu, o, single))
}

fn square_root(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fn of<F: Format>(cpu: &mut Cpu, o: &Operands, single: bool) -> Result<(), Exit> {
        each::<F>(cpu, o, single, |env, a, _, _| arithmetic::square_root::<F>(env, a))
    }
    cpu.require_vector()?;
    let elements = elements(cpu, o.m3())?;
    only(o.m4(), SINGLE)?;
    with_format!(elements, of(cpu, o, o.m4() & SINGLE != 0))
}

/// The four fused instructions: V2 times V3, plus or minus V4, negated or not. In the figure of results V3 is `a`.
fn fused(cpu: &mut Cpu, o: &Operands, subtract: bool, negate: bool) -> Result<(), Exit> {
    fn of<F: Format>(cpu: &mut Cpu, o: &Operands, subtract: bool, negate: bool) -> Result<(), Exit> {
        each::<F>(cpu, o, o.m5() & SINGLE != 0, |env, b, a, c| {
            let outcome = if subtract {
                arithmetic::multiply_subtract::<F>(env, a, b, c)
            } else {
                arithmetic::multiply_add::<F>(env, a, b, c)
            };
            // The rounded result is negated.
            if negate { outcome.map(arithmetic::negated_if_number::<F>) } else { outcome }
        })
    }
    cpu.require_vector()?;
    let elements = elements(cpu, o.m6())?;
    only(o.m5(), SINGLE)?;
    with_format!(elements, of(cpu, o, subtract, negate))
}

fn multiply_add(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fused(cpu, o, false, false)
}

fn multiply_subtract(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fused(cpu, o, true, false)
}

fn negative_multiply_add(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fused(cpu, o, false, true)
}

fn negative_multiply_subtract(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fused(cpu, o, true, true)
}

/// Condition code of an instruction whose elements become all ones where something holds: 0 for all, 1 for some, 3 for
/// none of them.
fn cc_of_matches(matches: u32, of: u32) -> u8 {
    match matches {
        0 => 3,
        m if m == of => 0,
        _ => 1,
    }
}

fn comparison(cpu: &mut Cpu, o: &Operands, wanted: fn(Comparison) -> bool) -> Result<(), Exit> {
    fn of<F: Format>(cpu: &mut Cpu, o: &Operands, wanted: fn(Comparison) -> bool) -> Result<(), Exit> {
        let (x, y) = (cpu.vr(o.v2()), cpu.vr(o.v3()));
        let env = Env::from_fpc(cpu.fpc);
        let mut exceptions = Exceptions::default();
        let (mut result, mut matches) = (0, 0);
        let n = count::<F>(o.m5() & SINGLE != 0);
        for i in 0..n {
            let outcome = arithmetic::compare::<F>(&env, element::<F>(x, i), element::<F>(y, i), o.m5() & SIGNAL != 0);
            if wanted(exceptions.take(cpu, i, outcome)?) {
                result |= at_element::<F>(F::narrow(u128::MAX), i);
                matches += 1;
            }
        }
        exceptions.set(cpu);
        cpu.set_vr(o.v1(), result);
        if o.m6() & SET_CC != 0 {
            cpu.cc = cc_of_matches(matches, n);
        }
        Ok(())
    }
    cpu.require_vector()?;
    let elements = elements(cpu, o.m4())?;
    let signal = if cpu.model.facilities.has(ENHANCEMENTS_1) { SIGNAL } else { 0 };
    only(o.m5(), SINGLE | signal)?;
    only(o.m6(), SET_CC)?;
    with_format!(elements, of(cpu, o, wanted))
}

fn compare_equal(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    comparison(cpu, o, |c| c == Comparison::Equal)
}

fn compare_high(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    comparison(cpu, o, |c| c == Comparison::Greater)
}

fn compare_high_or_equal(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    comparison(cpu, o, |c| matches!(c, Comparison::Greater | Comparison::Equal))
}

/// Element 0 of V1 against that of V2.
fn scalar_comparison(cpu: &mut Cpu, o: &Operands, signalling: bool) -> Result<(), Exit> {
    fn of<F: Format>(cpu: &mut Cpu, o: &Operands, signalling: bool) -> Result<(), Exit> {
        let (a, b) = (element::<F>(cpu.vr(o.v1()), 0), element::<F>(cpu.vr(o.v2()), 0));
        let outcome = arithmetic::compare::<F>(&Env::from_fpc(cpu.fpc), a, b, signalling);
        let mut exceptions = Exceptions::default();
        let comparison = exceptions.take(cpu, 0, outcome)?;
        exceptions.set(cpu);
        cpu.cc = comparison as u8;
        Ok(())
    }
    cpu.require_vector()?;
    let elements = elements(cpu, o.m3())?;
    only(o.m4(), 0)?;
    with_format!(elements, of(cpu, o, signalling))
}

fn compare_scalar(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    scalar_comparison(cpu, o, false)
}

fn compare_and_signal_scalar(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    scalar_comparison(cpu, o, true)
}

fn test_data_class(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fn of<F: Format>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
        let x = cpu.vr(o.v2());
        let (mut result, mut matches) = (0, 0);
        let n = count::<F>(o.m5() & SINGLE != 0);
        for i in 0..n {
            if arithmetic::test_data_class::<F>(element::<F>(x, i), o.i2() as u32 & 0xFFF) {
                result |= at_element::<F>(F::narrow(u128::MAX), i);
                matches += 1;
            }
        }
        cpu.set_vr(o.v1(), result);
        cpu.cc = cc_of_matches(matches, n);
        Ok(())
    }
    let (elements, _) = two_operand_form(cpu, o)?;
    with_format!(elements, of(cpu, o))
}

/// M5: 0 inverts the sign, 1 makes it minus, 2 plus. NaNs are treated alike and no exception is recognised.
fn perform_sign_operation(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    fn of<F: Format>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
        let x = cpu.vr(o.v2());
        let mut result = 0;
        for i in 0..count::<F>(o.m4() & SINGLE != 0) {
            let bits = F::widen(element::<F>(x, i));
            let bits = match o.m5() {
                0 => bits ^ F::SIGN,
                1 => bits | F::SIGN,
                _ => bits & !F::SIGN,
            };
            result |= at_element::<F>(F::narrow(bits), i);
        }
        cpu.set_vr(o.v1(), result);
        Ok(())
    }
    cpu.require_vector()?;
    let elements = elements(cpu, o.m3())?;
    only(o.m4(), SINGLE)?;
    if o.m5() > 2 {
        return Err(Exit::SPECIFICATION);
    }
    with_format!(elements, of(cpu, o))
}

fn extreme(cpu: &mut Cpu, o: &Operands, maximum: bool) -> Result<(), Exit> {
    fn of<F: Format>(cpu: &mut Cpu, o: &Operands, single: bool, maximum: bool, function: MinMax) -> Result<(), Exit> {
        each::<F>(cpu, o, single, |env, a, b, _| {
            if maximum { arithmetic::max::<F>(env, a, b, function) } else { arithmetic::min::<F>(env, a, b, function) }
        })
    }
    let (elements, single) = two_operand_form(cpu, o)?;
    let function = MinMax::from_m6(o.m6().into()).ok_or(Exit::SPECIFICATION)?;
    with_format!(elements, of(cpu, o, single, maximum, function))
}

fn minimum(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extreme(cpu, o, false)
}

fn maximum(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    extreme(cpu, o, true)
}
