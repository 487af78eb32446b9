//! Every class of instructions against something independent of softsie: at least so many random cases a class, against
//! QEMU where it has the class, and against the models that the tests have. Writes the table docs/campaign.md.
//! Described in `docs/differential.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cargo::{cargo, program};

/// Options of `cargo xtask campaign`.
#[derive(Args, Debug)]
pub struct Options {
    /// At least how many cases a class
    #[arg(long, default_value_t = 1_000_000)]
    cases: u64,
    /// Only these classes, separated by commas; the table keeps the rows of the others
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    class: Vec<String>,
    /// Without QEMU
    #[arg(long)]
    models: bool,
    /// The QEMU to compare with, instead of the installed qemu-system-s390x (10 is the one whose differences are explained)
    #[arg(long, value_name = "PATH")]
    qemu: Option<PathBuf>,
    /// Seed of the sequences for QEMU
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// Classes that QEMU has, the larger part of each.
const QEMU: [&str; 8] =
    ["general", "control", "bfp", "fp-support", "vector-fp", "vector-integer", "vector-string", "vector-support"];

/// A test that compares with a model: of which class, where, the variable with the number of cases, and how many cases make
/// one of these at least (operations, formats, elements).
struct Model {
    class: &'static str,
    package: &'static str,
    test: &'static str,
    variable: &'static str,
    makes: u64,
}

const fn model(
    class: &'static str,
    package: &'static str,
    test: &'static str,
    variable: &'static str,
    makes: u64,
) -> Model {
    Model { class, package, test, variable, makes }
}

const MODELS: [Model; 9] = [
    model("general", "softsie-tests", "decimal_model", "SOFTSIE_CONVERSION_CASES", 1),
    model("decimal", "softsie-tests", "decimal_model", "SOFTSIE_DECIMAL_CASES", 1),
    model("vector-decimal", "softsie-tests", "python_models", "SOFTSIE_MODEL_CASES", 33),
    model("crypto", "softsie-tests", "cpacf_model", "SOFTSIE_CPACF_CASES", 1),
    model("special", "softsie-tests", "deflate_model", "SOFTSIE_DEFLATE_CASES", 2),
    model("special", "softsie-nnp", "against_model", "SOFTSIE_NNP_CASES", 10_000),
    model("bfp", "softsie-bfp", "against_model", "SOFTSIE_BFP_CASES", 20),
    model("hfp", "softsie-hfp", "against_model", "SOFTSIE_HFP_CASES", 25),
    model("dfp", "softsie-dfp", "against_decimal", "SOFTSIE_DFP_CASES", 25),
];

/// What a row of the table says besides class and oracle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Figures {
    cases: u64,
    explained: u64,
    unexplained: String,
}

type Table = BTreeMap<(String, String), Figures>;

/// Runs the campaign and writes the table; the status is 1 when something differs without explanation.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    let all: Vec<&str> = QEMU.into_iter().chain(MODELS.iter().map(|model| model.class)).collect();
    if let Some(unknown) = options.class.iter().find(|class| !all.contains(&class.as_str())) {
        bail!("there is no class {unknown} with an oracle: {}", all.join(" "));
    }
    let wanted = |class: &str| options.class.is_empty() || options.class.iter().any(|name| name == class);
    let path = repository.join("docs/campaign.md");
    let mut differs = false;
    for class in QEMU.into_iter().filter(|class| wanted(class) && !options.models) {
        let start = Instant::now();
        let (figures, oracle) = against_qemu(repository, options, class)?;
        eprintln!("== {class}: {} cases in {:.0} s", figures.cases, start.elapsed().as_secs_f64());
        differs |= figures.unexplained != "0";
        record(&path, Table::from([((class.to_owned(), oracle), figures)]))?;
    }
    for model in MODELS.iter().filter(|model| wanted(model.class)) {
        let start = Instant::now();
        let (good, mut found) = against_model(repository, options, model)?;
        let cases: u64 = found.values().map(|figures| figures.cases).sum();
        if !good {
            found.values_mut().for_each(|figures| "the test failed".clone_into(&mut figures.unexplained));
        }
        eprintln!("== {}: {cases} cases in {:.0} s", model.class, start.elapsed().as_secs_f64());
        if !good || cases == 0 {
            eprintln!(
                "== {} of {}: {}",
                model.test,
                model.package,
                if good { "nothing was compared" } else { "failed" }
            );
            differs = true;
        }
        record(&path, found)?;
    }
    println!("{} has the table", path.display());
    Ok(u8::from(differs))
}

