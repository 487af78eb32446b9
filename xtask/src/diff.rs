//! The comparison with QEMU: builds the program of `tests` that does it, optimised, and runs it.
//! Described in `docs/differential.md`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::cargo;

/// Options of `cargo xtask diff`.
#[derive(Args, Debug)]
pub struct Options {
    /// How many sequences to compare
    #[arg(long, default_value_t = 100_000)]
    sequences: u64,
    /// End after so many minutes, however many there were
    #[arg(long)]
    minutes: Option<u64>,
    /// Seed of the random numbers; the same seed gives the same sequences
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only instructions of this class (general, bfp, vector-fp, …)
    #[arg(long)]
    class: Option<String>,
    /// Only these instructions (mnemonics, comma between)
    #[arg(long)]
    only: Option<String>,
    /// The QEMU to compare with, instead of the installed qemu-system-s390x
    #[arg(long, value_name = "PATH")]
    qemu: Option<PathBuf>,
    /// The engine of softsie to compare: interpreter or jit
    #[arg(long)]
    engine: Option<String>,
    /// What to compare it with: qemu, or interpreter (then emitted code is compared)
    #[arg(long)]
    against: Option<String>,
    /// Write how often each instruction was compared into tests/rounds.tsv, from which the coverage report is made
    #[arg(long)]
    record: bool,
    /// Folder for case files of differences; they are printed when it is not given
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Print how often each instruction occurred
    #[arg(long)]
    rounds: bool,
}

/// Runs it; the status is 1 when there was a difference without explanation.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    let mut command = cargo::program(repository, "softsie-tests", "diff");
    command.args(["--sequences", &options.sequences.to_string(), "--seed", &options.seed.to_string()]);
    for (name, value) in [
        ("--class", &options.class),
        ("--only", &options.only),
        ("--engine", &options.engine),
        ("--against", &options.against),
    ] {
        if let Some(value) = value {
            command.args([name, value]);
        }
    }
    for (name, value) in [("--qemu", &options.qemu), ("--folder", &options.folder)] {
        if let Some(value) = value {
            // Relative to where the user is, not to the repository.
            let value = if value.components().count() > 1 { std::path::absolute(value)? } else { value.clone() };
            command.arg(name).arg(value);
        }
    }
    if let Some(minutes) = options.minutes {
        command.args(["--minutes", &minutes.to_string()]);
    }
    if options.rounds {
        command.arg("--rounds");
    }
    if options.record {
        command.arg("--record").arg(repository.join("tests/rounds.tsv"));
    }
    cargo::status(command)
}
