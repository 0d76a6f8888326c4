//! A reader of rows and amounts one byte at a time, which has nothing in common with the engine's
//! two paths but the names of what it finds.
#![allow(dead_code, reason = "each target needs a part of it")]

use millrace::amount::Amount;
use millrace::outcome::Malformation;
use millrace::parser::{IdLimits, Legible};
use millrace::transaction::{Kind, Transaction};

const LONGEST_ROW_BYTES: usize = 4096;
const MOST_COLUMNS: usize = 5;

/// What a header says.
pub(crate) struct Table {
    pub(crate) names: &'static [&'static str],
    /// The places of type, client, tx and amount.
    pub(crate) places: [usize; 4],
    pub(crate) limits: IdLimits,
}

/// One row: each column for itself, and the transaction or the first fault.
pub(crate) struct Reading {
    pub(crate) legible: Legible,
    pub(crate) transaction: Result<Transaction, Malformation>,
    pub(crate) amount_ignored: bool,
}

/// Cuts the first line off: the line without its line end, and its length with it.
pub(crate) fn line(bytes: &[u8]) -> (&[u8], usize) {
    let mut end = 0;
    while end < bytes.len() && bytes[end] != b'\n' {
        end += 1;
    }
    let length = if end < bytes.len() { end + 1 } else { end };
    if end > 0 && bytes[end - 1] == b'\r' {
        (&bytes[..end - 1], length)
    } else {
        (&bytes[..end], length)
    }
}

pub(crate) fn is_blank(line: &[u8]) -> bool {
    for byte in line {
        if *byte != b' ' && *byte != b'\t' {
            return false;
        }
    }
    line.len() <= LONGEST_ROW_BYTES
}

pub(crate) fn read(line: &[u8], table: &Table) -> Reading {
    let nothing = |fault| Reading {
        legible: Legible::default(),
        transaction: Err(fault),
        amount_ignored: false,
    };
    if line.len() > LONGEST_ROW_BYTES {
        return nothing(Malformation::RowTooLong);
    }
    let mut fields: [&[u8]; MOST_COLUMNS] = [b""; MOST_COLUMNS];
    let Some((width, last_filled)) = cut(line, &mut fields) else {
        return nothing(Malformation::BadQuoting);
    };
    let [kind, client, tx, amount] = table.places.map(|place| fields[place]);
    let is_ignored = !amount.is_empty();
    let kind = read_kind(kind);
    let client = read_id(client, table.limits.max_client);
    let tx = read_id(tx, table.limits.max_tx);
    let moves_money = matches!(kind, None | Some(Kind::Deposit | Kind::Withdrawal));
    let amount = if moves_money { read_amount(amount).map(Some) } else { Ok(None) };
    let legible = Legible {
        kind,
        client,
        tx,
        amount: amount.ok().flatten().map(|units| Amount::from_units(units).expect("an amount")),
    };
    let transaction = if table.places[..3].iter().any(|it| *it >= width) {
        Err(Malformation::TooFewFields)
    } else if last_filled > table.names.len() {
        Err(Malformation::TooManyFields)
    } else {
        match (kind, client, tx, amount) {
            (None, ..) if width >= table.names.len() && is_header(&fields, table) => {
                Err(Malformation::HeaderRow)
            }
            (None, ..) => Err(Malformation::UnknownType),
            (_, None, ..) => Err(Malformation::BadClient),
            (_, _, None, _) => Err(Malformation::BadTx),
            (.., Err(fault)) => Err(fault),
            (Some(kind), Some(client), Some(tx), Ok(_)) => {
                Ok(Transaction { client, tx, amount: legible.amount, kind })
            }
        }
    };
    let amount_ignored = transaction.is_ok() && is_ignored && !moves_money;
    Reading { legible, transaction, amount_ignored }
}

