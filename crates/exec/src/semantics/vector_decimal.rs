//! Vector packed decimal: arithmetic on numbers of 31 digits in vector registers, and conversions from and to binary.
//! Source: Principles of Operation, chapter 25, Vector Decimal Instructions. Numbers are computed with as integers; products
//! have two parts. Of the bits in M and I fields that say what is checked and set, the names are there.

use softsie_cpu::{Cpu, Exit, ProgramCode, Scalar};
use softsie_isa::Operands;

use super::data_exception;
use super::packed::{self, Decimal, MINUS, PLUS, UNSIGNED, minus, power};
use super::vector_form::require;
use crate::machine::Machine;

semantics! {
    simple { VLIP => load_immediate }
    heavy {
        VAP => add[false], VSP => add[true], VMP => multiply, VMSP => multiply_and_shift,
        VDP => divide, VRP => remainder, VSDP => shift_and_divide,
        VSRP => shift_and_round, VSRPR => shift_and_round_register, VPSOP => sign_operation, VCP => compare,
        VCVB => to_binary[u32], VCVBG => to_binary[u64], VCVBQ => to_binary_128,
        VCVD => from_binary_32, VCVDG => from_binary_64, VCVDQ => from_binary_128,
        VCLZDP => leading_zeros,
    }
}

/// Digits of a register.
pub(super) const DIGITS: u32 = 31;
/// Vector-packed-decimal enhancements 1 and 3.
const ENHANCEMENT_1: u16 = 152;
pub(super) const ENHANCEMENT_3: u16 = 199;

/// Data exception of an invalid digit or sign.
pub(super) fn invalid(cpu: &mut Cpu) -> Exit {
    data_exception(cpu, 0)
}

/// What a result must fit into, and what happens when it doesn't.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// Rightmost digits that are placed, 1 to 31.
    pub digits: u32,
    /// No exception.
    pub no_overflow: bool,
}

impl Room {
    /// From the bits of an immediate field, but for those that say how many digits. Bits of `reserved` must be zeros.
    fn of(cpu: &Cpu, digits: u32, immediate: u8, reserved: u8) -> Result<Room, Exit> {
        let no_overflow = immediate & 0x80 != 0;
        require(immediate & reserved == 0 && digits != 0)?;
        require(!no_overflow || cpu.model.facilities.has(ENHANCEMENT_1))?;
        Ok(Room { digits, no_overflow })
    }

    /// From an immediate field whose last bits are the number of digits.
    pub(super) fn counted(cpu: &Cpu, immediate: u8) -> Result<Room, Exit> {
        Self::of(cpu, u32::from(immediate & 0x1F), immediate, 0x60)
    }

    /// Of a number that loses digits, the exception when there is one.
    pub(super) fn overflow(self, cpu: &Cpu, overflow: bool) -> Result<(), Exit> {
        if overflow && !self.no_overflow && cpu.psw.program_mask() & 4 != 0 {
            return Err(Exit::Program(ProgramCode::DECIMAL_OVERFLOW));
        }
        Ok(())
    }
}

/// A result: a magnitude below 10 to the power of 32, whether it lacks digits on the left, and the sign.
struct Outcome {
    magnitude: u128,
    lost: bool,
    negative: bool,
}

impl From<Decimal> for Outcome {
    fn from(d: Decimal) -> Outcome {
        Outcome { magnitude: d.magnitude, lost: false, negative: d.negative }
    }
}

/// Bits of M5: the first operand gets a plus sign, F; the condition code is set.
const POSITIVE_RESULT: u8 = 2;
const SET_CC: u8 = 1;

