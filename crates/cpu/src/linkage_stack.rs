//! The linkage stack: state entries formed, found and taken away.
//! Source: Principles of Operation, chapter 5, Linkage-Stack Operations (entry descriptors, header and trailer entries, state
//! entries, stacking and unstacking processes).

use std::ptr::NonNull;

use softsie_mem::PAGE_SIZE;

use crate::access::{Access, AddressSpace};
use crate::exit::{Exit, ProgramCode};
use crate::psw::Psw;
use crate::state::Cpu;

/// Size of a state entry with its descriptor, and where the descriptor is in it.
const STATE_SIZE: u64 = 296;
const DESCRIPTOR: u64 = 288;
/// Entry types, and the unstack-suppression bit beside them.
const HEADER: u8 = 0x09;
const BRANCH: u8 = 0x0C;
const CALL: u8 = 0x0D;
const SUPPRESSED: u8 = 0x80;
const STACK_ADDRESS: u64 = !7;

/// Which instruction has formed a state entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StateKind {
    /// BRANCH AND STACK.
    Branch,
    /// PROGRAM CALL.
    ProgramCall,
}

/// A state entry in the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StackedState {
    /// What has formed it.
    pub kind: StateKind,
    /// Home virtual address of its first byte.
    pub address: u64,
}

impl StackedState {
    /// Address of the descriptor of the entry before it.
    pub fn preceding(&self) -> u64 {
        self.address.wrapping_sub(8)
    }
}

/// An entry descriptor.
struct Descriptor([u8; 8]);

impl Descriptor {
    fn kind(&self) -> u8 {
        self.0[0] & 0x7F
    }

    fn section(&self) -> u8 {
        self.0[1]
    }

    /// Bytes that are free after the entry, in front of the section's trailer entry.
    fn remaining(&self) -> u16 {
        u16::from_be_bytes([self.0[2], self.0[3]])
    }
}

impl Cpu {
    /// Neither key-controlled protection nor the addressing mode applies to the stack.
    fn stack_host(&mut self, address: u64, access: Access) -> Result<NonNull<u8>, Exit> {
        self.host_with_key(AddressSpace::Home, 0, address, access)
    }

    /// Copies from the stack.
    ///
    /// # Errors
    /// Access exceptions.
    pub fn read_stack(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), Exit> {
        let mut done = 0;
        while done < bytes.len() {
            let at = address.wrapping_add(done as u64);
            let piece = ((PAGE_SIZE - at % PAGE_SIZE) as usize).min(bytes.len() - done);
            let host = self.stack_host(at, Access::Fetch)?;
            // SAFETY: `host` is good to the end of its page, where `piece` ends at the latest.
            unsafe { std::ptr::copy_nonoverlapping(host.as_ptr(), bytes.as_mut_ptr().add(done), piece) };
            crate::order::after_fetch();
            done += piece;
        }
        Ok(())
    }

    /// Recognises the exceptions of a store into the stack.
    ///
    /// # Errors
    /// Access exceptions.
    pub fn probe_stack(&mut self, address: u64, length: u64) -> Result<(), Exit> {
        self.stack_host(address, Access::Store)?;
        self.stack_host(address.wrapping_add(length - 1), Access::Store).map(|_| ())
    }

    /// Copies to the stack.
    ///
    /// # Errors
    /// Access exceptions, with nothing stored.
    pub fn write_stack(&mut self, address: u64, bytes: &[u8]) -> Result<(), Exit> {
        self.probe_stack(address, bytes.len() as u64)?;
        let mut done = 0;
        while done < bytes.len() {
            let at = address.wrapping_add(done as u64);
            let piece = ((PAGE_SIZE - at % PAGE_SIZE) as usize).min(bytes.len() - done);
            let host = self.stack_host(at, Access::Store)?;
            // SAFETY: as in `read_stack`.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().add(done), host.as_ptr(), piece) };
            done += piece;
        }
        self.stored(AddressSpace::Home, address, bytes.len() as u64);
        Ok(())
    }

    fn descriptor(&mut self, address: u64) -> Result<Descriptor, Exit> {
        let mut bytes = [0; 8];
        self.read_stack(address, &mut bytes)?;
        Ok(Descriptor(bytes))
    }

