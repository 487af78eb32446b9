//! Guarded-storage events as programs see them: with a handler, again and again, in transactions, with program-event recording.
//! Source: IBM's patents on the facility (US 10,579,377, US 10,929,130 on transactions); Principles of Operation, chapter 5.

use softsie_tests::{End, Ran};

const OUT: u64 = Ran::OUT;
const DATA: u64 = Ran::DATA;
const BLOCK: u64 = Ran::BLOCK;
const LIST: u64 = 0x33_0000;

/// The doubleword at `at` of the event's parameter list.
fn list(r: &Ran, at: u64) -> u64 {
    r.machine.read_u64(LIST + at)
}

/// Runs `body` by the interpreter and an engine, with guarded storage (all of 32 MiB at 64 MiB) and transactions enabled; %r12
/// designates results, %r13 data with a guarded pointer first and one that is not at 8, %r11 a diagnostic block.
fn both(body: &str, check: impl Fn(&Ran)) {
    let source = format!(
        ".equ OUT,{OUT}\n .equ DATA,{DATA}\n .equ BLOCK,{BLOCK}\n .equ LIST,{LIST}\n\
         .align 8\n cr0: .quad 0x00800000000600e0\n cr2: .quad 0x10\n\
         gscb: .quad 0,0x4000219,0xffffffffffffffff,LIST\n\
         .align 256\n cpu0: larl %r1,cr0\n lctlg %c0,%c0,0(%r1)\n larl %r1,cr2\n lctlg %c2,%c2,0(%r1)\n\
         larl %r1,gscb\n lgsc %r0,0(%r1)\n llilf %r12,OUT\n llilf %r13,DATA\n llilf %r11,BLOCK\n llilf %r10,LIST\n\
         larl %r1,handler\n stg %r1,8(%r10)\n llilf %r1,0x4000000\n stg %r1,0(%r13)\n llilf %r1,0x234568\n\
         stg %r1,8(%r13)\n xgr %r9,%r9\n {body}\n"
    );
    Ran::by_both(&source, check);
}

#[test]
fn a_handler_repairs_the_pointer_and_goes_back_again_and_again() {
    let body = "lghi %r8,2000\n \
        again: llilf %r1,0x4000000\n stg %r1,0(%r13)\n lgg %r2,0(%r13)\n agr %r7,%r2\n llgfsg %r3,12(%r13)\n \
        brctg %r8,again\n stg %r9,0(%r12)\n stg %r2,8(%r12)\n stg %r3,16(%r12)\n diag %r0,%r0,0\n \
        handler: aghi %r9,1\n llilf %r1,0x1000\n stg %r1,0(%r13)\n lg %r1,40(%r10)\n br %r1\n";
    both(body, |r| {
        assert_eq!(r.end, End::Diagnose(0));
        assert_eq!((r.out(0), r.out(1)), (2000, 0x1000), "one event a round, and the instruction is executed again");
        assert_eq!(r.out(2), 0x234568 << 2);
    });
}

#[test]
fn a_transaction_is_aborted_first_and_the_program_goes_on_after_its_beginning() {
    let body = "lghi %r1,5\n lghi %r2,7\n tbegin 0(%r11),0xff00\n after: jnz aborted\n lghi %r1,6\n stg %r1,16(%r13)\n \
        guarded: lgg %r2,0(%r13)\n tend\n diag %r0,%r0,1\n \
        aborted: diag %r0,%r0,2\n \
        handler: ipm %r0\n srl %r0,28\n llgfr %r0,%r0\n stg %r0,0(%r12)\n stg %r1,8(%r12)\n stg %r2,16(%r12)\n \
        lg %r3,16(%r13)\n stg %r3,24(%r12)\n larl %r3,after\n stg %r3,32(%r12)\n larl %r3,guarded\n stg %r3,40(%r12)\n \
        etnd %r3\n stg %r3,48(%r12)\n diag %r0,%r0,0\n";
    both(body, |r| {
        assert_eq!(r.end, End::Diagnose(0));
        assert_eq!(r.out(0), 2, "condition code of the abort");
        assert_eq!((r.out(1), r.out(2), r.out(3)), (5, 7, 0), "nothing of the transaction is left");
        assert_eq!(r.out(6), 0, "it is over");
        assert_eq!(list(r, 0) >> 32 & 0xFF_FFFF, 0x03_8000, "64-bit mode; in a transaction");
        assert_eq!(list(r, 16), r.out(5), "instruction");
        assert_eq!((list(r, 24), list(r, 32)), (DATA, 0x4000000), "operand and what it is");
        assert_eq!(list(r, 40), r.out(4), "where it goes on is after TRANSACTION BEGIN");
        assert_eq!((r.block(0) >> 56, r.block(8), r.block(24)), (1, 19, r.out(5)), "diagnostic block");
    });
}

#[test]
fn a_constrained_transaction_goes_on_at_its_beginning() {
    let body = "begin: tbeginc 0,0xff00\n lgg %r2,0(%r13)\n tend\n stg %r2,0(%r12)\n stg %r9,8(%r12)\n larl %r3,begin\n \
        stg %r3,16(%r12)\n diag %r0,%r0,0\n \
        handler: aghi %r9,1\n mvhi 4(%r13),0x1000\n mvhi 0(%r13),0\n lg %r1,40(%r10)\n br %r1\n";
    both(body, |r| {
        assert_eq!(r.end, End::Diagnose(0));
        assert_eq!((r.out(0), r.out(1)), (0x1000, 1));
        assert_eq!(list(r, 0) >> 32 & 0xFF_FFFF, 0x03_C000, "in a constrained transaction");
        assert_eq!(list(r, 40), r.out(2));
    });
}

#[test]
fn controls_are_restricted_in_constrained_transactions_only() {
    both(
        "tbegin 0,0xff00\n jnz failed\n stgsc %r0,0(%r13)\n tend\n diag %r0,%r0,0\n failed: diag %r0,%r0,1\n handler: j .\n",
        |r| {
            assert_eq!(r.end, End::Diagnose(0));
        },
    );
    both("tbeginc 0,0xff00\n stgsc %r0,0(%r13)\n tend\n diag %r0,%r0,0\n handler: j .\n", |r| {
        assert_eq!(r.program_code(), 0x218, "transaction constraint");
    });
}

#[test]
fn a_parameter_list_that_is_not_there_interrupts_after_the_transaction() {
    let body = "larl %r1,nowhere\n lgsc %r0,0(%r1)\n lghi %r2,7\n tbegin 0,0xff00\n after: jnz aborted\n lghi %r1,6\n \
        lgg %r2,0(%r13)\n tend\n diag %r0,%r0,1\n aborted: diag %r0,%r0,2\n handler: j .\n \
        .align 8\n nowhere: .quad 0,0x4000019,0xffffffffffffffff,0x7fffffffff000\n";
    both(body, |r| {
        assert_eq!(r.program_code(), 5, "addressing, not a transaction's");
    });
}
