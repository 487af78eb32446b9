//! Guest loops that stand for kinds of code, ready to be run by either engine.
//! May depend on everything; nothing depends on it. Truth of the results: each loop checks its own.

mod parts;
mod signals;

pub use parts::{CLASSES, Part, Program, SYSTEM, TIMES};
pub use signals::Signals;

use softsie_cpu::{Cpu, Psw};
use softsie_exec::{Leave, NoObserver, run};
use softsie_jit::Engine;
use softsie_tests::Bare;

const CODE: u64 = 0x2000;
const TABLE: u64 = 0x3000;
const SOURCE: u64 = 0x2_0000;
const TARGET: u64 = 0x9_0000;
/// Bytes that the loops work on.
const LENGTH: u64 = 0x6_0000;
/// How often loops without data go round.
const ROUNDS: u64 = 100_000;
/// Where the PSW is that ends a loop.
const WAIT: u64 = 0x200;

/// A kind of code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loop {
    /// CRC-32, a table look-up for each byte: eight instructions, two of them fetches.
    Crc,
    /// Doublewords copied one by one.
    Copy,
    /// A function called each time, with a branch in it that goes either way.
    Calls,
    /// Compare-and-branch instructions with different masks and outcomes.
    Compare,
    /// A step of two bodies in long BFP: four products and sums, two fused, and a division, of doublewords in storage.
    Bodies,
    /// A vector of two sums of products, integers in long BFP, so that no result is inexact.
    Products,
    /// Interest, rounded and summed up: packed decimal numbers in storage, multiplied, shifted and added.
    Interest,
    /// The same in vector registers.
    VectorInterest,
}

impl Loop {
    /// All of them.
    pub const ALL: [Loop; 8] = [
        Loop::Crc,
        Loop::Copy,
        Loop::Calls,
        Loop::Compare,
        Loop::Bodies,
        Loop::Products,
        Loop::Interest,
        Loop::VectorInterest,
    ];

    /// The program.
    fn text(self) -> &'static str {
        match self {
            Loop::Crc => {
                "again: llgc %r1,0(%r2)\n xr %r1,%r3\n llgcr %r1,%r1\n sllg %r1,%r1,2\n srl %r3,8\n x %r3,0(%r1,%r4)\n\
                 la %r2,1(%r2)\n brctg %r5,again\n lpswe 0x200"
            }
            Loop::Copy => {
                "again: lg %r1,0(%r2)\n stg %r1,0(%r3)\n la %r2,8(%r2)\n la %r3,8(%r3)\n brctg %r5,again\n lpswe 0x200"
            }
            Loop::Calls => {
                "again: lgr %r2,%r5\n brasl %r14,half\n agr %r6,%r2\n brctg %r5,again\n lpswe 0x200\n\
                 half: tmll %r2,1\n jne odd\n srlg %r2,%r2,1\n br %r14\n odd: aghi %r2,1\n br %r14"
            }
            Loop::Compare => {
                "again: lgr %r2,%r5\n ngr %r2,%r8\n cgrje %r2,%r7,one\n cgrjl %r2,%r9,two\n aghi %r6,1\n\
                 one: cgrjh %r2,%r9,three\n aghi %r6,2\n two: aghi %r6,3\n three: cgrjnl %r2,%r7,four\n aghi %r6,4\n\
                 four: brctg %r5,again\n lpswe 0x200"
            }
            Loop::Bodies => {
                "again: ld %f0,0(%r2)\n ld %f4,8(%r2)\n sdb %f0,16(%r2)\n wfmadb %v2,%v0,%v0,%v3\n mdb %f0,24(%r2)\n\
                 wfddb %v2,%v1,%v2\n mdbr %f0,%f2\n wfmadb %v0,%v0,%v6,%v4\n std %f0,8(%r2)\n brctg %r5,again\n\
                 lpswe 0x200"
            }
            Loop::Products => {
                "again: vl %v2,0(%r2)\n vlrepg %v4,16(%r2)\n vfmadb %v0,%v4,%v2,%v0\n brctg %r5,again\n lpswe 0x200"
            }
            Loop::Interest => {
                "again: zap 16(8,%r2),0(8,%r2)\n mp 16(8,%r2),8(2,%r2)\n srp 16(8,%r2),62,5\n ap 24(8,%r2),16(8,%r2)\n\
                 brctg %r5,again\n lpswe 0x200"
            }
            Loop::VectorInterest => {
                "again: vlrl %v1,0(%r2),7\n vlrl %v2,8(%r2),1\n vmp %v3,%v1,%v2,15,1\n vsrp %v3,%v3,15,254,1\n\
                 vap %v4,%v4,%v3,15,1\n vstrl %v4,24(%r2),7\n brctg %r5,again\n lpswe 0x200"
            }
        }
    }

    fn rounds(self) -> u64 {
        match self {
            Loop::Crc => LENGTH,
            Loop::Copy => LENGTH / 8,
            _ => ROUNDS,
        }
    }
}

