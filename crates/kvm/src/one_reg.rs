//! Single registers by number (KVM_GET_ONE_REG, KVM_SET_ONE_REG).
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (kvm_arch_vcpu_ioctl_get_one_reg).

use crate::abi::*;
use crate::client_memory::ClientMemory;
use crate::vcpu::Vcpu;
use crate::{Errno, Result};

impl Vcpu {
    /// KVM_GET_ONE_REG.
    pub fn get_one_reg(&self, reg: &kvm_one_reg, memory: &dyn ClientMemory) -> Result<()> {
        let value = self.with_running(|running| {
            let sd = &running.cpu.sd;
            let pfault = *running.cpu.pfault.lock();
            Ok(match reg.id {
                KVM_REG_S390_TODPR => u64::from(sd.todpr.get()),
                KVM_REG_S390_EPOCHDIFF => sd.epoch.get(),
                KVM_REG_S390_CPU_TIMER => sd.cputm.get(),
                KVM_REG_S390_CLOCK_COMP => sd.ckc.get(),
                KVM_REG_S390_PFTOKEN => pfault.token,
                KVM_REG_S390_PFCOMPARE => pfault.compare,
                KVM_REG_S390_PFSELECT => pfault.select,
                KVM_REG_S390_PP => sd.pp(),
                KVM_REG_S390_GBEA => sd.gbea.get(),
                _ => return Err(Errno::EINVAL),
            })
        })?;
        if reg.id == KVM_REG_S390_TODPR {
            memory.write(reg.addr, &(value as u32))
        } else {
            memory.write(reg.addr, &value)
        }
    }

    /// KVM_SET_ONE_REG.
    pub fn set_one_reg(&self, reg: &kvm_one_reg, memory: &dyn ClientMemory) -> Result<()> {
        if !(KVM_REG_S390_EPOCHDIFF..=KVM_REG_S390_GBEA).contains(&reg.id) && reg.id != KVM_REG_S390_TODPR {
            return Err(Errno::EINVAL);
        }
        let value = if reg.id == KVM_REG_S390_TODPR {
            u64::from(memory.read::<u32>(reg.addr)?)
        } else {
            memory.read(reg.addr)?
        };
        self.with_running(|running| {
            let sd = &running.cpu.sd;
            let mut pfault = running.cpu.pfault.lock();
            match reg.id {
                KVM_REG_S390_TODPR => sd.todpr.set(value as u32),
                KVM_REG_S390_EPOCHDIFF => sd.epoch.set(value),
                KVM_REG_S390_CPU_TIMER => sd.cputm.set(value),
                KVM_REG_S390_CLOCK_COMP => sd.ckc.set(value),
                KVM_REG_S390_PFTOKEN => pfault.token = value,
                KVM_REG_S390_PFCOMPARE => pfault.compare = value,
                KVM_REG_S390_PFSELECT => pfault.select = value,
                KVM_REG_S390_PP => sd.set_pp(value),
                KVM_REG_S390_GBEA => sd.gbea.set(value),
                _ => return Err(Errno::EINVAL),
            }
            Ok(())
        })
    }
}
