//! Random operands of every format against a slow model on big integers, which keeps all digits and finds the digits of a
//! result by comparing and dividing. Source: Principles of Operation, chapter 18. `SOFTSIE_HFP_CASES` cases an operation.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use num_bigint::{BigInt, BigUint, Sign};
use softsie_hfp::{self as hfp, Exception, Extended, Format, Long, Masks, Method, Outcome, Short};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
    /// A fraction of `digits`: full, with leading or trailing zeros or Fs, or nothing.
    fn fraction(&mut self, digits: u32) -> u128 {
        let all = (1u128 << (4 * digits)) - 1;
        let bits = (u128::from(self.next()) << 64 | u128::from(self.next())) & all;
        let shift = 4 * self.below(digits.into()) as u32;
        match self.below(12) {
            0 => 0,
            1 => 1,
            2 => all,
            3 => 1 << shift,
            4 => all >> shift,
            5 => all & !(all >> shift),
            6 | 7 => bits >> shift,
            8 => bits & !(all >> shift),
            _ => bits,
        }
    }
    fn characteristic(&mut self) -> u32 {
        match self.below(4) {
            0 => self.below(128) as u32,
            1 => [0, 1, 2, 126, 127, 64, 65, 32, 96][self.below(9) as usize],
            _ => 56 + self.below(24) as u32,
        }
    }
    fn masks(&mut self) -> Masks {
        Masks::of(self.below(16) as u8)
    }
}

/// A number of the model: sign, digits as an integer, and the power of sixteen of the last digit.
#[derive(Clone, Debug)]
struct Value {
    negative: bool,
    digits: BigUint,
    exponent: i32,
}

trait Model: Format {
    fn bits(negative: bool, characteristic: u32, fraction: u128) -> Self::Bits {
        let head = |c: u32| u128::from(negative) << 7 | u128::from(c & 0x7F);
        Self::narrow(if Self::DIGITS == 28 {
            let low = head(characteristic.wrapping_sub(14)) << 56 | fraction & ((1 << 56) - 1);
            (head(characteristic) << 56 | fraction >> 56) << 64 | low
        } else {
            head(characteristic) << (4 * Self::DIGITS) | fraction
        })
    }
    fn random(r: &mut Random) -> Self::Bits {
        let (negative, characteristic) = (r.below(2) == 1, r.characteristic());
        let fraction = r.fraction(Self::DIGITS);
        let bits = Self::widen(Self::bits(negative, characteristic, fraction));
        // Of the low-order part of an operand only the fraction counts.
        Self::narrow(if Self::DIGITS == 28 { bits ^ u128::from(r.next() & 0xFF) << 56 } else { bits })
    }
    fn value(bits: Self::Bits) -> (Value, u32) {
        let bits = Self::widen(bits);
        let (head, fraction) = match Self::DIGITS {
            28 => ((bits >> 120) as u32, (bits >> 64 & ((1 << 56) - 1)) << 56 | bits & ((1 << 56) - 1)),
            d => ((bits >> (4 * d)) as u32, bits & ((1 << (4 * d)) - 1)),
        };
        let characteristic = head & 0x7F;
        let exponent = characteristic as i32 - 64 - Self::DIGITS as i32;
        (Value { negative: head & 0x80 != 0, digits: fraction.into(), exponent }, characteristic)
    }
}
impl Model for Short {}
impl Model for Long {}
impl Model for Extended {}

/// What is expected: bits, exception, condition code.
type Expected<F> = (<F as Format>::Bits, Option<Exception>, u8);

fn zero() -> BigUint {
    BigUint::ZERO
}

fn signed(v: &Value) -> BigInt {
    BigInt::from_biguint(if v.negative { Sign::Minus } else { Sign::Plus }, v.digits.clone())
}

fn count(digits: &BigUint) -> i32 {
    digits.to_str_radix(16).trim_start_matches('0').len() as i32
}

fn truncate(mut v: Value, digits: i32) -> Value {
    while count(&v.digits) > digits {
        v.digits >>= 4;
        v.exponent += 1;
    }
    v
}

/// Normalized and truncated to the format; the characteristic brought into range.
fn delivered<F: Model>(v: Value, masks: Masks) -> Expected<F> {
    if v.digits == zero() {
        return (F::Bits::default(), None, 0);
    }
    let mut v = truncate(v, F::DIGITS as i32);
    while count(&v.digits) < F::DIGITS as i32 {
        v.digits <<= 4;
        v.exponent -= 1;
    }
    let characteristic = v.exponent + F::DIGITS as i32 + 64;
    let exception = match characteristic {
        ..0 if masks.underflow => Some(Exception::Underflow),
        ..0 => return (F::Bits::default(), None, 0),
        0..=127 => None,
        _ => Some(Exception::Overflow),
    };
    let fraction = u128::try_from(&v.digits).unwrap();
    (F::bits(v.negative, (characteristic + 128) as u32 & 0x7F, fraction), exception, if v.negative { 1 } else { 2 })
}

