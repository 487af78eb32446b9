//! Guarded storage: LOAD GUARDED, LOAD LOGICAL AND SHIFT GUARDED, LOAD and STORE GUARDED STORAGE CONTROLS.
//! Source: IBM's patents on the facility (US 10,579,377 and its relatives); crates/cpu/src/guarded_storage.rs has the event.

use softsie_cpu::{AddressSpace, Cpu, Exit, GuardedStorage, GuardedStorageEvent, InterceptedInstructions};
use softsie_isa::Operands;

use super::authority::SPECIAL_OPERATION;
use crate::machine::Machine;
use crate::operand::{Ea, d2x2b2};

semantics! {
    simple {}
    heavy {
        LGG => load_guarded, LLGFSG => load_logical_and_shift_guarded,
        LGSC => load_controls, STGSC => store_controls,
    }
}

fn load_guarded(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(cpu, o);
    let pointer = cpu.load::<u64>(ea.address, ea.ar)?;
    load_pointer(cpu, o, ea, pointer, false)
}

fn load_logical_and_shift_guarded(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(cpu, o);
    let pointer = u64::from(cpu.load::<u32>(ea.address, ea.ar)?) << cpu.guarded_storage.shift();
    load_pointer(cpu, o, ea, pointer, true)
}

/// Loads a pointer, cut to the addressing mode, or branches to the handler because it is a guarded one.
fn load_pointer(cpu: &mut Cpu, o: &Operands, ea: Ea<u64>, pointer: u64, shifted: bool) -> Result<(), Exit> {
    let pointer = cpu.wrap(pointer);
    if !cpu.guarded_storage_enabled() || !cpu.guarded_storage.guards(pointer) {
        cpu.set_gr(o.r1(), pointer);
        return Ok(());
    }
    let instruction = match cpu.execute {
        None => cpu.relative_base(o),
        Some(e) => cpu.wrap(e.next.wrapping_sub(u64::from(e.length))),
    };
    let event = GuardedStorageEvent { instruction, operand: ea.address, ar: ea.ar, pointer, shifted };
    cpu.next_ia = cpu.guarded_storage_event(event)? & cpu.address_mask;
    Err(Exit::Branch)
}

fn require_controls(cpu: &Cpu) -> Result<(), Exit> {
    if !cpu.guarded_storage_enabled() {
        return Err(SPECIAL_OPERATION);
    }
    cpu.check_interception(InterceptedInstructions::GUARDED_STORAGE)
}

fn load_controls(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_controls(cpu)?;
    let ea = d2x2b2(cpu, o);
    let mut block = [0; 32];
    cpu.read_bytes(AddressSpace::Logical(ea.ar), ea.address, &mut block)?;
    cpu.guarded_storage = GuardedStorage::of_bytes(&block);
    Ok(())
}

fn store_controls(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_controls(cpu)?;
    let ea = d2x2b2(cpu, o);
    cpu.write_bytes(AddressSpace::Logical(ea.ar), ea.address, &cpu.guarded_storage.bytes())
}
