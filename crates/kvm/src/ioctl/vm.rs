//! Ioctls of a VM descriptor.
//! Truth: Linux 6.12 virt/kvm/kvm_main.c (kvm_vm_ioctl), arch/s390/kvm/kvm-s390.c (kvm_arch_vm_ioctl).

use std::sync::Arc;

use super::system::extension;
use super::{Created, Outcome};
use crate::abi::*;
use crate::client_memory::ClientMemory;
use crate::{Errno, Result, Vm};

/// An ioctl on a VM.
///
/// # Errors
/// The call's; ENOTTY when there is no such call.
///
/// # Safety
/// Memory that a slot designates stays mapped as [`Vm::set_user_memory_region`] says.
pub unsafe fn vm(vm: &Arc<Vm>, request: u32, argument: u64, memory: &dyn ClientMemory) -> Result<Outcome> {
    match request {
        KVM_CREATE_VCPU => {
            let id = u32::try_from(argument).map_err(|_| Errno::EINVAL)?;
            vm.create_vcpu(id).map(Outcome::Vcpu)
        }
        KVM_CHECK_EXTENSION => Ok(Outcome::Value(extension(argument, |cap| vm.check_extension(cap)))),
        KVM_ENABLE_CAP => vm.enable_cap(&memory.read(argument)?).map(Outcome::from),
        KVM_SET_USER_MEMORY_REGION => {
            let region = memory.read(argument)?;
            // SAFETY: passed on to the caller.
            unsafe { vm.set_user_memory_region(&region) }.map(Outcome::from)
        }
        KVM_SET_USER_MEMORY_REGION2 => {
            let region = memory.read(argument)?;
            // SAFETY: passed on to the caller.
            unsafe { vm.set_user_memory_region2(&region) }.map(Outcome::from)
        }
        KVM_GET_DIRTY_LOG => vm.get_dirty_log(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_IRQFD => vm.irqfd(&memory.read(argument)?).map(Outcome::from),
        KVM_IOEVENTFD => vm.ioeventfd(&memory.read(argument)?).map(Outcome::from),
        KVM_SET_GSI_ROUTING => vm.set_gsi_routing(&routing(argument, memory)?).map(Outcome::from),
        KVM_CREATE_DEVICE => {
            let device = memory.read(argument)?;
            let Some(device) = vm.create_device(&device)? else { return Ok(Outcome::Value(0)) };
            const NUMBER: u64 = core::mem::offset_of!(kvm_create_device, fd) as u64;
            Ok(Outcome::Device(Created { device, address: argument.wrapping_add(NUMBER) }))
        }
        KVM_RESET_DIRTY_RINGS => vm.reset_dirty_rings().map(Outcome::from),
        KVM_GET_STATS_FD => vm.get_stats_fd().map(Outcome::Statistics),
        KVM_S390_INTERRUPT => vm.s390_interrupt(&memory.read(argument)?).map(Outcome::from),
        KVM_CREATE_IRQCHIP => vm.create_irqchip().map(Outcome::from),
        KVM_SET_DEVICE_ATTR => vm.set_device_attr(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_GET_DEVICE_ATTR => vm.get_device_attr(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_HAS_DEVICE_ATTR => vm.has_device_attr(&memory.read(argument)?).map(Outcome::from),
        KVM_S390_GET_SKEYS => vm.s390_get_skeys(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_S390_SET_SKEYS => vm.s390_set_skeys(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_S390_GET_CMMA_BITS => {
            let mut log = memory.read(argument)?;
            vm.s390_get_cmma_bits(&mut log, memory)?;
            memory.write(argument, &log).map(Outcome::from)
        }
        KVM_S390_SET_CMMA_BITS => vm.s390_set_cmma_bits(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_S390_PV_COMMAND => vm.s390_pv_command().map(Outcome::from),
        KVM_S390_MEM_OP => vm.s390_mem_op(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_S390_ZPCI_OP => vm.s390_zpci_op().map(Outcome::from),
        _ => Err(Errno::ENOTTY),
    }
}

/// The routing table at `address`.
fn routing(address: u64, memory: &dyn ClientMemory) -> Result<Vec<kvm_irq_routing_entry>> {
    let header: kvm_irq_routing = memory.read(address)?;
    if header.nr > KVM_MAX_IRQ_ROUTES || header.flags != 0 {
        return Err(Errno::EINVAL);
    }
    let entries = address.wrapping_add(size_of::<kvm_irq_routing>() as u64);
    (0..u64::from(header.nr)).map(|n| memory.read_element(entries, n)).collect()
}
