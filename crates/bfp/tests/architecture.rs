//! What z/Architecture fixes beyond IEEE arithmetic, case by case: NaN precedence, default NaN, scaled results, DXCs,
//! condition codes, CONVERT TO FIXED out of range, DIVIDE TO INTEGER, TEST DATA CLASS, minimum and maximum.
//! Expected values are worked out by hand from the Principles of Operation, chapters 9, 19 and 24.

use softsie_bfp::{
    Comparison, Converted, Divided, Env, Extended, Flags, Integer, Long, MinMax, Outcome, Rounded, Rounding, Short,
    Trap,
};

/// An environment from mask byte and rounding mode.
fn env(masks: u8, mode: u32) -> Env {
    Env::from_fpc(u32::from(masks) << 24 | mode)
}

fn flags(byte: u8) -> Flags {
    Flags::from_byte(byte)
}

fn done<T>(value: T, byte: u8) -> Outcome<T> {
    Outcome { value, flags: flags(byte), trap: None }
}

fn trapped<T>(value: T, dxc: u8) -> Outcome<T> {
    Outcome { value, flags: Flags::NONE, trap: Some(Trap { dxc }) }
}

const QNAN_A: u32 = 0x7FC0_000A;
const QNAN_B: u32 = 0xFFC0_000B;
const QNAN_C: u32 = 0x7FC0_000C;
const SNAN_A: u32 = 0x7F80_00AA;
const SNAN_B: u32 = 0xFF80_00BB;
const SNAN_C: u32 = 0x7F80_00CC;
const QUIETED_A: u32 = 0x7FC0_00AA;
const QUIETED_B: u32 = 0xFFC0_00BB;
const QUIETED_C: u32 = 0x7FC0_00CC;
const DEFAULT: u32 = 0x7FC0_0000;
const ONE: u32 = 0x3F80_0000;
const INFINITY: u32 = 0x7F80_0000;

#[test]
fn nan_precedence_of_two_operands() {
    let e = env(0, 0);
    let add = |a, b| softsie_bfp::add::<Short>(&e, a, b);
    assert_eq!(add(QNAN_A, QNAN_B), done(QNAN_A, 0));
    assert_eq!(add(ONE, QNAN_B), done(QNAN_B, 0));
    assert_eq!(add(QNAN_A, SNAN_B), done(QUIETED_B, 0x80));
    assert_eq!(add(SNAN_A, SNAN_B), done(QUIETED_A, 0x80));
    // The sign of a NaN subtrahend stays.
    assert_eq!(softsie_bfp::subtract::<Short>(&e, ONE, QNAN_B), done(QNAN_B, 0));
    // An enabled invalid operation suppresses.
    let outcome = softsie_bfp::add::<Short>(&env(0x80, 0), SNAN_A, ONE);
    assert_eq!((outcome.flags, outcome.trap), (Flags::NONE, Some(Trap { dxc: 0x80 })));
    assert!(Trap { dxc: 0x80 }.suppresses() && Trap { dxc: 0x40 }.suppresses() && !Trap { dxc: 0x2C }.suppresses());
}

#[test]
fn nan_precedence_of_multiply_and_add() {
    let e = env(0, 0);
    let fused = |a, b, c| softsie_bfp::multiply_add::<Short>(&e, a, b, c);
    assert_eq!(fused(SNAN_A, SNAN_B, SNAN_C), done(QUIETED_A, 0x80));
    assert_eq!(fused(QNAN_A, SNAN_B, SNAN_C), done(QUIETED_B, 0x80));
    assert_eq!(fused(QNAN_A, QNAN_B, SNAN_C), done(QUIETED_C, 0x80));
    assert_eq!(fused(QNAN_A, QNAN_B, QNAN_C), done(QNAN_A, 0));
    assert_eq!(fused(ONE, QNAN_B, QNAN_C), done(QNAN_B, 0));
    assert_eq!(fused(ONE, ONE, QNAN_C), done(QNAN_C, 0));
    // Infinity times zero is settled before the addend is looked at.
    assert_eq!(fused(INFINITY, 0, QNAN_C), done(DEFAULT, 0x80));
    assert_eq!(fused(0x8000_0000, INFINITY, SNAN_C), done(DEFAULT, 0x80));
    assert_eq!(fused(INFINITY, ONE, 0xFF80_0000), done(DEFAULT, 0x80));
    // MULTIPLY AND SUBTRACT does not turn the sign of a NaN.
    assert_eq!(softsie_bfp::multiply_subtract::<Short>(&e, ONE, ONE, QNAN_C), done(QNAN_C, 0));
    assert_eq!(softsie_bfp::negated_if_number::<Short>(QNAN_C), QNAN_C);
    assert_eq!(softsie_bfp::negated_if_number::<Short>(ONE), 0xBF80_0000);
}

