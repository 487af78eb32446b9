//! The page-status table that a host has behind each of its page tables: storage key and usage of a guest's page, whether the page
//! is in storage or not. Source: the reference of interpretive execution (guest storage, PGSTE; collaborative memory management).

use std::sync::atomic::{AtomicU64, Ordering};

use softsie_mem::{PAGE_SIZE, StorageKey};

use crate::access::Access;
use crate::broadcast::Request;
use crate::exit::Exit;
use crate::state::Cpu;

/// From a page-table entry to the status entry of the same page.
const DISTANCE: u64 = 2048;
/// The entry is locked.
const LOCK: u64 = 0x0080_0000_0000_0000;
/// The host's view of references and changes: bits of the key, moved.
const HOST_SHIFT: u32 = 52;
/// The guest's view of references and changes.
const GUEST_SHIFT: u32 = 48;
/// Access-control bits and fetch protection.
const CONTROL_SHIFT: u32 = 56;
/// Bits of a key: what is moved by `CONTROL_SHIFT`, and by the other two.
const CONTROL: u8 = 0xF8;
const RECORDED: u8 = StorageKey::REFERENCE | StorageKey::CHANGE;
/// The page's content is zeros, or lost.
const ZERO: u64 = 0x8000_0000;
const NO_DAT: u64 = 0x4000_0000;
const USAGE: u64 = 0x0300_0000;
/// Attempts to get the lock before others are served.
const ATTEMPTS: u32 = 1000;
/// Length of a release list in bytes: its last entry stays free.
const LIST: u64 = 0xFF8;

/// A page of a guest as its host has it.
#[derive(Clone, Copy)]
struct Page {
    /// Address of the status entry.
    status_at: u64,
    /// Where the page is in storage, if it is there.
    frame: Option<u64>,
}

/// The key as an entry has it.
fn key_of(status: u64) -> StorageKey {
    StorageKey((status >> CONTROL_SHIFT) as u8 & CONTROL | (status >> GUEST_SHIFT) as u8 & RECORDED)
}

/// The entry with another key.
fn with_key(status: u64, key: StorageKey) -> u64 {
    let all = u64::from(CONTROL) << CONTROL_SHIFT | u64::from(RECORDED) << GUEST_SHIFT;
    status & !all | u64::from(key.0 & CONTROL) << CONTROL_SHIFT | u64::from(key.0 & RECORDED) << GUEST_SHIFT
}

/// The entry when the host's view has what a real key has recorded.
fn merged(status: u64, real: StorageKey) -> u64 {
    status | u64::from(real.0 & RECORDED) << HOST_SHIFT
}

impl Cpu {
    /// Does `f` with the locked status entry of the page at this guest's absolute address, and replaces the entry; `None` when
    /// keys and usage of the page are in no such table.
    fn with_status<T>(
        &mut self,
        absolute: u64,
        f: impl FnOnce(&mut Cpu, Option<u64>, u64) -> (u64, T),
    ) -> Result<Option<T>, Exit> {
        let Some((at, frame)) = self.host_page(absolute).map_err(Exit::Program)? else { return Ok(None) };
        let page = Page { status_at: at + DISTANCE, frame };
        let status = self.lock_status(page)?;
        let (new, result) = f(self, page.frame, status);
        if let Some(entry) = self.machine_cell::<AtomicU64>(page.status_at, Access::Store) {
            entry.store((new & !LOCK).to_be(), Ordering::SeqCst);
        }
        Ok(Some(result))
    }

    /// Locks a status entry. When somebody has it for long, the instruction is executed again.
    fn lock_status(&mut self, page: Page) -> Result<u64, Exit> {
        let missing = Exit::Program(self.addressing(page.status_at));
        let Some(entry) = self.machine_cell::<AtomicU64>(page.status_at, Access::Store) else { return Err(missing) };
        for _ in 0..ATTEMPTS {
            let before = entry.fetch_or(LOCK.to_be(), Ordering::SeqCst);
            if u64::from_be(before) & LOCK == 0 {
                return Ok(u64::from_be(before));
            }
            std::hint::spin_loop();
        }
        std::thread::yield_now();
        Err(Exit::Again)
    }

