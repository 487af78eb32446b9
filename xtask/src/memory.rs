//! What memory a process that runs a guest has from the host.
//! Truth: proc(5), smaps; crates/jit/src/arena.rs for how translated code is mapped.

use std::fs;

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All that is resident.
    pub resident: u64,
    /// Of that, what is not the guest's storage: the mapping of at least its size that nobody executes.
    pub beyond: u64,
    /// Of that, translated code, by the mapping that it is executed through.
    pub code: u64,
}

impl Memory {
    /// The memory of `process`, whose guest has `storage` bytes. Of one that is gone or not ours there is no figure.
    pub fn of(process: u32, storage: u64) -> Memory {
        Memory::from_maps(&fs::read_to_string(format!("/proc/{process}/smaps")).unwrap_or_default(), storage)
    }

    fn from_maps(smaps: &str, size: u64) -> Memory {
        let (mut memory, mut storage, mut code) = (Memory::default(), false, false);
        for line in smaps.lines() {
            let mut words = line.split_whitespace();
            match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
                ("Rss:", kilobytes) => {
                    let bytes = kilobytes.parse::<u64>().unwrap_or(0) << 10;
                    memory.resident += bytes;
                    memory.beyond += if storage { 0 } else { bytes };
                    memory.code += if code { bytes } else { 0 };
                }
                (range, permissions) => {
                    let ends = range.split_once('-');
                    let number = |text| u64::from_str_radix(text, 16).ok();
                    if let Some((Some(start), Some(end))) = ends.map(|(start, end)| (number(start), number(end))) {
                        storage = end.saturating_sub(start) >= size && !permissions.contains('x');
                        // Shared memory without a name is shown so.
                        code = permissions == "r-xs" && line.contains("/dev/zero");
                    }
                }
            }
        }
        memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_storage_and_code_are_told_from_the_rest() {
        let smaps = "7f0000000000-7f0040000000 rw-p 00000000 00:00 0\nSize: 1048576 kB\nRss: 100 kB\n\
                     7f1000000000-7f1040000000 rwxp 00000000 00:00 0\nRss: 20 kB\nVmFlags: rd wr\n\
                     7f2000000000-7f2002000000 r-xs 00000000 00:01 9 /dev/zero (deleted)\nRss: 7 kB\n\
                     00400000-00500000 r-xp 00000000 08:01 5 /bin/x\nRss: 3 kB\n";
        let memory = Memory::from_maps(smaps, 1 << 30);
        assert_eq!(memory, Memory { resident: 130 << 10, beyond: 30 << 10, code: 7 << 10 });
        assert_eq!(Memory::from_maps("", 1 << 30), Memory::default());
    }
}
