//! What the meaning of an instruction depends on besides its text and address: PSW and control bits that code is made for.
//! Source: Principles of Operation, chapter 4, Program-Status Word and Control Register 0.

use softsie_cpu::{AddressSpaceControl, Cpu, Cr0, Psw, PswMask};

/// The bits of PSW and CR0 for which code was emitted; code runs only when they are the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Mode {
    psw: u64,
    cr0: u64,
}

/// Bits 16 and 17 (address space) and 20 (fixed-point overflow) of the PSW.
const OTHER_PSW_BITS: u64 = 3 << 46 | 8 << 40;

impl Mode {
    #[inline(always)]
    pub(crate) fn of(cpu: &Cpu) -> Mode {
        Mode::of_bits(cpu.psw.mask, cpu.effective_cr0())
    }

    /// Of a PSW mask and CR0.
    #[inline(always)]
    pub(crate) fn of_bits(psw: u64, cr0: u64) -> Mode {
        let named = PswMask::DAT.bits() | PswMask::PROBLEM.bits() | PswMask::EA.bits() | PswMask::BA.bits();
        Mode { psw: psw & (named | OTHER_PSW_BITS), cr0: cr0 & (Cr0::AFP_REGISTER.bits() | Cr0::VECTOR.bits()) }
    }

    /// All there is to it, as numbers.
    pub(crate) fn words(self) -> [u64; 2] {
        [self.psw, self.cr0]
    }

    fn psw(self) -> Psw {
        Psw::new(self.psw, 0)
    }

    pub(crate) fn address_mask(self) -> u64 {
        self.psw().address_mask()
    }

    pub(crate) fn problem_state(self) -> bool {
        self.psw().has(PswMask::PROBLEM)
    }

    pub(crate) fn fixed_point_overflow(self) -> bool {
        self.psw().program_mask() & 8 != 0
    }

    pub(crate) fn afp(self) -> bool {
        self.cr0 & Cr0::AFP_REGISTER.bits() != 0
    }

    pub(crate) fn vector(self) -> bool {
        self.afp() && self.cr0 & Cr0::VECTOR.bits() != 0
    }

    /// Whether operands and instructions are in the same space.
    pub(crate) fn operands_beside_instructions(self) -> bool {
        !self.psw().has(PswMask::DAT)
            || matches!(self.psw().address_space(), AddressSpaceControl::Primary | AddressSpaceControl::Home)
    }
}
