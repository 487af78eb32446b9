//! Attributes of a VM: storage limit, TOD clock, crypto, CPU model, migration, topology.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (kvm_s390_vm_set_attr, _get_attr, _has_attr).

use std::sync::atomic::Ordering;

use crate::abi::*;
use crate::client_memory::ClientMemory;
use crate::model::{CpuModel, host_subfunctions};
use crate::vm::Vm;
use crate::{Errno, Result};

/// The facility of CPU topology.
const TOPOLOGY: u16 = 11;

impl Vm {
    /// KVM_HAS_DEVICE_ATTR.
    pub fn has_device_attr(&self, attr: &kvm_device_attr) -> Result<()> {
        let known = match attr.group {
            KVM_S390_VM_MEM_CTRL => attr.attr <= KVM_S390_VM_MEM_LIMIT_SIZE,
            KVM_S390_VM_TOD => matches!(attr.attr, KVM_S390_VM_TOD_LOW | KVM_S390_VM_TOD_HIGH),
            KVM_S390_VM_CRYPTO => matches!(
                attr.attr,
                KVM_S390_VM_CRYPTO_ENABLE_AES_KW
                    | KVM_S390_VM_CRYPTO_ENABLE_DEA_KW
                    | KVM_S390_VM_CRYPTO_DISABLE_AES_KW
                    | KVM_S390_VM_CRYPTO_DISABLE_DEA_KW
            ),
            KVM_S390_VM_CPU_MODEL => attr.attr <= KVM_S390_VM_CPU_MACHINE_UV_FEAT_GUEST,
            KVM_S390_VM_MIGRATION => true,
            KVM_S390_VM_CPU_TOPOLOGY => self.has_facility(TOPOLOGY),
            _ => false,
        };
        if known { Ok(()) } else { Err(Errno::ENXIO) }
    }

