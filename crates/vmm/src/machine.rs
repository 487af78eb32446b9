//! The machine: storage, CPUs, service-call processor and console around one KVM virtual machine; one thread per CPU.
//! It runs until the guest powers itself off, cannot go on, or the user leaves.
//! Truth: the Principles of Operation, chapter 4 (CPU states, resets); KVM's run loop as a client sees it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use softsie_kvm::abi::{
    KVM_CAP_S390_CSS_SUPPORT, KVM_S390_INT_SERVICE, KVM_S390_RESTART, KVM_S390_VM_CPU_MODEL,
    KVM_S390_VM_CPU_PROCESSOR_FEAT, kvm_device_attr, kvm_enable_cap, kvm_s390_interrupt, kvm_s390_vm_cpu_feat,
    kvm_userspace_memory_region,
};
use softsie_kvm::{Errno, Translation};

use crate::console::Console;
use crate::cpu::{Control, Cpu, Reset, State};
use crate::door::Vm;
use crate::error::Named;
use crate::load::{ENTRY_MASK, Program};
use crate::sclp::{Configuration, ConsoleKind, Sclp};
use crate::storage::Storage;
use crate::topology::{self, Topology};
use crate::{Error, Result, exit, report};

/// Event bit of the service-signal interruption's parameter: input waits.
const EVENT_PENDING: u32 = 1;
/// The vector facility.
const VECTOR_FACILITY: u16 = 129;
/// Guarded storage.
const GUARDED_STORAGE_FACILITY: u16 = 133;
/// Configuration topology.
const TOPOLOGY_FACILITY: u16 = 11;
/// How long the end of a run waits for a CPU that does not come back.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a run ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ending {
    /// The guest powered itself off, or stopped all its CPUs.
    PoweredOff,
    /// The guest or a CPU cannot go on; the report says where and why.
    Failed(String),
    /// The user left.
    Left,
}

/// What STSI tells about the machine.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Name of the virtual machine.
    pub name: Option<String>,
    /// UUID of the virtual machine.
    pub uuid: Option<[u8; 16]>,
}

/// What a machine is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) program: Program,
    pub(crate) storage: u64,
    pub(crate) cpus: u16,
    pub(crate) max_cpus: u16,
    pub(crate) cpu_model: Option<String>,
    pub(crate) console_kind: ConsoleKind,
    pub(crate) identity: Identity,
    pub(crate) translation: Option<Translation>,
    /// KVM is called by ioctl number.
    pub(crate) via_ioctl: bool,
}

/// A running machine.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) vm: Vm,
    pub(crate) cpus: Vec<Cpu>,
    pub(crate) max_cpus: u16,
    pub(crate) sclp: Mutex<Sclp>,
    pub(crate) console: Arc<Console>,
    pub(crate) identity: Identity,
    /// The CPUs have vector registers.
    pub(crate) has_vectors: bool,
    pub(crate) has_guarded_storage: bool,
    pub(crate) has_topology: bool,
    pub(crate) topology: Topology,
    program: Program,
    /// Held while one CPU changes another; who finds it taken answers "busy".
    pub(crate) sigp: Mutex<()>,
    /// Held while all CPUs are kept from running.
    pausing: Mutex<()>,
    paused: AtomicBool,
    operating: AtomicUsize,
    ended: AtomicBool,
    ending: Mutex<Option<Ending>>,
    /// Signalled when `ending` or `watchdog` changes.
    changed: Condvar,
    watchdog: Mutex<Option<Instant>>,
    /// Last, so that it is unmapped after the VM is gone.
    pub(crate) storage: Storage,
}

/// All CPUs stand between two runs as long as this lives.
#[derive(Debug)]
pub(crate) struct Pause<'a> {
    machine: &'a Machine,
    _held: MutexGuard<'a, ()>,
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.machine.paused.store(false, Ordering::SeqCst);
        for cpu in &self.machine.cpus {
            let _control = cpu.lock();
            cpu.notify();
        }
    }
}

