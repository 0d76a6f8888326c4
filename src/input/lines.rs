//! The first lines of an input: where they end, and a reader that ends with them.

use std::io::{self, Read};

use memchr::memchr_iter;

use super::content::{Content, Cursor};
use super::error::{Fault, ReadFault};

/// Lines from the first row of an input on; a last one without a newline counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstLines {
    pub(super) wanted: u64,
    /// Lines that stand before them, the header among them.
    pub(super) before: u64,
}

/// What has been seen of some lines.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    newlines: u64,
    /// Whether bytes have come since the last newline.
    is_within: bool,
}

impl FirstLines {
    /// Looks at what comes next; gives the place in it where the last line that is wanted ends.
    fn look(self, seen: &mut Seen, bytes: &[u8]) -> Option<usize> {
        if seen.newlines == self.wanted {
            return Some(0);
        }
        for newline in memchr_iter(b'\n', bytes) {
            seen.newlines += 1;
            if seen.newlines == self.wanted {
                return Some(newline + 1);
            }
        }
        seen.is_within = bytes.last().map_or(seen.is_within, |&byte| byte != b'\n');
        None
    }

    /// Judges an input that has ended before all lines did.
    fn check(self, seen: Seen) -> Result<(), ReadFault> {
        let lines = seen.newlines + u64::from(seen.is_within);
        if lines == self.wanted {
            return Ok(());
        }
        let Self { wanted, before } = self;
        Err(ReadFault::TooFewLines { lines: before + lines, line: before + wanted })
    }

    /// Finds the place in a content where the lines from `start` on end.
    pub(super) fn end_in(self, content: &Content, start: u64) -> Result<u64, Fault> {
        let mut seen = Seen::default();
        let place = |at: usize| u64::try_from(at).expect("64 bits");
        if let Some(bytes) = content.slice() {
            let rows = &bytes[usize::try_from(start).expect("an offset into memory")..];
            if let Some(end) = self.look(&mut seen, rows) {
                return Ok(start + place(end));
            }
        } else if let Content::File { file, len } = content {
            let mut cursor = Cursor { file, at: start, end: *len };
            let mut buffer = vec![0; 256 << 10];
            loop {
                let before = cursor.at;
                let count = match cursor.read(&mut buffer) {
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error.into()),
                };
                if let Some(end) = self.look(&mut seen, &buffer[..count]) {
                    return Ok(before + place(end));
                }
                if count == 0 {
                    break;
                }
            }
        }
        self.check(seen).map_err(io::Error::from)?;
        Ok(content.len().expect("it can be read twice"))
    }

    /// Gives a reader of the lines alone. It reads what follows them all the same: whoever writes
    /// to a pipe is not cut off, and compressed data is checked to its end.
    pub(super) fn of_reader<R: Read>(self, reader: R) -> impl Read {
        LinesReader { lines: self, seen: Seen::default(), reader }
    }
}

struct LinesReader<R> {
    lines: FirstLines,
    seen: Seen,
    reader: R,
}

impl<R: Read> Read for LinesReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = self.reader.read(buffer)?;
            let end = self.lines.look(&mut self.seen, &buffer[..count]);
            match end {
                _ if count == 0 => {
                    if end.is_none() {
                        self.lines.check(self.seen)?;
                    }
                    return Ok(0);
                }
                Some(0) => {}
                Some(end) => return Ok(end),
                None => return Ok(count),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a\n\nb,\"\n\"\r\nc";

    /// Gives two bytes at a time.
    struct Narrow<'a>(&'a [u8]);

    impl Read for Narrow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(2);
            self.0.read(&mut buffer[..most])
        }
    }

    fn file(bytes: &[u8]) -> Content {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, bytes).unwrap();
        Content::File { file, len: u64::try_from(bytes.len()).unwrap() }
    }

    #[test]
    fn the_first_lines_end_where_the_last_of_them_does() {
        for text in [TEXT, "\n", "", "x", "x\n"] {
            let lines: Vec<_> = text.split_inclusive('\n').collect();
            for wanted in 0..=lines.len() {
                let expected = lines[..wanted].concat();
                let first = FirstLines { wanted: u64::try_from(wanted).unwrap(), before: 1 };
                for content in [Content::Memory(text.into()), file(text.as_bytes())] {
                    let end = first.end_in(&content, 0).unwrap();
                    assert_eq!(end, u64::try_from(expected.len()).unwrap(), "{text:?} {wanted}");
                }
                let mut read = String::new();
                let mut left = Narrow(text.as_bytes());
                first.of_reader(&mut left).read_to_string(&mut read).unwrap();
                assert_eq!((read, left.0), (expected, &b""[..]), "{text:?} {wanted}");
            }
        }
    }

    #[test]
    fn an_input_with_fewer_lines_says_how_many_it_has() {
        for (text, lines) in [(TEXT, 6), ("", 1), ("x", 2), ("x\n", 2)] {
            let first = FirstLines { wanted: 9, before: 1 };
            let message = format!("it: has {lines} lines, so it cannot be read --until line 10");
            for content in [Content::Memory(text.into()), file(text.as_bytes())] {
                let error = first.end_in(&content, 0).unwrap_err().at("it", 0);
                assert_eq!(error.to_string(), message);
            }
            let error = first.of_reader(text.as_bytes()).read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(Fault::from(error).at("it", 0).to_string(), message);
        }
    }
}
