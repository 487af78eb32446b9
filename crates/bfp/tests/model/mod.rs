//! A slow model of BFP arithmetic in big integers, written apart from the library: numbers are fractions of big integers,
//! rounding picks among neighbours by comparing exact fractions. And a source of operands that like the edges.
#![allow(dead_code, reason = "each test binary uses a part")]

use num_bigint::BigUint;
use softsie_bfp::Rounding;
use std::cmp::Ordering;

/// A format, by its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    pub width: u32,
    pub precision: i64,
    pub emax: i64,
    pub scale: i64,
}

pub const SHORT: Format = Format { width: 32, precision: 24, emax: 127, scale: 192 };
pub const LONG: Format = Format { width: 64, precision: 53, emax: 1023, scale: 1536 };
pub const EXTENDED: Format = Format { width: 128, precision: 113, emax: 16383, scale: 24576 };

/// A datum of a format.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Zero(bool),
    Number(Number),
    Infinity(bool),
    Nan,
}

/// A nonzero fraction; with `root`, its square root.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    pub negative: bool,
    pub numerator: BigUint,
    pub denominator: BigUint,
    pub root: bool,
}

impl Format {
    fn field(&self) -> u32 {
        self.precision as u32 - 1
    }

    pub fn infinity(&self, negative: bool) -> u128 {
        let exponents = (1u128 << (self.width - self.precision as u32)) - 1;
        exponents << self.field() | u128::from(negative) << (self.width - 1)
    }

    pub fn default_nan(&self) -> u128 {
        self.infinity(false) | 1 << (self.field() - 1)
    }

    pub fn parse(&self, bits: u128) -> Value {
        let negative = bits >> (self.width - 1) & 1 == 1;
        let magnitude = bits & !(1 << (self.width - 1));
        let infinity = self.infinity(false);
        match magnitude.cmp(&infinity) {
            Ordering::Greater => return Value::Nan,
            Ordering::Equal => return Value::Infinity(negative),
            Ordering::Less if magnitude == 0 => return Value::Zero(negative),
            Ordering::Less => {}
        }
        let exponent = (magnitude >> self.field()) as i64;
        let fraction = magnitude & ((1 << self.field()) - 1);
        let (integer, exp) = if exponent == 0 {
            (fraction, 1 - self.emax - i64::from(self.field()))
        } else {
            (fraction | 1 << self.field(), exponent - self.emax - i64::from(self.field()))
        };
        Value::Number(Number::dyadic(negative, BigUint::from(integer), exp))
    }
}

fn shifted(x: &BigUint, by: i64) -> BigUint {
    x << u64::try_from(by).unwrap()
}

impl Number {
    pub fn dyadic(negative: bool, integer: BigUint, exp: i64) -> Number {
        let one = BigUint::from(1u32);
        if exp >= 0 {
            Number { negative, numerator: shifted(&integer, exp), denominator: one, root: false }
        } else {
            Number { negative, numerator: integer, denominator: shifted(&one, -exp), root: false }
        }
    }

    pub fn negated(mut self) -> Number {
        self.negative = !self.negative;
        self
    }

    /// The sum, if it is not zero.
    pub fn plus(&self, other: &Number) -> Option<Number> {
        let a = &self.numerator * &other.denominator;
        let b = &other.numerator * &self.denominator;
        let denominator = &self.denominator * &other.denominator;
        let (negative, numerator) = match (self.negative == other.negative, a.cmp(&b)) {
            (true, _) => (self.negative, a + b),
            (false, Ordering::Greater) => (self.negative, a - b),
            (false, Ordering::Less) => (other.negative, b - a),
            (false, Ordering::Equal) => return None,
        };
        Some(Number { negative, numerator, denominator, root: false })
    }

    pub fn times(&self, other: &Number) -> Number {
        Number {
            negative: self.negative != other.negative,
            numerator: &self.numerator * &other.numerator,
            denominator: &self.denominator * &other.denominator,
            root: false,
        }
    }

    pub fn over(&self, other: &Number) -> Number {
        Number {
            negative: self.negative != other.negative,
            numerator: &self.numerator * &other.denominator,
            denominator: &self.denominator * &other.numerator,
            root: false,
        }
    }

