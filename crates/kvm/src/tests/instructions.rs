//! Completion of intercepted instructions: results, condition codes, exceptions, exits to the client.
//! Truth: Principles of Operation, chapter 10; the table of who handles what in the reference of SIE.

use std::sync::Arc;

use super::machine::{Machine, STORAGE, intercepted};
use crate::Vcpu;
use crate::abi::*;
use crate::intercept::{Handled, Stop};
use crate::run::Running;

const PROBLEM: u64 = 0x0001_0000_0000_0000;
const EA_BA: u64 = 0x0000_0001_8000_0000;

fn machine() -> (Machine, Arc<Vcpu>) {
    let machine = Machine::new();
    let vcpu = machine.vcpu(0);
    vcpu.peer().sd.gpsw_mask.set(EA_BA);
    vcpu.peer().sd.gpsw_addr.set(0x4000);
    (machine, vcpu)
}

/// An S-format instruction with operand at the address in register 1.
fn s_format(opcode: u16) -> u64 {
    u64::from(opcode) << 48 | 0x1000 << 32
}

fn with_gr1(vcpu: &Vcpu, address: u64) {
    vcpu.with_running(|running| running.sie.cpu.gr[1] = address);
}

fn exec(vcpu: &Vcpu, text: u64) -> Handled {
    intercepted(vcpu, text, |_, handled| handled)
}

fn program(handled: Handled) -> u16 {
    match handled {
        Err(Stop::Program(info)) => info.code,
        other => panic!("no program interruption: {other:?}"),
    }
}

fn cc(vcpu: &Vcpu) -> u64 {
    vcpu.peer().sd.gpsw_mask.get() >> 44 & 3
}

