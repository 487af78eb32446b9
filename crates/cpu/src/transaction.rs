//! Transactional execution: nesting, the controls of TRANSACTION BEGIN, commitment, abortion and the transaction diagnostic
//! block. Source: Principles of Operation, chapter 5, Transactional-Execution Facility; chapter 3, Assigned Storage
//! Locations (program-interruption TDB).

use std::ptr::NonNull;

use softsie_mem::{PAGE_SIZE, PageMarks, StorageKey};

use crate::access::{Access, AddressSpace};
use crate::broadcast::Request;
use crate::exit::{Exit, ProgramCode};
use crate::isolation::Isolation;
use crate::psw::{Psw, PswMask};
use crate::state::Cpu;

/// The deepest nesting.
pub const MAX_NESTING: u8 = 15;
/// Instructions of a constrained transaction, without those that begin and end it.
const CONSTRAINED_INSTRUCTIONS: u32 = 32;
/// Within so many bytes from its beginning.
const CONSTRAINED_BYTES: u64 = 256;
/// Aligned pieces of 32 bytes that its operands may lie in.
const CONSTRAINED_OCTOWORDS: usize = 4;
/// After so many attempts of a constrained transaction the next one has the machine for itself.
const ATTEMPTS: u32 = 4;
/// So often a transaction looks whether it can still succeed: one that cannot must not run for ever.
const LOOK_EVERY: u32 = 64;
/// Length of a transaction diagnostic block.
const TDB: usize = 256;

/// Why a transaction is aborted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abort {
    /// The transaction-abort code.
    pub code: u64,
    /// The condition code with which the program goes on.
    pub cc: u8,
}

#[allow(missing_docs)] // the names are the architecture's
impl Abort {
    pub const EXTERNAL: Abort = Abort { code: 2, cc: 2 };
    pub const PROGRAM: u64 = 4;
    pub const MACHINE_CHECK: Abort = Abort { code: 5, cc: 2 };
    pub const IO: Abort = Abort { code: 6, cc: 2 };
    pub const FETCH_OVERFLOW: Abort = Abort { code: 7, cc: 3 };
    pub const STORE_OVERFLOW: Abort = Abort { code: 8, cc: 3 };
    pub const FETCH_CONFLICT: Abort = Abort { code: 9, cc: 2 };
    pub const STORE_CONFLICT: Abort = Abort { code: 10, cc: 2 };
    pub const RESTRICTED: Abort = Abort { code: 11, cc: 3 };
    pub const FILTERED: Abort = Abort { code: 12, cc: 3 };
    pub const NESTING: Abort = Abort { code: 13, cc: 3 };
    pub const GUARDED_STORAGE: Abort = Abort { code: 19, cc: 2 };
    pub const MISCELLANEOUS: Abort = Abort { code: 255, cc: 2 };
}

/// What one level of nesting permits, those around it included.
#[derive(Clone, Copy, Default, Debug)]
pub struct Controls {
    /// Access registers may be modified.
    pub access_registers: bool,
    /// Floating-point and vector instructions may be executed.
    pub floating_point: bool,
    /// Program-interruption filtering: 0 none, 1 limited, 2 moderate.
    pub filtering: u8,
}

/// A CPU's transaction, if it is executing one.
pub struct Transaction {
    depth: u8,
    constrained: bool,
    /// All other CPUs stand still until it ends.
    exclusive: bool,
    /// It cannot succeed any more.
    doomed: bool,
    levels: [Controls; MAX_NESTING as usize + 1],
    abort_psw: Psw,
    saved: [u64; 16],
    /// Bit 0x80 for registers 0 and 1, 0x40 for 2 and 3, …
    save_mask: u8,
    /// Address of the program's TDB and the number of its base register.
    block: Option<(u64, u8)>,
    /// Address of the instruction that began it.
    begin: u64,
    instructions: u32,
    /// The transaction-diagnostic control has it aborted after so many instructions.
    limit: Option<u32>,
    random: u32,
    octowords: Vec<u64>,
    /// Attempts of a constrained transaction in a row that failed.
    failures: u32,
    why: Option<Abort>,
    /// The diagnostic block of a program interruption that is about to be taken: the interruption's, or its host's.
    pub program_block: Option<Box<[u8; TDB]>>,
    pub(crate) isolation: Isolation,
}

