//! Programs that change code, their own and that of other CPUs.
//! What must hold comes from the Principles of Operation, chapter 5 (Conceptual Sequence, Serialization): a CPU executes what
//! it has stored itself by the same address at once, and what others have stored, or it itself by another address, after it
//! has serialized.

use softsie_tests::{DAT_ON, Multi, SERIALIZING, cpu_counts, rounds, with_tables};

/// Runs the program on all CPUs in each round.
fn run(mut machine: Multi, what: &str) {
    for _ in 0..rounds(5) {
        if machine.symbol("flag") != 0xBAD {
            machine.clear(machine.symbol("flag"), 8);
        }
        machine.restart();
        machine.run_well(what);
    }
}

#[test]
fn a_cpu_executes_what_it_has_just_stored() {
    // The halfword stored is the immediate of the next instruction, one in the same page, one that crosses pages.
    for (place, target) in [
        ("next", ""),
        ("same page", "j 2f\n .space 512\n2:"),
        ("crossing, stored part behind the boundary", "j 2f\n .align 4096\n .space 4094\n2:"),
        ("next page", "j 2f\n .align 4096\n2:"),
    ] {
        let source = format!(
            "cpu0: llilf %r11,600\n larl %r8,target\n\
             1: lghi %r7,0x7fff\n ngr %r7,%r11\n sth %r7,2(%r8)\n {target}\n\
             target: lghi %r4,0\n cgr %r4,%r7\n jne bad\n brctg %r11,back\n diag %r0,%r0,0\n\
             back: jg 1b\n bad: diag %r0,%r0,0xbad"
        );
        run(Multi::new(1, &source), place);
    }
}

/// Ways to make R7 the immediate operand of the LGHI at `target`, a quadword boundary in %r8. The same halfword is at
/// 0(%r9), where 256 bytes from 0x40 on are zero; the new word is in %r3, the new doubleword in %r6. Free: %r0 to %r5.
const STORES: &[&str] = &[
    "sth %r7,2(%r8)",
    "sthy %r7,2(%r8)",
    "lrvr %r2,%r7\n srl %r2,16\n strvh %r2,2(%r8)",
    "stc %r7,3(%r8)\n srlg %r2,%r7,8\n stc %r2,2(%r8)",
    "stcm %r7,3,2(%r8)",
    "sthrl %r7,target+2",
    "st %r3,0(%r8)",
    "strl %r3,target",
    "stoc %r3,0(%r8),15",
    "stg %r6,0(%r8)",
    "stgrl %r6,target",
    "stmg %r6,%r6,0(%r8)",
    "stm %r3,%r3,0(%r8)",
    "sar %a2,%r3\n stam %a2,%a2,0(%r8)",
    "ldgr %f0,%r6\n std %f0,0(%r8)",
    "sllg %r2,%r3,32\n ldgr %f0,%r2\n ste %f0,0(%r8)",
    "vlvgh %v1,%r7,0\n vsteh %v1,2(%r8),0",
    "vlvgh %v1,%r7,0\n lghi %r2,1\n vstl %v1,%r2,2(%r8)",
    "lg %r2,8(%r8)\n vlvgp %v1,%r6,%r2\n vst %v1,0(%r8)",
    "lgr %r2,%r6\n lg %r3,8(%r8)\n stpq %r2,0(%r8)",
    "stura %r3,%r8",
    "sturg %r6,%r8",
    "mvc 2(2,%r8),0(%r9)",
    "exrl %r0,move",
    "larl %r2,move\n ex %r0,0(%r2)",
    "mvn 2(2,%r8),0(%r9)\n mvz 2(2,%r8),0(%r9)",
    "xc 2(2,%r8),2(%r8)\n oc 2(2,%r8),0(%r9)",
    "oi 2(%r8),255\n oi 3(%r8),255\n nc 2(2,%r8),0(%r9)",
    "lrvr %r2,%r7\n srl %r2,16\n sth %r2,8(%r9)\n mvcin 2(2,%r8),9(%r9)",
    "lghi %r2,2\n lghi %r3,0\n mvck 2(%r2,%r8),0(%r9),%r3",
    "lghi %r0,1\n lghi %r1,0\n mvcdk 2(%r8),0(%r9)",
    "la %r2,2(%r8)\n lghi %r3,2\n lgr %r4,%r9\n lghi %r5,2\n mvcl %r2,%r4",
    "la %r2,2(%r8)\n lghi %r3,2\n lgr %r4,%r9\n lghi %r5,2\n3: mvcle %r2,%r4,0\n jo 3b",
    "l %r2,0(%r8)\n cs %r2,%r3,0(%r8)\n jnz bad",
    "lg %r2,0(%r8)\n csg %r2,%r6,0(%r8)\n jnz bad",
    "lmg %r2,%r3,0(%r8)\n lgr %r4,%r6\n lgr %r5,%r3\n cdsg %r2,%r4,0(%r8)\n jnz bad",
    "l %r2,0(%r8)\n lgr %r1,%r8\n csp %r2,%r1\n jnz bad",
    "lg %r2,0(%r8)\n lgr %r3,%r6\n cspg %r2,%r8\n jnz bad",
    "lghi %r0,0x101\n la %r1,0x40(%r9)\n sth %r7,16(%r1)\n lghi %r2,0\n csst 0x80(%r9),2(%r8),%r2\n jnz bad",
    "lghi %r0,0x301\n la %r1,0x40(%r9)\n stg %r6,0(%r1)\n lg %r2,0(%r8)\n csst 0(%r8),0x80(%r9),%r2\n jnz bad\n\
     mvghi 0x80(%r9),0",
    "lghi %r0,4\n lgr %r1,%r9\n l %r2,0(%r8)\n plo %r2,0(%r8),%r4,0(%r9)\n jnz bad",
    "l %r2,0(%r8)\n sr %r3,%r2\n laa %r2,%r3,0(%r8)",
    "l %r2,0(%r8)\n xr %r3,%r2\n lax %r2,%r3,0(%r8)",
    "lg %r2,0(%r8)\n xgr %r6,%r2\n laxg %r2,%r6,0(%r8)",
];

