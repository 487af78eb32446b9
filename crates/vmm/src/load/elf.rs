//! Bare-metal programs as 64-bit ELF files for s390, loaded where their segments say.
//! Truth: the ELF-64 object file format; the s390x ELF supplement (machine 22, big endian).

use super::too_small;
use crate::storage::Storage;
use crate::{Error, Result};

const MACHINE_S390: u16 = 22;
const TYPE_EXECUTABLE: u16 = 2;
const SEGMENT_LOAD: u32 = 1;
const HEADER_SIZE: usize = 64;
const SEGMENT_HEADER_SIZE: usize = 56;

/// A checked program.
#[derive(Debug)]
pub(crate) struct Elf {
    entry: u64,
    segments: Vec<Segment>,
}

/// One piece of storage: its bytes, followed by zeros up to `size`.
#[derive(Debug)]
struct Segment {
    address: u64,
    bytes: Vec<u8>,
    size: u64,
}

/// Reads big-endian fields at fixed places; missing bytes read as `None`.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_be_bytes)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_be_bytes)
    }

    fn u64(&self, at: usize) -> Option<u64> {
        self.bytes(at).map(u64::from_be_bytes)
    }
}

impl Elf {
    /// A program of one segment at its entry.
    pub(crate) fn flat(bytes: Vec<u8>, entry: u64) -> Self {
        let size = bytes.len() as u64;
        Self { entry, segments: vec![Segment { address: entry, bytes, size }] }
    }

    /// Gives the program's memory back; its entry stays known.
    pub(crate) fn release(&mut self) {
        self.segments = Vec::new();
    }

    /// Checks that `bytes` are a whole s390x executable.
    pub(crate) fn parse(name: &str, bytes: Vec<u8>) -> Result<Self> {
        let truncated =
            || Error::input(format!("{name} is a truncated ELF file ({} bytes): fetch or build it again", bytes.len()));
        if bytes.len() < HEADER_SIZE {
            return Err(truncated());
        }
        let refuse = |what: String| {
            Err(Error::input(format!("{name} is {what}: give an ELF program for s390x (64 bit, big endian)")))
        };
        if bytes[4] != 2 {
            return refuse("a 32-bit ELF file".into());
        }
        if bytes[5] != 2 {
            return refuse("an ELF file in little-endian byte order".into());
        }
        let fields = Fields(&bytes);
        let field16 = |at| fields.u16(at).ok_or_else(truncated);
        if field16(18)? != MACHINE_S390 {
            return refuse(format!("an ELF file for another machine (number {})", field16(18)?));
        }
        if field16(16)? != TYPE_EXECUTABLE {
            return refuse(format!("an ELF file of type {} (not an executable at fixed addresses)", field16(16)?));
        }
        if usize::from(field16(54)?) != SEGMENT_HEADER_SIZE {
            return refuse("an ELF file with segment headers of a wrong size".into());
        }
        let entry = fields.u64(24).ok_or_else(truncated)?;
        let table = fields.u64(32).and_then(|offset| usize::try_from(offset).ok()).ok_or_else(truncated)?;
        let mut segments = Vec::new();
        for index in 0..usize::from(field16(56)?) {
            let header = table.checked_add(index * SEGMENT_HEADER_SIZE).ok_or_else(truncated)?;
            if fields.u32(header).ok_or_else(truncated)? == SEGMENT_LOAD {
                segments.push(Segment::parse(&fields, header).ok_or_else(truncated)?);
            }
        }
        let covers = |segment: &Segment| entry.checked_sub(segment.address).is_some_and(|offset| offset < segment.size);
        if !segments.iter().any(covers) {
            return refuse(format!("an ELF file whose entry {entry:#x} lies in none of its segments"));
        }
        Ok(Self { entry, segments })
    }

    /// The address of the first instruction.
    pub(crate) fn entry(&self) -> u64 {
        self.entry
    }

