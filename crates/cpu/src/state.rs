//! The CPU: its registers and everything that hangs on one CPU (TLB, decoded code, mailbox).
//! Source: Principles of Operation, chapter 2 (registers), chapter 4 (Control), chapter 21 (vector registers).

use std::sync::Arc;

use softsie_isa::Operands;
use softsie_mem::{SlotMap, Storage};

use crate::broadcast::{Attention, Cluster, Mailbox};
use crate::clock::TimerService;
use crate::code::{CodeCache, CodePage, Dispatch};
use crate::control::Cr0;
use crate::exit::{Exit, ProgramCode};
use crate::guarded_storage::GuardedStorage;
use crate::guest::{Host, Log};
use crate::interruption::ProgramData;
use crate::measurement::Measurement;
use crate::model::Model;
use crate::per::Per;
use crate::psw::Psw;
use crate::tlb::{Space, Spaces, TlbEntry};
use crate::transaction::Transaction;

/// An EXECUTE-type instruction whose target is being executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execute {
    /// Address of the target: what relative operands are relative to.
    pub target: u64,
    /// Address after the EXECUTE: the next sequential instruction.
    pub next: u64,
    /// The target's text after modification, left aligned.
    pub text: u64,
    /// Length of the EXECUTE-type instruction, which is the instruction length of interruptions.
    pub length: u8,
}

/// What the host wants to see happen, in addition to what it always sees. Source: the state description's interception
/// controls (`ictl`, `lctl`) and intervention requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interceptions {
    /// PSW mask bits (of [`crate::PswMask`]) that make the CPU leave when any of them is on.
    pub when_enabled: u64,
    /// LOAD CONTROL of these registers is intercepted: bit 0x8000 for CR0, 0x4000 for CR1, …
    pub load_control: u16,
    /// LOAD PSW in its forms is intercepted.
    pub load_psw: bool,
    /// STORE CONTROL is intercepted.
    pub store_control: bool,
    /// Operation exceptions are intercepted.
    pub operation: bool,
    /// Storage that is not there is the host's to provide: an addressing exception makes the CPU leave before the instruction.
    pub missing_storage: bool,
    /// Program interruptions that are intercepted: bit `n` for code `n`, see [`Interceptions::PER`].
    pub programs: u128,
    /// Instructions that are intercepted.
    pub instructions: InterceptedInstructions,
    /// Bits of control register 0 for facilities that the host withholds: they count as zero.
    pub withheld: u64,
    /// Enhanced DAT 2 is withheld: there are no frames of 2 GiB.
    pub no_region_frames: bool,
    /// PCKMO encrypts no keys of elliptic curves.
    pub no_curve_keys: bool,
    /// External calls come by way of the state description of a guest's CPU.
    pub external_calls: bool,
    /// Supervisor calls that are intercepted: see [`Interceptions::intercepts_call`].
    pub supervisor_calls: u32,
}

impl Interceptions {
    /// In [`Interceptions::programs`]: program-event recording is.
    pub const PER: u128 = 1 << 127;

    /// What is withheld that translations can depend on: when it changes, they have to be made anew.
    pub fn withheld_translation(&self) -> (u64, bool) {
        (self.withheld, self.no_region_frames)
    }

    /// Whether SUPERVISOR CALL with this number is intercepted: all are, or it is one of three.
    pub fn intercepts_call(&self, number: u8) -> bool {
        let [which, numbers @ ..] = self.supervisor_calls.to_be_bytes();
        which & 0x80 != 0 || (0..3).any(|n| which & 0x40 >> n != 0 && numbers[n] == number)
    }

    /// Whether a program interruption is intercepted.
    pub fn intercepts_program(&self, code: ProgramCode) -> bool {
        self.programs >> (code.0 & 0x7F) & 1 != 0
            || code.0 & ProgramCode::PER.0 != 0 && self.programs & Interceptions::PER != 0
    }
}

