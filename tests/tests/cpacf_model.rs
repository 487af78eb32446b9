//! The message-security assist with random functions, keys, lengths, chaining and partial completion against OpenSSL's library:
//! `models/cpacf.py`. `SOFTSIE_CPACF_CASES` cases. Without `python3` or OpenSSL's library the test says so and passes.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use std::fmt::Write as _;

use softsie_cpu::{Lowcore, Psw};
use softsie_tests::differential::Random;
use softsie_tests::{Bare, Python, Step, cases, compared};

const CODE: u64 = 0x1000;
const PARAMETERS: u64 = 0x3000;
const OPERANDS: [u64; 3] = [0x1_0000, 0x3_0000, 0x5_0000];
const END: u64 = 0x10_0000;
const NEW_PSW: u64 = 0xE_0000;
/// Bytes after the first operand that are looked at.
const GUARD: u64 = 16;

/// Which operands an instruction has, and which of its registers hold lengths.
struct Instruction {
    name: &'static str,
    code: [u8; 4],
    first: bool,
    third: bool,
    /// The first operand has a length of its own.
    sized: bool,
}

const fn instruction(name: &'static str, code: u32, first: bool, third: bool, sized: bool) -> Instruction {
    Instruction { name, code: code.to_be_bytes(), first, third, sized }
}

// R1 is 2, R2 is 4, R3 is 6.
const KM: Instruction = instruction("km", 0xB92E_0024, true, false, false);
const KMC: Instruction = instruction("kmc", 0xB92F_0024, true, false, false);
const KMF: Instruction = instruction("kmf", 0xB92A_0024, true, false, false);
const KMO: Instruction = instruction("kmo", 0xB92B_0024, true, false, false);
const KMCTR: Instruction = instruction("kmctr", 0xB92D_6024, true, true, false);
const KMA: Instruction = instruction("kma", 0xB929_6024, true, true, false);
const KMAC: Instruction = instruction("kmac", 0xB91E_0024, false, false, false);
const KIMD: Instruction = instruction("kimd", 0xB93E_0024, false, false, false);
const KLMD: Instruction = instruction("klmd", 0xB93F_0024, true, false, true);
const PCC: Instruction = instruction("pcc", 0xB92C_0000, false, false, false);
const KDSA: Instruction = instruction("kdsa", 0xB93A_0024, false, false, false);
const PRNO: Instruction = instruction("prno", 0xB93C_0024, true, false, true);
const PCKMO: u32 = 0xB928_0000;

/// A case: the parameter block in three parts, because the key may stand there encrypted.
struct Case {
    instruction: &'static Instruction,
    function: u8,
    gr0: u64,
    before: Vec<u8>,
    key: Vec<u8>,
    after: Vec<u8>,
    /// PCKMO's function for this key, and what is added to the function code for an encrypted one.
    wrapping: Option<(u8, u8)>,
    /// The verification pattern is at the end instead of after the key.
    pattern_last: bool,
    lengths: [u64; 3],
}

fn bytes(r: &mut Random, n: usize) -> Vec<u8> {
    (0..n).map(|_| r.bits() as u8).collect()
}

/// Of `unit` bytes a few, some or many, now and then none or not a whole number of them.
fn length(r: &mut Random, unit: u64) -> u64 {
    match r.below(24) {
        0 => 0,
        1 => r.below(40),
        2..18 => unit * (1 + r.below(8)),
        18..23 => unit * r.below(60),
        _ => (9000 + r.below(9000)) / unit * unit,
    }
}

impl Case {
    fn new(instruction: &'static Instruction, function: u8, r: &mut Random) -> Case {
        // What is in the left half of general register 0 does not matter.
        let gr0 = u64::from(function) | r.bits() << 32;
        let empty = Vec::new;
        Case {
            instruction,
            function,
            gr0,
            before: empty(),
            key: empty(),
            after: empty(),
            wrapping: None,
            pattern_last: false,
            lengths: [0; 3],
        }
    }

