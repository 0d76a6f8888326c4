//! Lines of text made in memory that is used again, and whose end is looked for once a line.
//!
//! Appending to a vector asks for room each time, and compilers keep its length in memory; here a line
//! of known largest length is written first and added then.

use std::ops::Range;

use crate::text::Text;

/// The longest line that fits, in bytes, what [`Text::put`] copies too much counted.
pub(super) const LINE_BYTES: usize = 1024;

/// Room is made for so many bytes at a time.
const ROOM_BYTES: usize = 64 * 1024;

/// Whole lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The lines, and room behind them that holds anything.
    bytes: Vec<u8>,
    length: usize,
}

/// A line that is being written; it is not there before [`Line::end`].
pub(super) struct Line<'l> {
    room: &'l mut [u8; LINE_BYTES],
    length: usize,
    lines_length: &'l mut usize,
}

impl Lines {
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Appends a text of any length.
    pub(super) fn append(&mut self, text: &[u8]) {
        self.make_room(text.len());
        self.bytes[self.length..][..text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    /// Makes room for so many bytes behind the lines.
    #[inline]
    fn make_room(&mut self, bytes: usize) {
        if self.bytes.len() - self.length < bytes {
            self.bytes.resize(self.length + bytes.max(ROOM_BYTES), 0);
        }
    }

    /// Starts a line.
    #[inline]
    pub(super) fn line(&mut self) -> Line<'_> {
        self.make_room(LINE_BYTES);
        let room = self.bytes[self.length..].first_chunk_mut().expect("room has been made");
        Line { room, length: 0, lines_length: &mut self.length }
    }
}

impl Line<'_> {
    /// Appends a part of the line once more.
    #[inline]
    pub(super) fn put_again(&mut self, part: Range<usize>) {
        const SHORT: usize = 32;

        let length = part.len();
        match self.room[part.start..].first_chunk::<SHORT>().copied() {
            Some(text) if length <= SHORT => self.put(&text, length),
            _ => {
                self.room.copy_within(part, self.length);
                self.length += length;
            }
        }
    }

    /// Adds the line to the others.
    #[inline]
    pub(super) fn end(self) {
        *self.lines_length += self.length;
    }
}

/// Panics without room.
impl Text for Line<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.length
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        self.room[self.length] = byte;
        self.length += 1;
    }

    #[inline]
    fn extend_from_slice(&mut self, text: &[u8]) {
        self.room[self.length..][..text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    #[inline]
    fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    #[inline]
    fn put<const N: usize>(&mut self, text: &[u8; N], length: usize) {
        *self.room[self.length..].first_chunk_mut().expect("lines are short") = *text;
        self.length += length;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::amount::Balance;
    use crate::decimal::{self, SHORT};

    #[test]
    fn lines_are_what_was_put_into_them() {
        let (mut lines, mut expected) = (Lines::default(), Vec::new());
        let numbers = [0, 7, SHORT - 1, SHORT, u64::MAX];
        // More than the room that is made at a time.
        for (at, number) in (0..4_000_u64).zip(numbers.into_iter().cycle()) {
            let balance = Balance::from_units(i128::from(number) * i128::from(at) - 5_000);
            let mut line = lines.line();
            decimal::push(&mut line, number);
            line.put(b";#####", 1);
            balance.push_to(&mut line);
            line.extend_from_slice(b", ");
            line.push(b'\n');
            line.end();
            writeln!(expected, "{number};{balance}, ").expect("a vector takes everything");
            // Never ended.
            lines.line().push(b'x');
        }
        assert_eq!(lines.bytes(), expected);
        lines.append(b"end");
        assert_eq!(lines.bytes(), [expected, b"end".to_vec()].concat());
        lines.clear();
        assert_eq!(lines.bytes(), b"");
    }

    #[test]
    fn a_part_of_any_length_is_put_again() {
        for length in [0, 1, 31, 32, 33, 300] {
            let mut lines = Lines::default();
            let mut line = lines.line();
            line.push(b'<');
            let part = vec![b'a'; length];
            line.extend_from_slice(&part);
            line.push(b'|');
            line.put_again(1..1 + length);
            line.push(b'>');
            line.end();
            assert_eq!(lines.bytes(), [b"<", &part[..], b"|", &part, b">"].concat());
        }
    }

    #[test]
    fn room_is_made_once_for_many_lines_and_for_texts_of_any_length() {
        let mut lines = Lines::default();
        lines.append(&vec![b'a'; 3 * ROOM_BYTES]);
        let mut rooms = std::collections::BTreeSet::new();
        for _ in 0..500 {
            lines.append(b"name,");
            let mut line = lines.line();
            decimal::push(&mut line, 7);
            line.end();
            rooms.insert(lines.bytes.len());
        }
        assert_eq!(lines.bytes().len(), 3 * ROOM_BYTES + 3_000);
        assert_eq!(rooms.len(), 1, "{rooms:?}");
    }

    #[test]
    fn a_line_has_its_room_and_no_more() {
        let mut lines = Lines::default();
        let mut line = lines.line();
        line.extend_from_slice(&[b'a'; LINE_BYTES - 1]);
        line.push(b'\n');
        line.end();
        assert_eq!(lines.bytes().len(), LINE_BYTES);
        let too_long = std::panic::catch_unwind(|| {
            Lines::default().line().extend_from_slice(&[b'a'; LINE_BYTES + 1]);
        });
        assert!(too_long.is_err());
    }
}
