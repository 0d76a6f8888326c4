//! Explaining: the rows of one client, or of one transaction, through a ledger of their own.
//!
//! A first pass keeps the rows. Where ids are unique over all clients, a second one looks for rows
//! of others that have consumed an id of theirs before: nothing else that others do has any effect
//! on these accounts. What the rows do is decided by the ledger.

use std::collections::{BTreeMap, HashMap, HashSet};

use foldhash::fast::RandomState;

use super::config::{Config, Recall};
use super::error::RunError;
use super::sift::{Kept, Sieve, sift};
use super::{beside, open};
use crate::amount::Amount;
use crate::explain::{Entry, Place, Statement, Subject};
use crate::input::{Input, Source};
use crate::ledger::{Ledger, TxIds, check};
use crate::outcome::{Reason, Rejection};
use crate::parser::{Legible, PlainRow};
use crate::rules::TxIdSpace;
use crate::transaction::Transaction;

/// Explains a client or a transaction by the inputs.
pub(crate) fn explain(
    config: &Config,
    inputs: Vec<Input>,
    subject: Subject,
) -> Result<Statement, RunError> {
    // Every pass but the first reads again what can be read only once.
    let config = &Config { recall: Recall::Named, ..config.clone() };
    let sources = open(config, inputs)?;
    tracing::info!(inputs = sources.len(), rules = %config.rules, "opened");
    expect_passes(config, &sources, subject);
    let passes = Passes { config, sources: &sources };
    let (clients, rows) = match subject {
        Subject::Client(client) => {
            let clients = Clients::One(client);
            let rows = passes.keep(&OfClients { clients: &clients, malformed_tx: None })?;
            (clients, rows)
        }
        Subject::Tx(tx) => {
            let named = passes.keep(&OfTx(tx))?;
            let clients = named.iter().filter_map(|row| row.legible.client).collect();
            let clients = Clients::Several(clients);
            let rows = passes.keep(&OfClients { clients: &clients, malformed_tx: Some(tx) })?;
            (clients, rows)
        }
    };
    tracing::debug!(rows = rows.len(), "kept");
    let elsewhere = match config.rules.tx_ids {
        TxIdSpace::Global => passes.consumed_elsewhere(&clients, &rows)?,
        TxIdSpace::PerClient => BTreeMap::new(),
    };
    for source in &sources {
        source.check_unchanged()?;
    }
    let inputs = sources.iter().map(|source| source.label.clone()).collect();
    let until = config.until_line;
    let (entries, closed) = beside(
        config,
        || drop(sources),
        || {
            let mut replay = Replay::new(config, elsewhere);
            let entries = rows.iter().map(|row| replay.entry(row));
            let entries: Vec<_> = entries.filter(|entry| concerns(entry, subject)).collect();
            (entries, replay.ledger.close())
        },
    )?;
    check(&closed.accounts, &closed.totals)?;
    Ok(Statement { subject, inputs, until, entries, accounts: closed.accounts.iter().collect() })
}

/// Tells whether a row is one of those that are explained: others may stand before it in the life of
/// an account.
fn concerns(entry: &Entry, subject: Subject) -> bool {
    match subject {
        Subject::Client(client) => entry.client == Some(client),
        Subject::Tx(tx) => entry.tx == Some(tx),
    }
}

/// Tells the progress how much is read in all passes.
fn expect_passes(config: &Config, sources: &[Source], subject: Subject) {
    let keeping = if matches!(subject, Subject::Client(_)) { 1 } else { 2 };
    let passes = keeping + u64::from(config.rules.tx_ids == TxIdSpace::Global);
    let size_bytes = Source::size_of_all(sources);
    config.progress.expect(size_bytes.map(|size| size.saturating_mul(passes)));
}

/// The clients whose accounts are computed.
enum Clients {
    One(u64),
    Several(HashSet<u64, RandomState>),
}

impl Clients {
    #[inline]
    fn have(&self, client: u64) -> bool {
        match self {
            Self::One(one) => *one == client,
            Self::Several(several) => several.contains(&client),
        }
    }
}

/// Keeps the rows of some clients: the malformed ones that name them, or those with an id.
struct OfClients<'c> {
    clients: &'c Clients,
    malformed_tx: Option<u64>,
}

impl Sieve for OfClients<'_> {
    const READS_MALFORMED: bool = true;

    #[inline]
    fn keeps(&self, row: &PlainRow) -> bool {
        self.clients.have(row.client)
    }

    fn keeps_malformed(&self, legible: &Legible) -> bool {
        match self.malformed_tx {
            Some(_) => legible.tx == self.malformed_tx,
            None => legible.client.is_some_and(|client| self.clients.have(client)),
        }
    }
}

/// Keeps the rows with an id.
struct OfTx(u64);

impl Sieve for OfTx {
    const READS_MALFORMED: bool = true;

    #[inline]
    fn keeps(&self, row: &PlainRow) -> bool {
        row.tx == self.0
    }

    fn keeps_malformed(&self, legible: &Legible) -> bool {
        legible.tx == Some(self.0)
    }
}

