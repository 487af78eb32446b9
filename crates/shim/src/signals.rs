//! The client's signal handlers: each is installed behind one of ours, which keeps a signal that comes in the middle of our
//! code until the code is left. Truth: sigaction(2), signal(7), signal-safety(7).

use core::ffi::{c_int, c_void};
use core::mem;
use core::ptr;
use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use crate::inside::{defer, is_inside};
use crate::next;

/// Signals have numbers below this.
const SIGNALS: usize = 65;

/// What the client set for a signal.
struct Disposition {
    handler: AtomicUsize,
    flags: AtomicI32,
}

static DISPOSITIONS: [Disposition; SIGNALS] =
    [const { Disposition { handler: AtomicUsize::new(libc::SIG_DFL), flags: AtomicI32::new(0) } }; SIGNALS];

/// Handlers of our own: the interface's, for faults of the host in guest storage.
static OWN: [AtomicUsize; SIGNALS] = [const { AtomicUsize::new(0) }; SIGNALS];

type Handler = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

fn ours() -> usize {
    handle as *const () as usize
}

/// sigaction(2), seen from the client.
///
/// # Safety
/// As for the system call.
pub(crate) unsafe fn sigaction(signal: c_int, new: *const libc::sigaction, old: *mut libc::sigaction) -> c_int {
    let Some(disposition) = usize::try_from(signal).ok().and_then(|n| DISPOSITIONS.get(n)) else {
        // SAFETY: passed on.
        return unsafe { next::sigaction(signal, new, old) };
    };
    let before = (disposition.handler.load(Ordering::Relaxed), disposition.flags.load(Ordering::Relaxed));
    let own = &OWN[signal as usize];
    let result = if is_inside() && !new.is_null() {
        // SAFETY: our own pointer.
        let mut action = unsafe { *new };
        own.store(action.sa_sigaction, Ordering::Release);
        action.sa_sigaction = ours();
        // SAFETY: passed on, with a copy.
        unsafe { next::sigaction(signal, &raw const action, old) }
    } else if new.is_null() {
        // SAFETY: passed on.
        unsafe { next::sigaction(signal, new, old) }
    } else {
        // SAFETY: the client's pointer, which is not null.
        let mut action = unsafe { *new };
        let (handler, flags) = (action.sa_sigaction, action.sa_flags);
        if own.load(Ordering::Relaxed) != 0 || handler != libc::SIG_DFL && handler != libc::SIG_IGN {
            action.sa_sigaction = ours();
            // Resetting is ours to do: a signal that is kept comes twice.
            action.sa_flags = (flags | libc::SA_SIGINFO) & !libc::SA_RESETHAND;
        }
        disposition.flags.store(flags, Ordering::Relaxed);
        disposition.handler.store(handler, Ordering::Release);
        // SAFETY: passed on, with a copy.
        let result = unsafe { next::sigaction(signal, &raw const action, old) };
        if result != 0 {
            disposition.flags.store(before.1, Ordering::Relaxed);
            disposition.handler.store(before.0, Ordering::Release);
        }
        result
    };
    // SAFETY: the client's pointer, which the system call has filled if there is one.
    if let (0, Some(old)) = (result, unsafe { old.as_mut() })
        && old.sa_sigaction == ours()
    {
        old.sa_sigaction = before.0;
        old.sa_flags = before.1;
    }
    result
}

/// signal(2) with these flags, seen from the client.
///
/// # Safety
/// As for the library call.
pub(crate) unsafe fn signal(signal: c_int, handler: usize, flags: c_int) -> usize {
    // SAFETY: actions are made of integers; an empty set masks nothing more.
    let (mut new, mut old) = unsafe { (mem::zeroed::<libc::sigaction>(), mem::zeroed::<libc::sigaction>()) };
    new.sa_sigaction = handler;
    new.sa_flags = flags;
    // SAFETY: both actions are alive.
    match unsafe { sigaction(signal, &raw const new, &raw mut old) } {
        0 => old.sa_sigaction,
        _ => libc::SIG_ERR,
    }
}

/// Our handler of every signal that the client handles.
unsafe extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the thread's own errno.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { *errno };
    // SAFETY: the kernel's arguments.
    let later =
        unsafe { if is_of_the_instruction(signal, info) { call_own(signal, info, context) } else { defer(info) } };
    // SAFETY: as above.
    unsafe { *errno = before };
    if !later {
        // SAFETY: the kernel's arguments.
        unsafe { call_client(signal, info, context) };
    }
}

/// Whether the interrupted instruction caused the signal: it would again, so that it cannot wait.
unsafe fn is_of_the_instruction(signal: c_int, info: *const libc::siginfo_t) -> bool {
    // SAFETY: the kernel's information.
    let by_kernel = unsafe { (*info).si_code } > 0;
    by_kernel && matches!(signal, libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE | libc::SIGTRAP)
}

/// Calls our own handler for what our own code met; false when there is none.
unsafe fn call_own(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) -> bool {
    let own = OWN[signal as usize].load(Ordering::Acquire);
    if own == 0 || !is_inside() {
        return false;
    }
    // SAFETY: installed by the interface as a handler of three parameters.
    let own = unsafe { mem::transmute::<usize, Handler>(own) };
    // SAFETY: the kernel's arguments.
    unsafe { own(signal, info, context) };
    true
}

unsafe fn call_client(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(disposition) = usize::try_from(signal).ok().and_then(|n| DISPOSITIONS.get(n)) else { return };
    let handler = disposition.handler.load(Ordering::Acquire);
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        // The instruction is executed again, and the kernel does what it does by default. Else another thread has changed
        // the handler while the signal was on its way.
        // SAFETY: the kernel's information.
        if unsafe { is_of_the_instruction(signal, info) } {
            set_default(signal);
        }
        return;
    }
    if disposition.flags.load(Ordering::Relaxed) & libc::SA_RESETHAND != 0 {
        disposition.handler.store(libc::SIG_DFL, Ordering::Relaxed);
        set_default(signal);
    }
    // SAFETY: the client installed it as a handler; one of a single parameter does not look at the others.
    let handler = unsafe { mem::transmute::<usize, Handler>(handler) };
    // SAFETY: the kernel's arguments.
    unsafe { handler(signal, info, context) };
}

fn set_default(signal: c_int) {
    // SAFETY: actions are made of integers.
    let mut default: libc::sigaction = unsafe { mem::zeroed() };
    default.sa_sigaction = libc::SIG_DFL;
    // SAFETY: the action is alive.
    unsafe { next::sigaction(signal, &raw const default, ptr::null_mut()) };
}
