//! The KVM interface: what Linux does in the kernel when it runs s390 guests. System, VM and vCPU objects take the calls of
//! the interface (method = ioctl name) and answer them with Linux's results; guests run by interpretive execution.
//! May depend on `sie` and everything below it; knows nothing of devices, images or consoles, which live above.
//! Truth: Linux 6.12 (arch/s390/kvm, virt/kvm) as recorded in the reference of the interface; the Principles of Operation.

pub mod abi;
mod absent;
mod attribute;
mod capability;
mod client_memory;
mod cmma;
mod debug;
pub mod device;
mod errno;
mod event;
mod host_fault;
mod intercept;
mod interrupt;
pub mod ioctl;
mod irq_state;
mod keys;
mod mem_op;
mod memory;
mod model;
mod one_reg;
mod own_memory;
mod page;
mod peer;
mod registers;
mod reset;
mod run;
pub mod signal;
pub mod statistics;
mod statistics_file;
mod status;
mod system;
mod ucontrol;
mod vcpu;
mod vm;
mod wake;

pub use capability::{Answer, CAPABILITIES, Capability};
pub use client_memory::ClientMemory;
pub use errno::{Errno, Result};
pub use own_memory::OwnMemory;
pub use softsie_cpu::{Model as CpuModel, Statistics as CpuStatistics};
pub use softsie_sie::{
    EngineCounters, GuestCounters, Listing, Style, TraceFilter, Tracer, Translated, Translation, address_of_symbol,
    dump_regions_at, enable_perf_map, keep_translations, keep_translations_by_default, save_translations, take_dumps,
};
pub use system::System;
pub use vcpu::Vcpu;
pub use vm::Vm;

#[cfg(test)]
mod tests;
