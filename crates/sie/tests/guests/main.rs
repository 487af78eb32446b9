//! Guests of a guest: entry, every way to leave, storage and its exceptions, controls. Both engines run each of them.
//! Truth: the reference of interpretive execution; Principles of Operation.

#![allow(clippy::unwrap_used, clippy::panic)] // a test says so by panicking

mod controls;
mod guarded_storage;
mod hostile;
mod machine;
mod page_status;
mod signal;

use std::time::Duration;

use machine::{EXTERNAL, End, IO, Machine, ORIGIN, PROGRAM, PSW, SIE_AT, STATE, engines};
use softsie_sie::{
    BeU32, CpuFlags, Ecb, Ecd, ExecutionControls, InterceptionControls, StateDescription, icpt, icptstatus, lctl,
};

/// DIAGNOSE with code 0x44 and registers 1 and 2.
const DIAG: [u8; 4] = [0x83, 0x12, 0x00, 0x44];
/// A branch to itself.
const LOOP: [u8; 4] = [0xA7, 0xF4, 0x00, 0x00];

/// Runs `test` once for each engine, with a guest that executes `program`.
fn each(program: &[u8], test: impl Fn(&mut Machine)) {
    for engine in engines() {
        test(&mut Machine::new(engine, program));
    }
}

#[test]
fn an_instruction_is_intercepted_with_its_text_and_registers_are_shared() {
    // LGHI %r1,7; LGHI %r14,9; AGR %r1,%r15; DIAG.
    let mut program = vec![0xA7, 0x19, 0, 7, 0xA7, 0xE9, 0, 9, 0xB9, 0x08, 0, 0x1F];
    program.extend(DIAG);
    each(&program, |m| {
        m.guest().gg15.set(0x100);
        (m.sie.cpu.gr[14], m.sie.cpu.gr[15], m.sie.cpu.gr[3]) = (0xE, 0xF, 3);
        m.sie.cpu.ar[5] = 55;
        assert_eq!(m.interception(), icpt::INST);
        let sd = m.guest();
        assert_eq!((sd.ipa.get(), sd.ipb.get(), sd.icptstatus.get()), (0x8312, 0x0044_0000, 0));
        assert_eq!(sd.gpsw_addr.get(), PROGRAM + 16, "after the instruction");
        assert_eq!((sd.gg14.get(), sd.gg15.get()), (9, 0x100));
        let gr = m.sie.cpu.gr;
        assert_eq!((gr[1], gr[3], gr[14], gr[15]), (0x107, 3, 0xE, 0xF));
        assert_eq!(m.sie.cpu.ar[5], 55);
        assert_eq!(sd.ihcpu.get(), 0, "the host's CPU");
    });
}

#[test]
fn the_target_of_execute_is_intercepted_with_its_modified_text() {
    // EX %r1,0x20(%r0) in the page of address 0; EXRL is the next.
    let mut program = vec![0x44, 0x10, 0x00, 0x20];
    program.extend([0xC6, 0x10, 0, 0, 0, 0x10]);
    each(&program, |m| {
        m.write(ORIGIN + 0x20, &[0x83, 0x10, 0x00, 0x44]);
        m.write(ORIGIN + PROGRAM + 4 + 0x20, &[0x83, 0x10, 0x00, 0x44]);
        m.sie.cpu.gr[1] = 0x02;
        assert_eq!(m.interception(), icpt::INST);
        let sd = m.guest();
        assert_eq!((sd.ipa.get(), sd.ipb.get()), (0x8312, 0x0044_0000));
        assert_eq!((sd.icptstatus.get(), sd.gpsw_addr.get()), (icptstatus::executed(4), PROGRAM + 4));
        assert_eq!(m.interception(), icpt::INST);
        let sd = m.guest();
        assert_eq!((sd.icptstatus.get(), sd.gpsw_addr.get()), (icptstatus::executed(6), PROGRAM + 10));
    });
}

