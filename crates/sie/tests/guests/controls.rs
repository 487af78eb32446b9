//! Controls beyond those of single instructions: cross-memory instructions, failed updates, facilities that are withheld, blocks
//! that the state description designates, program-event recording. Both engines.
//! Truth: the reference of interpretive execution; Principles of Operation.

use softsie_sie::{
    CpuFlags, Ecb, Ecb2, Ecb3, Ecd, ExecutionControls, InterceptionControls, StateDescription, icpt, icptstatus,
};

use crate::machine::{Machine, ORIGIN, PROGRAM, PSW, SIE_AT};
use crate::{DIAG, each, map_guest};

/// Control register 0 with floating-point and vector instructions.
const VECTORS: u64 = 0xE0 | 0x6_0000;
const PROGRAM_NEW_PSW: u64 = 0x1D0;
/// Where satellite blocks are in the host.
const BLOCK: u64 = 0xC000;
/// A wait PSW.
const WAIT: u64 = PSW | 1 << 49;

/// The program interruption that the guest took, whose new PSW is a wait PSW.
fn interruption(m: &mut Machine) -> u64 {
    m.put(ORIGIN + PROGRAM_NEW_PSW, WAIT);
    assert_eq!(m.interception(), icpt::WAIT);
    m.get(ORIGIN + 0x88) & 0xFFFF
}

#[test]
fn instructions_of_authority_and_linkage_have_controls() {
    type C = InterceptionControls;
    let controlled: [(&[u8], C); 6] = [
        (&[0xB2, 0x18, 0x00, 0x00], C::PC),
        (&[0xB2, 0x28, 0x00, 0x12], C::PT),
        (&[0x01, 0x01], C::PR),
        (&[0xE5, 0x00, 0x00, 0x01, 0x00, 0x00], C::LASP),
        (&[0xB2, 0x40, 0x00, 0x12], C::BAKR),
        (&[0xB2, 0x5A, 0x00, 0x12], C::BSA),
    ];
    for (text, control) in controlled {
        each(text, |m| {
            m.guest().ictl.set(control.bits());
            assert_eq!(m.interception(), icpt::INST, "{text:x?}");
            assert_eq!(m.guest().ipa.get().to_be_bytes(), text[..2]);
            assert_eq!(m.guest().gpsw_addr.get(), PROGRAM + text.len() as u64);
            // Without DAT and tables each ends with an exception of its own.
            m.guest().ictl.set(!control.bits() & 0x0FFF_FFFF);
            m.guest().gpsw_addr.set(PROGRAM);
            interruption(m);
        });
    }
}

#[test]
fn updates_that_fail_have_controls() {
    type C = InterceptionControls;
    // Storage has a value that makes them fail.
    let controlled: [(&[u8], C); 7] = [
        (&[0x93, 0x00, 0x01, 0x00], C::TS),
        (&[0xBA, 0x46, 0x01, 0x00], C::CS),
        (&[0xEB, 0x46, 0x01, 0x00, 0x00, 0x14], C::CS),
        (&[0xEB, 0x46, 0x01, 0x00, 0x00, 0x30], C::CS),
        (&[0xBB, 0x46, 0x01, 0x00], C::CDS),
        (&[0xEB, 0x46, 0x01, 0x00, 0x00, 0x31], C::CDS),
        (&[0xEB, 0x46, 0x01, 0x00, 0x00, 0x3E], C::CDS),
    ];
    for (text, control) in controlled {
        let mut program = text.to_vec();
        program.extend(DIAG);
        each(&program, |m| {
            let begin = |m: &mut Machine, value: u64| {
                m.put(ORIGIN + 0x100, value);
                m.put(ORIGIN + 0x108, 0);
                (4..8).for_each(|r| m.sie.cpu.gr[r] = 0);
                m.guest().gpsw_addr.set(PROGRAM);
                m.guest().gpsw_mask.set(PSW);
            };
            begin(m, 0xFFFF_FFFF_FFFF_FFFF);
            m.guest().ictl.set(control.bits());
            assert_eq!(m.interception(), icpt::INST);
            assert_eq!(m.guest().ipa.get().to_be_bytes(), text[..2]);
            let sd = m.guest();
            assert_eq!((sd.gpsw_addr.get(), sd.gpsw_mask.get() >> 44 & 3), (PROGRAM + text.len() as u64, 1));
            begin(m, 0);
            assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8312), "it succeeds");
            assert_eq!(m.guest().gpsw_mask.get() >> 44 & 3, 0);
            begin(m, 0xFFFF_FFFF_FFFF_FFFF);
            m.guest().ictl.set(!control.bits() & 0x0E00_0000);
            assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8312), "without the control");
        });
    }
}

