//! START INTERPRETIVE EXECUTION by a guest that is itself a host: its guests' CPUs, entry and validity, and what becomes of
//! their interceptions. Source: the reference of interpretive execution (entry checks, validity reasons, interceptions).

use softsie_cpu::{
    Cpu, Cr0, Exit, GuestStorage, InterceptedInstructions, Interceptions, Lowcore, ProgramCode, PswMask,
};
use softsie_exec::{Leave as Why, NoObserver, interrupt};
use softsie_jit::Engine;
use softsie_mem::{PAGE_SIZE, SlotMap};

use crate::guarded_storage;
use crate::run::{Leave, Runner, Sie, intercept};
use crate::satellites::Satellites;
use crate::state_description::{
    CpuFlags, Ecb, Ecb2, ExecutionControls, InterceptionControls, StateDescription, icpt, icptstatus,
};
use crate::system_control::SystemControlArea;

/// Guests' CPUs that a CPU remembers with their translations.
const GUESTS: usize = 8;
/// First halfword of START INTERPRETIVE EXECUTION.
const SIE: u64 = 0xB214;
const MIB: u64 = 1 << 20;

/// A guest's CPU that this CPU has interpreted.
pub(crate) struct Guest {
    /// Absolute address of its state description.
    state_description: u64,
    sie: Box<Sie>,
}

impl Guest {
    /// As [`Sie::recheck_code`].
    pub(crate) fn recheck_code(&mut self) {
        self.sie.recheck_code();
    }
}

/// How a guest's CPU has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GuestEnd {
    /// By an interception.
    Interception,
    /// The host is to look up; there is no interception.
    HostRequest,
    /// An access met an exception of the host.
    HostFault,
}

/// Reasons of validity interceptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Validity {
    /// Modes that do not go together.
    Modes = 0x0001,
    /// Interpreted SIE is not installed.
    InterpretedSie = 0x0007,
    /// The prefix area is outside of the guest's storage.
    PrefixOutside = 0x0010,
    /// The system control area is in the host's prefix area.
    SystemControlAreaInPrefix = 0x0011,
    /// The system control area is not in storage.
    SystemControlArea = 0x0034,
    /// The prefix area is not accessible.
    Prefix = 0x0037,
    /// The system control area is among the first two pages.
    SystemControlAreaLow = 0x0038,
    /// The system control area is in two pages.
    SystemControlAreaCrosses = 0x003B,
    /// The formats of the control block for cryptography are not those that there are.
    CryptographyFormat = 0x0022,
    /// The control block for cryptography is not in storage.
    Cryptography = 0x0035,
    /// The control block for cryptography is needed and not there.
    CryptographyOrigin = 0x0039,
    /// The control block for cryptography is in two pages.
    CryptographyCrosses = 0x003C,
    /// The main-storage origin is above the limit.
    Extent = 0x0041,
    /// The control block for runtime instrumentation is not in storage.
    Instrumentation = 0x0043,
    /// The transaction-diagnostic block is not in storage.
    DiagnosticBlock = 0x0080,
    /// The facility list is not in storage.
    FacilityList = 0x1090,
    /// The annex is not in storage.
    Annex = 0x10B0,
    /// The annex has no size that there is.
    AnnexSize = 0x10B1,
    /// The annex is not on its boundary.
    AnnexBoundary = 0x10B2,
    /// The vector registers are not in storage.
    VectorRegisters = 0x1310,
}

/// Stores a validity interception.
pub(crate) fn invalid(sd: &StateDescription, reason: Validity) -> Leave {
    sd.ipa.set(0x1000);
    sd.ipb.set(u32::from(reason as u16) << 16);
    intercept(sd, icpt::VALIDITY)
}

/// The state description at an absolute address that is a multiple of its length.
pub(crate) fn state_description(slots: &SlotMap, absolute: u64) -> Option<&StateDescription> {
    let page = slots.page(absolute)?;
    // SAFETY: the offset is within the page.
    let at = unsafe { page.host.as_ptr().add((absolute % PAGE_SIZE) as usize) };
    #[allow(clippy::cast_ptr_alignment)] // looked at below
    let at = at.cast::<StateDescription>();
    // SAFETY: 512 bytes within the page, which is mapped as long as the slot is there; all fields are atomics, and any bit
    // pattern is one of theirs.
    at.is_aligned().then(|| unsafe { &*at })
}

