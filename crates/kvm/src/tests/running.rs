//! KVM_RUN with real guest programs: exits, interrupts that arrive while the guest executes or waits, signals between CPUs,
//! stops and kicks. Truth: the interface's reference (KVM_RUN, interceptions) and the Principles of Operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::machine::{Machine, page};
use crate::abi::*;
use crate::{Errno, Vcpu};

const EA_BA: u64 = 0x0000_0001_8000_0000;
const EXT: u64 = 0x0100_0000_0000_0000;
const IO: u64 = 0x0200_0000_0000_0000;
const WAIT: u64 = 0x0002_0000_0000_0000;
const START: u64 = 0x4000;

/// A machine with a program at `START`, its CPU about to execute it.
struct Guest {
    machine: Machine,
    cpu: Arc<Vcpu>,
}

fn guest(source: &str) -> Guest {
    let machine = Machine::new();
    load(&machine, START, source);
    for (new, at) in [(0x1b0, 0xb000), (0x1d0, 0xd000), (0x1f0, 0xf000)] {
        machine.write_psw(new, EA_BA, at);
        // DIAG with the class of interruption in its code leaves to the client.
        machine.write(at, &[0x83, 0, 0x0f, (at >> 8) as u8]);
    }
    let cpu = machine.vcpu(0);
    place(&cpu, EA_BA, START);
    set_timers_far(&cpu);
    Guest { machine, cpu }
}

/// Neither clock comparator nor CPU timer comes due.
fn set_timers_far(cpu: &Vcpu) {
    page(cpu, |run| {
        run.regs_mut().ckc = u64::MAX;
        run.regs_mut().cputm = i64::MAX as u64;
        run.kvm_dirty_regs |= KVM_SYNC_ARCH0;
    });
}

fn load(machine: &Machine, at: u64, source: &str) {
    machine.write(at, &softsie_isa::assemble(source, at).unwrap());
}

fn place(cpu: &Vcpu, mask: u64, at: u64) {
    page(cpu, |run| {
        run.psw_mask = mask;
        run.psw_addr = at;
    });
}

/// Runs to a SIEIC exit: interception code, text and address.
fn run(cpu: &Vcpu) -> (u8, u64, u64) {
    assert_eq!(cpu.run(), Ok(()));
    page(cpu, |run| {
        assert_eq!(run.exit_reason, KVM_EXIT_S390_SIEIC);
        let sieic = run.s390_sieic();
        (sieic.icptcode, u64::from(sieic.ipa) << 32 | u64::from(sieic.ipb), run.psw_addr)
    })
}

/// Runs to a DIAGNOSE exit: its code.
fn run_to_diagnose(cpu: &Vcpu) -> u64 {
    let (code, text, _) = run(cpu);
    assert_eq!((code, text >> 40), (4, 0x83), "{text:#x} at {:#x}", page(cpu, |run| run.psw_addr));
    text >> 16 & 0xfff
}

const EXTERNAL: u64 = 0xfb0;
const PROGRAM: u64 = 0xfd0;
const INPUT_OUTPUT: u64 = 0xff0;

fn gpr(cpu: &Vcpu, n: usize) -> u64 {
    page(cpu, |run| run.regs().gprs[n])
}

