//! Collaborative memory management: what the guest says it needs its pages for, who asks for it, and the log of what has
//! changed while a guest is being moved. Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (kvm_s390_get_cmma_bits and what it
//! calls, kvm_s390_vm_start_migration), priv.c (handle_essa), arch/s390/mm/pgtable.c (pgste_perform_essa).

use std::collections::BTreeMap;

use crate::abi::*;
use crate::client_memory::ClientMemory;
use crate::vm::Vm;
use crate::{Errno, Result};

/// Most values of a call.
const MOST: u32 = 1 << 20;
/// A run of more clean pages than this ends a list of values.
const MOST_CLEAN: u64 = 16;
/// The usage of a page: stable, unused, potentially volatile, volatile.
const USAGE: u8 = 0x03;
const UNUSED: u8 = 1;
const POTENTIALLY_VOLATILE: u8 = 2;
const VOLATILE: u8 = 3;
/// The page is not used for address translation.
const NO_DAT: u8 = 0x40;

/// What is known of the pages of a VM.
#[derive(Debug, Default)]
pub(crate) struct Cmma {
    /// The client has asked for it.
    enabled: bool,
    /// Some page may have another usage than stable.
    used: bool,
    /// Changes are logged.
    migration: bool,
    /// By first page.
    slots: BTreeMap<u64, Pages>,
    changed: u64,
}

#[derive(Debug)]
struct Pages {
    slot: u32,
    values: Vec<u8>,
    changed: Vec<bool>,
}

impl Pages {
    fn len(&self) -> u64 {
        self.values.len() as u64
    }
}

impl Cmma {
    /// A slot is there, or has moved to another address.
    pub(crate) fn set_slot(&mut self, slot: u32, first: u64, count: u64) {
        let pages = self.take_slot(slot).unwrap_or_else(|| Pages {
            slot,
            values: vec![0; count as usize],
            changed: vec![false; count as usize],
        });
        self.slots.insert(first, pages);
    }

    /// A slot is gone.
    pub(crate) fn remove_slot(&mut self, slot: u32) {
        if let Some(pages) = self.take_slot(slot) {
            self.changed -= pages.changed.iter().filter(|changed| **changed).count() as u64;
        }
    }

    fn take_slot(&mut self, slot: u32) -> Option<Pages> {
        let first = *self.slots.iter().find(|(_, pages)| pages.slot == slot)?.0;
        self.slots.remove(&first)
    }

    /// The slot that holds a page, and the page's place in it.
    fn page(&mut self, number: u64) -> Option<(&mut Pages, usize)> {
        let (first, pages) = self.slots.range_mut(..=number).next_back()?;
        let at = number - first;
        (at < pages.len()).then_some((pages, at as usize))
    }

    fn value(&self, number: u64) -> Option<u8> {
        let (first, pages) = self.slots.range(..=number).next_back()?;
        pages.values.get(usize::try_from(number - first).ok()?).copied()
    }

    /// The first changed page from `number` on.
    fn next_changed(&self, number: u64) -> Option<u64> {
        self.slots.iter().filter(|(first, pages)| **first + pages.len() > number).find_map(|(first, pages)| {
            let from = number.saturating_sub(*first) as usize;
            let at = pages.changed[from..].iter().position(|changed| *changed)?;
            Some(first + (from + at) as u64)
        })
    }

