//! Vector registers with packed and zoned decimal numbers, without arithmetic: loading, storing, packing, unpacking, testing.
//! Source: Principles of Operation, chapter 25, Vector Decimal Instructions.

use softsie_cpu::{AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use super::packed::{UNSIGNED, are_digits, minus};
use super::vector_decimal::{DIGITS, ENHANCEMENT_3, Room, invalid};
use super::vector_form::require;
use super::vector_load_store::{fetch_bytes, store_bytes};
use crate::machine::Machine;
use crate::operand::d2b2;

semantics! {
    simple {}
    heavy {
        VLRL => load_rightmost, VLRLR => load_rightmost_register, VSTRL => store_rightmost, VSTRLR => store_rightmost_register,
        VPKZ => pack, VUPKZ => unpack, VPKZR => pack_registers, VUPKZH => unpack_high, VUPKZL => unpack_low,
        VTP => test_packed, VTZ => test_zoned,
    }
}

/// Fetches the rightmost bytes of V1; the others become zeros.
fn load(cpu: &mut Cpu, o: &Operands, count: u64) -> Result<(), Exit> {
    let ea = d2b2(cpu, o);
    let v = fetch_bytes(cpu, ea, count)?;
    cpu.set_vr(o.v1(), v >> (128 - 8 * count));
    Ok(())
}

/// Stores the rightmost bytes of V1.
fn store(cpu: &mut Cpu, o: &Operands, count: u64) -> Result<(), Exit> {
    let ea = d2b2(cpu, o);
    let v = cpu.vr[usize::from(o.v1() & 31)];
    store_bytes(cpu, ea, v << (128 - 8 * count), count)
}

/// One more than what I3 says, which is at most 15.
fn immediate_count(cpu: &mut Cpu, o: &Operands) -> Result<u64, Exit> {
    cpu.require_vector()?;
    require(o.i3() < 16)?;
    Ok(u64::from(o.i3()) + 1)
}

/// One more than what R3 says; at most 16.
fn register_count(cpu: &mut Cpu, o: &Operands) -> Result<u64, Exit> {
    cpu.require_vector()?;
    let code: u32 = cpu.gr(o.r3());
    Ok(u64::from(code.min(15)) + 1)
}

fn load_rightmost(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let count = immediate_count(cpu, o)?;
    load(cpu, o, count)
}

fn load_rightmost_register(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let count = register_count(cpu, o)?;
    load(cpu, o, count)
}

fn store_rightmost(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let count = immediate_count(cpu, o)?;
    store(cpu, o, count)
}

fn store_rightmost_register(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let count = register_count(cpu, o)?;
    store(cpu, o, count)
}

/// How many zoned digits there are in storage, 1 to 31.
fn zoned_count(cpu: &mut Cpu, o: &Operands) -> Result<usize, Exit> {
    cpu.require_vector()?;
    require(o.i3() < DIGITS as u8)?;
    Ok(usize::from(o.i3()) + 1)
}

/// The digits of zoned bytes, packed; the zone of the last is the sign.
fn packed(zoned: &[u8]) -> u128 {
    let digits = zoned.iter().fold(0, |digits, byte| digits << 4 | u128::from(byte & 15));
    digits << 4 | u128::from(zoned.last().map_or(0, |byte| byte >> 4))
}

/// Half bytes as zoned digits, the last half byte rightmost.
fn zoned(half_bytes: u128, bytes: &mut [u8]) {
    for (n, byte) in bytes.iter_mut().rev().enumerate() {
        *byte = 0xF0 | (half_bytes >> (4 * n)) as u8 & 15;
    }
}

fn pack(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let count = zoned_count(cpu, o)?;
    let ea = d2b2(cpu, o);
    let mut bytes = [0; DIGITS as usize];
    cpu.read_bytes(AddressSpace::Logical(ea.ar), ea.address, &mut bytes[..count])?;
    cpu.set_vr(o.v1(), packed(&bytes[..count]));
    Ok(())
}

fn unpack(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let count = zoned_count(cpu, o)?;
    let ea = d2b2(cpu, o);
    let source = cpu.vr[usize::from(o.v1() & 31)];
    let mut bytes = [0; DIGITS as usize];
    zoned(source >> 4, &mut bytes[..count]);
    set_zone(&mut bytes[count - 1], source as u8);
    cpu.write_bytes(AddressSpace::Logical(ea.ar), ea.address, &bytes[..count])
}

fn set_zone(byte: &mut u8, code: u8) {
    *byte = *byte & 15 | code << 4;
}

/// Bits of M3 and M5: the sign is not checked; nothing is; the result gets the sign F; the condition code is set.
const NO_SIGN_VALIDATION: u8 = 8;
const NO_VALIDATION: u8 = 4;
const POSITIVE_RESULT: u8 = 2;
const SET_CC: u8 = 1;

/// Data exception when the digits or the sign are invalid and are to be checked.
fn check(cpu: &mut Cpu, m: u8, digits_valid: bool, sign_valid: bool) -> Result<(), Exit> {
    let sign_valid = sign_valid || m & NO_SIGN_VALIDATION != 0;
    if m & NO_VALIDATION == 0 && !(digits_valid && sign_valid) {
        return Err(invalid(cpu));
    }
    Ok(())
}

/// The 32 zoned digits of V2 and V3.
fn pack_registers(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let room = Room::counted(cpu, o.i4())?;
    let [left, right] = [o.v2(), o.v3()].map(|v| cpu.vr[usize::from(v & 31)].to_be_bytes());
    let m = o.m5();
    // The right register by itself has the sign; the digits of both are 32.
    let sign = packed(&right) as u8 & 15;
    let digits = packed(&left) >> 4 << 64 | packed(&right) >> 4;
    let (digits_valid, sign_valid) = (are_digits(digits), minus(sign).is_some());
    check(cpu, m, digits_valid, sign_valid)?;
    let sign = if m & POSITIVE_RESULT != 0 { UNSIGNED } else { sign };
    let kept = digits & !(u128::MAX << (4 * room.digits));
    cpu.set_vr(o.v1(), kept << 4 | u128::from(sign));
    let overflow = kept != digits;
    if m & SET_CC != 0 {
        cpu.cc = match (overflow || !digits_valid || !sign_valid, kept, minus(sign)) {
            (true, _, _) => 3,
            (_, 0, _) => 0,
            (_, _, Some(true)) => 1,
            _ => 2,
        };
    }
    room.overflow(cpu, overflow)
}

/// The packed number in V2.
fn source(cpu: &mut Cpu, o: &Operands) -> Result<u128, Exit> {
    cpu.require_vector()?;
    let source = cpu.vr[usize::from(o.v2() & 31)];
    check(cpu, o.m3(), are_digits(source >> 4), minus(source as u8 & 15).is_some())?;
    Ok(source)
}

/// The left 15 digits, with a zero on their left.
fn unpack_high(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let source = source(cpu, o)?;
    let mut bytes = [0; 16];
    zoned(source >> 68, &mut bytes);
    cpu.set_vr(o.v1(), u128::from_be_bytes(bytes));
    Ok(())
}

/// The right 16 digits and the sign.
fn unpack_low(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let source = source(cpu, o)?;
    let mut bytes = [0; 16];
    zoned(source >> 4, &mut bytes);
    set_zone(&mut bytes[15], if o.m3() & POSITIVE_RESULT != 0 { UNSIGNED } else { source as u8 });
    cpu.set_vr(o.v1(), u128::from_be_bytes(bytes));
    Ok(())
}

/// CC 0 when all is valid, 1 an invalid sign, 2 an invalid digit, 3 both.
fn set_validity(cpu: &mut Cpu, digits: bool, sign: bool) {
    cpu.cc = u8::from(!sign) | u8::from(!digits) << 1;
}

/// Whether a sign code is one of those that a sign-test control allows: any, the preferred ones, F only, or those and F;
/// odd controls allow no minus sign of a zero.
fn sign_is_allowed(control: u8, code: u8, zero: bool) -> bool {
    let allowed = match control >> 1 {
        0 => code > 9,
        1 => matches!(code, 0xC | 0xD),
        2 => code == UNSIGNED,
        _ => matches!(code, 0xC | 0xD | 0xF),
    };
    allowed && !(control & 1 != 0 && zero && minus(code) == Some(true))
}

/// VECTOR TEST DECIMAL: all digits and the sign, or what I2 asks for: a number of digits, whether a zero must be on the left
/// of an even number of them, and sign codes.
fn test_packed(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    const ENHANCED: u16 = 0x8000;
    const PADDING: u16 = 0x4000;
    cpu.require_vector()?;
    let source = cpu.vr[usize::from(o.v1() & 31)];
    let (digits, code) = (source >> 4, source as u8 & 15);
    let control = o.i2() as u16;
    if control & ENHANCED == 0 || !cpu.model.facilities.has(ENHANCEMENT_3) {
        set_validity(cpu, are_digits(digits), minus(code).is_some());
        return Ok(());
    }
    let count = u32::from(control & 31);
    let tested = digits & !(u128::MAX << (4 * count));
    let padded = control & PADDING == 0 || count == 0 || count % 2 != 0 || digits >> (4 * count) & 15 == 0;
    let zero = count != 0 && tested == 0;
    set_validity(cpu, are_digits(tested) && padded, sign_is_allowed((control >> 5) as u8 & 7, code, zero));
    Ok(())
}

/// VECTOR TEST ZONED: a number of digits on the right of V1 and V2. Its sign is in the zone of the last or first digit, or
/// beside the digits on the right or left; on the left there may be blanks in place of some digits.
fn test_zoned(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    const SEPARATE: u16 = 0x4000;
    const LEADING: u16 = 0x2000;
    const BLANK: u8 = 0x40;
    cpu.require_vector()?;
    let control = o.i2() as u16;
    let count = usize::from(control & 31);
    require(count != 0)?;
    let [left, right] = [o.v1(), o.v2()].map(|v| cpu.vr[usize::from(v & 31)].to_be_bytes());
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&left);
    bytes[16..].copy_from_slice(&right);
    let (separate, leading) = (control & SEPARATE != 0, control & LEADING != 0);
    let field = &mut bytes[32 - count - usize::from(separate)..];
    let signs_place = if leading { 0 } else { field.len() - 1 };
    let sign = field[signs_place];
    if separate {
        // A digit that counts for nothing.
        field[signs_place] = 0xF0;
    } else {
        field[signs_place] |= 0xF0;
    }
    // Only the format with the sign in the last digit may have blanks.
    let blanks = match separate || leading {
        true => 0,
        false => count.saturating_sub(usize::from(control >> 8 & 31).max(1)),
    };
    let (blank_part, rest) = field.split_at(blanks);
    let is_digit = |byte: &u8| (0xF0..=0xF9).contains(byte);
    let digits = blank_part.iter().all(|byte| *byte == BLANK || is_digit(byte)) && rest.iter().all(is_digit);
    let zero = field.iter().all(|byte| *byte == 0xF0);
    let test = (control >> 5) as u8 & 7;
    let sign = match separate {
        false => sign_is_allowed(test, sign >> 4, zero),
        // Of separate signs two controls are defined.
        true => match test {
            2 => matches!(sign, 0x4E | 0x60),
            3 => sign == 0x4E || sign == 0x60 && !zero,
            _ => true,
        },
    };
    set_validity(cpu, digits, sign);
    Ok(())
}
