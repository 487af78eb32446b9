//! Decoded code: for each page that has been executed, its instructions ready to run, found by offset within the page.
//! Keyed by absolute address, so that address-space switches and shared pages cost nothing. Source: design decisions in
//! docs/decisions.md (code pages); Principles of Operation chapter 5, Conceptual Sequence (when a store must be seen).
//!
//! Guarantee: a store by any guest CPU into a page with decoded code drops that code; the storing CPU never executes the
//! old text again, others not after their next look at the attention word, which serializing instructions force.
//! Writes that bypass the CPUs are found when a fetch translation is made: the page is compared with what was decoded.

use std::collections::HashMap;
use std::ptr::{self, NonNull};

use softsie_isa::{Operands, decode, extract, instruction_length};
use softsie_mem::{PAGE_SIZE, Page, PageMarks};

use crate::access::{Access, AddressSpace, Located};
use crate::exit::Exit;
use crate::model::Model;
use crate::state::Cpu;
use crate::tlb::{FetchEntry, Space};

/// An instruction's semantics as the interpreter calls it.
pub type Handler = fn(&mut Cpu, &Operands) -> Result<(), Exit>;

/// How the execution engine above supplies the semantics.
#[derive(Clone, Copy)]
pub struct Dispatch {
    /// The handler of an instruction for a model.
    pub handler: fn(&Model, &Operands) -> Handler,
    /// Whether nothing after the instruction is reached by going on sequentially (an unconditional branch).
    pub ends_run: fn(&Operands) -> bool,
}

/// One decoded instruction. Straight-line code lies in consecutive records.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Decoded {
    /// Semantics.
    pub handler: Handler,
    /// Operands.
    pub operands: Operands,
}

impl Decoded {
    /// Whether it stands for an instruction, and not for a way out of decoded code.
    pub fn is_instruction(&self) -> bool {
        ![GO_ON, STALE, PAGE_CROSSING].into_iter().any(|way| std::ptr::fn_addr_eq(self.handler, way))
    }
}

/// The decoded instructions of one page.
pub struct CodePage {
    absolute: u64,
    /// The bytes that were decoded; compared with storage when a fetch translation is made.
    pub(crate) copy: Box<[u8; PAGE_SIZE as usize]>,
    /// By halfword within the page: index of the record, zero when not decoded yet. Pages that are executed as host code have
    /// [`NOT_DECODED`].
    entries: NonNull<Entries>,
    /// Record zero is never used.
    decoded: Vec<Decoded>,
    /// By halfword within the page: how often it was reached by a branch, and what came of it; see [`Cpu::heat`].
    heat: Box<[u16; PAGE_SIZE as usize / 2]>,
    /// How often the text was dropped lately: a page that holds data as well is not decoded for a while.
    drops: u16,
    /// Instructions executed of it without decoding, since.
    undecoded: u16,
    /// Cleared when the text has changed; nothing of the page is executed until it is set again.
    pub(crate) valid: bool,
    /// Names this state of the text.
    pub(crate) stamp: CodeStamp,
}

type Entries = [u16; PAGE_SIZE as usize / 2];

/// The entries of pages of which nothing is decoded. Never written to.
static NOT_DECODED: Entries = [0; PAGE_SIZE as usize / 2];

impl CodePage {
    /// The entries, which are the page's own from now on.
    fn own_entries(&mut self) -> &mut Entries {
        if !self.is_decoded() {
            let zeros: Box<Entries> = Box::new([0; PAGE_SIZE as usize / 2]);
            self.entries = NonNull::from(Box::leak(zeros));
        }
        // SAFETY: of a box that only this page has.
        unsafe { self.entries.as_mut() }
    }

    /// Whether the page has entries of its own.
    fn is_decoded(&self) -> bool {
        self.entries != NonNull::from(&NOT_DECODED)
    }

    /// Nothing of the page is decoded any more.
    fn forget_entries(&mut self) {
        if self.is_decoded() {
            self.own_entries().fill(0);
        }
    }
}

impl Drop for CodePage {
    fn drop(&mut self) {
        if self.is_decoded() {
            // SAFETY: made by `Box::leak`, freed once.
            drop(unsafe { Box::from_raw(self.entries.as_ptr()) });
        }
    }
}

