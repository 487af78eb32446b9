//! Attributes of a VM: storage limit, TOD clock, crypto, CPU model, migration, topology.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (kvm_s390_vm_set_attr, _get_attr, _has_attr).

use std::sync::atomic::Ordering;

use crate::abi::*;
use crate::model::{CpuModel, host_subfunctions};
use crate::vm::Vm;
use crate::{Errno, Result};

/// Reads the client's object.
///
/// # Safety
/// `addr` points to a readable `T`, which is plain integers.
unsafe fn read<T: Copy>(addr: u64) -> Result<T> {
    if addr == 0 {
        return Err(Errno::EFAULT);
    }
    // SAFETY: the caller says so.
    Ok(unsafe { core::ptr::with_exposed_provenance::<T>(addr as usize).read_unaligned() })
}

/// Writes the client's object.
///
/// # Safety
/// `addr` points to a writable `T`, which is plain integers.
unsafe fn write<T: Copy>(addr: u64, value: T) -> Result<()> {
    if addr == 0 {
        return Err(Errno::EFAULT);
    }
    // SAFETY: the caller says so.
    unsafe { core::ptr::with_exposed_provenance_mut::<T>(addr as usize).write_unaligned(value) };
    Ok(())
}

impl Vm {
    /// KVM_HAS_DEVICE_ATTR.
    pub fn has_device_attr(&self, attr: &kvm_device_attr) -> Result<()> {
        let known = match attr.group {
            KVM_S390_VM_MEM_CTRL => attr.attr == KVM_S390_VM_MEM_LIMIT_SIZE,
            KVM_S390_VM_TOD => matches!(attr.attr, KVM_S390_VM_TOD_LOW | KVM_S390_VM_TOD_HIGH),
            KVM_S390_VM_CRYPTO => matches!(
                attr.attr,
                KVM_S390_VM_CRYPTO_ENABLE_AES_KW
                    | KVM_S390_VM_CRYPTO_ENABLE_DEA_KW
                    | KVM_S390_VM_CRYPTO_DISABLE_AES_KW
                    | KVM_S390_VM_CRYPTO_DISABLE_DEA_KW
            ),
            KVM_S390_VM_CPU_MODEL => attr.attr <= KVM_S390_VM_CPU_MACHINE_SUBFUNC,
            _ => false,
        };
        if known { Ok(()) } else { Err(Errno::ENXIO) }
    }

    /// KVM_SET_DEVICE_ATTR.
    ///
    /// # Safety
    /// `attr.addr` points to a readable object of the attribute's type, or the attribute takes none.
    pub unsafe fn set_device_attr(&self, attr: &kvm_device_attr) -> Result<()> {
        let addr = attr.addr;
        match (attr.group, attr.attr) {
            (KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_LIMIT_SIZE) => {
                // SAFETY: the caller says that the object is there.
                self.set_memory_limit(unsafe { read(addr)? })
            }
            (KVM_S390_VM_TOD, _) if attr.flags != 0 => Err(Errno::EINVAL),
            (KVM_S390_VM_TOD, KVM_S390_VM_TOD_LOW) => {
                // SAFETY: the caller says that the object is there.
                self.set_tod(0, unsafe { read(addr)? });
                Ok(())
            }
            (KVM_S390_VM_TOD, KVM_S390_VM_TOD_HIGH) => {
                // SAFETY: the caller says that the object is there.
                let high: u8 = unsafe { read(addr)? };
                if high == 0 { Ok(()) } else { Err(Errno::EINVAL) }
            }
            (KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT) => {
                // SAFETY: the caller says that the object is there.
                let clock: kvm_s390_vm_tod_clock = unsafe { read(addr)? };
                if clock.epoch_idx != 0 && !self.has_facility(139) {
                    return Err(Errno::EINVAL);
                }
                self.set_tod(clock.epoch_idx, clock.tod);
                Ok(())
            }
            (KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_ENABLE_AES_KW..=KVM_S390_VM_CRYPTO_DISABLE_DEA_KW) => {
                // Wrapped keys are not offered by any instruction, so that there are no masks to make.
                if self.has_facility(76) { Ok(()) } else { Err(Errno::EINVAL) }
            }
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR) => {
                // SAFETY: the caller says that the object is there.
                let processor: kvm_s390_vm_cpu_processor = unsafe { read(addr)? };
                self.change_model(|model| {
                    model.set_processor(&processor);
                    Ok(())
                })
            }
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_FEAT) => {
                // SAFETY: the caller says that the object is there.
                let features: kvm_s390_vm_cpu_feat = unsafe { read(addr)? };
                self.change_model(|model| model.set_features(&features))
            }
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC) => {
                // SAFETY: the caller says that the object is there.
                let subfunctions: kvm_s390_vm_cpu_subfunc = unsafe { read(addr)? };
                self.change_model(|model| {
                    model.set_subfunctions(&subfunctions);
                    Ok(())
                })
            }
            _ => Err(Errno::ENXIO),
        }
    }

    /// KVM_GET_DEVICE_ATTR.
    ///
    /// # Safety
    /// `attr.addr` points to a writable object of the attribute's type, or the attribute takes none.
    pub unsafe fn get_device_attr(&self, attr: &kvm_device_attr) -> Result<()> {
        let addr = attr.addr;
        // SAFETY: the caller says that each attribute's object is there.
        unsafe {
            match (attr.group, attr.attr) {
                (KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_LIMIT_SIZE) => write(addr, KVM_S390_NO_MEM_LIMIT),
                (KVM_S390_VM_TOD, _) if attr.flags != 0 => Err(Errno::EINVAL),
                (KVM_S390_VM_TOD, KVM_S390_VM_TOD_LOW) => write(addr, self.tod().1),
                (KVM_S390_VM_TOD, KVM_S390_VM_TOD_HIGH) => write(addr, 0u8),
                (KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT) => {
                    let (epoch_idx, tod) = self.tod();
                    write(addr, kvm_s390_vm_tod_clock { epoch_idx, tod })
                }
                (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR) => write(addr, self.model.read().processor()),
                (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE) => write(addr, self.model.read().machine()),
                (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_FEAT) => write(addr, self.model.read().features()),
                (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE_FEAT) => write(addr, CpuModel::machine_features()),
                (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC) => {
                    write(addr, self.model.read().subfunctions())
                }
                (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE_SUBFUNC) => write(addr, host_subfunctions()),
                (KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_STATUS) => write(addr, 0u64),
                _ => Err(Errno::ENXIO),
            }
        }
    }

    fn set_memory_limit(&self, limit: u64) -> Result<()> {
        if limit == 0 {
            return Err(Errno::EINVAL);
        }
        self.change_model(|_| Ok(()))?;
        // Linux rounds up to what its tables reach with one level more or less.
        let reach = [1u64 << 31, 1 << 42, 1 << 53].into_iter().find(|reach| limit <= *reach);
        self.memory_limit.store(reach.unwrap_or(KVM_S390_NO_MEM_LIMIT), Ordering::Relaxed);
        Ok(())
    }
}
