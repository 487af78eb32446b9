//! Modes of operation on runs of whole blocks, with the chaining value as the parameter block holds it between two runs.
//! Truth: SP 800-38A (CBC, CFB, OFB, CTR), SP 800-38B (CMAC), IEEE 1619 (XTS), ANSI X9.17 (the pseudorandom numbers of KMC).

use crate::cipher::{Decryptor, Encryptor};

/// A block, of which DEA uses the first eight bytes.
pub type Block = [u8; 16];

/// Exclusive or of `source` into `data`, up to the shorter one's end.
#[inline]
pub fn xor(data: &mut [u8], source: &[u8]) {
    for (d, s) in data.iter_mut().zip(source) {
        *d ^= s;
    }
}

/// CBC, encrypting.
pub fn cbc_encrypt(cipher: &Encryptor, chaining: &mut Block, data: &mut [u8]) {
    cipher.chain(chaining, data);
}

/// Bytes that are decrypted at a time, so that the blocks need not wait for each other.
const RUN: usize = 512;

/// CBC, decrypting.
pub fn cbc_decrypt(cipher: &Decryptor, chaining: &mut Block, data: &mut [u8]) {
    let size = cipher.block();
    for run in data.chunks_mut(RUN) {
        let mut before = [0; RUN];
        let before = &mut before[..run.len()];
        before[..size].copy_from_slice(&chaining[..size]);
        before[size..].copy_from_slice(&run[..run.len() - size]);
        chaining[..size].copy_from_slice(&run[run.len() - size..]);
        cipher.blocks(run);
        xor(run, before);
    }
}

/// The chaining value after CBC over `data`, whose blocks are thrown away: CBC-MAC.
pub fn cbc_mac(cipher: &Encryptor, chaining: &mut Block, data: &[u8]) {
    cipher.mac(chaining, data);
}

/// CFB with `feedback` bytes, of which there are at most as many as a block has.
pub fn cfb(cipher: &Encryptor, chaining: &mut Block, data: &mut [u8], feedback: usize, decrypt: bool) {
    let size = cipher.block();
    for part in data.chunks_exact_mut(feedback) {
        let mut key_stream = *chaining;
        cipher.blocks(&mut key_stream[..size]);
        chaining.copy_within(feedback..size, 0);
        let fed = &mut chaining[size - feedback..size];
        if decrypt {
            fed.copy_from_slice(part);
            xor(part, &key_stream);
        } else {
            xor(part, &key_stream);
            fed.copy_from_slice(part);
        }
    }
}

/// OFB, the same in both directions.
pub fn ofb(cipher: &Encryptor, chaining: &mut Block, data: &mut [u8]) {
    let size = cipher.block();
    for block in data.chunks_exact_mut(size) {
        cipher.blocks(&mut chaining[..size]);
        xor(block, &chaining[..size]);
    }
}

/// CTR with counters that the program has made; they are used up.
pub fn ctr(cipher: &Encryptor, counters: &mut [u8], data: &mut [u8]) {
    cipher.blocks(counters);
    xor(data, counters);
}

/// `tweak` times alpha.
fn times_alpha(tweak: u128) -> u128 {
    tweak << 1 ^ if tweak >> 127 != 0 { 0x87 } else { 0 }
}

/// XTS over whole blocks of AES; `parameter` is the encrypted tweak of the next one.
fn xts(parameter: &mut Block, data: &mut [u8], blocks: impl Fn(&mut [u8])) {
    let mut tweak = u128::from_le_bytes(*parameter);
    for run in data.chunks_mut(RUN) {
        let mut tweaks = [0; RUN];
        for place in tweaks.chunks_exact_mut(16).take(run.len() / 16) {
            place.copy_from_slice(&tweak.to_le_bytes());
            tweak = times_alpha(tweak);
        }
        xor(run, &tweaks);
        blocks(run);
        xor(run, &tweaks);
    }
    *parameter = tweak.to_le_bytes();
}

/// XTS, encrypting.
pub fn xts_encrypt(cipher: &Encryptor, parameter: &mut Block, data: &mut [u8]) {
    xts(parameter, data, |run| cipher.blocks(run));
}

/// XTS, decrypting.
pub fn xts_decrypt(cipher: &Decryptor, parameter: &mut Block, data: &mut [u8]) {
    xts(parameter, data, |run| cipher.blocks(run));
}

/// The parameter `blocks` blocks on.
pub fn advance_tweak(parameter: &mut Block, blocks: u128) {
    let mut value = u128::from_le_bytes(*parameter);
    let mut power = 2;
    for bit in 0..128 {
        if blocks >> bit & 1 != 0 {
            value = product(value, power);
        }
        power = product(power, power);
    }
    *parameter = value.to_le_bytes();
}

/// Product in the field of XTS.
fn product(a: u128, b: u128) -> u128 {
    let mut sum = 0;
    let mut shifted = a;
    for bit in 0..128 {
        // Without a branch on the value, which is as secret as the key.
        sum ^= shifted & 0u128.wrapping_sub(b >> bit & 1);
        shifted = times_alpha(shifted);
    }
    sum
}

/// The last block of CMAC: `bits` bits of `message`, at most as many as a block has; `chaining` is what [`cbc_mac`] left of
/// the blocks before it, and becomes the code.
pub fn cmac_last(cipher: &Encryptor, chaining: &mut Block, message: &[u8], bits: usize) {
    let size = cipher.block();
    let mut subkey = [0; 16];
    cipher.blocks(&mut subkey[..size]);
    let mut last = [0; 16];
    last[..size].copy_from_slice(&message[..size]);
    double(&mut subkey[..size]);
    if bits < 8 * size {
        double(&mut subkey[..size]);
        let (byte, bit) = (bits / 8, bits % 8);
        last[byte] = (u16::from(last[byte]) & (0xFF00 >> bit) | 0x80 >> bit) as u8;
        last[byte + 1..].fill(0);
    }
    xor(&mut last[..size], &subkey[..size]);
    cbc_mac(cipher, chaining, &last[..size]);
}

/// Doubles in the field of CMAC.
fn double(block: &mut [u8]) {
    let polynomial = if block.len() == 16 { 0x87 } else { 0x1B };
    let mut carry = 0;
    for byte in block.iter_mut().rev() {
        (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
    }
    if let Some(last) = block.last_mut() {
        *last ^= polynomial & 0u8.wrapping_sub(carry);
    }
}

/// Pseudorandom numbers of KMC: each block of `data`, a time or counter, is replaced by a number.
pub fn x9_17(cipher: &Encryptor, seed: &mut Block, data: &mut [u8]) {
    for block in data.chunks_exact_mut(8) {
        let mut time = [0; 8];
        time.copy_from_slice(block);
        cipher.blocks(&mut time);
        block.copy_from_slice(&time);
        xor(block, &seed[..8]);
        cipher.blocks(block);
        xor(&mut time, block);
        cipher.blocks(&mut time);
        seed[..8].copy_from_slice(&time);
    }
}