    /// A function of a cipher, its key, and a fixed part before it of `before` bytes for DEA and AES.
    fn cipher(instruction: &'static Instruction, r: &mut Random, before: [usize; 2]) -> Case {
        let function = r.pick(&[1, 2, 3, 18, 19, 20, 18, 20]);
        let mut case = Case::new(instruction, function, r);
        case.before = bytes(r, before[usize::from(function > 3)]);
        case.key = bytes(r, if function < 4 { 8 * usize::from(function) } else { 8 * usize::from(function) - 128 });
        case.wrapping = Some((function, 8));
        case
    }

    fn block(&self) -> u64 {
        if matches!(self.function & 0x7F, 1..=3 | 67) { 8 } else { 16 }
    }

    fn xts(instruction: &'static Instruction, r: &mut Random, after: usize) -> Case {
        let function = r.pick(&[50, 52]);
        let mut case = Case::new(instruction, function, r);
        case.key = bytes(r, if function == 50 { 16 } else { 32 });
        case.after = bytes(r, after);
        case.wrapping = Some((function - 32, 8));
        case
    }

    fn random(r: &mut Random) -> Case {
        let mut case = match r.below(1000) {
            0..60 => Case::xts(&KM, r, 16),
            60..140 => Case::cipher(&KM, r, [0; 2]),
            140..160 => {
                let mut case = Case::new(&KMC, 67, r);
                (case.before, case.key) = (bytes(r, 8), bytes(r, 24));
                case
            }
            160..290 => Case::cipher(&KMC, r, [8, 16]),
            290..400 => {
                let mut case = Case::cipher(&KMF, r, [8, 16]);
                let any = r.below(20);
                let feedback = r.pick(&[1, 8, 16, any, case.block(), case.block()]);
                case.gr0 |= feedback << 24;
                case.lengths[1] = length(r, feedback.max(1));
                return case.deciphers(r);
            }
            400..470 => Case::cipher(&KMO, r, [8, 16]),
            470..580 => Case::cipher(&KMCTR, r, [0; 2]),
            580..670 => Case::cipher(&KMAC, r, [8, 16]),
            670..800 => return Case::authenticated(r),
            800..890 => {
                let keccak = 32 + r.below(6) as u8;
                let function = r.pick(&[1, 2, 3, 2, 3, 65, 65, keccak]);
                let mut case = Case::new(&KIMD, function, r);
                case.before = bytes(r, if function > 31 && function < 40 { 200 } else { 64 });
                case.lengths[1] = length(r, [16, 64, 64, 128][usize::from(function & 3)]);
                if let 32..=37 = function {
                    case.lengths[1] = r.below(6) * [144, 136, 104, 72, 168, 136][usize::from(function) - 32];
                }
                return case;
            }
            890..970 => return Case::last_digest(r),
            970..985 => {
                let mut case = if r.below(2) == 0 { Case::cipher(&PCC, r, [24, 40]) } else { Case::xts(&PCC, r, 64) };
                if let Some(bits) = case.before.first_mut() {
                    let some = [r.below(65), r.below(129), r.below(256)].map(|bits| bits as u8);
                    *bits = r.pick(&[0, 64, 128, some[0], some[1], some[2]]);
                } else {
                    // An index that is in range, and small numbers.
                    if r.below(4) != 0 {
                        let index = r.below(129) as u8;
                        case.after[32..48].fill(0);
                        case.after[47] = index;
                    }
                    if r.below(3) != 0 {
                        let known = r.below(17) as usize;
                        case.after[16..16 + known].fill(0);
                    }
                }
                return case;
            }
            985..990 => return Case::multiplied(r),
            990..995 => return Case::signature(r),
            _ => return Case::random_numbers(r),
        };
        case.lengths[1] = length(r, case.block());
        case.deciphers(r)
    }

    fn deciphers(mut self, r: &mut Random) -> Case {
        if !matches!(self.instruction.name, "kmac" | "kmo" | "kmctr") && self.function != 67 && r.below(2) == 0 {
            self.gr0 |= 0x80;
        }
        self.lengths[2] = if self.instruction.third { self.lengths[1] } else { 0 };
        self
    }

