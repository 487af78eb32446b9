//! Purging translations, invalidating table entries, and comparing and swapping them with a purge.
//! Source: Principles of Operation, chapter 10: PURGE TLB, INVALIDATE PAGE TABLE ENTRY, INVALIDATE DAT TABLE ENTRY, COMPARE
//! AND SWAP AND PURGE, COMPARE AND REPLACE DAT TABLE ENTRY, RESET DAT PROTECTION; chapter 3, Translation-Lookaside Buffer.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use softsie_cpu::{Access, AddressSpace, Cpu, Exit, InterceptedInstructions as Intercepted, Request, Scalar};
use softsie_isa::Operands;

use super::interlocked::compare_exchange;
use crate::machine::Machine;
use crate::operand::in_register;

semantics! {
    simple {}
    heavy {
        PTLB => purge_tlb, PALB => purge_alb, IPTE => invalidate_page_table_entry, IDTE => invalidate_dat_table_entry,
        CSP => compare_and_swap_and_purge[u32], CSPG => compare_and_swap_and_purge[u64],
        CRDTE => compare_and_replace, RDP => reset_dat_protection,
    }
}

const PAGE_INVALID: u64 = 0x400;
const PAGE_PROTECTED: u64 = 0x200;
const ENTRY_INVALID: u64 = 0x20;
const IPTE_RANGE: u16 = 13;
const LOCAL_CLEARING: u16 = 51;

/// Purges on all CPUs, or on this one only when the local-clearing control `local` says so.
fn purge(cpu: &mut Cpu, request: Request, local: bool) {
    if local && cpu.model.facilities.has(LOCAL_CLEARING) {
        cpu.purge_here(request);
    } else {
        cpu.broadcast(request);
    }
}

fn purge_tlb(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    cpu.check_interception(Intercepted::PURGE)?;
    cpu.purge_here(Request::FlushAll);
    Err(Exit::Synchronize)
}

/// Results of access-register translation are not kept, so there is nothing to purge.
fn purge_alb(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    cpu.check_interception(Intercepted::PURGE)?;
    cpu.serialize()
}

/// Changes the table entry at an absolute address by an interlocked update.
fn update_entry(cpu: &mut Cpu, address: u64, change: impl FnOnce(&AtomicU64)) -> Result<(), Exit> {
    let host = cpu.absolute_host(address, Access::Store)?;
    // SAFETY: entries are 8 bytes on an 8-byte boundary, hence in the page that `host` points into; CPUs share them by
    // atomics.
    change(unsafe { AtomicU64::from_ptr(host.as_ptr().cast()) });
    Ok(())
}

/// What changes table entries: a guest's CPU does it while its host does not walk the guest's tables.
fn interlocked(
    cpu: &mut Cpu,
    o: &Operands,
    f: impl FnOnce(&mut Cpu, &Operands) -> Result<(), Exit>,
) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    cpu.check_interception(Intercepted::INVALIDATE)?;
    cpu.interlocked(|cpu| f(cpu, o))
}

fn page_table_entry(table: u64, address: u64) -> u64 {
    (table & !0x7FF).wrapping_add((address >> 12 & 0xFF) * 8)
}

fn invalidate_page_table_entry(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    interlocked(cpu, o, invalidate_page)
}

fn invalidate_page(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (table, mut address): (u64, u64) = (cpu.gr(o.r1()), cpu.gr(o.r2()));
    let local = o.m4() & 1 != 0;
    let range = o.r3() != 0 && cpu.model.facilities.has(IPTE_RANGE);
    let additional = if range { u64::from(cpu.gr::<u8>(o.r3())) } else { 0 };
    if (address >> 12 & 0xFF) + additional > 0xFF {
        return Err(Exit::SPECIFICATION);
    }
    for left in (0..=additional).rev() {
        let entry = page_table_entry(table, address);
        update_entry(cpu, entry, |place| {
            place.fetch_or(PAGE_INVALID.to_be(), Ordering::SeqCst);
        })?;
        purge(cpu, Request::FlushPageTableEntry(entry), local);
        if range {
            // The registers say how far it went; a count of 255 that all is done.
            address = address.wrapping_add(4096);
            cpu.set_gr_address(o.r2(), address);
            cpu.set_gr(o.r3(), (left as u8).wrapping_sub(1));
        }
    }
    Err(Exit::Synchronize)
}

