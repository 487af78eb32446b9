//! Dynamic address translation and protection. Expected values: Principles of Operation, chapter 3, Dynamic Address
//! Translation and Protection; chapter 6, translation-exception identification.

mod machine;

use machine::{DAT, MODE_64, cpu, fails, put};
use softsie_cpu::{Access, AddressSpace, Cpu, Cr0, ProgramCode, Psw, TranslationFault};

const LOGICAL: AddressSpace = AddressSpace::Logical(0);

fn fault(code: ProgramCode, entry: Option<u64>) -> Result<u64, TranslationFault> {
    Err(TranslationFault { code, entry })
}

fn real(cpu: &Cpu, table: u64, address: u64) -> Result<u64, TranslationFault> {
    cpu.translate_by(table, address).map(|t| t.real)
}

fn enable(cpu: &mut Cpu, bits: Cr0) {
    let before = cpu.cr;
    cpu.cr[0] |= bits.bits();
    cpu.control_changed(&before);
}

/// Segment table at 10000, of 512 entries; page table of the first segment at 20000.
fn small_space() -> Cpu {
    let mut cpu = cpu();
    put(&mut cpu, &[(0x10000, 0x20000), (0x10008, 0x20), (0x20000 + 5 * 8, 0x7000), (0x20000 + 6 * 8, 0x400)]);
    cpu.cr[1] = 0x10000;
    cpu.set_psw(Psw::new(MODE_64 | DAT, 0));
    cpu
}

#[test]
fn five_levels() {
    let mut cpu = cpu();
    // Each table has one entry that leads on: indices 1, 2, 3, 4, 5.
    put(
        &mut cpu,
        &[
            (0x10000 + 8, 0x1400F),
            (0x14000 + 2 * 8, 0x1800B),
            (0x18000 + 3 * 8, 0x1C007),
            (0x1C000 + 4 * 8, 0x20000),
            (0x20000 + 5 * 8, 0x7000),
        ],
    );
    let address = 1 << 53 | 2 << 42 | 3 << 31 | 4 << 20 | 0x5678;
    assert_eq!(real(&cpu, 0x1000F, address), Ok(0x7678));
    // By a shorter table the address is of the wrong kind.
    assert_eq!(real(&cpu, 0x1400B, address), fault(ProgramCode::ASCE_TYPE, None));
    assert_eq!(real(&cpu, 0x1400B, address & ((1 << 53) - 1)), Ok(0x7678));
    assert_eq!(real(&cpu, 0x1C003, 4 << 20 | 0x5678), Ok(0x7678));
    assert_eq!(real(&cpu, 0x1C003, 1 << 31), fault(ProgramCode::ASCE_TYPE, None));
    // An entry of another type.
    put(&mut cpu, &[(0x14000 + 2 * 8, 0x1800F)]);
    assert_eq!(real(&cpu, 0x1000F, address), fault(ProgramCode::TRANSLATION_SPECIFICATION, None));
    // Invalid comes before that.
    put(&mut cpu, &[(0x14000 + 2 * 8, 0x1802F)]);
    assert_eq!(real(&cpu, 0x1000F, address), fault(ProgramCode::REGION_SECOND_TRANSLATION, Some(0x14010)));
}

#[test]
fn table_lengths_and_offsets() {
    let mut cpu = cpu();
    put(&mut cpu, &[(0x10000, 0x14047 | 0x40), (0x14000 + 0x600 * 8, 0x20000), (0x20000, 0x7000)]);
    // Region-third table of one quarter only.
    assert_eq!(real(&cpu, 0x10004, 512 << 31), fault(ProgramCode::REGION_THIRD_TRANSLATION, None));
    // Its entry says that the segment table begins with quarter 1 and ends with quarter 3.
    assert_eq!(real(&cpu, 0x10004, 511 << 20), fault(ProgramCode::SEGMENT_TRANSLATION, None));
    assert_eq!(real(&cpu, 0x10004, 0x600 << 20), Ok(0x7000));
    put(&mut cpu, &[(0x10000, 0x14046)]);
    assert_eq!(real(&cpu, 0x10004, 0x600 << 20), fault(ProgramCode::SEGMENT_TRANSLATION, None));
}

