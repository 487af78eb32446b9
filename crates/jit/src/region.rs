//! The unit of compilation: a straight run of instructions in one page with the branches inside it, and what is known of it
//! before any code is emitted. Source: docs/engine-pattern.md.

use softsie_cpu::{Cpu, Decoded};
use softsie_exec::{DISPATCH, semantics};
use softsie_isa::{Operands, decode, extract, instruction_length};

use crate::mode::Mode;
use crate::registers::Set;
use crate::survey::Survey;

/// One instruction of a plan.
pub(crate) struct Item {
    pub(crate) record: Decoded,
    pub(crate) address: u64,
    pub(crate) survey: Survey,
    /// Code is emitted for it; else its handler is called.
    pub(crate) emits: bool,
    /// A branch of the region goes here.
    pub(crate) leader: bool,
    /// General registers whose values the CPU may lack before it.
    pub(crate) dirty: Set,
}

/// A region to be.
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    /// Virtual address of the page.
    pub(crate) base: u64,
    pub(crate) items: Vec<Item>,
    /// General registers that emitted code uses.
    pub(crate) used: Set,
    /// Those of which more than bits 32-63 matter.
    pub(crate) full: Set,
    /// Some emitted instruction sets the condition code.
    pub(crate) sets_cc: bool,
}

const PAGE: usize = 4096;

impl Plan {
    /// Plans a region of at most `limit` instructions from `address` on, which is in the CPU's current code page. A region
    /// without instructions means that there is nothing to compile.
    pub(crate) fn new(cpu: &mut Cpu, address: u64, mode: Mode, limit: usize) -> Plan {
        let base = address & !(PAGE as u64 - 1);
        let page = *cpu.code_text();
        let mut plan =
            Plan { mode, base, items: Vec::new(), used: Set::default(), full: Set::default(), sets_cc: false };
        let mut offset = (address - base) as usize;
        while plan.items.len() < limit && offset < PAGE {
            let length = usize::from(instruction_length(page[offset]));
            let Some(bytes) = page.get(offset..offset + length) else { break };
            let mut text = [0; 8];
            text[..length].copy_from_slice(bytes);
            let Some(item) = Item::new(cpu, mode, base, offset as u16, u64::from_be_bytes(text)) else { break };
            let ends = item.survey.ends || (DISPATCH.ends_run)(&item.record.operands);
            plan.items.push(item);
            offset += length;
            let next = base + offset as u64;
            if ends && !plan.items.iter().any(|i| i.survey.target == Some(next)) {
                break;
            }
        }
        plan.connect();
        plan
    }

    /// Number of the instruction at `address`.
    pub(crate) fn index_of(&self, address: u64) -> Option<usize> {
        self.items.binary_search_by_key(&address, |i| i.address).ok()
    }

    fn connect(&mut self) {
        let targets: Vec<_> = self.items.iter().map(|i| i.survey.target.and_then(|t| self.index_of(t))).collect();
        for target in targets.iter().flatten() {
            self.items[*target].leader = true;
        }
        for i in &self.items {
            self.used = self.used.union(i.survey.used);
            self.full = self.full.union(i.survey.full);
            self.sets_cc |= i.survey.sets_cc;
        }
        // What the CPU may lack flows along branches until nothing changes.
        let mut changed = true;
        while changed {
            changed = false;
            for (n, target) in targets.iter().enumerate() {
                let i = &self.items[n];
                let after = if i.emits { i.dirty.union(i.survey.written) } else { Set::default() };
                let next = (!i.survey.ends).then_some(n + 1);
                for to in [next, *target].into_iter().flatten() {
                    let Some(to) = self.items.get_mut(to) else { continue };
                    let dirty = to.dirty.union(after);
                    changed |= dirty != to.dirty;
                    to.dirty = dirty;
                }
            }
        }
    }
}

impl Item {
    /// The instruction with `text`; `None` when it is none, or is certain to raise an exception.
    fn new(cpu: &mut Cpu, mode: Mode, base: u64, offset: u16, text: u64) -> Option<Item> {
        let op = decode(text).filter(|op| cpu.model.has_instruction(*op) && semantics::is_implemented(*op))?;
        let operands: Operands = extract(op, text, offset);
        let record = Decoded { handler: cpu.decode_text(text).handler, operands };
        let mut survey = Survey::new(mode, base);
        let mut emits = false;
        if let Some(f) = semantics::simple::<Survey>(op) {
            f(&mut survey, &operands).ok()?;
            emits = !survey.declined;
        }
        if !emits {
            survey = Survey::new(mode, base);
        }
        let address = base + u64::from(offset);
        Some(Item { record, address, survey, emits, leader: false, dirty: Set::default() })
    }
}
