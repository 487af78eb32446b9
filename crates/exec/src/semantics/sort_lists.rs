//! Sorting and merging of lists of records: SORTL.
//! Source: Principles of Operation, chapter 7: SORT LISTS, and IBM's patents on it (US 10,831,478), from memory: where fields of
//! the parameter block are, which condition code a list gives that becomes empty or has no whole record, and the form of
//! records of variable length have been checked against nothing, as no program that can be read uses the instruction. That is why
//! facility 150 is not announced.

use softsie_cpu::{Access, AddressSpace, Cpu, Exit};
use softsie_isa::{Op, Operands};

use super::cpacf::{designates, parameters, probe_parameters, store_parameters};
use super::data_exception;
use super::register_pair::Pair;
use super::translate::resume_later;

semantics! {
    simple {}
    heavy { SORTL => sort_lists }
}

/// Function codes: query, records of fixed and of variable length.
const QUERY: u8 = 0;
const FIXED: u8 = 1;
const VARIABLE: u8 = 2;

/// Function codes, sizes of the interface (32 and 128 lists) and formats of the parameter block, as the query stores them.
pub const AVAILABLE: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 0b1110_0000;
    bytes[16] = 0b0010_1000;
    bytes[24] = 0x80;
    bytes
};

/// Bit 56 of general register 0: the lists are sorted, and are merged.
const MERGES: u64 = 0x80;

/// Bytes of the parameter block before the lists, and of what describes each.
const HEAD: usize = 576;
const LIST: usize = 16;

/// The longest key, and the longest record of key and payload.
const LONGEST: usize = 4096;
/// Bytes of the length between key and payload of a record of variable length.
const LENGTH: usize = 8;

/// Bytes of records that are sorted together at the most, or merged before the CPU looks at what else is to be done.
const PART: usize = 65536;
/// Parts after which the instruction ends in any case.
const PARTS: usize = 64;

/// What the parameter block says.
struct Parameters {
    descending: bool,
    key: usize,
    /// Bytes of the payload, if all records have as many.
    payload: Option<usize>,
    /// Whether the operation ends when a list becomes empty.
    ends_at_empty: bool,
    /// Address and length of what is left of each active list.
    lists: Vec<(u64, u64)>,
}

/// Why there is no next record of a list.
enum Missing {
    Empty,
    Incomplete,
    Fault(Exit),
}

fn sort_lists(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let function = cpu.gr[0] as u8 & 0x7F;
    let is_known = matches!(function, QUERY | FIXED | VARIABLE);
    if !is_known || function != QUERY && !cpu.model.functions.has(Op::SORTL, function) {
        return Err(Exit::SPECIFICATION);
    }
    if function != QUERY {
        designates(o.r1())?;
        designates(o.r2())?;
    }
    let aligned = |cpu: &Cpu, r: u8| cpu.wrap(cpu.gr[usize::from(r)]).is_multiple_of(8);
    if !aligned(cpu, 1) || function != QUERY && !(aligned(cpu, o.r1()) && aligned(cpu, o.r2())) {
        return Err(Exit::SPECIFICATION);
    }
    if function == QUERY {
        let chosen = cpu.model.functions.of(Op::SORTL);
        let mut available: [u8; 32] = std::array::from_fn(|i| AVAILABLE[i] & chosen[i]);
        available[0] |= 0x80;
        store_parameters(cpu, 0, &available)?;
        cpu.cc = 0;
        return Ok(());
    }
    let mut sort = Sort {
        to: Pair::of(cpu, o.r1())?,
        delineations: Pair::of(cpu, o.r2())?,
        ar: o.r1(),
        parameters: fetch(cpu, function)?,
        emptied: None,
        incomplete: None,
        done: 0,
    };
    let cc = if cpu.gr[0] & MERGES != 0 { sort.merge(cpu)? } else { sort.sort(cpu)? };
    sort.finish(cpu)?;
    cpu.cc = cc;
    Ok(())
}

