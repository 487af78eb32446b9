//! Code that changes, or the way to it, while it is hot: by the client between two runs, by other mappings, and where an
//! instruction lies in two pages. By the interpreter and by regions of both styles; `shared_code.rs` has stores by CPUs.
//! What must hold comes from the Principles of Operation, chapter 3 (Dynamic Address Translation, use of the TLB) and
//! chapter 5 (Serialization), as each test says.

use softsie_tests::{By, DAT_ON, Multi, rounds, with_tables};

/// A machine whose programs see the page table, which is above what is mapped as it is, from WINDOW on: there they find the
/// entry of VIRTUAL.
fn with_window(cpus: usize, source: &str) -> Multi {
    let mut machine = with_tables(cpus, &format!(".equ WINDOW,0xd0600\n{source}"));
    machine.write_u64(0x11_0000 + 0xD0 * 8, 0x11_0000);
    machine
}

/// Runs the program by each engine, some rounds each.
fn by_each(what: &str, make: &dyn Fn() -> Multi, check: &mut dyn FnMut(&mut Multi)) {
    for by in By::ALL {
        let mut machine = make();
        machine.execute_by(by);
        for _ in 0..rounds(2) {
            machine.restart();
            machine.run_well(&format!("{what}, {by:?}"));
            check(&mut machine);
        }
    }
}

#[test]
fn code_that_the_client_changes_between_two_runs_is_new_in_the_next() {
    // A loop with an instruction in its own page and a subroutine in another; a KVM client may write to both while no CPU runs.
    let source = "cpu0: lghi %r5,0\n llilf %r11,40\n\
                  1: brasl %r14,subroutine\n near: aghi %r5,1\n brctg %r11,1b\n larl %r1,result\n stg %r5,0(%r1)\n\
                  diag %r0,%r0,0\n .align 8\nresult: .quad 0\n\
                  .align 4096\nsubroutine: agfi %r5,1\n br %r14\n";
    for by in By::ALL {
        let mut machine = Multi::new(1, source);
        machine.execute_by(by);
        let [near, far, result] = ["near", "subroutine", "result"].map(|name| machine.symbol(name));
        for (own, other) in [(1u16, 1u16), (1, 2), (3, 2), (3, 2), (100, 1000), (1, 1)] {
            machine.write(near + 2, &own.to_be_bytes());
            machine.write(far + 4, &other.to_be_bytes());
            machine.restart();
            machine.run_well("changed by the client");
            assert_eq!(machine.read_u64(result), 40 * u64::from(own + other), "{by:?} {own} {other}");
        }
        // Another instruction: AGFI becomes SLGFI.
        machine.write(far, &[0xC2, 0x54]);
        machine.restart();
        machine.run_well("changed by the client");
        assert_eq!(machine.read_u64(result), 0, "{by:?}");
    }
}

#[test]
fn a_page_mapped_anew_under_the_same_address_is_executed_at_once() {
    // IPTE clears the entry from all TLBs; what the entry designates then is to be seen in both directions.
    let source = format!(
        "cpu0: llilf %r8,FRAME\n larl %r1,one\n mvc 0(6,%r8),0(%r1)\n llilf %r8,OTHER\n larl %r1,two\n mvc 0(6,%r8),0(%r1)\n\
         {DAT_ON}\n llilf %r9,VIRTUAL\n llilf %r11,100\n llilf %r5,PAGES\n llilf %r6,WINDOW\n llilf %r7,FRAME\n lghi %r12,1\n\
         1: ipte %r5,%r9\n stg %r7,0(%r6)\n lghi %r10,8\n\
         2: basr %r14,%r9\n cgr %r4,%r12\n jne bad\n brctg %r10,2b\n\
         xilf %r7,0x1000\n xilf %r12,3\n brctg %r11,1b\n stnsm 0xe08,0xfb\n diag %r0,%r0,0\n\
         bad: diag %r0,%r0,0xbad\none: lghi %r4,1\n br %r14\ntwo: lghi %r4,2\n br %r14\n"
    );
    by_each("mapped anew", &|| with_window(1, &source), &mut |_| ());
}

