//! The host path delivers what the exact path delivers: value and flags, with and without a known inexact flag.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod model;

use model::{Format as Parameters, Random};
use softsie_bfp::{Env, Flags, Format, Long, Outcome, Short};

fn same<F: Format>(host: Outcome<F::Bits>, soft: Outcome<F::Bits>, known: Flags, what: &str, operands: [u128; 3]) {
    // With a known flag the host may report inexact where it is not.
    let (host_flags, soft_flags) = (host.flags | known, soft.flags | known);
    assert_eq!((host.value, host_flags, host.trap), (soft.value, soft_flags, soft.trap), "{what} {operands:x?}");
}

fn compare<F: Format>(format: &Parameters, seed: u64, count: u64) {
    let mut random = Random(seed);
    for i in 0..count {
        let known = if i % 2 == 0 { Flags::NONE } else { Flags::INEXACT };
        let masks = Flags::from_byte((random.next() & random.next() & 0xF0) as u8);
        let host = Env { known, masks, ..Env::from_fpc(0) };
        let soft = Env { host: false, ..host };
        let operands = [random.datum(format, None), 0, 0];
        let b = random.datum(format, Some(operands[0]));
        let c = random.datum(format, Some(b));
        let operands = [operands[0], b, c];
        let [a, b, c] = operands.map(F::narrow);
        same::<F>(softsie_bfp::add::<F>(&host, a, b), softsie_bfp::add::<F>(&soft, a, b), known, "add", operands);
        let (x, y) = (softsie_bfp::subtract::<F>(&host, a, b), softsie_bfp::subtract::<F>(&soft, a, b));
        same::<F>(x, y, known, "subtract", operands);
        let (x, y) = (softsie_bfp::multiply::<F>(&host, a, b), softsie_bfp::multiply::<F>(&soft, a, b));
        same::<F>(x, y, known, "multiply", operands);
        let (x, y) = (softsie_bfp::divide::<F>(&host, a, b), softsie_bfp::divide::<F>(&soft, a, b));
        same::<F>(x, y, known, "divide", operands);
        let (x, y) = (softsie_bfp::square_root::<F>(&host, a), softsie_bfp::square_root::<F>(&soft, a));
        same::<F>(x, y, known, "root", operands);
        let (x, y) = (softsie_bfp::multiply_add::<F>(&host, a, b, c), softsie_bfp::multiply_add::<F>(&soft, a, b, c));
        same::<F>(x, y, known, "multiply_add", operands);
        // Exact products and quotients, which random operands seldom make.
        let product = softsie_bfp::multiply::<F>(&soft, a, c).value;
        let (x, y) = (softsie_bfp::divide::<F>(&host, product, c), softsie_bfp::divide::<F>(&soft, product, c));
        same::<F>(x, y, known, "divide a product", operands);
        let square = softsie_bfp::multiply::<F>(&soft, a, a).value;
        let (x, y) = (softsie_bfp::square_root::<F>(&host, square), softsie_bfp::square_root::<F>(&soft, square));
        same::<F>(x, y, known, "root of a square", operands);
    }
}

#[test]
fn short() {
    compare::<Short>(&model::SHORT, 21, model::cases(50_000));
}

#[test]
fn long() {
    compare::<Long>(&model::LONG, 22, model::cases(50_000));
}
