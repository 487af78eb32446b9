//! The assembler against the disassembler (what one prints the other must turn into the same bytes) and against GNU as
//! (every mnemonic, so the ones that no disassembler prints too).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers may, too

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use softsie_isa::{EXTENDED, FieldName, FixedField, FormatLayout, Level, Op, Operand, ROWS, assemble, disassemble};

mod support;
use support::{Random, bytes, encoding};

const ASSEMBLER: &str = "s390x-linux-gnu-as";
const OBJCOPY: &str = "s390x-linux-gnu-objcopy";
/// How many mnemonics of the table GNU as 2.40 does not know because they came with z17.
const NEWER_THAN_BINUTILS: usize = 92;
/// How many others it does not know (SERVC, …, and mnemonics that later versions added), and those with a newer operand.
const NEVER_IN_BINUTILS: usize = 47;

#[test]
fn what_the_disassembler_prints_assembles_to_the_same_bytes() {
    let mut random = Random(0x1970);
    for row in ROWS {
        for _ in 0..200 {
            let text = encoding(row.op, &mut random);
            let address = random.next() & !1;
            let printed = disassemble(text, address);
            assert!(!printed.text().starts_with('.'), "{}: {printed}", row.mnemonic);
            assert_eq!(assemble(printed.text(), address), Ok(bytes(text)), "{printed} at {address:#x}");
        }
    }
}

#[test]
fn no_source_makes_the_assembler_panic() {
    const PIECES: &[&str] = &[
        "lg",
        "mvc",
        "nopr",
        "j",
        "vgef",
        "a",
        "a:",
        "1:",
        "1b",
        "1f",
        "9b",
        ".",
        ".byte",
        ".quad",
        ".ascii",
        ".asciz",
        ".space",
        ".align",
        ".org",
        ".equ",
        "%r1",
        "%v17",
        "%r16",
        "%",
        "\"",
        "'",
        "\\",
        "/*",
        "*/",
        "#",
        "\n",
        "\n",
        ";",
        "(",
        ")",
        ",",
        ",",
        "+",
        "-",
        "*",
        "/",
        "<<",
        ">>",
        "~",
        "0",
        "1",
        "64",
        "0x",
        "0xffffffffffffffff",
        "0b",
        "09",
        "99999999999999999999",
        "\"ab\"",
        "'c'",
        "é",
        "\t",
        "\0",
    ];
    let mut random = Random(0x1952);
    let mut assembled = 0;
    for _ in 0..50_000 {
        let pieces = (0..random.next() % 12).map(|_| PIECES[random.next() as usize % PIECES.len()]);
        let source = pieces.collect::<Vec<_>>().join(if random.once_in(2) { " " } else { "" });
        assembled += usize::from(assemble(&source, random.next() | 1 << 63).is_ok());
    }
    assert!(assembled > 1000, "only {assembled} sources were good: the errors hide the rest of the assembler");
}

/// A line of assembler source, and what its mnemonic belongs to.
struct Line {
    source: String,
    op: Op,
    level: Level,
}

/// Every mnemonic with random operands.
fn every_mnemonic(random: &mut Random) -> Vec<Line> {
    // Where an instruction grew an operand, GNU as takes the long form under the newer mnemonic only.
    let grown = |op: Op| op.extended().iter().any(|e| e.mnemonic == op.mnemonic());
    let rows =
        ROWS.iter().filter(|r| !grown(r.op)).map(|r| (r.mnemonic, r.op, r.operands, r.optional, &[][..], r.level));
    let extended = EXTENDED.iter().map(|e| (e.mnemonic, e.base, e.operands, e.optional, e.fixed, e.level));
    let mut lines = Vec::new();
    for (mnemonic, op, operands, optional, fixed, level) in rows.chain(extended) {
        let layout = op.row().format.layout();
        for _ in 0..4 {
            for left_out in 0..=usize::from(optional) {
                let operands: Vec<_> = operands[..operands.len() - left_out]
                    .iter()
                    .map(|operand| write(*operand, layout, fixed, random))
                    .collect();
                lines.push(Line { source: format!("{mnemonic} {}", operands.join(",")), op, level });
            }
        }
    }
    lines
}

