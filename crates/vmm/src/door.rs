//! The door by which the launcher calls KVM: the typed calls of this process, or the same by ioctl number and address, as a
//! client with descriptors makes them. Truth: the request numbers and structs of softsie's KVM interface.

use std::sync::Arc;

use softsie_kvm::abi::{
    KVM_CREATE_DEVICE, KVM_CREATE_VCPU, KVM_CREATE_VM, KVM_DEV_FLIC_CLEAR_IRQS, KVM_DEV_TYPE_FLIC, KVM_ENABLE_CAP,
    KVM_GET_DEVICE_ATTR, KVM_RUN, KVM_S390_CLEAR_RESET, KVM_S390_INITIAL_RESET, KVM_S390_INTERRUPT, KVM_S390_IRQ,
    KVM_S390_MEM_OP, KVM_S390_NORMAL_RESET, KVM_S390_STORE_STATUS, KVM_SET_DEVICE_ATTR, KVM_SET_MP_STATE,
    KVM_SET_USER_MEMORY_REGION, kvm_create_device, kvm_device_attr, kvm_enable_cap, kvm_mp_state, kvm_s390_interrupt,
    kvm_s390_irq, kvm_s390_mem_op, kvm_userspace_memory_region,
};
use softsie_kvm::device::Flic;
use softsie_kvm::ioctl::{self, Outcome};
use softsie_kvm::{Errno, OwnMemory, Result, System, Translation};

/// The address of a call's argument.
fn address<T>(object: &T) -> u64 {
    std::ptr::from_ref(object).expose_provenance() as u64
}

/// The result of a call that creates nothing.
fn value(outcome: Result<Outcome>) -> Result<u32> {
    match outcome? {
        Outcome::Value(value) => Ok(value),
        _ => Err(Errno::EINVAL),
    }
}

/// A VM with its floating interrupt controller.
#[derive(Debug)]
pub(crate) struct Vm {
    vm: Arc<softsie_kvm::Vm>,
    flic: Arc<Flic>,
    by_number: bool,
}

impl Vm {
    /// Creates a VM; `by_number` says by which kind of calls it is used.
    pub(crate) fn create(translation: Option<Translation>, by_number: bool) -> Result<Self> {
        let mut system = System::new();
        system.set_translation(translation);
        let device = kvm_create_device { r#type: KVM_DEV_TYPE_FLIC, fd: 0, flags: 0 };
        if !by_number {
            let vm = system.create_vm(0)?;
            let flic = vm.create_device(&device)?.ok_or(Errno::ENODEV)?;
            return Ok(Self { vm, flic, by_number });
        }
        let Outcome::Vm(vm) = ioctl::system(&system, KVM_CREATE_VM, 0)? else { return Err(Errno::EINVAL) };
        // SAFETY: this call is about no slot.
        let created = unsafe { ioctl::vm(&vm, KVM_CREATE_DEVICE, address(&device), &OwnMemory)? };
        let Outcome::Device(created) = created else { return Err(Errno::EINVAL) };
        Ok(Self { vm, flic: created.device, by_number })
    }

    /// The object itself, for what is no part of KVM.
    pub(crate) fn beside_kvm(&self) -> &softsie_kvm::Vm {
        &self.vm
    }

    /// A call other than those for memory slots.
    fn call(&self, request: u32, argument: u64) -> Result<Outcome> {
        debug_assert_ne!(request, KVM_SET_USER_MEMORY_REGION);
        // SAFETY: this call is about no slot.
        unsafe { ioctl::vm(&self.vm, request, argument, &OwnMemory) }
    }

    pub(crate) fn enable_cap(&self, cap: &kvm_enable_cap) -> Result<()> {
        if self.by_number {
            return value(self.call(KVM_ENABLE_CAP, address(cap))).map(drop);
        }
        self.vm.enable_cap(cap)
    }

    /// # Safety
    /// As [`softsie_kvm::Vm::set_user_memory_region`].
    pub(crate) unsafe fn set_user_memory_region(&self, region: &kvm_userspace_memory_region) -> Result<()> {
        if self.by_number {
            // SAFETY: passed on to the caller.
            let done = unsafe { ioctl::vm(&self.vm, KVM_SET_USER_MEMORY_REGION, address(region), &OwnMemory) };
            return value(done).map(drop);
        }
        // SAFETY: passed on to the caller.
        unsafe { self.vm.set_user_memory_region(region) }
    }

    pub(crate) fn create_vcpu(&self, id: u32) -> Result<Vcpu> {
        if !self.by_number {
            return Ok(Vcpu { vcpu: self.vm.create_vcpu(id)?, by_number: false });
        }
        match self.call(KVM_CREATE_VCPU, id.into())? {
            Outcome::Vcpu(vcpu) => Ok(Vcpu { vcpu, by_number: true }),
            _ => Err(Errno::EINVAL),
        }
    }

    pub(crate) fn s390_interrupt(&self, interrupt: &kvm_s390_interrupt) -> Result<()> {
        if self.by_number {
            return value(self.call(KVM_S390_INTERRUPT, address(interrupt))).map(drop);
        }
        self.vm.s390_interrupt(interrupt)
    }

    pub(crate) fn get_device_attr(&self, attr: &kvm_device_attr) -> Result<()> {
        if self.by_number {
            return value(self.call(KVM_GET_DEVICE_ATTR, address(attr))).map(drop);
        }
        self.vm.get_device_attr(attr, &OwnMemory)
    }

    pub(crate) fn set_device_attr(&self, attr: &kvm_device_attr) -> Result<()> {
        if self.by_number {
            return value(self.call(KVM_SET_DEVICE_ATTR, address(attr))).map(drop);
        }
        self.vm.set_device_attr(attr, &OwnMemory)
    }

    /// Forgets all floating interrupts.
    pub(crate) fn clear_floating(&self) -> Result<()> {
        let attr = kvm_device_attr { flags: 0, group: KVM_DEV_FLIC_CLEAR_IRQS, attr: 0, addr: 0 };
        if self.by_number {
            return value(ioctl::device(&self.flic, KVM_SET_DEVICE_ATTR, address(&attr), &OwnMemory)).map(drop);
        }
        self.flic.set_device_attr(&attr, &OwnMemory)
    }
}

/// A vCPU.
#[derive(Debug)]
pub(crate) struct Vcpu {
    vcpu: Arc<softsie_kvm::Vcpu>,
    by_number: bool,
}

impl Vcpu {
    /// The object itself, for what is no part of KVM, and for the shared page.
    pub(crate) fn beside_kvm(&self) -> &softsie_kvm::Vcpu {
        &self.vcpu
    }

