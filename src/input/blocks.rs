//! Blocks: an input cut into runs of whole rows.
//!
//! Mapped bytes are cut where they lie. What must be read goes through a buffer; a row that is too
//! long for one is cut down to as much as shows that it is too long, so memory stays flat whatever
//! the input holds.

use std::io::{self, Read};

use memchr::{memchr, memrchr};

use super::InputError;
use super::content::{Content, Counted, Cursor};
use super::error::Fault;
use crate::parser::{MAX_ROW_BYTES, first_line};

/// A run of whole rows and its place in the input.
#[derive(Debug)]
pub(crate) struct RowBlock<'s> {
    bytes: Bytes<'s>,
    /// Where the first row starts in the input, in bytes.
    pub(crate) offset_bytes: u64,
}

#[derive(Debug)]
enum Bytes<'s> {
    Borrowed(&'s [u8]),
    Buffered { buffer: Vec<u8>, filled: usize },
}

impl RowBlock<'_> {
    /// The rows.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::Buffered { buffer, filled } => &buffer[..*filled],
        }
    }
}

/// The part of a content that is read, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: u64,
    /// `None` of a stream, which is read to its end.
    pub(super) end: Option<u64>,
    /// What stands before the content in the input.
    pub(super) skipped: u64,
}

/// Iterates over the blocks of an input, or of a part of one.
pub(crate) struct Blocks<'s> {
    name: &'s str,
    supply: Supply<'s>,
    block_bytes: usize,
    /// Where the next block starts in the input, in bytes.
    offset_bytes: u64,
}

enum Supply<'s> {
    Slice(&'s [u8]),
    Buffered(Buffered<'s>),
}

impl<'s> Blocks<'s> {
    /// Cuts a part of `content`.
    pub(super) fn new(name: &'s str, content: &'s Content, span: Span, block_bytes: usize) -> Self {
        let Span { start, end, skipped } = span;
        let supply = match (content, content.slice()) {
            (_, Some(bytes)) => Supply::Slice(&bytes[index(start)..end.map_or(bytes.len(), index)]),
            (Content::File { file, len }, None) => Supply::buffered(
                Cursor { file, at: start, end: end.unwrap_or(*len) },
                start + skipped,
                block_bytes,
            ),
            (Content::Stream(stream), None) => {
                let reader = stream.lock().take().expect("a stream is read once");
                Supply::buffered(reader, start + skipped, block_bytes)
            }
            (Content::Mapped(_) | Content::Memory(_), None) => unreachable!("they have a slice"),
        };
        Self { name, supply, block_bytes: block_bytes.max(1), offset_bytes: start + skipped }
    }

    /// Cuts a part of `content` into at most `parts` parts of about the same size.
    pub(super) fn split(
        name: &'s str,
        content: &'s Content,
        span: Span,
        block_bytes: usize,
        parts: usize,
    ) -> Result<Vec<Self>, InputError> {
        let Span { start, end, skipped } = span;
        let len = end.expect("only what can be read twice is split");
        let parts = u64::try_from(parts.max(1)).expect("64 bits");
        let mut ends = Vec::new();
        for part in 1..parts {
            let aim = start + (len - start) / parts * part;
            let before = ends.last().copied().unwrap_or(start);
            let end = next_row(content, aim, len).map_err(|fault| fault.at(name, aim + skipped))?;
            if before < end && end < len {
                ends.push(end);
            }
        }
        ends.push(len);
        let mut from = start;
        let part = |end| {
            let supply = match (content, content.slice()) {
                (Content::File { file, .. }, _) => {
                    Supply::buffered(Cursor { file, at: from, end }, from + skipped, block_bytes)
                }
                (_, bytes) => {
                    Supply::Slice(&bytes.expect("no stream is split")[index(from)..index(end)])
                }
            };
            let offset_bytes = from + skipped;
            from = end;
            Self { name, supply, block_bytes: block_bytes.max(1), offset_bytes }
        };
        Ok(ends.into_iter().map(part).collect())
    }

    /// Gives the next block.
    pub(crate) fn next(&mut self) -> Result<Option<RowBlock<'s>>, InputError> {
        let offset_bytes = self.offset_bytes;
        let (bytes, taken) = match &mut self.supply {
            Supply::Slice(rest) => match cut(rest, self.block_bytes) {
                None => return Ok(None),
                Some((block, after)) => {
                    *rest = after;
                    if planted!(EdgeRowDropped) && block.len() == self.block_bytes {
                        *rest = &after[first_line(after).1..];
                    }
                    (Bytes::Borrowed(block), block.len())
                }
            },
            Supply::Buffered(buffered) => {
                let next = buffered.next(self.block_bytes).map_err(|error| {
                    let read = buffered.reader.count_bytes;
                    Fault::from(error).at(self.name, buffered.start_bytes + read)
                })?;
                match next {
                    None => return Ok(None),
                    Some(block) => block,
                }
            }
        };
        self.offset_bytes += u64::try_from(taken).expect("64 bits");
        Ok(Some(RowBlock { bytes, offset_bytes }))
    }

    /// Tells how many bytes of the input the blocks so far, and what came before them, take.
    pub(crate) fn offset_bytes(&self) -> u64 {
        self.offset_bytes
    }

    /// Gives a block back whose bytes are not needed any more, so that its buffer is used again.
    pub(crate) fn recycle(&mut self, block: RowBlock<'s>) {
        if let (Supply::Buffered(buffered), Bytes::Buffered { buffer, .. }) =
            (&mut self.supply, block.bytes)
        {
            buffered.spare = buffer;
        }
    }
}

