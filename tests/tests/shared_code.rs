//! Programs that change code, their own and that of other CPUs, and translations that other CPUs use.
//! What must hold comes from the Principles of Operation: chapter 5 (Conceptual Sequence, Serialization), chapter 10 (IPTE,
//! IDTE, CSPG, SSKE: complete when no CPU uses what was taken away).

use softsie_tests::{Multi, rounds};

/// Segment table at 0x10_0000, whose first entry designates the page table at 0x11_0000: the first MiB as it is, but for
/// what a test puts into the page table at `PAGE * 8`. CR1 goes to 0xe00 in each CPU's lowcore.
const TABLES: &str = "
        .equ SEGMENTS,0x100000
        .equ PAGES,0x110000
        .equ ENTRY,PAGES+0xc0*8
        .equ VIRTUAL,0xc0000
        .equ FRAME,0x60000
        .equ OTHER,0x61000
";

fn with_tables(cpus: usize, source: &str) -> Multi {
    let mut machine = Multi::new(cpus, &format!("{TABLES}{source}"));
    machine.write_u64(0x10_0000, 0x11_0000);
    for n in 1..2048 {
        machine.write_u64(0x10_0000 + n * 8, 0x20);
    }
    for n in 0..256 {
        machine.write_u64(0x11_0000 + n * 8, n << 12);
    }
    machine
}

/// Turns DAT on and goes on at the next instruction.
const DAT_ON: &str = "
        llilf   %r1,SEGMENTS
        stg     %r1,0xe00
        lctlg   %c1,%c1,0xe00
        stosm   0xe08,0x04
";

#[test]
fn a_cpu_executes_what_it_has_just_stored() {
    // The halfword stored is the immediate of the next instruction, one in the same page, one that crosses pages.
    let times = 3000 * rounds(1);
    for (place, target) in [
        ("next", ""),
        ("same page", "j 2f\n .space 512\n2:"),
        ("crossing, stored part behind the boundary", "j 2f\n .align 4096\n .space 4094\n2:"),
        ("next page", "j 2f\n .align 4096\n2:"),
    ] {
        let source = format!(
            "cpu0: llilf %r11,{times}\n larl %r8,target\n\
             1: lghi %r7,0x7fff\n ngr %r7,%r11\n sth %r7,2(%r8)\n {target}\n\
             target: lghi %r4,0\n cgr %r4,%r7\n jne bad\n brctg %r11,back\n diag %r0,%r0,0\n\
             back: jg 1b\n bad: diag %r0,%r0,0xbad"
        );
        Multi::new(1, &source).run_well(place);
    }
}

#[test]
fn code_stored_by_way_of_another_virtual_address_is_executed_after_serialization() {
    // 0x60000 holds a subroutine; it is called at virtual 0xc0000, and changed at 0x60000.
    let source = format!(
        "cpu0: llilf %r8,ENTRY\n llilf %r1,FRAME\n stg %r1,0(%r8)\n\
         llilf %r8,FRAME\n larl %r1,subroutine\n mvc 0(6,%r8),0(%r1)\n\
         {DAT_ON}\n llilf %r9,VIRTUAL\n llilf %r11,{}\n\
         1: lghi %r7,0x7fff\n ngr %r7,%r11\n sth %r7,2(%r8)\n bcr 15,0\n basr %r14,%r9\n\
         cgr %r4,%r7\n jne bad\n brctg %r11,1b\n diag %r0,%r0,0\n\
         bad: diag %r0,%r0,0xbad\nsubroutine: lghi %r4,0\n br %r14\n",
        3000 * rounds(1)
    );
    with_tables(1, &source).run_well("by another address");
}

#[test]
fn code_of_another_cpu_is_new_after_serialization() {
    // CPU 0 stores the new immediate, then its value into `flag`; CPU 1 sees the flag, serializes, and must execute the new
    // instruction, which follows without a branch.
    let times = 100 * rounds(1);
    for serialize in ["bcr 15,0", "bcr 14,0", "cs %r5,%r5,0(%r12)", "csg %r5,%r5,0(%r12)", "cdsg %r0,%r0,0(%r12)"] {
        let source = format!(
            "cpu0: larl %r8,target\n larl %r9,flag\n larl %r10,answer\n lghi %r7,0\n llilf %r11,{times}\n\
             1: aghi %r7,1\n nill %r7,0x7fff\n sth %r7,2(%r8)\n stg %r7,0(%r9)\n\
             2: diag %r0,%r0,0x44\n lg %r2,0(%r10)\n cgr %r2,%r7\n jne 2b\n brctg %r11,1b\n diag %r0,%r0,0\n\
             .align 4096\n\
             cpu1: larl %r9,flag\n larl %r10,answer\n larl %r12,private\n lghi %r6,0\n llilf %r11,{times}\n\
             1: lghi %r5,0\n\
             2: lg %r7,0(%r9)\n cgr %r7,%r6\n je 2b\n {serialize}\n\
             target: lghi %r4,0\n cgr %r4,%r7\n jne bad\n lgr %r6,%r7\n stg %r7,0(%r10)\n brctg %r11,1b\n\
             diag %r0,%r0,0\nbad: diag %r0,%r0,0xbad\n\
             .align 4096\nflag: .quad 0\n .space 248\nanswer: .quad 0\n .space 248\nprivate: .quad 0,0\n"
        );
        Multi::new(2, &source).run_well(serialize);
    }
}

