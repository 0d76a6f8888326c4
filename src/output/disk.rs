//! The calls to the operating system that an output file is made with, each of which may fail.
//!
//! In tests one of them can be told to fail, so that what follows a failure can be looked at for
//! every single call.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

#[cfg(test)]
use faults::{Call, meet};

/// What a file is created with; the umask of the process takes its share.
const NEW_FILE_MODE: u32 = 0o666;

/// Opens a temporary without a name, where the system can make one and can name it later.
#[cfg(target_os = "linux")]
pub(super) fn open_unnamed(directory: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::io::Errno;

    #[cfg(test)]
    meet(Call::Create)?;
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match open(directory, flags, Mode::from_raw_mode(NEW_FILE_MODE)) {
        Ok(descriptor) => {
            let file = File::from(descriptor);
            let has_proc = descriptor_path(&file).symlink_metadata().is_ok();
            Ok(has_proc.then_some(file))
        }
        // A file system without them, or a kernel before 3.11. The directory is known to exist.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn open_unnamed(_: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// Creates a temporary with the first of `names` that is free.
pub(super) fn create(
    names: &mut Builder<'_, '_>,
    directory: &Path,
) -> io::Result<(File, TempPath)> {
    #[cfg(test)]
    meet(Call::Create)?;
    names.permissions(Permissions::from_mode(NEW_FILE_MODE));
    names.tempfile_in(directory).map(tempfile::NamedTempFile::into_parts)
}

/// Hands bytes to the operating system, all of them.
pub(super) fn write_all(file: &File, bytes: &[u8]) -> io::Result<()> {
    Written(file).write_all(bytes)
}

struct Written<'f>(&'f File);

impl Write for Written<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(test)]
        let bytes = faults::shorten(bytes)?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Asks the system to begin to write a part of a file to the disk, without waiting for it.
#[cfg(target_os = "linux")]
pub(super) fn begin_writing_out(file: &File, start_bytes: u64, length_bytes: u64) {
    use rustix::fs::{Advice, fadvise};
    use std::num::NonZeroU64;

    // Pages that are no longer needed are written out, and these are not on the disk yet, so they
    // also stay in memory. No failure counts: the sync at the end reports what matters.
    let _ = fadvise(file, start_bytes, NonZeroU64::new(length_bytes), Advice::DontNeed);
}

/// Nothing: only the sync at the end writes out.
#[cfg(not(target_os = "linux"))]
pub(super) fn begin_writing_out(_: &File, _: u64, _: u64) {}

/// Waits until a file is on the disk.
pub(super) fn sync(file: &File) -> io::Result<()> {
    #[cfg(test)]
    meet(Call::Sync)?;
    file.sync_all()
}

/// Gives a temporary without a name one.
pub(super) fn link(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};

    #[cfg(test)]
    meet(Call::Link)?;
    // By the way of /proc: naming the descriptor itself takes a capability that few have.
    let unnamed = descriptor_path(file);
    Ok(linkat(CWD, &unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

fn descriptor_path(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Puts a temporary in the place of `path`, or removes it.
pub(super) fn rename(temporary: TempPath, path: &Path) -> io::Result<()> {
    #[cfg(test)]
    meet(Call::Rename)?;
    temporary.persist(path).map_err(|failure| failure.error)
}

/// Makes the names in a directory outlast a power cut.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    #[cfg(test)]
    meet(Call::SyncDirectory)?;
    let opened = match File::open(directory) {
        // A directory that may be written but not read cannot be synced.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        opened => opened?,
    };
    match opened.sync_all() {
        // File systems that have no such thing say so.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

#[cfg(test)]
pub(super) mod faults;