#[test]
fn blocks_of_expanded_storage_have_a_control() {
    for opcode in [0x2E, 0x2F] {
        let text = [0xB2, opcode, 0, 0x12];
        each(&[&text[..], &DIAG].concat(), |m| {
            m.guest().ictl.set(InterceptionControls::PGX.bits());
            assert_eq!((m.interception(), m.guest().ipa.get().to_be_bytes()), (icpt::INST, [0xB2, opcode]));
            m.guest().ictl.set(!InterceptionControls::PGX.bits() & 0x0FFF_FFFF);
            m.guest().gpsw_addr.set(PROGRAM);
            assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8312), "there is no such block");
            assert_eq!(m.guest().gpsw_mask.get() >> 44 & 3, 3);
        });
    }
}

#[test]
fn facility_indications_have_a_control() {
    each(&[0xB2, 0xB0, 0x01, 0x00], |m| {
        m.guest().fac.set(0x7000);
        m.guest().ictl.set(InterceptionControls::FACILITY.bits());
        assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0xB2B0));
    });
}

#[test]
fn vector_instructions_are_there_when_the_control_says_so() {
    // VGBM %v0,0; DIAG.
    each(&[0xE7, 0, 0, 0, 0, 0x44, 0x83, 0x12, 0, 0x44], |m| {
        m.guest().gcr[0].set(VECTORS);
        assert_eq!(interruption(m), 7);
        assert_eq!(m.get(ORIGIN + 0x90) >> 32, 0xFE, "vector instruction");
        m.guest().eca.set(ExecutionControls::VX.bits());
        m.guest().ecd.set(Ecd::HOSTREGMGMT.bits());
        m.guest().gpsw_addr.set(PROGRAM);
        m.guest().gpsw_mask.set(PSW);
        assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8312));
        assert_eq!(m.guest().gcr[0].get(), VECTORS, "the guest sees its own register");
    });
}

/// TBEGIN 0,0xFF00.
const BEGIN: [u8; 6] = [0xE5, 0x60, 0, 0, 0xFF, 0];
const TRANSACTIONAL: u64 = 0xE0 | 1 << 55;

#[test]
fn transactions_are_there_when_the_control_says_so() {
    // TBEGIN; TEND; DIAG.
    let program = [&BEGIN[..], &[0xB2, 0xF8, 0, 0], &DIAG].concat();
    each(&program, |m| {
        m.guest().gcr[0].set(TRANSACTIONAL);
        assert_eq!(interruption(m), 0x13);
        m.guest().ecb.set(Ecb::TE.bits());
        m.guest().gpsw_addr.set(PROGRAM);
        m.guest().gpsw_mask.set(PSW);
        assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8312));
    });
}

