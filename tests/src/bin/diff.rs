//! `diff`: softsie's interpreter against QEMU. Started by `cargo xtask diff`; described in `docs/differential.md`.
//! Ends with status 1 when there was an unexplained difference.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use softsie_isa::{Class, Op, ROWS};
use softsie_tests::differential::{Against, Campaign, Engine, Options, RULES, Rounds, Totals};

#[derive(Parser)]
#[command(name = "diff", about = "Runs random sequences on softsie and on QEMU and compares the results")]
struct Arguments {
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
    class: Option<Class>,
    /// Only these instructions (mnemonics, comma between)
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The QEMU to compare with
    #[arg(long, default_value = "qemu-system-s390x")]
    qemu: PathBuf,
    /// The engine of softsie to compare: the interpreter with QEMU, emitted code with the interpreter, if not told otherwise
    #[arg(long, value_enum)]
    engine: Option<Engine>,
    /// What to compare it with
    #[arg(long, value_enum, default_value_t = Against::Qemu)]
    against: Against,
    /// File for how often each instruction was compared; a run with a difference records nothing
    #[arg(long)]
    record: Option<PathBuf>,
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
    let engine = arguments.engine.unwrap_or(match arguments.against {
        Against::Qemu => Engine::Interpreter,
        Against::Interpreter => Engine::Jit,
    });
    if arguments.record.is_some() && (engine == Engine::Interpreter) != (arguments.against == Against::Qemu) {
        return Err(
            "only the interpreter against QEMU and emitted code against the interpreter are recorded".to_owned()
        );
    }
    let whole = arguments.only.is_empty() && arguments.class.is_none();
    let options = Options {
        sequences: arguments.sequences,
        time: arguments.minutes.map(|m| Duration::from_secs(60 * m)),
        seed: arguments.seed,
        class: arguments.class,
        only: arguments.only.iter().map(op).collect::<Result<_, _>>()?,
        qemu: arguments.qemu,
        engine,
        against: arguments.against,
        folder: arguments.folder,
        reported: arguments.report,
    };
    let mut campaign = Campaign::new(options)?;
    campaign.run()?;
    print(&campaign.totals, arguments.rounds);
    if let Some(path) = arguments.record.filter(|_| campaign.totals.differences == 0) {
        let told = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let before = if path.exists() { std::fs::read_to_string(&path).map_err(|e| told(&e))? } else { String::new() };
        let mut rounds = Rounds::parse(&before).map_err(|e| told(&e))?;
        rounds.record(&campaign.totals, arguments.against, arguments.seed, whole);
        std::fs::write(&path, rounds.text()).map_err(|e| told(&e))?;
    }
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
    println!("  not in the other: {}", totals.absent.join(" "));
    if let (Some(least), Some(most)) = (totals.rounds.values().min(), totals.rounds.values().max()) {
        println!("  {} instructions, each in {least} to {most} sequences", totals.rounds.len());
    }
    if rounds {
        println!("mnemonic, sequences in which it was begun, sequences that its specification exception ended");
        for (name, count) in &totals.rounds {
            println!("{name} {count} {}", totals.specification.get(name).unwrap_or(&0));
        }
    }
}