/// Places a result in V1. Zero is positive, also when it is what overflow has left.
fn place(cpu: &mut Cpu, o: &Operands, m: u8, room: Room, outcome: &Outcome) -> Result<(), Exit> {
    let limit = power(room.digits);
    let beyond = outcome.magnitude >= limit;
    let overflow = outcome.lost || beyond;
    let magnitude = if beyond { outcome.magnitude % limit } else { outcome.magnitude };
    let (sign, cc) = match (magnitude, m & POSITIVE_RESULT != 0, outcome.negative) {
        (0, true, _) => (UNSIGNED, 0),
        (0, false, _) => (PLUS, 0),
        (_, true, _) => (UNSIGNED, 2),
        (_, _, true) => (MINUS, 1),
        _ => (PLUS, 2),
    };
    cpu.set_vr(o.v1(), packed::digits(magnitude) << 4 | u128::from(sign));
    if m & SET_CC != 0 {
        cpu.cc = if overflow { 3 } else { cc };
    }
    room.overflow(cpu, overflow)
}

/// The number in a vector register; positive whatever its sign code when `positive`.
#[inline]
fn number(cpu: &mut Cpu, v: u8, positive: bool) -> Result<Decimal, Exit> {
    let packed = cpu.vr[usize::from(v & 31)];
    let packed = if positive { packed & !15 | u128::from(PLUS) } else { packed };
    Decimal::unpack(packed).ok_or_else(|| invalid(cpu))
}

/// The numbers in V2 and V3; bits 0 and 1 of M5 make them positive.
fn operands(cpu: &mut Cpu, o: &Operands) -> Result<(Decimal, Decimal), Exit> {
    Ok((number(cpu, o.v2(), o.m5() & 8 != 0)?, number(cpu, o.v3(), o.m5() & 4 != 0)?))
}

/// V2 and V3, and room for as many digits as I4 says.
fn counted(cpu: &mut Cpu, o: &Operands) -> Result<(Room, Decimal, Decimal), Exit> {
    cpu.require_vector()?;
    let room = Room::counted(cpu, o.i4())?;
    let (a, b) = operands(cpu, o)?;
    Ok((room, a, b))
}

/// V2 and V3, room for all digits, and the number of places to shift by that is in I4.
fn shifting(cpu: &mut Cpu, o: &Operands) -> Result<(Room, u32, Decimal, Decimal), Exit> {
    cpu.require_vector()?;
    let room = Room::of(cpu, DIGITS, o.i4(), 0x60)?;
    let (a, b) = operands(cpu, o)?;
    Ok((room, u32::from(o.i4() & 0x1F), a, b))
}

fn add<const SUBTRACT: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (room, a, b) = counted(cpu, o)?;
    let (a, b) = (a.value(), b.value());
    let sum = Decimal::of(if SUBTRACT { a - b } else { a + b });
    place(cpu, o, o.m5(), room, &sum.into())
}

/// The product of two numbers of 31 digits: what is left of the last 32 digits, and those.
fn product(a: u128, b: u128) -> (u128, u128) {
    if let Some(product) = a.checked_mul(b).filter(|product| *product < power(32)) {
        return (0, product);
    }
    let half = power(16);
    let (a1, a0, b1, b0) = (a / half, a % half, b / half, b % half);
    let middle = a1 * b0 + a0 * b1;
    let low = a0 * b0 + middle % half * half;
    (a1 * b1 + middle / half + low / power(32), low % power(32))
}

fn multiply(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (room, a, b) = counted(cpu, o)?;
    let (high, magnitude) = product(a.magnitude, b.magnitude);
    place(cpu, o, o.m5(), room, &Outcome { magnitude, lost: high != 0, negative: a.negative != b.negative })
}

/// Drops digits on the right of the product.
fn multiply_and_shift(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (room, places, a, b) = shifting(cpu, o)?;
    let (high, low) = product(a.magnitude, b.magnitude);
    let magnitude = low / power(places) + high % power(places) * power(32 - places);
    let lost = high / power(places) != 0;
    place(cpu, o, o.m5(), room, &Outcome { magnitude, lost, negative: a.negative != b.negative })
}

fn nonzero(b: Decimal) -> Result<(), Exit> {
    if b.magnitude == 0 { Err(Exit::Program(ProgramCode::DECIMAL_DIVIDE)) } else { Ok(()) }
}