#[test]
fn the_block_of_an_aborted_transaction_goes_where_the_interruption_goes() {
    // TBEGIN; DR %r4,%r6: division by zero.
    let program = [&BEGIN[..], &[0x1D, 0x46]].concat();
    each(&program, |m| {
        m.guest().gcr[0].set(TRANSACTIONAL);
        m.guest().ecb.set(Ecb::TE.bits());
        m.guest().itdba.set(BLOCK);
        assert_eq!(interruption(m), 0x209);
        assert_eq!(
            (m.get(ORIGIN + 0x1800) >> 56, m.get(ORIGIN + 0x1808)),
            (1, 4),
            "the guest's: unfiltered interruption"
        );
        assert_eq!(m.get(BLOCK), 0);
        m.put(ORIGIN + 0x1800, 0);
        m.guest().ictl.set(InterceptionControls::PINT.bits());
        m.guest().gpsw_addr.set(PROGRAM);
        m.guest().gpsw_mask.set(PSW);
        assert_eq!((m.interception(), m.guest().iprcc.get()), (icpt::PROGI, 0x209));
        assert_eq!((m.get(BLOCK) >> 56, m.get(BLOCK + 8)), (1, 4), "the host's");
        assert_eq!(m.get(BLOCK + 24), PROGRAM + 6, "the instruction");
        assert_eq!(m.get(ORIGIN + 0x1800), 0);
    });
}

#[test]
fn vector_registers_may_be_in_a_block() {
    // VLR %v3,%v20; DIAG.
    each(&[0xE7, 0x34, 0, 0, 0x04, 0x56, 0x83, 0x12, 0, 0x44], |m| {
        m.guest().gcr[0].set(VECTORS);
        m.guest().eca.set(ExecutionControls::VX.bits());
        m.guest().gvrd.set(BLOCK);
        m.put(BLOCK + 20 * 16, 0x1122_3344_5566_7788);
        m.put(BLOCK + 20 * 16 + 8, 0x99AA_BBCC_DDEE_FF00);
        m.sie.cpu.vr[3] = 33;
        m.sie.cpu.vr[20] = 2020;
        assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8312));
        assert_eq!((m.get(BLOCK + 48), m.get(BLOCK + 56)), (0x1122_3344_5566_7788, 0x99AA_BBCC_DDEE_FF00));
        assert_eq!((m.sie.cpu.vr[3], m.sie.cpu.vr[20]), (33, 2020), "the host's stay");
    });
}

#[test]
fn blocks_that_are_not_good_are_told_with_the_reason() {
    type Change = fn(&StateDescription);
    let cases: [(u32, Change); 14] = [
        (0x10, |sd| sd.set_prefix(0x10_0000)),
        (0x22, |sd| {
            sd.ecb3.set(Ecb3::AES.bits());
            sd.crycbd.set(0x9002);
        }),
        (0x35, |sd| {
            sd.ecb3.set(Ecb3::AES.bits());
            sd.crycbd.set(0x7000_0001);
        }),
        (0x39, |sd| {
            sd.ecb3.set(Ecb3::DEA.bits());
            sd.crycbd.set(1);
        }),
        (0x3C, |sd| {
            sd.ecb3.set(Ecb3::AES.bits());
            sd.crycbd.set(0x9F08 | 3);
        }),
        (0x43, |sd| {
            sd.ecb3.set(Ecb3::RI.bits());
            sd.riccbd.set(0x40);
        }),
        (0x80, |sd| {
            sd.ecb.set(Ecb::TE.bits());
            sd.itdba.set(0x100);
        }),
        (0x80, |sd| {
            sd.ecb.set(Ecb::TE.bits());
            sd.itdba.set(1 << 50);
        }),
        (0x1090, |sd| sd.fac.set(0x7000_0000)),
        (0x10B0, |sd| {
            sd.ecd.set(Ecd::ETOKENF.bits());
            sd.sdnxo.set(6);
        }),
        (0x10B1, |sd| {
            sd.ecb.set(Ecb::GS.bits());
            sd.sdnxo.set(0x9005);
        }),
        (0x10B2, |sd| {
            sd.ecd.set(Ecd::ETOKENF.bits());
            sd.sdnxo.set(0x9047);
        }),
        (0x10B0, |sd| {
            sd.ecd.set(Ecd::ETOKENF.bits());
            sd.sdnxo.set(1 << 50 | 7);
        }),
        (0x1310, |sd| sd.eca.set(ExecutionControls::VX.bits())),
    ];
    for (reason, change) in cases {
        each(&DIAG, |m| {
            change(m.guest());
            assert_eq!(m.interception(), icpt::VALIDITY, "{reason:#x}");
            assert_eq!(m.guest().ipb.get() >> 16, reason);
            assert_eq!((m.guest().ipa.get(), m.guest().gpsw_addr.get()), (0x1000, PROGRAM));
        });
    }
    // The system control area in the host's prefix area.
    each(&DIAG, |m| {
        const PREFIX: u64 = 0x30_0000;
        m.host.set_prefix(PREFIX as u32);
        m.write(PREFIX + SIE_AT, &[0xB2, 0x14, 0x20, 0x00, 0x83, 0x00, 0x00, 0x01]);
        m.guest().eca.set(ExecutionControls::SII.bits());
        m.guest().scaol.set(PREFIX as u32);
        assert_eq!((m.interception(), m.guest().ipb.get() >> 16), (icpt::VALIDITY, 0x11));
    });
}

