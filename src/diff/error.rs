//! Why two things cannot be compared.

use std::io;

use crate::balances_file::BalancesError;
use crate::engine::RunError;

/// Why there are no findings.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// One of the files is no balances file, or cannot be read.
    #[error(transparent)]
    Balances(#[from] BalancesError),
    /// One of the runs has no result.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The files have no balance in common.
    #[error(
        "{a} and {b}: no balance that both have; one has only `available`, the other only `total`"
    )]
    NothingInCommon {
        /// The one file.
        a: String,
        /// The other file.
        b: String,
    },
    /// A sum or a difference is beyond 128 bits.
    #[error("the balances add up to more than can be counted")]
    TooLarge,
    /// The runs have not read the same bytes.
    #[error("the inputs were replaced while they were read; run again when nothing writes to them")]
    Replaced,
    /// The findings cannot be kept until they are complete.
    #[error(
        "the findings cannot be kept in a temporary file: {0}; set TMPDIR to a folder with room, \
         or use --limit"
    )]
    Keep(#[source] io::Error),
    /// The system has no threads left.
    #[error("no thread can be started: {0}")]
    Threads(#[source] io::Error),
}