fn invalidate_dat_table_entry(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    interlocked(cpu, o, invalidate_table)
}

fn invalidate_table(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (designation, address): (u64, u64) = (cpu.gr(o.r1()), cpu.gr(o.r2()));
    let local = o.m4() & 1 != 0;
    if address & 0x800 == 0 {
        let index = table_index(designation, address);
        let additional = address & 0x7FF;
        if index + additional > 0x7FF {
            return Err(Exit::SPECIFICATION);
        }
        for n in index..=index + additional {
            update_entry(cpu, (designation & !0xFFF).wrapping_add(n * 8), |entry| {
                entry.fetch_or(ENTRY_INVALID.to_be(), Ordering::SeqCst);
            })?;
        }
    }
    let request = purge_by_asce(cpu, o.r3());
    purge(cpu, request, local);
    Err(Exit::Synchronize)
}

/// Index of `address` in a region or segment table whose type is in the designation as in an address-space-control
/// element.
fn table_index(designation: u64, address: u64) -> u64 {
    let level = designation >> 2 & 3;
    address >> (20 + 11 * level) & 0x7FF
}

/// What to purge when register `r` holds the address-space-control element, and no register means all.
fn purge_by_asce(cpu: &mut Cpu, r: u8) -> Request {
    if r == 0 { Request::FlushAll } else { Request::FlushAsce(cpu.gr(r)) }
}

fn compare_and_swap_and_purge<T: Scalar>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    interlocked(cpu, o, swap_and_purge::<T>)
}

fn swap_and_purge<T: Scalar>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    if o.r1() & 1 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let controls: u64 = cpu.gr(o.r2());
    let ea = in_register(cpu, o.r2());
    let (expected, new): (T, T) = (cpu.gr(o.r1()), cpu.gr(o.r1() | 1));
    let (space, address) = (AddressSpace::Logical(ea.ar), ea.address & !(T::BYTES - 1));
    let host = cpu.host(space, address, Access::Store)?;
    cpu.stored(space, address, T::BYTES);
    let (found, swapped) = compare_exchange(host, expected, new);
    if !swapped {
        cpu.set_gr(o.r1(), found);
        cpu.cc = 1;
        return cpu.serialize();
    }
    cpu.cc = 0;
    if controls & 3 != 0 {
        cpu.broadcast(Request::FlushAll);
    }
    Err(Exit::Synchronize)
}

fn compare_and_replace(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    interlocked(cpu, o, replace_entry)
}

fn replace_entry(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (designation, address): (u64, u64) = (cpu.gr(o.r2() & 14), cpu.gr(o.r2() | 1));
    // Bit 59 says that it is not a page table.
    let entry = match designation >> 2 & 7 {
        0 => page_table_entry(designation, address),
        4..=7 => (designation & !0xFFF).wrapping_add(table_index(designation, address) * 8),
        _ => return Err(Exit::SPECIFICATION),
    };
    if (o.r1() | o.r2()) & 1 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let (expected, new): (u64, u64) = (cpu.gr(o.r1()), cpu.gr(o.r1() | 1));
    let mut result = Ok(0);
    update_entry(cpu, entry, |place| {
        result = place.compare_exchange(expected.to_be(), new.to_be(), Ordering::SeqCst, Ordering::SeqCst);
    })?;
    if let Err(found) = result {
        cpu.set_gr(o.r1(), u64::from_be(found));
        cpu.cc = 1;
        return cpu.serialize();
    }
    cpu.cc = 0;
    let request =
        if designation >> 2 & 7 == 0 { Request::FlushPageTableEntry(entry) } else { purge_by_asce(cpu, o.r3()) };
    purge(cpu, request, o.m4() & 1 != 0);
    Err(Exit::Synchronize)
}

fn reset_dat_protection(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let (table, address): (u64, u64) = (cpu.gr(o.r1()), cpu.gr(o.r2()));
    let entry = page_table_entry(table, address);
    update_entry(cpu, entry, |place| {
        place.fetch_and(!PAGE_PROTECTED.to_be(), Ordering::SeqCst);
    })?;
    purge(cpu, Request::FlushPageTableEntry(entry), o.m4() & 1 != 0);
    fence(Ordering::SeqCst);
    Err(Exit::Synchronize)
}