fn crc_table() -> [u32; 256] {
    std::array::from_fn(|n| (0..8).fold(n as u32, |c, _| if c & 1 != 0 { 0xEDB8_8320 ^ c >> 1 } else { c >> 1 }))
}

/// Coordinate, velocity, the other's coordinate and mass.
const BODIES: [f64; 4] = [1.5, 0.25, -3.0, 10.0];
/// One, what keeps the distance from zero, and the length of a step.
const CONSTANTS: [f64; 3] = [1.0, 0.01, 0.001];
/// Two numbers and one that they are multiplied by.
const FACTORS: [f64; 3] = [3.0, -5.0, 7.0];

/// An amount of 15 digits, a rate of three, room for a product, and a sum: packed.
const ACCOUNT: [u8; 32] = {
    let mut account = [0; 32];
    [account[3], account[4], account[5], account[6], account[7]] = [0x12, 0x34, 0x56, 0x78, 0x9C];
    [account[8], account[9]] = [0x34, 0x5C];
    account[31] = 0x0C;
    account
};

/// The sum after all rounds, as its hexadecimal digits.
fn interest() -> String {
    let product: u64 = 123_456_789 * 345;
    format!("{:015}c", (product / 10 + 5) / 10 * ROUNDS)
}

fn storage_of(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_bits().to_be_bytes()).collect()
}

fn velocity() -> f64 {
    let ([x, mut v, other, mass], [one, least, step]) = (BODIES, CONSTANTS);
    for _ in 0..ROUNDS {
        let d = x - other;
        v = (d * mass * (one / d.mul_add(d, least))).mul_add(step, v);
    }
    v
}

fn source() -> Vec<u8> {
    (0..LENGTH as u32).map(|i| (i * 7 + (i >> 8)) as u8).collect()
}

/// A CPU with a loop in storage.
pub struct Subject {
    bare: Bare,
    which: Loop,
}

impl Subject {
    /// The loop ready to be run.
    ///
    /// # Panics
    /// The program does not assemble or does not fit.
    #[allow(clippy::expect_used)] // a bench that cannot be set up has nothing to tell
    pub fn new(which: Loop) -> Subject {
        let mut bare = Bare::new();
        let text = softsie_isa::assemble(which.text(), CODE).expect("the loop assembles");
        let cpu = &mut bare.cpu;
        let mut write = |at: u64, bytes: &[u8]| cpu.write_absolute(at, bytes).expect("the loop fits into storage");
        write(CODE, &text);
        write(WAIT, &0x0002_0001_8000_0000u64.to_be_bytes());
        write(WAIT + 8, &0xAAAAu64.to_be_bytes());
        write(SOURCE, &source());
        let table: Vec<u8> = crc_table().iter().flat_map(|e| e.to_be_bytes()).collect();
        write(TABLE, &table);
        Subject { bare, which }
    }

