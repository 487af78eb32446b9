//! Finding regions, running them, and giving the interpreter what they leave to it.
//! Source: docs/engine-pattern.md. Neither thresholds nor a compile thread yet: a region is compiled at its first visit.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use softsie_cpu::{CodeStamp, Cpu, Decoded, Exit, ProgramCode};
use softsie_exec::{Leave, NoObserver, conclude, enter, look_up, step};

use crate::arena::Arena;
use crate::compiler::{Compiler, Error, Optimization};
use crate::frame::{ENDED, Frame, INTERPRET, OVERFLOW, THUNKS};
use crate::mode::Mode;
use crate::region::Plan;

type Code = extern "C" fn(&mut Cpu, &mut Frame) -> u64;

/// A compiled region. Its code runs only while text and mode are those it was made for.
#[derive(Clone, Copy)]
struct Entry {
    address: u64,
    mode: Mode,
    stamp: CodeStamp,
    /// `None`: the interpreter executes the instruction here.
    code: Option<Code>,
    records: *const Decoded,
}

/// What an engine has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Regions compiled.
    pub regions: u64,
    /// Instructions in them, each region's counted by itself.
    pub instructions: u64,
    /// Of those, calls of handlers.
    pub calls: u64,
    /// Bytes of host code.
    pub bytes: u64,
    /// Time spent planning and compiling.
    pub time: Duration,
    /// Times that a region was entered.
    pub entries: u64,
    /// Instructions that were given to the interpreter.
    pub interpreted: u64,
    /// Units of interruptible instructions that were not their last.
    pub repeated: u64,
}

/// A region as text.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Mnemonics of its instructions.
    pub instructions: Vec<&'static str>,
    /// Cranelift IR before optimisation.
    pub ir: String,
    /// Host code.
    pub code: Vec<u8>,
}

const JUMP_CACHE: usize = 4096;
const ARENA: usize = 64 << 20;
/// Instructions in a region: beyond this compile time grows faster than what is gained.
const LIMIT: usize = 64;

/// Runs one CPU by compiled regions, compiling each at its first visit.
pub struct Engine {
    compiler: Compiler,
    arena: Arena,
    frame: Box<Frame>,
    entries: HashMap<(u64, Mode), Entry>,
    /// The last entry found for each hash of address and mode.
    recent: Box<[Option<Entry>; JUMP_CACHE]>,
    /// The instructions of regions, which their code refers to. Freed with the arena.
    records: Vec<Box<[Decoded]>>,
    limit: usize,
    counters: Counters,
}

impl Engine {
    /// An engine.
    ///
    /// # Errors
    /// The host has no code generator or no executable memory.
    pub fn new(optimization: Optimization) -> Result<Engine, Error> {
        let mut compiler = Compiler::new(optimization)?;
        let mut arena = Arena::new(ARENA)?;
        let mut frame = Box::new(Frame::new(CodeStamp::NONE));
        for thunk in 0..THUNKS {
            let at = arena.add(compiler.compile_bridge(thunk)?).ok_or_else(|| full("bridges"))?;
            frame.bridges[thunk] = at.expose_provenance();
        }
        arena.keep();
        Ok(Engine {
            compiler,
            arena,
            frame,
            entries: HashMap::new(),
            recent: Box::new([None; JUMP_CACHE]),
            records: Vec::new(),
            limit: LIMIT,
            counters: Counters::default(),
        })
    }

    /// Sets the largest number of instructions in a region compiled from now on.
    pub fn set_limit(&mut self, instructions: usize) {
        self.limit = instructions;
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Forgets all code.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.recent.fill(None);
        self.records.clear();
        self.arena.clear();
    }

    /// Runs the CPU until something wants the host, as [`softsie_exec::run`] does.
    pub fn run(&mut self, cpu: &mut Cpu) -> Leave {
        if let Some(leave) = enter(cpu, &mut NoObserver) {
            return leave;
        }
        loop {
            if let Some(leave) = look_up(cpu) {
                return leave;
            }
            if cpu.steps() {
                if let Some(leave) = step(cpu, &mut NoObserver) {
                    return leave;
                }
                continue;
            }
            loop {
                match self.advance(cpu) {
                    Some(Some(leave)) => return leave,
                    Some(None) => break,
                    None if cpu.attention().pending() != 0 => break,
                    None => {}
                }
            }
        }
    }

