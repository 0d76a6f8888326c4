//! The reader's side: rows in, ids decided in input order, rows out to the workers. The reader
//! parses the rows itself, or takes those that its helpers have parsed.

use super::batch::{Batch, RefusedRows};
use super::config::Config;
use super::count;
use super::error::RunError;
use super::merge::{BlockNotice, Notice};
use super::parsed::{InBlock, Origin, Parsed, SourceBlocks};
use super::partition::Partitions;
use super::prepared::{Prepared, RowSums};
use super::survey::{Group, Reference, Survey, ones};
use super::worker::ShardWorker;
use crate::input::{InputError, RELEASE_BYTES, RowBlock, Source};
use crate::ledger::{Decisions, Lookup, Registry, Totals};
use crate::outcome::Reason;
use crate::parser::Legible;
use crate::pipeline::{Helpers, Lanes, Outbox, Pieces, Stopped, Supply};
use crate::summary::{ByKind, ControlTotals, Counts};
use crate::transaction::Kind;

/// Rows between a fetch and the look at what it has fetched.
const POSITIONS_AHEAD: usize = 128;

/// References between a fetch and the look at what it has fetched.
const AHEAD: usize = 24;

/// What the reader has counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) blank_lines: u64,
    pub(super) amounts_ignored: u64,
    /// What is malformed.
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
    /// The transactions that rows of the current block refer to; kept for its memory.
    lookups: Vec<Lookup>,
    /// The number of the current block, over all sources.
    block: u64,
    /// How much of the inputs has been taken, and how much there is, if that is known.
    taken_bytes: u64,
    /// How much of them the collector has heard of.
    noticed_bytes: u64,
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
            lookups: Vec::new(),
            block: 0,
            taken_bytes: 0,
            noticed_bytes: 0,
            total_bytes: Source::size_of_all(sources),
            line: None,
            tally: Tally::default(),
        }
    }

    /// Reads every row of every source and sends it to its worker.
    pub(super) fn run(mut self, lanes: &mut WorkerLanes<'_, 's>) -> Result<Tally, Halt> {
        self.batches.resize_with(lanes.count(), Batch::default);
        let (sources, config, reporting) = (self.sources, self.config, self.reporting);
        let shards = self.batches.len();
        let prepare = |parsed: &mut Parsed<'s>| {
            parsed.parse(sources, config, reporting, Some(shards));
        };
        let helpers = lanes.helpers();
        if helpers.count() > 0 {
            self.read_with(helpers, prepare, lanes)?;
        } else {
            self.read_alone(prepare, lanes)?;
        }
        let lanes_kept = usize::from(planted!(LastBatchKept));
        for lane in 0..self.batches.len() - lanes_kept {
            self.flush(lane, lanes)?;
        }
        self.tally.unnamed = self.registry.unnamed();
        Ok(self.tally)
    }

    /// Prepares the rows of all sources and takes them.
    fn read_alone(
        &mut self,
        prepare: impl Fn(&mut Parsed<'s>),
        lanes: &mut WorkerLanes<'_, 's>,
    ) -> Result<(), Halt> {
        let mut supply = SourceBlocks::new(self.sources, self.config);
        let mut parsed = Parsed::default();
        while supply.fill(&mut parsed) {
            prepare(&mut parsed);
            self.take(&mut parsed, lanes)?;
        }
        Ok(())
    }

    /// Has the rows of all sources prepared by helpers and takes them in input order.
    fn read_with(
        &mut self,
        helpers: Helpers,
        prepare: impl Fn(&mut Parsed<'s>) + Sync,
        lanes: &mut WorkerLanes<'_, 's>,
    ) -> Result<(), Halt> {
        let supply = SourceBlocks::new(self.sources, self.config);
        let reader = |pieces: &mut Pieces<Parsed<'s>>| {
            while let Some(parsed) = pieces.take()? {
                self.take(parsed, lanes)?;
            }
            Ok(())
        };
        let read = helpers.in_order(supply, prepare, reader);
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
                self.let_go(parsed.source, block.offset_bytes, lanes)?;
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

    /// Has the memory let go of in which the bytes before a place stand, which have been read: by the
    /// collector, which has nothing else to do unless rows are reported.
    fn let_go(
        &mut self,
        source: usize,
        offset_bytes: u64,
        lanes: &mut WorkerLanes<'_, 's>,
    ) -> Result<(), Halt> {
        if self.reporting {
            self.sources[source].release(offset_bytes);
        } else if self.taken_bytes - self.noticed_bytes >= count(RELEASE_BYTES) {
            self.noticed_bytes = self.taken_bytes;
            lanes.put(Notice::Read { source, offset_bytes })?;
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
        self.tally.rows += count(parsed.prepared.count + parsed.malformed.len()) + parsed.left_out;
        self.tally.left_out += parsed.left_out;
        self.tally.sums.add(&parsed.prepared.sums);
        self.tally.blank_lines += parsed.blank_lines;
        self.tally.amounts_ignored += parsed.amounts_ignored;
        let mut legibles = parsed.legibles.iter().copied();
        for &(place, malformation) in &parsed.malformed {
            self.refuse(place, Reason::Malformed(malformation), legibles.next());
        }
        self.enter(&mut parsed.prepared, lanes)
    }

    /// Decides the ids of well-formed rows and hands the rows on to the batches of their workers.
    fn enter(
        &mut self,
        Prepared { survey, partitions, .. }: &mut Prepared,
        lanes: &mut WorkerLanes<'_, 's>,
    ) -> Result<(), Halt> {
        self.decide(survey, partitions);
        for (lane, partition) in partitions.by_worker.iter_mut().enumerate() {
            self.batches[lane].add(partition);
            if !self.reporting && self.batches[lane].is_full(self.config.batch_rows) {
                self.flush(lane, lanes)?;
            }
        }
        Ok(())
    }

    /// Decides the ids of rows, and notes beside them what their shards are to know of some, and which
    /// are duplicates.
    fn decide(&mut self, survey: &Survey, partitions: &mut Partitions) {
        self.look_up(&survey.references);
        let (mut start, mut later) = (0, &survey.ids[..]);
        let mut referred = 0;
        for group in &survey.groups {
            partitions.prefetch_positions(start + POSITIONS_AHEAD);
            let following = later;
            let ids;
            (ids, later) = later.split_at(if group.run.is_some() { 0 } else { group.rows });
            let Decisions { duplicate, named } = if let Some(first) = group.run {
                self.decide_run(group, first)
            } else {
                let ahead = following.get(Registry::AHEAD..).unwrap_or_default();
                self.registry.decide(ids, group.money, ahead)
            };
            let tx_of = |at: usize| group.run.map_or_else(|| ids[at], |first| group.id(first, at));
            self.registry.prefetch_places(ones(named).map(tx_of));
            for at in ones(named) {
                let position = partitions.position(start + at);
                partitions.note(position, self.registry.remember(tx_of(at), position.lane()));
            }
            for at in ones(duplicate) {
                partitions.note_duplicate(partitions.position(start + at));
            }
            start += group.rows;
            let end = u32::try_from(start).expect("fewer rows than bytes");
            while let Some(reference) = survey.references.get(referred)
                && reference.at < end
            {
                if let Some(&ahead) = self.lookups.get(referred + AHEAD) {
                    self.registry.prefetch_refer(ahead);
                }
                let key = self.registry.refer(self.lookups[referred], reference.position.lane());
                partitions.note(reference.position, key);
                referred += 1;
            }
        }
    }

    /// Decides the ids of rows that follow one another.
    #[inline]
    fn decide_run(&mut self, group: &Group, first: u64) -> Decisions {
        self.registry.decide_run(first, group.money).unwrap_or_else(|| {
            self.registry.decide(&group.spell(first)[..group.rows], group.money, &[])
        })
    }

    /// Looks up the transactions that rows refer to.
    fn look_up(&mut self, references: &[Reference]) {
        let registry = &mut self.registry;
        self.lookups.clear();
        self.lookups.extend(references.iter().enumerate().map(|(index, reference)| {
            if let Some(ahead) = references.get(index + AHEAD) {
                registry.prefetch(ahead.tx);
            }
            registry.look_up(reference.tx)
        }));
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
