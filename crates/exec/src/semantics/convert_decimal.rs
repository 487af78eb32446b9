//! Packed decimal numbers to binary and back.
//! Source: Principles of Operation, chapter 7: CONVERT TO BINARY, CONVERT TO DECIMAL.

use softsie_cpu::{Cpu, Exit, ProgramCode};
use softsie_isa::Operands;

use super::data_exception;
use super::packed::Decimal;
use crate::operand::d2x2b2;

semantics! {
    simple {}
    heavy {
        CVB => convert_to_binary_32,
        CVBY => convert_to_binary_32,
        CVBG => convert_to_binary_64,
        CVD => convert_to_decimal_32,
        CVDY => convert_to_decimal_32,
        CVDG => convert_to_decimal_64,
    }
}

/// The value of a packed number.
fn value(cpu: &mut Cpu, packed: u128) -> Result<i128, Exit> {
    Decimal::unpack(packed).map(Decimal::value).ok_or_else(|| data_exception(cpu, 0))
}

/// A packed number of 15 or 31 digits.
fn packed(value: i64) -> u128 {
    Decimal::of(value.into()).pack()
}

fn convert_to_binary_32(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(cpu, o);
    let packed = cpu.load::<u64>(ea.address, ea.ar)?;
    let value = value(cpu, packed.into())?;
    // The rightmost bits are placed even when there are more.
    let r1 = &mut cpu.gr[usize::from(o.r1())];
    *r1 = *r1 & !0xFFFF_FFFF | u64::from(value as u32);
    if i32::try_from(value).is_err() {
        return Err(Exit::Program(ProgramCode::FIXED_POINT_DIVIDE));
    }
    Ok(())
}

fn convert_to_binary_64(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(cpu, o);
    let packed = cpu.load::<u128>(ea.address, ea.ar)?;
    let value = value(cpu, packed)?;
    let Ok(value) = i64::try_from(value) else {
        return Err(Exit::Program(ProgramCode::FIXED_POINT_DIVIDE));
    };
    cpu.gr[usize::from(o.r1())] = value as u64;
    Ok(())
}

fn convert_to_decimal_32(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(cpu, o);
    let value = cpu.gr[usize::from(o.r1())] as i32;
    cpu.store(ea.address, ea.ar, packed(i64::from(value)) as u64)
}

fn convert_to_decimal_64(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(cpu, o);
    let value = cpu.gr[usize::from(o.r1())] as i64;
    cpu.store(ea.address, ea.ar, packed(value))
}
