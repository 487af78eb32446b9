//! Messages between the CPUs of one machine: TLB purges and dropped code, acknowledged before the issuer goes on; and the
//! attention word by which anybody makes a CPU look up from straight-line execution.
//! Source: Principles of Operation, chapters 5 (Multiprocessor consistency) and 10 (IPTE, IDTE, CSP, SSKE).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::clock::TOD_CLASSES;
use crate::state::Cpu;

/// What one CPU asks of the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Purge all translations.
    FlushAll,
    /// Purge the translations made from the page-table entry at this address, see [`Cpu::flush_page_table_entry`].
    FlushPageTableEntry(u64),
    /// Purge the translations of this ASCE, see [`Cpu::flush_asce`].
    FlushAsce(u64),
    /// Purge the translations to the page at this absolute address, see [`Cpu::flush_absolute`].
    FlushAbsolute(u64),
    /// Drop decoded and translated code of the page at this absolute address.
    DropCode(u64),
    /// The page at this absolute address is about to be decoded: stores into it must be noticed from now on.
    ForbidDirectStores(u64),
    /// The set of memory slots has changed.
    SlotsChanged,
    /// Stand still while another CPU changes storage as if in no time.
    Pause,
    /// The TOD clock has been set: this is its new difference from the host's, with the epoch index.
    SetEpoch(u64, u8),
}

/// A request, and whose translations it is about: this machine's or its guests'. What is about storage itself is for all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    of_guest: bool,
    request: Request,
}

impl Message {
    /// About this machine.
    pub(crate) fn of_host(request: Request) -> Message {
        Message { of_guest: false, request }
    }
}

/// Reasons to look up, tested at every taken branch.
#[derive(Debug, Default)]
pub struct Attention(AtomicU32);

impl Attention {
    /// Requests of other CPUs are queued.
    pub const REQUEST: u32 = 1;
    /// The host wants the CPU to leave interpretive execution.
    pub const HOST: u32 = 2;
    /// The clock comparator or CPU timer may have come due.
    pub const TIMER: u32 = 4;
    /// An intervention request was set in the state description.
    pub const INTERVENTION: u32 = 8;
    /// The state description of a guest of this machine is to be looked at.
    pub const LOOK: u32 = 16;

    /// Raises reasons.
    pub fn raise(&self, bits: u32) {
        self.0.fetch_or(bits, Ordering::SeqCst);
    }

    /// Takes the given reasons away and returns which of them were raised.
    pub fn take(&self, bits: u32) -> u32 {
        self.0.fetch_and(!bits, Ordering::SeqCst) & bits
    }

    /// Where the word is, for generated code that looks at it.
    pub fn as_ptr(&self) -> *const u32 {
        self.0.as_ptr().cast_const()
    }

    /// The raised reasons; a cheap look.
    #[inline(always)]
    pub fn pending(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
struct Queue {
    requests: Vec<Message>,
    /// Number of requests ever queued.
    queued: u64,
}

/// The side of a CPU that other threads see.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    pub(crate) attention: Attention,
    /// The CPU may be using its TLB: requests must be acknowledged, not only left.
    running: AtomicBool,
    queue: Mutex<Queue>,
    /// Number of requests ever served.
    served: AtomicU64,
    /// A guest of this machine runs: see [`Cpu::watch_requests`].
    pub(crate) watched: AtomicBool,
    /// Absolute address of the state description that is being interpreted, or zero.
    pub(crate) guest: AtomicU64,
    /// The timer service knows of it.
    pub(crate) reminded: AtomicBool,
}

impl Mailbox {
    pub(crate) fn post(&self, message: Message) -> u64 {
        let ticket = {
            let mut q = self.queue.lock();
            q.requests.push(message);
            q.queued += 1;
            q.queued
        };
        self.attention.raise(Attention::REQUEST);
        ticket
    }

