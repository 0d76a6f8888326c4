//! An output file that appears whole or not at all.
//!
//! What is written goes to a temporary beside the target, which takes the target's place only once
//! it is complete and on the disk. On Linux the temporary has no name until then, so that a killed
//! run leaves nothing behind; one that is killed between the two calls that give it its place leaves
//! a hidden file, which is complete. Permissions of a replaced file are kept; its owner and further
//! hard links are not. Devices and pipes are written to directly: nothing can take their place. What
//! the bytes mean is not known here.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

use super::disk;
use super::error::{CreateError, WriteError};
use super::target::{Place, Target};

/// Writes are gathered up to this size.
const BUFFER_BYTES: usize = 256 * 1024;

/// Writes of so many bytes are handed on as they are.
const LONG_BYTES: usize = 64 * 1024;

/// As much is handed to the operating system before the disk is to begin with it: a quarter of what
/// it has, within these limits.
const BEGIN_BYTES: RangeInclusive<u64> = 1 << 20..=4 << 20;

/// As much of the target's name as a temporary carries: some file systems end names at 143 bytes.
const MAX_NAME_BYTES: usize = 100;

const HIDDEN_SUFFIX: &str = ".tmp";

/// An output that appears whole, on [`OutputFile::persist`], or not at all.
///
/// Dropped without that, it leaves no trace, and a file that stood at its path is untouched. (What
/// has been written to a device or a pipe is gone, of course.)
///
/// ```
/// use std::io::Write;
/// use millrace::output::OutputFile;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("balances.csv");
/// let mut output = OutputFile::create(&path)?;
/// output.write_all(b"client,available,held,total,locked\n")?;
/// assert!(!path.exists());
/// output.persist()?;
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "an output that is dropped leaves no trace"]
pub struct OutputFile {
    /// As it was given, for messages.
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    /// How much the operating system has.
    written_bytes: u64,
    /// How much of that the disk has been asked to begin with.
    begun_bytes: u64,
    destination: Destination,
    /// The first write that failed: whatever follows, the content has a hole.
    failure: Option<io::ErrorKind>,
}

#[derive(Debug)]
enum Destination {
    /// The file is the output.
    Stream,
    /// The file is a temporary that will take this place.
    Replace { place: Place, name: TemporaryName },
}

/// Under which name the temporary stands.
#[derive(Debug)]
enum TemporaryName {
    /// None: the temporary is gone when it is closed.
    Unnamed,
    /// A hidden name beside the target, removed on drop.
    Named(TempPath),
}

/// Opens a temporary without a name in a directory; `None` where there are none.
type OpenUnnamed = fn(&Path) -> io::Result<Option<File>>;

impl OutputFile {
    /// Opens an output, before any input is read.
    ///
    /// A link to a file stands for the file. An existing file stays as it is until
    /// [`OutputFile::persist`]. A pipe is waited for until somebody reads it.
    ///
    /// # Errors
    /// The path names a directory, a write-protected file or a mount point, its directory is
    /// missing or takes no new file, or a device cannot be opened.
    pub fn create(path: &Path) -> Result<Self, CreateError> {
        Self::create_with(path, disk::open_unnamed)
    }

    fn create_with(path: &Path, open_unnamed: OpenUnnamed) -> Result<Self, CreateError> {
        let (file, destination) = match Target::find(path)? {
            Target::Stream(file) => (file, Destination::Stream),
            Target::File { place, mode } => match open_temporary(&place, mode, open_unnamed) {
                Ok((file, name)) => (file, Destination::Replace { place, name }),
                Err(source) => {
                    let Place { directory, .. } = place;
                    return Err(CreateError::Temporary {
                        path: path.to_owned(),
                        directory,
                        source,
                    });
                }
            },
        };
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Ok(Self {
            path: path.to_owned(),
            file,
            buffer,
            written_bytes: 0,
            begun_bytes: 0,
            destination,
            failure: None,
        })
    }

    /// Gives the path as it was given to [`OutputFile::create`].
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Completes the output and puts it in place: flush, sync, rename, sync of the directory.
    ///
    /// # Errors
    /// As [`persist_all`].
    pub fn persist(self) -> Result<(), WriteError> {
        persist_all(vec![self])
    }

    fn is_stream(&self) -> bool {
        matches!(self.destination, Destination::Stream)
    }

    /// Hands the buffer to the operating system.
    fn drain(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let result = self.hand_over(&buffer);
        self.buffer = buffer;
        self.buffer.clear();
        result
    }

    /// Hands bytes to the operating system.
    fn hand_over(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = disk::write_all(&self.file, bytes);
        self.note(result)?;
        self.written_bytes += u64::try_from(bytes.len()).expect("64 bits");
        self.begin_sync();
        Ok(())
    }

    /// Has the disk begin with what has been written: the sync at the end, for which everything
    /// waits, finds little left to do.
    fn begin_sync(&mut self) {
        let length = self.written_bytes - self.begun_bytes;
        let enough = (self.written_bytes / 4).clamp(*BEGIN_BYTES.start(), *BEGIN_BYTES.end());
        if length >= enough && !self.is_stream() {
            disk::begin_writing_out(&self.file, self.begun_bytes, length);
            self.begun_bytes = self.written_bytes;
        }
    }

