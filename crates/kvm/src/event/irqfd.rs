//! irqfd: an event of the client that triggers a route. A thread waits for all events of a VM.
//! Truth: Linux 6.12 virt/kvm/eventfd.c (kvm_irqfd).

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use softsie_sie::without_signals;

use super::eventfd::Eventfd;
use crate::abi::*;
use crate::vm::Vm;
use crate::{Errno, Result};

/// The events of a VM.
#[derive(Debug, Default)]
pub(crate) struct IrqEvents(Mutex<Option<Arc<Waiter>>>);

impl Drop for IrqEvents {
    fn drop(&mut self) {
        if let Some(waiter) = self.0.get_mut() {
            waiter.end.signal();
        }
    }
}

/// What the thread and the VM share.
#[derive(Debug)]
struct Waiter {
    epoll: OwnedFd,
    /// Signalled when the VM is gone.
    end: Eventfd,
    events: Mutex<Events>,
}

#[derive(Debug, Default)]
struct Events {
    list: Vec<IrqEvent>,
    last: u64,
}

#[derive(Debug)]
struct IrqEvent {
    /// By what the thread finds it.
    key: u64,
    eventfd: Eventfd,
    gsi: u32,
    /// To be signalled when the guest has acknowledged a level, which it cannot do: there are no levels.
    _resample: Option<Eventfd>,
}

/// The key of [`Waiter::end`].
const END: u64 = 0;

impl Waiter {
    /// Starts the thread.
    fn start(vm: &Arc<Vm>) -> Result<Arc<Self>> {
        // SAFETY: makes a new descriptor, and touches no memory.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(Errno::EMFILE);
        }
        // SAFETY: the kernel has just made the descriptor for us.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        let waiter = Arc::new(Self { epoll, end: Eventfd::new()?, events: Mutex::default() });
        waiter.watch(&waiter.end, END)?;
        let (vm, thread) = (Arc::downgrade(vm), waiter.clone());
        let spawn = || std::thread::Builder::new().name("softsie-irqfd".to_owned()).spawn(move || thread.wait(&vm));
        without_signals(spawn).map_err(|_| Errno::EAGAIN)?;
        Ok(waiter)
    }

    fn watch(&self, event: &Eventfd, key: u64) -> Result<()> {
        let mut what = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET).cast_unsigned(), u64: key };
        // SAFETY: the descriptors are open, and the struct is there for the call.
        let done =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, event.number(), &raw mut what) };
        if done == 0 { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    fn wait(&self, vm: &Weak<Vm>) {
        let mut ready = [libc::epoll_event { events: 0, u64: 0 }; 16];
        loop {
            // SAFETY: there is room for as many events as are asked for.
            let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), ready.as_mut_ptr(), ready.len() as i32, -1) };
            for event in &ready[..usize::try_from(count).unwrap_or(0)] {
                let key = event.u64;
                let gsi = {
                    let events = self.events.lock();
                    events.list.iter().find(|event| event.key == key).map(|event| {
                        event.eventfd.take();
                        event.gsi
                    })
                };
                let Some(vm) = vm.upgrade() else { return };
                if let Some(gsi) = gsi {
                    vm.trigger(gsi);
                }
            }
        }
    }
}

impl Vm {
    /// KVM_IRQFD.
    pub fn irqfd(self: &Arc<Self>, request: &kvm_irqfd) -> Result<()> {
        if request.flags & !(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE) != 0 {
            return Err(Errno::EINVAL);
        }
        let eventfd = Eventfd::of_client(request.fd.cast_signed())?;
        let mut waiter = self.irq_events.0.lock();
        if request.flags & KVM_IRQFD_FLAG_DEASSIGN != 0 {
            if let Some(waiter) = &*waiter {
                let mut events = waiter.events.lock();
                events.list.retain(|event| {
                    let gone = event.gsi == request.gsi && event.eventfd == eventfd;
                    if gone {
                        waiter.forget(&event.eventfd);
                    }
                    !gone
                });
            }
            return Ok(());
        }
        let resample = if request.flags & KVM_IRQFD_FLAG_RESAMPLE != 0 {
            Some(Eventfd::of_client(request.resamplefd.cast_signed())?)
        } else {
            None
        };
        let waiter = match &*waiter {
            Some(waiter) => waiter.clone(),
            None => waiter.insert(Waiter::start(self)?).clone(),
        };
        let mut events = waiter.events.lock();
        if events.list.iter().any(|event| event.eventfd == eventfd) {
            return Err(Errno::EBUSY);
        }
        events.last += 1;
        let key = events.last;
        // An event that has occurred already is seen at once.
        waiter.watch(&eventfd, key)?;
        events.list.push(IrqEvent { key, eventfd, gsi: request.gsi, _resample: resample });
        Ok(())
    }
}

impl Waiter {
    fn forget(&self, event: &Eventfd) {
        // SAFETY: the descriptors are open; no event is passed.
        unsafe {
            libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_DEL, event.number(), core::ptr::null_mut());
        }
    }
}