/// [`Cpu::heat`] of a place that no engine is to look at.
pub const HEAT_NEVER: u16 = u16::MAX - 1;
/// Pages kept: when one more is executed, all are forgotten. Many programs, one after the other, would fill any memory.
pub const CODE_PAGES: usize = 8192;
/// After this many drops a page is not decoded any more …
const DROPS: u16 = 16;
/// … for this many of its instructions; then half as many drops are forgotten.
const UNDECODED: u16 = 1024;

/// Names one state of one page's text in one CPU's cache: no other has the same number, and dropping the text ends it. Below
/// 2^48.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct CodeStamp(pub u64);

impl CodeStamp {
    /// The stamp of no text.
    pub const NONE: CodeStamp = CodeStamp(0);
}

/// All decoded pages of one CPU.
pub struct CodeCache {
    /// Entries for instruction fetch point to pages, and so does the CPU to its current one: see [`Cpu::forget_code`].
    pages: HashMap<u64, *mut CodePage>,
    pub(crate) dispatch: Dispatch,
    /// Recently executed texts of EXECUTE targets and page-crossing instructions.
    texts: Box<[(u64, Decoded); 256]>,
    /// The last stamp given out.
    stamps: u64,
}

// SAFETY: the pages are owned by the cache and reached only through it or through the TLB of the same CPU.
unsafe impl Send for CodeCache {}

/// Pseudo-instruction: the run goes on with records elsewhere; its offset names the next instruction.
fn go_on(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.next_ia = cpu.run_base.wrapping_add(u64::from(o.page_offset()));
    Err(Exit::Continue)
}

fn stale(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.next_ia = cpu.run_base.wrapping_add(u64::from(o.page_offset()));
    Err(Exit::Stale)
}

fn page_crossing(_: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    Err(Exit::PageCrossing)
}

fn not_an_instruction(_: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    Err(Exit::OPERATION)
}

// A function can have an address in each part of the program that refers to it. Each of these has the one that is here.
static GO_ON: Handler = go_on;
static STALE: Handler = stale;
static PAGE_CROSSING: Handler = page_crossing;
static NOT_AN_INSTRUCTION: Handler = not_an_instruction;

/// Operands for records that are not instructions; `text` supplies only the length.
fn no_operands(text: u64, offset: u16) -> Operands {
    let like = match instruction_length((text >> 56) as u8) {
        2 => softsie_isa::Op::AR,
        4 => softsie_isa::Op::AGR,
        _ => softsie_isa::Op::LG,
    };
    extract(like, 0, offset)
}

impl Dispatch {
    /// Decodes one instruction for `model`.
    fn decode(&self, model: &Model, text: u64, offset: u16) -> Decoded {
        match decode(text).filter(|op| model.has_instruction(*op)) {
            Some(op) => {
                let operands = extract(op, text, offset);
                Decoded { handler: (self.handler)(model, &operands), operands }
            }
            None => Decoded { handler: NOT_AN_INSTRUCTION, operands: no_operands(text, offset) },
        }
    }
}

impl CodeCache {
    pub(crate) fn new(dispatch: Dispatch) -> CodeCache {
        let none = Decoded { handler: NOT_AN_INSTRUCTION, operands: no_operands(0, 0) };
        CodeCache { pages: HashMap::new(), dispatch, texts: Box::new([(1, none); 256]), stamps: 0 }
    }

    /// Drops the decoded code of the page at `absolute`. Safe while an instruction of that very page is executing: its
    /// successors end the run.
    pub fn drop_page(&mut self, absolute: u64) {
        if let Some(&page) = self.pages.get(&(absolute & !(PAGE_SIZE - 1))) {
            // SAFETY: pages live as long as the cache, and only this CPU's thread touches them. No reference into the page
            // is live: the interpreter holds raw pointers.
            let page = unsafe { &mut *page };
            if std::mem::take(&mut page.valid) {
                page.drops += 1;
                if page.drops == DROPS {
                    page.heat.fill(HEAT_NEVER);
                }
            }
            self.stamps += 1;
            page.stamp = CodeStamp(self.stamps);
            page.forget_entries();
            for d in &mut page.decoded {
                d.handler = STALE;
            }
        }
    }

    /// Drops all decoded code.
    pub fn drop_all(&mut self) {
        let all: Vec<u64> = self.pages.keys().copied().collect();
        for absolute in all {
            self.drop_page(absolute);
        }
    }

