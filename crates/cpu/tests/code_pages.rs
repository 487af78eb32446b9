//! How many pages of decoded code a CPU keeps, and that forgetting them changes nothing. Source: crates/cpu/src/code.rs.

mod machine;

use std::sync::Arc;

use machine::{cpu_of, storage_of};
use softsie_cpu::{CODE_PAGES, Cluster};

#[test]
fn code_of_many_pages_takes_the_memory_of_some() {
    let pages = 2 * CODE_PAGES as u64 + 100;
    let mut cpu = cpu_of(storage_of((pages << 12).next_multiple_of(1 << 20)), Arc::new(Cluster::new()), &[]);
    let mut before = 0;
    for page in 0..pages {
        let text = [0x18, page as u8 & 0xF0];
        cpu.write_absolute(page << 12, &text).unwrap();
        let record = cpu.code_at(page << 12).unwrap();
        // SAFETY: a record of the current page.
        let operands = unsafe { (*record).operands };
        assert_eq!(operands.r1(), text[1] >> 4, "page {page}");
        assert!(
            cpu.code_stamp().0 > before,
            "a state of a page has a number of its own, also after the cache was emptied"
        );
        before = cpu.code_stamp().0;
        *cpu.heat(page << 12) = 7;
    }
    let (kept, _) = cpu.code.size();
    assert_eq!(kept, 100, "all were forgotten twice");
    assert_eq!(*cpu.heat((pages - 1) << 12), 7);
    // What was forgotten is decoded anew, from what is there now.
    cpu.write_absolute(0, &[0x18, 0x90]).unwrap();
    let record = cpu.code_at(0).unwrap();
    // SAFETY: as above.
    assert_eq!((unsafe { (*record).operands.r1() }, *cpu.heat(0)), (9, 0));
}
