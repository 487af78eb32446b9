//! Instructions: operands as written, matched with the table and put into instruction text.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::expression::{Environment, Expression, Tokens};
use super::lexer::Token;
use crate::table::{EXTENDED, FieldName, FixedField, FormatLayout, Op, Operand, ROWS};

/// A way to write an instruction: a row of the table or one of its extended mnemonics.
#[derive(Clone, Copy)]
struct Form {
    op: Op,
    operands: &'static [Operand],
    optional: usize,
    fixed: &'static [FixedField],
}

/// Forms by mnemonic. A mnemonic has several only if they differ in how many operands they have.
static FORMS: LazyLock<HashMap<&str, Vec<Form>>> = LazyLock::new(|| {
    let mut forms: HashMap<&str, Vec<Form>> = HashMap::new();
    for e in EXTENDED {
        let form = Form { op: e.base, operands: e.operands, optional: e.optional.into(), fixed: e.fixed };
        forms.entry(e.mnemonic).or_default().push(form);
    }
    for r in ROWS {
        let form = Form { op: r.op, operands: r.operands, optional: r.optional.into(), fixed: &[] };
        forms.entry(r.mnemonic).or_default().push(form);
    }
    forms
});

/// An operand as written.
#[derive(Debug)]
enum Written {
    Register(char, u8),
    Value(Expression),
    /// `D(…)`, `D(…,…)`; nothing before the comma is `None`.
    Storage(Expression, Vec<Option<Written>>),
}

/// An instruction as written.
pub(super) struct Instruction {
    mnemonic: String,
    form: Form,
    written: Vec<Written>,
}

impl Instruction {
    /// The instruction `mnemonic` with the operands in `tokens`.
    pub fn parse(mnemonic: &str, tokens: &mut Tokens<'_>) -> Result<Instruction, String> {
        let forms = FORMS.get(mnemonic).ok_or_else(|| format!("unknown instruction `{mnemonic}`"))?;
        let written = tokens.list(operand)?;
        let counts = |f: &Form| f.operands.len() - f.optional..=f.operands.len();
        match forms.iter().find(|f| counts(f).contains(&written.len())) {
            Some(form) => Ok(Instruction { mnemonic: mnemonic.to_owned(), form: *form, written }),
            None => {
                let mut counts: Vec<_> = forms.iter().flat_map(counts).collect();
                counts.sort_unstable();
                let counts: Vec<_> = counts.iter().map(usize::to_string).collect();
                Err(format!("{mnemonic}: expected {} operands, found {}", counts.join(" or "), written.len()))
            }
        }
    }

    /// Length in bytes.
    pub fn length(&self) -> u8 {
        self.form.op.row().format.layout().length
    }

    /// The instruction text, left aligned.
    pub fn encode(&self, environment: &Environment<'_>) -> Result<u64, String> {
        let layout = self.form.op.row().format.layout();
        let mut text = self.form.op.text();
        for (n, (written, operand)) in self.written.iter().zip(self.form.operands).enumerate() {
            text = encode(written, *operand, layout, text, environment)
                .map_err(|message| format!("{}: operand {}: {message}", self.mnemonic, n + 1))?;
        }
        Ok(self.form.fixed.iter().fold(text, |text, fixed| fixed.impose(layout, text)))
    }
}

fn operand(tokens: &mut Tokens<'_>) -> Result<Written, String> {
    if let Some(register) = register(tokens) {
        return Ok(register);
    }
    let value = tokens.expression()?;
    if !tokens.take_mark("(") {
        return Ok(Written::Value(value));
    }
    let mut inner = Vec::new();
    loop {
        inner.push(match tokens.peek() {
            Some(Token::Mark("," | ")")) => None,
            _ => Some(match register(tokens) {
                Some(register) => register,
                None => Written::Value(tokens.expression()?),
            }),
        });
        if !tokens.take_mark(",") {
            tokens.expect_mark(")")?;
            return Ok(Written::Storage(value, inner));
        }
    }
}

fn register(tokens: &mut Tokens<'_>) -> Option<Written> {
    let Some(Token::Register(kind, number)) = tokens.peek() else { return None };
    tokens.take();
    Some(Written::Register(*kind, *number))
}

