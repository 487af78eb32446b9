//! A CPU with storage of its own and nothing to execute, for tests of what lies below the instructions.

// A test stops at what it did not expect; each test file uses some of these only.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use std::ptr::NonNull;
use std::sync::Arc;

use softsie_cpu::{Access, AddressSpace, Cluster, Cpu, Dispatch, Exit, FacilityList, Model, Psw, TimerService};
use softsie_mem::Storage;

/// PSW mask of the 64-bit mode.
pub const MODE_64: u64 = 0x1_8000_0000;
/// DAT on, primary-space mode.
pub const DAT: u64 = 0x0400_0000_0000_0000;
/// Access-register mode.
pub const ACCESS_REGISTER: u64 = 0x4000_0000_0000;
/// Size of storage.
pub const SIZE: u64 = 0x20_0000;

const NOTHING: Dispatch = Dispatch { handler: |_, _| |_, _| Err(Exit::OPERATION), ends_run: |_| true };

/// Storage that several CPUs can share; never freed.
pub fn storage() -> Arc<Storage> {
    storage_of(SIZE)
}

/// As [`storage`], of `size` bytes.
pub fn storage_of(size: u64) -> Arc<Storage> {
    let memory = NonNull::from(Box::leak(vec![0u8; size as usize].into_boxed_slice())).cast::<u8>();
    let storage = Arc::new(Storage::new());
    // SAFETY: leaked memory lives for ever.
    unsafe { storage.set_slot(0, 0, 0, size, memory) }.unwrap();
    storage
}

/// A CPU with these facilities in 64-bit mode.
pub fn cpu_of(storage: Arc<Storage>, cluster: Arc<Cluster>, facilities: &[u16]) -> Cpu {
    let model = Arc::new(Model { facilities: FacilityList::of(facilities), ..Model::default() });
    let mut cpu = Cpu::new(0, model, storage, cluster, Arc::new(TimerService::new()), NOTHING);
    cpu.set_psw(Psw::new(MODE_64, 0));
    cpu
}

/// A lone CPU with EDAT-1, EDAT-2 and instruction-execution protection.
pub fn cpu() -> Cpu {
    cpu_of(storage(), Arc::new(Cluster::new()), &[8, 75, 78, 130, 131, 139])
}

/// Puts doublewords into storage.
pub fn put(cpu: &mut Cpu, words: &[(u64, u64)]) {
    for (address, value) in words {
        cpu.write_absolute(*address, &value.to_be_bytes()).unwrap();
    }
}

/// A doubleword of storage.
pub fn get(cpu: &mut Cpu, address: u64) -> u64 {
    let mut bytes = [0; 8];
    cpu.read_absolute(address, &mut bytes).unwrap();
    u64::from_be_bytes(bytes)
}

/// The program-interruption code and translation-exception identification of an access.
pub fn fails(cpu: &mut Cpu, space: AddressSpace, address: u64, access: Access) -> (u16, u64) {
    match cpu.host(space, address, access) {
        Err(Exit::Program(code)) => (code.0, cpu.program.teid),
        other => panic!("{other:?}"),
    }
}
