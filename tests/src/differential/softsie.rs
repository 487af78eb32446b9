//! softsie's side: the guest on a bare CPU.
//! Source: `cargo doc -p softsie-exec`: [`softsie_exec::run`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use memmap2::MmapMut;
use softsie_cpu::{Attention, Cluster, Cpu, Decoded, Exit, FacilityList, Model, ProgramCode, Psw, TimerService};
use softsie_exec::{DISPATCH, Leave, Observer, run};
use softsie_isa::{Op, ROWS};
use softsie_jit::Optimization;
use softsie_mem::Storage;

use super::batch::Batch;
use super::campaign::all_facilities;
use super::compare::{Against, Pair};
use super::generate::Generator;
use super::layout;
use super::opponent::Opponent;
use super::random::Random;

/// A machine with the guest's storage; it can run one batch after another.
pub struct Machine {
    memory: MmapMut,
    model: Arc<Model>,
    engine: Engine,
    tally: Tally,
}

/// Counts in how many records each instruction was begun: those after the end of a sequence do not count, and neither do
/// targets of EXECUTE. Only the interpreter tells.
struct Tally {
    records: u32,
    inside: bool,
    /// By instruction: the last record that had it, and how many had.
    seen: Vec<(u32, u64)>,
}

impl Tally {
    fn new() -> Tally {
        Tally { records: 0, inside: false, seen: vec![(0, 0); ROWS.len()] }
    }
}

impl Observer for Tally {
    const ACTIVE: bool = true;

    fn before(&mut self, _: &Cpu, address: u64, d: &Decoded) -> bool {
        let inside = !(layout::DRIVER..layout::INDEX).contains(&address);
        if inside {
            self.records += u32::from(!self.inside);
            let (last, count) = &mut self.seen[d.operands.op() as usize];
            *count += u64::from(*last != self.records);
            *last = self.records;
        }
        self.inside = inside;
        true
    }

    fn after(&mut self, _: &Cpu, _: u64, _: &Decoded, _: Result<(), Exit>) {}

    fn program_interruption(&mut self, _: &Cpu, _: ProgramCode) {}
}

/// Which of softsie's engines runs the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// The interpreter.
    Interpreter,
    /// Emitted code.
    Jit,
}

/// How often progress is looked at. What makes progress is left alone: attention is visible, as it lets some instructions
/// end early.
const TICK: Duration = Duration::from_millis(500);
/// Without progress for so many ticks a record counts as endless.
const PATIENCE: u32 = 6;

/// Guest storage that another thread looks at while the guest runs.
struct SharedBytes(*const [u8; 8]);

// SAFETY: the bytes are only looked at, and outlive the thread, which is joined before the storage goes away.
unsafe impl Send for SharedBytes {}

impl SharedBytes {
    fn get(&self) -> [u8; 8] {
        // SAFETY: within the guest's storage, which is mapped while the thread runs; the guest may change it at any time.
        unsafe { std::ptr::read_volatile(self.0) }
    }
}

impl Machine {
    /// A machine with empty storage and these facilities.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn new(facilities: FacilityList, engine: Engine) -> Result<Machine, String> {
        let memory = MmapMut::map_anon(layout::STORAGE_SIZE).map_err(|e| format!("no memory for the guest: {e}"))?;
        let unannounced = FacilityList::default();
        let model = Arc::new(Model { facilities, unannounced, cpu_id: 0x00FF_FFFF_8561_0000, ..Model::default() });
        Ok(Machine { memory, model, engine, tally: Tally::new() })
    }

    /// Runs a batch; afterwards [`Machine::storage`] holds the results.
    ///
    /// # Errors
    /// The guest stopped where it should not, or has a mistake in its driver.
    pub fn run(&mut self, batch: &Batch) -> Result<(), String> {
        batch.write(&mut self.memory)?;
        let storage = Arc::new(Storage::new());
        let memory = std::ptr::NonNull::new(self.memory.as_mut_ptr()).ok_or("no memory")?;
        // SAFETY: `self.memory` outlives the CPU and the storage, which end with this function.
        unsafe { storage.set_slot(0, 0, 0, layout::STORAGE_SIZE as u64, memory) }.map_err(|e| e.to_string())?;
        let (cluster, timers) = (Arc::new(Cluster::new()), Arc::new(TimerService::new()));
        let mut cpu = Cpu::new(0, self.model.clone(), storage, cluster, timers, DISPATCH);
        let finished = Arc::new(AtomicBool::new(false));
        let (attention, until) = (cpu.attention_handle(), finished.clone());
        let index = SharedBytes(memory.as_ptr().wrapping_add(layout::INDEX as usize).cast());
        let ticks = std::thread::spawn(move || {
            let mut last = [0; 8];
            while !until.load(Ordering::Relaxed) {
                std::thread::park_timeout(TICK);
                let now = index.get();
                if std::mem::replace(&mut last, now) == now {
                    attention.raise(Attention::HOST);
                }
            }
        });
        let mut jit = match self.engine {
            Engine::Interpreter => None,
            Engine::Jit => Some(softsie_jit::Engine::new(Optimization::None).map_err(|e| e.to_string())?),
        };
        let outcome = drive(&mut cpu, jit.as_mut(), &mut self.tally);
        finished.store(true, Ordering::Relaxed);
        ticks.thread().unpark();
        let _ = ticks.join();
        outcome
    }

    /// Which instructions were begun in records since the last time, and in how many: only the interpreter counts.
    pub fn take_rounds(&mut self) -> Vec<(Op, u64)> {
        let tally = std::mem::replace(&mut self.tally, Tally::new());
        ROWS.iter().map(|r| r.op).zip(tally.seen).filter(|(_, (_, n))| *n != 0).map(|(op, (_, n))| (op, n)).collect()
    }

    /// The guest's storage.
    pub fn storage(&self) -> &[u8] {
        &self.memory
    }
}