/// `text` with an operand in its fields.
fn encode(
    written: &Written,
    operand: Operand,
    layout: &FormatLayout,
    text: u64,
    environment: &Environment<'_>,
) -> Result<u64, String> {
    let field = operand.field();
    let width = layout.width(field);
    let register = |kind| Ok(layout.set(text, field, register_number(written, kind, width, environment)?));
    match operand {
        Operand::Gr(_) | Operand::GrPair(_) => register('r'),
        Operand::Fr(_) | Operand::FrPair(_) => register('f'),
        Operand::Ar(_) => register('a'),
        Operand::Cr(_) => register('c'),
        Operand::Vr(_) => register('v'),
        Operand::Mask(_) | Operand::Unsigned(_) => {
            Ok(layout.set(text, field, number(value(written, environment)?, width, false)?))
        }
        Operand::Signed(_) => Ok(layout.set(text, field, number(value(written, environment)?, width, true)?)),
        Operand::Relative(_) => {
            let target = value(written, environment)?;
            // Addresses wrap at 64 bits.
            let distance = (target as u64).wrapping_sub(environment.here as u64).cast_signed();
            if distance % 2 != 0 {
                return Err(format!("the target {target:#x} is at an odd distance"));
            }
            let halfwords = number(i128::from(distance / 2), width, true)
                .map_err(|_| format!("the target {target:#x} is {distance} bytes away, too far"))?;
            Ok(layout.set(text, field, halfwords))
        }
        Operand::Storage { middle, base, .. } => {
            let (displacement, inner) = match written {
                Written::Value(displacement) => (displacement, &[][..]),
                Written::Storage(displacement, inner) => (displacement, inner.as_slice()),
                Written::Register(..) => return Err(format!("expected storage, {}", storage_syntax(middle))),
            };
            let displacement = displacement.evaluate(environment)?;
            let displacement = number(displacement, width, layout.is_long_displacement(field))
                .map_err(|message| format!("displacement: {message}"))?;
            let text = layout.set(text, field, displacement);
            let (middle_written, base_written) = match (inner, middle) {
                ([], None | Some(FieldName::X2 | FieldName::V2)) => (None, None),
                ([middle], Some(FieldName::L1 | FieldName::L2 | FieldName::R1 | FieldName::R3)) => {
                    (middle.as_ref(), None)
                }
                ([base], _) => (None, base.as_ref()),
                ([middle, base], Some(_)) => (middle.as_ref(), base.as_ref()),
                _ => return Err(format!("expected {}", storage_syntax(middle))),
            };
            let text = match middle {
                None => text,
                Some(name) => layout.set(text, name, middle_field(name, middle_written, layout, environment)?),
            };
            Ok(match base_written {
                None => text,
                Some(b) => layout.set(text, base, register_number(b, 'r', layout.width(base), environment)?),
            })
        }
    }
}

/// Index, length or register between the parentheses.
fn middle_field(
    name: FieldName,
    written: Option<&Written>,
    layout: &FormatLayout,
    environment: &Environment<'_>,
) -> Result<u64, String> {
    let width = layout.width(name);
    match (name, written) {
        (FieldName::X2 | FieldName::V2, None) => Ok(0),
        (_, None) => Err(format!("expected {}", storage_syntax(Some(name)))),
        (FieldName::L1 | FieldName::L2, Some(written)) => {
            let length = value(written, environment)?;
            number(length - 1, width, false).map_err(|_| format!("the length {length} is not 1 to {}", 1 << width))
        }
        (FieldName::V2, Some(written)) => register_number(written, 'v', width, environment),
        (_, Some(written)) => register_number(written, 'r', width, environment),
    }
}

fn storage_syntax(middle: Option<FieldName>) -> &'static str {
    match middle {
        None => "D or D(%rB)",
        Some(FieldName::X2) => "D, D(%rB) or D(%rX,%rB)",
        Some(FieldName::V2) => "D, D(%rB) or D(%vX,%rB)",
        Some(FieldName::L1 | FieldName::L2) => "D(LENGTH) or D(LENGTH,%rB)",
        Some(_) => "D(%rL) or D(%rL,%rB)",
    }
}

/// The number of a register of that kind, which may be written as a plain number too.
fn register_number(written: &Written, kind: char, width: u32, environment: &Environment<'_>) -> Result<u64, String> {
    match written {
        Written::Register(k, n) if *k == kind => Ok(u64::from(*n)),
        Written::Value(e) => number(e.evaluate(environment)?, width, false),
        _ => Err(format!("expected a register %{kind}0 to %{kind}{}", (1 << width) - 1)),
    }
}

fn value(written: &Written, environment: &Environment<'_>) -> Result<i128, String> {
    match written {
        Written::Value(e) => e.evaluate(environment),
        Written::Register(..) => Err("expected a number or a label, found a register".to_owned()),
        Written::Storage(..) => Err("expected a number or a label, found storage `D(…)`".to_owned()),
    }
}

/// `value` as a field of `width` bits.
fn number(value: i128, width: u32, signed: bool) -> Result<u64, String> {
    let (low, high) = if signed { (-(1i128 << (width - 1)), (1 << (width - 1)) - 1) } else { (0, (1 << width) - 1) };
    if (low..=high).contains(&value) { Ok(value as u64) } else { Err(format!("{value} is not {low} to {high}")) }
}
