//! Real programs as oracles: the same release of glibc, SQLite, OpenSSL, the compressors and Python runs in a guest and on
//! this host, and what they print is compared. Where they differ, an instruction of the guest is the first suspect.
//! Truth: the programs themselves, and tests/oracles, which holds what they are given to do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::gzip;
use crate::initramfs::{self, Session, quoted};
use crate::linux::{self, InitialRamdisk, Shape, Source};
use crate::rootfs;
use crate::tests::provide;
use crate::userland::{Packages, UserLand, host_architecture};
use crate::verdict::{self, Explained, Part};
use crate::watch::{finish, last_lines};

/// Options of `cargo xtask oracles`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// Oracles to ask, by name, separated by commas (all but those that take long, if none is named)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// Ask those that take long as well
    #[arg(long)]
    long: bool,
    /// Number of CPUs of the guest
    #[arg(long, value_name = "N", default_value_t = 2)]
    smp: u32,
    /// Let an emulator of user programs stand in the guest's place, to see whether it agrees (qemu-s390x)
    #[arg(long, value_name = "PROGRAM")]
    under: Option<String>,
    /// List the oracles and their parts
    #[arg(long)]
    list: bool,
}

/// A guest that runs longer than this waits for something that does not happen.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// Packages of the guest's user land besides.
const GUEST_PACKAGES: [&str; 2] = ["linux-perf", "util-linux"];
/// Packages of both user lands.
const PACKAGES: [&str; 13] = [
    "bzip2",
    "gzip",
    "libc6",
    "libc-bin",
    "libpython3.13-testsuite",
    "openssl",
    "openssl-provider-fips",
    "openssl-provider-legacy",
    "pigz",
    "python3.13",
    "sqlite3",
    "xz-utils",
    "zstd",
];

/// One program run: what it is called, and its commands on the host and, where it differs, in the guest.
struct Task {
    name: &'static str,
    command: &'static str,
    guest: Option<&'static str>,
}

/// An oracle: tasks of one boot.
struct Oracle {
    name: &'static str,
    /// Whether it takes more than a few minutes, so that it must be asked for.
    long: bool,
    tasks: &'static [Task],
}

const fn same(name: &'static str, command: &'static str) -> Task {
    Task { name, command, guest: None }
}

const fn unlike(name: &'static str, command: &'static str, guest: &'static str) -> Task {
    Task { name, command, guest: Some(guest) }
}

macro_rules! modules {
    ($($name:literal)*) => { &[$(same($name, concat!("python3 \"$ORACLES/python_modules.py\" ", $name))),*] };
}

const ORACLES: [Oracle; 10] = [
    Oracle {
        name: "machine",
        long: false,
        tasks: &[unlike("z16", "sh \"$ORACLES/machine.sh\" expected", "sh \"$ORACLES/machine.sh\"")],
    },
    Oracle {
        name: "math",
        long: false,
        tasks: &[
            same("exact", "glibc-math exact"),
            unlike("exact-z15", "glibc-math exact", "glibc-math-z15 exact"),
            same("near", "glibc-math near"),
            unlike("near-z15", "glibc-math near", "glibc-math-z15 near"),
            same("text", "glibc-math text"),
            unlike("text-z15", "glibc-math text", "glibc-math-z15 text"),
        ],
    },
    Oracle {
        name: "strings",
        long: false,
        tasks: &[
            same("all", "glibc-strings"),
            unlike("all-z13", "glibc-strings", "GLIBC_TUNABLES=glibc.cpu.hwcaps=z13 glibc-strings"),
            unlike("all-z196", "glibc-strings", "GLIBC_TUNABLES=glibc.cpu.hwcaps=z196 glibc-strings"),
            unlike("all-z10", "glibc-strings", "GLIBC_TUNABLES=glibc.cpu.hwcaps=z10 glibc-strings"),
            unlike("all-zEC12", "glibc-strings", "GLIBC_TUNABLES=glibc.cpu.hwcaps=zEC12 glibc-strings"),
            unlike("all-compiled-for-z15", "glibc-strings", "glibc-strings-z15"),
        ],
    },
    Oracle {
        name: "database",
        long: false,
        tasks: &[same("sqlite", "sqlite3 -batch oracle.db <\"$ORACLES/database.sql\"")],
    },
    Oracle { name: "cryptography", long: false, tasks: &[same("openssl", "sh \"$ORACLES/cryptography.sh\"")] },
    Oracle { name: "compression", long: false, tasks: &[same("compressors", "sh \"$ORACLES/compression.sh\"")] },
    Oracle {
        name: "python-short",
        long: false,
        tasks: modules!("test_struct" "test_float" "test_cmath" "test_int" "test_array"),
    },
    Oracle {
        name: "python",
        long: true,
        tasks: modules!("test_math" "test_zlib" "test_re" "test_hashlib" "test_json" "test_memoryview"
            "test_long"),
    },
    Oracle { name: "python-threading", long: true, tasks: modules!("test_threading") },
    Oracle { name: "python-decimal", long: true, tasks: modules!("test_decimal") },
];

