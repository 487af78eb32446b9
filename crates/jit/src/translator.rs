//! The translations of one machine, shared by its CPUs, and the thread that makes them.
//! Source: docs/engine-pattern.md, tiers; the figures for thresholds are there.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI32, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use rustc_hash::FxBuildHasher;
use softsie_cpu::{Cpu, Decoded, Model};

use crate::arena::Arena;
use crate::at_exit;
use crate::compiler::{Compiler, Error, Optimization};
use crate::dump::{self, Listing};
use crate::frame::{Data, THUNKS};
use crate::mode::Mode;
use crate::perf_map::{self, Name};
use crate::region::{PAGE, Plan, Source, Style};
use crate::saved::{Saved, Translation};

/// How translations are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the compiler does.
    pub optimization: Optimization,
    /// How often the target of a branch is reached before it is compiled, when some wait; below 10,000. Fewer times while
    /// none wait, more while many do.
    pub threshold: u16,
    /// Compile on a thread of its own while the interpreter goes on; else at once.
    pub background: bool,
    /// Largest number of instructions in a region: beyond some 64 compile time grows faster than what is gained.
    pub limit: usize,
    /// How regions are translated at first.
    pub style: Style,
    /// How often a quick region is entered or goes back before a better one is made.
    pub better: u32,
    /// Bytes of code kept. When they are used up all code is forgotten.
    pub code: usize,
}

impl Options {
    /// For running guests.
    pub const USUAL: Options = Options {
        optimization: Optimization::None,
        threshold: 200,
        background: true,
        limit: 64,
        style: Style::Quick,
        better: 20_000,
        code: 128 << 20,
    };
    /// Everything is compiled at its first visit: for tests.
    pub const EAGER: Options = Options { threshold: 0, background: false, ..Options::USUAL };
}

/// What was translated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// Regions compiled.
    pub regions: u64,
    /// Regions of earlier runs that were used again.
    pub recalled: u64,
    /// Of those, the better ones.
    pub best: u64,
    /// Of those, drafts: quick ones not made by Cranelift.
    pub drafts: u64,
    /// Instructions in them, each region's counted by itself.
    pub instructions: u64,
    /// Of those, calls of handlers.
    pub calls: u64,
    /// Regions that the compiler refused, so that they are interpreted: defects of the emitter.
    pub refused: u64,
    /// Bytes of host code.
    pub bytes: u64,
    /// Time of the host's CPUs spent planning and compiling.
    pub time: Duration,
    /// Times that all code was forgotten.
    pub generations: u64,
    /// Bytes of host code that are there now.
    pub kept: u64,
}

/// Which code a region is made from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) absolute: u64,
    pub(crate) offset: u16,
    pub(crate) mode: Mode,
}

/// Code to enter and what belongs to it. Both live as long as their generation.
#[derive(Clone, Copy)]
pub(crate) struct Region {
    pub(crate) code: *const u8,
    pub(crate) data: *const Data,
}

/// What became of a request.
enum State {
    /// Asked for with this page.
    Pending(Arc<[u8; PAGE]>),
    Done(Region),
    /// There is nothing to compile.
    Nothing,
}

/// Offsets in a page, and the bytes there.
type Text = Arc<[(usize, Box<[u8]>)]>;

/// One text that was seen at a place, and its translation.
struct Known {
    /// What the translation depends on.
    text: Text,
    state: State,
    style: Style,
    /// Later runs have it already, or are not to have it.
    saved: bool,
}

impl Known {
    fn is_of(&self, page: &[u8; PAGE]) -> bool {
        self.text.iter().all(|(at, bytes)| page.get(*at..*at + bytes.len()) == Some(bytes))
    }
}

/// Code in the arena of a generation, and what belongs to it.
struct Made {
    code: *const u8,
    length: usize,
    records: Box<[Decoded]>,
    /// What the last instruction has in the next page.
    rest: Box<[u8]>,
}

/// What a look-up finds.
pub(crate) enum Found {
    Region(Region),
    /// There is nothing to compile.
    Nothing,
    /// It was asked for.
    Pending,
    /// Only translations of other texts.
    Others,
    Unknown,
}

/// Texts kept for one place. Code that changes more often begins anew.
const VARIANTS: usize = 8;

