//! A campaign: batch after batch through both engines, differences counted, made small and reported.
//! Source: `docs/differential.md`.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use softsie_cpu::FacilityList;
use softsie_isa::{Class, Op, ROWS};

use super::case_text;
use super::compare::{Against, Field, Pair};
use super::layout::BATCH_LIMIT;
use super::minimise::{Case, minimise};
use super::opponent::Opponent;
use super::record::{Piece, Record, Target};
use super::{Batch, Engine, Generator, Machine, Outcome, Qemu, layout};

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many sequences.
    pub sequences: u64,
    /// It ends after so long, however many there were.
    pub time: Option<Duration>,
    /// Seed; the same seed makes the same sequences.
    pub seed: u64,
    /// Only instructions of this class.
    pub class: Option<Class>,
    /// Only these instructions.
    pub only: Vec<Op>,
    /// What to compare with.
    pub against: Against,
    /// QEMU.
    pub qemu: PathBuf,
    /// softsie's engine.
    pub engine: Engine,
    /// Where case files go; printed when there is none.
    pub folder: Option<PathBuf>,
    /// So many differences are made small and reported.
    pub reported: usize,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Sequences compared.
    pub sequences: u64,
    /// Sequences with an unexplained difference.
    pub differences: u64,
    /// Sequences that each rule explained.
    pub explained: BTreeMap<&'static str, u64>,
    /// Sequences in which each instruction was begun; none when no interpreter took part.
    pub rounds: BTreeMap<&'static str, u64>,
    /// How sequences ended: 0 for completion, else the program-interruption code.
    pub ends: BTreeMap<u16, u64>,
    /// Sequences that an instruction's specification exception ended.
    pub specification: BTreeMap<&'static str, u64>,
    /// Instructions that QEMU does not have, or that a bare CPU cannot complete.
    pub absent: Vec<&'static str>,
    /// Instructions that sequences were made of.
    pub generated: Vec<Op>,
    /// What softsie was compared with, in words.
    pub opponent: String,
}

/// A campaign.
pub struct Campaign {
    options: Options,
    softsie: Machine,
    other: Opponent,
    /// What a campaign has come to.
    pub totals: Totals,
    reported: usize,
    /// How often a kind of difference has been seen.
    signatures: HashMap<(Option<u16>, Option<std::mem::Discriminant<Field>>), u32>,
}

impl Campaign {
    /// Prepares both engines.
    ///
    /// # Errors
    /// No memory, or no QEMU.
    pub fn new(options: Options) -> Result<Campaign, String> {
        let facilities = all_facilities();
        let other = match options.against {
            Against::Qemu => Opponent::Qemu(Qemu::new(&options.qemu, 0)?),
            Against::Interpreter => Opponent::Interpreter(Machine::new(facilities.clone(), Engine::Interpreter)?),
        };
        let softsie = Machine::new(facilities, options.engine)?;
        Ok(Campaign { options, softsie, other, totals: Totals::default(), reported: 0, signatures: HashMap::new() })
    }