    fn authenticated(r: &mut Random) -> Case {
        let mut case = Case::cipher(&KMA, r, [80; 2]);
        if case.function < 4 {
            case.function += 17;
            case.gr0 += 17;
            case.key = bytes(r, 8 * usize::from(case.function) - 128);
            case.wrapping = Some((case.function, 8));
        }
        case.lengths = [0, length(r, 16), length(r, 16)];
        if r.below(2) == 0 {
            case.lengths[1] += r.below(16);
            case.lengths[2] += r.below(16);
        }
        case.gr0 |= r.below(8) << 8;
        if r.below(2) == 0 {
            // A whole message with an initialization vector of 96 bits.
            case.gr0 = case.gr0 & !0x700 | 0x300;
            case.before[12..32].fill(0);
            case.before[15] = 1;
            let lengths = [8 * case.lengths[2], 8 * case.lengths[1]].map(u64::to_be_bytes);
            case.before[48..64].copy_from_slice(lengths.as_flattened());
            case.before[76..80].copy_from_slice(&[0, 0, 0, 1]);
        } else if r.below(8) == 0 {
            // The counter wraps around.
            case.before[12..15].fill(0xFF);
        }
        if r.below(2) == 0 {
            case.gr0 |= 0x80;
        }
        case
    }

    fn last_digest(r: &mut Random) -> Case {
        let keccak = 32 + r.below(6) as u8;
        let function = r.pick(&[1, 2, 3, 2, 3, keccak]);
        let mut case = Case::new(&KLMD, function, r);
        case.lengths[1] = if function < 4 { length(r, 1) + r.below(200) } else { r.below(500) };
        if function < 4 {
            case.before = bytes(r, 80);
            return case;
        }
        case.before = if r.below(2) == 0 { vec![0; 200] } else { bytes(r, 200) };
        if function >= 36 {
            case.lengths[0] = if r.below(20) == 0 { r.below(9000) } else { r.below(400) };
            if r.below(8) == 0 {
                case.gr0 |= 0x100;
                case.lengths[1] = 0;
            }
        }
        case
    }

    /// A base point and a number; the point is moved later.
    fn multiplied(r: &mut Random) -> Case {
        let function = r.pick(&[64, 65, 66, 64, 65, 66, 72, 73, 80, 81, 80, 81]);
        let mut case = Case::new(&PCC, function, r);
        let size = match function {
            64 | 72 | 80 => 32,
            65 => 48,
            66 => 80,
            _ => 64,
        };
        let mut number = bytes(r, size);
        if function >= 80 {
            case.before = bytes(r, 3 * size);
            let used = if size == 32 { 32 } else { 56 };
            let (point, number) = case.before[size..].split_at_mut(size);
            for field in [point, number] {
                field[..size - used].fill(0);
            }
            // As the programs do that call it: RFC 7748.
            let [point, number] = [size, 2 * size].map(|at| at + size - used);
            if size == 32 {
                case.before[point] &= 0x7F;
                case.before[number] = case.before[number] & 0x7F | 0x40;
                case.before[number + used - 1] &= 0xF8;
            } else {
                case.before[number] |= 0x80;
                case.before[number + used - 1] &= 0xFC;
            }
            return case;
        }
        if r.below(8) == 0 {
            number.fill(0);
            number[size - 1] = r.below(20) as u8;
        }
        case.before = [vec![0; 2 * size], base_point(function).concat(), number].concat();
        case
    }

    fn signature(r: &mut Random) -> Case {
        let function = r.pick(&[1, 2, 3, 9, 10, 11, 32, 36, 40, 44]);
        let mut case = Case::new(&KDSA, function, r);
        let size = match function {
            1 | 9 | 32 | 40 => 32,
            2 | 10 => 48,
            3 | 11 => 80,
            _ => 64,
        };
        let number = |r: &mut Random| {
            let mut number = bytes(r, size);
            if size == 80 {
                number[..15].fill(0);
            }
            number
        };
        match function {
            1..=3 => case.before = [number(r), number(r), number(r), base_point(function + 63).concat()].concat(),
            9..=11 => {
                case.before = [number(r), number(r), bytes(r, size)].concat();
                (case.key, case.after) = (number(r), number(r));
                case.gr0 |= if r.below(2) == 0 { 0x80 } else { 0 };
                case.wrapping = Some((function + 23, 8));
                case.pattern_last = true;
            }
            _ => {
                (case.before, case.key) = (bytes(r, 2 * size), bytes(r, size));
                if function >= 40 {
                    // Eight bytes more than the strings of Ed448 have are zeros.
                    case.key[..if size == 64 { 7 } else { 0 }].fill(0);
                    case.wrapping = Some((if size == 32 { 40 } else { 41 }, 8));
                }
                case.lengths[1] = length(r, 1) + r.below(200);
            }
        }
        case
    }

