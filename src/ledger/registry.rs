//! The registry: decides the ids of all shards in input order, and gives each transaction that a
//! row refers to a place in the memory of its shard.

use super::posting::Marks;
use super::transactions::NOWHERE;
use super::tx_ids::{Decisions, TxIds};
use crate::huge_pages;
use crate::prefetch::prefetch;
use crate::rules::TxIdSpace;

/// What is decided before a row goes to its shard.
#[derive(Debug)]
pub struct Registry {
    ids: TxIds,
    space: TxIdSpace,
    remembers_all: bool,
    places: Places,
    unnamed: u64,
}

/// Where the transactions are that rows refer to.
#[derive(Debug)]
enum Places {
    /// Wherever their shard finds them by id.
    ById,
    /// At the numbers that the ids have for them: there is one shard.
    Numbered,
    /// At the next place of their shard, when they came.
    Given {
        /// By the numbers that the ids have for them.
        spots: Vec<Spot>,
        /// The places given away, by shard.
        taken: Vec<u32>,
    },
}

/// The shard of a transaction, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spot {
    shard: u32,
    place: u32,
}

impl Spot {
    /// No row with the id has been decided yet.
    const NONE: Self = Self { shard: u32::MAX, place: u32::MAX };
}

/// A transaction that has been looked up: its number, or its id where there are no places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookup(u64);

impl Registry {
    /// Rows between a fetch and the decision that needs it.
    pub const AHEAD: usize = TxIds::AHEAD;

    /// Makes the registry of a run whose rows refer to the ids named in `ids` and no others.
    pub fn of_named(mut ids: TxIds, space: TxIdSpace, shards: usize) -> Self {
        ids.end_names();
        let places = match (space, shards) {
            (TxIdSpace::PerClient, _) => Places::ById,
            (TxIdSpace::Global, 1) => Places::Numbered,
            (TxIdSpace::Global, _) => {
                let spots = huge_pages::room_for(ids.named(), ids.named());
                Places::Given { spots, taken: vec![0; shards] }
            }
        };
        Self { ids, space, remembers_all: false, places, unnamed: 0 }
    }

    /// Makes the registry of a run whose rows may refer to any id.
    pub fn of_all(space: TxIdSpace) -> Self {
        let ids = TxIds::default();
        Self { ids, space, remembers_all: true, places: Places::ById, unnamed: 0 }
    }

    /// How many places will be taken in each shard, about: no more, where there is one shard.
    pub fn places_of_a_shard(&self) -> usize {
        match &self.places {
            Places::ById => 0,
            Places::Numbered => self.ids.named(),
            // Clients are spread evenly, more or less.
            Places::Given { taken, .. } => self.ids.named() / taken.len() * 9 / 8,
        }
    }

    /// Tells whether named transactions have places; otherwise shards find them by id.
    #[inline]
    fn knows_places(&self) -> bool {
        !matches!(self.places, Places::ById)
    }

    /// Notes how much of the input has been decided. It changes no outcome.
    pub fn foresee(&mut self, done_bytes: u64, total_bytes: u64) {
        self.ids.foresee(done_bytes, total_bytes);
    }

    /// Decides the ids of at most 64 rows in turn, those of deposits and withdrawals, told by the ones
    /// in `money`, the first row lowest: which are refused because an earlier row has their id, and
    /// which a shard is to remember.
    ///
    /// Where ids are unique per client, the shards decide. What `ahead` gives is not decided, but
    /// may be fetched: ids of rows that come later, from [`Registry::AHEAD`] behind the first one on,
    /// best 0 for those that decide nothing.
    ///
    /// # Panics
    /// With more than 64 rows.
    #[inline]
    pub fn decide(&mut self, ids: &[u64], money: u64, ahead: &[u64]) -> Decisions {
        let is_global = self.space == TxIdSpace::Global || planted!(PerClientIdsGlobal);
        let mut decisions = Decisions::default();
        if is_global {
            decisions = self.ids.decide_all(ids, money, ahead);
        }
        if !self.knows_places() {
            self.name_by_id(&mut decisions, ids, money);
        }
        decisions
    }

