//! The reader's side: rows in, ids decided in input order, rows out to the workers. The reader
//! parses the rows itself, or takes those that its helpers have parsed.

use std::ops::Range;

use super::batch::{Batch, RefusedRows, route, route_among};
use super::config::Config;
use super::count;
use super::error::RunError;
use super::merge::{BlockNotice, Notice};
use super::parsed::{InBlock, Origin, Parsed, RowSums, SourceBlocks};
use super::survey::{AHEAD, Group, MASK_BITS, Reference, Survey, ones};
use super::worker::ShardWorker;
use crate::input::{InputError, RowBlock, Source};
use crate::ledger::{Decisions, Marks, Registry, Totals};
use crate::outcome::{Reason, Rejection};
use crate::parser::{Legible, PlainRow, PlainRows};
use crate::pipeline::{Helpers, Lanes, Outbox, Pieces, Stopped, Supply};
use crate::summary::{ByKind, ControlTotals, Counts};
use crate::transaction::Kind;

/// What the reader has counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) blank_lines: u64,
    pub(super) amounts_ignored: u64,
    /// What is malformed, and the duplicates that the reader has found itself.
    pub(super) refused: Counts,
    /// The names of the inputs whose last row lacks its newline.
    pub(super) unterminated: Vec<String>,
    /// Rows that refer to a transaction that the scout has not named.
    pub(super) unnamed: u64,
    /// Well-formed rows that were left out.
    pub(super) left_out: u64,
    /// The rows and bytes of each input that has been read to its end.
    pub(super) inputs: Vec<(u64, u64)>,
    /// What is computed of all well-formed rows where control totals are wanted.
    pub(super) sums: RowSums,
    /// The duplicates by what they do.
    pub(super) rejected: ByKind,
}

impl Tally {
    /// Puts the control totals together from what the workers have found.
    pub(super) fn control_totals(&self, rejected: ByKind, totals: &Totals) -> ControlTotals {
        let mut applied = ByKind::default();
        for (kind, amount) in [
            (Kind::Deposit, totals.deposited),
            (Kind::Withdrawal, totals.withdrawn),
            (Kind::Dispute, totals.disputed),
            (Kind::Resolve, totals.resolved),
            (Kind::Chargeback, totals.charged_back),
        ] {
            applied.set(kind, self.sums.by_kind[kind.index()] - rejected.rows(kind), amount);
        }
        let RowSums { clients, txs, .. } = self.sums;
        ControlTotals { applied, rejected, client_hash_total: clients, tx_hash_total: txs }
    }
}

/// Why the reader ends before the inputs do.
#[derive(Debug)]
pub(super) enum Halt {
    /// The run cannot go on.
    Failed(RunError),
    /// A worker or the collector is gone; the cause is theirs.
    Stopped,
}

