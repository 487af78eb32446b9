//! Machine-check interruptions: what is stored where, which conditions pass which masks, and when they are taken.
//! Truth: Principles of Operation, chapter 11, Machine-Check Handling; chapter 3, Assigned Storage Locations.

use std::sync::Arc;

use super::machine::{Machine, intercepted, page};
use crate::abi::*;
use crate::interrupt::Pending;
use crate::{Errno, Vcpu};

const MCHK: u64 = 0x0004_0000_0000_0000;
const EA_BA: u64 = 0x0000_0001_8000_0000;
const HANDLER: u64 = 0xe000;

/// Interruption-code bits.
const SYSTEM_DAMAGE: u64 = 1 << 63;
const INSTRUCTION_PROCESSING_DAMAGE: u64 = 1 << 62;
const EXTERNAL_DAMAGE: u64 = 1 << (63 - 5);
const WARNING: u64 = 1 << (63 - 8);
const CHANNEL_REPORT: u64 = 1 << (63 - 9);
const STORAGE_ERROR: u64 = 1 << (63 - 16);
const VECTORS_VALID: u64 = 1 << (63 - 25);
/// Validity of PSW, storage, registers, timers: all but extended save area.
const VALID: u64 = 0x0000_0f1d_4033_0000 & !VECTORS_VALID;

/// Subclass masks.
const CR14_REPORT: u64 = 1 << 28;
const CR14_DAMAGE: u64 = 1 << 25;
const CR14_WARNING: u64 = 1 << 24;

fn machine(prefix: u64) -> (Machine, Arc<Vcpu>) {
    let machine = Machine::with_vectors();
    machine.write_psw(prefix + 0x1e0, EA_BA, HANDLER);
    let cpu = machine.vcpu(0);
    cpu.set_mp_state(KVM_MP_STATE_OPERATING).unwrap();
    cpu.with_running(|running| running.set_prefix(prefix as u32));
    (machine, cpu)
}

/// An exigent or repressible condition of this CPU.
fn local(cpu: &Vcpu, mchk: kvm_s390_mchk_info) {
    let mut irq = kvm_s390_irq::new(KVM_S390_MCHK);
    irq.u.mchk = mchk;
    cpu.s390_irq(&irq).unwrap();
}

fn channel_report(machine: &Machine) {
    let mut irq = kvm_s390_irq::new(KVM_S390_MCHK);
    irq.u.mchk = kvm_s390_mchk_info { cr14: CR14_REPORT, mcic: CHANNEL_REPORT | VALID, ..Default::default() };
    machine.vm.enqueue(&irq).unwrap();
}

/// Delivers what the masks let through: the instruction address then.
fn deliver(cpu: &Vcpu, psw: u64, cr14: u64) -> u64 {
    let sd = &cpu.peer().sd;
    sd.gpsw_mask.set(EA_BA | psw);
    sd.gpsw_addr.set(0x4000);
    sd.gcr[14].set(cr14);
    sd.ckc.set(u64::MAX);
    sd.cputm.set(i64::MAX as u64);
    cpu.with_running(|running| running.deliver_interrupts().unwrap());
    sd.gpsw_addr.get()
}

