//! CPU resets, as far as the registers of a vCPU go.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (kvm_arch_vcpu_ioctl_*_reset); Principles of Operation, chapter 4, Resets.

use crate::Result;
use crate::abi::{BPBC_BIT, kvm_s390_psw};
use crate::peer::PFAULT_TOKEN_INVALID;
use crate::registers::FPF_BPBC;
use crate::run::Running;
use crate::vcpu::Vcpu;

/// PSW bit of runtime instrumentation.
const PSW_RI: u64 = 1 << 39;
/// Values of control registers 0 and 14 after an initial CPU reset.
const CR0_INITIAL: u64 = 0xe0;
const CR14_INITIAL: u64 = 0xc200_0000;

impl Vcpu {
    /// KVM_S390_NORMAL_RESET.
    pub fn s390_normal_reset(&self) -> Result<()> {
        self.with_running(|running| running.normal_reset());
        Ok(())
    }

    /// KVM_S390_INITIAL_RESET.
    pub fn s390_initial_reset(&self) -> Result<()> {
        self.with_running(|running| running.initial_reset());
        Ok(())
    }

    /// KVM_S390_CLEAR_RESET.
    pub fn s390_clear_reset(&self) -> Result<()> {
        self.with_running(|running| running.clear_reset());
        Ok(())
    }
}

impl Running<'_> {
    fn normal_reset(&mut self) {
        let page = &self.cpu.page;
        let (mask, addr) = page.psw();
        page.set_psw(mask & !PSW_RI, addr);
        self.cpu.pfault.lock().token = PFAULT_TOKEN_INVALID;
        let mut regs = page.regs();
        regs.riccb = [0; 64];
        page.set_regs(&regs);
        self.cpu.local.lock().clear();
        self.cpu.set_check_stop(false);
        // Purges the TLB.
        self.cpu.sd.ihcpu.set(0xffff);
        if !self.vm.user_controls_cpu_state() {
            self.vm.stop_cpu(self.cpu);
        }
    }

    pub(crate) fn initial_reset(&mut self) {
        self.normal_reset();
        self.sie.cpu.reset_measurement();
        let sd = &self.cpu.sd;
        let psw = kvm_s390_psw::default();
        sd.gpsw_mask.set(psw.mask);
        sd.gpsw_addr.set(psw.addr);
        sd.cputm.set(0);
        sd.ckc.set(0);
        sd.todpr.set(0);
        sd.set_pp(0);
        sd.gbea.set(1);
        sd.fpf.set(sd.fpf.get() & !FPF_BPBC);
        for (n, cr) in sd.gcr.iter().enumerate() {
            cr.set(match n {
                0 => CR0_INITIAL,
                14 => CR14_INITIAL,
                _ => 0,
            });
        }
        // A later KVM_RUN without dirty bits must not find the interception of before.
        sd.icptcode.set(softsie_sie::icpt::NONE);
        self.set_prefix(0);
        let page = &self.cpu.page;
        page.set_psw(psw.mask, psw.addr);
        let mut regs = page.regs();
        regs.crs = [0; 16];
        regs.crs[0] = CR0_INITIAL;
        regs.crs[14] = CR14_INITIAL;
        regs.prefix = 0;
        regs.todpr = 0;
        regs.cputm = 0;
        regs.ckc = 0;
        regs.pp = 0;
        regs.gbea = 1;
        regs.fpc = 0;
        regs.bpbc &= !BPBC_BIT;
        page.set_regs(&regs);
    }

    fn clear_reset(&mut self) {
        self.initial_reset();
        let page = &self.cpu.page;
        let mut regs = page.regs();
        regs.gprs = [0; 16];
        regs.acrs = [0; 16];
        *regs.vrs_mut() = [[0; 2]; 32];
        regs.gscb = [0; 4];
        regs.etoken = 0;
        regs.etoken_extension = 0;
        page.set_regs(&regs);
        self.sie.cpu.vr = [0; 32];
        self.sie.cpu.guarded_storage = Default::default();
    }
}
