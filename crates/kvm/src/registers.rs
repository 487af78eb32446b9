//! Sync registers: what a run takes from the shared page and what it leaves there.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (sync_regs, store_regs) and the table of the interface's reference.

use std::sync::atomic::Ordering;

use softsie_cpu::GuardedStorage;
use softsie_sie::{Ecb, Ecd};

use crate::abi::*;
use crate::run::Running;

/// PSW of the branch-prediction-blocking control, in the state description.
pub(crate) const FPF_BPBC: u8 = 0x20;

impl Running<'_> {
    /// Takes the registers from the shared page: PSW, general, access and floating-point or vector registers always, the
    /// others when they are dirty.
    pub(crate) fn load_registers(&mut self) {
        let page = &self.cpu.page;
        let sd = &self.cpu.sd;
        let regs = page.regs();
        let (_, dirty) = page.classes();
        let (mask, addr) = page.psw();
        sd.gpsw_mask.set(mask);
        sd.gpsw_addr.set(addr);
        if dirty & KVM_SYNC_PREFIX != 0 {
            self.set_prefix(regs.prefix as u32);
        }
        if dirty & KVM_SYNC_CRS != 0 {
            for (cr, value) in sd.gcr.iter().zip(regs.crs) {
                cr.set(value);
            }
            sd.ihcpu.set(0xffff);
        }
        if dirty & KVM_SYNC_ARCH0 != 0 {
            sd.todpr.set(regs.todpr as u32);
            sd.cputm.set(regs.cputm);
            sd.ckc.set(regs.ckc);
            sd.set_pp(regs.pp);
            sd.gbea.set(regs.gbea);
        }
        if dirty & KVM_SYNC_PFAULT != 0 {
            let mut pfault = self.cpu.pfault.lock();
            pfault.token = regs.pft;
            pfault.select = regs.pfs;
            pfault.compare = regs.pfc;
        }
        if dirty & KVM_SYNC_BPBC != 0 && self.vm.has_facility(82) {
            let blocked = if regs.bpbc & BPBC_BIT != 0 { FPF_BPBC } else { 0 };
            sd.fpf.set(sd.fpf.get() & !FPF_BPBC | blocked);
        }
        if dirty & KVM_SYNC_DIAG318 != 0 {
            self.cpu.diag318.store(regs.diag318, Ordering::Relaxed);
            sd.cpnc.set((regs.diag318 >> 56) as u8);
        }
        // A client that brings a guest with guarded storage in use need not wait for the guest to use it again.
        if dirty & KVM_SYNC_GSCB != 0 && regs.gscb[2] != 0 && self.vm.has_guarded_storage() {
            self.enable_guarded_storage();
        }
        let guarded_storage = self.uses_guarded_storage().then(|| GuardedStorage::of_block(regs.gscb));
        let cpu = &mut self.sie.cpu;
        cpu.guarded_storage = guarded_storage.unwrap_or_default();
        cpu.gr = regs.gprs;
        cpu.ar = regs.acrs;
        cpu.fpc = regs.fpc;
        if self.vm.has_vector() {
            for (vr, [left, right]) in cpu.vr.iter_mut().zip(*regs.vrs()) {
                *vr = u128::from(left) << 64 | u128::from(right);
            }
        } else {
            for (vr, fpr) in cpu.vr.iter_mut().zip(*regs.fprs()) {
                *vr = u128::from(fpr) << 64 | u128::from(*vr as u64);
            }
        }
        page.clear_dirty();
    }

    /// Leaves the registers in the shared page, all classes.
    pub(crate) fn store_registers(&mut self) {
        let page = &self.cpu.page;
        let sd = &self.cpu.sd;
        let mut regs = page.regs();
        let cpu = &self.sie.cpu;
        regs.prefix = u64::from(sd.prefix());
        regs.gprs = cpu.gr;
        regs.acrs = cpu.ar;
        for (value, cr) in regs.crs.iter_mut().zip(&sd.gcr) {
            *value = cr.get();
        }
        regs.todpr = u64::from(sd.todpr.get());
        regs.cputm = sd.cputm.get();
        regs.ckc = sd.ckc.get();
        regs.pp = sd.pp();
        regs.gbea = sd.gbea.get();
        let pfault = *self.cpu.pfault.lock();
        regs.pft = pfault.token;
        regs.pfs = pfault.select;
        regs.pfc = pfault.compare;
        regs.fpc = cpu.fpc;
        if self.uses_guarded_storage() {
            // The first doubleword has no meaning and stays the client's.
            regs.gscb[1..].copy_from_slice(&cpu.guarded_storage.block()[1..]);
        }
        if self.vm.has_vector() {
            for (pair, vr) in regs.vrs_mut().iter_mut().zip(cpu.vr) {
                *pair = [(vr >> 64) as u64, vr as u64];
            }
        } else {
            for (fpr, vr) in regs.fprs_mut().iter_mut().zip(cpu.vr) {
                *fpr = (vr >> 64) as u64;
            }
        }
        let blocked = if sd.fpf.get() & FPF_BPBC != 0 { BPBC_BIT } else { 0 };
        regs.bpbc = regs.bpbc & !BPBC_BIT | blocked;
        regs.diag318 = self.cpu.diag318.load(Ordering::Relaxed);
        page.set_regs(&regs);
        page.set_psw(sd.gpsw_mask.get(), sd.gpsw_addr.get());
    }

    /// Whether the guest has begun to use its guarded-storage registers, which are the CPU's from then on.
    pub(crate) fn uses_guarded_storage(&self) -> bool {
        Ecb::from_bits_retain(self.cpu.sd.ecb.get()).contains(Ecb::GS)
    }

    /// Has the CPU execute what uses the guarded-storage registers.
    pub(crate) fn enable_guarded_storage(&self) {
        let sd = &self.cpu.sd;
        sd.ecb.set(sd.ecb.get() | Ecb::GS.bits());
        sd.ecd.set(sd.ecd.get() | Ecd::HOSTREGMGMT.bits());
    }

    /// Sets the prefix and has everything that depends on it forgotten.
    pub(crate) fn set_prefix(&mut self, prefix: u32) {
        self.cpu.sd.set_prefix(prefix);
        self.cpu.sd.ihcpu.set(0xffff);
    }
}