    /// Number of pages with decoded code and of instruction records in them.
    pub fn size(&self) -> (usize, usize) {
        // SAFETY: as in `drop_page`.
        (self.pages.len(), self.pages.values().map(|p| unsafe { (**p).decoded.len() }).sum())
    }
}

impl CodeCache {
    /// Frees all pages: nobody has a pointer to one.
    fn forget(&mut self) {
        for (_, page) in self.pages.drain() {
            // SAFETY: made by `Box::into_raw`, freed once.
            drop(unsafe { Box::from_raw(page) });
        }
    }
}

impl Drop for CodeCache {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Cpu {
    /// The decoded instruction at `address`, decoding from there on when needed, and makes its page the current one.
    ///
    /// # Errors
    /// Specification exception for an odd address, or the access exception of the instruction fetch.
    /// [`Exit::Synchronize`] when the page's code is to be executed one instruction at a time.
    #[inline(always)]
    pub fn code_at(&mut self, address: u64) -> Result<*const Decoded, Exit> {
        self.go_to_page(address)?;
        self.code_in_page(address)
    }

    /// Makes the page of `address` the current one. Its text may have to be taken yet: see [`Cpu::code_in_page`] and
    /// [`Cpu::take_code`].
    ///
    /// # Errors
    /// As for [`Cpu::code_at`].
    #[inline(always)]
    pub fn go_to_page(&mut self, address: u64) -> Result<(), Exit> {
        let base = address & !(PAGE_SIZE - 1);
        // SAFETY: the current fetch space is one of the CPU's spaces, which are never freed before the CPU.
        let entry = unsafe { (&(*self.fetch_space).fetch)[Space::fetch_slot(address)] };
        let page = if entry.tag == base { entry.page } else { self.fetch_page(address)? };
        self.run_base = base;
        self.run_page = page;
        Ok(())
    }

    /// Has the text of the current page ready for an engine that executes it at `address` without decoded instructions. A page
    /// that is executed one instruction at a time stays as it is; its heat is [`HEAT_NEVER`].
    ///
    /// # Errors
    /// As for [`Cpu::code_at`].
    #[inline(always)]
    pub fn take_code(&mut self, address: u64) -> Result<(), Exit> {
        if address & 1 != 0 {
            return Err(Exit::SPECIFICATION);
        }
        // SAFETY: `run_page` is a page of this CPU's cache.
        let page = unsafe { &*self.run_page };
        if page.valid || page.drops >= DROPS { Ok(()) } else { self.make_valid(address) }
    }

    /// Like [`Cpu::code_at`] for an address known to be in the current page.
    ///
    /// # Errors
    /// As for [`Cpu::code_at`].
    #[inline(always)]
    pub fn code_in_page(&mut self, address: u64) -> Result<*const Decoded, Exit> {
        let page = self.run_page;
        if address & 1 != 0 {
            return Err(Exit::SPECIFICATION);
        }
        // SAFETY: `run_page` is a page of this CPU's cache; indices in `entries` are those of existing records.
        unsafe {
            let index = (*page).entries.as_ref()[(address & 0xFFF) as usize / 2];
            if index != 0 {
                return Ok((*page).decoded.as_ptr().add(usize::from(index)));
            }
        }
        self.decode_from(address)
    }

    /// The state of the current page's text: after [`Cpu::code_at`], what an engine that keeps translations of it compares.
    #[inline(always)]
    pub fn code_stamp(&self) -> CodeStamp {
        let page = self.run_page;
        // SAFETY: after `code_at`, `run_page` is a page of this CPU's cache; pages live as long as the cache.
        unsafe { (*page).stamp }
    }

    /// Absolute address of the current page. Call it after [`Cpu::code_at`] only.
    pub fn code_absolute(&self) -> u64 {
        // SAFETY: as in `code_stamp`.
        unsafe { (*self.run_page).absolute }
    }

    /// What an engine has noted of the code at `address`, which is in the current page: a number of its own that begins at
    /// zero and outlives changes of the text. Call it after [`Cpu::code_at`] only.
    #[inline(always)]
    pub fn heat(&mut self, address: u64) -> &mut u16 {
        // SAFETY: as in `code_stamp`; the reference borrows the CPU, so that nobody else reaches the page.
        unsafe { &mut (&mut (*self.run_page).heat)[(address & 0xFFF) as usize / 2] }
    }

