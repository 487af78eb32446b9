//! Instructions that no other emulator was compared with, with random operands against models on Python's integers:
//! `models/vector_decimal.py`, `models/z17.py`. `SOFTSIE_MODEL_CASES` cases an instruction. Without `python3` the tests say so
//! and pass.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::fmt::Write as _;

use softsie_cpu::{Lowcore, Psw};
use softsie_isa::assemble;
use softsie_tests::differential::Random;
use softsie_tests::{Bare, Python, Step, cases, compared};

const CODE: u64 = 0x1000;
const OPERAND: u64 = 0x2000;
const NEW_PSW: u64 = 0xE_0000;

/// Random operands.
struct Operands(Random);

impl Operands {
    fn wide(&mut self) -> u128 {
        u128::from(self.0.bits()) << 64 | u128::from(self.0.bits())
    }
    fn digit(&mut self) -> u128 {
        match self.0.below(4) {
            0 => 0,
            1 => 9,
            _ => self.0.below(10).into(),
        }
    }

    /// Digits and a sign; now and then something invalid, or any bits.
    fn packed(&mut self) -> u128 {
        if self.0.below(40) == 0 {
            return self.wide();
        }
        let digits = match self.0.below(4) {
            0 => 31,
            1 => self.0.below(3),
            _ => self.0.below(32),
        };
        let mut v = (0..digits).fold(0, |v, _| v << 4 | self.digit());
        if self.0.below(8) == 0 {
            v = (v / (u128::from(self.0.below(16)) + 1)) & u128::MAX >> 100;
            v = (0..31).fold(0, |kept, n| kept | (v >> (4 * n) & 15).min(9) << (4 * n));
        }
        let sign = if self.0.below(30) == 0 { self.0.below(16) } else { 10 + self.0.below(6) };
        v = v << 4 | u128::from(sign);
        if self.0.below(30) == 0 { v | 15 << (4 * self.0.below(32)) } else { v }
    }

    /// Zoned digits, and the bytes of signs and blanks in some places.
    fn zoned(&mut self) -> u128 {
        let any = self.0.below(8) == 0;
        (0..16).fold(0, |v, _| {
            v << 8
                | match self.0.below(if any { 6 } else { 60 }) {
                    0 => self.0.below(256).into(),
                    1 => 0x40,
                    2 => 0x4E,
                    3 => 0x60,
                    4 => 0xC0 | self.digit(),
                    5 => 0xD0 | self.digit(),
                    n if n < 30 => 0xF0,
                    _ => 0xF0 | self.digit(),
                }
        })
    }
}

/// An instruction: how it is written, its immediates `{}` filled in, and how many values each has.
struct Form {
    text: &'static str,
    limits: &'static [u64],
    operands: fn(&mut Operands) -> u128,
}

const fn form(text: &'static str, limits: &'static [u64], operands: fn(&mut Operands) -> u128) -> Form {
    Form { text, limits, operands }
}

fn any(r: &mut Operands) -> u128 {
    r.wide() >> r.0.below(128)
}

/// HFP numbers with characteristics about where integers are.
fn hfp(r: &mut Operands) -> u128 {
    let v = r.wide();
    if r.0.below(8) == 0 { v } else { v & !(0x7F << 120) | u128::from(40 + r.0.below(60)) << 120 }
}

const DECIMAL: &[Form] = &[
    form("vap %v1,%v2,%v3,{},{}", &[256, 16], Operands::packed),
    form("vsp %v1,%v2,%v3,{},{}", &[256, 16], Operands::packed),
    form("vmp %v1,%v2,%v3,{},{}", &[256, 16], Operands::packed),
    form("vmsp %v1,%v2,%v3,{},{}", &[256, 16], Operands::packed),
    form("vdp %v1,%v2,%v3,{},{}", &[256, 16], Operands::packed),
    form("vrp %v1,%v2,%v3,{},{}", &[256, 16], Operands::packed),
    form("vsdp %v1,%v2,%v3,{},{}", &[256, 16], Operands::packed),
    form("vsrp %v1,%v2,{},{},{}", &[256, 256, 16], Operands::packed),
    form("vsrpr %v1,%v2,%v3,{},{}", &[256, 16], Operands::packed),
    form("vpsop %v1,%v2,{},{},{}", &[256, 256, 16], Operands::packed),
    form("vcp %v1,%v2,{}", &[16], Operands::packed),
    form("vcvb %r1,%v2,{},{}", &[16, 16], Operands::packed),
    form("vcvbg %r1,%v2,{},{}", &[16, 16], Operands::packed),
    form("vcvbq %v1,%v2,{}", &[16], Operands::packed),
    form("vcvd %v1,%r1,{},{}", &[256, 16], any),
    form("vcvdg %v1,%r1,{},{}", &[256, 16], any),
    form("vcvdq %v1,%v2,{},{}", &[256, 16], any),
    form("vclzdp %v1,%v2,{}", &[16], Operands::packed),
    form("vlip %v1,{},{}", &[65_536, 16], any),
    form("vpkz %v1,0(%r2),{}", &[256], Operands::packed),
    form("vupkz %v1,0(%r2),{}", &[256], Operands::packed),
    form("vpkzr %v1,%v2,%v3,{},{}", &[256, 16], Operands::zoned),
    form("vupkzh %v1,%v2,{}", &[16], Operands::packed),
    form("vupkzl %v1,%v2,{}", &[16], Operands::packed),
    form("vtp %v1,{}", &[65_536], Operands::packed),
    form("vtz %v1,%v2,{}", &[65_536], Operands::zoned),
    form("vschp %v1,%v2,%v3,{},{}", &[16, 16], Operands::packed),
    form("vscshp %v1,%v2,%v3", &[], Operands::packed),
    form("vcsph %v1,%v2,%v3,{}", &[16], hfp),
    form("vlrl %v1,0(%r2),{}", &[256], any),
    form("vstrl %v1,0(%r2),{}", &[256], any),
    form("vlrlr %v1,%r1,0(%r2)", &[], any),
    form("vstrlr %v1,%r1,0(%r2)", &[], any),
];

