//! Compares the disassembler with GNU objdump: random encodings of every instruction, and the whole opcode space so that
//! an instruction missing from the table is found too.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may, too

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use softsie_isa::{Level, Op, ROWS, Row, assemble, decode, disassemble_bytes};

mod support;
use support::{Random, bytes, encoding};

/// The version of binutils whose spelling we reproduce.
const OUR_VERSION: &str = " 2.40";
/// Random encodings per instruction, and more for each extended mnemonic.
const PER_INSTRUCTION: usize = 240;
const PER_EXTENDED: usize = 20;
/// How many instructions of the table binutils 2.40 does not know because they came with z17.
const NEWER_THAN_BINUTILS: usize = 28;
/// How many binutils has never known: SERVC, CHSC, the zPCI instructions, …
const NEVER_IN_BINUTILS: usize = 32;
/// Of those it knows, instructions whose form with a newer operand it does not: KIMD, KLMD, VTP.
const NEWER_OPERANDS: usize = 3;

/// An objdump that knows s390x.
fn objdump() -> &'static str {
    let knows = |name: &str| {
        let output = Command::new(name).arg("--info").output();
        output.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains("s390"))
    };
    ["s390x-linux-gnu-objdump", "objdump"]
        .into_iter()
        .find(|name| knows(name))
        .expect("no objdump for s390x: install binutils-s390x-linux-gnu (apt), or binutils-multiarch")
}

/// The first line of what objdump says of itself.
fn version() -> String {
    let output = Command::new(objdump()).arg("--version").output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("").to_owned()
}

/// Runs objdump over `data` and gives address and text of each line of its output.
fn dump(data: &[u8], name: &str, mut line: impl FnMut(u64, &str)) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, data).unwrap();
    let mut child = Command::new(objdump())
        .args(["-D", "-z", "-b", "binary", "-m", "s390:64-bit"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for text in BufReader::new(child.stdout.take().unwrap()).lines() {
        let text = text.unwrap();
        // `  1a:<tab>07 f1 <tab>br<tab>%r1`
        let Some((address, rest)) = text.trim_start().split_once(":\t") else { continue };
        let Ok(address) = u64::from_str_radix(address, 16) else { continue };
        if let Some((_bytes, text)) = rest.split_once('\t') {
            line(address, text.trim_end());
        }
    }
    assert!(child.wait().unwrap().success(), "objdump failed");
    std::fs::remove_file(path).unwrap();
}

/// Binary data with the places of the encodings in it that must be compared.
#[derive(Default)]
struct Sample {
    data: Vec<u8>,
    places: BTreeSet<u64>,
}

impl Sample {
    fn push(&mut self, bytes: &[u8]) {
        self.places.insert(self.data.len() as u64);
        self.data.extend_from_slice(bytes);
        // If objdump takes this for data, it goes on within it: three NOPR are room enough to find the way back.
        self.data.extend_from_slice(&[7; 6]);
    }
}

/// binutils 2.40 loses the end of a NOP with index and without base: `nop 0(%r1`.
fn is_unclosed_nop(ours: &str, theirs: &str) -> bool {
    theirs.starts_with("nop\t") && ours.strip_suffix(",%r0)") == Some(theirs)
}

/// What comparing gave.
#[derive(Default)]
struct Comparison {
    compared: BTreeMap<Op, usize>,
    /// Instructions that objdump shows as data.
    unknown: BTreeMap<Op, usize>,
    differences: Vec<String>,
}

fn compare(mut sample: Sample, name: &str) -> Comparison {
    let mut result = Comparison::default();
    let is_our_version = version().contains(OUR_VERSION);
    let mut respelled = BTreeSet::new();
    dump(&sample.data, name, |address, theirs| {
        let rest = &sample.data[address as usize..];
        let ours = disassemble_bytes(rest, address).unwrap();
        let mut six = [0; 8];
        let available = rest.len().min(6);
        six[..available].copy_from_slice(&rest[..available]);
        let op = decode(u64::from_be_bytes(six));
        let wanted = sample.places.remove(&address);
        match op {
            Some(op) if theirs.starts_with(".long") && !ours.text().starts_with('.') => {
                *result.unknown.entry(op).or_default() += 1;
            }
            _ if ours.text() != theirs && !is_unclosed_nop(ours.text(), theirs) => {
                // Another version may have other extended mnemonics; what it prints must mean the same still.
                let meant = assemble(theirs, address);
                if !is_our_version && meant.is_ok_and(|bytes| rest.starts_with(&bytes)) {
                    respelled.insert(theirs.split('\t').next().unwrap_or("").to_owned());
                    return;
                }
                result.differences.push(format!(
                    "{:02x?}: ours {:?}, objdump {theirs:?}",
                    &rest[..available],
                    ours.text()
                ));
            }
            Some(op) if wanted && !theirs.starts_with('.') => *result.compared.entry(op).or_default() += 1,
            _ => {}
        }
    });
    println!("spelled otherwise by {}: {respelled:?}", version());
    assert!(sample.places.is_empty(), "{} encodings were passed over by objdump", sample.places.len());
    let shown = result.differences.iter().take(100).cloned().collect::<Vec<_>>().join("\n");
    assert!(result.differences.is_empty(), "{} differences, the first are\n{shown}", result.differences.len());
    result
}

#[test]
fn every_instruction_prints_as_objdump_prints_it() {
    let mut random = Random(0x390);
    let mut sample = Sample::default();
    for row in ROWS {
        for _ in 0..PER_INSTRUCTION + PER_EXTENDED * row.op.extended().len() {
            let mut text = encoding(row.op, &mut random);
            if random.once_in(16) {
                text |= random.next() & row.unused;
            }
            sample.push(&bytes(text));
        }
    }
    let result = compare(sample, "encodings.bin");

    let total: usize = result.compared.values().sum();
    println!("{} instructions, {total} encodings equal", result.compared.len());

    let unknown: Vec<_> = ROWS.iter().filter(|r| !result.compared.contains_key(&r.op)).collect();
    let (newer, never): (Vec<&Row>, Vec<&Row>) = unknown.iter().partition(|r| r.level >= Level::Z17);
    for (what, rows, bound) in [("newer than", newer, NEWER_THAN_BINUTILS), ("never in", never, NEVER_IN_BINUTILS)] {
        let names: Vec<_> = rows.iter().map(|r| r.mnemonic).collect();
        println!("skipped, {what} binutils: {}: {}", names.len(), names.join(" "));
        assert!(names.len() <= bound, "{} instructions {what} binutils", names.len());
    }

    let partly: Vec<_> = result.unknown.keys().filter(|op| result.compared.contains_key(op)).collect();
    println!("without their newer operand: {partly:?}");
    assert!(partly.len() <= NEWER_OPERANDS, "{partly:?}");
    for (op, count) in &result.compared {
        assert!(*count >= if partly.contains(&op) { 50 } else { 200 }, "{op:?}: only {count} compared");
    }
}

#[test]
fn every_opcode_that_objdump_knows_is_in_the_table() {
    let mut random = Random(0x1964);
    let mut sample = Sample::default();
    for first in 0..=0xFFFF_u64 {
        sample.push(&bytes((first << 48) | ((random.next() << 32 >> 32) << 16)));
        sample.push(&bytes(first << 48));
    }
    for first in 0xC0..=0xFF_u64 {
        for last in 0..=0xFF {
            sample.push(&bytes((first << 56) | (last << 16)));
            sample.push(&bytes((first << 56) | (random.next() << 24 >> 8) | (last << 16)));
        }
    }
    let result = compare(sample, "opcodes.bin");
    println!("{} instructions seen", result.compared.len());
}
