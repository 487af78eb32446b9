//! Statements: labels, directives and instructions of a source, parsed.

use super::AsmError;
use super::expression::{Expression, Tokens};
use super::instruction::Instruction;
use super::lexer::{Token, lex};

/// A statement.
pub(super) struct Statement {
    pub line: usize,
    pub kind: Kind,
}

pub(super) enum Kind {
    Label(String),
    /// `1:`
    Local(u32),
    Directive(Directive),
    Instruction(Instruction),
}

pub(super) enum Directive {
    /// Width in bytes, values.
    Data(usize, Vec<Expression>),
    Text(Vec<u8>),
    /// Size, fill.
    Space(Expression, Option<Expression>),
    /// Unit, fill.
    Align(Expression, Option<Expression>),
    /// Address, fill.
    Org(Expression, Option<Expression>),
    Equ(String, Expression),
}

pub(super) fn parse(source: &str) -> Result<Vec<Statement>, AsmError> {
    let mut statements = Vec::new();
    for line in lex(source)? {
        let mut tokens = line.tokens.as_slice();
        loop {
            let kind = match tokens {
                [Token::Name(name), Token::Mark(":"), ..] if name != "." => Kind::Label(name.clone()),
                [Token::Number(n), Token::Mark(":"), ..] if u32::try_from(*n).is_ok() => Kind::Local(*n as u32),
                _ => break,
            };
            statements.push(Statement { line: line.number, kind });
            tokens = &tokens[2..];
        }
        let kind = match tokens {
            [] => continue,
            [Token::Name(name), rest @ ..] => operation(name, &mut Tokens::new(rest)),
            other => {
                Err(format!("expected a label, an instruction or a directive, found {}", Tokens::new(other).found()))
            }
        };
        let kind = kind.map_err(|message| AsmError { line: line.number, message })?;
        statements.push(Statement { line: line.number, kind });
    }
    Ok(statements)
}

/// An instruction or directive, its operands in `tokens`.
fn operation(name: &str, tokens: &mut Tokens<'_>) -> Result<Kind, String> {
    let kind = if name.starts_with('.') {
        Kind::Directive(directive(name, tokens)?)
    } else {
        Kind::Instruction(Instruction::parse(name, tokens)?)
    };
    tokens.expect_end()?;
    Ok(kind)
}

fn directive(name: &str, tokens: &mut Tokens<'_>) -> Result<Directive, String> {
    let data = |width, tokens: &mut Tokens<'_>| Ok(Directive::Data(width, tokens.list(Tokens::expression)?));
    match name {
        ".byte" => data(1, tokens),
        ".short" => data(2, tokens),
        ".long" => data(4, tokens),
        ".quad" => data(8, tokens),
        ".ascii" => Ok(Directive::Text(tokens.list(text)?.concat())),
        ".asciz" => {
            let mut texts = tokens.list(text)?;
            texts.iter_mut().for_each(|t| t.push(0));
            Ok(Directive::Text(texts.concat()))
        }
        ".space" => with_fill(tokens, Directive::Space),
        ".align" => with_fill(tokens, Directive::Align),
        ".org" => with_fill(tokens, Directive::Org),
        ".equ" => match tokens.take() {
            Some(Token::Name(name)) if name != "." => {
                tokens.expect_mark(",")?;
                Ok(Directive::Equ(name.clone(), tokens.expression()?))
            }
            _ => Err("expected a name after .equ".to_owned()),
        },
        _ => Err(format!(
            "unknown directive `{name}`: expected .byte .short .long .quad .ascii .asciz .space .align .org or .equ"
        )),
    }
}

fn text(tokens: &mut Tokens<'_>) -> Result<Vec<u8>, String> {
    match tokens.peek() {
        Some(Token::Text(bytes)) => {
            tokens.take();
            Ok(bytes.clone())
        }
        _ => Err(format!("expected a string, found {}", tokens.found())),
    }
}

/// `VALUE[,FILL]`
fn with_fill(
    tokens: &mut Tokens<'_>,
    make: impl Fn(Expression, Option<Expression>) -> Directive,
) -> Result<Directive, String> {
    let value = tokens.expression()?;
    let fill = if tokens.take_mark(",") { Some(tokens.expression()?) } else { None };
    Ok(make(value, fill))
}
