//! A bare CPU with 1 MiB of storage of its own, and a way to execute exactly one instruction.
//! Source: the start state that `cases/README.md` promises.

use std::ptr::NonNull;
use std::sync::Arc;

use softsie_cpu::{
    Attention, Cluster, Cpu, Decoded, Exit, FacilityList, Model, ProgramCode, TimerService, WrappingKeys,
};
use softsie_exec::{DISPATCH, Leave, Observer, run};
use softsie_mem::Storage;

/// Size of storage.
pub const STORAGE_SIZE: usize = 0x10_0000;

/// A CPU and its storage.
pub struct Bare {
    /// The CPU.
    pub cpu: Cpu,
    memory: NonNull<u8>,
}

/// How one step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The instruction completed.
    Done,
    /// A program interruption with this code was taken.
    Program(ProgramCode),
    /// The instruction was handed to the host.
    Intercepted,
    /// Something else, which a case does not expect.
    Left(Leave),
}

struct OneInstruction {
    seen: bool,
    request: bool,
    program: Option<ProgramCode>,
}

impl Observer for OneInstruction {
    const ACTIVE: bool = true;

    fn before(&mut self, cpu: &Cpu, _: u64, _: &Decoded) -> bool {
        if self.request {
            cpu.attention().raise(Attention::HOST);
        }
        !std::mem::replace(&mut self.seen, true)
    }

    fn after(&mut self, cpu: &Cpu, _: u64, _: &Decoded, result: Result<(), Exit>) {
        // An interruptible instruction goes on.
        if result == Err(Exit::Again) {
            self.seen = false;
        } else if result.is_err() {
            cpu.attention().raise(Attention::HOST);
        }
    }

    fn program_interruption(&mut self, cpu: &Cpu, code: ProgramCode) {
        self.program = Some(code);
        cpu.attention().raise(Attention::HOST);
    }
}

/// Every facility whose instructions all exist.
pub(crate) fn model() -> Arc<Model> {
    let mut facilities = FacilityList::default();
    for f in softsie_isa::ROWS.iter().flat_map(|r| r.facilities) {
        facilities.set(*f, true);
    }
    // Facilities without instructions that cases need: EDAT-1 and 2, access-exception indication, IEP, CMPSC enhancement, conditional and
    // nonquiescing SSKE, IPTE range, local clearing, enhancements of translation, COMPARE AND SWAP AND STORE, multiple
    // epochs, enhanced monitor, vector-packed-decimal enhancement 1.
    for f in [8, 36, 47, 78, 75, 130, 10, 14, 13, 51, 24, 30, 33, 139, 152] {
        facilities.set(f, true);
    }
    // Cases with encrypted keys know these.
    let dea = std::array::from_fn(|i| 0x40 + i as u8);
    let wrapping_keys = WrappingKeys::new(Some(dea), Some(std::array::from_fn(|i| i as u8)));
    Arc::new(Model { facilities, cpu_id: 0x00FF_FFFF_8561_0000, wrapping_keys, ..Model::default() })
}

impl Default for Bare {
    fn default() -> Self {
        Self::new()
    }
}

impl Bare {
    /// A CPU in 64-bit mode with every facility whose instructions all exist.
    pub fn new() -> Bare {
        let memory = NonNull::from(Box::leak(vec![0u8; STORAGE_SIZE].into_boxed_slice())).cast::<u8>();
        let storage = Arc::new(Storage::new());
        // SAFETY: freed in `drop`, after the CPU has been told that the slot is gone.
        let set = unsafe { storage.set_slot(0, 0, 0, STORAGE_SIZE as u64, memory) };
        assert!(set.is_ok());
        let cpu = Cpu::new(0, model(), storage, Arc::new(Cluster::new()), Arc::new(TimerService::new()), DISPATCH);
        Bare { cpu, memory }
    }

    /// Executes the instruction at the PSW's address.
    pub fn step(&mut self) -> Step {
        self.step_with(false)
    }

    /// The same with the CPU being wanted for something else meanwhile, so that what can end early does.
    pub fn step_wanted(&mut self) -> Step {
        self.step_with(true)
    }

    fn step_with(&mut self, request: bool) -> Step {
        let mut observer = OneInstruction { seen: false, request, program: None };
        self.cpu.start_running();
        let leave = run(&mut self.cpu, &mut observer);
        self.cpu.stop_running();
        self.cpu.attention().take(!0);
        match (leave, observer.program) {
            (_, Some(code)) => Step::Program(code),
            (Leave::Attention, None) => Step::Done,
            // The instruction completed by loading a wait PSW.
            (Leave::Wait, None) => Step::Done,
            (Leave::Instruction { .. }, None) => Step::Intercepted,
            (leave, None) => Step::Left(leave),
        }
    }

    /// All of storage, looked at without recording references.
    pub fn storage(&self) -> Vec<u8> {
        // SAFETY: `memory` has this size, and the CPU is not running.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), STORAGE_SIZE) }.to_vec()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.cpu.storage.remove_slot(0);
        self.cpu.broadcast(softsie_cpu::Request::SlotsChanged);
        // SAFETY: leaked in `new` with this size; nobody has it any more.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.memory.as_ptr(), STORAGE_SIZE)) });
    }
}
