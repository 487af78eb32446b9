//! Interlocked updates on several CPUs: none is lost, neighbours stay as they are, plain fetches see whole values, and locks
//! made of them exclude. Source: Principles of Operation, chapter 5, Storage-Operand Consistency (single-access references,
//! interlocked update, block concurrency), and the instructions' own descriptions.

use softsie_tests::{Multi, cpu_counts, rounds};

/// CR0 with the floating-point and vector registers enabled.
const AFP_AND_VECTORS: u64 = 0x6_00e0;

/// `body` runs `times` times on each of `cpus` CPUs in every round: %r8 is the shared place, %r10 a private place, %r11 the
/// number of rounds left. Label `bad` is for what must not be. `check` sees the machine after each round.
fn everybody(cpus: usize, times: u64, body: impl Fn(usize) -> String, check: impl Fn(&Multi)) {
    let mut source = format!(".align 256\nshared: .space 1024\nbarrier: .quad 0\n .space 248\n .equ TIMES,{times}\n");
    for n in 0..cpus {
        source += &format!(
            ".align 4096\nprivate{n}: .space 1024\n\
             .align 4096\n cpu{n}: larl %r1,barrier\n lghi %r2,1\n laag %r3,%r2,0(%r1)\n\
             1: lg %r3,0(%r1)\n cghi %r3,{cpus}\n jnl 2f\n diag %r0,%r0,0x44\n j 1b\n2:\n\
             larl %r8,shared\n larl %r10,private{n}\n llilf %r1,{AFP_AND_VECTORS}\n stg %r1,0(%r10)\n lctlg %c0,%c0,0(%r10)\n llilf %r11,TIMES\n\
             5: {}\n brctg %r11,5b\n diag %r0,%r0,0\n",
            body(n)
        );
    }
    source += "bad: diag %r0,%r0,0xbad\n";
    let mut machine = Multi::new(cpus, &source);
    for _ in 0..rounds(20) {
        machine.clear(machine.symbol("shared"), 1024 + 8);
        machine.restart();
        machine.run_well(&body(0));
        check(&machine);
    }
}

/// An update that adds one to the halfword at offset 6 of the shared place; carries go to the left.
struct Update {
    text: &'static str,
    /// Interlocked against plain accesses, too; PERFORM LOCKED OPERATION is so against its own kind only.
    against_plain: bool,
    /// The halfword at offset 14 counts as well.
    both_halves: bool,
}

const fn update(text: &'static str) -> Update {
    Update { text, against_plain: true, both_halves: false }
}

const fn quadword(text: &'static str) -> Update {
    Update { text, against_plain: true, both_halves: true }
}

const fn locked(text: &'static str) -> Update {
    Update { text, against_plain: false, both_halves: false }
}