#[test]
fn invalid_operations_deliver_the_default_nan() {
    let e = env(0, 0);
    let long_default = 0x7FF8_0000_0000_0000;
    assert_eq!(softsie_bfp::add::<Short>(&e, INFINITY, 0xFF80_0000), done(DEFAULT, 0x80));
    assert_eq!(softsie_bfp::divide::<Short>(&e, 0, 0x8000_0000), done(DEFAULT, 0x80));
    assert_eq!(softsie_bfp::square_root::<Long>(&e, 0xBFF0_0000_0000_0000), done(long_default, 0x80));
    assert_eq!(softsie_bfp::square_root::<Long>(&e, 1 << 63), done(1 << 63, 0));
    let product = softsie_bfp::multiply::<Extended>(&e, 0x7FFF << 112, 0);
    assert_eq!(product, done(0x7FFF_8000 << 96, 0x80));
}

#[test]
fn division_by_zero() {
    assert_eq!(softsie_bfp::divide::<Short>(&env(0, 0), ONE, 0x8000_0000), done(0xFF80_0000, 0x40));
    let outcome = softsie_bfp::divide::<Short>(&env(0x40, 0), ONE, 0);
    assert_eq!(outcome.trap, Some(Trap { dxc: 0x40 }));
}

#[test]
fn zero_sums() {
    for (mode, zero) in [(0, 0), (1, 0), (2, 0), (3, 0x8000_0000), (7, 0)] {
        assert_eq!(softsie_bfp::subtract::<Short>(&env(0, mode), ONE, ONE), done(zero, 0));
        assert_eq!(softsie_bfp::multiply_add::<Short>(&env(0, mode), ONE, ONE, 0xBF80_0000), done(zero, 0));
    }
    assert_eq!(softsie_bfp::add::<Short>(&env(0, 0), 0x8000_0000, 0x8000_0000), done(0x8000_0000, 0));
}

#[test]
fn overflow() {
    let max = 0x7F7F_FFFF;
    for (mode, value) in [(0, INFINITY), (1, max), (2, INFINITY), (3, max), (7, max)] {
        assert_eq!(softsie_bfp::add::<Short>(&env(0, mode), max, max), done(value, 0x28));
    }
    // Twice the maximum is exact but for the exponent: 1.11..1 * 2^128, scaled by 2^-192.
    assert_eq!(softsie_bfp::add::<Short>(&env(0x20, 0), max, max), trapped(0x1FFF_FFFF, 0x20));
    // Max * max = (2 - 2^-23)^2 * 2^254 = (4 - 2^-21 + 2^-46) * 2^254: 1.11..10 * 2^255 and a rest below half.
    assert_eq!(softsie_bfp::multiply::<Short>(&env(0x20, 0), max, max), trapped(0x5F7F_FFFE, 0x28));
    assert_eq!(softsie_bfp::multiply::<Short>(&env(0x20, 2), max, max), trapped(0x5F7F_FFFF, 0x2C));
    // Overflow without trap, inexact with trap: the overflow flag is set, the DXC is inexact's alone.
    let outcome = softsie_bfp::add::<Short>(&env(0x08, 0), max, max);
    assert_eq!(outcome, Outcome { value: INFINITY, flags: flags(0x20), trap: Some(Trap { dxc: 0x0C }) });
    // Long 2^1023 * 2 scaled by 2^-1536: 2^-512.
    let long = softsie_bfp::add::<Long>(&env(0x20, 0), 0x7FE0 << 48, 0x7FE0 << 48);
    assert_eq!(long, trapped((1023 - 512) << 52, 0x20));
    // Extended 2^16383 * 2 scaled by 2^-24576: 2^-8192.
    let extended = softsie_bfp::add::<Extended>(&env(0x20, 0), 0x7FFE << 112, 0x7FFE << 112);
    assert_eq!(extended, trapped((16383 - 8192) << 112, 0x20));
}

