//! Inputs: from a path, standard input or bytes in memory to blocks of whole rows.
//!
//! An input is opened once and stays what was opened: a file replaced by rename is read to its old
//! end, and one that is changed in place is noticed. Regular files are mapped or read at positions,
//! and so can be read twice; compressed files and pipes cannot, and are spooled unless the caller
//! reads them as they come. What a row means is not known here.

mod blocks;
mod content;
mod decompress;
mod error;
mod head;
mod lines;
mod map;
mod signature;
mod spool;
mod watch;

pub use error::{FormatError, InputError};
pub(crate) use map::RELEASE_BYTES;
#[cfg(feature = "cli")]
pub use map::install_truncation_guard;

pub(crate) use blocks::{Blocks, RowBlock};
pub(crate) use spool::temporary_folder;
pub(crate) use watch::Watch;

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::digest::{DigestReader, Digested, Hasher};
use crate::interrupt::Interrupt;
use crate::parser::{ExtraColumns, IdLimits, Layout};
use crate::printable::Printable;

use blocks::Span;
use content::Content;
use error::Fault;
use head::Head;

/// How regular files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Io {
    /// Mapped into memory: nothing is copied. A file that is truncated meanwhile kills the process
    /// (see `install_truncation_guard`).
    #[default]
    Map,
    /// Read at positions into private buffers: a few per cent slower, every fault a clean error.
    Read,
}

/// One input of a run.
pub struct Input {
    name: String,
    label: Vec<u8>,
    origin: Origin,
}

enum Origin {
    Path(PathBuf),
    Stdin,
    Bytes(Vec<u8>),
    Reader(Box<dyn Read + Send>),
}

impl Input {
    /// The file at `path`. It may be compressed with gzip or zstd, a FIFO or a device.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let label = path.as_os_str().as_bytes().to_vec();
        Self { name: Printable::path(&path).to_string(), label, origin: Origin::Path(path) }
    }

    /// Standard input.
    pub fn stdin() -> Self {
        Self { name: "standard input".to_owned(), label: b"stdin".to_vec(), origin: Origin::Stdin }
    }

    /// Bytes in memory.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::named(name.into(), Origin::Bytes(bytes.into()))
    }

    /// Anything that can be read once.
    pub fn reader(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Self::named(name.into(), Origin::Reader(Box::new(reader)))
    }

    fn named(name: String, origin: Origin) -> Self {
        Self { label: name.as_bytes().to_vec(), name, origin }
    }

    /// The name that messages use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Has the rows that are not applied carry `label` as their input.
    pub(crate) fn labelled(self, label: impl Into<Vec<u8>>) -> Self {
        Self { label: label.into(), ..self }
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Input").field(&self.name).finish()
    }
}

/// How inputs are opened.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) io: Io,
    pub(crate) extra: ExtraColumns,
    pub(crate) limits: IdLimits,
    /// The most bytes a compressed input may decompress to.
    pub(crate) max_input_bytes: u64,
    /// Whether what can be read only once is digested on the way.
    pub(crate) digests: bool,
    pub(crate) interrupt: Interrupt,
}

/// An opened input whose header is read.
///
/// Three kinds of places, all in bytes: a place *in the input* counts from its first byte, once
/// decompressed, and is what messages tell; a place *in the content* counts from the first byte
/// that is still there to be read (`start` is one; a stream has lost the `skipped` bytes of its
/// head); a place *in a block* counts from the block's first row.
pub(crate) struct Source {
    /// The name that messages use.
    pub(crate) name: String,
    /// The name that rejects use: the path as it was given.
    pub(crate) label: Vec<u8>,
    pub(crate) layout: Layout,
    /// The number of the first line after the header.
    pub(crate) line: u64,
    /// Blank lines before the header.
    pub(crate) blank_lines: u64,
    content: Content,
    /// Where the first row starts in the content, in bytes.
    start: u64,
    /// Where the last row ends in the content, in bytes, if it is not to be read to its end.
    end: Option<u64>,
    /// What stood before the content and is not in it any more, in bytes.
    skipped: u64,
    watch: Option<Watch>,
    /// Digests a stream as it is read.
    hasher: Option<Arc<Mutex<Hasher>>>,
}

impl Source {
    /// Opens an input and reads its header.
    pub(crate) fn open(input: Input, opening: &Opening) -> Result<Self, InputError> {
        let Input { name, label, origin } = input;
        let opened = match origin {
            Origin::Path(path) => open_path(name, &path, opening),
            Origin::Stdin => open_stdin(name, opening),
            Origin::Reader(reader) => open_stream(name, reader, None, opening),
            Origin::Bytes(bytes) => open_bytes(name, bytes, opening),
        };
        opened.map(|source| Self { label, ..source })
    }

