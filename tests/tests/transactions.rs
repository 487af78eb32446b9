//! Transactional execution on one CPU: nesting, registers, storage, diagnostic blocks, restricted instructions, filtering,
//! constraints, diagnostic control, PER. Source: Principles of Operation, chapter 5, Transactional-Execution Facility.

#![allow(clippy::unwrap_used)] // a test's helpers may, too

use softsie_tests::{End, Ran};

const OUT: u64 = Ran::OUT;
const DATA: u64 = Ran::DATA;
const BLOCK: u64 = Ran::BLOCK;

/// Runs `body` by the interpreter and an engine. %r12 designates results, %r13 data, %r11 the diagnostic block; transactions
/// are enabled, as are floating-point and vector registers. `cc` after a register in the body stores what IPM gives there.
fn both(body: &str, check: impl Fn(&Ran)) {
    let source = format!(
        ".equ OUT,{OUT}\n .equ DATA,{DATA}\n .equ BLOCK,{BLOCK}\n\
         .align 8\n cr0: .quad 0x00800000000600e0\n\
         .align 256\n cpu0: larl %r1,cr0\n lctlg %c0,%c0,0(%r1)\n\
         llilf %r12,OUT\n llilf %r13,DATA\n llilf %r11,BLOCK\n {body}\n diag %r0,%r0,0\n"
    );
    Ran::by_both(&source, check);
}

/// Stores the condition code at doubleword `n` of the results.
fn cc(n: u64) -> String {
    format!("ipm %r0\n srl %r0,28\n llgfr %r0,%r0\n stg %r0,{}(%r12)\n", n * 8)
}

#[test]
fn a_transaction_commits() {
    let body = format!(
        "lghi %r1,5\n tbegin 0,0xff00\n {} jnz 1f\n stg %r1,0(%r13)\n lghi %r1,6\n agsi 0(%r13),1\n etnd %r2\n\
         mvc 8(8,%r13),0(%r13)\n laag %r3,%r1,8(%r13)\n tend\n {} stg %r1,16(%r12)\n stg %r2,24(%r12)\n stg %r3,32(%r12)\n\
         tend\n {} etnd %r2\n stg %r2,48(%r12)\n diag %r0,%r0,0\n 1: diag %r0,%r0,1",
        cc(0),
        cc(1),
        cc(5)
    );
    both(&body, |r| {
        assert_eq!(r.end, End::Diagnose(0));
        assert_eq!([r.out(0), r.out(1)], [0, 0]);
        // Registers keep what the transaction gave them; TEND outside of one gives 2.
        assert_eq!([r.out(2), r.out(3), r.out(4), r.out(5), r.out(6)], [6, 1, 6, 2, 0]);
        assert_eq!([r.data(0), r.data(1)], [6, 12]);
    });
}

#[test]
fn tabort_restores_what_was_asked_for() {
    // Pairs 2/3 and 8/9 are restored; NTSTG's store stays.
    let body = format!(
        "lghi %r2,2\n lghi %r3,3\n lghi %r4,4\n lghi %r8,8\n lghi %r9,9\n lghi %r1,0x77\n stg %r1,0(%r13)\n\
         xgr %r6,%r6\n tbegin 0(%r11),0x4800\n jnz 1f\n\
         lghi %r2,-1\n lghi %r3,-1\n lghi %r4,-1\n lghi %r8,-1\n lghi %r9,-1\n stg %r4,0(%r13)\n ntstg %r4,8(%r13)\n\
         lghi %r6,0x103\n 2: tabort 0(%r6)\n diag %r0,%r0,1\n\
         1: {} stg %r2,8(%r12)\n stg %r3,16(%r12)\n stg %r4,24(%r12)\n stg %r8,32(%r12)\n stg %r9,40(%r12)\n\
         larl %r1,2b\n stg %r1,48(%r12)\n etnd %r7\n stg %r7,56(%r12)",
        cc(0)
    );
    both(&body, |r| {
        assert_eq!(r.end, End::Diagnose(0));
        assert_eq!(r.out(0), 3, "an odd code");
        assert_eq!([r.out(1), r.out(2), r.out(3), r.out(4), r.out(5)], [2, 3, u64::MAX, 8, 9]);
        assert_eq!(r.out(7) & 0xFFFF_FFFF, 0, "no nesting");
        assert_eq!([r.data(0), r.data(1)], [0x77, u64::MAX]);
        assert_eq!(r.block(0), 0x0100_0000_0000_0001, "format, no flags, depth");
        assert_eq!(r.block(8), 0x103);
        assert_eq!(r.block(24), r.out(6), "the instruction that aborted");
        assert_eq!([r.block(32), r.block(40)], [0, 0]);
        assert_eq!([r.block(128 + 16), r.block(128 + 48)], [u64::MAX, 0x103], "registers at the abortion");
    });
    let even = format!("tbegin 0,0\n jnz 1f\n tabort 0x100\n 1: {}", cc(0));
    both(&even, |r| assert_eq!(r.out(0), 2));
}

