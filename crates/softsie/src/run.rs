//! `softsie run`: from the command line's words to a run of the launcher, and from its outcome to an exit status.
//! Truth: README.md.

use std::path::PathBuf;

use crate::dump;
use clap::{Args, ValueEnum};
use softsie_vmm::{ConsoleKind, Ending, Identity, Options, TraceFilter, Translation, parse_size};

/// Exit status when the guest or a CPU cannot go on. Neither 1 nor 2: harnesses give those meanings of their own.
const GUEST_FAILED: u8 = 3;

#[derive(Args)]
pub struct Arguments {
    /// Linux image (vmlinuz) or s390x ELF program; without one the embedded guest runs
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Initial RAM disk for the kernel
    #[arg(long, value_name = "FILE")]
    initrd: Option<PathBuf>,
    /// Command line for the kernel
    #[arg(long, value_name = "WORDS", default_value = "", allow_hyphen_values = true)]
    append: String,
    /// Size of storage, for instance 512M or 2G [default: 1G; 128M for ELF programs and the embedded guest]
    #[arg(short, long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
    /// Number of CPUs [default: 1; 2 for the embedded guest]
    #[arg(long, value_name = "N")]
    smp: Option<u16>,
    /// Number of CPUs the machine claims it could have [default: as --smp]
    #[arg(long, value_name = "N")]
    max_cpus: Option<u16>,
    /// CPU model: max, z10 to z17, with features added or taken away, as in z14,gs=off [default: z16]
    #[arg(long, value_name = "MODEL")]
    cpu: Option<String>,
    /// Console to show and type into [default: what the command line's last console= names, else vt220]
    #[arg(long, value_name = "CONSOLE")]
    console: Option<ConsoleName>,
    /// Name of the virtual machine, as STSI tells it
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// UUID of the virtual machine, as STSI tells it
    #[arg(long, value_name = "UUID", value_parser = parse_uuid)]
    uuid: Option<[u8; 16]>,
    /// Translation of hot code to host code: off, on, or eager, which translates all but what runs a few times
    #[arg(long, value_name = "WHEN", default_value = "on")]
    jit: Jit,
    /// Directory where translated code is kept for later runs, or off [default: SOFTSIE_CODE_CACHE, else the user's cache
    /// directory]
    #[arg(long, value_name = "DIRECTORY|off")]
    code_cache: Option<PathBuf>,
    /// Call KVM by ioctl number, as a client with descriptors does, instead of the typed calls of this process
    #[arg(long)]
    via_ioctl: bool,
    /// Print the run's counters at its end
    #[arg(long)]
    stats: bool,
    /// Name translated code for `perf report`, in /tmp/perf-PID.map
    #[arg(long)]
    perf_map: bool,
    /// Show how the code at this hexadecimal address, or symbol, was translated: guest code, Cranelift IR and host code, at
    /// the end of the run
    #[arg(long, value_name = "ADDRESS|SYMBOL[+OFFSET]")]
    dump_region: Option<String>,
    /// Symbols of guest code for --perf-map and --dump-region, as nm or the guest's /proc/kallsyms has them (more than once)
    #[arg(long, value_name = "FILE")]
    symbols: Vec<PathBuf>,
    /// Trace instructions: all, or address=FROM-TO,cpu=N,class=NAME,count=FROM-TO, each part optional; needs --trace-to
    #[arg(long, value_name = "FILTER", requires = "trace_to")]
    trace: Option<TraceFilter>,
    /// File for the trace
    #[arg(long, value_name = "FILE", requires = "trace")]
    trace_to: Option<PathBuf>,
    /// Word with which the guest announces its exit status on the console, as WORD:STATUS
    #[arg(long, value_name = "WORD", hide = true)]
    status_marker: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Jit {
    /// The interpreter executes everything
    Off,
    /// What runs some hundred times is translated
    On,
    /// What runs a few times is translated
    Eager,
}

#[derive(Clone, Copy, ValueEnum)]
enum ConsoleName {
    /// The full-screen ASCII console
    Vt220,
    /// The line-mode console
    Line,
}

/// Reads a UUID: 32 hexadecimal digits, with or without hyphens.
fn parse_uuid(text: &str) -> Result<[u8; 16], String> {
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    match u128::from_str_radix(&digits, 16) {
        Ok(number) if digits.len() == 32 && !digits.starts_with('+') => Ok(number.to_be_bytes()),
        _ => Err(format!("'{text}' is no UUID: give 32 hexadecimal digits")),
    }
}

impl Arguments {
    fn options(&self) -> Options {
        // A file that cannot be read is the launcher's to report; the defaults do not matter then.
        let bare_metal = self.kernel.as_ref().is_none_or(|kernel| {
            let mut magic = [0; 4];
            let read =
                std::fs::File::open(kernel).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut magic));
            read.is_ok() && magic == *b"\x7fELF"
        });
        let cpus = self.smp.unwrap_or_else(|| if self.kernel.is_none() { 2 } else { 1 });
        Options {
            kernel: self.kernel.clone(),
            initrd: self.initrd.clone(),
            append: self.append.clone(),
            storage: self.memory.unwrap_or(if bare_metal { 128 << 20 } else { 1 << 30 }),
            cpus,
            max_cpus: self.max_cpus.unwrap_or(cpus),
            cpu_model: self.cpu.clone(),
            console: self.console.map(|name| match name {
                ConsoleName::Vt220 => ConsoleKind::Vt220,
                ConsoleName::Line => ConsoleKind::Line,
            }),
            status_marker: self.status_marker.clone(),
            trace: self.trace.clone().zip(self.trace_to.clone()),
            counters: self.stats,
            translation: match self.jit {
                Jit::Off => None,
                Jit::On => Some(Translation::USUAL),
                Jit::Eager => Some(Translation { threshold: 2, ..Translation::USUAL }),
            },
            via_ioctl: self.via_ioctl,
            identity: Identity { name: self.name.clone(), uuid: self.uuid },
        }
    }
}