    fn random_numbers(r: &mut Random) -> Case {
        let function = if r.below(10) == 0 { 114 } else { 3 };
        let mut case = Case::new(&PRNO, function, r);
        case.before = bytes(r, 240);
        for at in [0, 1, 2, 3, 16, 128] {
            case.before[at] = 0;
        }
        case.lengths = [r.below(3000), r.below(600), 0];
        if function == 3 && r.below(2) == 0 {
            case.gr0 |= 0x80;
            case.lengths[0] = 0;
            if r.below(2) == 0 {
                case.before.fill(0);
            }
        } else if function == 3 {
            case.lengths[1] = 0;
        }
        case
    }
}

/// The base point's coordinates, in fields of the parameter block. SP 800-186, RFC 8032.
fn base_point(function: u8) -> [Vec<u8>; 2] {
    let (size, text) = match function {
        64 => (
            32,
            [
                "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
                "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
            ],
        ),
        65 => (
            48,
            [
                "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
                "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
            ],
        ),
        66 => (
            80,
            [
                "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
                "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
            ],
        ),
        72 => (
            32,
            [
                "216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a",
                "6666666666666666666666666666666666666666666666666666666666666658",
            ],
        ),
        _ => (
            64,
            [
                "4f1970c66bed0ded221d15a622bf36da9e146570470f1767ea6de324a3d3a46412ae1af72ab66511433b80e18b00938e2626a82bc70cc05e",
                "693f46716eb6bc248876203756c9c7624bea73736ca3984087789c1e05a0c2d73ad3ff1ce67c39c4fdbd132c4ed7c8ad9808795bf230fa14",
            ],
        ),
    };
    text.map(|text| {
        let digits = format!("{text:0>width$}", width = 2 * size);
        (0..size).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
    })
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    bytes.iter().fold(String::new(), |mut s, b| {
        write!(s, "{b:02x}").unwrap();
        s
    })
}

struct Machine {
    bare: Bare,
    r: Random,
}

impl Machine {
    fn new() -> Machine {
        let mut bare = Bare::new();
        let psw = [0x0000_0001_8000_0000u64.to_be_bytes(), NEW_PSW.to_be_bytes()].concat();
        bare.cpu.write_absolute(Lowcore::PROGRAM_NEW_PSW, &psw).unwrap();
        Machine { bare, r: Random::new(46) }
    }

    fn fetch(&mut self, at: u64, length: u64) -> Vec<u8> {
        let mut data = vec![0; length as usize];
        self.bare.cpu.read_absolute(at, &mut data).unwrap();
        data
    }

    fn step(&mut self, code: [u8; 4], wanted: bool) -> u16 {
        self.bare.cpu.write_absolute(CODE, &code).unwrap();
        self.bare.cpu.set_psw(Psw::new(0x1_8000_0000, CODE));
        match if wanted { self.bare.step_wanted() } else { self.bare.step() } {
            Step::Done => 0,
            Step::Program(code) => code.0,
            other => panic!("{other:?}"),
        }
    }

    /// Another point of the curve in place of the base point.
    fn move_point(&mut self, case: &mut Case) {
        let size = case.before.len() / 5;
        let block = [&case.before[..4 * size], &bytes(&mut self.r, size)].concat();
        self.bare.cpu.write_absolute(PARAMETERS, &block).unwrap();
        (self.bare.cpu.gr[0], self.bare.cpu.gr[1]) = (case.function.into(), PARAMETERS);
        assert_eq!((self.step(PCC.code, false), self.bare.cpu.cc), (0, 0));
        let point = self.fetch(PARAMETERS, 2 * size as u64);
        case.before[2 * size..4 * size].copy_from_slice(&point);
    }

