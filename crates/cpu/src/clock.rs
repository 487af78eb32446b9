//! The time-of-day clock on the host's monotonic clock, and a service that raises attention when a CPU's clock comparator
//! or CPU timer comes due. Source: Principles of Operation, chapter 4, Timing.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};

use crate::broadcast::{Attention, Mailbox};
use crate::state::Cpu;

/// TOD-clock value of 1970-01-01 00:00 UTC. Bit 51 of the clock is a microsecond.
const TOD_UNIX_EPOCH: u64 = 0x7D91_048B_CA00_0000;

/// Ones where the clock has bits when the epoch index is counted as its leftmost byte.
pub const EXTENDED_TOD_MASK: u128 = (1 << 72) - 1;

/// CPUs of the same remainder keep their clock values different by the last value that one of them stored; CPUs of different
/// remainders by the last four bits.
pub(crate) const TOD_CLASSES: usize = 16;

/// The host's TOD clock: set to the time of day when first used, then going with the monotonic clock.
pub struct TodClock;

impl TodClock {
    fn base() -> &'static (Instant, u128) {
        static BASE: OnceLock<(Instant, u128)> = OnceLock::new();
        BASE.get_or_init(|| {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            (Instant::now(), u128::from(TOD_UNIX_EPOCH) + u128::from(duration_to_tod(unix)))
        })
    }

    /// The clock's value.
    pub fn now() -> u64 {
        Self::extended() as u64
    }

    /// The clock's value with the epoch index on its left, 72 bits in all.
    pub fn extended() -> u128 {
        let (start, tod) = Self::base();
        (tod + u128::from(duration_to_tod(start.elapsed()))) & EXTENDED_TOD_MASK
    }
}

fn duration_to_tod(d: Duration) -> u64 {
    // One microsecond is 4096 units, hence a nanosecond 512/125.
    d.as_secs().wrapping_mul(4_096_000_000).wrapping_add(u64::from(d.subsec_nanos()) * 512 / 125)
}

/// How far the clock comparator is ahead of the clock; its condition is there when this is negative. `signed` is what the
/// clock-comparator sign control makes of both.
pub fn clock_comparator_lead(tod: u64, comparator: u64, signed: bool) -> i128 {
    if signed {
        i128::from(comparator as i64) - i128::from(tod as i64)
    } else {
        i128::from(comparator) - i128::from(tod)
    }
}

/// The host time of a span of the TOD clock, rounded up.
pub fn tod_to_duration(units: u64) -> Duration {
    Duration::from_nanos((u128::from(units) * 125).div_ceil(512) as u64)
}

#[derive(Default)]
struct Deadlines {
    /// Who is to be told when; a CPU has at most one entry.
    list: Vec<(Instant, Arc<Mailbox>)>,
    /// Who is reminded to look, as long as it is watched, and since when it was not.
    watched: Vec<(Arc<Mailbox>, Instant)>,
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

/// How often a watched CPU is reminded.
const WATCH_PERIOD: Duration = Duration::from_micros(200);
/// How long a CPU that is not watched any more is remembered: it enters and leaves its guests all the time.
const WATCH_MEMORY: Duration = Duration::from_millis(20);

impl TimerService {
    /// Reminds `who` of looking as long as it wants to be watched.
    pub(crate) fn watch(&self, who: &Arc<Mailbox>) {
        if who.reminded.load(Ordering::SeqCst) {
            return;
        }
        let mut d = self.shared.deadlines.lock();
        who.reminded.store(true, Ordering::SeqCst);
        d.watched.push((who.clone(), Instant::now()));
        self.shared.changed.notify_one();
    }
}

/// Reminds those who are watched, and forgets those who have not been for a while.
fn remind(d: &mut Deadlines, now: Instant) {
    d.watched.retain_mut(|(who, last)| {
        if who.watched.load(Ordering::SeqCst) {
            who.attention.raise(Attention::LOOK);
            *last = now;
        }
        let kept = now.saturating_duration_since(*last) < WATCH_MEMORY;
        if kept {
            return true;
        }
        // Who begins to run a guest right now may still have seen that the service knows of it.
        who.reminded.store(false, Ordering::SeqCst);
        who.watched.load(Ordering::SeqCst) && !who.reminded.swap(true, Ordering::SeqCst)
    });
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
        remind(&mut d, now);
        let pause = if d.watched.is_empty() { Duration::from_secs(1) } else { WATCH_PERIOD };
        let until = next.min(now + pause);
        shared.changed.wait_until(&mut d, until);
    }
}

