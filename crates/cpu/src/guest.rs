//! A CPU whose machine is a guest of this machine: its absolute storage is the primary address space of the CPU that
//! interprets it, with which it shares thread and mailbox. Both purge what the other's machine changes.
//! Source: the reference of START INTERPRETIVE EXECUTION (guest storage, intervention requests).

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use softsie_mem::PAGE_SIZE;

use crate::access::{Access, AddressSpace};
use crate::broadcast::{Attention, Message, Request};
use crate::control::asce;
use crate::dat::{Dat, Protection, TranslationFault, read_entry};
use crate::exit::{Exit, ProgramCode};
use crate::model::WrappingKeys;
use crate::psw::PswMask;
use crate::state::Cpu;

/// Intervention requests in the first word of a state description: what makes the guest's CPU leave.
pub mod intervention {
    /// At once.
    pub const STOP: u32 = 0x0400_0000;
    /// When its PSW permits I/O interruptions.
    pub const IO: u32 = 0x0200_0000;
    /// When its PSW permits external interruptions.
    pub const EXTERNAL: u32 = 0x0100_0000;
    /// When an external call can be accepted.
    pub const EXTERNAL_CALL: u32 = 0x0800_0000;
}

/// What CPUs share in storage, by atomic accesses alone.
///
/// # Safety
/// Any bit pattern is a value, all of it is atomics, and it is at most 8 bytes long.
pub unsafe trait SharedWord {}

// SAFETY: an atomic.
unsafe impl SharedWord for AtomicU64 {}

const ADAPTER_SUPPRESSION: u16 = 72;
/// After this many messages a CPU that has not looked forgets everything instead of each thing.
const LOG: usize = 256;

/// Which part of the host's primary address space is the guest's absolute storage.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GuestStorage {
    /// What is added to absolute addresses.
    pub origin: u64,
    /// The last address of the host's primary space that belongs to the guest.
    pub last: u64,
    /// Absolute address of the state description, whose first word has intervention requests.
    pub state_description: u64,
    /// The host's real address of the facility list for STFLE, if there is one.
    pub facility_list: Option<u64>,
    /// Absolute address of the designation of the release list, when the guest's page states are set without its host.
    pub release_list: Option<u64>,
    /// Keys of the guest's pages are in tables of the host, too.
    pub page_status: bool,
    /// Absolute address of the doubleword by which invalidations of the guest's table entries exclude the host's own.
    pub interlock: Option<u64>,
}

impl GuestStorage {
    /// Where absolute address `absolute` of the guest is in the host's primary address space.
    fn host_address(&self, absolute: u64) -> Result<u64, ProgramCode> {
        let address = absolute.checked_add(self.origin).filter(|address| *address <= self.last);
        address.ok_or(ProgramCode::ADDRESSING)
    }
}

/// The lock, the number of those of the host who have it, and the number of guests' CPUs that do.
const LOCKED: u64 = 1 << 63;
const HOST_COUNT: u64 = 0x7FFF_FFFF_0000_0000;
const GUEST_COUNT: u64 = 0xFFFF_FFFF;

/// Changes an interlock of invalidations unless `f` does not want to; whether it did.
fn update_interlock(interlock: &AtomicU64, f: impl Fn(u64) -> Option<u64>) -> bool {
    let change = |value| f(u64::from_be(value)).map(u64::to_be);
    interlock.fetch_update(Ordering::SeqCst, Ordering::SeqCst, change).is_ok()
}

/// An exception of the host that an access of the guest has met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct HostFault {
    code: ProgramCode,
    protection: Option<Protection>,
    address: u64,
    access: Access,
}

