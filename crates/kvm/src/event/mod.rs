//! Events in eventfds: those that make interrupts (irqfd, by way of routing) and those that guests make (ioeventfd).
//! Truth: Linux 6.12 virt/kvm/eventfd.c and irqchip.c.

mod eventfd;
mod ioeventfd;
mod irqfd;
mod routing;

pub(crate) use ioeventfd::IoEvents;
pub(crate) use irqfd::IrqEvents;
pub(crate) use routing::Routes;
