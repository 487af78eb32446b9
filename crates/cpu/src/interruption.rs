//! Taking interruptions: parameters into lowcore, old PSW stored, new PSW loaded.
//! Source: Principles of Operation, chapter 6, Interruption Action and the classes of interruption.

use crate::exit::{Exit, ProgramCode};
use crate::lowcore::Lowcore;
use crate::psw::Psw;
use crate::scalar::Scalar;
use crate::state::Cpu;

/// Parameters of the program interruption being recognised. Only those that belong to the code are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramData {
    /// Translation-exception identification.
    pub teid: u64,
    /// Access register of an exception in access-register mode.
    pub exception_access_id: u8,
    /// The access exception was of an instruction fetch.
    pub instruction_fetch: bool,
    /// Register numbers of MOVE PAGE's operands.
    pub operand_access_id: u8,
    /// Data-exception or vector-exception code.
    pub dxc: u8,
    /// Monitor class.
    pub monitor_class: u16,
    /// Monitor code.
    pub monitor_code: u64,
    /// PER code and addressing-and-translation-mode identification; zero when there is no PER event.
    pub per_code: u16,
    /// PER address.
    pub per_address: u64,
    /// PER access identification.
    pub per_access_id: u8,
}

impl Cpu {
    /// Writes a value to the prefix area at a real address below 8 KiB.
    ///
    /// # Errors
    /// [`Exit::NoLowcore`] when the prefix area is not in storage.
    pub fn write_lowcore<T: Scalar>(&mut self, real: u64, value: T) -> Result<(), Exit> {
        let mut bytes = [0; 16];
        // SAFETY: no scalar is longer than 16 bytes.
        unsafe { T::write_be(bytes.as_mut_ptr(), value) };
        self.write_absolute(self.prefix + real, &bytes[..T::BYTES as usize]).map_err(|_| Exit::NoLowcore)
    }

    /// Reads a value from the prefix area.
    ///
    /// # Errors
    /// [`Exit::NoLowcore`] when the prefix area is not in storage.
    pub fn read_lowcore<T: Scalar>(&mut self, real: u64) -> Result<T, Exit> {
        let mut bytes = [0; 16];
        let bytes = &mut bytes[..T::BYTES as usize];
        self.read_absolute(self.prefix + real, bytes).map_err(|_| Exit::NoLowcore)?;
        // SAFETY: the slice has as many bytes as the type.
        Ok(unsafe { T::read_be(bytes.as_ptr()) })
    }

    /// Stores the current PSW as old PSW and loads the new one. [`Cpu::psw`] must be complete, condition code included
    /// through [`Cpu::cc`].
    ///
    /// # Errors
    /// [`Exit::NoLowcore`].
    pub fn swap_psw(&mut self, old: u64, new: u64) -> Result<(), Exit> {
        let psw = self.current_psw();
        self.write_lowcore(old, psw.mask)?;
        self.write_lowcore(old + 8, psw.address)?;
        let psw = Psw::new(self.read_lowcore(new)?, self.read_lowcore(new + 8)?);
        self.set_psw(psw);
        Ok(())
    }

    /// Takes a program interruption with the parameters in [`Cpu::program`]. [`Cpu::psw`] holds what becomes the old PSW;
    /// `ilc` is the instruction length in bytes (0 when there was no instruction).
    ///
    /// # Errors
    /// [`Exit::NoLowcore`].
    pub fn program_interruption(&mut self, code: ProgramCode, ilc: u8) -> Result<(), Exit> {
        self.statistics.program_interruptions += 1;
        let p = self.program;
        self.write_lowcore(Lowcore::PROGRAM_ILC, u16::from(ilc))?;
        self.write_lowcore(Lowcore::PROGRAM_CODE, code.0)?;
        match code.0 & 0x7F {
            0x04 | 0x10 | 0x11 | 0x38..=0x3B => {
                self.write_lowcore(Lowcore::TRANSLATION_EXCEPTION_ID, p.teid)?;
                self.write_lowcore(Lowcore::EXCEPTION_ACCESS_ID, p.exception_access_id)?;
                self.write_lowcore(Lowcore::OPERAND_ACCESS_ID, p.operand_access_id)?;
            }
            // An address-space number or what else there is to say about a change of spaces.
            0x1C | 0x20..=0x27 | 0x2E => self.write_lowcore(Lowcore::TRANSLATION_EXCEPTION_ID, p.teid)?,
            0x28..=0x2D | 0x2F => self.write_lowcore(Lowcore::EXCEPTION_ACCESS_ID, p.exception_access_id)?,
            0x07 | 0x1B => self.write_lowcore(Lowcore::DATA_EXCEPTION_CODE, u32::from(p.dxc))?,
            0x40 => {
                self.write_lowcore(Lowcore::MONITOR_CLASS, p.monitor_class)?;
                self.write_lowcore(Lowcore::MONITOR_CODE, p.monitor_code)?;
            }
            _ => {}
        }
        if code.0 & ProgramCode::PER.0 != 0 {
            self.write_lowcore(Lowcore::PER_CODE, p.per_code)?;
            self.write_lowcore(Lowcore::PER_ADDRESS, p.per_address)?;
            self.write_lowcore(Lowcore::PER_ACCESS_ID, p.per_access_id)?;
        }
        self.write_lowcore(Lowcore::BREAKING_EVENT_ADDRESS, self.breaking_event_address)?;
        self.program = ProgramData::default();
        self.swap_psw(Lowcore::PROGRAM_OLD_PSW, Lowcore::PROGRAM_NEW_PSW)
    }

    /// Takes a supervisor-call interruption; the PSW address is that of the next instruction.
    ///
    /// # Errors
    /// [`Exit::NoLowcore`].
    pub fn supervisor_call_interruption(&mut self, number: u8, ilc: u8) -> Result<(), Exit> {
        self.write_lowcore(Lowcore::SVC_ILC, u16::from(ilc))?;
        self.write_lowcore(Lowcore::SVC_CODE, u16::from(number))?;
        self.swap_psw(Lowcore::SVC_OLD_PSW, Lowcore::SVC_NEW_PSW)
    }
}
