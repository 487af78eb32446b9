//! DFP numbers from and to decimal ones: packed in general registers, packed and zoned in storage.
//! Source: Principles of Operation, chapter 20: CONVERT FROM and TO SIGNED PACKED, UNSIGNED PACKED, ZONED, PACKED. The exponent
//! takes no part: results have the quantum one, and sources are taken by their digits, infinities and NaNs too.

use softsie_cpu::{AddressSpace, Cpu, Exit};
use softsie_dfp::{self as arithmetic, Class, Digits, Extended, Long};
use softsie_isa::Operands;

use crate::fp_datum::FpDatum;
use crate::machine::Machine;
use crate::operand::d2b2;
use crate::semantics::data_exception;
use crate::semantics::dfp::{Operand, require};
use crate::semantics::packed::minus;

semantics! {
    simple {}
    heavy {
        CDSTR => from_signed[Long], CXSTR => from_signed[Extended],
        CDUTR => from_unsigned[Long], CXUTR => from_unsigned[Extended],
        CSDTR => to_signed[Long], CSXTR => to_signed[Extended],
        CUDTR => to_unsigned[Long], CUXTR => to_unsigned[Extended],
        CDZT => from_zoned[Long], CXZT => from_zoned[Extended], CZDT => to_zoned[Long], CZXT => to_zoned[Extended],
        CDPT => from_packed[Long], CXPT => from_packed[Extended], CPDT => to_packed[Long], CPXT => to_packed[Extended],
    }
}

/// The longest storage operand: 34 zoned digits.
const LONGEST: usize = 34;

/// In M3: there is a sign; zones are those of ASCII; a plus sign is F; a zero gets a plus sign, and of a packed source the
/// sign is not looked at.
const SIGNED: u8 = 8;
const ASCII: u8 = 4;
const PLUS_F: u8 = 2;
const FORCE_PLUS: u8 = 1;

/// Data-exception code of invalid decimal digits and signs.
const DXC_DECIMAL_OPERAND: u8 = 0;

fn sign_code(negative: bool, plus_f: bool) -> u8 {
    match (negative, plus_f) {
        (true, _) => 0xD,
        (false, true) => 0xF,
        (false, false) => 0xC,
    }
}

/// The number that half bytes make, the last one rightmost; `None` when one is no digit.
fn number(digits: impl Iterator<Item = u8>) -> Option<u128> {
    digits.into_iter().try_fold(0u128, |n, d| (d < 10).then(|| n * 10 + u128::from(d)))
}

/// A general register, or a pair of them for the extended format.
trait Packed: Operand {
    /// Half bytes.
    const PLACES: u32;
    /// Bytes of a zoned and of a packed operand in storage, at most.
    const ZONED: usize;
    const PACKED: usize;
    fn even(r: u8) -> bool;
    fn get_packed(cpu: &mut Cpu, r: u8) -> u128;
    fn set_packed(cpu: &mut Cpu, r: u8, packed: u128);
}

impl Packed for Long {
    const PLACES: u32 = 16;
    const ZONED: usize = 16;
    const PACKED: usize = 9;
    fn even(_: u8) -> bool {
        true
    }
    fn get_packed(cpu: &mut Cpu, r: u8) -> u128 {
        cpu.gr::<u64>(r).into()
    }
    fn set_packed(cpu: &mut Cpu, r: u8, packed: u128) {
        cpu.set_gr(r, packed as u64);
    }
}

impl Packed for Extended {
    const PLACES: u32 = 32;
    const ZONED: usize = 34;
    const PACKED: usize = 18;
    fn even(r: u8) -> bool {
        r & 1 == 0
    }
    fn get_packed(cpu: &mut Cpu, r: u8) -> u128 {
        let (high, low): (u64, u64) = (cpu.gr(r), cpu.gr(r + 1));
        u128::from(high) << 64 | u128::from(low)
    }
    fn set_packed(cpu: &mut Cpu, r: u8, packed: u128) {
        cpu.set_gr(r, (packed >> 64) as u64);
        cpu.set_gr(r + 1, packed as u64);
    }
}