#[test]
fn a_state_description_that_is_not_valid_is_told_with_the_reason() {
    type Change = fn(&StateDescription);
    let cases: [(u32, Change); 10] = [
        (0x01, |sd| sd.cpuflags.set(0)),
        (0x01, |sd| sd.cpuflags.set((CpuFlags::ZARCH | CpuFlags::RRF).bits())),
        (0x01, |sd| sd.cpuflags.set((CpuFlags::ZARCH | CpuFlags::MCDS).bits())),
        (0x01, |sd| sd.cpuflags.set((CpuFlags::ZARCH | CpuFlags::GED | CpuFlags::GED2).bits())),
        (0x07, |sd| sd.cpuflags.set((CpuFlags::ZARCH | CpuFlags::SLSV).bits())),
        (0x07, |sd| sd.cpuflags.set((CpuFlags::ZARCH | CpuFlags::SLSR).bits())),
        (0x41, |sd| sd.mso.set(ORIGIN + 0x10_0000)),
        (0x38, |sd| {
            sd.eca.set(ExecutionControls::SII.bits());
            sd.scaol.set(0x1000);
        }),
        (0x3B, |sd| {
            sd.eca.set(ExecutionControls::SII.bits());
            sd.scaol.set(0x9800);
        }),
        (0x34, |sd| {
            sd.eca.set(ExecutionControls::SII.bits());
            sd.scaoh.set(1);
        }),
    ];
    for (reason, change) in cases {
        each(&DIAG, |m| {
            change(m.guest());
            assert_eq!(m.interception(), icpt::VALIDITY, "{reason:#x}");
            let sd = m.guest();
            assert_eq!((sd.ipa.get() & 0xF000, sd.ipb.get() >> 16), (0x1000, reason));
            assert_eq!(sd.gpsw_addr.get(), PROGRAM, "nothing was executed");
        });
    }
}

#[test]
fn the_operand_must_be_a_state_description_in_storage() {
    each(&DIAG, |m| {
        m.sie.cpu.gr[2] = STATE + 0x100;
        assert_eq!(m.run(), End::Program(6));
        m.sie.cpu.gr[2] = 1 << 40;
        assert_eq!(m.run(), End::Program(5));
        // In the problem state: the old PSW is after the instruction.
        m.sie.cpu.gr[2] = STATE;
        m.host.gpsw_mask.set(PSW | 1 << 48);
        m.host.gpsw_addr.set(SIE_AT);
        assert_eq!(m.go_on(), End::Program(2));
    });
}

#[test]
fn a_wait_psw_is_intercepted() {
    // LPSWE 0x100.
    each(&[0xB2, 0xB2, 0x01, 0x00], |m| {
        m.put(ORIGIN + 0x100, PSW | EXTERNAL | 1 << 49);
        m.put(ORIGIN + 0x108, 0x3000);
        assert_eq!(m.interception(), icpt::WAIT);
        assert_eq!(m.guest().gpsw_addr.get(), 0x3000);
    });
}

#[test]
fn requests_take_effect_when_the_guest_is_enabled() {
    each(&DIAG, |m| {
        m.guest().set_cpu_flags(CpuFlags::STOP_INT);
        assert_eq!(m.interception(), icpt::STOP);
        m.guest().clear_cpu_flags(CpuFlags::STOP_INT);
        for (flag, enabled, code) in [(CpuFlags::EXT_INT, EXTERNAL, icpt::EXTREQ), (CpuFlags::IO_INT, IO, icpt::IOREQ)]
        {
            m.guest().set_cpu_flags(flag);
            m.guest().gpsw_addr.set(PROGRAM);
            m.guest().gpsw_mask.set(PSW | enabled);
            assert_eq!(m.interception(), code);
            assert_eq!(m.guest().gpsw_addr.get(), PROGRAM);
            m.guest().gpsw_mask.set(PSW);
            assert_eq!(m.interception(), icpt::INST, "not enabled");
            m.guest().clear_cpu_flags(flag);
        }
    });
    // STOSM enables while the request is there.
    each(&[0xAD, 0x01, 0x01, 0x00, 0x83, 0, 0, 1], |m| {
        m.guest().set_cpu_flags(CpuFlags::EXT_INT);
        assert_eq!(m.interception(), icpt::EXTREQ);
        assert_eq!(m.guest().gpsw_addr.get(), PROGRAM + 4);
    });
}

