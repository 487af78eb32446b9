//! Storage keys of the guest's pages, as the key instructions see and change them.
//! Source: Principles of Operation, chapter 3, Storage Key; chapter 10: INSERT, SET STORAGE KEY EXTENDED, RESET REFERENCE BIT.

use softsie_mem::{PAGE_SIZE, StorageKey};

use crate::access::Access;
use crate::broadcast::Request;
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
    pub fn inspect_storage_key(&self, absolute: u64) -> Result<StorageKey, Exit> {
        self.storage.use_keys();
        self.storage_key(absolute)
    }

    /// Replaces the storage key of the page at `absolute`; when this returns no CPU uses the old one. Returns the old one.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn set_storage_key(&mut self, absolute: u64, key: StorageKey) -> Result<StorageKey, Exit> {
        self.storage.use_keys();
        let absolute = self.reach(absolute, Access::Fetch).map_err(Exit::Program)?;
        let page = self.slots.page(absolute).ok_or_else(|| Exit::Program(self.addressing(absolute)))?;
        // The key that is replaced decides, not one looked at before: another CPU may just have recorded a change, and go
        // on storing by a translation that need not record it again.
        let before = page.state.set_key(key);
        if before != key {
            self.broadcast(Request::FlushAbsolute(absolute & !(PAGE_SIZE - 1)));
        }
        Ok(before)
    }

    /// Clears the reference bit of the page at `absolute` and returns the key before.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn reset_reference(&mut self, absolute: u64) -> Result<StorageKey, Exit> {
        self.storage.use_keys();
        let absolute = self.reach(absolute, Access::Fetch).map_err(Exit::Program)?;
        let page = self.slots.page(absolute).ok_or_else(|| Exit::Program(self.addressing(absolute)))?;
        let before = page.state.clear_key(StorageKey::REFERENCE);
        if before.0 & StorageKey::REFERENCE != 0 {
            self.broadcast(Request::FlushAbsolute(absolute & !(PAGE_SIZE - 1)));
        }
        Ok(before)
    }
}
