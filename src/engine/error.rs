//! Why a run has no result.

use std::io;

use crate::input::InputError;
use crate::ledger::InvariantError;

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An input cannot be read, or is no transactions CSV.
    #[error(transparent)]
    Input(InputError),
    /// The rejects cannot be written.
    #[error("the rejects cannot be written: {0}")]
    Rejects(#[source] io::Error),
    /// The inputs do not have as many rows as they should.
    #[error("the inputs have {found} rows, not the {expected} that --expect-rows promises")]
    ExpectedRows {
        /// What was promised.
        expected: u64,
        /// What was found.
        found: u64,
    },
    /// The system has no threads left.
    #[error("no thread can be started: {0}; use fewer --workers or --readers, or --threads never")]
    Threads(#[source] io::Error),
    /// The run was asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A bug: what the run has computed cannot be right.
    #[error("broken invariant: {0}; this is a bug in millrace, and no balance was written")]
    Invariant(#[from] InvariantError),
}

impl From<InputError> for RunError {
    fn from(error: InputError) -> Self {
        match error {
            // Whoever asked for it knows why, and no input is to blame.
            InputError::Interrupted { .. } => Self::Interrupted,
            error @ (InputError::Open { .. }
            | InputError::Directory { .. }
            | InputError::Format { .. }
            | InputError::Read { .. }
            | InputError::Changed { .. }
            | InputError::TooLarge { .. }
            | InputError::TooFewLines { .. }
            | InputError::Spool { .. }) => Self::Input(error),
        }
    }
}
