//! Moves and comparisons of operands of any length, with padding.
//! Source: Principles of Operation, chapter 7: MOVE LONG (EXTENDED, UNICODE), COMPARE LOGICAL LONG (EXTENDED, UNICODE).

use std::cmp::Ordering;

use softsie_cpu::{Access, AddressSpace, AddressSpaceControl, Cpu, Exit, PswMask};
use softsie_isa::Operands;

use super::register_pair::Pair;
use super::storage_to_storage::{compare_bytes, copy_left_to_right};
use crate::operand::d2b2;

semantics! {
    simple {}
    heavy {
        MVCL => move_long,
        CLCL => compare_long,
        MVCLE => move_long_extended[1],
        CLCLE => compare_long_extended[1],
        MVCLU => move_long_extended[2],
        CLCLU => compare_long_extended[2],
    }
}

/// CC of a move: 0 equal lengths, 1 first shorter, 2 first longer.
fn compare_lengths(to: &Pair, from: &Pair) -> u8 {
    match to.length.cmp(&from.length) {
        Ordering::Equal => 0,
        Ordering::Less => 1,
        Ordering::Greater => 2,
    }
}

/// Moves or pads within one page of each operand, whole characters of `size` bytes (1 or 2).
fn move_unit(cpu: &mut Cpu, to: &mut Pair, from: &mut Pair, padding: u16, size: u64) -> Result<(), Exit> {
    if from.length == 0 {
        let n = to.piece() & !(size - 1);
        if n == 0 {
            cpu.store::<u16>(to.address, to.ar(), padding)?;
            to.advance(cpu, size);
            return Ok(());
        }
        let host = to.host(cpu, Access::Store)?;
        let [high, low] = padding.to_be_bytes();
        if size == 1 || high == low {
            // SAFETY: `n` bytes up to the page's end.
            unsafe { std::ptr::write_bytes(host, low, n as usize) };
        } else {
            for i in (0..n as usize).step_by(2) {
                // SAFETY: as above.
                unsafe { host.add(i).cast::<[u8; 2]>().write_unaligned([high, low]) };
            }
        }
        cpu.stored(AddressSpace::Logical(to.ar()), to.address, n);
        to.advance(cpu, n);
        return Ok(());
    }
    let n = to.piece().min(from.piece()) & !(size - 1);
    if n == 0 {
        let character = cpu.load::<u16>(from.address, from.ar())?;
        cpu.store(to.address, to.ar(), character)?;
        to.advance(cpu, size);
        from.advance(cpu, size);
        return Ok(());
    }
    let source = from.host(cpu, Access::Fetch)?;
    let destination = to.host(cpu, Access::Store)?;
    // SAFETY: both parts end within their pages.
    unsafe { copy_left_to_right(destination, source, n as usize) };
    cpu.stored(AddressSpace::Logical(to.ar()), to.address, n);
    to.advance(cpu, n);
    from.advance(cpu, n);
    Ok(())
}

/// Whether bytes of the second operand would be fetched after they have been stored into as bytes of the first.
fn overlaps_destructively(cpu: &Cpu, to: &Pair, from: &Pair) -> bool {
    let moved = to.length.min(from.length);
    if cpu.psw.has(PswMask::DAT) && cpu.psw.address_space() == AddressSpaceControl::AccessRegister {
        let alet = |r: u8| if r == 0 { 0 } else { cpu.ar[usize::from(r)] };
        if alet(to.ar()) != alet(from.ar()) {
            return false;
        }
    }
    let distance = cpu.wrap(to.address.wrapping_sub(from.address));
    moved > 1 && distance != 0 && distance < moved
}

fn move_long(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mut to = Pair::of_24_bits(cpu, o.r1())?;
    let mut from = Pair::of_24_bits(cpu, o.r2())?;
    let padding = u16::from((cpu.gr[usize::from(o.r2()) + 1] >> 24) as u8);
    let cc = compare_lengths(&to, &from);
    if overlaps_destructively(cpu, &to, &from) {
        to.save(cpu);
        from.save(cpu);
        cpu.cc = 3;
        return Ok(());
    }
    while to.length != 0 {
        move_unit(cpu, &mut to, &mut from, padding, 1)?;
        to.save(cpu);
        from.save(cpu);
        if to.length != 0 && cpu.attention().pending() != 0 {
            return Err(Exit::Again);
        }
    }
    to.save(cpu);
    from.save(cpu);
    cpu.cc = cc;
    Ok(())
}