/// Code that lives and dies together.
pub(crate) struct Generation {
    pub(crate) number: u64,
    arena: Mutex<Arena>,
    known: RwLock<HashMap<Key, Vec<Known>, FxBuildHasher>>,
    /// What belongs to regions.
    #[allow(clippy::vec_box)] // code and tables have their addresses
    data: Mutex<Vec<Box<Data>>>,
    pub(crate) bridges: [usize; THUNKS],
    pub(crate) chain: usize,
    pub(crate) enter: *const u8,
}

// SAFETY: the pointers are to executable memory and data that the generation owns and never changes once published.
unsafe impl Send for Generation {}
// SAFETY: as above; what changes is behind locks.
unsafe impl Sync for Generation {}

impl Generation {
    fn new(number: u64, size: usize, compiler: &mut Compiler) -> Result<Generation, Error> {
        let mut arena = Arena::new(size)?;
        let full = || Error::Compile("no room for bridges".to_owned());
        let mut add = |code: &[u8], name| {
            let at = arena.add(code).ok_or_else(full)?;
            perf_map::note(at, code.len(), || Name::Own(name));
            Ok::<_, Error>(at)
        };
        let mut bridges = [0; THUNKS];
        for (thunk, bridge) in bridges.iter_mut().enumerate() {
            *bridge = add(compiler.compile_bridge(thunk)?, "bridge")?.expose_provenance();
        }
        let chain = add(compiler.compile_chain()?, "chain")?.expose_provenance();
        let enter = add(compiler.compile_enter()?, "enter")?;
        Ok(Generation {
            number,
            arena: Mutex::new(arena),
            known: RwLock::default(),
            data: Mutex::default(),
            bridges,
            chain,
            enter,
        })
    }

    /// The best translation of `page`'s text at `key`, not worse than `least`.
    pub(crate) fn find(&self, key: Key, page: &[u8; PAGE], least: Style) -> Found {
        let known = self.known.read();
        let Some(all) = known.get(&key) else { return Found::Unknown };
        let wanted = |k: &&Known| (least == Style::Quick || k.style == Style::Best) && k.is_of(page);
        match all.iter().find(wanted).map(|k| &k.state) {
            Some(State::Done(region)) => Found::Region(*region),
            Some(State::Nothing) => Found::Nothing,
            Some(State::Pending(_)) => Found::Pending,
            None if all.is_empty() => Found::Unknown,
            None => Found::Others,
        }
    }

    /// Notes `entry` in place of the request for `asked`.
    fn note(&self, key: Key, asked: Option<&Arc<[u8; PAGE]>>, entry: Known) {
        let mut known = self.known.write();
        let all = known.entry(key).or_default();
        all.retain(|k| match (&k.state, &entry.state, asked) {
            // The queue holds one request for a place.
            (State::Pending(_), State::Pending(_), _) => k.style != entry.style,
            (State::Pending(page), _, Some(asked)) => !Arc::ptr_eq(page, asked),
            _ => true,
        });
        if all.len() >= VARIANTS {
            all.clear();
        }
        // The best is found first, but not before it is there.
        let ahead = entry.style == Style::Best && !matches!(entry.state, State::Pending(_));
        all.insert(if ahead { 0 } else { all.len() }, entry);
    }
}

/// What is to be made.
#[derive(Default)]
struct Queue {
    waiting: HashMap<(Key, Style), Source, FxBuildHasher>,
    /// What was asked for, the latest last; who comes again and still finds nothing asks again.
    order: Vec<(Key, Style)>,
    thread: bool,
    closed: bool,
}

impl Queue {
    /// The latest request is for what runs now.
    fn next(&mut self) -> Option<(u64, Source)> {
        loop {
            let wanted = self.order.pop()?;
            if let Some(source) = self.waiting.remove(&wanted) {
                return Some((wanted.0.absolute, source));
            }
        }
    }

    /// Puts a request before all others.
    fn ask(&mut self, wanted: (Key, Style)) {
        if self.order.len() > 2 * self.waiting.len() + 1024 {
            let mut seen = HashSet::with_capacity_and_hasher(self.waiting.len(), FxBuildHasher);
            self.order.reverse();
            self.order.retain(|one| self.waiting.contains_key(one) && seen.insert(*one));
            self.order.reverse();
        }
        self.order.push(wanted);
    }
}

/// The threshold while `waiting` regions are to be made: the least that is worth it while the thread has nothing to do, and
/// more and more while it cannot keep up, so that it makes what is hottest.
fn threshold(usual: u16, waiting: usize) -> u16 {
    let least = u32::from(usual) / 4;
    let more = least.saturating_mul(waiting as u32) / 16;
    least.saturating_add(more).min(30_000) as u16
}

