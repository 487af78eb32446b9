//! Strings of bits as DEFLATE has them: the first bit is the rightmost of the first byte.
//! Truth: RFC 1951, 3.1.1.

/// A string of bits to be read. What is beyond its end reads as zeros: [`Reader::ended`] tells after an item was read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    /// Index of the next bit.
    pub(crate) at: usize,
    /// Index of the bit after the last.
    end: usize,
}

impl<'a> Reader<'a> {
    /// The bits `at` up to `end` of `bytes`.
    pub(crate) fn new(bytes: &'a [u8], at: usize, end: usize) -> Self {
        Self { bytes, at, end: end.min(bytes.len() * 8) }
    }

    /// The next 57 bits or more.
    #[inline(always)]
    pub(crate) fn peek(&self) -> u64 {
        let byte = self.at / 8;
        let word = match self.bytes.get(byte..byte + 8).and_then(|b| b.try_into().ok()) {
            Some(bytes) => u64::from_le_bytes(bytes),
            None => self.last(byte),
        };
        word >> (self.at % 8)
    }

    /// Near the end.
    #[cold]
    fn last(&self, byte: usize) -> u64 {
        let rest = self.bytes.get(byte..).unwrap_or_default();
        rest.iter().rev().fold(0, |word, b| word << 8 | u64::from(*b))
    }

    #[inline(always)]
    pub(crate) fn skip(&mut self, n: usize) {
        self.at += n;
    }

    /// A number of up to 32 bits.
    pub(crate) fn take(&mut self, n: u32) -> u32 {
        let value = self.peek() & ((1u64 << n) - 1);
        self.at += n as usize;
        value as u32
    }

    /// Whether more was read than there is.
    #[inline(always)]
    pub(crate) fn ended(&self) -> bool {
        self.at > self.end
    }

    /// Bits that are left.
    pub(crate) fn left(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    /// The bytes from the next byte boundary on.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        let last = self.end / 8;
        self.bytes.get(self.at.div_ceil(8)..last).unwrap_or_default()
    }
}

/// A string of bits that is written.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Bits {
    /// Whole bytes.
    bytes: Vec<u8>,
    /// What has no whole byte yet.
    rest: u64,
    /// Bits of it: fewer than 8 between two numbers.
    count: u32,
}

impl Bits {
    /// The first `count` bits of `bytes`.
    pub fn of(bytes: &[u8], count: usize) -> Bits {
        let mut bits = Bits::default();
        bits.extend(bytes, 0, count);
        bits
    }

    /// Appends a number of up to 56 bits; its others must be zero.
    #[inline(always)]
    pub fn push(&mut self, value: u64, n: u32) {
        self.rest |= value << self.count;
        self.count += n;
        let whole = (self.count / 8) as usize;
        if whole != 0 {
            self.bytes.extend_from_slice(&self.rest.to_le_bytes()[..whole]);
            self.rest = if whole == 8 { 0 } else { self.rest >> (whole * 8) };
            self.count %= 8;
        }
    }

    /// Appends the bits `from` up to `to` of `bytes`.
    pub fn extend(&mut self, bytes: &[u8], from: usize, to: usize) {
        let mut reader = Reader::new(bytes, from, to);
        while reader.left() != 0 {
            let n = reader.left().min(32) as u32;
            self.push(u64::from(reader.take(n)), n);
        }
    }

    /// How many bits there are.
    pub fn len(&self) -> usize {
        self.bytes.len() * 8 + self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whole bytes.
    #[inline(always)]
    pub(crate) fn whole_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The bits in bytes, the last filled with zeros.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if self.count != 0 {
            bytes.push(self.rest as u8);
        }
        bytes
    }

    /// Takes the first `n` bytes away, or all if there are fewer; their bits, the last byte filled with zeros.
    pub fn split(&mut self, n: usize) -> Vec<u8> {
        if n > self.bytes.len() {
            let all = self.to_bytes();
            *self = Bits::default();
            return all;
        }
        let tail = self.bytes.split_off(n);
        std::mem::replace(&mut self.bytes, tail)
    }
}

impl Reader<'_> {
    /// Appends the bits from `from` up to the next one to `bits`.
    pub(crate) fn copy(&self, from: usize, bits: &mut Bits) {
        bits.extend(self.bytes, from, self.at);
    }
}
