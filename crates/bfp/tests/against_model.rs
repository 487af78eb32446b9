//! Random operands of every format, rounding method and set of trap masks against the big-integer model.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod model;

use model::{Expected, Format as Parameters, Number, Random, Value};
use num_bigint::BigUint;
use softsie_bfp::{Env, Extended, Flags, Format, Integer, Long, Outcome, Rounding, Short};

trait Named: Format {
    const MODEL: Parameters;
}
impl Named for Short {
    const MODEL: Parameters = model::SHORT;
}
impl Named for Long {
    const MODEL: Parameters = model::LONG;
}
impl Named for Extended {
    const MODEL: Parameters = model::EXTENDED;
}

fn env(random: &mut Random) -> Env {
    // Half of the time the ordinary environment, so that the host path gets its share.
    let ordinary = random.below(2) == 0;
    let rounding = if ordinary { Rounding::NearestEven } else { random.rounding() };
    let masks = if ordinary { 0 } else { (random.next() & random.next()) as u8 };
    Env { rounding, masks: Flags::from_byte(masks), known: Flags::NONE, suppress_inexact: false, host: true }
}

fn got<F: Format>(outcome: Outcome<F::Bits>) -> Expected {
    let dxc = outcome.trap.map_or(0, |t| t.dxc);
    Expected { bits: F::widen(outcome.value), flags: outcome.flags.byte(), dxc }
}

fn exact(bits: u128) -> Expected {
    Expected { bits, flags: 0, dxc: 0 }
}

fn signed_zero(format: &Parameters, negative: bool) -> Expected {
    exact(u128::from(negative) << (format.width - 1))
}

fn suppressing(bits: u128, exception: u8, masks: u8) -> Expected {
    if masks & exception != 0 {
        Expected { bits, flags: 0, dxc: exception }
    } else {
        Expected { bits, flags: exception, dxc: 0 }
    }
}

/// Chapter 19's NaN rules, for operands in order of precedence.
fn nan_rule(format: &Parameters, operands: &[u128], masks: u8) -> Option<Expected> {
    let quiet = 1u128 << (format.precision - 2);
    let nans: Vec<u128> = operands.iter().copied().filter(|x| format.parse(*x) == Value::Nan).collect();
    match nans.iter().find(|x| **x & quiet == 0) {
        Some(signalling) => Some(suppressing(signalling | quiet, 0x80, masks)),
        None => nans.first().map(|x| exact(*x)),
    }
}

fn difference_zero(format: &Parameters, rounding: Rounding) -> Expected {
    signed_zero(format, rounding == Rounding::Down)
}

fn model_add(f: &Parameters, env: &Env, a: u128, b: Value) -> Expected {
    let masks = env.masks.byte();
    match (f.parse(a), b) {
        (Value::Infinity(x), Value::Infinity(y)) if x != y => suppressing(f.default_nan(), 0x80, masks),
        (Value::Infinity(x), _) | (_, Value::Infinity(x)) => exact(f.infinity(x)),
        (Value::Zero(x), Value::Zero(y)) if x == y => signed_zero(f, x),
        (Value::Zero(_), Value::Zero(_)) => difference_zero(f, env.rounding),
        (Value::Number(x), Value::Zero(_)) | (Value::Zero(_), Value::Number(x)) => {
            model::round(&x, f, env.rounding, masks)
        }
        (Value::Number(x), Value::Number(y)) => match x.plus(&y) {
            Some(sum) => model::round(&sum, f, env.rounding, masks),
            None => difference_zero(f, env.rounding),
        },
        _ => unreachable!("NaNs are settled before"),
    }
}

fn negative(v: &Value) -> bool {
    match v {
        Value::Zero(n) | Value::Infinity(n) => *n,
        Value::Number(n) => n.negative,
        Value::Nan => unreachable!(),
    }
}

