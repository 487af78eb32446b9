//! Bad usage and bad input: one line on standard error that names the thing, status 2, nothing changed on disk.
//! Truth: README.md's table of exit statuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::path::PathBuf;
use std::process::{Command, Output};

fn softsie(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_softsie")).args(arguments).output().unwrap()
}

/// A file with some content, below the folder cargo gives to tests.
fn file(name: &str, content: &[u8]) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The smallest file that passes for a Linux image: its signature, command-line size and version string.
fn image() -> Vec<u8> {
    let mut bytes = vec![0; 0x20000];
    bytes[0x10008..0x1000e].copy_from_slice(b"S390EP");
    bytes[0x10428..0x10430].copy_from_slice(&0x1f000_u64.to_be_bytes());
    bytes[0x10430..0x10438].copy_from_slice(&4096_u64.to_be_bytes());
    bytes
}

#[track_caller]
fn refused(arguments: &[&str], words: &[&str]) {
    let output = softsie(arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    assert!(output.stdout.is_empty());
    for word in words {
        assert!(text.contains(word), "{arguments:?}: no '{word}' in: {text}");
    }
}

#[test]
fn usage_mistakes() {
    refused(&[], &["softsie"]);
    refused(&["fly"], &["fly"]);
    refused(&["run", "--smp", "many"], &["many", "--smp"]);
    refused(&["run", "-m", "12Q"], &["12Q"]);
    refused(&["run", "-m", "0"], &["'0'"]);
    refused(&["run", "-m", "1000001"], &["1000001", "1M"]);
    refused(&["run", "--smp", "0"], &["--smp"]);
    refused(&["run", "--cpu", "i486"], &["i486", "z15"]);
    refused(&["run", "--uuid", "12"], &["12"]);
    refused(&["run", "--trace", "all"], &["--trace-to"]);
    refused(&["run", "--trace", "speed=1", "--trace-to", "/dev/null"], &["speed"]);
    refused(&["run", "--initrd", "/dev/null"], &["--kernel"]);
}

#[test]
fn kernels_that_are_none() {
    refused(&["run", "--kernel", "/nonexistent/vmlinuz"], &["/nonexistent/vmlinuz"]);
    refused(&["run", "--kernel", "/"], &["cannot read"]);
    refused(&["run", "--kernel", &file("text", &[b'x'; 0x20000])], &["neither"]);
    refused(&["run", "--kernel", &file("short", &image()[..0x11000])], &["truncated"]);
    refused(&["run", "--kernel", &file("gzip", b"\x1f\x8b\x08\0\0\0")], &["gzip"]);
    refused(&["run", "--kernel", &file("elf-short", b"\x7fELF\x02\x02")], &["truncated"]);
    let own = std::fs::read(env!("CARGO_BIN_EXE_softsie")).unwrap();
    refused(&["run", "--kernel", &file("elf-host", &own)], &["byte order"]);
    let mut elf = vec![0; 64];
    elf[..6].copy_from_slice(b"\x7fELF\x02\x02");
    elf[19] = 21;
    refused(&["run", "--kernel", &file("elf-ppc", &elf)], &["machine", "21"]);
}

#[test]
fn storage_that_is_too_small() {
    let kernel = file("image", &image());
    refused(&["run", "--kernel", &kernel, "-m", "1M"], &["1 MiB", "-m"]);
    let initrd = file("initrd", &vec![0; 60 << 20]);
    refused(&["run", "--kernel", &kernel, "-m", "64M", "--initrd", &initrd], &["initrd", "68 MiB"]);
    refused(&["run", "--kernel", &kernel, "--append", &"x".repeat(5000)], &["4095"]);
}

#[test]
fn a_failed_run_writes_no_trace() {
    let trace = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("no-trace");
    let name = trace.to_str().unwrap();
    refused(&["run", "--kernel", "/nonexistent", "--trace", "all", "--trace-to", name], &["/nonexistent"]);
    assert!(!trace.exists());
}

#[test]
fn files_that_cannot_be_disassembled() {
    refused(&["disasm", "/nonexistent"], &["/nonexistent"]);
    refused(&["disasm", &file("empty", b"")], &["empty"]);
    refused(&["disasm", &file("raw", b"\x07\xfe"), "--base", "xyz"], &["xyz"]);
    refused(&["disasm", &file("elf", b"\x7fELF\x02\x02")], &["truncated"]);
    refused(&["isa", "--cpu", "z8"], &["z8", "z10"]);
}

#[test]
fn help_and_disassembly_work() {
    assert!(softsie(&["--help"]).status.success());
    let output = softsie(&["disasm", &file("lgr", &[0xb9, 0x04, 0, 0x12, 0x07, 0xfe]), "--base", "1000"]);
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "    1000:\tb9 04 00 12      \tlgr\t%r1,%r2\n    1004:\t07 fe            \tbr\t%r14\n"
    );
}
