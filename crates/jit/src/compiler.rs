//! Cranelift set up for this host, and functions compiled to bytes.
//! Source: Cranelift 0.135.8; the settings' reasons are in docs/engine-pattern.md.

use std::io;
use std::ops::Range;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, isa, verify_function};
use cranelift_frontend::FunctionBuilderContext;
use thiserror::Error;

use crate::build::{bridge, build};
use crate::chain::{chain, enter};
use crate::region::Plan;
#[cfg(target_arch = "x86_64")]
use crate::region::Style;

/// Why there is no engine, or no code.
#[derive(Debug, Error)]
pub enum Error {
    /// The host is not one that code can be made for.
    #[error("no code generator for this host: {0}; run with the interpreter")]
    Host(String),
    /// No executable memory.
    #[error("cannot map memory for code: {0}; run with the interpreter")]
    Memory(#[from] io::Error),
    /// Cranelift refused a function.
    #[error("cannot compile a region: {0}")]
    Compile(String),
}

/// The convention by which regions are entered and go on in others, in place of the one for tail calls: that would have every
/// region save and restore the registers that the host's functions preserve, of which no region expects anything. This one
/// preserves none, and has everything else in common with it. Cranelift makes tail calls in it, though its verifier, which
/// looks at functions before, and an assertion, which is off in every profile, know of no use for them.
const REGIONS: CallConv = if cfg!(target_arch = "x86_64") { CallConv::Winch } else { CallConv::Tail };

/// How much the compiler does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Optimization {
    /// Register allocation only: nearly the same speed at two thirds of the compile time.
    None,
    /// Mid-end optimisation as well, for the hottest code.
    Speed,
}

/// Code, the same as text, and which bytes belong to which source location.
pub(crate) struct Annotated {
    pub(crate) code: Vec<u8>,
    pub(crate) assembly: String,
    pub(crate) places: Vec<(Range<usize>, u64)>,
}

/// A compiler for one thread.
pub(crate) struct Compiler {
    isa: OwnedTargetIsa,
    context: Context,
    functions: FunctionBuilderContext,
    #[cfg(target_arch = "x86_64")]
    drafter: crate::draft::Drafter,
}

impl Compiler {
    pub(crate) fn new(optimization: Optimization) -> Result<Compiler, Error> {
        let host = |e: &dyn std::fmt::Display| Error::Host(e.to_string());
        let mut flags = settings::builder();
        let level = if optimization == Optimization::Speed { "speed" } else { "none" };
        for (name, value) in [
            ("opt_level", level),
            ("regalloc_algorithm", "backtracking"),
            ("enable_verifier", "false"),
            // Guest storage and the attention word change under code: a load is never the same as an earlier one.
            ("enable_alias_analysis", "false"),
            ("unwind_info", "false"),
            ("enable_probestack", "false"),
            // Tail calls need them.
            ("preserve_frame_pointers", "true"),
        ] {
            flags.set(name, value).map_err(|e| host(&e))?;
        }
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut builder = isa::lookup_by_name(&triple).map_err(|e| host(&e))?;
        for feature in host_features() {
            builder.enable(feature).map_err(|e| host(&e))?;
        }
        let isa = builder.finish(settings::Flags::new(flags)).map_err(|e| host(&e))?;
        Ok(Compiler {
            isa,
            context: Context::new(),
            functions: FunctionBuilderContext::new(),
            #[cfg(target_arch = "x86_64")]
            drafter: crate::draft::Drafter::default(),
        })
    }

    /// What its code depends on besides what it is made from.
    pub(crate) fn identity(&self) -> String {
        let target: Vec<String> = self.isa.isa_flags().iter().map(ToString::to_string).collect();
        format!("{} {} {}", self.isa.triple(), self.isa.flags(), target.join(" "))
    }

    /// The code of a region, and whether it is a draft. It needs no relocation.
    pub(crate) fn compile(&mut self, plan: &Plan) -> Result<(&[u8], bool), Error> {
        self.context.clear();
        build(plan, &mut self.context.func, &mut self.functions, &*self.isa).map_err(Error::Compile)?;
        #[cfg(target_arch = "x86_64")]
        if plan.style == Style::Quick && self.drafter.compile(&self.context.func).is_some() {
            return Ok((self.drafter.code(), true));
        }
        Ok((self.code()?, false))
    }