/// The parameter block, when it can be stored too.
fn fetch(cpu: &mut Cpu, function: u8) -> Result<Parameters, Exit> {
    let mut head = [0; 64];
    probe_parameters(cpu, 0, HEAD)?;
    parameters(cpu, 0, &mut head)?;
    let half = |at: usize| usize::from(u16::from_be_bytes([head[at], head[at + 1]]));
    let lists = match half(0) {
        0x20 => 32,
        0x40 => 128,
        _ => 0,
    };
    let active = usize::from(head[17] & 0x7F) + 1;
    let (key, payload) = (half(10), (function == FIXED).then(|| half(14)));
    let rest = payload.unwrap_or(0);
    let is_valid = active <= lists
        && key != 0
        && key % 8 == 0
        && rest.is_multiple_of(8)
        && key <= LONGEST
        && key + rest <= LONGEST;
    if !is_valid {
        return Err(data_exception(cpu, 0));
    }
    probe_parameters(cpu, HEAD, lists * LIST)?;
    let mut bytes = vec![0; active * LIST];
    parameters(cpu, HEAD, &mut bytes)?;
    let number = |b: &[u8]| b.iter().fold(0, |n, b| n << 8 | u64::from(*b));
    let lists: Vec<_> = bytes.chunks_exact(LIST).map(|l| (cpu.wrap(number(&l[..8])), number(&l[8..]))).collect();
    if lists.iter().any(|(address, length)| *length != 0 && address % 8 != 0) {
        return Err(data_exception(cpu, 0));
    }
    Ok(Parameters { descending: head[7] & 0x80 != 0, key, payload, ends_at_empty: head[18] & 0x80 != 0, lists })
}

/// An execution.
struct Sort {
    to: Pair,
    delineations: Pair,
    /// The access register of the lists and the first operand.
    ar: u8,
    parameters: Parameters,
    /// The list that became empty and ended the operation, or that has no whole record.
    emptied: Option<u8>,
    incomplete: Option<u8>,
    /// Bytes that were processed.
    done: u64,
}

impl Sort {
    /// The next record of a list.
    fn record(&self, cpu: &mut Cpu, list: usize) -> Result<Vec<u8>, Missing> {
        let (address, left) = self.parameters.lists[list];
        if left == 0 {
            return Err(Missing::Empty);
        }
        let space = AddressSpace::Logical(self.ar);
        let key = self.parameters.key;
        let length = match self.parameters.payload {
            Some(payload) => key + payload,
            None if left < (key + LENGTH) as u64 => return Err(Missing::Incomplete),
            None => {
                let mut payload = [0; LENGTH];
                let at = cpu.wrap(address.wrapping_add(key as u64));
                cpu.read_bytes(space, at, &mut payload).map_err(Missing::Fault)?;
                let payload = usize::from(u16::from_be_bytes([payload[6], payload[7]]));
                if payload % 8 != 0 || key + LENGTH + payload > LONGEST {
                    return Err(Missing::Fault(data_exception(cpu, 0)));
                }
                key + LENGTH + payload
            }
        };
        if left < length as u64 {
            return Err(Missing::Incomplete);
        }
        let mut record = vec![0; length];
        cpu.read_bytes(space, address, &mut record).map_err(Missing::Fault)?;
        Ok(record)
    }

    /// Takes a record off its list.
    fn take(&mut self, cpu: &Cpu, list: usize, length: usize) {
        let (address, left) = &mut self.parameters.lists[list];
        *address = cpu.wrap(address.wrapping_add(length as u64));
        *left -= length as u64;
    }

    /// Whether record `a` comes before `b`, which comes first when the keys are equal.
    fn before(&self, a: &[u8], b: &[u8]) -> bool {
        let (a, b) = (&a[..self.parameters.key], &b[..self.parameters.key]);
        if self.parameters.descending { a > b } else { a < b }
    }

    /// Stores bytes into the first operand.
    fn store(&mut self, cpu: &mut Cpu, bytes: &[u8]) -> Result<(), Exit> {
        cpu.write_bytes(AddressSpace::Logical(self.to.ar()), self.to.address, bytes)?;
        self.to.advance(cpu, bytes.len() as u64);
        self.done += bytes.len() as u64;
        Ok(())
    }