fn divide(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (room, a, b) = counted(cpu, o)?;
    nonzero(b)?;
    let quotient = Decimal { magnitude: a.magnitude / b.magnitude, negative: a.negative != b.negative };
    place(cpu, o, o.m5(), room, &quotient.into())
}

fn remainder(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (room, a, b) = counted(cpu, o)?;
    nonzero(b)?;
    let rest = Decimal { magnitude: a.magnitude % b.magnitude, negative: a.negative };
    place(cpu, o, o.m5(), room, &rest.into())
}

/// Appends zeros to the dividend.
fn shift_and_divide(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (room, mut places, a, b) = shifting(cpu, o)?;
    nonzero(b)?;
    let (mut magnitude, mut rest, mut lost) = (a.magnitude / b.magnitude, a.magnitude % b.magnitude, false);
    while places != 0 {
        // As many as leave room in 128 bits.
        let step = places.min(7);
        places -= step;
        rest *= power(step);
        let kept = power(32 - step);
        lost |= magnitude >= kept;
        magnitude = magnitude % kept * power(step) + rest / b.magnitude;
        rest %= b.magnitude;
    }
    place(cpu, o, o.m5(), room, &Outcome { magnitude, lost, negative: a.negative != b.negative })
}

/// Shifts a number to the left, or to the right where the last digit dropped may round up the rest.
fn shifted(a: Decimal, places: i32, round: bool) -> Outcome {
    let distance = places.unsigned_abs();
    let (magnitude, lost) = if places >= 0 {
        let kept = power(32u32.saturating_sub(distance));
        let magnitude = if distance >= 32 { 0 } else { a.magnitude % kept * power(distance) };
        (magnitude, a.magnitude >= kept)
    } else if distance > 38 {
        (0, false)
    } else {
        let rounding = if round { 5 } else { 0 };
        let magnitude = match u64::try_from(a.magnitude) {
            // The host divides such numbers.
            Ok(small) if distance <= 19 => ((small / power(distance - 1) as u64 + rounding) / 10).into(),
            _ => (a.magnitude / power(distance - 1) + u128::from(rounding)) / 10,
        };
        (magnitude, false)
    };
    Outcome { magnitude, lost, negative: a.negative }
}

/// The number of places is a signed integer of seven bits in I4, beside the bit that asks for rounding.
fn shift_and_round(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let room = Room::counted(cpu, o.i3())?;
    let a = number(cpu, o.v2(), o.m5() & 8 != 0)?;
    let places = i32::from((o.i4() << 1) as i8 >> 1);
    place(cpu, o, o.m5(), room, &shifted(a, places, o.i4() & 0x80 != 0))
}

/// The number of places is a signed byte of V3.
fn shift_and_round_register(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let room = Room::of(cpu, u32::from(o.i4() & 0x1F), o.i4(), 0x20)?;
    let a = number(cpu, o.v2(), o.m5() & 8 != 0)?;
    let places = i32::from(control_byte(cpu, o) as i8);
    place(cpu, o, o.m5(), room, &shifted(a, places, o.i4() & 0x40 != 0))
}

/// Byte 7 of V3, by which some instructions are told how far to shift.
pub(super) fn control_byte(cpu: &mut Cpu, o: &Operands) -> u8 {
    (cpu.vr[usize::from(o.v3() & 31)] >> 64) as u8
}

fn compare(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let a = number(cpu, o.v1(), o.m3() & 8 != 0)?;
    let b = number(cpu, o.v2(), o.m3() & 4 != 0)?;
    cpu.cc = match a.value().cmp(&b.value()) {
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Less => 1,
        std::cmp::Ordering::Greater => 2,
    };
    Ok(())
}

