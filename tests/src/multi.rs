//! Several bare CPUs on threads of their own over one storage, running a program of ours in assembly.
//! Source: Principles of Operation, chapter 5, Multiprocessor consistency; the programs say what they derive from.

use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use softsie_cpu::{Attention, Cluster, Cpu, Psw, Request, TimerService};
use softsie_exec::{DISPATCH, Leave, NoObserver, run};
use softsie_jit::{Engine, Options, Style, Translator};
use softsie_mem::Storage;

use crate::bare::model;

/// Where programs lie.
pub const ORIGIN: u64 = 0x2_0000;
const SIZE: usize = 8 << 20;
const EA_BA: u64 = 0x0000_0001_8000_0000;
const WAIT: u64 = 0x0002_0000_0000_0000;
/// Far beyond what any program needs even on a busy host.
const PATIENCE: Duration = Duration::from_secs(60);

/// DIAGNOSE 0x44, by which a program that waits gives its time to others, as under other hosts.
const YIELD: u64 = 0x8300_0044;
/// One machine at a time: CPUs that compete with another test's meet too seldom.
static RUNNING: Mutex<()> = Mutex::new(());

/// The machine. CPU `n` has its prefix area at `0x4000 + n * 0x2000`; a program interruption there ends in a disabled wait.
pub struct Multi {
    /// The CPUs.
    pub cpus: Vec<Cpu>,
    /// For each CPU those of both styles; none on a host for which there is no code generator.
    engines: Vec<Vec<Engine>>,
    /// What executes all CPUs; without, all kinds take turns.
    by: Option<By>,
    /// How often the machine has run.
    runs: usize,
    symbols: BTreeMap<String, u64>,
    memory: NonNull<u8>,
}

/// How a CPU ended: by DIAGNOSE with this code, or otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// DIAGNOSE; the low twelve bits of its text.
    Diagnose(u64),
    /// What a program of ours does not do unless something went wrong.
    Other(Leave),
}

/// How often a test runs its program from start to end: a campaign (`cargo xtask litmus`) sets the environment variable
/// `SOFTSIE_LITMUS_ROUNDS`, and `SOFTSIE_LITMUS_ENGINE` to `jit` or `interpreter` for one engine alone.
pub fn rounds(usual: u64) -> u64 {
    std::env::var("SOFTSIE_LITMUS_ROUNDS").ok().and_then(|v| v.parse().ok()).unwrap_or(usual)
}

/// What executes a CPU's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The interpreter.
    Interpreter,
    /// Quick regions.
    Quick,
    /// Better ones.
    Best,
}

impl By {
    /// All of them.
    pub const ALL: [By; 3] = [By::Interpreter, By::Quick, By::Best];
}

/// The numbers of CPUs that a test runs its program with: 2 and 4 unless `SOFTSIE_LITMUS_CPUS` names one of them.
pub fn cpu_counts() -> Vec<usize> {
    let only = std::env::var("SOFTSIE_LITMUS_CPUS").ok().and_then(|v| v.parse().ok());
    only.map_or_else(|| vec![2, 4], |n| vec![n])
}

/// What executes everything, when `SOFTSIE_LITMUS_ENGINE` says so.
fn asked_for() -> Option<By> {
    match std::env::var("SOFTSIE_LITMUS_ENGINE").ok()?.as_str() {
        "jit" => Some(By::Quick),
        _ => Some(By::Interpreter),
    }
}

/// Translators of both styles, which the CPUs of a machine share as in a running guest.
fn translators() -> Option<[Arc<Translator>; 2]> {
    let make = |style| Translator::new(Options { style, ..Options::EAGER }).ok().map(Arc::new);
    Some([make(Style::Quick)?, make(Style::Best)?])
}

impl Multi {
    /// A machine of `cpus` CPUs with the program in storage; CPU `n` is to begin at label `cpu<n>`.
    ///
    /// # Panics
    /// The source is wrong: a defect of the test.
    #[allow(clippy::panic)]
    pub fn new(cpus: usize, source: &str) -> Multi {
        let program = match softsie_isa::assemble_with_symbols(source, ORIGIN) {
            Ok(program) => program,
            Err(error) => panic!("{error}\n{source}"),
        };
        let layout = vec![0u8; SIZE + 4096].into_boxed_slice();
        let memory = NonNull::from(Box::leak(layout)).cast::<u8>();
        let storage = Arc::new(Storage::new());
        // SAFETY: freed in `drop`, after the CPUs have been told that the slot is gone.
        let set = unsafe { storage.set_slot(0, 0, 0, SIZE as u64, aligned(memory)) };
        assert!(set.is_ok());
        let (cluster, timers) = (Arc::new(Cluster::new()), Arc::new(TimerService::new()));
        let translators = translators();
        let engines = (0..cpus).map(|_| translators.iter().flatten().cloned().map(Engine::of).collect()).collect();
        let cpus = (0..cpus)
            .map(|n| Cpu::new(n as u16, model(), storage.clone(), cluster.clone(), timers.clone(), DISPATCH))
            .collect();
        let mut machine = Multi { cpus, engines, by: asked_for(), runs: 0, symbols: program.symbols, memory };
        machine.write(ORIGIN, &program.bytes);
        machine.restart();
        machine
    }

    /// Every CPU is to begin at its label again.
    pub fn restart(&mut self) {
        for n in 0..self.cpus.len() {
            let prefix = 0x4000 + n as u64 * 0x2000;
            self.write_u64(prefix + 0x1D0, EA_BA | WAIT);
            self.write_u64(prefix + 0x1D8, 0xBAD);
            let address = self.symbol(&format!("cpu{n}"));
            let cpu = &mut self.cpus[n];
            cpu.set_prefix(prefix);
            cpu.set_psw(Psw { mask: EA_BA, address });
        }
    }