#[test]
fn levels_nest() {
    // The inner TBEGIN may forbid what the outer permits, not permit more; the outermost TEND commits.
    let body = format!(
        "tbegin 0,0xff0c\n jnz 1f\n tbegin 0,0x0008\n jnz 2f\n etnd %r1\n stg %r1,0(%r13)\n tend\n {} etnd %r1\n stg %r1,8(%r13)\n\
         ld %f0,0(%r13)\n tend\n diag %r0,%r0,0\n 1: diag %r0,%r0,1\n 2: diag %r0,%r0,2",
        cc(0)
    );
    both(&body, |r| {
        assert_eq!(r.end, End::Diagnose(0));
        assert_eq!([r.data(0), r.data(1), r.out(0)], [2, 1, 0]);
    });
    let forbidden = format!(
        "tbegin 0(%r11),0xff0c\n jnz 1f\n tbegin 0,0xff00\n jnz 2f\n ld %f0,0(%r13)\n 2: diag %r0,%r0,2\n 1: {}",
        cc(0)
    );
    both(&forbidden, |r| {
        assert_eq!((r.end, r.out(0)), (End::Diagnose(0), 3));
        assert_eq!([r.block(0) & 0xFFFF, r.block(8)], [2, 11]);
    });
    // Fifteen levels are too few for sixteen.
    let deep = format!(
        "lghi %r1,16\n tbegin 0(%r11),0x8000\n jnz 1f\n 2: brctg %r1,3f\n j 4f\n 3: tbegin 0,0x8000\n j 2b\n 4: diag %r0,%r0,4\n 1: {}",
        cc(0)
    );
    both(&deep, |r| {
        assert_eq!((r.end, r.out(0)), (End::Diagnose(0), 3));
        assert_eq!([r.block(0) & 0xFFFF, r.block(8)], [15, 13]);
    });
    let fifteen = deep.replace("%r1,16", "%r1,15");
    both(&fifteen, |r| assert_eq!(r.out(0), 3, "DIAGNOSE is restricted"));
    both(&fifteen, |r| assert_eq!(r.block(8), 11));
}

#[test]
fn restricted_instructions() {
    let tried = [
        ("svc 1", 0x0c, true),
        ("stfle 0(%r13)", 0x0c, true),
        ("lpswe 0(%r13)", 0x0c, true),
        ("stosm 0(%r13),0", 0x0c, true),
        ("plo %r2,0(%r13),%r4,0(%r13)", 0x0c, true),
        ("pfd 6,0(%r13)", 0x0c, true),
        ("pfd 2,0(%r13)", 0x0c, false),
        ("ppa %r1,%r0,1", 0x0c, true),
        ("lam %a1,%a1,0(%r13)", 0x04, true),
        ("lam %a1,%a1,0(%r13)", 0x08, false),
        ("ear %r1,%a1", 0, false),
        ("adbr %f0,%f2", 0x08, true),
        ("adbr %f0,%f2", 0x04, false),
        ("vl %v1,0(%r13)", 0x08, true),
        ("vl %v1,0(%r13)", 0x04, false),
        ("ap 0(1,%r11),0(1,%r11)", 0, true),
        ("mvcl %r2,%r4", 0, false),
        ("cs %r2,%r3,0(%r13)", 0, false),
        ("stck 0(%r13)", 0, false),
        ("epsw %r2,%r3", 0, false),
        ("exrl %r0,svc_of_others", 0x0c, true),
        ("exrl %r0,move_of_others", 0x0c, false),
    ];
    for (instruction, controls, restricted) in tried {
        // AP of what is not decimal has a data exception, which is no matter of restriction.
        if instruction.starts_with("ap ") {
            continue;
        }
        let body = format!(
            "lghi %r2,0\n lghi %r3,0\n lghi %r4,0\n lghi %r5,0\n tbegin 0(%r11),0xff00+{controls}\n jnz 1f\n {instruction}\n tend\n\
             j 1f\n svc_of_others: svc 7\n move_of_others: mvc 0(8,%r13),8(%r13)\n 1: {}",
            cc(0)
        );
        both(&body, |r| {
            assert_eq!(r.end, End::Diagnose(0), "{instruction}");
            let expected = if restricted { (3, 11) } else { (0, 0) };
            assert_eq!((r.out(0), r.block(8)), expected, "{instruction} with controls {controls:x}");
        });
    }
}

