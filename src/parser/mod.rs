//! The parser: bytes of whole rows in, transactions out.
//!
//! It takes `&[u8]`, does no I/O, never allocates per row and never panics, whatever the bytes. A
//! fast path takes rows in the plain spelling that machines write; every other row goes
//! to the strict path, which knows the whole grammar. Both have one meaning. What the
//! rules make of a transaction is not known here.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod digits;
mod error;
mod fast;
mod fields;
mod layout;
mod plain;
#[cfg(target_arch = "x86_64")]
mod shape;
mod strict;
mod vector;

pub use error::RowError;
pub use layout::{ExtraColumns, HeaderError, IdLimits, Layout};
pub use strict::Legible;

pub(crate) use fast::PlainRow;
use fast::Run;
pub(crate) use plain::PlainRows;

use memchr::memchr;

use crate::outcome::Malformation;
use crate::transaction::Transaction;

use vector::Vectors;

/// The longest row in bytes, its line end not counted; a longer one is malformed.
pub const MAX_ROW_BYTES: usize = 4096;

/// A run of whole rows and its place in the input.
///
/// Only the last block of an input may end without a newline.
#[derive(Clone, Copy, Debug)]
pub struct Block<'b> {
    /// The rows.
    pub bytes: &'b [u8],
    /// Where the first row starts in the input (for compressed input: once decompressed).
    pub offset_bytes: u64,
    /// The number of the first row's line in the input, from 1.
    pub line: u64,
}

/// One transaction and where its row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What the row means.
    pub transaction: Transaction,
    /// The number of its line in the input, from 1.
    pub line: u64,
    /// Where the row starts in the input, in bytes.
    pub offset_bytes: u64,
    /// The row is a dispute, resolve or chargeback that carries a value in the amount column.
    pub amount_ignored: bool,
}

/// What one row says: its transaction, and whether it carried an amount that has no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    transaction: Transaction,
    amount_ignored: bool,
}

/// What comes after a run of plain rows.
pub(crate) enum Next {
    /// More rows, or the end.
    Unknown,
    /// A transaction that only the strict path can read.
    Odd(Row),
    /// A row that is none, and what is legible of it.
    Malformed(RowError, Legible),
    /// Nothing.
    End,
}

/// Iterates over the rows of a block in order; blank lines are skipped and counted.
///
/// ```
/// use millrace::parser::{Block, Layout, Rows};
/// use millrace::transaction::Transaction;
///
/// let bytes = b"deposit,1,7,2.5\n\ndispute,1,7,\nrefund,1,8,1\n";
/// let layout = Layout::default();
/// let mut rows = Rows::new(Block { bytes, offset_bytes: 22, line: 2 }, &layout);
///
/// let deposit = rows.next().unwrap().unwrap();
/// assert_eq!(deposit.transaction, Transaction::deposit(1, 7, "2.5".parse().unwrap()));
/// assert_eq!(rows.next().unwrap().unwrap().line, 4);
/// let error = rows.next().unwrap().unwrap_err();
/// assert_eq!(error.to_string(), "line 5, byte 52: unknown_type");
/// assert!(rows.next().is_none());
/// assert_eq!(rows.blank_lines(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Rows<'b, 'l> {
    block: Block<'b>,
    layout: &'l Layout,
    /// The fast path, where it may be taken.
    vectors: Option<Vectors>,
    /// What the fast path has read.
    run: PlainRows,
    /// How many rows of the run have been given out.
    given: usize,
    /// Where the next row to read starts in the block, in bytes.
    at: usize,
    /// The number of the next line to give out.
    line: u64,
    blank_lines: u64,
}

impl<'b, 'l> Rows<'b, 'l> {
    /// Starts at the first row of `block`, whose columns are as `layout` says.
    #[inline]
    pub fn new(block: Block<'b>, layout: &'l Layout) -> Self {
        Self::on(block, layout, may_be_plain(block, layout).then(Vectors::detect))
    }

    /// Starts at the first row of `block` and uses the instructions of every machine: slower, the
    /// same rows.
    pub fn portable(block: Block<'b>, layout: &'l Layout) -> Self {
        Self::on(block, layout, may_be_plain(block, layout).then_some(Vectors::Portable))
    }

    /// Starts at the first row of `block` and never takes the fast path: slower, the same rows.
    pub fn strict(block: Block<'b>, layout: &'l Layout) -> Self {
        Self::on(block, layout, None)
    }

