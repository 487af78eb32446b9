//! Conversions between powers of two and ten against the standard library's, which round correctly too: text to `f64`, and
//! `f64` to text of as many digits as wanted.

#![allow(clippy::unwrap_used, reason = "a test fails by them")]

use softsie_dfp::{
    Binary, Env, Exact, Extended, Format, Long, Rounding, Short, from_digits, insert_biased_exponent, to_binary,
};

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ *state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

fn datum<F: Format>(significand: u128, exponent: i32) -> F::Bits {
    insert_biased_exponent::<F>(from_digits::<F>(false, significand), (exponent + F::BIAS).into())
}

const NEAREST: Env = Env { rounding: Rounding::NearestEven, masks: 0, suppress_inexact: false };

/// A normal number's 53 bits and the exponent of its first bit, by rounding to nearest even.
fn as_f64(binary: &Binary) -> f64 {
    let (kept, rest) = (binary.significand >> 75, binary.significand << 53);
    let up = rest > 1 << 127 || rest == 1 << 127 && kept & 1 != 0;
    (kept as u64 + u64::from(up)) as f64 * 2f64.powi(binary.exponent - 52)
}

#[test]
fn decimal_to_binary() {
    let mut state = 1;
    for _ in 0..20_000 {
        let significand = u128::from(random(&mut state)) % 10u128.pow((random(&mut state) % 16 + 1) as u32);
        let exponent = (random(&mut state) % 560) as i32 - 280;
        if significand == 0 {
            continue;
        }
        let expected: f64 = format!("{significand}e{exponent}").parse().unwrap();
        assert_eq!(as_f64(&to_binary::<Long>(datum::<Long>(significand, exponent)).unwrap()), expected);
        assert_eq!(as_f64(&to_binary::<Extended>(datum::<Extended>(significand, exponent)).unwrap()), expected);
    }
    assert_eq!(to_binary::<Long>(0), None);
}

#[test]
fn binary_to_decimal() {
    let mut state = 2;
    for _ in 0..20_000 {
        let number = f64::from_bits(random(&mut state) & !(1 << 63) & !(1 << 62) | (random(&mut state) & 1) << 62);
        if !number.is_normal() {
            continue;
        }
        let bits = number.to_bits();
        let integer = u128::from(bits & ((1 << 52) - 1) | 1 << 52);
        let binary = Binary::new(false, integer, (bits >> 52) as i32 - 1075).unwrap();
        for (digits, exact) in [(16, Exact::of_binary(&binary)), (34, Exact::of_binary(&binary))] {
            let text = format!("{number:.*e}", digits - 1);
            let (mantissa, exponent) = text.split_once('e').unwrap();
            let significand: u128 = mantissa.replace('.', "").parse().unwrap();
            let exponent = exponent.parse::<i32>().unwrap() - digits as i32 + 1;
            if digits == 16 {
                let expected = datum::<Long>(significand, exponent);
                assert_eq!(exact.deliver::<Long>(&NEAREST, Long::EMIN, false).value, expected, "{text}");
            } else {
                let expected = datum::<Extended>(significand, exponent);
                assert_eq!(exact.deliver::<Extended>(&NEAREST, Extended::EMIN, false).value, expected, "{text}");
            }
        }
    }
}

#[test]
fn the_ends_of_the_extended_format() {
    let least = to_binary::<Extended>(datum::<Extended>(1, Extended::EMIN)).unwrap();
    // 10^-6176 is between 2^-20517 and 2^-20516.
    assert_eq!(least.exponent, -20517);
    let largest = datum::<Extended>(Extended::LIMIT - 1, Extended::EMAX);
    let binary = to_binary::<Extended>(largest).unwrap();
    assert_eq!(binary.exponent, 20413);
    assert_eq!(Exact::of_binary(&binary).deliver::<Extended>(&NEAREST, 0, false).value, largest);
}

#[test]
fn results_of_traps_have_one_digit_to_the_left_of_the_point() {
    let two_to = |exponent| Exact::of_binary(&Binary::new(false, 1, exponent).unwrap());
    let env = Env { masks: 0x30, ..NEAREST };
    let (plain, none) = two_to(3).deliver_unscaled::<Long>(&env, 0, false);
    assert_eq!((plain.value, plain.trap, none), (datum::<Long>(8, 0), None, 0));
    // 2^2000 is 1.148130695274255E602.
    let (large, omega) = two_to(2000).deliver_unscaled::<Long>(&env, 0, false);
    assert_eq!(
        (large.value, large.trap.unwrap() & 0xF8, omega),
        (datum::<Long>(1_148_130_695_274_255, -15), 0x28, 602)
    );
    // It is far beyond the short format, whose results of other operations are never scaled.
    let (large, omega) = two_to(20_000).deliver_unscaled::<Short>(&env, 0, false);
    assert_eq!((large.value, omega), (datum::<Short>(3_980_277, -6), 6020));
    // 2^-2000 is 8.709809816217217E-603.
    let (small, omega) = two_to(-2000).deliver_unscaled::<Long>(&env, 0, false);
    assert_eq!(
        (small.value, small.trap.unwrap() & 0xF8, omega),
        (datum::<Long>(8_709_809_816_217_217, -15), 0x18, -603)
    );
}
