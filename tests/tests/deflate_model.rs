//! DEFLATE CONVERSION CALL in both directions with zlib, which Python has: `models/deflate.py`. What the instruction compresses, in
//! parts and small rooms, with either kind of codes and of history, zlib expands; what zlib compresses, the instruction expands.
//! `SOFTSIE_DEFLATE_CASES` cases each way. Without `python3` the tests say so and pass.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

use std::fmt::Write as _;

use softsie_cpu::Psw;
use softsie_tests::differential::Random;
use softsie_tests::{Bare, Python, Step, cases, compared};

const CODE: u64 = 0x1000;
const PARAMETERS: u64 = 0x3000;
/// Two pages in which nothing else is.
const BUFFER: u64 = 0x1_0000;
const DATA: u64 = 0x2_0000;
const PACKED: u64 = 0x8_0000;
/// dfltcc %r2,%r4,%r8
const INSTRUCTION: [u8; 4] = [0xB9, 0x39, 0x80, 0x24];
const GENERATE: u64 = 1;
const COMPRESS: u64 = 2;
const EXPAND: u64 = 4;
const CIRCULAR: u64 = 0x80;
/// Bits of byte 16 of the parameter block.
const NEW_TASK: u8 = 0x80;
const ADLER: u8 = 0x20;
const DYNAMIC: u8 = 0x08;
const BLOCK_OPEN: u8 = 0x04;
const CLOSE_BLOCK: u8 = 0x02;
const LAST_BLOCK: u8 = 0x01;
const SUB_BYTE: u64 = 18;
const SUPPLEMENTAL: u64 = 19;
const CHECK: u64 = 48;

/// The supplemental code of a bad code for lengths.
const CODE_FOR_LENGTHS: u8 = 0x12;

struct Machine {
    bare: Bare,
    r: Random,
}

impl Machine {
    fn new(seed: u64) -> Machine {
        Machine { bare: Bare::new(), r: Random::new(seed) }
    }

    fn fetch(&mut self, at: u64, length: u64) -> Vec<u8> {
        let mut data = vec![0; length as usize];
        self.bare.cpu.read_absolute(at, &mut data).unwrap();
        data
    }

    fn byte(&mut self, at: u64) -> u8 {
        self.fetch(PARAMETERS + at, 1)[0]
    }

    /// A parameter block of a new task.
    fn new_task(&mut self, controls: u8) {
        // What a new task does not look at.
        let mut block = [0; 1536];
        block[44..56].fill_with(|| self.r.bits() as u8 & 0x7F);
        block[16] = controls | NEW_TASK;
        self.bare.cpu.write_absolute(PARAMETERS, &block).unwrap();
    }

    /// Executes; the condition code.
    fn execute(&mut self, function: u64) -> u8 {
        self.bare.cpu.write_absolute(CODE, &INSTRUCTION).unwrap();
        (self.bare.cpu.gr[0], self.bare.cpu.gr[1], self.bare.cpu.gr[8]) = (function, PARAMETERS, BUFFER);
        self.bare.cpu.set_psw(Psw::new(0x1_8000_0000, CODE));
        let step = if self.r.below(4) == 0 { self.bare.step_wanted() } else { self.bare.step() };
        assert_eq!(step, Step::Done);
        self.bare.cpu.cc
    }

    fn room(&mut self) -> u64 {
        match self.r.below(8) {
            0 => self.r.below(4),
            1 => self.r.below(100),
            _ => 0x2_0000,
        }
    }

    fn data(&mut self) -> Vec<u8> {
        let r = &mut self.r;
        let length = match r.below(400) {
            0 => 1 + r.below(60_000),
            1..20 => 1 + r.below(3000),
            _ => 1 + r.below(300),
        } as usize;
        let letters = r.pick(&[1, 2, 5, 30, 256]);
        let mut data = Vec::new();
        while data.len() < length {
            if !data.is_empty() && r.below(3) == 0 {
                let at = r.below(data.len() as u64) as usize;
                for n in 0..3 + r.below(280) as usize {
                    data.push(data[at + n]);
                }
            } else {
                data.extend((0..1 + r.below(20)).map(|_| (r.below(letters) * 167) as u8));
            }
        }
        data.truncate(length);
        data
    }

