//! Results and errors of the calls of System, VM and vCPU.
//! Truth: the tables of the interface's reference (Linux 6.12).

use super::machine::{Machine, STORAGE};
use crate::abi::*;
use crate::{Errno, OwnMemory, System};

fn attr(group: u32, attr: u64, addr: u64) -> kvm_device_attr {
    kvm_device_attr { flags: 0, group, attr, addr }
}

fn address_of<T>(value: &mut T) -> u64 {
    core::ptr::from_mut(value).expose_provenance() as u64
}

#[test]
fn system() {
    let system = System::new();
    assert_eq!(system.get_api_version(), 12);
    assert_eq!(system.get_vcpu_mmap_size(), 4096);
    assert_eq!(system.create_vm(3).err(), Some(Errno::EINVAL));
    assert_eq!(system.create_vm(2).err(), Some(Errno::EINVAL));
    assert_eq!(system.s390_enable_sie(), Ok(()));
}

#[test]
fn vcpu_numbers() {
    let machine = Machine::new();
    assert!(machine.vm.create_vcpu(254).is_ok());
    assert_eq!(machine.vm.create_vcpu(254).err(), Some(Errno::EEXIST));
    assert_eq!(machine.vm.create_vcpu(255).err(), Some(Errno::EINVAL));
    assert_eq!(machine.vcpu(3).id(), 3);
}

#[test]
fn memory_slots() {
    let machine = Machine::new();
    let vm = &machine.vm;
    let good = machine.region(STORAGE as u64);
    // SAFETY: only refused regions and the machine's own memory are passed.
    let set = |region: kvm_userspace_memory_region| unsafe { vm.set_user_memory_region(&region) };
    let other = kvm_userspace_memory_region { slot: 1, guest_phys_addr: 0x10_0000, ..good };
    assert_eq!(set(kvm_userspace_memory_region { slot: 32767, ..other }), Err(Errno::EINVAL));
    assert_eq!(set(kvm_userspace_memory_region { slot: 0x1_0000, ..other }), Err(Errno::EINVAL));
    assert_eq!(set(kvm_userspace_memory_region { flags: KVM_MEM_READONLY, ..other }), Err(Errno::EINVAL));
    assert_eq!(set(kvm_userspace_memory_region { flags: KVM_MEM_GUEST_MEMFD, ..other }), Err(Errno::EINVAL));
    assert_eq!(set(kvm_userspace_memory_region { memory_size: 0x1000, ..other }), Err(Errno::EINVAL));
    assert_eq!(set(kvm_userspace_memory_region { memory_size: 0x10_0001, ..other }), Err(Errno::EINVAL));
    assert_eq!(set(kvm_userspace_memory_region { guest_phys_addr: 0x10_0001, ..other }), Err(Errno::EINVAL));
    assert_eq!(
        set(kvm_userspace_memory_region { guest_phys_addr: 0u64.wrapping_sub(0x1000), ..other }),
        Err(Errno::EINVAL)
    );
    assert_eq!(set(kvm_userspace_memory_region { guest_phys_addr: 0, ..other }), Err(Errno::EEXIST));
    assert_eq!(set(kvm_userspace_memory_region { memory_size: 0, ..other }), Err(Errno::EINVAL), "no such slot");
    assert_eq!(set(kvm_userspace_memory_region { memory_size: 0x20_0000, ..good }), Err(Errno::EINVAL), "no resizing");
    assert_eq!(set(good), Ok(()), "the same again");
    assert_eq!(set(other), Ok(()));
    assert_eq!(set(kvm_userspace_memory_region { memory_size: 0, ..other }), Ok(()));
}

