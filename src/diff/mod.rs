//! What differs: two balances files, client by client, or the outcomes of the same rows under two
//! sets of rules.
//!
//! Findings come in a fixed order: rows as they stand in the inputs, accounts ascending by client.
//! They are listed as text, CSV or JSON, kept until all is known to be well, in memory or a
//! temporary file, and only then given away. Which side is right is not known here.

mod accounts;
mod as_csv;
mod as_json;
mod as_text;
mod error;
mod files;
mod listing;
mod runs;
mod summary;

pub use accounts::{AccountDifference, AccountsTally, Finding, Sides};
pub use error::DiffError;
pub use files::balances;
pub use listing::{Findings, Listed};
pub use runs::{RowDifference, RowsTally, RunsTally, runs};
