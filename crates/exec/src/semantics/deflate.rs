//! Compression and expansion in the formats of RFC 1951: DFLTCC.
//! Source: Principles of Operation, chapter 26: DEFLATE CONVERSION CALL, from memory; the parameter block and the registers as
//! zlib, zlib-ng and Linux use them.

use std::cell::RefCell;

use softsie_cpu::{Access, AddressSpace, Cpu, Exit};
use softsie_deflate::operation::{Compression, Expansion, Refusal};
use softsie_deflate::parameters::{self, Parameters};
use softsie_deflate::{Compressor, Expander, HISTORY, Pause, generate};
use softsie_isa::{Op, Operands};

use super::cpacf::{designates, parameters as fetch_parameters, probe_parameters, store_parameters};
use super::data_exception;
use super::register_pair::Pair;
use super::translate::resume_later;

semantics! {
    simple {}
    heavy { DFLTCC => deflate_conversion_call }
}

/// Function codes.
const QUERY: u8 = 0;
const GENERATE: u8 = 1;
const COMPRESS: u8 = 2;
const EXPAND: u8 = 4;

/// Bit 56 of general register 0: the history is in a circular buffer.
const CIRCULAR: u64 = 0x80;

/// Bytes that are fetched at a time: after them the CPU looks at what else is to be done.
const PART: usize = 8192;
/// Room for output that is tried at a time.
const ROOM: usize = 16384;
/// Parts after which the instruction ends in any case.
const PARTS: usize = 256;

thread_local! {
    /// Too large to be made for every execution. What is in them does not outlast one.
    static COMPRESSOR: RefCell<Compressor> = RefCell::default();
    static EXPANDER: RefCell<Expander> = RefCell::default();
}

fn deflate_conversion_call(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let function = cpu.gr[0] as u8 & 0x7F;
    let is_known = matches!(function, QUERY | GENERATE | COMPRESS | EXPAND);
    if !is_known || function != QUERY && !cpu.model.functions.has(Op::DFLTCC, function) {
        return Err(Exit::SPECIFICATION);
    }
    let block = cpu.wrap(cpu.gr[1]);
    if function != QUERY {
        designates(o.r2())?;
        let converts = function != GENERATE;
        if converts {
            designates(o.r1())?;
        }
        let circular = cpu.wrap(cpu.gr[usize::from(o.r3())]);
        if converts && (o.r3() < 2 || cpu.gr[0] & CIRCULAR != 0 && !circular.is_multiple_of(4096)) {
            return Err(Exit::SPECIFICATION);
        }
    }
    if !block.is_multiple_of(8) {
        return Err(Exit::SPECIFICATION);
    }
    cpu.cc = match function {
        QUERY => {
            let chosen = cpu.model.functions.of(Op::DFLTCC);
            let mut available: [u8; 32] = std::array::from_fn(|i| parameters::AVAILABLE[i] & chosen[i]);
            available[0] |= 0x80;
            store_parameters(cpu, 0, &available)?;
            0
        }
        GENERATE => generate_table(cpu, o)?,
        COMPRESS => COMPRESSOR.with_borrow_mut(|compressor| compress(cpu, o, compressor))?,
        _ => EXPANDER.with_borrow_mut(|expander| expand(cpu, o, expander))?,
    };
    Ok(())
}

/// The parameter block, of which `size` bytes are there, when it can be stored too.
fn block(cpu: &mut Cpu, size: usize) -> Result<Parameters, Exit> {
    probe_parameters(cpu, 0, size)?;
    let mut block = Parameters::default();
    fetch_parameters(cpu, 0, &mut block.0[..size])?;
    if block.is_valid() { Ok(block) } else { Err(data_exception(cpu, 0)) }
}

/// The second operand is a sample, of which 32,768 bytes count, and stays where it is.
fn generate_table(cpu: &mut Cpu, o: &Operands) -> Result<u8, Exit> {
    let from = Pair::of(cpu, o.r2())?;
    let mut block = block(cpu, parameters::SIZE_OF_GENERATE)?;
    let mut sample = vec![0; from.length.min(HISTORY as u64) as usize];
    cpu.read_bytes(AddressSpace::Logical(from.ar()), from.address, &mut sample)?;
    let only = block.only_what_occurs();
    block.set_table(&COMPRESSOR.with_borrow_mut(|compressor| generate(compressor, &sample, only)));
    if let Ok(codes) = softsie_deflate::Codes::dynamic(block.table().0, block.table().1) {
        block.set_end_of_block(codes.end_of_block());
    }
    block.set_supplemental(0);
    store_parameters(cpu, 0, &block.0[..parameters::SIZE_OF_GENERATE])?;
    Ok(0)
}

/// Where the history is.
enum History {
    /// Before the uncompressed data.
    Inline,
    /// In a buffer of 32,768 bytes, at this address, by this access register.
    Circular(u64, u8),
}

