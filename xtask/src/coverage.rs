//! The coverage report: builds the program of `tests` that writes `docs/coverage.tsv`, and runs it.
//! Described in `docs/differential.md`.

use std::path::Path;

use anyhow::Result;

use crate::cargo;

/// Runs it; the status is 1 when an implemented instruction lacks something.
pub fn run(repository: &Path) -> Result<u8> {
    // The same build as that of `diff`.
    cargo::status(cargo::program(repository, "softsie-tests", "coverage"))
}