    /// Remembers a failure, so that no later success can hide it.
    fn note(&mut self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result {
            self.failure.get_or_insert(error.kind());
        }
        result
    }

    /// Writes everything out; a file also reaches the disk.
    fn complete(&mut self) -> Result<(), WriteError> {
        let completed = match self.failure {
            Some(kind) => Err(kind.into()),
            None if self.is_stream() => self.drain(),
            None => self.drain().and_then(|()| disk::sync(&self.file)),
        };
        completed.map_err(|source| WriteError::write(&self.path, source))
    }

    /// Gives the temporary a name, from which it can be renamed.
    fn give_name(&mut self) -> Result<(), WriteError> {
        let Destination::Replace { place, name } = &mut self.destination else { return Ok(()) };
        if matches!(name, TemporaryName::Unnamed) {
            let linked = hidden_names(&hidden_prefix(&place.name))
                .make_in(&place.directory, |path| disk::link(&self.file, path))
                .map_err(|source| WriteError::replace(&self.path, source))?;
            *name = TemporaryName::Named(linked.into_temp_path());
        }
        Ok(())
    }

    /// Renames the temporary, which has a name, over the target. Gives the path, and the directory
    /// that has to be synced.
    fn rename(self) -> Result<Option<(PathBuf, PathBuf)>, WriteError> {
        let Self { path, destination, .. } = self;
        let Destination::Replace { place, name: TemporaryName::Named(temporary) } = destination
        else {
            return Ok(None);
        };
        match disk::rename(temporary, &place.path()) {
            Ok(()) => Ok(Some((path, place.directory))),
            Err(source) => Err(WriteError::replace(&path, source)),
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_long = bytes.len() >= LONG_BYTES;
        if is_long && !self.buffer.is_empty() || self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.drain()?;
        }
        if is_long {
            self.hand_over(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()
    }
}

/// Completes several outputs and puts them in place together.
///
/// Every one is written out and synced before the first is renamed, so that a full disk is met
/// while all old files still stand. The files come before the streams: what a pipe has taken
/// cannot be taken back.
///
/// # Errors
/// - [`WriteError::Write`]: a write or sync failed, now or earlier; no file has been changed.
/// - [`WriteError::Replace`]: a directory has changed since [`OutputFile::create`] so that a rename
///   in it fails; that file is untouched, and so are those after it in the list.
/// - [`WriteError::SyncDirectory`]: all files are in place, and the disk may be failing.
pub fn persist_all(files: Vec<OutputFile>) -> Result<(), WriteError> {
    let (mut streams, mut files): (Vec<_>, Vec<_>) =
        files.into_iter().partition(OutputFile::is_stream);
    files.iter_mut().try_for_each(OutputFile::complete)?;
    streams.iter_mut().try_for_each(OutputFile::complete)?;
    files.iter_mut().try_for_each(OutputFile::give_name)?;
    let mut directories = BTreeMap::new();
    for file in files {
        if let Some((path, directory)) = file.rename()? {
            directories.insert(directory, path);
        }
    }
    for (directory, path) in directories {
        if let Err(source) = disk::sync_directory(&directory) {
            return Err(WriteError::SyncDirectory { path, directory, source });
        }
    }
    Ok(())
}

fn open_temporary(
    place: &Place,
    mode: Option<u32>,
    open_unnamed: OpenUnnamed,
) -> io::Result<(File, TemporaryName)> {
    let (file, name) = if let Some(file) = open_unnamed(&place.directory)? {
        (file, TemporaryName::Unnamed)
    } else {
        let prefix = hidden_prefix(&place.name);
        let (file, path) = disk::create(&mut hidden_names(&prefix), &place.directory)?;
        (file, TemporaryName::Named(path))
    };
    if let Some(mode) = mode
        && file.metadata()?.permissions().mode() & 0o777 != mode
    {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok((file, name))
}

/// Makes hidden names to try.
fn hidden_names(prefix: &OsStr) -> Builder<'_, 'static> {
    let mut names = Builder::new();
    names.prefix(prefix).suffix(HIDDEN_SUFFIX);
    names
}

/// Gives `.NAME.millrace-`, a long NAME cut, to which random letters and `.tmp` are added.
fn hidden_prefix(name: &OsStr) -> OsString {
    let bytes = name.as_bytes();
    let mut length_bytes = bytes.len().min(MAX_NAME_BYTES);
    // Not in the middle of a character: some file systems take UTF-8 alone.
    while length_bytes > MAX_NAME_BYTES - 3
        && bytes.get(length_bytes).is_some_and(|byte| byte >> 6 == 0b10)
    {
        length_bytes -= 1;
    }
    OsString::from_vec([b".", &bytes[..length_bytes], b".millrace-"].concat())
}

#[cfg(test)]
mod tests;
