//! The accounts of a shard: by client, and laid out so that what most rows need lies close together.
//!
//! Clients are found in a table as long as it is small or well filled, and else in a seeded hash
//! map: dense ids are hardly ever hashed, and no choice of ids makes the table large. Deposits and
//! withdrawals touch one word of an account; what is held stands in a column of its own, which a table
//! has once one of its accounts has been disputed (bench `pipeline`).

mod changes;
mod entry;
mod order;
mod table;

use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroUsize};

use foldhash::fast::RandomState;

pub(super) use entry::{Change, Entry};
pub use order::Job;
pub(super) use order::one_by_one;
use table::Table;

use super::index_map::IndexMap;
use crate::amount::Balance;

/// Clients below this, or below a shard's share of [`SMALL_CLIENTS`], are always found in a table: it
/// takes 1 MiB for them in each shard, and as much again for what is held.
const FIRST_CLIENTS: u64 = 1 << 17;

/// Clients below this are found in a table once they are [`ACCOUNTS_PER_REVIEW`]; with several shards,
/// clients below its share of this, so that the tables of all shards together take at most 32 MiB for
/// them, and as much again for what is held. Fewer are not worth so much memory.
const SMALL_CLIENTS: u64 = 1 << 22;

/// A large table grows by as many clients at a time.
const STEP: u64 = 1 << 16;

/// Beyond the small clients, a table has at most this many entries for an account: 64 bytes, and as much
/// again for what is held. The rule is that of the arrays in the tables of Lua, which have two.
const MOST_ENTRIES_PER_ACCOUNT: u64 = 8;

/// Whether more clients should be in the table is asked whenever so many have come to be in the map.
const ACCOUNTS_PER_REVIEW: usize = 1 << 12;

/// What finding a client looks at is not fetched ahead in a map of fewer.
const FEW_FAR: usize = if cfg!(any(test, fuzzing)) { 8 } else { 1 << 13 };

/// The map or the table of more clients than these takes more memory than the caches that a core has
/// for itself.
const MOST_CACHED_CLIENTS: usize = 1 << 17;

/// Where the account of a client stands.
///
/// Finding it and applying a transaction to it are two steps, so that the look-ups of a whole batch
/// can be on their way to memory at once. It is good until the next [`Accounts::review`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

impl Slot {
    /// Where clients stand who have no account, and no place in the table either.
    pub(super) const NONE: Self = Self(usize::MAX);
    /// The bit of all places that are not in the table.
    const FAR: usize = 1 << (usize::BITS - 1);

    /// Where a client stands who is in the table.
    ///
    /// # Panics
    /// If there can be no such table.
    #[inline]
    pub(super) fn near(client: u64) -> Self {
        Self(usize::try_from(client).expect("a place in the table"))
    }

    /// Where a client stands whom the map has at a place.
    #[inline]
    pub(super) fn far(at: usize) -> Self {
        Self(at | Self::FAR)
    }

    /// Gives the account as transactions remember it.
    ///
    /// # Panics
    /// If there is no place for one.
    #[inline]
    pub(super) fn owner(self) -> Owner {
        let far = if self.0 & Self::FAR == 0 { 0 } else { Owner::FAR };
        let number = u32::try_from(self.0 & !Self::FAR).ok().and_then(|at| at.checked_add(1));
        let number = number.filter(|number| number & Owner::FAR == 0).map(|number| number | far);
        Owner(number.and_then(NonZeroU32::new).expect("fewer accounts than 2³¹"))
    }
}

/// An account as transactions remember it: its slot, in half of the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner(NonZeroU32);

impl Owner {
    #[cfg(test)]
    pub(super) const ONE: Self = Self(NonZeroU32::MIN);
    #[cfg(test)]
    pub(super) const ANOTHER: Self = Self(NonZeroU32::MAX);
    /// The bit of all that are not in the table.
    const FAR: u32 = 1 << 31;

    /// Gives the far place of an account that is not in the table.
    fn far(self) -> Option<usize> {
        (self.0.get() & Self::FAR != 0).then(|| index((self.0.get() & !Self::FAR) - 1))
    }
}

/// What owners have become that were not in the table before a review, by their far places.
pub(super) struct Moved(Vec<Owner>);

