//! What CPU models announce is there, and what they do not announce does not execute.
//! Source: the tables of facilities, functions and models of `softsie-isa`.

#![allow(clippy::unwrap_used)] // a test's helpers may, too

use softsie_exec::semantics::is_implemented;
use softsie_isa::{CpuModel, MODELS, ROWS, functions};
use softsie_vmm::model_report;

fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(CpuModel::name).chain(["max", "z14,gs=off", "z15,vx=off", "z16,msa=off"])
}

#[test]
fn nothing_is_announced_whose_instructions_are_missing() {
    for name in names() {
        let report = model_report(name).unwrap();
        for row in ROWS.iter().filter(|row| !row.facilities.is_empty()) {
            if row.facilities.iter().all(|bit| report.facilities.contains(bit)) {
                assert!(is_implemented(row.op), "{name} announces what {} needs", row.mnemonic);
                assert!(report.cpu.has_instruction(row.op), "{name}: {}", row.mnemonic);
            }
        }
    }
}

#[test]
fn nothing_that_is_not_announced_executes() {
    for name in names() {
        let report = model_report(name).unwrap();
        for row in ROWS.iter().filter(|row| is_implemented(row.op)) {
            let announced = row.facilities.iter().all(|bit| report.facilities.contains(bit));
            let documented = row.facilities.iter().any(|bit| report.cpu.unannounced.has(*bit));
            assert!(
                announced || documented || !report.cpu.has_instruction(row.op),
                "{name} executes {} without announcing it",
                row.mnemonic
            );
        }
    }
}

#[test]
fn a_named_model_has_nothing_that_is_newer() {
    for model in MODELS {
        let report = model_report(model.name()).unwrap();
        assert_eq!(report.cpu.cpu_id >> 16 & 0xFFFF, u64::from(model.kind), "{}", model.name());
        for bit in &report.facilities {
            assert!(model.has_facility(softsie_isa::facility(*bit).unwrap()), "{}: {bit}", model.name());
        }
        for (op, code) in &report.functions {
            let function = functions(*op).find(|f| f.code == *code).unwrap();
            assert!(model.has_function(function), "{}: {}", model.name(), function.feature);
        }
    }
}

#[test]
fn newer_models_have_all_of_older_ones() {
    let reports: Vec<_> = MODELS.iter().map(|model| (model, model_report(model.name()).unwrap())).collect();
    for pair in reports.windows(2) {
        let [(_, old), (new, newer)] = pair else { continue };
        assert!(old.facilities.iter().all(|bit| newer.facilities.contains(bit)), "{}", new.name());
        assert!(old.functions.iter().all(|function| newer.functions.contains(function)), "{}", new.name());
    }
}