/// Asks the oracles and says what they found; the status is 1 where something differs.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    if options.list {
        for oracle in &ORACLES {
            let names: Vec<&str> = oracle.tasks.iter().map(|task| task.name).collect();
            println!("{}{}: {}", oracle.name, if oracle.long { " (long)" } else { "" }, names.join(" "));
        }
        return Ok(0);
    }
    if let Some(unknown) = options.only.iter().find(|name| ORACLES.iter().all(|oracle| oracle.name != name.as_str())) {
        bail!("there is no oracle {unknown}: --list names all");
    }
    let setting = Setting::prepare(repository, options)?;
    let explained = Explained::read(&repository.join("tests/oracles/explained.txt"))?;
    let mut different = 0;
    for oracle in &ORACLES {
        let asked = if options.only.is_empty() {
            options.long || !oracle.long
        } else {
            options.only.iter().any(|name| name == oracle.name)
        };
        if !asked {
            continue;
        }
        let start = Instant::now();
        let host = setting.on_host(oracle)?;
        let guest = setting.in_guest(oracle)?;
        for task in oracle.tasks {
            different +=
                verdict::compare(oracle.name, task.name, host.get(task.name), guest.get(task.name), &explained);
        }
        println!("{}: {:.0} s with the boot and the host's part", oracle.name, start.elapsed().as_secs_f64());
    }
    println!("{}", if different == 0 { "all oracles agree".to_owned() } else { format!("{different} results differ") });
    Ok(u8::from(different != 0))
}

/// What all oracles need.
struct Setting<'a> {
    options: &'a Options,
    folder: PathBuf,
    sources: PathBuf,
    softsie: PathBuf,
    kernel: PathBuf,
    archive: Vec<u8>,
    host: UserLand,
    guest: UserLand,
}

impl<'a> Setting<'a> {
    fn prepare(repository: &Path, options: &'a Options) -> Result<Self> {
        provide("s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu")?;
        provide("cc", "gcc")?;
        let target = linux::target(repository);
        let softsie = linux::build_softsie(repository)?;
        let kernel = linux::fetch(&target.join("linux"), &options.source)?;
        let names = PACKAGES.map(str::to_owned);
        let guest_names: Vec<String> = PACKAGES.into_iter().chain(GUEST_PACKAGES).map(str::to_owned).collect();
        let guest = rootfs::guest_user_land(&target, &options.source, &guest_names)?;
        let packages =
            Packages { folder: &target.join("rootfs"), source: &options.source, architecture: host_architecture()? };
        let host = packages.user_land(&names)?;
        let folder = target.join("oracles");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let folder = fs::canonicalize(&folder).with_context(|| format!("cannot open {}", folder.display()))?;
        let sources = repository.join("tests/oracles");
        let mut setting = Self {
            options,
            sources,
            softsie,
            kernel: kernel.kernel,
            archive: Vec::new(),
            host: UserLand { root: absolute(&host.root)? },
            guest: UserLand { root: absolute(&guest.root)? },
            folder,
        };
        setting.compile()?;
        setting.make_keys()?;
        setting.archive = rootfs::archive(&setting.guest, &kernel.busybox, &[setting.folder.join("guest")])?;
        Ok(setting)
    }

