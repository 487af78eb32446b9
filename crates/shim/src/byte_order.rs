//! Bit arrays of the CPU model for a client whose byte order is not the mainframe's. Facility lists are declared as arrays
//! of doublewords, and bit n is bit 63 - n % 64 of doubleword n / 64 for who reads them so; QEMU does, and reads the
//! subfunction blocks in the same way. What it sets, it builds as strings of bytes, and features of KVM are such strings both
//! ways. Truth: uapi asm/kvm.h of s390; what
//! QEMU 10.0's target/s390x/cpu_features.c does on a little-endian host.

use kvm::abi::{
    KVM_EXIT_S390_STSI, KVM_GET_DEVICE_ATTR, KVM_S390_MEM_OP, KVM_S390_MEMOP_F_CHECK_ONLY,
    KVM_S390_MEMOP_LOGICAL_WRITE, KVM_S390_VM_CPU_MACHINE, KVM_S390_VM_CPU_MACHINE_FEAT,
    KVM_S390_VM_CPU_MACHINE_SUBFUNC, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR, KVM_S390_VM_CPU_PROCESSOR_FEAT,
    KVM_SET_DEVICE_ATTR, kvm_device_attr, kvm_s390_mem_op, kvm_s390_vm_cpu_feat, kvm_s390_vm_cpu_machine,
    kvm_s390_vm_cpu_processor, kvm_s390_vm_cpu_subfunc,
};
use kvm::ioctl::{self, Outcome};
use kvm::{ClientMemory, Result, Vcpu, Vm};
use std::sync::Arc;

/// An ioctl on a VM, with the arrays of its CPU model as the client reads and writes them.
///
/// # Safety
/// As for [`ioctl::vm`].
pub(crate) unsafe fn vm(vm: &Arc<Vm>, request: u32, argument: u64, memory: &dyn ClientMemory) -> Result<Outcome> {
    if cfg!(target_endian = "little") && matches!(request, KVM_GET_DEVICE_ATTR | KVM_SET_DEVICE_ATTR) {
        let mut attr: kvm_device_attr = memory.read(argument)?;
        match (request, attr.group, attr.attr) {
            (KVM_GET_DEVICE_ATTR, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE) => {
                vm.get_device_attr(&attr, memory)?;
                let mut machine: kvm_s390_vm_cpu_machine = memory.read(attr.addr)?;
                swap(&mut machine.fac_mask);
                swap(&mut machine.fac_list);
                memory.write(attr.addr, &machine)?;
                return Ok(().into());
            }
            (KVM_GET_DEVICE_ATTR, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE_SUBFUNC) => {
                vm.get_device_attr(&attr, memory)?;
                let mut bytes = [0; size_of::<kvm_s390_vm_cpu_subfunc>()];
                memory.read_bytes(attr.addr, &mut bytes)?;
                swap(&mut bytes);
                memory.write_bytes(attr.addr, &bytes)?;
                return Ok(().into());
            }
            (
                KVM_GET_DEVICE_ATTR,
                KVM_S390_VM_CPU_MODEL,
                KVM_S390_VM_CPU_MACHINE_FEAT | KVM_S390_VM_CPU_PROCESSOR_FEAT,
            ) => {
                vm.get_device_attr(&attr, memory)?;
                let mut features: kvm_s390_vm_cpu_feat = memory.read(attr.addr)?;
                features.feat = features.feat.map(u64::swap_bytes);
                memory.write(attr.addr, &features)?;
                return Ok(().into());
            }
            (KVM_SET_DEVICE_ATTR, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_FEAT) => {
                let mut features: kvm_s390_vm_cpu_feat = memory.read(attr.addr)?;
                // All features have numbers below 16: read as strings of bytes, they are in the right half of a number.
                if features.feat[0] >> 32 == 0 {
                    features.feat = features.feat.map(u64::swap_bytes);
                }
                attr.addr = core::ptr::from_ref(&features).expose_provenance() as u64;
                return vm.set_device_attr(&attr, memory).map(Outcome::from);
            }
            (KVM_SET_DEVICE_ATTR, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR) => {
                let mut processor: kvm_s390_vm_cpu_processor = memory.read(attr.addr)?;
                if is_of_doublewords(&processor.fac_list) {
                    swap(&mut processor.fac_list);
                }
                attr.addr = core::ptr::from_ref(&processor).expose_provenance() as u64;
                return vm.set_device_attr(&attr, memory).map(Outcome::from);
            }
            _ => {}
        }
    }
    // SAFETY: passed on.
    unsafe { ioctl::vm(vm, request, argument, memory) }
}

