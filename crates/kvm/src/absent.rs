//! Calls whose capability is not announced yet: each has its place and the answer of a host that lacks it.
//! Truth: Linux 6.12, the errors in the reference of the interface.

use crate::vcpu::Vcpu;
use crate::vm::Vm;
use crate::{Errno, Result};

impl Vm {
    /// KVM_S390_PV_COMMAND: there is no ultravisor. The client takes control of CPU states all the same.
    pub fn s390_pv_command(&self) -> Result<()> {
        self.give_cpu_state_to_user();
        Err(Errno::EINVAL)
    }

    /// KVM_S390_ZPCI_OP: there is no passing through of PCI functions.
    pub fn s390_zpci_op(&self) -> Result<()> {
        Err(Errno::EINVAL)
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

    /// KVM_TRANSLATE: s390 never had it.
    pub fn translate(&self) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// KVM_S390_PV_CPU_COMMAND: there is no ultravisor.
    pub fn s390_pv_cpu_command(&self) -> Result<()> {
        Err(Errno::EINVAL)
    }
}
