//! Guest storage of a VM: memory slots over the client's memory, their logs of changed pages, and absolute access for the
//! interface's own stores. Truth: Linux 6.12 virt/kvm/kvm_main.c (__kvm_set_memory_region, kvm_get_dirty_log) and
//! arch/s390/kvm/kvm-s390.c.

use core::ptr::NonNull;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use softsie_cpu::Request;
use softsie_mem::{PAGE_SIZE, PageMarks, Slot, SlotError, StorageKey};

use crate::abi::*;
use crate::client_memory::ClientMemory;
use crate::host_fault;
use crate::vm::Vm;
use crate::{Errno, Result};

/// Most pages of a slot.
const MAX_PAGES: u64 = i32::MAX as u64;
/// Size granularity of a slot.
const SEGMENT: u64 = 1 << 20;
/// No host has user memory at or above this address.
const HOST_END: u64 = 1 << 56;

/// What the interface knows of the slots besides their memory.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// Flags by slot number.
    flags: BTreeMap<u32, u32>,
}

impl Slots {
    /// Whether changes of the slot's pages are logged.
    pub(crate) fn is_logged(&self, id: u32) -> bool {
        self.flags.get(&id).is_some_and(|flags| flags & KVM_MEM_LOG_DIRTY_PAGES != 0)
    }
}

