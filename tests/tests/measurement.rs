//! CPU-measurement counters and samples: what is counted, in both engines, and where samples go.
//! Source: The Load-Program-Parameter and the CPU-Measurement Facilities (SA23-2260); Linux for layouts.

#![allow(clippy::unwrap_used, clippy::panic)] // a test's helpers may, too

use softsie_cpu::Psw;
use softsie_exec::Leave;
use softsie_jit::{Engine, Translator};
use softsie_tests::Bare;
use std::sync::Arc;

const CONTROLS: u64 = 0xe00;
const RESULTS: u64 = 0xf00;
const WAIT: u64 = 0x0002_0001_8000_0000;
const SUPERVISOR: u64 = 0x1_8000_0000;
const PROBLEM: u64 = 0x0001_0001_8000_0000;

fn put(bare: &mut Bare, at: u64, values: &[u64]) {
    for (n, value) in values.iter().enumerate() {
        bare.cpu.write_absolute(at + 8 * n as u64, &value.to_be_bytes()).unwrap();
    }
}

fn get(bare: &mut Bare, at: u64) -> u64 {
    let mut bytes = [0; 8];
    bare.cpu.read_absolute(at, &mut bytes).unwrap();
    u64::from_be_bytes(bytes)
}

/// Runs `source` at 0x1000 until a wait PSW: supervisor calls and program interruptions load one, or what `bare` has there.
fn run(bare: &mut Bare, source: &str, eager: bool) {
    let text = softsie_isa::assemble(source, 0x1000).unwrap();
    bare.cpu.write_absolute(0x1000, &text).unwrap();
    bare.cpu.set_psw(Psw::new(SUPERVISOR, 0x1000));
    bare.cpu.start_running();
    let leave = if eager {
        let options = softsie_jit::Options { threshold: 0, ..softsie_jit::Options::EAGER };
        Engine::of(Arc::new(Translator::new(options).unwrap())).run(&mut bare.cpu)
    } else {
        softsie_exec::run(&mut bare.cpu, &mut softsie_exec::NoObserver)
    };
    bare.cpu.stop_running();
    assert_eq!(leave, Leave::Wait, "{:x?}", bare.cpu.psw);
}

/// Enables the sets, counts what is between two readings of counter 1, and stops.
const LOOP: &str = "
        lghi    %r3,1
        lghi    %r4,33
        lghi    %r5,1000
        lcctl   0xe00
        ecctr   %r6,%r3
        nopr
        nopr
again:  brctg   %r5,again
        nopr
        ecctr   %r7,%r3
        ecctr   %r8,%r4
        lpswe   0xe10
";

#[test]
fn instructions_are_counted_one_by_one_in_both_engines() {
    for eager in [false, true] {
        let mut bare = Bare::new();
        put(&mut bare, CONTROLS, &[0x0006_0006, 0, WAIT, 0]);
        run(&mut bare, LOOP, eager);
        // The first ECCTR itself, two NOPRs, the loop, one NOPR.
        assert_eq!(bare.cpu.gr[7] - bare.cpu.gr[6], 1004, "eager {eager}");
        assert_eq!(bare.cpu.gr[8], 0, "nothing in the problem state");
    }
}

#[test]
fn the_problem_state_set_counts_in_the_problem_state_only() {
    // In the problem state: 500 times BRCTG, then SUPERVISOR CALL, whose new PSW goes on at `back`.
    let source = "
        lghi    %r3,1
        lghi    %r4,33
        lghi    %r5,500
        larl    %r9,back
        stg     %r9,0x1c8
        larl    %r9,user
        stg     %r9,0xe28
        lcctl   0xe00
        lpswe   0xe20
user:   brctg   %r5,user
        svc     7
back:   ecctr   %r7,%r4
        ecctr   %r8,%r3
        lpswe   0xe10
";
    for eager in [false, true] {
        let mut bare = Bare::new();
        put(&mut bare, CONTROLS, &[0x0006_0006, 0, WAIT, 0, PROBLEM, 0]);
        put(&mut bare, 0x1C0, &[SUPERVISOR, 0]);
        run(&mut bare, source, eager);
        assert_eq!(bare.cpu.gr[7], 501, "eager {eager}");
        assert!((502..510).contains(&bare.cpu.gr[8]), "{}", bare.cpu.gr[8]);
    }
}

#[test]
fn sets_are_cleared_when_they_are_disabled_and_stand_when_they_are_inactive() {
    let source = "
        lghi    %r3,1
        lghi    %r1,777
        lcctl   0xe00
        scctr   %r1,%r3
        ecctr   %r6,%r3
        lcctl   0xe08
        ecctr   %r7,%r3
        nopr
        ecctr   %r8,%r3
        stcctm  %r1,1,0xf00
        ipm     %r10
        lghi    %r1,6
        stcctm  %r1,1,0xf00
        ipm     %r11
        lcctl   0xe18
        ecctr   %r9,%r3
        ipm     %r12
        lcctl   0xe00
        ecctr   %r9,%r3
        lpswe   0xe20
";
    let mut bare = Bare::new();
    put(&mut bare, CONTROLS, &[0x0002_0002, 0x0002_0000, 0, 0, WAIT, 0]);
    run(&mut bare, source, false);
    let gr = bare.cpu.gr;
    assert_eq!(gr[6], 778, "SCCTR itself is counted after it has set the counter");
    assert_eq!((gr[7], gr[8]), (779, 779), "an inactive set keeps its counters");
    assert_eq!((gr[10] as u32 >> 28, gr[11] as u32 >> 28), (2, 0), "more counters than there are, and all of them");
    assert_eq!(get(&mut bare, RESULTS + 8), 779);
    assert_eq!(gr[12] as u32 >> 28, 3, "a disabled set has no counters");
    assert!(gr[9] < 3, "and begins at zero: {}", gr[9]);
}

