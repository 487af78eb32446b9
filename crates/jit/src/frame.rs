//! What running code and Rust tell each other: the frame that every region gets, the functions that regions call, and the
//! reasons for which regions return. Source: docs/engine-pattern.md, exits.

use std::sync::atomic::{AtomicI32, Ordering};

use softsie_cpu::{Access, AddressSpace, Cpu, Decoded, Exit, ProgramData};
use softsie_exec::{Ea, StorageOp, semantics};

use crate::cc;
use crate::chain::{Jump, other, slot};
use crate::heat::READY;
use crate::mode::Mode;
use crate::region::{PAGE, Source, Style};
use crate::translator::{Found, Generation, Key, Translator};

/// The region goes on at the PSW's address.
pub(crate) const NEXT: u64 = 1;
/// The interpreter executes the instruction at the PSW's address; nothing of it has happened.
pub(crate) const INTERPRET: u64 = 2;
/// An instruction was executed and ended with [`Frame::exit`]; the PSW's address is not up to date.
pub(crate) const ENDED: u64 = 3;

/// An instruction is complete and raises a fixed-point-overflow exception; the PSW's address is not up to date.
pub(crate) const OVERFLOW: u64 = 4;

/// A Rust function that regions call. What the result means differs.
pub(crate) type Thunk = extern "C" fn(&mut Cpu, &mut Frame, u64, u64) -> u64;

/// What belongs to a region besides its code.
#[repr(C)]
pub(crate) struct Data {
    /// Counted down by a quick region whenever it is entered or goes back; below zero it asks for a better one. CPUs count
    /// together and may miss each other's counts.
    pub(crate) countdown: AtomicI32,
    /// Offset of the region's entry in its page.
    pub(crate) entry: u16,
    /// Its instructions.
    pub(crate) records: Box<[Decoded]>,
    /// What the last of them has in the next page.
    pub(crate) rest: Box<[u8]>,
    /// Bytes of code.
    pub(crate) length: u32,
}

/// After how many counts a region that has asked looks for the answer.
const AGAIN: i32 = 1000;

/// Numbers of the thunks.
pub(crate) const LOAD: usize = 0;
pub(crate) const STORE: usize = 1;
pub(crate) const PROBE: usize = 2;
pub(crate) const HOST: usize = 3;
pub(crate) const CALL: usize = 4;
pub(crate) const CONDITION_CODE: usize = 5;
pub(crate) const HOT: usize = 6;
pub(crate) const DIVIDE: usize = 7;
pub(crate) const STAGE: usize = 8;
pub(crate) const STORE_STAGED: usize = 9;
pub(crate) const STORAGE: usize = 10;
pub(crate) const THUNKS: usize = 11;

/// Everything that code needs besides the CPU, so that code contains no address of ours. What each region needs several times
/// comes first: hosts have short instructions for offsets below 128.
#[repr(C)]
pub(crate) struct Frame {
    /// The CPU's attention word.
    pub(crate) attention: *const u32,
    /// Where code goes on in another region: see `chain`.
    pub(crate) chain: usize,
    /// The condition code, not computed yet: see [`cc::evaluate`].
    pub(crate) cc_kind: u64,
    pub(crate) cc_a: u64,
    pub(crate) cc_b: u64,
    /// What the last call of a thunk returned.
    pub(crate) result: u64,
    /// Where a thunk says that an operand is: host address minus virtual address.
    pub(crate) addend: u64,
    /// The bridges by which code reaches the thunks: functions that preserve every register, so that code on the hot path
    /// need not keep its values where a call leaves them alone.
    pub(crate) bridges: [usize; THUNKS],
    /// Operands on their way between code and a thunk, as many as there are registers.
    pub(crate) value: [u128; 16],
    /// Regions recently entered, [`crate::chain::JUMPS`] of them.
    pub(crate) jumps: *mut Jump,
    /// Names the mode, in the bits that a code stamp leaves.
    pub(crate) mode: u64,
    /// The running region's.
    pub(crate) data: *const Data,
    /// The mode, what translates and what was translated, for [`hot`].
    pub(crate) current_mode: Mode,
    pub(crate) translator: *const Translator,
    pub(crate) generation: *const Generation,
    /// The thunks, by number.
    pub(crate) thunks: [Thunk; THUNKS],
    /// With [`ENDED`]: number of the instruction in the region's records, and how it ended.
    pub(crate) record: u64,
    pub(crate) exit: Exit,
}