/// What a guest's CPU knows of the one that interprets it.
#[derive(Debug)]
pub(crate) struct Host {
    dat: Dat,
    /// The host's control register 1.
    primary: u64,
    storage: GuestStorage,
    /// When the host is to be interrupted by its own timers.
    deadline: Option<Instant>,
    due: bool,
    fault: Cell<Option<HostFault>>,
    /// The page index of the host's address that was last reached.
    index: Cell<u8>,
    /// The last value of the guest's TOD clock that was given out.
    last_tod: u64,
}

/// Messages for the other CPUs of the same thread.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// There are others.
    pub(crate) kept: bool,
    messages: Vec<Message>,
    overflown: bool,
}

impl Log {
    pub(crate) fn add(&mut self, message: Message) {
        if !self.kept || self.overflown {
            return;
        }
        if self.messages.len() == LOG {
            self.overflown = true;
            self.messages.clear();
        } else {
            self.messages.push(message);
        }
    }
}

/// What [`Cpu::take_log`] returns: messages that other CPUs of the same thread are to serve.
#[derive(Debug)]
pub struct Messages {
    list: Vec<Message>,
    all: bool,
}

impl Messages {
    /// Whether there is nothing to serve.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && !self.all
    }
}

impl Cpu {
    /// A CPU for guests that this CPU interprets. It serves the mailbox of this one.
    pub fn guest(&mut self) -> Cpu {
        self.log.kept = true;
        // KVM offers adapter-interruption suppression on machines without it, and relies on the instruction's interception.
        let mut model = (*self.model).clone();
        model.unannounced.set(ADAPTER_SUPPRESSION, true);
        model.wrapping_keys = WrappingKeys::default();
        let mut cpu = Cpu::over(
            0,
            Arc::new(model),
            self.storage.clone(),
            self.cluster.clone(),
            self.mailbox.clone(),
            self.timers.clone(),
            self.code.dispatch,
        );
        cpu.slots = self.slots.clone();
        cpu.page_status = self.page_status;
        cpu.log.kept = true;
        cpu.host = Some(Box::new(Host {
            dat: Dat::default(),
            primary: 0,
            storage: GuestStorage::default(),
            deadline: None,
            due: false,
            fault: Cell::new(None),
            index: Cell::new(0),
            last_tod: 0,
        }));
        cpu
    }

    /// Whether this is a CPU of a guest of this machine.
    #[inline(always)]
    pub fn is_guest(&self) -> bool {
        self.host.is_some()
    }

    /// Takes over what there is to know of `host`, which interprets this CPU from now on. Translations that depended on
    /// something else are purged.
    pub fn attach(&mut self, host: &Cpu, storage: GuestStorage) {
        let deadline = if host.psw.has(PswMask::EXTERNAL) { host.time_to_timer() } else { None };
        let (dat, primary) = (host.dat(), host.cr[1]);
        let Some(known) = &mut self.host else { return };
        let same = known.dat == dat
            && known.primary == primary
            && (known.storage.origin, known.storage.last) == (storage.origin, storage.last);
        (known.dat, known.primary, known.storage) = (dat, primary, storage);
        known.deadline = deadline.and_then(|left| Instant::now().checked_add(left));
        known.due = false;
        known.fault.set(None);
        if !same {
            self.flush_tlb();
        }
    }

    /// The absolute address in the machine's storage of absolute address `absolute`, for an access that is `access`.
    ///
    /// # Errors
    /// [`ProgramCode::ADDRESSING`]; [`ProgramCode::HOST_FAULT`] when the host is to have an interruption.
    #[inline(always)]
    pub(crate) fn reach(&self, absolute: u64, access: Access) -> Result<u64, ProgramCode> {
        match &self.host {
            None => Ok(absolute),
            Some(host) => self.reach_through(host, absolute, access),
        }
    }