impl Moved {
    pub(super) fn of(&self, owner: Owner) -> Owner {
        owner.far().map_or(owner, |at| self.0[at])
    }
}

#[derive(Debug)]
pub(super) struct Accounts {
    /// Clients below this are never in the map; a power of two.
    near_limit: u64,
    /// Clients below this are in the map as long as they are few.
    small_clients: u64,
    /// The clients below its length, which reaches as far as clients have come that are below the
    /// limit. Not all are open.
    near: Table,
    /// The open accounts in it.
    near_open: usize,
    /// All others, as the map tells; all of them are open.
    far: Table,
    map: IndexMap,
    /// How many clients of the map have an id of so many binary digits.
    widths: [u32; 65],
    /// From so many clients in the map on, it is to be asked again whether some should be near.
    next_review: usize,
    /// What is available in the accounts for which an entry is too small.
    wide: HashMap<Owner, Balance, RandomState>,
    /// What is held in the accounts for which 64 bits are too few.
    wide_held: HashMap<Owner, Balance, RandomState>,
}

/// The entries of one table, as bits.
pub(super) struct Entries<'t> {
    bits: &'t mut [u64],
    /// What the slots of the table have in common.
    side: usize,
}

impl Entries<'_> {
    /// Gives the entry in a slot, if it is in this table.
    #[inline]
    pub(super) fn get_mut(&mut self, Slot(at): Slot) -> Option<&mut u64> {
        // The slots of the other table are beyond the end.
        self.bits.get_mut(at ^ self.side)
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self::of_share(1)
    }
}

impl Accounts {
    /// Makes the accounts, none as yet, of one of `shards` shards.
    pub(super) fn of_share(shards: usize) -> Self {
        let shards = u64::try_from(shards.next_power_of_two()).expect("64 bits");
        let small_clients = SMALL_CLIENTS / shards;
        Self {
            near_limit: FIRST_CLIENTS.min(small_clients),
            small_clients,
            near: Table::default(),
            near_open: 0,
            far: Table::default(),
            map: IndexMap::default(),
            widths: [0; 65],
            next_review: ACCOUNTS_PER_REVIEW,
            wide: HashMap::default(),
            wide_held: HashMap::default(),
        }
    }

    /// Where a client stands who is in the table.
    #[inline]
    fn near_slot(&self, client: u64) -> Option<Slot> {
        usize::try_from(client).ok().filter(|&at| at < self.near.len()).map(Slot)
    }

    /// Finds where the account of a client stands, or would stand if it were open.
    #[inline]
    pub(super) fn find(&self, client: u64) -> Slot {
        match self.near_slot(client) {
            Some(near) => near,
            None => self.map.get(client).map_or(Slot::NONE, Slot::far),
        }
    }

    /// As [`Accounts::find`], of a client whom the map looks for first at a place.
    #[inline]
    pub(super) fn find_from(&self, home: usize, client: u64) -> Slot {
        match self.near_slot(client) {
            Some(near) => near,
            None => self.map.get_from(home, client).map_or(Slot::NONE, Slot::far),
        }
    }

    /// Finds where the account of a client stands who is about to have one.
    #[inline]
    pub(super) fn find_or_add(&mut self, client: u64) -> Slot {
        match self.find(client) {
            Slot::NONE => self.add(client),
            slot => slot,
        }
    }

    /// Tells whether so many clients are in the map that most of it is not in a core's own cache.
    #[inline]
    pub(super) fn are_many_far(&self) -> bool {
        self.map.len() > MOST_CACHED_CLIENTS
    }

    /// Tells whether the table is so large that most of it is not in a core's own cache.
    #[inline]
    pub(super) fn are_many_near(&self) -> bool {
        self.near.len() > MOST_CACHED_CLIENTS
    }

    /// Tells whether so many clients are in the map that what finding them looks at is worth fetching.
    #[inline]
    pub(super) fn is_map_large(&self) -> bool {
        self.map.len() > FEW_FAR
    }

    /// Makes room in the map, which stays as large for so many more clients.
    pub(super) fn reserve(&mut self, more: usize) {
        self.map.reserve(more);
    }

    /// Where the map looks for a client first, as long as it is as large.
    #[inline]
    pub(super) fn home(&self, client: u64) -> usize {
        self.map.home(client)
    }

