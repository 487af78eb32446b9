//! Tests that run a small program on a whole machine. A program that finds everything as it should be stops its CPU, which
//! powers the machine off; one that does not ends in a disabled wait, and the run fails with a report.
//! Truth: the Principles of Operation; each test names the place.

use std::sync::Arc;

use softsie_isa::assemble;

use crate::console::Console;
use crate::load::{ENTRY, Program};
use crate::machine::{Ending, Machine, Parts};
use crate::sclp::ConsoleKind;
use crate::storage::MIB;

/// What every program begins with. An instruction that is to be interrupted stands between `lghi %r9,CODE` and
/// `brasl %r14,interrupted`.
const FRAME: &str = "
start:
        larl    %r1,program_new
        mvc     0x1d0(16),0(%r1)
        lghi    %r8,0
        jg      begin
# A program interruption leaves its code in r8 and goes on behind the instruction.
        .align  8
program_new:
        .quad   0x0000000180000000,program
program:
        llgh    %r8,0x8e
        # The access key goes back to 0.
        mvc     0xe00(16),0x150
        ni      0xe01,0x0f
        lpswe   0xe00
# Fails unless the program-interruption code is r9.
interrupted:
        cgrjne  %r8,%r9,failed
        lghi    %r8,0
        br      %r14
        .align  8
disabled:
        .quad   0x0002000180000000,0xbad
failed:
        larl    %r1,disabled
        lpswe   0(%r1)
passed:
        stap    0xe10
        llgh    %r2,0xe10
        sigp    %r0,%r2,5
        j       passed
begin:
";

/// Runs `program`, which starts at its first line, on a machine with `cpus` CPUs.
fn run(program: &str, cpus: u16, via_ioctl: bool) -> Ending {
    let bytes = assemble(&format!("{FRAME}{program}"), ENTRY).unwrap();
    let parts = Parts {
        program: Program::embedded("a test", bytes, ENTRY),
        storage: 16 * MIB,
        cpus,
        max_cpus: cpus,
        cpu_model: None,
        console_kind: ConsoleKind::Vt220,
        identity: Default::default(),
        translation: Some(softsie_kvm::Translation::USUAL),
        via_ioctl,
    };
    let machine = Arc::new(Machine::new(parts, Arc::new(Console::new(None))).unwrap());
    let threads = machine.start().unwrap();
    let ending = machine.wait();
    machine.end(ending.clone());
    machine.join(threads);
    ending
}

#[track_caller]
pub(crate) fn passes(program: &str, cpus: u16) {
    assert_eq!(run(program, cpus, false), Ending::PoweredOff);
    if cpus <= 2 {
        assert_eq!(run(program, cpus, true), Ending::PoweredOff, "KVM called by ioctl number");
    }
}

#[test]
fn programs_can_fail() {
    assert!(matches!(run("j failed", 1, false), Ending::Failed(report) if report.contains("disabled wait")));
    let unexpected = "lghi %r9,5\n .short 0x0000\n brasl %r14,interrupted\n j passed";
    assert!(
        matches!(run(unexpected, 1, true), Ending::Failed(_)),
        "an operation exception is not an addressing exception"
    );
}

/// Chapter 14: operand exceptions before condition code 3, access exceptions before it too.
#[test]
fn subchannels_are_not_operational() {
    passes(
        "
        llilf   %r1,0x00010000
        lghi    %r2,0x2000
        stsch   0(%r2)
        jno     failed
        msch    0(%r2)
        jno     failed
        ssch    0(%r2)
        jno     failed
        tsch    0(%r2)
        jno     failed
        csch
        jno     failed
        hsch
        jno     failed
        tpi     0
        jne     failed
        stcrw   0(%r2)
        jnl     failed
        icm     %r3,15,0(%r2)
        jne     failed
        lghi    %r1,0x11
        rchp
        jno     failed
        # Not a word boundary.
        llilf   %r1,0x00010000
        lghi    %r9,6
        stsch   2(%r2)
        brasl   %r14,interrupted
        # Outside storage.
        lghi    %r9,5
        llilf   %r3,0x7ffff000
        msch    0(%r3)
        brasl   %r14,interrupted
        # No subsystem-identification word.
        lghi    %r9,0x15
        lghi    %r1,0
        csch
        brasl   %r14,interrupted
        llill   %r1,0xffff
        sal
        brasl   %r14,interrupted
        j       passed
        ",
        1,
    );
}

