//! A program on one CPU, executed by each engine, and what it left in storage for a test to look at.
//! Truth: Principles of Operation, chapter 3, Assigned Storage Locations (program-interruption code).

use crate::multi::{By, End, Multi};

/// Prefix area of the only CPU.
const PREFIX: u64 = 0x4000;

/// What a program left.
pub struct Ran {
    /// The machine.
    pub machine: Multi,
    /// How the program ended.
    pub end: End,
}

impl Ran {
    /// Where programs leave results, doubleword by doubleword.
    pub const OUT: u64 = 0x30_0000;
    /// Where they have operands.
    pub const DATA: u64 = 0x31_0000;
    /// Where they have a transaction-diagnostic block.
    pub const BLOCK: u64 = 0x32_0000;

    /// Executes `source` by both engines; `check` sees what each has left.
    pub fn by_both(source: &str, check: impl Fn(&Ran)) {
        for by in [By::Interpreter, By::Quick] {
            let mut machine = Multi::new(1, source);
            machine.execute_by(by);
            let end = machine.run()[0];
            check(&Ran { machine, end });
        }
    }

    /// Result `n`.
    pub fn out(&self, n: u64) -> u64 {
        self.machine.read_u64(Self::OUT + n * 8)
    }

    /// The operands' doubleword `n`.
    pub fn data(&self, n: u64) -> u64 {
        self.machine.read_u64(Self::DATA + n * 8)
    }

    /// The doubleword at `at` of the diagnostic block.
    pub fn block(&self, at: u64) -> u64 {
        self.machine.read_u64(Self::BLOCK + at)
    }

    /// The doubleword at `at` of the prefix area.
    pub fn low(&self, at: u64) -> u64 {
        self.machine.read_u64(PREFIX + at)
    }

    /// Interruption code of the program interruption that ended the program.
    pub fn program_code(&self) -> u64 {
        assert!(matches!(self.end, End::Other(_)), "{:?}", self.end);
        self.low(0x88) & 0xFFFF
    }
}
