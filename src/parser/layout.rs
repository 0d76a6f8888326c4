//! The layout of an input: which column holds what, from its header line.

use memchr::memmem;

use super::MAX_ROW_BYTES;
use super::fields::{BrokenQuotes, Fields};
use crate::transaction::Kind;

/// The columns every input has, in the plain order.
const NAMES: [&str; 4] = ["type", "client", "tx", "amount"];

/// The largest ids that count as such; beyond them a row is `bad_client` or `bad_tx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdLimits {
    /// The largest client id.
    pub max_client: u64,
    /// The largest transaction id.
    pub max_tx: u64,
}

impl Default for IdLimits {
    fn default() -> Self {
        Self { max_client: u64::MAX, max_tx: u64::MAX }
    }
}

/// What is done about columns that no rule knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtraColumns {
    /// The input is refused.
    #[default]
    Refuse,
    /// The columns are skipped.
    Ignore,
}

/// Where the columns of an input are, and how large its ids may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Every column's name, in lower case.
    names: Vec<Vec<u8>>,
    /// The columns of type, client, tx and amount, from 0.
    columns: [usize; 4],
    limits: IdLimits,
}

impl Default for Layout {
    /// The plain layout: `type,client,tx,amount`, ids of any size.
    fn default() -> Self {
        Self {
            names: NAMES.map(|name| name.as_bytes().to_vec()).to_vec(),
            columns: [0, 1, 2, 3],
            limits: IdLimits::default(),
        }
    }
}

impl Layout {
    /// Reads the header line, without its line end.
    ///
    /// # Errors
    /// The line does not name each of the four columns once, or names others that are not to be
    /// ignored. The error says what the line looks like instead, where that can be told.
    pub fn from_header(
        line: &[u8],
        extra: ExtraColumns,
        limits: IdLimits,
    ) -> Result<Self, HeaderError> {
        if line.contains(&0) {
            return Err(HeaderError::Binary);
        }
        if line.len() > MAX_ROW_BYTES {
            let head = line[..MAX_ROW_BYTES].to_ascii_lowercase();
            return Err(foreign_line(&head).unwrap_or(HeaderError::TooLong));
        }
        let mut names: Vec<Vec<u8>> = Fields::new(line)
            .map(|field| field.map(<[u8]>::to_ascii_lowercase))
            .collect::<Result<_, _>>()
            .map_err(|BrokenQuotes| {
                foreign_line(&line.to_ascii_lowercase()).unwrap_or(HeaderError::BrokenQuotes)
            })?;
        // A trailing comma is an empty surplus column, as it is in a row.
        while names.last().is_some_and(Vec::is_empty) {
            names.pop();
        }
        let layout = Self { columns: locate(&names)?, names, limits };
        layout.check_extra(extra)?;
        Ok(layout)
    }

    /// Refuses columns beyond the four, unless they are to be ignored.
    fn check_extra(&self, extra: ExtraColumns) -> Result<(), HeaderError> {
        let mut others = (0..self.names.len()).filter(|column| !self.columns.contains(column));
        match others.next() {
            Some(column) if extra == ExtraColumns::Refuse => Err(HeaderError::UnknownColumn {
                name: printable(&self.names[column]),
                column: column + 1,
            }),
            _ => Ok(()),
        }
    }

    /// Tells whether the columns are the four in the plain order, and no others.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.columns == [0, 1, 2, 3] && self.names.len() == NAMES.len()
    }

    /// The largest ids that count as such.
    #[inline]
    pub fn limits(&self) -> IdLimits {
        self.limits
    }

    /// Tells how large ids may be, where there are ids that are too large.
    #[inline]
    pub(super) fn id_bounds(&self) -> Option<IdLimits> {
        Some(self.limits).filter(|limits| *limits != IdLimits::default())
    }

    /// How many columns the header names.
    pub(super) fn width(&self) -> usize {
        self.names.len()
    }

    /// The columns of type, client, tx and amount, from 0.
    pub(super) fn columns(&self) -> [usize; 4] {
        self.columns
    }

    /// The last of the columns type, client and tx, from 0: a shorter row has too few fields.
    pub(super) fn last_required(&self) -> usize {
        self.columns[..3 + usize::from(planted!(AmountRequired))].iter().copied().max().unwrap_or(0)
    }

    /// Tells whether a row is the header line once more.
    pub(super) fn is_repeated_by(&self, line: &[u8]) -> bool {
        let mut fields = Fields::new(line);
        self.names.iter().all(|name| {
            fields.next().is_some_and(|field| field.is_ok_and(|it| it.eq_ignore_ascii_case(name)))
        })
    }
}

