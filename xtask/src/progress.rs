//! One spinner line per step of a chore, so that a long download or build never looks like a hang.
//! Truth: none; presentation only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A step that is under way; dropping it without `done` leaves no line behind.
pub struct Step(ProgressBar);

impl Step {
    /// Shows `what` with a spinner until the step ends. Without a terminal nothing moves and only `done` prints.
    pub fn start(what: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Ends the step with the line that stays.
    pub fn done(self, what: &str) {
        self.0.finish_and_clear();
        eprintln!("{what}");
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
