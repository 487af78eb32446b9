//! Programs with the bytes that GNU as makes of them.

use super::*;

#[test]
fn instructions() {
    let cases: &[(&str, &[u8])] = &[
        ("lgr %r1,%r2", &[0xB9, 0x04, 0x00, 0x12]),
        ("lr 1,2", &[0x18, 0x12]),
        ("lg %r1,8(%r2,%r3)", &[0xE3, 0x12, 0x30, 0x08, 0x00, 0x04]),
        ("lg %r1,-1(,%r3)", &[0xE3, 0x10, 0x3F, 0xFF, 0xFF, 0x04]),
        ("l %r1,8(%r2)", &[0x58, 0x10, 0x20, 0x08]),
        ("l %r1,8", &[0x58, 0x10, 0x00, 0x08]),
        ("mvc 0(8,%r1),0(%r2)", &[0xD2, 0x07, 0x10, 0x00, 0x20, 0x00]),
        ("mvc 0(256,%r1),(4+4)(%r2)", &[0xD2, 0xFF, 0x10, 0x00, 0x20, 0x08]),
        ("mvck 4(%r3,%r1),0(%r2),%r5", &[0xD9, 0x35, 0x10, 0x04, 0x20, 0x00]),
        ("lhi %r1,'a'", &[0xA7, 0x18, 0x00, 0x61]),
        ("lhi %r1,-0x10", &[0xA7, 0x18, 0xFF, 0xF0]),
        ("br %r14", &[0x07, 0xFE]),
        ("nopr", &[0x07, 0x00]),
        ("nop", &[0x47, 0x00, 0x00, 0x00]),
        ("ledbr %f1,%f2", &[0xB3, 0x44, 0x00, 0x12]),
        ("ledbra %f1,3,%f2,4", &[0xB3, 0x44, 0x34, 0x12]),
        ("vab %v17,%v18,%v19", &[0xE7, 0x12, 0x30, 0x00, 0x0E, 0xF3]),
        ("vfaebs %v1,%v2,%v3,4", &[0xE7, 0x12, 0x30, 0x50, 0x00, 0x82]),
        ("vgef %v1,8(%v5,%r2),1", &[0xE7, 0x15, 0x20, 0x08, 0x10, 0x13]),
        ("risbgz %r1,%r2,3,4,5", &[0xEC, 0x12, 0x03, 0x84, 0x05, 0x55]),
        ("sar %a1,%r2", &[0xB2, 0x4E, 0x00, 0x12]),
        ("lctlg %c0,%c15,0(%r1)", &[0xEB, 0x0F, 0x10, 0x00, 0x00, 0x2F]),
        ("vnot %v1,%v2", &[0xE7, 0x12, 0x20, 0x00, 0x00, 0x6B]),
    ];
    for (source, bytes) in cases {
        assert_eq!(assemble(source, 0x1000).as_deref(), Ok(*bytes), "{source}");
    }
}

#[test]
fn labels_expressions_and_directives() {
    let source = "
        # The values are those of GNU as.
                .byte 1                 ; .align 8
                .byte 'A, 'B', '\\n', 017, 0x10
                .align 4
                .short -1, 65535        /* a comment
                                           of two lines */
        x:      .long y-x, 2+3*4, 6&3+1
                .ascii \"a\\tb\\101\\x41\", \"c\"
                .asciz \"z\"
                .org 64
        y:      j y
                j 1f
        1:      jne 1b
                l %r1,x-y+100(%r3)
                larl %r2,y+8
                bras %r1,.+8
                .quad -1, foo
                .equ foo, 0xfffffffffffffff0
                .space 2, 0xff
        end:";
    let expected = [
        0x01, 7, 7, 7, 7, 7, 7, 7, 0x41, 0x42, 0x0A, 0x0F, 0x10, 7, 7, 7, //
        0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0x2C, 0, 0, 0, 0x0E, 0, 0, 0, 3, //
        0x61, 0x09, 0x62, 0x41, 0x41, 0x63, 0x7A, 0, 0, 0, 0, 0, 0, 0, 0, 0, //
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //
        0xA7, 0xF4, 0, 0, 0xA7, 0xF4, 0, 2, 0xA7, 0x74, 0, 0, //
        0x58, 0x10, 0x30, 0x38, 0xC0, 0x20, 0xFF, 0xFF, 0xFF, 0xFC, 0xA7, 0x15, 0, 4, //
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xF0, 0xFF, 0xFF,
    ];
    let assembly = assemble_with_symbols(source, 0).unwrap();
    assert_eq!(assembly.bytes, expected);
    assert_eq!(assembly.symbols["y"], 64);
    assert_eq!(assembly.symbols["end"], expected.len() as u64);
    // At another origin only addresses change.
    let moved = assemble_with_symbols("a: .long a, b-a\nb: j a", 0x2_0000).unwrap();
    assert_eq!(moved.bytes, [0, 2, 0, 0, 0, 0, 0, 8, 0xA7, 0xF4, 0xFF, 0xFC]);
}