#[test]
fn cycles_go_with_time() {
    let source = "
        lghi    %r3,0
        llilf   %r5,2000000
        lcctl   0xe00
        ecctr   %r6,%r3
again:  brctg   %r5,again
        ecctr   %r7,%r3
        lpswe   0xe10
";
    let mut bare = Bare::new();
    put(&mut bare, CONTROLS, &[0x0002_0002, 0, WAIT, 0]);
    let start = std::time::Instant::now();
    run(&mut bare, source, false);
    let most = start.elapsed().as_nanos() as u64 * 5200 / 1000;
    let cycles = bare.cpu.gr[7] - bare.cpu.gr[6];
    assert!(cycles > 0 && cycles <= most, "{cycles} of {most}");
}

#[test]
fn cryptographic_functions_are_counted_by_kind_and_in_storage() {
    // SHA-256 of one block by KIMD, three times, and two AES-128 blocks by KM; page of counters at 0x5000.
    let source = "
        lghi    %r0,2
        llilf   %r1,0x6000
        llilf   %r2,0x7000
        lghi    %r3,64
        lcctl   0xe00
        lctlg   %c0,%c0,0xe18
        kimd    %r0,%r2
        llilf   %r2,0x7000
        lghi    %r3,64
        kimd    %r0,%r2
        llilf   %r2,0x7000
        lghi    %r3,64
        kimd    %r0,%r2
        lghi    %r0,18
        llilf   %r2,0x7000
        lghi    %r3,16
        llilf   %r4,0x8000
        km      %r4,%r2
        lghi    %r5,68
        lghi    %r6,76
        ecctr   %r7,%r5
        ecctr   %r8,%r6
        lpswe   0xe08
";
    let mut bare = Bare::new();
    put(&mut bare, CONTROLS, &[0x0008_0008, WAIT, 0, 0x0004_0000_0006_00E0]);
    put(&mut bare, 0x1500, &[0x5800]);
    run(&mut bare, source, false);
    assert_eq!((bare.cpu.gr[7], bare.cpu.gr[8]), (3, 1));
    assert_eq!(get(&mut bare, 0x5800 + 8 * 73), 3, "KIMD-SHA-256 in the supervisor state");
    assert_eq!(get(&mut bare, 0x5800 + 8 * 7), 1, "KM-AES-128");
    assert_eq!(get(&mut bare, 0x5000 + 8 * 73), 0, "in the problem state");
}

#[test]
fn samples_fill_a_block_and_alert() {
    // A table at 0x8000 lists blocks 0xa000 and 0xb000 and links to itself; the first block asks for an alert.
    let source = "
        larl    %r9,done
        stg     %r9,0x1b8
        lctlg   %c0,%c0,0xe18
        stosm   0xe30,0x01
        lpp     0xe38
        lsctl   0xe40
again:  j       again
done:   lpswe   0xe08
";
    for eager in [false, true] {
        let mut bare = Bare::new();
        put(&mut bare, CONTROLS, &[0, WAIT, 0, 0x0006_00C0 | 1 << 5, 0, 0, 0, 0x1234]);
        put(&mut bare, 0x1B0, &[SUPERVISOR, 0]);
        // 20,000 cycles: 4 microseconds.
        put(&mut bare, 0xe40, &[0x202, 20_000, 0x8000, 0xA000, 0, 0, 0, 0]);
        put(&mut bare, 0x8000, &[0xA000, 0xB000, 0x8001]);
        put(&mut bare, 0xAFC0, &[1 << 62]);
        run(&mut bare, source, eager);
        let mut code = [0; 8];
        bare.cpu.read_absolute(0x80, &mut code).unwrap();
        assert_eq!(code, [0x20, 0, 0, 0, 0, 0, 0x14, 0x07], "program-request alert");
        for entry in [0xA000, 0xA000 + 125 * 32] {
            let first = get(&mut bare, entry);
            assert_eq!(first, 1 << 48 | 1 << 30, "format 1, supervisor state without DAT, a partition's own");
            let address = get(&mut bare, entry + 8);
            assert!((0x1000..0x1030).contains(&address), "{address:#x}");
            assert_eq!(get(&mut bare, entry + 24), 0x1234, "program parameter");
        }
        assert_eq!(get(&mut bare, 0xAFC0) >> 61, 7, "full, alert wanted, extended time stamp");
        assert_ne!(get(&mut bare, 0xAFD1), 0, "time stamp");
        let sampling = &bare.cpu.measurement.sampling;
        assert_eq!(sampling.table_entry, 0x8008);
        assert_eq!(sampling.data_entry & !0xFFF, 0xB000);
    }
}
