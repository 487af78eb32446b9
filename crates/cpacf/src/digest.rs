//! SHA-1, SHA-2, SHA-3 and SHAKE on the intermediate values that parameter blocks hold.
//! Truth: FIPS 180-4, FIPS 202; Principles of Operation, chapter 7, COMPUTE INTERMEDIATE and LAST MESSAGE DIGEST.

/// A digest by function code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the names say it
pub enum Digest {
    Sha1,
    Sha256,
    Sha512,
    /// SHA-3 and SHAKE, by the bytes that a block brings in; SHAKE gives any number of bytes.
    Keccak {
        rate: u8,
        shake: bool,
    },
}

/// Bytes of the longest intermediate value.
pub const LONGEST_STATE: usize = 200;
/// Bytes of the longest block.
pub const LONGEST_BLOCK: usize = 168;

impl Digest {
    /// The digest of a function code of KIMD and KLMD.
    pub fn of(function: u8) -> Option<Digest> {
        Some(match function {
            1 => Digest::Sha1,
            2 => Digest::Sha256,
            3 => Digest::Sha512,
            32 => Digest::Keccak { rate: 144, shake: false },
            33 => Digest::Keccak { rate: 136, shake: false },
            34 => Digest::Keccak { rate: 104, shake: false },
            35 => Digest::Keccak { rate: 72, shake: false },
            36 => Digest::Keccak { rate: 168, shake: true },
            37 => Digest::Keccak { rate: 136, shake: true },
            _ => return None,
        })
    }

    /// Bytes of a block.
    pub fn block(self) -> usize {
        match self {
            Digest::Sha1 | Digest::Sha256 => 64,
            Digest::Sha512 => 128,
            Digest::Keccak { rate, .. } => usize::from(rate),
        }
    }

    /// Bytes of the intermediate value.
    pub fn state(self) -> usize {
        match self {
            Digest::Sha1 => 20,
            Digest::Sha256 => 32,
            Digest::Sha512 => 64,
            Digest::Keccak { .. } => 200,
        }
    }

    /// Bytes of the message bit length that follows the intermediate value when the last block is processed.
    pub fn length_field(self) -> usize {
        match self {
            Digest::Sha1 | Digest::Sha256 => 8,
            Digest::Sha512 => 16,
            Digest::Keccak { .. } => 0,
        }
    }

    /// Takes whole blocks into the intermediate value.
    pub fn update(self, state: &mut [u8; LONGEST_STATE], data: &[u8]) {
        match self {
            Digest::Sha1 => {
                let mut words = words32(state);
                sha1::block_api::compress(&mut words, data.as_chunks().0);
                store32(state, &words);
            }
            Digest::Sha256 => {
                let mut words = words32(state);
                sha2::block_api::compress256(&mut words, data.as_chunks().0);
                store32(state, &words);
            }
            Digest::Sha512 => {
                let mut words = words64(state);
                sha2::block_api::compress512(&mut words, data.as_chunks().0);
                store64(state, &words);
            }
            Digest::Keccak { rate, .. } => {
                let mut lanes = lanes(state);
                keccak::Keccak::new().with_f1600(|permute| {
                    for block in data.chunks_exact(usize::from(rate)) {
                        for (lane, bytes) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
                            *lane ^= u64::from_le_bytes(*bytes);
                        }
                        permute(&mut lanes);
                    }
                });
                store_lanes(state, &lanes);
            }
        }
    }

    /// Takes in the rest of the message, less than a block, with padding. `length_field` is the bit length of the message as
    /// the parameter block has it.
    pub fn finish(self, state: &mut [u8; LONGEST_STATE], rest: &[u8], length_field: &[u8]) {
        let block = self.block();
        let mut last = [0; 2 * LONGEST_BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let padded = if let Digest::Keccak { shake, .. } = self {
            last[rest.len()] = if shake { 0x1F } else { 0x06 };
            last[block - 1] |= 0x80;
            block
        } else {
            last[rest.len()] = 0x80;
            let padded = (rest.len() + 1 + length_field.len()).next_multiple_of(block);
            last[padded - length_field.len()..padded].copy_from_slice(length_field);
            padded
        };
        self.update(state, &last[..padded]);
    }

    /// The state after another permutation: the next bytes of SHAKE are at its beginning.
    pub fn permute(state: &mut [u8; LONGEST_STATE]) {
        let mut lanes = lanes(state);
        keccak::Keccak::new().with_f1600(|permute| permute(&mut lanes));
        store_lanes(state, &lanes);
    }
}