impl Default for Transaction {
    fn default() -> Self {
        Transaction {
            depth: 0,
            constrained: false,
            exclusive: false,
            doomed: false,
            levels: [Controls::default(); MAX_NESTING as usize + 1],
            abort_psw: Psw::default(),
            saved: [0; 16],
            save_mask: 0,
            block: None,
            begin: 0,
            instructions: 0,
            limit: None,
            random: 0x9E37_79B9,
            octowords: Vec::new(),
            failures: 0,
            why: None,
            program_block: None,
            isolation: Isolation::default(),
        }
    }
}

impl Transaction {
    /// Whether the CPU is in the transactional-execution mode.
    #[inline(always)]
    pub fn is_active(&self) -> bool {
        self.depth != 0
    }

    /// The nesting depth.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// Whether it is a constrained one.
    pub fn is_constrained(&self) -> bool {
        self.constrained
    }

    /// Whether all other CPUs stand still until it ends.
    pub fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// What it permits now.
    pub fn controls(&self) -> Controls {
        self.levels.get(usize::from(self.depth)).copied().unwrap_or_default()
    }

    /// Whether a data-exception code goes to the floating-point-control register: not in a transaction without floating point.
    pub fn reports_data_exceptions(&self) -> bool {
        !self.is_active() || self.controls().floating_point
    }

    /// Storage is no longer where it was: nothing of the transaction can be used.
    pub(crate) fn doom(&mut self) {
        if self.is_active() {
            self.doomed = true;
            self.isolation.clear();
        }
    }

    fn next_random(&mut self) -> u32 {
        let mut x = self.random;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random = x;
        x
    }
}

/// What begins a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Begin {
    /// TBEGINC.
    pub constrained: bool,
    /// General registers to be restored: bit 0x80 for registers 0 and 1, 0x40 for 2 and 3, …
    pub save_mask: u8,
    /// What the instruction permits.
    pub controls: Controls,
    /// Address of the program's TDB and the number of its base register.
    pub block: Option<(u64, u8)>,
    /// Address of the instruction itself.
    pub address: u64,
    /// Address after it.
    pub next: u64,
}

impl Cpu {
    /// Begins a transaction, or the next level of the current one. Nothing is checked.
    pub fn begin_transaction(&mut self, b: Begin) {
        let outer = self.transaction.controls();
        let nested = self.transaction.is_active();
        let (mut controls, t) = (b.controls, &mut self.transaction);
        if nested {
            controls.access_registers &= outer.access_registers;
            controls.floating_point &= outer.floating_point;
            controls.filtering = controls.filtering.max(outer.filtering);
        }
        t.depth += 1;
        if let Some(level) = t.levels.get_mut(usize::from(t.depth)) {
            *level = controls;
        }
        if nested {
            return;
        }
        t.constrained = b.constrained;
        t.doomed = false;
        t.saved = self.gr;
        t.save_mask = b.save_mask;
        t.block = b.block;
        t.begin = b.address;
        t.instructions = 0;
        t.octowords.clear();
        t.why = None;
        t.isolation.clear();
        let exclusive = b.constrained && t.failures >= ATTEMPTS;
        let address = if b.constrained { b.address } else { b.next };
        self.transaction.abort_psw = Psw { address, ..self.current_psw() };
        self.transaction.limit = self.diagnostic_limit(b.constrained);
        self.select_spaces();
        if exclusive {
            self.stop_others();
            self.transaction.exclusive = true;
        }
    }

    /// After how many instructions the transaction-diagnostic control has a transaction aborted.
    fn diagnostic_limit(&mut self, constrained: bool) -> Option<u32> {
        let (problem_only, control) = (self.cr[2] & 4 != 0, self.cr[2] & 3);
        if control == 0 || control == 3 || problem_only && !self.psw.has(PswMask::PROBLEM) {
            return None;
        }
        let random = self.transaction.next_random();
        // A constrained transaction must succeed sometime.
        let always = control == 1 && !constrained;
        (always || random & 0x100 != 0).then_some(1 + random % 16)
    }

    /// An instruction of the transaction is about to be executed; `ends` when it is TRANSACTION END.
    ///
    /// # Errors
    /// The transaction is to be aborted, or a constraint is not met.
    pub fn transaction_step(&mut self, address: u64, length: u8, ends: bool) -> Result<(), Exit> {
        let t = &mut self.transaction;
        t.instructions += 1;
        if t.doomed {
            return self.abort_for(Abort::MISCELLANEOUS);
        }
        let last = ends && t.depth == 1;
        if t.limit.is_some_and(|limit| t.instructions > limit || last) {
            return self.abort_for(Abort::MISCELLANEOUS);
        }
        if t.constrained {
            let offset = address.wrapping_sub(t.begin) & self.address_mask;
            let outside = offset + u64::from(length) > CONSTRAINED_BYTES;
            if outside || !ends && t.instructions > CONSTRAINED_INSTRUCTIONS {
                return Err(Exit::Program(ProgramCode::TRANSACTION_CONSTRAINT));
            }
        }
        let t = &self.transaction;
        if t.instructions.is_multiple_of(LOOK_EVERY)
            && let Some(abort) = self.transaction_conflict()
        {
            return self.abort_for(abort);
        }
        Ok(())
    }

