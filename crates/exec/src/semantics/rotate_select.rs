//! ROTATE THEN … SELECTED BITS.
//! Source: Principles of Operation, chapter 7: ROTATE THEN AND/EXCLUSIVE OR/INSERT/OR SELECTED BITS, … HIGH, … LOW.

use softsie_cpu::Exit;
use softsie_isa::Operands;

use crate::machine::Machine;

semantics! {
    simple {
        RISBG => insert[true], RISBGN => insert[false], RISBHG => insert_word[true], RISBLG => insert_word[false],
        RNSBG => combine[AND], ROSBG => combine[OR], RXSBG => combine[XOR],
    }
    heavy {}
}

const AND: u8 = 0;
const OR: u8 = 1;
const XOR: u8 = 2;

/// Ones in bits `first` to `last` of a doubleword, wrapping around when `first` is above `last`.
pub(super) fn selected(first: u8, last: u8) -> u64 {
    let (first, last) = (u32::from(first & 63), u32::from(last & 63));
    let (from, to) = (u64::MAX >> first, u64::MAX << (63 - last));
    if first <= last { from & to } else { from | to }
}

/// R2 rotated left by I5, of which the bits of `mask` are wanted.
#[inline(always)]
fn rotated<M: Machine>(m: &mut M, o: &Operands, mask: u64) -> M::Val<u64> {
    let amount = u32::from(o.i5() & 63);
    let source = if mask.rotate_right(amount) >> 32 == 0 {
        // All of them come from the right word, which engines may have at hand alone.
        let word = m.gr::<u32>(o.r2());
        m.zext(word)
    } else {
        m.gr::<u64>(o.r2())
    };
    let amount = m.imm(amount);
    m.rotl(source, amount)
}

fn insert<M: Machine, const CC: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let mask = selected(o.i3(), o.i4());
    // The leftmost bit of I4 asks for zeros in the remaining bits.
    let v = insert_selected(m, o, mask, if o.i4() & 0x80 != 0 { 0 } else { !mask });
    m.set_gr(o.r1(), v);
    if CC {
        m.cc_signed(v);
    }
    Ok(())
}

/// The rotated bits in `mask` and those of R1 in `keep`.
#[inline(always)]
fn insert_selected<M: Machine>(m: &mut M, o: &Operands, mask: u64, keep: u64) -> M::Val<u64> {
    let rotated = rotated(m, o, mask);
    let mask = m.imm(mask);
    let inserted = m.and(rotated, mask);
    if keep == 0 {
        return inserted;
    }
    let old = m.gr::<u64>(o.r1());
    let keep = m.imm(keep);
    let kept = m.and(old, keep);
    m.or(kept, inserted)
}

fn insert_word<M: Machine, const HIGH: bool>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let (first, last) = (u32::from(o.i3() & 31), u32::from(o.i4() & 31));
    let (from, to) = (u32::MAX >> first, u32::MAX << (31 - last));
    let mask = u64::from(if first <= last { from & to } else { from | to });
    let shift = if HIGH { 32 } else { 0 };
    let mask = mask << shift;
    let other_word = !(0xFFFF_FFFFu64 << shift);
    let v = insert_selected(m, o, mask, if o.i4() & 0x80 != 0 { other_word } else { !mask });
    m.set_gr(o.r1(), v);
    Ok(())
}

fn combine<M: Machine, const OPERATION: u8>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let mask = selected(o.i3(), o.i4());
    let rotated = rotated(m, o, mask);
    let old = m.gr::<u64>(o.r1());
    let (mask, rest) = (m.imm(mask), m.imm(!mask));
    let v = match OPERATION {
        AND => {
            let b = m.or(rotated, rest);
            m.and(old, b)
        }
        OR => {
            let b = m.and(rotated, mask);
            m.or(old, b)
        }
        _ => {
            let b = m.and(rotated, mask);
            m.xor(old, b)
        }
    };
    let bits = m.and(v, mask);
    m.cc_zero(bits);
    // The leftmost bit of I3 asks for the condition code only.
    if o.i3() & 0x80 == 0 {
        m.set_gr(o.r1(), v);
    }
    Ok(())
}
