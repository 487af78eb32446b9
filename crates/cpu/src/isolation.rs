//! Storage as a transaction sees it: copies of the lines it has accessed, in which it stores; compared with storage and put
//! into storage at its end, while all other CPUs stand still. Lines that hold what they held when the transaction first saw
//! them are as good as unchanged: then all of the transaction happens at that one moment.
//! Source: Principles of Operation, chapter 5, Transactional-Execution Facility (conflicts, isolation, overflow).

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use softsie_mem::PAGE_SIZE;

use crate::access::Access;

/// Conflicts are recognised by lines of this size.
const LINE: usize = 256;
const LINES: usize = PAGE_SIZE as usize / LINE;
/// Pages that a transaction may access.
const PAGES: usize = 256;
/// Doublewords that a transaction may store nontransactionally.
const DIRECT: usize = 4096;

/// A transaction's copy of a page.
#[repr(C, align(256))]
struct PageCopy {
    /// What the transaction sees.
    work: [u8; PAGE_SIZE as usize],
    /// What storage held.
    before: [u8; PAGE_SIZE as usize],
    absolute: u64,
    host: NonNull<u8>,
    /// By line: it was copied; it was copied for a store.
    copied: u16,
    stored: u16,
}

impl PageCopy {
    fn new() -> Box<PageCopy> {
        let empty = [0; PAGE_SIZE as usize];
        Box::new(PageCopy { work: empty, before: empty, absolute: 0, host: NonNull::dangling(), copied: 0, stored: 0 })
    }

    /// Doubleword `n` of the page in storage.
    fn place(&self, n: usize) -> &AtomicU64 {
        // SAFETY: `host` is the first byte of a page of client memory that stays mapped until the CPU has been told, and has
        // dropped its copies; all CPUs share it by atomic accesses of this or another size.
        unsafe { AtomicU64::from_ptr(self.host.as_ptr().add(n * 8).cast()) }
    }

    /// The doublewords that lie in one of the lines `lines`.
    fn doublewords(lines: u16) -> impl Iterator<Item = usize> {
        (0..LINES).filter(move |line| lines >> line & 1 != 0).flat_map(|line| line * LINE / 8..(line + 1) * LINE / 8)
    }

    fn copy_in(&mut self, lines: u16) {
        for n in Self::doublewords(lines) {
            let bytes = self.place(n).load(Ordering::Acquire).to_ne_bytes();
            self.work[n * 8..][..8].copy_from_slice(&bytes);
            self.before[n * 8..][..8].copy_from_slice(&bytes);
        }
        self.copied |= lines;
    }

    fn doubleword(bytes: &[u8; PAGE_SIZE as usize], n: usize) -> u64 {
        bytes.as_chunks::<8>().0.get(n).map_or(0, |b| u64::from_ne_bytes(*b))
    }

    fn changed(&self) -> bool {
        Self::doublewords(self.stored).any(|n| Self::doubleword(&self.work, n) != Self::doubleword(&self.before, n))
    }

    /// Puts into storage what the transaction has changed, each doubleword at once.
    fn copy_out(&self) {
        for n in Self::doublewords(self.stored) {
            let (before, work) = (Self::doubleword(&self.before, n), Self::doubleword(&self.work, n));
            if before == work {
                continue;
            }
            // Only the client may still store here, which no transaction is isolated from; its bytes stay.
            let changed = bytes_that_differ(before, work);
            let mut now = before;
            while let Err(found) =
                self.place(n).compare_exchange(now, now & !changed | work & changed, Ordering::SeqCst, Ordering::SeqCst)
            {
                now = found;
            }
        }
    }
}

/// Ones in the bytes in which two numbers differ.
fn bytes_that_differ(a: u64, b: u64) -> u64 {
    let (a, b) = (a.to_ne_bytes(), b.to_ne_bytes());
    u64::from_ne_bytes(std::array::from_fn(|n| if a[n] == b[n] { 0 } else { 0xFF }))
}

