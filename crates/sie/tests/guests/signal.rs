//! What guests' CPUs do among themselves by the system control area: signals, external calls, the interlock of invalidations,
//! topology reports. Both formats, both engines. Truth: the reference of interpretive execution (satellite blocks, interrupts);
//! Principles of Operation, chapter 4.

use softsie_sie::{CpuFlags, Ecb, Ecb2, ExecutionControls, StateDescription, icpt};

use crate::each;
use crate::machine::{EXTERNAL, Machine, ORIGIN, PROGRAM, PSW};

/// The area in the host, and the state description of the guest's other CPU.
const AREA: u64 = 0x9000;
const OTHER: u64 = 0x5000;
/// Addresses of the CPU that runs and of the other one.
const SELF: u16 = 2;
const PEER: u16 = 3;
const EXTERNAL_NEW_PSW: u64 = 0x1B0;
const EXTERNAL_CALL_MASK: u64 = 0x2000;

/// Where things are in an area of a format.
struct Format {
    extended: bool,
    mask: u64,
    entry: fn(u16) -> u64,
}

const FORMATS: [Format; 2] = [
    Format { extended: false, mask: AREA + 0x30, entry: |n| AREA + 0x40 + 32 * u64::from(n) },
    Format { extended: true, mask: AREA + 0x40, entry: |n| AREA + 0x100 + 64 * u64::from(n) },
];

impl Format {
    /// The entry's signal control with a call of `source` pending, as its first halfword.
    fn pending(&self, source: u16) -> u16 {
        if self.extended { 0x8000 | source } else { 0x80 | source }
    }

    fn control(&self, m: &Machine, cpu: u16) -> u16 {
        (m.get((self.entry)(cpu)) >> 48) as u16
    }

    fn set_control(&self, m: &Machine, cpu: u16, value: u16) {
        m.write((self.entry)(cpu), &value.to_be_bytes());
    }
}

fn other(m: &Machine) -> &StateDescription {
    m.state_description(OTHER)
}

/// A machine with an area that has entries for both CPUs.
fn prepare(m: &Machine, format: &Format) {
    m.put(format.mask, 0x3 << (63 - PEER));
    m.put((format.entry)(SELF) + 8, crate::machine::STATE);
    m.put((format.entry)(PEER) + 8, OTHER);
    other(m).cpuflags.set(CpuFlags::ZARCH.bits());
    let sd = m.guest();
    sd.icpua.set(SELF);
    sd.scaol.set(AREA as u32);
    sd.ecb2.set(if format.extended { Ecb2::ESCA.bits() } else { 0 });
    sd.eca.set((ExecutionControls::SIGPI | ExecutionControls::CEI | ExecutionControls::PROTEXCI).bits());
}

/// Runs `test` with each format and engine; the guest signals the CPU in register 3 with the order in register 4, then stops
/// at DIAGNOSE.
fn signals(test: impl Fn(&mut Machine, &Format)) {
    for format in &FORMATS {
        // SIGP %r1,%r3,0(%r4); IPM %r5; DIAG.
        each(&[0xAE, 0x13, 0x40, 0, 0xB2, 0x22, 0, 0x50, 0x83, 0, 0, 1], |m| {
            prepare(m, format);
            m.sie.cpu.gr[1] = 0x1111_1111_2222_2222;
            m.sie.cpu.gr[3] = u64::from(PEER);
            test(m, format);
        });
    }
}

/// Condition code and register 1 after an order that was interpreted.
fn answer(m: &mut Machine, order: u64) -> (u64, u64) {
    m.sie.cpu.gr[4] = order;
    m.guest().gpsw_addr.set(PROGRAM);
    assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8300), "order {order:#x} is interpreted");
    (m.sie.cpu.gr[5] >> 28 & 3, m.sie.cpu.gr[1])
}

/// The interception of an order that is the host's.
fn intercepted(m: &mut Machine, order: u64) {
    m.sie.cpu.gr[4] = order;
    m.guest().gpsw_addr.set(PROGRAM);
    assert_eq!((m.interception(), m.guest().ipa.get(), m.guest().ipb.get()), (icpt::INST, 0xAE13, 0x4000_0000));
    assert_eq!(m.guest().gpsw_addr.get(), PROGRAM + 4);
}

