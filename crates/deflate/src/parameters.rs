//! The parameter block of GDHT, CMPR and XPND, format 0, and what is kept in its continuation-state buffer.
//! Truth: the fields as zlib, zlib-ng and Linux have them; the numbers of the incomplete-function status are those of IBM's NX
//! accelerators. The continuation-state buffer is each machine's own affair.

use crate::{Block, State};

/// Bytes of the parameter block.
pub const SIZE: usize = 1536;
/// Bytes of it that GDHT has.
pub const SIZE_OF_GENERATE: usize = 384;

/// Function codes of QAF, GDHT, CMPR and XPND, as QAF stores them; then, in byte 24, the parameter-block formats.
pub const AVAILABLE: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 0b1110_1000;
    bytes[24] = 0x80;
    bytes
};

const VERSION: usize = 0;
const CONTINUATION: usize = 7;
const CONTROLS: usize = 16;
const GENERATION: usize = 17;
const SUB_BYTE: usize = 18;
const SUPPLEMENTAL: usize = 19;
const STATUS: usize = 21;
const LEFT: usize = 22;
const HISTORY_LENGTH: usize = 44;
const HISTORY_OFFSET: usize = 46;
const CHECK: usize = 48;
const END_SYMBOL: usize = 52;
const END_LENGTH: usize = 54;
const TABLE_LENGTH: usize = 56;
const TABLE: usize = 64;
const TABLE_SIZE: usize = 288;
const STATE: usize = SIZE_OF_GENERATE;
/// In the continuation-state buffer: a head of eight bytes, then bits.
const STATE_BITS: usize = STATE + 8;

/// Bits of byte 16.
const NEW_TASK: u8 = 0x80;
const ADLER: u8 = 0x20;
const DYNAMIC: u8 = 0x08;
const BLOCK_OPEN: u8 = 0x04;
const CLOSE_BLOCK: u8 = 0x02;
const LAST_BLOCK: u8 = 0x01;
/// Bit 2 of byte 17.
const ONLY_WHAT_OCCURS: u8 = 0x20;

/// A parameter block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameters(pub [u8; SIZE]);

impl Default for Parameters {
    fn default() -> Self {
        Self([0; SIZE])
    }
}

