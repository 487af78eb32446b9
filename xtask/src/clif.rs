//! Random Cranelift IR compiled for s390x and for the host: builds the program of `tests/clif` that compares the results,
//! optimised, and runs it. Described in `docs/differential.md`.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::cargo;

/// Options of `cargo xtask clif`.
#[derive(Args, Debug)]
pub struct Options {
    /// How many functions
    #[arg(long, default_value_t = 20_000)]
    functions: u64,
    /// End after so many minutes, however many there were
    #[arg(long)]
    minutes: Option<u64>,
    /// Seed of the first function; the next one has the next
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Emitted code is compared for each so-many-th function, the interpreter for all
    #[arg(long, default_value_t = 1)]
    emitted: u64,
    /// Print how often each instruction is in the code
    #[arg(long)]
    instructions: bool,
}

/// Runs it; the status is 1 when there was a difference.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    let mut command = cargo::program(repository, "softsie-clif", "clif");
    for (name, value) in [
        ("--functions", Some(options.functions)),
        ("--minutes", options.minutes),
        ("--seed", Some(options.seed)),
        ("--emitted", Some(options.emitted)),
    ] {
        if let Some(value) = value {
            command.args([name, &value.to_string()]);
        }
    }
    if options.instructions {
        command.arg("--instructions");
    }
    cargo::status(command)
}
