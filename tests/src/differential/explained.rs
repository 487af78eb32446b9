//! What is not compared, and differences that are known and why: QEMU differs from the architecture, or the architecture
//! leaves the result open. Source: Principles of Operation, as named with each rule.

use softsie_isa::{Class, Op, State};

use super::compare::{Field, Pair};

/// Who is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// QEMU differs from the architecture.
    Qemu,
    /// The architecture allows both.
    Unpredictable,
}

/// An explained difference.
pub struct Rule {
    /// Short name.
    pub name: &'static str,
    /// Who is right.
    pub verdict: Verdict,
    /// What the architecture says, and where.
    pub reason: &'static str,
    /// Whether the rule explains that this field differs.
    pub applies: fn(&Pair<'_>, Field) -> bool,
}

/// Why an implemented instruction is not generated.
pub fn excluded(op: Op) -> Option<&'static str> {
    use Op::*;
    let row = op.row();
    Some(match op {
        SCK | STCK | STCKE | STCKF | STPT | STCKC | ECTG | PTFF => "its result is the time",
        STFLE | STFL | ECAG | STIDP | STAP | STSI | PTF | LPTEA | PFMF => "its result tells the configuration",
        LPSW | LPSWE | LPSWEY | SSM | STOSM | STNSM | LCTL | LCTLG | SPX | SPT | SCKC | SCKPF | SPKA | LASP | LPP => {
            "it changes the state that the driver relies on"
        }
        STURA | STURG | CSP | CSPG | TB | IPTE | IDTE | PTLB | CRDTE | RDP | ESSA => "it changes the driver's storage or tables",
        ISKE | SSKE | RRBE | RRBM | IRBM | IVSK => "storage keys and their reference bits are not reset between records",
        SVC => "it ends a record",
        PRNO => "its result is random",
        CSST => "QEMU 10 aborts",
        _ if row.class == Class::Io => "it needs devices",
        _ if row.class == Class::Crypto => "QEMU has few functions; known answers are tested elsewhere",
        _ if row.state == State::Privileged && row.class == Class::Special => "it needs a hypervisor",
        DIAG | SIGP | SERVC | STPX => "the host completes it",
        _ => return None,
    })
}

/// The first rule that explains that `field` differs.
pub fn rule_for(pair: &Pair<'_>, field: Field) -> Option<&'static Rule> {
    RULES.iter().find(|r| (r.applies)(pair, field))
}

/// Whether only one of the two ended with this program interruption.
fn only_softsie(p: &Pair<'_>, code: u16) -> bool {
    p.softsie.program() == code && p.qemu.program() != code
}

/// Whether the addressing mode of the record is 24 or 31 bits, or may have become so.
fn short_addresses(p: &Pair<'_>) -> bool {
    p.record.psw >> 31 & 3 != 3 || p.has(&[Op::SAM24, Op::SAM31])
}

/// All explained differences.
pub const RULES: &[Rule] = &[
    Rule {
        name: "parameters without interruption",
        verdict: Verdict::Qemu,
        reason: "Lowcore changes by interruptions only (chapter 6); QEMU stores the translation-exception identification \
                 also for accesses that TEST PROTECTION and its like try",
        applies: |p, f| matches!(f, Field::Teid | Field::AccessId) && p.softsie.teid() == 0,
    },
    Rule {
        name: "fetch or store",
        verdict: Verdict::Unpredictable,
        reason: "Whether the access exception of an operand that is fetched and stored shows as fetch or store (bits 52 and \
                 53 of the translation-exception identification, chapter 3) is not determined",
        applies: |p, f| f == Field::Teid && (p.softsie.teid() ^ p.qemu.teid()) & !0xC00 == 0,
    },
    Rule {
        name: "fixed-point overflow",
        verdict: Verdict::Qemu,
        reason: "The program mask's fixed-point-overflow bit asks for an interruption (chapter 6); QEMU takes none",
        applies: |p, _| only_softsie(p, 8),
    },
    Rule {
        name: "address into the rightmost word",
        verdict: Verdict::Qemu,
        reason: "LOAD ADDRESS RELATIVE LONG leaves bits 0 to 31 of R1 alone in the 24- and 31-bit modes (chapter 7); QEMU \
                 sets them to zero",
        applies: |p, f| matches!(f, Field::Gr(n) if p.softsie.gr(n) as u32 == p.qemu.gr(n) as u32) && short_addresses(p)
            && p.has(&[Op::LARL]),
    },
    Rule {
        name: "branch address wraps",
        verdict: Verdict::Qemu,
        reason: "An address has 24 or 31 bits in those modes (chapter 5, Address Generation); QEMU jumps to all 64 of a register",
        applies: |p, f| f == Field::Address && short_addresses(p) && p.qemu.psw_address() >> 31 != 0,
    },
    Rule {
        name: "odd lengths of MVCLU",
        verdict: Verdict::Qemu,
        reason: "MOVE LONG UNICODE and COMPARE LOGICAL LONG UNICODE with an odd length: specification exception (chapter 7)",
        applies: |p, _| only_softsie(p, 6) && p.has(&[Op::MVCLU, Op::CLCLU]),
    },
    Rule {
        name: "overlapping operands of PACK and UNPACK ASCII and UNICODE",
        verdict: Verdict::Unpredictable,
        reason: "If the operands overlap, the result is unpredictable (chapter 7)",
        applies: |p, f| matches!(f, Field::Data(_) | Field::Cc) && p.has(&[Op::UNPKA, Op::UNPKU, Op::PKA, Op::PKU]),
    },
];