fn require_with_general<F: Packed>(cpu: &mut Cpu, fr: u8, gr: u8) -> Result<(), Exit> {
    require::<F, 1>(cpu, [fr])?;
    if F::even(gr) { Ok(()) } else { Err(Exit::SPECIFICATION) }
}

/// The leftmost `places` half bytes of as many as the register has.
fn half_bytes<F: Packed>(packed: u128, places: u32) -> impl Iterator<Item = u8> {
    (F::PLACES - places..F::PLACES).rev().map(move |n| (packed >> (4 * n)) as u8 & 15)
}

fn from_signed<F: Packed>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_with_general::<F>(cpu, o.r1(), o.r2())?;
    let packed = F::get_packed(cpu, o.r2());
    let digits = number(half_bytes::<F>(packed, F::PLACES - 1));
    let (Some(digits), Some(negative)) = (digits, minus(packed as u8 & 15)) else {
        return Err(data_exception(cpu, DXC_DECIMAL_OPERAND));
    };
    F::Bits::set(cpu, o.r1(), arithmetic::from_digits::<F>(negative, digits));
    Ok(())
}

fn from_unsigned<F: Packed>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_with_general::<F>(cpu, o.r1(), o.r2())?;
    let packed = F::get_packed(cpu, o.r2());
    let Some(digits) = number(half_bytes::<F>(packed, F::PLACES)) else {
        return Err(data_exception(cpu, DXC_DECIMAL_OPERAND));
    };
    F::Bits::set(cpu, o.r1(), arithmetic::from_digits::<F>(false, digits));
    Ok(())
}

/// The last `places` digits as half bytes.
fn packed(mut significand: u128, places: u32) -> u128 {
    let mut packed = 0;
    for n in 0..places {
        packed |= (significand % 10) << (4 * n);
        significand /= 10;
    }
    packed
}

/// M4: a plus sign is F instead of C.
fn to_signed<F: Packed>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_with_general::<F>(cpu, o.r2(), o.r1())?;
    let b = F::Bits::get(cpu, o.r2());
    let digits = arithmetic::digits::<F>(b);
    let sign = sign_code(digits.negative, o.m4() & 1 != 0);
    F::set_packed(cpu, o.r1(), packed(digits.significand, F::PLACES - 1) << 4 | u128::from(sign));
    Ok(())
}

fn to_unsigned<F: Packed>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_with_general::<F>(cpu, o.r2(), o.r1())?;
    let b = F::Bits::get(cpu, o.r2());
    F::set_packed(cpu, o.r1(), packed(arithmetic::digits::<F>(b).significand, F::PLACES));
    Ok(())
}

/// The exceptions before access, and how long the storage operand is.
fn storage_length<F: Packed>(cpu: &mut Cpu, o: &Operands, longest: usize) -> Result<usize, Exit> {
    require::<F, 1>(cpu, [o.r1()])?;
    let length = usize::from(o.l2()) + 1;
    if length <= longest { Ok(length) } else { Err(Exit::SPECIFICATION) }
}

fn fetch<'a>(cpu: &mut Cpu, o: &Operands, bytes: &'a mut [u8]) -> Result<&'a [u8], Exit> {
    let ea = d2b2(cpu, o);
    cpu.read_bytes(AddressSpace::Logical(ea.ar), ea.address, bytes)?;
    Ok(bytes)
}

fn store(cpu: &mut Cpu, o: &Operands, bytes: &[u8]) -> Result<(), Exit> {
    let ea = d2b2(cpu, o);
    cpu.write_bytes(AddressSpace::Logical(ea.ar), ea.address, bytes)
}

