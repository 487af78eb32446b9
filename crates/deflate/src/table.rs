//! The codes of a block: the fixed ones, and those that a compressed table in its header describes.
//! Truth: RFC 1951, 3.2.5 to 3.2.7; what zlib takes for a code that is not complete.

use crate::Error;
use crate::bits::{Bits, Reader};
use crate::huffman::{self, Incomplete, is_complete};

/// Literals, the end of the block, lengths; the last two are never used.
pub(crate) const LITERALS: usize = 288;
/// Distances; the last two are never used.
pub(crate) const DISTANCES: usize = 32;
/// Symbol of the end of a block.
pub(crate) const END: usize = 256;

/// Symbols that a table can have.
const MOST_LITERALS: usize = 286;
const MOST_DISTANCES: usize = 30;

/// Bits of the longest table: a length of seven bits for each symbol.
pub const LONGEST_TABLE: usize = 14 + 19 * 3 + (MOST_LITERALS + MOST_DISTANCES) * 7;

/// In which order the lengths of the code for lengths stand.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Lengths of the codes of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Lengths {
    pub(crate) literals: Vec<u8>,
    pub(crate) distances: Vec<u8>,
}

impl Lengths {
    /// Those of blocks with fixed codes.
    pub(crate) fn fixed() -> Lengths {
        let mut literals = vec![8; LITERALS];
        literals[144..256].fill(9);
        literals[256..280].fill(7);
        Lengths { literals, distances: vec![5; DISTANCES] }
    }

    /// Reads a table. Past the end of the bits the result means nothing.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Lengths, Error> {
        let literals = 257 + reader.take(5) as usize;
        let distances = 1 + reader.take(5) as usize;
        let given = 4 + reader.take(4) as usize;
        if literals > MOST_LITERALS || distances > MOST_DISTANCES {
            return Err(Error::SymbolCounts);
        }
        let mut code = [0u8; 19];
        for symbol in &ORDER[..given] {
            code[*symbol] = reader.take(3) as u8;
        }
        if is_complete(&code).is_err() {
            return Err(Error::LengthCode);
        }
        let decoder = huffman::Decoder::new(&code);
        let mut lengths = Vec::with_capacity(literals + distances);
        while lengths.len() < literals + distances && !reader.ended() {
            let symbol = decoder.symbol(reader).ok_or(Error::LengthCode)?;
            let (length, times) = match symbol {
                0..=15 => (symbol as u8, 1),
                16 => (*lengths.last().ok_or(Error::Repetition)?, 3 + reader.take(2)),
                17 => (0, 3 + reader.take(3)),
                _ => (0, 11 + reader.take(7)),
            };
            lengths.extend(std::iter::repeat_n(length, times as usize));
        }
        if lengths.len() != literals + distances {
            return Err(Error::Repetition);
        }
        let distances = lengths.split_off(literals);
        if lengths[END] == 0 || !matches!(is_complete(&lengths), Ok(()) | Err(Incomplete::Single)) {
            return Err(Error::LiteralCode);
        }
        if !matches!(is_complete(&distances), Ok(()) | Err(Incomplete::Single | Incomplete::Empty)) {
            return Err(Error::DistanceCode);
        }
        Ok(Lengths { literals: lengths, distances })
    }

    /// Writes the table.
    pub(crate) fn write(&self) -> Bits {
        let used = |lengths: &[u8], least: usize| lengths.iter().rposition(|l| *l != 0).map_or(0, |i| i + 1).max(least);
        let (literals, distances) = (used(&self.literals, 257), used(&self.distances, 1));
        let mut all = self.literals[..literals].to_vec();
        all.extend_from_slice(&self.distances[..distances]);

        // Symbol of the code for lengths, extra bits, how many.
        let mut symbols: Vec<(usize, u64, u32)> = Vec::new();
        for run in all.chunk_by(|a, b| a == b) {
            let length = usize::from(run[0]);
            let mut left = run.len();
            if length == 0 {
                while left >= 3 {
                    let n = left.min(138);
                    symbols.push(if n < 11 { (17, n as u64 - 3, 3) } else { (18, n as u64 - 11, 7) });
                    left -= n;
                }
            } else {
                symbols.push((length, 0, 0));
                left -= 1;
                while left >= 3 {
                    let n = left.min(6);
                    symbols.push((16, n as u64 - 3, 2));
                    left -= n;
                }
            }
            symbols.extend(std::iter::repeat_n((length, 0, 0), left));
        }
        let mut frequencies = [0; 19];
        for (symbol, _, _) in &symbols {
            frequencies[*symbol] += 1;
        }
        // A code of a single symbol would not be complete.
        for symbol in [0, 18] {
            if frequencies.iter().filter(|f| **f != 0).count() < 2 {
                frequencies[symbol] += 1;
            }
        }
        let lengths = huffman::lengths(&frequencies, 7);
        let codes = huffman::codes(&lengths);
        let given = ORDER.iter().rposition(|s| lengths[*s] != 0).map_or(4, |i| (i + 1).max(4));

        let mut bits = Bits::default();
        bits.push((literals - 257) as u64, 5);
        bits.push((distances - 1) as u64, 5);
        bits.push((given - 4) as u64, 4);
        for symbol in &ORDER[..given] {
            bits.push(u64::from(lengths[*symbol]), 3);
        }
        for (symbol, extra, n) in symbols {
            let (code, length) = codes[symbol];
            bits.push(u64::from(code), u32::from(length));
            bits.push(extra, n);
        }
        bits
    }
}

/// What a block is compressed with.
pub struct Codes {
    pub(crate) literals: Vec<(u16, u8)>,
    pub(crate) distances: Vec<(u16, u8)>,
    /// The compressed table; none for the fixed codes.
    table: Option<Bits>,
}

impl Codes {
    /// The fixed ones.
    pub fn fixed() -> Codes {
        Codes::of(&Lengths::fixed(), None)
    }

    /// Those of the table that is the first `length` bits of `bytes`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn dynamic(bytes: &[u8], length: usize) -> Result<Codes, Error> {
        if length > bytes.len() * 8 {
            return Err(Error::TableLength);
        }
        let mut reader = Reader::new(bytes, 0, length);
        let lengths = Lengths::read(&mut reader)?;
        if reader.at != length {
            return Err(Error::TableLength);
        }
        Ok(Codes::of(&lengths, Some(Bits::of(bytes, length))))
    }

    fn of(lengths: &Lengths, table: Option<Bits>) -> Codes {
        let filled = |lengths: &[u8], n: usize| {
            let mut codes = huffman::codes(lengths);
            codes.resize(n, (0, 0));
            codes
        };
        Codes { literals: filled(&lengths.literals, LITERALS), distances: filled(&lengths.distances, DISTANCES), table }
    }

    /// The code of the end of the block as it is in the parameter block: left-justified in 15 bits, and its length.
    pub fn end_of_block(&self) -> (u16, u8) {
        let (code, length) = self.literals[END];
        (code.reverse_bits() >> 1, length)
    }

    /// Writes the header of a block.
    pub fn open(&self, bits: &mut Bits, last: bool) {
        let kind = if self.table.is_some() { 2 } else { 1 };
        bits.push(u64::from(last) | kind << 1, 3);
        if let Some(table) = &self.table {
            bits.extend(&table.to_bytes(), 0, table.len());
        }
    }

    /// Writes the end of a block.
    pub fn close(&self, bits: &mut Bits) {
        let (code, length) = self.literals[END];
        bits.push(u64::from(code), u32::from(length));
    }
}
