//! Storms: several vCPUs signal each other without pause, and timers end waits again and again. Nothing may get lost.
//! Truth: Principles of Operation, chapter 4 (Timing, CPU Signaling and Response) and chapter 6 (External Interruption).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::machine::{Machine, page};
use crate::abi::*;
use crate::{Errno, Vcpu};

const EA_BA: u64 = 0x0000_0001_8000_0000;
const WAIT: u64 = 0x0002_0000_0000_0000;
const DONE: u32 = 0x777;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|v| v.parse().ok())
}

/// How often a program does its work: a campaign does a tenth of what is usual in each of its rounds.
fn rounds(usual: u64) -> u64 {
    number("SOFTSIE_LITMUS_ROUNDS").map_or(usual, |rounds| rounds * usual.div_ceil(10))
}

fn cpu_counts() -> Vec<u64> {
    number("SOFTSIE_LITMUS_CPUS").map_or_else(|| vec![2, 4], |n| vec![n])
}

/// Far beyond what any program needs even on a busy host.
fn patience() -> Duration {
    Duration::from_secs(100 + number("SOFTSIE_LITMUS_ROUNDS").unwrap_or(0))
}

/// Runs `source` on `cpus` vCPUs until each has ended with DIAGNOSE 0x777. Label `external` is the external-new PSW's.
/// At the start: R9 the CPU's number, R10 a private place of 256 bytes; the lowcore is private.
fn storm(cpus: u64, source: impl Fn(u64) -> String) -> Machine {
    let machine = Machine::new();
    let vcpus: Vec<_> = (0..cpus)
        .map(|n| {
            let (base, prefix) = (0x4000 + n * 0x1000, 0x2_0000 + n * 0x2000);
            let source = source(n);
            let program = softsie_isa::assemble_with_symbols(&source, base).unwrap_or_else(|e| panic!("{e}\n{source}"));
            machine.write(base, &program.bytes);
            machine.write_psw(prefix + 0x1b0, EA_BA, program.symbols["external"]);
            machine.write_psw(prefix + 0x1d0, EA_BA | WAIT, 0xbad);
            let cpu = machine.vcpu(n as u32);
            page(&cpu, |run| {
                run.psw_mask = EA_BA;
                run.psw_addr = base;
                let regs = run.regs_mut();
                regs.prefix = prefix;
                regs.gprs[9] = n;
                regs.gprs[10] = 0x4_0000 + n * 0x100;
                regs.ckc = u64::MAX;
                regs.cputm = i64::MAX as u64;
                run.kvm_dirty_regs = KVM_SYNC_PREFIX | KVM_SYNC_ARCH0;
            });
            cpu
        })
        .collect();
    let (ended, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for cpu in &vcpus {
            let (ended, failed) = (&ended, &failed);
            scope.spawn(move || {
                loop {
                    match cpu.run() {
                        Ok(()) => break,
                        Err(Errno::EINTR) if failed.load(Ordering::SeqCst) => break,
                        Err(Errno::EINTR) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
                let exit = page(cpu, |run| run.s390_sieic());
                let good = (exit.icptcode, exit.ipa, exit.ipb >> 16) == (4, 0x8300, DONE);
                if !good {
                    failed.store(true, Ordering::SeqCst);
                }
                ended.fetch_add(1, Ordering::SeqCst);
            });
        }
        let start = Instant::now();
        while ended.load(Ordering::SeqCst) < vcpus.len() && !failed.load(Ordering::SeqCst) {
            if start.elapsed() > patience() {
                failed.store(true, Ordering::SeqCst);
            }
            thread::sleep(Duration::from_millis(1));
        }
        while ended.load(Ordering::SeqCst) < vcpus.len() {
            vcpus.iter().for_each(|cpu| cpu.kick());
            thread::sleep(Duration::from_millis(1));
        }
    });
    let state = |cpu: &Vcpu| {
        page(cpu, |run| {
            let exit = run.s390_sieic();
            format!(
                "icpt {:#x} {:04x} {:08x} at {:#x}: {:x?}",
                exit.icptcode,
                exit.ipa,
                exit.ipb,
                run.psw_addr,
                run.regs().gprs
            )
        })
    };
    let states: Vec<_> = vcpus.iter().map(|cpu| state(cpu)).collect();
    assert!(!failed.load(Ordering::SeqCst), "a signal was lost or a CPU went astray:\n{}", states.join("\n"));
    machine
}

/// CR0: emergency signal, external call, clock comparator, CPU timer, as `subclasses` says.
fn enable(subclasses: u64) -> String {
    format!("llill %r1,{subclasses}\n stg %r1,0(%r10)\n lctlg %c0,%c0,0(%r10)\n")
}

#[test]
fn every_external_call_arrives_once() {
    // Every CPU calls the next one in a ring N times, without pause: a call is refused (CC 1, external call pending) until
    // the one before has been taken. So each CPU takes exactly N. It counts them at 0x4'0080 + n * 0x100.
    let n = rounds(500);
    for cpus in cpu_counts() {
        let machine = storm(cpus, |cpu| {
            format!(
                "{} llilf %r8,{n}\n lghi %r5,{}\n la %r6,0x80(%r10)\n stosm 8(%r10),0x01\n\
                 again: sigp %r2,%r5,2\n jz sent\n sigp %r2,%r5,1\n sigp %r2,%r5,0x15\n j again\n\
                 sent: brctg %r8,again\n\
                 last: lg %r7,0(%r6)\n clgfi %r7,{n}\n jl last\n\
                 stnsm 8(%r10),0xfe\n diag %r0,%r0,{DONE}\n\
                 external: stg %r2,0xe00\n llgh %r2,0x86\n cghi %r2,0x1202\n lg %r2,0xe00\n jne bad\n agsi 0(%r6),1\n lpswe 0x130\n\
                 bad: diag %r0,%r0,0xbad\n",
                enable(0x20e0),
                (cpu + 1) % cpus,
            )
        });
        for cpu in 0..cpus {
            assert_eq!(machine.read_u64(0x4_0080 + cpu * 0x100), n, "{cpus} CPUs, CPU {cpu}");
        }
    }
}

#[test]
fn an_emergency_signal_is_taken_by_a_waiting_cpu_from_each_sender() {
    // CPUs 1 and up each signal CPU 0, wait until it has counted the signal of theirs, and go on; CPU 0 waits enabled.
    // The counts lie at 0x5'0000 + sender * 8.
    let n = rounds(300);
    for cpus in cpu_counts() {
        let machine = storm(cpus, |cpu| {
            if cpu == 0 {
                return format!(
                    "{} lghi %r8,0\n llilf %r5,0x50000\n larl %r6,wait\n lpswe 0(%r6)\n\
                     external: llgh %r2,0x86\n cghi %r2,0x1201\n jne bad\n llgh %r3,0x84\n sllg %r3,%r3,3\n\
                     la %r3,0(%r3,%r5)\n agsi 0(%r3),1\n aghi %r8,1\n clgfi %r8,{}\n je end\n lpswe 0(%r6)\n\
                     end: diag %r0,%r0,{DONE}\nbad: diag %r0,%r0,0xbad\n .align 8\nwait: .quad 0x0102000180000000,0xbad\n",
                    enable(0x40e0),
                    (cpus - 1) * n
                );
            }
            format!(
                "lghi %r8,0\n lghi %r5,0\n llilf %r6,0x50000+{cpu}*8\n\
                 again: sigp %r2,%r5,3\n jnz bad\n aghi %r8,1\n\
                 1: sigp %r2,%r5,1\n lg %r7,0(%r6)\n cgr %r7,%r8\n jl 1b\n jh bad\n\
                 clgfi %r8,{n}\n jl again\n diag %r0,%r0,{DONE}\n\
                 external: j bad\nbad: diag %r0,%r0,0xbad\n"
            )
        });
        for cpu in 1..cpus {
            assert_eq!(machine.read_u64(0x5_0000 + cpu * 8), n, "{cpus} CPUs, sender {cpu}");
        }
    }
}

#[test]
fn timers_end_waits_while_signals_come() {
    // Each CPU sets clock comparator and CPU timer to a short time and waits N times for one of them, while its neighbour
    // sends emergency signals between its own waits. The clock must not be behind the comparator at the interruption.
    let n = rounds(100);
    for cpus in cpu_counts() {
        storm(cpus, |cpu| {
            format!(
                "{} llilf %r8,{n}\n lghi %r5,{}\n larl %r6,wait\n\
                 again: sigp %r2,%r5,3\n tmll %r8,1\n jz timer\n\
                 stck 16(%r10)\n lg %r1,16(%r10)\n llilf %r3,200000\n agr %r1,%r3\n stg %r1,24(%r10)\n sckc 24(%r10)\n lpswe 0(%r6)\n\
                 timer: llilf %r3,200000\n stg %r3,32(%r10)\n spt 32(%r10)\n lpswe 0(%r6)\n\
                 external: llgh %r2,0x86\n cghi %r2,0x1201\n je back\n cghi %r2,0x1004\n je clock\n cghi %r2,0x1005\n jne bad\n\
                 tmll %r8,1\n jnz bad\n stpt 40(%r10)\n lg %r3,40(%r10)\n ltgr %r3,%r3\n jnm bad\n\
                 llihh %r3,0x7000\n stg %r3,40(%r10)\n spt 40(%r10)\n j next\n\
                 clock: tmll %r8,1\n jz bad\n stck 16(%r10)\n clc 16(8,%r10),24(%r10)\n jl bad\n\
                 lghi %r3,-1\n stg %r3,24(%r10)\n sckc 24(%r10)\n\
                 next: brctg %r8,again\n diag %r0,%r0,{DONE}\n\
                 back: lpswe 0(%r6)\nbad: diag %r0,%r0,0xbad\n .align 8\nwait: .quad 0x0102000180000000,0xbad\n",
                enable(0x4ce0),
                (cpu + 1) % cpus,
            )
        });
    }
}

#[test]
fn timers_interrupt_enabled_loops_while_signals_come() {
    // As above, but each CPU loops enabled instead of waiting, and every pass of the loop changes what it counts in storage
    // and in a register alike: an interruption must leave both as they were. The clock comparator must not come early, the
    // CPU timer only when it is negative.
    let n = rounds(100);
    for cpus in cpu_counts() {
        storm(cpus, |cpu| {
            format!(
                "{} llilf %r8,{n}\n lghi %r5,{}\n lghi %r11,0\n stg %r11,64(%r10)\n larl %r6,loop\n\
                 stck 16(%r10)\n lg %r1,16(%r10)\n llilf %r3,100000\n agr %r1,%r3\n stg %r1,24(%r10)\n sckc 24(%r10)\n\
                 stosm 56(%r10),0x01\n\
                 loop: aghi %r11,1\n agsi 64(%r10),1\n lgr %r12,%r11\n cgr %r11,%r12\n jne bad\n\
                 tmll %r11,0xff\n jnz loop\n sigp %r7,%r5,3\n jnz bad\n clgfi %r8,0\n jne loop\n\
                 stnsm 56(%r10),0xfe\n cg %r11,64(%r10)\n jne bad\n diag %r0,%r0,{DONE}\n\
                 external: llgh %r2,0x86\n cghi %r2,0x1201\n je back\n cghi %r2,0x1004\n je clock\n cghi %r2,0x1005\n jne bad\n\
                 stpt 40(%r10)\n lg %r3,40(%r10)\n ltgr %r3,%r3\n jnm bad\n llihh %r3,0x7000\n stg %r3,40(%r10)\n\
                 spt 40(%r10)\n aghi %r8,-1\n jz back\n\
                 stck 16(%r10)\n lg %r1,16(%r10)\n llilf %r3,100000\n agr %r1,%r3\n stg %r1,24(%r10)\n sckc 24(%r10)\n j back\n\
                 clock: stck 16(%r10)\n clc 16(8,%r10),24(%r10)\n jl bad\n\
                 lghi %r3,-1\n stg %r3,24(%r10)\n sckc 24(%r10)\n aghi %r8,-1\n jz back\n\
                 llilf %r3,100000\n stg %r3,32(%r10)\n spt 32(%r10)\n\
                 back: lpswe 0x130\nbad: diag %r0,%r0,0xbad\n",
                enable(0x4ce0),
                (cpu + 1) % cpus,
            )
        });
    }
}