#[test]
fn masks_change_the_keys_that_wrap_the_guests_keys() {
    const KEY: u64 = 0x3000;
    // PCKMO; DIAG. Function 18: encrypt an AES key of 128 bits; parameter block at 0x3000.
    each(&[0xB9, 0x28, 0, 0, 0x83, 0x12, 0, 0x44], |m| {
        let wrapped = |m: &mut Machine, mask: u64| {
            m.put(BLOCK + 0x60, mask);
            (0..6).for_each(|n| m.put(ORIGIN + KEY + 8 * n, 0x0101_0101_0101_0101 * n));
            m.guest().gpsw_addr.set(PROGRAM);
            m.guest().gpsw_mask.set(PSW);
            (m.sie.cpu.gr[0], m.sie.cpu.gr[1]) = (18, KEY);
            assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8312));
            m.read(ORIGIN + KEY, 48)
        };
        m.guest().crycbd.set(BLOCK as u32 | 1);
        m.guest().ecb3.set(Ecb3::AES.bits());
        let plain = wrapped(m, 0);
        let masked = wrapped(m, 5);
        assert_ne!(plain[..16], masked[..16]);
        assert_ne!(plain[16..], masked[16..], "the pattern is of another key");
        assert_eq!(wrapped(m, 0), plain);
        // Without the control there is no such function.
        m.guest().ecb3.set(Ecb3::DEA.bits());
        m.guest().ecb.set(Ecb::SPECI.bits());
        m.guest().gpsw_addr.set(PROGRAM);
        (m.sie.cpu.gr[0], m.sie.cpu.gr[1]) = (18, KEY);
        assert_eq!(interruption(m), 6);
    });
}

#[test]
fn keys_of_curves_have_a_control() {
    // PCKMO; DIAG: the query of its functions.
    each(&[0xB9, 0x28, 0, 0, 0x83, 0x12, 0, 0x44], |m| {
        for (control, last) in [(Ecd::ECC, 0b111 << 29 | 0b11 << 22), (Ecd::empty(), 0)] {
            m.guest().crycbd.set(BLOCK as u32 | 1);
            m.guest().ecb3.set(Ecb3::AES.bits());
            m.guest().ecd.set(control.bits());
            m.guest().gpsw_addr.set(PROGRAM);
            (m.sie.cpu.gr[0], m.sie.cpu.gr[1]) = (0, 0x5000);
            assert_eq!(m.interception(), icpt::INST);
            let functions = m.get(ORIGIN + 0x5000);
            assert_eq!((functions >> 63, functions >> (63 - 18) & 1), (1, 1), "the query, AES-128");
            assert_eq!(functions & 0xFFFF_FFFF, last, "functions 32 to 34, 40 and 41");
        }
    });
}

