//! Which instructions a transaction may not execute.
//! Source: Principles of Operation, chapter 5, Transactional-Execution Facility (Restricted Instructions, Constrained
//! Transaction); in doubt Hyperion's reading of it.

use crate::names::Class;
use crate::table::{Op, Row, State};

/// When a transaction may not execute an instruction. What depends on operands or control registers besides is not said here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// In any transaction.
    pub always: bool,
    /// In constrained transactions.
    pub constrained: bool,
    /// Unless the transaction permits floating-point operations.
    pub floating_point: bool,
    /// Unless the transaction permits that access registers are modified.
    pub access_registers: bool,
    /// In constrained transactions unless it is a branch forward with a mask that is not zero.
    pub unless_forward: bool,
}

impl Row {
    /// When a transaction may not execute the instruction.
    pub fn restrictions(&self) -> Restrictions {
        let floating_point = matches!(
            self.class,
            Class::FpSupport
                | Class::Bfp
                | Class::Hfp
                | Class::Dfp
                | Class::VectorSupport
                | Class::VectorInteger
                | Class::VectorString
                | Class::VectorFp
                | Class::VectorDecimal
        );
        let two_operands = self.format.layout().name.starts_with("SS");
        Restrictions {
            always: self.state != State::Problem || is_restricted(self.op),
            constrained: self.class != Class::General || two_operands || is_restricted_when_constrained(self.op),
            floating_point,
            access_registers: modifies_access_registers(self.op),
            unless_forward: is_relative_branch(self.op),
        }
    }
}

fn is_restricted(op: Op) -> bool {
    use Op::*;
    matches!(
        op,
        BAKR | BSG
            | CSST
            | DFLTCC
            | EREG
            | EREGG
            | ESTA
            | MSTA
            | NNPA
            | PLO
            | PPA
            | PR
            | PRNO
            | SORTL
            | STFLE
            | SVC
            | TRAP2
            | TRAP4
            | RIEMIT
            | RINEXT
            | RION
            | RIOFF
            | STRIC
            | LRIC
            | MRIC
            | TRIC
    )
}

fn modifies_access_registers(op: Op) -> bool {
    use Op::*;
    matches!(op, CPYA | LAM | LAMY | SAR | LAE | LAEY)
}

fn is_relative_branch(op: Op) -> bool {
    use Op::*;
    matches!(op, BRC | BRCL | CRJ | CGRJ | CLRJ | CLGRJ | CIJ | CGIJ | CLIJ | CLGIJ)
}

/// Of the general instructions those of formats other than SS, SSE and SSF: branches other than relative ones on condition,
/// serializing and long ones.
fn is_restricted_when_constrained(op: Op) -> bool {
    use Op::*;
    matches!(
        op,
        BAL | BALR
            | BAS
            | BASR
            | BASSM
            | BSM
            | BC
            | BCR
            | BIC
            | BCT
            | BCTR
            | BCTG
            | BCTGR
            | BXH
            | BXHG
            | BXLE
            | BXLEG
            | BRAS
            | BRASL
            | BRCT
            | BRCTG
            | BRCTH
            | BRXH
            | BRXHG
            | BRXLE
            | BRXLG
            | CRB
            | CGRB
            | CLRB
            | CLGRB
            | CIB
            | CGIB
            | CLIB
            | CLGIB
            | BPP
            | BPRP
            | EX
            | EXRL
            | MC
            | ECAG
            | TS
            | UPT
            | CS
            | CSY
            | CSG
            | CDS
            | CDSY
            | CDSG
            | LPQ
            | STPQ
            | LAA
            | LAAG
            | LAAL
            | LAALG
            | LAN
            | LANG
            | LAO
            | LAOG
            | LAX
            | LAXG
            | LAE
            | LAEY
            | CVB
            | CVBY
            | CVBG
            | CVD
            | CVDY
            | CVDG
            | D
            | DR
            | DL
            | DLR
            | DLG
            | DLGR
            | DSG
            | DSGR
            | DSGF
            | DSGFR
            | MVCL
            | MVCLE
            | MVCLU
            | CLCL
            | CLCLE
            | CLCLU
            | MVST
            | CLST
            | SRST
            | SRSTU
            | CUSE
            | CKSM
            | CFC
            | CMPSC
            | TRE
            | TROO
            | TROT
            | TRTO
            | TRTT
            | TRTE
            | TRTRE
            | CU12
            | CU14
            | CU21
            | CU24
            | CU41
            | CU42
            | SAM24
            | SAM31
            | SAM64
            | TAM
            | STCK
            | STCKE
            | STCKF
            | ETND
            | NTSTG
            | TABORT
            | TBEGIN
            | TBEGINC
            | LGSC
            | STGSC
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_restriction() {
        let of = |op: Op| op.row().restrictions();
        assert_eq!(of(Op::LG), Restrictions::default());
        assert_eq!(of(Op::TEND), Restrictions::default());
        assert!(of(Op::SVC).always && of(Op::LPSWE).always && of(Op::STFLE).always && of(Op::SAC).always);
        assert!(!of(Op::MVC).always && of(Op::MVC).constrained && of(Op::AP).constrained && of(Op::CSG).constrained);
        assert!(of(Op::LD).floating_point && of(Op::VL).floating_point && !of(Op::LG).floating_point);
        assert!(of(Op::LAE).access_registers && !of(Op::EAR).access_registers);
        assert!(of(Op::BRC).unless_forward && !of(Op::BRC).constrained);
    }
}
