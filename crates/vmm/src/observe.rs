//! What a run shows of its inside: instruction traces to a file, and counters at its end.
//! Source of the words: interception codes and DIAGNOSE codes of the state description and KVM's exits.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use softsie_kvm::{TraceFilter, Tracer};

use crate::cpu::Cpu;
use crate::error::{Error, Result};

/// Which instructions to trace, and where to.
#[derive(Clone, Debug)]
pub struct Trace {
    /// A filter, `address=1000-1fff,cpu=0,class=general,count=0-1000` or parts of that; `all` for everything.
    pub filter: String,
    /// The file that gets the lines; it is replaced.
    pub file: PathBuf,
}

/// An open trace; its lines are complete in the file after [`TraceFile::finish`].
pub(crate) struct TraceFile(Arc<Mutex<BufWriter<File>>>);

impl Trace {
    /// Checks the filter and opens the file, in this order: a bad filter leaves the file alone.
    pub(crate) fn start(&self, cpus: &[Cpu]) -> Result<TraceFile> {
        let filter: TraceFilter = self.filter.parse().map_err(|e| Error::input(format!("--trace: {e}")))?;
        let file = File::create(&self.file).map_err(|e| {
            Error::input(format!("--trace-to {}: {e}; name a file that can be written", self.file.display()))
        })?;
        let sink = Arc::new(Mutex::new(BufWriter::with_capacity(1 << 20, file)));
        for cpu in cpus {
            cpu.vcpu().set_tracer(Some(Tracer::new(filter.clone(), sink.clone())));
        }
        Ok(TraceFile(sink))
    }
}

impl TraceFile {
    /// Writes out what is still buffered.
    pub(crate) fn finish(&self) -> Result<()> {
        self.0.lock().flush().map_err(|error| Error::host("cannot write the trace", error))
    }
}

/// The counters of a run as text.
pub(crate) fn statistics(cpus: &[Cpu], elapsed: Duration) -> String {
    let mut out = String::new();
    let mut total = 0;
    for cpu in cpus {
        let inside = cpu.vcpu().cpu_statistics();
        let outside = cpu.vcpu().statistics();
        total += inside.instructions;
        // Writing to a String cannot fail.
        let _ = writeln!(out, "CPU {}", cpu.vcpu().id());
        for (name, count) in [
            ("instructions", inside.instructions),
            ("TLB hits", inside.tlb_hits),
            ("TLB misses", inside.tlb_misses),
            ("fetch translations", inside.fetch_misses),
            ("TLB purges", inside.tlb_flushes),
            ("runs decoded", inside.decoded_runs),
            ("stores into code pages", inside.code_stores),
            ("program interruptions", inside.program_interruptions),
            ("entries", outside.entries.get()),
            ("host requests", outside.host_requests.get()),
            ("interrupts delivered", outside.deliveries.get()),
            ("waits", outside.sleeps.get()),
        ] {
            let _ = writeln!(out, "  {name:24} {count:>14}");
        }
        for (code, count) in outside.interceptions.counts() {
            let _ = writeln!(out, "  interception {code:02x} {:9} {count:>14}", interception(code));
        }
        for (byte, count) in outside.instructions.counts() {
            let _ = writeln!(out, "    instruction {byte:02x} {:>21}", count);
        }
        for (byte, count) in outside.instructions_b2.counts() {
            let _ = writeln!(out, "    instruction b2{byte:02x} {:>19}", count);
        }
        for (byte, count) in outside.instructions_b9.counts() {
            let _ = writeln!(out, "    instruction b9{byte:02x} {:>19}", count);
        }
        for (code, count) in outside.diagnose.counts() {
            let _ = writeln!(out, "    diagnose {code:02x} {:>24}", count);
        }
        for (order, count) in outside.sigp.counts() {
            let _ = writeln!(out, "    sigp order {order:02x} {:>22}", count);
        }
        for (reason, count) in outside.exits.counts() {
            let _ = writeln!(out, "  exit {reason:02} {count:>32}");
        }
    }
    let seconds = elapsed.as_secs_f64();
    let _ = writeln!(
        out,
        "{total} instructions in {seconds:.2} s, {:.0} million a second",
        total as f64 / seconds.max(1e-9) / 1e6
    );
    out
}

fn interception(code: u8) -> &'static str {
    match code {
        0x04 => "instr",
        0x08 => "program",
        0x10 => "ext req",
        0x14 => "external",
        0x18 => "I/O req",
        0x1c => "wait",
        0x20 => "validity",
        0x28 => "stop",
        0x2c => "operation",
        0x38 => "partial",
        _ => "",
    }
}