#[test]
fn every_kind_of_store_changes_code() {
    for store in STORES {
        for far in [false, true] {
            let (call, target) = if far {
                ("basr %r14,%r8", ".align 4096\ntarget: lghi %r4,0\n cgr %r4,%r7\n jne bad\n br %r14\n .align 16")
            } else {
                (".align 16\ntarget: lghi %r4,0\n cgr %r4,%r7\n jne bad", "")
            };
            let source = format!(
                "cpu0: larl %r9,data\n llilf %r1,0x600e0\n stg %r1,0x40(%r9)\n lctlg %c0,%c0,0x40(%r9)\n mvghi 0x40(%r9),0\n\
                 llilf %r11,40\n larl %r8,target\n\
                 1: lghi %r7,0x7fff\n ngr %r7,%r11\n sth %r7,0(%r9)\n llilh %r3,0xa749\n or %r3,%r7\n\
                 lg %r6,0(%r8)\n risbg %r6,%r7,16,31,32\n {store}\n {call}\n brctg %r11,back\n diag %r0,%r0,0\n\
                 back: jg 1b\n .align 8\nmove: mvc 2(2,%r8),0(%r9)\nbad: diag %r0,%r0,0xbad\n\
                 {target}\n .align 4096\ndata: .space 512\n"
            );
            run(Multi::new(1, &source), store);
        }
    }
}

#[test]
fn code_stored_by_way_of_another_virtual_address_is_executed_after_serialization() {
    // 0x60000 holds a subroutine; it is called at virtual 0xc0000, and changed at 0x60000.
    let source = format!(
        "cpu0: llilf %r8,ENTRY\n llilf %r1,FRAME\n stg %r1,0(%r8)\n\
         llilf %r8,FRAME\n larl %r1,subroutine\n mvc 0(6,%r8),0(%r1)\n\
         {DAT_ON}\n llilf %r9,VIRTUAL\n llilf %r11,600\n\
         1: lghi %r7,0x7fff\n ngr %r7,%r11\n sth %r7,2(%r8)\n bcr 15,0\n basr %r14,%r9\n\
         cgr %r4,%r7\n jne bad\n brctg %r11,1b\n stnsm 0xe08,0xfb\n diag %r0,%r0,0\n\
         bad: diag %r0,%r0,0xbad\nsubroutine: lghi %r4,0\n br %r14\n"
    );
    run(with_tables(1, &source), "by another address");
}