    fn call(&self, request: u32, argument: u64) -> Result<u32> {
        // SAFETY: nothing is mapped to a vCPU here.
        value(unsafe { ioctl::vcpu(&self.vcpu, request, argument, &OwnMemory) })
    }

    pub(crate) fn run(&self) -> Result<()> {
        if self.by_number { self.call(KVM_RUN, 0).map(drop) } else { self.vcpu.run() }
    }

    pub(crate) fn enable_cap(&self, cap: &kvm_enable_cap) -> Result<()> {
        if self.by_number {
            return self.call(KVM_ENABLE_CAP, address(cap)).map(drop);
        }
        self.vcpu.enable_cap(cap)
    }

    pub(crate) fn s390_interrupt(&self, interrupt: &kvm_s390_interrupt) -> Result<()> {
        if self.by_number {
            return self.call(KVM_S390_INTERRUPT, address(interrupt)).map(drop);
        }
        self.vcpu.s390_interrupt(interrupt)
    }

    pub(crate) fn s390_irq(&self, irq: &kvm_s390_irq) -> Result<()> {
        if self.by_number {
            return self.call(KVM_S390_IRQ, address(irq)).map(drop);
        }
        self.vcpu.s390_irq(irq)
    }

    pub(crate) fn s390_store_status(&self, place: u64) -> Result<()> {
        if self.by_number {
            return self.call(KVM_S390_STORE_STATUS, place).map(drop);
        }
        self.vcpu.s390_store_status(place)
    }

    pub(crate) fn s390_normal_reset(&self) -> Result<()> {
        if self.by_number {
            return self.call(KVM_S390_NORMAL_RESET, 0).map(drop);
        }
        self.vcpu.s390_normal_reset()
    }

    pub(crate) fn s390_initial_reset(&self) -> Result<()> {
        if self.by_number {
            return self.call(KVM_S390_INITIAL_RESET, 0).map(drop);
        }
        self.vcpu.s390_initial_reset()
    }

    pub(crate) fn s390_clear_reset(&self) -> Result<()> {
        if self.by_number {
            return self.call(KVM_S390_CLEAR_RESET, 0).map(drop);
        }
        self.vcpu.s390_clear_reset()
    }

    pub(crate) fn set_mp_state(&self, mp_state: u32) -> Result<()> {
        if self.by_number {
            return self.call(KVM_SET_MP_STATE, address(&kvm_mp_state { mp_state })).map(drop);
        }
        self.vcpu.set_mp_state(mp_state)
    }

    /// 0, or the program-interruption code of the access.
    pub(crate) fn s390_mem_op(&self, op: &kvm_s390_mem_op) -> Result<u32> {
        if self.by_number {
            return self.call(KVM_S390_MEM_OP, address(op));
        }
        self.vcpu.s390_mem_op(op, &OwnMemory)
    }
}