#[test]
fn capabilities_of_a_vm() {
    let machine = Machine::new();
    let cap = |cap| kvm_enable_cap { cap, ..Default::default() };
    assert_eq!(machine.vm.create_irqchip(), Err(Errno::EINVAL));
    assert_eq!(machine.vm.enable_cap(&cap(KVM_CAP_S390_IRQCHIP)), Ok(()));
    assert_eq!(machine.vm.create_irqchip(), Ok(()));
    assert_eq!(machine.vm.enable_cap(&kvm_enable_cap { flags: 1, ..cap(KVM_CAP_S390_IRQCHIP) }), Err(Errno::EINVAL));
    assert_eq!(machine.vm.enable_cap(&cap(KVM_CAP_S390_CSS_SUPPORT)), Err(Errno::EINVAL), "the vCPU's");
    assert_eq!(machine.vm.enable_cap(&cap(KVM_CAP_S390_RI)), Err(Errno::EINVAL), "not installed");
    let vcpu = machine.vcpu(0);
    assert_eq!(machine.vm.enable_cap(&cap(KVM_CAP_S390_VECTOR_REGISTERS)), Err(Errno::EBUSY));
    assert_eq!(vcpu.enable_cap(&cap(KVM_CAP_S390_CSS_SUPPORT)), Ok(()));
    assert_eq!(vcpu.enable_cap(&cap(KVM_CAP_S390_USER_SIGP)), Err(Errno::EINVAL));
}

#[test]
fn cpu_model_attributes() {
    let machine = Machine::new();
    let vm = &machine.vm;
    let group = KVM_S390_VM_CPU_MODEL;
    for known in 0..8 {
        assert_eq!(vm.has_device_attr(&attr(group, known, 0)), Ok(()));
    }
    for unknown in [8, 9] {
        assert_eq!(vm.has_device_attr(&attr(group, unknown, 0)), Err(Errno::ENXIO));
    }
    let mut processor = kvm_s390_vm_cpu_processor::default();
    let object =
        |processor: &mut _| attr(group, KVM_S390_VM_CPU_PROCESSOR, address_of::<kvm_s390_vm_cpu_processor>(processor));
    let get = object(&mut processor);
    vm.get_device_attr(&get, &OwnMemory).unwrap();
    assert_eq!(processor.cpuid >> 56, 0xff, "version of a guest");
    assert_ne!(processor.fac_list[0] & 0x60, 0, "z/Architecture is installed and active");
    processor.cpuid = 0xff12_3456_3906_8000;
    let set = object(&mut processor);
    vm.set_device_attr(&set, &OwnMemory).unwrap();
    assert_eq!(vm.cpuid(), 0xff12_3456_3906_8000);
    let machine_attr = attr(group, KVM_S390_VM_CPU_MACHINE, 0);
    assert_eq!(vm.set_device_attr(&machine_attr, &OwnMemory), Err(Errno::ENXIO));
    assert_eq!(vm.get_device_attr(&machine_attr, &OwnMemory), Err(Errno::EFAULT));
    machine.vcpu(0);
    assert_eq!(vm.set_device_attr(&set, &OwnMemory), Err(Errno::EBUSY));
}

#[test]
fn tod_attributes() {
    let machine = Machine::new();
    let vm = &machine.vm;
    let vcpu = machine.vcpu(0);
    let mut tod = 0x1234_0000_0000_0000u64;
    let low = attr(KVM_S390_VM_TOD, KVM_S390_VM_TOD_LOW, address_of(&mut tod));
    vm.set_device_attr(&low, &OwnMemory).unwrap();
    vm.get_device_attr(&low, &OwnMemory).unwrap();
    assert_eq!(vm.get_device_attr(&kvm_device_attr { flags: 1, ..low }, &OwnMemory), Err(Errno::EINVAL));
    assert!(tod - 0x1234_0000_0000_0000 < 4_096_000_000, "less than a second has passed: {tod:#x}");
    let guest = softsie_cpu::TodClock::now().wrapping_add(vcpu.peer().sd.epoch.get());
    assert!(guest - tod < 4_096_000_000, "vCPUs follow");
    let mut high = 1u8;
    let high = attr(KVM_S390_VM_TOD, KVM_S390_VM_TOD_HIGH, address_of(&mut high));
    assert_eq!(vm.set_device_attr(&high, &OwnMemory), Err(Errno::EINVAL));
    assert_eq!(vm.has_device_attr(&attr(KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT, 0)), Err(Errno::ENXIO), "as Linux");
    let mut limit = 0u64;
    let limit_attr = attr(KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_LIMIT_SIZE, address_of(&mut limit));
    assert_eq!(vm.set_device_attr(&limit_attr, &OwnMemory), Err(Errno::EINVAL));
    limit = 1 << 30;
    assert_eq!(vm.set_device_attr(&limit_attr, &OwnMemory), Err(Errno::EBUSY), "a vCPU exists");
    vm.get_device_attr(&limit_attr, &OwnMemory).unwrap();
    assert_eq!(limit, u64::MAX);
    assert_eq!(vm.has_device_attr(&attr(KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA, 0)), Ok(()));
    assert_eq!(vm.has_device_attr(&attr(77, 0, 0)), Err(Errno::ENXIO));
}

