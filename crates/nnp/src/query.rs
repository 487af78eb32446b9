//! What the query function tells: functions, types, layouts and sizes that are there.
//! Truth: zDNN, `nnpa_qaf_parameter_block`; what z16 answers but for the largest tensor, which is smaller here: a tensor is
//! held in the host's memory while it is worked on.

use crate::request::Function;

/// Bytes of the answer.
pub const QUERY_LENGTH: usize = 256;

/// Largest index size of a dimension.
pub(crate) const LARGEST_DIMENSION: u32 = 32_768;
/// Largest tensor in bytes.
pub(crate) const LARGEST_TENSOR: u64 = 128 << 20;

/// Whether there is a function; the query is one.
pub fn is_installed(code: u8) -> bool {
    code == 0 || Function::of(code).is_some()
}

/// The answer.
pub fn query() -> [u8; QUERY_LENGTH] {
    let mut answer = [0; QUERY_LENGTH];
    for code in (0..=255).filter(|code| is_installed(*code)) {
        answer[usize::from(code) / 8] |= 0x80 >> (code % 8);
    }
    // Parameter-block format 0, data type 0, layouts 0 and 1, conversions from and to tiny and short BFP.
    answer[32] = 0x80;
    answer[48] = 0x80;
    answer[52] = 0xC0;
    answer[60..64].copy_from_slice(&LARGEST_DIMENSION.to_be_bytes());
    answer[64..72].copy_from_slice(&LARGEST_TENSOR.to_be_bytes());
    answer[72] = 0x60;
    answer
}