/// Elements of one size, with ends of their range among them.
fn integers(r: &mut Operands) -> u128 {
    let width = 8u32 << r.0.below(5);
    (0..128 / width).fold(0, |v, _| {
        let element = match r.0.below(8) {
            0 => 0,
            1 => u128::MAX,
            2 => 1 << (width - 1),
            3 => (1 << (width - 1)) - 1,
            4 => r.0.below(3).into(),
            _ => r.wide() >> r.0.below(128),
        };
        v << (width - 1) << 1 | element & u128::MAX >> (128 - width)
    })
}

const Z17: &[Form] = &[
    form("veval %v1,%v2,%v3,%v1,{}", &[256], any),
    form("vblend %v1,%v2,%v3,%v1,{}", &[6], integers),
    form("vgem %v1,%v2,{}", &[6], any),
    form("vd %v1,%v2,%v3,{},{}", &[6, 16], integers),
    form("vdl %v1,%v2,%v3,{},{}", &[6, 16], integers),
    form("vr %v1,%v2,%v3,{},{}", &[6, 16], integers),
    form("vrl %v1,%v2,%v3,{},{}", &[6, 16], integers),
    form("vclz %v1,%v2,{}", &[6], integers),
    form("vctz %v1,%v2,{}", &[6], integers),
    form("vlc %v1,%v2,{}", &[6], integers),
    form("vlp %v1,%v2,{}", &[6], integers),
    form("vuph %v1,%v2,{}", &[6], integers),
    form("vuplh %v1,%v2,{}", &[6], integers),
    form("vupl %v1,%v2,{}", &[6], integers),
    form("vupll %v1,%v2,{}", &[6], integers),
    form("vmx %v1,%v2,%v3,{}", &[6], integers),
    form("vmxl %v1,%v2,%v3,{}", &[6], integers),
    form("vmn %v1,%v2,%v3,{}", &[6], integers),
    form("vmnl %v1,%v2,%v3,{}", &[6], integers),
    form("vavg %v1,%v2,%v3,{}", &[6], integers),
    form("vavgl %v1,%v2,%v3,{}", &[6], integers),
    form("vceq %v1,%v2,%v3,{},{}", &[6, 2], integers),
    form("vch %v1,%v2,%v3,{},{}", &[6, 2], integers),
    form("vchl %v1,%v2,%v3,{},{}", &[6, 2], integers),
    form("vec %v1,%v2,{}", &[6], integers),
    form("vecl %v1,%v2,{}", &[6], integers),
    form("vml %v1,%v2,%v3,{}", &[6], integers),
    form("vmh %v1,%v2,%v3,{}", &[6], integers),
    form("vmlh %v1,%v2,%v3,{}", &[6], integers),
    form("vme %v1,%v2,%v3,{}", &[6], integers),
    form("vmle %v1,%v2,%v3,{}", &[6], integers),
    form("vmo %v1,%v2,%v3,{}", &[6], integers),
    form("vmlo %v1,%v2,%v3,{}", &[6], integers),
    form("vmal %v1,%v2,%v3,%v1,{}", &[6], integers),
    form("vmah %v1,%v2,%v3,%v1,{}", &[6], integers),
    form("vmalh %v1,%v2,%v3,%v1,{}", &[6], integers),
    form("vmae %v1,%v2,%v3,%v1,{}", &[6], integers),
    form("vmale %v1,%v2,%v3,%v1,{}", &[6], integers),
    form("vmao %v1,%v2,%v3,%v1,{}", &[6], integers),
    form("vmalo %v1,%v2,%v3,%v1,{}", &[6], integers),
    form("bextg %r1,%r4,%r5", &[], any),
    form("bdepg %r1,%r4,%r5", &[], any),
    form("clzg %r1,%r4", &[], any),
    form("ctzg %r1,%r4", &[], any),
    form("lxab %r1,{}(%r4,%r5)", &[0x8_0000], any),
    form("lxah %r1,{}(%r4,%r5)", &[0x8_0000], any),
    form("lxaf %r1,{}(%r4,%r5)", &[0x8_0000], any),
    form("lxag %r1,{}(%r4,%r5)", &[0x8_0000], any),
    form("lxaq %r1,{}(%r4,%r5)", &[0x8_0000], any),
    form("llxab %r1,{}(%r4,%r5)", &[0x8_0000], any),
    form("llxah %r1,{}(%r4,%r5)", &[0x8_0000], any),
    form("llxaf %r1,{}(%r4,%r5)", &[0x8_0000], any),
    form("llxag %r1,{}(%r4,%r5)", &[0x8_0000], any),
    form("llxaq %r1,{}(%r4,%r5)", &[0x8_0000], any),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut s, b| {
        write!(s, "{b:02x}").unwrap();
        s
    })
}

