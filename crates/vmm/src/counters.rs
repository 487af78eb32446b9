//! The counters of a run (`--stats`) as a table for people: instructions, TLB, interceptions and exits by reason.
//! Truth: the KVM interface's statistics; names of interception codes as in the SIE reference.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use softsie_isa::decode;
use softsie_kvm::statistics::ByByte;

use crate::machine::Machine;

/// The counters of all CPUs together.
pub(crate) fn report(machine: &Machine, elapsed: Duration) -> String {
    let mut rows: Vec<(&str, u64)> = Vec::new();
    let (mut codes, mut instructions, mut sigp, mut exits) = (Tally::new(), Tally::new(), Tally::new(), Tally::new());
    let mut sum = softsie_kvm::CpuStatistics::default();
    let (mut entries, mut deliveries, mut sleeps) = (0, 0, 0);
    let (mut guests, mut inner) = (softsie_kvm::GuestCounters::default(), Tally::new());
    let mut engine = softsie_kvm::EngineCounters::default();
    for cpu in &machine.cpus {
        let own = cpu.vcpu().beside_kvm().cpu_statistics();
        sum.instructions += own.instructions;
        sum.tlb_hits += own.tlb_hits;
        sum.tlb_misses += own.tlb_misses;
        sum.fetch_misses += own.fetch_misses;
        sum.tlb_flushes += own.tlb_flushes;
        sum.decoded_runs += own.decoded_runs;
        sum.code_stores += own.code_stores;
        sum.program_interruptions += own.program_interruptions;
        let hot = cpu.vcpu().beside_kvm().engine_counters();
        engine.entries += hot.entries;
        engine.instructions += hot.instructions;
        engine.interpreted += hot.interpreted;
        engine.ended += hot.ended;
        engine.searches += hot.searches;
        let own = cpu.vcpu().beside_kvm().guest_counters();
        guests.entries += own.entries;
        guests.instructions += own.instructions;
        guests.assisted += own.assisted;
        guests.host_faults += own.host_faults;
        guests.host_requests += own.host_requests;
        for (code, count) in (0u8..).zip(own.interceptions).filter(|(_, count)| *count != 0) {
            *inner.0.entry(interception_name(code)).or_default() += count;
        }
        let statistics = cpu.vcpu().beside_kvm().statistics();
        entries += statistics.entries.get();
        deliveries += statistics.delivered.sum();
        sleeps += statistics.sleeps.get();
        codes.add(&statistics.interceptions, interception_name);
        instructions.add(&statistics.instructions, |first| mnemonic(u16::from(first) << 8));
        instructions.add(&statistics.instructions_b2, |second| mnemonic(0xb200 | u16::from(second)));
        instructions.add(&statistics.instructions_b9, |second| mnemonic(0xb900 | u16::from(second)));
        sigp.add(&statistics.sigp, |order| format!("SIGP order {order:#04x}"));
        exits.add(&statistics.exits, |reason| format!("exit reason {reason}"));
    }
    rows.push(("instructions", sum.instructions));
    if guests.entries != 0 {
        rows.push(("times START INTERPRETIVE EXECUTION by the guest", guests.entries));
        rows.push(("instructions of guests of the guest", guests.instructions));
        rows.push(("of those, completed without their host", guests.assisted));
        rows.push(("exceptions of their host", guests.host_faults));
        rows.push(("ends because their host was wanted", guests.host_requests));
    }
    rows.push(("TLB hits", sum.tlb_hits));
    rows.push(("TLB misses, operands", sum.tlb_misses));
    rows.push(("TLB misses, instructions", sum.fetch_misses));
    rows.push(("TLB purges", sum.tlb_flushes));
    rows.push(("runs of instructions decoded", sum.decoded_runs));
    rows.push(("stores into decoded code", sum.code_stores));
    rows.push(("program interruptions", sum.program_interruptions));
    rows.push(("interruptions delivered by KVM", deliveries));
    rows.push(("entries into interpretive execution", entries));
    rows.push(("waits", sleeps));
    let translated = machine.vm.beside_kvm().translated();
    if translated.regions != 0 {
        rows.push(("instructions executed as host code", engine.instructions));
        rows.push(("instructions executed by the interpreter", sum.instructions.saturating_sub(engine.instructions)));
        rows.push(("entries into host code", engine.entries));
        rows.push(("returns because it left an instruction to the interpreter", engine.interpreted));
        rows.push(("returns because an instruction ended the run", engine.ended));
        let others = engine.entries.saturating_sub(engine.interpreted + engine.ended);
        rows.push(("returns because nothing was known to go on with, or attention was wanted", others));
        rows.push(("searches for translations", engine.searches));
        rows.push(("regions of earlier runs used again", translated.recalled));
        rows.push(("regions translated", translated.regions));
        rows.push(("of those, drafts", translated.drafts));
        rows.push(("of those, a second time and better", translated.best));
        rows.push(("instructions in them", translated.instructions));
        rows.push(("of those, calls of the interpreter's functions", translated.calls));
        rows.push(("regions that could not be translated", translated.refused));
        rows.push(("bytes of host code", translated.bytes));
        rows.push(("microseconds of translating", translated.time.as_micros() as u64));
        rows.push(("bytes of it kept at the end", translated.kept));
        rows.push(("times that all host code was forgotten", translated.generations));
    }
    let mut text = format!(
        "{:.3} s, {:.1} million instructions per second\n",
        elapsed.as_secs_f64(),
        sum.instructions as f64 / 1e6 / elapsed.as_secs_f64().max(1e-9)
    );
    for (name, count) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{count:>16}  {name}");
    }
    for (title, tally) in [
        ("interceptions", codes),
        ("intercepted instructions", instructions),
        ("signals", sigp),
        ("exits", exits),
        ("interceptions of guests of the guest", inner),
    ] {
        if !tally.0.is_empty() {
            let _ = writeln!(text, "{title}:");
        }
        for (name, count) in &tally.0 {
            let _ = writeln!(text, "{count:>16}  {name}");
        }
    }
    text
}

struct Tally(BTreeMap<String, u64>);

impl Tally {
    fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn add(&mut self, counters: &ByByte, name: impl Fn(u8) -> String) {
        for (byte, count) in counters.counts() {
            let name = name(byte);
            // The opcodes with two bytes are counted by the second as well.
            if !name.is_empty() {
                *self.0.entry(name).or_default() += count;
            }
        }
    }
}

fn interception_name(code: u8) -> String {
    let name = match code {
        0x04 => "instruction",
        0x08 => "program interruption",
        0x0c => "instruction and program interruption",
        0x10 => "external request",
        0x14 => "external interruption",
        0x18 => "I/O request",
        0x1c => "wait",
        0x20 => "validity",
        0x28 => "stop",
        0x2c => "operation exception",
        0x38 => "partial execution",
        0x5c => "keyless subset",
        _ => "other",
    };
    format!("{code:02x} {name}")
}

/// The instruction with this first halfword; empty for the first bytes that say nothing alone.
fn mnemonic(halfword: u16) -> String {
    match halfword >> 8 {
        0xb2 | 0xb9 if halfword & 0xff == 0 => String::new(),
        _ => decode(u64::from(halfword) << 48)
            .map_or_else(|| format!("{halfword:04x}"), |op| op.row().mnemonic.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_interceptions_and_instructions() {
        assert_eq!(interception_name(0x1c), "1c wait");
        assert_eq!(mnemonic(0xb220), "servc");
        assert_eq!(mnemonic(0x8300), "diag");
        assert_eq!(mnemonic(0xb200), "");
    }
}
