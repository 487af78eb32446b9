//! The unit of compilation: instructions of one page that direct branches connect, and what is known of them before any
//! code is emitted. Source: docs/engine-pattern.md.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use softsie_cpu::{Cpu, Decoded, Model};
use softsie_exec::{DISPATCH, semantics};
use softsie_isa::{Op, Operands, decode, extract, instruction_length};

use crate::heat::WAITING;
use crate::mode::Mode;
use crate::registers::Set;
use crate::survey::{Survey, relative_target};
use crate::translator::Options;

pub(crate) const PAGE: usize = 4096;

/// The facility that has vector instructions on short numbers.
const VECTOR_ENHANCEMENTS_1: u16 = 135;

/// What a region is made from.
#[derive(Clone)]
pub(crate) struct Source {
    /// The page's text.
    pub(crate) page: Arc<[u8; PAGE]>,
    /// What the next page begins with, if that is known: the rest of an instruction that does not end in the page.
    pub(crate) next_page: Option<[u8; 4]>,
    /// Which halfwords of it have been reached by branches, often enough to be worth compiling.
    pub(crate) warm: Halfwords,
    /// Where other regions begin, which this one is to go on in instead of repeating them.
    pub(crate) entries: Halfwords,
    /// Where the region is entered.
    pub(crate) offset: u16,
    /// The address of the page, logical or real, where it was asked for: for people only.
    pub(crate) seen_at: u64,
    pub(crate) mode: Mode,
    pub(crate) model: Arc<Model>,
    pub(crate) style: Style,
}

impl Source {
    /// What the region at `offset` in the CPU's current page is made from.
    pub(crate) fn of(cpu: &Cpu, options: &Options, offset: u16, mode: Mode, style: Style) -> Source {
        // A place that half of the iterations go to has half of the arrivals when the others make the page hot.
        let arrivals = cpu.page_heat()[usize::from(offset) / 2];
        let least = arrivals.min(options.threshold) / 4;
        let entries = match style {
            Style::Quick if options.threshold != 0 => Halfwords::of(cpu.page_heat(), WAITING),
            _ => Halfwords::none(),
        };
        Source {
            page: Arc::new(*cpu.code_text()),
            next_page: cpu.next_page_text(),
            warm: Halfwords::of(cpu.page_heat(), least),
            entries,
            offset,
            seen_at: cpu.run_base,
            mode,
            model: cpu.model.clone(),
            style,
        }
    }
}

/// A bit for each halfword of a page.
#[derive(Clone)]
pub(crate) struct Halfwords(Box<[u64; PAGE / 2 / 64]>);

impl Halfwords {
    /// Those whose heat is at least `least`.
    pub(crate) fn of(heat: &[u16; PAGE / 2], least: u16) -> Halfwords {
        let mut bits = Box::new([0; PAGE / 2 / 64]);
        for (n, heat) in heat.iter().enumerate() {
            bits[n / 64] |= u64::from(*heat >= least) << (n % 64);
        }
        Halfwords(bits)
    }

    pub(crate) fn none() -> Halfwords {
        Halfwords(Box::new([0; PAGE / 2 / 64]))
    }

    /// Whether the one at `offset` is among them; none outside the page is.
    fn has(&self, offset: i64) -> bool {
        (0..PAGE as i64).contains(&offset) && self.0[offset as usize / 2 / 64] >> (offset / 2 % 64) & 1 != 0
    }
}

/// One instruction of a plan.
pub(crate) struct Item {
    pub(crate) record: Decoded,
    /// In the page.
    pub(crate) offset: i64,
    /// Its bytes in the next page: none but for the last instruction of the page.
    pub(crate) rest: Box<[u8]>,
    /// The instruction that an EXECUTE or EXECUTE RELATIVE LONG executes, when code is emitted for that.
    pub(crate) executed: Option<Operands>,
    pub(crate) survey: Survey,
    /// Code is emitted for it; else its handler is called.
    pub(crate) emits: bool,
    /// A branch of the region goes here.
    pub(crate) leader: bool,
    /// General registers whose values the CPU may lack before it.
    pub(crate) dirty: Set,
    /// Those of which only bits 32-63 may have been written before it since all of them were known together: of these, a leader
    /// gets bits 32-63, and the CPU has the others.
    pub(crate) split: Set,
    /// Those that may not be any more what they were at the region's entry, or whose storage may have been translated
    /// otherwise since.
    pub(crate) changed: Set,
    /// Those whose values before it emitted code asks for, on some way on within the region: a leader gets these and those that
    /// the CPU lacks.
    pub(crate) wanted: Set,
    /// It is part of a loop within the region.
    repeated: bool,
}