fn model_multiply(f: &Parameters, env: &Env, a: u128, b: u128) -> Expected {
    let masks = env.masks.byte();
    let (x, y) = (f.parse(a), f.parse(b));
    let sign = negative(&x) != negative(&y);
    match (x, y) {
        (Value::Infinity(_), Value::Zero(_)) | (Value::Zero(_), Value::Infinity(_)) => {
            suppressing(f.default_nan(), 0x80, masks)
        }
        (Value::Infinity(_), _) | (_, Value::Infinity(_)) => exact(f.infinity(sign)),
        (Value::Zero(_), _) | (_, Value::Zero(_)) => signed_zero(f, sign),
        (Value::Number(x), Value::Number(y)) => model::round(&x.times(&y), f, env.rounding, masks),
        _ => unreachable!(),
    }
}

fn model_divide(f: &Parameters, env: &Env, a: u128, b: u128) -> Expected {
    let masks = env.masks.byte();
    let (x, y) = (f.parse(a), f.parse(b));
    let sign = negative(&x) != negative(&y);
    match (x, y) {
        (Value::Infinity(_), Value::Infinity(_)) | (Value::Zero(_), Value::Zero(_)) => {
            suppressing(f.default_nan(), 0x80, masks)
        }
        (Value::Infinity(_), _) => exact(f.infinity(sign)),
        (_, Value::Zero(_)) => suppressing(f.infinity(sign), 0x40, masks),
        (_, Value::Infinity(_)) | (Value::Zero(_), _) => signed_zero(f, sign),
        (Value::Number(x), Value::Number(y)) => model::round(&x.over(&y), f, env.rounding, masks),
        _ => unreachable!(),
    }
}

fn model_root(f: &Parameters, env: &Env, a: u128) -> Expected {
    let masks = env.masks.byte();
    match f.parse(a) {
        Value::Zero(n) => signed_zero(f, n),
        Value::Infinity(false) => exact(f.infinity(false)),
        Value::Number(x) if !x.negative => model::round(&Number { root: true, ..x }, f, env.rounding, masks),
        _ => suppressing(f.default_nan(), 0x80, masks),
    }
}

fn negated(v: Value, when: bool) -> Value {
    match v {
        v if !when => v,
        Value::Zero(n) => Value::Zero(!n),
        Value::Infinity(n) => Value::Infinity(!n),
        Value::Number(n) => Value::Number(n.negated()),
        Value::Nan => Value::Nan,
    }
}

/// The two parts of the figure of MULTIPLY AND ADD.
fn model_fused(f: &Parameters, env: &Env, a: u128, b: u128, c: u128, subtract: bool) -> Expected {
    let masks = env.masks.byte();
    let (x, y) = (f.parse(a), f.parse(b));
    let z = negated(f.parse(c), subtract);
    if matches!((&x, &y), (Value::Infinity(_), Value::Zero(_)) | (Value::Zero(_), Value::Infinity(_))) {
        return suppressing(f.default_nan(), 0x80, masks);
    }
    if let Some(nan) = nan_rule(f, &[a, b, c], masks) {
        return nan;
    }
    let sign = negative(&x) != negative(&y);
    let product = match (x, y) {
        (Value::Infinity(_), _) | (_, Value::Infinity(_)) => Value::Infinity(sign),
        (Value::Number(x), Value::Number(y)) => Value::Number(x.times(&y)),
        _ => Value::Zero(sign),
    };
    match (product, z) {
        (Value::Infinity(p), Value::Infinity(q)) if p != q => suppressing(f.default_nan(), 0x80, masks),
        (Value::Infinity(p), _) | (_, Value::Infinity(p)) => exact(f.infinity(p)),
        (Value::Zero(p), Value::Zero(q)) if p == q => signed_zero(f, p),
        (Value::Zero(_), Value::Zero(_)) => difference_zero(f, env.rounding),
        (Value::Number(p), Value::Zero(_)) | (Value::Zero(_), Value::Number(p)) => {
            model::round(&p, f, env.rounding, masks)
        }
        (Value::Number(p), Value::Number(q)) => match p.plus(&q) {
            Some(sum) => model::round(&sum, f, env.rounding, masks),
            None => difference_zero(f, env.rounding),
        },
        _ => unreachable!(),
    }
}

