//! Interruptions that are pending at the same time, and interruptions in the middle of something: which comes first, and
//! where each returns to. Truth: Principles of Operation, chapter 6, Priority of Interruptions, Interruption Action, Point of
//! Interruption (units of operation, waiting).

use std::sync::Arc;

use super::machine::{Machine, page};
use crate::Vcpu;
use crate::abi::*;

const EXT: u64 = 0x0100_0000_0000_0000;
const IO: u64 = 0x0200_0000_0000_0000;
const MCHK: u64 = 0x0004_0000_0000_0000;
const WAIT: u64 = 0x0002_0000_0000_0000;
const EA_BA: u64 = 0x0000_0001_8000_0000;
const START: u64 = 0x4000;

/// Name, new PSW, old PSW and the address in the new PSW.
const CLASSES: [(&str, u64, u64, u64); 5] = [
    ("restart", 0x1a0, 0x120, 0xa000),
    ("external", 0x1b0, 0x130, 0xb000),
    ("program", 0x1d0, 0x150, 0xd000),
    ("machine check", 0x1e0, 0x160, 0xe000),
    ("I/O", 0x1f0, 0x170, 0xf000),
];

fn machine(new_psw: impl Fn(&str) -> u64) -> (Machine, Arc<Vcpu>) {
    let machine = Machine::new();
    for (class, new, _, at) in CLASSES {
        machine.write_psw(new, EA_BA | new_psw(class), at);
    }
    let cpu = machine.vcpu(0);
    machine.vcpu(1);
    cpu.set_mp_state(KVM_MP_STATE_OPERATING).unwrap();
    let sd = &cpu.peer().sd;
    sd.gpsw_mask.set(EA_BA | EXT | IO | MCHK);
    sd.gpsw_addr.set(START);
    sd.gcr[0].set(0x6e00);
    sd.gcr[6].set(0xff00_0000);
    sd.gcr[14].set(0x1f00_0000);
    sd.ckc.set(u64::MAX);
    sd.cputm.set(i64::MAX as u64);
    (machine, cpu)
}

