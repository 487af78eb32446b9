//! The coverage report: builds the program of `tests` that writes `docs/coverage.tsv`, and runs it.
//! Described in `docs/differential.md`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// Runs it; the status is 1 when an implemented instruction lacks something.
pub fn run(repository: &Path) -> Result<u8> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository);
    // The same build as that of `diff`.
    command.args(["run", "--release", "--quiet", "--package", "softsie-tests", "--bin", "coverage"]);
    let status = command.status().context("cannot run cargo")?;
    Ok(status.code().map_or(2, |code| code as u8))
}
