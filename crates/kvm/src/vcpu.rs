//! The vCPU object: running, registers, injection. Resets, single registers and storage access are in their own files.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c.

use core::ptr::NonNull;
use std::sync::Arc;

use parking_lot::Mutex;
use softsie_sie::{CpuFlags, Ecb, Ecd, ExecutionControls, InterceptionControls, Sie};

use crate::abi::*;
use crate::host_fault;
use crate::interrupt::LocalIrq;
use crate::page::RunPage;
use crate::peer::Peer;
use crate::run::Running;
use crate::statistics::Statistics;
use crate::ucontrol::Space;
use crate::vm::Vm;
use crate::{Errno, Result};

/// A virtual CPU.
pub struct Vcpu {
    vm: Arc<Vm>,
    peer: Arc<Peer>,
    /// Storage of its own, if the VM is controlled by the client.
    space: Option<Box<Space>>,
    /// The vCPU's lock: whoever runs it, or uses its registers, holds it.
    sie: Mutex<Sie>,
}

impl core::fmt::Debug for Vcpu {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Vcpu").field("id", &self.peer.id).finish_non_exhaustive()
    }
}

impl Vcpu {
    pub(crate) fn new(vm: Arc<Vm>, id: u16) -> Result<Self> {
        let space = vm.is_ucontrol().then(Box::<Space>::default);
        let page = RunPage::new(space.is_some())?;
        let model = vm.model.read().clone();
        let mut sie = match &space {
            None => {
                let (storage, cluster, translator) = (vm.storage.clone(), vm.cluster.clone(), vm.translator.clone());
                Sie::new(storage, model.cpu(), id, cluster, vm.timers.clone(), translator)
            }
            Some(space) => {
                let (storage, cluster) = (space.storage.clone(), space.cluster.clone());
                let mut sie = Sie::new(storage, model.cpu(), id, cluster, vm.timers.clone(), None);
                sie.set_paged();
                sie
            }
        };
        sie.cpu.interprets = model.interprets();
        sie.cpu.page_status = model.interprets_keys();
        let sd = page.state_description();
        let mut flags = CpuFlags::ZARCH | CpuFlags::SM | CpuFlags::STOPPED;
        if model.has(78) {
            flags |= CpuFlags::GED2;
        } else if model.has(8) {
            flags |= CpuFlags::GED;
        }
        sd.cpuflags.set(flags.bits());
        sd.set_ibc(model.ibc());
        sd.icpua.set(id);
        sd.hpid.set(4);
        sd.epoch.set(vm.epoch() as u64);
        sd.epdx.set((vm.epoch() >> 64) as u8);
        if model.has(139) {
            sd.ecd.set(Ecd::MEF.bits());
        }
        sd.ihcpu.set(0xffff);
        let mut eca = ExecutionControls::CEI | ExecutionControls::MVPGI | ExecutionControls::PROTEXCI;
        eca.set(ExecutionControls::VX, model.has(129));
        sd.eca.set(eca.bits());
        let mut ecb = Ecb::SPECI | Ecb::HOSTPROTINT;
        ecb.set(Ecb::SPECI, space.is_none());
        sd.ecb.set(ecb.bits());
        if vm.user_handles_instruction_0() {
            sd.ictl.set(InterceptionControls::OPEREXC.bits());
        }
        let mut valid = KVM_SYNC_PREFIX
            | KVM_SYNC_GPRS
            | KVM_SYNC_ACRS
            | KVM_SYNC_CRS
            | KVM_SYNC_ARCH0
            | KVM_SYNC_PFAULT
            | KVM_SYNC_DIAG318;
        valid |= if model.has(129) { KVM_SYNC_VRS } else { KVM_SYNC_FPRS };
        for (facility, class) in
            [(64, KVM_SYNC_RICCB), (82, KVM_SYNC_BPBC), (133, KVM_SYNC_GSCB), (156, KVM_SYNC_ETOKEN)]
        {
            if model.has(facility) {
                valid |= class;
            }
        }
        page.set_valid(valid);
        let kicker = sie.kicker();
        let peer = Arc::new(Peer::new(id, sd, page, kicker, model.has(139))?);
        let vcpu = Self { vm, peer, space, sie: Mutex::new(sie) };
        vcpu.with_running(|running| running.initial_reset());
        Ok(vcpu)
    }

    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Does something with the vCPU's registers while it does not run.
    pub(crate) fn with_running<T>(&self, f: impl FnOnce(&mut Running<'_>) -> T) -> T {
        let mut sie = self.sie.lock();
        self.peer.take_host_fault();
        let space = self.space.as_deref();
        let ranges = space.map_or(&self.vm.host_ranges, |space| &space.host_ranges);
        let (result, _) = host_fault::watch(ranges, Some(&self.peer), || {
            f(&mut Running { vm: &self.vm, cpu: &self.peer, sie: &mut sie, space })
        });
        result
    }

    /// The vCPU's number, which is its CPU address.
    pub fn id(&self) -> u16 {
        self.peer.id
    }

    /// The vCPU's counters.
    pub fn statistics(&self) -> &Statistics {
        &self.peer.statistics
    }

    /// The CPU's counters: instructions, TLB misses, and so on. Waits for a run in progress to end.
    pub fn cpu_statistics(&self) -> softsie_cpu::Statistics {
        self.sie.lock().cpu.statistics
    }

    /// What the engine for hot code has done for this vCPU. Waits for a run in progress to end.
    pub fn engine_counters(&self) -> softsie_sie::EngineCounters {
        self.sie.lock().engine_counters()
    }

    /// What guests of the guest have done on this vCPU. Waits for a run in progress to end.
    pub fn guest_counters(&self) -> softsie_sie::GuestCounters {
        self.sie.lock().guest_counters()
    }

    /// Traces the vCPU's instructions from its next run on, or stops tracing. No part of the KVM interface.
    pub fn set_tracer(&self, tracer: Option<softsie_sie::Tracer>) {
        self.sie.lock().tracer = tracer;
    }

    /// The shared page. It lives as long as the vCPU; while [`Vcpu::run`] is in progress, touch only `immediate_exit`.
    pub fn kvm_run(&self) -> NonNull<kvm_run> {
        self.peer.page.pointer()
    }

    /// The memory file of the shared page: a client that has it as a descriptor maps [`crate::System::get_vcpu_mmap_size`]
    /// bytes from offset 0.
    pub fn page_file(&self) -> std::os::fd::BorrowedFd<'_> {
        self.peer.page.file()
    }

