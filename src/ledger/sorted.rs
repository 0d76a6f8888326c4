//! The accounts of a ledger at its end: as the shards leave them, read ascending by client.
//!
//! They stay where they are: a copy in order would take more memory than the accounts themselves.
//! What reads all of them reads them part by part, and several threads may read several parts.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

use super::accounts::{Accounts, Entry, Job, Slot, one_by_one};
use crate::account::Account;

/// Clients in a part that is read at a time: its accounts stay in a core's own cache.
const PART_CLIENTS: usize = 4096;

/// Clients of a table that are passed at once where none of them has an account.
const STRIDE: usize = 16;

/// Accounts that are fetched together, while those before them are looked at. A fetch waits until it is
/// known which page it is from, but several wait at once where little stands between them.
const AHEAD: usize = 16;

/// Every account of one or more shards, ascending by client.
///
/// ```
/// use millrace::account::Account;
/// use millrace::ledger::SortedAccounts;
///
/// let accounts: SortedAccounts = [7, 1 << 60, 3].map(|it| (it, Account::default())).into();
/// assert!(accounts.iter().map(|(client, _)| client).eq([3, 7, 1 << 60]));
/// assert_eq!((accounts.len(), accounts.get(4)), (3, None));
/// ```
#[derive(Debug, Default)]
pub struct SortedAccounts {
    shards: Vec<Sorted>,
}

/// Memory for [`SortedAccounts::visit`].
#[derive(Debug, Default)]
pub struct Reading {
    found: Vec<Found>,
}

/// Where the account of a client is.
#[derive(Clone, Copy, Debug)]
struct Found {
    client: u64,
    slot: Slot,
    shard: usize,
}

impl Found {
    const NONE: Self = Self { client: 0, slot: Slot::NONE, shard: 0 };
}

/// The accounts of one shard.
#[derive(Debug)]
struct Sorted {
    accounts: Accounts,
    /// The clients that are not in the table, and where they are, ascending; all of them come after the
    /// table's.
    far: Vec<(u64, usize)>,
}

impl Sorted {
    /// The clients from `first` to `last` that are not in the table.
    fn far(&self, first: u64, last: u64) -> &[(u64, usize)] {
        let start = self.far.partition_point(|&(client, _)| client < first);
        let length = self.far[start..].partition_point(|&(client, _)| client <= last);
        &self.far[start..start + length]
    }
}

impl SortedAccounts {
    /// Sorts the accounts of a shard, many scattered clients in up to `jobs` jobs, which `run` is to run.
    ///
    /// # Errors
    /// That of `run`.
    pub(super) fn of<E>(
        mut accounts: Accounts,
        jobs: NonZeroUsize,
        run: impl FnOnce(Vec<Job<'_>>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let far = accounts.take_far(jobs, run)?;
        Ok(Self { shards: vec![Sorted { accounts, far }] })
    }

    /// Adds the accounts of other clients.
    pub fn append(&mut self, mut others: Self) {
        self.shards.append(&mut others.shards);
    }

    /// Tells how many accounts there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.accounts.len()).sum()
    }

    /// Tells whether there is no account.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the account of a client, if there is one.
    pub fn get(&self, client: u64) -> Option<Account> {
        let mut found = Vec::new();
        self.read(&(client..=client), &mut found);
        found.first().map(|&(_, account)| account)
    }

