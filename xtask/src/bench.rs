//! The comparison of speed with QEMU: programs run in a guest of softsie, in the same guest of QEMU's translator and on the
//! host, in turn; the best of each counts. A wrong result is a failure. What is run is our own (benches/guest), compiled for
//! s390x and for this host, or Debian's (`programs`); what is written is in docs/performance.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cpio::Archive;
use crate::figures;
use crate::initramfs::Session;
use crate::linux::{self, InitialRamdisk, Shape, Source};
use crate::memory::Memory;
use crate::peer::Peer;
use crate::programs::{self, Debian};
use crate::progress::Step;
use crate::tests::provide;
use crate::watch::{finish, last_lines};

/// Options of `cargo xtask bench`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// The QEMU to compare with, instead of Debian 13's, which is fetched
    #[arg(long, value_name = "PATH")]
    qemu: Option<PathBuf>,
    /// How often everything runs, in turn; the best counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Run programs of Debian in a guest with its packages, instead of our own in an empty one
    #[arg(long)]
    programs: bool,
    /// Number of CPUs of the guest with Debian's packages
    #[arg(long, value_name = "N", default_value_t = 1, requires = "programs")]
    smp: u32,
    /// Only these workloads, by name, separated by commas; the table is printed and not written
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// softsie's translation; with another than `on` the table is printed and not written
    #[arg(long, value_name = "WHEN", default_value = "on", value_parser = ["off", "on", "eager"])]
    jit: String,
    /// Build and list the workloads, and end
    #[arg(long)]
    list: bool,
}

/// A guest that runs longer than this waits for something that does not happen.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Size of the guests' storage.
const STORAGE: (&str, u64) = ("1G", 1 << 30);

/// A workload, as the program lists it.
pub struct Workload {
    pub name: String,
    /// Which mean it counts for.
    pub group: String,
    pub cpus: u32,
    pub what: String,
    /// Whether guests and host must have the same result; otherwise only the guests.
    pub same_everywhere: bool,
}

/// What runs the workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runner {
    /// softsie with no translation of an earlier run.
    First,
    /// softsie with those of runs before.
    Softsie,
    Qemu,
    Native,
}

impl Runner {
    /// What it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "softsie, first run",
            Self::Softsie => "softsie, later runs",
            Self::Qemu => "QEMU",
            Self::Native => "native",
        }
    }
}

/// A boot: seconds to the first process, bytes of the host's memory then, and of those what is not guest storage.
#[derive(Clone, Copy)]
pub struct Boot {
    pub seconds: f64,
    pub resident: u64,
    pub beyond: u64,
}

/// The best of each that was measured.
#[derive(Default)]
pub struct Figures {
    pub seconds: BTreeMap<(Runner, String), f64>,
    pub boots: BTreeMap<(Runner, u32), Boot>,
}

impl Figures {
    /// Seconds of a workload.
    pub fn of(&self, runner: Runner, name: &str) -> Option<f64> {
        self.seconds.get(&(runner, name.to_owned())).copied()
    }

    fn note(&mut self, runner: Runner, result: &Measured) {
        let best = self.seconds.entry((runner, result.name.clone())).or_insert(f64::INFINITY);
        *best = best.min(result.seconds);
    }

    fn note_boot(&mut self, runner: Runner, cpus: u32, boot: Boot) {
        let best = self.boots.entry((runner, cpus)).or_insert(boot);
        best.seconds = best.seconds.min(boot.seconds);
        best.resident = best.resident.min(boot.resident);
        best.beyond = best.beyond.min(boot.beyond);
    }
}

/// One line of a workload.
struct Measured {
    name: String,
    seconds: f64,
    result: String,
}

/// Reads the line that a workload prints at its end.
fn measured(line: &str) -> Option<Measured> {
    let mut words = line.strip_prefix("BENCH ")?.split_whitespace();
    let (name, seconds, result) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
    Some(Measured { name: name.to_owned(), seconds, result: result.to_owned() })
}

