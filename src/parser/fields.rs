//! Cuts a line into fields: commas, blanks around fields, quotes.
//!
//! Deliberately less than RFC 4180: no legal field holds a quote or a newline, so a quoted field
//! ends at the next quote and a doubled quote is a fault.

use memchr::memchr;

/// The line's quotes are not closed, doubled, or in the middle of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BrokenQuotes;

/// Iterates over the fields of a line, each without its quotes and the blanks around and in them.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Self { rest: Some(line) }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<&'a [u8], BrokenQuotes>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.rest.take()?;
        let cut = match trim_start(line).strip_prefix(b"\"") {
            Some(quoted) => cut_quoted(quoted),
            None => cut_plain(line),
        };
        Some(cut.map(|(field, rest)| {
            self.rest = rest;
            trim(field)
        }))
    }
}

type Cut<'a> = Result<(&'a [u8], Option<&'a [u8]>), BrokenQuotes>;

fn cut_plain(line: &[u8]) -> Cut<'_> {
    match line.iter().position(|byte| matches!(byte, b',' | b'"')) {
        None => Ok((line, None)),
        Some(at) if line[at] == b',' => Ok((&line[..at], Some(&line[at + 1..]))),
        Some(_) => Err(BrokenQuotes),
    }
}

/// Cuts a field whose opening quote is off already.
fn cut_quoted(quoted: &[u8]) -> Cut<'_> {
    let close = memchr(b'"', quoted).ok_or(BrokenQuotes)?;
    let after = trim_start(&quoted[close + 1..]);
    match after.split_first() {
        None => Ok((&quoted[..close], None)),
        Some((b',', rest)) => Ok((&quoted[..close], Some(rest))),
        Some(_) if planted!(TextAfterQuote) => Ok((&quoted[..close], None)),
        Some(_) => Err(BrokenQuotes),
    }
}

/// Tells whether a byte is a blank: a space or a tab.
#[inline]
pub(super) const fn is_blank_byte(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[inline]
fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_blank_byte(*first)
    {
        text = rest;
    }
    text
}

#[inline]
fn trim(text: &[u8]) -> &[u8] {
    let mut text = trim_start(text);
    while let [rest @ .., last] = text
        && is_blank_byte(*last)
    {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Result<Vec<&str>, BrokenQuotes> {
        Fields::new(line.as_bytes())
            .map(|field| field.map(|field| std::str::from_utf8(field).unwrap()))
            .collect()
    }

    #[test]
    fn blanks_and_quotes_are_taken_off() {
        for (line, expected) in [
            ("", vec![""]),
            ("a", vec!["a"]),
            ("a,b", vec!["a", "b"]),
            ("a,", vec!["a", ""]),
            (",,", vec!["", "", ""]),
            (" a\t, b c ", vec!["a", "b c"]),
            ("\"a\",\" b \"", vec!["a", "b"]),
            (" \"a\" ,b", vec!["a", "b"]),
            ("\"1,000\",x", vec!["1,000", "x"]),
            ("\"\"", vec![""]),
        ] {
            assert_eq!(fields(line), Ok(expected), "{line:?}");
        }
    }

    #[test]
    fn broken_quotes_are_found_in_any_field() {
        for line in
            ["\"a", "a,\"b", "a\"b", "\"a\"b", "\"a\"\"b\"", "a,b,\"", "a \"b\"", "a,\"b\"c,d"]
        {
            assert_eq!(fields(line), Err(BrokenQuotes), "{line:?}");
        }
    }
}
