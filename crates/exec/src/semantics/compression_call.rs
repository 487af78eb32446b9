//! Compression and expansion by dictionaries: CMPSC.
//! Source: Principles of Operation, chapter 7: COMPRESSION CALL; Enterprise Systems Architecture/390 Data Compression.

use softsie_cmpsc::{Failure, Form, Storage, Symbol};
use softsie_cpu::{AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use super::data_exception;
use super::register_pair::Pair;
use super::translate::resume_later;

semantics! {
    simple {}
    heavy { CMPSC => compression_call }
}

/// Bits of general register 0: symbol translation, format-1 sibling descriptors, expansion.
const TRANSLATES: u64 = 0x1_0000;
const FORMAT_1: u64 = 0x200;
const EXPANDS: u64 = 0x100;

/// With the CMPSC-enhancement facility: zeros follow the result.
const PADS: u64 = 0x2_0000;
const ENHANCEMENT: u16 = 47;
/// To which boundary they go; a machine's own affair.
const PADDING: u64 = 256;

/// Symbols after which the CPU looks at what else is to be done.
const PART: u64 = 1024;

/// The dictionaries of an execution and its source.
struct Fetcher<'a> {
    cpu: &'a mut Cpu,
    dictionary: u64,
    /// Bytes of the dictionary.
    size: u64,
    source: u64,
    /// The access register of both.
    ar: u8,
}

impl Storage for Fetcher<'_> {
    type Error = Exit;

    fn entry(&mut self, index: u16) -> Result<u64, Exit> {
        let at = self.cpu.wrap(self.dictionary.wrapping_add(8 * u64::from(index)));
        self.cpu.load::<u64>(at, self.ar)
    }

    fn second(&mut self, index: u16) -> Result<u64, Exit> {
        let at = self.cpu.wrap(self.dictionary.wrapping_add(self.size + 8 * u64::from(index)));
        self.cpu.load::<u64>(at, self.ar)
    }

    fn character(&mut self, at: usize) -> Result<u8, Exit> {
        let at = self.cpu.wrap(self.source.wrapping_add(at as u64));
        self.cpu.load::<u8>(at, self.ar)
    }
}

/// The exit of a symbol that cannot be had.
fn failed(cpu: &mut Cpu, failure: Failure<Exit>) -> Exit {
    match failure {
        Failure::Data => data_exception(cpu, 0),
        Failure::Fetch(exit) => exit,
    }
}

/// What an execution is about.
struct Call {
    form: Form,
    dictionary: u64,
    /// The table that symbols are translated by.
    table: Option<u64>,
    to: Pair,
    from: Pair,
    /// Bits of the first byte of compressed data that belong to the symbol before.
    bit: u32,
}

fn compression_call(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let (to, from) = (Pair::of(cpu, o.r1())?, Pair::of(cpu, o.r2())?);
    let controls = cpu.gr[0];
    let size = (controls >> 12 & 15) as u32;
    if !(1..=5).contains(&size) {
        return Err(Exit::SPECIFICATION);
    }
    let dictionary = cpu.wrap(cpu.gr[1]) & !0xFFF;
    let table = dictionary.wrapping_add((cpu.gr[1] & 0xFF8) << 4);
    let mut call = Call {
        form: Form { bits: 8 + size, format_1: controls & FORMAT_1 != 0 },
        dictionary,
        table: (controls & TRANSLATES != 0).then_some(table),
        to,
        from,
        bit: cpu.gr[1] as u32 & 7,
    };
    let expands = controls & EXPANDS != 0;
    let mut done = 0;
    let cc = loop {
        let step = if expands { call.expand(cpu) } else { call.compress(cpu) };
        match step {
            Ok(None) => {}
            Ok(Some(cc)) => break cc,
            Err(exit) => break resume_later(cpu, done, exit)?,
        }
        done += 1;
        if done.is_multiple_of(PART) && cpu.attention().pending() != 0 {
            break 3;
        }
    };
    if controls & PADS != 0 && cpu.model.facilities.has(ENHANCEMENT) {
        call.pad(cpu, expands)?;
    }
    call.to.save(cpu);
    call.from.save(cpu);
    cpu.gr[1] = cpu.gr[1] & !7 | u64::from(call.bit);
    cpu.cc = cc;
    Ok(())
}