#[test]
fn code_of_other_cpus_gets_new_in_the_end_without_serialization() {
    // CPU 0 counts up the immediate that the others execute all the time: they never see it fall, and see the last value.
    let last = 3000 * rounds(1).min(10);
    for cpus in [2, 4] {
        let mut source = format!(
            "cpu0: larl %r8,target\n lghi %r7,0\n\
             1: aghi %r7,1\n sth %r7,2(%r8)\n cghi %r7,{last}\n jl 1b\n diag %r0,%r0,0\n\
             .align 4096\ntarget: lghi %r4,0\n br %r14\nbad: diag %r0,%r0,0xbad\n"
        );
        for n in 1..cpus {
            source += &format!(
                "cpu{n}: lghi %r6,0\n llilf %r11,200000000\n\
                 1: brasl %r14,target\n cgr %r4,%r6\n jl bad\n lgr %r6,%r4\n cghi %r4,{last}\n je 2f\n brctg %r11,1b\n j bad\n\
                 2: diag %r0,%r0,0\n"
            );
        }
        for _ in 0..3 {
            Multi::new(cpus, &source).run_well("changing code");
        }
    }
}

#[test]
fn a_page_of_code_and_data_of_all_cpus() {
    // Each CPU executes in one page and counts in that very page.
    let times = 1500 * rounds(1);
    for cpus in [2, 4] {
        let mut source = ".align 4096\nshared: .quad 0\n .space 248\n".to_string();
        for n in 0..cpus {
            source += &format!(
                ".align 8\nown{n}: .quad 0\n\
                 cpu{n}: larl %r8,shared\n larl %r9,own{n}\n llilf %r11,{times}\n lghi %r2,1\n\
                 1: laag %r3,%r2,0(%r8)\n lg %r4,0(%r9)\n aghi %r4,1\n stg %r4,0(%r9)\n brctg %r11,1b\n diag %r0,%r0,0\n"
            );
        }
        let mut machine = Multi::new(cpus, &source);
        machine.run_well("code and data in one page");
        assert_eq!(machine.read_u64(machine.symbol("shared")), cpus as u64 * times);
        for n in 0..cpus {
            assert_eq!(machine.read_u64(machine.symbol(&format!("own{n}"))), times);
        }
    }
}

/// CPU 0 takes a translation away in each of the ways given, looks whether the frame still changes, gives it back, and
/// waits until the frame changes. The other CPUs use it all the time; their program interruptions return.
fn revoked(cpus: usize, revoke: &str, grant: &str, user: &str, what: &str) {
    let times = 10 * rounds(1);
    let mut source = format!(
        "cpu0: llilf %r5,PAGES\n llilf %r6,VIRTUAL\n llilf %r7,ENTRY\n llilf %r8,FRAME\n llilf %r9,SEGMENTS\n\
         llilf %r11,{times}\n\
         1: {revoke}\n lg %r2,0(%r8)\n lghi %r4,300\n2: lg %r3,0(%r8)\n cgr %r2,%r3\n jne bad\n brctg %r4,2b\n\
         {grant}\n llilf %r4,10000000\n3: diag %r0,%r0,0x44\n lg %r3,0(%r8)\n cgr %r2,%r3\n jne 4f\n brctg %r4,3b\n j bad\n4: brctg %r11,1b\n\
         larl %r1,stop\n mvghi 0(%r1),1\n diag %r0,%r0,0\n\
         bad: larl %r1,stop\n mvghi 0(%r1),1\n diag %r0,%r0,0xbad\n\
         .align 8\nstop: .quad 0\n"
    );
    for n in 1..cpus {
        source += &format!(
            ".align 8\nnew{n}: .quad 0x0000000180000000,handler{n}\n\
             handler{n}: stg %r1,0xe10\n larl %r1,stop\n lg %r1,0(%r1)\n ltgr %r1,%r1\n jnz 1f\n diag %r0,%r0,0x44\n lg %r1,0xe10\n lpswe 0x150\n\
             1: diag %r0,%r0,0\n\
             cpu{n}: larl %r1,new{n}\n mvc 0x1d0(16),0(%r1)\n llilf %r8,VIRTUAL\n larl %r9,stop\n lghi %r2,0\n\
             {DAT_ON}\n {user}\n diag %r0,%r0,0\n"
        );
    }
    let mut machine = with_tables(cpus, &source);
    machine.write_u64(0x11_0000 + 0xC0 * 8, 0x6_0000);
    // What is at the frame for those who execute there: count, and go back to the caller.
    machine.write(0x6_0800, &softsie_isa::assemble("agsi 0(%r8),1\n br %r14", 0xC_0800).unwrap_or_default());
    machine.run_well(what);
    let uses = machine.read_u64(0x6_0000);
    assert!(uses > 0, "{what}: nobody used the translation");
}

