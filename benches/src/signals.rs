//! SIGP through the KVM interface, which completes it: a vCPU that signals itself in a loop.
//! Truth: Principles of Operation, chapter 4, CPU Signaling; the KVM interface.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;

use softsie_kvm::abi::{kvm_regs, kvm_userspace_memory_region};
use softsie_kvm::{System, Vcpu, Vm};

const SIZE: usize = 1 << 20;
const CODE: u64 = 0x2000;
const MASK: u64 = 0x1_8000_0000;

/// A VM with one vCPU and its program.
pub struct Signals {
    vm: Arc<Vm>,
    vcpu: Arc<Vcpu>,
    memory: NonNull<u8>,
    layout: Layout,
}

impl Signals {
    /// A machine that gives itself `order`.
    ///
    /// # Errors
    /// What cannot be set up.
    pub fn new(order: u8) -> Result<Signals, String> {
        let layout = Layout::from_size_align(SIZE, 4096).map_err(|e| e.to_string())?;
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or("no memory")?;
        let text = format!("again: sigp %r2,%r4,{order}\n brctg %r15,again\n lpswe 0x200\n");
        let text = softsie_isa::assemble(&text, CODE).map_err(|e| e.to_string())?;
        let wait: Vec<u8> = [2 << 48 | MASK, 0xAAAA].iter().flat_map(|n: &u64| n.to_be_bytes()).collect();
        for (at, bytes) in [(CODE, &text), (0x200, &wait)] {
            // SAFETY: within the memory, which nobody else has yet.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), memory.as_ptr().add(at as usize), bytes.len()) };
        }
        let told = |e: softsie_kvm::Errno| format!("{e:?}");
        let vm = System::new().create_vm(0).map_err(told)?;
        let vcpu = vm.create_vcpu(0).map_err(told)?;
        let signals = Signals { vm, vcpu, memory, layout };
        // SAFETY: the memory lives as long as the slot: see `drop`.
        unsafe { signals.vm.set_user_memory_region(&signals.region(SIZE as u64)) }.map_err(told)?;
        Ok(signals)
    }

    fn region(&self, memory_size: u64) -> kvm_userspace_memory_region {
        let userspace_addr = self.memory.as_ptr().expose_provenance() as u64;
        kvm_userspace_memory_region { slot: 0, flags: 0, guest_phys_addr: 0, memory_size, userspace_addr }
    }

    /// Gives so many orders.
    ///
    /// # Panics
    /// The program did not end.
    #[allow(clippy::expect_used)]
    pub fn run(&self, rounds: u64) {
        let mut regs = kvm_regs::default();
        regs.gprs[15] = rounds;
        self.vcpu.set_regs(&regs).expect("registers can be set");
        // SAFETY: the page lives as long as the vCPU, which does not run now.
        let page = unsafe { self.vcpu.kvm_run().as_mut() };
        (page.psw_mask, page.psw_addr) = (MASK, CODE);
        // A disabled wait is an exit to the client.
        self.vcpu.run().expect("the vCPU runs");
        assert_eq!(self.vcpu.get_regs().map(|r| r.gprs[15]), Ok(0), "all orders were given");
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // SAFETY: the slot goes first, then the memory, which nobody has any more.
        unsafe {
            let _ = self.vm.set_user_memory_region(&self.region(0));
            dealloc(self.memory.as_ptr(), self.layout);
        }
    }
}
