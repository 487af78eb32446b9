//! Runs every case file, and checks that every implemented instruction has the cases it needs.
//! Source: `cases/README.md`.

#![allow(clippy::unwrap_used, clippy::panic)] // a test's helpers may, too

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use softsie_isa::{Op, ROWS};
use softsie_tests::{Case, Kind, check, parse};

fn all() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "case"));
    files.sort();
    assert!(!files.is_empty(), "no case files in {}", folder.display());
    let mut cases = Vec::new();
    let mut bad = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        match parse(&name, &fs::read_to_string(&file).unwrap()) {
            Ok(c) => cases.extend(c),
            Err(e) => bad.push(e),
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    cases
}

#[test]
fn every_case_holds() {
    let cases = all();
    let wrong: Vec<_> = cases.iter().filter_map(|c| check(c).err()).collect();
    println!("{} cases", cases.len());
    assert!(wrong.is_empty(), "{} of {} cases fail:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Rows that a case file cannot show, with the reason.
const EXEMPT: &[(Op, &str)] = &[
    (Op::SAM24, "the exception needs code above 16 MiB: tests/addressing_mode.rs"),
    (Op::SAM31, "the exception needs code above 2 GiB: tests/addressing_mode.rs"),
    (Op::SPT, "the CPU timer does not stand still: tests/timers.rs"),
    (Op::STPT, "the CPU timer does not stand still: tests/timers.rs"),
    (Op::ECTG, "the CPU timer does not stand still: tests/timers.rs"),
    (Op::STCK, "time passes: tests/clock_and_facilities.rs"),
    (Op::STCKF, "time passes: tests/clock_and_facilities.rs"),
    (Op::STCKE, "time passes: tests/clock_and_facilities.rs"),
    (Op::STFLE, "the facility list grows: tests/clock_and_facilities.rs"),
];

#[test]
fn every_implemented_row_has_its_cases() {
    let mut kinds: HashMap<Op, Vec<Kind>> = HashMap::new();
    for c in all() {
        kinds.entry(c.op).or_default().extend(c.kinds);
    }
    let mut missing = Vec::new();
    for row in ROWS.iter().filter(|r| softsie_exec::semantics::is_implemented(r.op)) {
        if EXEMPT.iter().any(|e| e.0 == row.op) {
            continue;
        }
        let has = |k: Kind| kinds.get(&row.op).is_some_and(|v| v.contains(&k));
        let mut lacks = Vec::new();
        if !has(Kind::Result) {
            lacks.push("result");
        }
        if row.sets_cc == Some(true) && !has(Kind::Cc) {
            lacks.push("cc");
        }
        if !has(Kind::Exception) && !has(Kind::NoException) {
            lacks.push("exception");
        }
        if !lacks.is_empty() {
            missing.push(format!("{} ({})", row.mnemonic, lacks.join(", ")));
        }
    }
    assert!(missing.is_empty(), "{} rows lack cases: {}", missing.len(), missing.join("; "));
}
