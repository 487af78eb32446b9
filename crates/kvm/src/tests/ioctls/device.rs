//! Calls on a device: the attributes of the floating interrupt controller.
//! Truth: section 13 of the interface's reference.

use super::{BAD, Machine, address_of, create_flic, flic, floating, shows};
use crate::Errno;
use crate::abi::*;

shows! {
    Device:
    KVM_SET_DEVICE_ATTR => enqueue_and_clear, adapters, suppression;
    KVM_GET_DEVICE_ATTR => list_of_interrupts, suppression;
    KVM_HAS_DEVICE_ATTR => groups;
}

const SET: u32 = KVM_SET_DEVICE_ATTR;
const GET: u32 = KVM_GET_DEVICE_ATTR;

fn io(nr: u16) -> kvm_s390_irq {
    let mut irq = kvm_s390_irq::new(0);
    irq.u.io = kvm_s390_io_info { subchannel_id: 1, subchannel_nr: nr, io_int_parm: 7, io_int_word: 3 << 27 };
    irq
}

fn service(parameter: u32) -> kvm_s390_irq {
    let mut irq = kvm_s390_irq::new(KVM_S390_INT_SERVICE);
    irq.u.ext = kvm_s390_ext_info { ext_params: parameter, ..Default::default() };
    irq
}

#[test]
fn groups() {
    let machine = Machine::new();
    let device = create_flic(&machine);
    for group in 1..=11 {
        assert_eq!(flic(&device, KVM_HAS_DEVICE_ATTR, group, 0, 0), Ok(0), "{group}");
    }
    for group in [0, 12, u32::MAX] {
        assert_eq!(flic(&device, KVM_HAS_DEVICE_ATTR, group, 0, 0), Err(Errno::ENXIO));
        assert_eq!(flic(&device, SET, group, 0, 0), Err(Errno::EINVAL), "not ENXIO, as Linux");
        assert_eq!(flic(&device, GET, group, 0, 0), Err(Errno::EINVAL));
    }
}

#[test]
fn enqueue_and_clear() {
    let machine = Machine::new();
    let device = create_flic(&machine);
    let irqs = [io(1), io(2), service(0x5000)];
    let enqueue = |bytes, addr| flic(&device, SET, KVM_DEV_FLIC_ENQUEUE, bytes, addr);
    assert_eq!(enqueue(3 * 72, address_of(&irqs)), Ok(0));
    // Of interrupts by I/O the subchannels' numbers, of others their types.
    let number = |irq: &kvm_s390_irq| match irq.r#type {
        // SAFETY: integers, valid for any bytes.
        0 => unsafe { irq.u.io.subchannel_nr.into() },
        other => other,
    };
    let kinds = || floating(&device).iter().map(number).collect::<Vec<_>>();
    assert_eq!(kinds(), [1, 2, KVM_S390_INT_SERVICE]);
    assert_eq!(enqueue(0, BAD), Ok(0), "nothing at all");
    for bytes in [71, 73, 0x200_0001] {
        assert_eq!(enqueue(bytes, address_of(&irqs)), Err(Errno::EINVAL), "{bytes}");
    }
    assert_eq!(enqueue(72, BAD), Err(Errno::EFAULT));
    for kind in [KVM_S390_RESTART, KVM_S390_PROGRAM_INT, KVM_S390_INT_PFAULT_INIT, KVM_S390_INT_EMERGENCY, 1 << 40] {
        assert_eq!(enqueue(72, address_of(&kvm_s390_irq::new(kind))), Err(Errno::EINVAL), "{kind:#x}");
    }
    let clear = |bytes, word: &u32| flic(&device, SET, KVM_DEV_FLIC_CLEAR_IO_IRQ, bytes, address_of(word));
    assert_eq!(clear(4, &0x0001_0001), Ok(0));
    assert_eq!(clear(4, &0x0001_0001), Ok(0), "none is left of that subchannel");
    assert_eq!(clear(8, &0x0001_0002), Err(Errno::EINVAL));
    assert_eq!(clear(4, &0), Err(Errno::EINVAL));
    assert_eq!(kinds(), [2, KVM_S390_INT_SERVICE], "the other is still there");
    assert_eq!(flic(&device, SET, KVM_DEV_FLIC_CLEAR_IRQS, 0, 0), Ok(0));
    assert!(kinds().is_empty());
    for group in [KVM_DEV_FLIC_APF_ENABLE, KVM_DEV_FLIC_APF_DISABLE_WAIT] {
        assert_eq!(flic(&device, SET, group, 0, 0), Ok(0));
    }
    assert_eq!(flic(&device, SET, KVM_DEV_FLIC_GET_ALL_IRQS, 72, address_of(&irqs)), Err(Errno::EINVAL));
}

#[test]
fn list_of_interrupts() {
    let machine = Machine::new();
    let device = create_flic(&machine);
    let mut room = [kvm_s390_irq::new(0); 3];
    let list = |bytes, addr| flic(&device, GET, KVM_DEV_FLIC_GET_ALL_IRQS, bytes, addr);
    let place = room.as_mut_ptr().expose_provenance() as u64;
    assert_eq!(list(216, place), Ok(0));
    let irqs = [service(0x5000), io(9)];
    assert_eq!(flic(&device, SET, KVM_DEV_FLIC_ENQUEUE, 144, address_of(&irqs)), Ok(0));
    assert_eq!(list(216, place), Ok(2));
    assert_eq!(list(144, place), Ok(2), "they stay pending");
    // SAFETY: integers, valid for any bytes.
    assert_eq!(unsafe { (room[0].u.io.subchannel_nr, room[1].u.ext.ext_params) }, (9, 0x5000));
    assert_eq!(list(143, place), Err(Errno::ENOMEM));
    assert_eq!(list(0, place), Err(Errno::EINVAL));
    assert_eq!(list(0x200_0001, place), Err(Errno::EINVAL));
    assert_eq!(list(144, BAD), Err(Errno::EFAULT));
}

