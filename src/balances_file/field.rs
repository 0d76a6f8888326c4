//! The fields of a row: where they stand, and what their bytes say.

use std::io::{self, Read};

use csv::ByteRecord;

use super::error::{BalancesFault, FieldFault};
use super::{Columns, Record};
use crate::amount::{AmountError, Balance};
use crate::printable::Printable;

/// Longer rows are refused, so that a file without newlines does not end up in memory. A row may be
/// longer by what is read at a time.
pub(super) const MAX_ROW_BYTES: usize = 1 << 20;

/// Digits before the point that are read without a look at the sum.
const QUICK_WHOLE_DIGITS: usize = 15;

/// Where the columns stand in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields {
    client: usize,
    available: Option<usize>,
    held: Option<usize>,
    total: Option<usize>,
    locked: Option<usize>,
    width: usize,
}

impl Fields {
    /// Finds the columns in a header.
    pub(super) fn locate(header: &ByteRecord, line: u64) -> Result<Self, BalancesFault> {
        let find = |name: &'static str| {
            let mut places = (0..header.len())
                .filter(|&at| header[at].trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
            match (places.next(), places.next()) {
                (_, Some(_)) => Err(BalancesFault::RepeatedColumn { line, name }),
                (place, None) => Ok(place),
            }
        };
        let missing = |missing| BalancesFault::MissingColumn { line, missing };
        let fields = Self {
            client: find("client")?.ok_or_else(|| missing("`client`"))?,
            available: find("available")?,
            held: find("held")?,
            total: find("total")?,
            locked: find("locked")?,
            width: header.len(),
        };
        match (fields.available, fields.total) {
            (None, None) => Err(missing("`available` and no `total`")),
            _ => Ok(fields),
        }
    }

    pub(super) fn columns(&self) -> Columns {
        let [available, held, total] =
            [self.available, self.held, self.total].map(|column| column.is_some());
        let two = [available, held, total].into_iter().filter(|&it| it).count() >= 2;
        Columns {
            available: available || two,
            held: held || two,
            total: total || two,
            locked: self.locked.is_some(),
        }
    }

    /// Reads a row.
    pub(super) fn read(&self, row: &ByteRecord, line: u64) -> Result<Record, BalancesFault> {
        if row.len() != self.width {
            return Err(BalancesFault::Width { line, found: row.len(), expected: self.width });
        }
        let fault = |field, text: &[u8], fault| BalancesFault::Field {
            line,
            field,
            text: printable(text),
            fault,
        };
        let read_balance = |field, column: Option<usize>| match column {
            None => Ok(None),
            Some(at) => {
                let text = row[at].trim_ascii();
                balance(text).map(Some).map_err(|error| fault(field, text, error.into()))
            }
        };
        let text = row[self.client].trim_ascii();
        let client = id(text).ok_or_else(|| fault("client", text, FieldFault::Id))?;
        let available = read_balance("available", self.available)?;
        let held = read_balance("held", self.held)?;
        let total = read_balance("total", self.total)?;
        let locked = match self.locked.map(|at| row[at].trim_ascii()) {
            None => None,
            Some(text) => Some(flag(text).ok_or_else(|| fault("locked", text, FieldFault::Flag))?),
        };
        let record = Record { line, client, available, held, total, locked };
        complete(record).ok_or_else(|| sum_fault(&record))
    }
}

/// Fills in the third of available, held and total; `None` if they do not add up, or to more than
/// can be counted.
fn complete(record: Record) -> Option<Record> {
    let Record { available, held, total, .. } = record;
    let units = |sum: Option<i128>| sum.map(Balance::from_units);
    Some(match (available, held, total) {
        (Some(available), Some(held), total) => {
            let sum = units(available.units().checked_add(held.units()))?;
            if total.is_some_and(|total| total != sum) {
                return None;
            }
            Record { total: Some(sum), ..record }
        }
        (Some(available), None, Some(total)) => {
            let held = units(total.units().checked_sub(available.units()))?;
            Record { held: Some(held), ..record }
        }
        (None, Some(held), Some(total)) => {
            let available = units(total.units().checked_sub(held.units()))?;
            Record { available: Some(available), ..record }
        }
        (Some(_), None, None) | (None, _, _) => record,
    })
}

