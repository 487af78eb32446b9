//! READ SCP INFO and READ CPU INFO: what machine the guest is told it has.
//! Truth: Linux arch/s390/include/asm/sclp.h and sclp_early.c (offsets); kvm-unit-tests lib/s390x/sclp.h.

use super::{Block, response};
use crate::ebcdic;
use crate::storage::MIB;

/// Where CPU entries start in READ SCP INFO: behind byte 134, so that its bits count.
const CPU_ENTRIES: usize = 144;
/// Where CPU entries start in READ CPU INFO.
const CPU_INFO_ENTRIES: usize = 24;
const CPU_ENTRY_SIZE: usize = 16;
/// "READ CPU INFO is available".
const FACILITY_CPU_INFO: u64 = 0x0800_0000_0000_0000;

/// What READ SCP INFO tells.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    /// Size of storage in bytes.
    pub(crate) storage: u64,
    /// CPUs with the addresses 0 to `cpus` - 1.
    pub(crate) cpus: u16,
    /// CPUs the machine could have.
    pub(crate) max_cpus: u16,
    /// Features of the KVM interface's CPU model, bit 0 leftmost: what a guest needs to run guests of its own.
    pub(crate) features: u64,
    /// Levels of nesting in the topology that STSI shows, 0 where it does not.
    pub(crate) topology_levels: u8,
    /// Control blocks may cross page boundaries (facility 140).
    pub(crate) extended_length: bool,
    /// DIAGNOSE 0x318 is offered.
    pub(crate) diagnose_318: bool,
}

/// Where a feature of the CPU model is announced: (feature, byte, mask); bytes of CPU entries separately. System control areas
/// may be anywhere and of the extended format.
const SYSTEM_FEATURES: [(u32, usize, u8); 7] =
    [(0, 85, 0x02), (2, 116, 0x88), (5, 85, 0x80), (8, 117, 0x20), (10, 116, 0x40), (11, 117, 0x40), (13, 98, 0x01)];
const CPU_FEATURES: [(u32, usize, u8); 7] =
    [(1, 2, 0x08), (3, 3, 0x10), (4, 3, 0x20), (6, 7, 0x20), (7, 7, 0x10), (9, 2, 0x04), (12, 3, 0x08)];

impl Configuration {
    fn has(&self, feature: u32) -> bool {
        self.features >> (63 - feature) & 1 != 0
    }

    fn put_cpus(&self, block: &mut Block, at: usize) {
        for cpu in 0..self.cpus {
            let entry = at + usize::from(cpu) * CPU_ENTRY_SIZE;
            let mut bytes = [0; CPU_ENTRY_SIZE];
            bytes[0] = cpu as u8;
            for (_, byte, mask) in CPU_FEATURES.iter().filter(|(feature, ..)| self.has(*feature)) {
                bytes[*byte] |= mask;
            }
            block.put(entry, &bytes);
        }
    }

    /// Whether the block holds all CPU entries; if not, answers so, with the length it takes.
    fn fits(&self, block: &mut Block, entries: usize) -> bool {
        let needed = entries + usize::from(self.cpus) * CPU_ENTRY_SIZE;
        if block.bytes.len() < needed {
            block.put(0, &u16::try_from(needed).unwrap_or(u16::MAX).to_be_bytes());
            block.respond(response::INSUFFICIENT_LENGTH);
            return false;
        }
        true
    }

