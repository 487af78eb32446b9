//! The interpreter: runs decoded straight-line code, follows branches, takes program interruptions.
//! Source: Principles of Operation, chapter 5, Program Execution; chapter 6, Program Interruption.

use std::sync::OnceLock;
use std::sync::atomic::{Ordering, fence};

use softsie_cpu::{
    Abort, Attention, Cpu, Cr0, Decoded, Dispatch, Exit, Handler, InterceptedInstructions, Lowcore, Model, ProgramCode,
    PswMask, intervention,
};
use softsie_isa::{Op, Operands, ROWS};

use crate::semantics;
use crate::semantics::trace_entries::use_traced_semantics;
use crate::tier::{Arrival, NoTier, Tier};
use crate::transaction;

/// Why [`run`] returned. The PSW is complete, and its address is that of the next instruction to execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Attention was raised with [`Attention::HOST`] or [`Attention::INTERVENTION`]; the bits are still raised.
    Attention,
    /// The current PSW is a wait PSW.
    Wait,
    /// A timer interruption is pending and enabled.
    Timer,
    /// The PSW allows a kind of interruption for which [`softsie_cpu::Interceptions::when_enabled`] asks.
    Enabled,
    /// An instruction for the host to complete. The PSW is past it.
    Instruction {
        /// Instruction text, left aligned; of the target when executed by EXECUTE.
        text: u64,
        /// Length of the EXECUTE-type instruction, 0 when there was none.
        execute_length: u8,
    },
    /// An operation exception that the host wants to see. The PSW is past the instruction.
    OperationException {
        /// Instruction text, left aligned; of the target when executed by EXECUTE.
        text: u64,
        /// Length of the EXECUTE-type instruction, 0 when there was none.
        execute_length: u8,
    },
    /// The program new PSW is not valid: program interruptions would follow each other for ever.
    ProgramLoop,
    /// The prefix area is not in storage.
    NoLowcore,
    /// Storage is missing at this absolute address, and [`softsie_cpu::Interceptions::missing_storage`] is on. The instruction
    /// has not been executed.
    MissingStorage(u64),
    /// The state description of this guest's CPU has a stop request.
    Stop,
    /// An external call is pending for this guest's CPU, and enabled.
    ExternalCall,
    /// A program interruption that the host wants to see: the PSW is what would be the old one, and the parameters are in
    /// [`Cpu::program`].
    Program {
        /// Its code.
        code: ProgramCode,
        /// Length of the instruction.
        length: u8,
    },
    /// An access of this guest's CPU met an exception of its host. The PSW is at the instruction, which was nullified.
    HostFault,
}

/// Sees every instruction and interruption: tracing and debugging.
pub trait Observer {
    /// Whether the observer wants to be called at all; the interpreter is fastest when not.
    const ACTIVE: bool;
    /// Before an instruction at `address`. False stops the run before the instruction with [`Leave::Attention`].
    fn before(&mut self, cpu: &Cpu, address: u64, d: &Decoded) -> bool;
    /// After it.
    fn after(&mut self, cpu: &Cpu, address: u64, d: &Decoded, result: Result<(), Exit>);
    /// A program interruption was taken.
    fn program_interruption(&mut self, cpu: &Cpu, code: ProgramCode);
}

/// Observes nothing.
pub struct NoObserver;

impl Observer for NoObserver {
    const ACTIVE: bool = false;
    fn before(&mut self, _: &Cpu, _: u64, _: &Decoded) -> bool {
        true
    }
    fn after(&mut self, _: &Cpu, _: u64, _: &Decoded, _: Result<(), Exit>) {}
    fn program_interruption(&mut self, _: &Cpu, _: ProgramCode) {}
}

/// How decoded code finds the semantics.
pub const DISPATCH: Dispatch = Dispatch { handler, ends_run };

fn handler(_: &Model, o: &Operands) -> Handler {
    static HANDLERS: OnceLock<Vec<Handler>> = OnceLock::new();
    let handlers = HANDLERS.get_or_init(|| {
        ROWS.iter()
            .map(|row| {
                semantics::simple::<Cpu>(row.op)
                    .or_else(|| semantics::heavy(row.op))
                    .unwrap_or(semantics::operation_exception)
            })
            .collect()
    });
    handlers[o.op() as usize]
}

