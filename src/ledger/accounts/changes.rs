//! What is read of accounts and how they change: the money that deposits and withdrawals move, and
//! what disputes hold, resolves release and chargebacks take.
//!
//! A change is made as it is told; whether it is allowed is decided by the shard beforehand.

use super::entry::{Change, Entry};
use super::{Accounts, Slot, Table};
use crate::account::Account;
use crate::amount::{Amount, Balance};

impl Accounts {
    /// Gives what deposits and withdrawals need of an account; whether it is open is not asked.
    #[inline]
    pub(in crate::ledger) fn entry(&self, slot: Slot) -> Entry {
        let (table, at) = self.table(slot);
        table.entry(at)
    }

    /// Opens an account if it is not open, and makes the bits of a change to it that `mask` keeps.
    #[inline]
    pub(in crate::ledger) fn make(&mut self, slot: Slot, change: Change, mask: u64) {
        let (table, at) = self.table_mut(slot);
        let before = table.entry(at);
        table.set(at, before.changed(change, mask));
        self.near_open += usize::from(!before.is_open());
    }

    /// Opens an account if it is not open.
    pub(in crate::ledger) fn open(&mut self, slot: Slot) {
        let entry = self.entry(slot);
        if !entry.is_open() {
            self.set(slot, Entry::new(Balance::ZERO, false));
            self.near_open += 1;
        }
    }

    fn set(&mut self, slot: Slot, entry: Entry) {
        let (table, at) = self.table_mut(slot);
        table.set(at, entry);
    }

    /// Gives the whole account in a slot, if it is open.
    pub(in crate::ledger) fn account(&self, slot: Slot) -> Option<Account> {
        (slot != Slot::NONE && self.entry(slot).is_open()).then(|| self.open_account(slot))
    }

    /// Gives the whole account in a slot whose account is open.
    #[inline]
    pub(in crate::ledger) fn open_account(&self, slot: Slot) -> Account {
        let (table, at) = self.table(slot);
        let (entry, held) = (table.entry(at), table.held(at));
        if entry.is_wide() || held == Table::WIDE {
            return self.wide_account(slot);
        }
        Account::new(entry.available(), Balance::from_units(held.into()), entry.is_locked())
    }

    #[cold]
    fn wide_account(&self, slot: Slot) -> Account {
        let entry = self.entry(slot);
        Account::new(self.available(slot, entry), self.held(slot), entry.is_locked())
    }

    #[inline]
    fn available(&self, slot: Slot, entry: Entry) -> Balance {
        if entry.is_wide() { self.wide[&slot.owner()] } else { entry.available() }
    }

    /// Puts an account into its slot, and opens it if it is not open.
    pub(in crate::ledger) fn put(&mut self, slot: Slot, account: &Account) {
        self.open(slot);
        self.set_available(slot, account.available(), account.is_locked());
        if account.held() != self.held(slot) {
            self.set_held(slot, account.held());
        }
    }

    fn set_available(&mut self, slot: Slot, available: Balance, is_locked: bool) {
        let entry = Entry::new(available, is_locked);
        self.set(slot, entry);
        if entry.is_wide() {
            self.wide.insert(slot.owner(), available);
        }
    }

    #[inline]
    fn held(&self, slot: Slot) -> Balance {
        let (table, at) = self.table(slot);
        match table.held(at) {
            Table::WIDE => self.wide_held[&slot.owner()],
            units => Balance::from_units(units.into()),
        }
    }

    fn set_held(&mut self, slot: Slot, held: Balance) {
        let (table, at) = self.table_mut(slot);
        let units = i64::try_from(held.units()).unwrap_or(Table::WIDE);
        *table.held_mut(at) = units;
        if units == Table::WIDE {
            self.wide_held.insert(slot.owner(), held);
        }
    }

    /// Adds to what is held in an account, or takes from it.
    #[inline]
    fn adjust_held(&mut self, slot: Slot, amount: Amount, takes: bool) {
        let (table, at) = self.table_mut(slot);
        let held = table.held_mut(at);
        let units = amount.units().cast_signed();
        let sum = if takes { held.checked_sub(units) } else { held.checked_add(units) };
        match sum {
            Some(sum) if sum != Table::WIDE && *held != Table::WIDE => *held = sum,
            _ => self.adjust_held_widely(slot, amount, takes),
        }
    }

