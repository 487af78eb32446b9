//! Ioctls of a vCPU descriptor.
//! Truth: Linux 6.12 virt/kvm/kvm_main.c (kvm_vcpu_ioctl), arch/s390/kvm/kvm-s390.c (kvm_arch_vcpu_ioctl).

use super::Outcome;
use crate::abi::*;
use crate::client_memory::ClientMemory;
use crate::{Errno, Result, Vcpu};

/// An ioctl on a vCPU. All but KVM_S390_INTERRUPT and KVM_S390_IRQ wait until a run in progress has ended.
///
/// # Errors
/// The call's; EINVAL for a request that is no KVM request, ENOTTY when there is no such call.
///
/// # Safety
/// Memory that the client maps to a vCPU stays mapped as [`Vcpu::s390_ucas_map`] says.
pub unsafe fn vcpu(vcpu: &Vcpu, request: u32, argument: u64, memory: &dyn ClientMemory) -> Result<Outcome> {
    if request >> 8 & 0xff != KVMIO {
        return Err(Errno::EINVAL);
    }
    match request {
        KVM_RUN if argument != 0 => Err(Errno::EINVAL),
        KVM_RUN => vcpu.run().map(Outcome::from),
        KVM_GET_REGS => memory.write(argument, &vcpu.get_regs()?).map(Outcome::from),
        KVM_SET_REGS => vcpu.set_regs(&memory.read(argument)?).map(Outcome::from),
        KVM_GET_SREGS => memory.write(argument, &vcpu.get_sregs()?).map(Outcome::from),
        KVM_SET_SREGS => vcpu.set_sregs(&memory.read(argument)?).map(Outcome::from),
        KVM_GET_FPU => memory.write(argument, &vcpu.get_fpu()?).map(Outcome::from),
        KVM_SET_FPU => vcpu.set_fpu(&memory.read(argument)?).map(Outcome::from),
        KVM_TRANSLATE => {
            memory.read::<kvm_translation>(argument)?;
            vcpu.translate().map(Outcome::from)
        }
        KVM_SET_SIGNAL_MASK => set_signal_mask(vcpu, argument, memory).map(Outcome::from),
        // The struct is left alone: the state is the result.
        KVM_GET_MP_STATE => vcpu.get_mp_state().map(Outcome::from),
        KVM_SET_MP_STATE => {
            let state: kvm_mp_state = memory.read(argument)?;
            vcpu.set_mp_state(state.mp_state).map(Outcome::from)
        }
        KVM_SET_GUEST_DEBUG => vcpu.set_guest_debug(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_GET_STATS_FD => vcpu.get_stats_fd().map(Outcome::Statistics),
        KVM_S390_INTERRUPT => vcpu.s390_interrupt(&memory.read(argument)?).map(Outcome::from),
        KVM_S390_IRQ => vcpu.s390_irq(&memory.read(argument)?).map(Outcome::from),
        KVM_S390_STORE_STATUS => vcpu.s390_store_status(argument).map(Outcome::from),
        KVM_S390_SET_INITIAL_PSW => vcpu.s390_set_initial_psw(&memory.read(argument)?).map(Outcome::from),
        KVM_S390_INITIAL_RESET => vcpu.s390_initial_reset().map(Outcome::from),
        KVM_S390_NORMAL_RESET => vcpu.s390_normal_reset().map(Outcome::from),
        KVM_S390_CLEAR_RESET => vcpu.s390_clear_reset().map(Outcome::from),
        KVM_GET_ONE_REG => vcpu.get_one_reg(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_SET_ONE_REG => vcpu.set_one_reg(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_S390_UCAS_MAP => {
            let mapping = memory.read(argument)?;
            // SAFETY: passed on to the caller.
            unsafe { vcpu.s390_ucas_map(&mapping) }.map(Outcome::from)
        }
        KVM_S390_UCAS_UNMAP => vcpu.s390_ucas_unmap(&memory.read(argument)?).map(Outcome::from),
        KVM_S390_VCPU_FAULT => vcpu.s390_vcpu_fault(argument).map(Outcome::from),
        KVM_ENABLE_CAP => vcpu.enable_cap(&memory.read(argument)?).map(Outcome::from),
        KVM_S390_MEM_OP => vcpu.s390_mem_op(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_S390_SET_IRQ_STATE => vcpu.s390_set_irq_state(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_S390_GET_IRQ_STATE => vcpu.s390_get_irq_state(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_S390_PV_CPU_COMMAND => vcpu.s390_pv_cpu_command().map(Outcome::from),
        _ => Err(Errno::ENOTTY),
    }
}

fn set_signal_mask(vcpu: &Vcpu, address: u64, memory: &dyn ClientMemory) -> Result<()> {
    if address == 0 {
        return vcpu.set_signal_mask(None);
    }
    let header: kvm_signal_mask = memory.read(address)?;
    if header.len != 8 {
        return Err(Errno::EINVAL);
    }
    let set = memory.read::<u64>(address.wrapping_add(size_of::<kvm_signal_mask>() as u64))?;
    vcpu.set_signal_mask(Some(set))
}