/// How a region is translated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Style {
    /// Registers are in the CPU wherever paths meet or the region may be left: half the time to compile.
    Quick,
    /// Registers stay in those of the host all through the region.
    Best,
}

/// A region to be.
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    pub(crate) style: Style,
    /// In the order of their offsets.
    pub(crate) items: Vec<Item>,
    /// Number of the item where the region is entered.
    pub(crate) entry: usize,
    /// General registers that emitted code uses.
    pub(crate) used: Set,
    /// Those of which more than bits 32-63 matter.
    pub(crate) full: Set,
    /// Some emitted instruction sets the condition code.
    pub(crate) sets_cc: bool,
    /// The function is to tell which of it belongs to which instruction: for people only.
    pub(crate) annotated: bool,
}

impl Plan {
    /// Plans a region of at most `limit` instructions: those reached from the entry by going on or by relative branches to
    /// warm places of the page, nearer ones first. A region without instructions means that there is nothing to compile.
    pub(crate) fn new(source: &Source, limit: usize) -> Plan {
        let mut found = BTreeMap::new();
        let mut known = KnownAddresses::default();
        let mut starts = VecDeque::from([i64::from(source.offset)]);
        while let Some(start) = starts.pop_front() {
            let mut offset = start;
            while found.len() < limit && !found.contains_key(&offset) {
                if source.entries.has(offset) && !found.is_empty() {
                    break;
                }
                let Some(item) = Item::new(source, offset, &known) else { break };
                known.note(&item.record.operands);
                let ends = item.survey.ends || (DISPATCH.ends_run)(&item.record.operands);
                let next = item.next();
                // A called function is shared by its callers.
                if !item.survey.links {
                    starts.extend(item.survey.target.filter(|t| source.warm.has(*t)));
                }
                found.insert(offset, item);
                if ends {
                    break;
                }
                offset = next;
            }
        }
        let items: Vec<Item> = found.into_values().collect();
        let mut plan = Plan {
            mode: source.mode,
            style: source.style,
            items,
            entry: 0,
            used: Set::default(),
            full: Set::default(),
            sets_cc: false,
            annotated: false,
        };
        plan.entry = plan.index_of(i64::from(source.offset)).unwrap_or(0);
        plan.connect();
        plan
    }

    /// Whether everything is written back before the instruction: once, instead of at each of the ways out that this and
    /// later instructions have. Branches have only one; a better region goes on with what it knows.
    pub(crate) fn writes_back(&self, item: &Item) -> bool {
        if self.style == Style::Quick { item.survey.may_leave } else { item.survey.may_fail }
    }

    /// Number of the instruction at `offset`.
    pub(crate) fn index_of(&self, offset: i64) -> Option<usize> {
        self.items.binary_search_by_key(&offset, |i| i.offset).ok()
    }

    /// The pieces of the page that the region was made from: where they start and end. What an instruction has in the next
    /// page is not among them, because code looks at it each time.
    pub(crate) fn text(&self) -> Vec<(usize, usize)> {
        let mut pieces: Vec<(usize, usize)> = Vec::new();
        let own = self.items.iter().map(|i| (i.offset as usize, (i.next() as usize).min(PAGE)));
        let executed = self.items.iter().filter_map(|i| i.executed);
        let executed =
            executed.map(|o| (usize::from(o.page_offset()), usize::from(o.page_offset()) + usize::from(o.length())));
        let mut all: Vec<(usize, usize)> = own.chain(executed).collect();
        all.sort_unstable();
        for (start, end) in all {
            match pieces.last_mut() {
                Some(last) if last.1 >= start => last.1 = end.max(last.1),
                _ => pieces.push((start, end)),
            }
        }
        pieces
    }

