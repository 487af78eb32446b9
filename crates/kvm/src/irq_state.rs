//! The local interrupts of a vCPU as a list, for a client that moves the vCPU elsewhere.
//! Truth: Linux 6.12 arch/s390/kvm/interrupt.c (kvm_s390_set_irq_state, kvm_s390_get_irq_state).

use crate::abi::*;
use crate::client_memory::ClientMemory;
use crate::interrupt::LocalIrq;
use crate::vcpu::Vcpu;
use crate::{Errno, Result};

const SIZE: u32 = size_of::<kvm_s390_irq>() as u32;
/// Most interrupts that a vCPU can have: one of each kind, and an emergency signal from every CPU.
const MOST: u32 = 32 + KVM_MAX_VCPUS;

impl Vcpu {
    /// KVM_S390_SET_IRQ_STATE: makes the listed interrupts pending, up to the first that is refused.
    pub fn s390_set_irq_state(&self, state: &kvm_s390_irq_state, memory: &dyn ClientMemory) -> Result<()> {
        if state.len == 0 || state.len > MOST * SIZE || !state.len.is_multiple_of(SIZE) {
            return Err(Errno::EINVAL);
        }
        let count = u64::from(state.len / SIZE);
        let irqs = (0..count).map(|n| memory.read_element(state.buf, n)).collect::<Result<Vec<kvm_s390_irq>>>()?;
        self.with_running(|running| {
            if !running.cpu.local.lock().pending.is_empty() {
                return Err(Errno::EBUSY);
            }
            irqs.iter().try_for_each(|irq| running.vm.inject(running.cpu, LocalIrq::from_irq(irq)?))
        })
    }

    /// KVM_S390_GET_IRQ_STATE: the number of bytes stored. The interrupts stay pending.
    pub fn s390_get_irq_state(&self, state: &kvm_s390_irq_state, memory: &dyn ClientMemory) -> Result<u32> {
        if state.len == 0 {
            return Err(Errno::EINVAL);
        }
        let all = self.with_running(|running| running.cpu.local.lock().all());
        if all.len() > (state.len / SIZE) as usize {
            return Err(Errno::ENOBUFS);
        }
        for (n, irq) in (0..).zip(&all) {
            memory.write_element(state.buf, n, irq)?;
        }
        Ok(all.len() as u32 * SIZE)
    }
}
