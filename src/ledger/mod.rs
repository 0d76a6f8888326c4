//! The ledger: transactions in, accounts and refusals out.
//!
//! Pure: it does no I/O, starts no thread, reads no clock, and has never seen a byte of an input.
//! A [`Shard`] is the part of the ledger that one worker owns; the [`Registry`] decides ids for all
//! of them. [`Ledger`] puts the two together for programs that apply transactions one by one.

mod accounts;
mod buckets;
mod homes;
mod index_map;
mod invariant;
mod posting;
mod registry;
mod shard;
mod sorted;
mod together;
mod transactions;
mod tx_ids;
mod verdict;

use std::num::NonZeroUsize;

pub use accounts::Job;
use accounts::one_by_one;
pub use invariant::{Audit, InvariantError, Totals, audit, check};
pub use posting::{Marks, Posting};
pub use registry::{Lookup, Registry};
pub use shard::{Closed, Shard};
pub use sorted::{Reading, SortedAccounts};
pub use tx_ids::{Decision, Decisions, TxIds};

use crate::account::Account;
use crate::outcome::Rejection;
use crate::rules::Rules;
use crate::transaction::Transaction;

/// A whole ledger in one piece: every transaction is applied when it is given.
///
/// It remembers every applied deposit and withdrawal, since any of them may be disputed later. A
/// run over files ([`crate::run`]) knows better and remembers fewer.
///
/// ```
/// use millrace::ledger::Ledger;
/// use millrace::outcome::Rejection;
/// use millrace::rules::Rules;
/// use millrace::transaction::Transaction;
///
/// let mut ledger = Ledger::new(Rules::default());
/// ledger.apply(&Transaction::deposit(1, 1, "5".parse().unwrap())).unwrap();
/// let refusal = ledger.apply(&Transaction::withdrawal(1, 2, "6".parse().unwrap()));
/// assert_eq!(refusal, Err(Rejection::InsufficientFunds));
/// assert_eq!(ledger.account(1).unwrap().total().to_string(), "5.0000");
/// ```
#[derive(Debug)]
pub struct Ledger {
    registry: Registry,
    shard: Shard,
}

impl Ledger {
    /// Makes a ledger without accounts.
    pub fn new(rules: Rules) -> Self {
        Self { registry: Registry::of_all(rules.tx_ids), shard: Shard::new(rules) }
    }

    /// Applies one transaction.
    ///
    /// # Errors
    /// The first check of the rules that fails; nothing has changed then but that a deposit or
    /// withdrawal has consumed its id and may have opened an account.
    pub fn apply(&mut self, transaction: &Transaction) -> Result<(), Rejection> {
        self.apply_marked(transaction, Marks::NONE)
    }

    /// As [`Ledger::apply`], of a transaction about which more is known.
    ///
    /// # Errors
    /// As [`Ledger::apply`].
    pub fn apply_marked(
        &mut self,
        transaction: &Transaction,
        marks: Marks,
    ) -> Result<(), Rejection> {
        let &Transaction { kind, tx, .. } = transaction;
        if self.registry.decide(&[tx], kind.money_mask() & 1, &[]).duplicate != 0 {
            return Err(Rejection::DuplicateTx);
        }
        self.shard.apply(&Posting::by_id(transaction, Marks::REMEMBER.and(marks)))
    }

    /// Consumes an id, as a deposit or withdrawal does that this ledger is not given, since the
    /// account is of no interest. Where ids are unique per client, it consumes nothing.
    pub fn consume(&mut self, tx: u64) {
        self.registry.decide(&[tx], 1, &[]);
    }

    /// Gives the account of a client, if it has been opened.
    pub fn account(&self, client: u64) -> Option<Account> {
        self.shard.account(client)
    }

    /// Closes the ledger: its accounts ascending by client, and the sums that explain them.
    pub fn close(self) -> Closed {
        let Ok(closed) = self.close_with(NonZeroUsize::MIN, one_by_one);
        closed
    }

    /// As [`Ledger::close`], in up to `jobs` jobs where many clients have scattered ids: `run` is to run
    /// them, each on a thread of its own or one after the other.
    ///
    /// # Errors
    /// That of `run`.
    ///
    /// # Panics
    /// If `run` succeeds without having run every job.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use std::{io, thread};
    ///
    /// use millrace::ledger::{Job, Ledger};
    /// use millrace::rules::Rules;
    ///
    /// fn on_threads(jobs: Vec<Job<'_>>) -> io::Result<()> {
    ///     thread::scope(|scope| {
    ///         jobs.into_iter().try_for_each(|job| {
    ///             thread::Builder::new().spawn_scoped(scope, job)?;
    ///             Ok(())
    ///         })
    ///     })
    /// }
    ///
    /// let jobs = NonZeroUsize::new(2).expect("positive");
    /// let closed = Ledger::new(Rules::default()).close_with(jobs, on_threads)?;
    /// assert!(closed.accounts.is_empty());
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn close_with<E>(
        self,
        jobs: NonZeroUsize,
        run: impl FnOnce(Vec<Job<'_>>) -> Result<(), E>,
    ) -> Result<Closed, E> {
        let Self { registry, shard } = self;
        // The system has its memory for what is made next.
        drop(registry);
        shard.close_with(jobs, run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::TxIdSpace;

    #[test]
    fn an_id_that_is_consumed_elsewhere_is_a_duplicate_where_ids_are_unique_over_all() {
        let deposit = Transaction::deposit(1, 5, "2".parse().unwrap());
        let per_client = Rules { tx_ids: TxIdSpace::PerClient, ..Rules::default() };
        for (rules, expected) in
            [(Rules::default(), Err(Rejection::DuplicateTx)), (per_client, Ok(()))]
        {
            let mut ledger = Ledger::new(rules);
            ledger.consume(5);
            assert_eq!(ledger.apply(&deposit), expected);
            assert_eq!(ledger.account(1).is_some(), expected.is_ok());
        }
    }

    #[test]
    fn a_row_that_may_have_been_cut_consumes_its_id() {
        let deposit = Transaction::deposit(1, 5, "2".parse().unwrap());
        let mut ledger = Ledger::new(Rules::default());
        let cut = ledger.apply_marked(&deposit, Marks::UNTERMINATED);
        assert_eq!(cut, Err(Rejection::UnterminatedRow));
        assert_eq!(ledger.apply(&deposit), Err(Rejection::DuplicateTx));
    }
}
