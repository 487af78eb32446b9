//! Which types may be copied from and to a client's memory as bytes.
//! Truth: the layouts asserted beside each struct.

use super::*;

/// A type that a client's memory may hold: any bytes are a valid value, and no byte of a value is padding that is left
/// uninitialised where the kernel interface writes it.
///
/// # Safety
/// Every bit pattern is valid, and the type has no implicit padding if values of it are written to clients.
pub unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($ty:ty),* $(,)?) => {
        $(
            // SAFETY: integers, arrays of integers and unions of such; layouts with padding name it.
            unsafe impl Plain for $ty {}
        )*
    };
}

plain! {
    u8, u16, u32, u64,
    kvm_regs, kvm_sregs, kvm_s390_psw, kvm_mp_state, kvm_one_reg, kvm_s390_mem_op, kvm_guest_debug, kvm_hw_breakpoint,
    kvm_userspace_memory_region, kvm_userspace_memory_region2, kvm_dirty_log, kvm_enable_cap, kvm_create_device,
    kvm_device_attr, kvm_irqfd, kvm_ioeventfd, kvm_irq_routing, kvm_irq_routing_entry, kvm_s390_skeys,
    kvm_s390_cmma_log, kvm_s390_vm_tod_clock, kvm_s390_vm_cpu_processor, kvm_s390_vm_cpu_machine,
    kvm_s390_vm_cpu_feat, kvm_s390_vm_cpu_subfunc, kvm_s390_interrupt, kvm_s390_irq, kvm_s390_irq_state, kvm_signal_mask,
    kvm_s390_io_adapter, kvm_s390_io_adapter_req, kvm_s390_ais_req, kvm_s390_ais_all, kvm_s390_ucas_mapping, kvm_fpu,
    kvm_pv_cmd, kvm_s390_zpci_op, kvm_translation,
}
