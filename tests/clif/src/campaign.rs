//! Many functions, each on the host and in softsie; and of one that differs the shortest beginning that still does.
//! Source: `docs/differential.md`.

use std::collections::BTreeMap;
use std::fmt::Write;

use cranelift_frontend::FunctionBuilderContext;
use softsie_isa::{disassemble_bytes, instruction_length};
use softsie_tests::differential::Random;

use crate::buffer::Buffer;
use crate::compile::{Compilers, Refused};
use crate::generate::{Generated, generate};
use crate::guest::{Guest, Which};
use crate::host;

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Functions compared.
    pub functions: u64,
    /// Those of them that emitted code ran.
    pub emitted: u64,
    /// Operations in them.
    pub operations: u64,
    /// Functions that a back end refused, by its reason.
    pub refused: BTreeMap<String, u64>,
    /// Differences, each told.
    pub differences: Vec<String>,
    /// How often each s390x instruction is in the code.
    pub instructions: BTreeMap<&'static str, u64>,
}

/// Runs functions.
pub struct Campaign {
    compilers: Compilers,
    contexts: FunctionBuilderContext,
    guests: Vec<(Which, Guest)>,
    /// What came out so far.
    pub totals: Totals,
}

/// Inputs that a function is called with.
const CALLS: u64 = 3;

impl Campaign {
    /// Prepares compilers and these engines.
    ///
    /// # Errors
    /// The host has no code generator, or no memory.
    pub fn new(engines: &[Which]) -> Result<Campaign, String> {
        let guests = engines.iter().map(|w| Ok((*w, Guest::new(*w)?))).collect::<Result<_, String>>()?;
        let (compilers, contexts) = (Compilers::new()?, FunctionBuilderContext::new());
        Ok(Campaign { compilers, contexts, guests, totals: Totals::default() })
    }

    /// Compares the function of a seed in these engines.
    ///
    /// # Errors
    /// A mistake of the generator, or no memory.
    pub fn compare(&mut self, seed: u64, engines: &[Which]) -> Result<(), String> {
        let generated = generate(seed, u32::MAX, &mut self.contexts, self.compilers.frontend());
        match self.once(seed, &generated, engines)? {
            Outcome::Equal(code) => {
                self.totals.functions += 1;
                self.totals.emitted += u64::from(engines.contains(&Which::Emitted));
                self.totals.operations += u64::from(generated.operations);
                self.count(&code);
            }
            Outcome::Refused(why) => *self.totals.refused.entry(why).or_default() += 1,
            Outcome::Differs(_) => {
                self.totals.functions += 1;
                let told = self.shortest(seed, generated.operations, engines)?;
                self.totals.differences.push(told);
            }
        }
        Ok(())
    }

    fn once(&mut self, seed: u64, generated: &Generated, engines: &[Which]) -> Result<Outcome, String> {
        let refused = |e: Refused| match e {
            Refused::Unsupported(what) => Ok(Outcome::Refused(reason(&what))),
            Refused::Library => Ok(Outcome::Refused("calls a library".to_owned())),
            Refused::Wrong(what) => Err(format!("seed {seed}: {what}\n{}", generated.function.display())),
        };
        let ours = match self.compilers.host(&generated.function) {
            Ok(code) => code,
            Err(e) => return refused(e),
        };
        let theirs = match self.compilers.guest(&generated.function, seed as usize % self.compilers.guests()) {
            Ok(code) => code,
            Err(e) => return refused(e),
        };
        for (_, guest) in self.guests.iter_mut().filter(|(which, _)| engines.contains(which)) {
            guest.load(&theirs)?;
        }
        let mut r = Random::new(seed ^ 0x5EED);
        for _ in 0..CALLS {
            let before = Buffer::random(&mut r);
            let mut expected = before.clone();
            host::run(&ours, &mut expected)?;
            let input = before.for_guest(&[]);
            for (which, guest) in self.guests.iter_mut().filter(|(which, _)| engines.contains(which)) {
                let difference = match guest.call(&input) {
                    Ok(bytes) => {
                        expected.difference(&Buffer::from_guest(&bytes, &generated.results), &generated.results)
                    }
                    Err(e) => Some(e),
                };
                if let Some(difference) = difference {
                    return Ok(Outcome::Differs(tell(seed, *which, &difference, generated, &theirs)));
                }
            }
        }
        Ok(Outcome::Equal(theirs))
    }

    /// The difference of the shortest beginning of a function that has one.
    fn shortest(&mut self, seed: u64, operations: u32, engines: &[Which]) -> Result<String, String> {
        for limit in 0..=operations {
            let generated = generate(seed, limit, &mut self.contexts, self.compilers.frontend());
            if let Outcome::Differs(told) = self.once(seed, &generated, engines)? {
                return Ok(told);
            }
        }
        Ok(format!("seed {seed}: a difference that went away"))
    }

    fn count(&mut self, code: &[u8]) {
        let mut at = 0;
        while at < code.len() {
            let length = usize::from(instruction_length(code[at]));
            let mut text = [0; 8];
            let end = code.len().min(at + length);
            text[..end - at].copy_from_slice(&code[at..end]);
            if let Some(op) = softsie_isa::decode(u64::from_be_bytes(text)) {
                *self.totals.instructions.entry(op.mnemonic()).or_default() += 1;
            }
            at += length;
        }
    }
}

enum Outcome {
    Equal(Vec<u8>),
    Refused(String),
    Differs(String),
}

/// A back end's reason without the names of values.
fn reason(what: &str) -> String {
    let words = what.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.');
    let value = |w: &&str| w.strip_prefix('v').is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()));
    words.filter(|w| !w.is_empty() && !value(w)).take(12).collect::<Vec<_>>().join(" ")
}

fn tell(seed: u64, which: Which, difference: &str, generated: &Generated, code: &[u8]) -> String {
    let mut out = format!("seed {seed}, {which:?}: {difference}\n{}\n", generated.function.display());
    let mut at = 0;
    while at < code.len() {
        let Some(d) = disassemble_bytes(&code[at..], at as u64) else { break };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{at:6x}  {}", d.text());
        at += usize::from(instruction_length(code[at]));
    }
    out
}
