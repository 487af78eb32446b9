//! A host with one CPU and one guest of its own: the host's program is START INTERPRETIVE EXECUTION and a DIAGNOSE that ends
//! the run. Truth: the reference of interpretive execution; Principles of Operation.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;

use softsie_cpu::{Cluster, FacilityList, Model, Request, TimerService, WrappingKeys};
use softsie_mem::Storage;
use softsie_sie::{CpuFlags, ExecutionControls, Leave, Sie, StateDescription, Translation, Translator, icpt};

/// Size of the host's storage.
pub const SIZE: usize = 0x40_0000;
/// Where the guest's state description is in the host.
pub const STATE: u64 = 0x4000;
/// Where START INTERPRETIVE EXECUTION is in the host.
pub const SIE_AT: u64 = 0x1000;
/// Where the guest's storage begins in the host's primary space, and how much there is.
pub const ORIGIN: u64 = 0x10_0000;
/// Where the guest begins to execute.
pub const PROGRAM: u64 = 0x2000;
/// PSW of the 64-bit mode without DAT, supervisor state.
pub const PSW: u64 = 0x0000_0001_8000_0000;
/// The bit of PSW for external interruptions.
pub const EXTERNAL: u64 = 0x0100_0000_0000_0000;
/// The bit of a PSW for I/O interruptions.
pub const IO: u64 = 0x0200_0000_0000_0000;

const PROGRAM_NEW_PSW: u64 = 0x1D0;
const EXCEPTION_AT: u64 = 0x1800;

/// How a run of the host has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After START INTERPRETIVE EXECUTION.
    After,
    /// By a program interruption of the host with this code.
    Program(u16),
    /// Because it was kicked.
    Kicked,
}

/// The machine.
pub struct Machine {
    memory: NonNull<u8>,
    /// The host's CPU.
    pub sie: Sie,
    /// The host's own state description.
    pub host: Box<StateDescription>,
}

/// Which engines a test is to run with.
pub fn engines() -> [Option<Arc<Translator>>; 2] {
    let eager = Translator::new(Translation::EAGER).map(Arc::new);
    [None, eager.ok()]
}

impl Machine {
    /// A machine whose guest executes `program`, left aligned instructions.
    pub fn new(translator: Option<Arc<Translator>>, program: &[u8]) -> Machine {
        let layout = Layout::from_size_align(SIZE, 4096).unwrap();
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
        let storage = Arc::new(Storage::new());
        // SAFETY: freed in `drop`, after the CPU has been told that the slot is gone.
        unsafe { storage.set_slot(0, 0, 0, SIZE as u64, memory) }.unwrap();
        let mut facilities = FacilityList::default();
        (0..=155).for_each(|f| facilities.set(f, true));
        let wrapping_keys = WrappingKeys::new(None, Some([0x5A; 32]));
        let model = Arc::new(Model { facilities, wrapping_keys, ..Model::default() });
        let (cluster, timers) = (Arc::new(Cluster::new()), Arc::new(TimerService::new()));
        let mut sie = Sie::new(storage, model, 0, cluster, timers, translator);
        sie.cpu.interprets = true;
        sie.cpu.gr[2] = STATE;
        let host = Box::new(StateDescription::new());
        host.cpuflags.set((CpuFlags::ZARCH | CpuFlags::SM).bits());
        host.eca.set((ExecutionControls::MVPGI | ExecutionControls::PROTEXCI).bits());
        host.ecb.set(softsie_sie::Ecb::SPECI.bits());
        host.gcr[0].set(0xE0);
        // Real space: addresses of the primary space are real ones.
        host.gcr[1].set(0x20);
        let machine = Machine { memory, sie, host };
        machine.write(SIE_AT, &[0xB2, 0x14, 0x20, 0x00, 0x83, 0x00, 0x00, 0x01]);
        machine.write(EXCEPTION_AT, &[0x83, 0x00, 0x00, 0x02]);
        machine.write(PROGRAM_NEW_PSW, &PSW.to_be_bytes());
        machine.write(PROGRAM_NEW_PSW + 8, &EXCEPTION_AT.to_be_bytes());
        let sd = machine.guest();
        sd.cpuflags.set(CpuFlags::ZARCH.bits());
        sd.mso.set(ORIGIN);
        sd.msl.set(ORIGIN);
        sd.gpsw_mask.set(PSW);
        sd.gpsw_addr.set(PROGRAM);
        sd.gcr[0].set(0xE0);
        sd.ihcpu.set(0xFFFF);
        sd.cputm.set(i64::MAX as u64);
        sd.ckc.set(u64::MAX);
        machine.write(ORIGIN + PROGRAM, program);
        machine
    }

    /// The guest's state description.
    pub fn guest(&self) -> &StateDescription {
        self.state_description(STATE)
    }

    /// A state description in the host's storage.
    pub fn state_description(&self, at: u64) -> &StateDescription {
        assert!(at.is_multiple_of(512) && at as usize + 512 <= SIZE);
        // SAFETY: 512 bytes on their boundary, which live as long as the machine; every bit pattern is good.
        unsafe { self.memory.add(at as usize).cast::<StateDescription>().as_ref() }
    }

    /// Stores into the host's storage.
    pub fn write(&self, at: u64, bytes: &[u8]) {
        assert!(at as usize + bytes.len() <= SIZE);
        // SAFETY: within the memory; no CPU runs in another thread.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.memory.add(at as usize).as_ptr(), bytes.len()) };
    }

    /// Stores a doubleword into the host's storage.
    pub fn put(&self, at: u64, value: u64) {
        self.write(at, &value.to_be_bytes());
    }

    /// A doubleword of the host's storage.
    pub fn get(&self, at: u64) -> u64 {
        u64::from_be_bytes(self.read(at, 8).try_into().unwrap())
    }

    /// Bytes of the host's storage.
    pub fn read(&self, at: u64, length: usize) -> Vec<u8> {
        assert!(at as usize + length <= SIZE);
        // SAFETY: as in `write`.
        unsafe { std::slice::from_raw_parts(self.memory.add(at as usize).as_ptr(), length) }.to_vec()
    }

    /// Has the host begin anew, with another guest's state, too, if there is one in storage now.
    pub fn run(&mut self) -> End {
        self.host.gpsw_mask.set(PSW);
        self.host.gpsw_addr.set(SIE_AT);
        self.guest().icptcode.set(0);
        self.go_on()
    }

    /// Has the host go on where it is.
    pub fn go_on(&mut self) -> End {
        self.sie.recheck_code();
        match self.sie.run(&self.host) {
            Leave::Interception => {}
            _ => return End::Kicked,
        }
        assert_eq!((self.host.icptcode.get(), self.host.ipa.get()), (icpt::INST, 0x8300), "{:?}", self.host);
        match self.host.ipb.get() >> 16 {
            1 => End::After,
            _ => End::Program(self.program_code()),
        }
    }

    fn program_code(&self) -> u16 {
        (self.get(0x88) & 0xFFFF) as u16
    }

    /// Runs, and gives the interception code of the guest.
    pub fn interception(&mut self) -> u8 {
        assert_eq!(self.run(), End::After);
        self.guest().icptcode.get()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.sie.cpu.storage.remove_slot(0);
        self.sie.cpu.broadcast(Request::SlotsChanged);
        // SAFETY: allocated with this layout; nobody has it any more.
        unsafe { dealloc(self.memory.as_ptr(), Layout::from_size_align(SIZE, 4096).unwrap()) };
    }
}
