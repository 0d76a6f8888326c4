//! The bytes behind an input: mapped, in memory, in a file, or a stream.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Io;
use super::error::{Fault, ReadFault};
use super::map::Map;
use crate::digest::Hasher;
use crate::interrupt::Interrupt;

/// Where the bytes of an input are.
pub(super) enum Content {
    Mapped(Map),
    Memory(Vec<u8>),
    File {
        file: File,
        len: u64,
    },
    /// Readable once; taken by whoever reads it.
    Stream(Mutex<Option<Box<dyn Read + Send>>>),
}

impl Content {
    /// The content of a regular file of `len` bytes; what cannot be mapped is read.
    pub(super) fn of_file(file: File, len: u64, io: Io) -> Self {
        if io == Io::Map {
            match Map::of(&file) {
                Ok(map) => return Self::Mapped(map),
                Err(error) => tracing::info!(%error, "cannot be mapped; reading at positions"),
            }
        }
        Self::File { file, len }
    }

    pub(super) fn stream(reader: Box<dyn Read + Send>) -> Self {
        Self::Stream(Mutex::new(Some(reader)))
    }

    /// The bytes, where they can be looked at in place.
    pub(super) fn slice(&self) -> Option<&[u8]> {
        match self {
            Self::Mapped(map) => Some(map.bytes()),
            Self::Memory(bytes) => Some(bytes),
            Self::File { .. } | Self::Stream(_) => None,
        }
    }

    /// How many bytes there are, where it is known.
    pub(super) fn len(&self) -> Option<u64> {
        match self {
            Self::File { len, .. } => Some(*len),
            Self::Mapped(_) | Self::Memory(_) => {
                self.slice().map(|bytes| u64::try_from(bytes.len()).expect("64 bits"))
            }
            Self::Stream(_) => None,
        }
    }

    /// Lets go of the memory of bytes that have been read.
    pub(super) fn release(&self, place: u64) {
        if let Self::Mapped(map) = self {
            map.release(usize::try_from(place).unwrap_or(usize::MAX));
        }
    }

    /// Digests all bytes, as long as `go_on` says so.
    pub(super) fn digest(&self, hasher: &mut Hasher, go_on: impl Fn() -> bool) -> io::Result<()> {
        const CHUNK: usize = 1 << 20;
        if let Some(bytes) = self.slice() {
            bytes.chunks(CHUNK).take_while(|_| go_on()).for_each(|chunk| hasher.update(chunk));
        }
        if let Self::File { file, len } = self {
            let mut cursor = Cursor { file, at: 0, end: *len };
            let mut buffer = vec![0; CHUNK];
            while go_on() {
                match cursor.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => hasher.update(&buffer[..count]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Gives the first `most` bytes, and whether they are all there are.
    pub(super) fn first_bytes(&self, most: usize) -> Result<(Cow<'_, [u8]>, bool), Fault> {
        if let Some(bytes) = self.slice() {
            return Ok((Cow::Borrowed(&bytes[..bytes.len().min(most)]), bytes.len() <= most));
        }
        let mut bytes = Vec::new();
        if let Self::File { file, len } = self {
            let end = u64::try_from(most).expect("64 bits").min(*len);
            let read = Cursor { file, at: 0, end }.read_to_end(&mut bytes);
            read.map_err(|error| Fault::after(&bytes, error))?;
        }
        let is_all =
            self.len().is_some_and(|len| usize::try_from(len).is_ok_and(|len| len <= most));
        Ok((Cow::Owned(bytes), is_all))
    }
}

/// Reads a part of a file at positions. A file that ends before the part does is an error.
pub(super) struct Cursor<'f> {
    pub(super) file: &'f File,
    pub(super) at: u64,
    pub(super) end: u64,
}

impl Read for Cursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        if most == 0 {
            return Ok(0);
        }
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        if count == 0 {
            return Err(ReadFault::Truncated.into());
        }
        self.at += u64::try_from(count).expect("64 bits");
        Ok(count)
    }
}

/// Makes a reader that a request to stop gets through to, even while no byte comes.
pub(super) fn interruptible(
    reader: impl Read + AsFd + Send + 'static,
    interrupt: &Interrupt,
) -> Box<dyn Read + Send> {
    Box::new(Interruptible { reader, interrupt: interrupt.clone() })
}

struct Interruptible<R> {
    reader: R,
    interrupt: Interrupt,
}

impl<R: Read + AsFd> Read for Interruptible<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        loop {
            if self.interrupt.is_requested() {
                return Err(ReadFault::Interrupted.into());
            }
            let mut polled = [PollFd::new(&self.reader, PollFlags::IN)];
            match poll(&mut polled, Some(&WAIT)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                // What cannot be polled is read as it is.
                Ok(_) | Err(_) => return self.reader.read(buffer),
            }
        }
    }
}

/// Counts what is read through it, so that a fault can be given its place.
pub(super) struct Counted<R> {
    pub(super) reader: R,
    pub(super) count_bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.count_bytes += u64::try_from(count).expect("64 bits");
        Ok(count)
    }
}
