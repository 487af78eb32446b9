//! Guarded storage: LOAD GUARDED, LOAD LOGICAL AND SHIFT GUARDED, LOAD and STORE GUARDED STORAGE CONTROLS.
//! Source: IBM's patents on the facility (US 10,579,377 and its relatives); crates/cpu/src/guarded_storage.rs has the event.

use softsie_cpu::{AddressSpace, Cpu, Exit, GuardedStorage, GuardedStorageEvent, InterceptedInstructions};
use softsie_isa::Operands;

use super::authority::SPECIAL_OPERATION;
use crate::machine::Machine;
use crate::operand::{Ea, d2x2b2};

semantics! {
    simple { LGG => load_guarded, LLGFSG => load_logical_and_shift_guarded }
    heavy { LGSC => load_controls, STGSC => store_controls }
}

fn load_guarded<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let pointer = m.load::<u64>(ea)?;
    load_pointer(m, o, ea, pointer, false)
}

fn load_logical_and_shift_guarded<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(m, o);
    let word = m.load::<u32>(ea)?;
    let (pointer, shift) = (m.zext::<u32, u64>(word), m.guarded_load_shift());
    let pointer = m.shl(pointer, shift);
    load_pointer(m, o, ea, pointer, true)
}

/// Loads a pointer, cut to the addressing mode, unless it is a guarded one.
fn load_pointer<M: Machine>(
    m: &mut M,
    o: &Operands,
    ea: Ea<M::Val<u64>>,
    pointer: M::Val<u64>,
    shifted: bool,
) -> Result<(), Exit> {
    let pointer = m.wrap(pointer);
    m.guard(o, ea, pointer, shifted)?;
    m.set_gr(o.r1(), pointer);
    Ok(())
}

/// Branches to the handler when a pointer is guarded.
#[inline(always)]
pub(crate) fn guard(cpu: &mut Cpu, o: &Operands, ea: Ea<u64>, pointer: u64, shifted: bool) -> Result<(), Exit> {
    if cpu.guarded_storage.section_mask == 0 {
        return Ok(());
    }
    guard_section(cpu, o, ea, pointer, shifted)
}

#[cold]
fn guard_section(cpu: &mut Cpu, o: &Operands, ea: Ea<u64>, pointer: u64, shifted: bool) -> Result<(), Exit> {
    if !cpu.guarded_storage_enabled() || !cpu.guarded_storage.guards(pointer) {
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
