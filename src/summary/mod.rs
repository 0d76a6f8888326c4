//! The summary of a run: how many rows became what, and the money they moved.
//!
//! Pure data with two renderings, a text for people and JSON for programs. It measures nothing and
//! prints nothing; who fills it in is not known here.

mod control;
mod counts;
mod json;
mod text;

pub use control::{ByKind, ControlTotals};
pub use counts::Counts;
pub(crate) use text::grouped;

use std::time::Duration;

use crate::amount::Balance;

/// What a run did.
///
/// ```
/// use millrace::outcome::{Reason, Rejection};
/// use millrace::summary::{Counts, Summary};
///
/// let mut refused = Counts::default();
/// refused.add(Reason::Rejected(Rejection::DuplicateTx));
/// let summary = Summary { rows: 1_000, applied: 999, refused, ..Summary::default() };
/// assert!(summary.is_balanced());
/// assert!(summary.to_string().contains("    duplicate_tx       1\n"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The inputs that were read.
    pub inputs: u64,
    /// Their size in bytes; of compressed inputs once decompressed.
    pub bytes: u64,
    /// The data rows.
    pub rows: u64,
    /// The rows that were applied.
    pub applied: u64,
    /// The rows that were not, by reason.
    pub refused: Counts,
    /// The rows that were left out on request, before any rule.
    pub left_out: u64,
    /// Blank lines, which are no rows.
    pub blank_lines: u64,
    /// Disputes, resolves and chargebacks that carried an amount, which has no meaning.
    pub amounts_ignored: u64,
    /// The accounts.
    pub accounts: u64,
    /// The accounts that are locked at the end.
    pub locked_accounts: u64,
    /// The money of all applied deposits.
    pub deposited: Balance,
    /// The money of all applied withdrawals.
    pub withdrawn: Balance,
    /// The money of all applied chargebacks.
    pub charged_back: Balance,
    /// The names, fit to print, of the inputs whose last row has no newline.
    pub unterminated_inputs: Vec<String>,
    /// The workers that owned the accounts.
    pub workers: u64,
    /// How long the run took.
    pub elapsed: Duration,
}

impl Summary {
    /// Tells whether every row ended as exactly one of applied, rejected and malformed, or was left
    /// out.
    pub fn is_balanced(&self) -> bool {
        let refused = [self.refused.rejected(), self.refused.malformed()];
        let outcomes = [self.applied, refused[0], refused[1], self.left_out];
        u128::from(self.rows) == outcomes.into_iter().map(u128::from).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Malformation, Reason, Rejection};

    /// A run in which every line of the renderings has something to say.
    pub(super) fn full() -> Summary {
        let mut refused = Counts::default();
        for (reason, times) in [
            (Reason::Rejected(Rejection::DuplicateTx), 1),
            (Reason::Rejected(Rejection::InsufficientFunds), 1_200),
            (Reason::Malformed(Malformation::BadAmount), 2),
        ] {
            (0..times).for_each(|_| refused.add(reason));
        }
        Summary {
            inputs: 2,
            bytes: 157_000_000,
            rows: 5_000_000,
            applied: 4_998_790,
            refused,
            left_out: 7,
            blank_lines: 3,
            amounts_ignored: 4,
            accounts: 65_535,
            locked_accounts: 12_345,
            deposited: Balance::from_units(12_345_678_905_000),
            withdrawn: Balance::from_units(5_000),
            charged_back: Balance::from_units(9_999_999),
            unterminated_inputs: vec!["may.csv".into()],
            workers: 2,
            elapsed: Duration::from_micros(142_900),
        }
    }

    #[test]
    fn a_lost_row_is_noticed() {
        let summary = full();
        assert!(summary.is_balanced());
        assert!(Summary::default().is_balanced());
        assert!(!Summary { applied: summary.applied - 1, ..summary.clone() }.is_balanced());
        assert!(!Summary { applied: u64::MAX, ..summary }.is_balanced());
    }
}