    /// As [`Registry::decide`], of rows whose deposits and withdrawals, told by the ones in `money`,
    /// have ids that follow one another from `first` on; `None`, with nothing decided, where that
    /// takes a look at each.
    #[inline]
    pub fn decide_run(&mut self, first: u64, money: u64) -> Option<Decisions> {
        if self.space != TxIdSpace::Global || !self.knows_places() || money == 0 {
            return None;
        }
        let named = self.ids.decide_run(first, money.count_ones())?;
        Some(Decisions { duplicate: 0, named: spread(named, money) })
    }

    /// Finds out what is to be remembered where there are no places for it.
    fn name_by_id(&self, decisions: &mut Decisions, ids: &[u64], money: u64) {
        for (at, &tx) in ids.iter().enumerate() {
            // An id is named whichever client names it.
            let is_named = money >> at & 1 != 0 && (self.remembers_all || self.ids.is_named(tx));
            decisions.named |= u64::from(is_named) << at;
        }
        decisions.named &= !decisions.duplicate;
    }

    /// Tells how `shard` is to remember a named deposit or withdrawal, after its decision.
    ///
    /// # Panics
    /// With 2³² transactions that rows refer to; if the id was not named.
    #[inline]
    pub fn remember(&mut self, tx: u64, shard: usize) -> (u64, Marks) {
        let Self { ids, places, .. } = self;
        let mut number = || ids.number(tx).expect("a named id has a number");
        let place = match places {
            Places::ById => return (tx, Marks::REMEMBER),
            Places::Numbered => u64::try_from(number()).expect("64 bits"),
            Places::Given { spots, taken } => {
                let number = number();
                if number >= spots.len() {
                    spots.resize(number + 1, Spot::NONE);
                    if planted!(PlacesStartAnew) {
                        taken[shard] = 0;
                    }
                }
                let place = taken[shard];
                taken[shard] = place.checked_add(1).expect("fewer than 2³² places");
                spots[number] = Spot { shard: u32::try_from(shard).expect("fewer shards"), place };
                place.into()
            }
        };
        (place, Marks::REMEMBER.and(Marks::PLACED))
    }

    /// Fetches what [`Registry::remember`] will read for some rows, where that is worth its time.
    #[inline]
    pub fn prefetch_places(&self, ids: impl Iterator<Item = u64>) {
        if self.knows_places() && self.ids.are_scattered() {
            ids.for_each(|tx| self.ids.prefetch_number(tx));
        }
    }

    /// Fetches what [`Registry::look_up`] will read for a transaction.
    #[inline]
    pub fn prefetch(&self, tx: u64) {
        if self.knows_places() {
            self.ids.prefetch_number(tx);
        }
    }

    /// Looks up the transaction that a dispute, resolve or chargeback refers to, for
    /// [`Registry::refer`].
    ///
    /// In two steps, so that the steps of several rows overlap while memory is waited for.
    #[inline]
    pub fn look_up(&mut self, tx: u64) -> Lookup {
        if !self.knows_places() {
            return Lookup(tx);
        }
        let number = self.ids.number(tx);
        self.unnamed += u64::from(number.is_none());
        Lookup(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(NOWHERE))
    }

    /// Where the transaction is that was looked up, if it has been given a place.
    #[inline]
    fn spot(&self, Lookup(key): Lookup) -> Option<&Spot> {
        let Places::Given { spots, .. } = &self.places else { return None };
        spots.get(usize::try_from(key).ok()?)
    }

    /// Fetches what [`Registry::refer`] will read.
    #[inline]
    pub fn prefetch_refer(&self, lookup: Lookup) {
        if let Some(spot) = self.spot(lookup) {
            prefetch(spot);
        }
    }

    /// Tells how `shard` finds the transaction that was looked up; nothing may be there yet.
    #[inline]
    pub fn refer(&self, lookup: Lookup, shard: usize) -> (u64, Marks) {
        match (&self.places, self.spot(lookup)) {
            (Places::ById, _) => (lookup.0, Marks::NONE),
            (Places::Numbered, _) => (lookup.0, Marks::PLACED),
            (Places::Given { .. }, Some(spot)) if usize::try_from(spot.shard) == Ok(shard) => {
                (spot.place.into(), Marks::PLACED)
            }
            (Places::Given { .. }, _) => (NOWHERE, Marks::PLACED),
        }
    }

