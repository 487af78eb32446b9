//! Mixed work in one guest for hours: whether memory and translated code stay bounded, and whether every result stays right.
//! Truth: the workloads' results on the first round; limits as docs/engine-pattern.md has them (tiers).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::bench::compile;
use crate::cpio::Archive;
use crate::initramfs::Session;
use crate::linux::{self, InitialRamdisk, Shape, Source};
use crate::memory::Memory;
use crate::tests::provide;
use crate::watch::{finish, last_lines};

/// Options of `cargo xtask soak`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// How long the guest works
    #[arg(long, value_name = "N", default_value_t = 120)]
    minutes: u64,
    /// Minutes from one line of figures to the next
    #[arg(long, value_name = "N", default_value_t = 5)]
    every: u64,
    /// Number of CPUs of the guest
    #[arg(long, value_name = "N", default_value_t = 1)]
    smp: u32,
    /// softsie's translation
    #[arg(long, value_name = "WHEN", default_value = "on", value_parser = ["off", "on", "eager"])]
    jit: String,
}

/// Storage of the guest.
const STORAGE: (&str, u64) = ("1G", 1 << 30);

/// Works, prints a line of figures now and then, and the counters at the end.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    provide("s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu")?;
    let softsie = linux::build_softsie(repository)?;
    let target = linux::target(repository);
    let kernel = linux::fetch(&target.join("linux"), &options.source)?.kernel;
    let folder = target.join("soak");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let program = compile(&repository.join("benches/guest"), &folder, "s390x-linux-gnu-gcc", &["-march=z13"])?;
    let program = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    let mut archive = Archive::new();
    archive.directory("dev", 0o755);
    archive.character_device("dev/console", 0o600, 5, 1);
    archive.file("init", 0o755, &program);
    let initrd = InitialRamdisk::new(&folder, &[&archive.finish()])?;
    let append = format!("quiet -- --soak {}", options.minutes * 60);
    let shape = Shape { smp: options.smp, memory: STORAGE.0.to_owned(), append, stats: true };
    let mut command = linux::machine(&softsie, &kernel, &initrd, &Session::default(), &shape);
    command.args(["--jit", &options.jit]).stdin(Stdio::null());

    println!("minute  programs  resident MiB  beyond guest storage  host code");
    let (start, every) = (Instant::now(), Duration::from_secs(options.every * 60));
    let (mut watch, mut next, mut most) = (Watch::default(), Duration::ZERO, Memory::default());
    let limit = Duration::from_secs(options.minutes * 60 + 900);
    let (status, text) = finish(&mut command, limit, |process, line| {
        watch.note(line);
        let elapsed = start.elapsed();
        if elapsed >= next && line.starts_with("BENCH ") {
            next = elapsed + every;
            let memory = Memory::of(process, STORAGE.1);
            most.beyond = most.beyond.max(memory.beyond);
            most.code = most.code.max(memory.code);
            let [resident, beyond, code] = [memory.resident, memory.beyond, memory.code].map(|bytes| bytes >> 20);
            println!("{:6}  {:8}  {resident:12}  {beyond:20}  {code:9}", elapsed.as_secs() / 60, watch.programs);
        }
    })?;
    if !status.is_some_and(|status| status.success()) || !watch.ended || !watch.wrong.is_empty() {
        bail!("not well: {status:?}, {:?}; last words:\n{}", watch.wrong, last_lines(&text, 10));
    }
    println!(
        "{} programs; most beyond guest storage {} MiB, most code {} MiB",
        watch.programs,
        most.beyond >> 20,
        most.code >> 20
    );
    Ok(0)
}

/// What the guest has told.
#[derive(Default)]
struct Watch {
    programs: u64,
    results: BTreeMap<String, String>,
    wrong: Vec<String>,
    ended: bool,
}

impl Watch {
    fn note(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("BENCH"), Some(name), Some(_), Some(result)) => {
                self.programs += 1;
                let first = self.results.entry(name.to_owned()).or_insert_with(|| result.to_owned());
                if first != result {
                    self.wrong.push(format!("{name} gives {result}, and first gave {first}"));
                }
            }
            (Some("SOAK-FAILED"), ..) => self.wrong.push(line.to_owned()),
            (Some("SOAK-END"), ..) => self.ended = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_changes_and_a_program_that_fails_are_noticed() {
        let mut watch = Watch::default();
        for line in ["BENCH a 0.1 55", "BENCH b 0.1 66", "BENCH a 0.3 55", "SOAK-END 3"] {
            watch.note(line);
        }
        assert_eq!((watch.programs, watch.wrong.len(), watch.ended), (3, 0, true));
        watch.note("BENCH b 0.1 67");
        watch.note("SOAK-FAILED a 8b00");
        assert_eq!(watch.wrong.len(), 2);
    }
}
