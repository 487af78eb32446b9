//! Running a guest CPU: state description in, interception out. The same function serves the KVM layer and, later, a
//! guest's own SIE instruction. Source: the state description as Linux KVM uses it; Principles of Operation, chapters 4, 6.

use std::sync::Arc;

use softsie_cpu::{
    AddressSpace, Attention, AttentionHandle, Cluster, Cpu, Exit, Interceptions, Model, ProgramCode, Psw, PswMask,
    TimerService,
};
use softsie_exec::{DISPATCH, Leave as Why, NoObserver, Observer, Tracer, run};
use softsie_jit::{Engine, Translator};
use softsie_mem::Storage;

use crate::guarded_storage;
use crate::interpret::{
    Guest, GuestEnd, Validity, intercepted_instructions, intercepted_programs, interrupt_by_timer, invalid,
    specification, store_program, store_timer, withheld,
};
use crate::satellites::Satellites;
use crate::state_description::{
    CpuFlags, Ecd, ExecutionControls, InterceptionControls, StateDescription, icpt, icptstatus,
};
use crate::system_control::{Assisted, SystemControlArea};

/// What executes instructions until one does not simply go on.
pub(crate) type Runner<'a> = dyn FnMut(&mut Cpu, Option<&mut Engine>) -> Why + 'a;

fn unobserved(cpu: &mut Cpu, engine: Option<&mut Engine>) -> Why {
    match engine {
        Some(engine) => engine.run(cpu),
        None => run(cpu, &mut NoObserver),
    }
}

/// What a CPU's guests have done.
#[derive(Clone, Copy, Debug)]
pub struct GuestCounters {
    /// Times that START INTERPRETIVE EXECUTION was executed.
    pub entries: u64,
    /// Instructions of guests.
    pub instructions: u64,
    /// Instructions of guests that were completed here instead of by their host.
    pub assisted: u64,
    /// Ends by an exception of the host.
    pub host_faults: u64,
    /// Ends because something was wanted of the host.
    pub host_requests: u64,
    /// Interceptions by interception code.
    pub interceptions: [u64; 256],
}

impl Default for GuestCounters {
    fn default() -> Self {
        GuestCounters {
            entries: 0,
            instructions: 0,
            assisted: 0,
            host_faults: 0,
            host_requests: 0,
            interceptions: [0; 256],
        }
    }
}

/// Why [`Sie::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// An interception: the state description says which.
    Interception,
    /// Somebody called [`Kicker::kick`], or a timer interruption is to be delivered; no interception code was stored.
    HostRequest,
    /// Storage is missing at this absolute address; no interception code was stored, and the instruction has not been executed.
    /// Only with [`Sie::set_paged`].
    MissingStorage(u64),
}

/// An exception that a storage access on the guest's behalf met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ProgramInterruption {
    /// Program-interruption code.
    pub code: u16,
    /// Translation-exception identification.
    pub teid: u64,
    /// Access register, in access-register mode.
    pub exception_access_id: u8,
}

/// Program-event-recording events of an instruction that the host has completed: parameters of a program interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ProgramEvent {
    /// PER code.
    pub code: u8,
    /// Addressing-and-translation-mode identification.
    pub modes: u8,
    /// PER address.
    pub address: u64,
    /// PER access identification.
    pub access_id: u8,
}

/// Makes a running [`Sie::run`] return soon, or the next one at once.
#[derive(Clone, Debug)]
pub struct Kicker(AttentionHandle);

impl Kicker {
    /// Kicks; from any thread, at any time.
    pub fn kick(&self) {
        self.0.raise(Attention::HOST);
    }
}

/// One guest CPU. General, access, floating-point and vector registers live in [`Sie::cpu`]; PSW, control registers,
/// prefix and timers are the state description's while the CPU does not run.
pub struct Sie {
    /// The CPU.
    pub cpu: Cpu,
    /// Sees every instruction when there is one; then the interpreter executes all.
    pub tracer: Option<Tracer>,
    /// Executes what is hot.
    pub(crate) engine: Option<Engine>,
    /// What guests of this machine have done on this CPU.
    pub(crate) counters: GuestCounters,
    /// CPUs of guests of this machine, the last one used first.
    pub(crate) guests: Vec<Guest>,
    /// The difference of the clock that the state description's is added to.
    pub(crate) clock: (u64, u8),
    /// The system control area of this guest's CPU.
    pub(crate) area: Option<SystemControlArea>,
    /// The other blocks of this guest's CPU.
    pub(crate) satellites: Satellites,
    /// The instruction that is intercepted has been executed in part.
    pub(crate) partial: bool,
    /// Missing storage is the host's to provide.
    pub(crate) paged: bool,
}

