//! The side of a vCPU that other vCPUs, the VM and the client's other threads reach while it runs: state description,
//! shared page, pending interrupts, waking and kicking. Truth: Linux 6.12 arch/s390/kvm/interrupt.c.

use core::time::Duration;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use softsie_cpu::PswMask;
use softsie_sie::{CpuFlags, InterceptionControls, Kicker, lctl};

use crate::debug::Debug;
use crate::interrupt::{Floating, Local, LocalIrq, Pending, enabled, time_to_timer, timers_pending};
use crate::page::{RunPage, State};
use crate::statistics::Statistics;
use crate::wake::{Look, Wake};
use crate::{Errno, Result};

/// Pfault handshake token that means "none".
pub(crate) const PFAULT_TOKEN_INVALID: u64 = u64::MAX;

/// The pfault handshake (DIAGNOSE 0x258).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pfault {
    pub(crate) token: u64,
    pub(crate) select: u64,
    pub(crate) compare: u64,
}

/// The side of a vCPU that others reach.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: u16,
    pub(crate) sd: State,
    pub(crate) page: RunPage,
    pub(crate) local: Mutex<Local>,
    pub(crate) pfault: Mutex<Pfault>,
    pub(crate) diag318: AtomicU64,
    pub(crate) statistics: Statistics,
    /// The model has the clock-comparator sign control.
    pub(crate) comparator_sign: bool,
    /// The vCPU sleeps in an enabled wait, and its masks can be looked at.
    waiting: AtomicBool,
    /// The check-stop state: only a reset ends it.
    check_stopped: AtomicBool,
    /// What the client debugs, if it does.
    pub(crate) debug: Mutex<Option<Box<Debug>>>,
    /// A single step has ended in an exit to the client for another reason: it is still to be reported.
    step_ended: AtomicBool,
    /// The host had a fault in guest storage: the call ends with EFAULT.
    host_fault: AtomicBool,
    exit_requested: AtomicBool,
    wake: Wake,
    kicker: Kicker,
}

impl Peer {
    pub(crate) fn new(id: u16, sd: State, page: RunPage, kicker: Kicker, comparator_sign: bool) -> Result<Self> {
        Ok(Self {
            id,
            sd,
            page,
            local: Mutex::default(),
            pfault: Mutex::new(Pfault { token: PFAULT_TOKEN_INVALID, select: 0, compare: 0 }),
            diag318: AtomicU64::new(0),
            statistics: Statistics::default(),
            comparator_sign,
            waiting: AtomicBool::new(false),
            check_stopped: AtomicBool::new(false),
            debug: Mutex::default(),
            step_ended: AtomicBool::new(false),
            host_fault: AtomicBool::new(false),
            exit_requested: AtomicBool::new(false),
            wake: Wake::new()?,
            kicker,
        })
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.sd.has_cpu_flags(CpuFlags::STOPPED)
    }

    pub(crate) fn is_check_stopped(&self) -> bool {
        self.check_stopped.load(Ordering::SeqCst)
    }

    pub(crate) fn set_check_stop(&self, on: bool) {
        self.check_stopped.store(on, Ordering::SeqCst);
    }

    /// Whether an exigent machine check is pending that the PSW masks.
    pub(crate) fn must_check_stop(&self) -> bool {
        let masked = self.sd.gpsw_mask.get() & PswMask::MACHINE_CHECK.bits() == 0;
        masked && self.local.lock().pending.contains(Pending::MCHK_EXIGENT)
    }

    /// Sleeps in the check-stop state until the client wants the vCPU back.
    pub(crate) fn sleep_check_stopped(&self) {
        self.sd.clear_cpu_flags(CpuFlags::RUNNING);
        self.wake.sleep(|| if self.exit_request_pending() { Look::Awake } else { Look::Sleep(None) });
    }

    /// The host had a fault in guest storage. For the signal handler.
    pub(crate) fn host_faulted(&self) {
        self.host_fault.store(true, Ordering::SeqCst);
        self.kicker.kick();
    }

    /// Whether the host had a fault since the last time.
    pub(crate) fn take_host_fault(&self) -> bool {
        self.host_fault.load(Ordering::Relaxed) && self.host_fault.swap(false, Ordering::SeqCst)
    }

    /// A single step has ended, and the client does not know yet.
    pub(crate) fn remember_step(&self) {
        self.step_ended.store(true, Ordering::SeqCst);
    }

