//! Calls whose capability is not announced yet: each has its place and the answer of a host that lacks it.
//! Truth: Linux 6.12, the errors in the reference of the interface.

use crate::abi::*;
use crate::statistics::StatisticsFile;
use crate::vcpu::Vcpu;
use crate::vm::Vm;
use crate::{Errno, Result};

impl Vm {
    /// KVM_GET_DIRTY_LOG: no slot has a log yet.
    pub fn get_dirty_log(&self, log: &kvm_dirty_log) -> Result<()> {
        if log.slot >= KVM_USER_MEM_SLOTS { Err(Errno::EINVAL) } else { Err(Errno::ENOENT) }
    }

    /// KVM_IRQFD.
    pub fn irqfd(&self, _irqfd: &kvm_irqfd) -> Result<()> {
        Err(Errno::ENOTTY)
    }

    /// KVM_IOEVENTFD.
    pub fn ioeventfd(&self, _ioeventfd: &kvm_ioeventfd) -> Result<()> {
        Err(Errno::ENOTTY)
    }

    /// KVM_SET_GSI_ROUTING.
    pub fn set_gsi_routing(&self, _entries: &[kvm_irq_routing_entry]) -> Result<()> {
        Err(Errno::ENOTTY)
    }

    /// KVM_S390_GET_SKEYS.
    pub fn s390_get_skeys(&self, _skeys: &kvm_s390_skeys) -> Result<u32> {
        Err(Errno::ENOTTY)
    }

    /// KVM_S390_SET_SKEYS.
    pub fn s390_set_skeys(&self, _skeys: &kvm_s390_skeys) -> Result<()> {
        Err(Errno::ENOTTY)
    }

    /// KVM_S390_GET_CMMA_BITS: CMMA cannot be enabled.
    pub fn s390_get_cmma_bits(&self, _log: &mut kvm_s390_cmma_log) -> Result<()> {
        Err(Errno::ENXIO)
    }

    /// KVM_S390_SET_CMMA_BITS: CMMA cannot be enabled.
    pub fn s390_set_cmma_bits(&self, _log: &kvm_s390_cmma_log) -> Result<()> {
        Err(Errno::ENXIO)
    }

    /// KVM_S390_PV_COMMAND: there is no ultravisor. The client takes control of CPU states all the same.
    pub fn s390_pv_command(&self) -> Result<()> {
        self.give_cpu_state_to_user();
        Err(Errno::EINVAL)
    }

    /// KVM_S390_ZPCI_OP: there is no passing through of PCI functions.
    pub fn s390_zpci_op(&self) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// KVM_GET_STATS_FD.
    pub fn get_stats_fd(&self) -> Result<StatisticsFile> {
        Err(Errno::ENOTTY)
    }

    /// KVM_RESET_DIRTY_RINGS: there is no ring on s390.
    pub fn reset_dirty_rings(&self) -> Result<()> {
        Err(Errno::EINVAL)
    }
}

impl Vcpu {
    /// KVM_SET_SIGNAL_MASK: signals are the descriptor layer's to handle,
    /// which ends a run with [`Vcpu::kick`].
    pub fn set_signal_mask(&self, _set: Option<u64>) -> Result<()> {
        Ok(())
    }

    /// KVM_GET_STATS_FD.
    pub fn get_stats_fd(&self) -> Result<StatisticsFile> {
        Err(Errno::ENOTTY)
    }

    /// KVM_S390_VCPU_FAULT: guest storage is the client's memory, so that nothing is to be mapped.
    pub fn s390_vcpu_fault(&self, address: u64) -> Result<()> {
        if self.vm().is_storage(address) { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// KVM_S390_UCAS_MAP and KVM_S390_UCAS_UNMAP: VMs without memory slots are not offered.
    pub fn s390_ucas(&self) -> Result<()> {
        Err(Errno::ENOTTY)
    }

    /// KVM_TRANSLATE: s390 never had it.
    pub fn translate(&self) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// KVM_SET_GUEST_DEBUG: without guest-PER enhancement, only switching off is possible.
    pub fn set_guest_debug(&self, debug: &kvm_guest_debug) -> Result<()> {
        if debug.control == 0 { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// KVM_S390_SET_IRQ_STATE.
    pub fn s390_set_irq_state(&self, _state: &kvm_s390_irq_state) -> Result<()> {
        Err(Errno::ENOTTY)
    }

    /// KVM_S390_GET_IRQ_STATE.
    pub fn s390_get_irq_state(&self, _state: &kvm_s390_irq_state) -> Result<u32> {
        Err(Errno::ENOTTY)
    }

    /// KVM_S390_PV_CPU_COMMAND: there is no ultravisor.
    pub fn s390_pv_cpu_command(&self) -> Result<()> {
        Err(Errno::EINVAL)
    }
}
