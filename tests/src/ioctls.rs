//! Random ioctls by number: a client that does anything to the interface, in process or by the preload library's door. Whatever
//! it is, every call ends with a result or an error, and the process lives on. Source: the promise that bad input never harms the
//! client.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use memmap2::MmapMut;
use parking_lot::Mutex;
use softsie_kvm::abi::{
    CALLS, Call, Descriptor, KVM_S390_UCAS_MAP, KVM_SET_USER_MEMORY_REGION, KVM_SET_USER_MEMORY_REGION2,
};

use crate::ioctl_object::{Created, Object};

/// Memory for the arguments of calls.
const ARENA: usize = 1 << 16;
/// Memory that slots lie over; of the shortest length that a slot can have, a few times.
const GUEST: usize = 4 << 20;
/// Most objects of a kind.
const MOST: usize = 4;
/// Where slots put their host address and size.
const SLOT_SIZE: usize = 16;
const SLOT_HOST: usize = 24;

/// Takes choices from bytes; zeros when they are used up.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let n = N.min(self.0.len());
        out[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        out
    }

    fn byte(&mut self) -> u8 {
        let [byte] = self.take();
        byte
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn of<'b, T>(&mut self, list: &'b [T]) -> Option<&'b T> {
        if list.is_empty() { None } else { list.get(usize::from(self.byte()) % list.len()) }
    }
}

/// A client with all it has created.
struct Client {
    system: Object,
    vms: Vec<Arc<Object>>,
    vcpus: Vec<Arc<Object>>,
    devices: Vec<Arc<Object>>,
    /// What the watch kicks.
    running: Arc<Watch>,
    arena: Fenced,
    /// Last, so that it outlives the VMs.
    guest: MmapMut,
}

/// Memory with some around it that nobody can access: what a call writes beyond it would be this process's own, whose client
/// has asked for that.
struct Fenced {
    memory: MmapMut,
    length: usize,
}

/// The length of each fence; calls access memory upwards, so that they meet it wherever they begin.
const FENCE: usize = 1 << 20;

impl Fenced {
    fn new(length: usize) -> std::io::Result<Self> {
        let memory = MmapMut::map_anon(length + 2 * FENCE)?;
        for fence in [0, FENCE + length] {
            // SAFETY: a part of the mapping that nothing refers to.
            let result =
                unsafe { libc::mprotect(memory.as_ptr().add(fence).cast_mut().cast(), FENCE, libc::PROT_NONE) };
            if result != 0 {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(Self { memory, length })
    }
}

impl core::ops::Deref for Fenced {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[FENCE..FENCE + self.length]
    }
}

impl core::ops::DerefMut for Fenced {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[FENCE..FENCE + self.length]
    }
}

/// Ends runs that would not end by themselves.
#[derive(Default)]
struct Watch {
    running: Mutex<Option<Arc<Object>>>,
    end: AtomicBool,
}

impl Watch {
    fn kick_now_and_then(&self) {
        while !self.end.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_micros(300));
            if let Some(vcpu) = &*self.running.lock() {
                vcpu.kick();
            }
        }
    }
}

/// Makes the calls that `bytes` choose; returns how many there were.
///
/// # Errors
/// The host has no memory.
pub fn run_random_ioctls(bytes: &[u8]) -> std::io::Result<usize> {
    run(Object::default(), bytes)
}

/// As [`run_random_ioctls`], on descriptors: of the device node `node`, before which the preload library is to be.
///
/// # Errors
/// The host has no memory, or no such node.
pub fn run_random_ioctls_on(node: &Path, bytes: &[u8]) -> std::io::Result<usize> {
    run(Object::open(node)?, bytes)
}

fn run(system: Object, bytes: &[u8]) -> std::io::Result<usize> {
    let running = Arc::new(Watch::default());
    let mut client = Client {
        system,
        vms: Vec::new(),
        vcpus: Vec::new(),
        devices: Vec::new(),
        running: running.clone(),
        arena: Fenced::new(ARENA)?,
        guest: MmapMut::map_anon(GUEST)?,
    };
    let calls = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| running.kick_now_and_then());
        let mut choices = Choices(bytes);
        client.begin();
        assert!(client.vcpus.iter().any(|vcpu| vcpu.page().is_some()), "there is a vCPU, with its page");
        while !choices.0.is_empty() {
            client.step(&mut choices);
            calls.fetch_add(1, Ordering::Relaxed);
        }
        running.end.store(true, Ordering::Relaxed);
    });
    // vCPUs and devices hold their VM: all go before the memory that slots lie over.
    client.vcpus.clear();
    client.devices.clear();
    client.vms.clear();
    Ok(calls.into_inner())
}

