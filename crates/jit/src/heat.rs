//! What [`softsie_cpu::Cpu::heat`] says of a place beyond a count: how far its translation is.
//! Source: docs/engine-pattern.md, tiers.

/// It was asked for.
pub(crate) const WAITING: u16 = u16::MAX - 2;
/// There is nothing to compile.
pub(crate) use softsie_cpu::HEAT_NEVER as NEVER;
/// There was a translation for it.
pub(crate) const READY: u16 = u16::MAX;