/// Branches that are always taken, and PSW loads.
fn ends_run(o: &Operands) -> bool {
    match o.op() {
        Op::BCR => o.m1() == 15 && o.r2() != 0,
        Op::BC | Op::BRC | Op::BRCL => o.m1() == 15,
        Op::LPSW | Op::LPSWE | Op::LPSWEY | Op::PC | Op::PR | Op::PT | Op::PTI | Op::RP => true,
        _ => false,
    }
}

/// Runs the CPU until something wants the host.
pub fn run<O: Observer>(cpu: &mut Cpu, observer: &mut O) -> Leave {
    run_tiered(cpu, observer, &mut NoTier)
}

/// As [`run`], with a faster engine for what is hot. The observer sees only what the interpreter executes.
pub fn run_tiered<O: Observer, T: Tier>(cpu: &mut Cpu, observer: &mut O, tier: &mut T) -> Leave {
    cpu.per_discard();
    if let Some(leave) = enter(cpu, observer) {
        return leave;
    }
    loop {
        if let Some(leave) = look_up(cpu)
            && transaction::give_way(cpu, leave)
        {
            return leave;
        }
        // Whatever turns program-event recording, branch tracing or a transaction on ends a run.
        let leave =
            if cpu.steps() { step_recorded(cpu, observer) } else { run_until_synchronized(cpu, observer, tier) };
        if let Some(leave) = leave {
            return leave;
        }
    }
}

/// What is to be done first with a PSW that did not come from an instruction of this CPU, but from the host: one that is not
/// valid is an early exception.
pub fn enter<O: Observer>(cpu: &mut Cpu, observer: &mut O) -> Option<Leave> {
    if cpu.psw_is_valid() { None } else { interrupt(cpu, observer, ProgramCode::SPECIFICATION, 0) }
}

/// What is to be done between runs of instructions. Serializes, because interruptions and most of what ends a run do.
pub fn look_up(cpu: &mut Cpu) -> Option<Leave> {
    fence(Ordering::SeqCst);
    if cpu.measurement.watching
        && let Some(leave) = watch_measurement(cpu)
    {
        return Some(leave);
    }
    let pending = cpu.attention().pending();
    if pending != 0 {
        if pending & Attention::REQUEST != 0 {
            cpu.serve_requests();
        }
        if cpu.attention().take(Attention::TIMER) != 0 {
            cpu.arm_timer();
        }
        cpu.attention().take(Attention::LOOK);
        if pending & (Attention::HOST | Attention::INTERVENTION) != 0 {
            return Some(Leave::Attention);
        }
    }
    if let Some(requests) = cpu.intervention_requests()
        && let Some(leave) = look_at_requests(cpu, requests)
    {
        return Some(leave);
    }
    if cpu.timer_due && cpu.psw.has(PswMask::EXTERNAL) {
        if cpu.timer_interruption_pending() {
            return Some(Leave::Timer);
        }
        cpu.arm_timer();
    }
    if cpu.psw.mask & cpu.interceptions.when_enabled != 0 {
        return Some(Leave::Enabled);
    }
    if cpu.psw.has(PswMask::WAIT) {
        return Some(Leave::Wait);
    }
    None
}

/// Counters, samples and measurement alerts.
#[cold]
fn watch_measurement(cpu: &mut Cpu) -> Option<Leave> {
    match cpu.watch_measurement() {
        Ok(true) => enter(cpu, &mut NoObserver),
        Ok(false) => None,
        Err(_) => Some(Leave::NoLowcore),
    }
}

/// What a guest's CPU does about its host's wishes.
fn look_at_requests(cpu: &mut Cpu, requests: u32) -> Option<Leave> {
    if requests & intervention::STOP != 0 {
        return Some(Leave::Stop);
    }
    if cpu.host_timer_due() {
        return Some(Leave::Attention);
    }
    let mut when = PswMask::from_bits_retain(cpu.interceptions.when_enabled);
    when.set(PswMask::EXTERNAL, requests & intervention::EXTERNAL != 0);
    when.set(PswMask::IO, requests & intervention::IO != 0);
    cpu.interceptions.when_enabled = when.bits();
    let called = requests & intervention::EXTERNAL_CALL != 0 && cpu.interceptions.external_calls;
    let enabled = cpu.psw.has(PswMask::EXTERNAL) && !when.contains(PswMask::EXTERNAL);
    (called && enabled && cpu.cr0().contains(Cr0::EXTERNAL_CALL)).then_some(Leave::ExternalCall)
}

