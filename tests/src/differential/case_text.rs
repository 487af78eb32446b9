//! A difference as text: a case in the format of `tests/cases/README.md` where it is one instruction, with what QEMU says as
//! expected values (to be judged by a person), else a listing. Source: that README.

use std::fmt::Write;

use softsie_isa::{Op, decode, disassemble_bytes};

use super::compare::Pair;
use super::layout::{self, Space};
use super::minimise::Case;

/// One line: instructions and what differs.
pub fn summary(pair: &Pair<'_>) -> String {
    let listing: Vec<String> = instructions(pair);
    let (fields, _) = pair.judge();
    let shown: Vec<String> = fields.iter().take(4).map(|f| pair.show(*f)).collect();
    let more = if fields.len() > 4 { format!("; and {} more", fields.len() - 4) } else { String::new() };
    format!("{}: {}{more}", listing.join("; "), shown.join("; "))
}

fn instructions(pair: &Pair<'_>) -> Vec<String> {
    let code = pair.record.code(pair.index);
    let (places, execute, _) = pair.record.places();
    let start = pair.record.start(pair.index);
    places[..places.len() - 1]
        .iter()
        .chain(&execute)
        .filter_map(|at| disassemble_bytes(&code[*at as usize..], start + at))
        .map(|d| d.text().replace('\t', " "))
        .collect()
}

/// The difference as a case or a listing.
pub fn text(case: &Case, pair: &Pair<'_>, seed: u64) -> String {
    let mut out = String::new();
    let r = &case.record;
    let _ = writeln!(out, "# {}", summary(pair));
    let _ = writeln!(out, "# seed {seed:x}; expected values are QEMU's: judge them by the Principles of Operation");
    let code = r.code(pair.index);
    let op = r.pieces.first().and_then(|p| decode(p.text)).map_or("?", Op::mnemonic);
    let single = r.pieces.len() == 1 && r.execute.is_empty() && !r.in_data;
    let comment = if single { "" } else { "# " };
    let _ = writeln!(out, "{comment}case {op} result: found by comparison");
    if single {
        let _ = writeln!(out, "  text {}", hex(&relocated(case)));
    } else {
        for line in instructions(pair) {
            let _ = writeln!(out, "#   {line}");
        }
        let _ = writeln!(out, "#   text {} at {:x}", hex(&code), r.start(pair.index));
    }
    let line = |out: &mut String, word: &str, settings: &[String]| {
        if !settings.is_empty() {
            let _ = writeln!(out, "{comment}  {word} {}", settings.join(" "));
        }
    };
    let mut before =
        vec!["dat=1".to_owned(), format!("absent={:x}", layout::ABSENT), format!("readonly={:x}", layout::READ_ONLY)];
    if r.cr[1] == Space::Protected.asce() {
        before.push(format!("readonly={:x}", layout::DATA + 0x1000));
    }
    if r.cr[1] == Space::Wrapping.asce() {
        before.push("# wrapping".to_owned());
    }
    line(&mut out, "in", &before);
    let mut before: Vec<String> = (0..16).filter(|n| r.gr[*n] != 0).map(|n| format!("r{n}={:x}", r.gr[n])).collect();
    before.extend((0..32).filter(|n| r.vr[*n] != 0).map(|n| format!("v{n}={:032x}", r.vr[n])));
    if r.fpc != 0 {
        before.push(format!("fpc={:x}", r.fpc));
    }
    for (name, value) in
        [("cc", r.psw >> 44 & 3), ("pm", r.psw >> 40 & 15), ("problem", r.psw >> 48 & 1), ("as", r.psw >> 46 & 3)]
    {
        if value != 0 {
            before.push(format!("{name}={value:x}"));
        }
    }
    match r.psw >> 31 & 3 {
        0 => before.push("mode=18".to_owned()),
        1 => before.push("mode=1f".to_owned()),
        _ => {}
    }
    if r.cr[0] != 0x600E0 {
        before.push(format!("c0={:x}", r.cr[0]));
    }
    line(&mut out, "in", &before);
    // A background that could not be made small is of little use here; the seed makes it again.
    for (at, bytes) in pieces_of(&case.background).into_iter().take(12) {
        line(&mut out, "in", &[format!("m{:x}={}", layout::DATA as usize + at, hex(bytes))]);
    }
    // What QEMU changed.
    let q = pair.qemu;
    let mut after: Vec<String> =
        (0..16).filter(|n| q.gr(*n) != r.gr[*n]).map(|n| format!("r{n}={:x}", q.gr(n))).collect();
    after.extend((0..32).filter(|n| q.vr(*n) != r.vr[*n]).map(|n| format!("v{n}={:032x}", q.vr(n))));
    if q.fpc() != r.fpc {
        after.push(format!("fpc={:x}", q.fpc()));
    }
    if u64::from(q.cc()) != r.psw >> 44 & 3 {
        after.push(format!("cc={}", q.cc()));
    }
    if q.kind() == 2 {
        after.push(format!("program={:x}", q.program()));
        after.push(format!("teid={:x} dxc={:x}", q.teid(), q.dxc()));
    }
    line(&mut out, "out", &after);
    let changed: Vec<u8> = q.data().iter().zip(&case.background).map(|(a, b)| a ^ b).collect();
    for (at, bytes) in pieces_of(&changed) {
        line(&mut out, "out", &[format!("m{:x}={}", layout::DATA as usize + at, hex(&q.data()[at..at + bytes.len()]))]);
    }
    out
}

/// The instruction as a case file has it: at 0x1000.
fn relocated(case: &Case) -> Vec<u8> {
    let mut record = case.record.clone();
    // Relative operands are from where it lies: the distance to slot 0 is taken back by the offset, modulo 2^64.
    record.offset = 0x1000u64.wrapping_sub(layout::CODE);
    let code = record.code(0);
    code[..record.pieces[0].length()].to_vec()
}

/// Runs of non-zero bytes.
fn pieces_of(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == 0 {
            at += 1;
            continue;
        }
        let from = at;
        // A few zeros inside do not end a run.
        let mut end = at + 1;
        while at < bytes.len() && at < end + 8 {
            if bytes[at] != 0 {
                end = at + 1;
            }
            at += 1;
        }
        out.push((from, &bytes[from..end]));
        at = end;
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