/// The facility by which the clock has an epoch index.
const MULTIPLE_EPOCHS: u16 = 139;

impl Cpu {
    /// The guest's TOD clock.
    pub fn tod(&self) -> u64 {
        TodClock::now().wrapping_add(self.epoch)
    }

    /// The guest's TOD clock with the epoch index on its left; the index is zero without the multiple-epoch facility.
    pub fn extended_tod(&self) -> u128 {
        let difference = u128::from(self.epoch_index) << 64 | u128::from(self.epoch);
        let tod = TodClock::extended().wrapping_add(difference);
        if self.has_multiple_epochs() { tod & EXTENDED_TOD_MASK } else { u128::from(tod as u64) }
    }

    /// A value of the TOD clock, with the epoch index, that no CPU of the machine has been given before. It is the CPU
    /// address that tells up to sixteen CPUs apart.
    pub fn unique_tod(&mut self) -> u128 {
        let class = u64::from(self.address) % TOD_CLASSES as u64;
        let now = self.extended_tod() & !(TOD_CLASSES as u128 - 1) | u128::from(class);
        if let Some(tod) = self.unique_guest_tod(now as u64) {
            return now.wrapping_add(u128::from(tod.wrapping_sub(now as u64))) & EXTENDED_TOD_MASK;
        }
        let ahead = self.cluster.unique_tod(now as u64).wrapping_sub(now as u64);
        now.wrapping_add(u128::from(ahead)) & EXTENDED_TOD_MASK
    }

    /// Sets the difference between the guest's TOD clock and the host's.
    pub fn set_epoch(&mut self, epoch: u64, index: u8) {
        if (self.epoch, self.epoch_index) != (epoch, index) {
            (self.epoch, self.epoch_index) = (epoch, index);
            if self.is_guest() {
                return;
            }
            self.cluster.forget_tod();
        }
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
        clock_comparator_lead(self.tod(), self.clock_comparator, self.comparator_is_signed()) < 0
    }

    fn comparator_is_signed(&self) -> bool {
        self.cr0().contains(crate::Cr0::CLOCK_COMPARATOR_SIGN) && self.has_multiple_epochs()
    }

    fn has_multiple_epochs(&self) -> bool {
        self.model.facilities.has(MULTIPLE_EPOCHS) && !self.single_epoch
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
        if self.cr0().contains(crate::Cr0::CLOCK_COMPARATOR) {
            let lead = clock_comparator_lead(self.tod(), self.clock_comparator, self.comparator_is_signed());
            next = Some(u64::try_from((lead + 1).max(0)).unwrap_or(u64::MAX));
        }
        if self.cr0().contains(crate::Cr0::CPU_TIMER) {
            // Read once: it goes on counting down.
            let timer = self.cpu_timer();
            let left = if (timer as i64) < 0 { 0 } else { timer + 1 };
            next = Some(next.map_or(left, |n| n.min(left)));
        }
        // Far deadlines are looked at again before the arithmetic of the host's clock could overflow.
        next.map(|units| tod_to_duration(units).min(Duration::from_secs(3600)))
    }

    /// Arranges for attention when the next timer comes due. To be called when a timer, CR0 or the epoch has changed.
    pub fn arm_timer(&mut self) {
        let left = self.time_to_timer();
        self.timer_due = left == Some(Duration::ZERO);
        let own = if self.timer_due { None } else { left.and_then(|d| Instant::now().checked_add(d)) };
        let deadline = own.into_iter().chain(self.host_deadline()).chain(self.measurement.sampling.deadline()).min();
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

    #[test]
    fn sign_control_decides_what_is_ahead() {
        assert!(clock_comparator_lead(0x8000_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, false) < 0);
        assert!(clock_comparator_lead(0x8000_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, true) > 0);
        // Beyond the end of the epoch the clock is positive again, and minus one has passed.
        assert!(clock_comparator_lead(5, u64::MAX, false) > 0);
        assert!(clock_comparator_lead(5, u64::MAX, true) < 0);
        assert_eq!(clock_comparator_lead(5, 5, true), 0, "equal is not yet past");
    }
}