    /// Starts at the first row of `block` once for each set of instructions that this machine has,
    /// and once for the strict path: all of them have the same rows.
    pub fn on_every_path(block: Block<'b>, layout: &'l Layout) -> Vec<Self> {
        let fast = Vectors::all().filter(|_| may_be_plain(block, layout)).map(Some);
        fast.chain([None]).map(|vectors| Self::on(block, layout, vectors)).collect()
    }

    #[inline]
    fn on(block: Block<'b>, layout: &'l Layout, vectors: Option<Vectors>) -> Self {
        let (run, line) = (PlainRows::default(), block.line);
        Self { block, layout, vectors, run, given: 0, at: 0, line, blank_lines: 0 }
    }

    /// Tells how many blank lines have been skipped so far.
    pub fn blank_lines(&self) -> u64 {
        self.blank_lines
    }

    /// Tells how many bytes of the block the lines so far take.
    pub fn consumed_bytes(&self) -> usize {
        self.run.get(self.given).map_or(self.at, PlainRow::start)
    }

    /// Gives the number of the line that comes next, from 1.
    pub fn next_line(&self) -> u64 {
        self.line
    }

    /// Takes the next line off the block, whole, without its line end.
    #[inline]
    fn take_line(&mut self) -> Option<&'b [u8]> {
        let rest = self.block.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        if planted!(LastRowDropped) && memchr(b'\n', rest).is_none() {
            return None;
        }
        let (line, length) = first_line(rest);
        self.at += length;
        self.line += 1;
        Some(line)
    }

    /// Adds a run of plain rows to `rows`, 64 at most, and gives what comes after it.
    ///
    /// Not to be mixed with the iterator, which may have read more rows than it has given out.
    #[inline]
    pub(crate) fn read_into(&mut self, rows: &mut PlainRows) -> Next {
        debug_assert_eq!(self.given, self.run.len());
        let run = self.read_run(rows);
        self.line += u64::try_from(run.count).expect("64 bits");
        if !run.is_odd {
            return Next::Unknown;
        }
        match self.next_odd() {
            None => Next::End,
            Some(Ok(row)) => Next::Odd(row),
            Some(Err((error, legible))) => Next::Malformed(error, legible),
        }
    }

    /// Adds a run of plain rows.
    #[inline]
    fn read_run(&mut self, rows: &mut PlainRows) -> Run {
        let Some(vectors) = self.vectors else {
            return Run { count: 0, next: self.at, is_odd: true };
        };
        let (bytes, limits) = (self.block.bytes, self.layout.id_bounds());
        let run = vectors.read(rows.room(), bytes, self.at, limits);
        rows.add(run.count);
        self.at = run.next;
        run
    }

    /// Reads the next run for the iterator, if there is one and the last has been given out.
    #[inline]
    fn refill(&mut self) {
        if self.given < self.run.len() {
            return;
        }
        let mut run = std::mem::take(&mut self.run);
        run.clear();
        self.read_run(&mut run);
        self.run = run;
        self.given = 0;
    }

    /// Reads the next row on the strict path.
    fn next_odd(&mut self) -> Option<Result<Row, (RowError, Legible)>> {
        loop {
            let (line, offset_bytes) = (self.line, self.offset_of(self.at));
            let text = self.take_line()?;
            if is_blank(text) && (text.is_empty() || !planted!(BlanksAreARow)) {
                self.blank_lines += 1;
                continue;
            }
            return Some(match strict::read(text, self.layout) {
                Ok(Reading { transaction, amount_ignored }) => {
                    Ok(Row { transaction, line, offset_bytes, amount_ignored })
                }
                Err((kind, legible)) => Err((RowError { kind, line, offset_bytes }, legible)),
            });
        }
    }

    /// Gives the place in the input of a place in the block.
    #[inline]
    fn offset_of(&self, at: usize) -> u64 {
        self.block.offset_bytes + u64::try_from(at).expect("offsets fit 64 bits")
    }
}

impl Iterator for Rows<'_, '_> {
    type Item = Result<Row, RowError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.refill();
        let Some(plain) = self.run.get(self.given) else {
            return self.next_odd().map(|odd| odd.map_err(|(error, _)| error));
        };
        let row = plain_row(plain, self.block.offset_bytes, self.line);
        self.given += 1;
        self.line += 1;
        Some(Ok(row))
    }

    /// As [`Iterator::fold`]; quicker than a loop over [`Iterator::next`].
    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(mut self, init: B, mut fold: F) -> B {
        let block_offset = self.block.offset_bytes;
        let mut folded = init;
        loop {
            self.refill();
            for (line, plain) in (self.line..).zip(&self.run[self.given..]) {
                folded = fold(folded, Ok(plain_row(plain, block_offset, line)));
            }
            let count = self.run.len() - std::mem::replace(&mut self.given, self.run.len());
            self.line += u64::try_from(count).expect("64 bits");
            if count == 0 {
                match self.next_odd() {
                    Some(odd) => folded = fold(folded, odd.map_err(|(error, _)| error)),
                    None => return folded,
                }
            }
        }
    }
}

