//! The floating interrupt controller: the floating interrupts of a VM as a device with attributes.
//! Truth: Linux 6.12 arch/s390/kvm/interrupt.c (flic_set_attr, flic_get_attr, flic_has_attr).

use std::sync::Arc;

use crate::abi::*;
use crate::vm::Vm;
use crate::{Errno, Result};

/// Largest buffer of interrupts.
const MAX_BUFFER: u64 = 0x200_0000;

/// The floating interrupt controller of a VM.
#[derive(Debug)]
pub struct Flic {
    vm: Arc<Vm>,
}

impl Flic {
    pub(crate) fn new(vm: Arc<Vm>) -> Self {
        Self { vm }
    }

    /// KVM_HAS_DEVICE_ATTR.
    pub fn has_device_attr(&self, attr: &kvm_device_attr) -> Result<()> {
        match attr.group {
            KVM_DEV_FLIC_GET_ALL_IRQS
            | KVM_DEV_FLIC_ENQUEUE
            | KVM_DEV_FLIC_CLEAR_IRQS
            | KVM_DEV_FLIC_APF_ENABLE
            | KVM_DEV_FLIC_APF_DISABLE_WAIT
            | KVM_DEV_FLIC_CLEAR_IO_IRQ => Ok(()),
            _ => Err(Errno::ENXIO),
        }
    }

    /// KVM_SET_DEVICE_ATTR.
    ///
    /// # Safety
    /// `attr.addr` points to what the group reads: `attr.attr` bytes of `kvm_s390_irq` (ENQUEUE), a word (CLEAR_IO_IRQ).
    pub unsafe fn set_device_attr(&self, attr: &kvm_device_attr) -> Result<()> {
        match attr.group {
            KVM_DEV_FLIC_ENQUEUE => {
                const SIZE: u64 = size_of::<kvm_s390_irq>() as u64;
                if attr.attr > MAX_BUFFER || !attr.attr.is_multiple_of(SIZE) {
                    return Err(Errno::EINVAL);
                }
                if attr.addr == 0 && attr.attr != 0 {
                    return Err(Errno::EFAULT);
                }
                let irqs = core::ptr::with_exposed_provenance::<kvm_s390_irq>(attr.addr as usize);
                for n in 0..(attr.attr / SIZE) as usize {
                    // SAFETY: the caller says that the interrupts are there.
                    let irq = unsafe { irqs.add(n).read_unaligned() };
                    self.vm.enqueue(&irq)?;
                }
                Ok(())
            }
            KVM_DEV_FLIC_CLEAR_IRQS => {
                self.vm.clear_floating();
                Ok(())
            }
            // No page fault is ever asynchronous: there is nothing to switch and nothing to wait for.
            KVM_DEV_FLIC_APF_ENABLE | KVM_DEV_FLIC_APF_DISABLE_WAIT => Ok(()),
            KVM_DEV_FLIC_CLEAR_IO_IRQ => {
                if attr.flags != 0 || attr.attr != 4 {
                    return Err(Errno::EINVAL);
                }
                if attr.addr == 0 {
                    return Err(Errno::EFAULT);
                }
                // SAFETY: the caller says that the word is there.
                let subchannel =
                    unsafe { core::ptr::with_exposed_provenance::<u32>(attr.addr as usize).read_unaligned() };
                if subchannel == 0 {
                    return Err(Errno::EINVAL);
                }
                self.vm.floating.take_io(u64::MAX, Some(subchannel));
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// KVM_GET_DEVICE_ATTR: for GET_ALL_IRQS the number of interrupts.
    ///
    /// # Safety
    /// `attr.addr` points to `attr.attr` bytes that may be written.
    pub unsafe fn get_device_attr(&self, attr: &kvm_device_attr) -> Result<u32> {
        if attr.group != KVM_DEV_FLIC_GET_ALL_IRQS || attr.attr == 0 || attr.attr > MAX_BUFFER {
            return Err(Errno::EINVAL);
        }
        let all = self.vm.floating.all();
        if (all.len() * size_of::<kvm_s390_irq>()) as u64 > attr.attr {
            return Err(Errno::ENOMEM);
        }
        if attr.addr == 0 {
            return Err(Errno::EFAULT);
        }
        let to = core::ptr::with_exposed_provenance_mut::<kvm_s390_irq>(attr.addr as usize);
        for (n, irq) in all.iter().enumerate() {
            // SAFETY: the caller says that there is room for `attr.attr` bytes, which was compared above.
            unsafe { to.add(n).write_unaligned(irq.to_irq()) };
        }
        Ok(all.len() as u32)
    }
}

impl Vm {
    /// KVM_CREATE_DEVICE, as far as the device itself goes: the object that the descriptor stands for. `None` when the call
    /// only asked whether the device exists.
    pub fn create_device(self: &Arc<Self>, device: &kvm_create_device) -> Result<Option<Arc<Flic>>> {
        if device.r#type != KVM_DEV_TYPE_FLIC {
            return Err(Errno::ENODEV);
        }
        if device.flags & KVM_CREATE_DEVICE_TEST != 0 {
            return Ok(None);
        }
        if !self.take_flic() {
            return Err(Errno::EINVAL);
        }
        Ok(Some(Arc::new(Flic::new(self.clone()))))
    }
}
