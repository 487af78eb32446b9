//! Event masks and event data: the two consoles (VT220 in ASCII, line mode in EBCDIC) and the quiesce signal.
//! Both consoles are always offered; text is shown from the one the user chose, because some guests write every line to
//! both. Truth: Linux drivers/s390/char/sclp{,_rw,_tty,_vt220,_quiesce}.c and sclp.h.

use std::collections::VecDeque;

use super::{Block, HEADER_SIZE, response};
use crate::ebcdic;

// Event types, and their bits in masks (bit n-1 from the left for type n).
const OPERATOR_COMMAND: u8 = 0x01;
const MESSAGE: u8 = 0x02;
const VT220: u8 = 0x1a;
const QUIESCE: u8 = 0x1d;

const fn bit(event: u8) -> u32 {
    1 << (32 - event)
}

/// What the guest may send us, and what we may send it.
const FROM_GUEST: u32 = bit(MESSAGE) | bit(VT220);
const TO_GUEST: u32 = bit(OPERATOR_COMMAND) | bit(VT220) | bit(QUIESCE);

const EVENT_HEADER_SIZE: usize = 6;
const ACCEPTED: u8 = 0x80;
/// In the control mask: the guest takes an answer of any length.
const VARIABLE_LENGTH: u8 = 0x80;
const SELECTIVE_READ: u8 = 0x01;

// Message data blocks: a header, then objects, of which message text objects are lines.
const BLOCK_TYPE: u16 = 1;
const TEXT_OBJECT: u16 = 4;
const TEXT_OBJECT_HEADER_SIZE: usize = 10;

// General data stream of an operator command, from the outside in.
const MULTIPLE_DOMAIN_UNIT: u16 = 0x1310;
const CONTROL_POINT_UNIT: u16 = 0x1212;
const TEXT_COMMAND: u16 = 0x1320;
const SELF_DEFINING_TEXT: u8 = 0x31;
const TEXT_MESSAGE: u8 = 0x30;

/// The console whose text is shown and that gets the input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConsoleKind {
    /// The full-screen ASCII console, Linux's `ttysclp0`.
    Vt220,
    /// The line-mode console in EBCDIC, Linux's `ttyS0`.
    Line,
}

/// Masks, and input that waits for the guest.
#[derive(Debug)]
pub(crate) struct Events {
    console: ConsoleKind,
    /// Events the guest wants to receive.
    receive_mask: u32,
    input: VecDeque<u8>,
    quiesce: bool,
}

