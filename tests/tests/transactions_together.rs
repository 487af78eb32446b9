//! Transactions of several CPUs at once, with plain and interlocked accesses of others beside them: what a transaction does
//! is seen at once or not at all, and it sees nothing that was not there at one moment.
//! Source: Principles of Operation, chapter 5, Transactional-Execution Facility.

use softsie_tests::{Multi, cpu_counts, rounds};

const DATA: u64 = 0x31_0000;
const RESULTS: u64 = 0x30_0000;
const TIMES: u64 = 400;

/// A machine of which CPU `n` executes `text(n)`, once all are there. %r13 designates data, %r12 the CPU's results, %r11 is
/// how often to do it.
fn machine(cpus: usize, text: impl Fn(usize) -> String) -> Multi {
    let mut source = format!(
        ".equ DATA,{DATA}\n .equ RESULTS,{RESULTS}\n .align 256\n barrier: .quad 0\n .space 248\n\
         .align 8\n cr0: .quad 0x00800000000600e0\n"
    );
    for n in 0..cpus {
        source += &format!(
            ".align 4096\n cpu{n}: larl %r1,cr0\n lctlg %c0,%c0,0(%r1)\n larl %r1,barrier\n lghi %r2,1\n laag %r3,%r2,0(%r1)\n\
             1: lg %r3,0(%r1)\n cghi %r3,{cpus}\n jnl 2f\n diag %r0,%r0,0x44\n j 1b\n 2:\n\
             llilf %r13,DATA\n llilf %r12,RESULTS+{n}*0x1000\n lghi %r11,{TIMES}\n {}\n diag %r0,%r0,0\n",
            text(n)
        );
    }
    Multi::new(cpus, &source)
}

/// Runs it several times, with storage cleared before; `check` looks at the machine afterwards.
fn each_time(cpus: usize, text: impl Fn(usize) -> String, what: &str, check: impl Fn(&Multi)) {
    let mut machine = machine(cpus, text);
    for _ in 0..rounds(6) {
        machine.clear(DATA, 0x1_0000);
        machine.clear(RESULTS, 0x1_0000);
        let barrier = machine.symbol("barrier");
        machine.write_u64(barrier, 0);
        machine.restart();
        machine.run_well(&format!("{what}, {cpus} CPUs"));
        check(&machine);
    }
}

#[test]
fn constrained_transactions_count() {
    // Two counters in different lines and pages, both incremented by each transaction: none is lost, all come to an end.
    for cpus in cpu_counts() {
        let text = |_| {
            "5: tbeginc 0,0x8000\n agsi 0(%r13),1\n lg %r2,4088(%r13)\n aghi %r2,3\n stg %r2,4088(%r13)\n tend\n brctg %r11,5b\n".to_owned()
        };
        each_time(cpus, text, "counters", |m| {
            let all = cpus as u64 * TIMES;
            assert_eq!([m.read_u64(DATA), m.read_u64(DATA + 4088)], [all, 3 * all]);
        });
    }
}

#[test]
fn transactions_and_interlocked_updates_count_together() {
    // Half of the CPUs by transactions, tried again while they are aborted for a while, half by LAAG and CSG.
    for cpus in cpu_counts() {
        let text = |n| {
            match n % 4 {
            0 | 2 => "5: tbegin 0,0xff00\n brc 6,5b\n jnz 6f\n lg %r2,0(%r13)\n lghi %r3,20\n 3: brctg %r3,3b\n la %r2,1(%r2)\n stg %r2,0(%r13)\n tend\n brctg %r11,5b\n j 7f\n 6: diag %r0,%r0,1\n 7:\n",
            1 => "lghi %r5,1\n 5: laag %r2,%r5,0(%r13)\n brctg %r11,5b\n",
            _ => "lg %r2,0(%r13)\n 5: la %r3,1(%r2)\n csg %r2,%r3,0(%r13)\n jl 5b\n brctg %r11,5b\n",
        }.to_owned()
        };
        each_time(cpus, text, "one counter", |m| assert_eq!(m.read_u64(DATA), cpus as u64 * TIMES));
    }
}

#[test]
fn transfers_keep_the_sum() {
    // CPU 0 watches eight accounts in eight lines by transactions, the others move money between them: by constrained and
    // by nonconstrained ones that take their time.
    for cpus in cpu_counts() {
        let text = |n: usize| {
            if n == 0 {
                // A sum other than zero is noted; it would be a transaction that saw half of another.
                "5: lghi %r4,0\n lgr %r5,%r13\n lghi %r6,8\n tbegin 0,0x0e00\n brc 7,5b\n 6: ag %r4,0(%r5)\n la %r5,256(%r5)\n brctg %r6,6b\n\
                 tend\n agsi 8(%r12),1\n ltgr %r4,%r4\n jz 7f\n agsi 0(%r12),1\n 7: brctg %r11,5b\n"
                    .to_owned()
            } else {
                // Which accounts depends on the CPU and the round.
                let begin = if n % 2 == 1 { "tbeginc 0,0xff00\n" } else { "tbegin 0,0xff00\n brc 7,5b\n" };
                let dwell = if n % 2 == 1 { "" } else { "lghi %r1,20\n 3: brctg %r1,3b\n" };
                format!(
                    "lghi %r7,{n}\n 5: lgr %r2,%r11\n msgfi %r2,{n}+4\n nill %r2,7\n sllg %r2,%r2,8\n lgr %r3,%r11\n nill %r3,7\n sllg %r3,%r3,8\n\
                     {begin} lg %r4,0(%r2,%r13)\n {dwell} sgr %r4,%r7\n stg %r4,0(%r2,%r13)\n lg %r4,0(%r3,%r13)\n agr %r4,%r7\n stg %r4,0(%r3,%r13)\n\
                     tend\n brctg %r11,5b\n"
                )
            }
        };
        each_time(cpus, text, "accounts", |m| {
            assert_eq!(m.read_u64(RESULTS), 0, "a watcher saw half of a transaction");
            assert_eq!(m.read_u64(RESULTS + 8), TIMES);
            let sum = (0..8).fold(0u64, |sum, n| sum.wrapping_add(m.read_u64(DATA + n * 256)));
            assert_eq!(sum, 0);
        });
    }
}

