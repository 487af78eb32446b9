//! What softsie is compared with: QEMU, or softsie's own interpreter when it is emitted code that is looked at.
//! Source: `docs/differential.md`.

use super::compare::Against;
use super::{Batch, Machine, Qemu};

/// The other side of a comparison.
pub enum Opponent {
    /// QEMU.
    Qemu(Qemu),
    /// softsie's interpreter.
    Interpreter(Machine),
}

impl Opponent {
    /// Which of them.
    pub fn against(&self) -> Against {
        match self {
            Opponent::Qemu(_) => Against::Qemu,
            Opponent::Interpreter(_) => Against::Interpreter,
        }
    }

    /// Runs a batch; afterwards [`Opponent::storage`] holds the results.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn run(&mut self, batch: &Batch) -> Result<(), String> {
        match self {
            Opponent::Qemu(qemu) => qemu.run(batch),
            Opponent::Interpreter(machine) => machine.run(batch),
        }
    }

    /// The guest's storage.
    pub fn storage(&self) -> &[u8] {
        match self {
            Opponent::Qemu(qemu) => qemu.storage(),
            Opponent::Interpreter(machine) => machine.storage(),
        }
    }
}
