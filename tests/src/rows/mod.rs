//! Each row of the instruction table by both engines: alone, and inside loops and regions of both styles; then with an
//! exception at each page that it refers to, which is made absent or read-only in turn.
//! Source: the promise that both engines run one semantics (docs/engine-pattern.md); operands are those of
//! docs/differential.md.

mod execute;
mod shape;

use std::sync::Arc;

use softsie_exec::Leave;
use softsie_isa::{Op, decode};
use softsie_jit::{Engine, Options, Style, Translator};

use self::execute::{Begun, By, CODE, Fault, PAGE, Sample, Watchdog, execute};
use self::shape::{cross, looped};
use crate::differential::{DATA, Generator, Random, Record};

/// Compares the engines row by row.
pub struct Rows {
    watchdog: Watchdog,
    /// One instruction at a time, then regions; of both styles each.
    alone: [Engine; 2],
    regions: [Engine; 2],
    begun: Begun,
    /// How many runs of emitted code were compared.
    pub runs: u64,
    /// How many exceptions were injected.
    pub faults: u64,
    /// Samples left out because they go round for ever.
    pub endless: u64,
    /// What differed.
    pub wrong: Vec<String>,
}

impl Rows {
    /// Nothing compared yet.
    ///
    /// # Errors
    /// The host has no code generator or no executable memory.
    pub fn new() -> Result<Rows, String> {
        let engine = |style, limit| {
            let translator = Translator::new(Options { style, limit, ..Options::EAGER }).map_err(|e| e.to_string())?;
            Ok::<_, String>(Engine::of(Arc::new(translator)))
        };
        let both = |limit| Ok::<_, String>([engine(Style::Quick, limit)?, engine(Style::Best, limit)?]);
        Ok(Rows {
            watchdog: Watchdog::new(),
            alone: both(1)?,
            regions: both(64)?,
            begun: Begun::default(),
            runs: 0,
            faults: 0,
            endless: 0,
            wrong: Vec::new(),
        })
    }

    /// Compares one set of operands of `op`, in all the ways there are; across a page boundary if `crossing`.
    ///
    /// # Errors
    /// A sample cannot be set up.
    pub fn compare(&mut self, op: Op, mut random: Random, crossing: bool) -> Result<(), String> {
        let mut generator = Generator::of(random.clone(), &[op]);
        // Some instructions go alone: longer sequences do not have them.
        let has_it = |record: &Record| record.pieces.iter().any(|p| decode(p.text) == Some(op));
        let mut batch = generator.batch(1);
        for _ in 0..100 {
            if batch.records.iter().any(has_it) {
                break;
            }
            batch = generator.batch(1);
        }
        let mut record = batch.records.remove(0);
        let data = batch.backgrounds.swap_remove(record.background);
        // The code is above the pages of data: see `Record::start`.
        (record.in_data, record.offset) = (true, CODE - DATA + record.offset % PAGE);
        if crossing {
            cross(&mut record, op, &mut random);
        }
        let in_loop = looped(&record, &mut random);
        let both = [(Some(record), crossing), (in_loop, true)];
        for (record, warm) in both.into_iter().filter_map(|(record, warm)| Some((record?, warm))) {
            let text = record.code(0);
            let (data, read_only) = (data.clone(), batch.read_only.clone());
            self.sample(op, &Sample { text, data, read_only, record, warm })?;
        }
        Ok(())
    }

    /// Whether the instruction was begun in some sample.
    pub fn begun(&self, op: Op) -> bool {
        self.begun.0.contains(&(op as u16))
    }

    /// Regions that the compiler refused: defects.
    pub fn refused(&self) -> u64 {
        self.alone.iter().chain(&self.regions).map(|engine| engine.translated().refused).sum()
    }

    /// All ways to execute the sample; without fault first, then with each that it can have.
    fn sample(&mut self, op: Op, sample: &Sample) -> Result<(), String> {
        let (_, pages) = execute(&mut self.watchdog, sample, Fault::None, By::Observed(&mut self.begun))?;
        let mut faults = vec![Fault::None];
        for (page, changed) in pages {
            faults.push(Fault::Absent(page));
            if changed {
                faults.push(Fault::ReadOnly(page));
            }
        }
        for fault in faults {
            let (expected, _) = execute(&mut self.watchdog, sample, fault, By::Interpreter)?;
            if expected.leave == Leave::Attention {
                self.endless += 1;
                continue;
            }
            self.faults += u64::from(fault != Fault::None && expected.counts[1] != 0);
            for (how, engines) in [("alone", &mut self.alone), ("in regions", &mut self.regions)] {
                for (style, engine) in ["quick", "best"].iter().zip(engines) {
                    self.runs += 1;
                    let mut found = execute(&mut self.watchdog, sample, fault, By::Emitted(engine))?.0;
                    // On a busy host it may only have had no time.
                    for _ in 0..5 {
                        if found.leave == Leave::Attention {
                            found = execute(&mut self.watchdog, sample, fault, By::Emitted(engine))?.0;
                        }
                    }
                    if let Some(wrong) = expected.differs(&found) {
                        let start = &sample.record;
                        let at = CODE + start.offset % PAGE;
                        self.wrong.push(format!(
                            "{} {how}, {style}, {fault:x?}: {wrong}\n  at {at:x}: {:02x?}\n  gr {:x?} fpc {:x} psw {:x}",
                            op.mnemonic(),
                            sample.text,
                            start.gr,
                            start.fpc,
                            start.psw
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}