/// All that a transaction has seen of storage and done to it.
#[derive(Default)]
pub(crate) struct Isolation {
    /// Boxed, because pointers into them are given out while the list grows.
    #[allow(clippy::vec_box)]
    pages: Vec<Box<PageCopy>>,
    /// Copies for the next transaction.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<PageCopy>>,
    /// Nontransactional stores in order: absolute address and value.
    direct: Vec<(u64, u64)>,
}

impl Isolation {
    /// Where the transaction finds `length` bytes (cut to the page's end) from `offset` on in the page at `absolute`, which
    /// is at `host`. None when it has accessed too much.
    pub(crate) fn place(
        &mut self,
        absolute: u64,
        host: NonNull<u8>,
        offset: u64,
        length: u64,
        access: Access,
    ) -> Option<NonNull<u8>> {
        let index = match self.pages.iter().rposition(|p| p.absolute == absolute) {
            Some(index) => index,
            None if self.pages.len() == PAGES => return None,
            None => {
                let mut page = self.spare.pop().unwrap_or_else(PageCopy::new);
                (page.absolute, page.host, page.copied, page.stored) = (absolute, host, 0, 0);
                self.pages.push(page);
                self.pages.len() - 1
            }
        };
        let page = &mut self.pages[index];
        let last = (offset + length.max(1) - 1).min(PAGE_SIZE - 1) as usize / LINE;
        let lines = (offset as usize / LINE..=last).fold(0u16, |lines, n| lines | 1 << n);
        page.copy_in(lines & !page.copied);
        if access == Access::Store {
            page.stored |= lines;
        }
        NonNull::new(page.work.as_mut_ptr().wrapping_add(offset as usize))
    }

    /// Whether there is a copy of the page at `absolute`.
    #[inline]
    pub(crate) fn covers(&self, absolute: u64) -> bool {
        self.pages.iter().any(|p| p.absolute == absolute)
    }

    /// The transaction's own bytes at `offset` of the page at `absolute`, if it has accessed them.
    pub(crate) fn view(&self, absolute: u64, offset: u64) -> Option<NonNull<u8>> {
        let page = self.pages.iter().find(|p| p.absolute == absolute)?;
        let copied = page.copied >> (offset as usize / LINE) & 1 != 0;
        NonNull::new(page.work.as_ptr().wrapping_add(offset as usize).cast_mut()).filter(|_| copied)
    }

    /// The doubleword at `place`, a pointer that [`Isolation::place`] gave, is to be stored even if the transaction is
    /// aborted. False when there are too many.
    pub(crate) fn store_directly(&mut self, place: NonNull<u8>, value: u64) -> bool {
        let at = place.addr().get();
        let page = self.pages.iter().find(|p| at.wrapping_sub(p.work.as_ptr().addr()) < PAGE_SIZE as usize);
        let Some(page) = page.filter(|_| self.direct.len() < DIRECT) else { return false };
        self.direct.push((page.absolute + (at - page.work.as_ptr().addr()) as u64, value));
        true
    }

    /// The nontransactional stores.
    pub(crate) fn take_direct(&mut self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.direct)
    }

    /// Whether storage has changed where the transaction has accessed it: then `Some`, with true when it has stored there.
    pub(crate) fn conflict(&self) -> Option<bool> {
        self.pages.iter().find_map(|page| {
            let differs = |n: &usize| page.place(*n).load(Ordering::Acquire) != PageCopy::doubleword(&page.before, *n);
            let n = PageCopy::doublewords(page.copied).find(differs)?;
            Some(page.stored >> (n / (LINE / 8)) & 1 != 0)
        })
    }

    /// The pages that the transaction has changed.
    pub(crate) fn changed(&self) -> Vec<u64> {
        self.pages.iter().filter(|p| p.changed()).map(|p| p.absolute).collect()
    }

    /// Puts all changes into storage.
    pub(crate) fn copy_out(&self) {
        self.pages.iter().for_each(|p| p.copy_out());
    }

    /// Whether nothing was accessed.
    pub(crate) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.spare.append(&mut self.pages);
        self.direct.clear();
    }
}

const _: () = assert!(LINES == u16::BITS as usize);
