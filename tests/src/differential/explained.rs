//! What is not compared, and differences that are known and why: QEMU differs from the architecture, or the architecture
//! leaves the result open. Source: Principles of Operation, as named with each rule.

use softsie_isa::{Class, FieldName, Op, Operand, State, decode};

use super::compare::{Against, Field, Pair};
use super::layout::Space;
use super::layout::result::FOR_THE_HOST;
use super::operand_rules;

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
pub fn excluded(op: Op, against: Against) -> Option<&'static str> {
    match against {
        Against::Qemu => excluded_from_qemu(op),
        // What the host completes is found out by asking.
        Against::Interpreter => None,
    }
}

fn excluded_from_qemu(op: Op) -> Option<&'static str> {
    use Op::*;
    let row = op.row();
    Some(match op {
        SCK | STCK | STCKE | STCKF | STPT | STCKC | ECTG | PTFF => "its result is the time",
        STFL | ECAG | STIDP | STAP | STSI | PTF | LPTEA | PFMF => "its result tells the configuration",
        LPSWEY | SPX | SCKPF | LASP => "it changes the state that the driver relies on",
        TB | IPTE | IDTE | CRDTE | RDP | ESSA => "it changes the driver's storage or tables",
        ISKE | SSKE | RRBE | RRBM | IRBM | IVSK => {
            "storage keys and their reference bits are not reset between records"
        }
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

/// Whether softsie ended with this program interruption, and QEMU otherwise or elsewhere.
fn only_softsie(p: &Pair<'_>, code: u16) -> bool {
    p.softsie.program() == code && (p.qemu.program() != code || p.softsie.psw_address() != p.qemu.psw_address())
}

/// Whether a code is that of an access exception.
fn is_access(code: u16) -> bool {
    matches!(code, 4 | 5 | 0x10 | 0x11 | 0x38..=0x3B)
}

/// Whether the addressing mode of the record is 24 or 31 bits, or may have become so.
fn short_addresses(p: &Pair<'_>) -> bool {
    p.record.psw >> 31 & 3 != 3 || p.has(&[Op::SAM24, Op::SAM31])
}

/// Whether softsie's program interruption belongs to one of these instructions.
fn softsie_in(p: &Pair<'_>, ops: &[Op]) -> bool {
    p.ended_by(p.softsie).is_some_and(|op| ops.contains(&op))
}

/// Whether QEMU's program interruption belongs to one of these instructions.
fn qemu_in(p: &Pair<'_>, ops: &[Op]) -> bool {
    p.ended_by(p.qemu).is_some_and(|op| ops.contains(&op))
}

/// A BFP trap in both.
fn trap(p: &Pair<'_>) -> bool {
    p.softsie.program() == 7 && p.qemu.program() == 7 && p.softsie.dxc() & p.qemu.dxc() & 0xF8 != 0
}

const ON_CONDITION: &[Op] = &[Op::LOC, Op::LOCG, Op::LOCFH, Op::STOC, Op::STOCG, Op::STOCFH, Op::BIC];
const UNICODE: &[Op] = &[Op::CU12, Op::CU14, Op::CU21, Op::CU24, Op::CU41, Op::CU42];
const TRANSLATE: &[Op] = &[Op::TRTT, Op::TRTO, Op::TROT, Op::TROO];
/// Instructions with an operand relative to themselves.
fn relative_operand(op: Op) -> bool {
    op.row().operands.iter().any(|o| matches!(o, Operand::Relative(_)))
}

const COMPARE_BYTES: &[Op] = &[Op::CLM, Op::CLMY, Op::CLMH, Op::CLC];
const LOAD_SEVERAL: &[Op] =
    &[Op::LM, Op::LMG, Op::LMY, Op::LMH, Op::LAM, Op::LAMY, Op::VLM, Op::ICM, Op::ICMY, Op::ICMH];
const UNTESTED: &[Op] = &[Op::MVCLE, Op::MVCLU, Op::MVST];
const BY_KEY: &[Op] = &[Op::MVCP, Op::MVCS, Op::MVCOS];

/// Whether the operands that the registers of an instruction alone in its record designate overlap or come near it.
fn registers_overlap(p: &Pair<'_>) -> bool {
    let Some(piece) = p.record.pieces.first() else { return false };
    let Some(op) = decode(piece.text) else { return false };
    let layout = op.row().format.layout();
    let register = |f: FieldName| layout.get(piece.text, f) as usize & 15;
    let [first, second] = match operand_rules::address_registers(op) {
        [a, b] => [register(*a), register(*b)],
        _ => return false,
    };
    let reach = |n: usize| (p.record.gr[(n + 1) & 15] & 0xFFFF_FFFF).min(0x2000);
    let distance = p.record.gr[first].abs_diff(p.record.gr[second]) & 0xFF_FFFF;
    first == second || op == Op::MVST || distance < 4 * (reach(first) + reach(second))
}

/// The length in the register after R1 of an instruction alone in its record.
fn length_of_first(p: &Pair<'_>) -> Option<u32> {
    let piece = p.record.pieces.first()?;
    let layout = decode(piece.text)?.row().format.layout();
    let r1 = layout.get(piece.text, FieldName::R1) as usize;
    Some(p.record.gr[(r1 + 1) & 15] as u32)
}

/// Whether the operands of an instruction alone in its record, given by base and displacement, are near each other.
fn storage_overlaps(p: &Pair<'_>, reach: i64) -> bool {
    let Some(piece) = p.record.pieces.first().filter(|_| p.record.execute.is_empty()) else { return true };
    let Some(op) = decode(piece.text) else { return true };
    let layout = op.row().format.layout();
    let address = |b: FieldName, d: FieldName| {
        let b = layout.get(piece.text, b) as usize;
        if b == 0 { 0 } else { p.record.gr[b] }.wrapping_add(layout.get(piece.text, d))
    };
    use FieldName::{B1, B2, D1, D2};
    let distance = address(B1, D1).wrapping_sub(address(B2, D2)) as i64;
    (distance & 0xFF_FFFF).min(distance.wrapping_neg() & 0xFF_FFFF) <= reach
}

/// All explained differences.
pub const RULES: &[Rule] = &[
    Rule {
        name: "QEMU aborts",
        verdict: Verdict::Qemu,
        reason: "QEMU ended by an assertion of its own, or did not come to an end",
        applies: |p, _| p.qemu.kind() == 0 && p.softsie.kind() != 0,
    },
    Rule {
        name: "instruction for the host",
        verdict: Verdict::Unpredictable,
        reason: "Text that was changed or branched into can be an instruction that the host completes, which no bare CPU has",
        applies: |p, _| p.softsie.kind() == FOR_THE_HOST,
    },
    Rule {
        name: "instruction that changes its own text",
        verdict: Verdict::Qemu,
        reason: "An instruction is executed once (chapter 5); QEMU starts anew one that has stored into the text it was \
                 translated from, so that what is fetched and stored changes twice",
        applies: |p, _| {
            // What depends on the condition code finds another one the second time.
            let twice = |op| operand_rules::updates_storage(op) || operand_rules::is_interruptible(op);
            p.text_changed() && (p.ops().any(twice) || p.has(ON_CONDITION))
        },
    },
    Rule {
        name: "text that has become other instructions",
        verdict: Verdict::Qemu,
        reason: "Instructions that are not generated, or not together with others, because QEMU differs; so is what was changed \
                 into one of them by the sequence itself",
        applies: |p, _| p.instructions_changed(),
    },
    Rule {
        name: "left half of the registers of TRANSLATE EXTENDED",
        verdict: Verdict::Qemu,
        reason: "Bits 0 to 31 stay in the 24- and 31-bit modes (chapter 7); QEMU sets them to zeros and carries into bit 32",
        applies: |p, f| matches!(f, Field::Gr(_)) && p.has(&[Op::TRE]) && short_addresses(p),
    },
    Rule {
        name: "second byte of TEST AND SET",
        verdict: Verdict::Qemu,
        reason: "TEST AND SET has no operand in its second byte, which EXECUTE may change (chapter 7); QEMU takes it for part of \
                 the operation code",
        applies: |p, _| p.qemu.program() == 1 && p.record.execute.iter().any(|e| decode(e.text) == Some(Op::TS)),
    },
    Rule {
        name: "instruction length of EXECUTE",
        verdict: Verdict::Qemu,
        reason: "The length is that of the EXECUTE-type instruction (chapter 6); QEMU tells 2 for some access exceptions of the \
                 target",
        applies: |p, f| {
            f == Field::Ilc
                && p.qemu.ilc() == 2
                && is_access(p.qemu.program())
                && (p.has(&[Op::EX, Op::EXRL]) || p.text_changed())
        },
    },
    Rule {
        name: "low-address protection first",
        verdict: Verdict::Qemu,
        reason: "Low-address protection of an operand that is stored precedes the exceptions of its translation (chapter 6, \
                 Priority of Access Exceptions); QEMU fetches an operand that is changed before",
        applies: |p, f| {
            matches!(f, Field::Teid | Field::Program | Field::Address | Field::AccessId)
                && p.softsie.program() == 4
                && p.softsie.teid() & 0x80 != 0
                && is_access(p.qemu.program())
                && p.ended_by(p.softsie) == p.ended_by(p.qemu)
        },
    },
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
        applies: |p, f| {
            f == Field::Teid
                && (p.softsie.teid() ^ p.qemu.teid()) & !0xC00 == 0
                && p.softsie.teid() & 0xC00 == 0x400
                && p.ended_by(p.softsie).is_some_and(operand_rules::updates_storage)
        },
    },
    Rule {
        name: "which operand",
        verdict: Verdict::Unpredictable,
        reason: "Of access exceptions for different operands, or different pages of an operand, any may be recognised (chapter 6, Multiple \
                 Program-Interruption Conditions)",
        applies: |p, f| {
            matches!(f, Field::Teid | Field::Program | Field::Address | Field::AccessId)
                && is_access(p.softsie.program())
                && is_access(p.qemu.program())
                && p.ended_by(p.softsie) == p.ended_by(p.qemu)
                && (p.ended_by(p.softsie).is_some_and(|op| operand_rules::storage_operands(op) > 1)
                    || p.softsie.teid() >> 12 != p.qemu.teid() >> 12)
        },
    },
    Rule {
        name: "progress of interruptible instructions",
        verdict: Verdict::Unpredictable,
        reason: "How much an interruptible instruction, or one that may end with CC 3, has done when an access exception ends \
                 it is not determined (chapter 5, Interruptible Instructions; chapter 7)",
        applies: |p, f| {
            matches!(f, Field::Gr(_) | Field::Data(_) | Field::Cc | Field::Teid | Field::Program | Field::Address)
                && is_access(p.softsie.program())
                && is_access(p.qemu.program())
                && p.ended_by(p.softsie) == p.ended_by(p.qemu)
                && (p.ended_by(p.softsie).is_some_and(operand_rules::is_interruptible)
                    // It has ended by CC 3, and there is no next instruction.
                    || p.text_ends_early() && p.ops().any(operand_rules::may_go_on))
        },
    },
    Rule {
        name: "unused bits of address registers",
        verdict: Verdict::Unpredictable,
        reason: "In the 24- and 31-bit modes instructions that update address registers may set the bits to the left of the \
                 address in bits 32 to 39 to zeros or leave them (chapter 7)",
        applies: |p, f| match f {
            Field::Gr(n) => {
                short_addresses(p)
                    && p.ops().any(operand_rules::is_interruptible)
                    && (p.softsie.gr(n) ^ p.qemu.gr(n)) & !0xFF00_0000 == 0
            }
            _ => false,
        },
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
        reason: "LOAD ADDRESS and its relatives, and instructions that update addresses, leave bits 0 to 31 alone in the 24- and 31-bit modes (chapter 7); QEMU \
                 sets them to zero",
        applies: |p, f| match f {
            Field::Gr(n) => {
                short_addresses(p)
                    && p.softsie.gr(n) as u32 == p.qemu.gr(n) as u32
                    && (p.ops().any(operand_rules::is_load_address) || p.has(&[Op::LRA, Op::LRAY, Op::TRE, Op::CLST]))
            }
            _ => false,
        },
    },
    Rule {
        name: "branch address wraps",
        verdict: Verdict::Qemu,
        reason: "An address has 24 or 31 bits in those modes (chapter 5, Address Generation); QEMU jumps to all 64 of a register",
        applies: |p, f| f == Field::Address && short_addresses(p) && p.qemu.psw_address() >> 24 != 0,
    },
    Rule {
        name: "operand wraps",
        verdict: Verdict::Qemu,
        reason: "An operand that passes the highest address of 24 or 31 bits goes on at zero (chapter 3, Address Wraparound); \
                 QEMU goes on above",
        applies: |p, _| {
            short_addresses(p)
                && (matches!(p.qemu.teid() >> 12, 0x1000 | 0x8_0000)
                    // Pages above stay in its TLB.
                    || p.has(&[Op::SAM64, Op::SAM31, Op::SRST, Op::SRSTU, Op::LCTL])
                        && p.record.cr[1] == Space::Wrapping.asce())
        },
    },
    Rule {
        name: "lengths of 32 bits",
        verdict: Verdict::Qemu,
        reason: "In the 24- and 31-bit modes a length is bits 32 to 63 of its register (chapter 7); QEMU takes 31 or \
                 64 bits",
        applies: |p, f| {
            short_addresses(p)
                && p.ops().any(operand_rules::is_interruptible)
                && (p.has(&[Op::CKSM])
                    || p.record.gr.iter().any(|r| r >> 31 & 1 != 0)
                    || matches!(f, Field::Gr(n) if p.softsie.gr(n) ^ p.qemu.gr(n) == 0x8000_0000))
        },
    },
    Rule {
        name: "odd lengths of MVCLU",
        verdict: Verdict::Qemu,
        reason: "MOVE LONG UNICODE and COMPARE LOGICAL LONG UNICODE with an odd length: specification exception (chapter 7)",
        applies: |p, _| p.softsie.program() == 6 && softsie_in(p, &[Op::MVCLU, Op::CLCLU]),
    },
    Rule {
        name: "register 0 of CLST",
        verdict: Verdict::Qemu,
        reason: "Bits 32 to 55 of general register 0 must be zero for COMPARE LOGICAL STRING: specification exception (chapter 7)",
        applies: |p, _| only_softsie(p, 6) && softsie_in(p, &[Op::CLST]),
    },
    Rule {
        name: "registers of LDXBR and LEXBR",
        verdict: Verdict::Qemu,
        reason: "Both registers of LOAD ROUNDED from the extended format are pairs (chapter 19): specification exception",
        applies: |p, _| only_softsie(p, 6) && softsie_in(p, &[Op::LDXBR, Op::LEXBR]),
    },
    Rule {
        name: "alignment of LOAD PAIR DISJOINT",
        verdict: Verdict::Qemu,
        reason: "A misaligned operand comes before access exceptions of either operand (chapter 6, priority); QEMU looks at one \
                 operand after the other",
        applies: |p, _| only_softsie(p, 6) && softsie_in(p, &[Op::LPD, Op::LPDG]),
    },
    Rule {
        name: "signalling NaN of LOAD AND TEST",
        verdict: Verdict::Qemu,
        reason: "LOAD AND TEST (BFP) makes a signalling NaN quiet and is then an invalid operation (chapter 19); QEMU copies it",
        applies: |p, f| {
            matches!(f, Field::Vr(_) | Field::Fpc | Field::Kind) && p.has(&[Op::LTEBR, Op::LTDBR, Op::LTXBR])
        },
    },
    Rule {
        name: "NaN of lengthening multiplication",
        verdict: Verdict::Qemu,
        reason: "A NaN keeps its fraction, left aligned, in the longer format (chapter 19); QEMU mixes up \
                 the operands",
        applies: |p, f| matches!(f, Field::Vr(_)) && p.has(&[Op::MXDBR, Op::MXDB, Op::MDEBR, Op::MDEB]),
    },
    Rule {
        name: "second address of string instructions",
        verdict: Verdict::Unpredictable,
        reason: "The address that stays in R2 is the one that the last CC 3 left, whose place the CPU determines (chapter 7)",
        applies: |p, f| matches!(f, Field::Gr(_)) && p.has(&[Op::MVST, Op::SRST, Op::SRSTU, Op::CLST]),
    },
    Rule {
        name: "overlapping operands of PACK and UNPACK ASCII and UNICODE",
        verdict: Verdict::Unpredictable,
        reason: "If the operands overlap, the result is unpredictable (chapter 7)",
        applies: |p, f| {
            matches!(f, Field::Data(_) | Field::Cc)
                && p.has(&[Op::UNPKA, Op::UNPKU, Op::PKA, Op::PKU])
                && storage_overlaps(p, 256)
        },
    },
    Rule {
        name: "digits of UNPK",
        verdict: Verdict::Qemu,
        reason: "UNPACK gives every digit of the second operand a byte as long as there is room (chapter 7); QEMU loses the \
                 leftmost",
        // Data, or the supervisor-call number that it overwrote.
        applies: |p, f| matches!(f, Field::Data(_) | Field::Lowcore) && p.has(&[Op::UNPK]),
    },
    Rule {
        name: "overlapping operands of moves between spaces",
        verdict: Verdict::Unpredictable,
        reason: "Results are unpredictable when the operands overlap in real storage (chapter 10)",
        applies: |p, f| matches!(f, Field::Data(_)) && p.has(BY_KEY) && storage_overlaps(p, 4096),
    },
    Rule {
        name: "access keys",
        verdict: Verdict::Qemu,
        reason: "MOVE TO PRIMARY and SECONDARY, MOVE WITH OPTIONAL SPECIFICATIONS and TEST PROTECTION use a key of their own \
                 (chapter 10); QEMU takes no notice of keys there",
        applies: |p, f| {
            only_softsie(p, 4) && (softsie_in(p, BY_KEY) || softsie_in(p, &[Op::MVPG]))
                || f == Field::Cc && p.has(&[Op::TPROT]) && p.softsie.cc() > p.qemu.cc()
        },
    },
    Rule {
        name: "TEST PROTECTION is privileged",
        verdict: Verdict::Qemu,
        reason: "Privileged-operation exception in the problem state (chapter 10)",
        applies: |p, _| only_softsie(p, 2) && softsie_in(p, &[Op::TPROT]),
    },
    Rule {
        name: "LOAD REAL ADDRESS of what is not mapped",
        verdict: Verdict::Qemu,
        reason: "An invalid segment- or page-table entry gives CC 1 or 2 and the entry's address (chapter 10); QEMU gives CC 3 \
                 and the interruption code",
        applies: |p, f| {
            matches!(f, Field::Cc | Field::Gr(_)) && p.has(&[Op::LRA, Op::LRAG, Op::LRAY]) && p.qemu.cc() == 3
        },
    },
    Rule {
        name: "alignment of real addresses",
        verdict: Verdict::Qemu,
        reason: "The address must be a multiple of four or eight: specification exception (chapter 10)",
        applies: |p, _| only_softsie(p, 6) && softsie_in(p, &[Op::LURA, Op::LURAG, Op::STURA, Op::STURG]),
    },
    Rule {
        name: "access register of LOAD ADDRESS EXTENDED",
        verdict: Verdict::Qemu,
        reason: "Access register R1 gets 1 in the secondary-space mode (chapter 7); QEMU takes it for the access-register mode",
        applies: |p, f| matches!(f, Field::Ar(_)) && p.has(&[Op::LAE, Op::LAEY]),
    },
    Rule {
        name: "operand of a condition not met",
        verdict: Verdict::Unpredictable,
        reason: "Whether access exceptions are recognised for an operand that is not needed because the condition is not met \
                 depends on the model (chapter 7)",
        applies: |p, _| is_access(p.qemu.program()) && qemu_in(p, ON_CONDITION),
    },
    Rule {
        name: "TRANSLATE of no characters",
        verdict: Verdict::Qemu,
        reason: "With a length of zero TRANSLATE ONE TO ONE and its relatives access nothing and set CC 0 (chapter 7); QEMU \
                 translates a character",
        applies: |p, _| {
            p.has(TRANSLATE) && length_of_first(p) == Some(0) || qemu_in(p, TRANSLATE) && !softsie_in(p, TRANSLATE)
        },
    },
    Rule {
        name: "condition code of TRANSLATE",
        verdict: Verdict::Qemu,
        reason: "TRANSLATE leaves the condition code (chapter 7); QEMU changes it",
        applies: |p, f| f == Field::Cc && p.has(&[Op::TR]),
    },
    Rule {
        name: "overlapping operands by register",
        verdict: Verdict::Unpredictable,
        reason: "Results are unpredictable when the operands of the conversions, of TRANSLATE ONE TO ONE and its relatives and of \
                 the moves without test for destructive overlap overlap (chapter 7)",
        applies: |p, _| (p.has(UNICODE) || p.has(TRANSLATE) || p.has(UNTESTED)) && registers_overlap(p),
    },
    Rule {
        name: "invalid character and no room",
        verdict: Verdict::Unpredictable,
        reason: "Which of CC 1 and CC 2 of the Unicode conversions comes first when the first operand has no room for what an \
                 invalid character would have given",
        applies: |p, f| {
            matches!(f, Field::Cc | Field::Gr(_)) && p.has(UNICODE) && [p.softsie.cc(), p.qemu.cc()] == [1, 2]
        },
    },
    Rule {
        name: "stores before an exception",
        verdict: Verdict::Qemu,
        reason: "An instruction that an access exception nullifies or suppresses has stored nothing (chapter 5, Types of \
                 Instruction Ending); QEMU has stored the first registers or bytes",
        applies: |p, f| {
            matches!(f, Field::Data(_))
                && is_access(p.softsie.program())
                && is_access(p.qemu.program())
                && p.ended_by(p.softsie) == p.ended_by(p.qemu)
        },
    },
    Rule {
        name: "loads before an exception",
        verdict: Verdict::Qemu,
        reason: "An instruction that an access exception nullifies or suppresses has loaded nothing (chapter 5); QEMU has loaded \
                 the first registers or bytes",
        applies: |p, f| {
            matches!(f, Field::Gr(_) | Field::Ar(_) | Field::Vr(_))
                && is_access(p.softsie.program())
                && softsie_in(p, LOAD_SEVERAL)
        },
    },
    Rule {
        name: "comparison decided before the end",
        verdict: Verdict::Unpredictable,
        reason: "Whether access exceptions are recognised beyond the byte that decides a comparison is not determined (chapter \
                 7, COMPARE LOGICAL)",
        applies: |p, _| {
            is_access(p.softsie.program()) && softsie_in(p, COMPARE_BYTES)
                || is_access(p.qemu.program()) && qemu_in(p, COMPARE_BYTES)
        },
    },
    Rule {
        name: "space of relative operands",
        verdict: Verdict::Qemu,
        reason: "The operand of LOAD RELATIVE LONG and its relatives is in the address space of the instructions (chapter 7); \
                 QEMU takes that of other operands",
        applies: |p, _| p.record.psw >> 46 & 3 == 2 && p.ops().any(relative_operand) || p.has(&[Op::SACF]),
    },
    Rule {
        name: "secondary-space control of SACF",
        verdict: Verdict::Qemu,
        reason: "Special-operation exception while bit 37 of control register 0 is zero (chapter 10); QEMU does not look",
        applies: |p, _| only_softsie(p, 0x13) && softsie_in(p, &[Op::SACF]),
    },
    Rule {
        name: "addressing exception of MVCOS",
        verdict: Verdict::Qemu,
        reason: "MOVE WITH OPTIONAL SPECIFICATIONS of operands that are all accessible (chapter 10); QEMU gives an addressing \
                 exception when the access-register mode is specified or the control of the moves is off",
        applies: |p, _| p.qemu.program() == 5 && qemu_in(p, &[Op::MVCOS]),
    },
    Rule {
        name: "result register of CHECKSUM",
        verdict: Verdict::Unpredictable,
        reason: "R1 must not be one of the pair R2 (chapter 7)",
        applies: |p, f| matches!(f, Field::Gr(_)) && p.has(&[Op::CKSM]),
    },
    Rule {
        name: "overlapping operands of MOVE INVERSE",
        verdict: Verdict::Unpredictable,
        reason: "Results are unpredictable when the operands overlap by more than one byte (chapter 7)",
        applies: |p, _| p.has(&[Op::MVCIN]) && storage_overlaps(p, 512),
    },
    Rule {
        name: "STORE MULTIPLE HIGH",
        verdict: Verdict::Qemu,
        reason: "Stores bits 0 to 31 of the registers (chapter 7); QEMU 10 stores zeros",
        applies: |p, f| matches!(f, Field::Data(_) | Field::Lowcore) && p.has(&[Op::STMH]),
    },
    Rule {
        name: "results of BFP traps",
        verdict: Verdict::Qemu,
        reason: "Overflow, underflow and inexact traps complete: result (scaled for overflow and underflow), condition code, and \
                 whether the result was incremented in the data-exception code (chapter 19); QEMU suppresses and does not know",
        applies: |p, f| {
            trap(p)
                && p.softsie.dxc() & 0xC0 == 0
                && matches!(f, Field::Vr(_) | Field::Gr(_) | Field::Cc | Field::Dxc | Field::Fpc)
        },
    },
    Rule {
        name: "data-exception code of invalid conversions",
        verdict: Verdict::Qemu,
        reason: "A trapped invalid operation has the code 80 (chapter 19); QEMU's 88 has inexact along",
        applies: |p, f| {
            trap(p)
                && p.softsie.dxc() == 0x80
                && p.qemu.dxc() == 0x88
                && (f == Field::Dxc || f == Field::Fpc && p.softsie.fpc() ^ p.qemu.fpc() == 0x800)
        },
    },
    Rule {
        name: "inexact conversions of NaN",
        verdict: Verdict::Qemu,
        reason: "A NaN that is converted to an integer without trap is an invalid and an inexact operation (chapter 19, figures of \
                 CONVERT TO FIXED and LOGICAL); QEMU sets the inexact flag for numbers out of range only",
        applies: |p, f| {
            let flags = p.softsie.fpc() & !p.qemu.fpc();
            f == Field::Fpc && p.softsie.fpc() ^ p.qemu.fpc() == 0x8_0000 && flags == 0x8_0000 && p.ops().any(converts)
                // Stored or extracted.
                || matches!(f, Field::Data(_) | Field::Gr(_)) && p.has(&[Op::STFPC, Op::EFPC]) && p.ops().any(inexact)
                || only_softsie(p, 7) && p.softsie.dxc() == 8 && p.ended_by(p.softsie).is_some_and(converts)
                || p.softsie.program() == 0x1B && p.softsie.dxc() & 15 == 5 && softsie_in(p, &[Op::VCSFP, Op::VCLFP])
        },
    },
    Rule {
        name: "trap of exact underflow",
        verdict: Verdict::Qemu,
        reason: "With the underflow mask one a tiny result traps although it is exact (chapter 19); QEMU does not see it",
        applies: |p, _| {
            p.softsie.program() == 7 && p.softsie.dxc() & 0xF8 == 0x10 && !(trap(p) && p.qemu.dxc() & 0xF8 == 0x10)
                || p.softsie.program() == 0x1B && p.softsie.dxc() & 0xF == 4
        },
    },
    Rule {
        name: "vector-processing exceptions suppress",
        verdict: Verdict::Qemu,
        reason: "The old PSW designates the next instruction (chapter 6, figure of interruption actions); QEMU nullifies",
        applies: |p, f| {
            f == Field::Address
                && p.softsie.program() == 0x1B
                && p.qemu.program() == 0x1B
                && p.softsie.psw_address().wrapping_sub(p.qemu.psw_address()) == p.qemu.ilc()
        },
    },
    Rule {
        name: "suppressed inexact in vectors",
        verdict: Verdict::Qemu,
        reason: "The inexact control (XxC) of vector conversions keeps the flag from being set (chapter 24); QEMU sets it",
        applies: |p, f| {
            let flags = p.qemu.fpc() & !p.softsie.fpc();
            f == Field::Fpc
                && p.softsie.fpc() ^ p.qemu.fpc() == 0x8_0000
                && flags == 0x8_0000
                && p.has(&[Op::VCFPS, Op::VCFPL, Op::VCSFP, Op::VCLFP, Op::VFI, Op::VFLR])
        },
    },
    Rule {
        name: "elements without result",
        verdict: Verdict::Unpredictable,
        reason: "Elements other than the first of instructions on a single element, and those without result of LOAD ROUNDED, \
                 are unpredictable (chapter 24)",
        applies: |p, f| match f {
            Field::Vr(n) => {
                let differ = p.softsie.vr(n) ^ p.qemu.vr(n);
                let first = |text: u64| {
                    decode(text)
                        .filter(|op| op.row().class == Class::VectorFp)
                        .map(|op| op.row().format.layout().get(text, FieldName::V1))
                };
                // EXECUTE may change the register.
                differ >> 96 == 0
                    && (p.record.pieces.iter().any(|piece| first(piece.text) == Some(n as u64))
                        || p.record.execute.iter().any(|piece| first(piece.text).is_some()))
            }
            _ => false,
        },
    },
    Rule {
        name: "rounding of negated sums",
        verdict: Verdict::Qemu,
        reason: "VECTOR FP NEGATIVE MULTIPLY AND ADD and SUBTRACT negate the rounded sum (chapter 24; LLVM makes them of a \
                 negated fused operation under dynamic rounding); QEMU rounds the negated sum",
        applies: |p, f| {
            matches!(f, Field::Vr(_) | Field::Fpc)
                && p.has(&[Op::VFNMA, Op::VFNMS])
                && !matches!(p.record.fpc & 7, 0 | 1)
        },
    },
    Rule {
        name: "first digit of PACK ASCII and UNICODE",
        verdict: Verdict::Qemu,
        reason: "Every digit of the second operand counts (chapter 7); QEMU leaves out the leftmost, and its access exceptions",
        applies: |p, _| p.has(&[Op::PKA, Op::PKU]),
    },
    Rule {
        name: "invalid digits of large decimal numbers",
        verdict: Verdict::Qemu,
        reason: "Invalid codes of CONVERT TO BINARY are a data exception whatever the size of the number (chapter 7); QEMU finds \
                 it too large first",
        applies: |p, _| {
            p.softsie.program() == 7 && p.qemu.program() == 9 && softsie_in(p, &[Op::CVB, Op::CVBY, Op::CVBG])
        },
    },
    Rule {
        name: "authority of MOVE PAGE",
        verdict: Verdict::Qemu,
        reason: "A key in general register 0 that the problem state may not use: privileged-operation exception before access \
                 exceptions (chapter 7)",
        applies: |p, _| only_softsie(p, 2) && softsie_in(p, &[Op::MVPG]),
    },
    Rule {
        name: "ignored digits of PACK",
        verdict: Verdict::Unpredictable,
        reason: "Leftmost bytes of the second operand for which the first has no room are ignored; whether access exceptions \
                 are recognized for them is left open (chapter 5, Access Exceptions; chapter 7)",
        applies: |p, _| {
            is_access(p.softsie.program()) && only_softsie(p, p.softsie.program()) && softsie_in(p, &[Op::PACK])
        },
    },
    Rule {
        name: "tables under MOVE PAGE",
        verdict: Verdict::Qemu,
        reason: "The condition-code option is for page-translation exceptions; those of the tables above are recognized \
                 (chapter 10); QEMU gives condition code 1 for them as well",
        applies: |p, _| {
            matches!(p.softsie.program(), 0x10 | 0x38..=0x3B)
                && only_softsie(p, p.softsie.program())
                && softsie_in(p, &[Op::MVPG])
        },
    },
    Rule {
        name: "additional registers of LXR, LDE and LDER",
        verdict: Verdict::Qemu,
        reason: "Registers other than 0, 2, 4 and 6 need the AFP-register control (chapter 9): data exception; QEMU does not look",
        applies: |p, _| only_softsie(p, 7) && p.softsie.dxc() == 1 && softsie_in(p, &[Op::LXR, Op::LDE, Op::LDER]),
    },
    Rule {
        name: "selection from all ones",
        verdict: Verdict::Qemu,
        reason: "VECTOR SELECT takes each bit from V2 or V3 (chapter 21); QEMU gives all ones when it knows V3 to be that",
        applies: |p, f| {
            const STORES: &[Op] = &[Op::VST, Op::VSTM, Op::VSTL, Op::VSTEB, Op::VSTEH, Op::VSTEF, Op::VSTEG];
            let selected = matches!(f, Field::Vr(_)) || matches!(f, Field::Data(_)) && p.has(STORES);
            selected && p.has(&[Op::VSEL]) && p.has(&[Op::VREPI, Op::VGM, Op::VGBM, Op::VCEQ])
        },
    },
    Rule {
        name: "SET PSW KEY FROM ADDRESS in the problem state",
        verdict: Verdict::Qemu,
        reason: "Allowed for the keys of the PSW-key mask (chapter 10); QEMU takes it for privileged",
        applies: |p, _| p.qemu.program() == 2 && qemu_in(p, &[Op::SPKA]),
    },
    Rule {
        name: "LOAD CONTROL of the operand's own space",
        verdict: Verdict::Qemu,
        reason: "The operand is fetched before any register changes, and the next instruction in the new space (chapter 10); \
                 QEMU goes on fetching operands in the new and instructions in the old one",
        applies: |p, _| {
            p.has(&[Op::LCTL, Op::LCTLG])
                && [p.softsie.program(), p.qemu.program()].into_iter().any(|c| is_access(c) || c == 0x12)
        },
    },
    Rule {
        name: "characters from U+0800 to U+0FFF",
        verdict: Verdict::Qemu,
        reason: "Well-formed in UTF-8 with three bytes (chapter 7); QEMU's check takes those below U+1000 for too long",
        applies: |p, _| p.has(&[Op::CU12, Op::CU14]) && p.qemu.cc() == 2,
    },
    Rule {
        name: "low surrogates that stand alone",
        verdict: Verdict::Qemu,
        reason: "No characters where vector-enhancements facility 1 is: glibc's conversions, which reject them, rely on the \
                 instructions there; QEMU takes them",
        applies: |p, _| p.has(&[Op::CU21, Op::CU24, Op::CU41, Op::CU42]) && p.softsie.cc() == 2,
    },
    Rule {
        name: "test character of TRANSLATE ONE TO TWO",
        verdict: Verdict::Qemu,
        reason: "Bits 48 to 63 of general register 0 (chapter 7); QEMU takes eight bits",
        applies: |p, _| p.has(&[Op::TROT]) && p.record.gr[0] & 0xFF00 != 0,
    },
    Rule {
        name: "instruction that QEMU lacks",
        verdict: Verdict::Qemu,
        reason: "A branch to a random address executes whatever is there",
        applies: |p, _| p.qemu.program() == 1,
    },
    Rule {
        name: "length of VECTOR STRING SEARCH",
        verdict: Verdict::Unpredictable,
        reason: "The length of the substring, byte 7 of V4, must not be greater than 16 (chapter 23)",
        applies: |p, f| matches!(f, Field::Cc | Field::Vr(_)) && p.has(&[Op::VSTRS]),
    },
    Rule {
        name: "factors of more than 56 bits",
        verdict: Verdict::Unpredictable,
        reason: "The leftmost bytes of the factors of VECTOR MULTIPLY SUM LOGICAL must be zero (chapter 22)",
        applies: |p, f| matches!(f, Field::Vr(_)) && p.has(&[Op::VMSL]),
    },
];

/// Whether QEMU has another opinion on its inexact flag.
fn inexact(op: Op) -> bool {
    converts(op) || matches!(op, Op::VCFPS | Op::VCFPL | Op::VFI | Op::VFLR)
}

fn converts(op: Op) -> bool {
    op.row().class == Class::Bfp && op.mnemonic().starts_with('c') || matches!(op, Op::VCSFP | Op::VCLFP)
}
