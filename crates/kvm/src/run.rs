//! KVM_RUN: entry checks, the loop of delivering, executing and completing interceptions, and the exits to the client.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (kvm_arch_vcpu_ioctl_run, __vcpu_run) and the interface's reference.

use softsie_cpu::Cr0;
use softsie_sie::{CpuFlags, InterceptionControls, Leave, Sie, icpt, lctl};

use crate::abi::*;
use crate::debug::{Debug, Debugger};
use crate::intercept::{Handled, Stop};
use crate::peer::Peer;
use crate::ucontrol::Space;
use crate::vm::Vm;
use crate::{Errno, Result};

/// A vCPU inside KVM_RUN (or another call that needs its registers): everything the handlers work on.
pub(crate) struct Running<'a> {
    pub(crate) vm: &'a Vm,
    pub(crate) cpu: &'a Peer,
    pub(crate) sie: &'a mut Sie,
    /// The vCPU's own storage, if the client controls the VM.
    pub(crate) space: Option<&'a Space>,
}

impl Running<'_> {
    /// KVM_RUN, after the vCPU's lock was taken.
    pub(crate) fn run(&mut self) -> Result<()> {
        if self.cpu.take_exit_request() {
            return Err(Errno::EINTR);
        }
        let (valid, dirty) = self.cpu.page.classes();
        if (valid | dirty) & !KVM_SYNC_S390_VALID_FIELDS != 0 {
            return Err(Errno::EINVAL);
        }
        if self.cpu.forget_step() {
            let (_, address) = self.cpu.page.psw();
            let debug = self.cpu.debug.lock();
            let event = debug.as_ref().and_then(|debug| debug.after_step(address));
            drop(debug);
            if let Some(event) = event {
                if let Some(debug) = &mut *self.cpu.debug.lock() {
                    debug.arrived = false;
                }
                self.exit(KVM_EXIT_DEBUG, |exit| exit.debug = event);
                return Ok(());
            }
        }
        if !self.vm.user_controls_cpu_state() {
            self.vm.start_cpu(self.cpu);
        } else if self.cpu.is_stopped() {
            return Err(Errno::EINVAL);
        }
        self.load_registers();
        // The client may have written instructions since the last run.
        self.sie.recheck_code();
        self.cpu.sd.set_cpu_flags(CpuFlags::RUNNING);
        let result = self.run_until_exit();
        self.cpu.sd.clear_cpu_flags(CpuFlags::RUNNING);
        self.store_registers();
        result
    }

    fn run_until_exit(&mut self) -> Result<()> {
        if !self.prefix_area_exists() {
            return Err(Errno::EFAULT);
        }
        loop {
            if self.cpu.take_host_fault() {
                return Err(Errno::EFAULT);
            }
            if self.cpu.take_exit_request() {
                self.exit(KVM_EXIT_INTR, |_| {});
                return Err(Errno::EINTR);
            }
            let stop = match self.deliver_and_execute() {
                Ok(()) => continue,
                Err(stop) => stop,
            };
            match stop {
                Stop::Program(info) => self.inject_program(info)?,
                _ if self.cpu.take_host_fault() => return Err(Errno::EFAULT),
                Stop::ToUser => {
                    let sd = &self.cpu.sd;
                    let payload =
                        kvm_run_s390_sieic { icptcode: sd.icptcode.get(), ipa: sd.ipa.get(), ipb: sd.ipb.get() };
                    self.exit(KVM_EXIT_S390_SIEIC, |exit| exit.s390_sieic = payload);
                    return Ok(());
                }
                Stop::Exited => return Ok(()),
                Stop::Fail(errno) => return Err(errno),
            }
        }
    }

    fn deliver_and_execute(&mut self) -> Handled {
        if self.space.is_some() {
            return self.execute_for_user();
        }
        let debug = self.cpu.debug.lock().take();
        if let Some(mut debug) = debug {
            let handled = self.execute_debugged(&mut debug);
            *self.cpu.debug.lock() = Some(debug);
            return handled;
        }
        self.deliver_interrupts()?;
        if self.cpu.is_check_stopped() {
            self.cpu.sleep_check_stopped();
            return Ok(());
        }
        self.enter();
        match self.sie.run(&self.cpu.sd) {
            Leave::HostRequest | Leave::MissingStorage(_) => {
                self.cpu.statistics.host_requests.bump();
                Ok(())
            }
            Leave::Interception => self.handle_interception(),
        }
    }

    pub(crate) fn enter(&mut self) {
        self.cpu.sd.icptcode.set(icpt::NONE);
        self.sie.cpu.user_epoch = self.vm.user_epoch();
        self.cpu.statistics.entries.bump();
    }

    /// As [`Running::deliver_and_execute`], reporting what the client debugs.
    fn execute_debugged(&mut self, debug: &mut Debug) -> Handled {
        let hold = if debug.single_step { ComparatorHold::new(self.cpu) } else { ComparatorHold::none() };
        let delivered = self.deliver_interrupts();
        let delivered = match delivered {
            Ok(delivered) => delivered,
            Err(stop) => {
                hold.end(self.cpu);
                return Err(stop);
            }
        };
        if self.cpu.is_check_stopped() {
            hold.end(self.cpu);
            self.cpu.sleep_check_stopped();
            return Ok(());
        }
        if delivered {
            debug.arrived = true;
            if let Some(event) = debug.after_step(self.cpu.sd.gpsw_addr.get()) {
                hold.end(self.cpu);
                return self.debug_exit(debug, event);
            }
        }
        self.enter();
        hold.intercept(self.cpu);
        let storage = self.vm.storage.clone();
        let mut debugger = Debugger::new(debug, &storage);
        let leave = self.sie.run_observed(&self.cpu.sd, &mut debugger);
        let (stop, stepped) = (debugger.stop, debugger.stepped);
        let code = self.cpu.sd.icptcode.get();
        let executed_only = match leave {
            Leave::HostRequest | Leave::MissingStorage(_) => true,
            // An instruction came before what made the CPU leave.
            Leave::Interception => stepped && matches!(code, icpt::WAIT | icpt::EXTREQ | icpt::IOREQ | icpt::MCHKREQ),
        };
        if executed_only {
            hold.end(self.cpu);
            let here = self.cpu.sd.gpsw_addr.get();
            return match stop.or_else(|| if stepped { debug.after_step(here) } else { None }) {
                Some(event) => self.debug_exit(debug, event),
                None => Ok(()),
            };
        }
        // A CPU that waits while it is stepped does not wait for the clock comparator.
        let waits = code == icpt::WAIT;
        if !waits {
            hold.end(self.cpu);
        }
        let handled = self.handle_interception();
        if waits {
            hold.end(self.cpu);
        }
        if !stepped {
            return handled;
        }
        match handled {
            Ok(()) => {
                let here = self.cpu.sd.gpsw_addr.get();
                match stop.or_else(|| debug.after_step(here)) {
                    Some(event) => self.debug_exit(debug, event),
                    None => Ok(()),
                }
            }
            Err(stop @ (Stop::ToUser | Stop::Exited)) => {
                if debug.single_step {
                    self.cpu.remember_step();
                }
                Err(stop)
            }
            // The interruption ends the step.
            Err(stop) => Err(stop),
        }
    }

    fn debug_exit(&mut self, debug: &mut Debug, event: kvm_debug_exit_arch) -> Handled {
        debug.arrived = false;
        self.exit(KVM_EXIT_DEBUG, |exit| exit.debug = event);
        Err(Stop::Exited)
    }

    fn prefix_area_exists(&self) -> bool {
        let prefix = u64::from(self.cpu.sd.prefix());
        self.is_storage(prefix) && self.is_storage(prefix + 0x1000)
    }

    /// Whether the vCPU has storage at an absolute address.
    pub(crate) fn is_storage(&self, absolute: u64) -> bool {
        match self.space {
            None => self.vm.is_storage(absolute),
            Some(space) => space.storage.map().page(absolute).is_some(),
        }
    }

    /// Prepares an exit to the client.
    pub(crate) fn exit(&self, reason: u32, fill: impl FnOnce(&mut kvm_run_exit)) {
        self.cpu.statistics.count_exit(reason);
        if reason == KVM_EXIT_INTR {
            self.cpu.page.set_exit_reason(reason);
        } else {
            self.cpu.page.set_exit(reason, fill);
        }
    }
}

/// Holds interruptions by the clock comparator back while the guest is stepped: control register 0 is without their mask, and
/// who loads or stores it is intercepted.
struct ComparatorHold {
    mask: u64,
    active: bool,
}

impl ComparatorHold {
    fn none() -> Self {
        Self { mask: 0, active: false }
    }

    fn new(cpu: &Peer) -> Self {
        let cr0 = cpu.sd.gcr[0].get();
        let mask = cr0 & Cr0::CLOCK_COMPARATOR.bits();
        cpu.sd.gcr[0].set(cr0 & !mask);
        Self { mask, active: true }
    }

    fn intercept(&self, cpu: &Peer) {
        if self.active {
            cpu.sd.lctl.set(cpu.sd.lctl.get() | lctl::CR0);
            cpu.sd.ictl.fetch_or(InterceptionControls::STCTL.bits());
        }
    }

    fn end(&self, cpu: &Peer) {
        if self.active {
            cpu.sd.gcr[0].set(cpu.sd.gcr[0].get() | self.mask);
            cpu.sd.ictl.fetch_and(!InterceptionControls::STCTL.bits());
        }
    }
}
