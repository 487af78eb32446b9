//! The CPU-measurement counter facility: counter sets, what is counted while they are active, measurement alerts. Both engines count
//! instructions anyway, so that an active set costs a look at the problem-state bit between runs of instructions, and one that
//! is not costs nothing. Source: The Load-Program-Parameter and the CPU-Measurement Facilities (SA23-2260); Linux for layouts.

use std::time::Instant;

use crate::clock::TodClock;
use crate::control::Cr0;
use crate::exit::Exit;
use crate::lowcore::Lowcore;
use crate::psw::PswMask;
use crate::sampling::Sampling;
use crate::state::Cpu;

/// Counter sets, as bits of the controls.
pub mod counter_set {
    /// Cycles and instructions.
    pub const BASIC: u16 = 2;
    /// The same in the problem state.
    pub const PROBLEM_STATE: u16 = 4;
    /// Functions of the message-security assist.
    pub const CRYPTO_ACTIVITY: u16 = 8;
    /// Those that there are. The extended set and that of multithreading are not authorized.
    pub const AUTHORIZED: u16 = BASIC | PROBLEM_STATE | CRYPTO_ACTIVITY;
}

use counter_set::{AUTHORIZED, BASIC, CRYPTO_ACTIVITY, PROBLEM_STATE};

/// External-interruption code of measurement alerts.
const MEASUREMENT_ALERT: u16 = 0x1407;
/// Clock of a machine of unknown type.
const MEGAHERTZ: u32 = 5000;
/// Units of the TOD clock in a microsecond.
const TOD_MICROSECOND: u128 = 4096;

/// Since when something is counted that has not been added up yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Since {
    time: u64,
    instructions: u64,
    problem: bool,
}

/// What is measured of a CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// Something counts, is sampled or is to be told: to be looked at between runs of instructions.
    pub watching: bool,
    enabled: u16,
    active: u16,
    /// What counters have beside what is added up below: values that were set, and all of the crypto-activity set.
    base: [u64; COUNTERS],
    /// Added up for the basic and the problem-state set: units of the TOD clock, and instructions.
    time: [u64; 2],
    instructions: [u64; 2],
    since: Option<Since>,
    /// The instruction is executed again, at the beginning of a run.
    again: bool,
    /// How often that was so: engines count each execution.
    repeated: u64,
    /// Sampling.
    pub sampling: Sampling,
    /// Measurement alerts that are pending.
    pub alert: u32,
}

/// Numbers of counters end here.
const COUNTERS: usize = 128;

impl Default for Measurement {
    fn default() -> Self {
        Self {
            watching: false,
            enabled: 0,
            active: 0,
            base: [0; COUNTERS],
            time: [0; 2],
            instructions: [0; 2],
            since: None,
            again: false,
            repeated: 0,
            sampling: Sampling::default(),
            alert: 0,
        }
    }
}

impl Measurement {
    /// Sets that are enabled.
    pub fn enabled(&self) -> u16 {
        self.enabled
    }

    /// Sets that are active.
    pub fn active(&self) -> u16 {
        self.active
    }

    /// Whether anything counts.
    fn counts(&self) -> bool {
        self.active & (BASIC | PROBLEM_STATE) != 0
    }

    pub(crate) fn watch(&mut self) {
        self.watching = self.counts() || self.sampling.is_active() || self.alert != 0;
    }

    /// Adds up what has been counted since, under the state that it began with.
    fn settle(&mut self, instructions: u64) {
        let Some(since) = &mut self.since else { return };
        let now = TodClock::now();
        let instructions = instructions.wrapping_sub(self.repeated);
        let counted = (now.wrapping_sub(since.time), instructions.wrapping_sub(since.instructions));
        for (n, set) in [(0, BASIC), (1, PROBLEM_STATE)] {
            if self.active & set != 0 && (n == 0 || since.problem) {
                self.time[n] = self.time[n].wrapping_add(counted.0);
                self.instructions[n] = self.instructions[n].wrapping_add(counted.1);
            }
        }
        (since.time, since.instructions) = (now, instructions);
    }
}

impl Cpu {
    /// The clock of the machine.
    pub fn megahertz(&self) -> u32 {
        softsie_isa::model_of_type((self.model.cpu_id >> 16) as u16).map_or(MEGAHERTZ, |model| model.megahertz)
    }

    /// Version numbers of the counter facility: of the basic and problem-state sets, and of the other two.
    pub fn counter_versions(&self) -> (u16, u16) {
        use softsie_isa::Level;
        let level = softsie_isa::model_of_type((self.model.cpu_id >> 16) as u16).map(|model| model.since.level);
        match level.unwrap_or(Level::Z16) {
            Level::Z196 => (1, 2),
            Level::ZEC12 => (1, 3),
            Level::Z13 => (3, 4),
            Level::Z14 => (3, 5),
            Level::Z15 => (3, 6),
            Level::Z16 => (3, 7),
            Level::Z17 => (3, 8),
            _ => (1, 1),
        }
    }

    /// The counter set that counter `number` belongs to, if there is the counter.
    pub fn counter_set_of(&self, number: u64) -> Option<u16> {
        let (first, second) = self.counter_versions();
        match number {
            0..=5 => Some(BASIC),
            32..=33 => Some(PROBLEM_STATE),
            34..=37 if first < 3 => Some(PROBLEM_STATE),
            64..=79 => Some(CRYPTO_ACTIVITY),
            80..=83 if second >= 6 => Some(CRYPTO_ACTIVITY),
            _ => None,
        }
    }

    /// Numbers of the counters of a set.
    pub fn counters_of(&self, set: u16) -> impl Iterator<Item = u64> {
        (0..COUNTERS as u64).filter(move |number| self.counter_set_of(*number) == Some(set))
    }

