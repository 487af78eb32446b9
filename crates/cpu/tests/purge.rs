//! A purge by one CPU is done on all before it returns. Source: Principles of Operation, chapter 10, INVALIDATE PAGE TABLE
//! ENTRY and SET STORAGE KEY EXTENDED; chapter 5, Multiprocessing.

mod machine;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use machine::{DAT, MODE_64, cpu_of, fails, put, storage};
use softsie_cpu::{Access, AddressSpace, Cluster, Psw, Request};

#[test]
fn other_cpus_have_purged_when_the_broadcast_returns() {
    let (storage, cluster) = (storage(), Arc::new(Cluster::new()));
    let mut here = cpu_of(storage.clone(), cluster.clone(), &[]);
    let mut there = cpu_of(storage, cluster, &[]);
    put(&mut here, &[(0x10000, 0x20000), (0x20028, 0x7000)]);
    for cpu in [&mut here, &mut there] {
        cpu.cr[1] = 0x10000;
        cpu.set_psw(Psw::new(MODE_64 | DAT, 0));
    }
    let (ready, purged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let thread = {
        let (ready, purged) = (ready.clone(), purged.clone());
        std::thread::spawn(move || {
            there.start_running();
            there.load::<u8>(0x5000, 0).unwrap();
            ready.store(true, Ordering::SeqCst);
            while !purged.load(Ordering::SeqCst) {
                there.serve_requests();
            }
            let seen = fails(&mut there, AddressSpace::Logical(0), 0x5000, Access::Fetch);
            there.stop_running();
            seen
        })
    };
    here.start_running();
    while !ready.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    put(&mut here, &[(0x20028, 0x7400)]);
    here.broadcast(Request::FlushPageTableEntry(0x20028));
    purged.store(true, Ordering::SeqCst);
    assert_eq!(thread.join().unwrap(), (0x11, 0x5800));
    here.stop_running();
}

#[test]
fn purges_take_what_they_name_and_leave_the_rest() {
    let mut cpu = machine::cpu();
    put(&mut cpu, &[(0x10000, 0x20000), (0x20028, 0x7000), (0x20030, 0x8000)]);
    cpu.cr[1] = 0x10000;
    cpu.cr[7] = 0x10000 | 0x40;
    cpu.set_psw(Psw::new(MODE_64 | DAT, 0));
    let touch = |cpu: &mut softsie_cpu::Cpu| {
        let before = cpu.statistics.tlb_misses;
        for address in [0x5000, 0x6000] {
            for space in [AddressSpace::Primary, AddressSpace::Secondary] {
                cpu.host(space, address, Access::Fetch).unwrap();
            }
        }
        cpu.statistics.tlb_misses - before
    };
    assert_eq!(touch(&mut cpu), 4);
    assert_eq!(touch(&mut cpu), 0);
    cpu.broadcast(Request::FlushPageTableEntry(0x20028));
    assert_eq!(touch(&mut cpu), 2, "the page in both spaces");
    cpu.broadcast(Request::FlushPageTableEntry(0x21028));
    assert_eq!(touch(&mut cpu), 0, "the same page index in another table");
    cpu.broadcast(Request::FlushAbsolute(0x8000));
    assert_eq!(touch(&mut cpu), 2, "the frame in both spaces");
    cpu.broadcast(Request::FlushAsce(0x10003));
    assert_eq!(touch(&mut cpu), 4, "both spaces have this table");
    cpu.broadcast(Request::FlushAsce(0x11000));
    assert_eq!(touch(&mut cpu), 0, "neither");
    cpu.broadcast(Request::FlushAll);
    assert_eq!(touch(&mut cpu), 4);
}
