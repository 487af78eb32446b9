//! One CPU's view of the translations: finding regions, running them, and giving the interpreter what they leave to it.
//! Source: docs/engine-pattern.md.

use std::sync::Arc;

use softsie_cpu::{Cpu, Exit, ProgramCode, boxed};
use softsie_exec::{Arrival, Leave, NoObserver, Tier, conclude, run_tiered, step};

use crate::chain::{Enter, JUMPS, Jump, other, slot};
use crate::compiler::{Error, Optimization};
use crate::dump::Listing;
use crate::frame::{ENDED, Frame, INTERPRET, OVERFLOW};
use crate::heat::{NEVER, READY, is_waiting, waiting};
use crate::mode::Mode;
use crate::region::{Source, Style};
use crate::translator::{Found, Generation, Key, Options, Translated, Translator};

/// What an engine has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times that Rust entered a region.
    pub entries: u64,
    /// Instructions executed in regions.
    pub instructions: u64,
    /// Times that a region gave an instruction to the interpreter.
    pub interpreted: u64,
    /// Times that a region ended with an instruction that its handler executed: a branch by register, a supervisor call,
    /// a change of control state, an exception.
    pub ended: u64,
    /// Units of interruptible instructions that were not their last.
    pub repeated: u64,
    /// Look-ups among all translations.
    pub searches: u64,
}

/// A mode number takes the bits that a code stamp leaves.
const MODE_SHIFT: u32 = 48;

/// The faster engine of one CPU.
pub struct Engine {
    translator: Arc<Translator>,
    generation: Arc<Generation>,
    frame: Box<Frame>,
    jumps: Box<[Jump; JUMPS]>,
    /// Modes met so far; their numbers are parts of keys.
    modes: Vec<Mode>,
    counters: Counters,
}

impl Engine {
    /// An engine of its own that compiles everything at its first visit.
    ///
    /// # Errors
    /// The host has no code generator or no executable memory.
    pub fn new(optimization: Optimization) -> Result<Engine, Error> {
        Ok(Engine::of(Arc::new(Translator::new(Options { optimization, ..Options::EAGER })?)))
    }

    /// The engine of one more CPU of the machine whose translations `translator` has.
    pub fn of(translator: Arc<Translator>) -> Engine {
        let (generation, frame) = (translator.current(), Frame::new());
        let mut engine = Engine {
            translator,
            generation,
            modes: vec![frame.current_mode],
            frame: Box::new(frame),
            jumps: boxed(|_| Jump::NONE),
            counters: Counters::default(),
        };
        engine.take_generation();
        engine
    }

    /// The engine of one more CPU with the same translations.
    pub fn beside(&self) -> Engine {
        Engine::of(self.translator.clone())
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What was translated, for this CPU and others.
    pub fn translated(&self) -> Translated {
        self.translator.translated()
    }

    /// To be called before the engine runs another CPU than before. Translations depend on text alone and stay.
    pub fn change_cpu(&mut self) {
        self.jumps.fill(Jump::NONE);
    }

    /// Forgets all code.
    pub fn clear(&mut self) {
        self.translator.forget();
        self.take_generation();
    }

    /// Uses the current generation's code and forgets that of others.
    fn take_generation(&mut self) {
        self.generation = self.translator.current();
        self.jumps.fill(Jump::NONE);
        self.frame.jumps = self.jumps.as_mut_ptr();
        self.frame.bridges = self.generation.bridges;
        self.frame.chain = self.generation.chain;
        self.frame.translator = Arc::as_ptr(&self.translator);
        self.frame.generation = Arc::as_ptr(&self.generation);
    }

    /// Runs the CPU until something wants the host, as [`softsie_exec::run`] does.
    pub fn run(&mut self, cpu: &mut Cpu) -> Leave {
        run_tiered(cpu, &mut NoObserver, self)
    }

    /// Runs one region, or one instruction. `None`: go on at the PSW's address; `Some(None)`: look up first.
    pub fn advance(&mut self, cpu: &mut Cpu) -> Option<Option<Leave>> {
        let address = cpu.psw.address;
        if cpu.steps() || cpu.code_at(address).is_err() {
            return Some(step(cpu, &mut NoObserver));
        }
        match self.arrive(cpu, address) {
            Arrival::Interpret(_) => Some(step(cpu, &mut NoObserver)),
            Arrival::GoOn(address) => {
                cpu.psw.address = address;
                None
            }
            Arrival::End(operands, exit) => Some(conclude(cpu, &mut NoObserver, &operands, Err(exit))),
        }
    }

    fn set_mode(&mut self, mode: Mode) {
        let number = match self.modes.iter().position(|m| *m == mode) {
            Some(number) => number,
            None => {
                if self.modes.len() >> (64 - MODE_SHIFT) != 0 {
                    self.modes.clear();
                    self.jumps.fill(Jump::NONE);
                }
                self.modes.push(mode);
                self.modes.len() - 1
            }
        };
        self.frame.current_mode = mode;
        self.frame.mode = (number as u64) << MODE_SHIFT;
    }

    /// Looks for the translation at `address` among all, and asks for it when there is none.
    #[cold]
    fn find(&mut self, cpu: &mut Cpu, address: u64, mode: Mode) -> Option<Jump> {
        let heat = *cpu.heat(address);
        let published = self.translator.published();
        if heat == NEVER || heat == waiting(published) {
            return None;
        }
        let key = Key { absolute: cpu.code_absolute(), offset: (address & 0xFFF) as u16, mode };
        let region = loop {
            self.counters.searches += 1;
            match self.generation.find(key, cpu.code_text(), Style::Quick) {
                Found::Region(region) => break region,
                Found::Nothing => {
                    *cpu.heat(address) = NEVER;
                    return None;
                }
                Found::Pending => {
                    self.translator.ask_again(key);
                    *cpu.heat(address) = waiting(published);
                    return None;
                }
                // It was hot, but the text is another now.
                Found::Others if heat == READY || is_waiting(heat) => {
                    *cpu.heat(address) = 0;
                    return None;
                }
                Found::Others | Found::Unknown => {}
            }
            if heat < self.translator.threshold() {
                if let Some(region) = self.translator.recall(&self.generation, key, cpu) {
                    break region;
                }
                *cpu.heat(address) = 1;
                return None;
            }
            let options = self.translator.options();
            let source = Source::of(cpu, options, key.offset, mode, options.style);
            self.translator.request(&self.generation, key.absolute, source);
            if self.translator.options().background {
                *cpu.heat(address) = waiting(published);
                return None;
            }
            if self.translator.generation() != self.generation.number {
                self.take_generation();
            }
        };
        *cpu.heat(address) = READY;
        synchronize_context();
        let key = cpu.code_stamp().0 | self.frame.mode;
        let jump = Jump { address, key, code: region.code, data: region.data };
        let slot = slot(address);
        if self.jumps[slot].address != address {
            self.jumps[other(slot)] = self.jumps[slot];
        }
        self.jumps[slot] = jump;
        Some(jump)
    }

    /// The region at the PSW's address as text: what is emitted for it.
    ///
    /// # Errors
    /// There is nothing to compile there.
    pub fn listing(&mut self, cpu: &mut Cpu) -> Result<Listing, Error> {
        let address = cpu.psw.address;
        cpu.code_at(address).map_err(|e| Error::Compile(format!("no code at {address:#x}: {e:?}")))?;
        let options = self.translator.options();
        let source = Source::of(cpu, options, (address & 0xFFF) as u16, Mode::of(cpu), options.style);
        self.translator.listing(&source)
    }
}

impl Tier for Engine {
    const ACTIVE: bool = true;

