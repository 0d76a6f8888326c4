//! Reads a balances file: one that millrace has written, or what somebody else's system exports.
//!
//! The columns are found by name, in any order, and every amount is an exact decimal. Rows come as
//! they stand in the file, one at a time, or all of them ascending by client ([`SortedBalances`]).
//! What the balances should be is not known here. Compressed files are not read through.

mod error;
mod field;
mod sorted;
mod totals;

pub use error::{BalancesError, BalancesFault, FieldFault};
pub use sorted::SortedBalances;
pub use totals::FileTotals;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Terminator};

use crate::amount::Balance;
use crate::input::{InputError, Watch};
use crate::printable::Printable;
use field::{Fields, Lines};

/// The columns that are read, in the order in which millrace writes them.
pub const COLUMNS: [&str; 5] = ["client", "available", "held", "total", "locked"];

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// Which columns a balances file has, besides `client`.
///
/// Of `available`, `held` and `total` two give the third, which then counts as if it stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four columns that are there or not")]
pub struct Columns {
    /// `available`, or what it follows from.
    pub available: bool,
    /// `held`, or what it follows from.
    pub held: bool,
    /// `total`, or what it follows from.
    pub total: bool,
    /// `locked`.
    pub locked: bool,
}

/// One row of a balances file. What its file has no column for is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The number of its line in the file, from 1.
    pub line: u64,
    /// The client.
    pub client: u64,
    /// What the client can withdraw.
    pub available: Option<Balance>,
    /// What is under dispute.
    pub held: Option<Balance>,
    /// Both together.
    pub total: Option<Balance>,
    /// Whether the account is locked.
    pub locked: Option<bool>,
}

/// Reads the rows of a balances file as they come.
///
/// - The header is the first line that is not blank. It has `client`, and `available` or `total` or
///   both; `held` and `locked` may be missing. Names are compared without blanks and ASCII case.
///   Other columns are skipped: exports have names and dates.
/// - A newline ends a row, quoted or not. Blank lines are skipped. Fields may be quoted, with quotes
///   in them doubled, and have blanks around them or within the quotes.
/// - `client` is digits, up to 2⁶⁴−1; leading zeros are accepted.
/// - A balance is an optional `-`, digits with at most one point, and at most four decimals unless
///   the excess is zeros. `1.5` and `1.5000` are the same. An empty field is none.
/// - `locked` is `true` or `false` in any ASCII case.
/// - Where a row has `available`, `held` and `total`, the last is the sum of the others.
///
/// After an error there are no more rows. A client that has a row before is noticed at once if it is
/// the row above, and otherwise by [`BalancesReader::sorted`]; a reader of the rows as they come
/// sees to that itself.
///
/// ```
/// use millrace::balances_file::BalancesReader;
///
/// let text = "Client, Total ,name\n7,1.5,\"Smith, John\"\n3,-0.5000,x\n";
/// let mut reader = BalancesReader::new("theirs.csv", text.as_bytes())?;
/// assert!(reader.columns().total && !reader.columns().available);
/// let record = reader.next().expect("a row")?;
/// assert_eq!((record.line, record.client), (2, 7));
/// assert_eq!(record.total.expect("the column is there").to_string(), "1.5000");
/// # Ok::<(), millrace::balances_file::BalancesError>(())
/// ```
pub struct BalancesReader<'a> {
    name: String,
    csv: csv::Reader<Lines<Box<dyn Read + Send + 'a>>>,
    record: ByteRecord,
    fields: Fields,
    /// Of a regular file, which can be read again.
    regular: Option<(File, Watch)>,
    /// The line and the client of the row above.
    last: Option<(u64, u64)>,
    is_done: bool,
}

impl BalancesReader<'static> {
    /// Opens the file at `path`, which may be a pipe, and reads its header.
    ///
    /// # Errors
    /// It is missing, a directory or unreadable, or has no header of a balances file.
    pub fn open(path: &Path) -> Result<Self, BalancesError> {
        let name = Printable::path(path).to_string();
        let open_error = |source| InputError::Open { name: name.clone(), source };
        let file = File::open(path).map_err(open_error)?;
        let metadata = file.metadata().map_err(open_error)?;
        if metadata.is_dir() {
            return Err(InputError::Directory { name }.into());
        }
        let watch = Watch::of_regular(&file, &metadata).map_err(open_error)?;
        let reading = file.try_clone().map_err(open_error)?;
        let regular = watch.map(|watch| (file, watch));
        Self::start(name, Box::new(reading), regular)
    }

    /// Reads standard input, beginning with the header.
    ///
    /// # Errors
    /// It cannot be read, or has no header of a balances file.
    pub fn stdin() -> Result<Self, BalancesError> {
        Self::new("standard input", io::stdin())
    }

    /// Tells whether the file can be read again, by [`BalancesReader::restart`]: a pipe cannot.
    pub fn is_restartable(&self) -> bool {
        self.regular.is_some()
    }

    /// Starts at the beginning of the same file, even if another has taken its place meanwhile.
    ///
    /// # Errors
    /// As of [`BalancesReader::open`]; or it is no regular file.
    pub fn restart(self) -> Result<Self, BalancesError> {
        let name = self.name;
        let open_error = |source| InputError::Open { name: name.clone(), source };
        let not_regular = || open_error(io::ErrorKind::NotSeekable.into());
        let (mut file, watch) = self.regular.ok_or_else(not_regular)?;
        file.rewind().map_err(open_error)?;
        let reading = file.try_clone().map_err(open_error)?;
        Self::start(name, Box::new(reading), Some((file, watch)))
    }
}

