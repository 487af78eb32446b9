//! Neural-network processing assist: numbers of NNP data type 1, tensors in their layouts, and the functions that
//! NEURAL NETWORK PROCESSING ASSIST does on them.
//!
//! Truth: Principles of Operation, chapter 26, as far as IBM's library zDNN shows what it says: parameter block, layouts,
//! response codes and requirements are those of zDNN (`zdnn_private.h`, `stickify.c`, `tensor_verify.c`, its manual). Sums of
//! products are made in 32-bit floating point, everything else in 64 bits; the architecture leaves accuracy to the model.
//! This crate knows no CPU: storage comes as a [`Memory`], and work is done in units, so that whoever calls may stop between them.

mod activation;
mod data_type;
mod matrix;
mod pooling;
mod query;
mod request;
mod tensor;
mod unit;

pub use data_type::{Exception, NINF, from_f32, from_tiny, to_f32, to_tiny};
pub use query::{QUERY_LENGTH, is_installed, query};
pub use request::{BLOCK_LENGTH, Refusal, Request};
pub use tensor::Memory;
pub use unit::{Rows, Work};