    /// Compares the magnitude with `integer * 2^exp / 2`.
    fn compare_halves(&self, integer: &BigUint, exp: i64) -> Ordering {
        let other = Number::dyadic(false, integer.clone(), exp - 1);
        if self.root {
            let square = other.times(&other);
            (&self.numerator * &square.denominator).cmp(&(&square.numerator * &self.denominator))
        } else {
            (&self.numerator * &other.denominator).cmp(&(&other.numerator * &self.denominator))
        }
    }

    /// The largest integer `m` with `m * 2^exp` not above the magnitude.
    fn floor(&self, exp: i64) -> BigUint {
        let twice = if self.root { 2 * exp } else { exp };
        let (n, d) = if twice >= 0 {
            (self.numerator.clone(), shifted(&self.denominator, twice))
        } else {
            (shifted(&self.numerator, -twice), self.denominator.clone())
        };
        let quotient = n / d;
        if self.root { quotient.sqrt() } else { quotient }
    }

    /// The exponent of the first bit.
    pub fn exponent(&self) -> i64 {
        let guess = self.numerator.bits() as i64 - self.denominator.bits() as i64;
        let guess = if self.root { guess.div_euclid(2) } else { guess };
        (guess - 2..=guess + 2).rev().find(|e| self.floor(*e) > BigUint::ZERO).unwrap()
    }

    /// Rounded to a multiple of `2^exp`: the multiple, whether inexact, whether incremented.
    pub fn round_at(&self, exp: i64, rounding: Rounding) -> (BigUint, bool, bool) {
        let below = self.floor(exp);
        let double = &below * 2u32;
        if self.compare_halves(&double, exp) == Ordering::Equal {
            return (below, false, false);
        }
        let half = self.compare_halves(&(&double + 1u32), exp);
        let odd = below.bit(0);
        let up = match rounding {
            Rounding::NearestEven => half == Ordering::Greater || half == Ordering::Equal && odd,
            Rounding::NearestAway => half != Ordering::Less,
            Rounding::Zero => false,
            Rounding::Up => !self.negative,
            Rounding::Down => self.negative,
            Rounding::PrepareShorter => !odd,
            // Of conversions between radices only: tests/cases/pfpo.case.
            Rounding::NearestZero | Rounding::Away => unreachable!(),
        };
        (if up { below + 1u32 } else { below }, true, up)
    }
}

/// What an operation should deliver: bits, flag byte, DXC (0 without trap).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    pub bits: u128,
    pub flags: u8,
    pub dxc: u8,
}

fn encode(format: &Format, negative: bool, integer: &BigUint, exp: i64) -> u128 {
    // integer * 2^exp with at most `precision` bits, in range.
    let sign = u128::from(negative) << (format.width - 1);
    let mut integer = integer.clone();
    let mut exp = exp;
    let least = 1 - format.emax - (format.precision - 1);
    while integer.bits() as i64 > format.precision {
        assert!(!integer.bit(0));
        integer >>= 1;
        exp += 1;
    }
    while (integer.bits() as i64) < format.precision && exp > least {
        integer <<= 1;
        exp -= 1;
    }
    let digits = integer.to_u64_digits();
    let value = u128::from(*digits.first().unwrap_or(&0)) | u128::from(*digits.get(1).unwrap_or(&0)) << 64;
    if (integer.bits() as i64) < format.precision {
        return sign | value;
    }
    let exponent = (exp - least + 1) as u128;
    assert!(exponent < (1 << (format.width - format.precision as u32)) - 1, "result out of range");
    let implied = 1u128 << (format.precision - 1);
    sign | exponent << (format.precision - 1) | (value - implied)
}

