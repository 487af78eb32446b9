//! Floating interrupts: those that the first CPU enabled for them takes.
//! Truth: Linux 6.12 arch/s390/kvm/interrupt.c (struct kvm_s390_float_interrupt and the __inject_* functions).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::irq::{FloatingIrq, IoType};
use super::local::merge_machine_check;
use super::pending::Pending;
use crate::abi::{kvm_s390_ext_info, kvm_s390_io_info, kvm_s390_mchk_info};
use crate::statistics::ByByte;
use crate::{Errno, Result};

const MAX_VIRTIO: usize = 87381;
const MAX_IO: usize = 266_250;
const MAX_PFAULT_DONE: usize = 16320;

/// Event bits of a service signal's parameter.
const SERVICE_EVENTS: u32 = 0x3;
/// SCCB address of a service signal's parameter.
const SERVICE_SCCB: u32 = 0xffff_fff8;

/// The floating interrupts of a VM.
#[derive(Debug, Default)]
pub(crate) struct Floating {
    /// What is pending, readable without the lock; changed only under it.
    pending: AtomicU64,
    lists: Mutex<Lists>,
    /// Interrupts made pending, by the number of their kind.
    pub(crate) injected: ByByte,
}

#[derive(Debug, Default)]
struct Lists {
    service: u32,
    virtio: VecDeque<kvm_s390_ext_info>,
    pfault_done: VecDeque<kvm_s390_ext_info>,
    machine_check: kvm_s390_mchk_info,
    io: [VecDeque<(kvm_s390_io_info, IoType)>; 8],
    io_count: usize,
}

/// Interruption subclass of an I/O-interruption word.
pub(crate) fn io_subclass(io_int_word: u32) -> u8 {
    (io_int_word >> 27) as u8 & 7
}

impl Floating {
    /// What is pending.
    pub(crate) fn pending(&self) -> Pending {
        Pending::from_bits_retain(self.pending.load(Ordering::SeqCst))
    }

    /// CR14 bits of which one lets the pending machine check through.
    pub(crate) fn machine_check_cr14(&self) -> u64 {
        if self.pending().intersects(Pending::MCHK) { self.lists.lock().machine_check.cr14 } else { 0 }
    }

    fn set(&self, bit: Pending) {
        self.pending.fetch_or(bit.bits(), Ordering::SeqCst);
    }

    fn clear(&self, bit: Pending) {
        self.pending.fetch_and(!bit.bits(), Ordering::SeqCst);
    }

    /// Makes an interrupt pending; returns the bits by which a CPU finds it (none when it was dropped).
    pub(crate) fn add(&self, irq: FloatingIrq) -> Result<Pending> {
        let mut lists = self.lists.lock();
        let bit = match irq {
            FloatingIrq::Service(parameter) => {
                lists.service |= parameter & SERVICE_EVENTS;
                if lists.service & SERVICE_SCCB == 0 {
                    lists.service |= parameter & SERVICE_SCCB;
                }
                Pending::SERVICE
            }
            FloatingIrq::Virtio(info) => {
                push(&mut lists.virtio, info, MAX_VIRTIO)?;
                Pending::VIRTIO
            }
            FloatingIrq::PfaultDone(info) => {
                push(&mut lists.pfault_done, info, MAX_PFAULT_DONE)?;
                Pending::PFAULT_DONE
            }
            FloatingIrq::MachineCheck(info) => merge_machine_check(&mut lists.machine_check, info),
            FloatingIrq::Io(info, number) => {
                if lists.io_count >= MAX_IO {
                    return Err(Errno::EBUSY);
                }
                lists.io_count += 1;
                let isc = io_subclass(info.io_int_word);
                lists.io[usize::from(isc)].push_back((info, number));
                Pending::io(isc)
            }
        };
        self.set(bit);
        self.injected.bump(bit.number());
        Ok(bit)
    }

    /// Takes the service signal's parameter, if one is still there.
    pub(crate) fn take_service(&self) -> Option<u32> {
        let mut lists = self.lists.lock();
        if !self.pending().contains(Pending::SERVICE) {
            return None;
        }
        self.clear(Pending::SERVICE);
        Some(core::mem::take(&mut lists.service))
    }

    /// Takes a virtio interrupt, if one is still there.
    pub(crate) fn take_virtio(&self) -> Option<kvm_s390_ext_info> {
        let mut lists = self.lists.lock();
        let info = lists.virtio.pop_front();
        if lists.virtio.is_empty() {
            self.clear(Pending::VIRTIO);
        }
        info
    }

    /// Takes a pfault completion, if one is still there.
    pub(crate) fn take_pfault_done(&self) -> Option<kvm_s390_ext_info> {
        let mut lists = self.lists.lock();
        let info = lists.pfault_done.pop_front();
        if lists.pfault_done.is_empty() {
            self.clear(Pending::PFAULT_DONE);
        }
        info
    }