#[test]
fn valid_register_classes_follow_the_model() {
    let machine = Machine::new();
    let vcpu = machine.vcpu(0);
    assert_eq!(vcpu.peer().page.classes().0, 0x103f | KVM_SYNC_BPBC | KVM_SYNC_FPRS);
    let machine = Machine::new();
    let enabled = machine.vm.enable_cap(&kvm_enable_cap { cap: KVM_CAP_S390_VECTOR_REGISTERS, ..Default::default() });
    if machine.vm.check_extension(KVM_CAP_S390_VECTOR_REGISTERS) == 1 {
        assert_eq!(enabled, Ok(()));
        assert_eq!(machine.vcpu(0).peer().page.classes().0, 0x103f | KVM_SYNC_BPBC | KVM_SYNC_VRS);
    } else {
        assert_eq!(enabled, Err(Errno::EINVAL));
    }
}

#[test]
fn cpu_states() {
    let machine = Machine::new();
    let vcpu = machine.vcpu(0);
    assert_eq!(vcpu.get_mp_state(), Ok(5));
    assert_eq!(vcpu.set_mp_state(8), Err(Errno::ENXIO));
    assert_eq!(vcpu.set_mp_state(6), Err(Errno::ENXIO));
    assert_eq!(vcpu.run(), Err(Errno::EINVAL), "even a refused call takes control: a stopped CPU is not started");
    assert_eq!(vcpu.set_mp_state(7), Ok(()));
    assert_eq!(vcpu.get_mp_state(), Ok(7));
    assert_eq!(vcpu.s390_set_initial_psw(&kvm_s390_psw::default()), Err(Errno::EBUSY));
    assert_eq!(vcpu.set_mp_state(5), Ok(()));
    assert_eq!(vcpu.s390_set_initial_psw(&kvm_s390_psw { mask: 1, addr: 2 }), Ok(()));
    assert_eq!(vcpu.peer().page.psw(), (1, 2));
}

#[test]
fn run_is_refused() {
    let machine = Machine::new();
    let vcpu = machine.vcpu(0);
    let run = vcpu.kvm_run().as_ptr();
    // SAFETY: the vCPU is not running; the page lives as long as it.
    unsafe {
        (*run).exit_reason = 77;
        (*run).immediate_exit = 1;
        assert_eq!(vcpu.run(), Err(Errno::EINTR));
        assert_eq!((*run).exit_reason, 77, "untouched");
        (*run).immediate_exit = 0;
        (*run).kvm_dirty_regs = 0x2000;
        assert_eq!(vcpu.run(), Err(Errno::EINVAL));
        (*run).kvm_dirty_regs = 0;
    }
    vcpu.kick();
    assert_eq!(vcpu.run(), Err(Errno::EINTR), "a kick before the run");
}

#[test]
fn run_without_storage() {
    let vm = System::new().create_vm(0).unwrap();
    assert_eq!(vm.create_vcpu(0).unwrap().run(), Err(Errno::EFAULT));
}

