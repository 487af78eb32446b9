//! The floating-point-control register: extract, set, load, store, rounding modes, simulated IEEE exceptions.
//! Source: Principles of Operation, chapter 9, Floating-Point-Control (FPC) Register and the instructions on it.

use softsie_bfp::Rounding;
use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2b2;
use crate::semantics::data_exception;

semantics! {
    simple {}
    heavy {
        EFPC => extract, STFPC => store, SFPC => set, LFPC => load, SFASR => set_and_signal, LFAS => load_and_signal,
        SRNM => set_rounding_mode_2, SRNMB => set_rounding_mode_3, SRNMT => set_decimal_rounding_mode,
    }
}

/// Data-exception code of BFP instructions, and of those on the FPC, while CR0 keeps AFP registers away.
pub(crate) const DXC_BFP_INSTRUCTION: u8 = 0x02;
/// The same for DFP instructions, the two that signal among them.
pub(crate) const DXC_DFP_INSTRUCTION: u8 = 0x03;

/// Bits of the FPC that must be zero.
const RESERVED: u32 = 0x0303_0088;

/// A value that the FPC can have: reserved bits zero, BFP rounding mode not a reserved one.
fn checked(value: u32) -> Result<u32, Exit> {
    if value & RESERVED != 0 || Rounding::from_mode(value & 7).is_none() { Err(Exit::SPECIFICATION) } else { Ok(value) }
}

fn extract(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_afp(DXC_BFP_INSTRUCTION)?;
    let value = cpu.fpc;
    cpu.set_gr(o.r1(), value);
    Ok(())
}

fn store(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_afp(DXC_BFP_INSTRUCTION)?;
    let ea = d2b2(cpu, o);
    let value = cpu.fpc;
    cpu.store(ea.address, ea.ar, value)
}

fn set(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_afp(DXC_BFP_INSTRUCTION)?;
    cpu.fpc = checked(cpu.gr(o.r1()))?;
    Ok(())
}

fn load(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_afp(DXC_BFP_INSTRUCTION)?;
    let ea = d2b2(cpu, o);
    cpu.fpc = checked(cpu.load(ea.address, ea.ar)?)?;
    Ok(())
}

fn set_and_signal(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_afp(DXC_DFP_INSTRUCTION)?;
    let value = cpu.gr(o.r1());
    signal(cpu, value)
}

fn load_and_signal(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_afp(DXC_DFP_INSTRUCTION)?;
    let ea = d2b2(cpu, o);
    let value = cpu.load(ea.address, ea.ar)?;
    signal(cpu, value)
}

/// Loads the FPC, keeping the flags it had. A flag it had whose mask bit is one in the new value is a simulated IEEE
/// exception, recognised after the load; of several the first in the order of the flags.
fn signal(cpu: &mut Cpu, value: u32) -> Result<(), Exit> {
    let value = checked(value)?;
    let signalling = cpu.fpc & 0x00FF_0000;
    cpu.fpc = value | signalling;
    let enabled = (signalling >> 16) as u8 & (value >> 24) as u8;
    let dxc = match enabled {
        e if e & 0x80 != 0 => 0x83,
        e if e & 0x40 != 0 => 0x43,
        // Overflow and underflow show inexact along.
        e if e & 0x20 != 0 => 0x23 | e & 0x08,
        e if e & 0x10 != 0 => 0x13 | e & 0x08,
        e if e & 0x08 != 0 => 0x0B,
        e if e & 0x04 != 0 => 0x07,
        _ => return Ok(()),
    };
    Err(data_exception(cpu, dxc))
}

/// SRNM: a mode of two bits; the first bit of the field becomes zero.
fn set_rounding_mode_2(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_afp(DXC_BFP_INSTRUCTION)?;
    let mode = d2b2(cpu, o).address as u32 & 3;
    cpu.fpc = cpu.fpc & !7 | mode;
    Ok(())
}

/// SRNMB: a mode of three bits in a byte that has to be valid.
fn set_rounding_mode_3(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_afp(DXC_BFP_INSTRUCTION)?;
    let mode = d2b2(cpu, o).address as u32 & 0xFF;
    if Rounding::from_mode(mode).is_none() {
        return Err(Exit::SPECIFICATION);
    }
    cpu.fpc = cpu.fpc & !7 | mode;
    Ok(())
}

fn set_decimal_rounding_mode(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_afp(DXC_DFP_INSTRUCTION)?;
    let mode = d2b2(cpu, o).address as u32 & 7;
    cpu.fpc = cpu.fpc & !0x70 | mode << 4;
    Ok(())
}
