//! Foreign bytes as one cell of a CSV: printable ASCII, and no formula to a spreadsheet.
//!
//! Printable ASCII stands as it is, but for `\` as `\\`; every other byte is `\xNN`. A text that a
//! spreadsheet would take for a formula (OWASP, "CSV Injection") gets a `'` in front. Quotes are
//! doubled, as RFC 4180 says. What the bytes were is not known here.

use crate::text::Text;

/// What stands for the part of a text that was cut off.
const ELLIPSIS: &[u8] = b"...";

/// No byte takes more, `\xNN`.
const LONGEST_ESCAPE: usize = 4;

/// Appends `text` between quotes, at most `limit_bytes` long before its quotes are doubled: a
/// longer one is cut between characters and ends in `...`.
#[inline]
pub(super) fn push_quoted(out: &mut impl Text, text: &[u8], limit_bytes: usize) {
    debug_assert!(limit_bytes > ELLIPSIS.len());
    out.push(b'"');
    // One byte is left for the mark of a formula.
    if text.len() < limit_bytes / LONGEST_ESCAPE || text.len() < limit_bytes && is_plain(text) {
        push_whole(out, text);
    } else {
        push_cut(out, text, limit_bytes);
    }
    out.push(b'"');
}

/// Appends a whole `text`, between quotes where it needs them.
#[inline]
pub(crate) fn push(out: &mut Vec<u8>, text: &[u8]) {
    if memchr::memchr2(b',', b'"', text).is_some() {
        push_quoted(out, text, usize::MAX);
    } else {
        push_whole(out, text);
    }
}

/// Appends a text of which nothing is cut off.
#[inline]
fn push_whole(out: &mut impl Text, text: &[u8]) {
    if is_formula(text) {
        out.push(b'\'');
    }
    if is_plain(text) { out.extend_from_slice(text) } else { push_stretches(out, text) }
}

/// Appends a text in which some bytes do not stand for themselves.
fn push_stretches(out: &mut impl Text, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| is_odd(byte)) {
        out.extend_from_slice(&rest[..at]);
        push_byte(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Appends a text that may turn out too long.
fn push_cut(out: &mut impl Text, text: &[u8], limit_bytes: usize) {
    let mut length_bytes = 0;
    if is_formula(&text[..text.len().min(limit_bytes)]) {
        out.push(b'\'');
        length_bytes = 1;
    }
    // Where the text would be cut, should it turn out too long.
    let mut cut = out.len();
    for &byte in text {
        length_bytes += match byte {
            b'\\' => 2,
            b' '..=b'~' => 1,
            _ => 4,
        };
        if length_bytes > limit_bytes {
            out.truncate(cut);
            out.extend_from_slice(ELLIPSIS);
            return;
        }
        push_byte(out, byte);
        if length_bytes <= limit_bytes - ELLIPSIS.len() {
            cut = out.len();
        }
    }
}

fn push_byte(out: &mut impl Text, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\"\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b' '..=b'~' => out.push(byte),
        _ => {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
            out.extend_from_slice(&[b'\\', b'x', high, low]);
        }
    }
}

/// Tells whether every byte of a text stands for itself between quotes.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk() else { return !text.iter().copied().any(is_odd) };
    // The last bytes are looked at twice, so that there is no rest to be looked at one by one.
    let (chunks, _) = text.as_chunks();
    !chunks.iter().chain([last]).fold(false, |odd, chunk| odd | has_odd(chunk))
}

/// Without an early end the compiler looks at all bytes at once.
#[inline]
fn has_odd(chunk: &[u8; 16]) -> bool {
    chunk.iter().fold(false, |odd, &byte| odd | is_odd(byte))
}

/// Tells whether a byte stands between quotes otherwise than as itself.
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "compilers do this to many bytes at once")]
fn is_odd(byte: u8) -> bool {
    // Those beyond ASCII are negative.
    let is_control = (byte.cast_signed() < b' '.cast_signed()) | (byte == 0x7f);
    is_control | (byte == b'"') | (byte == b'\\')
}

/// Tells whether a spreadsheet would take a text for a formula.
#[inline]
fn is_formula(text: &[u8]) -> bool {
    let first = text.iter().find(|&&byte| !matches!(byte, b' ' | b'\t'));
    first.is_some_and(|byte| b"=+-@".contains(byte)) && !planted!(FormulaUnmarked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &[u8], limit_bytes: usize) -> String {
        let mut out = Vec::new();
        push_quoted(&mut out, text, limit_bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nasty_texts_become_printable_ascii() {
        for (text, expected) in [
            (&b""[..], r#""""#),
            (b"deposit,1,2,x", r#""deposit,1,2,x""#),
            (b"say \"hi\"", r#""say ""hi""""#),
            (br"a\x00", r#""a\\x00""#),
            (b"a\0b\x7f\r", r#""a\x00b\x7f\x0d""#),
            ("\u{e9}\u{202e}".as_bytes(), r#""\xc3\xa9\xe2\x80\xae""#),
            (b"\x1b[31m", r#""\x1b[31m""#),
            (b"=cmd|'/c calc'!A1", r#""'=cmd|'/c calc'!A1""#),
            (b"+1", r#""'+1""#),
            (b"-1", r#""'-1""#),
            (b"@SUM(A1)", r#""'@SUM(A1)""#),
            (b"  =1", r#""'  =1""#),
            (b"\t=1", r#""'\x09=1""#),
            (b"\"=1\"", r#""""=1""""#),
            (b"'=1", r#""'=1""#),
            (b"deposit,=1", r#""deposit,=1""#),
            (b"   ", r#""   ""#),
        ] {
            assert_eq!(quoted(text, 256), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        for (text, expected) in [
            (&b"12345678"[..], "12345678"),
            (b"123456789", "12345..."),
            (b"=2345678", "'=234..."),
            (b"=234567", "'=234567"),
            (b"1234\xff", r"1234\xff"),
            (b"1234\xff5", "1234..."),
            (b"1\xff23", r"1\xff23"),
            (b"1\xff2345", r"1\xff..."),
            (b"\xff\xff", r"\xff\xff"),
            (b"\xff\xff\xff", r"\xff..."),
            (br"1234\678", r"1234..."),
            (br"123\\6789", r"123\\..."),
        ] {
            assert_eq!(quoted(text, 8), format!("\"{expected}\""));
        }
        // Doubled quotes do not count.
        assert_eq!(quoted(b"\"\"\"\"\"\"\"\"", 8), format!("\"{}\"", "\"\"".repeat(8)));
        assert_eq!(quoted(b"\"\"\"\"\"\"\"\"\"", 8), format!("\"{}...\"", "\"\"".repeat(5)));
    }

    #[test]
    fn a_name_is_quoted_where_it_needs_to_be() {
        for (name, expected) in [
            (&b"in/may.csv"[..], "in/may.csv"),
            (b"a,b", r#""a,b""#),
            (b"a\"b", r#""a""b""#),
            (b"-", "'-"),
            (b"a\nb\xff", r"a\x0ab\xff"),
        ] {
            let mut out = Vec::new();
            push(&mut out, name);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