#[test]
fn registers() {
    let machine = Machine::new();
    let vcpu = machine.vcpu(0);
    let regs = kvm_regs { gprs: core::array::from_fn(|n| n as u64 + 100) };
    vcpu.set_regs(&regs).unwrap();
    assert_eq!(vcpu.get_regs(), Ok(regs));
    let sregs = kvm_sregs { acrs: core::array::from_fn(|n| n as u32), crs: core::array::from_fn(|n| n as u64 + 7) };
    vcpu.set_sregs(&sregs).unwrap();
    assert_eq!(vcpu.get_sregs(), Ok(sregs));
    let fpu = kvm_fpu { fpc: 0x70, pad: 0, fprs: core::array::from_fn(|n| n as u64 + 9) };
    vcpu.set_fpu(&fpu).unwrap();
    assert_eq!(vcpu.get_fpu(), Ok(fpu));
    vcpu.s390_clear_reset().unwrap();
    assert_eq!(vcpu.get_regs(), Ok(kvm_regs::default()));
    let sregs = vcpu.get_sregs().unwrap();
    assert_eq!((sregs.crs[0], sregs.crs[14], sregs.crs[1]), (0xe0, 0xc200_0000, 0));
    assert_eq!(vcpu.get_fpu(), Ok(kvm_fpu::default()));
    assert_eq!(vcpu.peer().page.regs().gbea, 1);
}

#[test]
fn single_registers() {
    let machine = Machine::new();
    let vcpu = machine.vcpu(0);
    for id in KVM_REG_S390_EPOCHDIFF..=KVM_REG_S390_GBEA {
        let mut value = id ^ 0x55;
        let reg = kvm_one_reg { id, addr: address_of(&mut value) };
        vcpu.set_one_reg(&reg, &OwnMemory).unwrap();
        value = 0;
        vcpu.get_one_reg(&reg, &OwnMemory).unwrap();
        assert_eq!(value, id ^ 0x55);
    }
    let mut todpr = [0x1234u32, 0xdead];
    let reg = kvm_one_reg { id: KVM_REG_S390_TODPR, addr: address_of(&mut todpr) };
    vcpu.set_one_reg(&reg, &OwnMemory).unwrap();
    todpr[0] = 0;
    vcpu.get_one_reg(&reg, &OwnMemory).unwrap();
    assert_eq!(todpr, [0x1234, 0xdead]);
    for id in [0, KVM_REG_S390_GBEA + 1, KVM_REG_S390_TODPR + 1, KVM_REG_S390_GBEA ^ 0x0010_0000_0000_0000] {
        let reg = kvm_one_reg { id, addr: 0 };
        assert_eq!(vcpu.set_one_reg(&reg, &OwnMemory), Err(Errno::EINVAL), "{id:#x}");
        assert_eq!(vcpu.get_one_reg(&reg, &OwnMemory), Err(Errno::EINVAL), "{id:#x}");
    }
}