/// Runs `records` sequences of everything that a bare CPU can complete by the interpreter and by emitted code.
///
/// # Errors
/// The first sequence that does not end alike, and what differs.
pub fn engines_agree(random: Random, records: usize) -> Result<(), String> {
    let mut ops = Generator::candidates(Against::Interpreter);
    ops.retain(|op| crate::coverage::completed_by_the_host(*op).is_none());
    let mut generator = Generator::of(random, &ops);
    let facilities = all_facilities();
    let mut emitted = Machine::new(facilities.clone(), Engine::Jit)?;
    let mut interpreter = Opponent::Interpreter(Machine::new(facilities, Engine::Interpreter)?);
    let batch = generator.batch(records);
    emitted.run(&batch)?;
    interpreter.run(&batch)?;
    for (index, record) in batch.records.iter().enumerate() {
        let pair = Pair::of(record, index, emitted.storage(), &interpreter);
        if !pair.equal() {
            return Err(super::case_text::summary(&pair));
        }
    }
    Ok(())
}

fn read(cpu: &mut Cpu, at: u64) -> Result<u64, String> {
    let mut bytes = [0; 8];
    cpu.read_absolute(at, &mut bytes).map_err(|e| format!("{at:x}: {e:?}"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn start(cpu: &mut Cpu) {
    let control: [u64; 16] = std::array::from_fn(|n| match n {
        0 => 0xE0,
        14 => 0xC200_0000,
        _ => 0,
    });
    let before = std::mem::replace(&mut cpu.cr, control);
    cpu.control_changed(&before);
    cpu.set_psw(Psw::new(0x1_8000_0000, layout::DRIVER));
}

fn drive(cpu: &mut Cpu, mut jit: Option<&mut softsie_jit::Engine>, tally: &mut Tally) -> Result<(), String> {
    start(cpu);
    let (mut last, mut patience) = (u64::MAX, PATIENCE);
    loop {
        cpu.start_running();
        let leave = match &mut jit {
            Some(jit) => jit.run(cpu),
            None => run(cpu, tally),
        };
        cpu.stop_running();
        let index = read(cpu, layout::INDEX)?;
        let lost = match leave {
            Leave::Wait if read(cpu, layout::DONE)? == 1 => return Ok(()),
            Leave::Attention => {
                cpu.attention().take(Attention::HOST);
                patience = if index == last { patience - 1 } else { PATIENCE };
                patience == 0
            }
            // A record that made the driver lose control has no result.
            _ => true,
        };
        last = index;
        if lost {
            patience = PATIENCE;
            cpu.execute = None;
            if matches!(leave, Leave::Instruction { .. }) {
                let kind = layout::RESULTS + index * layout::RESULT_SIZE + layout::result::KIND as u64;
                let value = layout::result::FOR_THE_HOST.to_be_bytes();
                cpu.write_absolute(kind, &value).map_err(|e| format!("{e:?}"))?;
            }
            cpu.write_absolute(layout::INDEX, &(index + 1).to_be_bytes()).map_err(|e| format!("{e:?}"))?;
            start(cpu);
        }
    }
}
