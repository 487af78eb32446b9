//! Instruction tracing: one line for each executed instruction and each program interruption, chosen by a filter.
//! Source: the fields of a line are described at [`Tracer`]; class names are those of the instruction table.

use std::fmt::Write as _;
use std::io::Write;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use parking_lot::Mutex;
use softsie_cpu::{Cpu, Decoded, Exit, ProgramCode};
use softsie_isa::{Class, FieldName, Op, Operand, Operands, disassemble};

use crate::interpreter::Observer;

/// Which instructions are traced: all conditions must hold. Written as
/// `address=1000-1fff,cpu=0+1,class=general+control,count=1000000-1001000,level=2`; each part may be left out, and `all` traces
/// everything. Numbers of `address` are hexadecimal; `count` numbers the CPU's instructions from 0; `level` is 1 for the guest and 2
/// for guests that it interprets itself, whose CPUs have addresses of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    addresses: Vec<RangeInclusive<u64>>,
    cpus: Vec<u16>,
    classes: Vec<Class>,
    window: Option<RangeInclusive<u64>>,
    levels: Vec<u8>,
}

/// 1 for a CPU of the machine, 2 for one of a guest of the machine.
fn level(cpu: &Cpu) -> u8 {
    1 + u8::from(cpu.is_guest())
}

/// What a CPU is called in a trace.
fn name(cpu: &Cpu) -> String {
    format!("{}{}", if cpu.is_guest() { "guest" } else { "cpu" }, cpu.address)
}

fn range(text: &str, radix: u32) -> Result<RangeInclusive<u64>, String> {
    let number =
        |t: &str| u64::from_str_radix(t.trim_start_matches("0x"), radix).map_err(|_| format!("`{t}` is not a number"));
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Ok(number(from)?..=number(to)?)
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(s: &str) -> Result<Filter, String> {
        let mut filter = Filter::default();
        for part in s.split(',').filter(|p| !p.is_empty() && *p != "all") {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                format!("`{part}` in the trace filter: write address=, cpu=, class=, count= or level=")
            })?;
            let values = value.split('+');
            match name {
                "address" => filter.addresses = values.map(|v| range(v, 16)).collect::<Result<_, _>>()?,
                "count" => filter.window = Some(range(value, 10)?),
                "cpu" => {
                    filter.cpus = values
                        .map(|v| v.parse().map_err(|_| format!("`{v}` is not a CPU number")))
                        .collect::<Result<_, _>>()?;
                }
                "level" => {
                    filter.levels = values
                        .map(|v| match v {
                            "1" => Ok(1),
                            "2" => Ok(2),
                            _ => Err(format!("`{v}` is not a level: 1 and 2 are")),
                        })
                        .collect::<Result<_, _>>()?;
                }
                "class" => {
                    filter.classes =
                        values.map(|v| v.parse::<Class>().map_err(|e| e.to_string())).collect::<Result<_, _>>()?;
                }
                _ => {
                    return Err(format!(
                        "`{name}` in the trace filter: the parts are address, cpu, class, count and level"
                    ));
                }
            }
        }
        Ok(filter)
    }
}

impl Filter {
    fn chooses_cpu(&self, cpu: &Cpu) -> bool {
        (self.cpus.is_empty() || self.cpus.contains(&cpu.address))
            && (self.levels.is_empty() || self.levels.contains(&level(cpu)))
    }

    fn chooses(&self, cpu: &Cpu, address: u64, class: Class, count: u64) -> bool {
        (self.addresses.is_empty() || self.addresses.iter().any(|r| r.contains(&address)))
            && self.chooses_cpu(cpu)
            && (self.classes.is_empty() || self.classes.contains(&class))
            && self.window.as_ref().is_none_or(|w| w.contains(&count))
    }
}

/// Registers before an instruction, to show which have changed.
#[derive(Clone)]
struct Before {
    gr: [u64; 16],
    ar: [u32; 16],
    cr: [u64; 16],
    vr: [u128; 32],
    fpc: u32,
    cc: u8,
    /// Address and length of each storage operand.
    operands: Vec<(u64, u8, usize)>,
}

