//! Long instructions give way when somebody wants the CPU, and come to the same end when they are executed again.
//! Source: Principles of Operation, chapter 5, Interruptible Instructions; chapter 7, the instructions with CC 3.

#![allow(clippy::unwrap_used, clippy::panic)] // a test's helpers may, too

use softsie_cpu::{Attention, Exit, Psw};
use softsie_exec::semantics;
use softsie_isa::{Op, decode, extract};
use softsie_tests::Bare;

/// An instruction, its operands, and the general registers that are the same in the end however often it was interrupted.
struct Long {
    text: u64,
    registers: &'static [(usize, u64)],
    compared: &'static [usize],
}

const fn long(text: u64, registers: &'static [(usize, u64)], compared: &'static [usize]) -> Long {
    Long { text, registers, compared }
}

const TWO: &[(usize, u64)] = &[(4, 0x20123), (5, 0x4444), (6, 0x40456), (7, 0x4444)];
const ALL: &[usize] = &[4, 5, 6, 7];

const INSTRUCTIONS: &[Long] = &[
    long(0x0E46 << 48, TWO, ALL),
    long(0x0E46 << 48, &[(4, 0x20123), (5, 0x4444), (6, 0x40456), (7, 0x1800)], ALL),
    long(0x0F46 << 48, &[(4, 0x50000), (5, 0x4444), (6, 0x60000), (7, 0x4444)], ALL),
    long(0xA846_0000 << 32, TWO, ALL),
    long(0xA946_0000 << 32, &[(4, 0x50000), (5, 0x4444), (6, 0x60000), (7, 0x4444)], ALL),
    long(0xEB46_0000_008E << 16, TWO, ALL),
    long(0xEB46_0000_008F << 16, &[(4, 0x50000), (5, 0x4444), (6, 0x60000), (7, 0x4444)], ALL),
    // MVST to the byte ff at 43fff.
    long(0xB255_0046 << 32, &[(0, 0xFF), (4, 0x20123), (6, 0x40456)], &[4]),
    // CLST of two stretches of zeros that end with ff.
    long(0xB25D_0046 << 32, &[(0, 0xFF), (4, 0x50000), (6, 0x60000)], &[]),
    long(0xB25E_0046 << 32, &[(0, 0xFF), (4, 0x48000), (6, 0x40456)], &[4]),
    long(0xB9BE_0046 << 32, &[(0, 0xAAFF), (4, 0x48000), (6, 0x40456)], &[4]),
    long(0xB241_0026 << 32, &[(2, 1), (6, 0x40456), (7, 0x3333)], &[2, 6, 7]),
    // TRE, TROO and CU12 of bytes by a table of ones.
    long(0xB2A5_0046 << 32, &[(0, 0xFF), (4, 0x20123), (5, 0x4444), (6, 0x70000)], &[4, 5]),
    long(0xB993_0046 << 32, &[(0, 0xFF), (1, 0x70000), (4, 0x20123), (5, 0x4444), (6, 0x40456)], &[4, 5, 6]),
    long(0xB2A7_0046 << 32, &[(4, 0x20000), (5, 0x8000), (6, 0x50000), (7, 0x4000)], ALL),
    long(0xB9BF_0046 << 32, &[(1, 0x78000), (4, 0x20123), (5, 0x4444)], &[4, 5, 6]),
    long(0xB21A_0FFE << 32, &[(1, 0x50000), (2, 0), (3, 0x60000)], &[1, 2, 3]),
    long(0x0102 << 48, &[(0, 2), (4, 0x7C000), (5, 0x100)], &[0, 1, 5]),
];

struct End {
    registers: [u64; 16],
    cc: u8,
    storage: Vec<u8>,
    rounds: u32,
}

fn run(l: &Long, interrupted: bool) -> End {
    let mut bare = Bare::new();
    let cpu = &mut bare.cpu;
    cpu.set_psw(Psw::new(0x1_8000_0000, 0x1000));
    let pattern: Vec<u8> = (0..0x8000u32).map(|i| if i == 0x3FFF { 0xFF } else { (i % 0x7D) as u8 }).collect();
    cpu.write_absolute(0x40000, &pattern).unwrap();
    cpu.write_absolute(0x53FFF, &[0xFF]).unwrap();
    cpu.write_absolute(0x63FFF, &[0xFF]).unwrap();
    cpu.write_absolute(0x70000, &[1; 256]).unwrap();
    cpu.write_absolute(0x42AAA, &[0xAA, 0xFF]).unwrap();
    for (r, v) in l.registers {
        cpu.gr[*r] = *v;
    }
    let op = decode(l.text).unwrap();
    let operands = extract(op, l.text, 0);
    let handler = semantics::heavy(op).unwrap();
    let again_with_cc_3 = !matches!(op, Op::MVCL | Op::CLCL | Op::CFC | Op::UPT);
    let mut rounds = 0;
    loop {
        if interrupted {
            cpu.attention().raise(Attention::HOST);
        }
        rounds += 1;
        match handler(cpu, &operands) {
            Err(Exit::Again) => assert!(interrupted && !again_with_cc_3),
            Ok(()) if again_with_cc_3 && cpu.cc == 3 => assert!(interrupted, "{op:?} gave way to nobody"),
            Ok(()) => break,
            Err(exit) => panic!("{op:?}: {exit:?}"),
        }
        assert!(rounds < 1000, "{op:?} makes no progress");
    }
    cpu.attention().take(!0);
    let (registers, cc) = (cpu.gr, cpu.cc);
    End { registers, cc, storage: bare.storage(), rounds }
}

#[test]
fn interrupted_instructions_come_to_the_same_end() {
    for l in INSTRUCTIONS {
        let op = decode(l.text).unwrap();
        let (once, often) = (run(l, false), run(l, true));
        assert_eq!(once.rounds, 1);
        assert!(often.rounds > 1, "{op:?} does not give way");
        assert_eq!(once.cc, often.cc, "{op:?}");
        assert!(once.storage == often.storage, "{op:?}: storage differs");
        for r in l.compared {
            assert_eq!(once.registers[*r], often.registers[*r], "{op:?}: register {r}");
        }
    }
}
