//! Which function codes each instruction has.
//! Truth: Principles of Operation, chapters 7 and 10, the table of function codes of each instruction.

/// Function codes as the query functions store them: bit 0, the leftmost, is the query function itself.
const fn mask(codes: &[u8]) -> u128 {
    let mut mask = 0;
    let mut i = 0;
    while i < codes.len() {
        mask |= 1 << (127 - codes[i] as u32);
        i += 1;
    }
    mask
}

/// The instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the names say it
pub enum Instruction {
    Km,
    Kmc,
    Kmf,
    Kmo,
    Kmctr,
    Kmac,
    Kma,
    Kimd,
    Klmd,
    Pcc,
    Prno,
    Pckmo,
    Kdsa,
}

/// The functions of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Functions {
    /// The instruction.
    pub instruction: Instruction,
    /// Those that need no wrapping key, the query function among them.
    clear: u128,
    /// Those that take or make keys encrypted under the DEA wrapping key.
    dea: u128,
    /// Those that take or make keys encrypted under the AES wrapping key.
    aes: u128,
}

impl Functions {
    const fn new(instruction: Instruction, clear: &[u8], dea: &[u8], aes: &[u8]) -> Functions {
        Functions { instruction, clear: mask(clear) | 1 << 127, dea: mask(dea), aes: mask(aes) }
    }

    /// The functions of an instruction that has the same ones.
    const fn of(self, instruction: Instruction) -> Functions {
        Functions { instruction, ..self }
    }

    /// The mask of what a CPU has, by the wrapping keys that there are.
    pub const fn installed(self, dea: bool, aes: bool) -> u128 {
        self.clear | if dea { self.dea } else { 0 } | if aes { self.aes } else { 0 }
    }
}

/// KM.
pub const KM: Functions =
    Functions::new(Instruction::Km, &[1, 2, 3, 18, 19, 20, 50, 52], &[9, 10, 11], &[26, 27, 28, 58, 60]);
/// KMC.
pub const KMC: Functions = Functions::new(Instruction::Kmc, &[1, 2, 3, 18, 19, 20, 67], &[9, 10, 11], &[26, 27, 28]);
/// KMF.
pub const KMF: Functions = Functions::new(Instruction::Kmf, &[1, 2, 3, 18, 19, 20], &[9, 10, 11], &[26, 27, 28]);
/// KMO.
pub const KMO: Functions = KMF.of(Instruction::Kmo);
/// KMCTR.
pub const KMCTR: Functions = KMF.of(Instruction::Kmctr);
/// KMAC.
pub const KMAC: Functions = KMF.of(Instruction::Kmac);
/// KMA.
pub const KMA: Functions = Functions::new(Instruction::Kma, &[18, 19, 20], &[], &[26, 27, 28]);
/// KIMD.
pub const KIMD: Functions = Functions::new(Instruction::Kimd, &[1, 2, 3, 32, 33, 34, 35, 36, 37, 65], &[], &[]);
/// KLMD.
pub const KLMD: Functions = Functions::new(Instruction::Klmd, &[1, 2, 3, 32, 33, 34, 35, 36, 37], &[], &[]);
/// PCC.
pub const PCC: Functions = Functions::new(
    Instruction::Pcc,
    &[1, 2, 3, 18, 19, 20, 50, 52, 64, 65, 66, 72, 73, 80, 81],
    &[9, 10, 11],
    &[26, 27, 28, 58, 60],
);
/// PRNO.
pub const PRNO: Functions = Functions::new(Instruction::Prno, &[3, 112, 114], &[], &[]);
/// PCKMO.
pub const PCKMO: Functions = Functions::new(Instruction::Pckmo, &[], &[1, 2, 3], &[18, 19, 20, 32, 33, 34, 40, 41]);
/// KDSA.
pub const KDSA: Functions =
    Functions::new(Instruction::Kdsa, &[1, 2, 3, 9, 10, 11, 32, 36, 40, 44], &[], &[17, 18, 19, 48, 52]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_strings_of_bits() {
        assert_eq!(KIMD.installed(true, true).to_be_bytes(), [0xf0, 0, 0, 0, 0xfc, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(KMA.installed(true, false), KMA.installed(false, false));
    }
}
