//! Memory of a slot that the client has unmapped: calls end with EFAULT.
//! Truth: the interface's reference (KVM_RUN: EFAULT); the promise that a client's mistakes do not end its process.

use core::ptr::NonNull;

use softsie_mem::Storage;

use super::machine::page;
use crate::abi::*;
use crate::host_fault::HostRanges;
use crate::{Errno, OwnMemory, System, Vcpu, Vm};

const SIZE: usize = 2 << 20;
const PAGE: u64 = 4096;
const EA_BA: u64 = 0x0000_0001_8000_0000;

/// Memory that is unmapped in part.
struct Holed(*mut u8);

impl Holed {
    fn new() -> Self {
        let (both, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping.
        Self(unsafe { libc::mmap(core::ptr::null_mut(), SIZE, both, kind, -1, 0) }.cast())
    }

    fn unmap(&self, at: usize, length: usize) {
        // SAFETY: a part of our own mapping.
        assert_eq!(unsafe { libc::munmap(self.0.add(at).cast(), length) }, 0);
    }
}

fn run(cpu: &Vcpu, source: &str, vm: &Vm) -> (Result<(), Errno>, u64) {
    vm.storage.write(0x4000, &softsie_isa::assemble(source, 0x4000).unwrap()).unwrap();
    page(cpu, |run| {
        (run.psw_mask, run.psw_addr) = (EA_BA, 0x4000);
        run.regs_mut().gprs[5] = 0x10_0000;
    });
    let result = cpu.run();
    (result, page(cpu, |run| run.psw_addr))
}

#[test]
fn calls_end_with_efault() {
    let memory = Holed::new();
    let vm = System::new().create_vm(0).unwrap();
    let region = kvm_userspace_memory_region {
        memory_size: SIZE as u64,
        userspace_addr: memory.0.expose_provenance() as u64,
        ..Default::default()
    };
    // SAFETY: what is unmapped is what the test is about.
    unsafe { vm.set_user_memory_region(&region).unwrap() };
    let cpu = vm.create_vcpu(0).unwrap();
    // A translation that the CPU keeps, and then the page is gone.
    let (result, _) = run(&cpu, "stg %r5,8(%r5)\ndiag %r0,%r0,1", &vm);
    assert_eq!(result, Ok(()));
    memory.unmap(0x10_0000, 0x10_0000);
    let (result, _) = run(&cpu, "lg %r1,8(%r5)\nlr %r2,%r2\nj .-2", &vm);
    assert_eq!(result, Err(Errno::EFAULT));
    memory.unmap(0x10_0000, 0x1000);
    assert_eq!(run(&cpu, "mvi 0(%r5),1\nj .-4", &vm).0, Err(Errno::EFAULT));
    assert_eq!(run(&cpu, "mvi 0(%r5),1\ndiag %r0,%r0,1", &vm).0, Ok(()), "now there is a page");
    // Storage access by the interface, on another page each.
    let mut byte = 0u8;
    let buf = core::ptr::from_mut(&mut byte).expose_provenance() as u64;
    let op = kvm_s390_mem_op { gaddr: 0x12_0000, size: 1, buf, ..Default::default() };
    assert_eq!(cpu.s390_mem_op(&op, &OwnMemory), Err(Errno::EFAULT));
    for (number, op_code) in [KVM_S390_MEMOP_ABSOLUTE_READ, KVM_S390_MEMOP_ABSOLUTE_WRITE].into_iter().enumerate() {
        let op = kvm_s390_mem_op { gaddr: 0x13_0000 + number as u64 * 0x1_0000, op: op_code, ..op };
        assert_eq!(vm.s390_mem_op(&op, &OwnMemory), Err(Errno::EFAULT));
    }
    // The prefix area.
    memory.unmap(0, 0x2000);
    assert_eq!(run(&cpu, "svc 1", &vm).0, Err(Errno::EFAULT));
    // SAFETY: deletes the slot.
    unsafe { vm.set_user_memory_region(&kvm_userspace_memory_region { memory_size: 0, ..region }).unwrap() };
    memory.unmap(0, SIZE);
}

#[test]
fn a_slot_is_known_while_others_come_and_go() {
    let memory = Holed::new();
    let (storage, ranges) = (Storage::new(), HostRanges::default());
    let first = memory.0.expose_provenance();
    let set = |id, start: u64| {
        let host = NonNull::new(core::ptr::with_exposed_provenance_mut(first + start as usize)).unwrap();
        // SAFETY: mapped until the end of the test.
        unsafe { storage.set_slot(id, 0, start, PAGE, host) }.unwrap();
        ranges.set(&storage);
    };
    let stays = first + 8 * PAGE as usize;
    set(0, 8 * PAGE);
    std::thread::scope(|threads| {
        let changer = threads.spawn(|| {
            for _ in 0..100_000 {
                set(1, 0);
                assert!(storage.remove_slot(1));
                ranges.set(&storage);
            }
        });
        while !changer.is_finished() {
            assert!(ranges.contains(stays));
        }
        changer.join().unwrap();
    });
    assert!(!ranges.contains(first) && !ranges.contains(stays + PAGE as usize));
    memory.unmap(0, SIZE);
}
