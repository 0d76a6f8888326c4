//! The fast path against the strict path, blocks against the whole, and amounts against a reading
//! of the grammar one byte at a time.
//!
//! The first byte chooses the layout, the second where blocks end; the rest are rows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millrace::amount::{Amount, AmountError};
use millrace::parser::{
    Block, ExtraColumns, IdLimits, Layout, Row, RowError, Rows, first_line, is_blank, parse_row,
    read_legible,
};

type Read = Result<Row, RowError>;

fuzz_target!(|data: &[u8]| {
    let [layout, cuts, bytes @ ..] = data else { return };
    let layout = layout_of(*layout);
    let whole = Block { bytes, offset_bytes: 0, line: 1 };
    let mut fast = Rows::new(whole, &layout);
    let mut strict = Rows::strict(whole, &layout);
    let rows: Vec<Read> = fast.by_ref().collect();
    assert_eq!(rows, strict.by_ref().collect::<Vec<_>>());
    assert_eq!(rows, Rows::portable(whole, &layout).collect::<Vec<_>>());
    assert_eq!(fast.blank_lines(), strict.blank_lines());
    assert_eq!(fast.next_line(), strict.next_line());
    assert_eq!(fast.consumed_bytes(), bytes.len());
    assert_eq!(rows, rows_of_blocks(bytes, *cuts, &layout));
    check_lines(bytes, &layout, &rows);
});

fn layout_of(choice: u8) -> Layout {
    let (header, limits) = match choice % 4 {
        0 | 1 => ("type,client,tx,amount", IdLimits::default()),
        2 => ("type,client,tx,amount", IdLimits { max_client: 65_535, max_tx: 4_294_967_295 }),
        _ => ("amount,memo,tx,type,client", IdLimits::default()),
    };
    Layout::from_header(header.as_bytes(), ExtraColumns::Ignore, limits).expect("a header")
}

/// Reads block by block; the bits of `cuts` choose the newlines that end one.
fn rows_of_blocks(bytes: &[u8], cuts: u8, layout: &Layout) -> Vec<Read> {
    let mut read = Vec::new();
    let (mut start, mut line) = (0, 1);
    let newlines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let ends = newlines.enumerate().filter(|(nth, _)| cuts >> (nth % 8) & 1 == 1);
    for end in ends.map(|(_, (at, _))| at + 1).chain([bytes.len()]) {
        let offset_bytes = u64::try_from(start).expect("64 bits");
        let block = Block { bytes: &bytes[start..end], offset_bytes, line };
        let mut rows = Rows::new(block, layout);
        read.extend(rows.by_ref());
        (start, line) = (end, rows.next_line());
    }
    read
}

/// Every row is what its line is by itself, and what is legible of it is what it says.
fn check_lines(bytes: &[u8], layout: &Layout, rows: &[Read]) {
    let mut rows = rows.iter();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (line, length) = first_line(rest);
        rest = &rest[length..];
        for field in line.split(|byte| matches!(byte, b',' | b' ' | b'"')) {
            assert_eq!(Amount::parse(field).map(Amount::units), amount(field));
        }
        if is_blank(line) {
            continue;
        }
        let row = rows.next().expect("a row for every line that is not blank");
        let expected = row.map(|row| row.transaction).map_err(|error| error.kind);
        assert_eq!(parse_row(line, layout), expected);
        let legible = read_legible(line, layout);
        if let Ok(it) = expected {
            assert_eq!((legible.kind, legible.client), (Some(it.kind), Some(it.client)));
            assert_eq!((legible.tx, legible.amount), (Some(it.tx), it.amount));
        }
    }
    assert!(rows.next().is_none());
}

/// Reads an amount the slow way.
fn amount(text: &[u8]) -> Result<u64, AmountError> {
    if text.is_empty() {
        return Err(AmountError::Missing);
    }
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let (mut units, mut digits, mut decimals) = (0_u128, 0, None);
    let mut is_too_precise = false;
    for byte in unsigned {
        match (byte, &mut decimals) {
            (b'.', None) => decimals = Some(0),
            (b'0'..=b'9', decimals) => {
                digits += 1;
                let digit = u128::from(byte - b'0');
                match decimals {
                    Some(count) if *count == 4 => is_too_precise |= digit > 0,
                    Some(count) => {
                        *count += 1;
                        units = units.saturating_mul(10).saturating_add(digit);
                    }
                    None => units = units.saturating_mul(10).saturating_add(digit),
                }
            }
            _ => return Err(AmountError::Malformed),
        }
    }
    let missing = 4 - decimals.unwrap_or(0);
    let units = units.saturating_mul(10_u128.pow(missing));
    match u64::try_from(units) {
        _ if digits == 0 => Err(AmountError::Malformed),
        _ if unsigned.len() < text.len() => Err(AmountError::Negative),
        Ok(0) if !is_too_precise => Err(AmountError::Zero),
        _ if is_too_precise => Err(AmountError::TooPrecise),
        Ok(units) if units <= Amount::MAX.units() => Ok(units),
        _ => Err(AmountError::TooLarge),
    }
}