impl Machine {
    /// Builds the machine and loads its program; nothing runs yet.
    pub(crate) fn new(mut parts: Parts, console: Arc<Console>) -> Result<Self> {
        let storage = Storage::new(parts.storage)?;
        parts.program.load(&storage)?;
        parts.program.release();
        let vm = Vm::create(parts.translation, parts.via_ioctl).named("KVM_CREATE_VM")?;
        crate::model::apply(&vm, parts.cpu_model.as_deref().unwrap_or(crate::model::DEFAULT))?;
        // SAFETY: the mapping belongs to `storage`, which the machine drops after the VM and after its threads ended.
        unsafe { vm.set_user_memory_region(&storage.slot()) }.named("KVM_SET_USER_MEMORY_REGION")?;
        let mut cpus = Vec::new();
        for address in 0..parts.cpus {
            let vcpu = vm.create_vcpu(u32::from(address)).named("KVM_CREATE_VCPU")?;
            cpus.push(Cpu::new(vcpu, address));
        }
        if let Some(cpu) = cpus.first() {
            // On behalf of all CPUs: I/O instructions come here.
            let cap = kvm_enable_cap { cap: KVM_CAP_S390_CSS_SUPPORT, ..Default::default() };
            cpu.vcpu().enable_cap(&cap).named("KVM_ENABLE_CAP")?;
        }
        let has_topology = crate::model::has_facility(&vm, TOPOLOGY_FACILITY);
        let configuration = Configuration {
            storage: parts.storage,
            cpus: parts.cpus,
            max_cpus: parts.max_cpus,
            features: nesting_features(&vm),
            topology_levels: if has_topology { topology::LEVELS as u8 } else { 0 },
            extended_length: false,
            diagnose_318: true,
        };
        let machine = Self {
            has_vectors: crate::model::has_facility(&vm, VECTOR_FACILITY),
            has_guarded_storage: crate::model::has_facility(&vm, GUARDED_STORAGE_FACILITY),
            has_topology,
            topology: Topology::default(),
            vm,
            cpus,
            max_cpus: parts.max_cpus,
            sclp: Mutex::new(Sclp::new(configuration, parts.console_kind)),
            console,
            identity: parts.identity,
            program: parts.program,
            sigp: Mutex::new(()),
            pausing: Mutex::new(()),
            paused: AtomicBool::new(false),
            operating: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            ending: Mutex::new(None),
            changed: Condvar::new(),
            watchdog: Mutex::new(None),
            storage,
        };
        for cpu in &machine.cpus {
            cpu.own_registers().set_operating(false)?;
            cpu.own_registers().reset(Reset::Clear)?;
        }
        machine.start_program(&machine.program)?;
        Ok(machine)
    }

    /// Gives CPU 0 the first PSW of the program in storage and lets it operate. All CPUs are stopped.
    fn start_program(&self, program: &Program) -> Result<()> {
        let Some(boot) = self.cpus.first() else { return Ok(()) };
        let mut control = boot.lock();
        boot.own_registers().set_psw(ENTRY_MASK, program.entry());
        self.set_state(boot, &mut control, State::Operating).map(|_| ())
    }

    /// Moves a CPU to another state; true when it was the last one on its way. The caller then gives the lock back and
    /// calls `nothing_runs`.
    pub(crate) fn set_state(&self, cpu: &Cpu, control: &mut Control, state: State) -> Result<bool> {
        let old = control.state;
        if (old == State::Stopped) != (state == State::Stopped) {
            cpu.own_registers().set_operating(state != State::Stopped)?;
        }
        control.state = state;
        control.stopping &= state != State::Stopped;
        cpu.notify();
        Ok(match (old == State::Operating, state == State::Operating) {
            (false, true) => {
                self.operating.fetch_add(1, Ordering::SeqCst);
                false
            }
            (true, false) => self.operating.fetch_sub(1, Ordering::SeqCst) == 1,
            _ => false,
        })
    }

    /// Lets a CPU run that has to take notice of a stop or restart, which is pending by now.
    pub(crate) fn let_it_see(&self, cpu: &Cpu, control: &mut Control) -> Result<()> {
        control.signalled = true;
        self.set_state(cpu, control, State::Operating).map(|_| ())
    }

    /// Ends the run because no CPU is on its way any more, so that none could ever start another: a power-off if all are
    /// stopped, a failure if one waits for good.
    pub(crate) fn nothing_runs(&self) {
        for cpu in &self.cpus {
            let mut control = cpu.lock();
            while control.state == State::DisabledWait {
                if let Some(registers) = cpu.parked_registers(&control) {
                    let why = "disabled wait: the guest stopped itself for good";
                    let report = report::failure(self, registers, cpu.address, why);
                    drop(control);
                    return self.end(Ending::Failed(report));
                }
                cpu.wait(&mut control);
            }
        }
        self.end(Ending::PoweredOff);
    }

    /// Ends the run; the first ending counts.
    pub(crate) fn end(&self, ending: Ending) {
        self.ending.lock().get_or_insert(ending);
        self.ended.store(true, Ordering::SeqCst);
        self.changed.notify_all();
        for cpu in &self.cpus {
            let _control = cpu.lock();
            cpu.vcpu().beside_kvm().kick();
            cpu.notify();
        }
    }