    /// The address of a label.
    pub fn symbol(&self, name: &str) -> u64 {
        self.symbols.get(name).copied().unwrap_or(0xBAD)
    }

    /// Has all CPUs executed so from now on.
    pub fn execute_by(&mut self, by: By) {
        self.by = Some(by);
    }

    /// Runs all CPUs at once until each has ended. Unless it was said what executes them, they are executed differently
    /// from each other and from the time before.
    pub fn run(&mut self) -> Vec<End> {
        self.runs += 1;
        let (by, runs) = (self.by, self.runs);
        let _one = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        std::thread::scope(|scope| {
            let (ended, all_ended) = mpsc::channel::<()>();
            let everybody: Arc<Vec<_>> = Arc::new(self.cpus.iter().map(Cpu::attention_handle).collect());
            let watchdog = everybody.clone();
            let threads: Vec<_> = self
                .cpus
                .iter_mut()
                .zip(&mut self.engines)
                .enumerate()
                .map(|(n, (cpu, engines))| {
                    let mut engine = match by.unwrap_or(By::ALL[(runs + n) % By::ALL.len()]) {
                        By::Interpreter => None,
                        By::Quick => engines.first_mut(),
                        By::Best => engines.last_mut(),
                    };
                    let (ended, everybody) = (ended.clone(), everybody.clone());
                    scope.spawn(move || {
                        // The test may have written to storage.
                        cpu.flush_fetch();
                        let leave = loop {
                            cpu.start_running();
                            let leave = match &mut engine {
                                Some(engine) => engine.run(cpu),
                                None => run(cpu, &mut NoObserver),
                            };
                            cpu.stop_running();
                            match leave {
                                Leave::Instruction { text, .. } if text >> 32 == YIELD => std::thread::yield_now(),
                                other => break other,
                            }
                        };
                        drop(ended);
                        let end = match leave {
                            Leave::Instruction { text, .. } if text >> 56 == 0x83 => End::Diagnose(text >> 32 & 0xFFF),
                            other => End::Other(other),
                        };
                        if end != End::Diagnose(0) {
                            // Others may wait for this one for ever.
                            everybody.iter().for_each(|handle| handle.raise(Attention::HOST));
                        }
                        end
                    })
                })
                .collect();
            drop(ended);
            let in_time = |patience| all_ended.recv_timeout(patience) != Err(mpsc::RecvTimeoutError::Timeout);
            if !in_time(PATIENCE) {
                eprintln!("after {PATIENCE:?} some CPU has not ended");
                watchdog.iter().for_each(|handle| handle.raise(Attention::HOST));
                if !in_time(Duration::from_secs(5)) {
                    // CPUs that wait for each other cannot be made to end.
                    eprintln!("deadlock");
                    std::process::abort();
                }
            }
            threads.into_iter().map(|t| t.join().unwrap_or(End::Diagnose(0xFFF))).collect()
        })
    }

    /// Runs all CPUs; each must end with DIAGNOSE code zero.
    ///
    /// # Panics
    /// One did not.
    pub fn run_well(&mut self, what: &str) {
        let ends = self.run();
        let good = ends.iter().all(|e| *e == End::Diagnose(0));
        let state: Vec<_> = self.cpus.iter().map(|c| format!("{:x?} {:x?}", c.current_psw(), c.gr)).collect();
        let codes: Vec<_> = (0..ends.len() as u64).map(|n| self.read_u64(0x4000 + n * 0x2000 + 0x88)).collect();
        assert!(good, "{what}: {ends:x?}, interruption codes {codes:x?}\n{}", state.join("\n"));
    }

    fn at(&self, address: u64, length: usize) -> NonNull<u8> {
        assert!(address as usize + length <= SIZE);
        // SAFETY: within the memory, as was just asserted.
        unsafe { aligned(self.memory).add(address as usize) }
    }

    /// A doubleword of absolute storage.
    pub fn read_u64(&self, address: u64) -> u64 {
        // SAFETY: `at` checked the bounds, and no CPU runs while the machine is borrowed.
        u64::from_be(unsafe { self.at(address, 8).cast::<u64>().read_unaligned() })
    }

    /// Changes a doubleword of absolute storage.
    pub fn write_u64(&mut self, address: u64, value: u64) {
        self.write(address, &value.to_be_bytes());
    }

    /// Changes absolute storage.
    pub fn write(&mut self, address: u64, bytes: &[u8]) {
        // SAFETY: `at` checked the bounds, and no CPU runs.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(address, bytes.len()).as_ptr(), bytes.len()) };
    }

    /// Clears absolute storage.
    pub fn clear(&mut self, address: u64, length: usize) {
        // SAFETY: as in `write`.
        unsafe { std::ptr::write_bytes(self.at(address, length).as_ptr(), 0, length) };
    }
}

/// The first page boundary of the allocation, which is a page longer than storage.
fn aligned(memory: NonNull<u8>) -> NonNull<u8> {
    // SAFETY: within the allocation.
    unsafe { memory.add(memory.as_ptr().align_offset(4096)) }
}

impl Drop for Multi {
    fn drop(&mut self) {
        for cpu in &mut self.cpus {
            cpu.storage.remove_slot(0);
            cpu.purge_here(Request::SlotsChanged);
        }
        // SAFETY: leaked in `new` with this size; nobody has it any more.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.memory.as_ptr(), SIZE + 4096)) });
    }
}
