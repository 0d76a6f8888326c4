//! Compressed input: gzip and zstd, recognised by their first bytes, bounded in what they become.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::error::{Fault, ReadFault};
use super::signature::{Compression, LONGEST, compression};

type BoxedReader = Box<dyn Read + Send>;

/// Gives a reader of the plain bytes; at most `limit_bytes` of them if they were compressed.
pub(super) fn open(mut reader: BoxedReader, limit_bytes: u64) -> Result<BoxedReader, Fault> {
    let mut first = Vec::new();
    let longest = u64::try_from(LONGEST).expect("small");
    let read = reader.by_ref().take(longest).read_to_end(&mut first);
    read.map_err(|error| Fault::after(&first, error))?;
    let compression = compression(&first);
    let whole = Cursor::new(first).chain(reader);
    let plain: BoxedReader = match compression {
        None => return Ok(Box::new(whole)),
        Some(Compression::Gzip) => {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, whole)))
        }
        Some(Compression::Zstd) => {
            Box::new(ZstdDecoder::new(BufReader::with_capacity(CHUNK, Box::new(whole))))
        }
    };
    Ok(Box::new(Limited { reader: plain, left: limit_bytes, limit_bytes }))
}

/// Compressed bytes read at a time.
const CHUNK: usize = 256 << 10;

/// Fails at the first byte beyond the limit.
struct Limited {
    reader: BoxedReader,
    left: u64,
    limit_bytes: u64,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        if planted!(TailLost) && count < 16 {
            return Ok(0);
        }
        let limit_bytes = self.limit_bytes;
        self.left = self
            .left
            .checked_sub(u64::try_from(count).expect("64 bits"))
            .ok_or(ReadFault::TooLarge { limit_bytes })?;
        Ok(count)
    }
}

/// Decodes all the frames of a zstd file (RFC 8878), skipping skippable ones and comparing
/// checksums where there are some.
struct ZstdDecoder {
    state: State,
}

type Compressed = BufReader<BoxedReader>;

enum State {
    Between(Compressed),
    /// In a frame, and how many bytes of it are decoded.
    Within(Compressed, Box<FrameDecoder>, u64),
    /// Ended, or failed.
    Done,
}

impl ZstdDecoder {
    fn new(reader: Compressed) -> Self {
        Self { state: State::Between(reader) }
    }

    /// Starts the next frame, if there is one.
    fn start(mut reader: Compressed) -> io::Result<State> {
        loop {
            if reader.fill_buf()?.is_empty() {
                return Ok(State::Done);
            }
            let mut decoder = Box::new(FrameDecoder::new());
            match decoder.init(&mut reader) {
                Ok(()) => return Ok(State::Within(reader, decoder, 0)),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut frame = reader.by_ref().take(length.into());
                    if io::copy(&mut frame, &mut io::sink())? < length.into() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(corrupt(error)),
            }
        }
    }

    /// Decodes what follows in a frame; nothing when it has ended.
    fn decode(
        reader: &mut Compressed,
        decoder: &mut FrameDecoder,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        while decoder.can_collect() == 0 && !decoder.is_finished() {
            decoder
                .decode_blocks(&mut *reader, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(corrupt)?;
        }
        decoder.read(buffer)
    }
}

fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl Read for ZstdDecoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            // A state that fails is left as done: what follows a broken frame has no meaning.
            self.state = match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(0),
                State::Between(reader) => Self::start(reader)?,
                State::Within(mut reader, mut decoder, done) => {
                    let count = Self::decode(&mut reader, &mut decoder, buffer)?;
                    if count > 0 {
                        let done = done + u64::try_from(count).expect("64 bits");
                        self.state = State::Within(reader, decoder, done);
                        return Ok(count);
                    }
                    check_frame(&decoder, done)?;
                    State::Between(reader)
                }
            };
        }
    }
}

/// Compares a frame of `done` bytes with what its header and its end say of it, if they do.
fn check_frame(decoder: &FrameDecoder, done: u64) -> io::Result<()> {
    let stored = decoder.get_checksum_from_data();
    if stored.is_some() && stored != decoder.get_calculated_checksum() {
        return Err(corrupt("the zstd checksum differs"));
    }
    // 0 where the header says nothing.
    let size = decoder.content_size();
    if size != 0 && size != done {
        return Err(corrupt("the zstd frame has not the size that it says"));
    }
    Ok(())
}
