//! The QEMU that softsie is compared with: that of Debian 13 with its own libraries, whatever the host's release has.
//! Truth: Debian's package qemu-system-s390x; ld.so(8).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::linux::{self, Source};
use crate::userland::{Packages, host_architecture};

/// The package, and the program in it.
const QEMU: &str = "qemu-system-s390x";

/// A QEMU.
pub struct Peer {
    program: PathBuf,
    /// Where its firmware is, unless it finds that by itself.
    firmware: Option<PathBuf>,
}

impl Peer {
    /// The one at `path`, or Debian's.
    pub fn prepare(repository: &Path, source: &Source, path: Option<&Path>) -> Result<Self> {
        if let Some(path) = path {
            return Ok(Self { program: path.to_owned(), firmware: None });
        }
        let folder = linux::target(repository).join("rootfs");
        let packages = Packages { folder: &folder, source, architecture: host_architecture()? };
        let mut user_land = packages.user_land(&[QEMU.to_owned()])?;
        let root = &user_land.root;
        user_land.root = fs::canonicalize(root).with_context(|| format!("cannot open {}", root.display()))?;
        let program = user_land.programs(None, &[])?.join(QEMU);
        Ok(Self { program, firmware: Some(user_land.root.join("usr/share/qemu")) })
    }

    /// The command that starts it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(firmware) = &self.firmware {
            command.arg("-L").arg(firmware);
        }
        // Sound is a module, and it would find that of the host's QEMU.
        command.args(["-audio", "driver=none"]);
        command
    }
}
