//! ioeventfd: a guest's notification (DIAGNOSE 0x500) that is an event for the client, without an exit.
//! Truth: Linux 6.12 virt/kvm/eventfd.c (kvm_ioeventfd), arch/s390/kvm/diag.c (__diag_virtio_hypercall).

use parking_lot::RwLock;

use super::eventfd::Eventfd;
use crate::abi::*;
use crate::vm::Vm;
use crate::{Errno, Result};

/// The events of a VM. Those of buses that s390 guests do not have are kept, and never occur.
#[derive(Debug, Default)]
pub(crate) struct IoEvents(RwLock<Vec<IoEvent>>);

#[derive(Debug)]
struct IoEvent {
    eventfd: Eventfd,
    bus: u32,
    address: u64,
    length: u32,
    /// The value that must be written; `None`: any.
    value: Option<u64>,
}

impl IoEvent {
    fn collides(&self, other: &Self) -> bool {
        self.bus == other.bus
            && self.address == other.address
            && (self.length == 0
                || other.length == 0
                || self.length == other.length
                    && (self.value.is_none() || other.value.is_none() || self.value == other.value))
    }

    fn is(&self, other: &Self) -> bool {
        self.bus == other.bus
            && self.eventfd == other.eventfd
            && (self.address, self.length, self.value) == (other.address, other.length, other.value)
    }

    fn matches(&self, address: u64, length: u32, value: u64) -> bool {
        self.bus == KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY
            && self.address == address
            && (self.length == 0 || self.length == length && self.value.is_none_or(|wanted| wanted == value))
    }
}

impl Vm {
    /// KVM_IOEVENTFD.
    pub fn ioeventfd(&self, request: &kvm_ioeventfd) -> Result<()> {
        let flags = request.flags;
        let has_value = flags & KVM_IOEVENTFD_FLAG_DATAMATCH != 0;
        let deassign = flags & KVM_IOEVENTFD_FLAG_DEASSIGN != 0;
        if !deassign {
            let length_is_good = matches!(request.len, 0 | 1 | 2 | 4 | 8);
            let wraps = request.addr.checked_add(u64::from(request.len)).is_none();
            if !length_is_good || wraps || flags & !KVM_IOEVENTFD_VALID_FLAG_MASK != 0 || request.len == 0 && has_value
            {
                return Err(Errno::EINVAL);
            }
        }
        let event = IoEvent {
            eventfd: Eventfd::of_client(request.fd)?,
            bus: flags & (KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY),
            address: request.addr,
            length: request.len,
            value: has_value.then_some(request.datamatch),
        };
        let mut events = self.io_events.0.write();
        if deassign {
            let at = events.iter().position(|other| other.is(&event)).ok_or(Errno::ENOENT)?;
            events.remove(at);
            return Ok(());
        }
        if events.iter().any(|other| other.collides(&event)) {
            return Err(Errno::EEXIST);
        }
        let at = events.partition_point(|other| other.address <= event.address);
        events.insert(at, event);
        Ok(())
    }

    /// A guest's notification: signals the event that waits for it, and returns its place among the events.
    pub(crate) fn notify(&self, subchannel: u32, queue: u64) -> Option<u32> {
        let events = self.io_events.0.read();
        let at = events.iter().position(|event| event.matches(u64::from(subchannel), 8, queue))?;
        events[at].eventfd.signal();
        u32::try_from(at).ok()
    }
}