#[test]
fn code_of_another_cpu_is_new_after_serialization() {
    // CPU 0 stores a new immediate for each of the others, then its value into `flag`, and waits until all have answered.
    // The others see the flag, serialize, and must execute the new instruction. No branch is taken between: what precedes the
    // look at the flag since the last one takes some time, so that stores often fall into it.
    let long = "la %r0,0\n".repeat(150);
    for serializing in SERIALIZING {
        for cpus in cpu_counts() {
            let mut writer = "lghi %r7,0\n llilf %r11,8\n larl %r9,flag\n 1: aghi %r7,1\n".to_string();
            for n in 1..cpus {
                writer += &format!("larl %r8,target{n}\n sth %r7,2(%r8)\n");
            }
            writer += "stg %r7,0(%r9)\n";
            for n in 1..cpus {
                writer += &format!(
                    "larl %r10,private{n}\n\
                     2: lg %r2,0x800(%r10)\n cgr %r2,%r7\n je 3f\n diag %r0,%r0,0x44\n j 2b\n3:\n"
                );
            }
            let mut source = format!("cpu0: {writer} brctg %r11,1b\n diag %r0,%r0,0\n");
            for n in 1..cpus {
                let (prologue, text) = serializing.on_cpu(n);
                source += &format!(
                    ".align 4096\ncpu{n}: larl %r9,flag\n larl %r12,private{n}\n mvghi 0x800(%r12),0\n {prologue}\n\
                     lghi %r6,0\n llilf %r11,8\n\
                     spin{n}: lghi %r5,200\n\
                     look{n}: {long} lg %r7,0(%r9)\n cgr %r7,%r6\n je none{n}\n {text}\n\
                     target{n}: lghi %r4,0\n cgr %r4,%r7\n jne bad\n lgr %r6,%r7\n stg %r7,0x800(%r12)\n brctg %r11,spin{n}\n\
                     diag %r0,%r0,0\n\
                     none{n}: brctg %r5,look{n}\n diag %r0,%r0,0x44\n j spin{n}\n .align 4096\nprivate{n}: .space 4096\n"
                );
            }
            source += "bad: diag %r0,%r0,0xbad\n .align 4096\nflag: .quad 0\n";
            run(Multi::new(cpus, &source), serializing.text);
        }
    }
}

#[test]
fn code_under_two_addresses_is_new_for_others_after_serialization() {
    // A subroutine at FRAME is called by all others at virtual addresses of their own, and changed by CPU 0 at another one.
    for cpus in cpu_counts() {
        let mut source = format!(
            "cpu0: llilf %r1,FRAME\n llilf %r8,ENTRY\n stg %r1,0(%r8)\n stg %r1,8(%r8)\n stg %r1,16(%r8)\n stg %r1,24(%r8)\n\
             larl %r1,subroutine\n llilf %r8,FRAME\n mvc 0(8,%r8),0(%r1)\n {DAT_ON}\n llilf %r8,VIRTUAL\n\
             lghi %r7,0\n llilf %r11,20\n larl %r9,flag\n\
             1: aghi %r7,1\n sth %r7,2(%r8)\n stg %r7,0(%r9)\n larl %r10,answers\n lghi %r5,{}\n\
             2: lg %r2,8(%r10)\n cgr %r2,%r7\n je 3f\n diag %r0,%r0,0x44\n j 2b\n3: la %r10,8(%r10)\n brctg %r5,2b\n\
             brctg %r11,1b\n stnsm 0xe08,0xfb\n diag %r0,%r0,0\n\
             subroutine: lghi %r4,0\n br %r14\n .align 8\n",
            cpus - 1
        );
        for n in 1..cpus {
            source += &format!(
                ".align 4096\ncpu{n}: larl %r9,flag\n larl %r10,answers+{n}*8\n mvghi 0(%r10),0\n\
                 1: lg %r2,0(%r9)\n ltgr %r2,%r2\n jz 2f\n j 3f\n2: diag %r0,%r0,0x44\n j 1b\n3:\n\
                 {DAT_ON}\n llilf %r8,VIRTUAL+{n}*4096\n lghi %r6,0\n llilf %r11,20\n\
                 1:2: lg %r7,0(%r9)\n cgr %r7,%r6\n jne 3f\n diag %r0,%r0,0x44\n j 2b\n3: bcr 15,0\n basr %r14,%r8\n\
                 cgr %r4,%r7\n jne bad\n lgr %r6,%r7\n stg %r7,0(%r10)\n brctg %r11,1b\n stnsm 0xe08,0xfb\n diag %r0,%r0,0\n"
            );
        }
        source += "bad: diag %r0,%r0,0xbad\n .align 4096\nflag: .quad 0\n .align 256\nanswers: .space 64\n";
        run(with_tables(cpus, &source), "two addresses");
    }
}

