//! Timers and the clock as a guest program sees them: when their interruptions come and come again, and the clock of one CPU
//! set by another. Truth: Principles of Operation, chapter 4, Timing; chapter 6, External Interruption.

use std::sync::Arc;
use std::thread;

use super::machine::{Machine, page};
use crate::abi::*;
use crate::model::CpuModel;
use crate::{Errno, OwnMemory, Vcpu};

const EA_BA: u64 = 0x0000_0001_8000_0000;
const EXT: u64 = 0x0100_0000_0000_0000;
const START: u64 = 0x4000;
const HANDLER: u64 = 0xb000;

fn load(machine: &Machine, at: u64, source: &str) {
    machine.write(at, &softsie_isa::assemble(source, at).unwrap_or_else(|e| panic!("{e}\n{source}")));
}

/// A CPU about to execute `source` with timers far from due, and an external-interruption handler.
fn guest(source: &str, handler: &str) -> (Machine, Arc<Vcpu>) {
    guest_of(Machine::new(), source, handler)
}

fn guest_of(machine: Machine, source: &str, handler: &str) -> (Machine, Arc<Vcpu>) {
    load(&machine, START, source);
    load(&machine, HANDLER, handler);
    machine.write_psw(0x1b0, EA_BA, HANDLER);
    machine.write_psw(0x1d0, EA_BA, 0xd000);
    load(&machine, 0xd000, "diag %r0,%r0,0xddd");
    machine.write(0xe10, &[0xff; 8]);
    machine.write(0xe18, &(i64::MAX as u64).to_be_bytes());
    let cpu = machine.vcpu(0);
    start(&cpu, EXT, START);
    (machine, cpu)
}

fn start(cpu: &Vcpu, mask: u64, at: u64) {
    page(cpu, |run| {
        (run.psw_mask, run.psw_addr) = (EA_BA | mask, at);
        let regs = run.regs_mut();
        regs.crs[0] = 0xce0;
        regs.ckc = u64::MAX;
        regs.cputm = i64::MAX as u64;
        run.kvm_dirty_regs = KVM_SYNC_CRS | KVM_SYNC_ARCH0;
    });
}

/// Runs to a DIAGNOSE: its code and the registers.
fn run(cpu: &Vcpu) -> (u64, [u64; 16]) {
    cpu.run().unwrap();
    page(cpu, |run| {
        assert_eq!((run.exit_reason, run.s390_sieic().icptcode), (KVM_EXIT_S390_SIEIC, 4));
        (u64::from(run.s390_sieic().ipb) >> 16 & 0xfff, run.regs().gprs)
    })
}

/// Stops a timer: the storage at e10 and e18 holds values that are far from due.
const QUIET: &str = "sckc 0xe10\n spt 0xe18\n";

#[test]
fn a_timer_that_is_set_past_interrupts_before_the_next_instruction() {
    for (set, code) in [("spt 0xe20", [0x10, 0x05]), ("sckc 0xe28", [0x10, 0x04])] {
        let (machine, cpu) =
            guest(&format!("lghi %r3,1\n {set}\nafter: lghi %r3,2\n diag %r0,%r0,0x999"), "diag %r0,%r0,0x300");
        machine.write(0xe20, &u64::MAX.to_be_bytes());
        let (diagnose, gprs) = run(&cpu);
        assert_eq!((diagnose, gprs[3]), (0x300, 1), "{set}");
        assert_eq!(machine.read::<2>(0x86), code);
        assert_eq!(machine.read::<2>(0x84), [0, 0], "no CPU address");
        assert_eq!(machine.read_u64(0x138), START + 8);
    }
}

#[test]
fn each_mask_holds_a_timer_back_until_it_is_lifted() {
    // By control register 0 and by the PSW, both timers due: the comparator comes first.
    for unmask in ["mvhhi 0xe32,0\n mvhhi 0xe36,0xce0\n lctlg %c0,%c0,0xe30", "stosm 0xe40,1"] {
        let by_register = unmask.contains("lctlg");
        let (machine, cpu) = guest(
            &format!("lghi %r3,1\n spt 0xe20\n sckc 0xe28\n lghi %r3,2\n {unmask}\n lghi %r3,3\n diag %r0,%r0,0x100"),
            "llgh %r4,0x86\n sllg %r5,%r5,16\n ogr %r5,%r4\n cghi %r4,0x1004\n jne timer\n sckc 0xe10\n \
                      lpswe 0x130\ntimer: spt 0xe18\n lgr %r6,%r3\n lpswe 0x130",
        );
        machine.write(0xe20, &u64::MAX.to_be_bytes());
        if by_register {
            page(&cpu, |run| run.regs_mut().crs[0] = 0xe0);
        } else {
            page(&cpu, |run| run.psw_mask = EA_BA);
        }
        let (diagnose, gprs) = run(&cpu);
        assert_eq!((diagnose, gprs[3], gprs[6]), (0x100, 3, 2), "{unmask}: right after the instruction that unmasks");
        assert_eq!(gprs[5], 0x1004_1005, "{unmask}: once each");
    }
}

