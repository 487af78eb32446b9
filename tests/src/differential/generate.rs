//! Random records: valid encodings from the instruction table with operands that reach the corners, in sequences with
//! forward branches, counted loops and EXECUTE. Source: formats and operand kinds of `softsie_isa`'s table.

use softsie_isa::{Class, FieldName, Op, Operand, Row, decode};

use super::compare::Against;
use super::explained;
use super::layout::{self, BATCH_LIMIT, DATA_SIZE, Space};
use super::operand_rules::{self, Branch};
use super::random::Random;
use super::record::{Piece, Record, Target};
use super::{Batch, values};

/// Backgrounds of a batch.
const BACKGROUNDS: usize = 48;
/// Registers that hold numbers; all others hold pointers or lengths.
const NUMBERS: [u64; 6] = [0, 3, 11, 12, 14, 15];
/// Registers that hold pointers; those below 10 with a length in the next one.
const POINTERS: [u64; 7] = [1, 2, 4, 6, 8, 10, 13];
/// Counts loops.
const COUNTER: u64 = 12;

/// Makes records.
pub struct Generator {
    random: Random,
    ops: Vec<Op>,
    /// What may be beside others.
    social: Vec<Op>,
    /// What EXECUTE may have as target and loops as body.
    straight: Vec<Op>,
    /// Whether the record being made has addresses of 24 or 31 bits.
    short: bool,
    /// Whether the record being made is a long sequence, which exceptions should not end early.
    careful: bool,
    /// About how many instructions it has.
    units: u64,
    /// Whether it has an instruction that stores by real address.
    real_addresses: bool,
    /// What register 14 must hold for its LOAD PSW.
    psw_mask: Option<u64>,
}

/// A part of a sequence that branches may have as target.
struct Unit {
    start: usize,
}

impl Generator {
    /// A generator of records of `ops`.
    pub fn new(seed: u64, ops: &[Op]) -> Generator {
        Generator::of(Random::new(seed), ops)
    }

    /// A generator that takes its decisions from `random`.
    pub fn of(random: Random, ops: &[Op]) -> Generator {
        let some = |keep: &dyn Fn(Op) -> bool| -> Vec<Op> {
            let kept: Vec<Op> = ops.iter().copied().filter(|op| keep(*op)).collect();
            // Of a choice of instructions that all go alone, sequences are made of something else.
            if kept.is_empty() { vec![Op::LR] } else { kept }
        };
        let social = some(&|op| !operand_rules::is_alone(op));
        let straight = some(&|op| {
            !operand_rules::is_alone(op) && Branch::of(op).is_none() && !matches!(op, Op::EX | Op::EXRL | Op::SVC)
        });
        Generator {
            random,
            social,
            straight,
            ops: ops.to_vec(),
            short: false,
            careful: false,
            units: 1,
            real_addresses: false,
            psw_mask: None,
        }
    }

    /// The instructions that can be compared: implemented, and not of those that [`explained::excluded`] names.
    pub fn candidates(against: Against) -> Vec<Op> {
        softsie_isa::ROWS
            .iter()
            .map(|row| row.op)
            .filter(|op| softsie_exec::semantics::is_implemented(*op) && explained::excluded(*op, against).is_none())
            .collect()
    }

    /// A batch of `count` records.
    pub fn batch(&mut self, count: usize) -> Batch {
        let r = &mut self.random;
        let mut backgrounds: Vec<Vec<u8>> = (0..BACKGROUNDS).map(|_| values::background(r, DATA_SIZE)).collect();
        let read_only = values::background(r, 0x1000);
        let mut records: Vec<Record> = (0..count.min(BATCH_LIMIT)).map(|_| self.record()).collect();
        for record in &mut records {
            // Code among the operands, some of it beyond the end of what is mapped.
            let mapped = record.cr[1] != Space::Wrapping.asce();
            // Where it cannot change the instruction that clears the time.
            let timeless = !record.pieces.iter().any(|p| decode(p.text).is_some_and(operand_rules::stores_time));
            if mapped && timeless && backgrounds.len() < layout::BACKGROUND_LIMIT && self.random.chance(5) {
                let length = record.places().2;
                record.in_data = true;
                record.offset = match self.random.below(8) {
                    0 => DATA_SIZE as u64 - self.random.below(length + 8).max(2),
                    1 | 2 => 0x1000 - self.random.below(length),
                    _ => self.random.below(DATA_SIZE as u64 - length),
                } & !1;
                for n in POINTERS {
                    if self.random.chance(20) {
                        // Into the code itself: instructions change those that follow.
                        record.gr[n as usize] = layout::DATA + record.offset + self.random.below(length);
                    }
                }
                backgrounds.push(backgrounds[record.background].clone());
                record.background = backgrounds.len() - 1;
            }
        }
        Batch { records, backgrounds, read_only }
    }