/// Finds the columns of type, client, tx and amount.
fn locate(names: &[Vec<u8>]) -> Result<[usize; 4], HeaderError> {
    let mut columns = [0; 4];
    for (wanted, column) in NAMES.iter().zip(&mut columns) {
        let mut places = (0..names.len()).filter(|&place| names[place] == wanted.as_bytes());
        *column = places.next().ok_or_else(|| explain_missing(names, wanted))?;
        if places.next().is_some() {
            return Err(HeaderError::RepeatedColumn { name: wanted });
        }
    }
    Ok(columns)
}

/// Says what a line that lacks a column looks like instead of a header.
fn explain_missing(names: &[Vec<u8>], missing: &'static str) -> HeaderError {
    let line = names.join(&b","[..]);
    if let Some(foreign) = foreign_line(&line) {
        return foreign;
    }
    if names.first().is_some_and(|name| Kind::from_name(name).is_some()) {
        return HeaderError::Data;
    }
    if line.iter().any(|&byte| byte < b' ' && byte != b'\t') {
        return HeaderError::Binary;
    }
    HeaderError::MissingColumn { name: missing, line: printable(&line) }
}

/// Tells what other program's line names the columns: one whose lines end with CR alone, or whose
/// columns are parted by something else than commas. The line is in lower case.
fn foreign_line(line: &[u8]) -> Option<HeaderError> {
    if !NAMES.iter().any(|name| memmem::find(line, name.as_bytes()).is_some()) {
        return None;
    }
    if line.contains(&b'\r') {
        return Some(HeaderError::CarriageReturns);
    }
    let delimiter = [b';', b'\t', b'|'].into_iter().find(|byte| line.contains(byte))?;
    Some(HeaderError::Delimiter { delimiter: char::from(delimiter) })
}

/// Makes a name from a file fit to print.
fn printable(name: &[u8]) -> String {
    const MOST: usize = 60;
    let text = name[..name.len().min(MOST)].escape_ascii().to_string();
    if name.len() > MOST { text + "..." } else { text }
}