fn arithmetic<F: Named>(seed: u64, count: u64) {
    let f = &F::MODEL;
    let mut random = Random(seed);
    for _ in 0..count {
        let env = env(&mut random);
        let masks = env.masks.byte();
        let a = random.datum(f, None);
        let b = random.datum(f, Some(a));
        let near = (random.below(2) == 0).then_some(a);
        let c = random.datum(f, near);
        let (x, y, z) = (F::narrow(a), F::narrow(b), F::narrow(c));
        let two = nan_rule(f, &[a, b], masks);
        let or = |nan: Option<Expected>, model: &dyn Fn() -> Expected| nan.unwrap_or_else(model);

        let want = or(two, &|| model_add(f, &env, a, f.parse(b)));
        assert_eq!(got::<F>(softsie_bfp::add::<F>(&env, x, y)), want, "{a:x} + {b:x} {env:?}");
        let want = or(two, &|| model_add(f, &env, a, negated(f.parse(b), true)));
        assert_eq!(got::<F>(softsie_bfp::subtract::<F>(&env, x, y)), want, "{a:x} - {b:x} {env:?}");
        let want = or(two, &|| model_multiply(f, &env, a, b));
        assert_eq!(got::<F>(softsie_bfp::multiply::<F>(&env, x, y)), want, "{a:x} * {b:x} {env:?}");
        let want = or(two, &|| model_divide(f, &env, a, b));
        assert_eq!(got::<F>(softsie_bfp::divide::<F>(&env, x, y)), want, "{a:x} / {b:x} {env:?}");
        let want = or(nan_rule(f, &[a], masks), &|| model_root(f, &env, a));
        assert_eq!(got::<F>(softsie_bfp::square_root::<F>(&env, x)), want, "root {a:x} {env:?}");
        let want = model_fused(f, &env, a, b, c, false);
        assert_eq!(got::<F>(softsie_bfp::multiply_add::<F>(&env, x, y, z)), want, "{a:x} * {b:x} + {c:x} {env:?}");
        let want = model_fused(f, &env, a, b, c, true);
        assert_eq!(got::<F>(softsie_bfp::multiply_subtract::<F>(&env, x, y, z)), want, "{a:x} * {b:x} - {c:x} {env:?}");
    }
}

#[test]
fn short_arithmetic() {
    arithmetic::<Short>(1, model::cases(20_000));
}

#[test]
fn long_arithmetic() {
    arithmetic::<Long>(2, model::cases(10_000));
}

#[test]
fn extended_arithmetic() {
    arithmetic::<Extended>(3, model::cases(2_000));
}

/// Addends chosen so that the fused sum cancels or lands next to a rounding boundary of the product.
fn fused_near_cancellation<F: Named>(seed: u64, count: u64) {
    let f = &F::MODEL;
    let mut random = Random(seed);
    for _ in 0..count {
        let env = env(&mut random);
        let a = random.datum(f, Some(f.infinity(false) / 2));
        let b = random.datum(f, Some(f.infinity(false) / 2));
        if nan_rule(f, &[a, b], 0).is_some() {
            continue;
        }
        let product = softsie_bfp::multiply::<F>(&Env::from_fpc(0), F::narrow(a), F::narrow(b)).value;
        let c = (F::widen(product) ^ 1 << (f.width - 1)).wrapping_add(u128::from(random.below(3))).wrapping_sub(1);
        let c = c & if f.width == 128 { u128::MAX } else { (1 << f.width) - 1 };
        let want = model_fused(f, &env, a, b, c, false);
        let outcome = softsie_bfp::multiply_add::<F>(&env, F::narrow(a), F::narrow(b), F::narrow(c));
        assert_eq!(got::<F>(outcome), want, "{a:x} * {b:x} + {c:x} {env:?}");
    }
}

#[test]
fn fused_sums_that_cancel() {
    fused_near_cancellation::<Short>(4, model::cases(20_000));
    fused_near_cancellation::<Long>(5, model::cases(10_000));
    fused_near_cancellation::<Extended>(6, model::cases(2_000));
}