#[test]
fn a_running_guest_sees_requests_that_another_cpu_stores() {
    each(&LOOP, |m| {
        let flags: &BeU32 = &m.guest().cpuflags;
        // SAFETY: the word is an atomic in memory that lives as long as the machine, which outlives the thread.
        let flags: &'static BeU32 = unsafe { &*std::ptr::from_ref(flags) };
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            flags.fetch_or(CpuFlags::STOP_INT.bits());
        });
        assert_eq!(m.interception(), icpt::STOP);
        other.join().unwrap();
        assert_eq!(m.guest().gpsw_addr.get(), PROGRAM);
    });
}

#[test]
fn a_host_that_is_wanted_gets_its_psw_at_the_instruction() {
    each(&LOOP, |m| {
        let kicker = m.sie.kicker();
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            kicker.kick();
        });
        m.guest().icptcode.set(0);
        assert_eq!(m.run(), End::Kicked);
        other.join().unwrap();
        assert_eq!(m.host.gpsw_addr.get(), SIE_AT);
        assert_eq!((m.guest().icptcode.get(), m.guest().gpsw_addr.get()), (0, PROGRAM));
        m.write(ORIGIN + PROGRAM, &DIAG);
        assert_eq!(m.go_on(), End::After, "it is entered again");
        assert_eq!(m.guest().icptcode.get(), icpt::INST);
    });
}

#[test]
fn the_hosts_own_timer_ends_interpretation() {
    each(&LOOP, |m| {
        // The CPU timer of the host is negative after 10 ms; its interruption is the KVM layer's to deliver.
        m.host.cputm.set(10_000 << 12);
        m.host.gcr[0].set(0xE0 | 0x400);
        m.host.gpsw_mask.set(PSW | EXTERNAL);
        m.host.gpsw_addr.set(SIE_AT);
        assert_eq!(m.go_on(), End::Kicked);
        assert_eq!(m.host.gpsw_addr.get(), SIE_AT);
        assert!((m.host.cputm.get() as i64) < 0);
    });
}

#[test]
fn timers_of_the_guest_are_delivered_or_intercepted() {
    const NEW: u64 = 0x1B0;
    let controls = ExecutionControls::CEI | ExecutionControls::PROTEXCI;
    each(&LOOP, |m| {
        m.write(ORIGIN + 0x3000, &DIAG);
        m.put(ORIGIN + NEW, PSW);
        m.put(ORIGIN + NEW + 8, 0x3000);
        m.guest().gpsw_mask.set(PSW | EXTERNAL);
        m.guest().gcr[0].set(0xE0 | 0x400);
        m.guest().cputm.set(1000 << 12);
        m.guest().eca.set(controls.bits());
        assert_eq!(m.interception(), icpt::INST, "the handler's DIAGNOSE");
        assert_eq!(m.get(ORIGIN + 0x80) as u32, 0x1005, "CPU timer");
        assert_eq!((m.get(ORIGIN + 0x130), m.get(ORIGIN + 0x138)), (PSW | EXTERNAL, PROGRAM));
        assert!((m.guest().cputm.get() as i64) < 0);
        // Without the control, or when it would come again at once.
        for (eca, new) in [(ExecutionControls::PROTEXCI, PSW), (controls, PSW | EXTERNAL)] {
            m.put(ORIGIN + NEW, new);
            m.guest().gpsw_mask.set(PSW | EXTERNAL);
            m.guest().gpsw_addr.set(PROGRAM);
            m.guest().eca.set(eca.bits());
            assert_eq!(m.interception(), icpt::EXTINT);
            assert_eq!((m.guest().eic.get(), m.guest().gpsw_addr.get()), (0x1005, PROGRAM));
        }
    });
}

#[test]
fn the_guests_clock_is_its_hosts_with_a_difference() {
    // STCKF 0x100; DIAG.
    each(&[0xB2, 0x7C, 0x01, 0x00, 0x83, 0, 0, 1], |m| {
        m.host.epoch.set(1 << 60);
        m.guest().epoch.set(3 << 58);
        assert_eq!(m.interception(), icpt::INST);
        let now = softsie_cpu::TodClock::now().wrapping_add((1 << 60) + (3 << 58));
        assert!(now.wrapping_sub(m.get(ORIGIN + 0x100)) < 10 << 32);
    });
}

