//! The repository's chores, run as `cargo xtask COMMAND`: `linux` is the main job (Debian's own s390x kernel, booted by
//! softsie to a shell), `test` is everything that must hold before a change is good. README.md names both.

mod apt;
mod bench;
mod campaign;
mod cargo;
mod clif;
mod coverage;
mod cpio;
mod deb;
mod diff;
mod figures;
mod gzip;
mod initramfs;
mod linux;
mod litmus;
mod memory;
mod mirror;
mod nested;
mod oracles;
mod peer;
mod programs;
mod progress;
mod qemu_client;
mod qemu_client_disk;
mod rootfs;
mod soak;
mod tests;
mod userland;
mod verdict;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the softsie repository")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Boot Debian's s390x kernel to a busybox shell, or run one command in it
    Linux(linux::Options),
    /// Compare the interpreter with QEMU: the same random sequences on both
    Diff(diff::Options),
    /// Compare every class of instructions with QEMU and with independent models, a million cases each, and write docs/campaign.md
    Campaign(campaign::Options),
    /// Put Debian packages for s390x and folders of your own into a root file system, and boot it or leave it in a file
    Rootfs(rootfs::Options),
    /// Run the guests of the memory model, shared code, purges and signals for many rounds
    Litmus(litmus::Options),
    /// Run glibc, SQLite, OpenSSL, compressors and Python's tests in a guest and on this host, and compare
    Oracles(oracles::Options),
    /// Compile random functions for s390x and for the host, and compare what they do in softsie and on the host
    Clif(clif::Options),
    /// Compare the speed of softsie, QEMU and this host on our own programs, and write docs/performance
    Bench(bench::Options),
    /// Run mixed work in a guest for hours, and tell what memory and translated code take meanwhile
    Soak(soak::Options),
    /// Boot Debian in Debian's QEMU in Debian in softsie: guests of a guest, once or several times over
    Nested(nested::Options),
    /// Build QEMU with its s390x KVM client, and boot Debian's kernel in it with softsie below /dev/kvm
    QemuClient(qemu_client::Options),
    /// Write docs/coverage.tsv: cases, exceptions and differential rounds of each instruction
    Coverage,
    /// Run every check: format, lints, tests, and a boot of the real kernel
    Test(tests::Options),
}

/// The root of the repository: this crate's folder is directly below it.
fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Linux(options) => linux::run(&repository(), &options),
        Chore::Diff(options) => diff::run(&repository(), &options),
        Chore::Campaign(options) => campaign::run(&repository(), &options),
        Chore::Rootfs(options) => rootfs::run(&repository(), &options),
        Chore::Litmus(options) => litmus::run(&repository(), &options),
        Chore::Oracles(options) => oracles::run(&repository(), &options),
        Chore::Clif(options) => clif::run(&repository(), &options),
        Chore::Bench(options) => bench::run(&repository(), &options),
        Chore::Soak(options) => soak::run(&repository(), &options),
        Chore::Nested(options) => nested::run(&repository(), &options),
        Chore::QemuClient(options) => qemu_client::run(&repository(), &options),
        Chore::Coverage => coverage::run(&repository()),
        Chore::Test(options) => tests::run(&repository(), &options),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
