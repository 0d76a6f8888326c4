//! Sifting: a pass over the inputs that parses every row and keeps few of them, with their lines.
//!
//! Several threads parse and sift, where threads may be used; the calling thread takes what is left
//! in input order. What the rows are kept for is not known here.

use std::num::NonZeroUsize;

use memchr::memchr_iter;

use super::config::{Config, Threads};
use super::count;
use super::error::RunError;
use super::intake::Halt;
use super::parsed::{InBlock, Origin, Parsed, SourceBlocks};
use crate::explain::Place;
use crate::input::Source;
use crate::ledger::Marks;
use crate::outcome::Malformation;
use crate::parser::{Legible, PlainRow, first_line, read_legible};
use crate::pipeline::{Helpers, Pieces, Supply, usable_cores};

/// Inputs below this size together, in bytes, are not worth a thread.
const SMALL: u64 = 1 << 20;

/// Tells which rows a pass keeps.
pub(super) trait Sieve: Sync {
    /// Whether any malformed row may be kept.
    const READS_MALFORMED: bool;

    /// Tells whether a transaction is kept.
    fn keeps(&self, row: &PlainRow) -> bool;

    /// Tells whether a malformed row is kept, of which `legible` can be read.
    fn keeps_malformed(&self, legible: &Legible) -> bool;
}

/// A row that was kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) place: Place,
    /// All of a transaction; of a malformed row what can be read of it.
    pub(super) legible: Legible,
    pub(super) malformation: Option<Malformation>,
    pub(super) marks: Marks,
}

/// A row that was kept of a block, by its place there.
#[derive(Clone, Copy, Debug)]
struct Sifted {
    /// Where the row starts in the block, in bytes.
    offset: u32,
    /// How many lines of the block stand before it.
    lines_before: u64,
    legible: Legible,
    malformation: Option<Malformation>,
    marks: Marks,
}

/// A piece of the inputs, and what is kept of it.
#[derive(Default)]
struct Piece<'s> {
    parsed: Parsed<'s>,
    sifted: Vec<Sifted>,
}

struct PieceSupply<'c, 's>(SourceBlocks<'c, 's>);

impl<'s> Supply for PieceSupply<'_, 's> {
    type Piece = Piece<'s>;

    fn fill(&mut self, piece: &mut Piece<'s>) -> bool {
        self.0.fill(&mut piece.parsed)
    }
}

impl Piece<'_> {
    /// Parses the block, if the piece is one, and keeps what the sieve does.
    fn sift<S: Sieve>(&mut self, sieve: &S, sources: &[Source], config: &Config) {
        self.parsed.parse(sources, config, false, None);
        self.sifted.clear();
        let Origin::Block(block) = &self.parsed.origin else { return };
        let bytes = block.bytes();
        let kept = self.parsed.rows.iter().filter(|row| sieve.keeps(row));
        self.sifted.extend(kept.map(|row| Sifted {
            offset: row.offset,
            lines_before: 0,
            legible: row.transaction().into(),
            malformation: None,
            marks: Marks::of_bits(row.note),
        }));
        if S::READS_MALFORMED && !self.parsed.malformed.is_empty() {
            let layout = &sources[self.parsed.source].layout;
            let read =
                self.parsed.malformed.iter().map(|&(InBlock { offset, .. }, malformation)| {
                    Sifted {
                        offset,
                        lines_before: 0,
                        legible: read_legible(first_line(&bytes[index(offset)..]).0, layout),
                        malformation: Some(malformation),
                        marks: Marks::NONE,
                    }
                });
            self.sifted.extend(read.filter(|row| sieve.keeps_malformed(&row.legible)));
            self.sifted.sort_unstable_by_key(|row| row.offset);
        }
        let (mut at, mut lines_before) = (0, 0);
        for row in &mut self.sifted {
            let start = index(row.offset);
            lines_before += count(memchr_iter(b'\n', &bytes[at..start]).count());
            row.lines_before = lines_before;
            at = start;
        }
    }
}

fn index(offset: u32) -> usize {
    usize::try_from(offset).expect("an offset into memory")
}

/// One pass, seen from the thread that takes the rows in order.
struct Pass<'a, K> {
    sources: &'a [Source],
    config: &'a Config,
    /// Where the last row stands that may be kept.
    until: Option<Place>,
    /// The number of the line that comes next, once the first block of its source has come.
    line: Option<u64>,
    keep: K,
}

/// Parses all rows of the sources up to a place and gives those that the sieve keeps to `keep`, in
/// input order.
pub(super) fn sift<S: Sieve>(
    sources: &[Source],
    config: &Config,
    sieve: &S,
    until: Option<Place>,
    keep: impl FnMut(Kept),
) -> Result<(), RunError> {
    let mut pass = Pass { sources, config, until, line: None, keep };
    let mut supply = PieceSupply(SourceBlocks::new(sources, config));
    let work = |piece: &mut Piece<'_>| piece.sift(sieve, sources, config);
    let helpers = helpers(sources, config);
    if helpers == 0 {
        let mut piece = Piece::default();
        while supply.fill(&mut piece) {
            work(&mut piece);
            if !pass.take(&mut piece)? {
                break;
            }
        }
        return Ok(());
    }
    let reader = |pieces: &mut Pieces<Piece<'_>>| {
        while let Some(piece) = pieces.take()? {
            if !pass.take(piece).map_err(Halt::Failed)? {
                break;
            }
        }
        Ok(())
    };
    match Helpers::unpinned(helpers).in_order(supply, work, reader).map_err(RunError::Threads)? {
        Ok(()) => Ok(()),
        Err(Halt::Failed(error)) => Err(error),
        Err(Halt::Stopped) => unreachable!("a helper stops early only for a panic, which goes on"),
    }
}

/// How many threads parse for the calling one; none if it parses itself.
fn helpers(sources: &[Source], config: &Config) -> usize {
    let is_small = Source::size_of_all(sources) < Some(SMALL);
    if !config.uses_threads() || is_small && config.threads == Threads::Auto {
        return 0;
    }
    config.readers.map_or_else(usable_cores, NonZeroUsize::get)
}

impl<K: FnMut(Kept)> Pass<'_, K> {
    /// Takes what comes next in input order; tells whether anything is wanted after it.
    fn take(&mut self, piece: &mut Piece<'_>) -> Result<bool, RunError> {
        let input = piece.parsed.source;
        match std::mem::take(&mut piece.parsed.origin) {
            Origin::Block(block) => {
                if self.config.interrupt.is_requested() {
                    return Err(RunError::Interrupted);
                }
                let first_line = self.line.unwrap_or(self.sources[input].line);
                let next_line = first_line + piece.parsed.lines;
                for row in &piece.sifted {
                    let &Sifted { lines_before, legible, malformation, marks, .. } = row;
                    let place = Place { input, line: first_line + lines_before };
                    if self.until.is_none_or(|until| place <= until) {
                        (self.keep)(Kept { place, legible, malformation, marks });
                    }
                }
                self.line = Some(next_line);
                self.config.progress.advance(piece.parsed.taken_bytes);
                // Its buffer is used again.
                piece.parsed.origin = Origin::Block(block);
                Ok(self.until.is_none_or(|until| Place { input, line: next_line } <= until))
            }
            Origin::End { .. } => {
                self.line = None;
                Ok(true)
            }
            Origin::Failed(error) => Err(error.into()),
            Origin::Nothing => Ok(true),
        }
    }
}