#[test]
fn large_frames_have_a_control() {
    const ENHANCED_DAT: u64 = 1 << 23;
    const FORMAT: u64 = 0x400;
    // LG %r1,0(%r3); DIAG.
    each(&[0xE3, 0x10, 0x30, 0, 0, 4, 0x83, 0, 0, 1], |m| {
        m.put(ORIGIN + 0x5000, 5);
        m.put(ORIGIN + 0x6000, 6);
        for (flags, value) in [(CpuFlags::empty(), 6), (CpuFlags::GED, 5), (CpuFlags::empty(), 6), (CpuFlags::GED2, 5)]
        {
            map_guest(m);
            m.guest().gcr[0].set(ENHANCED_DAT);
            // The frame of the first megabyte, or a page table that has something else for this page.
            m.put(ORIGIN + 0x8000, 0xA000 | FORMAT);
            m.put(ORIGIN + 0xA000 + 8 * 5, 0x6000);
            m.guest().clear_cpu_flags(CpuFlags::GED | CpuFlags::GED2);
            m.guest().set_cpu_flags(flags);
            m.sie.cpu.gr[3] = 0x5000;
            assert_eq!(m.interception(), icpt::INST);
            assert_eq!(m.sie.cpu.gr[1], value, "{flags:?}");
        }
    });
}

#[test]
fn controls_that_are_not_announced_leave_their_instructions_to_the_host() {
    // PQAP, NQAP, DQAP, TPI, PCISTG, SIC.
    let texts: [&[u8]; 6] = [
        &[0xB2, 0xAF, 0, 0],
        &[0xB2, 0xAD, 0, 0x46],
        &[0xB2, 0xAE, 0, 0x46],
        &[0xB2, 0x36, 0x01, 0],
        &[0xB9, 0xD0, 0, 0x46],
        &[0xEB, 0x10, 0x01, 0, 0, 0xD1],
    ];
    type E = ExecutionControls;
    for text in texts {
        each(text, |m| {
            m.guest().eca.set((E::IB | E::WAIT_ASSIST | E::AIV | E::APIE).bits());
            m.guest().ecb2.set(Ecb2::ZPCI_LSI.bits());
            m.guest().ecb3.set((Ecb3::AISI | Ecb3::AISII).bits());
            m.guest().set_cpu_flags(CpuFlags::IBS);
            assert_eq!(m.interception(), icpt::INST, "{text:x?}");
            assert_eq!(m.guest().ipa.get().to_be_bytes(), text[..2]);
        });
    }
}

#[test]
fn protection_of_instructions_has_a_control() {
    const INSTRUCTION_EXECUTION_PROTECTION: u64 = 1 << 20;
    const NO_EXECUTION: u64 = 0x100;
    each(&DIAG, |m| {
        for (control, code) in [(Ecb2::empty(), icpt::INST), (Ecb2::IEP, icpt::PROGI), (Ecb2::empty(), icpt::INST)] {
            map_guest(m);
            m.guest().gcr[0].set(INSTRUCTION_EXECUTION_PROTECTION);
            let page = PROGRAM >> 12;
            m.put(ORIGIN + 0xA000 + 8 * page, PROGRAM & !0xFFF | NO_EXECUTION);
            m.guest().ecb2.set(control.bits());
            assert_eq!(m.interception(), code);
            if code == icpt::PROGI {
                assert_eq!(m.guest().iprcc.get(), 4);
            }
        }
    });
}