    /// Runs it, telling progress on standard error.
    ///
    /// # Errors
    /// What the engines report.
    pub fn run(&mut self) -> Result<(), String> {
        self.totals.opponent = match &self.other {
            Opponent::Interpreter(_) => "the interpreter".to_owned(),
            Opponent::Qemu(qemu) => qemu.version()?,
        };
        eprintln!("{}", self.totals.opponent);
        if self.options.against == Against::Qemu {
            // "QEMU emulator version 10.0.2 (…)"
            let mut words = self.totals.opponent.split_whitespace();
            let major = words.find_map(|w| w.split('.').next()?.parse::<u32>().ok());
            if major.is_some_and(|m| m < 10) {
                eprintln!(
                    "note: the explained differences are those of QEMU 10; older ones have mistakes of their own"
                );
            }
        }
        let ops = self.present(&Generator::candidates(self.options.against))?;
        let wanted = |op: &Op| {
            (self.options.class.is_none_or(|c| op.row().class == c))
                && (self.options.only.is_empty() || self.options.only.contains(op))
        };
        let ops: Vec<Op> = ops.into_iter().filter(wanted).collect();
        if ops.is_empty() {
            return Err("no instruction of that class can be compared".to_owned());
        }
        eprintln!("{} instructions; {} that softsie has are not in the other", ops.len(), self.totals.absent.len());
        let mut generator = Generator::new(self.options.seed, &ops);
        self.totals.generated = ops;
        self.count_rounds(false);
        let begin = Instant::now();
        let limit = self.options.time;
        let in_time = || limit.is_none_or(|limit| begin.elapsed() < limit);
        while self.totals.sequences < self.options.sequences && in_time() {
            let left = self.options.sequences - self.totals.sequences;
            let batch = generator.batch(usize::try_from(left).map_or(BATCH_LIMIT, |n| n.min(BATCH_LIMIT)));
            self.both(&batch)?;
            self.count_rounds(true);
            self.look(&batch)?;
            self.count_rounds(false);
            let seconds = begin.elapsed().as_secs_f64();
            eprintln!(
                "{} sequences, {} unexplained, {} explained, {:.0} a second",
                self.totals.sequences,
                self.totals.differences,
                self.totals.explained.values().sum::<u64>(),
                self.totals.sequences as f64 / seconds
            );
        }
        Ok(())
    }

    /// Runs a batch on both engines at the same time.
    fn both(&mut self, batch: &Batch) -> Result<(), String> {
        let Campaign { softsie, other, .. } = self;
        std::thread::scope(|scope| {
            let ours = scope.spawn(|| softsie.run(batch));
            other.run(batch)?;
            ours.join().map_err(|_| "softsie panicked".to_owned())?
        })
    }

    /// Takes what the interpreter counted, and adds it up when it is of the campaign itself.
    fn count_rounds(&mut self, add: bool) {
        let rounds = match &mut self.other {
            Opponent::Interpreter(machine) => machine.take_rounds(),
            Opponent::Qemu(_) => self.softsie.take_rounds(),
        };
        for (op, count) in rounds.into_iter().filter(|_| add) {
            *self.totals.rounds.entry(op.mnemonic()).or_default() += count;
        }
    }

    /// The instructions that the other side has: no operation exception in QEMU, nothing for the host on a bare CPU.
    /// softsie gets QEMU's facilities.
    fn present(&mut self, ops: &[Op]) -> Result<Vec<Op>, String> {
        // STFLE of four doublewords to the address in register 2, after all others.
        const STFLE: u64 = 0xB2B0_2000_0000_0000;
        let texts = ops.iter().map(|op| op.text()).chain([STFLE]);
        let records = texts
            .map(|text| Record {
                // A branch goes to its own end, not to itself for ever.
                pieces: vec![Piece { text, target: Target::Piece(1) }],
                execute: Vec::new(),
                offset: 0,
                in_data: false,
                gr: std::array::from_fn(|n| match n {
                    0 if text == STFLE => 3,
                    2 if text == STFLE => layout::DATA,
                    _ => 0,
                }),
                cr: std::array::from_fn(|n| match n {
                    0 => 0x600E0,
                    1 | 7 | 13 => layout::Space::Plain.asce(),
                    _ => 0,
                }),
                ar: [0; 16],
                vr: [0; 32],
                fpc: 0,
                psw: 1 << 58 | 3 << 31,
                background: 0,
            })
            .collect();
        let batch = Batch { records, backgrounds: vec![vec![0; layout::DATA_SIZE]], read_only: vec![0; 4096] };
        self.other.run(&batch)?;
        let mut present = Vec::new();
        for (index, op) in ops.iter().enumerate() {
            let outcome = Outcome::of(self.other.storage(), index);
            if outcome.program() == 1 || outcome.kind() == layout::result::FOR_THE_HOST {
                self.totals.absent.push(op.mnemonic());
            } else {
                present.push(*op);
            }
        }
        if self.options.against == Against::Interpreter {
            return Ok(present);
        }
        let list = Outcome::of(self.other.storage(), ops.len()).data();
        let facilities: Vec<u16> =
            (0..256u16).filter(|bit| list[usize::from(bit / 8)] & (0x80 >> (bit % 8)) != 0).collect();
        eprintln!("facilities {facilities:?}");
        self.softsie = Machine::new(FacilityList::of(&facilities), self.options.engine)?;
        Ok(present)
    }

