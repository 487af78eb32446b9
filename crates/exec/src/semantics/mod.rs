//! Where the semantics of each instruction are: one file an idea, each with a `semantics!` table from mnemonic to function.
//! A mnemonic in none of the tables is not implemented and gives an operation exception.
//! Source: Principles of Operation, chapters 7 (General) onwards; each file names its chapter.

use softsie_cpu::{Cpu, Exit, Handler, ProgramCode};
use softsie_isa::{Op, Operands};

use crate::machine::Machine;

/// A simple instruction over an engine.
pub type Simple<M> = fn(&mut M, &Operands) -> Result<(), Exit>;

/// Declares a file's instructions. `simple` ones are generic functions, `AR => add[u32]` stands for `add::<M, u32>`; `heavy`
/// ones are functions on the CPU.
macro_rules! semantics {
    (simple { $($s:ident => $sf:ident $([$($g:tt)*])?),* $(,)? } heavy { $($h:ident => $hf:ident $([$($hg:tt)*])?),* $(,)? }) => {
        /// The simple instructions of this file.
        #[allow(unreachable_code)] // of a file that has none
        pub(crate) fn simple<M: $crate::machine::Machine>(op: softsie_isa::Op) -> Option<$crate::semantics::Simple<M>> {
            Some(match op {
                $(softsie_isa::Op::$s => $sf::<M, $($($g)*)?>,)*
                _ => return None,
            })
        }

        /// The heavy instructions of this file.
        #[allow(unreachable_code)]
        pub(crate) fn heavy(op: softsie_isa::Op) -> Option<softsie_cpu::Handler> {
            Some(match op {
                $(softsie_isa::Op::$h => $crate::semantics::ordered!($hf $(::<$($hg)*>)?),)*
                _ => return None,
            })
        }
    };
}

/// A heavy instruction, which may fetch and store by the host's own routines: what follows it comes after its fetches.
#[cfg(target_arch = "aarch64")]
macro_rules! ordered {
    ($f:expr) => {
        |cpu, operands| {
            let result = $f(cpu, operands);
            softsie_cpu::order::after_fetch();
            result
        }
    };
}

/// A heavy instruction: the host keeps the order of its accesses.
#[cfg(not(target_arch = "aarch64"))]
macro_rules! ordered {
    ($f:expr) => {
        $f
    };
}

pub(crate) use ordered;

/// The list of files: everything that asks all of them is made from it.
macro_rules! files {
    ($($file:ident),* $(,)?) => {
        $(pub(crate) mod $file;)*

        /// The semantics of a simple instruction for an engine.
        pub fn simple<M: Machine>(op: Op) -> Option<Simple<M>> {
            None$(.or_else(|| $file::simple::<M>(op)))*
        }

        /// The function of a heavy instruction.
        pub fn heavy(op: Op) -> Option<Handler> {
            None$(.or_else(|| $file::heavy(op)))*
        }
    };
}

mod authority;
mod cpacf;
pub(crate) mod interlocked;
pub mod lanes;
mod operation;
mod packed;
mod register_pair;
mod space_switch;
pub(crate) mod trace_entries;
mod vector_form;

pub(crate) use guarded_storage::guard;
pub use softsie_deflate::parameters::AVAILABLE as DEFLATE_FUNCTIONS;
pub use storage_to_storage::storage_operation;
pub use timing_facility::{TIMING_FUNCTIONS, function as timing_function};

files! {
    access_register,
    activity_counters,
    add_subtract,
    address_spaces,
    addressing_mode,
    asn_parameters,
    bfp,
    bfp_convert,
    bits,
    branch,
    branch_authority,
    checksum,
    clocks,
    codewords,
    compare,
    compare_swap,
    compression_call,
    conditional,
    control_registers,
    convert_decimal,
    cpu_counters,
    cpu_sampling,
    cpacf_authenticate,
    cpacf_cipher,
    cpacf_digest,
    cpacf_compute,
    cpacf_random,
    cpacf_sign,
    dat_control,
    decimal,
    deflate,
    dfp,
    dfp_convert,
    dfp_decimal,
    execute,
    expanded_storage,
    fp_control,
    fp_radix,
    fp_support,
    guarded_storage,
    hfp,
    hfp_convert,
    high_word,
    hint,
    host_instructions,
    insert_test,
    linkage_stack,
    load_store,
    load_store_multiple,
    locked_operation,
    logical,
    machine_facts,
    monitor,
    nnpa,
    move_compare_long,
    move_with_key,
    multiply_divide,
    pack,
    pfpo,
    program_call,
    program_transfer,
    psw_control,
    real_address,
    resume_program,
    rotate_select,
    shift,
    sort_lists,
    storage_keys,
    storage_to_storage,
    storage_update,
    store_clock,
    string,
    timing_facility,
    translate,
    trace_instructions,
    transactional,
    trap,
    trap_program,
    unicode,
    vector_compare,
    vector_decimal,
    vector_decimal_hfp,
    vector_divide,
    vector_evaluate,
    vector_fp,
    vector_fp_convert,
    vector_integer,
    vector_load_store,
    vector_multiply,
    vector_nnp,
    vector_permute,
    vector_shift,
    vector_string,
    vector_zoned,
}

/// Whether an instruction has semantics.
pub fn is_implemented(op: Op) -> bool {
    simple::<Cpu>(op).is_some() || heavy(op).is_some()
}

/// Whether a model can have facility `facility`: every instruction that needs it is implemented.
pub fn facility_is_complete(facility: u16) -> bool {
    softsie_isa::ROWS.iter().filter(|r| r.facilities.contains(&facility)).all(|r| is_implemented(r.op))
}

/// The handler of instructions without semantics.
pub(crate) fn operation_exception(_: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    Err(Exit::OPERATION)
}

/// A data exception with data-exception code `dxc`, which goes to the FPC too when AFP registers are available.
pub(crate) fn data_exception(cpu: &mut Cpu, dxc: u8) -> Exit {
    cpu.program.dxc = dxc;
    if cpu.cr0().contains(softsie_cpu::Cr0::AFP_REGISTER) && cpu.transaction.reports_data_exceptions() {
        cpu.fpc = cpu.fpc & !0xFF00 | u32::from(dxc) << 8;
    }
    Exit::Program(ProgramCode::DATA)
}
