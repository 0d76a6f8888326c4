//! Digests: BLAKE3 of bytes as they are stored, so that `b3sum FILE` gives the same.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;
use std::sync::Arc;

use parking_lot::Mutex;

/// A BLAKE3 digest of 32 bytes, written as 64 hexadecimal digits.
///
/// ```
/// use millrace::digest::Digest;
///
/// let text = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
/// assert_eq!(Digest::of(b"").to_string(), text);
/// assert_eq!(text.parse(), Ok(Digest::of(b"")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

/// A text that is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no digest: 64 hexadecimal digits are needed")]
pub struct NoDigest;

impl Digest {
    /// Gives the digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Gives the digest as bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes())).map_err(|_| NoDigest)
    }
}

/// Computes a digest bit by bit, and counts the bytes.
#[derive(Clone, Debug, Default)]
pub struct Hasher {
    hasher: blake3::Hasher,
    bytes: u64,
}

/// How many bytes something has, and their digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digested {
    /// The bytes.
    pub bytes: u64,
    /// Their digest.
    pub blake3: Digest,
}

impl Hasher {
    /// Takes the bytes that come next.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }

    /// Gives what has been taken so far.
    pub fn finish(&self) -> Digested {
        Digested { bytes: self.bytes, blake3: Digest(*self.hasher.finalize().as_bytes()) }
    }
}

/// Passes bytes on to a writer and, if that is wanted, digests those that it takes.
#[derive(Debug)]
pub struct DigestWriter<W> {
    inner: W,
    hasher: Option<Hasher>,
}

impl<W> DigestWriter<W> {
    /// Passes on to `inner`, and digests if `is_wanted`.
    pub fn new(inner: W, is_wanted: bool) -> Self {
        Self { inner, hasher: is_wanted.then(Hasher::default) }
    }

    /// Gives the writer back, and what has been written if that was wanted.
    pub fn finish(self) -> (W, Option<Digested>) {
        (self.inner, self.hasher.map(|hasher| hasher.finish()))
    }
}

impl<W: Write> Write for DigestWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes[..count]);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Passes on what it reads and digests it; the digest is had by whoever holds the other end.
pub(crate) struct DigestReader<R> {
    pub(crate) inner: R,
    pub(crate) hasher: Arc<Mutex<Hasher>>,
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.lock().update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes and gives three bytes at a time.
    struct Narrow<T>(T);

    impl<W: Write> Write for Narrow<W> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(&bytes[..bytes.len().min(3)])
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    impl<R: Read> Read for Narrow<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(3);
            self.0.read(&mut buffer[..most])
        }
    }

    #[test]
    fn what_is_written_and_read_piece_by_piece_has_the_digest_of_the_whole() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|it| it.to_le_bytes()[0]).collect();
        let expected = Digested { bytes: 10_000, blake3: Digest::of(&bytes) };
        let mut writer = DigestWriter::new(Narrow(Vec::new()), true);
        writer.write_all(&bytes).unwrap();
        let (Narrow(written), digested) = writer.finish();
        assert_eq!((written, digested), (bytes.clone(), Some(expected)));
        assert_eq!(DigestWriter::new(Vec::new(), false).finish(), (Vec::<u8>::new(), None));
        let hasher = Arc::default();
        let mut reader = DigestReader { inner: Narrow(&bytes[..]), hasher: Arc::clone(&hasher) };
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!((read, hasher.lock().finish()), (bytes, expected));
    }

    #[test]
    fn only_sixty_four_hexadecimal_digits_are_a_digest() {
        let text = Digest::of(b"x").to_string();
        assert_eq!(text.parse(), Ok(Digest::of(b"x")));
        for text in ["", "00", &text[1..], &format!("{text}0"), &text.replace(&text[..1], "g")] {
            assert_eq!(text.parse::<Digest>(), Err(NoDigest), "{text}");
        }
    }
}
