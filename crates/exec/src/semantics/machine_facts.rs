//! What the CPU tells about itself.
//! Source: Principles of Operation, chapter 7: STORE FACILITY LIST EXTENDED, EXTRACT CPU ATTRIBUTE.

use softsie_cpu::{AddressSpace, Cpu, Exit, InterceptedInstructions as Intercepted};
use softsie_isa::Operands;

use crate::operand::d2b2;

semantics! {
    simple {}
    heavy {
        STFLE => store_facility_list_extended,
        ECAG => extract_cpu_attribute,
    }
}

fn store_facility_list_extended(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.check_interception(Intercepted::FACILITY_LIST)?;
    let ea = d2b2(cpu, o);
    if ea.address & 7 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let mut list = cpu.model.facilities.0;
    // Doublewords up to the last that is not zero, at least one.
    let needed = list.iter().rposition(|b| *b != 0).map_or(1, |last| last / 8 + 1);
    let room = usize::from(cpu.gr[0] as u8) + 1;
    // What a host has for its guest is as long as its own.
    if let Some(result) = cpu.host_facility_list(&mut list[..8 * needed]) {
        result?;
    }
    cpu.write_bytes(AddressSpace::Logical(ea.ar), ea.address, &list[..8 * needed.min(room)])?;
    cpu.gr[0] = cpu.gr[0] & !0xFF | (needed - 1) as u64;
    cpu.cc = if room >= needed { 0 } else { 3 };
    Ok(())
}

/// The caches that EXTRACT CPU ATTRIBUTE tells of: level 1 separate for data and instructions, level 2 unified, both
/// private to the CPU. Line size in bytes, total size, set associativity.
const CACHES: [[u64; 3]; 2] = [[256, 128 << 10, 8], [256, 2 << 20, 8]];

/// The attribute set that tells of the CPU's clock; set 0 tells of caches.
const CLOCK: u64 = 1;

fn extract_cpu_attribute(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let request = d2b2(cpu, o).address;
    let (attribute, level) = (request >> 4 & 15, (request >> 1 & 7) as usize);
    let clock = u64::from(cpu.megahertz());
    cpu.gr[usize::from(o.r1())] = match (request >> 8, attribute) {
        // The present and the nominal clock. Only caches have several attributes.
        (CLOCK, _) if request & 0xFF == 0 => clock << 32 | clock,
        (1.., _) => u64::MAX,
        // A byte for each level: scope (private) and kind (separate, unified).
        (_, 0) => 0x0407_0000_0000_0000,
        (_, 1..=3) => CACHES.get(level).map_or(u64::MAX, |cache| cache[attribute as usize - 1]),
        _ => u64::MAX,
    };
    Ok(())
}