    /// Compares a batch that both engines have run.
    fn look(&mut self, batch: &Batch) -> Result<(), String> {
        let mut cases = Vec::new();
        for (index, record) in batch.records.iter().enumerate() {
            let pair = Pair::of(record, index, self.softsie.storage(), &self.other);
            self.totals.sequences += 1;
            *self.totals.ends.entry(pair.softsie.program()).or_default() += 1;
            if pair.softsie.program() == 6
                && let Some(op) = pair.ended_by(pair.softsie)
            {
                *self.totals.specification.entry(op.mnemonic()).or_default() += 1;
            }
            if pair.equal() {
                continue;
            }
            let (unexplained, rules) = pair.judge();
            if unexplained.is_empty() {
                for rule in rules {
                    *self.totals.explained.entry(rule).or_default() += 1;
                }
                continue;
            }
            self.totals.differences += 1;
            // Two of a kind are enough.
            let kinds: Vec<std::mem::Discriminant<Field>> = unexplained.iter().map(std::mem::discriminant).collect();
            let last = pair
                .ended_by(pair.softsie)
                .or_else(|| pair.ended_by(pair.qemu))
                .or_else(|| record.pieces.last().and_then(|p| softsie_isa::decode(p.text)));
            let seen = self.signatures.entry((last.map(|op| op as u16), kinds.first().copied())).or_default();
            *seen += 1;
            if *seen <= 2 && self.reported + cases.len() < self.options.reported {
                let background = batch.backgrounds[record.background].clone();
                cases.push(Case { record: record.clone(), background });
            }
        }
        if cases.is_empty() {
            return Ok(());
        }
        self.reported += cases.len();
        let cases = minimise(cases, &batch.read_only, &mut self.softsie, &mut self.other)?;
        self.report(&cases, &batch.read_only)
    }

    fn report(&mut self, cases: &[Case], read_only: &[u8]) -> Result<(), String> {
        let mut batch = Batch { read_only: read_only.to_vec(), ..Batch::default() };
        for (n, case) in cases.iter().enumerate() {
            let mut record = case.record.clone();
            record.background = n;
            batch.records.push(record);
            batch.backgrounds.push(case.background.clone());
        }
        self.both(&batch)?;
        for (index, case) in cases.iter().enumerate() {
            let pair = Pair::of(&batch.records[index], index, self.softsie.storage(), &self.other);
            println!("{}", case_text::summary(&pair));
            let text = case_text::text(case, &pair, self.options.seed);
            match &self.options.folder {
                None => println!("{text}"),
                Some(folder) => {
                    let first = case.record.pieces.first().and_then(|p| softsie_isa::decode(p.text));
                    let name = format!("{}_{:x}_{index}.case", first.map_or("none", Op::mnemonic), self.options.seed);
                    let path = folder.join(name);
                    std::fs::create_dir_all(folder)
                        .and_then(|()| std::fs::write(&path, text))
                        .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
                }
            }
        }
        Ok(())
    }
}

/// Every facility that an instruction of the table belongs to.
pub(super) fn all_facilities() -> FacilityList {
    let mut list = FacilityList::default();
    for facility in ROWS.iter().flat_map(|r| r.facilities) {
        list.set(*facility, true);
    }
    list
}
