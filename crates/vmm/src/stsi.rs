//! STSI 3.2.2, to whose block KVM lets its client add: name and UUID of this virtual machine, and its CPU counts.
//! Truth: the Principles of Operation, STORE SYSTEM INFORMATION, SYSIB 3.2.2.

use softsie_kvm::abi::kvm_run_s390_stsi;

use crate::cpu::Cpu;
use crate::ebcdic;
use crate::machine::{Identity, Machine};

/// Fields of the first virtual machine's description, which follows the block's 32-byte header.
const TOTAL_CPUS: usize = 36;
const CONFIGURED_CPUS: usize = 38;
const STANDBY_CPUS: usize = 40;
const RESERVED_CPUS: usize = 42;
const NAME: usize = 44;
const NAME_ENCODING: usize = 75;
const UUID: usize = 80;
/// Where the long names start; each has 256 bytes.
const LONG_NAME: usize = 2048;
const LONG_NAME_SIZE: usize = 256;
const UTF8: u8 = 2;

/// Completes the block that KVM has stored; other blocks stay as they are.
pub(crate) fn complete(machine: &Machine, cpu: &Cpu, request: &kvm_run_s390_stsi) {
    if (request.fc, request.sel1, request.sel2) != (3, 2, 2) {
        return;
    }
    let registers = cpu.own_registers();
    let mut block = vec![0; 4096];
    // An access that fails was reported to the guest when KVM stored the block; the block is then not ours to change.
    if registers.read_logical(request.addr, request.ar, &mut block).is_some() {
        fill(&mut block, machine.cpus.len() as u16, machine.max_cpus, &machine.identity);
        let _ = registers.write_logical(request.addr, request.ar, &mut block);
    }
}

fn fill(block: &mut [u8], cpus: u16, max_cpus: u16, identity: &Identity) {
    let mut put = |at: usize, data: &[u8]| block[at..at + data.len()].copy_from_slice(data);
    put(TOTAL_CPUS, &max_cpus.to_be_bytes());
    put(CONFIGURED_CPUS, &cpus.to_be_bytes());
    put(STANDBY_CPUS, &[0; 2]);
    put(RESERVED_CPUS, &max_cpus.saturating_sub(cpus).to_be_bytes());
    if let Some(name) = &identity.name {
        put(NAME, &ebcdic::field::<8>(name));
        put(NAME_ENCODING, &[UTF8]);
        let mut long = [0; LONG_NAME_SIZE];
        // One byte stays zero; a name is cut between characters.
        let end = (0..LONG_NAME_SIZE.min(name.len() + 1)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        long[..end].copy_from_slice(&name.as_bytes()[..end]);
        put(LONG_NAME, &long);
    }
    if let Some(uuid) = &identity.uuid {
        put(UUID, uuid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_uuid_are_where_the_architecture_puts_them() {
        let mut block = vec![0; 4096];
        let identity = Identity { name: Some("kvm-unit-test".into()), uuid: Some([0xab; 16]) };
        fill(&mut block, 1, 8, &identity);
        assert_eq!(block[36..44], [0, 8, 0, 1, 0, 0, 0, 7]);
        assert_eq!(block[44..52], ebcdic::encode("kvm-unit")[..]);
        assert_eq!(block[75], 2);
        assert_eq!(block[80..96], [0xab; 16]);
        assert_eq!(&block[2048..2062], b"kvm-unit-test\0");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let mut block = vec![0; 4096];
        fill(&mut block, 1, 1, &Identity { name: Some("\u{e9}".repeat(200)), uuid: None });
        assert_eq!(block[2048 + 254..2048 + 256], [0, 0]);
        assert_eq!(block[80..96], [0; 16]);
    }
}