    fn end(&self) -> u64 {
        self.slots.last_key_value().map_or(0, |(first, pages)| first + pages.len())
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    pub(crate) fn enable(&mut self) {
        self.enabled = true;
    }

    /// All pages are stable again.
    pub(crate) fn clear(&mut self) -> Result<()> {
        if !self.enabled {
            return Err(Errno::EINVAL);
        }
        if self.used {
            for pages in self.slots.values_mut() {
                pages.values.fill(0);
            }
        }
        Ok(())
    }

    pub(crate) fn is_migrating(&self) -> bool {
        self.migration
    }

    /// Begins to log changes; all pages count as changed. `is_logged` says which slots log stores.
    pub(crate) fn start_migration(&mut self, is_logged: impl Fn(u32) -> bool) -> Result<()> {
        if self.migration {
            return Ok(());
        }
        if self.slots.is_empty() || self.enabled && !self.slots.values().all(|pages| is_logged(pages.slot)) {
            return Err(Errno::EINVAL);
        }
        self.migration = true;
        if self.enabled {
            self.changed = 0;
            for pages in self.slots.values_mut() {
                pages.changed.fill(true);
                self.changed += pages.len();
            }
        }
        Ok(())
    }

    pub(crate) fn stop_migration(&mut self) {
        self.migration = false;
    }

    /// EXTRACT AND SET STORAGE ATTRIBUTES for a page: what the guest is told, `None` when there is no such page. All pages
    /// are resident.
    pub(crate) fn extract_and_set(&mut self, number: u64, operation: u8) -> Option<u64> {
        let migration = self.migration;
        let (pages, at) = self.page(number)?;
        let before = pages.values[at];
        let set = |usage| before & !USAGE | usage;
        pages.values[at] = match operation {
            1 => 0,
            2 => set(UNUSED),
            3 => set(VOLATILE),
            4 => set(POTENTIALLY_VOLATILE),
            // Make resident and stable, or stable if resident, which it is.
            5 | 6 => set(0),
            7 => NO_DAT,
            _ => before,
        };
        if operation != 0 {
            if migration && !pages.changed[at] {
                pages.changed[at] = true;
                self.changed += 1;
            }
            self.used = true;
        }
        Some(u64::from(before & USAGE) << 2 | if before & NO_DAT != 0 { 0x20 } else { 0 })
    }

    /// The values of pages whatever has changed.
    fn peek(&self, first: u64, most: u32) -> Result<Vec<u8>> {
        let values: Vec<u8> = (0..u64::from(most)).map_while(|n| self.value(first.checked_add(n)?)).collect();
        if values.is_empty() { Err(Errno::EFAULT) } else { Ok(values) }
    }

    /// The values of changed pages from the first at or after `first`, with those between that are clean; they are no
    /// longer changed. Beyond the end of storage it begins again. Also the page of the first value.
    fn take_changed(&mut self, first: u64, most: u32) -> (u64, Vec<u8>) {
        let first = if first >= self.end() { 0 } else { first };
        let Some(start) = self.next_changed(first) else { return (self.end(), Vec::new()) };
        let mut values = Vec::new();
        let mut last_changed = start;
        for number in start.. {
            if values.len() == most as usize || number - last_changed > MOST_CLEAN {
                break;
            }
            let Some((pages, at)) = self.page(number) else { break };
            values.push(pages.values[at]);
            if core::mem::take(&mut pages.changed[at]) {
                self.changed -= 1;
                last_changed = number;
            }
        }
        // The last value is that of a changed page.
        values.truncate((last_changed - start) as usize + 1);
        (start, values)
    }
}

impl Vm {
    /// KVM_S390_GET_CMMA_BITS.
    pub fn s390_get_cmma_bits(&self, log: &mut kvm_s390_cmma_log, memory: &dyn ClientMemory) -> Result<()> {
        let mut cmma = self.cmma.lock();
        if !cmma.enabled {
            return Err(Errno::ENXIO);
        }
        let peek = log.flags & KVM_S390_CMMA_PEEK != 0;
        if log.flags & !KVM_S390_CMMA_PEEK != 0 || !peek && !cmma.migration {
            return Err(Errno::EINVAL);
        }
        let most = log.count.min(MOST);
        if most == 0 || !cmma.used || !peek && cmma.changed == 0 {
            *log = kvm_s390_cmma_log::default();
            return Ok(());
        }
        let values = if peek {
            cmma.peek(log.start_gfn, most)?
        } else {
            let (start, values) = cmma.take_changed(log.start_gfn, most);
            log.start_gfn = start;
            values
        };
        log.count = values.len() as u32;
        log.remaining = if cmma.migration { cmma.changed } else { 0 };
        drop(cmma);
        memory.write_bytes(log.values, &values)
    }