#[test]
fn an_address_in_two_address_spaces_is_code_of_each() {
    // LOAD CONTROL changes the primary space and purges nothing: both pages stay known, under the same address.
    let source = format!(
        "cpu0: llilf %r8,FRAME\n larl %r1,one\n mvc 0(6,%r8),0(%r1)\n llilf %r8,OTHER\n larl %r1,two\n mvc 0(6,%r8),0(%r1)\n\
         llilf %r8,FRAME\n llilf %r6,ENTRY\n stg %r8,0(%r6)\n\
         {DAT_ON}\n llilf %r9,VIRTUAL\n llilf %r11,200\n llilf %r7,SEGMENTS\n lghi %r12,1\n\
         1: stg %r7,0xe00\n lctlg %c1,%c1,0xe00\n lghi %r10,3\n\
         2: basr %r14,%r9\n cgr %r4,%r12\n jne bad\n brctg %r10,2b\n\
         xilf %r7,0x40000\n xilf %r12,3\n brctg %r11,1b\n stnsm 0xe08,0xfb\n diag %r0,%r0,0\n\
         bad: diag %r0,%r0,0xbad\none: lghi %r4,1\n br %r14\ntwo: lghi %r4,2\n br %r14\n"
    );
    // The second space differs in one page.
    let make = || {
        let mut machine = with_tables(1, &source);
        for n in 0..2048 {
            machine.write_u64(0x14_0000 + n * 8, if n == 0 { 0x15_0000 } else { 0x20 });
        }
        for n in 0..256 {
            machine.write_u64(0x15_0000 + n * 8, if n == 0xC0 { 0x6_1000 } else { n << 12 });
        }
        machine
    };
    by_each("two address spaces", &make, &mut |_| ());
}

#[test]
fn code_that_maps_its_own_page_anew_goes_on_in_the_new_one() {
    // CSPG replaces the entry of the page that it is in, and clears the TLBs before the next instruction is fetched.
    let source = format!(
        "cpu0: llilf %r8,FRAME\n larl %r7,body\n mvc 0(14,%r8),0(%r7)\n mvhhi 8(%r8),1\n\
         llilf %r8,OTHER\n mvc 0(14,%r8),0(%r7)\n mvhhi 8(%r8),2\n\
         llilf %r1,FRAME\n llilf %r6,ENTRY\n stg %r1,0(%r6)\n\
         {DAT_ON}\n llilf %r9,VIRTUAL\n llilf %r11,200\n llilf %r6,WINDOW+1\n llilf %r2,FRAME\n llilf %r3,OTHER\n lghi %r12,2\n\
         1: basr %r14,%r9\n jnz bad\n cgr %r4,%r12\n jne bad\n\
         xilf %r2,0x1000\n xilf %r3,0x1000\n xilf %r12,3\n brctg %r11,1b\n stnsm 0xe08,0xfb\n diag %r0,%r0,0\n\
         bad: diag %r0,%r0,0xbad\nbody: cspg %r2,%r6\n nop\n lghi %r4,0\n br %r14\n"
    );
    // LGHI is at 8 in the body: its immediate at 10.
    let source = source.replace("mvhhi 8(", "mvhhi 10(");
    by_each("maps itself anew", &|| with_window(1, &source), &mut |_| ());
}

#[test]
fn a_page_under_two_addresses_computes_with_its_own_address() {
    // Relative addresses, links and where a branch came from are those of the address it was called at.
    let source = format!(
        "cpu0: llilf %r8,FRAME\n larl %r1,body\n mvc 0(64,%r8),0(%r1)\n llilf %r6,ENTRY\n stg %r8,0(%r6)\n stg %r8,8(%r6)\n\
         {DAT_ON}\n llilf %r9,VIRTUAL\n llilf %r11,200\n\
         1: lghi %r10,5\n lghi %r5,0\n basr %r14,%r9\n cgr %r4,%r9\n jne bad\n lghi %r1,10\n agr %r1,%r9\n cgr %r3,%r1\n jne bad\n\
         cghi %r5,15\n jne bad\n xilf %r9,0x1000\n brctg %r11,1b\n stnsm 0xe08,0xfb\n diag %r0,%r0,0\n\
         bad: diag %r0,%r0,0xbad\n\
         body: larl %r4,body\n bras %r3,2f\n2: agr %r5,%r10\n brctg %r10,2b\n br %r14\n .space 64\n"
    );
    by_each("two addresses", &|| with_window(1, &source), &mut |_| ());
}

