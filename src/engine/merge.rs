//! The collector: puts what the reader and the workers refused back into input order.
//!
//! A block is complete when the reader and every worker have reported on it; complete blocks are
//! written in turn. The queues bound how many wait.

use std::collections::BTreeMap;
use std::io;

use memchr::memchr_iter;

use super::batch::{Refused, RefusedRows};
use super::count;
use super::error::RunError;
use super::parsed::InBlock;
use crate::input::{RowBlock, Source};
use crate::outcome::Reason;
use crate::output::rejects::RejectedRow;
use crate::parser::{LineReader, read_legible};
use crate::pipeline::{Outbox, Stopped};
use crate::prefetch::prefetch_at;

/// Refused rows between a fetch and the look at what it has fetched: other rows lie between them,
/// and no processor foresees how many.
const AHEAD: usize = 8;

/// Takes the rows that were not applied.
pub trait RejectSink {
    /// Takes one row; rows come in input order.
    ///
    /// # Errors
    /// The row cannot be kept; the run ends.
    fn reject(&mut self, row: &RejectedRow<'_>) -> io::Result<()>;
}

impl<F: FnMut(&RejectedRow<'_>) -> io::Result<()>> RejectSink for F {
    fn reject(&mut self, row: &RejectedRow<'_>) -> io::Result<()> {
        self(row)
    }
}

/// What the reader and the workers report.
pub(super) enum Notice<'s> {
    /// The reader has taken what stands before a place of a source.
    Read { source: usize, offset_bytes: u64 },
    /// The reader is through with a block.
    Block { number: u64, notice: BlockNotice<'s> },
    /// A worker is through with its part of a block.
    Refused { block: u64, refused: RefusedRows },
}

/// A block and what the reader refused of it.
pub(super) struct BlockNotice<'s> {
    pub(super) block: RowBlock<'s>,
    /// The number of its first line.
    pub(super) line: u64,
    /// The index of its source.
    pub(super) source: usize,
    pub(super) refused: RefusedRows,
}

/// A block that not everybody has reported on.
#[derive(Default)]
struct Pending<'s> {
    notice: Option<BlockNotice<'s>>,
    refused: RefusedRows,
    worker_reports: usize,
}

pub(super) struct Merge<'s, 'w> {
    sources: &'s [Source],
    workers: usize,
    sink: Option<&'w mut dyn RejectSink>,
    pending: BTreeMap<u64, Pending<'s>>,
    /// The number of the block to write next.
    next: u64,
    /// Rows given to the sink.
    reported: u64,
    error: Option<io::Error>,
}

impl<'s, 'w> Merge<'s, 'w> {
    pub(super) fn new(
        sources: &'s [Source],
        workers: usize,
        sink: Option<&'w mut dyn RejectSink>,
    ) -> Self {
        Self { sources, workers, sink, pending: BTreeMap::new(), next: 0, reported: 0, error: None }
    }

    /// Tells how many rows the sink took, unless it failed.
    pub(super) fn finish(self) -> Result<u64, RunError> {
        match self.error {
            Some(error) => Err(RunError::Rejects(error)),
            None => Ok(self.reported),
        }
    }

    /// Writes every block that is complete and whose turn it is.
    fn write_complete(&mut self) -> io::Result<()> {
        while let Some(pending) = self.pending.first_entry() {
            let is_next = *pending.key() == self.next;
            let is_complete = pending.get().worker_reports == self.workers;
            if !is_next || !is_complete || pending.get().notice.is_none() {
                return Ok(());
            }
            let Pending { notice, refused, .. } = pending.remove();
            self.next += 1;
            if let (Some(notice), Some(sink)) = (notice, self.sink.as_mut()) {
                self.reported += write_block(notice, refused, self.sources, *sink)?;
            }
        }
        Ok(())
    }
}

impl<'s> Outbox<Notice<'s>> for Merge<'s, '_> {
    fn put(&mut self, notice: Notice<'s>) -> Result<(), Stopped> {
        match notice {
            Notice::Read { source, offset_bytes } => self.sources[source].release(offset_bytes),
            Notice::Block { number, notice } => {
                self.pending.entry(number).or_default().notice = Some(notice);
            }
            Notice::Refused { block, refused } => {
                let pending = self.pending.entry(block).or_default();
                pending.worker_reports += 1;
                pending.refused.append(refused);
            }
        }
        self.write_complete().map_err(|error| {
            self.error = Some(error);
            Stopped
        })
    }
}

/// Writes the refused rows of a block in the order in which they stand; tells how many.
fn write_block(
    notice: BlockNotice<'_>,
    mut by_workers: RefusedRows,
    sources: &[Source],
    sink: &mut dyn RejectSink,
) -> io::Result<u64> {
    let BlockNotice { block, line: block_line, source, refused: mut by_reader } = notice;
    let source = &sources[source];
    // The malformed rows are in order; each worker refused duplicates first, and then others, of each
    // partition.
    by_workers.rows.sort_by_key(|row| row.place);
    by_reader.rows.sort_by_key(|row| row.place);
    let bytes = block.bytes();
    let reported = count(by_workers.rows.len() + by_reader.rows.len());
    let (mut at, mut lines_before) = (0, 0);
    let lines = LineReader::new(&source.layout);
    let offset_of = |row: &Refused| usize::try_from(row.place.offset).expect("in memory");
    let (mut of_workers, mut of_reader) = (&by_workers.rows[..], &by_reader.rows[..]);
    while let Some((row, is_of_workers, ahead)) = take_first(&mut of_workers, &mut of_reader) {
        if let Some(ahead) = ahead {
            prefetch_at(bytes, offset_of(ahead));
            prefetch_at(bytes, offset_of(ahead) + 64);
        }
        let (&Refused { place, reason, .. }, offset) = (row, offset_of(row));
        lines_before = match place.line {
            InBlock::MANY_LINES => {
                lines_before + count(memchr_iter(b'\n', &bytes[at..offset]).count())
            }
            lines => lines.into(),
        };
        at = offset;
        let is_late = planted!(LineAfterCrlf) && bytes[..offset].ends_with(b"\r\n");
        let line = block_line + lines_before + u64::from(is_late);
        let (raw, _) = lines.cut(&bytes[offset..]);
        let legible = if is_of_workers { &by_workers } else { &by_reader }.legible(row);
        let legible = legible.unwrap_or_else(|| match reason {
            // It is a transaction, and reading one is quick.
            Reason::Rejected(_) => {
                lines.read(&bytes[offset..]).0.expect("what the rules refuse is one").into()
            }
            Reason::Malformed(_) => read_legible(raw, &source.layout),
        });
        sink.reject(&RejectedRow { input: &source.label, line, reason, legible, raw })?;
    }
    Ok(reported)
}

/// Takes the row that stands first in one of two lists; gives with it whether it was in the first one,
/// and a row that comes later in the same list.
#[inline]
fn take_first<'r>(
    a: &mut &'r [Refused],
    b: &mut &'r [Refused],
) -> Option<(&'r Refused, bool, Option<&'r Refused>)> {
    let is_of_a = match (a.first(), b.first()) {
        (Some(_), Some(_)) if planted!(RejectsUnsorted) => true,
        (Some(of_a), Some(of_b)) => of_a.place <= of_b.place,
        (of_a, _) => of_a.is_some(),
    };
    let list = if is_of_a { a } else { b };
    let ahead = list.get(AHEAD);
    let (row, rest) = list.split_first()?;
    *list = rest;
    Some((row, is_of_a, ahead))
}
