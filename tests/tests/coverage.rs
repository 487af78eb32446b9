//! The coverage report is as fresh as the cases and the recorded campaigns, and no implemented instruction lacks either.
//! Source: `docs/coverage.tsv`, `docs/differential.md`.

#![allow(clippy::unwrap_used)] // a test's helpers may, too

use std::path::Path;

use softsie_isa::ROWS;
use softsie_tests::coverage::{Coverage, EXEMPT, all_cases, completed_by_the_host, report_path, rounds_path};
use softsie_tests::differential::Rounds;

fn rounds() -> Rounds {
    Rounds::parse(&std::fs::read_to_string(rounds_path()).unwrap()).unwrap()
}

#[test]
fn every_implemented_row_has_its_cases_and_rounds() {
    let missing = Coverage::of(&all_cases().unwrap(), rounds()).missing();
    assert!(
        missing.is_empty(),
        "{} rows lack something: {}\n(for rounds: cargo xtask diff --against interpreter --only MNEMONICS --record)",
        missing.len(),
        missing.join("; ")
    );
}

#[test]
fn the_report_is_fresh() {
    let report = Coverage::of(&all_cases().unwrap(), rounds()).report();
    let stored = std::fs::read_to_string(report_path()).unwrap();
    let stale: Vec<_> = report.lines().zip(stored.lines()).filter(|(a, b)| a != b).take(3).collect();
    assert!(report == stored, "docs/coverage.tsv is stale, run `cargo xtask coverage`; first differences: {stale:#?}");
}

#[test]
fn a_row_without_cases_or_rounds_is_missing() {
    let missing = Coverage::of(&[], Rounds::default()).missing();
    let lr = missing.iter().find(|m| m.starts_with("lr "));
    assert_eq!(lr.map(String::as_str), Some("lr (result, exception, differential rounds)"));
    assert!(!missing.iter().any(|m| m.starts_with("sigp ") && m.contains("rounds")));
}

#[test]
fn other_tests_exist_where_the_report_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let hosted = ROWS.iter().filter_map(|r| completed_by_the_host(r.op));
    for text in EXEMPT.iter().map(|e| e.1).chain(hosted) {
        let path = text.rsplit(": ").next().unwrap();
        assert!(root.join(path).is_file(), "{path}");
    }
}

#[test]
fn a_record_that_was_written_is_read_as_it_was() {
    let rounds = rounds();
    assert_eq!(Rounds::parse(&rounds.text()).unwrap(), rounds);
    assert!(Rounds::parse("lr\t1\n").is_err());
}
