//! Decimal arithmetic, editing and conversions in storage with random operands against Python's integers: `models/decimal.py`.
//! `SOFTSIE_DECIMAL_CASES` cases of the decimal instructions, `SOFTSIE_CONVERSION_CASES` of the conversions. Without `python3` the
//! tests say so and pass.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use std::fmt::Write as _;

use softsie_cpu::{Lowcore, Psw};
use softsie_tests::differential::Random;
use softsie_tests::{Bare, Python, Step, cases, compared};

const CODE: u64 = 0x1000;
/// Where the first operand is; the second is 32 bytes on.
const OPERANDS: u64 = 0x2000;
const NEW_PSW: u64 = 0xE_0000;
const SECOND: u16 = 0x2020;

const DECIMAL: [&str; 10] = ["ap", "sp", "zap", "cp", "mp", "dp", "srp", "ed", "edmk", "tp"];
const CONVERSIONS: [&str; 6] = ["cvb", "cvbg", "cvd", "cvdg", "pack", "unpk"];

/// A packed number in all of `bytes`; now and then anything.
fn number(r: &mut Random, bytes: &mut [u8]) {
    if r.below(30) == 0 {
        bytes.fill_with(|| r.bits() as u8);
        return;
    }
    let used = r.below(2 * bytes.len() as u64);
    let kind = r.below(6);
    let mut nibble = |place: u64| match kind {
        _ if place > used => 0,
        0 => 9,
        1 if place < used => 0,
        2 => [0, 9][r.below(2) as usize],
        _ => r.below(10) as u8,
    };
    for (byte, place) in bytes.iter_mut().rev().zip((0..).step_by(2)) {
        *byte = nibble(place + 1) << 4 | nibble(place);
    }
    let sign = if r.below(30) == 0 { r.below(16) } else { 10 + r.below(6) } as u8;
    if let Some(last) = bytes.last_mut() {
        *last = *last & 0xF0 | sign;
    }
    if r.below(40) == 0 {
        let at = r.below(bytes.len() as u64) as usize;
        bytes[at] |= r.pick(&[0xA0, 0xF0, 0x0B]);
    }
}

/// A pattern of editing and what is edited.
fn pattern(r: &mut Random, storage: &mut [u8; 64]) {
    let (pattern, source) = storage.split_at_mut(32);
    let fields = r.below(3);
    for (at, byte) in pattern.iter_mut().enumerate() {
        *byte = match r.below(12) {
            0 => r.bits() as u8,
            1 => 0x6B,
            2 => 0x21,
            3 if fields == 0 => 0x22,
            _ if at == 0 => r.pick(&[0x40, 0x5C, 0x20, 0x21]),
            _ => 0x20,
        };
    }
    let signs = 2 + r.below(20);
    for byte in source {
        let right = if r.below(signs) == 0 { 10 + r.below(6) } else { r.below(10) * r.below(2) };
        let left = if r.below(200) == 0 { r.below(16) } else { r.below(10) * r.below(2) };
        *byte = (left << 4 | right) as u8;
    }
}

struct Case {
    name: &'static str,
    lengths: [u8; 2],
    shift: u8,
    rounding: u8,
    storage: [u8; 64],
    gr: u64,
}

