//! Compressed data goes to zlib and comes from it, in any split of the operands, through nothing but the parameter block.
//! The oracle is zlib-rs, a port of zlib-ng.

#![allow(clippy::unwrap_used, clippy::panic)]

use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress, Status};
use proptest::prelude::*;
use softsie_deflate::operation::{Compression, Expansion};
use softsie_deflate::parameters::Parameters;
use softsie_deflate::{Compressor, Expander, HISTORY, Pause, generate};

/// Bits of byte 16 of the parameter block.
const NEW_TASK: u8 = 0x80;
const ADLER: u8 = 0x20;
const DYNAMIC: u8 = 0x08;
const CLOSE_BLOCK: u8 = 0x02;
const LAST_BLOCK: u8 = 0x01;

/// Sizes of operands, one an execution, again and again.
struct Splits(Vec<usize>, usize);

impl Splits {
    fn next(&mut self) -> usize {
        // Not in turn: two lists in step might never give input and room at once.
        self.1 = self.1.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        self.0[(self.1 >> 33) % self.0.len()]
    }
}

/// Everything that came before, as far as history goes.
fn history(data: &[u8]) -> &[u8] {
    &data[data.len().saturating_sub(HISTORY)..]
}

/// Compresses as a program does that has small operands. None if it needs more executions than it should.
fn compress(parameters: &mut Parameters, data: &[u8], ins: &mut Splits, outs: &mut Splits) -> Vec<u8> {
    let mut compressor = Compressor::default();
    let (mut out, mut at) = (Vec::new(), 0);
    let mut partial = 0;
    // Each execution with room makes progress, except that nothing may come out of the header's buffer.
    for _ in 0..100_000 {
        let (n, room) = (ins.next().min(data.len() - at), outs.next().max(1));
        compressor.clear();
        for part in history(&data[..at]).chunks(1000) {
            compressor.room(part.len()).copy_from_slice(part);
            compressor.remember(part.len());
        }
        let mut operation = Compression::begin(parameters, &mut compressor, partial).unwrap();
        operation.room(n).copy_from_slice(&data[at..at + n]);
        let done = operation.step(n, room).unwrap();
        at += done;
        if at == data.len() {
            operation.close();
        }
        let bytes = operation.take(room);
        let left = room - bytes.len();
        out.extend_from_slice(&bytes);
        let (byte, empty) = operation.end(parameters, left != 0);
        partial = byte.unwrap_or(0);
        let finished = at == data.len() && empty;
        parameters.set_continues(!finished);
        if finished {
            out.extend(byte);
            return out;
        }
    }
    panic!("no end");
}

/// Expands likewise; the compressed data after the end, and the expanded data, or none if the data is wrong.
fn expand(
    parameters: &mut Parameters,
    data: &[u8],
    before: &[u8],
    ins: &mut Splits,
    outs: &mut Splits,
) -> Option<(usize, Vec<u8>)> {
    let mut expander = Expander::default();
    let (mut out, mut at) = (before.to_vec(), 0);
    let mut idle = 0;
    loop {
        let (n, room) = (ins.next().min(data.len() - at), outs.next());
        expander.clear();
        let past = history(&out);
        expander.room(past.len()).copy_from_slice(past);
        expander.remember(past.len());
        let mut operation = Expansion::begin(parameters, &mut expander).unwrap();
        operation.feed(&data[at..at + n]);
        let (done, result, _) = operation.step(room);
        assert!(done <= room);
        out.extend_from_slice(operation.made(done));
        let fed = at + n;
        let all = result == Ok(Pause::Input);
        at = fed - operation.end(parameters, all, result.err());
        match result {
            Ok(Pause::End) => return Some((at, out.split_off(before.len()))),
            Ok(Pause::Input) if at == data.len() => return None,
            Err(_) => return None,
            _ => {}
        }
        idle = if done == 0 && n == 0 { idle + 1 } else { 0 };
        assert!(idle < 100, "no progress");
    }
}

fn zlib_inflate(data: &[u8], length: usize, dictionary: &[u8]) -> Option<Vec<u8>> {
    let mut inflate = Decompress::new(false);
    if !dictionary.is_empty() {
        inflate.set_dictionary(dictionary).unwrap();
    }
    let mut out = Vec::with_capacity(length + 1);
    match inflate.decompress_vec(data, &mut out, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) => Some(out),
        _ => None,
    }
}