    /// Ends the run because of an error of ours or of the KVM interface.
    pub(crate) fn fail(&self, cpu: &Cpu, error: &Error) {
        let why = format!("CPU {}: {error}", cpu.address);
        self.end(Ending::Failed(report::failure(self, cpu.own_registers(), cpu.address, &why)));
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Starts the CPUs' threads.
    pub(crate) fn start(self: &Arc<Self>) -> Result<Vec<JoinHandle<()>>> {
        let mut threads = Vec::new();
        for index in 0..self.cpus.len() {
            let machine = Arc::clone(self);
            let thread = std::thread::Builder::new()
                .name(format!("cpu {index}"))
                .spawn(move || machine.cpu_thread(index))
                .map_err(|error| Error::host("cannot start a thread for a CPU", error))?;
            threads.push(thread);
        }
        Ok(threads)
    }

    /// Waits for the end of the run, watching the watchdog meanwhile.
    pub(crate) fn wait(&self) -> Ending {
        let mut ending = self.ending.lock();
        loop {
            if let Some(ending) = &*ending {
                return ending.clone();
            }
            let deadline = *self.watchdog.lock();
            match deadline {
                None => self.changed.wait(&mut ending),
                Some(deadline) if deadline > Instant::now() => {
                    self.changed.wait_until(&mut ending, deadline);
                }
                Some(_) => {
                    *self.watchdog.lock() = None;
                    drop(ending);
                    self.console.note("the guest's watchdog expired: PSW restart");
                    if let Err(error) = self.restart_interruption() {
                        self.end(Ending::Failed(error.to_string()));
                    }
                    ending = self.ending.lock();
                }
            }
        }
    }

    /// Makes a restart interruption pending on the first CPU, starting it if need be.
    fn restart_interruption(&self) -> Result<()> {
        let Some(cpu) = self.cpus.first() else { return Ok(()) };
        let interrupt = kvm_s390_interrupt { r#type: KVM_S390_RESTART as u32, parm: 0, parm64: 0 };
        let mut control = cpu.lock();
        cpu.vcpu().s390_interrupt(&interrupt).named("KVM_S390_INTERRUPT")?;
        self.let_it_see(cpu, &mut control)
    }

    /// Waits for the CPUs' threads, but not forever.
    pub(crate) fn join(&self, threads: Vec<JoinHandle<()>>) {
        let limit = Instant::now() + PATIENCE;
        for thread in threads {
            while !thread.is_finished() && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(1));
            }
            if thread.is_finished() {
                // A panic of the thread has ended the run with a report of its own.
                let _ = thread.join();
            }
        }
    }