/// Whether what the state description says can be executed; the parts that need no storage.
fn check(sd: &StateDescription) -> Result<(), Validity> {
    let flags = sd.cpu_flags();
    if !flags.contains(CpuFlags::ZARCH)
        || flags.intersects(CpuFlags::RRF | CpuFlags::MCDS)
        || flags.contains(CpuFlags::GED | CpuFlags::GED2)
        || sd.sdf.get() != 0
    {
        return Err(Validity::Modes);
    }
    if flags.intersects(CpuFlags::SLSV | CpuFlags::SLSR) {
        return Err(Validity::InterpretedSie);
    }
    if !flags.contains(CpuFlags::SM) && sd.mso.get() & !(MIB - 1) > sd.msl.get() | (MIB - 1) {
        return Err(Validity::Extent);
    }
    Ok(())
}

/// Instructions that are intercepted because a control says so or no control permits them.
pub(crate) fn intercepted_instructions(sd: &StateDescription) -> InterceptedInstructions {
    type I = InterceptedInstructions;
    let controls = sd.interception_controls();
    let ecb2 = Ecb2::from_bits_retain(sd.ecb2.get());
    let keyless = sd.has_cpu_flags(CpuFlags::KSS);
    let mut all = I::TIMING;
    for (control, instructions) in [
        (InterceptionControls::ISKE, I::INSERT_KEY),
        (InterceptionControls::SSKE, I::SET_KEY),
        (InterceptionControls::RRBE, I::RESET_REFERENCE),
        (InterceptionControls::TPROT, I::TEST_PROTECTION),
        (InterceptionControls::IPTE, I::INVALIDATE),
        (InterceptionControls::PTLB, I::PURGE),
        (InterceptionControls::SSM, I::SET_SYSTEM_MASK),
        (InterceptionControls::STNSM, I::AND_SYSTEM_MASK),
        (InterceptionControls::STOSM, I::OR_SYSTEM_MASK),
        (InterceptionControls::STCK, I::STORE_CLOCK),
        (InterceptionControls::SPT, I::CPU_TIMER),
        (InterceptionControls::SCKC, I::CLOCK_COMPARATOR),
        (InterceptionControls::TS, I::FAILED_TEST),
        (InterceptionControls::CS, I::FAILED_SWAP),
        (InterceptionControls::CDS, I::FAILED_DOUBLE_SWAP),
        (InterceptionControls::PC, I::PROGRAM_CALL),
        (InterceptionControls::PT, I::PROGRAM_TRANSFER),
        (InterceptionControls::PR, I::PROGRAM_RETURN),
        (InterceptionControls::LASP, I::LOAD_PARAMETERS),
        (InterceptionControls::BAKR, I::STACK),
        (InterceptionControls::BSA, I::SET_AUTHORITY),
        (InterceptionControls::PGX, I::MOVE_BLOCK),
    ] {
        all.set(instructions, controls.contains(control));
    }
    if keyless {
        all |= I::INSERT_KEY | I::SET_KEY | I::RESET_REFERENCE;
    }
    all.set(I::MANAGE_FRAME, !ecb2.contains(Ecb2::PFMFI));
    let no_list = sd.fac.get() & FACILITY_LIST == 0;
    all.set(I::FACILITY_LIST, no_list || controls.contains(InterceptionControls::FACILITY));
    all.set(I::MOVE_PAGE, !sd.execution_controls().contains(ExecutionControls::MVPGI));
    all | guarded_storage::intercepted(sd)
}

/// Where the designation of the release list is in the state description.
const RELEASE_LIST: u64 = core::mem::offset_of!(StateDescription, cbrlo) as u64;
/// Address bits of the facility-list designation.
const FACILITY_LIST: u32 = 0x7FFF_FFF8;

/// Specification exceptions, when they are intercepted: their bit.
pub(crate) fn specification(sd: &StateDescription) -> u128 {
    let interpreted = Ecb::from_bits_retain(sd.ecb.get()).contains(Ecb::SPECI);
    u128::from(!interpreted) << ProgramCode::SPECIFICATION.0
}