    /// Gives every account, ascending by client.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Account)> {
        self.parts().into_iter().flat_map(|part| {
            let mut accounts = Vec::new();
            self.read(&part, &mut accounts);
            accounts
        })
    }

    /// Cuts the clients into ranges, ascending, that hold every account, and some thousand each.
    pub fn parts(&self) -> Vec<RangeInclusive<u64>> {
        let near_clients = self.shards.iter().map(|shard| shard.accounts.near_clients()).max();
        let mut starts: Vec<_> = (0..near_clients.unwrap_or(0)).step_by(PART_CLIENTS).collect();
        let share = (PART_CLIENTS / self.shards.len().max(1)).max(1);
        for shard in &self.shards {
            starts.extend(shard.far.iter().step_by(share).map(|&(client, _)| client));
        }
        starts.sort_unstable();
        starts.dedup();
        let lasts = starts.iter().skip(1).map(|next| next - 1).chain([u64::MAX]);
        starts.iter().zip(lasts).map(|(&first, last)| first..=last).collect()
    }

    /// Calls `visit` with every account, ascending by client. Sooner than [`SortedAccounts::iter`], which
    /// copies them.
    pub fn visit_all(&self, mut visit: impl FnMut(u64, Account)) {
        let mut memory = Reading::default();
        for part in self.parts() {
            self.visit(&part, &mut memory, &mut visit);
        }
    }

    /// Replaces what is in `into` by the accounts of a range of clients, ascending.
    fn read(&self, clients: &RangeInclusive<u64>, into: &mut Vec<(u64, Account)>) {
        into.clear();
        self.visit(clients, &mut Reading::default(), |client, account| {
            into.push((client, account));
        });
    }

    /// Calls `visit` with each account of a range of clients, ascending. `memory` is worth keeping
    /// from range to range; what is in it means nothing.
    #[inline]
    pub fn visit(
        &self,
        clients: &RangeInclusive<u64>,
        memory: &mut Reading,
        mut visit: impl FnMut(u64, Account),
    ) {
        let (found, are_far) = self.find(clients, &mut memory.found);
        if planted!(ClientsAsText) {
            found.sort_by_key(|found| found.client.to_string());
        }
        // Those in tables have just been read.
        let together = if are_far { AHEAD } else { found.len().max(1) };
        let mut ahead = found.chunks(together);
        let mut fetch = || {
            for &Found { slot, shard, .. } in ahead.next().filter(|_| are_far).unwrap_or_default() {
                self.shards[shard].accounts.prefetch_far(slot);
            }
        };
        fetch();
        for group in found.chunks(together) {
            fetch();
            for &Found { client, slot, shard } in group {
                visit(client, self.shards[shard].accounts.open_account(slot));
            }
        }
    }

    /// Finds the accounts of a range of clients, ascending; tells whether some are not in tables.
    fn find<'m>(
        &self,
        clients: &RangeInclusive<u64>,
        memory: &'m mut Vec<Found>,
    ) -> (&'m mut [Found], bool) {
        let (first, last) = (*clients.start(), *clients.end());
        let are_far = self.shards.iter().any(|shard| !shard.far(first, last).is_empty());
        if !are_far && let Some(count) = self.find_near(first, last, memory) {
            return (&mut memory[..count], are_far);
        }
        memory.clear();
        for (number, shard) in self.shards.iter().enumerate() {
            let found = |(client, slot)| Found { client, slot, shard: number };
            memory.extend(shard.accounts.near(first, last).map(found));
            let far = shard.far(first, last).iter();
            memory.extend(far.map(|&(client, at)| found((client, Slot::far(at)))));
        }
        if self.shards.len() > 1 {
            // A stable sort merges the ascending runs of the shards instead of sorting anew.
            memory.sort_by_key(|found| found.client);
        }
        (memory, are_far)
    }

    /// Finds the accounts of a range of clients, ascending, if no client has two, where all are in
    /// tables; tells how many. No client takes a branch: nobody can guess who has an account, and in
    /// which shard.
    fn find_near(&self, first: u64, last: u64, found: &mut Vec<Found>) -> Option<usize> {
        let tables = self.shards.iter().map(|shard| shard.accounts.near_entries(first, last));
        let tables: Vec<_> = tables.collect();
        let length = tables.iter().map(|table| table.len()).max().unwrap_or(0);
        if found.len() < length {
            found.resize(length, Found::NONE);
        }
        if let [table] = tables[..] {
            return Some(list_open(table, first, found));
        }
        let (mut count, mut are_twice) = (0, false);
        for start in (0..length).step_by(STRIDE) {
            let end = length.min(start + STRIDE);
            if tables.iter().all(|table| is_empty(table, start, end)) {
                continue;
            }
            for (at, client) in (start..end).zip(first + u64::try_from(start).expect("64 bits")..) {
                let (mut is_open, mut shard) = (false, 0);
                for (number, table) in tables.iter().enumerate() {
                    let is_here = table.get(at).is_some_and(|&bits| Entry::of_bits(bits).is_open());
                    are_twice |= is_open & is_here;
                    is_open |= is_here;
                    shard |= number & usize::from(is_here).wrapping_neg();
                }
                found[count] = Found { client, slot: Slot::near(client), shard };
                count += usize::from(is_open);
            }
        }
        (!are_twice).then_some(count)
    }
}

/// Lists the clients from `first` on who have an account in the only table; tells how many.
fn list_open(table: &[u64], first: u64, found: &mut [Found]) -> usize {
    let mut count = 0;
    for (entries, first) in table.chunks(STRIDE).zip((first..).step_by(STRIDE)) {
        if is_empty(entries, 0, STRIDE) {
            continue;
        }
        for (&bits, client) in entries.iter().zip(first..) {
            found[count] = Found { client, slot: Slot::near(client), shard: 0 };
            count += usize::from(Entry::of_bits(bits).is_open());
        }
    }
    count
}

