//! Models in Python: a process that reads a case a line, what an instruction has left with it, and prints those that differ.
//! Source: `models/*.py`, each of which says what it takes its results from.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

/// Text that is collected before the model gets it.
const PORTION: usize = 1 << 16;

/// A model that runs.
pub struct Python {
    process: Child,
    input: Option<ChildStdin>,
    output: Option<JoinHandle<String>>,
    text: String,
    cases: u64,
}

/// How many cases a test runs: what the environment's variable says, or `otherwise`.
pub fn cases(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// Tells how many cases of a class were compared with what, without a difference, as `cargo xtask campaign` reads it.
pub fn compared(class: &str, cases: u64, with: &str) {
    println!("@compared\t{class}\t{cases}\t{with}");
}

fn start(name: &str, arguments: &[&str]) -> Option<Child> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name);
    let mut command = Command::new("python3");
    let started = command.arg("-B").arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    if started.is_err() {
        eprintln!("no python3: nothing is compared");
    }
    started.ok()
}

impl Python {
    /// Starts `models/NAME`; none where there is no `python3`, which is said.
    pub fn start(name: &str) -> Option<Python> {
        let mut process = start(name, &[])?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        // The model may have much to say before it has read everything.
        let output = output.map(|output| {
            std::thread::spawn(move || std::io::read_to_string(output).unwrap_or_else(|error| error.to_string()))
        });
        Some(Python { process, input, output, text: String::new(), cases: 0 })
    }

    /// The lines that `models/NAME` prints when it is given arguments; none where there is no `python3`, which is said.
    pub fn made(name: &str, arguments: &[&str]) -> Option<impl Iterator<Item = String> + use<>> {
        let mut process = start(name, arguments)?;
        let output = process.stdout.take()?;
        // It ends with its output.
        std::thread::spawn(move || process.wait());
        Some(BufReader::new(output).lines().map_while(Result::ok))
    }

    /// A case, a line without its end.
    pub fn case(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.cases += 1;
        if self.text.len() > PORTION {
            self.send();
        }
    }

    fn send(&mut self) {
        if let Some(input) = &mut self.input {
            // A model that has ended tells why by its status.
            let _ = input.write_all(self.text.as_bytes());
        }
        self.text.clear();
    }

    /// How many cases there were, when the model agrees with all.
    ///
    /// # Panics
    /// The model says that something differs, or has failed.
    pub fn agrees(mut self) -> u64 {
        self.send();
        self.input = None;
        let output = self.output.take().and_then(|output| output.join().ok()).unwrap_or_default();
        let status = self.process.wait();
        let first: Vec<&str> = output.lines().take(30).collect();
        assert!(
            status.as_ref().is_ok_and(|status| status.success()) && output.is_empty(),
            "{}\n{} lines of differences, {status:?}",
            first.join("\n"),
            output.lines().count()
        );
        self.cases
    }
}
