//! Regions as text, for people: guest code, Cranelift IR and host code. One that is asked for is kept when it is compiled.
//! Source: none; Cranelift's source locations say which of its own and of the host's instructions an instruction became.

use std::ops::Range;

use cranelift_codegen::ir::SourceLoc;
use parking_lot::Mutex;
use softsie_isa::disassemble_bytes;

use crate::compiler::{Compiler, Error};
use crate::region::{Plan, Source, Style};

/// A region as text.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Where it is entered, as the address was when it was asked for.
    pub entry: u64,
    /// How it was translated.
    pub style: Style,
    /// Its instructions: address and text, in the order of addresses.
    pub instructions: Vec<(u64, String)>,
    /// Cranelift IR before optimisation; `@` is followed by the instruction's offset in its page, in hexadecimal.
    pub ir: String,
    /// Host code.
    pub code: Vec<u8>,
    /// Host code as Cranelift names its instructions, before it shortens branches.
    pub assembly: String,
    /// Which of the host code belongs to the instruction at an offset in the page, in the order of host code.
    pub places: Vec<(Range<usize>, u64)>,
}

impl Listing {
    pub(crate) fn new(compiler: &mut Compiler, source: &Source, plan: &mut Plan) -> Result<Listing, Error> {
        plan.annotated = true;
        let ir = compiler.ir(plan)?;
        let annotated = compiler.annotated(plan)?;
        let instructions = plan.items.iter().map(|i| {
            let (start, end) = (i.offset as usize, i.next() as usize);
            let address = source.seen_at + start as u64;
            // The rest of one that goes on in the next page is not here.
            let text = source.page.get(start..end).and_then(|bytes| disassemble_bytes(bytes, address));
            (address, text.map_or_else(|| i.record.operands.op().mnemonic().to_owned(), |text| text.text().to_string()))
        });
        Ok(Listing {
            entry: source.seen_at + u64::from(source.offset),
            style: plan.style,
            instructions: instructions.collect(),
            ir,
            code: annotated.code,
            assembly: annotated.assembly,
            places: annotated.places,
        })
    }
}

/// The source location that stands for `offset` in the page.
pub(crate) fn location(offset: i64) -> SourceLoc {
    SourceLoc::new(offset as u32)
}

/// What has been asked for, and what has been kept.
struct Wanted {
    address: u64,
    kept: Vec<Listing>,
}

static WANTED: Mutex<Option<Wanted>> = Mutex::new(None);

/// Not more are kept: the latest translations tell what there is to know.
const KEPT: usize = 4;

/// Has regions kept that are made from now on and have an instruction at `address`, logical or real.
pub fn dump_regions_at(address: u64) {
    *WANTED.lock() = Some(Wanted { address, kept: Vec::new() });
}

/// The latest regions that were kept.
pub fn take_dumps() -> Vec<Listing> {
    WANTED.lock().as_mut().map(|wanted| std::mem::take(&mut wanted.kept)).unwrap_or_default()
}

/// Keeps the region if it was asked for.
pub(crate) fn note(compiler: &mut Compiler, source: &Source, plan: &mut Plan) {
    let address = match &*WANTED.lock() {
        Some(wanted) => wanted.address,
        None => return,
    };
    if !plan.items.iter().any(|i| source.seen_at.wrapping_add(i.offset as u64) == address) {
        return;
    }
    // What can be compiled once can be compiled again.
    let Ok(listing) = Listing::new(compiler, source, plan) else { return };
    if let Some(wanted) = WANTED.lock().as_mut() {
        if wanted.kept.len() >= KEPT {
            wanted.kept.remove(0);
        }
        wanted.kept.push(listing);
    }
}
