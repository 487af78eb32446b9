//! Guest storage of a VM: memory slots over the client's memory, and absolute access for the interface's own stores.
//! Truth: Linux 6.12 virt/kvm/kvm_main.c (__kvm_set_memory_region) and arch/s390/kvm/kvm-s390.c.

use core::ptr::NonNull;
use std::sync::atomic::Ordering;

use softsie_cpu::Request;
use softsie_mem::{PAGE_SIZE, SlotError};

use crate::abi::{
    KVM_MEM_LOG_DIRTY_PAGES, KVM_USER_MEM_SLOTS, kvm_userspace_memory_region, kvm_userspace_memory_region2,
};
use crate::vm::Vm;
use crate::{Errno, Result};

/// Most pages of a slot.
const MAX_PAGES: u64 = i32::MAX as u64;
/// Size granularity of a slot.
const SEGMENT: u64 = 1 << 20;

impl Vm {
    /// KVM_SET_USER_MEMORY_REGION. The host address need not be on a 1 MiB boundary, which Linux on s390 demands, because
    /// clients on other hosts align to their own page size.
    ///
    /// # Safety
    /// The memory `userspace_addr .. userspace_addr + memory_size` stays mapped, readable and writable, until the slot is
    /// deleted or the VM and its vCPUs are gone. The client may access it at any time as another CPU would.
    pub unsafe fn set_user_memory_region(&self, region: &kvm_userspace_memory_region) -> Result<()> {
        let kvm_userspace_memory_region {
            slot,
            flags,
            guest_phys_addr: start,
            memory_size: size,
            userspace_addr: host,
        } = *region;
        if slot >= KVM_USER_MEM_SLOTS || flags & !KVM_MEM_LOG_DIRTY_PAGES != 0 {
            return Err(Errno::EINVAL);
        }
        if (start | size | host) & (PAGE_SIZE - 1) != 0 || size / PAGE_SIZE > MAX_PAGES {
            return Err(Errno::EINVAL);
        }
        let end = start.checked_add(size).ok_or(Errno::EINVAL)?;
        host.checked_add(size).ok_or(Errno::EINVAL)?;
        let _one_at_a_time = self.slots.lock();
        let old = self.storage.map().slots().iter().find(|s| s.id == slot).cloned();
        if size == 0 {
            if !self.storage.remove_slot(slot) {
                return Err(Errno::EINVAL);
            }
            self.slots_changed();
            return Ok(());
        }
        if let Some(old) = &old {
            let same_memory = old.host().addr().get() as u64 == host && old.length == size;
            if !same_memory {
                return Err(Errno::EINVAL);
            }
            if old.start == start && old.flags == flags {
                return Ok(());
            }
        }
        if size & (SEGMENT - 1) != 0 || end > self.memory_limit.load(Ordering::Relaxed) {
            return Err(Errno::EINVAL);
        }
        let host = NonNull::new(core::ptr::with_exposed_provenance_mut(host as usize)).ok_or(Errno::EINVAL)?;
        // SAFETY: the caller promises that the memory stays mapped until the slot is deleted, which tells all CPUs.
        let result = unsafe { self.storage.set_slot(slot, flags, start, size, host) };
        result.map_err(|e| match e {
            SlotError::Bounds => Errno::EINVAL,
            SlotError::Overlap => Errno::EEXIST,
        })?;
        self.slots_changed();
        Ok(())
    }

    /// KVM_SET_USER_MEMORY_REGION2: the same, as long as no guest_memfd is asked for.
    ///
    /// # Safety
    /// As [`Vm::set_user_memory_region`].
    pub unsafe fn set_user_memory_region2(&self, region: &kvm_userspace_memory_region2) -> Result<()> {
        let kvm_userspace_memory_region2 { slot, flags, guest_phys_addr, memory_size, userspace_addr, .. } = *region;
        let region = kvm_userspace_memory_region { slot, flags, guest_phys_addr, memory_size, userspace_addr };
        // SAFETY: passed on to the caller.
        unsafe { self.set_user_memory_region(&region) }
    }

    /// Whether an absolute address is in a memory slot.
    pub(crate) fn is_storage(&self, absolute: u64) -> bool {
        self.storage.map().page(absolute).is_some()
    }

    /// Stores by absolute address; CPUs that hold instructions of those pages forget them.
    pub(crate) fn write_absolute(&self, absolute: u64, bytes: &[u8]) -> Result<()> {
        self.storage.write(absolute, bytes).map_err(|_| Errno::EFAULT)?;
        if self.storage.touches_code(absolute, bytes.len()) {
            let last = absolute.wrapping_add(bytes.len() as u64).wrapping_sub(1) & !(PAGE_SIZE - 1);
            let mut page = absolute & !(PAGE_SIZE - 1);
            while page <= last {
                self.cluster.request(Request::DropCode(page));
                page += PAGE_SIZE;
            }
        }
        Ok(())
    }
}
