//! One row of the instruction table by both engines, alone and in loops and regions, with exceptions at each page that it
//! refers to: the first two bytes choose the row, the rest are the generator's first decisions. See `softsie_tests::Rows`.
#![no_main]
use std::cell::RefCell;

use softsie_tests::Rows;
use softsie_tests::differential::Random;

thread_local! {
    static ROWS: RefCell<Option<Rows>> = RefCell::new(Rows::new().ok());
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [high, low, rest @ ..] = bytes else { return };
    let row = usize::from(u16::from_be_bytes([*high & 0x7F, *low]));
    let ops: Vec<_> = softsie_isa::ROWS.iter().map(|r| r.op).collect();
    let Some(op) = ops.get(row % ops.len()).filter(|op| softsie_exec::semantics::is_implemented(**op)) else { return };
    ROWS.with_borrow_mut(|rows| {
        let Some(rows) = rows else { return };
        rows.compare(*op, Random::given(rest), high & 0x80 != 0).expect("a sample can be set up");
        assert!(rows.wrong.is_empty(), "{}", rows.wrong.join("\n"));
    });
});