/// Writes the trace of one CPU. Lines of several CPUs go to the same sink whole.
///
/// A line: CPU, instruction address, bytes, disassembly; after `|` what changed (`r1=…`, `a…`, `c…`, `v…`, `fpc`, `cc`),
/// then each storage operand as `[address]=bytes` after execution. Interruptions have lines of their own.
pub struct Tracer {
    filter: Filter,
    sink: Arc<Mutex<dyn Write + Send>>,
    count: u64,
    before: Option<Box<Before>>,
}

impl Tracer {
    /// A tracer with its filter and sink.
    pub fn new(filter: Filter, sink: Arc<Mutex<dyn Write + Send>>) -> Tracer {
        Tracer { filter, sink, count: 0, before: None }
    }

    /// A write error ends nothing: the guest goes on, the line is lost.
    fn line(&self, text: &str) {
        let _ = writeln!(self.sink.lock(), "{text}");
    }
}

/// Bytes of a storage operand to show: a length field says how many, else the first eight.
fn storage_operands(cpu: &Cpu, o: &Operands) -> Vec<(u64, u8, usize)> {
    let gr = |n: u8| if n == 0 { 0 } else { cpu.gr[usize::from(n & 15)] };
    let operand = |op: &Operand| {
        let Operand::Storage { middle, base, .. } = op else { return None };
        let (b, d) = match base {
            FieldName::B1 => (o.b1(), o.d1()),
            FieldName::B2 => (o.b2(), o.d2()),
            FieldName::B3 => (o.b3(), o.d3()),
            _ => (o.b4(), o.d4()),
        };
        let (index, length) = match middle {
            Some(FieldName::X2) => (gr(o.x2()), 8),
            Some(FieldName::L1) => (0, usize::from(o.l1()) + 1),
            Some(FieldName::L2) => (0, usize::from(o.l2()) + 1),
            _ => (0, 8),
        };
        let address = gr(b).wrapping_add(i64::from(d) as u64).wrapping_add(index) & cpu.address_mask;
        Some((address, b, length.min(32)))
    };
    // An address operand of these does not designate storage.
    let only_address = matches!(o.op(), Op::LA | Op::LAY | Op::LAE | Op::LAEY)
        || matches!(
            o.op(),
            Op::SLL | Op::SRL | Op::SLA | Op::SRA | Op::SLLG | Op::SRLG | Op::SLAG | Op::SRAG | Op::RLL | Op::RLLG
        )
        || matches!(o.op(), Op::SLLK | Op::SRLK | Op::SLAK | Op::SRAK | Op::SLDL | Op::SRDL | Op::SLDA | Op::SRDA)
        || matches!(o.op(), Op::BC | Op::EX | Op::DIAG | Op::SIGP);
    if only_address { Vec::new() } else { o.op().row().operands.iter().filter_map(operand).collect() }
}

/// The text of the instruction at `address`, left aligned.
fn text_at(cpu: &Cpu, address: u64) -> u64 {
    let mut bytes = [0; 8];
    cpu.peek_instruction(address, &mut bytes[..6]);
    u64::from_be_bytes(bytes)
}

impl Observer for Tracer {
    const ACTIVE: bool = true;

    fn before(&mut self, cpu: &Cpu, address: u64, d: &Decoded) -> bool {
        let class = d.operands.op().row().class;
        self.before = self.filter.chooses(cpu, address, class, self.count).then(|| {
            Box::new(Before {
                gr: cpu.gr,
                ar: cpu.ar,
                cr: cpu.cr,
                vr: cpu.vr,
                fpc: cpu.fpc,
                cc: cpu.cc,
                operands: storage_operands(cpu, &d.operands),
            })
        });
        true
    }

