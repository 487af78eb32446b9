//! The coverage report: for each row of the instruction table its cases, the program interruptions that they expect, and how
//! many differential rounds it had. Source: `cases/`, and `rounds.tsv`, which campaigns write.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use softsie_exec::semantics::is_implemented;
use softsie_isa::{Class, Op, ROWS, Row};

use crate::case::{Case, parse};
use crate::differential::Rounds;

/// Rows that case files cannot show in full, with the reason and the test that shows the rest.
pub const EXEMPT: &[(Op, &str)] = &[
    (Op::SAM24, "the exception needs code above 16 MiB: tests/tests/addressing_mode.rs"),
    (Op::SAM31, "the exception needs code above 2 GiB: tests/tests/addressing_mode.rs"),
    (Op::SPT, "the CPU timer does not stand still: tests/tests/timers.rs"),
    (Op::STPT, "the CPU timer does not stand still: tests/tests/timers.rs"),
    (Op::ECTG, "the CPU timer does not stand still: tests/tests/timers.rs"),
    (Op::STCK, "time passes: tests/tests/clock_and_facilities.rs"),
    (Op::STCKF, "time passes: tests/tests/clock_and_facilities.rs"),
    (Op::STCKE, "time passes: tests/tests/clock_and_facilities.rs"),
    (Op::TABORT, "it is nothing without a transaction: tests/tests/transactions.rs"),
    (Op::STFLE, "the facility list grows: tests/tests/clock_and_facilities.rs"),
];

/// Where an instruction that the host completes is tested, which a bare CPU hands over: it has no differential rounds.
pub fn completed_by_the_host(op: Op) -> Option<&'static str> {
    use Op::*;
    Some(match op {
        DIAG | STIDP | SCK | SPX | STPX | STAP | TB | STSI | STFL | STHYI => "crates/kvm/src/tests/instructions.rs",
        PTF | CLP | PQAP | TPEI => "for the client: crates/kvm/src/tests/instructions.rs",
        ESSA => "not installed by the host: crates/kvm/src/tests/instructions.rs",
        SIGP => "crates/kvm/src/tests/sigp.rs",
        SERVC => "for the client: crates/kvm/src/tests/running.rs",
        CSCH | HSCH | MSCH | SSCH | STSCH | TSCH | TPI | SAL | STCRW | RCHP => "crates/vmm/src/programs.rs",
        RSCH | STCPS | SCHM | CHSC | SIGA | XSCH => "handed over: tests/cases/control_host.case",
        NQAP | DQAP | PCISTG | PCILG | RPCIT | MPCIFC | STPCIFC | PCISTB | PCISTGI | PCILGI | PCISTBI | PCIWB | UVC
        | SIC | SIE => "handed over, no host has it: tests/cases/control_host.case",
        _ => return None,
    })
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where campaigns write their rounds.
pub fn rounds_path() -> PathBuf {
    folder().join("rounds.tsv")
}

/// Where the report is.
pub fn report_path() -> PathBuf {
    folder().join("../docs/coverage.tsv")
}

/// Reads all case files.
///
/// # Errors
/// What is wrong in them, or that there are none.
pub fn all_cases() -> Result<Vec<Case>, String> {
    let folder = folder().join("cases");
    let told = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.extension().is_some_and(|e| e == "case") {
            files.push(path);
        }
    }
    files.sort();
    let (mut cases, mut bad) = (Vec::new(), Vec::new());
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match fs::read_to_string(file).map_err(|e| format!("{name}: {e}")).and_then(|text| parse(&name, &text)) {
            Ok(c) => cases.extend(c),
            Err(e) => bad.push(e),
        }
    }
    match (bad.is_empty(), cases.is_empty()) {
        (false, _) => Err(bad.join("\n")),
        (true, true) => Err(format!("no cases in {}", folder.display())),
        (true, false) => Ok(cases),
    }
}

/// What the cases of a row show.
#[derive(Clone, Debug, Default)]
struct Shown {
    /// Number of cases.
    cases: u32,
    /// Of those for a result, a condition code, an exception, and that there is none.
    kinds: [u32; 4],
    /// Program-interruption codes that they expect.
    codes: BTreeSet<u16>,
}

/// The report's numbers.
pub struct Coverage {
    rows: BTreeMap<&'static str, Shown>,
    rounds: Rounds,
}

