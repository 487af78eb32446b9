//! PERFORM TIMING FACILITY FUNCTION: the queries. The functions that change something are the host's.
//! Source: Principles of Operation, chapter 10, PERFORM TIMING FACILITY FUNCTION; chapter 4, TOD-Clock Steering. The clock is
//! not steered: the only steering episode began with the clock and has no rates.

use softsie_cpu::{AddressSpace, Cpu, Exit, TodClock};
use softsie_isa::{Op, Operands};

use crate::machine::Machine;
use crate::operand::in_register;

semantics! {
    simple {}
    heavy { PTFF => perform_timing_facility_function }
}

/// Function codes.
#[allow(missing_docs)] // the names are the architecture's
pub mod function {
    pub const QUERY_AVAILABLE_FUNCTIONS: u8 = 0x00;
    pub const QUERY_TOD_OFFSET: u8 = 0x01;
    pub const QUERY_STEERING_INFORMATION: u8 = 0x02;
    pub const QUERY_PHYSICAL_CLOCK: u8 = 0x03;
    pub const QUERY_UTC_INFORMATION: u8 = 0x04;
    pub const QUERY_TOD_OFFSET_USER: u8 = 0x05;
    pub const SET_TOD_OFFSET: u8 = 0x41;
    pub const SET_TOD_OFFSET_USER: u8 = 0x45;
}

use function::*;

/// The functions that there are, as the query stores them: function 0 is the leftmost bit. Those that steer the machine's
/// own clock (0x40, 0x42, 0x43) are not for guests.
pub const TIMING_FUNCTIONS: [u8; 16] = {
    let mut bits = [0u8; 16];
    let all = [
        QUERY_AVAILABLE_FUNCTIONS,
        QUERY_TOD_OFFSET,
        QUERY_STEERING_INFORMATION,
        QUERY_PHYSICAL_CLOCK,
        QUERY_UTC_INFORMATION,
        QUERY_TOD_OFFSET_USER,
        SET_TOD_OFFSET,
        SET_TOD_OFFSET_USER,
    ];
    let mut n = 0;
    while n < all.len() {
        bits[all[n] as usize / 8] |= 0x80 >> (all[n] % 8);
        n += 1;
    }
    bits
};

/// Function codes from here on change something.
const CONTROL: u8 = 0x40;

fn perform_timing_facility_function(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    let function: u8 = cpu.gr(0);
    if function & 0x80 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    // The query itself is always there.
    if function != QUERY_AVAILABLE_FUNCTIONS && !cpu.model.functions.has(Op::PTFF, function) {
        cpu.cc = 3;
        return Ok(());
    }
    if function >= CONTROL {
        cpu.require_supervisor()?;
        return Err(Exit::Intercept);
    }
    let physical = TodClock::now();
    // The physical clock, the machine's offset from it, the guest's, the guest's difference from the machine.
    let offsets = [physical, 0, cpu.epoch, cpu.epoch, cpu.user_epoch];
    match function {
        QUERY_AVAILABLE_FUNCTIONS => {
            let all = u128::from_be_bytes(TIMING_FUNCTIONS);
            let there = all & (cpu.model.functions.short(Op::PTFF) | 1 << 127);
            answer(cpu, &there.to_be_bytes())
        }
        QUERY_TOD_OFFSET => answer(cpu, doublewords(&offsets[..4]).as_slice()),
        QUERY_TOD_OFFSET_USER => answer(cpu, doublewords(&offsets).as_slice()),
        // Old and new episode: start time, base offset, two rates of a word each.
        QUERY_STEERING_INFORMATION => answer(cpu, doublewords(&[physical, 0, 0, 0, 0, 0, 0]).as_slice()),
        QUERY_PHYSICAL_CLOCK => answer(cpu, &physical.to_be_bytes()),
        // Zeros say that no server time protocol keeps the information.
        QUERY_UTC_INFORMATION => answer(cpu, &[0; 256]),
        _ => {
            cpu.cc = 3;
            Ok(())
        }
    }
}

fn doublewords(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}

/// Stores the parameter block.
fn answer(cpu: &mut Cpu, block: &[u8]) -> Result<(), Exit> {
    let at = in_register(cpu, 1);
    cpu.write_bytes(AddressSpace::Logical(at.ar), at.address, block)?;
    cpu.cc = 0;
    Ok(())
}