impl Frame {
    pub(crate) fn new() -> Frame {
        Frame {
            attention: std::ptr::null(),
            chain: 0,
            cc_kind: cc::IN_CPU,
            cc_a: 0,
            cc_b: 0,
            result: 0,
            addend: 0,
            bridges: [0; THUNKS],
            value: [0; 16],
            jumps: std::ptr::null_mut(),
            mode: 0,
            data: std::ptr::null(),
            current_mode: Mode::of_bits(0, 0),
            translator: std::ptr::null(),
            generation: std::ptr::null(),
            thunks: [load, store, probe, host, call, condition_code, hot, divide, stage, store_staged, storage],
            record: 0,
            exit: Exit::Continue,
        }
    }

    /// Instruction `index` of the running region.
    ///
    /// # Safety
    /// A region runs or has just returned, and has that many instructions.
    pub(crate) unsafe fn record_at(&self, index: u64) -> *const Decoded {
        // SAFETY: the region's data lives as long as its generation.
        let data = unsafe { &*self.data };
        // SAFETY: the caller's promise.
        unsafe { data.records.as_ptr().add(index as usize) }
    }

    /// The first `size` bytes of the operands.
    fn bytes(&mut self, size: u64) -> &mut [u8] {
        let all = size_of_val(&self.value);
        // SAFETY: the array's own bytes, of which any are numbers.
        unsafe { std::slice::from_raw_parts_mut(self.value.as_mut_ptr().cast(), all.min(size as usize)) }
    }

    /// Computes a condition code that was left symbolic.
    #[inline]
    pub(crate) fn settle_cc(&mut self, cpu: &mut Cpu) {
        if self.cc_kind != cc::IN_CPU {
            cpu.cc = cc::evaluate(self.cc_kind, self.cc_a, self.cc_b);
            self.cc_kind = cc::IN_CPU;
        }
    }
}

/// Size and access register of an operand as thunks get them.
pub(crate) fn operand(size: u64, ar: u8) -> u64 {
    size | u64::from(ar) << 16
}

fn size_and_ar(operand: u64) -> (u64, u8) {
    (operand & 0xFFFF, (operand >> 16) as u8)
}

/// An access failed: the interpreter will find the same exception, and until then nothing is to be seen of it.
fn failed(cpu: &mut Cpu) -> u64 {
    cpu.program = ProgramData::default();
    0
}

/// Says that code finds the operand of virtual address `address` at `host`.
fn at(frame: &mut Frame, host: *const u8, address: u64) -> u64 {
    frame.addend = (host.expose_provenance() as u64).wrapping_sub(address);
    1
}

/// Says that the operand is the frame's own: code fetches there what a thunk has fetched, or stores there.
fn own(frame: &mut Frame, address: u64) -> u64 {
    let host = (&raw const frame.value).cast();
    at(frame, host, address)
}

/// Fetches an operand into the frame, in storage's byte order.
extern "C" fn load(cpu: &mut Cpu, frame: &mut Frame, address: u64, what: u64) -> u64 {
    let (size, ar) = size_and_ar(what);
    let value = match size {
        1 => cpu.load::<u8>(address, ar).map(u128::from),
        2 => cpu.load::<u16>(address, ar).map(|v| u128::from(v.to_be())),
        4 => cpu.load::<u32>(address, ar).map(|v| u128::from(v.to_be())),
        8 => cpu.load::<u64>(address, ar).map(|v| u128::from(v.to_be())),
        16 => cpu.load::<u128>(address, ar).map(u128::to_be),
        _ => {
            // As code fetches them, bytes in storage's order.
            return match cpu.read_bytes(AddressSpace::Logical(ar), address, frame.bytes(size)) {
                Ok(()) => own(frame, address),
                Err(_) => failed(cpu),
            };
        }
    };
    match value {
        Ok(v) => {
            frame.value[0] = v;
            own(frame, address)
        }
        Err(_) => failed(cpu),
    }
}

