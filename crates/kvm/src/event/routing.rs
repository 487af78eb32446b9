//! Routing of interrupts: what a number that an irqfd names stands for; on s390, indicators of an adapter.
//! Truth: Linux 6.12 virt/kvm/irqchip.c, arch/s390/kvm/interrupt.c (kvm_set_routing_entry, set_adapter_int).

use std::collections::HashMap;

use parking_lot::RwLock;

use crate::abi::*;
use crate::vm::Vm;
use crate::{Errno, Result};

/// Kind of route: indicators of an I/O adapter.
const KVM_IRQ_ROUTING_S390_ADAPTER: u32 = 3;

/// The routes of a VM, by number.
#[derive(Debug, Default)]
pub(crate) struct Routes(RwLock<HashMap<u32, kvm_irq_routing_s390_adapter>>);

impl Vm {
    /// KVM_SET_GSI_ROUTING: replaces all routes, or none.
    pub fn set_gsi_routing(&self, entries: &[kvm_irq_routing_entry]) -> Result<()> {
        let mut routes = HashMap::with_capacity(entries.len());
        for entry in entries {
            if entry.flags != 0 || entry.gsi >= KVM_MAX_IRQ_ROUTES || entry.r#type != KVM_IRQ_ROUTING_S390_ADAPTER {
                return Err(Errno::EINVAL);
            }
            if !self.is_storage(entry.adapter.summary_addr) || !self.is_storage(entry.adapter.ind_addr) {
                return Err(Errno::EFAULT);
            }
            if routes.insert(entry.gsi, entry.adapter).is_some() {
                return Err(Errno::EINVAL);
            }
        }
        *self.routes.0.write() = routes;
        Ok(())
    }

    /// What happens when the event of a route occurs.
    pub(crate) fn trigger(&self, gsi: u32) {
        let route = self.routes.0.read().get(&gsi).copied();
        if let Some(route) = route {
            self.trigger_adapter(&route);
        }
    }
}