#[test]
fn the_epoch_index_is_for_guests_that_have_it() {
    // STCKE 0x100; DIAG.
    for (control, index) in [(Ecd::MEF.bits(), 3), (0, 0)] {
        each(&[0xB2, 0x78, 0x01, 0x00, 0x83, 0, 0, 1], |m| {
            m.host.ecd.set(Ecd::MEF.bits());
            m.host.epdx.set(1);
            m.guest().epdx.set(2);
            m.guest().ecd.set(control);
            assert_eq!(m.interception(), icpt::INST);
            assert_eq!(m.read(ORIGIN + 0x100, 1), [index]);
        });
        // A clock that is behind its host's has a difference that carries.
        each(&[0xB2, 0x78, 0x01, 0x00, 0x83, 0, 0, 1], |m| {
            m.host.ecd.set(Ecd::MEF.bits());
            m.guest().epoch.set(u64::MAX << 50);
            m.guest().epdx.set(if control == 0 { 0 } else { 0xFF });
            m.guest().ecd.set(control);
            assert_eq!(m.interception(), icpt::INST);
            assert_eq!(m.read(ORIGIN + 0x100, 1), [0]);
        });
    }
}

#[test]
fn storage_ends_at_the_limit() {
    // LG %r1,0(%r3); DIAG.
    each(&[0xE3, 0x10, 0x30, 0, 0, 4, 0x83, 0, 0, 1], |m| {
        m.put(ORIGIN + 0xF_FFF8, 77);
        m.sie.cpu.gr[3] = 0xF_FFF8;
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.sie.cpu.gr[1], 77);
        m.sie.cpu.gr[3] = 0x10_0000;
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::PROGI, "an addressing exception");
        let sd = m.guest();
        assert_eq!((sd.iprcc.get(), sd.pgmilc.get(), sd.gpsw_addr.get()), (5, 6, PROGRAM + 6));
        // Without limits the host's address space is all the guest's.
        sd.set_cpu_flags(CpuFlags::SM);
        m.write(PROGRAM, &[0xE3, 0x10, 0x30, 0, 0, 4, 0x83, 0, 0, 1]);
        m.put(0x10_0000, 78);
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.sie.cpu.gr[1], 78);
    });
}

/// Tables of the host that map its first megabyte to itself, by a page table at 0xA000 for the second megabyte, the guest's.
fn map(m: &Machine) {
    const SEGMENTS: u64 = 0x8000;
    const PAGES: u64 = 0xA000;
    for segment in 0..512 {
        m.put(SEGMENTS + 8 * segment, 0x20);
    }
    m.put(SEGMENTS + 8, PAGES);
    for page in 0..256 {
        m.put(PAGES + 8 * page, ORIGIN + 0x1000 * page);
    }
    // A segment table of one quarter.
    m.host.gcr[1].set(SEGMENTS);
}

/// The host's page-table entry of the guest's page at `address`.
fn entry(address: u64) -> u64 {
    0xA000 + 8 * (address >> 12)
}

#[test]
fn the_hosts_exceptions_interrupt_the_host() {
    // LG %r1,0(%r3); STG %r1,8(%r3); DIAG.
    let program = [0xE3, 0x10, 0x30, 0, 0, 4, 0xE3, 0x10, 0x30, 8, 0, 0x24, 0x83, 0, 0, 1];
    each(&program, |m| {
        map(m);
        m.sie.cpu.gr[3] = 0x5000;
        m.put(entry(0x5000), 0x400);
        assert_eq!(m.run(), End::Program(0x11));
        assert_eq!(m.get(0x158), SIE_AT, "the old PSW is at the instruction");
        assert_eq!(m.get(0xA8) & !0xFFF, ORIGIN + 0x5000);
        assert_eq!(m.get(0xA8) & 0xC03, 0x800, "a fetch in the primary space");
        assert_eq!((m.guest().icptcode.get(), m.guest().gpsw_addr.get()), (0, PROGRAM), "nullified");
        // Protected: the fetch is done, the store is the host's protection exception.
        m.put(ORIGIN + 0x5000, 5);
        m.put(entry(0x5000), (ORIGIN + 0x5000) | 0x200);
        assert_eq!(m.run(), End::Program(4));
        assert_eq!((m.get(0xA8) & !0xFFF, m.get(0xA8) & 0xC07), (ORIGIN + 0x5000, 0x404), "a store, by DAT");
        assert_eq!((m.guest().gpsw_addr.get(), m.sie.cpu.gr[1]), (PROGRAM + 6, 5));
        m.put(entry(0x5000), ORIGIN + 0x5000);
        assert_eq!(m.run(), End::After);
        assert_eq!(m.get(ORIGIN + 0x5008), 5);
        // Instruction fetch, and a segment.
        m.put(entry(PROGRAM), 0x400);
        m.guest().ihcpu.set(0xFFFF);
        assert_eq!(m.run(), End::Program(0x11));
        assert_eq!(m.get(0xA8) & !0xFFF, ORIGIN + PROGRAM);
    });
}