    fn cpu_thread(self: Arc<Self>, index: usize) {
        let Some(cpu) = self.cpus.get(index) else { return };
        let _guard = EndOnPanic { machine: Arc::downgrade(&self), address: cpu.address };
        loop {
            match self.await_turn(cpu) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return self.fail(cpu, &error),
            }
            let outcome = match cpu.vcpu().run() {
                Ok(()) => exit::handle(&self, cpu),
                Err(Errno::EINTR | Errno::EAGAIN) => Ok(()),
                Err(errno) => Err(Error::Kvm { call: "KVM_RUN", errno }),
            };
            if let Err(error) = outcome {
                return self.fail(cpu, &error);
            }
        }
    }

    /// Waits until the CPU may run: operating, and nothing paused. False when the run is over.
    fn await_turn(&self, cpu: &Cpu) -> Result<bool> {
        let mut control = cpu.lock();
        loop {
            if self.has_ended() {
                control.parked = true;
                cpu.notify();
                return Ok(false);
            }
            if let Some(reset) = control.reset.take() {
                cpu.own_registers().reset(reset)?;
                if self.set_state(cpu, &mut control, State::Stopped)? {
                    MutexGuard::unlocked(&mut control, || self.nothing_runs());
                }
                continue;
            }
            if control.state == State::Operating && !self.paused.load(Ordering::SeqCst) {
                control.parked = false;
                control.signalled = false;
                return Ok(true);
            }
            control.parked = true;
            cpu.notify();
            cpu.wait(&mut control);
        }
    }

    /// Brings all CPUs but `except` (the caller's own) between two runs. `None` when another thread is doing so already,
    /// or the run is over: the caller must then let its own CPU be parked.
    pub(crate) fn pause(&self, except: Option<&Cpu>) -> Option<Pause<'_>> {
        let held = self.pausing.try_lock()?;
        self.paused.store(true, Ordering::SeqCst);
        let pause = Pause { machine: self, _held: held };
        for cpu in self.cpus.iter().filter(|cpu| except.is_none_or(|own| own.address != cpu.address)) {
            let mut control = cpu.lock();
            while !control.parked {
                cpu.vcpu().beside_kvm().kick();
                cpu.wait(&mut control);
            }
            if self.has_ended() {
                return None;
            }
        }
        Some(pause)
    }

    /// Resets the whole machine and starts its program anew. Storage is cleared first if told so.
    pub(crate) fn restart(&self, _paused: &Pause<'_>, clear: bool) -> Result<()> {
        let again = self.program.again()?;
        let program = again.as_ref().unwrap_or(&self.program);
        self.reset_all(|_| Reset::Clear)?;
        if clear {
            self.clear_storage()?;
        }
        program.load(&self.storage)?;
        self.start_program(program)
    }

    /// Clears storage and its keys: the keys go with the slot.
    fn clear_storage(&self) -> Result<()> {
        let slot = self.storage.slot();
        for memory_size in [0, slot.memory_size] {
            let region = kvm_userspace_memory_region { memory_size, ..slot };
            // SAFETY: the slot that has been there all the time, see `Machine::new`.
            unsafe { self.vm.set_user_memory_region(&region) }.named("KVM_SET_USER_MEMORY_REGION")?;
        }
        self.storage.clear();
        Ok(())
    }

    /// Resets all CPUs, each as `kind` says, and the rest of the machine; all CPUs are stopped afterwards.
    pub(crate) fn reset_all(&self, kind: impl Fn(&Cpu) -> Reset) -> Result<()> {
        self.set_watchdog(None);
        self.sclp.lock().reset();
        // Subsystem reset: no service signal or channel report of before reaches the program to come.
        self.vm.clear_floating().named("KVM_DEV_FLIC_CLEAR_IRQS")?;
        topology::reset(self)?;
        for cpu in &self.cpus {
            let mut control = cpu.lock();
            control.reset = None;
            cpu.own_registers().reset(kind(cpu))?;
            self.set_state(cpu, &mut control, State::Stopped)?;
        }
        Ok(())
    }

    /// Arms, moves or disarms the watchdog.
    pub(crate) fn set_watchdog(&self, time: Option<Duration>) {
        *self.watchdog.lock() = time.map(|time| Instant::now() + time);
        // The waiting thread reads the deadline under this lock, so that it cannot miss the change.
        let _ending = self.ending.lock();
        self.changed.notify_all();
    }

    pub(crate) fn watchdog_runs(&self) -> bool {
        self.watchdog.lock().is_some()
    }

    /// Makes a service-signal external interruption pending.
    pub(crate) fn signal_service(&self, parameter: u32) -> Result<()> {
        let interrupt = kvm_s390_interrupt { r#type: KVM_S390_INT_SERVICE as u32, parm: parameter, parm64: 0 };
        self.vm.s390_interrupt(&interrupt).named("KVM_S390_INTERRUPT")
    }

    /// Gives typed bytes to the guest.
    pub(crate) fn type_in(&self, bytes: &[u8]) -> Result<()> {
        let listening = self.sclp.lock().events.type_in(bytes);
        if listening { self.signal_service(EVENT_PENDING) } else { Ok(()) }
    }

    /// Asks the guest to shut itself down; false when it does not listen for that.
    pub(crate) fn request_shutdown(&self) -> Result<bool> {
        let listening = self.sclp.lock().events.request_quiesce();
        if listening {
            self.signal_service(EVENT_PENDING)?;
        }
        Ok(listening)
    }
}

/// The features a guest needs to run guests of its own, as the KVM interface offers them.
fn nesting_features(vm: &Vm) -> u64 {
    let mut features = kvm_s390_vm_cpu_feat::default();
    let attribute = kvm_device_attr {
        flags: 0,
        group: KVM_S390_VM_CPU_MODEL,
        attr: KVM_S390_VM_CPU_PROCESSOR_FEAT,
        addr: (&raw mut features).expose_provenance() as u64,
    };
    match vm.get_device_attr(&attribute) {
        Ok(()) => features.feat[0],
        Err(_) => 0,
    }
}

/// Ends the run when a CPU's thread panics: a machine with a CPU missing would hang silently.
struct EndOnPanic {
    machine: Weak<Machine>,
    address: u16,
}

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(machine) = self.machine.upgrade()
        {
            machine.end(Ending::Failed(format!(
                "the thread of CPU {} stopped with a defect of softsie (message above); please report it",
                self.address
            )));
        }
    }
}