/// Tells whether nobody has an account in a part of a table.
#[inline]
fn is_empty(table: &[u64], start: usize, end: usize) -> bool {
    let entries = &table[start.min(table.len())..end.min(table.len())];
    entries.iter().fold(0, |any, bits| any | bits) == 0
}

impl<const N: usize> From<[(u64, Account); N]> for SortedAccounts {
    fn from(accounts: [(u64, Account); N]) -> Self {
        accounts.into_iter().collect()
    }
}

/// The last account of a client is the one that counts.
impl FromIterator<(u64, Account)> for SortedAccounts {
    fn from_iter<I: IntoIterator<Item = (u64, Account)>>(iterator: I) -> Self {
        let mut accounts = Accounts::default();
        for (client, account) in iterator {
            accounts.review();
            let slot = accounts.find_or_add(client);
            accounts.put(slot, &account);
        }
        let Ok(sorted) = Self::of(accounts, NonZeroUsize::MIN, one_by_one);
        sorted
    }
}

impl PartialEq for SortedAccounts {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for SortedAccounts {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::amount::Balance;

    fn account(units: u64) -> Account {
        Account::new(Balance::from_units(units.into()), Balance::ZERO, false)
    }

    fn any_client() -> impl Strategy<Value = u64> {
        prop_oneof![0..9_000_u64, (1_u64 << 40)..(1 << 40) + 9_000, any::<u64>()]
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "minutes, and no unsafe code on the way")]
        fn shards_are_read_as_one_plain_map(
            clients in prop::collection::btree_set(any_client(), 0..300),
            shards in 1..5_u64,
        ) {
            let mut accounts = SortedAccounts::default();
            let mut model = BTreeMap::new();
            for shard in 0..shards {
                let of_shard = || clients.iter().filter(|&client| client % shards == shard);
                accounts.append(of_shard().map(|&client| (client, account(client))).collect());
                model.extend(of_shard().map(|&client| (client, account(client))));
            }
            prop_assert_eq!(accounts.len(), model.len());
            prop_assert_eq!(accounts.is_empty(), model.is_empty());
            prop_assert!(accounts.iter().eq(model.clone()));
            prop_assert_eq!(accounts.get(7), model.get(&7).copied());
            prop_assert!(model.iter().all(|(&client, it)| accounts.get(client) == Some(*it)));
            let parts = accounts.parts();
            prop_assert!(parts.windows(2).all(|it| it[0].end() + 1 == *it[1].start()));
        }
    }

    #[test]
    fn accounts_are_equal_where_clients_and_money_are() {
        let some: SortedAccounts = [(1, account(5)), (1 << 40, account(6))].into();
        assert_eq!(some, [(1 << 40, account(6)), (1, account(5))].into());
        assert_ne!(some, [(1, account(5)), (1 << 40, account(7))].into());
        assert_ne!(some, [(1, account(5))].into());
        assert!(!some.is_empty() && SortedAccounts::default().is_empty());
    }

    #[test]
    #[cfg_attr(miri, ignore = "40,000 accounts")]
    fn parts_are_small_wherever_the_clients_are() {
        let dense = (0..20_000).map(|it| it * 3 % 20_000);
        let far = (0..20_000).map(|it| u64::MAX - it);
        let mut accounts: SortedAccounts = dense.map(|it| (it, account(it))).collect();
        accounts.append(far.map(|it| (it, account(it))).collect());
        let mut read = Vec::new();
        let mut count = 0;
        for part in accounts.parts() {
            accounts.read(&part, &mut read);
            assert!(read.len() <= 2 * PART_CLIENTS, "{} in {part:?}", read.len());
            assert!(read.iter().all(|(client, _)| part.contains(client)));
            count += read.len();
        }
        assert_eq!((count, accounts.len()), (40_000, 40_000));
        assert!(accounts.parts().len() < 40, "some thousand clients each");
        let mut shards = SortedAccounts::default();
        for shard in 0..4 {
            let far = (0..5_000).map(|it| u64::MAX - 4 * it - shard);
            shards.append(far.map(|it| (it, account(it))).collect());
        }
        for part in shards.parts() {
            shards.read(&part, &mut read);
            assert!(read.len() <= 2 * PART_CLIENTS, "{} in {part:?}", read.len());
        }
    }
}