/// A line for the model.
fn case(bare: &mut Bare, r: &mut Operands, form: &Form) -> String {
    let mut asm = form.text.to_owned();
    let mut immediates = Vec::new();
    for limit in form.limits {
        let mut value = r.0.below(*limit);
        // Reserved bits and no digits at all are specification exceptions: not in every case.
        if *limit == 256 && immediates.is_empty() && r.0.below(8) != 0 {
            value &= if value & 31 == 0 { 0x91 } else { 0x9F };
        }
        if asm.starts_with("vtz") && r.0.below(3) != 0 {
            value &= !0x1F00 | r.0.below(32) << 8;
        }
        immediates.push(value.to_string());
        asm = asm.replacen("{}", &value.to_string(), 1);
    }
    let [v1, v2, mut v3] = [(); 3].map(|()| (form.operands)(r));
    if r.0.below(2) == 0 && ["vs", "vc"].iter().any(|name| asm.starts_with(name)) {
        // A control byte.
        v3 = v3 & !(0xFF << 64) | u128::from(r.0.below(64) as u8 ^ if r.0.below(2) == 0 { 0xE0 } else { 0 }) << 64;
    }
    let (general, cc, mask) = (r.0.bits() >> r.0.below(64), r.0.below(4) as u8, r.0.below(16) as u8);
    let general = if r.0.below(4) == 0 { r.0.below(20) } else { general };
    let storage = [r.zoned(), r.zoned()].map(u128::to_be_bytes).concat();

    let instruction = assemble(&asm, CODE).unwrap();
    bare.cpu.write_absolute(CODE, &instruction).unwrap();
    bare.cpu.write_absolute(OPERAND, &storage).unwrap();
    (bare.cpu.vr[1], bare.cpu.vr[2], bare.cpu.vr[3]) = (v1, v2, v3);
    (bare.cpu.gr[1], bare.cpu.gr[2]) = (general, OPERAND);
    (bare.cpu.gr[4], bare.cpu.gr[5]) = (v2 as u64, v3 as u64);
    let mut psw = Psw::new(0x1_8000_0000, CODE);
    psw.set_cc(cc);
    psw.set_program_mask(mask);
    bare.cpu.set_psw(psw);
    let step = bare.step();
    let program = if let Step::Program(code) = step { code.0 } else { 0 };
    let (after, after_cc) = (bare.cpu.vr[1], bare.cpu.cc);
    // An interruption puts the condition code into the old PSW.
    let after_cc = if program == 0 {
        after_cc
    } else {
        let mut old = [0; 16];
        bare.cpu.read_absolute(Lowcore::PROGRAM_OLD_PSW, &mut old).unwrap();
        old[2] >> 4 & 3
    };
    let mut left = [0; 32];
    bare.cpu.read_absolute(OPERAND, &mut left).unwrap();
    let immediates = if immediates.is_empty() { "-".to_owned() } else { immediates.join(",") };
    format!(
        "{} {immediates} {v1:x} {v2:x} {v3:x} {general:x} {cc:x} {mask:x} {} | {after:032x} {:016x} {after_cc:x} {program:x} {}",
        asm.split(' ').next().unwrap(),
        hex(&storage),
        bare.cpu.gr[1],
        hex(&left),
    )
}

fn compare(class: &str, model: &str, forms: &'static [Form]) {
    let cases = cases("SOFTSIE_MODEL_CASES", 2_000);
    let Some(mut python) = Python::start(model) else { return };
    let mut bare = Bare::new();
    bare.cpu.cr[0] = 0x6_00E0;
    let psw = [0x0000_0001_8000_0000u64.to_be_bytes(), NEW_PSW.to_be_bytes()].concat();
    bare.cpu.write_absolute(Lowcore::PROGRAM_NEW_PSW, &psw).unwrap();
    let mut r = Operands(Random::new(31));
    for form in forms {
        for _ in 0..cases {
            python.case(&case(&mut bare, &mut r, form));
        }
    }
    compared(class, python.agrees(), "Python's integers");
}

#[test]
fn vector_decimal() {
    compare("vector-decimal", "vector_decimal.py", DECIMAL);
}

#[test]
fn z17() {
    compare("vector-integer", "z17.py", Z17);
}
