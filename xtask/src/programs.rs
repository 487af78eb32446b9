//! Real programs for the comparison of speed: packages of Debian do in a guest, with a shell, a root file system and the
//! kernel's usual work, what they do on this host by the same release's packages. benches/programs says what they do.
//! Truth: none; the programs' own results are compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::bench::Workload;
use crate::initramfs::{self, Session};
use crate::linux::{self, InitialRamdisk, Source};
use crate::rootfs;
use crate::userland::{Packages, UserLand, host_architecture};

/// Packages of both user lands.
const PACKAGES: [&str; 9] =
    ["coreutils", "gcc", "libc-bin", "openssl", "perl", "python3.13", "sqlite3", "xz-utils", "zstd"];

/// Name and description of each program, as benches/programs/run.sh knows them.
const PROGRAMS: [(&str, &str); 13] = [
    ("python-nbody", "Python: planets, floating point"),
    ("python-fannkuch", "Python: pancake flips, lists"),
    ("gcc", "gcc -O2 of one file of 14 KB"),
    ("sqlite", "SQLite: 50,000 rows, indexes, joins, changes"),
    ("xz", "xz -6 of 1.5 MB of text"),
    ("zstd", "zstd -12 of twice 1.5 MB of text"),
    ("sort", "sort of 500,000 lines"),
    ("perl-regex", "Perl: regular expressions in 0.75 MB of text"),
    ("fork-exec", "dash: 1,000 times a program of coreutils"),
    ("ping-pong", "Perl: 20,000 times a byte to another process and back, by pipes"),
    ("openssl-sha256", "OpenSSL: SHA-256 of 100 MB"),
    ("openssl-aes-gcm", "OpenSSL: AES-128-GCM of 100 MB"),
    ("openssl-rsa", "OpenSSL: 200 RSA-2048 signatures"),
];

/// The programs whose result differs between architectures by its nature.
const OF_ITS_ARCHITECTURE: [&str; 1] = ["gcc"];

/// The group of all programs in the figures.
const GROUP: &str = "program";

/// What runs the programs on the host.
pub struct Debian {
    host: UserLand,
    /// Where the host's programs are, to be called by their names.
    bin: PathBuf,
    inputs: PathBuf,
    programs: PathBuf,
    archive: Vec<u8>,
    folder: PathBuf,
}

/// The programs, as workloads of guests with `cpus` CPUs.
pub fn workloads(cpus: u32) -> Vec<Workload> {
    let one = |(name, what): (&str, &str)| Workload {
        name: name.to_owned(),
        group: GROUP.to_owned(),
        cpus,
        what: what.to_owned(),
        same_everywhere: !OF_ITS_ARCHITECTURE.contains(&name),
    };
    PROGRAMS.into_iter().map(one).collect()
}

impl Debian {
    /// Fetches both user lands and makes the inputs, where they are not there yet.
    pub fn prepare(repository: &Path, source: &Source, busybox: &Path) -> Result<Self> {
        let target = linux::target(repository);
        let names = PACKAGES.map(str::to_owned);
        let guest = rootfs::guest_user_land(&target, source, &names)?;
        let packages = Packages { folder: &target.join("rootfs"), source, architecture: host_architecture()? };
        let root = packages.user_land(&names)?.root;
        let host =
            UserLand { root: fs::canonicalize(&root).with_context(|| format!("cannot open {}", root.display()))? };
        let folder = target.join("bench");
        // What is below `guest` goes over the guest's files.
        let programs = folder.join("guest/programs");
        fs::create_dir_all(&programs).with_context(|| format!("cannot create {}", programs.display()))?;
        let folder = fs::canonicalize(&folder).with_context(|| format!("cannot open {}", folder.display()))?;
        let programs = folder.join("guest/programs");
        let sources = repository.join("benches/programs");
        let entries = fs::read_dir(&sources).with_context(|| format!("cannot read {}", sources.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let to = programs.join(path.file_name().unwrap_or_default());
            fs::copy(&path, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
        let bin = host.programs(None, &parts_of_the_compiler(&host))?;
        let mut debian = Self { host, bin, inputs: folder.join("guest/inputs"), programs, archive: Vec::new(), folder };
        debian.make_inputs()?;
        debian.archive = rootfs::archive(&guest, busybox, &[debian.folder.join("guest")])?;
        Ok(debian)
    }

    fn make_inputs(&self) -> Result<()> {
        let generator = self.programs.join("inputs.py");
        let made_by = self.inputs.join("inputs.py");
        let read = |path: &Path| fs::read(path).ok();
        if read(&made_by).is_some_and(|text| read(&generator) == Some(text)) {
            return Ok(());
        }
        fs::create_dir_all(&self.inputs).with_context(|| format!("cannot create {}", self.inputs.display()))?;
        let mut python = self.host("python3");
        python.arg(&generator).arg(&self.inputs);
        let mut key = self.host("openssl");
        key.args(["genrsa", "-quiet", "-out"]).arg(self.inputs.join("key.pem")).arg("2048");
        for mut command in [python, key] {
            let output = command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
            if !output.status.success() {
                bail!("the programs' inputs cannot be made: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
        // Copied last, because it stands for the others.
        fs::copy(&generator, &made_by).map(|_| ()).with_context(|| format!("cannot write {}", made_by.display()))
    }

    /// A program of the host's user land.
    fn host(&self, name: &str) -> Command {
        self.with_settings(Command::new(self.bin.join(name)))
    }

    fn with_settings(&self, mut command: Command) -> Command {
        command.env("OPENSSL_CONF", self.host.root.join("etc/ssl/openssl.cnf"));
        command
    }

    /// The command that runs programs on this host.
    pub fn native(&self, names: &[&str]) -> Command {
        let mut command = self.with_settings(Command::new("sh"));
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .arg(self.programs.join("run.sh"))
            .args(names)
            .env("PATH", format!("{}:{path}", self.bin.display()))
            .env("CC_OPTIONS", format!("-B{}", self.bin.display()))
            .env("INPUTS", &self.inputs)
            .env("PROGRAMS", &self.programs);
        command
    }

    /// The session of a guest that runs programs, and its initial ramdisk.
    pub fn guest(&self, names: &[&str]) -> Result<(Session, InitialRamdisk)> {
        let command = format!(
            "export INPUTS=/inputs PROGRAMS=/programs CC_OPTIONS= SETTLE=1\ndash /programs/run.sh {}",
            names.join(" ")
        );
        let session = Session::new(None, &[command]);
        let initrd = InitialRamdisk::new(&self.folder, &[&self.archive, &initramfs::about(&session)])?;
        Ok((session, initrd))
    }
}

/// Programs that the compiler calls and that are in no folder of programs.
fn parts_of_the_compiler(user_land: &UserLand) -> Vec<PathBuf> {
    let folders = |at: PathBuf| fs::read_dir(at).into_iter().flatten().flatten().map(|entry| entry.path());
    folders(user_land.root.join("usr/libexec/gcc")).flat_map(folders).map(|folder| folder.join("cc1")).collect()
}
