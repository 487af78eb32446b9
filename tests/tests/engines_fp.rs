//! Binary floating point of emitted code against the interpreter, which computes by crate `softsie-bfp`: every form of
//! instruction on random and boundary operands with random FPC values.
//! Source: the promise that both engines run one semantics (docs/engine-pattern.md). `SOFTSIE_FP_CASES` is the number of
//! operand sets for each instruction.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::sync::Arc;

use softsie_cpu::{Lowcore, Psw};
use softsie_exec::{NoObserver, step as interpret};
use softsie_isa::assemble;
use softsie_jit::{Engine, Options, Style, Translator};
use softsie_tests::Bare;
use softsie_tests::differential::Random;

/// Instructions that the emitter has. Operands are in registers 1, 2, 3 and at 0(%r2).
const EMITTED: &[&str] = &[
    "aebr %f1,%f2",
    "adbr %f1,%f2",
    "aeb %f1,0(%r2)",
    "adb %f1,0(%r2)",
    "sebr %f1,%f2",
    "sdbr %f1,%f2",
    "seb %f1,0(%r2)",
    "sdb %f1,0(%r2)",
    "meebr %f1,%f2",
    "mdbr %f1,%f2",
    "meeb %f1,0(%r2)",
    "mdb %f1,0(%r2)",
    "debr %f1,%f2",
    "ddbr %f1,%f2",
    "deb %f1,0(%r2)",
    "ddb %f1,0(%r2)",
    "sqebr %f1,%f2",
    "sqdbr %f1,%f2",
    "sqeb %f1,0(%r2)",
    "sqdb %f1,0(%r2)",
    "maebr %f1,%f2,%f3",
    "madbr %f1,%f2,%f3",
    "maeb %f1,%f3,0(%r2)",
    "madb %f1,%f3,0(%r2)",
    "msebr %f1,%f2,%f3",
    "msdbr %f1,%f2,%f3",
    "mseb %f1,%f3,0(%r2)",
    "msdb %f1,%f3,0(%r2)",
    "cebr %f1,%f2",
    "cdbr %f1,%f2",
    "ceb %f1,0(%r2)",
    "cdb %f1,0(%r2)",
    "kebr %f1,%f2",
    "kdbr %f1,%f2",
    "keb %f1,0(%r2)",
    "kdb %f1,0(%r2)",
    "ltebr %f1,%f2",
    "ltdbr %f1,%f2",
    "lpebr %f1,%f2",
    "lpdbr %f1,%f2",
    "lnebr %f1,%f2",
    "lndbr %f1,%f2",
    "lcebr %f1,%f2",
    "lcdbr %f1,%f1",
    "ldebr %f1,%f2",
    "ldeb %f1,0(%r2)",
    "ledbra %f1,0,%f2,0",
    "ledbra %f1,4,%f2,0",
    "fiebra %f1,0,%f2,0",
    "fidbra %f1,0,%f2,0",
    "fidbra %f1,4,%f2,4",
    "fidbra %f1,5,%f2,0",
    "fidbra %f1,6,%f2,4",
    "fidbra %f1,7,%f2,0",
    "fiebra %f1,5,%f2,4",
    "cefbra %f1,0,%r3,0",
    "cdfbra %f1,0,%r3,0",
    "cegbra %f1,0,%r3,0",
    "cdgbra %f1,0,%r3,0",
    "celfbr %f1,0,%r3,0",
    "cdlfbr %f1,0,%r3,0",
    "celgbr %f1,0,%r3,0",
    "cdlgbr %f1,0,%r3,0",
    "cfebra %r1,0,%f2,0",
    "cfdbra %r1,5,%f2,0",
    "cgebra %r1,6,%f2,0",
    "cgdbra %r1,7,%f2,0",
    "cgdbra %r1,4,%f2,0",
    "clfebr %r1,0,%f2,0",
    "clfdbr %r1,5,%f2,0",
    "clgebr %r1,6,%f2,0",
    "clgdbr %r1,5,%f2,0",
    "vfa %v1,%v2,%v3,3,0",
    "vfa %v1,%v2,%v3,3,8",
    "vfa %v1,%v2,%v3,2,0",
    "vfa %v1,%v2,%v3,2,8",
    "vfs %v1,%v2,%v3,3,0",
    "vfs %v1,%v2,%v3,3,8",
    "vfs %v1,%v2,%v3,2,0",
    "vfs %v1,%v2,%v3,2,8",
    "vfm %v1,%v2,%v3,3,0",
    "vfm %v1,%v2,%v3,3,8",
    "vfm %v1,%v2,%v3,2,0",
    "vfm %v1,%v2,%v3,2,8",
    "vfd %v1,%v2,%v3,3,0",
    "vfd %v1,%v2,%v3,3,8",
    "vfd %v1,%v2,%v3,2,0",
    "vfd %v1,%v2,%v3,2,8",
    "vfsq %v1,%v2,3,0",
    "vfsq %v1,%v2,3,8",
    "vfsq %v1,%v2,2,0",
    "vfsq %v1,%v2,2,8",
    "vfma %v1,%v2,%v3,%v4,0,3",
    "vfma %v1,%v2,%v3,%v4,8,3",
    "vfma %v1,%v2,%v3,%v4,0,2",
    "vfma %v1,%v2,%v3,%v4,8,2",
    "vfms %v1,%v2,%v3,%v4,0,3",
    "vfms %v1,%v2,%v3,%v4,8,3",
    "vfnma %v1,%v2,%v3,%v4,0,3",
    "vfnms %v1,%v2,%v3,%v4,8,2",
    "vfce %v1,%v2,%v3,3,0,0",
    "vfce %v1,%v2,%v3,3,8,1",
    "vfce %v1,%v2,%v3,2,0,1",
    "vfch %v1,%v2,%v3,3,0,1",
    "vfch %v1,%v2,%v3,2,8,0",
    "vfche %v1,%v2,%v3,3,0,1",
    "vfche %v1,%v2,%v3,2,8,1",
    "wfc %v1,%v2,3,0",
    "wfc %v1,%v2,2,0",
    "wfk %v1,%v2,3,0",
    "vfpso %v1,%v2,3,0,0",
    "vfpso %v1,%v2,3,8,1",
    "vfpso %v1,%v2,2,0,2",
    "vfpso %v1,%v2,2,8,0",
    "vcdg %v1,%v2,3,8,0",
    "vcdlg %v1,%v2,3,8,0",
    "vcgd %v1,%v2,3,8,5",
    "vclgd %v1,%v2,3,8,5",
    "vfi %v1,%v2,3,0,0",
    "vfi %v1,%v2,3,12,5",
    "vfi %v1,%v2,2,0,7",
    "vfll %v1,%v2,2,8",
    "vflr %v1,%v2,3,8,0",
];

