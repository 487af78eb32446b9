//! Memory of our own, apart from the client's malloc: a client's signal handler may have interrupted malloc itself, and
//! may nevertheless call us, as it may make a system call. Truth: signal-safety(7), pthread_atfork(3).

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use dlmalloc::Dlmalloc;

/// An allocator below a lock that a fork can be made under.
pub(crate) struct Private {
    locked: AtomicBool,
    heap: UnsafeCell<Dlmalloc>,
}

// SAFETY: the heap is only used by who holds the lock.
unsafe impl Sync for Private {}

impl Private {
    pub(crate) const fn new() -> Self {
        Self { locked: AtomicBool::new(false), heap: UnsafeCell::new(Dlmalloc::new()) }
    }

    /// Takes the lock; nobody holds it for long.
    pub(crate) fn lock(&self) {
        while self.locked.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            // SAFETY: a call without arguments.
            unsafe { libc::sched_yield() };
        }
    }

    /// Gives the lock back.
    pub(crate) fn unlock(&self) {
        self.locked.store(false, Ordering::Release);
    }

    fn with<T>(&self, f: impl FnOnce(&mut Dlmalloc) -> T) -> T {
        self.lock();
        // SAFETY: the lock is held, and `f` does not allocate by other ways than its argument.
        let result = f(unsafe { &mut *self.heap.get() });
        self.unlock();
        result
    }
}

// SAFETY: the heap keeps the contract of an allocator, and the lock makes it one for all threads.
unsafe impl GlobalAlloc for Private {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        self.with(|heap| unsafe { heap.malloc(layout.size(), layout.align()) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        self.with(|heap| unsafe { heap.calloc(layout.size(), layout.align()) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        self.with(|heap| unsafe { heap.free(at, layout.size(), layout.align()) });
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: passed on.
        self.with(|heap| unsafe { heap.realloc(at, layout.size(), layout.align(), size) })
    }
}
