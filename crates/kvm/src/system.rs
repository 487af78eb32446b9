//! The system object, what opening /dev/kvm gives: version, capabilities, creation of VMs.
//! Truth: Linux 6.12 virt/kvm/kvm_main.c and arch/s390/kvm/kvm-s390.c.

use std::sync::Arc;

use softsie_cpu::FacilityList;
use softsie_sie::Translation;

use crate::abi::{KVM_API_VERSION, KVM_VM_S390_UCONTROL};
use crate::capability;
use crate::{Errno, Result, Vm};

/// The system object.
#[derive(Debug)]
pub struct System {
    facilities: FacilityList,
    translation: Option<Translation>,
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

impl System {
    /// Opens the interface over the CPU as it is.
    pub fn new() -> Self {
        Self::with_facilities(crate::model::host_facilities())
    }

    /// Opens the interface over a CPU with these facilities.
    pub fn with_facilities(facilities: FacilityList) -> Self {
        Self { facilities, translation: Some(Translation::USUAL) }
    }

    /// Sets how the hot code of guests is translated; `None`: the interpreter executes all. No part of the KVM interface.
    pub fn set_translation(&mut self, translation: Option<Translation>) {
        self.translation = translation;
    }

    /// KVM_GET_API_VERSION.
    pub fn get_api_version(&self) -> i32 {
        KVM_API_VERSION
    }

    /// KVM_GET_VCPU_MMAP_SIZE.
    pub fn get_vcpu_mmap_size(&self) -> usize {
        crate::page::vcpu_mmap_size()
    }

    /// KVM_CHECK_EXTENSION.
    pub fn check_extension(&self, cap: u32) -> i32 {
        capability::check(cap, &self.facilities)
    }

    /// KVM_S390_ENABLE_SIE: nothing is to be done.
    pub fn s390_enable_sie(&self) -> Result<()> {
        Ok(())
    }

    /// KVM_CREATE_VM: an ordinary one, or one that the client controls.
    pub fn create_vm(&self, vm_type: u64) -> Result<Arc<Vm>> {
        if vm_type & !KVM_VM_S390_UCONTROL != 0 {
            return Err(Errno::EINVAL);
        }
        crate::host_fault::install();
        Ok(Arc::new(Vm::new(&self.facilities, self.translation, vm_type != 0)))
    }
}