#[test]
fn pages() {
    let mut cpu = small_space();
    assert_eq!(real(&cpu, 0x10000, 0x5123), Ok(0x7123));
    assert_eq!(real(&cpu, 0x10000, 0x6123), fault(ProgramCode::PAGE_TRANSLATION, Some(0x20030)));
    assert_eq!(real(&cpu, 0x10000, 0x10_0000), fault(ProgramCode::SEGMENT_TRANSLATION, Some(0x10008)));
    put(&mut cpu, &[(0x20028, 0x7800)]);
    assert_eq!(real(&cpu, 0x10000, 0x5123), fault(ProgramCode::TRANSLATION_SPECIFICATION, None));
    assert_eq!(real(&cpu, 0x4000_0000, 0x5123), fault(ProgramCode::ADDRESSING, None));
    // Real-space designation.
    assert_eq!(real(&cpu, 0x4000_0020, 0xFFFF_FFFF_FFFF_F123), Ok(0xFFFF_FFFF_FFFF_F123));
}

#[test]
fn large_frames_need_enhanced_dat() {
    let mut cpu = small_space();
    put(&mut cpu, &[(0x10010, 0x1230_0400), (0x14000, 0x1_8000_0404)]);
    // Without the control the format bit means nothing and the entry designates a page table outside storage.
    assert_eq!(real(&cpu, 0x10000, 0x20_5678), fault(ProgramCode::ADDRESSING, None));
    enable(&mut cpu, Cr0::ENHANCED_DAT);
    assert_eq!(real(&cpu, 0x10000, 0x20_5678), Ok(0x1230_5678));
    assert_eq!(real(&cpu, 0x14004, 0x7123_4567), Ok(0x1_8000_0000 | 0x7123_4567));
    // The common-segment bit contradicts a private space, for large frames and for page tables.
    put(&mut cpu, &[(0x10010, 0x1230_0410), (0x10018, 0x20010)]);
    assert_eq!(real(&cpu, 0x10000, 0x20_5678), Ok(0x1230_5678));
    assert_eq!(real(&cpu, 0x10100, 0x20_5678), fault(ProgramCode::TRANSLATION_SPECIFICATION, None));
    assert_eq!(real(&cpu, 0x10000, 0x30_5678), Ok(0x7678));
    assert_eq!(real(&cpu, 0x10100, 0x30_5678), fault(ProgramCode::TRANSLATION_SPECIFICATION, None));
}

#[test]
fn large_frames_are_absolute() {
    let mut cpu = small_space();
    // The second segment is the first megabyte in one frame; the first one has pages: 5000 stands for real 0.
    put(&mut cpu, &[(0x10008, 0x0400), (0x20028, 0), (0x200, 1), (0x8200, 2)]);
    enable(&mut cpu, Cr0::ENHANCED_DAT);
    cpu.set_prefix(0x8000);
    let mut word = |address: u64| cpu.load::<u64>(address, 0).unwrap();
    assert_eq!(word(0x5200), 2, "prefixing applies to a page");
    assert_eq!((word(0x10_0200), word(0x10_8200)), (1, 2), "but not to a large frame");
}

