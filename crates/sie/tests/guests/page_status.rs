//! Storage keys, usage and frames of guests' pages by the host's page-status tables, which are behind its page tables. Both engines.
//! Truth: the reference of interpretive execution (guest storage, PGSTE); Principles of Operation, chapter 10.

use std::time::Duration;

use softsie_sie::{Ecb2, icpt};

use crate::machine::{End, Machine, ORIGIN, PROGRAM, PSW};
use crate::{each, entry, map};

/// The status of a guest's page.
fn status(address: u64) -> u64 {
    entry(address) + 2048
}

/// The key of a frame of the machine.
fn real_key(m: &Machine, absolute: u64) -> u8 {
    m.sie.cpu.storage.map().page(absolute).unwrap().state.key().0
}

/// Runs the guest from its beginning to DIAGNOSE.
fn again(m: &mut Machine) {
    m.guest().gpsw_addr.set(PROGRAM);
    m.guest().gpsw_mask.set(PSW);
    assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8300), "{:?}", m.guest());
}

/// The guest's page with the program cannot be without storage; this one can.
const PAGE: u64 = 0x5000;

/// SSKE %r1,%r2; ISKE %r4,%r2; RRBE %r0,%r2; IPM %r5; ISKE %r6,%r2; DIAG.
const KEYS: [u8; 24] = [
    0xB2, 0x2B, 0, 0x12, 0xB2, 0x29, 0, 0x42, 0xB2, 0x2A, 0, 2, 0xB2, 0x22, 0, 0x50, 0xB2, 0x29, 0, 0x62, 0x83, 0, 0, 1,
];

#[test]
fn keys_of_pages_in_storage_are_real_and_the_hosts_view_is_kept() {
    each(&KEYS, |m| {
        m.sie.cpu.page_status = true;
        map(m);
        m.put(status(PAGE), 0x0004_0000_0300_0000);
        (m.sie.cpu.gr[1], m.sie.cpu.gr[2]) = (0x36, PAGE);
        m.sie.cpu.storage.map().page(ORIGIN + PAGE).unwrap().state.or_key(2);
        run_with(m);
        assert_eq!(m.sie.cpu.gr[4] & 0xFF, 0x36);
        assert_eq!(m.sie.cpu.gr[5] >> 28 & 3, 3, "referenced and changed");
        assert_eq!(m.sie.cpu.gr[6] & 0xFF, 0x32);
        assert_eq!(real_key(m, ORIGIN + PAGE), 0x32);
        // Changed in the host's view before, referenced when the guest's bit was reset; the usage stays.
        assert_eq!(m.get(status(PAGE)), 0x3060_0000_0300_0000);
    });
}

/// The state description's address is in register 9 of the host, because the guest has another use for register 2.
fn run_with(m: &mut Machine) {
    m.write(crate::machine::SIE_AT, &[0xB2, 0x14, 0x90, 0x00, 0x83, 0x00, 0x00, 0x01]);
    m.sie.cpu.gr[9] = crate::machine::STATE;
    again(m);
}

#[test]
fn keys_of_pages_that_are_away_are_in_the_table() {
    each(&KEYS, |m| {
        m.sie.cpu.page_status = true;
        map(m);
        m.put(entry(PAGE), 0x400);
        m.put(status(PAGE), 0xF840_0000_8100_0000);
        (m.sie.cpu.gr[1], m.sie.cpu.gr[2]) = (0x36, PAGE);
        run_with(m);
        assert_eq!((m.sie.cpu.gr[4] & 0xFF, m.sie.cpu.gr[5] >> 28 & 3, m.sie.cpu.gr[6] & 0xFF), (0x36, 3, 0x32));
        assert_eq!(m.get(status(PAGE)), 0x3042_0000_8100_0000);
    });
}

#[test]
fn without_the_facility_tables_have_no_status() {
    // SSKE %r1,%r2; DIAG.
    each(&[0xB2, 0x2B, 0, 0x12, 0x83, 0, 0, 1], |m| {
        map(m);
        (m.sie.cpu.gr[1], m.sie.cpu.gr[2]) = (0x36, PAGE);
        run_with(m);
        assert_eq!((real_key(m, ORIGIN + PAGE), m.get(status(PAGE))), (0x36, 0));
    });
}

#[test]
fn a_locked_entry_is_waited_for() {
    each(&[0xB2, 0x2B, 0, 0x12, 0x83, 0, 0, 1], |m| {
        m.sie.cpu.page_status = true;
        map(m);
        m.put(status(PAGE), 0x0080_0000_0000_0000);
        (m.sie.cpu.gr[1], m.sie.cpu.gr[2], m.sie.cpu.gr[9]) = (0x30, PAGE, crate::machine::STATE);
        m.write(crate::machine::SIE_AT, &[0xB2, 0x14, 0x90, 0x00, 0x83, 0x00, 0x00, 0x01]);
        let kicker = m.sie.kicker();
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            kicker.kick();
        });
        assert_eq!(m.run(), End::Kicked, "the host is not kept from its work");
        other.join().unwrap();
        assert_eq!((m.guest().gpsw_addr.get(), real_key(m, ORIGIN + PAGE) & 0xF8), (PROGRAM, 0));
        m.put(status(PAGE), 0);
        assert_eq!(m.go_on(), End::After);
        assert_eq!(m.get(status(PAGE)), 0x3000_0000_0000_0000);
    });
}