    /// Whether a single step is still to be reported; it is no longer.
    pub(crate) fn forget_step(&self) -> bool {
        self.step_ended.swap(false, Ordering::SeqCst)
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Whether a stop or restart order has not been carried out yet, so that most orders find the CPU busy.
    pub(crate) fn is_busy(&self) -> bool {
        self.local.lock().pending.intersects(Pending::STOP | Pending::RESTART)
    }

    /// Asks the vCPU to leave its run with EINTR; remembered until it does.
    pub(crate) fn request_exit(&self) {
        self.exit_requested.store(true, Ordering::SeqCst);
        self.look_up();
    }

    /// Whether the vCPU was asked to leave; forgets the request (but not the client's `immediate_exit`).
    pub(crate) fn take_exit_request(&self) -> bool {
        self.exit_requested.swap(false, Ordering::SeqCst) | self.page.immediate_exit()
    }

    fn exit_request_pending(&self) -> bool {
        self.exit_requested.load(Ordering::SeqCst) || self.page.immediate_exit()
    }

    /// Forgets a request to leave.
    pub(crate) fn forget_exit_request(&self) {
        self.exit_requested.store(false, Ordering::SeqCst);
    }

    /// Makes the vCPU look at its interrupts and requests, whether it sleeps or executes.
    pub(crate) fn look_up(&self) {
        self.kicker.kick();
        self.wake.notify();
    }

    /// Makes an interrupt pending. The sender's existence is the caller's to check.
    pub(crate) fn inject(&self, irq: LocalIrq) -> Result<()> {
        {
            let mut local = self.local.lock();
            if matches!(irq, LocalIrq::SetPrefix(_)) && !self.is_stopped() {
                return Err(Errno::EBUSY);
            }
            let kind = local.add(irq)?;
            self.statistics.injected.bump(kind.number());
        }
        self.look_up();
        Ok(())
    }

    /// Interrupts that could be delivered now, local ones given as `local`.
    pub(crate) fn deliverable(&self, local: &Local, floating: &Floating) -> Pending {
        let pending = local.pending | floating.pending() | timers_pending(&self.sd, self.comparator_sign);
        let cr14 = if pending.intersects(Pending::MCHK) {
            local.machine_check.cr14 | floating.machine_check_cr14()
        } else {
            0
        };
        pending & enabled(&self.sd, cr14)
    }

    /// Whether PSW and control registers let one of these floating interrupts through, a machine check by one of the subclass
    /// masks `mchk_cr14`. Only meaningful while the CPU waits.
    pub(crate) fn accepts(&self, pending: Pending, mchk_cr14: u64) -> bool {
        enabled(&self.sd, mchk_cr14).intersects(pending)
    }

    /// Arranges that the CPU leaves interpretive execution as soon as its masks let one of the pending interrupts through.
    /// Only for the vCPU's own thread: the PSW must be that of the CPU as it is about to run. (Others inject and kick.)
    pub(crate) fn request_interventions(&self, pending: Pending) {
        let psw = PswMask::from_bits_retain(self.sd.gpsw_mask.get());
        let mut flags = CpuFlags::empty();
        let mut loads = 0;
        if pending.intersects(Pending::EXTERNAL) {
            if psw.contains(PswMask::EXTERNAL) { loads |= lctl::CR0 } else { flags |= CpuFlags::EXT_INT }
        }
        if pending.intersects(Pending::IO) {
            if psw.contains(PswMask::IO) { loads |= lctl::CR6 } else { flags |= CpuFlags::IO_INT }
        }
        if pending.intersects(Pending::MCHK) {
            if psw.contains(PswMask::MACHINE_CHECK) {
                loads |= lctl::CR14;
            } else {
                self.sd.ictl.fetch_or(InterceptionControls::LPSW.bits());
            }
        }
        if pending.contains(Pending::STOP) {
            flags |= CpuFlags::STOP_INT;
        }
        self.sd.lctl.set(loads);
        if !flags.is_empty() {
            self.sd.set_cpu_flags(flags);
        }
    }

    /// Takes all intervention requests back; the caller looks at what is pending afterwards.
    pub(crate) fn reset_interventions(&self) {
        self.sd.clear_cpu_flags(CpuFlags::EXT_INT | CpuFlags::IO_INT | CpuFlags::STOP_INT);
        self.sd.lctl.set(0);
        self.sd.ictl.fetch_and(!InterceptionControls::LPSW.bits());
    }

    /// Sleeps until an interrupt can be delivered, a stop is pending or the client wants the vCPU back. `since` is the host
    /// TOD up to which the CPU timer has been stepped.
    pub(crate) fn sleep(&self, floating: &Floating, since: u64) {
        self.waiting.store(true, Ordering::SeqCst);
        self.wake.sleep(|| {
            let runnable = {
                let local = self.local.lock();
                local.pending.contains(Pending::STOP) || !self.deliverable(&local, floating).is_empty()
            };
            if runnable || self.exit_request_pending() {
                return Look::Awake;
            }
            match time_to_timer(&self.sd, self.comparator_sign, since) {
                Some(Duration::ZERO) => Look::Awake,
                left => Look::Sleep(left),
            }
        });
        self.waiting.store(false, Ordering::SeqCst);
    }
}
