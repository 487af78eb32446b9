# A program of a known number of instructions: two in each turn of a loop, which turns as often as its argument says.
# Truth: BRANCH RELATIVE ON COUNT, and the ELF ABI supplement: the argument count is at the stack pointer.
        .globl  _start
_start: lg      %r2, 16(%r15)           # the first argument's text
        lghi    %r3, 0
1:      llgc    %r4, 0(%r2)
        aghi    %r4, -'0'
        jl      2f
        mghi    %r3, 10
        agr     %r3, %r4
        la      %r2, 1(%r2)
        j       1b
2:      aghi    %r5, 1
        brctg   %r3, 2b
        lghi    %r2, 0
        lghi    %r1, 1                  # exit
        svc     0
