//! Unpacks Debian packages: with dpkg-deb where it exists, else by reading the ar archive and its xz-compressed tar.
//! Truth: deb(5), ar(5).

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Unpacks the files of the package `deb` below `folder`.
pub fn unpack(deb: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    match Command::new("dpkg-deb").arg("-x").arg(deb).arg(folder).stderr(Stdio::piped()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => bail!("dpkg-deb cannot unpack {}: {}", deb.display(), String::from_utf8_lossy(&output.stderr)),
        Err(_) => unpack_ourselves(deb, folder),
    }
}

fn unpack_ourselves(deb: &Path, folder: &Path) -> Result<()> {
    let bytes = fs::read(deb).with_context(|| format!("cannot read {}", deb.display()))?;
    let Some(data) = member(&bytes, "data.tar.xz") else {
        bail!("{} holds no data.tar.xz: it is damaged or of a newer form; install dpkg-deb", deb.display());
    };
    let mut tar = Vec::new();
    lzma_rs::xz_decompress(&mut Cursor::new(data), &mut tar)
        .map_err(|error| anyhow::anyhow!("cannot decompress {}: {error:?}", deb.display()))?;
    tar::Archive::new(Cursor::new(tar))
        .unpack(folder)
        .with_context(|| format!("cannot unpack {} into {}", deb.display(), folder.display()))
}

/// The contents of one member of an ar archive.
fn member<'a>(archive: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let mut rest = archive.strip_prefix(b"!<arch>\n")?;
    while rest.len() >= 60 {
        let (header, after) = rest.split_at(60);
        let name = std::str::from_utf8(&header[..16]).ok()?.trim_end().trim_end_matches('/');
        let size: usize = std::str::from_utf8(&header[48..58]).ok()?.trim().parse().ok()?;
        let data = after.get(..size)?;
        if name == wanted {
            return Some(data);
        }
        // Members start at even offsets.
        rest = after.get(size + size % 2..).unwrap_or_default();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = b"!<arch>\n".to_vec();
        for (name, data) in members {
            bytes.extend_from_slice(
                format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, data.len()).as_bytes(),
            );
            bytes.extend_from_slice(data);
            if data.len() % 2 == 1 {
                bytes.push(b'\n');
            }
        }
        bytes
    }

    #[test]
    fn members_are_found_after_odd_sized_ones() {
        let archive = ar(&[("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar.xz", b"payload")]);
        assert_eq!(member(&archive, "data.tar.xz"), Some(&b"payload"[..]));
        assert_eq!(member(&archive, "data.tar.zst"), None);
    }

    #[test]
    fn damaged_archives_give_nothing() {
        assert_eq!(member(b"!<arch>\nshort", "data.tar.xz"), None);
        let mut archive = ar(&[("data.tar.xz", b"payload")]);
        archive.truncate(archive.len() - 4);
        assert_eq!(member(&archive, "data.tar.xz"), None);
    }
}