fn zlib_deflate(data: &[u8], level: u32) -> Vec<u8> {
    let mut deflate = Compress::new(Level::new(level), false);
    let mut out = Vec::with_capacity(data.len() * 2 + 1000);
    assert_eq!(deflate.compress_vec(data, &mut out, FlushCompress::Finish).unwrap(), Status::StreamEnd);
    out
}

/// Data of several kinds: noise, few symbols, words, long runs.
fn data(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut out: Vec<u8> = Vec::new();
    while out.len() < length {
        match random() % 5 {
            0 => out.extend(random().to_le_bytes()),
            1 => out.extend(std::iter::repeat_n(random() as u8, random() as usize % 400)),
            2 => (0..random() % 50).for_each(|_| out.push(b'a' + (random() % 4) as u8)),
            3 => out.extend(b"the quick brown fox jumps over the lazy dog"),
            _ if !out.is_empty() => {
                let from = random() as usize % out.len();
                let n = (random() as usize % 300).min(out.len() - from);
                out.extend_from_within(from..from + n);
            }
            _ => {}
        }
    }
    out.truncate(length);
    out
}

/// Sizes of data: short ones above all. LONGEST and CASES make a long run of short data.
fn lengths() -> impl Strategy<Value = usize> {
    let longest = std::env::var("LONGEST").ok().and_then(|n| n.parse().ok()).unwrap_or(150_000_usize);
    prop_oneof![0..600_usize.min(longest), 0..6000_usize.min(longest), 0..longest]
}

fn splits() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        proptest::collection::vec(0usize..4, 1..6),
        proptest::collection::vec(0usize..700, 1..6),
        proptest::collection::vec(1usize..HISTORY, 1..4),
    ]
    .prop_filter("some bytes", |s| s.iter().any(|n| *n != 0))
}

fn adler_or_crc(data: &[u8], adler: bool) -> [u8; 4] {
    if adler {
        let (mut a, mut b) = (1u64, 0u64);
        for byte in data {
            a = (a + u64::from(*byte)) % 65521;
            b = (b + a) % 65521;
        }
        ((b << 16 | a) as u32).to_be_bytes()
    } else {
        let mut crc = u32::MAX;
        for byte in data {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = crc >> 1 ^ if crc & 1 != 0 { 0xEDB8_8320 } else { 0 };
            }
        }
        (!crc).to_le_bytes()
    }
}

fn compresses(seed: u64, length: usize, controls: u8, only: bool, ins: Vec<usize>, outs: Vec<usize>) {
    let data = data(seed, length);
    let mut parameters = Parameters::default();
    parameters.0[16] = NEW_TASK | CLOSE_BLOCK | LAST_BLOCK | controls;
    if controls & DYNAMIC != 0 {
        parameters.set_table(&generate(&mut Compressor::default(), &data, only && length <= HISTORY));
    }
    let out = compress(&mut parameters, &data, &mut Splits(ins, 1), &mut Splits(outs, 2));
    assert_eq!(parameters.check(), adler_or_crc(&data, controls & ADLER != 0));
    if data.is_empty() {
        assert!(out.is_empty());
    } else {
        assert!(zlib_inflate(&out, length, &[]) == Some(data));
    }
}

fn expands(seed: u64, length: usize, level: u32, ins: Vec<usize>, outs: Vec<usize>) {
    let data = data(seed, length);
    let mut compressed = zlib_deflate(&data, level);
    let n = compressed.len();
    compressed.extend_from_slice(b"trailer");
    let mut parameters = Parameters::default();
    parameters.0[16] = NEW_TASK;
    let got = expand(&mut parameters, &compressed, &[], &mut Splits(ins, 1), &mut Splits(outs, 2));
    let Some((at, out)) = got else { panic!("not expanded") };
    assert!(out == data);
    assert_eq!(at + usize::from(parameters.sub_byte() != 0), n);
    assert_eq!(parameters.check(), adler_or_crc(&data, false));
}

