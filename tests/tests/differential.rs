//! The differential machinery without QEMU: what the generator makes is valid, and softsie agrees with itself.
//! Source: `docs/differential.md`.

use softsie_cpu::FacilityList;
use softsie_isa::{decode, instruction_length};
use softsie_tests::differential::{Against, Engine, Generator, Machine, Outcome, Random, engines_agree};

const RECORDS: usize = 400;

fn generator(seed: u64) -> Generator {
    Generator::new(seed, &Generator::candidates(Against::Qemu))
}

fn facilities() -> FacilityList {
    let bits = softsie_isa::ROWS.iter().flat_map(|r| r.facilities).copied();
    FacilityList::of(&bits.collect::<Vec<_>>())
}

#[test]
fn every_generated_instruction_decodes_and_lies_in_its_slot() {
    let batch = generator(1).batch(RECORDS);
    assert_eq!(batch.records.len(), RECORDS);
    let mut longest = 0;
    for (index, record) in batch.records.iter().enumerate() {
        let code = record.code(index);
        assert!(record.in_data || record.offset + code.len() as u64 <= 768, "record {index}");
        let mut at = 0;
        let mut count = 0;
        while at < code.len() {
            let mut text = [0; 8];
            let length = usize::from(instruction_length(code[at]));
            text[..length].copy_from_slice(&code[at..at + length]);
            assert!(
                decode(u64::from_be_bytes(text)).is_some(),
                "record {index} at {at}: {:02x?}",
                &code[at..at + length]
            );
            at += length;
            count += 1;
        }
        longest = longest.max(count);
    }
    assert!(longest > 20, "no long sequence: {longest}");
}

#[test]
fn the_same_seed_gives_the_same_records() {
    assert_eq!(generator(7).batch(50).records, generator(7).batch(50).records);
    assert_ne!(generator(7).batch(50).records, generator(8).batch(50).records);
}

#[test]
fn two_runs_of_softsie_are_equal() {
    let batch = generator(2).batch(RECORDS);
    let run = || {
        let mut machine = Machine::new(facilities(), Engine::Interpreter).unwrap();
        machine.run(&batch).unwrap();
        (0..RECORDS).map(|n| Outcome::of(machine.storage(), n).0.to_vec()).collect::<Vec<_>>()
    };
    let first = run();
    // The last two are for records that the interpreter leaves to the host.
    let mut ends = [0; 5];
    for outcome in &first {
        ends[Outcome(outcome).kind() as usize] += 1;
    }
    // Most come to an end one way or the other; both ways occur.
    assert!(ends[0] < RECORDS / 50 && ends[1] > RECORDS / 4 && ends[2] > RECORDS / 20, "{ends:?}");
    for (n, (a, b)) in first.iter().zip(run()).enumerate() {
        assert!(*a == b, "record {n}: {:?}", batch.records[n].pieces);
    }
}

#[test]
fn sequences_of_every_instruction_end_alike_in_both_engines() {
    engines_agree(Random::new(3), 600).unwrap();
    // As a fuzzer has it.
    engines_agree(Random::given(&[0xA5; 100]), 4).unwrap();
}
