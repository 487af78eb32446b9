//! STORE HYPERVISOR INFORMATION: machine and partition below the virtual machine.
//! Truth: Linux 6.12 arch/s390/kvm/intercept.c (handle_sthyi) and arch/s390/kernel/sthyi.c (the sections).

use super::operand::Operand;
use super::stsi::{Block, MANUFACTURER, PARTITION, PLANT, SEQUENCE};
use super::{Handled, Stop, pic};
use crate::run::Running;

/// Lengths of the header and of the sections for the machine and the partition.
const HEADER: usize = 48;
const MACHINE: usize = 64;
const PARTITION_LENGTH: usize = 56;
/// The partition's manager keeps no figures of performance.
const NO_PERFORMANCE: u8 = 0x80;
/// Validity bits: counts of CPUs (same in both sections), the machine's identification, the partition's.
const COUNTS: u8 = 0x80;
const MACHINE_ID: u8 = 0x40;
const PARTITION_ID: u8 = 0x10;

/// Function code that is not known: the return code.
const UNKNOWN_FUNCTION: u64 = 4;

impl Running<'_> {
    pub(super) fn handle_sthyi(&mut self) -> Handled {
        if !self.vm.has_facility(74) {
            return Err(Stop::program(pic::OPERATION));
        }
        let (r1, r2) = self.r1_r2();
        if r1 == r2 || (r1 | r2) & 1 != 0 {
            return Err(Stop::program(pic::SPECIFICATION));
        }
        let (code, address) = (self.gr(r1), self.gr(r2));
        let (cc, result) = if code & 0xffff != 0 {
            (3, UNKNOWN_FUNCTION)
        } else {
            if address & 0xfff != 0 {
                return Err(Stop::program(pic::SPECIFICATION));
            }
            let address = self.wrap(address);
            self.store(Operand { address, ar: r2 }, &self.sections())?;
            (0, 0)
        };
        self.set_gr(r2 + 1, result);
        self.set_cc(cc);
        Ok(())
    }

    fn sections(&self) -> [u8; 4096] {
        let mut block = Block::new();
        let cpus = self.vm.cpu_count();
        let (machine, partition) = (HEADER, HEADER + MACHINE);
        block.0[0] = NO_PERFORMANCE;
        for (at, value) in [
            (8, partition + PARTITION_LENGTH),
            (10, HEADER),
            (12, machine),
            (14, MACHINE),
            (16, partition),
            (18, PARTITION_LENGTH),
        ] {
            block.half(at, value as u16);
        }
        // Shared CPUs; name, type, manufacturer, sequence code and plant.
        block.0[machine + 2] = COUNTS | MACHINE_ID;
        block.half(machine + 4, cpus);
        block.text(machine + 20, 4, &format!("{:04x}", self.vm.cpuid() >> 16 & 0xffff));
        block.text(machine + 24, 16, MANUFACTURER);
        block.text(machine + 40, 16, SEQUENCE);
        block.text(machine + 56, 4, PLANT);
        block.0[partition + 2] = COUNTS | PARTITION_ID;
        block.half(partition + 4, 1);
        block.half(partition + 6, cpus);
        block.text(partition + 16, 8, PARTITION);
        block.0
    }
}
