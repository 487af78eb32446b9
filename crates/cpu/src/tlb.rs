//! The software TLB: one set of entries per recently used address space, so that reloading CR1 costs a look-up, not a flush.
//! Source: Principles of Operation, chapter 3, Translation-Lookaside Buffer (what may be kept and what must be purged).

use softsie_mem::PAGE_SIZE;

use crate::code::CodePage;
use crate::state::Cpu;

/// Entries of one space, for operand accesses. A power of two, at least 256 so that a page index selects whole sets. With
/// 512, SQLite and Perl missed every hundredth time, with 4096 each round of fork and exec missed 2,000 times.
pub const TLB_ENTRIES: usize = 8192;
/// Entries of one space, for instruction fetch: as many pages as a kernel's text has. A miss compares the page's bytes.
pub(crate) const FETCH_ENTRIES: usize = 4096;
/// Entries are purged by parts, so that a space of few pages is purged soon.
const PART: usize = TLB_ENTRIES / 64;
const FETCH_PART: usize = FETCH_ENTRIES / 64;
/// Spaces kept at a time.
const SPACES: usize = 16;
/// A tag that no page-aligned address equals.
const NO_TAG: u64 = 1;
/// In [`TlbEntry::page`] of an entry that is empty: no page, the last one's address with all bits below.
const NO_PAGE: u64 = !0;

/// The tag of an entry of slot `slot` that no access hits. It is the address of a page far from those of the slot, so that
/// no address from there lies less than a page after it.
pub(crate) fn no_tag(slot: usize) -> u64 {
    ((slot ^ (TLB_ENTRIES / 2)) as u64) << 12
}

/// A translation of one page for operand accesses. A tag is the page's virtual address, or [`no_tag`] when accesses of
/// that kind must take the slow path. Host address of virtual address `v`: `v + addend`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct TlbEntry {
    /// Tag for fetches.
    pub read: u64,
    /// Tag for stores.
    pub write: u64,
    /// Host address minus virtual address.
    pub addend: u64,
    /// Absolute address of the page, plus [`TlbEntry::LOW_ADDRESS`], plus for guests of the machine the page index of the
    /// host's address in bits 52-59.
    pub page: u64,
}

impl TlbEntry {
    /// `page` of the page at `absolute` whose page index in the host is `host_index`.
    pub(crate) fn page(absolute: u64, host_index: u8) -> u64 {
        absolute | u64::from(host_index) << 4
    }

    /// Whether it leads to the page at `absolute`.
    pub(crate) fn is_of(&self, absolute: u64) -> bool {
        self.page & !(PAGE_SIZE - 1) == absolute && self.page != NO_PAGE
    }

    /// Flag in `page`: stores are permitted but for the bytes under low-address protection.
    pub(crate) const LOW_ADDRESS: u64 = 1;

    /// Of slot `slot`.
    fn empty(slot: usize) -> TlbEntry {
        TlbEntry { read: no_tag(slot), write: no_tag(slot), addend: 0, page: NO_PAGE }
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct FetchEntry {
    pub(crate) tag: u64,
    pub(crate) page: *mut CodePage,
}

/// The page-table entry of a translation that was made without one. No page-table entry is there.
pub(crate) const NO_PAGE_TABLE_ENTRY: u64 = 1;

const EMPTY_FETCH: FetchEntry = FetchEntry { tag: NO_TAG, page: std::ptr::null_mut() };

/// What a translation depends on besides the address. Control bits that change translations flush everything instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpaceKey {
    /// DAT off: addresses are real. `asce` is then zero.
    pub real: bool,
    /// Never gets entries for operands: in access-register mode, where they have no single space, and while program-event
    /// recording watches operands, so that each access takes the slow path.
    pub no_entries: bool,
    /// The PSW key, against which storage keys are checked.
    pub access_key: u8,
    /// The address-space-control element.
    pub asce: u64,
}

impl SpaceKey {
    /// Whether low-address protection and fetch-protection override do not apply.
    pub(crate) fn is_private(self) -> bool {
        !self.real && self.asce & crate::asce::PRIVATE_SPACE != 0
    }
}

/// The translations of one address space.
pub struct Space {
    pub(crate) key: SpaceKey,
    pub(crate) entries: Box<[TlbEntry; TLB_ENTRIES]>,
    pub(crate) fetch: Box<[FetchEntry; FETCH_ENTRIES]>,
    /// Where the page-table entries are that the entries above were made from: what is there does not matter for empty ones.
    origins: Box<[u64; TLB_ENTRIES]>,
    fetch_origins: Box<[u64; FETCH_ENTRIES]>,
    /// For guests of the machine: the page index of each fetch entry's page in the host.
    fetch_host: Box<[u8; FETCH_ENTRIES]>,
    last_use: u64,
    /// By part: there may be entries for operands.
    used: u64,
    /// By part: there may be entries for instruction fetch.
    fetch_used: u64,
}

/// The numbers of the bits that are one.
fn members(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let next = (set != 0).then_some(set.trailing_zeros() as usize);
        set &= set.wrapping_sub(1);
        next
    })
}