#[test]
fn sense_tells_of_the_other_cpu() {
    signals(|m, _| {
        assert_eq!(answer(m, 1), (0, 0x1111_1111_2222_2222));
        other(m).set_cpu_flags(CpuFlags::STOPPED);
        assert_eq!(answer(m, 1), (1, 0x1111_1111_0000_0040));
        other(m).set_cpu_flags(CpuFlags::ECALL_PEND);
        assert_eq!(answer(m, 1), (1, 0x1111_1111_0000_00C0));
    });
}

#[test]
fn sense_running_has_a_control_of_its_own() {
    signals(|m, _| {
        intercepted(m, 0x15);
        m.guest().ecb.set(Ecb::SRSI.bits());
        assert_eq!(answer(m, 0x15), (1, 0x1111_1111_0000_0400));
        other(m).set_cpu_flags(CpuFlags::RUNNING);
        m.sie.cpu.gr[1] = 7;
        assert_eq!(answer(m, 0x15), (0, 7));
    });
}

#[test]
fn an_external_call_becomes_pending_in_the_area() {
    signals(|m, format| {
        assert_eq!(answer(m, 2), (0, 0x1111_1111_2222_2222));
        assert_eq!(format.control(m, PEER), format.pending(SELF));
        assert!(other(m).has_cpu_flags(CpuFlags::ECALL_PEND));
        assert_eq!(answer(m, 2), (1, 0x1111_1111_0000_0080), "there is one already");
        // A CPU that waits is to be waked by the host.
        format.set_control(m, PEER, 0);
        other(m).set_cpu_flags(CpuFlags::WAIT);
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!(m.interception(), icpt::PARTEXEC);
        assert_eq!((m.guest().ipa.get(), m.guest().gpsw_addr.get()), (0xAE13, PROGRAM + 4));
        assert_eq!(format.control(m, PEER), format.pending(SELF));
    });
}

#[test]
fn signals_that_are_the_hosts_are_intercepted() {
    signals(|m, format| {
        for order in [3, 5, 6, 9, 0xB, 0xE, 0x12, 0x13, 0xFF] {
            intercepted(m, order);
        }
        // CPUs that the area has not.
        for cpu in [0, 63, 64, 247, 248, 0xFFFF] {
            m.sie.cpu.gr[3] = cpu;
            intercepted(m, 2);
        }
        // State descriptions that are nowhere.
        m.sie.cpu.gr[3] = u64::from(PEER);
        for address in [0, 1 << 40, OTHER + 0x10] {
            m.put((format.entry)(PEER) + 8, address);
            intercepted(m, 2);
        }
        m.put((format.entry)(PEER) + 8, OTHER);
        m.guest().eca.set(0);
        intercepted(m, 1);
    });
}

#[test]
fn a_pending_external_call_is_delivered_when_it_is_enabled() {
    for format in &FORMATS {
        each(&[0x83, 0, 0, 1], |m| {
            prepare(m, format);
            m.write(ORIGIN + 0x3000, &[0x83, 0, 0, 2]);
            m.put(ORIGIN + EXTERNAL_NEW_PSW, PSW);
            m.put(ORIGIN + EXTERNAL_NEW_PSW + 8, 0x3000);
            let call = |m: &Machine| {
                format.set_control(m, SELF, format.pending(PEER));
                m.guest().set_cpu_flags(CpuFlags::ECALL_PEND);
                m.guest().gpsw_addr.set(PROGRAM);
                m.guest().gpsw_mask.set(PSW | EXTERNAL);
                m.guest().gcr[0].set(0xE0 | EXTERNAL_CALL_MASK);
            };
            // Masked by the PSW, masked by CR0.
            call(m);
            m.guest().gpsw_mask.set(PSW);
            assert_eq!((m.interception(), m.guest().ipb.get() >> 16), (icpt::INST, 1));
            call(m);
            m.guest().gcr[0].set(0xE0);
            assert_eq!((m.interception(), m.guest().ipb.get() >> 16), (icpt::INST, 1));
            assert_eq!(format.control(m, SELF), format.pending(PEER));
            call(m);
            assert_eq!((m.interception(), m.guest().ipb.get() >> 16), (icpt::INST, 2), "the handler's DIAGNOSE");
            assert_eq!(m.get(ORIGIN + 0x80) as u32, u32::from(PEER) << 16 | 0x1202);
            assert_eq!((m.get(ORIGIN + 0x130), m.get(ORIGIN + 0x138)), (PSW | EXTERNAL, PROGRAM));
            assert!(!m.guest().has_cpu_flags(CpuFlags::ECALL_PEND));
            assert_eq!(format.control(m, SELF), 0);
            // A flag without a call.
            call(m);
            format.set_control(m, SELF, 0);
            assert_eq!((m.interception(), m.guest().ipb.get() >> 16), (icpt::INST, 1));
            assert!(!m.guest().has_cpu_flags(CpuFlags::ECALL_PEND));
            // Another request comes first; without conditional external interruptions the call is the host's.
            call(m);
            m.guest().set_cpu_flags(CpuFlags::EXT_INT);
            assert_eq!(m.interception(), icpt::EXTREQ);
            assert_eq!(format.control(m, SELF), format.pending(PEER));
            m.guest().clear_cpu_flags(CpuFlags::EXT_INT);
            m.guest().eca.set(ExecutionControls::SIGPI.bits());
            call(m);
            assert_eq!(m.interception(), icpt::EXTINT);
            let sd = m.guest();
            assert_eq!((sd.eic.get(), sd.extcpuaddr.get(), sd.gpsw_addr.get()), (0x1202, PEER, PROGRAM));
            assert_eq!(format.control(m, SELF), 0);
        });
    }
}

