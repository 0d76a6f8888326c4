//! A ledger of the default rules that only counts, for checking what generated rows provoke.

use std::collections::{BTreeMap, BTreeSet};

use crate::amount::Amount;
use crate::outcome::{Malformation, Rejection};
use crate::transaction::{Kind, Transaction};

/// Where an applied deposit or withdrawal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Withdrawal,
    Settled,
    Disputed,
    ChargedBack,
}

/// What a client has, in units.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    available: i128,
    is_locked: bool,
}

/// How many rows have met each outcome.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    pub(super) applied: u64,
    pub(super) rejected: BTreeMap<Rejection, u64>,
    pub(super) malformed: BTreeMap<Malformation, u64>,
    accounts: BTreeMap<u64, Account>,
    ids: BTreeSet<u64>,
    states: BTreeMap<(u64, u64), (State, Amount)>,
}

impl Verdicts {
    pub(super) fn judge(&mut self, row: Result<Transaction, Malformation>) {
        match row.map(|transaction| self.apply(transaction)) {
            Ok(Ok(())) => self.applied += 1,
            Ok(Err(reason)) => *self.rejected.entry(reason).or_default() += 1,
            Err(reason) => *self.malformed.entry(reason).or_default() += 1,
        }
    }

    pub(super) fn is_locked(&self, client: u64) -> bool {
        self.accounts[&client].is_locked
    }

    fn apply(&mut self, transaction: Transaction) -> Result<(), Rejection> {
        let Transaction { client, tx, amount, kind } = transaction;
        if kind.moves_money() && !self.ids.insert(tx) {
            return Err(Rejection::DuplicateTx);
        }
        let account = self.accounts.entry(client).or_default();
        if account.is_locked {
            return Err(Rejection::AccountLocked);
        }
        if let Some(amount) = amount {
            let units = i128::from(amount.units());
            let state = if kind == Kind::Deposit {
                account.available += units;
                State::Settled
            } else if account.available >= units {
                account.available -= units;
                State::Withdrawal
            } else {
                return Err(Rejection::InsufficientFunds);
            };
            self.states.insert((client, tx), (state, amount));
            return Ok(());
        }
        let (state, amount) = self.states.get_mut(&(client, tx)).ok_or(Rejection::UnknownTx)?;
        *state = match (*state, kind) {
            (State::Withdrawal, _) => return Err(Rejection::NotDisputable),
            (State::ChargedBack, _) => return Err(Rejection::ChargedBack),
            (State::Disputed, Kind::Dispute) => return Err(Rejection::AlreadyDisputed),
            (State::Settled, Kind::Dispute) => {
                account.available -= i128::from(amount.units());
                State::Disputed
            }
            (State::Settled, _) => return Err(Rejection::NotDisputed),
            (State::Disputed, Kind::Resolve) => {
                account.available += i128::from(amount.units());
                State::Settled
            }
            (State::Disputed, _) => {
                account.is_locked = true;
                State::ChargedBack
            }
        };
        Ok(())
    }
}