    /// The key of a guest's page from its host's tables.
    pub(crate) fn status_key(&mut self, absolute: u64) -> Result<Option<StorageKey>, Exit> {
        self.with_status(absolute, |cpu, frame, status| {
            let kept = key_of(status);
            let real = frame.and_then(|frame| cpu.real_key(frame));
            (status, real.map_or(kept, |real| StorageKey(real.0 | kept.0 & RECORDED)))
        })
    }

    /// Sets it; gives the old one.
    pub(crate) fn set_status_key(&mut self, absolute: u64, key: StorageKey) -> Result<Option<StorageKey>, Exit> {
        self.with_status(absolute, |cpu, frame, status| {
            let kept = key_of(status);
            match frame.and_then(|frame| cpu.set_real_key(frame, key)) {
                // What is recorded from now on is in the real key.
                Some(real) => {
                    let new = with_key(merged(status, real), StorageKey(key.0 & CONTROL));
                    (new, StorageKey(real.0 | kept.0 & RECORDED))
                }
                None => (with_key(status, key), kept),
            }
        })
    }

    /// Clears the reference bit in it; gives the old one.
    pub(crate) fn reset_status_reference(&mut self, absolute: u64) -> Result<Option<StorageKey>, Exit> {
        self.with_status(absolute, |cpu, frame, status| {
            let kept = key_of(status);
            let real = frame.and_then(|frame| cpu.reset_real_reference(frame));
            let recorded = real.map_or(status, |real| merged(status, StorageKey(real.0 & StorageKey::REFERENCE)));
            let new = with_key(recorded, StorageKey(kept.0 & !StorageKey::REFERENCE));
            (new, real.map_or(kept, |real| StorageKey(real.0 | kept.0 & RECORDED)))
        })
    }

    fn real_key(&self, frame: u64) -> Option<StorageKey> {
        self.slots.page(frame).map(|page| page.state.key())
    }

    /// Replaces the key of a page of the machine; when this returns no CPU uses the old one, which it gives.
    pub(crate) fn set_real_key(&mut self, frame: u64, key: StorageKey) -> Option<StorageKey> {
        // The key that is replaced decides, not one looked at before: another CPU may just have recorded a change, and go
        // on storing by a translation that need not record it again.
        let before = self.slots.page(frame)?.state.set_key(key);
        if before != key {
            self.broadcast(Request::FlushAbsolute(frame & !(PAGE_SIZE - 1)));
        }
        Some(before)
    }

    /// Clears the reference bit of a page of the machine; gives the key before.
    pub(crate) fn reset_real_reference(&mut self, frame: u64) -> Option<StorageKey> {
        let before = self.slots.page(frame)?.state.clear_key(StorageKey::REFERENCE);
        if before.0 & StorageKey::REFERENCE != 0 {
            self.broadcast(Request::FlushAbsolute(frame & !(PAGE_SIZE - 1)));
        }
        Some(before)
    }

    /// Extracts the state of a guest's page, and sets it by operation code `operation`, for its host. Pages that are not in storage
    /// and need not come back go to the host's release list.
    ///
    /// # Errors
    /// [`Exit::Intercept`] when the list is full, or the host has no table for it; the host's exception, when its tables do not
    /// lead to the page.
    pub fn set_page_state(&mut self, absolute: u64, operation: u8) -> Result<u64, Exit> {
        let Some(list_at) = self.release_list() else { return Err(Exit::Intercept) };
        let list = self
            .machine_cell::<AtomicU64>(list_at, Access::Fetch)
            .map(|list| u64::from_be(list.load(Ordering::SeqCst)));
        let Some(list) = list.filter(|list| list & (PAGE_SIZE - 1) < LIST) else { return Err(Exit::Intercept) };
        let absolute = absolute & !(PAGE_SIZE - 1);
        let done = self.with_status(absolute, |_, frame, status| {
            let there = frame.is_some();
            let (new, released) = next_state(status, operation, there);
            (new, (old_state(status, there), released))
        })?;
        let Some((state, released)) = done else { return Err(Exit::Intercept) };
        if released {
            let entry = self.host_prefixed(list & !7);
            if let Some(entry) = self.machine_cell::<AtomicU64>(entry, Access::Store) {
                entry.store(absolute.to_be(), Ordering::SeqCst);
            }
            if let Some(list_cell) = self.machine_cell::<AtomicU64>(list_at, Access::Store) {
                list_cell.store((list + 8).to_be(), Ordering::SeqCst);
            }
        }
        Ok(state)
    }
}

