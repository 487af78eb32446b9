//! A guest's guarded-storage registers: intercepted, in its host's registers, or in the state description's annex.
//! Truth: how Linux KVM uses them (arch/s390/kvm/vsie.c).

use super::each;
use super::machine::{Machine, ORIGIN, PROGRAM};
use softsie_sie::{Ecb, Ecd, icpt};

/// In the host's storage.
const ANNEX: u64 = 0x6000;

/// LGSC 0,0x100; LGG 2,0x120; DIAGNOSE 2. The handler is a DIAGNOSE 3.
const USES: [u8; 16] = [0xE3, 0, 0x01, 0, 0, 0x4D, 0xE3, 0x20, 0x01, 0x20, 0, 0x4C, 0x83, 0, 0, 2];
/// LGG 2,0x120; DIAGNOSE 2.
const LOADS: [u8; 10] = [0xE3, 0x20, 0x01, 0x20, 0, 0x4C, 0x83, 0, 0, 2];

fn prepare(m: &mut Machine) {
    for (n, value) in [0, 0x400_0019, u64::MAX, 0x200].into_iter().enumerate() {
        m.put(ORIGIN + 0x100 + n as u64 * 8, value);
    }
    m.put(ORIGIN + 0x120, 0x400_0000);
    m.put(ORIGIN + 0x208, PROGRAM + 0x80);
    m.write(ORIGIN + PROGRAM + 0x80, &[0x83, 0, 0, 3]);
    m.guest().gcr[2].set(0x10);
}

#[test]
fn what_uses_the_registers_is_intercepted_until_it_is_enabled() {
    each(&USES, |m| {
        prepare(m);
        // The host's registers are nothing to this guest.
        m.sie.cpu.guarded_storage.section_mask = 5;
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!((m.guest().ipa.get(), m.guest().ipb.get()), (0xE300, 0x0100_004D));
        assert_eq!(m.sie.cpu.guarded_storage.section_mask, 5);
    });
    each(&LOADS, |m| {
        prepare(m);
        (m.sie.cpu.guarded_storage.designation, m.sie.cpu.guarded_storage.section_mask) = (0x400_0019, u64::MAX);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!((m.guest().ipb.get(), m.sie.cpu.gr[2]), (0x0002_0000, 0x400_0000), "not guarded");
    });
}

#[test]
fn the_hosts_registers_are_the_guests_when_it_manages_them() {
    each(&USES, |m| {
        prepare(m);
        m.guest().ecb.set(Ecb::GS.bits());
        m.guest().ecd.set(Ecd::HOSTREGMGMT.bits());
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!((m.guest().ipa.get(), m.guest().ipb.get()), (0x8300, 0x0003_0000), "the handler");
        assert_eq!(m.sie.cpu.guarded_storage.block(), [0, 0x400_0019, u64::MAX, 0x200]);
    });
    each(&LOADS, |m| {
        prepare(m);
        m.guest().ecb.set(Ecb::GS.bits());
        m.guest().ecd.set(Ecd::HOSTREGMGMT.bits());
        m.sie.cpu.guarded_storage = softsie_cpu::GuardedStorage::of_block([0, 0x400_0019, 1 << 63, 0x200]);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.guest().ipb.get(), 0x0003_0000);
    });
}

#[test]
fn else_they_are_in_the_annex() {
    each(&USES, |m| {
        prepare(m);
        m.guest().ecb.set(Ecb::GS.bits());
        m.guest().sdnxo.set(ANNEX | 8);
        m.put(ANNEX + 16, 0x77);
        assert_eq!(m.interception(), icpt::INST);
        assert_eq!(m.guest().ipb.get(), 0x0003_0000);
        let block: [u64; 4] = std::array::from_fn(|n| m.get(ANNEX + 16 + n as u64 * 8));
        assert_eq!(block, [0x77, 0x400_0019, u64::MAX, 0x200]);
        assert_eq!(m.sie.cpu.guarded_storage.block(), [0; 4]);
    });
}
