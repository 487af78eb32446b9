//! `softsie isa`: how many instructions there are by class and by facility, and with --coverage how many are implemented.
//! Truth: the instruction table.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::Args;
use softsie_exec::semantics::is_implemented;
use softsie_isa::{Level, ROWS, Row, facility_name};

#[derive(Args)]
pub struct Arguments {
    /// Show how many of them are implemented
    #[arg(long)]
    coverage: bool,
    /// Only the instructions of this machine generation and older ones
    #[arg(long, value_name = "MODEL")]
    cpu: Option<Level>,
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
    let rows: Vec<&Row> = ROWS.iter().filter(|row| arguments.cpu.is_none_or(|newest| row.level <= newest)).collect();
    print!("{}", report(&rows, arguments.coverage, implemented));
    Ok(0)
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
