//! Blocks parsed ahead: what several threads make of the inputs, for one that takes it in order.
//!
//! Parsing needs a block and its source's layout, nothing else, and so may be done in any order.
//! What depends on the rows before, ids and line numbers, is not known here.

use super::intake::unterminated_row;
use crate::input::{Blocks, InputError, RowBlock, Source};
use crate::parser::{Block, Next, PlainRow, Row, RowError, Rows};
use crate::pipeline::Supply;

/// A piece of the inputs, and the rows in it.
#[derive(Default)]
pub(super) struct Parsed<'s> {
    pub(super) origin: Origin<'s>,
    /// The index of its source.
    pub(super) source: usize,
    /// How much of the input the block stands for, in bytes.
    pub(super) taken_bytes: u64,
    /// The rows that the fast path has read.
    pub(super) plain: Vec<PlainRow>,
    /// The other rows, each with how many plain ones come before it.
    pub(super) odd: Vec<(usize, Result<Row, RowError>)>,
    /// How many lines there are, the blank ones among them.
    pub(super) lines: u64,
    pub(super) blank_lines: u64,
    /// Where a last row without a newline starts in the input, in bytes.
    pub(super) unterminated: Option<u64>,
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
    /// Parses the block, if the piece is one.
    pub(super) fn parse(&mut self, sources: &[Source]) {
        let Origin::Block(block) = &self.origin else { return };
        let (bytes, offset_bytes) = (block.bytes(), block.offset_bytes);
        self.plain.clear();
        self.odd.clear();
        let layout = &sources[self.source].layout;
        let mut rows = Rows::new(Block { bytes, offset_bytes, line: 1 }, layout);
        while let Some(next) = rows.next_run() {
            match next {
                Next::Plain(run) => self.plain.extend_from_slice(run),
                Next::Odd(row) => self.odd.push((self.plain.len(), row)),
            }
        }
        self.lines = rows.next_line() - 1;
        self.blank_lines = rows.blank_lines();
        self.unterminated = unterminated_row(bytes).map(|at| offset_bytes + at);
    }
}

/// Supplies the blocks of all sources, one source after the other.
pub(super) struct SourceBlocks<'s> {
    sources: &'s [Source],
    block_bytes: usize,
    /// The index of the source that is read.
    source: usize,
    /// The blocks of the source that is read, once it has been begun.
    blocks: Option<Blocks<'s>>,
}

impl<'s> SourceBlocks<'s> {
    pub(super) fn new(sources: &'s [Source], block_bytes: usize) -> Self {
        Self { sources, block_bytes, source: 0, blocks: None }
    }
}

impl<'s> Supply for SourceBlocks<'s> {
    type Piece = Parsed<'s>;

    fn fill(&mut self, piece: &mut Parsed<'s>) -> bool {
        let Some(source) = self.sources.get(self.source) else { return false };
        let blocks = self.blocks.get_or_insert_with(|| source.blocks(self.block_bytes));
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
                self.source += 1;
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
