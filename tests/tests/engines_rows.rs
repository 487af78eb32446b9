//! Every implemented row of the instruction table by both engines: alone, and inside loops and regions of both styles; then
//! with an exception at each page that it refers to, which is made absent or read-only in turn.
//! Source: the promise that both engines run one semantics (docs/engine-pattern.md); operands are those of
//! docs/differential.md. `SOFTSIE_ROWS_CASES` is the number of operand sets for each row, `SOFTSIE_ROWS_ONLY` a mnemonic.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use softsie_cpu::{
    Access, AddressSpace, Attention, AttentionHandle, Cpu, Decoded, Exit, Lowcore, ProgramCode, ProgramData, Psw,
};
use softsie_exec::semantics::is_implemented;
use softsie_exec::{Leave, NoObserver, Observer, run};
use softsie_isa::{FieldName, Op, Operand, ROWS, decode};
use softsie_jit::{Engine, Options, Style, Translator};
use softsie_mem::StorageKey;
use softsie_tests::differential::{DATA, DATA_SIZE, Generator, Piece, READ_ONLY, Random, Record, Target};
use softsie_tests::{Bare, build_tables};

/// Where the code begins: in pages of its own, of which the second is for code that crosses.
const CODE: u64 = 0xA_0000;
const PAGE: u64 = 0x1000;
/// Pages that operands are meant to be in.
const PAGES: std::ops::Range<u64> = READ_ONLY..DATA + DATA_SIZE as u64 + PAGE;
/// What runs longer goes round for ever: it is left out.
const PATIENCE: Duration = Duration::from_millis(400);

/// What is different from the usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Absent(u64),
    ReadOnly(u64),
}

/// A program and what it starts with.
struct Sample {
    record: Record,
    data: Vec<u8>,
    read_only: Vec<u8>,
    text: Vec<u8>,
    /// Pages are in the TLB beforehand: emitted code has nobody to ask.
    warm: bool,
}

/// Everything that a guest can see at the end, and how many instructions there were.
#[derive(PartialEq)]
struct End {
    leave: Leave,
    gr: [u64; 16],
    ar: [u32; 16],
    cr: [u64; 16],
    vr: [u128; 32],
    fpc: u32,
    psw: Psw,
    /// Prefix, breaking-event address, program parameter, clock comparator, TOD programmable register.
    special: [u64; 5],
    counts: [u64; 2],
    /// Interruption parameters among it.
    storage: Vec<u8>,
}

