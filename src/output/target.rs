//! What the path of an output stands for: a file to be replaced or made, or a stream to write to.
//!
//! Links are followed, so that a link stays and the file behind it is replaced. Nothing is created
//! or changed here.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::error::CreateError;

/// As many links as Linux follows in one path.
const MAX_LINKS: usize = 40;

/// The permissions that are kept when a file is replaced.
const MODE_BITS: u32 = 0o777;

/// What an output is written to.
#[derive(Debug)]
pub(super) enum Target {
    /// A device or a pipe, open: nothing can take its place.
    Stream(File),
    /// A regular file, which need not exist.
    File {
        /// Where it stands.
        place: Place,
        /// The permissions of the file that exists.
        mode: Option<u32>,
    },
}

/// Where a file stands, whether it exists or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Canonical, so that a change of the working directory does not matter.
    pub(super) directory: PathBuf,
    pub(super) name: OsString,
}

impl Target {
    /// Finds out what `path` stands for, and opens it when it is a stream.
    ///
    /// # Errors
    /// It is a directory, is write-protected, mounted or cannot be opened, or its directory is
    /// missing.
    pub(super) fn find(path: &Path) -> Result<Self, CreateError> {
        let open_error = |source| CreateError::Open { path: path.to_owned(), source };
        if let Some(descriptor) = standard_stream(path) {
            return descriptor.map(|it| Self::Stream(it.into())).map_err(open_error);
        }
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if is_missing(&error) => {
                return Ok(Self::File { place: Place::find(path)?, mode: None });
            }
            Err(error) => return Err(open_error(error)),
        };
        if metadata.is_dir() {
            return Err(CreateError::IsDirectory { path: path.to_owned() });
        }
        if !metadata.is_file() {
            return OpenOptions::new().write(true).open(path).map(Self::Stream).map_err(open_error);
        }
        // A rename asks for the directory's permission only: it would replace a file that its
        // owner has protected.
        access(path, Access::WRITE_OK).map_err(|error| CreateError::Protected {
            path: path.to_owned(),
            source: error.into(),
        })?;
        if is_mount_point(path) {
            return Err(CreateError::MountPoint { path: path.to_owned() });
        }
        Ok(Self::File { place: Place::find(path)?, mode: Some(metadata.mode() & MODE_BITS) })
    }
}

impl Place {
    /// Finds where the file stands that `path` names or would create, behind all links.
    ///
    /// # Errors
    /// The path can only name a directory, or its directory is missing.
    fn find(path: &Path) -> Result<Self, CreateError> {
        let resolved = path.canonicalize().unwrap_or_else(|_| follow_links(path));
        let ends_as_directory = [&b"/"[..], b"/."]
            .into_iter()
            .any(|ending| resolved.as_os_str().as_bytes().ends_with(ending));
        let name = match resolved.file_name() {
            Some(name) if !ends_as_directory => name.to_owned(),
            _ => return Err(CreateError::IsDirectory { path: path.to_owned() }),
        };
        let directory = directory_of(&resolved);
        match directory.canonicalize() {
            Ok(canonical) if canonical.is_dir() => Ok(Self { directory: canonical, name }),
            Err(source) if !is_missing(&source) => {
                Err(CreateError::Open { path: path.to_owned(), source })
            }
            Ok(_) | Err(_) => Err(CreateError::NoDirectory {
                path: path.to_owned(),
                directory: directory.to_owned(),
            }),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }
}

/// Tells whether two paths name one file: a file that exists, by whatever names, or one that both
/// would create.
///
/// Devices are no such files: `/dev/null` may be named twice, and a terminal may be input and
/// output at once. A path that cannot be examined is the same as no other.
///
/// ```
/// use std::path::Path;
/// use millrace::output::same_file;
///
/// assert!(same_file(Path::new("balances.csv"), Path::new("./balances.csv")));
/// assert!(!same_file(Path::new("/dev/null"), Path::new("/dev/null")));
/// ```
pub fn same_file(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => holds_data(&a) && a.dev() == b.dev() && a.ino() == b.ino(),
        (Err(_), Err(_)) => match (Place::find(a), Place::find(b)) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        },
        _ => false,
    }
}

/// Tells whether a file is mounted by itself, as containers do; a rename over it fails.
#[cfg(target_os = "linux")]
fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

    let status = statx(CWD, path, AtFlags::empty(), StatxFlags::empty());
    status.is_ok_and(|status| status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: &Path) -> bool {
    false
}

fn holds_data(metadata: &Metadata) -> bool {
    metadata.is_file() || metadata.file_type().is_fifo()
}

/// Gives a copy of the descriptor when `path` is a name of standard output or standard error.
///
/// Opened by name, a redirected one would be the file behind it: replaced while the shell and
/// other processes still write to the old one, or overwritten from its start.
fn standard_stream(path: &Path) -> Option<io::Result<OwnedFd>> {
    match path.as_os_str().as_bytes() {
        b"/dev/stdout" | b"/dev/fd/1" | b"/proc/self/fd/1" => {
            Some(io::stdout().as_fd().try_clone_to_owned())
        }
        b"/dev/stderr" | b"/dev/fd/2" | b"/proc/self/fd/2" => {
            Some(io::stderr().as_fd().try_clone_to_owned())
        }
        _ => None,
    }
}

/// Follows links of which the last leads to nothing.
fn follow_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(link) = fs::read_link(&path) else { break };
        path = directory_of(&path).join(link);
    }
    path
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn refusal(path: &Path) -> CreateError {
        Target::find(path).unwrap_err()
    }

    #[test]
    fn a_directory_is_refused_whether_it_exists_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for path in [at(""), at("."), at("missing/"), at("missing/."), at("missing/..")] {
            assert!(matches!(refusal(&path), CreateError::IsDirectory { .. }), "{path:?}");
        }
        assert!(matches!(refusal(Path::new("")), CreateError::IsDirectory { .. }));
    }

    #[test]
    fn a_missing_directory_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        fs::write(folder.path().join("file"), "").unwrap();
        for directory in [missing, folder.path().join("file")] {
            let error = refusal(&directory.join("out.csv"));
            assert!(matches!(error, CreateError::NoDirectory { .. }));
            let expected = format!("there is no directory {}", directory.display());
            assert!(error.to_string().contains(&expected), "{error}");
        }
    }

    #[test]
    fn a_link_to_nothing_stands_for_the_file_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("other", &link).unwrap();
        symlink("link", folder.path().join("second")).unwrap();
        let place = Place::find(&folder.path().join("second")).unwrap();
        assert_eq!(place.path(), folder.path().canonicalize().unwrap().join("other"));
    }

    #[test]
    fn a_loop_of_links_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("link", &link).unwrap();
        assert!(matches!(refusal(&link), CreateError::Open { .. }));
    }

    #[test]
    fn one_file_is_found_behind_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), "").unwrap();
        fs::write(at("b"), "").unwrap();
        fs::hard_link(at("a"), at("hard")).unwrap();
        symlink("a", at("soft")).unwrap();
        symlink("new", at("dangling")).unwrap();
        for (a, b, expected) in [
            ("a", "a", true),
            ("a", "hard", true),
            ("a", "soft", true),
            ("a", "b", false),
            ("a", "new", false),
            ("new", "./new", true),
            ("new", "dangling", true),
            ("new", "newer", false),
            ("missing/new", "missing/new", false),
        ] {
            assert_eq!(same_file(&at(a), &at(b)), expected, "{a} {b}");
            assert_eq!(same_file(&at(b), &at(a)), expected, "{b} {a}");
        }
    }
}
