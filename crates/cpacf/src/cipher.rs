//! The block ciphers DEA, TDEA and AES by key length, on runs of whole blocks.
//! Truth: FIPS 46-3, SP 800-67, FIPS 197; Principles of Operation, chapter 7, CIPHER MESSAGE (function codes, keys). Bits 7 of
//! the bytes of a DEA key are ignored.

use aes::cipher::array::{Array, ArraySize};
use aes::cipher::{
    BlockCipherDecrypt, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use des::{Des, TdesEde2, TdesEde3};

/// A block cipher and its key length. The names of TDEA are those of the architecture: two keys, three keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the names say it
pub enum Kind {
    Dea,
    Tdea128,
    Tdea192,
    Aes128,
    Aes192,
    Aes256,
}

impl Kind {
    /// The cipher of function codes 1-3 and 18-20, and of 9-11 and 26-28, which take an encrypted key (true).
    pub fn of(function: u8) -> Option<(Kind, bool)> {
        let kind = match function & !8 {
            1 => Kind::Dea,
            2 => Kind::Tdea128,
            3 => Kind::Tdea192,
            18 => Kind::Aes128,
            19 => Kind::Aes192,
            20 => Kind::Aes256,
            _ => return None,
        };
        Some((kind, function & 8 != 0))
    }

    /// Whether it is a form of AES.
    pub fn is_aes(self) -> bool {
        matches!(self, Kind::Aes128 | Kind::Aes192 | Kind::Aes256)
    }

    /// Bytes of a block.
    pub fn block(self) -> usize {
        if self.is_aes() { 16 } else { 8 }
    }

    /// Bytes of a key.
    pub fn key(self) -> usize {
        match self {
            Kind::Dea => 8,
            Kind::Tdea128 | Kind::Aes128 => 16,
            Kind::Tdea192 | Kind::Aes192 => 24,
            Kind::Aes256 => 32,
        }
    }
}

/// The first `N` bytes, zeros where there are not as many.
fn key<N: ArraySize>(bytes: &[u8]) -> Array<u8, N> {
    Array::from_fn(|i| bytes.get(i).copied().unwrap_or(0))
}

fn encrypt_blocks<C: BlockCipherEncrypt + BlockSizeUser>(cipher: &C, data: &mut [u8]) {
    cipher.encrypt_blocks(Array::slice_as_chunks_mut(data).0);
}

fn decrypt_blocks<C: BlockCipherDecrypt + BlockSizeUser>(cipher: &C, data: &mut [u8]) {
    cipher.decrypt_blocks(Array::slice_as_chunks_mut(data).0);
}

macro_rules! directed {
    ($(#[$doc:meta])* $name:ident, $method:ident, $of:ident, $a128:ident, $a192:ident, $a256:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        #[allow(missing_docs, clippy::large_enum_variant)] // lives on the stack of one instruction
        pub enum $name {
            Dea(Des),
            Tdea128(TdesEde2),
            Tdea192(TdesEde3),
            Aes128(aes::$a128),
            Aes192(aes::$a192),
            Aes256(aes::$a256),
        }

        impl $name {
            /// The cipher with `bytes` as key.
            pub fn new(kind: Kind, bytes: &[u8]) -> Self {
                match kind {
                    Kind::Dea => Self::Dea(Des::new(&key(bytes))),
                    Kind::Tdea128 => Self::Tdea128(TdesEde2::new(&key(bytes))),
                    Kind::Tdea192 => Self::Tdea192(TdesEde3::new(&key(bytes))),
                    Kind::Aes128 => Self::Aes128(aes::$a128::new(&key(bytes))),
                    Kind::Aes192 => Self::Aes192(aes::$a192::new(&key(bytes))),
                    Kind::Aes256 => Self::Aes256(aes::$a256::new(&key(bytes))),
                }
            }

            /// Replaces every whole block of `data`, each by itself.
            #[inline]
            pub fn blocks(&self, data: &mut [u8]) {
                match self {
                    Self::Dea(c) => $of(c, data),
                    Self::Tdea128(c) => $of(c, data),
                    Self::Tdea192(c) => $of(c, data),
                    Self::Aes128(c) => $of(c, data),
                    Self::Aes192(c) => $of(c, data),
                    Self::Aes256(c) => $of(c, data),
                }
            }

            /// Bytes of a block.
            #[inline]
            pub fn block(&self) -> usize {
                if matches!(self, Self::Dea(_) | Self::Tdea128(_) | Self::Tdea192(_)) { 8 } else { 16 }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

directed!(
    /// A cipher that encrypts.
    Encryptor, encrypt, encrypt_blocks, Aes128Enc, Aes192Enc, Aes256Enc
);
directed!(
    /// A cipher that decrypts.
    Decryptor, decrypt, decrypt_blocks, Aes128Dec, Aes192Dec, Aes256Dec
);

/// CBC inside the cipher: each block waits for the one before, and a call for each would take longer than the block.
struct Chain<'a, N: ArraySize> {
    chaining: &'a mut Array<u8, N>,
    blocks: &'a mut [Array<u8, N>],
}

impl<N: ArraySize> BlockSizeUser for Chain<'_, N> {
    type BlockSize = N;
}

impl<N: ArraySize> BlockCipherEncClosure for Chain<'_, N> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = N>>(self, backend: &B) {
        for block in self.blocks {
            crate::modes::xor(block, self.chaining);
            backend.encrypt_block_inplace(block);
            self.chaining.clone_from(block);
        }
    }
}

/// The same, throwing the blocks away.
struct Mac<'a, N: ArraySize> {
    chaining: &'a mut Array<u8, N>,
    blocks: &'a [Array<u8, N>],
}

impl<N: ArraySize> BlockSizeUser for Mac<'_, N> {
    type BlockSize = N;
}