#[test]
fn an_interruption_in_a_page_under_two_addresses_names_the_one_that_was_used() {
    // The old PSW and the breaking-event address of an exception in the loop's second round.
    let source = format!(
        "cpu0: llihl %r1,1\n oilf %r1,0x80000000\n stg %r1,0x1d0\n larl %r1,handler\n stg %r1,0x1d8\n\
         llilf %r8,FRAME\n larl %r1,body\n mvc 0(64,%r8),0(%r1)\n llilf %r6,ENTRY\n stg %r8,0(%r6)\n stg %r8,8(%r6)\n\
         lghi %r1,0x400\n stg %r1,16(%r6)\n\
         {DAT_ON}\n llilf %r9,VIRTUAL\n llilf %r11,60\n\
         1: llilf %r7,VIRTUAL+0x1ff8\n lghi %r10,5\n br %r9\n\
         handler: lg %r1,0x158\n lghi %r2,4\n agr %r2,%r9\n cgr %r1,%r2\n jne bad\n\
         lg %r1,0x110\n lghi %r2,8\n agr %r2,%r9\n cgr %r1,%r2\n jne bad\n\
         cghi %r10,4\n jne bad\n xilf %r9,0x1000\n stosm 0xe08,0x04\n brctg %r11,1b\n\
         stnsm 0xe08,0xfb\n diag %r0,%r0,0\nbad: diag %r0,%r0,0xbad\n\
         body: la %r7,4(%r7)\n l %r2,0(%r7)\n brctg %r10,body\n br %r14\n .space 64\n"
    );
    by_each("exception under two addresses", &|| with_window(1, &source), &mut |_| ());
}

#[test]
fn a_loop_ends_when_another_cpu_makes_its_page_invalid() {
    // When IPTE has completed, no CPU uses the entry any more: the loop's counter stands still until the entry is valid again.
    let source = format!(
        "cpu0: larl %r10,counter\n larl %r12,go\n llilf %r5,PAGES\n llilf %r9,VIRTUAL\n llilf %r6,ENTRY\n llilf %r11,30\n\
         1: lg %r2,0(%r10)\n lghi %r3,0\n\
         2: diag %r0,%r0,0x44\n cg %r2,0(%r10)\n je 2b\n\
         ipte %r5,%r9\n lg %r2,0(%r10)\n lghi %r3,300\n\
         3: cg %r2,0(%r10)\n jne bad\n brctg %r3,3b\n diag %r0,%r0,0x44\n cg %r2,0(%r10)\n jne bad\n\
         llilf %r1,FRAME\n stg %r1,0(%r6)\n bcr 15,0\n mvghi 0(%r12),1\n brctg %r11,1b\n\
         mvghi 8(%r12),1\n diag %r0,%r0,0\n\
         .align 4096\n\
         cpu1: llihl %r1,1\n oilf %r1,0x80000000\n stg %r1,0x1d0\n larl %r1,handler\n stg %r1,0x1d8\n\
         llilf %r8,FRAME\n larl %r1,body\n mvc 0(32,%r8),0(%r1)\n llilf %r6,ENTRY\n stg %r8,0(%r6)\n\
         larl %r10,counter\n larl %r12,go\n mvghi 0(%r10),0\n mvghi 0(%r12),0\n mvghi 8(%r12),0\n lghi %r2,0\n\
         {DAT_ON}\n llilf %r9,VIRTUAL\n basr %r14,%r9\n stnsm 0xe08,0xfb\n diag %r0,%r0,0\n\
         handler: clc 0x8e(2),page\n jne bad\n\
         1: lg %r1,0(%r12)\n ltgr %r1,%r1\n jnz 2f\n diag %r0,%r0,0x44\n j 1b\n2: mvghi 0(%r12),0\n bcr 15,0\n lpswe 0x150\n\
         bad: diag %r0,%r0,0xbad\npage: .short 0x11\n\
         body: aghi %r2,1\n stg %r2,0(%r10)\n lg %r3,8(%r12)\n cghi %r3,0\n je body\n br %r14\n .space 32\n\
         .align 4096\ncounter: .quad 0\n .align 256\ngo: .quad 0\n .quad 0\n"
    );
    // The constant has to be addressed by a register.
    let source = source.replace("clc 0x8e(2),page", "larl %r1,page\n clc 0x8e(2),0(%r1)");
    by_each("page made invalid", &|| with_window(2, &source), &mut |_| ());
}

