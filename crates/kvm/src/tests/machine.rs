//! A small machine for the unit tests: one VM over some memory, vCPUs, and interceptions made by hand.
//! Truth: the interface itself; what the tests compare with comes from the architecture.

use std::sync::Arc;

use softsie_sie::icpt;

use crate::abi::*;
use crate::intercept::Handled;
use crate::run::Running;
use crate::{System, Vcpu, Vm};

/// Size of the machine's storage.
pub(crate) const STORAGE: usize = 1 << 20;

/// A VM with storage from address zero.
pub(crate) struct Machine {
    pub(crate) vm: Arc<Vm>,
    memory: *mut u8,
    layout: std::alloc::Layout,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::over(System::new().create_vm(0).unwrap())
    }

    /// A machine whose CPUs have vector registers.
    pub(crate) fn with_vectors() -> Self {
        let vm = System::new().create_vm(0).unwrap();
        vm.enable_cap(&kvm_enable_cap { cap: KVM_CAP_S390_VECTOR_REGISTERS, ..Default::default() }).unwrap();
        Self::over(vm)
    }

    fn over(vm: Arc<Vm>) -> Self {
        let layout = std::alloc::Layout::from_size_align(STORAGE, 4096).unwrap();
        // SAFETY: the layout is not empty; the memory is freed in `drop`, after the slot was deleted.
        let memory = unsafe { std::alloc::alloc_zeroed(layout) };
        let machine = Self { vm, memory, layout };
        // SAFETY: the memory lives as long as the slot.
        unsafe { machine.vm.set_user_memory_region(&machine.region(STORAGE as u64)).unwrap() };
        machine
    }

    pub(crate) fn region(&self, memory_size: u64) -> kvm_userspace_memory_region {
        let userspace_addr = self.memory.expose_provenance() as u64;
        kvm_userspace_memory_region { slot: 0, flags: 0, guest_phys_addr: 0, memory_size, userspace_addr }
    }

    pub(crate) fn vcpu(&self, id: u32) -> Arc<Vcpu> {
        self.vm.create_vcpu(id).unwrap()
    }

    pub(crate) fn write(&self, address: u64, bytes: &[u8]) {
        self.vm.storage.write(address, bytes).unwrap();
    }

    pub(crate) fn read<const N: usize>(&self, address: u64) -> [u8; N] {
        let mut bytes = [0; N];
        self.vm.storage.read(address, &mut bytes).unwrap();
        bytes
    }

    pub(crate) fn read_u64(&self, address: u64) -> u64 {
        u64::from_be_bytes(self.read(address))
    }

    /// Stores a PSW.
    pub(crate) fn write_psw(&self, address: u64, mask: u64, ia: u64) {
        self.write(address, &(u128::from(mask) << 64 | u128::from(ia)).to_be_bytes());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SAFETY: deletes the slot, then frees the memory, which nobody uses any more.
        unsafe {
            self.vm.set_user_memory_region(&self.region(0)).unwrap();
            std::alloc::dealloc(self.memory, self.layout);
        }
    }
}

/// The page that the vCPU shares with its client.
pub(crate) fn page<T>(cpu: &Vcpu, f: impl FnOnce(&mut kvm_run) -> T) -> T {
    // SAFETY: the tests touch the page only while the vCPU is not running, one thread at a time.
    f(unsafe { cpu.kvm_run().as_mut() })
}

/// The vCPU as the handlers see it after the instruction (left-aligned text) was intercepted.
pub(crate) fn intercepted<T>(vcpu: &Vcpu, text: u64, f: impl FnOnce(&mut Running<'_>, Handled) -> T) -> T {
    vcpu.with_running(|running| {
        running.cpu.sd.icptcode.set(icpt::INST);
        running.cpu.sd.icptstatus.set(0);
        running.cpu.sd.ipa.set((text >> 48) as u16);
        running.cpu.sd.ipb.set((text >> 16) as u32);
        let handled = running.handle_interception();
        f(running, handled)
    })
}
