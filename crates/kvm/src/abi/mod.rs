//! The binary interface of KVM for s390: Linux's struct names, layouts and numbers, in host byte order.
//! Truth: Linux 6.12 uapi headers, measured by compiling them; sizes and offsets are asserted here at compile time.

mod constants;
mod interrupt;
mod plain;
mod registers;
mod requests;
mod run;
mod vm;

pub use constants::*;
pub use interrupt::*;
pub use plain::Plain;
pub use registers::*;
pub use requests::*;
pub use run::*;
pub use vm::*;

/// Asserts a struct's size and the offsets of its members.
macro_rules! layout {
    ($ty:ty, $size:literal $(, $($field:ident).+ @ $offset:literal)* $(,)?) => {
        const _: () = {
            assert!(size_of::<$ty>() == $size);
            $(assert!(core::mem::offset_of!($ty, $($field).+) == $offset);)*
        };
    };
}
use layout;
