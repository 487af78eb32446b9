//! Translations that are kept for later runs: the next run uses them and computes the same; what is damaged, is for another
//! text or could be somebody else's is not used. Source: docs/engine-pattern.md, saved translations.

#![allow(clippy::unwrap_used, clippy::panic)] // a test's helpers may, too

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use softsie_exec::{Leave, NoObserver, step as interpret};
use softsie_isa::assemble;
use softsie_jit::{Engine, Options, Translated, Translator, keep_translations};
use softsie_tests::Bare;

/// A sum of squares: a loop in one page, its subroutine in another, and an instruction in two pages.
fn program(step: u16) -> Vec<(u64, Vec<u8>)> {
    let parts: [(u64, &[String]); 3] = [
        (0x1000, &["lghi %r3,1000".into(), "lghi %r2,0".into()]),
        (0x1008, &["brasl %r14,.+4088".into(), "agr %r2,%r4".into(), "brctg %r3,.-10".into(), "j .+4060".into()]),
        (0x2000, &[format!("lghi %r5,{step}"), "lgr %r4,%r3".into(), "msgr %r4,%r3".into(), "j .+4082".into()]),
    ];
    let mut all: Vec<(u64, Vec<u8>)> = parts.iter().map(|(at, lines)| (*at, text(*at, lines))).collect();
    // ALGFI lies in two pages.
    all.push((0x2FFE, text(0x2FFE, &[format!("algfi %r4,{step}"), "br %r14".into()])));
    all.push((0x1FF2, text(0x1FF2, &["diag %r0,%r0,0".into()])));
    all
}

fn text(mut at: u64, lines: &[String]) -> Vec<u8> {
    let mut all = Vec::new();
    for line in lines {
        let line = line.split_once(".").map_or_else(
            || line.clone(),
            |(before, distance)| format!("{before}{:#x}", at.wrapping_add_signed(distance.parse().unwrap_or(0))),
        );
        let bytes = assemble(&line, at).unwrap_or_else(|error| panic!("{line}: {error:?}"));
        at += bytes.len() as u64;
        all.extend(bytes);
    }
    all
}

/// What the sum is.
fn expected(step: u64) -> u64 {
    (1..=1000).map(|n| n * n + step).sum()
}

/// Runs the program in an engine of its own: the sum, and what was translated.
fn run(step: u16) -> (u64, Translated) {
    let options = Options { threshold: 12, background: false, better: 100, ..Options::USUAL };
    let translator = Translator::new(options).unwrap_or_else(|error| panic!("{error}"));
    let mut engine = Engine::of(Arc::new(translator));
    let mut bare = Bare::new();
    for (at, bytes) in program(step) {
        assert!(bare.cpu.write_absolute(at, &bytes).is_ok());
    }
    bare.cpu.psw.address = 0x1000;
    bare.cpu.start_running();
    let leave = loop {
        let end =
            if bare.cpu.steps() { interpret(&mut bare.cpu, &mut NoObserver) } else { Some(engine.run(&mut bare.cpu)) };
        if let Some(leave) = end {
            break leave;
        }
    };
    bare.cpu.stop_running();
    assert!(matches!(leave, Leave::Instruction { .. }), "{leave:?}");
    (bare.cpu.gr[2], engine.translated())
}

fn files(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// One test, because the directory is the process's.
#[test]
fn later_runs_use_what_earlier_ones_have_translated() {
    let directory = std::env::temp_dir().join(format!("softsie-saved-{}", std::process::id()));
    keep_translations(&directory).unwrap();

    let (sum, first) = run(7);
    assert_eq!((sum, first.recalled), (expected(7), 0));
    assert!(first.regions > 0 && first.best > 0, "{first:?}");
    assert_eq!(files(&directory).len(), 1);

    // The same text: what was hot is there. What becomes hot now may be entered elsewhere.
    let (sum, second) = run(7);
    assert_eq!(sum, expected(7));
    assert!(second.recalled > 0 && second.regions < first.regions, "{first:?} {second:?}");

    // Another text at the same places, some of it in the second page of an instruction that begins in the first.
    let (sum, _) = run(8);
    assert_eq!(sum, expected(8));

    // Damaged, cut off, empty, foreign: as if it were not there, for every place where a byte may be wrong.
    let kept: Vec<(PathBuf, Vec<u8>)> =
        files(&directory).into_iter().map(|f| (f.clone(), fs::read(f).unwrap())).collect();
    let (file, bytes) = &kept[0];
    for (other, _) in &kept[1..] {
        fs::remove_file(other).unwrap();
    }
    let only = |bytes: &[u8]| {
        files(&directory).iter().for_each(|file| fs::remove_file(file).unwrap());
        fs::write(file, bytes).unwrap();
    };
    for at in (0..bytes.len()).step_by(97).chain(bytes.len().saturating_sub(40)..bytes.len()) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        only(&damaged);
        assert_eq!(run(7).0, expected(7), "byte {at}");
    }
    for length in [0, 1, 15, 16, 40, bytes.len() / 2, bytes.len() - 1] {
        only(&bytes[..length]);
        let (sum, translated) = run(7);
        assert_eq!((sum, translated.recalled), (expected(7), 0), "{length} bytes");
    }

    // What others may write to is not executed.
    only(bytes);
    fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(run(7).1.recalled, 0);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = keep_translations(&directory).unwrap_err().to_string();
    assert!(refused.contains("others may write"), "{refused}");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();

    // Many runs leave few files.
    only(bytes);
    for step in 100..120 {
        assert_eq!(run(step).0, expected(u64::from(step)));
    }
    assert!(files(&directory).len() <= 9, "{:?}", files(&directory));
    let (sum, again) = run(7);
    assert_eq!(sum, expected(7));
    assert!(again.recalled > 0 && again.regions < first.regions, "{again:?}");
    fs::remove_dir_all(directory).unwrap();
}
