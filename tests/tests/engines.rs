//! The emitted code against the case files and against the interpreter.
//! Source: `cases/README.md`; the promise that both engines run one semantics (docs/engine-pattern.md).

#![allow(clippy::unwrap_used)] // helpers of tests

use std::sync::Arc;

use proptest::prelude::*;
use softsie_cpu::{Lowcore, ProgramCode, Psw};
use softsie_exec::{Leave, NoObserver, run, step as interpret};
use softsie_isa::assemble;
use softsie_jit::{Engine, Optimization, Options, Style, Translator};
use softsie_tests::coverage::all_cases;
use softsie_tests::{Bare, Step, build_tables, check_with};

fn engine(style: Style, optimization: Optimization, limit: usize) -> Engine {
    Engine::of(Arc::new(Translator::new(Options { style, optimization, limit, ..Options::EAGER }).unwrap()))
}

/// Executes one instruction by the engine.
fn step(engine: &mut Engine, bare: &mut Bare) -> Step {
    engine.change_cpu();
    let cpu = &mut bare.cpu;
    cpu.start_running();
    let interruptions = cpu.statistics.program_interruptions;
    let leave = loop {
        let repeated = engine.counters().repeated;
        // As `Engine::run` does.
        let result = if cpu.steps() { interpret(cpu, &mut NoObserver) } else { engine.advance(cpu).flatten() };
        if result.is_some() || engine.counters().repeated == repeated {
            break result;
        }
    };
    cpu.stop_running();
    cpu.attention().take(!0);
    if cpu.statistics.program_interruptions != interruptions {
        let mut code = [0; 2];
        cpu.read_absolute(cpu.prefix + Lowcore::PROGRAM_CODE, &mut code).unwrap();
        return Step::Program(ProgramCode(u16::from_be_bytes(code)));
    }
    match leave {
        None | Some(Leave::Wait) => Step::Done,
        Some(Leave::Instruction { .. }) => Step::Intercepted,
        Some(other) => Step::Left(other),
    }
}

#[test]
fn every_case_holds_in_quick_code() {
    every_case_holds(Style::Quick);
}

#[test]
fn every_case_holds_in_better_code() {
    every_case_holds(Style::Best);
}