#[test]
fn underflow() {
    let half = 0x3F00_0000;
    let smallest = 0x0080_0000;
    // Tiny and exact: no exception unless enabled.
    assert_eq!(softsie_bfp::multiply::<Short>(&env(0, 0), smallest, half), done(0x0040_0000, 0));
    // 2^-127 * 2^192 = 2^65.
    assert_eq!(softsie_bfp::multiply::<Short>(&env(0x10, 0), smallest, half), trapped((127 + 65) << 23, 0x10));
    // An operand that only passes through is rounded too, so a subnormal one underflows when that is enabled.
    assert_eq!(softsie_bfp::add::<Short>(&env(0x10, 0), 0x0040_0000, 0), trapped((127 + 65) << 23, 0x10));
    // Tiny and inexact: 3 * 2^-149 / 2.
    assert_eq!(softsie_bfp::multiply::<Short>(&env(0, 0), 3, half), done(2, 0x18));
    // Tininess is detected before rounding: (1 - 2^-24) * 2^-126 rounds to the smallest normal number and is tiny.
    assert_eq!(softsie_bfp::multiply::<Short>(&env(0, 0), smallest, 0x3F7F_FFFF), done(smallest, 0x18));
    let scaled = softsie_bfp::multiply::<Short>(&env(0x10, 0), smallest, 0x3F7F_FFFF);
    assert_eq!(scaled, trapped(192 << 23 | 0x7F_FFFF, 0x10));
    // Underflow without trap, inexact with trap.
    let outcome = softsie_bfp::multiply::<Short>(&env(0x08, 1), 3, half);
    assert_eq!(outcome, Outcome { value: 1, flags: flags(0x10), trap: Some(Trap { dxc: 0x08 }) });
}

#[test]
fn inexact_truncated_and_incremented() {
    let tiny = 0x3000_0000;
    assert_eq!(softsie_bfp::add::<Short>(&env(8, 1), ONE, tiny), trapped(ONE, 0x08));
    assert_eq!(softsie_bfp::add::<Short>(&env(8, 2), ONE, tiny), trapped(ONE + 1, 0x0C));
    // Incremented is about the magnitude.
    assert_eq!(softsie_bfp::subtract::<Short>(&env(8, 3), 0xBF80_0000, tiny), trapped(0xBF80_0001, 0x0C));
    // Round to prepare for shorter precision makes an inexact result odd.
    assert_eq!(softsie_bfp::add::<Short>(&env(0, 7), ONE, tiny), done(ONE + 1, 8));
    assert_eq!(softsie_bfp::add::<Short>(&env(0, 7), ONE + 1, tiny), done(ONE + 1, 8));
}

#[test]
fn load_rounded_scales_in_the_source_format() {
    let rounded = |masks, a| softsie_bfp::load_rounded::<Long, Short>(&env(masks, 0), a);
    // 2^128: too large for short. Scaled by 2^-512 it is 2^-384, in the long format.
    assert_eq!(rounded(0, 0x47F0_0000_0000_0000), Rounded::Short(done(INFINITY, 0x28)));
    assert_eq!(rounded(0x20, 0x47F0_0000_0000_0000), Rounded::Scaled((1023 - 384) << 52, Trap { dxc: 0x20 }));
    // One bit below: rounds up to 2^128.
    assert_eq!(rounded(0x20, 0x47EF_FFFF_FFFF_FFFF), Rounded::Scaled((1023 - 384) << 52, Trap { dxc: 0x2C }));
    // 2^-150 is tiny.
    assert_eq!(rounded(0x10, 0x3690_0000_0000_0000), Rounded::Scaled((1023 - 150 + 512) << 52, Trap { dxc: 0x10 }));
    // From extended the adjustment is 8192.
    let extended = softsie_bfp::load_rounded::<Extended, Short>(&env(0x20, 0), (16383 + 128) << 112);
    assert_eq!(extended, Rounded::Scaled((16383 + 128 - 8192) << 112, Trap { dxc: 0x20 }));
    // NaN payloads keep their left part; lengthening fills with zeros.
    assert_eq!(rounded(0, 0x7FF0_1000_0000_0001), Rounded::Short(done(0x7FC0_8000, 0x80)));
    let lengthened = softsie_bfp::load_lengthened::<Short, Long>(&env(0, 0), 0xFF80_0001);
    assert_eq!(lengthened, done(0xFFF8_0000_2000_0000, 0x80));
}