/// Chapter 3, Key-Controlled Protection, for an operand that the launcher accesses.
#[test]
fn the_command_block_is_under_key_controlled_protection() {
    passes(
        "
        llilf   %r2,0x20000
        llilf   %r3,0x00100010
        lghi    %r4,0x10
        sske    %r4,%r2
        # Key 1 in both: the characteristics are stored.
        mvhi    0(%r2),0
        st      %r3,0(%r2)
        spka    0x10
        .long   0xb25f0020
        spka    0
        jne     failed
        larl    %r5,response
        clc     16(4,%r2),0(%r5)
        jne     failed
        # Key 2 in storage.
        lghi    %r4,0x20
        sske    %r4,%r2
        xc      16(4,%r2),16(%r2)
        lghi    %r9,4
        spka    0x10
        .long   0xb25f0020
        brasl   %r14,interrupted
        icm     %r4,15,16(%r2)
        jne     failed
        j       passed
response:
        .long   0x0ff00001
        ",
        1,
    );
}

/// Chapter 4, CPU States: a CPU that waits for good is operating; a stop order stops it. Orders are repeated while the CPU is
/// busy with an earlier one.
#[test]
fn a_cpu_in_a_disabled_wait_follows_orders() {
    passes(
        "
        # CPU 1 goes into a disabled wait by its restart interruption.
        larl    %r1,restart_new
        mvc     0x1a0(16),0(%r1)
        lghi    %r4,1
restart:
        sigp    %r0,%r4,6
        jh      restart
        jne     failed
        # Wait until it does not run any more.
running:
        lghi    %r3,0
        lghi    %r2,0
        sigp    %r2,%r4,0x15
        jhe     running
        sigp    %r2,%r4,1
        jne     failed
stop:
        sigp    %r0,%r4,5
        jh      stop
        jne     failed
stopping:
        lghi    %r2,0
        sigp    %r2,%r4,1
        jhe     stopping
        chi     %r2,0x40
        jne     failed
        j       passed
        .align  8
restart_new:
        .quad   0x0002000180000000,0x1234
        ",
        2,
    );
}

/// Chapter 4, Store Additional Status at Address: the area lies on a boundary of 1024 bytes.
#[test]
fn additional_status_holds_the_vector_registers() {
    passes(
        "
        lghi    %r4,1
        llilf   %r3,0x20100
        lghi    %r2,0
        sigp    %r2,%r4,0x17
        jnl     failed
        chi     %r2,0x100
        jne     failed
        llilf   %r3,0x20000
        mvi     0(%r3),0xff
store:
        sigp    %r2,%r4,0x17
        jh      store
        jne     failed
        cli     0(%r3),0
        jne     failed
        j       passed
        ",
        2,
    );
}

/// The same with guarded storage: the parameter's right bits give the area's size, and from 2 KiB on the guarded-storage
/// registers are in it.
#[test]
fn additional_status_holds_the_guarded_storage_registers() {
    passes(
        "
        larl    %r5,rows
row:    lg      %r3,0(%r5)
        llilf   %r6,0x20000
        mvi     0x400(%r6),0xff
        lghi    %r2,0
store:
        lghi    %r4,1
        sigp    %r2,%r4,0x17
        jh      store
        ipm     %r0
        srl     %r0,28
        cl      %r0,12(%r5)
        jne     failed
        llc     %r0,0x400(%r6)
        cl      %r0,20(%r5)
        jne     failed
        aghi    %r5,24
        clgfi   %r3,0x2100c
        jne     row
        j       passed
        .align  8
        # parameter, condition code, the first byte at 20400 afterwards
rows:   .quad   0x20000,0,0xff
        .quad   0x2000a,0,0xff
        .quad   0x2000b,0,0
        .quad   0x2000c,0,0
        .quad   0x20009,1,0xff
        .quad   0x2000d,1,0xff
        .quad   0x20408,1,0xff
        .quad   0x2040b,1,0xff
        .quad   0x2100c,0,0xff
        ",
        2,
    );
}

