//! Slot changes, kicks, interrupts and resets while vCPUs run: no call hangs or fails but as the interface says.
//! Truth: the interface's reference; a longer time by the environment variable `SOFTSIE_STRESS_SECONDS`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::machine::{Machine, STORAGE, page};
use crate::abi::*;
use crate::{Errno, OwnMemory, Vcpu};

const EA_BA: u64 = 0x0000_0001_8000_0000;
const EXT: u64 = 0x0100_0000_0000_0000;

fn time() -> Duration {
    let seconds = std::env::var("SOFTSIE_STRESS_SECONDS").ok().and_then(|v| v.parse().ok()).unwrap_or(2);
    Duration::from_secs(seconds)
}

/// Each pass of the loop stores into slot 1, which comes and goes; program interruptions go on with the next pass.
const GUEST: &str = "again: agsi 0(%r5),1\nagsi 0(%r6),1\nj again\n";

fn start(cpu: &Vcpu, number: u64) {
    page(cpu, |run| {
        (run.psw_mask, run.psw_addr) = (EA_BA | EXT, 0x4000);
        let regs = run.regs_mut();
        regs.prefix = 0x2_0000 + number * 0x2000;
        regs.crs[0] = 0x62e0;
        regs.gprs[5] = 0x5000 + number * 0x100;
        regs.gprs[6] = STORAGE as u64 + 0x3000;
        regs.ckc = u64::MAX;
        regs.cputm = i64::MAX as u64;
        run.kvm_dirty_regs = KVM_SYNC_PREFIX | KVM_SYNC_ARCH0 | KVM_SYNC_CRS;
    });
}

#[test]
fn slots_kicks_and_resets_under_running_cpus() {
    let machine = Machine::new();
    machine.write(0x4000, &softsie_isa::assemble(GUEST, 0x4000).unwrap());
    let cpus: Vec<_> = (0..2).map(|n| machine.vcpu(n)).collect();
    for number in 0..2 {
        let prefix = 0x2_0000 + number * 0x2000;
        machine.write_psw(prefix + 0x1d0, EA_BA | EXT, 0x4000);
        machine.write_psw(prefix + 0x1b0, EA_BA | EXT, 0x4000);
    }
    let memory = memmap2::MmapMut::map_anon(2 * STORAGE).unwrap();
    let end = AtomicBool::new(false);
    let runs = AtomicU64::new(0);
    thread::scope(|scope| {
        for (number, cpu) in (0..).zip(&cpus) {
            let (end, runs) = (&end, &runs);
            scope.spawn(move || {
                start(cpu, number);
                while !end.load(Ordering::Relaxed) {
                    match cpu.run() {
                        Ok(()) | Err(Errno::EINTR) => {}
                        // After a reset by another thread, until the registers are back.
                        Err(Errno::EFAULT | Errno::EINVAL) => {}
                        Err(other) => panic!("{other}"),
                    }
                    if page(cpu, |run| run.psw_mask == 0 || run.exit_reason == KVM_EXIT_S390_SIEIC) {
                        start(cpu, number);
                    }
                    runs.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let started = Instant::now();
        let mut bitmap = [0u8; STORAGE / 4096 / 8];
        let log = kvm_dirty_log { slot: 1, padding1: 0, dirty_bitmap: bitmap.as_mut_ptr().expose_provenance() as u64 };
        let mut round = 0u64;
        while started.elapsed() < time() {
            round += 1;
            let region = kvm_userspace_memory_region {
                slot: 1,
                flags: (round % 2) as u32,
                guest_phys_addr: STORAGE as u64 * (1 + round % 3),
                memory_size: STORAGE as u64,
                userspace_addr: memory.as_ptr().expose_provenance() as u64,
            };
            // SAFETY: the memory outlives the VM's slots.
            let set = |region: &kvm_userspace_memory_region| unsafe { machine.vm.set_user_memory_region(region) };
            assert_eq!(set(&region), Ok(()));
            let logged = machine.vm.get_dirty_log(&log, &OwnMemory);
            assert_eq!(logged, if round.is_multiple_of(2) { Err(Errno::ENOENT) } else { Ok(()) });
            let cpu = &cpus[(round / 2) as usize % 2];
            match round % 7 {
                0 => cpu.kick(),
                1 => drop(cpu.s390_interrupt(&kvm_s390_interrupt {
                    r#type: KVM_S390_INT_EMERGENCY as u32,
                    ..Default::default()
                })),
                2 => {
                    let service = kvm_s390_interrupt { r#type: KVM_S390_INT_SERVICE as u32, ..Default::default() };
                    assert_eq!(machine.vm.s390_interrupt(&service), Ok(()));
                }
                // Waits for the run, which a kick ends; but the next one can begin first.
                3 if round.is_multiple_of(5) => {
                    let reset = scope.spawn(|| cpu.s390_initial_reset());
                    while !reset.is_finished() {
                        cpu.kick();
                        thread::sleep(Duration::from_micros(100));
                    }
                    assert_eq!(reset.join().unwrap(), Ok(()));
                }
                4 => assert_eq!(set(&kvm_userspace_memory_region { memory_size: 0, ..region }), Ok(())),
                5 => machine.vm.set_tod(0, round << 32),
                _ => {}
            }
        }
        end.store(true, Ordering::Relaxed);
        for _ in 0..200 {
            cpus.iter().for_each(|cpu| cpu.kick());
            thread::sleep(Duration::from_millis(1));
        }
    });
    assert_ne!(runs.into_inner(), 0);
    assert_ne!(machine.read_u64(0x5000), 0, "the guest has made progress");
    let gone = kvm_userspace_memory_region { slot: 1, ..Default::default() };
    // SAFETY: deletes the slot, if it is there.
    let _ = unsafe { machine.vm.set_user_memory_region(&gone) };
}