/// MOVE LONG EXTENDED and MOVE LONG UNICODE.
fn move_long_extended<const SIZE: u64>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mut to = Pair::of(cpu, o.r1())?;
    let mut from = Pair::of(cpu, o.r3())?;
    if (to.length | from.length) & (SIZE - 1) != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let padding = d2b2(cpu, o).address as u16;
    let cc = compare_lengths(&to, &from);
    let mut any = false;
    while to.length != 0 {
        match move_unit(cpu, &mut to, &mut from, padding, SIZE) {
            Ok(()) => {}
            // What has been moved counts; the exception is recognised when the program comes back.
            Err(_) if any => {
                cpu.program = softsie_cpu::ProgramData::default();
                cpu.cc = 3;
                return Ok(());
            }
            Err(exit) => return Err(exit),
        }
        any = true;
        to.save(cpu);
        from.save(cpu);
        if to.length != 0 && cpu.attention().pending() != 0 {
            cpu.cc = 3;
            return Ok(());
        }
    }
    to.save(cpu);
    from.save(cpu);
    cpu.cc = cc;
    Ok(())
}

/// Compares within one page of each operand; both are advanced over what is equal.
fn compare_unit(cpu: &mut Cpu, a: &mut Pair, b: &mut Pair, padding: u16, size: u64) -> Result<Ordering, Exit> {
    let n = match (a.length, b.length) {
        (0, _) => b.piece(),
        (_, 0) => a.piece(),
        _ => a.piece().min(b.piece()),
    } & !(size - 1);
    if n == 0 {
        // A character of two bytes in two pages.
        let x = if a.length != 0 { cpu.load::<u16>(a.address, a.ar())? } else { padding };
        let y = if b.length != 0 { cpu.load::<u16>(b.address, b.ar())? } else { padding };
        if x == y {
            advance_both(cpu, a, b, size);
        }
        return Ok(x.cmp(&y));
    }
    let p = if a.length != 0 { Some(a.host(cpu, Access::Fetch)?.cast_const()) } else { None };
    let q = if b.length != 0 { Some(b.host(cpu, Access::Fetch)?.cast_const()) } else { None };
    if let (Some(p), Some(q)) = (p, q) {
        // SAFETY: both parts end within their pages.
        if unsafe { compare_bytes(p, q, n as usize) } == Ordering::Equal {
            advance_both(cpu, a, b, n);
            return Ok(Ordering::Equal);
        }
    }
    let [high, low] = padding.to_be_bytes();
    let at = |p: Option<*const u8>, i: u64| match p {
        // SAFETY: `i` is below `n`.
        Some(p) => unsafe { *p.add(i as usize) },
        None if size == 2 && i & 1 == 0 => high,
        None => low,
    };
    for i in 0..n {
        let (x, y) = (at(p, i), at(q, i));
        if x != y {
            advance_both(cpu, a, b, i & !(size - 1));
            return Ok(x.cmp(&y));
        }
    }
    advance_both(cpu, a, b, n);
    Ok(Ordering::Equal)
}

fn advance_both(cpu: &Cpu, a: &mut Pair, b: &mut Pair, n: u64) {
    for operand in [a, b] {
        if operand.length != 0 {
            operand.advance(cpu, n);
        }
    }
}

fn compare_long(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mut a = Pair::of_24_bits(cpu, o.r1())?;
    let mut b = Pair::of_24_bits(cpu, o.r2())?;
    let padding = u16::from((cpu.gr[usize::from(o.r2()) + 1] >> 24) as u8);
    let mut result = Ordering::Equal;
    while a.length | b.length != 0 && result == Ordering::Equal {
        result = compare_unit(cpu, &mut a, &mut b, padding, 1)?;
        a.save(cpu);
        b.save(cpu);
        if a.length | b.length != 0 && result == Ordering::Equal && cpu.attention().pending() != 0 {
            return Err(Exit::Again);
        }
    }
    a.save(cpu);
    b.save(cpu);
    cpu.cc = cc_of(result);
    Ok(())
}

/// COMPARE LOGICAL LONG EXTENDED and COMPARE LOGICAL LONG UNICODE.
fn compare_long_extended<const SIZE: u64>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mut a = Pair::of(cpu, o.r1())?;
    let mut b = Pair::of(cpu, o.r3())?;
    if (a.length | b.length) & (SIZE - 1) != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let padding = d2b2(cpu, o).address as u16;
    let mut result = Ordering::Equal;
    let mut interrupted = false;
    while a.length | b.length != 0 && result == Ordering::Equal && !interrupted {
        result = compare_unit(cpu, &mut a, &mut b, padding, SIZE)?;
        interrupted = cpu.attention().pending() != 0;
    }
    a.save(cpu);
    b.save(cpu);
    let unfinished = a.length | b.length != 0 && result == Ordering::Equal;
    cpu.cc = if unfinished { 3 } else { cc_of(result) };
    Ok(())
}

fn cc_of(result: Ordering) -> u8 {
    match result {
        Ordering::Equal => 0,
        Ordering::Less => 1,
        Ordering::Greater => 2,
    }
}
