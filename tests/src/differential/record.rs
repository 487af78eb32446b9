//! One differential test ("record"): the state it starts with and its instructions; and what the driver stored after it.
//! Source: the layout in `layout.rs`.

use super::layout::{self, record, result};

/// An instruction, or a template, of a sequence. Text that depends on where it lies is made when the sequence is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Instruction text, left aligned.
    pub text: u64,
    /// What its halfword-relative operand designates.
    pub target: Target,
}

/// What a halfword-relative operand designates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The instruction has none, or it stays as it is.
    None,
    /// A piece of the sequence by its number; the number of pieces stands for the end.
    Piece(usize),
    /// A piece of the EXECUTE targets.
    Execute(usize),
    /// An address.
    Address(u64),
}

impl Piece {
    /// An instruction without a relative operand.
    pub fn plain(text: u64) -> Piece {
        Piece { text, target: Target::None }
    }

    /// Its length in bytes.
    pub fn length(self) -> usize {
        usize::from(softsie_isa::instruction_length((self.text >> 56) as u8))
    }
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The sequence; a supervisor call follows it.
    pub pieces: Vec<Piece>,
    /// Targets of EXECUTE, after the supervisor call.
    pub execute: Vec<Piece>,
    /// Where in its slot the code starts, an even number.
    pub offset: u64,
    /// Whether the code lies in the data area instead, `offset` from its start: no other record has the same background.
    pub in_data: bool,
    /// General registers.
    pub gr: [u64; 16],
    /// Control registers.
    pub cr: [u64; 16],
    /// Access registers.
    pub ar: [u32; 16],
    /// Vector registers.
    pub vr: [u128; 32],
    /// FPC.
    pub fpc: u32,
    /// PSW mask; the address is where the code lies.
    pub psw: u64,
    /// Which background fills the data area.
    pub background: usize,
}

/// The number of the supervisor call that ends a record.
pub const END: u8 = 0xFF;

impl Record {
    /// Address of its first instruction when it is record `index`.
    pub fn start(&self, index: usize) -> u64 {
        if self.in_data {
            return layout::DATA + self.offset;
        }
        layout::CODE + index as u64 * layout::CODE_SLOT + self.offset
    }

    /// Addresses of the pieces, of the end, and of the EXECUTE targets, relative to the start; and the length of it all.
    pub fn places(&self) -> (Vec<u64>, Vec<u64>, u64) {
        let mut at = 0;
        let mut place = |length: usize| {
            let here = at;
            at += length as u64;
            here
        };
        let mut pieces: Vec<u64> = self.pieces.iter().map(|p| place(p.length())).collect();
        pieces.push(place(2));
        let execute = self.execute.iter().map(|p| place(p.length())).collect();
        (pieces, execute, at)
    }

    /// Its code when it is record `index`.
    pub fn code(&self, index: usize) -> Vec<u8> {
        let (places, execute, length) = self.places();
        let start = self.start(index);
        let mut out = Vec::with_capacity(length as usize);
        let emit = |out: &mut Vec<u8>, p: &Piece, here: u64| {
            let address = match p.target {
                Target::None => None,
                Target::Piece(n) => Some(start + places[n.min(places.len() - 1)]),
                Target::Execute(n) => execute.get(n).map(|e| start + e),
                Target::Address(a) => Some(a),
            };
            let text = address.map_or(p.text, |a| with_target(p.text, start + here, a));
            out.extend_from_slice(&text.to_be_bytes()[..p.length()]);
        };
        for (p, here) in self.pieces.iter().zip(&places) {
            emit(&mut out, p, *here);
        }
        out.extend_from_slice(&[0x0A, END]);
        for (p, here) in self.execute.iter().zip(&execute) {
            emit(&mut out, p, *here);
        }
        out
    }