/// Program interruptions that are intercepted: bit `n` for code `n`.
pub(crate) fn intercepted_programs(sd: &StateDescription) -> u128 {
    let controls = sd.interception_controls();
    if controls.contains(InterceptionControls::PINT) {
        return u128::MAX;
    }
    let bit = |code: ProgramCode, on: bool| u128::from(on) << code.0;
    let per = if sd.has_cpu_flags(CpuFlags::P) { Interceptions::PER } else { 0 };
    bit(ProgramCode::ADDRESSING, true)
        | specification(sd)
        | bit(ProgramCode::PROTECTION, !sd.execution_controls().contains(ExecutionControls::PROTEXCI))
        | bit(ProgramCode::PRIVILEGED_OPERATION, controls.contains(InterceptionControls::PRIVILEGED))
        | per
}

/// Bits of control register 0 for what the host withholds.
pub(crate) fn withheld(sd: &StateDescription) -> u64 {
    let vector = sd.execution_controls().contains(ExecutionControls::VX);
    let transactions = Ecb::from_bits_retain(sd.ecb.get()).contains(Ecb::TE);
    let large_frames = sd.cpu_flags().intersects(CpuFlags::GED | CpuFlags::GED2);
    let execution_protection = Ecb2::from_bits_retain(sd.ecb2.get()).contains(Ecb2::IEP);
    let bits = |on: bool, what: Cr0| if on { 0 } else { what.bits() };
    bits(vector, Cr0::VECTOR)
        | bits(transactions, Cr0::TRANSACTIONAL)
        | bits(large_frames, Cr0::ENHANCED_DAT)
        | bits(execution_protection, Cr0::INSTRUCTION_EXECUTION_PROTECTION)
}

/// Whether an intercepted instruction is one of those that the keyless subset leaves out.
pub(crate) fn uses_keys(text: u64) -> bool {
    matches!(text >> 48, 0xB229..=0xB22B | 0xB9AC | 0xB9AE)
}

/// Stores the parameters of an intercepted program interruption.
pub(crate) fn store_program(sd: &StateDescription, cpu: &mut Cpu, code: ProgramCode, length: u8) {
    let data = std::mem::take(&mut cpu.program);
    let [per_code, per_modes] = data.per_code.to_be_bytes();
    sd.pgmilc.set(u16::from(length));
    sd.iprcc.set(code.0);
    sd.dxc.set(u32::from(data.dxc));
    sd.mcn.set(data.monitor_class);
    sd.perc.set(per_code);
    sd.peratmid.set(per_modes);
    sd.peraddr.set(data.per_address);
    sd.eai.set(data.exception_access_id);
    sd.peraid.set(data.per_access_id);
    sd.oai.set(data.operand_access_id);
    sd.tecmc.set(if code.0 & 0x7F == ProgramCode::MONITOR_EVENT.0 { data.monitor_code } else { data.teid });
}

/// The code of the external interruption by one of the CPU's timers that is due.
fn timer_code(cpu: &Cpu) -> u16 {
    const CLOCK_COMPARATOR: u16 = 0x1004;
    const CPU_TIMER: u16 = 0x1005;
    if cpu.cr0().contains(softsie_cpu::Cr0::CLOCK_COMPARATOR) && cpu.clock_comparator_pending() {
        CLOCK_COMPARATOR
    } else {
        CPU_TIMER
    }
}

/// Delivers a timer's interruption to a guest's CPU; false when it is to be intercepted.
pub(crate) fn interrupt_by_timer(cpu: &mut Cpu) -> bool {
    // With external interruptions enabled anew the same interruption would follow at once.
    let new = cpu.read_lowcore::<u64>(Lowcore::EXTERNAL_NEW_PSW);
    if new.is_ok_and(|mask| mask & PswMask::EXTERNAL.bits() != 0) {
        return false;
    }
    let code = timer_code(cpu);
    let done = cpu
        .write_lowcore(Lowcore::EXTERNAL_CPU_ADDRESS, 0u16)
        .and_then(|()| cpu.write_lowcore(Lowcore::EXTERNAL_CODE, code))
        .and_then(|()| cpu.swap_psw(Lowcore::EXTERNAL_OLD_PSW, Lowcore::EXTERNAL_NEW_PSW));
    cpu.arm_timer();
    done.is_ok()
}