/// Gives a plain row of a block as a row.
#[inline]
fn plain_row(plain: &PlainRow, block_offset: u64, line: u64) -> Row {
    let offset_bytes = block_offset + u64::from(plain.offset);
    Row { transaction: plain.transaction(), line, offset_bytes, amount_ignored: false }
}

/// Tells whether the fast path may be tried: on the plain layout, and within the 4 GiB that places
/// of plain rows can express.
fn may_be_plain(block: Block<'_>, layout: &Layout) -> bool {
    layout.is_plain() && u32::try_from(block.bytes.len()).is_ok()
}

/// Finds and reads single lines, wherever they stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineReader<'l> {
    layout: &'l Layout,
    /// The layout is the plain one.
    is_plain: bool,
    vectors: Vectors,
}

impl<'l> LineReader<'l> {
    pub(crate) fn new(layout: &'l Layout) -> Self {
        Self { layout, is_plain: layout.is_plain(), vectors: Vectors::detect() }
    }

    /// Finds the places of three bytes in a text below 4 GiB, in order, and adds them to `found`.
    #[inline]
    pub(crate) fn find(&self, text: &[u8], wanted: [u8; 3], found: &mut Vec<u32>) {
        self.vectors.find(text, wanted, found);
    }

    /// Cuts the first line off `bytes`, as [`first_line`] does, quicker where lines are short.
    #[inline]
    pub(crate) fn cut<'b>(&self, bytes: &'b [u8]) -> (&'b [u8], usize) {
        cut_line(bytes, self.vectors.find_line_end(bytes))
    }

    /// Reads the line at the start of `bytes` if it is in the plain spelling.
    #[inline]
    pub(crate) fn read_plain(&self, bytes: &[u8]) -> Option<Transaction> {
        if !self.is_plain {
            return None;
        }
        self.vectors.read_plain(bytes, self.layout.id_bounds())
    }

    /// Reads the line at the start of `bytes`; tells what it means, if it is a transaction, and its
    /// length with its line end.
    #[inline]
    pub(crate) fn read(&self, bytes: &[u8]) -> (Option<Transaction>, usize) {
        if self.is_plain
            && let Some((transaction, length)) =
                self.vectors.read_one(bytes, self.layout.id_bounds())
        {
            return (Some(transaction), length);
        }
        let (line, length) = first_line(bytes);
        (parse_row(line, self.layout).ok(), length)
    }
}

/// Reads one row, without its line end, on the strict path.
///
/// # Errors
/// The first fault in the order of [`Malformation::ALL`].
pub fn parse_row(line: &[u8], layout: &Layout) -> Result<Transaction, Malformation> {
    match strict::read(line, layout) {
        Ok(reading) => Ok(reading.transaction),
        Err((malformation, _)) => Err(malformation),
    }
}

/// Reads what can be read of a row that may be malformed, without its line end. Nothing is legible in
/// a row that is too long or whose quotes are broken.
pub fn read_legible(line: &[u8], layout: &Layout) -> Legible {
    match strict::read(line, layout) {
        Ok(reading) => reading.transaction.into(),
        Err((_, legible)) => legible,
    }
}

/// Cuts the first line off `bytes`: the line without its line end (LF or CRLF), and its length in
/// bytes with it.
#[inline]
pub fn first_line(bytes: &[u8]) -> (&[u8], usize) {
    cut_line(bytes, memchr(b'\n', bytes))
}

/// Cuts a line off that ends at its newline, or with the bytes.
#[inline]
fn cut_line(bytes: &[u8], end: Option<usize>) -> (&[u8], usize) {
    let (line, length) = match end {
        Some(end) => (&bytes[..end], end + 1),
        None => (bytes, bytes.len()),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), length)
}

/// Tells whether a line, without its line end, is blank: no bytes but spaces and tabs.
///
/// A line longer than [`MAX_ROW_BYTES`] is a row that is too long, whatever it holds.
#[inline]
pub fn is_blank(line: &[u8]) -> bool {
    (line.len() <= MAX_ROW_BYTES || planted!(LongBlankSkipped))
        && line.iter().all(|&byte| fields::is_blank_byte(byte))
}

#[cfg(test)]
mod tests;
