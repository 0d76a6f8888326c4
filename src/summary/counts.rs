//! How many rows were refused for which reason.

use std::ops::AddAssign;

use crate::outcome::{Malformation, Reason, Rejection};

/// Counts rows that were not applied, by reason.
///
/// Each worker has its own; they are added up at the join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    malformed: [u64; Malformation::ALL.len()],
    rejected: [u64; Rejection::ALL.len()],
}

impl Counts {
    /// Counts one row.
    #[inline]
    pub fn add(&mut self, reason: Reason) {
        match reason {
            Reason::Malformed(malformation) => self.malformed[malformation.index()] += 1,
            Reason::Rejected(rejection) => self.rejected[rejection.index()] += 1,
        }
    }

    /// Tells how many rows were refused for one reason.
    pub const fn of(&self, reason: Reason) -> u64 {
        match reason {
            Reason::Malformed(malformation) => self.malformed[malformation.index()],
            Reason::Rejected(rejection) => self.rejected[rejection.index()],
        }
    }

    /// Tells how many rows were no transactions.
    pub fn malformed(&self) -> u64 {
        self.malformed.iter().sum()
    }

    /// Tells how many transactions the rules refused.
    pub fn rejected(&self) -> u64 {
        self.rejected.iter().sum()
    }

    /// Lists every malformation with its count, zeros included.
    pub fn malformations(&self) -> impl Iterator<Item = (Malformation, u64)> {
        Malformation::ALL.into_iter().zip(self.malformed)
    }

    /// Lists every rejection with its count, zeros included.
    pub fn rejections(&self) -> impl Iterator<Item = (Rejection, u64)> {
        Rejection::ALL.into_iter().zip(self.rejected)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.malformed.iter_mut().zip(other.malformed) {
            *count += more;
        }
        for (count, more) in self.rejected.iter_mut().zip(other.rejected) {
            *count += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_by_itself() {
        let reasons = Malformation::ALL
            .map(Reason::Malformed)
            .into_iter()
            .chain(Rejection::ALL.map(Reason::Rejected));
        for reason in reasons {
            let mut counts = Counts::default();
            counts.add(reason);
            assert_eq!(counts.of(reason), 1);
            assert_eq!(counts.malformed() + counts.rejected(), 1);
            let listed: Vec<_> = counts
                .malformations()
                .map(|(malformation, count)| (malformation.name(), count))
                .chain(counts.rejections().map(|(rejection, count)| (rejection.name(), count)))
                .filter(|&(_, count)| count > 0)
                .collect();
            assert_eq!(listed, [(reason.name(), 1)]);
        }
    }

    #[test]
    fn counts_of_workers_add_up() {
        let (malformed, rejected) = (
            Reason::Malformed(Malformation::AmountTooLarge),
            Reason::Rejected(Rejection::InsufficientFunds),
        );
        let (mut a, mut b) = (Counts::default(), Counts::default());
        a.add(malformed);
        b.add(malformed);
        b.add(rejected);
        a += b;
        assert_eq!((a.of(malformed), a.of(rejected)), (2, 1));
    }
}