    /// Sorts as many records as are sorted together, into a list of their own each time.
    fn sort(&mut self, cpu: &mut Cpu) -> Result<u8, Exit> {
        for _ in 0..PARTS {
            let lists = self.parameters.lists.clone();
            let (mut records, mut size, mut stopped) = (Vec::new(), 0, None);
            for list in 0..lists.len() {
                while size < PART {
                    let record = match self.record(cpu, list) {
                        Ok(record) => record,
                        Err(Missing::Empty) => break,
                        Err(other) => {
                            stopped = Some((list, other));
                            break;
                        }
                    };
                    if (size + record.len()) as u64 > self.to.length {
                        stopped = Some((list, Missing::Empty));
                        break;
                    }
                    self.take(cpu, list, record.len());
                    size += record.len();
                    records.push(record);
                }
                if stopped.is_some() || size >= PART {
                    break;
                }
            }
            if !records.is_empty() {
                if self.delineations.length < LIST as u64 {
                    self.parameters.lists = lists;
                    return Ok(2);
                }
                // Records with the same key stay in order.
                let key = self.parameters.key;
                if self.parameters.descending {
                    records.sort_by(|a, b| b[..key].cmp(&a[..key]));
                } else {
                    records.sort_by(|a, b| a[..key].cmp(&b[..key]));
                }
                let mut entry = [0; LIST];
                entry[..8].copy_from_slice(&self.to.address.to_be_bytes());
                entry[8..].copy_from_slice(&(size as u64).to_be_bytes());
                let (space, at) = (AddressSpace::Logical(self.delineations.ar()), self.delineations.address);
                let stored = cpu
                    .probe(space, at, LIST as u64, Access::Store)
                    .and_then(|()| self.store(cpu, &records.concat()))
                    .and_then(|()| cpu.write_bytes(space, at, &entry));
                if let Err(exit) = stored {
                    self.parameters.lists = lists;
                    return resume_later(cpu, self.done, exit);
                }
                self.delineations.advance(cpu, LIST as u64);
            }
            match stopped {
                Some((list, Missing::Incomplete)) => {
                    self.incomplete = Some(list as u8);
                    return Ok(2);
                }
                Some((_, Missing::Fault(exit))) => return resume_later(cpu, self.done, exit),
                Some((_, Missing::Empty)) => return Ok(1),
                None if self.parameters.lists.iter().all(|(_, left)| *left == 0) => return Ok(0),
                None => {}
            }
            if cpu.attention().pending() != 0 {
                break;
            }
        }
        Ok(3)
    }

    /// Merges the lists into one.
    fn merge(&mut self, cpu: &mut Cpu) -> Result<u8, Exit> {
        let mut heads: Vec<Option<Vec<u8>>> = Vec::new();
        for list in 0..self.parameters.lists.len() {
            match self.head(cpu, list) {
                Ok(head) => heads.push(head),
                Err(ended) => return ended,
            }
        }
        loop {
            let mut first: Option<(usize, &Vec<u8>)> = None;
            for (list, head) in heads.iter().enumerate() {
                let Some(head) = head else { continue };
                if first.is_none_or(|(_, least)| self.before(head, least)) {
                    first = Some((list, head));
                }
            }
            let Some((list, record)) = first else { return Ok(0) };
            let length = record.len();
            if length as u64 > self.to.length {
                return Ok(1);
            }
            let record = record.clone();
            let before = self.done;
            if let Err(exit) = self.store(cpu, &record) {
                return resume_later(cpu, self.done, exit);
            }
            self.take(cpu, list, length);
            if self.parameters.lists[list].1 == 0 && self.parameters.ends_at_empty {
                self.emptied = Some(list as u8);
                return Ok(2);
            }
            heads[list] = match self.head(cpu, list) {
                Ok(head) => head,
                Err(ended) => return ended,
            };
            let part = PART as u64;
            let parts = self.done / part;
            if parts != before / part && (parts >= PARTS as u64 || cpu.attention().pending() != 0) {
                return Ok(3);
            }
        }
    }

    /// The first record of a list that is left, if there is one; otherwise how the operation ends.
    fn head(&mut self, cpu: &mut Cpu, list: usize) -> Result<Option<Vec<u8>>, Result<u8, Exit>> {
        match self.record(cpu, list) {
            Ok(record) => Ok(Some(record)),
            Err(Missing::Empty) => Ok(None),
            Err(Missing::Incomplete) => {
                self.incomplete = Some(list as u8);
                Err(Ok(2))
            }
            Err(Missing::Fault(exit)) => Err(resume_later(cpu, self.done, exit)),
        }
    }

    /// Stores what is left of the lists and sets the registers.
    fn finish(&self, cpu: &mut Cpu) -> Result<(), Exit> {
        let mut flags = [0; 4];
        parameters(cpu, 18, &mut flags)?;
        flags[0] = flags[0] & !0x20 | u8::from(self.emptied.is_some()) << 5;
        flags[1] = self.emptied.unwrap_or(0);
        flags[2] = flags[2] & !0x80 | u8::from(self.incomplete.is_some()) << 7;
        flags[3] = self.incomplete.unwrap_or(0);
        store_parameters(cpu, 18, &flags)?;
        let mut continuation = [0];
        parameters(cpu, 7, &mut continuation)?;
        store_parameters(cpu, 7, &[continuation[0] & !1])?;
        let lists = self.parameters.lists.iter();
        let bytes: Vec<u8> =
            lists.flat_map(|(address, left)| [address.to_be_bytes(), left.to_be_bytes()].concat()).collect();
        store_parameters(cpu, HEAD, &bytes)?;
        self.to.save(cpu);
        self.delineations.save(cpu);
        Ok(())
    }
}
