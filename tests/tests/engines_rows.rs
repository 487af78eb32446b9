//! Every implemented row of the instruction table by both engines, with and without exceptions: see `softsie_tests::Rows`.
//! Source: the promise that both engines run one semantics (docs/engine-pattern.md). `SOFTSIE_ROWS_CASES` is the number of
//! operand sets for each row, `SOFTSIE_ROWS_ONLY` a mnemonic.

#![allow(clippy::unwrap_used)] // helpers of tests

use softsie_exec::semantics::is_implemented;
use softsie_isa::{Op, ROWS};
use softsie_tests::Rows;
use softsie_tests::differential::Random;

#[test]
fn every_row_ends_alike_in_both_engines_with_and_without_exceptions() {
    let cases: u64 = std::env::var("SOFTSIE_ROWS_CASES").map_or(2, |v| v.parse().unwrap());
    let only = std::env::var("SOFTSIE_ROWS_ONLY").ok();
    let ops = ROWS.iter().map(|r| r.op).filter(|op| is_implemented(*op));
    let ops: Vec<Op> = ops.filter(|op| only.as_ref().is_none_or(|only| only == op.mnemonic())).collect();
    let mut rows = Rows::new().unwrap();
    for op in &ops {
        for case in 0..cases {
            rows.compare(*op, Random::new(u64::from(*op as u16) << 32 | case), case % 2 != 0).unwrap();
        }
    }
    println!(
        "{} rows, {} comparisons, {} exceptions injected, {} endless",
        ops.len(),
        rows.runs,
        rows.faults,
        rows.endless
    );
    assert_eq!(rows.refused(), 0, "regions that the compiler refused");
    let wrong = &rows.wrong;
    assert!(wrong.is_empty(), "{} comparisons fail:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    let never: Vec<_> = ops.iter().filter(|op| !rows.begun(**op)).map(|op| op.mnemonic()).collect();
    assert!(never.is_empty(), "never begun: {never:?}");
    assert!(only.is_some() || rows.faults > 1000, "hardly any exception: {}", rows.faults);
}