bitflags::bitflags! {
    /// Instructions that the host of a guest may intercept, and CPUs without a host in this machine execute.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct InterceptedInstructions: u32 {
        /// INSERT STORAGE KEY EXTENDED, INSERT REFERENCE BITS MULTIPLE.
        const INSERT_KEY = 1;
        /// SET STORAGE KEY EXTENDED.
        const SET_KEY = 1 << 1;
        /// RESET REFERENCE BIT EXTENDED, RESET REFERENCE BITS MULTIPLE.
        const RESET_REFERENCE = 1 << 2;
        /// PERFORM FRAME MANAGEMENT FUNCTION.
        const MANAGE_FRAME = 1 << 3;
        /// TEST PROTECTION.
        const TEST_PROTECTION = 1 << 4;
        /// INVALIDATE PAGE TABLE ENTRY and its like, COMPARE AND SWAP AND PURGE.
        const INVALIDATE = 1 << 5;
        /// PURGE TLB and PURGE ALB.
        const PURGE = 1 << 6;
        /// SET SYSTEM MASK.
        const SET_SYSTEM_MASK = 1 << 7;
        /// STORE THEN AND SYSTEM MASK.
        const AND_SYSTEM_MASK = 1 << 8;
        /// STORE THEN OR SYSTEM MASK.
        const OR_SYSTEM_MASK = 1 << 9;
        /// STORE CLOCK.
        const STORE_CLOCK = 1 << 10;
        /// SET CPU TIMER, STORE CPU TIMER.
        const CPU_TIMER = 1 << 11;
        /// SET CLOCK COMPARATOR, STORE CLOCK COMPARATOR.
        const CLOCK_COMPARATOR = 1 << 12;
        /// SET CLOCK PROGRAMMABLE FIELD.
        const TIMING = 1 << 13;
        /// STORE FACILITY LIST EXTENDED.
        const FACILITY_LIST = 1 << 14;
        /// MOVE PAGE.
        const MOVE_PAGE = 1 << 15;
        /// LOAD and STORE GUARDED STORAGE CONTROLS.
        const GUARDED_STORAGE = 1 << 16;
        /// PROGRAM CALL.
        const PROGRAM_CALL = 1 << 17;
        /// PROGRAM TRANSFER.
        const PROGRAM_TRANSFER = 1 << 18;
        /// PROGRAM RETURN.
        const PROGRAM_RETURN = 1 << 19;
        /// LOAD ADDRESS SPACE PARAMETERS.
        const LOAD_PARAMETERS = 1 << 20;
        /// BRANCH AND STACK.
        const STACK = 1 << 21;
        /// BRANCH AND SET AUTHORITY.
        const SET_AUTHORITY = 1 << 22;
        /// TEST AND SET that finds the lock taken.
        const FAILED_TEST = 1 << 23;
        /// COMPARE AND SWAP that finds another value.
        const FAILED_SWAP = 1 << 24;
        /// COMPARE DOUBLE AND SWAP that finds another value.
        const FAILED_DOUBLE_SWAP = 1 << 25;
        /// PAGE IN, PAGE OUT.
        const MOVE_BLOCK = 1 << 26;
        /// Those of which it depends on their outcome.
        const FAILURES = Self::FAILED_TEST.bits() | Self::FAILED_SWAP.bits() | Self::FAILED_DOUBLE_SWAP.bits();
    }
}

/// Counters, for `--stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Instructions executed.
    pub instructions: u64,
    /// Operand accesses whose translation was in the TLB.
    pub tlb_hits: u64,
    /// Operand translations made because the TLB had none.
    pub tlb_misses: u64,
    /// Instruction-fetch translations made.
    pub fetch_misses: u64,
    /// Times the whole TLB was purged.
    pub tlb_flushes: u64,
    /// Straight-line runs decoded.
    pub decoded_runs: u64,
    /// Stores into pages with decoded code.
    pub code_stores: u64,
    /// Program interruptions taken.
    pub program_interruptions: u64,
}