#[test]
fn conversions_to_integers() {
    let convert = |masks, a, kind| softsie_bfp::convert_to_integer::<Short>(&env(masks, 0), a, kind);
    let value = |integer, cc| Converted { integer, cc };
    assert_eq!(convert(0, 0xC020_0000, Integer::Fixed32), done(value(0xFFFF_FFFE, 1), 8));
    assert_eq!(convert(0, 0x8000_0000, Integer::Fixed64), done(value(0, 0), 0));
    // Out of range and NaN: the end of the range, condition code 3, invalid and inexact.
    assert_eq!(convert(0, 0x4F00_0000, Integer::Fixed32), done(value(0x7FFF_FFFF, 3), 0x88));
    assert_eq!(convert(0, 0xCF00_0000, Integer::Fixed32), done(value(0x8000_0000, 1), 0));
    assert_eq!(convert(0, QNAN_A, Integer::Fixed32), done(value(0x8000_0000, 3), 0x88));
    assert_eq!(convert(0, QNAN_A, Integer::Logical64), done(value(0, 3), 0x88));
    assert_eq!(convert(0, INFINITY, Integer::Logical64), done(value(u64::MAX, 3), 0x88));
    assert_eq!(convert(0, 0xBF80_0000, Integer::Logical32), done(value(0, 3), 0x88));
    // A negative fraction that rounds to zero is in range.
    assert_eq!(convert(0, 0xBE80_0000, Integer::Logical32), done(value(0, 1), 8));
    assert_eq!(convert(0x80, QNAN_A, Integer::Fixed32).trap, Some(Trap { dxc: 0x80 }));
    let outcome = convert(0x08, QNAN_A, Integer::Fixed32);
    assert_eq!(outcome, Outcome { value: value(0x8000_0000, 3), flags: flags(0x80), trap: Some(Trap { dxc: 8 }) });
    // The XxC bit keeps inexact out.
    let quiet = env(0x08, 0).with_suppress_inexact(true);
    assert_eq!(softsie_bfp::convert_to_integer::<Short>(&quiet, QNAN_A, Integer::Fixed32).flags, flags(0x80));
    assert_eq!(softsie_bfp::convert_to_integer::<Short>(&quiet, 0x3FC0_0000, Integer::Fixed32), done(value(2, 2), 0));
}

#[test]
fn load_fp_integer() {
    let integer = |rounding, a| softsie_bfp::load_fp_integer::<Long>(&env(0, 0).with_rounding(rounding), a);
    let (half, minus_half) = (0x3FE0_0000_0000_0000, 0xBFE0_0000_0000_0000);
    assert_eq!(integer(Rounding::NearestEven, minus_half), done(1 << 63, 8));
    assert_eq!(integer(Rounding::NearestAway, half), done(0x3FF0 << 48, 8));
    assert_eq!(integer(Rounding::PrepareShorter, half), done(0x3FF0 << 48, 8));
    assert_eq!(integer(Rounding::Up, minus_half), done(1 << 63, 8));
    assert_eq!(integer(Rounding::Zero, 0x7FF0 << 48), done(0x7FF0 << 48, 0));
    assert_eq!(integer(Rounding::Zero, 0x7FF0_0000_0000_0001), done(0x7FF8_0000_0000_0001, 0x80));
}

#[test]
fn comparisons() {
    let compare = |a, b, signalling| softsie_bfp::compare::<Short>(&env(0, 0), a, b, signalling);
    assert_eq!(compare(0, 0x8000_0000, true), done(Comparison::Equal, 0));
    assert_eq!(compare(0xFF80_0000, ONE, true), done(Comparison::Less, 0));
    assert_eq!(compare(0xBF80_0000, 0xC000_0000, false), done(Comparison::Greater, 0));
    assert_eq!(compare(QNAN_A, ONE, false), done(Comparison::Unordered, 0));
    assert_eq!(compare(QNAN_A, ONE, true), done(Comparison::Unordered, 0x80));
    assert_eq!(compare(ONE, SNAN_A, false), done(Comparison::Unordered, 0x80));
    assert_eq!([0, 0xBF80_0000, ONE, SNAN_A].map(softsie_bfp::sign_cc::<Short>), [0, 1, 2, 3]);
    assert_eq!(softsie_bfp::load_and_test::<Short>(&env(0, 0), SNAN_A), done(QUIETED_A, 0x80));
    assert_eq!(softsie_bfp::load_and_test::<Short>(&env(0, 0), 1), done(1, 0));
}