/// Takes the program interruption `code` after an instruction of `ilc` bytes; the PSW address is already right.
pub fn interrupt<O: Observer>(cpu: &mut Cpu, observer: &mut O, code: ProgramCode, ilc: u8) -> Option<Leave> {
    cpu.execute = None;
    if code == ProgramCode::HOST_FAULT {
        cpu.per_discard();
        transaction::give_way(cpu, Leave::HostFault);
        return Some(Leave::HostFault);
    }
    // Events of the same instruction are indicated by the same interruption.
    let mut code = if cpu.per_end() { ProgramCode(code.0 | ProgramCode::PER.0) } else { code };
    if cpu.transaction.is_active() {
        code = transaction::interrupted(cpu, code, ilc)?;
    }
    let intercepted = cpu.interceptions.intercepts_program(code);
    // An intercepted interruption's block is the host's of the guest.
    if !(intercepted && cpu.is_guest())
        && let Some(block) = cpu.transaction.program_block.take()
    {
        // Without a prefix area the interruption itself fails.
        let _ = cpu.write_absolute(cpu.prefix + Lowcore::PROGRAM_TDB, &block[..]);
    }
    if intercepted {
        return Some(Leave::Program { code, length: ilc });
    }
    if cpu.program_interruption(code, ilc).is_err() {
        return Some(Leave::NoLowcore);
    }
    if O::ACTIVE {
        observer.program_interruption(cpu, code);
    }
    if cpu.psw_is_valid() { None } else { Some(Leave::ProgramLoop) }
}

/// Runs until the PSW or control state has changed (`None`) or the host is wanted.
fn run_until_synchronized<O: Observer, T: Tier>(cpu: &mut Cpu, observer: &mut O, tier: &mut T) -> Option<Leave> {
    let mut address = cpu.psw.address;
    loop {
        if let Err(exit) = cpu.go_to_page(address) {
            return fetch_exception(cpu, observer, address, exit);
        }
        // Taken branches within the page stay in this loop.
        loop {
            if T::ACTIVE && is_hot(cpu, tier, address) {
                // What the tier has is executed without being decoded.
                if let Err(exit) = cpu.take_code(address) {
                    return fetch_exception(cpu, observer, address, exit);
                }
                match tier.arrive(cpu, address) {
                    Arrival::Interpret(next) if next == address => {}
                    Arrival::Interpret(next) => {
                        address = next;
                        if let Err(exit) = cpu.go_to_page(address) {
                            return fetch_exception(cpu, observer, address, exit);
                        }
                    }
                    Arrival::GoOn(next) => {
                        address = next;
                        if cpu.attention().pending() != 0 {
                            cpu.psw.address = address;
                            return None;
                        }
                        break;
                    }
                    Arrival::End(operands, exit) => return finish(cpu, observer, &operands, exit),
                }
            }
            let at = match cpu.code_in_page(address) {
                Ok(at) => at,
                Err(exit) => return fetch_exception(cpu, observer, address, exit),
            };
            let (end, exit) = straight(cpu, observer, at);
            // SAFETY: `end` is the record whose handler returned; records are not freed before the next decoding.
            let operands = unsafe { (*end).operands };
            match exit {
                Exit::Branch => {
                    cpu.breaking_event_address = cpu.run_base.wrapping_add(u64::from(operands.page_offset()));
                    address = cpu.next_ia;
                }
                Exit::Continue | Exit::Stale => {
                    cpu.statistics.instructions -= 1;
                    address = cpu.next_ia & cpu.address_mask;
                }
                Exit::PageCrossing => {
                    cpu.statistics.instructions -= 1;
                    address = cpu.run_base.wrapping_add(u64::from(operands.page_offset())) & cpu.address_mask;
                    match cross_page(cpu, observer, address) {
                        Ok(next) => {
                            address = next;
                            if cpu.attention().pending() != 0 {
                                cpu.psw.address = address;
                                return None;
                            }
                            break;
                        }
                        Err(leave) => return leave,
                    }
                }
                other => return finish(cpu, observer, &operands, other),
            }
            if cpu.attention().pending() != 0 {
                cpu.psw.address = address;
                return None;
            }
            if address & !0xFFF != cpu.run_base {
                break;
            }
        }
    }
}

