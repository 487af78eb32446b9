//! libsoftsie_kvm.so: a library for LD_PRELOAD by which a program that opens /dev/kvm, speaks the s390 KVM API and expects
//! a mainframe gets softsie. Descriptors are real ones (files in memory); what has none of ours is left to the C library.
//! May depend on `kvm` only. Truth: ld.so(8), open(2), ioctl(2), signal(7), fork(2), and what Linux's KVM does.
//!
//! Rules that the files here keep:
//! - a real /dev/kvm of the host is never opened, and a descriptor that is not ours is never touched;
//! - while a thread is in our code (`inside`), the client's signal handlers do not run: they run when the call is over, as
//!   with a system call. So no handler can find one of our locks held by the thread that it interrupts;
//! - our memory comes from an allocator of our own, so that a handler that interrupted the client's allocator may call us;
//! - after a fork the child's VMs, vCPUs and devices answer EIO, as Linux answers another process.

mod allocator;
mod byte_order;
mod call;
mod descriptor;
mod device_node;
mod direct;
mod fork;
mod inside;
mod interpose;
mod next;
mod object;
mod signals;

pub(crate) use allocator::Private;

/// All memory of this library.
#[cfg_attr(not(feature = "system-allocator"), global_allocator)]
static MEMORY: Private = Private::new();