    /// Fetches what [`Accounts::find_from`] looks at.
    #[inline]
    pub(super) fn prefetch_home(&self, home: usize) {
        self.map.prefetch_from(home);
    }

    /// Finds where the accounts of clients stand that come one after the other in the table, as far
    /// as they do; tells how many.
    #[inline]
    pub(super) fn find_near(
        &self,
        clients: impl Iterator<Item = u64>,
        slots: &mut [Slot],
    ) -> usize {
        let mut found = 0;
        for (client, slot) in clients.zip(slots) {
            let Some(near) = self.near_slot(client) else { break };
            *slot = near;
            found += 1;
        }
        found
    }

    /// Makes a place for a client who has none.
    ///
    /// # Panics
    /// With 2³¹ accounts or more that are not in the table.
    #[inline(never)]
    pub(super) fn add(&mut self, client: u64) -> Slot {
        if client < self.near_limit {
            self.extend_near(client);
            return self.find(client);
        }
        let at = self.far.len();
        assert!(at >> 31 == 0, "fewer accounts than 2³¹");
        self.far.push(Entry::new(Balance::ZERO, false));
        self.map.insert(client, at);
        self.widths[width(client)] += 1;
        Slot::far(at)
    }

    /// Moves clients into the table if they are enough. Slots that were found before are good no
    /// longer then, and owners are others, as the result tells.
    #[inline]
    pub(super) fn review(&mut self) -> Option<Moved> {
        if self.map.len() < self.next_review { None } else { self.move_dense() }
    }

    #[cold]
    fn move_dense(&mut self) -> Option<Moved> {
        let dense = self.dense_clients();
        let moved = (dense > self.near_limit).then(|| {
            self.near_limit = dense;
            let mut last = None;
            self.map.visit(|client| client < dense, |client, _| last = last.max(Some(client)));
            if let Some(last) = last {
                self.extend_near(last);
            }
            self.move_near()
        });
        self.next_review = self.map.len() + ACCOUNTS_PER_REVIEW;
        moved
    }

    /// The largest power of two such that a table of the clients below it is small or filled well
    /// enough, and its upper half is not empty.
    fn dense_clients(&self) -> u64 {
        let near = u64::try_from(self.near_open).expect("64 bits");
        let enough = u64::try_from(ACCOUNTS_PER_REVIEW).expect("64 bits");
        let (mut dense, mut far) = (0, 0);
        // Owners have 31 bits for a place.
        for (width, &clients) in (0_u32..).zip(&self.widths[..31]) {
            far += u64::from(clients);
            let is_small = 1 << width <= self.small_clients && far >= enough;
            let is_filled = 1 << width <= (near + far) * MOST_ENTRIES_PER_ACCOUNT;
            if clients > 0 && (is_small || is_filled) {
                dense = 1 << width;
            }
        }
        dense
    }

    /// Makes the table reach a client: to the next power of two, or not much farther where it is
    /// large, as all of it is read in the end.
    #[cold]
    fn extend_near(&mut self, client: u64) {
        let clients = (client + 1).next_power_of_two();
        let clients =
            if clients > FIRST_CLIENTS { (client + 1).next_multiple_of(STEP) } else { clients };
        let Ok(length) = usize::try_from(clients) else { return };
        let before = self.near.len();
        if length <= before {
            return;
        }
        self.near.extend(length);
        if planted!(TableLosesLast) && before > 0 {
            self.near.set(before - 1, Entry::default());
        }
    }

    /// Moves the clients that the table covers out of the map.
    fn move_near(&mut self) -> Moved {
        let length = self.near.len();
        let far = std::mem::take(&mut self.far);
        let mut moved = vec![Owner(NonZeroU32::MIN); far.len()];
        let (near, near_open, widths) = (&mut self.near, &mut self.near_open, &mut self.widths);
        let kept = &mut self.far;
        let map = std::mem::take(&mut self.map);
        map.visit(
            |_| true,
            |client, from| {
                let near_place = usize::try_from(client).ok().filter(|&place| place < length);
                let (table, place) = if let Some(place) = near_place {
                    *near_open += 1;
                    widths[width(client)] -= 1;
                    near.set(place, far.entry(from));
                    moved[from] = Slot(place).owner();
                    (&mut *near, place)
                } else {
                    let at = kept.len();
                    kept.push(far.entry(from));
                    moved[from] = Slot::far(at).owner();
                    self.map.insert(client, at);
                    (&mut *kept, at)
                };
                if far.held(from) != 0 {
                    *table.held_mut(place) = far.held(from);
                }
            },
        );
        let moved = Moved(moved);
        for wide in [&mut self.wide, &mut self.wide_held] {
            let before = std::mem::take(wide);
            wide.extend(before.into_iter().map(|(owner, it)| (moved.of(owner), it)));
        }
        moved
    }

