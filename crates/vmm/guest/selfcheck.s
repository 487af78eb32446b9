# The embedded guest: says what machine it found, checks address translation, interruptions, clocks and a second CPU, and
# powers off by stopping. A check that fails ends in a disabled wait instead, so that the run fails too.
# Entered at 0x10000 with 64-bit addressing, DAT off, everything masked. Source of truth: the Principles of Operation.
#
# LARL reaches even addresses only: hence the .align 2 before each text.
# Registers: routines get their argument in r2 and return through r14; `print` keeps its return in r13 and `verdict` in r12.
# r6 to r11 belong to the main program; r0 to r5 to whoever runs.

# Fixed places in the lowcore, in the area the architecture leaves to programs.
        .equ SAVE,0xe00
        .equ CONTINUE,0xe10
        .equ SCRATCH,0xe18
        .equ CR0,0xe20
        .equ TIME,0xe28
        .equ CR1,0xe30

# Tables and frames of the translation test.
        .equ SEGMENTS,0x80000
        .equ PAGES_LOW,0x81000
        .equ PAGES_TEST,0x81800
        .equ FRAME,0x90000
        .equ FRAME_PROTECTED,0x91000
        .equ VIRTUAL,0x100000
        .equ VIRTUAL_INVALID,0x101000
        .equ VIRTUAL_PROTECTED,0x102000

# Lowcore of the second CPU.
        .equ SECOND,0xa0000

        .equ ROUNDS,20000
        .equ MILLISECOND,4096000

start:
        jg      begin
# The parameter area of the Linux convention: a launcher may write a command line there.
        .space  0xffa
begin:
        larl    %r1,external
        stg     %r1,0x1b8
        larl    %r1,supervisor_call
        stg     %r1,0x1c8
        larl    %r1,program
        stg     %r1,0x1d8
        larl    %r1,mask
        mvc     0x1b0(8),0(%r1)
        mvc     0x1c0(8),0(%r1)
        mvc     0x1d0(8),0(%r1)
        mvghi   CONTINUE,0
        # Service signals are let in whenever external interruptions are.
        lghi    %r2,0x2e0
        brasl   %r14,set_cr0

        larl    %r3,sccb
        mvghi   0(%r3),0
        mvhhi   0(%r3),28
        xc      8(20,%r3),8(%r3)
        mvhhi   10(%r3),4
        mvi     19(%r3),0x40
        llilf   %r2,0x00780005
        brasl   %r14,sclp

        larl    %r2,text_hello
        brasl   %r14,print

# What machine is this?
        larl    %r6,block
        lghi    %r1,1
        lgfi    %r0,0x10000001
        stsi    0(%r6)
        larl    %r2,text_machine
        brasl   %r14,print
        lghi    %r2,32
        lghi    %r3,16
        brasl   %r14,print_field
        larl    %r2,text_type
        brasl   %r14,print
        lghi    %r2,48
        lghi    %r3,4
        brasl   %r14,print_field
        larl    %r2,text_under
        brasl   %r14,print
        lghi    %r1,2
        lgfi    %r0,0x30000002
        stsi    0(%r6)
        lghi    %r2,56
        lghi    %r3,16
        brasl   %r14,print_field
        brasl   %r14,print_line_end

        larl    %r2,text_identification
        brasl   %r14,print
        stidp   SCRATCH
        lg      %r2,SCRATCH
        brasl   %r14,print_hexadecimal
        brasl   %r14,print_line_end

        # Facilities: 32 doublewords at most; count the ones.
        larl    %r6,block
        xc      0(256,%r6),0(%r6)
        lghi    %r0,31
        stfle   0(%r6)
        lghi    %r7,0
        lghi    %r8,32
1:      lg      %r1,0(%r6)
2:      ltgr    %r1,%r1
        jz      3f
        # Takes away the rightmost one.
        lgr     %r2,%r1
        aghi    %r2,-1
        ngr     %r1,%r2
        aghi    %r7,1
        j       2b
