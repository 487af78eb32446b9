//! Keys encrypted under a wrapping key of the machine, and the pattern by which a CPU knows that a key is one of its own.
//! Truth: Principles of Operation, chapter 3, Protection of Cryptographic Keys: lengths and meaning; how the key is encrypted and
//! the pattern made is the machine's own affair.

use crate::cipher::{Decryptor, Encryptor, Kind};
use crate::digest::Hasher;

/// Bytes of the verification pattern of the AES wrapping key.
pub const AES_PATTERN: usize = 32;
/// Bytes of the verification pattern of the DEA wrapping key.
pub const DEA_PATTERN: usize = 24;

/// A wrapping key.
#[derive(Clone, Copy, Debug)]
pub struct WrappingKey<'a> {
    kind: Kind,
    key: &'a [u8],
}

impl<'a> WrappingKey<'a> {
    /// The wrapping key for AES keys and those of elliptic curves.
    pub fn aes(key: &'a [u8; 32]) -> Self {
        Self { kind: Kind::Aes256, key }
    }

    /// The wrapping key for DEA and TDEA keys.
    pub fn dea(key: &'a [u8; 24]) -> Self {
        Self { kind: Kind::Tdea192, key }
    }

    /// Its verification pattern: the first 32 or 24 bytes.
    pub fn pattern(&self) -> [u8; AES_PATTERN] {
        Hasher::sha512().chain(b"wrapping-key verification pattern").chain(self.key).finish()
    }

    /// Bytes of the pattern.
    pub fn pattern_length(&self) -> usize {
        if self.kind == Kind::Aes256 { AES_PATTERN } else { DEA_PATTERN }
    }

    /// Encrypts `key`, which has at least a block: whole blocks chained, and the last block's length from its end.
    pub fn wrap(&self, key: &mut [u8]) {
        let cipher = Encryptor::new(self.kind, self.key);
        let size = self.kind.block();
        for at in starts(key.len(), size) {
            cipher.blocks(&mut key[at..at + size]);
            // What comes next depends on this block.
            if let Some((done, rest)) = key.split_at_mut_checked(at + size) {
                crate::modes::xor(rest, &done[at..]);
            }
        }
    }

    /// Decrypts what [`WrappingKey::wrap`] encrypted.
    pub fn unwrap(&self, key: &mut [u8]) {
        let cipher = Decryptor::new(self.kind, self.key);
        let size = self.kind.block();
        for at in starts(key.len(), size).rev() {
            if let Some((done, rest)) = key.split_at_mut_checked(at + size) {
                crate::modes::xor(rest, &done[at..]);
            }
            cipher.blocks(&mut key[at..at + size]);
        }
    }
}

/// Where blocks begin that cover `length` bytes: side by side, but the last one ends at the end.
fn starts(length: usize, size: usize) -> impl DoubleEndedIterator<Item = usize> {
    (0..length.div_ceil(size)).map(move |i| (i * size).min(length.saturating_sub(size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwrapping_undoes_wrapping() {
        let key: [u8; 80] = std::array::from_fn(|i| i as u8);
        let (aes, dea) = ([0x11; 32], *b"abcdefghijklmnopqrstuvwx");
        for (wrapping, lengths) in
            [(WrappingKey::aes(&aes), &[16, 24, 32, 48, 64, 80][..]), (WrappingKey::dea(&dea), &[8, 16, 24])]
        {
            for length in lengths {
                let mut wrapped = key;
                wrapping.wrap(&mut wrapped[..*length]);
                let different = wrapped[..*length].iter().zip(&key).filter(|(a, b)| a != b).count();
                assert!(different > length / 2, "{length}");
                wrapping.unwrap(&mut wrapped[..*length]);
                assert_eq!(wrapped, key, "{length}");
            }
        }
        assert_ne!(WrappingKey::aes(&aes).pattern(), WrappingKey::aes(&[0x12; 32]).pattern());
    }
}
