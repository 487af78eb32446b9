//! Clock comparator and CPU timer of a CPU that is not executing: are they due, and when will they be.
//! Truth: Principles of Operation, chapter 4, Timing; Linux 6.12 arch/s390/kvm/interrupt.c (ckc_interrupts_enabled).

use core::time::Duration;

use softsie_cpu::{Cr0, PswMask, TodClock, clock_comparator_lead, tod_to_duration};
use softsie_sie::StateDescription;

use super::pending::Pending;

/// Longest time a CPU sleeps without looking at its timers again; keeps the arithmetic of far deadlines in range.
const LONGEST: Duration = Duration::from_secs(3600);

/// The guest's TOD clock.
fn guest_tod(sd: &StateDescription) -> u64 {
    TodClock::now().wrapping_add(sd.epoch.get())
}

/// Which of the two timers have their condition, whatever is enabled. `sign` says that the model has the clock-comparator
/// sign control (facility 139).
pub(crate) fn timers_pending(sd: &StateDescription, sign: bool) -> Pending {
    let mut pending = Pending::empty();
    let signed = sign && Cr0::from_bits_retain(sd.gcr[0].get()).contains(Cr0::CLOCK_COMPARATOR_SIGN);
    pending.set(Pending::CLOCK_COMPARATOR, clock_comparator_lead(guest_tod(sd), sd.ckc.get(), signed) < 0);
    pending.set(Pending::CPU_TIMER, (sd.cputm.get() as i64) < 0);
    pending
}

/// Time until the first timer interruption that the CPU is enabled for; `None` when there will be none. `running_since` is
/// the host TOD since when the CPU timer in the state description has not been stepped.
pub(crate) fn time_to_timer(sd: &StateDescription, sign: bool, running_since: u64) -> Option<Duration> {
    if !PswMask::from_bits_retain(sd.gpsw_mask.get()).contains(PswMask::EXTERNAL) {
        return None;
    }
    let cr0 = Cr0::from_bits_retain(sd.gcr[0].get());
    let mut next: Option<u64> = None;
    if cr0.contains(Cr0::CLOCK_COMPARATOR) {
        let signed = sign && cr0.contains(Cr0::CLOCK_COMPARATOR_SIGN);
        let left = (1 + clock_comparator_lead(guest_tod(sd), sd.ckc.get(), signed)).max(0);
        next = Some(u64::try_from(left).unwrap_or(u64::MAX));
    }
    if cr0.contains(Cr0::CPU_TIMER) {
        let elapsed = TodClock::now().wrapping_sub(running_since);
        let timer = sd.cputm.get().wrapping_sub(elapsed) as i64;
        let left = if timer < 0 { 0 } else { timer as u64 + 1 };
        next = Some(next.map_or(left, |n| n.min(left)));
    }
    next.map(|units| tod_to_duration(units).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 4_096_000_000;

    fn enabled() -> StateDescription {
        let sd = StateDescription::new();
        sd.gpsw_mask.set(0x0100_0000_0000_0000);
        sd.gcr[0].set(0xc00);
        sd.ckc.set(u64::MAX);
        sd.cputm.set(i64::MAX as u64);
        sd
    }

    #[test]
    fn a_comparator_behind_the_clock_is_due() {
        let sd = enabled();
        assert!(timers_pending(&sd, false).is_empty());
        sd.ckc.set(guest_tod(&sd) - 1);
        assert_eq!(timers_pending(&sd, false), Pending::CLOCK_COMPARATOR);
        assert_eq!(time_to_timer(&sd, false, TodClock::now()), Some(Duration::ZERO));
        sd.ckc.set(guest_tod(&sd) + 10 * SECOND);
        assert!(timers_pending(&sd, false).is_empty());
        let left = time_to_timer(&sd, false, TodClock::now()).unwrap();
        assert!(left > Duration::from_secs(9) && left <= Duration::from_millis(10_001), "{left:?}");
    }

    #[test]
    fn the_epoch_moves_the_comparison() {
        let sd = enabled();
        sd.ckc.set(TodClock::now() + 5 * SECOND);
        assert!(timers_pending(&sd, false).is_empty());
        sd.epoch.set(6 * SECOND);
        assert_eq!(timers_pending(&sd, false), Pending::CLOCK_COMPARATOR);
    }

    #[test]
    fn sign_control_makes_both_sides_signed() {
        let sd = enabled();
        sd.epoch.set(0u64.wrapping_sub(TodClock::now()));
        sd.ckc.set(u64::MAX);
        assert!(timers_pending(&sd, true).is_empty(), "unsigned: the comparator is far ahead");
        sd.gcr[0].set(0xc00 | 1 << 53);
        assert_eq!(timers_pending(&sd, true), Pending::CLOCK_COMPARATOR, "signed: -1 is before now");
        assert!(timers_pending(&sd, false).is_empty(), "the control does nothing without the facility");
    }

    #[test]
    fn a_negative_cpu_timer_is_due_and_runs_while_the_cpu_waits() {
        let sd = enabled();
        sd.gcr[0].set(0x400);
        sd.cputm.set(SECOND);
        let left = time_to_timer(&sd, false, TodClock::now()).unwrap();
        assert!(left > Duration::from_millis(900) && left <= Duration::from_millis(1001));
        assert_eq!(time_to_timer(&sd, false, TodClock::now() - 2 * SECOND), Some(Duration::ZERO));
        sd.cputm.set(u64::MAX);
        assert_eq!(timers_pending(&sd, false), Pending::CPU_TIMER);
        sd.gcr[0].set(0);
        assert_eq!(time_to_timer(&sd, false, TodClock::now()), None, "nothing enabled");
    }
}
