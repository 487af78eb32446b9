//! Arithmetic on packed decimal numbers of up to 31 digits, and editing.
//! Source: Principles of Operation, chapter 8, Decimal Instructions. Numbers are computed with as integers of 128 bits.

use softsie_cpu::{Access, AddressSpace, Cpu, Exit, ProgramCode};
use softsie_isa::Operands;

use super::data_exception;
use super::packed::{Decimal, power};
use crate::operand::{Ea, d1b1, d2b2};

semantics! {
    simple {}
    heavy {
        ZAP => zero_and_add,
        AP => add[false],
        SP => add[true],
        CP => compare,
        MP => multiply,
        DP => divide,
        SRP => shift_and_round,
        ED => edit[false],
        EDMK => edit[true],
    }
}

/// The bytes of an operand of `code` + 1 bytes, at the right end of 16.
fn fetch(cpu: &mut Cpu, ea: Ea<u64>, code: u8) -> Result<[u8; 16], Exit> {
    let mut bytes = [0; 16];
    cpu.read_bytes(AddressSpace::Logical(ea.ar), ea.address, &mut bytes[15 - usize::from(code & 15)..])?;
    Ok(bytes)
}

/// The number that 16 bytes are; data exception when they are none.
fn number(cpu: &mut Cpu, bytes: &[u8; 16]) -> Result<Decimal, Exit> {
    Decimal::unpack(u128::from_be_bytes(*bytes)).ok_or_else(|| data_exception(cpu, 0))
}

fn digits_of(code: u8) -> u32 {
    2 * u32::from(code & 15) + 1
}

/// Stores a number into `code` + 1 bytes; digits on the left that have no room are dropped.
fn store(cpu: &mut Cpu, ea: Ea<u64>, code: u8, d: Decimal) -> Result<(), Exit> {
    let bytes = d.pack().to_be_bytes();
    cpu.write_bytes(AddressSpace::Logical(ea.ar), ea.address, &bytes[15 - usize::from(code & 15)..])
}

/// Stores a result and sets the CC; overflow when it has too many digits, or `overflow`.
fn finish(cpu: &mut Cpu, ea: Ea<u64>, code: u8, d: Decimal, overflow: bool) -> Result<(), Exit> {
    let limit = power(digits_of(code));
    let overflow = overflow || d.magnitude >= limit;
    // Zero is positive, unless it is what overflow has left.
    let negative = d.negative && (d.magnitude != 0 || overflow);
    store(cpu, ea, code, Decimal { negative, ..d })?;
    cpu.cc = match (overflow, d.magnitude, negative) {
        (true, _, _) => 3,
        (_, 0, _) => 0,
        (_, _, true) => 1,
        _ => 2,
    };
    if overflow && cpu.psw.program_mask() & 4 != 0 {
        return Err(Exit::Program(ProgramCode::DECIMAL_OVERFLOW));
    }
    Ok(())
}

/// Both operands of an instruction that replaces the first, after all access exceptions.
fn both(cpu: &mut Cpu, o: &Operands) -> Result<(Ea<u64>, [[u8; 16]; 2]), Exit> {
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    let b = fetch(cpu, second, o.l2())?;
    cpu.probe(AddressSpace::Logical(first.ar), first.address, u64::from(o.l1()) + 1, Access::Store)?;
    let a = fetch(cpu, first, o.l1())?;
    Ok((first, [a, b]))
}

fn zero_and_add(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (first, [_, b]) = both(cpu, o)?;
    let b = number(cpu, &b)?;
    finish(cpu, first, o.l1(), b, false)
}

/// ADD DECIMAL and SUBTRACT DECIMAL.
fn add<const SUBTRACT: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (first, [a, b]) = both(cpu, o)?;
    let (a, b) = (number(cpu, &a)?.value(), number(cpu, &b)?.value());
    let sum = if SUBTRACT { a - b } else { a + b };
    finish(cpu, first, o.l1(), Decimal::of(sum), false)
}

fn compare(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    let a = fetch(cpu, first, o.l1())?;
    let b = fetch(cpu, second, o.l2())?;
    let (a, b) = (number(cpu, &a)?.value(), number(cpu, &b)?.value());
    cpu.cc = match a.cmp(&b) {
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Less => 1,
        std::cmp::Ordering::Greater => 2,
    };
    Ok(())
}

/// The second operand of a multiplication or division is limited.
fn check_lengths(o: &Operands) -> Result<(), Exit> {
    if o.l2() > 7 || o.l2() >= o.l1() { Err(Exit::SPECIFICATION) } else { Ok(()) }
}

