//! The launcher: a machine around the CPUs that KVM gives. It loads images, answers what KVM leaves to its client (service
//! calls, DIAGNOSE, SIGP orders, STSI), runs one thread per CPU, joins the guest's console to a terminal, and reports.
//! It is nothing but a KVM client: of the crates below it sees `kvm` alone, besides `isa` for disassembly.
//! Truth: the Principles of Operation; QEMU's s390-ccw-virtio machine and Linux's drivers for what guests expect.

mod channel;
mod console;
mod counters;
mod cpu;
mod diagnose;
mod door;
mod ebcdic;
mod error;
mod exit;
mod guest;
mod load;
mod machine;
mod model;
mod monitor;
#[cfg(test)]
mod programs;
mod report;
mod run;
mod sclp;
mod sigp;
mod storage;
#[cfg(test)]
mod storms;
mod stsi;
mod terminal;
mod topology;
mod trace;
mod translate;

pub use error::{Error, Result};
pub use machine::{Ending, Identity};
pub use model::{ModelReport, model_report};
pub use run::{MAX_CPUS, Options, Outcome, run};
pub use sclp::ConsoleKind;
pub use softsie_kvm::{
    Listing, Style, TraceFilter, Translation, address_of_symbol, dump_regions_at, enable_perf_map, keep_translations,
    keep_translations_by_default, take_dumps,
};
pub use storage::parse_size;
