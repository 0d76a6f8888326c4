//! Blocks parsed: what one thread or several make of the inputs, for one that takes it in order.
//!
//! Parsing needs a block and its source's layout, nothing else, and so may be done in any order.
//! What depends on the rows before, ids and line numbers, is not known here.

use super::batch::RefusedRows;
use super::config::Config;
use super::count;
use super::prepared::Prepared;
use crate::input::{Blocks, InputError, RowBlock, Source};
use crate::ledger::Marks;
use crate::outcome::Malformation;
use crate::parser::{Block, Legible, Next, PlainRow, PlainRows, Row, Rows, first_line, is_blank};
use crate::pipeline::Supply;
use crate::transaction::Transaction;

/// A piece of the inputs, and the rows in it.
#[derive(Default)]
pub(super) struct Parsed<'s> {
    pub(super) origin: Origin<'s>,
    /// The index of its source.
    pub(super) source: usize,
    /// How much of the input the block stands for, in bytes.
    pub(super) taken_bytes: u64,
    /// The transactions in order, their marks noted as far as they depend on nothing else, unless
    /// they are prepared.
    pub(super) rows: PlainRows,
    /// The transactions, prepared for the reader and the workers.
    pub(super) prepared: Prepared,
    /// The rows that are none.
    pub(super) malformed: Vec<(InBlock, Malformation)>,
    /// What can be read of the first ones of these, where rows are reported.
    pub(super) legibles: Vec<Legible>,
    /// How many lines there are, the blank ones among them.
    pub(super) lines: u64,
    pub(super) blank_lines: u64,
    pub(super) amounts_ignored: u64,
    /// The last row lacks its newline.
    pub(super) is_unterminated: bool,
    /// Well-formed rows that the run is to leave out.
    pub(super) left_out: u64,
}

/// Where a row stands in its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InBlock {
    /// The bytes before it.
    pub(super) offset: u32,
    /// The lines before it, or [`InBlock::MANY_LINES`].
    pub(super) line: u16,
}

impl InBlock {
    /// So many lines or more, or not counted.
    pub(super) const MANY_LINES: u16 = u16::MAX;

    /// Where a row of the block stands that starts at `block_offset` of the input, with its line
    /// counted from 1 in the block.
    fn new(offset_bytes: u64, block_offset: u64, line: u64) -> Self {
        let offset = u32::try_from(offset_bytes - block_offset);
        let offset = offset.expect("a block's rows start within 4 GiB");
        Self { offset, line: lines_before(line) }
    }
}

/// The lines before one that is counted from 1.
#[inline]
fn lines_before(line: u64) -> u16 {
    u16::try_from(line - 1).unwrap_or(InBlock::MANY_LINES)
}

/// Tells rows that follow one another how many lines are before them; that of the first is counted
/// from 1.
#[inline]
fn number_lines(rows: &mut [PlainRow], first_line: u64) {
    let first = lines_before(first_line);
    if rows.len() >= usize::from(InBlock::MANY_LINES - first) {
        return number_many_lines(rows, first);
    }
    // Below the limit, so it cannot wrap, and no row is spent a check on it.
    let mut before = first;
    for row in rows {
        row.line = before;
        before = before.wrapping_add(1);
    }
}

/// As [`number_lines`], where there may be too many of them.
#[cold]
fn number_many_lines(rows: &mut [PlainRow], first: u16) {
    let lines = (first..InBlock::MANY_LINES).chain(std::iter::repeat(InBlock::MANY_LINES));
    for (row, before) in rows.iter_mut().zip(lines) {
        row.line = before;
    }
}

/// What a piece is.
#[derive(Debug, Default)]
pub(super) enum Origin<'s> {
    #[default]
    Nothing,
    Block(RowBlock<'s>),
    /// The end of a source of so many bytes.
    End {
        bytes: u64,
    },
    /// The source cannot be read on.
    Failed(InputError),
}

impl Parsed<'_> {
    /// Parses the block, if the piece is one; a last row without a newline is refused if the run is
    /// strict. Lines before well-formed rows are counted, and what is legible of others is kept, only
    /// where rows are reported. The rows are prepared for so many shards, or kept.
    pub(super) fn parse(
        &mut self,
        sources: &[Source],
        config: &Config,
        reporting: bool,
        shards: Option<usize>,
    ) {
        let Origin::Block(block) = &self.origin else { return };
        let (bytes, offset_bytes) = (block.bytes(), block.offset_bytes);
        let unterminated = unterminated_row(bytes).map(|at| offset_bytes + at);
        let refused_row = unterminated.filter(|_| config.strict);
        self.is_unterminated = unterminated.is_some();
        if let Some(shards) = shards {
            self.prepared.begin(&mut self.rows, shards);
        }
        // What is to be left out is known at the end.
        let may_prepare = shards.is_some() && config.left_out.is_empty();
        self.rows.clear();
        self.malformed.clear();
        self.legibles.clear();
        self.amounts_ignored = 0;
        let layout = &sources[self.source].layout;
        let mut rows = Rows::new(Block { bytes, offset_bytes, line: 1 }, layout);
        loop {
            let (count, line) = (self.rows.len(), rows.next_line());
            let next = rows.read_into(&mut self.rows);
            if reporting {
                number_lines(&mut self.rows[count..], line);
            }
            match next {
                Next::Unknown => {}
                Next::Odd(row) => {
                    let Transaction { client, tx, .. } = row.transaction;
                    let is_left_out = config.left_out.has(client, tx);
                    self.amounts_ignored += u64::from(row.amount_ignored && !is_left_out);
                    self.rows.push(plain_row(row, refused_row, offset_bytes));
                }
                Next::Malformed(error, legible) => {
                    let place = InBlock::new(error.offset_bytes, offset_bytes, error.line);
                    self.malformed.push((place, error.kind));
                    if reporting && self.legibles.len() < RefusedRows::MOST_LEGIBLES {
                        self.legibles.push(legible);
                    }
                }
                Next::End => break,
            }
            if may_prepare {
                self.prepared.take_many(&mut self.rows, config);
            }
        }
        self.lines = rows.next_line() - 1;
        self.blank_lines = rows.blank_lines();
        let before = self.rows.len();
        if !config.left_out.is_empty() {
            self.rows.retain(|row| !config.left_out.has(row.client, row.tx));
        }
        self.left_out = count(before - self.rows.len());
        if shards.is_some() {
            self.prepared.take_rest(&mut self.rows, config);
        }
    }
}

