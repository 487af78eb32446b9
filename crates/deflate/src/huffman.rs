//! Codes from lengths, lengths from frequencies, and symbols from bits.
//! Truth: RFC 1951, 3.2.2. Lengths are found by package-merge (Larmore and Hirschberg, 1990), which is optimal under a limit.

use crate::bits::Reader;

/// The longest code.
pub(crate) const LONGEST_CODE: usize = 15;

/// The codes of symbols, ready to be written: each reversed, as codes are written from their leftmost bit on.
pub(crate) fn codes(lengths: &[u8]) -> Vec<(u16, u8)> {
    let mut next = [0u16; LONGEST_CODE + 2];
    for length in lengths.iter().filter(|l| **l != 0) {
        next[usize::from(*length) + 1] += 1;
    }
    for length in 1..=LONGEST_CODE {
        // The first code of a length follows the last shorter one.
        next[length] = (next[length] + next[length - 1]) << 1;
    }
    let mut codes = Vec::with_capacity(lengths.len());
    for length in lengths {
        let mut code = 0;
        if *length != 0 {
            let next = &mut next[usize::from(*length)];
            code = next.reverse_bits() >> (16 - length);
            *next += 1;
        }
        codes.push((code, *length));
    }
    codes
}

/// Lengths of codes for symbols that occur so often: none for those that do not occur.
pub(crate) fn lengths(frequencies: &[u32], longest: usize) -> Vec<u8> {
    let mut lengths = vec![0; frequencies.len()];
    let mut leaves: Vec<(u64, usize)> =
        frequencies.iter().enumerate().filter(|(_, f)| **f != 0).map(|(symbol, f)| (u64::from(*f), symbol)).collect();
    leaves.sort_unstable();
    match leaves.as_slice() {
        [] => return lengths,
        [(_, only)] => {
            lengths[*only] = 1;
            return lengths;
        }
        _ => {}
    }
    // Of each list, from the longest codes on, the weights, and which of them are packages of two of the list before.
    let mut lists: Vec<Vec<bool>> = Vec::with_capacity(longest);
    let mut previous: Vec<u64> = Vec::new();
    for _ in 0..longest {
        let mut packages = previous.chunks_exact(2).map(|pair| pair[0] + pair[1]).peekable();
        let mut leaf = leaves.iter().map(|(weight, _)| *weight).peekable();
        let (mut weights, mut is_package) = (Vec::new(), Vec::new());
        loop {
            let package = match (leaf.peek(), packages.peek()) {
                (None, None) => break,
                (Some(leaf), Some(package)) => package < leaf,
                (leaf, _) => leaf.is_none(),
            };
            weights.extend(if package { packages.next() } else { leaf.next() });
            is_package.push(package);
        }
        lists.push(is_package);
        previous = weights;
    }
    let mut taken = 2 * leaves.len() - 2;
    for is_package in lists.iter().rev() {
        let packages = is_package[..taken.min(is_package.len())].iter().filter(|p| **p).count();
        // Every leaf that is taken, and the lightest are taken first, gets a longer code.
        for (_, symbol) in &leaves[..taken - packages] {
            lengths[*symbol] += 1;
        }
        taken = 2 * packages;
    }
    lengths
}

/// Bits that the table of a decoder looks at; longer codes are found by counting.
const LOOKED_AT: usize = 10;

/// Finds symbols by their codes.
pub(crate) struct Decoder {
    /// By the next bits: symbol * 16 + length, or 0 for longer codes and none.
    table: Box<[u16; 1 << LOOKED_AT]>,
    /// Codes of each length.
    count: [u16; LONGEST_CODE + 1],
    /// Symbols in the order of their codes.
    symbols: Vec<u16>,
}