/// Counts an arrival at `address` in the current page; whether the tier is to be asked: it is at the first, because it may
/// know the place already.
#[inline(always)]
fn is_hot<T: Tier>(cpu: &mut Cpu, tier: &T, address: u64) -> bool {
    let heat = cpu.heat(address);
    if *heat != 0 && *heat < tier.threshold() {
        *heat += 1;
        return false;
    }
    true
}

/// Executes one instruction at the PSW's address, which is brought up to date. For engines that hand single instructions
/// back to the interpreter; [`look_up`] comes first.
pub fn step<O: Observer>(cpu: &mut Cpu, observer: &mut O) -> Option<Leave> {
    if cpu.steps() {
        return step_recorded(cpu, observer);
    }
    loop {
        let address = cpu.psw.address;
        let at = match cpu.code_at(address) {
            Ok(at) => at,
            Err(exit) => return fetch_exception(cpu, observer, address, exit),
        };
        // SAFETY: `at` is a record of the current page.
        let d = unsafe { *at };
        match if O::ACTIVE { observed(cpu, observer, at) } else { (d.handler)(cpu, &d.operands) } {
            Err(Exit::Continue | Exit::Stale) => cpu.psw.address = cpu.next_ia & cpu.address_mask,
            Err(Exit::PageCrossing) => match cross_page(cpu, observer, address) {
                Ok(next) => {
                    cpu.psw.address = next;
                    return None;
                }
                Err(leave) => return leave,
            },
            result => {
                cpu.statistics.instructions += 1;
                return conclude(cpu, observer, &d.operands, result);
            }
        }
        if O::ACTIVE && cpu.attention().pending() != 0 {
            return None;
        }
    }
}

/// Executes one instruction with program-event recording and branch tracing, or in a transaction. Its text is fetched anew, so that nothing depends on decoded pages.
#[cold]
fn step_recorded<O: Observer>(cpu: &mut Cpu, observer: &mut O) -> Option<Leave> {
    let address = cpu.psw.address;
    let fetched = if address & 1 == 0 { cpu.fetch_text(address) } else { Err(Exit::SPECIFICATION) };
    let text = match fetched {
        Ok(text) => text,
        Err(exit) => return fetch_exception(cpu, observer, address, exit),
    };
    let mut d = cpu.decode_text(text);
    use_traced_semantics(cpu, &mut d);
    // The record has page offset zero: make the instruction's own address the base.
    cpu.run_base = address;
    let length = d.operands.length();
    if cpu.transaction.is_active()
        && let Err(exit) = transaction::permits_next(cpu, address, &d.operands)
    {
        return finish(cpu, observer, &d.operands, exit);
    }
    if cpu.per_enabled() && cpu.per_begin(address) {
        return interrupt(cpu, observer, ProgramCode::PER, length);
    }
    cpu.per_operands(&d.operands);
    cpu.statistics.instructions += 1;
    let result = if O::ACTIVE { observed(cpu, observer, &raw const d) } else { (d.handler)(cpu, &d.operands) };
    let result = if result.is_ok() && intercepts_failure(cpu, d.operands.op()) { Err(Exit::Intercept) } else { result };
    match result {
        Err(Exit::Branch) => cpu.per_branched(cpu.next_ia & cpu.address_mask),
        // The observer has stopped the run before the instruction.
        Err(Exit::Continue) => cpu.per_discard(),
        _ => {}
    }
    let leave = conclude(cpu, observer, &d.operands, result);
    match leave {
        None if cpu.per_pending() => return interrupt(cpu, observer, ProgramCode::PER, length),
        // Whoever completes the instruction adds to its events and takes them.
        None | Some(Leave::Instruction { .. } | Leave::OperationException { .. }) => {}
        Some(_) => cpu.per_discard(),
    }
    leave
}