    fn after(&mut self, cpu: &Cpu, address: u64, d: &Decoded, result: Result<(), Exit>) {
        if matches!(result, Err(Exit::Continue | Exit::Stale | Exit::PageCrossing)) {
            return;
        }
        self.count += 1;
        let Some(before) = self.before.take() else { return };
        let text = text_at(cpu, address);
        let length = usize::from(softsie_isa::instruction_length((text >> 56) as u8));
        let digits = format!("{text:016x}");
        let mut line = format!(
            "{} {address:016x} {:12} {:40} |",
            name(cpu),
            &digits[..2 * length],
            disassemble(text, address).text().replace('\t', " ")
        );
        let gr = |n: u8| if n == 0 { 0 } else { before.gr[usize::from(n & 15)] };
        // Writing to a String cannot fail.
        if matches!(d.operands.op(), Op::EX | Op::EXRL) {
            let o = &d.operands;
            let target = if o.op() == Op::EX {
                gr(o.b2()).wrapping_add(gr(o.x2())).wrapping_add(i64::from(o.d2()) as u64) & cpu.address_mask
            } else {
                address.wrapping_add(o.relative() as u64) & cpu.address_mask
            };
            let target_text = text_at(cpu, target) | (gr(o.r1()) & 0xFF) << 48;
            let _ = write!(line, " {{{}}}", disassemble(target_text, target).text().replace('\t', " "));
        }
        for n in 0..16 {
            if cpu.gr[n] != before.gr[n] {
                let _ = write!(line, " r{n}={:x}", cpu.gr[n]);
            }
            if cpu.ar[n] != before.ar[n] {
                let _ = write!(line, " a{n}={:x}", cpu.ar[n]);
            }
            if cpu.cr[n] != before.cr[n] {
                let _ = write!(line, " c{n}={:x}", cpu.cr[n]);
            }
        }
        for n in 0..32 {
            if cpu.vr[n] != before.vr[n] {
                let _ = write!(line, " v{n}={:032x}", cpu.vr[n]);
            }
        }
        if cpu.fpc != before.fpc {
            let _ = write!(line, " fpc={:08x}", cpu.fpc);
        }
        if cpu.cc != before.cc {
            let _ = write!(line, " cc={}", cpu.cc);
        }
        for (at, ar, length) in before.operands {
            let mut bytes = vec![0; length];
            if cpu.peek_operand(at, ar, &mut bytes).is_some() {
                let _ = write!(line, " [{at:x}]=");
                for b in bytes {
                    let _ = write!(line, "{b:02x}");
                }
            }
        }
        match result {
            Err(Exit::Branch) => {
                let _ = write!(line, " -> {:x}", cpu.next_ia);
            }
            Err(Exit::PswLoaded) => {
                let psw = cpu.current_psw();
                let _ = write!(line, " -> PSW {:016x} {:016x}", psw.mask, psw.address);
            }
            Err(Exit::Intercept) => line.push_str(" intercepted"),
            _ => {}
        }
        self.line(&line);
    }

    fn program_interruption(&mut self, cpu: &Cpu, code: ProgramCode) {
        if self.filter.chooses_cpu(cpu) {
            self.line(&format!(
                "{} program interruption {:04x} -> PSW {:016x} {:016x}",
                name(cpu),
                code.0,
                cpu.psw.mask,
                cpu.psw.address
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_and_bad_ones_named() {
        let f: Filter = "address=1000-1fff+8000,cpu=0+2,class=general,count=5-9,level=2".parse().unwrap();
        assert_eq!(f.addresses, [0x1000..=0x1FFF, 0x8000..=0x8000]);
        assert_eq!((f.cpus, f.classes, f.window), (vec![0, 2], vec![Class::General], Some(5..=9)));
        assert_eq!(f.levels, [2]);
        assert!("level=3".parse::<Filter>().is_err());
        assert_eq!("all".parse::<Filter>(), Ok(Filter::default()));
        assert!("speed=1".parse::<Filter>().unwrap_err().contains("speed"));
        assert!("address=xyz".parse::<Filter>().unwrap_err().contains("xyz"));
        assert!("cpu".parse::<Filter>().is_err());
    }
}
