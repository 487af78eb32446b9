//! The instruction trace of a run: one file for all CPUs, flushed at the end.
//! Truth: the line's form is the tracer's (crate `exec`).

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use softsie_kvm::{TraceFilter, Tracer};

use crate::machine::Machine;
use crate::{Error, Result};

/// A trace under way.
pub(crate) struct Trace {
    sink: Arc<Mutex<dyn Write + Send>>,
}

impl Trace {
    /// Creates the file and traces all CPUs from their first instruction on.
    pub(crate) fn start(machine: &Machine, filter: &TraceFilter, path: &Path) -> Result<Self> {
        let file = File::create(path)
            .map_err(|error| Error::input(format!("cannot write the trace to {}: {error}", path.display())))?;
        let sink: Arc<Mutex<dyn Write + Send>> = Arc::new(Mutex::new(BufWriter::with_capacity(1 << 20, file)));
        for cpu in &machine.cpus {
            cpu.vcpu().beside_kvm().set_tracer(Some(Tracer::new(filter.clone(), Arc::clone(&sink))));
        }
        Ok(Self { sink })
    }

    /// Brings the last lines to the file.
    pub(crate) fn finish(&self) -> Result<()> {
        self.sink.lock().flush().map_err(|error| Error::host("the trace is incomplete", error))
    }
}