    /// Notes why the transaction is to be aborted.
    ///
    /// # Errors
    /// Always: that is how instructions end.
    pub fn abort_for(&mut self, abort: Abort) -> Result<(), Exit> {
        self.transaction.why = Some(abort);
        Err(Exit::Abort)
    }

    /// Where the transaction finds an operand of the page at `absolute`, which is at `host`.
    pub(crate) fn isolated(
        &mut self,
        (host, absolute): (NonNull<u8>, u64),
        offset: u64,
        length: u64,
        access: Access,
    ) -> Result<NonNull<u8>, Exit> {
        if length == 0 || self.transaction.doomed {
            // SAFETY: the offset is within the page.
            return Ok(unsafe { host.add(offset as usize) });
        }
        if self.transaction.constrained {
            self.count_octowords(absolute + offset, length.min(PAGE_SIZE - offset))?;
        }
        match self.transaction.isolation.place(absolute, host, offset, length, access) {
            Some(place) => Ok(place),
            None => {
                let store = access == Access::Store;
                self.transaction.why = Some(if store { Abort::STORE_OVERFLOW } else { Abort::FETCH_OVERFLOW });
                Err(Exit::Abort)
            }
        }
    }

    fn count_octowords(&mut self, first: u64, length: u64) -> Result<(), Exit> {
        let known = &mut self.transaction.octowords;
        for octoword in first / 32..=(first + length - 1) / 32 {
            if !known.contains(&octoword) {
                if known.len() == CONSTRAINED_OCTOWORDS {
                    return Err(Exit::Program(ProgramCode::TRANSACTION_CONSTRAINT));
                }
                known.push(octoword);
            }
        }
        Ok(())
    }

    /// Stores a doubleword on its boundary that stays stored even if the transaction is aborted.
    ///
    /// # Errors
    /// The access exception.
    pub fn store_nontransactionally(&mut self, address: u64, ar: u8, value: u64) -> Result<(), Exit> {
        let space = AddressSpace::Logical(ar);
        let place = self.host_for(space, address, Access::Store, 8)?;
        // SAFETY: a doubleword on its boundary lies within the page.
        unsafe { <u64 as crate::Scalar>::write_be(place.as_ptr(), value) };
        self.stored(space, address, 8);
        if self.transaction.is_active()
            && !self.transaction.doomed
            && !self.transaction.isolation.store_directly(place, value)
        {
            return self.abort_for(Abort::STORE_OVERFLOW);
        }
        Ok(())
    }

    /// Whether the transaction can no more succeed. Exact only while all other CPUs stand still.
    fn transaction_conflict(&self) -> Option<Abort> {
        if self.transaction.doomed {
            return Some(Abort::MISCELLANEOUS);
        }
        let stored = self.transaction.isolation.conflict()?;
        Some(if stored { Abort::STORE_CONFLICT } else { Abort::FETCH_CONFLICT })
    }

    /// Whether what the transaction has seen so far is what a transaction can see, so that its consequences may be seen by
    /// others; else why it is to be aborted.
    pub fn transaction_is_consistent(&mut self) -> Result<(), Abort> {
        if self.transaction.isolation.is_empty() && !self.transaction.doomed {
            return Ok(());
        }
        self.stop_others();
        let conflict = self.transaction_conflict();
        self.resume_others();
        conflict.map_or(Ok(()), Err)
    }

    /// Ends a level of nesting, with the outermost one the transaction.
    ///
    /// # Errors
    /// [`Exit::Abort`] for a conflict.
    pub fn end_transaction(&mut self) -> Result<(), Exit> {
        if self.transaction.depth > 1 {
            self.transaction.depth -= 1;
            return Ok(());
        }
        if !self.transaction.isolation.is_empty() || self.transaction.doomed {
            self.stop_others();
            let conflict = self.transaction_conflict();
            if conflict.is_none() {
                self.commit();
            }
            self.resume_others();
            if let Some(abort) = conflict {
                return self.abort_for(abort);
            }
        }
        self.transaction.failures = 0;
        self.leave_transaction();
        self.per_transaction_ended();
        Ok(())
    }