/// An array that is never on the stack.
pub fn boxed<T: Copy, const N: usize>(element: impl Fn(usize) -> T) -> Box<[T; N]> {
    let mut array = Box::<[T; N]>::new_uninit();
    let first = array.as_mut_ptr().cast::<T>();
    for n in 0..N {
        // SAFETY: one of the array's elements.
        unsafe { first.add(n).write(element(n)) };
    }
    // SAFETY: all elements were written.
    unsafe { array.assume_init() }
}

const _: () = assert!(PART <= 256 && FETCH_PART <= 256, "a page index is in a part once at most");

/// The slots for pages with page index `index` in those parts, of `part` slots each, that are `used`.
fn slots_of(index: usize, used: u64, part: usize) -> impl Iterator<Item = usize> {
    // Such a slot is in every so many parts.
    let distance = 256 / part;
    let having_it = (u64::MAX / ((1 << distance) - 1)) << (index / part);
    members(used & having_it).map(move |n| n * part + index % part)
}

impl Space {
    fn new(key: SpaceKey) -> Space {
        Space {
            key,
            entries: boxed(TlbEntry::empty),
            fetch: boxed(|_| EMPTY_FETCH),
            origins: boxed(|_| NO_PAGE_TABLE_ENTRY),
            fetch_origins: boxed(|_| NO_PAGE_TABLE_ENTRY),
            fetch_host: boxed(|_| 0),
            last_use: 0,
            used: 0,
            fetch_used: 0,
        }
    }

    /// Makes the entry for operand accesses of the page of `address`, from the page-table entry at `origin`.
    pub(crate) fn set(&mut self, address: u64, entry: TlbEntry, origin: u64) {
        let slot = Self::slot(address);
        self.entries[slot] = entry;
        self.origins[slot] = origin;
        self.used |= 1 << (slot / PART);
    }

    /// Where the page-table entry is that the entry for operand accesses in the slot of `address` was made from.
    pub(crate) fn origin(&self, address: u64) -> u64 {
        self.origins[Self::slot(address)]
    }

    /// Makes the entry for instruction fetch of the page of `address`, from the page-table entry at `origin`.
    pub(crate) fn set_fetch(&mut self, address: u64, entry: FetchEntry, origin: u64, host_index: u8) {
        let slot = Self::fetch_slot(address);
        self.fetch[slot] = entry;
        self.fetch_origins[slot] = origin;
        self.fetch_host[slot] = host_index;
        self.fetch_used |= 1 << (slot / FETCH_PART);
    }

    fn flush(&mut self) {
        for part in members(std::mem::take(&mut self.used)) {
            for slot in part * PART..(part + 1) * PART {
                self.entries[slot] = TlbEntry::empty(slot);
            }
        }
        self.flush_fetch();
    }

    fn flush_fetch(&mut self) {
        for part in members(std::mem::take(&mut self.fetch_used)) {
            self.fetch[part * FETCH_PART..][..FETCH_PART].fill(EMPTY_FETCH);
        }
    }

    /// The entries for operand accesses to the page at `absolute`, with their numbers.
    fn entries_of(&mut self, absolute: u64) -> impl Iterator<Item = (usize, &mut TlbEntry)> {
        let used = self.used;
        let parts = self.entries.chunks_exact_mut(PART).enumerate().filter(move |(part, _)| used >> part & 1 != 0);
        let entries = parts.flat_map(|(part, entries)| (part * PART..).zip(entries));
        entries.filter(move |(_, e)| e.is_of(absolute))
    }

    pub(crate) fn slot(address: u64) -> usize {
        (address >> 12) as usize % TLB_ENTRIES
    }

    pub(crate) fn fetch_slot(address: u64) -> usize {
        (address >> 12) as usize % FETCH_ENTRIES
    }
}

/// All spaces of one CPU.
pub(crate) struct Spaces {
    /// Boxed, because the CPU points into the current ones while the list grows.
    #[allow(clippy::vec_box)]
    list: Vec<Box<Space>>,
    /// Their keys, side by side because they are compared in turn.
    keys: Vec<SpaceKey>,
    clock: u64,
}