    fn done(&self, ticket: u64) -> bool {
        // A CPU that is not running serves its queue before it does anything else.
        self.served.load(Ordering::SeqCst) >= ticket || !self.running.load(Ordering::SeqCst)
    }
}

/// The CPUs of one machine.
#[derive(Debug, Default)]
pub struct Cluster {
    pub(crate) mailboxes: RwLock<Vec<Arc<Mailbox>>>,
    /// The last unique value of the TOD clock, by its last bits; each in a cache line of its own.
    last_tod: [LastTod; TOD_CLASSES],
    /// Held by a CPU that has all others stand still.
    stopped: Mutex<()>,
}

/// None as long as nobody has been given a value.
#[derive(Debug, Default)]
#[repr(align(64))]
struct LastTod(Mutex<Option<u64>>);

impl Cluster {
    /// A machine without CPUs.
    pub fn new() -> Cluster {
        Cluster::default()
    }

    pub(crate) fn join(&self) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::default());
        self.mailboxes.write().push(mailbox.clone());
        mailbox
    }

    pub(crate) fn depart(&self, mailbox: &Arc<Mailbox>) {
        self.mailboxes.write().retain(|m| !Arc::ptr_eq(m, mailbox));
    }

    /// The first value of the TOD clock from `now` on that has the same last bits and that nobody was given yet.
    pub(crate) fn unique_tod(&self, now: u64) -> u64 {
        let mut last = self.last_tod[now as usize % TOD_CLASSES].0.lock();
        let unique = match *last {
            // The last value can be ahead of the clock by a few units, but not by a second: then it is of another epoch.
            Some(last) if last.wrapping_sub(now) < 1 << 32 => last.wrapping_add(TOD_CLASSES as u64),
            _ => now,
        };
        *last = Some(unique);
        unique
    }

    /// The TOD clock has been set: values of before may come again.
    pub(crate) fn forget_tod(&self) {
        self.last_tod.iter().for_each(|last| *last.0.lock() = None);
    }

    /// Gets the right to have all others stand still, if nobody has it.
    pub(crate) fn try_stop(&self) -> bool {
        self.stopped.try_lock().map(std::mem::forget).is_some()
    }

    /// Gives it back.
    pub(crate) fn resume(&self) {
        // SAFETY: called by the CPU that has it: its guard was forgotten.
        unsafe { self.stopped.force_unlock() };
    }

    /// Has every CPU serve `request`, and returns when all have. For threads that are not running a CPU themselves.
    pub fn request(&self, request: Request) {
        let tickets: Vec<_> =
            self.mailboxes.read().iter().map(|m| (m.clone(), m.post(Message::of_host(request)))).collect();
        while !tickets.iter().all(|(m, t)| m.done(*t)) {
            std::thread::yield_now();
        }
    }
}

impl Cpu {
    /// Marks the CPU as running and serves what was asked of it meanwhile.
    pub fn start_running(&mut self) {
        self.mailbox.running.store(true, Ordering::SeqCst);
        self.serve_requests();
        // A CPU that joined the machine a moment ago was not asked.
        if self.cluster.stopped.is_locked() {
            self.pause();
        }
    }

    /// Stands still while another CPU has the right to ask for that: as a CPU that is not running, which acknowledges by not
    /// running and serves its mailbox before it goes on.
    fn pause(&mut self) {
        if self.stops_others {
            return;
        }
        self.mailbox.running.store(false, Ordering::SeqCst);
        drop(self.cluster.stopped.lock());
        self.mailbox.running.store(true, Ordering::SeqCst);
    }

    /// Marks the CPU as not running: it promises not to use its TLB until [`Cpu::start_running`].
    pub fn stop_running(&mut self) {
        self.mailbox.running.store(false, Ordering::SeqCst);
    }

    /// Serves queued requests of other CPUs.
    pub fn serve_requests(&mut self) {
        // Until there are none: what was asked while this CPU stood still is taken for acknowledged.
        while self.mailbox.attention.take(Attention::REQUEST) != 0 {
            let (requests, queued) = {
                let mut q = self.mailbox.queue.lock();
                (std::mem::take(&mut q.requests), q.queued)
            };
            for message in requests {
                self.serve(message);
            }
            self.mailbox.served.store(queued, Ordering::SeqCst);
        }
    }