/// Why a line is no header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Longer than a row may be.
    #[error("the first line is longer than {MAX_ROW_BYTES} bytes, so this is no transactions CSV")]
    TooLong,
    /// Control bytes where text should be.
    #[error("the first line holds control bytes; this looks like a binary file, not a CSV")]
    Binary,
    /// Lines that end with CR alone.
    #[error(
        "the lines end with CR alone (old Mac style); convert them to LF, for example with \
         `tr '\\r' '\\n'`"
    )]
    CarriageReturns,
    /// Quotes that are not closed, doubled, or in the middle of a name.
    #[error("the quotes of the header line are broken")]
    BrokenQuotes,
    /// Columns parted by something else than a comma.
    #[error("the columns are parted by {delimiter:?}; millrace reads commas, so convert the file")]
    Delimiter {
        /// What parts the columns.
        delimiter: char,
    },
    /// The first line is a transaction.
    #[error("the first line is a transaction, not a header; add the line `type,client,tx,amount`")]
    Data,
    /// A column that every input must have is not named.
    #[error("the header has no column `{name}`; needed are type, client, tx and amount: {line}")]
    MissingColumn {
        /// The column.
        name: &'static str,
        /// The line, fit to print.
        line: String,
    },
    /// A column is named twice.
    #[error("the header names the column `{name}` twice")]
    RepeatedColumn {
        /// The column.
        name: &'static str,
    },
    /// A column that no rule knows.
    #[error("unknown column `{name}` (number {column}); --ignore-extra-columns skips such columns")]
    UnknownColumn {
        /// The column, fit to print.
        name: String,
        /// Its number, from 1.
        column: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(line: &str) -> Result<Layout, HeaderError> {
        Layout::from_header(line.as_bytes(), ExtraColumns::Refuse, IdLimits::default())
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        assert_eq!(header("type,client,tx,amount"), Ok(Layout::default()));
        assert_eq!(header(" Type ,\"CLIENT\",\ttx,amount,"), Ok(Layout::default()));
        let layout = header("amount,tx,client,type").unwrap();
        assert_eq!(layout.columns(), [3, 2, 1, 0]);
        assert_eq!(layout.last_required(), 3);
        assert!(!layout.is_plain());
    }

    #[test]
    fn extra_columns_are_refused_or_ignored() {
        let line = "type,memo,client,tx,amount";
        let error = header(line).unwrap_err();
        assert_eq!(error, HeaderError::UnknownColumn { name: "memo".into(), column: 2 });
        assert!(error.to_string().contains("--ignore-extra-columns"));
        let layout =
            Layout::from_header(line.as_bytes(), ExtraColumns::Ignore, IdLimits::default())
                .unwrap();
        assert_eq!(layout.columns(), [0, 2, 3, 4]);
        assert!(matches!(header("type,client,,tx,amount"), Err(HeaderError::UnknownColumn { .. })));
    }

    #[test]
    fn what_is_no_header_is_explained() {
        use HeaderError as E;
        for (line, expected) in [
            ("type,client,tx", E::MissingColumn { name: "amount", line: "type,client,tx".into() }),
            ("type,type,client,tx,amount", E::RepeatedColumn { name: "type" }),
            ("type;client;tx;amount", E::Delimiter { delimiter: ';' }),
            ("type\tclient\ttx\tamount", E::Delimiter { delimiter: '\t' }),
            ("deposit,1,1,1.0", E::Data),
            ("type,client,tx,amount\rdeposit,1,1,1.0", E::CarriageReturns),
            ("\"type,client", E::BrokenQuotes),
            ("\"type\";\"client\";\"tx\";\"amount\"", E::Delimiter { delimiter: ';' }),
            ("\u{7f}ELF\u{2}\u{1}\u{1}\0\0", E::Binary),
            ("\u{1}\u{2}", E::Binary),
            ("a b", E::MissingColumn { name: "type", line: "a b".into() }),
        ] {
            assert_eq!(header(line), Err(expected), "{line:?}");
        }
        assert_eq!(header(&"x".repeat(5000)), Err(E::TooLong));
        let rows = "deposit,1,1,1\r".repeat(1000);
        assert_eq!(header(&format!("Type,client,tx,amount\r{rows}")), Err(E::CarriageReturns));
        assert_eq!(header(&"\0".repeat(5000)), Err(E::Binary));
    }

    #[test]
    fn a_header_may_be_as_long_as_a_row() {
        let padded = |length: usize| header(&format!("{:<length$}", "type,client,tx,amount"));
        assert_eq!(padded(MAX_ROW_BYTES), Ok(Layout::default()));
        assert_eq!(padded(MAX_ROW_BYTES + 1), Err(HeaderError::TooLong));
    }

    #[test]
    fn a_long_name_is_cut_for_the_message() {
        let name_of = |length: usize| {
            let error = header(&format!("type,client,tx,amount,{}", "m".repeat(length)));
            match error {
                Err(HeaderError::UnknownColumn { name, .. }) => name,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(name_of(60), "m".repeat(60));
        assert_eq!(name_of(61), "m".repeat(60) + "...");
    }

    #[test]
    fn a_repeated_header_is_recognised_in_other_spelling() {
        let layout = Layout::default();
        assert!(layout.is_repeated_by(b"TYPE, client,\"tx\",amount"));
        assert!(layout.is_repeated_by(b"type,client,tx,amount,"));
        assert!(!layout.is_repeated_by(b"type,client,tx"));
        assert!(!layout.is_repeated_by(b"client,type,tx,amount"));
    }
}
