//! The outcome of a row: applied, rejected by a rule, or malformed, and every reason by name.

use std::fmt;

/// Declares a field-less enum of reasons whose names are the spelling in reports.
macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[must_use]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every reason, in the order in which it is checked for.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// Gives the name that reports use.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Gives the place of the reason in [`Self::ALL`].
            #[expect(clippy::as_conversions, reason = "the discriminant of a field-less enum")]
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(self.name())
            }
        }
    };
}

reasons! {
    /// Why a row is not a transaction. Of several faults the first in this order is the reason.
    Malformation {
        /// Longer than 4 KiB, without its line end.
        RowTooLong = "row_too_long",
        /// A quote that is not closed, is doubled, or stands in the middle of a field.
        BadQuoting = "bad_quoting",
        /// The row ends before the last of the columns type, client and tx.
        TooFewFields = "too_few_fields",
        /// A field beyond the last column that is not empty.
        TooManyFields = "too_many_fields",
        /// The header line once more.
        HeaderRow = "header_row",
        /// Not one of the five types, spelled exactly.
        UnknownType = "unknown_type",
        /// Not digits, or more than the largest client id.
        BadClient = "bad_client",
        /// Not digits, or more than the largest transaction id.
        BadTx = "bad_tx",
        /// A deposit or withdrawal without an amount.
        MissingAmount = "missing_amount",
        /// An amount that is not a decimal number.
        BadAmount = "bad_amount",
        /// An amount with a minus sign.
        NegativeAmount = "negative_amount",
        /// An amount of zero.
        ZeroAmount = "zero_amount",
        /// More than four decimals, the excess not zeros.
        TooPrecise = "too_precise",
        /// More than 922337203685477.5807.
        AmountTooLarge = "amount_too_large",
    }
}

reasons! {
    /// Why the rules refuse a transaction. The first check that fails is the reason.
    Rejection {
        /// The id was consumed by an earlier deposit or withdrawal.
        DuplicateTx = "duplicate_tx",
        /// The last row of an input lacks its line end, in a strict run: it may have been cut.
        UnterminatedRow = "unterminated_row",
        /// The account is locked by a chargeback.
        AccountLocked = "account_locked",
        /// The client has no applied transaction of this id before this row.
        UnknownTx = "unknown_tx",
        /// The transaction is a withdrawal.
        NotDisputable = "not_disputable",
        /// The transaction has been charged back.
        ChargedBack = "charged_back",
        /// The transaction is under dispute.
        AlreadyDisputed = "already_disputed",
        /// The transaction is not under dispute.
        NotDisputed = "not_disputed",
        /// The transaction was disputed and resolved, and the rules allow one dispute.
        AlreadyResolved = "already_resolved",
        /// Less is available than the row would take.
        InsufficientFunds = "insufficient_funds",
    }
}

/// Why a row was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[must_use]
pub enum Reason {
    /// It is not a transaction.
    Malformed(Malformation),
    /// The rules refuse it.
    Rejected(Rejection),
}

impl Reason {
    /// Gives the name that reports use for the reason.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed(malformation) => malformation.name(),
            Self::Rejected(rejection) => rejection.name(),
        }
    }

    /// Gives the name that reports use for the outcome: `malformed` or `rejected`.
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Rejected(_) => "rejected",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let malformations = Malformation::ALL.map(Malformation::name);
        let rejections = Rejection::ALL.map(Rejection::name);
        let names: BTreeSet<_> = malformations.iter().chain(&rejections).collect();
        assert_eq!(names.len(), malformations.len() + rejections.len());
        for (index, rejection) in Rejection::ALL.into_iter().enumerate() {
            assert_eq!(rejection.index(), index);
        }
    }

    #[test]
    fn a_reason_tells_whose_it_is_and_keeps_its_name() {
        let malformed = Reason::Malformed(Malformation::BadTx);
        assert_eq!((malformed.outcome(), malformed.name()), ("malformed", "bad_tx"));
        let rejected = Reason::Rejected(Rejection::UnknownTx);
        assert_eq!((rejected.outcome(), rejected.name()), ("rejected", "unknown_tx"));
    }
}
