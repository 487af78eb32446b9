//! Random operands of the long and extended formats against Python's `decimal` (libmpdec), which is of decNumber's
//! specification. `SOFTSIE_DFP_CASES` cases an operation and format. Without `python3` the test says so and passes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use std::fmt::{LowerHex, Write as _};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use softsie_dfp::{self as dfp, Env, Extended, Format, Integer, Long, Outcome, Rounded, Rounding, Short};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    /// Digits: few, many, nines, a one with zeros, a tie.
    fn significand<F: Format>(&mut self) -> u128 {
        let unit = |n: u64| 10u128.pow(n as u32);
        let digits: u64 = F::DIGITS.into();
        let n = self.below(digits + 1);
        match self.below(8) {
            0 => self.wide() % unit(n),
            1 => unit(n) - 1,
            2 => unit(n.min(digits - 1)),
            3 => (self.wide() % unit(n)) * unit(digits - n),
            4 => 5 * unit(n.min(digits - 1)),
            5 => self.wide() % 20,
            _ => self.wide() % unit(digits),
        }
    }

    /// A datum; `near` another exponent more often than not.
    fn datum<F: Format>(&mut self, near: i64) -> (F::Bits, i64) {
        let bits = match self.below(24) {
            // Any bits: declets that are not canonical among them.
            0 => return (F::narrow(self.wide() & (F::SIGN | (F::SIGN - 1))), near),
            1 => self.special::<F>(),
            _ => {
                let spread = i64::from(F::DIGITS) + 3;
                let around = |r: &mut Random, middle: i64| middle + r.below(2 * spread as u64) as i64 - spread;
                let biased = match self.below(10) {
                    0 => self.below(3) as i64,
                    1 => i64::from(F::MAX_BIASED) - self.below(3) as i64,
                    2 => self.below(F::MAX_BIASED as u64) as i64,
                    3 => around(self, F::BIAS.into()),
                    4 => around(self, 0),
                    5 => around(self, F::MAX_BIASED.into()),
                    _ => around(self, near),
                };
                let biased = biased.clamp(0, F::MAX_BIASED.into());
                let number = dfp::from_digits::<F>(self.below(2) == 1, self.significand::<F>());
                return (dfp::insert_biased_exponent::<F>(number, biased), biased);
            }
        };
        (bits, near)
    }

    fn special<F: Format>(&mut self) -> F::Bits {
        let number = dfp::from_digits::<F>(self.below(2) == 1, self.wide() % 1000);
        dfp::insert_biased_exponent::<F>(number, -1 - self.below(3) as i64)
    }
}

fn cases() -> u64 {
    std::env::var("SOFTSIE_DFP_CASES").ok().and_then(|s| s.parse().ok()).unwrap_or(20_000)
}

/// Has the model check a text of cases.
fn check(text: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decimal_model.py");
    let started = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut python) = started else {
        eprintln!("no python3: nothing is compared");
        return;
    };
    let mut input = python.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(text.as_bytes()).unwrap());
        python.wait_with_output().unwrap()
    });
    let told = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().count();
    assert!(output.status.success() && told.trim() == format!("{lines} cases"), "{}", {
        let first: Vec<&str> = told.lines().take(20).collect();
        format!("{}\n{} lines of differences", first.join("\n"), told.lines().count())
    });
    // For `cargo xtask campaign`.
    println!("@compared\tdfp\t{lines}\tPython's decimal (libmpdec)");
}

fn shown<T: LowerHex>(outcome: &Outcome<T>) -> String {
    let dxc = outcome.trap.unwrap_or(0);
    if outcome.is_suppressed() {
        return format!("suppressed {:02x} {dxc:02x}", outcome.flags);
    }
    format!("{:x} {:02x} {dxc:02x}", outcome.value, outcome.flags)
}

fn kind(r: &mut Random) -> (Integer, u32) {
    [(Integer::Fixed32, 0x120), (Integer::Fixed64, 0x140), (Integer::Logical32, 0x20), (Integer::Logical64, 0x40)]
        [r.below(4) as usize]
}

