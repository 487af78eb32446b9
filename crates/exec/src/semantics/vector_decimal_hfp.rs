//! Packed decimal numbers in vector registers to hexadecimal floating point and back, scaled by powers of ten.
//! Source: Principles of Operation, chapter 25: DECIMAL SCALE AND CONVERT (AND SPLIT) TO HFP, VECTOR CONVERT HFP TO SCALED
//! DECIMAL.

use softsie_cpu::{Cpu, Exit};
use softsie_hfp::{self as hfp, Extended, Long, Short};
use softsie_isa::Operands;

use super::packed::{self, Decimal, power};
use super::vector_decimal::{DIGITS, control_byte, invalid};
use super::vector_form::require;
use crate::machine::Machine;

semantics! {
    simple {}
    heavy { VSCHP => to_hfp, VSCSHP => to_split_hfp, VCSPH => from_hfp }
}

/// V2 with as many zeros appended as V3 says: 7 at most, more is not predictable.
fn scaled(cpu: &mut Cpu, o: &Operands) -> Result<Decimal, Exit> {
    let source = cpu.vr[usize::from(o.v2() & 31)];
    let Some(a) = Decimal::unpack(source) else { return Err(invalid(cpu)) };
    let zeros = u32::from(control_byte(cpu, o) & 7);
    Ok(Decimal { magnitude: a.magnitude * power(zeros), negative: a.negative && a.magnitude != 0 })
}

fn to_hfp(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    require((2..=4).contains(&o.m4()))?;
    let a = scaled(cpu, o)?;
    let round = o.m5() & 1 != 0;
    let result = match o.m4() {
        2 => u128::from(hfp::from_integer::<Short>(a.negative, a.magnitude, round)) << 96,
        3 => u128::from(hfp::from_integer::<Long>(a.negative, a.magnitude, round)) << 64,
        _ => hfp::from_integer::<Extended>(a.negative, a.magnitude, round),
    };
    cpu.set_vr(o.v1(), result);
    Ok(())
}

/// The first digits as a short number, what they lack as a long one.
fn to_split_hfp(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let a = scaled(cpu, o)?;
    let high = hfp::from_integer::<Short>(a.negative, a.magnitude, false);
    let beyond = (32 - a.magnitude.leading_zeros() / 4).saturating_sub(6);
    let rest = a.magnitude & ((1 << (4 * beyond)) - 1);
    let low = hfp::from_integer::<Long>(a.negative && rest != 0, rest, false);
    cpu.set_vr(o.v1(), u128::from(high) << 96 | u128::from(low));
    Ok(())
}

/// Multiplied by a power of ten, 31 at most, as V3 says, and made an integer; what that has beyond 31 digits is dropped.
fn from_hfp(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let source = cpu.vr[usize::from(o.v2() & 31)];
    let scale = u32::from(control_byte(cpu, o) & 31);
    let (negative, fraction, exponent) = hfp::scaled_integer::<Extended>(source);
    let magnitude = match u32::try_from(-exponent) {
        Ok(digits) => shifted_product(fraction, power(scale), 4 * digits, o.m4() & 1 != 0),
        Err(_) => {
            let limit = power(DIGITS);
            let value = (0..exponent).fold(fraction % limit, |v, _| v * 16 % limit);
            (0..scale).fold(value, |v, _| v * 10 % limit)
        }
    };
    let result = Decimal { magnitude, negative: negative && magnitude != 0 };
    cpu.set_vr(o.v1(), packed::digits(result.magnitude % power(DIGITS)) << 4 | result.pack() & 15);
    Ok(())
}

/// `a` times `b`, shifted to the right, rounded to nearest and away from zero when `round`; the last 31 decimal digits.
fn shifted_product(a: u128, b: u128, bits: u32, round: bool) -> u128 {
    let half = |v: u128| [v >> 64, v & u128::from(u64::MAX)];
    let ([a1, a0], [b1, b0]) = (half(a), half(b));
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 64);
    let (middle, carry) = middle.overflowing_add(a0 * b1);
    let mut high = a1 * b1 + (middle >> 64) + (u128::from(carry) << 64);
    let mut low = middle << 64 | low & u128::from(u64::MAX);
    if round && bits != 0 {
        let one = match bits {
            ..=128 => (0, 1 << (bits - 1)),
            129..=256 => (1 << (bits - 129), 0),
            _ => return 0,
        };
        let (sum, carry) = low.overflowing_add(one.1);
        low = sum;
        high += one.0 + u128::from(carry);
    }
    let (high, low) = match bits {
        0 => (high, low),
        1..=127 => (high >> bits, low >> bits | high << (128 - bits)),
        128..=255 => (0, high >> (bits - 128)),
        _ => (0, 0),
    };
    // 2 to the power of 128, digit by digit of the high part, so that nothing overflows.
    let limit = power(DIGITS);
    let high = (0..32).fold(high % limit, |v, _| v * 16 % limit);
    (high + low % limit) % limit
}