#[test]
fn program_interruptions_are_filtered_or_not() {
    // The exception, its code, the least filtering that it is subject to, CC of the abortion when it is not filtered.
    let tried = [
        ("dr %r2,%r4", 0x09, Some(1), 2),
        ("lg %r1,0(%r7)", 0x05, Some(2), 2),
        ("l %r1,0(%r7)", 0x05, Some(2), 2),
        ("lr %r6,%r6\n mr %r3,%r3", 0x06, Some(1), 2),
        (".short 0", 0x01, None, 3),
    ];
    for (instruction, code, least, unfiltered) in tried {
        for filtering in 0..=2 {
            let body = format!(
                "xgr %r2,%r2\n xgr %r3,%r3\n xgr %r4,%r4\n llihl %r7,0x100\n lghi %r9,1\n larl %r8,new\n\
                 mvc 0x1d0(16),0(%r8)\n larl %r8,handler\n stg %r8,0x1d8\n j 5f\n .align 8\n new: .quad 0x180000000,0\n\
                 5: tbegin 0(%r11),0xff00+{filtering}\n 6: jnz 1f\n lghi %r9,2\n stg %r9,0(%r13)\n {instruction}\n tend\n diag %r0,%r0,1\n\
                 handler: larl %r1,6b\n stg %r1,24(%r12)\n mvc 8(8,%r12),0x88\n mvc 16(8,%r12),0x158\n mvc 32(8,%r12),0x150\n\
                 stg %r9,40(%r12)\n diag %r0,%r0,0\n 1: {} stg %r9,40(%r12)",
                cc(0)
            );
            let what = format!("{instruction} filtering {filtering}");
            both(&body, |r| {
                assert_eq!(r.end, End::Diagnose(0), "{what}");
                assert_eq!(r.data(0), 0, "{what}");
                assert_eq!(r.out(5), 1, "registers restored: {what}");
                let filtered = least.is_some_and(|least| filtering >= least);
                assert_eq!(r.block(32) & 0xFFFF, 0x200 | code, "{what}");
                if filtered {
                    assert_eq!([r.out(0), r.out(1), r.block(8)], [3, 0, 12], "{what}");
                } else {
                    assert_eq!(r.out(1) & 0xFFFF, 0x200 | code, "{what}");
                    assert_eq!(r.out(2), r.out(3), "the old PSW is the abort PSW: {what}");
                    assert_eq!(r.out(4) >> 44 & 3, unfiltered, "{what}");
                    assert_eq!([r.block(8), r.low(0x1808)], [4, 4], "{what}");
                }
            });
        }
    }
}

#[test]
fn constraints_of_constrained_transactions() {
    let sixteen = "la %r1,1(%r1)\n".repeat(16);
    let within = format!("{sixteen}{sixteen}");
    let one_more = format!("{within} la %r1,1(%r1)\n");
    let far = "j 2f\n .space 250\n 2: la %r1,1(%r1)\n";
    let tried = [
        (within.as_str(), true),
        (&one_more, false),
        (far, false),
        ("lg %r1,0(%r13)\n lg %r2,32(%r13)\n lg %r3,64(%r13)\n stg %r3,96(%r13)\n", true),
        ("lg %r1,0(%r13)\n lg %r2,32(%r13)\n lg %r3,64(%r13)\n stg %r3,96(%r13)\n lg %r1,128(%r13)\n", false),
        ("lmg %r0,%r3,0(%r13)\n stmg %r0,%r3,32(%r13)\n", true),
        ("mvc 0(8,%r13),8(%r13)\n", false),
        ("csg %r2,%r3,0(%r13)\n", false),
        ("cgrje %r1,%r1,2f\n nopr\n 2: ltgr %r1,%r1\n jz 3f\n nopr\n 3:\n", true),
        ("2: lghi %r1,1\n jz 2b\n", false),
        ("basr %r1,%r0\n", false),
        ("adbr %f0,%f2\n", false),
        ("tbegin 0,0\n", false),
        ("tabort 0x100\n", false),
        ("etnd %r1\n", false),
        ("lam %a1,%a1,0(%r13)\n", true),
    ];
    for (text, permitted) in tried {
        let body = format!(
            "lghi %r1,0\n mvghi 0(%r13),7\n larl %r9,4f\n stg %r9,8(%r12)\n .align 8\n 4: tbeginc 0,0xff08\n {text} tend\n {}",
            cc(0)
        );
        both(&body, |r| {
            if permitted {
                assert_eq!((r.end, r.out(0)), (End::Diagnose(0), 0), "{text}");
            } else {
                assert_eq!(r.program_code(), 0x218, "{text}");
                assert_eq!(r.low(0x158), r.out(1), "the old PSW designates TBEGINC: {text}");
                assert_eq!(r.low(0x1800) >> 48, 0x0140, "format, constrained: {text}");
                assert_eq!(r.low(0x1808), 4, "{text}");
            }
        });
    }
    // Within a nonconstrained transaction it is a level like others, without floating point.
    let body = format!(
        "tbegin 0(%r11),0xff0c\n jnz 1f\n tbeginc 0,0xff0c\n etnd %r1\n stg %r1,0(%r13)\n mvc 8(8,%r13),0(%r13)\n tend\n tend\n diag %r0,%r0,0\n 1: {}",
        cc(0)
    );
    both(&body, |r| assert_eq!((r.end, r.data(1) & 0xFF), (End::Diagnose(0), 2)));
}