fn lengthened_product<S: Named, T: Named>(seed: u64, count: u64) {
    let mut random = Random(seed);
    for _ in 0..count {
        let env = env(&mut random);
        let a = random.datum(&S::MODEL, None);
        let b = random.datum(&S::MODEL, Some(a));
        let outcome = softsie_bfp::multiply_lengthened::<S, T>(&env, S::narrow(a), S::narrow(b));
        // The product of lengthened factors in the long format, by the model: lengthening is exact.
        let quiet_env = Env { masks: Flags::NONE, ..env };
        let long = |x: u128| match S::MODEL.parse(x) {
            Value::Nan => None,
            _ => Some(T::widen(softsie_bfp::load_lengthened::<S, T>(&quiet_env, S::narrow(x)).value)),
        };
        if let (Some(x), Some(y)) = (long(a), long(b)) {
            assert_eq!(got::<T>(outcome), model_multiply(&T::MODEL, &env, x, y), "{a:x} * {b:x}");
        } else {
            let shift = T::MODEL.precision - S::MODEL.precision;
            let want = nan_rule(&S::MODEL, &[a, b], env.masks.byte()).unwrap();
            let fraction = (want.bits & ((1 << (S::MODEL.precision - 1)) - 1)) << shift;
            let sign = want.bits >> (S::MODEL.width - 1) & 1;
            let bits = sign << (T::MODEL.width - 1) | T::MODEL.infinity(false) | fraction;
            assert_eq!(got::<T>(outcome), Expected { bits, ..want }, "{a:x} * {b:x}");
        }
    }
}

#[test]
fn products_in_the_longer_format() {
    lengthened_product::<Short, Long>(7, model::cases(10_000));
    lengthened_product::<Long, Extended>(8, model::cases(5_000));
}

fn lengthen_and_round<S: Named, T: Named>(seed: u64, count: u64) {
    let mut random = Random(seed);
    for _ in 0..count {
        let env = env(&mut random);
        let a = random.datum(&S::MODEL, None);
        let Value::Number(x) = S::MODEL.parse(a) else { continue };
        let lengthened = softsie_bfp::load_lengthened::<S, T>(&env, S::narrow(a));
        assert_eq!((lengthened.flags, lengthened.trap), (Flags::NONE, None));
        assert_eq!(T::MODEL.parse(T::widen(lengthened.value)).reduced(), Value::Number(x).reduced(), "{a:x}");
        let back = softsie_bfp::load_rounded::<T, S>(&Env::from_fpc(0xF800_0000), lengthened.value);
        if S::MODEL.parse(a).subnormal(&S::MODEL) {
            assert!(matches!(back, softsie_bfp::Rounded::Scaled(_, trap) if trap.dxc == 0x10), "{a:x}");
        } else {
            assert_eq!(back, softsie_bfp::Rounded::Short(Outcome::exact(S::narrow(a))));
        }

        // Rounding: operands of the longer format with exponents about the shorter one's range.
        let near = T::widen(lengthened.value);
        let b = random.datum(&T::MODEL, Some(near));
        let Value::Number(y) = T::MODEL.parse(b) else { continue };
        match softsie_bfp::load_rounded::<T, S>(&env, T::narrow(b)) {
            softsie_bfp::Rounded::Short(outcome) => {
                let want = model::round(&y, &S::MODEL, env.rounding, env.masks.byte());
                assert_eq!(got::<S>(outcome), want, "{b:x} {env:?}");
            }
            softsie_bfp::Rounded::Scaled(value, trap) => {
                // The value rounded to the shorter precision, whatever its exponent.
                let unit = y.exponent() - S::MODEL.precision + 1;
                let (integer, inexact, up) = y.round_at(unit, env.rounding);
                let want = Number::dyadic(y.negative, integer, unit);
                let exception = if y.exponent() < 1 - S::MODEL.emax { 0x10 } else { 0x20 };
                assert!(exception == 0x10 || want.exponent() > S::MODEL.emax, "no overflow: {b:x} {env:?}");
                assert!(env.masks.byte() & exception != 0, "not enabled: {b:x} {env:?}");
                let dxc = exception
                    | if !inexact {
                        0
                    } else if up {
                        0x0C
                    } else {
                        0x08
                    };
                assert_eq!(trap.dxc, dxc, "{b:x} {env:?}");
                let scale = if T::MODEL.width == 128 { 8192 } else { 512 };
                let scaled = times_power(&want, if exception == 0x20 { -scale } else { scale });
                assert_eq!(T::MODEL.parse(T::widen(value)).reduced(), scaled.reduced(), "{b:x} {env:?}");
            }
        }
    }
}

