//! Finds matches and writes them, and makes tables from samples. Which matches are found is this machine's own affair.
//! Truth: RFC 1951, 3.2.5 (lengths and distances), 4 (the use of chained hashes).

use crate::Error;
use crate::bits::Bits;
use crate::huffman::{self, LONGEST_CODE};
use crate::table::{Codes, DISTANCES, END, LITERALS, Lengths};
use crate::window::{HISTORY, Window};

const HASH_BITS: u32 = 15;
/// Candidates that are looked at.
const TRIES: usize = 16;
/// A match of that length is taken without looking for a longer one.
const GOOD: usize = 32;
const SHORTEST: usize = 3;
const LONGEST: usize = 258;
/// A match of the shortest length costs more than literals when it is farther away.
const NEAR: usize = 4096;

/// What compressed data is made of.
#[derive(Clone, Copy)]
enum Token<'a> {
    Literal(u8),
    /// The bytes and their distance.
    Match(&'a [u8], usize),
}

/// Symbol, extra bits and their number of a length.
fn length_symbol(length: usize) -> (usize, u64, u32) {
    let l = length - SHORTEST;
    match l {
        0..8 => (257 + l, 0, 0),
        255 => (285, 0, 0),
        _ => {
            let n = l.ilog2() - 2;
            (257 + 4 * (n as usize + 1) + (l >> n & 3), (l & ((1 << n) - 1)) as u64, n)
        }
    }
}

/// The same of a distance.
fn distance_symbol(distance: usize) -> (usize, u64, u32) {
    let d = distance - 1;
    if d < 4 {
        return (d, 0, 0);
    }
    let n = d.ilog2() - 1;
    (2 * (n as usize + 1) + (d >> n & 1), (d & ((1 << n) - 1)) as u64, n)
}

/// Compresses data by what came before.
pub struct Compressor {
    window: Window,
    /// By hash: the last position of three bytes that have it.
    head: Vec<u32>,
    /// By position: the one before it with the same hash.
    previous: Vec<u32>,
    /// Position of the first byte of the window; positions below it are none.
    base: u32,
    /// The first byte of the window that is in no list yet.
    next: usize,
}

impl Default for Compressor {
    fn default() -> Self {
        Self { window: Window::new(), head: vec![0; 1 << HASH_BITS], previous: vec![0; HISTORY], base: 1, next: 0 }
    }
}

impl Compressor {
    /// Forgets everything and begins without history.
    pub fn clear(&mut self) {
        self.window.clear();
        self.head.fill(0);
        (self.base, self.next) = (1, 0);
    }

    /// Place for up to 32,768 bytes: history, with [`Compressor::remember`], or data, with [`Compressor::compress`]. Between two calls of `clear`
    /// there must be no more than 2 GB.
    pub fn room(&mut self, n: usize) -> &mut [u8] {
        let (room, moved) = self.window.room(n);
        self.base += moved as u32;
        self.next -= moved.min(self.next);
        room
    }

    /// Takes the next `n` bytes as history.
    pub fn remember(&mut self, n: usize) {
        self.window.advance(n);
    }

    /// Bytes of history.
    pub fn history(&self) -> usize {
        self.window.length()
    }

    /// The last `n` bytes of the history.
    pub fn last(&self, n: usize) -> &[u8] {
        self.window.last(n)
    }

    /// Compresses the next `n` bytes until there are `limit` whole bytes of output; how many were processed.
    ///
    /// # Errors
    /// When there is no code for something.
    pub fn compress(&mut self, n: usize, codes: &Codes, bits: &mut Bits, limit: usize) -> Result<usize, Error> {
        let mut missing = false;
        let done = self.tokens(n, |token| {
            missing |= !encode(token, codes, bits);
            !missing && bits.whole_bytes() < limit
        });
        if missing { Err(Error::NoCode) } else { Ok(done) }
    }

    /// Gives the tokens of the next `n` bytes to `f` until it wants no more; the bytes become history, and their number is returned.
    fn tokens(&mut self, n: usize, mut f: impl FnMut(Token<'_>) -> bool) -> usize {
        let (bytes, start, end) = self.window.parts();
        let bytes: &[u8] = &bytes[..end + n];
        let mut lists = Lists { head: &mut self.head, previous: &mut self.previous, base: self.base, start, bytes };
        let mut at = end;
        let mut next = self.next.max(start);
        let mut found: Option<(usize, usize)> = None;
        let mut wanted = true;
        while wanted && at < bytes.len() {
            let (length, distance) = found.take().unwrap_or_else(|| lists.longest(&mut next, at));
            if length < SHORTEST {
                wanted = f(Token::Literal(bytes[at]));
                at += 1;
                continue;
            }
            if length < GOOD {
                let later = lists.longest(&mut next, at + 1);
                if later.0 > length {
                    wanted = f(Token::Literal(bytes[at]));
                    at += 1;
                    found = Some(later);
                    continue;
                }
            }
            wanted = f(Token::Match(&bytes[at..at + length], distance));
            at += length;
        }
        self.next = next;
        self.window.advance(at - end);
        at - end
    }
}

/// The lists of positions by hash.
struct Lists<'a> {
    head: &'a mut [u32],
    previous: &'a mut [u32],
    base: u32,
    start: usize,
    bytes: &'a [u8],
}

