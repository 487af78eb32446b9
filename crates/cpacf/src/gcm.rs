//! GHASH and the counter mode of GCM.
//! Truth: SP 800-38D.

use aes::cipher::array::Array;
use ghash::GHash;
use ghash::universal_hash::UniversalHash;

use crate::cipher::Encryptor;
use crate::modes::{Block, xor};

/// GHASH in progress.
#[derive(Clone)]
pub struct Hash {
    engine: GHash,
    /// What the next block is to be combined with: the value from which the hash goes on.
    initial: Option<Block>,
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash")
    }
}

impl Hash {
    /// With hash subkey `subkey`, going on from `value`.
    pub fn new(subkey: &Block, value: &Block) -> Hash {
        Hash { engine: GHash::new(&Array::from(*subkey)), initial: Some(*value) }
    }

    /// Takes whole blocks in.
    pub fn update(&mut self, data: &[u8]) {
        let (blocks, _) = Array::slice_as_chunks(data);
        let mut rest = blocks;
        if let (Some(value), Some((first, others))) = (self.initial, blocks.split_first()) {
            let mut block = *first;
            xor(&mut block, &value);
            self.engine.update(&[block]);
            self.initial = None;
            rest = others;
        }
        self.engine.update(rest);
    }

    /// Takes bytes in, the last block filled with zeros.
    pub fn update_padded(&mut self, data: &[u8]) {
        let (whole, rest) = data.split_at(data.len() & !15);
        self.update(whole);
        if !rest.is_empty() {
            let mut block = [0; 16];
            block[..rest.len()].copy_from_slice(rest);
            self.update(&block);
        }
    }

    /// The value now.
    pub fn value(&self) -> Block {
        match self.initial {
            Some(value) => value,
            None => self.engine.clone().finalize().into(),
        }
    }
}

/// Blocks of key stream that are made at a time.
const RUN: usize = 512;

/// Combines `data` with the key stream whose counter blocks have `initial` as their first twelve bytes; `counter` is the one
/// used last, and is brought up to date.
pub fn counter_mode(cipher: &Encryptor, initial: &Block, counter: &mut u32, data: &mut [u8]) {
    for run in data.chunks_mut(RUN) {
        let mut stream = [0; RUN];
        let length = run.len().next_multiple_of(16);
        for block in stream[..length].chunks_exact_mut(16) {
            *counter = counter.wrapping_add(1);
            block[..12].copy_from_slice(&initial[..12]);
            block[12..].copy_from_slice(&counter.to_be_bytes());
        }
        cipher.blocks(&mut stream[..length]);
        xor(run, &stream);
    }
}
