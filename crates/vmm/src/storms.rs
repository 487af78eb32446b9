//! Storms of SIGNAL PROCESSOR orders on a whole machine: CPUs start, stop, restart, reset, inspect and interrupt each other
//! without pause. Truth: the Principles of Operation, chapter 4, CPU Signaling and Response: an order that was accepted is
//! carried out exactly once, a stopped CPU does nothing, its status is what it had, and busy (condition code 2) is the
//! only reason to try again. `SOFTSIE_LITMUS_ROUNDS` and `SOFTSIE_LITMUS_CPUS` as for the litmus tests.

use crate::programs::passes;

fn number(variable: &str) -> Option<u16> {
    std::env::var(variable).ok().and_then(|v| v.parse().ok())
}

/// Runs `program(cpus, rounds)` with each number of CPUs.
fn storm(usual: u16, program: impl Fn(u16, u16) -> String) {
    let rounds = number("SOFTSIE_LITMUS_ROUNDS").unwrap_or(usual);
    for cpus in number("SOFTSIE_LITMUS_CPUS").map_or_else(|| vec![2, 4], |n| vec![n]) {
        passes(&format!("j begin_storm\n{COUNTING}begin_storm:\n{}", program(cpus, rounds)), cpus);
    }
}

/// What the CPUs under orders run. At OWN + n * 0x100 CPU n keeps the count of its loop, and from 8 on the numbers of external
/// calls, restarts and emergency signals taken.
///
/// A CPU that has been restarted counts in R11 and at 0(%r10), and takes external calls and emergency signals meanwhile; its
/// address is in R9. A restart makes it begin anew, with the count at 0(%r10), and is itself counted.
const COUNTING: &str = "
        .equ    OWN,0x200000
        .equ    PREFIXES,0x300000
        .equ    STATUS,0x400000
        .align  8
restart_new:
        .quad   0x0000000180000000,restarted
external_new:
        .quad   0x0000000180000000,external
program_new_2:
        .quad   0x0002000180000000,0xbad2
restarted:
        stap    0xe20
        llgh    %r9,0xe20
        sllg    %r10,%r9,8
        algfi   %r10,OWN
        # A restart may come between an external interruption and its count.
        lg      %r1,0x128
        larl    %r2,external
        clgr    %r1,%r2
        jl      nothing_lost
        larl    %r2,external_call
        clgr    %r1,%r2
        jnh     uncounted
        larl    %r2,external_1
        clgr    %r1,%r2
        jl      nothing_lost
        larl    %r2,emergency
        clgr    %r1,%r2
        jh      nothing_lost
uncounted:
        llgh    %r1,0x86
        cghi    %r1,0x1202
        jne     uncounted_1
        agsi    8(%r10),1
        j       nothing_lost
uncounted_1:
        agsi    24(%r10),1
nothing_lost:
        stpx    0xe24
        icm     %r1,15,0xe24
        jnz     prefixed
        sllg    %r3,%r9,16
        algfi   %r3,PREFIXES
        mvc     0x1a0(16,%r3),0x1a0
        larl    %r1,external_new
        mvc     0x1b0(16,%r3),0(%r1)
        larl    %r1,program_new_2
        mvc     0x1d0(16,%r3),0(%r1)
        st      %r3,0x40(%r10)
        spx     0x40(%r10)
prefixed:
        llill   %r1,0x60e0
        stg     %r1,0xe28
        lctlg   %c0,%c0,0xe28
        lg      %r11,0(%r10)
        agsi    16(%r10),1
        stosm   0xe30,0x03
counting:
        la      %r11,1(%r11)
        stg     %r11,0(%r10)
        lgr     %r12,%r11
        lgr     %r13,%r11
        j       counting
external:
        stmg    %r1,%r2,0xe40
        llgh    %r1,0x86
        cghi    %r1,0x1202
        jne     external_1
external_call:
        agsi    8(%r10),1
        j       external_2
external_1:
        cghi    %r1,0x1201
        jne     failed
emergency:
        agsi    24(%r10),1
external_2:
        lmg     %r1,%r2,0xe40
        lpswe   0x130
";