fn times_power(n: &Number, power: i64) -> Value {
    Value::Number(n.times(&Number::dyadic(false, BigUint::from(1u32), power)))
}

trait Reduced {
    fn reduced(self) -> Self;
    fn subnormal(&self, format: &Parameters) -> bool;
}

impl Reduced for Value {
    fn reduced(self) -> Value {
        match self {
            Value::Number(n) => {
                let zeros = n.numerator.trailing_zeros().unwrap().min(n.denominator.trailing_zeros().unwrap());
                Value::Number(Number { numerator: n.numerator >> zeros, denominator: n.denominator >> zeros, ..n })
            }
            other => other,
        }
    }

    fn subnormal(&self, format: &Parameters) -> bool {
        matches!(self, Value::Number(n) if n.exponent() < 1 - format.emax)
    }
}

#[test]
fn lengthening_and_rounding() {
    lengthen_and_round::<Short, Long>(9, model::cases(10_000));
    lengthen_and_round::<Short, Extended>(10, model::cases(2_000));
    lengthen_and_round::<Long, Extended>(11, model::cases(2_000));
}

fn integers<F: Named>(seed: u64, count: u64) {
    let f = &F::MODEL;
    let mut random = Random(seed);
    let one = F::MODEL.infinity(false) / 2 + (1 << (F::MODEL.precision - 2));
    for _ in 0..count {
        let env = env(&mut random).with_suppress_inexact(random.below(4) == 0);
        let masks = env.masks.byte();
        // Exponents from below one half to beyond 2^64.
        let near = one + (u128::from(random.below(68)) << (f.precision - 1));
        let bits = random.datum(f, Some(near));
        let Value::Number(x) = f.parse(bits) else { continue };
        let (integer, inexact, up) = x.round_at(0, env.rounding);
        let inexact = inexact && !env.suppress_inexact;
        let trapped = inexact && masks & 8 != 0;
        let dxc = if !trapped {
            0
        } else if up {
            0x0C
        } else {
            0x08
        };
        let flags = if inexact && !trapped { 8 } else { 0 };

        let outcome = softsie_bfp::load_fp_integer::<F>(&env, F::narrow(bits));
        assert_eq!((outcome.flags.byte(), outcome.trap.map_or(0, |t| t.dxc)), (flags, dxc), "{bits:x} {env:?}");
        let want = if integer == BigUint::ZERO {
            Value::Zero(x.negative)
        } else {
            Value::Number(Number::dyadic(x.negative, integer.clone(), 0)).reduced()
        };
        assert_eq!(f.parse(F::widen(outcome.value)).reduced(), want, "{bits:x} {env:?}");

        for (kind, width, signed) in [
            (Integer::Fixed32, 32, true),
            (Integer::Fixed64, 64, true),
            (Integer::Logical32, 32, false),
            (Integer::Logical64, 64, false),
        ] {
            let outcome = softsie_bfp::convert_to_integer::<F>(&env, F::narrow(bits), kind);
            let exact = |n: u32| BigUint::from(1u32) << n;
            let (least, greatest) =
                if signed { (exact(width - 1), exact(width - 1) - 1u32) } else { (BigUint::ZERO, exact(width) - 1u32) };
            let limit = if x.negative { least } else { greatest };
            let mask = if width == 64 { u64::MAX } else { u32::MAX.into() };
            let low = |m: &BigUint| m.to_u64_digits().first().copied().unwrap_or(0);
            let place = |m: u64| if x.negative { m.wrapping_neg() & mask } else { m };
            let got =
                (outcome.value.integer, outcome.value.cc, outcome.flags.byte(), outcome.trap.map_or(0, |t| t.dxc));
            let want = if integer > limit {
                let quiet = !env.suppress_inexact;
                match (masks & 0x80 != 0, masks & 8 != 0 && quiet) {
                    (true, _) => (place(low(&limit)), 3, 0, 0x80),
                    (false, true) => (place(low(&limit)), 3, 0x80, 0x08),
                    (false, false) => (place(low(&limit)), 3, if quiet { 0x88 } else { 0x80 }, 0),
                }
            } else {
                (place(low(&integer)), if x.negative { 1 } else { 2 }, flags, dxc)
            };
            assert_eq!(got, want, "{bits:x} to {kind:?} {env:?}");
        }
    }
}