    #[inline(always)]
    fn threshold(&self) -> u16 {
        self.translator.threshold()
    }

    #[inline]
    fn arrive(&mut self, cpu: &mut Cpu, address: u64) -> Arrival {
        if self.translator.generation() != self.generation.number {
            self.take_generation();
        }
        let mode = Mode::of(cpu);
        if self.frame.current_mode != mode {
            self.set_mode(mode);
        }
        let key = cpu.code_stamp().0 | self.frame.mode;
        let slot = slot(address);
        let is_it = |jump: &Jump| jump.address == address && jump.key == key;
        let mut jump = self.jumps[if is_it(&self.jumps[slot]) { slot } else { other(slot) }];
        if !is_it(&jump) {
            match self.find(cpu, address, mode) {
                Some(found) => jump = found,
                None => return Arrival::Interpret(address),
            }
        }
        let before = cpu.statistics.instructions;
        let frame = &mut *self.frame;
        frame.data = jump.data;
        frame.attention = cpu.attention().as_ptr();
        // SAFETY: the start of a function of this very signature, in executable memory that lives as long as the generation.
        let enter = unsafe { std::mem::transmute::<*const u8, Enter>(self.generation.enter) };
        let why = enter(cpu, frame, jump.code);
        frame.settle_cc(cpu);
        self.counters.entries += 1;
        self.counters.instructions += cpu.statistics.instructions.wrapping_sub(before);
        match why {
            INTERPRET => {
                self.counters.interpreted += 1;
                Arrival::Interpret(cpu.psw.address)
            }
            ENDED | OVERFLOW => {
                let exit = if why == ENDED { frame.exit } else { Exit::Program(ProgramCode::FIXED_POINT_OVERFLOW) };
                // SAFETY: code reports an instruction of its own region.
                let operands = unsafe { (*frame.record_at(frame.record)).operands };
                self.counters.ended += 1;
                self.counters.repeated += u64::from(exit == Exit::Again);
                if exit == Exit::Branch {
                    cpu.breaking_event_address = cpu.run_base.wrapping_add(u64::from(operands.page_offset()));
                    return Arrival::GoOn(cpu.next_ia);
                }
                Arrival::End(operands, exit)
            }
            _ => Arrival::GoOn(cpu.psw.address),
        }
    }
}

/// Has this CPU see code that another thread has made: its instruction fetch may be ahead.
#[cfg(target_arch = "aarch64")]
fn synchronize_context() {
    // SAFETY: a barrier.
    unsafe { std::arch::asm!("isb") };
}

/// x86-64 keeps instruction fetch coherent by itself.
#[cfg(not(target_arch = "aarch64"))]
fn synchronize_context() {}

// SAFETY: the frame's pointers are into what the engine owns, or are set at each entry.
unsafe impl Send for Engine {}
