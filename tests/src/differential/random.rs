//! Random numbers that are the same for the same seed on every machine and with every version.
//! Source: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).

/// A generator.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    /// Numbers that come first, the last one at first: what a fuzzer decides.
    given: Vec<u64>,
}

impl Random {
    /// A generator; each seed has its own sequence.
    pub fn new(seed: u64) -> Random {
        Random { state: seed, given: Vec::new() }
    }

    /// A generator whose first numbers are those of `bytes`.
    pub fn given(bytes: &[u8]) -> Random {
        let number = |part: &[u8]| part.iter().fold(0, |n, b| n << 8 | u64::from(*b));
        Random { state: bytes.len() as u64, given: bytes.chunks(8).map(number).rev().collect() }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        if let Some(number) = self.given.pop() {
            return number;
        }
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit.max(1)
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}
