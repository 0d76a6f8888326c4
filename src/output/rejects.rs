//! The rejects file: one record for every row that was not applied, and why.
//!
//! Printable ASCII and LF only, whatever the rows held; safe to open in a spreadsheet, on a
//! terminal and in any CSV reader. The order of the records is the caller's. Which rows are refused
//! is not known here.

use std::io::{self, Write};

use super::cell;
use super::label::Labels;
use super::lines::{LINE_BYTES, Line, Lines};
use crate::amount::Balance;
use crate::decimal;
use crate::outcome::Reason;
use crate::parser::Legible;
use crate::text::Text;

/// The most that a record shows of a row's text, escapes counted, quotes not doubled.
pub const MAX_RAW_BYTES: usize = 256;

/// Records are gathered up to this size before they are written.
const CHUNK_BYTES: usize = 64 * 1024;

const HEADER: &str = "line,outcome,reason,type,client,tx,amount,raw\n";

/// A row that was not applied.
#[derive(Clone, Copy, Debug)]
pub struct RejectedRow<'a> {
    /// The name of its input; shown when there are several. Of a path the bytes, any bytes.
    pub input: &'a [u8],
    /// The number of its line in the input, from 1.
    pub line: u64,
    /// Why it was not applied.
    pub reason: Reason,
    /// What can be read of it.
    pub legible: Legible,
    /// The row, without its line end.
    pub raw: &'a [u8],
}

/// Writes the records of rejected rows, without an allocation for any of them.
///
/// ```
/// use millrace::outcome::{Malformation, Reason};
/// use millrace::output::rejects::{RejectedRow, RejectsWriter};
/// use millrace::parser::{Layout, read_legible};
///
/// let raw = b"deposit,7,1,\"-2\"";
/// let mut writer = RejectsWriter::new(Vec::new(), false);
/// writer.write(&RejectedRow {
///     input: b"may.csv",
///     line: 2,
///     reason: Reason::Malformed(Malformation::NegativeAmount),
///     legible: read_legible(raw, &Layout::default()),
///     raw,
/// })?;
/// assert_eq!(
///     String::from_utf8(writer.finish()?).unwrap(),
///     "line,outcome,reason,type,client,tx,amount,raw\n\
///      2,malformed,negative_amount,deposit,7,1,,\"deposit,7,1,\"\"-2\"\"\"\n"
/// );
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "records are complete only after `finish`"]
pub struct RejectsWriter<W> {
    out: W,
    chunk: Lines,
    labels: &'static Labels,
    several_inputs: bool,
    /// The column `file`, which is of any length; kept for its memory.
    file: Vec<u8>,
}

impl<W: Write> RejectsWriter<W> {
    /// Starts the records with their header. The records of `several_inputs` begin with a column
    /// `file`.
    pub fn new(out: W, several_inputs: bool) -> Self {
        let mut chunk = Lines::default();
        if several_inputs {
            chunk.append(b"file,");
        }
        chunk.append(HEADER.as_bytes());
        Self { out, chunk, labels: Labels::shared(), several_inputs, file: Vec::new() }
    }

    /// Writes the record of one row.
    ///
    /// # Errors
    /// What the output reports; the records that were gathered until then are lost.
    #[inline]
    pub fn write(&mut self, row: &RejectedRow<'_>) -> io::Result<()> {
        if self.several_inputs {
            self.file.clear();
            cell::push(&mut self.file, row.input);
            self.file.push(b',');
            self.chunk.append(&self.file);
        }
        push_record(self.chunk.line(), self.labels, row);
        if self.chunk.bytes().len() >= CHUNK_BYTES { self.write_chunk() } else { Ok(()) }
    }

    /// Writes what is left, flushes the output and gives it back.
    ///
    /// # Errors
    /// What the output reports.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_chunk()?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        let result = self.out.write_all(self.chunk.bytes());
        self.chunk.clear();
        result
    }
}

/// Appends everything but the file column.
fn push_record(mut line: Line<'_>, labels: &Labels, row: &RejectedRow<'_>) {
    let Legible { kind, client, tx, amount } = row.legible;
    decimal::push(&mut line, row.line);
    labels.push(&mut line, row.reason, kind);
    for id in [client, tx] {
        if let Some(id) = id {
            decimal::push(&mut line, id);
        }
        line.push(b',');
    }
    if let Some(amount) = amount {
        Balance::from(amount).push_to(&mut line);
    }
    line.push(b',');
    cell::push_quoted(&mut line, row.raw, MAX_RAW_BYTES);
    line.push(b'\n');
    line.end();
}

