//! Address translation for reports: where a virtual address of a stopped CPU lies in absolute storage. Used when the PSW
//! itself has DAT off, as that of Linux's last disabled wait; nothing here raises exceptions or sets bits.
//! Truth: the Principles of Operation, chapter 3, Dynamic Address Translation (table formats, EDAT-1 and EDAT-2).

use crate::storage::Storage;

/// Real-space designation: nothing to translate.
const REAL_SPACE: u64 = 0x20;
const INVALID_TABLE_ENTRY: u64 = 0x20;
/// Format control: the entry maps a large frame itself.
const FORMAT_CONTROL: u64 = 0x400;
const INVALID_PAGE: u64 = 0x400;

/// The absolute address of the virtual `address` in the space of `asce`, for a CPU with prefix `prefix`.
pub(crate) fn translate(storage: &Storage, prefix: u64, asce: u64, address: u64) -> Option<u64> {
    let entry = |at: u64| storage.read_u64(absolute(prefix, at));
    if asce & REAL_SPACE != 0 {
        return Some(absolute(prefix, address));
    }
    let mut table = asce & !0xfff;
    // The first table's level: 0 segment, 1 region-third, 2 region-second, 3 region-first.
    let top = asce >> 2 & 3;
    let covered = 31 + 11 * top;
    if covered < 64 && address >> covered != 0 {
        return None;
    }
    for level in (0..=top).rev() {
        let shift = 20 + 11 * level;
        let found = entry(table + (address >> shift & 0x7ff) * 8)?;
        if found & INVALID_TABLE_ENTRY != 0 {
            return None;
        }
        if level <= 1 && found & FORMAT_CONTROL != 0 {
            let frame = (1 << shift) - 1;
            return Some(absolute(prefix, found & !frame | address & frame));
        }
        // A segment-table entry designates a page table, which is aligned to 2 KiB.
        table = found & if level == 0 { !0x7ff } else { !0xfff };
    }
    let page = entry(table + (address >> 12 & 0xff) * 8)?;
    (page & INVALID_PAGE == 0).then(|| absolute(prefix, page & !0xfff | address & 0xfff))
}

/// Prefixing: the first 8 KiB and those at the prefix are exchanged.
fn absolute(prefix: u64, real: u64) -> u64 {
    match real & !0x1fff {
        0 => real | prefix,
        area if area == prefix => real & 0x1fff,
        _ => real,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MIB;

    fn put(storage: &Storage, at: u64, value: u64) {
        storage.write(at, &value.to_be_bytes()).unwrap();
    }

    #[test]
    fn pages_large_frames_and_holes() {
        let storage = Storage::new(2 * MIB).unwrap();
        // A region-third table at 0x10000, whose second entry leads to a segment table at 0x14000.
        put(&storage, 0x10008, 0x14000 | 0x07);
        put(&storage, 0x10010, 0x20);
        // Segments: 0 with a page table at 0x18800, 1 a frame of 1 MiB at 0x100000.
        put(&storage, 0x14000, 0x18800);
        put(&storage, 0x14008, 0x10_0000 | 0x400);
        // Pages: 0 at 0x5000, 1 invalid.
        put(&storage, 0x18800, 0x5000);
        put(&storage, 0x18808, 0x400);
        let at = |address| translate(&storage, 0x40000, 0x10000 | 1 << 2 | 3, address);
        assert_eq!(at(0x8000_0123), Some(0x5123));
        assert_eq!(at(0x8000_1123), None, "invalid page");
        assert_eq!(at(0x8012_3456), Some(0x12_3456), "large frame");
        assert_eq!(at(0x1_0000_0000), None, "invalid region");
        assert_eq!(at(0x4000_0000_0000), None, "beyond a region-third table");
    }

    #[test]
    fn prefixing_applies_to_the_result() {
        assert_eq!(absolute(0x40000, 0x1234), 0x41234);
        assert_eq!(absolute(0x40000, 0x41234), 0x1234);
        assert_eq!(absolute(0x40000, 0x2000), 0x2000);
        let storage = Storage::new(MIB).unwrap();
        assert_eq!(translate(&storage, 0x40000, 0x20, 0x10), Some(0x40010));
    }
}
