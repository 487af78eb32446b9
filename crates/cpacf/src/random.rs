//! The deterministic random-number generator of PRNO, and true random numbers, which are the host's.
//! Truth: SP 800-90A, Hash_DRBG with SHA-512; Principles of Operation, chapter 7, PERFORM RANDOM NUMBER OPERATION.

use crate::digest::Hasher;

/// Bytes of V and C: 888 bits.
const SEED: usize = 111;

/// The parameter block of the SHA-512 generator.
pub const BLOCK: usize = 240;

/// The generator's working state.
#[derive(Clone)]
pub struct Generator {
    reseed_counter: u32,
    stream_bytes: u64,
    v: [u8; SEED],
    c: [u8; SEED],
}

impl std::fmt::Debug for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generator").field("reseed_counter", &self.reseed_counter).finish_non_exhaustive()
    }
}

/// Hash_df with 888 bits as result.
fn derive(parts: &[&[u8]]) -> [u8; SEED] {
    let half = |counter: u8| {
        let mut hasher = Hasher::sha512().chain(&[counter]).chain(&(8 * SEED as u32).to_be_bytes());
        for part in parts {
            hasher.update(part);
        }
        hasher.finish::<64>()
    };
    let halves = [half(1), half(2)];
    std::array::from_fn(|i| halves.as_flattened()[i])
}

/// Adds `number`, right aligned, modulo 2^888.
fn add(v: &mut [u8; SEED], number: &[u8]) {
    let mut carry = 0;
    let mut number = number.iter().rev();
    for byte in v.iter_mut().rev() {
        let sum = u16::from(*byte) + u16::from(*number.next().unwrap_or(&0)) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
}

impl Generator {
    /// The state that a parameter block holds: reserved word, reseed counter, stream bytes, and V and C, each after a byte of
    /// zeros.
    pub fn load(block: &[u8; BLOCK]) -> Generator {
        let (words, _) = block.as_chunks::<4>();
        Generator {
            reseed_counter: u32::from_be_bytes(words[1]),
            stream_bytes: u64::from(u32::from_be_bytes(words[2])) << 32 | u64::from(u32::from_be_bytes(words[3])),
            v: std::array::from_fn(|i| block[17 + i]),
            c: std::array::from_fn(|i| block[129 + i]),
        }
    }

    /// The parameter block with this state.
    pub fn store(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[4..8].copy_from_slice(&self.reseed_counter.to_be_bytes());
        block[8..16].copy_from_slice(&self.stream_bytes.to_be_bytes());
        block[17..128].copy_from_slice(&self.v);
        block[129..240].copy_from_slice(&self.c);
        block
    }

    /// Whether the generator has not been seeded yet: its reseed counter is zero.
    pub fn is_new(&self) -> bool {
        self.reseed_counter == 0
    }

    /// Instantiates a new generator, or reseeds one.
    pub fn seed(&mut self, material: &[u8]) {
        self.v = if self.is_new() { derive(&[material]) } else { derive(&[&[1], &self.v, material]) };
        self.c = derive(&[&[0], &self.v]);
        self.reseed_counter = 1;
        self.stream_bytes = 0;
    }

    /// Bytes of a request, from `offset` on.
    pub fn stream(&self, offset: u64, data: &mut [u8]) {
        let mut offset = offset;
        let mut filled = 0;
        while filled < data.len() {
            let within = (offset % 64) as usize;
            let mut value = self.v;
            add(&mut value, &(offset / 64).to_be_bytes());
            let bytes = Hasher::sha512().chain(&value).finish::<64>();
            let n = (data.len() - filled).min(64 - within);
            data[filled..filled + n].copy_from_slice(&bytes[within..within + n]);
            filled += n;
            offset = offset.wrapping_add(n as u64);
        }
    }

    /// Ends a request of `length` bytes.
    pub fn update(&mut self, length: u64) {
        let hash = Hasher::sha512().chain(&[3]).chain(&self.v).finish::<64>();
        add(&mut self.v, &hash);
        let c = self.c;
        add(&mut self.v, &c);
        add(&mut self.v, &self.reseed_counter.to_be_bytes());
        self.reseed_counter = self.reseed_counter.wrapping_add(1);
        self.stream_bytes = self.stream_bytes.wrapping_add(length);
    }
}

/// The longest request: 2^19 bits.
pub const LONGEST_REQUEST: u64 = 1 << 16;

/// Fills `data` with random bytes of the host; false when it has none.
#[must_use]
pub fn fill(data: &mut [u8]) -> bool {
    getrandom::fill(data).is_ok()
}