impl Case {
    fn random(r: &mut Random, names: &[&'static str]) -> Case {
        let name = r.pick(names);
        let mut lengths = [1 + r.below(16) as u8, 1 + r.below(16) as u8];
        if matches!(name, "mp" | "dp") && r.below(10) != 0 {
            lengths[1] = 1 + r.below(8) as u8;
            lengths[0] = (lengths[1] + 1 + r.below(8) as u8).min(16);
        }
        match name {
            "ed" | "edmk" => lengths = [1 + r.below(32) as u8, 1],
            "cvb" | "cvd" => lengths[1] = 8,
            "cvbg" | "cvdg" => lengths[1] = 16,
            _ => {}
        }
        let mut storage = [0u64; 8].map(|_| r.bits().to_be_bytes()).as_flattened().try_into().unwrap_or([0; 64]);
        if name.starts_with("ed") {
            pattern(r, &mut storage);
        } else {
            let (first, second) = storage.split_at_mut(32);
            number(r, &mut first[..usize::from(lengths[0])]);
            number(r, &mut second[..usize::from(lengths[1])]);
            if name == "mp" && r.below(10) != 0 {
                first[..usize::from(lengths[1].min(lengths[0] - 1))].fill(0);
            }
            if name == "cvb" && r.below(2) == 0 {
                second[..2].fill(0);
            } else if name == "cvbg" && r.below(2) == 0 {
                second[..6].fill(0);
            }
            if name == "pack" && r.below(2) == 0 {
                // Zoned numbers.
                second.iter_mut().for_each(|byte| *byte |= 0xF0);
            }
        }
        // A shift of six bits with sign.
        let shift = if r.below(2) == 0 { r.below(20) } else { 64 - r.below(20) } as u8 & 63;
        let rounding = if r.below(2) == 0 { 5 } else { r.below(16) } as u8;
        Case { name, lengths, shift, rounding, storage, gr: r.bits() >> r.below(64) }
    }

    fn code(&self) -> Vec<u8> {
        let [l1, l2] = self.lengths.map(|length| length - 1);
        let both = |code: u8| vec![code, l1 << 4 | l2, 0x20, 0, 0x20, 0x20];
        let [high, low] = SECOND.to_be_bytes();
        match self.name {
            "ap" => both(0xFA),
            "sp" => both(0xFB),
            "zap" => both(0xF8),
            "cp" => both(0xF9),
            "mp" => both(0xFC),
            "dp" => both(0xFD),
            "pack" => both(0xF2),
            "unpk" => both(0xF3),
            "srp" => vec![0xF0, l1 << 4 | self.rounding, 0x20, 0, 0, self.shift],
            "ed" => vec![0xDE, l1, 0x20, 0, 0x20, 0x20],
            "edmk" => vec![0xDF, l1, 0x20, 0, 0x20, 0x20],
            "tp" => vec![0xEB, l1 << 4, 0x20, 0, 0, 0xC0],
            "cvb" => vec![0x4F, 0x10, high, low],
            "cvd" => vec![0x4E, 0x10, high, low],
            "cvbg" => vec![0xE3, 0x10, high, low, 0, 0x0E],
            _ => vec![0xE3, 0x10, high, low, 0, 0x2E],
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut s, b| {
        write!(s, "{b:02x}").unwrap();
        s
    })
}

/// A line for the model.
fn line(bare: &mut Bare, r: &mut Random, names: &[&'static str]) -> String {
    let case = Case::random(r, names);
    let (cc, mask) = (r.below(4) as u8, r.below(16) as u8);
    bare.cpu.write_absolute(CODE, &case.code()).unwrap();
    bare.cpu.write_absolute(OPERANDS, &case.storage).unwrap();
    (bare.cpu.gr[1], bare.cpu.gr[2]) = (case.gr, OPERANDS);
    let mut psw = Psw::new(0x1_8000_0000, CODE);
    psw.set_cc(cc);
    psw.set_program_mask(mask);
    bare.cpu.set_psw(psw);
    let (program, after) = match bare.step() {
        Step::Done => (0, bare.cpu.cc),
        Step::Program(code) => {
            // An interruption puts the condition code into the old PSW.
            let mut old = [0; 16];
            bare.cpu.read_absolute(Lowcore::PROGRAM_OLD_PSW, &mut old).unwrap();
            (code.0, old[2] >> 4 & 3)
        }
        other => panic!("{}: {other:?}", case.name),
    };
    let mut left = [0; 64];
    bare.cpu.read_absolute(OPERANDS, &mut left).unwrap();
    let [l1, l2] = case.lengths;
    format!(
        "{} {l1} {l2} {} {mask} {cc} {:x} {} | {after} {program:x} {:x} {}",
        case.name,
        u16::from(case.rounding) << 6 | u16::from(case.shift),
        case.gr,
        hex(&case.storage),
        bare.cpu.gr[1],
        hex(&left)
    )
}

fn compare(class: &str, variable: &str, names: &[&'static str]) {
    let cases = cases(variable, 20_000);
    let Some(mut python) = Python::start("decimal.py") else { return };
    let mut bare = Bare::new();
    let psw = [0x0000_0001_8000_0000u64.to_be_bytes(), NEW_PSW.to_be_bytes()].concat();
    bare.cpu.write_absolute(Lowcore::PROGRAM_NEW_PSW, &psw).unwrap();
    let mut r = Random::new(8);
    for _ in 0..cases {
        python.case(&line(&mut bare, &mut r, names));
    }
    compared(class, python.agrees(), "Python's integers");
}

#[test]
fn arithmetic_and_editing() {
    compare("decimal", "SOFTSIE_DECIMAL_CASES", &DECIMAL);
}

#[test]
fn conversions() {
    compare("general", "SOFTSIE_CONVERSION_CASES", &CONVERSIONS);
}