/// After so many translations those who wait look again, or when no more are to come.
const ANNOUNCED: u32 = 8;

/// When nothing was asked for so long, what was made is kept for later runs: the process may never come to an orderly end.
const REST: Duration = Duration::from_secs(2);
/// Unless it is less than this.
const ENOUGH: u32 = 64;

/// What a translator and its thread share.
pub(crate) struct Inner {
    options: Options,
    current: RwLock<Arc<Generation>>,
    /// Number of the current generation.
    generation: AtomicU64,
    /// Grows when translations have been published.
    published: AtomicU64,
    /// How often the target of a branch is to be reached now.
    threshold: AtomicU16,
    compiler: Mutex<Compiler>,
    /// Translations of earlier runs, once it is known for which model.
    saved: OnceLock<Option<Saved>>,
    translated: Mutex<Translated>,
    queue: Mutex<Queue>,
    wake: Condvar,
}

/// Makes and keeps the translations of one machine.
pub struct Translator(Arc<Inner>);

impl Translator {
    /// A translator without translations.
    ///
    /// # Errors
    /// The host has no code generator or no executable memory.
    pub fn new(options: Options) -> Result<Translator, Error> {
        let mut compiler = Compiler::new(options.optimization)?;
        let generation = Generation::new(1, options.code, &mut compiler)?;
        let inner = Arc::new(Inner {
            options,
            current: RwLock::new(Arc::new(generation)),
            generation: AtomicU64::new(1),
            published: AtomicU64::new(0),
            threshold: AtomicU16::new(threshold(options.threshold, 0)),
            compiler: Mutex::new(compiler),
            saved: OnceLock::new(),
            translated: Mutex::default(),
            queue: Mutex::default(),
            wake: Condvar::new(),
        });
        at_exit::note(&inner);
        Ok(Translator(inner))
    }

    /// How translations are made.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// What was translated so far.
    pub fn translated(&self) -> Translated {
        let kept = self.current().arena.lock().used() as u64;
        Translated { kept, ..*self.0.translated.lock() }
    }

    pub(crate) fn current(&self) -> Arc<Generation> {
        self.0.current.read().clone()
    }

    /// Number of the current generation: when it is another than that of the code one has, this code is to be given up.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Relaxed)
    }

    /// How often the target of a branch is to be reached before it is asked for.
    #[inline(always)]
    pub(crate) fn threshold(&self) -> u16 {
        self.0.threshold.load(Ordering::Relaxed)
    }

    /// Grows when there are new translations.
    #[inline(always)]
    pub(crate) fn published(&self) -> u64 {
        self.0.published.load(Ordering::Acquire)
    }

    /// Forgets all translations.
    pub(crate) fn forget(&self) {
        let mut compiler = self.0.compiler.lock();
        // A failure leaves the old code, which is right as well.
        let _ = self.0.renew(&mut compiler);
    }

    /// Has the region made, now or soon.
    pub(crate) fn request(&self, generation: &Generation, absolute: u64, source: Source) {
        if self.0.options.background && self.start() {
            let key = Key { absolute, offset: source.offset, mode: source.mode };
            let (state, style) = (State::Pending(source.page.clone()), source.style);
            // Another text at the place is another request; what else has changed is seen when the translation is there.
            let at = usize::from(source.offset);
            let text = vec![(at, Box::from(&source.page[at..(at + 6).min(PAGE)]))];
            generation.note(key, None, Known { text: text.into(), state, style, saved: true });
            let mut queue = self.0.queue.lock();
            queue.ask((key, style));
            queue.waiting.insert((key, style), source);
            self.0.adapt(&queue);
            self.0.wake.notify_one();
        } else {
            let mut compiler = self.0.compiler.lock();
            self.0.make(&mut compiler, absolute, &source);
            self.0.published.fetch_add(1, Ordering::Release);
        }
    }

    /// The region of an earlier run for the text at `key`, where the CPU has come to.
    pub(crate) fn recall(&self, generation: &Generation, key: Key, cpu: &Cpu) -> Option<Region> {
        let recalled = self.0.saved(&cpu.model)?.recall(
            key.mode,
            key.offset,
            cpu.code_text(),
            cpu.next_page_text(),
            &cpu.model,
        )?;
        // Without room for it, it is made again when it is hot.
        let at = generation.arena.lock().add(&recalled.code)?;
        let address = cpu.run_base + u64::from(key.offset);
        let made = Made { code: at, length: recalled.code.len(), records: recalled.records, rest: recalled.rest };
        let region = self.0.publish(generation, made, key, address, recalled.style);
        let state = State::Done(region);
        generation.note(key, None, Known { text: recalled.text.into(), state, style: recalled.style, saved: true });
        self.0.translated.lock().recalled += 1;
        Some(region)
    }

    /// Has what was asked for at `key` made before all else.
    pub(crate) fn ask_again(&self, key: Key) {
        let mut queue = self.0.queue.lock();
        let wanted = (key, self.0.options.style);
        if queue.waiting.contains_key(&wanted) {
            queue.ask(wanted);
        }
    }

    /// Starts the thread if there is none; whether there is one then.
    fn start(&self) -> bool {
        let mut queue = self.0.queue.lock();
        if !queue.thread {
            let inner = self.0.clone();
            let spawn = || std::thread::Builder::new().name("softsie-compile".to_owned()).spawn(move || inner.work());
            queue.thread = without_signals(spawn).is_ok();
        }
        queue.thread
    }

    /// The region as text: its instructions, the compiler's input and output.
    ///
    /// # Errors
    /// There is nothing to compile.
    pub(crate) fn listing(&self, source: &Source) -> Result<Listing, Error> {
        let mut compiler = self.0.compiler.lock();
        let mut plan = Plan::new(source, self.0.options.limit);
        if plan.items.is_empty() {
            return Err(Error::Compile("there is no instruction".to_owned()));
        }
        Listing::new(&mut compiler, source, &mut plan)
    }
}

