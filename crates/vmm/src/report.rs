//! What a person needs to know about a CPU: PSW, registers, the instructions around it, the last interruptions.
//! Used for the report of a failed run and by the monitor. Truth: the Principles of Operation, chapters 3 (lowcore) and 4
//! (PSW), chapter 6 (interruption codes).

use std::fmt::Write;

use softsie_isa::disassemble_bytes;

use crate::cpu::Registers;
use crate::machine::Machine;
use crate::translate::translate;

/// How many instructions a report shows from the PSW's address on.
const INSTRUCTIONS: usize = 6;
const LOWCORE_SIZE: usize = 0x200;

/// A CPU's state, taken while it stands still.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) psw: (u64, u64),
    pub(crate) gprs: [u64; 16],
    pub(crate) crs: [u64; 16],
    pub(crate) prefix: u64,
    pub(crate) breaking_event: u64,
    /// The first bytes of real storage; empty where they could not be read.
    lowcore: Vec<u8>,
}

impl Snapshot {
    pub(crate) fn take(machine: &Machine, registers: Registers<'_>) -> Self {
        let prefix = registers.prefix();
        registers.get(|run| Self {
            psw: (run.psw_mask, run.psw_addr),
            gprs: run.regs().gprs,
            crs: run.regs().crs,
            prefix,
            breaking_event: run.regs().gbea,
            lowcore: machine.storage.read_vec(prefix, LOWCORE_SIZE).unwrap_or_default(),
        })
    }

    fn lowcore<const N: usize>(&self, at: usize) -> [u8; N] {
        self.lowcore.get(at..at + N).and_then(|field| field.try_into().ok()).unwrap_or([0; N])
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_be_bytes(self.lowcore(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.lowcore(at))
    }

    /// Where the instruction lies that caused the last program interruption: nullifying ones leave the old PSW at it,
    /// all others behind it.
    fn interrupted_instruction(&self) -> u64 {
        let nullified = matches!(self.u16(0x8e) & 0x7f, 0x10 | 0x11 | 0x20..=0x27 | 0x29..=0x2d | 0x38..=0x3b);
        let length = if nullified { 0 } else { u64::from(self.u16(0x8c) & 6) };
        self.u64(0x158).wrapping_sub(length)
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.lowcore(at))
    }
}

/// The report with which a run fails: `why`, and everything about the CPU.
pub(crate) fn failure(machine: &Machine, registers: Registers<'_>, address: u16, why: &str) -> String {
    let snapshot = Snapshot::take(machine, registers);
    let mut text = format!("CPU {address}: {why}\n");
    text.push_str(&psw(&snapshot));
    text.push_str(&all_registers(&snapshot));
    text.push_str(&interruptions(&snapshot));
    let mut places = vec![("instructions at the PSW", snapshot.psw.1)];
    if snapshot.u64(0x158) != 0 {
        places.push(("instructions where the last program interruption was", snapshot.interrupted_instruction()));
    }
    for (title, address) in places {
        let listing = instructions(machine, registers, address, INSTRUCTIONS);
        if !listing.is_empty() {
            let _ = write!(text, "{title}:\n{listing}");
        }
    }
    text
}

/// The PSW in numbers and words.
pub(crate) fn psw(snapshot: &Snapshot) -> String {
    let (mask, address) = snapshot.psw;
    format!("PSW  {mask:016x} {address:016x}  {}\n", psw_words(mask))
}

fn psw_words(mask: u64) -> String {
    let bit = |number: u32| mask >> (63 - number) & 1 != 0;
    let mut words = vec![
        match (bit(31), bit(32)) {
            (true, true) => "64-bit".to_owned(),
            (false, true) => "31-bit".to_owned(),
            (false, false) => "24-bit".to_owned(),
            (true, false) => "invalid addressing mode".to_owned(),
        },
        if bit(15) { "problem state" } else { "supervisor" }.to_owned(),
        format!("key {}", mask >> 52 & 15),
        format!("CC {}", mask >> 44 & 3),
        if bit(5) { ["primary", "access-register", "secondary", "home"][(mask >> 46 & 3) as usize] } else { "no" }
            .to_owned()
            + if bit(5) { " space" } else { " DAT" },
    ];
    let enabled: Vec<&str> = [(6, "I/O"), (7, "external"), (13, "machine check")]
        .iter()
        .filter(|(n, _)| bit(*n))
        .map(|(_, name)| *name)
        .collect();
    words.push(if enabled.is_empty() {
        "no interruptions enabled".into()
    } else {
        format!("{} enabled", enabled.join("+"))
    });
    if bit(1) {
        words.push("PER".into());
    }
    if bit(14) {
        words.push("wait".into());
    }
    words.join(", ")
}