#[test]
fn frames_are_managed_when_the_control_says_so() {
    // PFMF %r1,%r3; DIAG.
    each(&[0xB9, 0xAF, 0, 0x13, 0x83, 0, 0, 1], |m| {
        m.sie.cpu.page_status = true;
        map(m);
        // Set the key, clear the frame.
        (m.sie.cpu.gr[1], m.sie.cpu.gr[3]) = (0x3_0040, PAGE);
        m.put(ORIGIN + PAGE + 0x800, 7);
        assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0xB9AF));
        m.guest().ecb2.set(Ecb2::PFMFI.bits());
        again(m);
        assert_eq!((m.get(ORIGIN + PAGE + 0x800), real_key(m, ORIGIN + PAGE)), (0, 0x40));
        assert_eq!(m.get(status(PAGE)) >> 56, 0x40);
        // A frame that the host lacks.
        m.put(entry(PAGE), 0x400);
        m.guest().gpsw_addr.set(PROGRAM);
        m.guest().ihcpu.set(0xFFFF);
        assert_eq!(m.run(), End::Program(0x11));
        assert_eq!(m.get(0xA8) & !0xFFF, ORIGIN + PAGE);
    });
}

/// EXTRACT AND SET STORAGE ATTRIBUTES %r4,%r5,`operation`; DIAGNOSE.
fn attributes(operation: u8) -> [u8; 8] {
    [0xB9, 0xAB, operation << 4, 0x45, 0x83, 0, 0, 1]
}

/// The host's release list.
const LIST: u64 = 0xD000;

fn prepare(m: &mut Machine) {
    m.sie.cpu.page_status = true;
    map(m);
    m.guest().ecb2.set(Ecb2::CMMA.bits());
    m.guest().cbrlo.set(LIST);
    m.sie.cpu.gr[5] = PAGE + 0x123;
}

/// The state that an operation tells.
fn state(m: &mut Machine, operation: u8) -> u64 {
    m.write(ORIGIN + PROGRAM, &attributes(operation));
    again(m);
    m.sie.cpu.gr[4]
}

#[test]
fn pages_that_are_away_and_not_needed_go_to_the_release_list() {
    each(&[], |m| {
        prepare(m);
        m.put(entry(PAGE), 0x400);
        assert_eq!(state(m, 0), 2, "stable, preserved");
        assert_eq!((m.get(status(PAGE)), m.guest().cbrlo.get()), (0, LIST));
        assert_eq!(state(m, 2), 2);
        assert_eq!((m.get(status(PAGE)), m.get(LIST), m.guest().cbrlo.get()), (0x8100_0000, PAGE, LIST + 8));
        assert_eq!(state(m, 1), 7, "it was unused, zeros");
        assert_eq!((m.get(status(PAGE)), m.guest().cbrlo.get()), (0x8000_0000, LIST + 8));
        assert_eq!(state(m, 7), 3);
        assert_eq!(state(m, 3), 0x23, "not used by DAT");
        assert_eq!(m.guest().cbrlo.get(), LIST + 16);
        // Potentially volatile, and changed: it is kept.
        m.put(status(PAGE), 0x0002_0000_0000_0000);
        assert_eq!(state(m, 4), 2);
        assert_eq!((m.get(status(PAGE)), m.guest().cbrlo.get()), (0x0002_0000_0000_0000, LIST + 16));
    });
}

#[test]
fn pages_in_storage_only_change_their_state() {
    each(&[], |m| {
        prepare(m);
        for (operation, after) in [(2, 1 << 24), (3, 3 << 24), (4, 2 << 24), (5, 0), (2, 1 << 24), (6, 0)] {
            state(m, operation);
            assert_eq!((m.get(status(PAGE)), m.guest().cbrlo.get()), (after, LIST), "{operation}");
        }
        assert_eq!(state(m, 0), 0);
    });
}

#[test]
fn states_are_the_hosts_when_the_list_is_full_or_there_is_none() {
    each(&attributes(2), |m| {
        prepare(m);
        m.put(entry(PAGE), 0x400);
        m.guest().cbrlo.set(LIST + 0xFF8);
        assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0xB9AB));
        assert_eq!((m.get(status(PAGE)), m.guest().gpsw_addr.get()), (0, PROGRAM + 4), "nothing is done");
        m.guest().cbrlo.set(LIST);
        m.guest().ecb2.set(0);
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0xB9AB));
        // No such operation.
        m.guest().ecb2.set(Ecb2::CMMA.bits());
        m.guest().gpsw_addr.set(PROGRAM);
        m.write(ORIGIN + PROGRAM, &attributes(8));
        assert_eq!((m.interception(), m.guest().iprcc.get()), (icpt::PROGI, 6));
    });
}
