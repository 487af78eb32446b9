//! A guest that runs to its end under a limit of time, with each line it prints told as it comes.
//! Truth: none; one way to do this for all chores that listen to guests.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Runs `command` to its end or to the limit of time, where it has no status; `line` is told the process and each line
/// of output. Gives the status and all that was printed.
pub fn finish(
    command: &mut Command,
    limit: Duration,
    mut line: impl FnMut(u32, &str),
) -> Result<(Option<ExitStatus>, String)> {
    let deadline = Instant::now() + limit;
    let name = command.get_program().display().to_string();
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run {name}"))?;
    let mut output = BufReader::new(child.stdout.take().with_context(|| format!("{name} has no output"))?);
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is still worth having.
        while output.read_until(b'\n', &mut bytes).is_ok_and(|length| length != 0) {
            if sender.send(String::from_utf8_lossy(&bytes).into_owned()).is_err() {
                return;
            }
            bytes.clear();
        }
    });
    let mut text = String::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(next) => {
                line(child.id(), next.trim_end());
                text.push_str(&next);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                child.kill().with_context(|| format!("cannot stop {name}"))?;
                child.wait().with_context(|| format!("cannot wait for {name}"))?;
                return Ok((None, text));
            }
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;
    Ok((Some(status), text))
}

/// The last lines of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn lines_are_told_and_kept_and_the_status_is_the_programs() {
        let mut lines = Vec::new();
        let (status, text) =
            finish(&mut shell("echo one; printf 'two\\r\\nthree'; exit 5"), Duration::from_secs(60), |_, line| {
                lines.push(line.to_owned());
            })
            .unwrap();
        assert_eq!(status.and_then(|status| status.code()), Some(5));
        assert_eq!(lines, ["one", "two", "three"]);
        assert_eq!(text, "one\ntwo\r\nthree");
        assert_eq!(last_lines(&text, 2), "two\nthree");
    }

    #[test]
    fn what_takes_too_long_is_stopped() {
        let (status, text) =
            finish(&mut shell("echo begun; exec sleep 600"), Duration::from_secs(2), |_, _| ()).unwrap();
        assert_eq!((status, text.as_str()), (None, "begun\n"));
    }
}