    fn reach_through(&self, host: &Host, absolute: u64, access: Access) -> Result<u64, ProgramCode> {
        let address = host.storage.host_address(absolute)?;
        host.index.set((address >> 12) as u8);
        let fault = |code, protection| {
            host.fault.set(Some(HostFault { code, protection, address, access }));
            Err(ProgramCode::HOST_FAULT)
        };
        let read = |entry| read_entry(&self.slots, entry).ok_or(ProgramCode::ADDRESSING);
        let t = match host.dat.translate(host.primary, address, read) {
            Ok(t) => t,
            Err(missing) => return fault(missing.code, None),
        };
        if access == Access::Store && t.protected {
            return fault(ProgramCode::PROTECTION, Some(Protection::Dat));
        }
        let reached = host.dat.prefixed(t.real);
        if self.slots.page(reached).is_none() {
            return fault(ProgramCode::ADDRESSING, None);
        }
        Ok(reached)
    }

    /// The page index, among those of the host's primary space, of what this CPU has last reached; zero when it is no guest's.
    pub(crate) fn host_page_index(&self) -> u8 {
        self.host.as_ref().map_or(0, |host| host.index.get())
    }

    /// Where the host's page-table entry of this guest's absolute address is, and the page in the machine's storage if it is there;
    /// `None` when the host has no page status for it.
    pub(crate) fn host_page(&self, absolute: u64) -> Result<Option<(u64, Option<u64>)>, ProgramCode> {
        let Some(host) = self.host.as_ref().filter(|host| host.storage.page_status) else { return Ok(None) };
        let address = host.storage.host_address(absolute)?;
        let read = |entry| read_entry(&self.slots, entry).ok_or(ProgramCode::ADDRESSING);
        match host.dat.translate(host.primary, address, read) {
            Ok(t) if t.entry == 0 || t.frame_bits != 12 => Ok(None),
            Ok(t) => Ok(Some((t.entry, Some(host.dat.prefixed(t.real))))),
            Err(TranslationFault { code: ProgramCode::PAGE_TRANSLATION, entry: Some(entry) }) => {
                Ok(Some((entry, None)))
            }
            Err(missing) => {
                let access = Access::Fetch;
                host.fault.set(Some(HostFault { code: missing.code, protection: None, address, access }));
                Err(ProgramCode::HOST_FAULT)
            }
        }
    }

    /// Whether the state of this guest's pages is set without its host.
    pub fn sets_page_states(&self) -> bool {
        self.release_list().is_some()
    }

    /// Where the designation of the release list is.
    pub(crate) fn release_list(&self) -> Option<u64> {
        self.host.as_ref()?.storage.release_list
    }

    /// Whether the host permits fetches of the page at `absolute` and no stores.
    pub(crate) fn is_host_protected(&self, absolute: u64) -> bool {
        let Some(host) = &self.host else { return false };
        let before = host.fault.get();
        let protected = self.reach_through(host, absolute, Access::Store).is_err()
            && host.fault.get().is_some_and(|fault| fault.protection == Some(Protection::Dat));
        host.fault.set(before);
        protected
    }

    /// Recognises the exception that an access of `guest` has met as this CPU's own.
    pub fn take_host_fault(&mut self, guest: &Cpu) -> Exit {
        let fault = guest.host.as_ref().and_then(|host| host.fault.take());
        let Some(HostFault { code, protection, address, access }) = fault else {
            return Exit::Program(ProgramCode::ADDRESSING);
        };
        self.access_exception(code, protection, AddressSpace::Primary, address, access)
    }

    /// Forgets an exception of the host.
    fn forget_host_fault(&self) {
        if let Some(host) = &self.host {
            host.fault.set(None);
        }
    }