    /// The table that a slot is in, and its place there.
    #[inline]
    fn table(&self, Slot(at): Slot) -> (&Table, usize) {
        if at & Slot::FAR == 0 { (&self.near, at) } else { (&self.far, at & !Slot::FAR) }
    }

    #[inline]
    fn table_mut(&mut self, Slot(at): Slot) -> (&mut Table, usize) {
        if at & Slot::FAR == 0 { (&mut self.near, at) } else { (&mut self.far, at & !Slot::FAR) }
    }

    /// Gives the entries of all accounts that are in the table of one of them.
    #[inline]
    pub(super) fn entries_beside(&mut self, slot: Slot) -> Entries<'_> {
        let (table, _) = self.table_mut(slot);
        Entries { bits: table.bits_mut(), side: slot.0 & Slot::FAR }
    }

    /// Counts accounts that have been opened in their entries.
    #[inline]
    pub(super) fn count_opened(&mut self, accounts: usize) {
        self.near_open += accounts;
    }

    /// Fetches what deposits and withdrawals look at.
    #[inline]
    pub(super) fn prefetch(&self, slot: Slot) {
        let (table, at) = self.table(slot);
        table.prefetch(at);
    }

    /// Fetches all of an account that is not in the table of clients.
    #[inline]
    pub(super) fn prefetch_far(&self, slot: Slot) {
        if slot.0 & Slot::FAR != 0 {
            self.prefetch(slot);
            self.prefetch_held(slot);
        }
    }

    /// Fetches what is held.
    #[inline]
    pub(super) fn prefetch_held(&self, slot: Slot) {
        let (table, at) = self.table(slot);
        table.prefetch_held(at);
    }

    /// Tells how many accounts are open.
    pub(super) fn len(&self) -> usize {
        self.near_open + self.far.len()
    }

    /// Clients below this are in the table.
    pub(super) fn near_clients(&self) -> u64 {
        u64::try_from(self.near.len()).expect("64 bits")
    }

    /// Gives the entries of the clients from `first` to `last` that are in the table, as bits, those
    /// of clients without an account too; it may end early.
    pub(super) fn near_entries(&self, first: u64, last: u64) -> &[u64] {
        let at = |client| usize::try_from(client).unwrap_or(usize::MAX);
        self.near.bits(at(first), at(last))
    }

    /// Gives the clients from `first` to `last` who have an account in the table, ascending.
    pub(super) fn near(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, Slot)> {
        let entries = (first..=last).zip(self.near_entries(first, last));
        let open = entries.filter(|&(_, &bits)| Entry::of_bits(bits).is_open());
        open.map(|(client, _)| (client, Slot::near(client)))
    }

    /// Takes out the clients that are not in the table, ascending; all come after the table's.
    /// Where they are many, they are sorted in up to `jobs` jobs, which `run` is to run.
    ///
    /// # Errors
    /// That of `run`.
    pub(super) fn take_far<E>(
        &mut self,
        jobs: NonZeroUsize,
        run: impl FnOnce(Vec<Job<'_>>) -> Result<(), E>,
    ) -> Result<Vec<(u64, usize)>, E> {
        let map = std::mem::take(&mut self.map);
        if planted!(FarClientsUnsorted) {
            let mut clients = Vec::new();
            map.visit(|_| true, |client, at| clients.push((client, at)));
            return Ok(clients);
        }
        let widths = (0_u32..).zip(self.widths).filter(|&(_, clients)| clients > 0);
        order::sort(&map, widths.map(|(width, _)| width).max().unwrap_or(0), jobs, run)
    }
}