#[test]
fn the_prefix_area_must_be_there_at_entry() {
    each(&DIAG, |m| {
        map(m);
        m.put(entry(0), 0x400);
        assert_eq!(m.interception(), icpt::VALIDITY);
        m.put(entry(0), ORIGIN | 0x200);
        assert_eq!(m.interception(), icpt::VALIDITY);
        assert_eq!(m.guest().ipb.get() >> 16, 0x37);
        // Its second page is for transactions.
        m.put(entry(0), ORIGIN);
        m.put(entry(0x1000), 0x400);
        assert_eq!(m.interception(), icpt::INST);
    });
}

#[test]
fn invalidation_by_the_host_reaches_the_guests_translations() {
    // LG %r1,0(%r3); DIAG.
    each(&[0xE3, 0x10, 0x30, 0, 0, 4, 0x83, 0, 0, 1], |m| {
        map(m);
        // IPTE %r4,%r5; SIE; DIAG.
        m.write(SIE_AT, &[0xB2, 0x21, 0, 0x45, 0xB2, 0x14, 0x20, 0, 0x83, 0, 0, 1]);
        (m.sie.cpu.gr[4], m.sie.cpu.gr[5], m.sie.cpu.gr[3]) = (0xA000, ORIGIN + 0x6000, 0x5000);
        m.put(ORIGIN + 0x5000, 1);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.sie.cpu.gr[1], 1);
        // The page becomes another one; the program invalidates it before it enters the guest.
        m.sie.cpu.gr[5] = ORIGIN + 0x5000;
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.run(), End::Program(0x11));
        m.put(entry(0x5000), 0x20_0000);
        m.put(0x20_0000, 2);
        m.sie.cpu.gr[5] = ORIGIN + 0x6000;
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.sie.cpu.gr[1], 2);
    });
}

#[test]
fn another_primary_space_is_another_guest() {
    each(&[0xE3, 0x10, 0x30, 0, 0, 4, 0x83, 0, 0, 1], |m| {
        m.sie.cpu.gr[3] = 0x5000;
        m.put(ORIGIN + 0x5000, 1);
        assert_eq!(m.interception(), icpt::INST);
        map(m);
        m.put(entry(0x5000), 0x20_0000);
        m.put(0x20_0000, 2);
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.sie.cpu.gr[1], 2);
    });
}

#[test]
fn program_interruptions_go_to_the_guest_or_to_the_host() {
    const NEW: u64 = 0x1D0;
    // A divide exception: DR %r4,%r6 with zeros.
    each(&[0x1D, 0x46], |m| {
        m.write(ORIGIN + 0x3000, &DIAG);
        m.put(ORIGIN + NEW, PSW);
        m.put(ORIGIN + NEW + 8, 0x3000);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.get(ORIGIN + 0x88), 0x0002_0009, "instruction length 2, fixed-point divide");
        m.guest().gpsw_addr.set(PROGRAM);
        m.guest().ictl.set(InterceptionControls::PINT.bits());
        assert_eq!(m.interception(), icpt::PROGI);
        let sd = m.guest();
        assert_eq!((sd.iprcc.get(), sd.pgmilc.get(), sd.gpsw_addr.get()), (9, 2, PROGRAM + 2));
    });
    // Specification exception: LPSWE of an address that is not a multiple of 8.
    each(&[0xB2, 0xB2, 0x01, 0x01], |m| {
        m.write(ORIGIN + 0x3000, &DIAG);
        m.put(ORIGIN + NEW, PSW);
        m.put(ORIGIN + NEW + 8, 0x3000);
        assert_eq!(m.interception(), icpt::PROGI);
        assert_eq!((m.guest().iprcc.get(), m.guest().pgmilc.get()), (6, 4));
        m.guest().ecb.set(Ecb::SPECI.bits());
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::INST);
        // With a new PSW that is not valid.
        m.put(ORIGIN + NEW, PSW | 1 << 63);
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::PROGI);
        assert_eq!((m.guest().iprcc.get(), m.guest().gpsw_addr.get()), (6, 0x3000));
    });
}

