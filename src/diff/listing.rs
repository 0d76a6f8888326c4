//! The list of findings in one of its formats, kept until it is complete.

use std::io::{self, Read, Seek, Write};

use tempfile::{SpooledTempFile, spooled_tempfile_in};

use super::accounts::{AccountDifference, AccountsTally};
use super::error::DiffError;
use super::runs::{RowDifference, RowsTally};
use super::{as_csv, as_json, as_text};
use crate::input::temporary_folder;
use crate::output::Format;

/// As much of a list is kept in memory.
const MOST_IN_MEMORY: usize = 16 << 20;

/// Findings are gathered up to this size.
const CHUNK_BYTES: usize = 64 << 10;

/// What is listed, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The format.
    pub format: Format,
    /// The most rows, and the most accounts, that are listed; all are counted.
    pub limit: Option<u64>,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Accounts alone.
    Accounts,
    /// Rows, and then accounts.
    Runs,
}

/// The complete list of findings.
#[derive(Debug)]
pub struct Findings(SpooledTempFile);

impl Findings {
    /// Writes the list and flushes `out`.
    ///
    /// # Errors
    /// What `out` reports, or that the temporary file cannot be read.
    pub fn write_to(mut self, out: &mut impl Write) -> io::Result<()> {
        self.0.rewind()?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = self.0.read(&mut chunk)?;
            if count == 0 {
                return out.flush();
            }
            out.write_all(&chunk[..count])?;
        }
    }
}

/// Findings as they are found.
pub(super) struct Listing {
    spool: SpooledTempFile,
    chunk: Vec<u8>,
    subject: Subject,
    format: Format,
    limit: u64,
    rows: u64,
    accounts: u64,
}

impl Listing {
    /// Starts a list; `names` say what is A and what is B.
    pub(super) fn new(subject: Subject, names: &[String; 2], listed: Listed) -> Self {
        let Listed { format, limit } = listed;
        let mut chunk = Vec::with_capacity(2 * CHUNK_BYTES);
        match format {
            Format::Text => {}
            Format::Csv => as_csv::push_header(&mut chunk, subject),
            Format::Json => as_json::push_start(&mut chunk, subject, names),
        }
        Self {
            spool: spooled_tempfile_in(MOST_IN_MEMORY, temporary_folder()),
            chunk,
            subject,
            format,
            limit: limit.unwrap_or(u64::MAX),
            rows: 0,
            accounts: 0,
        }
    }

    /// Adds a row. All rows come before the first account.
    pub(super) fn row(&mut self, row: &RowDifference<'_>) -> Result<(), DiffError> {
        self.rows += 1;
        if self.rows > self.limit {
            return Ok(());
        }
        match self.format {
            Format::Text => as_text::push_row(&mut self.chunk, row),
            Format::Csv => as_csv::push_row(&mut self.chunk, row),
            Format::Json => as_json::push_row(&mut self.chunk, row, self.rows == 1),
        }
        self.keep_chunk(CHUNK_BYTES)
    }

    /// Ends the rows.
    pub(super) fn end_rows(&mut self) {
        match self.format {
            Format::Text => as_text::push_rest(&mut self.chunk, self.rows, self.limit, "row"),
            Format::Csv => {}
            Format::Json => as_json::push_between(&mut self.chunk),
        }
    }

    /// Adds an account.
    pub(super) fn account(&mut self, account: &AccountDifference) -> Result<(), DiffError> {
        self.accounts += 1;
        if self.accounts > self.limit {
            return Ok(());
        }
        match self.format {
            Format::Text => as_text::push_account(&mut self.chunk, account),
            Format::Csv => as_csv::push_account(&mut self.chunk, self.subject, account),
            Format::Json => as_json::push_account(&mut self.chunk, account, self.accounts == 1),
        }
        self.keep_chunk(CHUNK_BYTES)
    }

    /// Completes the list.
    pub(super) fn finish(
        mut self,
        rows: Option<&RowsTally>,
        accounts: &AccountsTally,
    ) -> Result<Findings, DiffError> {
        match self.format {
            Format::Text => {
                as_text::push_rest(&mut self.chunk, self.accounts, self.limit, "account");
            }
            Format::Csv => {}
            Format::Json => as_json::push_end(&mut self.chunk, rows, accounts),
        }
        self.keep_chunk(1)?;
        Ok(Findings(self.spool))
    }

    /// Moves the chunk to the spool once it has grown to `least_bytes`.
    fn keep_chunk(&mut self, least_bytes: usize) -> Result<(), DiffError> {
        if self.chunk.len() >= least_bytes {
            self.spool.write_all(&self.chunk).map_err(DiffError::Keep)?;
            self.chunk.clear();
        }
        Ok(())
    }
}
