//! A batch: records that one start of the guest executes, and its storage image.
//! Source: the layout in `layout.rs`.

use super::driver::assemble_driver;
use super::layout;
use super::record::Record;

/// Records and the backgrounds that they name.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The records, [`layout::BATCH_LIMIT`] at most.
    pub records: Vec<Record>,
    /// The backgrounds, each of [`layout::DATA_SIZE`] bytes.
    pub backgrounds: Vec<Vec<u8>>,
    /// Contents of the read-only page.
    pub read_only: Vec<u8>,
}

impl Batch {
    /// Makes `storage` the guest's storage before the driver starts. What an earlier batch left in code slots and results
    /// stays, but results count as not there.
    ///
    /// # Errors
    /// A mistake in the driver.
    pub fn write(&self, storage: &mut [u8]) -> Result<(), String> {
        let driver = assemble_driver().map_err(|e| e.to_string())?;
        let mut put = |at: u64, bytes: &[u8]| storage[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        put(0, &[0; 0x2000]);
        put(layout::DRIVER, &driver.bytes);
        put(layout::INDEX, &0u64.to_be_bytes());
        put(layout::COUNT, &(self.records.len() as u64).to_be_bytes());
        put(layout::DONE, &0u64.to_be_bytes());
        put(layout::READ_ONLY, &self.read_only);
        for (n, background) in self.backgrounds.iter().enumerate() {
            put(layout::BACKGROUNDS + (n * layout::DATA_SIZE) as u64, background);
        }
        for index in 0..self.records.len() as u64 {
            put(layout::RESULTS + index * layout::RESULT_SIZE, &[0; 8]);
        }
        layout::build_tables(storage);
        storage[layout::CODE as usize..][..layout::BATCH_LIMIT * layout::CODE_SLOT as usize + 4096].fill(0);
        for (index, record) in self.records.iter().enumerate() {
            record.write(storage, index);
        }
        Ok(())
    }
}