const UPDATES: &[Update] = &[
    update("lghi %r2,1\n laa %r3,%r2,4(%r8)"),
    update("lghi %r2,1\n laag %r3,%r2,0(%r8)"),
    update("lghi %r2,1\n laal %r3,%r2,4(%r8)"),
    update("lghi %r2,1\n laalg %r3,%r2,0(%r8)"),
    update("asi 4(%r8),1"),
    update("agsi 0(%r8),1"),
    update("alsi 4(%r8),1"),
    update("algsi 0(%r8),1"),
    update("l %r2,4(%r8)\n3: lr %r3,%r2\n ahi %r3,1\n cs %r2,%r3,4(%r8)\n jnz 3b"),
    update("l %r2,4(%r8)\n3: lr %r3,%r2\n ahi %r3,1\n csy %r2,%r3,4(%r8)\n jnz 3b"),
    update("lg %r2,0(%r8)\n3: lgr %r3,%r2\n aghi %r3,1\n csg %r2,%r3,0(%r8)\n jnz 3b"),
    update("lm %r2,%r3,0(%r8)\n3: lr %r4,%r2\n lr %r5,%r3\n ahi %r5,1\n cds %r2,%r4,0(%r8)\n jnz 3b"),
    update("lm %r2,%r3,0(%r8)\n3: lr %r4,%r2\n lr %r5,%r3\n ahi %r5,1\n cdsy %r2,%r4,0(%r8)\n jnz 3b"),
    quadword(
        "lmg %r2,%r3,0(%r8)\n3: lgr %r4,%r2\n lgr %r5,%r3\n aghi %r4,1\n aghi %r5,1\n cdsg %r2,%r4,0(%r8)\n jnz 3b",
    ),
    // COMPARE AND SWAP AND STORE of 4, 8 and 16 bytes: what is stored must be there when it has swapped.
    update(
        "lghi %r0,0x200\n la %r1,0x40(%r10)\n l %r2,4(%r8)\n\
         3: lr %r3,%r2\n ahi %r3,1\n st %r3,0(%r1)\n st %r3,16(%r1)\n csst 4(%r8),0x100(%r10),%r2\n jnz 3b\n\
         c %r3,0x100(%r10)\n jne bad",
    ),
    update(
        "lghi %r0,0x301\n la %r1,0x40(%r10)\n lg %r2,0(%r8)\n\
         3: lgr %r3,%r2\n aghi %r3,1\n stg %r3,0(%r1)\n stg %r3,16(%r1)\n csst 0(%r8),0x100(%r10),%r2\n jnz 3b\n\
         cg %r3,0x100(%r10)\n jne bad",
    ),
    quadword(
        "lghi %r0,0x402\n la %r1,0x40(%r10)\n lmg %r2,%r3,0(%r8)\n\
         3: lgr %r4,%r2\n lgr %r5,%r3\n aghi %r4,1\n aghi %r5,1\n stmg %r4,%r5,0(%r1)\n stmg %r4,%r5,16(%r1)\n\
         csst 0(%r8),0x100(%r10),%r2\n jnz 3b\n cg %r5,0x108(%r10)\n jne bad",
    ),
    update("l %r2,4(%r8)\n la %r1,4(%r8)\n3: lr %r3,%r2\n ahi %r3,1\n csp %r2,%r1\n jnz 3b"),
    update("lg %r2,0(%r8)\n3: lgr %r3,%r2\n aghi %r3,1\n cspg %r2,%r8\n jnz 3b"),
    // PERFORM LOCKED OPERATION. Compare and swap of words and doublewords; double compare and swap; compare and swap and
    // store, whose stored word is the replacement and goes to a place that all share, too.
    locked("lghi %r0,4\n lgr %r1,%r8\n l %r2,4(%r8)\n3: lr %r3,%r2\n ahi %r3,1\n plo %r2,4(%r8),%r4,0(%r10)\n jnz 3b"),
    locked(
        "lghi %r0,6\n lgr %r1,%r8\n lg %r2,0(%r8)\n3: lgr %r3,%r2\n aghi %r3,1\n plo %r2,0(%r8),%r4,0(%r10)\n jnz 3b",
    ),
    locked(
        "lghi %r0,8\n lgr %r1,%r8\n l %r2,4(%r8)\n l %r4,0x40(%r8)\n\
         3: lr %r3,%r2\n ahi %r3,1\n lr %r5,%r4\n ahi %r5,1\n plo %r2,4(%r8),%r4,0x40(%r8)\n jnz 3b",
    ),
    locked(
        "lghi %r0,12\n lgr %r1,%r8\n l %r2,4(%r8)\n\
         3: lr %r3,%r2\n ahi %r3,1\n lr %r4,%r3\n plo %r2,4(%r8),%r4,0x40(%r8)\n jnz 3b",
    ),
];