// Five numbers and a label, and a row of which every byte is doubled.
const _: () = assert!(LINE_BYTES >= 5 * 24 + 64 + 2 * MAX_RAW_BYTES + 16);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Malformation, Rejection};
    use crate::parser::{Layout, read_legible};
    use proptest::prelude::*;

    const UNKNOWN: Reason = Reason::Malformed(Malformation::UnknownType);

    fn row<'a>(input: &'a [u8], reason: Reason, raw: &'a [u8]) -> RejectedRow<'a> {
        RejectedRow { input, line: 2, reason, legible: read_legible(raw, &Layout::default()), raw }
    }

    fn text(several_inputs: bool, rows: &[RejectedRow<'_>]) -> Vec<u8> {
        let mut writer = RejectsWriter::new(Vec::new(), several_inputs);
        for row in rows {
            writer.write(row).unwrap();
        }
        writer.finish().unwrap()
    }

    /// Reads records with a reader that is not ours.
    fn records(text: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
        let records: Result<Vec<_>, _> = reader.records().collect();
        records.unwrap().iter().map(|it| it.iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn each_record_says_what_is_known_of_its_row() {
        let rejected = Reason::Rejected(Rejection::InsufficientFunds);
        for (reason, raw, expected) in [
            (
                rejected,
                &b"withdrawal, 007,2,1.5"[..],
                r#"2,rejected,insufficient_funds,withdrawal,7,2,1.5000,"withdrawal, 007,2,1.5""#,
            ),
            (
                Reason::Rejected(Rejection::UnknownTx),
                b"dispute,1,9,",
                r#"2,rejected,unknown_tx,dispute,1,9,,"dispute,1,9,""#,
            ),
            (
                UNKNOWN,
                b"=cmd|'/c calc'!A1,x,3,4",
                r#"2,malformed,unknown_type,,,3,4.0000,"'=cmd|'/c calc'!A1,x,3,4""#,
            ),
            (
                Reason::Malformed(Malformation::BadQuoting),
                b"\"deposit,1,2,3\0",
                r#"2,malformed,bad_quoting,,,,,"""deposit,1,2,3\x00""#,
            ),
        ] {
            let text = text(false, &[row(b"in.csv", reason, raw)]);
            assert_eq!(String::from_utf8(text).unwrap(), format!("{HEADER}{expected}\n"));
        }
    }

    #[test]
    fn several_inputs_have_a_file_column() {
        let text = text(true, &[row(b"may, june.csv", UNKNOWN, b"x"), row(b"\xff", UNKNOWN, b"y")]);
        let records = records(&text);
        assert_eq!(records[0].join(","), format!("file,{}", HEADER.trim_end()));
        assert_eq!(records[1][0], "may, june.csv");
        assert_eq!(records[2][0], r"\xff");
        assert_eq!(records[2][8], "y");
    }

    #[test]
    fn nasty_rows_read_back_as_one_record_each() {
        let long = b"\"\\\xff=".repeat(16 << 20 >> 2);
        let texts =
            [&b""[..], b"\"", b"\"\"", b",,,", b"\r", b"a\rb", b"\x1a", b"\xef\xbb\xbf", &long];
        for several_inputs in [false, true] {
            let rows = texts.map(|raw| row(b"in \"1\".csv", UNKNOWN, raw));
            let records = records(&text(several_inputs, &rows));
            assert_eq!(records.len(), 1 + texts.len());
            for record in &records {
                assert_eq!(record.len(), 8 + usize::from(several_inputs));
                assert!(record.last().unwrap().len() <= MAX_RAW_BYTES);
            }
            assert!(records.last().unwrap().last().unwrap().ends_with("..."));
        }
    }

    #[test]
    fn many_records_are_written_whole() {
        let rows = vec![row(b"in.csv", UNKNOWN, b"refund,1,2,3"); 10_000];
        assert_eq!(records(&text(false, &rows)).len(), 10_001);
    }

    #[test]
    fn a_full_output_is_met_by_the_end_at_the_latest() {
        let mut small = [0; 100];
        let mut writer = RejectsWriter::new(&mut small[..], false);
        writer.write(&row(b"", UNKNOWN, &[b'x'; 200])).unwrap();
        assert_eq!(writer.finish().unwrap_err().kind(), io::ErrorKind::WriteZero);
    }

    fn any_reason() -> impl Strategy<Value = Reason> {
        prop_oneof![
            prop::sample::select(&Malformation::ALL[..]).prop_map(Reason::Malformed),
            prop::sample::select(&Rejection::ALL[..]).prop_map(Reason::Rejected),
        ]
    }

    /// Any bytes, and often those that mean something.
    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            any::<u8>(),
            prop::sample::select(&b" \t\r\n=+-@'\",\\."[..]),
            b'a'..=b'z',
        ];
        prop::collection::vec(byte, 0..400)
    }

    proptest! {
        #[test]
        fn any_row_is_one_harmless_record(
            input in any_bytes(), reason in any_reason(), raw in any_bytes(), several: bool
        ) {
            let text = text(several, &[row(&input, reason, &raw)]);
            prop_assert!(text.iter().all(|&byte| byte == b'\n' || matches!(byte, b' '..=b'~')));
            prop_assert_eq!(memchr::memchr_iter(b'\n', &text).count(), 2);
            let records = records(&text);
            prop_assert_eq!(records.len(), 2);
            prop_assert_eq!(records[1].len(), 8 + usize::from(several));
            let shown = records[1].last().unwrap();
            prop_assert!(shown.len() <= MAX_RAW_BYTES);
            for cell in &records[1] {
                prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{}", cell);
            }
        }

        #[test]
        fn short_rows_are_shown_whole(raw in "[ =+@-]{0,2}[ -\\[\\]-~]{0,200}") {
            let records = records(&text(false, &[row(b"", UNKNOWN, raw.as_bytes())]));
            let is_formula = raw.trim_start().starts_with(['=', '+', '-', '@']);
            let expected = if is_formula { format!("'{raw}") } else { raw };
            prop_assert_eq!(records[1].last().unwrap(), &expected);
        }
    }
}
