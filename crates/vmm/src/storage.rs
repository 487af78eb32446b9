//! The guest's absolute storage as this client holds it: one anonymous mapping, handed to KVM as a memory slot.
//! Truth: KVM_SET_USER_MEMORY_REGION's rules (memory and size in units of 1 MiB).

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw, UncheckedAdvice};
use softsie_kvm::abi::kvm_userspace_memory_region;

use crate::{Error, Result};

/// Granularity of storage and of its address in the host.
pub(crate) const MIB: u64 = 1 << 20;

/// Absolute storage from address 0 on. Guest CPUs change it at any time, so every access here is by single bytes that
/// are atomic in themselves; callers read structures that the guest must leave alone while we do.
#[derive(Debug)]
pub(crate) struct Storage {
    map: MmapRaw,
    /// Bytes at the start of the mapping that only serve alignment.
    skip: usize,
    size: u64,
}

impl Storage {
    /// Zeroed storage of `size` bytes, a multiple of 1 MiB.
    pub(crate) fn new(size: u64) -> Result<Self> {
        let too_big =
            |source| Error::host(format!("cannot reserve {} of storage for the guest", megabytes(size)), source);
        let length = usize::try_from(size + MIB).map_err(|_| too_big(std::io::ErrorKind::OutOfMemory.into()))?;
        // Storage the guest never touches costs nothing.
        let map = MmapOptions::new().len(length).no_reserve_swap().map_anon().map_err(too_big)?;
        let map = MmapRaw::from(map);
        let misalignment = map.as_ptr().addr() as u64 % MIB;
        let skip = ((MIB - misalignment) % MIB) as usize;
        Ok(Self { map, skip, size })
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The slot that gives this storage to a VM. The mapping must outlive the VM.
    pub(crate) fn slot(&self) -> kvm_userspace_memory_region {
        kvm_userspace_memory_region {
            slot: 0,
            flags: 0,
            guest_phys_addr: 0,
            memory_size: self.size,
            userspace_addr: self.map.as_ptr().addr() as u64 + self.skip as u64,
        }
    }

    /// Whether all of `length` bytes from `address` on exist.
    pub(crate) fn contains(&self, address: u64, length: u64) -> bool {
        address.checked_add(length).is_some_and(|end| end <= self.size)
    }

    fn bytes(&self, address: u64, length: usize) -> Option<&[AtomicU8]> {
        if !self.contains(address, length as u64) {
            return None;
        }
        // SAFETY: the range lies inside the mapping, which lives as long as `self`; AtomicU8 has the layout of u8 and
        // makes concurrent changes by guest CPUs (which act on this memory as on any shared memory) well defined.
        Some(unsafe {
            std::slice::from_raw_parts(
                self.map.as_mut_ptr().add(self.skip + address as usize).cast::<AtomicU8>().cast_const(),
                length,
            )
        })
    }

    /// Copies storage into `buffer`; `None` when some of it does not exist.
    pub(crate) fn read(&self, address: u64, buffer: &mut [u8]) -> Option<()> {
        let bytes = self.bytes(address, buffer.len())?;
        for (to, from) in buffer.iter_mut().zip(bytes) {
            *to = from.load(Ordering::Relaxed);
        }
        Some(())
    }

    /// Copies `data` into storage; `None`, and nothing changed, when some of it does not exist.
    pub(crate) fn write(&self, address: u64, data: &[u8]) -> Option<()> {
        let bytes = self.bytes(address, data.len())?;
        // SAFETY: atomics of eight bytes have the layout of as many atomic bytes, and no invariants.
        let (head, words, tail) = unsafe { bytes.align_to::<AtomicU64>() };
        let (first, rest) = data.split_at(head.len());
        let (middle, last) = rest.split_at(8 * words.len());
        let each = |to: &[AtomicU8], from: &[u8]| {
            to.iter().zip(from).for_each(|(to, from)| to.store(*from, Ordering::Relaxed))
        };
        each(head, first);
        for (to, from) in words.iter().zip(middle.chunks_exact(8)) {
            let mut word = [0; 8];
            word.copy_from_slice(from);
            to.store(u64::from_ne_bytes(word), Ordering::Relaxed);
        }
        each(tail, last);
        Some(())
    }

    /// `length` bytes of storage.
    pub(crate) fn read_vec(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        let mut buffer = vec![0; length];
        self.read(address, &mut buffer)?;
        Some(buffer)
    }

    /// A doubleword of storage.
    pub(crate) fn read_u64(&self, address: u64) -> Option<u64> {
        let mut buffer = [0; 8];
        self.read(address, &mut buffer)?;
        Some(u64::from_be_bytes(buffer))
    }

    /// A word of storage.
    #[cfg(test)]
    pub(crate) fn read_u32(&self, address: u64) -> Option<u32> {
        let mut buffer = [0; 4];
        self.read(address, &mut buffer)?;
        Some(u32::from_be_bytes(buffer))
    }

    /// Makes all storage zero again.
    pub(crate) fn clear(&self) {
        // SAFETY: the mapping is private and anonymous, so that dropped pages read as zeros again; no references into it
        // are held, and guest CPUs are stopped while storage is cleared.
        let dropped = unsafe { self.map.unchecked_advise(UncheckedAdvice::DontNeed) };
        if dropped.is_err() {
            let zeros = [0; 4096];
            for address in (0..self.size).step_by(zeros.len()) {
                let _ = self.write(address, &zeros);
            }
        }
    }
}

/// A size for people.
pub(crate) fn megabytes(size: u64) -> String {
    if size.is_multiple_of(MIB) {
        format!("{} MiB", size / MIB)
    } else {
        format!("{:.1} MiB", size as f64 / MIB as f64)
    }
}

/// Reads a size such as `512M`, `2G` or `1073741824`; a number alone counts bytes.
pub fn parse_size(text: &str) -> std::result::Result<u64, String> {
    let remedy = || format!("'{text}' is no size: give a number of MiB or GiB such as 512M or 2G");
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => MIB,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return Err(remedy()),
    };
    let size = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(remedy)?;
    if size == 0 || !size.is_multiple_of(MIB) {
        return Err(format!("'{text}' is no size of storage: it must be a multiple of 1M"));
    }
    // The highest region-second table entry ends here; Linux and this machine stay far below.
    if size > 4 << 40 {
        return Err(format!("'{text}' is too large: at most 4T"));
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_units() {
        assert_eq!(parse_size("128M"), Ok(128 << 20));
        assert_eq!(parse_size("1g"), Ok(1 << 30));
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        assert_eq!(parse_size("1048576"), Ok(1 << 20));
        assert_eq!(parse_size("2048k"), Ok(2 << 20));
    }

    #[test]
    fn bad_sizes_say_what_a_size_is() {
        for text in ["", "M", "12X", "1.5G", "-1M", "0", "1", "1000000", "99999999999999999999G", "5T", "16777216T"] {
            let message = parse_size(text).unwrap_err();
            assert!(message.contains(&format!("'{text}'")), "{message}");
        }
    }

    #[test]
    fn copies_of_any_length_from_any_address_are_whole() {
        let storage = Storage::new(MIB).unwrap();
        let data: Vec<u8> = (1..=40).collect();
        for start in 0..9 {
            for length in 0..data.len() {
                storage.write(0, &[0; 64]).unwrap();
                storage.write(start, &data[..length]).unwrap();
                let mut expected = vec![0; 64];
                expected[start as usize..][..length].copy_from_slice(&data[..length]);
                assert_eq!(storage.read_vec(0, 64).unwrap(), expected, "{length} bytes at {start}");
            }
        }
    }

    #[test]
    fn accesses_stay_inside() {
        let storage = Storage::new(MIB).unwrap();
        assert_eq!(storage.slot().userspace_addr % MIB, 0);
        assert_eq!(storage.write(MIB - 4, &[1, 2, 3, 4]), Some(()));
        assert_eq!(storage.read_u32(MIB - 4), Some(0x0102_0304));
        assert_eq!(storage.write(MIB - 3, &[1, 2, 3, 4]), None);
        assert_eq!(storage.read_vec(u64::MAX - 1, 4), None);
        storage.clear();
        assert_eq!(storage.read_u64(MIB - 8), Some(0));
    }
}
