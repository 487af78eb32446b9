//! What the instruction table does not say about operands and a generator needs to know: which registers hold addresses,
//! which instructions branch, go on after CC 3, or use their storage operand as a number.
//! Source: the instructions' descriptions in the Principles of Operation, chapters 7 and 10.

use softsie_isa::{Class, FieldName, Op, Operand, Row};

/// How a branch names its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// Relative to itself.
    Relative,
    /// By register R2.
    Register,
    /// By base and displacement.
    Storage,
}

impl Branch {
    /// Whether and how an instruction branches.
    pub fn of(op: Op) -> Option<Branch> {
        use Op::*;
        Some(match op {
            BRC | BRCL | BRAS | BRASL | BRCT | BRCTG | BRCTH | BRXH | BRXLE | BRXHG | BRXLG | CRJ | CGRJ | CLRJ
            | CLGRJ | CIJ | CGIJ | CLIJ | CLGIJ => Branch::Relative,
            BCR | BCTR | BCTGR | BALR | BASR | BSM | BASSM => Branch::Register,
            BC | BCT | BCTG | BAL | BAS | BXH | BXLE | BXHG | BXLEG | CRB | CGRB | CLRB | CLGRB | CIB | CGIB | CLIB
            | CLGIB => Branch::Storage,
            _ => return None,
        })
    }
}

/// Fields of registers that hold an address (and, where it is a pair, a length).
pub fn address_registers(op: Op) -> &'static [FieldName] {
    use FieldName::{R1, R2, R3};
    use Op::*;
    match op {
        MVCL | CLCL | MVST | CLST | SRST | SRSTU | CU12 | CU14 | CU21 | CU24 | CU41 | CU42 | TRE | TROO | TROT
        | TRTO | TRTT | MVPG | CUSE | CMPSC | SORTL => &[R1, R2],
        KM | KMC | KMF | KMO | KLMD | PRNO => &[R1, R2],
        KMCTR | KMA | DFLTCC => &[R1, R2, R3],
        KMAC | KIMD | KDSA => &[R2],
        MVCLE | CLCLE | MVCLU | CLCLU => &[R1, R3],
        CKSM | LURA | LURAG | CSP | CSPG | STURA | STURG | ISKE | SSKE | RRBE | RRBM | IRBM | IVSK | PFMF | LPTEA => {
            &[R2]
        }
        TRTE | TRTRE => &[R1],
        IPTE | IDTE | CRDTE | RDP => &[R1, R2],
        _ => &[],
    }
}

/// How many storage operands it has, those by register included.
pub fn storage_operands(op: Op) -> usize {
    let explicit = op.row().operands.iter().filter(|o| matches!(o, Operand::Storage { .. } | Operand::Relative(_)));
    let translates = matches!(op, Op::TRE | Op::TROO | Op::TROT | Op::TRTO | Op::TRTT | Op::TRTR);
    explicit.count() + address_registers(op).len() + usize::from(translates)
}

/// Whether CC 3 means that the instruction is to be executed again.
pub fn may_go_on(op: Op) -> bool {
    use Op::*;
    const OPS: &[Op] = &[
        MVCLE, CLCLE, MVCLU, CLCLU, CKSM, MVST, CLST, SRST, SRSTU, CU12, CU14, CU21, CU24, CU41, CU42, TRE, TROO, TROT,
        TRTO, TRTT, CUSE, TRTE, TRTRE, KM, KMC, KMF, KMO, KMCTR, KMA, KMAC, KIMD, KLMD, KDSA, PCC, CMPSC, DFLTCC,
        SORTL,
    ];
    OPS.contains(&op)
}

/// Whether the instruction may stop in the middle: how far it came when an exception ends it is not determined.
pub fn is_interruptible(op: Op) -> bool {
    may_go_on(op) || matches!(op, Op::MVCL | Op::CLCL | Op::UPT | Op::CFC)
}

