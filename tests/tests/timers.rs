//! The CPU timer, which never stands still and therefore has no place in case files.
//! Source: Principles of Operation, chapter 4, CPU Timer; chapter 7, EXTRACT CPU TIME.

#![allow(clippy::unwrap_used, clippy::panic)] // a test's helpers may, too

use softsie_tests::Bare;

fn execute(bare: &mut Bare, text: &[u8]) {
    bare.cpu.write_absolute(0x1000, text).unwrap();
    bare.cpu.set_psw(softsie_cpu::Psw::new(0x1_8000_0000, 0x1000));
    bare.step();
    assert_eq!(bare.cpu.psw.address, 0x1000 + text.len() as u64);
}

fn word(bare: &mut Bare, address: u64) -> u64 {
    let mut bytes = [0; 8];
    bare.cpu.read_absolute(address, &mut bytes).unwrap();
    u64::from_be_bytes(bytes)
}

/// A minute of the TOD clock: no step takes that long.
const MINUTE: u64 = 60 * 4_096_000_000;

#[test]
fn what_is_set_is_stored_less_the_time_that_has_passed() {
    let mut bare = Bare::new();
    bare.cpu.gr[2] = 0x2000;
    let value = 0x7FFF_0000_0000_0000u64;
    bare.cpu.write_absolute(0x2000, &value.to_be_bytes()).unwrap();
    // SPT 0(2); STPT 8(2)
    execute(&mut bare, &[0xB2, 0x08, 0x20, 0x00]);
    std::thread::sleep(std::time::Duration::from_millis(1));
    execute(&mut bare, &[0xB2, 0x09, 0x20, 0x08]);
    let passed = value.wrapping_sub(word(&mut bare, 0x2008));
    assert!((4_096_000..MINUTE).contains(&passed), "{passed:#x}");
}

#[test]
fn cpu_time_is_the_first_operand_less_the_timer() {
    let mut bare = Bare::new();
    let value = 0x7FFF_0000_0000_0000u64;
    bare.cpu.set_cpu_timer(value);
    for (address, v) in [(0x2000, value), (0x2008, 0x1234), (0x2010, 0x5678)] {
        bare.cpu.write_absolute(address, &u64::to_be_bytes(v)).unwrap();
    }
    bare.cpu.gr[2] = 0x2000;
    bare.cpu.gr[3] = 0x2010;
    // ECTG 0(2),8(2),3
    execute(&mut bare, &[0xC8, 0x31, 0x20, 0x00, 0x20, 0x08]);
    assert!(bare.cpu.gr[0] < MINUTE, "{:#x}", bare.cpu.gr[0]);
    assert_eq!((bare.cpu.gr[1], bare.cpu.gr[3]), (0x1234, 0x5678));
}