impl Client {
    /// A VM with storage and a vCPU, so that most calls have something to work on.
    fn begin(&mut self) {
        let call = |name| CALLS.iter().find(|call: &&Call| call.name == name).map_or(0, |call| call.request);
        self.call_system(call("KVM_CREATE_VM"), 0);
        let host = self.guest.as_ptr().expose_provenance() as u64;
        for (at, value) in [0, 0, GUEST as u64 / 2, host].into_iter().enumerate() {
            self.arena[at * 8..at * 8 + 8].copy_from_slice(&value.to_ne_bytes());
        }
        let arena = self.arena.as_ptr().expose_provenance() as u64;
        self.call_vm(0, call("KVM_SET_USER_MEMORY_REGION"), arena);
        self.call_vm(0, call("KVM_CREATE_VCPU"), 0);
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let kind = choices.byte();
        match kind {
            // The client writes to a shared page, or to guest storage.
            0..8 => self.write_page(choices),
            8..16 => {
                let at = choices.number() as usize % (GUEST - 8);
                self.guest[at..at + 8].copy_from_slice(&choices.take::<8>());
            }
            // Objects go away, in any order.
            16 => drop(remove(&mut self.vcpus, choices)),
            17 => drop(remove(&mut self.vms, choices)),
            18 => drop(remove(&mut self.devices, choices)),
            // Another descriptor for the same.
            19 => {
                let list = [&mut self.vms, &mut self.vcpus, &mut self.devices];
                let Some(list) = list.into_iter().nth(usize::from(choices.byte() % 3)) else { return };
                if let Some(copy) = nth(list, usize::from(choices.byte())).and_then(|object| object.duplicate()) {
                    push(list, copy);
                }
            }
            _ => self.call(choices),
        }
    }

    fn write_page(&mut self, choices: &mut Choices<'_>) {
        let Some(vcpu) = choices.of(&self.vcpus) else { return };
        let Some(page) = vcpu.page() else { return };
        let at = usize::from(u16::from_le_bytes(choices.take())) % (4096 - 8);
        let value = interesting(choices, 0);
        // SAFETY: within the page, which lives as long as the vCPU; nobody runs it.
        unsafe { page.add(at).cast::<u64>().write_unaligned(value) };
    }

    fn call(&mut self, choices: &mut Choices<'_>) {
        let Some(call) = choices.of(CALLS) else { return };
        let any = choices.byte();
        // Sometimes a number that is nobody's, or the call on another kind of descriptor.
        let request = if any < 8 { choices.number() as u32 } else { call.request };
        let descriptor = match any {
            0..4 => Descriptor::System,
            4..8 => Descriptor::Vm,
            8..12 => Descriptor::Vcpu,
            12..16 => Descriptor::Device,
            _ => call.descriptor,
        };
        let argument = self.argument(call, choices);
        let index = usize::from(choices.byte());
        match descriptor {
            Descriptor::System => self.call_system(request, argument),
            Descriptor::Vm => self.call_vm(index, request, argument),
            Descriptor::Vcpu => {
                let Some(vcpu) = nth(&self.vcpus, index) else { return };
                let argument = if request == KVM_S390_UCAS_MAP { self.bound_mapping(argument) } else { argument };
                vcpu.about_to_run();
                *self.running.running.lock() = Some(vcpu.clone());
                // SAFETY: mappings are of memory that is unmapped after the vCPUs are gone.
                let created = unsafe { vcpu.call(request, argument) };
                *self.running.running.lock() = None;
                self.keep(created);
            }
            Descriptor::Device => {
                let Some(device) = nth(&self.devices, index) else { return };
                // SAFETY: devices use no memory but what is designated, which is ours.
                let created = unsafe { device.call(request, argument) };
                self.keep(created);
            }
        }
    }

    fn call_system(&mut self, request: u32, argument: u64) {
        // SAFETY: as for devices.
        let created = unsafe { self.system.call(request, argument) };
        self.keep(created);
    }

    fn call_vm(&mut self, index: usize, request: u32, argument: u64) {
        let Some(vm) = nth(&self.vms, index) else { return };
        if matches!(request, KVM_SET_USER_MEMORY_REGION | KVM_SET_USER_MEMORY_REGION2) {
            self.bound_slot(argument);
        }
        // SAFETY: slots lie over memory that is unmapped after the VMs are gone.
        let created = unsafe { vm.call(request, argument) };
        self.keep(created);
    }

