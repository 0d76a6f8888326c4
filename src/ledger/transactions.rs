//! The transactions that a shard remembers, since a later row may refer to them.
//!
//! Where the registry of a run has given a transaction a place of its own, it is kept in an array,
//! in the order of the rows; all others are found in a seeded map. A place takes less
//! than half of the time of the map, and of its memory (benches/README.md).

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::amount::Amount;
use crate::prefetch::prefetch;

/// The place of no transaction.
pub(super) const NOWHERE: u64 = u64::MAX;

/// An applied deposit or withdrawal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered {
    pub(super) amount: Amount,
    pub(super) state: State,
}

/// How far a remembered transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// An applied withdrawal; it stays one.
    Withdrawn,
    /// An applied deposit that was never disputed.
    Deposited,
    /// Its amount is held.
    Disputed,
    /// Was disputed, and its amount released.
    Resolved,
    /// Was disputed, and its amount taken.
    ChargedBack,
}

/// The remembered transactions of one shard.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    /// By place; `None` where the transaction was refused.
    placed: Vec<Option<(u64, Remembered)>>,
    /// By client and id.
    by_id: HashMap<(u64, u64), Remembered, RandomState>,
}

const _: () = assert!(size_of::<Option<(u64, Remembered)>>() == 24);

impl Transactions {
    /// Puts a transaction of `client` into a place. Places are taken in ascending order.
    #[inline]
    pub(super) fn place(&mut self, place: u64, client: u64, transaction: Remembered) {
        let place = usize::try_from(place).expect("a place in memory");
        debug_assert!(self.placed.len() <= place, "places are taken in order");
        // The places between are those of refused transactions.
        while self.placed.len() < place {
            let gap = if planted!(GapRemembersNext) { Some((client, transaction)) } else { None };
            self.placed.push(gap);
        }
        self.placed.push(Some((client, transaction)));
    }

    /// Keeps a transaction of `client` by its id.
    #[inline]
    pub(super) fn insert(&mut self, tx: u64, client: u64, transaction: Remembered) {
        let before = self.by_id.insert((client, tx), transaction);
        debug_assert!(before.is_none(), "an id was decided twice");
    }

    /// Fetches what is in a place.
    #[inline]
    pub(super) fn prefetch(&self, place: u64) {
        if let Some(there) = usize::try_from(place).ok().and_then(|place| self.placed.get(place)) {
            prefetch(there);
        }
    }

    /// Finds what is in a place, if it is a transaction of `client`.
    #[inline]
    pub(super) fn at(&mut self, place: u64, client: u64) -> Option<&mut Remembered> {
        let (owner, transaction) = self.placed.get_mut(usize::try_from(place).ok()?)?.as_mut()?;
        (planted!(DisputeByAnother) || *owner == client).then_some(transaction)
    }

    /// Finds a transaction of `client` by its id.
    #[inline]
    pub(super) fn by_id(&mut self, tx: u64, client: u64) -> Option<&mut Remembered> {
        self.by_id.get_mut(&(client, tx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPOSIT: Remembered = Remembered { amount: Amount::MIN, state: State::Deposited };

    #[test]
    fn a_transaction_is_found_by_its_own_client_alone() {
        let mut transactions = Transactions::default();
        transactions.place(2, 1, DEPOSIT);
        transactions.insert(7, 1, DEPOSIT);
        assert!(transactions.at(2, 1).is_some() && transactions.by_id(7, 1).is_some());
        assert!(transactions.at(2, 2).is_none() && transactions.by_id(7, 2).is_none());
    }

    #[test]
    fn a_place_that_nothing_was_put_into_is_empty() {
        let mut transactions = Transactions::default();
        transactions.place(2, 1, DEPOSIT);
        transactions.place(4, 1, DEPOSIT);
        for place in [0, 1, 3, 5, NOWHERE] {
            assert!(transactions.at(place, 1).is_none(), "{place}");
        }
    }
}