/// An ioctl on a vCPU. QEMU completes the block of STORE SYSTEM INFORMATION 3.2.2 with counts of CPUs in its own byte order;
/// there are never so many that both bytes count, so that it shows.
///
/// # Safety
/// As for [`ioctl::vcpu`].
pub(crate) unsafe fn vcpu(vcpu: &Vcpu, request: u32, argument: u64, memory: &dyn ClientMemory) -> Result<Outcome> {
    /// Total, configured and reserved CPUs of the first description.
    const COUNTS: [usize; 3] = [0x24, 0x26, 0x2a];
    if cfg!(target_endian = "little") && request == KVM_S390_MEM_OP {
        let mut op: kvm_s390_mem_op = memory.read(argument)?;
        let whole = op.op == KVM_S390_MEMOP_LOGICAL_WRITE && op.size == 4096;
        if whole && op.flags & KVM_S390_MEMOP_F_CHECK_ONLY == 0 && last_stored(vcpu) == Some(op.gaddr) {
            let mut block = vec![0; 4096];
            memory.read_bytes(op.buf, &mut block)?;
            for at in COUNTS {
                if block[at + 1] == 0 {
                    block.swap(at, at + 1);
                }
            }
            op.buf = block.as_ptr().expose_provenance() as u64;
            return vcpu.s390_mem_op(&op, memory).map(Outcome::from);
        }
    }
    // SAFETY: passed on.
    unsafe { ioctl::vcpu(vcpu, request, argument, memory) }
}

/// Where the vCPU has stored block 3.2.2, if that is its last exit.
fn last_stored(vcpu: &Vcpu) -> Option<u64> {
    // SAFETY: the page lives as long as the vCPU; the client may write to it meanwhile, and any bytes are valid.
    let run = unsafe { vcpu.kvm_run().as_ptr().read_volatile() };
    // SAFETY: integers.
    let stsi = unsafe { run.exit.s390_stsi };
    let is_it = run.exit_reason == KVM_EXIT_S390_STSI && (stsi.fc, stsi.sel1, stsi.sel2) == (3, 2, 2);
    is_it.then_some(stsi.addr)
}

/// Turns doublewords of the one byte order into those of the other.
fn swap(bytes: &mut [u8]) {
    for doubleword in bytes.chunks_exact_mut(8) {
        doubleword.reverse();
    }
}

/// Whether a facility list was written as doublewords. Every z/Architecture CPU has facilities 1 and 2, which are bits of
/// its first byte; there, a list of doublewords has facilities 56 to 63, of which 56 and 63 are assigned to nothing.
fn is_of_doublewords(list: &[u8]) -> bool {
    const Z_ARCHITECTURE: u8 = 0x60;
    let (first, eighth) = (list.first().copied().unwrap_or_default(), list.get(7).copied().unwrap_or_default());
    const UNASSIGNED: u8 = 0x81;
    let strange = |byte: u8| byte & Z_ARCHITECTURE != Z_ARCHITECTURE;
    (strange(first) || eighth & UNASSIGNED != 0) && !strange(eighth) && first & UNASSIGNED == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_tells_its_own_order() {
        // The first doublewords of a z13: facilities 0 to 63.
        let mut list = 0xfbff_fffb_fcfc_f840u64.to_be_bytes();
        assert!(!is_of_doublewords(&list));
        swap(&mut list);
        assert!(is_of_doublewords(&list));
        assert!(!is_of_doublewords(&[]));
    }
}
