//! Support for tests that cross crates: a bare CPU with storage, and case files.
//! Case files are described in `cases/README.md`; their expected values come from the Principles of Operation.

mod bare;
mod case;
mod check;
pub mod coverage;
pub mod differential;
mod disassembly;
mod hostile;
mod hostile_state;
mod ioctl_object;
mod ioctls;
mod multi;
mod python;
mod ran;
mod rows;
mod serializing;
mod translated;

pub use bare::{Bare, Step};
pub use case::{Case, Kind, parse};
pub use check::{build_tables, check, check_with};
pub use disassembly::expect_same_disassembly;
pub use hostile::run_hostile_guest;
pub use hostile_state::run_hostile_state_description;
pub use ioctls::{run_random_ioctls, run_random_ioctls_on};
pub use multi::{By, End, Multi, cpu_counts, rounds};
pub use python::{Python, cases, compared};
pub use ran::Ran;
pub use rows::Rows;
pub use serializing::{SERIALIZING, Serializing};
pub use translated::{DAT_ON, ENTRY, FRAME, with_tables};