3:      la      %r6,8(%r6)
        brctg   %r8,1b
        larl    %r2,text_facilities
        brasl   %r14,print
        lgr     %r2,%r7
        brasl   %r14,print_decimal
        larl    %r2,text_first
        brasl   %r14,print
        larl    %r6,block
        lg      %r2,0(%r6)
        brasl   %r14,print_hexadecimal
        brasl   %r14,print_line_end

        # Storage and CPUs, as the service-call processor tells.
        larl    %r3,sccb
        xc      0(256,%r3),0(%r3)
        mvhhi   0(%r3),4096
        llilf   %r2,0x00020001
        brasl   %r14,sclp
        larl    %r6,sccb
        llgh    %r7,8(%r6)
        llgc    %r1,10(%r6)
        msgr    %r7,%r1
        llgh    %r8,16(%r6)
        llgh    %r9,6(%r6)
        larl    %r2,text_storage
        brasl   %r14,print
        lgr     %r2,%r7
        brasl   %r14,print_decimal
        larl    %r2,text_cpus
        brasl   %r14,print
        lgr     %r2,%r8
        brasl   %r14,print_decimal
        brasl   %r14,print_line_end
        lghi    %r0,0x10
        sgr     %r0,%r9
        larl    %r2,name_sclp
        brasl   %r14,verdict

# Arithmetic: the sum of 1 to 1000, and back by division.
        lghi    %r1,1000
        lghi    %r3,0
1:      agr     %r3,%r1
        brctg   %r1,1b
        lgfi    %r4,500500
        sgr     %r4,%r3
        lgr     %r5,%r3
        lghi    %r2,0
        lgr     %r3,%r5
        lghi    %r1,1001
        dlgr    %r2,%r1
        aghi    %r3,-500
        lgr     %r0,%r4
        ogr     %r0,%r2
        ogr     %r0,%r3
        larl    %r2,name_arithmetic
        brasl   %r14,verdict

# Floating point: 1.5 + 2.25 is 3.75.
        larl    %r1,float_numbers
        ld      %f0,0(%r1)
        adb     %f0,8(%r1)
        std     %f0,SCRATCH
        lg      %r0,SCRATCH
        sg      %r0,16(%r1)
        larl    %r2,name_float
        brasl   %r14,verdict

# Supervisor call.
        svc     42
        lghi    %r0,42
        llgh    %r1,0x8a
        sgr     %r0,%r1
        larl    %r2,name_svc
        brasl   %r14,verdict

# Program interruptions: no such instruction, and a division by zero.
        larl    %r1,1f
        stg     %r1,CONTINUE
        .short  0
1:      lghi    %r0,0x01
        lghi    %r2,2
        brasl   %r14,program_difference
        larl    %r2,name_operation
        brasl   %r14,verdict

        larl    %r1,1f
        stg     %r1,CONTINUE
        lghi    %r2,0
        lghi    %r3,1
        lghi    %r4,0
        dlgr    %r2,%r4
1:      lghi    %r0,0x09
        lghi    %r2,4
        brasl   %r14,program_difference
        larl    %r2,name_divide
        brasl   %r14,verdict

# Dynamic address translation. The first megabyte is mapped to itself; in the second, one page elsewhere, one nowhere, and
# one that may only be read.
        lgfi    %r1,SEGMENTS
        lghi    %r2,512
1:      mvghi   0(%r1),0x20
        la      %r1,8(%r1)
        brctg   %r2,1b
        lgfi    %r1,SEGMENTS
        lgfi    %r2,PAGES_LOW
        stg     %r2,0(%r1)
        lgfi    %r2,PAGES_TEST
        stg     %r2,8(%r1)
        lgfi    %r1,PAGES_LOW
        lghi    %r2,0
        lghi    %r3,256
2:      stg     %r2,0(%r1)
        la      %r1,8(%r1)
        aghi    %r2,4096
        brctg   %r3,2b
        lgfi    %r1,PAGES_TEST
        lgfi    %r2,FRAME
        stg     %r2,0(%r1)
        mvghi   8(%r1),0x400
        lgfi    %r2,FRAME_PROTECTED
        oill    %r2,0x200
        stg     %r2,16(%r1)
        lgfi    %r1,SEGMENTS
        stg     %r1,CR1
        lctlg   %c1,%c1,CR1
        ptlb

        lgfi    %r1,VIRTUAL
        lgfi    %r2,0x12345678
        stosm   SCRATCH,0x04
        stg     %r2,0x18(%r1)
        stnsm   SCRATCH,0xfb
        lgfi    %r1,FRAME
        lg      %r0,0x18(%r1)
        sgr     %r0,%r2
        larl    %r2,name_dat
        brasl   %r14,verdict

        larl    %r1,1f
        stg     %r1,CONTINUE
        lgfi    %r1,VIRTUAL_INVALID
        stosm   SCRATCH,0x04
        lg      %r2,0x20(%r1)