    /// A signature that is right for the public key, or nearly so.
    fn sign(&mut self, case: &mut Case, message: &[u8]) {
        let ecdsa = case.function < 4;
        let size = case.before.len() / if ecdsa { 5 } else { 2 };
        let mut private = bytes(&mut self.r, size);
        private[..if size == 80 { 15 } else { usize::from(size == 64) * 7 }].fill(0);
        self.bare.cpu.gr[1] = PARAMETERS;
        let public = if ecdsa {
            let block = [vec![0; 2 * size], base_point(case.function + 63).concat(), private.clone()].concat();
            self.bare.cpu.write_absolute(PARAMETERS, &block).unwrap();
            self.bare.cpu.gr[0] = u64::from(case.function) + 63;
            assert_eq!((self.step(PCC.code, false), self.bare.cpu.cc), (0, 0));
            let public = self.fetch(PARAMETERS, 2 * size as u64);
            let block = [&case.before[..3 * size], &private, &vec![0; size]].concat();
            self.bare.cpu.write_absolute(PARAMETERS, &block).unwrap();
            self.bare.cpu.gr[0] = u64::from(case.function) + 8;
            public
        } else {
            self.bare.cpu.write_absolute(PARAMETERS, &[vec![0; 2 * size], private].concat()).unwrap();
            self.bare.cpu.gr[0] = u64::from(case.function) + 8;
            self.bare.cpu.write_absolute(OPERANDS[1], message).unwrap();
            (self.bare.cpu.gr[4], self.bare.cpu.gr[5]) = (OPERANDS[1], message.len() as u64);
            Vec::new()
        };
        if self.step(KDSA.code, false) != 0 || self.bare.cpu.cc != 0 {
            return;
        }
        let signature = self.fetch(PARAMETERS, 2 * size as u64);
        case.before[..2 * size].copy_from_slice(&signature);
        if ecdsa {
            case.before[3 * size..].copy_from_slice(&public);
        }
        if self.r.below(4) == 0 {
            let at = self.r.below(case.before.len() as u64) as usize;
            case.before[at] ^= 1 << self.r.below(8);
        }
    }