#[test]
fn storage_access() {
    let machine = Machine::new();
    let vcpu = machine.vcpu(0);
    let mut buffer = *b"ABCDEFGH";
    let op = kvm_s390_mem_op {
        gaddr: 0x3ffc,
        size: 8,
        op: KVM_S390_MEMOP_LOGICAL_WRITE,
        buf: address_of(&mut buffer),
        ..Default::default()
    };
    // SAFETY: the buffer has eight bytes; larger sizes are refused or fail before it is touched.
    let vcpu_op = |op: kvm_s390_mem_op| vcpu.s390_mem_op(&op, &OwnMemory);
    // SAFETY: as above.
    let vm_op = |op: kvm_s390_mem_op| machine.vm.s390_mem_op(&op, &OwnMemory);
    assert_eq!(vcpu_op(op), Ok(0));
    assert_eq!(&machine.read::<8>(0x3ffc), b"ABCDEFGH");
    assert_eq!(vcpu_op(kvm_s390_mem_op { gaddr: STORAGE as u64 - 4, ..op }), Ok(5));
    assert_eq!(vcpu_op(kvm_s390_mem_op { op: 7, ..op }), Err(Errno::EINVAL));
    assert_eq!(vcpu_op(kvm_s390_mem_op { op: KVM_S390_MEMOP_ABSOLUTE_READ, ..op }), Err(Errno::EINVAL));
    assert_eq!(vcpu_op(kvm_s390_mem_op { op: KVM_S390_MEMOP_SIDA_READ, ..op }), Err(Errno::EINVAL));
    assert_eq!(vcpu_op(kvm_s390_mem_op { size: 0, ..op }), Err(Errno::EINVAL));
    assert_eq!(vcpu_op(kvm_s390_mem_op { flags: 8, ..op }), Err(Errno::EINVAL));
    assert_eq!(vcpu_op(kvm_s390_mem_op { size: 65537, ..op }), Err(Errno::E2BIG));
    assert_eq!(vcpu_op(kvm_s390_mem_op { ar: 16, ..op }), Err(Errno::EINVAL));
    assert_eq!(vcpu_op(kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_SKEY_PROTECTION, key: 16, ..op }), Err(Errno::EINVAL));
    assert_eq!(vcpu_op(kvm_s390_mem_op { buf: 0, ..op }), Err(Errno::EFAULT));
    let check = kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_CHECK_ONLY, buf: 0, size: 65536, gaddr: 0x800, ..op };
    assert_eq!(vcpu_op(check), Ok(0));
    assert_eq!(vcpu_op(kvm_s390_mem_op { gaddr: STORAGE as u64 - 0x1000, ..check }), Ok(5));
    let absolute = kvm_s390_mem_op { op: KVM_S390_MEMOP_ABSOLUTE_WRITE, gaddr: 0x5000, ..op };
    assert_eq!(vm_op(absolute), Ok(0));
    assert_eq!(&machine.read::<8>(0x5000), b"ABCDEFGH");
    assert_eq!(vm_op(kvm_s390_mem_op { gaddr: 1 << 40, ..absolute }), Ok(5));
    assert_eq!(vm_op(op), Err(Errno::EINVAL), "logical access is the vCPU's");
}

#[test]
fn storage_access_with_a_key() {
    let machine = Machine::new();
    let vcpu = machine.vcpu(0);
    machine.vm.storage.map().page(0x6000).unwrap().state.set_key(softsie_mem::StorageKey(0x50));
    let mut buffer = [1u8; 4];
    let op = kvm_s390_mem_op {
        gaddr: 0x6000,
        size: 4,
        op: KVM_S390_MEMOP_LOGICAL_WRITE,
        flags: KVM_S390_MEMOP_F_SKEY_PROTECTION,
        key: 6,
        buf: address_of(&mut buffer),
        ..Default::default()
    };
    assert_eq!(vcpu.s390_mem_op(&op, &OwnMemory), Ok(4), "key 6 may not store under key 5");
    assert_eq!(
        vcpu.s390_mem_op(&kvm_s390_mem_op { op: KVM_S390_MEMOP_LOGICAL_READ, ..op }, &OwnMemory),
        Ok(0),
        "but fetch"
    );
    assert_eq!(vcpu.s390_mem_op(&kvm_s390_mem_op { key: 5, ..op }, &OwnMemory), Ok(0));
    assert_eq!(vcpu.s390_mem_op(&kvm_s390_mem_op { flags: 0, ..op }, &OwnMemory), Ok(0), "no flag: key 0");
    let absolute = kvm_s390_mem_op { op: KVM_S390_MEMOP_ABSOLUTE_WRITE, ..op };
    assert_eq!(machine.vm.s390_mem_op(&absolute, &OwnMemory), Ok(4));
}

