//! The instructions of the CPU-measurement counter facility: controls of the counter sets, counters read and set. There are no
//! peripheral processors with counters of their own. Source: The Load-Program-Parameter and the CPU-Measurement Facilities
//! (SA23-2260) as Linux uses it; condition codes that Linux does not tell apart are from memory.

use softsie_cpu::measurement::counter_set;
use softsie_cpu::{AddressSpace, Cpu, Cr0, Exit, PswMask};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::{Ea, d2b2};

semantics! {
    simple {}
    heavy {
        LCCTL => load_counter_set_controls, QCTRI => query_counter_information, ECCTR => extract_counter,
        SCCTR => set_counter, STCCTM => store_counter_multiple,
        LPCTL => load_peripheral_controls, EPCTR => extract_peripheral_counter, SPCTR => set_peripheral_counter,
        ECPGA => extract_coprocessor_group,
    }
}

/// Condition code: there is no such counter, or its set is not authorized or disabled.
const NOT_AVAILABLE: u8 = 3;

/// A doubleword operand.
pub(super) fn doubleword_operand(cpu: &mut Cpu, o: &Operands) -> Result<Ea<u64>, Exit> {
    let ea = d2b2(cpu, o);
    if ea.address & 7 != 0 { Err(Exit::SPECIFICATION) } else { Ok(ea) }
}

/// Programs in the problem state need the authority to extract counters.
fn require_extraction_authority(cpu: &Cpu) -> Result<(), Exit> {
    if cpu.psw.has(PswMask::PROBLEM) && !cpu.cr0().contains(Cr0::COUNTER_EXTRACTION) {
        return Err(Exit::PRIVILEGED_OPERATION);
    }
    Ok(())
}

/// While anything counts, what counts is up to date.
fn exactly(cpu: &mut Cpu) -> Result<(), Exit> {
    if cpu.measurement.active() != 0 { cpu.count_exactly() } else { Ok(()) }
}

fn load_counter_set_controls(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = doubleword_operand(cpu, o)?;
    cpu.count_exactly()?;
    let controls: u64 = cpu.load(ea.address, ea.ar)?;
    let loaded = cpu.load_counter_controls((controls >> 16) as u16, controls as u16);
    cpu.cc = if loaded { 0 } else { NOT_AVAILABLE };
    // What is looked at between runs has changed.
    Err(Exit::Synchronize)
}

fn query_counter_information(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = doubleword_operand(cpu, o)?;
    let (first, second) = cpu.counter_versions();
    // Version, authorization, enable and activation controls, highest CPU address, second version, highest coprocessor group.
    let facts =
        [first, counter_set::AUTHORIZED, cpu.measurement.enabled(), cpu.measurement.active(), 0xFFFF, second, 0];
    let mut block = [0; 64];
    for (to, fact) in block.chunks_exact_mut(2).zip(facts) {
        to.copy_from_slice(&fact.to_be_bytes());
    }
    cpu.write_bytes(AddressSpace::Logical(ea.ar), ea.address, &block)
}

fn extract_counter(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_extraction_authority(cpu)?;
    exactly(cpu)?;
    let number = cpu.gr(o.r2());
    match cpu.counter(number) {
        Some(value) => {
            cpu.set_gr(o.r1(), value);
            cpu.cc = 0;
        }
        None => cpu.cc = NOT_AVAILABLE,
    }
    Ok(())
}

fn set_counter(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    exactly(cpu)?;
    let (number, value) = (cpu.gr(o.r2()), cpu.gr(o.r1()));
    let done = cpu.set_counter(number, value);
    cpu.cc = if done { 0 } else { NOT_AVAILABLE };
    Ok(())
}

/// Sets by their numbers: extended, basic, problem-state, crypto-activity.
const SETS: [u16; 4] = [1, counter_set::BASIC, counter_set::PROBLEM_STATE, counter_set::CRYPTO_ACTIVITY];

fn store_counter_multiple(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_extraction_authority(cpu)?;
    let ea = doubleword_operand(cpu, o)?;
    exactly(cpu)?;
    let set = SETS.get(usize::from(o.m3())).copied().unwrap_or_default();
    if set & cpu.measurement.enabled() == 0 {
        cpu.cc = NOT_AVAILABLE;
        return Ok(());
    }
    let wanted: u64 = cpu.gr(o.r1());
    let numbers: Vec<u64> = cpu.counters_of(set).collect();
    let there = numbers.len() as u64;
    let mut bytes = Vec::new();
    for number in numbers.into_iter().take(wanted.min(there) as usize) {
        bytes.extend(cpu.counter(number).unwrap_or_default().to_be_bytes());
    }
    cpu.write_bytes(AddressSpace::Logical(ea.ar), ea.address, &bytes)?;
    // Fewer counters than asked for, all, or more than asked for.
    cpu.cc = match wanted.cmp(&there) {
        std::cmp::Ordering::Greater => 2,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Less => 1,
    };
    Ok(())
}

/// There is no peripheral counter set that could be enabled.
fn load_peripheral_controls(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = doubleword_operand(cpu, o)?;
    let controls: u64 = cpu.load(ea.address, ea.ar)?;
    cpu.cc = if controls == 0 { 0 } else { NOT_AVAILABLE };
    Ok(())
}

fn extract_peripheral_counter(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    require_extraction_authority(cpu)?;
    cpu.cc = NOT_AVAILABLE;
    Ok(())
}

fn set_peripheral_counter(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    cpu.cc = NOT_AVAILABLE;
    Ok(())
}

fn extract_coprocessor_group(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    require_extraction_authority(cpu)?;
    cpu.cc = NOT_AVAILABLE;
    Ok(())
}
