//! The instructions of the CPU-measurement sampling facility. Source: The Load-Program-Parameter and the CPU-Measurement
//! Facilities (SA23-2260); Linux for the blocks' layouts. Diagnostic sampling is not authorized.

use softsie_cpu::sampling::{ENTRY_SIZE, INTERVALS, SamplingControls};
use softsie_cpu::{AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use super::cpu_counters::doubleword_operand;
use crate::machine::Machine;

semantics! {
    simple {}
    heavy { QSI => query_sampling_information, LSCTL => load_sampling_controls }
}

/// In the query block: basic sampling is authorized, enabled, active.
const AUTHORIZED: u32 = 1 << 17;
const ENABLED: u32 = 1 << 9;
const ACTIVE: u32 = 1 << 1;
/// In the request block: enable and activation controls of basic and of diagnostic sampling.
const ENABLE: u64 = 1 << 9;
const ENABLE_DIAGNOSTIC: u64 = 1 << 8;
const ACTIVATE: u64 = 1 << 1;
const ACTIVATE_DIAGNOSTIC: u64 = 1;

fn query_sampling_information(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = doubleword_operand(cpu, o)?;
    let sampling = &cpu.measurement.sampling;
    let state = AUTHORIZED | if sampling.enabled { ENABLED } else { 0 } | if sampling.is_active() { ACTIVE } else { 0 };
    let words = [
        u64::from(state) << 32 | ENTRY_SIZE << 16,
        INTERVALS.0,
        INTERVALS.1,
        sampling.table_entry,
        sampling.data_entry,
        u64::from(cpu.megahertz()),
        0,
        0,
    ];
    let mut block = [0; 64];
    for (to, word) in block.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    cpu.write_bytes(AddressSpace::Logical(ea.ar), ea.address, &block)
}

fn load_sampling_controls(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = doubleword_operand(cpu, o)?;
    let mut block = [0; 64];
    cpu.read_bytes(AddressSpace::Logical(ea.ar), ea.address, &mut block)?;
    let (words, _) = block.as_chunks::<8>();
    let word = |n: usize| words.get(n).map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let controls = word(0);
    let enable = controls & ENABLE != 0;
    let diagnostic = controls & (ENABLE_DIAGNOSTIC | ACTIVATE_DIAGNOSTIC) != 0;
    if diagnostic || enable && !(INTERVALS.0..=INTERVALS.1).contains(&word(1)) {
        cpu.cc = 3;
        return Ok(());
    }
    cpu.load_sampling_controls(SamplingControls {
        enable,
        activate: controls & ACTIVATE != 0,
        interval: word(1),
        table_entry: word(2) & !7,
        data_entry: word(3) & !7,
    });
    cpu.cc = 0;
    // What is looked at between runs has changed.
    Err(Exit::Synchronize)
}