/// Supplies the blocks of all sources, one source after the other.
pub(super) struct SourceBlocks<'c, 's> {
    sources: &'s [Source],
    config: &'c Config,
    /// The index of the source that is read.
    source: usize,
    /// The blocks of the source that is read, once it has been begun.
    blocks: Option<Blocks<'s>>,
}

impl<'c, 's> SourceBlocks<'c, 's> {
    pub(super) fn new(sources: &'s [Source], config: &'c Config) -> Self {
        Self { sources, config, source: 0, blocks: None }
    }
}

impl<'s> Supply for SourceBlocks<'_, 's> {
    type Piece = Parsed<'s>;

    fn fill(&mut self, piece: &mut Parsed<'s>) -> bool {
        let Some(source) = self.sources.get(self.source) else { return false };
        let block_bytes = self.config.block_bytes(source.size_bytes());
        let blocks = self.blocks.get_or_insert_with(|| source.blocks(block_bytes));
        if let Origin::Block(used) = std::mem::take(&mut piece.origin) {
            blocks.recycle(used);
        }
        piece.source = self.source;
        piece.origin = match blocks.next() {
            Ok(Some(block)) => {
                piece.taken_bytes = blocks.offset_bytes() - block.offset_bytes;
                Origin::Block(block)
            }
            Ok(None) => {
                let bytes = blocks.offset_bytes();
                self.source += 1 + usize::from(planted!(ThirdInputSkipped) && self.source == 1);
                self.blocks = None;
                Origin::End { bytes }
            }
            Err(error) => {
                // Nothing of the inputs counts after an error.
                self.source = self.sources.len();
                Origin::Failed(error)
            }
        };
        true
    }
}

/// Makes a row that the strict path has read like the others; it is marked if it is `refused_row`.
fn plain_row(row: Row, refused_row: Option<u64>, block_offset: u64) -> PlainRow {
    let is_cut = refused_row == Some(row.offset_bytes) && !planted!(CutRowApplied);
    let marks = if is_cut { Marks::UNTERMINATED } else { Marks::NONE };
    let Transaction { client, tx, amount, kind } = row.transaction;
    let InBlock { offset, line } = InBlock::new(row.offset_bytes, block_offset, row.line);
    PlainRow { client, tx, amount, offset, kind, note: marks.bits(), line }
}

/// Finds the start of a last row without a newline.
fn unterminated_row(bytes: &[u8]) -> Option<u64> {
    if bytes.ends_with(b"\n") {
        return None;
    }
    let start = memchr::memrchr(b'\n', bytes).map_or(0, |newline| newline + 1);
    let (line, _) = first_line(&bytes[start..]);
    (!is_blank(line)).then(|| u64::try_from(start).expect("64 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::Kind;

    #[test]
    fn lines_are_numbered_up_to_the_limit() {
        let many = u64::from(InBlock::MANY_LINES);
        let row = Row {
            transaction: Transaction { client: 1, tx: 1, amount: None, kind: Kind::Dispute },
            line: 1,
            offset_bytes: 0,
            amount_ignored: false,
        };
        let mut rows = [plain_row(row, None, 0); 5];
        for first_line in [1, 2, many - 5, many - 4, many - 3, many, many + 1, 1 << 40] {
            number_lines(&mut rows, first_line);
            let expected = (first_line - 1..).map(|before| before.min(many));
            assert!(rows.iter().map(|row| u64::from(row.line)).eq(expected.take(5)));
        }
        number_lines(&mut [], 1);
    }

    /// A blank last line that ended in CR alone was taken for a row that might have been cut: the
    /// summary warned of an input that lacks nothing.
    #[test]
    fn a_blank_line_cut_after_its_cr_is_no_unterminated_row() {
        for (bytes, expected) in [
            (&b"deposit,1,1,1\n\r"[..], None),
            (b"deposit,1,1,1\n \t\r", None),
            (b"\r", None),
            (b"deposit,1,1,1\n", None),
            (b"deposit,1,1,1\r", Some(0)),
            (b"deposit,1,1,1\n\r\r", Some(14)),
            (b"deposit,1,1,1\nd", Some(14)),
        ] {
            assert_eq!(unterminated_row(bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
