//! Notices that a file was changed while it was read.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

use super::InputError;

/// A file as it was when it was opened.
pub(crate) struct Watch {
    file: File,
    before: State,
}

/// What a change in place leaves traces in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    links: u64,
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self {
            len: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            links: metadata.nlink(),
        }
    }

    /// Says what has happened between `self` and `after`, if anything has.
    fn change(self, after: Self) -> Option<&'static str> {
        if after.len < self.len {
            return Some("was truncated");
        }
        if after.len > self.len {
            return Some("has grown");
        }
        // A file replaced by rename or removed loses a link, which sets the time of change but
        // not a byte.
        let is_relinked = after.links != self.links;
        let is_touched = after.changed != self.changed && !is_relinked;
        (after.modified != self.modified || is_touched).then_some("was written to")
    }
}

impl Watch {
    /// Watches a regular file; nothing else has a size and times that say something, nor has the
    /// size of 0 that files in `/proc` have.
    pub(crate) fn of_regular(file: &File, metadata: &Metadata) -> io::Result<Option<Self>> {
        if !metadata.is_file() || metadata.len() == 0 {
            return Ok(None);
        }
        Ok(Some(Self { file: file.try_clone()?, before: State::of(metadata) }))
    }

    /// Compares the file with what was opened.
    pub(crate) fn check(&self, name: &str) -> Result<(), InputError> {
        let metadata = self
            .file
            .metadata()
            .map_err(|source| InputError::Open { name: name.to_owned(), source })?;
        match self.before.change(State::of(&metadata)) {
            Some(change) => Err(InputError::Changed { name: name.to_owned(), change }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_link_excuses_a_new_time_of_change() {
        let before = State { len: 9, modified: (1, 0), changed: (1, 0), links: 1 };
        assert_eq!(before.change(before), None);
        assert_eq!(before.change(State { changed: (2, 0), links: 0, ..before }), None);
        for (after, expected) in [
            (State { changed: (2, 0), ..before }, "was written to"),
            (State { modified: (1, 1), ..before }, "was written to"),
            (State { modified: (1, 1), links: 0, ..before }, "was written to"),
            (State { len: 8, ..before }, "was truncated"),
            (State { len: 10, ..before }, "has grown"),
        ] {
            assert_eq!(before.change(after), Some(expected));
        }
    }
}
