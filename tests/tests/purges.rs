//! Translations, protection and frames that are changed while other CPUs use them.
//! What must hold comes from the Principles of Operation, chapter 10 (IPTE, IDTE, CSP, CSPG, CRDTE, SSKE, PFMF, MVPG: complete
//! when no CPU uses what was taken away; local clearing: this CPU does not), and chapter 3 (Storage Key, reference and change
//! recording).

use softsie_tests::{DAT_ON, ENTRY, FRAME, Multi, cpu_counts, rounds, with_tables};

const SEGMENTS: u64 = 0x10_0000;
const OTHER: u64 = 0x6_1000;

fn run(machine: &mut Multi, what: &str) {
    machine.restart();
    machine.run_well(what);
}

/// CPU 0, a round after the other, takes a translation away in each of the ways given, looks whether the frame still changes, gives it back, and
/// waits until the frame changes. The other CPUs use it all the time; their program interruptions return.
fn revoked(cpus: usize, revoke: &str, grant: &str, user: &str, what: &str) {
    let times = rounds(3);
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
    let (stop, segment) = (machine.symbol("stop"), machine.read_u64(SEGMENTS));
    machine.write_u64(SEGMENTS, segment);
    machine.write_u64(ENTRY, FRAME);
    machine.write_u64(stop, 0);
    machine.write_u64(FRAME, 0);
    // What is at the frame for those who execute there: count, and go back to the caller.
    machine.write(FRAME + 0x800, &softsie_isa::assemble("agsi 0(%r8),1\n br %r14", 0xC_0800).unwrap_or_default());
    run(&mut machine, what);
    assert!(machine.read_u64(FRAME) > 0, "{what}: nobody used the translation");
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
        ("lgr %r1,%r6\n lghi %r3,0\n ipte %r5,%r1,%r3", valid),
        // Two pages: the one before and the one used.
        ("lgr %r1,%r6\n aghi %r1,-4096\n lghi %r3,1\n ipte %r5,%r1,%r3", valid),
        ("lgr %r2,%r8\n oill %r2,0x400\n stg %r2,0(%r7)\n lghi %r2,0x800\n idte %r9,%r0,%r2", valid),
        ("lgr %r2,%r8\n oill %r2,0x400\n stg %r2,0(%r7)\n lghi %r2,0x800\n idte %r9,%r9,%r2", valid),
        // Through the whole word or doubleword of the entry.
        ("l %r2,4(%r7)\n lgr %r3,%r8\n oill %r3,0x400\n lgr %r1,%r7\n aghi %r1,5\n csp %r2,%r1\n jnz bad", valid),
        ("lg %r2,0(%r7)\n lgr %r3,%r8\n oill %r3,0x400\n lgr %r1,%r7\n aghi %r1,1\n cspg %r2,%r1\n jnz bad", valid),
        (
            "lg %r0,0(%r7)\n lgr %r1,%r8\n oill %r1,0x400\n lgr %r2,%r5\n lgr %r3,%r6\n crdte %r0,%r0,%r2\n jnz bad",
            valid,
        ),
        // The segment-table form makes everything of the others untranslatable: their handlers run with DAT off.
        ("idte %r9,%r0,%r6", "lgr %r1,%r5\n stg %r1,0(%r9)"),
        ("idte %r9,%r9,%r6", "lgr %r1,%r5\n stg %r1,0(%r9)"),
    ] {
        for user in [STORES, STRAIGHT_STORES, EXECUTES] {
            for cpus in cpu_counts() {
                revoked(cpus, revoke, grant, user, &format!("{revoke} / {user} / {cpus} CPUs"));
            }
        }
    }
}

#[test]
fn pages_moved_to_another_frame_are_found_there() {
    // CPU 0 exchanges the frame under a page: nobody stores into the old one afterwards.
    let revoke = "lg %r2,0(%r7)\n llilf %r3,OTHER\n lgr %r1,%r7\n aghi %r1,1\n cspg %r2,%r1\n jnz bad";
    let grant = "lg %r2,0(%r7)\n lgr %r3,%r8\n lgr %r1,%r7\n aghi %r1,1\n cspg %r2,%r1\n jnz bad";
    for user in [STORES, STRAIGHT_STORES] {
        for cpus in cpu_counts() {
            revoked(cpus, revoke, grant, user, &format!("another frame / {user} / {cpus} CPUs"));
        }
    }
}

