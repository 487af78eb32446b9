//! The two doors to the interface: in process, objects and calls; or, when the environment variable `SOFTSIE_DOOR` names
//! a device node, descriptors and system calls, behind which the preload library is to be. The tests of the calls use
//! nothing else, so that both doors open to the same. Truth: open(2), ioctl(2), mmap(2).

use core::ffi::{c_int, c_ulong};
use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::abi::*;
use crate::device::Flic;
use crate::ioctl::{self, Outcome};
use crate::statistics::StatisticsFile;
use crate::{Errno, OwnMemory, System, Vcpu, Vm};

/// What an ioctl is made on.
pub(super) enum Object {
    System(Box<System>),
    Vm(Arc<Vm>),
    Vcpu(Arc<Vcpu>),
    Device(Arc<Flic>),
    Statistics(StatisticsFile),
    Descriptor(OwnedFd),
}

/// The device node, if descriptors are the door.
fn node() -> Option<CString> {
    std::env::var("SOFTSIE_DOOR").ok().map(|path| CString::new(path).unwrap())
}

/// Whether the client's view of bit arrays is that of the preload library on a little-endian host: doublewords.
pub(super) fn has_doublewords() -> bool {
    cfg!(target_endian = "little") && node().is_some()
}

/// Opens the interface.
pub(super) fn open() -> Object {
    let Some(node) = node() else { return Object::System(Box::default()) };
    // SAFETY: the path is a string that ends with zero.
    Object::Descriptor(descriptor(unsafe { libc::open(node.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) }).unwrap())
}

fn descriptor(number: c_int) -> Result<OwnedFd, Errno> {
    // SAFETY: the call that gave the number has made the descriptor for us.
    checked(number).map(|number| unsafe { OwnedFd::from_raw_fd(number.cast_signed()) })
}

fn checked(result: c_int) -> Result<u32, Errno> {
    u32::try_from(result).map_err(|_| Errno(std::io::Error::last_os_error().raw_os_error().unwrap()))
}

fn system_call(fd: &OwnedFd, request: u32, argument: u64) -> c_int {
    // SAFETY: the interface checks addresses; what it stores into, the test has designated.
    unsafe { libc::ioctl(fd.as_raw_fd(), c_ulong::from(request) as _, argument as c_ulong) }
}

impl Object {
    fn dispatch(&self, request: u32, argument: u64) -> Result<Outcome, Errno> {
        match self {
            Self::System(system) => ioctl::system(system, request, argument),
            // SAFETY: the tests give slots memory that lives as long as the machine.
            Self::Vm(vm) => unsafe { ioctl::vm(vm, request, argument, &OwnMemory) },
            // SAFETY: as above, for vCPUs that have storage of their own.
            Self::Vcpu(vcpu) => unsafe { ioctl::vcpu(vcpu, request, argument, &OwnMemory) },
            Self::Device(device) => ioctl::device(device, request, argument, &OwnMemory),
            Self::Statistics(_) => Err(Errno::ENOTTY),
            Self::Descriptor(fd) => checked(system_call(fd, request, argument)).map(Outcome::Value),
        }
    }

    /// An ioctl whose result is a number.
    pub(super) fn call(&self, request: u32, argument: u64) -> Result<u32, Errno> {
        match self.dispatch(request, argument)? {
            Outcome::Value(value) => Ok(value),
            other => panic!("{other:?}"),
        }
    }

    /// An ioctl that makes another object.
    pub(super) fn create(&self, request: u32, argument: u64) -> Result<Self, Errno> {
        if let Self::Descriptor(fd) = self {
            let result = system_call(fd, request, argument);
            if request != KVM_CREATE_DEVICE {
                return descriptor(result).map(Self::Descriptor);
            }
            checked(result)?;
            let device: *const kvm_create_device = core::ptr::with_exposed_provenance(argument as usize);
            // SAFETY: the call has read it from there, and written to it.
            return descriptor(unsafe { device.read() }.fd.cast_signed()).map(Self::Descriptor);
        }
        match self.dispatch(request, argument)? {
            Outcome::Vm(vm) => Ok(Self::Vm(vm)),
            Outcome::Vcpu(vcpu) => Ok(Self::Vcpu(vcpu)),
            Outcome::Statistics(file) => Ok(Self::Statistics(file)),
            Outcome::Device(created) => created.put(5, &OwnMemory).map(|()| Self::Device(created.device.clone())),
            Outcome::Value(value) => panic!("{value}"),
        }
    }

