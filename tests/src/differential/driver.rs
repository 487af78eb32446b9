//! The program that executes records in the guest: loads a record's state, lets it run to its supervisor call or to an
//! interruption, stores what became of it. Both softsie and QEMU run it from the same storage image.
//! Source: our own; assigned storage locations and PSW: Principles of Operation, chapters 3 and 4.

use std::fmt::Write;

use softsie_isa::{AsmError, Assembly, assemble_with_symbols};

use super::layout;

const SOURCE: &str = "
# Real-mode 64-bit code. Lowcore from 0x200 on is ours.
.equ RUN_PSW, 0x200
.equ SAVED_GR, 0x280
.equ SAVED_CR, 0x300
.equ RESULT_POINTER, 0x380
start:
        larl %r1,control
        lctlg %c0,%c15,0(%r1)
        larl %r1,new_psws
        mvc 0x1b0(0x50),0(%r1)
        lghi %r1,INDEX
        mvghi STARTED-INDEX(%r1),1
next:
        lghi %r1,INDEX
        lg %r2,0(%r1)
        clg %r2,COUNT-INDEX(%r1)
        brc 10,all_done
        sllg %r15,%r2,10
        algfi %r15,RECORDS
        msgfi %r2,RESULT_SIZE
        algfi %r2,RESULTS
        stg %r2,RESULT_POINTER(0)
        lgfi %r4,DATA
        lghi %r5,DATA_SIZE
        lg %r6,RECORD_BACKGROUND(%r15)
        lgr %r7,%r5
        mvcl %r4,%r6
        xc 0x80(0x40),0x80
        xc 0x110(8),0x110
        lfpc RECORD_FPC(%r15)
        vlm %v0,%v15,RECORD_VR(%r15)
        vlm %v16,%v31,RECORD_VR+256(%r15)
        lam %a0,%a15,RECORD_AR(%r15)
        mvc RUN_PSW(16),RECORD_PSW(%r15)
        lctlg %c0,%c15,RECORD_CR(%r15)
        lmg %r0,%r15,RECORD_GR(%r15)
        lpswe RUN_PSW
supervisor_call:
        stmg %r0,%r15,SAVED_GR(%r0)
        lghi %r0,1
        lghi %r1,0x140
        j store
program:
        stmg %r0,%r15,SAVED_GR(%r0)
        lghi %r0,2
        lghi %r1,0x150
        j store
other:
        stmg %r0,%r15,SAVED_GR(%r0)
        lghi %r0,3
        lghi %r1,0x130
store:
        stctg %c0,%c15,SAVED_CR(%r0)
        larl %r2,control
        lctlg %c0,%c15,0(%r2)
        lg %r15,RESULT_POINTER(0)
        mvc RESULT_PSW(16,%r15),0(%r1)
        mvc RESULT_BREAKING_EVENT(8,%r15),0x110
        mvc RESULT_LOWCORE(64,%r15),0x80
        mvc RESULT_GR(256,%r15),SAVED_GR
        stam %a0,%a15,RESULT_AR(%r15)
        vstm %v0,%v15,RESULT_VR(%r15)
        vstm %v16,%v31,RESULT_VR+256(%r15)
        stfpc RESULT_FPC(%r15)
        lay %r4,RESULT_DATA(%r15)
        lghi %r5,DATA_SIZE
        lgfi %r6,DATA
        lgr %r7,%r5
        mvcl %r4,%r6
        stg %r0,RESULT_KIND(%r15)
        lghi %r1,INDEX
        lg %r2,0(%r1)
        aghi %r2,1
        stg %r2,0(%r1)
        j next
all_done:
        lghi %r2,1
        stg %r2,DONE-INDEX(%r1)
        larl %r1,stopped
        lpswe 0(%r1)
.align 8
# CR0: AFP registers and vectors; CR14 as after a reset.
control:
        .quad 0x600e0,0,0,0,0,0,0,0,0,0,0,0,0,0,0xc2000000,0
stopped:
        .quad 0x0002000180000000,0
# External, supervisor call, program, machine check, I/O.
new_psws:
        .quad 0x180000000,other,0x180000000,supervisor_call,0x180000000,program,0x180000000,other,0x180000000,other
";

/// The driver, assembled for [`layout::DRIVER`]. It starts at its first byte.
///
/// # Errors
/// A mistake in the program.
pub fn assemble_driver() -> Result<Assembly, AsmError> {
    use layout::{record, result};
    let mut source = String::new();
    for (name, value) in [
        ("INDEX", layout::INDEX),
        ("COUNT", layout::COUNT),
        ("DONE", layout::DONE),
        ("STARTED", layout::STARTED),
        ("DATA", layout::DATA),
        ("DATA_SIZE", layout::DATA_SIZE as u64),
        ("RECORDS", layout::RECORDS),
        ("RESULTS", layout::RESULTS),
        ("RESULT_SIZE", layout::RESULT_SIZE),
        ("RECORD_GR", record::GR as u64),
        ("RECORD_CR", record::CR as u64),
        ("RECORD_AR", record::AR as u64),
        ("RECORD_PSW", record::PSW as u64),
        ("RECORD_BACKGROUND", record::BACKGROUND as u64),
        ("RECORD_FPC", record::FPC as u64),
        ("RECORD_VR", record::VR as u64),
        ("RESULT_KIND", result::KIND as u64),
        ("RESULT_BREAKING_EVENT", result::BREAKING_EVENT as u64),
        ("RESULT_PSW", result::PSW as u64),
        ("RESULT_LOWCORE", result::LOWCORE as u64),
        ("RESULT_FPC", result::FPC as u64),
        ("RESULT_GR", result::GR as u64),
        ("RESULT_AR", result::AR as u64),
        ("RESULT_VR", result::VR as u64),
        ("RESULT_DATA", result::DATA as u64),
    ] {
        // Writing to a string cannot fail.
        let _ = writeln!(source, ".equ {name}, {value}");
    }
    source.push_str(SOURCE);
    assemble_with_symbols(&source, layout::DRIVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_fits_and_sizes_agree_with_its_shifts() {
        let driver = assemble_driver().unwrap();
        assert!(driver.bytes.len() < (layout::INDEX - layout::DRIVER) as usize);
        assert_eq!(driver.symbols["start"], layout::DRIVER);
        assert_eq!(layout::RECORD_SIZE, 1 << 10);
        assert_eq!(layout::result::CR, layout::result::GR + 128);
        let ends = [
            (layout::CODE + layout::BATCH_LIMIT as u64 * layout::CODE_SLOT, 0xFF_F000),
            (layout::RECORDS + layout::BATCH_LIMIT as u64 * layout::RECORD_SIZE, layout::BACKGROUNDS),
            (layout::BACKGROUNDS + (layout::BACKGROUND_LIMIT * layout::DATA_SIZE) as u64, layout::RESULTS),
            (layout::RESULTS + layout::BATCH_LIMIT as u64 * layout::RESULT_SIZE, layout::STORAGE_SIZE as u64),
        ];
        assert!(ends.iter().all(|(end, limit)| end <= limit), "{ends:x?}");
    }
}