#[test]
fn plain_accesses_see_all_of_a_transaction_or_nothing() {
    // CPU 0 stores a number into two lines by transactions. The others fetch the second first, then the first: what they find
    // in the first is not older. And each value of one line's two doublewords, fetched at once, is the same.
    for cpus in cpu_counts() {
        let text = |n| {
            if n == 0 {
                "lghi %r2,0\n 5: aghi %r2,1\n 6: tbegin 0,0xff00\n brc 7,6b\n stg %r2,0(%r13)\n stg %r2,1024(%r13)\n stg %r2,8(%r13)\n tend\n\
                 brctg %r11,5b\n lghi %r2,-1\n stg %r2,2048(%r13)\n"
            } else {
                "5: lg %r2,1024(%r13)\n lg %r3,0(%r13)\n clgr %r3,%r2\n jnl 6f\n agsi 0(%r12),1\n 6: lpq %r4,0(%r13)\n clgr %r4,%r5\n je 7f\n\
                 agsi 8(%r12),1\n 7: ltg %r1,2048(%r13)\n jz 5b\n"
            }
            .to_owned()
        };
        each_time(cpus, text, "one writer", |m| {
            for n in 1..cpus as u64 {
                assert_eq!([m.read_u64(RESULTS + n * 0x1000), m.read_u64(RESULTS + n * 0x1000 + 8)], [0, 0]);
            }
            assert_eq!(m.read_u64(DATA + 1024), TIMES);
        });
    }
}

#[test]
fn a_queue_loses_nothing() {
    // A linked list: even CPUs put elements of their own in front by constrained transactions, odd ones take them out and count
    // them, until as many as were put there have been taken by all together (a counter by LAAG).
    for cpus in cpu_counts() {
        let producers = cpus as u64 / 2;
        let text = |n: usize| {
            if n.is_multiple_of(2) {
                format!(
                    "llilf %r2,0x320000+{n}*0x10000\n 5: tbeginc 0,0xff00\n lg %r3,0(%r13)\n stg %r3,0(%r2)\n stg %r2,0(%r13)\n tend\n\
                     la %r2,16(%r2)\n brctg %r11,5b\n"
                )
            } else {
                format!(
                    "lghi %r5,1\n 5: tbeginc 0,0xff00\n lg %r2,0(%r13)\n ltgr %r2,%r2\n jz 6f\n lg %r3,0(%r2)\n stg %r3,0(%r13)\n 6: tend\n\
                     ltgr %r2,%r2\n jz 7f\n laag %r3,%r5,8(%r2)\n laag %r3,%r5,1024(%r13)\n\
                     7: lg %r3,1024(%r13)\n cghi %r3,{}\n jl 5b\n",
                    producers * TIMES
                )
            }
        };
        let mut machine = machine(cpus, text);
        for _ in 0..rounds(6) {
            machine.clear(DATA, 0x1_0000);
            machine.clear(0x32_0000, 0x4_0000);
            let barrier = machine.symbol("barrier");
            machine.write_u64(barrier, 0);
            machine.restart();
            machine.run_well("queue");
            assert_eq!([machine.read_u64(DATA), machine.read_u64(DATA + 1024)], [0, producers * TIMES]);
            for n in 0..producers * 2 {
                for i in (0..TIMES).filter(|_| n.is_multiple_of(2)) {
                    let taken = machine.read_u64(0x32_0000 + n * 0x1_0000 + i * 16 + 8);
                    assert_eq!(taken, 1, "element {i} of CPU {n} was taken so often");
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_is_not_seen() {
    // CPU 0 changes two lines together, always to equal values, by transactions; the others abort with code 257 when they find
    // them different, or divide by zero: neither must ever happen, nor may they hang in a loop that only such a state causes.
    for cpus in cpu_counts() {
        let text = |n| {
            if n == 0 {
                "5: tbeginc 0,0xff00\n agsi 0(%r13),1\n lg %r2,1024(%r13)\n aghi %r2,1\n stg %r2,1024(%r13)\n tend\n brctg %r11,5b\n\
                 mvghi 2048(%r13),1\n"
                    .to_owned()
            } else {
                let wrong = match n % 3 {
                    0 => "tabort 257",
                    1 => "lghi %r4,0\n lghi %r5,0\n lghi %r7,0\n dlgr %r4,%r7",
                    _ => "8: j 8b",
                };
                format!(
                    "llilf %r9,0x330000+{n}*0x1000\n 5: tbegin 0(%r9),0xff00\n jnz 7f\n lg %r2,0(%r13)\n lghi %r6,20\n 6: brctg %r6,6b\n\
                     cg %r2,1024(%r13)\n je 9f\n {wrong}\n 9: tend\n j 10f\n\
                     7: lg %r1,8(%r9)\n cghi %r1,9\n je 10f\n cghi %r1,10\n je 10f\n diag %r0,%r0,2\n\
                     10: ltg %r1,2048(%r13)\n jz 5b\n"
                )
                .replace("10:", "91:")
                .replace("10f", "91f")
            }
        };
        each_time(cpus, text, "equal values", |m| {
            assert_eq!([m.read_u64(DATA), m.read_u64(DATA + 1024)], [TIMES, TIMES]);
        });
    }
}
