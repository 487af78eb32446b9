//! Cargo as the tasks call it: the one that runs the task, in the repository.
//! Truth: none; what several tasks do alike.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// Cargo, to be given its arguments.
pub fn cargo(repository: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository);
    command
}

/// Cargo, to build `program` of `package`, optimised, and to run it with the arguments that are added.
pub fn program(repository: &Path, package: &str, program: &str) -> Command {
    let mut command = cargo(repository);
    command.args(["run", "--release", "--quiet", "--package", package, "--bin", program, "--"]);
    command
}

/// Runs the command; its status, 2 when a signal ended it.
pub fn status(mut command: Command) -> Result<u8> {
    let status = command.status().context("cannot run cargo")?;
    Ok(status.code().map_or(2, |code| code as u8))
}