/// Bits of I4 of VECTOR PERFORM SIGN OPERATION DECIMAL.
mod sign_control {
    pub const NO_VALIDATION: u8 = 0x80;
    pub const NEGATIVE_ZERO: u8 = 0x40;
    pub const PRESERVE: u8 = 0x10;
    pub const OPERATION: u8 = 0x0C;
    pub const PLUS_F: u8 = 0x02;
    pub const VALIDATE: u8 = 0x01;
    /// What OPERATION may be.
    pub const MAINTAIN: u8 = 0;
    pub const COMPLEMENT: u8 = 4;
    pub const FORCE_POSITIVE: u8 = 8;
}

fn sign_operation(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    use sign_control::{
        COMPLEMENT, FORCE_POSITIVE, MAINTAIN, NEGATIVE_ZERO, NO_VALIDATION, OPERATION, PLUS_F, PRESERVE, VALIDATE,
    };
    cpu.require_vector()?;
    let room = Room::counted(cpu, o.i3())?;
    let mut control = o.i4();
    for (facility, bits) in [(ENHANCEMENT_1, NO_VALIDATION | NEGATIVE_ZERO), (ENHANCEMENT_3, PRESERVE)] {
        if !cpu.model.facilities.has(facility) {
            control &= !bits;
        }
    }
    let is = |bit| control & bit != 0;
    let source = cpu.vr[usize::from(o.v2() & 31)];
    let (digits, code) = (source >> 4, source as u8 & 15);
    let sign_counts = match control & OPERATION {
        MAINTAIN => !is(NO_VALIDATION),
        COMPLEMENT => true,
        _ => is(VALIDATE),
    };
    let was_negative = minus(code);
    if (!is(NO_VALIDATION) && !packed::are_digits(digits)) || (sign_counts && was_negative.is_none()) {
        return Err(invalid(cpu));
    }
    let kept = digits & !(u128::MAX << (4 * room.digits));
    let overflow = kept != digits;
    let negative = match control & OPERATION {
        MAINTAIN => was_negative == Some(true),
        COMPLEMENT => was_negative == Some(false),
        FORCE_POSITIVE => false,
        _ => true,
    };
    // An invalid sign is maintained as it is, and counts as plus.
    let stays = control & OPERATION == MAINTAIN && (is(PRESERVE) || was_negative.is_none());
    let sign = match negative && (kept != 0 || is(NEGATIVE_ZERO)) {
        _ if stays => code,
        true => MINUS,
        false if is(PLUS_F) => UNSIGNED,
        false => PLUS,
    };
    cpu.set_vr(o.v1(), kept << 4 | u128::from(sign));
    if o.m5() & SET_CC != 0 {
        cpu.cc = match (overflow, kept, negative) {
            (true, _, _) => 3,
            (_, 0, _) => 0,
            (_, _, true) => 1,
            _ => 2,
        };
    }
    room.overflow(cpu, overflow)
}

/// Four digits, shifted to the left as I3 says.
fn load_immediate<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    let digits = u128::from(o.i2() as u16);
    let wrong = m.known(!packed::are_digits(digits));
    m.data_exception_if(wrong, 0)?;
    let sign = if o.i3() & 8 != 0 { MINUS } else { PLUS };
    let v = m.imm(digits << (4 * (o.i3() & 7)) << 4 | u128::from(sign));
    m.set_vr(o.v1(), v);
    Ok(())
}

/// Bits of M3 of the conversions to binary: the sign is ignored; the result has none.
const IGNORE_SIGN: u8 = 8;
const UNSIGNED_RESULT: u8 = 2;

/// The binary value of V2, whether it has a sign or not.
fn binary_value(cpu: &mut Cpu, o: &Operands) -> Result<i128, Exit> {
    cpu.require_vector()?;
    let a = number(cpu, o.v2(), o.m3() & IGNORE_SIGN != 0)?;
    Ok(if o.m3() & UNSIGNED_RESULT != 0 { a.magnitude as i128 } else { a.value() })
}