    /// Reads from the object from an offset on; the number of bytes.
    pub(super) fn read_at(&self, at: u64, to: &mut [u8]) -> usize {
        match self {
            Self::Statistics(file) => file.read_at(at, to),
            Self::Descriptor(fd) => {
                let file = std::fs::File::from(fd.try_clone().unwrap());
                file.read_at(to, at).unwrap_or_default()
            }
            _ => 0,
        }
    }

    /// The object's memory, `size` bytes from `offset` on.
    fn map(&self, size: usize, offset: usize) -> *mut u8 {
        let fd = match self {
            Self::Vcpu(vcpu) => vcpu.page_file().as_raw_fd(),
            Self::Descriptor(fd) => fd.as_raw_fd(),
            _ => panic!("not a vCPU"),
        };
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a mapping at a place of the kernel's choice.
        let at =
            unsafe { libc::mmap(core::ptr::null_mut(), size, protection, libc::MAP_SHARED, fd, offset as libc::off_t) };
        assert_ne!(at, libc::MAP_FAILED);
        at.cast()
    }
}

/// A vCPU and the page that it shares with its client.
pub(super) struct Cpu {
    pub(super) object: Object,
    page: *mut kvm_run,
}

impl Cpu {
    pub(super) fn new(object: Object) -> Self {
        let page = object.map(size_of::<kvm_run>(), 0).cast();
        Self { object, page }
    }

    /// KVM_RUN.
    pub(super) fn run(&self) -> Result<(), Errno> {
        self.object.call(KVM_RUN, 0).map(drop)
    }

    /// Runs from `address` in the 64-bit mode, DAT off, until the client is needed.
    pub(super) fn run_at(&self, address: u64) {
        page(self, |run| (run.psw_mask, run.psw_addr) = (0x0000_0001_8000_0000, address));
        self.run().unwrap();
    }

    /// The state description in the page after the first.
    pub(super) fn with_state<T>(&self, f: impl FnOnce(&mut [u8]) -> T) -> T {
        let size = crate::page::vcpu_mmap_size();
        let at = self.object.map(size, size);
        // SAFETY: mapped for now; the vCPU does not run.
        let result = f(unsafe { core::slice::from_raw_parts_mut(at, 512) });
        // SAFETY: mapped above.
        unsafe { libc::munmap(at.cast(), size) };
        result
    }

    /// Whether a local interrupt is pending.
    pub(super) fn is_pending(&self) -> bool {
        let mut room = [kvm_s390_irq::new(0); 40];
        let buf = room.as_mut_ptr().expose_provenance() as u64;
        let state = kvm_s390_irq_state { buf, len: size_of_val(&room) as u32, ..Default::default() };
        self.object.call(KVM_S390_GET_IRQ_STATE, super::address_of(&state)).unwrap() != 0
    }
}

impl Drop for Cpu {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `new`.
        unsafe { libc::munmap(self.page.cast(), size_of::<kvm_run>()) };
    }
}

/// The page that the vCPU shares with its client.
pub(super) fn page<T>(cpu: &Cpu, f: impl FnOnce(&mut kvm_run) -> T) -> T {
    // SAFETY: the tests touch the page only while the vCPU is not running, one thread at a time.
    f(unsafe { &mut *cpu.page })
}

/// Size of the machine's storage.
pub(super) const STORAGE: usize = 1 << 20;

/// A VM with storage from address zero.
pub(super) struct Machine {
    pub(super) vm: Object,
    memory: *mut u8,
}

impl Machine {
    pub(super) fn new() -> Self {
        Self::over(open().create(KVM_CREATE_VM, 0).unwrap())
    }