1:      stnsm   SCRATCH,0xfb
        lghi    %r0,0x11
        lghi    %r2,6
        brasl   %r14,program_difference
        lg      %r1,0xa8
        nill    %r1,0xf000
        lgfi    %r2,VIRTUAL_INVALID
        sgr     %r1,%r2
        ogr     %r0,%r1
        larl    %r2,name_page
        brasl   %r14,verdict

        larl    %r1,1f
        stg     %r1,CONTINUE
        lgfi    %r1,VIRTUAL_PROTECTED
        stosm   SCRATCH,0x04
        lg      %r2,0x20(%r1)
        stg     %r2,0x20(%r1)
1:      stnsm   SCRATCH,0xfb
        lghi    %r0,0x04
        lghi    %r2,6
        brasl   %r14,program_difference
        larl    %r2,name_protection
        brasl   %r14,verdict

# Clock comparator and CPU timer, each a millisecond from now, waited for.
        stck    TIME
        lg      %r1,TIME
        agfi    %r1,MILLISECOND
        stg     %r1,TIME
        sckc    TIME
        lghi    %r2,0xae0
        brasl   %r14,set_cr0
        brasl   %r14,await
        lghi    %r2,0x2e0
        brasl   %r14,set_cr0
        lghi    %r0,0x1004
        llgh    %r1,0x86
        sgr     %r0,%r1
        # The clock must have reached the comparator.
        stck    SCRATCH
        lg      %r1,SCRATCH
        clg     %r1,TIME
        jhe     1f
        lghi    %r0,1
1:      larl    %r2,name_comparator
        brasl   %r14,verdict

        lgfi    %r1,MILLISECOND
        stg     %r1,TIME
        spt     TIME
        lghi    %r2,0x6e0
        brasl   %r14,set_cr0
        brasl   %r14,await
        lghi    %r2,0x2e0
        brasl   %r14,set_cr0
        lghi    %r0,0x1005
        llgh    %r1,0x86
        sgr     %r0,%r1
        larl    %r2,name_timer
        brasl   %r14,verdict

# A second CPU, if there is one: it is reset, gets a lowcore and is restarted; both count up one number; it calls back.
        lghi    %r3,1
        lghi    %r4,0
        sigp    %r4,%r3,1
        jo      no_second
1:      lghi    %r3,1
        sigp    %r4,%r3,11
        jnz     1b
        lgfi    %r5,SECOND
        larl    %r1,mask
        mvc     0x1a0(8,%r5),0(%r1)
        larl    %r1,second
        stg     %r1,0x1a8(%r5)
2:      lghi    %r3,1
        # The parameter of an order is in the odd register of the pair.
        sigp    %r4,%r3,13
        jnz     2b
3:      sigp    %r4,%r3,6
        jnz     3b
        larl    %r1,ready
4:      lt      %r2,0(%r1)
        jz      4b
        brasl   %r14,count
        lghi    %r2,0x42e0
        brasl   %r14,set_cr0
        brasl   %r14,await
        lghi    %r2,0x2e0
        brasl   %r14,set_cr0
        lghi    %r0,0x1201
        llgh    %r1,0x86
        sgr     %r0,%r1
        llgh    %r1,0x84
        aghi    %r1,-1
        ogr     %r0,%r1
        larl    %r2,name_call
        brasl   %r14,verdict
        larl    %r1,counter
        lgfi    %r0,ROUNDS
        agr     %r0,%r0
        sg      %r0,0(%r1)
        larl    %r2,name_count
        brasl   %r14,verdict
        # It stops itself: sense says so sooner or later.
5:      lghi    %r3,1
        lghi    %r4,0
        sigp    %r4,%r3,1
        tmll    %r4,0x40
        jz      5b
        lghi    %r0,0
        larl    %r2,name_stopped
        brasl   %r14,verdict
        j       finish
no_second:
        larl    %r2,text_one
        brasl   %r14,print

finish:
        larl    %r1,failures
        lg      %r1,0(%r1)
        ltgr    %r1,%r1
        jnz     1f
        larl    %r2,text_good
        brasl   %r14,print
        stap    SCRATCH
        llgh    %r3,SCRATCH
