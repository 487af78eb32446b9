//! What lives of this process's translators when it ends: a client of the KVM interface need not close its VM before it exits.
//! Source: exit(3), fork(2).

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::translator::Inner;

/// Each with the process that has made it: a child's copy has no thread, and perhaps a lock that nobody gives back.
static LIVE: Mutex<Vec<(u32, Weak<Inner>)>> = Mutex::new(Vec::new());
/// How long the end of a process may wait for who else is here.
const PATIENCE: Duration = Duration::from_millis(100);

/// Has `translator` saved at the end of the process, if it lives then.
pub(crate) fn note(translator: &Arc<Inner>) {
    let mut live = LIVE.lock();
    live.retain(|(_, other)| other.strong_count() > 0);
    live.push((std::process::id(), Arc::downgrade(translator)));
}

/// Keeps the translations of all machines for later runs, as far as such are kept. For a process that ends and does not give
/// its machines up before.
pub fn save_translations() {
    let Some(live) = LIVE.try_lock_for(PATIENCE) else { return };
    let this = std::process::id();
    for translator in live.iter().filter(|(process, _)| *process == this).filter_map(|(_, weak)| weak.upgrade()) {
        translator.save();
    }
}
