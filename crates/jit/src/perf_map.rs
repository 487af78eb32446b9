//! Names of host code for profilers: a line for each region in /tmp/perf-PID.map, with the guest's symbol where one is known.
//! Source: tools/perf/Documentation/jit-interface.txt of Linux (START SIZE NAME, in hexadecimal, no prefix); nm(1) and
//! proc_kallsyms for symbols (ADDRESS TYPE NAME).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// The map of this process, once somebody has asked for it.
static MAP: Mutex<Option<Map>> = Mutex::new(None);

struct Map {
    file: File,
    symbols: BTreeMap<u64, String>,
}

/// A symbol says nothing about what is farther from it.
const REACH: u64 = 1 << 20;

/// Has all code that is made from now on named in a file, and says where that is. Each file of `symbols` has a symbol a line,
/// as `nm`, a System.map or /proc/kallsyms of the guest have.
///
/// # Errors
/// A file cannot be read or written, or has no symbols.
pub fn enable(symbols: &[PathBuf]) -> io::Result<PathBuf> {
    let all = read(symbols)?;
    let path = PathBuf::from(format!("/tmp/perf-{}.map", std::process::id()));
    let file = File::create(&path).map_err(|error| about(&path, &error.to_string()))?;
    *MAP.lock() = Some(Map { file, symbols: all });
    Ok(path)
}

fn read(symbols: &[PathBuf]) -> io::Result<BTreeMap<u64, String>> {
    let mut all = BTreeMap::new();
    for path in symbols {
        let text = fs::read_to_string(path).map_err(|error| about(path, &error.to_string()))?;
        let before = all.len();
        all.extend(text.lines().filter_map(symbol));
        if all.len() == before {
            return Err(about(path, "it has no symbols: lines of ADDRESS TYPE NAME are wanted (nm, kallsyms)"));
        }
    }
    Ok(all)
}

/// The address of code that is given as a hexadecimal number, or as a symbol of one of the files.
///
/// # Errors
/// It is neither, or a file cannot be read or has no symbols.
pub fn address_of(place: &str, symbols: &[PathBuf]) -> io::Result<u64> {
    let all = read(symbols)?;
    let (name, offset) = place.split_once('+').unwrap_or((place, "0"));
    let number = |text: &str| u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok();
    let base = all.iter().find(|(_, symbol)| *symbol == name).map(|(address, _)| *address).or_else(|| number(name));
    match (base, number(offset)) {
        (Some(base), Some(offset)) => Ok(base.wrapping_add(offset)),
        _ => Err(io::Error::other(format!("{place} is no hexadecimal address, and no file of symbols has it"))),
    }
}

fn about(path: &Path, what: &str) -> io::Error {
    io::Error::other(format!("{}: {what}", path.display()))
}

/// A symbol of code.
fn symbol(line: &str) -> Option<(u64, String)> {
    let mut words = line.split_whitespace();
    let (address, kind, name) = (words.next()?, words.next()?, words.next()?);
    let address = u64::from_str_radix(address, 16).ok().filter(|address| *address != 0)?;
    matches!(kind, "t" | "T" | "w" | "W" | "i").then(|| (address, name.to_owned()))
}

/// Names the code at `start`; `name` is asked only if somebody wants to know.
pub(crate) fn note(start: *const u8, size: usize, name: impl FnOnce() -> Name) {
    if let Some(map) = MAP.lock().as_mut() {
        let name = name().text(&map.symbols);
        // A profile lacks a name then; the guest is not to suffer.
        let _ = map.file.write_all(format!("{:x} {size:x} {name}\n", start.addr()).as_bytes());
    }
}

/// What host code is.
pub(crate) enum Name {
    /// A part of the engine.
    Own(&'static str),
    /// A region: its guest address, which is logical or real, its absolute address and its style. Without a symbol it is named
    /// by both: the absolute one is the same for all processes, the other is what `--dump-region` takes.
    Guest { address: u64, absolute: u64, style: &'static str },
}

impl Name {
    fn text(&self, symbols: &BTreeMap<u64, String>) -> String {
        match *self {
            Name::Own(name) => format!("softsie:{name}"),
            Name::Guest { address, absolute, style } => {
                match symbols.range(..=address).next_back().filter(|(at, _)| address - **at < REACH) {
                    Some((at, name)) => format!("guest:{name}+{:#x}:{style}", address - at),
                    None => format!("guest:{absolute:#x}@{address:#x}:{style}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_code_only() {
        assert_eq!(symbol("0000000000100020 T _stext"), Some((0x10_0020, "_stext".to_owned())));
        assert_eq!(symbol("3ff00001000 t f [module]"), Some((0x3FF_0000_1000, "f".to_owned())));
        for none in ["", "00001000 D data", "0000000000000000 T hidden", "                 U wanted", "x T y"] {
            assert_eq!(symbol(none), None, "{none}");
        }
    }

    #[test]
    fn places_are_addresses_or_symbols() {
        let path = std::env::temp_dir().join(format!("softsie-symbols-{}", std::process::id()));
        fs::write(&path, "0000000000100020 T start\n0000000000100100 t add\n").unwrap();
        let files = [path.clone()];
        for (place, address) in
            [("start", 0x10_0020), ("start+0x10", 0x10_0030), ("0x7f", 0x7F), ("7f+1", 0x80), ("add", 0x10_0100)]
        {
            assert_eq!(address_of(place, &files).unwrap(), address, "{place}");
        }
        for place in ["begin", "start+", "", "start+x"] {
            assert!(address_of(place, &files).is_err(), "{place}");
        }
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn regions_are_named_by_the_symbol_before_them() {
        let symbols = BTreeMap::from([(0x1000, "first".to_owned()), (0x1100, "second".to_owned())]);
        let name = |address| Name::Guest { address, absolute: 0x7_0000, style: "best" }.text(&symbols);
        assert_eq!(name(0x10FE), "guest:first+0xfe:best");
        assert_eq!(name(0x1100), "guest:second+0x0:best");
        assert_eq!(name(0xFFF), "guest:0x70000@0xfff:best");
        assert_eq!(name(0x1100 + REACH), format!("guest:0x70000@{:#x}:best", 0x1100 + REACH));
        assert_eq!(Name::Own("chain").text(&symbols), "softsie:chain");
    }
}
