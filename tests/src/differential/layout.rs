//! Where everything lies in the test guest's storage, and the translation tables that records run under.
//! Source: our own choice; table formats: Principles of Operation, chapter 3, Dynamic Address Translation.

/// Size of the guest's storage.
pub const STORAGE_SIZE: usize = 128 << 20;

/// The driver program.
pub const DRIVER: u64 = 0x2000;
/// Index of the record being executed: progress, and where a restarted driver goes on.
pub const INDEX: u64 = 0x5000;
/// How many records there are.
pub const COUNT: u64 = 0x5008;
/// Becomes one when the driver has executed all records.
pub const DONE: u64 = 0x5010;
/// Becomes one when the driver starts.
pub const STARTED: u64 = 0x5018;

/// Code of record n starts somewhere in slot n, always below 16 MiB. Slots are no fraction of a page, so that some code
/// crosses a page boundary.
pub const CODE: u64 = 0x40_0000;
/// Distance of code slots.
pub const CODE_SLOT: u64 = 768;
/// Storage that records use as operands, below 1 MiB as in case files: a read-only page, two pages that can be stored into, then a page that is absent.
pub const READ_ONLY: u64 = 0x9_0000;
/// The first page that can be stored into; the driver fills both from the record's background.
pub const DATA: u64 = 0x9_1000;
/// Bytes that can be stored into.
pub const DATA_SIZE: usize = 0x2000;
/// The page after the data is not mapped.
pub const ABSENT: u64 = 0x9_3000;

/// Registers that a record starts with.
pub const RECORDS: u64 = 0x100_0000;
/// Distance of records.
pub const RECORD_SIZE: u64 = 0x400;
/// What the data area can be filled with.
pub const BACKGROUNDS: u64 = 0x200_0000;
/// How many backgrounds there are room for.
pub const BACKGROUND_LIMIT: usize = 1024;
/// What the driver stores after each record.
pub const RESULTS: u64 = 0x300_0000;
/// Distance of results.
pub const RESULT_SIZE: u64 = 0x2400;
/// Records of a batch at most: as much code as there is room for.
pub const BATCH_LIMIT: usize = 8192;

/// Offsets in a record.
pub mod record {
    /// General registers.
    pub const GR: usize = 0;
    /// Control registers.
    pub const CR: usize = 0x80;
    /// Access registers.
    pub const AR: usize = 0x100;
    /// PSW.
    pub const PSW: usize = 0x140;
    /// Address of the background.
    pub const BACKGROUND: usize = 0x150;
    /// FPC.
    pub const FPC: usize = 0x158;
    /// Vector registers.
    pub const VR: usize = 0x180;
}

/// Offsets in a result.
pub mod result {
    /// 0 nothing, 1 supervisor call, 2 program interruption, 3 another interruption, 4 [`FOR_THE_HOST`].
    pub const KIND: usize = 0;
    /// Value of [`KIND`] that our side stores for a record with an instruction that the host completes.
    pub const FOR_THE_HOST: u64 = 4;
    /// Breaking-event address.
    pub const BREAKING_EVENT: usize = 8;
    /// Old PSW.
    pub const PSW: usize = 0x10;
    /// Lowcore from 0x80 to 0xC0.
    pub const LOWCORE: usize = 0x20;
    /// FPC.
    pub const FPC: usize = 0x60;
    /// General registers.
    pub const GR: usize = 0x80;
    /// Control registers.
    pub const CR: usize = 0x100;
    /// Access registers.
    pub const AR: usize = 0x180;
    /// Vector registers.
    pub const VR: usize = 0x200;
    /// The data area.
    pub const DATA: usize = 0x400;
}

/// Address spaces that a record chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// All of 64 bits; the first and the last page of the 24-, 31- and 64-bit address spaces are the data area's pages in
    /// reverse order, so that operands may wrap.
    Wrapping,
    /// 2 GiB by a segment table; nothing but the code and the data is mapped.
    Plain,
    /// 4 TiB by a region third table; the second page of the data area is read-only.
    Protected,
}

