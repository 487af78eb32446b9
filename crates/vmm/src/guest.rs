//! The embedded guest: a small bare-metal program of ours that shows what machine it found and checks it.
//! Its source is `guest/`, assembled by our own assembler when it is needed.

use softsie_isa::assemble;

use crate::load::{ENTRY, Program};
use crate::{Error, Result};

const SOURCE: &str = include_str!("../guest/selfcheck.s");

/// The program, ready to load.
pub(crate) fn program() -> Result<Program> {
    let bytes = assemble(SOURCE, ENTRY).map_err(|error| Error::input(format!("the embedded guest: {error}")))?;
    Ok(Program::embedded("the embedded guest", bytes, ENTRY))
}
