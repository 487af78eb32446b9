//! Check values of the uncompressed data, which go on from call to call.
//! Truth: RFC 1950 (Adler-32), RFC 1952 (CRC-32).

/// A check value that is computed.
#[derive(Clone, Debug)]
pub enum Check {
    /// CRC-32.
    Crc32(crc32fast::Hasher),
    /// Adler-32.
    Adler32(u32),
}

const MODULUS: u32 = 65521;
/// Bytes after which the sums have to be reduced, so that they do not overflow.
const REDUCED_AFTER: usize = 5552;

impl Check {
    /// The one that goes on from `value`, as it stands in storage: Adler-32 from left to right, CRC-32 from right to left, as in
    /// the formats where they are found.
    pub fn resume(adler: bool, value: [u8; 4]) -> Check {
        if adler {
            Check::Adler32(u32::from_be_bytes(value))
        } else {
            Check::Crc32(crc32fast::Hasher::new_with_initial(u32::from_le_bytes(value)))
        }
    }

    /// The value before the first byte.
    pub fn start(adler: bool) -> Check {
        if adler { Check::Adler32(1) } else { Check::Crc32(crc32fast::Hasher::new()) }
    }

    /// Takes bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Check::Crc32(hasher) => hasher.update(bytes),
            Check::Adler32(value) => {
                let (mut a, mut b) = (*value & 0xFFFF, *value >> 16);
                (a, b) = (a % MODULUS, b % MODULUS);
                for part in bytes.chunks(REDUCED_AFTER) {
                    for byte in part {
                        a += u32::from(*byte);
                        b += a;
                    }
                    (a, b) = (a % MODULUS, b % MODULUS);
                }
                *value = b << 16 | a;
            }
        }
    }

    /// The value as it stands in storage.
    pub fn value(&self) -> [u8; 4] {
        match self {
            Check::Crc32(hasher) => hasher.clone().finalize().to_le_bytes(),
            Check::Adler32(value) => value.to_be_bytes(),
        }
    }
}