#[test]
fn save_areas() {
    const PREFIX: u64 = 0x2_0000;
    let (machine, cpu) = machine(PREFIX);
    let lowcore = |at: u64| machine.read_u64(PREFIX + at);
    machine.write(PREFIX + 0x1300, &[0xcc; 0x200 - 0x100]);
    machine.write(PREFIX + 0x11b0, &0x3_0400u64.to_be_bytes());
    cpu.with_running(|running| {
        for n in 0..16u64 {
            running.sie.cpu.gr[n as usize] = 0x1111_0000 + n;
            running.sie.cpu.ar[n as usize] = 0x2222_0000 + n as u32;
            running.cpu.sd.gcr[n as usize].set(0x3333_0000 + n);
        }
        for n in 0..32u128 {
            running.sie.cpu.vr[n as usize] = (0x4444_0000 + n) << 64 | (0x5555_0000 + n);
        }
        running.sie.cpu.fpc = 0x0070_0000;
        running.cpu.sd.todpr.set(0x1234);
    });
    local(
        &cpu,
        kvm_s390_mchk_info {
            mcic: INSTRUCTION_PROCESSING_DAMAGE | STORAGE_ERROR | VALID | VECTORS_VALID,
            failing_storage_address: 0x8_7000,
            ext_damage_code: 0x1234_5678,
            fixed_logout: *b"a fixed logout!!",
            ..Default::default()
        },
    );
    assert_eq!(deliver(&cpu, MCHK, 0x3333_000e), HANDLER, "an exigent condition has no subclass mask");
    assert_eq!(lowcore(0xe8), INSTRUCTION_PROCESSING_DAMAGE | STORAGE_ERROR | VALID | VECTORS_VALID);
    assert_eq!(machine.read::<4>(PREFIX + 0xf4), [0x12, 0x34, 0x56, 0x78], "external-damage code");
    assert_eq!(lowcore(0xf8), 0x8_7000, "failing-storage address");
    assert_eq!(machine.read::<1>(PREFIX + 163), [1], "architectural mode");
    assert_eq!((lowcore(0x160), lowcore(0x168)), (EA_BA | MCHK, 0x4000), "old PSW");
    for n in 0..16u64 {
        assert_eq!(lowcore(0x1200 + 8 * n), 0x4444_0000 + n, "floating-point register {n}");
        assert_eq!(lowcore(0x1280 + 8 * n), 0x1111_0000 + n, "general register {n}");
        assert_eq!(
            machine.read::<4>(PREFIX + 0x1340 + 4 * n),
            (0x2222_0000 + n as u32).to_be_bytes(),
            "access register {n}"
        );
        assert_eq!(lowcore(0x1380 + 8 * n), 0x3333_0000 + n, "control register {n}");
    }
    assert_eq!(machine.read::<16>(PREFIX + 0x1300), *b"a fixed logout!!");
    assert_eq!(machine.read::<12>(PREFIX + 0x1310), [0xcc; 12], "the prefix is not saved");
    assert_eq!(machine.read::<4>(PREFIX + 0x131c), [0, 0x70, 0, 0], "floating-point control");
    assert_eq!(machine.read::<4>(PREFIX + 0x1324), [0, 0, 0x12, 0x34], "TOD programmable register");
    assert_eq!(lowcore(0x1328), i64::MAX as u64, "CPU timer");
    assert_eq!(lowcore(0x1330), u64::MAX >> 8, "bits 0-55 of the clock comparator");
    for n in 0..32u64 {
        let at = 0x3_0400 + 16 * n;
        assert_eq!((machine.read_u64(at), machine.read_u64(at + 8)), (0x4444_0000 + n, 0x5555_0000 + n), "vector {n}");
    }
    assert_eq!(machine.read_u64(0xe8), 0, "nothing at absolute zero");
}

#[test]
fn vectors_that_cannot_be_saved_are_not_valid() {
    for (area, valid) in [(0u64, false), (1 << 40, false), (0x3_03ff, true), (0x3_0001, true)] {
        let (machine, cpu) = machine(0);
        machine.write(0x11b0, &area.to_be_bytes());
        local(&cpu, kvm_s390_mchk_info { mcic: SYSTEM_DAMAGE | VALID | VECTORS_VALID, ..Default::default() });
        assert_eq!(deliver(&cpu, MCHK, 0), HANDLER);
        // The right bits of the designation are no part of the origin.
        assert_eq!(machine.read_u64(0xe8) & VECTORS_VALID != 0, valid, "{area:#x}");
    }
}

