//! Whether the calling thread is in our code, and what came up for the client meanwhile. The words are this thread's own,
//! and have no destructor: a signal handler reads them. Truth: signal(7), rt_sigqueueinfo(2).

use core::cell::Cell;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{Ordering, compiler_fence};

use kvm::Vcpu;

/// This thread's state.
pub(crate) struct Inside {
    /// How deep in our code the thread is.
    depth: Cell<u32>,
    /// The vCPU that the thread runs: whom a signal is to stop.
    running: Cell<*const Vcpu>,
    /// Signals that came, and what came with each.
    deferred: Cell<usize>,
    infos: [Cell<MaybeUninit<libc::siginfo_t>>; DEFERRED],
    /// The thread's signal mask before the run, to be put back when the thread leaves, if there is one.
    mask: Cell<Option<libc::sigset_t>>,
}

/// How many signals can be kept. The first has the thread leave soon.
const DEFERRED: usize = 16;

thread_local! {
    static INSIDE: Inside = const {
        Inside {
            depth: Cell::new(0),
            running: Cell::new(ptr::null()),
            deferred: Cell::new(0),
            infos: [const { Cell::new(MaybeUninit::uninit()) }; DEFERRED],
            mask: Cell::new(None),
        }
    };
}

/// Does something of ours: meanwhile the client's signal handlers wait.
pub(crate) fn inside<T>(f: impl FnOnce() -> T) -> T {
    enter();
    let result = f();
    leave();
    result
}

/// As [`inside`], for KVM_RUN: a signal ends it. `mask` is the client's for the time of the run.
pub(crate) fn inside_run<T>(vcpu: &Vcpu, mask: Option<u64>, f: impl FnOnce() -> T) -> T {
    enter();
    INSIDE.with(|state| {
        state.running.set(ptr::from_ref(vcpu));
        compiler_fence(Ordering::SeqCst);
        if let Some(mask) = mask {
            // SAFETY: a set of signals is made of integers; the mask is its first word.
            let mut set: libc::sigset_t = unsafe { core::mem::zeroed() };
            // SAFETY: the set has room for the 64 signals that there are.
            unsafe { (&raw mut set).cast::<u64>().write(mask) };
            set_mask_for_run(state, &set);
        }
    });
    let result = f();
    INSIDE.with(|state| {
        state.running.set(ptr::null());
        compiler_fence(Ordering::SeqCst);
        // A signal that came when the run was already over stops no later one.
        vcpu.forget_kick();
    });
    leave();
    result
}

fn set_mask_for_run(state: &Inside, set: &libc::sigset_t) {
    // Blocked first, so that no signal comes between the exchange and the note of it.
    state.mask.set(Some(exchange_mask(&all_signals())));
    exchange_mask(set);
}

fn all_signals() -> libc::sigset_t {
    // SAFETY: a set of signals is made of integers, and alive.
    unsafe {
        let mut all = core::mem::zeroed();
        libc::sigfillset(&raw mut all);
        all
    }
}

/// Sets the thread's signal mask and says what it was.
fn exchange_mask(new: &libc::sigset_t) -> libc::sigset_t {
    // SAFETY: a set of signals is made of integers, and both are alive.
    unsafe {
        let mut old = core::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, ptr::from_ref(new), &raw mut old);
        old
    }
}

/// Does something that may start threads, which then have all signals blocked.
pub(crate) fn without_signals<T>(f: impl FnOnce() -> T) -> T {
    let before = exchange_mask(&all_signals());
    let result = f();
    exchange_mask(&before);
    result
}

fn enter() {
    INSIDE.with(|state| state.depth.set(state.depth.get() + 1));
    compiler_fence(Ordering::SeqCst);
}

fn leave() {
    compiler_fence(Ordering::SeqCst);
    INSIDE.with(|state| {
        let depth = state.depth.get() - 1;
        if depth != 0 {
            state.depth.set(depth);
        } else if state.mask.get().is_some() {
            hand_over(state);
        } else {
            state.depth.set(0);
            // From here on signals go to the client.
            compiler_fence(Ordering::SeqCst);
            if state.deferred.get() != 0 {
                hand_over(state);
            }
        }
    });
}

/// Leaves our code: puts the signals that came back to the kernel and the mask back to the client's. They are taken now, or
/// stay pending if the client has them blocked.
fn hand_over(state: &Inside) {
    let before = exchange_mask(&all_signals());
    // SAFETY: calls without arguments.
    let (process, thread) = unsafe { (libc::getpid(), libc::syscall(libc::SYS_gettid)) };
    for info in &state.infos[..state.deferred.replace(0)] {
        let mut info = info.get();
        let info = info.as_mut_ptr();
        // SAFETY: the information is what the kernel gave with this signal.
        unsafe {
            let signal = (*info).si_signo;
            if libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, info) != 0 {
                libc::syscall(libc::SYS_tgkill, process, thread, signal);
            }
        }
    }
    state.depth.set(0);
    exchange_mask(&state.mask.take().unwrap_or(before));
}

/// Whether this thread is in our code.
pub(crate) fn is_inside() -> bool {
    INSIDE.with(|state| state.depth.get() != 0)
}

/// A signal came to this thread. If it is in our code, the signal is kept for later, a run ends, and this says so.
///
/// # Safety
/// The argument is that of a signal handler.
pub(crate) unsafe fn defer(info: *const libc::siginfo_t) -> bool {
    INSIDE.with(|state| {
        if state.depth.get() == 0 {
            return false;
        }
        // One at a time.
        let before = exchange_mask(&all_signals());
        // SAFETY: the caller's argument.
        let info = unsafe { *info };
        let count = state.deferred.get();
        let is_kept = |kept: &Cell<MaybeUninit<libc::siginfo_t>>| {
            // SAFETY: the first `count` are initialised.
            unsafe { kept.get().assume_init() }.si_signo == info.si_signo
        };
        // Signals that do not queue are not kept twice.
        if count < DEFERRED && (info.si_signo >= libc::SIGRTMIN() || !state.infos[..count].iter().any(is_kept)) {
            state.infos[count].set(MaybeUninit::new(info));
            state.deferred.set(count + 1);
        }
        let running = state.running.get();
        if !running.is_null() {
            // SAFETY: this thread is in the call that borrows the vCPU.
            unsafe { &*running }.kick();
        }
        exchange_mask(&before);
        true
    })
}
