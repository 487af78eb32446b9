//! STORE SYSTEM INFORMATION: the blocks of the machine, the partition and the virtual machine.
//! Truth: Principles of Operation, chapter 10, STORE SYSTEM INFORMATION; Linux 6.12 arch/s390/kvm/priv.c (handle_stsi).

use super::operand::Operand;
use super::{Handled, Stop, pic};
use crate::abi::{KVM_EXIT_S390_STSI, kvm_run_s390_stsi};
use crate::run::Running;

/// A block of information about the system.
pub(super) struct Block(pub(super) [u8; 4096]);

impl Block {
    pub(super) fn new() -> Self {
        Self([0; 4096])
    }

    /// Text in EBCDIC, padded with blanks.
    pub(super) fn text(&mut self, at: usize, length: usize, text: &str) {
        let padded = text.bytes().chain(std::iter::repeat(b' '));
        for (to, from) in self.0[at..at + length].iter_mut().zip(padded) {
            *to = ebcdic(from);
        }
    }

    pub(super) fn half(&mut self, at: usize, value: u16) {
        self.0[at..at + 2].copy_from_slice(&value.to_be_bytes());
    }

    pub(super) fn word(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
}

/// EBCDIC of the characters that names use; anything else becomes a blank.
fn ebcdic(ascii: u8) -> u8 {
    match ascii {
        b'0'..=b'9' => 0xf0 + (ascii - b'0'),
        b'A'..=b'I' => 0xc1 + (ascii - b'A'),
        b'J'..=b'R' => 0xd1 + (ascii - b'J'),
        b'S'..=b'Z' => 0xe2 + (ascii - b'S'),
        b'a'..=b'i' => 0x81 + (ascii - b'a'),
        b'j'..=b'r' => 0x91 + (ascii - b'j'),
        b's'..=b'z' => 0xa2 + (ascii - b's'),
        b'/' => 0x61,
        b'-' => 0x60,
        b'.' => 0x4b,
        _ => 0x40,
    }
}

pub(super) const MANUFACTURER: &str = "SOFTSIE";
const MODEL: &str = "T01";
pub(super) const SEQUENCE: &str = "0000000000000000";
pub(super) const PLANT: &str = "00";
pub(super) const PARTITION: &str = "SOFTSIE";
/// CPU capability: a positive integer; smaller is faster.
const CAPABILITY: u32 = 1000;

impl Running<'_> {
    pub(super) fn handle_stsi(&mut self) -> Handled {
        let (gr0, gr1) = (self.gr(0), self.gr(1));
        let function = (gr0 >> 28) as u8 & 15;
        let (sel1, sel2) = (gr0 as u8, gr1 as u16);
        self.check_supervisor()?;
        if function > 3 && function != 15 {
            return self.no_data();
        }
        if function == 15 && !(self.vm.has_facility(11) && self.vm.user_handles_stsi()) {
            return self.no_data();
        }
        let operand = self.operand_s();
        if gr0 & 0x0fff_ff00 != 0 || gr1 & 0xffff_0000 != 0 {
            return Err(Stop::program(pic::SPECIFICATION));
        }
        if function == 0 {
            self.set_gr_low(0, 3 << 28);
            self.set_cc(0);
            return Ok(());
        }
        self.check_boundary(operand, 4096)?;
        if function == 15 {
            return self.stsi_exit(operand, function, sel1, sel2);
        }
        let block = match (function, sel1, sel2) {
            (1, 1, 1) => self.machine(),
            (1, 2, 1) => self.machine_cpu(),
            (1, 2, 2) => self.machine_cpus(),
            (2, 2, 1) => self.machine_cpu(),
            (2, 2, 2) => self.partition_cpus(),
            (3, 2, 2) => self.virtual_machine(),
            _ => return self.no_data(),
        };
        self.store(operand, &block.0)?;
        self.set_gr_low(0, 0);
        self.set_cc(0);
        if self.vm.user_handles_stsi() {
            return self.stsi_exit(operand, function, sel1, sel2);
        }
        Ok(())
    }

    fn no_data(&self) -> Handled {
        self.set_cc(3);
        Ok(())
    }

    fn stsi_exit(&self, operand: Operand, fc: u8, sel1: u8, sel2: u16) -> Handled {
        let payload = kvm_run_s390_stsi { addr: operand.address, ar: operand.ar, reserved: 0, fc, sel1, sel2 };
        self.exit(KVM_EXIT_S390_STSI, |exit| exit.s390_stsi = payload);
        Err(Stop::Exited)
    }

    /// 1.1.1: the basic machine configuration.
    fn machine(&self) -> Block {
        let mut block = Block::new();
        block.text(32, 16, MANUFACTURER);
        // The machine type as four decimal digits, from the CPU identification's hexadecimal ones.
        block.text(48, 4, &format!("{:04x}", self.vm.cpuid() >> 16 & 0xffff));
        block.text(64, 16, MODEL);
        block.text(80, 16, SEQUENCE);
        block.text(96, 4, PLANT);
        block.text(100, 16, MODEL);
        block
    }

    /// 1.2.1 and 2.2.1: this CPU.
    fn machine_cpu(&self) -> Block {
        let mut block = Block::new();
        block.text(80, 16, SEQUENCE);
        block.text(96, 4, PLANT);
        block.half(100, self.cpu.id);
        block.half(102, self.cpu.id);
        block
    }

    /// 1.2.2: all CPUs of the machine.
    fn machine_cpus(&self) -> Block {
        let mut block = Block::new();
        block.word(32, CAPABILITY);
        self.cpu_counts(&mut block, 36);
        block
    }

    /// 2.2.2: the CPUs of the partition.
    fn partition_cpus(&self) -> Block {
        let mut block = Block::new();
        block.half(32, 1);
        self.cpu_counts(&mut block, 36);
        block.text(44, 8, PARTITION);
        block.word(52, CAPABILITY);
        block.half(74, self.vm.cpu_count());
        block
    }

    /// 3.2.2: the virtual machine.
    fn virtual_machine(&self) -> Block {
        let mut block = Block::new();
        block.0[31] = 1;
        self.cpu_counts(&mut block, 36);
        block.text(44, 8, "KVMguest");
        block.word(52, CAPABILITY);
        block.text(56, 16, "KVM/Linux");
        block
    }

    /// Total, configured, standby and reserved CPUs.
    fn cpu_counts(&self, block: &mut Block, at: usize) {
        let count = self.vm.cpu_count();
        block.half(at, count);
        block.half(at + 2, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ebcdic_with_blanks() {
        let mut block = Block::new();
        block.text(0, 10, "KVMguest");
        assert_eq!(block.0[..10], [0xd2, 0xe5, 0xd4, 0x87, 0xa4, 0x85, 0xa2, 0xa3, 0x40, 0x40]);
        block.text(0, 4, "8561");
        assert_eq!(block.0[..4], [0xf8, 0xf5, 0xf6, 0xf1]);
    }
}
