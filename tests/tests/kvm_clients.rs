//! KVM clients in three languages, run through the preload library as their users run them, and what the library promises
//! besides the interface. Truth: the clients compute their own expectations; tests/clients/shim.c names each promise.

#![allow(clippy::expect_used)] // a test's helpers may, too

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a folder of the repository").to_path_buf()
}

/// Where build outputs go.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

fn cargo(arguments: &[&str]) {
    let status = Command::new(env!("CARGO")).current_dir(repository()).args(arguments).arg("--quiet").status();
    assert!(status.expect("cargo runs").success(), "cargo {}", arguments.join(" "));
}

/// The `softsie` command, with its library beside it.
fn softsie() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        cargo(&["build", "--release", "--package", "softsie", "--package", "softsie-shim"]);
        target().join("release/softsie")
    })
}

/// Runs a client that is expected to succeed.
fn run(words: &[&OsStr]) -> String {
    let mut command = Command::new(softsie());
    command.args(["kvm", "--"]).args(words);
    let output = command.output().expect("softsie runs");
    let text = said(&output);
    assert!(output.status.success(), "{words:?} ended with {}:\n{text}", output.status);
    text
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Compiles a program in C; `None` where there is no compiler.
fn compile(source: &str, arguments: &[&str]) -> Option<PathBuf> {
    let program = target().join("kvm-clients").join(Path::new(source).file_stem().expect("a file"));
    std::fs::create_dir_all(program.parent().expect("a folder")).expect("target/ can be written");
    let output =
        Command::new("cc").arg("-O1").arg("-o").arg(&program).arg(repository().join(source)).args(arguments).output();
    let Ok(output) = output else {
        eprintln!("skipped: there is no C compiler (cc)");
        return None;
    };
    assert!(output.status.success(), "{source} does not compile:\n{}", said(&output));
    Some(program)
}

const SUM: &str = "1 + 2 + ... + 100 = 5050\n";

#[test]
fn a_client_in_c() {
    let Some(program) = compile("examples/kvm-client/client.c", &[]) else { return };
    assert_eq!(run(&[program.as_os_str()]), SUM);
}

#[test]
fn a_client_in_python() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3");
        return;
    }
    assert_eq!(run(&["python3".as_ref(), repository().join("examples/kvm-client/client.py").as_ref()]), SUM);
}

#[test]
fn a_client_in_rust() {
    cargo(&["build", "--release", "--package", "softsie-kvm", "--example", "client"]);
    assert_eq!(run(&[target().join("release/examples/client").as_ref()]), SUM);
}

#[test]
fn what_the_library_promises() {
    let Some(program) = compile("tests/clients/shim.c", &["-lpthread", "-lrt"]) else { return };
    let text = run(&[program.as_os_str()]);
    assert!(text.ends_with("all promises kept\n"), "{text}");
}

/// The tests of all calls, which `cargo test -p softsie-kvm ioctls` runs in process, by the library's door.
#[test]
fn every_call_through_the_library() {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(repository()).args(["test", "--package", "softsie-kvm", "--lib", "--no-run"]);
    let output = build.args(["--message-format", "json"]).output().expect("cargo runs");
    assert!(output.status.success(), "{}", said(&output));
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages.lines().filter(|line| line.contains("\"test\":true")).find_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        rest.split_once('"').map(|(path, _)| path)
    });
    let program = executable.expect("cargo says where the tests are");
    let mut command = Command::new(softsie());
    command.args(["kvm", "--"]).arg(program).arg("tests::ioctls").env("SOFTSIE_DOOR", "/dev/kvm");
    let output = command.output().expect("softsie runs");
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    let line = text.lines().find(|line| line.starts_with("test result: ok. ")).unwrap_or_else(|| panic!("{text}"));
    let passed = line.split(' ').nth(3).and_then(|number| number.parse::<u32>().ok());
    assert!(passed >= Some(55), "{line}");
}

#[test]
fn check_says_what_a_client_finds() {
    let output = Command::new(softsie()).args(["kvm", "--check"]).output().expect("softsie runs");
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("API version 12") && text.contains("KVM_CAP_SYNC_REGS (74): 1\n"), "{text}");
}

#[test]
fn programs_that_cannot_have_it_are_refused_with_the_reason() {
    let refused = |program: &Path, why: &str| {
        let output = Command::new(softsie()).args(["kvm", "--"]).arg(program).output().expect("softsie runs");
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(why), "{text}");
    };
    refused(Path::new("/nonexistent/client"), "not a file that can be executed");
    refused(Path::new("no-such-client-anywhere"), "in no folder of PATH");
    if let Some(program) = compile("examples/kvm-client/client.c", &[]) {
        // The same client, linked so that no library can stand before its system calls.
        let output = target().join("kvm-clients/static");
        let source = repository().join("examples/kvm-client/client.c");
        let built = Command::new("cc").args(["-static", "-o"]).arg(&output).arg(source).output();
        if built.is_ok_and(|built| built.status.success()) {
            refused(&output, "linked statically");
        }
        // One for a mainframe.
        let mut elf = std::fs::read(&program).expect("the program can be read");
        elf[18..20].copy_from_slice(&22u16.to_be_bytes());
        elf[5] = 2;
        let foreign = target().join("kvm-clients/foreign");
        std::fs::write(&foreign, elf).expect("target/ can be written");
        let permissions = std::fs::metadata(&program).expect("it is there").permissions();
        std::fs::set_permissions(&foreign, permissions).expect("our own file");
        refused(&foreign, "for another machine");
    }
}
