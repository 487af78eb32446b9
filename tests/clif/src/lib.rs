//! Random Cranelift IR as an oracle: the same function is compiled for s390x and for the host; softsie runs the one, the host
//! the other, and what they leave in storage must be the same. Described in `docs/differential.md`.
//! Truth: the semantics of Cranelift IR, which two independent back ends implement.
//!
//! Rooms: `generate` random functions; `buffer` what they work on, in both byte orders; `compile` function to bytes; `host` and
//! `guest` running them; `campaign` many of them, and the smallest that differs.

mod buffer;
mod campaign;
mod compile;
mod generate;
mod guest;
mod host;
mod operations;

pub use campaign::{Campaign, Totals};
pub use guest::Which;
