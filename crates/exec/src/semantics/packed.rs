//! Packed decimal numbers of up to 31 digits as integers of 128 bits, the sign code rightmost: checks and conversions.
//! Source: Principles of Operation, chapter 8, Decimal-Number Formats: digit codes are 0 to 9, sign codes A to F, and B and D
//! are minus. Half bytes are handled all at once, by arithmetic on the integer that holds them.

/// Plus as results have it.
pub(super) const PLUS: u8 = 0xC;
/// Minus as results have it.
pub(super) const MINUS: u8 = 0xD;
/// The plus that unsigned numbers have.
pub(super) const UNSIGNED: u8 = 0xF;

/// Powers of ten.
pub(super) const POWERS: [u128; 39] = {
    let mut powers = [1; 39];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// 10 to the power of `n`, which is at most 38.
#[inline]
pub(super) fn power(n: u32) -> u128 {
    POWERS[n as usize]
}

/// A decimal number; zero has a sign, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub magnitude: u128,
    pub negative: bool,
}

impl Decimal {
    /// The number that a packed one is; `None` when a digit or the sign is invalid.
    #[inline]
    pub(super) fn unpack(packed: u128) -> Option<Decimal> {
        let negative = minus(packed as u8 & 15)?;
        are_digits(packed >> 4).then(|| Decimal { magnitude: binary(packed >> 4), negative })
    }

    pub(super) fn of(value: i128) -> Decimal {
        Decimal { magnitude: value.unsigned_abs(), negative: value < 0 }
    }

    pub(super) fn value(self) -> i128 {
        if self.negative { -(self.magnitude as i128) } else { self.magnitude as i128 }
    }

    /// Packed, of the digits the last 31, with the preferred sign code.
    #[inline]
    pub(super) fn pack(self) -> u128 {
        digits(self.magnitude) << 4 | u128::from(if self.negative { MINUS } else { PLUS })
    }
}

/// Whether a sign code is minus; `None` for what is no sign.
#[inline]
pub(super) fn minus(code: u8) -> Option<bool> {
    (code > 9).then_some(matches!(code, 0xB | 0xD))
}

/// Whether all half bytes are digits.
#[inline]
pub(super) fn are_digits(half_bytes: u128) -> bool {
    const ONES: u128 = u128::MAX / 15;
    half_bytes >> 3 & (half_bytes >> 2 | half_bytes >> 1) & ONES == 0
}

/// The number that 16 digits are: neighbours are joined, then pairs, and so on.
#[inline]
fn binary_16(digits: u64) -> u64 {
    let pairs = digits - 6 * (digits >> 4 & 0x0F0F_0F0F_0F0F_0F0F);
    let fours = pairs - (256 - 100) * (pairs >> 8 & 0x00FF_00FF_00FF_00FF);
    let eights = fours - (65_536 - 10_000) * (fours >> 16 & 0x0000_FFFF_0000_FFFF);
    (eights >> 32) * 100_000_000 + (eights & 0xFFFF_FFFF)
}

/// The number that 32 half bytes are, which must be digits.
#[inline]
pub(super) fn binary(digits: u128) -> u128 {
    u128::from(binary_16((digits >> 64) as u64)) * power(16) + u128::from(binary_16(digits as u64))
}

/// Eight digits of a number, the other way round.
#[inline]
fn digits_8(n: u32) -> u64 {
    let fours = u64::from(n / 10_000) << 32 | u64::from(n % 10_000);
    // Divisions of each part by 100 and by 10, as multiplications that are exact for such small numbers.
    let hundreds = (fours * 10_486) >> 20 & 0x0000_007F_0000_007F;
    let pairs = fours + (65_536 - 100) * hundreds;
    let tens = (pairs * 103) >> 10 & 0x000F_000F_000F_000F;
    let spread = pairs + (16 - 10) * tens;
    let joined = (spread | spread >> 8) & 0x0000_FFFF_0000_FFFF;
    (joined | joined >> 16) & 0xFFFF_FFFF
}

#[inline]
fn digits_16(n: u64) -> u64 {
    digits_8((n / 100_000_000) as u32) << 32 | digits_8((n % 100_000_000) as u32)
}

/// The last 32 digits of a number, as half bytes.
#[inline]
pub(super) fn digits(n: u128) -> u128 {
    const LIMIT: u64 = POWERS[16] as u64;
    if let Ok(n) = u64::try_from(n) {
        return u128::from(digits_8((n / LIMIT) as u32)) << 64 | u128::from(digits_16(n % LIMIT));
    }
    // One division: there is no instruction for it.
    let high = n / power(16);
    let low = n - high * power(16);
    u128::from(digits_16((high % power(16)) as u64)) << 64 | u128::from(digits_16(low as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One digit after the other.
    fn slow(mut n: u128) -> u128 {
        let mut digits = 0;
        for place in 0..32 {
            digits |= (n % 10) << (4 * place);
            n /= 10;
        }
        digits
    }

    #[test]
    fn conversions_are_those_digit_by_digit() {
        let mut n = 0x0123_4567_89AB_CDEF_u128;
        for round in 0..200_000u32 {
            n = n.wrapping_mul(0x5851_F42D_4C95_7F2D_0000_0001_4057_B7EF).wrapping_add(0x9E37_79B9_7F4A_7C15);
            let value = (n >> (round % 128)) % power(32);
            assert_eq!(digits(value), slow(value));
            assert_eq!(binary(digits(value)), value);
        }
        for n in [0, 1, 9, 10, 9_999_999_999_999_999, 10_000_000_000_000_000, u64::MAX.into(), power(32) - 1] {
            assert_eq!(digits(n), slow(n));
            assert_eq!(binary(slow(n)), n);
        }
        assert_eq!(digits(power(32) + 7), 7);
    }

    #[test]
    fn every_half_byte_is_looked_at() {
        for place in 0..32 {
            for code in 0..16u128 {
                assert_eq!(are_digits(code << (4 * place)), code < 10);
            }
        }
    }
}
