//! A transaction: what a row means once its bytes are understood.
//!
//! Fixed size, `Copy`, no borrowed text, so that it can travel in batches between threads.

use crate::amount::Amount;

/// What a transaction does, by the name its row carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Credits the account.
    Deposit,
    /// Debits the account.
    Withdrawal,
    /// Claims that a deposit was erroneous and holds its amount.
    Dispute,
    /// Settles a dispute in favour of the deposit and releases the held amount.
    Resolve,
    /// Settles a dispute against the deposit: takes the held amount and locks the account.
    Chargeback,
}

impl Kind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [Self; 5] =
        [Self::Deposit, Self::Withdrawal, Self::Dispute, Self::Resolve, Self::Chargeback];

    /// Gives the name as a file spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Withdrawal => "withdrawal",
            Self::Dispute => "dispute",
            Self::Resolve => "resolve",
            Self::Chargeback => "chargeback",
        }
    }

    /// Gives its place in [`Kind::ALL`].
    #[inline]
    #[expect(clippy::as_conversions, reason = "the discriminant of a field-less enum")]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Finds the kind with exactly this name, case included.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().as_bytes() == name)
    }

    /// Tells whether the row moves money of its own (a deposit or a withdrawal) and so consumes a
    /// transaction id; the others refer to an earlier transaction.
    #[inline]
    pub const fn moves_money(self) -> bool {
        matches!(self, Self::Deposit | Self::Withdrawal)
    }

    /// Gives all ones where the row moves money of its own, and zero elsewhere.
    ///
    /// It is looked up: compilers make a branch of what they can see to be one of two values, and
    /// nobody can guess which of them comes.
    #[inline]
    pub(crate) const fn money_mask(self) -> u64 {
        const MASKS: [u64; Kind::ALL.len()] = {
            let (mut masks, mut kind) = ([0; Kind::ALL.len()], 0);
            while kind < masks.len() {
                masks[kind] = if Kind::ALL[kind].moves_money() { u64::MAX } else { 0 };
                kind += 1;
            }
            masks
        };
        MASKS[self.index()]
    }
}

/// One transaction of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transaction {
    /// The client whose account it concerns.
    pub client: u64,
    /// Its own id (deposit, withdrawal), or the id of the transaction that it refers to.
    pub tx: u64,
    /// The amount of a deposit or withdrawal; `None` for the kinds that refer to another's.
    pub amount: Option<Amount>,
    /// What it does.
    pub kind: Kind,
}

const _: () = assert!(size_of::<Transaction>() == 32);

impl Transaction {
    /// Makes a deposit of `amount` with the id `tx`.
    pub const fn deposit(client: u64, tx: u64, amount: Amount) -> Self {
        Self { client, tx, amount: Some(amount), kind: Kind::Deposit }
    }

    /// Makes a withdrawal of `amount` with the id `tx`.
    pub const fn withdrawal(client: u64, tx: u64, amount: Amount) -> Self {
        Self { client, tx, amount: Some(amount), kind: Kind::Withdrawal }
    }

    /// Makes a dispute of the deposit `tx`.
    pub const fn dispute(client: u64, tx: u64) -> Self {
        Self { client, tx, amount: None, kind: Kind::Dispute }
    }

    /// Makes a resolve of the disputed deposit `tx`.
    pub const fn resolve(client: u64, tx: u64) -> Self {
        Self { client, tx, amount: None, kind: Kind::Resolve }
    }

    /// Makes a chargeback of the disputed deposit `tx`.
    pub const fn chargeback(client: u64, tx: u64) -> Self {
        Self { client, tx, amount: None, kind: Kind::Chargeback }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_exact_name_only() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name().as_bytes()), Some(kind));
            assert_eq!(Kind::from_name(kind.name().to_uppercase().as_bytes()), None);
        }
        assert_eq!(Kind::from_name(b"withdraw"), None);
        assert_eq!(Kind::from_name(b""), None);
    }
}
