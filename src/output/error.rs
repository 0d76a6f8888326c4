//! Why an output cannot be made: before the run, or at its end.

use std::io;
use std::path::{Path, PathBuf};

use crate::printable::Printable;

/// Why an output cannot be created. No input has been read.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The path names a directory.
    #[error("{}: is a directory; name a file in it", Printable::path(.path))]
    IsDirectory {
        /// The output.
        path: PathBuf,
    },
    /// The directory that would hold the output does not exist, or is none.
    #[error(
        "{}: there is no directory {}; create it, or write elsewhere",
        Printable::path(.path), Printable::path(.directory)
    )]
    NoDirectory {
        /// The output.
        path: PathBuf,
        /// The directory that is missing.
        directory: PathBuf,
    },
    /// The output exists and must not be written.
    #[error(
        "{}: is write-protected: {source}; make it writable, or write elsewhere",
        Printable::path(.path)
    )]
    Protected {
        /// The output.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The output is a file that is mounted by itself.
    #[error(
        "{}: is a mount point, which cannot be replaced; mount its directory, or write elsewhere",
        Printable::path(.path)
    )]
    MountPoint {
        /// The output.
        path: PathBuf,
    },
    /// The output cannot be examined or opened.
    #[error(
        "{}: cannot be opened for writing: {source}; check the path and its permissions",
        Printable::path(.path)
    )]
    Open {
        /// The output.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The directory takes no new file.
    #[error(
        "{}: no file can be created in {}: {source}; make the directory writable, or write \
         elsewhere",
        Printable::path(.path), Printable::path(.directory)
    )]
    Temporary {
        /// The output.
        path: PathBuf,
        /// The directory that was to hold it.
        directory: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Why an output could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A write failed. No output file has been changed.
    #[error(
        "{}: writing failed: {source}; no output file was changed; make room or write elsewhere, \
         and run again",
        Printable::path(.path)
    )]
    Write {
        /// The output.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The written file could not take the place of the output.
    #[error(
        "{}: could not be put in place: {source}; the old file, if any, is untouched; check the \
         directory, and run again",
        Printable::path(.path)
    )]
    Replace {
        /// The output.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The output is in place and complete, but a power cut may still undo that.
    #[error(
        "{}: is complete, but {} could not be synced, so a power cut may undo it: {source}; check \
         the disk, and run again",
        Printable::path(.path), Printable::path(.directory)
    )]
    SyncDirectory {
        /// The output.
        path: PathBuf,
        /// Its directory.
        directory: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl WriteError {
    /// Says that writing to `path` failed: what [`io::Write`] reports, with the name it lacks.
    pub fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    pub(super) fn replace(path: &Path, source: io::Error) -> Self {
        Self::Replace { path: path.to_owned(), source }
    }

    /// Gives the kind of the cause; [`io::ErrorKind::BrokenPipe`] when the reader of a pipe has
    /// gone.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Write { source, .. }
            | Self::Replace { source, .. }
            | Self::SyncDirectory { source, .. } => source.kind(),
        }
    }
}