impl Events {
    pub(super) fn new(console: ConsoleKind) -> Self {
        Self { console, receive_mask: 0, input: VecDeque::new(), quiesce: false }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.console);
    }

    /// Queues typed bytes; true when the guest is to be told that something waits.
    pub(crate) fn type_in(&mut self, bytes: &[u8]) -> bool {
        self.input.extend(bytes);
        self.pending()
    }

    /// Bytes that wait for the guest.
    pub(crate) fn backlog(&self) -> usize {
        self.input.len()
    }

    /// Asks the guest to shut itself down; false when it does not listen.
    pub(crate) fn request_quiesce(&mut self) -> bool {
        self.quiesce = true;
        self.receive_mask & bit(QUIESCE) != 0
    }

    /// Whether an event waits that the guest wants.
    pub(crate) fn pending(&self) -> bool {
        self.waiting() & self.receive_mask != 0
    }

    /// The events that could be delivered now.
    fn waiting(&self) -> u32 {
        let mut mask = if self.quiesce { bit(QUIESCE) } else { 0 };
        mask |= match self.console {
            ConsoleKind::Vt220 if !self.input.is_empty() => bit(VT220),
            ConsoleKind::Line if self.input.iter().any(|byte| is_line_end(*byte)) => bit(OPERATOR_COMMAND),
            _ => 0,
        };
        mask
    }

    pub(super) fn write_mask(&mut self, block: &mut Block) {
        let length = usize::from(block.u16(10));
        if length == 0 || length > 1021 {
            return block.respond(response::INVALID_MASK_LENGTH);
        }
        let first = 12;
        if block.bytes.len() < first + 4 * length {
            return block.respond(response::INSUFFICIENT_LENGTH);
        }
        // Masks may be longer or shorter than a word; bits count from the left.
        let mut word = [0; 4];
        for (to, from) in word.iter_mut().zip(&block.bytes[first..first + length]) {
            *to = *from;
        }
        self.receive_mask = u32::from_be_bytes(word);
        for (mask, at) in [(FROM_GUEST, first + 2 * length), (TO_GUEST, first + 3 * length)] {
            block.bytes[at..at + length].fill(0);
            for (to, from) in block.bytes[at..at + length].iter_mut().zip(mask.to_be_bytes()) {
                *to = from;
            }
        }
        block.respond(response::COMPLETE);
    }

    pub(super) fn read_data(&mut self, block: &mut Block) {
        let selection = match block.function() {
            0 => self.receive_mask,
            SELECTIVE_READ => {
                let mask = u32::from(block.u16(8)) << 16 | u32::from(block.u16(10));
                if mask == 0 || mask & !self.receive_mask != 0 {
                    return block.respond(response::INVALID_SELECTION_MASK);
                }
                mask
            }
            _ => return block.respond(response::INVALID_FUNCTION),
        };
        let room = block.bytes.len() - HEADER_SIZE;
        let ready = self.waiting() & selection;
        let event = if ready & bit(QUIESCE) != 0 {
            self.quiesce = false;
            // Time-out 0xffff in units of 0: no limit.
            Some((QUIESCE, vec![0xff, 0xff, 0]))
        } else if ready & bit(VT220) != 0 {
            self.typed_bytes(room).map(|data| (VT220, data))
        } else if ready & bit(OPERATOR_COMMAND) != 0 {
            self.typed_line(room).map(|data| (OPERATOR_COMMAND, data))
        } else {
            None
        };
        let Some((kind, data)) = event else {
            return block.respond(response::NO_EVENT_BUFFERS);
        };
        let length = EVENT_HEADER_SIZE + data.len();
        if length > room {
            return block.respond(response::INSUFFICIENT_LENGTH);
        }
        block.put(HEADER_SIZE, &(length as u16).to_be_bytes());
        block.put(HEADER_SIZE + 2, &[kind, 0, 0, 0]);
        block.put(HEADER_SIZE + EVENT_HEADER_SIZE, &data);
        if block.bytes[5] & VARIABLE_LENGTH != 0 {
            block.bytes[5] &= !VARIABLE_LENGTH;
            block.put(0, &((HEADER_SIZE + length) as u16).to_be_bytes());
        }
        block.respond(response::COMPLETE);
    }

    /// As much input as fits, after the byte that says "session data".
    fn typed_bytes(&mut self, room: usize) -> Option<Vec<u8>> {
        let count = room.checked_sub(EVENT_HEADER_SIZE + 1)?.min(self.input.len());
        let mut data = vec![0];
        data.extend(self.input.drain(..count));
        (count > 0).then_some(data)
    }

    /// The first typed line as an operator command, cut to what a control block and its one-byte lengths can carry.
    fn typed_line(&mut self, room: usize) -> Option<Vec<u8>> {
        let end = self.input.iter().position(|byte| is_line_end(*byte))?;
        let line: Vec<u8> = self.input.drain(..=end).take(end).collect();
        let overhead = EVENT_HEADER_SIZE + 3 * 4 + 2 * 2;
        let text = ebcdic::encode(&String::from_utf8_lossy(&line));
        let text = &text[..text.len().min(250).min(room.saturating_sub(overhead))];
        let message = subvector(TEXT_MESSAGE, text);
        let self_defining = subvector(SELF_DEFINING_TEXT, &message);
        Some(vector(MULTIPLE_DOMAIN_UNIT, &vector(CONTROL_POINT_UNIT, &vector(TEXT_COMMAND, &self_defining))))
    }

    /// Takes all event buffers of the block; what they say to the chosen console is returned.
    pub(super) fn write_data(&mut self, block: &mut Block) -> Vec<u8> {
        let mut text = Vec::new();
        let mut at = HEADER_SIZE;
        let end = block.bytes.len();
        if at + EVENT_HEADER_SIZE > end {
            block.respond(response::INCONSISTENT_LENGTHS);
            return text;
        }
        while at < end {
            let length = usize::from(block.u16(at));
            if length < EVENT_HEADER_SIZE || at + length > end {
                block.respond(response::INCONSISTENT_LENGTHS);
                return text;
            }
            let data = &block.bytes[at + EVENT_HEADER_SIZE..at + length];
            match (block.bytes[at + 2], self.console) {
                (VT220, ConsoleKind::Vt220) => text.extend_from_slice(data),
                (MESSAGE, ConsoleKind::Line) => match message_lines(data) {
                    Some(lines) => text.extend_from_slice(lines.as_bytes()),
                    None => {
                        block.respond(response::SYNTAX_ERROR);
                        return text;
                    }
                },
                (VT220 | MESSAGE, _) => {}
                _ => {
                    block.respond(response::INVALID_FUNCTION);
                    return text;
                }
            }
            block.bytes[at + 3] |= ACCEPTED;
            at += length;
        }
        block.respond(response::COMPLETE);
        text
    }
}