#[test]
fn a_condition_that_stays_interrupts_again() {
    for set in ["spt 0xe20", "sckc 0xe28"] {
        let (machine, cpu) = guest(
            &format!("{set}\nloop: j loop"),
            &format!("aghi %r7,1\n cghi %r7,5\n je enough\n lpswe 0x130\nenough: {QUIET} diag %r0,%r0,0x300"),
        );
        machine.write(0xe20, &u64::MAX.to_be_bytes());
        let (diagnose, gprs) = run(&cpu);
        assert_eq!((diagnose, gprs[7]), (0x300, 5), "{set}");
    }
}

#[test]
fn the_sign_control_is_nothing_without_the_facility() {
    // 7fff… is before today as an unsigned value, and far ahead as a signed one.
    for (has, code) in [(true, 0x100), (false, 0x300)] {
        let machine = Machine::new();
        let change = |model: &mut CpuModel| {
            let mut processor = model.processor();
            if !has {
                processor.fac_list[139 / 8] &= !(0x80 >> (139 % 8));
            }
            model.set_processor(&processor);
            Ok(())
        };
        machine.vm.change_model(change).unwrap();
        let (machine, cpu) = guest_of(machine, "sckc 0xe18\n lghi %r3,2\n diag %r0,%r0,0x100", "diag %r0,%r0,0x300");
        page(&cpu, |run| run.regs_mut().crs[0] |= 1 << 53);
        assert_eq!(machine.vm.has_facility(139), has);
        assert_eq!(run(&cpu).0, code);
        // The same with an epoch index that is not the client's to set.
        let clock = kvm_s390_vm_tod_clock { epoch_idx: 1, pad: [0; 7], tod: 0 };
        let at = (&raw const clock).expose_provenance() as u64;
        let attr = kvm_device_attr { flags: 0, group: KVM_S390_VM_TOD, attr: KVM_S390_VM_TOD_EXT, addr: at };
        let set = machine.vm.set_device_attr(&attr, &OwnMemory);
        assert_eq!(set, if has { Ok(()) } else { Err(Errno::EINVAL) });
    }
}

#[test]
fn a_psw_that_is_not_valid_is_an_early_exception() {
    // Bit 0 is one; bit 31 without bit 32; an address too long for its mode; the wait state does not come before it.
    for (mask, address) in [
        (EA_BA | 1 << 63, 0x5000),
        (1 << 32, 0x5000),
        (1 << 31, 0x8000_0000),
        (EA_BA | 1 << 63 | 0x0002_0000_0000_0000, 0x5000),
    ] {
        // Loaded by the client, and by an interruption that the host delivers.
        for by_interruption in [false, true] {
            let (machine, cpu) = guest("stosm 0xe40,1\nloop: j loop", "diag %r0,%r0,0x300");
            if by_interruption {
                machine.write_psw(0x1b0, mask, address);
                page(&cpu, |run| run.regs_mut().ckc = 0);
            } else {
                start(&cpu, 0, address);
                page(&cpu, |run| run.psw_mask = mask);
            }
            assert_eq!(run(&cpu).0, 0xddd, "{mask:x} {by_interruption}");
            assert_eq!(machine.read::<4>(0x8c), [0, 0, 0, 6], "{mask:x} {by_interruption}: no instruction length");
            assert_eq!((machine.read_u64(0x150), machine.read_u64(0x158)), (mask, address));
        }
    }
}

