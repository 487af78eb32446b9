//! VMs that the client controls (KVM_VM_S390_UCONTROL), by both doors.
//! Truth: section 16 of the interface's reference; the layout of the state description is Linux's kvm_s390_sie_block.

use super::door::{Cpu, Object};
use super::{BAD, address_of, open, page, vcpu};
use crate::Errno;
use crate::abi::*;

const SEGMENT: u64 = 1 << 20;
const EINVAL: Result<u32, Errno> = Err(Errno::EINVAL);

/// Offsets in the state description.
const CPU_FLAGS: usize = 0x00;
const INTERCEPTION_CODE: usize = 0x50;
const INSTRUCTION: usize = 0x56;
const PROGRAM_CODE: usize = 0xce;
const PSW: usize = 0x90;
const GG14: usize = 0xa0;

/// A VM with one vCPU, and memory of the client of which nothing is mapped yet.
struct Controlled {
    cpu: Cpu,
    vm: Object,
    memory: *mut u8,
}

/// Size of the memory: two segments, wherever their boundary is.
const MEMORY: usize = 3 << 20;

impl Controlled {
    fn new() -> Self {
        let vm = open().create(KVM_CREATE_VM, KVM_VM_S390_UCONTROL).unwrap();
        let cpu = Cpu::new(vm.create(KVM_CREATE_VCPU, 0).unwrap());
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: memory at a place of the kernel's choice, which stays until the process ends.
        let memory = unsafe { libc::mmap(core::ptr::null_mut(), MEMORY, protection, flags, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED);
        Self { cpu, vm, memory: memory.cast() }
    }

    /// The client's address of the memory's first or second segment.
    fn segment(&self, n: u64) -> u64 {
        (self.memory.expose_provenance() as u64).next_multiple_of(SEGMENT) + n * SEGMENT
    }

    fn map(&self, user_addr: u64, vcpu_addr: u64, length: u64) -> Result<u32, Errno> {
        vcpu(&self.cpu, KVM_S390_UCAS_MAP, kvm_s390_ucas_mapping { user_addr, vcpu_addr, length })
    }

    fn unmap(&self, vcpu_addr: u64, length: u64) -> Result<u32, Errno> {
        vcpu(&self.cpu, KVM_S390_UCAS_UNMAP, kvm_s390_ucas_mapping { user_addr: BAD, vcpu_addr, length })
    }

    /// Writes instructions to the first segment.
    fn assemble(&self, at: u64, program: &str) {
        let text = softsie_isa::assemble(program, at).unwrap();
        let to: *mut u8 = core::ptr::with_exposed_provenance_mut((self.segment(0) + at) as usize);
        // SAFETY: in our memory; the vCPU does not run.
        unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), to, text.len()) };
    }

    /// What is in the second segment.
    fn second(&self, at: u64) -> u64 {
        let from: *const u64 = core::ptr::with_exposed_provenance((self.segment(1) + at) as usize);
        // SAFETY: in our memory; the vCPU does not run.
        u64::from_be(unsafe { from.read_volatile() })
    }

    /// Bytes of the state description.
    fn state<const N: usize>(&self, at: usize) -> [u8; N] {
        self.cpu.with_state(|state| state[at..at + N].try_into().unwrap())
    }

    /// The exit for missing storage.
    fn missing(&self) -> (u32, u64, u32) {
        page(&self.cpu, |run| {
            // SAFETY: integers, valid for any bytes.
            let missing = unsafe { run.exit.s390_ucontrol };
            (run.exit_reason, missing.trans_exc_code, missing.pgm_code)
        })
    }
}

#[test]
pub(super) fn mappings() {
    let guest = Controlled::new();
    let host = guest.segment(0);
    assert_eq!(guest.map(host, 0, SEGMENT), Ok(0));
    assert_eq!(guest.map(host, 0, SEGMENT), Ok(0), "in place of what was there");
    assert_eq!(guest.map(host, 7 << 40, 2 * SEGMENT), Ok(0));
    for (user, to, length) in [
        (host + 0x1000, 0, SEGMENT),
        (host, 0x1000, SEGMENT),
        (host, 0, SEGMENT + 0x1000),
        (host, 0, 0),
        (host, 0u64.wrapping_sub(SEGMENT), SEGMENT),
        (0u64.wrapping_sub(SEGMENT), 0, SEGMENT),
        (1 << 60, 0, SEGMENT),
    ] {
        assert_eq!(guest.map(user, to, length), EINVAL, "{user:#x} {to:#x} {length:#x}");
    }
    let fault = |address: u64| guest.cpu.object.call(KVM_S390_VCPU_FAULT, address);
    assert_eq!(fault(0x5000), Ok(0));
    assert_eq!(fault((7 << 40) + SEGMENT), Ok(0));
    // The middle of three.
    assert_eq!(guest.unmap((7 << 40) + SEGMENT, SEGMENT), Ok(0));
    assert_eq!(fault(7 << 40), Ok(0));
    assert_eq!(fault((7 << 40) + SEGMENT), Err(Errno::EFAULT));
    assert_eq!(guest.unmap(0, 4 * SEGMENT), Ok(0), "also what is not there");
    assert_eq!(fault(0x5000), Err(Errno::EFAULT));
    for (to, length) in [(0x1000, SEGMENT), (0, 0), (0, 0x1000), (0u64.wrapping_sub(SEGMENT), SEGMENT)] {
        assert_eq!(guest.unmap(to, length), EINVAL, "{to:#x} {length:#x}");
    }
}

