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

/// Where the bytes of a short line stand that end fields or lie around them, as bits.
#[derive(Clone, Copy, Debug)]
struct Ends {
    commas: u64,
    quotes: u64,
    blanks: u64,
}

/// Iterates over the fields of a short line without quotes, as [`Fields`] does.
#[derive(Clone, Debug)]
pub(super) struct UnquotedFields<'a> {
    line: &'a [u8],
    ends: Ends,
    /// Where the next field starts, if there is one.
    start: Option<usize>,
}

impl Ends {
    /// The longest line that is looked at in one go, in bytes.
    const MOST_BYTES: usize = 63;

    /// Looks at eight bytes at a time.
    fn of(line: &[u8]) -> Self {
        debug_assert!(line.len() <= Self::MOST_BYTES);
        let mut ends = Self { commas: 0, quotes: 0, blanks: 0 };
        let (words, rest) = line.as_chunks();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        for (word, shift) in words.iter().chain([&last]).zip((0_u32..).step_by(8)) {
            let word = u64::from_le_bytes(*word);
            ends.commas |= gathered(places_of(word, b',')) << shift;
            ends.quotes |= gathered(places_of(word, b'"')) << shift;
            ends.blanks |= gathered(places_of(word, b' ') | places_of(word, b'\t')) << shift;
        }
        ends
    }
}

/// One in each byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;

/// Ends the bytes of a word that are `byte`, each with its lowest bit.
#[inline]
fn places_of(word: u64, byte: u8) -> u64 {
    let other = word ^ (u64::from(byte) * ONES);
    // Seven bits of each byte, so that no carry leaves it: any of them reaches the eighth.
    let some = (other & (0x7f * ONES)) + 0x7f * ONES;
    !(some | other) >> 7 & ONES
}

/// Gathers the lowest bits of the bytes of a word.
#[inline]
fn gathered(bits: u64) -> u64 {
    bits.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

impl<'a> UnquotedFields<'a> {
    /// Starts at the first field; `None` where the line is not short or has quotes.
    #[inline]
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        if line.len() > Ends::MOST_BYTES {
            return None;
        }
        let ends = Ends::of(line);
        (ends.quotes == 0).then_some(Self { line, ends, start: Some(0) })
    }
}

impl<'a> Iterator for UnquotedFields<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.start?;
        let place = |bits: u32| usize::try_from(bits).expect("at most 64");
        let commas = self.ends.commas >> start;
        let end =
            if commas == 0 { self.line.len() } else { start + place(commas.trailing_zeros()) };
        self.start = (commas != 0).then_some(end + 1);
        let field = &self.line[start..end];
        // Blanks end with the field: no comma is one, nor what is behind the line.
        let before = place((self.ends.blanks >> start).trailing_ones());
        let field = &field[before..];
        // The blanks before the end, the last one highest; none before the start of the line.
        let behind = u64::BITS - u32::try_from(end).expect("at most 63");
        let behind = self.ends.blanks.checked_shl(behind).unwrap_or(0).leading_ones();
        let behind = place(behind);
        Some(&field[..field.len().saturating_sub(behind)])
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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn short_lines_without_quotes_have_the_same_fields(
            line in prop_oneof!["[a-c0-9, \t]{0,63}", "[ \t,]{0,63}", "[\0-\x7f]{0,40}"]
        ) {
            let unquoted = UnquotedFields::of(line.as_bytes()).map(Iterator::collect::<Vec<_>>);
            let expected = Fields::new(line.as_bytes()).collect::<Result<Vec<_>, _>>();
            prop_assert_eq!(unquoted.is_some(), !line.contains('"'));
            if let Some(unquoted) = unquoted {
                prop_assert_eq!(Ok(unquoted), expected);
            }
        }
    }

    #[test]
    fn lines_of_any_length_and_any_bytes_are_cut() {
        for length in 0..=Ends::MOST_BYTES + 1 {
            for (byte, other) in
                [(b',', b'x'), (b' ', b','), (b'\t', b' '), (b'\xac', b','), (b'x', 0)]
            {
                for at in 0..length {
                    let mut line = vec![other; length];
                    line[at] = byte;
                    let unquoted = UnquotedFields::of(&line).map(Iterator::collect::<Vec<_>>);
                    assert_eq!(unquoted.is_some(), length <= Ends::MOST_BYTES);
                    let expected: Vec<_> = Fields::new(&line).map(Result::unwrap).collect();
                    assert!(unquoted.is_none_or(|it| it == expected), "{:?}", line.escape_ascii());
                }
            }
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
