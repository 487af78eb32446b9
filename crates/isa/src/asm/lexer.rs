//! Source text to lines of tokens. Comments: `#` to the end of the line, `/* … */`; `;` ends a statement.

use super::AsmError;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Mnemonic, directive, label or `.`.
    Name(String),
    /// Number or character.
    Number(i128),
    /// `1b`, `1f`.
    Local { number: u32, forward: bool },
    /// String.
    Text(Vec<u8>),
    /// `%r1`: kind and number.
    Register(char, u8),
    /// Operator or punctuation.
    Mark(&'static str),
}

/// Tokens of one statement.
pub(super) struct Line {
    pub number: usize,
    pub tokens: Vec<Token>,
}

/// Longer marks first.
const MARKS: &[&str] = &["<<", ">>", "(", ")", ",", ":", "+", "-", "*", "/", "%", "&", "|", "^", "~"];

pub(super) fn lex(source: &str) -> Result<Vec<Line>, AsmError> {
    let mut lexer = Lexer { rest: source, line: 1 };
    let mut lines = Vec::new();
    let mut tokens = Vec::new();
    loop {
        let number = lexer.line;
        let end = lexer.skip_blanks()?;
        if end || lexer.rest.is_empty() {
            if !tokens.is_empty() {
                lines.push(Line { number, tokens: std::mem::take(&mut tokens) });
            }
            if lexer.rest.is_empty() {
                return Ok(lines);
            }
        } else {
            tokens.push(lexer.token()?);
        }
    }
}

struct Lexer<'s> {
    rest: &'s str,
    line: usize,
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '.' | '$')
}

fn is_name(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit()
}

impl<'s> Lexer<'s> {
    fn error<T>(&self, message: impl Into<String>) -> Result<T, AsmError> {
        Err(AsmError { line: self.line, message: message.into() })
    }

    fn take_char(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'s str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Skips blanks and comments, and one statement end if there is one: then true.
    fn skip_blanks(&mut self) -> Result<bool, AsmError> {
        loop {
            if let Some(after) = self.rest.strip_prefix("/*") {
                let Some((comment, rest)) = after.split_once("*/") else {
                    return self.error("the comment that begins here has no end `*/`");
                };
                self.line += comment.matches('\n').count();
                self.rest = rest;
            } else if self.rest.starts_with('#') {
                self.take_while(|c| c != '\n');
            } else if let Some(rest) = self.rest.strip_prefix([';', '\n']) {
                self.line += usize::from(self.rest.starts_with('\n'));
                self.rest = rest;
                return Ok(true);
            } else if self.rest.starts_with([' ', '\t', '\r']) {
                self.take_while(|c| matches!(c, ' ' | '\t' | '\r'));
            } else {
                return Ok(false);
            }
        }
    }

    fn token(&mut self) -> Result<Token, AsmError> {
        if let Some(rest) = self.rest.strip_prefix('%')
            && rest.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            self.rest = rest;
            let name = self.take_while(is_name);
            return self.register(name);
        }
        if self.rest.starts_with(is_name_start) {
            return Ok(Token::Name(self.take_while(is_name).to_owned()));
        }
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return self.number();
        }
        if let Some(mark) = MARKS.iter().find(|m| self.rest.starts_with(**m)) {
            self.rest = &self.rest[mark.len()..];
            return Ok(Token::Mark(mark));
        }
        match self.take_char() {
            Some('\'') => self.character(),
            Some('"') => self.text(),
            Some(c) => self.error(format!("unexpected character `{}`", c.escape_default())),
            None => self.error("unexpected end"),
        }
    }

    fn register(&self, name: &str) -> Result<Token, AsmError> {
        let kind = name.chars().next().unwrap_or(' ');
        let limit = if kind == 'v' { 32 } else { 16 };
        match name.get(1..).unwrap_or("").parse() {
            Ok(number) if number < limit && "rfavc".contains(kind) => Ok(Token::Register(kind, number)),
            _ => self.error(format!(
                "`%{name}` is no register: expected %r0 to %r15, %f0 to %f15, %a0 to %a15, %c0 to %c15 or %v0 to %v31"
            )),
        }
    }

    fn number(&mut self) -> Result<Token, AsmError> {
        let text = self.take_while(|c| c.is_ascii_alphanumeric());
        let (digits, radix) = match text.as_bytes() {
            [b'0', b'x' | b'X', ..] => (&text[2..], 16),
            [b'0', b'b' | b'B', _, ..] => (&text[2..], 2),
            [digits @ .., direction @ (b'b' | b'f')] if digits.iter().all(u8::is_ascii_digit) => {
                return match text[..digits.len()].parse() {
                    Ok(number) => Ok(Token::Local { number, forward: *direction == b'f' }),
                    Err(_) => self.error(format!("`{text}`: local labels have numbers up to {}", u32::MAX)),
                };
            }
            [b'0', _, ..] => (&text[1..], 8),
            _ => (text, 10),
        };
        match u64::from_str_radix(digits, radix) {
            Ok(value) => Ok(Token::Number(value.into())),
            Err(_) => self.error(format!("`{text}` is no number of at most 64 bits in base {radix}")),
        }
    }

    /// After a backslash: the character it stands for.
    fn escape(&mut self) -> Result<u8, AsmError> {
        match self.take_char() {
            Some('n') => Ok(b'\n'),
            Some('t') => Ok(b'\t'),
            Some('r') => Ok(b'\r'),
            Some(c @ ('\\' | '"' | '\'')) => Ok(c as u8),
            Some('x') => {
                let digits = self.take_while(|c| c.is_ascii_hexdigit());
                u8::from_str_radix(digits, 16).or_else(|_| self.error(format!("`\\x{digits}` is no byte")))
            }
            Some(c @ '0'..='7') => {
                let mut value = u32::from(c as u8 - b'0');
                for _ in 0..2 {
                    if let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(8)) {
                        value = value * 8 + digit;
                        self.take_char();
                    }
                }
                u8::try_from(value).or_else(|_| self.error(format!("`\\{value:o}` is no byte")))
            }
            _ => self.error("after `\\`, expected one of n t r \\ \" ' x or an octal number"),
        }
    }

    /// After an apostrophe: a character; the closing apostrophe may be missing, as in GNU as.
    fn character(&mut self) -> Result<Token, AsmError> {
        let value = match self.take_char() {
            Some('\\') => self.escape()?,
            Some(c) if c.is_ascii() && c != '\n' => c as u8,
            _ => return self.error("expected an ASCII character after `'`"),
        };
        self.rest = self.rest.strip_prefix('\'').unwrap_or(self.rest);
        Ok(Token::Number(value.into()))
    }

    /// After a quotation mark: the rest of the string.
    fn text(&mut self) -> Result<Token, AsmError> {
        let mut bytes = Vec::new();
        loop {
            match self.take_char() {
                Some('"') => return Ok(Token::Text(bytes)),
                Some('\\') => bytes.push(self.escape()?),
                None | Some('\n') => return self.error("the string has no closing `\"` on its line"),
                Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }
}
