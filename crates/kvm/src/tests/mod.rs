//! Unit tests of the interface's objects: results and errors of the calls, delivery of interrupts, completion of
//! interceptions made by hand. Truth: the interface's reference and the Principles of Operation.

mod calls;
mod debug;
mod delivery;
mod guarded_storage;
mod host_fault;
mod instructions;
mod ioctls;
mod machine;
mod machine_check;
mod per;
mod priority;
mod reset;
mod running;
mod sigp;
mod storm;
mod stress;
mod timing;