/// A loop of `%r10` rounds from label `again` with an instruction across the boundary of the pages `first` and `second` that
/// loads %r4 with a number; the sum goes to %r5. `filling` is an instruction of four bytes before it. How far behind the
/// boundary the number's last halfword is comes with it.
fn crossing(kind: usize, filling: &str) -> (String, u64) {
    let (space, cross, offset) = [
        // Only its immediate is in the second page.
        (4094 - 12, "cross: lghi %r4,0", 0),
        (4094 - 12, "cross: lgfi %r4,0", 2),
        // So is half of it.
        (4092 - 12, "cross: lgfi %r4,0", 0),
    ][kind];
    let text = format!(
        ".align 4096\nfirst: .space {space}\nagain: la %r3,1(%r3)\n {filling}\n lgr %r2,%r3\n {cross}\n\
         agr %r5,%r4\n brctg %r10,again\n br %r14\n .align 4096\n"
    );
    (text, offset)
}

const KINDS: std::ops::Range<usize> = 0..3;

#[test]
fn an_instruction_in_two_pages_whose_second_part_the_loop_changes() {
    // Each round stores the number that it loads next: a CPU executes what it has stored.
    for kind in KINDS {
        let (code, offset) = crossing(kind, "sth %r10,0(%r8)");
        let source = format!(
            "cpu0: larl %r8,first+4096+{offset}\n lghi %r5,0\n llilf %r10,300\n brasl %r14,again\n\
             llilf %r1,300*301/2\n cgr %r5,%r1\n jne bad\n diag %r0,%r0,0\nbad: diag %r0,%r0,0xbad\n{code}"
        );
        by_each("second part stored by the loop", &|| Multi::new(1, &source), &mut |_| ());
    }
}

#[test]
fn an_instruction_in_two_pages_of_which_the_client_changes_one() {
    for kind in KINDS {
        let (code, offset) = crossing(kind, "nop");
        let source = format!(
            "cpu0: lghi %r5,0\n llilf %r10,50\n brasl %r14,again\n larl %r1,result\n stg %r5,0(%r1)\n diag %r0,%r0,0\n\
             .align 8\nresult: .quad 0\n{code}"
        );
        for by in By::ALL {
            let mut machine = Multi::new(1, &source);
            machine.execute_by(by);
            let [first, cross, result] = ["first", "cross", "result"].map(|name| machine.symbol(name));
            for number in [1u16, 2, 2, 1000] {
                machine.write(first + 4096 + offset, &number.to_be_bytes());
                machine.restart();
                machine.run_well("second part changed by the client");
                assert_eq!(machine.read_u64(result), 50 * u64::from(number), "{kind} {by:?}");
            }
            // The first part: the register becomes %r3, and nothing is added but what %r4 had before.
            let register = if kind == 0 { [0xA7, 0x39] } else { [0xC0, 0x31] };
            machine.write(cross, &register);
            machine.cpus[0].gr[4] = 7;
            machine.restart();
            machine.run_well("first part changed by the client");
            assert_eq!(machine.read_u64(result), 350, "{kind} {by:?}");
        }
    }
}

#[test]
fn an_instruction_in_two_pages_of_which_another_cpu_changes_the_second() {
    // As for any code of another CPU: new after serialization.
    for kind in KINDS {
        let (code, offset) = crossing(kind, "nop");
        let source = format!(
            "cpu0: larl %r8,first+4096+{offset}\n larl %r9,flag\n lghi %r7,0\n llilf %r11,40\n\
             1: aghi %r7,1\n sth %r7,0(%r8)\n stg %r7,0(%r9)\n\
             2: diag %r0,%r0,0x44\n cg %r7,256(%r9)\n jne 2b\n brctg %r11,1b\n diag %r0,%r0,0\n\
             .align 4096\ncpu1: larl %r9,flag\n mvghi 256(%r9),0\n lghi %r6,0\n llilf %r11,40\n\
             1: diag %r0,%r0,0x44\n lg %r7,0(%r9)\n cgr %r7,%r6\n je 1b\n bcr 15,0\n lghi %r5,0\n lghi %r10,5\n\
             brasl %r14,again\n lgr %r1,%r7\n mghi %r1,5\n cgr %r5,%r1\n jne bad\n lgr %r6,%r7\n stg %r7,256(%r9)\n\
             brctg %r11,1b\n diag %r0,%r0,0\nbad: diag %r0,%r0,0xbad\n{code}\
             .align 4096\nflag: .quad 0\n .space 256\n"
        );
        by_each("second part stored by another CPU", &|| Multi::new(2, &source), &mut |machine| {
            machine.clear(machine.symbol("flag"), 8);
        });
    }
}