    pub(super) fn read_scp_info(&self, block: &mut Block) {
        if !self.fits(block, CPU_ENTRIES) {
            return;
        }
        let length = block.bytes.len();
        block.bytes[super::HEADER_SIZE..length].fill(0);
        // Storage in increments of 1 MiB: any size the user may give is a whole number of them.
        let increments = self.storage / MIB;
        match u16::try_from(increments) {
            Ok(few) => block.put(8, &few.to_be_bytes()),
            Err(_) => block.put(104, &increments.to_be_bytes()),
        }
        block.put(10, &[1]);
        block.put(15, &[self.topology_levels]);
        block.put(16, &self.cpus.to_be_bytes());
        block.put(18, &(CPU_ENTRIES as u16).to_be_bytes());
        block.put(24, &ebcdic::field::<8>(""));
        block.put(48, &FACILITY_CPU_INFO.to_be_bytes());
        for (_, byte, mask) in SYSTEM_FEATURES.iter().filter(|(feature, ..)| self.has(*feature)) {
            block.bytes[*byte] |= mask;
        }
        block.put(120, &self.max_cpus.saturating_sub(1).to_be_bytes());
        if self.diagnose_318 {
            block.bytes[134] |= 0x80;
        }
        self.put_cpus(block, CPU_ENTRIES);
        block.respond(response::READ_COMPLETE);
    }

    pub(super) fn read_cpu_info(&self, block: &mut Block) {
        if !self.fits(block, CPU_INFO_ENTRIES) {
            return;
        }
        let standby = CPU_INFO_ENTRIES + usize::from(self.cpus) * CPU_ENTRY_SIZE;
        block.put(8, &self.cpus.to_be_bytes());
        block.put(10, &(CPU_INFO_ENTRIES as u16).to_be_bytes());
        block.put(12, &[0; 2]);
        block.put(14, &u16::try_from(standby).unwrap_or(0).to_be_bytes());
        self.put_cpus(block, CPU_INFO_ENTRIES);
        block.respond(response::READ_COMPLETE);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SCCB, answer, prepare, sclp};
    use super::super::{ConsoleKind, READ_CPU_INFO, READ_SCP_INFO_FORCED};
    use super::*;

    #[test]
    fn scp_info_tells_storage_and_cpus() {
        let (mut sclp, storage) = sclp(ConsoleKind::Vt220);
        prepare(&storage, 4096, &[0xff; 512]);
        sclp.configuration.features = 1 << 63 | 1 << 62;
        sclp.service_call(&storage, 0, READ_SCP_INFO_FORCED, SCCB).unwrap();
        assert_eq!(answer(&storage), 0x0010);
        let block = Block { bytes: storage.read_vec(SCCB, 256).unwrap() };
        assert_eq!((block.u16(8), block.bytes[10]), (128, 1), "128 increments of 1 MiB");
        assert_eq!(block.bytes[15], 2, "levels of the topology");
        assert_eq!((block.u16(16), block.u16(18)), (2, 144));
        assert_eq!(block.bytes[24..32], [0x40; 8]);
        assert_eq!(block.u16(120), 3, "highest CPU address");
        assert_eq!(block.bytes[134], 0x80);
        assert_eq!(block.bytes[85], 0x02, "ESOP");
        assert_eq!((block.bytes[144], block.bytes[160]), (0, 1), "CPU addresses");
        assert_eq!(block.bytes[146], 0x08, "interpretive execution");
        assert_eq!(block.bytes[176..192], [0; 16]);
    }

    #[test]
    fn cpu_info_lists_the_cpus() {
        let (mut sclp, storage) = sclp(ConsoleKind::Vt220);
        prepare(&storage, 4096, &[]);
        sclp.service_call(&storage, 0, READ_CPU_INFO, SCCB).unwrap();
        assert_eq!(answer(&storage), 0x0010);
        let block = Block { bytes: storage.read_vec(SCCB, 64).unwrap() };
        assert_eq!((block.u16(8), block.u16(10), block.u16(12), block.u16(14)), (2, 24, 0, 56));
        assert_eq!((block.bytes[24], block.bytes[40]), (0, 1));
    }

    #[test]
    fn a_block_without_room_for_the_cpus_is_told_the_length() {
        let (mut sclp, storage) = sclp(ConsoleKind::Vt220);
        prepare(&storage, 175, &[]);
        sclp.service_call(&storage, 0, READ_SCP_INFO_FORCED, SCCB).unwrap();
        assert_eq!(answer(&storage), 0x0300);
        assert_eq!(storage.read_u32(SCCB).unwrap() >> 16, 176);
    }
}
