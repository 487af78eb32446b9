//! The trace table: where entries go, and how control register 12 moves on.
//! Source: Principles of Operation, chapter 4, Tracing (control-register allocation, trace operation).

use crate::access::Access;
use crate::exit::{Exit, ProgramCode};
use crate::state::{Cpu, InterceptedInstructions};

/// Trace-entry address in control register 12.
const ENTRY_ADDRESS: u64 = 0x3FFF_FFFF_FFFF_FFFC;
const PAGE: u64 = 0x1000;

/// A trace entry being formed, at most 16 registers and their heading.
#[derive(Clone, Copy, Debug)]
pub struct TraceEntry {
    bytes: [u8; 160],
    length: usize,
}

impl TraceEntry {
    /// An entry of no bytes.
    pub fn new() -> TraceEntry {
        TraceEntry { bytes: [0; 160], length: 0 }
    }

    /// Appends bytes.
    #[must_use]
    pub fn with(mut self, bytes: &[u8]) -> TraceEntry {
        if let Some(place) = self.bytes.get_mut(self.length..self.length + bytes.len()) {
            place.copy_from_slice(bytes);
            self.length += bytes.len();
        }
        self
    }
}

impl Default for TraceEntry {
    fn default() -> Self {
        Self::new()
    }
}

impl Cpu {
    /// Whether branch tracing is on.
    pub fn traces_branches(&self) -> bool {
        self.cr[12] & 1 << 63 != 0
    }

    /// Whether instructions are executed one at a time: program-event recording, branch tracing or a transaction asks for what
    /// straight-line execution does not do. What turns it on ends a run.
    #[inline(always)]
    pub fn steps(&self) -> bool {
        self.per_enabled()
            || self.traces_branches()
            || self.transaction.is_active()
            || self.interceptions.instructions.intersects(InterceptedInstructions::FAILURES)
    }

    /// Whether mode tracing is on.
    pub fn traces_modes(&self) -> bool {
        self.cr[12] & 1 << 62 != 0
    }

    /// Whether address-space-number tracing is on.
    pub fn traces_asns(&self) -> bool {
        self.cr[12] & 2 != 0
    }

    /// Whether explicit tracing is on.
    pub fn traces_explicitly(&self) -> bool {
        self.cr[12] & 1 != 0
    }

    /// Stores a trace entry at the place that `control` (contents of control register 12) designates, and returns the
    /// contents with which the instruction may complete: until then the entry is as good as not made.
    ///
    /// # Errors
    /// Trace-table, addressing and protection exceptions.
    pub fn trace(&mut self, control: u64, entry: &TraceEntry) -> Result<u64, Exit> {
        let real = control & ENTRY_ADDRESS;
        self.check_low_address_word(real)?;
        let absolute = self.prefixed(real);
        let reached = self.reach(absolute, Access::Store).map_err(Exit::Program)?;
        if self.slots.page(reached).is_none() {
            return Err(Exit::Program(self.addressing(absolute)));
        }
        // The next entry must begin in the same page.
        let end = real + entry.length as u64;
        if (end ^ real) & !(PAGE - 1) != 0 {
            return Err(Exit::Program(ProgramCode::TRACE_TABLE));
        }
        self.write_absolute(absolute, &entry.bytes[..entry.length])?;
        Ok(control & !ENTRY_ADDRESS | end & ENTRY_ADDRESS)
    }
}
