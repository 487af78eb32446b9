//! A whole run from options to ending: builds the machine, joins it to the terminal, waits, reports.
//! Truth: none; this is the order of things.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use softsie_kvm::Translation;

use crate::console::Console;
use crate::load::Program;
use crate::machine::{Ending, Identity, Machine, Parts};
use crate::sclp::ConsoleKind;
use crate::terminal::{self, RawMode};
use crate::trace::Trace;
use crate::{Error, Result, TraceFilter, counters, guest, model};

/// Most CPUs of a machine: what READ SCP INFO can list in one control block.
pub const MAX_CPUS: u16 = 240;

/// What to run and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The guest's image; the embedded guest without one.
    pub kernel: Option<PathBuf>,
    /// A file for the guest's initial RAM disk.
    pub initrd: Option<PathBuf>,
    /// The guest's command line.
    pub append: String,
    /// Size of storage in bytes, a multiple of 1 MiB.
    pub storage: u64,
    /// Number of CPUs.
    pub cpus: u16,
    /// CPUs the machine claims it could have; at least `cpus`.
    pub max_cpus: u16,
    /// CPU model by name.
    pub cpu_model: Option<String>,
    /// Which of the two consoles is shown; by the command line's `console=` when not given.
    pub console: Option<ConsoleKind>,
    /// A word that announces the guest's exit status on its console.
    pub status_marker: Option<String>,
    /// Name and UUID of the virtual machine.
    pub identity: Identity,
    /// Which instructions to trace, and into which file.
    pub trace: Option<(TraceFilter, PathBuf)>,
    /// Whether to report the counters.
    pub counters: bool,
    /// How hot code is translated; without, the interpreter executes all.
    pub translation: Option<Translation>,
    /// Whether KVM is called by ioctl number, as by a client with descriptors.
    pub via_ioctl: bool,
}

/// What came of a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The status the guest reported after the marker.
    pub reported_status: Option<u8>,
    /// The counters, if they were asked for.
    pub counters: Option<String>,
}

impl Options {
    /// The console to show: the line-mode one if the guest's command line asks for it, else the VT220.
    fn console_kind(&self) -> ConsoleKind {
        let last = self.append.split_whitespace().filter_map(|word| word.strip_prefix("console=")).next_back();
        match (self.console, last) {
            (Some(kind), _) => kind,
            (None, Some("ttyS0")) => ConsoleKind::Line,
            _ => ConsoleKind::Vt220,
        }
    }

    fn check(&self) -> Result<()> {
        if !(1..=MAX_CPUS).contains(&self.cpus) {
            return Err(Error::input(format!(
                "{} CPUs are not possible: give --smp a number from 1 to {MAX_CPUS}",
                self.cpus
            )));
        }
        if self.max_cpus < self.cpus {
            return Err(Error::input(format!("the machine has {} CPUs: --max-cpus cannot be less", self.cpus)));
        }
        if let Some(name) = &self.cpu_model {
            model::check(name)?;
        }
        if self.kernel.is_none() && self.initrd.is_some() {
            return Err(Error::input("--initrd needs a kernel: give --kernel FILE too"));
        }
        Ok(())
    }
}

/// Runs a guest until it ends. Errors come before anything ran.
pub fn run(options: &Options) -> Result<Outcome> {
    options.check()?;
    let program = match &options.kernel {
        Some(kernel) => Program::from_files(kernel, options.initrd.as_deref(), &options.append)?,
        None => guest::program()?,
    };
    // Linux drives a terminal itself; bare-metal programs end their lines with a line feed alone.
    let translate = !program.is_linux();
    let console = Arc::new(Console::new(options.status_marker.as_deref()));
    let machine = Arc::new(Machine::new(
        Parts {
            program,
            storage: options.storage,
            cpus: options.cpus,
            max_cpus: options.max_cpus,
            cpu_model: options.cpu_model.clone(),
            console_kind: options.console_kind(),
            identity: options.identity.clone(),
            translation: options.translation,
            via_ioctl: options.via_ioctl,
        },
        Arc::clone(&console),
    )?);
    let trace = match &options.trace {
        Some((filter, path)) => Some(Trace::start(&machine, filter, path)?),
        None => None,
    };
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]).map_err(|error| Error::host("cannot watch signals", error))?;
    let signal_handle = signals.handle();
    let on_signal = Arc::clone(&machine);
    let signal_thread = std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            on_signal.end(Ending::Left);
        }
    });

    let raw = RawMode::enter(translate);
    console.set_raw(raw.is_some());
    let (stop_reading, keep_reading) = terminal::stop_pipe()?;
    let typing = Arc::clone(&machine);
    let input_thread = std::thread::spawn(move || {
        let mut raw = raw;
        terminal::serve(&typing, &stop_reading, &mut raw, translate);
        // At the end of input the guest runs on; the terminal stays as it is until then.
        raw
    });
    let start = Instant::now();
    let threads = machine.start();
    let ending = match &threads {
        Ok(_) => machine.wait(),
        Err(error) => Ending::Failed(error.to_string()),
    };
    let elapsed = start.elapsed();
    machine.end(ending.clone());
    drop(keep_reading);
    // Drops raw mode, if the thread still had it.
    let _ = input_thread.join();
    terminal::restore();
    console.set_raw(false);
    machine.join(threads.unwrap_or_default());
    signal_handle.close();
    let _ = signal_thread.join();
    console.flush();
    if let Some(trace) = &trace {
        trace.finish()?;
    }
    let counters = options.counters.then(|| counters::report(&machine, elapsed));
    Ok(Outcome { ending, reported_status: console.reported_status(), counters })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            kernel: None,
            initrd: None,
            append: String::new(),
            storage: 128 << 20,
            cpus: 1,
            max_cpus: 1,
            cpu_model: None,
            console: None,
            status_marker: None,
            identity: Identity::default(),
            trace: None,
            counters: false,
            translation: None,
            via_ioctl: false,
        }
    }

    #[test]
    fn the_console_follows_the_command_line() {
        let with = |append: &str| Options { append: append.into(), ..options() }.console_kind();
        assert_eq!(with(""), ConsoleKind::Vt220);
        assert_eq!(with("quiet console=ttysclp0"), ConsoleKind::Vt220);
        assert_eq!(with("console=ttysclp0 console=ttyS0"), ConsoleKind::Line);
        assert_eq!(with("xconsole=ttyS0"), ConsoleKind::Vt220);
    }

    #[test]
    fn impossible_options_are_refused_in_one_line() {
        for (wrong, word) in [
            (Options { cpus: 0, ..options() }, "--smp"),
            (Options { cpus: 500, max_cpus: 500, ..options() }, "--smp"),
            (Options { cpus: 2, ..options() }, "--max-cpus"),
            (Options { cpu_model: Some("i486".into()), ..options() }, "'i486'"),
            (Options { initrd: Some("x".into()), ..options() }, "--kernel"),
        ] {
            let message = run(&wrong).unwrap_err().to_string();
            assert!(message.contains(word) && !message.contains('\n'), "{message}");
        }
    }
}
