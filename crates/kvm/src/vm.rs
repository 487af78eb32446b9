//! The VM object: memory slots, vCPUs, floating interrupts, attributes.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c.

use std::sync::Arc;

use crate::abi::{kvm_device_attr, kvm_enable_cap, kvm_s390_interrupt, kvm_s390_irq, kvm_userspace_memory_region};
use crate::{Errno, Result, Vcpu};

/// A virtual machine.
#[derive(Debug)]
pub struct Vm {}

impl Vm {
    /// KVM_CREATE_VCPU.
    pub fn create_vcpu(&self, _id: u32) -> Result<Arc<Vcpu>> {
        Err(Errno::ENOSYS)
    }

    /// KVM_CHECK_EXTENSION on the VM.
    pub fn check_extension(&self, _cap: u32) -> i32 {
        0
    }

    /// KVM_ENABLE_CAP on the VM.
    pub fn enable_cap(&self, _cap: &kvm_enable_cap) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_SET_USER_MEMORY_REGION.
    ///
    /// # Safety
    /// The memory `userspace_addr .. userspace_addr + memory_size` stays mapped, readable and writable, until the slot is
    /// deleted or the VM and its vCPUs are gone. The client may access it at any time as another CPU would.
    pub unsafe fn set_user_memory_region(&self, _region: &kvm_userspace_memory_region) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_S390_INTERRUPT on the VM: makes a floating interrupt pending.
    pub fn s390_interrupt(&self, _interrupt: &kvm_s390_interrupt) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// Makes a floating interrupt pending, as KVM_DEV_FLIC_ENQUEUE does with each element.
    pub fn enqueue(&self, _irq: &kvm_s390_irq) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_SET_DEVICE_ATTR.
    ///
    /// # Safety
    /// `attr.addr` points to a readable object of the attribute's type, or the attribute takes none.
    pub unsafe fn set_device_attr(&self, _attr: &kvm_device_attr) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_GET_DEVICE_ATTR.
    ///
    /// # Safety
    /// `attr.addr` points to a writable object of the attribute's type, or the attribute takes none.
    pub unsafe fn get_device_attr(&self, _attr: &kvm_device_attr) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_HAS_DEVICE_ATTR.
    pub fn has_device_attr(&self, _attr: &kvm_device_attr) -> Result<()> {
        Err(Errno::ENOSYS)
    }
}