/// Says what is wrong with balances that do not add up.
#[cold]
fn sum_fault(record: &Record) -> BalancesFault {
    let Record { line, available, held, total, .. } = *record;
    match (available, held, total) {
        (Some(available), Some(held), Some(total)) => {
            BalancesFault::Total { line, available, held, total }
        }
        _ => BalancesFault::Field {
            line,
            field: if total.is_some() { "total" } else { "available" },
            text: total.or(available).unwrap_or_default().to_string(),
            fault: FieldFault::TooLarge,
        },
    }
}

/// Tells whether a file that starts with `row` is compressed with gzip or zstd.
pub(super) fn is_compressed(row: &ByteRecord) -> bool {
    let first = row.get(0).unwrap_or_default();
    first.starts_with(b"\x1f\x8b") || first.starts_with(b"\x28\xb5\x2f\xfd")
}

fn id(text: &[u8]) -> Option<u64> {
    let mut id = 0_u64;
    for &byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        id = id.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    (!text.is_empty()).then_some(id)
}

fn flag(text: &[u8]) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case(b"true") => Some(true),
        _ if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

/// Reads a balance: quickly as millrace writes most of them, by [`Balance`] itself otherwise.
fn balance(text: &[u8]) -> Result<Balance, AmountError> {
    let (is_negative, magnitude) = match text {
        [b'-', magnitude @ ..] => (true, magnitude),
        _ => (false, text),
    };
    if let [whole @ .., b'.', a, b, c, d] = magnitude
        && (1..=QUICK_WHOLE_DIGITS).contains(&whole.len())
    {
        // At most 15 + 4 digits fit 64 bits, and what is no digit is caught below.
        let mut units = 0_u64;
        let mut is_digits = true;
        for &byte in whole.iter().chain([a, b, c, d]) {
            let digit = byte.wrapping_sub(b'0');
            is_digits &= digit < 10;
            units = units.wrapping_mul(10).wrapping_add(u64::from(digit));
        }
        if is_digits {
            let units = i128::from(units);
            return Ok(Balance::from_units(if is_negative { -units } else { units }));
        }
    }
    std::str::from_utf8(text).map_err(|_| AmountError::Malformed)?.parse()
}

/// Splits a row with quotes again; `None` if they are not in order.
///
/// The row was split at every comma. A field that starts with a quote goes on until one that is not
/// doubled.
pub(super) fn unquoted(row: &ByteRecord) -> Option<ByteRecord> {
    let mut fields = ByteRecord::new();
    let mut pieces = row.iter();
    while let Some(piece) = pieces.next() {
        let Some(start) = piece.trim_ascii_start().strip_prefix(b"\"") else {
            if piece.contains(&b'"') {
                return None;
            }
            fields.push_field(piece);
            continue;
        };
        let mut field = Vec::new();
        let mut rest = start;
        loop {
            let Some(quote) = memchr::memchr(b'"', rest) else {
                // The comma belongs to the field.
                field.extend_from_slice(rest);
                field.push(b',');
                rest = pieces.next()?;
                continue;
            };
            field.extend_from_slice(&rest[..quote]);
            rest = &rest[quote + 1..];
            match rest.strip_prefix(b"\"") {
                Some(after) => {
                    field.push(b'"');
                    rest = after;
                }
                None if rest.trim_ascii().is_empty() => break,
                None => return None,
            }
        }
        fields.push_field(&field);
    }
    Some(fields)
}

/// Makes a text from a file fit to print.
fn printable(text: &[u8]) -> String {
    const MOST: usize = 60;
    let start = Printable::bytes(&text[..text.len().min(MOST)]).to_string();
    if text.len() > MOST { start + "..." } else { start }
}

/// A reader that adds a last newline and refuses lines without an end.
pub(super) struct Lines<R> {
    reader: R,
    /// Bytes since the last newline.
    line_bytes: usize,
    is_ended: bool,
}

impl<R> Lines<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader, line_bytes: 0, is_ended: false }
    }

    /// Tells whether a line was refused.
    pub(super) const fn is_too_long(&self) -> bool {
        self.line_bytes > MAX_ROW_BYTES
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.is_ended {
            return Ok(0);
        }
        let count = self.reader.read(buffer)?;
        if count == 0 {
            self.is_ended = true;
            buffer[0] = b'\n';
            return Ok(1);
        }
        self.line_bytes = match memchr::memrchr(b'\n', &buffer[..count]) {
            Some(newline) => count - newline - 1,
            None => self.line_bytes + count,
        };
        if self.is_too_long() { Err(io::ErrorKind::InvalidData.into()) } else { Ok(count) }
    }
}
