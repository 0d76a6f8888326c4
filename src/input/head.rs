//! The head of an input: byte-order mark, blank lines, the header line.

use std::io::Read;

use super::Opening;
use super::content::Content;
use super::error::{Fault, FormatError};
use super::signature::{LONGEST, UTF8_BOM, refuse_others};
use crate::parser::{Layout, MAX_ROW_BYTES, first_line, is_blank};

/// The most that is read to find a header, in bytes: blank lines beyond it are no head of a CSV.
const MOST: usize = 1 << 20;

/// How much is read at first, in bytes.
const FIRST: usize = 64 << 10;

/// What the head of an input says.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) layout: Layout,
    /// The number of the first line after the header.
    pub(super) line: u64,
    /// Blank lines before the header.
    pub(super) blank_lines: u64,
    /// Bytes up to the end of the header line.
    pub(super) length: u64,
}

impl Head {
    /// Looks for the head; `None` asks for more bytes.
    fn look(bytes: &[u8], is_all: bool, opening: &Opening) -> Result<Option<Self>, Fault> {
        if bytes.is_empty() && is_all {
            return Err(FormatError::Empty.into());
        }
        if bytes.len() < LONGEST && !is_all {
            return Ok(None);
        }
        refuse_others(bytes)?;
        let mut at = if bytes.starts_with(UTF8_BOM) { UTF8_BOM.len() } else { 0 };
        let mut blank_lines = 0;
        while at < bytes.len() {
            let (text, length) = first_line(&bytes[at..]);
            let is_whole = is_all || at + length < bytes.len() || bytes[at..].ends_with(b"\n");
            if !is_whole && text.len() <= MAX_ROW_BYTES {
                return Ok(None);
            }
            at += length;
            if is_blank(text) {
                blank_lines += 1;
                continue;
            }
            let line = if planted!(LineAfterBlank) { 1 } else { blank_lines + 1 };
            let layout = Layout::from_header(text, opening.extra, opening.limits)
                .map_err(|source| FormatError::Header { line, source })?;
            let length = u64::try_from(at).expect("a head is short");
            return Ok(Some(Self { layout, line: line + 1, blank_lines, length }));
        }
        if is_all { Err(FormatError::NoHeader.into()) } else { Ok(None) }
    }
}

/// Reads the head of what can be read at any place.
pub(super) fn of_content(content: &Content, opening: &Opening) -> Result<Head, Fault> {
    let mut size = FIRST;
    loop {
        let (bytes, is_all) = content.first_bytes(size)?;
        match Head::look(&bytes, is_all, opening)? {
            Some(head) => return Ok(head),
            None if size >= MOST => return Err(FormatError::NoHeader.into()),
            None => size *= 4,
        }
    }
}

/// Reads the head of a stream, and what came with it of the rows.
pub(super) fn of_stream(
    reader: &mut impl Read,
    opening: &Opening,
) -> Result<(Head, Vec<u8>), Fault> {
    let mut bytes = Vec::new();
    let mut wanted = LONGEST;
    loop {
        let want = wanted - bytes.len();
        let read =
            reader.by_ref().take(u64::try_from(want).expect("small")).read_to_end(&mut bytes);
        let got = read.map_err(|error| Fault::after(&bytes, error))?;
        if let Some(head) = Head::look(&bytes, got < want, opening)? {
            let length = usize::try_from(head.length).expect("a head is short");
            bytes.drain(..length);
            return Ok((head, bytes));
        }
        if bytes.len() >= MOST {
            return Err(FormatError::NoHeader.into());
        }
        // Doubling from a short first look: a terminal or a slow pipe answers line by line, and
        // its header should be judged before a megabyte has come.
        wanted *= 2;
    }
}