    /// KVM_S390_SET_CMMA_BITS: sets values up to the first page that is not there.
    pub fn s390_set_cmma_bits(&self, log: &kvm_s390_cmma_log, memory: &dyn ClientMemory) -> Result<()> {
        if !self.cmma.lock().enabled {
            return Err(Errno::ENXIO);
        }
        if log.flags != 0 || log.count > MOST {
            return Err(Errno::EINVAL);
        }
        if log.count == 0 {
            return Ok(());
        }
        let mut values = vec![0; log.count as usize];
        memory.read_bytes(log.values, &mut values)?;
        // The mask is that of a page's status word, of which the values are the leftmost byte.
        let mask = (log.remaining >> 24) as u8 & (USAGE | NO_DAT);
        let mut cmma = self.cmma.lock();
        let result = (0..).zip(&values).try_for_each(|(n, value)| {
            let number = log.start_gfn.checked_add(n).ok_or(Errno::EFAULT)?;
            let (pages, at) = cmma.page(number).ok_or(Errno::EFAULT)?;
            pages.values[at] = pages.values[at] & !mask | value & mask;
            Ok(())
        });
        cmma.used = true;
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cmma() -> Cmma {
        let mut cmma = Cmma { enabled: true, ..Cmma::default() };
        cmma.set_slot(0, 0, 64);
        cmma.set_slot(1, 256, 64);
        cmma
    }

    #[test]
    fn states_follow_the_operations() {
        let mut cmma = cmma();
        assert_eq!(cmma.extract_and_set(5, 0), Some(0), "stable and resident");
        assert_eq!(cmma.extract_and_set(5, 2), Some(0), "the state before");
        assert_eq!(cmma.extract_and_set(5, 3), Some(1 << 2));
        assert_eq!(cmma.extract_and_set(5, 4), Some(3 << 2));
        assert_eq!(cmma.extract_and_set(5, 7), Some(2 << 2));
        assert_eq!(cmma.extract_and_set(5, 1), Some(0x20), "not for translation");
        assert_eq!(cmma.extract_and_set(5, 0), Some(0));
        assert_eq!(cmma.extract_and_set(64, 0), None);
        assert_eq!(cmma.extract_and_set(u64::MAX, 0), None);
    }

    #[test]
    fn migration_wants_logs_and_starts_with_everything_changed() {
        let mut cmma = cmma();
        assert_eq!(cmma.start_migration(|slot| slot == 0), Err(Errno::EINVAL));
        assert_eq!(cmma.start_migration(|_| true), Ok(()));
        assert_eq!(cmma.changed, 128);
        assert_eq!(cmma.take_changed(0, 1000), (0, vec![0; 64]), "to the end of the slot");
        assert_eq!(cmma.take_changed(64, 10), (256, vec![0; 10]));
        cmma.remove_slot(1);
        assert_eq!(cmma.changed, 0);
        assert_eq!(Cmma::default().start_migration(|_| true), Err(Errno::EINVAL), "no storage");
    }

    #[test]
    fn clean_pages_between_changed_ones_are_listed_but_not_long_runs() {
        let mut cmma = cmma();
        cmma.start_migration(|_| true).unwrap();
        while cmma.changed != 0 {
            cmma.take_changed(0, 1000);
        }
        for page in [3, 5, 40] {
            cmma.extract_and_set(page, 2).unwrap();
        }
        assert_eq!(cmma.changed, 3);
        assert_eq!(cmma.take_changed(0, 1000), (3, vec![1, 0, 1]));
        assert_eq!(cmma.take_changed(6, 1000), (40, vec![1]));
        assert_eq!(cmma.take_changed(0, 1000).1, []);
        cmma.extract_and_set(3, 1).unwrap();
        assert_eq!(cmma.take_changed(320, 1000), (3, vec![0]), "beyond the end it begins again");
    }

    #[test]
    fn moved_memory_keeps_its_states() {
        let mut cmma = cmma();
        cmma.extract_and_set(256, 2).unwrap();
        cmma.set_slot(1, 512, 64);
        assert_eq!(cmma.extract_and_set(512, 0), Some(1 << 2));
        assert_eq!(cmma.extract_and_set(256, 0), None);
    }
}