impl Sie {
    /// A CPU over `storage`. CPUs of one machine share `cluster`, `timers` and `translator`; without one the interpreter
    /// executes all.
    pub fn new(
        storage: Arc<Storage>,
        model: Arc<Model>,
        cpu_address: u16,
        cluster: Arc<Cluster>,
        timers: Arc<TimerService>,
        translator: Option<Arc<Translator>>,
    ) -> Sie {
        let cpu = Cpu::new(cpu_address, model, storage, cluster, timers, DISPATCH);
        Sie::of(cpu, translator.map(Engine::of))
    }

    /// Around a CPU that has done nothing yet.
    pub(crate) fn of(cpu: Cpu, engine: Option<Engine>) -> Sie {
        Sie {
            cpu,
            tracer: None,
            engine,
            counters: GuestCounters::default(),
            guests: Vec::new(),
            clock: (0, 0),
            area: None,
            satellites: Satellites::default(),
            partial: false,
            paged: false,
        }
    }

    /// Has storage that is missing end a run instead of being an addressing exception of the guest.
    pub fn set_paged(&mut self) {
        self.paged = true;
    }

    /// What the engine has done, if there is one.
    pub fn engine_counters(&self) -> softsie_jit::Counters {
        self.engine.as_ref().map(Engine::counters).unwrap_or_default()
    }

    /// What the CPU's guests have done.
    pub fn guest_counters(&self) -> GuestCounters {
        self.counters
    }

    /// A handle that makes the CPU leave.
    pub fn kicker(&self) -> Kicker {
        Kicker(self.cpu.attention_handle())
    }

    /// To be called when the client may have written to guest storage by itself: every code page is compared with its
    /// bytes before it is executed again.
    pub fn recheck_code(&mut self) {
        self.cpu.flush_fetch();
        self.guests.iter_mut().for_each(|guest| guest.recheck_code());
    }

    /// Runs the CPU until an interception or a request of the host.
    pub fn run(&mut self, sd: &StateDescription) -> Leave {
        match self.tracer.take() {
            None => self.run_by(sd, &mut unobserved, &mut unobserved),
            Some(mut tracer) => {
                // It sees the guests of this guest, too.
                let tracers = std::cell::RefCell::new(&mut tracer);
                let mut traced = |cpu: &mut Cpu, _: Option<&mut Engine>| run(cpu, *tracers.borrow_mut());
                let mut guests = |cpu: &mut Cpu, _: Option<&mut Engine>| run(cpu, *tracers.borrow_mut());
                let leave = self.run_by(sd, &mut traced, &mut guests);
                self.tracer = Some(tracer);
                leave
            }
        }
    }

    /// As [`Sie::run`], showing every instruction of the CPU, but none of its guests', to `observer`.
    pub fn run_observed<O: Observer>(&mut self, sd: &StateDescription, observer: &mut O) -> Leave {
        self.run_by(sd, &mut |cpu, _| run(cpu, observer), &mut unobserved)
    }

    fn run_by(&mut self, sd: &StateDescription, run: &mut Runner<'_>, guests: &mut Runner<'_>) -> Leave {
        if sd.has_cpu_flags(CpuFlags::STOP_INT) {
            return intercept(sd, icpt::STOP);
        }
        self.cpu.start_running();
        self.begin(sd);
        let delivers = sd.execution_controls().contains(ExecutionControls::CEI);
        let why = self.execute(None, delivers, run, guests);
        self.cpu.end_measurement();
        self.store(sd);
        self.cpu.stop_running();
        self.conclude(sd, why)
    }

