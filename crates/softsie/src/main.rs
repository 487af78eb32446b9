//! The `softsie` command: runs s390x guests, disassembles programs, and tells what the CPU can do.
//! Bad usage and bad input are one line on standard error and exit status 2; a guest that cannot go on is status 3.
//! Truth: README.md describes the interface; the work is done by `softsie-vmm` and `softsie-isa`.

mod disasm;
mod dump;
mod isa;
mod kvm;
mod kvm_probe;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit status for bad usage and bad input.
const BAD_INPUT: u8 = 2;

#[derive(Parser)]
#[command(
    name = "softsie",
    version,
    about = "Runs s390x guests: a z/Architecture CPU in software, below a KVM interface"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a guest: a Linux kernel, an s390x ELF program, or the embedded guest
    Run(Box<run::Arguments>),
    /// Run a KVM client: a program that opens /dev/kvm gets an s390 one
    Kvm(kvm::Arguments),
    /// Disassemble an s390x ELF file or raw instructions
    Disasm(disasm::Arguments),
    /// List the instructions by class and facility
    Isa(isa::Arguments),
}

/// Has all threads take memory from one heap: those that the C library gives to threads grow page by page, each by a call of the
/// kernel, and what one gives back is of no use to another.
#[cfg(target_env = "gnu")]
fn use_one_heap() {
    // SAFETY: sets a parameter of the allocator, before there are other threads.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

#[cfg(not(target_env = "gnu"))]
fn use_one_heap() {}

fn main() -> ExitCode {
    use_one_heap();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let outcome = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Kvm(arguments) => kvm::run(&arguments),
        Command::Disasm(arguments) => disasm::run(&arguments),
        Command::Isa(arguments) => isa::run(&arguments),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(message) => {
            eprintln!("softsie: {message}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Help and version as clap prints them; mistakes in one line.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let what: Vec<&str> = lines.iter().copied().take_while(|line| !line.starts_with("Usage:")).collect();
        let what = what.join(" ");
        eprintln!("softsie: {} (see softsie --help)", what.strip_prefix("error: ").unwrap_or(&what));
        return ExitCode::from(BAD_INPUT);
    }
    // Nobody reads the help if this fails.
    let _ = error.print();
    ExitCode::SUCCESS
}