    /// The current page's text as it was when it was decoded. Call it after [`Cpu::code_at`] only.
    pub fn code_text(&self) -> &[u8; PAGE_SIZE as usize] {
        // SAFETY: as in `code_stamp`; the copy changes only with exclusive access to the CPU.
        unsafe { &(*self.run_page).copy }
    }

    /// The first bytes of the page after the current one, when code of it is decoded and may be fetched: the rest of an
    /// instruction that does not end in the current page. Call it after [`Cpu::code_at`] only.
    pub fn next_page_text(&self) -> Option<[u8; 4]> {
        let address = self.run_base.wrapping_add(PAGE_SIZE) & self.address_mask;
        // SAFETY: as in `decoded_text`.
        let page = unsafe {
            let entry = (&(*self.fetch_space).fetch)[Space::fetch_slot(address)];
            if entry.tag != address {
                return None;
            }
            &*entry.page
        };
        page.copy.first_chunk().filter(|_| page.valid).copied()
    }

    /// [`Cpu::heat`] of every halfword of the current page.
    pub fn page_heat(&self) -> &[u16; PAGE_SIZE as usize / 2] {
        // SAFETY: as in `code_stamp`; the notes change only with exclusive access to the CPU.
        unsafe { &(*self.run_page).heat }
    }

    /// Makes the fetch translation for the page of `address`.
    #[cold]
    fn fetch_page(&mut self, address: u64) -> Result<*mut CodePage, Exit> {
        self.statistics.fetch_misses += 1;
        if address & 1 != 0 {
            return Err(Exit::SPECIFICATION);
        }
        let Located { host, absolute, entry } = self.locate(AddressSpace::Instruction, address, Access::Instruction)?;
        let host_index = self.host_page_index();
        if address < PAGE_SIZE && self.fetches_by_override(absolute) {
            return Err(Exit::Synchronize);
        }
        if self.code.pages.len() >= CODE_PAGES && !self.code.pages.contains_key(&absolute) {
            self.forget_code();
        }
        let stamps = &mut self.code.stamps;
        let page = *self.code.pages.entry(absolute).or_insert_with(|| {
            *stamps += 1;
            Box::into_raw(Box::new(CodePage {
                absolute,
                copy: Box::new([0; PAGE_SIZE as usize]),
                entries: NonNull::from(&NOT_DECODED),
                decoded: Vec::new(),
                heat: Box::new([0; PAGE_SIZE as usize / 2]),
                drops: 0,
                undecoded: 0,
                valid: false,
                stamp: CodeStamp(*stamps),
            }))
        });
        // SAFETY: a page of this cache; `host` is the page's first byte in the client's memory, 4096 readable bytes. A
        // concurrent change of the bytes makes the comparison fail or is noticed as a store.
        unsafe {
            let bytes = std::slice::from_raw_parts(host.as_ptr(), PAGE_SIZE as usize);
            if (*page).valid && *bytes != (&(*page).copy)[..] {
                self.code.drop_page(absolute);
            }
            let fetch = FetchEntry { tag: address & !(PAGE_SIZE - 1), page };
            (*self.fetch_space).set_fetch(address, fetch, entry, host_index);
        }
        Ok(page)
    }

    /// Forgets all pages. The caller goes on with another current page, and nobody is executing a record of the old one.
    fn forget_code(&mut self) {
        self.flush_fetch();
        self.run_page = ptr::null_mut();
        self.code.forget();
    }

    /// Takes the text of the current page, which is the page of `address`, until it is good.
    #[cold]
    fn make_valid(&mut self, address: u64) -> Result<(), Exit> {
        // SAFETY: `run_page` is a page of this CPU's cache.
        while unsafe { !(*self.run_page).valid } {
            self.take_text()?;
            // SAFETY: the current fetch space lives as long as the CPU.
            let entry = unsafe { (&(*self.fetch_space).fetch)[Space::fetch_slot(address)] };
            // What was served meanwhile may have purged the translation: the page is not to be executed by it any more.
            if entry.tag != address & !(PAGE_SIZE - 1) || entry.page != self.run_page {
                self.run_page = self.fetch_page(address)?;
            }
        }
        Ok(())
    }