/// Measures, prints the table and writes it.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    let bench = Bench::prepare(repository, options)?;
    if options.list {
        for workload in &bench.workloads {
            println!("{:16} {:9} {}", workload.name, workload.group, workload.what);
        }
        return Ok(0);
    }
    let version = first_line(bench.peer.command().arg("--version"))?;
    let figures = bench.measure()?;
    let heading = bench.suite.heading(options);
    let setting = figures::Setting { heading: &heading, qemu: &version, runs: options.runs, host: &host() };
    let table = figures::table(&bench.workloads, &figures, &setting);
    println!("{table}");
    if options.only.is_empty() && options.jit == "on" {
        let folder = repository.join("docs/performance");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let chart = figures::chart(&bench.workloads, &figures, heading.native);
        for (kind, text) in [("md", table), ("svg", chart)] {
            let name = format!("{}.{kind}", heading.file);
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(0)
}

/// What is run.
enum Suite {
    /// Our own programs: the one for the host, and the guest that has the other as its first process.
    Own { native: PathBuf, folder: PathBuf, archive: Vec<u8> },
    /// Debian's programs.
    Debian(Debian),
}

impl Suite {
    fn heading(&self, options: &Options) -> Heading {
        match self {
            Self::Own { .. } => Heading {
                file: "workloads",
                title: "softsie and QEMU's translator",
                command: "cargo xtask bench",
                what: "the same kernel, the same programs (benches/guest, compiled for z13 by `-O2`), each result compared \
                       with that of the same C on the host"
                    .to_owned(),
                native: "the same C on the host",
            },
            Self::Debian(_) => Heading {
                file: "programs",
                title: "Debian's programs under softsie and QEMU's translator",
                command: "cargo xtask bench --programs",
                what: format!(
                    "measured by the guest's clock; the same kernel, packages of Debian 13 (benches/programs says what they \
                     do), {} CPU(s), each result compared with that of the same release's packages on the host",
                    options.smp
                ),
                native: "the same release's packages on the host",
            },
        }
    }

    /// The guest that runs the programs `names`.
    fn guest(&self, names: &[&str]) -> Result<Guest> {
        match self {
            Self::Own { folder, archive, .. } => Ok(Guest {
                session: Session::default(),
                initrd: InitialRamdisk::new(folder, &[archive])?,
                // What comes after the two hyphens are the arguments of the first process.
                append: format!("quiet -- {}", names.join(" ")),
            }),
            Self::Debian(debian) => {
                let (session, initrd) = debian.guest(names)?;
                Ok(Guest { session, initrd, append: "quiet".to_owned() })
            }
        }
    }

    /// Size of the guests' storage.
    fn storage(&self) -> &'static str {
        match self {
            Self::Own { .. } => STORAGE.0,
            Self::Debian(_) => "3G",
        }
    }
}

/// What the figures of a suite are called.
pub struct Heading {
    /// The name of the files in docs/performance.
    pub file: &'static str,
    pub title: &'static str,
    pub command: &'static str,
    /// What was done, for the page's first sentence.
    pub what: String,
    /// What runs natively.
    pub native: &'static str,
}

struct Bench<'a> {
    options: &'a Options,
    /// Where softsie keeps translated code from run to run.
    code: PathBuf,
    softsie: PathBuf,
    peer: Peer,
    kernel: PathBuf,
    suite: Suite,
    workloads: Vec<Workload>,
}

impl<'a> Bench<'a> {
    fn prepare(repository: &Path, options: &'a Options) -> Result<Self> {
        let step = Step::start("building softsie");
        let softsie = linux::build_softsie(repository)?;
        let guest = linux::fetch(&linux::target(repository).join("linux"), &options.source)?;
        drop(step);
        let (suite, mut workloads) = if options.programs {
            (
                Suite::Debian(Debian::prepare(repository, &options.source, &guest.busybox)?),
                programs::workloads(options.smp),
            )
        } else {
            own_programs(repository)?
        };
        if let Some(unknown) = options.only.iter().find(|name| workloads.iter().all(|w| w.name != **name)) {
            bail!("there is no workload {unknown}: --list names all");
        }
        workloads.retain(|workload| options.only.is_empty() || options.only.contains(&workload.name));
        let code = linux::target(repository).join("bench-code");
        let peer = Peer::prepare(repository, &options.source, options.qemu.as_deref())?;
        Ok(Self { options, code, softsie, peer, kernel: guest.kernel, suite, workloads })
    }

