//! SIGNAL PROCESSOR between vCPUs: condition codes, status, and what the target gets.
//! Truth: Principles of Operation, chapter 4, CPU Signaling and Response.

use std::sync::Arc;

use super::machine::{Machine, intercepted};
use crate::Vcpu;
use crate::abi::*;
use crate::intercept::Stop;
use crate::interrupt::Pending;

const EA_BA: u64 = 0x0000_0001_8000_0000;

struct Pair {
    machine: Machine,
    sender: Arc<Vcpu>,
    target: Arc<Vcpu>,
}

fn pair() -> Pair {
    let machine = Machine::new();
    let sender = machine.vcpu(0);
    let target = machine.vcpu(7);
    for vcpu in [&sender, &target] {
        vcpu.set_mp_state(KVM_MP_STATE_OPERATING).unwrap();
        vcpu.peer().sd.gpsw_mask.set(EA_BA);
    }
    Pair { machine, sender, target }
}

impl Pair {
    /// SIGP 2,4,order: condition code and status; `None` when the client is to do it.
    fn order(&self, order: u64, address: u64, parameter: u64) -> Option<(u64, u64)> {
        self.sender.with_running(|running| {
            running.sie.cpu.gr[2] = 0xaaaa_aaaa_0000_0000;
            running.sie.cpu.gr[3] = parameter;
            running.sie.cpu.gr[4] = address;
        });
        intercepted(&self.sender, (0xae24_0000 | order) << 32, |running, handled| match handled {
            Ok(()) => Some((running.cpu.sd.gpsw_mask.get() >> 44 & 3, running.sie.cpu.gr[2] ^ 0xaaaa_aaaa_0000_0000)),
            Err(Stop::ToUser) => None,
            Err(other) => panic!("{other:?}"),
        })
    }

    fn pending(&self) -> Pending {
        self.target.peer().local.lock().pending
    }
}

#[test]
fn no_such_cpu() {
    assert_eq!(pair().order(1, 5, 0), Some((3, 0)));
}

#[test]
fn sense() {
    let pair = pair();
    assert_eq!(pair.order(1, 7, 0), Some((0, 0)));
    assert_eq!(pair.order(2, 7, 0), Some((0, 0)));
    assert_eq!(pair.order(1, 7, 0), Some((1, 0x80)), "external call pending");
    assert_eq!(pair.order(2, 7, 0), Some((1, 0x80)), "a second one is not accepted");
    pair.target.set_mp_state(KVM_MP_STATE_STOPPED).unwrap();
    assert_eq!(pair.order(1, 7, 0), Some((1, 0xc0)));
    assert_eq!(pair.order(0x15, 7, 0), Some((1, 0x400)), "not running");
}

#[test]
fn signals_tell_who_sent_them() {
    let pair = pair();
    assert_eq!(pair.order(3, 7, 0), Some((0, 0)));
    assert_eq!(pair.order(2, 7, 0), Some((0, 0)));
    assert_eq!(pair.pending(), Pending::EMERGENCY | Pending::EXTERNAL_CALL);
    assert_eq!(pair.target.peer().local.lock().take_emergency(), 0);
}

#[test]
fn stop_makes_the_target_busy() {
    let pair = pair();
    assert_eq!(pair.order(5, 7, 0), Some((0, 0)));
    assert_eq!(pair.pending(), Pending::STOP);
    for order in [1, 2, 3, 5, 9, 0xd, 4, 6] {
        assert_eq!(pair.order(order, 7, 0), Some((2, 0)), "{order:#x}");
    }
    assert_eq!(pair.order(0xb, 7, 0), None, "resets go through");
    assert_eq!(pair.order(0xc, 7, 0), None);
}

#[test]
fn stop_of_a_stopped_cpu_stores_status_at_once() {
    let pair = pair();
    pair.target.set_mp_state(KVM_MP_STATE_STOPPED).unwrap();
    pair.target.set_regs(&kvm_regs { gprs: [0x77; 16] }).unwrap();
    assert_eq!(pair.order(9, 7, 0), Some((0, 0)));
    assert!(pair.pending().is_empty());
    assert_eq!(pair.machine.read_u64(0x1280), 0x77);
}

