//! Functions to machine code: for this host, and for models of s390x.
//! Source: Cranelift 0.135.8.

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::{OwnedTargetIsa, TargetFrontendConfig};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CodegenError, Context, isa};

/// Code for both machines comes from these: the host, then s390x models with and without optimisation.
pub struct Compilers {
    host: OwnedTargetIsa,
    guests: Vec<OwnedTargetIsa>,
    context: Context,
}

/// Why there is no code.
#[derive(Debug)]
pub enum Refused {
    /// The back end does not have an operation; its words.
    Unsupported(String),
    /// It is not position-independent: it calls a library.
    Library,
    /// The function is wrong: a mistake of the generator.
    Wrong(String),
}

fn target(triple: &str, level: &str, features: &[&str]) -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", level),
        ("enable_verifier", "true"),
        // The bits of a NaN are otherwise the machine's choice.
        ("enable_nan_canonicalization", "true"),
        ("unwind_info", "false"),
        ("enable_probestack", "false"),
    ] {
        flags.set(name, value).map_err(|e| e.to_string())?;
    }
    let mut builder = isa::lookup_by_name(triple).map_err(|e| e.to_string())?;
    for feature in features {
        builder.enable(feature).map_err(|e| e.to_string())?;
    }
    builder.finish(settings::Flags::new(flags)).map_err(|e| e.to_string())
}

impl Compilers {
    /// Prepares them.
    ///
    /// # Errors
    /// The host has no code generator.
    pub fn new() -> Result<Compilers, String> {
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let host = target(&triple, "none", &softsie_jit::host_features())?;
        let mut guests = Vec::new();
        for level in ["speed", "none"] {
            // Vector enhancements 3, the rest of arch15, are not in softsie yet.
            for features in [&[][..], &["arch13"], &["arch13", "has_mie4"]] {
                guests.push(target("s390x-unknown-linux-gnu", level, features)?);
            }
        }
        Ok(Compilers { host, guests, context: Context::new() })
    }

    /// What the builder of functions must know.
    pub fn frontend(&self) -> TargetFrontendConfig {
        self.host.frontend_config()
    }

    /// How many ways there are to compile for s390x.
    pub fn guests(&self) -> usize {
        self.guests.len()
    }

    /// Code for the host.
    ///
    /// # Errors
    /// Why there is none.
    pub fn host(&mut self, function: &Function) -> Result<Vec<u8>, Refused> {
        compile(&mut self.context, &self.host, function)
    }

    /// Code for s390x.
    ///
    /// # Errors
    /// Why there is none.
    pub fn guest(&mut self, function: &Function, number: usize) -> Result<Vec<u8>, Refused> {
        compile(&mut self.context, &self.guests[number % self.guests.len()], function)
    }
}

fn compile(context: &mut Context, isa: &OwnedTargetIsa, function: &Function) -> Result<Vec<u8>, Refused> {
    context.clear();
    context.func = function.clone();
    let code = context.compile(&**isa, &mut ControlPlane::default()).map_err(|e| match e.inner {
        CodegenError::Unsupported(what) => Refused::Unsupported(what),
        other => Refused::Wrong(format!("{other:?}")),
    })?;
    if code.buffer.relocs().is_empty() { Ok(code.code_buffer().to_vec()) } else { Err(Refused::Library) }
}