    /// Writes it to `storage` as record `index`.
    pub fn write(&self, storage: &mut [u8], index: usize) {
        let start = self.start(index) as usize;
        let code = self.code(index);
        if self.in_data {
            // What does not fit would be on the absent page.
            let from = self.offset as usize;
            let to = layout::DATA_SIZE.min(from + code.len());
            let background = layout::BACKGROUNDS as usize + self.background * layout::DATA_SIZE;
            storage[background + from..background + to].copy_from_slice(&code[..to - from]);
        } else {
            storage[start..start + code.len()].copy_from_slice(&code);
        }
        let base = layout::RECORDS as usize + index * layout::RECORD_SIZE as usize;
        let mut put = |at: usize, bytes: &[u8]| storage[base + at..base + at + bytes.len()].copy_from_slice(bytes);
        for n in 0..16 {
            put(record::GR + n * 8, &self.gr[n].to_be_bytes());
            put(record::CR + n * 8, &self.cr[n].to_be_bytes());
            put(record::AR + n * 4, &self.ar[n].to_be_bytes());
        }
        for n in 0..32 {
            put(record::VR + n * 16, &self.vr[n].to_be_bytes());
        }
        put(record::PSW, &self.psw.to_be_bytes());
        put(record::PSW + 8, &(start as u64).to_be_bytes());
        put(record::FPC, &self.fpc.to_be_bytes());
        let background = layout::BACKGROUNDS + (self.background * layout::DATA_SIZE) as u64;
        put(record::BACKGROUND, &background.to_be_bytes());
    }
}

/// `text`, lying at `here`, with its halfword-relative operand designating `address`.
fn with_target(text: u64, here: u64, address: u64) -> u64 {
    use softsie_isa::{FieldName, Operand};
    let Some(op) = softsie_isa::decode(text) else { return text };
    let row = op.row();
    let halfwords = (address.wrapping_sub(here) as i64 >> 1) as u64;
    let relative = row.operands.iter().rev().find_map(|o| match o {
        Operand::Relative(f) => Some(*f),
        _ => None,
    });
    relative.map_or(text, |field: FieldName| row.format.layout().set(text, field, halfwords))
}

/// What the driver stored after a record.
#[derive(Clone, Copy)]
pub struct Outcome<'a>(pub &'a [u8]);

impl<'a> Outcome<'a> {
    /// The outcome of record `index` in `storage`.
    pub fn of(storage: &'a [u8], index: usize) -> Outcome<'a> {
        let base = layout::RESULTS as usize + index * layout::RESULT_SIZE as usize;
        Outcome(&storage[base..base + layout::RESULT_SIZE as usize])
    }

    /// A doubleword.
    pub fn doubleword(self, at: usize) -> u64 {
        self.0[at..at + 8].iter().fold(0, |v, b| v << 8 | u64::from(*b))
    }

    fn part(self, at: usize, length: usize) -> u64 {
        self.0[at..at + length].iter().fold(0, |v, b| v << 8 | u64::from(*b))
    }

    /// How it ended: 0 not at all, 1 supervisor call, 2 program interruption.
    pub fn kind(self) -> u64 {
        self.doubleword(result::KIND)
    }

    /// Program-interruption code; 0 when there was none.
    pub fn program(self) -> u16 {
        if self.kind() == 2 { self.part(result::LOWCORE + 0xE, 2) as u16 } else { 0 }
    }

    /// Instruction length that the interruption shows.
    pub fn ilc(self) -> u64 {
        let at = if self.kind() == 2 { 0xC } else { 8 };
        self.part(result::LOWCORE + at, 2)
    }

    /// Data-exception or vector-exception code.
    pub fn dxc(self) -> u32 {
        self.part(result::LOWCORE + 0x10, 4) as u32
    }

    /// Translation-exception identification.
    pub fn teid(self) -> u64 {
        self.doubleword(result::LOWCORE + 0x28)
    }

    /// Mask of the old PSW.
    pub fn psw_mask(self) -> u64 {
        self.doubleword(result::PSW)
    }

    /// Address of the old PSW.
    pub fn psw_address(self) -> u64 {
        self.doubleword(result::PSW + 8)
    }

    /// Condition code.
    pub fn cc(self) -> u8 {
        (self.psw_mask() >> 44) as u8 & 3
    }

    /// A general register.
    pub fn gr(self, n: usize) -> u64 {
        self.doubleword(result::GR + 8 * n)
    }

    /// A vector register.
    pub fn vr(self, n: usize) -> u128 {
        let at = result::VR + 16 * n;
        u128::from(self.doubleword(at)) << 64 | u128::from(self.doubleword(at + 8))
    }

    /// An access register.
    pub fn ar(self, n: usize) -> u32 {
        self.part(result::AR + 4 * n, 4) as u32
    }

    /// FPC.
    pub fn fpc(self) -> u32 {
        self.part(result::FPC, 4) as u32
    }

    /// The data area.
    pub fn data(self) -> &'a [u8] {
        &self.0[result::DATA..result::DATA + layout::DATA_SIZE]
    }
}