fn service() -> kvm_s390_interrupt {
    kvm_s390_interrupt { r#type: KVM_S390_INT_SERVICE as u32, parm: 0x8, parm64: 0 }
}

#[test]
fn an_instruction_leaves_with_its_text_and_the_registers() {
    let guest = guest("lghi %r1,77\n lay %r2,0x123(%r1)\n servc %r1,%r2\n lghi %r1,5\n diag %r0,%r0,0x123");
    page(&guest.cpu, |run| run.regs_mut().acrs[3] = 0x1234);
    let (code, text, address) = run(&guest.cpu);
    assert_eq!((code, text), (4, 0xb220_0012_0000));
    assert_eq!(address, START + 14, "behind the instruction");
    assert_eq!((gpr(&guest.cpu, 1), gpr(&guest.cpu, 2)), (77, 77 + 0x123));
    assert_eq!(page(&guest.cpu, |run| (run.regs().acrs[3], run.regs().crs[0])), (0x1234, 0xe0));
    assert_eq!(run_to_diagnose(&guest.cpu), 0x123);
    assert_eq!(gpr(&guest.cpu, 1), 5);
    let exits: Vec<_> = guest.cpu.statistics().exits.counts().collect();
    assert_eq!(exits, [(13, 2)]);
}

#[test]
fn an_executed_instruction_leaves_behind_the_execute() {
    let guest = guest("lghi %r1,0x21\n exrl %r1,target\n lghi %r3,1\ntarget: diag %r0,%r0,0x456");
    let (code, text, address) = run(&guest.cpu);
    assert_eq!((code, text), (4, 0x8321_0456_0000), "the modified text");
    assert_eq!(address, START + 10);
}

#[test]
fn registers_go_in_by_class() {
    let guest = guest("stctg %c1,%c1,0xe00\n stpx 0xe08\n diag %r0,%r0,0x123");
    page(&guest.cpu, |run| {
        run.regs_mut().crs[1] = 0x1000_0000;
        run.regs_mut().prefix = 0x2_0000;
    });
    run_to_diagnose(&guest.cpu);
    assert_eq!(guest.machine.read_u64(0xe00), 0, "not dirty: not taken");
    page(&guest.cpu, |run| {
        run.regs_mut().crs[1] = 0x2000_0000;
        run.regs_mut().prefix = 0x2_0000;
        run.kvm_dirty_regs = KVM_SYNC_CRS | KVM_SYNC_PREFIX;
        run.psw_addr = START;
    });
    run_to_diagnose(&guest.cpu);
    assert_eq!(guest.machine.read_u64(0x2_0e00), 0x2000_0000);
    assert_eq!(guest.machine.read::<4>(0x2_0e08), [0, 2, 0, 0]);
    assert_eq!(page(&guest.cpu, |run| run.kvm_dirty_regs), 0);
}

#[test]
fn privileged_instructions_of_problem_programs_are_exceptions() {
    let guest = guest("diag %r0,%r0,0x123");
    place(&guest.cpu, EA_BA | 0x0001_0000_0000_0000, START);
    assert_eq!(run_to_diagnose(&guest.cpu), PROGRAM);
    assert_eq!(guest.machine.read::<4>(0x8c), [0, 4, 0, 2]);
}

#[test]
fn a_disabled_wait_leaves() {
    let guest = guest("larl %r1,psw\n lpswe 0(%r1)\n .align 8\npsw: .quad 0x0002000180000000,0xfff");
    let (code, _, address) = run(&guest.cpu);
    assert_eq!((code, address), (0x1c, 0xfff));
}

#[test]
fn instructions_written_by_the_client_between_two_runs_are_executed() {
    let guest = guest("lghi %r1,1\n diag %r0,%r0,0x111");
    for value in 1..20u64 {
        let source = format!("lghi %r1,{value}\n diag %r0,%r0,0x111");
        let bytes = softsie_isa::assemble(&source, START).unwrap();
        let host = guest.machine.region(0).userspace_addr as usize + START as usize;
        // SAFETY: the machine's memory; the vCPU is not running.
        unsafe {
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), core::ptr::with_exposed_provenance_mut(host), bytes.len());
        }
        place(&guest.cpu, EA_BA, START);
        run_to_diagnose(&guest.cpu);
        assert_eq!(gpr(&guest.cpu, 1), value);
    }
}

/// Enables all external subclasses that the tests use.
const ENABLE: &str = "llill %r1,0x6ee0\n stg %r1,0xe00\n lctlg %c0,%c0,0xe00\n";

#[test]
fn an_interrupt_reaches_a_cpu_that_executes() {
    let guest = guest(&format!("{ENABLE} stosm 0xe00,0x01\nloop: j loop"));
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(10));
            guest.machine.vm.s390_interrupt(&service()).unwrap();
        });
        assert_eq!(run_to_diagnose(&guest.cpu), EXTERNAL);
    });
    assert_eq!(guest.machine.read::<8>(0x80), [0, 0, 0, 8, 0, 0, 0x24, 0x01]);
}

#[test]
fn a_masked_interrupt_waits_for_each_way_of_unmasking() {
    for unmask in [
        "stosm 0xe00,0x03",
        "larl %r1,mask\n ssm 0(%r1)",
        "larl %r1,psw\n lpswe 0(%r1)",
        // Masked by CR0 as well: enabling the PSW alone is not enough.
        "lghi %r1,0\n stg %r1,0xe00\n lctlg %c0,%c0,0xe00\n stosm 0xe00,0x03\n llill %r1,0x6ee0\n stg %r1,0xe00\n lctlg %c0,%c0,0xe00",
    ] {
        let guest = guest(&format!(
            "{ENABLE} lghi %r2,1000\nloop: brctg %r2,loop\n lghi %r3,1\n {unmask}\nafter: lghi %r3,2\n diag %r0,%r0,0x999\n\
             mask: .byte 3\n .align 8\npsw: .quad 0x0300000180000000,after"
        ));
        guest.machine.vm.s390_interrupt(&service()).unwrap();
        assert_eq!(run_to_diagnose(&guest.cpu), EXTERNAL, "{unmask}");
        assert_eq!(gpr(&guest.cpu, 3), 1, "{unmask}: right after the instruction that unmasks");
    }
}