#[test]
fn operation_exceptions_are_intercepted_by_their_control() {
    each(&[0x00, 0x00], |m| {
        m.guest().ictl.set(InterceptionControls::OPEREXC.bits());
        assert_eq!(m.interception(), icpt::OPEREXC);
        assert_eq!((m.guest().ipa.get(), m.guest().gpsw_addr.get()), (0, PROGRAM + 2));
        m.guest().ictl.set(0);
        m.write(ORIGIN + 0x3000, &DIAG);
        m.put(ORIGIN + 0x1D0, PSW);
        m.put(ORIGIN + 0x1D8, 0x3000);
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.get(ORIGIN + 0x88), 0x0002_0001);
    });
}

#[test]
fn supervisor_calls_are_intercepted_by_number() {
    each(&[0x0A, 0x17], |m| {
        for control in [0x8000_0000, 0x4017_0000, 0x2000_1700, 0x1000_0017] {
            m.guest().svcc.set(control);
            m.guest().gpsw_addr.set(PROGRAM);
            assert_eq!(m.interception(), icpt::INST, "{control:#x}");
            assert_eq!((m.guest().ipa.get(), m.guest().gpsw_addr.get()), (0x0A17, PROGRAM + 2));
        }
        m.put(ORIGIN + 0x1C0, PSW | 1 << 49);
        for control in [0, 0x0017_1717, 0x4018_1717] {
            m.guest().svcc.set(control);
            m.guest().gpsw_addr.set(PROGRAM);
            m.guest().gpsw_mask.set(PSW);
            assert_eq!(m.interception(), icpt::WAIT, "{control:#x}");
            assert_eq!(m.get(ORIGIN + 0x88) >> 32, 0x0002_0017);
        }
    });
}

#[test]
fn instructions_are_intercepted_by_their_controls() {
    type C = InterceptionControls;
    let controlled: [(&[u8], u32); 14] = [
        (&[0xB2, 0x29, 0, 0x12], C::ISKE.bits()),
        (&[0xB2, 0x2B, 0, 0x12], C::SSKE.bits()),
        (&[0xB2, 0x2A, 0, 0x12], C::RRBE.bits()),
        (&[0xE5, 0x01, 0x01, 0, 0, 0], C::TPROT.bits()),
        (&[0xB2, 0x21, 0, 0x45], C::IPTE.bits()),
        (&[0xB2, 0x0D, 0, 0], C::PTLB.bits()),
        (&[0x80, 0, 0x01, 0], C::SSM.bits()),
        (&[0xAC, 0xFF, 0x01, 0], C::STNSM.bits()),
        (&[0xAD, 0, 0x01, 0], C::STOSM.bits()),
        (&[0xB2, 0x05, 0x01, 0], C::STCK.bits()),
        (&[0xB2, 0x09, 0x01, 0], C::SPT.bits()),
        (&[0xB2, 0x07, 0x01, 0], C::SCKC.bits()),
        (&[0xEB, 0, 0x01, 0, 0, 0x25], C::STCTL.bits()),
        (&[0xB2, 0xB2, 0x01, 0x20], C::LPSW.bits()),
    ];
    for (text, control) in controlled {
        // DIAGNOSE 2 follows, and is where the PSW at 0x120 is.
        let mut program = text.to_vec();
        program.extend([0x83, 0, 0, 2]);
        each(&program, |m| {
            m.put(ORIGIN + 0x120, PSW);
            m.put(ORIGIN + 0x128, PROGRAM + text.len() as u64);
            // A table for IPTE that is in the guest.
            m.sie.cpu.gr[4] = 0x4000;
            m.guest().ictl.set(control);
            assert_eq!(m.interception(), icpt::INST, "{text:x?}");
            let after = m.guest().gpsw_addr.get();
            assert_eq!(m.guest().ipa.get().to_be_bytes(), text[..2], "{text:x?}");
            assert_eq!(after, PROGRAM + text.len() as u64);
            m.guest().ictl.set(!control & 0x0FFF_FFFF & !C::LPSW.bits());
            m.guest().gpsw_addr.set(PROGRAM);
            assert_eq!(m.interception(), icpt::INST);
            assert_eq!((m.guest().ipa.get(), m.guest().ipb.get()), (0x8300, 0x0002_0000), "{text:x?} is executed");
        });
    }
}