    /// Decodes from `address` in the current page to the end of its straight-line run.
    #[cold]
    fn decode_from(&mut self, address: u64) -> Result<*const Decoded, Exit> {
        if let Some(at) = self.undecoded(address) {
            return Ok(at);
        }
        self.make_valid(address)?;
        // SAFETY: `run_page` is a page of this CPU's cache; no other reference to it is live from here on.
        let page = unsafe { &mut *self.run_page };
        let index = usize::from(page.own_entries()[(address & 0xFFF) as usize / 2]);
        if index != 0 {
            return Ok(&raw const page.decoded[index]);
        }
        self.statistics.decoded_runs += 1;
        let first = page.decoded.len();
        let mut offset = (address & 0xFFF) as usize;
        loop {
            if offset >= PAGE_SIZE as usize || page.own_entries()[offset / 2] != 0 {
                let operands = extract(softsie_isa::Op::AR, 0, offset as u16);
                page.decoded.push(Decoded { handler: GO_ON, operands });
                break;
            }
            let length = usize::from(instruction_length(page.copy[offset]));
            page.own_entries()[offset / 2] = page.decoded.len() as u16;
            let mut bytes = [0u8; 8];
            let Some(text) = page.copy.get(offset..offset + length) else {
                let operands = no_operands(u64::from(page.copy[offset]) << 56, offset as u16);
                page.decoded.push(Decoded { handler: PAGE_CROSSING, operands });
                break;
            };
            bytes[..length].copy_from_slice(text);
            let d = self.code.dispatch.decode(&self.model, u64::from_be_bytes(bytes), offset as u16);
            page.decoded.push(d);
            // What follows a text that is no instruction is not reached either.
            if std::ptr::fn_addr_eq(d.handler, NOT_AN_INSTRUCTION) || (self.code.dispatch.ends_run)(&d.operands) {
                break;
            }
            offset += length;
        }
        // SAFETY: at least one record was pushed.
        Ok(unsafe { page.decoded.as_ptr().add(first) })
    }

    /// In a page that stores hit again and again, a record that has the instruction executed from storage: lowcore pages hold
    /// data and an instruction or two, and decoding each time would cost more than the rest of a system call.
    fn undecoded(&mut self, address: u64) -> Option<*const Decoded> {
        // SAFETY: `run_page` is a page of this CPU's cache; no other reference to it is live here.
        let page = unsafe { &mut *self.run_page };
        if page.drops < DROPS {
            return None;
        }
        page.undecoded += 1;
        if page.undecoded == UNDECODED {
            (page.undecoded, page.drops) = (0, DROPS / 2);
            page.heat.fill(0);
            return None;
        }
        let operands = extract(softsie_isa::Op::AR, 0, (address & 0xFFF) as u16);
        let record = page.decoded.first_mut()?;
        *record = Decoded { handler: PAGE_CROSSING, operands };
        Some(record)
    }

    /// Makes the current page valid with the bytes that storage has now. Other CPUs' requests are served meanwhile.
    fn take_text(&mut self) -> Result<(), Exit> {
        // SAFETY: `run_page` is a page of this CPU's cache.
        let absolute = unsafe { (*self.run_page).absolute };
        // From now on stores must be noticed: first make it so everywhere, then look at the bytes.
        let slots = self.slots.clone();
        let Some(storage) = slots.page(absolute) else { return Err(Exit::Program(self.addressing(absolute))) };
        storage.state.set_marks(PageMarks::CODE);
        self.broadcast(crate::Request::ForbidDirectStores(absolute));
        // The slots may be others now.
        let slots = self.slots.clone();
        let Some(storage) = slots.page(absolute) else { return Err(Exit::Program(self.addressing(absolute))) };
        self.copy_text(storage);
        // Another CPU that stored before it acknowledged has taken the mark away, and its notice may have been served
        // while there was nothing to drop. Its next store would not be noticed: the text is good until the next look at
        // the attention word only. Trying again instead might never end.
        if !storage.state.is_code() {
            self.mailbox.post(crate::broadcast::Message::of_host(crate::Request::DropCode(absolute)));
        }
        Ok(())
    }

    /// Makes the current page valid with the bytes that storage has now.
    fn copy_text(&mut self, storage: Page<'_>) {
        // SAFETY: `run_page` is a page of this CPU's cache; no other reference to it is live here.
        let page = unsafe { &mut *self.run_page };
        // SAFETY: 4096 readable bytes of client memory; the copy does not overlap them.
        unsafe { ptr::copy_nonoverlapping(storage.host.as_ptr(), page.copy.as_mut_ptr(), PAGE_SIZE as usize) };
        page.forget_entries();
        page.decoded.clear();
        page.decoded.push(self.code.texts[0].1);
        page.valid = true;
    }

