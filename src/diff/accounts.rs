//! Two lists of accounts, each ascending by client, compared in one pass.

use super::DiffError;
use crate::amount::Balance;
use crate::balances_file::{Columns, Record};

/// One figure on both sides. What a side does not have is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides<T> {
    /// On the one side.
    pub a: Option<T>,
    /// On the other side.
    pub b: Option<T>,
    /// B less A, where both files have the column. An account that is missing counts as nothing,
    /// so that the differences add up to the difference of the sums.
    pub difference: Option<T>,
}

impl<T: PartialEq> Sides<T> {
    fn differ(&self) -> bool {
        matches!(self, Self { a: Some(a), b: Some(b), .. } if a != b)
    }
}

/// In which way an account differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// B does not have it.
    OnlyInA,
    /// A does not have it.
    OnlyInB,
    /// Both have it, with different figures.
    Changed,
}

impl Finding {
    /// Gives the name that CSV and JSON use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnlyInA => "only_in_a",
            Self::OnlyInB => "only_in_b",
            Self::Changed => "changed",
        }
    }
}

/// An account that is not the same on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountDifference {
    /// The client.
    pub client: u64,
    /// In which way it differs.
    pub finding: Finding,
    /// What the client can withdraw.
    pub available: Sides<Balance>,
    /// What is under dispute.
    pub held: Sides<Balance>,
    /// Both together.
    pub total: Sides<Balance>,
    /// Whether the account is locked.
    pub locked: Sides<bool>,
}

impl AccountDifference {
    /// The balances with the names of their columns.
    pub fn balances(&self) -> [(&'static str, Sides<Balance>); 3] {
        [("available", self.available), ("held", self.held), ("total", self.total)]
    }
}

/// The counts and sums of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountsTally {
    /// Accounts in A.
    pub accounts_a: u64,
    /// Accounts in B.
    pub accounts_b: u64,
    /// Accounts that are the same in every column that both files have.
    pub equal: u64,
    /// Accounts that are not.
    pub changed: u64,
    /// Accounts that B does not have.
    pub only_in_a: u64,
    /// Accounts that A does not have.
    pub only_in_b: u64,
    /// The sums of what is available.
    pub available: Sides<Balance>,
    /// The sums of what is held.
    pub held: Sides<Balance>,
    /// The sums of the totals.
    pub total: Sides<Balance>,
    /// How many accounts are locked.
    pub locked: Sides<u64>,
}

impl AccountsTally {
    /// Tells whether no account differs.
    pub fn is_equal(&self) -> bool {
        self.changed + self.only_in_a + self.only_in_b == 0
    }

