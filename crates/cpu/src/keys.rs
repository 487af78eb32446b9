//! Storage keys of the guest's pages, as the key instructions see and change them.
//! Source: Principles of Operation, chapter 3, Storage Key; chapter 10: INSERT, SET STORAGE KEY EXTENDED, RESET REFERENCE BIT.

use softsie_mem::StorageKey;

use crate::access::Access;
use crate::exit::Exit;
use crate::state::Cpu;

impl Cpu {
    /// The storage key of the page at `absolute`.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn storage_key(&self, absolute: u64) -> Result<StorageKey, Exit> {
        let absolute = self.reach(absolute, Access::Fetch).map_err(Exit::Program)?;
        self.slots.page(absolute).map(|p| p.state.key()).ok_or_else(|| Exit::Program(self.addressing(absolute)))
    }

    /// The storage key of the page at `absolute`, for the guest to see.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn inspect_storage_key(&mut self, absolute: u64) -> Result<StorageKey, Exit> {
        self.storage.use_keys();
        if let Some(key) = self.status_key(absolute)? {
            return Ok(key);
        }
        self.storage_key(absolute)
    }

    /// Replaces the storage key of the page at `absolute`; when this returns no CPU uses the old one. Returns the old one.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn set_storage_key(&mut self, absolute: u64, key: StorageKey) -> Result<StorageKey, Exit> {
        self.storage.use_keys();
        if let Some(old) = self.set_status_key(absolute, key)? {
            return Ok(old);
        }
        let absolute = self.reach(absolute, Access::Fetch).map_err(Exit::Program)?;
        self.set_real_key(absolute, key).ok_or_else(|| Exit::Program(self.addressing(absolute)))
    }

    /// Clears the reference bit of the page at `absolute` and returns the key before.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn reset_reference(&mut self, absolute: u64) -> Result<StorageKey, Exit> {
        self.storage.use_keys();
        if let Some(old) = self.reset_status_reference(absolute)? {
            return Ok(old);
        }
        let absolute = self.reach(absolute, Access::Fetch).map_err(Exit::Program)?;
        self.reset_real_reference(absolute).ok_or_else(|| Exit::Program(self.addressing(absolute)))
    }
}