    /// A machine whose CPUs have vector registers.
    pub(super) fn with_vectors() -> Self {
        let vm = open().create(KVM_CREATE_VM, 0).unwrap();
        let cap = kvm_enable_cap { cap: KVM_CAP_S390_VECTOR_REGISTERS, ..Default::default() };
        vm.call(KVM_ENABLE_CAP, super::address_of(&cap)).unwrap();
        Self::over(vm)
    }

    fn over(vm: Object) -> Self {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: memory at a place of the kernel's choice; it is unmapped after the slot was deleted.
        let memory = unsafe { libc::mmap(core::ptr::null_mut(), STORAGE, protection, flags, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED);
        let machine = Self { vm, memory: memory.cast() };
        machine.set_slot(STORAGE as u64);
        machine
    }

    fn set_slot(&self, size: u64) {
        self.vm.call(KVM_SET_USER_MEMORY_REGION, super::address_of(&self.region(size))).unwrap();
    }

    pub(super) fn region(&self, memory_size: u64) -> kvm_userspace_memory_region {
        let userspace_addr = self.memory.expose_provenance() as u64;
        kvm_userspace_memory_region { slot: 0, flags: 0, guest_phys_addr: 0, memory_size, userspace_addr }
    }

    pub(super) fn vcpu(&self, id: u64) -> Cpu {
        Cpu::new(self.vm.create(KVM_CREATE_VCPU, id).unwrap())
    }

    fn access(&self, op: u32, gaddr: u64, buf: u64, size: usize) {
        let op = kvm_s390_mem_op { gaddr, size: size as u32, op, buf, ..Default::default() };
        assert_eq!(self.vm.call(KVM_S390_MEM_OP, super::address_of(&op)), Ok(0));
    }

    pub(super) fn write(&self, address: u64, bytes: &[u8]) {
        self.access(KVM_S390_MEMOP_ABSOLUTE_WRITE, address, super::address_of(bytes), bytes.len());
    }

    /// Writes the text of instructions.
    pub(super) fn assemble(&self, address: u64, program: &str) {
        self.write(address, &softsie_isa::assemble(program, address).unwrap());
    }

    pub(super) fn read<const N: usize>(&self, address: u64) -> [u8; N] {
        let mut bytes = [0; N];
        let place = core::ptr::from_mut(&mut bytes).expose_provenance() as u64;
        self.access(KVM_S390_MEMOP_ABSOLUTE_READ, address, place, N);
        bytes
    }

    pub(super) fn read_u64(&self, address: u64) -> u64 {
        u64::from_be_bytes(self.read(address))
    }

    /// Stores a PSW.
    pub(super) fn write_psw(&self, address: u64, mask: u64, ia: u64) {
        self.write(address, &(u128::from(mask) << 64 | u128::from(ia)).to_be_bytes());
    }

    fn keys(&self, request: u32, address: u64, key: &mut u8) {
        let skeydata_addr = core::ptr::from_mut(key).expose_provenance() as u64;
        let range = kvm_s390_skeys { start_gfn: address >> 12, count: 1, skeydata_addr, ..Default::default() };
        assert_eq!(self.vm.call(request, super::address_of(&range)), Ok(0));
    }

    /// Sets a page's storage key.
    pub(super) fn set_key(&self, address: u64, mut key: u8) {
        self.keys(KVM_S390_SET_SKEYS, address, &mut key);
    }

    /// A page's storage key.
    pub(super) fn key(&self, address: u64) -> u8 {
        let mut key = 0;
        self.keys(KVM_S390_GET_SKEYS, address, &mut key);
        key
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.set_slot(0);
        // SAFETY: mapped in `over`; the slot is gone.
        unsafe { libc::munmap(self.memory.cast(), STORAGE) };
    }
}

/// The floating interrupts that are pending.
pub(super) fn floating(flic: &Object) -> Vec<kvm_s390_irq> {
    let mut room = vec![kvm_s390_irq::new(0); 64];
    let addr = room.as_mut_ptr().expose_provenance() as u64;
    let attr = kvm_device_attr { flags: 0, group: KVM_DEV_FLIC_GET_ALL_IRQS, attr: 64 * 72, addr };
    let count = flic.call(KVM_GET_DEVICE_ATTR, super::address_of(&attr)).unwrap();
    room.truncate(count as usize);
    room
}