/// Whether it is in a sequence only alone: what QEMU does wrong with it, or what is not determined, would spoil the rest.
pub fn is_alone(op: Op) -> bool {
    use Op::*;
    const OPS: &[Op] = &[
        LRA, LRAG, LRAY, LURA, LURAG, TPROT, LAE, LAEY, MVCP, MVCS, MVCOS, BIC, UNPK, UNPKA, UNPKU, PKA, PKU, CU12,
        CU14, CU21, CU24, CU41, CU42, VFNMA, VFNMS, VMSL, STMH, LTEBR, LTDBR, LTXBR, MVST, MVCIN, CKSM, TROO, TROT,
        TRTO, TRTT, SACF, CLST, MXDBR, MXDB, MDEBR, MDEB, CLCLE, CLCLU, CLCL, MVCL, TRE, MVCLE, MVCLU, VSTRS, MVPG,
        LPSW, LPSWE, SSM, STNSM, STOSM, SPKA, LCTL, LCTLG, STURA, STURG, CSP, CSPG, PTLB, LPP, SCKC, SPT,
    ];
    /// The same among those that are not compared with QEMU: what mostly ends a sequence, stores the time, or depends on
    /// general register 0.
    const ABSENT: &[Op] = &[
        STCK, STCKF, STCKE, STPT, ECTG, LPSWEY, LASP, PC, PR, PT, PTI, RP, BAKR, BSA, BSG, TRAP2, TRAP4, SAC, MSTA,
        EREG, EREGG, ESTA, SSAR, SSAIR, PTFF, PRNO, PFPO, CSST, PLO, UPT, CFC, IPTE, IDTE, CRDTE, RDP, ISKE, SSKE,
        RRBE, RRBM, IRBM, IVSK, PFMF, LPTEA, CMPSC, DFLTCC, SORTL,
    ];
    OPS.contains(&op) || ABSENT.contains(&op) || op.row().class == Class::Crypto
}

/// Whether it compares BFP numbers: QEMU does not execute it when nobody looks at the condition code.
pub fn is_bfp_comparison(op: Op) -> bool {
    use Op::*;
    matches!(op, CEBR | CDBR | CXBR | CEB | CDB | KEBR | KDBR | KXBR | KEB | KDB | WFC | WFK | TCEB | TCDB | TCXB)
}

/// Whether it fetches an operand and stores into it.
pub fn updates_storage(op: Op) -> bool {
    use Op::*;
    const OPS: &[Op] = &[
        NI, NIY, OI, OIY, XI, XIY, TS, NC, OC, XC, MVN, MVZ, MVO, TR, TRE, CS, CSY, CSG, CDS, CDSY, CDSG, LAA, LAAG,
        LAAL, LAALG, LAN, LANG, LAO, LAOG, LAX, LAXG, ASI, AGSI, ALSI, ALGSI, MVCOS, MVCP, MVCS, CSP, CSPG,
    ];
    OPS.contains(&op)
}

/// Whether its result is the time.
pub fn stores_time(op: Op) -> bool {
    matches!(op, Op::STCK | Op::STCKF | Op::STCKE | Op::STPT | Op::ECTG)
}

/// Whether an operand has a real address.
pub fn uses_real(op: Op) -> bool {
    use Op::*;
    const OPS: &[Op] =
        &[STURA, STURG, CSP, CSPG, LURA, LURAG, IPTE, IDTE, CRDTE, RDP, ISKE, SSKE, RRBE, RRBM, IRBM, PFMF];
    OPS.contains(&op)
}

/// Whether in the 24- and 31-bit modes it puts an address into a register whose left half stays.
pub fn is_load_address(op: Op) -> bool {
    matches!(op, Op::LA | Op::LAY | Op::LAE | Op::LAEY | Op::LARL)
}

/// Whether the storage operand must be aligned.
pub fn needs_alignment(op: Op) -> bool {
    use Op::*;
    const OPS: &[Op] = &[
        CS, CSY, CSG, CDS, CDSY, CDSG, LAA, LAAG, LAAL, LAALG, LAN, LANG, LAO, LAOG, LAX, LAXG, LPD, LPDG, LPQ, STPQ,
        LAM, LAMY, STAM, STAMY, STCTL, STCTG,
    ];
    OPS.contains(&op)
}

