//! The service-call logical processor: commands a guest gives with SERVICE CALL and a control block (SCCB) in storage.
//! Every command is completed at once; the caller makes the service-signal external interruption pending.
//! Truth: Linux's drivers/s390/char/sclp*, kvm-unit-tests' s390x/sclp.c, QEMU's answers where these leave room.

mod events;
mod info;

use crate::storage::Storage;

pub use events::ConsoleKind;
pub(crate) use events::Events;
pub(crate) use info::Configuration;

const READ_SCP_INFO: u32 = 0x0002_0001;
const READ_SCP_INFO_FORCED: u32 = 0x0012_0001;
const READ_CPU_INFO: u32 = 0x0001_0001;
const READ_EVENT_DATA: u32 = 0x0077_0005;
const WRITE_EVENT_DATA: u32 = 0x0076_0005;
const WRITE_EVENT_MASK: u32 = 0x0078_0005;

const HEADER_SIZE: usize = 8;
/// Where the response code is.
const RESPONSE: u64 = 6;
const PAGE: u64 = 4096;

/// Response codes.
mod response {
    pub(super) const READ_COMPLETE: u16 = 0x0010;
    pub(super) const COMPLETE: u16 = 0x0020;
    pub(super) const BOUNDARY_VIOLATION: u16 = 0x0100;
    pub(super) const INVALID_COMMAND: u16 = 0x01f0;
    pub(super) const INSUFFICIENT_LENGTH: u16 = 0x0300;
    pub(super) const INVALID_FUNCTION: u16 = 0x40f0;
    pub(super) const NO_EVENT_BUFFERS: u16 = 0x60f0;
    pub(super) const INVALID_SELECTION_MASK: u16 = 0x70f0;
    pub(super) const INCONSISTENT_LENGTHS: u16 = 0x72f0;
    pub(super) const SYNTAX_ERROR: u16 = 0x73f0;
    pub(super) const INVALID_MASK_LENGTH: u16 = 0x74f0;
}

/// Program interruptions of SERVICE CALL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// The control block lies outside storage.
    Addressing,
    /// The control block's address or length is not one a control block can have.
    Specification,
}

impl Refusal {
    /// The program-interruption code.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Addressing => 5,
            Self::Specification => 6,
        }
    }
}

/// What a completed command leaves behind.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Completion {
    /// Parameter of the service-signal interruption.
    pub(crate) parameter: u32,
    /// Text for the console.
    pub(crate) text: Vec<u8>,
}

/// The service-call logical processor of one machine.
#[derive(Debug)]
pub(crate) struct Sclp {
    configuration: Configuration,
    /// Masks, and input on its way to the guest.
    pub(crate) events: Events,
}

/// A control block, copied from storage and back.
struct Block {
    bytes: Vec<u8>,
}

impl Block {
    fn u16(&self, at: usize) -> u16 {
        self.bytes.get(at..at + 2).map_or(0, |field| u16::from_be_bytes([field[0], field[1]]))
    }

    fn put(&mut self, at: usize, data: &[u8]) {
        if let Some(field) = self.bytes.get_mut(at..at + data.len()) {
            field.copy_from_slice(data);
        }
    }

    fn respond(&mut self, code: u16) {
        self.put(RESPONSE as usize, &code.to_be_bytes());
    }

    fn function(&self) -> u8 {
        self.bytes[2]
    }
}

impl Sclp {
    /// The processor of a machine that is configured as told.
    pub(crate) fn new(configuration: Configuration, console: ConsoleKind) -> Self {
        Self { configuration, events: Events::new(console) }
    }

    /// Forgets what the guest set up, as a system reset does.
    pub(crate) fn reset(&mut self) {
        self.events.reset();
    }