#[test]
fn repressible_conditions_wait_for_their_subclass() {
    let (machine, cpu) = machine(0);
    let damage = |cr14| kvm_s390_mchk_info { cr14, mcic: EXTERNAL_DAMAGE | VALID, ..Default::default() };
    // With the mask given, and by the code.
    for cr14 in [CR14_DAMAGE, 0] {
        local(&cpu, damage(cr14));
        assert_eq!(deliver(&cpu, 0, !0), 0x4000, "masked by the PSW");
        assert_eq!(deliver(&cpu, MCHK, !CR14_DAMAGE), 0x4000, "another subclass");
        assert_eq!(deliver(&cpu, MCHK, CR14_DAMAGE), HANDLER);
        assert_eq!(machine.read_u64(0xe8), EXTERNAL_DAMAGE | VALID);
        assert_eq!(deliver(&cpu, MCHK, !0), 0x4000, "once");
    }
}

#[test]
fn what_is_masked_stays_pending_when_another_is_taken() {
    let (machine, cpu) = machine(0);
    channel_report(&machine);
    local(&cpu, kvm_s390_mchk_info { cr14: CR14_WARNING, mcic: WARNING | VALID, ..Default::default() });
    assert_eq!(deliver(&cpu, MCHK, CR14_WARNING), HANDLER);
    assert_eq!(machine.read_u64(0xe8), WARNING | VALID, "the channel report is masked");
    assert_eq!(deliver(&cpu, MCHK, CR14_WARNING), 0x4000);
    assert_eq!(deliver(&cpu, MCHK, CR14_REPORT), HANDLER);
    assert_eq!(machine.read_u64(0xe8), CHANNEL_REPORT | VALID);
    // And the other way round.
    channel_report(&machine);
    local(&cpu, kvm_s390_mchk_info { cr14: CR14_WARNING, mcic: WARNING | VALID, ..Default::default() });
    assert_eq!(deliver(&cpu, MCHK, CR14_REPORT), HANDLER);
    assert_eq!(machine.read_u64(0xe8), CHANNEL_REPORT | VALID);
    assert_eq!(cpu.peer().local.lock().pending, Pending::MCHK_REPRESSIBLE);
}

#[test]
fn one_interruption_indicates_all_that_is_enabled() {
    let (machine, cpu) = machine(0);
    channel_report(&machine);
    local(&cpu, kvm_s390_mchk_info { mcic: WARNING | VALID, ..Default::default() });
    local(&cpu, kvm_s390_mchk_info { mcic: EXTERNAL_DAMAGE | VALID, ext_damage_code: 7, ..Default::default() });
    assert_eq!(deliver(&cpu, MCHK, !0), HANDLER);
    assert_eq!(machine.read_u64(0xe8), CHANNEL_REPORT | WARNING | EXTERNAL_DAMAGE | VALID);
    assert_eq!(machine.read::<4>(0xf4), [0, 0, 0, 7]);
    assert_eq!(deliver(&cpu, MCHK, !0), 0x4000);
}