/// Whether lengths make a code that uses all strings of bits; some decoders take one with a single code of one bit, or none.
pub(crate) fn is_complete(lengths: &[u8]) -> Result<(), Incomplete> {
    let mut left = 1i32 << LONGEST_CODE;
    let mut longest = 0;
    for length in lengths.iter().filter(|l| **l != 0) {
        left -= 1 << (LONGEST_CODE - usize::from(*length));
        longest = longest.max(*length);
    }
    match left {
        0 => Ok(()),
        _ if left < 0 => Err(Incomplete::Oversubscribed),
        _ if longest == 0 => Err(Incomplete::Empty),
        _ if longest == 1 => Err(Incomplete::Single),
        _ => Err(Incomplete::Other),
    }
}

/// What a code is that is not complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Incomplete {
    /// More codes than strings of bits.
    Oversubscribed,
    /// No code at all.
    Empty,
    /// One code of one bit.
    Single,
    /// Others.
    Other,
}

impl Decoder {
    /// The one of a code that is not oversubscribed.
    pub(crate) fn new(lengths: &[u8]) -> Decoder {
        let mut count = [0u16; LONGEST_CODE + 1];
        for length in lengths {
            count[usize::from(*length)] += 1;
        }
        count[0] = 0;
        let mut table = Box::new([0; 1 << LOOKED_AT]);
        for (symbol, (code, length)) in codes(lengths).into_iter().enumerate() {
            let length = usize::from(length);
            if length == 0 || length > LOOKED_AT {
                continue;
            }
            for entry in table[usize::from(code)..].iter_mut().step_by(1 << length) {
                *entry = (symbol * 16 + length) as u16;
            }
        }
        let mut symbols: Vec<u16> = (0..lengths.len() as u16).filter(|s| lengths[usize::from(*s)] != 0).collect();
        symbols.sort_by_key(|s| lengths[usize::from(*s)]);
        Decoder { table, count, symbols }
    }

    /// The next symbol; none when the bits are no code.
    #[inline(always)]
    pub(crate) fn symbol(&self, reader: &mut Reader<'_>) -> Option<u16> {
        let bits = reader.peek();
        let entry = self.table[bits as usize & ((1 << LOOKED_AT) - 1)];
        if entry != 0 {
            reader.skip(usize::from(entry & 15));
            return Some(entry >> 4);
        }
        self.long(bits, reader)
    }

    #[cold]
    fn long(&self, mut bits: u64, reader: &mut Reader<'_>) -> Option<u16> {
        let (mut code, mut first, mut index) = (0u32, 0u32, 0u32);
        for length in 1..=LONGEST_CODE {
            code = code << 1 | (bits & 1) as u32;
            bits >>= 1;
            let count = u32::from(self.count[length]);
            if code < first + count {
                reader.skip(length);
                return self.symbols.get((index + code - first) as usize).copied();
            }
            index += count;
            first = (first + count) << 1;
        }
        reader.skip(LONGEST_CODE);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 1951, 3.2.2: lengths (3,3,3,3,3,2,4,4) give 010 011 100 101 110 00 1110 1111.
        let reversed = |code: u16, length: u8| (code.reverse_bits() >> (16 - length), length);
        let expected = [0b010, 0b011, 0b100, 0b101, 0b110].map(|c| reversed(c, 3)).into_iter();
        let expected = expected.chain([reversed(0b00, 2), reversed(0b1110, 4), reversed(0b1111, 4)]);
        assert_eq!(codes(&[3, 3, 3, 3, 3, 2, 4, 4]), expected.collect::<Vec<_>>());
    }

    #[test]
    fn lengths_are_optimal_and_limited() {
        // Frequencies of Fibonacci make the deepest tree; the optimum without a limit is known.
        let fibonacci = [1, 1, 2, 3, 5, 8, 13, 21];
        assert_eq!(lengths(&fibonacci, 15), [7, 7, 6, 5, 4, 3, 2, 1]);
        let limited = lengths(&fibonacci, 4);
        assert_eq!(is_complete(&limited), Ok(()));
        assert!(limited.iter().all(|l| *l <= 4));
        assert_eq!(lengths(&[0, 7, 0], 15), [0, 1, 0]);
        assert_eq!(lengths(&[5, 0, 9], 15), [1, 0, 1]);
    }
}