impl Drop for Translator {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.closed = true;
        queue.waiting.clear();
        self.0.wake.notify_all();
        drop(queue);
        self.0.save();
    }
}

impl Inner {
    /// Sets the threshold for what waits.
    fn adapt(&self, queue: &Queue) {
        self.threshold.store(threshold(self.options.threshold, queue.waiting.len()), Ordering::Relaxed);
    }

    /// The thread.
    fn work(&self) {
        let (mut made, mut unsaved) = (0, 0);
        loop {
            let (absolute, source) = {
                let mut queue = self.queue.lock();
                loop {
                    if queue.closed {
                        return;
                    }
                    if made >= ANNOUNCED || made > 0 && queue.waiting.is_empty() {
                        self.published.fetch_add(1, Ordering::Release);
                        made = 0;
                    }
                    if let Some(next) = queue.next() {
                        self.adapt(&queue);
                        break next;
                    }
                    if self.wake.wait_for(&mut queue, REST).timed_out() && unsaved >= ENOUGH {
                        unsaved = 0;
                        MutexGuard::unlocked(&mut queue, || self.save());
                    }
                }
            };
            self.make(&mut self.compiler.lock(), absolute, &source);
            made += 1;
            unsaved += 1;
        }
    }

    /// Makes one region and publishes it.
    fn make(&self, compiler: &mut Compiler, absolute: u64, source: &Source) {
        let started = thread_time();
        let key = Key { absolute, offset: source.offset, mode: source.mode };
        let mut plan = Plan::new(source, self.options.limit);
        let region = if plan.items.is_empty() { None } else { self.compile(compiler, absolute, source, &plan) };
        if region.is_some() {
            dump::note(compiler, source, &mut plan);
        }
        let pieces = match region {
            Some(_) => plan.text(),
            // Nothing: as long as the first instruction stays what it is.
            None => vec![(usize::from(source.offset), (usize::from(source.offset) + 6).min(PAGE))],
        };
        let text = pieces.into_iter().map(|(start, end)| (start, Box::from(&source.page[start..end]))).collect();
        let state = region.map_or(State::Nothing, State::Done);
        self.current.read().note(key, Some(&source.page), Known { text, state, style: source.style, saved: false });
        self.translated.lock().time += thread_time().saturating_sub(started);
    }