fn words32<const N: usize>(state: &[u8]) -> [u32; N] {
    let (bytes, _) = state.as_chunks::<4>();
    std::array::from_fn(|i| u32::from_be_bytes(bytes[i]))
}

fn store32(state: &mut [u8], words: &[u32]) {
    for (bytes, word) in state.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_be_bytes();
    }
}

fn words64<const N: usize>(state: &[u8]) -> [u64; N] {
    let (bytes, _) = state.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_be_bytes(bytes[i]))
}

fn store64(state: &mut [u8], words: &[u64]) {
    for (bytes, word) in state.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_be_bytes();
    }
}

fn lanes(state: &[u8]) -> [u64; 25] {
    let (bytes, _) = state.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_le_bytes(bytes[i]))
}

fn store_lanes(state: &mut [u8], lanes: &[u64]) {
    for (bytes, lane) in state.as_chunks_mut().0.iter_mut().zip(lanes) {
        *bytes = lane.to_le_bytes();
    }
}

/// A digest of a message in memory or in parts, for the functions that need one.
#[derive(Clone)]
pub struct Hasher {
    digest: Digest,
    state: [u8; LONGEST_STATE],
    pending: [u8; LONGEST_BLOCK],
    held: usize,
    length: u128,
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher").field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// Fractions of the square roots of the first eight primes.
const SHA512_INITIAL: [u64; 8] = [
    0x6A09_E667_F3BC_C908,
    0xBB67_AE85_84CA_A73B,
    0x3C6E_F372_FE94_F82B,
    0xA54F_F53A_5F1D_36F1,
    0x510E_527F_ADE6_82D1,
    0x9B05_688C_2B3E_6C1F,
    0x1F83_D9AB_FB41_BD6B,
    0x5BE0_CD19_137E_2179,
];

impl Hasher {
    fn new(digest: Digest) -> Hasher {
        Hasher { digest, state: [0; LONGEST_STATE], pending: [0; LONGEST_BLOCK], held: 0, length: 0 }
    }

    /// SHA-512.
    pub fn sha512() -> Hasher {
        let mut hasher = Hasher::new(Digest::Sha512);
        store64(&mut hasher.state, &SHA512_INITIAL);
        hasher
    }

    /// SHAKE256.
    pub fn shake256() -> Hasher {
        Hasher::new(Digest::Keccak { rate: 136, shake: true })
    }

    /// Takes bytes in.
    #[must_use]
    pub fn chain(mut self, data: &[u8]) -> Hasher {
        self.update(data);
        self
    }

    /// Takes bytes in.
    pub fn update(&mut self, mut data: &[u8]) {
        self.length = self.length.wrapping_add(8 * data.len() as u128);
        let block = self.digest.block();
        if self.held != 0 {
            let n = data.len().min(block - self.held);
            self.pending[self.held..self.held + n].copy_from_slice(&data[..n]);
            self.held += n;
            data = &data[n..];
            if self.held < block {
                return;
            }
            self.digest.update(&mut self.state, &self.pending[..block]);
        }
        let whole = data.len() / block * block;
        self.digest.update(&mut self.state, &data[..whole]);
        self.held = data.len() - whole;
        self.pending[..self.held].copy_from_slice(&data[whole..]);
    }

    /// The first `N` bytes of the digest, of which there must be as many.
    pub fn finish<const N: usize>(mut self) -> [u8; N] {
        let length = self.length.to_be_bytes();
        let field = &length[16 - self.digest.length_field()..];
        self.digest.finish(&mut self.state, &self.pending[..self.held], field);
        std::array::from_fn(|i| self.state[i])
    }
}