const STORES: &str = "1: agsi 0(%r8),1\n lg %r3,0(%r9)\n ltgr %r3,%r3\n jz 1b";
const STRAIGHT_STORES: &str = "1: aghi %r2,1\n stg %r2,0(%r8)\n stg %r2,0(%r8)\n mvghi 0(%r8),5\n mvc 0(8,%r8),8(%r9)\n stg %r2,0(%r8)\n\
     lg %r3,0(%r9)\n ltgr %r3,%r3\n jz 1b";
const EXECUTES: &str = "la %r10,0x800(%r8)\n1: basr %r14,%r10\n lg %r3,0(%r9)\n ltgr %r3,%r3\n jz 1b";

#[test]
fn translations_taken_away_are_used_by_nobody() {
    let valid = "stg %r8,0(%r7)";
    for (revoke, grant) in [
        ("ipte %r5,%r6", valid),
        ("lghi %r0,0\n ipte %r5,%r6,%r0", valid),
        ("lgr %r2,%r8\n oill %r2,0x400\n stg %r2,0(%r7)\n lghi %r2,0x800\n idte %r9,%r0,%r2", valid),
        ("lgr %r2,%r8\n oill %r2,0x400\n stg %r2,0(%r7)\n lghi %r2,0x800\n idte %r9,%r9,%r2", valid),
        ("lg %r2,0(%r7)\n lgr %r3,%r8\n oill %r3,0x400\n lgr %r1,%r7\n aghi %r1,1\n cspg %r2,%r1\n jnz bad", valid),
        ("idte %r9,%r0,%r6", "lgr %r1,%r5\n stg %r1,0(%r9)"),
    ] {
        for user in [STORES, STRAIGHT_STORES, EXECUTES] {
            for cpus in [2, 3] {
                // The segment-table form makes everything of the others untranslatable: their handlers run with DAT off.
                revoked(cpus, revoke, grant, user, &format!("{revoke} / {user} / {cpus} CPUs"));
            }
        }
    }
}

#[test]
fn storage_keys_taken_away_are_used_by_nobody() {
    // The others run with key 1.
    let revoke = "lghi %r2,0x28\n sske %r2,%r8";
    let grant = "lghi %r1,0x10\n sske %r1,%r8";
    // Not for those who execute there: a suppressed instruction fetch does not come back to the instruction.
    for user in [STORES, STRAIGHT_STORES] {
        // Their own pages have key 0 and no fetch protection; `stop` is only fetched.
        revoked(2, revoke, grant, &format!("spka 0x10\n {user}"), &format!("sske / {user}"));
    }
}

#[test]
fn cpus_that_purge_at_once_do_not_wait_for_each_other() {
    let times = 300 * rounds(1);
    for cpus in [2, 4] {
        let mut source = String::new();
        for n in 0..cpus {
            source += &format!(
                ".align 4096\ncpu{n}: llilf %r5,PAGES\n llilf %r6,VIRTUAL+{n}*4096\n llilf %r7,ENTRY+{n}*8\n\
                 llilf %r8,FRAME+{n}*4096\n llilf %r11,{times}\n larl %r9,code{n}\n\
                 1: stg %r8,0(%r7)\n ipte %r5,%r6\n lghi %r2,0x800\n llilf %r1,SEGMENTS\n idte %r1,%r0,%r2\n\
                 lgr %r2,%r11\n sllg %r2,%r2,1\n lghi %r3,0xf0\n ngr %r2,%r3\n sske %r2,%r8\n rrbe %r0,%r8\n ptlb\n\
                 sth %r11,2(%r9)\ncode{n}: lghi %r4,0\n brctg %r11,1b\n diag %r0,%r0,0\n"
            );
        }
        with_tables(cpus, &source).run_well("purges");
    }
}