impl Coverage {
    /// Counts.
    pub fn of(cases: &[Case], rounds: Rounds) -> Coverage {
        let mut rows: BTreeMap<&'static str, Shown> = BTreeMap::new();
        for case in cases {
            let shown = rows.entry(case.op.mnemonic()).or_default();
            shown.cases += 1;
            for kind in &case.kinds {
                shown.kinds[*kind as usize] += 1;
            }
            let codes = case.after.iter().filter(|(name, _)| name == "program");
            shown.codes.extend(codes.filter_map(|(_, code)| u16::from_str_radix(code, 16).ok()));
        }
        Coverage { rows, rounds }
    }

    fn shown(&self, row: &Row) -> Shown {
        self.rows.get(row.mnemonic).cloned().unwrap_or_default()
    }

    fn rounds(&self, row: &Row) -> [u64; 2] {
        self.rounds.counts.get(row.mnemonic).copied().unwrap_or_default()
    }

    /// Implemented rows that lack something, and what.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for row in ROWS.iter().filter(|r| is_implemented(r.op)) {
            let [results, cc, exceptions, none] = self.shown(row).kinds;
            let exempt = EXEMPT.iter().any(|e| e.0 == row.op);
            let compared = self.rounds(row) != [0, 0];
            let wanted = [
                ("result", exempt || results != 0),
                ("cc", exempt || cc != 0 || row.sets_cc != Some(true)),
                ("exception", exempt || exceptions + none != 0),
                ("differential rounds", compared || completed_by_the_host(row.op).is_some()),
            ];
            let lacks: Vec<&str> = wanted.iter().filter(|(_, there)| !there).map(|(what, _)| *what).collect();
            if !lacks.is_empty() {
                missing.push(format!("{} ({})", row.mnemonic, lacks.join(", ")));
            }
        }
        missing
    }

    /// The report.
    pub fn report(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# What tests each instruction. Generated: `cargo xtask coverage` writes it anew.");
        let _ = writeln!(out, "# Cases are those of tests/cases, rounds those of docs/differential.md:");
        for (name, campaign) in ["QEMU", "engines"].iter().zip(&self.rounds.campaigns) {
            let _ = writeln!(out, "# {name}: {campaign}");
        }
        let mut classes: BTreeMap<Class, [u64; 6]> = BTreeMap::new();
        for row in ROWS {
            let (cases, [qemu, engines]) = (self.shown(row).cases, self.rounds(row));
            let done = is_implemented(row.op);
            let sums = classes.entry(row.class).or_default();
            let new = [
                1,
                u64::from(done),
                u64::from(cases),
                u64::from(qemu != 0),
                u64::from(engines != 0),
                u64::from(done && completed_by_the_host(row.op).is_some()),
            ];
            sums.iter_mut().zip(new).for_each(|(sum, n)| *sum += n);
        }
        let mut total = [0; 6];
        let _ = writeln!(
            out,
            "#\n# class: rows, implemented, cases; compared with QEMU, between engines; completed by the host"
        );
        let line =
            |name: &str, n: &[u64; 6]| format!("# {name}: {}, {}, {}; {}, {}; {}", n[0], n[1], n[2], n[3], n[4], n[5]);
        for (class, sums) in &classes {
            let _ = writeln!(out, "{}", line(&class.to_string(), sums));
            total.iter_mut().zip(sums).for_each(|(t, n)| *t += n);
        }
        let _ = writeln!(out, "{}", line("all", &total));
        out += "mnemonic\tclass\tfacilities\timplemented\tresult\tcc\texception\tno exception\tprogram interruptions\t\
                QEMU rounds\tengine rounds\tother tests\n";
        for row in ROWS {
            let Shown { kinds: [results, cc, exceptions, none], codes, .. } = self.shown(row);
            let [qemu, engines] = self.rounds(row);
            let list = |items: Vec<String>| if items.is_empty() { "-".to_owned() } else { items.join(",") };
            let done = is_implemented(row.op);
            let exempt = EXEMPT.iter().find(|e| e.0 == row.op).map(|e| e.1);
            let other = exempt.or_else(|| completed_by_the_host(row.op)).filter(|_| done).unwrap_or("-");
            let _ = writeln!(
                out,
                "{}\t{}\t{}\t{}\t{results}\t{cc}\t{exceptions}\t{none}\t{}\t{qemu}\t{engines}\t{other}",
                row.mnemonic,
                row.class,
                list(row.facilities.iter().map(u16::to_string).collect()),
                if done { "yes" } else { "no" },
                list(codes.iter().map(|c| format!("{c:x}")).collect()),
            );
        }
        out
    }
}
