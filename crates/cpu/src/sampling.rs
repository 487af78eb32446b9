//! The CPU-measurement sampling facility: basic sampling. After each interval a data entry tells where the CPU is, in blocks that
//! a table lists. Source: The Load-Program-Parameter and the CPU-Measurement Facilities (SA23-2260); Linux for layouts.

use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::psw::PswMask;
use crate::state::Cpu;

/// Bytes of a basic-sampling data entry.
pub const ENTRY_SIZE: u64 = 32;
/// Its format.
const ENTRY_FORMAT: u64 = 1;
/// Bytes of a sample-data block, and where its trailer begins.
const BLOCK: u64 = 4096;
const TRAILER: u64 = BLOCK - 64;
/// In the trailer: the block is full, an alert is wanted when it becomes full, the time stamp is that of STCKE.
const FULL: u64 = 1 << 63;
const ALERT: u64 = 1 << 62;
const EXTENDED_TIME: u64 = 1 << 61;
/// The rest of the trailer's first doubleword: sizes of data entries.
const OVERFLOW: u64 = 8;
const TIME_STAMP: u64 = 16;
/// In a table entry: it designates the next table.
const LINK: u64 = 1;

/// Measurement alerts.
pub mod alert {
    /// A table entry or block cannot be used.
    pub const INVALID_ENTRY: u32 = 1 << 31;
    /// A table has nothing but links.
    pub const INCORRECT_TABLE: u32 = 1 << 30;
    /// A block is full that asks for an alert.
    pub const PROGRAM_REQUEST: u32 = 1 << 29;
    /// Samples were lost.
    pub const LOSS: u32 = 1 << 22;
    /// All that the sampling facility makes.
    pub const SAMPLING: u32 = INVALID_ENTRY | INCORRECT_TABLE | PROGRAM_REQUEST | LOSS | 1 << 23;
}

/// Shortest and longest sampling intervals, in cycles.
pub const INTERVALS: (u64, u64) = (20_000, 1 << 32);

/// State of the sampling function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    /// Basic sampling is enabled.
    pub enabled: bool,
    active: bool,
    /// Host time of an interval.
    interval: Duration,
    /// Table-entry-address register: absolute address of the current table entry.
    pub table_entry: u64,
    /// Data-entry-address register: absolute address of the next data entry.
    pub data_entry: u64,
    /// When the next sample is to be taken, while the CPU runs.
    next: Option<Instant>,
    /// What was left of the interval when the CPU stopped running.
    left: Duration,
}

impl Sampling {
    /// Whether samples are taken.
    pub fn is_active(&self) -> bool {
        self.active
    }

    pub(crate) fn go_on(&mut self, now: Instant) {
        if self.active && self.next.is_none() {
            self.next = now.checked_add(self.left);
        }
    }

    pub(crate) fn pause(&mut self, now: Instant) {
        if let Some(next) = self.next.take() {
            self.left = next.saturating_duration_since(now);
        }
    }

    /// When the next sample is due, while the CPU runs.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next
    }

    pub(crate) fn is_due(&self) -> bool {
        self.next.is_some_and(|next| next <= Instant::now())
    }
}

/// What LOAD SAMPLING CONTROLS loads.
#[derive(Clone, Copy, Debug, Default)]
pub struct SamplingControls {
    /// Basic sampling is enabled.
    pub enable: bool,
    /// Basic sampling is active.
    pub activate: bool,
    /// Cycles between samples.
    pub interval: u64,
    /// Contents of the two address registers.
    pub table_entry: u64,
    /// See `table_entry`.
    pub data_entry: u64,
}

impl Cpu {
    /// Loads the sampling controls.
    pub fn load_sampling_controls(&mut self, controls: SamplingControls) {
        let nanoseconds = u128::from(controls.interval) * 1000 / u128::from(self.megahertz());
        let interval = Duration::from_nanos(nanoseconds as u64);
        if !controls.enable {
            self.measurement.alert &= !alert::SAMPLING;
            self.measurement.sampling = Sampling::default();
        } else {
            self.measurement.sampling = Sampling {
                enabled: true,
                active: controls.activate,
                interval,
                table_entry: controls.table_entry,
                data_entry: controls.data_entry,
                next: None,
                left: interval,
            };
        }
        self.measurement.watch();
        self.begin_measurement();
        self.arm_timer();
    }

    fn raise_alert(&mut self, alert: u32) {
        self.measurement.alert |= alert;
        self.measurement.watch();
    }

    /// Takes a sample; ends sampling where blocks or tables are not in storage.
    pub(crate) fn take_sample(&mut self) {
        let sampling = &mut self.measurement.sampling;
        sampling.next = Instant::now().checked_add(sampling.interval);
        if self.store_sample().is_err() {
            self.measurement.sampling.active = false;
            self.measurement.sampling.next = None;
            self.raise_alert(alert::INVALID_ENTRY);
        }
    }

    fn store_sample(&mut self) -> Result<(), Exit> {
        let at = self.measurement.sampling.data_entry;
        let trailer = (at & !(BLOCK - 1)) + TRAILER;
        let flags = self.absolute_doubleword(trailer)?;
        if flags & FULL != 0 {
            let lost = self.absolute_doubleword(trailer + OVERFLOW)?;
            return self.write_absolute(trailer + OVERFLOW, &lost.saturating_add(1).to_be_bytes());
        }
        let psw = self.current_psw();
        let space = psw.mask >> 46 & 3;
        let state = u64::from(psw.has(PswMask::DAT)) << 5
            | u64::from(psw.has(PswMask::WAIT)) << 4
            | u64::from(psw.has(PswMask::PROBLEM)) << 3
            | space << 1;
        // Configuration level 1: the samples are those of a logical partition, whose program parameter is the last doubleword.
        let level = 1 << 30;
        let first = ENTRY_FORMAT << 48 | state << 32 | level | self.cr[4] & 0xFFFF;
        let words = [first, psw.address, 0, self.program_parameter];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        self.write_absolute(at, &bytes)?;
        let next = at + ENTRY_SIZE;
        if next % BLOCK + ENTRY_SIZE <= TRAILER {
            self.measurement.sampling.data_entry = next;
            return Ok(());
        }
        // The block is full.
        let time = self.extended_tod() << 56;
        self.write_absolute(trailer + TIME_STAMP, &time.to_be_bytes())?;
        let sizes = ENTRY_SIZE << 16;
        self.write_absolute(trailer, &(flags | FULL | EXTENDED_TIME | sizes).to_be_bytes())?;
        if flags & ALERT != 0 {
            self.raise_alert(alert::PROGRAM_REQUEST);
        }
        self.next_block()
    }

    /// Goes on to the block of the next table entry.
    fn next_block(&mut self) -> Result<(), Exit> {
        let mut entry = self.measurement.sampling.table_entry + 8;
        let mut designation = self.absolute_doubleword(entry)?;
        if designation & LINK != 0 {
            entry = designation & !LINK;
            designation = self.absolute_doubleword(entry)?;
        }
        if designation & LINK != 0 {
            self.measurement.sampling.active = false;
            self.measurement.sampling.next = None;
            self.raise_alert(alert::INCORRECT_TABLE);
            return Ok(());
        }
        self.measurement.sampling.table_entry = entry;
        self.measurement.sampling.data_entry = designation & !(BLOCK - 1);
        Ok(())
    }

    fn absolute_doubleword(&mut self, at: u64) -> Result<u64, Exit> {
        let mut bytes = [0; 8];
        self.read_absolute(at, &mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }
}