#[test]
fn code_replaced_by_whole_pages_is_new_after_serialization() {
    // CPU 0 moves one of two pages with different code over the page that the others call, or clears it before it does.
    for replace in [
        "lghi %r0,0\n mvpg %r8,%r7",
        "lgr %r2,%r8\n lghi %r3,4096\n lgr %r4,%r7\n lghi %r5,4096\n mvcl %r2,%r4",
        "llilh %r2,1\n pfmf %r2,%r8\n mvc 0x100(6,%r8),0x100(%r7)",
        "llilh %r2,3\n pfmf %r2,%r8\n mvc 0x100(6,%r8),0x100(%r7)",
        "mvc 0x100(6,%r8),0x100(%r7)",
    ] {
        for cpus in cpu_counts() {
            let mut source = format!(
                "cpu0: lghi %r6,0\n llilf %r11,20\n llilf %r8,FRAME\n larl %r9,flag\n larl %r10,answers\n\
                 1: aghi %r6,1\n larl %r7,odd\n tmll %r6,1\n jnz 2f\n larl %r7,even\n2: {replace}\n stg %r6,0(%r9)\n\
                 larl %r10,answers\n lghi %r5,{}\n\
                 2: lg %r2,8(%r10)\n cgr %r2,%r6\n je 3f\n diag %r0,%r0,0x44\n j 2b\n3: la %r10,8(%r10)\n brctg %r5,2b\n\
                 brctg %r11,1b\n diag %r0,%r0,0\n",
                cpus - 1
            );
            for n in 1..cpus {
                source += &format!(
                    ".align 4096\ncpu{n}: larl %r9,flag\n larl %r10,answers+{n}*8\n mvghi 0(%r10),0\n\
                     llilf %r8,FRAME+0x100\n lghi %r6,0\n llilf %r11,20\n\
                     1:2: lg %r7,0(%r9)\n cgr %r7,%r6\n jne 3f\n diag %r0,%r0,0x44\n j 2b\n3: bcr 15,0\n basr %r14,%r8\n\
                     lgr %r6,%r7\n lghi %r2,1\n ngr %r2,%r6\n cgr %r2,%r4\n jne bad\n stg %r7,0(%r10)\n brctg %r11,1b\n\
                     diag %r0,%r0,0\n"
                );
            }
            source += "bad: diag %r0,%r0,0xbad\n .align 4096\nflag: .quad 0\n .align 256\nanswers: .space 64\n\
                       .align 4096\nodd: .space 256\n lghi %r4,1\n br %r14\n\
                       .align 4096\neven: .space 256\n lghi %r4,0\n br %r14\n";
            run(with_tables(cpus, &source), replace);
        }
    }
}

#[test]
fn code_of_other_cpus_gets_new_in_the_end_without_serialization() {
    // CPU 0 counts up the immediate that the others execute all the time: they never see it fall, and see the last value.
    for cpus in cpu_counts() {
        let mut source = "cpu0: larl %r8,target\n lghi %r7,0\n sth %r7,2(%r8)\n larl %r1,flag\n mvghi 0(%r1),1\n\
             1: aghi %r7,1\n sth %r7,2(%r8)\n cghi %r7,300\n jl 1b\n diag %r0,%r0,0\n\
             .align 4096\ntarget: lghi %r4,0\n br %r14\nbad: diag %r0,%r0,0xbad\n\
             .align 4096\nflag: .quad 0\n"
            .to_string();
        for n in 1..cpus {
            source += &format!(
                ".align 4096\ncpu{n}: lghi %r6,0\n llilf %r11,200000000\n larl %r2,flag\n\
                 1: lg %r3,0(%r2)\n ltgr %r3,%r3\n jnz 3f\n diag %r0,%r0,0x44\n j 1b\n3: bcr 15,0\n\
                 1: brasl %r14,target\n cgr %r4,%r6\n jl bad\n lgr %r6,%r4\n cghi %r4,300\n je 2f\n brctg %r11,1b\n j bad\n\
                 2: diag %r0,%r0,0\n"
            );
        }
        run(Multi::new(cpus, &source), "changing code");
    }
}

#[test]
fn a_page_of_code_and_data_of_all_cpus() {
    // Each CPU executes in one page and counts in that very page.
    let times = 100;
    for cpus in cpu_counts() {
        let mut source = ".align 4096\nshared: .quad 0\n .space 248\n".to_string();
        for n in 0..cpus {
            source += &format!(
                ".align 8\nown{n}: .quad 0\n\
                 cpu{n}: larl %r8,shared\n larl %r9,own{n}\n llilf %r11,{times}\n lghi %r2,1\n\
                 1: laag %r3,%r2,0(%r8)\n lg %r4,0(%r9)\n aghi %r4,1\n stg %r4,0(%r9)\n brctg %r11,1b\n diag %r0,%r0,0\n"
            );
        }
        let mut machine = Multi::new(cpus, &source);
        for round in 1..=rounds(5) {
            machine.restart();
            machine.run_well("code and data in one page");
            assert_eq!(machine.read_u64(machine.symbol("shared")), round * cpus as u64 * times);
            for n in 0..cpus {
                assert_eq!(machine.read_u64(machine.symbol(&format!("own{n}"))), round * times);
            }
        }
    }
}
