//! The state root: one value for all accounts.
//!
//! Every account is a record of 64 bytes, all numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | the client, `u64` |
//! | 8–15 | 1 if the account is locked, else 0, `u64` |
//! | 16–31 | available, in units of 1/10,000, `i128` (two's complement) |
//! | 32–47 | held, in the same units, `i128` |
//! | 48–63 | total, in the same units, `i128` |
//!
//! The state root is the BLAKE3 hash of the records, ascending by client, and nothing else. BLAKE3
//! (<https://github.com/BLAKE3-team/BLAKE3-specs>) is a Merkle tree by itself, whose leaves are
//! chunks of 1024 bytes: sixteen accounts. So the root needs no tree of our own, any implementation
//! of BLAKE3 computes it, and one account can be proven to be in it by the hashes along its path.
//! Without accounts it is the hash of no bytes.

use std::fmt;
use std::str::FromStr;

use crate::account::Account;
use crate::digest::{Digest, Hasher, NoDigest};
use crate::ledger::SortedAccounts;

/// Bytes of an account in the state.
const RECORD_BYTES: usize = 64;

/// Records that are hashed at a time.
const BATCH_RECORDS: usize = 1024;

/// One value for all accounts, written as 64 hexadecimal digits.
///
/// ```
/// use millrace::account::Account;
/// use millrace::amount::Balance;
/// use millrace::ledger::SortedAccounts;
/// use millrace::state_root::StateRoot;
///
/// let account = Account::new(Balance::from_units(15_000), Balance::ZERO, false);
/// let accounts: SortedAccounts = [(7, account), (3, account)].into();
/// let mut root = StateRoot::builder();
/// root.add(3, &account);
/// root.add(7, &account);
/// assert_eq!(StateRoot::of(&accounts), root.finish());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateRoot(Digest);

impl StateRoot {
    /// Computes the root of accounts.
    pub fn of(accounts: &SortedAccounts) -> Self {
        let mut root = Self::builder();
        accounts.visit_all(|client, account| root.add(client, &account));
        root.finish()
    }

    /// Starts with no account.
    pub fn builder() -> StateRootBuilder {
        StateRootBuilder::default()
    }
}

impl fmt::Display for StateRoot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for StateRoot {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        text.parse().map(Self)
    }
}

/// Computes a [`StateRoot`] account by account.
#[derive(Clone, Debug, Default)]
pub struct StateRootBuilder {
    hasher: Hasher,
    /// Records that are not hashed yet.
    records: Vec<u8>,
    last: Option<u64>,
}

impl StateRootBuilder {
    /// Adds the account of the client that comes next.
    ///
    /// # Panics
    /// Clients do not ascend.
    pub fn add(&mut self, client: u64, account: &Account) {
        assert!(self.last < Some(client), "client {client} after {:?}", self.last);
        self.last = Some(client);
        self.records.extend_from_slice(&record(client, account));
        if self.records.len() == BATCH_RECORDS * RECORD_BYTES {
            self.hash();
        }
    }

    /// Gives the root of the accounts so far.
    #[must_use]
    pub fn finish(mut self) -> StateRoot {
        self.hash();
        StateRoot(self.hasher.finish().blake3)
    }

    fn hash(&mut self) {
        self.hasher.update(&self.records);
        self.records.clear();
    }
}

fn record(client: u64, account: &Account) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    record[..8].copy_from_slice(&client.to_le_bytes());
    record[8..16].copy_from_slice(&u64::from(account.is_locked()).to_le_bytes());
    for (at, balance) in [(16, account.available()), (32, account.held()), (48, account.total())] {
        record[at..at + 16].copy_from_slice(&balance.units().to_le_bytes());
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Balance;

    fn account(available: i128, held: i128, locked: bool) -> Account {
        Account::new(Balance::from_units(available), Balance::from_units(held), locked)
    }

    #[test]
    fn a_record_is_laid_out_as_documented() {
        let record = record(0x0102, &account(-2, 3, true));
        let mut expected = vec![2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xfe];
        expected.extend([0xff; 15]);
        for low in [3, 1] {
            expected.push(low);
            expected.extend([0; 15]);
        }
        assert_eq!(record[..], expected);
    }

    #[test]
    fn the_root_is_the_digest_of_all_records() {
        let one = account(5, 0, false);
        assert_eq!(StateRoot::of(&SortedAccounts::default()).0, Digest::of(b""));
        for count in [1, 15, 16, 17, 1023, 1024, 1025, 5000] {
            let accounts: SortedAccounts = (0..count).map(|it| (it * 977, one)).collect();
            let bytes: Vec<u8> = (0..count).flat_map(|it| record(it * 977, &one)).collect();
            assert_eq!(StateRoot::of(&accounts).0, Digest::of(&bytes), "{count}");
        }
    }

    #[test]
    fn every_part_of_an_account_counts() {
        let of = |client, account| StateRoot::of(&[(client, account)].into());
        let root = of(1, account(5, 2, false));
        for (client, account) in [
            (2, account(5, 2, false)),
            (1, account(6, 1, false)),
            (1, account(5, 3, false)),
            (1, account(5, 2, true)),
        ] {
            assert_ne!(of(client, account), root);
        }
    }

    #[test]
    #[should_panic(expected = "client 3 after Some(3)")]
    fn clients_must_ascend() {
        let mut root = StateRoot::builder();
        root.add(3, &account(1, 0, false));
        root.add(3, &account(1, 0, false));
    }
}