#[test]
fn storage_keys_taken_away_are_used_by_nobody() {
    // The others run with key 1. Not for those who execute there: a suppressed instruction fetch does not come back to the
    // instruction. Their own pages have key 0 and no fetch protection; `stop` is only fetched.
    for (revoke, grant) in [
        ("lghi %r2,0x28\n sske %r2,%r8", "lghi %r1,0x10\n sske %r1,%r8"),
        // Conditional on nothing that counts: the key itself differs. By frame management, too.
        ("lghi %r2,0x28\n sske %r2,%r8,4", "lghi %r1,0x10\n sske %r1,%r8,2"),
        ("llilf %r2,0x20028\n pfmf %r2,%r8", "llilf %r1,0x20010\n pfmf %r1,%r8"),
    ] {
        for user in [STORES, STRAIGHT_STORES] {
            for cpus in cpu_counts() {
                let user = format!("spka 0x10\n {user}");
                revoked(cpus, revoke, grant, &user, &format!("{revoke} / {user} / {cpus} CPUs"));
            }
        }
    }
}

#[test]
fn a_cpu_that_clears_locally_does_not_use_what_it_took_away() {
    // Each CPU takes a page of its own away by the local form, gets the page-translation exception, and gives it back, while
    // the others do the same in the same tables.
    for revoke in [
        "lgr %r1,%r6\n lghi %r3,0\n ipte %r5,%r1,%r3,1",
        "ipte %r5,%r6",
        "oill %r2,0x400\n sturg %r2,%r7\n lghi %r2,0x800\n idte %r9,%r9,%r2,1",
        "oill %r2,0x400\n sturg %r2,%r7\n ptlb",
        "lgr %r0,%r2\n lgr %r1,%r2\n oill %r1,0x400\n lgr %r2,%r5\n lgr %r3,%r6\n crdte %r0,%r0,%r2,1\n jnz bad",
    ] {
        for cpus in cpu_counts() {
            let mut source = String::new();
            for n in 0..cpus {
                source += &format!(
                    ".align 4096\nnew{n}: .quad 0x0000000180000000,handler{n}\n\
                     cpu{n}: larl %r1,new{n}\n mvc 0x1d0(16),0(%r1)\n llilf %r5,PAGES\n llilf %r6,VIRTUAL+{n}*4096\n\
                     llilf %r7,ENTRY+{n}*8\n llilf %r8,FRAME+{n}*4096\n llilf %r9,SEGMENTS\n stg %r8,0(%r7)\n\
                     {DAT_ON}\n llilf %r11,50\n\
                     1: stg %r11,0(%r6)\n lg %r4,0(%r8)\n cgr %r4,%r11\n jne bad\n lgr %r2,%r8\n {revoke}\n\
                     fault{n}: stg %r11,8(%r6)\n j bad\n\
                     handler{n}: larl %r1,fault{n}\n cg %r1,0x158\n jne bad\n llgh %r1,0x8e\n cghi %r1,0x11\n jne bad\n\
                     stg %r8,0(%r7)\n stosm 0xe08,0x04\n brctg %r11,1b\n stnsm 0xe08,0xfb\n diag %r0,%r0,0\n"
                );
            }
            source += "bad: diag %r0,%r0,0xbad\n";
            let mut machine = with_tables(cpus, &source);
            for _ in 0..rounds(5) {
                run(&mut machine, revoke);
            }
        }
    }
}

#[test]
fn a_change_is_recorded_whenever_a_key_is_set() {
    // The others count in a frame of theirs all the time, and serialize; CPU 0 sets the key to zero, waits until one has
    // counted twice, and then a change must be recorded.
    for reset in
        ["lghi %r2,0\n sske %r2,%r8\n sske %r2,%r8", "llilf %r2,0x20000\n pfmf %r2,%r8", "lghi %r2,0\n sske %r2,%r8"]
    {
        for cpus in cpu_counts() {
            let mut source = format!(
                "cpu0: llilf %r11,5\n larl %r10,stop\n mvghi 0(%r10),0\n llilf %r8,FRAME\n lghi %r7,0\n llilf %r9,{cpus}\n\
                 1: llilf %r8,FRAME\n lgr %r6,%r9\n\
                 2: aghi %r6,-1\n jz 5f\n {reset}\n lg %r3,0(%r8)\n aghi %r3,2\n\
                 3: lg %r4,0(%r8)\n cgr %r4,%r3\n jnl 4f\n diag %r0,%r0,0x44\n j 3b\n\
                 4: lghi %r1,0\n iske %r1,%r8\n tmll %r1,2\n jz bad\n aghi %r8,4096\n j 2b\n\
                 5: brctg %r11,1b\n mvghi 0(%r10),1\n diag %r0,%r0,0\n\
                 bad: larl %r10,stop\n mvghi 0(%r10),1\n diag %r0,%r0,0xbad\n .align 4096\nstop: .quad 0\n"
            );
            for n in 1..cpus {
                source += &format!(
                    ".align 4096\ncpu{n}: larl %r10,stop\n llilf %r8,FRAME+({n}-1)*4096\n\
                     1: lghi %r4,100\n\
                     2: agsi 0(%r8),1\n bcr 15,0\n lg %r1,0(%r10)\n ltgr %r1,%r1\n jnz 3f\n brctg %r4,2b\n\
                     diag %r0,%r0,0x44\n j 1b\n3: diag %r0,%r0,0\n"
                );
            }
            let mut machine = with_tables(cpus, &source);
            let stop = machine.symbol("stop");
            for _ in 0..rounds(3) {
                machine.write_u64(stop, 0);
                run(&mut machine, reset);
            }
        }
    }
}