#[test]
fn io_interrupts_wait_for_their_subclass() {
    let guest =
        guest("stosm 0xe00,0x02\n lghi %r3,1\n llilh %r1,0x1000\n stg %r1,0xe00\n lctlg %c6,%c6,0xe00\n lghi %r3,2");
    guest.machine.vm.s390_interrupt(&kvm_s390_interrupt { r#type: 0, parm: 0x1_0002, parm64: 0x1800_0000 }).unwrap();
    assert_eq!(run_to_diagnose(&guest.cpu), INPUT_OUTPUT);
    assert_eq!(gpr(&guest.cpu, 3), 1);
    assert_eq!(guest.machine.read::<4>(0xb8), [0, 1, 0, 2]);
    assert_eq!(guest.machine.read_u64(0x170) & IO, IO, "old PSW");
}

#[test]
fn the_clock_comparator_interrupts_an_executing_and_a_waiting_cpu() {
    let arm = "stck 0xe08\n lg %r1,0xe08\n algfi %r1,40960000\n stg %r1,0xe08\n sckc 0xe08\n";
    for end in [
        "stosm 0xe00,0x01\nloop: j loop",
        "larl %r1,psw\n lpswe 0(%r1)\n .align 8\npsw: .quad 0x0102000180000000,0x6000",
    ] {
        let guest = guest(&format!("{ENABLE} {arm} {end}"));
        let start = Instant::now();
        assert_eq!(run_to_diagnose(&guest.cpu), EXTERNAL, "{end}");
        assert!(start.elapsed() >= Duration::from_micros(9900), "{:?}", start.elapsed());
        assert_eq!(guest.machine.read::<2>(0x86), [0x10, 0x04]);
    }
}

#[test]
fn the_cpu_timer_interrupts_and_counts_down() {
    let guest =
        guest(&format!("{ENABLE} llilf %r1,20480000\n stg %r1,0xe08\n spt 0xe08\n stosm 0xe00,0x01\nloop: j loop"));
    let start = Instant::now();
    assert_eq!(run_to_diagnose(&guest.cpu), EXTERNAL);
    assert!(start.elapsed() >= Duration::from_micros(4900));
    assert_eq!(guest.machine.read::<2>(0x86), [0x10, 0x05]);
    assert!((page(&guest.cpu, |run| run.regs().cputm) as i64) < 0);
}

/// Returns when the vCPU has entered interpretive execution more than `entries` times.
fn wait_for_entry(cpu: &Vcpu, entries: u64) {
    while cpu.statistics().entries.get() == entries {
        thread::yield_now();
    }
}

#[test]
fn a_timer_that_would_interrupt_without_end_leaves_to_the_client() {
    let guest = guest(&format!(
        "{ENABLE} larl %r1,zero\n sckc 0(%r1)\n stosm 0xe00,0x01\nloop: j loop\n .align 8\nzero: .quad 0"
    ));
    guest.machine.write_psw(0x1b0, EA_BA | EXT, START);
    assert_eq!(run(&guest.cpu).0, 0x14);
}

#[test]
fn a_kick_leaves_with_eintr() {
    let guest = guest("lghi %r1,1\nloop: j loop");
    for _ in 0..20 {
        let entries = guest.cpu.statistics().entries.get();
        thread::scope(|scope| {
            scope.spawn(|| {
                wait_for_entry(&guest.cpu, entries);
                guest.cpu.kick();
            });
            assert_eq!(guest.cpu.run(), Err(Errno::EINTR));
        });
        assert_eq!(page(&guest.cpu, |run| core::mem::replace(&mut run.exit_reason, 0)), KVM_EXIT_INTR);
    }
    assert_eq!(gpr(&guest.cpu, 1), 1, "registers are current");
}

#[test]
fn a_kick_ends_an_enabled_wait_and_the_next_run_goes_on_waiting() {
    let guest = guest("larl %r1,psw\n lpswe 0(%r1)\n .align 8\npsw: .quad 0x0302000180000000,0x6000");
    for _ in 0..3 {
        thread::scope(|scope| {
            scope.spawn(|| {
                while !guest.cpu.peer().is_waiting() {
                    thread::yield_now();
                }
                guest.cpu.kick();
            });
            assert_eq!(guest.cpu.run(), Err(Errno::EINTR));
        });
        assert_eq!(page(&guest.cpu, |run| (run.psw_mask & WAIT, run.psw_addr)), (WAIT, 0x6000));
    }
}

#[test]
fn a_stop_order_leaves_with_the_cpu_stopped() {
    let guest = guest("loop: j loop");
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_for_entry(&guest.cpu, 0);
            let stop = kvm_s390_irq { r#type: KVM_S390_SIGP_STOP, ..kvm_s390_irq::new(0) };
            guest.cpu.s390_irq(&stop).unwrap();
        });
        assert_eq!(run(&guest.cpu).0, 0x28);
    });
    assert_eq!(guest.cpu.get_mp_state(), Ok(KVM_MP_STATE_STOPPED));
    // The next run starts the CPU again, as long as the client does not control CPU states.
    guest.cpu.kick();
    assert_eq!(guest.cpu.run(), Err(Errno::EINTR));
}

