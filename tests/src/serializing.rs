//! Everything that serializes a CPU, ready to stand between two storage accesses of a program of ours.
//! Source: Principles of Operation, chapter 5, CPU Serialization, and the instructions' own descriptions. Interlocked updates
//! (LOAD AND ADD and its kin) are not here: they order accesses to their own operand only.

/// One way to serialize.
#[derive(Clone, Copy, Debug)]
pub struct Serializing {
    /// Done once, before: uses R1, R2 and R3.
    pub prologue: &'static str,
    /// What serializes: uses R0 to R3.
    pub text: &'static str,
}

impl Serializing {
    /// Prologue and text for CPU `n`, whose R12 designates a private page that no CPU executes; its bytes from 0x400 to
    /// 0x4ff are zero.
    pub fn on_cpu(&self, n: usize) -> (String, String) {
        let own = |text: &str| text.replace('@', &n.to_string());
        (own(self.prologue), own(self.text))
    }
}

const fn plain(text: &'static str) -> Serializing {
    Serializing { prologue: "", text }
}

/// What the tests go through. `fence@` is a label of the CPU's own.
pub const SERIALIZING: &[Serializing] = &[
    plain("bcr 15,0"),
    plain("bcr 14,0"),
    // Each of the comparing ones with an equal and an unequal comparison.
    plain("lghi %r1,0\n cs %r1,%r1,0x404(%r12)"),
    plain("lghi %r1,1\n cs %r1,%r1,0x404(%r12)"),
    plain("lghi %r1,0\n csy %r1,%r1,0x404(%r12)"),
    plain("lghi %r1,1\n csy %r1,%r1,0x404(%r12)"),
    plain("lghi %r1,0\n csg %r1,%r1,0x400(%r12)"),
    plain("lghi %r1,1\n csg %r1,%r1,0x400(%r12)"),
    plain("lghi %r0,0\n lghi %r1,0\n cds %r0,%r0,0x400(%r12)"),
    plain("lghi %r0,1\n lghi %r1,0\n cds %r0,%r0,0x400(%r12)"),
    plain("lghi %r0,0\n lghi %r1,0\n cdsy %r0,%r0,0x400(%r12)"),
    plain("lghi %r0,1\n lghi %r1,0\n cdsy %r0,%r0,0x400(%r12)"),
    plain("lghi %r0,0\n lghi %r1,0\n cdsg %r0,%r0,0x400(%r12)"),
    plain("lghi %r0,1\n lghi %r1,0\n cdsg %r0,%r0,0x400(%r12)"),
    plain("lghi %r0,0x200\n la %r1,0x440(%r12)\n lghi %r2,0\n csst 0x400(%r12),0x420(%r12),%r2"),
    plain("lghi %r0,0x301\n la %r1,0x440(%r12)\n lghi %r2,0\n csst 0x400(%r12),0x420(%r12),%r2"),
    plain("lghi %r0,0x301\n la %r1,0x440(%r12)\n lghi %r2,1\n csst 0x400(%r12),0x420(%r12),%r2"),
    plain("lghi %r0,0x402\n la %r1,0x440(%r12)\n lghi %r2,0\n lghi %r3,0\n csst 0x400(%r12),0x420(%r12),%r2"),
    plain("ts 0x430(%r12)"),
    plain("lghi %r0,4\n la %r1,0x400(%r12)\n lghi %r2,0\n lghi %r3,0\n plo %r2,0x404(%r12),%r2,0(%r12)"),
    plain("lghi %r0,4\n la %r1,0x400(%r12)\n lghi %r2,1\n lghi %r3,0\n plo %r2,0x404(%r12),%r2,0(%r12)"),
    plain("lghi %r2,0\n lghi %r3,0\n la %r1,0x404(%r12)\n csp %r2,%r1"),
    plain("lghi %r2,1\n lghi %r3,0\n la %r1,0x404(%r12)\n csp %r2,%r1"),
    plain("lghi %r2,0\n lghi %r3,0\n la %r1,0x405(%r12)\n csp %r2,%r1"),
    plain("lghi %r2,0\n lghi %r3,0\n la %r1,0x400(%r12)\n cspg %r2,%r1"),
    plain("lghi %r2,1\n lghi %r3,0\n la %r1,0x400(%r12)\n cspg %r2,%r1"),
    plain("stck 0x460(%r12)"),
    plain("stcke 0x460(%r12)"),
    plain("ptlb"),
    plain("palb"),
    plain("lghi %r1,0\n lgr %r2,%r12\n sske %r1,%r2"),
    plain("lgr %r1,%r12\n llilf %r2,0x90000\n ipte %r1,%r2"),
    plain("lgr %r1,%r12\n lghi %r2,0x800\n idte %r1,%r0,%r2"),
    plain("lghi %r0,0\n lghi %r1,0\n lgr %r2,%r12\n llilf %r3,0x98000\n crdte %r0,%r0,%r2"),
    plain("lghi %r0,1\n lghi %r1,0\n lgr %r2,%r12\n llilf %r3,0x98000\n crdte %r0,%r0,%r2"),
    // Interruptions and what loads a PSW. 3 << 31 is the 64-bit addressing mode.
    Serializing {
        prologue: "lghi %r1,3\n sllg %r1,%r1,31\n stg %r1,0x1c0\n larl %r1,fence@\n stg %r1,0x1c8",
        text: "svc 0\nfence@:",
    },
    Serializing {
        prologue: "lghi %r1,3\n sllg %r1,%r1,31\n stg %r1,0x1d0\n larl %r1,fence@\n stg %r1,0x1d8",
        text: ".short 0\nfence@:",
    },
    Serializing {
        prologue: "lghi %r1,3\n sllg %r1,%r1,31\n stg %r1,0x410(%r12)\n larl %r1,fence@\n stg %r1,0x418(%r12)",
        text: "lpswe 0x410(%r12)\nfence@:",
    },
    Serializing {
        prologue: "lghi %r1,3\n sllg %r1,%r1,31\n larl %r2,fence@\n ogr %r1,%r2\n llihh %r2,8\n ogr %r1,%r2\n\
                   stg %r1,0x410(%r12)",
        text: "lpsw 0x410(%r12)\nfence@:",
    },
];
