//! One execution of CMPR or XPND, from parameter block to parameter block; the caller moves data and decides when to stop.
//! Truth: Principles of Operation, chapter 26: DEFLATE CONVERSION CALL, as its users (zlib, zlib-ng, Linux) need it.

use crate::parameters::Parameters;
use crate::{Block, Check, Codes, Compressor, Encoder, Error, Expander, Pause, State};

fn check(parameters: &Parameters) -> Check {
    if parameters.is_new_task() {
        Check::start(parameters.is_adler())
    } else {
        Check::resume(parameters.is_adler(), parameters.check())
    }
}

/// Why an execution cannot begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// What is in the continuation-state buffer was not left there.
    State,
    /// The table is none.
    Table(Error),
}

/// An execution of CMPR.
pub struct Compression<'a> {
    compressor: &'a mut Compressor,
    codes: Codes,
    encoder: Encoder,
    check: Check,
    last: bool,
    closes: bool,
}

impl<'a> Compression<'a> {
    /// Begins; the compressor has the history. `first` is the first byte of the output, whose rightmost bits may be taken.
    ///
    /// # Errors
    /// Why not.
    pub fn begin(parameters: &Parameters, compressor: &'a mut Compressor, first: u8) -> Result<Self, Refusal> {
        let codes = if parameters.is_dynamic() {
            let (table, length) = parameters.table();
            Codes::dynamic(table, length).map_err(Refusal::Table)?
        } else {
            Codes::fixed()
        };
        let mut encoder = Encoder { open: parameters.block_is_open(), ..Encoder::default() };
        encoder.bits.extend(&[first], 0, parameters.sub_byte());
        if parameters.continues() {
            let before = parameters.encoder().ok_or(Refusal::State)?;
            encoder.open = before.open;
            encoder.bits.extend(&before.bits.to_bytes(), 0, before.bits.len());
        }
        let (last, closes) = (parameters.is_last(), parameters.closes());
        Ok(Self { compressor, codes, encoder, check: check(parameters), last, closes })
    }

    /// Place for up to 32,768 bytes of data.
    pub fn room(&mut self, n: usize) -> &mut [u8] {
        self.compressor.room(n)
    }

    /// Compresses the next `n` bytes as far as the output, of which there is room for `limit` bytes, is not full. How many were processed.
    ///
    /// # Errors
    /// When the table has no code for something.
    pub fn step(&mut self, n: usize, limit: usize) -> Result<usize, Error> {
        let bits = &mut self.encoder.bits;
        if n == 0 || bits.whole_bytes() >= limit {
            return Ok(0);
        }
        if !self.encoder.open {
            self.codes.open(bits, self.last);
            self.encoder.open = true;
        }
        let done = self.compressor.compress(n, &self.codes, bits, limit)?;
        self.check.update(self.compressor.last(done));
        Ok(done)
    }

    /// After all data: closes the block if that is wanted.
    pub fn close(&mut self) {
        if self.closes && self.encoder.open {
            self.codes.close(&mut self.encoder.bits);
            self.encoder.open = false;
        }
    }

    /// Takes whole bytes of output away, `limit` at the most.
    pub fn take(&mut self, limit: usize) -> Vec<u8> {
        let n = self.encoder.bits.whole_bytes().min(limit);
        self.encoder.bits.split(n)
    }

    /// The last `n` bytes that were processed.
    pub fn processed(&self, n: usize) -> &[u8] {
        self.compressor.last(n)
    }

    /// Bytes that the output still needs.
    pub fn needs(&self) -> usize {
        self.encoder.bits.len().div_ceil(8)
    }

    /// Ends: what of the bits that are left has a place in the output, a byte that is not whole, is returned; others are kept.
    /// Whether nothing is kept.
    pub fn end(mut self, parameters: &mut Parameters, has_place: bool) -> (Option<u8>, bool) {
        let count = self.encoder.bits.len();
        let mut byte = None;
        parameters.set_sub_byte(0);
        if has_place && (1..8).contains(&count) {
            byte = self.take_all().first().copied();
            parameters.set_sub_byte(count);
        }
        parameters.set_check(self.check.value());
        parameters.set_end_of_block(self.codes.end_of_block());
        parameters.set_encoder(&self.encoder);
        parameters.set_old_task();
        parameters.set_supplemental(0);
        (byte, self.encoder.bits.is_empty())
    }

    fn take_all(&mut self) -> Vec<u8> {
        self.encoder.bits.split(usize::MAX)
    }
}

/// An execution of XPND.
pub struct Expansion<'a> {
    expander: &'a mut Expander,
    state: State,
    check: Check,
    /// Compressed data that has been fetched.
    input: Vec<u8>,
    /// Bits of its first byte that have been processed.
    at: usize,
    /// Bytes of it that are no longer in the operand.
    kept: usize,
}

impl<'a> Expansion<'a> {
    /// Begins; the expander has the history.
    ///
    /// # Errors
    /// Why not.
    pub fn begin(parameters: &Parameters, expander: &'a mut Expander) -> Result<Self, Refusal> {
        let (mut state, mut input, mut at) = (State::default(), Vec::new(), parameters.sub_byte());
        if parameters.continues() {
            let (before, bytes, processed) = parameters.expander().ok_or(Refusal::State)?;
            state = before;
            if !bytes.is_empty() {
                input.extend_from_slice(bytes);
                at = processed;
            }
            if state.block == Block::Dynamic {
                let (table, length) = parameters.table();
                expander.resume(table, length).map_err(Refusal::Table)?;
            }
        }
        Ok(Self { expander, state, check: check(parameters), kept: input.len(), input, at })
    }

    /// Takes compressed data.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Expands into `room` bytes, 32,768 at the most: how many bytes were made, why it stopped, and whether there was progress.
    pub fn step(&mut self, room: usize) -> (usize, Result<Pause, Error>, bool) {
        let before = self.at;
        let (done, result) = self.expander.expand(&mut self.state, &self.input, &mut self.at, room);
        self.check.update(self.expander.last(done));
        let progress = done != 0 || self.at != before;
        let whole = (self.at / 8).min(self.input.len());
        self.input.drain(..whole);
        self.kept -= whole.min(self.kept);
        self.at -= 8 * whole;
        (done, result, progress)
    }

    /// The last `n` bytes that were made.
    pub fn made(&self, n: usize) -> &[u8] {
        self.expander.last(n)
    }

    /// Ends: how many bytes go back into the operand; `all` says that none shall.
    pub fn end(self, parameters: &mut Parameters, all: bool, error: Option<Error>) -> usize {
        let back = if all { 0 } else { self.input.len() - self.kept };
        let kept = &self.input[..self.input.len() - back];
        let continues = self.state.block != Block::End;
        parameters.set_expander(&self.state, kept, self.at);
        parameters.set_sub_byte(if kept.is_empty() { self.at } else { 0 });
        if continues && self.state.block == Block::Dynamic {
            parameters.set_table(self.expander.table());
        }
        parameters.set_continues(continues);
        parameters.set_check(self.check.value());
        parameters.set_old_task();
        parameters.set_supplemental(error.map_or(0, |e| e as u8));
        back
    }
}
