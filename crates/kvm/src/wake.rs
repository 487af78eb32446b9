//! How a vCPU sleeps and is woken: on an eventfd, by a wait that lets the client's signals in at one moment only, so that
//! none is lost between the last look and the sleep, and that can be ended from a signal handler.
//! Truth: ppoll(2); signal-safety(7).

use core::time::Duration;
use std::io::Error;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Errno, Result};

/// The sleeping place of one vCPU.
#[derive(Debug)]
pub(crate) struct Wake {
    event: OwnedFd,
    sleeping: AtomicBool,
}

/// What the sleeper's look found.
pub(crate) enum Look {
    /// There is something to do.
    Awake,
    /// Nothing, until the time is over if there is one.
    Sleep(Option<Duration>),
}

impl Wake {
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: makes a new descriptor, and touches no memory.
        let event = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if event < 0 {
            return Err(Errno(Error::last_os_error().raw_os_error().unwrap_or(Errno::EMFILE.0)));
        }
        // SAFETY: the kernel has just made the descriptor for us.
        Ok(Self { event: unsafe { OwnedFd::from_raw_fd(event) }, sleeping: AtomicBool::new(false) })
    }

    /// Whether the vCPU sleeps, or is about to.
    pub(crate) fn is_sleeping(&self) -> bool {
        self.sleeping.load(Ordering::SeqCst)
    }

    /// Ends the sleep, to be called after what the sleeper looks at has changed. Takes no lock and allocates nothing: signal
    /// handlers may call it.
    pub(crate) fn notify(&self) {
        if self.is_sleeping() {
            let one = 1u64.to_ne_bytes();
            // SAFETY: eight readable bytes. A full counter is as good as one more.
            unsafe { libc::write(self.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        }
    }

    /// Sleeps until `look` says that there is something to do. It is asked with all signals blocked, and again after each
    /// notification, signal or end of the time.
    pub(crate) fn sleep(&self, mut look: impl FnMut() -> Look) {
        self.sleeping.store(true, Ordering::SeqCst);
        let mask = Mask::block_all();
        while let Look::Sleep(time) = look() {
            self.wait(time, &mask.old);
        }
        drop(mask);
        self.sleeping.store(false, Ordering::SeqCst);
    }

    fn wait(&self, time: Option<Duration>, mask: &libc::sigset_t) {
        let time = time.map(|time| libc::timespec {
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        let time = time.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        let mut what = libc::pollfd { fd: self.event.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let mut counter = [0u8; 8];
        // SAFETY: one pollfd, a time and a set that live for the calls; eight writable bytes.
        unsafe {
            if libc::ppoll(&raw mut what, 1, time, mask) > 0 {
                libc::read(self.event.as_raw_fd(), counter.as_mut_ptr().cast(), counter.len());
            }
        }
    }
}

/// All signals are blocked on this thread as long as this lives.
struct Mask {
    old: libc::sigset_t,
}

impl Mask {
    fn block_all() -> Self {
        // SAFETY: the sets are valid for the calls, which change the mask of this thread only.
        unsafe {
            let (mut all, mut old) = (core::mem::zeroed(), core::mem::zeroed());
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut old);
            Self { old }
        }
    }
}

impl Drop for Mask {
    fn drop(&mut self) {
        // SAFETY: the set is the one that `block_all` was given.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.old, core::ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_before_the_sleep_is_not_lost() {
        let wake = Wake::new().unwrap();
        let mut looks = 0;
        wake.sleep(|| {
            looks += 1;
            match looks {
                // What happens after the look and before the wait.
                1 => {
                    wake.notify();
                    Look::Sleep(None)
                }
                _ => Look::Awake,
            }
        });
        assert_eq!(looks, 2);
        assert!(!wake.is_sleeping());
    }

    #[test]
    fn the_time_ends_the_sleep() {
        let wake = Wake::new().unwrap();
        let mut looks = 0;
        wake.sleep(|| {
            looks += 1;
            if looks == 1 { Look::Sleep(Some(Duration::from_millis(2))) } else { Look::Awake }
        });
        assert_eq!(looks, 2);
    }

    extern "C" fn ignore(_: libc::c_int) {}

    #[test]
    fn a_signal_that_came_during_the_look_ends_the_sleep() {
        let wake = Wake::new().unwrap();
        let mut looks = 0;
        // SAFETY: installs a handler that does nothing, for a signal that nobody else in the tests uses.
        unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            action.sa_sigaction = ignore as *const () as usize;
            libc::sigaction(libc::SIGWINCH, &raw const action, core::ptr::null_mut());
        }
        wake.sleep(|| {
            looks += 1;
            if looks > 1 {
                return Look::Awake;
            }
            // SAFETY: sends this thread a signal that has a handler.
            unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGWINCH) };
            Look::Sleep(None)
        });
        assert_eq!(looks, 2);
    }
}
