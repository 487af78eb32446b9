//! The storage of one guest: the current set of slots, and byte access by absolute address for everything that is not a
//! CPU's own operand access. Source: KVM API, KVM_SET_USER_MEMORY_REGION; PoP chapter 3, Absolute Address.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use thiserror::Error;

use crate::key::StorageKey;
use crate::slot::{PAGE_SIZE, Page, PageMarks, Slot, SlotMap};

/// An absolute address lies outside all slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("absolute address {0:#x} is outside the guest's storage")]
pub struct Addressing(pub u64);

/// Why a slot cannot be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SlotError {
    /// Start or length is not a multiple of the page size, or the end wraps.
    #[error("slot bounds are not page aligned or wrap")]
    Bounds,
    /// Part of the range belongs to another slot.
    #[error("slot overlaps another slot")]
    Overlap,
}

/// Guest absolute storage of one virtual machine.
#[derive(Debug, Default)]
pub struct Storage {
    map: RwLock<Arc<SlotMap>>,
    /// The guest looks at its storage keys, so that they are part of its state.
    keys_used: AtomicBool,
}

impl Storage {
    /// Storage without any slot.
    pub fn new() -> Storage {
        Storage::default()
    }

    /// Whether the guest uses its storage keys.
    pub fn are_keys_used(&self) -> bool {
        self.keys_used.load(Ordering::Relaxed)
    }

    /// Says that the guest uses its storage keys; for good.
    pub fn use_keys(&self) {
        if !self.are_keys_used() {
            self.keys_used.store(true, Ordering::Relaxed);
        }
    }

    /// The current slots. Pointers found through the result stay usable as long as it is kept and the client keeps its
    /// promise.
    pub fn map(&self) -> Arc<SlotMap> {
        self.map.read().clone()
    }

    /// Creates slot `id` or replaces it. CPUs go on with the old set until they are told to drop their translations.
    ///
    /// # Errors
    /// [`SlotError`] when the range is not usable; nothing has changed then.
    ///
    /// # Safety
    /// `length` bytes at `host` must stay mapped readable and writable until the slot has been removed and every CPU has
    /// dropped its translations; nothing may rely on those bytes staying unchanged.
    pub unsafe fn set_slot(
        &self,
        id: u32,
        flags: u32,
        start: u64,
        length: u64,
        host: NonNull<u8>,
    ) -> Result<(), SlotError> {
        let aligned = (start | length).is_multiple_of(PAGE_SIZE) && length != 0;
        let Some(end) = start.checked_add(length).filter(|_| aligned) else { return Err(SlotError::Bounds) };
        let mut map = self.map.write();
        let mut slots: Vec<_> = map.slots.iter().filter(|s| s.id != id).cloned().collect();
        if slots.iter().any(|s| start < s.start + s.length && s.start < end) {
            return Err(SlotError::Overlap);
        }
        // SAFETY: passed on to the caller.
        slots.push(Arc::new(unsafe { Slot::new(id, flags, start, length, host) }));
        slots.sort_by_key(|s| s.start);
        *map = Arc::new(SlotMap { slots });
        Ok(())
    }

    /// Removes slot `id`; true when there was one.
    pub fn remove_slot(&self, id: u32) -> bool {
        let mut map = self.map.write();
        let slots: Vec<_> = map.slots.iter().filter(|s| s.id != id).cloned().collect();
        let removed = slots.len() != map.slots.len();
        *map = Arc::new(SlotMap { slots });
        removed
    }

    /// Copies storage from `absolute` on into `buffer`.
    ///
    /// # Errors
    /// [`Addressing`] with the first address outside storage; the buffer's content is then undefined.
    pub fn read(&self, absolute: u64, buffer: &mut [u8]) -> Result<(), Addressing> {
        // No slot is removed as long as the lock is held.
        let map = self.map.read();
        each_piece(&map, absolute, buffer.len(), |page, offset, at, length| {
            page.state.or_key(StorageKey::REFERENCE);
            // SAFETY: `each_piece` keeps `offset + length` within the page and `at + length` within the buffer. Guest CPUs
            // may change the bytes meanwhile; any mixture of old and new is a correct answer.
            unsafe {
                std::ptr::copy_nonoverlapping(page.host.as_ptr().add(offset), buffer.as_mut_ptr().add(at), length);
            }
        })
    }

