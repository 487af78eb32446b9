//! The VM object: vCPUs, capabilities, floating interrupts, CPU states; storage and attributes are in their own files.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use softsie_cpu::{Cluster, EXTENDED_TOD_MASK, FacilityList, Request, TimerService, TodClock};
use softsie_mem::Storage;
use softsie_sie::{CpuFlags, InterceptionControls, Translated, Translation, Translator, without_signals};

use crate::abi::*;
use crate::cmma::Cmma;
use crate::event::{IoEvents, IrqEvents, Routes};
use crate::host_fault::HostRanges;
use crate::interrupt::{Adapters, Floating, FloatingIrq, LocalIrq, Pending};
use crate::memory::Slots;
use crate::model::CpuModel;
use crate::peer::Peer;
use crate::{Errno, Result, Vcpu, capability};

/// A virtual machine.
pub struct Vm {
    host: FacilityList,
    pub(crate) storage: Arc<Storage>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) timers: Arc<TimerService>,
    pub(crate) translator: Option<Arc<Translator>>,
    pub(crate) floating: Floating,
    pub(crate) adapters: Adapters,
    pub(crate) routes: Routes,
    pub(crate) irq_events: IrqEvents,
    pub(crate) io_events: IoEvents,
    pub(crate) model: RwLock<CpuModel>,
    cpus: RwLock<Vec<Arc<Peer>>>,
    /// Creation of vCPUs and changes of the model, one at a time.
    creation: Mutex<()>,
    /// Changes of memory slots, one at a time.
    pub(crate) slots: Mutex<Slots>,
    pub(crate) host_ranges: HostRanges,
    pub(crate) cmma: Mutex<Cmma>,
    /// Guest TOD clock minus host TOD clock.
    epoch: Mutex<Epoch>,
    /// The largest guest storage that the client set.
    pub(crate) memory_limit: AtomicU64,
    /// The topology has changed since the guest last asked.
    pub(crate) topology_changed: AtomicBool,
    user_cpu_state: AtomicBool,
    user_sigp: AtomicBool,
    user_stsi: AtomicBool,
    user_instr0: AtomicBool,
    css_support: AtomicBool,
    irqchip: AtomicBool,
    flic: AtomicBool,
    ucontrol: bool,
}

/// Guest TOD clock minus host TOD clock.
#[derive(Debug, Default, Clone, Copy)]
struct Epoch {
    /// All of it, with the epoch index on the left: 72 bits.
    all: u128,
    /// The part that the guest set as its user's.
    user: u64,
}

impl core::fmt::Debug for Vm {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Vm").field("cpus", &self.cpus.read().len()).finish_non_exhaustive()
    }
}

impl Vm {
    pub(crate) fn new(host: &FacilityList, translation: Option<Translation>, ucontrol: bool) -> Self {
        // A host on which code cannot be made still has the interpreter.
        let translator = translation.and_then(|options| Translator::new(options).ok());
        Self {
            host: host.clone(),
            storage: Arc::new(Storage::new()),
            cluster: Arc::new(Cluster::new()),
            timers: Arc::new(without_signals(TimerService::new)),
            translator: translator.map(Arc::new),
            floating: Floating::default(),
            adapters: Adapters::default(),
            routes: Routes::default(),
            irq_events: IrqEvents::default(),
            io_events: IoEvents::default(),
            model: RwLock::new(CpuModel::new(host)),
            cpus: RwLock::default(),
            creation: Mutex::new(()),
            slots: Mutex::default(),
            host_ranges: HostRanges::default(),
            cmma: Mutex::default(),
            epoch: Mutex::default(),
            memory_limit: AtomicU64::new(KVM_S390_NO_MEM_LIMIT),
            topology_changed: AtomicBool::new(false),
            user_cpu_state: AtomicBool::new(false),
            user_sigp: AtomicBool::new(false),
            user_stsi: AtomicBool::new(false),
            user_instr0: AtomicBool::new(false),
            css_support: AtomicBool::new(false),
            irqchip: AtomicBool::new(false),
            flic: AtomicBool::new(false),
            ucontrol,
        }
    }

