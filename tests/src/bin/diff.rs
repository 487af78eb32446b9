//! `diff`: softsie's interpreter against QEMU. Started by `cargo xtask diff`; described in `docs/differential.md`.
//! Ends with status 1 when there was an unexplained difference.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use softsie_isa::{Class, Op, ROWS};
use softsie_tests::differential::{Campaign, Engine, Options, RULES, Totals};

#[derive(Parser)]
#[command(name = "diff", about = "Runs random sequences on softsie and on QEMU and compares the results")]
struct Arguments {
    /// How many sequences to compare
    #[arg(long, default_value_t = 100_000)]
    sequences: u64,
    /// Seed of the random numbers; the same seed gives the same sequences
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only instructions of this class (general, bfp, vector-fp, …)
    #[arg(long)]
    class: Option<Class>,
    /// Only these instructions (mnemonics, comma between)
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The QEMU to compare with
    #[arg(long, default_value = "qemu-system-s390x")]
    qemu: PathBuf,
    /// The engine of softsie to compare
    #[arg(long, value_enum, default_value_t = Engine::Interpreter)]
    engine: Engine,
    /// Folder for case files of differences; they are printed when it is not given
    #[arg(long)]
    folder: Option<PathBuf>,
    /// How many differences to make small and report
    #[arg(long, default_value_t = 20)]
    report: usize,
    /// Print how often each instruction occurred
    #[arg(long)]
    rounds: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("diff: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> Result<bool, String> {
    let op = |name: &String| -> Result<Op, String> {
        let row = ROWS.iter().find(|r| r.mnemonic == name);
        row.map(|r| r.op).ok_or_else(|| format!("no instruction `{name}`"))
    };
    let options = Options {
        sequences: arguments.sequences,
        seed: arguments.seed,
        class: arguments.class,
        only: arguments.only.iter().map(op).collect::<Result<_, _>>()?,
        qemu: arguments.qemu,
        engine: arguments.engine,
        folder: arguments.folder,
        reported: arguments.report,
    };
    let mut campaign = Campaign::new(options)?;
    campaign.run()?;
    print(&campaign.totals, arguments.rounds);
    Ok(campaign.totals.differences == 0)
}

fn print(totals: &Totals, rounds: bool) {
    println!("{} sequences compared, {} with unexplained differences", totals.sequences, totals.differences);
    for (name, count) in &totals.explained {
        let verdict = RULES.iter().find(|r| r.name == *name).map(|r| r.verdict);
        println!("  explained: {name}: {count} ({verdict:?})");
    }
    let ends: Vec<String> = totals.ends.iter().map(|(code, count)| format!("{code:x}: {count}")).collect();
    println!("  ended by program interruption (0: completed): {}", ends.join(", "));
    println!("  not in QEMU: {}", totals.absent.join(" "));
    if let (Some(least), Some(most)) = (totals.rounds.values().min(), totals.rounds.values().max()) {
        println!("  {} instructions, each in {least} to {most} sequences", totals.rounds.len());
    }
    if rounds {
        println!("mnemonic, sequences it was in, sequences that its specification exception ended");
        for (name, count) in &totals.rounds {
            println!("{name} {count} {}", totals.specification.get(name).unwrap_or(&0));
        }
    }
}