impl End {
    fn differs(&self, other: &End) -> Option<String> {
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
struct Watchdog {
    run: Arc<std::sync::Mutex<Option<(u64, AttentionHandle)>>>,
    number: u64,
    over: Arc<AtomicBool>,
}

impl Watchdog {
    fn new() -> Watchdog {
        let (run, over) =
            (Arc::new(std::sync::Mutex::<Option<(u64, AttentionHandle)>>::default()), Arc::new(AtomicBool::new(false)));
        let (watched, until) = (run.clone(), over.clone());
        std::thread::spawn(move || {
            let mut last = 0;
            while !until.load(Ordering::Relaxed) {
                std::thread::sleep(PATIENCE);
                if let Some((number, handle)) = &*watched.lock().unwrap() {
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
        *self.run.lock().unwrap() = Some((self.number, cpu.attention_handle()));
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Notes which instructions were begun.
#[derive(Default)]
struct Begun(BTreeSet<u16>);

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
enum By<'a> {
    Interpreter,
    Observed(&'a mut Begun),
    Emitted(&'a mut Engine),
}

/// Runs a sample to its end; with the pages that it referred to, and whether it changed them.
fn execute(watchdog: &mut Watchdog, sample: &Sample, fault: Fault, by: By<'_>) -> (End, Vec<(u64, bool)>) {
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
    build_tables(cpu, &[&[beyond][..], absent.as_slice()].concat(), read_only.as_slice()).unwrap();
    let psw = cpu.psw;
    for new in [Lowcore::PROGRAM_NEW_PSW, Lowcore::SVC_NEW_PSW] {
        cpu.write_absolute(new, &0x0002_0001_8000_0000u64.to_be_bytes()).unwrap();
        cpu.write_absolute(new + 8, &new.to_be_bytes()).unwrap();
    }
    cpu.write_absolute(READ_ONLY, &sample.read_only).unwrap();
    cpu.write_absolute(DATA, &sample.data).unwrap();
    cpu.write_absolute(psw.address, &sample.text).unwrap();
    let storage = cpu.storage.clone();
    let map = storage.map();
    for page in PAGES.step_by(PAGE as usize) {
        map.page(page).unwrap().state.set_key(StorageKey(0));
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
    (End { leave, gr, ar, cr, vr, fpc, psw, special, counts, storage: bare.storage() }, pages)
}

/// General registers that instructions name or may change.
fn registers(pieces: &[Piece]) -> BTreeSet<u64> {
    let mut all = BTreeSet::from([0, 1]);
    for piece in pieces {
        let Some(op) = decode(piece.text) else { continue };
        let row = op.row();
        let layout = row.format.layout();
        let mut named = Vec::new();
        for o in row.operands {
            match *o {
                Operand::Gr(f) => named.push(layout.get(piece.text, f)),
                Operand::GrPair(f) => named.extend([0, 1].map(|n| layout.get(piece.text, f) + n)),
                Operand::Storage { base, middle, .. } => {
                    named.push(layout.get(piece.text, base));
                    named.extend(middle.filter(|m| *m == FieldName::X2).map(|m| layout.get(piece.text, m)));
                }
                _ => {}
            }
        }
        // A range of registers.
        if let (Some(Operand::Gr(FieldName::R1)), Some(Operand::Gr(FieldName::R3))) =
            (row.operands.first(), row.operands.get(1))
        {
            let (mut n, last) = (named[0], named[1]);
            while n != last {
                named.push(n);
                n = (n + 1) % 16;
            }
        }
        all.extend(named.iter().map(|n| n & 15));
    }
    all
}

/// The record with its sequence in a loop: registers change and a condition code is set before it, and the condition code is
/// used after it; a register that it has as base moves.
fn looped(record: &Record, random: &mut Random) -> Option<Record> {
    let taken = registers(&record.pieces).union(&registers(&record.execute)).copied().collect::<BTreeSet<_>>();
    let free: Vec<u64> = [12, 15, 14, 3, 11, 9, 7, 5, 13, 10].into_iter().filter(|n| !taken.contains(n)).collect();
    let [counter, changing, other, ..] = free[..] else { return None };
    let mut before = vec![
        Piece::plain(0xA70B_0000 << 32 | changing << 52 | (random.below(16) + 1) << 32),
        Piece::plain(0xB9F8_0000 << 32 | counter << 44 | other << 36 | changing << 32),
    ];
    let stride = [0, 0, 1, 4, 8, 16, 64][random.below(7) as usize];
    let base = record.pieces.iter().find_map(|p| {
        let row = decode(p.text)?.row();
        row.operands.iter().find_map(|o| match *o {
            Operand::Storage { base, .. } => Some(row.format.layout().get(p.text, base)),
            _ => None,
        })
    });
    if let Some(base) = base.filter(|b| *b != 0 && stride != 0) {
        before.push(Piece::plain(0x4100_0000 << 32 | base << 52 | base << 44 | stride << 32));
    }
    let start = before.len() + 1;
    let mut pieces = vec![Piece::plain(0xA709_0003 << 32 | counter << 52)];
    pieces.extend(before);
    pieces.extend(record.pieces.iter().map(|p| match p.target {
        Target::Piece(n) => Piece { target: Target::Piece(n + start), ..*p },
        _ => *p,
    }));
    pieces.push(Piece::plain(0xB9E2_0000 << 32 | random.below(16) << 44 | other << 36 | changing << 32));
    pieces.push(Piece { text: 0xA707_0000 << 32 | counter << 52, target: Target::Piece(1) });
    Some(Record { pieces, ..record.clone() })
}

/// Moves operands so that they lie across the boundary of the two pages of data.
fn cross(record: &mut Record, op: Op, random: &mut Random) {
    let edge = DATA + PAGE;
    let Some(piece) = record.pieces.iter().find(|p| decode(p.text) == Some(op)).copied() else { return };
    let (row, layout) = (op.row(), op.row().format.layout());
    for o in row.operands {
        let before = [1, 1, 2, 3, 4, 7, 8, 15][random.below(8) as usize];
        match *o {
            Operand::Storage { displacement, middle, base } => {
                let base = layout.get(piece.text, base) as usize;
                let mut displacement = layout.get(piece.text, displacement);
                if displacement >= 0x8_0000 {
                    displacement = displacement.wrapping_sub(0x10_0000);
                }
                let index = middle.filter(|m| *m == FieldName::X2).map_or(0, |x| layout.get(piece.text, x) as usize);
                let index = if index == 0 { 0 } else { record.gr[index] };
                if base != 0 {
                    record.gr[base] = (edge - before).wrapping_sub(displacement).wrapping_sub(index);
                }
            }
            Operand::Gr(f) | Operand::GrPair(f) => {
                let r = &mut record.gr[layout.get(piece.text, f) as usize & 15];
                if PAGES.contains(r) {
                    *r = edge - before;
                }
            }
            _ => {}
        }
    }
}

struct Test {
    watchdog: Watchdog,
    /// One instruction at a time, then regions; of both styles each.
    alone: [Engine; 2],
    regions: [Engine; 2],
    runs: u64,
    faults: u64,
    endless: u64,
    wrong: Vec<String>,
}

impl Test {
    fn new() -> Test {
        let engine =
            |style, limit| Engine::of(Arc::new(Translator::new(Options { style, limit, ..Options::EAGER }).unwrap()));
        let both = |limit| [engine(Style::Quick, limit), engine(Style::Best, limit)];
        Test {
            watchdog: Watchdog::new(),
            alone: both(1),
            regions: both(64),
            runs: 0,
            faults: 0,
            endless: 0,
            wrong: Vec::new(),
        }
    }

    /// All ways to execute the sample; without fault first, then with each that it can have.
    fn compare(&mut self, op: Op, sample: &Sample, begun: &mut Begun) {
        let (_, pages) = execute(&mut self.watchdog, sample, Fault::None, By::Observed(begun));
        let mut faults = vec![Fault::None];
        for (page, changed) in pages {
            faults.push(Fault::Absent(page));
            if changed {
                faults.push(Fault::ReadOnly(page));
            }
        }
        for fault in faults {
            let (expected, _) = execute(&mut self.watchdog, sample, fault, By::Interpreter);
            if expected.leave == Leave::Attention {
                self.endless += 1;
                continue;
            }
            self.faults += u64::from(fault != Fault::None && expected.counts[1] != 0);
            for (how, engines) in [("alone", &mut self.alone), ("in regions", &mut self.regions)] {
                for (style, engine) in ["quick", "best"].iter().zip(engines) {
                    self.runs += 1;
                    let mut run = || execute(&mut self.watchdog, sample, fault, By::Emitted(engine)).0;
                    let mut found = run();
                    // On a busy host it may only have had no time.
                    for _ in 0..5 {
                        if found.leave == Leave::Attention {
                            found = run();
                        }
                    }
                    if let Some(wrong) = expected.differs(&found) {
                        let start = &sample.record;
                        let at = CODE + start.offset % PAGE;
                        self.wrong.push(format!(
                            "{} {how}, {style}, {fault:x?}: {wrong}\n  at {at:x}: {:02x?}\n  gr {:x?} fpc {:x} psw {:x}",
                            op.mnemonic(), sample.text, start.gr, start.fpc, start.psw
                        ));
                    }
                }
            }
        }
    }
}

#[test]
fn every_row_ends_alike_in_both_engines_with_and_without_exceptions() {
    let cases: u64 = std::env::var("SOFTSIE_ROWS_CASES").map_or(2, |v| v.parse().unwrap());
    let only = std::env::var("SOFTSIE_ROWS_ONLY").ok();
    let ops = ROWS.iter().map(|r| r.op).filter(|op| is_implemented(*op));
    let ops: Vec<Op> = ops.filter(|op| only.as_ref().is_none_or(|only| only == op.mnemonic())).collect();
    let mut test = Test::new();
    let mut never = Vec::new();
    for op in &ops {
        let mut begun = Begun::default();
        let mut random = Random::new(u64::from(*op as u16) + 0x1_0000);
        let mut generator = Generator::new(random.bits(), &[*op]);
        for case in 0..cases {
            // Some instructions go alone: longer sequences do not have them.
            let has_it = |record: &Record| record.pieces.iter().any(|p| decode(p.text) == Some(*op));
            let mut batch = generator.batch(1);
            for _ in 0..100 {
                if batch.records.iter().any(has_it) {
                    break;
                }
                batch = generator.batch(1);
            }
            let mut record = batch.records.remove(0);
            // The code is above the pages of data: see `Record::start`.
            let data = std::mem::take(&mut batch.backgrounds[record.background]);
            let offset = record.offset % PAGE;
            (record.in_data, record.offset) = (true, CODE - DATA + offset);
            if case % 2 != 0 {
                cross(&mut record, *op, &mut random);
            }
            let in_loop = looped(&record, &mut random);
            let both = [(Some(record), case % 2 != 0), (in_loop, true)];
            for (record, warm) in both.into_iter().filter_map(|(record, warm)| Some((record?, warm))) {
                let text = record.code(0);
                let sample = Sample { text, data: data.clone(), read_only: batch.read_only.clone(), record, warm };
                test.compare(*op, &sample, &mut begun);
            }
        }
        if !begun.0.contains(&(*op as u16)) {
            never.push(op.mnemonic());
        }
    }
    println!(
        "{} rows, {} comparisons, {} exceptions injected, {} endless",
        ops.len(),
        test.runs,
        test.faults,
        test.endless
    );
    for engine in test.alone.iter().chain(&test.regions) {
        assert_eq!(engine.translated().refused, 0, "regions that the compiler refused");
    }
    let wrong = &test.wrong;
    assert!(wrong.is_empty(), "{} comparisons fail:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert!(never.is_empty(), "never begun: {never:?}");
    assert!(only.is_some() || test.faults > 1000, "hardly any exception: {}", test.faults);
}