#[test]
fn frames_cleared_or_moved_show_old_or_new_bytes_only() {
    // CPU 0 clears a page, and moves a page of one kind of bytes over it; the others never see another byte, and zeros only
    // as long as the page is not full. They also store into a place of their own, which stays only when it came later.
    for (fill, clear) in [
        ("lghi %r0,0\n mvpg %r8,%r7", "llilh %r2,1\n pfmf %r2,%r8"),
        ("lgr %r2,%r8\n lghi %r3,4096\n lgr %r4,%r7\n lghi %r5,4096\n mvcl %r2,%r4", "llilh %r2,1\n pfmf %r2,%r8"),
        ("lghi %r0,0\n mvpg %r8,%r7", "lgr %r2,%r8\n lghi %r3,4096\n lghi %r5,0\n mvcl %r2,%r4"),
    ] {
        for cpus in cpu_counts() {
            let mut source = format!(
                "cpu0: llilf %r11,{}\n larl %r10,stop\n llilf %r8,FRAME\n llilf %r7,OTHER\n larl %r9,full\n\
                 1: mvghi 0(%r9),0\n bcr 15,0\n {clear}\n clc 0(256,%r8),256(%r8)\n jne bad\n cli 0(%r8),0\n jne bad\n\
                 {fill}\n bcr 15,0\n mvghi 0(%r9),1\n diag %r0,%r0,0x44\n brctg %r11,1b\n mvghi 0(%r10),1\n diag %r0,%r0,0\n\
                 bad: larl %r10,stop\n mvghi 0(%r10),1\n diag %r0,%r0,0xbad\n\
                 .align 4096\nstop: .quad 0\n .space 248\nfull: .quad 0\n",
                rounds(12)
            );
            for n in 1..cpus {
                source += &format!(
                    ".align 4096\ncpu{n}: larl %r10,stop\n larl %r9,full\n llilf %r8,FRAME\n lghi %r7,0\n\
                     1: lg %r5,0(%r9)\n bcr 15,0\n llgc %r2,0(%r7,%r8)\n lg %r4,0(%r9)\n\
                     ltgr %r2,%r2\n jz 2f\n cghi %r2,0x5a\n jne bad\n j 3f\n\
                     2: ngr %r4,%r5\n jnz 4f\n\
                     3: aghi %r7,61\n nill %r7,0xfff\n lg %r1,0(%r10)\n ltgr %r1,%r1\n jz 1b\n diag %r0,%r0,0\n\
                     4: j 3b\n"
                );
            }
            let mut machine = with_tables(cpus, &source);
            let stop = machine.symbol("stop");
            machine.write_u64(stop, 0);
            machine.write(OTHER, &[0x5A; 4096]);
            run(&mut machine, fill);
        }
    }
}

#[test]
fn cpus_that_purge_at_once_do_not_wait_for_each_other() {
    for cpus in cpu_counts() {
        let mut source = String::new();
        for n in 0..cpus {
            source += &format!(
                ".align 4096\ncpu{n}: llilf %r5,PAGES\n llilf %r6,VIRTUAL+{n}*4096\n llilf %r7,ENTRY+{n}*8\n\
                 llilf %r8,FRAME+{n}*4096\n llilf %r11,{}\n larl %r9,code{n}\n\
                 1: stg %r8,0(%r7)\n ipte %r5,%r6\n lghi %r2,0x800\n llilf %r1,SEGMENTS\n idte %r1,%r0,%r2\n\
                 lgr %r2,%r11\n sllg %r2,%r2,1\n lghi %r3,0xf0\n ngr %r2,%r3\n sske %r2,%r8\n rrbe %r0,%r8\n ptlb\n\
                 lg %r2,0(%r7)\n lgr %r3,%r8\n lgr %r1,%r7\n aghi %r1,1\n cspg %r2,%r1\n llilf %r1,0x30000\n pfmf %r1,%r8\n\
                 sth %r11,2(%r9)\ncode{n}: lghi %r4,0\n cgr %r4,%r11\n jne bad\n brctg %r11,1b\n diag %r0,%r0,0\n",
                rounds(100)
            );
        }
        source += "bad: diag %r0,%r0,0xbad\n";
        let mut machine = with_tables(cpus, &source);
        run(&mut machine, "purges");
    }
}