/// Gives each other CPU the restart-new PSW and starts it; R4 is the CPU, R5 the number of CPUs.
fn start_all(cpus: u16) -> String {
    format!(
        "
        larl    %r1,restart_new
        mvc     0x1a0(16),0(%r1)
        lghi    %r4,1
start_all:
        sigp    %r0,%r4,6
        jh      start_all
        jnz     failed
        # All begin in the first prefix area: one after the other.
        sllg    %r6,%r4,8
        algfi   %r6,OWN
        {waited}
        aghi    %r4,1
        cghi    %r4,{cpus}
        jl      start_all
",
        waited = wait_for_count("first")
    )
}

/// Waits until the count of CPU R4 has changed; R6 designates what is its own. Needs a label.
fn wait_for_count(label: &str) -> String {
    format!(
        "
        lg      %r2,0(%r6)
        llilf   %r3,2000000
{label}:
        diag    %r0,%r0,0x44
        lg      %r1,0(%r6)
        cgr     %r1,%r2
        jne     {label}_on
        brctg   %r3,{label}
        j       failed
{label}_on:
"
    )
}

/// Stops CPU R4 and waits until it is stopped.
fn stop(label: &str, order: u8) -> String {
    format!(
        "
{label}_order:
        sigp    %r2,%r4,{order}
        jh      {label}_order
        jnz     failed
{label}_sense:
        lghi    %r2,0
        lghi    %r3,0
        sigp    %r2,%r4,1
        jh      {label}_sense
        jz      {label}_sense
        nill    %r2,0xff7f
        chi     %r2,0x40
        jne     failed
"
    )
}

/// Each other CPU is stopped, found stopped and still, its status stored and compared, its prefix set, and started or
/// restarted, in turn.
#[test]
fn stopped_cpus_are_still_and_their_status_is_theirs() {
    storm(20, |cpus, rounds| {
        format!(
            "
        {start_all}
        llilf   %r7,{rounds}
again:
        lghi    %r4,1
next:
        sllg    %r6,%r4,8
        algfi   %r6,OWN
        {waited}
        {stopped}
        # It does not count any more.
        lg      %r2,0(%r6)
        lghi    %r1,100
still:
        cg      %r2,0(%r6)
        jne     failed
        brctg   %r1,still
        # R11 and the count in storage differ by the instruction between, if at all; R12 and R13 follow.
        sllg    %r3,%r4,12
        algfi   %r3,STATUS
        lgr     %r8,%r3
        xc      0x00(256,%r3),0x00(%r3)
status:
        sigp    %r2,%r4,14
        jh      status
        jnz     failed
        lg      %r1,0x80+11*8(%r8)
        sg      %r1,0(%r6)
        clgfi   %r1,1
        jh      failed
        # The CPU is in its loop, or takes or has just taken a restart: then there is nothing to say about R9.
        lg      %r1,0x80+9*8(%r8)
        cgr     %r1,%r4
        jne     failed
        lg      %r1,0x108(%r8)
        larl    %r2,restarted
        clgr    %r1,%r2
        jl      failed
        larl    %r2,external_2+16
        clgr    %r1,%r2
        jh      failed
        # Another prefix each time; the new area is a copy of ours, as far as it matters.
        sllg    %r3,%r4,16
        algfi   %r3,PREFIXES
        tmll    %r7,1
        jz      prefix_1
        aghi    %r3,0x4000
prefix_1:
        mvc     0x1a0(16,%r3),0x1a0
        larl    %r1,external_new
        mvc     0x1b0(16,%r3),0(%r1)
        larl    %r1,program_new_2
        mvc     0x1d0(16,%r3),0(%r1)
        lgr     %r5,%r3
prefix:
        lgr     %r3,%r5
        sigp    %r2,%r4,13
        jh      prefix
        jnz     failed
        # An odd round restarts, an even one only starts: the CPU goes on where it was.
        lg      %r5,16(%r6)
        tmll    %r7,1
        jz      go_on
restart:
        sigp    %r2,%r4,6
        jh      restart
        jnz     failed
        aghi    %r5,1
        j       started
go_on:
        sigp    %r2,%r4,4
        jh      go_on
        jnz     failed
started:
        {counts}
        cg      %r5,16(%r6)
        jne     failed
        # Set prefix and store status need a stopped CPU.
running:
        llilf   %r3,STATUS
        lghi    %r2,0
        sigp    %r2,%r4,14
        jh      running
        jnl     failed
        tmll    %r2,0x200
        jz      failed
        aghi    %r4,1
        cghi    %r4,{cpus}
        jl      next
        brctg   %r7,again
        {end}
",
            start_all = start_all(cpus),
            waited = wait_for_count("waited"),
            stopped = stop("stopped", 5),
            counts = wait_for_count("counts"),
            end = end(cpus),
        )
    });
}