#[test]
fn interlocked_updates_lose_nothing() {
    let times = 300;
    for cpus in cpu_counts() {
        for update in UPDATES {
            everybody(
                cpus,
                times,
                |_| update.text.to_string(),
                |machine| {
                    let shared = machine.symbol("shared");
                    let all = cpus as u64 * times;
                    assert_eq!(machine.read_u64(shared), all, "{cpus} CPUs: {}", update.text);
                    if update.both_halves {
                        assert_eq!(machine.read_u64(shared + 8), all, "{cpus} CPUs: {}", update.text);
                    }
                    // What double compare and swap, and compare and swap and store, have put at the second place.
                    let second = machine.read_u64(shared + 0x40) >> 32;
                    assert!(second == 0 || second == all, "{cpus} CPUs: {second} of {all}: {}", update.text);
                },
            );
        }
    }
}

#[test]
fn interlocked_updates_and_plain_stores_leave_each_other_alone() {
    // Each CPU stores bytes of its own, within the updated doubleword or beside it, and must find them again at once.
    let times = 300;
    for cpus in cpu_counts() {
        for update in UPDATES {
            let place = |n: usize| if update.against_plain { [4, 0, 5, 1][n] } else { [8, 9, 0x10, 0x11][n] };
            everybody(
                cpus,
                times,
                |n| {
                    let at = place(n);
                    format!(
                        "{}\n stc %r11,{at}(%r8)\n llgc %r2,{at}(%r8)\n llgcr %r3,%r11\n cgr %r2,%r3\n jne bad",
                        update.text
                    )
                },
                |machine| {
                    let counted = machine.read_u64(machine.symbol("shared")) & 0xFFFF;
                    assert_eq!(counted, cpus as u64 * times, "{cpus} CPUs: {}", update.text);
                },
            );
        }
    }
}

#[test]
fn bits_of_one_byte_belong_to_different_cpus() {
    // Each CPU sets and resets a bit of its own, and stores into a byte of its own beside it: neither may ever change by
    // what others do. AND, OR and EXCLUSIVE OR (immediate) are interlocked (interlocked-access facility 2).
    let bits = [1, 2, 4, 8];
    for cpus in cpu_counts() {
        for (set, reset) in [
            ("oi 0(%r8),BIT", "ni 0(%r8),255-BIT"),
            ("oiy 0(%r8),BIT", "niy 0(%r8),255-BIT"),
            ("xi 0(%r8),BIT", "xi 0(%r8),BIT"),
            ("xiy 0(%r8),BIT", "ni 0(%r8),255-BIT"),
            ("llilh %r2,BIT*256\n lao %r3,%r2,0(%r8)", "llilf %r2,0xffffffff-BIT*0x1000000\n lan %r3,%r2,0(%r8)"),
            ("llilh %r2,BIT*256\n lax %r3,%r2,0(%r8)", "llilh %r2,BIT*256\n lax %r3,%r2,0(%r8)"),
            ("llihh %r2,BIT*256\n laog %r3,%r2,0(%r8)", "lghi %r2,-1\n nihh %r2,0xffff-BIT*256\n lang %r3,%r2,0(%r8)"),
            ("llihh %r2,BIT*256\n laxg %r3,%r2,0(%r8)", "llihh %r2,BIT*256\n laxg %r3,%r2,0(%r8)"),
        ] {
            everybody(
                cpus,
                200,
                |n| {
                    let own = |text: &str| text.replace("BIT", &bits[n].to_string());
                    let (bit, at) = (bits[n], n + 1);
                    format!(
                        "{}\n stc %r11,{at}(%r8)\n tm 0(%r8),{bit}\n jz bad\n\
                         {}\n tm 0(%r8),{bit}\n jnz bad\n\
                         llgc %r2,{at}(%r8)\n llgcr %r3,%r11\n cgr %r2,%r3\n jne bad",
                        own(set),
                        own(reset)
                    )
                },
                |machine| assert_eq!(machine.read_u64(machine.symbol("shared")) >> 56, 0, "{set} / {reset}"),
            );
        }
    }
}