fn local(cpu: &Vcpu, r#type: u64, parm: u32, parm64: u64) {
    cpu.s390_interrupt(&kvm_s390_interrupt { r#type: r#type as u32, parm, parm64 }).unwrap();
}

fn floating(machine: &Machine, r#type: u64, parm: u32, parm64: u64) {
    machine.vm.s390_interrupt(&kvm_s390_interrupt { r#type: r#type as u32, parm, parm64 }).unwrap();
}

fn io(machine: &Machine, subchannel: u32, isc: u64) {
    floating(machine, 0, 0x1_0000 | subchannel, isc << 27);
}

fn deliver(cpu: &Vcpu) -> u64 {
    cpu.with_running(|running| running.deliver_interrupts().unwrap());
    cpu.peer().sd.gpsw_addr.get()
}

const REPORT: u64 = 0x0040_0000_0000_0000;
const SYSTEM_DAMAGE: u64 = 0x8000_0000_0000_0000;

/// The classes in the order in which they were taken: each one's old PSW designates where the one before went.
fn chain(machine: &Machine, last: u64) -> Vec<&'static str> {
    let mut order = Vec::new();
    let mut at = last;
    while at != START {
        let (class, _, old, _) = CLASSES.into_iter().find(|(.., new)| *new == at).unwrap();
        order.push(class);
        at = machine.read_u64(old + 8);
        assert!(order.len() <= CLASSES.len(), "{order:?}");
    }
    order.reverse();
    order
}

#[test]
fn classes_are_taken_in_order_each_from_the_new_psw_of_the_one_before() {
    // Inject in the order that is least like the one expected.
    for (mcic, first) in [(REPORT, "program"), (REPORT | SYSTEM_DAMAGE, "machine check")] {
        let (machine, cpu) = machine(|_| EXT | IO | MCHK);
        local(&cpu, KVM_S390_RESTART, 0, 0);
        io(&machine, 4, 3);
        local(&cpu, KVM_S390_INT_EMERGENCY, 1, 0);
        local(&cpu, KVM_S390_MCHK, 0, mcic);
        local(&cpu, KVM_S390_PROGRAM_INT, 6, 0);
        let last = deliver(&cpu);
        let second = if first == "program" { "machine check" } else { "program" };
        assert_eq!(chain(&machine, last), [first, second, "external", "I/O", "restart"]);
    }
}

#[test]
fn a_new_psw_that_masks_keeps_the_rest_pending() {
    let (machine, cpu) = machine(|class| if class == "external" { MCHK } else { EXT | IO | MCHK });
    io(&machine, 4, 3);
    local(&cpu, KVM_S390_INT_EMERGENCY, 1, 0);
    local(&cpu, KVM_S390_INT_EXTERNAL_CALL, 1, 0);
    assert_eq!(deliver(&cpu), 0xb000, "I/O waits for the external handler, the second signal too");
    assert_eq!(machine.read::<2>(0x86), [0x12, 0x01]);
    // The handler returns.
    let sd = &cpu.peer().sd;
    sd.gpsw_mask.set(machine.read_u64(0x130));
    sd.gpsw_addr.set(machine.read_u64(0x138));
    assert_eq!(deliver(&cpu), 0xb000);
    assert_eq!(machine.read::<2>(0x86), [0x12, 0x02]);
    sd.gpsw_mask.set(machine.read_u64(0x130));
    sd.gpsw_addr.set(machine.read_u64(0x138));
    assert_eq!(deliver(&cpu), 0xf000);
    assert_eq!(machine.read_u64(0x178), START);
}

#[test]
fn external_interruptions_in_order_each_with_its_cpu_address_and_parameter() {
    let (machine, cpu) = machine(|_| 0);
    for other in [5, 9] {
        machine.vcpu(other);
    }
    floating(&machine, KVM_S390_INT_VIRTIO, 7, 0x1234);
    floating(&machine, KVM_S390_INT_SERVICE, 0x8000, 0);
    cpu.peer().sd.cputm.set(u64::MAX);
    cpu.peer().sd.ckc.set(0);
    local(&cpu, KVM_S390_INT_EXTERNAL_CALL, 9, 0);
    local(&cpu, KVM_S390_INT_EMERGENCY, 9, 0);
    local(&cpu, KVM_S390_INT_EMERGENCY, 5, 0);
    let mut seen = Vec::new();
    for _ in 0..8 {
        machine.write(0x80, &[0xee; 8]);
        assert_eq!(deliver(&cpu), 0xb000);
        let [parameter, code] = [0x80, 0x84].map(|at| u32::from_be_bytes(machine.read(at)));
        // A timer's condition stays: take it away as the handlers of the guest do.
        match code & 0xffff {
            0x1004 => cpu.peer().sd.ckc.set(u64::MAX),
            0x1005 => cpu.peer().sd.cputm.set(i64::MAX as u64),
            _ => {}
        }
        seen.push((code & 0xffff, code >> 16, parameter));
        cpu.peer().sd.gpsw_mask.set(EA_BA | EXT);
        cpu.peer().sd.gpsw_addr.set(START);
        if seen.len() == 7 {
            break;
        }
    }
    const UNCHANGED: u32 = 0xeeee_eeee;
    assert_eq!(
        seen,
        [
            (0x1201, 5, UNCHANGED),
            (0x1201, 9, UNCHANGED),
            (0x1202, 9, UNCHANGED),
            (0x1004, 0, UNCHANGED),
            (0x1005, 0, UNCHANGED),
            (0x2401, 0, 0x8000),
            (0x2603, 0x0d00, 7),
        ]
    );
    assert_eq!(deliver(&cpu), START, "each once");
}

#[test]
fn each_subclass_mask_holds_back_its_own_only() {
    for (cr0, expected) in [(0x6c00u64, 0x2401), (0x6a00, 0x1005), (0x6600, 0x1004), (0x4e00, 0x1202), (0x2e00, 0x1201)]
    {
        let (machine, cpu) = machine(|_| 0);
        let sd = &cpu.peer().sd;
        sd.cputm.set(u64::MAX);
        sd.ckc.set(0);
        floating(&machine, KVM_S390_INT_SERVICE, 8, 0);
        local(&cpu, KVM_S390_INT_EXTERNAL_CALL, 1, 0);
        local(&cpu, KVM_S390_INT_EMERGENCY, 1, 0);
        let mut codes = Vec::new();
        for masks in [cr0, cr0, cr0, cr0, cr0, 0x6e00] {
            sd.gpsw_mask.set(EA_BA | EXT);
            sd.gpsw_addr.set(START);
            sd.gcr[0].set(masks);
            if deliver(&cpu) != START {
                let code = u16::from_be_bytes(machine.read(0x86));
                codes.push(code);
                match code {
                    0x1004 => sd.ckc.set(u64::MAX),
                    0x1005 => sd.cputm.set(i64::MAX as u64),
                    _ => {}
                }
            }
        }
        assert_eq!(codes.len(), 5, "{codes:x?}");
        assert_eq!(codes[4], expected, "the masked one comes last: {codes:x?}");
    }
}

#[test]
fn io_interruptions_by_subclass_then_in_the_order_they_came() {
    let (machine, cpu) = machine(|_| 0);
    for (subchannel, isc) in [(1, 7), (2, 3), (3, 0), (4, 3)] {
        io(&machine, subchannel, isc);
    }
    let mut order = Vec::new();
    for _ in 0..4 {
        assert_eq!(deliver(&cpu), 0xf000);
        order.push(u16::from_be_bytes(machine.read(0xba)));
        cpu.peer().sd.gpsw_mask.set(EA_BA | IO);
    }
    assert_eq!(order, [3, 2, 4, 1]);
}

/// Runs a program to its DIAGNOSE: code and registers.
fn run(cpu: &Vcpu) -> (u64, [u64; 16]) {
    cpu.run().unwrap();
    page(cpu, |run| {
        assert_eq!(run.exit_reason, KVM_EXIT_S390_SIEIC);
        (u64::from(run.s390_sieic().ipb) >> 16 & 0xfff, run.regs().gprs)
    })
}

/// Has the program at `START` run with these masks from the next KVM_RUN on.
fn start(cpu: &Vcpu, mask: u64) {
    page(cpu, |run| {
        (run.psw_mask, run.psw_addr) = (EA_BA | mask, START);
        let regs = run.regs_mut();
        regs.crs[0] = 0x6ee0;
        regs.crs[6] = 0xff00_0000;
        regs.crs[14] = 0x1f00_0000;
        regs.ckc = u64::MAX;
        regs.cputm = i64::MAX as u64;
        run.kvm_dirty_regs = KVM_SYNC_CRS | KVM_SYNC_ARCH0;
    });
}

fn load(machine: &Machine, at: u64, source: &str) {
    machine.write(at, &softsie_isa::assemble(source, at).unwrap_or_else(|e| panic!("{e}\n{source}")));
}

#[test]
fn the_handler_of_the_last_one_taken_runs_first() {
    let (machine, cpu) = machine(|_| EXT | IO | MCHK);
    for (n, (_, _, old, at)) in CLASSES.into_iter().enumerate() {
        load(&machine, at, &format!("sllg %r5,%r5,4\n aghi %r5,{n}\n lpswe {old:#x}"));
    }
    load(&machine, START, "lghi %r6,1\n diag %r0,%r0,0x100");
    io(&machine, 4, 3);
    local(&cpu, KVM_S390_INT_EMERGENCY, 1, 0);
    local(&cpu, KVM_S390_MCHK, 0, REPORT);
    start(&cpu, EXT | IO | MCHK);
    let (code, gprs) = run(&cpu);
    // I/O (4), external (1), machine check (3).
    assert_eq!((code, gprs[5], gprs[6]), (0x100, 0x413, 1));
}

#[test]
fn a_supervisor_call_comes_before_what_its_new_psw_lets_through() {
    let (machine, cpu) = machine(|_| 0);
    machine.write_psw(0x1c0, EA_BA | EXT | IO, 0xc000);
    load(&machine, START, "lghi %r3,1\n svc 0x77\n lghi %r3,9");
    load(&machine, 0xc000, "lghi %r3,2\n diag %r0,%r0,0x200");
    load(&machine, 0xb000, "diag %r0,%r0,0x300");
    local(&cpu, KVM_S390_INT_EMERGENCY, 1, 0);
    start(&cpu, 0);
    let (code, gprs) = run(&cpu);
    assert_eq!((code, gprs[3]), (0x300, 1));
    assert_eq!(machine.read::<4>(0x88), [0, 2, 0, 0x77], "the supervisor call was taken");
    assert_eq!(machine.read_u64(0x148), START + 6);
    assert_eq!(machine.read_u64(0x138), 0xc000, "before its handler's first instruction");
}

#[test]
fn a_wait_is_interrupted_and_returned_to() {
    let (machine, cpu) = machine(|_| 0);
    load(
        &machine,
        START,
        "stck 0xe08\n lg %r1,0xe08\n algfi %r1,8192000\n stg %r1,0xe08\n sckc 0xe08\n larl %r1,psw\n lpswe 0(%r1)\n \
         .align 8\npsw: .quad 0x0102000180000000,0x6000",
    );
    load(&machine, 0xb000, "diag %r0,%r0,0x300");
    start(&cpu, 0);
    assert_eq!(run(&cpu).0, 0x300);
    assert_eq!((machine.read_u64(0x130), machine.read_u64(0x138)), (EA_BA | EXT | WAIT, 0x6000));
}

/// A timer interrupts long instructions again and again. `text` works on R6, R7 and R8, R9, which the program sets before
/// each of many rounds; the handler counts in R12 how often the instruction itself was the point of interruption.
fn interrupted(text: &str, check: &str) {
    let (machine, cpu) = machine(|_| 0);
    load(
        &machine,
        START,
        &format!(
            "llilf %r10,1000000\nagain: llilf %r6,0x20000\n llilf %r7,0x60000\n llilf %r8,0x80000\n llilf %r9,0x60000\n \
             j long\n .align 256\nlong: {text}\n {check}\n cgfi %r12,3\n jh enough\n brctg %r10,again\nenough: stnsm 0xe00,0\n diag %r0,%r0,0x100\n\
             wrong: stnsm 0xe00,0\n diag %r0,%r0,0x999"
        ),
    );
    load(
        &machine,
        0xb000,
        &format!(
            "lg %r11,0x138\n cgfi %r11,{:#x}\n jne other\n aghi %r12,1\nother: llilf %r11,400000\n stg %r11,0xe08\n \
             spt 0xe08\n lpswe 0x130",
            START + 0x100
        ),
    );
    page(&cpu, |run| run.regs_mut().gprs[12] = 0);
    start(&cpu, EXT);
    page(&cpu, |run| run.regs_mut().cputm = 0);
    let (code, gprs) = run(&cpu);
    assert_eq!(code, 0x100, "{text}: {gprs:x?}");
    assert!(gprs[12] > 0, "{text} was never interrupted");
}

#[test]
fn long_instructions_are_interrupted_between_units_of_operation() {
    // 6000 hex units each: addresses at the end, lengths zero.
    let ends =
        "cgfi %r6,0x80000\n jne wrong\n cgfi %r7,0\n jne wrong\n cgfi %r8,0xe0000\n jne wrong\n cgfi %r9,0\n jne wrong";
    interrupted("mvcl %r6,%r8", &format!("jne wrong\n {ends}"));
    interrupted("clcl %r6,%r8", &format!("jne wrong\n {ends}"));
    // These end with condition code 3 and are taken up again by the program.
    interrupted("mvcle %r6,%r8,0\n jo long", &format!("jne wrong\n {ends}"));
    interrupted("clcle %r6,%r8,0\n jo long", &format!("jne wrong\n {ends}"));
}

#[test]
fn a_floating_interruption_goes_to_a_cpu_that_is_enabled_and_only_once() {
    // Both wait; the first is not enabled for the interruption's subclass.
    type Inject = fn(&Machine);
    let kinds: [(&str, u64, u64, Inject); 3] = [
        ("service signal", 0x130, 0xb000, |machine| floating(machine, KVM_S390_INT_SERVICE, 8, 0)),
        ("I/O", 0x170, 0xf000, |machine| io(machine, 4, 3)),
        ("channel report", 0x160, 0xe000, |machine| floating(machine, KVM_S390_MCHK, 0x1000_0000, REPORT)),
    ];
    for (kind, old, handler, inject) in kinds {
        let machine = Machine::new();
        let cpus = [machine.vcpu(0), machine.vcpu(1)];
        for (n, cpu) in cpus.iter().enumerate() {
            let prefix = 0x2_0000 + 0x2000 * n as u64;
            for (class, new, _, at) in CLASSES {
                let address = if class == "restart" { at } else { at + 0x100 * n as u64 };
                machine.write_psw(prefix + new, EA_BA, address);
                load(&machine, address, "diag %r0,%r0,0x300");
            }
            start(cpu, EXT | IO | MCHK | WAIT);
            page(cpu, |run| {
                let regs = run.regs_mut();
                regs.prefix = prefix;
                if n == 0 {
                    (regs.crs[0], regs.crs[6], regs.crs[14]) = (0, 0, 0xc200_0000);
                }
                run.kvm_dirty_regs |= KVM_SYNC_PREFIX;
            });
        }
        std::thread::scope(|scope| {
            let first = scope.spawn(|| cpus[0].run());
            let second = scope.spawn(|| run(&cpus[1]).0);
            while !cpus.iter().all(|cpu| cpu.peer().is_waiting()) {
                std::thread::yield_now();
            }
            inject(&machine);
            assert_eq!(second.join().unwrap(), 0x300, "{kind}");
            cpus[0].kick();
            assert_eq!(first.join().unwrap(), Err(crate::Errno::EINTR), "{kind}");
        });
        assert_eq!(page(&cpus[1], |run| run.psw_addr), handler + 0x104, "{kind}");
        assert_eq!(machine.read_u64(0x2_2000 + old + 8), START, "{kind}: the wait");
        assert_eq!(machine.read_u64(0x2_0000 + old + 8), 0, "{kind}: the other CPU was not interrupted");
        assert!(machine.vm.floating.pending().is_empty(), "{kind}");
    }
}
