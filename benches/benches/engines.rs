//! Both engines on the loops of the library, with statistics. Items are guest instructions.

use divan::Bencher;
use divan::counter::ItemsCount;
use softsie_benches::{Loop, Subject};
use softsie_jit::{Engine, Optimization};

fn main() {
    divan::main();
}

#[divan::bench(args = Loop::ALL)]
fn interpreted(bencher: Bencher<'_, '_>, which: Loop) {
    let mut subject = Subject::new(which);
    let instructions = subject.run(None);
    bencher.counter(ItemsCount::new(instructions)).bench_local(|| subject.run(None));
}

#[divan::bench(args = Loop::ALL)]
fn emitted(bencher: Bencher<'_, '_>, which: Loop) {
    let mut subject = Subject::new(which);
    let Ok(mut engine) = Engine::new(Optimization::None) else { return };
    let instructions = subject.run(Some(&mut engine));
    bencher.counter(ItemsCount::new(instructions)).bench_local(|| subject.run(Some(&mut engine)));
}