    fn new(name: String, head: Head, content: Content, watch: Option<Watch>) -> Self {
        let Head { layout, line, blank_lines, length } = head;
        Self {
            name,
            label: Vec::new(),
            layout,
            line,
            blank_lines,
            content,
            start: if planted!(HeaderIsARow) { 0 } else { length },
            end: None,
            skipped: 0,
            watch,
            hasher: None,
        }
    }

    /// Tells whether the input can be read only once.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.content, Content::Stream(_))
    }

    /// Turns a stream into something that can be read twice: memory if it is short, else a
    /// temporary file.
    pub(crate) fn spool(&mut self, opening: &Opening) -> Result<(), InputError> {
        if let Content::Stream(stream) = &self.content {
            let reader = stream.lock().take().expect("a stream is taken once");
            self.content = spool::spool(reader, &self.name, self.skipped, opening.io)?;
        }
        Ok(())
    }

    /// Leaves out what comes after a line; lines are counted from 1, the header and blank ones
    /// among them.
    ///
    /// # Errors
    /// The input has fewer lines, or cannot be read. What can be read only once tells it when it is
    /// read.
    pub(crate) fn end_after_line(&mut self, line: u64) -> Result<(), InputError> {
        let before = self.line - 1;
        let first = lines::FirstLines { wanted: line.saturating_sub(before), before };
        if let Content::Stream(stream) = &mut self.content {
            let reader = stream.get_mut().take().expect("a stream is taken once");
            self.content = Content::stream(Box::new(first.of_reader(reader)));
            return Ok(());
        }
        let end = first.end_in(&self.content, self.start);
        self.end = Some(end.map_err(|fault| fault.at(&self.name, self.start + self.skipped))?);
        Ok(())
    }

    /// The size of what is left to read, in bytes, where it is known.
    pub(crate) fn size_bytes(&self) -> Option<u64> {
        self.end.or_else(|| self.content.len()).map(|end| end - self.start)
    }

    /// The size of what is left to read of all of them, in bytes, where that is known.
    pub(crate) fn size_of_all(sources: &[Self]) -> Option<u64> {
        sources.iter().map(Self::size_bytes).sum()
    }

    /// Gives all rows, in blocks of about `block_bytes`.
    pub(crate) fn blocks(&self, block_bytes: usize) -> Blocks<'_> {
        Blocks::new(&self.name, &self.content, self.span(), block_bytes)
    }

    /// Gives all rows in `parts` parts, each a run of whole rows, of an input that can be read
    /// twice.
    pub(crate) fn parts(
        &self,
        parts: usize,
        block_bytes: usize,
    ) -> Result<Vec<Blocks<'_>>, InputError> {
        Blocks::split(&self.name, &self.content, self.span(), block_bytes, parts)
    }

    /// Lets go of the memory of what stands well before a place in the input: it has been read. Most
    /// rows that are still to be shown stand nearer; others are read from the file again.
    pub(crate) fn release(&self, place: u64) {
        const KEPT_BYTES: u64 = if cfg!(test) { 0 } else { 16 << 20 };
        self.content.release(place.saturating_sub(self.skipped + KEPT_BYTES));
    }

    fn span(&self) -> Span {
        let end = self.end.or_else(|| self.content.len());
        Span { start: self.start, end, skipped: self.skipped }
    }

    /// Digests the whole input, as it is stored, unless that is done as it is read; `go_on` is
    /// asked now and then.
    ///
    /// # Errors
    /// The input cannot be read.
    pub(crate) fn digest(&self, go_on: impl Fn() -> bool) -> Result<Option<Digested>, InputError> {
        let mut hasher = Hasher::default();
        if self.hasher.is_none() {
            let digested = self.content.digest(&mut hasher, go_on);
            digested.map_err(|error| Fault::from(error).at(&self.name, hasher.finish().bytes))?;
            return Ok(Some(hasher.finish()));
        }
        Ok(None)
    }

    /// The digest of a stream that has been read to its end.
    pub(crate) fn digest_of_stream(&self) -> Option<Digested> {
        self.hasher.as_ref().map(|hasher| hasher.lock().finish())
    }

    /// Tells whether the input is still what was opened.
    ///
    /// # Errors
    /// It was truncated, rewritten or has grown.
    pub(crate) fn check_unchanged(&self) -> Result<(), InputError> {
        self.watch.as_ref().map_or(Ok(()), |watch| watch.check(&self.name))
    }
}