    /// Takes the machine check, if one is still there and one of `masks` (control register 14) lets it through.
    pub(crate) fn take_machine_check(&self, masks: u64) -> Option<kvm_s390_mchk_info> {
        let mut lists = self.lists.lock();
        let pending = self.pending();
        let enabled = pending.contains(Pending::MCHK_EXIGENT) || lists.machine_check.cr14 & masks != 0;
        if !pending.intersects(Pending::MCHK) || !enabled {
            return None;
        }
        self.clear(Pending::MCHK);
        Some(core::mem::take(&mut lists.machine_check))
    }

    /// Takes the first I/O interrupt of the subclasses that `mask` (as in control register 6) lets through, and of the
    /// subchannel with this identification word unless it is `None`.
    pub(crate) fn take_io(&self, mask: u64, subchannel: Option<u32>) -> Option<(kvm_s390_io_info, IoType)> {
        let mut lists = self.lists.lock();
        for isc in 0..8u8 {
            if mask & (0x8000_0000 >> isc) == 0 {
                continue;
            }
            let list = &mut lists.io[usize::from(isc)];
            let found = list.iter().position(|(io, _)| {
                subchannel.is_none_or(|id| id == u32::from(io.subchannel_id) << 16 | u32::from(io.subchannel_nr))
            });
            let Some(irq) = found.and_then(|at| list.remove(at)) else { continue };
            if list.is_empty() {
                self.clear(Pending::io(isc));
            }
            lists.io_count -= 1;
            return Some(irq);
        }
        None
    }

    /// Every pending interrupt, left pending.
    pub(crate) fn all(&self) -> Vec<FloatingIrq> {
        let lists = self.lists.lock();
        let pending = self.pending();
        let mut all = Vec::new();
        all.extend(lists.pfault_done.iter().map(|e| FloatingIrq::PfaultDone(*e)));
        all.extend(lists.virtio.iter().map(|e| FloatingIrq::Virtio(*e)));
        all.extend(lists.io.iter().flatten().map(|(io, number)| FloatingIrq::Io(*io, *number)));
        if pending.contains(Pending::SERVICE) {
            all.push(FloatingIrq::Service(lists.service));
        }
        if pending.intersects(Pending::MCHK) {
            all.push(FloatingIrq::MachineCheck(lists.machine_check));
        }
        all
    }

    /// Forgets everything.
    pub(crate) fn clear_all(&self) {
        let mut lists = self.lists.lock();
        *lists = Lists::default();
        self.pending.store(0, Ordering::SeqCst);
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T, most: usize) -> Result<()> {
    if list.len() >= most {
        return Err(Errno::EBUSY);
    }
    list.push_back(item);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(nr: u16, isc: u32) -> FloatingIrq {
        let info =
            kvm_s390_io_info { subchannel_id: 1, subchannel_nr: nr, io_int_word: isc << 27, ..Default::default() };
        FloatingIrq::Io(info, IoType(u32::from(nr)))
    }

    #[test]
    fn service_signals_merge_events_and_keep_the_first_sccb() {
        let floating = Floating::default();
        floating.add(FloatingIrq::Service(0x1000)).unwrap();
        floating.add(FloatingIrq::Service(0x2001)).unwrap();
        assert_eq!(floating.take_service(), Some(0x1001));
        assert_eq!(floating.take_service(), None);
        assert!(floating.pending().is_empty());
    }

    #[test]
    fn io_interrupts_are_taken_by_subclass_then_by_age() {
        let floating = Floating::default();
        for (nr, isc) in [(10, 3), (11, 3), (12, 1)] {
            floating.add(io(nr, isc)).unwrap();
        }
        assert_eq!(floating.pending(), Pending::io(1) | Pending::io(3));
        let nr = |taken: Option<(kvm_s390_io_info, IoType)>| taken.map(|(io, _)| io.subchannel_nr);
        assert_eq!(nr(floating.take_io(0x1000_0000, None)), Some(10), "only subclass 3 is enabled");
        assert_eq!(nr(floating.take_io(u64::MAX, Some(0x0001_000b))), Some(11), "by subchannel");
        assert_eq!(nr(floating.take_io(u64::MAX, Some(0x0001_000b))), None);
        assert_eq!(floating.pending(), Pending::io(1));
        assert_eq!(nr(floating.take_io(u64::MAX, None)), Some(12));
        assert!(floating.pending().is_empty());
    }

    #[test]
    fn queues_are_bounded() {
        let floating = Floating::default();
        for _ in 0..MAX_PFAULT_DONE {
            floating.add(FloatingIrq::PfaultDone(kvm_s390_ext_info::default())).unwrap();
        }
        assert_eq!(floating.add(FloatingIrq::PfaultDone(kvm_s390_ext_info::default())), Err(Errno::EBUSY));
        floating.clear_all();
        assert!(floating.pending().is_empty() && floating.all().is_empty());
    }

    #[test]
    fn listing_leaves_everything_pending() {
        let floating = Floating::default();
        floating.add(io(1, 2)).unwrap();
        floating.add(FloatingIrq::Service(0x4000)).unwrap();
        assert_eq!(floating.all().len(), 2);
        assert_eq!(floating.pending(), Pending::io(2) | Pending::SERVICE);
    }
}
