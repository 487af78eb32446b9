//! Records made into what the comparison of rows wants: in a loop, and with operands across a page boundary.
//! Source: formats and operand kinds of the instruction table.

use std::collections::BTreeSet;

use softsie_isa::{FieldName, Op, Operand, decode};

use super::execute::{PAGE, PAGES};
use crate::differential::{DATA, Piece, Random, Record, Target};

/// General registers that instructions name or may change.
fn registers(pieces: &[Piece]) -> BTreeSet<u64> {
    let mut all = BTreeSet::from([0, 1]);
    for piece in pieces {
        let Some(op) = decode(piece.text) else { continue };
        let row = op.row();
        let layout = row.format.layout();
        let mut named = Vec::new();
        for o in row.operands {
            match *o {
                Operand::Gr(f) => named.push(layout.get(piece.text, f)),
                Operand::GrPair(f) => named.extend([0, 1].map(|n| layout.get(piece.text, f) + n)),
                Operand::Storage { base, middle, .. } => {
                    named.push(layout.get(piece.text, base));
                    named.extend(middle.filter(|m| *m == FieldName::X2).map(|m| layout.get(piece.text, m)));
                }
                _ => {}
            }
        }
        // A range of registers.
        if let (Some(Operand::Gr(FieldName::R1)), Some(Operand::Gr(FieldName::R3))) =
            (row.operands.first(), row.operands.get(1))
        {
            let (mut n, last) = (named[0], named[1]);
            while n != last {
                named.push(n);
                n = (n + 1) % 16;
            }
        }
        all.extend(named.iter().map(|n| n & 15));
    }
    all
}

/// The record with its sequence in a loop: registers change and a condition code is set before it, and the condition code is
/// used after it; a register that it has as base moves.
pub(super) fn looped(record: &Record, random: &mut Random) -> Option<Record> {
    let taken = registers(&record.pieces).union(&registers(&record.execute)).copied().collect::<BTreeSet<_>>();
    let free: Vec<u64> = [12, 15, 14, 3, 11, 9, 7, 5, 13, 10].into_iter().filter(|n| !taken.contains(n)).collect();
    let [counter, changing, other, ..] = free[..] else { return None };
    let mut before = vec![
        Piece::plain(0xA70B_0000 << 32 | changing << 52 | (random.below(16) + 1) << 32),
        Piece::plain(0xB9F8_0000 << 32 | counter << 44 | other << 36 | changing << 32),
    ];
    let stride = [0, 0, 1, 4, 8, 16, 64][random.below(7) as usize];
    let base = record.pieces.iter().find_map(|p| {
        let row = decode(p.text)?.row();
        row.operands.iter().find_map(|o| match *o {
            Operand::Storage { base, .. } => Some(row.format.layout().get(p.text, base)),
            _ => None,
        })
    });
    if let Some(base) = base.filter(|b| *b != 0 && stride != 0) {
        before.push(Piece::plain(0x4100_0000 << 32 | base << 52 | base << 44 | stride << 32));
    }
    let start = before.len() + 1;
    let mut pieces = vec![Piece::plain(0xA709_0003 << 32 | counter << 52)];
    pieces.extend(before);
    pieces.extend(record.pieces.iter().map(|p| match p.target {
        Target::Piece(n) => Piece { target: Target::Piece(n + start), ..*p },
        _ => *p,
    }));
    pieces.push(Piece::plain(0xB9E2_0000 << 32 | random.below(16) << 44 | other << 36 | changing << 32));
    pieces.push(Piece { text: 0xA707_0000 << 32 | counter << 52, target: Target::Piece(1) });
    Some(Record { pieces, ..record.clone() })
}

/// Moves operands so that they lie across the boundary of the two pages of data.
pub(super) fn cross(record: &mut Record, op: Op, random: &mut Random) {
    let edge = DATA + PAGE;
    let Some(piece) = record.pieces.iter().find(|p| decode(p.text) == Some(op)).copied() else { return };
    let (row, layout) = (op.row(), op.row().format.layout());
    for o in row.operands {
        let before = [1, 1, 2, 3, 4, 7, 8, 15][random.below(8) as usize];
        match *o {
            Operand::Storage { displacement, middle, base } => {
                let base = layout.get(piece.text, base) as usize;
                let mut displacement = layout.get(piece.text, displacement);
                if displacement >= 0x8_0000 {
                    displacement = displacement.wrapping_sub(0x10_0000);
                }
                let index = middle.filter(|m| *m == FieldName::X2).map_or(0, |x| layout.get(piece.text, x) as usize);
                let index = if index == 0 { 0 } else { record.gr[index] };
                if base != 0 {
                    record.gr[base] = (edge - before).wrapping_sub(displacement).wrapping_sub(index);
                }
            }
            Operand::Gr(f) | Operand::GrPair(f) => {
                let r = &mut record.gr[layout.get(piece.text, f) as usize & 15];
                if PAGES.contains(r) {
                    *r = edge - before;
                }
            }
            _ => {}
        }
    }
}