/// General and control registers, prefix, breaking-event address.
pub(crate) fn all_registers(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for (name, values) in [("R", &snapshot.gprs), ("C", &snapshot.crs)] {
        for (row, four) in values.chunks(4).enumerate() {
            for (column, value) in four.iter().enumerate() {
                let label = format!("{name}{}", row * 4 + column);
                let _ = write!(text, "{label:<3} {value:016x}{}", if column == 3 { "\n" } else { "  " });
            }
        }
    }
    let _ = writeln!(text, "prefix {:08x}  breaking-event address {:016x}", snapshot.prefix, snapshot.breaking_event);
    text
}

/// What the lowcore says about the last interruption of each class.
pub(crate) fn interruptions(snapshot: &Snapshot) -> String {
    let mut lines = String::new();
    let mut line = |class: &str, old: usize, details: String| {
        let (mask, address) = (snapshot.u64(old), snapshot.u64(old + 8));
        if (mask, address) != (0, 0) {
            let _ = writeln!(lines, "  {class:<13} old PSW {mask:016x} {address:016x}  {details}");
        }
    };
    let code = snapshot.u16(0x8e);
    let teid = match code & 0x7f {
        0x04 | 0x10 | 0x11 | 0x38..=0x3b => {
            format!(", translation-exception identification {:016x}", snapshot.u64(0xa8))
        }
        0x07 => format!(", data-exception code {:02x}", snapshot.u32(0x90) & 0xff),
        _ => String::new(),
    };
    let length = snapshot.u16(0x8c) & 6;
    line("program", 0x150, format!("code {code:04x} ({}), ILC {length}{teid}", program_name(code)));
    line(
        "external",
        0x130,
        format!(
            "code {:04x}, parameter {:08x}, CPU {:04x}",
            snapshot.u16(0x86),
            snapshot.u32(0x80),
            snapshot.u16(0x84)
        ),
    );
    line("SVC", 0x140, format!("number {}", snapshot.u16(0x8a)));
    line("machine check", 0x160, format!("code {:016x}", snapshot.u64(0xe8)));
    line("I/O", 0x170, format!("subchannel {:08x}, parameter {:08x}", snapshot.u32(0xb8), snapshot.u32(0xbc)));
    line("restart", 0x120, String::new());
    if lines.is_empty() { "no interruption so far\n".into() } else { format!("last interruptions:\n{lines}") }
}

/// Program-interruption codes by name.
fn program_name(code: u16) -> &'static str {
    match code & 0x7f {
        0x00 if code & 0x80 != 0 => "PER event",
        0x01 => "operation",
        0x02 => "privileged operation",
        0x03 => "execute",
        0x04 => "protection",
        0x05 => "addressing",
        0x06 => "specification",
        0x07 => "data",
        0x08 => "fixed-point overflow",
        0x09 => "fixed-point divide",
        0x0a => "decimal overflow",
        0x0b => "decimal divide",
        0x0c => "HFP exponent overflow",
        0x0d => "HFP exponent underflow",
        0x0e => "HFP significance",
        0x0f => "HFP divide",
        0x10 => "segment translation",
        0x11 => "page translation",
        0x12 => "translation specification",
        0x13 => "special operation",
        0x15 => "operand",
        0x16 => "trace table",
        0x1b => "vector processing",
        0x1c => "space-switch event",
        0x1d => "HFP square root",
        0x28 => "ALET specification",
        0x29 => "ALEN translation",
        0x2a => "ALE sequence",
        0x2b => "ASTE validity",
        0x2c => "ASTE sequence",
        0x2d => "extended authority",
        0x38 => "ASCE type",
        0x39 => "region-first translation",
        0x3a => "region-second translation",
        0x3b => "region-third translation",
        0x40 => "monitor event",
        _ => "no name",
    }
}

