//! Doors for the fuzz targets, to parts that nobody else is to see by themselves. `cargo fuzz`
//! builds this module, and no other build does.

use crate::engine::scout_block;
use crate::input::{Blocks, Input, InputError, Io, Opening, Source};
use crate::interrupt::Interrupt;
use crate::parser::{Block, ExtraColumns, IdLimits, Layout};

/// Adds every transaction that a row of whole lines refers to.
pub fn named_ids(bytes: &[u8], layout: &Layout, named: &mut Vec<u64>) {
    scout_block(bytes, layout, named);
}

/// An opened input whose header is read.
pub struct Opened(Source);

impl Opened {
    /// Opens an input that ignores extra columns and allows every id; what can be read only once
    /// is kept in memory where `is_spooled`.
    ///
    /// # Errors
    /// The input is no transactions CSV.
    pub fn open(input: Input, io: Io, is_spooled: bool) -> Result<Self, InputError> {
        let opening = Opening {
            io,
            extra: ExtraColumns::Ignore,
            limits: IdLimits::default(),
            max_input_bytes: u64::MAX,
            digests: false,
            interrupt: Interrupt::default(),
        };
        let mut source = Source::open(input, &opening)?;
        if is_spooled && source.is_stream() {
            source.spool(&opening)?;
        }
        Ok(Self(source))
    }

    /// The columns of its rows.
    pub fn layout(&self) -> &Layout {
        &self.0.layout
    }

    /// The number of the line of the first row.
    pub fn line(&self) -> u64 {
        self.0.line
    }

    /// Gives all rows, in blocks of about `block_bytes`.
    pub fn blocks(&self, block_bytes: usize) -> Cut<'_> {
        Cut(self.0.blocks(block_bytes))
    }

    /// Gives all rows in at most `parts` parts, of an input that can be read twice.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn parts(&self, parts: usize, block_bytes: usize) -> Result<Vec<Cut<'_>>, InputError> {
        Ok(self.0.parts(parts, block_bytes)?.into_iter().map(Cut).collect())
    }
}

/// The blocks of an input, or of a part of one.
pub struct Cut<'s>(Blocks<'s>);

impl Cut<'_> {
    /// Gives the next block to `look`, with the line of its first row: what `look` returns, if
    /// there is a block.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn next<T>(
        &mut self,
        line: u64,
        look: impl FnOnce(Block<'_>) -> T,
    ) -> Result<Option<T>, InputError> {
        let Some(block) = self.0.next()? else { return Ok(None) };
        let (bytes, offset_bytes) = (block.bytes(), block.offset_bytes);
        let looked = look(Block { bytes, offset_bytes, line });
        self.0.recycle(block);
        Ok(Some(looked))
    }

    /// How many bytes of the input the blocks so far, and what came before them, take.
    pub fn offset_bytes(&self) -> u64 {
        self.0.offset_bytes()
    }
}