    fn connect(&mut self) {
        let targets: Vec<_> = self.items.iter().map(|i| i.survey.target.and_then(|t| self.index_of(t))).collect();
        let next: Vec<_> =
            self.items.iter().map(|i| if i.survey.ends { None } else { self.index_of(i.next()) }).collect();
        for (n, target) in targets.iter().enumerate() {
            if let Some(target) = target {
                self.items[*target].leader = true;
            }
            // Code is emitted in order, beginning at the entry: what goes on there or into the middle of what was emitted
            // needs a branch.
            if let Some(next) = next[n]
                && (next == self.entry || next != n + 1)
            {
                self.items[next].leader = true;
            }
        }
        for i in &self.items {
            self.used = self.used.union(i.survey.used);
            self.full = self.full.union(i.survey.full);
            self.sets_cc |= i.survey.sets_cc;
        }
        // What the CPU may lack and what is not together flows along branches until nothing changes. But what a loop begins with
        // is written back and put together before it, instead of in each of its rounds.
        for n in 0..self.items.len() {
            self.items[n].repeated = reaches_itself(n, &next, &targets);
        }
        let mut loops = vec![false; self.items.len()];
        for (n, target) in targets.iter().enumerate() {
            if let Some(target) = target.filter(|target| *target <= n && self.items[n].repeated) {
                loops[target] = self.items[target].repeated;
            }
        }
        let mut changed = true;
        while changed {
            changed = false;
            for n in 0..self.items.len() {
                let i = &self.items[n];
                let before = if self.writes_back(i) { Set::default() } else { i.dirty };
                let after = if i.emits { before.union(i.survey.written) } else { Set::default() };
                let split = i.split.without(i.survey.full).union(i.survey.narrow);
                let split = if i.emits { split } else { Set::default() };
                let gone = if i.emits { i.changed.union(i.survey.written) } else { Set(!0) };
                for to in [next[n], targets[n]].into_iter().flatten() {
                    let enters_loop = to > n && loops[to];
                    let Some(to) = self.items.get_mut(to) else { continue };
                    let new = to.changed.union(gone);
                    changed |= new != to.changed;
                    to.changed = new;
                    if enters_loop {
                        continue;
                    }
                    let dirty = to.dirty.union(after);
                    let split = to.split.union(split);
                    changed |= dirty != to.dirty || split != to.split;
                    (to.dirty, to.split) = (dirty, split);
                }
            }
        }
        changed = true;
        while changed {
            changed = false;
            for n in (0..self.items.len()).rev() {
                let after = [next[n], targets[n]].into_iter().flatten().filter_map(|to| self.items.get(to));
                let after = after.fold(Set::default(), |all, to| all.union(to.wanted));
                let i = &self.items[n];
                // What is replaced by half is still asked for. Handlers have everything in the CPU.
                let kept = after.without(i.survey.written.without(i.survey.narrow.intersection(self.full)));
                let kept = if i.emits { kept } else { Set::default() };
                let wanted = i.survey.read.union(kept);
                changed |= wanted != i.wanted;
                self.items[n].wanted = wanted;
            }
        }
    }

    /// The registers that a leader gets as values from the code before it.
    pub(crate) fn handed_on(&self, leader: &Item) -> impl Iterator<Item = u8> + use<> {
        self.used.intersection(leader.dirty.union(leader.wanted)).members()
    }
}

/// Whether the instruction with number `n` is executed again in the region, where the ways on are `next` and `targets`.
fn reaches_itself(n: usize, next: &[Option<usize>], targets: &[Option<usize>]) -> bool {
    let mut seen = vec![false; next.len()];
    let mut ways = vec![n];
    while let Some(from) = ways.pop() {
        for to in [next[from], targets[from]].into_iter().flatten().filter(|to| *to < next.len()) {
            if to == n {
                return true;
            }
            if !std::mem::replace(&mut seen[to], true) {
                ways.push(to);
            }
        }
    }
    false
}

/// A base register from whose value at the region's entry on operands are addressed: one look at the TLB there serves all
/// of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    pub(crate) r: u8,
    /// The displacements where the first byte is and where the last one ends.
    pub(crate) first: i64,
    pub(crate) end: i64,
    /// Some are stored.
    pub(crate) stores: bool,
    /// How often they are likely to be accessed.
    weight: u32,
}

impl Base {
    /// As many as code has registers to spare for.
    const MOST: usize = 3;
    /// Farther apart operands are rarely in one page.
    const SPAN: i64 = 1024;
    /// A look for fewer accesses would not pay.
    const WORTH: u32 = 5;
    /// Accesses in a loop count as so many.
    const ROUNDS: u32 = 4;
}

impl Plan {
    /// The base registers that are worth a look at the TLB at the region's entry.
    pub(crate) fn bases(&self) -> Vec<Base> {
        if self.style != Style::Best || self.mode.address_mask() != u64::MAX {
            return Vec::new();
        }
        let mut bases: Vec<Base> = Vec::new();
        for i in &self.items {
            let o = &i.record.operands;
            if !i.emits || i.executed.is_some() || o.x2() != 0 {
                continue;
            }
            for (r, bytes, stores) in i.survey.operands.into_iter().flatten() {
                for (b, d) in [(o.b1(), o.d1()), (o.b2(), o.d2())] {
                    if b != r || b == 0 || i.changed.has(b) {
                        continue;
                    }
                    let (first, end) = (i64::from(d), i64::from(d) + bytes as i64);
                    let weight = if i.repeated { Base::ROUNDS } else { 1 };
                    match bases.iter_mut().find(|base| base.r == r) {
                        Some(base) => {
                            (base.first, base.end) = (base.first.min(first), base.end.max(end));
                            base.stores |= stores;
                            base.weight += weight;
                        }
                        None => bases.push(Base { r, first, end, stores, weight }),
                    }
                }
            }
        }
        bases.retain(|base| base.weight >= Base::WORTH && base.end - base.first <= Base::SPAN);
        bases.sort_by_key(|base| std::cmp::Reverse(base.weight));
        bases.truncate(Base::MOST);
        bases
    }
}

