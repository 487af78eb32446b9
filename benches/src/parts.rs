//! Single costs: an instruction of each class, the TLB, interruptions, control state, signals, translating.
//! Truth: none; each program says that it came to its end.

use softsie_cpu::{Cpu, Lowcore, Psw};
use softsie_exec::{Leave, NoObserver, run};
use softsie_jit::Engine;
use softsie_tests::{Bare, build_tables};

const CODE: u64 = 0x2000;
const DATA: u64 = 0x5000;
const WAIT: u64 = 0x200;
const MASK: u64 = 0x1_8000_0000;
const DAT: u64 = 1 << 58;
/// How often a program goes round.
pub const TIMES: u64 = 1000;

/// A body that is executed in a loop: its name, its text, and how many instructions of it are meant.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// What divan calls it.
    pub name: &'static str,
    body: &'static str,
    meant: u64,
    /// Runs with address translation.
    dat: bool,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn part(name: &'static str, meant: u64, body: &'static str) -> Part {
    Part { name, body, meant, dat: false }
}

const fn translated(name: &'static str, meant: u64, body: &'static str) -> Part {
    Part { name, body, meant, dat: true }
}

/// Instructions by class. %r12 and %r13 designate data, %r11 is 3; vectors hold integers or long BFP numbers.
pub const CLASSES: &[Part] = &[
    part("arithmetic", 4, "agr %r1,%r2\n ahi %r3,7\n slgr %r4,%r1\n cgr %r3,%r4"),
    part("logic", 4, "ngr %r1,%r2\n xr %r3,%r1\n sllg %r4,%r3,5\n risbg %r5,%r4,8,40,9"),
    part("multiply", 2, "msgr %r1,%r11\n mlgr %r2,%r11"),
    part("divide", 1, "lghi %r2,0\n lghi %r3,1000\n dlgr %r2,%r11"),
    part("fetch", 4, "lg %r1,0(%r12)\n l %r2,8(%r12)\n llgc %r3,12(%r12)\n lgh %r4,14(%r12)"),
    part("store", 4, "stg %r1,0(%r12)\n st %r2,8(%r12)\n stc %r3,12(%r12)\n sth %r4,14(%r12)"),
    part("multiple", 2, "stmg %r0,%r9,0(%r12)\n lmg %r0,%r9,0(%r12)"),
    part("interlocked", 2, "laag %r1,%r11,0(%r12)\n csg %r2,%r2,8(%r12)"),
    part("branch", 3, "cgrje %r1,%r1,1f\n nopr\n1: tmll %r11,1\n jz 2f\n 2: j 3f\n 3:"),
    part("call", 2, "brasl %r14,callee"),
    part("storage-short", 3, "mvc 0(8,%r12),0(%r13)\n xc 8(8,%r12),8(%r12)\n clc 16(8,%r12),16(%r13)"),
    part("storage-256", 2, "mvc 0(256,%r12),0(%r13)\n clc 0(256,%r12),0(%r13)"),
    part("translate", 1, "tr 0(64,%r12),256(%r13)"),
    part("execute", 1, "exrl %r11,moved"),
    part("decimal", 2, "ap 512(8,%r12),520(8,%r12)\n zap 528(8,%r12),520(8,%r12)"),
    part("bfp-long", 3, "adbr %f1,%f3\n mdbr %f1,%f5\n cdbr %f1,%f3"),
    part("bfp-extended", 1, "axbr %f8,%f9"),
    part("vector-integer", 3, "vag %v1,%v2,%v3\n vx %v4,%v1,%v2\n vmlf %v5,%v2,%v3"),
    part("vector-string", 2, "vl %v1,0(%r13)\n vfenezbs %v6,%v1,%v2"),
    part("vector-bfp", 2, "vfadb %v18,%v16,%v17\n vfmadb %v18,%v16,%v17,%v18"),
    part("access-register", 2, "ear %r1,%a2\n sar %a3,%r1"),
    part("interlocked-storage", 1, "asi 0(%r12),1"),
];

/// The TLB, control state, interruptions.
pub const SYSTEM: &[Part] = &[
    translated("tlb-hit", 1, "lg %r1,0(%r12)"),
    translated("tlb-purged-and-filled", 1, "ptlb\n lg %r1,0(%r12)"),
    translated("page-invalidated-and-filled", 1, "ipte %r9,%r12\n sturg %r10,%r8\n lg %r1,0(%r12)"),
    // CR1 as Linux changes it at each entry to the kernel and back.
    translated(
        "lctlg-address-space",
        2,
        "lctlg %c1,%c1,1024(%r13)\n lg %r1,0(%r12)\n lctlg %c1,%c1,1032(%r13)\n lg %r1,0(%r12)",
    ),
    part("lctlg-same", 1, "lctlg %c1,%c1,1024(%r13)"),
    part("masks", 2, "stnsm 0(%r12),0xfc\n stosm 0(%r12),0"),
    // Supervisor call or operation exception, and LPSWE of the old PSW.
    part("supervisor-call", 1, "svc 1"),
    part("program-interruption", 1, ".short 0"),
];

