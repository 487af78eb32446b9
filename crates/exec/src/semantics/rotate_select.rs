//! ROTATE THEN … SELECTED BITS.
//! Source: Principles of Operation, chapter 7: ROTATE THEN AND/EXCLUSIVE OR/INSERT/OR SELECTED BITS.

use softsie_cpu::Exit;
use softsie_isa::Operands;

use crate::machine::Machine;

semantics! {
    simple { RISBG => insert_selected_bits }
    heavy {}
}

/// Ones in bits `first` to `last` of a doubleword, wrapping around when `first` is above `last`.
pub(super) fn selected(first: u8, last: u8) -> u64 {
    let (first, last) = (u32::from(first & 63), u32::from(last & 63));
    let (from, to) = (u64::MAX >> first, u64::MAX << (63 - last));
    if first <= last { from & to } else { from | to }
}

fn insert_selected_bits<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let mask = selected(o.i3(), o.i4());
    let source = m.gr::<u64>(o.r2());
    let amount = m.imm(u32::from(o.i5() & 63));
    let rotated = m.rotl(source, amount);
    let mask_value = m.imm(mask);
    let inserted = m.and(rotated, mask_value);
    let v = if o.i4() & 0x80 != 0 {
        inserted
    } else {
        let old = m.gr::<u64>(o.r1());
        let rest = m.imm(!mask);
        let kept = m.and(old, rest);
        m.or(kept, inserted)
    };
    m.set_gr(o.r1(), v);
    m.cc_signed(v);
    Ok(())
}