/// Cases of one operation in one format.
fn compare<F: Format>(letter: char, operations: &[&str])
where
    F::Bits: LowerHex,
{
    for operation in operations {
        let mut r = Random(operation.len() as u64 * 31 + letter as u64);
        let mut text = String::new();
        for n in 0..cases() {
            let mode = r.below(8) as usize;
            let masks = match r.below(6) {
                0 => r.next() as u8 & 0xFC,
                1 => [0x20, 0x10, 0x08, 0x04, 0x80, 0x40][r.below(6) as usize],
                _ => 0,
            };
            let suppress_inexact = r.below(8) == 0;
            let env = Env { rounding: Rounding::ALL[mode], masks, suppress_inexact };
            let near = r.below(F::MAX_BIASED as u64 + 1) as i64;
            let (a, exponent) = r.datum::<F>(near);
            let near = if *operation == "divide" && r.below(2) == 0 { near } else { exponent };
            let (b, _) = r.datum::<F>(near);
            let head = format!("{operation} {letter} {mode} {masks:02x} {}", u8::from(suppress_inexact));
            let line = match *operation {
                "add" => format!("{a:x} {b:x} = {}", shown(&dfp::add::<F>(&env, a, b))),
                "subtract" => format!("{a:x} {b:x} = {}", shown(&dfp::subtract::<F>(&env, a, b))),
                "multiply" => format!("{a:x} {b:x} = {}", shown(&dfp::multiply::<F>(&env, a, b))),
                "divide" => format!("{a:x} {b:x} = {}", shown(&dfp::divide::<F>(&env, a, b))),
                "integral" => format!("{a:x} 0 = {}", shown(&dfp::load_fp_integer::<F>(&env, a))),
                "quantize" => format!("{a:x} {b:x} = {}", shown(&dfp::quantize::<F>(&env, a, b))),
                "reround" => {
                    let digits = r.below(40) as u32;
                    format!("{a:x} {digits:x} = {}", shown(&dfp::reround::<F>(&env, a, digits)))
                }
                "compare" | "signal" => {
                    // Equal ones of different exponents too.
                    let b = if n % 4 == 0 { dfp::quantize::<F>(&env_plain(), a, b).value } else { b };
                    let outcome = dfp::compare::<F>(&env, a, b, *operation == "signal");
                    format!("{a:x} {b:x} = {}", shown(&outcome.map(|c| c as u8)))
                }
                "integer" => {
                    let (integer, code) = kind(&mut r);
                    let outcome = dfp::convert_to_integer::<F>(&env, a, integer);
                    let outcome = outcome.map(|c| u128::from(c.cc) << 64 | u128::from(c.integer));
                    format!("{a:x} {code:x} = {}", shown(&outcome))
                }
                "of_integer" => {
                    let (integer, code) = kind(&mut r);
                    let number = r.next() >> r.below(64);
                    let outcome = dfp::convert_from_integer::<F>(&env, number, integer);
                    format!("{number:x} {code:x} = {}", shown(&outcome))
                }
                _ => {
                    let class = (0..12).find(|bit| dfp::test_data_class::<F>(a, 1 << bit)).unwrap();
                    format!("{a:x} 0 = {:x} 00 00", 1 << class)
                }
            };
            writeln!(text, "{head} {line}").unwrap();
        }
        check(&text);
    }
}

fn env_plain() -> Env {
    Env { rounding: Rounding::Zero, masks: 0, suppress_inexact: false }
}

#[test]
fn sums_and_products() {
    compare::<Long>('l', &["add", "subtract", "multiply"]);
    compare::<Extended>('x', &["add", "subtract", "multiply"]);
}

#[test]
fn quotients() {
    compare::<Long>('l', &["divide"]);
    compare::<Extended>('x', &["divide"]);
}

#[test]
fn significands() {
    let operations = ["quantize", "reround", "integral"];
    compare::<Long>('l', &operations);
    compare::<Extended>('x', &operations);
}

#[test]
fn integers() {
    compare::<Long>('l', &["integer", "of_integer"]);
    compare::<Extended>('x', &["integer", "of_integer"]);
}

#[test]
fn comparisons_and_classes() {
    let operations = ["compare", "signal", "class"];
    compare::<Short>('s', &["class"]);
    compare::<Long>('l', &operations);
    compare::<Extended>('x', &operations);
}

fn shorter<S: Format, T: Format>(letter: char)
where
    S::Bits: LowerHex,
    T::Bits: LowerHex,
{
    let mut r = Random(letter as u64);
    let mut text = String::new();
    for _ in 0..cases() {
        let mode = r.below(8) as usize;
        let masks = [0, 0, 0x20, 0x10, 0x08, 0x04, 0x80, 0xFC][r.below(8) as usize];
        let env = Env { rounding: Rounding::ALL[mode], masks, suppress_inexact: false };
        // Mostly where the shorter format ends.
        let ends = [S::BIAS - T::BIAS, S::BIAS - T::BIAS + T::MAX_BIASED, S::BIAS];
        let near = ends[r.below(3) as usize].into();
        let (a, _) = r.datum::<S>(near);
        let result = match dfp::load_rounded::<S, T>(&env, a, false) {
            Rounded::Short(outcome) => shown(&outcome),
            Rounded::Scaled(bits, dxc) => format!("{bits:x} 00 {dxc:02x}"),
        };
        writeln!(text, "shorter {letter} {mode} {masks:02x} 0 {a:x} 0 = {result}").unwrap();
    }
    check(&text);
}

#[test]
fn rounded_to_shorter_formats() {
    shorter::<Extended, Long>('x');
    shorter::<Long, Short>('l');
}
