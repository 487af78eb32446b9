//! The wait state: an enabled wait sleeps in KVM_RUN, a disabled wait leaves to the client.
//! Truth: Linux 6.12 arch/s390/kvm/interrupt.c (kvm_s390_handle_wait); Principles of Operation, chapter 4, CPU States.

use softsie_cpu::{PswMask, TodClock};
use softsie_sie::CpuFlags;

use super::{Handled, Stop};
use crate::interrupt::Pending;
use crate::run::Running;

impl Running<'_> {
    /// Interception 0x1c.
    pub(super) fn handle_wait(&mut self) -> Handled {
        {
            let local = self.cpu.local.lock();
            let stop = local.pending.contains(Pending::STOP);
            if stop || !self.cpu.deliverable(&local, &self.vm.floating).is_empty() {
                return Ok(());
            }
        }
        let psw = self.psw();
        if !psw.has(PswMask::EXTERNAL) && !psw.has(PswMask::IO) && !psw.has(PswMask::MACHINE_CHECK) {
            return Err(Stop::ToUser);
        }
        self.cpu.statistics.sleeps.bump();
        let sd = &self.cpu.sd;
        sd.clear_cpu_flags(CpuFlags::RUNNING);
        sd.set_cpu_flags(CpuFlags::WAIT);
        let since = TodClock::now();
        self.cpu.sleep(&self.vm.floating, since);
        let elapsed = TodClock::now().wrapping_sub(since);
        sd.cputm.set(sd.cputm.get().wrapping_sub(elapsed));
        sd.clear_cpu_flags(CpuFlags::WAIT);
        sd.set_cpu_flags(CpuFlags::RUNNING);
        Ok(())
    }
}