fn every_case_holds(style: Style) {
    let mut engine = engine(style, Optimization::None, 1);
    let cases = all_cases().unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        if let Err(e) = check_with(case, &mut |bare| step(&mut engine, bare)) {
            wrong.push(e);
        }
    }
    let c = engine.translated();
    println!("{} cases, {} regions, {} of them drafts, {} calls", cases.len(), c.regions, c.drafts, c.calls);
    assert_eq!(c.refused, 0, "regions that the compiler refused");
    assert!(c.regions as usize >= cases.len() / 2, "most cases are compiled: {c:?}");
    let drafts = style == Style::Quick && cfg!(target_arch = "x86_64");
    assert!(c.drafts * 2 >= c.regions * u64::from(drafts), "most quick regions are drafts: {c:?}");
    assert!(wrong.is_empty(), "{} of {} cases fail:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Instructions of which random programs are made. D is a register that may change, S any, M a storage operand with index,
/// B one without, H, U and W immediates of 16 (signed, unsigned) and 32 bits, N a number from 0 to 63, K a mask, F a forward label.
const TEMPLATES: &[&str] = &[
    "ar D,S",
    "agr D,S",
    "sr D,S",
    "sgr D,S",
    "alr D,S",
    "algr D,S",
    "slr D,S",
    "slgr D,S",
    "alcr D,S",
    "alcgr D,S",
    "slbr D,S",
    "slbgr D,S",
    "ahi D,H",
    "aghi D,H",
    "afi D,W",
    "agfi D,W",
    "a D,M",
    "ag D,M",
    "s D,M",
    "sg D,M",
    "al D,M",
    "alg D,M",
    "cr D,S",
    "cgr D,S",
    "clr D,S",
    "clgr D,S",
    "c D,M",
    "cg D,M",
    "cl D,M",
    "clg D,M",
    "chi D,H",
    "cghi D,H",
    "l D,M",
    "lg D,M",
    "lgf D,M",
    "llgf D,M",
    "llgc D,M",
    "lgb D,M",
    "lh D,M",
    "lgh D,M",
    "llgh D,M",
    "lrv D,M",
    "lrvg D,M",
    "lrvr D,S",
    "lrvgr D,S",
    "st D,M",
    "stg D,M",
    "stc D,M",
    "sth D,M",
    "strv D,M",
    "strvg D,M",
    "lr D,S",
    "lgr D,S",
    "ltr D,S",
    "ltgr D,S",
    "lcr D,S",
    "lcgr D,S",
    "lpr D,S",
    "lngr D,S",
    "lgfr D,S",
    "llgfr D,S",
    "lhi D,H",
    "lghi D,H",
    "lgfi D,W",
    "iilf D,W",
    "iihf D,W",
    "la D,M",
    "lay D,M",
    "xr D,S",
    "xgr D,S",
    "nr D,S",
    "ngr D,S",
    "or D,S",
    "ogr D,S",
    "x D,M",
    "ng D,M",
    "xilf D,W",
    "nihf D,W",
    "sll D,N",
    "srl D,N",
    "sra D,N",
    "sla D,N",
    "sllg D,S,N",
    "srlg D,S,N",
    "srag D,S,N",
    "rllg D,S,N",
    "rll D,S,N",
    "sllk D,S,N",
    "risbg D,S,N,N,N",
    "rosbg D,S,N,N,N",
    "tmll D,U",
    "tmlh D,U",
    "tmhh D,U",
    "tm B,7",
    "mvi B,17",
    "oi B,5",
    "ni B,9",
    "cli B,8",
    "mvhi B,H",
    "mvghi B,H",
    "ic D,M",
    "icmh D,5,B",
    "icm D,K,B",
    "stcm D,K,B",
    "locr D,S,K",
    "locgr D,S,K",
    "brc K,F",
    "jnz F",
    "jl F",
    "cgrj D,S,K,F",
    "clrj D,S,K,F",
    "cgij D,N,K,F",
    "cs D,S,B",
    "csg D,S,B",
    "asi B,7",
    "agsi B,-7",
    "laa D,S,B",
    "lan D,S,B",
    "lao D,S,B",
    "msr D,S",
    "msgr D,S",
    "msg D,M",
    "flogr 4,S",
    "popcnt D,S",
    "ipm D",
    "ear D,%a3",
    "sar %a3,S",
    "bras D,F",
    "stmg D,S,B",
    "lmg 2,5,B",
    "stm 3,6,B",
    "lm 6,8,B",
    "mvc 0(9,%r12),5(%r13)",
    "mvc N(8,%r13),N(%r12)",
    "mvc N(32,%r12),N(%r12)",
    "mvc N(20,%r13),N(%r13)",
    "mvc N(1,%r13),N(%r13)",
    "mvc N(200,%r12),N(%r13)",
    "mvc 1(50,%r13),0(%r13)",
    "xc 0(8,%r12),0(%r12)",
    "xc 7(33,%r13),7(%r13)",
    "xc 3(100,%r13),3(%r13)",
    "xc N(7,%r12),N(%r12)",
    "nc N(13,%r13),N(%r12)",
    "nc N(3,%r13),N(%r13)",
    "oc N(4,%r12),N(%r13)",
    "oc N(40,%r12),N(%r13)",
    "clc 0(4,%r12),0(%r13)",
    "clc N(16,%r12),N(%r13)",
    "clc N(11,%r13),N(%r12)",
    "clc N(1,%r13),N(%r12)",
    "clc N(3,%r13),0(%r13)",
    "clc N(70,%r12),N(%r12)",
    "exrl S,t0",
    "exrl S,t1",
    "exrl S,t2",
    "exrl S,t3",
    "exrl S,t4",
    "larl %r1,t5\n ex S,0(%r1)",
    "larl %r2,t0\n ex S,0(%r2)",
    "ex S,0(%r1)",
    "dlgr 4,S",
    "dlg 8,M",
    "dsgr 6,S",
    "dsgfr 2,S",
    "dsg 4,M",
    "dr 2,S",
    "dlr 8,S",
    "d 4,M",
    "alsi B,7",
    "algsi B,-3",
    "laag D,S,B",
    "laal D,S,B",
    "vlm %v1,%v5,B",
    "vstm %v2,%v6,B",
    "lam %a1,%a4,B",
    "stam %a1,%a4,B",
    "va %v1,%v2,%v3,2",
    "vx %v3,%v1,%v2",
    "vl %v2,B",
    "vst %v1,B",
    "vceqf %v4,%v1,%v2",
    "vlvgg %v1,S,1",
    "adbr %f1,%f2",
    "sdb %f2,B",
    "mdbr %f3,%f1",
    "debr %f1,%f3",
    "wfmadb %v2,%v1,%v3,%v2",
    "vfadb %v1,%v2,%v3",
    "cdbr %f1,%f2",
    "lcdbr %f1,%f3",
    "ltebr %f2,%f1",
    "cdgbr %f2,S",
    "cgdbr D,5,%f2",
    "ledbr %f3,%f2",
    "ldebr %f1,%f3",
    "ldr %f1,%f2",
    "ler %f2,%f3",
    "ld %f3,B",
    "std %f1,B",
    "ldgr %f1,S",
    "lgdr D,%f2",
    "vl %v3,M",
    "vst %v4,M",
    "vperm %v1,%v2,%v3,%v4",
    "vsel %v2,%v3,%v4,%v1",
    "vsldb %v5,%v1,%v2,5",
    "vmrhb %v1,%v2,%v3",
    "vmrlh %v2,%v3,%v4",
    "vmrhf %v3,%v4,%v5",
    "vmrlg %v4,%v5,%v1",
    "vpkh %v1,%v2,%v3",
    "vpkf %v2,%v3,%v4",
    "vpkg %v3,%v4,%v5",
    "vpksh %v4,%v5,%v1",
    "vpksf %v5,%v1,%v2",
    "vuphb %v1,%v2",
    "vuplhh %v2,%v3",
    "vuplf %v3,%v4",
    "vupllb %v4,%v5",
    "vsegb %v5,%v1",
    "vsegf %v1,%v3",
    "veslb %v1,%v2,N(%r1)",
    "vesrlh %v2,%v3,N(%r2)",
    "vesraf %v3,%v4,N(%r3)",
    "vesrag %v4,%v5,N",
    "vesrab %v4,%v5,N",
    "verllf %v5,%v1,N(%r4)",
    "verllb %v1,%v2,N",
    "vlcb %v1,%v2",
    "vlpg %v2,%v3",
    "vpopctb %v3,%v4",
    "vaccb %v4,%v5,%v1",
    "vscbig %v5,%v1,%v2",
    "vaccq %v5,%v1,%v2",
    "vmlhw %v1,%v2,%v3",
    "vmlf %v2,%v3,%v4",
    "vmeb %v1,%v2,%v3",
    "vmloh %v2,%v3,%v4",
    "vmhf %v3,%v4,%v5",
    "vmlhh %v4,%v5,%v1",
    "vmlb %v5,%v1,%v2",
    "vmahh %v1,%v2,%v3,%v4",
    "vmaef %v2,%v3,%v4,%v5",
    "vsumb %v3,%v4,%v5",
    "vsumgh %v4,%v5,%v1",
    "vsumqf %v5,%v1,%v2",
    "vsumqg %v1,%v2,%v3",
    "vavglb %v2,%v3,%v4",
    "veslvf %v3,%v4,%v5",
    "verllvg %v4,%v5,%v1",
    "vslb %v5,%v1,%v2",
    "vsrlb %v1,%v2,%v3",
    "vclzf %v2,%v3",
    "vctzg %v3,%v4",
    "cdsg 2,4,N(%r12)",
    "cdsg 6,8,16(%r13)",
    "vlgvb D,%v1,5",
    "vlgvf D,%v2,2",
    "vlgvg D,%v3,0",
    "vlgvh D,%v4,0(%r5)",
    "vlvgb %v1,S,15",
    "vlvgf %v2,S,1",
    "vlvgh %v3,S,1(%r6)",
    "vrepb %v1,%v2,7",
    "vrepf %v2,%v3,1",
    "vpdi %v3,%v4,%v5,4",
    "vlrepf %v1,M",
    "vllezg %v2,M",
    "vleh %v3,M,2",
    "vsteb %v4,M,9",
    "vfenezbs %v5,%v1,%v1",
    "vfenezhs %v1,%v2,%v3",
    "vfenefs %v2,%v3,%v4",
    "vfeezbs %v3,%v4,%v5",
    "vfeeh %v4,%v5,%v1",
    "vfeefs %v4,%v5,%v1",
    "vceqbs %v5,%v1,%v2",
    "vn %v1,%v2,%v3",
    "vrepib %v1,1",
    "ahik D,S,H",
    "aghik D,S,H",
    "alsih D,W",
    "stfh D,M",
    "lfh D,M",
    "nop",
];

/// A program text of `body` inside a loop run `rounds` times.
fn program(body: &[(usize, [u8; 8])], rounds: u8) -> Option<Vec<u8>> {
    let mut text = format!("lghi %r15,{rounds}\nagain:\n");
    for (n, (template, random)) in body.iter().enumerate() {
        let mut random = random.iter().cycle();
        let mut take = || i32::from(*random.next().unwrap_or(&0));
        let mut line = String::new();
        for c in TEMPLATES[template % TEMPLATES.len()].chars() {
            match c {
                'D' => line += &format!("%r{}", take() % 10),
                'S' => line += &format!("%r{}", take() % 14),
                'M' => line += &format!("{}(%r11,%r{})", take(), 12 + take() % 2),
                'B' => line += &format!("{}(%r{})", take(), 12 + take() % 2),
                'H' => line += &(take() << 8 | take()).wrapping_sub(0x8000).to_string(),
                'U' => line += &(take() << 8 | take()).to_string(),
                'W' => line += &(take() << 23 | take() << 8 | take()).to_string(),
                'N' => line += &(take() % 64).to_string(),
                'K' => line += &(take() % 16).to_string(),
                'F' => line += &format!("l{}", (n + 1 + take() as usize % 3).min(body.len())),
                c => line.push(c),
            }
        }
        text += &format!("l{n}: {line}\n");
    }
    text += &format!("l{}: brctg %r15,again\nlpswe 0x200\n", body.len());
    // What EXECUTE executes.
    text +=
        "t0: mvc 5(1,%r12),9(%r13)\nt1: clc 3(2,%r12),7(%r13)\nt2: xc 8(1,%r13),8(%r13)\nt3: oc 1(4,%r12),2(%r13)\n";
    text += "t4: mvc 4(1,%r13),3(%r13)\nt5: nc 9(1,%r12),77(%r13)\n";
    assemble(&text, 0x2000).ok()
}

/// Everything a guest can see at the end, and the number of instructions.
type End = (Leave, [u64; 16], [u32; 16], [u128; 32], Psw, u64, u64, Vec<u8>, u32);

fn execute(text: &[u8], registers: &[u64; 14], mask: u64, engine: Option<&mut Engine>) -> End {
    let mut bare = Bare::new();
    let cpu = &mut bare.cpu;
    cpu.gr[..14].copy_from_slice(registers);
    for n in 0..16 {
        cpu.vr[n] = u128::from(registers[n % 14]) << 64 | u128::from(registers[(n + 3) % 14]);
    }
    cpu.cr[0] = 0x6_00E0;
    // With the inexact flag on and off.
    cpu.fpc = (registers[0] as u32 & 1) << 19;
    cpu.psw = Psw::new(mask, 0x2000);
    if mask & 1 << 58 != 0 {
        cpu.psw = Psw::new(mask & !(1 << 58), 0x2000);
        build_tables(cpu, &[0x6000], &[0x4000]).unwrap();
    }
    let wait = |cpu: &mut softsie_cpu::Cpu, at: u64, address: u64| {
        cpu.write_absolute(at, &0x0002_0001_8000_0000u64.to_be_bytes()).unwrap();
        cpu.write_absolute(at + 8, &address.to_be_bytes()).unwrap();
    };
    wait(cpu, 0x200, 0xAAAA);
    wait(cpu, Lowcore::PROGRAM_NEW_PSW, 0xBBBB);
    let data: Vec<u8> = (0..0x3000u32).map(|n| (n * 7 + (n >> 5)) as u8).collect();
    cpu.write_absolute(0x4000, &data).unwrap();
    cpu.write_absolute(0x2000, text).unwrap();
    cpu.flush_tlb();
    cpu.set_psw(cpu.current_psw());
    cpu.start_running();
    let leave = match engine {
        Some(engine) => {
            engine.change_cpu();
            engine.run(cpu)
        }
        None => run(cpu, &mut NoObserver),
    };
    cpu.stop_running();
    let (gr, ar, vr, psw) = (cpu.gr, cpu.ar, cpu.vr, cpu.current_psw());
    let (breaking, instructions) = (cpu.breaking_event_address, cpu.statistics.instructions);
    let fpc = cpu.fpc;
    (leave, gr, ar, vr, psw, breaking, instructions, bare.storage(), fpc)
}

/// Both engines from the same start; `Err` says what differs.
fn compare(engine: &mut Engine, text: &[u8], registers: &[u64; 14], mask: u64) -> Result<(), String> {
    let a = execute(text, registers, mask, None);
    let b = execute(text, registers, mask, Some(engine));
    let mut wrong = Vec::new();
    for n in 0..16 {
        if a.1[n] != b.1[n] {
            wrong.push(format!("r{n} {:x} interpreted, {:x} emitted", a.1[n], b.1[n]));
        }
    }
    if (a.2, a.3) != (b.2, b.3) {
        wrong.push("access or vector registers".to_owned());
    }
    if (a.0, a.4, a.5, a.6, a.8) != (b.0, b.4, b.5, b.6, b.8) {
        let [a, b] = [&a, &b].map(|e| (e.0, e.4, e.5, e.6, e.8));
        wrong.push(format!("{a:x?} interpreted, {b:x?} emitted"));
    }
    if let Some(at) = a.7.iter().zip(&b.7).position(|(a, b)| a != b) {
        wrong.push(format!("storage at {at:x}: {:02x} interpreted, {:02x} emitted", a.7[at], b.7[at]));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

#[test]
fn every_template_assembles() {
    for (n, template) in TEMPLATES.iter().enumerate() {
        for random in [[0; 8], [1, 2, 3, 4, 5, 6, 7, 8], [255; 8]] {
            assert!(program(&[(n, random)], 1).is_some(), "{template} {random:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_programs_end_alike(
        body in prop::collection::vec((any::<usize>(), any::<[u8; 8]>()), 1..24),
        mut registers in any::<[u64; 14]>(),
        (rounds, edge, index, choices) in (1u8..4, 0u64..0x140, 0u64..9, any::<u8>()),
    ) {
        let text = program(&body, rounds).ok_or_else(|| TestCaseError::fail("does not assemble"))?;
        registers[11] = index;
        // One base well inside a page, one near its end, where operands run into an absent page.
        registers[12] = if choices & 1 != 0 { 0x5100 } else { 0x4F80 };
        registers[13] = 0x5E00 + edge;
        for (n, r) in registers.iter_mut().enumerate().take(11) {
            if choices >> (n % 3) & 0x20 != 0 {
                *r = (*r as i8) as u64;
            }
        }
        let mut mask = if choices & 2 != 0 { 0x1_8000_0000u64 } else { 0x8000_0000 };
        if choices & 4 != 0 {
            mask |= 8 << 40;
        }
        if choices & 0x18 != 0 {
            mask |= 1 << 58;
        }
        let optimization = if choices & 0x80 != 0 { Optimization::Speed } else { Optimization::None };
        let style = if choices & 0x40 != 0 { Style::Quick } else { Style::Best };
        let mut engine = engine(style, optimization, 64);
        if let Err(e) = compare(&mut engine, &text, &registers, mask) {
            let lines: Vec<_> = body.iter().map(|b| TEMPLATES[b.0 % TEMPLATES.len()]).collect();
            prop_assert!(false, "{e}\n{lines:?}\n{:02x?}", text);
        }
    }
}

#[test]
fn a_program_that_changes_its_own_text_sees_the_change() {
    // The loop replaces the immediate of its own LGHI in each round.
    let text = assemble(
        "lghi %r15,3\nlarl %r2,target\nagain: aghi %r3,5\nstc %r3,3(%r2)\ntarget: lghi %r4,1\nagr %r5,%r4\n\
         brctg %r15,again\nlpswe 0x200\n",
        0x2000,
    )
    .unwrap();
    let mut registers = [0; 14];
    registers[12] = 0x5100;
    let mut engine = engine(Style::Quick, Optimization::None, 64);
    compare(&mut engine, &text, &registers, 0x1_8000_0000).unwrap();
    let end = execute(&text, &registers, 0x1_8000_0000, Some(&mut engine));
    assert_eq!(end.1[5], 5 + 10 + 15);
}

#[test]
fn a_region_takes_the_condition_code_from_the_one_before() {
    // The comparison is in a region of its own, reached by a register; the loop sets no condition code and reads it.
    let text = assemble(
        "lghi %r10,3\nlarl %r13,compare\nlarl %r14,loop\ncompare: lghi %r15,2\ncghi %r10,2\nbr %r14\n\
         loop: je equal\njh high\nla %r3,1(%r3)\nj on\nequal: la %r4,1(%r4)\nj on\nhigh: la %r5,1(%r5)\n\
         on: brctg %r15,loop\nbctgr %r10,%r13\nlpswe 0x200\n",
        0x2000,
    )
    .unwrap();
    for style in [Style::Quick, Style::Best] {
        let mut engine = engine(style, Optimization::None, 64);
        compare(&mut engine, &text, &[0; 14], 0x1_8000_0000).unwrap();
        let end = execute(&text, &[0; 14], 0x1_8000_0000, Some(&mut engine));
        assert_eq!((end.1[3], end.1[4], end.1[5]), (2, 2, 2), "{style:?}");
    }
}