impl History {
    /// The one of this execution; its access exceptions are recognised.
    fn of(cpu: &mut Cpu, o: &Operands) -> Result<History, Exit> {
        if cpu.gr[0] & CIRCULAR == 0 {
            return Ok(History::Inline);
        }
        let address = cpu.wrap(cpu.gr[usize::from(o.r3())]);
        cpu.probe(AddressSpace::Logical(o.r3()), address, HISTORY as u64, Access::Store)?;
        Ok(History::Circular(address, o.r3()))
    }

    /// Fetches it in order, in two parts at the most, with the place for each that `f` gives.
    fn load(
        &self,
        cpu: &mut Cpu,
        block: &Parameters,
        data: &Pair,
        mut f: impl FnMut(&mut Cpu, AddressSpace, u64, usize) -> Result<(), Exit>,
    ) -> Result<(), Exit> {
        let length = if block.is_new_task() { 0 } else { block.history_length() };
        match self {
            History::Inline => {
                let at = cpu.wrap(data.address.wrapping_sub(length as u64));
                f(cpu, AddressSpace::Logical(data.ar()), at, length)
            }
            History::Circular(address, ar) => {
                let offset = block.history_offset();
                let high = length.min(HISTORY - offset);
                let space = AddressSpace::Logical(*ar);
                f(cpu, space, cpu.wrap(address.wrapping_add(offset as u64)), high)?;
                f(cpu, space, *address, length - high)
            }
        }
    }

    /// Appends uncompressed data, 32,768 bytes at the most.
    fn append(&self, cpu: &mut Cpu, block: &mut Parameters, bytes: &[u8]) -> Result<(), Exit> {
        let (length, offset) = (block.history_length(), block.history_offset());
        let sum = length + bytes.len();
        let lost = sum.saturating_sub(HISTORY);
        match self {
            History::Inline => block.set_history(sum - lost, offset),
            History::Circular(address, ar) => {
                let at = (offset + length) % HISTORY;
                let (high, low) = bytes.split_at(bytes.len().min(HISTORY - at));
                let space = AddressSpace::Logical(*ar);
                let place = cpu.wrap(address.wrapping_add(at as u64));
                cpu.write_bytes(space, place, high)?;
                cpu.write_bytes(space, *address, low)?;
                block.set_history(sum - lost, (offset + lost) % HISTORY);
            }
        }
        Ok(())
    }
}

/// How many bytes of an operand, `most` at the most, can be accessed, and what stands against more. `f` is called for each page's part.
fn accessible(
    cpu: &mut Cpu,
    operand: &Pair,
    most: usize,
    mut f: impl FnMut(&mut Cpu, u64, usize, usize) -> Result<(), Exit>,
) -> (usize, Option<Exit>) {
    let (mut operand, mut done) = (*operand, 0);
    while operand.length != 0 && done < most {
        let n = operand.piece().min((most - done) as u64) as usize;
        if let Err(exit) = f(cpu, operand.address, done, n) {
            return (done, Some(exit));
        }
        operand.advance(cpu, n as u64);
        done += n;
    }
    (done, None)
}

/// Room for output.
fn room(cpu: &mut Cpu, to: &Pair, most: usize) -> (usize, Option<Exit>) {
    let space = AddressSpace::Logical(to.ar());
    accessible(cpu, to, most, |cpu, at, _, n| cpu.probe(space, at, n as u64, Access::Store))
}

/// Begins anew: without history when the task is new.
fn begin_task(block: &mut Parameters) {
    if block.is_new_task() {
        block.set_history(0, block.history_offset());
    }
}

/// The exit of something that cannot begin, or the condition code of a table that is none.
fn refuse(cpu: &mut Cpu, block: &mut Parameters, refusal: Refusal) -> Result<u8, Exit> {
    match refusal {
        Refusal::State => Err(data_exception(cpu, 0)),
        Refusal::Table(error) => {
            block.set_supplemental(error as u8);
            store_parameters(cpu, 0, &block.0)?;
            Ok(2)
        }
    }
}