2:      sigp    %r4,%r3,5
        j       2b
1:      larl    %r2,text_bad
        brasl   %r14,print
        larl    %r1,crash
        lpswe   0(%r1)

# The second CPU starts here, with a lowcore of its own.
second:
        larl    %r1,ready
        mvhi    0(%r1),1
        brasl   %r14,count
        lghi    %r3,0
1:      sigp    %r4,%r3,3
        jnz     1b
        stap    SCRATCH
        llgh    %r3,SCRATCH
2:      sigp    %r4,%r3,5
        j       2b

# Adds ROUNDS to the counter, one by one, in competition with the other CPU.
count:
        lgfi    %r1,ROUNDS
        larl    %r3,counter
1:      lg      %r4,0(%r3)
2:      la      %r5,1(%r4)
        csg     %r4,%r5,0(%r3)
        jne     2b
        brctg   %r1,1b
        br      %r14

# Sets control register 0 to r2 and, for floating point, the AFP-register control.
set_cr0:
        oilh    %r2,0x0004
        stg     %r2,CR0
        lctlg   %c0,%c0,CR0
        br      %r14

# Gives command r2 with the control block, and waits for its completion.
sclp:
        larl    %r3,sccb
# SERVC %r2,%r3, which GNU as does not know.
1:      .long   0xb2200023
        jnz     1b
# Waits for an external interruption, then returns with interruptions masked again.
await:
        larl    %r1,waiting
        stg     %r14,8(%r1)
        lpswe   0(%r1)

# Shows the text at r2, which ends with a zero byte.
print:
        lgr     %r13,%r14
        larl    %r3,sccb
        xc      0(14,%r3),0(%r3)
        lghi    %r5,0
1:      llgc    %r0,0(%r5,%r2)
        ltgr    %r0,%r0
        jz      2f
        stc     %r0,14(%r5,%r3)
        aghi    %r5,1
        j       1b
2:      la      %r0,6(%r5)
        sth     %r0,8(%r3)
        mvi     10(%r3),0x1a
        la      %r0,14(%r5)
        sth     %r0,0(%r3)
        llilf   %r2,0x00760005
        brasl   %r14,sclp
        br      %r13

print_line_end:
        larl    %r2,text_line_end
        j       print

# Shows r3 characters of EBCDIC text at offset r2 of the block, without the blanks at its end.
print_field:
        larl    %r4,block
        agr     %r4,%r2
        larl    %r2,field
        mvc     0(16,%r2),0(%r4)
        larl    %r1,latin
        tr      0(16,%r2),0(%r1)
        agr     %r3,%r2
1:      mvi     0(%r3),0
        aghi    %r3,-1
        cgr     %r3,%r2
        jl      print
        cli     0(%r3),0x20
        je      1b
        j       print

# Shows r2 as a decimal number.
print_decimal:
        larl    %r3,digits_end
        lghi    %r4,10
1:      lghi    %r0,0
        lgr     %r1,%r2
        dlgr    %r0,%r4
        aghi    %r0,0x30
        aghi    %r3,-1
        stc     %r0,0(%r3)
        lgr     %r2,%r1
        ltgr    %r2,%r2
        jnz     1b
        lgr     %r2,%r3
        j       print

# Shows r2 as sixteen hexadecimal digits.
print_hexadecimal:
        larl    %r3,digits_end
        lghi    %r4,16
1:      lgr     %r1,%r2
        lghi    %r0,15
        ngr     %r1,%r0
        cghi    %r1,10
        jl      2f
        aghi    %r1,0x27
2:      aghi    %r1,0x30
        aghi    %r3,-1
        stc     %r1,0(%r3)
        srlg    %r2,%r2,4
        brctg   %r4,1b
        lgr     %r2,%r3
        j       print

# Reports the check with the name at r2: passed if r0 is zero.
verdict:
        lgr     %r12,%r14
        lgr     %r11,%r2
        larl    %r2,text_pass
        ltgr    %r0,%r0
        jz      1f
        larl    %r1,failures
        lg      %r2,0(%r1)
        aghi    %r2,1
        stg     %r2,0(%r1)
        larl    %r2,text_fail
1:      brasl   %r14,print
        lgr     %r2,%r11
        brasl   %r14,print
        br      %r12

