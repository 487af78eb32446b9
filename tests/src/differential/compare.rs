//! What differs between the two outcomes of a record.
//! Source: the layout of results in `layout.rs`.

use std::fmt;

use softsie_isa::Op;

use super::explained;
use super::layout::{self, result};
use super::opponent::Opponent;
use super::record::{Outcome, Record, Target};

/// Something that an outcome consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// How it ended: supervisor call, program interruption or not at all.
    Kind,
    /// Program-interruption code.
    Program,
    /// Instruction length of the interruption.
    Ilc,
    /// Address of the old PSW.
    Address,
    /// Mask of the old PSW without its condition code.
    PswMask,
    /// Condition code.
    Cc,
    /// Data-exception code.
    Dxc,
    /// Translation-exception identification.
    Teid,
    /// Exception and operand access identification.
    AccessId,
    /// Anything else that the interruption stores.
    Lowcore,
    /// General register.
    Gr(usize),
    /// Access register.
    Ar(usize),
    /// Control register.
    Cr(usize),
    /// Vector register.
    Vr(usize),
    /// FPC.
    Fpc,
    /// Breaking-event address.
    BreakingEvent,
    /// The data area, from this offset on.
    Data(usize),
}

/// What softsie is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Against {
    /// QEMU: a difference may have an explanation.
    Qemu,
    /// softsie's own interpreter: there is none.
    Interpreter,
}

/// Both outcomes of a record.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// The record.
    pub record: &'a Record,
    /// Its number in the batch.
    pub index: usize,
    /// What softsie did.
    pub softsie: Outcome<'a>,
    /// What QEMU, or whatever softsie is compared with, did.
    pub qemu: Outcome<'a>,
    /// Which of them.
    pub against: Against,
}

