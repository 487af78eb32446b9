//! STORE HYPERVISOR INFORMATION: machine and partition below the virtual machine.
//! Truth: Linux 6.12 arch/s390/kvm/intercept.c (handle_sthyi) and arch/s390/kernel/sthyi.c (the sections).

use super::operand::Operand;
use super::stsi::{MANUFACTURER, PARTITION, PLANT, SEQUENCE, ebcdic};
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
        let mut block = [0; 4096];
        let cpus = self.vm.cpu_count().to_be_bytes();
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        let half = |value: usize| (value as u16).to_be_bytes();
        let (machine, partition) = (HEADER, HEADER + MACHINE);
        put(0, &[NO_PERFORMANCE]);
        put(8, &half(partition + PARTITION_LENGTH));
        put(10, &half(HEADER));
        put(12, &half(machine));
        put(14, &half(MACHINE));
        put(16, &half(partition));
        put(18, &half(PARTITION_LENGTH));
        // Shared CPUs; name, type, manufacturer, sequence code and plant.
        put(machine + 2, &[COUNTS | MACHINE_ID]);
        put(machine + 4, &cpus);
        put(machine + 20, &text::<4>(&format!("{:04x}", self.vm.cpuid() >> 16 & 0xffff)));
        put(machine + 24, &text::<16>(MANUFACTURER));
        put(machine + 40, &text::<16>(SEQUENCE));
        put(machine + 56, &text::<4>(PLANT));
        put(partition + 2, &[COUNTS | PARTITION_ID]);
        put(partition + 4, &half(1));
        put(partition + 6, &cpus);
        put(partition + 16, &text::<8>(PARTITION));
        block
    }
}

/// Text in EBCDIC, padded with blanks.
fn text<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [ebcdic(b' '); N];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = ebcdic(from);
    }
    bytes
}
