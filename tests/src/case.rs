//! Reading case files.
//! Source: the format in `cases/README.md`.

use softsie_isa::{Op, assemble, decode};

/// What a case is evidence for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    /// A result.
    Result,
    /// A condition code.
    Cc,
    /// An exception.
    Exception,
    /// The statement that the row can raise no exception.
    NoException,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// File and line, for messages.
    pub place: String,
    /// The row it tests.
    pub op: Op,
    /// What it shows.
    pub kinds: Vec<Kind>,
    /// Title.
    pub title: String,
    /// Instruction bytes.
    pub text: Vec<u8>,
    /// Name and value of each setting before.
    pub before: Vec<(String, String)>,
    /// Name and value of each setting after.
    pub after: Vec<(String, String)>,
    /// Value of the EXECUTE register when the instruction is to be run as EXECUTE's target as well.
    pub execute: Option<u8>,
}

/// Reads a case file.
///
/// # Errors
/// A message with file and line.
pub fn parse(name: &str, content: &str) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    for (n, line) in content.lines().enumerate() {
        let place = format!("{name}:{}", n + 1);
        let line = line.trim_end();
        if line.trim_start().starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let line = line.trim_start();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        if word == "case" {
            cases.push(header(&place, rest)?);
            continue;
        }
        let case = cases.last_mut().ok_or_else(|| format!("{place}: a line before the first case"))?;
        match word {
            "asm" => {
                case.text = assemble(rest, 0x1000).map_err(|e| format!("{place}: {e}"))?;
            }
            "text" => case.text = bytes(rest).ok_or_else(|| format!("{place}: not hex bytes: {rest}"))?,
            "in" => case.before.extend(settings(&place, rest)?),
            "out" => case.after.extend(settings(&place, rest)?),
            "via" => {
                let r = rest.strip_prefix("ex").map(|r| r.trim().trim_start_matches("r="));
                let r = r.and_then(|r| if r.is_empty() { Some(0) } else { u64::from_str_radix(r, 16).ok() });
                case.execute = Some(r.ok_or_else(|| format!("{place}: `via ex [r=BITS]`"))? as u8);
            }
            _ => return Err(format!("{place}: `{word}` is not case, asm, text, in, out or via")),
        }
    }
    for case in &cases {
        let mut left = [0u8; 8];
        let length = case.text.len();
        if !(2..=6).contains(&length) {
            return Err(format!("{}: no instruction", case.place));
        }
        left[..length].copy_from_slice(&case.text);
        let op = decode(u64::from_be_bytes(left));
        if op != Some(case.op) {
            return Err(format!("{}: the text is {:?}, not {}", case.place, op, case.op.mnemonic()));
        }
    }
    Ok(cases)
}

fn header(place: &str, rest: &str) -> Result<Case, String> {
    let (what, title) = rest.split_once(':').ok_or_else(|| format!("{place}: `case mnemonic kinds: title`"))?;
    let mut words = what.split_whitespace();
    let mnemonic = words.next().unwrap_or_default();
    let op = softsie_isa::ROWS
        .iter()
        .find(|r| r.mnemonic == mnemonic)
        .map(|r| r.op)
        .ok_or_else(|| format!("{place}: no row `{mnemonic}`"))?;
    let mut kinds = Vec::new();
    for w in words {
        kinds.push(match w {
            "result" => Kind::Result,
            "cc" => Kind::Cc,
            "exception" => Kind::Exception,
            "noexception" => Kind::NoException,
            _ => return Err(format!("{place}: `{w}` is not result, cc, exception or noexception")),
        });
    }
    Ok(Case {
        place: place.to_owned(),
        op,
        kinds,
        title: title.trim().to_owned(),
        text: Vec::new(),
        before: Vec::new(),
        after: Vec::new(),
        execute: None,
    })
}

fn settings(place: &str, line: &str) -> Result<Vec<(String, String)>, String> {
    line.split_whitespace()
        .take_while(|w| !w.starts_with('#'))
        .map(|w| {
            let (name, value) = w.split_once('=').ok_or_else(|| format!("{place}: `{w}` is not name=value"))?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Hex digits as bytes.
pub(crate) fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).ok()).collect()
}
