//! The second engine: host code by Cranelift, emitted from the very semantics that the interpreter runs.
//!
//! [`Translator`] compiles *regions* (instructions of one page that branches connect) for the CPUs of a machine, on a thread
//! of its own; the [`Engine`] of each CPU runs them. What a region cannot finish it gives back to the interpreter at an
//! instruction boundary. The only crate that knows Cranelift, whose interface changes monthly. May depend on `exec`, `cpu`, `isa`.
//! Truth: the semantics in `exec`; figures and findings: docs/engine-pattern.md.
//!
//! Rooms: `mode` what code depends on besides its text; `survey` what an instruction reads, writes and may do, found by
//! running its semantics over a machine that only takes notes; `region` the plan; `emit` the machine that generates code,
//! with `registers`, `cc`, `float` and `memory` as its parts; `build` plan to function; `compiler` function to bytes; `arena` bytes
//! to executable memory; `translator` what was compiled, for all CPUs; `frame` what running code and Rust tell each other;
//! `chain` from region to region; `engine` finding and running regions; `heat` what a page's notes on its places mean; `saved`
//! translations of earlier runs, with `identity` of this build; `perf_map` names for profilers; `dump` regions as text.

mod arena;
mod at_exit;
mod build;
mod cc;
mod chain;
mod compiler;
#[cfg(target_arch = "x86_64")]
mod draft;
mod dump;
mod emit;
mod engine;
mod float;
mod frame;
mod heat;
mod identity;
mod memory;
mod mode;
mod operations;
mod perf_map;
mod region;
mod registers;
mod saved;
mod survey;
mod translator;
mod two_operands;
mod vector;

pub use at_exit::save_translations;
pub use compiler::{Error, Optimization, host_features};
pub use dump::{Listing, dump_regions_at, take_dumps};
pub use engine::{Counters, Engine};
pub use perf_map::{address_of as address_of_symbol, enable as enable_perf_map};
pub use region::Style;
pub use saved::{keep as keep_translations, keep_by_default as keep_translations_by_default};
pub use translator::{Options, Translated, Translator, without_signals};
