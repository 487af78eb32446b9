//! Between powers of two and powers of ten, for conversions between radices: exact, with a sticky bit for what no format holds.
//! Truth: arithmetic. The integers have as many digits as the exponents ask for: 20,000 bits at the ends of the formats.

use std::cmp::Ordering;

use crate::exact::Exact;
use crate::format::{Datum, Format};
use crate::wide::{Wide, count};

/// A number other than zero, as `significand * 2^(exponent - 127)`: the first bit of the significand is one, and its last bit
/// stands for itself and everything to the right of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary {
    /// The sign.
    pub negative: bool,
    /// The exponent of the first bit.
    pub exponent: i32,
    /// The bits.
    pub significand: u128,
}

impl Binary {
    /// From an integer times a power of two; `None` for zero.
    pub fn new(negative: bool, integer: u128, exponent: i32) -> Option<Binary> {
        let zeros = integer.leading_zeros();
        (integer != 0).then(|| Binary {
            negative,
            exponent: exponent + 127 - zeros as i32,
            significand: integer << zeros,
        })
    }
}

/// A large integer: words of 64 bits, the last one first.
struct Large(Vec<u64>);

impl Large {
    fn from(value: u128) -> Large {
        Large(vec![value as u64, (value >> 64) as u64])
    }

    fn bits(&self) -> i32 {
        let top = self.0.iter().rposition(|w| *w != 0);
        top.map_or(0, |n| 64 * (n as i32 + 1) - self.0[n].leading_zeros() as i32)
    }

    fn times(&mut self, factor: u64) {
        let mut carry = 0u128;
        for word in &mut self.0 {
            let product = u128::from(*word) * u128::from(factor) + carry;
            *word = product as u64;
            carry = product >> 64;
        }
        if carry != 0 {
            self.0.push(carry as u64);
        }
    }

    fn times_power_of_ten(mut self, mut n: u32) -> Large {
        while n > 0 {
            let digits = n.min(19);
            self.times(10u64.pow(digits));
            n -= digits;
        }
        self
    }

    fn shifted(&self, n: u32) -> Large {
        let mut words = vec![0; (n / 64) as usize];
        words.extend_from_slice(&self.0);
        let mut shifted = Large(words);
        if !n.is_multiple_of(64) {
            shifted.times(1 << (n % 64));
        }
        shifted
    }

    fn order(&self, other: &Large) -> Ordering {
        let word = |a: &Large, n: usize| a.0.get(n).copied().unwrap_or(0);
        let length = self.0.len().max(other.0.len());
        (0..length).rev().map(|n| word(self, n).cmp(&word(other, n))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// Less another that is not larger.
    fn reduce(&mut self, other: &Large) {
        let mut borrow = false;
        for (n, word) in self.0.iter_mut().enumerate() {
            let (difference, first) = word.overflowing_sub(other.0.get(n).copied().unwrap_or(0));
            let (difference, second) = difference.overflowing_sub(borrow.into());
            *word = difference;
            borrow = first || second;
        }
    }
}

/// The integer part of a quotient of at most 128 bits, and whether there is a rest.
fn divide(mut a: Large, b: &Large) -> (u128, bool) {
    let places = a.bits() - b.bits();
    let mut quotient = 0;
    if places >= 0 {
        // Instead of the divisor going to the right the rest goes to the left.
        let b = b.shifted(places as u32);
        for place in 0..=places {
            if place > 0 {
                a.times(2);
            }
            quotient <<= 1;
            if a.order(&b).is_ge() {
                a.reduce(&b);
                quotient |= 1;
            }
        }
    }
    (quotient, a.bits() != 0)
}

impl Exact {
    /// A binary number as a decimal one: to 37 or 38 digits and a sticky bit.
    pub fn of_binary(binary: &Binary) -> Exact {
        let power = binary.exponent - 127;
        // The digits to the left of the point, give or take one: 30103 / 100000 is the logarithm of two.
        let digits = (i64::from(binary.exponent) * 30103).div_euclid(100_000) as i32 + 1;
        let exponent = digits - 37;
        let dividend = Large::from(binary.significand).shifted(power.max(0) as u32);
        let dividend = dividend.times_power_of_ten((-exponent).max(0) as u32);
        let divisor = Large::from(1).shifted((-power).max(0) as u32).times_power_of_ten(exponent.max(0) as u32);
        let (significand, sticky) = divide(dividend, &divisor);
        Exact { negative: binary.negative, significand: Wide::from(significand), exponent, sticky }
    }
}

/// A decimal number as a binary one; `None` for zero, infinities and NaNs.
pub fn to_binary<F: Format>(bits: F::Bits) -> Option<Binary> {
    let a = Datum::of::<F>(bits);
    if !a.is_finite() || count(a.significand) == 0 {
        return None;
    }
    let dividend = Large::from(a.significand).times_power_of_ten(a.exponent.max(0) as u32);
    let divisor = Large::from(1).times_power_of_ten((-a.exponent).max(0) as u32);
    // So that the quotient has 127 or 128 bits.
    let left = 127 - (dividend.bits() - divisor.bits());
    let (quotient, rest) = divide(dividend.shifted(left.max(0) as u32), &divisor.shifted((-left).max(0) as u32));
    let mut binary = Binary::new(a.negative, quotient, -left)?;
    binary.significand |= u128::from(rest);
    Some(binary)
}