    /// Compresses random data; the line for the model.
    fn compress(&mut self) -> String {
        let data = self.data();
        self.bare.cpu.write_absolute(DATA, &data).unwrap();
        let adler = self.r.below(2) as u8;
        let dynamic = self.r.below(2) == 0;
        let several = self.r.below(3) == 0;
        let circular = if self.r.below(2) == 0 { CIRCULAR } else { 0 };
        let controls = (adler * ADLER) | if dynamic { DYNAMIC } else { 0 };
        self.new_task(controls);
        if dynamic {
            let only = self.r.below(2) as u8;
            self.bare.cpu.write_absolute(PARAMETERS + 17, &[only << 5]).unwrap();
            (self.bare.cpu.gr[4], self.bare.cpu.gr[5]) = (DATA, data.len() as u64);
            assert_eq!(self.execute(GENERATE), 0);
        }
        let (mut at, mut to) = (0, PACKED);
        while at < data.len() {
            let rest = (data.len() - at) as u64;
            let part = if self.r.below(2) == 0 { rest } else { 1 + self.r.below(rest) } as usize;
            let end = if at + part == data.len() { LAST_BLOCK } else { 0 };
            // Each part is a block, or all are one, which is the last.
            let mut flags = if several { CLOSE_BLOCK | end } else { LAST_BLOCK | (end * CLOSE_BLOCK) };
            if !several && at != 0 {
                // The program says that a block is open.
                flags |= BLOCK_OPEN;
            }
            let kept = self.byte(16) & !(CLOSE_BLOCK | LAST_BLOCK);
            self.bare.cpu.write_absolute(PARAMETERS + 16, &[kept | flags]).unwrap();
            let mut left = part as u64;
            let mut idle = 0;
            loop {
                let room = self.room();
                (self.bare.cpu.gr[2], self.bare.cpu.gr[3]) = (to, room);
                (self.bare.cpu.gr[4], self.bare.cpu.gr[5]) = (DATA + (at + part) as u64 - left, left);
                let cc = self.execute(COMPRESS | circular);
                let moved = self.bare.cpu.gr[2] - to;
                assert_eq!(
                    (self.bare.cpu.gr[3], self.bare.cpu.gr[4]),
                    (room - moved, DATA + (at + part) as u64 - self.bare.cpu.gr[5])
                );
                idle = if moved == 0 && left == self.bare.cpu.gr[5] { idle + 1 } else { 0 };
                (to, left) = (self.bare.cpu.gr[2], self.bare.cpu.gr[5]);
                match cc {
                    0 => break,
                    1 => assert!(self.bare.cpu.gr[3] == 0 && idle < 100, "condition code 1 with room"),
                    3 => assert!(idle < 100, "no progress"),
                    cc => panic!("condition code {cc}, supplemental code {}", self.byte(SUPPLEMENTAL)),
                }
            }
            assert_eq!(left, 0);
            at += part;
        }
        let partial = u64::from(self.byte(SUB_BYTE) & 7 != 0);
        let packed = self.fetch(PACKED, to - PACKED + partial);
        let check = self.fetch(PARAMETERS + CHECK, 4);
        format!("{} {} {adler} {}", hex(&data), hex(&packed), hex(&check))
    }