#[test]
fn what_is_always_the_hosts_is_intercepted() {
    let texts: [&[u8]; 12] = [
        &[0xB2, 0x14, 0x20, 0],
        &[0xB2, 0x10, 0x01, 0],
        &[0xB2, 0x11, 0x01, 0],
        &[0xB2, 0x12, 0x01, 0],
        &[0xB2, 0x02, 0x01, 0],
        &[0xB2, 0x04, 0x01, 0],
        &[0xB2, 0x7D, 0x01, 0],
        &[0xB2, 0xB1, 0, 0],
        &[0xB2, 0x2C, 0, 0x12],
        &[0xB2, 0x20, 0, 0x12],
        &[0xAE, 0x12, 0, 1],
        &[0x01, 0x07],
    ];
    for text in texts {
        each(text, |m| {
            assert_eq!(m.interception(), icpt::INST, "{text:x?}");
            assert_eq!(m.guest().ipa.get().to_be_bytes(), text[..2]);
            // Not in the problem state.
            m.put(ORIGIN + 0x1D0, PSW | 1 << 49);
            m.guest().gpsw_mask.set(PSW | 1 << 48);
            m.guest().gpsw_addr.set(PROGRAM);
            assert_eq!(m.interception(), icpt::WAIT, "{text:x?}");
            assert_eq!(m.get(ORIGIN + 0x88) & 0xFFFF, 2);
        });
    }
}

#[test]
fn loading_control_registers_is_intercepted_by_register() {
    // LCTLG %c6,%c6,0x100; DIAG.
    each(&[0xEB, 0x66, 0x01, 0, 0, 0x2F, 0x83, 0, 0, 1], |m| {
        m.put(ORIGIN + 0x100, 0xFF00_0000);
        m.guest().lctl.set(lctl::CR0);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!((m.guest().ipa.get(), m.guest().gcr[6].get()), (0x8300, 0xFF00_0000));
        m.guest().lctl.set(lctl::CR6);
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!((m.guest().ipa.get(), m.guest().ipb.get() as u8), (0xEB66, 0x2F));
    });
}

#[test]
fn the_keyless_subset_leaves_before_an_instruction_about_keys() {
    each(&[0xB2, 0x29, 0, 0x12], |m| {
        m.guest().set_cpu_flags(CpuFlags::KSS);
        assert_eq!(m.interception(), icpt::KSS);
        assert_eq!(m.guest().gpsw_addr.get(), PROGRAM);
    });
}

#[test]
fn a_move_of_pages_that_the_host_lacks_is_partial() {
    // LGHI %r0,0; MVPG %r5,%r6; DIAG.
    each(&[0xA7, 0x09, 0, 0, 0xB2, 0x54, 0, 0x56, 0x83, 0, 0, 1], |m| {
        map(m);
        (m.sie.cpu.gr[5], m.sie.cpu.gr[6]) = (0x5000, 0x6000);
        m.put(ORIGIN + 0x6000, 6);
        assert_eq!(m.interception(), icpt::INST, "without the control");
        assert_eq!(m.guest().ipa.get(), 0xB254);
        m.guest().eca.set(ExecutionControls::MVPGI.bits());
        for missing in [0x5000, 0x6000] {
            m.put(entry(missing), 0x400);
            m.guest().ihcpu.set(0xFFFF);
            m.guest().gpsw_addr.set(PROGRAM);
            assert_eq!(m.interception(), icpt::PARTEXEC);
            assert_eq!((m.guest().ipa.get(), m.guest().gpsw_addr.get()), (0xB254, PROGRAM + 8));
            assert_eq!((m.get(STATE + 0xC0), m.get(STATE + 0xC8)), (entry(0x5000), entry(0x6000)));
            m.put(entry(missing), ORIGIN + missing);
        }
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!((m.guest().ipa.get(), m.get(ORIGIN + 0x5000)), (0x8300, 6));
    });
}

