//! softsie's side: the guest on a bare CPU.
//! Source: `cargo doc -p softsie-exec`: [`softsie_exec::run`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use memmap2::MmapMut;
use softsie_cpu::{Attention, Cluster, Cpu, FacilityList, Model, Psw, TimerService};
use softsie_exec::{DISPATCH, Leave, NoObserver, run};
use softsie_jit::Optimization;
use softsie_mem::Storage;

use super::batch::Batch;
use super::layout;

/// A machine with the guest's storage; it can run one batch after another.
pub struct Machine {
    memory: MmapMut,
    model: Arc<Model>,
    engine: Engine,
}

/// Which of softsie's engines runs the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// The interpreter.
    Interpreter,
    /// Emitted code.
    Jit,
}

/// How often progress is looked at.
const TICK: Duration = Duration::from_millis(200);
/// Without progress for so many ticks a record counts as endless.
const PATIENCE: u32 = 15;

impl Machine {
    /// A machine with empty storage and these facilities.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn new(facilities: FacilityList, engine: Engine) -> Result<Machine, String> {
        let memory = MmapMut::map_anon(layout::STORAGE_SIZE).map_err(|e| format!("no memory for the guest: {e}"))?;
        let unannounced = FacilityList::default();
        let model = Arc::new(Model { facilities, unannounced, cpu_id: 0x00FF_FFFF_8561_0000 });
        Ok(Machine { memory, model, engine })
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
        let ticks = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                std::thread::park_timeout(TICK);
                attention.raise(Attention::HOST);
            }
        });
        let mut jit = match self.engine {
            Engine::Interpreter => None,
            Engine::Jit => Some(softsie_jit::Engine::new(Optimization::None).map_err(|e| e.to_string())?),
        };
        let outcome = drive(&mut cpu, jit.as_mut());
        finished.store(true, Ordering::Relaxed);
        ticks.thread().unpark();
        let _ = ticks.join();
        outcome
    }

    /// The guest's storage.
    pub fn storage(&self) -> &[u8] {
        &self.memory
    }
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

fn drive(cpu: &mut Cpu, mut jit: Option<&mut softsie_jit::Engine>) -> Result<(), String> {
    start(cpu);
    let (mut last, mut patience) = (u64::MAX, PATIENCE);
    loop {
        cpu.start_running();
        let leave = match &mut jit {
            Some(jit) => jit.run(cpu),
            None => run(cpu, &mut NoObserver),
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
            cpu.write_absolute(layout::INDEX, &(index + 1).to_be_bytes()).map_err(|e| format!("{e:?}"))?;
            start(cpu);
        }
    }
}