impl<N: ArraySize> BlockCipherEncClosure for Mac<'_, N> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = N>>(self, backend: &B) {
        for block in self.blocks {
            crate::modes::xor(self.chaining, block);
            backend.encrypt_block_inplace(self.chaining);
        }
    }
}

fn chain<C: BlockCipherEncrypt + BlockSizeUser>(cipher: &C, chaining: &mut [u8], data: &mut [u8]) {
    if let [chaining, ..] = Array::slice_as_chunks_mut(chaining).0 {
        cipher.encrypt_with_backend(Chain { chaining, blocks: Array::slice_as_chunks_mut(data).0 });
    }
}

fn mac<C: BlockCipherEncrypt + BlockSizeUser>(cipher: &C, chaining: &mut [u8], data: &[u8]) {
    if let [chaining, ..] = Array::slice_as_chunks_mut(chaining).0 {
        cipher.encrypt_with_backend(Mac { chaining, blocks: Array::slice_as_chunks(data).0 });
    }
}

impl Encryptor {
    /// CBC over the whole blocks of `data`; `chaining` begins with the chaining value.
    pub fn chain(&self, chaining: &mut [u8], data: &mut [u8]) {
        match self {
            Self::Dea(c) => chain(c, chaining, data),
            Self::Tdea128(c) => chain(c, chaining, data),
            Self::Tdea192(c) => chain(c, chaining, data),
            Self::Aes128(c) => chain(c, chaining, data),
            Self::Aes192(c) => chain(c, chaining, data),
            Self::Aes256(c) => chain(c, chaining, data),
        }
    }

    /// The chaining value after CBC over the whole blocks of `data`.
    pub fn mac(&self, chaining: &mut [u8], data: &[u8]) {
        match self {
            Self::Dea(c) => mac(c, chaining, data),
            Self::Tdea128(c) => mac(c, chaining, data),
            Self::Tdea192(c) => mac(c, chaining, data),
            Self::Aes128(c) => mac(c, chaining, data),
            Self::Aes192(c) => mac(c, chaining, data),
            Self::Aes256(c) => mac(c, chaining, data),
        }
    }
}
