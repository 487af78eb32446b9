//! Nanoseconds per operation: host path with and without a known inexact flag, exact path.
#![allow(missing_docs)]
use softsie_bfp::{Env, Extended, Flags, Long, Short};
use std::hint::black_box;
use std::time::Instant;

fn time(name: &str, mut f: impl FnMut(u64) -> u64) {
    let n = 1_000_000u64;
    let start = Instant::now();
    let mut x = 0;
    for i in 0..n {
        x ^= f(black_box(i));
    }
    black_box(x);
    println!("{name:34} {:7.1} ns", start.elapsed().as_secs_f64() * 1e9 / n as f64);
}

fn main() {
    let base = Env::from_fpc(0);
    let known = Env { known: Flags::INEXACT, ..base };
    let soft = Env { host: false, ..base };
    for (name, env) in [("host, inexact known", known), ("host", base), ("exact", soft)] {
        let l = |i: u64| (1.0 + i as f64 * 1e-7).to_bits();
        let s = |i: u64| (1.0 + i as f32 * 1e-7).to_bits();
        let b = black_box(1.37f64).to_bits();
        let bs = black_box(1.37f32).to_bits();
        time(&format!("add long, {name}"), |i| softsie_bfp::add::<Long>(&env, l(i), b).value);
        time(&format!("multiply long, {name}"), |i| softsie_bfp::multiply::<Long>(&env, l(i), b).value);
        time(&format!("divide long, {name}"), |i| softsie_bfp::divide::<Long>(&env, l(i), b).value);
        time(&format!("root long, {name}"), |i| softsie_bfp::square_root::<Long>(&env, l(i)).value);
        time(&format!("fused long, {name}"), |i| softsie_bfp::multiply_add::<Long>(&env, l(i), b, b).value);
        time(&format!("add short, {name}"), |i| softsie_bfp::add::<Short>(&env, s(i), bs).value.into());
        time(&format!("fused short, {name}"), |i| softsie_bfp::multiply_add::<Short>(&env, s(i), bs, bs).value.into());
    }
    let x =
        |i: u64| softsie_bfp::load_lengthened::<Long, Extended>(&base, (1.0 + i as f64 * 1e-7).to_bits()).value + 12345;
    let b = x(77);
    time("lengthen long to extended", |i| x(i) as u64);
    time("add extended", |i| softsie_bfp::add::<Extended>(&base, x(i), b).value as u64);
    time("multiply extended", |i| softsie_bfp::multiply::<Extended>(&base, x(i), b).value as u64);
    time("divide extended", |i| softsie_bfp::divide::<Extended>(&base, x(i), b).value as u64);
    time("root extended", |i| softsie_bfp::square_root::<Extended>(&base, x(i)).value as u64);
    time("compare long", |i| softsie_bfp::compare::<Long>(&base, i << 40, b as u64, true).value as u64);
    time("to fixed 64", |i| {
        softsie_bfp::convert_to_integer::<Long>(&base, (i as f64 + 0.3).to_bits(), softsie_bfp::Integer::Fixed64)
            .value
            .integer
    });
    time("from fixed 64", |i| softsie_bfp::convert_from_integer::<Long>(&base, i, softsie_bfp::Integer::Fixed64).value);
    time("fp integer", |i| softsie_bfp::load_fp_integer::<Long>(&base, (i as f64 + 0.3).to_bits()).value);
    time("load rounded", |i| {
        softsie_bfp::load_rounded::<Long, Short>(&base, (i as f64 + 0.3).to_bits()).outcome().value.into()
    });
}
