//! Tensors of four dimensions in storage: sticks of 64 numbers, 32 of them a page, whose order is the layout.
//! Truth: zDNN, `stickify.c`. In the feature layout pages are ordered by dimension 4, blocks of 64 of dimension 1, dimension 3
//! and blocks of 32 of dimension 2; in the kernel layout by blocks of dimension 1 first, then dimensions 4, 3 and 2.

use crate::data_type::value;

const STICK: u64 = 128;
const PAGE: u64 = 4096;
/// Numbers in a stick.
pub(crate) const CELLS: u32 = 64;
const STICKS: u32 = 32;

/// Storage as the functions see it.
pub trait Memory {
    /// What goes wrong with an access.
    type Fault;
    /// Fetches bytes.
    ///
    /// # Errors
    /// An address is not available.
    fn fetch(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), Self::Fault>;
}

/// Indexes of dimensions 4, 3 and 2: a row of numbers along dimension 1.
pub(crate) type Place = [u32; 3];

/// A tensor's shape and place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tensor {
    pub kernel: bool,
    /// Index sizes of dimensions 4, 3, 2 and 1.
    pub size: [u32; 4],
    pub address: u64,
}

impl Tensor {
    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.size[3] as usize
    }

    pub fn bytes(&self) -> u64 {
        let [d4, d3, d2, d1] = self.size;
        u64::from(d4) * u64::from(d3) * u64::from(d2.div_ceil(STICKS)) * u64::from(d1.div_ceil(CELLS)) * PAGE
    }

    /// The address of the stick with the numbers from `64 * block` on.
    pub fn stick(&self, [e4, e3, e2]: Place, block: u32) -> u64 {
        let [d4, d3, d2, d1] = self.size.map(u64::from);
        let [e4, e3, block] = [e4, e3, block].map(u64::from);
        let pages_of_3 = d2.div_ceil(STICKS.into());
        let row =
            if self.kernel { (block * d4 + e4) * d3 + e3 } else { (e4 * d1.div_ceil(CELLS.into()) + block) * d3 + e3 };
        let page = row * pages_of_3 + u64::from(e2 / STICKS);
        self.address.wrapping_add(page * PAGE + u64::from(e2 % STICKS) * STICK)
    }

    /// Fetches a row and appends its values.
    pub fn row<M: Memory>(&self, memory: &mut M, place: Place, row: &mut Vec<f32>) -> Result<(), M::Fault> {
        let mut bytes = [0; STICK as usize];
        for block in 0..self.size[3].div_ceil(CELLS) {
            let count = CELLS.min(self.size[3] - block * CELLS) as usize;
            let bytes = &mut bytes[..2 * count];
            memory.fetch(self.stick(place, block), bytes)?;
            row.extend(bytes.as_chunks().0.iter().map(|n| value(u16::from_be_bytes(*n))));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sticks_lie_where_zdnn_puts_them() {
        // Two pages for 33 of dimension 2, times three of dimension 3, times two blocks of dimension 1.
        let feature = Tensor { kernel: false, size: [2, 3, 33, 65], address: 0x1000 };
        assert_eq!(feature.bytes(), 2 * 3 * 2 * 2 * 4096);
        assert_eq!(feature.stick([0, 0, 1], 0), 0x1000 + 128);
        assert_eq!(feature.stick([0, 0, 32], 0), 0x2000);
        assert_eq!(feature.stick([0, 1, 0], 0), 0x3000);
        assert_eq!(feature.stick([0, 0, 0], 1), 0x7000);
        assert_eq!(feature.stick([1, 2, 32], 1), 0x1000 + 4096 * (12 + 6 + 4 + 1));
        let kernel = Tensor { kernel: true, ..feature };
        assert_eq!(kernel.bytes(), feature.bytes());
        assert_eq!(kernel.stick([1, 0, 0], 0), 0x1000 + 4096 * 6);
        assert_eq!(kernel.stick([0, 0, 0], 1), 0x1000 + 4096 * 12);
        assert_eq!(kernel.stick([1, 2, 32], 1), 0x1000 + 4096 * (12 + 6 + 4 + 1));
    }
}