/// One CPU.
///
/// `repr(C)` with the hottest fields first: the interpreter and generated code reach them with short offsets.
#[repr(C)]
pub struct Cpu {
    /// General registers.
    pub gr: [u64; 16],
    /// Target of a taken branch, or where [`crate::Exit::Continue`] goes on.
    pub next_ia: u64,
    /// Virtual address of the page that is being executed.
    pub run_base: u64,
    /// Ones where an address has bits in the current addressing mode.
    pub address_mask: u64,
    /// Entries of the current operand space.
    pub(crate) tlb: *const TlbEntry,
    pub(crate) run_page: *mut CodePage,
    pub(crate) fetch_space: *mut Space,
    pub(crate) data_space: *mut Space,
    /// Condition code, 0 to 3. The PSW's own bits are brought up to date by [`Cpu::current_psw`].
    pub cc: u8,
    /// The PSW. Its address is up to date between runs only; its condition code is in [`Cpu::cc`].
    pub psw: Psw,
    /// Set while the target of an EXECUTE-type instruction is executed.
    pub execute: Option<Execute>,
    /// Control registers. After a change call [`Cpu::control_changed`].
    pub cr: [u64; 16],
    /// Vector registers as numbers: element 0 is most significant; floating-point register n is the left half of vr\[n\].
    pub vr: [u128; 32],
    /// Access registers.
    pub ar: [u32; 16],
    /// Floating-point-control register.
    pub fpc: u32,
    /// Prefix, a multiple of 8 KiB.
    pub prefix: u64,
    /// TOD programmable register.
    pub todpr: u32,
    /// Breaking-event-address register.
    pub breaking_event_address: u64,
    /// Program parameter (LPP).
    pub program_parameter: u64,
    /// Guarded-storage registers.
    pub guarded_storage: GuardedStorage,
    /// Clock comparator.
    pub clock_comparator: u64,
    /// Guest TOD clock minus host TOD clock; [`Cpu::set_epoch`] changes it.
    pub epoch: u64,
    /// The epoch index of that difference (multiple-epoch facility).
    pub epoch_index: u8,
    /// The multiple-epoch facility is kept from the CPU by its state description.
    pub single_epoch: bool,
    /// The part of the difference that a program set with PTFF-STOU.
    pub user_epoch: u64,
    pub(crate) cpu_timer_set: u64,
    pub(crate) cpu_timer_since: u64,
    /// A timer interruption was pending and enabled in CR0 when last looked at; the PSW may still mask it.
    pub timer_due: bool,
    /// What the host wants to see.
    pub interceptions: Interceptions,
    /// START INTERPRETIVE EXECUTION is interpreted; else the host completes it.
    pub interprets: bool,
    /// Hosts in this machine have page-status tables: storage-key instructions of guests are interpreted by them.
    pub page_status: bool,
    /// Where the host's table entries are for destination and source of a MOVE PAGE that is intercepted because the host has
    /// not both pages.
    pub partial_move: Option<[u64; 2]>,
    /// Parameters of the program interruption being recognised.
    pub program: ProgramData,
    /// Where storage was missing when an addressing exception was last recognised.
    pub(crate) missing_storage: core::cell::Cell<u64>,
    pub(crate) per: Per,
    /// The transaction being executed.
    pub transaction: Transaction,
    /// This CPU has all others stand still.
    pub(crate) stops_others: bool,
    /// CPU address.
    pub address: u16,
    /// What is installed.
    pub model: Arc<Model>,
    /// Guest storage.
    pub storage: Arc<Storage>,
    pub(crate) slots: Arc<SlotMap>,
    pub(crate) spaces: Spaces,
    /// Decoded code.
    pub code: CodeCache,
    /// Counters.
    pub statistics: Statistics,
    /// What is measured.
    pub measurement: Box<Measurement>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) timers: Arc<TimerService>,
    /// The CPU that interprets this one, when it is of a guest of this machine.
    pub(crate) host: Option<Box<Host>>,
    pub(crate) log: Log,
}

// SAFETY: the raw pointers point into boxes that the CPU owns (spaces, code pages); they move with it.
unsafe impl Send for Cpu {}

/// The storage-key-removal facility.
const STORAGE_KEY_REMOVAL: u16 = 169;

impl Cpu {
    /// Whether this CPU has no storage keys, and its access key is always zero.
    pub fn is_without_keys(&self) -> bool {
        self.model.facilities.has(STORAGE_KEY_REMOVAL)
    }

    /// Whether the PSW may be in effect on this CPU.
    pub fn psw_is_valid(&self) -> bool {
        self.psw.is_valid() && (self.psw.key() == 0 || !self.is_without_keys())
    }

    /// The interception of an instruction that the host wants to see.
    ///
    /// # Errors
    /// [`Exit::Intercept`].
    #[inline]
    pub fn check_interception(&self, instruction: InterceptedInstructions) -> Result<(), Exit> {
        if self.interceptions.instructions.contains(instruction) { Err(Exit::Intercept) } else { Ok(()) }
    }

    /// A CPU with all registers zero (but CR0 and CR14 as after an initial CPU reset), not running.
    pub fn new(
        address: u16,
        model: Arc<Model>,
        storage: Arc<Storage>,
        cluster: Arc<Cluster>,
        timers: Arc<TimerService>,
        dispatch: Dispatch,
    ) -> Cpu {
        let mailbox = cluster.join();
        Cpu::over(address, model, storage, cluster, mailbox, timers, dispatch)
    }

    /// As [`Cpu::new`], with a mailbox that is there already.
    pub(crate) fn over(
        address: u16,
        model: Arc<Model>,
        storage: Arc<Storage>,
        cluster: Arc<Cluster>,
        mailbox: Arc<Mailbox>,
        timers: Arc<TimerService>,
        dispatch: Dispatch,
    ) -> Cpu {
        let mut cpu = Cpu {
            gr: [0; 16],
            next_ia: 0,
            run_base: 0,
            address_mask: 0,
            tlb: std::ptr::null(),
            run_page: std::ptr::null_mut(),
            fetch_space: std::ptr::null_mut(),
            data_space: std::ptr::null_mut(),
            cc: 0,
            psw: Psw::default(),
            execute: None,
            cr: [0; 16],
            vr: [0; 32],
            ar: [0; 16],
            fpc: 0,
            prefix: 0,
            todpr: 0,
            breaking_event_address: 1,
            program_parameter: 0,
            guarded_storage: GuardedStorage::default(),
            clock_comparator: 0,
            epoch: 0,
            epoch_index: 0,
            single_epoch: false,
            user_epoch: 0,
            cpu_timer_set: 0,
            cpu_timer_since: 0,
            timer_due: false,
            interceptions: Interceptions::default(),
            interprets: false,
            page_status: false,
            partial_move: None,
            program: ProgramData::default(),
            missing_storage: core::cell::Cell::new(0),
            per: Per::default(),
            transaction: Transaction::default(),
            stops_others: false,
            address,
            model,
            slots: storage.map(),
            storage,
            spaces: Spaces::new(),
            code: CodeCache::new(dispatch),
            statistics: Statistics::default(),
            measurement: Box::default(),
            cluster,
            mailbox,
            timers,
            host: None,
            log: Log::default(),
        };
        cpu.cr[0] = 0xE0;
        cpu.cr[14] = 0xC200_0000;
        cpu.set_psw(Psw::default());
        cpu
    }