#[test]
fn errors_name_the_line_and_what_was_expected() {
    let cases = [
        ("\n lgx %r1,%r2", 2, "unknown instruction `lgx`"),
        ("lgr %r1", 1, "lgr: expected 2 operands, found 1"),
        ("ipte %r1", 1, "ipte: expected 2 or 3 or 4 operands, found 1"),
        ("lgr %r1,%f2", 1, "lgr: operand 2: expected a register %r0 to %r15"),
        ("lgr %r1,%r16", 1, "`%r16` is no register: "),
        ("lhi %r1,32768", 1, "lhi: operand 2: 32768 is not -32768 to 32767"),
        ("l %r1,4096", 1, "l: operand 2: displacement: 4096 is not 0 to 4095"),
        ("l %r1,%r2", 1, "l: operand 2: expected storage, D, D(%rB) or D(%rX,%rB)"),
        ("mvc 0(%r1),0(%r2)", 1, "mvc: operand 1: expected a number or a label, found a register"),
        ("mvc 0,0(%r2)", 1, "mvc: operand 1: expected D(LENGTH) or D(LENGTH,%rB)"),
        ("mvc 0(257,%r1),0(%r2)", 1, "mvc: operand 1: the length 257 is not 1 to 256"),
        ("j nowhere", 1, "j: operand 1: `nowhere` is not defined"),
        ("j .+1", 1, "j: operand 1: the target 0x1 is at an odd distance"),
        ("j .+65536", 1, "j: operand 1: the target 0x10000 is 65536 bytes away, too far"),
        ("j 1f\n1:\nj 2b", 3, "j: operand 1: there is no label `2:` before this line"),
        ("a:\na:", 2, "`a` is defined twice"),
        ("lr %r1,%r2,", 1, "expected a number, a symbol or `(`, found the end of the line"),
        ("lr %r1 %r2", 1, "expected `,` or the end of the line, found `%r2`"),
        (".byte 256", 1, "256 does not fit in 1 bytes"),
        (".byte 1 2", 1, "expected `,` or the end of the line, found `2`"),
        (".word 1", 1, "unknown directive `.word`: "),
        (".ascii \"a", 1, "the string has no closing"),
        ("/* \n lr %r1,%r2", 1, "the comment that begins here has no end"),
        (".align 3", 1, ".align: 3 is no power of two"),
        (".space 1<<40", 1, ".space: size is 1099511627776"),
        (".org 8\n.org 4", 2, ".org: the distance forward from here is -4"),
        (".quad 1/0", 1, "`1 / 0` has no 64-bit value"),
        (".byte 09", 1, "`09` is no number of at most 64 bits in base 8"),
        ("@", 1, "unexpected character `@`"),
    ];
    for (source, line, message) in cases {
        let error = assemble(source, 0).unwrap_err();
        assert_eq!(error.line, line, "{source}: {error}");
        assert!(error.message.starts_with(message), "{source}: {error}");
    }
}

#[test]
fn hostile_sources_are_errors() {
    let deep = format!(".quad {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    let minus = format!(".quad {}1", "-".repeat(100_000));
    let chain = format!(".quad 1{}", "+1".repeat(100_000));
    for source in [deep, minus, chain, ".quad (1<<63)*(1<<63)".to_owned(), ".equ a,1<<63\n.quad a*a*a".to_owned()] {
        assert!(assemble(&source, 0).is_err());
    }
    assert_eq!(assemble("a: .quad -(a+a)", u64::MAX).map_err(|e| e.line), Err(1));
}
