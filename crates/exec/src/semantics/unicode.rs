//! Conversions between UTF-8, UTF-16 and UTF-32.
//! Source: Principles of Operation, chapter 7: CONVERT UTF-8 TO UTF-16 and the five others; chapter 1 (well-formedness
//! checking, ETF3 enhancement).

use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use super::register_pair::Pair;
use super::translate::resume_later;

semantics! {
    simple {}
    heavy {
        CU12 => convert[8, 16],
        CU14 => convert[8, 32],
        CU21 => convert[16, 8],
        CU24 => convert[16, 32],
        CU41 => convert[32, 8],
        CU42 => convert[32, 16],
    }
}

/// Why no character was read or written: the condition code that ends the instruction.
enum Stop {
    Cc(u8),
    Exit(Exit),
}

impl From<Exit> for Stop {
    fn from(exit: Exit) -> Stop {
        Stop::Exit(exit)
    }
}

/// The second operand is used up, or its last character is not all there.
const SOURCE_ENDS: Stop = Stop::Cc(0);
/// No room for the next character.
const DESTINATION_ENDS: Stop = Stop::Cc(1);
/// Not a character.
const INVALID: Stop = Stop::Cc(2);

/// The source's next byte, halfword or word at `offset`.
fn unit<T: softsie_cpu::Scalar>(cpu: &mut Cpu, from: &Pair, offset: u64) -> Result<T, Exit> {
    let at = cpu.wrap(from.address.wrapping_add(offset));
    cpu.load(at, from.ar())
}

/// A character and the number of bytes it takes.
fn read_utf8(cpu: &mut Cpu, from: &Pair, check: bool) -> Result<(u32, u64), Stop> {
    if from.length < 1 {
        return Err(SOURCE_ENDS);
    }
    let first = unit::<u8>(cpu, from, 0)?;
    let size = match first {
        0x00..=0x7F => return Ok((u32::from(first), 1)),
        0x80..=0xBF => return Err(INVALID),
        0xC0 | 0xC1 if check => return Err(INVALID),
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF5..=0xF7 if check => return Err(INVALID),
        0xF0..=0xF7 => 4,
        0xF8..=0xFF => return Err(INVALID),
    };
    if from.length < size {
        return Err(SOURCE_ENDS);
    }
    let mut character = u32::from(first) & (0x7F >> size);
    for i in 1..size {
        let next = unit::<u8>(cpu, from, i)?;
        if check && next & 0xC0 != 0x80 {
            return Err(INVALID);
        }
        character = character << 6 | u32::from(next & 0x3F);
    }
    let well_formed = match size {
        2 => true,
        3 => character >= 0x800 && !(0xD800..=0xDFFF).contains(&character),
        _ => (0x1_0000..=0x10_FFFF).contains(&character),
    };
    if check && !well_formed { Err(INVALID) } else { Ok((character, size)) }
}

/// Vector-enhancements facility 1. Machines that have it find a low surrogate that stands alone, older ones take it as a
/// character: glibc's conversions use the instructions only where this facility is, and reject surrogates everywhere.
const STRICT_SURROGATES: u16 = 135;

fn read_utf16(cpu: &mut Cpu, from: &Pair, check: bool) -> Result<(u32, u64), Stop> {
    if from.length < 2 {
        return Err(SOURCE_ENDS);
    }
    let first = u32::from(unit::<u16>(cpu, from, 0)?);
    if check && first & 0xFC00 == 0xDC00 && cpu.model.facilities.has(STRICT_SURROGATES) {
        return Err(INVALID);
    }
    if first & 0xFC00 != 0xD800 {
        return Ok((first, 2));
    }
    if from.length < 4 {
        return Err(SOURCE_ENDS);
    }
    let second = u32::from(unit::<u16>(cpu, from, 2)?);
    if check && second & 0xFC00 != 0xDC00 {
        return Err(INVALID);
    }
    Ok(((first & 0x3FF) << 10 | second & 0x3FF).wrapping_add(0x1_0000)).map(|c| (c, 4))
}

fn read_utf32(cpu: &mut Cpu, from: &Pair) -> Result<(u32, u64), Stop> {
    if from.length < 4 {
        return Err(SOURCE_ENDS);
    }
    let character = unit::<u32>(cpu, from, 0)?;
    let last_surrogate = if cpu.model.facilities.has(STRICT_SURROGATES) { 0xDFFF } else { 0xDBFF };
    if (0xD800..=last_surrogate).contains(&character) || character > 0x10_FFFF {
        return Err(INVALID);
    }
    Ok((character, 4))
}

/// The bytes of a character, left aligned, and their number.
fn encode(character: u32, width: u8) -> (u32, u64) {
    let tail = |shift: u32| 0x80 | (character >> shift & 0x3F);
    match (width, character) {
        (8, 0..=0x7F) => (character << 24, 1),
        (8, 0x80..=0x7FF) => ((0xC0 | character >> 6) << 24 | tail(0) << 16, 2),
        (8, 0x800..=0xFFFF) => ((0xE0 | character >> 12) << 24 | tail(6) << 16 | tail(0) << 8, 3),
        (8, _) => ((0xF0 | character >> 18 & 7) << 24 | tail(12) << 16 | tail(6) << 8 | tail(0), 4),
        (16, 0..=0xFFFF) => (character << 16, 2),
        (16, _) => {
            let above = character.wrapping_sub(0x1_0000);
            ((0xD800 | above >> 10 & 0x3FF) << 16 | 0xDC00 | above & 0x3FF, 4)
        }
        _ => (character, 4),
    }
}

/// Converts one character; nothing changes unless all of it works.
fn step<const FROM: u8, const TO: u8>(cpu: &mut Cpu, to: &mut Pair, from: &mut Pair, check: bool) -> Result<(), Stop> {
    let (character, taken) = match FROM {
        8 => read_utf8(cpu, from, check)?,
        16 => read_utf16(cpu, from, check)?,
        _ => read_utf32(cpu, from)?,
    };
    let (bytes, size) = encode(character, TO);
    if to.length < size {
        return Err(DESTINATION_ENDS);
    }
    match size {
        1 => cpu.store(to.address, to.ar(), (bytes >> 24) as u8)?,
        2 => cpu.store(to.address, to.ar(), (bytes >> 16) as u16)?,
        4 => cpu.store(to.address, to.ar(), bytes)?,
        _ => {
            let space = softsie_cpu::AddressSpace::Logical(to.ar());
            cpu.write_bytes(space, to.address, &bytes.to_be_bytes()[..3])?;
        }
    }
    from.advance(cpu, taken);
    to.advance(cpu, size);
    Ok(())
}

fn convert<const FROM: u8, const TO: u8>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mut to = Pair::of(cpu, o.r1())?;
    let mut from = Pair::of(cpu, o.r2())?;
    // The conversions from UTF-32 have no M3 field and always check.
    let check = o.m3() & 1 != 0 && cpu.model.facilities.has(30);
    let mut done = 0u64;
    let cc = loop {
        match step::<FROM, TO>(cpu, &mut to, &mut from, check) {
            Ok(()) => {}
            Err(Stop::Cc(cc)) => break cc,
            Err(Stop::Exit(exit)) => break resume_later(cpu, done, exit)?,
        }
        done += 1;
        if done.is_multiple_of(4096) && from.length != 0 && cpu.attention().pending() != 0 {
            break 3;
        }
    };
    to.save(cpu);
    from.save(cpu);
    cpu.cc = cc;
    Ok(())
}