#[test]
fn invalidations_take_the_interlock() {
    // IPTE %r4,%r5; IDTE %r6,0,%r7; CSP %r8,%r10; CSPG; CRDTE %r8,0,%r6; DIAG.
    let instructions: [&[u8]; 5] = [
        &[0xB2, 0x21, 0, 0x45],
        &[0xB9, 0x8E, 0, 0x67],
        &[0xB2, 0x50, 0, 0x8A],
        &[0xB9, 0x8A, 0, 0x8A],
        &[0xB9, 0x8F, 0, 0x8C],
    ];
    for text in instructions {
        let mut program = text.to_vec();
        program.extend([0x83, 0, 0, 1]);
        each(&program, |m| {
            prepare(m, &FORMATS[0]);
            m.guest().eca.set(ExecutionControls::SII.bits());
            let gr = &mut m.sie.cpu.gr;
            (gr[4], gr[5], gr[6], gr[7], gr[8], gr[10], gr[12], gr[13]) =
                (0x4000, 0, 0x5000, 0x800, 0, 0x6000, 0x4000, 0);
            for (before, after) in [(0, 0), (0x8000_0000_0000_0002, 0x8000_0000_0000_0002)] {
                m.put(AREA, before);
                m.guest().gpsw_addr.set(PROGRAM);
                assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8300), "{text:x?}");
                assert_eq!(m.get(AREA), after);
            }
            // The host has it.
            for host in [0x0000_0001_0000_0000, 0x8000_0001_0000_0000] {
                m.put(AREA, host);
                m.guest().gpsw_addr.set(PROGRAM);
                assert_eq!((m.interception(), m.guest().ipa.get().to_be_bytes()), (icpt::INST, [text[0], text[1]]));
                assert_eq!((m.get(AREA), m.guest().gpsw_addr.get()), (host, PROGRAM + 4));
            }
            m.guest().eca.set(0);
            m.guest().gpsw_addr.set(PROGRAM);
            assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8300), "without the control");
        });
    }
}

#[test]
fn a_change_of_topology_is_reported_once() {
    // PTF %r3; IPM %r5; DIAG.
    each(&[0xB9, 0xA2, 0, 0x30, 0xB2, 0x22, 0, 0x50, 0x83, 0, 0, 1], |m| {
        prepare(m, &FORMATS[0]);
        m.guest().eca.set(0);
        m.sie.cpu.gr[3] = 2;
        assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0xB9A2), "without the control");
        m.guest().ecb.set(Ecb::PTF.bits());
        m.put(AREA + 0x38, 0x8001_0000_0000_0000);
        for cc in [1, 0] {
            m.guest().gpsw_addr.set(PROGRAM);
            assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0x8300));
            assert_eq!((m.sie.cpu.gr[5] >> 28 & 3, m.get(AREA + 0x38)), (cc, 1 << 48));
        }
        for function in [0, 1, 3] {
            m.sie.cpu.gr[3] = function;
            m.guest().gpsw_addr.set(PROGRAM);
            assert_eq!((m.interception(), m.guest().ipa.get()), (icpt::INST, 0xB9A2), "polarization is the host's");
        }
        m.sie.cpu.gr[3] = 0x102;
        m.guest().gpsw_addr.set(PROGRAM);
        assert_eq!((m.interception(), m.guest().iprcc.get()), (icpt::PROGI, 6));
    });
}
