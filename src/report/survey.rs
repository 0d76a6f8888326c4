//! What stands out among the accounts: how many there are of each size, and which are the largest
//! of a kind. One pass, and memory for what is listed alone.

use crate::account::Account;
use crate::amount::Balance;
use crate::ledger::SortedAccounts;
use crate::summary::grouped;

/// How many accounts a [`Ranking`] lists.
pub const MOST_LISTED: usize = 10;

/// Decades that are told apart: below 1, from 1 to below 10 and so on; the last has no end.
const DECADES: usize = 17;

/// What stands out among all accounts.
///
/// ```
/// use millrace::account::Account;
/// use millrace::amount::Balance;
/// use millrace::ledger::SortedAccounts;
/// use millrace::report::Survey;
///
/// let debt = Account::new(Balance::from_units(-25_000), Balance::ZERO, true);
/// let accounts: SortedAccounts = [(7, debt), (9, Account::default())].into();
/// let survey = Survey::of(&accounts);
/// assert_eq!(survey.negative.listed(), [(7, debt)]);
/// let sizes: Vec<_> = survey.sizes.buckets().into_iter().map(|it| (it.label, it.count)).collect();
/// let expected = [("-10 to -1", 1), ("-1 to -0.0001", 0), ("0", 1)];
/// assert_eq!(sizes, expected.map(|(label, count)| (label.to_owned(), count)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The accounts by the size of their totals.
    pub sizes: Sizes,
    /// The accounts with a negative total, the most negative first.
    pub negative: Ranking,
    /// The accounts that hold money for disputes, the most first.
    pub held: Ranking,
    /// The locked accounts, the largest total first.
    pub locked: Ranking,
}

impl Survey {
    /// Looks at all accounts.
    pub fn of(accounts: &SortedAccounts) -> Self {
        let mut survey = Self::default();
        accounts.visit_all(|client, account| survey.add(client, &account));
        survey
    }

    /// Looks at the account of the client that comes next.
    #[inline]
    pub fn add(&mut self, client: u64, account: &Account) {
        let (total, held) = (account.total(), account.held());
        self.sizes.add(total);
        if total < Balance::ZERO {
            self.negative.add(client, account, total.units().saturating_neg());
        }
        if held > Balance::ZERO {
            self.held.add(client, account, held.units());
        }
        if account.is_locked() {
            self.locked.add(client, account, total.units());
        }
    }
}

/// The largest accounts of a kind, and how many there are of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranking {
    count: u64,
    /// The weights that `listed` is sorted by.
    weights: Vec<i128>,
    listed: Vec<(u64, Account)>,
}

impl Ranking {
    /// How many accounts are of the kind.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The [`MOST_LISTED`] largest of them, the largest first, of equal ones the smaller client.
    pub fn listed(&self) -> &[(u64, Account)] {
        &self.listed
    }

    /// How many of them are not listed.
    pub fn others(&self) -> u64 {
        self.count - u64::try_from(self.listed.len()).unwrap_or(self.count)
    }

    /// Takes an account, of which the client comes after all before.
    fn add(&mut self, client: u64, account: &Account, weight: i128) {
        self.count += 1;
        let is_full = self.weights.len() == MOST_LISTED;
        if is_full && self.weights.last() >= Some(&weight) {
            return;
        }
        let place = self.weights.partition_point(|&other| other >= weight);
        self.weights.truncate(MOST_LISTED - 1);
        self.listed.truncate(MOST_LISTED - 1);
        self.weights.insert(place, weight);
        self.listed.insert(place, (client, *account));
    }
}

/// How many accounts have a total of which size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    negative: [u64; DECADES],
    zero: u64,
    positive: [u64; DECADES],
}

/// The accounts of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The totals that belong here, the smaller first; a total that is the bound of two buckets is
    /// in the one farther from zero.
    pub label: String,
    /// How many accounts have one of these.
    pub count: u64,
    /// Whether they are below zero.
    pub is_negative: bool,
}

impl Sizes {
    fn add(&mut self, total: Balance) {
        let decades = match total.units() {
            0 => return self.zero += 1,
            1.. => &mut self.positive,
            _ => &mut self.negative,
        };
        decades[decade(total)] += 1;
    }

    /// Gives the sizes from the most negative on, each ten times the one nearer to zero, from the
    /// first to the last that some account has.
    pub fn buckets(&self) -> Vec<Bucket> {
        let negative = self.negative.iter().enumerate().rev();
        let negative = negative.map(|(decade, &count)| Bucket {
            label: label(decade, true),
            count,
            is_negative: true,
        });
        let zero = Bucket { label: "0".to_owned(), count: self.zero, is_negative: false };
        let positive = self.positive.iter().enumerate().map(|(decade, &count)| Bucket {
            label: label(decade, false),
            count,
            is_negative: false,
        });
        let mut buckets: Vec<_> = negative.chain([zero]).chain(positive).collect();
        let end = buckets.iter().rposition(|bucket| bucket.count > 0).map_or(0, |last| last + 1);
        buckets.truncate(end);
        let start = buckets.iter().position(|bucket| bucket.count > 0).unwrap_or(0);
        buckets.split_off(start)
    }
}

