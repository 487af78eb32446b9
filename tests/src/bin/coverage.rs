//! `coverage`: writes `docs/coverage.tsv`. Started by `cargo xtask coverage`.
//! Ends with status 1 when an implemented instruction lacks cases or differential rounds.

use std::process::ExitCode;

use softsie_tests::coverage::{Coverage, all_cases, report_path, rounds_path};
use softsie_tests::differential::Rounds;

fn run() -> Result<Vec<String>, String> {
    let rounds = std::fs::read_to_string(rounds_path()).map_err(|e| format!("{}: {e}", rounds_path().display()))?;
    let coverage = Coverage::of(&all_cases()?, Rounds::parse(&rounds)?);
    std::fs::write(report_path(), coverage.report()).map_err(|e| format!("{}: {e}", report_path().display()))?;
    Ok(coverage.missing())
}

fn main() -> ExitCode {
    match run() {
        Ok(missing) if missing.is_empty() => ExitCode::SUCCESS,
        Ok(missing) => {
            eprintln!("{} implemented instructions lack something: {}", missing.len(), missing.join("; "));
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("coverage: {error}");
            ExitCode::from(2)
        }
    }
}
