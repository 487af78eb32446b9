//! Operands of intercepted instructions, out of the text in the state description, and storage access on the guest's behalf.
//! Truth: Principles of Operation, chapter 5 (instruction formats, address generation) and chapter 3 (storage).

use softsie_sie::ProgramInterruption;

use super::{Handled, Stop, pic};
use crate::abi::kvm_s390_pgm_info;
use crate::run::Running;

/// A storage operand's address, and the base register that names its access register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) address: u64,
    pub(super) ar: u8,
}

/// Base register and unsigned 12-bit displacement of the S, RS and RSY formats, from the instruction's last four bytes.
fn base_displacement(ipb: u32) -> (u8, u64) {
    ((ipb >> 28) as u8, u64::from(ipb >> 16 & 0xfff))
}

/// The signed 20-bit displacement of the RSY format.
fn long_displacement(ipb: u32) -> u64 {
    let (_, low) = base_displacement(ipb);
    let high = i64::from((ipb >> 8) as u8 as i8);
    ((high << 12) | low as i64) as u64
}

impl From<ProgramInterruption> for Stop {
    fn from(p: ProgramInterruption) -> Self {
        Self::Program(kvm_s390_pgm_info {
            code: p.code,
            trans_exc_code: p.teid,
            exc_access_id: p.exception_access_id,
            ..Default::default()
        })
    }
}

impl Running<'_> {
    /// Second operand of the S, SI and RS formats.
    pub(super) fn operand_s(&self) -> Operand {
        let (base, displacement) = base_displacement(self.cpu.sd.ipb.get());
        self.operand(base, displacement)
    }

    /// Second operand of the RSY format.
    pub(super) fn operand_rsy(&self) -> Operand {
        let ipb = self.cpu.sd.ipb.get();
        self.operand(base_displacement(ipb).0, long_displacement(ipb))
    }

    fn operand(&self, base: u8, displacement: u64) -> Operand {
        let base_value = if base == 0 { 0 } else { self.gr(base) };
        Operand { address: base_value.wrapping_add(displacement), ar: base }
    }

    /// Register fields of the second byte: R1 and R3 of RS and RSY.
    pub(super) fn r1_r3(&self) -> (u8, u8) {
        let ipa = self.cpu.sd.ipa.get();
        ((ipa >> 4) as u8 & 15, ipa as u8 & 15)
    }

    /// Register fields of the fourth byte: R1 and R2 of RRE.
    pub(super) fn r1_r2(&self) -> (u8, u8) {
        let ipb = self.cpu.sd.ipb.get();
        ((ipb >> 20) as u8 & 15, (ipb >> 16) as u8 & 15)
    }

    /// A general register.
    pub(super) fn gr(&self, n: u8) -> u64 {
        self.sie.cpu.gr[usize::from(n & 15)]
    }

    /// Sets a general register.
    pub(super) fn set_gr(&mut self, n: u8, value: u64) {
        self.sie.cpu.gr[usize::from(n & 15)] = value;
    }

    /// Sets the right half of a general register.
    pub(super) fn set_gr_low(&mut self, n: u8, value: u32) {
        let register = &mut self.sie.cpu.gr[usize::from(n & 15)];
        *register = *register & !0xffff_ffff | u64::from(value);
    }

    /// An address as the addressing mode has it.
    pub(super) fn wrap(&self, address: u64) -> u64 {
        address & self.psw().address_mask()
    }

    /// The absolute address of a real address.
    pub(super) fn real_to_absolute(&self, real: u64) -> u64 {
        let prefix = u64::from(self.cpu.sd.prefix());
        match real & !0x1fff {
            0 => real + prefix,
            block if block == prefix => real - prefix,
            _ => real,
        }
    }

    /// Specification exception unless the operand is on the boundary.
    pub(super) fn check_boundary(&self, operand: Operand, boundary: u64) -> Handled {
        if operand.address & (boundary - 1) != 0 {
            return Err(Stop::program(pic::SPECIFICATION));
        }
        Ok(())
    }

    /// Fetches an operand.
    pub(super) fn fetch<const N: usize>(&mut self, operand: Operand) -> Handled<[u8; N]> {
        let mut bytes = [0; N];
        self.sie.read_logical(&self.cpu.sd, operand.address, operand.ar, &mut bytes)?;
        Ok(bytes)
    }

    /// Stores an operand.
    pub(super) fn store(&mut self, operand: Operand, bytes: &[u8]) -> Handled {
        Ok(self.sie.write_logical(&self.cpu.sd, operand.address, operand.ar, bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displacements_are_where_the_formats_have_them() {
        assert_eq!(base_displacement(0xf123_0000), (15, 0x123));
        // DL = 0xfff, DH = 0x7f, and DH = 0xff.
        assert_eq!(long_displacement(0x1fff_7f2f), 0x7_ffff);
        assert_eq!(long_displacement(0x1fff_ff2f), u64::MAX);
        assert_eq!(long_displacement(0x1000_8025), (-0x8_0000i64) as u64);
    }
}