    /// Absolute address of the host's table entry for this guest's absolute address, with flags: 2, the entry forbids stores;
    /// 4, it is not that of a page.
    pub fn host_table_entry(&self, absolute: u64) -> u64 {
        const PROTECTED: u64 = 2;
        const NOT_A_PAGE: u64 = 4;
        let Some(host) = &self.host else { return 0 };
        let read = |entry| read_entry(&self.slots, entry).ok_or(ProgramCode::ADDRESSING);
        let address = absolute.wrapping_add(host.storage.origin);
        match host.dat.translate(host.primary, address, read) {
            Ok(t) => {
                let large = if t.frame_bits == 12 { 0 } else { NOT_A_PAGE };
                t.entry | large | if t.protected { PROTECTED } else { 0 }
            }
            Err(missing) => match missing.entry {
                Some(entry) if missing.code == ProgramCode::PAGE_TRANSLATION => entry,
                entry => entry.unwrap_or(0) | NOT_A_PAGE,
            },
        }
    }

    /// Whether the prefix area can be stored into; its second page, too, if `both`.
    pub fn has_prefix_area(&self, both: bool) -> bool {
        let there = |page| {
            let reached = self.reach(page, Access::Store);
            reached.is_ok_and(|absolute| self.slots.page(absolute).is_some())
        };
        let there = there(self.prefix) && (!both || there(self.prefix + PAGE_SIZE));
        self.forget_host_fault();
        there
    }

    /// The absolute address that a real address of the host stands for.
    pub fn host_prefixed(&self, real: u64) -> u64 {
        self.host.as_ref().map_or(real, |host| host.dat.prefixed(real))
    }

    /// What is at an absolute address of the machine's storage, on its boundary; `None` when there is no storage.
    pub fn machine_cell<T: SharedWord>(&mut self, absolute: u64, access: Access) -> Option<&T> {
        let at = self.machine_host(absolute, access).ok()?.cast::<T>();
        if size_of::<T>() > 8 || !at.is_aligned() {
            return None;
        }
        // SAFETY: on its boundary, hence within the page, which stays as long as the CPU does not serve requests: the
        // reference keeps it from that.
        Some(unsafe { at.as_ref() })
    }

    /// Has the CPU that interprets this state description look at it.
    pub fn look_at_guest(&self, state_description: u64) {
        for mailbox in self.cluster.mailboxes.read().iter() {
            if mailbox.guest.load(Ordering::SeqCst) == state_description {
                mailbox.attention.raise(Attention::LOOK);
            }
        }
    }