impl<'a> Pair<'a> {
    /// The outcomes of record `index`.
    pub fn of(record: &'a Record, index: usize, softsie: &'a [u8], other: &'a Opponent) -> Pair<'a> {
        let qemu = Outcome::of(other.storage(), index);
        Pair { record, index, softsie: Outcome::of(softsie, index), qemu, against: other.against() }
    }

    /// Whether the outcomes are equal, but for the breaking-event address, which QEMU does not keep.
    pub fn equal(&self) -> bool {
        let (a, b) = (self.softsie.0, self.qemu.0);
        let unfinished = !matches!(self.softsie.kind(), 1..=3);
        a[..8] == b[..8] && (unfinished || a[0x10..] == b[0x10..] && (!self.strict() || a[8..0x10] == b[8..0x10]))
    }

    /// Whether no rule explains anything.
    fn strict(&self) -> bool {
        self.against == Against::Interpreter
    }

    /// The fields that differ.
    pub fn differences(&self) -> Vec<Field> {
        let (a, b) = (self.softsie, self.qemu);
        let mut out = Vec::new();
        if a.kind() != b.kind() {
            return vec![Field::Kind];
        }
        if !matches!(a.kind(), 1..=3) {
            // Neither has a result.
            return out;
        }
        let mut see = |field: Field, differs: bool| {
            if differs {
                out.push(field);
            }
        };
        see(Field::Program, a.program() != b.program());
        see(Field::Ilc, a.ilc() != b.ilc());
        see(Field::Address, a.psw_address() != b.psw_address());
        see(Field::PswMask, (a.psw_mask() ^ b.psw_mask()) & !(3 << 44) != 0);
        see(Field::Cc, a.cc() != b.cc());
        see(Field::Dxc, a.dxc() != b.dxc());
        see(Field::Teid, a.teid() != b.teid());
        let bytes = |o: Outcome<'a>, from: usize, to: usize| &o.0[result::LOWCORE + from..result::LOWCORE + to];
        see(Field::AccessId, bytes(a, 0x20, 0x28) != bytes(b, 0x20, 0x28));
        let rest = [(0, 0xC), (0x14, 0x20), (0x30, 0x40)];
        see(Field::Lowcore, rest.iter().any(|(from, to)| bytes(a, *from, *to) != bytes(b, *from, *to)));
        for n in 0..16 {
            see(Field::Gr(n), a.gr(n) != b.gr(n));
            see(Field::Ar(n), a.ar(n) != b.ar(n));
            let cr = |o: Outcome<'a>| o.doubleword(result::CR + 8 * n);
            see(Field::Cr(n), cr(a) != cr(b));
        }
        for n in 0..32 {
            see(Field::Vr(n), a.vr(n) != b.vr(n));
        }
        see(Field::Fpc, a.fpc() != b.fpc());
        let breaking = |o: Outcome<'a>| o.doubleword(result::BREAKING_EVENT);
        see(Field::BreakingEvent, self.strict() && breaking(a) != breaking(b));
        let first = a.data().iter().zip(b.data()).position(|(a, b)| a != b);
        if let Some(first) = first {
            see(Field::Data(first), true);
        }
        out
    }

    /// The instruction that a program interruption belongs to, as far as the old PSW tells it; EXECUTE's target for EXECUTE.
    pub fn ended_by(&self, o: Outcome<'a>) -> Option<Op> {
        if o.kind() != 2 {
            return None;
        }
        // QEMU lets a vector-processing exception nullify.
        let nullified = softsie_cpu::ProgramCode(o.program()).nullifies();
        if self.text_changed() {
            let address = o.psw_address().wrapping_sub(if nullified { 0 } else { o.ilc() });
            let mut text = [0; 8];
            let data = o.data().get(address.wrapping_sub(layout::DATA) as usize..)?;
            let length = data.len().min(8);
            text[..length].copy_from_slice(&data[..length]);
            return softsie_isa::decode(u64::from_be_bytes(text));
        }
        let (places, _, _) = self.record.places();
        let at = |address: u64| {
            let at = address.wrapping_sub(self.record.start(self.index));
            places[..places.len() - 1].iter().position(|p| *p == at)
        };
        let address = if nullified { o.psw_address() } else { o.psw_address().wrapping_sub(o.ilc()) };
        let piece = at(address).or_else(|| at(o.psw_address()))?;
        softsie_isa::decode(self.effective(piece))
    }

    /// Whether the record's code has stored into itself: what was executed is what the data area holds now.
    pub fn text_changed(&self) -> bool {
        let code = self.record.code(self.index);
        self.record.in_data
            && !self.softsie.data()[self.record.offset as usize..].iter().zip(&code).all(|(a, b)| a == b)
    }

    /// Whether the text that the data area holds now has other instructions than the record's, and not only other operands.
    pub fn instructions_changed(&self) -> bool {
        let decode_at = |code: &[u8], at: u64| {
            let mut text = [0; 8];
            let bytes = code.get(at as usize..).unwrap_or_default();
            let length = bytes.len().min(8);
            text[..length].copy_from_slice(&bytes[..length]);
            softsie_isa::decode(u64::from_be_bytes(text))
        };
        let (pieces, execute, _) = self.record.places();
        let (before, after) =
            (self.record.code(self.index), &self.softsie.data()[self.record.offset as usize % layout::DATA_SIZE..]);
        self.text_changed() && pieces.iter().chain(&execute).any(|at| decode_at(&before, *at) != decode_at(after, *at))
    }

    /// Whether the code lies in the data area and goes beyond its end.
    pub fn text_ends_early(&self) -> bool {
        self.record.in_data && self.record.offset + self.record.places().2 > layout::DATA_SIZE as u64
    }

    /// The text of a piece, of EXECUTE's text that of its target.
    fn effective(&self, piece: usize) -> u64 {
        let pieces = &self.record.pieces;
        let target = match softsie_isa::decode(pieces[piece].text) {
            Some(Op::EXRL) => pieces[piece].target,
            // LARL before it has made its address.
            Some(Op::EX) if piece > 0 => pieces[piece - 1].target,
            _ => Target::None,
        };
        match target {
            Target::Execute(n) => self.record.execute.get(n).map_or(0, |e| e.text),
            _ => pieces[piece].text,
        }
    }

    /// All instructions of the record, EXECUTE targets included.
    pub fn ops(&self) -> impl Iterator<Item = Op> + '_ {
        self.record.pieces.iter().chain(&self.record.execute).filter_map(|p| softsie_isa::decode(p.text))
    }