fn to_binary<T: Scalar>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    /// Bits of M4: no exception; zero instead of what is left after overflow.
    const NO_OVERFLOW: u8 = 8;
    const ZERO_OF_OVERFLOW: u8 = 4;
    let value = binary_value(cpu, o)?;
    let result = T::truncate(value as u128);
    let overflow = match o.m3() & UNSIGNED_RESULT != 0 {
        true => result.widen() as i128 != value,
        false => result.widen_signed() != value,
    };
    let is = |bit, facility| o.m4() & bit != 0 && cpu.model.facilities.has(facility);
    let no_exception = is(NO_OVERFLOW, ENHANCEMENT_1);
    let zero = overflow && is(ZERO_OF_OVERFLOW, ENHANCEMENT_3);
    cpu.set_gr(o.r1(), if zero { T::default() } else { result });
    if o.m3() & SET_CC != 0 {
        cpu.cc = if overflow { 3 } else { 0 };
    }
    if overflow && !no_exception && cpu.psw.program_mask() & 8 != 0 {
        return Err(Exit::Program(ProgramCode::FIXED_POINT_OVERFLOW));
    }
    Ok(())
}

fn to_binary_128(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let value = binary_value(cpu, o)?;
    cpu.set_vr(o.v1(), value as u128);
    Ok(())
}

/// Bit of M4 of the conversions from binary: the source has no sign.
const UNSIGNED_SOURCE: u8 = 8;

/// Places a number in V1. The condition code tells of overflow only, and what overflow leaves keeps its sign.
fn from_binary(cpu: &mut Cpu, o: &Operands, magnitude: u128, negative: bool) -> Result<(), Exit> {
    let room = Room::counted(cpu, o.i3())?;
    let limit = power(room.digits);
    let sign = match (o.m4() & POSITIVE_RESULT != 0, negative) {
        (true, _) => UNSIGNED,
        (_, true) => MINUS,
        _ => PLUS,
    };
    cpu.set_vr(o.v1(), packed::digits(magnitude % limit) << 4 | u128::from(sign));
    let overflow = magnitude >= limit;
    if o.m4() & SET_CC != 0 {
        cpu.cc = if overflow { 3 } else { 0 };
    }
    room.overflow(cpu, overflow)
}

fn from_signed(cpu: &mut Cpu, o: &Operands, value: i128, unsigned: u128) -> Result<(), Exit> {
    match o.m4() & UNSIGNED_SOURCE != 0 {
        true => from_binary(cpu, o, unsigned, false),
        false => from_binary(cpu, o, value.unsigned_abs(), value < 0),
    }
}

fn from_binary_32(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let source: u32 = cpu.gr(o.r2());
    from_signed(cpu, o, (source as i32).into(), source.into())
}

fn from_binary_64(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let source: u64 = cpu.gr(o.r2());
    from_signed(cpu, o, (source as i64).into(), source.into())
}

fn from_binary_128(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let source = cpu.vr[usize::from(o.v2() & 31)];
    from_signed(cpu, o, source as i128, source)
}

/// The number of zeros on the left of V2, in the left doubleword of V1.
fn leading_zeros(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    /// Bits of M3: nothing is checked; a negative zero is negative.
    const NO_VALIDATION: u8 = 4;
    const NEGATIVE_ZERO: u8 = 2;
    cpu.require_vector()?;
    let source = cpu.vr[usize::from(o.v2() & 31)];
    let digits = source >> 4;
    let negative = minus(source as u8 & 15).filter(|_| packed::are_digits(digits));
    if o.m3() & NO_VALIDATION == 0 && negative.is_none() {
        return Err(invalid(cpu));
    }
    let zeros = digits.leading_zeros() / 4 - 1;
    cpu.set_vr(o.v1(), u128::from(zeros) << 64);
    if o.m3() & SET_CC != 0 {
        cpu.cc = match (negative, digits) {
            (None, _) => 3,
            (Some(true), 0) if o.m3() & NEGATIVE_ZERO != 0 => 1,
            (_, 0) => 0,
            (Some(true), _) => 1,
            (Some(false), _) => 2,
        };
    }
    Ok(())
}