/// Recognises the exceptions of a store; 0 when there is one. Decoded code that the store would overwrite is dropped, but
/// then it is left to the interpreter, because the region itself may be what has been dropped.
extern "C" fn probe(cpu: &mut Cpu, _: &mut Frame, address: u64, what: u64) -> u64 {
    let (size, ar) = size_and_ar(what);
    let stores = cpu.statistics.code_stores;
    match cpu.probe(AddressSpace::Logical(ar), address, size, Access::Store) {
        Ok(()) if stores == cpu.statistics.code_stores => 1,
        _ => failed(cpu),
    }
}

/// Stores the operand in the frame, which is in storage's byte order; where code may store it once more.
extern "C" fn store(cpu: &mut Cpu, frame: &mut Frame, address: u64, what: u64) -> u64 {
    if probe(cpu, frame, address, what) == 0 {
        return 0;
    }
    let (size, ar) = size_and_ar(what);
    let v = frame.value[0];
    let stored = match size {
        1 => cpu.store::<u8>(address, ar, v as u8),
        2 => cpu.store::<u16>(address, ar, u16::from_be(v as u16)),
        4 => cpu.store::<u32>(address, ar, u32::from_be(v as u32)),
        8 => cpu.store::<u64>(address, ar, u64::from_be(v as u64)),
        _ => cpu.store::<u128>(address, ar, u128::from_be(v)),
    };
    if stored.is_ok() { own(frame, address) } else { failed(cpu) }
}

/// Host address of a store operand within one page, for interlocked updates.
extern "C" fn host(cpu: &mut Cpu, frame: &mut Frame, address: u64, what: u64) -> u64 {
    let (_, ar) = size_and_ar(what);
    let stores = cpu.statistics.code_stores;
    match cpu.host(AddressSpace::Logical(ar), address, Access::Store) {
        Ok(host) if stores == cpu.statistics.code_stores => at(frame, host.as_ptr(), address),
        _ => failed(cpu),
    }
}

/// Where code stores operands side by side: in storage when they are within one page, else in the frame, and then asks for
/// [`store_staged`].
extern "C" fn stage(cpu: &mut Cpu, frame: &mut Frame, address: u64, what: u64) -> u64 {
    if probe(cpu, frame, address, what) == 0 {
        return 0;
    }
    let (size, _) = size_and_ar(what);
    if address % PAGE as u64 + size <= PAGE as u64 { host(cpu, frame, address, what) } else { own(frame, address) }
}

/// Stores the operands in the frame; not zero when that was possible.
extern "C" fn store_staged(cpu: &mut Cpu, frame: &mut Frame, address: u64, what: u64) -> u64 {
    let (size, ar) = size_and_ar(what);
    match cpu.write_bytes(AddressSpace::Logical(ar), address, frame.bytes(size)) {
        Ok(()) => 1,
        Err(_) => failed(cpu),
    }
}

/// Quotient of the dividend `high` and `low` by the frame's operand, where the remainder goes.
extern "C" fn divide(_: &mut Cpu, frame: &mut Frame, high: u64, low: u64) -> u64 {
    let divisor = u128::from(frame.value[0] as u64);
    let dividend = u128::from(high) << 64 | u128::from(low);
    let Some(quotient) = dividend.checked_div(divisor) else { return 0 };
    frame.value[0] = dividend % divisor;
    quotient as u64
}

const STORAGE_OPS: [StorageOp; 6] =
    [StorageOp::Move, StorageOp::Clear, StorageOp::Compare, StorageOp::And, StorageOp::Or, StorageOp::Xor];

/// Where the length code is in what [`storage`] gets.
pub(crate) const LENGTH_CODE: u32 = 8;

