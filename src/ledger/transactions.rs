//! The transactions that a shard remembers, since a later row may refer to them.
//!
//! Where the registry of a run has given a transaction a place of its own, it is kept in an array; all
//! others are found in a seeded map. A place takes less than half of the time of the map, and of its
//! memory (benches/README.md).

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::accounts::Owner;
use crate::amount::Amount;
use crate::huge_pages;
use crate::prefetch::prefetch_at;

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
    placed: Vec<Option<Placed>>,
    /// By client and id.
    by_id: HashMap<(u64, u64), Remembered, RandomState>,
}

/// What is in a place, flat, so that four of them fill a line of cache.
#[derive(Clone, Copy, Debug)]
struct Placed {
    amount: Amount,
    /// Whose account has been changed by it.
    owner: Owner,
    state: State,
}

const _: () = assert!(size_of::<Option<Placed>>() == 16);

/// A remembered transaction that has been found.
#[derive(Debug)]
pub(super) struct Found<'t> {
    pub(super) amount: Amount,
    pub(super) state: &'t mut State,
}

impl Transactions {
    /// Starts with room for so many places, which takes no memory before they are used.
    pub(super) fn with_room(places: usize) -> Self {
        Self { placed: huge_pages::room_for(places, places), by_id: HashMap::default() }
    }

    /// Puts a transaction of the account of `owner` into a place, which is best the next one.
    #[inline]
    pub(super) fn place(&mut self, place: u64, owner: Owner, transaction: Remembered) {
        let place = usize::try_from(place).expect("a place in memory");
        let Remembered { amount, state } = transaction;
        let placed = Some(Placed { amount, owner, state });
        if let Some(slot) = self.placed.get_mut(place) {
            *slot = placed;
            return;
        }
        // Nothing is in the places between, as far as it is known.
        self.placed.resize(place, if planted!(GapRemembersNext) { placed } else { None });
        self.placed.push(placed);
    }

    /// Gives each transaction in a place the owner that its own has become.
    pub(super) fn change_owners(&mut self, become_of: impl Fn(Owner) -> Owner) {
        for placed in self.placed.iter_mut().flatten() {
            placed.owner = become_of(placed.owner);
        }
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
        prefetch_at(&self.placed, usize::try_from(place).unwrap_or(usize::MAX));
    }

    /// Finds what is in a place, if it is a transaction of the account of `owner`.
    #[inline]
    pub(super) fn at(&mut self, place: u64, owner: Owner) -> Option<Found<'_>> {
        let found = self.placed.get_mut(usize::try_from(place).ok()?)?.as_mut()?;
        let is_theirs = planted!(DisputeByAnother) || found.owner == owner;
        is_theirs.then_some(Found { amount: found.amount, state: &mut found.state })
    }

    /// Finds a transaction of `client` by its id.
    #[inline]
    pub(super) fn by_id(&mut self, tx: u64, client: u64) -> Option<Found<'_>> {
        let Remembered { amount, state } = self.by_id.get_mut(&(client, tx))?;
        Some(Found { amount: *amount, state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Owner = Owner::ONE;
    const DEPOSIT: Remembered = Remembered { amount: Amount::MIN, state: State::Deposited };

    #[test]
    fn a_transaction_is_found_by_its_own_client_alone() {
        let mut transactions = Transactions::default();
        transactions.place(2, ONE, DEPOSIT);
        transactions.insert(7, 1, DEPOSIT);
        assert!(transactions.at(2, ONE).is_some() && transactions.by_id(7, 1).is_some());
        assert!(transactions.at(2, Owner::ANOTHER).is_none() && transactions.by_id(7, 2).is_none());
    }

    #[test]
    fn a_place_that_nothing_was_put_into_is_empty() {
        let mut transactions = Transactions::default();
        for place in [2, 4, 1] {
            transactions.place(place, ONE, DEPOSIT);
        }
        for place in [0, 3, 5, NOWHERE] {
            assert!(transactions.at(place, ONE).is_none(), "{place}");
        }
        assert!([1, 2, 4].iter().all(|&place| transactions.at(place, ONE).is_some()));
    }
}