#[test]
fn exceptions_of_the_instructions() {
    let off = "mvghi 0xe00,0xe0\n lctlg %c0,%c0,0xe00\n";
    let tried = [
        (format!("{off} tbegin 0,0\n"), 0x13),
        (format!("{off} tbeginc 0,0\n"), 0x13),
        (format!("{off} tend\n"), 0x13),
        (format!("{off} tabort 0x100\n"), 0x13),
        (format!("{off} etnd %r1\n"), 0x13),
        ("tabort 0x100\n".to_owned(), 0x13),
        ("tabort 0xff\n".to_owned(), 0x06),
        ("tbegin 0,3\n".to_owned(), 0x06),
        ("tbegin 4(%r11),0\n".to_owned(), 0x06),
        ("tbeginc 0(%r11),0\n".to_owned(), 0x06),
        ("ntstg %r1,4(%r13)\n".to_owned(), 0x06),
        ("llihl %r1,0x100\n tbegin 0(%r1),0\n".to_owned(), 0x05),
        ("exrl %r0,1f\n 1: tend\n".to_owned(), 0x03),
        ("exrl %r0,1f\n 1: tabort 0x100\n".to_owned(), 0x03),
    ];
    for (text, code) in tried {
        both(&text, |r| assert_eq!(r.program_code(), code, "{text}"));
    }
    // Outside of a transaction it is a store.
    both("lghi %r1,5\n ntstg %r1,8(%r13)", |r| assert_eq!((r.end, r.data(1)), (End::Diagnose(0), 5)));
}

#[test]
fn too_much_storage_overflows() {
    for (access, code) in [("stc %r1,0(%r2)", 8), ("ic %r1,0(%r2)", 7)] {
        let body = format!(
            "llilf %r2,0x400000\n lghi %r3,1000\n tbegin 0(%r11),0xff00\n jnz 1f\n 2: {access}\n aghi %r2,0x1000\n brctg %r3,2b\n tend\n 1: {}",
            cc(0)
        );
        both(&body, |r| {
            assert_eq!((r.end, r.out(0), r.block(8)), (End::Diagnose(0), 3, code), "{access}");
        });
    }
}

#[test]
fn the_diagnostic_control_aborts_at_random() {
    // Scope 0, control 1: every transaction is aborted, at the latest at its end.
    let body = format!(
        "mvghi 0xe00,1\n lctlg %c2,%c2,0xe00\n lghi %r5,100\n\
         2: tbegin 0(%r11),0xff00\n jnz 1f\n la %r1,0(%r1)\n la %r1,0(%r1)\n tend\n diag %r0,%r0,1\n 1: brctg %r5,2b\n {}",
        cc(0)
    );
    both(&body, |r| assert_eq!((r.end, r.block(8)), (End::Diagnose(0), 255)));
    // In the problem state only: this is the supervisor.
    let body = body.replace("0xe00,1\n", "0xe00,5\n");
    both(&body, |r| assert_eq!((r.end, r.block(8)), (End::Diagnose(1), 0)));
    // Constrained ones and control 2 let some succeed.
    let body = "mvghi 0xe00,2\n lctlg %c2,%c2,0xe00\n lghi %r5,100\n lghi %r6,0\n lghi %r7,0\n\
         2: tbegin 0,0x0000\n jnz 1f\n la %r1,0(%r1)\n tend\n aghi %r6,1\n j 3f\n 1: aghi %r7,1\n 3: brctg %r5,2b\n\
         stg %r6,0(%r12)\n stg %r7,8(%r12)\n lghi %r5,50\n 4: tbeginc 0,0\n agsi 0(%r13),1\n tend\n brctg %r5,4b\n";
    both(body, |r| {
        assert_eq!(r.end, End::Diagnose(0));
        assert!(r.out(0) > 10 && r.out(1) > 10 && r.out(0) + r.out(1) == 100);
        assert_eq!(r.data(0), 50, "each constrained transaction once");
    });
}