/// Sequences of one class on softsie and on QEMU.
fn against_qemu(repository: &Path, options: &Options, class: &str) -> Result<(Figures, String)> {
    let mut command = program(repository, "softsie-tests", "diff");
    command.args(["--class", class, "--sequences", &options.cases.to_string(), "--seed", &options.seed.to_string()]);
    if let Some(qemu) = &options.qemu {
        command.arg("--qemu").arg(qemu);
    }
    let text = output(command.stderr(Stdio::inherit()))?.1;
    let Some((cases, unexplained)) = text.lines().find_map(|line| {
        let (cases, rest) = line.split_once(" sequences compared, ")?;
        Some((cases.parse().ok()?, rest.split(' ').next()?.to_owned()))
    }) else {
        bail!("the comparison with QEMU failed:\n{text}");
    };
    let explained = text.lines().filter_map(|line| {
        let (_, count) = line.trim().strip_prefix("explained: ")?.rsplit_once(": ")?;
        count.split(' ').next()?.parse::<u64>().ok()
    });
    let figures = Figures { cases, explained: explained.sum(), unexplained };
    if figures.unexplained != "0" {
        println!("{text}");
    }
    Ok((figures, "QEMU (sequences)".to_owned()))
}

/// A test of a model, with so many cases; whether it passed, and what it says it compared.
fn against_model(repository: &Path, options: &Options, model: &Model) -> Result<(bool, Table)> {
    let mut command = cargo(repository);
    command.args(["test", "--quiet", "--package", model.package, "--test", model.test, "--", "--nocapture"]);
    command.env(model.variable, options.cases.div_ceil(model.makes).to_string());
    let (good, text) = output(command.stderr(Stdio::inherit()))?;
    let mut found = Table::new();
    for line in text.lines() {
        // The test program's own words can be on the line before.
        let Some((_, line)) = line.split_once("@compared\t") else { continue };
        let words: Vec<&str> = line.split('\t').collect();
        let [class, cases, oracle] = words[..] else { bail!("what {} compared cannot be read: {line}", model.test) };
        let cases: u64 = cases.parse().with_context(|| format!("{cases} of {} is no number", model.test))?;
        let key = (class.to_owned(), oracle.to_owned());
        let figures = found.entry(key).or_insert_with(|| Figures { unexplained: "0".to_owned(), ..Figures::default() });
        figures.cases += cases;
    }
    found.retain(|(class, _), _| class == model.class);
    if !good {
        println!("{text}");
    }
    Ok((good, found))
}

fn output(command: &mut Command) -> Result<(bool, String)> {
    let output = command.stdin(Stdio::null()).output().context("cannot run cargo")?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

const HEAD: &str = "\
# Random cases of each class against independent oracles

Generated: `cargo xtask campaign` writes it anew, `--class` the rows of one class. What the oracles are, and why differences are
explained, is in docs/differential.md. A case is a sequence of up to 30 instructions for QEMU, one operation for the models.

| class | oracle | cases | explained | unexplained |
|---|---|---|---|---|
";

/// Puts rows in place of those that were there; others may have written theirs meanwhile.
fn record(path: &Path, rows: Table) -> Result<()> {
    let mut table = parse(&fs::read_to_string(path).unwrap_or_default());
    table.extend(rows);
    write(path, &table)
}

fn write(path: &Path, table: &Table) -> Result<()> {
    let mut text = HEAD.to_owned();
    for ((class, oracle), figures) in table {
        let Figures { cases, explained, unexplained } = figures;
        // A string grows without error.
        let _ = writeln!(text, "| {class} | {oracle} | {cases} | {explained} | {unexplained} |");
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The rows of a table that was written before.
fn parse(text: &str) -> Table {
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim().trim_matches('|').split(" | ").map(str::trim).collect();
        let [class, oracle, cases, explained, unexplained] = cells[..] else { return None };
        let figures = Figures {
            cases: cases.parse().ok()?,
            explained: explained.parse().ok()?,
            unexplained: unexplained.to_owned(),
        };
        Some(((class.to_owned(), oracle.to_owned()), figures))
    };
    text.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back() {
        let figures = Figures { cases: 5, explained: 2, unexplained: "0".to_owned() };
        let table = Table::from([(("a".to_owned(), "b c".to_owned()), figures)]);
        let path = std::env::temp_dir().join(format!("campaign-{}", std::process::id()));
        write(&path, &table).unwrap();
        assert_eq!(parse(&fs::read_to_string(&path).unwrap()), table);
        fs::remove_file(path).unwrap();
    }
}