/// Cuts a line into its first fields; gives how many there are, and the last that is not empty,
/// from 1. `None` if its quotes are broken.
fn cut<'l>(line: &'l [u8], fields: &mut [&'l [u8]; MOST_COLUMNS]) -> Option<(usize, usize)> {
    #[derive(Clone, Copy)]
    enum At {
        Start,
        Plain,
        Quoted,
        AfterQuote,
    }
    let (mut width, mut last_filled, mut at) = (0, 0, At::Start);
    // What the field holds between blanks; an end of 0 is nothing.
    let (mut first, mut end) = (0, 0);
    for place in 0..=line.len() {
        // The line ends like a field.
        let byte = if place < line.len() { line[place] } else { b',' };
        at = match (at, byte) {
            (At::Quoted, _) if place == line.len() => return None,
            (At::Start | At::Plain | At::AfterQuote, b',') => {
                if end > 0 {
                    last_filled = width + 1;
                }
                if width < MOST_COLUMNS {
                    fields[width] = &line[first..end];
                }
                width += 1;
                (first, end) = (0, 0);
                At::Start
            }
            (_, b' ' | b'\t') => at,
            (At::Start, b'"') => At::Quoted,
            (At::Quoted, b'"') => At::AfterQuote,
            (At::Plain, b'"') | (At::AfterQuote, _) => return None,
            (At::Start | At::Plain | At::Quoted, _) => {
                if end == 0 {
                    first = place;
                }
                end = place + 1;
                if matches!(at, At::Quoted) { At::Quoted } else { At::Plain }
            }
        };
    }
    Some((width, last_filled))
}

fn is_header(fields: &[&[u8]; MOST_COLUMNS], table: &Table) -> bool {
    let mut pairs = fields.iter().zip(table.names);
    pairs.all(|(field, name)| field.eq_ignore_ascii_case(name.as_bytes()))
}

fn read_kind(text: &[u8]) -> Option<Kind> {
    match text {
        b"deposit" => Some(Kind::Deposit),
        b"withdrawal" => Some(Kind::Withdrawal),
        b"dispute" => Some(Kind::Dispute),
        b"resolve" => Some(Kind::Resolve),
        b"chargeback" => Some(Kind::Chargeback),
        _ => None,
    }
}

fn read_id(text: &[u8], largest: u64) -> Option<u64> {
    let mut id = 0_u128;
    for byte in text {
        match byte {
            b'0'..=b'9' => id = id.saturating_mul(10).saturating_add(u128::from(byte - b'0')),
            _ => return None,
        }
    }
    u64::try_from(id).ok().filter(|id| !text.is_empty() && *id <= largest)
}

/// Reads an amount, in units of 1/10 000.
pub(crate) fn read_amount(text: &[u8]) -> Result<u64, Malformation> {
    if text.is_empty() {
        return Err(Malformation::MissingAmount);
    }
    let is_negative = text[0] == b'-';
    let (mut units, mut digits, mut decimals) = (0_u128, 0, None);
    let mut is_too_precise = false;
    for byte in &text[usize::from(is_negative)..] {
        match (byte, decimals) {
            (b'.', None) => decimals = Some(0),
            (b'0'..=b'9', _) => {
                digits += 1;
                match decimals {
                    Some(4) => is_too_precise |= *byte != b'0',
                    _ => units = units.saturating_mul(10).saturating_add(u128::from(byte - b'0')),
                }
                decimals = decimals.map(|count| if count < 4 { count + 1 } else { 4 });
            }
            _ => return Err(Malformation::BadAmount),
        }
    }
    for _ in decimals.unwrap_or(0)..4 {
        units = units.saturating_mul(10);
    }
    match u64::try_from(units) {
        _ if digits == 0 => Err(Malformation::BadAmount),
        _ if is_negative => Err(Malformation::NegativeAmount),
        Ok(0) if !is_too_precise => Err(Malformation::ZeroAmount),
        _ if is_too_precise => Err(Malformation::TooPrecise),
        Ok(units) if units < 1 << 63 => Ok(units),
        _ => Err(Malformation::AmountTooLarge),
    }
}