    /// The sums with the names of their columns.
    pub fn balances(&self) -> [(&'static str, Sides<Balance>); 3] {
        [("available", self.available), ("held", self.held), ("total", self.total)]
    }
}

/// The sums of one side, in units.
#[derive(Default)]
struct Sums {
    available: i128,
    held: i128,
    total: i128,
    accounts: u64,
    locked: u64,
}

impl Sums {
    fn add(&mut self, record: &Record) -> Result<(), DiffError> {
        for (sum, balance) in [
            (&mut self.available, record.available),
            (&mut self.held, record.held),
            (&mut self.total, record.total),
        ] {
            let units = balance.unwrap_or_default().units();
            *sum = sum.checked_add(units).ok_or(DiffError::TooLarge)?;
        }
        self.accounts += 1;
        self.locked += u64::from(record.locked == Some(true));
        Ok(())
    }
}

/// Compares accounts that come ascending by client, and has `found` take what differs.
pub(super) fn compare<E: From<DiffError>>(
    columns: [Columns; 2],
    mut a: impl Iterator<Item = Result<Record, E>>,
    mut b: impl Iterator<Item = Result<Record, E>>,
    mut found: impl FnMut(&AccountDifference) -> Result<(), E>,
) -> Result<AccountsTally, E> {
    let (mut sums_a, mut sums_b) = (Sums::default(), Sums::default());
    let mut tally = AccountsTally::default();
    let (mut next_a, mut next_b) = (a.next().transpose()?, b.next().transpose()?);
    while let Some(client) = first_client(next_a.as_ref(), next_b.as_ref()) {
        let is_next = |record: &Record| record.client == client;
        let (of_a, of_b) = (next_a.filter(is_next), next_b.filter(is_next));
        if let Some(record) = &of_a {
            sums_a.add(record)?;
            next_a = a.next().transpose()?;
        }
        if let Some(record) = &of_b {
            sums_b.add(record)?;
            next_b = b.next().transpose()?;
        }
        if let (Some(of_a), Some(of_b)) = (&of_a, &of_b)
            && agree(of_a, of_b)
        {
            tally.equal += 1;
            continue;
        }
        let difference = describe(client, of_a.as_ref(), of_b.as_ref(), columns)?;
        match difference.finding {
            Finding::OnlyInA => tally.only_in_a += 1,
            Finding::OnlyInB => tally.only_in_b += 1,
            Finding::Changed => tally.changed += 1,
        }
        found(&difference)?;
    }
    let [has_a, has_b] = columns;
    let sum = |is_there: bool, units: i128| is_there.then_some(Balance::from_units(units));
    let sides = |has_a, sum_a, has_b, sum_b| balances(sum(has_a, sum_a), sum(has_b, sum_b));
    Ok(AccountsTally {
        accounts_a: sums_a.accounts,
        accounts_b: sums_b.accounts,
        available: sides(has_a.available, sums_a.available, has_b.available, sums_b.available)?,
        held: sides(has_a.held, sums_a.held, has_b.held, sums_b.held)?,
        total: sides(has_a.total, sums_a.total, has_b.total, sums_b.total)?,
        locked: Sides {
            a: has_a.locked.then_some(sums_a.locked),
            b: has_b.locked.then_some(sums_b.locked),
            difference: None,
        },
        ..tally
    })
}

fn first_client(a: Option<&Record>, b: Option<&Record>) -> Option<u64> {
    a.into_iter().chain(b).map(|record| record.client).min()
}

/// Tells whether two accounts are the same in every column that both files have.
fn agree(a: &Record, b: &Record) -> bool {
    let differ = |a: Option<Balance>, b: Option<Balance>| Sides { a, b, difference: None }.differ();
    let flags = Sides { a: a.locked, b: b.locked, difference: None };
    !(differ(a.available, b.available)
        || differ(a.held, b.held)
        || differ(a.total, b.total)
        || flags.differ())
}

/// Puts two figures side by side.
fn balances(a: Option<Balance>, b: Option<Balance>) -> Result<Sides<Balance>, DiffError> {
    let difference = match (a, b) {
        (Some(a), Some(b)) => {
            let units = b.units().checked_sub(a.units()).ok_or(DiffError::TooLarge)?;
            Some(Balance::from_units(units))
        }
        _ => None,
    };
    Ok(Sides { a, b, difference })
}

#[cold]
fn describe(
    client: u64,
    a: Option<&Record>,
    b: Option<&Record>,
    columns: [Columns; 2],
) -> Result<AccountDifference, DiffError> {
    let finding = match (a, b) {
        (_, None) => Finding::OnlyInA,
        (None, _) => Finding::OnlyInB,
        _ => Finding::Changed,
    };
    let sides = |has: fn(&Columns) -> bool, balance: fn(&Record) -> Option<Balance>| {
        let [of_a, of_b] = [a, b].map(|it| it.and_then(balance));
        let zero = |it: Option<Balance>, columns| {
            if has(columns) { it.or(Some(Balance::ZERO)) } else { None }
        };
        let difference = balances(zero(of_a, &columns[0]), zero(of_b, &columns[1]))?.difference;
        Ok::<_, DiffError>(Sides { a: of_a, b: of_b, difference })
    };
    Ok(AccountDifference {
        client,
        finding,
        available: sides(|has| has.available, |record| record.available)?,
        held: sides(|has| has.held, |record| record.held)?,
        total: sides(|has| has.total, |record| record.total)?,
        locked: Sides {
            a: a.and_then(|it| it.locked),
            b: b.and_then(|it| it.locked),
            difference: None,
        },
    })
}