/// Instructions from `address` on with their bytes, as the CPU itself would fetch them; empty where it could not. With DAT
/// off, an address beyond storage is looked up in the home space: a kernel waits for good without DAT.
pub(crate) fn instructions(machine: &Machine, registers: Registers<'_>, address: u64, count: usize) -> String {
    let mut code = vec![0; count * 6];
    // At the end of accessible storage fewer bytes may be readable than asked for.
    while !code.is_empty() && registers.read_logical(address, 0, &mut code).is_none() {
        code.truncate(code.len() - 2);
    }
    if code.is_empty() {
        let (prefix, home) = registers.get(|run| (run.regs().prefix, run.regs().crs[13]));
        let at = translate(&machine.storage, prefix, home, address);
        // To the end of the page at most: the next one may lie anywhere.
        let length = (4096 - (address & 0xfff) as usize).min(count * 6);
        code = at.and_then(|at| machine.storage.read_vec(at, length)).unwrap_or_default();
    }
    listing(&code, address, count)
}

fn listing(code: &[u8], address: u64, count: usize) -> String {
    let mut text = String::new();
    let mut at = 0;
    for _ in 0..count {
        let here = address.wrapping_add(at as u64);
        let Some(instruction) = disassemble_bytes(&code[at..], here) else { break };
        let length = usize::from(instruction.length);
        let bytes: String = code[at..at + length].iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = writeln!(text, "  {here:016x}  {bytes:<12}  {}", instruction.text().replace('\t', " "));
        at += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_psw_is_told_in_words() {
        assert_eq!(
            psw_words(0x0002_0001_8000_0000),
            "64-bit, supervisor, key 0, CC 0, no DAT, no interruptions enabled, wait"
        );
        assert_eq!(
            psw_words(0x0705_e001_8000_0000),
            "64-bit, problem state, key 0, CC 2, home space, I/O+external+machine check enabled"
        );
    }

    #[test]
    fn interruptions_come_from_the_lowcore() {
        let mut snapshot = Snapshot { lowcore: vec![0; LOWCORE_SIZE], ..Snapshot::default() };
        assert_eq!(interruptions(&snapshot), "no interruption so far\n");
        snapshot.lowcore[0x8d] = 4;
        snapshot.lowcore[0x8f] = 0x11;
        snapshot.lowcore[0xa8..0xb0].copy_from_slice(&0x1234_5000_u64.to_be_bytes());
        snapshot.lowcore[0x158..0x160].copy_from_slice(&0xabc_u64.to_be_bytes());
        let text = interruptions(&snapshot);
        assert!(
            text.contains("code 0011 (page translation), ILC 4, translation-exception identification 0000000012345000")
        );
        assert!(text.contains("0000000000000abc"));
        assert!(!text.contains("SVC"));
        assert_eq!(snapshot.interrupted_instruction(), 0xabc, "nullified: the old PSW is at the instruction");
        snapshot.lowcore[0x8f] = 0x01;
        assert_eq!(snapshot.interrupted_instruction(), 0xab8, "suppressed: behind it");
    }

    #[test]
    fn listings_show_bytes_and_text() {
        assert_eq!(
            listing(&[0xb9, 0x04, 0x00, 0x12, 0x07, 0xfe, 0xa7], 0x1000, 5),
            "  0000000000001000  b9040012      lgr %r1,%r2\n  0000000000001004  07fe          br %r14\n  \
             0000000000001006  a7            .byte 0xa7\n"
        );
    }

    #[test]
    fn registers_are_four_to_a_line() {
        let mut snapshot = Snapshot { prefix: 0x2000, ..Snapshot::default() };
        snapshot.gprs[5] = 0x55;
        let text = all_registers(&snapshot);
        assert_eq!(text.lines().count(), 9);
        assert!(text.contains("R5  0000000000000055"));
    }
}
