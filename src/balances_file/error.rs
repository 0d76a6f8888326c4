//! Why a file is no balances file, or cannot be read.

use crate::amount::{AmountError, Balance};
use crate::input::InputError;

use super::field::MAX_ROW_BYTES;

/// Why a balances file has no rows, or no more.
#[derive(Debug, thiserror::Error)]
pub enum BalancesError {
    /// It cannot be opened or read, or was changed while it was read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// It is no balances file.
    #[error("{name}: {source}")]
    Format {
        /// The file.
        name: String,
        /// What is wrong with it.
        source: BalancesFault,
    },
}

/// What makes a file no balances file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BalancesFault {
    /// No bytes but blank lines.
    #[error("is empty: a balances file starts with a line such as {}", super::COLUMNS.join(","))]
    Empty,
    /// It is compressed.
    #[error("is compressed; decompress it first")]
    Compressed,
    /// The header has no client, or no balance.
    #[error(
        "line {line}: the header has no column {missing}; needed are `client`, and `available` or \
         `total`"
    )]
    MissingColumn {
        /// The line of the header, from 1.
        line: u64,
        /// What is missing.
        missing: &'static str,
    },
    /// The file lacks a part of the state.
    #[error("has no column {missing}, which the state root needs")]
    NoState {
        /// What is missing.
        missing: &'static str,
    },
    /// A sum is beyond 128 bits.
    #[error("line {line}: the balances up to here add up to more than can be counted")]
    Sum {
        /// The line, from 1.
        line: u64,
    },
    /// A column is named twice.
    #[error("line {line}: the header names the column `{name}` twice")]
    RepeatedColumn {
        /// The line of the header, from 1.
        line: u64,
        /// The column.
        name: &'static str,
    },
    /// A quote is not closed, is not doubled, or stands in the middle of a field.
    #[error("line {line}: a quote that is not closed, or that stands in the middle of a field")]
    Quoting {
        /// The line, from 1.
        line: u64,
    },
    /// A row that nobody has written.
    #[error("line {line}: longer than {MAX_ROW_BYTES} bytes; this is no balances file")]
    TooLong {
        /// The line, from 1.
        line: u64,
    },
    /// A row has more or fewer fields than the header.
    #[error("line {line}: {found} fields where the header has {expected}")]
    Width {
        /// The line, from 1.
        line: u64,
        /// The fields of the row.
        found: usize,
        /// The fields of the header.
        expected: usize,
    },
    /// A field does not hold what its column says.
    #[error("line {line}, {field} `{text}`: {fault}")]
    Field {
        /// The line, from 1.
        line: u64,
        /// The column.
        field: &'static str,
        /// The field, fit to print.
        text: String,
        /// What is wrong with it.
        #[source]
        fault: FieldFault,
    },
    /// The total is not the sum.
    #[error("line {line}, total {total}: not available {available} + held {held}")]
    Total {
        /// The line, from 1.
        line: u64,
        /// The balance available.
        available: Balance,
        /// The balance held.
        held: Balance,
        /// What the row says the total is.
        total: Balance,
    },
    /// Two rows have one client.
    #[error("line {line}, client {client}: line {earlier} has this client already")]
    RepeatedClient {
        /// The later line, from 1.
        line: u64,
        /// The earlier line.
        earlier: u64,
        /// The client.
        client: u64,
    },
}

/// What is wrong with one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldFault {
    /// Not the digits of a 64-bit number.
    #[error("not an id of digits up to 18446744073709551615")]
    Id,
    /// Not an exact amount.
    #[error(transparent)]
    Balance(AmountError),
    /// A balance, or one that follows from two, beyond 128 bits.
    #[error("more than can be counted")]
    TooLarge,
    /// Neither `true` nor `false`.
    #[error("neither true nor false")]
    Flag,
}

impl From<AmountError> for FieldFault {
    fn from(error: AmountError) -> Self {
        // The largest balance is not the largest amount, which the message of the latter names.
        if error == AmountError::TooLarge { Self::TooLarge } else { Self::Balance(error) }
    }
}