    /// Copies `bytes` to storage from `absolute` on. All or nothing. The result lists nothing of who must be told: a
    /// caller that may write to code pages uses [`Storage::touches_code`] afterwards.
    ///
    /// # Errors
    /// [`Addressing`] with the first address outside storage; nothing has been stored then.
    pub fn write(&self, absolute: u64, bytes: &[u8]) -> Result<(), Addressing> {
        let map = self.map.read();
        each_piece(&map, absolute, bytes.len(), |_, _, _, _| {})?;
        each_piece(&map, absolute, bytes.len(), |page, offset, at, length| {
            page.state.or_key(StorageKey::REFERENCE | StorageKey::CHANGE);
            page.state.set_marks(PageMarks::DIRTY);
            // SAFETY: as in `read`, with the directions exchanged.
            unsafe {
                std::ptr::copy_nonoverlapping(bytes.as_ptr().add(at), page.host.as_ptr().add(offset), length);
            }
        })
    }

    /// Whether any page of the range is marked as code, so that translations must be dropped after a write.
    pub fn touches_code(&self, absolute: u64, length: usize) -> bool {
        let map = self.map();
        let mut code = false;
        let _ = each_piece(&map, absolute, length, |page, _, _, _| code |= page.state.is_code());
        code
    }
}

/// Calls `f(page, offset in page, offset in range, length)` for each page's part of the range.
fn each_piece(
    map: &SlotMap,
    absolute: u64,
    length: usize,
    mut f: impl FnMut(Page<'_>, usize, usize, usize),
) -> Result<(), Addressing> {
    let mut done = 0;
    while done < length {
        let address = absolute.checked_add(done as u64).ok_or(Addressing(absolute))?;
        let page = map.page(address).ok_or(Addressing(address))?;
        let offset = (address % PAGE_SIZE) as usize;
        let piece = (PAGE_SIZE as usize - offset).min(length - done);
        f(page, offset, done, piece);
        done += piece;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(pages: usize) -> NonNull<u8> {
        NonNull::new(Box::leak(vec![0u8; pages * 4096].into_boxed_slice()).as_mut_ptr()).unwrap()
    }

    #[test]
    fn slots_may_not_overlap_and_reads_cross_pages_and_slots() {
        let s = Storage::new();
        let (a, b) = (memory(4), memory(4));
        // SAFETY: leaked memory lives for ever.
        unsafe {
            assert_eq!(s.set_slot(0, 0, 0, 0x4000, a), Ok(()));
            assert_eq!(s.set_slot(1, 0, 0x3000, 0x4000, b), Err(SlotError::Overlap));
            assert_eq!(s.set_slot(1, 0, 0x4001, 0x4000, b), Err(SlotError::Bounds));
            assert_eq!(s.set_slot(1, 0, 0x4000, 0x4000, b), Ok(()));
        }
        s.write(0x3ffe, &[1, 2, 3, 4]).unwrap();
        let mut out = [0; 4];
        s.read(0x3ffe, &mut out).unwrap();
        assert_eq!(out, [1, 2, 3, 4]);
        assert_eq!(s.read(0x7ffe, &mut out), Err(Addressing(0x8000)));
        assert_eq!(s.write(0x7ffe, &[9; 4]), Err(Addressing(0x8000)));
        s.read(0x7ffc, &mut out).unwrap();
        assert_eq!(out, [0; 4], "a failing write stores nothing");
        let key = s.map().page(0x3fff).unwrap().state.key();
        assert_eq!(key.0, StorageKey::REFERENCE | StorageKey::CHANGE);
        assert!(s.remove_slot(1) && !s.remove_slot(1));
        assert!(s.read(0x4000, &mut out).is_err());
    }
}