    /// Does `request` on this CPU and has all others do it; returns when all have. While it waits it serves what others
    /// ask, so that two issuers cannot wait for each other.
    pub fn broadcast(&mut self, request: Request) {
        self.serve(self.message(request));
        self.broadcast_to_others(request);
    }

    /// Does `request` on this CPU only.
    pub fn purge_here(&mut self, request: Request) {
        self.serve(self.message(request));
    }

    /// `request` as one of this CPU.
    fn message(&self, request: Request) -> Message {
        Message { of_guest: self.is_guest(), request }
    }

    pub(crate) fn broadcast_to_others(&mut self, request: Request) {
        let message = self.message(request);
        let tickets: Vec<_> = {
            let all = self.cluster.mailboxes.read();
            if all.len() < 2 {
                return;
            }
            all.iter().filter(|m| !Arc::ptr_eq(m, &self.mailbox)).map(|m| (m.clone(), m.post(message))).collect()
        };
        let mut spins = 0u32;
        while !tickets.iter().all(|(m, t)| m.done(*t)) {
            self.serve_requests();
            spins += 1;
            if spins.is_multiple_of(64) { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }

    /// Queues `request` for all other CPUs without waiting.
    pub(crate) fn post_to_others(&mut self, request: Request) {
        let message = self.message(request);
        self.log.add(message);
        for m in self.cluster.mailboxes.read().iter() {
            if !Arc::ptr_eq(m, &self.mailbox) {
                m.post(message);
            }
        }
    }

    pub(crate) fn serve(&mut self, message: Message) {
        let Message { of_guest, request } = message;
        // To stand still is for the thread, once.
        if request != Request::Pause {
            self.log.add(message);
        }
        let own = of_guest == self.is_guest();
        match request {
            Request::FlushAll | Request::FlushPageTableEntry(_) | Request::FlushAsce(_) if !own => {
                self.serve_other_kind(request);
            }
            Request::SetEpoch(..) if !own => self.want_host(),
            Request::FlushAll => self.flush_tlb(),
            Request::FlushPageTableEntry(origin) => self.flush_page_table_entry(origin),
            Request::FlushAsce(asce) => self.flush_asce(asce),
            Request::FlushAbsolute(absolute) => self.flush_absolute(absolute),
            Request::DropCode(absolute) => self.code.drop_page(absolute),
            Request::ForbidDirectStores(absolute) => self.forbid_direct_stores(absolute),
            Request::SetEpoch(epoch, index) => {
                self.set_epoch(epoch, index);
                self.arm_timer();
            }
            Request::Pause => self.pause(),
            Request::SlotsChanged => {
                self.transaction.doom();
                self.flush_tlb();
                self.code.drop_all();
                self.slots = self.storage.map();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_values_of_cpus_with_the_same_last_bits_differ() {
        let cluster = Cluster::new();
        // CPUs 1 and 17 at the same moment, and CPU 2.
        assert_eq!([cluster.unique_tod(0x1001), cluster.unique_tod(0x1001)], [0x1001, 0x1011]);
        assert_eq!(cluster.unique_tod(0x1002), 0x1002);
        assert_eq!(cluster.unique_tod(0x1011), 0x1021, "not what the other was given");
        assert_eq!(cluster.unique_tod(0x2001), 0x2001);
        cluster.forget_tod();
        // Across the end of the epoch.
        assert_eq!([cluster.unique_tod(u64::MAX - 14), cluster.unique_tod(u64::MAX - 14)], [u64::MAX - 14, 1]);
        assert_eq!(cluster.unique_tod(1), 0x11);
        cluster.forget_tod();
        assert_eq!(cluster.unique_tod(1), 1, "the clock was set");
    }
}