    /// Runs the CPU of a guest of this machine; `has_state` says at the end whether there still is a state description.
    pub(crate) fn run_guest(
        &mut self,
        sd: &StateDescription,
        run: &mut Runner<'_>,
        has_state: impl FnOnce() -> bool,
    ) -> GuestEnd {
        if sd.has_cpu_flags(CpuFlags::STOP_INT) {
            intercept(sd, icpt::STOP);
            return GuestEnd::Interception;
        }
        let withheld_before = self.cpu.interceptions.withheld_translation();
        self.begin(sd);
        self.cpu.interceptions.instructions = intercepted_instructions(sd);
        self.cpu.interceptions.programs = intercepted_programs(sd);
        self.cpu.interceptions.withheld = withheld(sd);
        self.cpu.interceptions.no_region_frames = !sd.has_cpu_flags(CpuFlags::GED2);
        self.cpu.interceptions.no_curve_keys = !Ecd::from_bits_retain(sd.ecd.get()).contains(Ecd::ECC);
        if self.cpu.interceptions.withheld_translation() != withheld_before {
            self.cpu.flush_tlb();
        }
        self.cpu.interceptions.supervisor_calls = sd.svcc.get();
        self.cpu.interceptions.external_calls = sd.execution_controls().contains(ExecutionControls::SIGPI);
        let delivers = sd.execution_controls().contains(ExecutionControls::CEI);
        let why = self.execute(Some(sd), delivers, run, &mut unobserved);
        self.cpu.end_measurement();
        if !has_state() {
            return GuestEnd::HostRequest;
        }
        self.store(sd);
        sd.gg14.set(self.cpu.gr[14]);
        sd.gg15.set(self.cpu.gr[15]);
        if why == Why::HostFault {
            return GuestEnd::HostFault;
        }
        match self.conclude(sd, why) {
            Leave::Interception => GuestEnd::Interception,
            Leave::HostRequest | Leave::MissingStorage(_) => GuestEnd::HostRequest,
        }
    }

    /// What the state description says goes into the CPU.
    fn begin(&mut self, sd: &StateDescription) {
        let flags = sd.cpu_flags();
        self.load(sd);
        // Intervention requests take effect when the PSW allows that kind of interruption.
        let mut when = PswMask::empty();
        when.set(PswMask::EXTERNAL, flags.contains(CpuFlags::EXT_INT));
        when.set(PswMask::IO, flags.contains(CpuFlags::IO_INT));
        let controls = sd.interception_controls();
        // Loading of PSWs is intercepted when a machine check is pending; interruptions and PROGRAM RETURN load PSWs, too.
        let masked = sd.gpsw_mask.get() & PswMask::MACHINE_CHECK.bits() == 0;
        when.set(PswMask::MACHINE_CHECK, masked && controls.contains(InterceptionControls::LPSW));
        self.cpu.interceptions = Interceptions {
            when_enabled: when.bits(),
            load_control: sd.lctl.get(),
            load_psw: controls.contains(InterceptionControls::LPSW),
            store_control: controls.contains(InterceptionControls::STCTL),
            operation: controls.contains(InterceptionControls::OPEREXC),
            programs: specification(sd),
            missing_storage: self.paged,
            instructions: guarded_storage::intercepted(sd),
            ..Interceptions::default()
        };
        if self.cpu.measurement.watching {
            self.cpu.begin_measurement();
        }
        self.cpu.arm_timer();
    }

    /// Executes until there is something that the CPU does not do by itself. `delivers` says whether it delivers its timers'
    /// interruptions. The CPU of a guest of this machine, whose state description is `guest`, does more.
    fn execute(
        &mut self,
        guest: Option<&StateDescription>,
        delivers: bool,
        run: &mut Runner<'_>,
        guests: &mut Runner<'_>,
    ) -> Why {
        loop {
            let why = run(&mut self.cpu, self.engine.as_mut());
            let leave = match (why, guest) {
                (Why::Instruction { text, execute_length }, None) if self.interprets(text) => {
                    self.interpret(text, execute_length, guests)
                }
                (Why::Instruction { text, execute_length }, Some(sd)) => match self.assist(sd, text) {
                    Assisted::No => Some(why),
                    Assisted::Partial => {
                        self.partial = true;
                        Some(why)
                    }
                    done => {
                        self.counters.assisted += 1;
                        self.end_assisted(done, if execute_length == 0 { 4 } else { execute_length })
                    }
                },
                (Why::Timer, _)
                    if delivers
                        && self.cpu.interceptions.when_enabled & PswMask::EXTERNAL.bits() == 0
                        && interrupt_by_timer(&mut self.cpu) =>
                {
                    None
                }
                (Why::ExternalCall, Some(sd)) => self.external_call(sd, delivers),
                _ => Some(why),
            };
            if let Some(leave) = leave {
                return leave;
            }
        }
    }