/// What the instruction tells of a page: usage, whether it is in storage and else whether it is zeros, use by DAT.
fn old_state(status: u64, there: bool) -> u64 {
    let content = match (there, status & ZERO != 0) {
        (true, _) => 0,
        (false, false) => 2,
        (false, true) => 3,
    };
    (status & USAGE) >> 22 | content | if status & NO_DAT != 0 { 0x20 } else { 0 }
}

/// The status of a page after an operation, and whether the host may forget the page's content.
fn next_state(status: u64, operation: u8, there: bool) -> (u64, bool) {
    const STABLE: u64 = 0;
    const UNUSED: u64 = 1 << 24;
    const POTENTIALLY_VOLATILE: u64 = 2 << 24;
    const VOLATILE: u64 = 3 << 24;
    let set = |usage| status & !USAGE | usage;
    let changed = key_of(status).0 & StorageKey::CHANGE != 0;
    let (new, released) = match operation {
        1 => (set(STABLE) & !NO_DAT, false),
        2 => (set(UNUSED), !there),
        3 => (set(VOLATILE), !there),
        4 if there => (set(POTENTIALLY_VOLATILE), false),
        4 if status & ZERO != 0 => (set(VOLATILE), false),
        // A page that has changed is to be kept.
        4 if changed => (set(STABLE), false),
        4 => (set(VOLATILE), true),
        5 => (set(STABLE), false),
        6 if there => (set(STABLE), false),
        7 => (set(STABLE) | NO_DAT, false),
        _ => (status, false),
    };
    (if released { new | ZERO } else { new }, released)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_entries_correspond() {
        let entry = with_key(0x0064_8000_C300_0000, StorageKey(0x9A));
        assert_eq!(entry, 0x9862_8000_C300_0000, "access-control bits 9, fetch protection, changed");
        assert_eq!(key_of(entry), StorageKey(0x9A));
        assert_eq!(merged(0, StorageKey(0xF6)), 0x0060_0000_0000_0000);
    }

    #[test]
    fn pages_that_are_away_and_not_needed_are_released() {
        // Usage unused, and volatile.
        assert_eq!(next_state(0, 2, false), (ZERO | 1 << 24, true));
        assert_eq!(next_state(0, 2, true), (1 << 24, false));
        assert_eq!(next_state(0, 3, false), (ZERO | 3 << 24, true));
        // Potentially volatile: by the change bit.
        assert_eq!(next_state(0, 4, true), (2 << 24, false));
        assert_eq!(next_state(0, 4, false), (ZERO | 3 << 24, true));
        assert_eq!(next_state(0x0002_0000_0000_0000, 4, false), (0x0002_0000_0000_0000, false));
        assert_eq!(next_state(3 << 24 | NO_DAT, 1, false), (0, false));
        assert_eq!(next_state(3 << 24, 6, false), (3 << 24, false));
        assert_eq!(next_state(0, 7, true), (NO_DAT, false));
        assert_eq!([old_state(0, true), old_state(1 << 24, false), old_state(ZERO | 3 << 24, false)], [0, 6, 15]);
        assert_eq!(old_state(NO_DAT, true), 0x20);
    }
}
