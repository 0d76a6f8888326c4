//! The error of one row: small, `Copy`, with its place in the input.

use std::fmt;

use crate::outcome::Malformation;

/// Why a row is not a transaction, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The first fault of the row.
    pub kind: Malformation,
    /// The number of its line in the input, from 1.
    pub line: u64,
    /// Where the row starts in the input, in bytes.
    pub offset_bytes: u64,
}

impl fmt::Display for RowError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, byte {}: {}", self.line, self.offset_bytes, self.kind)
    }
}

impl std::error::Error for RowError {}