#[test]
fn locks_exclude_plain_accesses_of_others() {
    // Taken by the instruction, given back by a plain store: what is between is one CPU's alone. 3: is where the lock is
    // tried, 4: where it is had.
    let wait = "diag %r0,%r0,0x44\n j 3b\n4:";
    let ticket = "lghi %r3,1\n laa %r2,%r3,0(%r8)\n3: c %r2,4(%r8)\n je 4f";
    for (lock, unlock) in [
        ("3: ts 0(%r8)\n jz 4f", "mvi 0(%r8),0"),
        ("3: lghi %r2,0\n lghi %r3,1\n cs %r2,%r3,0(%r8)\n jz 4f", "mvhi 0(%r8),0"),
        ("3: lghi %r2,0\n lghi %r3,1\n csg %r2,%r3,0(%r8)\n jz 4f", "mvghi 0(%r8),0"),
        ("3: lghi %r2,0\n lgr %r3,%r2\n lghi %r4,1\n lgr %r5,%r4\n cds %r2,%r4,0(%r8)\n jz 4f", "mvghi 0(%r8),0"),
        (
            "3: lghi %r2,0\n lgr %r3,%r2\n lghi %r4,1\n lgr %r5,%r4\n cdsg %r2,%r4,0(%r8)\n jz 4f",
            "mvghi 0(%r8),0\n mvghi 8(%r8),0",
        ),
        (
            "lghi %r0,0x301\n la %r1,0x40(%r10)\n mvghi 0(%r1),1\n3: lghi %r2,0\n csst 0(%r8),0x100(%r10),%r2\n jz 4f",
            "xc 0(8,%r8),0(%r8)",
        ),
        ("3: lghi %r3,1\n lao %r2,%r3,0(%r8)\n tmll %r2,1\n jz 4f", "mvhi 0(%r8),0"),
        ("3: lghi %r3,1\n laog %r2,%r3,0(%r8)\n tmll %r2,1\n jz 4f", "lghi %r3,0\n lang %r2,%r3,0(%r8)"),
        (ticket, "ahi %r2,1\n st %r2,4(%r8)"),
        (ticket, "asi 4(%r8),1"),
        (
            "lghi %r0,4\n lgr %r1,%r8\n3: lghi %r2,0\n lghi %r3,1\n plo %r2,0(%r8),%r4,0(%r10)\n jz 4f",
            "lghi %r2,1\n lghi %r3,0\n plo %r2,0(%r8),%r4,0(%r10)\n jnz bad",
        ),
        ("lgr %r1,%r8\n3: lghi %r2,0\n lghi %r3,1\n csp %r2,%r1\n jz 4f", "mvhi 0(%r8),0"),
        ("3: lghi %r2,0\n lghi %r3,1\n cspg %r2,%r8\n jz 4f", "mvghi 0(%r8),0"),
    ] {
        for cpus in cpu_counts() {
            let times = 50;
            everybody(
                cpus,
                times,
                |_| {
                    format!(
                        "{lock}\n {wait}\n lg %r4,0x100(%r8)\n aghi %r4,1\n lg %r5,0x208(%r8)\n aghi %r5,1\n\
                         stg %r4,0x100(%r8)\n stg %r5,0x208(%r8)\n {unlock}"
                    )
                },
                |machine| {
                    let shared = machine.symbol("shared");
                    let counted = (machine.read_u64(shared + 0x100), machine.read_u64(shared + 0x208));
                    assert_eq!(counted, (cpus as u64 * times, cpus as u64 * times), "{cpus} CPUs: {lock}");
                },
            );
        }
    }
}

/// One CPU does `write` again and again, with new values each time, another `read`; with four CPUs there are two of each.
/// `read` goes to `bad` when it has seen parts of two values.
fn whole(write: &str, read: &str) {
    for cpus in cpu_counts() {
        everybody(cpus, 200, |n| (if n % 2 == 0 { write } else { read }).to_string(), |_| {});
    }
}