/// `cargo xtask campaign` reads what is printed.
fn cases() -> u64 {
    let cases = std::env::var("SOFTSIE_HFP_CASES").ok().and_then(|s| s.parse().ok()).unwrap_or(20_000);
    println!("@compared\thfp\t{cases}\ta model on big integers");
    cases
}

fn check<F: Model>(what: &str, operands: &dyn std::fmt::Debug, got: Outcome<F::Bits>, expected: Expected<F>) {
    let got = (got.value, got.exception, got.cc);
    assert!(got == expected, "{what} of {} digits: {operands:x?}: got {got:x?}, expected {expected:x?}", F::DIGITS);
}

/// The sum with one guard digit, as the chapter describes it step by step.
fn model_sum<F: Model>(a: F::Bits, b: F::Bits, minus: bool, masks: Masks, normalize: bool) -> (Expected<F>, u8) {
    let ((mut x, cx), (mut y, cy)) = (F::value(a), F::value(b));
    y.negative ^= minus;
    x.digits <<= 4;
    y.digits <<= 4;
    for _ in cx..cy {
        x.digits >>= 4;
    }
    for _ in cy..cx {
        y.digits >>= 4;
    }
    let characteristic = cx.max(cy);
    let exponent = characteristic as i32 - 64 - F::DIGITS as i32 - 1;
    let sum = signed(&x) + signed(&y);
    let comparison = match sum.sign() {
        Sign::NoSign => 0,
        Sign::Minus => 1,
        Sign::Plus => 2,
    };
    let v = Value { negative: sum.sign() == Sign::Minus, digits: sum.magnitude().clone(), exponent };
    let carry = count(&v.digits) > F::DIGITS as i32 + 1;
    let without_guard = &v.digits >> 4;
    let nothing = if normalize { v.digits == zero() } else { without_guard == zero() };
    let expected = if nothing && masks.significance {
        (F::bits(false, characteristic, 0), Some(Exception::Significance), 0)
    } else if nothing {
        (F::Bits::default(), None, 0)
    } else if normalize || carry {
        delivered::<F>(v, masks)
    } else {
        let fraction = u128::try_from(&without_guard).unwrap();
        (F::bits(v.negative, characteristic, fraction), None, if v.negative { 1 } else { 2 })
    };
    (expected, comparison)
}

fn additions<F: Model>(r: &mut Random) {
    for _ in 0..cases() {
        let (a, b, masks) = (F::random(r), F::random(r), r.masks());
        for normalize in [true, false] {
            let (sum, _) = model_sum::<F>(a, b, false, masks, normalize);
            check::<F>("add", &(a, b, normalize, masks), hfp::add::<F>(a, b, masks, normalize), sum);
            let (difference, comparison) = model_sum::<F>(a, b, true, masks, normalize);
            let got = hfp::subtract::<F>(a, b, masks, normalize);
            check::<F>("subtract", &(a, b, normalize, masks), got, difference);
            assert_eq!(hfp::compare::<F>(a, b), comparison, "compare {a:x?} {b:x?}");
        }
        // Half of the number: a guard digit takes the bit shifted out.
        let (x, _) = F::value(a);
        let half = Value { digits: x.digits << 3, exponent: x.exponent - 1, ..x };
        check::<F>("halve", &(a, masks), hfp::halve::<F>(a, masks), delivered::<F>(half, masks));
    }
}

#[test]
fn sums() {
    additions::<Short>(&mut Random(1));
    additions::<Long>(&mut Random(2));
    additions::<Extended>(&mut Random(3));
}

fn times(x: &Value, y: &Value) -> Value {
    Value { negative: x.negative != y.negative, digits: &x.digits * &y.digits, exponent: x.exponent + y.exponent }
}

fn products<F: Model, T: Model>(r: &mut Random) {
    for _ in 0..cases() {
        let (a, b, masks) = (F::random(r), F::random(r), r.masks());
        let exact = times(&F::value(a).0, &F::value(b).0);
        let got = hfp::multiply::<F, T>(a, b, masks);
        check::<T>("multiply", &(a, b, masks), got, delivered::<T>(exact, masks));
    }
}

