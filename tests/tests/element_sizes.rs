//! Element sizes that vector-enhancements facility 3 added are specification exceptions without it.
//! Source: Principles of Operation, chapters 21 and 22; `cases/vector_enhancements_3.case` has them with the facility.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::sync::Arc;

use softsie_cpu::{ProgramCode, Psw};
use softsie_isa::assemble;
use softsie_tests::{Bare, Step};

const ADDED: &[&str] = &[
    "vclz %v1,%v2,4",
    "vctz %v1,%v2,4",
    "vlc %v1,%v2,4",
    "vlp %v1,%v2,4",
    "vuph %v1,%v2,3",
    "vuplh %v1,%v2,3",
    "vupl %v1,%v2,3",
    "vupll %v1,%v2,3",
    "vmx %v1,%v2,%v3,4",
    "vmxl %v1,%v2,%v3,4",
    "vmn %v1,%v2,%v3,4",
    "vmnl %v1,%v2,%v3,4",
    "vavg %v1,%v2,%v3,4",
    "vavgl %v1,%v2,%v3,4",
    "vceq %v1,%v2,%v3,4,1",
    "vch %v1,%v2,%v3,4,0",
    "vchl %v1,%v2,%v3,4,1",
    "vec %v1,%v2,4",
    "vecl %v1,%v2,4",
    "vml %v1,%v2,%v3,3",
    "vml %v1,%v2,%v3,4",
    "vmh %v1,%v2,%v3,3",
    "vmh %v1,%v2,%v3,4",
    "vmlh %v1,%v2,%v3,3",
    "vmlh %v1,%v2,%v3,4",
    "vme %v1,%v2,%v3,3",
    "vmle %v1,%v2,%v3,3",
    "vmo %v1,%v2,%v3,3",
    "vmlo %v1,%v2,%v3,3",
    "vmal %v1,%v2,%v3,%v4,3",
    "vmal %v1,%v2,%v3,%v4,4",
    "vmah %v1,%v2,%v3,%v4,3",
    "vmah %v1,%v2,%v3,%v4,4",
    "vmalh %v1,%v2,%v3,%v4,3",
    "vmalh %v1,%v2,%v3,%v4,4",
    "vmae %v1,%v2,%v3,%v4,3",
    "vmale %v1,%v2,%v3,%v4,3",
    "vmao %v1,%v2,%v3,%v4,3",
    "vmalo %v1,%v2,%v3,%v4,3",
];

#[test]
fn sizes_of_the_facility_need_it() {
    for installed in [true, false] {
        let mut bare = Bare::new();
        let mut model = (*bare.cpu.model).clone();
        model.facilities.set(198, installed);
        bare.cpu.model = Arc::new(model);
        bare.cpu.cr[0] = 0x6_00E0;
        for text in ADDED {
            bare.cpu.write_absolute(0x1000, &assemble(text, 0x1000).unwrap()).unwrap();
            bare.cpu.set_psw(Psw::new(0x1_8000_0000, 0x1000));
            let expected = if installed { Step::Done } else { Step::Program(ProgramCode::SPECIFICATION) };
            assert_eq!(bare.step(), expected, "{text}, facility: {installed}");
        }
    }
}