#[test]
fn store_status() {
    let machine = Machine::new();
    let vcpu = machine.vcpu(0);
    vcpu.set_regs(&kvm_regs { gprs: core::array::from_fn(|n| 0x1100 + n as u64) }).unwrap();
    vcpu.set_fpu(&kvm_fpu { fpc: 0x0088_0000, pad: 0, fprs: core::array::from_fn(|n| 0x2200 + n as u64) }).unwrap();
    let sregs = kvm_sregs { acrs: [0x33; 16], crs: core::array::from_fn(|n| 0x4400 + n as u64) };
    vcpu.set_sregs(&sregs).unwrap();
    vcpu.peer().sd.set_prefix(0x8000);
    vcpu.peer().sd.ckc.set(0x1234_5600);
    vcpu.s390_store_status(KVM_S390_STORE_STATUS_NOADDR).unwrap();
    assert_eq!(machine.read::<1>(163), [1]);
    assert_eq!(machine.read_u64(0x1208), 0x2201, "FPR 1");
    assert_eq!(machine.read_u64(0x1280), 0x1100, "GR 0");
    assert_eq!(machine.read::<4>(0x1318), [0, 0, 0x80, 0], "prefix");
    assert_eq!(machine.read::<4>(0x131c), [0, 0x88, 0, 0], "FPC");
    assert_eq!(machine.read_u64(0x1330), 0x12_3456, "clock comparator, bits 0-55");
    assert_eq!(machine.read::<4>(0x137c), [0, 0, 0, 0x33], "AR 15");
    assert_eq!(machine.read_u64(0x13f8), 0x440f, "CR 15");
    vcpu.s390_store_status(KVM_S390_STORE_STATUS_PREFIXED).unwrap();
    assert_eq!(machine.read_u64(0x8000 + 0x1280), 0x1100);
    vcpu.s390_store_status(0x2_0000).unwrap();
    assert_eq!(machine.read_u64(0x2_0000 + 0x80), 0x1100, "the address is that of the FPRs");
    assert_eq!(vcpu.s390_store_status(1 << 40), Err(Errno::EFAULT));
}

#[test]
fn injection_errors() {
    let machine = Machine::new();
    let vcpu = machine.vcpu(1);
    let interrupt = |r#type: u64, parm| kvm_s390_interrupt { r#type: r#type as u32, parm, parm64: 0 };
    assert_eq!(vcpu.s390_interrupt(&interrupt(KVM_S390_INT_EMERGENCY, 0)), Err(Errno::EINVAL), "no CPU 0");
    assert_eq!(vcpu.s390_interrupt(&interrupt(KVM_S390_INT_EXTERNAL_CALL, 0)), Err(Errno::EINVAL));
    assert_eq!(vcpu.s390_interrupt(&interrupt(KVM_S390_INT_EXTERNAL_CALL, 1)), Ok(()));
    assert_eq!(vcpu.s390_interrupt(&interrupt(KVM_S390_INT_EXTERNAL_CALL, 1)), Err(Errno::EBUSY));
    assert_eq!(vcpu.s390_interrupt(&interrupt(KVM_S390_INT_SERVICE, 0)), Err(Errno::EINVAL));
    assert_eq!(machine.vm.s390_interrupt(&interrupt(KVM_S390_RESTART, 0)), Err(Errno::EINVAL));
    assert_eq!(vcpu.s390_interrupt(&interrupt(KVM_S390_SIGP_STOP, 0)), Ok(()), "a stopped CPU is stopped at once");
    assert_eq!(vcpu.s390_interrupt(&interrupt(KVM_S390_SIGP_STOP, 0)), Ok(()));
    assert_eq!(vcpu.s390_interrupt(&interrupt(KVM_S390_SIGP_SET_PREFIX, 0x4000)), Ok(()));
    vcpu.set_mp_state(KVM_MP_STATE_OPERATING).unwrap();
    assert_eq!(vcpu.s390_interrupt(&interrupt(KVM_S390_SIGP_SET_PREFIX, 0x4000)), Err(Errno::EBUSY));
    assert_eq!(vcpu.s390_interrupt(&interrupt(KVM_S390_SIGP_STOP, 0)), Ok(()));
    assert_eq!(vcpu.s390_interrupt(&interrupt(KVM_S390_SIGP_STOP, 0)), Err(Errno::EBUSY));
}