#[test]
fn store_status_at_address() {
    let pair = pair();
    assert_eq!(pair.order(0xe, 7, 0x2_0000), Some((1, 0x200)), "the target runs");
    pair.target.set_mp_state(KVM_MP_STATE_STOPPED).unwrap();
    pair.target.set_regs(&kvm_regs { gprs: [0x66; 16] }).unwrap();
    assert_eq!(pair.order(0xe, 7, 0x2_01ff), Some((0, 0)));
    assert_eq!(pair.machine.read_u64(0x2_0080), 0x66, "on a 512-byte boundary");
    assert_eq!(pair.order(0xe, 7, 0x7000_0000), Some((1, 0x100)));
}

#[test]
fn set_prefix() {
    let pair = pair();
    assert_eq!(pair.order(0xd, 7, 0x4000), Some((1, 0x200)), "the target runs");
    pair.target.set_mp_state(KVM_MP_STATE_STOPPED).unwrap();
    assert_eq!(pair.order(0xd, 7, 0x7000_0000), Some((1, 0x100)), "outside storage");
    assert_eq!(pair.order(0xd, 7, 0x5fff), Some((0, 0)));
    assert_eq!(pair.target.peer().local.lock().prefix, 0x4000);
}

#[test]
fn architecture_cannot_be_changed() {
    assert_eq!(pair().order(0x12, 0, 1), Some((1, 0x100)));
}

#[test]
fn orders_of_the_client() {
    let pair = pair();
    for order in [4, 6, 0xb, 0xc, 0x17, 0x3f] {
        assert_eq!(pair.order(order, 7, 0), None, "{order:#x}");
    }
    pair.machine.vm.enable_cap(&kvm_enable_cap { cap: KVM_CAP_S390_USER_SIGP, ..Default::default() }).unwrap();
    for order in [5, 9, 0xd, 0xe, 0x12] {
        assert_eq!(pair.order(order, 7, 0), None, "{order:#x}");
    }
    for order in [1, 2, 3, 0x13, 0x15] {
        assert!(pair.order(order, 7, 0).is_some(), "{order:#x}");
    }
}

#[test]
fn conditional_emergency() {
    let pair = pair();
    assert_eq!(pair.order(0x13, 7, 1), Some((0, 0)), "the target runs: always");
    pair.target.peer().local.lock().clear();
    pair.target.set_mp_state(KVM_MP_STATE_STOPPED).unwrap();
    let sd = &pair.target.peer().sd;
    sd.gpsw_mask.set(EA_BA | 0x0300_0000_0000_0000);
    sd.gcr[4].set(0x12);
    assert_eq!(pair.order(0x13, 7, 0x13), Some((1, 0x200)), "stopped, enabled, another address space");
    assert_eq!(pair.order(0x13, 7, 0x12), Some((0, 0)), "its primary ASN");
    sd.gcr[3].set(0x34);
    assert_eq!(pair.order(0x13, 7, 0x34), Some((0, 0)), "its secondary ASN");
    for disabled in [EA_BA | 0x0200_0000_0000_0000, EA_BA | 0x0100_0000_0000_0000] {
        sd.gpsw_mask.set(disabled);
        assert_eq!(pair.order(0x13, 7, 0x13), Some((0, 0)), "disabled for external or I/O interruptions");
    }
    // In the wait state the address counts, not the ASN.
    sd.gpsw_mask.set(EA_BA | 0x0302_0000_0000_0000);
    sd.gpsw_addr.set(0);
    assert_eq!(pair.order(0x13, 7, 0x12), Some((1, 0x200)));
    sd.gpsw_addr.set(2);
    assert_eq!(pair.order(0x13, 7, 0x13), Some((0, 0)));
}
