//! Translation and testing of bytes and two-byte characters by a table.
//! Source: Principles of Operation, chapter 7: TRANSLATE, TRANSLATE AND TEST (REVERSE) (EXTENDED), TRANSLATE EXTENDED,
//! TRANSLATE ONE TO ONE and its relatives.

use softsie_cpu::{Access, AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use super::register_pair::{Pair, save_address, to_page_end};
use crate::operand::{Ea, d1b1, d2b2, in_register};

semantics! {
    simple {}
    heavy {
        TR => translate,
        TRT => translate_and_test[1],
        TRTR => translate_and_test[-1],
        TRE => translate_extended,
        TROO => translate_characters[1, 1],
        TROT => translate_characters[1, 2],
        TRTO => translate_characters[2, 1],
        TRTT => translate_characters[2, 2],
        TRTE => translate_and_test_extended[1],
        TRTRE => translate_and_test_extended[-1],
    }
}

/// The function byte for `argument`. Only the table bytes that are needed are fetched.
#[inline(always)]
fn function_byte(cpu: &mut Cpu, table: Ea<u64>, argument: u8) -> Result<u8, Exit> {
    let at = cpu.wrap(table.address.wrapping_add(u64::from(argument)));
    cpu.load(at, table.ar)
}

fn translate(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (operand, table) = (d1b1(cpu, o), d2b2(cpu, o));
    let length = u64::from(o.l1()) + 1;
    let space = AddressSpace::Logical(operand.ar);
    if to_page_end(table.address) >= 256 && length <= to_page_end(operand.address) {
        let table = cpu.host(AddressSpace::Logical(table.ar), table.address, Access::Fetch)?.as_ptr();
        let bytes = cpu.host(space, operand.address, Access::Store)?.as_ptr();
        for i in 0..length as usize {
            // SAFETY: the table's 256 bytes and the operand end within their pages.
            unsafe { *bytes.add(i) = *table.add(usize::from(*bytes.add(i))) };
        }
        cpu.stored(space, operand.address, length);
        return Ok(());
    }
    cpu.probe(space, operand.address, length, Access::Store)?;
    // Every exception is recognised before anything is stored.
    for i in 0..length {
        let at = cpu.wrap(operand.address.wrapping_add(i));
        let argument = cpu.load::<u8>(at, operand.ar)?;
        function_byte(cpu, table, argument)?;
    }
    for i in 0..length {
        let at = cpu.wrap(operand.address.wrapping_add(i));
        let argument = cpu.load::<u8>(at, operand.ar)?;
        let function = function_byte(cpu, table, argument)?;
        cpu.store(at, operand.ar, function)?;
    }
    Ok(())
}

/// TRANSLATE AND TEST, from left to right (`STEP` 1) or from right to left (-1).
fn translate_and_test<const STEP: i64>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (operand, table) = (d1b1(cpu, o), d2b2(cpu, o));
    let last = i64::from(o.l1());
    for i in 0..=last {
        let at = cpu.wrap(operand.address.wrapping_add((i * STEP) as u64));
        let argument = cpu.load::<u8>(at, operand.ar)?;
        let function = function_byte(cpu, table, argument)?;
        if function != 0 {
            set_result_address(cpu, at);
            cpu.gr[2] = cpu.gr[2] & !0xFF | u64::from(function);
            cpu.cc = if i == last { 2 } else { 1 };
            return Ok(());
        }
    }
    cpu.cc = 0;
    Ok(())
}

/// Puts an address into general register 1. In the 24-bit addressing mode bits 32-39 stay, unlike everywhere else.
pub(super) fn set_result_address(cpu: &mut Cpu, address: u64) {
    let changed = match cpu.address_mask {
        0x7FFF_FFFF => 0xFFFF_FFFF,
        mask => mask,
    };
    cpu.gr[1] = cpu.gr[1] & !changed | cpu.wrap(address);
}

fn translate_extended(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mut operand = Pair::of(cpu, o.r1())?;
    let table = in_register(cpu, o.r2());
    let test = cpu.gr[0] as u8;
    let mut done = 0u64;
    let cc = loop {
        if operand.length == 0 {
            break 0;
        }
        let step = cpu.load::<u8>(operand.address, operand.ar()).and_then(|argument| {
            if argument == test {
                return Ok(false);
            }
            let function = function_byte(cpu, table, argument)?;
            cpu.store(operand.address, operand.ar(), function).map(|()| true)
        });
        match step {
            Ok(true) => {}
            Ok(false) => break 1,
            Err(exit) => break resume_later(cpu, done, exit)?,
        }
        operand.advance(cpu, 1);
        done += 1;
        if done.is_multiple_of(4096) && operand.length != 0 && cpu.attention().pending() != 0 {
            break 3;
        }
    };
    operand.save(cpu);
    cpu.cc = cc;
    Ok(())
}

