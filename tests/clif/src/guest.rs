//! Running a function on a bare CPU of softsie, by one of its engines.
//! Source: the s390x ELF ABI: R2 has the argument, R14 the return address, R15 the stack; R6 to R15 and F8 to F15 stay.

use softsie_cpu::Psw;
use softsie_exec::{Leave, NoObserver, run};
use softsie_jit::{Engine, Optimization};
use softsie_tests::Bare;

use crate::buffer::SIZE;

const CODE: u64 = 0x2_0000;
const BUFFER: u64 = 0x1_0000;
const STACK: u64 = 0x1_F000;
/// Here is a wait PSW and an instruction that loads it.
const STOP: u64 = 0x400;
const LIMIT: usize = 0x8_0000;

/// An engine of softsie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The interpreter.
    Interpreter,
    /// Emitted code.
    Emitted,
}

/// A CPU and what runs it.
pub struct Guest {
    bare: Bare,
    engine: Option<Engine>,
}

impl Guest {
    /// A CPU run by that engine.
    ///
    /// # Errors
    /// No emitted code on this host.
    pub fn new(which: Which) -> Result<Guest, String> {
        let engine = match which {
            Which::Interpreter => None,
            Which::Emitted => Some(Engine::new(Optimization::None).map_err(|e| e.to_string())?),
        };
        Ok(Guest { bare: Bare::new(), engine })
    }

    /// Puts the code of a function into storage.
    ///
    /// # Errors
    /// There is too much of it.
    pub fn load(&mut self, code: &[u8]) -> Result<(), String> {
        if code.len() > LIMIT {
            return Err("too much code".to_owned());
        }
        let cpu = &mut self.bare.cpu;
        cpu.write_absolute(CODE, code).map_err(|e| format!("{e:?}"))?;
        cpu.flush_tlb();
        if let Some(engine) = &mut self.engine {
            engine.clear();
        }
        Ok(())
    }

    /// Calls the function with a copy of `buffer`, and gives back what became of the copy.
    ///
    /// # Errors
    /// It did not return, or changed what it must not change.
    pub fn call(&mut self, buffer: &[u8]) -> Result<Vec<u8>, String> {
        let cpu = &mut self.bare.cpu;
        let mut put = |at: u64, bytes: &[u8]| cpu.write_absolute(at, bytes).map_err(|e| format!("{at:x}: {e:?}"));
        put(BUFFER, buffer)?;
        // LPSWE of a disabled wait.
        put(STOP, &[0xB2, 0xB2, 0x04, 0x10])?;
        put(STOP + 16, &0x0002_0001_8000_0000u64.to_be_bytes())?;
        put(STOP + 24, &0x5109u64.to_be_bytes())?;
        // A program interruption is a disabled wait, too.
        put(0x1D0, &0x0002_0001_8000_0000u64.to_be_bytes())?;
        put(0x1D8, &0xBAD0u64.to_be_bytes())?;
        let seed = |n: usize| 0x0101_0101_0101_0101u64.wrapping_mul(n as u64 + 1);
        cpu.gr = std::array::from_fn(seed);
        cpu.vr = std::array::from_fn(|n| u128::from(seed(n + 16)) << 64 | u128::from(seed(n + 48)));
        (cpu.gr[2], cpu.gr[14], cpu.gr[15]) = (BUFFER, STOP, STACK);
        cpu.cr[0] = 0x6_00E0;
        cpu.fpc = 0;
        cpu.execute = None;
        cpu.psw = Psw::new(0x1_8000_0000, CODE);
        cpu.set_psw(cpu.current_psw());
        cpu.start_running();
        let leave = match &mut self.engine {
            Some(engine) => engine.run(cpu),
            None => run(cpu, &mut NoObserver),
        };
        cpu.stop_running();
        let mut out = vec![0; SIZE];
        let mut old = [0; 16];
        cpu.read_absolute(BUFFER, &mut out).map_err(|e| format!("{e:?}"))?;
        cpu.read_absolute(0x150, &mut old).map_err(|e| format!("{e:?}"))?;
        let mut code = [0; 4];
        cpu.read_absolute(0x8C, &mut code).map_err(|e| format!("{e:?}"))?;
        let address = cpu.current_psw().address;
        if (leave, address) != (Leave::Wait, 0x5109) {
            return Err(format!("{leave:?} at {address:x}; program interruption {code:02x?}, old PSW {old:02x?}"));
        }
        for n in 6..14 {
            if cpu.gr[n] != seed(n) {
                return Err(format!("r{n} is {:x} after the call", cpu.gr[n]));
            }
        }
        if cpu.gr[15] != STACK {
            return Err(format!("r15 is {:x} after the call", cpu.gr[15]));
        }
        for n in 8..16 {
            if (cpu.vr[n] >> 64) as u64 != seed(n + 16) {
                return Err(format!("f{n} is {:x} after the call", cpu.vr[n] >> 64));
            }
        }
        Ok(out)
    }
}