#[test]
fn floating_interrupt_controller() {
    let machine = Machine::new();
    let test = kvm_create_device { r#type: KVM_DEV_TYPE_FLIC, fd: 0, flags: KVM_CREATE_DEVICE_TEST };
    assert!(machine.vm.create_device(&test).unwrap().is_none());
    let flic = machine.vm.create_device(&kvm_create_device { flags: 0, ..test }).unwrap().unwrap();
    assert_eq!(machine.vm.create_device(&kvm_create_device { flags: 0, ..test }).err(), Some(Errno::EINVAL));
    assert_eq!(machine.vm.create_device(&kvm_create_device { r#type: 4, ..test }).err(), Some(Errno::ENODEV));
    assert_eq!(flic.has_device_attr(&attr(99, 0, 0)), Err(Errno::ENXIO));
    let mut irq = kvm_s390_irq::new(KVM_S390_INT_SERVICE);
    irq.u.ext = kvm_s390_ext_info { ext_params: 0x7000, ..Default::default() };
    let mut room = [kvm_s390_irq::new(0); 2];
    assert_eq!(flic.set_device_attr(&attr(99, 0, 0), &OwnMemory), Err(Errno::EINVAL), "not ENXIO, as Linux");
    assert_eq!(flic.set_device_attr(&attr(KVM_DEV_FLIC_ENQUEUE, 71, 0), &OwnMemory), Err(Errno::EINVAL));
    assert_eq!(flic.set_device_attr(&attr(KVM_DEV_FLIC_ENQUEUE, 72, address_of(&mut irq)), &OwnMemory), Ok(()));
    assert_eq!(flic.get_device_attr(&attr(KVM_DEV_FLIC_GET_ALL_IRQS, 0, 0), &OwnMemory), Err(Errno::EINVAL));
    assert_eq!(flic.get_device_attr(&attr(KVM_DEV_FLIC_GET_ALL_IRQS, 71, 0), &OwnMemory), Err(Errno::ENOMEM));
    assert_eq!(flic.get_device_attr(&attr(KVM_DEV_FLIC_GET_ALL_IRQS, 144, address_of(&mut room)), &OwnMemory), Ok(1));
    // SAFETY: integers, valid for any bytes.
    assert_eq!(unsafe { room[0].u.ext.ext_params }, 0x7000);
    assert_eq!(flic.set_device_attr(&attr(KVM_DEV_FLIC_CLEAR_IRQS, 0, 0), &OwnMemory), Ok(()));
    assert_eq!(flic.get_device_attr(&attr(KVM_DEV_FLIC_GET_ALL_IRQS, 144, address_of(&mut room)), &OwnMemory), Ok(0));
}

#[test]
fn absent_calls() {
    let machine = Machine::new();
    let vcpu = machine.vcpu(0);
    assert_eq!(vcpu.translate(), Err(Errno::EINVAL));
    assert_eq!(vcpu.set_signal_mask(None), Ok(()));
    assert_eq!(vcpu.set_signal_mask(Some(8)), Ok(()));
    assert_eq!(vcpu.s390_vcpu_fault(0x5000), Ok(()));
    assert_eq!(vcpu.s390_vcpu_fault(STORAGE as u64), Err(Errno::EFAULT));
    assert_eq!(vcpu.s390_ucas_unmap(&kvm_s390_ucas_mapping::default()), Err(Errno::EINVAL));
    assert_eq!(machine.vm.reset_dirty_rings(), Err(Errno::EINVAL));
    assert_eq!(machine.vm.get_dirty_log(&kvm_dirty_log::default(), &OwnMemory), Err(Errno::ENOENT));
    assert_eq!(
        machine.vm.get_dirty_log(&kvm_dirty_log { slot: 32767, ..Default::default() }, &OwnMemory),
        Err(Errno::EINVAL)
    );
    assert_eq!(machine.vm.s390_pv_command(), Err(Errno::EINVAL));
    assert_eq!(vcpu.run(), Err(Errno::EINVAL), "the client owns CPU states now, and the CPU is stopped");
}