#[test]
fn a_cpu_can_stop_itself_and_store_its_status() {
    let guest = guest("lghi %r7,0x777\n stap 0xe00\n lh %r3,0xe00\n sigp %r0,%r3,9\nloop: j loop");
    guest.cpu.set_mp_state(KVM_MP_STATE_OPERATING).unwrap();
    assert_eq!(run(&guest.cpu).0, 0x28);
    assert_eq!(guest.machine.read_u64(0x1280 + 56), 0x777);
    assert_eq!(guest.cpu.get_mp_state(), Ok(KVM_MP_STATE_OPERATING), "the client stops it");
    guest.cpu.set_mp_state(KVM_MP_STATE_STOPPED).unwrap();
    assert_eq!(guest.cpu.run(), Err(Errno::EINVAL));
}

#[test]
fn two_cpus_signal_each_other() {
    // Each CPU waits for an external call or emergency signal, answers, and counts; CPU 0 begins. r8: rounds, r9: the other
    // CPU, r10: its own save area. Interruption handlers return past the wait.
    let rounds = 2000;
    let source = |order: u32, begins: bool| {
        format!(
            "llill %r1,0x6ae0\n stg %r1,0(%r10)\n lctlg %c0,%c0,0(%r10)\n {}\n\
             wait: larl %r1,enabled\n lpswe 0(%r1)\n\
             signalled: brctg %r8,send\n diag %r0,%r0,0x777\n\
             send: sigp %r2,%r9,{order}\n jnz send\n j wait\n\
             .align 8\nenabled: .quad 0x0102000180000000,wait",
            if begins { "j send" } else { "" }
        )
    };
    let machine = Machine::new();
    let cpus: Vec<_> = (0..2u64)
        .map(|n| {
            let base = 0x4000 + n * 0x1000;
            let source = source(2 + n as u32, n == 0);
            let program = softsie_isa::assemble(&source, base).unwrap();
            machine.write(base, &program);
            // Each CPU has its own prefix area; its external-new PSW designates `signalled`.
            let prefix = 0x2_0000 + n * 0x2000;
            let symbols = softsie_isa::assemble_with_symbols(&source, base).unwrap().symbols;
            machine.write_psw(prefix + 0x1b0, EA_BA, symbols["signalled"]);
            machine.write_psw(prefix + 0x1d0, EA_BA | WAIT, 0xbad);
            let cpu = machine.vcpu(n as u32);
            page(&cpu, |run| {
                run.psw_mask = EA_BA;
                run.psw_addr = base;
                let regs = run.regs_mut();
                regs.prefix = prefix;
                regs.gprs[8] = rounds;
                regs.gprs[9] = 1 - n;
                regs.gprs[10] = 0x8000 + n * 0x100;
                run.kvm_dirty_regs = KVM_SYNC_PREFIX;
            });
            set_timers_far(&cpu);
            cpu
        })
        .collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for cpu in &cpus {
            let done = &done;
            scope.spawn(move || {
                // Whoever gets through first ends the other, which may wait for an answer that no longer comes.
                loop {
                    match cpu.run() {
                        Ok(()) => break,
                        Err(Errno::EINTR) => {}
                        Err(other) => panic!("{other}"),
                    }
                    if done.load(Ordering::SeqCst) {
                        return;
                    }
                }
                let sieic = page(cpu, |run| run.s390_sieic());
                assert_eq!((sieic.icptcode, sieic.ipa, sieic.ipb >> 16), (4, 0x8300, 0x777));
                done.store(true, Ordering::SeqCst);
            });
        }
        let start = Instant::now();
        while !done.load(Ordering::SeqCst) {
            assert!(start.elapsed() < Duration::from_secs(60), "a signal was lost");
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(5));
        cpus.iter().for_each(|cpu| cpu.kick());
    });
    let sleeps: u64 = cpus.iter().map(|cpu| cpu.statistics().sleeps.get()).sum();
    assert!(sleeps > 0, "they really waited");
}

