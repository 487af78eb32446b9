//! Strings that a character ends, and searches.
//! Source: Principles of Operation, chapter 7: MOVE STRING, COMPARE LOGICAL STRING, SEARCH STRING, SEARCH STRING UNICODE,
//! COMPARE UNTIL SUBSTRING EQUAL.

use softsie_cpu::{Access, AddressSpace, Cpu, Exit, Scalar};
use softsie_isa::Operands;

use super::register_pair::{Pair, save_address, to_page_end};
use super::storage_to_storage::copy_left_to_right;
use crate::operand::in_register;

semantics! {
    simple {}
    heavy {
        MVST => move_string,
        CLST => compare_string,
        SRST => search_string,
        SRSTU => search_string_unicode,
        CUSE => compare_until_substring_equal,
    }
}

/// The character in the rightmost byte of general register 0, of which bits 32-55 must be zero.
fn character(cpu: &Cpu) -> Result<u8, Exit> {
    if cpu.gr[0] & 0xFFFF_FF00 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    Ok(cpu.gr[0] as u8)
}

/// Index of the first `byte` among `length` bytes.
///
/// # Safety
/// `length` bytes must be readable at `at`. When they change meanwhile, the result is that of some mixture.
unsafe fn find(byte: u8, at: *const u8, length: usize) -> Option<usize> {
    // SAFETY: the caller's promise.
    memchr::memchr(byte, unsafe { std::slice::from_raw_parts(at, length) })
}

fn move_string(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let end = character(cpu)?;
    let (mut to, mut from) = (in_register(cpu, o.r1()), in_register(cpu, o.r2()));
    let mut any = false;
    loop {
        let n = to_page_end(to.address).min(to_page_end(from.address)) as usize;
        let hosts = cpu.host(AddressSpace::Logical(from.ar), from.address, Access::Fetch).and_then(|source| {
            let destination = cpu.host(AddressSpace::Logical(to.ar), to.address, Access::Store)?;
            Ok((source.as_ptr().cast_const(), destination.as_ptr()))
        });
        let (source, destination) = match hosts {
            Ok(hosts) => hosts,
            // What has been moved counts; the exception is recognised when the program comes back.
            Err(_) if any => {
                cpu.program = softsie_cpu::ProgramData::default();
                break;
            }
            Err(exit) => return Err(exit),
        };
        // SAFETY: both parts end within their pages.
        let found = unsafe { find(end, source, n) };
        // SAFETY: as above; at most `n` bytes.
        unsafe { copy_left_to_right(destination, source, found.map_or(n, |i| i + 1)) };
        cpu.stored(AddressSpace::Logical(to.ar), to.address, found.map_or(n, |i| i + 1) as u64);
        if let Some(i) = found {
            let at = cpu.wrap(to.address.wrapping_add(i as u64));
            save_address(cpu, o.r1(), at);
            cpu.cc = 1;
            return Ok(());
        }
        any = true;
        to.address = cpu.wrap(to.address.wrapping_add(n as u64));
        from.address = cpu.wrap(from.address.wrapping_add(n as u64));
        if cpu.attention().pending() != 0 {
            break;
        }
    }
    save_address(cpu, o.r1(), to.address);
    save_address(cpu, o.r2(), from.address);
    cpu.cc = 3;
    Ok(())
}

fn compare_string(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let end = character(cpu)?;
    let (mut first, mut second) = (in_register(cpu, o.r1()), in_register(cpu, o.r2()));
    loop {
        let n = to_page_end(first.address).min(to_page_end(second.address)) as usize;
        let a = cpu.host(AddressSpace::Logical(first.ar), first.address, Access::Fetch)?.as_ptr().cast_const();
        let b = cpu.host(AddressSpace::Logical(second.ar), second.address, Access::Fetch)?.as_ptr().cast_const();
        for i in 0..n {
            // SAFETY: both parts end within their pages.
            let (x, y) = unsafe { (*a.add(i), *b.add(i)) };
            if x == y && x != end {
                continue;
            }
            if x == y {
                cpu.cc = 0;
                return Ok(());
            }
            // The string that ends first is low.
            cpu.cc = if x == end || (y != end && x < y) { 1 } else { 2 };
            let (at1, at2) = (cpu.wrap(first.address + i as u64), cpu.wrap(second.address + i as u64));
            save_address(cpu, o.r1(), at1);
            save_address(cpu, o.r2(), at2);
            return Ok(());
        }
        first.address = cpu.wrap(first.address.wrapping_add(n as u64));
        second.address = cpu.wrap(second.address.wrapping_add(n as u64));
        if cpu.attention().pending() != 0 {
            break;
        }
    }
    save_address(cpu, o.r1(), first.address);
    save_address(cpu, o.r2(), second.address);
    cpu.cc = 3;
    Ok(())
}

