//! `softsie disasm`: instructions of an ELF file's executable sections, or of a raw file, one line each.
//! Truth: the ELF-64 format; the text is what GNU objdump prints.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use softsie_isa::disassemble_bytes;

const MACHINE_S390: u16 = 22;
const SECTION_PROGBITS: u32 = 1;
const FLAG_EXECUTABLE: u64 = 4;

#[derive(Args)]
pub struct Arguments {
    /// ELF file for s390x, or raw instructions
    file: PathBuf,
    /// Address of the first byte of a raw file, in hexadecimal
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    base: Option<u64>,
}

fn parse_address(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|_| format!("'{text}' is no hexadecimal address"))
}

/// Prints the disassembly of the file.
pub fn run(arguments: &Arguments) -> Result<u8, String> {
    let name = arguments.file.display();
    let bytes = std::fs::read(&arguments.file).map_err(|error| format!("cannot read {name}: {error}"))?;
    if bytes.is_empty() {
        return Err(format!("{name} is empty: there is nothing to disassemble"));
    }
    let is_elf = bytes.starts_with(b"\x7fELF");
    let parts = match (is_elf, arguments.base) {
        (true, None) => sections(&bytes).map_err(|problem| format!("{name} {problem}"))?,
        (true, Some(_)) => return Err(format!("{name} is an ELF file, which knows its addresses: leave --base out")),
        (false, base) => vec![Part { name: String::new(), address: base.unwrap_or(0), bytes: &bytes }],
    };
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    for part in &parts {
        // Whoever reads may stop early; that is no failure.
        if output.write_all(part.listing().as_bytes()).is_err() {
            break;
        }
    }
    let _ = output.flush();
    Ok(0)
}

/// A stretch of instructions.
#[derive(Debug, PartialEq, Eq)]
struct Part<'a> {
    name: String,
    address: u64,
    bytes: &'a [u8],
}

impl Part<'_> {
    fn listing(&self) -> String {
        let mut text = if self.name.is_empty() { String::new() } else { format!("{}:\n", self.name) };
        let mut at = 0;
        while let Some(instruction) =
            self.bytes.get(at..).and_then(|rest| disassemble_bytes(rest, self.address.wrapping_add(at as u64)))
        {
            let address = self.address.wrapping_add(at as u64);
            let length = usize::from(instruction.length);
            let bytes: Vec<String> = self.bytes[at..at + length].iter().map(|byte| format!("{byte:02x}")).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{address:8x}:\t{:<17}\t{}", bytes.join(" "), instruction.text());
            at += length;
        }
        text
    }
}

/// The executable sections of an s390x ELF file.
fn sections(elf: &[u8]) -> Result<Vec<Part<'_>>, String> {
    let truncated = || "is a truncated ELF file: fetch or build it again".to_owned();
    let u16_at = |at: usize| elf.get(at..at.checked_add(2)?).map(|field| u16::from_be_bytes([field[0], field[1]]));
    let u32_at = |at: usize| elf.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes);
    let u64_at = |at: usize| elf.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_be_bytes);
    let size_at = |at: usize| u64_at(at).and_then(|value| usize::try_from(value).ok());
    if elf.len() < 64 {
        return Err(truncated());
    }
    if (elf[4], elf[5]) != (2, 2) || u16_at(18) != Some(MACHINE_S390) {
        return Err("is an ELF file, but not for s390x (64 bit, big endian): give an s390x file".into());
    }
    let table = size_at(40).ok_or_else(truncated)?;
    let (count, names) = (u16_at(60).ok_or_else(truncated)?, u16_at(62).ok_or_else(truncated)?);
    let header = |index: u16| table.checked_add(usize::from(index) * 64).ok_or_else(truncated);
    let names_start = size_at(header(names)?.saturating_add(24)).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    for index in 0..count {
        let at = header(index)?;
        let kind = u32_at(at.saturating_add(4)).ok_or_else(truncated)?;
        let flags = u64_at(at.saturating_add(8)).ok_or_else(truncated)?;
        if kind != SECTION_PROGBITS || flags & FLAG_EXECUTABLE == 0 {
            continue;
        }
        let (address, offset, size) = (u64_at(at + 16), size_at(at + 24), size_at(at + 32));
        let (Some(address), Some(offset), Some(size)) = (address, offset, size) else { return Err(truncated()) };
        let bytes = offset.checked_add(size).and_then(|end| elf.get(offset..end)).ok_or_else(truncated)?;
        let name_at = u32_at(at).map_or(usize::MAX, |name| names_start.saturating_add(name as usize));
        let name = elf.get(name_at..).and_then(|rest| rest.split(|byte| *byte == 0).next()).unwrap_or_default();
        parts.push(Part { name: String::from_utf8_lossy(name).into_owned(), address, bytes });
    }
    if parts.is_empty() {
        return Err("holds no executable section: there is nothing to disassemble".into());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_has_addresses_bytes_and_text() {
        let part = Part { name: ".text".into(), address: 0x1000, bytes: &[0xb9, 0x04, 0, 0x12, 0x07, 0xfe] };
        assert_eq!(
            part.listing(),
            ".text:\n    1000:\tb9 04 00 12      \tlgr\t%r1,%r2\n    1004:\t07 fe            \tbr\t%r14\n"
        );
    }

    fn elf() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x02");
        bytes[19] = 22;
        bytes[47] = 72;
        bytes[61] = 1;
        bytes.extend([0x07, 0xfe, 0, 0, 0, 0, 0, 0]);
        let mut section = vec![0; 64];
        section[7] = 1;
        section[15] = 6;
        section[22] = 0x20;
        section[31] = 64;
        section[39] = 2;
        bytes.extend(section);
        bytes
    }

    #[test]
    fn executable_sections_are_found() {
        let elf = elf();
        let parts = sections(&elf).unwrap();
        assert_eq!((parts.len(), parts[0].address, parts[0].bytes), (1, 0x2000, &[0x07, 0xfe][..]));
    }

    #[test]
    fn damaged_and_foreign_files_are_refused() {
        let mut foreign = elf();
        foreign[19] = 62;
        assert!(sections(&foreign).unwrap_err().contains("not for s390x"));
        for length in [4, 63, 100] {
            assert!(sections(&elf()[..length]).unwrap_err().contains("truncated"), "{length}");
        }
        let mut wild = elf();
        wild[40] = 0xff;
        assert!(sections(&wild).unwrap_err().contains("truncated"));
        let mut wild = elf();
        wild[72 + 32] = 0xff;
        assert!(sections(&wild).unwrap_err().contains("truncated"));
        let mut data = elf();
        data[72 + 15] = 2;
        assert!(sections(&data).unwrap_err().contains("no executable section"));
    }

    #[test]
    fn addresses_are_hexadecimal() {
        assert_eq!(parse_address("0x1f"), Ok(0x1f));
        assert_eq!(parse_address("1000"), Ok(0x1000));
        assert!(parse_address("g").unwrap_err().contains("'g'"));
    }
}