/// Rounds `v` to `format` under trap masks.
pub fn round(v: &Number, format: &Format, rounding: Rounding, masks: u8) -> Expected {
    let inexact_dxc = |inexact: bool, up: bool| match (inexact, up) {
        (false, _) => 0,
        (true, false) => 0x08,
        (true, true) => 0x0C,
    };
    let finish = |bits: u128, flags: u8, inexact: bool, up: bool| {
        if inexact && masks & 8 != 0 {
            Expected { bits, flags, dxc: inexact_dxc(true, up) }
        } else {
            Expected { bits, flags: flags | if inexact { 8 } else { 0 }, dxc: 0 }
        }
    };
    let e = v.exponent();
    let (m, inexact, up) = v.round_at(e - format.precision + 1, rounding);
    let unit = e - format.precision + 1;
    let rounded_exponent = unit + m.bits() as i64 - 1;
    if e < 1 - format.emax {
        if masks & 0x10 != 0 {
            let bits = encode(format, v.negative, &m, unit + format.scale);
            return Expected { bits, flags: 0, dxc: 0x10 | inexact_dxc(inexact, up) };
        }
        let unit = 1 - format.emax - format.precision + 1;
        let (m, inexact, up) = v.round_at(unit, rounding);
        return finish(encode(format, v.negative, &m, unit), if inexact { 0x10 } else { 0 }, inexact, up);
    }
    if rounded_exponent > format.emax {
        if masks & 0x20 != 0 {
            let bits = encode(format, v.negative, &m, unit - format.scale);
            return Expected { bits, flags: 0, dxc: 0x20 | inexact_dxc(inexact, up) };
        }
        let infinite = match rounding {
            Rounding::NearestEven | Rounding::NearestAway => true,
            Rounding::Zero | Rounding::PrepareShorter => false,
            Rounding::Up => !v.negative,
            Rounding::Down => v.negative,
            Rounding::NearestZero | Rounding::Away => unreachable!(),
        };
        let bits = format.infinity(v.negative) - u128::from(!infinite);
        return finish(bits, 0x20, true, infinite);
    }
    finish(encode(format, v.negative, &m, unit), 0, inexact, up)
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    pub fn rounding(&mut self) -> Rounding {
        [
            Rounding::NearestEven,
            Rounding::NearestAway,
            Rounding::Zero,
            Rounding::Up,
            Rounding::Down,
            Rounding::PrepareShorter,
        ][self.below(6) as usize]
    }

    /// A datum of the format: any bits, the neighbourhood of special values, few-bit fractions, exponents near `near`.
    pub fn datum(&mut self, format: &Format, near: Option<u128>) -> u128 {
        let field = format.precision as u32 - 1;
        let mask = if format.width == 128 { u128::MAX } else { (1 << format.width) - 1 };
        let fraction_mask = (1u128 << field) - 1;
        let exponents = (1u64 << (format.width - field - 1)) - 1;
        let fraction = match self.below(6) {
            0 => self.wide(),
            1 => self.wide() & self.wide() & self.wide(),
            2 => 1u128 << self.below(field.into()),
            3 => fraction_mask - self.wide() % 4,
            4 => self.wide() % 4,
            _ => fraction_mask ^ fraction_mask >> self.below(field.into()),
        } & fraction_mask;
        let near = near.map(|n| (n >> field) as u64 & exponents);
        let exponent = match (self.below(8), near) {
            (0, _) => self.below(3),
            (1, _) => exponents - self.below(3),
            (2, _) => exponents / 2 + self.below(4) - 2,
            (3..=5, Some(near)) => (near + self.below(8)).saturating_sub(4).min(exponents),
            (6, Some(near)) => {
                let spread = format.precision as u64 * 2;
                (near + self.below(2 * spread)).saturating_sub(spread).min(exponents)
            }
            _ => self.below(exponents + 1),
        };
        let sign = u128::from(self.next() & 1) << (format.width - 1);
        (sign | u128::from(exponent) << field | fraction) & mask
    }
}

/// How many cases a random test runs: `SOFTSIE_BFP_CASES` or the default. `cargo xtask campaign` reads what is printed.
pub fn cases(default: u64) -> u64 {
    let cases = std::env::var("SOFTSIE_BFP_CASES").ok().and_then(|s| s.parse().ok()).unwrap_or(default);
    println!("@compared\tbfp\t{cases}\ta model on big integers");
    cases
}