/// Places the number of a storage operand, whose digits and sign may be invalid.
fn place<F: Packed>(cpu: &mut Cpu, o: &Operands, digits: Option<u128>, sign: Option<bool>) -> Result<(), Exit> {
    let (Some(digits), Some(negative)) = (digits.filter(|d| *d < F::LIMIT), sign) else {
        return Err(data_exception(cpu, DXC_DECIMAL_OPERAND));
    };
    F::Bits::set(cpu, o.r1(), arithmetic::from_digits::<F>(negative, digits));
    Ok(())
}

fn from_zoned<F: Packed>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let length = storage_length::<F>(cpu, o, F::ZONED)?;
    let mut bytes = [0; LONGEST];
    let zoned = fetch(cpu, o, &mut bytes[..length])?;
    // Other zones than that of the sign are not looked at.
    let sign = if o.m3() & SIGNED != 0 { minus(zoned[length - 1] >> 4) } else { Some(false) };
    place::<F>(cpu, o, number(zoned.iter().map(|b| b & 15)), sign)
}

fn from_packed<F: Packed>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let length = storage_length::<F>(cpu, o, F::PACKED)?;
    let mut bytes = [0; LONGEST];
    let packed = fetch(cpu, o, &mut bytes[..length])?;
    let signed = o.m3() & SIGNED != 0;
    let sign = match signed && o.m3() & FORCE_PLUS == 0 {
        true => minus(packed[length - 1] & 15),
        false => Some(false),
    };
    let places = 2 * length - usize::from(signed);
    place::<F>(cpu, o, number(packed.iter().flat_map(|b| [b >> 4, b & 15]).take(places)), sign)
}

/// What of a datum comes into so many digits: they, the sign and the condition code, which is 3 when it is no number or
/// digits are lost.
fn cut(digits: &Digits, places: u32, m3: u8) -> (u128, bool, u8) {
    let kept = 10u128.checked_pow(places).map_or(digits.significand, |limit| digits.significand % limit);
    let cc = match (digits.class, digits.significand, digits.negative) {
        (Class::Finite, significand, _) if significand != kept => 3,
        (Class::Finite, 0, _) => 0,
        (Class::Finite, _, true) => 1,
        (Class::Finite, _, false) => 2,
        _ => 3,
    };
    (kept, digits.negative && !(kept == 0 && m3 & FORCE_PLUS != 0), cc)
}

fn to_zoned<F: Packed>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let length = storage_length::<F>(cpu, o, F::ZONED)?;
    let a = F::Bits::get(cpu, o.r1());
    let (mut rest, negative, cc) = cut(&arithmetic::digits::<F>(a), length as u32, o.m3());
    let mut bytes = [if o.m3() & ASCII != 0 { 0x30 } else { 0xF0 }; LONGEST];
    let zoned = &mut bytes[..length];
    for byte in zoned.iter_mut().rev() {
        *byte |= (rest % 10) as u8;
        rest /= 10;
    }
    if o.m3() & SIGNED != 0 {
        let last = &mut zoned[length - 1];
        *last = *last & 15 | sign_code(negative, o.m3() & PLUS_F != 0) << 4;
    }
    store(cpu, o, zoned)?;
    cpu.cc = cc;
    Ok(())
}

fn to_packed<F: Packed>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let length = storage_length::<F>(cpu, o, F::PACKED)?;
    let a = F::Bits::get(cpu, o.r1());
    let signed = o.m3() & SIGNED != 0;
    let places = 2 * length as u32 - u32::from(signed);
    let (mut rest, negative, cc) = cut(&arithmetic::digits::<F>(a), places, o.m3());
    let mut bytes = [0; LONGEST];
    let packed = &mut bytes[..length];
    let mut next = || {
        let digit = (rest % 10) as u8;
        rest /= 10;
        digit
    };
    for (n, byte) in packed.iter_mut().rev().enumerate() {
        let right = if n == 0 && signed { sign_code(negative, o.m3() & PLUS_F != 0) } else { next() };
        *byte = next() << 4 | right;
    }
    store(cpu, o, packed)?;
    cpu.cc = cc;
    Ok(())
}