    /// Cycles in a span of the TOD clock.
    fn cycles(&self, time: u64) -> u64 {
        (u128::from(time) * u128::from(self.megahertz()) / TOD_MICROSECOND) as u64
    }

    /// What a counter has added up, without what was set.
    fn counted(&self, number: u64) -> u64 {
        let m = &self.measurement;
        match number {
            0 => self.cycles(m.time[0]),
            1 => m.instructions[0],
            32 => self.cycles(m.time[1]),
            33 => m.instructions[1],
            _ => 0,
        }
    }

    /// The content of a counter of an enabled set.
    pub fn counter(&mut self, number: u64) -> Option<u64> {
        let set = self.counter_set_of(number)?;
        self.measurement.settle(self.statistics.instructions);
        let base = self.measurement.base.get(number as usize).copied()?;
        (self.measurement.enabled & set != 0).then(|| base.wrapping_add(self.counted(number)))
    }

    /// Sets a counter of an enabled set; false if there is none.
    pub fn set_counter(&mut self, number: u64, value: u64) -> bool {
        let Some(set) = self.counter_set_of(number).filter(|set| self.measurement.enabled & set != 0) else {
            return false;
        };
        debug_assert!(set & AUTHORIZED != 0);
        self.measurement.settle(self.statistics.instructions);
        let counted = self.counted(number);
        if let Some(base) = self.measurement.base.get_mut(number as usize) {
            *base = value.wrapping_sub(counted);
        }
        true
    }

    /// Loads the controls of the counter sets; false, and nothing changes, if one is to be enabled that is not authorized.
    pub fn load_counter_controls(&mut self, enable: u16, activate: u16) -> bool {
        if enable & !AUTHORIZED != 0 {
            return false;
        }
        self.measurement.settle(self.statistics.instructions);
        for (n, set) in [(0, BASIC), (1, PROBLEM_STATE), (2, CRYPTO_ACTIVITY)] {
            if enable & set == 0 {
                let of_set = 32 * n..32 * (n + 1);
                self.measurement.base[of_set].fill(0);
                if n < 2 {
                    self.measurement.time[n] = 0;
                    self.measurement.instructions[n] = 0;
                }
            }
        }
        self.measurement.enabled = enable;
        self.measurement.active = enable & activate;
        self.measurement.watch();
        self.begin_measurement();
        true
    }

    /// To be called when the CPU begins to run, and when what is measured has changed.
    pub fn begin_measurement(&mut self) {
        let m = &mut self.measurement;
        m.since = m.counts().then(|| Since {
            time: TodClock::now(),
            instructions: self.statistics.instructions.wrapping_sub(m.repeated),
            problem: self.psw.has(PswMask::PROBLEM),
        });
        m.sampling.go_on(Instant::now());
    }

    /// To be called when the CPU stops running.
    pub fn end_measurement(&mut self) {
        if !self.measurement.watching {
            return;
        }
        self.measurement.settle(self.statistics.instructions);
        self.measurement.since = None;
        self.measurement.sampling.pause(Instant::now());
    }

    /// All as after an initial CPU reset.
    pub fn reset_measurement(&mut self) {
        *self.measurement = Measurement::default();
    }

    /// To be called between runs of instructions while [`Measurement::watching`]. True when a measurement alert has
    /// interrupted: the PSW is another one.
    ///
    /// # Errors
    /// [`Exit::NoLowcore`].
    pub fn watch_measurement(&mut self) -> Result<bool, Exit> {
        let problem = self.psw.has(PswMask::PROBLEM);
        let instructions = self.statistics.instructions;
        if self.measurement.since.is_some_and(|since| since.problem != problem) {
            self.measurement.settle(instructions);
            if let Some(since) = &mut self.measurement.since {
                since.problem = problem;
            }
        }
        if self.measurement.sampling.is_due() {
            self.take_sample();
        }
        if self.measurement.alert != 0 && self.psw.has(PswMask::EXTERNAL) && self.cr0().contains(Cr0::MEASUREMENT_ALERT)
        {
            let alert = std::mem::take(&mut self.measurement.alert);
            self.measurement.watch();
            self.write_lowcore(Lowcore::EXTERNAL_PARAMETER, alert)?;
            self.write_lowcore(Lowcore::EXTERNAL_CPU_ADDRESS, 0u16)?;
            self.write_lowcore(Lowcore::EXTERNAL_CODE, MEASUREMENT_ALERT)?;
            self.swap_psw(Lowcore::EXTERNAL_OLD_PSW, Lowcore::EXTERNAL_NEW_PSW)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Has an instruction that reads counters, or turns them on, begin a run, so that the instructions before it have been
    /// counted: executes it again, once.
    ///
    /// # Errors
    /// [`Exit::Again`].
    pub fn count_exactly(&mut self) -> Result<(), Exit> {
        let ends_run = self.execute.is_none() && !self.steps();
        self.measurement.again = ends_run && !self.measurement.again;
        if self.measurement.again {
            self.measurement.repeated += 1;
            return Err(Exit::Again);
        }
        Ok(())
    }

    /// Counts a function of the message-security assist in the crypto-activity set: of counters `first` to `first` + 3 the
    /// first counts functions.
    pub fn count_crypto(&mut self, first: u64) {
        if self.measurement.active & CRYPTO_ACTIVITY != 0
            && self.counter_set_of(first) == Some(CRYPTO_ACTIVITY)
            && let Some(counter) = self.measurement.base.get_mut(first as usize)
        {
            *counter = counter.wrapping_add(1);
        }
    }
}
