//! Loading and storing control registers, and the program parameter.
//! Source: Principles of Operation, chapter 10: LOAD CONTROL, STORE CONTROL; LOAD PROGRAM PARAMETER.

use softsie_cpu::{Cpu, Exit, Scalar};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::{Ea, d2b2};

semantics! {
    simple {}
    heavy {
        LCTL => load_control[u32], LCTLG => load_control[u64], STCTL => store_control[u32], STCTG => store_control[u64],
        LPP => load_program_parameter,
    }
}

/// Number of registers from R1 to R3, wrapping after 15.
fn count(o: &Operands) -> u8 {
    (o.r3().wrapping_sub(o.r1()) & 15) + 1
}

fn registers(o: &Operands) -> impl Iterator<Item = usize> {
    let first = o.r1();
    (0..count(o)).map(move |n| usize::from((first + n) & 15))
}

fn operand<T: Scalar>(cpu: &mut Cpu, o: &Operands) -> Result<Ea<u64>, Exit> {
    let ea = d2b2(cpu, o);
    if ea.address & (T::BYTES - 1) != 0 { Err(Exit::SPECIFICATION) } else { Ok(ea) }
}

fn load_control<T: Scalar>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    if registers(o).any(|r| cpu.interceptions.load_control & (0x8000 >> r) != 0) {
        return Err(Exit::Intercept);
    }
    let ea = operand::<T>(cpu, o)?;
    let before = cpu.cr;
    let mut values = before;
    for (n, r) in registers(o).enumerate() {
        let address = cpu.wrap(ea.address.wrapping_add(n as u64 * T::BYTES));
        let value = cpu.load::<T>(address, ea.ar)?.widen() as u64;
        values[r] = if T::BITS == 64 { value } else { values[r] & !0xFFFF_FFFF | value };
    }
    cpu.cr = values;
    cpu.control_changed(&before);
    Err(Exit::Synchronize)
}

fn store_control<T: Scalar>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    if cpu.interceptions.store_control {
        return Err(Exit::Intercept);
    }
    let ea = operand::<T>(cpu, o)?;
    cpu.probe_store(ea, u64::from(count(o)) * T::BYTES)?;
    for (n, r) in registers(o).enumerate() {
        let address = cpu.wrap(ea.address.wrapping_add(n as u64 * T::BYTES));
        cpu.store(address, ea.ar, T::truncate(u128::from(cpu.cr[r])))?;
    }
    Ok(())
}

fn load_program_parameter(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = d2b2(cpu, o);
    cpu.program_parameter = cpu.load(ea.address, ea.ar)?;
    Ok(())
}