    fn record(&mut self) -> Record {
        let mode = match self.random.below(10) {
            0 => 0,
            1 | 2 => 1u64 << 31,
            _ => 3 << 31,
        };
        self.short = mode >> 32 == 0;
        let (pieces, execute) = self.sequence();
        let r = &mut self.random;
        let space = match r.below(10) {
            // Real addresses are those of the data area in the other spaces only.
            _ if self.real_addresses => Space::Plain,
            0 => Space::Wrapping,
            1 | 2 => Space::Protected,
            _ => Space::Plain,
        };
        let mut gr: [u64; 16] = std::array::from_fn(|_| values::integer(r));
        for n in POINTERS {
            if self.real_addresses || r.chance(92) {
                gr[n as usize] = values::pointer(r, space, mode, self.careful);
            }
            if n < 10 && n % 2 == 0 && r.chance(92) {
                // QEMU takes 31 bits where 32 count.
                gr[n as usize + 1] = length(r) & if mode >> 32 == 0 { 0x7FFF_FFFF } else { !0 };
            }
        }
        gr[0] = match r.below(10) {
            0..=3 => 0,
            4..=7 => r.below(256),
            _ => values::integer(r),
        };
        if self.careful || r.chance(60) {
            gr[11] = r.below(24);
        }
        for n in [1, 13] {
            if r.chance(85) {
                gr[n] &= !15;
            }
        }
        let mut vr: [u128; 32] = std::array::from_fn(|_| values::vector(r));
        for first in [0usize, 1, 4, 5, 8, 9, 12, 13] {
            if r.chance(40) {
                let number = values::extended(r);
                vr[first] = number >> 64 << 64 | vr[first] & u128::from(u64::MAX);
                vr[first + 2] = number << 64 | vr[first + 2] & u128::from(u64::MAX);
            }
        }
        let rounding = r.pick(&[0u32, 0, 0, 1, 2, 3, 7]);
        let mut fpc = rounding | (r.below(8) as u32) << 4;
        // QEMU sets the inexact flag of conversions otherwise: in a sequence it is one before.
        if self.units > 1 {
            fpc |= 0x8_0000;
        }
        if r.chance(12) {
            fpc |= (r.below(32) as u32) << 27;
            if self.units > 1 {
                fpc &= !0x800_0000;
            }
        }
        if r.chance(30) {
            fpc |= (r.below(32) as u32) << 19;
        }
        if r.chance(10) {
            fpc |= (r.below(256) as u32) << 8;
        }
        if let Some(mask) = self.psw_mask {
            gr[14] = mask;
        }
        match pieces.first().and_then(|p| decode(p.text)) {
            // Functions whose result is not the time, or random.
            Some(Op::PTFF) => gr[0] = r.pick(&[0, 0x3F, 0x80]),
            Some(Op::PRNO) => gr[0] = r.pick(&[0, 3, 0x83, 0x7F]),
            Some(op) if op.row().class == Class::Crypto => gr[0] = crypto_function(r, op),
            Some(Op::CMPSC) => gr[0] = r.below(7) << 12 | r.below(4) << 8 | (r.below(4) / 3) << 16,
            Some(Op::DFLTCC) => gr[0] = r.pick(&[0, 1, 2, 4, 0x82, 0x84, 3]),
            Some(Op::SORTL) => gr[0] = r.pick(&[0, 1, 2, 0x81, 0x82, 3]),
            Some(Op::CSST) => gr[0] = r.below(4) | r.below(6) << 8 | (r.below(40) / 39) << 20,
            Some(Op::PLO) => gr[0] = r.below(28) | (r.below(4) / 3) << 8,
            _ => {}
        }
        let mut cr = [0u64; 16];
        // AFP registers, vectors, secondary-space control, and whatever an initial reset leaves.
        cr[0] = 0x0406_00E0;
        match r.below(100) {
            0 | 1 => cr[0] &= !0x4_0000,
            2 | 3 => cr[0] &= !0x2_0000,
            4 | 5 => cr[0] |= 0x1000_0000,
            6 => cr[0] &= !0x400_0000,
            _ => {}
        }
        for n in [1, 7, 13] {
            cr[n] = space.asce();
        }
        if r.chance(10) {
            cr[7] = r.pick(&Space::ALL).asce();
        }
        cr[3] = r.below(0x1_0000) << 16;
        cr[8] = r.below(0x1_0000);
        cr[14] = 0xC200_0000;
        let mut psw = 1u64 << 58;
        psw |= u64::from(r.chance(25)) << 48;
        psw |= r.pick(&[0u64, 0, 0, 0, 0, 0, 0, 2, 3, 0]) << 46;
        psw |= r.below(4) << 44;
        if r.chance(50) {
            // QEMU knows no fixed-point overflow: that one stays rare.
            psw |= (r.below(16) & if r.chance(10) { 15 } else { 7 }) << 40;
        }
        psw |= mode;
        let mut record = Record {
            pieces,
            execute,
            offset: 0,
            in_data: false,
            gr,
            cr,
            ar: std::array::from_fn(|_| r.bits() as u32),
            vr,
            fpc,
            psw,
            background: r.below(BACKGROUNDS as u64) as usize,
        };
        let room = layout::CODE_SLOT - record.places().2;
        record.offset = r.below(room / 2 + 1) * 2;
        record
    }