/// Stops all others and then this CPU, which powers the machine off.
fn end(cpus: u16) -> String {
    format!(
        "
        lghi    %r4,1
end_next:
        {stopped}
        aghi    %r4,1
        cghi    %r4,{cpus}
        jl      end_next
        j       passed
",
        stopped = stop("end", 5)
    )
}

/// CPU 0 sends every order that interrupts or inspects, in an order of its own each time, together with stops and starts;
/// whatever was accepted has been taken in the end, each external call and each restart exactly once.
#[test]
fn every_accepted_order_is_carried_out_once() {
    storm(60, |cpus, rounds| {
        format!(
            "
        {start_all}
        # R7 rounds, R8 random; the numbers of accepted external calls and restarts of CPU n are at 0x80 and 0x88 of its own.
        llilf   %r8,0x2545f491
        llilf   %r7,{rounds}*10
again:
        sllg    %r1,%r8,13
        xgr     %r8,%r1
        srlg    %r1,%r8,7
        xgr     %r8,%r1
        sllg    %r1,%r8,17
        xgr     %r8,%r1
        # The CPU: 1 to the last.
        lgr     %r3,%r8
        srlg    %r3,%r3,40
        llgcr   %r3,%r3
        lghi    %r2,0
        llill   %r1,{others}
        dlgr    %r2,%r1
        la      %r4,1(%r2)
        sllg    %r6,%r4,8
        algfi   %r6,OWN
        # The order: one of sixteen.
        larl    %r1,orders
        srlg    %r2,%r8,20
        lghi    %r3,15
        ngr     %r2,%r3
        llgc    %r5,0(%r2,%r1)
        # The next restart waits until the last one has done its work.
        cghi    %r5,6
        jne     send
        lg      %r1,16(%r6)
        aghi    %r1,-1
        cg      %r1,0x88(%r6)
        jne     told
send:
        lghi    %r2,0
        llilf   %r3,STATUS
        sigp    %r2,%r4,0(%r5)
        jo      failed
        jh      busy
        jl      stored
        cghi    %r5,2
        jne     accepted_1
        agsi    0x80(%r6),1
        j       told
accepted_1:
        cghi    %r5,6
        jne     told
        agsi    0x88(%r6),1
        j       told
busy:
        # Let it be carried out.
        diag    %r0,%r0,0x44
        j       told
stored:
        # Status bits: external call pending, stopped, incorrect state, not running; nothing else can be.
        llilf   %r1,0xfffff93f
        ngr     %r1,%r2
        lghi    %r3,0x400
        ogr     %r1,%r3
        xgr     %r1,%r3
        jnz     failed
        # Not for orders that are always accepted: start, stop, restart, emergency signal.
        cghi    %r5,3
        je      failed
        cghi    %r5,4
        je      failed
        cghi    %r5,5
        je      failed
        cghi    %r5,6
        je      failed
        cghi    %r5,9
        je      failed
told:
        brctg   %r7,again
        # Everybody runs again, and takes what is pending.
        lghi    %r4,1
last:
        sllg    %r6,%r4,8
        algfi   %r6,OWN
last_start:
        sigp    %r2,%r4,4
        jh      last_start
        jnz     failed
        {counts}
        llilf   %r5,1000000
settle:
        diag    %r0,%r0,0x44
        lg      %r1,8(%r6)
        cg      %r1,0x80(%r6)
        jne     settle_1
        lg      %r1,16(%r6)
        aghi    %r1,-1
        cg      %r1,0x88(%r6)
        je      settled
settle_1:
        brctg   %r5,settle
        # For the report.
        lg      %r12,8(%r6)
        lg      %r13,0x80(%r6)
        lg      %r14,16(%r6)
        lg      %r15,0x88(%r6)
        j       failed
settled:
        aghi    %r4,1
        cghi    %r4,{cpus}
        jl      last
        {end}
orders:
        .byte   1,2,3,4,5,6,9,14,21,2,3,4,4,2,3,1
",
            start_all = start_all(cpus),
            others = cpus - 1,
            counts = wait_for_count("counts"),
            end = end(cpus),
        )
    });
}