impl<'s> Supply<'s> {
    /// Reads from where `start_bytes` of the input have been left behind.
    fn buffered(reader: impl Read + Send + 's, start_bytes: u64, block_bytes: usize) -> Self {
        Self::Buffered(Buffered {
            reader: Counted { reader: Box::new(reader), count_bytes: 0 },
            start_bytes,
            buffer: Vec::new(),
            spare: Vec::new(),
            carried: 0,
            is_ended: false,
            buffer_bytes: block_bytes.max(2 * MAX_ROW_BYTES),
        })
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("an offset into memory")
}

/// Cuts a block of at least `block_bytes` off `rest`, at the end of a row.
fn cut(rest: &[u8], block_bytes: usize) -> Option<(&[u8], &[u8])> {
    if rest.is_empty() {
        return None;
    }
    let aim = (block_bytes - 1).min(rest.len() - 1);
    let end = memchr(b'\n', &rest[aim..]).map_or(rest.len(), |newline| aim + newline + 1);
    if planted!(EdgeRowTwice)
        && end == block_bytes
        && let Some(before) = memrchr(b'\n', &rest[..aim])
    {
        return Some((&rest[..end], &rest[before + 1..]));
    }
    Some(rest.split_at(end))
}

/// Finds the start of the first row after `aim`, or the end of the content.
fn next_row(content: &Content, aim: u64, len: u64) -> Result<u64, Fault> {
    if let Some(bytes) = content.slice() {
        let newline = memchr(b'\n', &bytes[index(aim)..]).map(|at| index(aim) + at + 1);
        return Ok(newline.map_or(len, |start| u64::try_from(start).expect("64 bits")));
    }
    let Content::File { file, .. } = content else {
        return Ok(len);
    };
    let mut chunk = [0; MAX_ROW_BYTES];
    let mut cursor = Cursor { file, at: aim, end: len };
    loop {
        let before = cursor.at;
        match cursor.read(&mut chunk)? {
            0 => return Ok(len),
            count => {
                if let Some(newline) = memchr(b'\n', &chunk[..count]) {
                    return Ok(before + u64::try_from(newline).expect("64 bits") + 1);
                }
            }
        }
    }
}

/// Reads blocks through buffers.
struct Buffered<'s> {
    reader: Counted<Box<dyn Read + Send + 's>>,
    /// Where the reader started in the input, in bytes.
    start_bytes: u64,
    /// Starts with the bytes carried over from the block before.
    buffer: Vec<u8>,
    /// A buffer to use next.
    spare: Vec<u8>,
    carried: usize,
    is_ended: bool,
    buffer_bytes: usize,
}

/// How much of a row that is too long is kept, in bytes: enough that it is too long even where the
/// last byte kept is the CR of a line end.
const KEPT_BYTES: usize = MAX_ROW_BYTES + 2;

impl<'s> Buffered<'s> {
    /// Gives the next block and how many bytes of the input it stands for.
    fn next(&mut self, block_bytes: usize) -> io::Result<Option<(Bytes<'s>, usize)>> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(self.buffer_bytes, 0);
        let mut filled = std::mem::take(&mut self.carried);
        let mut target = block_bytes.min(buffer.len());
        loop {
            while filled < target && !self.is_ended {
                filled += self.read(&mut buffer[filled..target])?;
            }
            if self.is_ended {
                if filled == 0 {
                    return Ok(None);
                }
                return Ok(Some((Bytes::Buffered { buffer, filled }, filled)));
            }
            if let Some(newline) = memrchr(b'\n', &buffer[..filled]) {
                self.carry(&buffer[newline + 1..filled]);
                return Ok(Some((Bytes::Buffered { buffer, filled: newline + 1 }, newline + 1)));
            }
            if filled >= KEPT_BYTES {
                return self.skip_row(buffer, filled).map(Some);
            }
            target = (target.max(filled) * 2).min(buffer.len());
        }
    }

    /// Reads on to the end of a row that is too long and gives a block of its first bytes.
    fn skip_row(&mut self, mut buffer: Vec<u8>, filled: usize) -> io::Result<(Bytes<'s>, usize)> {
        let (mut filled_to, mut taken) = (KEPT_BYTES, filled);
        while !self.is_ended {
            let count = self.read(&mut buffer[KEPT_BYTES..])?;
            let Some(newline) = memchr(b'\n', &buffer[KEPT_BYTES..KEPT_BYTES + count]) else {
                taken += count;
                continue;
            };
            taken += newline + 1;
            self.carry(&buffer[KEPT_BYTES + newline + 1..KEPT_BYTES + count]);
            buffer[KEPT_BYTES] = b'\n';
            filled_to = KEPT_BYTES + 1;
            break;
        }
        Ok((Bytes::Buffered { buffer, filled: filled_to }, taken))
    }

    /// Carries bytes over to the next block.
    fn carry(&mut self, bytes: &[u8]) {
        self.buffer = std::mem::take(&mut self.spare);
        self.buffer.resize(self.buffer_bytes, 0);
        self.buffer[..bytes.len()].copy_from_slice(bytes);
        self.carried = bytes.len();
        if planted!(CarriedByteLost) && self.carried == 1 {
            self.carried = 0;
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(into) {
                Ok(0) => {
                    self.is_ended = true;
                    return Ok(0);
                }
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