    /// Makes a slot's memory a part of ours, if the argument is where we put arguments; its other values stay.
    fn bound_slot(&mut self, argument: u64) {
        let arena = self.arena.as_ptr().expose_provenance() as u64;
        let Some(at) = argument.checked_sub(arena).and_then(|at| usize::try_from(at).ok()) else { return };
        let mut put = |offset: usize, bound: &dyn Fn(u64) -> u64| {
            let Some(place) = self.arena.get_mut(at + offset..at + offset + 8) else { return };
            let value = u64::from_ne_bytes(place.try_into().unwrap_or_default());
            place.copy_from_slice(&bound(value).to_ne_bytes());
        };
        let half = GUEST as u64 / 2;
        let host = self.guest.as_ptr().expose_provenance() as u64;
        put(SLOT_SIZE, &|size| if size <= half { size } else { (size % half) & !0xf_ffff });
        put(SLOT_HOST, &|address| host + address % half);
    }

    /// Makes a mapping one of our memory; an argument that is elsewhere becomes one that nobody can read.
    fn bound_mapping(&mut self, argument: u64) -> u64 {
        const SEGMENT: u64 = 1 << 20;
        let arena = self.arena.as_ptr().expose_provenance() as u64;
        let at = usize::try_from(argument.wrapping_sub(arena)).unwrap_or(usize::MAX);
        let Some(mapping) = at.checked_add(24).and_then(|end| self.arena.get_mut(at..end)) else { return 8 };
        let host = (self.guest.as_ptr().expose_provenance() as u64).next_multiple_of(SEGMENT);
        mapping[..8].copy_from_slice(&host.to_ne_bytes());
        // Most of what is asked for is no address of a segment.
        let mut round = |at: usize, bound: u64| {
            let place = &mut mapping[at..at + 8];
            let value = (u64::from_ne_bytes(place.try_into().unwrap_or_default()) % (8 * bound)) & !(SEGMENT - 1);
            place.copy_from_slice(&value.min(bound).to_ne_bytes());
        };
        round(8, 1 << 32);
        round(16, 2 * SEGMENT);
        argument
    }

    /// What goes with a call: an address with something there, a bad address, or a value.
    fn argument(&mut self, call: &Call, choices: &mut Choices<'_>) -> u64 {
        let arena = self.arena.as_ptr().expose_provenance() as u64;
        if call.argument == "value" {
            return interesting(choices, arena) & u64::MAX >> (choices.byte() % 64);
        }
        match choices.byte() {
            0..8 => return interesting(choices, arena),
            // The end of the arena: half of the object may be beyond.
            8..12 => return arena + ARENA as u64 - 16,
            _ => {}
        }
        let at = usize::from(choices.byte()) * 64;
        for n in 0..usize::from(choices.byte() % 16) {
            let value = interesting(choices, arena);
            self.arena[at + n * 8..at + n * 8 + 8].copy_from_slice(&value.to_ne_bytes());
        }
        arena + at as u64
    }

    fn keep(&mut self, created: Option<Created>) {
        match created {
            Some(Created::Vm(vm)) => push(&mut self.vms, vm),
            Some(Created::Vcpu(vcpu)) => push(&mut self.vcpus, vcpu),
            Some(Created::Device(device)) => push(&mut self.devices, device),
            None => {}
        }
    }
}

/// A value of the kinds that matter: small numbers, addresses, types and flags, anything.
fn interesting(choices: &mut Choices<'_>, arena: u64) -> u64 {
    const NUMBERS: [u64; 16] = [
        0,
        1,
        u64::MAX,
        1 << 63,
        0xfffe_0000,
        0xfffe_0001,
        0xfffe_1000,
        0xffff_1201,
        0xffff_2401,
        0x5030_0000_0000_0003,
        0x0000_0001_0000_0000,
        0x10_0000,
        0x1000,
        0x0000_0048_0000_0000,
        0x0000_0008_0000_0001,
        72,
    ];
    match choices.byte() {
        0..64 => choices.of(&NUMBERS).copied().unwrap_or_default(),
        64..112 => arena + u64::from(choices.byte()) * 64,
        112..160 => choices.byte().into(),
        160..200 => u64::from(choices.byte()) << 12 | u64::from(choices.byte()),
        // Two words.
        200..230 => u64::from(choices.byte()) << 32 | u64::from(choices.byte()),
        _ => choices.number(),
    }
}

fn nth<T: Clone>(list: &[T], index: usize) -> Option<T> {
    if list.is_empty() { None } else { list.get(index % list.len()).cloned() }
}

fn push<T>(list: &mut Vec<T>, new: T) {
    if list.len() == MOST {
        list.remove(0);
    }
    list.push(new);
}

fn remove<T>(list: &mut Vec<T>, choices: &mut Choices<'_>) -> Option<T> {
    if list.is_empty() { None } else { Some(list.remove(usize::from(choices.byte()) % list.len())) }
}
