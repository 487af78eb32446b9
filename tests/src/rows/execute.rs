//! One sample on a CPU of its own: what it starts with, who executes it, what is to be seen at its end.
//! Source: the layout of the differential campaigns' operands.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use softsie_cpu::{
    Access, AddressSpace, Attention, AttentionHandle, Cpu, Decoded, Exit, Lowcore, ProgramCode, ProgramData, Psw,
};
use softsie_exec::{Leave, NoObserver, Observer, run};
use softsie_jit::Engine;
use softsie_mem::StorageKey;

use crate::differential::{DATA, DATA_SIZE, READ_ONLY, Record};
use crate::{Bare, build_tables};

/// Where the code begins: in pages of its own, of which the second is for code that crosses.
pub(super) const CODE: u64 = 0xA_0000;
pub(super) const PAGE: u64 = 0x1000;
/// Pages that operands are meant to be in.
pub(super) const PAGES: std::ops::Range<u64> = READ_ONLY..DATA + DATA_SIZE as u64 + PAGE;
/// What runs longer goes round for ever: it is left out.
const PATIENCE: Duration = Duration::from_millis(400);

/// What is different from the usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Absent(u64),
    ReadOnly(u64),
}

/// A program and what it starts with.
pub(super) struct Sample {
    pub(super) record: Record,
    pub(super) data: Vec<u8>,
    pub(super) read_only: Vec<u8>,
    pub(super) text: Vec<u8>,
    /// Pages are in the TLB beforehand: emitted code has nobody to ask.
    pub(super) warm: bool,
}

/// Everything that a guest can see at the end, and how many instructions there were.
#[derive(PartialEq)]
pub(super) struct End {
    pub(super) leave: Leave,
    gr: [u64; 16],
    ar: [u32; 16],
    cr: [u64; 16],
    vr: [u128; 32],
    fpc: u32,
    psw: Psw,
    /// Prefix, breaking-event address, program parameter, clock comparator, TOD programmable register.
    special: [u64; 5],
    pub(super) counts: [u64; 2],
    /// Interruption parameters among it.
    storage: Vec<u8>,
}

impl End {
    pub(super) fn differs(&self, other: &End) -> Option<String> {
        if self == other {
            return None;
        }
        let mut wrong = Vec::new();
        for n in 0..16 {
            for (name, a, b) in [
                ("r", self.gr[n], other.gr[n]),
                ("a", self.ar[n].into(), other.ar[n].into()),
                ("c", self.cr[n], other.cr[n]),
            ] {
                if a != b {
                    wrong.push(format!("{name}{n} {a:x}, emitted {b:x}"));
                }
            }
        }
        for n in (0..32).filter(|n| self.vr[*n] != other.vr[*n]) {
            wrong.push(format!("v{n} {:x}, emitted {:x}", self.vr[n], other.vr[n]));
        }
        let rest = |e: &End| format!("{:x?}", (e.leave, e.fpc, e.psw, e.special, e.counts));
        if rest(self) != rest(other) {
            wrong.push(format!("{}, emitted {}", rest(self), rest(other)));
        }
        if let Some(at) = self.storage.iter().zip(&other.storage).position(|(a, b)| a != b) {
            wrong.push(format!("storage at {at:x}: {:02x}, emitted {:02x}", self.storage[at], other.storage[at]));
        }
        Some(wrong.join("; "))
    }
}

/// Ends what does not end by itself.
pub(super) struct Watchdog {
    run: Arc<Mutex<Option<(u64, AttentionHandle)>>>,
    number: u64,
    over: Arc<AtomicBool>,
}

impl Watchdog {
    pub(super) fn new() -> Watchdog {
        let (run, over) =
            (Arc::new(Mutex::<Option<(u64, AttentionHandle)>>::default()), Arc::new(AtomicBool::new(false)));
        let (watched, until) = (run.clone(), over.clone());
        std::thread::spawn(move || {
            let mut last = 0;
            while !until.load(Ordering::Relaxed) {
                std::thread::sleep(PATIENCE);
                if let Some((number, handle)) = &*watched.lock().unwrap_or_else(PoisonError::into_inner) {
                    if *number == last {
                        handle.raise(Attention::HOST);
                    }
                    last = *number;
                }
            }
        });
        Watchdog { run, number: 0, over }
    }