    /// The instruction of a text that does not lie in one page or is modified by EXECUTE; its page offset is zero.
    pub fn decode_text(&mut self, text: u64) -> Decoded {
        let length = instruction_length((text >> 56) as u8);
        let text = text & (u64::MAX << (64 - 8 * u32::from(length)));
        let slot = (text.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize;
        let cached = &mut self.code.texts[slot];
        if cached.0 != text {
            *cached = (text, self.code.dispatch.decode(&self.model, text, 0));
        }
        cached.1
    }

    /// The instruction text at `address`, left aligned, fetched piecemeal: for EXECUTE targets, page-crossing instructions
    /// and interception texts.
    ///
    /// # Errors
    /// The access exception of the fetch.
    pub fn fetch_text(&mut self, address: u64) -> Result<u64, Exit> {
        if let Some(text) = self.decoded_text(address) {
            return Ok(text);
        }
        let mut text = self.fetch_halfword(address)? << 48;
        let length = instruction_length((text >> 56) as u8);
        for n in 1..u64::from(length / 2) {
            let next = address.wrapping_add(2 * n) & self.address_mask;
            text |= self.fetch_halfword(next)? << (48 - 16 * n);
        }
        Ok(text)
    }

    /// The instruction text at `address` from a page that has been decoded, where a fetch translation is at hand.
    fn decoded_text(&self, address: u64) -> Option<u64> {
        // SAFETY: the current fetch space and the code pages live as long as the CPU; no reference into them is kept.
        let page = unsafe {
            let entry = (&(*self.fetch_space).fetch)[Space::fetch_slot(address)];
            if entry.tag != address & !(PAGE_SIZE - 1) || self.transaction.isolation.covers((*entry.page).absolute) {
                return None;
            }
            &*entry.page
        };
        let offset = (address % PAGE_SIZE) as usize;
        let length = usize::from(instruction_length(page.copy[offset]));
        let mut bytes = [0u8; 8];
        bytes[..length].copy_from_slice(page.copy.get(offset..offset + length).filter(|_| page.valid)?);
        Some(u64::from_be_bytes(bytes))
    }

    /// The halfword at `address`, as [`Cpu::decoded_text`] has the whole: both pages of an instruction that crosses into the
    /// next one have usually been decoded, and such an instruction can be in the middle of a loop.
    fn decoded_halfword(&self, address: u64) -> Option<u64> {
        // SAFETY: as in `decoded_text`.
        let page = unsafe {
            let entry = (&(*self.fetch_space).fetch)[Space::fetch_slot(address)];
            if entry.tag != address & !(PAGE_SIZE - 1) || self.transaction.isolation.covers((*entry.page).absolute) {
                return None;
            }
            &*entry.page
        };
        let offset = (address % PAGE_SIZE) as usize & !1;
        page.valid.then(|| u64::from(page.copy[offset]) << 8 | u64::from(page.copy[offset + 1]))
    }

    fn fetch_halfword(&mut self, address: u64) -> Result<u64, Exit> {
        if let Some(halfword) = self.decoded_halfword(address) {
            return Ok(halfword);
        }
        let Located { host, absolute, .. } = self.locate(AddressSpace::Instruction, address, Access::Instruction)?;
        let offset = address & 0xFFE;
        // A transaction executes what it has stored.
        let place = match self.transaction.isolation.view(absolute, offset) {
            Some(own) => own,
            // SAFETY: `host` is the first byte of the page; a halfword on a halfword boundary lies within it.
            None => unsafe { host.add(offset as usize) },
        };
        // SAFETY: as above.
        Ok(u64::from(unsafe { <u16 as crate::scalar::Scalar>::read_be(place.as_ptr()) }))
    }

    /// Tells everybody that the page at `absolute` is being stored into: decoded code of it is dropped.
    pub(crate) fn store_into_code(&mut self, absolute: u64) {
        self.statistics.code_stores += 1;
        if let Some(page) = self.slots.page(absolute) {
            page.state.clear_marks(PageMarks::CODE);
        }
        self.code.drop_page(absolute);
        self.post_to_others(crate::Request::DropCode(absolute));
    }
}