/// The binary digits of a client's id.
#[inline]
fn width(client: u64) -> usize {
    usize::try_from(u64::BITS - client.leading_zeros()).expect("at most 64")
}

#[inline]
fn index(at: u32) -> usize {
    usize::try_from(at).expect("32 bits fit")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::account::Account;
    use crate::amount::Amount;

    #[test]
    #[cfg_attr(miri, ignore = "a table of four million clients")]
    fn clients_on_both_sides_of_the_table_are_found_and_sorted() {
        for shards in [1, 7, 1024] {
            let edge = Accounts::of_share(shards).near_limit;
            check_edge(Accounts::of_share(shards), edge);
        }
    }

    fn check_edge(mut accounts: Accounts, edge: u64) {
        let clients = [edge + 7, edge, 0, u64::MAX, edge - 1, edge + 1, 8];
        assert!(clients.iter().all(|&client| accounts.find(client) == Slot::NONE));
        for client in clients {
            let slot = open(&mut accounts, client);
            assert_eq!(accounts.find_or_add(client), slot);
        }
        assert_eq!(accounts.account(accounts.find(9)), None);
        assert_eq!(accounts.near_clients(), edge, "the others are too few for a larger table");
        assert_eq!(sorted(accounts), [0, 8, edge - 1, edge, edge + 1, edge + 7, u64::MAX]);
    }

    #[test]
    fn one_of_the_first_clients_is_never_in_the_map() {
        for client in [0, 1, 2, 3, 4, 1 << 16, FIRST_CLIENTS - 1] {
            let mut accounts = Accounts::default();
            open(&mut accounts, client);
            assert_eq!(take_far(&mut accounts), [], "{client}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "more than 8,000 accounts, and a table of four million clients")]
    fn a_large_table_is_not_made_for_few_small_clients() {
        let enough = u64::try_from(ACCOUNTS_PER_REVIEW).unwrap();
        // The table ends soon behind the last one.
        let many = (FIRST_CLIENTS + 900 * (enough - 1)).next_multiple_of(STEP);
        for (step, few, many) in [(900, 0, many), (2_000, 0, 0)] {
            // Those of the second step are fewer below the limit, and too few for a larger table.
            let mut accounts = Accounts::default();
            let clients = || (0..enough).map(|it| FIRST_CLIENTS + it * step);
            for client in clients() {
                open(&mut accounts, client);
            }
            assert_eq!(accounts.near_clients(), few, "{step}");
            accounts.review();
            assert_eq!(accounts.near_clients(), many, "{step}");
            assert!(sorted(accounts).into_iter().eq(clients()), "{step}");
        }
    }

    fn open(accounts: &mut Accounts, client: u64) -> Slot {
        accounts.review();
        let slot = accounts.find_or_add(client);
        accounts.open(slot);
        slot
    }

    fn take_far(accounts: &mut Accounts) -> Vec<(u64, usize)> {
        let Ok(far) = accounts.take_far(NonZeroUsize::MIN, one_by_one);
        far
    }

    fn sorted(mut accounts: Accounts) -> Vec<u64> {
        let far = take_far(&mut accounts);
        let near: Vec<_> = accounts.near(0, u64::MAX).map(|(client, _)| client).collect();
        near.into_iter().chain(far.into_iter().map(|(client, _)| client)).collect()
    }

    /// Opens accounts of a shard whose table grows early; gives its length.
    fn table_of(clients: impl Iterator<Item = u64>) -> u64 {
        let mut accounts = Accounts::of_share(1 << 12);
        let mut model = BTreeMap::new();
        for (client, units) in clients.zip(1_u64..) {
            let slot = open(&mut accounts, client);
            let units = Balance::from_units(units.into());
            let account = Account::new(units, Balance::from_units(units.units() % 3), false);
            accounts.put(slot, &account);
            model.insert(client, account);
        }
        assert_eq!(accounts.len(), model.len());
        let found = |client| accounts.account(accounts.find(client));
        assert!(model.iter().all(|(&client, account)| found(client) == Some(*account)));
        let table = accounts.near_clients();
        assert!(sorted(accounts).iter().eq(model.keys()));
        table
    }

    #[test]
    #[cfg_attr(miri, ignore = "more than 160,000 accounts")]
    fn the_table_grows_with_dense_clients() {
        let count = 1 << 15;
        assert_eq!(table_of(0..count), count);
        assert_eq!(table_of((0..count).rev()), count);
        // Every eighth client is dense enough, once that is asked; every ninth is not.
        let asked = u64::try_from(ACCOUNTS_PER_REVIEW).unwrap();
        assert_eq!(table_of((0..count + asked).map(|it| it * 8)), count * 8);
        assert_eq!(table_of((0..count).map(|it| it * 9)), 1 << 10);
        assert_eq!(table_of((0..count).map(|it| u64::MAX - it)), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "more than 16,000 accounts")]
    fn no_choice_of_clients_makes_the_table_large() {
        // Dense at first, then at ever larger powers of two.
        let count: u32 = 1 << 13;
        let clients = (0..u64::from(count)).chain((14..64).map(|shift| 1 << shift));
        let scattered = (0..count).map(|it| u64::from(it).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let accounts = u64::from(count) * 2 + 50;
        let table = table_of(clients.chain(scattered));
        assert!((u64::from(count)..=accounts * MOST_ENTRIES_PER_ACCOUNT).contains(&table));
    }

    /// Clients that come to be in the table take their transactions along, and each has its own.
    #[test]
    #[cfg_attr(miri, ignore = "more than 8,000 accounts")]
    fn owners_are_told_apart_before_and_after_they_move() {
        let mut accounts = Accounts::of_share(1 << 18);
        let clients: Vec<u64> = (0..9_000).map(|it| it * 3).chain([1 << 40, u64::MAX]).collect();
        let mut owners = BTreeMap::new();
        for &client in &clients {
            if let Some(moved) = accounts.review() {
                for owner in owners.values_mut() {
                    *owner = moved.of(*owner);
                }
            }
            let slot = accounts.find_or_add(client);
            accounts.open(slot);
            owners.insert(client, slot.owner());
        }
        assert!(accounts.near_clients() > 8 && accounts.far.len() > 1);
        let distinct: BTreeSet<u32> = owners.values().map(|Owner(number)| number.get()).collect();
        assert_eq!(distinct.len(), clients.len());
        for client in clients {
            assert_eq!(accounts.find(client).owner(), owners[&client], "{client}");
        }
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "minutes, and no unsafe code on the way")]
        fn accounts_are_those_of_a_plain_map(
            steps in prop::collection::vec(
                (
                    prop_oneof![0..40_u64, any::<u64>()],
                    prop_oneof![-9..9_i128, -1 << 62..1_i128 << 62, any::<i64>().prop_map(i128::from)],
                    0..3_i128,
                    any::<bool>(),
                    (any::<bool>(), prop_oneof![1..9_u64, 1_u64..1 << 63]),
                ),
                0..200,
            )
        ) {
            let mut accounts = Accounts::of_share(1 << 18);
            let mut model = BTreeMap::new();
            for (client, available, held, is_locked, (takes, units)) in steps {
                let (available, held) = (Balance::from_units(available), Balance::from_units(held));
                let slot = open(&mut accounts, client);
                accounts.put(slot, &Account::new(available, held, is_locked));
                let amount = Amount::from_units(units).unwrap();
                prop_assert_eq!(accounts.covers(slot, amount), available >= amount.into());
                accounts.adjust(slot, amount, takes);
                let mut available = available;
                if takes { available -= amount } else { available += amount }
                model.insert(client, Account::new(available, held, is_locked));
            }
            for (&client, account) in &model {
                let slot = accounts.find(client);
                prop_assert_eq!(accounts.account(slot), Some(*account));
                prop_assert_eq!(accounts.is_locked(slot), account.is_locked());
            }
            prop_assert_eq!(accounts.len(), model.len());
            prop_assert!(sorted(accounts).iter().eq(model.keys()));
        }
    }

    #[test]
    fn an_account_put_back_is_the_account() {
        let mut accounts = Accounts::default();
        let slot = open(&mut accounts, 1);
        let account = Account::new(Balance::from_units(-5), Balance::from_units(9), true);
        accounts.put(slot, &account);
        assert_eq!(accounts.account(slot), Some(account));
        assert!(accounts.is_locked(slot));
    }
}