/// Chapter 4, CPU Signaling and Response: each order's status conditions with a stopped and an operating CPU.
#[test]
fn orders_and_their_status() {
    passes(
        "
        llilf   %r1,0x20000
        mvi     0x80(%r1),0xff
        larl    %r11,while_stopped
        brasl   %r13,rows
        # CPU 1 has its prefix at 22000 now, and begins to loop by its restart interruption.
        llilf   %r1,0x22000
        larl    %r2,restart_new
        mvc     0x1a0(16,%r1),0(%r2)
        larl    %r11,while_starting
        brasl   %r13,rows
        larl    %r1,alive
started:
        cli     0(%r1),1
        jne     started
        lghi    %r4,1
running:
        lghi    %r2,0
        sigp    %r2,%r4,0x15
        jnz     running
        larl    %r11,while_operating
        brasl   %r13,rows
        # What stop and store status has left: general register 9, the PSW of the loop, the prefix.
        lg      %r1,0x1280+72
        cghi    %r1,0x777
        jne     failed
        lg      %r1,0x1308
        larl    %r2,loop
        cgrjne  %r1,%r2,failed
        ly      %r1,0x1318
        cfi     %r1,0x22000
        jne     failed
        # Store status at address, of a CPU that was reset.
        lg      %r1,0x20080
        cghi    %r1,0
        jne     failed
        j       passed
# Carries out the orders at r11, ends behind the last. Order, parameter, CPU, condition code, status.
rows:
        lg      %r5,0(%r11)
        lg      %r3,8(%r11)
        lg      %r4,16(%r11)
        ltgr    %r5,%r5
        blr     %r13
again:
        lghi    %r2,0
        lghi    %r6,0
        sigp    %r2,%r4,0(%r5)
        jh      again
        ipm     %r6
        srl     %r6,28
        cg      %r6,24(%r11)
        jne     failed
        cg      %r2,32(%r11)
        jne     failed
        aghi    %r11,40
        j       rows
# What CPU 1 does.
other:
        lghi    %r9,0x777
        larl    %r1,alive
        mvi     0(%r1),1
loop:
        j       loop
alive:
        .quad   0
restart_new:
        .quad   0x0000000180000000,other
while_stopped:
        .quad   0x01,0,5,3,0
        .quad   0x03,0,5,3,0
        .quad   0x0d,0x22000,5,3,0
        .quad   0x01,0,0,0,0
        .quad   0x15,0,0,0,0
        .quad   0x01,0,1,1,0x040
        .quad   0x15,0,1,1,0x400
        .quad   0x02,0,1,0,0
        .quad   0x01,0,1,1,0x0c0
        .quad   0x02,0,1,1,0x080
        .quad   0x03,0,1,0,0
        .quad   0x03,0,1,0,0
        # Its PSW is disabled for external and I/O interruptions.
        .quad   0x13,0,1,0,0
        # A CPU reset and an initial CPU reset take the external call away.
        .quad   0x0c,0,1,0,0
        .quad   0x01,0,1,1,0x040
        .quad   0x02,0,1,0,0
        .quad   0x0b,0,1,0,0
        .quad   0x01,0,1,1,0x040
        # Prefix and save areas outside storage.
        .quad   0x0d,0x7fffe000,1,1,0x100
        .quad   0x0e,0x7ffffe00,1,1,0x100
        .quad   0x17,0x7ffffc00,1,1,0x100
        # The rightmost bits of both are ignored.
        .quad   0x0d,0xffffffff80023fff,1,0,0
        .quad   0x0e,0xffffffff800201ff,1,0,0
        .quad   0x05,0,1,0,0
        .quad   0x01,0,1,1,0x040
        # z/Architecture is the only one.
        .quad   0x12,0,0,1,0x100
        .quad   0x12,1,0,1,0x100
        .quad   0x12,2,0,1,0x100
        # An operating CPU, this one, has no prefix to set and no status to store.
        .quad   0x0d,0x22000,0,1,0x200
        .quad   0x0e,0x20000,0,1,0x200
        # Not assigned, or not installed: set multithreading, …
        .quad   0x00,0,1,1,0x002
        .quad   0x07,0,1,1,0x002
        .quad   0x08,0,1,1,0x002
        .quad   0x0a,0,1,1,0x002
        .quad   0x0f,0,1,1,0x002
        .quad   0x14,0,1,1,0x002
        .quad   0x16,0,1,1,0x002
        .quad   0xff,0,1,1,0x002
        .quad   -1,0,0
while_starting:
        .quad   0x06,0,1,0,0
        .quad   -1,0,0
while_operating:
        .quad   0x01,0,1,0,0
        .quad   0x0d,0x22000,1,1,0x200
        .quad   0x0e,0x20000,1,1,0x200
        .quad   0x17,0x20000,1,1,0x200
        .quad   0x04,0,1,0,0
        .quad   0x16,0,1,1,0x002
        .quad   0x13,0x1234,1,0,0
        .quad   0x09,0,1,0,0
        .quad   0x01,0,1,1,0x040
        # Started, it goes on where it was; stopped again.
        .quad   0x04,0,1,0,0
        .quad   0x05,0,1,0,0
        .quad   0x01,0,1,1,0x040
        .quad   0x09,0,1,0,0
        .quad   -1,0,0
        ",
        2,
    );
}

