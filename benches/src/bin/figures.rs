//! Prints the figures of docs/engine-pattern.md: nanoseconds and compile microseconds for each guest instruction.
//! `figures list LOOP DIRECTORY` writes a loop's IR and host code there instead.

use std::process::ExitCode;
use std::time::Instant;

use softsie_benches::{Loop, Subject};
use softsie_jit::{Engine, Optimization};

const RUNS: usize = 15;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => figures(),
        ["list", which, directory] => list(which, directory),
        _ => Err("usage: figures [list LOOP DIRECTORY]".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("figures: {e}");
            ExitCode::from(2)
        }
    }
}

/// The shortest of several runs, in nanoseconds an instruction.
fn best(subject: &mut Subject, mut engine: Option<&mut Engine>) -> Result<f64, String> {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let started = Instant::now();
        let instructions = subject.run(engine.as_deref_mut());
        best = best.min(started.elapsed().as_secs_f64() * 1e9 / instructions as f64);
    }
    if subject.is_right() { Ok(best) } else { Err("a loop's result is wrong".to_owned()) }
}

fn figures() -> Result<(), String> {
    println!(
        "{:14} {:12} {:>8} {:>14} {:>14} {:>9}",
        "loop", "engine", "ns/insn", "compile us", "host bytes", "regions"
    );
    for which in Loop::ALL {
        let ns = best(&mut Subject::new(which), None)?;
        println!("{:14} {:12} {ns:8.2}", format!("{which:?}"), "interpreter");
        for optimization in [Optimization::None, Optimization::Speed] {
            let mut engine = Engine::new(optimization).map_err(|e| e.to_string())?;
            // The first compilation also warms the compiler up: measure others.
            let mut subject = Subject::new(which);
            subject.run(Some(&mut engine));
            let warm = engine.translated();
            for _ in 0..RUNS {
                engine.clear();
                subject.run(Some(&mut engine));
            }
            let c = engine.translated();
            let compiled = (c.instructions - warm.instructions) as f64;
            let us = (c.time - warm.time).as_secs_f64() * 1e6 / compiled;
            let bytes = (c.bytes - warm.bytes) as f64 / compiled;
            let ns = best(&mut subject, Some(&mut engine))?;
            let name = format!("{optimization:?}");
            println!("{:14} {name:12} {ns:8.2} {us:10.1}/insn {bytes:9.0}/insn {:9}", "", warm.regions);
        }
    }
    Ok(())
}

fn list(which: &str, directory: &str) -> Result<(), String> {
    let which = Loop::ALL.into_iter().find(|l| format!("{l:?}") == which).ok_or("no such loop")?;
    for optimization in [Optimization::None, Optimization::Speed] {
        let mut engine = Engine::new(optimization).map_err(|e| e.to_string())?;
        let mut subject = Subject::new(which);
        // The TLB and the decoded page are as in a run.
        subject.run(None);
        let listing = engine.listing(subject.at_start()).map_err(|e| e.to_string())?;
        let base = format!("{directory}/{which:?}-{optimization:?}");
        println!("{base}: {} instructions, {} bytes", listing.instructions.len(), listing.code.len());
        std::fs::write(format!("{base}.clif"), listing.ir).map_err(|e| e.to_string())?;
        std::fs::write(format!("{base}.bin"), listing.code).map_err(|e| e.to_string())?;
    }
    Ok(())
}
