//! The time-of-day clock on the host's monotonic clock, and a service that raises attention when a CPU's clock comparator
//! or CPU timer comes due. Source: Principles of Operation, chapter 4, Timing.

use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};

use crate::broadcast::{Attention, Mailbox};
use crate::state::Cpu;

/// TOD-clock value of 1970-01-01 00:00 UTC. Bit 51 of the clock is a microsecond.
const TOD_UNIX_EPOCH: u64 = 0x7D91_048B_CA00_0000;

/// The host's TOD clock: set to the time of day when first used, then going with the monotonic clock.
pub struct TodClock;

impl TodClock {
    fn base() -> &'static (Instant, u64) {
        static BASE: OnceLock<(Instant, u64)> = OnceLock::new();
        BASE.get_or_init(|| {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            (Instant::now(), TOD_UNIX_EPOCH.wrapping_add(duration_to_tod(unix)))
        })
    }

    /// The clock's value.
    pub fn now() -> u64 {
        let (start, tod) = Self::base();
        tod.wrapping_add(duration_to_tod(start.elapsed()))
    }
}

fn duration_to_tod(d: Duration) -> u64 {
    // One microsecond is 4096 units, hence a nanosecond 512/125.
    d.as_secs().wrapping_mul(4_096_000_000).wrapping_add(u64::from(d.subsec_nanos()) * 512 / 125)
}

/// The host time of a span of the TOD clock, rounded up.
pub fn tod_to_duration(units: u64) -> Duration {
    Duration::from_nanos((u128::from(units) * 125).div_ceil(512) as u64)
}

#[derive(Default)]
struct Deadlines {
    /// Who is to be told when; a CPU has at most one entry.
    list: Vec<(Instant, Arc<Mailbox>)>,
}

struct Shared {
    deadlines: Mutex<Deadlines>,
    changed: Condvar,
}

/// One thread that raises [`Attention::TIMER`] at deadlines. It ends when the service is dropped.
pub struct TimerService {
    shared: Arc<Shared>,
}

impl Default for TimerService {
    fn default() -> Self {
        Self::new()
    }
}

impl TimerService {
    /// Starts the service. Should the thread not start (a host out of resources), deadlines are noticed late: at the next
    /// look of the CPU itself.
    pub fn new() -> TimerService {
        let shared = Arc::new(Shared { deadlines: Mutex::default(), changed: Condvar::new() });
        let weak = Arc::downgrade(&shared);
        let _ = std::thread::Builder::new().name("softsie-timer".into()).spawn(move || serve(&weak));
        TimerService { shared }
    }

    pub(crate) fn arm(&self, who: &Arc<Mailbox>, deadline: Option<Instant>) {
        let mut d = self.shared.deadlines.lock();
        let first = d.list.iter().map(|e| e.0).min();
        d.list.retain(|e| !Arc::ptr_eq(&e.1, who));
        if let Some(at) = deadline {
            d.list.push((at, who.clone()));
            if first.is_none_or(|f| at < f) {
                self.shared.changed.notify_one();
            }
        }
    }
}

impl Drop for TimerService {
    fn drop(&mut self) {
        self.shared.changed.notify_one();
    }
}

fn serve(weak: &Weak<Shared>) {
    while let Some(shared) = weak.upgrade() {
        let mut d = shared.deadlines.lock();
        let now = Instant::now();
        d.list.retain(|(at, who)| {
            if *at <= now {
                who.attention.raise(Attention::TIMER);
            }
            *at > now
        });
        // A bounded sleep, so that the end of the service is noticed although this thread holds the lock's owner.
        let next = d.list.iter().map(|e| e.0).min().unwrap_or(now + Duration::from_secs(1));
        let until = next.min(now + Duration::from_secs(1));
        shared.changed.wait_until(&mut d, until);
    }
}

impl Cpu {
    /// The guest's TOD clock.
    pub fn tod(&self) -> u64 {
        TodClock::now().wrapping_add(self.epoch)
    }

    /// A value of the TOD clock that no earlier look has given: the last four bits are the CPU address's, so that up to
    /// sixteen CPUs never see the same value.
    pub fn unique_tod(&mut self) -> u64 {
        let now = self.tod() & !15 | u64::from(self.address & 15);
        // Signed distance, because the epoch may have been set back.
        self.last_tod = if (now.wrapping_sub(self.last_tod) as i64) > 0 || now.abs_diff(self.last_tod) > 1 << 32 {
            now
        } else {
            self.last_tod.wrapping_add(16)
        };
        self.last_tod
    }

    /// The CPU timer's present value.
    pub fn cpu_timer(&self) -> u64 {
        self.cpu_timer_set.wrapping_sub(TodClock::now().wrapping_sub(self.cpu_timer_since))
    }

    /// Sets the CPU timer.
    pub fn set_cpu_timer(&mut self, value: u64) {
        self.cpu_timer_set = value;
        self.cpu_timer_since = TodClock::now();
    }

    /// Whether the clock comparator's condition is there.
    pub fn clock_comparator_pending(&self) -> bool {
        let now = self.tod();
        if self.cr0().contains(crate::Cr0::CLOCK_COMPARATOR_SIGN) && self.model.facilities.has(139) {
            (self.clock_comparator as i64) < now as i64
        } else {
            self.clock_comparator < now
        }
    }

    /// Whether the CPU timer is negative.
    pub fn cpu_timer_pending(&self) -> bool {
        (self.cpu_timer() as i64) < 0
    }

    /// Whether a timer interruption is pending and its subclass mask in CR0 is one.
    pub fn timer_interruption_pending(&self) -> bool {
        self.cr0().contains(crate::Cr0::CLOCK_COMPARATOR) && self.clock_comparator_pending()
            || self.cr0().contains(crate::Cr0::CPU_TIMER) && self.cpu_timer_pending()
    }

    /// Host time until the next timer interruption that CR0 permits; zero when one is pending, `None` when none will come.
    pub fn time_to_timer(&self) -> Option<Duration> {
        let mut next: Option<u64> = None;
        if self.cr0().contains(crate::Cr0::CLOCK_COMPARATOR) && self.clock_comparator != u64::MAX {
            let left = if self.clock_comparator_pending() {
                0
            } else {
                self.clock_comparator.wrapping_sub(self.tod()).wrapping_add(1)
            };
            next = Some(left);
        }
        if self.cr0().contains(crate::Cr0::CPU_TIMER) {
            let left = if self.cpu_timer_pending() { 0 } else { self.cpu_timer() + 1 };
            next = Some(next.map_or(left, |n| n.min(left)));
        }
        // Far deadlines are looked at again before the arithmetic of the host's clock could overflow.
        next.map(|units| tod_to_duration(units).min(Duration::from_secs(3600)))
    }

    /// Arranges for attention when the next timer comes due. To be called when a timer, CR0 or the epoch has changed.
    pub fn arm_timer(&mut self) {
        let left = self.time_to_timer();
        self.timer_due = left == Some(Duration::ZERO);
        let deadline = if self.timer_due { None } else { left.and_then(|d| Instant::now().checked_add(d)) };
        self.timers.arm(&self.mailbox, deadline);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_4096_million_units() {
        assert_eq!(duration_to_tod(Duration::from_secs(1)), 0xF424_0000);
        assert_eq!(tod_to_duration(4096), Duration::from_micros(1));
        assert_eq!(tod_to_duration(1), Duration::from_nanos(1), "rounded up");
        let a = TodClock::now();
        assert!(TodClock::now() >= a);
    }
}
