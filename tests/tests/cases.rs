//! Runs every case file. That every implemented instruction has the cases it needs is in `coverage.rs`.
//! Source: `cases/README.md`.

use softsie_tests::check;
use softsie_tests::coverage::all_cases;

#[test]
fn every_case_holds() {
    let cases = all_cases().unwrap();
    let wrong: Vec<_> = cases.iter().filter_map(|c| check(c).err()).collect();
    println!("{} cases", cases.len());
    assert!(wrong.is_empty(), "{} of {} cases fail:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