fn write(operand: Operand, layout: &FormatLayout, fixed: &[FixedField], random: &mut Random) -> String {
    let width = layout.width(operand.field());
    let mut value = random.next() & ((1 << width) - 1);
    let signed = ((value << (64 - width)) as i64) >> (64 - width);
    match operand {
        Operand::Gr(_) => format!("%r{value}"),
        Operand::GrPair(_) => format!("%r{}", value & !1),
        Operand::Fr(_) => format!("%f{value}"),
        Operand::FrPair(_) => format!("%f{}", value & !2),
        Operand::Ar(_) => format!("%a{value}"),
        Operand::Cr(_) => format!("%c{value}"),
        Operand::Vr(_) => format!("%v{value}"),
        Operand::Mask(name) | Operand::Unsigned(name) => {
            // Bits that the mnemonic fixes are not written.
            for mask in fixed.iter().filter(|f| f.field == name).filter_map(|f| f.mask) {
                value &= !u64::from(mask);
            }
            format!("{value}")
        }
        Operand::Signed(_) => format!("{signed}"),
        Operand::Relative(_) => format!(".+{}", signed.wrapping_mul(2)).replace("+-", "-"),
        Operand::Storage { displacement, middle, base } => {
            let displacement = if layout.is_long_displacement(displacement) { signed } else { value as i64 };
            let base = random.next() & ((1 << layout.width(base)) - 1);
            let Some(name) = middle else { return format!("{displacement}(%r{base})") };
            let value = random.next() & ((1 << layout.width(name)) - 1);
            match name {
                FieldName::L1 | FieldName::L2 => format!("{displacement}({},%r{base})", value + 1),
                FieldName::V2 => format!("{displacement}(%v{value},%r{base})"),
                _ => format!("{displacement}(%r{value},%r{base})"),
            }
        }
    }
}

/// Assembles with GNU as: the bytes, or the numbers of lines with an unknown mnemonic.
fn gnu_as(lines: &[Line]) -> Result<Vec<u8>, BTreeSet<usize>> {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let [source, object, binary] = ["mnemonics.s", "mnemonics.o", "mnemonics.bin"].map(|name| directory.join(name));
    let text: String = lines.iter().map(|l| l.source.clone() + "\n").collect();
    std::fs::write(&source, text).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.unwrap_or_else(|e| panic!("{program}: {e}: install binutils-s390x-linux-gnu (apt)"))
    };
    let path = |p: &PathBuf| p.to_str().unwrap().to_owned();
    let output = run(ASSEMBLER, &["-m64", "-march=z16", "-o", &path(&object), &path(&source)]);
    if !output.status.success() {
        let mut unknown = BTreeSet::new();
        for message in String::from_utf8_lossy(&output.stderr).lines() {
            let Some((_, place)) = message.split_once("mnemonics.s:") else { continue };
            let Some((number, error)) = place.split_once(": ") else { continue };
            let number: usize = number.parse().unwrap();
            // The second: operands that came later, the message digests' M3 and VTP's I2.
            let newer = ["nrecognized opcode", "junk at end of line"].iter().any(|m| error.contains(m));
            assert!(newer, "{}: {error}", lines[number - 1].source);
            unknown.insert(number - 1);
        }
        assert!(!unknown.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        return Err(unknown);
    }
    assert!(run(OBJCOPY, &["-O", "binary", "-j", ".text", &path(&object), &path(&binary)]).status.success());
    Ok(std::fs::read(binary).unwrap())
}

#[test]
fn every_mnemonic_assembles_as_with_gnu_as() {
    let mut lines = every_mnemonic(&mut Random(0x2000));
    let total = lines.len();
    let theirs = gnu_as(&lines).unwrap_or_else(|unknown| {
        let mut number = 0;
        let mut skipped = BTreeSet::new();
        lines.retain(|line| {
            let known = !unknown.contains(&number);
            if !known {
                let mnemonic = line.source.split(' ').next().unwrap().to_owned();
                skipped.insert((line.level.max(line.op.row().level) >= Level::Z17, mnemonic));
            }
            number += 1;
            known
        });
        let (newer, never): (Vec<_>, Vec<_>) = skipped.iter().partition(|s| s.0);
        println!("skipped, newer: {} {newer:?}\nskipped, never: {} {never:?}", newer.len(), never.len());
        assert!(newer.len() <= NEWER_THAN_BINUTILS && never.len() <= NEVER_IN_BINUTILS);
        gnu_as(&lines).expect("the unknown ones are gone")
    });
    println!("{} of {total} lines compared", lines.len());

    let mut address = 0;
    for line in &lines {
        let ours = assemble(&line.source, address as u64).unwrap_or_else(|e| panic!("{}: {e}", line.source));
        assert_eq!(ours, theirs[address..address + ours.len()], "{}", line.source);
        address += ours.len();
    }
}