    fn sequence(&mut self) -> (Vec<Piece>, Vec<Piece>) {
        let units = match self.random.below(10) {
            0..=3 => 1,
            4..=6 => 2 + self.random.below(4),
            _ => 6 + self.random.below(25),
        };
        self.units = units;
        (self.real_addresses, self.psw_mask) = (false, None);
        self.careful = units > 3 && self.random.chance(85);
        let mut s = Sequence { pieces: Vec::new(), execute: Vec::new(), units: Vec::new(), open: Vec::new() };
        let mut made = 0;
        while made < units && s.pieces.len() < 50 {
            s.units.push(Unit { start: s.pieces.len() });
            if units - made > 2 && self.random.chance(6) {
                made += self.counted_loop(&mut s);
            } else {
                let op = self.random.pick(if units == 1 { &self.ops } else { &self.social });
                if units == 1 || !(self.short && operand_rules::is_load_address(op)) {
                    self.unit(&mut s, op, false);
                }
                made += 1;
            }
        }
        s.close();
        (s.pieces, s.execute)
    }

    /// A loop whose body leaves its counter alone; how many units it counts for.
    fn counted_loop(&mut self, s: &mut Sequence) -> u64 {
        // LGHI; body; BRCTG.
        let times = 2 + self.random.below(5);
        s.pieces.push(Piece::plain(0xA709_0000_0000_0000 | COUNTER << 52 | times << 32));
        let first = s.pieces.len();
        let body = 1 + self.random.below(4);
        for _ in 0..body {
            let op = self.random.pick(&self.straight);
            // A range of registers would often have the counter in it.
            if !(operand_rules::is_multiple(op) || self.short && operand_rules::is_load_address(op)) {
                self.unit(s, op, true);
            }
        }
        s.pieces.push(Piece { text: 0xA707_0000_0000_0000 | COUNTER << 52, target: Target::Piece(first) });
        body
    }

