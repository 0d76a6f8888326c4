//! Exit codes, and failures that end in one.

use std::io;
use std::process::ExitCode;

use millrace::RunError;
use millrace::balances_file::BalancesError;
use millrace::input::InputError;
use millrace::output::{CreateError, WriteError};

use super::say;

/// How the program ends. The numbers are a promise; those from 65 on follow sysexits.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done; rejected rows are normal.
    Done = 0,
    /// Done, but `--strict` met a row that was not applied, `diff` or `verify` found a difference,
    /// or `explain` found no row.
    Findings = 1,
    /// The arguments make no sense.
    Usage = 2,
    /// An input is no transactions CSV, or has not the rows promised.
    Data = 65,
    /// An input is missing or unreadable.
    NoInput = 66,
    /// A bug, or a broken invariant.
    Bug = 70,
    /// An output cannot be created.
    CannotCreate = 73,
    /// An I/O error, or an input that was changed while it was read.
    Io = 74,
    /// Interrupted by SIGINT.
    Interrupted = 130,
    /// The reader of standard output went away.
    BrokenPipe = 141,
    /// Interrupted by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// The number that the system is told.
    #[expect(clippy::as_conversions, reason = "the discriminant of a field-less enum")]
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why the program cannot go on: an exit code and what to say about it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// A write to standard output has failed.
    pub(crate) fn stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::BrokenPipe, "");
        }
        Self::new(Exit::Io, format!("standard output: cannot be written: {error}"))
    }

    /// Says why, unless there is nothing to say, and gives the exit code.
    pub(crate) fn report(self) -> Exit {
        if !self.message.is_empty() {
            say(&format!("millrace: {}\n", self.message));
        }
        self.exit
    }
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        Self::new(Exit::CannotCreate, error.to_string())
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::BrokenPipe, "");
        }
        Self::new(Exit::Io, error.to_string())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let exit = match &error {
            RunError::Input(error) => match error {
                InputError::Open { .. } | InputError::Directory { .. } => Exit::NoInput,
                InputError::Format { .. } | InputError::TooFewLines { .. } => Exit::Data,
                InputError::Read { .. }
                | InputError::Changed { .. }
                | InputError::TooLarge { .. }
                | InputError::Spool { .. } => Exit::Io,
                InputError::Interrupted { .. } => Exit::Interrupted,
            },
            RunError::Rejects(_) | RunError::Threads(_) => Exit::Io,
            RunError::ExpectedRows { .. } => Exit::Data,
            RunError::Interrupted => Exit::Interrupted,
            RunError::Invariant(_) => Exit::Bug,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<BalancesError> for Failure {
    fn from(error: BalancesError) -> Self {
        match error {
            BalancesError::Input(error) => RunError::from(error).into(),
            error @ BalancesError::Format { .. } => Self::new(Exit::Data, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace::ledger::InvariantError;

    #[test]
    fn a_broken_invariant_ends_as_a_bug_and_names_the_client() {
        let error = InvariantError::Order { client: 7 };
        let failure = Failure::from(RunError::from(error));
        assert_eq!(failure.exit, Exit::Bug);
        assert!(failure.message.contains("client 7"));
    }

    #[test]
    fn a_reader_that_went_away_is_no_news() {
        let failure = Failure::stdout(&io::ErrorKind::BrokenPipe.into());
        assert_eq!((failure.exit, failure.message.as_str()), (Exit::BrokenPipe, ""));
        assert_eq!(Failure::stdout(&io::ErrorKind::StorageFull.into()).exit, Exit::Io);
    }
}