    /// Compiles our own programs, for the host and for the guest, there for the least CPU of Debian and for a newer one
    /// whose instructions the compiler then chooses itself; puts the other files where the guest finds them.
    fn compile(&self) -> Result<()> {
        let guest = self.folder.join("guest/usr/bin");
        let host = self.folder.join("host");
        let files = self.folder.join("guest/oracles");
        for folder in [&guest, &host, &files] {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let entries = fs::read_dir(&self.sources).with_context(|| format!("cannot read {}", self.sources.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let to = files.join(path.file_name().unwrap_or_default());
            fs::copy(&path, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
        for program in ["glibc-math", "glibc-strings"] {
            for (compiler, output, more) in [
                ("cc", host.join(program), &[][..]),
                ("s390x-linux-gnu-gcc", guest.join(program), &[]),
                ("s390x-linux-gnu-gcc", guest.join(format!("{program}-z15")), &["-march=z15"]),
            ] {
                let status = Command::new(compiler)
                    // Calls stay calls, and operations stay as they are written.
                    .args(["-O2", "-std=gnu17", "-fno-builtin", "-ffp-contract=off", "-frounding-math"])
                    .args(["-fno-strict-aliasing", "-Wall", "-Wextra", "-Werror"])
                    .args(more)
                    .arg("-o")
                    .arg(&output)
                    .arg(self.sources.join(program).with_extension("c"))
                    .arg("-lm")
                    .status()
                    .with_context(|| format!("cannot run {compiler}"))?;
                if !status.success() {
                    bail!("{compiler} cannot compile {program}.c");
                }
            }
        }
        let mut command = Command::new("s390x-linux-gnu-gcc");
        command.args(["-nostdlib", "-static", "-o"]).arg(guest.join("loop")).arg(self.sources.join("loop.S"));
        if !command.status().context("cannot run s390x-linux-gnu-gcc")?.success() {
            bail!("s390x-linux-gnu-gcc cannot assemble loop.S");
        }
        gzip::build(&self.folder.join("gzip"), &self.options.source, &guest.join("gzip-dfltcc"))
    }

    fn make_keys(&self) -> Result<()> {
        let keys = self.folder.join("guest/oracles/keys");
        if keys.exists() {
            return Ok(());
        }
        let partial = self.folder.join("keys.partial");
        fs::create_dir_all(&partial).with_context(|| format!("cannot create {}", partial.display()))?;
        let status = self
            .host_shell(&self.host, &self.host_programs()?)
            .arg(self.sources.join("keys.sh"))
            .current_dir(&partial)
            .status()
            .context("cannot run sh")?;
        if !status.success() {
            bail!("the keys of the oracle cannot be made");
        }
        fs::rename(&partial, &keys).with_context(|| format!("cannot write {}", keys.display()))
    }

    fn host_programs(&self) -> Result<PathBuf> {
        self.host.programs(None, &[self.folder.join("host/glibc-math"), self.folder.join("host/glibc-strings")])
    }

    /// A shell of this host with the programs in the folder `programs` before its own.
    fn host_shell(&self, user_land: &UserLand, programs: &Path) -> Command {
        let mut command = Command::new("sh");
        let path = std::env::var("PATH").unwrap_or_default();
        let libraries = user_land.libraries().unwrap_or_default();
        let modules = libraries.join("ossl-modules");
        command
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("ORACLES", self.folder.join("guest/oracles"))
            .env("KEYS", self.folder.join("guest/oracles/keys"))
            .env("WORK", self.folder.join(format!("work-{}", std::process::id())))
            .env("GCONV_PATH", libraries.join("gconv"))
            .env("OPENSSL_CONF", user_land.root.join("etc/ssl/openssl.cnf"))
            .env("FIPS_MODULE", modules.join("fips.so"))
            .env("OPENSSL_MODULES", modules)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        command
    }

    fn on_host(&self, oracle: &Oracle) -> Result<BTreeMap<String, Part>> {
        self.by_shell(&self.host, &self.host_programs()?, &script(oracle, false))
    }

    fn by_shell(&self, user_land: &UserLand, programs: &Path, script: &str) -> Result<BTreeMap<String, Part>> {
        let output = self
            .host_shell(user_land, programs)
            .args(["-c", script])
            .current_dir(&self.folder)
            .output()
            .context("cannot run sh")?;
        Ok(verdict::parts(&String::from_utf8_lossy(&output.stdout)))
    }

    fn in_guest(&self, oracle: &Oracle) -> Result<BTreeMap<String, Part>> {
        let script = script(oracle, true);
        if let Some(emulator) = &self.options.under {
            let bin = self.folder.join("guest/usr/bin");
            let own = ["glibc-math", "glibc-math-z15", "glibc-strings", "glibc-strings-z15"].map(|name| bin.join(name));
            return self.by_shell(&self.guest, &self.guest.programs(Some(emulator), &own)?, &script);
        }
        let command = format!("export ORACLES=/oracles KEYS=/oracles/keys WORK=/tmp/work\n{script}");
        let session = Session::new(None, &[command]);
        let initrd = InitialRamdisk::new(&self.folder, &[&self.archive, &initramfs::about(&session)])?;
        let shape = Shape { smp: self.options.smp, memory: "2G".to_owned(), append: String::new(), stats: false };
        let mut machine = linux::machine(&self.softsie, &self.kernel, &initrd, &session, &shape);
        let (status, text) = finish(machine.stdin(Stdio::null()).stderr(Stdio::inherit()), LIMIT, |_, _| ())?;
        if !status.is_some_and(|status| status.success()) {
            let end = status.map_or_else(|| "was stopped: it took too long".to_owned(), |s| format!("ended with {s}"));
            eprintln!("the guest {end}; its last words: {}", last_lines(&text, 10));
        }
        Ok(verdict::parts(&text))
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).with_context(|| format!("cannot open {}", path.display()))
}

/// The shell script of an oracle's tasks. Each begins in an empty folder; its errors are notes, not results.
fn script(oracle: &Oracle, guest: bool) -> String {
    let mut text = String::from(
        "export LC_ALL=C.UTF-8 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 TMPDIR=\"$WORK/tmp\"\n\
         task() {\n    rm -rf \"$WORK\"\n    mkdir -p \"$WORK/at\" \"$TMPDIR\"\n    cd \"$WORK/at\"\n    echo \"@begin $1\"\n    \
         from=$(date +%s)\n    sh -c \"$2\" </dev/null 2>\"$WORK/errors\"\n    status=$?\n    \
         [ -s \"$WORK/errors\" ] && tail -n 60 \"$WORK/errors\" | sed 's/^/@note /'\n    \
         echo \"@end $status $(($(date +%s) - from))\"\n    cd /\n}\n",
    );
    for task in oracle.tasks {
        let command = task.guest.filter(|_| guest).unwrap_or(task.command);
        // A string grows without error.
        let _ = writeln!(text, "task {} {}", task.name, quoted(command));
    }
    text.push_str("rm -rf \"$WORK\"\n");
    text
}
