//! Densely packed decimal: three digits in ten bits, a declet.
//! Truth: Principles of Operation, chapter 20, "DFP data encodings"; IEEE 754-2008, 3.5.2. Of the 1024 declets 24 are not
//! canonical: they mean a number that has another declet.

/// The number that a declet means.
const fn decoded(declet: u16) -> u16 {
    let (hundreds_low, tens_low, ones_low) = (declet >> 7 & 1, declet >> 4 & 1, declet & 1);
    let (pq, st, wx) = (declet >> 8 & 3, declet >> 5 & 3, declet >> 1 & 3);
    let v = declet >> 3 & 1;
    // Which digits are 8 or 9, and where the two upper bits of each small one are.
    let (a, b, c) = if v == 0 {
        (pq << 1 | hundreds_low, st << 1 | tens_low, wx << 1 | ones_low)
    } else {
        match (wx, st) {
            (0, _) => (pq << 1 | hundreds_low, st << 1 | tens_low, 8 | ones_low),
            (1, _) => (pq << 1 | hundreds_low, 8 | tens_low, st << 1 | ones_low),
            (2, _) => (8 | hundreds_low, st << 1 | tens_low, pq << 1 | ones_low),
            (_, 0) => (8 | hundreds_low, 8 | tens_low, pq << 1 | ones_low),
            (_, 1) => (8 | hundreds_low, pq << 1 | tens_low, 8 | ones_low),
            (_, 2) => (pq << 1 | hundreds_low, 8 | tens_low, 8 | ones_low),
            _ => (8 | hundreds_low, 8 | tens_low, 8 | ones_low),
        }
    };
    a * 100 + b * 10 + c
}

const DECODE: [u16; 1024] = {
    let mut table = [0; 1024];
    let mut declet = 0;
    while declet < 1024 {
        table[declet as usize] = decoded(declet);
        declet += 1;
    }
    table
};

/// The canonical declet of each number is the smallest that means it: the others have ones in bits that do not count.
const ENCODE: [u16; 1000] = {
    let mut table = [0; 1000];
    let mut declet = 1024;
    while declet > 0 {
        declet -= 1;
        table[DECODE[declet as usize] as usize] = declet;
    }
    table
};

/// The number that `count` declets in the rightmost bits of `bits` mean.
#[inline]
pub(crate) fn decode(bits: u128, count: u32) -> u128 {
    let declet = |n: u32| u64::from(DECODE[(bits >> (10 * n)) as usize & 0x3FF]);
    // Six declets fit 64 bits, and most numbers have no more.
    let part = |from: u32, to: u32| (from..to).rev().fold(0u64, |value, n| value * 1000 + declet(n));
    let low = part(0, count.min(6));
    if count <= 6 { low.into() } else { u128::from(part(6, count)) * 1_000_000_000_000_000_000 + u128::from(low) }
}

/// The declets of a number of at most `3 * count` digits.
#[inline]
pub(crate) fn encode(value: u128, count: u32) -> u128 {
    let part = |mut value: u64, count: u32| {
        let mut bits = 0u128;
        for n in 0..count {
            bits |= u128::from(ENCODE[(value % 1000) as usize]) << (10 * n);
            value /= 1000;
        }
        bits
    };
    if count <= 6 {
        return part(value as u64, count);
    }
    let split = 1_000_000_000_000_000_000;
    part((value % split) as u64, 6) | part((value / split) as u64, count - 6) << 60
}

#[cfg(test)]
mod tests {
    use super::{DECODE, ENCODE, decode, encode};

    #[test]
    fn declets_of_the_standards_examples() {
        // Small digits stand as they are; 8 and 9 move their last bit.
        let pairs =
            [(0, 0), (9, 0b1001), (55, 0b101_0101), (79, 0b111_1001), (80, 0b1010), (99, 0b101_1111), (555, 0x2D5)];
        for (number, declet) in pairs.into_iter().chain([(999, 0x0FF), (888, 0x06E), (899, 0x07F), (100, 0x080)]) {
            assert_eq!(ENCODE[number], declet, "{number}");
        }
    }

    #[test]
    fn every_number_has_its_declet_and_24_have_more() {
        for number in 0..1000u16 {
            assert_eq!(DECODE[usize::from(ENCODE[usize::from(number)])], number);
        }
        let redundant = (0..1024u16).filter(|d| ENCODE[usize::from(DECODE[usize::from(*d)])] != *d).count();
        assert_eq!(redundant, 24);
    }

    #[test]
    fn eleven_declets_hold_33_digits() {
        let value = 123_456_789_012_345_678_901_234_567_890_987;
        assert_eq!(decode(encode(value, 11), 11), value);
        assert_eq!(decode(encode(10u128.pow(33) - 1, 11), 11), 10u128.pow(33) - 1);
    }
}
