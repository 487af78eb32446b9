//! MONITOR CALL: monitor events, and their counting by the enhanced-monitor facility.
//! Source: Principles of Operation, chapter 7: MONITOR CALL (monitor-event counting); chapter 3, Assigned Storage Locations.

use softsie_cpu::{Access, Cpu, Exit, Lowcore, ProgramCode};
use softsie_isa::Operands;

use crate::operand::d1b1;

semantics! {
    simple {}
    heavy { MC => monitor_call }
}

const ENHANCED_MONITOR: u16 = 36;

fn monitor_call(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let class = o.i2() as u16;
    if class > 15 {
        return Err(Exit::SPECIFICATION);
    }
    let mask = 0x8000 >> class;
    if cpu.cr[8] & mask == 0 {
        return Ok(());
    }
    let code = d1b1(cpu, o).address;
    if cpu.cr[8] >> 32 & mask != 0 && cpu.model.facilities.has(ENHANCED_MONITOR) {
        return count(cpu, code);
    }
    cpu.program.monitor_class = class;
    cpu.program.monitor_code = code;
    Err(Exit::Program(ProgramCode::MONITOR_EVENT))
}

/// Counts an event with monitor code `code`: its halfword counter, and the word counter for the carry out of that. An event
/// whose counters are beyond the array or not available is counted in the prefix area.
fn count(cpu: &mut Cpu, code: u64) -> Result<(), Exit> {
    let origin = cpu.read_lowcore::<u64>(Lowcore::MONITOR_COUNTER_ORIGIN)? & !7;
    let size = u64::from(cpu.read_lowcore::<u32>(Lowcore::MONITOR_COUNTER_SIZE)?);
    if code >= size || count_in_array(cpu, origin, size, code).is_err() {
        let exceptions: u32 = cpu.read_lowcore(Lowcore::MONITOR_EXCEPTION_COUNT)?;
        cpu.write_lowcore(Lowcore::MONITOR_EXCEPTION_COUNT, exceptions.wrapping_add(1))?;
    }
    Ok(())
}

/// The halfword counters come first, then as many words. The home space's tables translate their addresses.
fn count_in_array(cpu: &mut Cpu, origin: u64, size: u64, code: u64) -> Result<(), Exit> {
    let low = counter(cpu, origin.wrapping_add(code * 2))?;
    let mut bytes = [0; 2];
    cpu.read_absolute(low, &mut bytes)?;
    let value = u16::from_be_bytes(bytes).wrapping_add(1);
    if value == 0 {
        let high = counter(cpu, origin.wrapping_add(size * 2).wrapping_add(code * 4))?;
        let mut bytes = [0; 4];
        cpu.read_absolute(high, &mut bytes)?;
        cpu.write_absolute(high, &u32::from_be_bytes(bytes).wrapping_add(1).to_be_bytes())?;
    }
    cpu.write_absolute(low, &value.to_be_bytes())
}

/// Absolute address of the counter at `address`, into which can be stored. Keys do not apply.
fn counter(cpu: &mut Cpu, address: u64) -> Result<u64, Exit> {
    let t = cpu.translate_by(cpu.cr[13], address).map_err(|fault| Exit::Program(fault.code))?;
    if t.protected {
        return Err(Exit::Program(ProgramCode::PROTECTION));
    }
    let absolute = cpu.prefixed(t.real);
    // Not available is found before anything is counted.
    cpu.absolute_host(absolute, Access::Fetch)?;
    Ok(absolute)
}
