//! What a run leaves behind: the balances, the rows that were not applied, and the files they
//! stand in.
//!
//! A file appears whole or not at all ([`OutputFile`]); what is written into it ([`balances`],
//! [`rejects`], [`statement`]) knows any [`std::io::Write`] and no files.

pub mod balances;
pub(crate) mod cell;
mod disk;
mod error;
mod file;
mod label;
mod lines;
pub mod rejects;
pub mod statement;
mod target;

pub use error::{CreateError, WriteError};
pub use file::{OutputFile, persist_all};
pub use target::same_file;

/// How a statement, or what differs, is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people: a table, or a line for each finding.
    #[default]
    Text,
    /// A header, and a record for each row or finding.
    Csv,
    /// One object.
    Json,
}