#[test]
fn protection_by_table_entries() {
    let mut cpu = small_space();
    put(&mut cpu, &[(0x20028, 0x7200)]);
    assert!(cpu.host(LOGICAL, 0x5123, Access::Fetch).is_ok());
    assert_eq!(fails(&mut cpu, LOGICAL, 0x5123, Access::Store), (4, 0x5404));
    put(&mut cpu, &[(0x20028, 0x7000), (0x10000, 0x20200)]);
    cpu.flush_tlb();
    assert_eq!(fails(&mut cpu, LOGICAL, 0x5123, Access::Store), (4, 0x5404));
    // A region-table entry's bit counts with enhanced DAT only.
    put(&mut cpu, &[(0x10000, 0x20000), (0x14000, 0x10207)]);
    cpu.cr[1] = 0x14004;
    cpu.control_changed(&{ cpu.cr });
    assert!(cpu.host(LOGICAL, 0x5123, Access::Store).is_ok());
    enable(&mut cpu, Cr0::ENHANCED_DAT);
    assert_eq!(fails(&mut cpu, LOGICAL, 0x5123, Access::Store), (4, 0x5404));
}

#[test]
fn instruction_execution_protection() {
    let mut cpu = small_space();
    put(&mut cpu, &[(0x20028, 0x7100)]);
    assert!(cpu.fetch_text(0x5000).is_ok(), "not enabled");
    // Bit 43 of control register 0.
    cpu.cr[0] |= 1 << (63 - 43);
    cpu.control_changed(&[0; 16]);
    assert_eq!(fails(&mut cpu, AddressSpace::Instruction, 0x5000, Access::Instruction), (4, 0x5884));
    assert!(cpu.host(LOGICAL, 0x5000, Access::Store).is_ok());
}

#[test]
fn low_address_protection() {
    let mut cpu = small_space();
    enable(&mut cpu, Cr0::LOW_ADDRESS_PROTECTION);
    put(&mut cpu, &[(0x20000, 0x8000), (0x20008, 0x9000), (0x20010, 0xA000)]);
    for (address, teid) in [(0, 0x480), (0x1FF, 0x480), (0x1000, 0x1480), (0x11FF, 0x1480)] {
        assert_eq!(fails(&mut cpu, LOGICAL, address, Access::Store), (4, teid), "{address:x}");
        assert!(cpu.host(LOGICAL, address, Access::Fetch).is_ok());
    }
    for address in [0x200, 0xFFF, 0x1200, 0x2000] {
        assert!(cpu.host(LOGICAL, address, Access::Store).is_ok(), "{address:x}");
    }
    assert_eq!(fails(&mut cpu, LOGICAL, 0x1FF, Access::Store), (4, 0x480), "also when the page is in the TLB");
    // Not in a private space.
    cpu.cr[1] = 0x10100;
    cpu.control_changed(&{ cpu.cr });
    assert!(cpu.host(LOGICAL, 0, Access::Store).is_ok());
}

#[test]
fn key_controlled_protection_and_its_overrides() {
    let mut cpu = small_space();
    put(&mut cpu, &[(0x20000, 0x8000)]);
    let page = |cpu: &mut Cpu, absolute, key| cpu.set_storage_key(absolute, softsie_mem::StorageKey(key)).map(|_| ());
    let mut psw = cpu.psw;
    psw.set_key(5);
    cpu.set_psw(psw);
    page(&mut cpu, 0x7000, 0x58).unwrap();
    assert!(cpu.host(LOGICAL, 0x5000, Access::Store).is_ok());
    page(&mut cpu, 0x7000, 0x40).unwrap();
    assert!(cpu.host(LOGICAL, 0x5000, Access::Fetch).is_ok());
    assert_eq!(fails(&mut cpu, LOGICAL, 0x5000, Access::Store), (4, 0x5408));
    page(&mut cpu, 0x7000, 0x48).unwrap();
    assert_eq!(fails(&mut cpu, LOGICAL, 0x5000, Access::Fetch), (4, 0x5808), "also right after a change of the key");
    assert!(cpu.host_with_key(LOGICAL, 4, 0x5000, Access::Store).is_ok());
    assert!(cpu.host_with_key(LOGICAL, 0, 0x5000, Access::Store).is_ok());
    page(&mut cpu, 0x7000, 0x98).unwrap();
    assert_eq!(fails(&mut cpu, LOGICAL, 0x5000, Access::Store), (4, 0x5408));
    enable(&mut cpu, Cr0::STORAGE_PROTECTION_OVERRIDE);
    assert!(cpu.host(LOGICAL, 0x5000, Access::Store).is_ok());
    // The first 2 KiB may be fetched, not stored.
    page(&mut cpu, 0x8000, 0x48).unwrap();
    assert_eq!(fails(&mut cpu, LOGICAL, 0x7FF, Access::Fetch), (4, 0x808));
    enable(&mut cpu, Cr0::FETCH_PROTECTION_OVERRIDE);
    assert!(cpu.host(LOGICAL, 0x7FF, Access::Fetch).is_ok());
    assert_eq!(fails(&mut cpu, LOGICAL, 0x800, Access::Fetch), (4, 0x808));
    assert_eq!(fails(&mut cpu, LOGICAL, 0x7FF, Access::Store), (4, 0x408));
}