/// Whether the host wants to see that an interlocked update found something else than expected.
fn intercepts_failure(cpu: &Cpu, op: Op) -> bool {
    let which = match op {
        Op::TS => InterceptedInstructions::FAILED_TEST,
        Op::CS | Op::CSY | Op::CSG => InterceptedInstructions::FAILED_SWAP,
        Op::CDS | Op::CDSY | Op::CDSG => InterceptedInstructions::FAILED_DOUBLE_SWAP,
        _ => return false,
    };
    cpu.cc == 1 && cpu.interceptions.instructions.contains(which)
}

/// What follows an instruction of the current page that ended with `result`: the PSW's address is brought up to date,
/// interruptions are taken.
pub fn conclude<O: Observer>(
    cpu: &mut Cpu,
    observer: &mut O,
    operands: &Operands,
    result: Result<(), Exit>,
) -> Option<Leave> {
    match result {
        Ok(()) => cpu.psw.address = cpu.next_sequential(operands),
        Err(Exit::Branch) => {
            cpu.breaking_event_address = cpu.run_base.wrapping_add(u64::from(operands.page_offset()));
            cpu.psw.address = cpu.next_ia;
        }
        Err(exit) => return finish(cpu, observer, operands, exit),
    }
    None
}

/// Executes consecutive records until one does not simply go on; returns it and why.
#[inline(always)]
fn straight<O: Observer>(cpu: &mut Cpu, observer: &mut O, start: *const Decoded) -> (*const Decoded, Exit) {
    let mut at = start;
    loop {
        // SAFETY: a run of records ends with one whose handler never returns `Ok`; records are neither moved nor freed while
        // a run executes (decoding happens between runs only), and handlers change only their `handler` fields.
        let (handler, operands) = unsafe { ((*at).handler, &(*at).operands) };
        let result = if O::ACTIVE { observed(cpu, observer, at) } else { handler(cpu, operands) };
        if let Err(exit) = result {
            // SAFETY: both pointers are into the same run.
            cpu.statistics.instructions += unsafe { at.offset_from(start) } as u64 + 1;
            return (at, exit);
        }
        // SAFETY: as above, there is a next record.
        at = unsafe { at.add(1) };
    }
}

#[inline(never)]
fn observed<O: Observer>(cpu: &mut Cpu, observer: &mut O, at: *const Decoded) -> Result<(), Exit> {
    // SAFETY: see `straight`.
    let d = unsafe { *at };
    if !d.is_instruction() {
        return (d.handler)(cpu, &d.operands);
    }
    let address = cpu.run_base.wrapping_add(u64::from(d.operands.page_offset()));
    if !observer.before(cpu, address, &d) {
        cpu.next_ia = address;
        cpu.attention().raise(Attention::HOST);
        return Err(Exit::Continue);
    }
    let result = (d.handler)(cpu, &d.operands);
    observer.after(cpu, address, &d, result);
    result
}

/// Executes one instruction whose text lies in two pages: the next address, or how the run ends.
#[cold]
fn cross_page<O: Observer>(cpu: &mut Cpu, observer: &mut O, address: u64) -> Result<u64, Option<Leave>> {
    let text = cpu.fetch_text(address).map_err(|exit| fetch_exception(cpu, observer, address, exit))?;
    let d = cpu.decode_text(text);
    // The record has page offset zero: make the instruction's own address the base.
    cpu.run_base = address;
    cpu.statistics.instructions += 1;
    match if O::ACTIVE { observed(cpu, observer, &raw const d) } else { (d.handler)(cpu, &d.operands) } {
        Ok(()) => Ok(cpu.next_sequential(&d.operands)),
        Err(Exit::Branch) => {
            cpu.breaking_event_address = address;
            Ok(cpu.next_ia)
        }
        Err(Exit::Continue) => Ok(cpu.next_ia),
        Err(exit) => Err(finish(cpu, observer, &d.operands, exit)),
    }
}