    /// Whether an instruction is in the record.
    pub fn has(&self, ops: &[Op]) -> bool {
        self.ops().any(|op| ops.contains(&op))
    }

    /// One field's two values.
    pub fn show(&self, field: Field) -> String {
        let other = match self.against {
            Against::Qemu => "QEMU",
            Against::Interpreter => "interpreter",
        };
        let both = |f: &dyn Fn(Outcome<'a>) -> String| format!("{field} {}, {other} {}", f(self.softsie), f(self.qemu));
        match field {
            Field::Kind => both(&|o| {
                ["nothing", "completed", "program interruption", "other", "for the host"][o.kind().min(4) as usize]
                    .into()
            }),
            Field::Program => both(&|o| format!("{:x}", o.program())),
            Field::Ilc => both(&|o| format!("{}", o.ilc())),
            Field::Address => {
                let start = self.record.start(self.index);
                both(&|o| format!("start+{:x}", o.psw_address().wrapping_sub(start) as i64))
            }
            Field::PswMask => both(&|o| format!("{:016x}", o.psw_mask())),
            Field::Cc => both(&|o| format!("{}", o.cc())),
            Field::Dxc => both(&|o| format!("{:x}", o.dxc())),
            Field::Teid => both(&|o| format!("{:x}", o.teid())),
            Field::AccessId => both(&|o| format!("{:08x}", o.doubleword(result::LOWCORE + 0x20) >> 32)),
            Field::Lowcore => both(&|o| hex(&o.0[result::LOWCORE..result::LOWCORE + 0x40])),
            Field::Gr(n) => both(&|o| format!("{:x}", o.gr(n))),
            Field::Ar(n) => both(&|o| format!("{:x}", o.ar(n))),
            Field::Cr(n) => both(&|o| format!("{:x}", o.doubleword(result::CR + 8 * n))),
            Field::Vr(n) => both(&|o| format!("{:032x}", o.vr(n))),
            Field::Fpc => both(&|o| format!("{:08x}", o.fpc())),
            Field::BreakingEvent => both(&|o| format!("{:x}", o.doubleword(result::BREAKING_EVENT))),
            Field::Data(at) => both(&|o| hex(&o.data()[at..(at + 16).min(layout::DATA_SIZE)])),
        }
    }

    /// The fields that differ and that no rule explains; and the rules that explained others.
    pub fn judge(&self) -> (Vec<Field>, Vec<&'static str>) {
        let mut rules = Vec::new();
        let unexplained = self
            .differences()
            .into_iter()
            .filter(|field| match explained::rule_for(self, *field) {
                Some(rule) if !self.strict() => {
                    rules.push(rule.name);
                    false
                }
                _ => true,
            })
            .collect();
        rules.dedup();
        (unexplained, rules)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Kind => f.write_str("end"),
            Field::Program => f.write_str("program"),
            Field::Ilc => f.write_str("ilc"),
            Field::Address => f.write_str("ia"),
            Field::PswMask => f.write_str("pswmask"),
            Field::Cc => f.write_str("cc"),
            Field::Dxc => f.write_str("dxc"),
            Field::Teid => f.write_str("teid"),
            Field::AccessId => f.write_str("access ids"),
            Field::Lowcore => f.write_str("lowcore"),
            Field::Gr(n) => write!(f, "r{n}"),
            Field::Ar(n) => write!(f, "a{n}"),
            Field::Cr(n) => write!(f, "c{n}"),
            Field::Vr(n) => write!(f, "v{n}"),
            Field::Fpc => f.write_str("fpc"),
            Field::BreakingEvent => f.write_str("bea"),
            Field::Data(at) => write!(f, "m{:x}", layout::DATA as usize + at),
        }
    }
}
