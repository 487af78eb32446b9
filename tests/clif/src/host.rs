//! Running a function on the host itself.
//! Source: Cranelift's System V calling convention: the address of the buffer is the only argument.

use memmap2::MmapMut;

use crate::buffer::Buffer;

/// Calls `code` with the buffer.
///
/// # Errors
/// No memory for the code.
pub fn run(code: &[u8], buffer: &mut Buffer) -> Result<(), String> {
    let told = |e: std::io::Error| format!("no memory for code: {e}");
    let mut memory = MmapMut::map_anon(code.len()).map_err(told)?;
    memory[..code.len()].copy_from_slice(code);
    let memory = memory.make_exec().map_err(told)?;
    // SAFETY: a whole function of the host's calling convention, compiled from verified IR that accesses nothing but the
    // buffer it is given, within bounds; the mapping lives until it has returned.
    let function = unsafe { std::mem::transmute::<*const u8, extern "C" fn(*mut u8)>(memory.as_ptr()) };
    function(buffer.0.as_mut_ptr());
    Ok(())
}
