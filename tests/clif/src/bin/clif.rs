//! `clif`: random Cranelift IR on the host and in softsie. Started by `cargo xtask clif`; described in
//! `docs/differential.md`. Ends with status 1 when there was a difference.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use softsie_clif::{Campaign, Which};

#[derive(Parser)]
#[command(name = "clif", about = "Compiles random functions for s390x and for the host and compares their results")]
struct Arguments {
    /// How many functions
    #[arg(long, default_value_t = 20_000)]
    functions: u64,
    /// End after so many minutes, however many there were
    #[arg(long)]
    minutes: Option<u64>,
    /// Seed of the first function; the next one has the next
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Emitted code is compared for each so-many-th function, the interpreter for all: compiling takes most of the time
    #[arg(long, default_value_t = 1)]
    emitted: u64,
    /// How many differences to report
    #[arg(long, default_value_t = 10)]
    report: usize,
    /// Print how often each instruction is in the code
    #[arg(long)]
    instructions: bool,
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let mut campaign = Campaign::new(&[Which::Interpreter, Which::Emitted])?;
    let interpreter = [Which::Interpreter];
    let both = [Which::Interpreter, Which::Emitted];
    let begin = Instant::now();
    for n in 0..arguments.functions {
        let emitted = n % arguments.emitted.max(1) == 0;
        campaign.compare(arguments.seed.wrapping_add(n), if emitted { &both } else { &interpreter })?;
        if (n + 1) % 5000 == 0 {
            let rate = (n + 1) as f64 / begin.elapsed().as_secs_f64();
            eprintln!("{} functions, {} differences, {rate:.0} a second", n + 1, campaign.totals.differences.len());
        }
        let late = arguments.minutes.is_some_and(|m| begin.elapsed() >= Duration::from_secs(60 * m));
        if late || campaign.totals.differences.len() >= arguments.report {
            break;
        }
    }
    let totals = &campaign.totals;
    for difference in &totals.differences {
        println!("{difference}");
    }
    println!("{} functions of {} operations compared", totals.functions, totals.operations);
    println!("{} of them by emitted code as well", totals.emitted);
    println!("{} different instructions, {} differences", totals.instructions.len(), totals.differences.len());
    for (why, count) in &totals.refused {
        println!("  {count} refused: {why}");
    }
    if arguments.instructions {
        for (mnemonic, count) in &totals.instructions {
            println!("{mnemonic} {count}");
        }
    }
    Ok(totals.differences.is_empty())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("clif: {error}");
            ExitCode::from(2)
        }
    }
}
