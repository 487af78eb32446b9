//! Making a difference small: instructions are dropped and operands simplified as long as an unexplained difference stays.
//! Source: delta debugging (Zeller); many records go through it at the same time, one start of QEMU a round.

use softsie_isa::{Op, decode};

use super::compare::Pair;
use super::layout::{self, DATA_SIZE, Space};
use super::opponent::Opponent;
use super::record::{Piece, Record, Target};
use super::{Batch, Machine};

/// A difference being made small.
#[derive(Clone)]
pub struct Case {
    /// The record.
    pub record: Record,
    /// What fills its data area.
    pub background: Vec<u8>,
}

/// Rounds at most.
const ROUNDS: usize = 14;
/// Candidates of one round at most, over all cases.
const CANDIDATES: usize = 3000;

/// Makes all `cases` smaller.
///
/// # Errors
/// What the engines report.
pub fn minimise(
    mut cases: Vec<Case>,
    read_only: &[u8],
    softsie: &mut Machine,
    other: &mut Opponent,
) -> Result<Vec<Case>, String> {
    let mut finished = vec![false; cases.len()];
    for _ in 0..ROUNDS {
        if finished.iter().all(|f| *f) {
            break;
        }
        // One step for every case: all candidates, then the combination of those that kept the difference.
        let per_case = CANDIDATES / cases.len().max(1);
        let candidates: Vec<Vec<Case>> = cases
            .iter()
            .zip(&finished)
            .map(|(case, done)| if *done { Vec::new() } else { steps(case).iter().map(|s| s.apply(case)).collect() })
            .map(|mut c: Vec<Case>| {
                c.truncate(per_case);
                c
            })
            .collect();
        let kept = differing(&candidates, read_only, softsie, other)?;
        let mut combined = Vec::new();
        for (n, case) in cases.iter().enumerate() {
            let all = steps(case);
            let mut together = case.clone();
            let mut sequence_changed = false;
            for (step, _) in all.iter().zip(&kept[n]).filter(|(_, kept)| **kept) {
                // Piece numbers move when a piece is dropped: one such step at a time.
                if step.changes_sequence() {
                    if sequence_changed {
                        continue;
                    }
                    sequence_changed = true;
                }
                together = step.apply(&together);
            }
            combined.push(vec![together]);
        }
        let both = differing(&combined, read_only, softsie, other)?;
        for (n, case) in cases.iter_mut().enumerate() {
            if finished[n] {
                continue;
            }
            match kept[n].iter().position(|k| *k) {
                None => finished[n] = true,
                Some(_)
                    if both[n][0]
                        && (combined[n][0].record != case.record || combined[n][0].background != case.background) =>
                {
                    *case = combined[n][0].clone();
                }
                Some(first) => *case = candidates[n][first].clone(),
            }
        }
    }
    Ok(cases)
}

/// Which of the candidates differ without explanation.
fn differing(
    candidates: &[Vec<Case>],
    read_only: &[u8],
    softsie: &mut Machine,
    other: &mut Opponent,
) -> Result<Vec<Vec<bool>>, String> {
    let mut out: Vec<Vec<bool>> = candidates.iter().map(|c| vec![false; c.len()]).collect();
    let all: Vec<(usize, usize)> =
        candidates.iter().enumerate().flat_map(|(n, c)| (0..c.len()).map(move |k| (n, k))).collect();
    // As many at a time as there is room for backgrounds.
    for part in all.chunks(layout::BACKGROUND_LIMIT) {
        let mut batch = Batch { read_only: read_only.to_vec(), ..Batch::default() };
        for (n, k) in part {
            let case = &candidates[*n][*k];
            let mut record = case.record.clone();
            record.background = batch.backgrounds.len();
            let own = record.in_data || batch.records.last().is_some_and(|r: &Record| r.in_data);
            if batch.backgrounds.last() == Some(&case.background) && !own {
                record.background -= 1;
            } else {
                batch.backgrounds.push(case.background.clone());
            }
            batch.records.push(record);
        }
        softsie.run(&batch)?;
        other.run(&batch)?;
        for (index, (n, k)) in part.iter().enumerate() {
            let pair = Pair::of(&batch.records[index], index, softsie.storage(), other);
            out[*n][*k] = !pair.equal() && !pair.judge().0.is_empty();
        }
    }
    Ok(out)
}

/// A way to make a case simpler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Only the pieces of this range stay.
    Keep(usize, usize),
    Drop(usize),
    /// EXECUTE becomes its target.
    Inline(usize),
    ClearGr(usize),
    ClearVr(usize),
    ClearAllVr,
    ClearAr,
    ClearFpc,
    ClearFpcMasks,
    ClearFpcFlags,
    ClearProgramMask,
    ClearCc,
    Supervisor,
    Primary,
    Mode64,
    PlainControl,
    PlainSpace,
    ZeroData(usize, usize),
    Offset,
    OutOfData,
}

