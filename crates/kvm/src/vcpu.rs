//! The vCPU object: running, registers, resets, injection.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c.

use core::ptr::NonNull;

use crate::abi::{
    kvm_enable_cap, kvm_fpu, kvm_one_reg, kvm_regs, kvm_run, kvm_s390_interrupt, kvm_s390_irq, kvm_s390_mem_op,
    kvm_s390_psw, kvm_sregs,
};
use crate::{Errno, Result};

/// A virtual CPU.
#[derive(Debug)]
pub struct Vcpu {}

impl Vcpu {
    /// The vCPU's number, which is its CPU address.
    pub fn id(&self) -> u16 {
        0
    }

    /// The shared page. It lives as long as the vCPU; while [`Vcpu::run`] is in progress, touch only `immediate_exit`.
    pub fn kvm_run(&self) -> NonNull<kvm_run> {
        NonNull::dangling()
    }

    /// Makes a running or waiting [`Vcpu::run`] return EINTR soon, or the next one at once; from any thread.
    pub fn kick(&self) {}

    /// KVM_RUN.
    pub fn run(&self) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_GET_REGS.
    pub fn get_regs(&self) -> Result<kvm_regs> {
        Err(Errno::ENOSYS)
    }

    /// KVM_SET_REGS.
    pub fn set_regs(&self, _regs: &kvm_regs) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_GET_SREGS.
    pub fn get_sregs(&self) -> Result<kvm_sregs> {
        Err(Errno::ENOSYS)
    }

    /// KVM_SET_SREGS.
    pub fn set_sregs(&self, _sregs: &kvm_sregs) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_GET_FPU.
    pub fn get_fpu(&self) -> Result<kvm_fpu> {
        Err(Errno::ENOSYS)
    }

    /// KVM_SET_FPU.
    pub fn set_fpu(&self, _fpu: &kvm_fpu) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_GET_ONE_REG.
    ///
    /// # Safety
    /// `reg.addr` points to a writable integer of the register's size.
    pub unsafe fn get_one_reg(&self, _reg: &kvm_one_reg) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_SET_ONE_REG.
    ///
    /// # Safety
    /// `reg.addr` points to a readable integer of the register's size.
    pub unsafe fn set_one_reg(&self, _reg: &kvm_one_reg) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_GET_MP_STATE: the state is the result.
    pub fn get_mp_state(&self) -> Result<u32> {
        Err(Errno::ENOSYS)
    }

    /// KVM_SET_MP_STATE.
    pub fn set_mp_state(&self, _mp_state: u32) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_S390_INTERRUPT on the vCPU.
    pub fn s390_interrupt(&self, _interrupt: &kvm_s390_interrupt) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_S390_IRQ.
    pub fn s390_irq(&self, _irq: &kvm_s390_irq) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_S390_STORE_STATUS.
    pub fn s390_store_status(&self, _addr: u64) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_S390_SET_INITIAL_PSW.
    pub fn s390_set_initial_psw(&self, _psw: &kvm_s390_psw) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_S390_NORMAL_RESET.
    pub fn s390_normal_reset(&self) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_S390_INITIAL_RESET.
    pub fn s390_initial_reset(&self) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_S390_CLEAR_RESET.
    pub fn s390_clear_reset(&self) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// KVM_S390_MEM_OP: 0, or the program-interruption code of the access.
    ///
    /// # Safety
    /// `op.buf` (and `op.old_addr` where used) point to memory of `op.size` bytes that may be read or written.
    pub unsafe fn s390_mem_op(&self, _op: &kvm_s390_mem_op) -> Result<u32> {
        Err(Errno::ENOSYS)
    }

    /// KVM_ENABLE_CAP on the vCPU.
    pub fn enable_cap(&self, _cap: &kvm_enable_cap) -> Result<()> {
        Err(Errno::ENOSYS)
    }
}