    /// Stores the interception that `why` stands for.
    fn conclude(&mut self, sd: &StateDescription, why: Why) -> Leave {
        match why {
            Why::Attention => {
                if !self.cpu.is_guest() {
                    self.cpu.attention().take(Attention::HOST | Attention::INTERVENTION);
                }
                Leave::HostRequest
            }
            Why::Timer if self.cpu.is_guest() => {
                store_timer(sd, &self.cpu);
                intercept(sd, icpt::EXTINT)
            }
            Why::Timer | Why::HostFault => Leave::HostRequest,
            Why::ExternalCall => intercept(sd, icpt::EXTINT),
            Why::Stop => intercept(sd, icpt::STOP),
            Why::Wait => intercept(sd, icpt::WAIT),
            Why::Enabled => {
                let when = PswMask::from_bits_retain(self.cpu.interceptions.when_enabled);
                let enabled = |mask| self.cpu.psw.has(mask) && when.contains(mask);
                let code = if enabled(PswMask::MACHINE_CHECK) {
                    icpt::MCHKREQ
                } else if enabled(PswMask::EXTERNAL) {
                    icpt::EXTREQ
                } else {
                    icpt::IOREQ
                };
                intercept(sd, code)
            }
            Why::Instruction { text, execute_length } => {
                self.store_text(sd, text, execute_length);
                let code = self.instruction_code(sd, text, execute_length);
                intercept(sd, code)
            }
            Why::OperationException { text, execute_length } => {
                self.store_text(sd, text, execute_length);
                intercept(sd, icpt::OPEREXC)
            }
            Why::Program { code, length } => {
                store_program(sd, &mut self.cpu, code, length);
                self.satellites.store_diagnostic_block(&mut self.cpu);
                intercept(sd, icpt::PROGI)
            }
            Why::ProgramLoop => {
                sd.iprcc.set(ProgramCode::SPECIFICATION.0);
                sd.pgmilc.set(0);
                intercept(sd, icpt::PROGI)
            }
            Why::MissingStorage(absolute) => Leave::MissingStorage(absolute),
            Why::NoLowcore => invalid(sd, Validity::Prefix),
        }
    }

    fn store_text(&self, sd: &StateDescription, text: u64, execute_length: u8) {
        sd.ipa.set((text >> 48) as u16);
        sd.ipb.set((text >> 16) as u32);
        let execute = if execute_length == 0 { 0 } else { icptstatus::executed(execute_length) };
        let fetch = if self.cpu.per_fetch_pending() { icptstatus::PER_IFETCH } else { 0 };
        sd.icptstatus.set(execute | fetch);
    }

    /// The events of the intercepted instruction, which the host has completed by now: those that were recognised before
    /// the interception, and stores by [`Sie::write_logical`]. To be asked for once, before the CPU runs again.
    pub fn take_program_event(&mut self) -> Option<ProgramEvent> {
        let occurred = self.cpu.per_end();
        let data = std::mem::take(&mut self.cpu.program);
        let [code, modes] = data.per_code.to_be_bytes();
        occurred.then_some(ProgramEvent { code, modes, address: data.per_address, access_id: data.per_access_id })
    }

    /// What the state description holds goes into the CPU.
    fn load(&mut self, sd: &StateDescription) {
        let cpu = &mut self.cpu;
        cpu.per_discard();
        let (epoch, carry) = self.clock.0.overflowing_add(sd.epoch.get());
        cpu.set_epoch(epoch, self.clock.1.wrapping_add(sd.epdx.get()).wrapping_add(u8::from(carry)));
        cpu.single_epoch = !Ecd::from_bits_retain(sd.ecd.get()).contains(Ecd::MEF);
        cpu.clock_comparator = sd.ckc.get();
        cpu.set_cpu_timer(sd.cputm.get());
        cpu.todpr = sd.todpr.get();
        cpu.breaking_event_address = sd.gbea.get();
        cpu.program_parameter = sd.pp();
        self.load_controls(sd);
        if !self.cpu.is_guest() && sd.ihcpu.get() == 0xFFFF {
            self.cpu.flush_tlb();
            sd.ihcpu.set(self.cpu.address);
        }
    }

