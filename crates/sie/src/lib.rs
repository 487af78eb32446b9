//! Interpretive execution, the place of the START INTERPRETIVE EXECUTION instruction: a state description goes in, the
//! guest CPU runs, and an interception comes out. May depend on the CPU and on everything below it; knows nothing of KVM.
//! Truth: the state description and interception codes as Linux KVM uses them; Principles of Operation for the rest.

mod guarded_storage;
mod interpret;
mod run;
mod satellites;
mod state_description;
mod system_control;

pub use softsie_exec::{Filter as TraceFilter, Tracer};
pub use softsie_jit::{
    Counters as EngineCounters, Listing, Options as Translation, Style, Translated, Translator, address_of_symbol,
    dump_regions_at, enable_perf_map, keep_translations, keep_translations_by_default, save_translations, take_dumps,
    without_signals,
};

pub use run::{GuestCounters, Kicker, Leave, ProgramEvent, ProgramInterruption, Sie};
pub use state_description::{
    BeU8, BeU16, BeU32, BeU64, CpuFlags, Ecb, Ecb2, Ecb3, Ecd, ExecutionControls, InterceptionControls,
    StateDescription, icpt, icptstatus, lctl,
};