/// What a mask or small immediate field may be, where the generator's usual choice would mostly be wrong.
pub fn valid_values(op: Op, field: FieldName) -> Option<&'static [u64]> {
    use FieldName::*;
    use Op::*;
    Some(match (op, field) {
        (VISTR, M5) => &[0, 1],
        (VFEE | VFENE, M5) => &[0, 1, 2, 3],
        (VSTRS, M6) => &[0, 2],
        (VAC | VACCC | VSBI | VSBCBI, M5) => &[4],
        (VMSL, M5) => &[3],
        (VFPSO, M5) => &[0, 1, 2],
        (VFPSO, M4) | (WFC | WFK, M4) => &[0, 8],
        (VFCE | VFCH | VFCHE, M6) => &[0, 1],
        (VFCE | VFCH | VFCHE, M5) => &[0, 8, 4, 12],
        (VSLD | VSRD, I4) => &[0, 1, 2, 3, 4, 5, 6, 7],
        (VSLDB, I4) => &[0, 1, 2, 3, 4, 7, 8, 11, 15],
        (LCBB, M3) => &[0, 1, 2, 3, 4, 5, 6],
        (VSUM, M4) | (VLEG | VSTEG | VLEBRG | VSTEBRG | VGEG | VSCEG | VLEIG, M3) => &[0, 1],
        (VLEF | VSTEF | VLEBRF | VSTEBRF | VGEF | VSCEF | VLEIF, M3) => &[0, 1, 2, 3],
        (VSUMG, M4) => &[1, 2],
        (VSUMQ, M4) => &[2, 3],
        (VPK, M4) | (VPKS | VPKLS, M4) | (VLBR | VSTBR | VLBRREP | VLLEBRZ, M3) => &[1, 2, 3],
        (VPKS | VPKLS, M5) => &[0, 1],
        (VMLE | VMLO | VME | VMO | VML | VMH | VMLH | VSEG, M4) | (VSEG | VUPL | VUPH | VUPLL | VUPLH, M3) => {
            &[0, 1, 2]
        }
        (VMAL | VMAH | VMALH | VMAE | VMAO | VMALE | VMALO, M5) => &[0, 1, 2],
        (VLER | VSTER, M3) => &[1, 2, 3],
        (VCEQ | VCH | VCHL, M5) => &[0, 1],
        (VFLL | VFLR, M3) => &[2, 3, 3, 4],
        (VFLL | VFSQ, M4) | (VFA | VFS | VFM | VFD | VFMA | VFMS | VFNMA | VFNMS | VFTCI | VFMAX | VFMIN, M5) => {
            &[0, 8]
        }
        (VPOPCT | VCLZ | VCTZ | VLC | VLP, M3) => &[0, 1, 2, 3],
        _ => return None,
    })
}

/// Whether its second byte is part of the operation code, so that EXECUTE had better not change it.
pub fn second_byte_is_opcode(row: &Row) -> bool {
    row.opcode.len() == 3 || row.opcode.len() == 4 && !row.opcode.contains('.')
}

/// Whether the storage operand's address is a number.
pub fn is_number(op: Op) -> bool {
    use Op::*;
    const OPS: &[Op] = &[
        SLL, SRL, SLA, SRA, SLDL, SRDL, SLDA, SRDA, SLLG, SRLG, SLAG, SRAG, SLLK, SRLK, SLAK, SRAK, RLL, RLLG, SRNM,
        SRNMB, SRNMT, VESL, VESRL, VESRA, VERLL, VLGV, VLVG, SPKA, MVCLE, CLCLE, MVCLU, CLCLU, TCEB, TCDB, TCXB, ECAG,
        TDCET, TDCDT, TDCXT, TDGET, TDGDT, TDGXT, SLDT, SRDT, SLXT, SRXT,
    ];
    OPS.contains(&op)
}

/// Whether it loads or stores a range of registers.
pub fn is_multiple(op: Op) -> bool {
    use Op::*;
    const OPS: &[Op] =
        &[LM, LMG, LMH, LMY, LAM, LAMY, STM, STMG, STMH, STMY, STAM, STAMY, VLM, VSTM, STCTL, STCTG, LMD];
    OPS.contains(&op)
}

/// Whether a general register is named by an operand, or may be in a range that is.
pub fn touches_register(row: &Row, text: u64, register: u64) -> bool {
    if is_multiple(row.op) {
        return true;
    }
    row.operands.iter().any(|o| match *o {
        Operand::Gr(f) | Operand::GrPair(f) => {
            // One that is written as a pair reaches the next.
            let n = row.format.layout().get(text, f);
            n == register || n == register - 1
        }
        _ => false,
    })
}