    /// Control register 0.
    #[inline(always)]
    pub fn cr0(&self) -> Cr0 {
        Cr0::from_bits_retain(self.cr[0])
    }

    /// Control register 0 without the bits for facilities that the host withholds.
    #[inline(always)]
    pub fn effective_cr0(&self) -> u64 {
        self.cr[0] & !self.interceptions.withheld
    }

    /// Whether enhanced DAT 2 is installed and not withheld by the host.
    pub fn has_enhanced_dat_2(&self) -> bool {
        self.model.facilities.has(78) && !self.interceptions.no_region_frames
    }

    /// The PSW with the condition code in place.
    pub fn current_psw(&self) -> Psw {
        let mut psw = self.psw;
        psw.set_cc(self.cc);
        psw
    }

    /// Loads a PSW: condition code, addressing mode and address spaces follow.
    pub fn set_psw(&mut self, psw: Psw) {
        self.psw = psw;
        self.cc = psw.cc();
        self.address_mask = psw.address_mask();
        self.select_spaces();
    }

    /// Makes changes of control registers effective; `changed` are their values before. Purges the TLB when bits of CR0
    /// changed that translations depend on.
    pub fn control_changed(&mut self, before: &[u64; 16]) {
        let relevant = (Cr0::LOW_ADDRESS_PROTECTION
            | Cr0::FETCH_PROTECTION_OVERRIDE
            | Cr0::STORAGE_PROTECTION_OVERRIDE
            | Cr0::ENHANCED_DAT
            | Cr0::INSTRUCTION_EXECUTION_PROTECTION)
            .bits();
        if (self.cr[0] ^ before[0]) & relevant != 0 {
            self.flush_tlb();
        }
        if (self.cr[0] ^ before[0]) & (Cr0::CLOCK_COMPARATOR | Cr0::CPU_TIMER | Cr0::CLOCK_COMPARATOR_SIGN).bits() != 0
        {
            self.arm_timer();
        }
        self.select_spaces();
    }

    /// Sets the prefix and purges what depended on it.
    pub fn set_prefix(&mut self, prefix: u64) {
        self.prefix = prefix & 0x7FFF_E000;
        self.flush_tlb();
    }

    /// The attention word.
    #[inline(always)]
    pub fn attention(&self) -> &Attention {
        &self.mailbox.attention
    }

    /// A handle by which other threads raise this CPU's attention.
    pub fn attention_handle(&self) -> AttentionHandle {
        AttentionHandle(self.mailbox.clone())
    }

    /// Address of the instruction with operands `o`, or of the EXECUTE target: what its relative operands are relative to.
    #[inline(always)]
    pub fn relative_base(&self, o: &Operands) -> u64 {
        match self.execute {
            None => self.run_base.wrapping_add(u64::from(o.page_offset())),
            Some(e) => e.target,
        }
    }

    /// The instruction length that an interruption after the instruction shows: the EXECUTE's for a target.
    pub fn interruption_length(&self, o: &Operands) -> u8 {
        match self.execute {
            None => o.length(),
            Some(e) => e.length,
        }
    }

    /// Address of the next sequential instruction, in the current addressing mode.
    #[inline(always)]
    pub fn next_sequential(&self, o: &Operands) -> u64 {
        let next = match self.execute {
            None => self.run_base.wrapping_add(u64::from(o.page_offset()) + u64::from(o.length())),
            Some(e) => e.next,
        };
        next & self.address_mask
    }
}

impl Drop for Cpu {
    fn drop(&mut self) {
        if self.is_guest() {
            return;
        }
        self.timers.arm(&self.mailbox, None);
        self.cluster.depart(&self.mailbox);
    }
}

/// Raises a CPU's attention from any thread.
#[derive(Clone, Debug)]
pub struct AttentionHandle(Arc<Mailbox>);

impl std::ops::Deref for AttentionHandle {
    type Target = Attention;

    fn deref(&self) -> &Attention {
        &self.0.attention
    }
}
