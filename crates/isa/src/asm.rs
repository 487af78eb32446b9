//! A small two-pass assembler from the instruction table, for tests and for the guests we bring along.
//! Syntax: GNU as for s390 (instructions, extended mnemonics, labels, expressions, a few directives). One difference: a
//! number as branch target is the target's address, as the disassembler prints it, not a distance.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

mod expression;
mod instruction;
mod lexer;
mod statement;

use expression::{Environment, Local};
use statement::{Directive, Kind, Statement};

/// No program of ours is longer; a mistyped `.space` or `.org` is.
const MAX_SIZE: i128 = 64 << 20;
/// What GNU as fills gaps in code with: NOPR.
const ALIGN_FILL: u8 = 7;

/// Why a source could not be assembled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsmError {
    /// The line, from 1.
    pub line: usize,
    /// What was wrong and what was expected.
    pub message: String,
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for AsmError {}

/// An assembled program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assembly {
    /// Its bytes, the first at the origin.
    pub bytes: Vec<u8>,
    /// Labels and `.equ` names with their values; a label's is its address.
    pub symbols: BTreeMap<String, u64>,
}

/// Assembles `source` to lie at address `origin`.
///
/// Directives: `.byte .short .long .quad` (lists of expressions), `.ascii .asciz` (lists of strings), `.space SIZE[,FILL]`,
/// `.align BYTES[,FILL]` (to a multiple of BYTES, a power of two), `.org ADDRESS[,FILL]`, `.equ NAME,VALUE`. Expressions
/// know decimal, octal (`017`), hexadecimal (`0x1f`) and binary (`0b1`) numbers, characters (`'a'`, ASCII), labels, local
/// labels (`1:`, `1b`, `1f`), `.` and the usual operators.
pub fn assemble(source: &str, origin: u64) -> Result<Vec<u8>, AsmError> {
    assemble_with_symbols(source, origin).map(|a| a.bytes)
}

/// [`assemble`], with the values of the symbols.
pub fn assemble_with_symbols(source: &str, origin: u64) -> Result<Assembly, AsmError> {
    let statements = statement::parse(source)?;
    let mut program = Program { origin, names: HashMap::new(), locals: Vec::new() };
    program.place(&statements)?;
    let bytes = program.emit(&statements)?;
    let symbols = program.names.into_iter().map(|(name, value)| (name.to_owned(), value as u64)).collect();
    Ok(Assembly { bytes, symbols })
}

struct Program<'s> {
    origin: u64,
    names: HashMap<&'s str, i128>,
    /// In the order of the source.
    locals: Vec<Local>,
}

