//! The user's terminal: raw mode with restoration on every way out, and typed bytes on their way to the guest.
//! Ctrl-A is the escape: then x leaves, c opens the monitor, a sends Ctrl-A itself.
//! Truth: termios(3); the escape keys are those QEMU's users know.

use std::io::IsTerminal;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags};
use rustix::termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr};

use crate::machine::{Ending, Machine};
use crate::{Error, Result, monitor};

const ESCAPE: u8 = 0x01;
/// With this much input waiting for the guest we stop reading until it has caught up.
const BACKLOG: usize = 64 << 10;

/// The terminal's modes before we changed them, for whoever must restore them.
static ORIGINAL: Mutex<Option<Termios>> = Mutex::new(None);

/// Raw mode, as long as this lives.
#[derive(Debug)]
pub(crate) struct RawMode(());

impl RawMode {
    /// Puts standard input's terminal into raw mode; `None` where there is none. `translate` keeps the terminal's own
    /// handling of line ends, for guests that send bare line feeds.
    pub(crate) fn enter(translate: bool) -> Option<Self> {
        let input = std::io::stdin();
        if !input.is_terminal() || !std::io::stdout().is_terminal() {
            return None;
        }
        let original = tcgetattr(&input).ok()?;
        let mut raw = original.clone();
        raw.make_raw();
        if translate {
            raw.output_modes |= original.output_modes & (OutputModes::OPOST | OutputModes::ONLCR);
        }
        *ORIGINAL.lock() = Some(original);
        if tcsetattr(&input, OptionalActions::Now, &raw).is_err() {
            restore();
            return None;
        }
        Some(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back as it was; harmless when nothing was changed.
pub(crate) fn restore() {
    if let Some(original) = ORIGINAL.lock().take() {
        // There is no one to tell if this fails.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &original);
    }
}

/// What a typed byte means.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Key {
    Leave,
    Monitor,
    Help,
}

/// Splits typed bytes into text for the guest and keys for us.
#[derive(Debug, Default)]
struct Escapes {
    pending: bool,
}

impl Escapes {
    /// Takes bytes up to and including the first key for us; says how many it took.
    fn take(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> (usize, Option<Key>) {
        for (index, &byte) in bytes.iter().enumerate() {
            if !std::mem::replace(&mut self.pending, false) {
                if byte == ESCAPE {
                    self.pending = true;
                } else {
                    text.push(byte);
                }
                continue;
            }
            let key = match byte {
                b'x' | b'X' => Key::Leave,
                b'c' | b'C' => Key::Monitor,
                b'h' | b'H' | b'?' => Key::Help,
                b'a' | b'A' | ESCAPE => {
                    text.push(ESCAPE);
                    continue;
                }
                _ => continue,
            };
            return (index + 1, Some(key));
        }
        (bytes.len(), None)
    }
}

/// Brings typed bytes to the guest until the run ends or `stop` becomes readable.
pub(crate) fn serve(machine: &Arc<Machine>, stop: &OwnedFd, raw: &mut Option<RawMode>, translate: bool) {
    let interactive = raw.is_some();
    let mut escapes = Escapes::default();
    let mut buffer = [0; 1024];
    while !machine.has_ended() {
        let Some(count) = read(stop, &mut buffer) else { return };
        let mut rest = &buffer[..count];
        while !rest.is_empty() && !machine.has_ended() {
            let mut text = Vec::new();
            let (taken, key) = if interactive { escapes.take(rest, &mut text) } else { (rest.len(), None) };
            if !interactive {
                text.extend_from_slice(rest);
            }
            rest = &rest[taken..];
            if !text.is_empty()
                && let Err(error) = machine.type_in(&text)
            {
                machine.console.note(&format!("the guest did not get its input: {error}"));
            }
            match key {
                None => {}
                Some(Key::Leave) => machine.end(Ending::Left),
                Some(Key::Help) => {
                    machine.console.note("Ctrl-A x leaves, Ctrl-A c opens the monitor, Ctrl-A a sends Ctrl-A")
                }
                Some(Key::Monitor) => {
                    *raw = None;
                    machine.console.set_raw(false);
                    monitor::converse(machine, || read_line(stop));
                    if !machine.has_ended() {
                        *raw = RawMode::enter(translate);
                        machine.console.set_raw(raw.is_some());
                    }
                }
            }
        }
        while machine.sclp.lock().events.backlog() > BACKLOG && !machine.has_ended() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Waits for input and reads it; `None` at its end, or when `stop` says so.
fn read(stop: &OwnedFd, buffer: &mut [u8]) -> Option<usize> {
    let input = std::io::stdin();
    loop {
        let mut descriptors = [
            PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
        ];
        match rustix::event::poll(&mut descriptors, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return None,
        }
        if !descriptors[1].revents().is_empty() {
            return None;
        }
        match rustix::io::read(&input, &mut *buffer) {
            Ok(0) => return None,
            Ok(count) => return Some(count),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(_) => return None,
        }
    }
}

/// A line in the terminal's own line mode; `None` at the end of input.
fn read_line(stop: &OwnedFd) -> Option<String> {
    let mut line = Vec::new();
    let mut byte = [0; 1];
    while read(stop, &mut byte)? > 0 {
        if byte[0] == b'\n' {
            break;
        }
        line.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&line).into_owned())
}

/// A pipe whose reading end becomes readable when the writing end is closed.
pub(crate) fn stop_pipe() -> Result<(OwnedFd, OwnedFd)> {
    rustix::pipe::pipe().map_err(|error| Error::host("cannot make a pipe", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> (Vec<u8>, Vec<Key>) {
        let (mut escapes, mut text, mut keys, mut rest) = (Escapes::default(), Vec::new(), Vec::new(), bytes);
        while !rest.is_empty() {
            let (taken, key) = escapes.take(rest, &mut text);
            keys.extend(key);
            rest = &rest[taken..];
        }
        (text, keys)
    }

    #[test]
    fn escapes_are_ours_and_the_rest_is_the_guests() {
        assert_eq!(keys(b"ab\x01cd\x01x"), (b"abd".to_vec(), vec![Key::Monitor, Key::Leave]));
        assert_eq!(keys(b"\x01a\x01\x01x"), (b"\x01\x01x".to_vec(), vec![]));
        assert_eq!(keys(b"\x01zq"), (b"q".to_vec(), vec![]));
    }

    #[test]
    fn an_escape_may_come_in_two_reads() {
        let (mut escapes, mut text) = (Escapes::default(), Vec::new());
        assert_eq!(escapes.take(b"a\x01", &mut text), (2, None));
        assert_eq!(escapes.take(b"x", &mut text), (1, Some(Key::Leave)));
        assert_eq!(text, b"a");
    }
}