fn is_line_end(byte: u8) -> bool {
    byte == b'\r' || byte == b'\n'
}

/// A general data stream vector: a length that counts itself, an identifier, data.
fn vector(identifier: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 4).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), &identifier.to_be_bytes(), data].concat()
}

/// A subvector: the same with single bytes.
fn subvector(key: u8, data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len() + 2).unwrap_or(u8::MAX);
    [&[length, key], data].concat()
}

/// The lines of a message data block; `None` when its lengths contradict each other.
fn message_lines(data: &[u8]) -> Option<String> {
    let half = |at: usize| Some(u16::from_be_bytes([*data.get(at)?, *data.get(at + 1)?]));
    let length = usize::from(half(0)?);
    if half(2)? != BLOCK_TYPE || length > data.len() {
        return None;
    }
    let mut lines = String::new();
    let mut at = 12;
    while at < length {
        let object = usize::from(half(at)?);
        if object < 4 || at + object > length {
            return None;
        }
        if half(at + 2)? == TEXT_OBJECT {
            let text = data.get(at + TEXT_OBJECT_HEADER_SIZE..at + object)?;
            lines.push_str(&ebcdic::decode(text));
            lines.push('\n');
        }
        at += object;
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SCCB, answer, prepare, sclp};
    use super::super::{READ_EVENT_DATA, Sclp, WRITE_EVENT_DATA, WRITE_EVENT_MASK};
    use super::*;
    use crate::storage::Storage;

    fn set_mask(sclp: &mut Sclp, storage: &Storage, receive: u32) {
        let mut data = vec![0, 0, 0, 4];
        data.extend(receive.to_be_bytes());
        data.extend([0; 12]);
        prepare(storage, 28, &data);
        sclp.service_call(storage, 0, WRITE_EVENT_MASK, SCCB).unwrap();
        assert_eq!(answer(storage), 0x0020);
    }

    fn message(lines: &[&str]) -> Vec<u8> {
        let mut block = vec![0, 0, 0, 1, 0xd4, 0xc4, 0xc2, 0x40, 0, 0, 0, 1];
        // A general object comes first in real messages and is skipped.
        block.extend([0, 8, 0, 1, 0, 0, 0, 0]);
        for line in lines {
            let text = ebcdic::encode(line);
            block.extend((text.len() as u16 + 10).to_be_bytes());
            block.extend([0, 4, 0x10, 0, 0, 0, 0, 0]);
            block.extend(text);
        }
        let length = block.len() as u16;
        block[..2].copy_from_slice(&length.to_be_bytes());
        block
    }

    fn event(kind: u8, data: &[u8]) -> Vec<u8> {
        [&(data.len() as u16 + 6).to_be_bytes()[..], &[kind, 0, 0, 0], data].concat()
    }

    fn write(sclp: &mut Sclp, storage: &Storage, events: &[u8]) -> String {
        prepare(storage, events.len() as u16 + 8, events);
        let completion = sclp.service_call(storage, 0, WRITE_EVENT_DATA, SCCB).unwrap();
        String::from_utf8(completion.text).unwrap()
    }

    #[test]
    fn both_consoles_are_offered() {
        let (mut sclp, storage) = sclp(ConsoleKind::Vt220);
        set_mask(&mut sclp, &storage, 0x4000_0040);
        assert_eq!(storage.read_u32(SCCB + 8 + 12), Some(0x4000_0040), "what we take: messages and VT220");
        assert_eq!(storage.read_u32(SCCB + 8 + 16), Some(0x8000_0048), "what we send: commands, VT220, quiesce");
    }

    #[test]
    fn a_mask_of_no_or_too_much_length_is_refused() {
        let (mut sclp, storage) = sclp(ConsoleKind::Vt220);
        prepare(&storage, 28, &[0, 0, 0, 0]);
        sclp.service_call(&storage, 0, WRITE_EVENT_MASK, SCCB).unwrap();
        assert_eq!(answer(&storage), 0x74f0);
        prepare(&storage, 20, &[0, 0, 0, 4]);
        sclp.service_call(&storage, 0, WRITE_EVENT_MASK, SCCB).unwrap();
        assert_eq!(answer(&storage), 0x0300);
    }

    #[test]
    fn text_of_the_chosen_console_is_shown_and_the_other_accepted() {
        let both = [event(VT220, b"hello\r\n"), event(MESSAGE, &message(&["HELLO", "2nd line"]))].concat();
        let (mut vt220, storage) = sclp(ConsoleKind::Vt220);
        assert_eq!(write(&mut vt220, &storage, &both), "hello\r\n");
        assert_eq!(answer(&storage), 0x0020);
        assert_eq!(storage.read_u32(SCCB + 8).unwrap() & 0xff, 0x80, "accepted");
        let (mut line, storage) = sclp(ConsoleKind::Line);
        assert_eq!(write(&mut line, &storage, &both), "HELLO\n2nd line\n");
        assert_eq!(answer(&storage), 0x0020);
    }

    #[test]
    fn malformed_events_are_answered_not_followed() {
        let (mut sclp, storage) = sclp(ConsoleKind::Line);
        for (events, code) in [
            (vec![0, 5, VT220, 0, 0, 0], 0x72f0),
            (vec![0xff, 0xff, VT220, 0, 0, 0], 0x72f0),
            (vec![0, 6], 0x72f0),
            (event(0x77, b""), 0x40f0),
            (event(MESSAGE, b""), 0x73f0),
            (event(MESSAGE, &[0xff, 0xff, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 0x73f0),
            (event(MESSAGE, &[0, 14, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]), 0x73f0),
            (event(MESSAGE, &[0, 16, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 4]), 0x73f0),
        ] {
            assert_eq!(write(&mut sclp, &storage, &events), "");
            assert_eq!(answer(&storage), code, "{events:x?}");
        }
    }

    #[test]
    fn typed_bytes_reach_a_guest_that_listens() {
        let (mut sclp, storage) = sclp(ConsoleKind::Vt220);
        assert!(!sclp.events.type_in(b"ls\r"), "nobody listens yet");
        set_mask(&mut sclp, &storage, bit(VT220));
        assert!(sclp.events.pending());
        prepare(&storage, 4096, &[]);
        storage.write(SCCB + 5, &[0x80]);
        let completion = sclp.service_call(&storage, 0, READ_EVENT_DATA, SCCB).unwrap();
        assert_eq!(completion.parameter, SCCB as u32);
        assert_eq!(answer(&storage), 0x0020);
        let block = storage.read_vec(SCCB, 18).unwrap();
        assert_eq!(block[..2], [0, 18]);
        assert_eq!(block[8..], [0, 10, VT220, 0, 0, 0, 0, b'l', b's', b'\r']);
        prepare(&storage, 4096, &[]);
        sclp.service_call(&storage, 0, READ_EVENT_DATA, SCCB).unwrap();
        assert_eq!(answer(&storage), 0x60f0);
    }

    #[test]
    fn input_beyond_one_block_stays_and_is_announced() {
        let (mut sclp, storage) = sclp(ConsoleKind::Vt220);
        set_mask(&mut sclp, &storage, bit(VT220));
        sclp.events.type_in(b"0123456789");
        prepare(&storage, 8 + 6 + 1 + 4, &[]);
        let completion = sclp.service_call(&storage, 0, READ_EVENT_DATA, SCCB).unwrap();
        assert_eq!(completion.parameter, SCCB as u32 | 1, "more waits");
        assert_eq!(storage.read_vec(SCCB + 15, 4).unwrap(), b"0123");
        prepare(&storage, 8 + 6, &[]);
        sclp.service_call(&storage, 0, READ_EVENT_DATA, SCCB).unwrap();
        assert_eq!(answer(&storage), 0x60f0, "no room for a single byte");
    }

    #[test]
    fn a_typed_line_becomes_an_operator_command() {
        let (mut sclp, storage) = sclp(ConsoleKind::Line);
        set_mask(&mut sclp, &storage, bit(OPERATOR_COMMAND));
        assert!(!sclp.events.type_in(b"AB"), "no line yet");
        assert!(sclp.events.type_in(b"\r"));
        prepare(&storage, 4096, &[]);
        sclp.service_call(&storage, 0, READ_EVENT_DATA, SCCB).unwrap();
        let data = storage.read_vec(SCCB + 8, 24).unwrap();
        assert_eq!(
            data,
            [0, 24, 1, 0, 0, 0, 0, 18, 0x13, 0x10, 0, 14, 0x12, 0x12, 0, 10, 0x13, 0x20, 6, 0x31, 4, 0x30, 0xc1, 0xc2]
        );
    }

    #[test]
    fn the_quiesce_signal_is_delivered_once() {
        let (mut sclp, storage) = sclp(ConsoleKind::Vt220);
        assert!(!sclp.events.request_quiesce());
        set_mask(&mut sclp, &storage, bit(QUIESCE));
        assert!(sclp.events.pending());
        prepare(&storage, 4096, &[]);
        sclp.service_call(&storage, 0, READ_EVENT_DATA, SCCB).unwrap();
        assert_eq!(storage.read_vec(SCCB + 8, 9).unwrap(), [0, 9, QUIESCE, 0, 0, 0, 0xff, 0xff, 0]);
        assert!(!sclp.events.pending());
    }

    #[test]
    fn selective_reads_are_checked_against_the_mask() {
        let (mut sclp, storage) = sclp(ConsoleKind::Vt220);
        set_mask(&mut sclp, &storage, bit(VT220));
        for (function, selection, code) in [(1, bit(QUIESCE), 0x70f0), (1, 0, 0x70f0), (7, 0, 0x40f0)] {
            prepare(&storage, 4096, &u32::to_be_bytes(selection));
            storage.write(SCCB + 2, &[function]);
            sclp.service_call(&storage, 0, READ_EVENT_DATA, SCCB).unwrap();
            assert_eq!(answer(&storage), code);
        }
    }
}