/// An exception after `done` steps of an instruction that may end with CC 3 and be executed again: when there was progress,
/// that comes first (the CC to set), and the exception is recognised the next time.
pub(super) fn resume_later(cpu: &mut Cpu, done: u64, exit: Exit) -> Result<u8, Exit> {
    if done == 0 {
        return Err(exit);
    }
    cpu.program = softsie_cpu::ProgramData::default();
    Ok(3)
}

/// Fetches a character of one or two bytes.
#[inline(always)]
fn fetch<const SIZE: u64>(cpu: &mut Cpu, address: u64, ar: u8) -> Result<u16, Exit> {
    if SIZE == 1 { cpu.load::<u8>(address, ar).map(u16::from) } else { cpu.load::<u16>(address, ar) }
}

/// TRANSLATE ONE TO ONE, ONE TO TWO, TWO TO ONE, TWO TO TWO.
fn translate_characters<const FROM: u64, const TO: u64>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    // The length is that of the second operand, but stands beside the first's address.
    let mut first = Pair::of(cpu, o.r1())?;
    let mut length = first.length;
    if length & (FROM - 1) != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let mut to = first.address;
    let mut from = in_register(cpu, o.r2());
    let boundary = if FROM == 2 && !cpu.model.facilities.has(24) { 4096 } else { 8 };
    let table = cpu.wrap(cpu.gr[1]) & !(boundary - 1);
    let test = if TO == 1 { u16::from(cpu.gr[0] as u8) } else { cpu.gr[0] as u16 };
    let no_test = o.m3() & 1 != 0 && cpu.model.facilities.has(24);
    let mut done = 0u64;
    let cc = loop {
        if length == 0 {
            break 0;
        }
        let step = fetch::<FROM>(cpu, from.address, from.ar).and_then(|argument| {
            let at = cpu.wrap(table.wrapping_add(u64::from(argument) * TO));
            let function = fetch::<TO>(cpu, at, 1)?;
            if function == test && !no_test {
                return Ok(false);
            }
            if TO == 1 {
                cpu.store(to, first.ar(), function as u8)?;
            } else {
                cpu.store(to, first.ar(), function)?;
            }
            Ok(true)
        });
        match step {
            Ok(true) => {}
            Ok(false) => break 1,
            Err(exit) => break resume_later(cpu, done, exit)?,
        }
        from.address = cpu.wrap(from.address.wrapping_add(FROM));
        to = cpu.wrap(to.wrapping_add(TO));
        length -= FROM;
        done += 1;
        if done.is_multiple_of(4096) && length != 0 && cpu.attention().pending() != 0 {
            break 3;
        }
    };
    (first.address, first.length) = (to, length);
    first.save(cpu);
    save_address(cpu, o.r2(), from.address);
    cpu.cc = cc;
    Ok(())
}

/// TRANSLATE AND TEST EXTENDED (`STEP` 1) and REVERSE EXTENDED (-1).
fn translate_and_test_extended<const STEP: i64>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mut operand = Pair::of(cpu, o.r1())?;
    let two_byte_arguments = o.m3() & 8 != 0;
    let two_byte_functions = o.m3() & 4 != 0;
    let limited = o.m3() & 2 != 0;
    let size = 1 + u64::from(two_byte_arguments);
    if operand.length & (size - 1) != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let table = cpu.wrap(cpu.gr[1]) & !7;
    let mut function = 0u16;
    let mut done = 0u64;
    let cc = loop {
        if operand.length == 0 {
            break 0;
        }
        let argument = if two_byte_arguments {
            cpu.load::<u16>(operand.address, operand.ar())?
        } else {
            u16::from(cpu.load::<u8>(operand.address, operand.ar())?)
        };
        if !(limited && argument > 255) {
            function = if two_byte_functions {
                cpu.load::<u16>(cpu.wrap(table.wrapping_add(u64::from(argument) * 2)), 1)?
            } else {
                u16::from(cpu.load::<u8>(cpu.wrap(table.wrapping_add(u64::from(argument))), 1)?)
            };
            if function != 0 {
                break 1;
            }
        }
        operand.address = cpu.wrap(operand.address.wrapping_add((STEP * size as i64) as u64));
        operand.length -= size;
        done += 1;
        if done.is_multiple_of(4096) && operand.length != 0 && cpu.attention().pending() != 0 {
            break 3;
        }
    };
    operand.save(cpu);
    if cc != 3 {
        save_address(cpu, o.r2(), u64::from(function));
    }
    cpu.cc = cc;
    Ok(())
}