    /// As [`Accounts::adjust_held`], where 64 bits are too few before or afterwards.
    #[cold]
    fn adjust_held_widely(&mut self, slot: Slot, amount: Amount, takes: bool) {
        self.set_held(slot, adjusted(self.held(slot), amount, takes));
    }

    /// Tells whether an account is locked; none is, where there is none.
    #[inline]
    pub(in crate::ledger) fn is_locked(&self, slot: Slot) -> bool {
        slot != Slot::NONE && self.entry(slot).is_locked()
    }

    /// Tells whether so much is available.
    pub(in crate::ledger) fn covers(&self, slot: Slot, amount: Amount) -> bool {
        let available = self.available(slot, self.entry(slot));
        if planted!(DisputeOfAllRefused) {
            return available > amount.into();
        }
        available >= amount.into()
    }

    /// Adds to what is available in an open account, or takes from it.
    #[inline]
    pub(in crate::ledger) fn adjust(&mut self, slot: Slot, amount: Amount, takes: bool) {
        match self.entry(slot).change(amount, takes) {
            Some(change) => self.make(slot, change, u64::MAX),
            None => self.adjust_widely(slot, amount, takes),
        }
    }

    /// As [`Accounts::adjust`], where an entry is too small before or afterwards, or the amount is
    /// very large.
    #[cold]
    fn adjust_widely(&mut self, slot: Slot, amount: Amount, takes: bool) {
        let entry = self.entry(slot);
        let available = adjusted(self.available(slot, entry), amount, takes);
        self.set_available(slot, available, entry.is_locked());
    }

    /// Holds an amount while it is under dispute.
    #[inline]
    pub(in crate::ledger) fn hold(&mut self, slot: Slot, amount: Amount) {
        self.adjust(slot, amount, true);
        self.adjust_held(slot, amount, planted!(HeldSubtracted));
    }

    /// Makes a held amount available again.
    #[inline]
    pub(in crate::ledger) fn release(&mut self, slot: Slot, amount: Amount) {
        self.take_held(slot, amount);
        if !planted!(ResolveKeepsMoney) {
            self.adjust(slot, amount, false);
        }
    }

    /// Takes a held amount away and locks the account.
    #[inline]
    pub(in crate::ledger) fn charge_back(&mut self, slot: Slot, amount: Amount) {
        if planted!(ChargebackTakesAvailable) {
            self.adjust(slot, amount, true);
        } else {
            self.take_held(slot, amount);
        }
        if !planted!(ChargebackLocksNot) {
            self.set(slot, self.entry(slot).locked());
        }
    }

    fn take_held(&mut self, slot: Slot, amount: Amount) {
        self.adjust_held(slot, amount, true);
        debug_assert!(self.held(slot) >= Balance::ZERO);
    }
}

/// Gives a balance with an amount added, or taken from it.
fn adjusted(mut balance: Balance, amount: Amount, takes: bool) -> Balance {
    if takes {
        balance -= amount;
    } else {
        balance += amount;
    }
    balance
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(accounts: &mut Accounts, client: u64) -> Slot {
        let slot = accounts.find_or_add(client);
        accounts.open(slot);
        slot
    }

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn holding_spent_money_leaves_a_debt() {
        let mut accounts = Accounts::default();
        let slot = open(&mut accounts, 1);
        accounts.adjust(slot, amount("1"), false);
        accounts.hold(slot, amount("5"));
        let account = accounts.account(slot).unwrap();
        assert_eq!(account.available().to_string(), "-4.0000");
        assert_eq!(account.held().to_string(), "5.0000");
        assert_eq!(account.total().to_string(), "1.0000");
    }

    #[test]
    fn a_chargeback_takes_the_held_amount_and_locks() {
        let mut accounts = Accounts::default();
        let slot = open(&mut accounts, 1);
        accounts.adjust(slot, amount("5"), false);
        accounts.hold(slot, amount("5"));
        accounts.charge_back(slot, amount("5"));
        let expected = Account::new(Balance::ZERO, Balance::ZERO, true);
        assert_eq!(accounts.account(slot), Some(expected));
    }

    #[test]
    fn a_release_undoes_a_hold() {
        let mut accounts = Accounts::default();
        let slot = open(&mut accounts, 1);
        for units in ["5", "922337203685477.5807"] {
            accounts.adjust(slot, amount(units), false);
            let before = accounts.account(slot);
            accounts.hold(slot, amount(units));
            accounts.release(slot, amount(units));
            assert_eq!(accounts.account(slot), before);
        }
    }
}
