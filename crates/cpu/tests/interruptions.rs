//! What a program interruption stores for each code. Expected values: Principles of Operation, chapter 6, Program
//! Interruption; chapter 3, Assigned Storage Locations.

#![allow(clippy::unwrap_used)] // a test's helpers may, too

mod machine;

use machine::{MODE_64, cpu, get, put};
use softsie_cpu::{ProgramCode, ProgramData, Psw};

const MARK: u64 = 0xEEEE_EEEE_EEEE_EEEE;

/// Lowcore doublewords at 88, 90, 98, A0, A8, B0 and 110 after the interruption.
fn lowcore_after(code: u16) -> [u64; 7] {
    let mut cpu = cpu();
    let places = [0x88, 0x90, 0x98, 0xA0, 0xA8, 0xB0, 0x110];
    for at in places {
        put(&mut cpu, &[(at, MARK)]);
    }
    put(&mut cpu, &[(0x1D0, MODE_64), (0x1D8, 0x4000)]);
    cpu.set_psw(Psw::new(MODE_64, 0x1234));
    cpu.cc = 2;
    cpu.breaking_event_address = 0x1000;
    cpu.program = ProgramData {
        instruction_fetch: false,
        teid: 0x5404,
        exception_access_id: 3,
        operand_access_id: 0x12,
        dxc: 0xFE,
        monitor_class: 7,
        monitor_code: 0x77,
        per_code: 0x4020,
        per_address: 0x1230,
        per_access_id: 5,
    };
    cpu.program_interruption(ProgramCode(code), 4).unwrap();
    assert_eq!((get(&mut cpu, 0x150), get(&mut cpu, 0x158)), (MODE_64 | 0x2000_0000_0000, 0x1234), "old PSW");
    assert_eq!((cpu.psw, cpu.cc), (Psw::new(MODE_64, 0x4000), 0), "new PSW");
    assert_eq!(cpu.program, ProgramData::default());
    places.map(|at| get(&mut cpu, at))
}

#[test]
fn parameters_by_code() {
    let plain = [0xEEEE_EEEE_0004_0000, MARK, MARK, MARK, MARK, MARK, 0x1000];
    let expect = |code: u16, changes: &[(usize, u64)]| {
        let mut want = plain;
        want[0] |= u64::from(code);
        for (n, v) in changes {
            want[*n] = *v;
        }
        assert_eq!(lowcore_after(code), want, "code {code:x}");
    };
    for code in [1, 2, 3, 5, 6, 8, 9, 0x12, 0x13, 0x15] {
        expect(code, &[]);
    }
    for code in [4, 0x10, 0x11, 0x38, 0x39, 0x3A, 0x3B] {
        expect(code, &[(3, 0x03EE_12EE_EEEE_EEEE), (4, 0x5404)]);
    }
    for code in [0x1C, 0x20, 0x21] {
        expect(code, &[(4, 0x5404)]);
    }
    for code in 0x28..=0x2D {
        expect(code, &[(3, 0x03EE_EEEE_EEEE_EEEE)]);
    }
    for code in [7, 0x1B] {
        expect(code, &[(1, 0x0000_00FE_EEEE_EEEE)]);
    }
    expect(0x40, &[(1, 0xEEEE_EEEE_0007_EEEE), (5, 0x77)]);
    expect(0x80, &[(1, 0xEEEE_EEEE_EEEE_4020), (2, 0x1230), (3, 0xEE05_EEEE_EEEE_EEEE)]);
    expect(0x84, &[(1, 0xEEEE_EEEE_EEEE_4020), (2, 0x1230), (3, 0x0305_12EE_EEEE_EEEE), (4, 0x5404)]);
}

#[test]
fn prefixing_moves_lowcore() {
    let mut cpu = cpu();
    put(&mut cpu, &[(0x61D0, MODE_64), (0x61D8, 0x4000)]);
    cpu.set_prefix(0x6000);
    cpu.program_interruption(ProgramCode::OPERATION, 2).unwrap();
    assert_eq!(cpu.psw.address, 0x4000);
    assert_eq!(get(&mut cpu, 0x6088) as u32, 0x2_0001);
    assert_eq!(get(&mut cpu, 0x88), 0);
    assert_eq!(cpu.prefixed(0x1FFF), 0x7FFF);
    assert_eq!(cpu.prefixed(0x6000), 0);
    assert_eq!(cpu.prefixed(0x8000), 0x8000);
    assert_eq!(cpu.prefixed(0x2000), 0x2000);
}
