//! How often each instruction has been compared: a table that campaigns write and the coverage report reads.
//! Source: the campaigns of `docs/differential.md`.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::campaign::Totals;
use super::compare::Against;

/// Numbers of sequences in which each instruction was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rounds {
    /// What the campaigns were: against QEMU, emitted code against the interpreter.
    pub campaigns: [String; 2],
    /// By mnemonic, in that order.
    pub counts: BTreeMap<String, [u64; 2]>,
}

const NAMES: [&str; 2] = ["qemu", "engines"];

impl Rounds {
    /// Reads the table.
    ///
    /// # Errors
    /// The line that is wrong.
    pub fn parse(text: &str) -> Result<Rounds, String> {
        let mut rounds = Rounds::default();
        for (n, line) in text.lines().enumerate() {
            let told = || format!("line {}: not `mnemonic TAB number TAB number`", n + 1);
            if let Some(comment) = line.strip_prefix("# ") {
                for (name, campaign) in NAMES.iter().zip(&mut rounds.campaigns) {
                    if let Some(text) = comment.strip_prefix(name).and_then(|r| r.strip_prefix(": ")) {
                        text.clone_into(campaign);
                    }
                }
                continue;
            }
            let mut words = line.split('\t');
            let (Some(mnemonic), Some(a), Some(b), None) = (words.next(), words.next(), words.next(), words.next())
            else {
                return Err(told());
            };
            let number = |s: &str| s.parse::<u64>().map_err(|_| told());
            rounds.counts.insert(mnemonic.to_owned(), [number(a)?, number(b)?]);
        }
        Ok(rounds)
    }

    /// The table as text.
    pub fn text(&self) -> String {
        let mut out =
            String::from("# Sequences in which each instruction was begun; written by `cargo xtask diff --record`.\n");
        for (name, campaign) in NAMES.iter().zip(&self.campaigns) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "# {name}: {campaign}");
        }
        for (mnemonic, [qemu, engines]) in &self.counts {
            let _ = writeln!(out, "{mnemonic}\t{qemu}\t{engines}");
        }
        out
    }

    /// Takes over a campaign's counts. One of all instructions replaces what was there, another the counts of its own.
    pub fn record(&mut self, totals: &Totals, against: Against, seed: u64, whole: bool) {
        let column = match against {
            Against::Qemu => 0,
            Against::Interpreter => 1,
        };
        if whole {
            self.counts.values_mut().for_each(|c| c[column] = 0);
            self.campaigns[column] = format!(
                "{} sequences, seed {seed}, {}, {} explained, {} unexplained",
                totals.sequences,
                totals.opponent,
                totals.explained.values().sum::<u64>(),
                totals.differences
            );
        }
        for op in &totals.generated {
            let count = totals.rounds.get(op.mnemonic()).copied().unwrap_or(0);
            self.counts.entry(op.mnemonic().to_owned()).or_default()[column] = count;
        }
        // SUPERVISOR CALL ends every sequence.
        if whole && let Some(count) = totals.rounds.get("svc") {
            self.counts.entry("svc".to_owned()).or_default()[column] = *count;
        }
        self.counts.retain(|_, c| *c != [0, 0]);
    }
}
