//! KVM_RUN: entry checks, the loop of delivering, executing and completing interceptions, and the exits to the client.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (kvm_arch_vcpu_ioctl_run, __vcpu_run) and the interface's reference.

use softsie_sie::{CpuFlags, Leave, Sie, icpt};

use crate::abi::*;
use crate::intercept::{Handled, Stop};
use crate::peer::Peer;
use crate::vm::Vm;
use crate::{Errno, Result};

/// A vCPU inside KVM_RUN (or another call that needs its registers): everything the handlers work on.
pub(crate) struct Running<'a> {
    pub(crate) vm: &'a Vm,
    pub(crate) cpu: &'a Peer,
    pub(crate) sie: &'a mut Sie,
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
        self.deliver_interrupts()?;
        if self.cpu.is_check_stopped() {
            self.cpu.sleep_check_stopped();
            return Ok(());
        }
        self.cpu.sd.icptcode.set(icpt::NONE);
        self.sie.cpu.user_epoch = self.vm.user_epoch();
        self.cpu.statistics.entries.bump();
        match self.sie.run(&self.cpu.sd) {
            Leave::HostRequest => {
                self.cpu.statistics.host_requests.bump();
                Ok(())
            }
            Leave::Interception => self.handle_interception(),
        }
    }

    fn prefix_area_exists(&self) -> bool {
        let prefix = u64::from(self.cpu.sd.prefix());
        self.vm.is_storage(prefix) && self.vm.is_storage(prefix + 0x1000)
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