#[test]
fn conversions_to_integers() {
    integers::<Short>(12, model::cases(10_000));
    integers::<Long>(13, model::cases(10_000));
    integers::<Extended>(14, model::cases(5_000));
}

fn from_integers<F: Named>(seed: u64, count: u64) {
    let mut random = Random(seed);
    for _ in 0..count {
        let env = env(&mut random);
        let bits = (random.next() ^ random.next() & random.next()) >> random.below(64);
        let bits = if random.below(4) == 0 { bits.wrapping_neg() } else { bits };
        for (kind, value) in [
            (Integer::Fixed32, i128::from(bits as i32)),
            (Integer::Fixed64, i128::from(bits as i64)),
            (Integer::Logical32, i128::from(bits as u32)),
            (Integer::Logical64, i128::from(bits)),
        ] {
            let outcome = softsie_bfp::convert_from_integer::<F>(&env, bits, kind);
            let want = match value {
                0 => exact(0),
                _ => {
                    let number = Number::dyadic(value < 0, BigUint::from(value.unsigned_abs()), 0);
                    model::round(&number, &F::MODEL, env.rounding, env.masks.byte())
                }
            };
            assert_eq!(got::<F>(outcome), want, "{bits:x} {kind:?} {env:?}");
        }
    }
}

#[test]
fn conversions_from_integers() {
    from_integers::<Short>(15, model::cases(5_000));
    from_integers::<Long>(16, model::cases(5_000));
    from_integers::<Extended>(17, model::cases(2_000));
}

/// DIVIDE TO INTEGER by its definition: the quotient truncated to the precision while it has more integer bits.
fn divisions<F: Named>(seed: u64, count: u64) {
    let f = &F::MODEL;
    let mut random = Random(seed);
    for _ in 0..count {
        let env = env(&mut random);
        let method = random.rounding();
        let a = random.datum(f, None);
        let b = random.datum(f, Some(a));
        let (Value::Number(x), Value::Number(y)) = (f.parse(a), f.parse(b)) else { continue };
        let outcome = softsie_bfp::divide_to_integer::<F>(&env, F::narrow(a), F::narrow(b), method);
        let q = x.over(&y);
        let e = q.exponent();
        let (integer, unit) = if e >= f.precision {
            let unit = e - f.precision + 1;
            (q.round_at(unit, Rounding::Zero).0, unit)
        } else {
            (q.round_at(0, method).0, 0)
        };
        let (remainder, quotient, overflow) = if integer == BigUint::ZERO {
            (Some(x.clone()), signed_zero(f, q.negative).bits, false)
        } else {
            let n = Number::dyadic(q.negative, integer, unit);
            let overflow = n.exponent() > f.emax;
            let placed =
                if overflow { n.over(&Number::dyadic(false, BigUint::from(1u32), f.scale)) } else { n.clone() };
            (x.plus(&n.times(&y).negated()), model::round(&placed, f, Rounding::Zero, 0).bits, overflow)
        };
        let incomplete = e >= f.precision && remainder.is_some();
        let cc = u8::from(overflow) + 2 * u8::from(incomplete);
        let want = match &remainder {
            Some(r) => model::round(r, f, env.rounding, env.masks.byte()),
            None => signed_zero(f, x.negative),
        };
        let value = outcome.value;
        assert_eq!((F::widen(value.quotient), value.cc), (quotient, cc), "{a:x} / {b:x} {method:?} {env:?}");
        assert_eq!(got::<F>(outcome.map(|d| d.remainder)), want, "{a:x} / {b:x} {method:?} {env:?}");
    }
}

#[test]
fn divisions_to_integers() {
    divisions::<Short>(18, model::cases(10_000));
    divisions::<Long>(19, model::cases(2_000));
}