#[test]
fn a_machine_check_is_taken_when_any_psw_lets_it_through() {
    // The current PSW masks machine checks; those that the program comes to do not.
    for (way, source) in [
        ("supervisor call", "svc 1\n lghi %r3,2"),
        ("program interruption", ".short 0"),
        ("LPSWE", "larl %r1,psw\n lpswe 0(%r1)\nafter: lghi %r3,2\n .align 8\npsw: .quad 0x0004000180000000,after"),
        ("LPSW", "larl %r1,psw\n lpsw 0(%r1)\nafter: lghi %r3,2\n .align 8\npsw: .quad 0x000c000080004100"),
    ] {
        let (machine, cpu) = machine(0);
        machine.write(0x4000, &softsie_isa::assemble(&format!("lghi %r3,1\n {source}"), 0x4000).unwrap());
        for (new, at) in [(0x1c0, 0xc000), (0x1d0, 0xd000)] {
            machine.write_psw(new, EA_BA | MCHK, at);
            machine.write(at, &softsie_isa::assemble("lghi %r3,2\n diag %r0,%r0,0x222", at).unwrap());
        }
        machine.write(0x4100, &softsie_isa::assemble("lghi %r3,2\n diag %r0,%r0,0x222", 0x4100).unwrap());
        machine.write(HANDLER, &softsie_isa::assemble("diag %r0,%r0,0x333", HANDLER).unwrap());
        channel_report(&machine);
        page(&cpu, |run| {
            (run.psw_mask, run.psw_addr) = (EA_BA, 0x4000);
            run.regs_mut().crs[14] = CR14_REPORT;
            run.regs_mut().ckc = u64::MAX;
            run.regs_mut().cputm = i64::MAX as u64;
            run.kvm_dirty_regs = KVM_SYNC_CRS | KVM_SYNC_ARCH0;
        });
        cpu.run().unwrap();
        let at = page(&cpu, |run| (run.psw_addr, run.regs().gprs[3]));
        assert_eq!(at, (HANDLER + 4, 1), "{way}: before the next instruction");
        assert_eq!(machine.read_u64(0x1298), 1, "{way}: saved register");
    }
}

#[test]
fn an_exigent_condition_that_is_masked_stops_the_cpu_for_good() {
    let (machine, cpu) = machine(0);
    let other = machine.vcpu(4);
    other.set_mp_state(KVM_MP_STATE_OPERATING).unwrap();
    let sense = |order: u64| {
        other.with_running(|running| {
            running.sie.cpu.gr[2] = 0;
            running.sie.cpu.gr[4] = 0;
        });
        intercepted(&other, (0xae24_0000 | order) << 32, |running, handled| {
            handled.unwrap();
            (running.cpu.sd.gpsw_mask.get() >> 44 & 3, running.sie.cpu.gr[2])
        })
    };
    local(&cpu, kvm_s390_mchk_info { mcic: SYSTEM_DAMAGE | VALID, ..Default::default() });
    assert_eq!(deliver(&cpu, 0, !0), 0x4000);
    assert_eq!(cpu.get_mp_state(), Ok(KVM_MP_STATE_CHECK_STOP));
    // It does nothing, whatever would be enabled.
    assert_eq!(deliver(&cpu, MCHK, !0), 0x4000);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            cpu.kick();
        });
        assert_eq!(cpu.run(), Err(Errno::EINTR));
    });
    // The others are alerted, with its address.
    let sd = &other.peer().sd;
    machine.write_psw(0x1b0, EA_BA, 0xb000);
    sd.gpsw_mask.set(EA_BA | 0x0100_0000_0000_0000);
    sd.gcr[0].set(0x4000);
    sd.ckc.set(u64::MAX);
    sd.cputm.set(i64::MAX as u64);
    machine.write(0x84, &[0xff; 4]);
    other.with_running(|running| running.deliver_interrupts().unwrap());
    assert_eq!(machine.read::<4>(0x84), [0xff; 4], "the subclass is masked");
    sd.gcr[0].set(0x8000);
    other.with_running(|running| running.deliver_interrupts().unwrap());
    assert_eq!(machine.read::<4>(0x84), [0, 0, 0x12, 0x00]);
    // What other CPUs can do to it.
    assert_eq!(sense(0x01), (1, 0x10));
    for order in [0x04, 0x05, 0x06, 0x09, 0x0d, 0x0e, 0x17] {
        assert_eq!(sense(order), (1, 0x10), "order {order:#x}");
    }
    assert_eq!(sense(0x02), (0, 0), "external call");
    assert_eq!(sense(0x01), (1, 0x90));
    cpu.s390_normal_reset().unwrap();
    assert_eq!(cpu.get_mp_state(), Ok(KVM_MP_STATE_OPERATING), "the client says what follows the check stop");
    cpu.set_mp_state(KVM_MP_STATE_STOPPED).unwrap();
    assert_eq!(sense(0x01), (1, 0x40));
}