const REGION_FIRST: u64 = 0x10_0000;
const REGION_SECOND: u64 = 0x10_4000;
const REGION_SECOND_TOP: u64 = 0x10_8000;
const REGION_THIRD: u64 = 0x10_C000;
const REGION_THIRD_TOP: u64 = 0x11_0000;
const SEGMENTS_TOP: u64 = 0x11_4000;
const PROTECTED_THIRD: u64 = 0x11_8000;
const SEGMENTS: [u64; 3] = [0x12_0000, 0x12_4000, 0x12_8000];
/// Page tables, 2 KiB each: per space 16 for the lowest 16 MiB, then one for the end of 2 GiB, one for the end of all.
const PAGES: [u64; 3] = [0x14_0000, 0x15_0000, 0x16_0000];
const TOP_OF_2G: u64 = 16 * 0x800;
const TOP: u64 = 17 * 0x800;

impl Space {
    /// All of them.
    pub const ALL: [Space; 3] = [Space::Wrapping, Space::Plain, Space::Protected];

    /// The address-space-control element.
    pub fn asce(self) -> u64 {
        match self {
            Space::Wrapping => REGION_FIRST | 0xC | 3,
            Space::Plain => SEGMENTS[1] | 3,
            Space::Protected => PROTECTED_THIRD | 4 | 3,
        }
    }
}

const INVALID: u64 = 0x20;
const PAGE_INVALID: u64 = 0x400;
const PAGE_PROTECTED: u64 = 0x200;

/// Builds the translation tables in `storage`.
pub fn build_tables(storage: &mut [u8]) {
    let mut put = |address: u64, value: u64| {
        storage[address as usize..address as usize + 8].copy_from_slice(&value.to_be_bytes());
    };
    for table in [REGION_FIRST, REGION_SECOND, REGION_SECOND_TOP, REGION_THIRD, REGION_THIRD_TOP, SEGMENTS_TOP]
        .into_iter()
        .chain([PROTECTED_THIRD])
        .chain(SEGMENTS)
    {
        for n in 0..2048 {
            put(table + n * 8, INVALID);
        }
    }
    for pages in PAGES {
        for n in 0..18 * 256 {
            put(pages + n * 8, PAGE_INVALID);
        }
    }
    // Table type in bits 60 and 61 of region entries, length 3 below.
    put(REGION_FIRST, REGION_SECOND | 0xC | 3);
    put(REGION_FIRST + 2047 * 8, REGION_SECOND_TOP | 0xC | 3);
    put(REGION_SECOND, REGION_THIRD | 8 | 3);
    put(REGION_SECOND_TOP + 2047 * 8, REGION_THIRD_TOP | 8 | 3);
    put(REGION_THIRD, SEGMENTS[0] | 4 | 3);
    put(REGION_THIRD_TOP + 2047 * 8, SEGMENTS_TOP | 4 | 3);
    put(SEGMENTS_TOP + 2047 * 8, PAGES[0] + TOP);
    put(PROTECTED_THIRD, SEGMENTS[2] | 4 | 3);
    for (space, (segments, pages)) in SEGMENTS.into_iter().zip(PAGES).enumerate() {
        for n in 0..16 {
            put(segments + n * 8, pages + n * 0x800);
        }
        put(segments + 2047 * 8, pages + TOP_OF_2G);
        let entry = |page: u64| pages + page / 4096 * 8;
        for page in (CODE..CODE + BATCH_LIMIT as u64 * CODE_SLOT + 4096).step_by(4096) {
            put(entry(page), page | PAGE_PROTECTED);
        }
        put(entry(READ_ONLY), READ_ONLY | PAGE_PROTECTED);
        if space == 0 {
            // Elsewhere only, so that no operand has two addresses.
            put(entry(0), DATA);
            put(entry(0xFF_F000), DATA + 4096);
            put(pages + TOP_OF_2G + 255 * 8, DATA + 4096);
            put(pages + TOP + 255 * 8, DATA + 4096);
            continue;
        }
        put(entry(DATA), DATA);
        put(entry(DATA + 4096), (DATA + 4096) | if space == 2 { PAGE_PROTECTED } else { 0 });
    }
}