fn compress(cpu: &mut Cpu, o: &Operands, compressor: &mut Compressor) -> Result<u8, Exit> {
    let (mut to, mut from) = (Pair::of(cpu, o.r1())?, Pair::of(cpu, o.r2())?);
    let mut block = block(cpu, parameters::SIZE)?;
    let history = History::of(cpu, o)?;
    if to.length == 0 {
        return Ok(1);
    }
    begin_task(&mut block);
    compressor.clear();
    history.load(cpu, &block, &from, |cpu, space, at, n| {
        cpu.read_bytes(space, at, compressor.room(n))?;
        compressor.remember(n);
        Ok(())
    })?;
    let mut first = [0];
    if block.sub_byte() != 0 {
        cpu.read_bytes(AddressSpace::Logical(to.ar()), to.address, &mut first)?;
    }
    let before = block.clone();
    let mut operation = match Compression::begin(&before, compressor, first[0]) {
        Ok(operation) => operation,
        Err(refusal) => return refuse(cpu, &mut block, refusal),
    };
    let (source, sink) = (AddressSpace::Logical(from.ar()), AddressSpace::Logical(to.ar()));
    let mut done = 0u64;
    let mut parts = 0;
    let stopped = loop {
        let (limit, no_room) = room(cpu, &to, ROOM);
        let place = operation.room(from.length.min(PART as u64) as usize);
        let (n, no_data) =
            accessible(cpu, &from, PART, |cpu, at, i, n| cpu.read_bytes(source, at, &mut place[i..i + n]));
        let processed = match operation.step(n, limit) {
            Ok(processed) => processed,
            Err(error) => {
                // A table without a code for this data: what has been stored is of no use.
                return refuse(cpu, &mut block, Refusal::Table(error));
            }
        };
        history.append(cpu, &mut block, operation.processed(processed))?;
        from.advance(cpu, processed as u64);
        if from.length == 0 && (processed != 0 || before.continues()) {
            operation.close();
        }
        let bytes = operation.take(limit);
        cpu.write_bytes(sink, to.address, &bytes)?;
        to.advance(cpu, bytes.len() as u64);
        done += (processed + bytes.len()) as u64;
        parts += 1;
        if from.length == 0 && operation.needs() as u64 <= to.length.min(1) {
            // The last byte needs a place.
            break if operation.needs() != 0 && limit == bytes.len() { no_room } else { None };
        }
        if to.length == 0 {
            break None;
        }
        if processed == 0 && bytes.is_empty() {
            break if n == 0 && from.length != 0 { no_data } else { no_room };
        }
        if parts == PARTS || cpu.attention().pending() != 0 {
            break None;
        }
    };
    let cc = match stopped {
        Some(exit) => resume_later(cpu, done, exit)?,
        None if from.length == 0 && operation.needs() as u64 <= to.length.min(1) => 0,
        None if to.length == 0 => 1,
        None => 3,
    };
    let has_place = to.length != 0 && room(cpu, &to, 1).0 != 0;
    let (byte, empty) = operation.end(&mut block, has_place);
    if let Some(byte) = byte {
        cpu.write_bytes(sink, to.address, &[byte])?;
    }
    let cc = if cc == 0 && !empty { 3 } else { cc };
    block.set_continues(cc != 0);
    finish(cpu, &block, [&to, &from], cc)
}

fn expand(cpu: &mut Cpu, o: &Operands, expander: &mut Expander) -> Result<u8, Exit> {
    let (mut to, mut from) = (Pair::of(cpu, o.r1())?, Pair::of(cpu, o.r2())?);
    let mut block = block(cpu, parameters::SIZE)?;
    let history = History::of(cpu, o)?;
    begin_task(&mut block);
    expander.clear();
    history.load(cpu, &block, &to, |cpu, space, at, n| {
        cpu.read_bytes(space, at, expander.room(n))?;
        expander.remember(n);
        Ok(())
    })?;
    let before = block.clone();
    let mut operation = match Expansion::begin(&before, expander) {
        Ok(operation) => operation,
        Err(refusal) => return refuse(cpu, &mut block, refusal),
    };
    let (source, sink) = (AddressSpace::Logical(from.ar()), AddressSpace::Logical(to.ar()));
    let mut input = [0; PART];
    let (mut done, mut parts, mut wanted) = (0u64, 0, true);
    let (cc, error) = loop {
        let mut no_data = None;
        if wanted {
            let (n, exit) =
                accessible(cpu, &from, PART, |cpu, at, i, n| cpu.read_bytes(source, at, &mut input[i..i + n]));
            operation.feed(&input[..n]);
            from.advance(cpu, n as u64);
            no_data = exit;
        }
        let (limit, no_room) = room(cpu, &to, ROOM);
        let (n, result, progress) = operation.step(limit);
        cpu.write_bytes(sink, to.address, operation.made(n))?;
        history.append(cpu, &mut block, operation.made(n))?;
        to.advance(cpu, n as u64);
        done += u64::from(progress);
        parts += 1;
        match result {
            Err(error) => break (2, Some(error)),
            Ok(Pause::End) => break (0, None),
            Ok(Pause::Input) => {
                wanted = true;
                if from.length == 0 {
                    break (2, None);
                }
                if let Some(exit) = no_data {
                    break (resume_later(cpu, done, exit)?, None);
                }
            }
            Ok(Pause::Room) => {
                wanted = false;
                if to.length == 0 {
                    break (1, None);
                }
                if let (0, Some(exit)) = (limit, no_room) {
                    break (resume_later(cpu, done, exit)?, None);
                }
            }
        }
        if parts == PARTS || done != 0 && cpu.attention().pending() != 0 {
            break (3, None);
        }
    };
    let back = operation.end(&mut block, cc == 2 && error.is_none(), error);
    from.advance(cpu, (back as u64).wrapping_neg());
    finish(cpu, &block, [&to, &from], cc)
}

/// Stores the parameter block and sets the registers.
fn finish(cpu: &mut Cpu, block: &Parameters, operands: [&Pair; 2], cc: u8) -> Result<u8, Exit> {
    store_parameters(cpu, 0, &block.0)?;
    for operand in operands {
        operand.save(cpu);
    }
    Ok(cc)
}
