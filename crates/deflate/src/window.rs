//! The uncompressed data that matches reach back into, and place for what comes next.
//! Truth: RFC 1951, 2: distances of up to 32,768 bytes.

/// How far back a match can reach.
pub const HISTORY: usize = 32768;

/// Bytes that are moved to the front only when the end has been reached.
const CAPACITY: usize = 4 * HISTORY;

/// History followed by place for new bytes.
pub(crate) struct Window {
    bytes: Vec<u8>,
    /// Where the history begins.
    start: usize,
    /// Where it ends.
    end: usize,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; CAPACITY], start: 0, end: 0 }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Place for `n` bytes, 32,768 at the most, after the history; and by how much the history has moved towards the front.
    pub(crate) fn room(&mut self, n: usize) -> (&mut [u8], usize) {
        let n = n.min(HISTORY);
        let mut moved = 0;
        if self.end + n > self.bytes.len() {
            moved = self.end - self.length();
            self.bytes.copy_within(moved..self.end, 0);
            (self.start, self.end) = (0, self.end - moved);
        }
        (&mut self.bytes[self.end..self.end + n], moved)
    }

    /// Makes the next `n` bytes history.
    pub(crate) fn advance(&mut self, n: usize) {
        self.end = (self.end + n).min(self.bytes.len());
        self.start = self.end - self.length();
    }

    /// Bytes of history.
    pub(crate) fn length(&self) -> usize {
        (self.end - self.start).min(HISTORY)
    }

    /// The last `n` bytes of it.
    pub(crate) fn last(&self, n: usize) -> &[u8] {
        &self.bytes[self.end - n.min(self.length())..self.end]
    }

    /// All bytes, and where history begins and ends in them.
    pub(crate) fn parts(&mut self) -> (&mut [u8], usize, usize) {
        (&mut self.bytes, self.start, self.end)
    }
}
