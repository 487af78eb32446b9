//! `softsie isa`: how many instructions there are by class and by facility, and with --coverage how many are implemented; of a CPU model
//! what its guests find: facility list, function codes, features. Truth: the tables of `isa`.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::Args;
use softsie_exec::semantics::is_implemented;
use softsie_isa::{FEATURES, Function, ROWS, Row, facility, facility_name, functions};
use softsie_vmm::{ModelReport, model_report};

#[derive(Args)]
pub struct Arguments {
    /// Show how many of them are implemented
    #[arg(long)]
    coverage: bool,
    /// A CPU model as `softsie run --cpu` takes it: list what its guests find, and count its instructions
    #[arg(long, value_name = "MODEL")]
    cpu: Option<String>,
}

/// Instructions and how many of them are implemented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    all: usize,
    implemented: usize,
}

impl Count {
    fn add(&mut self, implemented: bool) {
        self.all += 1;
        self.implemented += usize::from(implemented);
    }

    fn text(self, coverage: bool) -> String {
        if coverage { format!("{:5} of {:5}", self.implemented, self.all) } else { format!("{:5}", self.all) }
    }
}

/// Prints the counts.
pub fn run(arguments: &Arguments) -> Result<u8, String> {
    let model = arguments.cpu.as_deref().map(model_report).transpose().map_err(|error| error.to_string())?;
    let of_model = |row: &&Row| {
        model
            .as_ref()
            .and_then(|report| report.model)
            .is_none_or(|model| row.level <= model.since.level && model.has_instruction(row))
    };
    let rows: Vec<&Row> = ROWS.iter().filter(of_model).collect();
    if let Some(model) = &model {
        print!("{}", lists(model));
    }
    print!("{}", report(&rows, arguments.coverage, implemented));
    Ok(0)
}

/// What a guest of the model finds.
fn lists(model: &ModelReport) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    if let Some(found) = model.model {
        let _ = writeln!(text, "{}: machine type {:04x}, {} MHz", found.name(), found.kind, found.megahertz);
    }
    let mut facilities = |title: &str, bits: &[u16]| {
        if !bits.is_empty() {
            let _ = writeln!(text, "\n{title}");
        }
        for facility in bits.iter().filter_map(|bit| facility(*bit)) {
            let _ = writeln!(text, "{:5}  {:14} {}", facility.bit, facility.feature, facility.name);
        }
    };
    facilities("facilities", &model.facilities);
    facilities("facilities of such machines that are not announced", &model.missing);
    let mut codes = |title: &str, list: &[(softsie_isa::Op, u8)]| {
        if !list.is_empty() {
            let _ = writeln!(text, "\n{title}");
        }
        for op in softsie_isa::FUNCTION_OPS {
            let there = |f: &&Function| list.contains(&(op, f.code));
            let names: Vec<&str> = functions(op).filter(there).map(|f| f.feature).collect();
            if !names.is_empty() {
                let _ = writeln!(text, "{:>7}  {}", op.mnemonic(), names.join(" "));
            }
        }
    };
    codes("functions", &model.functions);
    codes("functions of such machines that are not there", &model.missing_functions);
    let features = FEATURES.iter().filter(|feature| model.features.contains(&feature.number));
    let features: Vec<&str> = features.map(|feature| feature.feature).collect();
    let _ = writeln!(text, "\nother features: {}\n", features.join(" "));
    text
}

fn report(rows: &[&Row], coverage: bool, implemented: impl Fn(&Row) -> bool) -> String {
    let mut total = Count::default();
    let mut classes: BTreeMap<_, Count> = BTreeMap::new();
    let mut facilities: BTreeMap<Option<u16>, Count> = BTreeMap::new();
    for row in rows {
        let done = implemented(row);
        total.add(done);
        classes.entry(row.class).or_default().add(done);
        for facility in row.facilities {
            facilities.entry(Some(*facility)).or_default().add(done);
        }
        if row.facilities.is_empty() {
            facilities.entry(None).or_default().add(done);
        }
    }
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}  instructions", total.text(coverage));
    let _ = writeln!(text, "\nby class");
    for (class, count) in &classes {
        let _ = writeln!(text, "{}  {class}", count.text(coverage));
    }
    let _ = writeln!(text, "\nby facility (an instruction that needs two counts twice)");
    for (facility, count) in &facilities {
        let name = match facility {
            None => "base".to_owned(),
            Some(bit) => format!("{bit:3} {}", facility_name(*bit).unwrap_or("unnamed")),
        };
        let _ = writeln!(text, "{}  {name}", count.text(coverage));
    }
    text
}

/// Whether the CPU executes an instruction.
fn implemented(row: &Row) -> bool {
    is_implemented(row.op)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_is_counted_once_by_class() {
        let rows: Vec<&Row> = ROWS.iter().collect();
        let text = report(&rows, true, |row| row.mnemonic == "ar");
        assert!(text.starts_with(&format!("    1 of {:5}  instructions\n", ROWS.len())), "{text}");
        let classes = text.split("by class\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let sum: usize = classes.lines().map(|line| line[9..14].trim().parse::<usize>().unwrap()).sum();
        assert_eq!(sum, ROWS.len());
        assert!(classes.contains("general"));
    }
}
