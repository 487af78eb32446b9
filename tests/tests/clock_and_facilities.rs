//! What STORE CLOCK and STORE FACILITY LIST EXTENDED store: it depends on the time and the model, so that a case file
//! cannot show it. Source: Principles of Operation, chapter 4 (TOD Clock), chapter 7.

#![allow(clippy::unwrap_used, clippy::panic)] // a test's helpers may, too

use softsie_cpu::Psw;
use softsie_tests::{Bare, Step};

/// Executes the instruction with `text` and operand address 0x2000 on a fresh CPU that `prepare` has set up.
fn execute(bare: &mut Bare, text: u32) {
    bare.cpu.write_absolute(0x1000, &text.to_be_bytes()).unwrap();
    bare.cpu.gr[1] = 0x2000;
    bare.cpu.set_psw(Psw::new(0x1_8000_0000, 0x1000));
    assert_eq!(bare.step(), Step::Done);
}

fn stored(bare: &mut Bare, at: u64) -> u64 {
    let mut bytes = [0; 8];
    bare.cpu.read_absolute(at, &mut bytes).unwrap();
    u64::from_be_bytes(bytes)
}

const STCK: u32 = 0xB205_1000;
const STCKE: u32 = 0xB278_1000;
const STCKF: u32 = 0xB27C_1000;
const STFLE: u32 = 0xB2B0_1000;

#[test]
fn clocks_go_forward_and_follow_the_epoch() {
    let mut bare = Bare::new();
    let mut last = 0;
    for _ in 0..1000 {
        bare.cpu.cc = 2;
        execute(&mut bare, STCK);
        let now = stored(&mut bare, 0x2000);
        assert!(now > last, "{now:x} after {last:x}");
        assert_eq!(bare.cpu.cc, 0);
        last = now;
    }
    bare.cpu.cc = 3;
    execute(&mut bare, STCKF);
    // STORE CLOCK may have run ahead by a few units to be unique.
    assert!(stored(&mut bare, 0x2000) > last.wrapping_sub(4096));
    assert_eq!(bare.cpu.cc, 0);
    // The TOD clock began in 1900; in 2020 it showed d74... and it will not reach its end before 2042.
    assert!((0xD740_0000_0000_0000..0xFFFF_0000_0000_0000).contains(&last), "{last:x}");
    bare.cpu.epoch = bare.cpu.epoch.wrapping_sub(1 << 60);
    execute(&mut bare, STCK);
    assert!(last.wrapping_sub(stored(&mut bare, 0x2000)) > (1 << 60) - (60 * 4_096_000_000));
}

#[test]
fn extended_clock_has_an_index_in_front_and_the_programmable_field_behind() {
    let mut bare = Bare::new();
    bare.cpu.todpr = 0xBEEF;
    bare.cpu.cc = 2;
    execute(&mut bare, STCK);
    let before = stored(&mut bare, 0x2000);
    execute(&mut bare, STCKE);
    let (high, low) = (stored(&mut bare, 0x2000), stored(&mut bare, 0x2008));
    assert_eq!(high >> 56, 0, "epoch index");
    assert!(high << 8 | low >> 56 > before);
    assert_eq!(low & 0xFFFF, 0xBEEF);
    assert_ne!(low & 0x00FF_FFFF_FFFF_0000, 0, "the bits after the 64 of the clock are not all zero");
    assert_eq!(bare.cpu.cc, 0);
}

const PTFF: u32 = 0x0104_0707;
const SCKC: u32 = 0xB206_1000;

fn query(bare: &mut Bare, function: u64) {
    bare.cpu.gr[0] = function;
    bare.cpu.cc = 3;
    execute(bare, PTFF);
    assert_eq!(bare.cpu.cc, 0);
}

#[test]
fn offsets_add_up_to_the_clock() {
    let mut bare = Bare::new();
    // Ten years behind the machine, of which two are ahead by the user's wish.
    bare.cpu.set_epoch(0u64.wrapping_sub(1 << 60), 0xFF);
    bare.cpu.user_epoch = 1 << 58;
    bare.cpu.write_absolute(0x2028, &[0x5A; 8]).unwrap();
    for (function, fields) in [(1, 4), (5, 5)] {
        bare.cpu.write_absolute(0x2020, &[0x5A; 8]).unwrap();
        query(&mut bare, function);
        let block: Vec<u64> = (0..6).map(|n| stored(&mut bare, 0x2000 + 8 * n)).collect();
        let (physical, machine, guest, difference) = (block[0], block[1], block[2], block[3]);
        assert_eq!(machine, 0, "the machine's clock is the physical clock");
        assert_eq!((guest, difference), (0xF000_0000_0000_0000, 0xF000_0000_0000_0000));
        assert_eq!(block[4], if fields == 5 { 1 << 58 } else { 0x5A5A_5A5A_5A5A_5A5A });
        assert_eq!(block[5], 0x5A5A_5A5A_5A5A_5A5A, "no more is stored");
        execute(&mut bare, STCK);
        let now = stored(&mut bare, 0x2000);
        assert!(now.wrapping_sub(physical.wrapping_add(guest)) < 60 * 4_096_000_000, "{now:x}");
    }
}

