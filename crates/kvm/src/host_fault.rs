//! Faults of the host in guest storage: a client can unmap the memory of a slot while the guest runs, or never have mapped
//! it. Linux then ends the call with EFAULT. Here the access of the guest has happened when the fault is seen: it gets a
//! page of zeros, and the call ends with EFAULT as soon as it can.
//! Truth: signal-safety(7), mmap(2) (MAP_FIXED_NOREPLACE); Linux 6.12 KVM_RUN (EFAULT).

use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use softsie_mem::Storage;

use crate::peer::Peer;
use crate::{Errno, Result};

/// Slots that are watched; who has more has the rest unwatched.
const MOST: usize = 64;

/// Where the slots of a VM are in the host, readable in a signal handler.
#[derive(Debug)]
pub(crate) struct HostRanges {
    /// Held by who changes them.
    changing: Mutex<()>,
    /// Odd while they change: what is read meanwhile means nothing.
    version: AtomicUsize,
    ranges: [Range; MOST],
}

#[derive(Debug, Default)]
struct Range {
    start: AtomicUsize,
    end: AtomicUsize,
}

impl Default for HostRanges {
    fn default() -> Self {
        let ranges = core::array::from_fn(|_| Range::default());
        Self { changing: Mutex::new(()), version: AtomicUsize::new(0), ranges }
    }
}

impl HostRanges {
    /// The slots of `storage` have changed.
    pub(crate) fn set(&self, storage: &Storage) {
        let _changing = self.changing.lock();
        let map = storage.map();
        let mut slots = map.slots().iter();
        self.version.fetch_add(1, Ordering::SeqCst);
        for range in &self.ranges {
            let (start, end) = slots.next().map_or((0, 0), |slot| {
                let start = slot.host().addr().get();
                (start, start + slot.length as usize)
            });
            range.start.store(start, Ordering::SeqCst);
            range.end.store(end, Ordering::SeqCst);
        }
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether `address` is in a slot. Waits for another thread that changes them, which is soon done; who changes them accesses no
    /// guest storage meanwhile.
    pub(crate) fn contains(&self, address: usize) -> bool {
        let within =
            |range: &Range| address < range.end.load(Ordering::SeqCst) && address >= range.start.load(Ordering::SeqCst);
        loop {
            let version = self.version.load(Ordering::SeqCst);
            let found = self.ranges.iter().any(within);
            if version.is_multiple_of(2) && self.version.load(Ordering::SeqCst) == version {
                return found;
            }
            core::hint::spin_loop();
        }
    }
}

/// What a thread accesses guest storage for.
struct Watched {
    ranges: *const HostRanges,
    /// The vCPU that is to leave, if there is one.
    peer: *const Peer,
    faulted: AtomicBool,
}

thread_local! {
    static WATCHED: Cell<*const Watched> = const { Cell::new(ptr::null()) };
}

/// Does something with guest storage on this thread: also says whether the host had a fault.
pub(crate) fn watch<T>(ranges: &HostRanges, peer: Option<&Peer>, f: impl FnOnce() -> T) -> (T, bool) {
    /// Puts back what was watched before, also when `f` panics.
    struct Before(*const Watched);
    impl Drop for Before {
        fn drop(&mut self) {
            WATCHED.set(self.0);
        }
    }
    let peer = peer.map_or(ptr::null(), ptr::from_ref);
    let watched = Watched { ranges, peer, faulted: AtomicBool::new(false) };
    let before = Before(WATCHED.replace(&raw const watched));
    let result = f();
    drop(before);
    (result, watched.faulted.into_inner())
}

/// As [`watch`], with EFAULT for a fault.
pub(crate) fn guarded<T>(ranges: &HostRanges, f: impl FnOnce() -> Result<T>) -> Result<T> {
    match watch(ranges, None, f) {
        (_, true) => Err(Errno::EFAULT),
        (result, false) => result,
    }
}

/// The handler that was there before ours.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();
static PAGE: AtomicUsize = AtomicUsize::new(4096);

/// Installs the handler, once. What it does not know goes to the handler that was there.
pub(crate) fn install() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: asks for a constant of the host.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        PAGE.store(usize::try_from(page).unwrap_or(4096), Ordering::Relaxed);
        // SAFETY: actions are made of integers; the handler has three parameters, as SA_SIGINFO says. The action of before is
        // known before the new one can be called.
        unsafe {
            let mut before: libc::sigaction = core::mem::zeroed();
            libc::sigaction(libc::SIGSEGV, ptr::null(), &raw mut before);
            let _ = BEFORE.set(before);
            let mut action: libc::sigaction = core::mem::zeroed();
            action.sa_sigaction = on_fault as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut());
        }
    });
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    const NOT_MAPPED: c_int = 1;
    // SAFETY: the kernel's information.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr().addr()) };
    if code == NOT_MAPPED && resolve(address) {
        return;
    }
    let Some(before) = BEFORE.get() else { return };
    match before.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {
            // The instruction is executed again, and ends the process.
            // SAFETY: actions are made of integers; the default handler.
            unsafe {
                let action: libc::sigaction = core::mem::zeroed();
                libc::sigaction(signal, &raw const action, ptr::null_mut());
            }
        }
        handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: installed as a handler of three parameters.
            let handler = unsafe {
                core::mem::transmute::<usize, extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)>(handler)
            };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: installed as a handler of one parameter.
            let handler = unsafe { core::mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
            handler(signal);
        }
    }
}

/// Gives the page at `address` something to access, if it is of a slot that this thread uses.
fn resolve(address: usize) -> bool {
    let Ok(watched) = WATCHED.try_with(Cell::get) else { return false };
    if watched.is_null() {
        return false;
    }
    // SAFETY: it lives as long as the thread is in `watch`.
    let watched = unsafe { &*watched };
    // SAFETY: the ranges outlive the watching.
    if !unsafe { &*watched.ranges }.contains(address) {
        return false;
    }
    let page = PAGE.load(Ordering::Relaxed);
    let start = address & !(page - 1);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new page where there was none; the thread's own errno is put back.
    let mapped = unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        let result = libc::syscall(libc::SYS_mmap, start, page, protection, flags, -1, 0);
        // Another thread may have been faster.
        let mapped = result != -1 || *errno == libc::EEXIST;
        *errno = before;
        mapped
    };
    if mapped {
        watched.faulted.store(true, Ordering::SeqCst);
        // SAFETY: the peer outlives the watching.
        if let Some(peer) = unsafe { watched.peer.as_ref() } {
            peer.host_faulted();
        }
    }
    mapped
}