fn change<T>(vcpu: &Vcpu, f: impl FnOnce(&mut Running<'_>) -> T) -> T {
    vcpu.with_running(f)
}

const STIDP: u16 = 0xb202;
const SCK: u16 = 0xb204;
const SPX: u16 = 0xb210;
const STPX: u16 = 0xb211;
const STAP: u16 = 0xb212;
const STSI: u16 = 0xb27d;
const STFLE: u16 = 0xb2b0;
const STFL: u16 = 0xb2b1;
const LPSWE: u16 = 0xb2b2;

#[test]
fn control_instructions_are_privileged() {
    let (_machine, vcpu) = machine();
    vcpu.peer().sd.gpsw_mask.set(EA_BA | PROBLEM);
    with_gr1(&vcpu, 0x5000);
    for opcode in [STIDP, SCK, SPX, STPX, STAP, STSI, STFL, LPSWE, 0xb22c, 0xb236, 0xb230, 0x8301, 0xae01, 0x0107] {
        assert_eq!(program(exec(&vcpu, s_format(opcode))), 2, "{opcode:#x}");
    }
}

#[test]
fn control_instructions_check_boundaries() {
    let (_machine, vcpu) = machine();
    for (opcode, boundary) in
        [(STIDP, 8), (SCK, 8), (SPX, 4), (STPX, 4), (STAP, 2), (STFLE, 8), (LPSWE, 8), (0x8200, 8)]
    {
        with_gr1(&vcpu, 0x5000 + boundary / 2);
        assert_eq!(program(exec(&vcpu, s_format(opcode))), 6, "{opcode:#x}");
    }
    with_gr1(&vcpu, STORAGE as u64);
    assert_eq!(program(exec(&vcpu, s_format(STIDP))), 5, "operand outside storage");
}

#[test]
fn identification() {
    let machine = Machine::new();
    let vcpu = machine.vcpu(3);
    vcpu.peer().sd.gpsw_mask.set(EA_BA);
    with_gr1(&vcpu, 0x5000);
    exec(&vcpu, s_format(STIDP)).unwrap();
    assert_eq!(machine.read::<8>(0x5000)[4..6], [0x39, 0x31], "machine type of z16");
    exec(&vcpu, s_format(STAP)).unwrap();
    assert_eq!(machine.read::<2>(0x5000), [0, 3]);
}

#[test]
fn prefix() {
    let (machine, vcpu) = machine();
    with_gr1(&vcpu, 0x5000);
    machine.write(0x5000, &0x0000_7fffu32.to_be_bytes());
    exec(&vcpu, s_format(SPX)).unwrap();
    assert_eq!(vcpu.peer().sd.prefix(), 0x6000, "on an 8 KiB boundary");
    with_gr1(&vcpu, 0x5008);
    exec(&vcpu, s_format(STPX)).unwrap();
    assert_eq!(machine.read::<4>(0x5008), [0, 0, 0x60, 0]);
    machine.write(0x5008, &0x7fff_e000u32.to_be_bytes());
    assert_eq!(program(exec(&vcpu, s_format(SPX))), 5, "outside storage");
    assert_eq!(vcpu.peer().sd.prefix(), 0x6000);
}

#[test]
fn facility_lists() {
    let (machine, vcpu) = machine();
    exec(&vcpu, s_format(STFL)).unwrap();
    let list = machine.vm.facilities();
    assert_eq!(machine.read::<4>(200), list.0[..4]);
    with_gr1(&vcpu, 0x5000);
    change(&vcpu, |r| r.sie.cpu.gr[0] = 0xff00);
    exec(&vcpu, s_format(STFLE)).unwrap();
    assert_eq!(machine.read::<8>(0x5000), list.0[..8]);
    assert_eq!(machine.read::<8>(0x5008), [0; 8], "one doubleword was asked for");
    let there = change(&vcpu, |r| r.sie.cpu.gr[0]) & 0xff;
    assert_eq!(cc(&vcpu), if there == 0 { 0 } else { 3 });
    change(&vcpu, |r| r.sie.cpu.gr[0] = 31);
    exec(&vcpu, s_format(STFLE)).unwrap();
    assert_eq!(cc(&vcpu), 0);
}

#[test]
fn load_psw() {
    let (machine, vcpu) = machine();
    let sd = &vcpu.peer().sd;
    with_gr1(&vcpu, 0x5000);
    machine.write_psw(0x5000, 0x0706_0001_8000_0000, 0x1234_5678_9abc_def0);
    exec(&vcpu, s_format(LPSWE)).unwrap();
    assert_eq!((sd.gpsw_mask.get(), sd.gpsw_addr.get()), (0x0706_0001_8000_0000, 0x1234_5678_9abc_def0));
    sd.gpsw_mask.set(EA_BA);
    machine.write(0x5000, &0x0008_0000_8001_0000u64.to_be_bytes());
    exec(&vcpu, s_format(0x8200)).unwrap();
    assert_eq!((sd.gpsw_mask.get(), sd.gpsw_addr.get()), (0x8000_0000, 0x1_0000), "short format");
    sd.gpsw_mask.set(EA_BA);
    machine.write(0x5000, &0x0000_0000_8001_0000u64.to_be_bytes());
    assert_eq!(program(exec(&vcpu, s_format(0x8200))), 6, "bit 12 must be one");
    machine.write_psw(0x5000, 0x8000_0001_8000_0000, 0);
    assert_eq!(program(exec(&vcpu, s_format(LPSWE))), 6, "bit 0 must be zero");
}

#[test]
fn control_registers() {
    let (machine, vcpu) = machine();
    let sd = &vcpu.peer().sd;
    with_gr1(&vcpu, 0x5000);
    machine.write(0x5000, &[0x11; 32]);
    // LCTLG 14,1,0(1): four registers, wrapping.
    exec(&vcpu, 0xebe1_1000_002f_0000).unwrap();
    for n in [14, 15, 0, 1] {
        assert_eq!(sd.gcr[n].get(), 0x1111_1111_1111_1111);
    }
    assert_eq!(sd.gcr[2].get(), 0);
    assert_eq!(sd.ihcpu.get(), 0xffff, "translations are purged");
    // LCTL 2,2,0(1): the right half only.
    sd.gcr[2].set(0xaaaa_aaaa_0000_0000);
    exec(&vcpu, 0xb722_1000_0000_0000).unwrap();
    assert_eq!(sd.gcr[2].get(), 0xaaaa_aaaa_1111_1111);
    // STCTG 2,2,16(1) and STCTL 2,2,24(1).
    exec(&vcpu, 0xeb22_1010_0025_0000).unwrap();
    assert_eq!(machine.read_u64(0x5010), 0xaaaa_aaaa_1111_1111);
    exec(&vcpu, 0xb622_1018_0000_0000).unwrap();
    assert_eq!(machine.read::<4>(0x5018), [0x11; 4]);
    with_gr1(&vcpu, 0x5004);
    assert_eq!(program(exec(&vcpu, 0xeb22_1000_002f_0000)), 6, "LCTLG wants a doubleword boundary");
}

#[test]
fn clock() {
    let (machine, vcpu) = machine();
    with_gr1(&vcpu, 0x5000);
    machine.write(0x5000, &0x4000_0000_0000_0000u64.to_be_bytes());
    exec(&vcpu, s_format(SCK)).unwrap();
    assert!(machine.vm.tod().1 - 0x4000_0000_0000_0000 < 4_096_000_000);
    assert_eq!(cc(&vcpu), 0);
    change(&vcpu, |r| r.sie.cpu.gr[0] = 0xffff_ffff_0000_1234);
    exec(&vcpu, 0x0107 << 48).unwrap();
    assert_eq!(vcpu.peer().sd.todpr.get(), 0x1234);
    change(&vcpu, |r| r.sie.cpu.gr[0] = 0x1_0000);
    assert_eq!(program(exec(&vcpu, 0x0107 << 48)), 6);
    // What steers the machine's own clock: adjust offset, fine rate, gross rate; and what there is not.
    for function in [0x40, 0x42, 0x43, 0x44, 0x7f] {
        change(&vcpu, |r| r.sie.cpu.gr[0] = function);
        exec(&vcpu, 0x0104 << 48).unwrap();
        assert_eq!(cc(&vcpu), 3, "PTFF {function:#x}");
    }
}

#[test]
fn clock_offsets_of_the_guest() {
    let (machine, vcpu) = machine();
    let ptff = |function, offset: u64| {
        machine.write(0x5000, &offset.to_be_bytes());
        change(&vcpu, |r| {
            r.sie.cpu.gr[0] = function;
            r.sie.cpu.gr[1] = 0x5000;
        });
        exec(&vcpu, 0x0104 << 48)
    };
    let ahead = || machine.vm.epoch() as i64 / 4_096_000_000;
    const HOUR: u64 = 3600 * 4_096_000_000;
    ptff(0x41, 5 * HOUR).unwrap();
    assert_eq!((cc(&vcpu), ahead()), (0, 5 * 3600));
    assert_eq!(vcpu.peer().sd.epoch.get(), 5 * HOUR, "every CPU follows");
    ptff(0x45, 2 * HOUR).unwrap();
    assert_eq!((cc(&vcpu), ahead()), (0, 7 * 3600), "the user's part is added");
    ptff(0x45, 0u64.wrapping_sub(HOUR)).unwrap();
    assert_eq!(ahead(), 4 * 3600, "and replaced");
    assert_eq!(machine.vm.user_epoch(), 0u64.wrapping_sub(HOUR));
    change(&vcpu, |r| r.cpu.sd.gpsw_mask.set(0x0001_0001_8000_0000));
    assert_eq!(program(ptff(0x41, 0)), 2);
    assert_eq!(ahead(), 4 * 3600);
}

#[test]
fn test_block() {
    let (machine, vcpu) = machine();
    // TB 0,2
    const TB: u64 = 0xb22c_0002_0000_0000;
    change(&vcpu, |r| {
        r.sie.cpu.gr[0] = 0x1234;
        r.sie.cpu.gr[2] = 0x6123;
    });
    machine.write(0x5fff, &[1; 4098]);
    exec(&vcpu, TB).unwrap();
    assert_eq!(machine.read::<4098>(0x5fff)[..2], [1, 0]);
    assert_eq!(machine.read::<4098>(0x5fff)[4096..], [0, 1]);
    assert_eq!((cc(&vcpu), change(&vcpu, |r| r.sie.cpu.gr[0])), (0, 0));
    assert_eq!(machine.vm.storage.map().page(0x6000).unwrap().state.key().0, 6, "reference and change");
    // In 31-bit mode the address is what its rightmost bits say; prefixing applies.
    vcpu.peer().sd.gpsw_mask.set(0x8000_0000);
    vcpu.peer().sd.set_prefix(0x8000);
    machine.write(0x9000, &[1]);
    change(&vcpu, |r| r.sie.cpu.gr[2] = 0xffff_ffff_8000_1000);
    exec(&vcpu, TB).unwrap();
    assert_eq!(machine.read::<1>(0x9000), [0]);
    vcpu.peer().sd.gcr[0].set(0x1000_00e0);
    for real in [0, 0x1fff] {
        change(&vcpu, |r| r.sie.cpu.gr[2] = real);
        assert_eq!(program(exec(&vcpu, TB)), 4, "low-address protection");
    }
    change(&vcpu, |r| r.sie.cpu.gr[2] = 0x2000);
    exec(&vcpu, TB).unwrap();
    change(&vcpu, |r| r.sie.cpu.gr[2] = STORAGE as u64);
    assert_eq!(program(exec(&vcpu, TB)), 5);
}

#[test]
fn system_information() {
    let (machine, vcpu) = machine();
    let stsi = |gr0: u64, gr1: u64| {
        change(&vcpu, |r| {
            r.sie.cpu.gr[0] = gr0;
            r.sie.cpu.gr[1] = gr1;
            r.sie.cpu.gr[2] = 0x5000;
        });
        exec(&vcpu, 0xb27d_2000_0000_0000)
    };
    stsi(0, 0).unwrap();
    assert_eq!((change(&vcpu, |r| r.sie.cpu.gr[0]), cc(&vcpu)), (3 << 28, 0), "current level");
    for (gr0, gr1) in [(0x1000_0001, 1), (0x1000_0002, 1), (0x1000_0002, 2), (0x2000_0002, 1), (0x2000_0002, 2)] {
        stsi(gr0, gr1).unwrap();
        assert_eq!(cc(&vcpu), 0, "{gr0:#x} {gr1}");
    }
    stsi(0x1000_0001, 1).unwrap();
    assert_eq!(machine.read::<4>(0x5000 + 48), [0xf3, 0xf9, 0xf3, 0xf1], "type");
    stsi(0x3000_0002, 2).unwrap();
    assert_eq!(machine.read::<1>(0x5000 + 31), [1], "one level");
    assert_eq!(machine.read::<2>(0x5000 + 36), [0, 1], "one CPU");
    assert_eq!(machine.read::<8>(0x5000 + 44), [0xd2, 0xe5, 0xd4, 0x87, 0xa4, 0x85, 0xa2, 0xa3], "KVMguest");
    for (gr0, gr1) in [(0x1000_0003, 1), (0x3000_0001, 1), (0x4000_0000, 0), (0xf000_0001, 2)] {
        stsi(gr0, gr1).unwrap();
        assert_eq!(cc(&vcpu), 3, "{gr0:#x} {gr1}");
    }
    assert_eq!(program(stsi(0x1000_0101, 1)), 6);
    assert_eq!(program(stsi(0x1000_0001, 0x1_0001)), 6);
    change(&vcpu, |r| {
        r.sie.cpu.gr[0] = 0x1000_0001;
        r.sie.cpu.gr[1] = 1;
        r.sie.cpu.gr[2] = 0x5800;
    });
    assert_eq!(program(exec(&vcpu, 0xb27d_2000_0000_0000)), 6, "the block is a page");
    machine.vm.enable_cap(&kvm_enable_cap { cap: KVM_CAP_S390_USER_STSI, ..Default::default() }).unwrap();
    assert!(matches!(stsi(0x3000_0002, 2), Err(Stop::Exited)));
    // SAFETY: the vCPU is not running; the page lives as long as it.
    let run = unsafe { vcpu.kvm_run().as_ref() };
    assert_eq!(run.exit_reason, KVM_EXIT_S390_STSI);
    let exit = run.s390_stsi();
    assert_eq!((exit.addr, exit.ar, exit.fc, exit.sel1, exit.sel2), (0x5000, 2, 3, 2, 2));
}

#[test]
fn diagnose() {
    let (_machine, vcpu) = machine();
    let diag = |code: u64, r1: u64| exec(&vcpu, (0x8300_0000 | r1 << 20 | code) << 32);
    for code in [0x44, 0x9c] {
        diag(code, 1).unwrap();
    }
    for code in [0x288, 0x318, 0x500, 0x501, 0x0] {
        assert!(matches!(diag(code, 1), Err(Stop::ToUser)), "{code:#x}");
    }
    // The subcode is in the second register, an address in the first.
    let ipl = |subcode| {
        change(&vcpu, |r| {
            r.sie.cpu.gr[2] = 3;
            r.sie.cpu.gr[5] = subcode;
        });
        exec(&vcpu, 0x8325_0308 << 32)
    };
    assert!(matches!(ipl(5), Err(Stop::ToUser)), "other subcodes");
    for (subcode, flags) in [(3, 0x1e), (4, 0x1c)] {
        assert!(matches!(ipl(subcode), Err(Stop::Exited)));
        // SAFETY: the vCPU is not running; the page lives as long as it.
        let run = unsafe { vcpu.kvm_run().as_ref() };
        assert_eq!((run.exit_reason, run.s390_reset_flags()), (KVM_EXIT_S390_RESET, flags));
    }
    // DIAG 1,2,0x10 releases pages from GR1 to GR2.
    let release = |start, last| {
        change(&vcpu, |r| {
            r.sie.cpu.gr[1] = start;
            r.sie.cpu.gr[2] = last;
        });
        exec(&vcpu, 0x8312_0010_0000_0000)
    };
    release(0x4000, 0x5000).unwrap();
    for (start, last) in [(0x4001, 0x5000), (0x5000, 0x4000 - 0x1000), (0x1000, 0x5000)] {
        assert_eq!(program(release(start, last)), 6);
    }
}

#[test]
fn pfault_handshake() {
    let (machine, vcpu) = machine();
    let block = |subcode: u16, token: u64| {
        let mut bytes = Vec::new();
        for half in [0x258u16, subcode, 5, 2] {
            bytes.extend_from_slice(&half.to_be_bytes());
        }
        bytes.extend_from_slice(&token.to_be_bytes());
        bytes.extend_from_slice(&[0; 24]);
        machine.write(0x5000, &bytes);
        change(&vcpu, |r| r.sie.cpu.gr[1] = 0x5000);
        // DIAG 1,2,0x258
        exec(&vcpu, 0x8312_0258_0000_0000)
    };
    let answer = || change(&vcpu, |r| r.sie.cpu.gr[2]);
    block(1, 0).unwrap();
    assert_eq!(answer(), 4, "nothing to cancel");
    assert_eq!(program(block(0, 0x6001)), 6);
    assert_eq!(program(block(0, STORAGE as u64)), 5);
    block(0, 0x6000).unwrap();
    assert_eq!((answer(), vcpu.peer().pfault.lock().token), (0, 0x6000));
    block(0, 0x6000).unwrap();
    assert_eq!(answer(), 8, "established already");
    block(1, 0).unwrap();
    assert_eq!(answer(), 0);
    assert!(matches!(block(2, 0), Err(Stop::ToUser)));
}

#[test]
fn channel_io() {
    let (machine, vcpu) = machine();
    exec(&vcpu, s_format(0xb233)).unwrap();
    assert_eq!(cc(&vcpu), 3, "no channel subsystem");
    vcpu.enable_cap(&kvm_enable_cap { cap: KVM_CAP_S390_CSS_SUPPORT, ..Default::default() }).unwrap();
    assert!(matches!(exec(&vcpu, s_format(0xb233)), Err(Stop::ToUser)));
    with_gr1(&vcpu, 0x5000);
    vcpu.peer().sd.gcr[6].set(0x1000_0000);
    exec(&vcpu, s_format(0xb236)).unwrap();
    assert_eq!(cc(&vcpu), 0, "TPI: nothing pending");
    let io = |nr: u32| kvm_s390_interrupt { r#type: 0, parm: 0x0001_0000 | nr, parm64: 0x1234_5678_1800_0000 };
    machine.vm.s390_interrupt(&io(9)).unwrap();
    machine.vm.s390_interrupt(&io(8)).unwrap();
    exec(&vcpu, s_format(0xb236)).unwrap();
    assert_eq!(cc(&vcpu), 1);
    assert_eq!(machine.read::<12>(0x5000), [0, 1, 0, 9, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0]);
    // TSCH takes the interruption of its own subchannel.
    with_gr1(&vcpu, 0x0001_0008);
    assert!(matches!(exec(&vcpu, s_format(0xb235)), Err(Stop::Exited)));
    // SAFETY: the vCPU is not running; the page lives as long as it.
    let run = unsafe { vcpu.kvm_run().as_ref() };
    let exit = run.s390_tsch();
    assert_eq!((run.exit_reason, exit.dequeued, exit.subchannel_nr), (KVM_EXIT_S390_TSCH, 1, 8));
    assert_eq!((exit.io_int_parm, exit.io_int_word, exit.ipb), (0x1234_5678, 0x1800_0000, 0x1000_0000));
    assert!(machine.vm.floating.pending().is_empty());
}

#[test]
fn an_operand_that_cannot_be_stored_gives_the_interruption_back() {
    let (machine, vcpu) = machine();
    vcpu.enable_cap(&kvm_enable_cap { cap: KVM_CAP_S390_CSS_SUPPORT, ..Default::default() }).unwrap();
    vcpu.peer().sd.gcr[6].set(!0);
    machine.vm.s390_interrupt(&kvm_s390_interrupt { r#type: 0, parm: 0x0001_0001, parm64: 0 }).unwrap();
    with_gr1(&vcpu, STORAGE as u64);
    assert_eq!(program(exec(&vcpu, s_format(0xb236))), 5);
    assert!(!machine.vm.floating.pending().is_empty());
}

#[test]
fn what_the_client_handles() {
    let (_machine, vcpu) = machine();
    for text in [0xb220_0012u64, 0xb214_1000, 0xb9a0_0000, 0xb2af_0000, 0x0101_0000, 0x9e00_0000] {
        assert!(matches!(exec(&vcpu, text << 32), Err(Stop::ToUser)), "{text:#x}");
    }
    for text in [
        0xb9a2_0000_0000_0000,
        0xb9ab_0000_0000_0000,
        0xaa00_0000_0000_0000,
        0xe300_0000_0049_0000,
        0xeb00_0000_0060_0000,
    ] {
        assert_eq!(program(exec(&vcpu, text)), 1, "{text:#x}");
    }
}

#[test]
fn operation_exceptions() {
    let (machine, vcpu) = machine();
    machine.write_psw(0x1d0, EA_BA, 0xd000);
    let operation = |ipa: u16| {
        change(&vcpu, |r| {
            r.cpu.sd.icptcode.set(softsie_sie::icpt::OPEREXC);
            r.cpu.sd.ipa.set(ipa);
            r.handle_interception()
        })
    };
    assert_eq!(program(operation(0)), 1);
    assert_eq!(program(operation(0xb2ff)), 1);
    machine.write_psw(0x1d0, EA_BA, 0x3ffe);
    assert!(matches!(operation(0xb2ff), Err(Stop::ToUser)), "the new PSW designates the instruction again");
    machine.write_psw(0x1d0, EA_BA, 0xd000);
    machine.vm.enable_cap(&kvm_enable_cap { cap: KVM_CAP_S390_USER_INSTR0, ..Default::default() }).unwrap();
    assert!(vcpu.peer().sd.interception_controls().contains(softsie_sie::InterceptionControls::OPEREXC));
    assert!(matches!(operation(0), Err(Stop::ToUser)));
    assert_eq!(program(operation(1)), 1);
}

#[test]
fn intercepted_program_interruptions() {
    let (machine, vcpu) = machine();
    let sd = &vcpu.peer().sd;
    let intercept = |code: u16| {
        change(&vcpu, |r| {
            r.cpu.sd.icptcode.set(softsie_sie::icpt::PROGI);
            r.cpu.sd.iprcc.set(code);
            r.cpu.sd.pgmilc.set(4);
            r.handle_interception()
        })
    };
    machine.write_psw(0x1d0, EA_BA, 0xd000);
    sd.tecmc.set(0x1234);
    let Err(Stop::Program(info)) = intercept(5) else { panic!() };
    assert_eq!((info.code, info.trans_exc_code, info.flags), (5, 0x1234, 0x0d));
    assert_eq!(program(intercept(6)), 6);
    machine.write_psw(0x1d0, 1 << 63, 0);
    assert!(matches!(intercept(6), Err(Stop::ToUser)), "an invalid new PSW would loop");
}

#[test]
fn waits() {
    let (_machine, vcpu) = machine();
    let sd = &vcpu.peer().sd;
    const WAIT: u64 = 0x0002_0000_0000_0000;
    let wait = || {
        change(&vcpu, |r| {
            r.cpu.sd.icptcode.set(softsie_sie::icpt::WAIT);
            r.handle_interception()
        })
    };
    sd.gpsw_mask.set(EA_BA | WAIT);
    assert!(matches!(wait(), Err(Stop::ToUser)), "a disabled wait");
    sd.gpsw_mask.set(EA_BA | WAIT | 0x0100_0000_0000_0000);
    sd.gcr[0].set(0x800);
    sd.ckc.set(0);
    wait().unwrap();
    // A comparator 20 ms ahead ends the wait; the CPU timer has run meanwhile.
    sd.epoch.set(0);
    sd.ckc.set(softsie_cpu::TodClock::now() + 20 * 4_096_000);
    sd.cputm.set(0x7000_0000_0000_0000);
    let start = std::time::Instant::now();
    wait().unwrap();
    assert!(start.elapsed() >= std::time::Duration::from_millis(19));
    assert!(sd.cputm.get() <= 0x7000_0000_0000_0000 - 19 * 4_096_000);
    // A kick ends it too.
    sd.ckc.set(u64::MAX);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            vcpu.kick();
        });
        wait().unwrap();
    });
    assert!(vcpu.peer().take_exit_request());
}

