//! The user land of the main job: busybox, a few nodes and links, and an /init of our own.
//! Truth: Linux Documentation/filesystems/ramfs-rootfs-initramfs.rst; busybox's own applets.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cpio::Archive;

/// What the guest is told about this run.
#[derive(Debug, Default)]
pub struct Session {
    /// The terminal's name and its rows and columns, where the console is a terminal.
    pub terminal: Option<(String, u16, u16)>,
    /// A shell command to run in place of an interactive shell.
    pub command: Option<String>,
    /// The word that announces the command's exit status on the console, followed by a colon and the number.
    pub marker: String,
}

/// The first process of the guest, a script for busybox.
const INIT: &str = include_str!("init.sh");

impl Session {
    /// A session on `terminal` that runs the words of `command`, if there are any.
    pub fn new(terminal: Option<(String, u16, u16)>, command: &[String]) -> Self {
        // A number no earlier run had, so that no output of the guest can look like this run's marker by accident.
        let nonce = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos());
        Self {
            terminal,
            command: (!command.is_empty()).then(|| command.join(" ")),
            marker: format!("softsie-status-{:x}-{nonce:x}", std::process::id()),
        }
    }
}

/// Adds what each of our user lands has: busybox for /init, and the nodes the kernel opens before /init runs.
pub fn foundation(archive: &mut Archive, busybox: &[u8]) {
    archive.directory("softsie", 0o755);
    archive.character_device("dev/console", 0o600, 5, 1);
    archive.character_device("dev/null", 0o666, 1, 3);
    archive.file("softsie/busybox", 0o755, busybox);
    archive.file("init", 0o755, INIT.as_bytes());
}

/// An archive of what the guest is told about this run.
pub fn about(session: &Session) -> Vec<u8> {
    let mut archive = Archive::new();
    tell(&mut archive, session);
    archive.finish()
}

fn tell(archive: &mut Archive, session: &Session) {
    archive.file("softsie/settings", 0o644, settings(session).as_bytes());
    if let Some(command) = &session.command {
        archive.file("softsie/command", 0o644, format!("{command}\n").as_bytes());
    }
}

/// Builds the archive around the static `busybox` program.
pub fn build(busybox: &[u8], session: &Session) -> Vec<u8> {
    let mut archive = Archive::new();
    for folder in ["bin", "dev", "etc", "proc", "root", "sys", "tmp"] {
        archive.directory(folder, 0o755);
    }
    foundation(&mut archive, busybox);
    archive.link("bin/sh", "/softsie/busybox");
    archive.link("sbin", "bin");
    archive.link("usr", ".");
    archive.file("etc/passwd", 0o644, b"root::0:0:root:/root:/bin/sh\n");
    archive.file("etc/group", 0o644, b"root:x:0:\n");
    archive.file("etc/profile", 0o644, b"PS1='\\h:\\w# '\n");
    tell(&mut archive, session);
    archive.finish()
}

fn settings(session: &Session) -> String {
    let mut text = format!("MARKER={}\n", quoted(&session.marker));
    match &session.terminal {
        Some((name, rows, columns)) => {
            text.push_str(&format!("export TERM={}\nROWS={rows}\nCOLUMNS={columns}\n", quoted(name)));
        }
        None => text.push_str("export TERM=dumb\n"),
    }
    text
}

/// A word in single quotes for the shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn the_archive_holds_init_and_the_command_only_when_there_is_one() {
        let holds = |bytes: &[u8], name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
        let plain = build(b"\x7fELF", &Session::default());
        assert!(holds(&plain, b"init\0") && holds(&plain, b"softsie/busybox\0") && holds(&plain, b"dev/console\0"));
        assert!(!holds(&plain, b"softsie/command\0"));
        let session = Session { command: Some("uname -a".into()), marker: "m".into(), terminal: None };
        assert!(holds(&build(b"\x7fELF", &session), b"uname -a\n"));
    }

    #[test]
    fn settings_name_the_terminal() {
        let session = Session { terminal: Some(("xterm".into(), 40, 120)), ..Session::default() };
        assert!(settings(&session).contains("TERM='xterm'\nROWS=40\nCOLUMNS=120\n"));
        assert!(settings(&Session::default()).contains("TERM=dumb"));
    }
}