#[test]
fn every_interception_leaves() {
    let guest = Controlled::new();
    assert_eq!(guest.cpu.run(), Err(Errno::EFAULT), "no prefix area");
    guest.map(guest.segment(0), 0, SEGMENT).unwrap();
    guest.assemble(0x4000, "lghi %r14,0x77\nstap 0x100(%r0)\ndiag %r0,%r1,0x44");
    guest.cpu.with_state(|state| state[CPU_FLAGS] &= 0x7f);
    guest.cpu.run_at(0x4000);
    page(&guest.cpu, |run| {
        // Linux's kernel would have stored the CPU's address.
        assert_eq!((run.exit_reason, run.s390_sieic().icptcode, run.s390_sieic().ipa), (13, 4, 0xb212));
        assert_eq!((run.s390_sieic().ipb, run.psw_addr, run.regs().gprs[14]), (0x0100_0000, 0x4008, 0x77));
    });
    assert_eq!((guest.state(INTERCEPTION_CODE), guest.state(INSTRUCTION)), ([4], [0xb2, 0x12]));
    assert_eq!(u64::from_be_bytes(guest.state(PSW + 8)), 0x4008);
    assert_eq!(u64::from_be_bytes(guest.state(GG14)), 0x77);
    guest.cpu.run().unwrap();
    page(&guest.cpu, |run| assert_eq!((run.s390_sieic().icptcode, run.s390_sieic().ipa), (4, 0x8301)));
    // A specification exception is not interpreted; an enabled wait does not sleep.
    guest.assemble(0x4000, "lmg %r1,%r2,0x101(%r0)\nlpq %r1,0x100(%r0)");
    guest.cpu.run_at(0x4000);
    page(&guest.cpu, |run| assert_eq!((run.s390_sieic().icptcode, run.psw_addr), (8, 0x400c)));
    assert_eq!(guest.state(PROGRAM_CODE), [0, 6]);
    page(&guest.cpu, |run| (run.psw_mask, run.psw_addr) = (0x0702_0001_8000_0000, 0x4000));
    guest.cpu.run().unwrap();
    page(&guest.cpu, |run| assert_eq!((run.exit_reason, run.s390_sieic().icptcode), (13, 0x1c)));
}

#[test]
pub(super) fn missing_storage_leaves() {
    let guest = Controlled::new();
    guest.map(guest.segment(0), 0, SEGMENT).unwrap();
    guest.assemble(0x4000, "llilh %r2,0x10\nlghi %r1,5\nstg %r1,0x123(%r2)\nla %r3,0(%r2)\nbr %r3");
    guest.cpu.run_at(0x4000);
    assert_eq!(guest.missing(), (20, SEGMENT, 0x10));
    assert_eq!(page(&guest.cpu, |run| run.psw_addr), 0x4008, "before the instruction");
    guest.cpu.run().unwrap();
    assert_eq!(guest.missing(), (20, SEGMENT, 0x10), "once more");
    guest.map(guest.segment(1), SEGMENT, SEGMENT).unwrap();
    guest.unmap(0, 0).unwrap_err();
    page(&guest.cpu, |run| run.regs_mut().gprs[2] += 5);
    // The branch goes to an instruction of zeros.
    guest.cpu.run().unwrap();
    assert_eq!(guest.second(0x128), 5, "now it is there");
    // Instructions can be missing, too.
    guest.unmap(SEGMENT, SEGMENT).unwrap();
    page(&guest.cpu, |run| (run.psw_mask, run.psw_addr) = (0x0000_0001_8000_0000, SEGMENT + 0x1ffe));
    guest.cpu.run().unwrap();
    assert_eq!(guest.missing(), (20, SEGMENT + 0x1000, 0x10));
    assert_eq!(page(&guest.cpu, |run| run.psw_addr), SEGMENT + 0x1ffe);
}

#[test]
fn what_slots_are_for_is_refused() {
    let guest = Controlled::new();
    guest.map(guest.segment(0), 0, SEGMENT).unwrap();
    let vm = |request, argument| guest.vm.call(request, argument);
    let region = kvm_userspace_memory_region {
        slot: 0,
        flags: 0,
        guest_phys_addr: 0,
        memory_size: SEGMENT,
        userspace_addr: guest.segment(0),
    };
    assert_eq!(vm(KVM_SET_USER_MEMORY_REGION, address_of(&region)), EINVAL);
    let log = kvm_dirty_log { slot: 0, padding1: 0, dirty_bitmap: BAD };
    assert_eq!(vm(KVM_GET_DIRTY_LOG, address_of(&log)), EINVAL);
    let mut limit = 0u64;
    let addr = core::ptr::from_mut(&mut limit).expose_provenance() as u64;
    let attr = kvm_device_attr { flags: 0, group: KVM_S390_VM_MEM_CTRL, attr: KVM_S390_VM_MEM_LIMIT_SIZE, addr };
    assert_eq!(vm(KVM_GET_DEVICE_ATTR, address_of(&attr)), Ok(0));
    assert_eq!(limit, u64::MAX);
    assert_eq!(vm(KVM_SET_DEVICE_ATTR, address_of(&kvm_device_attr { addr: BAD, ..attr })), EINVAL);
    assert_eq!(guest.vm.call(KVM_CHECK_EXTENSION, KVM_CAP_S390_HPAGE_1M.into()), Ok(0));
    let buffer = 0u64;
    let op = kvm_s390_mem_op { gaddr: 0x5000, size: 8, buf: address_of(&buffer), ..Default::default() };
    assert_eq!(vcpu(&guest.cpu, KVM_S390_MEM_OP, op), Ok(5), "no slot is there");
    assert_eq!(guest.cpu.object.call(KVM_S390_STORE_STATUS, u64::MAX), Err(Errno::EFAULT));
}
