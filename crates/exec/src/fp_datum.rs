//! Floating-point data as instructions of every radix hold them: in a register, a pair for extended ones, or in storage.
//! Source: Principles of Operation, chapter 9, Floating-Point Registers and Floating-Point Data.

use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2x2b2;
use crate::semantics::fp_support::is_pair;

/// The bits of a datum of some format.
pub(crate) trait FpDatum: Sized {
    /// The datum in register `r`.
    fn get(cpu: &mut Cpu, r: u8) -> Self;
    /// Places a datum in register `r`.
    fn set(cpu: &mut Cpu, r: u8, bits: Self);
    /// The datum at D2(X2,B2).
    fn load(cpu: &mut Cpu, o: &Operands) -> Result<Self, Exit>;
    /// Whether `r` can hold the format.
    fn fits(r: u8) -> bool;
}

macro_rules! in_one_register {
    ($bits:ty) => {
        impl FpDatum for $bits {
            #[inline(always)]
            fn get(cpu: &mut Cpu, r: u8) -> $bits {
                cpu.fr(r)
            }
            #[inline(always)]
            fn set(cpu: &mut Cpu, r: u8, bits: $bits) {
                cpu.set_fr(r, bits);
            }
            #[inline(always)]
            fn load(cpu: &mut Cpu, o: &Operands) -> Result<$bits, Exit> {
                let ea = d2x2b2(cpu, o);
                cpu.load(ea.address, ea.ar)
            }
            #[inline(always)]
            fn fits(_: u8) -> bool {
                true
            }
        }
    };
}
in_one_register!(u32);
in_one_register!(u64);

impl FpDatum for u128 {
    fn get(cpu: &mut Cpu, r: u8) -> u128 {
        let (high, low): (u64, u64) = (cpu.fr(r), cpu.fr(r + 2));
        u128::from(high) << 64 | u128::from(low)
    }
    fn set(cpu: &mut Cpu, r: u8, bits: u128) {
        cpu.set_fr(r, (bits >> 64) as u64);
        cpu.set_fr(r + 2, bits as u64);
    }
    fn load(cpu: &mut Cpu, o: &Operands) -> Result<u128, Exit> {
        let ea = d2x2b2(cpu, o);
        cpu.load(ea.address, ea.ar)
    }
    fn fits(r: u8) -> bool {
        is_pair(r)
    }
}
