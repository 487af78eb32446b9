//! `softsie run --dump-region`: guest code, Cranelift IR and host code of a region, instruction by instruction.
//! Truth: the listing of the translator; host code is disassembled by objdump where there is one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use softsie_vmm::Listing;

/// The text for people of the regions that were kept for `place`.
pub fn report(place: &str, listings: &[Listing]) -> String {
    if listings.is_empty() {
        return format!("no code at {place} was translated: it is not hot, or the address is not the one it runs at\n");
    }
    listings.iter().map(|listing| one(listing, objdump(&listing.code))).collect()
}

/// What belongs to an instruction.
#[derive(Default)]
struct Part {
    ir: Vec<String>,
    host: Vec<String>,
}

fn one(listing: &Listing, disassembled: Option<Vec<(usize, String)>>) -> String {
    let mut parts: BTreeMap<Option<u64>, Part> = BTreeMap::new();
    // Lines that begin a block belong to what comes first in it.
    let mut heads = Vec::new();
    for line in listing.ir.lines() {
        let line = line.trim();
        match place_of(line) {
            Some((place, rest)) => {
                let part = parts.entry(Some(place)).or_default();
                part.ir.append(&mut heads);
                part.ir.push(format!("    {rest}"));
            }
            None if line.starts_with("block") => heads.push(line.to_owned()),
            None if line.is_empty() => {}
            None => parts.entry(None).or_default().ir.push(line.to_owned()),
        }
    }
    let have_host = disassembled.is_some();
    for (offset, text) in disassembled.unwrap_or_default() {
        let place = listing.places.iter().find(|(range, _)| range.contains(&offset)).map(|(_, place)| *place);
        parts.entry(place).or_default().host.push(format!("{offset:6x}: {text}"));
    }
    let mut text = format!(
        "region entered at {:#x}, {:?}: {} instructions, {} bytes of host code\n",
        listing.entry,
        listing.style,
        listing.instructions.len(),
        listing.code.len()
    );
    // Writing to a string cannot fail.
    let mut show = |title: &str, part: &Part| {
        let _ = writeln!(text, "\n{title}");
        for line in &part.ir {
            let _ = writeln!(text, "    {line}");
        }
        for line in &part.host {
            let _ = writeln!(text, "                {line}");
        }
    };
    if let Some(part) = parts.get(&None) {
        show("of no instruction", part);
    }
    let nothing = Part::default();
    for (address, instruction) in &listing.instructions {
        // Places are offsets in the page.
        let part = parts.get(&Some(address & 0xFFF)).unwrap_or(&nothing);
        show(&format!("{address:#x}  {instruction}"), part);
    }
    if !have_host {
        let _ = writeln!(
            text,
            "\nhost code (objdump, which would put it to each instruction, is not there)\n{}",
            listing.assembly
        );
    }
    text.push('\n');
    text
}

/// The instruction's offset in its page that a line of IR names, and the rest of the line.
fn place_of(line: &str) -> Option<(u64, &str)> {
    let (place, rest) = line.strip_prefix('@')?.split_once(char::is_whitespace)?;
    Some((u64::from_str_radix(place, 16).ok()?, rest.trim()))
}

/// Host code as text, each instruction with its offset; `None` where it cannot be disassembled.
fn objdump(code: &[u8]) -> Option<Vec<(usize, String)>> {
    let machine: &[&str] = if cfg!(target_arch = "x86_64") { &["i386:x86-64", "-M", "intel"] } else { &["aarch64"] };
    let path = std::env::temp_dir().join(format!("softsie-region-{}.bin", std::process::id()));
    std::fs::write(&path, code).ok()?;
    let output = Command::new("objdump")
        .args(["-D", "-b", "binary", "--no-show-raw-insn", "-m"])
        .args(machine)
        .arg(&path)
        .output();
    // In a folder for such files; nothing is lost where it stays.
    let _ = std::fs::remove_file(&path);
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().filter_map(instruction).collect())
}

/// A line of objdump: offset, a colon, text.
fn instruction(line: &str) -> Option<(usize, String)> {
    let (offset, text) = line.split_once(":\t")?;
    Some((usize::from_str_radix(offset.trim(), 16).ok()?, text.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use softsie_vmm::Style;

    use super::*;

    #[test]
    fn each_instruction_has_its_ir_and_its_host_code() {
        let listing = Listing {
            entry: 0x7000,
            style: Style::Quick,
            instructions: vec![(0x7000, "lghi\t%r1,5".to_owned()), (0x7004, "br\t%r14".to_owned())],
            ir: "function u0:0() {\nblock0(v0: i64):\n@0000    v1 = iconst.i64 5\nblock1:\n@0004    return v1\n}\n"
                .to_owned(),
            code: vec![0; 9],
            assembly: "  movl $5, %eax".to_owned(),
            places: vec![(0..5, 0), (5..9, 4)],
        };
        let host = vec![(0, "mov eax,5".to_owned()), (5, "ret".to_owned())];
        let text = one(&listing, Some(host));
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is not in\n{text}"));
        let order =
            ["0x7000  lghi", "block0(", "iconst.i64 5", "0: mov eax,5", "0x7004  br", "block1:", "return v1", "5: ret"];
        assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{text}");
        assert!(one(&listing, None).contains("movl $5"));
    }

    #[test]
    fn lines_of_objdump() {
        assert_eq!(instruction("  1f:\tmov    rax,rdi"), Some((0x1F, "mov    rax,rdi".to_owned())));
        assert_eq!(instruction("file:     file format binary"), None);
        assert!(report("f", &[]).contains("no code at f"));
    }
}
