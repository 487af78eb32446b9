//! COMPARE LOGICAL CHARACTERS UNDER MASK.
//! Source: Principles of Operation, chapter 7: COMPARE LOGICAL CHARACTERS UNDER MASK.

use softsie_cpu::Exit;
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::{after, d2b2};

semantics! {
    simple { CLM => compare[false], CLMY => compare[false], CLMH => compare[true] }
    heavy {}
}

/// Compares the bytes of a register half that M3 selects (of the left half when `HIGH`) with as many bytes of storage.
fn compare<M: Machine, const HIGH: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    let mask = o.m3() & 15;
    let storage = match mask.count_ones() {
        0 => {
            // One byte is accessed all the same.
            m.load::<u8>(ea)?;
            let cc = m.imm(0);
            m.set_cc(cc);
            return Ok(());
        }
        1 => {
            let byte = m.load::<u8>(ea)?;
            m.zext::<u8, u32>(byte)
        }
        2 => {
            let bytes = m.load::<u16>(ea)?;
            m.zext::<u16, u32>(bytes)
        }
        3 => {
            let left = m.load::<u16>(ea)?;
            let left = m.zext::<u16, u32>(left);
            let last = after(m, ea, 2);
            let right = m.load::<u8>(last)?;
            let right = m.zext::<u8, u32>(right);
            let eight = m.imm(8);
            let left = m.shl(left, eight);
            m.or(left, right)
        }
        _ => m.load::<u32>(ea)?,
    };
    let register = if HIGH { m.gr_high(o.r1()) } else { m.gr::<u32>(o.r1()) };
    let mut selected = m.imm(0u32);
    for byte in 0..4u32 {
        if mask & (8 >> byte) == 0 {
            continue;
        }
        let amount = m.imm(24 - 8 * byte);
        let shifted = m.shr(register, amount);
        let low = m.imm(0xFFu32);
        let value = m.and(shifted, low);
        let eight = m.imm(8);
        let left = m.shl(selected, eight);
        selected = m.or(left, value);
    }
    m.cc_compare(selected, storage);
    Ok(())
}
