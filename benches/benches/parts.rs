//! Single costs by both engines, with statistics: items are the instructions meant, or what the name says.
//! `cargo bench -p softsie-benches --bench parts -- NAME` runs those whose name contains it.

use divan::Bencher;
use divan::counter::ItemsCount;
use softsie_benches::{CLASSES, Part, Program, SYSTEM, Signals, TIMES};
use softsie_jit::{Engine, Optimization};

fn main() {
    divan::main();
}

fn interpret(bencher: Bencher<'_, '_>, part: &Part) {
    let mut program = Program::new(part);
    program.run(TIMES, None);
    bencher.counter(ItemsCount::new(part.meant(TIMES))).bench_local(|| program.run(TIMES, None));
}

fn emit(bencher: Bencher<'_, '_>, part: &Part) {
    let mut program = Program::new(part);
    let Ok(mut engine) = Engine::new(Optimization::None) else { return };
    program.run(TIMES, Some(&mut engine));
    bencher.counter(ItemsCount::new(part.meant(TIMES))).bench_local(|| program.run(TIMES, Some(&mut engine)));
}

#[divan::bench(args = CLASSES)]
fn class_interpreted(bencher: Bencher<'_, '_>, part: &Part) {
    interpret(bencher, part);
}

#[divan::bench(args = CLASSES)]
fn class_emitted(bencher: Bencher<'_, '_>, part: &Part) {
    emit(bencher, part);
}

#[divan::bench(args = SYSTEM)]
fn system_interpreted(bencher: Bencher<'_, '_>, part: &Part) {
    interpret(bencher, part);
}

#[divan::bench(args = SYSTEM)]
fn system_emitted(bencher: Bencher<'_, '_>, part: &Part) {
    emit(bencher, part);
}

/// Sense, and emergency signal, to the CPU itself.
#[divan::bench(args = [1, 3])]
fn sigp(bencher: Bencher<'_, '_>, order: u8) {
    match Signals::new(order) {
        Ok(signals) => bencher.counter(ItemsCount::new(TIMES)).bench_local(|| signals.run(TIMES)),
        Err(error) => eprintln!("no machine for SIGP: {error}"),
    }
}

/// From text that is new to its end, one round: items are instructions translated.
#[divan::bench(args = CLASSES)]
fn translate(bencher: Bencher<'_, '_>, part: &Part) {
    let mut program = Program::new(part);
    let Ok(mut engine) = Engine::new(Optimization::None) else { return };
    program.run(1, Some(&mut engine));
    let before = engine.translated().instructions;
    let mut number = 0;
    let mut again = move |engine: &mut Engine| {
        number += 1;
        program.change(number);
        // A hot place whose text is another has to become hot again: that is the first time.
        program.run(1, Some(engine));
        program.run(1, Some(engine));
    };
    again(&mut engine);
    let instructions = engine.translated().instructions - before;
    bencher.counter(ItemsCount::new(instructions)).bench_local(|| again(&mut engine));
}