#[test]
fn protection_that_is_the_hosts_is_told_to_the_host() {
    // TPROT 0(%r3),0; IPM %r1; DIAG.
    each(&[0xE5, 0x01, 0x30, 0, 0, 0, 0xB2, 0x22, 0, 0x10, 0x83, 0, 0, 1], |m| {
        map(m);
        m.sie.cpu.gr[3] = 0x5000;
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!((m.guest().ipa.get(), m.sie.cpu.gr[1] >> 28 & 3), (0x8300, 0));
        m.put(entry(0x5000), (ORIGIN + 0x5000) | 0x200);
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.guest().ipa.get(), 0xE501);
    });
}

#[test]
fn the_facility_list_is_the_hosts_choice() {
    // LGHI %r0,1; STFLE 0x100; DIAG.
    each(&[0xA7, 0x09, 0, 1, 0xB2, 0xB0, 0x01, 0, 0x83, 0, 0, 1], |m| {
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.guest().ipa.get(), 0xB2B0, "no list");
        m.put(0x7000, 0x1122_3344_5566_7788);
        m.put(0x7008, 0x99AA_BBCC_DDEE_FF00);
        m.guest().fac.set(0x7000);
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.guest().ipa.get(), 0x8300);
        assert_eq!((m.get(ORIGIN + 0x100), m.get(ORIGIN + 0x108)), (0x1122_3344_5566_7788, 0x99AA_BBCC_DDEE_FF00));
        assert_eq!(m.sie.cpu.gr[0], 2, "as long as the host's: facility 155 is in the third doubleword");
    });
}

/// Has the guest begin anew with DAT: a segment table at 0x8000 in its storage, a page table at 0xA000 that maps its first megabyte to
/// itself.
fn map_guest(m: &Machine) {
    for segment in 0..512 {
        m.put(ORIGIN + 0x8000 + 8 * segment, 0x20);
    }
    m.put(ORIGIN + 0x8000, 0xA000);
    for page in 0..256 {
        m.put(ORIGIN + 0xA000 + 8 * page, 0x1000 * page);
    }
    m.guest().gcr[1].set(0x8000);
    m.guest().gpsw_mask.set(PSW | 1 << 58);
    m.guest().gpsw_addr.set(PROGRAM);
}

#[test]
fn dat_of_the_guest_is_over_dat_of_the_host() {
    // LG %r1,0(%r3); DIAG. The guest's tables, in its storage: a segment table at 0x8000, a page table at 0xA000.
    each(&[0xE3, 0x10, 0x30, 0, 0, 4, 0x83, 0, 0, 1], |m| {
        map(m);
        map_guest(m);
        // Guest virtual 0x5000, real 0x6000, host virtual 0x106000, host real 0x200000.
        m.put(ORIGIN + 0xA000 + 8 * 5, 0x6000);
        m.put(entry(0x6000), 0x20_0000);
        m.put(0x20_0000, 0xAB);
        m.sie.cpu.gr[3] = 0x5000;
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.sie.cpu.gr[1], 0xAB);
        // A page that the guest's table lacks is the guest's exception.
        m.put(ORIGIN + 0x1D0, PSW | 1 << 49);
        m.put(ORIGIN + 0xA000 + 8 * 5, 0x400);
        m.guest().ihcpu.set(0xFFFF);
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::WAIT);
        assert_eq!((m.get(ORIGIN + 0x88) & 0xFFFF, m.get(ORIGIN + 0xA8) & !0xFFF), (0x11, 0x5000));
        // The guest's page table is not there in the host.
        m.put(entry(0xA000), 0x400);
        m.guest().ihcpu.set(0xFFFF);
        m.guest().gpsw_mask.set(PSW | 1 << 58);
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.run(), End::Program(0x11));
        assert_eq!(m.get(0xA8) & !0xFFF, ORIGIN + 0xA000);
    });
}