    /// One instruction with what it needs.
    fn unit(&mut self, s: &mut Sequence, op: Op, in_loop: bool) {
        let row = op.row();
        // Addresses may become short.
        self.short |= matches!(op, Op::SAM24 | Op::SAM31);
        match Branch::of(op) {
            Some(Branch::Relative) => {
                let text = self.text(row, in_loop);
                s.forward(self.random.below(3), text);
            }
            Some(Branch::Register | Branch::Storage) => {
                // LARL first; the register is one that the instruction does not otherwise need.
                let base = self.random.pick(&[14u64, 15, 13, 10]);
                let mut text = self.text(row, in_loop);
                let layout = row.format.layout();
                for o in row.operands {
                    match *o {
                        Operand::Storage { displacement, middle, base: b } => {
                            text = layout.set(text, b, base);
                            text = layout.set(text, displacement, 0);
                            if let Some(x) = middle {
                                text = layout.set(text, x, 0);
                            }
                        }
                        Operand::Gr(FieldName::R2) if Branch::of(op) == Some(Branch::Register) => {
                            let r2 = if self.random.chance(15) { 0 } else { base };
                            text = layout.set(text, FieldName::R2, r2);
                        }
                        _ => {}
                    }
                }
                self.clear_left_half(s, base);
                s.forward(self.random.below(3), 0xC000_0000_0000_0000 | base << 52);
                if self.random.chance(2) {
                    // AGHI: an odd address.
                    s.pieces.push(Piece::plain(0xA70B_0001 << 32 | base << 52));
                }
                s.pieces.push(Piece::plain(text));
            }
            None if op == Op::EXRL && self.random.chance(2) => {
                // An EXECUTE of an EXECUTE.
                s.execute.push(Piece::plain(self.random.pick(&[0x4400 << 48, 0xC600 << 48])));
                s.pieces.push(Piece { text: op.text(), target: Target::Execute(s.execute.len() - 1) });
            }
            None if matches!(op, Op::LPSW | Op::LPSWE | Op::LPSWEY) => self.load_psw(s, op),
            None if op == Op::EXRL || op == Op::EX => {
                let target = loop {
                    let op = self.random.pick(&self.straight);
                    if !(self.short && operand_rules::is_load_address(op)) {
                        self.short |= matches!(op, Op::SAM24 | Op::SAM31);
                        break op.row();
                    }
                };
                let fixed = operand_rules::second_byte_is_opcode(target);
                let target = self.piece(target, false);
                let number = s.execute.len();
                s.execute.push(target);
                let mut r1 = if fixed || self.random.chance(50) { 0 } else { self.random.below(16) };
                if op == Op::EXRL {
                    s.pieces.push(Piece { text: op.text() | r1 << 52, target: Target::Execute(number) });
                } else {
                    let base = self.random.pick(&[14u64, 15, 13, 10]);
                    if r1 == base {
                        r1 = 0;
                    }
                    self.clear_left_half(s, base);
                    s.pieces.push(Piece { text: 0xC000_0000_0000_0000 | base << 52, target: Target::Execute(number) });
                    s.pieces.push(Piece::plain(op.text() | r1 << 52 | base << 44));
                }
                if decode(target.text).is_some_and(operand_rules::may_go_on) {
                    let again = Target::Piece(s.pieces.len() - 1);
                    s.pieces.push(Piece { text: 0xA714_0000_0000_0000, target: again });
                }
            }
            None => {
                if operand_rules::uses_real(op) {
                    (self.real_addresses, self.careful) = (true, true);
                }
                let piece = self.piece(row, in_loop);
                s.pieces.push(piece);
                if op == Op::TR {
                    // QEMU changes the condition code; CR sets it.
                    s.pieces.push(Piece::plain(0x1900 << 48));
                }
                if operand_rules::is_bfp_comparison(op) {
                    // BRC 1 over a NOPR: QEMU executes no comparison whose condition code nobody looks at.
                    s.pieces.push(Piece { text: 0xA714_0000_0000_0000, target: Target::Piece(s.pieces.len() + 2) });
                    s.pieces.push(Piece::plain(0x0700 << 48));
                }
                s.pieces.extend(clear_time(op, piece.text));
                if row.class == Class::VectorFp {
                    s.pieces.extend(clear_unpredictable(row, piece.text));
                }
                if operand_rules::may_go_on(op) {
                    // BRC 1 back to it while it says that it is not finished.
                    let again = Target::Piece(s.pieces.len() - 1);
                    s.pieces.push(Piece { text: 0xA714_0000_0000_0000, target: again });
                }
            }
        }
    }

    /// A PSW that leads to the next unit, most of it as it should be, stored and loaded.
    fn load_psw(&mut self, s: &mut Sequence, op: Op) {
        const ADDRESS: u64 = 15;
        self.careful = true;
        let r = &mut self.random;
        let mut mask = 1 << 58 | r.below(2) << 48 | r.below(16) << 40 | r.below(4) << 44 | 3 << 31;
        for _ in 0..r.below(3) {
            // Not the wait state, nor program-event recording.
            let bit = r.below(64);
            if !matches!(bit, 49 | 62) {
                mask ^= 1 << bit;
            }
        }
        self.clear_left_half(s, ADDRESS);
        s.forward(0, 0xC000_0000_0000_0000 | ADDRESS << 52);
        if self.random.chance(5) {
            s.pieces.push(Piece::plain(0xA70B_0001 << 32 | ADDRESS << 52));
        }
        if op == Op::LPSW {
            // Bit 12 is one in the short format; the address is or-ed in.
            self.psw_mask = Some((mask & !0x7FFF_FFFF) ^ 1 << 51);
            s.pieces.push(Piece::plain(0xB981_00EF << 32));
            s.pieces.push(Piece::plain(0xE3E0_D000_0024 << 16));
        } else {
            self.psw_mask = Some(mask);
            s.pieces.push(Piece::plain(0xEBEF_D000_0024 << 16));
        }
        s.pieces.push(Piece::plain(op.text() | 0xD << 44));
    }

