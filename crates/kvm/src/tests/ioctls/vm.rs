//! Calls on a VM.
//! Truth: sections 3.2, 5.3 and 7 to 12 of the interface's reference.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use super::door::has_doublewords;
use super::{
    BAD, Machine, Object, STORAGE, address_of, create_flic, flic, floating, on_vcpu, on_vm, page, shows, vcpu, vm,
    vm_change,
};
use crate::Errno;
use crate::abi::*;

shows! {
    Vm:
    KVM_CREATE_VCPU => create_vcpu;
    KVM_CHECK_EXTENSION => check_extension;
    KVM_ENABLE_CAP => enable_cap;
    KVM_SET_USER_MEMORY_REGION => slots, moving_and_deleting_slots;
    KVM_SET_USER_MEMORY_REGION2 => slots_by_the_second_form;
    KVM_GET_DIRTY_LOG => dirty_log;
    KVM_IRQFD => irqfd, irqfd_errors;
    KVM_IOEVENTFD => ioeventfd, ioeventfd_errors;
    KVM_SET_GSI_ROUTING => routing;
    KVM_CREATE_DEVICE => create_device;
    KVM_RESET_DIRTY_RINGS => absent;
    KVM_GET_STATS_FD => statistics;
    KVM_S390_INTERRUPT => interrupt;
    KVM_CREATE_IRQCHIP => create_irqchip;
    KVM_SET_DEVICE_ATTR => limit, tod, crypto, model, migration, topology;
    KVM_GET_DEVICE_ATTR => limit, tod, model, migration, topology;
    KVM_HAS_DEVICE_ATTR => attributes;
    KVM_S390_GET_SKEYS => keys;
    KVM_S390_SET_SKEYS => keys;
    KVM_S390_GET_CMMA_BITS => cmma;
    KVM_S390_SET_CMMA_BITS => cmma;
    KVM_S390_PV_COMMAND => absent;
    KVM_S390_MEM_OP => mem_op, compare_and_exchange;
    KVM_S390_ZPCI_OP => absent;
}

const EINVAL: Result<u32, Errno> = Err(Errno::EINVAL);

#[test]
fn create_vcpu() {
    let machine = Machine::new();
    let _cpu = machine.vcpu(3);
    assert_eq!(on_vm(&machine, KVM_CREATE_VCPU, 3), Err(Errno::EEXIST));
    for id in [255, 256, 1 << 32, u64::MAX] {
        assert_eq!(on_vm(&machine, KVM_CREATE_VCPU, id), EINVAL, "{id}");
    }
}

#[test]
fn check_extension() {
    let machine = Machine::new();
    for cap in [(KVM_CAP_S390_COW, 16), (KVM_CAP_S390_MEM_OP, 65536), (0, 0), (9999, 0)] {
        assert_eq!(on_vm(&machine, KVM_CHECK_EXTENSION, u64::from(cap.0)), Ok(cap.1));
    }
}

fn cap(cap: u32) -> kvm_enable_cap {
    kvm_enable_cap { cap, ..Default::default() }
}

#[test]
fn enable_cap() {
    let machine = Machine::new();
    let enable = |cap: kvm_enable_cap| vm(&machine, KVM_ENABLE_CAP, cap);
    let model = [KVM_CAP_S390_VECTOR_REGISTERS, KVM_CAP_S390_CPU_TOPOLOGY, KVM_CAP_S390_AIS];
    for number in model.into_iter().chain([KVM_CAP_S390_IRQCHIP, KVM_CAP_S390_USER_SIGP, KVM_CAP_S390_USER_STSI]) {
        assert_eq!(enable(cap(number)), Ok(0), "{number}");
        assert_eq!(enable(kvm_enable_cap { flags: 1, ..cap(number) }), EINVAL, "{number}");
    }
    let poll = kvm_enable_cap { args: [50_000, 0, 0, 0], ..cap(KVM_CAP_HALT_POLL) };
    assert_eq!(enable(poll), Ok(0));
    assert_eq!(enable(kvm_enable_cap { args: [1 << 32, 0, 0, 0], ..poll }), EINVAL);
    // What the CPU does not have, what is of the vCPU, what is always there, what nobody knows.
    for number in [KVM_CAP_S390_RI, KVM_CAP_S390_HPAGE_1M, KVM_CAP_S390_CSS_SUPPORT, KVM_CAP_USER_MEMORY, 9999] {
        assert_eq!(enable(cap(number)), EINVAL, "{number}");
    }
    let cpu = machine.vcpu(0);
    for number in model.into_iter().chain([KVM_CAP_S390_HPAGE_1M]) {
        assert_eq!(enable(cap(number)), Err(Errno::EBUSY), "{number}");
    }
    assert_eq!(enable(cap(KVM_CAP_S390_USER_INSTR0)), Ok(0), "also when there are vCPUs");
    machine.write(0x4000, &[0, 0]);
    cpu.run_at(0x4000);
    page(&cpu, |run| assert_eq!((run.s390_sieic().icptcode, run.s390_sieic().ipa), (0x2c, 0)));
}

#[test]
fn slots() {
    let machine = Machine::new();
    let good = machine.region(STORAGE as u64);
    let set = |region: kvm_userspace_memory_region| vm(&machine, KVM_SET_USER_MEMORY_REGION, region);
    let other = kvm_userspace_memory_region { slot: 1, guest_phys_addr: 0x10_0000, ..good };
    let refused = [
        ("slot", kvm_userspace_memory_region { slot: 32767, ..other }),
        ("address space", kvm_userspace_memory_region { slot: 0x1_0001, ..other }),
        ("readonly", kvm_userspace_memory_region { flags: 2, ..other }),
        ("guest_memfd", kvm_userspace_memory_region { flags: 4, ..other }),
        ("unknown flag", kvm_userspace_memory_region { flags: 8, ..other }),
        ("size not of pages", kvm_userspace_memory_region { memory_size: 0x10_0800, ..other }),
        ("size not of segments", kvm_userspace_memory_region { memory_size: 0x1000, ..other }),
        ("address not of pages", kvm_userspace_memory_region { guest_phys_addr: 0x10_0800, ..other }),
        ("host address not of pages", kvm_userspace_memory_region { userspace_addr: good.userspace_addr + 8, ..other }),
        ("host address of no user", kvm_userspace_memory_region { userspace_addr: 1 << 60, ..other }),
        ("host address wraps", kvm_userspace_memory_region { userspace_addr: 0u64.wrapping_sub(0x1000), ..other }),
        ("address wraps", kvm_userspace_memory_region { guest_phys_addr: 0u64.wrapping_sub(0x1000), ..other }),
        ("too many pages", kvm_userspace_memory_region { memory_size: 1 << 43, ..other }),
        ("no such slot", kvm_userspace_memory_region { memory_size: 0, ..other }),
        ("other size", kvm_userspace_memory_region { memory_size: 0x20_0000, ..good }),
        ("other memory", kvm_userspace_memory_region { userspace_addr: good.userspace_addr + 0x1000, ..good }),
    ];
    for (why, region) in refused {
        assert_eq!(set(region), EINVAL, "{why}");
    }
    assert_eq!(set(kvm_userspace_memory_region { guest_phys_addr: 0xf_f000, ..other }), Err(Errno::EEXIST), "overlap");
    assert_eq!(set(good), Ok(0), "the same once more");
    assert_eq!(set(other), Ok(0));
    assert_eq!(set(kvm_userspace_memory_region { memory_size: 0, ..other }), Ok(0));
    assert_eq!(set(kvm_userspace_memory_region { memory_size: 0, ..other }), EINVAL, "gone");
}