fn steps(case: &Case) -> Vec<Step> {
    let r = &case.record;
    let n = r.pieces.len();
    let mut out = Vec::new();
    if n > 2 {
        for (from, to) in [(n / 2, n), (0, n / 2), (n * 3 / 4, n), (n / 4, n)] {
            out.push(Step::Keep(from, to));
        }
    }
    if n > 1 {
        out.extend((0..n).map(Step::Drop));
    }
    out.extend((0..n).filter(|p| matches!(r.pieces[*p].target, Target::Execute(_))).map(Step::Inline));
    let blank = r.vr.iter().all(|v| *v == 0);
    let all = [
        (Step::ClearAllVr, !blank),
        (Step::ClearAr, r.ar != [0; 16]),
        (Step::ClearFpc, r.fpc != 0),
        (Step::ClearFpcMasks, r.fpc >> 24 != 0),
        (Step::ClearFpcFlags, r.fpc & 0xFF_FF00 != 0),
        (Step::ClearProgramMask, r.psw >> 40 & 15 != 0),
        (Step::ClearCc, r.psw >> 44 & 3 != 0),
        (Step::Supervisor, r.psw >> 48 & 1 != 0),
        (Step::Primary, r.psw >> 46 & 3 != 0),
        (Step::Mode64, r.psw >> 31 & 3 != 3),
        (Step::PlainControl, r.cr[0] != 0x600E0 || r.cr[3] != 0 || r.cr[8] != 0),
        (Step::PlainSpace, [1, 7, 13].iter().any(|n| r.cr[*n] != Space::Plain.asce())),
        (Step::Offset, r.offset != 0 && !r.in_data),
        (Step::OutOfData, r.in_data),
    ];
    out.extend(all.iter().filter(|(_, useful)| *useful).map(|(s, _)| *s));
    out.extend((0..16).filter(|n| r.gr[*n] != 0).map(Step::ClearGr));
    if n <= 4 {
        out.extend((0..32).filter(|n| r.vr[*n] != 0).map(Step::ClearVr));
        let mut chunk = DATA_SIZE;
        while chunk >= 16 {
            let start = out.len();
            for from in (0..DATA_SIZE).step_by(chunk) {
                if case.background[from..from + chunk].iter().any(|b| *b != 0) {
                    out.push(Step::ZeroData(from, from + chunk));
                }
            }
            // Smaller ones only when few larger ones are left.
            if out.len() - start > 12 {
                out.truncate(start + 60);
                break;
            }
            chunk /= 2;
        }
    }
    out
}

impl Step {
    fn changes_sequence(self) -> bool {
        matches!(self, Step::Keep(..) | Step::Drop(_) | Step::Inline(_))
    }

    fn apply(self, case: &Case) -> Case {
        let mut case = case.clone();
        let r = &mut case.record;
        match self {
            Step::Keep(from, to) => keep(r, |n| (from..to).contains(&n)),
            Step::Drop(n) => keep(r, |m| m != n),
            Step::Inline(n) => {
                if let Target::Execute(t) = r.pieces[n].target {
                    r.pieces[n] = r.execute[t];
                    r.execute.clear();
                    // Other EXECUTE instructions lose their targets; the candidate then fails, and that is all.
                    for p in &mut r.pieces {
                        if matches!(p.target, Target::Execute(_)) {
                            *p = Piece::plain(0x0700 << 48);
                        }
                    }
                }
            }
            Step::ClearGr(n) => r.gr[n] = 0,
            Step::ClearVr(n) => r.vr[n] = 0,
            Step::ClearAllVr => r.vr = [0; 32],
            Step::ClearAr => r.ar = [0; 16],
            Step::ClearFpc => r.fpc = 0,
            Step::ClearFpcMasks => r.fpc &= 0xFF_FFFF,
            Step::ClearFpcFlags => r.fpc &= 0xFF00_00FF,
            Step::ClearProgramMask => r.psw &= !(15 << 40),
            Step::ClearCc => r.psw &= !(3 << 44),
            Step::Supervisor => r.psw &= !(1 << 48),
            Step::Primary => r.psw &= !(3 << 46),
            Step::Mode64 => r.psw |= 3 << 31,
            Step::PlainControl => (r.cr[0], r.cr[3], r.cr[8]) = (0x600E0, 0, 0),
            Step::PlainSpace => {
                for n in [1, 7, 13] {
                    r.cr[n] = Space::Plain.asce();
                }
            }
            Step::ZeroData(from, to) => case.background[from..to].fill(0),
            Step::Offset => r.offset = 0,
            Step::OutOfData => (r.in_data, r.offset) = (false, 0),
        }
        case
    }
}

/// Drops pieces. A branch backward stays only with what keeps it from looping for ever: its target, and before that what
/// sets the counter.
fn keep(r: &mut Record, stays: impl Fn(usize) -> bool) {
    let old = std::mem::take(&mut r.pieces);
    // What is executed again after CC 3 stays together with the branch that does it.
    let again = |n: usize| {
        old.get(n).is_some_and(|p| n > 0 && p.target == Target::Piece(n - 1) && decode(p.text) == Some(Op::BRC))
    };
    let stays = |n: usize| {
        let counts = matches!(decode(old[n].text), Some(Op::BRCTG));
        (if again(n) { stays(n - 1) } else { stays(n) })
            && match old[n].target {
                Target::Piece(t) if t <= n && !again(n) => stays(t) && (!counts || t == 0 || stays(t - 1)),
                _ => true,
            }
    };
    let before = |n: usize| (0..n.min(old.len())).filter(|m| stays(*m)).count();
    r.pieces = old
        .iter()
        .enumerate()
        .filter(|(n, _)| stays(*n))
        .map(|(_, p)| match p.target {
            Target::Piece(t) => Piece { target: Target::Piece(before(t)), ..*p },
            _ => *p,
        })
        .collect();
}