    /// The facility list that the host has made for this guest's CPU, as many bytes as `list` has; `None` when there is none.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn host_facility_list(&self, list: &mut [u8]) -> Option<Result<(), Exit>> {
        let host = self.host.as_ref()?;
        let real = host.storage.facility_list?;
        for (n, byte) in list.chunks_mut(8).enumerate() {
            let absolute = host.dat.prefixed(real + 8 * n as u64);
            let Some(value) = read_entry(&self.slots, absolute) else {
                return Some(Err(Exit::Program(ProgramCode::ADDRESSING)));
            };
            byte.copy_from_slice(&value.to_be_bytes()[..byte.len()]);
        }
        Some(Ok(()))
    }

    /// The requests in the state description, if this is a guest's CPU; zero when its storage is gone.
    #[inline]
    pub fn intervention_requests(&self) -> Option<u32> {
        let host = self.host.as_ref()?;
        let at = host.storage.state_description;
        let Some(page) = self.slots.page(at) else { return Some(0) };
        // SAFETY: a word on a word boundary within the page; other CPUs change it, hence the atomic.
        let word = unsafe { AtomicU32::from_ptr(page.host.as_ptr().add((at % PAGE_SIZE) as usize).cast()) };
        Some(u32::from_be(word.load(Ordering::Acquire)))
    }

    /// Whether the host's own timers, or a change of its clock, want this guest's CPU to leave.
    #[inline]
    pub fn host_timer_due(&self) -> bool {
        self.host.as_ref().is_some_and(|host| host.due)
    }

    /// When the host's timers come due, if this is a guest's CPU.
    pub(crate) fn host_deadline(&mut self) -> Option<Instant> {
        let host = self.host.as_mut()?;
        host.due |= host.deadline.is_some_and(|at| at <= Instant::now());
        host.deadline.filter(|_| !host.due)
    }

    /// The host has something to look at.
    pub(crate) fn want_host(&mut self) {
        if let Some(host) = &mut self.host {
            host.due = true;
        }
    }

    /// The next value of a guest's TOD clock from `now` on, each once for this CPU.
    pub(crate) fn unique_guest_tod(&mut self, now: u64) -> Option<u64> {
        let host = self.host.as_mut()?;
        let behind = host.last_tod.wrapping_sub(now) < 1 << 32;
        host.last_tod = if behind { host.last_tod.wrapping_add(crate::clock::TOD_CLASSES as u64) } else { now };
        Some(host.last_tod)
    }

    /// Takes the interlock that an invalidation by this guest's CPU needs; false when its host has it. Guests have it together.
    fn take_interlock(&mut self, at: u64) -> Option<bool> {
        let interlock = self.machine_cell(at, Access::Store)?;
        Some(update_interlock(interlock, |count| (count & HOST_COUNT == 0).then(|| (count + 1) & GUEST_COUNT | LOCKED)))
    }

    fn release_interlock(&mut self, at: u64) {
        let Some(interlock) = self.machine_cell(at, Access::Store) else { return };
        update_interlock(interlock, |count| {
            let guests = count.wrapping_sub(1) & GUEST_COUNT;
            let locked = if guests == 0 { 0 } else { count & LOCKED };
            Some(count & HOST_COUNT | locked | guests)
        });
    }

    /// Does `f`, which invalidates table entries of this machine, while nobody of its host walks them.
    ///
    /// # Errors
    /// Those of `f`; [`Exit::Intercept`] when somebody does.
    pub fn interlocked(&mut self, f: impl FnOnce(&mut Cpu) -> Result<(), Exit>) -> Result<(), Exit> {
        let Some(at) = self.host.as_ref().and_then(|host| host.storage.interlock) else { return f(self) };
        if self.take_interlock(at) == Some(false) {
            return Err(Exit::Intercept);
        }
        let result = f(self);
        self.release_interlock(at);
        result
    }

    /// What this CPU has served or done that other CPUs of its thread must serve.
    pub fn take_log(&mut self) -> Messages {
        Messages { list: std::mem::take(&mut self.log.messages), all: std::mem::take(&mut self.log.overflown) }
    }

    /// Serves what another CPU of this thread has logged.
    pub fn serve_log(&mut self, messages: &Messages) {
        if messages.is_empty() {
            return;
        }
        let kept = std::mem::take(&mut self.log.kept);
        if messages.all {
            self.serve(Message::of_host(Request::SlotsChanged));
        }
        for message in &messages.list {
            self.serve(*message);
        }
        self.log.kept = kept;
    }

    /// What a message about translations means for a CPU of the other kind than the sender: a host does not depend on its
    /// guests' tables, but a guest's translations are its host's, too.
    pub(crate) fn serve_other_kind(&mut self, request: Request) {
        let Some(host) = &self.host else { return };
        match request {
            // The page index is the entry's number in its table.
            Request::FlushPageTableEntry(origin) => self.flush_host_page_index((origin >> 3) as u8),
            Request::FlushAsce(table) if (table ^ host.primary) & (asce::ORIGIN | asce::TYPE) != 0 => {}
            _ => self.flush_tlb(),
        }
    }

    /// Has [`Attention::LOOK`] raised now and then as long as a guest's CPU runs: another CPU's requests are stores into the
    /// state description, which raise no attention, unless SIGNAL PROCESSOR is interpreted ([`Cpu::look_at_guest`]).
    pub fn watch_requests(&self, state_description: Option<u64>) {
        let on = state_description.is_some();
        self.mailbox.guest.store(state_description.unwrap_or(0), Ordering::SeqCst);
        self.mailbox.watched.store(on, Ordering::SeqCst);
        if on {
            self.timers.watch(&self.mailbox);
        }
    }
}