#[test]
fn moving_and_deleting_slots() {
    let machine = Machine::new();
    let good = machine.region(STORAGE as u64);
    let set = |region: kvm_userspace_memory_region| vm(&machine, KVM_SET_USER_MEMORY_REGION, region);
    let cpu = machine.vcpu(0);
    machine.write(0x5000, b"here");
    machine.set_key(0x5000, 0x70);
    assert_eq!(set(kvm_userspace_memory_region { guest_phys_addr: 0x40_0000, ..good }), Ok(0));
    assert_eq!(&machine.read::<4>(0x40_5000), b"here");
    assert_eq!(machine.key(0x40_5000) & 0xf0, 0x70, "the key comes along");
    assert_eq!(on_vcpu(&cpu, KVM_S390_VCPU_FAULT, 0x5000), Err(Errno::EFAULT));
    assert_eq!(cpu.run(), Err(Errno::EFAULT), "the prefix area is not there");
    assert_eq!(set(good), Ok(0));
    assert_eq!(&machine.read::<4>(0x5000), b"here");
}

#[test]
fn slots_by_the_second_form() {
    let machine = Machine::new();
    let first = machine.region(STORAGE as u64);
    let second = kvm_userspace_memory_region2 {
        slot: 1,
        guest_phys_addr: 0x10_0000,
        memory_size: STORAGE as u64,
        userspace_addr: first.userspace_addr,
        ..Default::default()
    };
    let set = |region: kvm_userspace_memory_region2| vm(&machine, KVM_SET_USER_MEMORY_REGION2, region);
    assert_eq!(set(second), Ok(0));
    assert_eq!(set(kvm_userspace_memory_region2 { flags: KVM_MEM_GUEST_MEMFD, ..second }), EINVAL);
    assert_eq!(set(kvm_userspace_memory_region2 { slot: 2, ..second }), Err(Errno::EEXIST));
    assert_eq!(set(kvm_userspace_memory_region2 { memory_size: 0, ..second }), Ok(0));
}

#[test]
fn dirty_log() {
    let machine = Machine::new();
    let region = machine.region(STORAGE as u64);
    let mut bitmap = [0xffu8; STORAGE / 4096 / 8];
    let place = bitmap.as_mut_ptr().expose_provenance() as u64;
    let log = |slot, dirty_bitmap| vm(&machine, KVM_GET_DIRTY_LOG, kvm_dirty_log { slot, padding1: 0, dirty_bitmap });
    assert_eq!(log(0, place), Err(Errno::ENOENT), "not logged");
    assert_eq!(log(1, place), Err(Errno::ENOENT), "no slot");
    assert_eq!(log(32767, place), EINVAL);
    assert_eq!(log(0x1_0000, place), EINVAL);
    let logged = kvm_userspace_memory_region { flags: KVM_MEM_LOG_DIRTY_PAGES, ..region };
    machine.write(0x7000, &[1]);
    assert_eq!(vm(&machine, KVM_SET_USER_MEMORY_REGION, logged), Ok(0));
    assert_eq!(log(0, place), Ok(0));
    assert_eq!(bitmap, [0; 32], "what came before does not count");
    // A guest's stores, by a translation that it keeps: pages 5 and 6, again after the log was read, then 6 alone.
    let cpu = machine.vcpu(0);
    let program = "again: lghi %r1,1\nstg %r1,0(%r5)\nstg %r1,0(%r6)\ndiag %r0,%r0,1\nstg %r1,8(%r6)\ndiag %r0,%r0,2";
    machine.assemble(0x4000, program);
    assert_eq!(log(0, place), Ok(0));
    page(&cpu, |run| {
        (run.psw_mask, run.psw_addr) = (0x0000_0001_8000_0000, 0x4000);
        run.regs_mut().gprs[5] = 0x5000;
        run.regs_mut().gprs[6] = 0x6000;
    });
    cpu.run().unwrap();
    assert_eq!(log(0, BAD), Err(Errno::EFAULT));
    assert_eq!(log(0, place), Ok(0));
    assert_eq!((bitmap[0], &bitmap[1..]), (0x60, &[0; 31][..]));
    cpu.run().unwrap();
    assert_eq!(log(0, place), Ok(0));
    assert_eq!(bitmap[0], 0x40);
    assert_eq!(log(0, place), Ok(0));
    assert_eq!(bitmap[0], 0);
    // The client's stores by the interface, and the interface's own.
    let op = kvm_s390_mem_op {
        gaddr: 0x8000,
        size: 1,
        op: KVM_S390_MEMOP_ABSOLUTE_WRITE,
        buf: address_of(&1u8),
        ..Default::default()
    };
    assert_eq!(vm(&machine, KVM_S390_MEM_OP, op), Ok(0));
    assert_eq!(on_vcpu(&cpu, KVM_S390_STORE_STATUS, 0x9200), Ok(0));
    machine.set_key(0xb000, 0x30);
    assert_eq!(log(0, place), Ok(0));
    assert_eq!(bitmap[..2], [0, 0x0b], "pages 8, 9 and, by its key, 11");
    assert_eq!(vm(&machine, KVM_SET_USER_MEMORY_REGION, region), Ok(0));
    assert_eq!(log(0, place), Err(Errno::ENOENT), "switched off");
}

/// A new eventfd of the client, without waiting.
fn eventfd() -> std::fs::File {
    // SAFETY: makes a new descriptor, which is then ours.
    unsafe { std::fs::File::from(OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_NONBLOCK))) }
}