#[test]
fn a_floating_interrupt_finds_the_cpu_that_is_enabled_for_it() {
    // CPU 0 loops masked, CPU 1 waits enabled.
    let guest = guest("loop: j loop");
    load(
        &guest.machine,
        0x6000,
        &format!("{ENABLE} larl %r1,psw\n lpswe 0(%r1)\n .align 8\npsw: .quad 0x0102000180000000,0x7000"),
    );
    let other = guest.machine.vcpu(1);
    place(&other, EA_BA, 0x6000);
    set_timers_far(&other);
    thread::scope(|scope| {
        let looping = scope.spawn(|| guest.cpu.run());
        let waiting = scope.spawn(|| run_to_diagnose(&other));
        while !other.peer().is_waiting() {
            thread::yield_now();
        }
        guest.machine.vm.s390_interrupt(&service()).unwrap();
        assert_eq!(waiting.join().unwrap(), EXTERNAL);
        guest.cpu.kick();
        assert_eq!(looping.join().unwrap(), Err(Errno::EINTR));
    });
    // And the other way round: nobody waits, the executing CPU is enabled.
    load(&guest.machine, START, &format!("{ENABLE} stosm 0xe00,0x01\nloop: j loop"));
    place(&guest.cpu, EA_BA, START);
    thread::scope(|scope| {
        let looping = scope.spawn(|| run_to_diagnose(&guest.cpu));
        thread::sleep(Duration::from_millis(5));
        guest.machine.vm.s390_interrupt(&service()).unwrap();
        assert_eq!(looping.join().unwrap(), EXTERNAL);
    });
}

#[test]
fn machine_check_waits_for_the_psw() {
    let guest = guest(
        "larl %r1,cr14\n lctlg %c14,%c14,0(%r1)\n lghi %r3,1\n larl %r1,psw\n lpswe 0(%r1)\nafter: lghi %r3,2\n diag %r0,%r0,0x999\n .align 8\ncr14: .quad 0x10000000\npsw: .quad 0x0004000180000000,after",
    );
    guest.machine.write_psw(0x1e0, EA_BA, 0xb000);
    let report = kvm_s390_interrupt { r#type: KVM_S390_MCHK as u32, parm: 0x1000_0000, parm64: 0x0040_0f1d_4033_0000 };
    guest.machine.vm.s390_interrupt(&report).unwrap();
    assert_eq!(run_to_diagnose(&guest.cpu), EXTERNAL, "the machine-check-new PSW goes to the same place");
    assert_eq!(gpr(&guest.cpu, 3), 1);
    assert_eq!(guest.machine.read_u64(0xe8) >> 48, 0x0040);
}

#[test]
fn external_mask_is_honoured_through_an_interruption() {
    // The external-new PSW is disabled: a second interrupt waits until LPSWE of the old PSW.
    let guest =
        guest(&format!("{ENABLE} lghi %r4,0\n stosm 0xe00,0x01\nloop: cghi %r4,2\n jne loop\n diag %r0,%r0,0x888"));
    load(&guest.machine, 0xb000, "aghi %r4,1\n lpswe 0x130");
    guest.machine.vcpu(1);
    for t in [KVM_S390_INT_EMERGENCY, KVM_S390_INT_EXTERNAL_CALL] {
        guest.cpu.s390_interrupt(&kvm_s390_interrupt { r#type: t as u32, parm: 1, parm64: 0 }).unwrap();
    }
    assert_eq!(run_to_diagnose(&guest.cpu), 0x888);
    assert_eq!(guest.machine.read_u64(0x130) & EXT, EXT);
}