#[test]
fn an_intercepted_load_of_such_a_psw_is_the_same() {
    // A machine check that is masked makes the host load PSWs.
    let report = kvm_s390_interrupt { r#type: KVM_S390_MCHK as u32, parm: 0x1000_0000, parm64: 0x0040_0000_0000_0000 };
    for pending in [false, true] {
        for load in ["lpswe 0xe40", "lpsw 0xe50"] {
            let (machine, cpu) = guest(load, "diag %r0,%r0,0x300");
            machine.write_psw(0xe40, EA_BA | 1 << 63, 0x5000);
            machine.write(0xe50, &0x8008_0001_8000_5000u64.to_be_bytes());
            if pending {
                machine.vm.s390_interrupt(&report).unwrap();
            }
            assert_eq!(run(&cpu).0, 0xddd, "{load} {pending}");
            assert_eq!(machine.read::<4>(0x8c), [0, 0, 0, 6], "{load} {pending}");
            assert_eq!((machine.read_u64(0x150), machine.read_u64(0x158)), (EA_BA | 1 << 63, 0x5000));
        }
    }
}

#[test]
fn when_set_clock_ends_every_cpu_has_the_new_clock() {
    // CPU 0 sets the clock, then tells CPU 1, which looks at it at once; and so on, ahead and back.
    const ROUNDS: u64 = 300;
    let machine = Machine::new();
    load(
        &machine,
        START,
        "lghi %r8,0\nnext: aghi %r8,1\n sllg %r1,%r8,48\n tmll %r8,1\n jz even\n xihf %r1,0x40000000\neven: stg %r1,0xe00\n \
         sck 0xe00\n stg %r8,0xf00\nwait: cg %r8,0xf08\n jne wait\n cghi %r8,300\n jne next\n diag %r0,%r0,0x100",
    );
    // The clock's first bytes must be those that were set: 2^48 units are less than a minute.
    load(
        &machine,
        0x8000,
        "lghi %r8,0\nnext: aghi %r8,1\nwait: cg %r8,0xf00\n jne wait\n stck 0xe50\n lg %r2,0xe50\n srlg %r2,%r2,48\n lgr %r3,%r8\n \
         tmll %r8,1\n jz even\n xilf %r3,0x4000\neven: cgr %r2,%r3\n jne wrong\n stg %r8,0xf08\n cghi %r8,300\n jne next\n \
         diag %r0,%r0,0x200\nwrong: mvghi 0xf08,300\n mvghi 0xf10,1\n diag %r0,%r0,0x999",
    );
    let cpus = [machine.vcpu(0), machine.vcpu(1)];
    start(&cpus[0], 0, START);
    start(&cpus[1], 0, 0x8000);
    let codes = thread::scope(|scope| {
        let runs = cpus.each_ref().map(|cpu| {
            scope.spawn(move || {
                let result = run(cpu);
                (result.0, result.1[8], result.1[2])
            })
        });
        runs.map(|run| run.join().unwrap())
    });
    assert_eq!(machine.read_u64(0xf10), 0, "{codes:x?}");
    assert_eq!((codes[0].0, codes[1].0, codes[1].1), (0x100, 0x200, ROUNDS), "{codes:x?}");
}

#[test]
fn a_program_sets_its_offsets_and_finds_them() {
    // STO at e50, STOU at e58, then QTOU at f00 and the clock at f40.
    let (machine, cpu) = guest(
        "lghi %r0,0x41\n lghi %r1,0xe50\n ptff\n ipm %r4\n lghi %r0,0x45\n lghi %r1,0xe58\n ptff\n ipm %r5\n \
         lghi %r0,5\n lghi %r1,0xf00\n ptff\n ipm %r6\n stck 0xf40\n lghi %r0,0x42\n ptff\n ipm %r7\n \
         diag %r0,%r0,0x100",
        "diag %r0,%r0,0x300",
    );
    machine.write(0xe50, &0x0100_0000_0000_0000u64.to_be_bytes());
    machine.write(0xe58, &0x0010_0000_0000_0000u64.to_be_bytes());
    let (diagnose, gprs) = run(&cpu);
    assert_eq!(diagnose, 0x100);
    let cc = [4, 5, 6, 7].map(|n: usize| gprs[n] >> 28 & 3);
    assert_eq!(cc, [0, 0, 0, 3], "the fine steering rate is not for guests");
    let at = |address| machine.read_u64(address);
    assert_eq!([at(0xf08), at(0xf10), at(0xf18)], [0, 0x0110_0000_0000_0000, 0x0110_0000_0000_0000]);
    assert_eq!(at(0xf20), 0x0010_0000_0000_0000, "the user's part");
    let elapsed = at(0xf40).wrapping_sub(at(0xf00)).wrapping_sub(0x0110_0000_0000_0000);
    assert!(elapsed < 60 * 4_096_000_000, "{elapsed:x}");
    // Another CPU has the same clock, one made later, too.
    for id in [1, 2] {
        let cpu = machine.vcpu(id);
        assert_eq!(cpu.peer().sd.epoch.get(), 0x0110_0000_0000_0000);
    }
}
