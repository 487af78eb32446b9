//! Counters of a vCPU: interceptions by reason and by instruction, deliveries, exits to the client.
//! Truth: what Linux's KVM counts (struct kvm_vcpu_stat), reduced to what tells where time goes.

use core::sync::atomic::{AtomicU64, Ordering};

pub use crate::statistics_file::StatisticsFile;

/// A counter that several threads may bump.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    #[inline]
    pub(crate) fn bump(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters by a byte.
#[derive(Debug)]
pub struct ByByte([Counter; 256]);

impl Default for ByByte {
    fn default() -> Self {
        Self(core::array::from_fn(|_| Counter::default()))
    }
}

impl ByByte {
    #[inline]
    pub(crate) fn bump(&self, byte: u8) {
        self.0[usize::from(byte)].bump();
    }

    /// The count of one byte.
    pub fn get(&self, byte: u8) -> u64 {
        self.0[usize::from(byte)].get()
    }

    /// The counts of all bytes together.
    pub fn sum(&self) -> u64 {
        self.0.iter().map(Counter::get).sum()
    }

    /// The bytes that have a count, with it.
    pub fn counts(&self) -> impl Iterator<Item = (u8, u64)> + '_ {
        (0..=255u8).zip(self.0.iter().map(Counter::get)).filter(|(_, count)| *count != 0)
    }
}

/// The counters of one vCPU.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Entries to interpretive execution.
    pub entries: Counter,
    /// Returns because somebody asked for them.
    pub host_requests: Counter,
    /// Interceptions by interception code.
    pub interceptions: ByByte,
    /// Instruction interceptions by the first byte of the instruction.
    pub instructions: ByByte,
    /// Instruction interceptions whose first byte is 0xb2, by the second.
    pub instructions_b2: ByByte,
    /// Instruction interceptions whose first byte is 0xb9, by the second.
    pub instructions_b9: ByByte,
    /// DIAGNOSE by the low byte of its code.
    pub diagnose: ByByte,
    /// SIGP by order.
    pub sigp: ByByte,
    /// Interrupts delivered, by the number of their kind in the order of priority.
    pub delivered: ByByte,
    /// Interrupts made pending for this CPU, by the same numbers.
    pub injected: ByByte,
    /// Sleeps in an enabled wait.
    pub sleeps: Counter,
    /// Exits to the client by exit reason.
    pub exits: ByByte,
}

impl Statistics {
    pub(crate) fn count_interception(&self, code: u8, ipa: u16) {
        self.interceptions.bump(code);
        if code == softsie_sie::icpt::INST {
            let [first, second] = ipa.to_be_bytes();
            self.instructions.bump(first);
            match first {
                0xb2 => self.instructions_b2.bump(second),
                0xb9 => self.instructions_b9.bump(second),
                _ => {}
            }
        }
    }

    pub(crate) fn count_diagnose(&self, code: u16) {
        self.diagnose.bump(code as u8);
    }

    pub(crate) fn count_sigp(&self, order: u8) {
        self.sigp.bump(order);
    }

    pub(crate) fn count_exit(&self, reason: u32) {
        self.exits.bump(reason as u8);
    }
}
