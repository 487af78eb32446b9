//! Expressions: numbers, symbols and operators, with GNU as's precedence: `* / % << >>`, then `& | ^`, then `+ -`.

use std::collections::HashMap;

use super::lexer::Token;

/// How many operators and parentheses an expression has at most, and so how deep it can nest.
const MAX_OPERATORS: usize = 256;

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Number(i128),
    Symbol(String),
    /// `1b` and `1f`.
    Local {
        number: u32,
        forward: bool,
    },
    /// `.`
    Here,
    Negative(Box<Expression>),
    Complement(Box<Expression>),
    Binary(&'static str, Box<Expression>, Box<Expression>),
}

/// A place that a local label marks.
pub(super) struct Local {
    pub number: u32,
    /// Index of the statement that defines it.
    pub statement: usize,
    pub address: i128,
}

/// What names mean at one statement.
pub(super) struct Environment<'p> {
    pub names: &'p HashMap<&'p str, i128>,
    pub locals: &'p [Local],
    /// Address of the statement.
    pub here: i128,
    /// Index of the statement.
    pub statement: usize,
}

/// The tokens of a statement, from left to right.
pub(super) struct Tokens<'t> {
    rest: &'t [Token],
    /// Operators of the expression so far.
    operators: usize,
}

impl<'t> Tokens<'t> {
    pub fn new(tokens: &'t [Token]) -> Self {
        Tokens { rest: tokens, operators: 0 }
    }

    pub fn peek(&self) -> Option<&'t Token> {
        self.rest.first()
    }

    pub fn take(&mut self) -> Option<&'t Token> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// Takes the mark if it comes next.
    pub fn take_mark(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Mark(m)) if *m == mark);
        if found {
            self.take();
        }
        found
    }

    pub fn expect_mark(&mut self, mark: &str) -> Result<(), String> {
        if self.take_mark(mark) { Ok(()) } else { Err(format!("expected `{mark}`, found {}", self.found())) }
    }

    pub fn expect_end(&self) -> Result<(), String> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(format!("expected `,` or the end of the line, found {}", self.found())),
        }
    }

    /// Items separated by commas up to the end of the line; none at all is an empty list.
    pub fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let mut items = Vec::new();
        if self.peek().is_some() {
            items.push(item(self)?);
            while self.take_mark(",") {
                items.push(item(self)?);
            }
        }
        self.expect_end()?;
        Ok(items)
    }

    /// What comes next, for a message.
    pub fn found(&self) -> String {
        match self.peek() {
            None => "the end of the line".to_owned(),
            Some(Token::Name(name)) => format!("`{name}`"),
            Some(Token::Number(n)) => format!("`{n}`"),
            Some(Token::Local { number, forward }) => format!("`{number}{}`", if *forward { 'f' } else { 'b' }),
            Some(Token::Text(_)) => "a string".to_owned(),
            Some(Token::Register(kind, number)) => format!("`%{kind}{number}`"),
            Some(Token::Mark(mark)) => format!("`{mark}`"),
        }
    }

    pub fn expression(&mut self) -> Result<Expression, String> {
        self.operators = 0;
        self.binary(0)
    }

    /// Takes an operator or parenthesis.
    fn take_operator(&mut self) -> Result<(), String> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            return Err(format!("the expression has more than {MAX_OPERATORS} operators"));
        }
        self.take();
        Ok(())
    }

    /// An expression of operators that bind at least as tightly as `level`.
    fn binary(&mut self, level: usize) -> Result<Expression, String> {
        const LEVELS: [&[&str]; 3] = [&["+", "-"], &["&", "|", "^"], &["*", "/", "%", "<<", ">>"]];
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(Token::Mark(mark)) = self.peek()
            && operators.contains(mark)
        {
            self.take_operator()?;
            let right = self.binary(level + 1)?;
            left = Expression::Binary(mark, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, String> {
        let expression = match self.peek() {
            Some(Token::Number(n)) => Expression::Number(*n),
            Some(Token::Name(name)) if name == "." => Expression::Here,
            Some(Token::Name(name)) => Expression::Symbol(name.clone()),
            Some(Token::Local { number, forward }) => Expression::Local { number: *number, forward: *forward },
            Some(Token::Mark("(")) => {
                self.take_operator()?;
                let inner = self.binary(0)?;
                self.expect_mark(")")?;
                return Ok(inner);
            }
            Some(Token::Mark(mark @ ("-" | "~" | "+"))) => {
                self.take_operator()?;
                let operand = self.unary()?;
                return Ok(match *mark {
                    "-" => Expression::Negative(Box::new(operand)),
                    "~" => Expression::Complement(Box::new(operand)),
                    _ => operand,
                });
            }
            _ => return Err(format!("expected a number, a symbol or `(`, found {}", self.found())),
        };
        self.take();
        Ok(expression)
    }
}

impl Expression {
    /// The value.
    pub fn evaluate(&self, environment: &Environment<'_>) -> Result<i128, String> {
        Ok(match self {
            Expression::Number(n) => *n,
            Expression::Here => environment.here,
            Expression::Symbol(name) => match environment.names.get(name.as_str()) {
                Some(value) => *value,
                None => return Err(format!("`{name}` is not defined")),
            },
            Expression::Local { number, forward } => {
                let mut same = environment.locals.iter().filter(|l| l.number == *number);
                let found = if *forward {
                    same.find(|l| l.statement > environment.statement)
                } else {
                    same.take_while(|l| l.statement < environment.statement).last()
                };
                let direction = if *forward { "after" } else { "before" };
                found.ok_or_else(|| format!("there is no label `{number}:` {direction} this line"))?.address
            }
            Expression::Negative(e) => -e.evaluate(environment)?,
            Expression::Complement(e) => !e.evaluate(environment)?,
            Expression::Binary(operator, left, right) => {
                let (left, right) = (left.evaluate(environment)?, right.evaluate(environment)?);
                let shift = u32::try_from(right).ok().filter(|n| *n < 64);
                let value = match *operator {
                    "+" => left.checked_add(right),
                    "-" => left.checked_sub(right),
                    "*" => left.checked_mul(right),
                    "/" => left.checked_div(right),
                    "%" => left.checked_rem(right),
                    "&" => Some(left & right),
                    "|" => Some(left | right),
                    "^" => Some(left ^ right),
                    "<<" => shift.and_then(|n| left.checked_mul(1 << n)),
                    _ => shift.map(|n| left >> n),
                };
                // Values stay within 65 bits, so that negation cannot overflow.
                let value = value.filter(|v| v.unsigned_abs() <= 1 << 64);
                value.ok_or_else(|| format!("`{left} {operator} {right}` has no 64-bit value"))?
            }
        })
    }
}