    fn stack_doubleword(&mut self, address: u64) -> Result<u64, Exit> {
        let mut bytes = [0; 8];
        self.read_stack(address, &mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// The stacking process: forms a state entry with `psw` and `called` (branch address, or called-space identification
    /// and PC number).
    ///
    /// # Errors
    /// Stack-full, stack-specification and access exceptions; nothing has changed then.
    pub fn stack_state(&mut self, kind: StateKind, psw: Psw, called: u64) -> Result<(), Exit> {
        let current = self.cr[15] & STACK_ADDRESS;
        let mut descriptor = self.descriptor(current)?;
        let mut after = current;
        if u64::from(descriptor.remaining()) < STATE_SIZE {
            if descriptor.remaining() & 7 != 0 {
                return Err(Exit::Program(ProgramCode::STACK_SPECIFICATION));
            }
            // The trailer entry designates the header entry of the next section.
            let trailer = current.wrapping_add(8 + u64::from(descriptor.remaining()));
            let forward = self.stack_doubleword(trailer)?;
            if forward & 1 == 0 {
                return Err(Exit::Program(ProgramCode::STACK_FULL));
            }
            after = forward & STACK_ADDRESS;
            descriptor = self.descriptor(after)?;
            if u64::from(descriptor.remaining()) < STATE_SIZE {
                return Err(Exit::Program(ProgramCode::STACK_SPECIFICATION));
            }
            self.probe_stack(after.wrapping_sub(8), 8)?;
        }
        let entry = after.wrapping_add(8);
        self.probe_stack(entry, STATE_SIZE)?;
        // Size of the next entry, in the descriptor of the one before.
        self.probe_stack(after.wrapping_add(4), 2)?;
        if after != current {
            self.write_stack(after.wrapping_sub(8), &(current | 1).to_be_bytes())?;
        }
        let mut bytes = [0; STATE_SIZE as usize];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        for (n, v) in self.gr.iter().enumerate() {
            put(n * 8, &v.to_be_bytes());
        }
        put(128, &(self.cr[3] as u32).to_be_bytes());
        put(132, &self.extended_authorization_index().to_be_bytes());
        put(134, &(self.cr[4] as u16).to_be_bytes());
        put(136, &psw.mask.to_be_bytes());
        put(144, &called.to_be_bytes());
        put(168, &psw.address.to_be_bytes());
        put(176, &((self.cr[3] >> 32) as u32).to_be_bytes());
        put(180, &((self.cr[4] >> 32) as u32).to_be_bytes());
        for (n, v) in self.ar.iter().enumerate() {
            put(224 + n * 4, &v.to_be_bytes());
        }
        put(288, &[if kind == StateKind::Branch { BRANCH } else { CALL }, descriptor.section()]);
        put(290, &(descriptor.remaining() - STATE_SIZE as u16).to_be_bytes());
        // Instance numbers only when they are in use; what follows them is reserved.
        let head = if self.reuses_asns() { 184 } else { 176 };
        self.write_stack(entry, &bytes[..head])?;
        self.write_stack(entry.wrapping_add(224), &bytes[224..])?;
        self.write_stack(after.wrapping_add(4), &(STATE_SIZE as u16).to_be_bytes())?;
        self.cr[15] = entry.wrapping_add(DESCRIPTOR);
        Ok(())
    }

    /// Finds the current state entry, for PROGRAM RETURN (`unstack`) or to be looked at or modified.
    ///
    /// # Errors
    /// Stack exceptions and access exceptions.
    pub fn current_state(&mut self, unstack: bool) -> Result<StackedState, Exit> {
        let mut at = self.cr[15] & STACK_ADDRESS;
        let mut descriptor = self.descriptor(at)?;
        let suppressed = |d: &Descriptor| unstack && d.0[0] & SUPPRESSED != 0;
        if descriptor.kind() == HEADER {
            if suppressed(&descriptor) {
                return Err(Exit::Program(ProgramCode::STACK_OPERATION));
            }
            let backward = self.stack_doubleword(at.wrapping_sub(8))?;
            if backward & 1 == 0 {
                return Err(Exit::Program(ProgramCode::STACK_EMPTY));
            }
            at = backward & STACK_ADDRESS;
            descriptor = self.descriptor(at)?;
            if descriptor.kind() == HEADER {
                return Err(Exit::Program(ProgramCode::STACK_SPECIFICATION));
            }
        }
        let kind = match descriptor.kind() {
            BRANCH => StateKind::Branch,
            CALL => StateKind::ProgramCall,
            _ => return Err(Exit::Program(ProgramCode::STACK_TYPE)),
        };
        if suppressed(&descriptor) {
            return Err(Exit::Program(ProgramCode::STACK_OPERATION));
        }
        Ok(StackedState { kind, address: at.wrapping_sub(DESCRIPTOR) })
    }
}
