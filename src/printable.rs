//! Bytes from outside, a path above all, made fit to stand in a message.
//!
//! What is printed is one line and moves no cursor, and two different paths never print the same.
//! What the bytes name is not known here.

use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Displays bytes as text: UTF-8 as it is; control characters, marks that are not seen (BiDi, zero
/// width), backslashes and what is not UTF-8 escaped.
///
/// ```
/// use std::path::Path;
/// use millrace::printable::Printable;
///
/// assert_eq!(Printable::path(Path::new("mai/août.csv")).to_string(), "mai/août.csv");
/// assert_eq!(Printable::bytes(b"a\x1b[2J\xff").to_string(), r"a\x1b[2J\xff");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(&'a [u8]);

impl<'a> Printable<'a> {
    /// Displays a path.
    pub fn path(path: &'a Path) -> Self {
        Self(path.as_os_str().as_bytes())
    }

    /// Displays any bytes.
    pub const fn bytes(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match u8::try_from(character) {
                    Ok(b'\\') => formatter.write_str("\\\\")?,
                    Ok(byte) if byte.is_ascii_control() => write!(formatter, "\\x{byte:02x}")?,
                    _ if character.is_control() || is_unseen(character) => {
                        write!(formatter, "{}", character.escape_unicode())?;
                    }
                    _ => formatter.write_char(character)?,
                }
            }
            for byte in chunk.invalid() {
                write!(formatter, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Tells whether a character changes how its neighbours are shown and is not seen itself.
const fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_mislead_a_reader_is_escaped() {
        for (bytes, expected) in [
            (&b"plain name.csv"[..], "plain name.csv"),
            ("\u{e9}\u{4e2d}".as_bytes(), "\u{e9}\u{4e2d}"),
            (b"a\nb\rc\td", r"a\x0ab\x0dc\x09d"),
            (b"\x1b[31m\x7f", r"\x1b[31m\x7f"),
            (b"\xff\xfe", r"\xff\xfe"),
            (b"cut \xe2\x82", r"cut \xe2\x82"),
            ("gpj\u{202e}csv".as_bytes(), r"gpj\u{202e}csv"),
            ("\u{9b}2J".as_bytes(), r"\u{9b}2J"),
            (br"\xff", r"\\xff"),
            (b"", ""),
        ] {
            assert_eq!(Printable::bytes(bytes).to_string(), expected);
        }
    }
}
