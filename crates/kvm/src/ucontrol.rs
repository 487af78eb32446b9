//! VMs whose client controls what the kernel else does (KVM_VM_S390_UCONTROL): every interception leaves to the client,
//! nothing is delivered, storage is mapped by segments to each vCPU by itself, and what is missing leaves, too.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (kvm_is_ucontrol) and arch/s390/mm/gmap.c (gmap_map_segment).

use core::ptr::NonNull;
use std::sync::Arc;

use parking_lot::Mutex;
use softsie_cpu::{Cluster, Request};
use softsie_mem::{PAGE_SIZE, Slot, Storage};
use softsie_sie::Leave;

use crate::abi::*;
use crate::host_fault::HostRanges;
use crate::intercept::{Handled, Stop};
use crate::interrupt::{Pending, enabled, timers_pending};
use crate::run::Running;
use crate::vcpu::Vcpu;
use crate::{Errno, Result};

/// Unit of mappings.
const SEGMENT: u64 = 1 << 20;
/// No host has user memory at or above this address.
const HOST_END: u64 = 1 << 56;
/// Longest mapping that there are keys for.
const LONGEST: u64 = 1 << 40;
/// What the host answers for a page that it cannot provide.
const SEGMENT_TRANSLATION: u32 = 0x10;

/// The storage of one vCPU.
#[derive(Debug, Default)]
pub(crate) struct Space {
    pub(crate) storage: Arc<Storage>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) host_ranges: HostRanges,
    /// Number of the next slot; changes are made one at a time.
    next: Mutex<u32>,
}

impl Space {
    /// # Safety
    /// As [`Vcpu::s390_ucas_map`].
    unsafe fn map(&self, from: u64, to: u64, length: u64) -> Result<()> {
        if (from | to | length) & (SEGMENT - 1) != 0 || length == 0 {
            return Err(Errno::EINVAL);
        }
        let end = to.checked_add(length).ok_or(Errno::EINVAL)?;
        let host = NonNull::new(core::ptr::with_exposed_provenance_mut(from as usize)).ok_or(Errno::EINVAL)?;
        if from.checked_add(length).is_none_or(|end| end > HOST_END) {
            return Err(Errno::EINVAL);
        }
        if length > LONGEST {
            return Err(Errno::ENOMEM);
        }
        let mut next = self.next.lock();
        self.cut(&mut next, to, end);
        // SAFETY: the caller promises that the memory stays mapped.
        unsafe { self.add(&mut next, to, length, host) };
        self.changed();
        Ok(())
    }

    fn unmap(&self, to: u64, length: u64) -> Result<()> {
        let end = to.checked_add(length).ok_or(Errno::EINVAL)?;
        if (to | length) & (SEGMENT - 1) != 0 || length == 0 {
            return Err(Errno::EINVAL);
        }
        self.cut(&mut self.next.lock(), to, end);
        self.changed();
        Ok(())
    }

    /// Takes a range out of all slots. What is left of a slot keeps its keys.
    fn cut(&self, next: &mut u32, to: u64, end: u64) {
        let map = self.storage.map();
        for slot in map.slots().iter().filter(|slot| slot.start < end && to < slot.start + slot.length) {
            self.storage.remove_slot(slot.id);
            for (start, stop) in [(slot.start, to), (end, slot.start + slot.length)] {
                if start < stop {
                    let offset = start - slot.start;
                    // SAFETY: still memory of the slot, which the client keeps mapped.
                    let added = unsafe { self.add(next, start, stop - start, slot.host().add(offset as usize)) };
                    let before = slot.pages().iter().skip((offset / PAGE_SIZE) as usize);
                    for (from, to) in before.zip(added.iter().flat_map(|slot| slot.pages())) {
                        to.set_key(from.key());
                    }
                }
            }
        }
    }

    /// # Safety
    /// The memory stays mapped as long as the slot exists.
    unsafe fn add(&self, next: &mut u32, start: u64, length: u64, host: NonNull<u8>) -> Option<Arc<Slot>> {
        *next = next.wrapping_add(1);
        let id = *next;
        // SAFETY: passed on to the caller.
        unsafe { self.storage.set_slot(id, 0, start, length, host) }.ok()?;
        self.storage.map().slots().iter().find(|slot| slot.id == id).cloned()
    }

    fn changed(&self) {
        self.host_ranges.set(&self.storage);
        self.cluster.request(Request::SlotsChanged);
    }
}

impl Vcpu {
    /// KVM_S390_UCAS_MAP.
    ///
    /// # Safety
    /// The memory at `user_addr` stays mapped, readable and writable, until it is unmapped here or the vCPU is gone. The
    /// client may access it at any time as another CPU would.
    pub unsafe fn s390_ucas_map(&self, mapping: &kvm_s390_ucas_mapping) -> Result<()> {
        self.with_running(|running| {
            let space = running.space.ok_or(Errno::EINVAL)?;
            // SAFETY: passed on to the caller.
            unsafe { space.map(mapping.user_addr, mapping.vcpu_addr, mapping.length) }
        })
    }

    /// KVM_S390_UCAS_UNMAP.
    pub fn s390_ucas_unmap(&self, mapping: &kvm_s390_ucas_mapping) -> Result<()> {
        self.with_running(|running| running.space.ok_or(Errno::EINVAL)?.unmap(mapping.vcpu_addr, mapping.length))
    }

    /// KVM_S390_VCPU_FAULT: storage is the client's memory, so that nothing is to be mapped.
    pub fn s390_vcpu_fault(&self, address: u64) -> Result<()> {
        self.with_running(|running| if running.is_storage(address) { Ok(()) } else { Err(Errno::EFAULT) })
    }
}

impl Running<'_> {
    /// Executes until something is the client's business.
    pub(crate) fn execute_for_user(&mut self) -> Handled {
        let sd = &self.cpu.sd;
        // Timers are interpretive execution's own business.
        let due = timers_pending(sd, self.cpu.comparator_sign) & enabled(sd, 0);
        if let Some(timer) = (due & (Pending::CLOCK_COMPARATOR | Pending::CPU_TIMER)).first() {
            return self.deliver_timer(timer);
        }
        self.enter();
        let leave = self.sie.run(&self.cpu.sd);
        let (gr, sd) = (&self.sie.cpu.gr, &self.cpu.sd);
        sd.gg14.set(gr[14]);
        sd.gg15.set(gr[15]);
        match leave {
            Leave::HostRequest => {
                self.cpu.statistics.host_requests.bump();
                Ok(())
            }
            Leave::Interception => {
                self.cpu.statistics.count_interception(sd.icptcode.get(), sd.ipa.get());
                Err(Stop::ToUser)
            }
            Leave::MissingStorage(absolute) => {
                let missing = kvm_run_s390_ucontrol {
                    trans_exc_code: absolute & !(PAGE_SIZE - 1),
                    pgm_code: SEGMENT_TRANSLATION,
                };
                self.exit(KVM_EXIT_S390_UCONTROL, |exit| exit.s390_ucontrol = missing);
                Err(Stop::Exited)
            }
        }
    }
}
