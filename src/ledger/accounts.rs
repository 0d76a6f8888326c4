//! The accounts of a shard: by client, and laid out so that what most rows need lies close together.
//!
//! Clients are found in a table as long as it is small or well filled, and else in a seeded hash
//! map: dense ids are never hashed, and no choice of ids makes the table large. Deposits and
//! withdrawals touch what is available and whether the account is locked; what is held is kept
//! apart, for those accounts only that have ever been disputed (bench `pipeline`).

use std::collections::HashMap;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::ops::BitXor;

use foldhash::fast::RandomState;

use crate::account::Account;
use crate::amount::Balance;
use crate::prefetch::prefetch;

/// Clients below this are always found in a table; with several shards, clients below its share of
/// this, so that the tables of all shards together take at most 16 MiB for them.
const SMALL_CLIENTS: u64 = 1 << 22;

/// Beyond the small clients, a table has at most this many entries for an account: 32 bytes. The
/// rule is that of the arrays in the tables of Lua, which have two.
const MOST_ENTRIES_PER_ACCOUNT: u64 = 8;

/// Whether more clients should be in the table is asked whenever so many accounts have been opened.
const ACCOUNTS_PER_REVIEW: u32 = 1 << 12;

/// More accounts than these take more memory than the caches that a core has for itself.
const MOST_CACHED_ACCOUNTS: usize = 1 << 17;

/// Where an account stands; `None` where there is none.
///
/// Finding it and applying a transaction to it are two steps, so that the look-ups of a whole batch
/// can be on their way to memory at once.
pub type Slot = Option<NonZeroU32>;

#[derive(Debug)]
pub(super) struct Accounts {
    /// Clients below this are never in the map.
    small_clients: u64,
    /// The slots of the clients below its length, which is zero or a power of two.
    table: Vec<Slot>,
    /// The slots of all others.
    map: HashMap<u64, NonZeroU32, RandomState>,
    /// How many clients have an id of so many binary digits.
    widths: [u32; 65],
    entries: Vec<Entry>,
    /// What is held, by the place that the entry names.
    held: Vec<Balance>,
}

/// What deposits and withdrawals need of an account, as small as it can be: where there are many
/// accounts, each row waits for the one cache line, or two, that its entry is in.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// A [`Balance`], in bytes because those need no padding.
    available: [u8; 16],
    /// The first bit tells whether the account is locked, the others where what is held stands
    /// among all that is, from 1; 0 where nothing ever was.
    standing: u32,
}

const _: () = assert!(size_of::<Entry>() == 20);

impl Entry {
    const LOCKED: u32 = 1 << 31;

    #[inline]
    fn available(&self) -> Balance {
        Balance::from_units(i128::from_ne_bytes(self.available))
    }

    #[inline]
    fn set_available(&mut self, available: Balance) {
        self.available = available.units().to_ne_bytes();
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.standing & Self::LOCKED != 0
    }