#[test]
fn an_interrupt_wakes_a_waiting_cpu() {
    let (machine, vcpu) = machine();
    let sd = &vcpu.peer().sd;
    sd.gpsw_mask.set(EA_BA | 0x0302_0000_0000_0000);
    sd.gcr[0].set(0x200);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            change(&vcpu, |r| {
                r.cpu.sd.icptcode.set(softsie_sie::icpt::WAIT);
                r.handle_interception().is_ok()
            })
        });
        while !vcpu.peer().is_waiting() {
            std::thread::yield_now();
        }
        // Masked by CR6: it goes on waiting.
        machine.vm.s390_interrupt(&kvm_s390_interrupt { r#type: 0, parm: 0x0001_0001, parm64: 0 }).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(vcpu.peer().is_waiting());
        let service = kvm_s390_interrupt { r#type: KVM_S390_INT_SERVICE as u32, parm: 8, parm64: 0 };
        machine.vm.s390_interrupt(&service).unwrap();
        assert!(waiter.join().unwrap());
    });
}

#[test]
fn hypervisor_information() {
    let (machine, vcpu) = machine();
    // R1 is register 2, R2 register 4.
    let sthyi = |function: u64, address: u64| {
        change(&vcpu, |running| {
            running.sie.cpu.gr[2] = function;
            running.sie.cpu.gr[4] = address;
            running.sie.cpu.gr[5] = 0x77;
        });
        exec(&vcpu, 0xb256_0024 << 32)
    };
    let result = || change(&vcpu, |running| running.sie.cpu.gr[5]);
    sthyi(0xffff_0000_0000_0000, 0x5000).unwrap();
    assert_eq!((cc(&vcpu), result()), (0, 0));
    let half = |at: u64| u64::from(u16::from_be_bytes(machine.read(0x5000 + at)));
    assert_eq!((half(8), half(10)), (48 + 64 + 56, 48), "lengths of all and of the header");
    let (machine_at, partition_at) = (half(12), half(16));
    assert_eq!((machine_at, half(14), partition_at, half(18)), (48, 64, 48 + 64, 56));
    assert_eq!(half(machine_at + 4), 1, "CPUs");
    assert_eq!(machine.read::<4>(0x5000 + machine_at + 20), [0xf3, 0xf9, 0xf3, 0xf1], "the machine's type");
    assert_eq!((half(partition_at + 4), half(partition_at + 6)), (1, 1), "number and CPUs");
    sthyi(1, 0x6001).unwrap();
    assert_eq!((cc(&vcpu), result()), (3, 4), "no such function, whatever the address");
    assert_eq!(program(sthyi(0, 0x6008)), 6, "not on a page");
    assert_eq!(program(sthyi(0, STORAGE as u64)), 5);
    for registers in [0x22, 0x34, 0x43, 0x23] {
        assert_eq!(program(exec(&vcpu, (0xb256_0000 | registers) << 32)), 6, "{registers:#x}");
    }
}