#[test]
fn data_classes() {
    let data = [
        (0, 0x800),
        (0x8000_0000, 0x400),
        (ONE, 0x200),
        (0xBF80_0000, 0x100),
        (1, 0x080),
        (0x8000_0001, 0x040),
        (INFINITY, 0x020),
        (0xFF80_0000, 0x010),
        (QNAN_A, 0x008),
        (QNAN_B, 0x004),
        (SNAN_A, 0x002),
        (SNAN_B, 0x001),
    ];
    for (datum, bit) in data {
        assert!(softsie_bfp::test_data_class::<Short>(datum, bit), "{datum:x}");
        assert!(!softsie_bfp::test_data_class::<Short>(datum, 0xFFF ^ bit), "{datum:x}");
    }
}

#[test]
fn divide_to_integer() {
    let divide =
        |masks, mode, rounding, a, b| softsie_bfp::divide_to_integer::<Short>(&env(masks, mode), a, b, rounding);
    let parts = |remainder, quotient, cc| Divided { remainder, quotient, cc };
    let even = Rounding::NearestEven;
    // 7 / 2: nearest even quotient 4, remainder -1.
    assert_eq!(divide(0, 0, even, 0x40E0_0000, 0x4000_0000), done(parts(0xBF80_0000, 0x4080_0000, 0), 0));
    // 7 / 2 truncated: 3, remainder 1.
    assert_eq!(divide(0, 0, Rounding::Zero, 0x40E0_0000, 0x4000_0000), done(parts(ONE, 0x4040_0000, 0), 0));
    // A zero remainder has the dividend's sign, a zero quotient the sign of the division.
    assert_eq!(divide(0, 0, even, 0xC080_0000, 0x4000_0000), done(parts(0x8000_0000, 0xC000_0000, 0), 0));
    assert_eq!(divide(0, 0, even, ONE, 0xFF80_0000), done(parts(ONE, 0x8000_0000, 0), 0));
    // Partial: 2^30 / 3 = 357913941.33 has 29 integer bits; truncated to 24: 11184810 * 32 = 357913920, remainder 2^30 - 3 * 357913920 = 64.
    assert_eq!(divide(0, 0, even, 0x4E80_0000, 0x4040_0000), done(parts(0x4280_0000, 0x4DAA_AAAA, 2), 0));
    // The quotient too large for the format: 2^127 / 2^-126 = 2^253, scaled by 2^-192: 2^61.
    assert_eq!(divide(0, 0, even, 0x7F00_0000, 0x0080_0000), done(parts(0, (127 + 61) << 23, 1), 0));
    // Both at once: 2^127 / (3 * 2^-126), quotient = 11184810 * 2^228, remainder = 2^127 - 3 * 11184810 * 2^102 = 2 * 2^102 = 2^103.
    let outcome = divide(0, 0, even, 0x7F00_0000, 0x0140_0000);
    assert_eq!(outcome, done(parts((127 + 103) << 23, 0x5D2A_AAAA, 3), 0));
    assert_eq!(divide(0, 0, even, SNAN_A, SNAN_B), done(parts(QUIETED_A, QUIETED_A, 1), 0x80));
    assert_eq!(divide(0, 0, even, ONE, QNAN_B), done(parts(QNAN_B, QNAN_B, 1), 0));
    assert_eq!(divide(0, 0, even, INFINITY, ONE), done(parts(DEFAULT, DEFAULT, 1), 0x80));
    // The rounded-up quotient 1 of 2^-127 / 2^100 leaves -2^100 + 2^-127, inexact: truncated by mode, odd by mode 7.
    let remainder = divide(0, 0, Rounding::Up, 0x0040_0000, 0x7180_0000);
    assert_eq!(remainder, done(parts(0xF180_0000, ONE, 0), 8));
    let remainder = divide(8, 1, Rounding::Up, 0x0040_0000, 0x7180_0000);
    assert_eq!(remainder, trapped(parts(0xF17F_FFFF, ONE, 0), 8));
    // A tiny remainder is scaled when underflow is enabled: 2^-127 * 2^192.
    let remainder = divide(0x10, 0, even, 0x0040_0000, 0x7180_0000);
    assert_eq!(remainder, trapped(parts((127 + 65) << 23, 0, 0), 0x10));
}

