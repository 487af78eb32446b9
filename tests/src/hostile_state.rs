//! A host with a state description, tables and a guest made of arbitrary bytes: the process lives on, and what is not the
//! guest's does not change. Source: the promise that a guest may do anything to itself and nothing to its host.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;

use softsie_cpu::{Cluster, Request, TimerService};
use softsie_mem::Storage;
use softsie_sie::{CpuFlags, ExecutionControls, Sie, StateDescription};

use crate::bare::model;

/// The host's storage: three megabytes, of which the second is the guest's.
const SIZE: usize = 0x30_0000;
const GUEST: u64 = 0x10_0000;
const STATE: u64 = 0x4000;
const HOST_CODE: u64 = 0x1000;
const PSW: u64 = 0x0000_0001_8000_0000;
const EXTERNAL: u64 = 1 << 56;
/// What the host itself changes: its lowcore and the state description.
const HOST_DATA: usize = 0x5000;

/// Storage that is freed when the machine is gone.
struct Memory(NonNull<u8>);

impl Memory {
    const LAYOUT: Option<Layout> = match Layout::from_size_align(SIZE, 4096) {
        Ok(layout) => Some(layout),
        Err(_) => None,
    };

    fn new() -> Option<Memory> {
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { alloc_zeroed(Self::LAYOUT?) }).map(Memory)
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        let length = bytes.len().min(SIZE - at as usize);
        // SAFETY: within the memory; no CPU runs meanwhile.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.add(at as usize).as_ptr(), length) };
    }

    /// All but what the host changes and the guest's storage.
    fn others(&self) -> [Vec<u8>; 2] {
        // SAFETY: as in `write`.
        let all = unsafe { std::slice::from_raw_parts(self.0.as_ptr(), SIZE) };
        [all[HOST_DATA..GUEST as usize].to_vec(), all[2 * GUEST as usize..].to_vec()]
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(layout) = Self::LAYOUT {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(self.0.as_ptr(), layout) };
        }
    }
}

/// Has a host execute START INTERPRETIVE EXECUTION for a millisecond: two bytes of choices, the state description, registers,
/// then the guest's storage from its program on.
pub fn run_hostile_state_description(bytes: &[u8]) {
    let Some(memory) = Memory::new() else { return };
    let storage = Arc::new(Storage::new());
    // SAFETY: freed after the CPU has been told that the slot is gone.
    if unsafe { storage.set_slot(0, 0, 0, SIZE as u64, memory.0) }.is_err() {
        return;
    }
    let (cluster, timers) = (Arc::new(Cluster::new()), Arc::new(TimerService::new()));
    let mut sie = Sie::new(storage, model(), 0, cluster, timers, None);
    sie.cpu.interprets = true;
    let ([choices, addresses], bytes) = bytes.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
    let (state, bytes) = bytes.split_at(bytes.len().min(512));
    let (registers, program) = bytes.split_at(bytes.len().min(128));
    memory.write(HOST_CODE, &[0xB2, 0x14, 0x20, 0, 0x83, 0, 0, 1]);
    memory.write(STATE, state);
    memory.write(GUEST + 0x2000, &program[..program.len().min(0x8000)]);
    for (register, value) in sie.cpu.gr.iter_mut().zip(registers.as_chunks::<8>().0) {
        let value = u64::from_be_bytes(*value);
        *register = if *addresses & 1 != 0 { value & 0x3F_FFFF } else { value };
    }
    sie.cpu.gr[2] = STATE;
    // SAFETY: 512 bytes on their boundary, which live as long as the machine; every bit pattern is good.
    let guest = unsafe { memory.0.add(STATE as usize).cast::<StateDescription>().as_ref() };
    if choices & 1 != 0 {
        // Past the first look.
        guest.set_cpu_flags(CpuFlags::ZARCH);
        let refused = CpuFlags::RRF | CpuFlags::MCDS | CpuFlags::SLSV | CpuFlags::SLSR | CpuFlags::GED;
        guest.clear_cpu_flags(refused | CpuFlags::STOP_INT);
        guest.sdf.set(0);
        guest.set_prefix(guest.prefix() & 0xE000);
        guest.gpsw_mask.set(PSW | guest.gpsw_mask.get() & 0x0700_3F00_0000_0000);
        guest.gpsw_addr.set(0x2000);
    }
    // The guest's storage by origin and limit.
    guest.clear_cpu_flags(CpuFlags::SM);
    guest.mso.set(GUEST);
    guest.msl.set(GUEST);
    let host = StateDescription::new();
    host.cpuflags.set((CpuFlags::ZARCH | CpuFlags::SM).bits());
    host.eca.set(ExecutionControls::PROTEXCI.bits());
    host.gpsw_mask.set(PSW | EXTERNAL);
    host.gpsw_addr.set(HOST_CODE);
    // Interrupted by its CPU timer after a millisecond; the primary space is real storage.
    host.gcr[0].set(0xE0 | 0x400);
    host.gcr[1].set(0x20);
    host.cputm.set(1000 << 12);
    let before = memory.others();
    sie.run(&host);
    assert!(before == memory.others(), "the guest has changed what is not its own");
    sie.cpu.storage.remove_slot(0);
    sie.cpu.broadcast(Request::SlotsChanged);
}
