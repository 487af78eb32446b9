//! Where the guest's console text goes: standard output, minus the line with which a command's guest reports its status.
//! Truth: none; the marker is an agreement with whoever builds the guest (xtask's initramfs).

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// The console's output side.
#[derive(Debug, Default)]
pub(crate) struct Console {
    state: Mutex<State>,
    /// The terminal is in raw mode: our own lines need carriage returns.
    raw: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    filter: Option<MarkerFilter>,
}

impl Console {
    /// A console that looks for `marker`, followed by a colon and a number, and keeps it from the output.
    pub(crate) fn new(marker: Option<&str>) -> Self {
        let filter = marker.filter(|marker| !marker.is_empty()).map(MarkerFilter::new);
        Self { state: Mutex::new(State { filter }), raw: AtomicBool::new(false) }
    }

    /// Shows text of the guest.
    pub(crate) fn write(&self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        let shown = match &mut state.filter {
            Some(filter) => filter.pass(text),
            None => text.to_vec(),
        };
        // Nobody reads on: the guest runs on all the same, as with a terminal that is switched off.
        let mut output = std::io::stdout().lock();
        let _ = output.write_all(&shown).and_then(|()| output.flush());
    }

    /// Shows what was held back because it could have been the start of the marker.
    pub(crate) fn flush(&self) {
        if let Some(filter) = &mut self.state.lock().filter {
            let mut output = std::io::stdout().lock();
            let _ = output.write_all(&filter.take_held()).and_then(|()| output.flush());
        }
    }

    /// A line of the launcher's own.
    pub(crate) fn note(&self, line: &str) {
        let end = if self.raw.load(Ordering::Relaxed) { "\r\n" } else { "\n" };
        eprint!("softsie: {line}{end}");
    }

    pub(crate) fn set_raw(&self, raw: bool) {
        self.raw.store(raw, Ordering::Relaxed);
    }

    /// The status the guest reported.
    pub(crate) fn reported_status(&self) -> Option<u8> {
        self.state.lock().filter.as_ref().and_then(MarkerFilter::status)
    }
}

/// Takes the marker and everything behind it out of a stream of text.
#[derive(Debug)]
struct MarkerFilter {
    /// The marker with its colon.
    marker: Vec<u8>,
    /// The end of the text so far, as far as it is a beginning of the marker.
    held: Vec<u8>,
    /// Digits after the marker, once it was seen.
    digits: Option<String>,
    complete: bool,
}

impl MarkerFilter {
    fn new(marker: &str) -> Self {
        let marker = [marker.as_bytes(), b":"].concat();
        Self { marker, held: Vec::new(), digits: None, complete: false }
    }

    fn status(&self) -> Option<u8> {
        // A status above 255 cannot come from a shell.
        self.digits.as_ref()?.parse().ok()
    }

    fn take_held(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn pass(&mut self, text: &[u8]) -> Vec<u8> {
        let mut shown = Vec::with_capacity(text.len());
        for &byte in text {
            if let Some(digits) = &mut self.digits {
                if byte.is_ascii_digit() && !self.complete {
                    digits.push(char::from(byte));
                } else {
                    self.complete = true;
                }
                continue;
            }
            self.held.push(byte);
            // Release from the front until what is left could again be the start of the marker.
            while !self.marker.starts_with(&self.held) {
                shown.push(self.held.remove(0));
            }
            if self.held == self.marker {
                self.held.clear();
                self.digits = Some(String::new());
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_disappears_and_its_number_stays() {
        let mut filter = MarkerFilter::new("mark");
        assert_eq!(filter.pass(b"hello ma"), b"hello ");
        assert_eq!(filter.pass(b"rk:4"), b"");
        assert_eq!(filter.pass(b"2\r\npower down"), b"");
        assert_eq!(filter.status(), Some(42));
    }

    #[test]
    fn text_that_only_begins_like_the_marker_is_shown() {
        let mut filter = MarkerFilter::new("mmark");
        assert_eq!(filter.pass(b"mmmmarks mm"), b"mmmmarks ");
        assert_eq!(filter.take_held(), b"mm");
        assert_eq!(filter.status(), None);
    }

    #[test]
    fn a_number_that_is_no_status_is_none() {
        let mut filter = MarkerFilter::new("m");
        filter.pass(b"m:999\n");
        assert_eq!(filter.status(), None);
    }
}
