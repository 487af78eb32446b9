//! Error numbers of the KVM calls, with the values every Linux architecture of ours shares (asm-generic).
//! Truth: Linux uapi errno-base.h and errno.h.

/// A Linux error number, as KVM's ioctls return it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        impl Errno {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// The symbolic name, or `E?`.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($value => stringify!($name),)*
                    _ => "E?",
                }
            }
        }
    };
}

errnos! {
    /// Operation not permitted.
    EPERM = 1;
    /// No such object.
    ENOENT = 2;
    /// Interrupted by a signal or a request to leave.
    EINTR = 4;
    /// Input or output failed.
    EIO = 5;
    /// Argument list too big.
    E2BIG = 7;
    /// Not a usable file descriptor.
    EBADF = 9;
    /// Try again.
    EAGAIN = 11;
    /// Out of memory.
    ENOMEM = 12;
    /// Bad address.
    EFAULT = 14;
    /// In use.
    EBUSY = 16;
    /// Exists already.
    EEXIST = 17;
    /// No such device.
    ENODEV = 19;
    /// Invalid argument.
    EINVAL = 22;
    /// Too many open files.
    EMFILE = 24;
    /// Unknown ioctl for this object.
    ENOTTY = 25;
    /// Function not implemented.
    ENOSYS = 38;
    /// No such attribute, state or device address.
    ENXIO = 6;
    /// Not supported.
    EOPNOTSUPP = 95;
    /// Buffer too small.
    ENOBUFS = 105;
}

impl core::fmt::Debug for Errno {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

impl core::fmt::Display for Errno {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} (errno {})", self.name(), self.0)
    }
}

impl core::error::Error for Errno {}

/// What a KVM call returns.
pub type Result<T> = core::result::Result<T, Errno>;
