//! Statements written: a table for people, CSV or JSON for programs.
//!
//! Names of inputs may hold any bytes; what is written of them is harmless in a terminal, a
//! spreadsheet and a JSON reader. What a row does is not known here.

mod csv;
mod json;
mod text;

use std::io::{self, Write};

use super::Format;
use crate::explain::Statement;

/// Text is gathered up to this size before it is written.
const CHUNK_BYTES: usize = 64 * 1024;

/// Writes a statement and flushes `out`.
///
/// CSV has the columns `file`, `line`, `type`, `client`, `tx`, `amount`, `outcome`, `reason`,
/// `refers_to_file`, `refers_to_line`, `available`, `held`, `total` and `locked`; a field that
/// does not apply is empty. JSON has these keys, in this order:
///
/// | key | value |
/// |---|---|
/// | `client`, `tx` | what the statement is about; the other is null |
/// | `until` | the last line of the last input that was read, or null |
/// | `inputs` | the names |
/// | `rows` | for each row `file`, `line`, `type`, `client`, `tx`, `amount`, `outcome`, `reason`, `refers_to` (null or `file`, `line`) and `account` (null or `available`, `held`, `total`, `locked`) |
/// | `accounts` | how they end: `client`, `available`, `held`, `total`, `locked` |
///
/// Money is text there, so that no reader makes a float of it. Keys may be added, none is renamed
/// or taken away.
///
/// # Errors
/// What `out` reports.
pub fn write(out: &mut impl Write, statement: &Statement, format: Format) -> io::Result<()> {
    match format {
        Format::Text => text::write(out, statement)?,
        Format::Csv => csv::write(out, statement)?,
        Format::Json => json::write(out, statement)?,
    }
    out.flush()
}

/// Writes what has been gathered, if it is much.
fn write_chunk(out: &mut impl Write, chunk: &mut Vec<u8>) -> io::Result<()> {
    if chunk.len() < CHUNK_BYTES {
        return Ok(());
    }
    out.write_all(chunk)?;
    chunk.clear();
    Ok(())
}

#[cfg(test)]
mod tests;
