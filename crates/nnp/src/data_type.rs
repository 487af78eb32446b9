//! NNP data type 1: 16 bits with a sign, six bits of exponent and nine of fraction; and the conversions of vector elements.
//! Truth: Principles of Operation, chapter 26; IBM's papers on DLFloat. The exponent's bias is 31. There are no subnormal numbers:
//! only all zeros are zero. All ones in exponent and fraction are NINF, which stands for infinities and NaNs. Ties are
//! rounded away from zero.

/// Infinity or NaN, with a plus sign.
pub const NINF: u16 = 0x7FFF;

const SIGN: u16 = 0x8000;
const BIAS: i32 = 31;
const FRACTION_BITS: u32 = 9;

/// What a conversion can meet; inexactness is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// NINF has no value.
    Invalid,
    /// Too large: NINF, or an infinity.
    Overflow,
    /// Too small: zero, or a subnormal number that is inexact.
    Underflow,
}

/// The nearest number.
pub(crate) fn round(x: f64) -> (u16, Option<Exception>) {
    let bits = x.to_bits();
    let sign = if bits >> 63 != 0 { SIGN } else { 0 };
    if !x.is_finite() {
        return (sign | NINF, None);
    }
    if x == 0.0 {
        return (sign, None);
    }
    let mut exponent = (bits >> 52 & 0x7FF) as i32 - 1023 + BIAS;
    let fraction = bits & ((1 << 52) - 1);
    let mut kept = (fraction >> (51 - FRACTION_BITS)).div_ceil(2) as u16;
    if kept >> FRACTION_BITS != 0 {
        kept = 0;
        exponent += 1;
    }
    if exponent < 0 || exponent == 0 && kept == 0 {
        return (sign, Some(Exception::Underflow));
    }
    let magnitude = (exponent as u32) << FRACTION_BITS | u32::from(kept);
    match u16::try_from(magnitude) {
        Ok(magnitude) if magnitude < NINF => (sign | magnitude, None),
        _ => (sign | NINF, Some(Exception::Overflow)),
    }
}

/// A short BFP number, rounded.
pub fn from_f32(x: f32) -> (u16, Option<Exception>) {
    round(x.into())
}

/// The value; a quiet NaN, and an exception, for NINF.
pub fn to_f32(n: u16) -> (f32, Option<Exception>) {
    let sign = u32::from(n & SIGN) << 16;
    match n & !SIGN {
        0 => (f32::from_bits(sign), None),
        NINF => (f32::from_bits(sign | 0x7FC0_0000), Some(Exception::Invalid)),
        magnitude => {
            let shifted = u32::from(magnitude) << (23 - FRACTION_BITS);
            (f32::from_bits(sign | (shifted + ((127 - BIAS as u32) << 23))), None)
        }
    }
}

/// The value, NaN for NINF.
pub(crate) fn value(n: u16) -> f32 {
    to_f32(n).0
}

/// A tiny BFP number (five bits of exponent, ten of fraction), rounded.
pub fn from_tiny(t: u16) -> (u16, Option<Exception>) {
    let (exponent, fraction) = (t >> 10 & 31, f64::from(t & 0x3FF));
    let magnitude = match exponent {
        31 => return (t & SIGN | NINF, None),
        0 => fraction / 1024.0 * 2f64.powi(-14),
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(i32::from(exponent) - 15),
    };
    round(if t & SIGN != 0 { -magnitude } else { magnitude })
}

/// As a tiny BFP number.
pub fn to_tiny(n: u16) -> (u16, Option<Exception>) {
    let (x, exception) = to_f32(n);
    let sign = n & SIGN;
    if exception.is_some() {
        return (sign | 0x7E00, exception);
    }
    let magnitude = f64::from(x.abs());
    if magnitude >= 65_536.0 {
        return (sign | 0x7C00, Some(Exception::Overflow));
    }
    if magnitude >= 2f64.powi(-14) {
        // Nine bits of fraction are ten with a zero.
        let bits = magnitude.to_bits() >> 42;
        return (sign | (bits as u16).wrapping_sub((1023 - 15) << 10), None);
    }
    let units = magnitude * 2f64.powi(24);
    let rounded = (units + 0.5).floor();
    let exception = (rounded != units).then_some(Exception::Underflow);
    (sign | rounded as u16, exception)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives() {
        for n in 0..=u16::MAX {
            let (x, exception) = to_f32(n);
            assert_eq!(exception.is_some(), n & !SIGN == NINF);
            assert_eq!(from_f32(x), (n, None), "{n:04x} {x}");
        }
    }

    #[test]
    fn values() {
        for (n, x) in
            [(0x3E00, 1.0), (0xBE00, -1.0), (0x3C00, 0.5), (0x45C0, 15.0), (0x7FFE, 8_573_157_376.0), (0, 0.0)]
        {
            assert_eq!(to_f32(n), (x, None));
        }
        // The smallest is just above 2 to the power of -31.
        assert_eq!(to_f32(1).0, (1.0 + 1.0 / 512.0) * 2f32.powi(-31));
        assert_eq!(from_f32(2f32.powi(-31)), (0, Some(Exception::Underflow)));
        assert_eq!(from_f32(-f32::MIN_POSITIVE / 4.0), (0x8000, Some(Exception::Underflow)));
        assert_eq!(from_f32(f32::MAX), (0x7FFF, Some(Exception::Overflow)));
        assert_eq!(from_f32(f32::NEG_INFINITY), (0xFFFF, None));
    }

    #[test]
    fn ties_go_away_from_zero() {
        assert_eq!(from_f32(1.0 + 1.0 / 1024.0).0, 0x3E01);
        assert_eq!(from_f32(-1.0 - 1.0 / 1024.0).0, 0xBE01);
        assert_eq!(from_f32(1.0 + 0.999 / 1024.0).0, 0x3E00);
        assert_eq!(from_f32(1.0 + 1023.0 / 1024.0).0, 0x4000);
        assert_eq!(from_f32(f32::from_bits(0x4FFF_8000)).0, 0x7FFE);
        assert_eq!(from_f32(f32::from_bits(0x4FFF_C000)), (0x7FFF, Some(Exception::Overflow)));
    }

    #[test]
    fn tiny_numbers() {
        for (t, n) in [(0x3C00, 0x3E00), (0xBC00, 0xBE00), (0x2400, 0x3200), (0x0400, 0x2200), (0x0001, 0x0E00)] {
            assert_eq!(from_tiny(t), (n, None));
            assert_eq!(to_tiny(n), (t, None));
        }
        assert_eq!(from_tiny(0x7BFF), (0x5E00, None));
        assert_eq!(from_tiny(0xFC00), (0xFFFF, None));
        assert_eq!(to_tiny(0x5E00), (0x7C00, Some(Exception::Overflow)));
        assert_eq!(to_tiny(0x5DFF), (0x7BFE, None));
        assert_eq!(to_tiny(0x0C00), (0x0001, Some(Exception::Underflow)));
        assert_eq!(to_tiny(0x0A00), (0x0000, Some(Exception::Underflow)));
        assert_eq!(to_tiny(0xFFFF), (0xFE00, Some(Exception::Invalid)));
        for t in (0..0x7C00).filter(|t| t & 1 == 0 && *t >= 0x400) {
            assert_eq!(to_tiny(from_tiny(t).0), (t, None));
        }
    }
}