fn search_string(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let wanted = character(cpu)?;
    let end = in_register(cpu, o.r1()).address;
    let mut at = in_register(cpu, o.r2());
    loop {
        let n = cpu.wrap(end.wrapping_sub(at.address)).min(to_page_end(at.address));
        if n == 0 {
            cpu.cc = 2;
            return Ok(());
        }
        let host = cpu.host(AddressSpace::Logical(at.ar), at.address, Access::Fetch)?;
        // SAFETY: the part ends within its page.
        if let Some(i) = unsafe { find(wanted, host.as_ptr(), n as usize) } {
            save_address(cpu, o.r1(), at.address + i as u64);
            cpu.cc = 1;
            return Ok(());
        }
        at.address = cpu.wrap(at.address.wrapping_add(n));
        if at.address != end && cpu.attention().pending() != 0 {
            save_address(cpu, o.r2(), at.address);
            cpu.cc = 3;
            return Ok(());
        }
    }
}

fn search_string_unicode(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    if cpu.gr[0] & 0xFFFF_0000 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let wanted = cpu.gr[0] as u16;
    let mut at = in_register(cpu, o.r2());
    // The end takes in a last character of which only the first byte lies before it.
    let end = in_register(cpu, o.r1()).address;
    let end = cpu.wrap(end.wrapping_add((end ^ at.address) & 1));
    loop {
        let n = cpu.wrap(end.wrapping_sub(at.address)).min(to_page_end(at.address)) & !1;
        if at.address == end {
            cpu.cc = 2;
            return Ok(());
        }
        let found = if n == 0 {
            // A character in two pages.
            (cpu.load::<u16>(at.address, at.ar)? == wanted).then_some(0)
        } else {
            let host = cpu.host(AddressSpace::Logical(at.ar), at.address, Access::Fetch)?.as_ptr();
            // SAFETY: the part ends within its page.
            (0..n).step_by(2).find(|i| unsafe { u16::read_be(host.add(*i as usize)) } == wanted)
        };
        if let Some(i) = found {
            let at = cpu.wrap(at.address.wrapping_add(i));
            save_address(cpu, o.r1(), at);
            cpu.cc = 1;
            return Ok(());
        }
        at.address = cpu.wrap(at.address.wrapping_add(n.max(2)));
        if at.address != end && cpu.attention().pending() != 0 {
            save_address(cpu, o.r2(), at.address);
            cpu.cc = 3;
            return Ok(());
        }
    }
}

fn compare_until_substring_equal(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mut a = Pair::of(cpu, o.r1())?;
    let mut b = Pair::of(cpu, o.r2())?;
    let wanted = cpu.gr[0] as u8;
    let padding = cpu.gr[1] as u8;
    // Where the present run of equal bytes began.
    let (mut run_a, mut run_b) = (a, b);
    let mut run = 0u8;
    let mut compared = 0u64;
    let cc = loop {
        if run == wanted {
            break 0;
        }
        if a.length | b.length == 0 {
            break if run != 0 { 1 } else { 2 };
        }
        if run == 0 && compared >= 4096 && cpu.attention().pending() != 0 {
            break 3;
        }
        let x = if a.length != 0 { cpu.load::<u8>(a.address, a.ar())? } else { padding };
        let y = if b.length != 0 { cpu.load::<u8>(b.address, b.ar())? } else { padding };
        for operand in [&mut a, &mut b] {
            if operand.length != 0 {
                operand.advance(cpu, 1);
            }
        }
        if x == y {
            run += 1;
        } else {
            run = 0;
            (run_a, run_b) = (a, b);
        }
        compared += 1;
    };
    run_a.save(cpu);
    run_b.save(cpu);
    cpu.cc = cc;
    Ok(())
}