    fn compile(&self, compiler: &mut Compiler, absolute: u64, source: &Source, plan: &Plan) -> Option<Region> {
        // What the compiler refuses is interpreted; no test lets it pass.
        let Ok((code, draft)) = compiler.compile(plan) else {
            self.translated.lock().refused += 1;
            return None;
        };
        let length = code.len();
        let mut generation = self.current.read().clone();
        let first = generation.arena.lock().add(code);
        let code = match first {
            Some(code) => code,
            None => {
                generation = self.renew(compiler).ok()?;
                let (code, _) = compiler.compile(plan).ok()?;
                let second = generation.arena.lock().add(code);
                second?
            }
        };
        let made = Made {
            code,
            length,
            records: plan.items.iter().map(|i| i.record).collect(),
            rest: plan.items.last().map(|i| i.rest.clone()).unwrap_or_default(),
        };
        let key = Key { absolute, offset: source.offset, mode: source.mode };
        let region = self.publish(&generation, made, key, source.seen_at + u64::from(source.offset), plan.style);
        let mut translated = self.translated.lock();
        translated.regions += 1;
        translated.best += u64::from(plan.style == Style::Best);
        translated.drafts += u64::from(draft);
        translated.instructions += plan.items.len() as u64;
        translated.calls += plan.items.iter().filter(|i| !i.emits).count() as u64;
        translated.bytes += length as u64;
        Some(region)
    }

    /// Makes a region of code. It is entered at `address`, logical or real, when it is made: for people only.
    fn publish(&self, generation: &Generation, made: Made, key: Key, address: u64, style: Style) -> Region {
        let Made { code, length, records, rest } = made;
        perf_map::note(code, length, || {
            let absolute = (key.absolute & !0xFFF) + u64::from(key.offset);
            Name::Guest { address, absolute, style: if style == Style::Best { "best" } else { "quick" } }
        });
        let countdown = AtomicI32::new(self.options.better as i32);
        let data = Box::new(Data { countdown, entry: key.offset, records, rest, length: length as u32 });
        let region = Region { code, data: &raw const *data };
        generation.data.lock().push(data);
        region
    }

    /// The translations of earlier runs for CPUs of `model`.
    fn saved(&self, model: &Model) -> Option<&Saved> {
        let open = || Saved::open(&format!("{} {}", self.compiler.lock().identity(), self.options.limit), model);
        self.saved.get_or_init(open).as_ref()
    }

    /// Keeps for later runs what these do not have yet.
    pub(crate) fn save(&self) {
        let Some(Some(saved)) = self.saved.get() else { return };
        let generation = self.current.read().clone();
        let mut fresh: Vec<(Key, Style, Text, Region)> = Vec::new();
        // CPUs that look for regions wait no longer than this takes: files are written without the lock.
        for (key, all) in &mut *generation.known.write() {
            let better = all.iter().any(|k| k.style == Style::Best && matches!(k.state, State::Done(_)));
            for one in all.iter_mut().filter(|k| !k.saved) {
                let State::Done(region) = one.state else { continue };
                one.saved = true;
                if one.style == Style::Best || !better {
                    fresh.push((*key, one.style, one.text.clone(), region));
                }
            }
        }
        let translations: Vec<Translation<'_>> =
            fresh.iter().map(|(key, style, text, region)| translation(*key, *style, text, *region)).collect();
        // Later runs make them again then.
        let _ = saved.save(&translations);
    }

    /// Begins a new generation; the old one is freed when the last CPU has given it up.
    fn renew(&self, compiler: &mut Compiler) -> Result<Arc<Generation>, Error> {
        let number = self.generation.load(Ordering::Relaxed) + 1;
        let new = Arc::new(Generation::new(number, self.options.code, compiler)?);
        *self.current.write() = new.clone();
        self.generation.store(number, Ordering::Release);
        self.translated.lock().generations += 1;
        Ok(new)
    }
}

/// What is kept of a region. Its generation must outlive the result.
fn translation(key: Key, style: Style, text: &Text, region: Region) -> Translation<'_> {
    // SAFETY: data live as long as their generation.
    let data = unsafe { &*region.data };
    // SAFETY: as long as the data say, in memory of the same generation that is not written to any more.
    let code = unsafe { std::slice::from_raw_parts(region.code, data.length as usize) };
    Translation { mode: key.mode, offset: key.offset, style, text, records: &data.records, rest: &data.rest, code }
}

/// Time that the host has spent on this thread.
fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call only writes the structure.
    if unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } != 0 {
        return Duration::ZERO;
    }
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Runs `f` with all signals blocked, so that a thread it starts never runs the client's handlers.
pub fn without_signals<T>(f: impl FnOnce() -> T) -> T {
    // SAFETY: both sets are valid for the calls, which change this thread's mask only; the old mask is put back.
    unsafe {
        let (mut all, mut old) = (std::mem::zeroed::<libc::sigset_t>(), std::mem::zeroed::<libc::sigset_t>());
        libc::sigfillset(&raw mut all);
        let masked = libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut old) == 0;
        let result = f();
        if masked {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const old, std::ptr::null_mut());
        }
        result
    }
}