#[test]
fn recorded_events_are_the_hosts_when_it_wants_them() {
    // LR %r1,%r2; DIAG.
    each(&[0x18, 0x12, 0x83, 0x12, 0, 0x44], |m| {
        const FETCHES: u64 = 0x4000_0000;
        let sd = m.guest();
        sd.set_cpu_flags(CpuFlags::P);
        sd.gcr[9].set(FETCHES);
        sd.gcr[10].set(PROGRAM);
        sd.gcr[11].set(PROGRAM);
        sd.gpsw_mask.set(PSW | 1 << 62);
        assert_eq!(m.interception(), icpt::PROGI);
        let sd = m.guest();
        assert_eq!((sd.iprcc.get(), sd.perc.get(), sd.peraddr.get()), (0x80, 0x40, PROGRAM));
        assert_eq!((sd.gpsw_addr.get(), sd.pgmilc.get()), (PROGRAM + 2, 2));
        // Of an intercepted instruction.
        sd.gcr[10].set(PROGRAM + 2);
        sd.gcr[11].set(PROGRAM + 2);
        sd.gpsw_addr.set(PROGRAM);
        assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8312));
        assert_eq!(m.guest().icptstatus.get(), icptstatus::PER_IFETCH);
        // The guest's own.
        let sd = m.guest();
        sd.clear_cpu_flags(CpuFlags::P);
        sd.gcr[10].set(PROGRAM);
        sd.gcr[11].set(PROGRAM);
        sd.gpsw_addr.set(PROGRAM);
        assert_eq!(interruption(m), 0x80);
    });
}

#[test]
fn a_host_with_a_machine_check_waits_for_the_mask() {
    // SVC 1, whose new PSW enables machine checks.
    each(&[0x0A, 0x01], |m| {
        m.put(ORIGIN + 0x1C0, PSW | 1 << 50);
        m.put(ORIGIN + 0x1C8, 0x3000);
        m.guest().ictl.set(InterceptionControls::LPSW.bits());
        assert_eq!(m.interception(), icpt::MCHKREQ);
        assert_eq!(m.guest().gpsw_addr.get(), 0x3000);
    });
}

#[test]
fn protection_and_privilege_have_controls() {
    // STG %r1,0x100: low-address protection.
    each(&[0xE3, 0x10, 0x01, 0x00, 0x00, 0x24], |m| {
        m.guest().gcr[0].set(0xE0 | 1 << 28);
        assert_eq!((m.interception(), m.guest().iprcc.get()), (icpt::PROGI, 4));
        let sd = m.guest();
        assert_eq!((sd.pgmilc.get(), sd.gpsw_addr.get(), sd.tecmc.get() & 0xC80), (6, PROGRAM + 6, 0x480));
        sd.eca.set(ExecutionControls::PROTEXCI.bits());
        sd.gpsw_addr.set(PROGRAM);
        assert_eq!(interruption(m), 4);
    });
    // SSM 0x100 in the problem state.
    each(&[0x80, 0x00, 0x01, 0x00], |m| {
        m.guest().gpsw_mask.set(PSW | 1 << 48);
        assert_eq!(interruption(m), 2);
        m.guest().ictl.set(InterceptionControls::PRIVILEGED.bits());
        m.guest().gpsw_addr.set(PROGRAM);
        m.guest().gpsw_mask.set(PSW | 1 << 48);
        assert_eq!((m.interception(), m.guest().iprcc.get()), (icpt::PROGI, 2));
    });
}

#[test]
fn a_trace_shows_guests_and_counters_count_them() {
    use std::io::Write;
    use std::sync::Arc;

    /// What was written.
    #[derive(Clone, Default)]
    struct Sink(Arc<std::sync::Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    each(&[0x18, 0x12, 0x83, 0x12, 0, 0x44], |m| {
        let sink = Sink::default();
        m.guest().icpua.set(5);
        let shared = Arc::new(parking_lot::Mutex::new(sink.clone()));
        m.sie.tracer = Some(softsie_sie::Tracer::new("level=2".parse().unwrap(), shared));
        assert_eq!(m.interception(), icpt::INST);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("guest5 0000000000002000 1812 "), "{text}");
        assert!(lines[1].ends_with(" intercepted"), "{text}");
        let counters = m.sie.guest_counters();
        assert_eq!((counters.entries, counters.instructions), (1, 2));
        assert_eq!(counters.interceptions[usize::from(icpt::INST)], 1);
    });
}