impl Spaces {
    pub(crate) fn new() -> Spaces {
        Spaces { list: Vec::with_capacity(SPACES), keys: Vec::with_capacity(SPACES), clock: 0 }
    }

    /// The space for `key`, made (in place of the least recently used one, but never one of `current`) when there is none.
    pub(crate) fn select(&mut self, key: SpaceKey, current: [*mut Space; 2]) -> *mut Space {
        // SAFETY: they are of this list.
        if let Some(space) = current.into_iter().find(|s| !s.is_null() && unsafe { (**s).key == key }) {
            return space;
        }
        self.clock += 1;
        let index = match self.keys.iter().position(|k| *k == key) {
            Some(i) => i,
            None if self.list.len() < SPACES => {
                self.list.push(Box::new(Space::new(key)));
                self.keys.push(key);
                self.list.len() - 1
            }
            None => {
                let replaceable = |s: &Space| !current.iter().any(|c| std::ptr::eq(c.cast_const(), s));
                let oldest = (0..self.list.len())
                    .filter(|i| replaceable(&self.list[*i]))
                    .min_by_key(|i| self.list[*i].last_use)
                    .unwrap_or(0);
                self.list[oldest].flush();
                self.list[oldest].key = key;
                self.keys[oldest] = key;
                oldest
            }
        };
        self.list[index].last_use = self.clock;
        // What is used in turn stays in front.
        self.list.swap(0, index);
        self.keys.swap(0, index);
        &raw mut *self.list[0]
    }
}

impl Cpu {
    /// Purges all translations of this CPU.
    pub fn flush_tlb(&mut self) {
        self.statistics.tlb_flushes += 1;
        for s in &mut self.spaces.list {
            s.flush();
        }
    }

    /// Purges the instruction-fetch translations, so that every code page is compared with its bytes before it is
    /// executed again.
    pub fn flush_fetch(&mut self) {
        for s in &mut self.spaces.list {
            s.flush_fetch();
        }
    }

    /// Purges, in every space, the translations made from the page-table entry at `origin`: what IPTE names by page-table origin
    /// and page index.
    pub fn flush_page_table_entry(&mut self, origin: u64) {
        let index = (origin >> 3) as usize & 0xFF;
        for s in &mut self.spaces.list {
            for slot in slots_of(index, s.used, PART) {
                if s.origins[slot] == origin {
                    s.entries[slot] = TlbEntry::empty(slot);
                }
            }
            for slot in slots_of(index, s.fetch_used, FETCH_PART) {
                if s.fetch_origins[slot] == origin {
                    s.fetch[slot] = EMPTY_FETCH;
                }
            }
        }
    }

    /// Purges, in every space, translations that lead through pages of the host with page index `index`.
    pub(crate) fn flush_host_page_index(&mut self, index: u8) {
        for s in &mut self.spaces.list {
            for part in members(s.used) {
                for slot in part * PART..(part + 1) * PART {
                    let page = s.entries[slot].page;
                    if (page >> 4) as u8 == index && page != NO_PAGE {
                        s.entries[slot] = TlbEntry::empty(slot);
                    }
                }
            }
            for part in members(s.fetch_used) {
                for slot in part * FETCH_PART..(part + 1) * FETCH_PART {
                    if s.fetch_host[slot] == index {
                        s.fetch[slot] = EMPTY_FETCH;
                    }
                }
            }
        }
    }

    /// Purges the translations of every space with the table origin and type of `asce`: what IDTE clears by ASCE.
    pub fn flush_asce(&mut self, asce: u64) {
        let same = |a: u64| (a ^ asce) & (crate::asce::ORIGIN | crate::asce::TYPE) == 0;
        for s in &mut self.spaces.list {
            if !s.key.real && same(s.key.asce) {
                s.flush();
            }
        }
    }

    /// Purges the translations to the page at `absolute`: its storage key has changed.
    pub fn flush_absolute(&mut self, absolute: u64) {
        for s in &mut self.spaces.list {
            for (slot, e) in s.entries_of(absolute) {
                *e = TlbEntry::empty(slot);
            }
            s.flush_fetch();
        }
    }

    /// Makes stores into the page at `absolute` take the slow path from now on.
    pub(crate) fn forbid_direct_stores(&mut self, absolute: u64) {
        for (slot, e) in self.spaces.list.iter_mut().flat_map(|s| s.entries_of(absolute)) {
            e.write = no_tag(slot);
            e.page &= !TlbEntry::LOW_ADDRESS;
        }
    }
}