#[test]
fn multiplications() {
    products::<Short, Short>(&mut Random(11));
    products::<Short, Long>(&mut Random(12));
    products::<Long, Long>(&mut Random(13));
    products::<Long, Extended>(&mut Random(14));
    products::<Extended, Extended>(&mut Random(15));
}

fn quotients<F: Model>(r: &mut Random) {
    for _ in 0..cases() {
        let (a, b, masks) = (F::random(r), F::random(r), r.masks());
        let ((x, _), (y, _)) = (F::value(a), F::value(b));
        let got = hfp::divide::<F>(a, b, masks);
        if y.digits == zero() {
            assert_eq!(got, Err(Exception::Divide));
            continue;
        }
        // More digits than can be needed: operands of which one has only its last digit.
        let quotient = Value {
            negative: x.negative != y.negative,
            digits: (x.digits << (4 * 80)) / y.digits,
            exponent: x.exponent - y.exponent - 80,
        };
        check::<F>("divide", &(a, b, masks), got.unwrap(), delivered::<F>(quotient, masks));
    }
}

#[test]
fn divisions() {
    quotients::<Short>(&mut Random(21));
    quotients::<Long>(&mut Random(22));
    quotients::<Extended>(&mut Random(23));
}

fn roots<F: Model>(r: &mut Random) {
    for _ in 0..cases() {
        let a = F::random(r);
        let (x, _) = F::value(a);
        let got = hfp::square_root::<F>(a);
        if x.digits == zero() {
            check::<F>("root", &a, got.unwrap(), (F::Bits::default(), None, 0));
        } else if x.negative {
            assert_eq!(got, Err(Exception::SquareRoot));
        } else {
            // Twice the root, with as many digits as the format has.
            let mut x = x;
            while count(&x.digits) < 2 * F::DIGITS as i32 - 1 || x.exponent % 2 != 0 {
                x.digits <<= 4;
                x.exponent -= 1;
            }
            let digits = ((x.digits << 2usize).sqrt() + 1u32) >> 1usize;
            assert_eq!(count(&digits), F::DIGITS as i32);
            let root = Value { negative: false, digits, exponent: x.exponent / 2 };
            check::<F>("root", &a, got.unwrap(), delivered::<F>(root, Masks::default()));
        }
    }
}

#[test]
fn square_roots() {
    roots::<Short>(&mut Random(31));
    roots::<Long>(&mut Random(32));
    roots::<Extended>(&mut Random(33));
}

/// The exact sum of two numbers, with the smaller exponent.
fn exact_sum(x: &Value, y: &Value) -> Value {
    let exponent = x.exponent.min(y.exponent);
    let to = |v: &Value| signed(v) << (4 * (v.exponent - exponent));
    let sum = to(x) + to(y);
    Value { negative: sum.sign() == Sign::Minus, digits: sum.magnitude().clone(), exponent }
}

fn fused<F: Model>(r: &mut Random) {
    for _ in 0..cases() {
        let (a, b, masks, subtract) = (F::random(r), F::random(r), r.masks(), r.below(2) == 1);
        let product = times(&F::value(a).0, &F::value(b).0);
        // Half of the time an addend that is near the product, so that digits cancel.
        let c = match delivered::<F>(product.clone(), masks).0 {
            near if r.below(2) == 0 => {
                F::narrow(F::widen(near) ^ u128::from(r.below(4)) ^ u128::from(r.next() & 1) << 24)
            }
            _ => F::random(r),
        };
        let mut addend = F::value(c).0;
        addend.negative ^= subtract;
        let expected = delivered::<F>(exact_sum(&product, &addend), masks);
        check::<F>("fused", &(a, b, c, subtract, masks), hfp::multiply_add::<F>(a, b, c, subtract, masks), expected);
    }
}

#[test]
fn multiply_and_add() {
    fused::<Short>(&mut Random(41));
    fused::<Long>(&mut Random(42));
}

#[test]
fn unnormalized() {
    let r = &mut Random(51);
    for _ in 0..3 * cases() {
        let (a, b, c) = (Long::random(r), Long::random(r), Long::random(r));
        let ((x, cx), (y, cy), (z, _)) = (Long::value(a), Long::value(b), Long::value(c));
        let product = times(&x, &y);
        let characteristic = (cx + cy).wrapping_sub(64);
        let fraction = u128::try_from(&product.digits).unwrap();
        let expected = Extended::bits(product.negative, characteristic, fraction);
        assert_eq!(hfp::multiply_unnormalized(a, b), expected, "{a:x} {b:x}");
        // The 28 digits of the sum where the product has its own.
        let sum = exact_sum(&product, &z);
        let place = sum.exponent - product.exponent;
        let there = if place >= 0 { &sum.digits << (4 * place) } else { &sum.digits >> (-4 * place) };
        let fraction = u128::try_from(&(there & ((BigUint::from(1u32) << 112) - 1u32))).unwrap();
        let expected = Extended::bits(sum.negative, characteristic, fraction);
        assert_eq!(hfp::multiply_add_unnormalized(a, b, c), expected, "{a:x} {b:x} {c:x}");
    }
}