/// Chapter 4, Resets: load clear leaves nothing but the TOD clock, which tells the second run of the program from the first.
#[test]
fn load_clear_clears_storage_keys_and_registers() {
    passes(
        "
        llilf   %r3,0x300000
        iske    %r4,%r3
        stck    0xe20
        tm      0xe20,0x80
        jz      second
        lghi    %r4,0x30
        sske    %r4,%r3
        mvi     0(%r3),0x55
        lctlg   %c1,%c1,0(%r3)
        # Pending: a service signal, and a signal of the other CPU's would be the same.
        lghi    %r7,0
        llihh   %r7,0x4000
        stg     %r7,0xe20
        sck     0xe20
        lghi    %r3,3
        diag    %r2,%r3,0x308
        j       failed
second:
        nill    %r4,0xf0
        jne     failed
        cli     0(%r3),0
        jne     failed
        stctg   %c0,%c15,0xe80
        lg      %r1,0xe80
        cghi    %r1,0xe0
        jne     failed
        lg      %r1,0xe88
        cghi    %r1,0
        jne     failed
        ltgr    %r7,%r7
        jne     failed
        j       passed
        ",
        2,
    );
}

/// Chapter 4, Resets: load normal is an initial CPU reset of the CPU that goes on, a CPU reset of the others and a subsystem
/// reset. General registers stay; signals do not. Modified clear takes them away too.
#[test]
fn load_normal_keeps_general_registers() {
    for (subcode, register) in [(1, 0x77), (0, 0)] {
        passes(
            &format!(
                "
        lghi    %r7,0x77
        lctlg   %c1,%c2,0x1000
        llill   %r1,0x8000
        st      %r1,0xe00
        # An external call for this CPU and for the other one.
        lghi    %r4,0
        sigp    %r2,%r4,2
        lghi    %r4,1
        sigp    %r2,%r4,2
        larl    %r1,short
        mvc     0(8,0),0(%r1)
        lghi    %r3,{subcode}
        diag    %r2,%r3,0x308
        j       failed
after:
        cghi    %r7,{register:#x}
        jne     failed
        stctg   %c0,%c15,0xe80
        lg      %r1,0xe80
        cghi    %r1,0xe0
        jne     failed
        lg      %r1,0xe88
        cghi    %r1,0
        jne     failed
        llilf   %r1,0xc2000000
        cg      %r1,0xef0
        jne     failed
        stckc   0xe80
        stpx    0xe88
        stpt    0xe90
        lg      %r1,0xe80
        ltgr    %r1,%r1
        jne     failed
        l       %r1,0xe88
        ltr     %r1,%r1
        jne     failed
        # The CPU timer began at zero and has counted down.
        lg      %r1,0xe90
        ltgr    %r1,%r1
        jnl     failed
        lghi    %r4,0
        lghi    %r2,0
        sigp    %r2,%r4,1
        jne     failed
        lghi    %r4,1
again:
        lghi    %r2,0
        sigp    %r2,%r4,1
        jh      again
        jne     status
        j       failed
status:
        chi     %r2,0x40
        jne     failed
        j       passed
        .align  8
short:
        .quad   0x0008000180000000+after
        "
            ),
            2,
        );
    }
}