/// Random operands.
struct Operands(Random);

impl Operands {
    /// A long number: boundaries, integers, numbers near one, anything.
    fn long(&mut self) -> u64 {
        const FRACTION: u64 = (1 << 52) - 1;
        let r = self.0.bits();
        let sign = r & 1 << 63;
        let fraction = match self.0.below(6) {
            0 => 0,
            1 => FRACTION,
            2 => 1 << self.0.below(52),
            3 => FRACTION & !(1 << self.0.below(52)),
            4 => r & FRACTION & !((1 << self.0.below(52)) - 1),
            _ => r & FRACTION,
        };
        let exponent = match self.0.below(12) {
            0 => 0,
            1 => 1 + self.0.below(3),
            2 => 0x7FF,
            3 => 0x7FC + self.0.below(3),
            4 => self.0.below(0x800),
            5 => 1023 - 1021 / 2 + self.0.below(3),
            6 => 1023 - 150 + self.0.below(30),
            7 => 1023 + 20 + self.0.below(50),
            8 => return (self.0.below(64) as f64 - 32.0).to_bits(),
            9 => return ((self.0.below(1 << 20) as f64) / 8.0).to_bits() | sign,
            _ => 1023 - 4 + self.0.below(8),
        };
        sign | exponent << 52 | fraction
    }

    /// A short one.
    fn short(&mut self) -> u32 {
        const FRACTION: u32 = (1 << 23) - 1;
        let r = self.0.bits() as u32;
        let sign = r & 1 << 31;
        let fraction = match self.0.below(6) {
            0 => 0,
            1 => FRACTION,
            2 => 1 << self.0.below(23),
            3 => FRACTION & !(1 << self.0.below(23)),
            4 => r & FRACTION & !((1 << self.0.below(23)) - 1),
            _ => r & FRACTION,
        };
        let exponent = match self.0.below(10) {
            0 => 0,
            1 => 1 + self.0.below(3),
            2 => 0xFF,
            3 => 0xFC + self.0.below(3),
            4 => self.0.below(0x100),
            5 => 127 - 62 + self.0.below(3),
            6 => 127 + 20 + self.0.below(46),
            7 => return (self.0.below(64) as f32 - 32.0).to_bits(),
            _ => 127 - 4 + self.0.below(8),
        };
        sign | (exponent as u32) << 23 | fraction
    }

    fn vector(&mut self, short: bool) -> u128 {
        if short {
            (0..4).fold(0, |v, _| v << 32 | u128::from(self.short()))
        } else {
            (0..2).fold(0, |v, _| v << 64 | u128::from(self.long()))
        }
    }

    fn integer(&mut self) -> u64 {
        let r = self.0.bits();
        match self.0.below(5) {
            0 => r,
            1 => r >> self.0.below(64),
            2 => (r as i64 >> self.0.below(64)) as u64,
            3 => (1u64 << self.0.below(64)).wrapping_add(self.0.below(3)).wrapping_sub(1),
            _ => self.0.below(100).wrapping_sub(50),
        }
    }

    fn fpc(&mut self) -> u32 {
        let flags = (self.0.bits() as u32 & 0x1F) << 19;
        match self.0.below(8) {
            0 => (self.0.bits() as u32 & 0x1F) << 27 | flags,
            1 => flags | [1, 2, 3, 7][self.0.below(4) as usize],
            2..5 => flags | 0x0008_0000,
            _ => flags & !0x0008_0000,
        }
    }
}