#[test]
fn the_physical_clock_is_not_steered() {
    let mut bare = Bare::new();
    bare.cpu.set_epoch(1 << 60, 0);
    for (at, fill) in [(0x2000, 0x5Au8), (0x2038, 0x5A)] {
        bare.cpu.write_absolute(at, &[fill; 8]).unwrap();
    }
    query(&mut bare, 3);
    let first = stored(&mut bare, 0x2000);
    assert_eq!(stored(&mut bare, 0x2008), 0);
    query(&mut bare, 2);
    assert!(stored(&mut bare, 0x2000) >= first, "the same clock, later");
    for n in 1..7 {
        assert_eq!(stored(&mut bare, 0x2000 + 8 * n), 0, "two episodes of 24 bytes");
    }
    assert_eq!(stored(&mut bare, 0x2038), 0x5A5A_5A5A_5A5A_5A5A);
}

#[test]
fn the_epoch_index_counts_past_the_end_of_the_epoch() {
    let mut bare = Bare::new();
    assert!(bare.cpu.model.facilities.has(139));
    // Beginning one second before the end of the first epoch.
    let to_end = (1u128 << 64) - softsie_cpu::TodClock::extended() - 4_096_000_000;
    bare.cpu.set_epoch(to_end as u64, (to_end >> 64) as u8);
    execute(&mut bare, STCKE);
    assert_eq!(stored(&mut bare, 0x2000) >> 48, 0x00FF);
    // Two seconds later.
    let past = to_end + 2 * 4_096_000_000;
    bare.cpu.set_epoch(past as u64, (past >> 64) as u8);
    execute(&mut bare, STCKE);
    assert_eq!(stored(&mut bare, 0x2000) >> 48, 0x0100);
    execute(&mut bare, STCK);
    assert_eq!(stored(&mut bare, 0x2000) >> 56, 0, "STORE CLOCK stores no index");
    // Without the facility the index is not kept.
    let mut model = (*bare.cpu.model).clone();
    model.facilities.set(139, false);
    bare.cpu.model = std::sync::Arc::new(model);
    execute(&mut bare, STCKE);
    assert_eq!(stored(&mut bare, 0x2000) >> 48, 0);
}

#[test]
fn there_is_no_external_time_reference() {
    // SET, STORE and STEAI of the ETR facility, which no machine with this facility list has.
    for text in [0xB216_1000u32, 0xB217_1000, 0xB2B3_1000] {
        let mut bare = Bare::new();
        bare.cpu.write_absolute(0x1000, &text.to_be_bytes()).unwrap();
        bare.cpu.set_psw(Psw::new(0x1_8000_0000, 0x1000));
        assert_eq!(bare.step(), Step::Program(softsie_cpu::ProgramCode::OPERATION), "{text:x}");
    }
}

#[test]
fn the_comparator_is_compared_as_its_sign_control_says() {
    let mut bare = Bare::new();
    let comparator = |bare: &mut Bare, value: u64, signed: bool| {
        bare.cpu.cr[0] = if signed { 1 << 53 } else { 0 };
        bare.cpu.write_absolute(0x2000, &value.to_be_bytes()).unwrap();
        execute(bare, SCKC);
        bare.cpu.clock_comparator_pending()
    };
    // The clock's first bit has been one since 1971: signed it is negative, and every positive value is ahead of it.
    assert!(comparator(&mut bare, 0x7FFF_FFFF_FFFF_FFFF, false));
    assert!(!comparator(&mut bare, 0x7FFF_FFFF_FFFF_FFFF, true));
    assert!(!comparator(&mut bare, 0xFFFF_FFFF_FFFF_FFFF, false));
    assert!(!comparator(&mut bare, 0xFFFF_FFFF_FFFF_FFFF, true));
    assert!(comparator(&mut bare, 0x8000_0000_0000_0000, true));
}

#[test]
fn facility_list_is_cut_to_the_room_there_is() {
    let mut bare = Bare::new();
    let list: Vec<u64> =
        bare.cpu.model.facilities.0.chunks(8).map(|c| u64::from_be_bytes(c.try_into().unwrap())).collect();
    let needed = 1 + list.iter().rposition(|d| *d != 0).unwrap();
    assert!(needed > 1);
    bare.cpu.gr[0] = 0xAAAA_AAAA_AAAA_AA00;
    bare.cpu.write_absolute(0x2008, &[0x5A; 8]).unwrap();
    execute(&mut bare, STFLE);
    assert_eq!(bare.cpu.cc, 3);
    assert_eq!(bare.cpu.gr[0], 0xAAAA_AAAA_AAAA_AA00 | (needed as u64 - 1));
    assert_eq!(stored(&mut bare, 0x2000), list[0]);
    assert_eq!(stored(&mut bare, 0x2008), 0x5A5A_5A5A_5A5A_5A5A, "no more than there is room for");
    bare.cpu.gr[0] = 0xFF;
    execute(&mut bare, STFLE);
    assert_eq!((bare.cpu.cc, bare.cpu.gr[0]), (0, needed as u64 - 1));
    for (i, d) in list[..needed].iter().enumerate() {
        assert_eq!(stored(&mut bare, 0x2000 + 8 * i as u64), *d);
    }
}