/// Damaged data: what zlib takes is taken, with the same result; nothing else is.
fn damaged(seed: u64, length: usize, level: u32, at: usize, bit: u8, ins: Vec<usize>, outs: Vec<usize>) {
    let mut compressed = zlib_deflate(&data(seed, length), level);
    let at = at % compressed.len();
    compressed[at] ^= 1 << bit;
    let mut parameters = Parameters::default();
    parameters.0[16] = NEW_TASK;
    let got = expand(&mut parameters, &compressed, &[], &mut Splits(ins, 1), &mut Splits(outs, 2));
    assert!(got.map(|(_, out)| out) == zlib_inflate(&compressed, 300 * 1100 + 300_000, &[]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300)))]

    #[test]
    fn zlib_expands_what_is_compressed(
        seed: u64, length in lengths(), adler: bool, dynamic: bool, only: bool,
        ins in splits(), outs in splits(),
    ) {
        let controls = if adler { ADLER } else { 0 } | if dynamic { DYNAMIC } else { 0 };
        let small = length < 6000 || ins.iter().chain(&outs).all(|n| *n > 20);
        compresses(seed, if small { length } else { length % 3000 }, controls, only, ins, outs);
    }

    #[test]
    fn what_zlib_compressed_is_expanded(
        seed: u64, length in lengths(), level in 0u32..10,
        ins in splits(), outs in splits(),
    ) {
        let small = length < 6000 || ins.iter().chain(&outs).all(|n| *n > 20);
        expands(seed, if small { length } else { length % 3000 }, level, ins, outs);
    }

    #[test]
    fn damaged_data_is_as_wrong_as_zlib_says(
        seed: u64, length in 1usize..1000, level in 0u32..10, at: usize, bit in 0u8..8, ins in splits(), outs in splits(),
    ) {
        damaged(seed, length, level, at, bit, ins, outs);
    }

    #[test]
    fn any_bytes_as_table_or_state(bytes in proptest::collection::vec(any::<u8>(), 1536), input: Vec<u8>, room in 0usize..2000) {
        let mut parameters = Parameters([0; 1536]);
        parameters.0.copy_from_slice(&bytes);
        let mut compressor = Compressor::default();
        if let Ok(mut operation) = Compression::begin(&parameters, &mut compressor, 0xFF) {
            let n = input.len();
            operation.room(n).copy_from_slice(&input);
            let _ = operation.step(n, room);
            operation.close();
            let _ = operation.take(room);
            operation.end(&mut parameters.clone(), true);
        }
        let mut expander = Expander::default();
        if let Ok(mut operation) = Expansion::begin(&parameters, &mut expander) {
            operation.feed(&input);
            let (_, result, _) = operation.step(room);
            operation.end(&mut parameters, result == Ok(Pause::Input), result.err());
        }
    }
}

#[test]
fn a_dictionary_is_history() {
    let dictionary = data(7, 20_000);
    let text = [&dictionary[5_000..12_000], b"and more"].concat();
    let mut compressor = Compressor::default();
    compressor.room(dictionary.len()).copy_from_slice(&dictionary);
    compressor.remember(dictionary.len());
    let mut parameters = Parameters::default();
    parameters.0[16] = CLOSE_BLOCK | LAST_BLOCK;
    parameters.set_history(dictionary.len(), 0);
    let mut operation = Compression::begin(&parameters, &mut compressor, 0).unwrap();
    operation.room(text.len()).copy_from_slice(&text);
    assert_eq!(operation.step(text.len(), 10_000), Ok(text.len()));
    operation.close();
    let mut out = operation.take(10_000);
    out.extend(operation.end(&mut parameters, true).0);
    assert!(out.len() < 200, "{}", out.len());
    assert!(zlib_inflate(&out, text.len(), &dictionary).as_ref() == Some(&text));
    let mut parameters = Parameters::default();
    let all = || Splits(vec![HISTORY], 0);
    let Some((at, expanded)) = expand(&mut parameters, &out, &dictionary, &mut all(), &mut all()) else {
        panic!("wrong")
    };
    assert_eq!(at + usize::from(parameters.sub_byte() != 0), out.len());
    assert!(expanded == text);
}

#[test]
fn compression_is_near_to_that_of_zlib() {
    let mut text = Vec::new();
    for file in ["compress.rs", "expand.rs", "operation.rs", "parameters.rs", "table.rs"] {
        text.extend(std::fs::read(format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap());
    }
    let mut parameters = Parameters::default();
    parameters.0[16] = NEW_TASK | CLOSE_BLOCK | LAST_BLOCK | DYNAMIC;
    parameters.set_table(&generate(&mut Compressor::default(), &text, false));
    let all = || Splits(vec![HISTORY], 0);
    let own = compress(&mut parameters, &text, &mut all(), &mut all()).len();
    let zlib = zlib_deflate(&text, 6).len();
    assert!(own * 10 < zlib * 12, "{own} {zlib}");
}
