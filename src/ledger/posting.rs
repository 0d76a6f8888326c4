//! A posting: a transaction on its way to its shard, with what is known of it besides its row.

use crate::amount::Amount;
use crate::transaction::{Kind, Transaction};

/// What is known about a transaction besides its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u8);

impl Marks {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// A later row may refer to this deposit or withdrawal, so it must be remembered.
    pub const REMEMBER: Self = Self(1);
    /// The row may have been cut and is to be refused.
    pub const UNTERMINATED: Self = Self(2);
    /// The key of the transaction is its place in the memory of its shard, not its id.
    pub const PLACED: Self = Self(4);

    /// Joins two sets of marks.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Gives the marks as one byte.
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Makes the marks that [`Marks::bits`] gave.
    #[inline]
    pub const fn of_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Tells whether all of `other` is marked.
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A transaction as its shard takes it.
#[derive(Clone, Copy, Debug)]
pub struct Posting {
    /// What happens.
    pub kind: Kind,
    /// Whose account.
    pub client: u64,
    /// What a deposit or withdrawal moves; nothing else has an amount.
    pub amount: Option<Amount>,
    /// The id of the deposit or withdrawal, this one or the one that is referred to; or its place,
    /// as [`Marks::PLACED`] tells.
    pub key: u64,
    /// What else is known.
    pub marks: Marks,
}

impl Posting {
    /// Makes a posting of a transaction that the shard finds by its id.
    pub fn by_id(transaction: &Transaction, marks: Marks) -> Self {
        let &Transaction { kind, client, tx, amount } = transaction;
        Self { kind, client, amount, key: tx, marks }
    }

    /// Tells whether it is a deposit or a withdrawal of which nothing else is known.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.kind.moves_money() && self.marks == Marks::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_join_and_travel_as_one_byte() {
        let both = Marks::REMEMBER.and(Marks::PLACED);
        assert!(both.has(Marks::REMEMBER) && both.has(Marks::PLACED) && both.has(Marks::NONE));
        assert!(!both.has(Marks::UNTERMINATED) && !Marks::PLACED.has(both));
        assert_eq!(both.and(Marks::PLACED), both);
        assert_eq!(Marks::of_bits(both.bits()), both);
        assert_ne!(both.bits(), Marks::REMEMBER.bits());
    }
}
