//! The floating interrupt controller: the floating interrupts of a VM as a device with attributes.
//! Truth: Linux 6.12 arch/s390/kvm/interrupt.c (flic_set_attr, flic_get_attr, flic_has_attr).

use std::sync::Arc;

use crate::abi::*;
use crate::client_memory::ClientMemory;
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
            | KVM_DEV_FLIC_ADAPTER_REGISTER
            | KVM_DEV_FLIC_ADAPTER_MODIFY
            | KVM_DEV_FLIC_CLEAR_IO_IRQ
            | KVM_DEV_FLIC_AISM
            | KVM_DEV_FLIC_AIRQ_INJECT
            | KVM_DEV_FLIC_AISM_ALL => Ok(()),
            _ => Err(Errno::ENXIO),
        }
    }

    /// KVM_SET_DEVICE_ATTR.
    pub fn set_device_attr(&self, attr: &kvm_device_attr, memory: &dyn ClientMemory) -> Result<()> {
        match attr.group {
            KVM_DEV_FLIC_ENQUEUE => {
                const SIZE: u64 = size_of::<kvm_s390_irq>() as u64;
                if attr.attr > MAX_BUFFER || !attr.attr.is_multiple_of(SIZE) {
                    return Err(Errno::EINVAL);
                }
                for n in 0..attr.attr / SIZE {
                    self.vm.enqueue(&memory.read_element(attr.addr, n)?)?;
                }
                Ok(())
            }
            KVM_DEV_FLIC_CLEAR_IRQS => {
                self.vm.clear_floating();
                Ok(())
            }
            // No page fault is ever asynchronous: there is nothing to switch and nothing to wait for.
            KVM_DEV_FLIC_APF_ENABLE | KVM_DEV_FLIC_APF_DISABLE_WAIT => Ok(()),
            KVM_DEV_FLIC_ADAPTER_REGISTER => self.vm.adapters.register(&memory.read(attr.addr)?),
            KVM_DEV_FLIC_ADAPTER_MODIFY => self.vm.adapters.modify(&memory.read(attr.addr)?),
            KVM_DEV_FLIC_AISM => {
                self.vm.check_suppression()?;
                self.vm.adapters.set_mode(&memory.read(attr.addr)?)
            }
            KVM_DEV_FLIC_AISM_ALL => {
                self.vm.check_suppression()?;
                self.vm.adapters.set_modes(memory.read(attr.addr)?);
                Ok(())
            }
            KVM_DEV_FLIC_AIRQ_INJECT => self.vm.inject_adapter_interrupt(attr.attr as u32),
            KVM_DEV_FLIC_CLEAR_IO_IRQ => {
                if attr.flags != 0 || attr.attr != 4 {
                    return Err(Errno::EINVAL);
                }
                let subchannel: u32 = memory.read(attr.addr)?;
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
    pub fn get_device_attr(&self, attr: &kvm_device_attr, memory: &dyn ClientMemory) -> Result<u32> {
        if attr.group == KVM_DEV_FLIC_AISM_ALL {
            if attr.attr < size_of::<kvm_s390_ais_all>() as u64 {
                return Err(Errno::EINVAL);
            }
            self.vm.check_suppression()?;
            memory.write(attr.addr, &self.vm.adapters.modes())?;
            return Ok(0);
        }
        if attr.group != KVM_DEV_FLIC_GET_ALL_IRQS || attr.attr == 0 || attr.attr > MAX_BUFFER {
            return Err(Errno::EINVAL);
        }
        let all = self.vm.floating.all();
        if (all.len() * size_of::<kvm_s390_irq>()) as u64 > attr.attr {
            return Err(Errno::ENOMEM);
        }
        for (n, irq) in (0..).zip(&all) {
            memory.write_element(attr.addr, n, &irq.to_irq())?;
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