impl Lists<'_> {
    /// Hash of the three bytes at `i`, if there are three.
    #[inline(always)]
    fn hash(&self, i: usize) -> Option<usize> {
        let three = self.bytes.get(i..i + 3)?;
        let number = u32::from_le_bytes([three[0], three[1], three[2], 0]);
        Some((number.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as usize)
    }

    /// Length and distance of the longest match at `at`, after everything before it has been put into the lists.
    #[inline(always)]
    fn longest(&mut self, next: &mut usize, at: usize) -> (usize, usize) {
        while *next < at {
            let Some(hash) = self.hash(*next) else { break };
            let position = self.base + *next as u32;
            self.previous[position as usize % HISTORY] = self.head[hash];
            self.head[hash] = position;
            *next += 1;
        }
        let Some(hash) = self.hash(at) else { return (0, 0) };
        let first = self.start.max(at.saturating_sub(HISTORY));
        let most = (self.bytes.len() - at).min(LONGEST);
        let here = &self.bytes[at..at + most];
        let (mut best, mut distance) = (SHORTEST - 1, 0);
        let mut position = self.head[hash];
        for _ in 0..TRIES {
            let Some(i) = position.checked_sub(self.base).map(|i| i as usize) else { break };
            if i < first || i >= at {
                break;
            }
            if self.bytes[i + best] == here[best] {
                let there = &self.bytes[i..i + most];
                let length = common(here, there);
                if length > best && (length > SHORTEST || at - i <= NEAR) {
                    (best, distance) = (length, at - i);
                    if best == most || best >= 2 * GOOD {
                        break;
                    }
                }
            }
            let older = self.previous[position as usize % HISTORY];
            if older >= position {
                break;
            }
            position = older;
        }
        if distance == 0 { (0, 0) } else { (best, distance) }
    }
}

/// How many bytes are the same from the left.
#[inline(always)]
fn common(a: &[u8], b: &[u8]) -> usize {
    let mut n = 0;
    for (x, y) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        if let (Ok(x), Ok(y)) = (x.try_into(), y.try_into()) {
            let differ = u64::from_le_bytes(x) ^ u64::from_le_bytes(y);
            if differ != 0 {
                return n + differ.trailing_zeros() as usize / 8;
            }
        }
        n += 8;
    }
    n + a[n..].iter().zip(&b[n..]).take_while(|(x, y)| x == y).count()
}

/// Writes a token; false when there is no code for it.
#[inline(always)]
fn encode(token: Token<'_>, codes: &Codes, bits: &mut Bits) -> bool {
    let literal = |byte: u8, bits: &mut Bits| {
        let (code, length) = codes.literals[usize::from(byte)];
        bits.push(u64::from(code), u32::from(length));
        length != 0
    };
    match token {
        Token::Literal(byte) => literal(byte, bits),
        Token::Match(bytes, distance) => {
            let (symbol, extra, n) = length_symbol(bytes.len());
            let (distance_symbol, distance_extra, distance_n) = distance_symbol(distance);
            let ((a, a_length), (b, b_length)) = (codes.literals[symbol], codes.distances[distance_symbol]);
            if a_length == 0 || b_length == 0 {
                return bytes.iter().all(|byte| literal(*byte, bits));
            }
            let n_a = u32::from(a_length);
            bits.push(u64::from(a) | extra << n_a, n_a + n);
            let n_b = u32::from(b_length);
            bits.push(u64::from(b) | distance_extra << n_b, n_b + distance_n);
            true
        }
    }
}

/// A table for data like the first 32,768 bytes of `sample`: for everything that could occur, or for what occurs in it.
pub fn generate(compressor: &mut Compressor, sample: &[u8], only_what_occurs: bool) -> Bits {
    let least = u32::from(!only_what_occurs);
    let (mut literals, mut distances) = ([least; LITERALS], [least; DISTANCES]);
    literals[286..].fill(0);
    distances[30..].fill(0);
    literals[END] = 1;
    compressor.clear();
    let n = sample.len().min(HISTORY);
    compressor.room(n).copy_from_slice(&sample[..n]);
    // Symbols of the sample count for more than those that it has not.
    let weight = if only_what_occurs { 1 } else { 8 };
    compressor.tokens(n, |token| {
        match token {
            Token::Literal(byte) => literals[usize::from(byte)] += weight,
            Token::Match(bytes, distance) => {
                literals[length_symbol(bytes.len()).0] += weight;
                distances[distance_symbol(distance).0] += weight;
            }
        }
        true
    });
    if only_what_occurs {
        // Matches may be others when the data is compressed: there is history then. So each byte has a code.
        for byte in &sample[..n] {
            let frequency = &mut literals[usize::from(*byte)];
            *frequency = (*frequency).max(1);
        }
    }
    Lengths {
        literals: huffman::lengths(&literals, LONGEST_CODE),
        distances: huffman::lengths(&distances, LONGEST_CODE),
    }
    .write()
}

/// What is to be written: bits, and whether they end inside a block.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Encoder {
    /// Bits that have not been stored.
    pub bits: Bits,
    /// Whether a block is open.
    pub open: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_lengths_and_distances() {
        // RFC 1951, 3.2.5.
        let lengths = [
            (3, 257, 0),
            (10, 264, 0),
            (11, 265, 1),
            (13, 266, 1),
            (19, 269, 2),
            (67, 277, 4),
            (131, 281, 5),
            (257, 284, 5),
            (258, 285, 0),
        ];
        for (length, symbol, n) in lengths {
            assert_eq!((length_symbol(length).0, length_symbol(length).2), (symbol, n), "{length}");
        }
        assert_eq!(length_symbol(257).1, 30);
        let distances =
            [(1, 0, 0), (4, 3, 0), (5, 4, 1), (7, 5, 1), (9, 6, 2), (24577, 29, 13), (32768, 29, 13), (193, 15, 6)];
        for (distance, symbol, n) in distances {
            assert_eq!((distance_symbol(distance).0, distance_symbol(distance).2), (symbol, n), "{distance}");
        }
    }
}