    fn measure(&self) -> Result<Figures> {
        if self.code.exists() {
            fs::remove_dir_all(&self.code).with_context(|| format!("cannot remove {}", self.code.display()))?;
        }
        let (mut figures, mut wrong) = (Figures::default(), Vec::new());
        for round in 1..=self.options.runs {
            for cpus in [1, 2] {
                let names: Vec<&str> =
                    self.workloads.iter().filter(|w| w.cpus == cpus).map(|w| w.name.as_str()).collect();
                if names.is_empty() {
                    continue;
                }
                let mut expected = BTreeMap::new();
                for runner in [Runner::Native, Runner::First, Runner::Softsie, Runner::Qemu] {
                    // There is one first run.
                    if runner == Runner::First && round > 1 {
                        continue;
                    }
                    let step = Step::start(&format!("{runner:?}, {cpus} CPUs, round {round}"));
                    let (results, boot) = self.once(runner, cpus, &names)?;
                    drop(step);
                    if let Some(boot) = boot {
                        figures.note_boot(runner, cpus, boot);
                    }
                    for one in results {
                        figures.note(runner, &one);
                        if runner == Runner::Native
                            && self.workloads.iter().any(|w| w.name == one.name && !w.same_everywhere)
                        {
                            continue;
                        }
                        let right = expected.entry(one.name.clone()).or_insert_with(|| one.result.clone());
                        if *right != one.result {
                            wrong.push(format!("{} under {runner:?}: {} and not {right}", one.name, one.result));
                        }
                    }
                }
            }
        }
        if !wrong.is_empty() {
            bail!("results differ:\n{}", wrong.join("\n"));
        }
        Ok(figures)
    }

    /// Runs the workloads once, in one process or one boot.
    fn once(&self, runner: Runner, cpus: u32, names: &[&str]) -> Result<(Vec<Measured>, Option<Boot>)> {
        // The ramdisk lasts as long as the guest.
        let guest;
        let mut command = match (runner, &self.suite) {
            (Runner::Native, Suite::Own { native, .. }) => {
                let mut command = Command::new(native);
                command.args(names);
                command
            }
            (Runner::Native, Suite::Debian(debian)) => debian.native(names),
            (_, suite) => {
                guest = suite.guest(names)?;
                self.machine(runner, cpus, &guest)
            }
        };
        let (mut results, mut boot) = (Vec::new(), None);
        let start = Instant::now();
        let (status, text) = finish(command.stdin(Stdio::null()).stderr(Stdio::inherit()), LIMIT, |process, line| {
            if line == "BENCH-INIT" {
                let seconds = start.elapsed().as_secs_f64();
                let Memory { resident, beyond, .. } = Memory::of(process, STORAGE.1);
                boot = Some(Boot { seconds, resident, beyond });
            }
            results.extend(measured(line));
        })?;
        let missing: Vec<&&str> = names.iter().filter(|name| results.iter().all(|one| one.name != **name)).collect();
        if !status.is_some_and(|status| status.success()) || !missing.is_empty() {
            let end = status.map_or_else(|| "was stopped: it took too long".to_owned(), |s| format!("ended with {s}"));
            bail!("{runner:?} {end}, without {missing:?}; its last words:\n{}", last_lines(&text, 10));
        }
        Ok((results, boot))
    }

    /// The command that boots `guest`.
    fn machine(&self, runner: Runner, cpus: u32, guest: &Guest) -> Command {
        let memory = self.suite.storage();
        if runner != Runner::Qemu {
            let shape = Shape { smp: cpus, memory: memory.to_owned(), append: guest.append.clone(), stats: false };
            let mut command = linux::machine(&self.softsie, &self.kernel, &guest.initrd, &guest.session, &shape);
            command.args(["--jit", &self.options.jit]).arg("--code-cache").arg(&self.code);
            return command;
        }
        let mut command = self.peer.command();
        command.args(["-accel", "tcg", "-m", memory, "-smp", &cpus.to_string(), "-nographic", "-no-reboot"]);
        // softsie has no such device either.
        command.args(["-nic", "none"]);
        command.arg("-kernel").arg(&self.kernel).arg("-initrd").arg(guest.initrd.path());
        command.args(["-append", &format!("nokaslr {}", guest.append)]);
        command
    }
}