    /// Makes a running or waiting [`Vcpu::run`] return EINTR soon, or the next one at once; from any thread. In process this
    /// is what a signal is to a client of the kernel. Takes no lock and allocates nothing, so that a signal handler may call
    /// it.
    pub fn kick(&self) {
        self.peer.request_exit();
    }

    /// Forgets a [`Vcpu::kick`] that came too late for the run it was meant for.
    pub fn forget_kick(&self) {
        self.peer.forget_exit_request();
    }

    /// KVM_RUN.
    pub fn run(&self) -> Result<()> {
        self.with_running(|running| running.run())
    }

    /// KVM_GET_REGS.
    pub fn get_regs(&self) -> Result<kvm_regs> {
        Ok(self.with_running(|running| kvm_regs { gprs: running.cpu.page.regs().gprs }))
    }

    /// KVM_SET_REGS.
    pub fn set_regs(&self, regs: &kvm_regs) -> Result<()> {
        self.change_page(|page| page.gprs = regs.gprs);
        Ok(())
    }

    /// KVM_GET_SREGS.
    pub fn get_sregs(&self) -> Result<kvm_sregs> {
        Ok(self.with_running(|running| {
            let mut crs = [0; 16];
            for (value, cr) in crs.iter_mut().zip(&running.cpu.sd.gcr) {
                *value = cr.get();
            }
            kvm_sregs { acrs: running.cpu.page.regs().acrs, crs }
        }))
    }

    /// KVM_SET_SREGS.
    pub fn set_sregs(&self, sregs: &kvm_sregs) -> Result<()> {
        self.with_running(|running| {
            for (cr, value) in running.cpu.sd.gcr.iter().zip(sregs.crs) {
                cr.set(value);
            }
            running.cpu.sd.ihcpu.set(0xffff);
        });
        self.change_page(|page| page.acrs = sregs.acrs);
        Ok(())
    }

