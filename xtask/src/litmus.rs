//! The litmus campaigns: every guest of the litmus, shared-code, purge and storm tests, many rounds each, on two and on four
//! CPUs, one guest after the other so that its CPUs have the host to themselves. docs/litmus.md says what each shows.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::cargo::cargo;

/// Options of `cargo xtask litmus`.
#[derive(Args, Debug)]
pub struct Options {
    /// Rounds of each guest
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// What executes the guests; storms of signals always run on whole machines, with the interpreter
    #[arg(long, value_enum, default_value_t = Engine::Interpreter)]
    engine: Engine,

    /// Number of CPUs: 2 or 4; both, one after the other, when not given
    #[arg(long, value_parser = ["2", "4"])]
    cpus: Option<String>,

    /// Only guests whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    Interpreter,
    Jit,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Engine::Interpreter => "interpreter",
            Engine::Jit => "jit",
        }
    }
}

/// A test program with guests: package, how cargo selects it, which of its tests, whether it obeys the engine.
struct Program {
    select: &'static [&'static str],
    tests: &'static str,
    any_engine: bool,
}

const PROGRAMS: [Program; 6] = [
    Program { select: &["-p", "softsie-tests", "--test", "litmus"], tests: "", any_engine: true },
    Program { select: &["-p", "softsie-tests", "--test", "interlocked"], tests: "", any_engine: true },
    Program { select: &["-p", "softsie-tests", "--test", "shared_code"], tests: "", any_engine: true },
    Program { select: &["-p", "softsie-tests", "--test", "purges"], tests: "", any_engine: true },
    Program { select: &["-p", "softsie-kvm", "--lib"], tests: "storm::", any_engine: false },
    Program { select: &["-p", "softsie-vmm", "--lib"], tests: "storms::", any_engine: false },
];

fn tests(repository: &Path, program: &Program, arguments: &[&str]) -> Command {
    let mut command = cargo(repository);
    command.args(["test", "--release", "--quiet"]).args(program.select).arg("--").args(arguments);
    command
}

/// Runs the campaign; fails at the end when any guest has failed.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    let cpus: Vec<&str> = options.cpus.as_deref().map_or_else(|| vec!["2", "4"], |n| vec![n]);
    println!("| guest | CPUs | engine | rounds | seconds | result |\n|---|---|---|---|---|---|");
    let mut failed = 0;
    for program in PROGRAMS.iter().filter(|p| p.any_engine || options.engine == Engine::Interpreter) {
        let list = tests(repository, program, &["--list", "--format", "terse", program.tests])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo")?;
        if !list.status.success() {
            bail!("the tests of {} do not build", program.select.join(" "));
        }
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        let guests = list.lines().filter_map(|line| line.strip_suffix(": test"));
        for guest in guests.filter(|guest| guest.contains(&options.only)) {
            for cpus in &cpus {
                let start = Instant::now();
                let output = tests(repository, program, &["--exact", guest])
                    .env("SOFTSIE_LITMUS_ROUNDS", options.rounds.to_string())
                    .env("SOFTSIE_LITMUS_ENGINE", options.engine.name())
                    .env("SOFTSIE_LITMUS_CPUS", cpus)
                    .output()
                    .context("cannot run cargo")?;
                let good = output.status.success();
                let name = guest.rsplit("::").next().unwrap_or(guest).replace('_', " ");
                let (engine, rounds, seconds) = (options.engine.name(), options.rounds, start.elapsed().as_secs_f64());
                let result = if good { "passed" } else { "FAILED" };
                println!("| {name} | {cpus} | {engine} | {rounds} | {seconds:.0} | {result} |");
                if !good {
                    failed += 1;
                    eprintln!("{}", String::from_utf8_lossy(&output.stdout));
                }
            }
        }
    }
    if failed != 0 {
        bail!("{failed} guests failed");
    }
    Ok(0)
}