    /// IIHF before a LARL, where QEMU clears what should stay.
    fn clear_left_half(&self, s: &mut Sequence, register: u64) {
        if self.short {
            s.pieces.push(Piece::plain(0xC008_0000_0000_0000 | register << 52));
        }
    }

    /// An instruction that is no branch.
    fn piece(&mut self, row: &Row, in_loop: bool) -> Piece {
        let text = self.text(row, in_loop);
        let relative = row.operands.iter().any(|o| matches!(o, Operand::Relative(_)));
        let target = if relative { Target::Address(self.relative_address()) } else { Target::None };
        Piece { text, target }
    }

    fn relative_address(&mut self) -> u64 {
        let r = &mut self.random;
        let address = match r.below(20) {
            0 => layout::READ_ONLY + r.below(0x1000),
            1 => layout::ABSENT + r.below(0x100),
            2 => layout::DATA + 0x1000 - r.below(20),
            3 => layout::CODE + r.below(0x1000),
            _ => layout::DATA + r.below(DATA_SIZE as u64),
        };
        let unit = r.pick(&[!7u64, !7, !7, !3, !1]);
        address & unit
    }

    /// Text of an instruction with random operands.
    fn text(&mut self, row: &Row, in_loop: bool) -> u64 {
        loop {
            let text = self.any_text(row);
            if !in_loop || !operand_rules::touches_register(row, text, COUNTER) {
                return text;
            }
        }
    }

    fn any_text(&mut self, row: &Row) -> u64 {
        let layout = row.format.layout();
        let mut text = row.op.text();
        let addresses = operand_rules::address_registers(row.op);
        let careful = self.careful;
        for operand in row.operands {
            let field = operand.field();
            let width = layout.width(field);
            let r = &mut self.random;
            let value = match *operand {
                Operand::Gr(f) if addresses.contains(&f) => {
                    if careful || r.chance(96) {
                        r.pick(&[2u64, 4, 6, 8])
                    } else {
                        r.below(16)
                    }
                }
                Operand::GrPair(f) if addresses.contains(&f) => r.pick(&[2u64, 4, 6, 8]),
                Operand::Gr(_) => {
                    if r.chance(75) {
                        r.pick(&NUMBERS)
                    } else {
                        r.below(16)
                    }
                }
                Operand::GrPair(_) => {
                    if careful || r.chance(97) {
                        r.below(8) * 2
                    } else {
                        r.below(16)
                    }
                }
                Operand::FrPair(_) => {
                    if careful || r.chance(97) {
                        r.pick(&[0u64, 1, 4, 5, 8, 9, 12, 13])
                    } else {
                        r.below(16)
                    }
                }
                Operand::Fr(_) | Operand::Ar(_) | Operand::Cr(_) => r.below(16),
                Operand::Vr(_) => r.below(32),
                Operand::Mask(f) => mask(r, row, f, careful),
                Operand::Unsigned(_) | Operand::Signed(_) => match row.op {
                    Op::VREP => r.below(if careful { 2 } else { 18 }),
                    _ if let Some(valid) = operand_rules::valid_values(row.op, field)
                        && (careful || r.chance(90)) =>
                    {
                        r.pick(valid)
                    }
                    Op::SVC => u64::from(super::record::END),
                    _ => values::integer(r),
                },
                Operand::Relative(_) => 0,
                Operand::Storage { displacement, middle, base } => {
                    text = storage(r, row, text, [Some(displacement), middle, Some(base)], careful);
                    continue;
                }
            };
            text = layout.set(text, field, value & ((1u64 << width.min(63)) - 1));
        }
        let r = &mut self.random;
        if operand_rules::is_multiple(row.op) && r.chance(75) {
            // Few registers.
            let first = [FieldName::R1, FieldName::V1].into_iter().find(|f| layout.width(*f) != 0);
            let last = if layout.width(FieldName::R3) != 0 { FieldName::R3 } else { FieldName::V3 };
            if let Some(first) = first {
                let last_value = layout.get(text, first) + r.below(4);
                text = layout.set(text, last, last_value);
            }
        }
        text
    }
}

