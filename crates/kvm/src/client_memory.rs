//! The client's memory as the calls read and write it: every argument that is an address goes through here, so that a bad
//! one is EFAULT. Truth: what copy_from_user and copy_to_user do for Linux.

use core::mem::MaybeUninit;

use crate::abi::Plain;
use crate::{Errno, Result};

/// Memory of the client, by address.
pub trait ClientMemory: Sync {
    /// Copies from the client.
    ///
    /// # Errors
    /// EFAULT when some of it cannot be read.
    fn read_bytes(&self, address: u64, to: &mut [u8]) -> Result<()>;

    /// Copies to the client.
    ///
    /// # Errors
    /// EFAULT when some of it cannot be written; what comes before that may have been.
    fn write_bytes(&self, address: u64, from: &[u8]) -> Result<()>;
}

impl dyn ClientMemory + '_ {
    /// Reads an object.
    ///
    /// # Errors
    /// EFAULT.
    pub fn read<T: Plain>(&self, address: u64) -> Result<T> {
        let mut value = MaybeUninit::<T>::zeroed();
        // SAFETY: all bytes of `value` are initialised, and it is borrowed for the call.
        let bytes = unsafe { core::slice::from_raw_parts_mut(value.as_mut_ptr().cast::<u8>(), size_of::<T>()) };
        self.read_bytes(address, bytes)?;
        // SAFETY: any bytes are a valid `T`.
        Ok(unsafe { value.assume_init() })
    }

    /// Writes an object.
    ///
    /// # Errors
    /// EFAULT.
    pub fn write<T: Plain>(&self, address: u64, value: &T) -> Result<()> {
        // SAFETY: `Plain` types that are written have no padding, so that all bytes are initialised.
        let bytes = unsafe { core::slice::from_raw_parts(core::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) };
        self.write_bytes(address, bytes)
    }

    /// Reads an object of an array.
    ///
    /// # Errors
    /// EFAULT.
    pub fn read_element<T: Plain>(&self, address: u64, index: u64) -> Result<T> {
        self.read(element::<T>(address, index)?)
    }

    /// Writes an object of an array.
    ///
    /// # Errors
    /// EFAULT.
    pub fn write_element<T: Plain>(&self, address: u64, index: u64, value: &T) -> Result<()> {
        self.write(element::<T>(address, index)?, value)
    }
}

fn element<T>(address: u64, index: u64) -> Result<u64> {
    let offset = index.checked_mul(size_of::<T>() as u64).ok_or(Errno::EFAULT)?;
    address.checked_add(offset).ok_or(Errno::EFAULT)
}
