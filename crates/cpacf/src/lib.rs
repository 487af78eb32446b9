//! The cryptography of the message-security assist (CPACF): what its functions compute on parameter blocks and data that the
//! caller has fetched. Pure functions: no storage, no registers, no condition codes.
//! Truth: Principles of Operation, chapters 7 and 10 (function codes, parameter blocks), and the standards named in each file.

pub mod cipher;
pub mod digest;
pub mod eddsa;
pub mod edwards;
pub mod functions;
pub mod gcm;
pub mod modes;
pub mod nist;
pub mod random;
pub mod wrapping;

pub use cipher::{Decryptor, Encryptor, Kind};

/// Why there is no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Something in the parameter block is out of range or not on the curve.
    Invalid,
    /// There is none: another signature, a random number that does not serve, the point at infinity.
    NoResult,
}
