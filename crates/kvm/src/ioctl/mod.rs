//! The interface by number: what an ioctl on each kind of descriptor does with a raw request and a raw argument. Whoever
//! owns descriptors (a preload library, a launcher) calls these and wraps the objects that calls create.
//! Truth: Linux 6.12 virt/kvm/kvm_main.c and arch/s390/kvm/kvm-s390.c; the request numbers are in abi/requests.rs.

mod device;
mod system;
mod vcpu;
mod vm;

use std::sync::Arc;

pub use device::device;
pub use system::system;
pub use vcpu::vcpu;
pub use vm::vm;

use crate::client_memory::ClientMemory;
use crate::device::Flic;
use crate::statistics::StatisticsFile;
use crate::{Result, Vcpu, Vm};

/// What a successful ioctl gives.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The result of the call, never negative.
    Value(u32),
    /// A VM: the result is a new descriptor for it.
    Vm(Arc<Vm>),
    /// A vCPU: the result is a new descriptor for it, which can be mapped (see [`Vcpu::page_file`]).
    Vcpu(Arc<Vcpu>),
    /// A device: the result is 0, and the number of a new descriptor for it goes to [`Created::put`].
    Device(Created),
    /// Statistics: the result is a new descriptor that can be read.
    Statistics(StatisticsFile),
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Value(0)
    }
}

impl From<u32> for Outcome {
    fn from(value: u32) -> Self {
        Self::Value(value)
    }
}

/// A device that has been created, and where the client wants its descriptor's number.
#[derive(Debug)]
pub struct Created {
    /// The device.
    pub device: Arc<Flic>,
    address: u64,
}

impl Created {
    /// Tells the client the descriptor's number.
    ///
    /// # Errors
    /// EFAULT, which is then the result of the ioctl.
    pub fn put(&self, number: i32, memory: &dyn ClientMemory) -> Result<()> {
        memory.write(self.address, &number.cast_unsigned())
    }
}