/// Runs the guest and says which status to end with.
pub fn run(arguments: &Arguments) -> Result<u8, String> {
    if arguments.perf_map {
        softsie_vmm::enable_perf_map(&arguments.symbols).map_err(|error| format!("no names for perf: {error}"))?;
    }
    if let Some(place) = &arguments.dump_region {
        let address = softsie_vmm::address_of_symbol(place, &arguments.symbols).map_err(|error| error.to_string())?;
        softsie_vmm::dump_regions_at(address);
    }
    match &arguments.code_cache {
        None => softsie_vmm::keep_translations_by_default(),
        Some(off) if off.as_os_str() == "off" => {}
        Some(directory) => softsie_vmm::keep_translations(directory)
            .map_err(|error| format!("translated code cannot be kept: {error}"))?,
    }
    let outcome = softsie_vmm::run(&arguments.options()).map_err(|error| error.to_string())?;
    if let Some(counters) = &outcome.counters {
        eprint!("\n{counters}");
    }
    if let Some(place) = &arguments.dump_region {
        eprint!("\n{}", dump::report(place, &softsie_vmm::take_dumps()));
    }
    Ok(match outcome.ending {
        Ending::PoweredOff | Ending::Left => match (&arguments.status_marker, outcome.reported_status) {
            (_, Some(status)) => status,
            // A guest that was to report and did not is not a success.
            (Some(_), None) => {
                eprintln!("softsie: the guest ended without reporting a status");
                GUEST_FAILED
            }
            (None, None) => 0,
        },
        Ending::Failed(report) => {
            eprintln!("\nsoftsie: the guest cannot go on\n{report}");
            GUEST_FAILED
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_with_and_without_hyphens() {
        let uuid = parse_uuid("0fb84a86-727c-11ea-bc55-0242ac130003").unwrap();
        assert_eq!(uuid[..4], [0x0f, 0xb8, 0x4a, 0x86]);
        assert_eq!(parse_uuid("0fb84a86727c11eabc550242ac130003").unwrap(), uuid);
        for wrong in ["", "12", "+fb84a86727c11eabc550242ac130003", "zfb84a86727c11eabc550242ac130003"] {
            assert!(parse_uuid(wrong).unwrap_err().contains(wrong));
        }
    }
}