    /// The line for the model; none where it has nothing to say.
    fn run(&mut self) -> Option<String> {
        let r = &mut self.r;
        let mut case = Case::random(r);
        let i = case.instruction;
        let verifies = i.name == "kdsa" && (case.function < 4 || (32..40).contains(&case.function));
        let mut data = [1, 2, 3].map(|_| Vec::new());
        for (data, n) in data.iter_mut().zip(case.lengths) {
            *data = bytes(r, n as usize);
        }
        if i.name == "kmctr" && r.below(2) == 0 {
            // Counters as they are used.
            let wraps = u128::from(r.below(2)) * 0xFFFF_FFFF;
            let from = u128::from(r.bits()) << 64 | u128::from(r.bits()) | wraps;
            let size = case.block() as usize;
            for (n, counter) in data[2].chunks_exact_mut(size).enumerate() {
                counter.copy_from_slice(&from.wrapping_add(n as u128).to_be_bytes()[16 - size..]);
            }
        }
        let room = if i.sized { case.lengths[0] } else { case.lengths[1] } + GUARD;
        let mut operands = [0, 1, 2].map(|n| OPERANDS[n] + r.below(64));
        if r.below(40) == 0 {
            // The end of storage is in the middle.
            let n = r.below(3) as usize;
            operands[n] = END - r.below(case.lengths[n].max(1) + 20).max(1);
        }
        let in_place = i.first && !i.sized && i.name != "kma" && r.below(4) == 0;
        if in_place {
            operands[0] = operands[1];
        }
        let parameters_at = PARAMETERS + r.below(5000);
        let wanted = r.below(3) == 0;
        let encrypted = case.wrapping.filter(|_| r.below(8) == 0);
        let wrong = r.below(16) == 0;
        let first = bytes(r, room as usize);
        if i.name == "pcc" && (64..80).contains(&case.function) {
            self.move_point(&mut case);
            if self.r.below(6) == 0 {
                let size = case.before.len() as u64 / 5;
                let at = (2 * size + self.r.below(2 * size)) as usize;
                case.before[at] ^= 1 << self.r.below(8);
            }
        }
        if verifies && self.r.below(8) != 0 {
            if case.function < 4 {
                self.sign(&mut case, &[]);
            } else {
                let message = data[1].clone();
                self.sign(&mut case, &message);
            }
        }

        let mut key = case.key.clone();
        let mut pattern = Vec::new();
        if let Some((function, _)) = encrypted {
            let length = if function < 4 { 24 } else { 32 };
            self.bare.cpu.write_absolute(parameters_at, &key).unwrap();
            (self.bare.cpu.gr[0], self.bare.cpu.gr[1]) = (function.into(), parameters_at);
            assert_eq!(self.step(PCKMO.to_be_bytes(), false), 0, "PCKMO {function}");
            let wrapped = self.fetch(parameters_at, key.len() as u64 + length);
            (key, pattern) = (wrapped[..key.len()].to_vec(), wrapped[key.len()..].to_vec());
            assert_ne!(key, case.key);
            if wrong {
                let at = self.r.below(length) as usize;
                pattern[at] ^= 1 << self.r.below(8);
            }
        }
        let (middle, last) = if case.pattern_last { (&[][..], &pattern[..]) } else { (&pattern[..], &[][..]) };
        let block = [&case.before[..], &key, middle, &case.after, last].concat();

        let cpu = &mut self.bare.cpu;
        cpu.write_absolute(parameters_at, &block).unwrap();
        for n in [0, 2, 1] {
            let data = if n == 0 { &first } else { &data[n] };
            let there = data.len().min((END - operands[n]) as usize);
            if !(in_place && n == 0) {
                cpu.write_absolute(operands[n], &data[..there]).unwrap();
            }
        }
        cpu.gr[0] = case.gr0 + encrypted.map_or(0, |(_, more)| more.into());
        cpu.gr[1] = parameters_at;
        (cpu.gr[2], cpu.gr[3]) = (operands[0], case.lengths[0]);
        (cpu.gr[4], cpu.gr[5]) = (operands[1], case.lengths[1]);
        (cpu.gr[6], cpu.gr[7]) = (operands[2], case.lengths[2]);
        let guarded = room.min(END - operands[0]);
        let mut line = format!("{} {} {:x}", i.name, case.function, case.gr0);
        for n in case.lengths {
            write!(line, " {n}").unwrap();
        }
        let first = self.fetch(operands[0], guarded);
        let clear = [&case.before[..], &case.key, &case.after].concat();
        write!(line, " {} {} {} {}", hex(&clear), hex(&first), hex(&data[1]), hex(&data[2])).unwrap();
        let before = self.bare.cpu.gr;

        let program = self.step(i.code, wanted);
        let (cc, gr) = (self.bare.cpu.cc, self.bare.cpu.gr);
        let left = self.fetch(parameters_at, block.len() as u64);
        let first_left = self.fetch(operands[0], guarded);
        if encrypted.is_some()
            && wrong
            && program == 0
            && (case.lengths[1] != 0 || matches!(i.name, "pcc" | "kma" | "kdsa"))
        {
            // The key is another machine's.
            assert_eq!((cc, &left, &first_left), (1, &block, &first), "{line}");
            assert_eq!(gr, before, "{line}");
            return None;
        }
        // An encrypted key and its pattern stay as they are.
        let at = case.before.len();
        assert_eq!(left[at..at + key.len()], key, "{line}");
        assert!(left.ends_with(last) && left[at + key.len()..].starts_with(middle), "{line}");
        let after = at + key.len() + middle.len();
        let left = [&left[..at], &case.key, &left[after..after + case.after.len()]].concat();
        let gr0 = gr[0].wrapping_sub(before[0]).wrapping_add(case.gr0);
        let moved = [2, 4, 6].map(|n| gr[n].wrapping_sub(before[n]));
        // KMCTR's third operand has no length.
        let third = if i.name == "kmctr" { case.lengths[2] } else { gr[7] };
        write!(line, " | {cc} {program:x} {gr0:x} {} {} {}", moved[0], moved[1], moved[2]).unwrap();
        write!(line, " {} {} {third} {} {}", gr[3], gr[5], hex(&left), hex(&first_left)).unwrap();
        Some(line)
    }
}

#[test]
fn openssl() {
    let cases = cases("SOFTSIE_CPACF_CASES", 6_000);
    let Some(mut python) = Python::start("cpacf.py") else { return };
    let mut machine = Machine::new();
    for _ in 0..cases {
        if let Some(line) = machine.run() {
            python.case(&line);
        }
    }
    compared("crypto", python.agrees(), "OpenSSL's library");
}