/// A CPU that is reset at any moment is stopped, and a restart makes it run as from the beginning. An initial CPU reset
/// takes the prefix away, so that it starts from the first prefix area.
#[test]
fn resets_meet_running_cpus() {
    storm(20, |cpus, rounds| {
        format!(
            "
        {start_all}
        llilf   %r7,{rounds}
again:
        lghi    %r4,1
next:
        sllg    %r6,%r4,8
        algfi   %r6,OWN
        {waited}
        lghi    %r5,12
        tmll    %r7,1
        jz      reset
        lghi    %r5,11
reset:
        sigp    %r2,%r4,0(%r5)
        jh      reset
        jnz     failed
        # It is stopped when the order is accepted.
        lghi    %r2,0
        sigp    %r2,%r4,1
        jnl     failed
        chi     %r2,0x40
        jne     failed
        lg      %r2,0(%r6)
        lghi    %r1,100
still:
        cg      %r2,0(%r6)
        jne     failed
        brctg   %r1,still
restart:
        sigp    %r2,%r4,6
        jh      restart
        jnz     failed
        {restarted}
        aghi    %r4,1
        cghi    %r4,{cpus}
        jl      next
        brctg   %r7,again
        {end}
",
            start_all = start_all(cpus),
            waited = wait_for_count("waited"),
            restarted = wait_for_count("restarted_2"),
            end = end(cpus),
        )
    });
}

/// Every CPU signals its neighbours by external call and emergency
/// signal from within its loop, while CPU 0 stops and starts them. None may get lost, nor stop a CPU for good.
#[test]
fn cpus_signal_each_other_while_they_are_stopped_and_started() {
    storm(20, |cpus, rounds| {
        format!(
            "
        {start_all}
        llilf   %r7,{rounds}
again:
        lghi    %r4,1
next:
        sllg    %r6,%r4,8
        algfi   %r6,OWN
        {stopped}
        sigp    %r0,%r4,3
        jh      failed
        jnz     failed
        lg      %r5,24(%r6)
go_on:
        sigp    %r2,%r4,4
        jh      go_on
        jnz     failed
        # The emergency signal that it got while it was stopped interrupts it now.
        llilf   %r3,2000000
taken:
        diag    %r0,%r0,0x44
        cg      %r5,24(%r6)
        jne     taken_1
        brctg   %r3,taken
        j       failed
taken_1:
        aghi    %r4,1
        cghi    %r4,{cpus}
        jl      next
        brctg   %r7,again
        {end}
        .align  8
talkers:
        .quad   0x0000000180000000,talker
talker:
        stap    0xe20
        llgh    %r9,0xe20
        sllg    %r10,%r9,8
        algfi   %r10,OWN
        sllg    %r3,%r9,16
        algfi   %r3,PREFIXES
        larl    %r1,external_new
        mvc     0x1b0(16,%r3),0(%r1)
        larl    %r1,program_new_2
        mvc     0x1d0(16,%r3),0(%r1)
        st      %r3,0x40(%r10)
        spx     0x40(%r10)
        llill   %r1,0x60e0
        stg     %r1,0xe28
        lctlg   %c0,%c0,0xe28
        lgr     %r8,%r9
        stosm   0xe30,0x03
talk:
        aghi    %r8,1
        cghi    %r8,{cpus}
        jl      talk_1
        lghi    %r8,1
talk_1:
        sigp    %r2,%r8,2
        jo      failed
        sigp    %r2,%r8,3
        jo      failed
        jl      failed
        sigp    %r2,%r8,1
        jo      failed
        sigp    %r2,%r8,0x15
        jo      failed
        la      %r11,1(%r11)
        stg     %r11,0(%r10)
        j       talk
",
            // The others run another loop in place of the counting one.
            start_all = start_all(cpus).replace("restart_new", "talkers"),
            stopped = stop("stopped", 5),
            end = end(cpus),
        )
    });
}