/// Keeps the deposits and withdrawals of other clients that have one of some ids.
struct Foreign<'c> {
    clients: &'c Clients,
    ids: TxIds,
}

impl Sieve for Foreign<'_> {
    const READS_MALFORMED: bool = false;

    #[inline]
    fn keeps(&self, row: &PlainRow) -> bool {
        row.kind.moves_money() && self.ids.is_named(row.tx) && !self.clients.have(row.client)
    }

    fn keeps_malformed(&self, _: &Legible) -> bool {
        false
    }
}

/// What every pass reads.
struct Passes<'a> {
    config: &'a Config,
    sources: &'a [Source],
}

impl Passes<'_> {
    /// Keeps the rows that concern the subject.
    fn keep(&self, sieve: &impl Sieve) -> Result<Vec<Kept>, RunError> {
        let mut rows = Vec::new();
        sift(self.sources, self.config, sieve, None, |row| rows.push(row))?;
        Ok(rows)
    }

    /// Finds the ids of the rows that a row of another client has consumed before, and where.
    fn consumed_elsewhere(
        &self,
        clients: &Clients,
        rows: &[Kept],
    ) -> Result<BTreeMap<u64, Place>, RunError> {
        let mut firsts: HashMap<u64, Place, RandomState> = HashMap::default();
        let mut ids = TxIds::default();
        let mut until = None;
        for row in rows {
            if let Some(Transaction { tx, kind, .. }) = transaction(row)
                && kind.moves_money()
                && !firsts.contains_key(&tx)
            {
                firsts.insert(tx, row.place);
                ids.name(tx);
                until = Some(row.place);
            }
        }
        let mut consumed = BTreeMap::new();
        if until.is_none() {
            return Ok(consumed);
        }
        let sieve = Foreign { clients, ids };
        sift(self.sources, self.config, &sieve, until, |row| {
            if let Some(tx) = row.legible.tx
                && firsts.get(&tx).is_some_and(|&first| row.place < first)
            {
                consumed.entry(tx).or_insert(row.place);
            }
        })?;
        Ok(consumed)
    }
}

/// What a row means, if it is a transaction.
fn transaction(row: &Kept) -> Option<Transaction> {
    let Legible { kind, client, tx, amount } = row.legible;
    let (kind, client, tx) = (kind?, client?, tx?);
    row.malformation.is_none().then_some(Transaction { client, tx, amount, kind })
}

/// Applies the rows to a ledger and notes what each of them does.
struct Replay {
    ledger: Ledger,
    space: TxIdSpace,
    /// The rows that have consumed an id: by the id, and by the client where each has ids of its
    /// own.
    consumers: HashMap<(u64, u64), Consumer, RandomState>,
}

/// A deposit or withdrawal that has consumed its id.
#[derive(Clone, Copy)]
struct Consumer {
    place: Place,
    /// Whose money it has moved, and how much, if it was applied.
    moved: Option<(u64, Amount)>,
}

impl Replay {
    fn new(config: &Config, elsewhere: BTreeMap<u64, Place>) -> Self {
        let mut ledger = Ledger::new(config.rules);
        let mut consumers = HashMap::default();
        for (tx, place) in elsewhere {
            ledger.consume(tx);
            consumers.insert((0, tx), Consumer { place, moved: None });
        }
        Self { ledger, space: config.rules.tx_ids, consumers }
    }

    /// Applies a row.
    fn entry(&mut self, row: &Kept) -> Entry {
        let Legible { kind, client, tx, amount } = row.legible;
        let mut entry = Entry {
            place: row.place,
            kind,
            client,
            tx,
            amount,
            outcome: row.malformation.map_or(Ok(()), |it| Err(Reason::Malformed(it))),
            refers_to: None,
            account: None,
        };
        if let Some(transaction) = transaction(row) {
            let outcome = self.ledger.apply_marked(&transaction, row.marks);
            entry.outcome = outcome.map_err(Reason::Rejected);
            self.refer(&mut entry, &transaction, outcome);
        }
        entry.account = client.and_then(|client| self.ledger.account(client));
        entry
    }

    /// Finds the row that a row refers to, or notes that it has consumed its id.
    fn refer(
        &mut self,
        entry: &mut Entry,
        transaction: &Transaction,
        outcome: Result<(), Rejection>,
    ) {
        let &Transaction { kind, client, tx, amount } = transaction;
        let owner = if self.space == TxIdSpace::PerClient { client } else { 0 };
        let consumer = self.consumers.get(&(owner, tx));
        if !kind.moves_money() {
            // Of a client without such a transaction nothing is told of that of another.
            if let Some(&Consumer { place, moved: Some((mover, amount)) }) = consumer
                && mover == client
            {
                (entry.refers_to, entry.amount) = (Some(place), Some(amount));
            }
        } else if outcome == Err(Rejection::DuplicateTx) {
            entry.refers_to = consumer.map(|consumer| consumer.place);
        } else {
            let moved = amount.filter(|_| outcome.is_ok()).map(|amount| (client, amount));
            self.consumers.insert((owner, tx), Consumer { place: entry.place, moved });
        }
    }
}