/// Instructions that clear the time that an instruction has stored.
fn clear_time(op: Op, text: u64) -> Option<Piece> {
    let length = match op {
        Op::STCK | Op::STCKF | Op::STPT => 8,
        Op::STCKE => 16,
        // General register 0 has a difference of times: LGHI.
        Op::ECTG => return Some(Piece::plain(0xA709 << 48)),
        _ => return None,
    };
    // XC of the operand with itself.
    let operand = text >> 32 & 0xFFFF;
    Some(Piece::plain(0xD7 << 56 | (length - 1) << 48 | operand << 32 | operand << 16))
}

/// Instructions that clear what a vector floating-point instruction leaves unpredictable in its first operand: all but the
/// first element when it is for a single element, and the elements without result of LOAD ROUNDED.
fn clear_unpredictable(row: &Row, text: u64) -> Vec<Piece> {
    use FieldName::{M3, M4, M5, M6, V1};
    let layout = row.format.layout();
    let m = |f| layout.get(text, f);
    let (format, single) = match layout.name {
        "VRR-a" => (m(M3), m(M4)),
        "VRR-e" => (m(M6), m(M5)),
        _ => (m(M4), m(M5)),
    };
    let rounded = row.op == Op::VFLR;
    if matches!(row.op, Op::WFC | Op::WFK) || single & 8 == 0 && !rounded {
        return Vec::new();
    }
    let clear = |op: Op, element: u64| {
        let layout = op.row().format.layout();
        let clear = layout.set(op.text(), V1, row.format.layout().get(text, V1));
        Piece::plain(layout.set(clear, M3, element))
    };
    let short = if rounded { format == 3 } else { format == 2 };
    match (short, single & 8 != 0) {
        (true, true) => vec![clear(Op::VLEIF, 1), clear(Op::VLEIG, 1)],
        (true, false) => vec![clear(Op::VLEIF, 1), clear(Op::VLEIF, 3)],
        (false, _) if format == 4 && !rounded => Vec::new(),
        (false, _) => vec![clear(Op::VLEIG, 1)],
    }
}

/// General register 0 for an instruction of the message-security assist: a function code, and the flags and length beside it.
fn crypto_function(r: &mut Random, op: Op) -> u64 {
    const CODES: &[u64] = &[
        0, 1, 2, 3, 9, 10, 11, 17, 18, 19, 20, 26, 27, 28, 32, 33, 34, 35, 36, 37, 40, 41, 44, 48, 50, 52, 58, 60, 64,
        65, 66, 67, 72, 73, 80, 81,
    ];
    let code = r.pick(CODES);
    // ECDSA signatures are random unless the random number is given.
    let given = op == Op::KDSA && matches!(code, 9..=19);
    let modifier = if given || matches!(op, Op::KM | Op::KMC | Op::KMF | Op::KMA) && r.chance(50) { 0x80 } else { 0 };
    code | modifier | r.below(8) << 8 | (r.below(20)) << 24
}

fn length(r: &mut Random) -> u64 {
    let length = match r.below(20) {
        0 => 0,
        1 => r.below(0x2000),
        2 => values::integer(r),
        3..=6 => r.below(600),
        _ => r.below(64),
    };
    // A padding byte, or a length that is no multiple of two.
    if r.chance(30) { length & 0xFF_FFFF | r.below(256) << 24 } else { length }
}

