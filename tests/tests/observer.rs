//! An observer sees each instruction once, and a step is one instruction, also in a page that stores hit again and again: such a
//! page is not decoded for a while. Run with `--release` as well: addresses of functions are not what they seem there.

use softsie_cpu::Psw;
use softsie_tests::{Bare, Step};

#[test]
fn a_step_is_an_instruction_in_a_page_that_changes() {
    const CODE: u64 = 0x1000;
    // AGR %r1,%r2; AGR %r1,%r3.
    const TEXT: [u8; 8] = [0xB9, 0x08, 0x00, 0x12, 0xB9, 0x08, 0x00, 0x13];
    let mut bare = Bare::new();
    (bare.cpu.gr[2], bare.cpu.gr[3]) = (1, 100);
    for round in 1..=3000 {
        bare.cpu.write_absolute(CODE, &TEXT).unwrap();
        bare.cpu.set_psw(Psw::new(0x1_8000_0000, CODE));
        for step in 1..=2 {
            assert_eq!(bare.step(), Step::Done);
            assert_eq!(bare.cpu.psw.address, CODE + 4 * step, "round {round}");
        }
        assert_eq!(bare.cpu.gr[1], 101 * round);
    }
}