#[test]
fn quadwords_are_accessed_at_once() {
    // Both halves are equal always.
    let new = "lgr %r2,%r11\n lgr %r3,%r11";
    let writers = [
        format!("{new}\n stpq %r2,0(%r8)"),
        format!("{new}\n lpq %r4,0(%r8)\n3: cgr %r4,%r5\n jne bad\n cdsg %r4,%r2,0(%r8)\n jnz 3b"),
        // The parameter list says what to swap in; the second operand is stored as a quadword as well.
        format!(
            "{new}\n lghi %r0,0x402\n la %r1,0x40(%r10)\n stmg %r2,%r3,0(%r1)\n stmg %r2,%r3,16(%r1)\n lpq %r4,0(%r8)\n\
             3: cgr %r4,%r5\n jne bad\n csst 0(%r8),0x100(%r10),%r4\n jnz 3b"
        ),
        format!(
            "{new}\n lghi %r0,0x402\n la %r1,0x40(%r10)\n stmg %r2,%r3,16(%r1)\n lghi %r4,0\n lghi %r5,0\n\
             stmg %r4,%r5,0(%r1)\n csst 0x100(%r10),0(%r8),%r4\n jnz bad"
        ),
    ];
    let readers = [
        "lpq %r2,0(%r8)\n cgr %r2,%r3\n jne bad",
        "lghi %r2,-1\n lgr %r3,%r2\n cdsg %r2,%r2,0(%r8)\n cgr %r2,%r3\n jne bad",
    ];
    for writer in &writers {
        for reader in readers {
            whole(writer, reader);
        }
    }
}

#[test]
fn aligned_operands_are_accessed_at_once() {
    // All bytes of the doubleword at 0 are equal always, so that words and halfwords are whole, too.
    let new = "llgcr %r2,%r11\n msgfi %r2,0x01010101\n sllg %r3,%r2,32\n ogr %r2,%r3";
    let check = "rllg %r3,%r2,8\n cgr %r2,%r3\n jne bad";
    let swap = "lg %r4,0(%r8)\n3: lgr %r5,%r2";
    let writers = [
        "stg %r2,0(%r8)".to_string(),
        "stmg %r2,%r2,0(%r8)".to_string(),
        "strvg %r2,0(%r8)".to_string(),
        "stg %r2,0(%r10)\n mvc 0(8,%r8),0(%r10)".to_string(),
        "stg %r2,0(%r10)\n mvc 0(16,%r8),0(%r10)".to_string(),
        "ldgr %f0,%r2\n std %f0,0(%r8)".to_string(),
        "vlvgp %v1,%r2,%r2\n vsteg %v1,0(%r8),0".to_string(),
        "stocg %r2,0(%r8),15".to_string(),
        "sturg %r2,%r8".to_string(),
        format!("{swap}\n csg %r4,%r5,0(%r8)\n jnz 3b"),
        "lg %r4,0(%r8)\n3: lgr %r5,%r2\n cspg %r4,%r8\n jnz 3b".to_string(),
        "lg %r4,0(%r8)\n xgr %r4,%r4\n lang %r5,%r4,0(%r8)\n laog %r5,%r2,0(%r8)".to_string(),
    ];
    let readers = [
        "lg %r2,0(%r8)",
        "lmg %r2,%r2,0(%r8)",
        "lrvg %r2,0(%r8)",
        "ltg %r2,0(%r8)",
        "mvc 0(8,%r10),0(%r8)\n lg %r2,0(%r10)",
        "lghi %r2,0\n ag %r2,0(%r8)",
        "lurag %r2,%r8",
        "ld %f0,0(%r8)\n lgdr %r2,%f0",
        "lghi %r2,0\n csg %r2,%r2,0(%r8)",
        "l %r2,0(%r8)\n sllg %r3,%r2,32\n llgfr %r2,%r2\n ogr %r2,%r3",
        "lh %r2,2(%r8)\n llghr %r2,%r2\n sllg %r3,%r2,16\n ogr %r2,%r3\n sllg %r3,%r2,32\n ogr %r2,%r3",
    ];
    let pairs =
        writers.iter().map(|w| (w.as_str(), readers[0])).chain(readers.iter().map(|r| (writers[0].as_str(), *r)));
    for (writer, reader) in pairs {
        whole(&format!("{new}\n {writer}"), &format!("{reader}\n {check}"));
    }
}