impl Call {
    /// Stores zeros after the result up to the next boundary, if the first operand reaches that far. They are no part of the
    /// result: address and length do not show them.
    fn pad(&self, cpu: &mut Cpu, expands: bool) -> Result<(), Exit> {
        // A byte that has bits of the last symbol is not touched.
        let begun = u64::from(!expands && self.bit != 0 && self.to.length != 0);
        let at = cpu.wrap(self.to.address.wrapping_add(begun));
        let zeros = at.wrapping_neg() % PADDING;
        if zeros == 0 || self.to.length - begun < zeros {
            return Ok(());
        }
        cpu.write_bytes(AddressSpace::Logical(self.to.ar()), at, &[0; PADDING as usize][..zeros as usize])
    }

    /// Bytes in which the next symbol is.
    fn bytes(&self) -> u64 {
        u64::from((self.bit + self.form.bits).div_ceil(8))
    }

    fn fetcher<'a>(&self, cpu: &'a mut Cpu) -> Fetcher<'a> {
        let size = 8 * self.form.entries() as u64;
        Fetcher { cpu, dictionary: self.dictionary, size, source: self.from.address, ar: self.from.ar() }
    }

    /// One symbol; the condition code if there is none.
    fn compress(&mut self, cpu: &mut Cpu) -> Result<Option<u8>, Exit> {
        if self.from.length == 0 {
            return Ok(Some(0));
        }
        if self.to.length < self.bytes() {
            return Ok(Some(1));
        }
        let left = self.from.length.min(u64::from(u32::MAX)) as usize;
        let symbol = softsie_cmpsc::compress(&mut self.fetcher(cpu), self.form, left);
        let (mut index, n) = symbol.map_err(|failure| failed(cpu, failure))?;
        if let Some(table) = self.table {
            let at = cpu.wrap(table.wrapping_add(2 * u64::from(index)));
            index = cpu.load::<u16>(at, self.from.ar())? & ((1 << self.form.bits) - 1);
        }
        let space = AddressSpace::Logical(self.to.ar());
        let mut before = [0];
        if self.bit != 0 {
            cpu.read_bytes(space, self.to.address, &mut before)?;
        }
        let kept = u32::from(before[0]) << 24 & !(u32::MAX >> self.bit);
        let bits = kept | u32::from(index) << (32 - self.form.bits - self.bit);
        cpu.write_bytes(space, self.to.address, &bits.to_be_bytes()[..self.bytes() as usize])?;
        let end = self.bit + self.form.bits;
        self.to.advance(cpu, u64::from(end / 8));
        self.bit = end % 8;
        self.from.advance(cpu, n as u64);
        Ok(None)
    }

    /// The same.
    fn expand(&mut self, cpu: &mut Cpu) -> Result<Option<u8>, Exit> {
        let n = self.bytes();
        if self.from.length < n {
            return Ok(Some(0));
        }
        let mut bytes = [0; 4];
        cpu.read_bytes(AddressSpace::Logical(self.from.ar()), self.from.address, &mut bytes[..n as usize])?;
        let bits = u32::from_be_bytes(bytes) << self.bit;
        let index = (bits >> (32 - self.form.bits)) as u16;
        let mut symbol: Symbol = [0; 264];
        let length = softsie_cmpsc::expand(&mut self.fetcher(cpu), self.form, index, self.to.length, &mut symbol);
        let Some(length) = length.map_err(|failure| failed(cpu, failure))? else { return Ok(Some(1)) };
        cpu.write_bytes(AddressSpace::Logical(self.to.ar()), self.to.address, &symbol[..length])?;
        self.to.advance(cpu, length as u64);
        let end = self.bit + self.form.bits;
        self.from.advance(cpu, u64::from(end / 8));
        self.bit = end % 8;
        Ok(None)
    }
}