# Sets r0 to zero if the last program interruption had code r0 and instruction length r2.
program_difference:
        llgh    %r1,0x8e
        sgr     %r0,%r1
        llgh    %r1,0x8c
        sgr     %r1,%r2
        ogr     %r0,%r1
        # Nothing may wait for an interruption that came.
        lg      %r1,CONTINUE
        ogr     %r0,%r1
        mvghi   CONTINUE,0
        br      %r14

# External interruption: goes on where it was, neither waiting nor open for another one.
external:
        ni      0x130,0xfe
        ni      0x131,0xfd
        lpswe   0x130

supervisor_call:
        lpswe   0x140

# Program interruption: goes on where the program under test expects it; anywhere else it is a defect.
program:
        stmg    %r0,%r1,SAVE
        lg      %r1,CONTINUE
        ltgr    %r1,%r1
        jz      1f
        stg     %r1,0x158
        mvghi   CONTINUE,0
        lmg     %r0,%r1,SAVE
        lpswe   0x150
1:      lmg     %r0,%r1,SAVE
        larl    %r14,crash
        lpswe   0(%r14)

        .align  8
mask:   .quad   0x0000000180000000
waiting:
        .quad   0x0102000180000000,0
crash:  .quad   0x0002000180000000,0xfa11
float_numbers:
        .quad   0x3ff8000000000000,0x4002000000000000,0x400e000000000000
counter:
        .quad   0
failures:
        .quad   0
ready:  .long   0

        .align  2
text_hello:
        .asciz  "softsie: the embedded guest\n"
        .align  2
text_machine:
        .asciz  "machine: "
        .align  2
text_type:
        .asciz  ", type "
        .align  2
text_under:
        .asciz  ", under "
        .align  2
text_identification:
        .asciz  "CPU identification: "
        .align  2
text_facilities:
        .asciz  "facilities: "
        .align  2
text_first:
        .asciz  ", the first 64: "
        .align  2
text_storage:
        .asciz  "storage: "
        .align  2
text_cpus:
        .asciz  " MiB, CPUs: "
        .align  2
text_pass:
        .asciz  "PASS "
        .align  2
text_fail:
        .asciz  "FAIL "
        .align  2
text_one:
        .asciz  "one CPU only: nothing to start\n"
        .align  2
text_good:
        .asciz  "all checks passed, powering off\n"
        .align  2
text_bad:
        .asciz  "checks failed\n"
        .align  2
text_line_end:
        .asciz  "\n"
        .align  2
name_sclp:
        .asciz  "service call and its interruption\n"
        .align  2
name_arithmetic:
        .asciz  "arithmetic\n"
        .align  2
name_float:
        .asciz  "floating point\n"
        .align  2
name_svc:
        .asciz  "supervisor call\n"
        .align  2
name_operation:
        .asciz  "operation exception\n"
        .align  2
name_divide:
        .asciz  "fixed-point-divide exception\n"
        .align  2
name_dat:
        .asciz  "address translation\n"
        .align  2
name_page:
        .asciz  "page-translation exception\n"
        .align  2
name_protection:
        .asciz  "protection exception\n"
        .align  2
name_comparator:
        .asciz  "clock comparator\n"
        .align  2
name_timer:
        .asciz  "CPU timer\n"
        .align  2
name_call:
        .asciz  "second CPU started, emergency signal\n"
        .align  2
name_count:
        .asciz  "compare and swap between two CPUs\n"
        .align  2
name_stopped:
        .asciz  "second CPU stopped\n"

        .align  2
field:  .space  18
digits: .space  20
digits_end:
        .short  0

# EBCDIC letters, digits and a few signs to ASCII; everything else is a full stop.
latin:  .space  0x40,0x2e
        .byte   0x20
        .space  0x1f,0x2e
        .ascii  "-/"
        .space  0x1f,0x2e
        .ascii  "abcdefghi"
        .space  7,0x2e
        .ascii  "jklmnopqr"
        .space  8,0x2e
        .ascii  "stuvwxyz"
        .space  0x17,0x2e
        .ascii  "ABCDEFGHI"
        .space  7,0x2e
        .ascii  "JKLMNOPQR"
        .space  8,0x2e
        .ascii  "STUVWXYZ"
        .space  6,0x2e
        .ascii  "0123456789"
        .space  6,0x2e

        .align  4096
sccb:   .space  4096
block:  .space  4096