/// A machine with adapter 1 and a route 7 to it: indicators at 0x5000 and 0x6000.
fn routed() -> (Machine, Object) {
    let machine = Machine::new();
    let device = create_flic(&machine);
    let adapter = kvm_s390_io_adapter { id: 1, isc: 2, maskable: 0, swap: 1, flags: 0 };
    flic(&device, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, address_of(&adapter)).unwrap();
    assert_eq!(vm(&machine, KVM_SET_GSI_ROUTING, Table { header: [1, 0], entries: [entry(7), entry(8)] }), Ok(0));
    (machine, device)
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Table {
    header: [u32; 2],
    entries: [kvm_irq_routing_entry; 2],
}

// SAFETY: integers without padding.
unsafe impl Plain for Table {}

fn entry(gsi: u32) -> kvm_irq_routing_entry {
    let adapter = kvm_irq_routing_s390_adapter {
        ind_addr: 0x5000,
        summary_addr: 0x6000,
        ind_offset: 9,
        summary_offset: 3,
        adapter_id: 1,
    };
    kvm_irq_routing_entry { gsi, r#type: 3, flags: 0, pad: 0, adapter }
}

#[test]
fn routing() {
    let (machine, _device) = routed();
    let set = |header, entries| vm(&machine, KVM_SET_GSI_ROUTING, Table { header, entries });
    let with = |change: &dyn Fn(&mut kvm_irq_routing_entry)| {
        let mut second = entry(8);
        change(&mut second);
        [entry(7), second]
    };
    assert_eq!(set([2, 0], with(&|_| {})), Ok(0));
    assert_eq!(set([0, 0], with(&|_| {})), Ok(0), "none");
    assert_eq!(set([4097, 0], with(&|_| {})), EINVAL);
    assert_eq!(set([2, 1], with(&|_| {})), EINVAL, "flags");
    assert_eq!(set([2, 0], with(&|e| e.gsi = 4096)), EINVAL);
    assert_eq!(set([2, 0], with(&|e| e.gsi = 7)), EINVAL, "twice");
    assert_eq!(set([2, 0], with(&|e| e.flags = 1)), EINVAL);
    for kind in [0, 1, 2, 4] {
        assert_eq!(set([2, 0], with(&|e| e.r#type = kind)), EINVAL, "{kind}");
    }
    assert_eq!(set([2, 0], with(&|e| e.adapter.ind_addr = 1 << 40)), Err(Errno::EFAULT));
    assert_eq!(set([2, 0], with(&|e| e.adapter.summary_addr = 1 << 40)), Err(Errno::EFAULT));
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn irqfd() {
    let (machine, device) = routed();
    let pending = || floating(&device).len();
    let mut event = eventfd();
    let fd = event.as_raw_fd().cast_unsigned();
    assert_eq!(vm(&machine, KVM_IRQFD, kvm_irqfd { fd, gsi: 7, ..Default::default() }), Ok(0));
    event.write_all(&1u64.to_ne_bytes()).unwrap();
    wait_for("the interrupt", || pending() == 1);
    assert_eq!(machine.read::<2>(0x5000), [0, 0x40], "bit 9 from the left");
    assert_eq!(machine.read::<1>(0x6000), [0x10], "bit 3");
    let irq = floating(&device)[0];
    // SAFETY: integers, valid for any bytes.
    assert_eq!((irq.r#type, unsafe { irq.u.io.io_int_word }), (0x0400_0000, 0x9000_0000));
    // The summary is still on: the indicator alone is set.
    machine.write(0x5000, &[0, 0]);
    event.write_all(&1u64.to_ne_bytes()).unwrap();
    wait_for("the indicator", || machine.read::<2>(0x5000) == [0, 0x40]);
    assert_eq!(pending(), 1);
    // The guest has taken notice.
    machine.write(0x6000, &[0]);
    event.write_all(&1u64.to_ne_bytes()).unwrap();
    wait_for("the second interrupt", || pending() == 2);
    let mut counter = [0; 8];
    assert!(event.read(&mut counter).is_err(), "the event was consumed");
    let off = kvm_irqfd { fd, gsi: 7, flags: KVM_IRQFD_FLAG_DEASSIGN, ..Default::default() };
    assert_eq!(vm(&machine, KVM_IRQFD, off), Ok(0));
    machine.write(0x6000, &[0]);
    event.write_all(&1u64.to_ne_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(pending(), 2);
    assert_eq!(event.read(&mut counter).unwrap(), 8, "nobody else reads it");
}

#[test]
fn irqfd_errors() {
    let machine = Machine::new();
    let event = eventfd();
    let irqfd = kvm_irqfd { fd: event.as_raw_fd().cast_unsigned(), gsi: 7, ..Default::default() };
    let file = std::fs::File::open("/proc/self/stat").unwrap();
    let set = |irqfd: kvm_irqfd| vm(&machine, KVM_IRQFD, irqfd);
    assert_eq!(set(kvm_irqfd { flags: 4, ..irqfd }), EINVAL);
    assert_eq!(set(kvm_irqfd { fd: 1 << 20, ..irqfd }), Err(Errno::EBADF));
    assert_eq!(set(kvm_irqfd { fd: file.as_raw_fd().cast_unsigned(), ..irqfd }), EINVAL);
    assert_eq!(set(kvm_irqfd { flags: KVM_IRQFD_FLAG_DEASSIGN, ..irqfd }), Ok(0), "unknown, and fine");
    assert_eq!(set(irqfd), Ok(0), "no route is needed yet");
    assert_eq!(set(kvm_irqfd { gsi: 8, ..irqfd }), Err(Errno::EBUSY));
    assert_eq!(set(kvm_irqfd { flags: KVM_IRQFD_FLAG_DEASSIGN, ..irqfd }), Ok(0));
    let resample = kvm_irqfd { flags: KVM_IRQFD_FLAG_RESAMPLE, resamplefd: u32::MAX, ..irqfd };
    assert_eq!(set(resample), Err(Errno::EBADF));
    let second = eventfd();
    assert_eq!(set(kvm_irqfd { resamplefd: second.as_raw_fd().cast_unsigned(), ..resample }), Ok(0));
}

/// Notification of queue 2 of subchannel 0x1'0003.
fn notification(fd: i32) -> kvm_ioeventfd {
    let flags = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY | KVM_IOEVENTFD_FLAG_DATAMATCH;
    kvm_ioeventfd { datamatch: 2, addr: 0x1_0003, len: 8, fd, flags, pad: [0; 36] }
}

#[test]
fn ioeventfd() {
    let machine = Machine::new();
    let mut event = eventfd();
    assert_eq!(vm(&machine, KVM_IOEVENTFD, notification(event.as_raw_fd())), Ok(0));
    let cpu = machine.vcpu(0);
    let css = kvm_enable_cap { cap: KVM_CAP_S390_CSS_SUPPORT, ..Default::default() };
    machine.assemble(0x4000, "diag %r0,%r0,0x500\ndiag %r0,%r0,1");
    let run = |queue: u64, subchannel: u64| {
        page(&cpu, |run| {
            (run.psw_mask, run.psw_addr) = (0x0000_0001_8000_0000, 0x4000);
            run.regs_mut().gprs[1..4].copy_from_slice(&[3, subchannel, queue]);
        });
        cpu.run().unwrap();
        page(&cpu, |run| (run.s390_sieic().ipb >> 16, run.regs().gprs[2]))
    };
    assert_eq!(run(2, 0x1_0003), (0x500, 0x1_0003), "the client has not asked for channel I/O yet");
    assert_eq!(vcpu(&cpu, KVM_ENABLE_CAP, css), Ok(0));
    assert_eq!(run(2, 0xffff_ffff_0001_0003), (1, 0), "no exit; the cookie is the event's place");
    let mut counter = [0; 8];
    assert_eq!(event.read(&mut counter).unwrap(), 8);
    assert_eq!(u64::from_ne_bytes(counter), 1);
    assert_eq!(run(3, 0x1_0003), (0x500, 0x1_0003), "another queue");
    assert_eq!(run(2, 0x1_0004), (0x500, 0x1_0004), "another device");
    assert!(event.read(&mut counter).is_err());
    let mut off = notification(event.as_raw_fd());
    off.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
    assert_eq!(vm(&machine, KVM_IOEVENTFD, off), Ok(0));
    assert_eq!(run(2, 0x1_0003), (0x500, 0x1_0003));
}

#[test]
fn ioeventfd_errors() {
    let machine = Machine::new();
    let event = eventfd();
    let good = notification(event.as_raw_fd());
    let set = |event: kvm_ioeventfd| vm(&machine, KVM_IOEVENTFD, event);
    for len in [3, 5, 16] {
        assert_eq!(set(kvm_ioeventfd { len, ..good }), EINVAL);
    }
    assert_eq!(set(kvm_ioeventfd { addr: u64::MAX, ..good }), EINVAL, "wraps");
    assert_eq!(set(kvm_ioeventfd { flags: good.flags | 0x20, ..good }), EINVAL);
    assert_eq!(set(kvm_ioeventfd { len: 0, ..good }), EINVAL, "no length, but a value");
    assert_eq!(set(kvm_ioeventfd { fd: -1, ..good }), Err(Errno::EBADF));
    let off = kvm_ioeventfd { flags: good.flags | KVM_IOEVENTFD_FLAG_DEASSIGN, ..good };
    assert_eq!(set(off), Err(Errno::ENOENT));
    assert_eq!(set(good), Ok(0));
    assert_eq!(set(good), Err(Errno::EEXIST));
    assert_eq!(set(kvm_ioeventfd { datamatch: 3, ..good }), Ok(0));
    let any = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;
    assert_eq!(set(kvm_ioeventfd { flags: any, ..good }), Err(Errno::EEXIST), "any value");
    for bus in [0, KVM_IOEVENTFD_FLAG_PIO] {
        assert_eq!(set(kvm_ioeventfd { flags: bus, len: 4, ..good }), Ok(0), "of buses that no guest has");
    }
    assert_eq!(set(kvm_ioeventfd { datamatch: 4, ..off }), Err(Errno::ENOENT));
    assert_eq!(set(off), Ok(0));
}

#[test]
fn create_device() {
    let machine = Machine::new();
    let mut device = kvm_create_device { r#type: KVM_DEV_TYPE_FLIC, fd: 77, flags: KVM_CREATE_DEVICE_TEST };
    assert_eq!(vm_change(&machine, KVM_CREATE_DEVICE, &mut device), Ok(0), "it could be created");
    assert_eq!(device.fd, 77);
    device.flags = 0;
    let address = core::ptr::from_mut(&mut device).expose_provenance() as u64;
    let _flic = machine.vm.create(KVM_CREATE_DEVICE, address).unwrap();
    assert!(device.fd < 77 && (device.r#type, device.flags) == (6, 0));
    assert_eq!(vm_change(&machine, KVM_CREATE_DEVICE, &mut device), EINVAL, "a second one");
    for kind in [KVM_DEV_TYPE_VFIO, 0, 5, 99] {
        device.r#type = kind;
        assert_eq!(vm_change(&machine, KVM_CREATE_DEVICE, &mut device), Err(Errno::ENODEV), "{kind}");
    }
}

#[test]
fn absent() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    assert_eq!(on_vm(&machine, KVM_RESET_DIRTY_RINGS, 0), EINVAL);
    assert_eq!(on_vm(&machine, KVM_S390_ZPCI_OP, BAD), EINVAL);
    assert_eq!(vm(&machine, KVM_S390_PV_COMMAND, kvm_pv_cmd::default()), EINVAL);
    assert_eq!(cpu.run(), Err(Errno::EINVAL), "but the client now controls CPU states, and the CPU is stopped");
}

#[test]
fn statistics() {
    let machine = Machine::new();
    let file = machine.vm.create(KVM_GET_STATS_FD, 0).unwrap();
    let interrupt = kvm_s390_interrupt { r#type: 0, parm: 1, parm64: 0 };
    assert_eq!(vm(&machine, KVM_S390_INTERRUPT, interrupt), Ok(0));
    let mut content = vec![0; 4096];
    let length = file.read_at(0, &mut content);
    let word = |at: usize| u32::from_ne_bytes(content[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!((word(4), word(8), length), (48, 15, 72 + 15 * 64 + 15 * 8));
    assert!(content[24..].starts_with(format!("kvm-{}\0", std::process::id()).as_bytes()));
    let third = 72 + 2 * 64;
    assert!(content[third + 16..].starts_with(b"inject_io\0"));
    let at = word(20) + word(third + 8);
    assert_eq!(content[at..at + 8], 1u64.to_ne_bytes());
    assert_eq!(file.read_at(length as u64, &mut content), 0);
    assert_eq!(file.read_at(u64::MAX, &mut content), 0);
}

#[test]
fn interrupt() {
    let machine = Machine::new();
    let inject = |kind: u64| {
        let interrupt = kvm_s390_interrupt { r#type: kind as u32, parm: 0, parm64: 0 };
        vm(&machine, KVM_S390_INTERRUPT, interrupt)
    };
    for kind in [KVM_S390_INT_VIRTIO, KVM_S390_INT_SERVICE, KVM_S390_INT_PFAULT_DONE, KVM_S390_MCHK, 0, 0xfffd_ffff] {
        assert_eq!(inject(kind), Ok(0), "{kind:#x}");
    }
    for kind in [
        KVM_S390_PROGRAM_INT,
        KVM_S390_SIGP_STOP,
        KVM_S390_SIGP_SET_PREFIX,
        KVM_S390_RESTART,
        KVM_S390_INT_PFAULT_INIT,
        KVM_S390_INT_EMERGENCY,
        KVM_S390_INT_EXTERNAL_CALL,
        KVM_S390_INT_CLOCK_COMP,
        KVM_S390_INT_CPU_TIMER,
        0xffff_ffff,
    ] {
        assert_eq!(inject(kind), EINVAL, "{kind:#x}");
    }
}

#[test]
fn create_irqchip() {
    let machine = Machine::new();
    assert_eq!(on_vm(&machine, KVM_CREATE_IRQCHIP, 0), EINVAL);
    assert_eq!(vm(&machine, KVM_ENABLE_CAP, cap(KVM_CAP_S390_IRQCHIP)), Ok(0));
    assert_eq!(on_vm(&machine, KVM_CREATE_IRQCHIP, 0), Ok(0));
}

fn attribute(machine: &Machine, request: u32, group: u32, attr: u64, addr: u64) -> Result<u32, Errno> {
    vm(machine, request, kvm_device_attr { flags: 0, group, attr, addr })
}

fn set<T>(machine: &Machine, group: u32, attr: u64, value: &T) -> Result<u32, Errno> {
    attribute(machine, KVM_SET_DEVICE_ATTR, group, attr, address_of(value))
}

fn get<T>(machine: &Machine, group: u32, attr: u64, value: &mut T) -> Result<u32, Errno> {
    let address = core::ptr::from_mut(value).expose_provenance() as u64;
    attribute(machine, KVM_GET_DEVICE_ATTR, group, attr, address)
}

const ENXIO: Result<u32, Errno> = Err(Errno::ENXIO);

#[test]
fn attributes() {
    let machine = Machine::new();
    let has = |group, attr| attribute(&machine, KVM_HAS_DEVICE_ATTR, group, attr, 0);
    // Group by group: how many attributes are there from 0 on.
    for (group, count) in [
        (KVM_S390_VM_MEM_CTRL, 3),
        (KVM_S390_VM_TOD, 2),
        (KVM_S390_VM_CRYPTO, 4),
        (KVM_S390_VM_CPU_MODEL, 8),
        (KVM_S390_VM_CPU_TOPOLOGY, 0),
        (6, 0),
        (u32::MAX, 0),
    ] {
        for attr in 0..10 {
            let expected = if attr < count { Ok(0) } else { ENXIO };
            assert_eq!(has(group, attr), expected, "{group}.{attr}");
        }
    }
    assert_eq!(has(KVM_S390_VM_MIGRATION, 99), Ok(0), "whatever the number");
    for group in [6, 77] {
        assert_eq!(set(&machine, group, 0, &0u64), ENXIO);
        assert_eq!(get(&machine, group, 0, &mut 0u64), ENXIO);
    }
}

#[test]
fn limit() {
    let machine = Machine::new();
    let (group, attr) = (KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_LIMIT_SIZE);
    let mut limit = 0u64;
    assert_eq!(get(&machine, group, attr, &mut limit), Ok(0));
    assert_eq!(limit, u64::MAX);
    assert_eq!(set(&machine, group, attr, &0u64), EINVAL);
    assert_eq!(set(&machine, group, attr, &(1u64 << 30)), Ok(0));
    assert_eq!(set(&machine, group, attr, &(1u64 << 40)), Err(Errno::E2BIG), "2 GiB are the limit now");
    assert_eq!(attribute(&machine, KVM_SET_DEVICE_ATTR, group, attr, BAD), Err(Errno::EFAULT));
    let region = machine.region(STORAGE as u64);
    let high = kvm_userspace_memory_region { slot: 1, guest_phys_addr: 1 << 31, ..region };
    assert_eq!(vm(&machine, KVM_SET_USER_MEMORY_REGION, high), EINVAL, "beyond the limit");
    machine.vcpu(0);
    assert_eq!(set(&machine, group, attr, &(1u64 << 30)), Err(Errno::EBUSY));
    for action in [KVM_S390_VM_MEM_ENABLE_CMMA, KVM_S390_VM_MEM_CLR_CMMA] {
        assert_eq!(get(&machine, group, action, &mut limit), ENXIO);
    }
    assert_eq!(set(&machine, group, KVM_S390_VM_MEM_ENABLE_CMMA, &0u64), Err(Errno::EBUSY));
    assert_eq!(set(&machine, group, KVM_S390_VM_MEM_CLR_CMMA, &0u64), EINVAL, "not enabled");
    assert_eq!(set(&machine, group, 3, &0u64), ENXIO);
}

#[test]
fn tod() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    let group = KVM_S390_VM_TOD;
    let second = 4_096_000_000;
    assert_eq!(set(&machine, group, KVM_S390_VM_TOD_LOW, &0x1234_0000_0000_0000u64), Ok(0));
    let mut now = 0u64;
    assert_eq!(get(&machine, group, KVM_S390_VM_TOD_LOW, &mut now), Ok(0));
    assert!(now - 0x1234_0000_0000_0000 < second);
    let mut clock = kvm_s390_vm_tod_clock { epoch_idx: 0, pad: [0; 7], tod: 0x5678_0000_0000_0000 };
    assert_eq!(set(&machine, group, KVM_S390_VM_TOD_EXT, &clock), Ok(0));
    assert_eq!(get(&machine, group, KVM_S390_VM_TOD_EXT, &mut clock), Ok(0));
    assert!(clock.epoch_idx == 0 && clock.tod - 0x5678_0000_0000_0000 < second);
    machine.assemble(0x4000, "stck 0x100(%r0)\ndiag %r0,%r0,1");
    cpu.run_at(0x4000);
    assert!(machine.read_u64(0x100) - clock.tod < second, "vCPUs follow");
    clock.epoch_idx = 1;
    assert!(host_has(&machine, 139));
    assert_eq!(set(&machine, group, KVM_S390_VM_TOD_EXT, &clock), Ok(0));
    clock.epoch_idx = 0;
    assert_eq!(get(&machine, group, KVM_S390_VM_TOD_EXT, &mut clock), Ok(0));
    assert_eq!(clock.epoch_idx, 1);
    machine.assemble(0x4000, "stcke 0x100(%r0)\ndiag %r0,%r0,1");
    cpu.run_at(0x4000);
    assert_eq!(machine.read_u64(0x100) >> 56, 1, "vCPUs follow");
    let mut high = 7u8;
    assert_eq!(get(&machine, group, KVM_S390_VM_TOD_HIGH, &mut high), Ok(0));
    assert_eq!(high, 0);
    assert_eq!(set(&machine, group, KVM_S390_VM_TOD_HIGH, &0u8), Ok(0));
    assert_eq!(set(&machine, group, KVM_S390_VM_TOD_HIGH, &1u8), EINVAL);
    assert_eq!(set(&machine, group, 3, &0u64), ENXIO);
    assert_eq!(get(&machine, group, 3, &mut now), ENXIO);
    for request in [KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR] {
        let attr = kvm_device_attr { flags: 1, group, attr: KVM_S390_VM_TOD_LOW, addr: address_of(&now) };
        assert_eq!(vm(&machine, request, attr), EINVAL, "flags");
        let attr = kvm_device_attr { flags: 0, addr: BAD, ..attr };
        assert_eq!(vm(&machine, request, attr), Err(Errno::EFAULT));
    }
}

/// Whether the host has a facility.
fn host_has(machine: &Machine, n: usize) -> bool {
    let mut host = kvm_s390_vm_cpu_machine::default();
    assert_eq!(get(machine, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE, &mut host), Ok(0));
    // Bits count from the left of strings of bytes, or of doublewords.
    let byte = if has_doublewords() { (n / 8) ^ 7 } else { n / 8 };
    host.fac_list[byte] & 0x80 >> (n % 8) != 0
}

/// With the bytes of each doubleword reversed.
fn swapped(functions: kvm_s390_vm_cpu_subfunc) -> kvm_s390_vm_cpu_subfunc {
    const SIZE: usize = size_of::<kvm_s390_vm_cpu_subfunc>();
    // SAFETY: a struct of bytes.
    let mut bytes = unsafe { core::mem::transmute::<kvm_s390_vm_cpu_subfunc, [u8; SIZE]>(functions) };
    bytes.chunks_exact_mut(8).for_each(<[u8]>::reverse);
    // SAFETY: as above.
    unsafe { core::mem::transmute(bytes) }
}

#[test]
fn crypto() {
    let machine = Machine::new();
    let group = KVM_S390_VM_CRYPTO;
    let expected = if host_has(&machine, 76) { Ok(0) } else { EINVAL };
    for attr in KVM_S390_VM_CRYPTO_ENABLE_AES_KW..=KVM_S390_VM_CRYPTO_DISABLE_DEA_KW {
        assert_eq!(set(&machine, group, attr, &0u64), expected, "{attr}");
        assert_eq!(get(&machine, group, attr, &mut 0u64), ENXIO, "{attr}");
    }
    for attr in [KVM_S390_VM_CRYPTO_ENABLE_APIE, KVM_S390_VM_CRYPTO_DISABLE_APIE] {
        assert_eq!(set(&machine, group, attr, &0u64), Err(Errno::EOPNOTSUPP), "no adjunct processors");
    }
    assert_eq!(set(&machine, group, 6, &0u64), ENXIO);
}

#[test]
fn model() {
    let machine = Machine::new();
    let group = KVM_S390_VM_CPU_MODEL;
    let mut processor = kvm_s390_vm_cpu_processor::default();
    assert_eq!(get(&machine, group, KVM_S390_VM_CPU_PROCESSOR, &mut processor), Ok(0));
    processor.cpuid = 0xff12_3456_3906_8000;
    assert_eq!(set(&machine, group, KVM_S390_VM_CPU_PROCESSOR, &processor), Ok(0));
    let mut again = kvm_s390_vm_cpu_processor::default();
    assert_eq!(get(&machine, group, KVM_S390_VM_CPU_PROCESSOR, &mut again), Ok(0));
    assert_eq!(again, processor);
    let mut host = kvm_s390_vm_cpu_machine::default();
    assert_eq!(get(&machine, group, KVM_S390_VM_CPU_MACHINE, &mut host), Ok(0));
    assert!((0..3).all(|n| host_has(&machine, n)), "N3 and z/Architecture, installed and active");
    let mut feat = kvm_s390_vm_cpu_feat::default();
    assert_eq!(get(&machine, group, KVM_S390_VM_CPU_MACHINE_FEAT, &mut feat), Ok(0));
    assert_eq!(set(&machine, group, KVM_S390_VM_CPU_PROCESSOR_FEAT, &feat), Ok(0));
    assert_eq!(get(&machine, group, KVM_S390_VM_CPU_PROCESSOR_FEAT, &mut feat), Ok(0));
    feat.feat[15] |= 1;
    assert_eq!(set(&machine, group, KVM_S390_VM_CPU_PROCESSOR_FEAT, &feat), EINVAL, "not of the host");
    let mut functions = kvm_s390_vm_cpu_subfunc::default();
    let mut chosen = kvm_s390_vm_cpu_subfunc::default();
    assert_eq!(get(&machine, group, KVM_S390_VM_CPU_MACHINE_SUBFUNC, &mut functions), Ok(0));
    assert_eq!(get(&machine, group, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, &mut chosen), Ok(0));
    if has_doublewords() {
        functions = swapped(functions);
    }
    assert_eq!(chosen, functions, "the host's, until they are set");
    assert_eq!(set(&machine, group, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, &functions), Ok(0));
    let mut ultravisor = 1u64;
    for attr in [KVM_S390_VM_CPU_PROCESSOR_UV_FEAT_GUEST, KVM_S390_VM_CPU_MACHINE_UV_FEAT_GUEST] {
        assert_eq!(get(&machine, group, attr, &mut ultravisor), Ok(0));
        assert_eq!(ultravisor, 0);
    }
    assert_eq!(set(&machine, group, KVM_S390_VM_CPU_PROCESSOR_UV_FEAT_GUEST, &0u64), Ok(0));
    assert_eq!(set(&machine, group, KVM_S390_VM_CPU_PROCESSOR_UV_FEAT_GUEST, &1u64), EINVAL);
    for attr in [1, 3, 5, 7, 8] {
        assert_eq!(set(&machine, group, attr, &host), ENXIO, "{attr}: of the machine, or nothing");
    }
    assert_eq!(get(&machine, group, 8, &mut ultravisor), ENXIO);
    machine.vcpu(0);
    for attr in [0, 2, 4, 6] {
        let zero = kvm_s390_vm_cpu_machine::default();
        assert_eq!(set(&machine, group, attr, &zero), Err(Errno::EBUSY), "{attr}");
    }
    for attr in 0..8 {
        assert_eq!(attribute(&machine, KVM_GET_DEVICE_ATTR, group, attr, BAD), Err(Errno::EFAULT), "{attr}");
    }
}

#[test]
fn migration() {
    let machine = Machine::new();
    let group = KVM_S390_VM_MIGRATION;
    let status = || {
        let mut status = 9u64;
        assert_eq!(get(&machine, group, KVM_S390_VM_MIGRATION_STATUS, &mut status), Ok(0));
        status
    };
    assert_eq!(status(), 0);
    assert_eq!(set(&machine, group, KVM_S390_VM_MIGRATION_STOP, &0u64), Ok(0), "was not started");
    assert_eq!(set(&machine, group, KVM_S390_VM_MIGRATION_START, &0u64), Ok(0), "CMMA is not enabled");
    assert_eq!(set(&machine, group, KVM_S390_VM_MIGRATION_START, &0u64), Ok(0));
    assert_eq!(status(), 1);
    let region = machine.region(STORAGE as u64);
    let logged = kvm_userspace_memory_region { flags: 1, ..region };
    assert_eq!(vm(&machine, KVM_SET_USER_MEMORY_REGION, logged), Ok(0));
    assert_eq!(status(), 1);
    assert_eq!(vm(&machine, KVM_SET_USER_MEMORY_REGION, region), Ok(0));
    assert_eq!(status(), 0, "a slot without log ends it");
    assert_eq!(set(&machine, KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA, &0u64), Ok(0));
    assert_eq!(set(&machine, group, KVM_S390_VM_MIGRATION_START, &0u64), EINVAL, "with CMMA all slots need a log");
    assert_eq!(vm(&machine, KVM_SET_USER_MEMORY_REGION, logged), Ok(0));
    assert_eq!(set(&machine, group, KVM_S390_VM_MIGRATION_START, &0u64), Ok(0));
    assert_eq!(set(&machine, group, KVM_S390_VM_MIGRATION_STOP, &0u64), Ok(0));
    assert_eq!(set(&machine, group, KVM_S390_VM_MIGRATION_STATUS, &0u64), ENXIO);
    assert_eq!(get(&machine, group, KVM_S390_VM_MIGRATION_START, &mut 0u64), ENXIO);
    assert_eq!(
        vm(&machine, KVM_SET_USER_MEMORY_REGION, kvm_userspace_memory_region { memory_size: 0, ..logged }),
        Ok(0)
    );
    assert_eq!(set(&machine, group, KVM_S390_VM_MIGRATION_START, &0u64), EINVAL, "no slots");
    assert_eq!(vm(&machine, KVM_SET_USER_MEMORY_REGION, region), Ok(0));
}

#[test]
fn topology() {
    let machine = Machine::new();
    let group = KVM_S390_VM_CPU_TOPOLOGY;
    let mut report = 9u8;
    assert_eq!(get(&machine, group, 0, &mut report), ENXIO, "without facility 11");
    assert_eq!(set(&machine, group, 1, &0u64), ENXIO);
    assert_eq!(vm(&machine, KVM_ENABLE_CAP, cap(KVM_CAP_S390_CPU_TOPOLOGY)), Ok(0));
    assert_eq!(attribute(&machine, KVM_HAS_DEVICE_ATTR, group, 1, 0), Ok(0));
    let cpu = machine.vcpu(0);
    assert_eq!(get(&machine, group, 0, &mut report), Ok(0));
    assert_eq!(report, 1, "a CPU was added");
    // PTF: 2 checks and resets the report, 0 and 1 are the client's, others do not exist.
    machine.write_psw(0x1d0, 0x0000_0001_8000_0000, 0xd000);
    machine.assemble(0xd000, "diag %r0,%r0,0xd");
    machine.assemble(0x4000, "ptf %r1\nipm %r2\ndiag %r0,%r0,1");
    let run = |function: u64| {
        page(&cpu, |run| {
            (run.psw_mask, run.psw_addr) = (0x0000_0001_8000_0000, 0x4000);
            run.regs_mut().gprs[1] = function;
        });
        cpu.run().unwrap();
        page(&cpu, |run| (run.s390_sieic().ipa, run.s390_sieic().ipb >> 16, run.regs().gprs[2] >> 28 & 3))
    };
    assert_eq!(run(2), (0x8300, 1, 1));
    assert_eq!(run(2), (0x8300, 1, 0));
    assert_eq!(run(0).0, 0xb9a2);
    assert_eq!(run(1).0, 0xb9a2);
    assert_eq!(run(3).1, 0xd, "specification exception");
    assert_eq!(set(&machine, group, 1, &0u64), Ok(0));
    assert_eq!(get(&machine, group, 0, &mut report), Ok(0));
    assert_eq!(report, 1);
    assert_eq!(set(&machine, group, 0, &0u64), Ok(0));
    assert_eq!(run(2), (0x8300, 1, 0));
}

#[test]
fn keys() {
    let machine = Machine::new();
    let mut bytes = [0u8; 4];
    let place = bytes.as_mut_ptr().expose_provenance() as u64;
    let range = kvm_s390_skeys { start_gfn: 5, count: 4, skeydata_addr: place, ..Default::default() };
    let get = |range: kvm_s390_skeys| vm(&machine, KVM_S390_GET_SKEYS, range);
    let set = |range: kvm_s390_skeys| vm(&machine, KVM_S390_SET_SKEYS, range);
    assert_eq!(get(range), Ok(1), "the guest uses no keys");
    assert_eq!(get(kvm_s390_skeys { count: 0, ..range }), Ok(1), "which comes before the count");
    assert_eq!(get(kvm_s390_skeys { flags: 1, ..range }), EINVAL);
    assert_eq!(set(kvm_s390_skeys { flags: 1, ..range }), EINVAL);
    bytes = [0x10, 0x28, 0x36, 0xfe];
    std::hint::black_box(&bytes);
    assert_eq!(set(range), Ok(0));
    bytes = [0; 4];
    assert_eq!(get(range), Ok(0));
    assert_eq!(bytes, [0x10, 0x28, 0x36, 0xfe]);
    for count in [0, 1 << 20 | 1, u64::MAX] {
        assert_eq!(get(kvm_s390_skeys { count, ..range }), EINVAL, "{count}");
        assert_eq!(set(kvm_s390_skeys { count, ..range }), EINVAL, "{count}");
    }
    for start_gfn in [STORAGE as u64 / 4096 - 3, u64::MAX] {
        assert_eq!(get(kvm_s390_skeys { start_gfn, ..range }), Err(Errno::EFAULT));
        assert_eq!(set(kvm_s390_skeys { start_gfn, ..range }), Err(Errno::EFAULT));
    }
    assert_eq!(get(kvm_s390_skeys { skeydata_addr: BAD, ..range }), Err(Errno::EFAULT));
    assert_eq!(set(kvm_s390_skeys { skeydata_addr: BAD, ..range }), Err(Errno::EFAULT));
    bytes = [0x40, 0x41, 0x40, 0x40];
    assert_eq!(set(range), EINVAL, "the last bit");
    assert_eq!(get(range), Ok(0));
    assert_eq!(bytes, [0x40, 0x28, 0x36, 0xfe], "earlier keys are set");
    // A guest that looks at a key uses keys.
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    machine.assemble(0x4000, "iske %r1,%r2\ndiag %r0,%r0,1");
    page(&cpu, |run| (run.psw_mask, run.psw_addr) = (0x0000_0001_8000_0000, 0x4000));
    cpu.run().unwrap();
    assert_eq!(vm(&machine, KVM_S390_GET_SKEYS, range), Ok(0));
}

#[test]
fn cmma() {
    let machine = Machine::new();
    let mut values = [9u8; 32];
    let place = values.as_mut_ptr().expose_provenance() as u64;
    let log = kvm_s390_cmma_log { start_gfn: 0, count: 32, flags: 0, remaining: u64::MAX, values: place };
    let peek = kvm_s390_cmma_log { flags: KVM_S390_CMMA_PEEK, ..log };
    let get = |log: kvm_s390_cmma_log| {
        // A copy of its own, which the compiler does not merge with the original: it cannot see who writes to it.
        let mut log = std::hint::black_box(log);
        vm_change(&machine, KVM_S390_GET_CMMA_BITS, &mut log).map(|_| (log.start_gfn, log.count, log.remaining))
    };
    let set = |log: kvm_s390_cmma_log| vm(&machine, KVM_S390_SET_CMMA_BITS, log);
    assert_eq!(get(peek), Err(Errno::ENXIO));
    assert_eq!(set(log), ENXIO);
    let control = |attr| attribute(&machine, KVM_SET_DEVICE_ATTR, KVM_S390_VM_MEM_CTRL, attr, 0);
    assert_eq!(control(KVM_S390_VM_MEM_ENABLE_CMMA), Ok(0));
    assert_eq!(get(log), Err(Errno::EINVAL), "not in migration mode");
    assert_eq!(get(kvm_s390_cmma_log { flags: 2, ..log }), Err(Errno::EINVAL));
    assert_eq!(get(peek), Ok((0, 0, 0)), "never used");
    // The guest says that page 5 is unused and page 7 volatile.
    let cpu = machine.vcpu(0);
    let program = "essa %r1,%r5,2\nessa %r3,%r7,3\nessa %r4,%r5,0\ndiag %r0,%r0,1";
    machine.assemble(0x4000, program);
    let run = || {
        page(&cpu, |run| {
            (run.psw_mask, run.psw_addr) = (0x0000_0001_8000_0000, 0x4000);
            run.regs_mut().gprs[5] = 0x5000;
            run.regs_mut().gprs[7] = 0x7000;
        });
        cpu.run().unwrap();
        page(&cpu, |run| (run.regs().gprs[1], run.regs().gprs[4]))
    };
    assert_eq!(run(), (0, 4), "stable before, unused now");
    assert_eq!(get(kvm_s390_cmma_log { start_gfn: 4, count: 4, ..peek }), Ok((4, 4, 0)));
    assert_eq!(values[..5], [0, 1, 0, 3, 9]);
    assert_eq!(get(kvm_s390_cmma_log { start_gfn: 1 << 40, ..peek }), Err(Errno::EFAULT));
    assert_eq!(get(kvm_s390_cmma_log { start_gfn: 255, ..peek }), Ok((255, 1, 0)), "up to the end");
    assert_eq!(get(kvm_s390_cmma_log { count: 0, ..peek }), Ok((0, 0, 0)));
    assert_eq!(get(kvm_s390_cmma_log { values: BAD, ..peek }), Err(Errno::EFAULT));
    // What has changed while the guest moves.
    let logged = kvm_userspace_memory_region { flags: 1, ..machine.region(STORAGE as u64) };
    assert_eq!(vm(&machine, KVM_SET_USER_MEMORY_REGION, logged), Ok(0));
    assert_eq!(attribute(&machine, KVM_SET_DEVICE_ATTR, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_START, 0), Ok(0));
    for first in (0..256).step_by(32) {
        assert_eq!(get(kvm_s390_cmma_log { start_gfn: first, ..log }), Ok((first, 32, 256 - 32 - first)));
    }
    assert_eq!(get(log), Ok((0, 0, 0)));
    assert_eq!(run(), (4, 4));
    assert_eq!(get(log), Ok((5, 3, 0)), "changed, clean, changed");
    assert_eq!(values[..3], [1, 0, 3]);
    assert_eq!(set(kvm_s390_cmma_log { flags: 1, ..log }), EINVAL);
    assert_eq!(set(kvm_s390_cmma_log { count: 1 << 20 | 1, ..log }), EINVAL);
    assert_eq!(set(kvm_s390_cmma_log { count: 0, values: BAD, ..log }), Ok(0));
    assert_eq!(set(kvm_s390_cmma_log { values: BAD, ..log }), Err(Errno::EFAULT));
    assert_eq!(set(kvm_s390_cmma_log { start_gfn: 255, ..log }), Err(Errno::EFAULT));
    values = [0x43; 32];
    assert_eq!(set(kvm_s390_cmma_log { start_gfn: 16, count: 2, remaining: 0x4000_0000, ..log }), Ok(0));
    assert_eq!(get(kvm_s390_cmma_log { start_gfn: 15, count: 4, ..peek }), Ok((15, 4, 0)));
    assert_eq!(values[..4], [0, 0x40, 0x40, 0], "only what the mask says");
    assert_eq!(control(KVM_S390_VM_MEM_CLR_CMMA), Ok(0));
    assert_eq!(get(kvm_s390_cmma_log { start_gfn: 4, count: 4, ..peek }), Ok((4, 4, 0)));
    assert_eq!(values[..4], [0; 4]);
}

#[test]
fn mem_op() {
    let machine = Machine::new();
    let mut buffer = *b"ABCDEFGH";
    let op = kvm_s390_mem_op {
        gaddr: 0x4ffc,
        size: 8,
        op: KVM_S390_MEMOP_ABSOLUTE_WRITE,
        buf: buffer.as_mut_ptr().expose_provenance() as u64,
        ..Default::default()
    };
    let vm = |op: kvm_s390_mem_op| vm(&machine, KVM_S390_MEM_OP, op);
    assert_eq!(vm(op), Ok(0));
    assert_eq!(&machine.read::<8>(0x4ffc), b"ABCDEFGH");
    buffer = [0; 8];
    assert_eq!(vm(kvm_s390_mem_op { op: KVM_S390_MEMOP_ABSOLUTE_READ, ..op }), Ok(0));
    assert_eq!(&buffer, b"ABCDEFGH");
    assert_eq!(vm(kvm_s390_mem_op { op: 7, ..op }), EINVAL);
    for logical in KVM_S390_MEMOP_LOGICAL_READ..=KVM_S390_MEMOP_SIDA_WRITE {
        assert_eq!(vm(kvm_s390_mem_op { op: logical, ..op }), EINVAL, "{logical}");
    }
    assert_eq!(vm(kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_INJECT_EXCEPTION, ..op }), EINVAL);
    assert_eq!(vm(kvm_s390_mem_op { flags: 8, size: 0, ..op }), EINVAL);
    assert_eq!(vm(kvm_s390_mem_op { size: 0, ..op }), EINVAL);
    assert_eq!(vm(kvm_s390_mem_op { size: 65537, ..op }), Err(Errno::E2BIG));
    assert_eq!(vm(kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_SKEY_PROTECTION, key: 16, ..op }), EINVAL);
    assert_eq!(vm(kvm_s390_mem_op { buf: BAD, ..op }), Err(Errno::EFAULT));
    assert_eq!(vm(kvm_s390_mem_op { gaddr: 1 << 40, buf: BAD, ..op }), Ok(5), "storage is looked at first");
    assert_eq!(vm(kvm_s390_mem_op { gaddr: STORAGE as u64 - 4, ..op }), Ok(5));
    machine.set_key(0x5000, 0x50);
    let keyed = kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_SKEY_PROTECTION, key: 6, ..op };
    assert_eq!(vm(keyed), Ok(4), "on the second page");
    assert_eq!(vm(kvm_s390_mem_op { key: 0, ..keyed }), Ok(0));
    assert_eq!(vm(kvm_s390_mem_op { op: KVM_S390_MEMOP_ABSOLUTE_READ, ..keyed }), Ok(0), "no fetch protection");
    let check = kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_CHECK_ONLY, buf: BAD, ..op };
    assert_eq!(vm(check), Ok(0));
    assert_eq!(vm(kvm_s390_mem_op { flags: keyed.flags | check.flags, key: 6, ..check }), Ok(4));
}

#[test]
fn compare_and_exchange() {
    let machine = Machine::new();
    for size in [1usize, 2, 4, 8, 16] {
        let (at, new) = (0x5000u64 + 16 * size as u64, [0xabu8; 16]);
        let mut old = [0u8; 16];
        let op = kvm_s390_mem_op {
            gaddr: at,
            size: size as u32,
            op: KVM_S390_MEMOP_ABSOLUTE_CMPXCHG,
            buf: address_of(&new),
            old_addr: old.as_mut_ptr().expose_provenance() as u64,
            ..Default::default()
        };
        let exchange = |op: kvm_s390_mem_op| vm(&machine, KVM_S390_MEM_OP, op);
        assert_eq!(exchange(op), Ok(0), "{size}");
        assert_eq!(machine.read::<16>(at)[..size], new[..size]);
        assert_eq!(old, [0; 16], "exchanged: the expected value is left alone");
        machine.write(at, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        assert_eq!(exchange(op), Ok(0));
        assert_eq!(old[..size], machine.read::<16>(at)[..size], "not exchanged: the value found");
        assert_eq!(old[size..], [0; 16][size..]);
        if size > 1 {
            assert_eq!(exchange(kvm_s390_mem_op { gaddr: at + 1, ..op }), EINVAL, "not on its boundary");
        }
        assert_eq!(exchange(kvm_s390_mem_op { gaddr: 1 << 40, ..op }), Ok(5));
        assert_eq!(exchange(kvm_s390_mem_op { buf: BAD, ..op }), Err(Errno::EFAULT));
        assert_eq!(exchange(kvm_s390_mem_op { old_addr: BAD, ..op }), Err(Errno::EFAULT));
        for size in [3, 5, 12, 17, 65536] {
            assert_eq!(exchange(kvm_s390_mem_op { size, ..op }), EINVAL, "{size}");
        }
        assert_eq!(exchange(kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_CHECK_ONLY, ..op }), EINVAL);
        assert_eq!(exchange(kvm_s390_mem_op { size: 65537, ..op }), Err(Errno::E2BIG));
        machine.set_key(at, 0x50);
        let keyed = kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_SKEY_PROTECTION, key: 6, ..op };
        assert_eq!(exchange(keyed), Ok(4));
        assert_eq!(exchange(kvm_s390_mem_op { key: 5, ..keyed }), Ok(0));
    }
}
