//! What deposits and withdrawals need of an account, in one word.

use crate::amount::{Amount, Balance};

/// What is available, and whether the account is open and locked.
///
/// What is available has 61 bits, enough for 115 trillion of the currency. Where that is not
/// enough, the account is wide, and what is available stands elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ledger) struct Entry(u64);

/// What a deposit or withdrawal makes of an account, should it be allowed.
#[derive(Clone, Copy, Debug)]
pub(in crate::ledger) struct Change {
    /// What the row moves, with its sign.
    moved: i64,
    /// What is available afterwards, in units.
    available: i64,
}

impl Change {
    /// Tells whether less than so many units would be available.
    #[inline]
    pub(in crate::ledger) fn leaves_less_than(self, units: i64) -> bool {
        self.available < units
    }
}

impl Entry {
    /// An account that has been opened; all others are no accounts.
    const OPEN: u64 = 1;
    const LOCKED: u64 = 2;
    const WIDE: u64 = 4;
    /// The bits of the flags: what is available stands above them.
    const FLAGS: u32 = 3;
    /// What is available in an entry is below this, and not below its negative.
    const LIMIT: i64 = 1 << (63 - Self::FLAGS);

    /// Makes the entry of an open account; a wide one where the balance is too large for it.
    pub(super) fn new(available: Balance, is_locked: bool) -> Self {
        let locked = if is_locked { Self::LOCKED } else { 0 };
        let units = i64::try_from(available.units()).ok();
        let bits = match units.filter(|units| (-Self::LIMIT..Self::LIMIT).contains(units)) {
            Some(units) => units.cast_unsigned() << Self::FLAGS,
            None => Self::WIDE,
        };
        Self(bits | locked | Self::OPEN)
    }

    /// Makes the entry that [`Entry::bits`] gave. No bits are no account.
    #[inline]
    pub(in crate::ledger) const fn of_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline]
    pub(in crate::ledger) const fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(in crate::ledger) fn is_open(self) -> bool {
        self.0 & Self::OPEN != 0
    }

    #[inline]
    pub(in crate::ledger) fn is_locked(self) -> bool {
        self.0 & Self::LOCKED != 0
    }

    /// Gives the entry of the account once it is locked.
    #[inline]
    pub(super) fn locked(self) -> Self {
        Self(self.0 | Self::LOCKED)
    }

    #[inline]
    pub(super) fn is_wide(self) -> bool {
        self.0 & Self::WIDE != 0
    }

    /// What is available, in units, unless the account is wide.
    #[inline]
    const fn units(self) -> i64 {
        self.0.cast_signed() >> Self::FLAGS
    }

    /// What is available, unless the account is wide.
    #[inline]
    pub(super) fn available(self) -> Balance {
        Balance::from_units(self.units().into())
    }

    /// Tells what a deposit or a withdrawal would make of the account; `None` where that is more
    /// than an entry can tell, which is rare. Which of the two it is takes no branch.
    #[inline]
    pub(in crate::ledger) fn change(self, amount: Amount, withdraws: bool) -> Option<Change> {
        let units = amount.units().cast_signed();
        let sign = -i64::from(withdraws);
        let moved = (units ^ sign).wrapping_sub(sign);
        let available = self.units().wrapping_add(moved);
        // Half of the limit each keeps the sum from wrapping, and from leaving what is told here.
        let is_large = (units >= Self::LIMIT / 2)
            | (available.wrapping_add(Self::LIMIT) & !(2 * Self::LIMIT - 1) != 0);
        (!(is_large | self.is_wide())).then_some(Change { moved, available })
    }

    /// Gives the entry with the bits of the change made that `mask` keeps, all or none. The account
    /// is open then in any case.
    #[inline]
    pub(in crate::ledger) fn changed(self, change: Change, mask: u64) -> Self {
        let moved = change.moved.cast_unsigned() & mask;
        Self(self.0.wrapping_add(moved << Self::FLAGS) | Self::OPEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(units: i64) -> Balance {
        Balance::from_units(units.into())
    }

    #[test]
    fn a_balance_of_61_bits_is_kept_with_its_flags_and_no_larger_one() {
        for balance in [0, 1, -1, Entry::LIMIT - 1, -Entry::LIMIT] {
            for is_locked in [false, true] {
                let entry = Entry::new(units(balance), is_locked);
                assert_eq!(entry.available(), units(balance));
                assert_eq!((entry.is_locked(), entry.is_wide()), (is_locked, false));
                assert!(entry.is_open());
            }
        }
        for balance in [Entry::LIMIT, -Entry::LIMIT - 1, i64::MAX, i64::MIN] {
            let entry = Entry::new(units(balance), true);
            assert!(entry.is_wide() && entry.is_locked() && entry.is_open());
        }
        assert!(!Entry::default().is_open());
    }

    #[test]
    fn a_change_is_told_and_made_where_it_fits() {
        let amount = |units| Amount::from_units(units).unwrap();
        let mut entry = Entry::default();
        for (units, withdraws, after, overdraws) in
            [(5, false, 5, false), (7, true, -2, true), (3, true, -5, true), (5, false, 0, false)]
        {
            let change = entry.change(amount(units), withdraws).unwrap();
            assert_eq!(change.leaves_less_than(0), overdraws);
            let refused = entry.changed(change, 0);
            assert_eq!(refused.available(), entry.available());
            assert!(refused.is_open());
            entry = entry.changed(change, u64::MAX);
            assert_eq!(entry.available(), Balance::from_units(after));
            assert!(entry.is_open());
        }
    }

    #[test]
    fn a_change_that_does_not_fit_is_not_told() {
        let most = Entry::LIMIT / 2;
        let amount = |units: i64| Amount::from_units(units.unsigned_abs()).unwrap();
        let of = |balance| Entry::new(units(balance), false);
        assert!(of(0).change(amount(most - 1), false).is_some());
        assert!(of(0).change(amount(most), false).is_none());
        assert!(of(0).change(Amount::MAX, true).is_none());
        assert!(of(Entry::LIMIT - 2).change(amount(1), false).is_some());
        assert!(of(Entry::LIMIT - 1).change(amount(1), false).is_none());
        assert!(of(1 - Entry::LIMIT).change(amount(1), true).is_some());
        assert!(of(-Entry::LIMIT).change(amount(1), true).is_none());
        assert!(of(Entry::LIMIT).change(amount(1), true).is_none(), "it is wide");
    }
}
