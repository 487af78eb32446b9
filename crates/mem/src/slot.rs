//! Memory slots and the state of each page in them.
//! Source: KVM API, KVM_SET_USER_MEMORY_REGION; Principles of Operation chapter 3, Storage Key.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::key::StorageKey;

/// Size of the unit of keys, marks and translation.
pub const PAGE_SIZE: u64 = 4096;

/// Marks of a page that are softsie's own, not the guest's: a set of the constants below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageMarks(pub u8);

impl PageMarks {
    /// Some CPU holds decoded or translated instructions of this page: stores must take the slow path.
    pub const CODE: u8 = 1;
    /// Stored into since the dirty log was last read.
    pub const DIRTY: u8 = 2;
}

/// Storage key and marks of one page.
#[derive(Debug, Default)]
pub struct PageState {
    key: AtomicU8,
    marks: AtomicU8,
}

impl PageState {
    /// The storage key.
    pub fn key(&self) -> StorageKey {
        StorageKey(self.key.load(Ordering::Relaxed))
    }

    /// Replaces the storage key and returns the key before. Who copies the page copies its key: it counts as changed.
    pub fn set_key(&self, key: StorageKey) -> StorageKey {
        self.set_marks(PageMarks::DIRTY);
        StorageKey(self.key.swap(key.0, Ordering::SeqCst))
    }

    /// Sets bits in the key (reference, change) and returns the key before.
    pub fn or_key(&self, bits: u8) -> StorageKey {
        let now = self.key.load(Ordering::Relaxed);
        if now & bits == bits {
            return StorageKey(now);
        }
        StorageKey(self.key.fetch_or(bits, Ordering::Relaxed))
    }

    /// Clears bits in the key and returns the key before.
    pub fn clear_key(&self, bits: u8) -> StorageKey {
        StorageKey(self.key.fetch_and(!bits, Ordering::Relaxed))
    }

    /// The marks.
    pub fn marks(&self) -> PageMarks {
        PageMarks(self.marks.load(Ordering::SeqCst))
    }

    /// Whether the page holds code that some CPU has decoded.
    pub fn is_code(&self) -> bool {
        self.marks().0 & PageMarks::CODE != 0
    }

    /// Sets marks and returns those before.
    pub fn set_marks(&self, bits: u8) -> PageMarks {
        PageMarks(self.marks.fetch_or(bits, Ordering::SeqCst))
    }

    /// Clears marks and returns those before.
    pub fn clear_marks(&self, bits: u8) -> PageMarks {
        PageMarks(self.marks.fetch_and(!bits, Ordering::SeqCst))
    }
}

/// A memory slot: `length` bytes of client memory at `host` are guest absolute storage from `start` on.
#[derive(Debug)]
pub struct Slot {
    /// The client's slot number.
    pub id: u32,
    /// KVM_MEM_* flags.
    pub flags: u32,
    /// First guest absolute address, page aligned.
    pub start: u64,
    /// Length in bytes, a multiple of the page size.
    pub length: u64,
    host: NonNull<u8>,
    pages: Box<[PageState]>,
}

// SAFETY: the host pointer designates memory that the client promised to keep mapped and that every guest CPU may
// access at any time; all other fields are plain or atomic.
unsafe impl Send for Slot {}
// SAFETY: as above; shared access to the bytes is what guest storage is.
unsafe impl Sync for Slot {}

impl Slot {
    /// A slot over client memory.
    ///
    /// # Safety
    /// `length` bytes at `host` must stay mapped readable and writable as long as the slot exists, and nothing may rely on
    /// their staying unchanged: guest CPUs read and write them from several threads.
    pub(crate) unsafe fn new(id: u32, flags: u32, start: u64, length: u64, host: NonNull<u8>) -> Slot {
        let pages = (0..length / PAGE_SIZE).map(|_| PageState::default()).collect();
        Slot { id, flags, start, length, host, pages }
    }

    /// Address of the slot's first byte in the client.
    pub fn host(&self) -> NonNull<u8> {
        self.host
    }

    /// States of all pages in order.
    pub fn pages(&self) -> &[PageState] {
        &self.pages
    }

    fn page(&self, absolute: u64) -> Page<'_> {
        let index = ((absolute - self.start) / PAGE_SIZE) as usize;
        // SAFETY: `index` is below the number of pages, so the offset is inside the client's mapping.
        let host = unsafe { self.host.add(index * PAGE_SIZE as usize) };
        Page { host, state: &self.pages[index], absolute: absolute & !(PAGE_SIZE - 1) }
    }
}

/// One page of guest storage.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Where its bytes are in the host.
    pub host: NonNull<u8>,
    /// Its key and marks.
    pub state: &'a PageState,
    /// Its absolute address.
    pub absolute: u64,
}

/// An immutable set of slots; a change of slots makes a new one.
#[derive(Debug, Default)]
pub struct SlotMap {
    /// Ordered by start address, without overlaps.
    pub(crate) slots: Vec<Arc<Slot>>,
}

impl SlotMap {
    /// The page that holds `absolute`, `None` outside all slots.
    pub fn page(&self, absolute: u64) -> Option<Page<'_>> {
        // Nearly every guest has one slot; the first is tried before the search.
        let slot = match self.slots.first() {
            Some(s) if absolute.wrapping_sub(s.start) < s.length => s,
            _ => {
                let after = self.slots.partition_point(|s| s.start <= absolute);
                let s = self.slots.get(after.checked_sub(1)?)?;
                if absolute - s.start >= s.length {
                    return None;
                }
                s
            }
        };
        Some(slot.page(absolute))
    }

    /// All slots in address order.
    pub fn slots(&self) -> &[Arc<Slot>] {
        &self.slots
    }
}