/// What LOAD ADDRESS RELATIVE LONG has last put into each register, as offsets in the page. Other instructions may have
/// changed it since: it is for guesses.
#[derive(Default)]
struct KnownAddresses([Option<i64>; 16]);

impl KnownAddresses {
    fn note(&mut self, o: &Operands) {
        if o.op() == Op::LARL {
            self.0[usize::from(o.r1() & 15)] = Some(relative_target(o));
        }
    }
}

/// The instruction that `o` executes, when it is in the same page and one of those that the emitter has with a length that a
/// register gives. For EXECUTE a guess, which code has to check.
fn executed(source: &Source, o: &Operands, known: &KnownAddresses) -> Option<Operands> {
    let offset = match o.op() {
        Op::EXRL => relative_target(o),
        Op::EX if o.x2() == 0 => known.0[usize::from(o.b2() & 15)].filter(|_| o.b2() != 0)? + i64::from(o.d2()),
        _ => return None,
    };
    let at = usize::try_from(offset).ok().filter(|at| at % 2 == 0)?;
    let mut text = [0; 8];
    text[..6].copy_from_slice(source.page.get(at..at + 6)?);
    let text = u64::from_be_bytes(text);
    let op = decode(text).filter(|op| matches!(op, Op::MVC | Op::CLC | Op::XC | Op::NC | Op::OC))?;
    Some(extract(op, text, at as u16))
}

/// The decoded instruction at `offset` of `page`, and its bytes in the next page, which begins with `next` where that is known.
/// `None` when it is no instruction of `model`, or not all known.
pub(crate) fn record(
    page: &[u8; PAGE],
    next: Option<[u8; 4]>,
    model: &Model,
    offset: i64,
) -> Option<(Decoded, Box<[u8]>)> {
    let at = usize::try_from(offset).ok().filter(|at| at % 2 == 0)?;
    let length = usize::from(instruction_length(*page.get(at)?));
    let here = page.get(at..(at + length).min(PAGE))?;
    let mut text = [0; 8];
    text[..here.len()].copy_from_slice(here);
    let rest: Box<[u8]> = match length - here.len() {
        0 => Box::default(),
        missing => next?[..missing].into(),
    };
    text[here.len()..length].copy_from_slice(&rest);
    let text = u64::from_be_bytes(text);
    let op = decode(text).filter(|op| model.has_instruction(*op) && semantics::is_implemented(*op))?;
    let operands: Operands = extract(op, text, at as u16);
    Some((Decoded { handler: (DISPATCH.handler)(model, &operands), operands }, rest))
}

impl Item {
    /// The instruction at `offset`; `None` when it is none, is not all known, or is certain to raise an exception.
    fn new(source: &Source, offset: i64, known: &KnownAddresses) -> Option<Item> {
        let (record, rest) = record(&source.page, source.next_page, &source.model, offset)?;
        let operands = record.operands;
        let enhanced = source.model.facilities.has(VECTOR_ENHANCEMENTS_1);
        let mut survey = Survey::new(source.mode, enhanced);
        let mut emits = false;
        let executed = executed(source, &operands, known);
        let emitted = executed.unwrap_or(operands);
        if let Some(f) = semantics::simple::<Survey>(emitted.op()) {
            f(&mut survey, &emitted).ok()?;
            emits = !survey.declined;
        }
        if executed.is_some() {
            survey.executes(&operands);
        }
        if !emits {
            survey = Survey::new(source.mode, enhanced);
        }
        // The interpreter executes it when the next page is not what it was.
        survey.may_leave |= !rest.is_empty();
        let executed = executed.filter(|_| emits);
        Some(Item {
            record,
            offset,
            rest,
            executed,
            survey,
            emits,
            leader: false,
            dirty: Set::default(),
            split: Set::default(),
            changed: Set::default(),
            wanted: Set::default(),
            repeated: false,
        })
    }

    /// Offset of the next sequential instruction.
    pub(crate) fn next(&self) -> i64 {
        self.offset + i64::from(self.record.operands.length())
    }
}