    /// KVM_GET_FPU.
    pub fn get_fpu(&self) -> Result<kvm_fpu> {
        let vector = self.vm.has_vector();
        Ok(self.with_running(|running| {
            let regs = running.cpu.page.regs();
            let mut fprs = *regs.fprs();
            if vector {
                for (fpr, [left, _]) in fprs.iter_mut().zip(regs.vrs()) {
                    *fpr = *left;
                }
            }
            kvm_fpu { fpc: regs.fpc, pad: 0, fprs }
        }))
    }

    /// KVM_SET_FPU: with vectors, the right halves keep their values.
    pub fn set_fpu(&self, fpu: &kvm_fpu) -> Result<()> {
        let vector = self.vm.has_vector();
        self.change_page(|page| {
            page.fpc = fpu.fpc;
            if vector {
                for ([left, _], fpr) in page.vrs_mut().iter_mut().zip(fpu.fprs) {
                    *left = fpr;
                }
            } else {
                *page.fprs_mut() = fpu.fprs;
            }
        });
        Ok(())
    }

    fn change_page(&self, change: impl FnOnce(&mut kvm_sync_regs)) {
        self.with_running(|running| {
            let mut regs = running.cpu.page.regs();
            change(&mut regs);
            running.cpu.page.set_regs(&regs);
        });
    }

    /// KVM_GET_MP_STATE: the state is the result.
    pub fn get_mp_state(&self) -> Result<u32> {
        Ok(self.with_running(|running| {
            if running.cpu.is_check_stopped() {
                KVM_MP_STATE_CHECK_STOP
            } else if running.cpu.is_stopped() {
                KVM_MP_STATE_STOPPED
            } else {
                KVM_MP_STATE_OPERATING
            }
        }))
    }

    /// KVM_SET_MP_STATE. From the first call on, even a refused one, the client controls the states of all CPUs.
    pub fn set_mp_state(&self, mp_state: u32) -> Result<()> {
        self.vm.give_cpu_state_to_user();
        self.with_running(|running| match mp_state {
            KVM_MP_STATE_STOPPED => {
                running.vm.stop_cpu(running.cpu);
                Ok(())
            }
            KVM_MP_STATE_OPERATING => {
                running.vm.start_cpu(running.cpu);
                Ok(())
            }
            _ => Err(Errno::ENXIO),
        })
    }

    /// KVM_S390_INTERRUPT on the vCPU.
    pub fn s390_interrupt(&self, interrupt: &kvm_s390_interrupt) -> Result<()> {
        self.vm.inject(&self.peer, LocalIrq::from_interrupt(interrupt)?)?;
        // The step ends with the interruption.
        self.peer.forget_step();
        Ok(())
    }

    /// KVM_S390_IRQ.
    pub fn s390_irq(&self, irq: &kvm_s390_irq) -> Result<()> {
        self.vm.inject(&self.peer, LocalIrq::from_irq(irq)?)?;
        self.peer.forget_step();
        Ok(())
    }

    /// KVM_S390_STORE_STATUS.
    pub fn s390_store_status(&self, addr: u64) -> Result<()> {
        self.with_running(|running| {
            let stored = running.vm.store_status_at(running.cpu, addr);
            if running.cpu.take_host_fault() { Err(Errno::EFAULT) } else { stored }
        })
    }

    /// KVM_S390_SET_INITIAL_PSW.
    pub fn s390_set_initial_psw(&self, psw: &kvm_s390_psw) -> Result<()> {
        self.with_running(|running| {
            if !running.cpu.is_stopped() {
                return Err(Errno::EBUSY);
            }
            running.cpu.page.set_psw(psw.mask, psw.addr);
            Ok(())
        })
    }

    /// KVM_ENABLE_CAP on the vCPU: channel-subsystem support, which is the whole VM's.
    pub fn enable_cap(&self, cap: &kvm_enable_cap) -> Result<()> {
        if cap.flags != 0 || cap.cap != KVM_CAP_S390_CSS_SUPPORT {
            return Err(Errno::EINVAL);
        }
        self.vm.enable_css_support();
        Ok(())
    }
}