/// Two pages at VIRTUAL are those of the loop, of which the second may be replaced by `third`, which differs in the number.
fn two_mapped(kind: usize, program: &str) -> String {
    let (code, offset) = crossing(kind, "nop");
    let entry = VIRTUAL + crossing_start(kind);
    format!(
        "cpu0: llihl %r1,1\n oilf %r1,0x80000000\n stg %r1,0x1d0\n larl %r1,handler\n stg %r1,0x1d8\n\
         larl %r2,third\n larl %r1,first+4096\n mvc 0(64,%r2),0(%r1)\n mvhhi {offset}(%r1),1\n mvhhi {offset}(%r2),2\n\
         llilf %r6,ENTRY\n stg %r1,8(%r6)\n larl %r1,first\n stg %r1,0(%r6)\n\
         {DAT_ON}\n llilf %r9,{entry}\n llilf %r5,PAGES\n llilf %r6,WINDOW\n\
         {program}\n{code}third: .space 4096\n"
    )
}

const VIRTUAL: u64 = 0xC_0000;

/// Offset of the loop's start in its page.
fn crossing_start(kind: usize) -> u64 {
    if kind == 2 { 4092 - 12 } else { 4094 - 12 }
}

#[test]
fn an_instruction_in_two_pages_of_which_the_second_is_mapped_anew() {
    for kind in KINDS {
        let source = two_mapped(
            kind,
            "llilf %r11,60\n lghi %r12,30\n llilf %r13,VIRTUAL+4096\n larl %r7,first+4096\n larl %r8,third\n xgr %r8,%r7\n\
             1: lghi %r5,0\n lghi %r10,30\n basr %r14,%r9\n cgr %r5,%r12\n jne bad\n\
             xgr %r7,%r8\n xilf %r12,30\n xilf %r12,60\n\
             llilf %r5,PAGES\n ipte %r5,%r13\n stg %r7,8(%r6)\n brctg %r11,1b\n stnsm 0xe08,0xfb\n\
             diag %r0,%r0,0\nhandler: diag %r0,%r0,0xbad\nbad: diag %r0,%r0,0xbad",
        );
        by_each("second page mapped anew", &|| with_window(1, &source), &mut |_| ());
    }
}

#[test]
fn an_instruction_in_two_pages_of_which_one_becomes_absent() {
    // The exception names the page that is absent; it nullifies, so the old PSW has the instruction's address.
    for kind in KINDS {
        for (page, entry) in [(0u64, 0), (0x1000, 8)] {
            let start = crossing_start(kind);
            let cross = VIRTUAL + start + 12;
            // The first page is found absent where the loop is called, the second by the instruction.
            let found = if page == 0 { VIRTUAL + start } else { cross };
            let source = two_mapped(
                kind,
                &format!(
                    "llilf %r11,40\n llilf %r13,VIRTUAL+{page}\n lg %r7,{entry}(%r6)\n lghi %r12,0\n\
                     1: lghi %r5,0\n lghi %r10,20\n basr %r14,%r9\n cghi %r5,20\n jne bad\n\
                     cghi %r12,0\n jne bad\n llilf %r5,PAGES\n ipte %r5,%r13\n lghi %r12,1\n brctg %r11,1b\n\
                     stnsm 0xe08,0xfb\n diag %r0,%r0,0\n\
                     handler: larl %r1,wanted\n clc 0x8e(2),0(%r1)\n jne bad\n clc 0x158(8),8(%r1)\n jne bad\n\
                     lg %r2,0xa8\n nill %r2,0xf000\n cgr %r2,%r13\n jne bad\n\
                     cghi %r12,1\n jne bad\n lghi %r12,0\n llilf %r1,ENTRY\n stg %r7,{entry}(%r1)\n lpswe 0x150\n\
                     bad: diag %r0,%r0,0xbad\n .align 8\nwanted: .short 0x11\n .short 0\n .long 0\n .quad {found}"
                ),
            );
            by_each(&format!("page {page:x} absent, kind {kind}"), &|| with_window(1, &source), &mut |_| ());
        }
    }
}