    /// Copies the segments to their addresses and says where the last one ends.
    pub(crate) fn load(&self, name: &str, storage: &Storage) -> Result<u64> {
        let mut last = 0;
        for segment in &self.segments {
            // The end was checked for overflow when the segment was read.
            let end = segment.address + segment.size;
            if !storage.contains(segment.address, segment.size) {
                return Err(too_small(name, end, storage));
            }
            storage.write(segment.address, &segment.bytes).ok_or_else(|| too_small(name, end, storage))?;
            let mut zero = segment.address + segment.bytes.len() as u64;
            while zero < end {
                let piece = (end - zero).min(4096);
                storage.write(zero, &[0; 4096][..piece as usize]).ok_or_else(|| too_small(name, end, storage))?;
                zero += piece;
            }
            last = last.max(end);
        }
        Ok(last)
    }
}

impl Segment {
    fn parse(fields: &Fields<'_>, header: usize) -> Option<Self> {
        let offset = usize::try_from(fields.u64(header + 8)?).ok()?;
        let address = fields.u64(header + 24)?;
        let in_file = usize::try_from(fields.u64(header + 32)?).ok()?;
        let size = fields.u64(header + 40)?;
        // Storage ends far below this; the bound keeps sums of addresses from overflowing.
        address.checked_add(size).filter(|end| *end <= 1 << 60)?;
        let bytes = fields.0.get(offset..offset.checked_add(in_file)?)?.to_vec();
        (bytes.len() as u64 <= size).then_some(Self { address, bytes, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MIB;

    /// An executable with one segment of four bytes at 0x10000 that grows to 16 bytes.
    fn program() -> Vec<u8> {
        let mut bytes = vec![0; HEADER_SIZE + SEGMENT_HEADER_SIZE];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x02");
        bytes[16..20].copy_from_slice(&[0, 2, 0, 22]);
        bytes[24..32].copy_from_slice(&0x10000_u64.to_be_bytes());
        bytes[32..40].copy_from_slice(&64_u64.to_be_bytes());
        bytes[54..58].copy_from_slice(&[0, 56, 0, 1]);
        bytes[64..68].copy_from_slice(&1_u32.to_be_bytes());
        for (at, value) in [(72, 120_u64), (80, 0x10000), (88, 0x10000), (96, 4), (104, 16)] {
            bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
        }
        bytes.extend_from_slice(&[1, 2, 3, 4]);
        bytes
    }

    fn refusal(change: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = program();
        change(&mut bytes);
        let text = Elf::parse("file", bytes).unwrap_err().to_string();
        assert!(text.starts_with("file is ") && !text.contains('\n'), "{text}");
        text
    }

    #[test]
    fn segments_are_loaded_and_filled_with_zeros() {
        let elf = Elf::parse("file", program()).unwrap();
        let storage = Storage::new(MIB).unwrap();
        storage.write(0x10000, &[0xff; 32]);
        assert_eq!(elf.load("file", &storage).unwrap(), 0x10010);
        assert_eq!(storage.read_u64(0x10000), Some(0x0102_0304_0000_0000));
        assert_eq!(storage.read_u64(0x10010), Some(u64::MAX));
        assert_eq!(elf.entry(), 0x10000);
    }

    #[test]
    fn wrong_files_are_refused_each_with_its_reason() {
        assert!(refusal(|bytes| bytes[4] = 1).contains("32-bit"));
        assert!(refusal(|bytes| bytes[5] = 1).contains("byte order"));
        assert!(refusal(|bytes| bytes[19] = 62).contains("another machine (number 62)"));
        assert!(refusal(|bytes| bytes[17] = 1).contains("type 1"));
        assert!(refusal(|bytes| bytes.truncate(30)).contains("truncated"));
        assert!(refusal(|bytes| bytes.truncate(122)).contains("truncated"));
        assert!(refusal(|bytes| bytes[32] = 0xff).contains("truncated"));
        assert!(refusal(|bytes| bytes[24] = 0xff).contains("entry"));
        assert!(refusal(|bytes| bytes[57] = 0).contains("entry"));
    }

    #[test]
    fn a_segment_beyond_storage_names_the_size_needed() {
        let mut bytes = program();
        bytes[88..96].copy_from_slice(&0x40_0000_u64.to_be_bytes());
        bytes[24..32].copy_from_slice(&0x40_0000_u64.to_be_bytes());
        let text =
            Elf::parse("file", bytes).unwrap().load("file", &Storage::new(MIB).unwrap()).unwrap_err().to_string();
        assert!(text.contains("5 MiB"), "{text}");
    }
}