    /// Runs one region, or one instruction; not to be called while [`Cpu::steps`]. `None`: go on at the PSW's address; `Some(None)`: look up first.
    #[inline]
    pub fn advance(&mut self, cpu: &mut Cpu) -> Option<Option<Leave>> {
        let address = cpu.psw.address;
        if cpu.code_at(address).is_err() {
            return Some(step(cpu, &mut NoObserver));
        }
        let (mode, stamp) = (Mode::of(cpu), cpu.code_stamp());
        let slot = ((address >> 1) ^ (address >> 12) ^ mode.mix()) as usize % JUMP_CACHE;
        let (code, records) = match &self.recent[slot] {
            Some(e) if e.address == address && e.mode == mode && e.stamp == stamp => (e.code, e.records),
            _ => self.find(cpu, address, mode, stamp, slot),
        };
        let Some(code) = code else { return self.interpret(cpu) };
        self.counters.entries += 1;
        let frame = &mut *self.frame;
        frame.records = records;
        frame.stamp = stamp;
        frame.attention = cpu.attention().as_ptr();
        let why = code(cpu, frame);
        frame.settle_cc(cpu);
        match why {
            INTERPRET => self.interpret(cpu),
            ENDED | OVERFLOW => {
                let exit = if why == ENDED { frame.exit } else { Exit::Program(ProgramCode::FIXED_POINT_OVERFLOW) };
                self.counters.repeated += u64::from(exit == Exit::Again);
                // SAFETY: code reports an instruction of its own region.
                let d = unsafe { *frame.records.add(frame.record as usize) };
                let leave = conclude(cpu, &mut NoObserver, &d.operands, Err(exit));
                if leave.is_none() && exit == Exit::Branch { None } else { Some(leave) }
            }
            _ => None,
        }
    }

    #[cold]
    fn interpret(&mut self, cpu: &mut Cpu) -> Option<Option<Leave>> {
        self.counters.interpreted += 1;
        // It may have changed control state: always look up.
        Some(step(cpu, &mut NoObserver))
    }

    #[cold]
    fn find(
        &mut self,
        cpu: &mut Cpu,
        address: u64,
        mode: Mode,
        stamp: CodeStamp,
        slot: usize,
    ) -> (Option<Code>, *const Decoded) {
        let entry = match self.entries.get(&(address, mode)) {
            Some(e) if e.stamp == stamp => *e,
            _ => {
                let entry = self.make(cpu, address, mode, stamp);
                self.entries.insert((address, mode), entry);
                entry
            }
        };
        self.recent[slot] = Some(entry);
        (entry.code, entry.records)
    }

    /// Compiles the region at `address`. What cannot be compiled is interpreted.
    fn make(&mut self, cpu: &mut Cpu, address: u64, mode: Mode, stamp: CodeStamp) -> Entry {
        let none = Entry { address, mode, stamp, code: None, records: std::ptr::null() };
        let started = Instant::now();
        let plan = Plan::new(cpu, address, mode, self.limit);
        if plan.items.is_empty() {
            return none;
        }
        let Ok(bytes) = self.compiler.compile(&plan) else { return none };
        let length = bytes.len();
        let at = match self.arena.add(bytes) {
            Some(at) => at,
            None => {
                // No region is running: the arena starts anew.
                self.entries.clear();
                self.recent.fill(None);
                self.records.clear();
                self.arena.clear();
                match self.arena.add(bytes) {
                    Some(at) => at,
                    None => return none,
                }
            }
        };
        self.counters.time += started.elapsed();
        self.counters.regions += 1;
        self.counters.instructions += plan.items.len() as u64;
        self.counters.calls += plan.items.iter().filter(|i| !i.emits).count() as u64;
        self.counters.bytes += length as u64;
        let records: Box<[Decoded]> = plan.items.iter().map(|i| i.record).collect();
        let pointer = records.as_ptr();
        self.records.push(records);
        // SAFETY: `at` is the start of a function of this very signature in executable memory that lives as long as the
        // engine, whose entries are dropped whenever the arena is emptied.
        let code = unsafe { std::mem::transmute::<*const u8, Code>(at) };
        Entry { code: Some(code), records: pointer, ..none }
    }

    /// The region at the PSW's address as text: what is emitted for it.
    ///
    /// # Errors
    /// There is nothing to compile there.
    pub fn listing(&mut self, cpu: &mut Cpu) -> Result<Listing, Error> {
        let address = cpu.psw.address;
        cpu.code_at(address).map_err(|e| Error::Compile(format!("no code at {address:#x}: {e:?}")))?;
        let plan = Plan::new(cpu, address, Mode::of(cpu), self.limit);
        let instructions = plan.items.iter().map(|i| i.record.operands.op().mnemonic()).collect();
        let ir = self.compiler.ir(&plan)?;
        let code = self.compiler.compile(&plan)?.to_vec();
        Ok(Listing { instructions, ir, code })
    }

    /// Bytes of code in the arena.
    pub fn code_size(&self) -> usize {
        self.arena.used()
    }
}

fn full(what: &str) -> Error {
    Error::Compile(format!("no room for {what}"))
}

// SAFETY: code and records are owned by the engine; the frame's pointers are set at each entry.
unsafe impl Send for Engine {}