impl Parameters {
    fn half(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.0[at], self.0[at + 1]])
    }

    fn set_half(&mut self, at: usize, value: u16) {
        self.0[at..at + 2].copy_from_slice(&value.to_be_bytes());
    }

    fn control(&self, bit: u8) -> bool {
        self.0[CONTROLS] & bit != 0
    }

    /// Whether version and history length are those that there are.
    pub fn is_valid(&self) -> bool {
        self.half(VERSION) == 0 && (self.is_new_task() || self.history_length() <= crate::HISTORY)
    }

    /// Whether there are no history and no check value.
    pub fn is_new_task(&self) -> bool {
        self.control(NEW_TASK)
    }

    /// Ends that.
    pub fn set_old_task(&mut self) {
        self.0[CONTROLS] &= !NEW_TASK;
    }

    /// Whether an operation is resumed.
    pub fn continues(&self) -> bool {
        self.0[CONTINUATION] & 1 != 0 && !self.is_new_task()
    }

    /// Sets the continuation flag.
    pub fn set_continues(&mut self, on: bool) {
        self.0[CONTINUATION] = self.0[CONTINUATION] & !1 | u8::from(on);
    }

    /// Whether the check value is Adler-32.
    pub fn is_adler(&self) -> bool {
        self.control(ADLER)
    }

    /// Whether the block has the table.
    pub fn is_dynamic(&self) -> bool {
        self.control(DYNAMIC)
    }

    /// Whether a block is open.
    pub fn block_is_open(&self) -> bool {
        self.control(BLOCK_OPEN)
    }

    /// Whether the block is to be closed.
    pub fn closes(&self) -> bool {
        self.control(CLOSE_BLOCK)
    }

    /// Whether a header is that of the last block.
    pub fn is_last(&self) -> bool {
        self.control(LAST_BLOCK)
    }

    /// Whether a table is to have codes for what occurs only.
    pub fn only_what_occurs(&self) -> bool {
        self.0[GENERATION] & ONLY_WHAT_OCCURS != 0
    }

    /// Bits of the first byte of compressed data that have been processed.
    pub fn sub_byte(&self) -> usize {
        usize::from(self.0[SUB_BYTE] & 7)
    }

    /// Sets that.
    pub fn set_sub_byte(&mut self, bits: usize) {
        self.0[SUB_BYTE] = self.0[SUB_BYTE] & !7 | (bits & 7) as u8;
    }

    /// Sets the operation-ending supplemental code.
    pub fn set_supplemental(&mut self, code: u8) {
        self.0[SUPPLEMENTAL] = code;
    }

    /// Bytes of history.
    pub fn history_length(&self) -> usize {
        usize::from(self.half(HISTORY_LENGTH))
    }

    /// Where it begins in the circular buffer.
    pub fn history_offset(&self) -> usize {
        usize::from(self.half(HISTORY_OFFSET) & 0x7FFF)
    }

    /// Sets both.
    pub fn set_history(&mut self, length: usize, offset: usize) {
        self.set_half(HISTORY_LENGTH, length as u16);
        self.set_half(HISTORY_OFFSET, self.half(HISTORY_OFFSET) & 0x8000 | offset as u16 & 0x7FFF);
    }

    /// The check value.
    pub fn check(&self) -> [u8; 4] {
        [0, 1, 2, 3].map(|i| self.0[CHECK + i])
    }

    /// Sets it.
    pub fn set_check(&mut self, value: [u8; 4]) {
        self.0[CHECK..CHECK + 4].copy_from_slice(&value);
    }

    /// Sets the code of the end of a block, left-justified in 15 bits, and its length.
    pub fn set_end_of_block(&mut self, (code, length): (u16, u8)) {
        self.set_half(END_SYMBOL, code << 1);
        self.0[END_LENGTH] = length << 4;
        self.0[END_LENGTH + 1] = 0;
    }

    /// The compressed table and its length in bits.
    pub fn table(&self) -> (&[u8], usize) {
        (&self.0[TABLE..TABLE + TABLE_SIZE], usize::from(self.half(TABLE_LENGTH) & 0xFFF))
    }

    /// Sets them.
    pub fn set_table(&mut self, table: &crate::Bits) {
        let bytes = table.to_bytes();
        let n = bytes.len().min(TABLE_SIZE);
        self.0[TABLE..TABLE + n].copy_from_slice(&bytes[..n]);
        self.0[TABLE + n..TABLE + TABLE_SIZE].fill(0);
        self.set_half(TABLE_LENGTH, table.len() as u16 & 0xFFF);
    }

    /// The state that compression left: whether a block is open, and bits that have not been stored; none if it is not one.
    pub fn encoder(&self) -> Option<crate::Encoder> {
        let (open, count) = (self.0[STATE], usize::from(self.half(STATE + 2)));
        let bytes = &self.0[STATE_BITS..];
        (open <= 1 && count <= bytes.len() * 8)
            .then(|| crate::Encoder { bits: crate::Bits::of(bytes, count), open: open != 0 })
    }

    /// Leaves it.
    pub fn set_encoder(&mut self, encoder: &crate::Encoder) {
        self.0[STATE..].fill(0);
        self.0[STATE] = u8::from(encoder.open);
        self.set_half(STATE + 2, encoder.bits.len() as u16);
        let bytes = encoder.bits.to_bytes();
        let place = &mut self.0[STATE_BITS..];
        let n = bytes.len().min(place.len());
        place[..n].copy_from_slice(&bytes[..n]);
    }

    /// The state that expansion left, and compressed bytes that are no longer in the operand, with the number of bits of the
    /// first of them that have been processed; none if it is not one.
    pub fn expander(&self) -> Option<(State, &[u8], usize)> {
        let status = self.0[STATUS] & 0xF;
        let block = match status {
            0x8 | 0x9 => Block::Stored { left: self.half(LEFT) },
            0xA | 0xB => Block::Fixed,
            0xC | 0xD => Block::Dynamic,
            0xE => Block::Header,
            _ => return None,
        };
        let (length, distance) = (self.half(STATE + 4), self.half(STATE + 6));
        let (processed, count) = (self.0[STATE], usize::from(self.half(STATE + 2)));
        let bytes = self.0[STATE_BITS..].get(..count)?;
        let is_valid = length <= 258 && processed <= 7 && (processed == 0 || count != 0);
        let state = State { block, last: status & 1 != 0, length, distance };
        is_valid.then_some((state, bytes, usize::from(processed)))
    }

    /// Leaves it.
    pub fn set_expander(&mut self, state: &State, bytes: &[u8], processed: usize) {
        self.0[STATE..].fill(0);
        let (status, left) = match state.block {
            Block::Header => (0xE, 0),
            Block::Stored { left } => (0x8, left),
            Block::Fixed => (0xA, 0),
            Block::Dynamic => (0xC, 0),
            Block::End => (0, 0),
        };
        let last = u8::from(state.last && !matches!(state.block, Block::Header | Block::End));
        self.0[STATUS] = self.0[STATUS] & 0xF0 | status | last;
        self.set_half(LEFT, left);
        let place = &mut self.0[STATE_BITS..];
        let n = bytes.len().min(place.len());
        place[..n].copy_from_slice(&bytes[..n]);
        self.0[STATE] = if n == 0 { 0 } else { processed as u8 };
        self.set_half(STATE + 2, n as u16);
        if state.length != 0 {
            self.set_half(STATE + 4, state.length);
            self.set_half(STATE + 6, state.distance);
        }
    }
}