    /// The part of [`Sie::load`] that storage accesses depend on.
    fn load_controls(&mut self, sd: &StateDescription) {
        let cpu = &mut self.cpu;
        let prefix = u64::from(sd.prefix());
        if prefix != cpu.prefix {
            cpu.set_prefix(prefix);
        }
        cpu.psw = Psw::new(sd.gpsw_mask.get(), sd.gpsw_addr.get());
        let before = cpu.cr;
        cpu.cr = std::array::from_fn(|n| sd.gcr[n].get());
        cpu.control_changed(&before);
        cpu.set_psw(cpu.psw);
    }

    fn store(&mut self, sd: &StateDescription) {
        let cpu = &self.cpu;
        let psw = cpu.current_psw();
        sd.gpsw_mask.set(psw.mask);
        sd.gpsw_addr.set(psw.address);
        for (to, from) in sd.gcr.iter().zip(cpu.cr) {
            to.set(from);
        }
        sd.ckc.set(cpu.clock_comparator);
        sd.cputm.set(cpu.cpu_timer());
        sd.todpr.set(cpu.todpr);
        sd.gbea.set(cpu.breaking_event_address);
        sd.set_pp(cpu.program_parameter);
    }

    /// Fetches from guest storage as the guest's PSW and control registers have it; `ar` is the base register's number.
    ///
    /// # Errors
    /// The exception that the guest would get; the buffer's content is then undefined.
    pub fn read_logical(
        &mut self,
        sd: &StateDescription,
        address: u64,
        ar: u8,
        buffer: &mut [u8],
    ) -> Result<(), ProgramInterruption> {
        self.access(sd, |cpu| cpu.read_bytes(AddressSpace::Logical(ar), address & cpu.address_mask, buffer))
    }

    /// Stores into guest storage as the guest's PSW and control registers have it, all or nothing.
    ///
    /// # Errors
    /// The exception that the guest would get; nothing has been stored then.
    pub fn write_logical(
        &mut self,
        sd: &StateDescription,
        address: u64,
        ar: u8,
        bytes: &[u8],
    ) -> Result<(), ProgramInterruption> {
        self.access(sd, |cpu| cpu.write_bytes(AddressSpace::Logical(ar), address & cpu.address_mask, bytes))
    }

    /// Fetches from real storage (prefixing applied).
    ///
    /// # Errors
    /// Addressing exception.
    pub fn read_real(
        &mut self,
        sd: &StateDescription,
        address: u64,
        buffer: &mut [u8],
    ) -> Result<(), ProgramInterruption> {
        self.access(sd, |cpu| {
            for (n, byte) in buffer.iter_mut().enumerate() {
                cpu.read_absolute(cpu.prefixed(address.wrapping_add(n as u64)), std::slice::from_mut(byte))?;
            }
            Ok(())
        })
    }

    /// Stores into real storage (prefixing applied), without regard to protection.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn write_real(&mut self, sd: &StateDescription, address: u64, bytes: &[u8]) -> Result<(), ProgramInterruption> {
        self.access(sd, |cpu| {
            // An 8 KiB boundary is the only place where prefixing can tear the range.
            let first = bytes.len().min((0x2000 - address % 0x2000) as usize);
            cpu.write_absolute(cpu.prefixed(address), &bytes[..first])?;
            cpu.write_absolute(cpu.prefixed(address.wrapping_add(first as u64)), &bytes[first..])
        })
    }

    fn access(
        &mut self,
        sd: &StateDescription,
        f: impl FnOnce(&mut Cpu) -> Result<(), Exit>,
    ) -> Result<(), ProgramInterruption> {
        self.cpu.start_running();
        self.load_controls(sd);
        let result = f(&mut self.cpu);
        self.cpu.stop_running();
        // An exception's parameters.
        let data = std::mem::take(&mut self.cpu.program);
        result.map_err(|exit| ProgramInterruption {
            code: match exit {
                Exit::Program(code) => code.0,
                _ => ProgramCode::ADDRESSING.0,
            },
            teid: data.teid,
            exception_access_id: data.exception_access_id,
        })
    }
}

pub(crate) fn intercept(sd: &StateDescription, code: u8) -> Leave {
    sd.icptcode.set(code);
    Leave::Interception
}