fn adapter(id: u32, maskable: u8, flags: u8) -> kvm_s390_io_adapter {
    kvm_s390_io_adapter { id, isc: 5, maskable, swap: 1, flags }
}

#[test]
fn adapters() {
    let machine = Machine::new();
    let device = create_flic(&machine);
    let register = |a: kvm_s390_io_adapter| flic(&device, SET, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, address_of(&a));
    assert_eq!(register(adapter(0, 1, 0)), Ok(0));
    assert_eq!(register(adapter(63, 0, 1)), Ok(0));
    assert_eq!(register(adapter(0, 1, 0)), Err(Errno::EINVAL), "taken");
    assert_eq!(register(adapter(64, 1, 0)), Err(Errno::EINVAL));
    let modify = |id, kind, mask| {
        let request = kvm_s390_io_adapter_req { id, r#type: kind, mask, ..Default::default() };
        flic(&device, SET, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, address_of(&request))
    };
    assert_eq!(modify(0, KVM_S390_IO_ADAPTER_MASK, 1), Ok(0));
    assert_eq!(modify(0, KVM_S390_IO_ADAPTER_MASK, 0), Ok(0));
    assert_eq!(modify(63, KVM_S390_IO_ADAPTER_MASK, 1), Err(Errno::EINVAL), "not maskable");
    assert_eq!(modify(0, KVM_S390_IO_ADAPTER_MAP, 0), Ok(0));
    assert_eq!(modify(0, KVM_S390_IO_ADAPTER_UNMAP, 0), Ok(0));
    assert_eq!(modify(0, 9, 0), Err(Errno::EINVAL));
    assert_eq!(modify(1, KVM_S390_IO_ADAPTER_MAP, 0), Err(Errno::EINVAL), "not registered");
    let inject = |id| flic(&device, SET, KVM_DEV_FLIC_AIRQ_INJECT, id, 0);
    assert_eq!(inject(0), Ok(0));
    assert_eq!(inject(1), Err(Errno::EINVAL));
    let all = floating(&device);
    let irq = all[0];
    // SAFETY: integers, valid for any bytes.
    let io = unsafe { irq.u.io };
    assert_eq!((all.len(), irq.r#type, io.io_int_word), (1, 0x0400_0000, 0xa800_0000));
    assert_eq!((io.subchannel_id, io.subchannel_nr, io.io_int_parm), (0, 0, 0));
}

#[test]
fn suppression() {
    let machine = Machine::new();
    let device = create_flic(&machine);
    let mode = |isc, mode| flic(&device, SET, KVM_DEV_FLIC_AISM, 0, address_of(&kvm_s390_ais_req { isc, mode }));
    let mut all = kvm_s390_ais_all { simm: 1, nimm: 2 };
    let place = core::ptr::from_mut(&mut all).expose_provenance() as u64;
    assert_eq!(mode(5, 1), Err(Errno::EOPNOTSUPP), "without facility 72");
    assert_eq!(flic(&device, GET, KVM_DEV_FLIC_AISM_ALL, 2, place), Err(Errno::EOPNOTSUPP));
    assert_eq!(flic(&device, SET, KVM_DEV_FLIC_AISM_ALL, 2, place), Err(Errno::EOPNOTSUPP));
    let cap = kvm_enable_cap { cap: KVM_CAP_S390_AIS, ..Default::default() };
    assert_eq!(super::vm(&machine, KVM_ENABLE_CAP, cap), Ok(0));
    for a in [adapter(1, 0, KVM_S390_ADAPTER_SUPPRESSIBLE), adapter(2, 0, 0)] {
        assert_eq!(flic(&device, SET, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, address_of(&a)), Ok(0));
    }
    assert_eq!(mode(8, 0), Err(Errno::EINVAL));
    assert_eq!(mode(0, 2), Err(Errno::EINVAL));
    let inject = |id| flic(&device, SET, KVM_DEV_FLIC_AIRQ_INJECT, id, 0).unwrap();
    inject(1);
    inject(1);
    assert_eq!(floating(&device).len(), 2, "all interruptions");
    assert_eq!(mode(5, 1), Ok(0));
    inject(1);
    inject(1);
    assert_eq!(floating(&device).len(), 3, "a single one");
    inject(2);
    assert_eq!(floating(&device).len(), 4, "not suppressible");
    assert_eq!(flic(&device, GET, KVM_DEV_FLIC_AISM_ALL, 2, place), Ok(0));
    assert_eq!(all, kvm_s390_ais_all { simm: 0x04, nimm: 0x04 });
    assert_eq!(flic(&device, GET, KVM_DEV_FLIC_AISM_ALL, 1, place), Err(Errno::EINVAL));
    assert_eq!(mode(5, 1), Ok(0), "opens the door again");
    inject(1);
    assert_eq!(floating(&device).len(), 5);
    all = kvm_s390_ais_all { simm: 0xff, nimm: 0xff };
    assert_eq!(flic(&device, SET, KVM_DEV_FLIC_AISM_ALL, 2, place), Ok(0));
    inject(1);
    assert_eq!(floating(&device).len(), 5, "no interruptions");
    assert_eq!(all.simm, 0xff);
}
