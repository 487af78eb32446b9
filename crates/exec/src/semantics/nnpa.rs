//! NEURAL NETWORK PROCESSING ASSIST: the functions of `softsie-nnp` on tensors in storage.
//! Source: Principles of Operation, chapter 26; zDNN. General register 0 has the function code, later response code and
//! exception flags; general register 1 the address of the parameter block.

use softsie_cpu::{Access, AddressSpace, Cpu, Exit, ProgramData};
use softsie_isa::Operands;
use softsie_nnp::{self as nnp, BLOCK_LENGTH, Memory, Refusal, Request, Rows, Work};

use super::cpacf::{parameters, probe_parameters, store_parameters};
use super::data_exception;
use super::vector_form::require;

semantics! {
    simple {}
    heavy { NNPA => assist }
}

/// The byte of the parameter block with the continuation flag, its rightmost bit.
const CONTINUATION: usize = 7;
/// In the continuation-state buffer: the next row, and the exception flags so far. Its contents are the machine's own affair.
const STATE: usize = BLOCK_LENGTH;
const STATE_LENGTH: usize = 9;
const BLOCK_AND_BUFFER: usize = 4096;

/// Exception flag: something was infinity or no number.
const RANGE_VIOLATION: u8 = 0x80;

/// Where tensors are: in the address space of the parameter block.
struct Storage<'a>(&'a mut Cpu);

impl Memory for Storage<'_> {
    type Fault = Exit;
    fn fetch(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), Exit> {
        let address = self.0.wrap(address);
        self.0.read_bytes(AddressSpace::Logical(1), address, bytes)
    }
}

/// Ends with a response code or exception flags in general register 0.
fn end(cpu: &mut Cpu, cc: u8, response: u16, flags: u8) -> Result<(), Exit> {
    let kept = cpu.gr[0] & 0x0000_FF00_FFFF_FFFF;
    cpu.gr[0] = kept | u64::from(response) << 48 | u64::from(flags) << 32;
    cpu.cc = cc;
    Ok(())
}

/// Stores all rows of a unit or none.
fn store(cpu: &mut Cpu, rows: &Rows) -> Result<(), Exit> {
    for (address, bytes) in rows.sticks() {
        let address = cpu.wrap(address);
        cpu.probe(AddressSpace::Logical(1), address, bytes.len() as u64, Access::Store)?;
    }
    for (address, bytes) in rows.sticks() {
        let address = cpu.wrap(address);
        cpu.write_bytes(AddressSpace::Logical(1), address, bytes)?;
    }
    Ok(())
}

fn unit(cpu: &mut Cpu, work: &mut Work) -> Result<Rows, Exit> {
    let rows = work.unit(&mut Storage(cpu))?;
    store(cpu, &rows)?;
    Ok(rows)
}

/// Partial completion: the program executes the instruction again with the same parameter block.
fn leave(cpu: &mut Cpu, control: u8, next: u64, flags: u8) -> Result<(), Exit> {
    let mut state = [flags; STATE_LENGTH];
    state[..8].copy_from_slice(&next.to_be_bytes());
    store_parameters(cpu, CONTINUATION, &[control | 1])?;
    store_parameters(cpu, STATE, &state)?;
    cpu.program = ProgramData::default();
    cpu.cc = 3;
    Ok(())
}

fn assist(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    let code = cpu.gr[0] as u8;
    require(cpu.wrap(cpu.gr[1]) & 7 == 0)?;
    if code == 0 {
        store_parameters(cpu, 0, &nnp::query())?;
        return end(cpu, 0, 0, 0);
    }
    if !nnp::is_installed(code) {
        return end(cpu, 1, 2, 0);
    }
    let (mut block, mut state) = ([0; BLOCK_LENGTH], [0; STATE_LENGTH]);
    parameters(cpu, 0, &mut block)?;
    probe_parameters(cpu, 0, BLOCK_AND_BUFFER)?;
    let request = match Request::new(code, &block) {
        Ok(request) => request,
        Err(Refusal::Response(response)) => return end(cpu, 1, response, 0),
        Err(Refusal::Data) => return Err(data_exception(cpu, 0)),
    };
    let control = block[CONTINUATION];
    if control & 1 != 0 {
        parameters(cpu, STATE, &mut state)?;
    }
    let [start @ .., mut flags] = state;
    let first = u64::from_be_bytes(start);
    let mut work = Work::new(request, first);
    while let Some(next) = work.next() {
        // After a part is done an exception, or somebody's request, is for the next execution.
        if next != first && cpu.attention().pending() != 0 {
            return leave(cpu, control, next, flags);
        }
        match unit(cpu, &mut work) {
            Ok(rows) if rows.range_violation() => flags |= RANGE_VIOLATION,
            Ok(_) => {}
            Err(_) if next != first => return leave(cpu, control, next, flags),
            Err(exit) => return Err(exit),
        }
    }
    if control & 1 != 0 {
        store_parameters(cpu, CONTINUATION, &[control & !1])?;
    }
    end(cpu, 0, 0, flags & RANGE_VIOLATION)
}