    /// Carries out `command` on the control block at the absolute address `sccb`, for a CPU with prefix `prefix`.
    pub(crate) fn service_call(
        &mut self,
        storage: &Storage,
        prefix: u64,
        command: u32,
        sccb: u64,
    ) -> Result<Completion, Refusal> {
        if !storage.contains(sccb, HEADER_SIZE as u64) {
            return Err(Refusal::Addressing);
        }
        let lowcore = |address: u64| address & !0x1fff;
        if sccb & 7 != 0 || sccb > 0x7fff_ffff || lowcore(sccb) == 0 || lowcore(sccb) == prefix {
            return Err(Refusal::Specification);
        }
        let header = storage.read_vec(sccb, HEADER_SIZE).ok_or(Refusal::Addressing)?;
        let length = usize::from(u16::from_be_bytes([header[0], header[1]]));
        if length < HEADER_SIZE {
            return Err(Refusal::Specification);
        }
        let mut text = Vec::new();
        match self.objection(command, sccb, length as u64) {
            Some(code) => storage.write(sccb + RESPONSE, &code.to_be_bytes()).ok_or(Refusal::Addressing)?,
            None => {
                let mut block = Block { bytes: storage.read_vec(sccb, length).ok_or(Refusal::Addressing)? };
                text = self.command(&mut block, command);
                storage.write(sccb, &block.bytes).ok_or(Refusal::Addressing)?;
            }
        }
        // The address is below 2 GiB and a multiple of 8: the low bits say whether events wait.
        Ok(Completion { parameter: sccb as u32 | u32::from(self.events.pending()), text })
    }

    /// The response to a command that is refused before its control block is looked at.
    fn objection(&self, command: u32, sccb: u64, length: u64) -> Option<u16> {
        let reads_information = matches!(command, READ_SCP_INFO | READ_SCP_INFO_FORCED | READ_CPU_INFO);
        if !reads_information && !matches!(command, READ_EVENT_DATA | WRITE_EVENT_DATA | WRITE_EVENT_MASK) {
            return Some(response::INVALID_COMMAND);
        }
        let crosses = sccb % PAGE + length > PAGE;
        let may_cross = self.configuration.extended_length && reads_information;
        (crosses && !may_cross).then_some(response::BOUNDARY_VIOLATION)
    }

    fn command(&mut self, block: &mut Block, command: u32) -> Vec<u8> {
        match command {
            READ_SCP_INFO | READ_SCP_INFO_FORCED => self.configuration.read_scp_info(block),
            READ_CPU_INFO => self.configuration.read_cpu_info(block),
            WRITE_EVENT_MASK => self.events.write_mask(block),
            READ_EVENT_DATA => self.events.read_data(block),
            _ => return self.events.write_data(block),
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MIB;

    pub(super) const SCCB: u64 = 0x8000;

    pub(super) fn sclp(console: ConsoleKind) -> (Sclp, Storage) {
        let configuration = Configuration {
            storage: 128 * MIB,
            cpus: 2,
            max_cpus: 4,
            features: 0,
            topology_levels: 2,
            extended_length: false,
            diagnose_318: true,
        };
        (Sclp::new(configuration, console), Storage::new(MIB).unwrap())
    }

    /// Puts a block of `length` bytes with `data` behind its header into storage.
    pub(super) fn prepare(storage: &Storage, length: u16, data: &[u8]) {
        storage.write(SCCB, &[0; 4096]);
        storage.write(SCCB, &length.to_be_bytes());
        storage.write(SCCB + 8, data);
    }

    pub(super) fn answer(storage: &Storage) -> u16 {
        (storage.read_u32(SCCB + 4).unwrap() & 0xffff) as u16
    }

    #[test]
    fn addresses_a_block_cannot_have() {
        let (mut sclp, storage) = sclp(ConsoleKind::Vt220);
        let mut call = |prefix, sccb| sclp.service_call(&storage, prefix, READ_SCP_INFO, sccb);
        prepare(&storage, 4096, &[]);
        assert_eq!(call(0, MIB), Err(Refusal::Addressing));
        assert_eq!(call(0, SCCB + 4), Err(Refusal::Specification));
        assert_eq!(call(0, 0x1000), Err(Refusal::Specification));
        assert_eq!(call(SCCB, SCCB), Err(Refusal::Specification));
        prepare(&storage, 7, &[]);
        assert_eq!(call(0, SCCB), Err(Refusal::Specification));
    }

    #[test]
    fn unknown_commands_and_blocks_over_a_page_boundary_get_their_response() {
        let (mut sclp, storage) = sclp(ConsoleKind::Vt220);
        prepare(&storage, 4096, &[]);
        let completion = sclp.service_call(&storage, 0, 0x00ff_0001, SCCB).unwrap();
        assert_eq!(completion.parameter, SCCB as u32);
        assert_eq!(answer(&storage), 0x01f0);
        prepare(&storage, 4104, &[]);
        sclp.service_call(&storage, 0, READ_SCP_INFO, SCCB).unwrap();
        assert_eq!(answer(&storage), 0x0100);
    }
}