impl Vm {
    /// KVM_SET_USER_MEMORY_REGION. The host address need not be on a 1 MiB boundary, which Linux on s390 demands, because
    /// clients on other hosts align to their own page size.
    ///
    /// # Safety
    /// The memory `userspace_addr .. userspace_addr + memory_size` stays mapped, readable and writable, until the slot is
    /// deleted or the VM and its vCPUs are gone. The client may access it at any time as another CPU would.
    pub unsafe fn set_user_memory_region(&self, region: &kvm_userspace_memory_region) -> Result<()> {
        let kvm_userspace_memory_region {
            slot: id,
            flags,
            guest_phys_addr: start,
            memory_size: size,
            userspace_addr: host,
        } = *region;
        if self.is_ucontrol() || id >= KVM_USER_MEM_SLOTS || flags & !KVM_MEM_LOG_DIRTY_PAGES != 0 {
            return Err(Errno::EINVAL);
        }
        if (start | size | host) & (PAGE_SIZE - 1) != 0 || size / PAGE_SIZE > MAX_PAGES {
            return Err(Errno::EINVAL);
        }
        let end = start.checked_add(size).ok_or(Errno::EINVAL)?;
        if host.checked_add(size).is_none_or(|end| end > HOST_END) {
            return Err(Errno::EINVAL);
        }
        let mut slots = self.slots.lock();
        let old = self.slot(id);
        if size == 0 {
            if !self.storage.remove_slot(id) {
                return Err(Errno::EINVAL);
            }
            slots.flags.remove(&id);
            self.cmma.lock().remove_slot(id);
            self.slots_changed();
            return Ok(());
        }
        if let Some(old) = &old {
            let same_memory = old.host().addr().get() as u64 == host && old.length == size;
            if !same_memory {
                return Err(Errno::EINVAL);
            }
            let flags_before = slots.flags.get(&id).copied().unwrap_or_default();
            if old.start == start {
                if flags_before != flags {
                    slots.flags.insert(id, flags);
                    self.logging_changed(old, flags);
                }
                return Ok(());
            }
        }
        let map = self.storage.map();
        if map.slots().iter().any(|other| other.id != id && start < other.start + other.length && other.start < end) {
            return Err(Errno::EEXIST);
        }
        if size & (SEGMENT - 1) != 0 || end > self.memory_limit.load(Ordering::Relaxed) {
            return Err(Errno::EINVAL);
        }
        let host = NonNull::new(core::ptr::with_exposed_provenance_mut(host as usize)).ok_or(Errno::EINVAL)?;
        // SAFETY: the caller promises that the memory stays mapped until the slot is deleted, which tells all CPUs.
        let result = unsafe { self.storage.set_slot(id, 0, start, size, host) };
        result.map_err(|e| match e {
            SlotError::Bounds => Errno::EINVAL,
            SlotError::Overlap => Errno::EEXIST,
        })?;
        let new = self.slot(id);
        if let (Some(old), Some(new)) = (&old, &new) {
            // Keys belong to the memory, not to the address.
            for (from, to) in old.pages().iter().zip(new.pages()) {
                to.set_key(from.key());
            }
        }
        slots.flags.insert(id, flags);
        self.cmma.lock().set_slot(id, start / PAGE_SIZE, size / PAGE_SIZE);
        self.slots_changed();
        if let Some(new) = &new {
            self.logging_changed(new, flags);
        }
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

    fn slot(&self, id: u32) -> Option<Arc<Slot>> {
        self.storage.map().slots().iter().find(|slot| slot.id == id).cloned()
    }

    /// A slot has got these flags. A log begins empty; without one, the migration mode of CMMA ends.
    fn logging_changed(&self, slot: &Slot, flags: u32) {
        if flags & KVM_MEM_LOG_DIRTY_PAGES == 0 {
            self.cmma.lock().stop_migration();
            return;
        }
        for page in slot.pages() {
            page.clear_marks(PageMarks::DIRTY);
        }
        self.notice_stores();
    }

    /// Has every CPU mark the pages into which it stores from now on: a translation that permits stores is made once.
    fn notice_stores(&self) {
        self.cluster.request(Request::FlushAll);
    }

    /// KVM_GET_DIRTY_LOG: the pages that have changed since the last time, and the log begins anew.
    pub fn get_dirty_log(&self, log: &kvm_dirty_log, memory: &dyn ClientMemory) -> Result<()> {
        if self.is_ucontrol() || log.slot >= KVM_USER_MEM_SLOTS {
            return Err(Errno::EINVAL);
        }
        let slots = self.slots.lock();
        let slot = self.slot(log.slot).filter(|_| slots.is_logged(log.slot)).ok_or(Errno::ENOENT)?;
        // In bytes from the left, each with its first page in the last bit, in doublewords.
        let mut bitmap = vec![0u8; slot.pages().len().div_ceil(64) * 8];
        for (n, page) in slot.pages().iter().enumerate() {
            if page.marks().0 & PageMarks::DIRTY != 0 {
                bitmap[n / 8] |= 1 << (n % 8);
            }
        }
        memory.write_bytes(log.dirty_bitmap, &bitmap)?;
        let mut any = false;
        for (n, page) in slot.pages().iter().enumerate() {
            if bitmap[n / 8] & 1 << (n % 8) != 0 {
                page.clear_marks(PageMarks::DIRTY);
                any = true;
            }
        }
        if any {
            // What was stored before this is seen by who looks at the page after the call, and pages are marked from then on.
            self.notice_stores();
        }
        Ok(())
    }

    /// Sets bits in a byte of storage and returns the byte before.
    pub(crate) fn set_storage_bits(&self, absolute: u64, bits: u8) -> Result<u8> {
        let map = self.storage.map();
        let page = map.page(absolute).ok_or(Errno::EFAULT)?;
        page.state.or_key(StorageKey::REFERENCE | StorageKey::CHANGE);
        page.state.set_marks(PageMarks::DIRTY);
        // SAFETY: the byte is in the slot, whose memory the client keeps mapped; all access it as one byte.
        let byte = unsafe { AtomicU8::from_ptr(page.host.as_ptr().add((absolute % PAGE_SIZE) as usize)) };
        let before = host_fault::guarded(&self.host_ranges, || Ok(byte.fetch_or(bits, Ordering::SeqCst)))?;
        if page.state.is_code() {
            self.cluster.request(Request::DropCode(page.absolute));
        }
        Ok(before)
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