/// A guest to be booted.
struct Guest {
    session: Session,
    initrd: InitialRamdisk,
    append: String,
}

/// Builds our own programs; the suite and what is in it.
fn own_programs(repository: &Path) -> Result<(Suite, Vec<Workload>)> {
    provide("s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu")?;
    provide("cc", "gcc")?;
    let step = Step::start("building the workloads");
    let folder = linux::target(repository).join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let sources = repository.join("benches/guest");
    let native = compile(&sources, &folder, "cc", &[])?;
    let guest = compile(&sources, &folder, "s390x-linux-gnu-gcc", &["-march=z13"])?;
    drop(step);
    let workloads = list(&native)?;
    let program = fs::read(&guest).with_context(|| format!("cannot read {}", guest.display()))?;
    let mut archive = Archive::new();
    archive.directory("dev", 0o755);
    archive.character_device("dev/console", 0o600, 5, 1);
    archive.file("init", 0o755, &program);
    Ok((Suite::Own { native, folder, archive: archive.finish() }, workloads))
}

/// Compiles the workloads; where the program is.
pub fn compile(sources: &Path, folder: &Path, compiler: &str, more: &[&str]) -> Result<PathBuf> {
    let output = folder.join(format!("workloads-{compiler}"));
    let mut objects = Vec::new();
    let mut files: Vec<_> = fs::read_dir(sources)
        .with_context(|| format!("cannot read {}", sources.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    files.sort();
    let call = |arguments: &mut dyn FnMut(&mut Command)| {
        let mut command = Command::new(compiler);
        // Results of floating point are to be the same everywhere, so products and sums stay apart.
        command.args(["-std=gnu17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-pthread"]).args(more);
        arguments(&mut command);
        let status = command.status().with_context(|| format!("cannot run {compiler}"))?;
        if !status.success() {
            bail!("{compiler} cannot compile {}", sources.display());
        }
        Ok(())
    };
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_os_string();
        let object = folder.join(format!("{compiler}-{}.o", name.display()));
        call(&mut |command| {
            // Loops become vector instructions at this level only.
            command.args((name == "search").then_some("-O3")).arg("-c").arg(&file).arg("-o").arg(&object);
        })?;
        objects.push(object);
    }
    call(&mut |command| {
        command.arg("-static").arg("-o").arg(&output).args(&objects).arg("-lm");
    })?;
    Ok(output)
}

/// The workloads that the program has.
fn list(program: &Path) -> Result<Vec<Workload>> {
    let output = Command::new(program).arg("--list").output().context("cannot run the workloads")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let one = |line: &str| {
        let mut parts = line.splitn(4, ' ');
        let mut next = || parts.next().map(str::to_owned);
        Some(Workload {
            name: next()?,
            group: next()?,
            cpus: next()?.parse().ok()?,
            what: next()?,
            same_everywhere: true,
        })
    };
    text.lines().map(|line| one(line).with_context(|| format!("the program lists {line:?}"))).collect()
}

fn first_line(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

/// This machine, in words.
fn host() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    format!("{cpus} CPUs, {}", model.unwrap_or(std::env::consts::ARCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_workloads() {
        let one = measured("BENCH crc32 0.125000 00df").unwrap();
        assert_eq!((one.name.as_str(), one.seconds, one.result.as_str()), ("crc32", 0.125, "00df"));
        assert!(measured("BENCH-INIT").is_none() && measured("BENCH crc32 x 1").is_none() && measured("").is_none());
    }

    #[test]
    fn the_best_of_several_runs_counts() {
        let mut figures = Figures::default();
        for seconds in [2.0, 1.0, 3.0] {
            figures.note(Runner::Qemu, &Measured { name: "x".into(), seconds, result: String::new() });
            figures.note_boot(Runner::Qemu, 1, Boot { seconds, resident: 7, beyond: 5 });
        }
        assert_eq!(figures.of(Runner::Qemu, "x"), Some(1.0));
        assert_eq!(figures.of(Runner::Native, "x"), None);
        assert_eq!(figures.boots[&(Runner::Qemu, 1)].seconds.to_bits(), 1.0_f64.to_bits());
    }
}