    fn watch(&mut self, cpu: &Cpu) {
        self.number += 1;
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.number, cpu.attention_handle()));
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Notes which instructions were begun.
#[derive(Default)]
pub(super) struct Begun(pub(super) BTreeSet<u16>);

impl Observer for Begun {
    const ACTIVE: bool = true;

    fn before(&mut self, _: &Cpu, _: u64, d: &Decoded) -> bool {
        self.0.insert(d.operands.op() as u16);
        true
    }

    fn after(&mut self, _: &Cpu, _: u64, _: &Decoded, _: Result<(), Exit>) {}

    fn program_interruption(&mut self, _: &Cpu, _: ProgramCode) {}
}

/// Who executes.
pub(super) enum By<'a> {
    Interpreter,
    Observed(&'a mut Begun),
    Emitted(&'a mut Engine),
}

/// Runs a sample to its end; with the pages that it referred to, and whether it changed them.
pub(super) fn execute(
    watchdog: &mut Watchdog,
    sample: &Sample,
    fault: Fault,
    by: By<'_>,
) -> Result<(End, Vec<(u64, bool)>), String> {
    let mut bare = Bare::new();
    let (cpu, record) = (&mut bare.cpu, &sample.record);
    (cpu.gr, cpu.ar, cpu.vr, cpu.fpc) = (record.gr, record.ar, record.vr, record.fpc);
    let (absent, read_only) = match fault {
        Fault::None => (None, None),
        Fault::Absent(page) => (Some(page), None),
        Fault::ReadOnly(page) => (None, Some(page)),
    };
    cpu.psw = Psw::new(record.psw, CODE + record.offset % PAGE);
    cpu.cr = record.cr;
    // All address spaces are the same one; it ends after the pages of operands.
    let beyond = PAGES.end;
    build_tables(cpu, &[&[beyond][..], absent.as_slice()].concat(), read_only.as_slice())?;
    let psw = cpu.psw;
    let mut put = |at: u64, bytes: &[u8]| cpu.write_absolute(at, bytes).map_err(|e| format!("{at:x}: {e:?}"));
    for new in [Lowcore::PROGRAM_NEW_PSW, Lowcore::SVC_NEW_PSW] {
        put(new, &0x0002_0001_8000_0000u64.to_be_bytes())?;
        put(new + 8, &new.to_be_bytes())?;
    }
    put(READ_ONLY, &sample.read_only)?;
    put(DATA, &sample.data)?;
    put(psw.address, &sample.text)?;
    let storage = cpu.storage.clone();
    let map = storage.map();
    for page in PAGES.step_by(PAGE as usize) {
        if let Some(page) = map.page(page) {
            page.state.set_key(StorageKey(0));
        }
    }
    cpu.flush_tlb();
    cpu.set_psw(psw);
    if sample.warm && !matches!(by, By::Observed(_)) {
        for page in PAGES.step_by(PAGE as usize) {
            // What is absent or read-only stays so.
            for access in [Access::Fetch, Access::Store] {
                let _ = cpu.probe(AddressSpace::Logical(0), page, 1, access);
            }
        }
        cpu.program = ProgramData::default();
    }
    watchdog.watch(cpu);
    cpu.start_running();
    let leave = match by {
        By::Interpreter => run(cpu, &mut NoObserver),
        By::Observed(begun) => run(cpu, begun),
        By::Emitted(engine) => {
            engine.change_cpu();
            engine.run(cpu)
        }
    };
    cpu.stop_running();
    let pages = PAGES.step_by(PAGE as usize).filter_map(|page| {
        let key = map.page(page)?.state.key().0;
        (key & StorageKey::REFERENCE != 0).then_some((page, key & StorageKey::CHANGE != 0))
    });
    let pages = pages.collect();
    let counts = [cpu.statistics.instructions, cpu.statistics.program_interruptions];
    let special =
        [cpu.prefix, cpu.breaking_event_address, cpu.program_parameter, cpu.clock_comparator, cpu.todpr.into()];
    let (gr, ar, cr, vr, fpc, psw) = (cpu.gr, cpu.ar, cpu.cr, cpu.vr, cpu.fpc, cpu.current_psw());
    Ok((End { leave, gr, ar, cr, vr, fpc, psw, special, counts, storage: bare.storage() }, pages))
}