#[test]
fn minimum_and_maximum() {
    let two = 0x4000_0000;
    let minus_two = 0xC000_0000;
    let minus_zero = 0x8000_0000;
    let min = |f, a, b| softsie_bfp::min::<Short>(&env(0, 0), a, b, f);
    let max = |f, a, b| softsie_bfp::max::<Short>(&env(0, 0), a, b, f);
    for function in [0, 1, 2, 3, 4].map(|m| MinMax::from_m6(m).unwrap()) {
        assert_eq!(min(function, ONE, two), done(ONE, 0), "{function:?}");
        assert_eq!(min(function, two, ONE), done(ONE, 0), "{function:?}");
        assert_eq!(max(function, ONE, two), done(two, 0), "{function:?}");
        assert_eq!(max(function, two, ONE), done(two, 0), "{function:?}");
    }
    assert_eq!(MinMax::from_m6(5), None);
    assert_eq!(min(MinMax::Ieee, ONE, QNAN_B), done(ONE, 0));
    assert_eq!(min(MinMax::Ieee, SNAN_A, ONE), done(QUIETED_A, 0x80));
    assert_eq!(min(MinMax::Java, ONE, QNAN_B), done(QNAN_B, 0));
    assert_eq!(min(MinMax::Java, 0, minus_zero), done(minus_zero, 0));
    assert_eq!(max(MinMax::Java, minus_zero, 0), done(0, 0));
    assert_eq!(min(MinMax::CMacro, QNAN_A, ONE), done(ONE, 0x80));
    assert_eq!(min(MinMax::CMacro, minus_zero, 0), done(0, 0));
    assert_eq!(min(MinMax::Cpp, ONE, QNAN_B), done(ONE, 0x80));
    assert_eq!(max(MinMax::Cpp, minus_zero, 0), done(minus_zero, 0));
    assert_eq!(min(MinMax::Fmin, QNAN_A, ONE), done(ONE, 0));
    assert_eq!(max(MinMax::IeeeMagnitude, ONE, minus_two), done(minus_two, 0));
    assert_eq!(max(MinMax::JavaMagnitude, ONE, minus_two), done(two, 0));
}

#[test]
fn hexadecimal_floating_point() {
    let to = softsie_bfp::convert_to_hfp::<Long>;
    // 1.0 is 0.1 (hexadecimal) * 16^1; 0.5 is 0.8 * 16^0; -10 is 0.A * 16^1.
    assert_eq!(to(0x3FF0 << 48), (0x4110_0000_0000_0000, 2));
    assert_eq!(to(0x3FE0 << 48), (0x4080_0000_0000_0000, 2));
    assert_eq!(to(0xC024 << 48), (0xC1A0_0000_0000_0000, 1));
    // All 53 bits are kept: 1 + 2^-52 has three zeros before its first bit.
    assert_eq!(to(0x3FF0_0000_0000_0001), (0x4110_0000_0000_0001, 2));
    assert_eq!(to(1 << 63), (1 << 63, 0));
    assert_eq!(to(0x7FF8_0000_0000_0001), (0x7FFF_FFFF_FFFF_FFFF, 3));
    assert_eq!(to(0xFFF0 << 48), (0xFFFF_FFFF_FFFF_FFFF, 3));
    // 16^63 is too large (it needs 0.1 * 16^64), 2^251 is 0.8 * 16^63.
    assert_eq!(to((1023 + 252) << 52), (0x7FFF_FFFF_FFFF_FFFF, 3));
    assert_eq!(to((1023 + 251) << 52), (0x7F80_0000_0000_0000, 2));
    // 16^-65 is the smallest number; half of it becomes zero.
    assert_eq!(to((1023 - 260) << 52), (0x0010_0000_0000_0000, 2));
    assert_eq!(to((1023 - 261) << 52), (0, 2));
    assert_eq!(softsie_bfp::convert_to_hfp::<Short>(1), (0x1B80_0000_0000_0000, 2));

    let from = softsie_bfp::convert_from_hfp::<Short>;
    assert_eq!(from(0x4110_0000_0000_0000, Rounding::Zero), (ONE, 2));
    assert_eq!(from(0x8000_0000_0000_0000, Rounding::Zero), (0x8000_0000, 0));
    // Not normalized: 0.001 * 16^3.
    assert_eq!(from(0x4300_1000_0000_0000, Rounding::Zero), (ONE, 2));
    // 1 + 2^-24 + 2^-52: just above a tie.
    assert_eq!(from(0x4110_0000_1000_0001, Rounding::NearestEven), (ONE + 1, 2));
    assert_eq!(from(0xC110_0000_1000_0001, Rounding::Up), (0xBF80_0000, 1));
    // 16^32 = 2^128 is too large for short.
    assert_eq!(from(0x6110_0000_0000_0000, Rounding::NearestEven), (INFINITY, 3));
    assert_eq!(from(0xE110_0000_0000_0000, Rounding::Zero), (0xFF7F_FFFF, 3));
    assert_eq!(from(0x0010_0000_0000_0000, Rounding::Up), (1, 2));
}
