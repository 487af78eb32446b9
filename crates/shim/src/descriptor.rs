//! Which descriptors are ours: a table by number that is read without waiting where there is nothing, and whose locks
//! last for a few instructions. Truth: close(2), dup(2), vfork(2).

use core::ffi::c_int;
use core::hint::spin_loop;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};
use std::sync::Arc;

use crate::inside::inside;
use crate::object::{Object, identity};

/// Slots of a part of the table, and parts: a million descriptors.
const PART: usize = 1024;

type Slots = [AtomicUsize; PART];

static TABLE: [AtomicPtr<Slots>; PART] = [const { AtomicPtr::new(ptr::null_mut()) }; PART];

/// The bit of a slot that says that somebody looks at it.
const LOCK: usize = 1;

/// The process whose descriptors the table is about.
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// Says that this process is the one. After a fork nobody else is looking at slots.
pub(crate) fn begin_process() {
    // SAFETY: a call without arguments.
    PROCESS.store(unsafe { libc::getpid() }, Ordering::Relaxed);
    for part in &TABLE {
        // SAFETY: parts are never freed.
        if let Some(slots) = unsafe { part.load(Ordering::Relaxed).as_ref() } {
            for slot in slots {
                slot.fetch_and(!LOCK, Ordering::Relaxed);
            }
        }
    }
}

/// Whether the calling process is the one: a child made by vfork shares the table, but has descriptors of its own.
pub(crate) fn is_this_process() -> bool {
    // SAFETY: a call without arguments.
    unsafe { libc::getpid() == PROCESS.load(Ordering::Relaxed) }
}

fn slot(fd: c_int) -> Option<&'static AtomicUsize> {
    let number = usize::try_from(fd).ok()?;
    // SAFETY: parts are never freed.
    let slots = unsafe { TABLE.get(number / PART)?.load(Ordering::Acquire).as_ref()? };
    slots.get(number % PART)
}

fn slot_made(fd: c_int) -> Option<&'static AtomicUsize> {
    if let Some(slot) = slot(fd) {
        return Some(slot);
    }
    let part = TABLE.get(usize::try_from(fd).ok()? / PART)?;
    let new: *mut Slots = Box::into_raw(Box::new([const { AtomicUsize::new(0) }; PART]));
    if part.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // SAFETY: made above, and nobody else has it.
        drop(unsafe { Box::from_raw(new) });
    }
    slot(fd)
}

/// Replaces a slot's content by what `f` makes of it.
fn with_slot<T>(slot: &AtomicUsize, f: impl FnOnce(usize) -> (usize, T)) -> T {
    let content = loop {
        let content = slot.load(Ordering::Relaxed) & !LOCK;
        if slot.compare_exchange_weak(content, content | LOCK, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            break content;
        }
        spin_loop();
    };
    let (content, result) = f(content);
    slot.store(content, Ordering::Release);
    result
}

/// The slot of a descriptor that seems to be ours. Cheap when it is not.
fn known(fd: c_int) -> Option<&'static AtomicUsize> {
    slot(fd).filter(|slot| slot.load(Ordering::Relaxed) & !LOCK != 0)
}

/// Whether a descriptor seems to be ours.
pub(crate) fn is_known(fd: c_int) -> bool {
    known(fd).is_some()
}

/// What a descriptor stands for.
pub(crate) fn find(fd: c_int) -> Option<Found> {
    let slot = known(fd)?;
    let copy = |content| {
        let object = ptr::with_exposed_provenance::<Object>(content);
        let found = (!object.is_null()).then(|| {
            // SAFETY: the slot holds one count of the object, and cannot lose it while it is locked.
            unsafe {
                Arc::increment_strong_count(object);
                Arc::from_raw(object)
            }
        });
        (content, found)
    };
    inside(|| with_slot(slot, copy)).map(Found::new)
}

/// An object that was found. Letting go of it may be its end, which no signal handler interrupts.
pub(crate) struct Found(ManuallyDrop<Arc<Object>>);

impl Found {
    pub(crate) fn new(object: Arc<Object>) -> Self {
        Self(ManuallyDrop::new(object))
    }
}

impl Deref for Found {
    type Target = Arc<Object>;

    fn deref(&self) -> &Arc<Object> {
        &self.0
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        // SAFETY: the object is not used after this.
        inside(|| unsafe { ManuallyDrop::drop(&mut self.0) });
    }
}

/// As [`find`], but sure: a descriptor that was closed behind our back and stands for another file now is forgotten.
pub(crate) fn find_sure(fd: c_int) -> Option<Found> {
    let object = find(fd)?;
    if identity(fd) == Some(object.identity) {
        return Some(object);
    }
    if is_this_process() {
        drop(take(fd));
    }
    None
}

/// Says what a descriptor stands for; false when there is no room for such a number. Only for who is inside.
pub(crate) fn put(fd: c_int, object: Arc<Object>) -> bool {
    let Some(slot) = slot_made(fd) else { return false };
    let new = Arc::into_raw(object).expose_provenance();
    let old = with_slot(slot, |old| (new, old));
    drop(counted(old));
    true
}

/// Forgets a descriptor and says what it stood for.
pub(crate) fn take(fd: c_int) -> Option<Found> {
    let slot = known(fd)?;
    counted(inside(|| with_slot(slot, |old| (0, old))))
}

/// Forgets descriptors from `first` to `last`.
pub(crate) fn take_range(first: u32, last: u32) {
    let limit = (PART * PART) as u32 - 1;
    let mut fd = first;
    while fd <= last.min(limit) {
        if TABLE[fd as usize / PART].load(Ordering::Acquire).is_null() {
            fd = (fd / PART as u32 + 1) * PART as u32;
        } else {
            drop(take(fd.cast_signed()));
            fd += 1;
        }
    }
}

/// The object whose count a slot held.
fn counted(content: usize) -> Option<Found> {
    // SAFETY: the content is out of its slot, so that its count is the caller's.
    (content != 0).then(|| Found::new(unsafe { Arc::from_raw(ptr::with_exposed_provenance::<Object>(content)) }))
}