/// Stores the parameters of a timer's interruption that is intercepted.
pub(crate) fn store_timer(sd: &StateDescription, cpu: &Cpu) {
    sd.eiparams.set(0);
    sd.extcpuaddr.set(0);
    sd.eic.set(timer_code(cpu));
}

impl Sie {
    /// Whether an intercepted instruction is one that this CPU interprets.
    pub(crate) fn interprets(&self, text: u64) -> bool {
        self.cpu.interprets && text >> 48 == SIE
    }

    /// START INTERPRETIVE EXECUTION, which the CPU has just met: `None` when it goes on at its PSW.
    pub(crate) fn interpret(&mut self, text: u64, execute_length: u8, run: &mut Runner<'_>) -> Option<Why> {
        let length = if execute_length == 0 { 4 } else { execute_length };
        let at = self.cpu.psw.address.wrapping_sub(u64::from(length)) & self.cpu.address_mask;
        let base = (text >> 44 & 15) as usize;
        let base = if base == 0 { 0 } else { self.cpu.gr[base] };
        let real = self.cpu.wrap(base.wrapping_add(text >> 32 & 0xFFF));
        let absolute = self.cpu.prefixed(real);
        let slots = self.cpu.storage.map();
        let Some(sd) = state_description(&slots, absolute) else {
            return interrupt(&mut self.cpu, &mut NoObserver, ProgramCode::ADDRESSING, length);
        };
        let missed = self.cpu.take_log();
        for guest in &mut self.guests {
            guest.sie.cpu.serve_log(&missed);
        }
        self.choose_guest(absolute);
        let Sie { cpu, guests, counters, .. } = self;
        counters.entries += 1;
        let (Guest { sie: guest, .. }, others) = guests.split_first_mut()?;
        let before = guest.cpu.statistics.instructions;
        let end = match check(sd).and_then(|()| guest.take_over(cpu, sd, absolute)) {
            Err(validity) => {
                invalid(sd, validity);
                GuestEnd::Interception
            }
            Ok(()) => {
                let guarded_storage = guarded_storage::take(cpu, sd);
                guest.cpu.guarded_storage = guarded_storage.unwrap_or_default();
                let storage = cpu.storage.clone();
                // The slots may be others by now; what was a state description is not to be touched then.
                let has_state =
                    || state_description(&storage.map(), absolute).is_some_and(|other| std::ptr::eq(other, sd));
                cpu.watch_requests(Some(absolute));
                let end = guest.run_guest(sd, run, has_state);
                cpu.watch_requests(None);
                cpu.gr[..14].copy_from_slice(&guest.cpu.gr[..14]);
                (cpu.ar, cpu.fpc) = (guest.cpu.ar, guest.cpu.fpc);
                if !guest.satellites.store_vector_registers(&mut guest.cpu) {
                    cpu.vr = guest.cpu.vr;
                }
                if guarded_storage.is_some() && has_state() {
                    guarded_storage::give_back(cpu, sd, guest.cpu.guarded_storage);
                }
                end
            }
        };
        counters.instructions += guest.cpu.statistics.instructions - before;
        counters.assisted += std::mem::take(&mut guest.counters.assisted);
        match end {
            GuestEnd::Interception => counters.interceptions[usize::from(sd.icptcode.get())] += 1,
            GuestEnd::HostRequest => counters.host_requests += 1,
            GuestEnd::HostFault => counters.host_faults += 1,
        }
        let messages = guest.cpu.take_log();
        if !messages.is_empty() {
            cpu.serve_log(&messages);
            for other in others {
                other.sie.cpu.serve_log(&messages);
            }
        }
        cpu.arm_timer();
        if end == GuestEnd::Interception {
            return None;
        }
        cpu.psw.address = at;
        if end == GuestEnd::HostFault
            && let Exit::Program(code) = cpu.take_host_fault(&guest.cpu)
        {
            return interrupt(cpu, &mut NoObserver, code, length);
        }
        None
    }