    /// The code of the bridge to a thunk.
    pub(crate) fn compile_bridge(&mut self, thunk: usize) -> Result<&[u8], Error> {
        self.context.clear();
        bridge(thunk, &mut self.context.func, &mut self.functions, &*self.isa);
        self.code()
    }

    /// The code of the function by which Rust enters regions.
    pub(crate) fn compile_enter(&mut self) -> Result<&[u8], Error> {
        self.context.clear();
        enter(&mut self.context.func, &mut self.functions, &*self.isa);
        self.code()
    }

    /// The code of the function by which regions go on in others.
    pub(crate) fn compile_chain(&mut self) -> Result<&[u8], Error> {
        self.context.clear();
        chain(&mut self.context.func, &mut self.functions, &*self.isa);
        self.code()
    }

    fn code(&mut self) -> Result<&[u8], Error> {
        let function = &mut self.context.func;
        if cfg!(debug_assertions) {
            verify_function(function, &*self.isa).map_err(|e| Error::Compile(e.to_string()))?;
        }
        let Function { stencil, .. } = function;
        let all = stencil.dfg.signatures.values_mut().chain([&mut stencil.signature]);
        for signature in all.filter(|s| s.call_conv == CallConv::Tail) {
            signature.call_conv = REGIONS;
        }
        let code = self
            .context
            .compile(&*self.isa, &mut ControlPlane::default())
            .map_err(|e| Error::Compile(format!("{:?}", e.inner)))?;
        if !code.buffer.relocs().is_empty() {
            return Err(Error::Compile("the code has relocations".to_owned()));
        }
        Ok(code.code_buffer())
    }

    /// The code of a region with what it is made of, for people.
    pub(crate) fn annotated(&mut self, plan: &Plan) -> Result<Annotated, Error> {
        self.context.clear();
        self.context.set_disasm(true);
        build(plan, &mut self.context.func, &mut self.functions, &*self.isa).map_err(Error::Compile)?;
        #[cfg(target_arch = "x86_64")]
        if plan.style == Style::Quick
            && let Some(places) = self.drafter.annotated(&self.context.func)
        {
            self.context.set_disasm(false);
            let code = self.drafter.code().to_vec();
            let assembly = format!("a draft, which has no text: {code:02x?}");
            return Ok(Annotated { code, assembly, places });
        }
        let code = self.code()?.to_vec();
        let compiled = self.context.compiled_code();
        let assembly = compiled.and_then(|c| c.vcode.clone()).unwrap_or_default();
        let places = compiled.map(|c| c.buffer.get_srclocs_sorted()).unwrap_or_default();
        let places = places.iter().map(|p| (p.start as usize..p.end as usize, u64::from(p.loc.bits()))).collect();
        self.context.set_disasm(false);
        Ok(Annotated { code, assembly, places })
    }

    /// The IR of a region, for people.
    pub(crate) fn ir(&mut self, plan: &Plan) -> Result<String, Error> {
        self.context.clear();
        build(plan, &mut self.context.func, &mut self.functions, &*self.isa).map_err(Error::Compile)?;
        Ok(self.context.func.display().to_string())
    }
}

/// Cranelift's names of what this host's CPU has beyond the least: settings of the target.
#[cfg(target_arch = "x86_64")]
pub fn host_features() -> Vec<&'static str> {
    macro_rules! present {
        ($($feature:tt => $setting:literal),*) => {
            [$((std::arch::is_x86_feature_detected!($feature), $setting)),*]
        };
    }
    let all = present!(
        "sse3" => "has_sse3", "ssse3" => "has_ssse3", "cmpxchg16b" => "has_cmpxchg16b", "sse4.1" => "has_sse41",
        "sse4.2" => "has_sse42", "popcnt" => "has_popcnt", "avx" => "has_avx", "avx2" => "has_avx2", "fma" => "has_fma",
        "bmi1" => "has_bmi1", "bmi2" => "has_bmi2", "lzcnt" => "has_lzcnt"
    );
    all.into_iter().filter(|(there, _)| *there).map(|(_, setting)| setting).collect()
}

/// Cranelift's names of what this host's CPU has beyond the least: settings of the target.
#[cfg(target_arch = "aarch64")]
pub fn host_features() -> Vec<&'static str> {
    if std::arch::is_aarch64_feature_detected!("lse") { vec!["has_lse"] } else { Vec::new() }
}
