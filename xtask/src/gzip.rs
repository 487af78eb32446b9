//! GNU gzip with DEFLATE CONVERSION CALL, which Debian's package is built without: from Debian's source package, for the
//! guest. Built once, then kept.
//! Truth: gzip's configure (`--enable-dfltcc`).

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::{ARCHITECTURE, Apt};
use crate::linux::Source;
use crate::progress::Step;
use crate::qemu_client::logged;

/// Builds it as `program`, with sources and the private apt root in `folder`, if it is not there.
pub fn build(folder: &Path, source: &Source, program: &Path) -> Result<()> {
    if program.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let folder = fs::canonicalize(folder).with_context(|| format!("cannot open {}", folder.display()))?;
    let step = Step::start("downloading the source of gzip");
    let apt = Apt::open(&folder.join("apt"), ARCHITECTURE, source.mirror.as_deref(), source.unsigned)?;
    let archive = apt.download_source("gzip", &folder)?;
    drop(step);
    let step = Step::start("building gzip with DFLTCC");
    let (tree, log) = (folder.join("source"), folder.join("build.log"));
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    }
    fs::create_dir_all(&tree).with_context(|| format!("cannot create {}", tree.display()))?;
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(archive).arg("--directory").arg(&tree).arg("--strip-components=1");
    logged(&mut tar, &log)?;
    let mut configure = Command::new(tree.join("configure"));
    configure.current_dir(&tree).args(["--host=s390x-linux-gnu", "--enable-dfltcc", "--quiet"]);
    // Its own source of this forgets to.
    configure.env("CFLAGS", "-O2 -include stdalign.h");
    logged(&mut configure, &log)?;
    logged(Command::new("make").current_dir(&tree).args(["--jobs=2", "--quiet"]), &log)?;
    // Under its final name only when whole.
    let partial = program.with_extension("partial");
    fs::copy(tree.join("gzip"), &partial).context("gzip was not built")?;
    fs::rename(&partial, program).with_context(|| format!("cannot write {}", program.display()))?;
    drop(step);
    Ok(())
}