    /// Puts the registers back to the start.
    #[allow(clippy::expect_used)]
    fn rewind(&mut self) -> &mut Cpu {
        let cpu = &mut self.bare.cpu;
        cpu.gr = [0; 16];
        cpu.gr[2] = SOURCE;
        cpu.gr[5] = self.which.rounds();
        match self.which {
            Loop::Crc => (cpu.gr[3], cpu.gr[4]) = (0xFFFF_FFFF, TABLE),
            Loop::Copy => cpu.gr[3] = TARGET,
            Loop::Calls => {}
            Loop::Bodies => {
                cpu.gr[2] = TARGET;
                cpu.vr[..8].fill(0);
                for (n, constant) in [1, 3, 6].into_iter().zip(CONSTANTS) {
                    cpu.vr[n] = u128::from(constant.to_bits()) << 64;
                }
            }
            Loop::Products => {
                cpu.gr[2] = TARGET;
                cpu.vr[0] = 0;
            }
            Loop::Interest | Loop::VectorInterest => {
                cpu.gr[2] = TARGET;
                cpu.vr[4] = 0xC;
            }
            Loop::Compare => (cpu.gr[7], cpu.gr[8], cpu.gr[9]) = (2, 7, 5),
        }
        let numbers = match self.which {
            Loop::Bodies => storage_of(&BODIES),
            Loop::Products => storage_of(&FACTORS),
            Loop::Interest | Loop::VectorInterest => ACCOUNT.to_vec(),
            _ => Vec::new(),
        };
        cpu.write_absolute(TARGET, &numbers).expect("storage has the numbers' place");
        cpu.cr[0] = 0x6_00E0;
        cpu.fpc = 0;
        cpu.set_psw(Psw::new(0x1_8000_0000, CODE));
        cpu
    }

    /// Runs the loop once, by the interpreter or an engine; the number of instructions.
    ///
    /// # Panics
    /// The loop did not end as it should.
    pub fn run(&mut self, engine: Option<&mut Engine>) -> u64 {
        let cpu = self.rewind();
        let before = cpu.statistics.instructions;
        cpu.start_running();
        let leave = match engine {
            Some(engine) => engine.run(cpu),
            None => run(cpu, &mut NoObserver),
        };
        cpu.stop_running();
        assert_eq!((leave, cpu.psw.address), (Leave::Wait, 0xAAAA), "the loop ends by loading a wait PSW");
        cpu.statistics.instructions - before
    }

    /// Whether the last run's result is right.
    pub fn is_right(&mut self) -> bool {
        let gr = self.bare.cpu.gr;
        match self.which {
            Loop::Crc => {
                let table = crc_table();
                let crc = source().iter().fold(!0u32, |c, b| table[usize::from(c as u8 ^ b)] ^ c >> 8);
                gr[3] as u32 == crc
            }
            Loop::Copy => {
                let storage = self.bare.storage();
                storage[TARGET as usize..(TARGET + LENGTH) as usize] == source()[..]
            }
            // Half of each number, rounded up by one when odd: an odd n gives n + 1.
            Loop::Calls => gr[6] == (1..=ROUNDS).map(|n| if n % 2 != 0 { n + 1 } else { n / 2 }).sum(),
            Loop::Bodies => {
                let storage = self.bare.storage();
                storage[TARGET as usize + 8..TARGET as usize + 16] == velocity().to_bits().to_be_bytes()
            }
            Loop::Interest | Loop::VectorInterest => {
                let sum = &self.bare.storage()[TARGET as usize + 24..TARGET as usize + 32];
                u64::from_str_radix(&interest(), 16).is_ok_and(|digits| digits.to_be_bytes() == *sum)
            }
            Loop::Products => {
                let sums = [0, 1].map(|n| (ROUNDS as f64 * FACTORS[n] * FACTORS[2]).to_bits());
                self.bare.cpu.vr[0] == u128::from(sums[0]) << 64 | u128::from(sums[1])
            }
            Loop::Compare => {
                let round = |n: u64| match n & 7 {
                    2 => 5,
                    low @ 0..5 => 3 + if low < 2 { 4 } else { 0 },
                    5 => 6,
                    _ => 1,
                };
                gr[6] == (1..=ROUNDS).map(round).sum()
            }
        }
    }

    /// The CPU at the loop's start, for listings.
    pub fn at_start(&mut self) -> &mut Cpu {
        self.rewind()
    }
}