    fn commit(&mut self) {
        for absolute in self.transaction.isolation.changed() {
            self.note_store(absolute);
        }
        self.transaction.isolation.copy_out();
    }

    /// What goes with a store into the page at `absolute`, an address of the machine's storage.
    fn note_store(&mut self, absolute: u64) {
        let slots = self.slots.clone();
        if let Some(page) = slots.page(absolute) {
            page.state.or_key(StorageKey::REFERENCE | StorageKey::CHANGE);
            page.state.set_marks(PageMarks::DIRTY);
            if page.state.is_code() {
                self.store_into_code(absolute);
            }
        }
    }

    fn leave_transaction(&mut self) {
        self.transaction.depth = 0;
        self.transaction.constrained = false;
        self.transaction.isolation.clear();
        if std::mem::take(&mut self.transaction.exclusive) {
            self.resume_others();
        }
        self.select_spaces();
    }

    /// Aborts the transaction for the reason that was noted, at the instruction at `address`.
    pub fn abort_transaction_as_noted(&mut self, address: u64) {
        let why = self.transaction.why.take().unwrap_or(Abort::MISCELLANEOUS);
        // What comes of a view of storage that could not be is not for others to see.
        let why = self.transaction_is_consistent().err().unwrap_or(why);
        self.abort_transaction(why, address, None);
    }

    /// Aborts the transaction at the instruction at `address`: general registers and storage are as before, the PSW is the
    /// transaction-abort PSW, diagnostic blocks are stored. `condition` is the interruption identification of a program
    /// exception, and `why` says whether it was filtered.
    pub fn abort_transaction(&mut self, why: Abort, address: u64, condition: Option<u32>) {
        let block = self.diagnostic_block(why, address, condition);
        let direct = self.transaction.isolation.take_direct();
        if self.transaction.constrained {
            self.transaction.failures += 1;
        }
        self.leave_transaction();
        self.execute = None;
        let slots = self.slots.clone();
        for (absolute, value) in direct {
            self.note_store(absolute & !(PAGE_SIZE - 1));
            if let Some(page) = slots.page(absolute) {
                // SAFETY: a doubleword on its boundary lies within the page.
                unsafe {
                    <u64 as crate::Scalar>::write_be(page.host.add((absolute % PAGE_SIZE) as usize).as_ptr(), value)
                };
            }
        }
        for n in (0..16).filter(|n| self.transaction.save_mask << (n / 2) & 0x80 != 0) {
            self.gr[n] = self.transaction.saved[n];
        }
        let mut psw = self.transaction.abort_psw;
        psw.set_cc(why.cc);
        self.set_psw(psw);
        let data = self.program;
        if let Some((at, ar)) = self.transaction.block.take()
            && self.write_bytes(AddressSpace::Logical(ar), at, &block).is_err()
        {
            // Nothing is stored into a block that is no longer accessible.
            self.cc = 1;
        }
        self.program = data;
        if why.code == Abort::PROGRAM {
            self.transaction.program_block = Some(Box::new(block));
        }
    }

    fn diagnostic_block(&self, why: Abort, address: u64, condition: Option<u32>) -> [u8; TDB] {
        let mut block = [0; TDB];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &[1, if self.transaction.constrained { 0x40 } else { 0 }]);
        put(6, &u16::from(self.transaction.depth).to_be_bytes());
        put(8, &why.code.to_be_bytes());
        put(24, &address.to_be_bytes());
        if let Some(condition) = condition {
            put(32, &[self.program.exception_access_id, self.program.dxc]);
            put(36, &condition.to_be_bytes());
            put(40, &self.program.teid.to_be_bytes());
        }
        put(48, &self.breaking_event_address.to_be_bytes());
        for (n, register) in self.gr.iter().enumerate() {
            put(128 + n * 8, &register.to_be_bytes());
        }
        block
    }

    /// Has all other CPUs stand still, until [`Cpu::resume_others`].
    fn stop_others(&mut self) {
        if self.transaction.exclusive {
            return;
        }
        while !self.cluster.try_stop() {
            self.serve_requests();
            std::hint::spin_loop();
            std::thread::yield_now();
        }
        self.stops_others = true;
        self.broadcast_to_others(Request::Pause);
    }

    fn resume_others(&mut self) {
        if !self.transaction.exclusive && std::mem::take(&mut self.stops_others) {
            self.cluster.resume();
        }
    }
}