    /// What was translated for the VM's vCPUs. No part of the KVM interface.
    pub fn translated(&self) -> Translated {
        self.translator.as_ref().map(|t| t.translated()).unwrap_or_default()
    }

    /// KVM_CREATE_VCPU. The vCPU is stopped.
    pub fn create_vcpu(self: &Arc<Self>, id: u32) -> Result<Arc<Vcpu>> {
        if id >= KVM_MAX_VCPUS {
            return Err(Errno::EINVAL);
        }
        let id = id as u16;
        let _one_at_a_time = self.creation.lock();
        if self.cpu(id).is_some() {
            return Err(Errno::EEXIST);
        }
        let vcpu = Vcpu::new(self.clone(), id)?;
        let mut cpus = self.cpus.write();
        self.topology_changed.store(true, Ordering::Relaxed);
        cpus.push(vcpu.peer().clone());
        cpus.sort_by_key(|cpu| cpu.id);
        Ok(Arc::new(vcpu))
    }

    /// KVM_CHECK_EXTENSION on the VM.
    pub fn check_extension(&self, cap: u32) -> i32 {
        capability::check(cap, &self.host)
    }

    /// KVM_ENABLE_CAP on the VM.
    pub fn enable_cap(&self, cap: &kvm_enable_cap) -> Result<()> {
        if cap.flags != 0 {
            return Err(Errno::EINVAL);
        }
        match cap.cap {
            KVM_CAP_S390_IRQCHIP => self.irqchip.store(true, Ordering::Relaxed),
            KVM_CAP_S390_USER_SIGP => self.user_sigp.store(true, Ordering::Relaxed),
            KVM_CAP_S390_USER_STSI => self.user_stsi.store(true, Ordering::Relaxed),
            KVM_CAP_S390_USER_INSTR0 => {
                self.user_instr0.store(true, Ordering::Relaxed);
                for cpu in self.cpus.read().iter() {
                    cpu.sd.ictl.fetch_or(InterceptionControls::OPEREXC.bits());
                    cpu.look_up();
                }
            }
            KVM_CAP_S390_VECTOR_REGISTERS => self.change_model(CpuModel::enable_vector)?,
            KVM_CAP_S390_RI => self.change_model(|model| model.enable(64))?,
            KVM_CAP_S390_GS => self.change_model(|model| model.enable(133))?,
            KVM_CAP_S390_AIS => self.change_model(CpuModel::enable_suppression)?,
            KVM_CAP_S390_CPU_TOPOLOGY => self.change_model(|model| model.enable(11))?,
            // Large pages behind a guest are a parameter of the host's module, which is off.
            KVM_CAP_S390_HPAGE_1M => {
                self.check_model_open()?;
                return Err(Errno::EINVAL);
            }
            KVM_CAP_HALT_POLL if cap.args[0] <= u64::from(u32::MAX) => {}
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// EBUSY when the model can no longer be changed.
    pub(crate) fn check_model_open(&self) -> Result<()> {
        if self.cpu_count() == 0 { Ok(()) } else { Err(Errno::EBUSY) }
    }

    /// Changes the CPU model, as long as no vCPU has it.
    pub(crate) fn change_model(&self, change: impl FnOnce(&mut CpuModel) -> Result<()>) -> Result<()> {
        let _one_at_a_time = self.creation.lock();
        if self.cpu_count() != 0 {
            return Err(Errno::EBUSY);
        }
        change(&mut self.model.write())
    }

    /// KVM_CREATE_IRQCHIP: there is nothing to create, only the capability to be asked for first.
    pub fn create_irqchip(&self) -> Result<()> {
        if self.irqchip.load(Ordering::Relaxed) { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// KVM_S390_INTERRUPT on the VM: makes a floating interrupt pending.
    pub fn s390_interrupt(&self, interrupt: &kvm_s390_interrupt) -> Result<()> {
        self.float(FloatingIrq::from_interrupt(interrupt)?)
    }

    /// Makes a floating interrupt pending, as KVM_DEV_FLIC_ENQUEUE does with each element.
    pub fn enqueue(&self, irq: &kvm_s390_irq) -> Result<()> {
        self.float(FloatingIrq::from_irq(irq)?)
    }

    /// Makes a floating interrupt pending and finds a CPU for it.
    pub(crate) fn float(&self, irq: FloatingIrq) -> Result<()> {
        let pending = self.floating.add(irq)?;
        if !pending.is_empty() {
            self.find_cpu_for(pending);
        }
        Ok(())
    }

    /// Wakes one CPU that waits for such an interrupt; if none does, has every executing CPU look whether it may take it.
    fn find_cpu_for(&self, pending: Pending) {
        let cr14 = self.floating.machine_check_cr14();
        let cpus = self.cpus.read();
        if let Some(cpu) = cpus.iter().find(|cpu| cpu.is_waiting() && cpu.accepts(pending, cr14)) {
            cpu.look_up();
            return;
        }
        for cpu in cpus.iter().filter(|cpu| !cpu.is_stopped()) {
            cpu.look_up();
        }
    }

    /// KVM_DEV_FLIC_CLEAR_IRQS: forgets all floating interrupts.
    pub fn clear_floating(&self) {
        self.floating.clear_all();
    }

    /// The vCPU with this CPU address.
    pub(crate) fn cpu(&self, address: u16) -> Option<Arc<Peer>> {
        let cpus = self.cpus.read();
        cpus.binary_search_by_key(&address, |cpu| cpu.id).ok().map(|at| cpus[at].clone())
    }

    /// Number of vCPUs.
    pub(crate) fn cpu_count(&self) -> u16 {
        self.cpus.read().len() as u16
    }

    /// All vCPUs.
    pub(crate) fn each_cpu(&self, f: impl FnMut(&Arc<Peer>)) {
        self.cpus.read().iter().for_each(f);
    }

    /// Makes an interrupt pending for one CPU.
    pub(crate) fn inject(&self, target: &Peer, irq: LocalIrq) -> Result<()> {
        match irq {
            LocalIrq::ExternalCall(from) | LocalIrq::Emergency(from) if self.cpu(from).is_none() => Err(Errno::EINVAL),
            LocalIrq::Stop { store_status } => self.order_stop(target, store_status),
            irq => target.inject(irq),
        }
    }

    /// Orders a CPU to stop. A CPU that is stopped already is done at once.
    pub(crate) fn order_stop(&self, target: &Peer, store_status: bool) -> Result<()> {
        if target.is_stopped() {
            return if store_status { self.store_status_at(target, KVM_S390_STORE_STATUS_NOADDR) } else { Ok(()) };
        }
        target.inject(LocalIrq::Stop { store_status })
    }

    /// Puts a CPU into the operating state.
    pub(crate) fn start_cpu(&self, cpu: &Peer) {
        cpu.sd.clear_cpu_flags(CpuFlags::STOPPED);
    }

    /// Puts a CPU into the stopped state. A stop order is thereby carried out; floating interrupts look for another CPU.
    pub(crate) fn stop_cpu(&self, cpu: &Peer) {
        {
            let mut local = cpu.local.lock();
            cpu.sd.set_cpu_flags(CpuFlags::STOPPED);
            local.pending -= Pending::STOP;
        }
        cpu.sd.clear_cpu_flags(CpuFlags::STOP_INT);
        let pending = self.floating.pending();
        if !pending.is_empty() {
            self.find_cpu_for(pending);
        }
    }

    /// Says that the floating interrupt controller was created; false when it was before.
    pub(crate) fn take_flic(&self) -> bool {
        !self.flic.swap(true, Ordering::Relaxed)
    }

    /// Whether the client does what else the kernel does (see ucontrol.rs).
    pub(crate) fn is_ucontrol(&self) -> bool {
        self.ucontrol
    }

    /// Whether the client, not KVM_RUN, starts and stops CPUs.
    pub(crate) fn user_controls_cpu_state(&self) -> bool {
        self.user_cpu_state.load(Ordering::Relaxed)
    }

    /// The client takes control of CPU states, for good.
    pub(crate) fn give_cpu_state_to_user(&self) {
        self.user_cpu_state.store(true, Ordering::Relaxed);
    }

    pub(crate) fn user_handles_sigp(&self) -> bool {
        self.user_sigp.load(Ordering::Relaxed)
    }

    pub(crate) fn user_handles_stsi(&self) -> bool {
        self.user_stsi.load(Ordering::Relaxed)
    }

    pub(crate) fn user_handles_instruction_0(&self) -> bool {
        self.user_instr0.load(Ordering::Relaxed)
    }

    pub(crate) fn has_css_support(&self) -> bool {
        self.css_support.load(Ordering::Relaxed)
    }

    /// Channel I/O goes to the client from now on.
    pub(crate) fn enable_css_support(&self) {
        self.css_support.store(true, Ordering::Relaxed);
    }

    /// The CPU model as a vCPU would have it. No part of the KVM interface.
    pub fn cpu_model(&self) -> Arc<softsie_cpu::Model> {
        self.model.read().cpu()
    }

    pub(crate) fn has_facility(&self, facility: u16) -> bool {
        self.model.read().has(facility)
    }

    pub(crate) fn has_vector(&self) -> bool {
        self.has_facility(129)
    }

    pub(crate) fn has_guarded_storage(&self) -> bool {
        self.has_facility(133)
    }

    pub(crate) fn cpuid(&self) -> u64 {
        self.model.read().cpuid()
    }

    /// The facility list that the guest reads.
    pub(crate) fn facilities(&self) -> FacilityList {
        self.model.read().facilities()
    }

    /// Guest TOD clock minus host TOD clock, 72 bits.
    pub(crate) fn epoch(&self) -> u128 {
        self.epoch.lock().all
    }

    /// The part of it that the guest set as its user's.
    pub(crate) fn user_epoch(&self) -> u64 {
        self.epoch.lock().user
    }

    /// The guest's TOD clock, after the epoch index, which is zero without the multiple-epoch facility.
    pub(crate) fn tod(&self) -> (u8, u64) {
        let tod = TodClock::extended().wrapping_add(self.epoch());
        (if self.has_facility(139) { (tod >> 64) as u8 } else { 0 }, tod as u64)
    }

    /// Sets the guest's TOD clock.
    pub(crate) fn set_tod(&self, index: u8, tod: u64) {
        self.set_epoch((u128::from(index) << 64 | u128::from(tod)).wrapping_sub(TodClock::extended()));
    }

    /// Sets the guest's difference from the host's TOD clock; when this returns, no CPU can see the old one. Not for a thread
    /// that is executing a CPU.
    pub(crate) fn set_epoch(&self, all: u128) {
        let mut epoch = self.epoch.lock();
        epoch.all = all & EXTENDED_TOD_MASK;
        let (low, index) = (epoch.all as u64, (epoch.all >> 64) as u8);
        self.each_cpu(|cpu| {
            cpu.sd.epoch.set(low);
            cpu.sd.epdx.set(index);
        });
        self.cluster.request(Request::SetEpoch(low, index));
        // Those that wait have timers to look at.
        self.each_cpu(|cpu| cpu.look_up());
    }

    /// Replaces the user's part of the difference.
    pub(crate) fn set_user_epoch(&self, user: u64) {
        let all = {
            let mut epoch = self.epoch.lock();
            let before = core::mem::replace(&mut epoch.user, user);
            // Both are signed: the index follows.
            epoch.all.wrapping_add((i128::from(user as i64) - i128::from(before as i64)) as u128)
        };
        self.set_epoch(all);
    }

    /// Has every CPU forget what it derived from the memory slots.
    pub(crate) fn slots_changed(&self) {
        self.host_ranges.set(&self.storage);
        self.cluster.request(Request::SlotsChanged);
    }
}
