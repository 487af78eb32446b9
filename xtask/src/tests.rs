//! The test command: everything that must hold before a change is good, from a bare machine with Rust and apt.
//! Order: cheap first; the boot of the real kernel last, because it shows the main job itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cargo::cargo;
use crate::{linux, qemu_client};

/// Where the files are that a macro names.
const LISTED_BY_MACRO: &str = "crates/exec/src/semantics";

/// Options of `cargo xtask test`.
#[derive(Args, Debug)]
pub struct Options {
    /// Debian mirror for the kernel of the boot test, instead of the configured one
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
}

/// Programs of other packages that tests compare against, and the package that has them.
const TOOLS: [(&str, &str); 1] = [("s390x-linux-gnu-objdump", "binutils-s390x-linux-gnu")];

/// Runs all checks; the first that fails ends the run.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    for (program, package) in TOOLS {
        provide(program, package)?;
    }
    let cargo = Cargo { repository: repository.to_path_buf() };
    cargo.component("fmt", "rustfmt")?;
    cargo.component("clippy", "clippy")?;
    cargo.run("format", &["fmt", "--all", "--check"])?;
    format_of_listed_files(repository)?;
    cargo.run("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    eprintln!("== QEMU as a KVM client");
    let start = Instant::now();
    let source = linux::Source { mirror: options.mirror.clone(), unsigned: false, update: false };
    let untested = qemu_client::provide_for_tests(repository, &source)?;
    let untested = untested.map(|reason| format!("NOT TESTED: QEMU as a KVM client, because {reason:#}"));
    match &untested {
        Some(complaint) => eprintln!("== {complaint}"),
        None => eprintln!("== QEMU as a KVM client: there in {:.0} s", start.elapsed().as_secs_f64()),
    }
    // QEMU's tests run by themselves: they boot Linux, and their guests notice when others take the host's CPUs from them.
    let others = [("SOFTSIE_QEMU_TESTS", "off")];
    if cargo.has("nextest") {
        cargo.run_with("tests", &["nextest", "run", "--workspace", "--no-tests=pass"], &others)?;
        cargo.run_with("documentation tests", &["test", "--workspace", "--doc", "--quiet"], &others)?;
    } else {
        cargo.run_with("tests", &["test", "--workspace", "--quiet"], &others)?;
    }
    #[rustfmt::skip]
    let optimised = [
        "test", "--release", "-p", "softsie-tests", "--quiet", "--test", "observer", "--test", "cases", "--test", "deflate_model",
    ];
    cargo.run("tests of what users run", &optimised)?;
    if untested.is_none() {
        // Of the whole workspace, as what was built has its features.
        let tests = ["test", "--workspace", "--test", "qemu_client", "--", "--test-threads", "1"];
        if let Err(error) = cargo.run("QEMU as a KVM client", &tests) {
            eprintln!("== {error:#}; once more, in case the host was busy");
            cargo.run("QEMU as a KVM client, a second time", &tests)?;
        }
    }
    boots(repository, options)?;
    match untested {
        Some(complaint) => eprintln!("all checks passed; but {complaint}"),
        None => eprintln!("all checks passed"),
    }
    Ok(0)
}

struct Cargo {
    repository: PathBuf,
}

impl Cargo {
    fn command(&self) -> Command {
        cargo(&self.repository)
    }

    fn has(&self, subcommand: &str) -> bool {
        let probe = self.command().args([subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    }

    /// Makes sure that a toolchain component is there; a minimal toolchain lacks some.
    fn component(&self, subcommand: &str, component: &str) -> Result<()> {
        if !self.has(subcommand) {
            let added = Command::new("rustup").args(["component", "add", component]).status();
            if !added.is_ok_and(|status| status.success()) {
                bail!("cargo {subcommand} is missing: install the toolchain component {component}");
            }
        }
        Ok(())
    }

    fn run(&self, what: &str, arguments: &[&str]) -> Result<()> {
        self.run_with(what, arguments, &[])
    }

    fn run_with(&self, what: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
        eprintln!("== {what}: cargo {}", arguments.join(" "));
        let start = Instant::now();
        let mut command = self.command();
        let status = command.args(arguments).envs(environment.iter().copied()).status();
        let status = status.with_context(|| format!("cannot run cargo for {what}"))?;
        if !status.success() {
            bail!("{what}: cargo {} failed", arguments.join(" "));
        }
        eprintln!("== {what}: passed in {:.0} s", start.elapsed().as_secs_f64());
        Ok(())
    }
}

/// The format of files that a macro names: `cargo fmt` does not find them.
fn format_of_listed_files(repository: &Path) -> Result<()> {
    let folder = repository.join(LISTED_BY_MACRO);
    let cannot = || format!("cannot read {}", folder.display());
    let entries: std::io::Result<Vec<_>> = std::fs::read_dir(&folder).with_context(cannot)?.collect();
    let mut files: Vec<_> = entries.with_context(cannot)?.iter().map(std::fs::DirEntry::path).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    let checked = Command::new("rustfmt").arg("--check").args(files).current_dir(repository).status();
    if !checked.context("cannot run rustfmt")?.success() {
        bail!("format: run rustfmt {LISTED_BY_MACRO}/*.rs");
    }
    Ok(())
}

/// Installs the package of a missing program when we may, else says which.
pub fn provide(program: &str, package: &str) -> Result<()> {
    let present = || {
        let probe = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    };
    if present() {
        return Ok(());
    }
    eprintln!("== installing {package} for {program}");
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", package]] {
        // A failed update does no harm where the package can be installed all the same.
        let _ = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
    }
    if !present() {
        bail!("{program} is missing and could not be installed: install the package {package} (as root) and try again");
    }
    Ok(())
}

/// Boots the embedded guest and the real kernel, with one and with two CPUs, and looks at what the guest says.
fn boots(repository: &Path, options: &Options) -> Result<()> {
    let softsie = linux::build_softsie(repository)?;
    let folder = linux::target(repository).join("linux");
    eprintln!("== boot: the embedded guest");
    let output = Command::new(&softsie).args(["run", "--smp", "2"]).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !text.contains("PASS") || text.contains("FAIL") {
        bail!("the embedded guest failed ({}):\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    for cpus in ["1", "2"] {
        eprintln!("== boot: Debian's kernel with {cpus} CPU(s)");
        let start = Instant::now();
        let mut command = Command::new(std::env::current_exe().context("cannot name this program")?);
        command.args(["linux", "--smp", cpus]);
        if let Some(mirror) = &options.mirror {
            command.args(["--mirror", mirror]);
        }
        // The status shows the way back; the numbers are what the kernel itself found.
        command.args(["--", "uname -m; grep -c '^processor' /proc/cpuinfo; exit 42"]);
        let output = command.stdin(Stdio::null()).output().context("cannot run the main job")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let words: Vec<&str> = text.split_whitespace().collect();
        if output.status.code() != Some(42) || words != ["s390x", cpus] {
            bail!(
                "the boot with {cpus} CPU(s) ended with {} and said {text:?}:\n{}\ncached packages are in {}",
                output.status,
                String::from_utf8_lossy(&output.stderr),
                folder.display()
            );
        }
        eprintln!("== boot: passed in {:.0} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}
