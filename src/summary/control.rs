//! Control totals: what to compare with other books, by what rows do.

use crate::amount::{Amount, Balance};
use crate::transaction::Kind;

/// Rows counted by what they do, and the amounts that they carry or move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByKind {
    rows: [u64; Kind::ALL.len()],
    amounts: [Balance; Kind::ALL.len()],
}

impl ByKind {
    /// Counts a row, and adds its amount if it has one.
    #[inline]
    pub fn add(&mut self, kind: Kind, amount: Option<Amount>) {
        self.rows[kind.index()] += 1;
        if let Some(amount) = amount {
            self.amounts[kind.index()] += amount;
        }
    }

    /// Adds what others have counted.
    pub fn add_all(&mut self, other: &Self) {
        for kind in Kind::ALL {
            self.rows[kind.index()] += other.rows(kind);
            self.amounts[kind.index()] += other.amount(kind);
        }
    }

    /// Sets what is known of a kind from elsewhere.
    pub fn set(&mut self, kind: Kind, rows: u64, amount: Balance) {
        (self.rows[kind.index()], self.amounts[kind.index()]) = (rows, amount);
    }

    /// How many rows of a kind there are.
    pub fn rows(&self, kind: Kind) -> u64 {
        self.rows[kind.index()]
    }

    /// The sum of the amounts of a kind.
    pub fn amount(&self, kind: Kind) -> Balance {
        self.amounts[kind.index()]
    }
}

/// What a file of transactions amounts to, in figures that anybody can add up again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ControlTotals {
    /// The applied rows. The amount of a deposit or withdrawal is its own; that of a dispute,
    /// resolve or chargeback is the amount of the deposit that it refers to.
    pub applied: ByKind,
    /// The rejected rows. Disputes, resolves and chargebacks have no amount of their own.
    pub rejected: ByKind,
    /// The sum of the clients of all applied and rejected rows, modulo 2⁶⁴.
    pub client_hash_total: u64,
    /// The sum of the transaction ids of all applied and rejected rows, modulo 2⁶⁴.
    pub tx_hash_total: u64,
}