/// Ends a run after the instruction with `operands`.
fn finish<O: Observer>(cpu: &mut Cpu, observer: &mut O, operands: &Operands, exit: Exit) -> Option<Leave> {
    let address = cpu.run_base.wrapping_add(u64::from(operands.page_offset()));
    let length = operands.length();
    let next = address.wrapping_add(u64::from(length)) & cpu.address_mask;
    match exit {
        Exit::Synchronize => cpu.psw.address = next,
        Exit::Again => cpu.psw.address = address,
        Exit::PswLoaded => {
            if !cpu.psw_is_valid() {
                // The address is the new PSW's: it is after no instruction, and the length says so.
                return interrupt(cpu, observer, ProgramCode::SPECIFICATION, 0);
            }
        }
        Exit::Abort => cpu.abort_transaction_as_noted(address),
        // What the host is to do is done outside of the transaction.
        Exit::Intercept if cpu.transaction.is_active() => {
            let _ = cpu.abort_for(Abort::RESTRICTED);
            cpu.abort_transaction_as_noted(address);
        }
        Exit::Program(ProgramCode::OPERATION) if cpu.interceptions.operation && !cpu.transaction.is_active() => {
            return match intercepted_text(cpu, address, length) {
                Ok((text, execute_length)) => {
                    cpu.psw.address = next;
                    Some(Leave::OperationException { text, execute_length })
                }
                Err(exit) => fetch_exception(cpu, observer, address, exit),
            };
        }
        Exit::Program(ProgramCode::ADDRESSING) if cpu.interceptions.missing_storage => {
            return Some(missing_storage(cpu, address));
        }
        Exit::Program(code) => {
            // By itself a PER event is an exit only when it nullifies the instruction.
            cpu.psw.address = if code.nullifies() || code == ProgramCode::PER { address } else { next };
            return interrupt(cpu, observer, code, length);
        }
        Exit::Completed(code) => return interrupt(cpu, observer, code, length),
        Exit::Intercept => {
            return match intercepted_text(cpu, address, length) {
                Ok((text, execute_length)) => {
                    cpu.psw.address = next;
                    Some(Leave::Instruction { text, execute_length })
                }
                Err(exit) => fetch_exception(cpu, observer, address, exit),
            };
        }
        Exit::NoLowcore => return Some(Leave::NoLowcore),
        // Handled where they occur.
        Exit::Branch | Exit::Continue | Exit::Stale | Exit::PageCrossing => cpu.psw.address = cpu.next_ia,
    }
    None
}

/// The instruction at `address` needs storage that the host is to provide: it is executed again afterwards.
#[cold]
fn missing_storage(cpu: &mut Cpu, address: u64) -> Leave {
    cpu.execute = None;
    cpu.per_discard();
    cpu.psw.address = address;
    Leave::MissingStorage(cpu.missing_storage())
}

/// Text of an intercepted instruction, and the length of the EXECUTE whose target it was.
///
/// The text is fetched again: an access exception can come only of another CPU's changing the tables this very moment, and
/// then nothing is lost by giving it to the guest.
fn intercepted_text(cpu: &mut Cpu, address: u64, length: u8) -> Result<(u64, u8), Exit> {
    match cpu.execute.take() {
        Some(e) => Ok((e.text, length)),
        None => Ok((cpu.fetch_text(address)?, 0)),
    }
}

/// An exception of the instruction fetch itself, or a page of which each instruction is to be fetched by itself.
#[cold]
fn fetch_exception<O: Observer>(cpu: &mut Cpu, observer: &mut O, address: u64, exit: Exit) -> Option<Leave> {
    let code = match exit {
        Exit::Program(ProgramCode::ADDRESSING) if cpu.interceptions.missing_storage => {
            return Some(missing_storage(cpu, address));
        }
        Exit::Program(code) => code,
        Exit::Synchronize => {
            cpu.psw.address = address;
            return step_recorded(cpu, observer);
        }
        _ => return Some(Leave::NoLowcore),
    };
    // The length is not known; the code says 2, and a suppressed fetch is past it.
    cpu.psw.address = if code.nullifies() { address } else { address.wrapping_add(2) & cpu.address_mask };
    interrupt(cpu, observer, code, 2)
}