/// Gives the decade of a balance that is not zero.
fn decade(balance: Balance) -> usize {
    let units = balance.units().unsigned_abs();
    // Few balances take more than 64 bits, in which a logarithm is quick.
    let logarithm = u64::try_from(units).map_or_else(|_| units.ilog10(), u64::ilog10);
    usize::try_from(logarithm).unwrap_or(DECADES).saturating_sub(3).min(DECADES - 1)
}

/// Names the balances of a decade.
fn label(decade: usize, is_negative: bool) -> String {
    let power = |power: usize| grouped(&format!("1{}", "0".repeat(power)));
    let near = if decade == 0 { "0.0001".to_owned() } else { power(decade - 1) };
    let far = power(decade);
    match (decade == DECADES - 1, is_negative) {
        (true, false) => format!("{near} and more"),
        (true, true) => format!("-{near} and less"),
        (false, false) => format!("{near} to {far}"),
        (false, true) => format!("-{far} to -{near}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn any_units() -> impl Strategy<Value = i128> {
        prop_oneof![-3..4_i128, -200_000..200_000_i128, -(1_i128 << 100)..(1 << 100)]
    }

    fn any_accounts() -> impl Strategy<Value = BTreeMap<u64, Account>> {
        let account =
            (any_units(), any_units(), any::<bool>()).prop_map(|(available, held, it)| {
                let held = held.unsigned_abs().try_into().expect("far from the limit");
                Account::new(Balance::from_units(available), Balance::from_units(held), it)
            });
        prop::collection::btree_map(0..5_000_u64, account, 0..60)
    }

    /// Sorts all and cuts.
    fn naive(
        accounts: &BTreeMap<u64, Account>,
        has: impl Fn(&Account) -> bool,
        weight: impl Fn(&Account) -> i128,
    ) -> (u64, Vec<(u64, Account)>) {
        let all = accounts.iter().map(|(&client, &account)| (client, account));
        let mut of_kind: Vec<_> = all.filter(|(_, account)| has(account)).collect();
        of_kind.sort_by_key(|(client, account)| (-weight(account), *client));
        let count = of_kind.len().try_into().expect("few");
        of_kind.truncate(10);
        (count, of_kind)
    }

    proptest! {
        #[test]
        fn what_is_listed_is_what_a_sort_puts_first(accounts in any_accounts()) {
            let survey = Survey::of(&accounts.clone().into_iter().collect());
            let total = |account: &Account| account.total().units();
            for (ranking, (count, listed)) in [
                (&survey.negative, naive(&accounts, |it| total(it) < 0, |it| -total(it))),
                (&survey.held, naive(&accounts, |it| it.held().units() > 0, |it| it.held().units())),
                (&survey.locked, naive(&accounts, Account::is_locked, total)),
            ] {
                prop_assert_eq!(ranking.listed(), &listed[..]);
                prop_assert_eq!(ranking.count(), count);
                prop_assert_eq!(ranking.others(), count.saturating_sub(10));
            }
        }

        #[test]
        fn every_account_is_in_one_bucket(accounts in any_accounts()) {
            let survey = Survey::of(&accounts.clone().into_iter().collect());
            let buckets = survey.sizes.buckets();
            let count = |of: &dyn Fn(&Bucket) -> bool| -> u64 {
                buckets.iter().filter(|it| of(it)).map(|it| it.count).sum()
            };
            prop_assert_eq!(count(&|_| true), u64::try_from(accounts.len()).unwrap());
            prop_assert_eq!(count(&|it| it.is_negative), survey.negative.count());
            for end in [buckets.first(), buckets.last()].into_iter().flatten() {
                prop_assert!(end.count > 0);
            }
        }
    }

    #[test]
    fn a_balance_is_in_the_bucket_that_names_it() {
        for (units, expected) in [
            (0, "0"),
            (1, "0.0001 to 1"),
            (9_999, "0.0001 to 1"),
            (10_000, "1 to 10"),
            (99_999, "1 to 10"),
            (100_000, "10 to 100"),
            (10_000_000, "1,000 to 10,000"),
            (-1, "-1 to -0.0001"),
            (-9_999, "-1 to -0.0001"),
            (-10_000, "-10 to -1"),
            (-99_999_999, "-10,000 to -1,000"),
            (10_i128.pow(19) - 1, "100,000,000,000,000 to 1,000,000,000,000,000"),
            (10_i128.pow(19), "1,000,000,000,000,000 and more"),
            (i128::MAX, "1,000,000,000,000,000 and more"),
            (i128::MIN, "-1,000,000,000,000,000 and less"),
        ] {
            let mut sizes = Sizes::default();
            sizes.add(Balance::from_units(units));
            let buckets = sizes.buckets();
            let expected = Bucket { label: expected.to_owned(), count: 1, is_negative: units < 0 };
            assert_eq!(buckets, [expected]);
        }
    }
}
