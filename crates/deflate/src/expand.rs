//! Expands blocks. Input and output may end anywhere: what stands between two items is a [`State`] of a few bytes.
//! Truth: RFC 1951, 3.2.

use std::sync::LazyLock;

use crate::Error;
use crate::bits::{Bits, Reader};
use crate::huffman::Decoder;
use crate::table::{END, Lengths};
use crate::window::Window;

/// Where in the structure of blocks the next bit is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Block {
    /// At the header of a block.
    Header,
    /// In a stored block, of which so many bytes are left.
    Stored {
        /// Bytes of it that have not been expanded.
        left: u16,
    },
    /// In a block with fixed codes.
    Fixed,
    /// In one with a table.
    Dynamic,
    /// After the last.
    End,
}

/// What stands between two items.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// The block.
    pub block: Block,
    /// Whether it is the last.
    pub last: bool,
    /// Bytes of a match that have not been stored.
    pub length: u16,
    /// Its distance.
    pub distance: u16,
}

impl Default for State {
    fn default() -> Self {
        Self { block: Block::Header, last: false, length: 0, distance: 0 }
    }
}

/// Why expansion stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pause {
    /// The next item needs more input.
    Input,
    /// It needs more room for output.
    Room,
    /// The last block has ended.
    End,
}

struct Decoders {
    literals: Decoder,
    distances: Decoder,
}

impl Decoders {
    fn of(lengths: &Lengths) -> Decoders {
        Decoders { literals: Decoder::new(&lengths.literals), distances: Decoder::new(&lengths.distances) }
    }
}

static FIXED: LazyLock<Decoders> = LazyLock::new(|| Decoders::of(&Lengths::fixed()));

/// Expands data.
pub struct Expander {
    window: Window,
    decoders: Option<Decoders>,
    table: Bits,
}

impl Default for Expander {
    fn default() -> Self {
        Self { window: Window::new(), decoders: None, table: Bits::default() }
    }
}

impl Expander {
    /// Forgets everything and begins without history.
    pub fn clear(&mut self) {
        self.window.clear();
        self.decoders = None;
        self.table = Bits::default();
    }

    /// Place for up to 32,768 bytes of history, for [`Expander::remember`].
    pub fn room(&mut self, n: usize) -> &mut [u8] {
        self.window.room(n).0
    }

    /// Takes the next `n` bytes as history.
    pub fn remember(&mut self, n: usize) {
        self.window.advance(n);
    }

    /// Bytes of history.
    pub fn history(&self) -> usize {
        self.window.length()
    }

    /// The last `n` bytes of the history: what has been expanded is there.
    pub fn last(&self, n: usize) -> &[u8] {
        self.window.last(n)
    }

    /// The table of the block with one, as it was in the data.
    pub fn table(&self) -> &Bits {
        &self.table
    }

    /// Takes the table that is the first `length` bits of `bytes` for the block.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn resume(&mut self, bytes: &[u8], length: usize) -> Result<(), Error> {
        let mut reader = Reader::new(bytes, 0, length);
        let lengths = Lengths::read(&mut reader)?;
        if reader.at != length || length > bytes.len() * 8 {
            return Err(Error::TableLength);
        }
        self.decoders = Some(Decoders::of(&lengths));
        self.table = Bits::of(bytes, length);
        Ok(())
    }

    /// Expands the bits of `input` from `at` on, which is advanced, to 32,768 bytes at the most and no more than `room`. The
    /// bytes become history; their number and why it stopped.
    ///
    /// # Errors
    /// What is wrong with the data. What came before it has been expanded.
    pub fn expand(
        &mut self,
        state: &mut State,
        input: &[u8],
        at: &mut usize,
        room: usize,
    ) -> (usize, Result<Pause, Error>) {
        let mut reader = Reader::new(input, *at, input.len() * 8);
        let room = self.window.room(room).0.len();
        let mut done = 0;
        let result = loop {
            let step = match state.block {
                Block::Header => self.header(state, &mut reader),
                Block::Stored { left } => {
                    let bytes = reader.bytes();
                    let n = bytes.len().min(usize::from(left)).min(room - done);
                    let (window, _, end) = self.window.parts();
                    window[end + done..end + done + n].copy_from_slice(&bytes[..n]);
                    done += n;
                    reader.skip(8 * n);
                    let left = left - n as u16;
                    state.block = Block::Stored { left };
                    if left == 0 {
                        leave(state);
                        Ok(None)
                    } else {
                        Ok(Some(if done == room { Pause::Room } else { Pause::Input }))
                    }
                }
                Block::Fixed => symbols(&mut self.window, &FIXED, state, &mut reader, &mut done, room),
                Block::Dynamic => match &self.decoders {
                    Some(decoders) => symbols(&mut self.window, decoders, state, &mut reader, &mut done, room),
                    None => Err(Error::TableLength),
                },
                Block::End => Ok(Some(Pause::End)),
            };
            match step {
                Ok(None) => {}
                Ok(Some(pause)) => break Ok(pause),
                Err(error) => break Err(error),
            }
        };
        *at = reader.at;
        self.window.advance(done);
        (done, result)
    }

    /// The header of a block; all of it or nothing.
    fn header(&mut self, state: &mut State, reader: &mut Reader<'_>) -> Result<Option<Pause>, Error> {
        let before = *reader;
        let last = reader.take(1) != 0;
        let kind = reader.take(2);
        let at = reader.at;
        let block = match kind {
            0 => {
                reader.at = reader.at.next_multiple_of(8);
                let (length, complement) = (reader.take(16), reader.take(16));
                let block = Block::Stored { left: length as u16 };
                if length ^ complement == 0xFFFF { Ok((block, None)) } else { Err(Error::StoredLength) }
            }
            1 => Ok((Block::Fixed, None)),
            2 => Lengths::read(reader).map(|lengths| (Block::Dynamic, Some(lengths))),
            _ => Err(Error::BlockType),
        };
        if reader.ended() {
            *reader = before;
            return Ok(Some(Pause::Input));
        }
        let (block, lengths) = block?;
        if let Some(lengths) = lengths {
            self.decoders = Some(Decoders::of(&lengths));
            self.table = Bits::default();
            reader.copy(at, &mut self.table);
        }
        (state.block, state.last) = (block, last);
        Ok(None)
    }
}