    /// KVM_SET_DEVICE_ATTR.
    pub fn set_device_attr(&self, attr: &kvm_device_attr, memory: &dyn ClientMemory) -> Result<()> {
        let addr = attr.addr;
        match (attr.group, attr.attr) {
            (KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_LIMIT_SIZE) if self.is_ucontrol() => Err(Errno::EINVAL),
            (KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_LIMIT_SIZE) => self.set_memory_limit(memory.read(addr)?),
            (KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA) => self.change_model(|_| {
                self.cmma.lock().enable();
                Ok(())
            }),
            (KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_CLR_CMMA) => self.cmma.lock().clear(),
            (KVM_S390_VM_TOD, _) if attr.flags != 0 => Err(Errno::EINVAL),
            (KVM_S390_VM_TOD, KVM_S390_VM_TOD_LOW) => {
                self.set_tod(0, memory.read(addr)?);
                Ok(())
            }
            (KVM_S390_VM_TOD, KVM_S390_VM_TOD_HIGH) => {
                let high: u8 = memory.read(addr)?;
                if high == 0 { Ok(()) } else { Err(Errno::EINVAL) }
            }
            (KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT) => {
                let clock: kvm_s390_vm_tod_clock = memory.read(addr)?;
                if clock.epoch_idx != 0 && !self.has_facility(139) {
                    return Err(Errno::EINVAL);
                }
                self.set_tod(clock.epoch_idx, clock.tod);
                Ok(())
            }
            (KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_ENABLE_AES_KW..=KVM_S390_VM_CRYPTO_DISABLE_DEA_KW) => {
                if !self.has_facility(76) {
                    return Err(Errno::EINVAL);
                }
                let model = self.model.read();
                match attr.attr {
                    KVM_S390_VM_CRYPTO_ENABLE_AES_KW => model.wrap_aes_keys(true),
                    KVM_S390_VM_CRYPTO_ENABLE_DEA_KW => model.wrap_dea_keys(true),
                    KVM_S390_VM_CRYPTO_DISABLE_AES_KW => model.wrap_aes_keys(false),
                    _ => model.wrap_dea_keys(false),
                }
                Ok(())
            }
            (KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_ENABLE_APIE | KVM_S390_VM_CRYPTO_DISABLE_APIE) => {
                // There are no adjunct processors.
                Err(Errno::EOPNOTSUPP)
            }
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR) => {
                self.check_model_open()?;
                let processor: kvm_s390_vm_cpu_processor = memory.read(addr)?;
                self.change_model(|model| {
                    model.set_processor(&processor);
                    Ok(())
                })
            }
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_FEAT) => {
                let features: kvm_s390_vm_cpu_feat = memory.read(addr)?;
                self.change_model(|model| model.set_features(&features))
            }
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_UV_FEAT_GUEST) => {
                // There are no features of an ultravisor to choose from.
                match memory.read::<u64>(addr)? {
                    0 => self.change_model(|_| Ok(())),
                    _ => Err(Errno::EINVAL),
                }
            }
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC) => {
                self.check_model_open()?;
                let subfunctions: kvm_s390_vm_cpu_subfunc = memory.read(addr)?;
                self.change_model(|model| {
                    model.set_subfunctions(&subfunctions);
                    Ok(())
                })
            }
            (KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_START) => {
                let slots = self.slots.lock();
                self.cmma.lock().start_migration(|slot| slots.is_logged(slot))
            }
            (KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_STOP) => {
                self.cmma.lock().stop_migration();
                Ok(())
            }
            (KVM_S390_VM_CPU_TOPOLOGY, report) if self.has_facility(TOPOLOGY) => {
                self.topology_changed.store(report != 0, Ordering::Relaxed);
                Ok(())
            }
            _ => Err(Errno::ENXIO),
        }
    }

    /// KVM_GET_DEVICE_ATTR.
    pub fn get_device_attr(&self, attr: &kvm_device_attr, memory: &dyn ClientMemory) -> Result<()> {
        let addr = attr.addr;
        match (attr.group, attr.attr) {
            (KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_LIMIT_SIZE) => memory.write(addr, &KVM_S390_NO_MEM_LIMIT),
            (KVM_S390_VM_TOD, _) if attr.flags != 0 => Err(Errno::EINVAL),
            (KVM_S390_VM_TOD, KVM_S390_VM_TOD_LOW) => memory.write(addr, &self.tod().1),
            (KVM_S390_VM_TOD, KVM_S390_VM_TOD_HIGH) => memory.write(addr, &0u8),
            (KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT) => {
                let (epoch_idx, tod) = self.tod();
                memory.write(addr, &kvm_s390_vm_tod_clock { epoch_idx, pad: [0; 7], tod })
            }
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR) => memory.write(addr, &self.model.read().processor()),
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE) => memory.write(addr, &self.model.read().machine()),
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_FEAT) => {
                memory.write(addr, &self.model.read().features())
            }
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE_FEAT) => memory.write(addr, &CpuModel::machine_features()),
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC) => {
                memory.write(addr, &self.model.read().subfunctions())
            }
            (KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE_SUBFUNC) => memory.write(addr, &host_subfunctions()),
            (
                KVM_S390_VM_CPU_MODEL,
                KVM_S390_VM_CPU_PROCESSOR_UV_FEAT_GUEST | KVM_S390_VM_CPU_MACHINE_UV_FEAT_GUEST,
            ) => memory.write(addr, &0u64),
            (KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_STATUS) => {
                memory.write(addr, &u64::from(self.cmma.lock().is_migrating()))
            }
            (KVM_S390_VM_CPU_TOPOLOGY, _) if self.has_facility(TOPOLOGY) => {
                memory.write(addr, &u8::from(self.topology_changed.load(Ordering::Relaxed)))
            }
            _ => Err(Errno::ENXIO),
        }
    }

    fn set_memory_limit(&self, limit: u64) -> Result<()> {
        let before = self.memory_limit.load(Ordering::Relaxed);
        if before != KVM_S390_NO_MEM_LIMIT && limit > before {
            return Err(Errno::E2BIG);
        }
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