#[test]
fn reference_and_change_are_recorded_again_after_a_reset() {
    let mut cpu = small_space();
    cpu.host(LOGICAL, 0x5000, Access::Fetch).unwrap();
    assert_eq!(cpu.storage_key(0x7000).unwrap().0, 4);
    cpu.host(LOGICAL, 0x5000, Access::Store).unwrap();
    assert_eq!(cpu.storage_key(0x7000).unwrap().0, 6);
    assert_eq!(cpu.reset_reference(0x7000).unwrap().0, 6);
    cpu.load::<u8>(0x5000, 0).unwrap();
    assert_eq!(cpu.storage_key(0x7000).unwrap().0, 6);
    cpu.set_storage_key(0x7000, softsie_mem::StorageKey(0)).unwrap();
    cpu.store::<u8>(0x5000, 0, 1).unwrap();
    assert_eq!(cpu.storage_key(0x7000).unwrap().0, 6);
}

#[test]
fn exceptions_tell_the_space() {
    let mut cpu = small_space();
    cpu.cr[7] = 0x10000;
    cpu.cr[13] = 0x10000;
    for (space, teid) in [
        (AddressSpace::Primary, 0x6800),
        (AddressSpace::Secondary, 0x6802),
        (AddressSpace::Home, 0x6803),
        (AddressSpace::AccessRegister(3), 0x6801),
    ] {
        assert_eq!(fails(&mut cpu, space, 0x6123, Access::Fetch), (0x11, teid));
    }
    assert_eq!(cpu.program.exception_access_id, 3);
}

#[test]
fn more_spaces_than_are_kept_do_not_disturb_the_current_one() {
    let mut cpu = small_space();
    cpu.store::<u64>(0x5000, 0, 0x1122).unwrap();
    for key in 1..16 {
        for space in [AddressSpace::Primary, AddressSpace::Real] {
            cpu.host_with_key(space, key, 0x5000, Access::Fetch).unwrap();
        }
    }
    assert_eq!(cpu.load::<u64>(0x5000, 0), Ok(0x1122));
    assert_eq!(machine::get(&mut cpu, 0x7000), 0x1122);
}

#[test]
fn frames_of_a_large_page_are_absolute() {
    let mut cpu = cpu();
    enable(&mut cpu, Cr0::ENHANCED_DAT);
    // A segment frame at absolute 0, and a prefix inside it.
    put(&mut cpu, &[(0x10000, 0x400)]);
    cpu.set_prefix(0x4000);
    cpu.cr[1] = 0x10000;
    // Absolute 0x4123 is real 0x123 and the other way round; elsewhere they are the same.
    assert_eq!(real(&cpu, 0x10000, 0x4123), Ok(0x123));
    assert_eq!(real(&cpu, 0x10000, 0x123), Ok(0x4123));
    assert_eq!(real(&cpu, 0x10000, 0x7123), Ok(0x7123));
}