/// What an instruction starts with.
#[derive(Clone, Debug)]
struct Start {
    vr: [u128; 5],
    gr: u64,
    fpc: u32,
    storage: [u8; 8],
}

/// All that it may change.
#[derive(PartialEq, Eq, Debug)]
struct End {
    vr: [u128; 5],
    gr: [u64; 16],
    fpc: u32,
    psw: Psw,
    dxc: u8,
    interruptions: u64,
    code: [u8; 4],
}

struct Machine {
    bare: Bare,
}

impl Machine {
    fn new(text: &[u8]) -> Machine {
        let mut bare = Bare::new();
        let cpu = &mut bare.cpu;
        cpu.cr[0] = 0x6_00E0;
        cpu.write_absolute(0x2000, text).unwrap();
        cpu.write_absolute(Lowcore::PROGRAM_NEW_PSW, &0x0000_0001_8000_0000u64.to_be_bytes()).unwrap();
        cpu.write_absolute(Lowcore::PROGRAM_NEW_PSW + 8, &0xBBBCu64.to_be_bytes()).unwrap();
        cpu.flush_tlb();
        cpu.start_running();
        Machine { bare }
    }

    fn execute(&mut self, start: &Start, engine: Option<&mut Engine>) -> End {
        let cpu = &mut self.bare.cpu;
        cpu.vr[..5].copy_from_slice(&start.vr);
        cpu.gr = [0; 16];
        cpu.gr[2] = 0x4000;
        cpu.gr[3] = start.gr;
        cpu.gr[1] = !0;
        cpu.fpc = start.fpc;
        cpu.program = softsie_cpu::ProgramData::default();
        cpu.write_absolute(0x4000, &start.storage).unwrap();
        cpu.set_psw(Psw::new(0x1_8000_0000, 0x2000));
        let before = cpu.statistics.program_interruptions;
        match engine {
            Some(engine) => assert!(engine.advance(cpu).flatten().is_none()),
            None => assert!(interpret(cpu, &mut NoObserver).is_none()),
        }
        let mut code = [0; 4];
        let interruptions = cpu.statistics.program_interruptions - before;
        if interruptions != 0 {
            cpu.read_absolute(Lowcore::PROGRAM_CODE - 2, &mut code).unwrap();
        }
        let mut vr = [0; 5];
        vr.copy_from_slice(&cpu.vr[..5]);
        End { vr, gr: cpu.gr, fpc: cpu.fpc, psw: cpu.current_psw(), dxc: cpu.program.dxc, interruptions, code }
    }
}

#[test]
fn emitted_floating_point_is_that_of_the_interpreter() {
    let cases: u64 = std::env::var("SOFTSIE_FP_CASES").map_or(3000, |v| v.parse().unwrap());
    let only = std::env::var("SOFTSIE_FP_ONLY").unwrap_or_default();
    for text in EMITTED.iter().filter(|t| t.contains(&only)) {
        let seed = text.bytes().fold(cases, |h, b| h.wrapping_mul(31) ^ u64::from(b));
        let mut random = Operands(Random::new(seed));
        let code = assemble(text, 0x2000).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        let short = match text.split_once(' ').unwrap() {
            (name, operands) if name.starts_with(['v', 'w']) => {
                let last: Vec<_> = operands.split(',').filter(|o| !o.starts_with('%')).collect();
                if name.starts_with("vfma") || name.starts_with("vfms") || name.starts_with("vfnm") {
                    last.last() == Some(&"2")
                } else {
                    last.first() == Some(&"2")
                }
            }
            (name, _) => {
                let name = name.trim_end_matches("bra").trim_end_matches("br").trim_end_matches('b');
                name.ends_with('e') || name == "lde"
            }
        };
        let options = Options { limit: 1, style: Style::Best, ..Options::EAGER };
        let mut engine = Engine::of(Arc::new(Translator::new(options).unwrap()));
        let (mut a, mut b) = (Machine::new(&code), Machine::new(&code));
        for _ in 0..cases {
            let mut start = Start {
                vr: std::array::from_fn(|_| random.vector(short)),
                gr: random.integer(),
                fpc: random.fpc(),
                storage: if short {
                    (u64::from(random.short()) << 32).to_be_bytes()
                } else {
                    random.long().to_be_bytes()
                },
            };
            // Operands that cancel, or are integers for conversions.
            match random.0.below(8) {
                0 => start.vr[2] = start.vr[1] ^ if short { 1 << 127 | 1 << 95 } else { 1 << 127 },
                1 => start.vr[2] = u128::from(random.integer()) << 64 | u128::from(random.integer()),
                2 => start.vr[3] = start.vr[2],
                _ => {}
            }
            let expected = a.execute(&start, None);
            let found = b.execute(&start, Some(&mut engine));
            assert_eq!(found, expected, "{text}: {start:x?}");
        }
        let c = engine.counters();
        assert_eq!(engine.translated().calls, 0, "{text} is emitted");
        // Of four lanes with operands like these hardly ever all are easy.
        assert!((cases - c.interpreted) * 200 > cases, "{text}: the interpreter does {} of {cases}", c.interpreted);
    }
}