fn open_path(name: String, path: &Path, opening: &Opening) -> Result<Source, InputError> {
    let open_error = |source| InputError::Open { name: name.clone(), source };
    let file = open_file(path).map_err(open_error)?;
    let metadata = file.metadata().map_err(open_error)?;
    if metadata.is_dir() {
        return Err(InputError::Directory { name });
    }
    match Watch::of_regular(&file, &metadata).map_err(open_error)? {
        Some(watch) => open_regular(name, file, metadata.len(), watch, opening),
        None => open_stream(name, content::interruptible(file, &opening.interrupt), None, opening),
    }
}

/// Opens a file for reading.
///
/// A FIFO that nobody writes to is opened as well: it is its reader who waits, and a request to
/// stop gets through to that, which it would not to open(2).
#[cfg(target_os = "linux")]
fn open_file(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
    use std::os::unix::fs::FileTypeExt;

    if !std::fs::metadata(path)?.file_type().is_fifo() {
        return File::open(path);
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let descriptor = open(path, flags, Mode::empty())?;
    fcntl_setfl(&descriptor, fcntl_getfl(&descriptor)? - OFlags::NONBLOCK)?;
    Ok(descriptor.into())
}

/// Opens a file for reading. Other systems than Linux take a FIFO that nobody writes to yet for
/// one that has ended, so it is waited for in open(2).
#[cfg(not(target_os = "linux"))]
fn open_file(path: &Path) -> io::Result<File> {
    File::open(path)
}

fn open_regular(
    name: String,
    file: File,
    len: u64,
    watch: Watch,
    opening: &Opening,
) -> Result<Source, InputError> {
    let mut first = [0; signature::LONGEST];
    let count = read_at_most(&file, &mut first).map_err(|source| InputError::Read {
        name: name.clone(),
        offset_bytes: 0,
        source,
    })?;
    if signature::compression(&first[..count]).is_some() {
        let reader = content::interruptible(file, &opening.interrupt);
        return open_stream(name, reader, Some(watch), opening);
    }
    let content = Content::of_file(file, len, opening.io);
    let head = head::of_content(&content, opening).map_err(|error| error.of(&name))?;
    Ok(Source::new(name, head, content, Some(watch)))
}

fn open_bytes(name: String, bytes: Vec<u8>, opening: &Opening) -> Result<Source, InputError> {
    if signature::compression(&bytes).is_some() {
        return open_stream(name, Box::new(Cursor::new(bytes)), None, opening);
    }
    let content = Content::Memory(bytes);
    let head = head::of_content(&content, opening).map_err(|error| error.of(&name))?;
    Ok(Source::new(name, head, content, None))
}

/// Opens standard input; a regular file given with `<` is as good as one given by name.
fn open_stdin(name: String, opening: &Opening) -> Result<Source, InputError> {
    let open_error = |source| InputError::Open { name: name.clone(), source };
    let file = io::stdin().as_fd().try_clone_to_owned().map_err(open_error)?;
    let mut file = File::from(file);
    let metadata = file.metadata().map_err(open_error)?;
    if metadata.is_dir() {
        return Err(InputError::Directory { name });
    }
    let watch = Watch::of_regular(&file, &metadata).map_err(open_error)?;
    match watch {
        // A file of which a part has been read already is read on from there.
        Some(watch) if file.stream_position().is_ok_and(|position| position == 0) => {
            open_regular(name, file, metadata.len(), watch, opening)
        }
        watch => {
            open_stream(name, content::interruptible(file, &opening.interrupt), watch, opening)
        }
    }
}

fn open_stream(
    name: String,
    mut reader: Box<dyn Read + Send>,
    watch: Option<Watch>,
    opening: &Opening,
) -> Result<Source, InputError> {
    let hasher = opening.digests.then(Arc::<Mutex<Hasher>>::default);
    if let Some(hasher) = &hasher {
        reader = Box::new(DigestReader { inner: reader, hasher: Arc::clone(hasher) });
    }
    let opened = decompress::open(reader, opening.max_input_bytes)
        .and_then(|mut reader| Ok((head::of_stream(&mut reader, opening)?, reader)));
    let ((head, rest), reader) = opened.map_err(|error| error.of(&name))?;
    let skipped = head.length;
    let stream = Content::stream(Box::new(Cursor::new(rest).chain(reader)));
    let mut source = Source::new(name, head, stream, watch);
    (source.start, source.skipped, source.hasher) = (0, skipped, hasher);
    Ok(source)
}

/// Reads the first bytes of a file, as many as there are.
fn read_at_most(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        let offset = u64::try_from(filled).expect("a few bytes");
        match file.read_at(&mut buffer[filled..], offset) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