impl From<InputError> for Halt {
    fn from(error: InputError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Stopped> for Halt {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

/// Reads all sources.
pub(super) struct Intake<'c, 's> {
    config: &'c Config,
    sources: &'s [Source],
    registry: Registry,
    /// The batch of each lane that is being filled.
    batches: Vec<Batch>,
    /// The refused rows of the current block, where they are reported.
    refused: RefusedRows,
    reporting: bool,
    /// What is known of the rows of the current block; kept for its memory.
    survey: Survey,
    /// The number of the current block, over all sources.
    block: u64,
    /// How much of the inputs has been taken, and how much there is, if that is known.
    taken_bytes: u64,
    total_bytes: Option<u64>,
    /// The number of the line that comes next, once the first block of its source has come.
    line: Option<u64>,
    tally: Tally,
}

type WorkerLanes<'l, 's> = Lanes<'l, ShardWorker<'s>>;

impl<'c, 's> Intake<'c, 's> {
    pub(super) fn new(
        config: &'c Config,
        sources: &'s [Source],
        registry: Registry,
        reporting: bool,
    ) -> Self {
        Self {
            config,
            sources,
            registry,
            batches: Vec::new(),
            refused: RefusedRows::default(),
            reporting,
            survey: Survey::default(),
            block: 0,
            taken_bytes: 0,
            total_bytes: sources.iter().map(Source::size_bytes).sum(),
            line: None,
            tally: Tally::default(),
        }
    }

    /// Reads every row of every source and sends it to its worker.
    pub(super) fn run(mut self, lanes: &mut WorkerLanes<'_, 's>) -> Result<Tally, Halt> {
        self.batches.resize_with(lanes.count(), Batch::default);
        let helpers = lanes.helpers();
        if helpers.count() > 0 {
            self.read_with(helpers, lanes)?;
        } else {
            self.read_alone(lanes)?;
        }
        let lanes_kept = usize::from(planted!(LastBatchKept));
        for lane in 0..self.batches.len() - lanes_kept {
            self.flush(lane, lanes)?;
        }
        self.tally.unnamed = self.registry.unnamed();
        Ok(self.tally)
    }

    /// Parses all sources and takes their rows.
    fn read_alone(&mut self, lanes: &mut WorkerLanes<'_, 's>) -> Result<(), Halt> {
        let mut supply = SourceBlocks::new(self.sources, self.config);
        let mut parsed = Parsed::default();
        while supply.fill(&mut parsed) {
            parsed.parse(self.sources, self.config, self.reporting);
            self.take(&mut parsed, lanes)?;
        }
        Ok(())
    }

    /// Has all sources parsed by helpers and takes their rows in input order.
    fn read_with(&mut self, helpers: Helpers, lanes: &mut WorkerLanes<'_, 's>) -> Result<(), Halt> {
        let (sources, config) = (self.sources, self.config);
        let supply = SourceBlocks::new(sources, config);
        let reporting = self.reporting;
        let parse = |parsed: &mut Parsed<'s>| parsed.parse(sources, config, reporting);
        let reader = |pieces: &mut Pieces<Parsed<'s>>| {
            while let Some(parsed) = pieces.take()? {
                self.take(parsed, lanes)?;
            }
            Ok(())
        };
        let read = helpers.in_order(supply, parse, reader);
        read.map_err(|error| Halt::Failed(RunError::Threads(error)))?
    }

    /// Takes what comes next in input order.
    fn take(
        &mut self,
        parsed: &mut Parsed<'s>,
        lanes: &mut WorkerLanes<'_, 's>,
    ) -> Result<(), Halt> {
        let source = &self.sources[parsed.source];
        match std::mem::take(&mut parsed.origin) {
            Origin::Block(block) => {
                if self.config.interrupt.is_requested() {
                    return Err(Halt::Failed(RunError::Interrupted));
                }
                if let Some(total) = self.total_bytes {
                    self.registry.foresee(self.taken_bytes, total);
                }
                self.taken_bytes += parsed.taken_bytes;
                source.release(block.offset_bytes);
                let first_line = self.line.unwrap_or(source.line);
                self.enter_parsed(parsed, lanes)?;
                self.line = Some(first_line + parsed.lines);
                self.config.progress.advance(parsed.taken_bytes);
                if self.reporting {
                    self.report(block, first_line, parsed.source, lanes)?;
                } else {
                    // Its buffer is used again.
                    parsed.origin = Origin::Block(block);
                }
            }
            Origin::End { bytes } => {
                let rows_before: u64 = self.tally.inputs.iter().map(|(rows, _)| rows).sum();
                self.tally.inputs.push((self.tally.rows - rows_before, bytes));
                self.tally.bytes += bytes;
                self.tally.blank_lines += source.blank_lines;
                if !planted!(LinesRunOn) {
                    self.line = None;
                }
            }
            Origin::Failed(error) => return Err(error.into()),
            Origin::Nothing => {}
        }
        Ok(())
    }

    /// Takes the rows of a block that has been parsed.
    fn enter_parsed(
        &mut self,
        parsed: &mut Parsed<'s>,
        lanes: &mut WorkerLanes<'_, 's>,
    ) -> Result<(), Halt> {
        if parsed.is_unterminated {
            self.tally.unterminated.push(self.sources[parsed.source].name.clone());
        }
        self.tally.rows += count(parsed.rows.len() + parsed.malformed.len()) + parsed.left_out;
        self.tally.left_out += parsed.left_out;
        self.tally.sums.add(&parsed.sums);
        self.tally.blank_lines += parsed.blank_lines;
        self.tally.amounts_ignored += parsed.amounts_ignored;
        let mut legibles = parsed.legibles.iter().copied();
        for &(place, malformation) in &parsed.malformed {
            self.refuse(place, Reason::Malformed(malformation), legibles.next());
        }
        self.enter(&mut parsed.rows, lanes)
    }

    /// Decides the ids of well-formed rows and puts the rows into the batches of their workers.
    ///
    /// A worker that takes all rows, or most of them, takes them in the memory they came in; only
    /// those of the others are copied.
    fn enter(&mut self, rows: &mut PlainRows, lanes: &mut WorkerLanes<'_, 's>) -> Result<(), Halt> {
        self.decide(rows);
        let are_many = rows.len() >= self.config.batch_rows / 2;
        let Some(lane) = are_many.then(|| self.lane_of_most(rows)).flatten() else {
            for rows in rows.chunks(self.config.batch_rows.clamp(1, MASK_BITS)) {
                self.make_room(rows.len(), lanes)?;
                self.enter_all(rows);
            }
            return Ok(());
        };
        if self.batches.len() > 1 {
            self.enter_others(rows, lane, lanes)?;
        }
        if !self.batches[lane].rows.is_empty() {
            self.flush(lane, lanes)?;
        }
        std::mem::swap(&mut self.batches[lane].rows, rows);
        if self.reporting { Ok(()) } else { self.flush(lane, lanes) }
    }

    /// Finds the lane that three quarters of the rows are for, or more, as far as the first ones tell.
    fn lane_of_most(&self, rows: &[PlainRow]) -> Option<usize> {
        let shards = self.batches.len();
        if shards == 1 {
            return Some(0);
        }
        let some = &rows[..rows.len().min(MASK_BITS)];
        let lanes = some.iter().map(|row| lane_of(row, shards));
        // Boyer and Moore's vote (1981) leaves the lane of the majority, if there is one.
        let vote = |(winner, votes), lane| match votes {
            0 => (lane, 1),
            _ if lane == winner => (winner, votes + 1),
            _ => (winner, votes - 1),
        };
        let (winner, _) = lanes.clone().fold((0, 0_usize), vote);
        let count = lanes.filter(|&lane| lane == winner).count();
        (4 * count >= 3 * some.len()).then_some(winner)
    }

    /// Puts the rows that are not for a lane into the batches of their workers and takes them out.
    fn enter_others(
        &mut self,
        rows: &mut PlainRows,
        lane: usize,
        lanes: &mut WorkerLanes<'_, 's>,
    ) -> Result<(), Halt> {
        let shards = self.batches.len();
        let (mut start, mut kept) = (0, 0);
        while start < rows.len() {
            let run = rows[start..].iter().position(|row| lane_of(row, shards) != lane);
            let end = run.map_or(rows.len(), |length| start + length);
            rows.copy_within(start..end, kept);
            kept += end - start;
            if let Some(&row) = rows.get(end) {
                let owner = lane_of(&row, shards);
                if self.batches[owner].rows.len() >= self.config.batch_rows {
                    self.flush(owner, lanes)?;
                }
                self.batches[owner].rows.push(row);
            }
            start = end + 1;
        }
        rows.truncate(kept);
        Ok(())
    }

    /// Decides the ids of rows, notes in them what their shards are to know, and takes duplicates
    /// out.
    fn decide(&mut self, rows: &mut PlainRows) {
        let mut survey = std::mem::take(&mut self.survey);
        survey.make(rows, &mut self.registry);
        let mut references = &survey.references[..];
        let shards = self.batches.len();
        let (mut start, mut kept) = (0, 0);
        for &Group { money, run } in &survey.groups {
            let end = rows.len().min(start + MASK_BITS);
            let run = run.and_then(|first| self.registry.decide_run(first, money));
            let Decisions { duplicate, named } = run.unwrap_or_else(|| {
                let ahead = &rows[rows.len().min(start + Registry::AHEAD)..];
                self.registry.decide(ids_of(&rows[start..end]), ids_of(ahead))
            });
            let few = &mut rows[start..end];
            self.registry.prefetch_places(ones(named).map(|at| few[at].tx));
            for at in ones(named) {
                let row = &mut few[at];
                let key = self.registry.remember(row.tx, route(row.client, shards));
                note(row, key);
            }
            while let [Reference { at, lookup }, rest @ ..] = references
                && *at < end
            {
                if let Some(ahead) = rest.get(AHEAD) {
                    self.registry.prefetch_refer(ahead.lookup);
                }
                let row = &mut few[at - start];
                let key = self.registry.refer(*lookup, route(row.client, shards));
                note(row, key);
                references = rest;
            }
            let duplicate = if planted!(DuplicatesApplied) { 0 } else { duplicate };
            kept = self.keep_others(rows, start..end, kept, duplicate);
            start = end;
        }
        rows.truncate(kept);
        self.survey = survey;
    }

    /// Refuses the rows of a range that the mask tells and moves the others to `kept`; gives the
    /// place behind them.
    #[inline]
    fn keep_others(
        &mut self,
        rows: &mut [PlainRow],
        range: Range<usize>,
        mut kept: usize,
        duplicate: u64,
    ) -> usize {
        if duplicate == 0 {
            let behind = kept + range.len();
            if kept < range.start {
                rows.copy_within(range, kept);
            }
            return behind;
        }
        for (place, at) in range.enumerate() {
            let row = rows[at];
            if duplicate >> place & 1 == 0 {
                rows[kept] = row;
                kept += 1;
            } else {
                self.refuse_duplicate(&row);
            }
        }
        kept
    }

    #[cold]
    fn refuse_duplicate(&mut self, row: &PlainRow) {
        let reason = Reason::Rejected(Rejection::DuplicateTx);
        self.tally.rejected.add(row.kind, row.amount);
        self.refuse(row.place(), reason, Some(row.transaction().into()));
    }

    /// Puts rows into the batches of their workers, which have room for them.
    #[inline]
    fn enter_all(&mut self, rows: &[PlainRow]) {
        if let [batch] = &mut self.batches[..] {
            batch.rows.extend_from_slice(rows);
            return;
        }
        let shards = self.batches.len();
        for row in rows {
            self.batches[lane_of(row, shards)].rows.put(*row);
        }
    }

    /// Makes room for `rows` more in every batch, and sends those that would become too large.
    #[inline]
    fn make_room(&mut self, rows: usize, lanes: &mut WorkerLanes<'_, 's>) -> Result<(), Halt> {
        for lane in 0..self.batches.len() {
            if self.batches[lane].rows.len() + rows > self.config.batch_rows {
                self.flush(lane, lanes)?;
            }
            self.batches[lane].rows.reserve(rows);
        }
        Ok(())
    }

    fn refuse(&mut self, place: InBlock, reason: Reason, legible: Option<Legible>) {
        self.tally.refused.add(reason);
        if self.reporting {
            self.refused.push(place, reason, legible);
        }
    }

    /// Sends the batch of a lane, whatever is in it.
    fn flush(&mut self, lane: usize, lanes: &mut WorkerLanes<'_, 's>) -> Result<(), Halt> {
        let mut batch = std::mem::take(&mut self.batches[lane]);
        batch.block = self.block;
        self.batches[lane] = lanes.send(lane, batch)?;
        self.batches[lane].ends_block = false;
        Ok(())
    }

    /// Ends a block whose outcomes are reported: every worker says what it refused of it.
    fn report(
        &mut self,
        block: RowBlock<'s>,
        line: u64,
        source: usize,
        lanes: &mut WorkerLanes<'_, 's>,
    ) -> Result<(), Halt> {
        for lane in 0..self.batches.len() {
            self.batches[lane].ends_block = true;
            self.flush(lane, lanes)?;
        }
        let refused = self.refused.take();
        let notice = BlockNotice { block, line, source, refused };
        lanes.put(Notice::Block { number: self.block, notice })?;
        self.block += 1;
        Ok(())
    }
}

/// Tells which lane a row is for.
#[inline]
fn lane_of(row: &PlainRow, shards: usize) -> usize {
    route_among(if planted!(RoutedById) { row.tx } else { row.client }, shards)
}

fn ids_of(rows: &[PlainRow]) -> impl Iterator<Item = (Kind, u64)> + Clone {
    rows.iter().map(|row| (row.kind, row.tx))
}

/// Notes in a row how its shard finds its transaction.
#[inline]
fn note(row: &mut PlainRow, (key, marks): (u64, Marks)) {
    row.tx = key;
    row.note |= marks.bits();
}