fn storage(
    r: &mut Random,
    row: &Row,
    mut text: u64,
    [displacement, middle, base]: [Option<FieldName>; 3],
    careful: bool,
) -> u64 {
    let layout = row.format.layout();
    let (Some(d), Some(b)) = (displacement, base) else { return text };
    let long = layout.is_long_displacement(d);
    if operand_rules::is_number(row.op) {
        // Shift amounts and the like.
        let value = match r.below(10) {
            _ if row.op == Op::SRNMB => r.pick(&[0, 1, 2, 3, 7, 0, 1, 2, 3, 7, 4, 8]),
            0 | 1 => r.below(4096),
            2 | 3 => r.below(140),
            _ if matches!(row.op, Op::VLGV | Op::VLVG) => r.below(4),
            _ => r.below(70),
        };
        text = layout.set(text, d, value);
        let base = if r.chance(75) { 0 } else { r.pick(&[11, 12, 14, 15]) };
        return layout.set(text, b, base);
    }
    let aligned = operand_rules::needs_alignment(row.op) && r.chance(80);
    let base = match r.below(40) {
        0 if !careful => 0,
        1 if !careful => r.below(16),
        _ if aligned => r.pick(&[1, 13]),
        _ => r.pick(&POINTERS),
    };
    text = layout.set(text, b, base);
    let d_value = match r.below(20) {
        _ if aligned => r.below(4) * 16,
        0..=8 => 0,
        9..=16 => r.below(48),
        17 => r.below(4096),
        _ if long => r.pick(&[0xF_FFFF, 0xF_FFF8, 0xF_FFF0, 0x8_0000, 0x7_FFFF, 0xF_F000, 0x1000]),
        _ => r.pick(&[0xFFF, 0xFF8, 0x800, 8, 16]),
    };
    text = layout.set(text, d, d_value);
    let Some(x) = middle else { return text };
    let value = match x {
        FieldName::L1 | FieldName::L2 => match r.below(10) {
            0 => r.below(256),
            1..=4 => r.below(32),
            _ => r.below(16),
        },
        FieldName::V2 => r.below(32),
        FieldName::R1 | FieldName::R3 => r.pick(&[3u64, 5, 7, 9]),
        _ if aligned || r.chance(70) => 0,
        _ if careful => 11,
        _ => r.pick(&[11u64, 11, 11, 0, 15]),
    };
    layout.set(text, x, value & ((1u64 << layout.width(x)) - 1))
}

/// A mask field: mostly a value that the instruction has.
fn mask(r: &mut Random, row: &Row, f: FieldName, careful: bool) -> u64 {
    use FieldName::{M3, M4, M5, M6};
    if !careful && r.chance(7) {
        return r.below(16);
    }
    if let Some(valid) = operand_rules::valid_values(row.op, f) {
        return r.pick(valid);
    }
    match row.class {
        Class::VectorFp => {
            let format = match row.format.layout().name {
                "VRR-a" => M3,
                "VRR-e" => M6,
                _ => M4,
            };
            if f == format {
                r.pick(&[3u64, 3, 3, 2, 2, 4])
            } else if row.format.layout().name == "VRR-a" && f == M5 {
                r.pick(&[0u64, 1, 3, 4, 5, 6, 7, 0, 1])
            } else if row.format.layout().name == "VRR-a" {
                r.pick(&[0u64, 0, 8, 8, 4, 12])
            } else if f == M6 {
                r.pick(&[0u64, 1, 0, 1, 2, 3, 4, 8, 9, 10, 11, 12])
            } else {
                r.pick(&[0u64, 0, 8, 8, 4, 12])
            }
        }
        Class::VectorString => {
            if f == M5 && row.format.layout().name != "VRR-d" || f == M6 {
                r.below(16)
            } else {
                r.below(3)
            }
        }
        Class::VectorInteger | Class::VectorSupport => r.below(5),
        Class::Bfp if f == M3 => r.pick(&[0u64, 1, 3, 4, 5, 6, 7]),
        Class::Bfp => r.pick(&[0u64, 0, 4]),
        _ => r.below(16),
    }
}

/// A sequence being made; branch targets that are not known yet.
struct Sequence {
    pieces: Vec<Piece>,
    execute: Vec<Piece>,
    units: Vec<Unit>,
    /// Piece, and how many units after its own its target is.
    open: Vec<(usize, usize)>,
}

impl Sequence {
    /// Adds an instruction whose target is the `skip`th unit after the next.
    fn forward(&mut self, skip: u64, text: u64) {
        self.open.push((self.pieces.len(), self.units.len() + skip as usize));
        self.pieces.push(Piece { text, target: Target::None });
    }

    fn close(&mut self) {
        let end = self.pieces.len();
        for (piece, unit) in std::mem::take(&mut self.open) {
            let target = self.units.get(unit).map_or(end, |u| u.start);
            self.pieces[piece].target = Target::Piece(target);
        }
    }
}