    /// Puts the guest's CPU of this state description in front, in place of the one used longest ago.
    fn choose_guest(&mut self, state_description: u64) {
        let known = self.guests.iter().position(|guest| guest.state_description == state_description);
        match known {
            Some(0) => {}
            Some(n) => self.guests[..=n].rotate_right(1),
            None => {
                self.guests.truncate(GUESTS - 1);
                let sie = Sie::of(self.cpu.guest(), self.engine.as_ref().map(Engine::beside));
                self.guests.insert(0, Guest { state_description, sie: Box::new(sie) });
            }
        }
    }

    /// Makes this the CPU of the state description, interpreted by `host`.
    fn take_over(&mut self, host: &Cpu, sd: &StateDescription, absolute: u64) -> Result<(), Validity> {
        let (origin, last) = if sd.has_cpu_flags(CpuFlags::SM) {
            (0, u64::MAX)
        } else {
            (sd.mso.get() & !(MIB - 1), sd.msl.get() | (MIB - 1))
        };
        let list = sd.fac.get() & FACILITY_LIST;
        self.area = SystemControlArea::of(sd, host)?;
        self.satellites = Satellites::of(sd, host)?;
        let manages = Ecb2::from_bits_retain(sd.ecb2.get()).contains(Ecb2::CMMA);
        let interlocked = sd.execution_controls().contains(ExecutionControls::SII);
        let storage = GuestStorage {
            origin,
            last,
            state_description: absolute,
            facility_list: (list != 0).then_some(u64::from(list)),
            release_list: (manages && host.page_status).then_some(absolute + RELEASE_LIST),
            page_status: host.page_status,
            interlock: self.area.filter(|_| interlocked).map(SystemControlArea::interlock),
        };
        self.cpu.attach(host, storage);
        if sd.ihcpu.get() != host.address {
            self.cpu.flush_tlb();
            sd.ihcpu.set(host.address);
        }
        self.cpu.address = sd.icpua.get();
        let prefix = u64::from(sd.prefix());
        if prefix != self.cpu.prefix {
            self.cpu.set_prefix(prefix);
        }
        // The second page takes what an aborted transaction leaves.
        let both = Ecb::from_bits_retain(sd.ecb.get()).contains(Ecb::TE);
        if prefix.checked_add(origin).is_none_or(|first| first > last) {
            return Err(Validity::PrefixOutside);
        }
        if !self.cpu.has_prefix_area(both) {
            return Err(Validity::Prefix);
        }
        self.clock = (host.epoch, host.epoch_index);
        self.cpu.user_epoch = 0;
        self.cpu.gr[..14].copy_from_slice(&host.gr[..14]);
        (self.cpu.gr[14], self.cpu.gr[15]) = (sd.gg14.get(), sd.gg15.get());
        (self.cpu.ar, self.cpu.vr, self.cpu.fpc) = (host.ar, host.vr, host.fpc);
        self.satellites.wrap_keys(sd, host, &mut self.cpu);
        self.satellites.load_vector_registers(&mut self.cpu);
        Ok(())
    }

    /// The interception code of an intercepted instruction; the PSW goes back before one that is to be done again.
    pub(crate) fn instruction_code(&mut self, sd: &StateDescription, text: u64, execute_length: u8) -> u8 {
        if self.cpu.is_guest() && uses_keys(text) && sd.has_cpu_flags(CpuFlags::KSS) {
            let length = if execute_length == 0 { 4 } else { u64::from(execute_length) };
            let before = self.cpu.psw.address.wrapping_sub(length) & self.cpu.address_mask;
            sd.gpsw_addr.set(before);
            sd.icptstatus.set(sd.icptstatus.get() & !icptstatus::EXECUTED);
            return icpt::KSS;
        }
        match self.cpu.partial_move.take() {
            Some(entries) => {
                sd.set_partial_move(entries);
                icpt::PARTEXEC
            }
            None if std::mem::take(&mut self.partial) => icpt::PARTEXEC,
            None => icpt::INST,
        }
    }
}