    /// The rows that referred to an id that was not named; none, if the naming was right.
    pub fn unnamed(&self) -> u64 {
        self.unnamed
    }
}

/// Moves the bits of a word, as many as there are ones in `places`, to where those ones are.
#[inline]
fn spread(bits: u64, places: u64) -> u64 {
    let (mut spread, mut gaps) = (bits, !places);
    // A zero comes in at each gap before the last place. There are few.
    loop {
        let gap = gaps & gaps.wrapping_neg();
        if gap == 0 || gap > places {
            break;
        }
        let below = gap - 1;
        spread = spread & below | (spread & !below) << 1;
        gaps &= gaps - 1;
    }
    spread & places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::Kind;

    fn named(ids: &[u64]) -> TxIds {
        let mut set = TxIds::default();
        for &id in ids {
            set.name(id);
        }
        set
    }

    const FIRST: Decisions = Decisions { duplicate: 0, named: 0 };
    const NAMED: Decisions = Decisions { duplicate: 0, named: 1 };
    const DUPLICATE: Decisions = Decisions { duplicate: 1, named: 0 };

    fn decide(registry: &mut Registry, kind: Kind, tx: u64) -> Decisions {
        registry.decide(&[tx], u64::from(kind.moves_money()), &[])
    }

    fn refer(registry: &mut Registry, tx: u64, shard: usize) -> (u64, Marks) {
        let lookup = registry.look_up(tx);
        registry.refer(lookup, shard)
    }

    #[test]
    fn bits_are_spread_in_order() {
        for (bits, places, expected) in [
            (0b1, 0b1, 0b1),
            (0b1, 0b100, 0b100),
            (0b101, 0b1110, 0b1010),
            (0b11, 1 << 63 | 1, 1 << 63 | 1),
            (0b10, 1 << 63 | 1, 1 << 63),
            (u64::MAX, u64::MAX, u64::MAX),
            (u64::MAX >> 1, u64::MAX - 8, u64::MAX - 8),
        ] {
            assert_eq!(spread(bits, places), expected, "{bits:b} to {places:b}");
        }
    }

    #[test]
    fn a_run_is_decided_as_its_ids_one_by_one_are() {
        let names: Vec<u64> = (0..2_000).filter(|it| it % 7 < 2).collect();
        let moves = |at: u64| u64::from(at % 5 != 3);
        let money: u64 = (0..64).fold(0, |money, at| money | moves(at) << at);
        let mut at_once_on = [0, 0];
        for first in (0..1_500).step_by(11) {
            let ids: Vec<u64> = (0..64)
                .scan(first, |tx, at| {
                    let id = *tx * moves(at);
                    *tx += moves(at);
                    Some(id)
                })
                .collect();
            let registry = || {
                let mut registry = Registry::of_named(named(&names), TxIdSpace::Global, 1);
                // Pages of bits, and an id here and there that has been decided.
                let decided: Vec<_> = (0..10).map(|it| it * 200 + 3).collect();
                registry.decide(&decided, u64::MAX, &[]);
                registry
            };
            let (mut one_by_one, mut at_once) = (registry(), registry());
            let expected = one_by_one.decide(&ids, money, &[]);
            if let Some(decisions) = at_once.decide_run(first, money) {
                assert_eq!(decisions, expected, "{first}");
                assert_eq!(at_once.decide(&ids, money, &[]).duplicate, money, "{first}");
                let last = first + u64::from(money.count_ones()) - 1;
                at_once_on[usize::from(first / 512 != last / 512)] += 1;
            } else {
                assert_eq!(at_once.decide(&ids, money, &[]), expected, "{first}");
                assert_ne!(expected.duplicate, 0, "{first}");
            }
        }
        // One page, and two.
        assert!(at_once_on.iter().all(|&runs| runs > 5), "{at_once_on:?}");
    }

    #[test]
    fn each_shard_takes_places_of_its_own_in_order() {
        let mut registry = Registry::of_named(named(&[5, 7, 1 << 40]), TxIdSpace::Global, 2);
        let kept = |place| (place, Marks::REMEMBER.and(Marks::PLACED));
        assert_eq!(refer(&mut registry, 7, 1), (NOWHERE, Marks::PLACED));
        for (tx, shard, place) in [(5, 1, 0), (1 << 40, 0, 0), (7, 1, 1)] {
            assert_eq!(decide(&mut registry, Kind::Deposit, tx), NAMED);
            assert_eq!(registry.remember(tx, shard), kept(place));
        }
        assert_eq!(decide(&mut registry, Kind::Withdrawal, 6), FIRST);
        assert_eq!(decide(&mut registry, Kind::Deposit, 7), DUPLICATE);
        assert_eq!(decide(&mut registry, Kind::Dispute, 7), FIRST, "it decides nothing");
        assert_eq!(refer(&mut registry, 7, 1), (1, Marks::PLACED));
        assert_eq!(refer(&mut registry, 1 << 40, 0), (0, Marks::PLACED));
        assert_eq!(refer(&mut registry, 7, 0), (NOWHERE, Marks::PLACED), "another shard's");
        assert_eq!(registry.unnamed(), 0);
        assert_eq!(refer(&mut registry, 8, 0), (NOWHERE, Marks::PLACED));
        assert_eq!(registry.unnamed(), 1);
    }

    #[test]
    fn a_single_shard_has_them_at_the_numbers_of_their_ids() {
        let names = [5, 7, 600, 1 << 40];
        let mut registry = Registry::of_named(named(&names), TxIdSpace::Global, 1);
        assert_eq!(registry.places_of_a_shard(), names.len());
        let kept = |place| (place, Marks::REMEMBER.and(Marks::PLACED));
        // Whoever asks first gets the first number, wherever its transaction will be.
        assert_eq!(refer(&mut registry, 1 << 40, 0), (0, Marks::PLACED));
        let mut places = Vec::new();
        for tx in names {
            assert_eq!(decide(&mut registry, Kind::Deposit, tx), NAMED);
            let (place, marks) = registry.remember(tx, 0);
            assert_eq!((place, marks), kept(place));
            assert_eq!(refer(&mut registry, tx, 0), (place, Marks::PLACED));
            places.push(place);
        }
        assert_eq!(places.pop(), Some(0));
        places.sort_unstable();
        assert_eq!(places, [1, 2, 3]);
        assert_eq!(refer(&mut registry, 8, 0), (NOWHERE, Marks::PLACED));
        assert_eq!(registry.unnamed(), 1);
    }

    #[test]
    fn rows_decided_together_are_named_in_their_places() {
        let (ids, money) = ([5, 5, 5, 6], 0b1101);
        let mut all = Registry::of_all(TxIdSpace::Global);
        let decisions = all.decide(&ids, money, &[]);
        assert_eq!(decisions, Decisions { duplicate: 0b0100, named: 0b1001 });
        let mut per_client = Registry::of_named(named(&[5]), TxIdSpace::PerClient, 1);
        let decisions = per_client.decide(&ids, money, &[]);
        assert_eq!(decisions, Decisions { duplicate: 0, named: 0b0101 });
    }

    #[test]
    fn without_names_and_with_ids_per_client_the_shard_finds_by_id() {
        let mut all = Registry::of_all(TxIdSpace::Global);
        assert_eq!(decide(&mut all, Kind::Deposit, 5), NAMED);
        assert_eq!(all.remember(5, 0), (5, Marks::REMEMBER));
        assert_eq!(decide(&mut all, Kind::Deposit, 5), DUPLICATE);
        assert_eq!(refer(&mut all, 9, 0), (9, Marks::NONE));
        let mut per_client = Registry::of_named(named(&[5]), TxIdSpace::PerClient, 1);
        for _ in 0..2 {
            assert_eq!(decide(&mut per_client, Kind::Deposit, 5), NAMED);
            assert_eq!(decide(&mut per_client, Kind::Deposit, 6), FIRST);
        }
        assert_eq!(refer(&mut per_client, 6, 0), (6, Marks::NONE));
        assert_eq!(per_client.unnamed(), 0);
    }
}