    /// Expands what zlib has made, and compares.
    fn expand(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words.len(), 3, "a line of the model: {line:?}");
        let (packed, told, used) = (bytes(words[0]), words[1], words[2].parse::<u64>().unwrap());
        self.bare.cpu.write_absolute(PACKED, &packed).unwrap();
        self.new_task(0);
        let circular = if self.r.below(2) == 0 { CIRCULAR } else { 0 };
        let length = packed.len() as u64;
        let (mut from, mut to, mut idle) = (PACKED, DATA, 0);
        let cc = loop {
            let there = PACKED + length - from;
            let part = if self.r.below(4) == 0 { self.r.below(there + 1) } else { there };
            let room = self.room();
            (self.bare.cpu.gr[2], self.bare.cpu.gr[3], self.bare.cpu.gr[4], self.bare.cpu.gr[5]) =
                (to, room, from, part);
            let cc = self.execute(EXPAND | circular);
            let moved = self.bare.cpu.gr[2] - to;
            if (self.bare.cpu.gr[3], self.bare.cpu.gr[5]) != (room - moved, from + part - self.bare.cpu.gr[4]) {
                return Err(format!("registers {:x?} after {:x?}", &self.bare.cpu.gr[2..6], [to, room, from, part]));
            }
            idle = if moved == 0 && from == self.bare.cpu.gr[4] { idle + 1 } else { 0 };
            (to, from) = (self.bare.cpu.gr[2], self.bare.cpu.gr[4]);
            match cc {
                0 => break 0,
                2 if self.byte(SUPPLEMENTAL) != 0 => break 2,
                // More input is wanted, which there is or not.
                2 if from == PACKED + length => break 2,
                _ if idle > 200 => return Err(format!("no progress, condition code {cc}")),
                _ => {}
            }
        };
        let supplemental = self.byte(SUPPLEMENTAL);
        match told {
            "error" if cc == 2 && supplemental != 0 => Ok(()),
            "short" if cc == 2 && supplemental == 0 => Ok(()),
            // A code for lengths without codes is told at once; zlib reads on.
            "codeless" if cc == 2 && matches!(supplemental, 0 | CODE_FOR_LENGTHS) => Ok(()),
            "error" | "short" | "codeless" => Err(format!("condition code {cc}, supplemental code {supplemental}")),
            data => {
                let data = bytes(data);
                let out = self.fetch(DATA, to - DATA);
                let partial = self.byte(SUB_BYTE) & 7 != 0;
                let needed = from - PACKED + u64::from(partial);
                if cc != 0 || out != data || needed != used {
                    return Err(format!("condition code {cc}, {needed} of {used} bytes, {}", hex(&out)));
                }
                let check = self.fetch(PARAMETERS + CHECK, 4);
                self.check_of(&data)
                    .filter(|wanted| *wanted != check)
                    .map_or(Ok(()), |wanted| Err(format!("check value {}, not {}", hex(&check), hex(&wanted))))
            }
        }
    }

    /// The check value of short data, bit by bit: CRC-32 of ISO 3309, from right to left.
    fn check_of(&self, data: &[u8]) -> Option<Vec<u8>> {
        let step = |crc: u32, _| crc >> 1 ^ if crc & 1 != 0 { 0xEDB8_8320 } else { 0 };
        let crc = data.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step));
        (data.len() < 1000).then(|| (!crc).to_le_bytes().to_vec())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut s, b| {
        write!(s, "{b:02x}").unwrap();
        s
    })
}

fn bytes(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

#[test]
fn zlib_expands_it() {
    let cases = cases("SOFTSIE_DEFLATE_CASES", 1_500);
    let Some(mut python) = Python::start("deflate.py") else { return };
    let mut machine = Machine::new(1);
    for _ in 0..cases {
        python.case(&machine.compress());
    }
    compared("special", python.agrees(), "zlib expands (DFLTCC)");
}

#[test]
fn it_expands_what_zlib_compresses() {
    let cases = cases("SOFTSIE_DEFLATE_CASES", 1_500);
    let Some(lines) = Python::made("deflate.py", &["make", &cases.to_string(), "2"]) else { return };
    let mut machine = Machine::new(2);
    let (mut count, mut wrong) = (0, Vec::new());
    for line in lines {
        count += 1;
        if let Err(what) = machine.expand(&line) {
            wrong.push(format!("{}\n    {what}", &line[..line.len().min(2000)]));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} differences", wrong[..wrong.len().min(10)].join("\n"), wrong.len());
    assert_eq!(count, cases);
    compared("special", count, "zlib compresses (DFLTCC)");
}
