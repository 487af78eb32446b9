//! Random functions compiled by two back ends of Cranelift end alike on the host and in softsie.
//! Source: `docs/differential.md`; `cargo xtask clif` runs many more.

use softsie_clif::{Campaign, Which};

#[test]
fn random_functions_end_alike_on_the_host_and_in_softsie() {
    let engines = [Which::Interpreter, Which::Emitted];
    let mut campaign = Campaign::new(&engines).unwrap();
    for seed in 0..400 {
        campaign.compare(seed, &engines).unwrap();
    }
    let totals = &campaign.totals;
    assert!(totals.differences.is_empty(), "{}", totals.differences.join("\n"));
    let refused: u64 = totals.refused.values().sum();
    assert!(totals.functions > 4 * refused, "too many are refused: {:?}", totals.refused);
    assert!(totals.instructions.len() > 100, "too few instructions: {:?}", totals.instructions.keys());
}