/// After a block.
fn leave(state: &mut State) {
    state.block = if state.last { Block::End } else { Block::Header };
}

/// Bases and numbers of extra bits of lengths and distances.
const LENGTHS: [(u16, u8); 29] = bases::<29>(4, 3);
const DISTANCES: [(u16, u8); 30] = bases::<30>(2, 1);

/// Symbols come in groups of `group` with the same number of extra bits, except for the first two groups, which have none.
const fn bases<const N: usize>(group: usize, first: u16) -> [(u16, u8); N] {
    let mut table = [(0, 0); N];
    let mut base = first;
    let mut i = 0;
    while i < N {
        let extra = if i < 2 * group { 0 } else { (i / group - 1) as u8 };
        table[i] = (base, extra);
        base = base.wrapping_add(1 << extra);
        i += 1;
    }
    if group == 4 {
        table[N - 1] = (258, 0);
    }
    table
}

/// Literals and matches until the end of the block.
fn symbols(
    window: &mut Window,
    decoders: &Decoders,
    state: &mut State,
    reader: &mut Reader<'_>,
    done: &mut usize,
    room: usize,
) -> Result<Option<Pause>, Error> {
    let (bytes, start, end) = window.parts();
    let mut at = end + *done;
    let stop = end + room;
    let result = loop {
        if state.length != 0 {
            let (length, distance) = (usize::from(state.length), usize::from(state.distance));
            if distance == 0 || distance > at - start {
                break Err(Error::Distance);
            }
            let n = length.min(stop - at);
            repeat(bytes, at, distance, n);
            at += n;
            state.length -= n as u16;
            if state.length != 0 {
                break Ok(Some(Pause::Room));
            }
        }
        let before = reader.at;
        let item = item(decoders, reader);
        if reader.ended() {
            reader.at = before;
            break Ok(Some(Pause::Input));
        }
        match item {
            Ok(Item::Literal(byte)) => {
                if at == stop {
                    reader.at = before;
                    break Ok(Some(Pause::Room));
                }
                bytes[at] = byte;
                at += 1;
            }
            Ok(Item::Match(length, distance)) => (state.length, state.distance) = (length, distance),
            Ok(Item::End) => {
                leave(state);
                break Ok(None);
            }
            Err(error) => break Err(error),
        }
    };
    *done = at - end;
    result
}

/// Copies a match of `n` bytes to `at`.
#[inline(always)]
fn repeat(bytes: &mut [u8], at: usize, distance: usize, n: usize) {
    if distance >= n {
        bytes.copy_within(at - distance..at - distance + n, at);
    } else if distance == 1 {
        let byte = bytes[at - 1];
        bytes[at..at + n].fill(byte);
    } else {
        for i in at..at + n {
            bytes[i] = bytes[i - distance];
        }
    }
}

enum Item {
    Literal(u8),
    Match(u16, u16),
    End,
}

/// The next item.
#[inline(always)]
fn item(decoders: &Decoders, reader: &mut Reader<'_>) -> Result<Item, Error> {
    let symbol = usize::from(decoders.literals.symbol(reader).ok_or(Error::LiteralSymbol)?);
    if symbol < END {
        return Ok(Item::Literal(symbol as u8));
    }
    if symbol == END {
        return Ok(Item::End);
    }
    let (base, extra) = *LENGTHS.get(symbol - END - 1).ok_or(Error::LiteralSymbol)?;
    let length = base + reader.take(u32::from(extra)) as u16;
    let symbol = usize::from(decoders.distances.symbol(reader).ok_or(Error::DistanceSymbol)?);
    let (base, extra) = *DISTANCES.get(symbol).ok_or(Error::DistanceSymbol)?;
    Ok(Item::Match(length, base + reader.take(u32::from(extra)) as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_of_lengths_and_distances() {
        // RFC 1951, 3.2.5.
        assert_eq!(LENGTHS[..10], [(3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0), (11, 1), (13, 1)]);
        assert_eq!((LENGTHS[27], LENGTHS[28]), ((227, 5), (258, 0)));
        assert_eq!(DISTANCES[..7], [(1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (7, 1), (9, 2)]);
        assert_eq!(DISTANCES[29], (24577, 13));
    }
}
