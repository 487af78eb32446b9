//! Integers of 256 bits, as far as sums and products of significands need them: 70 digits.

/// Powers of ten that fit 128 bits.
const POWERS: [u128; 39] = {
    let mut powers = [1; 39];
    let mut n = 1;
    while n < 39 {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// A power of ten, at most the 38th.
#[inline]
pub(crate) fn power(n: u32) -> u128 {
    POWERS[n as usize]
}

/// How many digits a number has; zero has none.
#[inline]
pub(crate) fn count(v: u128) -> u32 {
    if v == 0 { 0 } else { v.ilog10() + 1 }
}

/// A 256-bit integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wide {
    pub high: u128,
    pub low: u128,
}

impl From<u128> for Wide {
    fn from(low: u128) -> Wide {
        Wide { high: 0, low }
    }
}

impl Wide {
    pub fn product(a: u128, b: u128) -> Wide {
        let low = |v: u128| v & u128::from(u64::MAX);
        let (a1, a0, b1, b0) = (a >> 64, low(a), b >> 64, low(b));
        let first = a0 * b0;
        let middle = a1 * b0 + (first >> 64);
        let carried = a0 * b1 + low(middle);
        Wide { high: a1 * b1 + (middle >> 64) + (carried >> 64), low: carried << 64 | low(first) }
    }

    pub fn plus(self, other: Wide) -> Wide {
        let (low, carry) = self.low.overflowing_add(other.low);
        Wide { high: self.high + other.high + u128::from(carry), low }
    }

    /// The difference; `other` is not larger.
    pub fn minus(self, other: Wide) -> Wide {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Wide { high: self.high - other.high - u128::from(borrow), low }
    }

    pub fn is_zero(self) -> bool {
        self.high == 0 && self.low == 0
    }

    /// Quotient and rest of a division.
    fn divide(self, by: u64) -> (Wide, u64) {
        if self.high == 0 {
            let by = u128::from(by);
            return (Wide::from(self.low / by), (self.low % by) as u64);
        }
        let (mut out, mut rest) = ([0u64; 4], 0u64);
        let words = [(self.high >> 64) as u64, self.high as u64, (self.low >> 64) as u64, self.low as u64];
        for (quotient, word) in out.iter_mut().zip(words) {
            let part = u128::from(rest) << 64 | u128::from(word);
            *quotient = (part / u128::from(by)) as u64;
            rest = (part % u128::from(by)) as u64;
        }
        let pair = |a: u64, b: u64| u128::from(a) << 64 | u128::from(b);
        (Wide { high: pair(out[0], out[1]), low: pair(out[2], out[3]) }, rest)
    }

    /// Without its last `n` digits, and whether any of them was not zero.
    pub fn without(mut self, mut n: u32) -> (Wide, bool) {
        let mut lost = false;
        while n > 0 && !self.is_zero() {
            let digits = n.min(19);
            let (quotient, rest) = self.divide(10u64.pow(digits));
            (self, lost) = (quotient, lost || rest != 0);
            n -= digits;
        }
        (self, lost)
    }

    /// The last digit, and the number without it.
    pub fn last_digit(self) -> (Wide, u8) {
        let (rest, digit) = self.divide(10);
        (rest, digit as u8)
    }

    /// How many digits it has; zero has none.
    pub fn count(self) -> u32 {
        if self.high == 0 { count(self.low) } else { 38 + self.without(38).0.count() }
    }
}
