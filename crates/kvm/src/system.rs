//! The system object, what opening /dev/kvm gives: version, capabilities, creation of VMs.
//! Truth: Linux 6.12 virt/kvm/kvm_main.c and arch/s390/kvm/kvm-s390.c.

use std::sync::Arc;

use crate::abi::{KVM_API_VERSION, VCPU_MMAP_SIZE};
use crate::{Errno, Result, Vm};

/// The system object.
#[derive(Debug, Default)]
pub struct System {}

impl System {
    /// Opens the interface.
    pub fn new() -> Self {
        Self {}
    }

    /// KVM_GET_API_VERSION.
    pub fn get_api_version(&self) -> i32 {
        KVM_API_VERSION
    }

    /// KVM_GET_VCPU_MMAP_SIZE.
    pub fn get_vcpu_mmap_size(&self) -> usize {
        VCPU_MMAP_SIZE
    }

    /// KVM_CHECK_EXTENSION.
    pub fn check_extension(&self, _cap: u32) -> i32 {
        0
    }

    /// KVM_CREATE_VM; type 0 is the only one a client needs.
    pub fn create_vm(&self, _vm_type: u64) -> Result<Arc<Vm>> {
        Err(Errno::ENOSYS)
    }
}