fn integers<F: Model>(r: &mut Random) {
    for _ in 0..cases() {
        let a = F::random(r);
        let (x, _) = F::value(a);
        let scale = BigUint::from(1u32) << (4 * (-x.exponent).max(0));
        let (whole, rest) = if x.exponent >= 0 {
            (&x.digits << (4 * x.exponent), zero())
        } else {
            (&x.digits / &scale, &x.digits % &scale)
        };
        let truncated = Value { negative: x.negative, digits: whole.clone(), exponent: 0 };
        assert_eq!(hfp::load_fp_integer::<F>(a), delivered::<F>(truncated, Masks::default()).0, "{a:x?}");
        let twice = rest.clone() << 1;
        for m3 in 0..16 {
            let away = match m3 {
                0 | 5 => false,
                1 => twice >= scale,
                4 => twice > scale || twice == scale && whole.bit(0),
                6 => rest != zero() && !x.negative,
                7 => rest != zero() && x.negative,
                _ => {
                    assert_eq!(Method::of(m3), None);
                    continue;
                }
            };
            let rounded = signed(&Value { digits: &whole + u32::from(away), ..x.clone() });
            for bits in [32u32, 64] {
                let (low, high) = (-(BigInt::from(1) << (bits - 1)), (BigInt::from(1) << (bits - 1)) - 1);
                let cc = match (x.digits == zero(), x.negative) {
                    _ if rounded < low || rounded > high => 3,
                    (true, _) => 0,
                    (_, true) => 1,
                    (_, false) => 2,
                };
                let expected = i64::try_from(rounded.clone().clamp(low, high)).unwrap();
                let got = hfp::convert_to_fixed::<F>(a, Method::of(m3).unwrap(), bits);
                assert_eq!(got, (expected, cc), "{a:x?} by {m3} to {bits}");
            }
        }
        let n = r.next() as i64 >> r.below(64);
        let fixed = Value { negative: n < 0, digits: n.unsigned_abs().into(), exponent: 0 };
        assert_eq!(hfp::convert_from_fixed::<F>(n), delivered::<F>(fixed, Masks::default()).0, "{n}");
    }
}

#[test]
fn integers_both_ways() {
    integers::<Short>(&mut Random(61));
    integers::<Long>(&mut Random(62));
    integers::<Extended>(&mut Random(63));
}

fn lengths<F: Model, T: Model>(r: &mut Random) {
    for _ in 0..cases() {
        // From the longer format, rounded half up in the magnitude; the fraction keeps its place.
        let a = F::random(r);
        let (x, characteristic) = F::value(a);
        let shift = 4 * (F::DIGITS - T::DIGITS);
        let rounded: BigUint = (x.digits + (BigUint::from(1u32) << (shift - 1))) >> shift;
        let carry = count(&rounded) > T::DIGITS as i32;
        let fraction = u128::try_from(&rounded).unwrap() >> if carry { 4 } else { 0 };
        let overflow = carry && characteristic == 127;
        let bits = T::bits(x.negative, characteristic + u32::from(carry), fraction);
        let got = hfp::load_rounded::<F, T>(a);
        assert_eq!((got.value, got.exception), (bits, overflow.then_some(Exception::Overflow)), "{a:x?}");
    }
}

fn lengthened<F: Model>(r: &mut Random) {
    for _ in 0..cases() {
        let a = F::random(r);
        let (x, characteristic) = F::value(a);
        let fraction = u128::try_from(&x.digits).unwrap() << (4 * (28 - F::DIGITS));
        let expected = match fraction {
            0 => u128::from(x.negative) << 127 | u128::from(x.negative) << 63,
            _ => Extended::bits(x.negative, characteristic, fraction),
        };
        assert_eq!(hfp::lengthen_to_extended::<F>(a), expected, "{a:x?}");
    }
}

#[test]
fn between_formats() {
    lengths::<Long, Short>(&mut Random(71));
    lengths::<Extended, Short>(&mut Random(72));
    lengths::<Extended, Long>(&mut Random(73));
    lengthened::<Short>(&mut Random(74));
    lengthened::<Long>(&mut Random(75));
}