/// An operation on two storage operands as [`storage`] gets it.
pub(crate) fn storage_operands(op: StorageOp, length: u64, first_ar: u8, second_ar: u8) -> u64 {
    op as u64 | (length - 1) << LENGTH_CODE | u64::from(first_ar) << 16 | u64::from(second_ar) << 24
}

/// Does with two storage operands what the frame says: the condition code plus one. 0: it is left to the interpreter.
extern "C" fn storage(cpu: &mut Cpu, frame: &mut Frame, first: u64, second: u64) -> u64 {
    let [op, length, first_ar, second_ar, ..] = (frame.value[0] as u64).to_le_bytes();
    let (length, op) = (u64::from(length) + 1, STORAGE_OPS[usize::from(op) % STORAGE_OPS.len()]);
    let (first, second) = (Ea { address: first, ar: first_ar }, Ea { address: second, ar: second_ar });
    if op != StorageOp::Compare {
        // As in `probe`: what would drop decoded code is left to the interpreter.
        let stores = cpu.statistics.code_stores;
        let possible = cpu.probe(AddressSpace::Logical(first.ar), first.address, length, Access::Store);
        if possible.is_err() || stores != cpu.statistics.code_stores {
            return failed(cpu);
        }
    }
    match semantics::storage_operation(cpu, op, first, second, length) {
        Ok(()) => 1 + u64::from(cpu.cc),
        Err(_) => failed(cpu),
    }
}

/// Executes instruction `index` of the region by its handler. 0: the region goes on; else why it returns.
extern "C" fn call(cpu: &mut Cpu, frame: &mut Frame, index: u64, _: u64) -> u64 {
    frame.settle_cc(cpu);
    // SAFETY: emitted code passes an index below the number of the region's records, which outlive the call.
    let d = unsafe { *frame.record_at(index) };
    let stamp = cpu.code_stamp();
    match (d.handler)(cpu, &d.operands) {
        // The instruction may have stored into the region's own text.
        Ok(()) if cpu.code_stamp() == stamp => 0,
        Ok(()) => {
            cpu.psw.address = cpu.next_sequential(&d.operands);
            NEXT
        }
        Err(exit) => {
            frame.record = index;
            frame.exit = exit;
            ENDED
        }
    }
}

/// The condition code now, where code cannot know how it was made.
extern "C" fn condition_code(cpu: &mut Cpu, frame: &mut Frame, _: u64, _: u64) -> u64 {
    frame.settle_cc(cpu);
    u64::from(cpu.cc)
}

/// A quick region has been entered or gone back very often, the last time at offset `here`: asks for better ones. Not zero
/// when there is one to go on with, at `here`.
extern "C" fn hot(cpu: &mut Cpu, frame: &mut Frame, here: u64, _: u64) -> u64 {
    // SAFETY: set from references at each entry, to what lives as long as the engine that entered.
    let (translator, generation, data) = unsafe { (&*frame.translator, &*frame.generation, &*frame.data) };
    let options = translator.options();
    let mut leave = 0;
    for offset in [data.entry, here as u16] {
        let key = Key { absolute: cpu.code_absolute(), offset, mode: frame.current_mode };
        let address = cpu.run_base + u64::from(offset);
        match generation.find(key, cpu.code_text(), Style::Best) {
            Found::Region(_) => {
                *cpu.heat(address) = READY;
                for slot in [slot(address), other(slot(address))] {
                    // SAFETY: the table is the engine's, which has lent it to the running code.
                    let jump = unsafe { &mut *frame.jumps.add(slot) };
                    if jump.address == address {
                        *jump = Jump::NONE;
                    }
                }
                leave = u64::from(u64::from(offset) == here);
            }
            Found::Pending | Found::Nothing => {}
            Found::Others | Found::Unknown => {
                let source = Source::of(cpu, options, offset, frame.current_mode, Style::Best);
                translator.request(generation, key.absolute, source);
            }
        }
    }
    data.countdown.store(AGAIN, Ordering::Relaxed);
    leave
}
