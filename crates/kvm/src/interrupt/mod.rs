//! Interrupts: what may be pending, for one CPU or for any, who accepts which type, and the delivery to lowcore.
//! Truth: Linux 6.12 arch/s390/kvm/interrupt.c; Principles of Operation, chapter 6, Priority of Interruptions.

mod adapter;
mod deliver;
mod floating;
mod irq;
mod local;
mod pending;
mod timers;

pub(crate) use adapter::Adapters;
pub(crate) use deliver::io_interruption_code;
pub(crate) use floating::Floating;
pub(crate) use irq::{FloatingIrq, LocalIrq};
pub(crate) use local::Local;
pub(crate) use pending::{Pending, enabled};
pub(crate) use timers::{time_to_timer, timers_pending};
