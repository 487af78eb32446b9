//! docs/kvm.md: which calls and capabilities there are, made from the tables that answer them and the lists of tests.
//! `SOFTSIE_BLESS=1 cargo test -p softsie-kvm document` writes it.

use std::fmt::Write;
use std::path::Path;

use super::{Shown, device, system, vcpu, vm};
use crate::abi::*;
use crate::{Answer, CAPABILITIES};

const INTRODUCTION: &str = "\
# The KVM interface

What a client of `/dev/kvm` finds, call by call and capability by capability. This page is made from the tables that answer
the calls (`crates/kvm/src/abi/requests.rs`, `crates/kvm/src/capability.rs`) and from the lists of tests; a test compares it:
`SOFTSIE_BLESS=1 cargo test -p softsie-kvm document` writes it anew. The same tests run in process and by the preload library's
door (`cargo test -p softsie-tests --test kvm_clients every_call`).

The interface is that of Linux 6.12 on s390: request numbers, structs and errors are the same on every host. \"Done\" means
good path and errors as in Linux; \"absent\" means the error of a Linux host without the feature. Any other request is ENOTTY
(EINVAL on `/dev/kvm`, and on a vCPU if it is no KVM request). An address that cannot be read or written is EFAULT.

What differs from a kernel:

- Host addresses of memory slots need not be on a boundary of 1 MiB, a page is enough.
- Signals are the business of who owns the descriptors: in process `immediate_exit` and a kick end KVM_RUN, and
  KVM_SET_SIGNAL_MASK is looked at and no more; the preload library adds signals and their mask.
- A VM that the client controls (KVM_VM_S390_UCONTROL) needs no privilege. Flags that another thread sets in its state
  description while the vCPU runs are seen when it is entered again.
- A CPU in the check-stop state is shown as such (state 6) by KVM_GET_MP_STATE.
- An eventfd that the client has closed stays assigned until it is deassigned or the VM is gone.
- A call that meets unmapped memory of a slot ends with EFAULT as in Linux, but the access has been made by then, to a page
  of zeros, which stays. Memory of a slot that is mapped must be writable.

Campaigns, beyond what the tests do each time:

- `SOFTSIE_IOCTLS=24000000 SOFTSIE_IOCTLS_SEED=1000 cargo test --release -p softsie-tests --test ioctls`: random ioctls on
  random objects; with coverage guidance and a sanitizer, see fuzz/README.md. 24 million take two to three minutes.
- `SOFTSIE_STRESS_SECONDS=3600 cargo test --release -p softsie-kvm stress`: slots that come, go and move, kicks, interrupts and
  resets under running vCPUs. An hour has been run without a finding.
";

fn shown() -> impl Iterator<Item = &'static Shown> {
    [system::SHOWN, vm::SHOWN, vcpu::SHOWN, device::SHOWN].into_iter().flatten()
}

fn document() -> Result<String, std::fmt::Error> {
    let mut text = INTRODUCTION.to_owned();
    for (descriptor, title) in [
        (Descriptor::System, "Calls on `/dev/kvm`"),
        (Descriptor::Vm, "Calls on a VM"),
        (Descriptor::Vcpu, "Calls on a vCPU"),
        (Descriptor::Device, "Calls on a device"),
    ] {
        write!(text, "\n## {title}\n\n| call | number | argument | | shown by |\n|---|---|---|---|---|\n")?;
        for call in CALLS.iter().filter(|call| call.descriptor == descriptor) {
            let support = match call.support {
                Support::Done => "done".to_owned(),
                Support::Absent(errno) => format!("absent: {}", errno.name()),
            };
            let tests: Vec<_> = shown()
                .filter(|shown| (shown.descriptor, shown.request) == (descriptor, call.request))
                .map(|shown| shown.test.trim_start_matches("softsie_kvm::tests::"))
                .collect();
            let (name, number, argument) = (call.name, call.request, call.argument);
            writeln!(text, "| {name} | {number:#010x} | {argument} | {support} | {} |", tests.join(", "))?;
        }
    }
    text.push_str("\n## Capabilities\n\nAll other numbers are 0.\n\n| number | capability | answer |\n|---|---|---|\n");
    for capability in CAPABILITIES {
        let answer = match capability.answer {
            Answer::Value(value) if value > 0x10_0000 => format!("{value:#x}"),
            Answer::Value(value) => value.to_string(),
            Answer::Facility(facility) => format!("1 if the CPU has facility {facility}"),
            Answer::HostCpus => "the host's number of CPUs".to_owned(),
            Answer::Absent(why) => format!("0: {why}"),
        };
        writeln!(text, "| {} | {} | {answer} |", capability.number, capability.name)?;
    }
    Ok(text)
}

#[test]
fn every_call_has_a_test() {
    for call in CALLS {
        let tests = shown().filter(|shown| (shown.descriptor, shown.request) == (call.descriptor, call.request));
        assert_ne!(tests.count(), 0, "{:?} {}", call.descriptor, call.name);
    }
    for shown in shown() {
        let there = |call: &&Call| (shown.descriptor, shown.request) == (call.descriptor, call.request);
        assert!(CALLS.iter().any(|call| there(&call)), "{}", shown.test);
    }
}

#[test]
fn the_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kvm.md");
    let text = document().unwrap();
    if std::env::var_os("SOFTSIE_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "write it with SOFTSIE_BLESS=1 cargo test -p softsie-kvm document");
}
