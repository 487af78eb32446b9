//! `softsie kvm`: runs a KVM client with the preload library in front of the C library, so that /dev/kvm is softsie's; says
//! before, in one line, why a program cannot have it. Truth: ld.so(8), elf(5), docs/kvm-clients.md.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::kvm_probe;

/// The library's file.
const LIBRARY: &str = "libsoftsie_kvm.so";
/// Where the library is, if it is not found beside this program.
const LIBRARY_VARIABLE: &str = "SOFTSIE_KVM_LIBRARY";
/// Interpreters of interpreters are followed this far, as Linux does.
const SCRIPTS: usize = 5;

#[derive(Args)]
pub struct Arguments {
    /// Say what a client would find, and run nothing
    #[arg(long)]
    check: bool,
    /// The client and its arguments
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "check")]
    command: Vec<OsString>,
}

/// The variable by which `softsie kvm --check` starts itself as a client.
const PROBE_VARIABLE: &str = "SOFTSIE_KVM_PROBE";

/// Runs the command in place of this process; returns only if that cannot be done, or after a check.
pub fn run(arguments: &Arguments) -> Result<u8, String> {
    if arguments.check {
        return check();
    }
    let Some((program, rest)) = arguments.command.split_first() else { return Err("no command".to_owned()) };
    let path = find(program)?;
    suitable(&path, SCRIPTS)?;
    let error = preloaded(&path)?.arg0(program).args(rest).exec();
    Err(format!("cannot run {}: {error}", path.display()))
}

/// `program` with the library in front of everything else that is preloaded.
fn preloaded(program: &Path) -> Result<Command, String> {
    let mut preload = library()?.into_os_string();
    if let Some(others) = std::env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
        preload.push(":");
        preload.push(others);
    }
    let mut command = Command::new(program);
    command.env("LD_PRELOAD", preload);
    Ok(command)
}

/// The library: named by the environment, beside this program, or in the folder of libraries beside its own.
fn library() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os(LIBRARY_VARIABLE) {
        let named = PathBuf::from(named);
        return if named.is_file() {
            Ok(named)
        } else {
            Err(format!("{LIBRARY_VARIABLE} names {}, which is no file", named.display()))
        };
    }
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program's own file: {error}"))?;
    let folder = program.parent().unwrap_or_else(|| Path::new("/"));
    let places =
        [folder.join(LIBRARY), folder.join("../lib").join(LIBRARY), folder.join("../lib/softsie").join(LIBRARY)];
    places.iter().find(|place| place.is_file()).cloned().ok_or_else(|| {
        format!(
            "{LIBRARY} is not beside {}: build it (cargo build --release -p softsie-shim) or name it in {LIBRARY_VARIABLE}",
            program.display()
        )
    })
}

/// The file that a command's first word means.
fn find(program: &OsStr) -> Result<PathBuf, String> {
    let is_program =
        |path: &Path| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    if program.as_bytes().contains(&b'/') {
        let path = PathBuf::from(program);
        return if is_program(&path) {
            Ok(path)
        } else {
            Err(format!("{} is not a file that can be executed", path.display()))
        };
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| is_program(path));
    found.ok_or_else(|| format!("{} is in no folder of PATH", program.display()))
}

/// Whether a program loads libraries by the C library's loader, of this host's kind.
fn suitable(path: &Path, scripts: usize) -> Result<(), String> {
    let name = path.display();
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 16).read_to_end(&mut start));
    read.map_err(|error| format!("cannot read {name}: {error}"))?;
    if path.metadata().is_ok_and(|file| file.permissions().mode() & 0o6000 != 0) {
        return Err(format!("{name} is set-user-ID or set-group-ID: the loader ignores preloaded libraries for it"));
    }
    if let Some(line) = start.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
        let interpreter = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        if scripts == 0 {
            return Err(format!("{name} is a script of a script of a script, and so on"));
        }
        return suitable(Path::new(OsStr::from_bytes(interpreter)), scripts - 1);
    }
    let machine = machine(&start).ok_or_else(|| format!("{name} is neither a 64-bit ELF program nor a script"))?;
    if Some(machine) != this_machine() {
        return Err(format!(
            "{name} is a program for another machine (ELF machine {machine}): build the client for this host"
        ));
    }
    match interpreter(&start) {
        None => Err(format!(
            "{name} is linked statically, so that no library can stand before its system calls: link it dynamically \
             (for Go: with cgo)"
        )),
        Some(loader) if loader.windows(7).any(|part| part == b"ld-musl") => Err(format!(
            "{name} uses the C library musl, and {LIBRARY} the GNU C library: run a client built for the latter"
        )),
        Some(_) => Ok(()),
    }
}

fn halfword(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn doubleword(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?)).ok()
}

/// The machine of a 64-bit ELF file; both of our hosts are little-endian.
fn machine(elf: &[u8]) -> Option<u16> {
    const CLASS_64: u8 = 2;
    const LITTLE_ENDIAN: u8 = 1;
    const MACHINE: usize = 18;
    if !elf.starts_with(b"\x7fELF") || elf.get(4) != Some(&CLASS_64) {
        return None;
    }
    let machine = halfword(elf, MACHINE)?;
    Some(if elf.get(5) == Some(&LITTLE_ENDIAN) { machine } else { machine.swap_bytes() })
}

fn this_machine() -> Option<u16> {
    match std::env::consts::ARCH {
        "x86_64" => Some(62),
        "aarch64" => Some(183),
        _ => None,
    }
}

/// The loader that an ELF program asks for.
fn interpreter(elf: &[u8]) -> Option<&[u8]> {
    const INTERPRETER: u32 = 3;
    let (table, size, count) = (doubleword(elf, 32)?, halfword(elf, 54)?, halfword(elf, 56)?);
    (0..usize::from(count)).find_map(|n| {
        let header = elf.get(table.checked_add(n * usize::from(size))?..)?;
        let kind = u32::from_le_bytes(header.get(..4)?.try_into().ok()?);
        let (start, length) = (doubleword(header, 8)?, doubleword(header, 32)?);
        if kind == INTERPRETER { elf.get(start..start.checked_add(length)?) } else { None }
    })
}

/// Starts this program again as a client, and adds why that failed if it did.
fn check() -> Result<u8, String> {
    if std::env::var_os(PROBE_VARIABLE).is_some() {
        return kvm_probe::report();
    }
    let library = library()?;
    println!("library: {}", library.display());
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program's own file: {error}"))?;
    let status = preloaded(&program)?.args(["kvm", "--check"]).env(PROBE_VARIABLE, "1").status();
    let status = status.map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ok(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, signal) => Err(format!("the check was ended by signal {}", signal.unwrap_or_default())),
    }
}