    #[inline]
    fn held(&self) -> Option<usize> {
        NonZeroU32::new(self.standing & !Self::LOCKED).map(index)
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
        Self {
            small_clients: SMALL_CLIENTS / shards,
            table: Vec::new(),
            map: HashMap::default(),
            widths: [0; 65],
            entries: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Finds the account of a client.
    #[inline]
    pub(super) fn find(&self, client: u64) -> Slot {
        match usize::try_from(client).ok().and_then(|client| self.table.get(client)) {
            Some(slot) => *slot,
            None => self.map.get(&client).copied(),
        }
    }

    /// Tells whether the accounts are so many that most are not in a core's own cache.
    #[inline]
    pub(super) fn are_many(&self) -> bool {
        self.entries.len() > MOST_CACHED_ACCOUNTS
    }

    /// Reads where the accounts of clients stand, so that finding them is quick.
    pub(super) fn touch_clients(&self, clients: impl Iterator<Item = u64>) {
        let slots = clients.map(|client| self.find(client).map_or(0, NonZeroU32::get));
        // The result has no use: it makes the processor fetch what it is made of.
        black_box(slots.fold(0, BitXor::bitxor));
    }

    /// Fetches what deposits and withdrawals look at.
    #[inline]
    pub(super) fn prefetch(&self, slot: NonZeroU32) {
        let entry = &self.entries[index(slot)];
        prefetch(&entry.available);
        prefetch(&entry.standing);
    }

    /// Fetches what is held.
    #[inline]
    pub(super) fn prefetch_held(&self, slot: NonZeroU32) {
        if let Some(held) = self.entries[index(slot)].held() {
            prefetch(&self.held[held]);
        }
    }

    /// Finds the account of a client, or opens one.
    #[inline]
    pub(super) fn find_or_open(&mut self, client: u64) -> NonZeroU32 {
        self.find(client).unwrap_or_else(|| self.open(client))
    }

    /// Opens an account for a client who has none.
    #[inline(never)]
    pub(super) fn open(&mut self, client: u64) -> NonZeroU32 {
        self.entries.push(Entry::default());
        let count = u32::try_from(self.entries.len()).ok().filter(|&it| it < Entry::LOCKED);
        let count = count.expect("fewer accounts than 2³¹");
        let slot = NonZeroU32::new(count).expect("one was opened just now");
        self.widths[width(client)] += 1;
        if client < self.small_clients {
            self.extend_table((client + 1).next_power_of_two());
        } else if count.is_multiple_of(ACCOUNTS_PER_REVIEW) {
            self.extend_table(self.dense_clients());
        }
        match usize::try_from(client).ok().and_then(|client| self.table.get_mut(client)) {
            Some(entry) => *entry = Some(slot),
            None => _ = self.map.insert(client, slot),
        }
        slot
    }

    /// The largest power of two such that a table of the clients below it is filled well enough,
    /// and its upper half is not empty.
    fn dense_clients(&self) -> u64 {
        let mut dense = 0;
        let mut below = 0;
        for (width, &clients) in (0_u32..).zip(&self.widths[..64]) {
            below += u64::from(clients);
            if clients > 0 && 1 << width <= below * MOST_ENTRIES_PER_ACCOUNT {
                dense = 1 << width;
            }
        }
        dense
    }

    /// Makes the table cover the clients below `clients`, and moves those out of the map.
    fn extend_table(&mut self, clients: u64) {
        let Ok(length) = usize::try_from(clients) else { return };
        if length <= self.table.len() {
            return;
        }
        // Made anew instead of resized: fresh zeroed memory costs nothing until it is touched.
        let mut table = vec![None; length];
        table[..self.table.len()].copy_from_slice(&self.table);
        if planted!(TableLosesLast) && !self.table.is_empty() {
            table[self.table.len() - 1] = None;
        }
        self.map.retain(|&client, &mut slot| {
            let entry = usize::try_from(client).ok().and_then(|client| table.get_mut(client));
            let is_large = entry.is_none();
            if let Some(entry) = entry {
                *entry = Some(slot);
            }
            is_large
        });
        self.map.shrink_to_fit();
        self.table = table;
    }

    /// Gives the whole account in a slot.
    pub(super) fn account(&self, slot: NonZeroU32) -> Account {
        let entry = &self.entries[index(slot)];
        let held = entry.held().map_or(Balance::ZERO, |place| self.held[place]);
        Account::new(entry.available(), held, entry.is_locked())
    }

    /// Puts an account back into its slot.
    pub(super) fn put(&mut self, slot: NonZeroU32, account: &Account) {
        let entry = &mut self.entries[index(slot)];
        entry.set_available(account.available());
        if let Some(place) = entry.held() {
            self.held[place] = account.held();
        } else if account.held() != Balance::ZERO {
            self.held.push(account.held());
            let place = if planted!(HeldShared) { 1 } else { self.held.len() };
            entry.standing |= u32::try_from(place).expect("no more than accounts");
        }
        entry.standing &= !Entry::LOCKED;
        entry.standing |= if account.is_locked() { Entry::LOCKED } else { 0 };
    }

    /// Tells whether the account in a slot is locked.
    #[inline]
    pub(super) fn is_locked(&self, slot: NonZeroU32) -> bool {
        self.entries[index(slot)].is_locked()
    }

    /// Tells what is available.
    #[inline]
    pub(super) fn available(&self, slot: NonZeroU32) -> Balance {
        self.entries[index(slot)].available()
    }

    /// Changes what is available.
    #[inline]
    pub(super) fn set_available(&mut self, slot: NonZeroU32, available: Balance) {
        self.entries[index(slot)].set_available(available);
    }

    /// Tells how many accounts there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Clients below this are in the table.
    pub(super) fn table_clients(&self) -> u64 {
        u64::try_from(self.table.len()).expect("64 bits")
    }

    /// Gives the clients from `first` to `last` that are in the table, ascending.
    pub(super) fn table(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, NonZeroU32)> {
        let place = |client| usize::try_from(client).map_or(self.table.len(), |place| place);
        let slots = self.table.get(place(first)..).unwrap_or_default();
        (first..=last).zip(slots).filter_map(|(client, slot)| Some((client, (*slot)?)))
    }

    /// Takes out the clients that are not in the table, ascending; all come after the table's.
    pub(super) fn take_large(&mut self) -> Vec<(u64, NonZeroU32)> {
        let mut large: Vec<_> = self.map.drain().collect();
        self.map = HashMap::default();
        if planted!(FarClientsUnsorted) {
            return large;
        }
        large.sort_unstable();
        large
    }
}

/// The binary digits of a client's id.
#[inline]
fn width(client: u64) -> usize {
    usize::try_from(u64::BITS - client.leading_zeros()).expect("at most 64")
}

#[inline]
fn index(slot: NonZeroU32) -> usize {
    usize::try_from(slot.get() - 1).expect("32 bits fit")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::amount::Amount;

    #[test]
    #[cfg_attr(miri, ignore = "a table of four million clients")]
    fn clients_on_both_sides_of_the_table_are_found_and_sorted() {
        for shards in [1, 7, 1024] {
            let edge = Accounts::of_share(shards).small_clients;
            check_edge(Accounts::of_share(shards), edge);
        }
    }

    fn check_edge(mut accounts: Accounts, edge: u64) {
        let clients = [edge + 7, edge, 0, u64::MAX, edge - 1, edge + 1, 8];
        assert!(clients.iter().all(|&client| accounts.find(client).is_none()));
        for client in clients {
            let slot = accounts.find_or_open(client);
            assert_eq!(accounts.find_or_open(client), slot);
        }
        assert_eq!(accounts.find(9), None);
        assert_eq!(accounts.table_clients(), edge, "the others are too few for a larger table");
        assert_eq!(sorted(accounts), [0, 8, edge - 1, edge, edge + 1, edge + 7, u64::MAX]);
    }

    #[test]
    fn a_small_client_is_never_in_the_map() {
        for client in [0, 1, 2, 3, 4, 1 << 20, SMALL_CLIENTS - 1] {
            let mut accounts = Accounts::default();
            accounts.open(client);
            assert_eq!(accounts.take_large(), [], "{client}");
        }
    }

    fn sorted(mut accounts: Accounts) -> Vec<u64> {
        let large = accounts.take_large();
        let small: Vec<_> = accounts.table(0, u64::MAX).collect();
        small.into_iter().chain(large).map(|(client, _)| client).collect()
    }

    /// Opens accounts of a shard whose table grows early; gives its length.
    fn table_of(clients: impl Iterator<Item = u64>) -> u64 {
        let mut accounts = Accounts::of_share(1 << 12);
        let mut model = BTreeMap::new();
        for client in clients {
            let slot = accounts.find_or_open(client);
            assert_eq!(*model.entry(client).or_insert(slot), slot);
        }
        assert_eq!(accounts.len(), model.len());
        assert!(model.iter().all(|(&client, &slot)| accounts.find(client) == Some(slot)));
        let table = accounts.table_clients();
        assert!(sorted(accounts).iter().eq(model.keys()));
        table
    }

    #[test]
    #[cfg_attr(miri, ignore = "more than 160,000 accounts")]
    fn the_table_grows_with_dense_clients() {
        let count = 1 << 15;
        assert_eq!(table_of(0..count), count);
        assert_eq!(table_of((0..count).rev()), count);
        // Every eighth client is dense enough, every ninth is not.
        assert_eq!(table_of((0..count).map(|it| it * 8)), count * 8);
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

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "minutes, and no unsafe code on the way")]
        fn accounts_are_those_of_a_plain_map(
            steps in prop::collection::vec(
                (prop_oneof![0..40_u64, any::<u64>()], -9..9_i128, 0..3_i128, any::<bool>()),
                0..200,
            )
        ) {
            let mut accounts = Accounts::of_share(1 << 18);
            let mut model = BTreeMap::new();
            for (client, available, held, locked) in steps {
                let (available, held) = (Balance::from_units(available), Balance::from_units(held));
                let account = Account::new(available, held, locked);
                let slot = accounts.find_or_open(client);
                accounts.put(slot, &account);
                accounts.set_available(slot, available + Amount::MIN.into());
                let mut expected = account;
                expected.deposit(Amount::MIN);
                model.insert(client, expected);
            }
            for (&client, account) in &model {
                let slot = accounts.find(client).unwrap();
                prop_assert_eq!(accounts.account(slot), *account);
                prop_assert_eq!(accounts.is_locked(slot), account.is_locked());
                prop_assert_eq!(accounts.available(slot), account.available());
            }
            prop_assert!(sorted(accounts).iter().eq(model.keys()));
        }
    }

    #[test]
    fn an_account_put_back_is_the_account() {
        let mut accounts = Accounts::default();
        let slot = accounts.find_or_open(1);
        let account = Account::new(Balance::from_units(-5), Balance::from_units(9), true);
        accounts.put(slot, &account);
        assert_eq!(accounts.account(slot), account);
        assert!(accounts.is_locked(slot));
        assert_eq!(accounts.available(slot), account.available());
    }
}