impl<'s> Program<'s> {
    fn environment(&self, statement: usize, offset: i128) -> Environment<'_> {
        let here = i128::from(self.origin) + offset;
        Environment { names: &self.names, locals: &self.locals, here, statement }
    }

    /// Pass 1: gives every label its address.
    fn place(&mut self, statements: &'s [Statement]) -> Result<(), AsmError> {
        let mut offset = 0;
        for (n, s) in statements.iter().enumerate() {
            let error = |message| AsmError { line: s.line, message };
            match &s.kind {
                Kind::Label(name) => {
                    if self.names.insert(name, i128::from(self.origin) + offset).is_some() {
                        return Err(error(format!("`{name}` is defined twice")));
                    }
                }
                Kind::Local(number) => {
                    self.locals.push(Local {
                        number: *number,
                        statement: n,
                        address: i128::from(self.origin) + offset,
                    });
                }
                Kind::Directive(Directive::Equ(name, value)) => {
                    // One that refers to a later label gets its value in pass 2.
                    if let Ok(value) = value.evaluate(&self.environment(n, offset)) {
                        self.names.insert(name, value);
                    }
                }
                _ => offset += self.size(s, n, offset).map_err(error)?,
            }
            if offset > MAX_SIZE {
                return Err(error(too_long()));
            }
        }
        Ok(())
    }

    /// Size of what a statement emits at `offset`.
    fn size(&self, s: &Statement, n: usize, offset: i128) -> Result<i128, String> {
        let environment = self.environment(n, offset);
        Ok(match &s.kind {
            Kind::Label(_) | Kind::Local(_) => 0,
            Kind::Instruction(i) => i128::from(i.length()),
            Kind::Directive(d) => match d {
                Directive::Equ(..) => 0,
                Directive::Data(width, values) => *width as i128 * values.len() as i128,
                Directive::Text(bytes) => bytes.len() as i128,
                Directive::Space(size, _) => non_negative(size.evaluate(&environment)?, ".space: size")?,
                Directive::Align(unit, _) => {
                    let unit = unit.evaluate(&environment)?;
                    if !(1..=MAX_SIZE).contains(&unit) || unit & (unit - 1) != 0 {
                        return Err(format!(".align: {unit} is no power of two from 1 to {MAX_SIZE}"));
                    }
                    -environment.here & (unit - 1)
                }
                Directive::Org(address, _) => {
                    let gap = address.evaluate(&environment)? - environment.here;
                    non_negative(gap, ".org: the distance forward from here")?
                }
            },
        })
    }

    /// Pass 2: emits the bytes.
    fn emit(&mut self, statements: &'s [Statement]) -> Result<Vec<u8>, AsmError> {
        let mut out: Vec<u8> = Vec::new();
        for (n, s) in statements.iter().enumerate() {
            let error = |message| AsmError { line: s.line, message };
            let offset = out.len() as i128;
            let size = self.size(s, n, offset).map_err(error)?;
            if offset + size > MAX_SIZE {
                return Err(error(too_long()));
            }
            let environment = self.environment(n, offset);
            match &s.kind {
                Kind::Label(name) => {
                    if self.names.get(name.as_str()) != Some(&environment.here) {
                        return Err(error(format!("`{name}` moved: a size before it depends on a later `.equ`")));
                    }
                }
                Kind::Local(_) => {}
                Kind::Instruction(i) => {
                    let text = i.encode(&environment).map_err(error)?;
                    out.extend_from_slice(&text.to_be_bytes()[..usize::from(i.length())]);
                }
                Kind::Directive(d) => match d {
                    Directive::Equ(name, value) => {
                        let value = value.evaluate(&environment).map_err(error)?;
                        self.names.insert(name, value);
                    }
                    Directive::Data(width, values) => {
                        for value in values {
                            let value = value.evaluate(&environment).map_err(error)?;
                            let bytes = data(value, *width).map_err(error)?;
                            out.extend_from_slice(&bytes[16 - width..]);
                        }
                    }
                    Directive::Text(bytes) => out.extend_from_slice(bytes),
                    Directive::Space(_, fill) | Directive::Align(_, fill) | Directive::Org(_, fill) => {
                        let fill = match fill {
                            Some(fill) => data(fill.evaluate(&environment).map_err(error)?, 1).map_err(error)?[15],
                            None if matches!(d, Directive::Align(..)) => ALIGN_FILL,
                            None => 0,
                        };
                        out.resize((offset + size) as usize, fill);
                    }
                },
            }
        }
        Ok(out)
    }
}

fn too_long() -> String {
    format!("the program grows past {MAX_SIZE} bytes here")
}

fn non_negative(value: i128, what: &str) -> Result<i128, String> {
    if (0..=MAX_SIZE).contains(&value) { Ok(value) } else { Err(format!("{what} is {value}, not 0 to {MAX_SIZE}")) }
}

/// `value`, signed or unsigned, in the last `width` bytes.
fn data(value: i128, width: usize) -> Result<[u8; 16], String> {
    let bits = 8 * width;
    if (-(1i128 << (bits - 1))..1i128 << bits).contains(&value) {
        Ok(value.to_be_bytes())
    } else {
        Err(format!("{value} does not fit in {width} bytes"))
    }
}

#[cfg(test)]
mod tests;