#[test]
fn a_transaction_executes_what_it_stored() {
    let body = "larl %r5,2f\n larl %r6,3f\n tbegin 0,0xff00\n jnz 1f\n mvc 0(4,%r5),0(%r6)\n nopr\n 2: lghi %r1,1\n stg %r1,0(%r13)\n\
         tend\n j 4f\n 3: lghi %r1,2\n 1: diag %r0,%r0,1\n 4: lghi %r1,3\n j 5f\n 5: j 6f\n 6: stg %r1,8(%r13)";
    both(body, |r| assert_eq!((r.end, r.data(0), r.data(1)), (End::Diagnose(0), 2, 3)));
    // And after it has been aborted, what was there before.
    let body = "larl %r5,2f\n larl %r6,3f\n tbegin 0,0xff00\n jnz 2f\n mvc 0(4,%r5),0(%r6)\n tabort 0x100\n 2: lghi %r1,1\n\
         stg %r1,0(%r13)\n j 4f\n 3: lghi %r1,2\n 4:";
    both(body, |r| assert_eq!((r.end, r.data(0)), (End::Diagnose(0), 1)));
}

#[test]
fn program_events_of_transactions() {
    // Branches are monitored. Without suppression one in a transaction aborts it; with it nothing happens but, if that is
    // monitored, the event of the end.
    let setup = |masks: &str| {
        format!(
            "larl %r8,new\n mvc 0x1d0(16),0(%r8)\n larl %r8,handler\n stg %r8,0x1d8\n larl %r8,controls\n lctlg %c9,%c11,0(%r8)\n j 5f\n\
             .align 8\n new: .quad 0x180000000,0\n controls: .quad {masks},0,-1\n\
             handler: mvc 8(8,%r12),0x88\n mvc 16(8,%r12),0x90\n mvc 24(8,%r12),0x158\n diag %r0,%r0,2\n 5: stosm 0xe08,0x40\n"
        )
    };
    let body = |masks: &str| {
        format!(
            "{} tbegin 0(%r11),0xff00\n jnz 1f\n j 2f\n nopr\n 2: stg %r8,0(%r13)\n tend\n nopr\n diag %r0,%r0,0\n 1: diag %r0,%r0,1",
            setup(masks)
        )
    };
    both(&body("0x80000000"), |r| {
        assert_eq!((r.end, r.out(1) & 0xFFFF), (End::Diagnose(2), 0x280));
        assert_eq!((r.block(8), r.data(0)), (4, 0));
    });
    both(&body("0x80400000"), |r| assert_eq!((r.end, r.block(8)), (End::Diagnose(0), 0)));
    both(&body("0x82400000"), |r| {
        assert_eq!((r.end, r.out(1) & 0xFFFF), (End::Diagnose(2), 0x80));
        assert_eq!(r.out(2) & 0xFF00, 0x0200, "transaction end");
        assert!(r.data(0) != 0 && r.block(8) == 0);
    });
}

#[test]
fn data_exceptions_and_the_floating_point_control_register() {
    // COMPARE AND TRAP reports to the register only where the transaction permits floating point.
    for (controls, expected) in [(0x01, 0), (0x05, 0xFF00)] {
        let body = format!(
            "lghi %r1,0\n tbegin 0(%r11),0xff00+{controls}\n jnz 1f\n cgit %r1,0,8\n 1: stfpc 8(%r12)\n {}",
            cc(0)
        );
        both(&body, |r| {
            assert_eq!((r.end, r.out(0), r.block(8)), (End::Diagnose(0), 3, 12));
            assert_eq!((r.block(32) & 0xFF, r.block(32) >> 48), (7, 0xFF), "a data exception and its code");
            assert_eq!(r.out(1) >> 32, expected);
        });
    }
}
