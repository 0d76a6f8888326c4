//! The accounts of a shard: by client, and laid out so that what most rows need lies close together.
//!
//! Clients with small ids, as files of the classic 16-bit format have, are found in a table; all
//! others in a seeded hash map. Deposits and withdrawals touch what is available and whether the
//! account is locked; what is held is kept apart (bench `pipeline`).

use std::collections::HashMap;
use std::num::NonZeroU32;

use foldhash::fast::RandomState;

use crate::account::Account;
use crate::amount::{Amount, Balance};
use crate::prefetch::prefetch;

/// Clients below this are found in a table; with several shards, clients below its share of this,
/// so that the tables of all shards together take at most 4 MiB.
const TABLE_CLIENTS: u64 = 1 << 20;

/// Where an account stands; `None` where there is none.
///
/// Finding it and applying a transaction to it are two steps, so that the look-ups of a whole batch
/// can be on their way to memory at once.
pub type Slot = Option<NonZeroU32>;

#[derive(Debug)]
pub(super) struct Accounts {
    /// Clients below this are found in the table.
    table_clients: u64,
    /// The slots of small clients; its length is a power of two.
    table: Vec<Slot>,
    /// The slots of all others.
    map: HashMap<u64, NonZeroU32, RandomState>,
    available: Vec<Balance>,
    held: Vec<Balance>,
    locked: Vec<bool>,
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
            table_clients: TABLE_CLIENTS / shards,
            table: Vec::new(),
            map: HashMap::default(),
            available: Vec::new(),
            held: Vec::new(),
            locked: Vec::new(),
        }
    }

    /// Finds the account of a client.
    #[inline]
    pub(super) fn find(&self, client: u64) -> Slot {
        if client < self.table_clients {
            return self.table.get(position(client)).copied().flatten();
        }
        self.map.get(&client).copied()
    }

    /// Opens an account for a client who has none.
    #[inline(never)]
    pub(super) fn open(&mut self, client: u64) -> NonZeroU32 {
        self.available.push(Balance::ZERO);
        self.held.push(Balance::ZERO);
        self.locked.push(false);
        let count = u32::try_from(self.locked.len()).expect("fewer accounts than 2³²");
        let slot = NonZeroU32::new(count).expect("one was opened just now");
        if client < self.table_clients {
            let client = position(client);
            if client >= self.table.len() {
                self.table.resize((client + 1).next_power_of_two(), None);
            }
            self.table[client] = Some(slot);
        } else {
            self.map.insert(client, slot);
        }
        slot
    }

    /// Fetches what deposits and withdrawals look at, and if `held` what disputes do.
    #[inline]
    pub(super) fn prefetch(&self, slot: NonZeroU32, held: bool) {
        let index = index(slot);
        prefetch(&self.available[index]);
        prefetch(&self.locked[index]);
        if held {
            prefetch(&self.held[index]);
        }
    }

    /// Gives the whole account in a slot.
    pub(super) fn account(&self, slot: NonZeroU32) -> Account {
        let index = index(slot);
        Account::new(self.available[index], self.held[index], self.locked[index])
    }

    /// Puts an account back into its slot.
    pub(super) fn put(&mut self, slot: NonZeroU32, account: &Account) {
        let index = index(slot);
        self.available[index] = account.available();
        self.held[index] = account.held();
        self.locked[index] = account.is_locked();
    }

    /// Tells whether the account in a slot is locked.
    #[inline]
    pub(super) fn is_locked(&self, slot: NonZeroU32) -> bool {
        self.locked[index(slot)]
    }

    /// Tells whether an amount is available.
    #[inline]
    pub(super) fn covers(&self, slot: NonZeroU32, amount: Amount) -> bool {
        self.available[index(slot)] >= Balance::from(amount)
    }

    /// Adds to what is available.
    #[inline]
    pub(super) fn add(&mut self, slot: NonZeroU32, balance: Balance) {
        self.available[index(slot)] += balance;
    }

    /// Gives every account, ascending by client.
    pub(super) fn into_sorted(self) -> Vec<(u64, Account)> {
        let small = (0..).zip(&self.table).filter_map(|(client, slot)| Some((client, (*slot)?)));
        let mut large: Vec<_> = self.map.iter().map(|(&client, &slot)| (client, slot)).collect();
        large.sort_unstable();
        let mut accounts = Vec::with_capacity(self.locked.len());
        // Every client in the table comes before every client in the map.
        let ascending = small.chain(large);
        accounts.extend(ascending.map(|(client, slot)| (client, self.account(slot))));
        accounts
    }
}

/// The place of a client in the table.
#[inline]
fn position(client: u64) -> usize {
    usize::try_from(client).expect("below the size of the table")
}

#[inline]
fn index(slot: NonZeroU32) -> usize {
    usize::try_from(slot.get() - 1).expect("32 bits fit")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_or_open(accounts: &mut Accounts, client: u64) -> NonZeroU32 {
        accounts.find(client).unwrap_or_else(|| accounts.open(client))
    }

    #[test]
    fn clients_on_both_sides_of_the_table_are_found_and_sorted() {
        for shards in [1, 7, 1024] {
            let edge = Accounts::of_share(shards).table_clients;
            check_edge(Accounts::of_share(shards), edge);
        }
    }

    fn check_edge(mut accounts: Accounts, edge: u64) {
        let clients = [edge + 7, edge, 0, u64::MAX, edge - 1, edge + 1, 8];
        assert!(clients.iter().all(|&client| accounts.find(client).is_none()));
        for client in clients {
            let slot = find_or_open(&mut accounts, client);
            assert_eq!(find_or_open(&mut accounts, client), slot);
            accounts.add(slot, Amount::from_units(client.clamp(1, 1 << 40)).unwrap().into());
        }
        assert_eq!(accounts.find(9), None);
        let mut sorted = clients;
        sorted.sort_unstable();
        let closed = accounts.into_sorted();
        assert_eq!(closed.iter().map(|(client, _)| *client).collect::<Vec<_>>(), sorted);
        for (client, account) in closed {
            assert_eq!(account.available().units(), i128::from(client.clamp(1, 1 << 40)));
        }
    }

    #[test]
    fn an_account_put_back_is_the_account() {
        let mut accounts = Accounts::default();
        let slot = find_or_open(&mut accounts, 1);
        let account = Account::new(Balance::from_units(-5), Balance::from_units(9), true);
        accounts.put(slot, &account);
        assert_eq!(accounts.account(slot), account);
        assert!(accounts.is_locked(slot));
        assert!(!accounts.covers(slot, Amount::MIN));
    }
}
