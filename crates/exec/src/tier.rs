//! Where a faster engine takes over from the interpreter: at the targets of branches, once they are hot.
//! Source: docs/engine-pattern.md, tiers.

use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

/// What a tier did at the target of a branch.
pub enum Arrival {
    /// The interpreter executes the instruction at this address. The tier may have executed others before it.
    Interpret(u64),
    /// Instructions were executed, the next is at this address, and the attention word is to be looked at.
    GoOn(u64),
    /// Instructions were executed; the last, of the current page, ended so.
    End(Operands, Exit),
}

/// A faster engine over the same CPU.
pub trait Tier {
    /// Whether there is one at all.
    const ACTIVE: bool;

    /// How often the target of a branch is reached ([`Cpu::heat`]) before [`Tier::arrive`] is asked again.
    fn threshold(&self) -> u16;

    /// Execution has come to `address`, which is in the CPU's current page, for the first time or has made it hot. At the
    /// first time the tier counts.
    fn arrive(&mut self, cpu: &mut Cpu, address: u64) -> Arrival;
}

/// The interpreter alone.
pub struct NoTier;

impl Tier for NoTier {
    const ACTIVE: bool = false;

    fn threshold(&self) -> u16 {
        u16::MAX
    }

    fn arrive(&mut self, _: &mut Cpu, address: u64) -> Arrival {
        Arrival::Interpret(address)
    }
}
