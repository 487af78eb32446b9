//! What [`softsie_cpu::Cpu::heat`] says of a place beyond a count: how far its translation is.
//! Source: docs/engine-pattern.md, tiers.

/// Above all counts. From here on: it was asked for, and there was nothing when so many translations had been published
/// (modulo 4096).
pub(crate) const WAITING: u16 = 0xE000;
/// There is nothing to compile.
pub(crate) use softsie_cpu::HEAT_NEVER as NEVER;
/// There was a translation for it.
pub(crate) const READY: u16 = u16::MAX;

/// Asked for, with nothing found among `published` translations.
pub(crate) fn waiting(published: u64) -> u16 {
    WAITING | (published % 0x1000) as u16
}

/// Whether it was asked for.
pub(crate) fn is_waiting(heat: u16) -> bool {
    heat & 0xF000 == WAITING
}