fn multiply(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    check_lengths(o)?;
    let (first, [a, b]) = both(cpu, o)?;
    let (a, b) = (number(cpu, &a)?, number(cpu, &b)?);
    // The multiplicand must have as many bytes of zeros on the left as the multiplier has bytes.
    let digits = digits_of(o.l1()) - 2 * (u32::from(o.l2()) + 1);
    if a.magnitude >= power(digits) {
        return Err(data_exception(cpu, 0));
    }
    let product = Decimal { magnitude: a.magnitude * b.magnitude, negative: a.negative != b.negative };
    store(cpu, first, o.l1(), product)
}

fn divide(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    check_lengths(o)?;
    let (first, [a, b]) = both(cpu, o)?;
    let (a, b) = (number(cpu, &a)?, number(cpu, &b)?);
    // Quotient and remainder stand side by side in the first operand.
    let quotient_code = o.l1() - o.l2() - 1;
    let limit = power(digits_of(quotient_code));
    let Some(quotient) = a.magnitude.checked_div(b.magnitude).filter(|q| *q < limit) else {
        return Err(Exit::Program(ProgramCode::DECIMAL_DIVIDE));
    };
    let remainder = Decimal { magnitude: a.magnitude % b.magnitude, negative: a.negative };
    let right = Ea { address: cpu.wrap(first.address.wrapping_add(u64::from(quotient_code) + 1)), ..first };
    store(cpu, first, quotient_code, Decimal { magnitude: quotient, negative: a.negative != b.negative })?;
    store(cpu, right, o.l2(), remainder)
}

fn shift_and_round(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let first = d1b1(cpu, o);
    // Six bits with sign: to the left when positive.
    let amount = d2b2(cpu, o).address as u32 & 63;
    cpu.probe(AddressSpace::Logical(first.ar), first.address, u64::from(o.l1()) + 1, Access::Store)?;
    let a = fetch(cpu, first, o.l1())?;
    let a = number(cpu, &a)?;
    let rounding = u128::from(o.i3() & 15);
    if rounding > 9 {
        return Err(data_exception(cpu, 0));
    }
    if amount < 32 {
        let room = digits_of(o.l1()).saturating_sub(amount);
        let limit = power(room);
        let kept = a.magnitude % limit;
        let shifted = if kept == 0 { 0 } else { kept * power(amount) };
        return finish(cpu, first, o.l1(), Decimal { magnitude: shifted, ..a }, a.magnitude >= limit);
    }
    let magnitude = (a.magnitude / power(63 - amount) + rounding) / 10;
    finish(cpu, first, o.l1(), Decimal { magnitude, ..a }, false)
}

const DIGIT_SELECTOR: u8 = 0x20;
const SIGNIFICANCE_STARTER: u8 = 0x21;
const FIELD_SEPARATOR: u8 = 0x22;

/// EDIT, and EDIT AND MARK when `MARK`.
fn edit<const MARK: bool>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    let space = AddressSpace::Logical(first.ar);
    let mut pattern = [0; 256];
    let pattern = &mut pattern[..usize::from(o.l1()) + 1];
    cpu.probe(space, first.address, pattern.len() as u64, Access::Store)?;
    cpu.read_bytes(space, first.address, pattern)?;
    let fill = pattern[0];
    let mut source = second.address;
    // The right half of the latest source byte, when it is a digit still to be used.
    let mut pending: Option<u8> = None;
    let (mut significant, mut nonzero) = (false, false);
    let mut mark = None;
    for (i, p) in pattern.iter_mut().enumerate() {
        match *p {
            DIGIT_SELECTOR | SIGNIFICANCE_STARTER => {
                let starter = *p == SIGNIFICANCE_STARTER;
                let mut plus = false;
                let digit = match pending.take() {
                    Some(digit) => digit,
                    None => {
                        let byte = cpu.load::<u8>(source, second.ar)?;
                        source = cpu.wrap(source.wrapping_add(1));
                        if byte >> 4 > 9 {
                            return Err(data_exception(cpu, 0));
                        }
                        match byte & 15 {
                            0xB | 0xD => {}
                            0xA | 0xC | 0xE | 0xF => plus = true,
                            right => pending = Some(right),
                        }
                        byte >> 4
                    }
                };
                if digit != 0 && !significant {
                    mark = Some(i as u64);
                }
                *p = if significant || digit != 0 { 0xF0 | digit } else { fill };
                nonzero |= digit != 0;
                significant = (significant || digit != 0 || starter) && !plus;
            }
            FIELD_SEPARATOR => {
                *p = fill;
                (significant, nonzero) = (false, false);
            }
            _ if significant => {}
            _ => *p = fill,
        }
    }
    cpu.write_bytes(space, first.address, pattern)?;
    if let Some(i) = mark.filter(|_| MARK) {
        super::translate::set_result_address(cpu, first.address.wrapping_add(i));
    }
    cpu.cc = match (nonzero, significant) {
        (false, _) => 0,
        (true, true) => 1,
        (true, false) => 2,
    };
    Ok(())
}