impl<'a> BalancesReader<'a> {
    /// Reads anything that holds a balances file, beginning with the header; messages call it
    /// `name`.
    ///
    /// # Errors
    /// It cannot be read, or has no header of a balances file.
    pub fn new(
        name: impl Into<String>,
        reader: impl Read + Send + 'a,
    ) -> Result<Self, BalancesError> {
        Self::start(name.into(), Box::new(reader), None)
    }

    fn start(
        name: String,
        reader: Box<dyn Read + Send + 'a>,
        regular: Option<(File, Watch)>,
    ) -> Result<Self, BalancesError> {
        let csv = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER_BYTES)
            // A newline ends a row, quoted or not, so that an unclosed quote harms one row and hides
            // no others. A row with quotes is split anew.
            .quoting(false)
            // A CR is trimmed off; as part of the line end it would belong to the next record.
            .terminator(Terminator::Any(b'\n'))
            .from_reader(Lines::new(reader));
        let fields = Fields::default();
        let record = ByteRecord::new();
        let mut reader = Self { name, csv, record, fields, regular, last: None, is_done: false };
        let header = reader.read_row();
        if field::is_compressed(&reader.record) {
            return Err(reader.at_fault(BalancesFault::Compressed));
        }
        let fields = match header? {
            Some(line) => Fields::locate(&reader.record, line),
            None => Err(BalancesFault::Empty),
        };
        reader.fields = fields.map_err(|fault| reader.at_fault(fault))?;
        Ok(reader)
    }

    /// Gives the name that messages use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells which columns the file has.
    pub fn columns(&self) -> Columns {
        self.fields.columns()
    }

    /// Reads all rows and puts them in order, in memory.
    ///
    /// # Errors
    /// A row is at fault, or two have the same client.
    pub fn sorted(self) -> Result<SortedBalances, BalancesError> {
        SortedBalances::read(self)
    }

    /// Reads the next row that is not blank into `self.record`, and gives its line.
    fn read_row(&mut self) -> Result<Option<u64>, BalancesError> {
        loop {
            let is_there = self.csv.read_byte_record(&mut self.record);
            if !is_there.map_err(|error| self.read_error(error))? {
                return Ok(None);
            }
            // With a last newline, the reader is past the line of a record whenever it has read
            // one. The position of the record itself is that of the blank lines before it.
            let line = self.csv.position().line() - 1;
            if memchr::memchr(b'"', self.record.as_slice()).is_some() {
                self.record = field::unquoted(&self.record)
                    .ok_or_else(|| self.at_fault(BalancesFault::Quoting { line }))?;
            }
            let is_blank = self.record.len() == 1 && self.record[0].trim_ascii().is_empty();
            if !is_blank {
                return Ok(Some(line));
            }
        }
    }

    fn next_record(&mut self) -> Result<Option<Record>, BalancesError> {
        let Some(line) = self.read_row()? else {
            if let Some((_, watch)) = &self.regular {
                watch.check(&self.name)?;
            }
            return Ok(None);
        };
        let record = self.fields.read(&self.record, line);
        let record = record.map_err(|fault| self.at_fault(fault))?;
        if let Some((earlier, client)) = self.last
            && client == record.client
        {
            return Err(self.at_fault(BalancesFault::RepeatedClient { line, earlier, client }));
        }
        self.last = Some((line, record.client));
        Ok(Some(record))
    }

    fn at_fault(&self, source: BalancesFault) -> BalancesError {
        BalancesError::Format { name: self.name.clone(), source }
    }

    fn read_error(&self, error: csv::Error) -> BalancesError {
        let position = self.csv.position();
        if self.csv.get_ref().is_too_long() {
            return self.at_fault(BalancesFault::TooLong { line: position.line() });
        }
        // Bytes of any length are read, and nothing else is asked for that could fail.
        let mut source = io::Error::other(error.to_string());
        if let csv::ErrorKind::Io(error) = error.into_kind() {
            source = error;
        }
        let offset_bytes = position.byte();
        InputError::Read { name: self.name.clone(), offset_bytes, source }.into()
    }
}

impl Iterator for BalancesReader<'_> {
    type Item = Result<Record, BalancesError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.next_record().transpose();
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl std::fmt::Debug for BalancesReader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("BalancesReader").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests;