/// A CPU with a program in storage.
pub struct Program {
    bare: Bare,
    dat: bool,
}

impl Program {
    /// The loop around a part.
    ///
    /// # Panics
    /// The program does not assemble.
    #[allow(clippy::expect_used)] // a bench that cannot be set up has nothing to tell
    pub fn new(part: &Part) -> Program {
        let mut bare = Bare::new();
        let cpu = &mut bare.cpu;
        let source = format!(
            "lghi %r7,0\nagain: {}\n brctg %r15,again\n lpswe 0x200\n\
             callee: la %r1,1(%r1)\n br %r14\nmoved: mvc 0(1,%r12),0(%r13)\n\
             .space 64\nhandler: lpswe 0x140\nother: lpswe 0x150\n",
            part.body
        );
        let program = softsie_isa::assemble_with_symbols(&source, CODE).expect("the part assembles");
        let mut write = |at: u64, bytes: &[u8]| cpu.write_absolute(at, bytes).expect("the part fits into storage");
        write(CODE, &program.bytes);
        let mut psw = |at: u64, mask: u64, address: u64| {
            write(at, &mask.to_be_bytes());
            write(at + 8, &address.to_be_bytes());
        };
        psw(WAIT, 2 << 48 | MASK, 0xAAAA);
        psw(Lowcore::SVC_NEW_PSW, MASK, program.symbols["handler"]);
        psw(Lowcore::PROGRAM_NEW_PSW, MASK, program.symbols["other"]);
        let data: Vec<u8> = (0..0x2000u32).map(|n| n as u8).collect();
        write(DATA, &data);
        // Packed decimal numbers.
        write(DATA + 512, &[0, 0, 0, 0, 0, 0, 0, 0x1C, 0, 0, 0, 0, 0, 0, 0, 0x2C]);
        if part.dat {
            build_tables(cpu, &[], &[]).expect("the tables fit");
            let space = cpu.cr[1];
            for (at, value) in [(1024, space | 0x80), (1032, space)] {
                cpu.write_absolute(DATA + 0x1000 + at, &value.to_be_bytes()).expect("the data is there");
            }
            cpu.flush_tlb();
        }
        Program { bare, dat: part.dat }
    }

    /// Runs the loop `rounds` times by the interpreter or an engine; how many instructions that were.
    ///
    /// # Panics
    /// The loop did not end as it should.
    pub fn run(&mut self, rounds: u64, engine: Option<&mut Engine>) -> u64 {
        let cpu = &mut self.bare.cpu;
        self::registers(cpu, rounds);
        cpu.set_psw(Psw::new(MASK, CODE));
        if self.dat {
            // The page table, and its entry of the data's page.
            (cpu.gr[8], cpu.gr[9], cpu.gr[10]) = (0xF_4000 + DATA / 0x1000 * 8, 0xF_4000, DATA);
            cpu.set_psw(Psw::new(MASK | DAT, CODE));
        }
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

    /// Changes the text, so that what was translated is of no use: `number` is loaded into a register nobody needs.
    ///
    /// # Panics
    /// There is no storage.
    #[allow(clippy::expect_used)]
    pub fn change(&mut self, number: u16) {
        let cpu = &mut self.bare.cpu;
        cpu.write_absolute(CODE + 2, &number.to_be_bytes()).expect("code is there");
        cpu.flush_fetch();
    }
}

impl Part {
    /// How many instructions `rounds` rounds measure.
    pub fn meant(&self, rounds: u64) -> u64 {
        self.meant * rounds
    }
}

fn registers(cpu: &mut Cpu, rounds: u64) {
    cpu.gr = [0; 16];
    (cpu.gr[11], cpu.gr[12], cpu.gr[13], cpu.gr[15]) = (3, DATA, DATA + 0x1000, rounds);
    cpu.vr = [0; 32];
    for n in 0..8 {
        cpu.vr[n] = 0x0102_0304_0506_0708_090A_0B0C_0D0E_0F10 << n;
    }
    let (one, two) = (1.5f64.to_bits(), 0.75f64.to_bits());
    for n in [1, 3, 16] {
        cpu.vr[n] = u128::from(one) << 64 | u128::from(one);
    }
    for n in [5, 17] {
        cpu.vr[n] = u128::from(two) << 64 | u128::from(two);
    }
    cpu.cr[0] = 0x6_00E0;
    cpu.fpc = 0x8_0000;
}
